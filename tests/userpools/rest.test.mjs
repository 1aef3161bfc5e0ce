// What lies in the data folder: whoever gets hold of the database without the instance's key has no secret of anyone.
import assert from 'node:assert/strict';
import { createDiffieHellman, createHash, createHmac } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { AuthenticationDetails, CognitoUser } from 'amazon-cognito-identity-js';
import { PASSWORD, makeUser, startPool } from './lib.mjs';

let pool;
before(async () => {
  pool = await startPool('devices');
});
after(() => pool.end());

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
function base32(text) {
  let bits = '';
  for (const letter of text) bits += ALPHABET.indexOf(letter).toString(2).padStart(5, '0');
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}
function totp(secret) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Every file of the data folder but those that are keys (the instance's, the local authority's), as one text of bytes. */
function atRest() {
  const parts = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(file);
      else if (entry.isFile()) {
        let bytes;
        try {
          bytes = readFileSync(file);
        } catch (error) {
          if (error.code === 'ENOENT') continue; // it has its final name by now
          throw error;
        }
        const isKey = /^[0-9a-f]{64}\s*$/.test(bytes.toString('latin1')) ||
          (bytes.includes('PRIVATE KEY') && bytes.subarray(0, 11).equals(Buffer.from('-----BEGIN ')));
        if (isKey) assert.equal(statSync(file).mode & 0o777, 0o600, `${file} is a key`);
        else parts.push(bytes);
      }
    }
  };
  walk(pool.dataDir);
  return Buffer.concat(parts);
}

/** The forms in which bytes could stand in a file. */
const forms = (bytes) => [bytes, ...['hex', 'base64', 'base64url'].map((form) => Buffer.from(bytes.toString(form).replace(/=+$/, ''))),
  Buffer.from(bytes.toString('hex').toUpperCase())];

function verifierOf(userId, password, saltHex) {
  const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const salt = Buffer.from(/^[89a-f]/i.test(saltHex) ? `00${saltHex}` : saltHex.padStart(saltHex.length + (saltHex.length % 2), '0'), 'hex');
  const x = hash(salt, hash(Buffer.from(`${pool.poolId.split('_')[1]}${userId}:${password}`)));
  const N = 'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff';
  const group = createDiffieHellman(Buffer.from(N, 'hex'), 2);
  group.setPrivateKey(x);
  return group.computeSecret(Buffer.from([2]));
}

test('no secret stands in the database, its log, or anything beside it', async () => {
  const secrets = []; // [what, bytes]
  const text = (what, value) => secrets.push([what, Buffer.from(value)]);
  const binary = (what, bytes) => forms(bytes).forEach((form) => secrets.push([what, form]));
  const user = await makeUser(pool);
  text('a password', PASSWORD);

  // the verifier of the password: it would allow to guess it without end
  const { body: challenge } = await pool.call('InitiateAuth', {
    ClientId: pool.clientId, AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: user.username, SRP_A: 'abc123'.repeat(100) },
  });
  const { SALT, USER_ID_FOR_SRP } = challenge.ChallengeParameters;
  binary('the verifier of a password', verifierOf(USER_ID_FOR_SRP, PASSWORD, SALT));

  // a device, with the proof that the client made for it
  const client = pool.identityJs();
  const sent = {};
  const { request } = client.client;
  client.client.request = function (operation, params, callback) {
    sent[operation] = structuredClone(params);
    return request.call(this, operation, params, callback);
  };
  const session = await new Promise((resolve, reject) =>
    new CognitoUser({ Username: user.username, Pool: client, Storage: client.storage }).authenticateUser(
      new AuthenticationDetails({ Username: user.username, Password: PASSWORD }), { onSuccess: resolve, onFailure: reject }));
  const device = sent.ConfirmDevice.DeviceSecretVerifierConfig;
  binary('the verifier of a device', Buffer.from(device.PasswordVerifier, 'base64').subarray(-384));
  const AccessToken = session.getAccessToken().getJwtToken();
  for (const token of [AccessToken, session.getIdToken().getJwtToken()]) text('a token', token.split('.')[2]);
  const refresh = session.getRefreshToken().getToken();
  text('a refresh token', refresh);
  binary("a refresh token's secret", Buffer.from(refresh, 'base64url').subarray(36));

  // an authenticator app: set up, and another that is not yet proven
  const associate = async () => (await pool.call('AssociateSoftwareToken', { AccessToken })).body.SecretCode;
  const secret = await associate();
  const verified = await pool.call('VerifySoftwareToken', { AccessToken, UserCode: totp(base32(secret)) });
  assert.equal(verified.body.Status, 'SUCCESS');
  for (const one of [secret, await associate()]) {
    text('the secret of an authenticator app', one);
    binary('the secret of an authenticator app', base32(one));
  }

  // messages, and the codes in them
  await pool.call('ForgotPassword', { ClientId: pool.clientId, Username: user.username });
  const mail = await pool.mail(user.username);
  assert.match(mail.code, /^\d{6}$/);
  text('a message', mail.subject);
  text('a message', mail.text.slice(0, 24));
  for (const quote of ['"', "'", ' ', '>']) text('a code', `${quote}${mail.code}`);
  binary('a code', createHash('sha256').update(mail.code).digest());

  const other = await makeUser(pool);
  await pool.call('ForgotPassword', { ClientId: pool.clientId, Username: other.username });

  // keys
  const { stdout } = await pool.ampd('keys', 'create', '--json');
  text('the secret of an access key', JSON.parse(stdout).secretAccessKey);
  text('a private key', 'PRIVATE KEY');
  text('a private key', Buffer.from('-----BEGIN PRIVATE').toString('base64').slice(0, 20));
  text('a private key', 'BADANBgkqhkiG9w0BAQEFAASC'); // near the beginning of every PKCS #8 of an RSA key
  binary('a private key', Buffer.from('300d06092a864886f70d01010105000482', 'hex'));

  const look = (when) => {
    const found = atRest();
    assert.ok(found.includes(Buffer.from(user.username)), 'this is where things are kept');
    assert.ok(found.includes(Buffer.from(user.sub)));
    for (const [what, bytes] of secrets) {
      assert.ok(bytes.length >= 5 && !found.includes(bytes), `${what} stands in the data folder ${when}: ${bytes.subarray(0, 40)}`);
    }
  };
  look('while it runs');
  pool = await pool.restart();
  look('after a restart');
  // what was sealed is still of use
  assert.equal((await pool.call('GetUser', { AccessToken })).status, 200);
  assert.match((await pool.mail(other.username)).code, /^\d{6}$/);
  await pool.signIn(other.username);
});
