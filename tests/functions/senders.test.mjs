// Functions that send the user pool's messages: the code comes encrypted, and the official library decrypts it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommitmentPolicy, KMS, KmsKeyringNode, buildClient } from '@aws-crypto/client-node';
import { AdminCreateUserCommand, AdminUpdateUserAttributesCommand } from '@aws-sdk/client-cognito-identity-provider';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, startPool } from '../userpools/lib.mjs';

const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d-1111-4222-8333-444455556666';
let pool; // the project names its key
let plain; // it does not
let cdk; // its senders and their key are made with the CDK
before(async () => {
  process.env.SENDER_KEY = KEY;
  process.env.AMPD_EVENT_RETRY_MS = '200'; // events that fail are not waited for long
  pool = await startPool('../../functions/fixtures/senders');
  delete process.env.SENDER_KEY;
  plain = await startPool('../../functions/fixtures/senders');
  process.env.SENDER_CDK = 'yes';
  cdk = await startPool('../../functions/fixtures/senders');
  delete process.env.SENDER_CDK;
});
after(async () => {
  await pool?.end();
  await plain?.end();
  await cdk?.end();
});

/** What a sender has printed that it sent to a user. */
async function sent(from, source, user, ms = 20_000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(10)) {
    for (const line of from.log().split('\n')) {
      const text = /\bsent (\{.*\})/.exec(line)?.[1];
      const message = text && JSON.parse(text);
      if (message?.event.triggerSource === source && Object.values(message.event.request.userAttributes).includes(user)) return message;
    }
  }
  throw new Error(`no ${source} to ${user}:\n${from.log()}`);
}

let count = 0;
const address = (name = 'ann') => `${name}${process.pid}x${++count}@example.com`;
const phone = () => `+1555${String(process.pid).padStart(4, '0').slice(-4)}${String(++count).padStart(3, '0')}`;
const use = (from) => Amplify.configure(from.outputs);
async function signUp(from, username, more = {}) {
  use(from);
  const kind = username.startsWith('+') ? 'phone_number' : 'email';
  return auth.signUp({ username, password: PASSWORD, options: { userAttributes: { [kind]: username }, ...more } });
}

test('a sign-up by e-mail: the sender gets the code encrypted, the user confirms with it, the inbox has nothing', async () => {
  const username = address();
  const { userId, nextStep } = await signUp(pool, username, { clientMetadata: { language: 'de' } });
  assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'EMAIL');
  const { event, code, context } = await sent(pool, 'CustomEmailSender_SignUp', username);
  assert.match(code, /^\d{6}$/);
  assert.deepEqual({ ...event, request: { ...event.request, code: '' } }, {
    version: '1', region: 'us-east-1', userPoolId: pool.poolId, userName: userId,
    callerContext: { awsSdkVersion: event.callerContext.awsSdkVersion, clientId: pool.clientId },
    triggerSource: 'CustomEmailSender_SignUp',
    request: {
      type: 'customEmailSenderRequestV1', code: '', clientMetadata: { language: 'de' },
      userAttributes: { sub: userId, 'cognito:user_status': 'UNCONFIRMED', email: username, email_verified: 'false' },
    },
    response: {},
  });
  assert.deepEqual({ ...context }, { 'userpool-id': pool.poolId });
  assert.equal(pool.log().includes(`EMAIL to ${username}`), false);
  const inbox = JSON.parse(`[${(await pool.ampd('inbox', '--json')).stdout.trim().split('\n').filter(Boolean).join(',')}]`);
  assert.deepEqual(inbox, []);
  const { isSignUpComplete } = await auth.confirmSignUp({ username, confirmationCode: code });
  assert.equal(isSignUpComplete, true);
});

test('every other message goes the same way: resent, forgotten, changed and verified attributes, invitations', async () => {
  const username = address('bob');
  await signUp(pool, username);
  await auth.resendSignUpCode({ username });
  const again = await sent(pool, 'CustomEmailSender_ResendCode', username);
  await auth.confirmSignUp({ username, confirmationCode: again.code });
  await auth.resetPassword({ username });
  const forgotten = await sent(pool, 'CustomEmailSender_ForgotPassword', username);
  await auth.confirmResetPassword({ username, confirmationCode: forgotten.code, newPassword: `${PASSWORD}2` });
  await auth.signIn({ username, password: `${PASSWORD}2` });
  const other = address('bobby');
  await auth.updateUserAttribute({ userAttribute: { attributeKey: 'email', value: other } });
  const changed = await sent(pool, 'CustomEmailSender_UpdateUserAttribute', other);
  await auth.confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: changed.code });
  const admin = await pool.admin();
  const number = phone();
  await admin.send(new AdminUpdateUserAttributesCommand({ UserPoolId: pool.poolId, Username: other, UserAttributes: [{ Name: 'phone_number', Value: number }] }));
  await auth.sendUserAttributeVerificationCode({ userAttributeKey: 'phone_number' });
  const verified = await sent(pool, 'CustomSMSSender_VerifyUserAttribute', number);
  assert.equal(verified.event.request.type, 'customSMSSenderRequestV1');
  await auth.confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode: verified.code });
  await auth.signOut();
  const invited = address('guest');
  await admin.send(new AdminCreateUserCommand({
    UserPoolId: pool.poolId, Username: invited, UserAttributes: [{ Name: 'email', Value: invited }], DesiredDeliveryMediums: ['EMAIL'],
  }));
  const { code: password, event } = await sent(pool, 'CustomEmailSender_AdminCreateUser', invited);
  assert.equal(event.callerContext.clientId, 'CLIENT_ID_NOT_APPLICABLE');
  const { nextStep } = await auth.signIn({ username: invited, password });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
});

