// Forged and damaged requests, generated over all operations and members: every one is refused under the name that
// Cognito has for it, with HTTP status 400; none ends the server, which serves as before when all is over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { Authenticator, cbor } from './authenticator.mjs';
import { claimsOf, forgeries, headerOf, identityPools, part, signed, userPools } from './forge.mjs';
import { PASSWORD, address, makeUser, startPool } from './lib.mjs';

let pool;
let other; // another pool altogether
let credentials;
let user;
let tokens;
let count = 0;
before(async () => {
  [pool, other] = await Promise.all([startPool('mail'), startPool('passwordless')]);
  credentials = JSON.parse((await pool.ampd('keys', 'create', '--json')).stdout);
  user = await makeUser(pool);
  tokens = await pool.signIn(user.username);
});
after(async () => {
  console.log(`${count} requests were refused`);
  assert.ok(count >= 2000, `${count} requests`);
  for (const each of [pool, other]) assert.doesNotMatch(each.log(), /broken invariant|runtime error|Sanitizer|Internal error/i);
  await Promise.all([pool.end(), other.end()]);
});

const POOLS = 'AWSCognitoIdentityProviderService';
const IDENTITIES = 'AWSCognitoIdentityService';
const SERIAL = 'SerializationException';
const INVALID = 'InvalidParameterException';
const MODEL = 'ValidationException'; // what identity pools call it
const DENIED = 'NotAuthorizedException';
const clone = (value) => structuredClone(value);

/** Sends bytes, and wants that refusal. */
async function refuse(what, operation, body, name, { headers = {}, service = POOLS, message, at = pool, asIs = false } = {}) {
  const target = `${service}.${operation}`;
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const answer = await fetch(`${at.origin}/`, {
    method: 'POST', body: bytes,
    headers: asIs ? headers : { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target, ...headers },
  });
  count++;
  const told = await answer.json();
  const about = `${operation}: ${what}: ${JSON.stringify(told)}`;
  assert.equal(answer.status, 400, about);
  if (name instanceof RegExp) assert.match(told.__type, name, about);
  else assert.equal(told.__type, name, about);
  assert.equal(answer.headers.get('x-amzn-errortype'), `${told.__type}:`, about);
  if (message instanceof RegExp) assert.match(told.message, message, about);
  else if (message !== undefined) assert.equal(told.message, message, about);
  return told;
}

/** The same, signed as an administrator's. */
const refuseSigned = (what, operation, body, name, more = {}) => {
  const bytes = Buffer.isBuffer(body) ? body : typeof body === 'string' ? body : JSON.stringify(body);
  const headers = signed({ credentials, host: new URL(pool.origin).host, target: `${POOLS}.${operation}`, body: bytes });
  return refuse(what, operation, bytes, name, { ...more, headers });
};

// ---- what a complete request has -------------------------------------------------------------
const complete = () => ({
  ClientId: pool.clientId, UserPoolId: pool.poolId, Username: user.username, Password: PASSWORD, AccessToken: tokens.AccessToken,
  ConfirmationCode: '123456', Code: '123456', UserCode: '123456', AttributeName: 'email', UserAttributes: [{ Name: 'given_name', Value: 'x' }],
  UserAttributeNames: ['given_name'], PreviousPassword: PASSWORD, ProposedPassword: PASSWORD, DeviceKey: 'us-east-1_0',
  DeviceRememberedStatus: 'remembered', CredentialId: 'x', Credential: {}, MFAOptions: [], SessionId: 'x', Session: 'x'.repeat(40),
  AuthFlow: 'USER_PASSWORD_AUTH', ChallengeName: 'NEW_PASSWORD_REQUIRED', AuthParameters: { USERNAME: 'x', PASSWORD: 'x' },
  ChallengeResponses: { USERNAME: 'x' }, RefreshToken: 'x', Token: 'x', EventId: 'x', FeedbackToken: 'x', FeedbackValue: 'Valid', GroupName: 'x',
  User: { ProviderName: 'x' }, DestinationUser: { ProviderName: 'x' }, SourceUser: { ProviderName: 'x' }, MaxResults: 1,
});
const takes = (operation) => Object.keys(userPools[operation]);
const isServed = (operation) => /^Admin/.test(operation) || `AssociateSoftwareToken ChangePassword CompleteWebAuthnRegistration ConfirmDevice
  ConfirmForgotPassword ConfirmSignUp CreateGroup DeleteGroup DeleteUser DeleteUserAttributes DeleteWebAuthnCredential DescribeUserPool
  DescribeUserPoolClient GetCSVHeader ListIdentityProviders ListResourceServers ForgetDevice ForgotPassword GetDevice GetGroup GetTokensFromRefreshToken GetUser GetUserAttributeVerificationCode
  GetUserAuthFactors GetUserPoolMfaConfig GlobalSignOut InitiateAuth ListDevices ListGroups ListUserPoolClients ListUserPools ListUserSessions
  ListUsers ListUsersInGroup ListWebAuthnCredentials ResendConfirmationCode RespondToAuthChallenge RevokeToken RevokeUserSession
  SetUserMFAPreference SetUserSettings SignUp StartWebAuthnRegistration UpdateAuthEventFeedback UpdateDeviceStatus UpdateGroup
  UpdateUserAttributes VerifySoftwareToken VerifyUserAttribute`.split(/\s+/).includes(operation);
const needsSignature = (operation) => /^(Admin|CreateGroup|DeleteGroup|Describe|GetGroup|GetCSV|GetUserPoolMfa|ListGroups|ListIdentity|ListResource|ListUserPool|ListUsers|UpdateGroup)/.test(operation);
const served = Object.keys(userPools).filter(isServed);
const withToken = served.filter((operation) => takes(operation).includes('AccessToken'));
const inputOf = (operation) =>
  Object.fromEntries(Object.entries(complete()).filter(([member]) => takes(operation).includes(member)));
