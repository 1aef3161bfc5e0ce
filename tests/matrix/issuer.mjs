// An OpenID Connect issuer on loopback, and the tokens of its users.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const CLIENT = 'matrix-client';
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** {url, clientId, token(claims), stop()} */
export async function startIssuer() {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
    const server = createServer((request, response) => {
        const documents = { '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` }, '/keys': { keys: [jwk] } };
        response.writeHead(request.url in documents ? 200 : 404, { 'content-type': 'application/json', connection: 'close' });
        response.end(JSON.stringify(documents[request.url] ?? {}));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    const token = (claims) => {
        const now = Math.floor(Date.now() / 1000);
        const signed = `${encode({ alg: 'RS256', kid: 'one' })}.${encode({ iss: url, aud: CLIENT, iat: now, auth_time: now, exp: now + 3600, ...claims })}`;
        return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
    };
    return { url, clientId: CLIENT, token, stop: () => server.close() };
}

/** Users of the issuer, as stored values name them. */
export const OUTSIDE = {
    ann: { sub: 'ora', username: 'ora-name', email: 'ora@example.org' },
    bob: { sub: 'ole', username: 'ole-name', email: 'ole@example.org' },
    gil: { sub: 'odd', username: 'odd-name', email: 'odd@example.org' },
};

/** What their tokens say: one whole with groups in a list, one without a user name and with one group as text. */
export const CLAIMS = {
    ora: { sub: 'ora', username: 'ora-name', email: 'ora@example.org', roles: ['alpha', 'gamma'] },
    ole: { sub: 'ole', role: 'beta' },
};
