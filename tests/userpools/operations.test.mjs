// All operations of the SDK's model: who may call them, and what becomes of those that are not served.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { address, makeUser, refused, startPool } from './lib.mjs';

const operations = Object.keys(cognito).filter((name) => /^[A-Z]\w*Command$/.test(name)).map((name) => name.slice(0, -7));
// Those without a signature, as the model has it.
const unsigned = new Set(`AssociateSoftwareToken ChangePassword CompleteWebAuthnRegistration ConfirmDevice ConfirmForgotPassword
  ConfirmSignUp DeleteUser DeleteUserAttributes DeleteWebAuthnCredential ForgetDevice ForgotPassword GetDevice GetTokensFromRefreshToken
  GetUser GetUserAttributeVerificationCode GetUserAuthFactors GlobalSignOut InitiateAuth ListDevices ListUserSessions
  ListWebAuthnCredentials ResendConfirmationCode RespondToAuthChallenge RevokeToken RevokeUserSession SetUserMFAPreference
  SetUserSettings SignUp StartWebAuthnRegistration UpdateAuthEventFeedback UpdateDeviceStatus UpdateUserAttributes
  VerifySoftwareToken VerifyUserAttribute GetClientToken`.split(/\s+/));
const signed = operations.filter((name) => !unsigned.has(name));
const served = signed.filter((name) => /^Admin/.test(name) || `CreateGroup DeleteGroup DescribeUserPool DescribeUserPoolClient GetGroup
  GetCSVHeader GetUserPoolMfaConfig ListGroups ListIdentityProviders ListResourceServers ListUserPoolClients ListUserPools ListUsers ListUsersInGroup UpdateGroup`.split(/\s+/).includes(name));
// What an action of allow.resource(fn).to([...]) grants.
const actions = {
  manageUsers: `AdminConfirmSignUp AdminCreateUser AdminDeleteUser AdminDeleteUserAttributes AdminDisableUser AdminEnableUser AdminGetUser
    AdminListGroupsForUser AdminRespondToAuthChallenge AdminSetUserMFAPreference AdminSetUserSettings AdminUpdateUserAttributes
    AdminUserGlobalSignOut`,
  manageGroupMembership: 'AdminAddUserToGroup AdminRemoveUserFromGroup',
  manageGroups: 'GetGroup ListGroups CreateGroup DeleteGroup UpdateGroup',
  manageUserDevices: 'AdminForgetDevice AdminGetDevice AdminListDevices AdminUpdateDeviceStatus',
  managePasswordRecovery: 'AdminResetUserPassword AdminSetUserPassword',
  manageProviderForUser: 'AdminLinkProviderForUser',
  listUsers: 'ListUsers',
  listUsersInGroup: 'ListUsersInGroup',
};

let pool;
before(async () => {
  pool = await startPool('mail');
});
after(() => pool.end());

/** An input that is complete, so that only the right to call it is in question. */
const input = (Username = 'nobody@example.com') => ({
  UserPoolId: pool.poolId, Username, ClientId: pool.clientId, GroupName: 'none', UserAttributes: [], UserAttributeNames: ['given_name'],
  DeviceKey: 'us-east-1_0', Password: 'Corr3ct-horse!', AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', ChallengeName: 'NEW_PASSWORD_REQUIRED',
  AuthParameters: { USERNAME: Username, PASSWORD: 'x' }, ChallengeResponses: { USERNAME: Username }, MFAOptions: [], MaxResults: 1,
  EventId: 'e', FeedbackValue: 'Valid', SessionId: 's', Session: 'x'.repeat(30), MessageAction: 'SUPPRESS',
  DestinationUser: { ProviderName: 'Cognito', ProviderAttributeValue: 'x' }, User: { ProviderName: 'Cognito', ProviderAttributeValue: 'x' },
  SourceUser: { ProviderName: 'Google', ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: 'x' },
});
const nameOf = (client, operation, given = input()) =>
  client.send(new cognito[`${operation}Command`](given)).then(() => 'fine', (error) => error.name);

test('the model is the one this was written for', () => {
  assert.ok(operations.length >= 130, `${operations.length}`);
  assert.ok(served.length >= 40, `${served.length}`);
});

test('no signed operation answers without a signature', async () => {
  for (const operation of signed) {
    const { status, body } = await pool.call(operation, input());
    assert.equal(status, 400, operation);
    assert.equal(body.__type, 'MissingAuthenticationTokenException', operation);
  }
});