const send = (operation, ...rest) => (needsSignature(operation) ? refuseSigned : refuse)(rest[0], operation, ...rest.slice(1));

// ---- the shape of requests -------------------------------------------------------------------
test('members of wrong types', async () => {
  const wrong = {
    string: [5, true, ['x'], { a: 'x' }, 1.5],
    number: ['5', true, [1], {}, 1.5, 1e30],
    boolean: ['true', 1, [], {}],
    list: ['x', 5, {}, true],
    map: ['x', 5, [], true],
    structure: ['x', 5, [], true],
  };
  for (const operation of served) {
    for (const [member, { kind }] of Object.entries(userPools[operation])) {
      for (const value of wrong[kind] ?? []) {
        await send(operation, `${member} is ${JSON.stringify(value)}`, { ...inputOf(operation), [member]: value }, SERIAL);
      }
    }
  }
});

test('wrong types inside of lists and maps', async () => {
  const inside = {
    UserAttributes: [[5], ['x'], [{ Name: 5, Value: 'x' }], [{ Name: 'email', Value: 5 }], [{ Name: 'email', Value: ['x'] }], [[]]],
    ValidationData: [[5], [{ Name: true }]],
    UserAttributeNames: [[5], [{}], [['x']]],
    AttributesToGet: [[5], [{}]],
    DesiredDeliveryMediums: [[5]],
    MFAOptions: [[5], [{ DeliveryMedium: 5 }]],
    ClientMetadata: [{ a: 5 }, { a: {} }],
    AuthParameters: [{ USERNAME: 5 }, { USERNAME: ['x'] }],
    ChallengeResponses: [{ USERNAME: 5 }, { USERNAME: {} }],
    SMSMfaSettings: [{ Enabled: 'true' }, { PreferredMfa: 1 }],
    SoftwareTokenMfaSettings: [{ Enabled: 'yes' }],
    EmailMfaSettings: [{ Enabled: 1 }],
    WebAuthnMfaSettings: [{ Enabled: {} }],
    DeviceSecretVerifierConfig: [{ Salt: 5 }, { PasswordVerifier: [] }],
    SourceUser: [{ ProviderName: 5 }],
    DestinationUser: [{ ProviderAttributeValue: 5 }],
    User: [{ ProviderName: {} }],
  };
  for (const operation of served) {
    for (const [member, values] of Object.entries(inside)) {
      if (!takes(operation).includes(member)) continue;
      for (const value of values) {
        await send(operation, `${member} is ${JSON.stringify(value)}`, { ...inputOf(operation), [member]: value }, SERIAL);
      }
    }
  }
});

test('members that are needed and missing or null', async () => {
  for (const operation of served) {
    for (const [member, { needed }] of Object.entries(userPools[operation])) {
      if (!needed) continue;
      const shown = /^[A-Z]{2}/.test(member) ? member : member[0].toLowerCase() + member.slice(1);
      for (const value of [null, undefined]) {
        await send(operation, `${member} is ${value}`, { ...inputOf(operation), [member]: value }, INVALID,
          { message: new RegExp(`Value null at '${shown}' failed to satisfy constraint: Member must not be null`) });
      }
    }
  }
});

test('values out of bounds', async () => {
  const long = (length) => 'x'.repeat(length);
  const bad = {
    ClientId: ['', long(129), 'with space', 'semi;colon', 'ü'],
    UserPoolId: ['', 'nounderscore', '_', 'us-east-1_', `us-east-1_${long(60)}`, 'us east_1', 'us-east-1_a-b', 'us-east-1_ü'],
    Username: ['', long(129), 'a b', 'a\u0000b', 'a\nb', '\u200b', '\u00a0', 'a\u202eb'],
    ConfirmationCode: ['', long(2049), 'a b'],
    Code: ['', long(2049), '12 34'],
    Session: ['', 'short', long(5000)],
    AccessToken: ['', 'with space', 'semi;colon', 'ü', '\u0000', long(17_000)],
    RefreshToken: ['', 'a b', '{}'],
    Token: ['', 'a b', '"'],
    AttributeName: ['', long(33), 'a b'],
    GroupName: ['', long(129), 'a b'],
    Description: [long(2049)],
    RoleArn: ['short', long(2049)],
    Precedence: [-1, 2 ** 31],
    Limit: [-1, 61],
    Filter: [long(257)],
    PaginationToken: ['', 'a b'],
    NextToken: ['', 'a b'],
    DeviceKey: ['', 'nounderscore', long(56), 'us-east-1_XYZ'],
    DeviceName: ['', long(1025)],
    UserCode: ['', '12345', '1234567', 'abcdef', '１２３４５６'],
    SecretHash: ['', long(129), '!'],
    AuthFlow: ['', 'PASSWORD', 'user_srp_auth'],
    ChallengeName: ['', 'ANY', 'sms_mfa'],
    MessageAction: ['', 'SEND'],
    FeedbackValue: ['', 'valid'],
    EventId: ['', long(51), 'a b'],
    UserAttributes: [[{ Name: '', Value: 'x' }], [{ Name: long(33), Value: 'x' }], [{ Name: 'email', Value: long(2049) }], [{ Value: 'x' }], [{}],
      [{ Name: 'a b', Value: 'x' }]],
    UserAttributeNames: [[''], [long(33)]],
    AttributesToGet: [[''], [long(33)]],
  };
  for (const operation of served) {
    for (const [member, values] of Object.entries(bad)) {
      if (!takes(operation).includes(member)) continue;
      for (const value of values) {
        await send(operation, `${member} is ${JSON.stringify(value)?.slice(0, 80)}`, { ...inputOf(operation), [member]: value }, INVALID,
          { message: /^\d+ validation errors? detected: Value(?: null| '[^]*')? at '\S+' failed to satisfy constraint: Member must/ });
      }
    }
  }
});

