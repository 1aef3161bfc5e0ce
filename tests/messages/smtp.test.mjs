// E-mail by SMTP: what arrives, over which connections, and what happens when it cannot.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Amplify } from 'aws-amplify';
import { confirmSignUp, signUp } from 'aws-amplify/auth';
import { makeAuthority } from '../oidc/certificates.mjs';
import { PASSWORD, address, endBackends, startBackend } from './lib.mjs';
import { startSmtp, stopPeers } from './peers.mjs';

const FROM = 'Laden <no-reply@example.com>';
let authority;
before(() => (authority = makeAuthority()));
after(async () => {
  await endBackends();
  await stopPeers();
  authority.remove();
});

test('a code arrives and confirms; the mail is what the definitions say, and nothing more', async () => {
  const smtp = await startSmtp();
  const backend = await startBackend('shop', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM });
  assert.match(backend.log(), /Messages +e-mail by smtp:\/\/localhost:\d+ from no-reply@example\.com/);
  Amplify.configure(backend.outputs);
  const username = address();
  await signUp({ username, password: PASSWORD, options: { userAttributes: { email: username } } });
  const mail = await smtp.mailTo(username);
  assert.equal(mail.from[0][1], 'shop@example.com');
  assert.deepEqual(mail.to, [['', username]]);
  assert.deepEqual(mail.reply, [['', 'help@example.com']]);
  assert.equal(mail.subject, 'Willkommen bei Größe & Söhne – Ihr Code für die Anmeldung im Laden');
  assert.equal(mail.type, 'text/html');
  assert.equal(mail.charset, 'utf-8');
  assert.equal(mail.parts, false);
  assert.deepEqual(mail.defects, []);
  // A name with a line end in it is a name, not a header.
  assert.equal(mail.from[0][0].replace(/\s+/g, ' '), 'Größe "Söhne" Bcc: evil@example.com');
  assert.deepEqual(mail.headers.map(([name]) => name.toLowerCase()), ['date', 'message-id', 'from', 'reply-to', 'to', 'subject', 'mime-version',
    'content-type', 'content-transfer-encoding', 'auto-submitted']);
  assert.ok(Math.abs(mail.date - Date.now() / 1000) < 60);
  assert.match(mail.headers[1][1], /^<[\w.]+@example\.com>$/);
  const [, code] = /^<p>Grüße! Your code: <b>(\d{6})<\/b>\r\n\.\r\n\.\. =20 x{200}<\/p>\s*$/.exec(mail.body) ?? assert.fail(mail.body);
  for (const line of mail.raw.split('\r\n')) assert.ok(line.length <= 78 && /^[\x20-\x7e]*$/.test(line), line);
  assert.deepEqual(await confirmSignUp({ username, confirmationCode: code }), { isSignUpComplete: true, nextStep: { signUpStep: 'DONE' } });
  // The inbox has a copy, without what is not for it.
  const copy = JSON.parse((await backend.ampd('inbox', '--json', '--wait', username)).stdout);
  assert.deepEqual(Object.keys(copy).sort(), ['at', 'code', 'medium', 'subject', 'text', 'to']);
  assert.equal(copy.code, code);
  await backend.end();
  await smtp.stop();
});

test('without a sender in the definitions it is the one of the environment; names and passwords are read from a file', async () => {
  const password = 'p@ss:wörd/%';
  const smtp = await startSmtp({ tls: authority.server, user: 'mailer', password });
  const backend = await startBackend('plain', {});
  const file = path.join(backend.folder, 'smtp-url');
  writeFileSync(file, `smtp://mailer:${encodeURIComponent(password)}@localhost:${smtp.port}\n`);
  const env = { AMPD_SMTP_URL_FILE: file, AMPD_MAIL_FROM: FROM, SSL_CERT_FILE: authority.file };
  const again = await backend.restart('SIGTERM', env);
  const username = address();
  await again.signUp(username);
  const mail = await smtp.mailTo(username);
  assert.deepEqual(mail.from, [['Laden', 'no-reply@example.com']]);
  assert.equal(mail.secure, true); // by STARTTLS
  assert.deepEqual(smtp.logins, [['mailer', password]]);
  assert.match(mail.body, /The verification code to your new account is \d{6}/);
  assert.ok(!again.log().includes(password) && !again.log().includes(encodeURIComponent(password)));
  await again.end();
  await smtp.stop();
});

