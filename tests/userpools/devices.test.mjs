// Devices that a pool remembers, and refresh tokens that are replaced with each use.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('devices');
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

test('a remembered device proves itself in place of a second factor', async () => {
  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  const devices = await auth.fetchDevices();
  assert.equal(devices.length, 1);
  assert.match(devices[0].id, /^us-east-1_[0-9a-f-]{36}$/);
  const { accessToken } = (await auth.fetchAuthSession()).tokens;
  assert.equal(accessToken.payload.device_key, devices[0].id);
  await auth.updateMFAPreference({ email: 'PREFERRED' });
  const refreshed = (await auth.fetchAuthSession({ forceRefresh: true })).tokens;
  assert.notEqual(refreshed.accessToken.toString(), accessToken.toString());
  await auth.signOut();

  assert.equal((await auth.signIn({ username: user.username, password: PASSWORD })).isSignedIn, true);
  assert.equal((await auth.fetchDevices()).length, 1);
  await auth.forgetDevice();
  assert.equal((await auth.fetchDevices()).length, 0);
  await auth.signOut();

  const { nextStep } = await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  await auth.confirmSignIn({ challengeResponse: (await pool.mail(user.username)).code });
  await auth.rememberDevice();
  await auth.signOut();
});

test('amazon-cognito-identity-js proves its device, and begins anew when it is forgotten', async () => {
  const user = await makeUser(pool);
  const client = pool.identityJs();
  const enter = () => new Promise((resolve, reject) => {
    const one = new CognitoUser({ Username: user.username, Pool: client, Storage: client.storage });
    one.authenticateUser(new AuthenticationDetails({ Username: user.username, Password: PASSWORD }), {
      onSuccess: (session) => resolve({ one, session }), onFailure: reject,
    });
  });
  const first = await enter();
  const key = first.session.getAccessToken().payload.device_key;
  assert.ok(key);
  const again = await enter();
  assert.equal(again.session.getAccessToken().payload.device_key, key);
  await new Promise((resolve, reject) => again.one.forgetDevice({ onSuccess: resolve, onFailure: reject }));
});

test('a device that was forgotten elsewhere is a new one, to both clients', async () => {
  const admin = await pool.admin('cognito-idp:AdminForgetDevice', 'cognito-idp:AdminCreateUser');
  const forget = (Username, DeviceKey) => admin.send(new cognito.AdminForgetDeviceCommand({ UserPoolId: pool.poolId, Username, DeviceKey }));
  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  const [{ id }] = await auth.fetchDevices();
  await auth.signOut();
  await forget(user.username, id);
  assert.equal((await auth.signIn({ username: user.username, password: PASSWORD })).isSignedIn, true);
  const devices = await auth.fetchDevices();
  assert.equal(devices.length, 1);
  assert.notEqual(devices[0].id, id);
  await auth.signOut();

  const client = pool.identityJs();
  const enter = () => new Promise((resolve, reject) => new CognitoUser({ Username: user.username, Pool: client, Storage: client.storage })
    .authenticateUser(new AuthenticationDetails({ Username: user.username, Password: PASSWORD }), { onSuccess: resolve, onFailure: reject }));
  const key = (await enter()).getAccessToken().payload.device_key;
  await forget(user.username, key);
  assert.notEqual((await enter()).getAccessToken().payload.device_key, key);

  // A new password is not set in vain.
  const Username = address('invited');
  await admin.send(new cognito.AdminCreateUserCommand({ UserPoolId: pool.poolId, Username, TemporaryPassword: 'Temp-1234!x', MessageAction: 'SUPPRESS' }));
  const { body: { Session } } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD: 'Temp-1234!x' },
  });
  const respond = (more) => pool.call('RespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session,
    ChallengeResponses: { USERNAME: Username, NEW_PASSWORD: PASSWORD, ...more },
  });
  assert.equal((await respond({ DEVICE_KEY: key })).body.message, 'Device does not exist.');
  assert.ok((await respond({})).body.AuthenticationResult);
});

test("an unknown device key is told, another user's is unknown", async () => {
  const user = await makeUser(pool);
  const other = await makeUser(pool);
  const tokens = await pool.signIn(other.username);
  const { DeviceKey } = tokens.NewDeviceMetadata;
  for (const DEVICE_KEY of ['us-east-1_00000000-0000-4000-8000-000000000000', DeviceKey]) {
    const { body } = await pool.call('InitiateAuth', {
      ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD, DEVICE_KEY },
    });
    assert.deepEqual(body, { __type: 'ResourceNotFoundException', message: 'Device does not exist.' });
  }
  const confirm = (DeviceSecretVerifierConfig) => pool.call('ConfirmDevice', { AccessToken: tokens.AccessToken, DeviceKey, DeviceSecretVerifierConfig });
  for (const bad of [undefined, {}, { Salt: 'AA==', PasswordVerifier: '' }, { Salt: 'AA==', PasswordVerifier: 'A'.repeat(9000) }]) {
    assert.equal((await confirm(bad)).body.__type, 'InvalidParameterException');
  }
});

test('a refresh token is replaced, good for a while after, and then tells of a thief', async () => {
  const user = await makeUser(pool);
  const { RefreshToken } = await pool.signIn(user.username);
  const refresh = (token) => pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken: token });
  const first = await refresh(RefreshToken);
  const next = first.body.AuthenticationResult.RefreshToken;
  assert.ok(next && next !== RefreshToken);
  const again = await refresh(RefreshToken);
  assert.equal(again.body.AuthenticationResult.RefreshToken, next, 'an answer that got lost is repeated');
  const atOnce = await Promise.all(Array.from({ length: 8 }, () => refresh(next)));
  assert.equal(new Set(atOnce.map(({ body }) => body.AuthenticationResult?.RefreshToken)).size, 1, 'tabs that refresh at once go on alike');
  assert.ok(atOnce[0].body.AuthenticationResult.RefreshToken);
  let late;
  while ((late = await refresh(next)).status === 200) await sleep(50); // until the pool's time of grace is over
  assert.equal(late.body.__type, 'RefreshTokenReuseException');
  const { body } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: next },
  });
  assert.equal(body.__type, 'UnsupportedOperationException');
});

