// The todo example in Chromium: two windows, each with a profile of its own, see each other's changes.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { SCREENSHOTS, openWindow, startExample } from './lib.mjs';

const LIMIT_MS = 10_000;
let example;
let one;
let other;

before(async () => {
  example = await startExample('todo');
  one = await open();
  other = await open();
});

after(() => example?.stop());

// A window whose list is live: the server has confirmed its three subscriptions.
async function open(options) {
  const window = await openWindow(example, options);
  window.page.setDefaultTimeout(LIMIT_MS);
  await window.page.locator('.badge[data-state=live]').waitFor();
  await becomes(window.acks, 3);
  return window;
}

async function becomes(read, expected) {
  const deadline = Date.now() + LIMIT_MS;
  let last;
  do {
    last = await read();
    try {
      return assert.deepEqual(last, expected);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } while (Date.now() < deadline);
  assert.deepEqual(last, expected);
}

// What a person reads in the list: '[x] milk' is done.
const rows = ({ page }) =>
  page.locator('.item').evaluateAll((items) =>
    items.map((item) => `[${item.querySelector('input[type=checkbox]').checked ? 'x' : ' '}] ${item.querySelector('.content')?.textContent}`),
  );
const both = async (expected) => {
  await becomes(() => rows(one), expected);
  await becomes(() => rows(other), expected);
};
const add = async ({ page }, text) => {
  await page.getByLabel('New task').fill(text);
  await page.keyboard.press('Enter');
};
const shoot = (window, name) => window.page.screenshot({ path: path.join(SCREENSHOTS, `todo-${name}.png`), animations: 'disabled' });

test('an empty list says so', async () => {
  await one.page.getByText('Nothing to do yet').waitFor();
  assert.equal(await one.page.locator('.summary').textContent(), 'A clean slate');
  assert.ok(await one.page.getByRole('button', { name: 'Add' }).isDisabled());
  await shoot(one, 'empty');
});

test('what is added in one window appears in the other', async () => {
  await add(one, 'Water the plants');
  await both(['[ ] Water the plants']);
  await add(other, 'Call grandmother');
  await both(['[ ] Call grandmother', '[ ] Water the plants']);
  await one.page.getByLabel('New task').fill('  ');
  assert.ok(await one.page.getByRole('button', { name: 'Add' }).isDisabled());
  await one.page.getByLabel('New task').fill('');
});

test('toggling is seen in both, with the progress', async () => {
  await other.page.getByLabel('Done: Water the plants').check();
  await both(['[ ] Call grandmother', '[x] Water the plants']);
  await one.page.getByRole('img', { name: '1 of 2 done' }).waitFor();
  assert.equal(await one.page.locator('.summary').textContent(), '1 task left');
  await one.page.getByLabel('Done: Water the plants').uncheck();
  await both(['[ ] Call grandmother', '[ ] Water the plants']);
  await one.page.getByLabel('Done: Water the plants').check();
  await both(['[ ] Call grandmother', '[x] Water the plants']);
});

test('editing is seen in both; Escape and empty text change nothing', async () => {
  const editor = one.page.getByLabel('New text for: Call grandmother');
  await one.page.getByText('Call grandmother').dblclick();
  await editor.fill('Call grandmother & <b>aunt</b>');
  await editor.press('Enter');
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
  await other.page.getByRole('button', { name: 'Edit: Water the plants' }).click();
  await other.page.getByLabel('New text for: Water the plants').fill('Nothing');
  await other.page.keyboard.press('Escape');
  await other.page.getByRole('button', { name: 'Edit: Water the plants' }).click();
  await other.page.getByLabel('New text for: Water the plants').fill('');
  await other.page.keyboard.press('Enter');
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
});

test('a reload keeps everything', async () => {
  const acks = one.acks();
  await one.page.reload();
  await becomes(one.acks, acks + 3);
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
});

test('filters', async () => {
  const show = (name) => one.page.getByRole('group', { name: 'Show' }).getByRole('button', { name }).click();
  await show('Active');
  await becomes(() => rows(one), ['[ ] Call grandmother & <b>aunt</b>']);
  await show('Done');
  await becomes(() => rows(one), ['[x] Water the plants']);
  await other.page.getByLabel('Done: Water the plants').uncheck();
  await one.page.getByText('No task is done yet.').waitFor();
  await show('All');
  await other.page.getByLabel('Done: Water the plants').check();
});

test('deleting is seen in both', async () => {
  await add(other, 'A mistake');
  await both(['[ ] A mistake', '[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
  await one.page.getByText('A mistake').hover();
  await one.page.getByRole('button', { name: 'Delete: A mistake' }).click();
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
});

test('the keyboard is enough', async () => {
  const { page } = one;
  await page.getByLabel('New task').focus();
  await page.keyboard.type('Typed');
  await page.keyboard.press('Enter');
  await both(['[ ] Typed', '[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
  await page.getByLabel('Done: Typed').focus();
  await page.keyboard.press('Space');
  await becomes(() => rows(other).then(([first]) => first), '[x] Typed');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
});

test('a failure is told and what was typed comes back', async () => {
  await one.page.route('**/graphql', (route) => route.abort());
  await add(one, 'Lost?');
  await one.page.getByRole('alert').waitFor();
  await becomes(() => one.page.getByLabel('New task').inputValue(), 'Lost?');
  await shoot(one, 'error');
  await one.page.unroute('**/graphql');
  await one.page.getByLabel('New task').press('Enter');
  await both(['[ ] Lost?', '[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
  await one.page.getByRole('alert').waitFor({ state: 'detached' });
  await one.page.getByText('Lost?').hover();
  await one.page.getByRole('button', { name: 'Delete: Lost?' }).click();
  await both(['[ ] Call grandmother & <b>aunt</b>', '[x] Water the plants']);
});

test('two who change at once end with the same list', async () => {
  await Promise.all([add(one, 'Buy flour and yeast'), add(other, 'Return the library books')]);
  const settled = async () => (await rows(one)).length === 4 && String(await rows(one)) === String(await rows(other));
  await becomes(settled, true);
});

test('it looks well in every form', async () => {
  await add(one, 'Read the last chapter, and then the one before it, because the story is told backwards');
  await becomes(() => rows(other).then(({ length }) => length), 5);
  await one.page.getByText('Read the last chapter').hover();
  await shoot(one, 'light');
  const dark = await open({ colorScheme: 'dark' });
  await dark.page.getByText('Buy flour and yeast').dblclick();
  await dark.page.keyboard.press('End');
  await shoot(dark, 'dark');
  const phone = await open({ viewport: { width: 375, height: 720 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await shoot(phone, 'phone');
  const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 375, 'nothing sticks out to the side');
  for (const window of [one, other, dark, phone]) assert.deepEqual(window.problems, []);
});
