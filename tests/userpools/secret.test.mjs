// A client with a secret, that tells of users who do not exist, and may see and write some attributes only.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { address, refused, startPool } from './lib.mjs';

let pool;
let client;
let secret;
before(async () => {
  pool = await startPool('secret');
  client = await pool.admin();
  secret = (await admin('DescribeUserPoolClient', { ClientId: pool.clientId })).UserPoolClient.ClientSecret;
});
after(() => pool.end());

const PASS = 'ten-l3tters';
const admin = (operation, input = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
const send = (operation, input) => pool.sdk().send(new cognito[`${operation}Command`]({ ClientId: pool.clientId, ...input }));
const bare = (operation, input) => pool.sdk().send(new cognito[`${operation}Command`](input));
const hash = (name, key = secret) => createHmac('sha256', key).update(name + pool.clientId).digest('base64');
const signUp = (Username, attributes = {}, more = {}) => send('SignUp', {
  Username, Password: PASS, SecretHash: hash(Username),
  UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })), ...more,
});
const make = async (attributes) => {
  const username = address();
  await signUp(username, attributes);
  const { code } = await pool.mail(username);
  await send('ConfirmSignUp', { Username: username, ConfirmationCode: code, SecretHash: hash(username) });
  return username;
};
const signIn = (USERNAME, PASSWORD = PASS, more = { SECRET_HASH: hash(USERNAME) }) =>
  send('InitiateAuth', { AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD, ...more } });
const missing = () => `Client ${pool.clientId} is configured with secret but SECRET_HASH was not received`;
const wrong = () => `Unable to verify secret hash for client ${pool.clientId}`;

test('every operation of a client asks for the hash and looks at it', async () => {
  assert.match(secret, /^[a-z0-9]{50,64}$/);
  const username = await make();
  const calls = {
    SignUp: (SecretHash) => send('SignUp', { Username: address(), Password: PASS, SecretHash }),
    ConfirmSignUp: (SecretHash) => send('ConfirmSignUp', { Username: username, ConfirmationCode: '123456', SecretHash }),
    ResendConfirmationCode: (SecretHash) => send('ResendConfirmationCode', { Username: username, SecretHash }),
    ForgotPassword: (SecretHash) => send('ForgotPassword', { Username: username, SecretHash }),
    ConfirmForgotPassword: (SecretHash) => send('ConfirmForgotPassword', { Username: username, ConfirmationCode: '123456', Password: PASS, SecretHash }),
    InitiateAuth: (SECRET_HASH) => signIn(username, PASS, SECRET_HASH ? { SECRET_HASH } : {}),
    srp: (SECRET_HASH) => send('InitiateAuth', {
      AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: username, SRP_A: 'abc', ...(SECRET_HASH ? { SECRET_HASH } : {}) },
    }),
    RespondToAuthChallenge: (SECRET_HASH) => send('RespondToAuthChallenge', {
      ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: 'x'.repeat(40),
      ChallengeResponses: { USERNAME: username, NEW_PASSWORD: PASS, ...(SECRET_HASH ? { SECRET_HASH } : {}) },
    }),
    AdminInitiateAuth: (SECRET_HASH) => admin('AdminInitiateAuth', {
      ClientId: pool.clientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
      AuthParameters: { USERNAME: username, PASSWORD: PASS, ...(SECRET_HASH ? { SECRET_HASH } : {}) },
    }),
  };
  for (const call of Object.values(calls)) {
    await refused(call(), 'NotAuthorizedException', missing());
    await refused(call(hash(username, `${secret}x`)), 'NotAuthorizedException', wrong());
    await refused(call(hash('somebody')), 'NotAuthorizedException', wrong());
    await refused(call('AAAA'), 'NotAuthorizedException', wrong());
  }
  const { AuthenticationResult } = await signIn(username);
  assert.equal(AuthenticationResult.ExpiresIn, 600);
  const done = await calls.AdminInitiateAuth(hash(username));
  assert.ok(done.AuthenticationResult.AccessToken);
});

test('tokens are refreshed with the hash over the name, or with the secret itself', async () => {
  const username = await make();
  const { AuthenticationResult: { RefreshToken, AccessToken, IdToken } } = await signIn(username);
  const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  assert.equal(claims(IdToken).exp - claims(IdToken).iat, 3600);
  assert.equal(claims(AccessToken).exp - claims(AccessToken).iat, 600);
  const refresh = (SECRET_HASH) => send('InitiateAuth', {
    AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: RefreshToken, ...(SECRET_HASH ? { SECRET_HASH } : {}) },
  });
  await refused(refresh(), 'NotAuthorizedException', missing());
  await refused(refresh(hash(username)), 'NotAuthorizedException', wrong()); // the name of the token is the sub
  assert.ok((await refresh(hash(claims(IdToken).sub))).AuthenticationResult.IdToken);
  await refused(send('GetTokensFromRefreshToken', { RefreshToken }), 'NotAuthorizedException', wrong());
  await refused(send('GetTokensFromRefreshToken', { RefreshToken, ClientSecret: `${secret}x` }), 'NotAuthorizedException', wrong());
  assert.ok((await send('GetTokensFromRefreshToken', { RefreshToken, ClientSecret: secret })).AuthenticationResult.AccessToken);
  await refused(send('RevokeToken', { Token: RefreshToken }), 'NotAuthorizedException', wrong());
  await refused(send('RevokeToken', { Token: RefreshToken, ClientSecret: secret }), 'UnsupportedOperationException'); // switched off
  // Who has not got the secret learns nothing of the user, and sets nothing going.
  await admin('AdminResetUserPassword', { Username: username });
  await refused(refresh(hash(username)), 'NotAuthorizedException', wrong());
  await refused(refresh(hash(claims(IdToken).sub)), 'PasswordResetRequiredException');
});

