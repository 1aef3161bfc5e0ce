// Calls without credentials that hold are refused before any rule is asked.
import { document } from './cases.mjs';
import { credentialsFor } from './server.mjs';

// Another character in the middle of a text, where every bit counts.
function spoil(text, at) {
    return `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
}

function parts(token) {
    const [header, payload, signature] = token.split('.');
    return { header, payload, signature };
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

function tokens(token) {
    const { header, payload, signature } = parts(token);
    const claims = decode(payload);
    const changed = (more) => `${header}.${encode({ ...claims, ...more })}.${signature}`;
    return {
        'no token': 'no-token',
        'a token cut off': `${header}.${payload}`,
        'a token with another signature': `${header}.${payload}.${spoil(signature, 20)}`,
        'a token without a signature': `${encode({ ...decode(header), alg: 'none' })}.${payload}.`,
        'a token of another user': changed({ sub: '00000000-0000-4000-8000-000000000000', username: '00000000-0000-4000-8000-000000000000' }),
        'a token with one group more': changed({ 'cognito:groups': ['alpha', 'beta', 'gamma'] }),
        'a token that lasts longer': changed({ exp: claims.exp + 86_400 }),
        'a token of another pool': changed({ iss: `${claims.iss}x` }),
    };
}

function keys(credentials) {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    return {
        'another secret': { ...credentials, secretAccessKey: spoil(secretAccessKey, 5) },
        'another access key': { ...credentials, accessKeyId: spoil(accessKeyId, 10) },
        ...(sessionToken && {
            'another session': { ...credentials, sessionToken: spoil(sessionToken, 30) },
            'no session': { accessKeyId, secretAccessKey },
        }),
    };
}

function bad(callers) {
    const { key, guest, annIam, admin, ann, annId } = callers;
    const byToken = [ann, annId].flatMap(({ token }) => Object.entries(tokens(token)).map(([name, each]) => [name, { token: each }]));
    const byKeys = [guest, annIam, admin].flatMap(({ credentials }) => Object.entries(keys(credentials)).map(([name, each]) => [name, { credentials: each }]));
    return [['nothing', {}], ['another API key', { key: spoil(key.key, 8) }], ['an empty API key', { key: ' ' }], ...byToken, ...byKeys];
}

/** All of them on the first requests of each kind of some models. */
export async function refused(matrix, count = 4) {
    const chosen = matrix.plans.filter((_, i) => i % Math.ceil(matrix.plans.length / count) === 0);
    for (const { requests, model } of chosen) {
        const kinds = new Map(requests.map((request) => [request.kind, request]));
        for (const request of kinds.values()) {
            for (const [name, caller] of bad(matrix.callers)) {
                const asked = document(request, matrix.models);
                const body = JSON.stringify(asked);
                const answer = await fetch(matrix.url, { method: 'POST', headers: await credentialsFor(matrix.url, body, caller), body });
                const { data, errors } = await answer.json();
                const got = { refused: answer.status === 401 || answer.status === 403, data: data ?? null, type: /Exception$/.test(errors?.[0]?.errorType) };
                matrix.expect('refused', name, { refused: true, data: null, type: true }, got, { name, ...asked }, model);
            }
        }
    }
}
