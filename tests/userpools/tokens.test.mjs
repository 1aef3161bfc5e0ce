// Tokens and their ends; guesses; what a forger gets. With aws-jwt-verify and amazon-cognito-identity-js.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, createPublicKey, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import { AuthenticationDetails, CognitoRefreshToken, CognitoUser } from 'amazon-cognito-identity-js';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('mail');
});
after(() => pool.end());

const jwks = async () => (await fetch(`${pool.origin}/${pool.poolId}/.well-known/jwks.json`)).json();
const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const headerOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
const getUser = (AccessToken) => pool.call('GetUser', { AccessToken });
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** amazon-cognito-identity-js with promises. */
function classic(username, password = PASSWORD) {
  const user = new CognitoUser({ Username: username, Pool: pool.identityJs() });
  user.tokens = new Promise((resolve, reject) =>
    user.authenticateUser(new AuthenticationDetails({ Username: username, Password: password }), {
      onSuccess: resolve, onFailure: reject,
    }));
  return user;
}

test('aws-jwt-verify accepts both tokens with the keys of the pool', async () => {
  const user = await makeUser(pool);
  const { IdToken, AccessToken, ExpiresIn, TokenType } = await pool.signIn(user.username);
  assert.equal(ExpiresIn, 3600);
  assert.equal(TokenType, 'Bearer');
  const keys = await jwks();
  for (const [tokenUse, token] of [['id', IdToken], ['access', AccessToken]]) {
    const verifier = CognitoJwtVerifier.create({ userPoolId: pool.poolId, tokenUse, clientId: pool.clientId });
    verifier.cacheJwks(keys);
    const claims = await verifier.verify(token);
    assert.equal(claims.sub, user.sub);
  }
});

test('claims are exactly those of Cognito', async () => {
  const user = await makeUser(pool, { attributes: { given_name: 'Ann', 'custom:plan': 'pro' } });
  const { IdToken, AccessToken } = await pool.signIn(user.username);
  const id = claimsOf(IdToken);
  const access = claimsOf(AccessToken);
  assert.deepEqual(Object.keys(headerOf(IdToken)), ['kid', 'alg']);
  assert.notEqual(headerOf(IdToken).kid, headerOf(AccessToken).kid);
  assert.deepEqual(Object.keys(id).sort(), ['aud', 'auth_time', 'cognito:username', 'custom:plan', 'email', 'email_verified',
    'event_id', 'exp', 'given_name', 'iat', 'iss', 'jti', 'origin_jti', 'sub', 'token_use']);
  assert.deepEqual(Object.keys(access).sort(), ['auth_time', 'client_id', 'event_id', 'exp', 'iat', 'iss', 'jti',
    'origin_jti', 'scope', 'sub', 'token_use', 'username']);
  assert.equal(id.iss, `https://cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`);
  assert.equal(id.aud, pool.clientId);
  assert.equal(access.client_id, pool.clientId);
  assert.equal(access.scope, 'aws.cognito.signin.user.admin');
  assert.equal(id.email_verified, true);
  assert.equal(id['cognito:username'], user.sub);
  assert.equal(access.username, user.sub);
  assert.equal(id.origin_jti, access.origin_jti);
  assert.notEqual(id.jti, access.jti);
  for (const claim of ['jti', 'origin_jti', 'event_id']) assert.match(access[claim], UUID);
  assert.equal(access.exp - access.iat, 3600);
  assert.equal(access.auth_time, access.iat);
});

test('the documents of the pool', async () => {
  const { keys } = await jwks();
  assert.equal(keys.length, 2);
  for (const key of keys) {
    assert.deepEqual(Object.keys(key).sort(), ['alg', 'e', 'kid', 'kty', 'n', 'use']);
    createPublicKey({ key, format: 'jwk' });
  }
  const answer = await fetch(`${pool.origin}/${pool.poolId}/.well-known/openid-configuration`, { headers: { origin: 'http://x' } });
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  const document = await answer.json();
  assert.equal(document.issuer, `https://cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`);
  assert.equal(document.jwks_uri, `${pool.origin}/${pool.poolId}/.well-known/jwks.json`);
});

