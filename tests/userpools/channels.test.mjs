// A pool whose users have an e-mail address, a phone number, or both, and no need of a password; and one that knows
// nothing but phones.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, refused, startPool } from './lib.mjs';

let pool;
let texts;
before(async () => {
  [pool, texts] = await Promise.all([startPool('both'), startPool('texts')]);
});
after(() => Promise.all([pool.end(), texts.end()]));

const client = async (operation, body) => {
  const answer = await pool.call(operation, { ClientId: pool.clientId, ...body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const start = (USERNAME, more = {}) => client('InitiateAuth', { AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME, ...more } });

let phones = 0;
const phone = () => `+1558${String(process.pid % 10000).padStart(4, '0')}${String(++phones).padStart(3, '0')}`;

test('of two addresses the phone is proven first, and the other is told to be unproven', async () => {
  const Username = address('both');
  const number = phone();
  const UserAttributes = [{ Name: 'email', Value: Username }, { Name: 'phone_number', Value: number }];
  const { CodeDeliveryDetails } = await client('SignUp', { Username, UserAttributes });
  assert.equal(CodeDeliveryDetails.AttributeName, 'phone_number');
  const { Session } = await client('ConfirmSignUp', { Username, ConfirmationCode: (await pool.mail(number)).code });
  const { AuthenticationResult: { AccessToken, IdToken } } = await client('InitiateAuth', {
    AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME: Username }, Session,
  });
  const { body } = await pool.call('GetUser', { AccessToken });
  const shown = Object.fromEntries(body.UserAttributes.map(({ Name, Value }) => [Name, Value]));
  assert.deepEqual([shown.email_verified, shown.phone_number_verified], ['false', 'true']);
  const claims = JSON.parse(Buffer.from(IdToken.split('.')[1], 'base64url'));
  assert.deepEqual([claims.email_verified, claims.phone_number_verified], [false, true]);

  // Each of the two gets in, and is proven by that; there is no password that could be asked for.
  for (const [name, medium, box] of [[Username, 'EMAIL_OTP', Username], [number, 'SMS_OTP', number]]) {
    const asked = await start(name, { PREFERRED_CHALLENGE: medium });
    assert.deepEqual(asked.AvailableChallenges, ['EMAIL_OTP', 'SMS_OTP']);
    const { code } = await pool.mail(box);
    const done = await client('RespondToAuthChallenge', {
      ChallengeName: medium, Session: asked.Session, ChallengeResponses: { USERNAME: name, [`${medium}_CODE`]: code },
    });
    assert.ok(done.AuthenticationResult);
  }
  const again = (await pool.call('GetUser', { AccessToken })).body.UserAttributes.find(({ Name }) => Name === 'email_verified');
  assert.equal(again.Value, 'true');
});

test('a name that nobody has is offered what somebody of that name might have', async () => {
  const seen = { email: new Set(), phone: new Set() };
  for (let i = 0; i < 24; i++) {
    for (const [kind, name] of [['email', address('nobody')], ['phone', phone()]]) {
      const { AvailableChallenges } = await start(name);
      const own = kind === 'email' ? 'EMAIL_OTP' : 'SMS_OTP';
      assert.ok(AvailableChallenges.includes(own), name);
      assert.deepEqual((await start(name.toUpperCase())).AvailableChallenges, AvailableChallenges, 'always the same for a name');
      for (const medium of ['EMAIL_OTP', 'SMS_OTP']) {
        const preferred = await start(name, { PREFERRED_CHALLENGE: medium });
        assert.equal(preferred.ChallengeName, AvailableChallenges.includes(medium) ? medium : 'SELECT_CHALLENGE');
        assert.deepEqual(preferred.AvailableChallenges, AvailableChallenges);
      }
      seen[kind].add(AvailableChallenges.join());
    }
  }
  // Users have one address or two; so have these.
  assert.deepEqual([...seen.email].sort(), ['PASSWORD,PASSWORD_SRP,EMAIL_OTP', 'PASSWORD,PASSWORD_SRP,EMAIL_OTP,SMS_OTP']);
  assert.deepEqual([...seen.phone].sort(), ['PASSWORD,PASSWORD_SRP,EMAIL_OTP,SMS_OTP', 'PASSWORD,PASSWORD_SRP,SMS_OTP']);
});

test('who was invited comes with the temporary password first', async () => {
  const Username = address('guest');
  const admin = await pool.admin();
  const create = (more) => admin.send(new cognito.AdminCreateUserCommand({
    UserPoolId: pool.poolId, Username, MessageAction: 'SUPPRESS', ...more,
    UserAttributes: [{ Name: 'email', Value: Username }, { Name: 'email_verified', Value: 'true' }],
  }));
  await create({ TemporaryPassword: 'Temp-1234!x' });
  const asked = await start(Username, { PREFERRED_CHALLENGE: 'EMAIL_OTP' });
  assert.equal(asked.ChallengeName, 'SELECT_CHALLENGE');
  assert.deepEqual(asked.AvailableChallenges.sort(), ['PASSWORD', 'PASSWORD_SRP']);
  const { ChallengeName } = await client('RespondToAuthChallenge', {
    ChallengeName: 'SELECT_CHALLENGE', Session: asked.Session, ChallengeResponses: { USERNAME: Username, ANSWER: 'PASSWORD', PASSWORD: 'Temp-1234!x' },
  });
  assert.equal(ChallengeName, 'NEW_PASSWORD_REQUIRED');
  await admin.send(new cognito.AdminDeleteUserCommand({ UserPoolId: pool.poolId, Username }));
  // Without one, the code is all there is.
  assert.equal((await create({})).User.UserStatus, 'CONFIRMED');
  assert.equal((await start(Username, { PREFERRED_CHALLENGE: 'EMAIL_OTP' })).ChallengeName, 'EMAIL_OTP');
});

test('a pool of phones: sign-up, a second factor from the start, and a new password by text message', async () => {
  Amplify.configure(texts.outputs);
  const username = phone();
  for (const bad of [address('ann'), '0049123456789', '+1']) {
    await refused(auth.signUp({ username: bad, password: PASSWORD }), 'InvalidParameterException', 'Username should be a phone number.');
  }
  await auth.signUp({ username, password: PASSWORD, options: { autoSignIn: true } });
  await refused(auth.signUp({ username, password: PASSWORD }), 'UsernameExistsException', 'An account with the given phone_number already exists.');
  await auth.confirmSignUp({ username, confirmationCode: (await texts.mail(username)).code });
  assert.equal((await auth.autoSignIn()).nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  const enter = async () => (await auth.confirmSignIn({ challengeResponse: (await texts.mail(username)).code })).isSignedIn;
  assert.equal(await enter(), true);
  await auth.signOut();
  await auth.resetPassword({ username });
  const newPassword = `${PASSWORD}2`;
  await auth.confirmResetPassword({ username, newPassword, confirmationCode: (await texts.mail(username)).code });
  await auth.signIn({ username, password: newPassword });
  assert.equal(await enter(), true);
  await auth.signOut();
});

test('who was invited to a pool of phones gets in by the number that the invitation was about', async () => {
  Amplify.configure(texts.outputs);
  const username = phone();
  const admin = await texts.admin();
  await admin.send(new cognito.AdminCreateUserCommand({
    UserPoolId: texts.poolId, Username: username, TemporaryPassword: 'Temp-1234!x', MessageAction: 'SUPPRESS',
  }));
  await auth.signIn({ username, password: 'Temp-1234!x' });
  const { nextStep } = await auth.confirmSignIn({ challengeResponse: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  assert.equal((await auth.confirmSignIn({ challengeResponse: (await texts.mail(username)).code })).isSignedIn, true);
  await auth.signOut();
});
