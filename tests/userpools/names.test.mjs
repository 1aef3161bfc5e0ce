// A pool with free user names, and e-mail, phone number and preferred name as aliases.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, refused, startPool } from './lib.mjs';

let pool;
let client;
before(async () => {
  pool = await startPool('names');
  client = await pool.admin();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

let count = 0;
const name = (what = 'ann') => `${what}-${process.pid}-${++count}`;
const number = () => `+4179${String(process.pid).padStart(7, '0').slice(-7)}${String(++count).padStart(2, '0')}`;
const send = (operation, input = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
const named = (list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));
const attributesOf = async (Username) => named((await send('AdminGetUser', { Username })).UserAttributes);
const signIn = async (username, password = PASSWORD) => {
  const { isSignedIn } = await auth.signIn({ username, password });
  assert.equal(isSignedIn, true);
  const { username: internal } = await auth.getCurrentUser();
  await auth.signOut();
  return internal;
};
const signUp = async (username, userAttributes) => {
  const done = await auth.signUp({ username, password: PASSWORD, options: { userAttributes } });
  return done;
};
const confirmed = async (username, email) => {
  await signUp(username, { email });
  const { code } = await pool.mail(email);
  await auth.confirmSignUp({ username, confirmationCode: code });
};

test('a challenge does not tell whether there is somebody of that name', async () => {
  const username = name('srp');
  await confirmed(username, address('srp'));
  const namesFor = async (USERNAME) => {
    const { status, body } = await pool.call('InitiateAuth', {
      ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME, SRP_A: '2'.repeat(64) },
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { USERNAME: internal, USER_ID_FOR_SRP } = body.ChallengeParameters;
    assert.equal(internal, USER_ID_FOR_SRP);
    return internal;
  };
  for (const typed of [username, username.toUpperCase()]) assert.equal(await namesFor(typed), username);
  const nobody = name('nobody');
  for (const typed of [nobody, nobody.toUpperCase()]) assert.equal(await namesFor(typed), nobody);
  assert.match(await namesFor(address('nobody')), /^[0-9a-f-]{36}$/);
});

test('the name signs in in any case, the e-mail as soon as it is verified', async () => {
  const username = name('Mixed');
  const email = address('alias');
  await signUp(username, { email });
  const message = await pool.mail(email);
  assert.equal(message.subject, 'Who are you?');
  assert.equal(message.text, `Say ${message.code}, ${username}`);
  await refused(auth.signIn({ username: email, password: PASSWORD }), 'NotAuthorizedException', 'Incorrect username or password.');
  await auth.confirmSignUp({ username, confirmationCode: message.code });
  assert.equal(await signIn(username), username);
  assert.equal(await signIn(username.toUpperCase()), username);
  assert.equal(await signIn(email.toUpperCase()), username);
  const { sub } = await attributesOf(email);
  assert.match(sub, /^[0-9a-f-]{36}$/);
  assert.notEqual(sub, username);
  assert.equal(await signIn(sub), username);
  const tokens = await pool.signIn(email);
  const claims = JSON.parse(Buffer.from(tokens.IdToken.split('.')[1], 'base64url'));
  assert.equal(claims['cognito:username'], username);
  assert.equal(claims.sub, sub);
  await refused(signUp(username.toLowerCase(), { email: address() }), 'UsernameExistsException', 'User already exists');
  await refused(signUp(sub, { email: address() }), 'UsernameExistsException', 'User already exists');
});

test('a name must not look like an alias', async () => {
  await refused(signUp(address(), {}), 'InvalidParameterException',
    'Username cannot be of email format, since user pool is configured for email alias.');
  await refused(signUp(number(), {}), 'InvalidParameterException',
    'Username cannot be of phone number format, since user pool is configured for phone number alias.');
  for (const bad of ['with space', 'tab\tbed', 'no\u00a0break', 'zero\u200bwidth', 'right\u202eleft', 'line\u2028end', 'bell\u0007', 'x'.repeat(129)]) {
    await refused(signUp(bad, {}), 'InvalidParameterException', /^1 validation error detected: Value at 'username' failed/);
  }
  for (const good of ['jürgen', '山田太郎', 'emoji😀', 'a.b/c#d', 'é'.repeat(128)]) {
    const username = good.length > 100 ? good : `${good}-${name()}`;
    await signUp(username, {});
    await send('AdminConfirmSignUp', { Username: username });
    assert.equal(await signIn(username), username);
  }
});

test('a name must not be what the data API calls another owner', async () => {
  const username = name('owner');
  await confirmed(username, address('owner'));
  const { sub } = await attributesOf(username);
  for (const taken of [sub, `${sub}::${username}`, `${sub}::`]) {
    await refused(signUp(taken, {}), 'UsernameExistsException', 'User already exists');
    await refused(send('AdminCreateUser', { Username: taken }), 'UsernameExistsException');
  }
  await signUp(`${crypto.randomUUID()}::${name()}`, {}); // nobody's
});

test('a verified e-mail has one owner; ForceAliasCreation moves it', async () => {
  const email = address('shared');
  const [first, second] = [name('first'), name('second')];
  await confirmed(first, email);
  assert.equal(await signIn(email), first);
  await signUp(second, { email });
  const { code } = await pool.mail(email);
  await refused(auth.confirmSignUp({ username: second, confirmationCode: code }), 'AliasExistsException',
    'An account with the email already exists.');
  assert.equal(await signIn(email), first);
  await auth.confirmSignUp({ username: second, confirmationCode: code, options: { forceAliasCreation: true } });
  assert.equal(await signIn(email), second);
  assert.equal(await signIn(first), first);
  assert.equal((await attributesOf(first)).email_verified, 'false');

  const third = name('third');
  const UserAttributes = [{ Name: 'email', Value: email }, { Name: 'email_verified', Value: 'true' }];
  await refused(send('AdminCreateUser', { Username: third, UserAttributes, MessageAction: 'SUPPRESS' }), 'AliasExistsException');
  await send('AdminCreateUser', { Username: third, UserAttributes, MessageAction: 'SUPPRESS', ForceAliasCreation: true });
  assert.equal((await send('AdminGetUser', { Username: email })).Username, third);
  // A creation that fails takes nothing from anybody.
  await refused(send('AdminCreateUser', { Username: first, UserAttributes, MessageAction: 'SUPPRESS', ForceAliasCreation: true }),
    'UsernameExistsException');
  assert.equal((await send('AdminGetUser', { Username: email })).Username, third);
  assert.equal((await attributesOf(third)).email_verified, 'true');
  await refused(send('AdminUpdateUserAttributes', { Username: first, UserAttributes }), 'AliasExistsException',
    'An account with the given email already exists.');
  await send('AdminDeleteUser', { Username: third });
  await send('AdminUpdateUserAttributes', { Username: first, UserAttributes });
  assert.equal(await signIn(email), first);
});

test('the preferred name signs in, changes at once, and has one owner', async () => {
  const username = name();
  const other = name('other');
  const preferred = name('Star');
  await confirmed(username, address());
  await confirmed(other, address());
  await auth.signIn({ username, password: PASSWORD });
  await auth.updateUserAttributes({ userAttributes: { preferred_username: preferred } });
  await auth.signOut();
  assert.equal(await signIn(preferred.toLowerCase()), username);
  await auth.signIn({ username: other, password: PASSWORD });
  await refused(auth.updateUserAttributes({ userAttributes: { preferred_username: preferred.toUpperCase() } }),
    'AliasExistsException', 'An account with the given preferred_username already exists.');
  await auth.signOut();
  const found = await send('ListUsers', { Filter: `preferred_username = "${preferred}"` });
  assert.deepEqual(found.Users.map(({ Username }) => Username), [username]);
  assert.equal((await send('ListUsers', { Filter: `username = "${username}"` })).Users.length, 1);
  await send('AdminDeleteUserAttributes', { Username: username, UserAttributeNames: ['preferred_username'] });
  await refused(auth.signIn({ username: preferred, password: PASSWORD }), 'NotAuthorizedException');
});

test('what is not kept until verified changes at once; what is kept waits', async () => {
  const username = name();
  const [email, later] = [address('old'), address('new')];
  const phone = number();
  await confirmed(username, email);
  await auth.signIn({ username, password: PASSWORD });
  const changed = await auth.updateUserAttributes({ userAttributes: { email: later, phone_number: phone } });
  assert.equal(changed.email.nextStep.updateAttributeStep, 'CONFIRM_ATTRIBUTE_WITH_CODE');
  assert.equal(changed.phone_number.nextStep.codeDeliveryDetails.deliveryMedium, 'SMS');
  const now = await auth.fetchUserAttributes();
  assert.equal(now.email, later);
  assert.equal(now.email_verified, 'false');
  assert.equal(now.phone_number, undefined);
  await refused(auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: '000000' }), 'CodeMismatchException');
  const mails = await pool.mail(later);
  await auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: mails.code });
  const text = await pool.mail(phone);
  assert.equal(text.text, `Say ${text.code}`);
  await refused(auth.confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: mails.code === text.code ? '1' : mails.code }),
    'CodeMismatchException', 'Invalid verification code provided, please try again.');
  await auth.confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: text.code });
  await refused(auth.confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: text.code }), 'ExpiredCodeException');
  await auth.signOut();
  assert.equal(await signIn(phone), username);
  assert.equal(await signIn(later), username);
  await refused(auth.signIn({ username: email, password: PASSWORD }), 'NotAuthorizedException');

  const reset = await auth.resetPassword({ username: later });
  assert.equal(reset.nextStep.codeDeliveryDetails.deliveryMedium, 'SMS'); // the phone goes first here
  const { code } = await pool.mail(phone);
  await auth.confirmResetPassword({ username, confirmationCode: code, newPassword: 'An0ther-one!' });
  assert.equal(await signIn(phone, 'An0ther-one!'), username);
});