test('amazon-cognito-identity-js signs in by SRP, refreshes and signs out', async () => {
  const user = await makeUser(pool);
  const one = classic(user.username);
  const session = await one.tokens;
  assert.equal(session.getIdToken().payload.email, user.username);
  const refreshed = await new Promise((resolve, reject) =>
    one.refreshSession(new CognitoRefreshToken({ RefreshToken: session.getRefreshToken().getToken() }),
      (error, result) => (error ? reject(error) : resolve(result))));
  assert.notEqual(refreshed.getAccessToken().getJwtToken(), session.getAccessToken().getJwtToken());
  const attributes = await new Promise((resolve, reject) =>
    one.getUserAttributes((error, result) => (error ? reject(error) : resolve(result))));
  assert.equal(attributes.find(({ Name }) => Name === 'email').Value, user.username);
  await new Promise((resolve, reject) => one.globalSignOut({ onSuccess: resolve, onFailure: reject }));
  assert.equal((await getUser(refreshed.getAccessToken().getJwtToken())).body.message, 'Access Token has been revoked');
  await refused(classic(user.username, 'Wr0ng-horse!').tokens, 'NotAuthorizedException', 'Incorrect username or password.');
});

test('a revoked refresh token ends its own sign-in only', async () => {
  const user = await makeUser(pool);
  const [first, second] = [await pool.signIn(user.username), await pool.signIn(user.username)];
  const revoke = (Token) => pool.call('RevokeToken', { ClientId: pool.clientId, Token });
  assert.equal((await revoke(first.RefreshToken)).status, 200);
  assert.equal((await revoke(first.RefreshToken)).status, 200);
  assert.equal((await revoke('unknown')).status, 200);
  assert.equal((await revoke(second.AccessToken)).body.__type, 'UnsupportedTokenTypeException');
  assert.equal((await getUser(first.AccessToken)).body.message, 'Access Token has been revoked');
  assert.equal((await getUser(second.AccessToken)).status, 200);
  const refresh = (RefreshToken) => pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken });
  assert.equal((await refresh(first.RefreshToken)).body.__type, 'NotAuthorizedException');
  const again = await refresh(second.RefreshToken);
  assert.equal(again.body.AuthenticationResult.RefreshToken, undefined);
  for (const bad of ['', 'x', `${second.RefreshToken.slice(0, -2)}AA`, second.AccessToken, 'a'.repeat(5000)]) {
    const { body, status } = await refresh(bad);
    assert.equal(status, 400);
    assert.match(body.__type, /NotAuthorizedException|InvalidParameterException/);
  }
});

