// An OpenID Connect issuer on loopback that can be slow, down, wrong, or rotate its keys; and tokens signed by jose.
import { createServer } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export const CLIENT = 'web-client-1';
const now = () => Math.floor(Date.now() / 1000);

let keyCount = 0;
/** A key pair with its JWK; `kid` is new each time. */
export async function makeKey(alg = 'RS256', members = {}) {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  const kid = `key-${++keyCount}`;
  return { alg, kid, publicKey, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig', ...members } };
}

/** A token of that issuer; `claims` are laid over good ones, undefined takes one away. */
export function makeToken(issuer, key, claims = {}, header = {}) {
  const all = { iss: issuer.url, sub: 'user-1', aud: CLIENT, iat: now(), exp: now() + 600, ...claims };
  for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
  return new SignJWT(all).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

/** Starts one. What it answers can be changed while it runs. */
export async function startIssuer({ port = 0, keys = [], tls } = {}) {
  const issuer = {
    keys,
    requests: [],
    delay: 0,
    /** Given path and the usual body, returns what to answer instead: {status, headers, body}. */
    change: (path, body) => ({ status: 200, body }),
  };
  const sockets = new Set();
  const handle = (request, response) => {
    issuer.requests.push(request.url);
    const documents = {
      '/.well-known/openid-configuration': { issuer: issuer.named ?? issuer.url, jwks_uri: issuer.keysUrl ?? `${issuer.url}/keys` },
      '/keys': { keys: issuer.keys.map((key) => key.jwk) },
    };
    const body = documents[request.url];
    const { status, headers, body: sent } = issuer.change(request.url, body === undefined ? undefined : JSON.stringify(body));
    setTimeout(() => {
      response.writeHead(sent === undefined ? 404 : status, { 'content-type': 'application/json', ...headers });
      response.end(sent);
    }, issuer.delay).unref();
  };
  const server = tls ? createSecure(tls, handle) : createServer(handle);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  issuer.port = server.address().port;
  issuer.url = `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${issuer.port}`;
  issuer.stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      for (const socket of sockets) socket.destroy();
    });
  return issuer;
}
