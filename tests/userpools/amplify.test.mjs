// aws-amplify/auth, unmodified, through the life of a user.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, refused, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('mail');
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

const username = address('amplify');

test('signUp sends a code to the address', async () => {
  const { isSignUpComplete, nextStep, userId } = await auth.signUp({
    username,
    password: PASSWORD,
    options: { userAttributes: { email: username, given_name: 'Ann', 'custom:plan': 'free' } },
  });
  assert.equal(isSignUpComplete, false);
  assert.equal(nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  assert.deepEqual(nextStep.codeDeliveryDetails, {
    deliveryMedium: 'EMAIL', destination: 'a***@e***', attributeName: 'email',
  });
  assert.match(userId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('an unconfirmed user cannot sign in, and is told so', async () => {
  const { nextStep } = await auth.signIn({ username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_UP');
});

test('a wrong code is refused, a new one can be sent, the old one no longer counts', async () => {
  const first = await pool.mail(username);
  await refused(
    auth.confirmSignUp({ username, confirmationCode: first.code === '000000' ? '000001' : '000000' }),
    'CodeMismatchException', 'Invalid verification code provided, please try again.');
  const resent = await auth.resendSignUpCode({ username });
  assert.equal(resent.destination, 'a***@e***');
  const second = await pool.mail(username);
  if (first.code !== second.code) {
    await refused(auth.confirmSignUp({ username, confirmationCode: first.code }), 'CodeMismatchException');
  }
  const done = await auth.confirmSignUp({ username, confirmationCode: second.code });
  assert.equal(done.isSignUpComplete, true);
  await refused(auth.confirmSignUp({ username, confirmationCode: second.code }), 'NotAuthorizedException',
    'User cannot be confirmed. Current status is CONFIRMED');
  await refused(auth.resendSignUpCode({ username }), 'InvalidParameterException', 'User is already confirmed.');
});

test('a second user of the same address is refused', async () => {
  await refused(
    auth.signUp({ username: username.toUpperCase(), password: PASSWORD }),
    'UsernameExistsException', 'An account with the given email already exists.');
});

test('signIn proves the password by SRP and gives tokens', async () => {
  const { isSignedIn, nextStep } = await auth.signIn({ username, password: PASSWORD });
  assert.deepEqual({ isSignedIn, step: nextStep.signInStep }, { isSignedIn: true, step: 'DONE' });
  const { tokens, userSub } = await auth.fetchAuthSession();
  assert.equal(tokens.idToken.payload.email, username);
  assert.equal(tokens.idToken.payload.email_verified, true);
  assert.equal(tokens.accessToken.payload.username, userSub);
  const user = await auth.getCurrentUser();
  assert.equal(user.userId, userSub);
  assert.equal(user.signInDetails.loginId, username);
});

test('a forced refresh gives new tokens of the same sign-in', async () => {
  const before = (await auth.fetchAuthSession()).tokens;
  const after = (await auth.fetchAuthSession({ forceRefresh: true })).tokens;
  assert.notEqual(after.accessToken.toString(), before.accessToken.toString());
  for (const claim of ['sub', 'origin_jti', 'auth_time', 'event_id']) {
    assert.equal(after.accessToken.payload[claim], before.accessToken.payload[claim], claim);
  }
});

test('signOut ends the sign-in', async () => {
  const { accessToken } = (await auth.fetchAuthSession()).tokens;
  await auth.signOut();
  await refused(auth.getCurrentUser(), 'UserUnAuthenticatedException');
  const answer = await pool.call('GlobalSignOut', { AccessToken: accessToken.toString() });
  assert.equal(answer.body.message, 'Access Token has been revoked');
});

test('a wrong password is refused without telling more', async () => {
  await refused(auth.signIn({ username, password: 'Wr0ng-horse!' }), 'NotAuthorizedException',
    'Incorrect username or password.');
  await refused(auth.signIn({ username: address('nobody'), password: PASSWORD }), 'NotAuthorizedException',
    'Incorrect username or password.');
});
