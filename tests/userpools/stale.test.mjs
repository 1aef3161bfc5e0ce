// Sign-ins under way while what they are about changes: addresses, factors, the user itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Authenticator } from './authenticator.mjs';
import { PASSWORD, address, makeUser, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('stale');
});
after(() => pool.end());

async function post(operation, body) {
  const answer = await pool.call(operation, body);
  assert.equal(answer.status, 200, `${operation}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function refusal(operation, body) {
  const answer = await pool.call(operation, body);
  assert.equal(answer.status, 400, `${operation}: ${JSON.stringify(answer.body)}`);
  return answer.body.__type;
}

const choose = (USERNAME, more = {}) => post('InitiateAuth', {
  ClientId: pool.clientId, AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME, ...more },
});

const answer = ({ Session }, ChallengeName, ChallengeResponses) => (
  { ClientId: pool.clientId, ChallengeName, Session, ChallengeResponses });

const change = (AccessToken, attributes) => post('UpdateUserAttributes', {
  AccessToken, UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
});

let phones = 0;
const phone = () => `+1556${String(process.pid % 10000).padStart(4, '0')}${String(++phones).padStart(3, '0')}`;

test('a code proves the address that it went to, and no other', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const challenge = await choose(user.username, { PREFERRED_CHALLENGE: 'EMAIL_OTP' });
  const { code } = await pool.mail(user.username);
  const victim = address('victim');
  await change(AccessToken, { email: victim });
  assert.equal(await refusal('RespondToAuthChallenge',
    answer(challenge, 'EMAIL_OTP', { USERNAME: user.sub, EMAIL_OTP_CODE: code })), 'ExpiredCodeException');
  const { UserAttributes } = await post('GetUser', { AccessToken });
  const shown = Object.fromEntries(UserAttributes.map(({ Name, Value }) => [Name, Value]));
  assert.equal(shown.email, victim);
  assert.equal(shown.email_verified, 'false');
});

test('a password is not recovered by a code to an address that is the user\'s no more', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  await post('ForgotPassword', { ClientId: pool.clientId, Username: user.username });
  const { code: ConfirmationCode } = await pool.mail(user.username);
  const email = address('moved');
  await change(AccessToken, { email });
  await post('VerifyUserAttribute', { AccessToken, AttributeName: 'email', Code: (await pool.mail(email)).code });
  assert.equal(await refusal('ConfirmForgotPassword', {
    ClientId: pool.clientId, Username: email, ConfirmationCode, Password: 'An0ther-horse!',
  }), 'ExpiredCodeException');
  await pool.signIn(email);
});

test('a factor whose address is gone is no factor', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const number = phone();
  await change(AccessToken, { phone_number: number });
  await post('SetUserMFAPreference', { AccessToken, SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
  const asked = await post('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  });
  assert.equal(asked.ChallengeName, 'SMS_MFA');
  await post('SetUserMFAPreference', {
    AccessToken, SMSMfaSettings: { Enabled: true }, EmailMfaSettings: { Enabled: true },
  });
  const select = await post('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  });
  assert.equal(select.ChallengeName, 'SELECT_MFA_TYPE');
  await post('SetUserMFAPreference', { AccessToken, EmailMfaSettings: { Enabled: false } });
  await post('DeleteUserAttributes', { AccessToken, UserAttributeNames: ['phone_number'] });
  assert.equal((await post('GetUser', { AccessToken })).UserMFASettingList, undefined);
  assert.equal(await refusal('RespondToAuthChallenge',
    answer(select, 'SELECT_MFA_TYPE', { USERNAME: user.sub, ANSWER: 'SMS_MFA' })), 'NotAuthorizedException');
  await pool.signIn(user.username);
});

test('a user who is disabled or has to reset the password comes no further with a factor', async () => {
  const admin = await pool.admin();
  const states = [
    [cognito.AdminDisableUserCommand, 'NotAuthorizedException'],
    [cognito.AdminResetUserPasswordCommand, 'PasswordResetRequiredException'],
  ];
  for (const [Command, name] of states) {
    const user = await makeUser(pool);
    const { AccessToken } = await pool.signIn(user.username);
    const number = phone();
    await change(AccessToken, { phone_number: number });
    await pool.mail(number);
    await post('SetUserMFAPreference', { AccessToken, SMSMfaSettings: { Enabled: true, PreferredMfa: true } });
    const asked = await post('InitiateAuth', {
      ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
    });
    const { code } = await pool.mail(number);
    await admin.send(new Command({ UserPoolId: pool.poolId, Username: user.username }));
    assert.equal(await refusal('RespondToAuthChallenge',
      answer(asked, 'SMS_MFA', { USERNAME: user.sub, SMS_MFA_CODE: code })), name);
  }
});

test('a choice that has been offered is gone with the user, and with the address', async () => {
  const choices = { WEB_AUTHN: 'NotAuthorizedException', EMAIL_OTP: undefined, PASSWORD_SRP: undefined };
  for (const [ANSWER, refusedWith] of Object.entries(choices)) {
    const user = await makeUser(pool);
    const { AccessToken } = await pool.signIn(user.username);
    const { CredentialCreationOptions } = await post('StartWebAuthnRegistration', { AccessToken });
    const Credential = new Authenticator({}).create(CredentialCreationOptions);
    await post('CompleteWebAuthnRegistration', { AccessToken, Credential });
    const offered = await choose(user.username);
    assert.ok(offered.AvailableChallenges.includes(ANSWER));
    await post('DeleteUser', { AccessToken });
    const { body } = await pool.call('RespondToAuthChallenge',
      answer(offered, 'SELECT_CHALLENGE', { USERNAME: user.sub, ANSWER, SRP_A: '2'.repeat(64) }));
    assert.equal(body.__type, refusedWith, ANSWER); // else it goes on as with somebody who never was
  }
  const number = phone();
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  await change(AccessToken, { phone_number: number });
  const offered = await choose(number);
  assert.ok(offered.AvailableChallenges.includes('EMAIL_OTP'));
  await post('DeleteUserAttributes', { AccessToken, UserAttributeNames: ['email'] });
  assert.equal(await refusal('RespondToAuthChallenge',
    answer(offered, 'SELECT_CHALLENGE', { USERNAME: user.sub, ANSWER: 'EMAIL_OTP' })), 'NotAuthorizedException');
});

test('of requests at the same time with one session, one goes on and the others hear why not', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  await change(AccessToken, { phone_number: phone() });
  await post('SetUserMFAPreference', {
    AccessToken, SMSMfaSettings: { Enabled: true }, EmailMfaSettings: { Enabled: true },
  });
  const select = await post('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  });
  const request = answer(select, 'SELECT_MFA_TYPE', { USERNAME: user.sub, ANSWER: 'EMAIL_OTP' });
  const answers = await Promise.all(Array.from({ length: 8 }, () => pool.call('RespondToAuthChallenge', request)));
  const kinds = answers.map(({ status, body }) => (status === 200 ? 'went on' : body.__type)).sort();
  assert.deepEqual(kinds, [...Array(7).fill('NotAuthorizedException'), 'went on']);
});
