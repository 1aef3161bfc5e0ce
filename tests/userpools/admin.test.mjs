// Operations of administrators with the SDK client, signed by access keys that ampd made.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CognitoIdentityClient, ListIdentityPoolsCommand } from '@aws-sdk/client-cognito-identity';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
let client;
let UserPoolId;
before(async () => {
  pool = await startPool('mail');
  UserPoolId = pool.poolId;
  client = await pool.admin();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

const send = (name, input = {}) => client.send(new cognito[`${name}Command`]({ UserPoolId, ...input }));
const named = (list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));

test('a signature is needed, and the right to the action', async () => {
  await refused(pool.sdk().send(new cognito.ListUsersCommand({ UserPoolId })), 'UnrecognizedClientException');
  const unsigned = await pool.call('ListUsers', { UserPoolId });
  assert.equal(unsigned.status, 400);
  assert.equal(unsigned.body.__type, 'MissingAuthenticationTokenException');
  const reader = await pool.admin('cognito-idp:ListUsers');
  await reader.send(new cognito.ListUsersCommand({ UserPoolId }));
  await refused(reader.send(new cognito.AdminDeleteUserCommand({ UserPoolId, Username: 'x' })), 'AccessDeniedException',
    /cognito-idp:AdminDeleteUser/);
  await refused(client.send(new cognito.ListUsersCommand({ UserPoolId: 'us-east-1_Other1234' })),
    'ResourceNotFoundException', 'User pool us-east-1_Other1234 does not exist.');
});

test('a signature of another region or service is none', async () => {
  const credentials = await client.config.credentials();
  const elsewhere = (Client, region) => new Client({ region, endpoint: pool.origin, credentials });
  const list = new cognito.ListUsersCommand({ UserPoolId });
  await elsewhere(cognito.CognitoIdentityProviderClient, 'us-east-1').send(list);
  for (const region of ['eu-west-1', 'us-east-1x', 'US-EAST-1']) {
    await refused(elsewhere(cognito.CognitoIdentityProviderClient, region).send(list), 'InvalidSignatureException',
      'Credential should be scoped to a valid region.');
    await refused(elsewhere(CognitoIdentityClient, region).send(new ListIdentityPoolsCommand({ MaxResults: 1 })),
      'InvalidSignatureException', 'Credential should be scoped to a valid region.');
  }
});

test('AdminCreateUser invites; the first sign-in sets a password', async () => {
  const username = address('invited');
  const { User } = await send('AdminCreateUser', {
    Username: username,
    UserAttributes: [{ Name: 'email_verified', Value: 'true' }, { Name: 'given_name', Value: 'Ivy' }],
    DesiredDeliveryMediums: ['EMAIL'],
  });
  assert.equal(User.UserStatus, 'FORCE_CHANGE_PASSWORD');
  assert.equal(User.Enabled, true);
  assert.ok(User.UserCreateDate instanceof Date && Math.abs(User.UserCreateDate - Date.now()) < 60_000);
  assert.deepEqual(named(User.Attributes), {
    sub: User.Username, email: username, email_verified: 'true', given_name: 'Ivy',
  });
  const message = await pool.mail(username);
  assert.equal(message.subject, 'Your temporary password');
  assert.equal(message.text, `Your username is ${username} and temporary password is ${message.code}`);
  await refused(send('AdminCreateUser', { Username: username }), 'UsernameExistsException');

  const { nextStep } = await auth.signIn({ username, password: message.code });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
  await refused(auth.confirmSignIn({ challengeResponse: 'weak' }), 'InvalidPasswordException');
  const done = await auth.confirmSignIn({ challengeResponse: PASSWORD });
  assert.equal(done.isSignedIn, true);
  await auth.signOut();
  assert.equal((await send('AdminGetUser', { Username: username })).UserStatus, 'CONFIRMED');
});

test('who is invited adds what is missing, and changes nothing that was filled in', async () => {
  const username = address('filled');
  await send('AdminCreateUser', {
    Username: username,
    UserAttributes: [{ Name: 'email_verified', Value: 'true' }, { Name: 'custom:origin', Value: 'acme' }, { Name: 'given_name', Value: 'Ivy' }],
  });
  const { code } = await pool.mail(username);
  const { Session } = (await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD: code },
  })).body;
  const answer = async (attributes) => {
    const responses = Object.entries(attributes).map(([name, value]) => [`userAttributes.${name}`, value]);
    return (await pool.call('RespondToAuthChallenge', {
      ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session,
      ChallengeResponses: { USERNAME: username, NEW_PASSWORD: PASSWORD, ...Object.fromEntries(responses) },
    })).body;
  };
  for (const [name, value] of [['email', address('other')], ['email', username], ['custom:origin', 'globex']]) {
    assert.deepEqual(await answer({ [name]: value }), {
      __type: 'NotAuthorizedException', message: `Cannot modify an already provided ${name}`,
    });
  }
  assert.ok((await answer({ given_name: 'Ida', 'custom:plan': 'small' })).AuthenticationResult);
  const { sub, ...attributes } = named((await send('AdminGetUser', { Username: username })).UserAttributes);
  assert.deepEqual(attributes, {
    email: username, email_verified: 'true', 'custom:origin': 'acme', given_name: 'Ida', 'custom:plan': 'small',
  });
});

