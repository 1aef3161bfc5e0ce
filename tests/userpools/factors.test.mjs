// Second factors: authenticator apps, text messages, e-mail; optional and required.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
let strict;
let setup;
before(async () => {
  [pool, strict, setup] = await Promise.all([startPool('factors'), startPool('strict'), startPool('setup')]);
  Amplify.configure(pool.outputs);
});
after(() => Promise.all([pool.end(), strict.end(), setup.end()]));

/** RFC 6238 with SHA-1, six digits; `steps` from now. */
function totp(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

let phones = 0;
const phone = () => `+1555${String(process.pid % 10000).padStart(4, '0')}${String(++phones).padStart(3, '0')}`;

test('an app is set up, asked for, and its code counts once', async () => {
  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  assert.deepEqual(await auth.fetchMFAPreference(), { enabled: undefined, preferred: undefined });
  await refused(auth.updateMFAPreference({ totp: 'PREFERRED' }), 'InvalidParameterException',
    'User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA');
  const { sharedSecret } = await auth.setUpTOTP();
  await refused(auth.updateMFAPreference({ totp: 'PREFERRED' }), 'InvalidParameterException',
    'User has not verified software token mfa');
  assert.match(sharedSecret, /^[A-Z2-7]{52}$/);
  await refused(auth.verifyTOTPSetup({ code: '000000' === totp(sharedSecret) ? '000001' : '000000' }),
    'EnableSoftwareTokenMFAException', 'Code mismatch');
  await auth.verifyTOTPSetup({ code: totp(sharedSecret) });
  await auth.updateMFAPreference({ totp: 'PREFERRED' });
  assert.deepEqual(await auth.fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
  await auth.signOut();

  const { nextStep } = await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  const right = totp(sharedSecret, 1); // of the next step: this one's is used
  await refused(auth.confirmSignIn({ challengeResponse: right === '123456' ? '654321' : '123456' }),
    'CodeMismatchException', 'Invalid code received for user');
  assert.equal((await auth.confirmSignIn({ challengeResponse: right })).isSignedIn, true);
  await auth.signOut();

  await auth.signIn({ username: user.username, password: PASSWORD });
  await refused(auth.confirmSignIn({ challengeResponse: right }), 'ExpiredCodeException',
    'Your software token has already been used once.');
  await (await pool.admin()).send(new cognito.AdminSetUserMFAPreferenceCommand({
    UserPoolId: pool.poolId, Username: user.username, SoftwareTokenMfaSettings: { Enabled: false },
  }));
  assert.equal((await auth.signIn({ username: user.username, password: PASSWORD })).isSignedIn, true);
  await auth.signOut();
});

test('the name of the app is told with the question for its code, of whatever letters it is', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const call = async (operation, body) => {
    const answer = await pool.call(operation, { AccessToken, ...body });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const { SecretCode } = await call('AssociateSoftwareToken', {});
  const FriendlyDeviceName = `x${'é'.repeat(300)}`;
  assert.deepEqual(await call('VerifySoftwareToken', { UserCode: totp(SecretCode), FriendlyDeviceName }), { Status: 'SUCCESS' });
  await call('SetUserMFAPreference', { SoftwareTokenMfaSettings: { Enabled: true } });
  const { body } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  });
  assert.equal(body.ChallengeParameters.FRIENDLY_DEVICE_NAME, FriendlyDeviceName.slice(0, 256));
});

test('codes by text message and e-mail, and the choice between them', async () => {
  const number = phone();
  const user = await makeUser(pool, { attributes: {} });
  await auth.signIn({ username: user.username, password: PASSWORD });
  await refused(auth.updateMFAPreference({ sms: 'ENABLED' }), 'InvalidParameterException', /delivery config/);
  await auth.updateUserAttribute({ userAttribute: { attributeKey: 'phone_number', value: number } });
  await auth.confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: (await pool.mail(number)).code });
  await auth.updateMFAPreference({ sms: 'ENABLED', email: 'ENABLED' });
  await refused(auth.updateMFAPreference({ sms: 'PREFERRED', email: 'PREFERRED' }), 'InvalidParameterException');
  await auth.signOut();

  const start = () => auth.signIn({ username: user.username, password: PASSWORD });
  let { nextStep } = await start();
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION');
  assert.deepEqual(nextStep.allowedMFATypes.sort(), ['EMAIL', 'SMS']);
  ({ nextStep } = await auth.confirmSignIn({ challengeResponse: 'SMS' }));
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  assert.equal(nextStep.codeDeliveryDetails.destination, `+*******${number.slice(-4)}`);
  assert.equal((await auth.confirmSignIn({ challengeResponse: (await pool.mail(number)).code })).isSignedIn, true);
  await auth.updateMFAPreference({ email: 'PREFERRED' });
  await auth.signOut();
  ({ nextStep } = await start());
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  const { code } = await pool.mail(user.username);
  for (let i = 0; i < 5; i++) {
    await refused(auth.confirmSignIn({ challengeResponse: String((Number(code) + 1 + i) % 1_000_000).padStart(6, '0') }),
      'CodeMismatchException', 'Invalid code or auth state for the user.');
  }
  await refused(auth.confirmSignIn({ challengeResponse: code }), 'NotAuthorizedException');
});

test('sign-up by phone', async () => {
  const number = phone();
  const { nextStep } = await auth.signUp({ username: number, password: PASSWORD });
  assert.deepEqual(nextStep.codeDeliveryDetails, {
    deliveryMedium: 'SMS', destination: `+*******${number.slice(-4)}`, attributeName: 'phone_number',
  });
  await auth.confirmSignUp({ username: number, confirmationCode: (await pool.mail(number)).code });
  assert.equal((await auth.signIn({ username: number, password: PASSWORD })).isSignedIn, true);
  assert.equal((await auth.fetchUserAttributes()).phone_number_verified, 'true');
  await auth.signOut();
});

