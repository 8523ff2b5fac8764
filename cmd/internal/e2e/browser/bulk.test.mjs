// Changes of many: chosen in a list, or by filter as a job. Each is counted and confirmed first.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { awaitAnswer, browser, call, checkAccess, checkFaults, checkRows, failing, open, signIn, startReceiver, visit, working } from './stage.mjs';

const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

const register = (client, more = '') => call('POST', 'api/webhooks?client_id=' + client, `{"target_url":"${receiver.url}/${client}","event_types":["user.created"]${more}}`);
const once = ',"retry_policy":{"max_attempts":1},"circuit_breaker":{"failures":1000}';
async function publish(client, n) {
  for (let i = 0; i < n; i++) await call('POST', 'api/events', `{"event_type":"user.created","client_id":"${client}","data":{"n":${i}}}`);
}
const page = await open();
await signIn(page);
const dialog = page.getByRole('dialog');
const settled = (client, status, n) => awaitAnswer(`api/deliveries?client_id=${client}&status=${status}`, (list) => list.data.length === n);

test('webhooks are paused and resumed by the dozen, by mouse and by keyboard', async () => {
  for (let i = 0; i < 3; i++) await register('dozen');
  await visit(page, 'webhooks?client_id=dozen');
  const rows = page.locator('[data-row]');
  await rows.nth(2).waitFor();
  await page.getByLabel('Select all').check();
  await rows.nth(1).getByRole('checkbox').uncheck();
  await page.getByText('2 selected').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await dialog.getByRole('heading', { name: 'Pause 2 webhooks' }).waitFor();
  await checkAccess(page, 'the question whether to pause');
  await dialog.getByRole('button', { name: 'Close' }).first().click(); // nothing happens before the answer
  assert.equal((await call('GET', 'api/webhooks?client_id=dozen&status=paused')).data.length, 0);
  await page.getByRole('button', { name: 'Pause' }).click();
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await dialog.waitFor({ state: 'detached' });
  await awaitAnswer('api/webhooks?client_id=dozen&status=paused', (list) => list.data.length === 2);
  await checkRows(page, 'Webhooks', 'paused', 'active', 'paused');
  for (const key of ['j', 'x', 'j', 'x', 'j', 'x']) await page.keyboard.press(key);
  await page.getByText('3 selected').waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.keyboard.press('Enter');
  await dialog.waitFor({ state: 'detached' });
  await checkRows(page, 'Webhooks', 'active', 'active', 'active');
});

test('failed deliveries of a webhook are counted, confirmed, sent again, and the job says so', async () => {
  receiver.answer = failing;
  const hook = await register('again', once);
  await publish('again', 5);
  await settled('again', 'failed', 5);
  receiver.answer = working;
  await visit(page, `deliveries?webhook_id=${hook.id}&status=failed`);
  await page.locator('[data-row]').nth(4).waitFor();
  await page.getByRole('button', { name: 'Redeliver all' }).click();
  await dialog.getByRole('button', { name: 'Count first' }).click();
  await dialog.locator('[data-preview]').getByText('5 deliveries').waitFor();
  await checkAccess(page, 'the count of a job');
  assert.equal((await call('GET', 'api/jobs?webhook_id=' + hook.id)).data.length, 0); // counting is all that happened
  await dialog.getByLabel('Since').fill('1h'); // another selection needs another count
  await dialog.getByRole('button', { name: 'Count first' }).click();
  await dialog.getByRole('button', { name: 'Replay 5 deliveries' }).click();
  await page.waitForURL(/jobs\/job_/);
  await page.locator('.head .badge.good').getByText('done').waitFor();
  await page.getByText('5 of 5').waitFor();
  await checkAccess(page, 'a job');
  await settled('again', 'delivered', 5);
  await visit(page, 'jobs?webhook_id=' + hook.id);
  await checkRows(page, 'Jobs', 'Replay');
  await visit(page, 'webhooks/' + hook.id);
  await checkRows(page, 'Jobs', '5 of 5');
});

