// The inbox: as a page, as JSON, on the terminal, by command; who may read it; messages with links.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';
import { PASSWORD, address, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('link');
});
after(() => pool.end());

const signUp = async (username) => {
  const { status, body } = await pool.call('SignUp', {
    ClientId: pool.clientId, Username: username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: username }],
  });
  assert.equal(status, 200, JSON.stringify(body));
};

test('a link in the message confirms, once', async () => {
  const username = address('link');
  await signUp(username);
  const message = await pool.mail(username);
  assert.equal(message.subject, 'Welcome & hello');
  assert.equal(message.text, `Please press <here> (${message.link}) to begin.`);
  assert.equal(message.code, undefined);
  assert.ok(message.link.startsWith(`${pool.origin}/confirmUser?`));
  const broken = await fetch(message.link.replace(/confirmation_code=\d+/, 'confirmation_code=0'));
  assert.equal(broken.status, 400);
  const opened = await fetch(message.link);
  assert.equal(opened.status, 200);
  assert.match(await opened.text(), /has been confirmed/);
  assert.equal((await fetch(message.link)).status, 400);
  assert.ok(pool.log().includes(`EMAIL to ${username}: ${message.link}`), pool.log());
});

test('an address cannot speak to the terminal that shows it', async () => {
  const username = address('plain');
  await signUp(username);
  assert.equal((await fetch((await pool.mail(username)).link)).status, 200);
  Amplify.configure(pool.outputs);
  await auth.signIn({ username, password: PASSWORD });
  const email = `\u009b2J\u202e${address('escape')}`;
  await auth.updateUserAttributes({ userAttributes: { email } });
  await auth.signOut();
  await pool.mail(email);
  const shown = [pool.log(), (await pool.ampd('inbox')).stdout];
  for (const text of shown) {
    assert.match(text, /EMAIL to \\x9b2J\\u202e/);
    assert.doesNotMatch(text, /[\u009b\u202e]/);
  }
});

test('who follows the link is signed in where the sign-up was begun, however long that took', async () => {
  Amplify.configure(pool.outputs);
  const username = address('auto');
  const { nextStep } = await auth.signUp({ username, password: PASSWORD, options: { autoSignIn: true } });
  assert.equal(nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  // The client asks every five seconds; here as often as in a minute.
  const Pool = pool.identityJs();
  for (let i = 0; i < 12; i++) {
    const code = await new Promise((resolve) => new CognitoUser({ Username: username, Pool, Storage: Pool.storage })
      .authenticateUser(new AuthenticationDetails({ Username: username, Password: PASSWORD }), {
        onSuccess: () => resolve('signed in'), onFailure: (error) => resolve(error.code),
      }));
    assert.equal(code, 'UserNotConfirmedException');
  }
  const signedIn = auth.autoSignIn();
  assert.equal((await fetch((await pool.mail(username)).link)).status, 200);
  assert.equal((await signedIn).isSignedIn, true);
  await auth.signOut();
});

test('ampd inbox prints messages and waits for the next', async () => {
  const username = address('cli');
  const waiting = pool.ampd('inbox', '--json', '--wait', username);
  await signUp(username);
  const message = JSON.parse((await waiting).stdout);
  assert.deepEqual(Object.keys(message).sort(), ['at', 'link', 'medium', 'subject', 'text', 'to']);
  assert.equal(message.to, username);
  const all = (await pool.ampd('inbox', '--json')).stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(all.at(-1).to, username);
  assert.match((await pool.ampd('inbox')).stdout, new RegExp(`EMAIL to ${username}`));
});

test('the page shows messages as text', async () => {
  const username = address('page');
  await signUp(username);
  const answer = await fetch(`${pool.origin}/_ampd/inbox`, { headers: { accept: 'text/html' } });
  assert.match(answer.headers.get('content-security-policy'), /default-src 'none'/);
  const page = await answer.text();
  assert.ok(page.includes(username));
  assert.ok(page.includes('press &lt;here&gt;'));
  assert.ok(!page.includes('<here>'));
});

test('other sites and other names cannot read it', async () => {
  const cors = await fetch(`${pool.origin}/_ampd/inbox`, { headers: { origin: 'https://evil.example' } });
  assert.equal(cors.headers.get('access-control-allow-origin'), null);
  const status = await new Promise((resolve, reject) =>
    request(`${pool.origin}/_ampd/inbox`, { headers: { host: 'evil.example' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject).end());
  assert.equal(status, 403);
});

test('messages outlive a restart, and are no plain text on disk', async () => {
  const username = address('kept');
  await signUp(username);
  pool = await pool.restart();
  const { link } = await pool.mail(username);
  const { execFileSync } = await import('node:child_process');
  const code = new URL(link).searchParams.get('confirmation_code');
  const found = execFileSync('sh', ['-c', `cat "$1"/data.db* | grep -c "confirmation_code=${code}" || true`, 'sh', pool.dataDir]);
  assert.equal(found.toString().trim(), '0');
});

test('a command without a running server says so', async () => {
  await pool.stop();
  await assert.rejects(pool.ampd('inbox'), ({ code, stderr }) => {
    assert.equal(code, 1);
    assert.match(stderr, /no ampd serves/);
    return true;
  });
  pool = await startPool('link', { folder: pool.folder });
});
