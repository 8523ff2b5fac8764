// The live tail: what happens appears, can be held still, and misses nothing of what it shows.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browser, call, checkAccess, checkFaults, failing, open, signIn, startReceiver, visit, working } from './stage.mjs';

const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

receiver.answer = (path) => (path.includes('billing') ? failing : working);
const crm = await call('POST', 'api/webhooks?client_id=tail', `{"target_url":"${receiver.url}/crm","event_types":["user.created"]}`);
const billing = await call('POST', 'api/webhooks?client_id=tail', `{"target_url":"${receiver.url}/billing","event_types":["content.updated"],"retry_policy":{"initial_delay_ms":600000}}`);
const publish = (type) => call('POST', 'api/events', `{"event_type":"${type}","client_id":"tail","data":{}}`);
const page = await open();
await signIn(page);
const rows = page.locator('[data-row]');
const connected = () => page.getByRole('status').getByText('Connected').waitFor();

test('what happens appears, the newest first, and opens what it is about', async () => {
  await visit(page, 'live');
  await connected();
  await publish('user.created');
  await rows.nth(1).waitFor(); // an attempt, and the delivery that it finished
  await publish('content.updated');
  await rows.nth(2).getByText('user.created').waitFor();
  assert.match(await rows.first().textContent(), /attempt 1.*failed.*content\.updated.*500/);
  await call('POST', `api/webhooks/${crm.id}/pause`);
  await rows.first().getByText('paused').waitFor();
  await call('POST', `api/webhooks/${crm.id}/resume`);
  await rows.first().getByText('resumed').waitFor();
  await checkAccess(page, 'the live tail');
  await rows.filter({ hasText: 'content.updated' }).getByRole('link').click();
  await page.getByText('upstream is away').first().waitFor();
});

test('paused it stands still and counts; then it shows what was missed', async () => {
  await visit(page, 'live?kind=delivery');
  await connected();
  await publish('user.created');
  await rows.first().waitFor();
  await page.keyboard.press('p');
  for (let i = 0; i < 3; i++) await publish('user.created');
  await page.getByRole('status').getByText('Paused; 3 new messages').waitFor();
  assert.equal(await rows.count(), 1);
  await page.getByRole('button', { name: 'Continue' }).click();
  await rows.nth(3).waitFor();
  assert.equal(await rows.count(), 4);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByText('Nothing has happened').waitFor();
});

test('filters are those of the address, and hold for what comes', async () => {
  await visit(page, 'live');
  await connected();
  await page.getByLabel('Status').selectOption('failed');
  await connected();
  assert.equal(new URL(page.url()).search, '?status=failed');
  await publish('user.created');
  await publish('content.updated');
  await rows.getByText('content.updated').first().waitFor();
  assert.equal(await rows.filter({ hasText: 'user.created' }).count(), 0);
  checkFaults(page);
});

test('a stream that is refused is asked for again, and a session that has ended leads to signing in', async () => {
  page.expected.add('404');
  await visit(page, `live?webhook_id=${billing.id}&client_id=nobody`);
  await page.getByRole('status').getByText('Refused').waitFor();
  await visit(page, 'live?webhook_id=' + billing.id);
  await connected();
  for (const { id } of (await call('GET', 'api/sessions')).data) await call('DELETE', 'api/sessions/' + id);
  await page.getByLabel('API key or token').waitFor();
  checkFaults(page);
});