test('a key for one action does nothing else', async () => {
  const narrow = await pool.admin('cognito-idp:GetIdentityProviderByIdentifier');
  for (const operation of signed.filter((name) => name !== 'GetIdentityProviderByIdentifier')) {
    const where = operation === 'ListUserPools' ? '\\*' : pool.poolId;
    await refused(narrow.send(new cognito[`${operation}Command`](input())), 'AccessDeniedException', new RegExp(
      `^User: arn:aws:iam::\\d{12}:user/\\S+ is not authorized to perform: cognito-idp:${operation} on resource: ` +
      `arn:aws:cognito-idp:us-east-1:\\d{12}:userpool/${where}`));
  }
});

test('what is not served says so to who may ask', async () => {
  const client = await pool.admin();
  const rest = signed.filter((name) => !served.includes(name));
  assert.ok(rest.length > 50);
  for (const operation of rest) {
    await refused(client.send(new cognito[`${operation}Command`](input())), 'OperationNotEnabledException', /is not available here/);
  }
  for (const [service, operation] of [['AWSCognitoIdentityProviderService', 'MakeCoffee'], ['AWSCognitoIdentityProviderService', 'GetId'],
    ['AWSCognitoIdentityService', 'SignUp'], ['AWSCognitoIdentityService', 'ListUsers'], ['AWSCognitoIdentityProviderService', ''],
    ['AWSCognitoIdentityProviderService', 'signup'], ['AWSCognitoIdentityProviderService', 'x'.repeat(500)]]) {
    const { status, body } = await pool.call(operation, {}, { service });
    assert.equal(status, 400, operation);
    assert.equal(body.__type, 'UnknownOperationException', operation);
  }
});

test('each action of the definitions opens its operations and no others', async () => {
  for (const [action, list] of Object.entries(actions)) {
    const granted = list.split(/\s+/);
    const client = await pool.admin(...granted.map((name) => `cognito-idp:${name}`));
    for (const operation of served) {
      const answer = await nameOf(client, operation);
      if (granted.includes(operation)) assert.notEqual(answer, 'AccessDeniedException', `${action}: ${operation}`);
      else assert.equal(answer, 'AccessDeniedException', `${action}: ${operation}`);
    }
  }
});

test('all operations on a user that is not there, in a pool that is not there, and on nobody', async () => {
  const client = await pool.admin();
  const onUsers = served.filter((name) => /^Admin/.test(name) && !/Initiate|Respond|CreateUser|Provider/.test(name));
  for (const operation of onUsers) {
    await refused(client.send(new cognito[`${operation}Command`](input('nobody@example.com'))), 'UserNotFoundException', 'User does not exist.');
    await refused(client.send(new cognito[`${operation}Command`]({ ...input(), Username: undefined })), 'InvalidParameterException',
      /Value null at 'username' failed to satisfy constraint: Member must not be null/);
  }
  for (const operation of served.filter((name) => name !== 'ListUserPools')) {
    await refused(client.send(new cognito[`${operation}Command`]({ ...input(), UserPoolId: 'us-east-1_Other0000' })),
      'ResourceNotFoundException', 'User pool us-east-1_Other0000 does not exist.');
  }
  const both = await pool.call('SignUp', {});
  assert.equal(both.body.message, "2 validation errors detected: Value null at 'clientId' failed to satisfy constraint: Member must not " +
    "be null; Value null at 'username' failed to satisfy constraint: Member must not be null");
});

