// The blog example in Chromium: people sign up, sign in, forget their password and leave; they write,
// comment, and see what others do as it happens.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../clients/lib/live.mjs';
import { SCREENSHOTS, openWindow, startExample } from './lib.mjs';

const PASSWORD = 'Corr3ct-horse!';
const PHONE = { viewport: { width: 375, height: 720 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
let blog;

before(async () => {
  blog = await startExample('blog');
});
after(() => blog?.stop());

// ---- what people do ------------------------------------------------------------------------------

/** A browser profile of its own, as another person's, with its three lists live. */
async function visit(options) {
  const window = await openWindow(blog, options);
  window.page.setDefaultTimeout(15_000);
  await window.page.locator('.badge[data-state=live]').waitFor();
  await until(() => window.acks() >= 9, () => `9 subscriptions, there are ${window.acks()}`);
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
async function join(name, { domain = 'example.com', ...options } = {}) {
  const window = await visit(options);
  const email = `${name.toLowerCase()}@${domain}`;
  await openSignUp(window);
  await fillSignUp(window, { name, email });
  await button(window, 'Create Account').click();
  await confirm(window, (await blog.mail(email)).code);
  await isMember(window);
  return Object.assign(window, { name, email });
}

async function asGuest(query) {
  const { url, api_key: apiKey } = blog.outputs.data;
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': apiKey }, body: JSON.stringify({ query }) });
  const { data, errors } = await answer.json();
  assert.equal(errors, undefined);
  return data;
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
  await guest.page.getByRole('button', { name: 'Sign In with Google' }).click();
  await guest.page.getByText('are not served yet').waitFor();
  assert.equal(new URL(guest.page.url()).origin, blog.origin.replace('http:', 'https:'));
  assert.deepEqual(guest.problems, []);
  await guest.context.close();
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

test('an address that is made to be thrown away is refused', async () => {
  const window = await visit();
  await openSignUp(window);
  await fillSignUp(window, { name: 'Eve', email: 'eve@TrashMail.example' });
  await button(window, 'Create Account').click();
  await told(window, 'Addresses at trashmail.example are not accepted. Please use one that you keep.');
  await shoot(window, 'refused-domain');
  assert.equal(await window.page.getByLabel('Confirmation Code').count(), 0);
  await window.page.getByLabel('Email').fill('eve@example.com');
  await button(window, 'Create Account').click();
  await window.page.getByLabel('Confirmation Code').waitFor();
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
  const { listUsers } = await asGuest('{ listUsers { items { name owner } } }'); // made by the confirmation: nobody has signed in
  assert.equal(listUsers.items.filter(({ name }) => name === 'Late').length, 1);
  await fillSignIn(window, email);
  await isMember(window);
  await window.page.getByRole('heading', { name: 'A new post' }).waitFor();
  await go(window, '#/profile');
  await window.page.getByLabel('Name').waitFor();
  assert.equal(await window.page.getByLabel('Name').inputValue(), 'Late');
  assert.equal((await asGuest('{ listUsers { items { name } } }')).listUsers.items.filter(({ name }) => name === 'Late').length, 1);
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

// ---- posts and comments --------------------------------------------------------------------------

const LAMP = {
  title: 'A lamp from driftwood',
  content: `We found the wood on the beach in November, after the storm. It had been in the water for years: grey, light, and full of sand.

Drilling it was easy. The cable was the hard part, because the wood wanted to split along every crack that the salt had left.
We ended up routing a channel along the back and closing it with beeswax.

It stands in the hall now.`,
};
const GLUE = { title: 'What the <b>glue</b> did & why', content: 'It held, to everybody’s surprise.\n\n<img src=x onerror="document.title=1">' };

// Three people, in windows that stay open.
let guest;
let ann;
let bob;

const heading = ({ page }, name) => page.getByRole('heading', { name, exact: true });
const say = ({ page }) => page.getByRole('textbox', { name: 'Your comment' });
const titles = ({ page }) => page.getByRole('article').getByRole('heading', { level: 2 }).allTextContents();
const comments = ({ page }) => page.locator('.said').allTextContents();
const becomes = async (read, expected) => {
  let last;
  await until(async () => JSON.stringify((last = await read())) === JSON.stringify(expected), () => `${JSON.stringify(expected)}, got ${JSON.stringify(last)}`);
};
const idOf = ({ page }) => decodeURIComponent(new URL(page.url()).hash.split('/')[2]);

async function write(window, { title, content }) {
  await link(window, 'Write').click();
  await window.page.getByLabel('Title').fill(title);
  await window.page.getByLabel('Text').fill(content);
  await button(window, 'Publish').click();
  await heading(window, title).waitFor();
}

test('what a member publishes, a guest sees at once', async () => {
  [guest, ann, bob] = [await visit(), await join('Ann'), await join('Bob')];
  await write(ann, LAMP);
  await becomes(() => titles(guest), [LAMP.title]);
  await guest.page.getByRole('article').getByText('Ann', { exact: true }).waitFor();
  await write(bob, GLUE);
  await becomes(() => titles(guest), [GLUE.title, LAMP.title]);
  await shoot(guest, 'posts');
});

test('what is written is text, never markup', async () => {
  await link(guest, GLUE.title).click();
  await heading(guest, GLUE.title).waitFor();
  await guest.page.getByText('<img src=x').waitFor();
  assert.equal(await guest.page.locator('.post img, .post b').count(), 0);
  assert.equal(await guest.page.title(), `${GLUE.title} · The Workshop Blog`);
  await link(guest, 'All posts').click();
});

test('members comment; everybody who reads the post sees it', async () => {
  for (const window of [guest, bob]) {
    await go(window, '#/');
    await link(window, LAMP.title).click();
    await heading(window, LAMP.title).waitFor();
  }
  await guest.page.getByText('Sign in to say something.').waitFor();
  assert.equal(await say(guest).count(), 0);
  await say(bob).fill('Lovely! How long did it take?');
  await button(bob, 'Comment').click();
  for (const window of [ann, guest]) await becomes(() => comments(window), ['Lovely! How long did it take?']);
  await say(ann).fill('A weekend.\nThe drying took longer.');
  await ann.page.keyboard.press('Control+Enter');
  for (const window of [ann, bob, guest]) {
    await becomes(() => comments(window), ['Lovely! How long did it take?', 'A weekend.\nThe drying took longer.']);
  }
  assert.equal(await say(ann).inputValue(), '');
  await guest.page.getByRole('heading', { name: '2 comments' }).waitFor();
  await shoot(ann, 'post');
});

test('one takes back one\'s own comment, nobody else\'s', async () => {
  const mine = bob.page.getByRole('button', { name: /^Delete your comment/ });
  assert.equal(await mine.count(), 1);
  assert.equal(await guest.page.getByRole('button', { name: /^Delete/ }).count(), 0);
  await say(bob).fill('Oops');
  await button(bob, 'Comment').click();
  await becomes(async () => (await comments(ann)).length, 3);
  await bob.page.getByRole('button', { name: 'Delete your comment: Oops' }).click();
  for (const window of [ann, bob, guest]) await becomes(async () => (await comments(window)).length, 2);
});

test('an owner edits; readers see it change', async () => {
  await link(ann, 'Edit').click();
  assert.equal(await ann.page.getByLabel('Title').inputValue(), LAMP.title);
  await ann.page.getByLabel('Title').fill('  ');
  assert.ok(await button(ann, 'Save').isDisabled());
  await ann.page.getByLabel('Title').fill('A lamp from old driftwood');
  await shoot(ann, 'edit');
  await button(ann, 'Save').click();
  for (const window of [ann, bob, guest]) await heading(window, 'A lamp from old driftwood').waitFor();
  await guest.page.getByText('· edited').waitFor();
  await link(ann, 'Edit').click();
  await ann.page.getByLabel('Title').fill('Never mind');
  await link(ann, 'Cancel').click();
  await heading(ann, 'A lamp from old driftwood').waitFor();
});

test('who is not the owner has no buttons, and is refused when trying anyway', async () => {
  const id = idOf(ann);
  for (const window of [bob, guest]) {
    assert.equal(idOf(window), id);
    assert.equal(await link(window, 'Edit').count(), 0);
    assert.equal(await button(window, 'Delete').count(), 0);
  }
  await go(bob, `#/posts/${id}/edit`);
  await heading(bob, 'This post is somebody else’s').waitFor();
  assert.equal(await bob.page.getByLabel('Title').count(), 0);
  await go(bob, `#/posts/${id}`);

  const { url, api_key: apiKey } = blog.outputs.data;
  const token = await bob.page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith('.accessToken'))[1]);
  const post = async (headers, query) => {
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query }) });
    return answer.json();
  };
  const asked = await post({ 'x-api-key': apiKey }, '{ listComments { items { id content } } listUsers { items { id name } } }');
  const comment = asked.data.listComments.items.find(({ content }) => content.startsWith('A weekend'));
  const user = asked.data.listUsers.items.find(({ name }) => name === 'Ann');
  const mutations = [
    ['updatePost', `updatePost(input: {id: "${id}", title: "Mine now"})`],
    ['deletePost', `deletePost(input: {id: "${id}"})`],
    ['updateComment', `updateComment(input: {id: "${comment.id}", content: "Mine now"})`],
    ['deleteComment', `deleteComment(input: {id: "${comment.id}"})`],
    ['updateUser', `updateUser(input: {id: "${user.id}", name: "Bob"})`],
    ['deleteUser', `deleteUser(input: {id: "${user.id}"})`],
  ];
  for (const headers of [{ authorization: token }, { 'x-api-key': apiKey }]) {
    for (const [field, call] of mutations) {
      const { data, errors } = await post(headers, `mutation { ${call} { id } }`);
      assert.deepEqual(data, { [field]: null });
      assert.equal(errors[0].errorType, 'Unauthorized');
      assert.equal(errors[0].message, `Not Authorized to access ${field} on type Mutation`);
    }
  }
  const forged = await post({ authorization: token }, 'mutation { createPost(input: {title: "t", content: "c", owner: "somebody"}) { id } }');
  assert.equal(forged.data, null);
  assert.match(forged.errors[0].message, /owner/);
  const kept = await post({ 'x-api-key': apiKey }, `{ getPost(id: "${id}") { title } listComments { items { id } } listUsers { items { id } } }`);
  assert.equal(kept.data.getPost.title, 'A lamp from old driftwood');
  for (const list of ['listComments', 'listUsers']) assert.equal(kept.data[list].items.length, asked.data[list].items.length);
});

