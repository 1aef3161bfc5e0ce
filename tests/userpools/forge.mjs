// What a forger needs: the SDK's own model of requests, a signer that does as it is told, tokens made by hand.
import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import * as cognito from '@aws-sdk/client-cognito-identity-provider';
import * as identity from '@aws-sdk/client-cognito-identity';

// ---- the model -------------------------------------------------------------------------------
const plain = (schema) => (typeof schema === 'function' ? plain(schema()) : Array.isArray(schema) && schema[0] === 0 ? plain(schema[4]) : schema);

/** string, number, boolean, list, map, structure, document or other */
function kindOf(given) {
  const schema = plain(given);
  if (Array.isArray(schema)) {
    if (schema.length === 2) return kindOf(schema[0]);
    return { 1: 'list', 2: 'map', 3: 'structure' }[schema[0]] ?? 'other';
  }
  if (schema >= 128) return 'map';
  if (schema >= 64) return 'list';
  return { 0: 'string', 1: 'number', 2: 'boolean', 15: 'document' }[schema] ?? 'other';
}

/** Operation -> member -> { kind, needed }. */
export function modelOf(client) {
  const model = {};
  for (const value of Object.values(client)) {
    if (!Array.isArray(value) || value[0] !== 9) continue;
    const [, , , , names, types, needed = 0] = plain(value[4]);
    model[value[2]] = Object.fromEntries(names.map((name, i) => [name, { kind: kindOf(types[i]), needed: i < needed }]));
  }
  return model;
}
export const userPools = modelOf(cognito);
export const identityPools = modelOf(identity);

