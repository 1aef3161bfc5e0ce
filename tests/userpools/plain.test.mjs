// A pool with plain, case-sensitive names whose users are made by administrators; links to other providers; the
// older operations on settings; sessions.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, refused, startPool } from './lib.mjs';

let pool;
let client;
before(async () => {
  pool = await startPool('plain');
  client = await pool.admin();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

let count = 0;
const name = (what = 'bob') => `${what}-${process.pid}-${++count}`;
const send = (operation, input = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
const bare = (operation, input) => pool.sdk().send(new cognito[`${operation}Command`](input));
const named = (list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));
const make = async (attributes = {}, username = name()) => {
  await send('AdminCreateUser', {
    Username: username, MessageAction: 'SUPPRESS', UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
  });
  await send('AdminSetUserPassword', { Username: username, Password: PASSWORD, Permanent: true });
  return username;
};

test('users cannot sign themselves up', async () => {
  await refused(auth.signUp({ username: name(), password: PASSWORD }), 'NotAuthorizedException',
    'SignUp is not permitted for this user pool');
});

test('names differ by case, and may look like addresses', async () => {
  const base = name('Case');
  await make({}, base);
  await make({}, base.toLowerCase());
  await refused(make({}, base), 'UsernameExistsException', 'User account already exists');
  await refused(auth.signIn({ username: base.toUpperCase(), password: PASSWORD }), 'NotAuthorizedException');
  await auth.signIn({ username: base, password: PASSWORD });
  assert.equal((await auth.getCurrentUser()).username, base);
  await auth.signOut();
  const email = address('plain');
  await make({ email, email_verified: 'true' }, `not-${email}`);
  await refused(auth.signIn({ username: email, password: PASSWORD }), 'NotAuthorizedException'); // no alias
  assert.equal(await pool.signIn(`not-${email}`).then(() => true), true);
  assert.equal((await send('ListUsers', { Filter: `email = "${email.toUpperCase()}"` })).Users.length, 0);
});

test('the invitation of the override, by e-mail and by SMS', async () => {
  const username = name();
  const email = address('invited');
  const phone = `+4178${String(process.pid).padStart(7, '0').slice(-7)}`;
  await send('AdminCreateUser', {
    Username: username, DesiredDeliveryMediums: ['EMAIL', 'SMS'],
    UserAttributes: [{ Name: 'email', Value: email }, { Name: 'phone_number', Value: phone }],
  });
  const mail = await pool.mail(email);
  assert.equal(mail.subject, 'Come in');
  assert.equal(mail.text, `${username}, say ${mail.code}`);
  assert.equal((await pool.mail(phone)).text, `SMS for ${username}: ${mail.code}`);
  await refused(send('AdminCreateUser', { Username: name(), DesiredDeliveryMediums: ['PIGEON'] }), 'InvalidParameterException');
  await refused(send('AdminCreateUser', { Username: name(), MessageAction: 'NOTHING' }), 'InvalidParameterException', /RESEND, SUPPRESS/);
  await refused(send('AdminCreateUser', { Username: name(), MessageAction: 'RESEND' }), 'UserNotFoundException');
  const made = await make();
  await refused(send('AdminCreateUser', { Username: made, MessageAction: 'RESEND' }), 'UnsupportedUserStateException');
});

test('passwords are reset by administrators only', async () => {
  const username = await make({ email: address(), email_verified: 'true' });
  await refused(auth.resetPassword({ username }), 'NotAuthorizedException', 'Contact administrator to reset password.');
});

test('an immutable attribute is set once', async () => {
  const username = await make({ zoneinfo: 'Europe/Zurich' });
  await refused(send('AdminUpdateUserAttributes', { Username: username, UserAttributes: [{ Name: 'zoneinfo', Value: 'UTC' }] }),
    'InvalidParameterException', 'user.zoneinfo: Attribute cannot be updated.\n');
  assert.equal(named((await send('AdminGetUser', { Username: username })).UserAttributes).zoneinfo, 'Europe/Zurich');
});

test('links to users of other providers', async () => {
  const username = await make();
  const other = await make();
  const link = (Username, id, ProviderName = 'Google') => send('AdminLinkProviderForUser', {
    DestinationUser: { ProviderName: 'Cognito', ProviderAttributeValue: Username },
    SourceUser: { ProviderName, ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: id },
  });
  const id = `g${process.pid}`;
  await link(username, id);
  const { identities } = named((await send('AdminGetUser', { Username: username })).UserAttributes);
  const [shown] = JSON.parse(identities);
  assert.equal(shown.userId, id);
  assert.equal(shown.providerName, 'Google');
  assert.equal(shown.providerType, 'Google');
  await refused(link(username, id), 'InvalidParameterException', 'SourceUser is already linked to DestinationUser');
  await refused(link(other, id), 'InvalidParameterException');
  await refused(link(name('none'), 'x'), 'UserNotFoundException');
  await refused(link(other, 'x', 'Unheard'), 'ResourceNotFoundException');
  await refused(send('AdminLinkProviderForUser', {
    DestinationUser: { ProviderName: 'Google', ProviderAttributeValue: 'x' },
    SourceUser: { ProviderName: 'Google', ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: 'x' },
  }), 'InvalidParameterException');
  for (let i = 0; i < 4; i++) await link(username, `${id}-${i}`);
  await refused(link(username, `${id}-5`), 'LimitExceededException');
  const unlink = (ProviderName, ProviderAttributeValue, ProviderAttributeName = 'Cognito_Subject') =>
    send('AdminDisableProviderForUser', { User: { ProviderName, ProviderAttributeName, ProviderAttributeValue } });
  await unlink('Google', id);
  await link(other, id);
  await refused(unlink('Google', 'nobody'), 'UserNotFoundException');
  await pool.signIn(username);
  await unlink('Cognito', username, '');
  await refused(bare('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD },
  }), 'NotAuthorizedException', 'Incorrect username or password.');
});

test('the older settings switch SMS on and off', async () => {
  const username = await make({ phone_number: '+41791234567', phone_number_verified: 'true' });
  const bareUser = await make();
  const MFAOptions = [{ DeliveryMedium: 'SMS', AttributeName: 'phone_number' }];
  const { AccessToken } = await pool.signIn(username);
  await bare('SetUserSettings', { AccessToken, MFAOptions });
  const on = await bare('GetUser', { AccessToken });
  assert.deepEqual(on.MFAOptions, MFAOptions);
  assert.deepEqual(on.UserMFASettingList, ['SMS_MFA']);
  const { ChallengeName } = await bare('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: username, PASSWORD },
  });
  assert.equal(ChallengeName, 'SMS_MFA');
  await send('AdminSetUserSettings', { Username: username, MFAOptions: [] });
  assert.equal((await send('AdminGetUser', { Username: username })).UserMFASettingList, undefined);
  await refused(send('AdminSetUserSettings', { Username: bareUser, MFAOptions }), 'InvalidParameterException');
  await refused(send('AdminSetUserSettings', { Username: username, MFAOptions: [{ DeliveryMedium: 'EMAIL', AttributeName: 'email' }] }),
    'InvalidParameterException');
  await refused(send('AdminDeleteSoftwareToken', { Username: username }), 'SoftwareTokenMFANotFoundException');
  assert.deepEqual((await send('AdminGetUserAuthFactors', { Username: username })).ConfiguredUserAuthFactors, ['PASSWORD']);
});