test('chosen deliveries are sent again, and what cannot be cancelled is counted', async () => {
  await visit(page, 'deliveries?client_id=again');
  const rows = page.locator('[data-row]');
  await rows.nth(4).waitFor();
  const before = receiver.bodies.length;
  await rows.nth(0).getByRole('checkbox').check();
  await rows.nth(3).getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Redeliver', exact: true }).click();
  await dialog.getByRole('heading', { name: 'Redeliver 2 deliveries' }).waitFor();
  await dialog.getByRole('button', { name: 'Redeliver' }).click();
  await dialog.waitFor({ state: 'detached' });
  await settled('again', 'delivered', 5);
  await awaitAnswer('api/deliveries?client_id=again&min_attempts=3', (list) => list.data.length === 2);
  assert.equal(receiver.bodies.length - before, 2);
  page.expected.add('409'); // they are delivered
  await page.getByLabel('Select all').check();
  await page.getByRole('button', { name: 'Cancel', exact: true }).click();
  await dialog.getByRole('button', { name: 'Cancel them' }).click();
  await dialog.getByText('5 deliveries could not be').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).first().click();
});

test('all that waits is cancelled as a job, and another one at the same time is refused', async () => {
  const hook = await register('waits', ',"status":"paused"');
  await publish('waits', 4);
  const job = await call('POST', 'api/jobs', `{"action":"backfill","webhook_id":"${hook.id}","rate_per_second":1,"filter":{"since":"1h"}}`);
  await call('POST', `api/jobs/${job.id}/pause`).catch(() => {}); // it may be over
  await visit(page, 'deliveries?webhook_id=' + hook.id);
  await page.locator('[data-row]').nth(3).waitFor();
  await page.getByRole('button', { name: 'Cancel all pending' }).click();
  await dialog.getByRole('button', { name: 'Count first' }).click();
  await dialog.getByRole('button', { name: 'Cancel 4 deliveries' }).click();
  await page.waitForURL(/jobs\/job_/);
  await page.locator('.head .badge.good').getByText('done').waitFor();
  await settled('waits', 'cancelled', 4);
  await visit(page, 'deliveries?webhook_id=' + hook.id);
  await page.getByRole('button', { name: 'Cancel all pending' }).click();
  await dialog.getByRole('button', { name: 'Count first' }).click();
  await dialog.locator('[data-preview]').getByText('0 deliveries').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Cancel 0 deliveries' }).isDisabled());
  await page.keyboard.press('Escape');
});

test('a job is paused, goes on, and is ended; what it did not reach stays', async () => {
  const hook = await register('slowly', once);
  receiver.answer = failing;
  await publish('slowly', 40);
  await settled('slowly', 'failed', 40);
  receiver.answer = working;
  await visit(page, 'webhooks/' + hook.id);
  await page.getByRole('button', { name: 'New job' }).click();
  await dialog.getByLabel('What to do').selectOption('replay');
  await dialog.getByLabel('At most, a second').fill('1');
  await dialog.getByRole('button', { name: 'Count first' }).click();
  await dialog.getByRole('button', { name: 'Replay 40 deliveries' }).click();
  await page.waitForURL(/jobs\/job_/);
  await page.getByRole('progressbar').waitFor();
  const badge = page.locator('.head .badge');
  await page.keyboard.press('p');
  await badge.getByText('paused').waitFor();
  page.expected.add('409');
  await call('POST', 'api/jobs', `{"action":"cancel","webhook_id":"${hook.id}"}`).then(() => assert.fail('two jobs of one webhook'), (refused) => assert.match(refused.message, /409.*job_/));
  await page.getByRole('button', { name: 'Continue' }).click();
  await badge.getByText('running').waitFor();
  await page.getByRole('button', { name: 'End it' }).click();
  await dialog.getByRole('button', { name: 'End it' }).click();
  await badge.getByText('cancelled').waitFor();
  const { done } = await call('GET', 'api/jobs/' + new URL(page.url()).pathname.split('/').at(-1));
  assert.ok(done < 40, `${done} were replayed`);
  await visit(page, 'jobs?status=cancelled');
  await checkRows(page, 'Jobs', `${done} of 40`);
  checkFaults(page);
});