test('a client that is told to tells who does not exist', async () => {
  const username = address('nobody');
  const SecretHash = hash(username);
  for (const call of [
    () => signIn(username),
    () => send('InitiateAuth', { AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: username, SRP_A: 'abc', SECRET_HASH: SecretHash } }),
  ]) {
    await refused(call(), 'UserNotFoundException', 'User does not exist.');
  }
  for (const call of [
    () => send('ForgotPassword', { Username: username, SecretHash }),
    () => send('ResendConfirmationCode', { Username: username, SecretHash }),
    () => send('ConfirmSignUp', { Username: username, ConfirmationCode: '123456', SecretHash }),
    () => send('ConfirmForgotPassword', { Username: username, ConfirmationCode: '123456', Password: PASS, SecretHash }),
  ]) {
    await refused(call(), 'UserNotFoundException', 'Username/client id combination not found.');
  }
});

test('the client reads and writes what it may', async () => {
  const username = await make({ given_name: 'Ann', nickname: 'Annie' });
  for (const attributes of [{ family_name: 'X' }, { 'custom:active': 'true' }, { 'custom:none': 'x' }, { email_verified: 'true' }, { sub: 'x' }]) {
    await refused(signUp(address(), attributes), 'NotAuthorizedException', 'A client attempted to write unauthorized attribute');
  }
  const { AuthenticationResult: { AccessToken, IdToken } } = await signIn(username);
  const shown = await bare('GetUser', { AccessToken });
  assert.deepEqual(shown.UserAttributes.map(({ Name }) => Name).sort(), ['email', 'email_verified', 'given_name', 'sub']);
  const claims = JSON.parse(Buffer.from(IdToken.split('.')[1], 'base64url'));
  assert.equal(claims.nickname, undefined);
  assert.equal(claims.given_name, 'Ann');
  await refused(bare('UpdateUserAttributes', { AccessToken, UserAttributes: [{ Name: 'family_name', Value: 'X' }] }),
    'NotAuthorizedException', 'A client attempted to write unauthorized attribute');
  await bare('UpdateUserAttributes', { AccessToken, UserAttributes: [{ Name: 'nickname', Value: 'A' }] });
  for (const [Name, Value, good] of [['custom:active', 'true', true], ['custom:active', 'yes', false], ['custom:born', '2000-01-01T00:00:00Z', true],
    ['birthdate', '2000-01-01', true], ['birthdate', '2000', false], ['updated_at', '12', true], ['updated_at', 'x', false],
    ['given_name', 'x'.repeat(2048), true], ['custom:none', 'x', false]]) {
    const writing = admin('AdminUpdateUserAttributes', { Username: username, UserAttributes: [{ Name, Value }] });
    if (good) await writing;
    else await refused(writing, 'InvalidParameterException');
  }
  await refused(admin('AdminUpdateUserAttributes', { Username: username, UserAttributes: [{ Name: 'given_name', Value: 'x'.repeat(2049) }] }),
    'InvalidParameterException', /userAttributes\.1\.member\.value.*2048/);
});

test('the policy of the override, and its look back', async () => {
  const weak = (Password) => {
    const Username = address();
    return send('SignUp', { Username, Password, SecretHash: hash(Username) });
  };
  await refused(weak('sh0rt'), 'InvalidPasswordException', 'Password did not conform with policy: Password not long enough');
  await refused(weak('UPPERCASE1'), 'InvalidPasswordException', 'Password did not conform with policy: Password must have lowercase characters');
  await refused(weak('nonumbers-'), 'InvalidPasswordException', 'Password did not conform with policy: Password must have numeric characters');
  const username = await make();
  const { AuthenticationResult: { AccessToken } } = await signIn(username);
  const change = (PreviousPassword, ProposedPassword) => bare('ChangePassword', { AccessToken, PreviousPassword, ProposedPassword });
  await refused(change(PASS, PASS), 'PasswordHistoryPolicyViolationException');
  await change(PASS, 'second-0ne');
  await refused(change('second-0ne', PASS), 'PasswordHistoryPolicyViolationException');
  await change('second-0ne', 'the-third-1');
  await refused(admin('AdminSetUserPassword', { Username: username, Password: 'second-0ne', Permanent: true }), 'PasswordHistoryPolicyViolationException');
  await admin('AdminSetUserPassword', { Username: username, Password: PASS, Permanent: true });
  await signIn(username);
});

test('the description says all of it; the secret stays the same', async () => {
  const { UserPoolClient } = await admin('DescribeUserPoolClient', { ClientId: pool.clientId });
  assert.equal(UserPoolClient.EnableTokenRevocation, false);
  assert.equal(UserPoolClient.PreventUserExistenceErrors, 'LEGACY');
  assert.equal(UserPoolClient.AuthSessionValidity, 5);
  assert.deepEqual(UserPoolClient.ReadAttributes, ['email', 'email_verified', 'given_name']);
  assert.deepEqual(UserPoolClient.WriteAttributes, ['email', 'given_name', 'nickname']);
  assert.deepEqual(UserPoolClient.ExplicitAuthFlows.sort(), ['ALLOW_ADMIN_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH',
    'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_USER_SRP_AUTH']);
  const { UserPool } = await admin('DescribeUserPool');
  assert.deepEqual(UserPool.Policies.PasswordPolicy, {
    MinimumLength: 10, RequireLowercase: true, RequireUppercase: false, RequireNumbers: true, RequireSymbols: false,
    PasswordHistorySize: 2, TemporaryPasswordValidityDays: 2,
  });
  pool = await pool.restart();
  client = await pool.admin();
  assert.equal((await admin('DescribeUserPoolClient', { ClientId: pool.clientId })).UserPoolClient.ClientSecret, secret);
});
