// A portal link of one client: what it shows, and what it does not.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browser, call, checkAccess, checkFaults, open, signIn, startReceiver, visit } from './stage.mjs';

const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

const own = await call('POST', 'api/webhooks?client_id=portal-a', `{"target_url":"${receiver.url}","event_types":["user.created"],"description":"Ours"}`);
const foreign = await call('POST', 'api/webhooks?client_id=portal-b', `{"target_url":"${receiver.url}/theirs","event_types":["user.created"],"description":"Theirs alone"}`);
const event = await call('POST', 'api/events', '{"event_type":"user.created","client_id":"portal-b","data":{"theirs":"secret of b"}}');
const delivery = (await call('GET', `api/webhooks/${foreign.id}/deliveries`)).data[0];
const link = () => call('POST', 'api/portal-links', '{"client_id":"portal-a","brand":{"name":"Acme Hooks","color":"#0f766e"}}');

test('a link opens the pages of its client, with its brand, and nothing of another client', async () => {
  const { url } = await link();
  const page = await open(url.slice(url.lastIndexOf('portal')));
  await page.getByRole('banner').getByText('Acme Hooks').waitFor();
  assert.ok(!page.url().includes('#'), page.url());
  await page.getByText('Ours').waitFor();
  assert.equal(await page.evaluate(() => document.cookie), '');
  page.expected.add('404').add('403');
  const paths = ['webhooks', 'deliveries', 'events', 'jobs', 'types', 'audit', 'receive', 'live', '', 'keys', 'access', 'overview',
    'webhooks/' + foreign.id, 'deliveries/' + delivery.id, 'events/' + event.id, 'deliveries?webhook_id=' + foreign.id, 'webhooks?client_id=portal-b'];
  for (const path of paths) {
    await visit(page, path);
    await page.waitForFunction(() => !document.querySelector('main .loading'));
    const text = await page.locator('main').textContent();
    assert.ok(!/Theirs alone|secret of b|theirs/.test(text), `${path} shows: ${text}`);
    await checkAccess(page, 'portal: ' + path);
  }
  // By hand as well: the session itself, beyond what the pages ask for.
  const statuses = await page.evaluate(async (ids) => {
    const out = {};
    for (const path of ids) out[path] = (await fetch('../api/' + path)).status;
    return out;
  }, ['webhooks/' + foreign.id, 'deliveries/' + delivery.id, 'events/' + event.id, 'webhooks?client_id=portal-b', 'keys', 'overview', 'sessions', 'portal-links']);
  for (const [path, status] of Object.entries(statuses)) assert.ok(status === 403 || status === 404, `${path}: ${status}`);
  await page.context().close();
});

test('a client registers, sees the secret once, rotates it, tests, and redelivers', async () => {
  const { url } = await link();
  receiver.answer = { status: 204, headers: {}, body: '' };
  const page = await open(url.slice(url.lastIndexOf('portal')));
  await page.getByRole('button', { name: 'New webhook' }).click();
  await page.getByRole('dialog').getByLabel('Target URL').fill(receiver.url + '/new');
  await page.getByRole('dialog').getByRole('button', { name: 'Register' }).click();
  const first = await page.locator('[data-secret]').textContent();
  await page.getByRole('button', { name: 'Open it' }).click();
  await page.getByRole('button', { name: 'Rotate the secret' }).click();
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  const second = await page.locator('[data-secret]').textContent();
  assert.match(second, /^whsec_/);
  assert.notEqual(second, first);
  await page.getByRole('button', { name: 'I have kept it' }).click();
  assert.ok(!(await page.content()).includes(second), 'the secret is still there');
  await page.getByRole('button', { name: 'Send a test' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Send', exact: true }).click();
  await page.getByRole('dialog').locator('.outcome').getByText('delivered').waitFor();
  await page.getByRole('button', { name: 'Open the delivery' }).click();
  await page.getByRole('button', { name: 'Redeliver' }).click();
  await page.locator('.timeline button').nth(1).waitFor();
  await visit(page, 'receive');
  for (const language of ['Go', 'Node', 'Python', 'PHP']) {
    await page.getByRole('button', { name: language, exact: true }).click();
    await page.locator(`[data-snippet=${language}]`).waitFor();
  }
  checkFaults(page);
  await page.context().close();
});

test('a link that was used, changed or revoked is refused', async () => {
  const used = await link();
  const path = (url) => url.slice(url.lastIndexOf('portal'));
  const first = await open(path(used.url));
  await first.getByRole('banner').waitFor();
  await first.context().close();
  const revoked = await link();
  await call('DELETE', 'api/portal-links/' + revoked.id);
  const changed = (await link()).url.replace(/.$/, (c) => (c === 'a' ? 'b' : 'a'));
  for (const url of [used.url, revoked.url, changed, used.url.replace(/#.*/, '#x')]) {
    const page = await open(path(url));
    await page.getByText('This link does not open').waitFor();
    assert.ok(!page.url().includes('#'));
    await page.context().close();
  }
});

test('a link that has expired is refused', async () => {
  const page = await open(process.env.CONSOLE_EXPIRED);
  await page.getByText('This link does not open').waitFor();
  assert.ok(!page.url().includes('#'));
  await page.context().close();
});

test('a read-only session changes nothing', async () => {
  const page = await open();
  await page.getByText('Look only').click();
  await signIn(page);
  await visit(page, 'webhooks/' + own.id);
  await page.getByText('Latest deliveries').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
  const status = await page.evaluate(async (id) => (await fetch(`../api/webhooks/${id}/pause`, { method: 'POST' })).status, own.id);
  assert.equal(status, 403);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key or token').waitFor();
  assert.equal(await page.evaluate(async () => (await fetch('../api/webhooks')).status), 401);
  await page.context().close();
});

test('a sign-in link, as astrohook open makes it, signs an operator in once', async () => {
  const { url } = await call('POST', 'api/sign-in-links', '{}');
  const address = url.slice(url.lastIndexOf('ui/'));
  const page = await open(address);
  await page.getByRole('link', { name: 'Overview' }).waitFor();
  assert.ok(!page.url().includes('#'), page.url());
  const late = await open(address);
  late.expected.add('401');
  await late.getByRole('heading', { name: 'This link does not open' }).waitFor();
  await page.context().close();
  await late.context().close();
});

// The last one: nobody on this machine signs in for a minute afterwards.
test('who fails to sign in too often has to wait', async () => {
  const page = await open();
  page.expected.add('429');
  for (let i = 0; i < 20; i++) await page.evaluate(() => fetch('../api/session', { method: 'POST', headers: { Authorization: 'Bearer wrong' } }));
  await page.getByLabel('API key or token').fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('too many attempts').waitFor();
  checkFaults(page);
  await page.context().close();
});
