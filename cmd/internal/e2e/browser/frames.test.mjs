// The portal in a frame of another site: for the origins that the server allows, and for no other.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { awaitAnswer, browser, call } from './stage.mjs';

after(() => browser.close());

const port = process.env.CONSOLE_FRAMES; // of hooks.test, and of two sites with frames
const hook = await call('POST', 'api/webhooks?client_id=framed', '{"target_url":"http://127.0.0.1:9/x","event_types":["user.created"],"description":"In a frame"}');
const context = await browser.newContext({ ignoreHTTPSErrors: true });

/** Opens a page of a site that shows a URL in a frame. */
async function embed(site, url) {
  const page = await context.newPage();
  await page.goto(`https://${site}:${port}/?src=${encodeURIComponent(url)}`);
  return page;
}

test('an origin that is allowed shows the portal, which works', async () => {
  const { url } = await call('POST', 'api/portal-links', '{"client_id":"framed"}');
  const page = await embed('app.test', url);
  const portal = page.frameLocator('iframe');
  await portal.getByText('In a frame').click();
  await portal.getByRole('button', { name: 'Pause' }).click();
  await portal.getByRole('button', { name: 'Resume' }).waitFor();
  await awaitAnswer('api/webhooks/' + hook.id, (w) => w.status === 'paused');
  await page.close();
});

test('another origin shows nothing, and does not use the link up', async () => {
  const { url } = await call('POST', 'api/portal-links', '{"client_id":"framed"}');
  const page = await embed('other.test', url);
  for (const end = Date.now() + 60_000; !page.frames()[1]?.url().startsWith('chrome-error:'); await page.waitForTimeout(20)) {
    assert.ok(Date.now() < end, 'the frame shows ' + page.frames()[1]?.url());
  }
  assert.equal(await page.frames()[1].getByText('In a frame').count(), 0);
  await page.goto(url); // outside of a frame it opens
  await page.getByText('In a frame').waitFor();
  await page.close();
});
