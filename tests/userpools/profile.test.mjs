// A signed-in user's own attributes and password, with aws-amplify/auth.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, makeUser, refused, startPool } from './lib.mjs';

let pool;
let user;
before(async () => {
  pool = await startPool('mail');
  Amplify.configure(pool.outputs);
  user = await makeUser(pool, { attributes: { given_name: 'Ann', 'custom:origin': 'web' } });
  await auth.signIn({ username: user.username, password: PASSWORD });
});
after(() => pool.end());

test('attributes are read as text', async () => {
  assert.deepEqual(await auth.fetchUserAttributes(), {
    sub: user.sub, email: user.username, email_verified: 'true', given_name: 'Ann', 'custom:origin': 'web',
  });
});

test('without devices in the definition there are none to be asked for', async () => {
  const none = 'Device tracking not currently enabled for this pool.';
  await refused(auth.fetchDevices(), 'InvalidParameterException', none);
  await refused(auth.forgetDevice({ device: { id: 'us-east-1_00000000-0000-4000-8000-000000000000' } }), 'InvalidParameterException', none);
});

test('an attribute is changed at once, and deleted', async () => {
  const done = await auth.updateUserAttribute({ userAttribute: { attributeKey: 'given_name', value: 'Anna' } });
  assert.equal(done.isUpdated, true);
  assert.equal((await auth.fetchUserAttributes()).given_name, 'Anna');
  await auth.deleteUserAttributes({ userAttributeKeys: ['given_name'] });
  assert.equal((await auth.fetchUserAttributes()).given_name, undefined);
});

test('the schema holds', async () => {
  const update = (attributeKey, value) => auth.updateUserAttribute({ userAttribute: { attributeKey, value } });
  await refused(update('custom:seats', '10'), 'InvalidParameterException', /custom:seats/);
  await refused(update('custom:seats', 'many'), 'InvalidParameterException', /custom:seats/);
  await refused(update('custom:plan', 'x'.repeat(21)), 'InvalidParameterException', /custom:plan/);
  await refused(update('custom:none', 'x'), 'InvalidParameterException',
    'Attributes did not conform to the schema: custom:none: Attribute does not exist in the schema.\n');
  await refused(update('custom:origin', 'app'), 'InvalidParameterException', /cannot be updated/);
  for (const name of ['email_verified', 'phone_number_verified', 'sub']) {
    await refused(update(name, 'true'), 'InvalidParameterException', `Cannot modify the non-mutable attribute ${name}`);
  }
  await refused(update('email', 'nothing'), 'InvalidParameterException', 'Invalid email address format.');
  await refused(auth.deleteUserAttributes({ userAttributeKeys: ['email'] }), 'InvalidParameterException',
    'user.email: Attribute is required and cannot be deleted.\n');
  await refused(auth.deleteUserAttributes({ userAttributeKeys: ['custom:origin'] }), 'InvalidParameterException',
    'user.custom:origin: Attribute cannot be updated.\n');
  for (const own of ['sub', 'email_verified']) {
    await refused(auth.deleteUserAttributes({ userAttributeKeys: [own] }), 'NotAuthorizedException',
      'A client attempted to write unauthorized attribute');
  }
  const long = 'é🎉'.repeat(1024); // bounds count characters
  await update('nickname', long);
  assert.equal((await auth.fetchUserAttributes()).nickname, long);
  await update('custom:seats', '9');
  assert.equal((await auth.fetchUserAttributes())['custom:seats'], '9');
});

test('a new address counts once it is proven; the old one stays in force until then', async () => {
  const next = address('next');
  const { isUpdated, nextStep } = await auth.updateUserAttribute({ userAttribute: { attributeKey: 'email', value: next } });
  assert.equal(isUpdated, false);
  assert.equal(nextStep.updateAttributeStep, 'CONFIRM_ATTRIBUTE_WITH_CODE');
  assert.equal(nextStep.codeDeliveryDetails.destination, 'n***@e***');
  assert.equal((await auth.fetchUserAttributes()).email, user.username);
  await pool.mail(next);
  await auth.sendUserAttributeVerificationCode({ userAttributeKey: 'email' });
  const { code } = await pool.mail(next);
  await refused(
    auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: code === '111111' ? '222222' : '111111' }),
    'CodeMismatchException');
  await auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: code });
  const attributes = await auth.fetchUserAttributes();
  assert.equal(attributes.email, next);
  assert.equal(attributes.email_verified, 'true');
  await refused(auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: code }), 'ExpiredCodeException');
  await auth.signOut();
  await refused(auth.signIn({ username: user.username, password: PASSWORD }), 'NotAuthorizedException');
  user.username = next;
  await auth.signIn({ username: next, password: PASSWORD });
});

