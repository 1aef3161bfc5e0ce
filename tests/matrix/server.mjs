// The server under test: its tables filled through an open schema first, then served with the rules; and the people
// who call it, each with real credentials.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { AMPD, startSandbox } from '../clients/lib/ampd.mjs';
import { CLAIMS } from './issuer.mjs';
import { schemaText } from './models.mjs';

const REGION = 'us-east-1';
export const PASSWORD = 'Corr3ct-horse!';
const GROUPS = ['alpha', 'beta', 'gamma'];

const AUTH = `import { defineAuth } from '@aws-amplify/backend';

export const auth = defineAuth({ loginWith: { email: true }, groups: ${JSON.stringify(GROUPS)} });
`;
const BACKEND = `import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';
import { data } from './data/resource';

const { cfnUserPoolClient } = defineBackend({ auth, data }).auth.resources.cfnResources;
cfnUserPoolClient.explicitAuthFlows = ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
`;
// Lets in whoever says so, and says which fields are denied.
const AUTHORIZER = `export const handler = async ({ authorizationToken }: any) => {
  const [word, denied] = authorizationToken.split(' ');
  return { isAuthorized: word === 'visitor', deniedFields: denied?.split(',') ?? [] };
};
`;
const definition = (schema, issuer) => `import { a, defineData, defineFunction } from '@aws-amplify/backend';

export const data = defineData({
  schema: ${schema},
  authorizationModes: { defaultAuthorizationMode: 'userPool', apiKeyAuthorizationMode: { expiresInDays: 30 },
    lambdaAuthorizationMode: { function: defineFunction({ entry: './authorizer.ts' }), timeToLiveInSeconds: 60 },
    oidcAuthorizationMode: {
      oidcProviderName: 'outside', oidcIssuerUrl: '${issuer.url}', clientId: '${issuer.clientId}',
      tokenExpiryFromAuthInSeconds: 3600, tokenExpireFromIssueInSeconds: 3600,
    } },
});
`;

/** A project of these models in a folder of its own; start(text) serves it, written by `text`, on the data it has. */
export function makeProject(models, issuer) {
    const folder = mkdtempSync(path.join(tmpdir(), 'ampd-matrix-'));
    const amplify = path.join(folder, 'project', 'amplify');
    ['auth', 'data'].forEach((name) => mkdirSync(path.join(amplify, name), { recursive: true }));
    writeFileSync(path.join(amplify, 'package.json'), '{ "type": "module" }');
    writeFileSync(path.join(amplify, 'backend.ts'), BACKEND);
    writeFileSync(path.join(amplify, 'auth/resource.ts'), AUTH);
    writeFileSync(path.join(amplify, 'data/authorizer.ts'), AUTHORIZER);
    const remove = () => rmSync(folder, { recursive: true, force: true });
    process.on('exit', remove);
    return {
        folder,
        issuer,
        remove,
        start: (text) => {
            writeFileSync(path.join(amplify, 'data/resource.ts'), definition(schemaText(models, text), issuer));
            rmSync(path.join(folder, 'out'), { recursive: true, force: true });
            return startSandbox(path.dirname(amplify), { folder });
        },
        accessKey: async () => {
            const { stdout } = await promisify(execFile)(AMPD, ['keys', 'create', '--json', '--data-dir', path.join(folder, 'data')]);
            return JSON.parse(stdout);
        },
    };
}

// ---- calls ---------------------------------------------------------------------------------------

/** The headers of a signed POST. */
export async function sign(url, body, credentials, service, headers = {}) {
    const { hostname, port, pathname } = new URL(url);
    const signer = new SignatureV4({ credentials, region: REGION, service, sha256: Sha256 });
    const host = `${hostname}:${port}`;
    const signed = await signer.sign({ method: 'POST', protocol: 'http:', hostname, port: Number(port), path: pathname, query: {}, headers: { host, ...headers }, body });
    return signed.headers;
}

async function cognito(origin, target, body, credentials) {
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const all = credentials === undefined ? headers : await sign(`${origin}/`, text, credentials, 'cognito-idp', headers);
    const answer = await fetch(`${origin}/`, { method: 'POST', headers: all, body: text });
    const json = await answer.json();
    assert.equal(answer.status, 200, `${target}: ${JSON.stringify(json)}`);
    return json;
}

