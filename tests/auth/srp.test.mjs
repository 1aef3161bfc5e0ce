// amazon-cognito-identity-js signs in, unmodified, to a small endpoint whose every number and signature
// comes from the C side: users, devices, wrong passwords, users that do not exist.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import identity from 'amazon-cognito-identity-js';
import { Host } from './host.mjs';

const { AuthenticationDetails, CognitoUser, CognitoUserPool } = identity;
const POOL = 'us-east-1_Ab12Cd34E';
const GROUP = 'Ab12Cd34E';
const DEVICE_GROUP = '-3dQw8xZk';
const N_HEX = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url))).srp.constants.N_hex;

let host;
let server;
let endpoint;
const users = new Map(); // by USER_ID_FOR_SRP: { record, device }
let calls = [];

class Refusal extends Error {}

async function tokens(username) {
  const now = Math.floor(Date.now() / 1000);
  const common = { sub: username, iss: endpoint, auth_time: now, iat: now, exp: now + 3600 };
  const access = { ...common, token_use: 'access', username };
  const id = { ...common, token_use: 'id', 'cognito:username': username };
  return {
    AccessToken: (await host.ask('sign', { claims: access })).token,
    IdToken: (await host.ask('sign', { claims: id })).token,
    RefreshToken: 'opaque',
    ExpiresIn: 3600,
    TokenType: 'Bearer',
  };
}

async function begin(record, srpA) {
  const begun = await host.ask('begin', { record, SRP_A: srpA });
  if (begun.error) throw new Refusal(begun.error);
  return begun;
}

async function prove(record, group, user, responses) {
  const verdict = await host.ask('check', {
    record,
    group,
    user,
    block: responses.PASSWORD_CLAIM_SECRET_BLOCK,
    timestamp: responses.TIMESTAMP,
    signature: responses.PASSWORD_CLAIM_SIGNATURE,
  });
  if (!verdict.ok) throw new Refusal(verdict.error ?? 'Incorrect username or password.');
}

const operations = {
  async InitiateAuth({ AuthFlow, AuthParameters: given }) {
    const user = users.get(given.USERNAME);
    const record = user?.record ?? (await host.ask('fake', { context: given.USERNAME })).record;
    if (AuthFlow === 'USER_PASSWORD_AUTH') {
      const fits = await host.ask('fits', { record, group: GROUP, user: given.USERNAME, password: given.PASSWORD });
      if (!fits.ok) throw new Refusal('Incorrect username or password.');
      return { AuthenticationResult: await tokens(given.USERNAME), ChallengeParameters: {} };
    }
    const begun = await begin(record, given.SRP_A);
    return {
      ChallengeName: 'PASSWORD_VERIFIER',
      ChallengeParameters: { ...begun, USERNAME: given.USERNAME, USER_ID_FOR_SRP: given.USERNAME },
    };
  },

  async RespondToAuthChallenge({ ChallengeName, ChallengeResponses: given }) {
    const user = users.get(given.USERNAME) ?? { record: (await host.ask('fake', { context: given.USERNAME })).record };
    if (ChallengeName === 'PASSWORD_VERIFIER') {
      await prove(user.record, GROUP, given.USERNAME, given);
      if (user.device?.key === given.DEVICE_KEY && user.device?.record) {
        return { ChallengeName: 'DEVICE_SRP_AUTH', ChallengeParameters: {}, Session: 'a session' };
      }
      const result = await tokens(given.USERNAME);
      if (user.device) result.NewDeviceMetadata = { DeviceKey: user.device.key, DeviceGroupKey: DEVICE_GROUP };
      return { AuthenticationResult: result, ChallengeParameters: {} };
    }
    if (ChallengeName === 'DEVICE_SRP_AUTH') {
      assert.equal(given.DEVICE_KEY, user.device.key);
      const begun = await begin(user.device.record, given.SRP_A);
      return {
        ChallengeName: 'DEVICE_PASSWORD_VERIFIER',
        ChallengeParameters: { ...begun, USERNAME: given.USERNAME, DEVICE_KEY: user.device.key },
        Session: 'another session',
      };
    }
    assert.equal(ChallengeName, 'DEVICE_PASSWORD_VERIFIER');
    await prove(user.device.record, DEVICE_GROUP, user.device.key, given);
    return { AuthenticationResult: await tokens(given.USERNAME), ChallengeParameters: {} };
  },

  async ConfirmDevice({ DeviceKey, DeviceSecretVerifierConfig: config }) {
    const user = [...users.values()].find((one) => one.device?.key === DeviceKey);
    const imported = await host.ask('import', { salt: config.Salt, verifier: config.PasswordVerifier });
    if (imported.error) throw new Refusal(imported.error);
    user.device.record = imported.record;
    return { UserConfirmationNecessary: false };
  },
};

