// Devices that a pool remembers, and refresh tokens that are replaced with each use.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, makeUser, startPool } from './lib.mjs';

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
  assert.equal((await refresh(RefreshToken)).status, 200);
  assert.equal((await refresh(next)).status, 200);
  let late;
  while ((late = await refresh(next)).status === 200) await sleep(50); // until the pool's time of grace is over
  assert.equal(late.body.__type, 'RefreshTokenReuseException');
  const { body } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: next },
  });
  assert.equal(body.__type, 'UnsupportedOperationException');
});