test('TLS from the first byte', async () => {
  const smtp = await startSmtp({ tls: authority.server, implicit: true });
  const env = { AMPD_SMTP_URL: `smtps://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM, SSL_CERT_FILE: authority.file };
  const backend = await startBackend('plain', env);
  const username = address();
  await backend.signUp(username);
  assert.equal((await smtp.mailTo(username)).secure, true);
  await backend.end();
  await smtp.stop();
});

for (const implicit of [true, false]) {
  test(`a certificate that nobody knows is refused (${implicit ? 'TLS' : 'STARTTLS'}), and the mail kept`, async () => {
    const smtp = await startSmtp({ tls: authority.server, implicit, user: 'mailer', password: 'secret-of-mail' });
    const url = `${implicit ? 'smtps' : 'smtp'}://mailer:secret-of-mail@localhost:${smtp.port}`;
    const backend = await startBackend('plain', { AMPD_SMTP_URL: url, AMPD_MAIL_FROM: FROM });
    const username = address();
    await backend.signUp(username); // does not fail for it
    await smtp.until(() => smtp.sessions >= 2); // tried again
    assert.match(backend.log(), /cannot be delivered at present: .*certificate/i);
    assert.deepEqual(smtp.logins, []);
    assert.deepEqual(smtp.mails, []);
    assert.ok(!backend.log().includes('secret-of-mail'));
    const trusting = await backend.restart('SIGTERM', { AMPD_SMTP_URL: url, AMPD_MAIL_FROM: FROM, SSL_CERT_FILE: authority.file });
    await smtp.mailTo(username);
    await trusting.end();
    await smtp.stop();
  });
}

test('a server that is down: the call goes well, the mail waits, also over a kill, and comes once', async () => {
  let smtp = await startSmtp();
  const { port } = smtp;
  await smtp.stop();
  const env = { AMPD_SMTP_URL: `smtp://localhost:${port}`, AMPD_MAIL_FROM: FROM };
  let backend = await startBackend('plain', env);
  const first = address('first');
  const begun = Date.now();
  await backend.signUp(first);
  assert.ok(Date.now() - begun < 5000);
  backend = await backend.restart('SIGKILL');
  const second = address('second');
  await backend.signUp(second);
  smtp = await startSmtp({ port });
  const [, code] = /(\d{6})/.exec((await smtp.mailTo(first)).body);
  await backend.confirm(first, code);
  await smtp.mailTo(second);
  const last = address('last');
  await backend.signUp(last); // the queue is empty again
  await smtp.mailTo(last);
  assert.deepEqual(smtp.mails.map((mail) => mail.to[0]).sort(), [first, last, second].sort());
  assert.match(backend.log(), /is delivered again/);
  assert.ok(!backend.log().replace(/✉.*/g, '').includes(first)); // but for the terminal's own line
  await backend.end();
  await smtp.stop();
});

test('a server that says nothing holds up neither a call nor the end', async () => {
  let smtp = await startSmtp({ silent: true });
  const backend = await startBackend('plain', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM });
  const username = address();
  await backend.signUp(username);
  await smtp.until(() => smtp.sessions === 1);
  const begun = Date.now();
  await backend.signUp(address());
  await backend.stop();
  assert.ok(Date.now() - begun < 8000, 'it took too long');
  await smtp.stop();
  smtp = await startSmtp({ port: smtp.port });
  const again = await startBackend('plain', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM }, { folder: backend.folder });
  await smtp.mailTo(username);
  await again.end();
  await smtp.stop();
});

test('a wrong password keeps the mail until it is right', async () => {
  const smtp = await startSmtp({ user: 'mailer', password: 'right' });
  const url = (password) => `smtp://mailer:${password}@localhost:${smtp.port}`;
  const backend = await startBackend('plain', { AMPD_SMTP_URL: url('wrong'), AMPD_MAIL_FROM: FROM });
  const username = address();
  await backend.signUp(username);
  await smtp.until(() => smtp.logins.length >= 2);
  assert.deepEqual(smtp.mails, []);
  const again = await backend.restart('SIGTERM', { AMPD_SMTP_URL: url('right'), AMPD_MAIL_FROM: FROM });
  await smtp.mailTo(username);
  await again.end();
  await smtp.stop();
});

test('a mail that is refused for good is dropped, one that is put off comes later; others do not wait for them', async () => {
  const smtp = await startSmtp();
  const backend = await startBackend('plain', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM });
  const tries = {};
  smtp.answer = (command, argument) => {
    const [, who] = (command === 'RCPT' && /<(\w+?)\d/.exec(argument)) || [];
    if (who) tries[who] = (tries[who] ?? 0) + 1;
    if (who === 'gone') return '550 5.1.1 No such mailbox';
    return who === 'grey' && tries.grey < 3 ? '451 4.7.1 Come back later' : undefined;
  };
  const [gone, grey, good] = [address('gone'), address('grey'), address('good')];
  for (const username of [gone, grey, good]) await backend.signUp(username);
  await smtp.mailTo(good);
  assert.equal(smtp.mails.length, 1);
  await smtp.mailTo(grey);
  assert.deepEqual(tries, { gone: 1, grey: 3, good: 1 });
  assert.match(backend.log(), /EMAIL to g\*\*\*@e\*\*\* is dropped: .*550/);
  await backend.end();
  await smtp.stop();
});

