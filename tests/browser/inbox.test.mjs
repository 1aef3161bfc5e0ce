// The inbox in a browser: what is sent appears by itself, and a code can be copied.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { address, startBackend } from '../messages/lib.mjs';
import { SCREENSHOTS, openWindow, startBrowser } from './lib.mjs';

test('messages appear in the open page, newest first, and codes are copied by a click', async () => {
  const backend = await startBackend('plain');
  const { browser, stop } = await startBrowser();
  try {
    const { page, context, problems } = await openWindow({ browser, url: `${backend.origin}/_ampd/inbox` });
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByText('Nothing yet.').waitFor();
    const [first, second] = [address('first'), address('second')];
    await backend.signUp(first);
    await page.getByText(first).waitFor();
    await backend.signUp(second);
    await page.getByText(second).waitFor();
    assert.deepEqual(await page.locator('article header b').allTextContents(), [second, first]);
    const code = page.locator('article', { hasText: first }).locator('.code');
    assert.match(await code.textContent(), /^\d{6}$/);
    await code.click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await code.textContent());
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(SCREENSHOTS, 'inbox.png') });
    await backend.confirm(first, await code.textContent());
    await backend.stop();
    await page.getByText('ampd does not answer').waitFor();
    assert.deepEqual(problems, []);
  } finally {
    await stop();
    await backend.end();
  }
});
