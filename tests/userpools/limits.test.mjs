// What one source address may do, and what happens when too much is asked at once.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import { PASSWORD, address, makeUser, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('mail');
});
after(() => pool.end());

/** The same request `count` times over `sockets` connections: how often each error name (or OK) came. */
async function flood(count, sockets, operation, input) {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const body = JSON.stringify(input);
  const names = {};
  const one = () =>
    new Promise((resolve, reject) => {
      const sent = request(pool.origin, {
        agent, method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
      }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve(JSON.parse(text))).on('error', reject);
      });
      sent.on('error', reject).end(body);
    });
  await Promise.all(Array.from({ length: count }, async () => {
    const answer = await one();
    const name = answer.__type ? `${answer.__type}: ${answer.message}` : 'OK';
    names[name] = (names[name] ?? 0) + 1;
  }));
  agent.destroy();
  return names;
}

const TOO_MANY = 'TooManyRequestsException: Rate exceeded';

test('more than can be worked off is refused at once, and the server goes on', async () => {
  const names = await flood(1500, 1500, 'InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: address('nobody'), SRP_A: 'abc123'.repeat(100) },
  });
  assert.deepEqual(Object.keys(names).filter((name) => name !== TOO_MANY), ['OK'], JSON.stringify(names));
  assert.equal((names.OK ?? 0) + (names[TOO_MANY] ?? 0), 1500);
  assert.ok(names.OK >= 256);
  const user = await makeUser(pool);
  await pool.signIn(user.username);
});

test('wrong guesses are limited for an address, whomever they are about', async () => {
  const user = await makeUser(pool);
  const { AccessToken, RefreshToken } = await pool.signIn(user.username);
  const names = await flood(4000, 40, 'InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: 'guessed' },
  });
  assert.ok(names['NotAuthorizedException: Invalid Refresh Token'] >= 2000, JSON.stringify(names));
  assert.ok(names[TOO_MANY] > 500, JSON.stringify(names));
  // The right password as well is no guess that is allowed now; this is the SDK's own name for it.
  const client = new cognito.CognitoIdentityProviderClient({
    region: 'us-east-1', endpoint: pool.origin, credentials: { accessKeyId: 'x', secretAccessKey: 'x' }, maxAttempts: 1,
  });
  const signIn = () => client.send(new cognito.InitiateAuthCommand({
    ClientId: pool.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: user.username, PASSWORD },
  }));
  const flooding = flood(2000, 20, 'InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: 'guessed' },
  });
  const results = await Promise.allSettled(Array.from({ length: 10 }, signIn));
  const refusals = results.map(({ reason }) => reason).filter(Boolean);
  assert.ok(refusals.length > 0);
  for (const error of refusals) assert.ok(error instanceof cognito.TooManyRequestsException && error.message === 'Rate exceeded', error);
  await flooding;
  // Who is signed in goes on.
  assert.equal((await pool.call('GetUser', { AccessToken })).status, 200);
  assert.equal((await pool.call('GetTokensFromRefreshToken', { ClientId: pool.clientId, RefreshToken })).status, 200);
  // And after a while everybody may try again.
  for (let i = 0; ; i++) {
    try {
      await signIn();
      break;
    } catch (error) {
      assert.equal(error.name, 'TooManyRequestsException');
      assert.ok(i < 500);
      await sleep(20);
    }
  }
});

test('a signed-in user cannot have messages sent to any number of addresses', async () => {
  const user = await makeUser(pool);
  const { AccessToken } = await pool.signIn(user.username);
  const move = () => pool.call('UpdateUserAttributes', { AccessToken, UserAttributes: [{ Name: 'email', Value: address('moved') }] });
  for (let i = 0; i < 20; i++) {
    const { status, body } = await move();
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.CodeDeliveryDetailsList.length, 1);
  }
  const { body } = await move();
  assert.equal(body.__type, 'LimitExceededException');
  const other = await pool.call('UpdateUserAttributes', { AccessToken, UserAttributes: [{ Name: 'given_name', Value: 'Ann' }] });
  assert.equal(other.status, 200, JSON.stringify(other.body));
});
