// Files in Chromium over ampd's own TLS: Amplify's FileUploader and StorageImage, and the client as a browser has it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../clients/lib/ampd.mjs';
import { until } from '../clients/lib/live.mjs';
import { copyProject } from '../clients/lib/project.mjs';
import { SCREENSHOTS, openWindow, startProject } from './lib.mjs';

const PROJECT = fileURLToPath(new URL('gallery', import.meta.url));
const PASSWORD = 'Corr3ct-horse!';
let project;

before(async () => {
  project = await startProject(() => copyProject(PROJECT, path.join(ROOT, 'examples/blog')));
});
after(() => project?.stop());

async function visit() {
  const window = await openWindow(project);
  window.page.setDefaultTimeout(20_000);
  await window.page.waitForFunction(() => 'storage' in globalThis);
  return window;
}
const shoot = ({ page }, name) => page.screenshot({ path: path.join(SCREENSHOTS, `gallery-${name}.png`), animations: 'disabled' });

/** Signs up and in a new person in a window of theirs. */
async function member(name) {
  const window = await visit();
  const username = `${name}@example.com`;
  await window.page.evaluate(([username, password]) => globalThis.auth.signUp({ username, password, options: { userAttributes: { email: username } } }), [username, PASSWORD]);
  const { code } = await project.mail(username);
  await window.page.evaluate(([username, confirmationCode, password]) =>
    globalThis.auth.confirmSignUp({ username, confirmationCode }).then(() => globalThis.auth.signIn({ username, password })), [username, code, PASSWORD]);
  await window.page.getByRole('heading', { name: 'A member' }).waitFor();
  return window;
}

/** Calls functions of aws-amplify/storage in the page: 'fine', or the name of the error. */
const attempt = ({ page }, name, input) =>
  page.evaluate(async ([name, input]) => {
    try {
      const task = globalThis.storage[name](input);
      await (task.result ?? task);
      return 'fine';
    } catch (error) {
      return error.name;
    }
  }, [name, input]);

/** A picture of this width, in colours that depend on it. */
async function picture({ page }, size) {
  const url = await page.evaluate((size) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
    const context = canvas.getContext('2d');
    const colours = context.createLinearGradient(0, 0, size, size);
    colours.addColorStop(0, `hsl(${size * 2} 70% 60%)`);
    colours.addColorStop(1, `hsl(${size * 2 + 90} 70% 40%)`);
    context.fillStyle = colours;
    context.fillRect(0, 0, size, size);
    return canvas.toDataURL('image/png');
  }, size);
  return Buffer.from(url.split(',')[1], 'base64');
}
const width = ({ page }, alt) => page.getByRole('img', { name: alt }).evaluate((image) => image.naturalWidth);