test('all that is wrong with a member is told, with its value unless that is a secret', async () => {
  const told = async (body, message) => {
    const answer = await pool.call('ConfirmSignUp', { ClientId: pool.clientId, Username: 'a@example.com', ConfirmationCode: '123456', ...body });
    assert.deepEqual(answer.body, { __type: INVALID, message });
  };
  const constraint = 'failed to satisfy constraint: Member must';
  await told({ ClientId: 'no client!' },
    `1 validation error detected: Value 'no client!' at 'clientId' ${constraint} satisfy regular expression pattern: [\\w+]+`);
  await told({ ConfirmationCode: '' }, "2 validation errors detected: "
    + `Value '' at 'confirmationCode' ${constraint} have length greater than or equal to 1; `
    + `Value '' at 'confirmationCode' ${constraint} satisfy regular expression pattern: [\\S]+`);
  await told({ Username: 'a b' },
    `1 validation error detected: Value at 'username' ${constraint} satisfy regular expression pattern: [\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+`);
  const long = await pool.call('ConfirmSignUp', { ClientId: `${'x'.repeat(2047)}ü`, Username: 'a@example.com', ConfirmationCode: '123456' });
  assert.match(long.body.message, /^2 validation errors detected: Value 'x{2047}' at 'clientId' failed/);
  const { body } = await pool.call('SignUp', { ClientId: pool.clientId, Username: 'a@example.com', Password: ' Corr3ct-horse!' });
  assert.deepEqual(body, {
    __type: INVALID, message: `1 validation error detected: Value at 'password' ${constraint} satisfy regular expression pattern: ^[\\S]+.*[\\S]+$`,
  });
});

test('bodies that are no request', async () => {
  const bodies = ['{', '}', '[]', '"x"', '5', 'null', '{"ClientId":', '{"ClientId":"x"', "{'ClientId':'x'}", '{"ClientId":"x",}', '{ClientId:"x"}',
    '\u0000', '{"a":"\u0001"}', '{"a":"\\ud800"}', '{"a":01}', '{"a":+1}', '{"a":NaN}', 'x'.repeat(1000), '[['.repeat(300), '{"a":'.repeat(400),
    '{}{}', '{"a":tru}', Buffer.from([0xff, 0xfe, 0x7b, 0x7d]), Buffer.from('{"ClientId":"\xff"}', 'latin1'), Buffer.from([0x7b, 0xc3, 0x28, 0x7d])];
  for (const operation of ['SignUp', 'InitiateAuth', 'RespondToAuthChallenge', 'GetUser', 'VerifySoftwareToken', 'GetTokensFromRefreshToken']) {
    for (const body of bodies) await refuse(`body ${String(body).slice(0, 40)}`, operation, body, SERIAL);
  }
  for (const operation of ['ListUsers', 'AdminCreateUser', 'AdminInitiateAuth']) {
    for (const body of bodies) await refuseSigned(`body ${String(body).slice(0, 40)}`, operation, body, SERIAL);
  }
  for (const operation of Object.keys(identityPools).filter((name) => ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken', 'UnlinkIdentity'].includes(name))) {
    for (const body of bodies) await refuse(`body ${String(body).slice(0, 40)}`, operation, body, SERIAL, { service: IDENTITIES });
  }
});

// ---- tokens ----------------------------------------------------------------------------------
test('forged tokens, at every operation that takes one', async () => {
  const { keys } = await (await fetch(`${pool.origin}/${pool.poolId}/.well-known/jwks.json`)).json();
  const otherUser = await makeUser(other);
  const theirs = await other.signIn(otherUser.username);
  const gone = await makeUser(pool);
  const dead = await pool.signIn(gone.username);
  assert.equal((await pool.call('DeleteUser', { AccessToken: dead.AccessToken })).status, 200);
  const ended = await pool.signIn(user.username);
  await pool.call('RevokeToken', { ClientId: pool.clientId, Token: ended.RefreshToken });
  const all = {
    ...forgeries(tokens.AccessToken, keys, headerOf(tokens.IdToken).kid),
    'an id token': tokens.IdToken, 'a refresh token': tokens.RefreshToken, 'a token of another pool': theirs.AccessToken,
    'an id token of another pool': theirs.IdToken, 'of a user that is gone': dead.AccessToken, 'of an ended sign-in': ended.AccessToken,
  };
  for (const operation of withToken) {
    for (const [what, token] of Object.entries(all)) {
      const input = { ...inputOf(operation), AccessToken: token };
      await refuse(what, operation, input, what === 'of a user that is gone' ? 'UserNotFoundException' : DENIED);
    }
  }
  for (const [what, token] of Object.entries(all)) {
    if (/id token$/.test(what)) continue;
    const Logins = { [`cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`]: token };
    const IdentityPoolId = pool.outputs.auth.identity_pool_id;
    await refuse(`login with ${what}`, 'GetId', { IdentityPoolId, Logins }, DENIED, { service: IDENTITIES });
  }
  for (const [what, token] of Object.entries(forgeries(tokens.IdToken, keys, headerOf(tokens.AccessToken).kid))) {
    const Logins = { [`cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`]: token };
    const IdentityId = `us-east-1:${user.sub}`;
    for (const operation of ['GetCredentialsForIdentity', 'GetOpenIdToken']) {
      await refuse(`login with ${what}`, operation, { IdentityId, Logins }, DENIED, { service: IDENTITIES });
    }
  }
  assert.equal((await pool.call('GetUser', { AccessToken: tokens.AccessToken })).status, 200);
});

test('refresh tokens that are none', async () => {
  const { RefreshToken } = await pool.signIn(user.username);
  const [theirs] = [await other.signIn((await makeUser(other)).username)];
  const bytes = Buffer.from(RefreshToken, 'base64url');
  const changed = (at) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy.toString('base64url');
  };
  const bad = [tokens.AccessToken, tokens.IdToken, theirs.RefreshToken, 'nonsense', RefreshToken.slice(0, -4), RefreshToken.slice(4),
    `${RefreshToken}AAAA`, changed(0), changed(20), changed(36), changed(bytes.length - 1), Buffer.alloc(68).toString('base64url'), 'A'.repeat(4000)];
  for (const token of bad) {
    await refuse('not ours', 'GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken: token }, DENIED);
    for (const AuthFlow of ['REFRESH_TOKEN_AUTH', 'REFRESH_TOKEN']) {
      await refuse('not ours', 'InitiateAuth', { ClientId: pool.clientId, AuthFlow, AuthParameters: { REFRESH_TOKEN: token } }, DENIED);
    }
  }
  await refuse('none', 'InitiateAuth', { ClientId: pool.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: {} }, INVALID,
    { message: 'Missing required parameter REFRESH_TOKEN' });
  for (const token of [tokens.AccessToken, tokens.IdToken]) {
    await refuse('no refresh token', 'RevokeToken', { ClientId: pool.clientId, Token: token }, 'UnsupportedTokenTypeException');
  }
});

test('tokens whose time is over', async () => {
  const brief = await startPool('brief');
  try {
    const guest = await makeUser(brief);
    const { AccessToken, IdToken } = await brief.signIn(guest.username);
    const until = Math.max(claimsOf(AccessToken).exp, claimsOf(IdToken).exp) * 1000;
    while (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50)); // what ends here is the token's own time
    for (const operation of withToken) {
      await refuse('over', operation, { ...inputOf(operation), AccessToken }, DENIED, { at: brief, message: 'Access Token has expired' });
    }
    await refuse('over', 'GetId', {
      IdentityPoolId: brief.outputs.auth.identity_pool_id, Logins: { [`cognito-idp.us-east-1.amazonaws.com/${brief.poolId}`]: IdToken },
    }, DENIED, { at: brief, service: IDENTITIES, message: /^Invalid login token\. Token expired: \d+ >= \d+$/ });
  } finally {
    await brief.end();
  }
});