test('what an administrator may not write, and in which words', async () => {
  const Username = address('written');
  const make = (more) => send('AdminCreateUser', { Username, MessageAction: 'SUPPRESS', ...more });
  const one = (Name, Value) => ({ UserAttributes: [{ Name, Value }] });
  for (const Name of ['email_verified', 'phone_number_verified']) {
    await refused(make(one(Name, 'maybe')), 'InvalidParameterException',
      `Attributes did not conform to the schema: ${Name}: Attribute value must be of type Boolean\n`);
  }
  await refused(make(one('sub', '00000000-0000-4000-8000-000000000000')), 'InvalidParameterException',
    'Cannot modify the non-mutable attribute sub');
  await refused(make({ TemporaryPassword: 'weak' }), 'InvalidPasswordException',
    'Password did not conform with password policy: Password not long enough');
  const { User } = await make(one('email_verified', 'True'));
  assert.equal(named(User.Attributes).email_verified, 'true');
  await refused(send('AdminUpdateUserAttributes', { Username, ...one('sub', 'x') }), 'InvalidParameterException',
    'Cannot modify the non-mutable attribute sub');
  await send('AdminSetUserPassword', { Username, Password: PASSWORD, Permanent: true });
  await send('AdminResetUserPassword', { Username }); // its address counts as proven
  const { code } = await pool.mail(Username);
  await refused(auth.confirmResetPassword({ username: Username, confirmationCode: code, newPassword: 'weakweak' }),
    'InvalidPasswordException', 'Password does not conform to policy: Password must have uppercase characters');
  await refused(send('AdminSetUserMFAPreference', { Username, SoftwareTokenMfaSettings: { Enabled: true } }), 'InvalidParameterException',
    'User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA');
});

test('an invitation is renewed', async () => {
  const username = address('renewed');
  await send('AdminCreateUser', { Username: username, DesiredDeliveryMediums: ['EMAIL'] });
  const first = await pool.mail(username);
  await send('AdminCreateUser', { Username: username, MessageAction: 'RESEND', DesiredDeliveryMediums: ['EMAIL'] });
  const second = await pool.mail(username);
  assert.notEqual(first.code, second.code);
  await refused(auth.signIn({ username, password: first.code }), 'NotAuthorizedException');
  const { nextStep } = await auth.signIn({ username, password: second.code });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
});

test('a user is read, changed, disabled, enabled and deleted by e-mail or sub', async () => {
  const user = await makeUser(pool);
  const read = await send('AdminGetUser', { Username: user.sub });
  assert.equal(read.Username, user.sub);
  assert.equal(named(read.UserAttributes).email, user.username);
  const Username = user.username;

  await send('AdminUpdateUserAttributes', { Username, UserAttributes: [{ Name: 'custom:origin', Value: '' }] })
    .then(() => assert.fail('an immutable attribute was changed'), ({ name }) => assert.equal(name, 'InvalidParameterException'));
  const moved = address('moved');
  await send('AdminUpdateUserAttributes', {
    Username, UserAttributes: [{ Name: 'email', Value: moved }, { Name: 'email_verified', Value: 'true' }],
  });
  assert.equal(named((await send('AdminGetUser', { Username: user.sub })).UserAttributes).email, moved);
  await refused(send('AdminGetUser', { Username }), 'UserNotFoundException', 'User does not exist.');

  const tokens = await pool.signIn(moved);
  await send('AdminDisableUser', { Username: moved });
  assert.equal((await pool.call('GetUser', { AccessToken: tokens.AccessToken })).body.message, 'User is disabled.');
  await refused(auth.signIn({ username: moved, password: PASSWORD }), 'NotAuthorizedException', 'User is disabled.');
  await refused(send('AdminResetUserPassword', { Username: moved }), 'NotAuthorizedException', 'User is disabled.');
  await send('AdminEnableUser', { Username: moved });
  const last = await pool.signIn(moved);
  await send('AdminDeleteUserAttributes', { Username: moved, UserAttributeNames: ['custom:plan'] });
  await send('AdminDeleteUser', { Username: moved });
  assert.deepEqual((await pool.call('GetUser', { AccessToken: last.AccessToken })).body,
    { __type: 'UserNotFoundException', message: 'User does not exist.' });
  await refused(send('AdminGetUser', { Username: moved }), 'UserNotFoundException');
});