before(async () => {
  host = new Host();
  server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const operation = request.headers['x-amz-target'].split('.')[1];
    calls.push(operation);
    let status = 200;
    let body;
    try {
      body = await operations[operation](JSON.parse(Buffer.concat(chunks)));
    } catch (error) {
      status = error instanceof Refusal ? 400 : 500;
      body = { __type: 'NotAuthorizedException', message: error.message };
    }
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${server.address().port}/`;
});

after(async () => {
  server.close();
  server.closeAllConnections?.();
  assert.equal(await host.close(), 0);
});

const memory = () => {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
    clear: () => kept.clear(),
  };
};

function signIn(Username, Password, { Storage = memory(), flow } = {}) {
  const Pool = new CognitoUserPool({ UserPoolId: POOL, ClientId: 'client', endpoint, Storage });
  const user = new CognitoUser({ Username, Pool, Storage });
  if (flow) user.setAuthenticationFlowType(flow);
  calls = [];
  return new Promise((resolve, reject) => {
    user.authenticateUser(new AuthenticationDetails({ Username, Password }), {
      onSuccess: resolve,
      onFailure: reject,
    });
  });
}

async function addUser(name, password, device) {
  users.set(name, { record: (await host.ask('make', { group: GROUP, user: name, password })).record, device });
}

test('a password is proved', async () => {
  await addUser('alice', 'Passw0rd!');
  const session = await signIn('alice', 'Passw0rd!');
  assert.equal(session.getAccessToken().payload.username, 'alice');
  assert.equal(session.getIdToken().payload['cognito:username'], 'alice');
  assert.ok(session.isValid());
  assert.deepEqual(calls, ['InitiateAuth', 'RespondToAuthChallenge']);
});

// Numbers with zero bytes or a set top bit in front are one in two to one in 256: many users and proofs
// meet them all over time, the vectors of the unit tests meet them always.
test('many users of many passwords', async () => {
  for (let i = 0; i < 12; i++) {
    const name = `user-${i}-${Math.random()}`;
    const password = `Pässwörd ${i} 日本 🔑 ` + 'x'.repeat(i * 20);
    await addUser(name, password);
    await signIn(name, password);
  }
});

test('a wrong password is refused', async () => {
  await addUser('bob', 'Passw0rd!');
  for (const wrong of ['passw0rd!', 'Passw0rd! ', 'Passw0rd', 'x']) {
    await assert.rejects(signIn('bob', wrong), { message: 'Incorrect username or password.' });
  }
});

test('a user who does not exist looks like one whose password is wrong', async () => {
  await assert.rejects(signIn('nobody', 'Passw0rd!'), { message: 'Incorrect username or password.' });
  assert.deepEqual(calls, ['InitiateAuth', 'RespondToAuthChallenge']);
  const ask = () => operations.InitiateAuth({ AuthParameters: { USERNAME: 'nobody', SRP_A: 'abcd' } });
  const [one, two] = [await ask(), await ask()];
  assert.equal(one.ChallengeParameters.SALT, two.ChallengeParameters.SALT);
  assert.notEqual(one.ChallengeParameters.SRP_B, two.ChallengeParameters.SRP_B);
});

test('a password sent plainly is compared with the same verifier', async () => {
  await addUser('carol', 'Passw0rd!');
  await signIn('carol', 'Passw0rd!', { flow: 'USER_PASSWORD_AUTH' });
  await signIn('carol', 'Passw0rd!');
  await assert.rejects(signIn('carol', 'passw0rd!', { flow: 'USER_PASSWORD_AUTH' }));
});

test('a device is remembered, proves itself, and a damaged one is refused', async () => {
  const Storage = memory();
  const device = { key: 'us-east-1_7a6b5c4d-3e2f-4a1b-8c9d-0e1f2a3b4c5d' };
  await addUser('dave', 'Passw0rd!', device);
  for (let i = 0; i < 5; i++) {
    await signIn('dave', 'Passw0rd!', { Storage });
    assert.deepEqual(calls, i === 0
      ? ['InitiateAuth', 'RespondToAuthChallenge', 'ConfirmDevice']
      : ['InitiateAuth', 'RespondToAuthChallenge', 'RespondToAuthChallenge', 'RespondToAuthChallenge']);
  }
  device.record = users.get('alice').record;
  await assert.rejects(signIn('dave', 'Passw0rd!', { Storage }), { code: 'NotAuthorizedException' });
});

test('a proof of another user, pool or password version is refused', async () => {
  await addUser('erin', 'Passw0rd!');
  const original = operations.RespondToAuthChallenge;
  try {
    for (const alter of [
      (given) => (given.USERNAME = 'alice'),
      (given) => (given.TIMESTAMP += ' '),
      (given) => (given.PASSWORD_CLAIM_SECRET_BLOCK = given.PASSWORD_CLAIM_SECRET_BLOCK.replace(/^.{8}/, 'AAAAAAAA')),
      () => users.set('erin', { ...users.get('alice') }),
    ]) {
      operations.RespondToAuthChallenge = (body) => {
        alter(body.ChallengeResponses);
        return original(body);
      };
      await assert.rejects(signIn('erin', 'Passw0rd!'), { code: 'NotAuthorizedException' });
    }
  } finally {
    operations.RespondToAuthChallenge = original;
  }
});

test('numbers that would give the key away are refused', async () => {
  const { record } = users.get('alice');
  const N = BigInt('0x' + N_HEX);
  for (const a of [0n, N, 2n * N, N * N, 1n, N - 1n]) {
    assert.match((await host.ask('begin', { record, SRP_A: a.toString(16) })).error, /SRP_A/);
  }
  assert.ok((await host.ask('begin', { record, SRP_A: (N - 2n).toString(16) })).SRP_B);
});