// ---- proofs ----------------------------------------------------------------------------------
async function proofOf(at, who, password = PASSWORD) {
  const client = at.identityJs();
  const sent = [];
  const { request } = client.client;
  client.client.request = function (operation, params, callback) {
    if (operation === 'RespondToAuthChallenge') sent.push(clone(params));
    return operation === 'RespondToAuthChallenge' ? callback(new Error('kept')) : request.call(this, operation, params, callback);
  };
  await new Promise((resolve) => new CognitoUser({ Username: who, Pool: client }).authenticateUser(
    new AuthenticationDetails({ Username: who, Password: password }), { onSuccess: resolve, onFailure: resolve }));
  return sent[0];
}

test('proofs of a password that are altered, another user’s or used', async () => {
  const second = await makeUser(pool);
  const changes = {
    'other signature': (r) => (r.PASSWORD_CLAIM_SIGNATURE = Buffer.alloc(32).toString('base64')),
    'short signature': (r) => (r.PASSWORD_CLAIM_SIGNATURE = 'AAAA'),
    'no base64': (r) => (r.PASSWORD_CLAIM_SIGNATURE = '!!!!'),
    'other time': (r) => (r.TIMESTAMP = 'Tue Jan 1 00:00:00 UTC 2030'),
    'time of nonsense': (r) => (r.TIMESTAMP = 'x'.repeat(3000)),
  };
  for (const [what, change] of Object.entries(changes)) {
    const guest = await makeUser(pool);
    const proof = await proofOf(pool, guest.username);
    change(proof.ChallengeResponses);
    await refuse(what, 'RespondToAuthChallenge', proof, DENIED, { message: 'Incorrect username or password.' });
    await refuse(`${what}, again`, 'RespondToAuthChallenge', proof, DENIED);
  }
  const blocks = {
    'truncated block': (b) => b.slice(0, -8),
    'longer block': (b) => `${b}AAAA`,
    'no block': () => 'nonsense',
    'zeros': (b) => Buffer.alloc(Buffer.from(b, 'base64').length).toString('base64'),
    'a changed block': (b) => b.slice(0, 30) + (b[30] === 'A' ? 'B' : 'A') + b.slice(31),
  };
  const proof = await proofOf(pool, second.username);
  for (const [what, change] of Object.entries(blocks)) {
    const bad = clone(proof);
    bad.ChallengeResponses.PASSWORD_CLAIM_SECRET_BLOCK = change(bad.ChallengeResponses.PASSWORD_CLAIM_SECRET_BLOCK);
    await refuse(what, 'RespondToAuthChallenge', bad, DENIED, { message: /^Invalid session for the user/ });
  }
  for (const name of ['USERNAME', 'PASSWORD_CLAIM_SECRET_BLOCK', 'PASSWORD_CLAIM_SIGNATURE', 'TIMESTAMP']) {
    const bad = clone(await proofOf(pool, second.username));
    delete bad.ChallengeResponses[name];
    await refuse(`no ${name}`, 'RespondToAuthChallenge', bad, INVALID, { message: `Missing required parameter ${name}` });
  }
  const fresh = await makeUser(pool);
  const mine = await proofOf(pool, fresh.username);
  const theirs = await proofOf(other, (await makeUser(other)).username);
  await refuse('a proof for another pool', 'RespondToAuthChallenge', { ...theirs, ClientId: pool.clientId }, DENIED, { message: 'Invalid session for the user.' });
  await refuse('at another pool', 'RespondToAuthChallenge', mine, 'ResourceNotFoundException', { at: other });
  const done = await pool.call('RespondToAuthChallenge', mine);
  assert.equal(done.status, 200, JSON.stringify(done.body));
  await refuse('used', 'RespondToAuthChallenge', mine, DENIED, { message: 'Invalid session for the user, session can only be used once.' });
});