test('addresses and names that try to add headers or recipients', async () => {
  const smtp = await startSmtp();
  const backend = await startBackend('plain', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM });
  for (const hostile of ['a@example.com\r\nBcc: b@example.com', 'a@example.com\nRCPT TO:<b@example.com>', 'a@example.com,b@example.com', 'a b@example.com',
    '<a@example.com>', 'a@example.com>\r\nDATA', '"a\r\n"@example.com', 'a@example.com\u0000', 'a@exa\u007fmple.com', 'a@b@example.com']) {
    const { status } = await backend.call('SignUp', { Username: hostile, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: hostile }] });
    if (status !== 200) continue;
    // Taken as a name: then nothing must leave for it but a mail to just that.
  }
  const username = address('ünï');
  await backend.call('SignUp', { Username: username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: username }] });
  const last = address('last');
  await backend.signUp(last);
  const mail = await smtp.mailTo(last);
  assert.deepEqual(mail.to, [['', last]]);
  for (const { to, from, raw } of smtp.mails) {
    assert.equal(to.length, 1);
    assert.equal(from, 'no-reply@example.com');
    assert.doesNotMatch(raw, /^Bcc:/im);
    assert.doesNotMatch(to[0], /[\s<>,]/);
  }
  await backend.end();
  await smtp.stop();
});

test('a hundred at once arrive, each once', async () => {
  const smtp = await startSmtp();
  const backend = await startBackend('plain', { AMPD_SMTP_URL: `smtp://localhost:${smtp.port}`, AMPD_MAIL_FROM: FROM });
  const names = Array.from({ length: 100 }, () => address('many'));
  for (let i = 0; i < names.length; i += 10) await Promise.all(names.slice(i, i + 10).map(backend.signUp));
  await smtp.until(() => new Set(smtp.mails.map((mail) => mail.to[0])).size === names.length, 60_000);
  const last = address('last');
  await backend.signUp(last);
  await smtp.mailTo(last);
  assert.equal(smtp.mails.length, names.length + 1);
  await backend.end();
  await smtp.stop();
});

test('settings that cannot be used stop the start, and are not repeated in the message', async () => {
  const secret = 'hidden-password';
  for (const [env, text] of [
    [{ AMPD_SMTP_URL: `http://u:${secret}@localhost:1` }, /mail server's URL/],
    [{ AMPD_SMTP_URL: `smtp://:${secret}@` }, /mail server's URL/],
    [{ AMPD_SMTP_URL: `smtp://u:${secret}@mail.example.com?starttls=no`, AMPD_MAIL_FROM: FROM }, /mail server's URL/],
    [{ AMPD_SMTP_URL: `smtp://u:${secret}%0d%0aQUIT@localhost`, AMPD_MAIL_FROM: FROM }, /mail server's URL/],
    [{ AMPD_SMTP_URL: `smtp://u:${secret}@localhost/path`, AMPD_MAIL_FROM: FROM }, /mail server's URL/],
    [{ AMPD_SMTP_URL: `smtp://u:${secret}@localhost` }, /AMPD_MAIL_FROM is no e-mail address/],
    [{ AMPD_SMTP_URL: 'smtp://localhost', AMPD_MAIL_FROM: 'Me <me@example.com>, You <you@example.com>' }, /AMPD_MAIL_FROM is no e-mail address/],
    [{ AMPD_SMTP_URL_FILE: '/nowhere/at/all' }, /\/nowhere\/at\/all/],
    [{ AMPD_SMS_WEBHOOK: 'http://example.com/' }, /AMPD_SMS_WEBHOOK is no URL/],
    [{ AMPD_SMS_WEBHOOK: 'https://example.com/' }, /AMPD_WEBHOOK_SECRET/],
    [{ AMPD_EMAIL_WEBHOOK: 'https://example.com/', AMPD_WEBHOOK_SECRET: 'short' }, /AMPD_WEBHOOK_SECRET/],
    [{ AMPD_EMAIL_WEBHOOK: 'https://example.com/', AMPD_SMTP_URL: 'smtp://localhost', AMPD_MAIL_FROM: FROM }, /both set/],
  ]) {
    const log = await startBackend('plain', env, { expect: 'failure' });
    assert.match(log, text);
    assert.ok(!log.includes(secret), log);
  }
});