test('a member uploads a picture, sees it, replaces it and removes it; a guest sees what is public', async () => {
  const ann = await member('ann');
  const chooser = ann.page.locator('input[type=file]');
  for (const size of [150, 90]) {
    await chooser.setInputFiles({ name: `me & my dog ${size}.png`, mimeType: 'image/png', buffer: await picture(ann, size) });
    await ann.page.getByText('Uploaded').nth(size === 150 ? 0 : 1).waitFor();
    await until(async () => (await width(ann, 'Profile')) === size, () => `a picture of ${size}`);
  }
  await shoot(ann, 'uploaded');
  const identity = await ann.page.evaluate(async () => (await globalThis.auth.fetchAuthSession()).identityId);
  const folder = `profile-pictures/${identity}/`;
  const names = () => ann.page.evaluate(async (path) => (await globalThis.storage.list({ path })).items.map((item) => item.path), folder);
  assert.deepEqual(await names(), [90, 150].map((size) => `${folder}me & my dog ${size}.png`).sort());

  await chooser.setInputFiles({ name: 'welcome.png', mimeType: 'image/png', buffer: await picture(ann, 120) });
  await ann.page.getByText('Uploaded').nth(2).waitFor();
  assert.equal(await attempt(ann, 'copy', { source: { path: `${folder}welcome.png` }, destination: { path: 'public/welcome.png' } }), 'fine');
  assert.equal(await attempt(ann, 'remove', { path: `${folder}me & my dog 150.png` }), 'fine');
  assert.equal(await attempt(ann, 'remove', { path: 'public/welcome.png' }), 'AccessDenied');

  const bob = await member('bob');
  const guest = await visit();
  await guest.page.getByRole('heading', { name: 'A guest' }).waitFor();
  await until(async () => (await width(guest, 'Welcome')) === 120, () => 'the public picture');
  await shoot(guest, 'guest');
  for (const [window, rights] of [[guest, { get: 'fine', public: 'AccessDenied' }], [bob, { get: 'AccessDenied', public: 'fine' }]]) {
    assert.equal(await attempt(window, 'downloadData', { path: 'public/welcome.png' }), 'fine');
    assert.equal(await attempt(window, 'list', { path: 'public/' }), 'fine');
    assert.equal(await attempt(window, 'downloadData', { path: `${folder}me & my dog 90.png` }), rights.get);
    assert.equal(await attempt(window, 'uploadData', { path: 'public/x', data: 'x' }), rights.public);
    for (const [name, input] of [['list', { path: folder }], ['list', { path: '' }], ['uploadData', { path: `${folder}x`, data: 'x' }], ['remove', { path: `${folder}x` }],
      ['remove', { path: 'public/x' }], ['downloadData', { path: 'other/x' }]]) {
      assert.equal(await attempt(window, name, input), 'AccessDenied', `${name} ${JSON.stringify(input)}`);
    }
  }
  assert.equal(await attempt(ann, 'remove', { path: folder }), 'fine');
  assert.deepEqual(await names(), []);
  for (const { problems } of [ann, bob, guest]) assert.deepEqual(problems, []);
});

test('a large file: progress, pause, resume; checksums', async () => {
  const carl = await member('carl');
  const { page } = carl;
  // Slow enough that the pause is there to be pressed.
  const devtools = await carl.context.newCDPSession(page);
  const speed = (bytes) => devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  await devtools.send('Network.enable');
  await speed(4 << 20);
  await page.locator('input[type=file]').setInputFiles({ name: 'large.bin', mimeType: 'application/octet-stream', buffer: randomBytes(18 << 20) });
  await page.getByRole('button', { name: /pause/i }).click();
  await page.getByText(/paused/i).first().waitFor();
  await shoot(carl, 'paused');
  await speed(-1);
  await page.getByRole('button', { name: /resume/i }).click();
  await page.getByText('Uploaded').first().waitFor();
  const told = await page.evaluate(async () => {
    const seen = [];
    const options = { checksumAlgorithm: 'crc-32', preventOverwrite: true, onProgress: ({ transferredBytes, totalBytes }) => seen.push([transferredBytes, totalBytes]) };
    const data = new Blob([new Uint8Array(11 << 20).fill(7)]);
    const path = ({ identityId }) => `profile-pictures/${identityId}/summed`;
    await globalThis.storage.uploadData({ path, data, options }).result;
    const up = seen.at(-1);
    const again = await globalThis.storage.uploadData({ path, data: 'x', options }).result.catch((error) => error.name);
    const down = [];
    const got = await globalThis.storage.downloadData({ path, options: { onProgress: ({ transferredBytes }) => down.push(transferredBytes) } }).result;
    const task = globalThis.storage.uploadData({ path: ({ identityId }) => `profile-pictures/${identityId}/cancelled`, data });
    task.cancel();
    const cancelled = await task.result.catch((error) => globalThis.storage.isCancelError(error));
    const folder = await globalThis.storage.list({ path: ({ identityId }) => `profile-pictures/${identityId}/` });
    return { up, again, down: down.at(-1), size: (await got.body.blob()).size, cancelled, sizes: folder.items.map(({ size }) => size) };
  });
  const size = 11 << 20;
  assert.deepEqual(told, { up: [size, size], again: 'PreconditionFailed', down: size, size, cancelled: true, sizes: [18 << 20, size] });
});
