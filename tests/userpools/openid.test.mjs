// The identity pool's own tokens, checked with aws-jwt-verify and the documents that are served.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as identity from '@aws-sdk/client-cognito-identity';
import { JwtVerifier } from 'aws-jwt-verify';
import { makeUser, startPool } from './lib.mjs';

const ISSUER = 'https://cognito-identity.amazonaws.com';
let pool;
let client;
before(async () => {
  pool = await startPool('mail');
  client = pool.identities();
});
after(() => pool.end());

const read = async (path) => (await fetch(`${pool.origin}${path}`, { headers: { origin: 'http://x' } })).json();
const part = (token, at) => JSON.parse(Buffer.from(token.split('.')[at], 'base64url'));
const verifier = async () => {
  const { issuer, jwks_uri } = await read('/.well-known/openid-configuration');
  assert.equal(jwks_uri, `${pool.origin}/.well-known/jwks_uri`);
  const made = JwtVerifier.create({ issuer, audience: pool.outputs.auth.identity_pool_id });
  made.cacheJwks(await read('/.well-known/jwks_uri'));
  return made;
};

test("a guest's token is RS512 and names the identity", async () => {
  const { IdentityId } = await client.send(new identity.GetIdCommand({ IdentityPoolId: pool.outputs.auth.identity_pool_id }));
  const { Token } = await client.send(new identity.GetOpenIdTokenCommand({ IdentityId }));
  const header = part(Token, 0);
  assert.deepEqual(Object.keys(header), ['kid', 'typ', 'alg']);
  assert.equal(header.alg, 'RS512');
  assert.equal(header.typ, 'JWS');
  const claims = await (await verifier()).verify(Token);
  assert.deepEqual(Object.keys(claims).sort(), ['amr', 'aud', 'exp', 'iat', 'iss', 'sub']);
  assert.equal(claims.iss, ISSUER);
  assert.equal(claims.sub, IdentityId);
  assert.equal(claims.exp - claims.iat, 600);
  assert.deepEqual(claims.amr, ['unauthenticated']);
});

test("a user's token names the provider; its key is not one of the user pool's", async () => {
  const user = await makeUser(pool);
  const { IdToken, AccessToken } = await pool.signIn(user.username);
  const provider = `cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`;
  const Logins = { [provider]: IdToken };
  const { IdentityId } = await client.send(new identity.GetIdCommand({ IdentityPoolId: pool.outputs.auth.identity_pool_id, Logins }));
  const { Token } = await client.send(new identity.GetOpenIdTokenCommand({ IdentityId, Logins }));
  const check = await verifier();
  const claims = await check.verify(Token);
  assert.equal(claims.sub, IdentityId);
  assert.deepEqual(claims.amr, ['authenticated', provider, `${provider}:CognitoSignIn:${user.sub}`]);
  const { keys } = await read(`/${pool.poolId}/.well-known/jwks.json`);
  assert.ok(keys.every(({ kid, alg }) => kid !== part(Token, 0).kid && alg === 'RS256'));
  for (const other of [IdToken, AccessToken]) await assert.rejects(check.verify(other));
  // and it is none of the user pool's tokens
  assert.equal((await pool.call('GetUser', { AccessToken: Token })).body.__type, 'NotAuthorizedException');
  const { body } = await pool.call('GetId', { IdentityPoolId: pool.outputs.auth.identity_pool_id, Logins: { [provider]: Token } },
    { service: 'AWSCognitoIdentityService' });
  assert.equal(body.__type, 'NotAuthorizedException');
});