test('forged and damaged tokens are refused', async () => {
  const user = await makeUser(pool);
  const { AccessToken, IdToken } = await pool.signIn(user.username);
  const [, payload, signature] = AccessToken.split('.');
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = headerOf(AccessToken);
  const { keys } = await jwks();
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signed = (head, body) => {
    const text = `${part(head)}.${part(body)}`;
    return `${text}.${sign('RSA-SHA256', Buffer.from(text), own.privateKey).toString('base64url')}`;
  };
  const pem = createPublicKey({ key: keys[1], format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const hs = `${part({ ...header, alg: 'HS256' })}.${payload}`;
  const forged = {
    'alg none': `${part({ ...header, alg: 'none' })}.${payload}.`,
    'alg None': `${part({ ...header, alg: 'None' })}.${payload}.${signature}`,
    'HS256 with the public key': `${hs}.${createHmac('sha256', pem).update(hs).digest('base64url')}`,
    'own key, known kid': signed(header, claimsOf(AccessToken)),
    'own key, own kid': signed({ ...header, kid: 'mine' }, claimsOf(AccessToken)),
    'own key in the header': signed({ ...header, jwk: own.publicKey.export({ format: 'jwk' }) }, claimsOf(AccessToken)),
    'other claims': `${AccessToken.split('.')[0]}.${part({ ...claimsOf(AccessToken), sub: 'x' })}.${signature}`,
    "the id token's kid": `${part({ ...header, kid: headerOf(IdToken).kid })}.${payload}.${signature}`,
    'no signature': `${AccessToken.split('.')[0]}.${payload}.`,
    'two parts': `${AccessToken.split('.')[0]}.${payload}`,
    'an id token': IdToken,
    'nothing of sense': 'nonsense',
    'a flipped bit': AccessToken.slice(0, -10) + (AccessToken.at(-10) === 'A' ? 'B' : 'A') + AccessToken.slice(-9),
  };
  for (const [what, token] of Object.entries(forged)) {
    const { status, body, headers } = await getUser(token);
    assert.equal(status, 400, what);
    assert.equal(body.__type, 'NotAuthorizedException', what);
    assert.equal(headers.get('x-amzn-errortype'), 'NotAuthorizedException:', what);
  }
  assert.equal((await getUser(AccessToken)).status, 200);
});

test('five wrong passwords lock the user, the right one fails as well, another user does not notice', async () => {
  const user = await makeUser(pool);
  const other = await makeUser(pool);
  const attempt = (USERNAME, PASSWORD) => pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD },
  });
  for (let i = 0; i < 5; i++) {
    assert.equal((await attempt(user.username, `Wr0ng-${i}!`)).body.message, 'Incorrect username or password.');
  }
  // Two more behind the first lock of a second and the second of two: the third is long enough for what follows.
  for (let looked = 0; looked < 2;) {
    const { message } = (await attempt(user.username, 'Wr0ng-again!')).body;
    if (message === 'Incorrect username or password.') looked++;
    else assert.equal(message, 'Password attempts exceeded');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal((await attempt(user.username, PASSWORD)).body.message, 'Password attempts exceeded');
  await refused(classic(user.username).tokens, 'NotAuthorizedException', 'Password attempts exceeded');
  assert.equal((await attempt(other.username, PASSWORD)).status, 200);
  pool = await pool.restart();
  for (;;) { // the lock is short at first; it ends by itself
    const { status, body } = await attempt(user.username, PASSWORD);
    if (status === 200) break;
    assert.equal(body.message, 'Password attempts exceeded');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

test('guesses at the same time are counted all', async () => {
  const user = await makeUser(pool);
  const began = Date.now();
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD: `Wr0ng-${i}!` },
  })));
  const looked = answers.filter(({ body }) => body.message === 'Incorrect username or password.');
  // Five, and on a slow machine those after a lock of one second, of two and so on.
  const later = Math.floor(Math.log2((Date.now() - began) / 1000 + 1));
  assert.ok(looked.length >= 5 && looked.length <= 5 + later, `${looked.length}, ${later}`);
});

test('codes are counted: after fifteen wrong ones the right one fails too', async () => {
  const username = address('guess');
  await pool.call('SignUp', {
    ClientId: pool.clientId, Username: username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: username }],
  });
  const { code } = await pool.mail(username);
  const confirm = (ConfirmationCode) => pool.call('ConfirmSignUp', { ClientId: pool.clientId, Username: username, ConfirmationCode });
  for (let i = 0; i < 15; i++) {
    assert.equal((await confirm(String((Number(code) + 1 + i) % 1_000_000).padStart(6, '0'))).body.__type, 'CodeMismatchException');
  }
  assert.equal((await confirm(code)).body.message, 'Attempt limit exceeded, please try after some time.');
});

test('a proof counts once, and only for its own block', async () => {
  const user = await makeUser(pool);
  const sent = [];
  const client = pool.identityJs();
  const { request } = client.client;
  client.client.request = function (operation, params, callback) {
    sent.push([operation, structuredClone(params)]);
    return request.call(this, operation, params, callback);
  };
  await new Promise((resolve, reject) =>
    new CognitoUser({ Username: user.username, Pool: client }).authenticateUser(
      new AuthenticationDetails({ Username: user.username, Password: PASSWORD }), { onSuccess: resolve, onFailure: reject }));
  const [, proof] = sent.find(([operation]) => operation === 'RespondToAuthChallenge');
  const replayed = await pool.call('RespondToAuthChallenge', proof);
  assert.equal(replayed.body.message, 'Invalid session for the user, session can only be used once.');
  const fresh = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: user.username, SRP_A: sent[0][1].AuthParameters.SRP_A },
  });
  const other = structuredClone(proof);
  other.ChallengeResponses.PASSWORD_CLAIM_SECRET_BLOCK = fresh.body.ChallengeParameters.SECRET_BLOCK;
  assert.equal((await pool.call('RespondToAuthChallenge', other)).body.message, 'Incorrect username or password.');
});

