// A software authenticator: makes ES256 credentials and assertions as a browser's API returns them.
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const url = (bytes) => Buffer.from(bytes).toString('base64url');

/** CBOR of the few kinds that WebAuthn needs; Map keys keep their order. */
export function cbor(value) {
  const head = (major, count) => {
    if (count < 24) return Buffer.from([(major << 5) | count]);
    if (count < 256) return Buffer.from([(major << 5) | 24, count]);
    return Buffer.from([(major << 5) | 25, count >> 8, count & 255]);
  };
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, item]) => [cbor(key), cbor(item)])]);
}

export class Authenticator {
  constructor({ origin = 'http://localhost:3000', flags = 0x05, format = 'none' } = {}) {
    Object.assign(this, { origin, flags, format, counter: 0, id: randomBytes(32) });
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { x, y } = publicKey.export({ format: 'jwk' });
    this.cose = cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(x, 'base64url')], [-3, Buffer.from(y, 'base64url')]]));
  }

  clientData(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  authData(rpId, attested) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    const flags = Buffer.from([this.flags | (attested ? 0x40 : 0)]);
    const credential = attested
      ? [Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, this.cose]
      : [];
    return Buffer.concat([sha256(rpId), flags, counter, ...credential]);
  }

  sign(authData, clientData) {
    return sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.key);
  }

  /** navigator.credentials.create, as toJSON gives it. */
  create(options) {
    const clientData = this.clientData('webauthn.create', options.challenge);
    const authData = this.authData(options.rp.id, true);
    this.userHandle = options.user.id;
    const statement = this.format === 'packed' ? { alg: -7, sig: this.sign(authData, clientData) } : {};
    return {
      id: url(this.id), rawId: url(this.id), type: 'public-key', authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: {
        clientDataJSON: url(clientData),
        attestationObject: url(cbor(new Map([['fmt', this.format], ['attStmt', statement], ['authData', authData]]))),
        transports: ['internal'],
      },
    };
  }

  /** navigator.credentials.get, as toJSON gives it. */
  get(options) {
    this.counter += 1;
    const clientData = this.clientData('webauthn.get', options.challenge);
    const authData = this.authData(options.rpId, false);
    return {
      id: url(this.id), rawId: url(this.id), type: 'public-key', authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response: {
        clientDataJSON: url(clientData), authenticatorData: url(authData),
        signature: url(this.sign(authData, clientData)), userHandle: this.userHandle,
      },
    };
  }
}
