// The blog example in Chromium, as a guest sees it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SCREENSHOTS, openWindow, startExample } from './lib.mjs';

let example;
let guest;

before(async () => {
  example = await startExample('blog');
  guest = await openWindow(example);
  guest.page.setDefaultTimeout(10_000);
});

after(() => example?.stop());

test('a guest reads the posts, of which there are none', async () => {
  await guest.page.getByText('Nothing has been published yet.').waitFor();
  assert.equal(await guest.page.getByRole('alert').count(), 0);
  await guest.page.screenshot({ path: path.join(SCREENSHOTS, 'blog-guest.png') });
});

test('a guest is offered to sign in, by e-mail or with Google, or to sign up with a name', async () => {
  await guest.page.getByRole('button', { name: 'Sign in' }).click();
  await guest.page.getByRole('button', { name: /Google/ }).waitFor();
  await guest.page.getByLabel('Email').waitFor();
  await guest.page.getByRole('tab', { name: 'Create Account' }).click();
  await guest.page.getByLabel('Display name').waitFor();
  await guest.page.screenshot({ path: path.join(SCREENSHOTS, 'blog-sign-up.png') });
  assert.deepEqual(guest.problems, []);
});
