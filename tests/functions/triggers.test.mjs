// The project's functions as triggers of the user pool, through the official clients.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AdminConfirmSignUpCommand, AdminCreateUserCommand, AdminGetUserCommand, AdminListGroupsForUserCommand, AdminSetUserPasswordCommand,
  DescribeUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { generateClient } from 'aws-amplify/data';
import { PASSWORD, address, refused, startPool } from '../userpools/lib.mjs';

let pool;
let admin;
before(async () => {
  pool = await startPool('../../functions/fixtures/triggers');
  admin = await pool.admin();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

let count = 0;
const trusted = (name = 'ann') => `${name}${process.pid}x${++count}@trusted.example`;

/** The events that the functions have printed for a user: by sub, by name or by address. */
async function events(source, ...texts) {
  for (let tries = 0; tries < 500; tries++) {
    const found = pool.log().split('\n').filter((line) => texts.some((text) => line.includes(text)))
      .map((line) => /\bevent (\{.*\})/.exec(line)?.[1]).filter(Boolean).map((text) => JSON.parse(text))
      .filter(({ triggerSource }) => triggerSource === source);
    if (found.length > 0) return found;
    await sleep(10);
  }
  throw new Error(`no ${source} about ${texts}:\n${pool.log()}`);
}

const signUp = (username, more = {}) =>
  auth.signUp({ username, password: PASSWORD, ...more, options: { userAttributes: { email: username }, ...more.options } });

test('the pool names its functions', async () => {
  const { UserPool } = await admin.send(new DescribeUserPoolCommand({ UserPoolId: pool.poolId }));
  assert.match(UserPool.LambdaConfig.PreSignUp, /^arn:aws:lambda:us-east-1:\d{12}:function:\S+$/);
  assert.ok(UserPool.LambdaConfig.PostConfirmation && UserPool.LambdaConfig.PreTokenGeneration, JSON.stringify(UserPool.LambdaConfig));
});

/** A user that the functions have confirmed. */
async function member(name) {
  const username = trusted(name);
  const { userId, isSignUpComplete } = await signUp(username);
  assert.equal(isSignUpComplete, true);
  return { username, sub: userId };
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const groupsOf = async (Username) =>
  (await admin.send(new AdminListGroupsForUserCommand({ UserPoolId: pool.poolId, Username }))).Groups.map(({ GroupName }) => GroupName);
const raw = (operation, body) => pool.call(operation, { ClientId: pool.clientId, ...body });
const wrong = ['NotAuthorizedException', 'Incorrect username or password.'];

// ---- signing up --------------------------------------------------------------------------------

test('preSignUp refuses a domain, and nobody is there then', async () => {
  const username = `eve${process.pid}@blocked.example`;
  await refused(signUp(username), 'UserLambdaValidationException', 'PreSignUp failed with error no accounts for blocked.example.');
  await refused(admin.send(new AdminGetUserCommand({ UserPoolId: pool.poolId, Username: username })), 'UserNotFoundException');
});

test('preSignUp confirms a user and its address; postConfirmation puts it into a group with its own credentials', async () => {
  const username = trusted();
  const signedUp = await signUp(username, { options: { validationData: { from: 'page' }, clientMetadata: { campaign: 'x' } } });
  assert.deepEqual([signedUp.isSignUpComplete, signedUp.nextStep], [true, { signUpStep: 'DONE' }]);
  const user = await admin.send(new AdminGetUserCommand({ UserPoolId: pool.poolId, Username: username }));
  assert.equal(user.UserStatus, 'CONFIRMED');
  assert.equal(user.UserAttributes.find(({ Name }) => Name === 'email_verified').Value, 'true');
  assert.deepEqual(await groupsOf(username), ['members']);
  const [before] = await events('PreSignUp_SignUp', username);
  assert.deepEqual(before, {
    version: '1', region: 'us-east-1', userPoolId: pool.poolId, userName: signedUp.userId,
    callerContext: { awsSdkVersion: before.callerContext.awsSdkVersion, clientId: pool.clientId },
    triggerSource: 'PreSignUp_SignUp',
    request: { userAttributes: { email: username }, validationData: { from: 'page' }, clientMetadata: { campaign: 'x' } },
    response: { autoConfirmUser: false, autoVerifyEmail: false, autoVerifyPhone: false },
  });
  const [confirmed] = await events('PostConfirmation_ConfirmSignUp', username);
  assert.deepEqual(confirmed.request, {
    userAttributes: { sub: signedUp.userId, 'cognito:user_status': 'CONFIRMED', email: username, email_verified: 'true' },
    clientMetadata: { campaign: 'x' },
  });
  assert.deepEqual(confirmed.response, {});
});

test('a code confirms as ever: postConfirmation runs then; customMessage has written the texts', async () => {
  const username = address();
  const { isSignUpComplete } = await signUp(username);
  assert.equal(isSignUpComplete, false);
  const mail = await pool.mail(username);
  assert.equal(mail.subject, `CustomMessage_SignUp for ${username}`);
  assert.equal(mail.text, `Dear friend, <b>${mail.code}</b>`);
  assert.deepEqual(await groupsOf(username), []);
  await auth.resendSignUpCode({ username });
  const again = await pool.mail(username);
  assert.equal(again.subject, `CustomMessage_ResendCode for ${username}`);
  await auth.confirmSignUp({ username, confirmationCode: again.code });
  assert.deepEqual(await groupsOf(username), ['members']);
  await auth.resetPassword({ username });
  const reset = await pool.mail(username);
  assert.equal(reset.subject, `CustomMessage_ForgotPassword for ${username}`);
  await auth.confirmResetPassword({ username, confirmationCode: reset.code, newPassword: `${PASSWORD}2` });
  await events('PostConfirmation_ConfirmForgotPassword', username);
});

test('customMessage may leave the texts alone, and has to leave the code in', async () => {
  const username = address('default');
  await signUp(username);
  assert.match((await pool.mail(username)).text, /^The verification code to your new account is \d{6}$/);
  await refused(signUp(address('codeless')), 'InvalidLambdaResponseException', /has to contain \{####\}/);
});

test('AdminCreateUser asks preSignUp as well, whose flags do not count; customMessage writes the invitation', async () => {
  const Username = trusted('made');
  const { User } = await admin.send(new AdminCreateUserCommand({
    UserPoolId: pool.poolId, Username, TemporaryPassword: PASSWORD, UserAttributes: [{ Name: 'email', Value: Username }],
  }));
  assert.equal(User.UserStatus, 'FORCE_CHANGE_PASSWORD');
  const mail = await pool.mail(Username);
  assert.equal(mail.text, `Dear ${Username}, <b>${PASSWORD}</b>`);
  const [event] = await events('PreSignUp_AdminCreateUser', Username);
  assert.equal(event.callerContext.clientId, 'CLIENT_ID_NOT_APPLICABLE');
  const blocked = `made${process.pid}@blocked.example`;
  await refused(
    admin.send(new AdminCreateUserCommand({ UserPoolId: pool.poolId, Username: blocked, UserAttributes: [{ Name: 'email', Value: blocked }] })),
    'UserLambdaValidationException');
});

test('a postConfirmation that fails is told, and the user is confirmed all the same', async () => {
  const username = address('late');
  await signUp(username);
  const { code } = await pool.mail(username);
  await refused(auth.confirmSignUp({ username, confirmationCode: code }), 'UserLambdaValidationException', 'PostConfirmation failed with error too late.');
  const user = await admin.send(new AdminGetUserCommand({ UserPoolId: pool.poolId, Username: username }));
  assert.equal(user.UserStatus, 'CONFIRMED');
});

test('AdminConfirmSignUp runs it too', async () => {
  const username = address('chosen');
  await signUp(username);
  await admin.send(new AdminConfirmSignUpCommand({ UserPoolId: pool.poolId, Username: username }));
  assert.deepEqual(await groupsOf(username), ['members']);
});

test('a function has the rights it was given and no others', async () => {
  const username = trusted('greedy');
  await refused(signUp(username), 'UserLambdaValidationException', /^PostConfirmation failed with error .*not authorized to perform: cognito-idp:AdminDeleteUser/);
  assert.deepEqual(await groupsOf(username), ['members']);
});

test('what is no answer, and functions that die', async () => {
  await refused(signUp(address('nothing')), 'InvalidLambdaResponseException', 'Unrecognizable lambda output');
  await refused(signUp(address('wrong')), 'InvalidLambdaResponseException', 'Unrecognizable lambda output');
  await refused(signUp(address('exit')), 'UserLambdaValidationException', /^PreSignUp failed with error .*exit/i);
});

test('a function that does not answer in five seconds is tried three times, and holds up nobody', async () => {
  const username = address('stuck');
  const start = Date.now();
  let over = false;
  const stuck = assert.rejects(signUp(username), { name: 'UnexpectedLambdaException' }).finally(() => (over = true));
  await Promise.all(Array.from({ length: 4 }, () => member('meanwhile')));
  await signUp(address('slow'));
  assert.equal(over, false);
  await stuck;
  assert.ok(Date.now() - start > 14_500, `${Date.now() - start} ms`);
  assert.equal((await events('PreSignUp_SignUp', username)).length, 3);
});

// ---- signing in --------------------------------------------------------------------------------

test('preAuthentication and postAuthentication are told, and can refuse', async () => {
  const { username, sub } = await member();
  const clientMetadata = { device: 'phone' };
  const { isSignedIn } = await auth.signIn({ username, password: PASSWORD, options: { clientMetadata } });
  assert.equal(isSignedIn, true);
  const [before] = await events('PreAuthentication_Authentication', sub);
  assert.deepEqual(before.request.validationData, clientMetadata);
  assert.equal(before.request.userNotFound, false);
  assert.equal(before.request.userAttributes.sub, sub);
  const [after] = await events('PostAuthentication_Authentication', sub);
  assert.equal(after.request.newDeviceUsed, false);
  assert.deepEqual(after.request.clientMetadata, clientMetadata);
  await auth.signOut();
  for (const [name, deny] of [['PreAuthentication', 'PreAuthentication_Authentication'], ['PostAuthentication', 'PostAuthentication_Authentication']]) {
    await refused(auth.signIn({ username, password: PASSWORD, options: { clientMetadata: { deny } } }),
      'UserLambdaValidationException', `${name} failed with error not today.`);
  }
  await refused(auth.signIn({ username, password: 'Wr0ng-password' }), ...wrong);
});

test('preAuthentication is asked about unknown names too, and told that nobody has them', async () => {
  const username = address('nobody');
  await refused(auth.signIn({ username, password: PASSWORD }), ...wrong);
  const [event] = await events('PreAuthentication_Authentication', username);
  assert.deepEqual(event.request, { userAttributes: {}, validationData: null, userNotFound: true });
});

// ---- tokens ------------------------------------------------------------------------------------

test('preTokenGeneration: claims added, taken away, and those that cannot be', async () => {
  const { username, sub } = await member();
  await auth.signIn({ username, password: PASSWORD });
  const { tokens } = await auth.fetchAuthSession();
  const id = tokens.idToken.payload;
  const [event] = await events('TokenGeneration_Authentication', sub);
  assert.equal(event.version, '1');
  assert.deepEqual(event.request.groupConfiguration.groupsToOverride, ['members']);
  assert.match(event.request.groupConfiguration.preferredRole, /membersGroupRole$/);
  assert.deepEqual(event.response, { claimsOverrideDetails: null });
  assert.deepEqual([id.tenant, id.both, id.email_verified], ['t-1', undefined, undefined]);
  assert.deepEqual([id.sub, id['cognito:username'], id['cognito:groups']], [sub, sub, ['members']]);
  assert.match(id.iss, /^https:\/\/cognito-idp/);
  assert.deepEqual([tokens.accessToken.payload.tenant, tokens.accessToken.payload.sub], [undefined, sub]);
  const fresh = await auth.fetchAuthSession({ forceRefresh: true });
  assert.equal(fresh.tokens.idToken.payload.source, 'TokenGeneration_RefreshTokens');
  await auth.signOut();
});

test('NEW_PASSWORD_REQUIRED has a source of its own', async () => {
  const { username } = await member();
  await admin.send(new AdminSetUserPasswordCommand({ UserPoolId: pool.poolId, Username: username, Password: PASSWORD, Permanent: false }));
  const { nextStep } = await auth.signIn({ username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
  await auth.confirmSignIn({ challengeResponse: `${PASSWORD}2` });
  assert.equal((await auth.fetchAuthSession()).tokens.idToken.payload.source, 'TokenGeneration_NewPasswordChallenge');
  await auth.signOut();
});

test('data rules see the claims, and groups that only the function gives', async () => {
  const { username } = await member('auditor');
  const other = await member();
  const tokens = await pool.signIn(username);
  const plain = await pool.signIn(other.username);
  const models = (authToken) => generateClient({ authMode: 'lambda', authToken }).models;
  const bill = await models(tokens.IdToken).Bill.create({ text: 'one', tenant: 't-1' });
  assert.equal(bill.errors, undefined, JSON.stringify(bill.errors));
  assert.equal((await models(plain.IdToken).Bill.get({ id: bill.data.id })).data.text, 'one');
  assert.equal((await models(plain.IdToken).Bill.create({ text: 'two', tenant: 't-2' })).errors[0].errorType, 'Unauthorized');
  assert.deepEqual(claims(tokens.AccessToken)['cognito:groups'], ['members', 'auditors']);
  const memo = await models(tokens.AccessToken).Memo.create({ text: 'm' });
  assert.equal(memo.errors, undefined, JSON.stringify(memo.errors));
  assert.equal((await models(plain.AccessToken).Memo.create({ text: 'm' })).errors[0].errorType, 'Unauthorized');
  const refreshed = await raw('InitiateAuth', { AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: tokens.RefreshToken } });
  assert.equal((await models(refreshed.body.AuthenticationResult.AccessToken).Memo.get({ id: memo.data.id })).data.text, 'm');
});

// ---- migration ---------------------------------------------------------------------------------

test('userMigration brings a user with its password, by flows that send it', async () => {
  const username = address('old');
  await refused(auth.signIn({ username, password: 'Old-passw0rd!' }), ...wrong); // SRP tells no password
  await refused(auth.signIn({ username, password: 'Wr0ng-password', options: { authFlowType: 'USER_PASSWORD_AUTH' } }),
    'UserLambdaValidationException', 'UserMigration failed with error Bad password.');
  const { isSignedIn } = await auth.signIn({ username, password: 'Old-passw0rd!', options: { authFlowType: 'USER_PASSWORD_AUTH' } });
  assert.equal(isSignedIn, true);
  await auth.signOut();
  assert.equal((await auth.signIn({ username, password: 'Old-passw0rd!' })).isSignedIn, true);
  await auth.signOut();
});

test('who is not there either, who is told to choose a password, and who is somebody else', async () => {
  const flow = { options: { authFlowType: 'USER_PASSWORD_AUTH' }, password: 'Old-passw0rd!' };
  await refused(auth.signIn({ username: address('unknown'), ...flow }), ...wrong);
  const { nextStep } = await auth.signIn({ username: address('oldreset'), ...flow });
  assert.equal(nextStep.signInStep, 'RESET_PASSWORD');
  await refused(auth.signIn({ username: address('oldliar'), ...flow }), 'InvalidParameterException');
});

test('a forgotten password brings a user as well', async () => {
  const username = address('oldforgot');
  await auth.resetPassword({ username });
  const { code } = await pool.mail(username);
  await auth.confirmResetPassword({ username, confirmationCode: code, newPassword: PASSWORD });
  assert.equal((await auth.signIn({ username, password: PASSWORD })).isSignedIn, true);
  await auth.signOut();
});

// ---- challenges of the project -----------------------------------------------------------------

const custom = (username, more) => auth.signIn({ username, ...more, options: { authFlowType: more ? 'CUSTOM_WITH_SRP' : 'CUSTOM_WITHOUT_SRP' } });

test('CUSTOM_WITHOUT_SRP: two questions, a wrong answer in between', async () => {
  const { username, sub } = await member();
  let step = await custom(username);
  assert.equal(step.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
  assert.equal(step.nextStep.additionalInfo.question, 'one and one?');
  assert.equal(step.nextStep.additionalInfo.answer, undefined);
  step = await auth.confirmSignIn({ challengeResponse: 'three' });
  assert.equal(step.nextStep.additionalInfo.question, 'one and one?');
  step = await auth.confirmSignIn({ challengeResponse: '2', options: { clientMetadata: { how: 'typed' } } });
  assert.equal(step.nextStep.additionalInfo.question, 'and three?');
  step = await auth.confirmSignIn({ challengeResponse: '3' });
  assert.equal(step.isSignedIn, true);
  assert.equal((await auth.getCurrentUser()).userId, sub);
  const defined = await events('DefineAuthChallenge_Authentication', sub);
  assert.deepEqual(defined.at(-1).request.session, [
    { challengeName: 'CUSTOM_CHALLENGE', challengeResult: false, challengeMetadata: 'first' },
    { challengeName: 'CUSTOM_CHALLENGE', challengeResult: true, challengeMetadata: 'first' },
    { challengeName: 'CUSTOM_CHALLENGE', challengeResult: true, challengeMetadata: 'second' },
  ]);
  const verified = await events('VerifyAuthChallengeResponse_Authentication', sub);
  assert.deepEqual(verified.map(({ request }) => [request.challengeAnswer, request.privateChallengeParameters, request.clientMetadata, request.userNotFound]), [
    ['three', { answer: '2' }, undefined, false], ['2', { answer: '2' }, { how: 'typed' }, false], ['3', { answer: '3' }, undefined, false],
  ]);
  await auth.signOut();
});

test('a sign-in that the function ends, and answers that are used up', async () => {
  const { username } = await member();
  await custom(username);
  await auth.confirmSignIn({ challengeResponse: 'x' });
  await refused(auth.confirmSignIn({ challengeResponse: 'y' }), ...wrong);

  const start = await raw('InitiateAuth', { AuthFlow: 'CUSTOM_AUTH', AuthParameters: { USERNAME: username } });
  const answer = (ANSWER) => raw('RespondToAuthChallenge', {
    ChallengeName: 'CUSTOM_CHALLENGE', Session: start.body.Session, ChallengeResponses: { USERNAME: username, ANSWER },
  });
  assert.equal((await answer('2')).status, 200);
  const again = await answer('2');
  assert.equal(again.body.message, 'Invalid session for the user, session can only be used once.');
});

test('answers are guesses: they are counted', async () => {
  const { username } = await member();
  const guess = async () => {
    const start = await raw('InitiateAuth', { AuthFlow: 'CUSTOM_AUTH', AuthParameters: { USERNAME: username } });
    return raw('RespondToAuthChallenge', {
      ChallengeName: 'CUSTOM_CHALLENGE', Session: start.body.Session, ChallengeResponses: { USERNAME: username, ANSWER: 'x' },
    });
  };
  const messages = [];
  for (let i = 0; i < 9; i++) messages.push((await guess()).body.message);
  assert.ok(messages.includes('Password attempts exceeded'), messages.join());
});

test('CUSTOM_WITH_SRP: the password first', async () => {
  const { username, sub } = await member();
  await refused(custom(username, { password: 'Wr0ng-password' }), ...wrong);
  let step = await custom(username, { password: PASSWORD });
  assert.equal(step.nextStep.additionalInfo.question, 'one and one?');
  await auth.confirmSignIn({ challengeResponse: '2' });
  step = await auth.confirmSignIn({ challengeResponse: '3' });
  assert.equal(step.isSignedIn, true);
  const defined = await events('DefineAuthChallenge_Authentication', sub);
  assert.deepEqual(defined.at(-1).request.session.map(({ challengeName, challengeResult }) => [challengeName, challengeResult]), [
    ['SRP_A', true], ['PASSWORD_VERIFIER', true], ['CUSTOM_CHALLENGE', true], ['CUSTOM_CHALLENGE', true],
  ]);
  await auth.signOut();
});

test('who does not exist is asked the same, and never gets in', async () => {
  const username = address('ghost');
  let step = await custom(username);
  assert.equal(step.nextStep.additionalInfo.question, 'one and one?');
  await auth.confirmSignIn({ challengeResponse: '2' });
  await refused(auth.confirmSignIn({ challengeResponse: '3' }), ...wrong);
  const [event] = await events('DefineAuthChallenge_Authentication', username);
  assert.equal(event.request.userNotFound, true);
});

test('a disabled or unconfirmed user gets no further by answers', async () => {
  const username = address('unconfirmed');
  await signUp(username);
  await custom(username);
  await auth.confirmSignIn({ challengeResponse: '2' });
  const step = await auth.confirmSignIn({ challengeResponse: '3' });
  assert.equal(step.nextStep.signInStep, 'CONFIRM_SIGN_UP');
});
