// USER_AUTH: codes instead of passwords, the choice among factors, passkeys.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { Authenticator } from './authenticator.mjs';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('passwordless');
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

const start = (username, options = {}) => auth.signIn({ username, options: { authFlowType: 'USER_AUTH', ...options } });

test('a user without a password signs up, is signed in at once, and comes back by code', async () => {
  const username = address('free');
  const signedUp = await auth.signUp({ username, options: { userAttributes: { email: username }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
  assert.equal(signedUp.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  const confirmed = await auth.confirmSignUp({ username, confirmationCode: (await pool.mail(username)).code });
  assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  assert.equal((await auth.autoSignIn()).isSignedIn, true);
  await auth.signOut();

  const { nextStep } = await start(username, { preferredChallenge: 'EMAIL_OTP' });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  const { code } = await pool.mail(username);
  assert.match(code, /^\d{8}$/);
  await refused(auth.confirmSignIn({ challengeResponse: code === '12345678' ? '87654321' : '12345678' }),
    'CodeMismatchException', 'Invalid code or auth state for the user.');
  assert.equal((await auth.confirmSignIn({ challengeResponse: code })).isSignedIn, true);
  await auth.signOut();
  await refused(auth.signIn({ username, password: PASSWORD }), 'NotAuthorizedException');
});

test('the user chooses among what there is', async () => {
  const user = await makeUser(pool);
  let { nextStep } = await start(user.username);
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
  assert.deepEqual(nextStep.availableChallenges.sort(), ['EMAIL_OTP', 'PASSWORD', 'PASSWORD_SRP']);
  ({ nextStep } = await auth.confirmSignIn({ challengeResponse: 'EMAIL_OTP' }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  await auth.confirmSignIn({ challengeResponse: (await pool.mail(user.username)).code });
  await auth.signOut();

  for (const choice of ['PASSWORD', 'PASSWORD_SRP']) {
    await start(user.username);
    ({ nextStep } = await auth.confirmSignIn({ challengeResponse: choice }));
    assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_PASSWORD');
    assert.equal((await auth.confirmSignIn({ challengeResponse: PASSWORD })).isSignedIn, true, choice);
    await auth.signOut();
    assert.equal((await auth.signIn({
      username: user.username, password: PASSWORD, options: { authFlowType: 'USER_AUTH', preferredChallenge: choice },
    })).isSignedIn, true, choice);
    await auth.signOut();
  }
});

test('an unconfirmed user is confirmed by the code of a sign-in', async () => {
  const username = address('late');
  await auth.signUp({ username, password: PASSWORD });
  await pool.mail(username);
  await start(username, { preferredChallenge: 'EMAIL_OTP' });
  assert.equal((await auth.confirmSignIn({ challengeResponse: (await pool.mail(username)).code })).isSignedIn, true);
  assert.equal((await auth.fetchUserAttributes()).email_verified, 'true');
  await auth.signOut();
});

test('nobody learns who has an account', async () => {
  const nobody = address('nobody');
  const chosen = await start(nobody);
  assert.deepEqual(chosen.nextStep.availableChallenges.sort(), ['EMAIL_OTP', 'PASSWORD', 'PASSWORD_SRP']);
  const { nextStep } = await auth.confirmSignIn({ challengeResponse: 'EMAIL_OTP' });
  assert.equal(nextStep.codeDeliveryDetails.destination, 'n***@e***');
  await refused(auth.confirmSignIn({ challengeResponse: '12345678' }), 'CodeMismatchException');
});

// ---- passkeys ------------------------------------------------------------------------------------

const post = async (operation, body) => {
  const answer = await pool.call(operation, body);
  return answer.status === 200 ? answer.body : Promise.reject(Object.assign(new Error(answer.body.message), { name: answer.body.__type }));
};

async function register(authenticator, AccessToken) {
  const { CredentialCreationOptions } = await post('StartWebAuthnRegistration', { AccessToken });
  await post('CompleteWebAuthnRegistration', { AccessToken, Credential: authenticator.create(CredentialCreationOptions) });
  return CredentialCreationOptions;
}

async function ask(USERNAME) {
  const challenge = await post('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME, PREFERRED_CHALLENGE: 'WEB_AUTHN' },
  });
  return { ...challenge, options: JSON.parse(challenge.ChallengeParameters?.CREDENTIAL_REQUEST_OPTIONS ?? 'null') };
}

const answer = ({ Session }, USERNAME, credential) => post('RespondToAuthChallenge', {
  ClientId: pool.clientId, ChallengeName: 'WEB_AUTHN', Session,
  ChallengeResponses: { USERNAME, CREDENTIAL: JSON.stringify(credential) },
});

test('a passkey is registered, listed, used, and deleted', async () => {
  for (const format of ['none', 'packed']) {
    const user = await makeUser(pool);
    const { AccessToken } = await pool.signIn(user.username);
    const authenticator = new Authenticator({ format });
    const options = await register(authenticator, AccessToken);
    assert.equal(options.rp.id, 'localhost');
    assert.equal(Buffer.from(options.user.id, 'base64url').toString(), user.sub);
    assert.deepEqual(options.pubKeyCredParams.map(({ alg }) => alg), [-7, -257]);
    const { Credentials } = await post('ListWebAuthnCredentials', { AccessToken });
    assert.equal(Credentials.length, 1);
    assert.equal(Credentials[0].RelyingPartyId, 'localhost');
    assert.deepEqual(Credentials[0].AuthenticatorTransports, ['internal']);

    const factors = await post('GetUserAuthFactors', { AccessToken });
    assert.deepEqual(factors.ConfiguredUserAuthFactors.sort(), ['EMAIL_OTP', 'PASSWORD', 'WEB_AUTHN']);
    const challenge = await ask(user.username);
    assert.equal(challenge.ChallengeName, 'WEB_AUTHN');
    assert.deepEqual(challenge.options.allowCredentials.map(({ id }) => id), [Credentials[0].CredentialId]);
    const credential = authenticator.get(challenge.options);
    const { AuthenticationResult } = await answer(challenge, user.username, credential);
    assert.ok(AuthenticationResult.AccessToken);
    await refused(answer(challenge, user.username, credential), 'NotAuthorizedException',
      'Invalid session for the user, session can only be used once.');

    await post('DeleteWebAuthnCredential', { AccessToken, CredentialId: Credentials[0].CredentialId });
    await refused(post('DeleteWebAuthnCredential', { AccessToken, CredentialId: Credentials[0].CredentialId }), 'ResourceNotFoundException');
    assert.equal((await ask(user.username)).ChallengeName, 'SELECT_CHALLENGE');
  }
});

test('what an authenticator must not send is refused', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const creating = async (change, name) => {
    const authenticator = new Authenticator();
    const { CredentialCreationOptions } = await post('StartWebAuthnRegistration', { AccessToken });
    change(authenticator, CredentialCreationOptions);
    await refused(post('CompleteWebAuthnRegistration', { AccessToken, Credential: authenticator.create(CredentialCreationOptions) }), name);
  };
  await creating((a) => (a.origin = 'https://evil.example'), 'WebAuthnOriginNotAllowedException');
  await creating((a) => (a.origin = 'http://localhost.evil.example'), 'WebAuthnOriginNotAllowedException');
  await creating((a, o) => (o.rp.id = 'evil.example'), 'WebAuthnRelyingPartyMismatchException');
  await creating((a, o) => (o.challenge = Buffer.alloc(32).toString('base64url')), 'WebAuthnChallengeNotFoundException');
  await creating((a) => (a.flags = 0), 'WebAuthnCredentialNotSupportedException');
  await creating((a) => (a.format = 'fido-u2f'), 'WebAuthnCredentialNotSupportedException');
  await creating((a) => (a.cose = a.cose.subarray(0, 20)), 'WebAuthnCredentialNotSupportedException');
  await creating((a) => { a.format = 'packed'; a.sign = () => Buffer.alloc(70); }, 'WebAuthnCredentialNotSupportedException');
  await refused(post('CompleteWebAuthnRegistration', { AccessToken, Credential: null }), 'InvalidParameterException');
  for (const Credential of [{}, 'x', { response: { clientDataJSON: 'AA', attestationObject: 'oA' } }]) {
    await refused(post('CompleteWebAuthnRegistration', { AccessToken, Credential }), 'WebAuthnCredentialNotSupportedException');
  }

  const authenticator = new Authenticator();
  const other = new Authenticator();
  await register(authenticator, AccessToken);
  const asserting = async (change, name) => {
    const challenge = await ask(user.username);
    const credential = change(challenge.options);
    await refused(answer(challenge, user.username, credential), name);
  };
  await asserting((o) => ({ ...other.get(o), id: authenticator.get(o).id }), 'NotAuthorizedException');
  await asserting((o) => other.get(o), 'NotAuthorizedException');
  await asserting((o) => authenticator.get({ ...o, challenge: 'AAAA' }), 'WebAuthnChallengeNotFoundException');
  await asserting((o) => authenticator.get({ ...o, rpId: 'evil.example' }), 'WebAuthnRelyingPartyMismatchException');
  await asserting((o) => ({ ...authenticator.get(o), response: {} }), 'NotAuthorizedException');
  await asserting((o) => {
    const credential = authenticator.get(o);
    credential.response.userHandle = Buffer.from('somebody').toString('base64url');
    return credential;
  }, 'NotAuthorizedException');
  const good = await ask(user.username);
  await answer(good, user.username, authenticator.get(good.options));
  await asserting((o) => {
    authenticator.counter -= 1; // a copy of the authenticator that lags behind
    return authenticator.get(o);
  }, 'NotAuthorizedException');
});

test('a passkey is one factor; with a verified user it is two for who wants that', async () => {
  const two = await startPool('stale'); // passkeys, and second factors that users choose
  try {
    const call = async (operation, body) => {
      const answer = await two.call(operation, body);
      return answer.status === 200 ? answer.body : Promise.reject(Object.assign(new Error(answer.body.message), { name: answer.body.__type }));
    };
    const user = await makeUser(two);
    const { AccessToken } = await two.signIn(user.username);
    const authenticator = new Authenticator({});
    const { CredentialCreationOptions } = await call('StartWebAuthnRegistration', { AccessToken });
    await call('CompleteWebAuthnRegistration', { AccessToken, Credential: authenticator.create(CredentialCreationOptions) });
    const enter = async () => {
      const asked = await call('InitiateAuth', {
        ClientId: two.clientId, AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME: user.username, PREFERRED_CHALLENGE: 'WEB_AUTHN' },
      });
      const credential = authenticator.get(JSON.parse(asked.ChallengeParameters.CREDENTIAL_REQUEST_OPTIONS));
      return call('RespondToAuthChallenge', {
        ClientId: two.clientId, ChallengeName: 'WEB_AUTHN', Session: asked.Session,
        ChallengeResponses: { USERNAME: user.username, CREDENTIAL: JSON.stringify(credential) },
      });
    };
    assert.ok((await enter()).AuthenticationResult);
    const prefer = (settings) => call('SetUserMFAPreference', { AccessToken, ...settings });
    await refused(prefer({ WebAuthnMfaSettings: { Enabled: true } }), 'InvalidParameterException', /another MFA method/);
    await prefer({ EmailMfaSettings: { Enabled: true, PreferredMfa: true } });
    const second = await enter();
    assert.equal(second.ChallengeName, 'EMAIL_OTP');
    const { AuthenticationResult } = await call('RespondToAuthChallenge', {
      ClientId: two.clientId, ChallengeName: 'EMAIL_OTP', Session: second.Session,
      ChallengeResponses: { USERNAME: user.username, EMAIL_OTP_CODE: (await two.mail(user.username)).code },
    });
    assert.ok(AuthenticationResult);

    await prefer({ WebAuthnMfaSettings: { Enabled: true } });
    assert.ok((await enter()).AuthenticationResult);
    authenticator.flags = 0x01; // the user was there, and that is all
    assert.equal((await enter()).ChallengeName, 'EMAIL_OTP');
    authenticator.flags = 0x05;
    await prefer({ WebAuthnMfaSettings: { Enabled: false } });
    assert.equal((await enter()).ChallengeName, 'EMAIL_OTP');
  } finally {
    await two.end();
  }
});
