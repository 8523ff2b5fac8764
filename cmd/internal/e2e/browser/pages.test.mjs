// Every page at three widths, light and dark: it fits, and has no barriers. With CONSOLE_SHOTS each
// is drawn into a file of that folder.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { base, browser, call, checkAccess, checkFaults, open, signIn, startReceiver, visit } from './stage.mjs';

const shots = process.env.CONSOLE_SHOTS;
const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

// Something to look at: a webhook that works, one that fails, and events for both.
const working = await call('POST', 'api/webhooks?client_id=acme', `{"target_url":"${receiver.url}","event_types":["user.created"],"description":"CRM"}`);
await call('POST', 'api/webhooks?client_id=globex', `{"target_url":"${receiver.url}/paused","event_types":["user.*"],"description":"Warehouse","status":"paused"}`);
receiver.answer = { status: 200, headers: { 'Content-Type': 'application/json' }, body: '{"accepted":true}' };
for (let i = 0; i < 12; i++) await call('POST', 'api/events', `{"event_type":"user.created","client_id":"acme","data":{"user_id":${i},"plan":"pro"}}`);
receiver.answer = { status: 503, headers: {}, body: 'upstream is away' };
const failing = await call('POST', 'api/webhooks?client_id=acme', `{"target_url":"${receiver.url}/billing","event_types":["content.updated"],"description":"Billing","retry_policy":{"initial_delay_ms":600000}}`);
const event = await call('POST', 'api/events', '{"event_type":"content.updated","client_id":"acme","data":{"id":12345678901234567890,"title":"ünï","parts":[1,2,{"a":null,"b":true}]}}');
let delivery;
for (let i = 0; i < 600 && delivery?.attempts !== 1; i++) {
  delivery = (await call('GET', `api/webhooks/${failing.id}/deliveries`)).data[0];
  await new Promise((resolve) => setTimeout(resolve, 100));
}

/** A page is there if the API has what it shows. */
const api = await (await fetch(base + 'openapi.yaml')).text();
const needs = { events: 'operationId: listEvents', live: '/api/stream:', jobs: '/api/jobs:', access: '/api/portal-links:', audit: '/api/audit:' };
const isThere = ([path]) => !(path in needs) || api.includes(needs[path]);

/** The pages, each with the text that shows that it is there. */
const pages = [
  ['', 'Webhooks that stand out'], ['webhooks', 'Billing'], ['webhooks/' + working.id, 'Latest deliveries'], ['webhooks/' + failing.id, 'Latest deliveries'],
  ['deliveries', 'user.created'], ['deliveries/' + delivery.id, 'upstream is away'], ['deliveries?status=cancelled', 'No delivery is like that'],
  ['events', 'content.updated'], ['events/' + event.id, 'content.updated'], ['jobs', 'No jobs'], ['live', 'Nothing has happened'],
  ['types', 'user.created'], ['keys', 'No API keys yet'], ['access', 'Sessions'], ['audit', 'webhook.create'], ['receive', 'Four rules'],
].filter(isThere);

const looks = [[360, 'light'], [1024, 'dark'], [1920, 'light'], ...(shots ? [[360, 'dark'], [1024, 'light'], [1920, 'dark']] : [])];
for (const [width, colorScheme] of looks) {
  test(`at ${width} px, ${colorScheme}`, async () => {
    const page = await open('ui/', { viewport: { width, height: width < 500 ? 780 : 960 }, colorScheme });
    await page.getByLabel('API key or token').waitFor();
    await checkAccess(page, 'signing in');
    await page.getByLabel('API key or token').fill(process.env.CONSOLE_TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('banner').waitFor();
    for (const [path, text] of pages) {
      await visit(page, path);
      await page.locator('main').getByText(text, { exact: false }).first().waitFor();
      const over = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth);
      assert.equal(over, 0, `${path} is wider than ${width} px`);
      if (width !== 1920) await checkAccess(page, `${path || 'overview'} at ${width}`);
      if (shots) await page.screenshot({ path: `${shots}/${path.replace(/[_/?=].*$/, (rest) => (rest.startsWith('/') ? '-one' : '-empty')) || 'overview'}-${width}-${colorScheme}.png` });
    }
    checkFaults(page);
    await page.context().close();
  });
}

test('a dialog has no barriers, and the colours can be chosen', async () => {
  const page = await open('ui/webhooks');
  await signIn(page);
  await page.getByText('Billing').first().waitFor();
  assert.equal(new URL(page.url()).pathname, new URL(base).pathname + 'ui/webhooks');
  await page.keyboard.press('n');
  await page.getByRole('dialog').waitFor();
  await checkAccess(page, 'the form of a webhook');
  await page.keyboard.press('Escape');
  const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  await page.getByRole('button', { name: 'Colours: system' }).click();
  assert.equal(await scheme(), 'dark');
  await page.reload();
  await page.getByRole('button', { name: 'Colours: dark' }).click();
  assert.equal(await scheme(), 'light');
  checkFaults(page);
  await page.context().close();
});

test('a problem is shown as the server said it', async () => {
  const page = await open('ui/');
  await signIn(page);
  page.expected.add('422');
  await visit(page, 'deliveries?since=yesterday');
  await page.getByRole('alert').getByText('since').first().waitFor();
  page.expected.add('404');
  await visit(page, 'webhooks/wh_0000000000000000000000000');
  await page.getByRole('alert').first().waitFor();
  await page.context().close();
});

test('Retry-After is honoured', async () => {
  const page = await open('ui/');
  await signIn(page);
  page.expected.add('503');
  let asked = [];
  await page.route('**/api/keys*', (route) => {
    asked.push(Date.now());
    if (asked.length > 1) return route.continue();
    return route.fulfill({ status: 503, headers: { 'Retry-After': '2', 'Content-Type': 'application/problem+json' }, body: '{"type":"urn:astrohook:problem:unavailable","title":"Short of space","status":503,"detail":"the disk is nearly full"}' });
  });
  await visit(page, 'keys');
  await page.getByText('the disk is nearly full').waitFor();
  assert.ok(await page.getByRole('button', { name: /Again in \d s/ }).isDisabled());
  await page.getByText('No API keys yet').waitFor();
  assert.ok(asked[1] - asked[0] >= 2000, `asked again after ${asked[1] - asked[0]} ms`);
  checkFaults(page);
  await page.context().close();
});