// N of RFC 3526, group 15, from the reference of the client.
const N = BigInt(`0x${
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd' +
  'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed' +
  'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f' +
  '83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b' +
  'e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510' +
  '15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7' +
  'abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c' +
  'bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff'}`);

test('numbers of the client that would make the key known, or are none', async () => {
  const bad = ['0', '00', '0'.repeat(768), N.toString(16), (N * 2n).toString(16), (N * 3n).toString(16), `00${N.toString(16)}`, (N ** 2n).toString(16),
    '', 'zz', '-1', '0x12', '1 2', 'f'.repeat(801), 'f'.repeat(100_000), 'é', '\u0000'];
  for (const SRP_A of bad) {
    for (const USERNAME of [user.username, address('nobody')]) {
      await refuse(`A is ${SRP_A.slice(0, 20)}`, 'InitiateAuth', { ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME, SRP_A } }, INVALID);
    }
  }
});

test('flows that are not for this client, and parameters that are missing', async () => {
  const start = (AuthFlow, AuthParameters, message) =>
    refuse(AuthFlow, 'InitiateAuth', { ClientId: pool.clientId, AuthFlow, AuthParameters }, INVALID, { message });
  await start('USER_AUTH', { USERNAME: user.username }, 'USER_AUTH flow not enabled for this client');
  await start('CUSTOM_AUTH', { USERNAME: user.username }, 'CUSTOM_AUTH flow not enabled for this client');
  await start('ADMIN_USER_PASSWORD_AUTH', { USERNAME: user.username, PASSWORD }, 'Initiate Auth method not supported.');
  await start('ADMIN_NO_SRP_AUTH', { USERNAME: user.username, PASSWORD }, 'Initiate Auth method not supported.');
  await start('USER_PASSWORD_AUTH', { PASSWORD }, 'Missing required parameter USERNAME');
  await start('USER_PASSWORD_AUTH', { USERNAME: user.username }, 'Missing required parameter PASSWORD');
  await start('USER_SRP_AUTH', { USERNAME: user.username }, 'Missing required parameter SRP_A');
  await start('USER_SRP_AUTH', {}, 'Missing required parameter USERNAME');
  await start('USER_SRP_AUTH', null, 'Missing required parameter USERNAME');
  for (const operation of ['InitiateAuth', 'RespondToAuthChallenge', 'SignUp', 'ConfirmSignUp', 'ForgotPassword', 'ConfirmForgotPassword',
    'ResendConfirmationCode', 'RevokeToken', 'GetTokensFromRefreshToken']) {
    await refuse('other client', operation, { ...inputOf(operation), ClientId: other.clientId }, 'ResourceNotFoundException',
      { message: `User pool client ${other.clientId} does not exist.` });
  }
});

// ---- sessions --------------------------------------------------------------------------------
test('sessions that are damaged, of another kind, of another user or used', async () => {
  const client = await pool.admin();
  const { AdminCreateUserCommand } = await import('@aws-sdk/client-cognito-identity-provider');
  const invited = async () => {
    const Username = address('session');
    await client.send(new AdminCreateUserCommand({ UserPoolId: pool.poolId, Username, TemporaryPassword: PASSWORD, MessageAction: 'SUPPRESS' }));
    const { body } = await pool.call('InitiateAuth', { ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD } });
    return { username: Username, Session: body.Session };
  };
  const [one, two] = [await invited(), await invited()];
  const answer = (what, Session, change = {}, name = DENIED, more = {}) => refuse(what, 'RespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session, ...change,
    ChallengeResponses: { USERNAME: one.username, NEW_PASSWORD: 'An0ther-one!', ...change.ChallengeResponses },
  }, name, more);
  const s = one.Session;
  const flipped = (at) => s.slice(0, at) + (s[at] === 'A' ? 'B' : 'A') + s.slice(at + 1);
  for (const [what, session] of Object.entries({
    'first letter': flipped(0), 'in the middle': flipped(100), 'near the end': flipped(s.length - 6), cut: s.slice(0, -4), longer: `${s}AAAA`,
    reversed: [...s].reverse().join(''), nonsense: 'n'.repeat(60), 'no base64': '!'.repeat(60), zeros: 'A'.repeat(s.length), doubled: s + s,
    "another user's": two.Session,
  })) {
    await answer(what, session, {}, DENIED, { message: 'Invalid session for the user.' });
  }
  await answer('missing', undefined, {}, INVALID, { message: 'Missing required parameter Session' });
  await answer('of another user by name', s, { ChallengeResponses: { USERNAME: two.username } }, DENIED, { message: 'Invalid session for the user.' });
  await answer('of nobody', s, { ChallengeResponses: { USERNAME: 'nobody@example.com' } }, DENIED);
  for (const [ChallengeName, more] of Object.entries({
    SMS_MFA: { SMS_MFA_CODE: '123456' }, SOFTWARE_TOKEN_MFA: { SOFTWARE_TOKEN_MFA_CODE: '123456' }, EMAIL_OTP: { EMAIL_OTP_CODE: '123456' },
    SMS_OTP: { SMS_OTP_CODE: '12345678' }, SELECT_MFA_TYPE: { ANSWER: 'SMS_MFA' }, MFA_SETUP: {}, SELECT_CHALLENGE: { ANSWER: 'PASSWORD' },
    WEB_AUTHN: { CREDENTIAL: '{}' }, DEVICE_SRP_AUTH: { DEVICE_KEY: 'us-east-1_0', SRP_A: 'ab' }, CUSTOM_CHALLENGE: { ANSWER: 'x' },
    PASSWORD: { PASSWORD }, PASSWORD_SRP: { SRP_A: 'ab' }, ADMIN_NO_SRP_AUTH: {},
  })) {
    await answer(`for ${ChallengeName}`, s, { ChallengeName, ChallengeResponses: more }, DENIED, { message: 'Invalid session for the user.' });
  }
  for (const operation of ['AssociateSoftwareToken', 'VerifySoftwareToken']) {
    await refuse('of another kind', operation, { Session: s, UserCode: '123456' }, DENIED, { message: 'Invalid session for the user.' });
  }
  await answer('a weak password', s, { ChallengeResponses: { NEW_PASSWORD: 'weak' } }, 'InvalidPasswordException');
  await answer('an attribute nobody may write', s, { ChallengeResponses: { 'userAttributes.email_verified': 'true' } },
    'InvalidParameterException', { message: 'Cannot modify the non-mutable attribute email_verified' });
  await answer('at another pool', s, { ClientId: other.clientId }, DENIED, { at: other, message: 'Invalid session for the user.' });
  const done = await pool.call('RespondToAuthChallenge', {
    ClientId: pool.clientId, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: s, ChallengeResponses: { USERNAME: one.username, NEW_PASSWORD: 'An0ther-one!' },
  });
  assert.equal(done.status, 200, JSON.stringify(done.body));
  await answer('used', s, {}, DENIED, { message: /^Invalid session for the user, session can only be used once\.$/ });
});

