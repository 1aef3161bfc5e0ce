// preTokenGeneration of the second version, as an override of the pool sets it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PASSWORD, address, makeUser, startPool } from '../userpools/lib.mjs';

let pool;
before(async () => (pool = await startPool('../../functions/fixtures/claims')));
after(() => pool.end());

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

test('both tokens get claims of any kind, the access token scopes', async () => {
  const { username } = await makeUser(pool);
  const tokens = await pool.signIn(username);
  const id = claims(tokens.IdToken);
  assert.deepEqual([id.seats, id.plan, id.gone], [3, { name: 'pro', tags: ['a', 'b'] }, undefined]);
  const access = claims(tokens.AccessToken);
  assert.equal(access.scope, 'aws.cognito.signin.user.admin bills/read');
  assert.deepEqual([access.asked, access.active, access.version], ['aws.cognito.signin.user.admin', true, undefined]);
  assert.equal(access.client_id, pool.clientId);
  assert.equal((await pool.call('GetUser', { AccessToken: tokens.AccessToken })).status, 200);
});

test('a scope with a space is no scope', async () => {
  const { username } = await makeUser(pool, { username: address('spaced') });
  const { body } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD },
  });
  assert.deepEqual([body.__type, body.message], ['InvalidLambdaResponseException', 'Unrecognizable lambda output']);
});
