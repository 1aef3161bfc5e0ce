// What is counted for one user is counted for that user alone, whatever others call themselves; and what is counted
// under a name has a name's length.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { PASSWORD, startPool } from './lib.mjs';

const FREE_TRIES = 5; // wrong ones that lock nothing

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
const answer = (Session, USERNAME, SMS_MFA_CODE) =>
  pool.call('RespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'SMS_MFA', Session, ChallengeResponses: { USERNAME, SMS_MFA_CODE },
  }).then(({ body }) => body);

/** Somebody with a second factor: name, sub, number. */
async function makeUser() {
  const Username = `kim-${process.pid}-${++count}`;
  const phone = `+4177${String(process.pid).padStart(7, '0').slice(-7)}${count}`;
  const { User } = await send('AdminCreateUser', {
    Username, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'phone_number', Value: phone }],
  });
  await send('AdminSetUserPassword', { Username, Password: PASSWORD, Permanent: true });
  await send('AdminSetUserMFAPreference', { Username, SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
  return { Username, phone, sub: User.Attributes.find(({ Name }) => Name === 'sub').Value };
}

test('guesses at a name do not lock the second factor of somebody else', async () => {
  const { Username, phone, sub } = await makeUser();
  for (let i = 0; i <= FREE_TRIES; i++) await begin(`mfa#${sub}`, 'Wr0ng-wrong!');
  const { Session } = await begin(Username);
  const { code } = await pool.mail(phone);
  const done = await answer(Session, Username, code);
  assert.ok(done.AuthenticationResult, JSON.stringify(done));
});

test('nor does the sign-in of a name forget guesses at it', async () => {
  const { Username, phone, sub } = await makeUser();
  const other = `mfa#${sub}`;
  await send('AdminCreateUser', { Username: other, MessageAction: 'SUPPRESS' });
  await send('AdminSetUserPassword', { Username: other, Password: PASSWORD, Permanent: true });
  let refused = {};
  for (let i = 0; i <= FREE_TRIES; i++) {
    const { Session } = await begin(Username);
    const { code } = await pool.mail(phone);
    refused = await answer(Session, Username, code === '000000' ? '000001' : '000000');
    await begin(other);
  }
  assert.equal(refused.message, 'Password attempts exceeded');
});

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
