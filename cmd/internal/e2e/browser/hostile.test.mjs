// Payloads and answers of people who mean harm, or who only write other languages: shown exactly,
// and without effect.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { browser, call, checkFaults, open, signIn, startReceiver, visit } from './stage.mjs';

const client = 'hostile-' + process.pid;
const receiver = await startReceiver();
after(async () => {
  await browser.close();
  receiver.close();
});

const attack = `<script>window.harmed=1</script><img src=x onerror="window.harmed=2"><a href="javascript:window.harmed=3">x</a></pre>`;
const rtl = 'שלום עולם \u202eabc\u202c \u2066x';
const payloads = {
  'a number of 20 digits': '{"n":12345678901234567890,"list":[12345678901234567890]}',
  'text from right to left': JSON.stringify({ [rtl]: rtl }),
  'markup': JSON.stringify({ [attack]: attack }),
  '256 KiB': JSON.stringify({ big: 'aé😀'.repeat(26_000) }), // of the 262,144 bytes that data may have
  'many small parts': `{"list":[${Array.from({ length: 30_000 }, (_, i) => i).join(',')}]}`,
  'escapes': '{"a":"line\\nbreak \\u0000 \\u0007 \\\\ \\""}',
};

const page = await open();
await signIn(page);
const hook = await call('POST', 'api/webhooks?client_id=' + client, `{"target_url":"${receiver.url}","event_types":["user.updated"],"description":${JSON.stringify(attack)},"retry_policy":{"initial_delay_ms":600000}}`);

for (const [what, data] of Object.entries(payloads)) {
  test(what, async () => {
    receiver.answer = { status: 500, headers: { 'Content-Type': 'text/html', 'X-Answer': 'a<b>' }, body: attack + rtl };
    const { id } = await call('POST', 'api/events', `{"event_type":"user.updated","client_id":"${client}","data":${data}}`);
    await visit(page, 'events/' + id);
    await page.locator('[data-row]').getByRole('link').first().click();
    await page.getByRole('region', { name: 'Payload' }).waitFor();
    await page.getByText('Response 500').waitFor();
    const shown = page.getByRole('region', { name: 'Payload' });
    const laidOut = await shown.textContent();
    await page.locator('.panel').filter({ has: shown }).getByRole('button', { name: 'Exact' }).click();
    const sent = receiver.bodies.at(-1);
    const exact = sent.slice(sent.indexOf('"data":') + 7, -1);
    assert.equal(await shown.textContent(), exact);
    assert.equal(exact.length, data.length); // what was published, not something shorter
    const bare = (text) => text.replace(/\s/g, '');
    assert.equal(bare(laidOut), bare(exact));
    const answer = await page.getByRole('region', { name: 'Body of the response' }).textContent();
    assert.equal(answer, attack + rtl);
  });
}

test('nothing ran, and descriptions are text', async () => {
  await visit(page, 'webhooks/' + hook.id);
  await page.getByText(attack, { exact: false }).first().waitFor();
  await visit(page, 'webhooks');
  await page.getByText(attack, { exact: false }).first().waitFor();
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  checkFaults(page);
});