test("another user's address cannot be taken over", async () => {
  const other = await makeUser(pool);
  await auth.updateUserAttribute({ userAttribute: { attributeKey: 'email', value: other.username } });
  const { code } = await pool.mail(other.username);
  await refused(auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: code }), 'AliasExistsException');
});

test('updatePassword wants the old one and keeps the policy', async () => {
  const newPassword = 'N3w-password!';
  await refused(auth.updatePassword({ oldPassword: 'Wr0ng-one!', newPassword }), 'NotAuthorizedException',
    'Incorrect username or password.');
  for (const [weak, what] of [
    ['Sh0rt!', 'not long enough'],
    ['nouppercase1!', 'must have uppercase characters'],
    ['NOLOWERCASE1!', 'must have lowercase characters'],
  ]) {
    await refused(auth.updatePassword({ oldPassword: PASSWORD, newPassword: weak }), 'InvalidPasswordException',
      `Password did not conform with policy: Password ${what}`);
  }
  await auth.updatePassword({ oldPassword: PASSWORD, newPassword });
  await auth.signOut();
  await refused(auth.signIn({ username: user.username, password: PASSWORD }), 'NotAuthorizedException');
  await auth.signIn({ username: user.username, password: newPassword });
  await auth.signOut();
});

test('a forgotten password is set anew with a code', async () => {
  const newPassword = 'F0rgotten-no-more!';
  const { nextStep } = await auth.resetPassword({ username: user.username });
  assert.equal(nextStep.resetPasswordStep, 'CONFIRM_RESET_PASSWORD_WITH_CODE');
  const { code } = await pool.mail(user.username);
  await refused(auth.confirmResetPassword({ username: user.username, newPassword: 'weak', confirmationCode: code }),
    'InvalidPasswordException');
  await auth.confirmResetPassword({ username: user.username, newPassword, confirmationCode: code });
  await refused(auth.confirmResetPassword({ username: user.username, newPassword, confirmationCode: code }),
    'ExpiredCodeException', 'Invalid code provided, please request a code again.');
  await auth.signIn({ username: user.username, password: newPassword });
});

test('nobody learns from a reset who has an account', async () => {
  const nobody = address('nobody');
  const { nextStep } = await auth.resetPassword({ username: nobody });
  assert.equal(nextStep.codeDeliveryDetails.destination, 'n***@e***');
  await refused(auth.confirmResetPassword({ username: nobody, newPassword: PASSWORD, confirmationCode: '123456' }),
    'CodeMismatchException');
});

test('deleteUser takes the user and its name away', async () => {
  const { accessToken } = (await auth.fetchAuthSession()).tokens;
  await auth.deleteUser();
  const answer = await pool.call('GetUser', { AccessToken: accessToken.toString() });
  assert.deepEqual(answer.body, { __type: 'UserNotFoundException', message: 'User does not exist.' });
  await makeUser(pool, { username: user.username });
});

test('what many windows change at the same time is changed by all of them', async () => {
  const { username } = await makeUser(pool, { username: address('many') });
  const { AccessToken } = await pool.signIn(username);
  const many = (operation, input, count = 10) => Promise.all(
    Array.from({ length: count }, (_, i) => pool.call(operation, { AccessToken, ...input(i) })));
  const fine = (answers) => assert.deepEqual(answers.map(({ status, body }) => (status === 200 ? 'fine' : body.message)), answers.map(() => 'fine'));
  const names = ['name', 'nickname', 'locale', 'profile', 'website'];
  fine(await many('UpdateUserAttributes', (i) => ({ UserAttributes: [{ Name: names[i % 5], Value: `${i}` }] })));
  const { body } = await pool.call('GetUser', { AccessToken });
  assert.deepEqual(body.UserAttributes.map(({ Name }) => Name).sort(), ['email', 'email_verified', 'sub', ...names].sort());
  fine(await many('SetUserMFAPreference', () => ({ SMSMfaSettings: { Enabled: false } })));
  fine(await many('DeleteUserAttributes', (i) => ({ UserAttributeNames: [names[i % 2]] })));
  // One message for each, though it may have taken several tries; and one count for each.
  const next = address('moved');
  fine(await many('UpdateUserAttributes', () => ({ UserAttributes: [{ Name: 'email', Value: next }] })));
  const messages = (await pool.ampd('inbox', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(messages.filter(({ to }) => to === next).length, 10);
  fine(await many('ChangePassword', () => ({ PreviousPassword: PASSWORD, ProposedPassword: PASSWORD }), 5));
});