test('a sign-up by phone, decrypted with the key that the project names', async () => {
  const username = phone();
  await signUp(pool, username);
  const { code } = await sent(pool, 'CustomSMSSender_SignUp', username);
  assert.equal((await auth.confirmSignUp({ username, confirmationCode: code })).isSignUpComplete, true);
});

test('the code of a second factor goes the same way', async () => {
  const username = phone();
  await signUp(pool, username);
  const { code } = await sent(pool, 'CustomSMSSender_SignUp', username);
  await auth.confirmSignUp({ username, confirmationCode: code });
  await auth.signIn({ username, password: PASSWORD });
  await auth.updateMFAPreference({ sms: 'PREFERRED' });
  await auth.signOut();
  const { nextStep } = await auth.signIn({ username, password: PASSWORD });
  assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  const second = await sent(pool, 'CustomSMSSender_Authentication', username);
  assert.equal((await auth.confirmSignIn({ challengeResponse: second.code })).isSignedIn, true);
  await auth.signOut();
});

test('without a key of the project the backend has its own', async () => {
  const username = address('carl');
  await signUp(plain, username);
  const { code } = await sent(plain, 'CustomEmailSender_SignUp', username);
  assert.equal((await auth.confirmSignUp({ username, confirmationCode: code })).isSignUpComplete, true);
  const number = phone();
  await signUp(plain, number);
  assert.match((await sent(plain, 'CustomSMSSender_SignUp', number)).code, /^\d{6}$/);
});

test('a sender that fails is tried again; the sign-up does not fail of it', async () => {
  const username = address('flaky');
  await signUp(pool, username);
  const { code } = await sent(pool, 'CustomEmailSender_SignUp', username, 60_000);
  assert.equal((await auth.confirmSignUp({ username, confirmationCode: code })).isSignUpComplete, true);
});

test('nobody else decrypts it: other functions, keys without the right, another context, changed bytes', async () => {
  const username = address('dora');
  await signUp(pool, username);
  const { event, code } = await sent(pool, 'CustomEmailSender_SignUp', username);
  const message = Buffer.from(event.request.code, 'base64');
  assert.equal(message.includes(code), false);
  const { stdout } = await pool.ampd('keys', 'create', '--json', '--allow', 'lambda:InvokeFunction');
  const { accessKeyId, secretAccessKey } = JSON.parse(stdout);
  const lambda = new LambdaClient({ endpoint: pool.origin, region: 'us-east-1', credentials: { accessKeyId, secretAccessKey } });
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName: 'snoop', Payload: JSON.stringify({ code: event.request.code }) }));
  assert.match(Buffer.from(Payload).toString(), /not authorized to perform: kms:Decrypt|AccessDenied/);

  const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT);
  const keyringOf = async (...allow) => {
    const key = JSON.parse((await pool.ampd('keys', 'create', '--json', '--allow', ...allow)).stdout);
    const credentials = { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey };
    return new KmsKeyringNode({ keyIds: [KEY], clientProvider: (region) => new KMS({ region, endpoint: pool.origin, credentials }) });
  };
  const good = await keyringOf('kms:Decrypt');
  assert.equal(Buffer.from((await decrypt(good, message)).plaintext).toString(), code);
  await assert.rejects(() => keyringOf('kms:Encrypt').then((keyring) => decrypt(keyring, message)));
  for (const at of [3, 60, 110, 300, message.length - 1]) { // id, context, key, sealed key, body
    const broken = Buffer.from(message);
    broken[at] ^= 1;
    await assert.rejects(() => decrypt(good, broken), `byte ${at}`);
  }
  const key = JSON.parse((await pool.ampd('keys', 'create', '--json', '--allow', 'kms:Decrypt')).stdout);
  const kms = new KMS({ region: 'us-east-1', endpoint: pool.origin, credentials: key, maxAttempts: 1 });
  const head = Buffer.from([1, KEY.length >> 8, KEY.length & 255]);
  const CiphertextBlob = Buffer.concat([head, Buffer.from(KEY), Buffer.alloc(64)]); // names the key, and is none of its own
  const EncryptionContext = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`${i}`.padEnd(1000, 'x'), 'y'.repeat(3085)]));
  await assert.rejects(kms.decrypt({ CiphertextBlob, EncryptionContext }), { name: 'InvalidCiphertextException' });
  await assert.rejects(kms.decrypt({ CiphertextBlob, EncryptionContext: {} }), { name: 'InvalidCiphertextException' });
});

test('senders in the words of CloudFormation, with a key that the CDK makes: it is ampd\'s own', async () => {
  const number = phone();
  await signUp(cdk, number);
  const text = await sent(cdk, 'CustomSMSSender_SignUp', number);
  assert.equal((await auth.confirmSignUp({ username: number, confirmationCode: text.code })).isSignUpComplete, true);
  const username = address('cdk');
  await signUp(cdk, username);
  const { code } = await sent(cdk, 'CustomEmailSender_SignUp', username);
  assert.equal((await auth.confirmSignUp({ username, confirmationCode: code })).isSignUpComplete, true);
});

test('what is not there stops nothing: a statement is left out, and so is a member of the outputs', () => {
  assert.match(cdk.log(), /The Allow statement for sqs:SendMessage is left out: it names queueArn of aws-cdk-lib\/aws-sqs\.Queue, which is not there/);
  assert.deepEqual(cdk.outputs.custom, { both: ['kept'], key: { name: 'kept' } });
});
