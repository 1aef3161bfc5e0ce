// Operations with handlers in JavaScript, through the official client: contexts, pipelines, errors, what goes wrong.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ok, signUp, start } from './lib.mjs';
import { until } from './serve.mjs';

let server;
let client;
let ask;
let json;
before(async () => ({ server, client, ask, json } = await start()));
after(() => server?.end());

// ---- what a handler is told --------------------------------------------------------------------

test('a request makes the result, a response the value of the field', async () => {
  assert.equal(await ok(client.queries.hello({ name: 'Ann' })), 'Hello, Ann!');
  assert.equal(await ok(client.queries.hello()), 'Hello, you!');
});

test('TypeScript, with imports of its own', async () => {
  assert.equal(await ok(client.queries.typed({ name: 'bob' })), 'BOB!');
});

test('the context: arguments, stash, environment, request, info', async () => {
  const { data } = await ask('query Q($t: String, $d: AWSJSON) { context(text: $t, list: [1, 2], data: $d) }', { t: 'hi', d: '{"a":[1]}' });
  const ctx = JSON.parse(data.context);
  assert.deepEqual(ctx.arguments, { text: 'hi', list: [1, 2], data: { a: [1] } });
  assert.equal(ctx.same, true);
  assert.deepEqual([ctx.identity, ctx.source, ctx.result, ctx.error], [null, null, null, null]);
  assert.deepEqual(ctx.prev, { result: {} });
  assert.deepEqual(ctx.stash, { awsAppsyncApiId: ctx.env.API, amplifyApiEnvironmentName: 'NONE' });
  assert.equal(ctx.env.STAGE, 'test');
  assert.equal(ctx.request.domainName, null);
  assert.match(ctx.request.headers['x-api-key'], /^da2-/);
  assert.deepEqual(ctx.info, {
    fieldName: 'context', parentTypeName: 'Query', variables: { t: 'hi', d: { a: [1] } }, selectionSetList: [], selectionSetGraphQL: '',
  });
  assert.equal(ctx.authType, 'API Key Authorization');
  for (const name of ['arguments', 'args', 'identity', 'source', 'stash', 'prev', 'result', 'error', 'request', 'info', 'env']) {
    assert.ok(ctx.keys.includes(name), name);
  }
});

test('the context: who asks, and as what', async () => {
  const { AccessToken } = await signUp(server, `carl${process.pid}@example.com`);
  const { data } = await ask('{ context }', undefined, { authorization: AccessToken });
  const { identity, authType } = JSON.parse(data.context);
  assert.equal(authType, 'User Pool Authorization');
  assert.deepEqual(Object.keys(identity).sort(), ['claims', 'defaultAuthStrategy', 'groups', 'issuer', 'sourceIp', 'sub', 'username']);
  const refused = await ask('{ editorsOnly }', undefined, { authorization: AccessToken });
  assert.deepEqual([refused.data.editorsOnly, refused.errors[0].errorType], [null, 'Unauthorized']);
  assert.equal((await ask('{ editorsOnly }')).errors[0].message, 'Not Authorized to access editorsOnly on type Query');
});

test('what is selected below the field', async () => {
  const { data } = await ask('query ($no: Boolean = false) { selected { ...F name: text id @include(if: $no) place { city } } } fragment F on Note { text createdAt }');
  const info = JSON.parse(data.selected.text);
  assert.deepEqual(info.selectionSetList, ['text', 'createdAt', 'place', 'place/city']);
  assert.equal(info.selectionSetGraphQL, '{\n  text\n  createdAt\n  place {\n    city\n  }\n}');
});

// ---- pipelines ---------------------------------------------------------------------------------

test('several handlers share a stash, and each has the result of the one before', async () => {
  const { second } = await json(client.queries.pipeline({ number: 4 }));
  assert.deepEqual(second.prev, { number: 6 });
  assert.deepEqual(second.stash.seen, [4, 5]);
});