test('aliases and names outlive a restart', async () => {
  const username = name();
  const email = address();
  await confirmed(username, email);
  pool = await pool.restart();
  client = await pool.admin();
  Amplify.configure(pool.outputs);
  assert.equal(await signIn(email), username);
  assert.equal(await signIn(username), username);
});

test('a name that nobody has is answered as one that somebody has', async () => {
  const ask = async (operation, Username) => {
    const { status, body } = await pool.call(operation, { ClientId: pool.clientId, Username });
    assert.equal(status, 200, JSON.stringify(body));
    return body.CodeDeliveryDetails;
  };
  for (const operation of ['ForgotPassword', 'ResendConfirmationCode']) {
    const nobody = name('nobody');
    const one = await ask(operation, nobody);
    assert.deepEqual(await ask(operation, nobody.toUpperCase()), one); // always the same
    assert.match(one.Destination, /^\+\*{7}\d{4}$/); // the pool's first way is the phone
    const others = new Set();
    for (let i = 0; i < 8; i++) others.add((await ask(operation, name('nobody'))).Destination);
    assert.ok(others.size > 1);
    assert.deepEqual(await ask(operation, 'zoe@example.org'), { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'z***@e***' });
    assert.equal((await ask(operation, '+41791112233')).Destination, '+*******2233');
  }
});

test('amazon-cognito-identity-js signs in by every name', async () => {
  const username = name('Classic');
  const email = address('classic');
  const preferred = name('Pref');
  const UserAttributes = [{ Name: 'email', Value: email }, { Name: 'email_verified', Value: 'true' }, { Name: 'preferred_username', Value: preferred }];
  await send('AdminCreateUser', { Username: username, MessageAction: 'SUPPRESS', UserAttributes });
  await send('AdminSetUserPassword', { Username: username, Password: PASSWORD, Permanent: true });
  for (const given of [username, username.toLowerCase(), email, email.toUpperCase(), preferred]) {
    const user = new CognitoUser({ Username: given, Pool: pool.identityJs() });
    const session = await new Promise((resolve, reject) => user.authenticateUser(
      new AuthenticationDetails({ Username: given, Password: PASSWORD }), { onSuccess: resolve, onFailure: reject }));
    assert.equal(session.getAccessToken().payload.username, username);
    assert.equal(user.getUsername(), username);
  }
});
