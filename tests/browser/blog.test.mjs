// The blog example in Chromium: people sign up, sign in, forget their password, and leave.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SCREENSHOTS, openWindow, startExample } from './lib.mjs';

const PASSWORD = 'Corr3ct-horse!';
const PHONE = { viewport: { width: 375, height: 720 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
let blog;

before(async () => {
  blog = await startExample('blog');
});
after(() => blog?.stop());

// ---- what people do ------------------------------------------------------------------------------

/** A browser profile of its own, as another person's; live unless told otherwise. */
async function visit(options) {
  const window = await openWindow(blog, options);
  window.page.setDefaultTimeout(15_000);
  await window.page.locator('.badge[data-state=live]').waitFor();
  return window;
}

const go = ({ page }, address) => page.evaluate((hash) => (globalThis.location.hash = hash), address);
const button = ({ page }, name) => page.getByRole('button', { name, exact: true });
const link = ({ page }, name) => page.getByRole('link', { name, exact: true });
const shoot = ({ page }, name, options) => page.screenshot({ path: path.join(SCREENSHOTS, `blog-${name}.png`), animations: 'disabled', ...options });
const isMember = (window) => button(window, 'Sign out').waitFor();
const isGuest = (window) => link(window, 'Sign in').waitFor();

/** What the Authenticator or the page tells to be wrong. */
async function told(window, text) {
  await window.page.getByRole('alert').filter({ hasText: text }).waitFor();
}

async function openSignUp(window) {
  await go(window, '#/sign-in');
  await window.page.getByRole('tab', { name: 'Create Account' }).click();
}

async function fillSignUp({ page }, { name, email, password = PASSWORD, again = password }) {
  await page.getByLabel('Display name').fill(name);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByLabel('Confirm Password').fill(again);
}

async function confirm(window, code) {
  await window.page.getByLabel('Confirmation Code').fill(code);
  await button(window, 'Confirm').click();
}

async function fillSignIn(window, email, password = PASSWORD) {
  await window.page.getByLabel('Email').fill(email);
  await window.page.getByLabel('Password', { exact: true }).fill(password);
  await window.page.getByRole('tabpanel').getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Signs up a new person in a window of theirs. */
async function join(name, options) {
  const window = await visit(options);
  const email = `${name.toLowerCase()}@example.com`;
  await openSignUp(window);
  await fillSignUp(window, { name, email });
  await button(window, 'Create Account').click();
  await confirm(window, (await blog.mail(email)).code);
  await isMember(window);
  return Object.assign(window, { name, email });
}

const other = (code) => (code === '123456' ? '654321' : '123456');

// ---- signing up ----------------------------------------------------------------------------------

test('a guest finds an empty blog and the way in', async () => {
  const guest = await visit();
  await guest.page.getByRole('heading', { name: 'Nothing has been published yet' }).waitFor();
  assert.equal(await guest.page.getByRole('alert').count(), 0);
  await shoot(guest, 'empty');
  await link(guest, 'Write the first post').click();
  await guest.page.getByRole('button', { name: 'Sign In with Google' }).waitFor();
  await guest.page.getByLabel('Email').waitFor();
  await guest.page.goBack();
  await guest.page.getByRole('heading', { name: 'Nothing has been published yet' }).waitFor();
  await link(guest, 'Sign in').click();
  await shoot(guest, 'sign-in');
  assert.deepEqual(guest.problems, []);
});

test('one signs up with e-mail and the code from the inbox', async () => {
  const window = await visit();
  await openSignUp(window);
  await fillSignUp(window, { name: 'Ada', email: 'ada@example.com', password: 'horse', again: 'house' });
  await window.page.keyboard.press('Tab');
  for (const text of ['at least 8 characters', 'upper case letters', 'numbers', 'special characters']) {
    await window.page.getByText(`Password must have ${text}`).first().waitFor();
  }
  await window.page.getByText('Your passwords must match').waitFor();
  await shoot(window, 'sign-up', { fullPage: true });
  await fillSignUp(window, { name: 'Ada', email: 'ada@example.com' });
  await button(window, 'Create Account').click();

  await window.page.getByText('We Emailed You').waitFor();
  const first = await blog.mail('ada@example.com');
  await confirm(window, other(first.code));
  await told(window, 'Invalid verification code provided, please try again.');
  await shoot(window, 'wrong-code');
  await button(window, 'Resend Code').click();
  const second = await blog.mail('ada@example.com');
  if (first.code !== second.code) {
    await confirm(window, first.code);
    await told(window, 'Invalid verification code provided, please try again.');
  }
  await confirm(window, second.code);
  await isMember(window);
  assert.equal(new URL(window.page.url()).hash, '#/');
  assert.deepEqual(window.problems, []);
  await window.context.close();
});

test('an address that is taken is told', async () => {
  const window = await visit();
  await openSignUp(window);
  await fillSignUp(window, { name: 'Eve', email: 'ADA@example.com' });
  await button(window, 'Create Account').click();
  await told(window, /already exists/);
  assert.equal(await window.page.getByLabel('Confirmation Code').count(), 0);
  await window.context.close();
});

test('who left before the code is asked for it at the next sign-in', async () => {
  const email = 'late@example.com';
  const window = await visit();
  await openSignUp(window);
  await fillSignUp(window, { name: 'Late', email });
  await button(window, 'Create Account').click();
  await window.page.getByLabel('Confirmation Code').waitFor();
  await blog.mail(email);
  await window.page.reload();
  await go(window, '#/write');
  await fillSignIn(window, email);
  await confirm(window, (await blog.mail(email)).code);
  await window.page.getByRole('tab', { name: 'Sign In' }).waitFor();
  await fillSignIn(window, email);
  await isMember(window);
  await window.page.getByRole('heading', { name: 'A new post' }).waitFor();
  await window.context.close();
});

// ---- signing in and out --------------------------------------------------------------------------

test('a wrong password and an unknown address are told alike', async () => {
  const window = await visit();
  await go(window, '#/sign-in');
  for (const [email, password] of [['ada@example.com', 'Wr0ng-horse!'], ['nobody@example.com', PASSWORD]]) {
    await fillSignIn(window, email, password);
    await told(window, 'Incorrect username or password.');
    await window.page.getByRole('alert').getByRole('button').click();
  }
  await fillSignIn(window, 'ada@example.com', 'Wr0ng-horse!');
  await told(window, 'Incorrect username or password.');
  await shoot(window, 'wrong-password');
  await fillSignIn(window, 'Ada@Example.com');
  await isMember(window);
  await window.context.close();
});

test('a reload keeps the session; signing out in one tab signs out the other', async () => {
  const window = await join('Tabea');
  await window.page.reload();
  await isMember(window);
  const second = { page: await window.context.newPage() };
  await second.page.goto(blog.url);
  await isMember(second);
  await go(second, '#/write');
  await second.page.getByLabel('Title').waitFor();
  await button(window, 'Sign out').click();
  await isGuest(window);
  await isGuest(second);
  await second.page.getByLabel('Email').waitFor();
  assert.deepEqual(await window.page.evaluate(() => Object.keys(localStorage).filter((key) => key.endsWith('Token'))), []);
  await window.page.reload();
  await isGuest(window);
  assert.deepEqual(window.problems, []);
  await window.context.close();
});

test('a forgotten password is replaced with a code', async () => {
  const window = await join('Frank');
  await button(window, 'Sign out').click();
  await link(window, 'Sign in').click();
  await button(window, 'Forgot your password?').click();
  await window.page.getByLabel('Enter your email').fill('frank@example.com');
  await button(window, 'Send code').click();
  const { code } = await blog.mail('frank@example.com');
  const submit = async (code, password) => {
    await window.page.getByLabel('Code *').fill(code);
    await window.page.getByLabel('New Password').fill(password);
    await window.page.getByLabel('Confirm Password').fill(password);
    await button(window, 'Submit').click();
  };
  await submit(other(code), 'N3w-password!');
  await told(window, 'Invalid verification code provided, please try again.');
  await shoot(window, 'forgotten');
  await submit(code, 'N3w-password!');
  await window.page.getByRole('tab', { name: 'Sign In' }).waitFor();
  await fillSignIn(window, 'frank@example.com');
  await told(window, 'Incorrect username or password.');
  await fillSignIn(window, 'frank@example.com', 'N3w-password!');
  await isMember(window);
  assert.deepEqual(window.problems, []);
  await window.context.close();
});
