// Operations with handlers in JavaScript, through the official client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import { serve } from './serve.mjs';

let server;
let client;
before(async () => {
  server = await serve('desk');
  Amplify.configure(server.outputs());
  client = generateClient();
});
after(() => server?.end());

test('a handler is told the arguments, and its response is the field', async () => {
  const { data, errors } = await client.queries.hello({ name: 'Ann' });
  assert.equal(errors, undefined);
  assert.equal(data, 'Hello, Ann!');
});
