// A signer of our own (AWS Signature Version 4), so that a test can damage any part of what it signs.
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
export const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
export const encodePath = (path) => path.split('/').map(encode).join('/');
const sorted = (pairs) => pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));

export const amzDate = (date = new Date()) => date.toISOString().replace(/[-:]|\.\d+/g, '');

/** Everything between the secret and the signature; each part can be replaced. */
export function scopeOf({ date = amzDate(), region = 'us-east-1', service = 's3', day = date.slice(0, 8), terminator = 'aws4_request' } = {}) {
  return { date, text: `${day}/${region}/${service}/${terminator}`, parts: [day, region, service, terminator] };
}
export const signingKey = (secret, scope) => scope.parts.reduce((key, part) => hmac(key, part), Buffer.from(`AWS4${secret}`));
export const stringToSign = (scope, canonical) => ['AWS4-HMAC-SHA256', scope.date, scope.text, sha256(canonical)].join('\n');
export const seal = (secret, scope, text) => hmac(signingKey(secret, scope), text).toString('hex');

const canonicalQuery = (query) => sorted(query.map(([name, value]) => [encode(name), encode(value)])).map((pair) => pair.join('=')).join('&');

/** path is the encoded one; query pairs are plain; header names are in lower case. */
export function canonicalRequest({ method, path, query = [], headers, payload }) {
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`).join('');
  return { text: [method, path, canonicalQuery(query), lines, names.join(';'), payload].join('\n'), names: names.join(';') };
}

/**
 * A request signed in its header: {method, path, query, headers, body}; `sign` can change scope and payload. What comes back
 * is the same with its headers, and `signature` and `scope` for chunks.
 */
export function signHeader(request, credentials, { scope = scopeOf(), payload = sha256(request.body ?? '') } = {}) {
  const headers = { ...request.headers, 'x-amz-date': scope.date, 'x-amz-content-sha256': payload };
  if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;
  const { text, names } = canonicalRequest({ ...request, headers, payload });
  const signature = seal(credentials.secretAccessKey, scope, stringToSign(scope, text));
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope.text}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...request, headers: { ...headers, authorization }, signature, scope };
}

/** The same signed in the query. */
export function signQuery(request, credentials, { scope = scopeOf(), expires = 60, payload = 'UNSIGNED-PAYLOAD' } = {}) {
  const names = Object.keys(request.headers).sort().join(';');
  const query = [
    ...(request.query ?? []),
    ['X-Amz-Algorithm', 'AWS4-HMAC-SHA256'], ['X-Amz-Credential', `${credentials.accessKeyId}/${scope.text}`], ['X-Amz-Date', scope.date],
    ['X-Amz-Expires', String(expires)], ['X-Amz-SignedHeaders', names],
    ...(credentials.sessionToken ? [['X-Amz-Security-Token', credentials.sessionToken]] : []),
  ];
  const { text } = canonicalRequest({ ...request, query, payload });
  const signature = seal(credentials.secretAccessKey, scope, stringToSign(scope, text));
  return { ...request, query: [...query, ['X-Amz-Signature', signature]], signature, scope };
}

const EMPTY = sha256('');

/** A body in signed chunks; `trailer` is a list of [name, value]. Each part is an element, so that a test can damage one. */
export function chunksOf(pieces, { signature, scope }, secret, trailer) {
  const key = signingKey(secret, scope);
  let previous = signature;
  const chunk = (bytes) => {
    previous = hmac(key, ['AWS4-HMAC-SHA256-PAYLOAD', scope.date, scope.text, previous, EMPTY, sha256(bytes)].join('\n')).toString('hex');
    return { size: bytes.length.toString(16), signature: previous, bytes: Buffer.from(bytes) };
  };
  const chunks = [...pieces, Buffer.alloc(0)].map(chunk);
  if (!trailer) return { chunks };
  const lines = trailer.map(([name, value]) => `${name}:${value}\n`).join('');
  const sealed = hmac(key, ['AWS4-HMAC-SHA256-TRAILER', scope.date, scope.text, previous, sha256(lines)].join('\n')).toString('hex');
  return { chunks, trailer: trailer.map((pair) => [...pair]), trailerSignature: sealed };
}

/** The bytes of such a body. Chunks without a signature are those of an unsigned body. */
export function writeChunks({ chunks, trailer, trailerSignature }) {
  const parts = [];
  for (const { size, signature, bytes } of chunks) {
    parts.push(Buffer.from(`${size}${signature === undefined ? '' : `;chunk-signature=${signature}`}\r\n`), bytes);
    if (bytes.length > 0) parts.push(Buffer.from('\r\n'));
  }
  for (const [name, value] of trailer ?? []) parts.push(Buffer.from(`${name}:${value}\r\n`));
  if (trailerSignature !== undefined) parts.push(Buffer.from(`x-amz-trailer-signature:${trailerSignature}\r\n`));
  parts.push(Buffer.from('\r\n'));
  return Buffer.concat(parts);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

/** Sends a request as it is: nothing is normalised. {status, headers, body (Buffer), code (of S3's error)} */
export function send({ port, method, path, query = [], rawQuery, headers = {}, rawHeaders, body }) {
  const search = rawQuery ?? query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, method, path: path + (search ? `?${search}` : ''), headers: rawHeaders ?? headers, agent, setHost: false },
      (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(parts);
          const code = /<Code>([^<]*)<\/Code>/.exec(bytes.toString('latin1'))?.[1];
          resolve({ status: response.statusCode, headers: response.headers, body: bytes, code });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
