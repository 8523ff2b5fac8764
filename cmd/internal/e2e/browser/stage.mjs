// The stage of the browser tests: one browser, a receiver whose answers can be changed, and calls
// of the API. What every page must not do is watched on each of them: violate its policy, ask
// another host for anything, run a script of somebody else, fail.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

export const base = process.env.CONSOLE_BASE; // of the server, with a slash at its end
export const token = process.env.CONSOLE_TOKEN; // of an administrator
const patience = Number(process.env.CONSOLE_PATIENCE ?? 60_000);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const browser = await chromium.launch({ executablePath: process.env.CONSOLE_BROWSER, args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP *.test 127.0.0.1'] });

/** Calls the API as the administrator; the body is JSON text. */
export async function call(method, path, body) {
  const response = await fetch(base + path, { method, headers: { Authorization: 'Bearer ' + token, 'Content-Type': 'application/json' }, ...(body && { body }) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** Answers of receivers that work, and of those that do not. */
export const working = { status: 204, headers: {}, body: '' };
export const failing = { status: 500, headers: {}, body: 'upstream is away' };

/**
 * Starts a receiver on this machine. `answer` is what it says next: to every request, or, if it is a
 * function, to one with this path.
 */
export async function startReceiver() {
  const receiver = { answer: working, bodies: [], url: '' };
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      receiver.bodies.push(Buffer.concat(chunks).toString());
      const { status, headers, body } = typeof receiver.answer === 'function' ? receiver.answer(request.url) : receiver.answer;
      response.writeHead(status, headers).end(body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${server.address().port}/hook`;
  receiver.close = () => { server.close(); server.closeAllConnections(); };
  return receiver;
}

/** Calls again and again until the answer is as wanted, and returns it. */
export async function awaitAnswer(path, wanted) {
  for (const end = Date.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const answer = await call('GET', path);
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `${path} answers ${JSON.stringify(answer)}`);
  }
}

/** Opens a page of a context of its own, and watches it. `page.faults` lists what it must not do. */
export async function open(path = 'ui/', options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.faults = [];
  page.expected = new Set(); // statuses of answers that the test asks for
  await page.exposeFunction('reportViolation', (what) => page.faults.push('policy: ' + what));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => window.reportViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(base).origin)) page.faults.push('another host: ' + request.url());
  });
  page.on('pageerror', (error) => page.faults.push('error: ' + error.message));
  page.on('dialog', (dialog) => { page.faults.push('dialog: ' + dialog.message()); void dialog.dismiss(); });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const status = /status of (\d+)/.exec(message.text())?.[1];
    if (!page.expected.has(status)) page.faults.push('console: ' + message.text());
  });
  page.expected.add('401'); // before signing in
  await page.goto(base + path);
  return page;
}

/** Signs in as a person does. */
export async function signIn(page) {
  await page.getByLabel('API key or token').fill(token);
  await page.keyboard.press('Enter');
  await page.getByRole('navigation').waitFor();
}

/** Looks for barriers on the page as it is; what axe calls serious or critical fails the test. */
export async function checkAccess(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${where}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join('; ')}`);
  assert.deepEqual(found, []);
}

/** Goes to a page below ui/ without loading the document again. */
export async function visit(page, path) {
  await page.evaluate((to) => {
    const link = document.createElement('a');
    link.href = to === '' ? './' : to;
    document.body.append(link);
    link.click();
    link.remove();
  }, path);
}

export function checkFaults(page) {
  assert.deepEqual(page.faults, []);
}

/** The rows of a list, by the text that each has to have; in this order. */
export async function checkRows(page, list, ...texts) {
  const rows = page.getByRole('table', { name: list, exact: true }).locator('[data-row]');
  const seen = () => rows.allTextContents();
  for (const end = Date.now() + patience; ; await page.waitForTimeout(50)) {
    const found = await seen();
    if (found.length === texts.length && found.every((row, i) => row.includes(texts[i]))) return;
    assert.ok(Date.now() < end, `rows: ${JSON.stringify(found)}, wanted: ${JSON.stringify(texts)}`);
  }
}