test('passwords are set and reset', async () => {
  const user = await makeUser(pool);
  await send('AdminSetUserPassword', { Username: user.username, Password: 'Set-by-4dmin!', Permanent: true });
  await pool.signIn(user.username, 'Set-by-4dmin!');
  await send('AdminSetUserPassword', { Username: user.username, Password: 'Only-t0day!' });
  const asked = await send('AdminInitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH',
    AuthParameters: { USERNAME: user.username, PASSWORD: 'Only-t0day!' },
  });
  assert.equal(asked.ChallengeName, 'NEW_PASSWORD_REQUIRED');
  const done = await send('AdminRespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: asked.Session,
    ChallengeResponses: { USERNAME: user.username, NEW_PASSWORD: PASSWORD },
  });
  assert.ok(done.AuthenticationResult.AccessToken);
  await send('AdminResetUserPassword', { Username: user.username });
  await refused(pool.sdk().send(new cognito.InitiateAuthCommand({
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  })), 'PasswordResetRequiredException', 'Password reset required for the user');
  const { code } = await pool.mail(user.username);
  await auth.confirmResetPassword({ username: user.username, confirmationCode: code, newPassword: 'An0ther-one!' });
  await pool.signIn(user.username, 'An0ther-one!');
});

test('AdminConfirmSignUp confirms without a code', async () => {
  const username = address('unasked');
  await auth.signUp({ username, password: PASSWORD });
  await send('AdminConfirmSignUp', { Username: username });
  const read = await send('AdminGetUser', { Username: username });
  assert.equal(read.UserStatus, 'CONFIRMED');
  assert.equal(named(read.UserAttributes).email_verified, 'false');
  await refused(send('AdminConfirmSignUp', { Username: username }), 'NotAuthorizedException',
    'User cannot be confirmed. Current status is CONFIRMED');
});

test('changes of one user at the same time are made all', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const once = new cognito.CognitoIdentityProviderClient({
    region: 'us-east-1', endpoint: pool.origin, credentials: await client.config.credentials(), maxAttempts: 1,
  });
  const change = (Name, Value) => once.send(new cognito.AdminUpdateUserAttributesCommand({
    UserPoolId, Username: user.username, UserAttributes: [{ Name, Value }],
  }));
  const own = (Value) => pool.call('UpdateUserAttributes', { AccessToken, UserAttributes: [{ Name: 'family_name', Value }] });
  const answers = await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => change('given_name', `n${i}`)), change('custom:plan', 'large'), change('custom:seats', '3'),
    ...Array.from({ length: 8 }, (_, i) => own(`f${i}`)), send('AdminEnableUser', { Username: user.username }),
    send('AdminSetUserPassword', { Username: user.username, Password: 'An0ther-one!', Permanent: true }),
  ]);
  for (const { status, body } of answers.slice(10, 18)) assert.equal(status, 200, JSON.stringify(body));
  const now = named((await send('AdminGetUser', { Username: user.username })).UserAttributes);
  assert.match(now.given_name, /^n\d$/);
  assert.match(now.family_name, /^f\d$/);
  assert.deepEqual([now['custom:plan'], now['custom:seats']], ['large', '3']);
  await pool.signIn(user.username, 'An0ther-one!');
});

