// What attributes may hold, the texts of messages, and where the code for a new password goes. With
// amazon-cognito-identity-js and aws-amplify/auth.
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { AuthenticationDetails, CognitoUser, CognitoUserAttribute } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, refused, startPool } from './lib.mjs';

let pool;
let client;
before(async () => {
  pool = await startPool('strings');
  client = await pool.admin();
  Amplify.configure(pool.outputs);
});
after(() => pool.end());

let count = 0;
const number = () => `+4176${String(process.pid).padStart(7, '0').slice(-7)}${String(++count).padStart(2, '0')}`;
const send = (operation, input = {}) => client.send(new cognito[`${operation}Command`]({ UserPoolId: pool.poolId, ...input }));
const promised = (start) => new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))));
const list = (attributes) => Object.entries(attributes).map(([Name, Value]) => new CognitoUserAttribute({ Name, Value }));
const classic = (username) => new CognitoUser({ Username: username, Pool: pool.identityJs() });
const signUp = (username, attributes) =>
  promised((done) => pool.identityJs().signUp(username, PASSWORD, list({ birthdate: '2000-02-29', ...attributes }), null, done));

test('values that the schema lets in, and those it does not', async () => {
  const good = [{ 'custom:name': 'ab' }, { 'custom:name': 'abcde' }, { 'custom:name': 'éééée' }, { 'custom:level': '-3' }, { 'custom:level': '12' },
    { 'custom:on': 'true' }, { 'custom:on': 'false' }, { 'custom:when': '2020-01-01T00:00:00Z' }, { website: 'https://example.com' },
    { locale: 'x'.repeat(2048) }, { updated_at: '1700000000' }, { gender: 'x' }];
  for (const attributes of good) await signUp(address(), attributes);
  const schema = /^Attributes did not conform to the schema: /;
  const bad = [[{ 'custom:name': 'a' }, schema], [{ 'custom:name': 'abcdef' }, schema], [{ 'custom:level': '-4' }, schema], [{ 'custom:level': '13' }, schema],
    [{ 'custom:level': '1e1' }, schema], [{ 'custom:level': ' 1' }, schema], [{ 'custom:on': 'TRUE' }, schema], [{ 'custom:on': '1' }, schema],
    [{ 'custom:nothing': 'x' }, schema], [{ nothing: 'x' }, schema], [{ birthdate: '2000-2-29' }, schema], [{ birthdate: '' }, /birthdate: The attribute birthdate is required\n/],
    [{ updated_at: 'now' }, schema], [{ locale: 'x'.repeat(2049) }, /2048/], [{ phone_number: '0791234567' }, 'Invalid phone number format.'],
    [{ phone_number: '+41 79 123' }, 'Invalid phone number format.'], [{ email: 'nobody' }, 'Invalid email address format.']];
  for (const [attributes, message] of bad) {
    await refused(signUp('email' in attributes ? number() : address(), attributes), 'InvalidParameterException', message);
  }
  for (const attributes of [{ email_verified: 'true' }, { phone_number_verified: 'true' }, { sub: '00000000-0000-4000-8000-000000000000' }]) {
    await refused(signUp(address(), attributes), 'NotAuthorizedException', 'A client attempted to write unauthorized attribute');
  }
  for (const name of ['identities', 'cognito:user_status', 'cognito:groups']) {
    await refused(signUp(address(), { [name]: 'x' }), 'InvalidParameterException', schema);
  }
});

test('the texts of the definition', async () => {
  const email = address('texts');
  await signUp(email, {});
  const mail = await pool.mail(email);
  assert.equal(mail.subject, 'Prove it');
  assert.equal(mail.text, `Code ${mail.code}, once more ${mail.code}`);
  await promised((done) => classic(email).confirmRegistration(mail.code, false, done));
  const phone = number();
  await signUp(phone, {});
  const sms = await pool.mail(phone);
  assert.equal(sms.text, `SMS ${sms.code}`);
  assert.equal(sms.medium, 'SMS');
  const guest = address('guest');
  await send('AdminCreateUser', { Username: guest, DesiredDeliveryMediums: ['EMAIL'], UserAttributes: list({ birthdate: '2000-01-01' }) });
  const invitation = await pool.mail(guest);
  assert.equal(invitation.subject, 'Hello');
  assert.equal(invitation.text, `${guest} ${invitation.code} ${guest}`);
});