test('runtime.earlyReturn: to the next handler, or to the end', async () => {
  assert.deepEqual(await json(client.queries.early({ skipTo: 'END' })), { early: 'END' });
  const next = await json(client.queries.early());
  assert.deepEqual(next.second.prev, { early: 'default' });
  assert.equal(next.second.stash.first, true);
});

// ---- errors ------------------------------------------------------------------------------------

test('util.error: message, type, data and information', async () => {
  const { data, errors } = await ask('{ fails(how: "error") }');
  assert.deepEqual(data, { fails: null });
  assert.deepEqual(errors, [{
    path: ['fails'], data: { shelf: 3 }, errorType: 'ShelfError', errorInfo: { near: [2, 4] },
    locations: [{ line: 1, column: 3, sourceName: null }], message: 'no such shelf',
  }]);
  const plain = await client.queries.fails({ how: 'plain' });
  assert.deepEqual([plain.data, plain.errors[0].message, plain.errors[0].errorType], [null, 'just this', null]);
});

test('util.appendError keeps the value', async () => {
  const { data, errors } = await ask('{ fails(how: "append") }');
  assert.equal(data.fails, 'still here');
  assert.deepEqual(errors.map(({ message, errorType, data: more, errorInfo }) => [message, errorType, more, errorInfo]), [
    ['first', 'Warning', { a: 1 }, { b: 2 }], ['second', null, null, null],
  ]);
});

test('util.unauthorized', async () => {
  const { errors } = await client.queries.fails({ how: 'unauthorized' });
  assert.deepEqual([errors[0].errorType, errors[0].message], ['Unauthorized', 'Not Authorized to access fails on type Query']);
});

test('an error of a required field makes all null, and is told once', async () => {
  const { data, errors } = await ask('{ required }');
  assert.equal(data, null);
  assert.deepEqual(errors.map(({ message, errorType }) => [message, errorType]), [['nothing there', 'Missing']]);
});

test('what a handler stumbles over is told as AppSync does, and the log has the place', async () => {
  for (const how of ['type', 'recursion']) {
    const { data, errors } = await client.queries.fails({ how });
    assert.deepEqual([data, errors[0].message, errors[0].errorType], [null, 'Runtime Error', 'Code']);
  }
  await until(() => /\[Query\.fails\]\s+at amplify\/data\/handlers\/fails\.js:8:53 \(request\)/.test(server.log()), 'the place in the log');
});

test('console.log goes to the log', async () => {
  await ok(client.queries.fails({ how: 'log' }));
  await until(() => server.log().includes('[Query.fails] a line {"of":["log"]}'), 'the line');
});

// ---- the process -------------------------------------------------------------------------------

test('nothing of Node is there, and nothing stays from one evaluation to the next', async () => {
  for (let i = 0; i < 3; i += 1) {
    const { count, seen, kinds, frozen, own } = await json(client.queries.leaks());
    assert.deepEqual([count, seen, frozen], [1, [1], true]);
    assert.deepEqual(own, { toString: 1, constructor: 'mine' });
    for (const [name, kind] of Object.entries(kinds)) assert.equal(kind, 'undefined', name);
  }
});

test('many at once, in whatever order they come back', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `n${i}`);
  const answers = await Promise.all(names.map((name) => ok(client.queries.hello({ name }))));
  assert.deepEqual(answers, names.map((name) => `Hello, ${name}!`));
});

test('one that spins is ended, and the others that wait are answered', async () => {
  const spinning = client.queries.spin({ long: true });
  const others = Array.from({ length: 20 }, (_, i) => ok(client.queries.hello({ name: `${i}` })));
  const { data, errors } = await spinning;
  assert.deepEqual([data, errors[0].errorType, errors[0].message], [null, 'Code', 'Evaluation timed out.']);
  assert.deepEqual(await Promise.all(others), others.map((_, i) => `Hello, ${i}!`));
  assert.equal(await ok(client.queries.spin({ long: false })), 'done');
});

test('one that takes all memory ends its process, and only itself', async () => {
  const { data, errors } = await client.queries.hog();
  assert.deepEqual([data, errors[0].errorType], [null, 'Code']);
  assert.equal(await ok(client.queries.hello()), 'Hello, you!');
});
