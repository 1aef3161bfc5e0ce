// Text messages, and e-mail, to a webhook.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignUp, signUp } from 'aws-amplify/auth';
import { PASSWORD, address, phone, endBackends, startBackend } from './lib.mjs';
import { startSmtp, startWebhook, stopPeers } from './peers.mjs';

const SECRET = 'a-shared-secret-of-some-length';

after(async () => {
  await endBackends();
  await stopPeers();
});

function assertSigned({ headers, text }) {
  const [, time, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['ampd-signature']);
  assert.equal(given, createHmac('sha256', SECRET).update(`${time}.${text}`).digest('hex'));
  assert.ok(Math.abs(Date.now() / 1000 - Number(time)) < 60);
}

test('a text message by webhook, signed; not by SMTP', async () => {
  const webhook = await startWebhook();
  const smtp = await startSmtp();
  const backend = await startBackend('phone', {
    AMPD_SMS_WEBHOOK: webhook.url, AMPD_WEBHOOK_SECRET: SECRET, AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: 'a@example.com',
  });
  assert.match(backend.log(), /SMS by http:\/\/127\.0\.0\.1:\d+$/m);
  assert.ok(!backend.log().includes('hidden') && !backend.log().includes(SECRET));
  Amplify.configure(backend.outputs);
  const username = phone();
  await signUp({ username, password: PASSWORD, options: { userAttributes: { phone_number: username } } });
  const request = await webhook.messageTo(username);
  assertSigned(request);
  assert.equal(request.method, 'POST');
  assert.equal(request.url, '/hook?token=hidden');
  assert.equal(request.headers['content-type'], 'application/json');
  assert.deepEqual(Object.keys(request.body).sort(), ['at', 'code', 'id', 'medium', 'text', 'to']);
  assert.equal(request.body.medium, 'SMS');
  assert.ok(request.body.text.includes(request.body.code));
  const done = await confirmSignUp({ username, confirmationCode: request.body.code });
  assert.equal(done.isSignUpComplete, true);
  await backend.end();
  assert.equal(webhook.requests.length, 1);
  assert.equal(smtp.sessions, 0);
  await webhook.stop();
  await smtp.stop();
});

test('e-mail by webhook, with its sender and its HTML', async () => {
  const webhook = await startWebhook();
  const backend = await startBackend('shop', { AMPD_EMAIL_WEBHOOK: webhook.url, AMPD_WEBHOOK_SECRET: SECRET });
  const username = address();
  await backend.signUp(username);
  const { body } = await webhook.messageTo(username);
  assert.equal(body.from, 'shop@example.com');
  assert.equal(body.replyTo, 'help@example.com');
  assert.match(body.html, /<b>\d{6}<\/b>/);
  await backend.confirm(username, body.code);
  await backend.end();
  assert.equal(webhook.requests.length, 1);
  await webhook.stop();
});

test('one that is down, errs, redirects or refuses', async () => {
  let webhook = await startWebhook();
  const { port } = webhook;
  await webhook.stop();
  let backend = await startBackend('phone', { AMPD_SMS_WEBHOOK: `http://localhost:${port}/`, AMPD_WEBHOOK_SECRET: SECRET });
  const [first, second, bad, last] = [phone(), phone(), phone(), phone()];
  await backend.signUp(first);
  backend = await backend.restart('SIGKILL');
  webhook = await startWebhook({ port });
  await webhook.messageTo(first);
  let answers = [500, 302, 401, 503];
  webhook.answer = ({ url }) => {
    assert.equal(url, '/'); // redirects are not followed
    return answers.shift() ?? 200;
  };
  await backend.signUp(second);
  const request = await webhook.messageTo(second);
  assert.deepEqual(answers, []);
  assertSigned(request);
  answers = [400];
  await backend.signUp(bad);
  await webhook.until(() => answers.length === 0);
  await backend.signUp(last);
  await webhook.messageTo(last);
  assert.deepEqual(webhook.requests.map(({ body }) => body.to), [first, second, last]);
  const ids = webhook.requests.map(({ body }) => body.id);
  assert.equal(new Set(ids).size, 3);
  await backend.end();
  await webhook.stop();
});