test('a guest who wants to say something is back at the post after signing in', async () => {
  const window = await visit();
  await go(window, `#/posts/${idOf(ann)}`);
  await window.page.locator('.invite').getByRole('link', { name: 'Sign in' }).click();
  await fillSignIn(window, 'ada@example.com');
  await say(window).waitFor();
  assert.equal(idOf(window), idOf(ann));
  await window.context.close();
});

test('a failure is told, and what was written is not lost', async () => {
  await link(bob, 'Write').click();
  await bob.page.getByLabel('Title').fill('Lost?');
  await bob.page.getByLabel('Text').fill('No.');
  await bob.page.route('**/graphql', (route) => route.abort());
  await button(bob, 'Publish').click();
  await bob.page.getByRole('alert').waitFor();
  await shoot(bob, 'error');
  assert.equal(await bob.page.getByLabel('Title').inputValue(), 'Lost?');
  await bob.page.unroute('**/graphql');
  await button(bob, 'Publish').click();
  await heading(bob, 'Lost?').waitFor();
  assert.equal(await bob.page.getByRole('alert').count(), 0);
});

test('without a live connection one reads, and sees what one writes oneself', async () => {
  const window = await openWindow(blog, {}, (context) => context.routeWebSocket(/./, (socket) => socket.close({ code: 1011 })));
  window.page.setDefaultTimeout(15_000);
  await heading(window, GLUE.title).waitFor();
  assert.equal(await window.page.locator('.badge[data-state=live]').count(), 0);
  await go(window, '#/sign-in');
  await fillSignIn(window, 'bob@example.com');
  await isMember(window);
  await link(window, 'Lost?').click();
  await link(window, 'Edit').click();
  await window.page.getByLabel('Title').fill('Found');
  await button(window, 'Save').click();
  await heading(window, 'Found').waitFor();
  await say(window).fill('There it is.');
  await button(window, 'Comment').click();
  await becomes(() => comments(window), ['There it is.']);
  await window.page.getByRole('button', { name: 'Delete your comment: There it is.' }).click();
  await becomes(() => comments(window), []);
  assert.equal(await window.page.getByRole('alert').count(), 0);
  await window.context.close();
});

