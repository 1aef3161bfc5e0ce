// What the identity pool's credentials may do: the role they get, its policies in force, and how they end.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as identity from '@aws-sdk/client-cognito-identity';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { generateClient } from 'aws-amplify/data';
import { PASSWORD, makeUser, refused, startPool } from './lib.mjs';

const DEADLINE_MS = 30_000;
let pool;
let client; // of the identity pool, without credentials
let admin; // an access key that may do everything
let poolAdmin;
let UserPoolId;
let IdentityPoolId;

async function connect() {
  client = pool.identities();
  admin = await pool.admin();
  poolAdmin = new identity.CognitoIdentityClient({ region: 'us-east-1', endpoint: pool.origin, credentials: await admin.config.credentials() });
  ({ user_pool_id: UserPoolId, identity_pool_id: IdentityPoolId } = pool.outputs.auth);
  Amplify.configure(pool.outputs);
}
before(async () => {
  pool = await startPool('roles', { watch: true });
  await connect();
});
after(() => pool.end());

const roleArn = (name) => `arn:aws:iam::000000000000:role/amplify-amplifyAuth-${name}`;
const session = (name) => `arn:aws:sts::000000000000:assumed-role/amplify-amplifyAuth-${name}/CognitoIdentityCredentials`;
const provider = () => `cognito-idp.us-east-1.amazonaws.com/${UserPoolId}`;
const logins = (token) => token && { [provider()]: token };
const idOf = async (token) => (await client.send(new identity.GetIdCommand({ IdentityPoolId, Logins: logins(token) }))).IdentityId;
const credentialsOf = (IdentityId, token, CustomRoleArn) =>
  client.send(new identity.GetCredentialsForIdentityCommand({ IdentityId, Logins: logins(token), CustomRoleArn }));

/** The user pool's client with what GetCredentialsForIdentity gave, or with a session's credentials. */
const withCredentials = ({ Credentials, credentials }) =>
  pool.sdk(credentials ?? {
    accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretKey, sessionToken: Credentials.SessionToken,
  });
const listUsers = (sdk) => sdk.send(new cognito.ListUsersCommand({ UserPoolId, Limit: 1 }));
const listGroups = (sdk) => sdk.send(new cognito.ListGroupsCommand({ UserPoolId }));
const denied = (promise, name, operation) =>
  refused(promise, 'AccessDeniedException', new RegExp(
    `^User: ${session(name)} is not authorized to perform: cognito-idp:${operation} on resource: arn:aws:cognito-idp:us-east-1:000000000000:userpool/${UserPoolId} `));

const join = (user, GroupName) => admin.send(new cognito.AdminAddUserToGroupCommand({ UserPoolId, Username: user.username, GroupName }));
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** A user in these groups, signed in: its id token, identity and credentials. */
async function member(...groups) {
  const user = await makeUser(pool);
  for (const group of groups) await join(user, group);
  const { IdToken } = await pool.signIn(user.username);
  const id = await idOf(IdToken);
  return { user, token: IdToken, id, claims: claimsOf(IdToken) };
}

test('a guest has the guests\' role', async () => {
  const guest = await auth.fetchAuthSession();
  await denied(listUsers(withCredentials(guest)), 'unauthRole', 'ListUsers');
});

test('who has signed in has the role of all who have', async () => {
  const { user } = await member();
  await auth.signIn({ username: user.username, password: PASSWORD });
  const signedIn = await auth.fetchAuthSession();
  const sdk = withCredentials(signedIn);
  assert.equal((await listUsers(sdk)).Users.length, 1);
  await denied(listGroups(sdk), 'authRole', 'ListGroups');
  assert.equal(signedIn.tokens.idToken.payload['cognito:preferred_role'], undefined);

  // In a group from now on: the next credentials are the group's, and its role takes the place of the other.
  await join(user, 'editors');
  const asEditor = await auth.fetchAuthSession({ forceRefresh: true });
  assert.equal(asEditor.identityId, signedIn.identityId);
  assert.equal(asEditor.tokens.idToken.payload['cognito:preferred_role'], roleArn('editorsGroupRole'));
  assert.equal((await listGroups(withCredentials(asEditor))).Groups.length, 2);
  await denied(listUsers(withCredentials(asEditor)), 'editorsGroupRole', 'ListUsers');
  await auth.signOut();

  const guest = await auth.fetchAuthSession();
  assert.notEqual(guest.identityId, signedIn.identityId);
  await denied(listUsers(withCredentials(guest)), 'unauthRole', 'ListUsers');
});

