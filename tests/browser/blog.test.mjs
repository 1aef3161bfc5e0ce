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

test('posts are shown with their author and comments', async () => {
  const post = (id, title, content, comments) => ({
    id, title, content, owner: 'ada', createdAt: `2026-03-0${id}T10:00:00.000Z`, author: { id: 'a', name: 'Ada' },
    comments: { items: comments.map((text, index) => ({ id: String(index), content: text, owner: 'bob', createdAt: '2026-03-08T10:00:00.000Z' })) },
  });
  const items = [
    post(1, 'A lamp from driftwood', 'We found the wood on the beach.\n\nThe cable was the hard part.', ['Lovely!', 'How long did it take?']),
    post(2, 'What the glue did', 'It held, to everybody\'s surprise.', []),
  ];
  const page = await openWindow(example, {}, (context) =>
    context.route('**/graphql', (route) => route.fulfill({ json: { data: { listPosts: { items, nextToken: null } } } })));
  await page.page.getByRole('heading', { name: 'A lamp from driftwood' }).waitFor();
  const titles = await page.page.getByRole('article').getByRole('heading', { level: 2 }).allTextContents();
  assert.deepEqual(titles, ['What the glue did', 'A lamp from driftwood']);
  await page.page.getByText('How long did it take?').waitFor();
  await page.page.screenshot({ path: path.join(SCREENSHOTS, 'blog-posts.png') });
  assert.deepEqual(page.problems, []);
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
