// What is counted for one user is counted for that user alone, whatever others call themselves; and what is counted
// under a name has a name's length.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { PASSWORD, startPool } from './lib.mjs';

let pool;
let client;
before(async () => {
  pool = await startPool('plain'); // names are free
  client = await pool.admin();
});
after(() => pool.end());

let count = 0;
const send = (operation, input = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
const begin = (USERNAME, password = PASSWORD) =>
  pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD: password },
  }).then(({ body }) => body);

test('what is longer than a name is none', async () => {
  const long = 'x'.repeat(2000);
  for (const flow of ['USER_PASSWORD_AUTH', 'USER_SRP_AUTH']) {
    for (let i = 0; i < 2; i++) {
      const { status, body } = await pool.call('InitiateAuth', {
        ClientId: pool.clientId, AuthFlow: flow, AuthParameters: { USERNAME: long, PASSWORD, SRP_A: '2'.repeat(64) },
      });
      assert.deepEqual([status, body.__type], [400, 'InvalidParameterException'], JSON.stringify(body).slice(0, 300));
    }
  }
});

test('who was disabled meanwhile does not get a new password', async () => {
  const Username = `lee-${process.pid}-${++count}`;
  await send('AdminCreateUser', { Username, MessageAction: 'SUPPRESS', TemporaryPassword: PASSWORD });
  const { Session } = await begin(Username);
  await send('AdminDisableUser', { Username });
  const { body } = await pool.call('RespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session,
    ChallengeResponses: { USERNAME: Username, NEW_PASSWORD: 'An0ther-one!' },
  });
  assert.equal(body.message, 'User is disabled.');
  assert.equal((await send('AdminGetUser', { Username })).UserStatus, 'FORCE_CHANGE_PASSWORD');
});