test('an owner deletes, after being asked; whoever reads the post is told', async () => {
  const id = idOf(bob);
  await go(guest, `#/posts/${id}`);
  await heading(guest, 'Found').waitFor();
  await button(bob, 'Delete').click();
  const dialog = bob.page.getByRole('dialog', { name: 'Delete this post?' });
  await dialog.waitFor();
  await shoot(bob, 'delete');
  await bob.page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await button(bob, 'Delete').click();
  await dialog.getByRole('button', { name: 'Delete the post' }).click();
  await becomes(() => titles(bob), [GLUE.title, 'A lamp from old driftwood']);
  await heading(guest, 'This post is not here').waitFor();
  await guest.page.reload();
  await heading(guest, 'This post is not here').waitFor();
  await link(guest, 'See all posts').click();
  await becomes(() => titles(guest), [GLUE.title, 'A lamp from old driftwood']);
});

test('a member changes how others see them', async () => {
  await link(ann, 'Your profile').click();
  await ann.page.getByLabel('Name').fill('Ann of the beach');
  await ann.page.getByLabel('About you').fill('Collects what the sea brings.');
  await button(ann, 'Save').click();
  await ann.page.getByText('Saved.').waitFor();

  const picture = ann.page.getByRole('img', { name: 'Your profile' });
  const width = () => picture.evaluate((image) => image.naturalWidth, null, { timeout: 15_000 });
  for (const size of [120, 90]) {
    const buffer = await bob.page.screenshot({ clip: { x: 0, y: 0, width: size, height: size } });
    await ann.page.getByLabel('Profile picture').setInputFiles({ name: 'me & my dog.png', mimeType: 'image/png', buffer });
    await becomes(width, size);
    await ann.page.getByText(`${size} × ${size} pixels`, { exact: true }).waitFor();
  }
  const thumbnails = async () => (await asGuest('{ listThumbnails { items { width thumbnailWidth } } }')).listThumbnails.items;
  await becomes(thumbnails, [{ width: 90, thumbnailWidth: 90 }]); // that of the former picture went with it
  await shoot(ann, 'profile');
  await ann.page.reload();
  await becomes(width, 90);
  const url = await picture.getAttribute('src');
  await button(ann, 'Remove the picture').click();
  await picture.waitFor({ state: 'detached' });
  await becomes(() => ann.page.evaluate(async (address) => (await fetch(address)).status, url), 404);
  await becomes(thumbnails, []);
  await guest.page.getByRole('article').getByText('Ann of the beach').waitFor();
});