test('a refresh token of long ago is known for what it was', async () => {
  const user = await makeUser(pool);
  const first = await pool.signIn(user.username);
  const other = await pool.signIn(user.username);
  const refresh = (token) => pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken: token });
  let last = first.RefreshToken;
  for (let i = 0; i < 5; i++) last = (await refresh(last)).body.AuthenticationResult.RefreshToken;
  assert.equal((await refresh(first.RefreshToken)).body.__type, 'RefreshTokenReuseException');
  const bytes = Buffer.from(first.RefreshToken, 'base64url');
  bytes[bytes.length - 1] ^= 1;
  const forged = bytes.toString('base64url');
  assert.equal((await refresh(forged)).body.message, 'Invalid Refresh Token');
  await pool.call('RevokeToken', { ClientId: pool.clientId, Token: forged });
  last = (await refresh(last)).body.AuthenticationResult.RefreshToken; // a forged one ends nothing
  assert.deepEqual((await pool.call('RevokeToken', { ClientId: pool.clientId, Token: first.RefreshToken })).body, {});
  assert.equal((await refresh(last)).body.message, 'Refresh Token has been revoked');
  assert.equal((await pool.call('GetUser', { AccessToken: first.AccessToken })).body.message, 'Access Token has been revoked');
  assert.equal((await refresh(other.RefreshToken)).status, 200);
});

test('devices are listed, looked at, marked and forgotten, by their user and by administrators', async () => {
  const admin = await pool.admin('cognito-idp:AdminListDevices', 'cognito-idp:AdminGetDevice', 'cognito-idp:AdminForgetDevice',
    'cognito-idp:AdminUpdateDeviceStatus', 'cognito-idp:AdminUserGlobalSignOut');
  const user = await makeUser(pool);
  const Username = user.username;
  const keys = [];
  for (let i = 0; i < 3; i++) {
    const client = pool.identityJs();
    const session = await new Promise((resolve, reject) => new CognitoUser({ Username, Pool: client, Storage: client.storage })
      .authenticateUser(new AuthenticationDetails({ Username, Password: PASSWORD }), { onSuccess: resolve, onFailure: reject }));
    keys.push([session.getAccessToken().payload.device_key, session.getAccessToken().getJwtToken(), session.getRefreshToken().getToken()]);
  }
  const [[DeviceKey, AccessToken], [second]] = keys;
  const own = (name, input) => pool.sdk().send(new cognito[`${name}Command`]({ AccessToken, ...input }));
  const by = (name, input = {}) => admin.send(new cognito[`Admin${name}Command`]({ UserPoolId: pool.poolId, Username, ...input }));
  const all = keys.map(([key]) => key).sort();
  const named = (list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));
  for (const send of [own, by]) {
    assert.deepEqual((await send('ListDevices', {})).Devices.map((device) => device.DeviceKey).sort(), all);
    const pages = [];
    let PaginationToken;
    do {
      const page = await send('ListDevices', { Limit: 1, PaginationToken });
      pages.push(...page.Devices);
      ({ PaginationToken } = page);
    } while (PaginationToken);
    assert.deepEqual(pages.map((device) => device.DeviceKey).sort(), all);
    const { Device } = await send('GetDevice', { DeviceKey });
    assert.equal(named(Device.DeviceAttributes).device_status, 'remembered');
    for (const date of ['DeviceCreateDate', 'DeviceLastModifiedDate', 'DeviceLastAuthenticatedDate']) assert.ok(Device[date] instanceof Date, date);
    await send('UpdateDeviceStatus', { DeviceKey: second, DeviceRememberedStatus: 'not_remembered' });
    assert.equal(named((await own('GetDevice', { DeviceKey: second })).Device.DeviceAttributes).device_status, 'not_remembered');
    await send('UpdateDeviceStatus', { DeviceKey: second, DeviceRememberedStatus: 'remembered' });
    await refused(send('UpdateDeviceStatus', { DeviceKey: second, DeviceRememberedStatus: 'maybe' }), 'InvalidParameterException');
    const none = 'us-east-1_00000000-0000-4000-8000-000000000000';
    for (const name of ['GetDevice', 'ForgetDevice', 'UpdateDeviceStatus']) {
      await refused(send(name, { DeviceKey: none, DeviceRememberedStatus: 'remembered' }), 'ResourceNotFoundException', 'Device does not exist.');
    }
  }
  await by('ForgetDevice', { DeviceKey: second });
  await own('ForgetDevice', { DeviceKey: keys[2][0] });
  // What a stolen device has left is good for nothing, with its key and without.
  const refresh = (RefreshToken, key) => pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken, DeviceKey: key });
  for (const [key, , token] of keys.slice(1)) {
    for (const given of [key, undefined]) {
      const { body } = await refresh(token, given);
      assert.deepEqual([body.__type, body.message], ['NotAuthorizedException', 'Invalid Refresh Token']);
    }
  }
  assert.equal((await refresh(keys[0][2], DeviceKey)).status, 200);
  assert.deepEqual((await by('ListDevices')).Devices.map((device) => device.DeviceKey), [DeviceKey]);
  await by('UserGlobalSignOut');
  await refused(own('ListDevices', {}), 'NotAuthorizedException', 'Access Token has been revoked');
});
