// Handlers that change while they are served, and handlers that AppSync would refuse.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ok, start } from './lib.mjs';
import { until } from './serve.mjs';

let server;
let client;
before(async () => ({ server, client } = await start('desk', { watch: true })));
after(() => server?.end());

const file = (name) => path.join(server.project, 'amplify/data/handlers', name);
const edit = (name, from, to) => writeFileSync(file(name), readFileSync(file(name), 'utf8').replace(from, to));

test('a change is served once it is saved, what it imports too', async () => {
  assert.equal(await ok(client.queries.hello({ name: 'Ann' })), 'Hello, Ann!');
  edit('hello.js', 'Hello', 'Good day');
  await until(async () => (await ok(client.queries.hello({ name: 'Ann' }))) === 'Good day, Ann!', 'the new greeting');
  edit('shared.ts', 'name.toUpperCase()', '`(${name})`');
  await until(async () => (await ok(client.queries.typed({ name: 'bob' }))) === '(bob)!', 'the new import');
});

test('a subscription moves to the handler that is new, and keeps its place meanwhile', async () => {
  const seen = [];
  const subscription = client.subscriptions.onNote({ tag: 'a', least: 5 }).subscribe({ next: (event) => seen.push(event), error: (error) => seen.push(error) });
  const put = (fields) => ok(client.mutations.putNote({ text: 't', tag: 'a', ...fields }));
  try {
    await until(async () => (await put({ likes: 5 }), seen.length > 0), 'the first event');
    edit('onNote.js', 'ge: least', 'lt: least');
    await until(async () => {
      await put({ likes: 1 });
      return seen.at(-1).likes === 1;
    }, 'events by the new filter');
    assert.ok(seen.every(({ likes }) => likes === 5 || likes === 1), JSON.stringify(seen));
  } finally {
    subscription.unsubscribe();
  }
});

test('syntax that AppSync refuses: a warning with its place, the field an error, the rest is served', async () => {
  edit('add.js', 'return { payload: before + 1 };', 'for (let i = 0; i < 2; i++) console.log(i);\n  return { payload: before + 1 };');
  await until(() => /The resolver of Query\.pipeline can not be run: For statements are not supported\./.test(server.log()), 'the warning');
  assert.match(server.log(), /amplify\/data\/handlers\/add\.js:4:3/);
  await until(async () => (await client.queries.pipeline({ number: 1 })).errors !== undefined, 'the refusal');
  const { errors } = await client.queries.pipeline({ number: 1 });
  assert.equal(errors[0].errorType, 'Code');
  assert.match(errors[0].message, /^The resolver of Query\.pipeline can not be run: For statements are not supported\. \(amplify\/data\/handlers\/add\.js:4:3\)$/);
  assert.equal(await ok(client.queries.hello({ name: 'Ann' })), 'Good day, Ann!');

  edit('add.js', 'for (let i = 0; i < 2; i++) console.log(i);\n', '');
  await until(async () => (await client.queries.pipeline({ number: 1 })).errors === undefined, 'it is mended');
});

test('a file that does not parse', async () => {
  edit('required.js', 'export const response', 'export const const response');
  await until(async () => /can not be run: .*\(amplify\/data\/handlers\/required\.js:4:14\)/.test((await client.queries.required()).errors[0].message), 'the place');
});
