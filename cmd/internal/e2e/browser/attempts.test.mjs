// One delivery: what each attempt sent and what came back, side by side, and as a command line.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { awaitAnswer, browser, call, checkAccess, checkFaults, open, signIn, startReceiver, visit } from './stage.mjs';

const client = 'attempts-' + process.pid;
const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

const page = await open();
await signIn(page);
receiver.answer = { status: 503, headers: { 'X-Hostile': '<script>window.harmed=1</script>', 'Set-Cookie': 'id=s3cret' }, body: 'busy' };
const hook = await call('POST', 'api/webhooks?client_id=' + client, JSON.stringify({
  target_url: receiver.url, event_types: ['user.updated'], headers: { Authorization: 'Bearer s3cret' }, retry_policy: { initial_delay_ms: 600_000 },
}));
const { id } = await call('POST', 'api/events', `{"event_type":"user.updated","client_id":"${client}","data":{"n":12345678901234567890}}`);
const { delivery_log: [{ id: delivery }] } = await awaitAnswer('api/events/' + id, (event) => event.delivery_log?.[0]?.attempts === 1);

test('an attempt shows both sides, without secrets', async () => {
  await visit(page, 'deliveries/' + delivery);
  const request = page.getByRole('region', { name: 'Request', exact: true });
  const response = page.getByRole('region', { name: 'Response', exact: true });
  await request.getByText('POST ' + receiver.url).waitFor();
  const sent = await request.textContent();
  for (const text of ['127.0.0.1:', 'Authorization***', 'X-Corp-Astro-Attempt1', 'Content-Typeapplication/json']) assert.ok(sent.includes(text), sent);
  assert.ok((await request.getByRole('region', { name: 'Body of the request' }).textContent()).includes('12345678901234567890'));
  const came = await response.textContent();
  for (const text of ['HTTP/1.1 503 Service Unavailable', 'X-Hostile<script>window.harmed=1</script>', 'Set-Cookie***', 'first byte']) assert.ok(came.includes(text), came);
  assert.ok(!(sent + came).includes('s3cret'));
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  await checkAccess(page, 'an attempt');
  checkFaults(page);
});

test('what cannot be shown says why', async () => {
  await call('PATCH', 'api/webhooks/' + hook.id, '{"headers":{"Authorization":"Bearer another"}}');
  await visit(page, 'deliveries');
  await visit(page, 'deliveries/' + delivery);
  await page.getByText('have changed since').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Copy as curl' }).count(), 0);
  checkFaults(page);
});