const pool = (operation) => `AWSCognitoIdentityProviderService.${operation}`;
const identity = (operation) => `AWSCognitoIdentityService.${operation}`;

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** Users, made once: {ann, bob, gil, zoe}, gil in groups alpha and gamma. */
export async function makePeople({ origin, outputs }, key) {
    const people = {};
    for (const name of ['ann', 'bob', 'gil', 'zoe']) {
        const email = `${name}@example.com`;
        const { UserSub: sub } = await cognito(origin, pool('SignUp'), {
            ClientId: outputs.auth.user_pool_client_id, Username: email, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: email }],
        });
        await cognito(origin, pool('AdminConfirmSignUp'), { UserPoolId: outputs.auth.user_pool_id, Username: email }, key);
        people[name] = { email, sub, username: sub };
    }
    for (const GroupName of ['alpha', 'gamma']) {
        await cognito(origin, pool('AdminAddUserToGroup'), { UserPoolId: outputs.auth.user_pool_id, Username: people.gil.email, GroupName }, key);
    }
    return people;
}

async function signIn({ origin, outputs }, { email }) {
    const { AuthenticationResult } = await cognito(origin, pool('InitiateAuth'), {
        ClientId: outputs.auth.user_pool_client_id, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: email, PASSWORD },
    });
    return AuthenticationResult;
}

async function identityOf({ origin, outputs }, token) {
    const { user_pool_id: userPool, identity_pool_id: IdentityPoolId } = outputs.auth;
    const Logins = token && { [`cognito-idp.${REGION}.amazonaws.com/${userPool}`]: token };
    const { IdentityId } = await cognito(origin, identity('GetId'), { IdentityPoolId, Logins });
    const { Credentials } = await cognito(origin, identity('GetCredentialsForIdentity'), { IdentityId, Logins });
    return { accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretKey, sessionToken: Credentials.SessionToken };
}

const byToken = (token, mode = 'userPools') => ({ mode, claims: claimsOf(token), token });
const byWord = (denied) => ({ mode: 'lambda', denied, token: denied === undefined ? 'visitor' : `visitor ${denied.join()}` });
const byKeys = (iam, credentials) => ({ mode: 'iam', iam, credentials });

// What the authoriser denies one of its visitors: a field of some models, an operation of others.
function deniedOf(models) {
    return models.flatMap(({ name }, i) => [[`${name}.note`], [`Mutation.create${name}`], [`Query.list${name}s`], [], [`Subscription.onCreate${name}`, `${name}.tag`]][i % 5]);
}

/** The callers of the matrix: name -> {mode, iam, claims, ...credentials}. */
export async function makeCallers(sandbox, people, key, issuer, models) {
    const [ann, bob, gil] = await Promise.all(['ann', 'bob', 'gil'].map((name) => signIn(sandbox, people[name])));
    return {
        key: { mode: 'apiKey', key: sandbox.outputs.data.api_key },
        guest: byKeys('guest', await identityOf(sandbox)),
        annIam: byKeys('authenticated', await identityOf(sandbox, ann.IdToken)),
        gilIam: byKeys('grouped', await identityOf(sandbox, gil.IdToken)),
        admin: byKeys('admin', key),
        ann: byToken(ann.AccessToken),
        bob: byToken(bob.AccessToken),
        gil: byToken(gil.AccessToken),
        annId: byToken(ann.IdToken),
        gilId: byToken(gil.IdToken),
        ora: byToken(issuer.token(CLAIMS.ora), 'oidc'),
        ole: byToken(issuer.token(CLAIMS.ole), 'oidc'),
        vic: byWord(),
        val: byWord(deniedOf(models)),
    };
}

/** The headers by which a caller is known. */
export async function credentialsFor(url, body, { key, token, credentials }) {
    if (credentials !== undefined) {
        return sign(url, body, credentials, 'appsync', { 'content-type': 'application/json' });
    }
    return { 'content-type': 'application/json', ...(key && { 'x-api-key': key }), ...(token && { authorization: token }) };
}

/** One request; {status, ...answer}. */
export async function post(url, document, caller) {
    const body = JSON.stringify(document);
    const answer = await fetch(url, { method: 'POST', headers: await credentialsFor(url, body, caller), body });
    return { status: answer.status, ...(await answer.json()) };
}

// ---- filling -------------------------------------------------------------------------------------

const AT_ONCE = 40;

/** Writes all items of the plans through the open schema. */
export async function fill(url, key, plans) {
    for (const { model, items } of plans) {
        for (let from = 0; from < items.length; from += AT_ONCE) {
            const part = items.slice(from, from + AT_ONCE);
            const heads = part.map((_, i) => `$i${i}: Create${model.name}Input!`).join(', ');
            const query = `mutation(${heads}) { ${part.map((_, i) => `m${i}: create${model.name}(input: $i${i}) { __typename }`).join(' ')} }`;
            const variables = Object.fromEntries(part.map((item, i) => [`i${i}`, item]));
            const answer = await post(url, { query, variables }, { key });
            assert.equal(answer.errors, undefined, JSON.stringify(answer).slice(0, 500));
        }
    }
}
