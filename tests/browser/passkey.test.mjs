// Passkeys as a person has them: Chromium's own WebAuthn with a virtual authenticator, through the
// unmodified client.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ROOT } from '../clients/lib/ampd.mjs';
import { copyProject } from '../clients/lib/project.mjs';
import { openWindow, startProject } from './lib.mjs';

const PROJECT = fileURLToPath(new URL('passkey', import.meta.url));
const PASSWORD = 'Corr3ct-horse!';
let project;
let window;
let devtools;

before(async () => {
  project = await startProject(() => copyProject(PROJECT, path.join(ROOT, 'examples/blog')));
});
after(() => project?.stop());

// Every test has a browser profile of its own: no session, no authenticator.
beforeEach(async () => {
  await window?.context.close();
  window = await openWindow(project);
  await window.page.waitForFunction(() => 'auth' in globalThis);
  devtools = await window.context.newCDPSession(window.page);
  await devtools.send('WebAuthn.enable');
});

/** Plugs in an authenticator, that of the machine unless told otherwise. */
async function plugIn(options = {}) {
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true, ...options,
    },
  });
  const send = (method, more = {}) => devtools.send(`WebAuthn.${method}`, { authenticatorId, ...more });
  return {
    credentials: async () => (await send('getCredentials')).credentials,
    verifies: (isUserVerified) => send('setUserVerified', { isUserVerified }),
    put: (credential) => send('addCredential', { credential }),
    unplug: () => send('removeVirtualAuthenticator'),
  };
}

/** Calls a function of aws-amplify/auth in the page: its result, or the name and message of its error. */
const call = (name, input) =>
  window.page.evaluate(
    ([name, input]) => globalThis.auth[name](input).then(
      (result) => structuredClone(JSON.parse(JSON.stringify(result ?? null))),
      (error) => ({ error: error.name, message: error.message, cause: error.underlyingError?.name }),
    ),
    [name, input],
  );

let people = 0;

/** Signs up, confirms by the code of the inbox, and signs in with the password. */
async function joined() {
  const username = `passkey${++people}@example.com`;
  await call('signUp', { username, password: PASSWORD });
  const { code } = await project.mail(username);
  assert.equal((await call('confirmSignUp', { username, confirmationCode: code })).isSignUpComplete, true);
  assert.equal((await call('signIn', { username, password: PASSWORD })).isSignedIn, true);
  return username;
}

const byPasskey = (username) =>
  call('signIn', { username, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'WEB_AUTHN' } });

const listed = async () => (await call('listWebAuthnCredentials')).credentials;

test('a passkey is registered, listed, and signs in without a password', async () => {
  const authenticator = await plugIn();
  const username = await joined();
  assert.deepEqual(await listed(), []);
  assert.equal(await call('associateWebAuthnCredential'), null);

  const [passkey, ...more] = await listed();
  assert.deepEqual(more, []);
  assert.equal(passkey.relyingPartyId, 'localhost');
  assert.equal(passkey.authenticatorAttachment, 'platform');
  assert.deepEqual(passkey.authenticatorTransports, ['internal']);
  const [held] = await authenticator.credentials();
  assert.equal(held.rpId, 'localhost');
  assert.equal(held.isResidentCredential, true);
  assert.equal(Buffer.from(held.credentialId, 'base64').toString('base64url'), passkey.credentialId);

  const { userId } = await call('getCurrentUser');
  assert.equal(Buffer.from(held.userHandle, 'base64').toString(), userId);
  for (let signIns = 1; signIns <= 2; signIns++) {
    await call('signOut');
    assert.equal((await call('getCurrentUser')).error, 'UserUnAuthenticatedException');
    const { isSignedIn, nextStep } = await byPasskey(username);
    assert.deepEqual([isSignedIn, nextStep?.signInStep], [true, 'DONE']);
    assert.equal((await call('getCurrentUser')).userId, userId);
  }
  assert.ok((await authenticator.credentials())[0].signCount > held.signCount);

  await window.page.reload();
  await window.page.waitForFunction(() => 'auth' in globalThis);
  assert.equal((await call('getCurrentUser')).userId, userId, 'the session outlives a reload');
  assert.deepEqual(window.problems, []);
});