// ---- signatures ------------------------------------------------------------------------------
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** Headers of a signed request; everything can be said otherwise. */
export function signed({ credentials, host, target, body, date = new Date().toISOString().replace(/[-:]|\.\d+/g, ''), day = date.slice(0, 8),
  region = 'us-east-1', service = 'cognito-idp', term = 'aws4_request', algorithm = 'AWS4-HMAC-SHA256', path = '/', method = 'POST',
  payload = hash(body), leave = [] }) {
  const all = { host, 'x-amz-date': date, 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' };
  const names = Object.keys(all).filter((name) => !leave.includes(name)).sort();
  const canonical = [method, path, '', ...names.map((name) => `${name}:${all[name]}`), '', names.join(';'), payload].join('\n');
  const scope = `${day}/${region}/${service}/${term}`;
  const text = ['AWS4-HMAC-SHA256', date, scope, hash(canonical)].join('\n');
  const key = [day, region, service, term].reduce(hmac, `AWS4${credentials.secretAccessKey}`);
  all.authorization = `${algorithm} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, ` +
    `Signature=${createHmac('sha256', key).update(text).digest('hex')}`;
  delete all.host;
  return all;
}

// ---- tokens ----------------------------------------------------------------------------------
export const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
export const headerOf = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const own = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Forgeries of a token, by what was done: all of them to be refused wherever a token is taken. */
export function forgeries(token, keys, otherKid) {
  const [head, payload, signature] = token.split('.');
  const header = headerOf(token);
  const claims = claimsOf(token);
  const mine = (h, c, key = own.privateKey, algorithm = 'RSA-SHA256') => {
    const text = `${part(h)}.${part(c)}`;
    return `${text}.${signBytes(algorithm, Buffer.from(text), key).toString('base64url')}`;
  };
  const mac = (key, algorithm = 'HS256') => {
    const text = `${part({ ...header, alg: algorithm })}.${payload}`;
    return `${text}.${createHmac(algorithm.replace('HS', 'sha'), key).update(text).digest('base64url')}`;
  };
  const key = createPublicKey({ key: keys.find(({ kid }) => kid === header.kid), format: 'jwk' });
  const changed = (change) => `${head}.${part({ ...claims, ...change })}.${signature}`;
  const flip = (text, at) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
  return {
    'alg none, no signature': `${part({ ...header, alg: 'none' })}.${payload}.`,
    'alg none, the signature': `${part({ ...header, alg: 'none' })}.${payload}.${signature}`,
    'alg None': `${part({ ...header, alg: 'None' })}.${payload}.`,
    'alg NONE': `${part({ ...header, alg: 'NONE' })}.${payload}.`,
    'no alg': `${part({ kid: header.kid })}.${payload}.${signature}`,
    'alg is a list': `${part({ ...header, alg: ['RS256'] })}.${payload}.${signature}`,
    'alg RS512': `${part({ ...header, alg: 'RS512' })}.${payload}.${signature}`,
    'alg PS256': `${part({ ...header, alg: 'PS256' })}.${payload}.${signature}`,
    'alg rs256': `${part({ ...header, alg: 'rs256' })}.${payload}.${signature}`,
    'HS256 with the PEM': mac(key.export({ type: 'spki', format: 'pem' })),
    'HS256 with the PEM of PKCS1': mac(key.export({ type: 'pkcs1', format: 'pem' })),
    'HS256 with the DER': mac(key.export({ type: 'spki', format: 'der' })),
    'HS256 with n': mac(Buffer.from(keys[0].n, 'base64url')),
    'HS256 with nothing': mac(''),
    'HS512 with the PEM': mac(key.export({ type: 'spki', format: 'pem' }), 'HS512'),
    'own key, known kid': mine(header, claims),
    'own key, own kid': mine({ ...header, kid: 'mine' }, claims),
    'own key, no kid': mine({ alg: 'RS256' }, claims),
    'own key, kid is null': mine({ ...header, kid: null }, claims),
    'own key, kid is a path': mine({ ...header, kid: '../../etc/passwd' }, claims),
    'own key in the header': mine({ ...header, jwk: own.publicKey.export({ format: 'jwk' }) }, claims),
    'own key by address': mine({ ...header, jku: 'http://127.0.0.1:1/jwks.json', x5u: 'http://127.0.0.1:1/' }, claims),
    'own curve': mine({ ...header, alg: 'ES256' }, claims, curve.privateKey, 'sha256'),
    'critical header': `${part({ ...header, crit: ['exp'] })}.${payload}.${signature}`,
    'other kid': `${part({ ...header, kid: otherKid })}.${payload}.${signature}`,
    'later end': changed({ exp: claims.exp + 86400 }),
    'not yet': changed({ nbf: claims.exp }),
    'other user': changed({ sub: '00000000-0000-4000-8000-000000000000' }),
    'other use': changed({ token_use: claims.token_use === 'id' ? 'access' : 'id' }),
    'more scope': changed({ scope: 'aws.cognito.signin.user.admin admin' }),
    'more groups': changed({ 'cognito:groups': ['admins'] }),
    'other issuer': changed({ iss: 'https://evil.example' }),
    'other client': changed({ client_id: 'evil' }),
    'no signature': `${head}.${payload}.`,
    'two parts': `${head}.${payload}`,
    'four parts': `${token}.${signature}`,
    'five parts': `${head}.${signature}.${payload}.${signature}.${head}`,
    'header twice': `${head}.${head}.${signature}`,
    'parts exchanged': `${payload}.${head}.${signature}`,
    'short signature': token.slice(0, -40),
    'long signature': `${token}AAAA`,
    'padded': `${token}==`,
    'a bit of the signature': flip(token, token.length - 20),
    'a bit of the payload': flip(token, head.length + 30),
    'a bit of the header': flip(token, 10),
    'payload is no JSON': `${head}.${part('nonsense')}.${signature}`,
    'payload is a list': `${head}.${part([])}.${signature}`,
    'payload is empty': `${head}..${signature}`,
    'header is no JSON': `${part('nonsense')}.${payload}.${signature}`,
    'dots': '..',
    'a word': 'nonsense',
    'a hundred dots': '.'.repeat(100),
    'long nonsense': 'A'.repeat(12_000),
  };
}
