// Tokens both ways: what C signs, aws-jwt-verify accepts; what node:crypto signs, C accepts or refuses.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';
import { CognitoJwtVerifier, JwtVerifier } from 'aws-jwt-verify';
import { Host } from './host.mjs';

const NOW = Math.floor(Date.now() / 1000);
const ISSUER = 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12Cd34E';
const CLIENT = '1example23456789012345678a';
let host;
let signed;

before(async () => {
  host = new Host();
  signed = await host.ask('sign', {
    claims: {
      sub: 'somebody', iss: ISSUER, client_id: CLIENT, token_use: 'access', scope: 'aws.cognito.signin.user.admin',
      auth_time: NOW, iat: NOW, exp: NOW + 3600, 'custom:name': 'Zoë "quoted" \\ 日本',
    },
  });
});

after(async () => assert.equal(await host.close(), 0));

const jwks = () => ({ keys: [{ kty: 'RSA', use: 'sig', alg: 'RS256', kid: signed.kid, n: signed.n, e: signed.e }] });

test('aws-jwt-verify accepts our token with our key', async () => {
  const verifier = CognitoJwtVerifier.create({ userPoolId: 'us-east-1_Ab12Cd34E', tokenUse: 'access', clientId: CLIENT });
  verifier.cacheJwks(jwks());
  const claims = await verifier.verify(signed.token);
  assert.equal(claims.sub, 'somebody');
  assert.equal(claims['custom:name'], 'Zoë "quoted" \\ 日本');
  const header = JSON.parse(Buffer.from(signed.token.split('.')[0], 'base64url'));
  assert.deepEqual(header, { kid: signed.kid, alg: 'RS256' });
});

test('aws-jwt-verify refuses it when one claim is changed', async () => {
  const verifier = JwtVerifier.create({ issuer: ISSUER, audience: null, jwksUri: 'https://localhost/none' });
  verifier.cacheJwks(jwks());
  await verifier.verify(signed.token);
  const [header, claims, signature] = signed.token.split('.');
  const other = Buffer.from(Buffer.from(claims, 'base64url').toString().replace('somebody', 'someone!')).toString('base64url');
  await assert.rejects(verifier.verify(`${header}.${other}.${signature}`));
});

const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function make(key, header, claims, sign = (bytes) => crypto.sign('sha256', bytes, key)) {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${sign(Buffer.from(text)).toString('base64url')}`;
}

for (const bits of [2048, 3072, 4096]) {
  test(`an issuer's key of ${bits} bits`, async () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: bits });
    const { n, e } = publicKey.export({ format: 'jwk' });
    const ask = (token) => host.ask('verify', { token, n, e, now: NOW });
    const claims = { sub: 'a', exp: NOW + 10, nested: { list: [1, 2.5, null] } };
    const good = make(privateKey, { alg: 'RS256', kid: 'x', typ: 'JWT' }, claims);
    assert.deepEqual((await ask(good)).claims, claims);
    assert.ok((await ask(make(privateKey, { alg: 'RS256' }, claims))).ok);

    const pss = (bytes) => crypto.sign('sha256', bytes, { key: privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING });
    const publicPem = publicKey.export({ type: 'spki', format: 'pem' });
    const hmac = (bytes) => crypto.createHmac('sha256', publicPem).update(bytes).digest();
    const sha = (digest) => (bytes) => crypto.sign(digest, bytes, privateKey);
    for (const [what, token] of [
      ['none', make(privateKey, { alg: 'none' }, claims)],
      ['none, unsigned', `${part({ alg: 'none' })}.${part(claims)}.`],
      ['HS256 with the public key', make(privateKey, { alg: 'HS256' }, claims, hmac)],
      ['RS256 that is an HMAC', make(privateKey, { alg: 'RS256' }, claims, hmac)],
      ['RS256 that is PS256', make(privateKey, { alg: 'RS256' }, claims, pss)],
      ['RS256 over SHA-512', make(privateKey, { alg: 'RS256' }, claims, sha('sha512'))],
      ['RS256 over SHA-1', make(privateKey, { alg: 'RS256' }, claims, sha('sha1'))],
      ['RS512', make(privateKey, { alg: 'RS512' }, claims, sha('sha512'))],
      ['expired', make(privateKey, { alg: 'RS256' }, { exp: NOW })],
      ['not yet', make(privateKey, { alg: 'RS256' }, { exp: NOW + 10, nbf: NOW + 1 })],
      ['without an end', make(privateKey, { alg: 'RS256' }, {})],
      ['padded', good + '='],
      ['the key of another', signed.token],
    ]) {
      const answer = await ask(token);
      assert.match(answer.error ?? `accepted: ${what}`, /not a valid token/, what);
    }
  });
}

test('the secret hash of node:crypto', async () => {
  for (let i = 0; i < 10; i++) {
    const [secret, username, client] = [crypto.randomBytes(40).toString('base64'), `Ünï-${i}`, CLIENT];
    const expected = crypto.createHmac('sha256', secret).update(username + client).digest('base64');
    assert.equal((await host.ask('hash', { secret, username, client })).hash, expected);
  }
});
