// What takes effect for tokens that are out already.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { CognitoIdentityClient, GetCredentialsForIdentityCommand, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { makeUser, refused, startPool } from './lib.mjs';

let pool;
let admin;
before(async () => {
  pool = await startPool('mail');
  admin = await pool.admin();
});
after(() => pool.end());

const send = (name, input) => admin.send(new cognito[`${name}Command`]({ UserPoolId: pool.poolId, ...input }));
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

test("a group's role is gone with the membership, for tokens of before as well", async () => {
  const user = await makeUser(pool);
  for (const GroupName of ['editors', 'admins']) await send('AdminAddUserToGroup', { Username: user.username, GroupName });
  const { IdToken } = await pool.signIn(user.username);
  const [admins, editors] = claimsOf(IdToken)['cognito:roles'];
  const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: pool.origin });
  const Logins = { [`cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`]: IdToken };
  const { IdentityId } = await identities.send(new GetIdCommand({ IdentityPoolId: pool.outputs.auth.identity_pool_id, Logins }));
  const as = (CustomRoleArn) => identities.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins, CustomRoleArn }));
  await as(admins);
  await as(editors);
  await send('AdminRemoveUserFromGroup', { Username: user.username, GroupName: 'admins' });
  await refused(as(admins), 'NotAuthorizedException', `Invalid role: ${admins} is not among the user's roles.`);
  await as(editors);
  await send('DeleteGroup', { GroupName: 'editors' });
  await refused(as(editors), 'NotAuthorizedException');
  await as(undefined);
});

test('a disabled user has no token any more, and none that was given before when enabled again', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const getUser = () => pool.call('GetUser', { AccessToken });
  assert.equal((await getUser()).status, 200);
  await send('AdminDisableUser', { Username: user.username });
  assert.equal((await getUser()).body.message, 'User is disabled.');
  await send('AdminEnableUser', { Username: user.username });
  assert.equal((await getUser()).body.message, 'Access Token has been revoked');
});

test('nobody is put into a group that goes at the same time', async () => {
  const user = await makeUser(pool);
  for (let i = 0; i < 5; i++) {
    await send('CreateGroup', { GroupName: 'fleeting' });
    await Promise.allSettled([
      send('DeleteGroup', { GroupName: 'fleeting' }),
      ...Array.from({ length: 4 }, () => send('AdminAddUserToGroup', { Username: user.username, GroupName: 'fleeting' })),
    ]);
    await send('CreateGroup', { GroupName: 'fleeting' });
    assert.deepEqual((await send('AdminListGroupsForUser', { Username: user.username })).Groups, []);
    await send('DeleteGroup', { GroupName: 'fleeting' });
  }
});