test('events of sign-ins: none are recorded', async () => {
  const Username = await make();
  assert.deepEqual((await send('AdminListUserAuthEvents', { Username })).AuthEvents, []);
  await refused(send('AdminUpdateAuthEventFeedback', { Username, EventId: 'e1', FeedbackValue: 'Valid' }), 'ResourceNotFoundException');
  await refused(bare('UpdateAuthEventFeedback', { UserPoolId: pool.poolId, Username, EventId: 'e1', FeedbackToken: 't', FeedbackValue: 'Valid' }),
    'NotAuthorizedException');
});

test('sessions are listed and ended one by one', async () => {
  const username = await make();
  const other = await make();
  const [one, two] = [await pool.signIn(username), await pool.signIn(username)];
  const { Sessions } = await bare('ListUserSessions', { AccessToken: one.AccessToken });
  assert.equal(Sessions.length, 2);
  const own = Sessions.find(({ IsCurrentSession }) => IsCurrentSession).SessionId;
  const theirs = Sessions.find(({ IsCurrentSession }) => !IsCurrentSession).SessionId;
  const revoke = (SessionId, AccessToken = one.AccessToken) => bare('RevokeUserSession', { AccessToken, SessionId });
  await refused(revoke(own), 'InvalidParameterException');
  await refused(revoke(theirs, (await pool.signIn(other)).AccessToken), 'ResourceNotFoundException');
  await revoke(theirs);
  await refused(revoke(theirs), 'ResourceNotFoundException');
  await refused(bare('GetUser', { AccessToken: two.AccessToken }), 'NotAuthorizedException', 'Access Token has been revoked');
  assert.equal((await send('AdminListUserSessions', { Username: username })).Sessions.length, 1);
  await send('AdminRevokeUserSession', { Username: username, SessionId: own });
  await refused(bare('GetUser', { AccessToken: one.AccessToken }), 'NotAuthorizedException', 'Access Token has been revoked');
});

