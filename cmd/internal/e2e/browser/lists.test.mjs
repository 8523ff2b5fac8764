// Lists: their filters and sorts stand in the page's address, and say what they leave out.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { awaitAnswer, browser, call, checkFaults, checkRows, failing, open, signIn, startReceiver, visit, working } from './stage.mjs';

const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

// One webhook that works, one that fails, one that was paused with most of all pending.
receiver.answer = (path) => (path.includes('billing') ? failing : working);
const register = (path, types, more = '') => call('POST', 'api/webhooks?client_id=lists', `{"target_url":"${receiver.url}/${path}","event_types":${JSON.stringify(types)},"description":"${path}"${more}}`);
const crm = await register('crm', ['user.created']);
const billing = await register('billing', ['content.updated'], ',"retry_policy":{"initial_delay_ms":600000}');
const archive = await register('archive', ['user.*'], ',"status":"paused"');
const publish = (type, data) => call('POST', 'api/events', `{"event_type":"${type}","client_id":"lists","data":${data}}`);
await publish('content.updated', '{"page":1}');
for (let i = 0; i < 3; i++) await publish('user.created', `{"user":${i}}`);
const alone = await publish('user.updated', '{"asked":"by one"}');
const unmatched = await call('POST', 'api/events', '{"event_type":"report.generated","client_id":"others","data":{}}');
await awaitAnswer('api/webhooks?client_id=lists&health=failing', (list) => list.data.length === 1);
await awaitAnswer('api/deliveries?client_id=lists&status=delivered', (list) => list.data.length === 3);

const page = await open();
await signIn(page);
const address = () => new URL(page.url()).search;

test('webhooks: filters by text, status, health, type and client', async () => {
  await visit(page, 'webhooks');
  await checkRows(page, 'Webhooks', 'archive', 'billing', 'crm'); // the newest first
  for (const [label, value, search, want] of [
    ['Text', 'BILL', '?q=BILL', ['billing']], ['Text', crm.id.slice(3), '', []], ['Status', 'paused', '?status=paused', ['archive']],
    ['Health', 'failing', '?health=failing', ['billing']], ['Event type', 'user.updated', '?event_type=user.updated', ['archive']],
    ['Client', 'nobody', '?client_id=nobody', []],
  ]) {
    const field = page.getByRole('form', { name: 'Filters' }).getByLabel(label);
    if (await field.evaluate((f) => f.tagName === 'SELECT')) await field.selectOption(value);
    else {
      await field.fill(value);
      await field.press('Enter');
    }
    if (want.length > 0) await checkRows(page, 'Webhooks', ...want);
    else await page.getByText('No webhook is like that').waitFor();
    if (search) assert.equal(address(), search);
    await page.reload(); // the address alone has the filter
    if (want.length > 0) await checkRows(page, 'Webhooks', ...want);
    else await page.getByText('No webhook is like that').waitFor();
    await visit(page, 'webhooks');
    await checkRows(page, 'Webhooks', 'archive', 'billing', 'crm');
  }
});

test('webhooks: the worst first', async () => {
  for (const [sort, first] of [['backlog', 'archive'], ['age', 'billing'], ['failures', 'billing']]) {
    await visit(page, 'webhooks');
    await page.getByLabel('Sort by').selectOption(sort);
    await page.locator('[data-row]').first().getByText(first).first().waitFor();
    assert.equal(address(), '?sort=' + sort);
  }
  await page.getByLabel('Status').selectOption('active'); // together with a filter
  await checkRows(page, 'Webhooks', 'billing'); // the only one that has failed
});

test('deliveries: every filter comes from the address, and Back goes to the list as it was', async () => {
  for (const [search, n] of [
    ['status=delivered', 3], ['status=queued', 4], [`webhook_id=${archive.id}&event_type=user.updated`, 1], ['reason=http_5xx', 1],
    ['code=500', 1], ['code=2xx', 3], ['min_attempts=1&status=retrying', 1], ['since=1h&status=delivered', 3], ['until=1h', 0],
  ]) {
    await visit(page, 'deliveries?client_id=lists&' + search);
    if (n > 0) await page.locator('[data-row]').nth(n - 1).waitFor();
    else await page.getByText('No delivery is like that').waitFor();
    assert.equal(await page.locator('[data-row]').count(), n, search);
  }
  await visit(page, 'deliveries?client_id=lists&code=500');
  await checkRows(page, 'Deliveries', 'content.updated');
  await page.locator('[data-row]').getByRole('link').first().click();
  await page.getByText('upstream is away').first().waitFor();
  await page.goBack();
  await checkRows(page, 'Deliveries', 'content.updated');
  assert.equal(await page.getByLabel('Last answer').inputValue(), '500');
});

test('events: found by type, client and whether anybody asked for them; published from the list', async () => {
  await visit(page, 'events');
  await page.getByText(unmatched.id).waitFor();
  await page.getByLabel('Asked for').selectOption('false');
  await checkRows(page, 'Events', unmatched.id);
  assert.equal(address(), '?matched=false');
  await page.locator('[data-row]').getByRole('link').first().click();
  await page.getByText('report.generated').first().waitFor();
  await page.goBack();
  await checkRows(page, 'Events', unmatched.id);
  await visit(page, 'events?client_id=lists&event_type=user.updated');
  await checkRows(page, 'Events', alone.id);
  await page.keyboard.press('n');
  const form = page.getByRole('dialog');
  await form.getByLabel('Event type').fill('user.updated');
  await form.getByLabel('Client').fill('lists');
  await form.getByLabel('Data, as JSON').fill('{"published":"here"}');
  await form.getByRole('button', { name: 'Publish' }).click();
  await page.locator('[data-accepted]').waitFor();
  await page.keyboard.press('Escape');
  await checkRows(page, 'Events', 'user.updated', alone.id);
  await page.locator('[data-row]').first().getByRole('link').first().click();
  await page.getByText('"here"').first().waitFor();
  checkFaults(page);
});