test('the same authenticator is not registered twice, another one is', async () => {
  const first = await plugIn();
  const username = await joined();
  await call('associateWebAuthnCredential');
  const again = await call('associateWebAuthnCredential');
  assert.equal(again.error, 'PasskeyAlreadyExists', JSON.stringify(again));
  assert.equal((await listed()).length, 1);

  await first.unplug();
  const key = await plugIn({ transport: 'usb' });
  assert.equal(await call('associateWebAuthnCredential'), null);
  const passkeys = await listed();
  assert.deepEqual(passkeys.map(({ authenticatorAttachment }) => authenticatorAttachment).sort(), ['cross-platform', 'platform']);
  await call('signOut');
  assert.equal((await byPasskey(username)).isSignedIn, true);
  assert.equal((await key.credentials()).length, 1);
});

test('a deleted passkey signs nobody in; the password still does', async () => {
  await plugIn();
  const username = await joined();
  await call('associateWebAuthnCredential');
  const [{ credentialId }] = await listed();
  assert.equal(await call('deleteWebAuthnCredential', { credentialId }), null);
  assert.deepEqual(await listed(), []);
  assert.equal((await call('deleteWebAuthnCredential', { credentialId })).error, 'ResourceNotFoundException');
  await call('signOut');

  const { nextStep } = await byPasskey(username);
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
  assert.ok(!nextStep.availableChallenges.includes('WEB_AUTHN'));
  assert.equal((await call('signIn', { username, password: PASSWORD })).isSignedIn, true);
});

test('another person\'s authenticator, or one that is not unlocked, does not sign in', async () => {
  const authenticator = await plugIn();
  const username = await joined();
  await call('associateWebAuthnCredential');
  await call('signOut');
  const [held] = await authenticator.credentials();
  await authenticator.unplug();

  const stranger = await plugIn();
  const other = await joined();
  await call('associateWebAuthnCredential');
  await call('signOut');
  const refused = await byPasskey(username);
  assert.equal(refused.isSignedIn, undefined);
  assert.equal(refused.error, 'PasskeyAuthenticationCanceled', JSON.stringify(refused));
  assert.equal((await byPasskey(other)).isSignedIn, true);
  await call('signOut');
  await stranger.unplug();

  // The stranger's key under the identifier of the first person's passkey: the signature is a wrong one.
  const theirs = await plugIn();
  const { privateKey } = await window.page.evaluate(async () => {
    const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
    return { privateKey: btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey)))) };
  });
  await theirs.put({ ...held, privateKey, signCount: 100 });
  assert.equal((await byPasskey(username)).error, 'NotAuthorizedException');
  await theirs.unplug();

  const locked = await plugIn();
  await locked.put({ ...held, signCount: 100 });
  await locked.verifies(false);
  const unproven = await byPasskey(username);
  assert.equal(unproven.error, 'PasskeyAuthenticationCanceled', JSON.stringify(unproven));
  await locked.verifies(true);
  assert.equal((await byPasskey(username)).isSignedIn, true);
});

test('a copy of a passkey that lags behind is noticed', async () => {
  const authenticator = await plugIn();
  const username = await joined();
  await call('associateWebAuthnCredential');
  const [copy] = await authenticator.credentials();
  await call('signOut');
  for (let signIns = 0; signIns < 2; signIns++) {
    assert.equal((await byPasskey(username)).isSignedIn, true);
    await call('signOut');
  }
  await authenticator.unplug();
  const clone = await plugIn();
  await clone.put(copy);
  assert.equal((await byPasskey(username)).error, 'NotAuthorizedException');
});

test('only who is signed in registers a passkey', async () => {
  await plugIn();
  assert.equal((await call('associateWebAuthnCredential')).error, 'UserUnAuthenticatedException');
  await joined();
  assert.equal((await call('deleteWebAuthnCredential', { credentialId: 'AAAA' })).error, 'ResourceNotFoundException');
});