test('a choice, its code and its passkey', async () => {
  const guest = await makeUser(other);
  const start = async (more = {}) => (await other.call('InitiateAuth', {
    ClientId: other.clientId, AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME: guest.username, ...more },
  })).body;
  const answer = (what, ChallengeName, Session, more, name, rest = {}) => refuse(what, 'RespondToAuthChallenge', {
    ClientId: other.clientId, ChallengeName, Session, ChallengeResponses: { USERNAME: guest.username, ...more },
  }, name, { at: other, ...rest });
  const choice = await start();
  for (const ANSWER of ['WEB_AUTHN', 'SMS_OTP', 'password', 'ANY', 'x'.repeat(300)]) await answer(ANSWER, 'SELECT_CHALLENGE', choice.Session, { ANSWER }, INVALID);
  await answer('no answer', 'SELECT_CHALLENGE', choice.Session, {}, INVALID, { message: 'Missing required parameter ANSWER' });
  const otp = await start({ PREFERRED_CHALLENGE: 'EMAIL_OTP' });
  const { code } = await other.mail(guest.username);
  await answer('no code', 'EMAIL_OTP', otp.Session, {}, INVALID, { message: 'Missing required parameter EMAIL_OTP_CODE' });
  for (const bad of ['00000000', code.slice(0, 6), `${code}0`, 'x', ' ', '٠'.repeat(8)].filter((value) => value !== code).slice(0, 4)) {
    await answer(`code ${bad}`, 'EMAIL_OTP', otp.Session, { EMAIL_OTP_CODE: bad }, 'CodeMismatchException');
  }
  await answer('by another way', 'SMS_OTP', otp.Session, { SMS_OTP_CODE: code }, DENIED);
  const stranger = await makeUser(other);
  await answer('as another user', 'EMAIL_OTP', otp.Session, { EMAIL_OTP_CODE: code, USERNAME: stranger.username }, DENIED);
  const next = await start({ PREFERRED_CHALLENGE: 'EMAIL_OTP' });
  await other.mail(guest.username);
  await answer('the code of another session', 'EMAIL_OTP', next.Session, { EMAIL_OTP_CODE: code }, 'CodeMismatchException');
});

test('codes of others, used ones, and those that were replaced', async () => {
  const fresh = async () => {
    const username = address('codes');
    await pool.call('SignUp', { ClientId: pool.clientId, Username: username, Password: PASSWORD });
    return { username, code: (await pool.mail(username)).code };
  };
  const confirm = (what, username, ConfirmationCode, name, more) =>
    refuse(what, 'ConfirmSignUp', { ClientId: pool.clientId, Username: username, ConfirmationCode }, name, more);
  const [one, two] = [await fresh(), await fresh()];
  if (one.code !== two.code) await confirm("another user's", one.username, two.code, 'CodeMismatchException');
  for (const bad of ['x', '00000', `${one.code}0`, `0${one.code}`, '１２３４５６', '{####}']) await confirm(bad, one.username, bad, 'CodeMismatchException');
  await pool.call('ResendConfirmationCode', { ClientId: pool.clientId, Username: two.username });
  const { code } = await pool.mail(two.username);
  if (code !== two.code) await confirm('replaced', two.username, two.code, 'CodeMismatchException');
  await confirm('of nobody', 'nobody@example.com', '123456', 'ExpiredCodeException');
  const reset = { ClientId: pool.clientId, Username: two.username, ConfirmationCode: code, Password: PASSWORD };
  await refuse('for another purpose', 'ConfirmForgotPassword', reset, 'ExpiredCodeException');
  assert.equal((await pool.call('ConfirmSignUp', { ClientId: pool.clientId, Username: two.username, ConfirmationCode: code })).status, 200);
  await confirm('used', two.username, code, DENIED, { message: 'User cannot be confirmed. Current status is CONFIRMED' });
  await pool.call('ForgotPassword', { ClientId: pool.clientId, Username: two.username });
  const forgot = await pool.mail(two.username);
  await refuse('a weak password', 'ConfirmForgotPassword', { ...reset, ConfirmationCode: forgot.code, Password: 'weak' }, 'InvalidPasswordException');
  await refuse("another user's", 'ConfirmForgotPassword', { ...reset, Username: user.username, ConfirmationCode: forgot.code }, 'ExpiredCodeException');
  assert.equal((await pool.call('ConfirmForgotPassword', { ...reset, ConfirmationCode: forgot.code })).status, 200);
  await refuse('used', 'ConfirmForgotPassword', { ...reset, ConfirmationCode: forgot.code }, 'ExpiredCodeException');
});