test('the pool and its client are described', async () => {
  const { UserPool } = await send('DescribeUserPool');
  assert.equal(UserPool.Id, pool.poolId);
  assert.match(UserPool.Arn, new RegExp(`^arn:aws:cognito-idp:us-east-1:\\d{12}:userpool/${pool.poolId}$`));
  assert.equal(UserPool.UsernameAttributes, undefined);
  assert.equal(UserPool.UsernameConfiguration.CaseSensitive, true);
  assert.equal(UserPool.AdminCreateUserConfig.AllowAdminCreateUserOnly, true);
  assert.equal(UserPool.AdminCreateUserConfig.InviteMessageTemplate.EmailSubject, 'Come in');
  assert.deepEqual(UserPool.AccountRecoverySetting.RecoveryMechanisms, [{ Name: 'admin_only', Priority: 1 }]);
  assert.equal(UserPool.UserPoolAddOns.AdvancedSecurityMode, 'AUDIT');
  assert.equal(UserPool.MfaConfiguration, 'OPTIONAL');
  assert.ok(UserPool.EstimatedNumberOfUsers >= 1 && UserPool.CreationDate instanceof Date);
  assert.deepEqual(UserPool.SchemaAttributes.find(({ Name }) => Name === 'birthdate'), {
    Name: 'birthdate', AttributeDataType: 'String', DeveloperOnlyAttribute: false, Mutable: true, Required: false,
    StringAttributeConstraints: { MinLength: '10', MaxLength: '10' },
  });
  assert.equal(UserPool.SchemaAttributes.find(({ Name }) => Name === 'zoneinfo').Mutable, false);
  const list = await client.send(new cognito.ListUserPoolsCommand({ MaxResults: 10 }));
  assert.deepEqual(list.UserPools.map(({ Id }) => Id), [pool.poolId]);
  await refused(client.send(new cognito.ListUserPoolsCommand({ MaxResults: 0 })), 'InvalidParameterException');
  await refused(client.send(new cognito.ListUserPoolsCommand({ MaxResults: 61 })), 'InvalidParameterException');
  const clients = await send('ListUserPoolClients');
  assert.deepEqual(clients.UserPoolClients.map(({ ClientId }) => ClientId), [pool.clientId]);
  const described = await send('DescribeUserPoolClient', { ClientId: clients.UserPoolClients[0].ClientId });
  assert.equal(described.UserPoolClient.ClientSecret, undefined);
  assert.deepEqual(UserPool.EmailConfiguration, { EmailSendingAccount: 'COGNITO_DEFAULT' });
  assert.deepEqual([UserPool.LambdaConfig, UserPool.UserPoolTags], [{}, {}]);
  const { CallbackURLs, AllowedOAuthFlows, AllowedOAuthScopes, SupportedIdentityProviders, AllowedOAuthFlowsUserPoolClient,
    EnablePropagateAdditionalUserContextData, RefreshTokenValidity, AccessTokenValidity, TokenValidityUnits } = described.UserPoolClient;
  assert.deepEqual([CallbackURLs.length, AllowedOAuthFlows, AllowedOAuthFlowsUserPoolClient], [1, ['code'], true]);
  assert.deepEqual(AllowedOAuthScopes.sort(), ['aws.cognito.signin.user.admin', 'email', 'openid', 'phone', 'profile']);
  assert.deepEqual(SupportedIdentityProviders, ['Google', 'COGNITO']);
  assert.equal(EnablePropagateAdditionalUserContextData, false);
  assert.deepEqual([RefreshTokenValidity, AccessTokenValidity], [30, 60]);
  assert.deepEqual(TokenValidityUnits, { AccessToken: 'minutes', IdToken: 'minutes', RefreshToken: 'days' });
  assert.equal(described.UserPoolClient.PreventUserExistenceErrors, 'ENABLED');
  await refused(send('DescribeUserPoolClient', { ClientId: 'other' }), 'ResourceNotFoundException', 'User pool client other does not exist.');
  const mfa = await send('GetUserPoolMfaConfig');
  assert.equal(mfa.MfaConfiguration, 'OPTIONAL');
  assert.equal(mfa.SoftwareTokenMfaConfiguration.Enabled, true);
  assert.match(mfa.SmsMfaConfiguration.SmsAuthenticationMessage, /\{####\}/);
  assert.deepEqual((await send('ListIdentityProviders', { MaxResults: 5 })).Providers.map(({ ProviderName }) => ProviderName), ['Google']);
  assert.deepEqual((await send('ListResourceServers', { MaxResults: 5 })).ResourceServers, []);
  const { CSVHeader } = await send('GetCSVHeader');
  for (const wanted of ['cognito:username', 'email', 'zoneinfo']) assert.ok(CSVHeader.includes(wanted), wanted);
});