test('groups and their members page', async () => {
  const client = await pool.admin();
  const send = (operation, more = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...more }));
  for (let i = 0; i < 7; i++) await send('CreateGroup', { GroupName: `p${i}`, Precedence: i, RoleArn: 'arn:aws:iam::123456789012:role/x' });
  const users = [];
  for (let i = 0; i < 5; i++) {
    const user = await makeUser(pool, { username: address('paged') });
    users.push(user.sub);
    await send('AdminAddUserToGroup', { Username: user.username, GroupName: 'p3' });
    if (i === 0) for (let g = 0; g < 7; g++) await send('AdminAddUserToGroup', { Username: user.sub, GroupName: `p${g}` });
  }
  const all = async (operation, more, member, token = 'NextToken') => {
    const found = [];
    let pages = 0;
    for (let next; ; ) {
      const page = await send(operation, { ...more, Limit: 2, [token]: next });
      assert.ok(page[member].length <= 2);
      found.push(...page[member]);
      pages++;
      next = page[token];
      if (!next) break;
    }
    return { found, pages };
  };
  const groups = await all('ListGroups', {}, 'Groups');
  assert.deepEqual(groups.found.map(({ GroupName }) => GroupName).sort(), ['admins', 'editors', ...users.concat(0, 0).map((_, i) => `p${i}`)]);
  const members = await all('ListUsersInGroup', { GroupName: 'p3' }, 'Users');
  assert.deepEqual(members.found.map(({ Username }) => Username).sort(), [...users].sort());
  const of = await all('AdminListGroupsForUser', { Username: users[0] }, 'Groups');
  assert.equal(of.found.length, 7);
  assert.ok(groups.pages > 4 && members.pages > 2 && of.pages > 3);
  // A token of one list is none of another.
  const { NextToken } = await send('ListGroups', { Limit: 1 });
  await refused(send('ListUsersInGroup', { GroupName: 'p3', Limit: 1, NextToken }), 'InvalidParameterException');
  await refused(send('ListUsers', { Limit: 1, PaginationToken: NextToken }), 'InvalidParameterException');
  const token = (await send('ListUsersInGroup', { GroupName: 'p3', Limit: 1 })).NextToken;
  await refused(send('ListUsersInGroup', { GroupName: 'p1', Limit: 1, NextToken: token }), 'InvalidParameterException');
  for (const Limit of [-1, 61, 1000]) await refused(send('ListGroups', { Limit }), 'InvalidParameterException', /'limit' failed/);
});

test('the filter of ListUsers in all its forms', async () => {
  const client = await pool.admin();
  const list = (Filter, more = {}) => client.send(new cognito.ListUsersCommand({ UserPoolId: pool.poolId, Filter, ...more }));
  const quoted = 'O"Neil \\ Sons';
  const user = await makeUser(pool, { username: address('filter'), attributes: { given_name: quoted, family_name: 'Straße', name: 'Zoë' } });
  const subs = async (filter) => (await list(filter)).Users.map(({ Username }) => Username);
  for (const filter of ['given_name = "O\\"Neil \\\\ Sons"', 'given_name="O\\"Neil \\\\ Sons"', 'given_name ^= "O\\""', ' given_name  ^=  "o\\"n" ',
    'family_name = "Straße"', 'name ^= "Zo"', `sub = "${user.sub}"`, `sub ^= "${user.sub.slice(0, 13)}"`, `username = "${user.sub}"`,
    `email = "${user.username}"`, `email ^= "${user.username.slice(0, 12)}"`]) {
    assert.deepEqual(await subs(filter), [user.sub], filter);
  }
  for (const filter of ['given_name = "O"', 'family_name = "Strasse"', `sub = "${user.sub.toUpperCase()}"`, 'sub = ""', 'email = ""', 'phone_number ^= "+"']) {
    assert.deepEqual(await subs(filter), [], filter);
  }
  const everyone = await subs('');
  assert.ok(everyone.includes(user.sub));
  assert.deepEqual((await subs('status = "Enabled"')).sort(), everyone.sort());
  assert.ok((await subs('cognito:user_status = "CONFIRMED"')).includes(user.sub));
  for (const bad of ['email', '=', '"', 'email == "x"', 'email = "x', 'email = x"', 'email ^ "x"', 'email ^= ', 'email != "x"', 'email = "x" y',
    'email = "x" "y"', '"email = "x"', 'email = \'x\'', 'email in "x"', 'email = "a\\"']) {
    await refused(list(bad), 'InvalidParameterException', 'Error while parsing filter.');
  }
  for (const name of ['custom:plan', 'nickname', 'EMAIL', 'email_verified', 'password', '*']) {
    await refused(list(`${name} = "x"`), 'InvalidParameterException', `Invalid search attribute: ${name}`);
  }
  await refused(list(`email = "${'x'.repeat(256)}"`), 'InvalidParameterException', /'filter'.*256/);
  await refused(list('', { AttributesToGet: ['email', 'none'] }), 'InvalidParameterException', 'One or more requested attributes do not exist.');
  const { Users } = await list(`sub = "${user.sub}"`, { AttributesToGet: ['email', 'nickname'] });
  assert.deepEqual(Users[0].Attributes, [{ Name: 'email', Value: user.username }]);
});