test('the strongest group decides, unless the client asks for another role of the user', async () => {
  const { id, token, claims } = await member('editors', 'admins');
  assert.deepEqual(claims['cognito:groups'], ['admins', 'editors']);
  assert.deepEqual(claims['cognito:roles'], [roleArn('adminsGroupRole'), roleArn('editorsGroupRole')]);
  assert.equal(claims['cognito:preferred_role'], roleArn('adminsGroupRole'));

  const asAdmin = withCredentials(await credentialsOf(id, token));
  await listUsers(asAdmin);
  await listGroups(asAdmin);
  await refused(asAdmin.send(new cognito.ListUsersInGroupCommand({ UserPoolId, GroupName: 'admins' })), 'AccessDeniedException', /with an explicit deny/);

  const asEditor = withCredentials(await credentialsOf(id, token, roleArn('editorsGroupRole')));
  await listGroups(asEditor);
  await denied(listUsers(asEditor), 'editorsGroupRole', 'ListUsers');

  for (const wrong of [roleArn('authRole'), roleArn('unauthRole'), 'arn:aws:iam::000000000000:role/amplify-audit-functionRole']) {
    await refused(credentialsOf(id, token, wrong), 'NotAuthorizedException');
  }
  const { id: other, token: others } = await member();
  await refused(credentialsOf(other, others, roleArn('adminsGroupRole')), 'NotAuthorizedException');
  await refused(credentialsOf(await idOf(), undefined, roleArn('adminsGroupRole')), 'NotAuthorizedException');
});

test('groups that are equally strong leave the role of all', async () => {
  const make = (GroupName, Precedence, RoleArn) => admin.send(new cognito.CreateGroupCommand({ UserPoolId, GroupName, Precedence, RoleArn }));
  await make('left', 7, roleArn('adminsGroupRole'));
  await make('right', 7, roleArn('editorsGroupRole'));
  await make('same', 7, roleArn('adminsGroupRole'));
  await make('plain', 1);
  const both = await member('left', 'right');
  assert.equal(both.claims['cognito:preferred_role'], undefined);
  assert.equal(both.claims['cognito:roles'].length, 2);
  const sdk = withCredentials(await credentialsOf(both.id, both.token));
  await listUsers(sdk);
  await denied(listGroups(sdk), 'authRole', 'ListGroups');

  const agreed = await member('left', 'same');
  assert.equal(agreed.claims['cognito:preferred_role'], roleArn('adminsGroupRole'));

  // A group without a role says nothing; the one role that there is then is clear.
  const one = await member('plain', 'right');
  assert.equal(one.claims['cognito:preferred_role'], undefined);
  await listGroups(withCredentials(await credentialsOf(one.id, one.token)));
});

test('the data API asks the role\'s policies', async () => {
  const { models } = generateClient({ authMode: 'identityPool' });
  const refusedAt = ({ data, errors }, field) => {
    assert.ok(data === null || data === undefined || data.length === 0, JSON.stringify(data));
    assert.match(errors?.[0].message ?? '', new RegExp(`Not Authorized to access ${field} |Unauthorized`));
  };
  await auth.fetchAuthSession();
  refusedAt(await models.Note.create({ text: 'guest' }), 'createNote');
  refusedAt(await models.Draft.list(), 'listDrafts');
  assert.equal((await models.Note.list()).errors, undefined);

  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  const { data: note, errors } = await models.Note.create({ text: 'mine' });
  assert.equal(errors, undefined);
  const { data: draft } = await models.Draft.create({ text: 'first' });
  assert.equal((await models.Draft.get({ id: draft.id })).data.text, 'first');
  refusedAt(await models.Draft.update({ id: draft.id, text: 'second' }), 'updateDraft');

  // The group's role has no part in the API: as on AWS, who is in a group is not simply signed in.
  await join(user, 'editors');
  await auth.fetchAuthSession({ forceRefresh: true });
  refusedAt(await models.Note.get({ id: note.id }), 'getNote');
  await auth.signOut();
  assert.equal((await models.Note.get({ id: note.id })).data.text, 'mine');
});