test('an immutable attribute, a required one and one of another user', async () => {
  const email = address('fixed');
  await signUp(email, { gender: 'first', nickname: 'N' });
  await promised((done) => pool.mail(email).then(({ code }) => classic(email).confirmRegistration(code, false, done)));
  const user = classic(email);
  await promised((done) => user.authenticateUser(new AuthenticationDetails({ Username: email, Password: PASSWORD }),
    { onSuccess: (result) => done(null, result), onFailure: done }));
  const update = (attributes) => promised((done) => user.updateAttributes(list(attributes), done));
  await refused(update({ gender: 'second' }), 'InvalidParameterException', 'user.gender: Attribute cannot be updated.\n');
  await refused(update({ birthdate: '' }), 'InvalidParameterException', /birthdate/);
  await update({ nickname: 'M', website: 'https://example.com' });
  await update({ website: '' });
  const remove = (names) => promised((done) => user.deleteAttributes(names, done));
  await refused(remove(['birthdate']), 'InvalidParameterException', /birthdate/);
  await refused(remove(['custom:nothing']), 'InvalidParameterException');
  await remove(['nickname']);
  const left = Object.fromEntries((await promised((done) => user.getUserAttributes(done))).map(({ Name, Value }) => [Name, Value]));
  assert.deepEqual(Object.keys(left).sort(), ['birthdate', 'email', 'email_verified', 'gender', 'sub']);

  const taken = number();
  await signUp(taken, {});
  await refused(signUp(taken, {}), 'UsernameExistsException', 'An account with the given phone_number already exists.');
  await refused(signUp(email.toUpperCase(), {}), 'UsernameExistsException', 'An account with the given email already exists.');
  await update({ phone_number: taken });
  const { code } = await pool.mail(taken); // the newest
  await refused(promised((done) => user.verifyAttribute('phone_number', code, { onSuccess: (r) => done(null, r), onFailure: done })),
    'AliasExistsException', 'An account with the given phone_number already exists.');
});

test('the code for a new password goes where no second factor goes', async () => {
  const email = address('recover');
  const phone = number();
  await send('AdminCreateUser', {
    Username: email, MessageAction: 'SUPPRESS', TemporaryPassword: PASSWORD,
    UserAttributes: list({ birthdate: '2000-01-01', email, email_verified: 'true', phone_number: phone, phone_number_verified: 'true' }),
  });
  await refused(auth.resetPassword({ username: email }), 'NotAuthorizedException', 'User password cannot be reset in the current state.');
  await send('AdminSetUserPassword', { Username: email, Password: PASSWORD, Permanent: true });
  const medium = async () => (await auth.resetPassword({ username: email })).nextStep.codeDeliveryDetails.deliveryMedium;
  assert.equal(await medium(), 'SMS');
  assert.match((await pool.mail(phone)).text, /^Your password reset code is \d{6}\.$/);
  const prefer = (settings) => send('AdminSetUserMFAPreference', { Username: email, ...settings });
  await prefer({ SMSMfaSettings: { Enabled: true } });
  assert.equal(await medium(), 'EMAIL');
  await pool.mail(email);
  const { nextStep } = await auth.signIn({ username: email, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  const second = await pool.mail(phone);
  assert.equal(second.text, `Second ${second.code}`);
  await auth.confirmSignIn({ challengeResponse: second.code });
  await auth.signOut();
  await prefer({ SMSMfaSettings: { Enabled: false }, EmailMfaSettings: { Enabled: true } });
  assert.equal(await medium(), 'SMS');
  await prefer({ SMSMfaSettings: { Enabled: true }, EmailMfaSettings: { Enabled: true } });
  await refused(auth.resetPassword({ username: email }), 'InvalidParameterException',
    'Cannot reset password for the user as there is no registered/verified email or phone_number');
});

test('an answer is UTF-8 whatever bytes its header texts had', async () => {
  for (const bytes of ['\u00e9', `x${'\u00c3\u00a9'.repeat(64)}`]) { // one that is none, one that is cut within a character
    const text = await new Promise((resolve, reject) => {
      request(pool.origin, {
        method: 'POST', headers: { 'x-amz-target': `AWSCognitoIdentityProviderService.${bytes}` },
      }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)));
      }).on('error', reject).end('{}');
    });
    assert.ok(isUtf8(text), text.toString('latin1'));
    assert.equal(JSON.parse(text).__type, 'UnknownOperationException');
  }
});