// N of RFC 3526, group 15.
const N = [
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd',
  'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed',
  'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f',
  '83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b',
  'e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510',
  '15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7',
  'abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c',
  'bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff',
].join('');

test('a client number that would make the key known is refused', async () => {
  const user = await makeUser(pool);
  const twice = (BigInt(`0x${N}`) * 2n).toString(16);
  for (const SRP_A of [N, twice, '0', '00', '', 'zz', 'f'.repeat(801), '-1']) {
    const { status, body } = await pool.call('InitiateAuth', {
      ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: user.username, SRP_A },
    });
    assert.equal(status, 400, SRP_A);
    assert.equal(body.__type, 'InvalidParameterException', SRP_A);
  }
});

test('unknown users are answered like known ones', async () => {
  const start = (USERNAME) => pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME, SRP_A: 'abc123'.repeat(100) },
  });
  const user = await makeUser(pool);
  const known = await start(user.username);
  const nobody = address('nobody');
  const [one, two] = [await start(nobody), await start(nobody)];
  assert.deepEqual(Object.keys(one.body.ChallengeParameters).sort(), Object.keys(known.body.ChallengeParameters).sort());
  for (const name of ['SALT', 'USER_ID_FOR_SRP']) {
    assert.equal(one.body.ChallengeParameters[name], two.body.ChallengeParameters[name], name);
  }
  assert.match(one.body.ChallengeParameters.USER_ID_FOR_SRP, UUID);
  assert.equal(one.body.ChallengeParameters.SECRET_BLOCK.length, known.body.ChallengeParameters.SECRET_BLOCK.length);
});

test('errors have the form of Cognito, for browsers as well', async () => {
  const { status, body, headers } = await pool.call('SignUp', { ClientId: pool.clientId, Username: 'a@b.co' }, { headers: { origin: 'http://localhost:3000' } });
  assert.equal(status, 400);
  assert.equal(body.__type, 'InvalidParameterException');
  assert.match(body.message, /'password'.*Member must not be null/);
  assert.equal(headers.get('content-type'), 'application/x-amz-json-1.1');
  assert.equal(headers.get('x-amzn-errormessage'), body.message);
  assert.match(headers.get('x-amzn-requestid'), UUID);
  assert.equal(headers.get('access-control-allow-origin'), '*');
  assert.match(headers.get('access-control-expose-headers'), /x-amzn-ErrorType/i);
  const unknown = await pool.call('MakeCoffee', {});
  assert.equal(unknown.status, 400);
  assert.deepEqual(unknown.body, { __type: 'UnknownOperationException', message: 'The operation MakeCoffee is not known or not served.' });
  await refused(pool.sdk().send(new cognito.InitiateAuthCommand({ ClientId: 'none', AuthFlow: 'USER_SRP_AUTH', AuthParameters: {} })),
    'ResourceNotFoundException', 'User pool client none does not exist.');
  for (const broken of ['{', '[]', '"x"', '{"ClientId":5}', '\u0000']) {
    const answer = await pool.call('SignUp', broken);
    assert.equal(answer.status, 400, broken);
    assert.ok(answer.body.__type, broken);
  }
});

test('tokens and users outlive a restart', async () => {
  const user = await makeUser(pool);
  const { AccessToken, RefreshToken } = await pool.signIn(user.username);
  const before = await jwks();
  pool = await pool.restart();
  assert.deepEqual(await jwks(), before);
  assert.equal((await getUser(AccessToken)).status, 200);
  const { status } = await pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken });
  assert.equal(status, 200);
  await classic(user.username).tokens;
});