test('a role that does not trust the pool is given to nobody', async () => {
  const roles = ['arn:aws:iam::000000000000:role/amplify-audit-functionRole', 'arn:aws:iam::111111111111:role/amplify-amplifyAuth-adminsGroupRole',
    roleArn('unauthRole'), 'arn:aws:iam::000000000000:role/x/amplify-amplifyAuth-adminsGroupRole', roleArn('GroupRole')];
  for (const [i, RoleArn] of roles.entries()) {
    await admin.send(new cognito.CreateGroupCommand({ UserPoolId, GroupName: `foreign${i}`, RoleArn }));
    const { id, token } = await member(`foreign${i}`);
    await refused(credentialsOf(id, token), 'InvalidIdentityPoolConfigurationException', 'Invalid identity pool configuration. Check assigned IAM roles for this pool.');
  }
});

test('a user has one identity on every device; a guest\'s becomes the user\'s, or is left behind', async () => {
  const first = await member();
  assert.equal(await idOf((await pool.signIn(first.user.username)).IdToken), first.id);
  const guest = await idOf();
  assert.equal((await credentialsOf(guest, first.token)).IdentityId, first.id); // has one already
  assert.equal((await credentialsOf(guest)).IdentityId, guest);

  const user = await makeUser(pool);
  const { IdToken } = await pool.signIn(user.username);
  const answer = await credentialsOf(guest, IdToken);
  assert.equal(answer.IdentityId, guest);
  await listUsers(withCredentials(answer));
  await refused(credentialsOf(guest), 'NotAuthorizedException', `Access to Identity '${guest}' is forbidden.`);
  assert.equal(await idOf((await pool.signIn(user.username)).IdToken), guest);

  // Another's identity is not to be had by naming it.
  const { id, token } = await member();
  assert.equal((await credentialsOf(guest, token)).IdentityId, id);
});

test('many first sign-ins at once end in one identity', async () => {
  const user = await makeUser(pool);
  const { IdToken } = await pool.signIn(user.username);
  const ids = await Promise.all(Array.from({ length: 8 }, () => idOf(IdToken)));
  assert.deepEqual(new Set(ids).size, 1);
});

test('credentials prove themselves: nothing of them can be changed', async () => {
  const { id, token } = await member();
  const { Credentials } = await credentialsOf(id, token);
  const other = (await credentialsOf(id, token)).Credentials;
  const turn = (text) => text.slice(0, -6) + (text.at(-6) === 'A' ? 'B' : 'A') + text.slice(-5);
  await refused(listUsers(withCredentials({ Credentials: { ...Credentials, SecretKey: other.SecretKey } })), 'InvalidSignatureException');
  await refused(listUsers(withCredentials({ Credentials: { ...Credentials, AccessKeyId: other.AccessKeyId } })), 'UnrecognizedClientException');
  await refused(listUsers(withCredentials({ Credentials: { ...Credentials, SessionToken: turn(Credentials.SessionToken) } })), 'UnrecognizedClientException');
  await refused(listUsers(withCredentials({ Credentials: { ...Credentials, SessionToken: undefined } })), 'UnrecognizedClientException');
});

