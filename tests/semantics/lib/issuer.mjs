// An OpenID Connect issuer of this machine: its keys, and tokens with any claims.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** {url, token(claims) -> {text, claims}, stop()} */
export async function startIssuer() {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' };
    const server = http.createServer((request, response) => {
        const documents = {
            '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
            '/keys': { keys: [jwk] },
        };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(documents[request.url] ?? {}));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;

    function token(more) {
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: url, aud: 'c', iat: now, auth_time: now, exp: now + 3600, ...more };
        const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'k' })}.${encode(claims)}`;
        return { text: `${text}.${createSign('RSA-SHA256').update(text).sign(privateKey, 'base64url')}`, claims };
    }
    return { url, token, stop: () => (server.closeAllConnections(), server.close()) };
}
