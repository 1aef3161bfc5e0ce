// Who asks without proof is answered alike about users that exist and about names nobody has; and what was taken out of
// the definition is gone.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { PASSWORD, address, makeUser, startPool } from './lib.mjs';

const DEADLINE_MS = 20_000;
const RECOVERIES = 10;

let pool;
let grouped;
before(async () => {
  [pool, grouped] = await Promise.all([startPool('passwordless'), startPool('mail', { watch: true })]);
});
after(() => Promise.all([pool.end(), grouped.end()]));

const client = (operation, body) => pool.call(operation, { ClientId: pool.clientId, ...body });
const start = (USERNAME, more = {}) => client('InitiateAuth', { AuthFlow: 'USER_AUTH', AuthParameters: { USERNAME, ...more } });
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** An answer without what differs from user to user. */
function shape({ status, body }) {
  const text = JSON.stringify(body, (key, value) => {
    if (key === 'USERNAME' || key === 'USER_ID_FOR_SRP') return uuid.test(value) ? 'uuid' : value;
    return key === 'Session' ? value.length : value;
  });
  return `${status} ${text}`;
}

test('a choice of factors looks the same', async () => {
  const { username } = await makeUser(pool, { username: address('same') });
  const nobody = username.replace('same', 'some');
  for (const more of [{}, { PREFERRED_CHALLENGE: 'EMAIL_OTP' }, { PREFERRED_CHALLENGE: 'SMS_OTP' }]) {
    assert.equal(shape(await start(nobody, more)), shape(await start(username, more)));
  }
  const [first, second] = [await start(nobody), await start(nobody.toUpperCase())];
  assert.equal(first.body.ChallengeParameters.USERNAME, second.body.ChallengeParameters.USERNAME);
});

test('a code for a new password is guessed the same', async () => {
  const user = await makeUser(pool, { username: address('real') });
  const off = await makeUser(pool, { username: address('rest') });
  const admin = await pool.admin();
  await admin.send(new cognito.AdminDisableUserCommand({ UserPoolId: pool.poolId, Username: off.sub }));
  const nobody = user.username.replace('real', 'rump');
  const told = {};
  for (const Username of [user.username, off.username, nobody]) {
    const confirm = async (ConfirmationCode) =>
      (await client('ConfirmForgotPassword', { Username, ConfirmationCode, Password: PASSWORD })).body.__type;
    const answers = [await confirm('000000')];
    answers.push(shape(await client('ForgotPassword', { Username })));
    for (let i = 0; i < RECOVERIES; i++) answers.push(await confirm('000000'));
    told[Username] = answers;
  }
  assert.deepEqual(told[nobody], told[user.username]);
  assert.deepEqual(told[off.username], told[user.username]);
  assert.equal(told[nobody][0], 'ExpiredCodeException');
  assert.equal(told[nobody][2], 'CodeMismatchException');
  assert.equal(told[nobody].at(-1), 'LimitExceededException');
});

test('an address that is not ASCII is masked by letters', async () => {
  for (const [Username, Destination] of [['éva@example.com', 'é***@e***'], ['😀@ñandu.com', '😀***@ñ***']]) {
    const answer = await client('SignUp', { Username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: Username }] });
    assert.equal(answer.body.CodeDeliveryDetails.Destination, Destination);
  }
});

test('a group that is taken out of the definition is left by all, one an administrator made is not', async () => {
  const file = path.join(grouped.project, 'amplify/auth/resource.ts');
  const source = readFileSync(file, 'utf8');
  const admin = await grouped.admin();
  const send = (name, input) => admin.send(new cognito[`${name}Command`]({ UserPoolId: grouped.poolId, ...input }));
  const names = async () => (await send('ListGroups', {})).Groups.map(({ GroupName }) => GroupName).sort();
  /** Saves the definition and waits until the pool has these groups. */
  const save = async (text, expected) => {
    writeFileSync(file, text);
    const deadline = Date.now() + DEADLINE_MS;
    while (String(await names()) !== String(expected)) assert.ok(Date.now() < deadline, `${await names()}\n${grouped.log()}`);
  };
  const groupsOf = async (user) =>
    JSON.parse(Buffer.from((await grouped.signIn(user.username)).AccessToken.split('.')[1], 'base64url'))['cognito:groups'];

  const user = await makeUser(grouped);
  await send('CreateGroup', { GroupName: 'handmade' });
  for (const GroupName of ['admins', 'editors', 'handmade']) await send('AdminAddUserToGroup', { Username: user.sub, GroupName });
  assert.deepEqual(await groupsOf(user), ['admins', 'editors', 'handmade']);
  await save(source.replace("['admins', 'editors']", "['admins']"), ['admins', 'handmade']);
  assert.deepEqual(await groupsOf(user), ['admins', 'handmade']);
  await save(source, ['admins', 'editors', 'handmade']);
  assert.deepEqual(await groupsOf(user), ['admins', 'handmade'], 'the new group of that name is empty');
  for (const [bad, told] of [["'two words'", /'two words' cannot be the name of a group/], ["'admins'", /two groups are named 'admins'/]]) {
    writeFileSync(file, source.replace("'editors'", bad));
    const deadline = Date.now() + DEADLINE_MS;
    while (!told.test(grouped.log())) {
      assert.ok(Date.now() < deadline, grouped.log());
      await names();
    }
  }
  assert.deepEqual(await names(), ['admins', 'editors', 'handmade']);
});