test('the keyboard is enough', async () => {
  const { page } = ann;
  await go(ann, '#/');
  await page.reload();
  await isMember(ann);
  await becomes(() => titles(ann), [GLUE.title, 'A lamp from old driftwood']);
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to the page' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await heading(ann, 'A lamp from old driftwood').waitFor();
  await becomes(async () => (await comments(ann)).length, 2);
  // All posts, Edit, Delete, one's own comment's Delete, the comment.
  for (let tabs = 0; tabs < 5; tabs++) await page.keyboard.press('Tab');
  await say(ann).and(page.locator(':focus')).waitFor();
  await page.keyboard.type('By hand');
  await button(ann, 'Comment').and(page.locator(':enabled')).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('.said').getByText('By hand').waitFor();
});

test('who has an address of the workshop is an editor, and removes what others said', async () => {
  const edda = await join('Edda', { domain: 'workshop.example' });
  await go(edda, '#/');
  await link(edda, 'A lamp from old driftwood').click();
  await edda.page.getByRole('button', { name: 'Delete the comment: By hand' }).click();
  for (const window of [ann, edda]) await window.page.locator('.said').getByText('By hand').waitFor({ state: 'detached' });
  assert.equal(await bob.page.getByRole('button', { name: /^Delete the comment/ }).count(), 0);
  await go(edda, '#/profile');
  const buffer = await edda.page.screenshot({ clip: { x: 0, y: 0, width: 64, height: 48 } });
  await edda.page.getByLabel('Profile picture').setInputFiles({ name: 'edda.png', mimeType: 'image/png', buffer });
  await edda.page.getByText('64 × 48 pixels', { exact: true }).waitFor();
  assert.deepEqual(edda.problems, []);
  await edda.context.close();
});