test('administrators see the identity pool as it is', async () => {
  const { id } = await member();
  const { Roles, RoleMappings } = await poolAdmin.send(new identity.GetIdentityPoolRolesCommand({ IdentityPoolId }));
  assert.deepEqual(Roles, { authenticated: roleArn('authRole'), unauthenticated: roleArn('unauthRole') });
  assert.deepEqual(RoleMappings, { [`${provider()}:${pool.clientId}`]: { Type: 'Token', AmbiguousRoleResolution: 'AuthenticatedRole' } });
  assert.deepEqual(pool.outputs.custom.roles, {
    ...Roles, admins: roleArn('adminsGroupRole'), editors: 'amplify-amplifyAuth-editorsGroupRole',
  });
  const described = await poolAdmin.send(new identity.DescribeIdentityPoolCommand({ IdentityPoolId }));
  assert.equal(described.AllowUnauthenticatedIdentities, true);
  assert.deepEqual(described.CognitoIdentityProviders, [{ ProviderName: provider(), ClientId: pool.clientId, ServerSideTokenCheck: true }]);
  const { IdentityPools } = await poolAdmin.send(new identity.ListIdentityPoolsCommand({ MaxResults: 10 }));
  assert.deepEqual(IdentityPools.map((one) => one.IdentityPoolId), [IdentityPoolId]);

  const one = await poolAdmin.send(new identity.DescribeIdentityCommand({ IdentityId: id }));
  assert.deepEqual([one.IdentityId, one.Logins], [id, [provider()]]);
  assert.ok(Math.abs(one.CreationDate - Date.now()) < 60_000);
  const guest = await idOf();
  assert.deepEqual((await poolAdmin.send(new identity.DescribeIdentityCommand({ IdentityId: guest }))).Logins, []);
  await refused(poolAdmin.send(new identity.DescribeIdentityCommand({ IdentityId: 'us-east-1:00000000-0000-4000-8000-000000000000' })),
    'ResourceNotFoundException', "Identity 'us-east-1:00000000-0000-4000-8000-000000000000' not found.");
  await refused(poolAdmin.send(new identity.GetIdentityPoolRolesCommand({ IdentityPoolId: 'us-east-1:00000000-0000-4000-8000-000000000000' })),
    'ResourceNotFoundException');

  const seen = [];
  let NextToken;
  do {
    const page = await poolAdmin.send(new identity.ListIdentitiesCommand({ IdentityPoolId, MaxResults: 3, NextToken }));
    assert.ok(page.Identities.length <= 3);
    seen.push(...page.Identities.map((item) => item.IdentityId));
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  assert.ok(seen.includes(id) && seen.includes(guest) && new Set(seen).size === seen.length);
  for (const MaxResults of [0, 61, undefined]) {
    await refused(poolAdmin.send(new identity.ListIdentitiesCommand({ IdentityPoolId, MaxResults })), 'ValidationException');
  }
});

test('nobody else sees it, and what is not served says so', async () => {
  const { id, token } = await member('admins');
  const { Credentials } = await credentialsOf(id, token);
  const as = (credentials) => new identity.CognitoIdentityClient({ region: 'us-east-1', endpoint: pool.origin, credentials });
  const user = as({ accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretKey, sessionToken: Credentials.SessionToken });
  await refused(user.send(new identity.ListIdentitiesCommand({ IdentityPoolId, MaxResults: 1 })), 'AccessDeniedException',
    /is not authorized to perform: cognito-identity:ListIdentities on resource: arn:aws:cognito-identity:us-east-1:000000000000:identitypool\/us-east-1:/);
  await refused(user.send(new identity.DeleteIdentitiesCommand({ IdentityIdsToDelete: [id] })), 'AccessDeniedException');
  for (const [operation, body] of [['DescribeIdentity', { IdentityId: id }], ['DeleteIdentities', { IdentityIdsToDelete: [id] }]]) {
    const raw = await pool.call(operation, body, { service: 'AWSCognitoIdentityService' });
    assert.deepEqual([raw.status, raw.body.__type], [400, 'MissingAuthenticationTokenException']);
  }
  const served = `GetId GetCredentialsForIdentity GetOpenIdToken UnlinkIdentity DescribeIdentity ListIdentities DeleteIdentities
    GetIdentityPoolRoles DescribeIdentityPool ListIdentityPools`.split(/\s+/);
  const unserved = Object.keys(identity).filter((name) => /^[A-Z]\w*Command$/.test(name) && !served.includes(name.slice(0, -7)));
  assert.ok(unserved.length >= 13);
  const input = { IdentityPoolId, IdentityId: id, Logins: { dev: 'x' }, Roles: {}, ResourceArn: `arn:aws:cognito-identity:us-east-1:000000000000:identitypool/${IdentityPoolId}` };
  for (const name of unserved) {
    await refused(user.send(new identity[name](input)), 'AccessDeniedException');
    await refused(poolAdmin.send(new identity[name](input)), 'OperationNotEnabledException',
      `${name.replace('Command', '')} is not available here: the identity pool is what the project's definitions say.`);
  }
});

test('a deleted identity\'s credentials end at once', async () => {
  const { id, token } = await member();
  const sdk = withCredentials(await credentialsOf(id, token));
  await listUsers(sdk);
  const { UnprocessedIdentityIds } = await poolAdmin.send(new identity.DeleteIdentitiesCommand({ IdentityIdsToDelete: [id] }));
  assert.deepEqual(UnprocessedIdentityIds, []);
  await refused(listUsers(sdk), 'ExpiredTokenException', /expired/);
  await refused(poolAdmin.send(new identity.DescribeIdentityCommand({ IdentityId: id })), 'ResourceNotFoundException');
  const next = await idOf(token);
  assert.notEqual(next, id);
  await listUsers(withCredentials(await credentialsOf(next, token)));
  await refused(poolAdmin.send(new identity.DeleteIdentitiesCommand({ IdentityIdsToDelete: ['x'] })), 'ValidationException',
    /^1 validation error detected: Value '\[x\]' at 'identityIdsToDelete' failed to satisfy constraint/);
});

test('changed definitions change what credentials may do that exist already', async () => {
  const file = path.join(pool.project, 'amplify/backend.ts');
  const source = readFileSync(file, 'utf8');
  const { id, token } = await member();
  const sdk = withCredentials(await credentialsOf(id, token));
  /** Saves the definitions with these actions for everyone, and waits until asking ends as `expected`. */
  const change = async (actions, ask, expected) => {
    writeFileSync(file, source.replace("['cognito-idp:ListUsers']", JSON.stringify(actions)));
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const answer = await ask(sdk).then(() => 'allowed', (error) => error.name);
      if (answer === expected) return;
      assert.ok(Date.now() < deadline, `still ${answer}\n${pool.log()}`);
    }
  };
  await listUsers(sdk);
  await change(['cognito-idp:ListGroups'], listGroups, 'allowed');
  await denied(listUsers(sdk), 'authRole', 'ListUsers');
  await change([], listGroups, 'AccessDeniedException');
  await denied(listUsers(sdk), 'authRole', 'ListUsers');
  await change(['cognito-idp:ListUsers'], listUsers, 'allowed');
  await denied(listGroups(sdk), 'authRole', 'ListGroups');
});

test('changed rules of the data API are changed policies', async () => {
  const file = path.join(pool.project, 'amplify/data/resource.ts');
  const source = readFileSync(file, 'utf8');
  const { models } = generateClient({ authMode: 'identityPool' });
  const deadline = Date.now() + DEADLINE_MS;
  assert.equal((await models.Note.list()).errors, undefined);
  writeFileSync(file, source.replace("allow.guest().to(['read']), ", ''));
  while ((await models.Note.list()).errors === undefined) {
    assert.ok(Date.now() < deadline, pool.log());
  }
  writeFileSync(file, source);
  while ((await models.Note.list()).errors !== undefined) {
    assert.ok(Date.now() < deadline, pool.log());
  }
});

test('credentials outlive a restart', async () => {
  const { id, token } = await member('editors');
  const credentials = await credentialsOf(id, token);
  pool = await pool.restart();
  await connect();
  await listGroups(withCredentials(credentials));
  await denied(listUsers(withCredentials(credentials)), 'editorsGroupRole', 'ListUsers');
});
