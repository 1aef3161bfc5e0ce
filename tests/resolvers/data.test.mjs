// Handlers over data sources: every operation of DynamoDB on the models' tables, HTTP endpoints, functions.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { ok, start } from './lib.mjs';
import { until } from './serve.mjs';

let web;
let server;
let client;
let ask;
let json;
const asked = [];
before(async () => {
  web = createServer((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => {
      asked.push({ method: req.method, url: req.url, headers: req.headers, body });
      if (req.url.startsWith('/broken')) return req.socket.destroy();
      res.writeHead(req.url.startsWith('/missing') ? 404 : 200, { 'Content-Type': 'application/json', 'X-Two': ['a', 'b'] });
      return res.end(JSON.stringify({ sky: 'blue', asked: req.url }));
    });
  });
  await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve));
  process.env.WEATHER_URL = `http://127.0.0.1:${web.address().port}`;
  ({ server, client, ask, json } = await start());
});
after(async () => {
  await server?.end();
  web?.close();
});

const note = async (fields) => ok(client.mutations.putNote(fields));
const request = async (value, field = 'ask') => json(client.mutations[field]({ request: JSON.stringify(value) }));
const S = (text) => ({ S: text });
const N = (number) => ({ N: String(number) });

// ---- one item ----------------------------------------------------------------------------------