test('it looks well in every form', async () => {
  const dark = await visit({ colorScheme: 'dark' });
  await shoot(dark, 'dark');
  await link(dark, 'A lamp from old driftwood').click();
  await heading(dark, 'A lamp from old driftwood').waitFor();
  await shoot(dark, 'dark-post');
  await link(dark, 'All posts').click();
  await dark.page.locator('.bar').getByRole('link', { name: 'Sign in' }).click();
  await dark.page.getByLabel('Email').waitFor();
  await shoot(dark, 'dark-sign-in');
  const phone = await visit(PHONE);
  const fits = async (name, shown) => {
    await shown.waitFor();
    await shoot(phone, `phone-${name}`);
    assert.equal(await phone.page.evaluate(() => document.documentElement.scrollWidth), 375, `${name}: nothing sticks out to the side`);
  };
  await fits('posts', heading(phone, GLUE.title));
  await go(phone, '#/sign-in');
  await fits('sign-in', phone.page.getByLabel('Email'));
  await fillSignIn(phone, 'bob@example.com');
  await isMember(phone);
  await fits('member', heading(phone, GLUE.title));
  await link(phone, GLUE.title).click();
  await fits('post', link(phone, 'Edit'));
  await go(phone, '#/write');
  await fits('write', phone.page.getByLabel('Title'));
  await go(phone, '#/profile');
  await fits('profile', phone.page.getByLabel('About you'));
  for (const window of [guest, ann, bob, dark, phone]) assert.deepEqual(window.problems, []);
});

test('an order of prints is added up by the backend', async () => {
  await go(ann, '#/');
  await link(ann, GLUE.title).click();
  await ann.page.getByLabel('Prints of this post').fill('3');
  await button(ann, 'Order').click();
  await ann.page.getByText('Ordered: 13.50 EUR.').waitFor();
  assert.equal(await guest.page.getByLabel('Prints of this post').count(), 0);
  const token = await ann.page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith('.accessToken'))[1]);
  const { url, api_key: apiKey } = blog.outputs.data;
  const order = async (headers, quantity) => {
    const query = `mutation { processOrder(orderId: "1", items: [{name: "x", price: 1, quantity: ${quantity}}]) { total } }`;
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query }) });
    return answer.json();
  };
  assert.equal((await order({ authorization: token }, 0)).errors[0].message, 'Nothing to order.');
  assert.equal((await order({ 'x-api-key': apiKey }, 1)).errors[0].errorType, 'Unauthorized');
});

test('the digest of the week is a post like others', async () => {
  assert.deepEqual(blog.invoke('digest'), { posts: 2 });
  await go(guest, '#/');
  await link(guest, 'The week in the workshop').click();
  await heading(guest, 'The week in the workshop').waitFor();
  await guest.page.getByText('“A lamp from old driftwood” - 2 comments').waitFor();
  await guest.page.getByText('The workshop', { exact: true }).waitFor();
  assert.deepEqual(guest.problems, []);
});
