// What a server that renders pages does (Next.js, Nuxt and others, through Amplify's adapter): the browser's tokens come as cookies,
// are refreshed there, and calls go out in the user's name.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import {
  createAWSCredentialsAndIdentityIdProvider, createKeyValueStorageFromCookieStorageAdapter, createUserPoolsTokenProvider,
  runWithAmplifyServerContext,
} from 'aws-amplify/adapter-core';
import { generateClient } from 'aws-amplify/api/server';
import * as auth from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { fetchAuthSession, fetchUserAttributes, getCurrentUser } from 'aws-amplify/auth/server';
import { parseAmplifyConfig } from 'aws-amplify/utils';
import { PASSWORD, makeUser, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('club');
});
after(() => pool.end());

/** The cookies of one visitor: as the page keeps them, and as a server reads and sets them. */
function cookies() {
  const jar = new Map();
  return {
    jar,
    ofPage: {
      setItem: async (key, value) => void jar.set(key, value),
      getItem: async (key) => jar.get(key) ?? null,
      removeItem: async (key) => void jar.delete(key),
      clear: async () => jar.clear(),
    },
    ofServer: {
      get: (name) => (jar.has(name) ? { name, value: jar.get(name) } : undefined),
      getAll: () => [...jar].map(([name, value]) => ({ name, value })),
      set: (name, value) => jar.set(name, value),
      delete: (name) => jar.delete(name),
    },
  };
}

/** Answers one request of a visitor. */
function request({ ofServer }, operation) {
  const config = parseAmplifyConfig(pool.outputs);
  const storage = createKeyValueStorageFromCookieStorageAdapter(ofServer);
  const tokenProvider = createUserPoolsTokenProvider(config.Auth, storage);
  const credentialsProvider = createAWSCredentialsAndIdentityIdProvider(config.Auth, storage);
  return runWithAmplifyServerContext(config, { Auth: { tokenProvider, credentialsProvider } }, operation);
}

test('a signed-in visitor is known, refreshed and obeyed; a guest is not', async () => {
  const user = await makeUser(pool);
  const visitor = cookies();
  Amplify.configure(pool.outputs, { ssr: true });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(visitor.ofPage);
  await auth.signIn({ username: user.username, password: PASSWORD });

  await request(visitor, async (context) => {
    assert.equal((await getCurrentUser(context)).userId, user.sub);
    assert.equal((await fetchUserAttributes(context)).email, user.username);
    const first = await fetchAuthSession(context);
    const second = await fetchAuthSession(context, { forceRefresh: true });
    assert.notEqual(String(second.tokens.accessToken), String(first.tokens.accessToken));
    assert.equal(second.identityId, first.identityId);
    assert.equal([...visitor.jar].find(([name]) => name.endsWith('accessToken'))[1], String(second.tokens.accessToken));
    const { models } = generateClient({ config: pool.outputs });
    const { data, errors } = await models.Diary.create(context, { text: 'from the server' }, { authMode: 'userPool' });
    assert.equal(errors, undefined);
    assert.equal(data.owner, user.sub);
    assert.deepEqual((await models.Diary.list(context)).data.map(({ text }) => text), ['from the server']);
  });
  // The page goes on with the tokens that the server has put there.
  assert.equal((await auth.fetchUserAttributes()).email, user.username);

  await request(cookies(), async (context) => {
    await assert.rejects(getCurrentUser(context), { name: 'UserUnAuthenticatedException' });
    assert.ok((await fetchAuthSession(context)).identityId);
    const { models } = generateClient({ config: pool.outputs });
    assert.deepEqual((await models.Board.list(context, { authMode: 'identityPool' })).data, []);
    await assert.rejects(models.Diary.list(context, { authMode: 'userPool' }));
  });
});
