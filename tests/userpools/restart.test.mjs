// What was answered is there after a death without warning: users, sign-ins and their ends, codes on their way, sign-ins
// half done, groups, factors, links, what was used up.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { PASSWORD, address, makeUser, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('factors');
});
after(() => pool.end());

const ok = async (operation, input) => {
  const { status, body } = await pool.call(operation, input);
  assert.equal(status, 200, `${operation}: ${JSON.stringify(body)}`);
  return body;
};
const no = async (operation, input, message) => {
  const { status, body } = await pool.call(operation, input);
  assert.equal(status, 400, operation);
  assert.match(body.message, message, operation);
};
const client = () => ({ ClientId: pool.clientId });
const start = (USERNAME, password = PASSWORD) =>
  ok('InitiateAuth', { ...client(), AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD: password } });

/** The six digits of an authenticator app. */
function totp(secret, step = Math.floor(Date.now() / 30_000)) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** The answer of identity-js to PASSWORD_VERIFIER, kept instead of sent. */
async function proofOf(username) {
  const kept = pool.identityJs();
  const { request } = kept.client;
  let proof;
  kept.client.request = function (operation, params, callback) {
    if (operation !== 'RespondToAuthChallenge') return request.call(this, operation, params, callback);
    proof = structuredClone(params);
    return callback(new Error('kept'));
  };
  await new Promise((resolve) => new CognitoUser({ Username: username, Pool: kept }).authenticateUser(
    new AuthenticationDetails({ Username: username, Password: PASSWORD }), { onSuccess: resolve, onFailure: resolve }));
  return proof;
}

test('all of it survives', async () => {
  let admin = await pool.admin();
  const send = (operation, input) => admin.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
  const user = await makeUser(pool);
  const tokens = await pool.signIn(user.username);
  const ended = await pool.signIn(user.username);
  await ok('RevokeToken', { ...client(), Token: ended.RefreshToken });

  const fresh = address('fresh');
  await ok('SignUp', { ...client(), Username: fresh, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: fresh }] });
  const signUpCode = (await pool.mail(fresh)).code;
  const moved = address('moved');
  await ok('UpdateUserAttributes', { AccessToken: tokens.AccessToken, UserAttributes: [{ Name: 'email', Value: moved }, { Name: 'nickname', Value: 'Nick' }] });
  const moveCode = (await pool.mail(moved)).code;
  const other = await makeUser(pool);
  await ok('ForgotPassword', { ...client(), Username: other.username });
  const forgotCode = (await pool.mail(other.username)).code;

  const invited = address('invited');
  await send('AdminCreateUser', { Username: invited, TemporaryPassword: PASSWORD, MessageAction: 'SUPPRESS' });
  const asked = await start(invited);
  const used = address('used');
  await send('AdminCreateUser', { Username: used, TemporaryPassword: PASSWORD, MessageAction: 'SUPPRESS' });
  const usedAnswer = {
    ...client(), ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: (await start(used)).Session,
    ChallengeResponses: { USERNAME: used, NEW_PASSWORD: 'An0ther-one!' },
  };
  await ok('RespondToAuthChallenge', usedAnswer);
  const [proof, spent] = [await proofOf(user.username), await proofOf(user.username)];
  await ok('RespondToAuthChallenge', spent);

  const app = await makeUser(pool);
  const appTokens = await pool.signIn(app.username);
  const { SecretCode } = await ok('AssociateSoftwareToken', { AccessToken: appTokens.AccessToken });
  await ok('VerifySoftwareToken', { AccessToken: appTokens.AccessToken, UserCode: totp(SecretCode), FriendlyDeviceName: 'My phone' });
  await ok('SetUserMFAPreference', { AccessToken: appTokens.AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } });
  await send('CreateGroup', { GroupName: 'kept', Precedence: 3 });
  await send('AdminAddUserToGroup', { Username: user.username, GroupName: 'kept' });
  const off = await makeUser(pool);
  await send('AdminDisableUser', { Username: off.username });
  const gone = await makeUser(pool);
  await send('AdminDeleteUser', { Username: gone.username });

  pool = await pool.crash();

  await ok('GetUser', { AccessToken: tokens.AccessToken });
  await no('GetUser', { AccessToken: ended.AccessToken }, /revoked/);
  await no('GetTokensFromRefreshToken', { ...client(), RefreshToken: ended.RefreshToken }, /revoked/);
  const { AuthenticationResult } = await ok('GetTokensFromRefreshToken', { ...client(), RefreshToken: tokens.RefreshToken });
  const claims = JSON.parse(Buffer.from(AuthenticationResult.AccessToken.split('.')[1], 'base64url'));
  assert.deepEqual(claims['cognito:groups'], ['kept']);
  const shown = await ok('GetUser', { AccessToken: AuthenticationResult.AccessToken });
  const attributes = Object.fromEntries(shown.UserAttributes.map(({ Name, Value }) => [Name, Value]));
  assert.equal(attributes.email, user.username); // the new address waits for its code
  assert.equal(attributes.nickname, 'Nick');
  await ok('VerifyUserAttribute', { AccessToken: tokens.AccessToken, AttributeName: 'email', Code: moveCode });
  await start(moved);
  await ok('ConfirmSignUp', { ...client(), Username: fresh, ConfirmationCode: signUpCode });
  await ok('ConfirmForgotPassword', { ...client(), Username: other.username, ConfirmationCode: forgotCode, Password: 'An0ther-one!' });
  await start(other.username, 'An0ther-one!');
  const answered = await ok('RespondToAuthChallenge', {
    ...client(), ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: asked.Session, ChallengeResponses: { USERNAME: invited, NEW_PASSWORD: 'An0ther-one!' },
  });
  assert.ok(answered.AuthenticationResult.AccessToken);
  await no('RespondToAuthChallenge', usedAnswer, /only be used once|Invalid session/);
  assert.ok((await ok('RespondToAuthChallenge', proof)).AuthenticationResult.IdToken);
  await no('RespondToAuthChallenge', spent, /only be used once/);
  const factor = await start(app.username);
  assert.equal(factor.ChallengeName, 'SOFTWARE_TOKEN_MFA');
  assert.equal(factor.ChallengeParameters.FRIENDLY_DEVICE_NAME, 'My phone');
  await no('InitiateAuth', { ...client(), AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: off.username, PASSWORD } }, /User is disabled/);
  await no('InitiateAuth', { ...client(), AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: gone.username, PASSWORD } }, /Incorrect username or password/);
  admin = await pool.admin(); // and keys made before go on
  assert.equal((await send('GetGroup', { GroupName: 'kept' })).Group.Precedence, 3);
  await send('AdminDeleteSoftwareToken', { Username: app.username });
  assert.ok((await start(app.username)).AuthenticationResult);
  await send('AdminResetUserPassword', { Username: moved });
  await no('GetUser', { AccessToken: tokens.AccessToken }, /Password reset required/);
  await no('GetTokensFromRefreshToken', { ...client(), RefreshToken: tokens.RefreshToken }, /Password reset required/);
});
