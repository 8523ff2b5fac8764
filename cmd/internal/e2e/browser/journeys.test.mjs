// What an operator does when a webhook fails, by mouse and by keyboard alone.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browser, call, checkFaults, failing, open, signIn, startReceiver, working } from './stage.mjs';

const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

const patient = '"retry_policy":{"initial_delay_ms":600000}';

/** Returns the id in the page's address. */
const idIn = (page, prefix) => new RegExp(`${prefix}_[0-9a-z]+`).exec(page.url())?.[0];

test('by mouse: published, failing, found in the overview, redelivered, delivered', async () => {
  receiver.answer = failing;
  const page = await open();
  await signIn(page);
  await page.getByRole('link', { name: 'Webhooks', exact: false }).first().click();
  await page.getByRole('button', { name: 'New webhook' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel('Target URL').fill(receiver.url);
  await form.getByLabel('Client').fill('mouse');
  await form.getByText('Limits, retries and headers').click();
  await form.getByLabel('First wait, ms').fill('600000'); // it waits until somebody comes
  await form.getByRole('button', { name: 'Register' }).click();
  const secret = await page.locator('[data-secret]').textContent();
  assert.match(secret, /^whsec_/);
  await page.getByRole('button', { name: 'Open it' }).click();
  await page.waitForURL(/webhooks\/wh_/);
  const webhook = idIn(page, 'wh');

  await page.getByRole('link', { name: 'Overview', exact: false }).first().click();
  await page.getByRole('button', { name: 'Publish an event' }).click();
  await page.getByRole('dialog').getByLabel('Event type').fill('user.created');
  await page.getByRole('dialog').getByLabel('Client').fill('mouse');
  await page.getByRole('dialog').getByLabel('Data, as JSON').fill('{"n":12345678901234567890}');
  await page.getByRole('dialog').getByRole('button', { name: 'Publish' }).click();
  await page.locator('[data-accepted]').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click();

  await page.getByRole('table', { name: 'Webhooks that stand out' }).getByRole('link', { name: webhook }).click();
  await page.locator('[data-row]').filter({ hasText: 'retrying' }).getByRole('link').first().click();
  await page.getByText('upstream is away').first().waitFor();
  receiver.answer = working;
  await page.getByRole('button', { name: 'Redeliver' }).click();
  await page.locator('.head .badge.good').getByText('delivered').waitFor();
  assert.equal(await page.locator('.timeline button').count(), 2);
  assert.ok(receiver.bodies.at(-1).includes('"data":{"n":12345678901234567890}'), receiver.bodies.at(-1));
  checkFaults(page);
  assert.ok(!page.url().includes('token') && !(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes('eyJ'));
  await page.context().close();
});

test('by keyboard alone: published, failing, found in the overview, redelivered, delivered', async () => {
  receiver.answer = failing;
  const made = await call('POST', 'api/webhooks?client_id=keys', `{"target_url":"${receiver.url}","event_types":["content.updated"],${patient}}`);
  const page = await open();
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  await page.getByLabel('API key or token').waitFor();
  await page.keyboard.type(process.env.CONSOLE_TOKEN); // the field has the focus
  await press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await press('g', 'w');
  await page.getByRole('heading', { name: 'Webhooks' }).waitFor();
  await press('g', 'o');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await press('n');
  await page.getByRole('dialog').waitFor();
  await press('Control+a');
  await page.keyboard.type('content.updated');
  await press('Enter'); // publishes what the form holds
  await page.locator('[data-accepted]').waitFor();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const row = page.getByRole('table', { name: 'Webhooks that stand out' }).getByRole('link', { name: made.id });
  await row.waitFor();
  // j goes down the list until the failing webhook has the focus.
  for (let i = 0; i < 20 && !(await row.evaluate((link) => link === document.activeElement)); i++) await press('j');
  await press('Enter');
  await page.waitForURL(new RegExp('webhooks/' + made.id));
  await page.locator('[data-row]').filter({ hasText: 'retrying' }).waitFor();
  await press('j', 'Enter');
  await page.waitForURL(/deliveries\/whd_/);
  await page.getByText('upstream is away').first().waitFor();
  receiver.answer = working;
  await press('r');
  await page.locator('.head .badge.good').getByText('delivered').waitFor();
  await press('?');
  await page.getByRole('dialog').getByText('redeliver').waitFor();
  await press('Escape', '/');
  await page.keyboard.type(made.id);
  await press('Enter');
  await page.waitForURL(new RegExp('webhooks/' + made.id));
  checkFaults(page);
  await page.context().close();
});
