// What an API key may do where rules differ by operation and by field; operations with handlers.
// project: club
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Amplify, client, fails, ok, post } from '../lib/client.mjs';

const { Note, Wish, Profile } = client.models;

describe('rules by operation', () => {
  test('create is allowed, and shows what was made', async () => {
    const wish = await ok(Wish.create({ text: 'A pony' }));
    assert.deepEqual([wish.text, wish.owner], ['A pony', null]);
  });

  test('reading, changing and deleting are not', async () => {
    const { id } = await ok(Wish.create({ text: 'A pony' }));
    const attempts = {
      getWish: Wish.get({ id }), listWishes: Wish.list(), updateWish: Wish.update({ id, text: 'Two' }), deleteWish: Wish.delete({ id }),
    };
    for (const [field, attempt] of Object.entries(attempts)) {
      const [error] = await fails(attempt);
      assert.equal(error.errorType, 'Unauthorized', field);
      assert.match(error.message, new RegExp(`^Not Authorized to access ${field} on type (Query|Mutation)$`));
    }
  });

  test('the owner can not be given', async () => {
    const { body } = await post({ query: 'mutation { createWish(input: {text: "x", owner: "me"}) { id } }' });
    assert.match(body.errors[0].message, /^Validation error of type WrongType/);
  });
});

describe('rules by field', () => {
  test('a guarded field is null with an error, the rest is there', async () => {
    // The client selects every field, and what a mutation returns is guarded alike.
    const { data: { id }, errors } = await Profile.create({ name: 'Ada' });
    assert.deepEqual(errors.map(({ path, errorType }) => [path, errorType]), [[['createProfile', 'phone'], 'Unauthorized']]);
    const result = await Profile.get({ id });
    assert.equal(result.data.name, 'Ada');
    assert.equal(result.data.phone, null);
    assert.deepEqual(result.errors.map(({ path, errorType, message }) => [path, errorType, message]), [
      [['getProfile', 'phone'], 'Unauthorized', 'Not Authorized to access phone on type Profile'],
    ]);
  });

  test('it can not be written', async () => {
    const [error] = await fails(Profile.create({ name: 'Ada', phone: '+14155550132' }));
    assert.deepEqual([error.errorType, error.message], ['Unauthorized', 'Unauthorized on [phone]']);
    const { id } = await ok(Profile.create({ name: 'Ada' }, { selectionSet: ['id'] }));
    const [other] = await fails(Profile.update({ id, phone: '+14155550132' }));
    assert.equal(other.message, 'Unauthorized on [phone]');
  });

  test('not selecting it avoids the error', async () => {
    assert.ok((await ok(Profile.list({ selectionSet: ['name'] }))).length > 0);
  });
});

describe('operations with handlers', () => {
  test('the client knows them', () => {
    assert.deepEqual(Object.keys(client.queries).sort(), ['greet', 'members']);
    assert.deepEqual(Object.keys(client.mutations), ['like']);
  });

  test('rights come first', async () => {
    const [error] = await fails(client.queries.members());
    assert.equal(error.message, 'Not Authorized to access members on type Query');
  });

  test('functions run', async () => {
    assert.equal((await ok(client.queries.greet({ name: 'Ada' }))).text, 'Hello, Ada');
  });

  test('resolvers run, and one that fails does not stop what is beside it', async () => {
    const { id } = await ok(Note.create({ text: 'liked' }));
    assert.equal((await ok(client.mutations.like({ id }))).text, 'liked');
    await ok(Note.delete({ id }));
    const { body } = await post({ query: 'mutation { like(id: "untyped") { id } createWish(input: {text: "beside"}) { text } }' });
    assert.deepEqual(body.data, { like: null, createWish: { text: 'beside' } });
    assert.deepEqual(body.errors.map(({ path }) => path), [['like']]);
  });
});

test('a server of pages reads with the same outputs', async () => {
  const { generateClient } = await import('aws-amplify/api/server');
  const { runWithAmplifyServerContext } = await import('aws-amplify/adapter-core');
  const config = Amplify.getConfig();
  const server = generateClient({ config });
  await ok(Note.create({ text: 'served' }));
  const operation = (context) => server.graphql(context, { query: '{ listNotes { items { text } } }' });
  const { data } = await runWithAmplifyServerContext(config, {}, operation);
  assert.deepEqual(data.listNotes.items, [{ text: 'served' }]);
});
