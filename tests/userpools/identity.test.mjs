// The identity pool through aws-amplify/auth and the SDK client.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as identity from '@aws-sdk/client-cognito-identity';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, makeUser, refused, startPool } from './lib.mjs';

let pool;
let client;
before(async () => {
  pool = await startPool('mail');
  client = pool.identities();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

const ID = /^us-east-1:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const provider = () => `cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`;
const credentialsOf = (IdentityId, token) =>
  client.send(new identity.GetCredentialsForIdentityCommand({ IdentityId, Logins: token && { [provider()]: token } }));

test('a guest gets an identity and credentials, and becomes a user under the same id', async () => {
  const guest = await auth.fetchAuthSession();
  assert.match(guest.identityId, ID);
  assert.match(guest.credentials.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.ok(guest.credentials.expiration - Date.now() > 50 * 60_000);
  assert.equal(guest.tokens, undefined);

  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  const signedIn = await auth.fetchAuthSession();
  assert.equal(signedIn.identityId, guest.identityId);
  assert.equal(signedIn.userSub, user.sub);
  await auth.signOut();

  const other = await auth.fetchAuthSession();
  assert.notEqual(other.identityId, guest.identityId);
  await auth.signIn({ username: user.username, password: PASSWORD });
  assert.equal((await auth.fetchAuthSession()).identityId, guest.identityId);
  await auth.signOut();
});

test("a user's identity is not a guest's", async () => {
  const user = await makeUser(pool);
  const { IdToken, AccessToken } = await pool.signIn(user.username);
  const { IdentityId } = await client.send(new identity.GetIdCommand({
    IdentityPoolId: pool.outputs.auth.identity_pool_id, Logins: { [provider()]: IdToken },
  }));
  const { Credentials } = await credentialsOf(IdentityId, IdToken);
  assert.ok(Credentials.SecretKey.length >= 40 && Credentials.SessionToken.length > 0);
  assert.ok(Credentials.Expiration instanceof Date);
  await refused(credentialsOf(IdentityId), 'NotAuthorizedException', `Access to Identity '${IdentityId}' is forbidden.`);
  await refused(credentialsOf(IdentityId, AccessToken), 'NotAuthorizedException');
  await refused(credentialsOf(IdentityId, `${IdToken.slice(0, -4)}AAAA`), 'NotAuthorizedException');
  await pool.call('GlobalSignOut', { AccessToken });
  await refused(credentialsOf(IdentityId, IdToken), 'NotAuthorizedException');
});

test('unknown pools and identities are refused, a forgotten guest goes on', async () => {
  await refused(client.send(new identity.GetIdCommand({ IdentityPoolId: 'us-east-1:00000000-0000-4000-8000-000000000000' })),
    'ResourceNotFoundException', "IdentityPool 'us-east-1:00000000-0000-4000-8000-000000000000' not found.");
  await refused(credentialsOf('eu-west-1:00000000-0000-4000-8000-000000000000'), 'ResourceNotFoundException');
  const kept = 'us-east-1:12345678-1234-4234-8234-123456789abc';
  assert.equal((await credentialsOf(kept)).IdentityId, kept);
});

test('a login that is refused is told why', async () => {
  const user = await makeUser(pool);
  const { IdToken, AccessToken } = await pool.signIn(user.username);
  const IdentityPoolId = pool.outputs.auth.identity_pool_id;
  const idOf = (token, name = provider()) => client.send(new identity.GetIdCommand({ IdentityPoolId, Logins: { [name]: token } }));
  const [head, body, signature] = IdToken.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const foreign = Buffer.from(JSON.stringify({ ...claims, iss: 'https://example.com' })).toString('base64url');
  for (const [token, message] of [
    ['abc', 'Invalid login token. Not a valid OpenId Connect identity token.'],
    [AccessToken, 'Invalid login token. Missing a required claim: aud'],
    [`${head}.${body}.${signature.slice(0, -4)}AAAA`, "Invalid login token. Couldn't verify signed token."],
    [`${head}.${foreign}.${signature}`, "Invalid login token. Issuer doesn't match providerName"],
  ]) await refused(idOf(token), 'NotAuthorizedException', message);
  await refused(idOf(IdToken, 'accounts.google.com'), 'NotAuthorizedException',
    'Token is not from a supported provider of this identity pool.');
});

test('an identity that lost its login, or was deleted, is nobody\'s for ever', async () => {
  const IdentityPoolId = pool.outputs.auth.identity_pool_id;
  const { accessKeyId, secretAccessKey } = JSON.parse((await pool.ampd('keys', 'create', '--json')).stdout);
  const admin = new identity.CognitoIdentityClient({ region: 'us-east-1', endpoint: pool.origin, credentials: { accessKeyId, secretAccessKey } });
  const describe = (IdentityId) => admin.send(new identity.DescribeIdentityCommand({ IdentityId }));
  const member = async () => {
    const { IdToken } = await pool.signIn((await makeUser(pool)).username);
    const { IdentityId } = await client.send(new identity.GetIdCommand({ IdentityPoolId, Logins: { [provider()]: IdToken } }));
    return { id: IdentityId, token: IdToken };
  };
  const unlink = ({ id, token }, name = provider()) => client.send(new identity.UnlinkIdentityCommand({
    IdentityId: id, Logins: { [provider()]: token }, LoginsToRemove: [name],
  }));
  const left = await member();
  await refused(unlink(left, 'accounts.google.com'), 'NotAuthorizedException', /^Logins don't match/);
  assert.deepEqual((await describe(left.id)).Logins, [provider()]);
  await unlink(left);
  assert.deepEqual((await describe(left.id)).Logins, []);
  await refused(credentialsOf(left.id), 'NotAuthorizedException', `Access to Identity '${left.id}' is forbidden.`);
  const next = (await credentialsOf(left.id, left.token)).IdentityId;
  assert.notEqual(next, left.id);
  const { id: gone } = await member();
  await admin.send(new identity.DeleteIdentitiesCommand({ IdentityIdsToDelete: [gone] }));
  pool = await pool.crash();
  client = pool.identities();
  Amplify.configure(pool.outputs);
  await refused(credentialsOf(gone), 'ResourceNotFoundException', `Identity '${gone}' not found.`);
  for (const id of [gone, left.id]) {
    const { IdToken } = await pool.signIn((await makeUser(pool)).username); // of somebody who has none yet
    assert.notEqual((await credentialsOf(id, IdToken)).IdentityId, id);
  }
  const guest = await client.send(new identity.GetIdCommand({ IdentityPoolId }));
  await credentialsOf(guest.IdentityId);
});

test('GetOpenIdToken names the identity', async () => {
  const { IdentityId } = await client.send(new identity.GetIdCommand({ IdentityPoolId: pool.outputs.auth.identity_pool_id }));
  const { Token } = await client.send(new identity.GetOpenIdTokenCommand({ IdentityId }));
  const claims = JSON.parse(Buffer.from(Token.split('.')[1], 'base64url'));
  assert.equal(claims.sub, IdentityId);
  assert.equal(claims.aud, pool.outputs.auth.identity_pool_id);
  assert.deepEqual(claims.amr, ['unauthenticated']);
});

test('identities outlive a restart', async () => {
  const user = await makeUser(pool);
  await auth.signIn({ username: user.username, password: PASSWORD });
  const before = await auth.fetchAuthSession();
  const next = await pool.restart();
  pool = next;
  client = pool.identities();
  const { IdentityId } = await credentialsOf(before.identityId, before.tokens.idToken.toString());
  assert.equal(IdentityId, before.identityId);
});
