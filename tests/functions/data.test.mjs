// Functions behind the data API: operations with handlers, Lambda authorisers, and functions that call the API themselves.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import { WebSocket } from 'ws';
import { serve, until } from './serve.mjs';

globalThis.WebSocket ??= WebSocket;
let server;
let client;
let url;
let apiKey;

before(async () => {
  server = await serve('shop');
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // realtime is TLS, with this server's own certificate
  const outputs = server.outputs();
  Amplify.configure(outputs);
  client = generateClient();
  url = outputs.data.url;
  apiKey = outputs.data.api_key;
});
after(() => server.end());

async function graphql(query, variables, headers = { 'x-api-key': apiKey }) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return { status: answer.status, ...(await answer.json()) };
}

async function ok(operation) {
  const { data, errors } = await operation;
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

// ---- what a handler is told --------------------------------------------------------------------

test('a handler is told what is asked, by whom, and with which headers', async () => {
  const { data } = await graphql('query ($d: AWSJSON) { echo(text: "hi", data: $d, kind: TOY) }', { d: '{"a":[1]}' }, {
    'x-api-key': apiKey, 'X-Shop': 'Two Words',
  });
  const event = JSON.parse(data.echo);
  assert.deepEqual(Object.keys(event), ['typeName', 'fieldName', 'arguments', 'identity', 'source', 'request', 'prev']);
  assert.equal(event.typeName, 'Query');
  assert.equal(event.fieldName, 'echo');
  assert.deepEqual(event.arguments, { text: 'hi', data: { a: [1] }, kind: 'TOY' });
  assert.equal(event.identity, null);
  assert.equal(event.source, null);
  assert.deepEqual(event.prev, { result: {} });
  assert.equal(event.request.domainName, null);
  assert.equal(event.request.headers['x-shop'], 'Two Words');
  assert.equal(event.request.headers['x-api-key'], apiKey);
  assert.equal(event.request.headers.host, new URL(url).host);
  assert.match(event.request.headers['x-forwarded-for'], /^(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/);
});

test('arguments that were not given are not there', async () => {
  const { data } = await graphql('{ echo }');
  assert.deepEqual(JSON.parse(data.echo).arguments, {});
});

test('the identity of a user of the pool', async () => {
  const username = `ann${process.pid}@example.com`;
  const admin = await signUp(username);
  const { data } = await graphql('{ echo }', undefined, { authorization: admin.AccessToken });
  const { identity } = JSON.parse(data.echo);
  assert.deepEqual(Object.keys(identity).sort(), ['claims', 'defaultAuthStrategy', 'groups', 'issuer', 'sourceIp', 'sub', 'username']);
  assert.equal(identity.groups, null);
  assert.equal(identity.defaultAuthStrategy, 'ALLOW');
  assert.equal(identity.sub, identity.claims.sub);
  assert.equal(identity.issuer, identity.claims.iss);
  assert.equal(identity.username, identity.claims.username);
  assert.equal(identity.sourceIp.length, 1);

  const refused = await graphql('{ admins }', undefined, { authorization: admin.AccessToken });
  assert.equal(refused.errors[0].errorType, 'Unauthorized');
  assert.equal(refused.data.admins, null);
});

test('a rule that names others keeps the handler from being called', async () => {
  const { errors } = await graphql('{ admins }');
  assert.equal(errors[0].errorType, 'Unauthorized');
  assert.equal(errors[0].message, 'Not Authorized to access admins on type Query');
});

async function cognito(operation, body) {
  const answer = await fetch(`${server.origin}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
    body: JSON.stringify(body),
  });
  const json = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(json));
  return json;
}

async function signUp(Username) {
  const ClientId = server.outputs().auth.user_pool_client_id;
  const Password = 'Corr3ct-horse!';
  await cognito('SignUp', { ClientId, Username, Password, UserAttributes: [{ Name: 'email', Value: Username }] });
  const { code } = await (await fetch(`${server.origin}/_ampd/inbox?wait=${encodeURIComponent(Username)}&seconds=10`)).json();
  await cognito('ConfirmSignUp', { ClientId, Username, ConfirmationCode: code });
  const { AuthenticationResult } = await cognito('InitiateAuth', {
    ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD: Password },
  });
  return AuthenticationResult;
}

// ---- what becomes of what it returns -----------------------------------------------------------

test('several handlers in a row: each has the result of the one before', async () => {
  assert.equal(await ok(client.queries.chain({ number: 5 })), 40);
});

test('an error that is thrown is the field\'s, with its message and the type that AppSync gives all of them', async () => {
  const { data, errors } = await graphql('{ fails(how: "throw") }');
  assert.deepEqual(data, { fails: null });
  assert.deepEqual(errors, [{
    path: ['fails'], data: null, errorType: 'Lambda:Unhandled', errorInfo: null,
    locations: [{ line: 1, column: 3, sourceName: null }], message: 'none left',
  }]);
});

test('a text that is thrown, the end of the process, and too long a time', async () => {
  const string = await graphql('{ fails(how: "string") }');
  assert.equal(string.errors[0].message, 'just a text');
  const exit = await graphql('{ fails(how: "exit") }');
  assert.match(exit.errors[0].message, /^RequestId: [-0-9a-f]{36} Error: Runtime exited with error: exit status 7$/);
  const time = await graphql('{ fails(how: "time") }');
  assert.match(time.errors[0].message, /Task timed out after 1\.00 seconds$/);
  for (const { errors } of [string, exit, time]) assert.equal(errors[0].errorType, 'Lambda:Unhandled');
  assert.equal((await graphql('{ fails(how: "no") }')).data.fails, 'fine');
});

const give = async (field, value, selection = '') => {
  const { data, errors } = await graphql(`query ($v: AWSJSON) { r: ${field}(value: $v) ${selection} }`, { v: JSON.stringify(value) });
  return { value: data?.r, errors };
};

test('results take the form of the field\'s type', async () => {
  assert.equal((await give('giveText', 'hello')).value, 'hello');
  assert.equal((await give('giveText', null)).value, null);
  assert.equal((await give('giveInt', 7)).value, 7);
  assert.match((await give('giveInt', 'seven')).errors[0].message, /^Can't serialize value \(\/r\)/);
  assert.equal((await give('giveJson', { a: [1, null] })).value, '{"a":[1,null]}');
  assert.equal((await give('giveJson', 'text')).value, '"text"');
  assert.equal((await give('giveKind', 'TOOL')).value, 'TOOL');
  assert.match((await give('giveKind', 'OTHER')).errors[0].message, /Invalid input for Enum 'Kind'/);
});

test('custom types and lists of them', async () => {
  const size = { width: 1, height: 2, unit: 'MM', more: 'is left out' };
  assert.deepEqual((await give('giveSize', size, '{ width height unit }')).value, { width: 1, height: 2, unit: 'MM' });
  assert.deepEqual((await give('giveSizes', [size, null, { width: 3 }], '{ width unit }')).value, [
    { width: 1, unit: 'MM' }, null, { width: 3, unit: null },
  ]);
  const without = await give('giveSize', { height: 2 }, '{ width }');
  assert.equal(without.value, null);
  assert.match(without.errors[0].message, /Cannot return null for non-nullable type: 'Int' within parent 'Size' \(\/r\/width\)/);
});

test('a model that a handler returns has its relations', async () => {
  const item = await ok(client.models.Item.create({ name: 'with notes' }));
  await ok(client.models.Note.create({ text: 'first', itemId: item.id }));
  const { value, errors } = await give('giveItem', { id: item.id, name: 'renamed' }, '{ id name notes { items { text } } }');
  assert.deepEqual(errors, undefined, JSON.stringify(errors));
  assert.deepEqual(value, { id: item.id, name: 'renamed', notes: { items: [{ text: 'first' }] } });
});

test('a handler that is not waited for: success, and its work comes later', async () => {
  const { success } = await ok(client.mutations.later({ name: 'parcel' }));
  assert.equal(success, true);
  const item = await until(
    async () => (await ok(client.models.Item.list())).find(({ name }) => name === 'parcel of Mutation.later'), 'the item',
  );
  assert.ok(item.id);
});

test('what a handler of a mutation returns goes to the subscriptions of that mutation', async () => {
  const seen = [];
  const subscription = client.subscriptions.onAnnounce().subscribe({ next: (size) => seen.push(size), error: (error) => seen.push(error) });
  try {
    await until(async () => {
      const { data } = await graphql('mutation ($v: AWSJSON) { announce(value: $v) { width unit height } }', {
        v: '{"width":4,"unit":"INCH"}',
      });
      assert.deepEqual(data.announce, { width: 4, unit: 'INCH', height: null });
      return seen.length > 0;
    }, 'an event');
    assert.deepEqual({ ...seen[0] }, { width: 4, height: null, unit: 'INCH' });
  } finally {
    subscription.unsubscribe();
  }
});

// ---- functions that call the API ---------------------------------------------------------------

test('a function with access writes and reads through the official client', async () => {
  const result = JSON.parse(await ok(client.mutations.stock({ name: 'ball' })));
  assert.equal(result.thrown, undefined);
  assert.equal(result.created.name, 'ball');
  assert.equal(result.errors, null);
  assert.ok(result.names.includes('ball'));
  assert.equal((await ok(client.models.Item.get({ id: result.created.id }))).name, 'ball');
});

test('our own runtime module does as the package\'s', async () => {
  assert.equal(JSON.parse(await ok(client.mutations.ownStock({ name: 'kite' }))).name, 'kite');
});

test('access to queries alone refuses mutations', async () => {
  const result = JSON.parse(await ok(client.mutations.readerStock({ name: 'never' })));
  assert.deepEqual(result.errors, ['Unauthorized']);
  assert.ok(Array.isArray(result.names) && !result.names.includes('never'));
});

test('a function without access has no configuration to call with', async () => {
  const result = JSON.parse(await ok(client.mutations.outsiderStock({ name: 'never' })));
  assert.match(result.thrown, /The data environment variables are malformed|Cannot read properties of undefined/);
});

// ---- Lambda authorisers ------------------------------------------------------------------------

const as = (name, query = '{ echo }', variables) => graphql(query, variables, { authorization: `custom-${name}` });

test('whoever the authoriser lets in is known by its context', async () => {
  const { data, errors } = await as('ann', 'query Named { echo }');
  assert.equal(errors, undefined, JSON.stringify(errors));
  const { identity, request } = JSON.parse(data.echo);
  assert.deepEqual(Object.keys(identity), ['resolverContext']);
  assert.equal(identity.resolverContext.name, 'ann');
  assert.equal(identity.resolverContext.query, 'query Named { echo }');
  assert.equal(identity.resolverContext.keys, 'accountId,apiId,queryString,requestId,variables');
  assert.equal(identity.resolverContext.agent, 'object');
  assert.equal(request.headers.authorization, 'custom-ann');
});

test('it is asked once for a token, and each time with a lifetime of none', async () => {
  const asked = async (name) => JSON.parse((await as(name)).data.echo).identity.resolverContext.asked;
  const first = await asked('once');
  assert.equal(await asked('once'), first);
  const fresh = await asked('fresh');
  assert.notEqual(await asked('fresh'), fresh);
});

test('whoever it does not let in is refused as a whole, also when it fails', async () => {
  for (const name of ['nobody', 'broken']) {
    const { status, errors, data } = await as(name);
    assert.equal(status, 401);
    assert.equal(data, undefined);
    assert.deepEqual(errors, [{ errorType: 'UnauthorizedException', message: 'You are not authorized to make this call.' }]);
  }
  const { status } = await graphql('{ echo }', undefined, { authorization: 'other' });
  assert.equal(status, 401);
});

test('allow.custom() opens models to them, other rules do not', async () => {
  const { data } = await as('ann', 'mutation { createSecret(input: { text: "x" }) { text } }');
  assert.equal(data.createSecret.text, 'x');
  const { errors } = await as('ann', '{ listNotes { items { text } } }');
  assert.equal(errors[0].errorType, 'Unauthorized');
  const byKey = await graphql('{ listSecrets { items { text } } }');
  assert.equal(byKey.errors[0].errorType, 'Unauthorized');
});

test('denied fields are null and unauthorised', async () => {
  const item = await ok(client.models.Item.create({ name: 'seen', kind: 'TOY' }));
  const { data, errors } = await as('half', `{ getItem(id: "${item.id}") { name kind } }`);
  assert.deepEqual(data.getItem, { name: 'seen', kind: null });
  assert.equal(errors[0].errorType, 'Unauthorized');
  assert.equal(errors[0].message, 'Not Authorized to access kind on type Item');
  const made = await as('half', 'mutation { createItem(input: { name: "no" }) { name } }');
  assert.equal(made.errors[0].message, 'Not Authorized to access createItem on type Mutation');
  assert.equal((await as('whole', `{ getItem(id: "${item.id}") { kind } }`)).data.getItem.kind, 'TOY');
});

test('the official client brings such tokens, for subscriptions too', async () => {
  const custom = generateClient({ authMode: 'lambda', authToken: 'custom-listener' });
  const seen = [];
  const failed = [];
  const subscription = custom.models.Item.onCreate().subscribe({
    next: ({ name }) => seen.push(name), error: (error) => failed.push(error),
  });
  try {
    let number = 0;
    await until(async () => {
      await ok(custom.models.Item.create({ name: `heard ${number++}` }));
      return seen.length > 0 || failed.length > 0;
    }, 'an event');
    assert.deepEqual(failed, []);
    assert.match(seen[0], /^heard /);
  } finally {
    subscription.unsubscribe();
  }
  const stranger = generateClient({ authMode: 'lambda', authToken: 'custom-nobody' });
  const error = await new Promise((resolve) => stranger.models.Item.onCreate().subscribe({ error: resolve }));
  assert.match(JSON.stringify(error), /not authorized|Unauthorized|401|Connection failed/i);
});