// ---- passkeys --------------------------------------------------------------------------------
test('credentials that no authenticator made', async () => {
  const guest = await makeUser(other);
  const { AccessToken } = await other.signIn(guest.username);
  const url = (bytes) => Buffer.from(bytes).toString('base64url');
  const start = async () => (await other.call('StartWebAuthnRegistration', { AccessToken })).body.CredentialCreationOptions;
  const complete = (what, Credential, name) => refuse(what, 'CompleteWebAuthnRegistration', { AccessToken, Credential }, name, { at: other });
  const options = await start();
  const made = new Authenticator().create(options);
  const attestation = Buffer.from(made.response.attestationObject, 'base64url');
  const NAMES = /^(WebAuthn\w+Exception|InvalidParameterException|NotAuthorizedException)$/;
  for (let length = 0; length < attestation.length; length += 5) { // CBOR that ends too early
    const bad = clone(made);
    bad.response.attestationObject = url(attestation.subarray(0, length));
    await complete(`cut at ${length}`, bad, NAMES);
  }
  const shapes = {
    'deep': Buffer.alloc(2000, 0x81), 'endless': Buffer.from([0x5b, 255, 255, 255, 255, 255, 255, 255, 255]), 'endless list': Buffer.from([0x9a, 255, 255, 255, 255]),
    'indefinite': Buffer.from([0xbf, 0xff]), 'tag': Buffer.from([0xc0, 0x00]), 'a number': cbor(5), 'no members': cbor({}),
    'no authData': cbor({ fmt: 'none', attStmt: {} }), 'authData is text': cbor({ fmt: 'none', attStmt: {}, authData: 'x' }),
    'short authData': cbor({ fmt: 'none', attStmt: {}, authData: Buffer.alloc(36) }), 'behind the end': Buffer.concat([attestation, Buffer.from([0])]),
    'zeros': Buffer.alloc(300),
  };
  for (const [what, bytes] of Object.entries(shapes)) {
    const bad = clone(made);
    bad.response.attestationObject = url(bytes);
    await complete(what, bad, NAMES);
  }
  const client = (change) => {
    const bad = clone(made);
    bad.response.clientDataJSON = url(typeof change === 'string' ? change
      : JSON.stringify({ ...JSON.parse(Buffer.from(made.response.clientDataJSON, 'base64url')), ...change }));
    return bad;
  };
  for (const [what, change, name] of [
    ['other origin', { origin: 'https://evil.example' }, 'WebAuthnOriginNotAllowedException'],
    ['origin of a look-alike', { origin: 'http://localhost.evil.example' }, 'WebAuthnOriginNotAllowedException'],
    ['null origin', { origin: 'null' }, 'WebAuthnOriginNotAllowedException'],
    ['no origin', { origin: undefined }, 'WebAuthnOriginNotAllowedException'],
    ['other challenge', { challenge: 'AAAA' }, 'WebAuthnChallengeNotFoundException'],
    ['no challenge', { challenge: undefined }, 'WebAuthnChallengeNotFoundException'],
    ['other type', { type: 'webauthn.get' }, NAMES], ['no JSON', 'nonsense', NAMES], ['a list', '[]', NAMES], ['empty', '', NAMES],
  ]) {
    await complete(what, client(change), name);
  }
  for (const bad of [{}, [], 'x', 5, { response: null }, { response: 5 }, { id: 'x', response: {} }, { ...made, type: 'password' }, { ...made, id: '', rawId: '' }]) {
    await complete(`credential ${JSON.stringify(bad).slice(0, 30)}`, bad, NAMES);
  }
});

// ---- signatures ------------------------------------------------------------------------------
test('signed requests that are altered', async () => {
  const host = new URL(pool.origin).host;
  const body = JSON.stringify({ UserPoolId: pool.poolId });
  const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
  const make = (operation, more = {}) => signed({ credentials, host, target: `${POOLS}.${operation}`, body, ...more });
  const change = (headers, name, how) => ({ ...headers, [name]: how(headers[name]) });
  const auth = (how) => (o) => change(make(o), 'authorization', how);
  const MISMATCH = 'InvalidSignatureException';
  const FORM = 'IncompleteSignatureException';
  const cases = [
    ['no signature', () => ({}), 'MissingAuthenticationTokenException'],
    ['a bearer', (o) => change(make(o), 'authorization', () => 'Bearer x'), /^(IncompleteSignature|MissingAuthenticationToken|InvalidSignature)Exception$/],
    ['a changed signature', auth((a) => a.replace(/.$/, (c) => (c === '0' ? '1' : '0'))), MISMATCH],
    ['a short signature', auth((a) => a.slice(0, -2)), /^(Invalid|Incomplete)SignatureException$/],
    ['no Signature', auth((a) => a.replace(/, Signature=.*/, '')), FORM],
    ['no Credential', auth((a) => a.replace(/Credential=[^,]*, /, '')), FORM],
    ['no SignedHeaders', auth((a) => a.replace(/SignedHeaders=[^,]*, /, '')), FORM],
    ['SignedHeaders without host', (o) => make(o, { leave: ['host'] }), MISMATCH],
    ['an unknown key', (o) => make(o, { credentials: { ...credentials, accessKeyId: 'AKIAAAAAAAAAAAAAAAAA' } }), 'UnrecognizedClientException'],
    ['a wrong secret', (o) => make(o, { credentials: { ...credentials, secretAccessKey: 'wrong' } }), MISMATCH],
    ['an empty key', (o) => make(o, { credentials: { ...credentials, accessKeyId: '' } }), /Exception$/],
    ['an hour ago', (o) => make(o, { date: at(-3600) }), MISMATCH],
    ['in an hour', (o) => make(o, { date: at(3600) }), MISMATCH],
    ['a date of nonsense', (o) => make(o, { date: 'yesterday', day: '20260101' }), FORM],
    ['another day', (o) => make(o, { day: '20200101' }), MISMATCH],
    ['another service', (o) => make(o, { service: 's3' }), MISMATCH],
    ['another end', (o) => make(o, { term: 'aws5_request' }), MISMATCH],
    ['another algorithm', (o) => make(o, { algorithm: 'AWS4-HMAC-SHA1' }), FORM],
    ['another path', (o) => make(o, { path: '/other' }), MISMATCH],
    ['another method', (o) => make(o, { method: 'PUT' }), MISMATCH],
    ['another body', (o) => make(o, { body: '{}' }), MISMATCH],
    ['another operation', (o) => ({ ...make('GetGroup'), 'x-amz-target': `${POOLS}.${o}` }), MISMATCH],
    ['another date header', (o) => ({ ...make(o), 'x-amz-date': at(-10) }), MISMATCH],
    ['another content type', (o) => ({ ...make(o), 'content-type': 'application/x-amz-json-1.0' }), MISMATCH],
    ['a session token', (o) => ({ ...make(o), 'x-amz-security-token': 'x' }), /^(UnrecognizedClient|InvalidSignature|ExpiredToken)Exception$/],
  ];
  for (const operation of ['ListUsers', 'AdminGetUser', 'AdminDeleteUser', 'CreateGroup', 'DescribeUserPool', 'ListUserPools', 'CreateUserPool', 'AdminInitiateAuth']) {
    for (const [what, headers, name] of cases) {
      await refuse(what, operation, body, name, { headers: { 'x-amz-target': `${POOLS}.${operation}`, 'content-type': 'application/x-amz-json-1.1', ...headers(operation) }, asIs: true });
    }
  }
});