test('names that are no address are refused', async () => {
  await refused(auth.signUp({ username: 'ann', password: PASSWORD }), 'InvalidParameterException',
    'Username should be either an email or a phone number.');
  await refused(auth.signUp({ username: address(), password: PASSWORD, options: { userAttributes: { phone_number: '12' } } }),
    'InvalidParameterException', 'Invalid phone number format.');
});

test('a pool that requires an app has it set up on the way', async () => {
  Amplify.configure(strict.outputs);
  const user = await makeUser(strict);
  const { nextStep } = await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
  const { sharedSecret } = nextStep.totpSetupDetails;
  await refused(auth.confirmSignIn({ challengeResponse: '000000' === totp(sharedSecret) ? '000001' : '000000' }),
    'EnableSoftwareTokenMFAException');
  assert.equal((await auth.confirmSignIn({ challengeResponse: totp(sharedSecret) })).isSignedIn, true);
  assert.deepEqual((await auth.fetchMFAPreference()).enabled, ['TOTP']);
  await auth.signOut();
  const again = await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal(again.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await auth.confirmSignIn({ challengeResponse: totp(sharedSecret, 1) });
  await auth.signOut();
});

test('codes by e-mail that are set up on the way are the second factor from then on', async () => {
  Amplify.configure(setup.outputs);
  const username = phone();
  await auth.signUp({ username, password: PASSWORD });
  await auth.confirmSignUp({ username, confirmationCode: (await setup.mail(username)).code });
  const start = () => auth.signIn({ username, password: PASSWORD });
  const choose = async (email) => {
    assert.deepEqual((await start()).nextStep.allowedMFATypes.sort(), ['EMAIL', 'TOTP']);
    assert.equal((await auth.confirmSignIn({ challengeResponse: 'EMAIL' })).nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
    return auth.confirmSignIn({ challengeResponse: email });
  };
  // An address that is not proven is not the user's.
  assert.equal((await choose(address('never'))).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  await refused(auth.confirmSignIn({ challengeResponse: '000000' }), 'CodeMismatchException',
    'Invalid code or auth state for the user.');
  const email = address('mine');
  const { nextStep } = await choose(email);
  assert.equal(nextStep.codeDeliveryDetails.destination, 'm***@e***');
  assert.equal((await auth.confirmSignIn({ challengeResponse: (await setup.mail(email)).code })).isSignedIn, true);
  const attributes = await auth.fetchUserAttributes();
  assert.deepEqual([attributes.email, attributes.email_verified], [email, 'true']);
  assert.deepEqual((await auth.fetchMFAPreference()).enabled, ['EMAIL']);
  await auth.signOut();

  // Who has the password alone cannot set up another.
  assert.equal((await start()).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  assert.equal((await auth.confirmSignIn({ challengeResponse: (await setup.mail(email)).code })).isSignedIn, true);
  await auth.signOut();
});

test('an invited user chooses a password and then an app', async () => {
  Amplify.configure(setup.outputs);
  const username = phone();
  const admin = await setup.admin();
  await admin.send(new cognito.AdminCreateUserCommand({
    UserPoolId: setup.poolId, Username: username, TemporaryPassword: 'Temp-1234!x', MessageAction: 'SUPPRESS',
  }));
  await auth.signIn({ username, password: 'Temp-1234!x' });
  await refused(auth.confirmSignIn({ challengeResponse: 'weak' }), 'InvalidPasswordException');
  await auth.confirmSignIn({ challengeResponse: PASSWORD });
  const { nextStep } = await auth.confirmSignIn({ challengeResponse: 'TOTP' });
  assert.equal(nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
  assert.equal((await auth.confirmSignIn({ challengeResponse: totp(nextStep.totpSetupDetails.sharedSecret) })).isSignedIn, true);
  assert.deepEqual((await auth.fetchMFAPreference()).enabled, ['TOTP']);
  await auth.signOut();
});

test('a factor that was set up meanwhile is not replaced by who began before', async () => {
  const username = phone();
  await setup.call('SignUp', { ClientId: setup.clientId, Username: username, Password: PASSWORD });
  await setup.call('ConfirmSignUp', { ClientId: setup.clientId, Username: username, ConfirmationCode: (await setup.mail(username)).code });
  const respond = (ChallengeName, Session, more) => setup.call('RespondToAuthChallenge', {
    ClientId: setup.clientId, ChallengeName, Session, ChallengeResponses: { USERNAME: username, ...more },
  });
  const begin = async () => (await setup.call('InitiateAuth', {
    ClientId: setup.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD },
  })).body;
  const app = async ({ Session }) => {
    const { body } = await setup.call('AssociateSoftwareToken', { Session });
    return setup.call('VerifySoftwareToken', { Session: body.Session, UserCode: totp(body.SecretCode) });
  };
  const [first, second, third] = [await begin(), await begin(), await begin()];
  const email = address('late');
  const asked = await respond('MFA_SETUP', third.Session, { EMAIL: email });
  const { code } = await setup.mail(email);
  const verified = await app(first);
  assert.ok((await respond('MFA_SETUP', verified.body.Session, {})).body.AuthenticationResult);
  const late = [await app(second), await respond('EMAIL_OTP', asked.body.Session, { EMAIL_OTP_CODE: code })];
  for (const { body } of late) assert.equal(body.message, 'Invalid session for the user.');
  assert.equal((await begin()).ChallengeName, 'SOFTWARE_TOKEN_MFA');
});
