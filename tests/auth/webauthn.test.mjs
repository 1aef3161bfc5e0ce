// Passkeys of random keys, made with node:crypto as an authenticator would: registered and used.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';
import { Host } from './host.mjs';

let host;

before(() => {
  host = new Host();
});
after(async () => assert.equal(await host.close(), 0));

// The little CBOR an authenticator writes (RFC 8949 3).
function head(major, n) {
  if (n < 24) return Buffer.from([(major << 5) | n]);
  if (n < 256) return Buffer.from([(major << 5) | 24, n]);
  return Buffer.from([(major << 5) | 25, n >> 8, n & 255]);
}
const int = (n) => (n >= 0 ? head(0, n) : head(1, -1 - n));
const bytes = (b) => Buffer.concat([head(2, b.length), b]);
const text = (s) => Buffer.concat([head(3, s.length), Buffer.from(s)]);
const map = (...members) => Buffer.concat([head(5, members.length), ...members.flat()]);
const raw = (s) => Buffer.from(s, 'base64url');

const kinds = {
  ES256: {
    make: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    cose: ({ x, y }) => map([int(1), int(2)], [int(3), int(-7)], [int(-1), int(1)], [int(-2), bytes(raw(x))], [int(-3), bytes(raw(y))]),
    digest: 'sha256',
  },
  RS256: {
    make: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
    cose: ({ n, e }) => map([int(1), int(3)], [int(3), int(-257)], [int(-1), bytes(raw(n))], [int(-2), bytes(raw(e))]),
    digest: 'sha256',
  },
  EdDSA: {
    make: () => crypto.generateKeyPairSync('ed25519'),
    cose: ({ x }) => map([int(1), int(1)], [int(3), int(-8)], [int(-1), int(6)], [int(-2), bytes(raw(x))]),
    digest: null,
  },
};

const sha256 = (data) => crypto.createHash('sha256').update(data).digest();
const rp = sha256('example.org');

function data(flags, counter, ...rest) {
  const fixed = Buffer.alloc(5);
  fixed[0] = flags;
  fixed.writeUInt32BE(counter, 1);
  return Buffer.concat([rp, fixed, ...rest]);
}

for (const [name, kind] of Object.entries(kinds)) {
  test(`a passkey of ${name} is registered and used`, async () => {
    const { publicKey, privateKey } = kind.make();
    const cose = kind.cose(publicKey.export({ format: 'jwk' }));
    const id = crypto.randomBytes(64);
    const extensions = map([text('credProtect'), int(2)]);
    const credential = [Buffer.alloc(16), Buffer.from([0, id.length]), id, cose];
    const object = map(
      [text('fmt'), text('none')], [text('attStmt'), map()], [text('authData'), bytes(data(0xc5, 7, ...credential, extensions))]);
    const attested = await host.ask('attested', { object: object.toString('base64url') });
    assert.deepEqual(attested, { key: cose.toString('base64url'), id: id.toString('base64url'), counter: 7, flags: 0xc5 });

    const client = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge: 'YQ', origin: 'https://example.org' }));
    const authenticator = data(0x05, 4294967295);
    const signature = crypto.sign(kind.digest, Buffer.concat([authenticator, sha256(client)]), privateKey);
    const ask = (over) => host.ask('asserted', Object.fromEntries(Object.entries(
      { key: cose, data: authenticator, client, signature, ...over }).map(([key, value]) => [key, value.toString('base64url')])));
    assert.deepEqual(await ask({}), { ok: true });
    assert.deepEqual(await ask({ client: Buffer.concat([client, Buffer.from(' ')]) }), { ok: false });
    assert.deepEqual(await ask({ data: data(0x01, 4294967295) }), { ok: false });
    assert.deepEqual(await ask({ signature: Buffer.alloc(64) }), { ok: false });
    const other = kind.cose(kind.make().publicKey.export({ format: 'jwk' }));
    assert.deepEqual(await ask({ key: other }), { ok: false });
    assert.match((await ask({ key: cose.subarray(0, -1) })).error, /CBOR/);
    if (name === 'ES256') { // in the fixed form of JOSE: not WebAuthn's
      const fixed = crypto.sign('sha256', Buffer.concat([authenticator, sha256(client)]), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      assert.deepEqual(await ask({ signature: fixed }), { ok: false });
    }
  });
}