// ---- identity pools --------------------------------------------------------------------------
test('identities of nobody', async () => {
  const IdentityPoolId = pool.outputs.auth.identity_pool_id;
  const provider = `cognito-idp.us-east-1.amazonaws.com/${pool.poolId}`;
  const one = (what, operation, body, name) => refuse(what, operation, body, name, { service: IDENTITIES });
  for (const bad of ['', 'x', 'us-east-1', 'us-east-1:', ':', `us-east-1:${'a'.repeat(60)}`, 'us-east-1:XYZ']) await one('pool', 'GetId', { IdentityPoolId: bad }, MODEL);
  await one('another pool', 'GetId', { IdentityPoolId: other.outputs.auth.identity_pool_id }, 'ResourceNotFoundException');
  for (const operation of ['GetCredentialsForIdentity', 'GetOpenIdToken', 'UnlinkIdentity']) {
    const rest = operation === 'UnlinkIdentity' ? { Logins: { [provider]: 'x' }, LoginsToRemove: [provider] } : {};
    for (const IdentityId of ['', 'x', 'us-east-1:XYZ', `us-east-1:${'0'.repeat(60)}`]) await one('identity', operation, { IdentityId, ...rest }, MODEL);
    for (const IdentityId of [5, true, [], {}]) await one('identity', operation, { IdentityId, ...rest }, SERIAL);
    await one('no identity', operation, rest, MODEL);
  }
  for (const Logins of ['x', 5, [], true, { [provider]: 5 }, { [provider]: {} }]) await one('logins', 'GetId', { IdentityPoolId, Logins }, SERIAL);
  for (const Logins of [{ 'graph.facebook.com': 'x' }, { [provider]: 'x', 'accounts.google.com': 'y' }, { [`${provider}x`]: tokens.IdToken },
    { [provider.toUpperCase()]: tokens.IdToken }, { [`cognito-idp.us-east-1.amazonaws.com/${other.poolId}`]: tokens.IdToken }, { [provider]: tokens.AccessToken }]) {
    await one(`logins ${Object.keys(Logins)}`, 'GetId', { IdentityPoolId, Logins }, DENIED);
  }
  const guest = (await pool.call('GetId', { IdentityPoolId }, { service: IDENTITIES })).body.IdentityId;
  const mine = (await pool.call('GetId', { IdentityPoolId, Logins: { [provider]: tokens.IdToken } }, { service: IDENTITIES })).body.IdentityId;
  assert.notEqual(guest, mine);
  for (const operation of ['GetCredentialsForIdentity', 'GetOpenIdToken']) await one('of a user, as a guest', operation, { IdentityId: mine }, DENIED);
  await one('a role of others', 'GetCredentialsForIdentity', {
    IdentityId: mine, Logins: { [provider]: tokens.IdToken }, CustomRoleArn: 'arn:aws:iam::123456789012:role/Administrator',
  }, DENIED);
  await one('not mine', 'UnlinkIdentity', { IdentityId: guest, Logins: { [provider]: tokens.IdToken }, LoginsToRemove: [provider] }, DENIED);
});

test('a body that is too large is not read', async () => {
  const answer = await fetch(`${pool.origin}/`, {
    method: 'POST', headers: { 'x-amz-target': `${POOLS}.SignUp` }, body: JSON.stringify({ ClientId: 'x'.repeat(300 * 1024) }),
  });
  assert.equal(answer.status, 413);
  assert.equal((await answer.json()).__type, 'RequestEntityTooLargeException');
});

test('after all of that it serves as before', async () => {
  for (const each of [pool, other]) {
    const guest = await makeUser(each);
    const { AccessToken } = await each.signIn(guest.username);
    assert.equal((await each.call('GetUser', { AccessToken })).body.Username, guest.sub);
    assert.ok(part('x').length > 0);
  }
  assert.equal((await pool.call('GetUser', { AccessToken: tokens.AccessToken })).status, 200);
});