test('groups of the definition are there, in the tokens by precedence', async () => {
  const { Groups } = await send('ListGroups');
  assert.deepEqual(Groups.map(({ GroupName, Precedence }) => [GroupName, Precedence]).sort(), [['admins', 0], ['editors', 1]]);
  const user = await makeUser(pool);
  for (const GroupName of ['editors', 'admins']) await send('AdminAddUserToGroup', { Username: user.username, GroupName });
  await send('AdminAddUserToGroup', { Username: user.username, GroupName: 'admins' });
  await refused(send('AdminAddUserToGroup', { Username: user.username, GroupName: 'none' }), 'ResourceNotFoundException',
    'Group not found.');
  await auth.signIn({ username: user.username, password: PASSWORD });
  const { tokens } = await auth.fetchAuthSession();
  assert.deepEqual(tokens.accessToken.payload['cognito:groups'], ['admins', 'editors']);
  assert.deepEqual(tokens.idToken.payload['cognito:groups'], ['admins', 'editors']);
  assert.match(tokens.idToken.payload['cognito:preferred_role'], /^arn:aws:iam::\d{12}:role\/.*admins.*GroupRole$/);
  const of = await send('AdminListGroupsForUser', { Username: user.username });
  assert.deepEqual(of.Groups.map(({ GroupName }) => GroupName).sort(), ['admins', 'editors']);
  const inGroup = await send('ListUsersInGroup', { GroupName: 'editors' });
  assert.deepEqual(inGroup.Users.map(({ Username }) => Username), [user.sub]);
  await send('AdminRemoveUserFromGroup', { Username: user.username, GroupName: 'admins' });
  const again = (await auth.fetchAuthSession({ forceRefresh: true })).tokens;
  assert.deepEqual(again.accessToken.payload['cognito:groups'], ['editors']);
  await auth.signOut();
});

test('groups are made, changed and deleted', async () => {
  const { Group } = await send('CreateGroup', { GroupName: 'temps', Description: 'for a while', Precedence: 7 });
  assert.equal(Group.Precedence, 7);
  assert.ok(Group.CreationDate instanceof Date);
  await refused(send('CreateGroup', { GroupName: 'temps' }), 'GroupExistsException', 'A group with the name already exists.');
  assert.equal((await send('UpdateGroup', { GroupName: 'temps', Description: 'longer' })).Group.Description, 'longer');
  assert.equal((await send('GetGroup', { GroupName: 'temps' })).Group.Precedence, 7);
  for (let i = 0; i < 10; i++) { // changes at the same time are all kept
    await Promise.all([send('UpdateGroup', { GroupName: 'temps', Precedence: i }), send('UpdateGroup', { GroupName: 'temps', Description: `round ${i}` })]);
    const now = (await send('GetGroup', { GroupName: 'temps' })).Group;
    assert.deepEqual([now.Precedence, now.Description], [i, `round ${i}`]);
  }
  await send('DeleteGroup', { GroupName: 'temps' });
  await refused(send('GetGroup', { GroupName: 'temps' }), 'ResourceNotFoundException');
});

test('ListUsers filters and pages', async () => {
  const names = [];
  for (let i = 0; i < 5; i++) {
    const Username = `page${i}-${address('list')}`;
    names.push(Username);
    await send('AdminCreateUser', { Username, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'family_name', Value: 'Page' }] });
  }
  const found = [];
  let PaginationToken;
  do {
    const page = await send('ListUsers', { Filter: 'family_name = "page"', Limit: 2, PaginationToken, AttributesToGet: ['email'] });
    assert.ok(page.Users.length <= 2);
    found.push(...page.Users.map(({ Attributes }) => named(Attributes).email));
    PaginationToken = page.PaginationToken;
  } while (PaginationToken);
  assert.deepEqual(found.sort(), names);
  const count = async (Filter) => (await send('ListUsers', { Filter })).Users.length;
  assert.equal(await count(`email = "${names[0].toUpperCase()}"`), 1);
  assert.equal(await count('email ^= "page"'), 5);
  assert.equal(await count('family_name^="Pa"'), 5);
  assert.equal(await count('cognito:user_status = "FORCE_CHANGE_PASSWORD" '), await count('cognito:user_status = "force_change_password"'));
  assert.equal(await count('status = "Disabled"'), 0);
  assert.ok(await count('status = "Enabled"') > 0);
  assert.equal(await count('status = "enabled"'), 0);
  for (const bad of ['email', 'email ="x', 'email > "x"', 'email = "a" and x = "b"', '= "x"', 'email = x']) {
    await refused(send('ListUsers', { Filter: bad }), 'InvalidParameterException', 'Error while parsing filter.');
  }
  await refused(send('ListUsers', { Filter: 'custom:plan = "x"' }), 'InvalidParameterException',
    'Invalid search attribute: custom:plan');
  await refused(send('ListUsers', { PaginationToken: 'bad' }), 'InvalidParameterException');
});