test('put and get: the item is the model\'s own', async () => {
  const made = await note({ id: 'p1', text: 'first', tag: 'a', rank: 1 });
  assert.deepEqual([made.id, made.text, made.tag, made.rank], ['p1', 'first', 'a', 1]);
  assert.equal((await ok(client.queries.readNote({ id: 'p1' }))).text, 'first');
  assert.equal((await ok(client.models.Note.get({ id: 'p1' }))).text, 'first');
  assert.equal(await ok(client.queries.readNote({ id: 'none' })), null);
  const generated = await note({ text: 'x' });
  assert.match(generated.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('put: a condition that is not met is the handler\'s error, with the item that is there', async () => {
  await note({ id: 'c1', text: 'old one', only: 'new' });
  const { data, errors } = await ask('mutation { putNote(id: "c1", text: "again", only: "new") { id } }');
  assert.equal(data.putNote, null);
  assert.equal(errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
  assert.match(errors[0].message, /^The conditional request failed \(Service: DynamoDb, Status Code: 400, Request ID: \w+\)$/);
  assert.equal(errors[0].data.text, 'old one');
  assert.deepEqual(errors[0].errorInfo, { id: 'c1' });
  assert.equal((await note({ id: 'c1', text: 'newer', only: 'old' })).text, 'newer');
});

test('put: what is there already as it was to be counts as done', async () => {
  await note({ id: 'e1', text: 'same', tag: 't' });
  const again = (ignored) => request({
    operation: 'PutItem', key: { id: S('e1') }, attributeValues: { text: S('same'), tag: S('t'), __typename: S('Note') },
    condition: { expression: 'attribute_not_exists(id)', equalsIgnore: ignored },
  });
  const { result, error } = await again(['createdAt', 'updatedAt']);
  assert.deepEqual([result.text, error], ['same', null]);
  assert.equal((await again([])).error.type, 'DynamoDB:ConditionalCheckFailedException');
});

test('put: a function decides what becomes of a condition that is not met', async () => {
  const settle = (text) => json(client.mutations.settle({ id: 'j1', text }));
  assert.deepEqual(await settle('first'), { result: { id: 'j1', text: 'first' }, error: null });
  const rejected = await settle('reject');
  assert.deepEqual([rejected.result.text, rejected.error.type], ['first', 'DynamoDB:ConditionalCheckFailedException']);
  assert.deepEqual(await settle('discard'), { result: { id: 'j1', text: 'first' }, error: null });
  assert.equal((await settle('retry')).result.text, 'first, then again for Mutation.settle of j1, null');
});

test('update: by an expression, in one step for each of many', async () => {
  await note({ id: 'u1', text: 't', likes: 3 });
  assert.equal((await ok(client.mutations.likeNote({ id: 'u1', by: 4 }))).likes, 7);
  await Promise.all(Array.from({ length: 20 }, () => ok(client.mutations.likeNote({ id: 'u1' }))));
  assert.equal((await ok(client.queries.readNote({ id: 'u1' }))).likes, 27);
  const { data, errors } = await client.mutations.likeNote({ id: 'none' });
  assert.deepEqual([data, errors[0].errorType], [null, 'DynamoDB:ConditionalCheckFailedException']);
});

test('update: the operations of the helpers', async () => {
  await note({ id: 'o1', text: 't', likes: 3, tag: 'a' });
  const change = (update, condition) => json(client.mutations.changeNote({
    id: 'o1', update: JSON.stringify(update), ...(condition && { condition: JSON.stringify(condition) }),
  }));
  assert.deepEqual((await change({ tags: ['x'], place: { op: 'replace', args: [{ city: 'Bern', street: 's' }] } })).place, { city: 'Bern', street: 's' });
  assert.deepEqual((await change({ place: { city: 'Rome' } })).place, { city: 'Rome', street: 's' });
  assert.deepEqual((await change({ tags: { op: 'append', args: [['y', 'z']] } })).tags, ['x', 'y', 'z']);
  assert.deepEqual((await change({ tags: { op: 'prepend', args: [['w']] } })).tags, ['w', 'x', 'y', 'z']);
  assert.deepEqual((await change({ tags: [{ op: 'updateListItem', args: ['X', 1] }] })).tags, ['w', 'X', 'y', 'z']);
  assert.equal((await change({ likes: { op: 'increment', args: [5] } })).likes, 8);
  assert.equal((await change({ likes: { op: 'decrement' } }, { likes: { ge: 8 } })).likes, 7);
  assert.equal((await change({ rank: { op: 'increment' } })).rank, 1);
  assert.equal('tag' in (await change({ tag: { op: 'remove' }, text: null })), false);
  assert.deepEqual((await change({ tags: { op: 'set', args: [['a', 'b']] } })).tags, ['a', 'b']);
  const { errors } = await client.mutations.changeNote({ id: 'o1', update: '{"likes":1}', condition: '{"likes":{"gt":100}}' });
  assert.equal(errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
});

test('update: what DynamoDB refuses', async () => {
  const refused = async (raw) => (await client.mutations.changeNote({ id: 'o1', raw: JSON.stringify(raw) })).errors[0];
  const key = await refused({ expression: 'SET id = :v', expressionValues: { ':v': S('x') } });
  assert.equal(key.errorType, 'DynamoDB:DynamoDbException');
  assert.match(key.message, /^One or more parameter values were invalid: Cannot update attribute id\. This attribute is part of the key \(Service: DynamoDb/);
  assert.match((await refused({ expression: 'SET likes = :v' })).message, /An expression attribute value used in expression is not defined; attribute value: :v/);
  assert.match((await refused({ expression: 'SET likes = :v', expressionValues: { ':v': N(1), ':w': N(2) } })).message, /unused in expressions: keys: \{:w\}/);
  assert.match((await refused({ expression: 'SET likes' })).message, /^Invalid UpdateExpression: Syntax error; token: "<EOF>"/);
  assert.match((await refused({ expression: 'SET likes = nothing + :v', expressionValues: { ':v': N(1) } })).message, /refers to an attribute that does not exist/);
});

test('remove: the item as it was, nothing for none', async () => {
  await note({ id: 'r1', text: 'gone soon' });
  const { errors } = await client.mutations.removeNote({ id: 'r1', text: 'other' });
  assert.equal(errors[0].errorType, 'DynamoDB:ConditionalCheckFailedException');
  assert.equal((await ok(client.mutations.removeNote({ id: 'r1', text: 'gone soon' }))).text, 'gone soon');
  assert.equal(await ok(client.mutations.removeNote({ id: 'r1' })), null);
  assert.equal(await ok(client.mutations.removeNote({ id: 'r1', text: 'x' })), null, 'it is gone, as it was to be');
});

test('keys: of two attributes, and those that do not fit', async () => {
  const key = { shop: S('north'), number: N(7) };
  const put = await request({ operation: 'PutItem', key, attributeValues: { total: N('12.50') } }, 'askOrder');
  assert.deepEqual(put.result, { total: 12.5, shop: 'north', number: 7 });
  assert.deepEqual((await request({ operation: 'GetItem', key, projection: { expression: '#t', expressionNames: { '#t': 'total' } } }, 'askOrder')).result, { total: 12.5 });
  for (const wrong of [{ shop: S('north') }, { shop: S('n'), number: N(1), more: S('x') }, {}]) {
    const { error } = await request({ operation: 'GetItem', key: wrong }, 'askOrder');
    assert.match(error.message, /^The provided key element does not match the schema/);
  }
  const { error } = await request({ operation: 'GetItem', key: { shop: S('n'), number: S('x') } }, 'askOrder');
  assert.equal(error.type, 'DynamoDB:DynamoDbException');
});

// ---- pages -------------------------------------------------------------------------------------

test('query of an index: key, range, filter, order, pages', async () => {
  await Promise.all([1, 2, 3, 4, 5].map((rank) => note({ id: `q${rank}`, text: `t${rank}`, tag: 'query', rank, likes: rank % 2 })));
  const query = (args) => json(client.queries.notesByTag({ tag: 'query', ...args }));
  const ranks = ({ items }) => items.map(({ rank }) => rank);
  const all = await query({});
  assert.deepEqual([ranks(all), all.nextToken, all.scannedCount], [[1, 2, 3, 4, 5], null, 5]);
  assert.deepEqual(ranks(await query({ backwards: true })), [5, 4, 3, 2, 1]);
  assert.deepEqual(ranks(await query({ rank: '{"between":[2,4]}' })), [2, 3, 4]);
  assert.deepEqual(ranks(await query({ rank: '{"gt":3}' })), [4, 5]);
  const filtered = await query({ filter: '{"or":[{"likes":{"eq":1}},{"text":{"contains":"4"}}],"rank":{"attributeExists":true}}' });
  assert.deepEqual([ranks(filtered), filtered.scannedCount], [[1, 3, 4, 5], 5]);
  const seen = [];
  let nextToken;
  do {
    const page = await query({ limit: 2, nextToken });
    assert.ok(page.items.length <= 2);
    seen.push(...ranks(page));
    nextToken = page.nextToken;
  } while (nextToken);
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  const { errors } = await client.queries.notesByTag({ tag: 'query', nextToken: 'nonsense' });
  assert.match(errors[0].message, /Invalid pagination token given/);
});

test('scan: filter, projection, parallel parts', async () => {
  const { items } = await json(client.queries.scanNotes({ filter: '{"tag":{"eq":"query"}}', projection: ['id', 'tag'] }));
  assert.deepEqual(items.map((item) => Object.keys(item).sort()), Array(5).fill(['id', 'tag']));
  const parts = await Promise.all([0, 1, 2].map((segment) => json(client.queries.scanNotes({ segment, totalSegments: 3, projection: ['id'] }))));
  const all = await json(client.queries.scanNotes({ projection: ['id'] }));
  assert.deepEqual(parts.flatMap((part) => part.items.map(({ id }) => id)).sort(), all.items.map(({ id }) => id).sort());
  assert.ok(parts.every((part) => part.items.length < all.items.length));
});

// ---- several -----------------------------------------------------------------------------------

test('batches: put, get in the keys\' order, delete', async () => {
  const batch = (op, ids) => json(client.mutations.batch({ op, ids }));
  const put = await batch('put', ['b1', 'b2']);
  const [table] = Object.keys(put.result.data);
  assert.deepEqual(put.result.data[table], [{ id: 'b1', text: 'batch b1' }, { id: 'b2', text: 'batch b2' }]);
  assert.deepEqual(put.result.unprocessedItems, { [table]: [] });
  const got = await batch('get', ['b2', 'none', 'b1']);
  assert.deepEqual(got.result.data[table], [{ id: 'b2', text: 'batch b2' }, null, { id: 'b1', text: 'batch b1' }]);
  assert.deepEqual((await batch('transactGet', ['b1', 'none'])).result.items, [{ text: 'batch b1' }, null]);
  assert.deepEqual((await batch('delete', ['b1', 'b2'])).result.data[table], [{ id: 'b1' }, { id: 'b2' }]);
  assert.deepEqual((await batch('get', ['b1'])).result.data[table], [null]);
  const many = await batch('put', Array.from({ length: 26 }, (_, i) => `m${i}`));
  assert.match(many.error.message, /^Too many items requested/);
});

test('a table that is not there', async () => {
  const { error } = await request({ operation: 'BatchGetItem', tables: { Other: { keys: [{ id: S('1') }] } } });
  assert.equal(error.type, 'DynamoDB:ResourceNotFoundException');
});

test('transactions: all of it or nothing, with the reasons', async () => {
  await Promise.all([note({ id: 't1', text: 'from', likes: 10 }), note({ id: 't2', text: 'to', likes: 1 })]);
  const likes = async (id) => (await ok(client.queries.readNote({ id }))).likes;
  const done = await json(client.mutations.transfer({ from: 't1', to: 't2', amount: 4 }));
  assert.deepEqual(done.result, { keys: [{ id: 't1' }, { id: 't2' }, { id: 't1-t2' }, { id: 't2' }], cancellationReasons: null });
  assert.deepEqual([await likes('t1'), await likes('t2')], [6, 5]);
  const failed = await json(client.mutations.transfer({ from: 't1', to: 't2', amount: 40 }));
  assert.equal(failed.error.type, 'DynamoDB:TransactionCanceledException');
  assert.match(failed.error.message, /\[ConditionalCheckFailed, None, None, None\]$/);
  assert.equal(failed.result.keys, null);
  assert.deepEqual(failed.result.cancellationReasons.map(({ type }) => type), ['ConditionalCheckFailed', 'None', 'None', 'None']);
  assert.deepEqual([await likes('t1'), await likes('t2')], [6, 5]);
});

test('requests that are none', async () => {
  const wrong = async (value) => {
    const { data, errors } = await client.mutations.ask({ request: JSON.stringify(value) });
    assert.equal(data, null);
    return [errors[0].errorType, errors[0].message];
  };
  assert.deepEqual(await wrong({}), ['MappingTemplate', "Value for field '$[operation]' not found."]);
  assert.deepEqual(await wrong('text'), ['MappingTemplate', 'Expected JSON object for a request mapping.']);
  assert.equal((await wrong({ operation: 'Sync' }))[0], 'UnsupportedOperation');
  assert.equal((await wrong({ operation: 'Truncate' }))[1], "Unsupported operation 'Truncate'.");
});

// ---- HTTP --------------------------------------------------------------------------------------

test('an HTTP endpoint: path, query, headers, body; status and headers of the answer', async () => {
  const weather = (value) => json(client.queries.weather({ request: JSON.stringify(value) }));
  const { result } = await weather({
    method: 'POST', resourcePath: '/now', params: { query: { city: 'Bad Ems', n: 1 }, headers: { 'X-Key': 'k', 'Content-Type': 'text/plain' }, body: { deep: [1] } },
  });
  assert.equal(result.statusCode, 200);
  assert.equal(result.headers['content-type'], 'application/json');
  assert.match(result.headers['x-two'], /a,\s?b/);
  assert.deepEqual(JSON.parse(result.body), { sky: 'blue', asked: '/now?city=Bad%20Ems&n=1' });
  const got = asked.at(-1);
  assert.deepEqual([got.method, got.headers['x-key'], got.headers['content-type'], got.body], ['POST', 'k', 'text/plain', '{"deep":[1]}']);
  assert.equal((await weather({ method: 'GET', resourcePath: '/missing' })).result.statusCode, 404);
  const broken = await weather({ method: 'GET', resourcePath: '/broken' });
  assert.deepEqual([broken.result, broken.error.type], [null, 'Http:ConnectionException']);
  assert.equal((await client.queries.weather({ request: '{"method":"GET","resourcePath":"now"}' })).errors[0].errorType, 'MappingTemplate');
});

// ---- functions ---------------------------------------------------------------------------------

test('a function: its result, its failure, and one that is not waited for', async () => {
  assert.deepEqual((await json(client.queries.shout({ text: 'hi' }))).result, { text: 'HI', list: [1, 2] });
  const failed = await json(client.queries.shout({ text: 'fail' }));
  assert.deepEqual([failed.result, failed.error], [null, { message: 'too loud', type: 'Lambda:Unhandled' }]);
  assert.deepEqual(await json(client.queries.shout({ text: 'later', event: true })), { result: null, error: null });
  await until(() => server.log().includes('shouting later'), 'the event');
});

test('sources that are not served say so', async () => {
  const bus = await client.queries.bus();
  assert.deepEqual(bus.errors[0].errorType, 'UnsupportedOperation');
  assert.match(bus.errors[0].message, /bus can not be served here: sources of the kind eventbridge/);
  assert.match((await client.queries.nowhere()).errors[0].message, /missing can not be served here: no data source of that name/);
});
