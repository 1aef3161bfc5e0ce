// Signs in over and over, from a worker thread: by SRP, or with the plain password where the server knows no SRP.
// OpenSSL does the one large power of a proof, so that the client costs no more than it must.
import { createDiffieHellman, createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const N_HEX = [
  'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd',
  'ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed',
  'ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f',
  '83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b',
  'e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510',
  '15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7',
  'abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c',
  'bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff',
].join('');
const N = BigInt(`0x${N_HEX}`);
const { origin, clientId, pool, users, srp } = workerData;
const agent = new Agent({ keepAlive: true });
const group = createDiffieHellman(Buffer.from(N_HEX, 'hex'), 2);

// Numbers are hashed in Java's shortest form: with a zero byte when the first bit is set.
function bytes(number) {
  let hex = number.toString(16);
  hex = hex.length % 2 === 1 ? `0${hex}` : hex;
  return Buffer.from(/^[89a-f]/.test(hex) ? `00${hex}` : hex, 'hex');
}
const number = (buffer) => BigInt(`0x${buffer.toString('hex')}`);
const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const mac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
function power(base, exponent) {
  group.setPrivateKey(bytes(exponent));
  return number(group.computeSecret(bytes(base)));
}

const k = number(hash(bytes(N), bytes(2n)));
const a = (1n << 255n) + 12345n; // the same each time: nobody is to be kept out here
const A = power(2n, a);

// In the form that Cognito's clients send: "Tue Sep 8 04:05:06 UTC 2026".
function timestamp() {
  const [, day, month, date, year, time] = /^(\w+), 0?(\d+) (\w+) (\d+) (\S+)/.exec(new Date().toUTCString()).map((x, i, all) => (i === 2 ? all[3] : i === 3 ? all[2] : x));
  return `${day} ${month} ${date} ${time} UTC ${year}`;
}

function proof(user, { SALT, SRP_B, SECRET_BLOCK, USER_ID_FOR_SRP }) {
  const B = BigInt(`0x${SRP_B}`);
  const u = number(hash(bytes(A), bytes(B)));
  if (user.salt !== SALT) {
    user.salt = SALT;
    user.x = number(hash(bytes(BigInt(`0x${SALT}`)), hash(Buffer.from(`${pool}${USER_ID_FOR_SRP}:${user.password}`))));
    user.kgx = (k * power(2n, user.x)) % N;
  }
  const S = power((((B - user.kgx) % N) + N) % N, a + u * user.x);
  const key = mac(mac(bytes(u), bytes(S)), Buffer.from('Caldera Derived Key\u0001')).subarray(0, 16);
  const at = timestamp();
  const claim = mac(key, Buffer.from(pool), Buffer.from(USER_ID_FOR_SRP), Buffer.from(SECRET_BLOCK, 'base64'), Buffer.from(at));
  return { USERNAME: USER_ID_FOR_SRP, PASSWORD_CLAIM_SECRET_BLOCK: SECRET_BLOCK, TIMESTAMP: at, PASSWORD_CLAIM_SIGNATURE: claim.toString('base64') };
}

const call = (operation, input) =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify(input);
    const sent = request(origin, {
      agent, method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'content-length': Buffer.byteLength(body), 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
    }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${operation}: ${text}`));
      });
    });
    sent.on('error', reject).end(body);
  });

async function signIn(user) {
  const names = { ClientId: clientId, AuthFlow: srp ? 'USER_SRP_AUTH' : 'USER_PASSWORD_AUTH' };
  let answer = await call('InitiateAuth', {
    ...names, AuthParameters: srp ? { USERNAME: user.username, SRP_A: A.toString(16) } : { USERNAME: user.username, PASSWORD: user.password },
  });
  if (srp) {
    answer = await call('RespondToAuthChallenge', {
      ClientId: clientId, ChallengeName: 'PASSWORD_VERIFIER', ChallengeResponses: proof(user, answer.ChallengeParameters),
    });
  }
  if (!answer.AuthenticationResult.AccessToken) throw new Error(JSON.stringify(answer));
}

// One round: every user signs in again and again until the time is over.
parentPort.on('message', async (ms) => {
  const end = performance.now() + ms;
  let count = 0;
  await Promise.all(users.map(async (user) => {
    while (performance.now() < end) {
      await signIn(user);
      count++;
    }
  }));
  parentPort.postMessage(count);
});
