// Those who ask: users with tokens, identities with the pool's credentials, an access key, the API
// key. Each is real for ampd (headers that sign a request) and known to the official side (identity).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Sha256 } from '@aws-crypto/sha256-js';
import { CognitoIdentityClient, GetCredentialsForIdentityCommand, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import * as idp from '@aws-sdk/client-cognito-identity-provider';
import { SignatureV4 } from '@smithy/signature-v4';
import { AMPD } from '../../clients/lib/ampd.mjs';

const PASSWORD = 'Corr3ct-horse!';
const ACCOUNT = '123456789012';
const sessionOf = (role) => `arn:aws:sts::${ACCOUNT}:assumed-role/${role}/CognitoIdentityCredentials`;

// What the official side is told of the deployment. Groups' roles have no policy of the API.
export const namesOf = (outputs) => ({
    authRole: sessionOf('authenticated'),
    unauthRole: sessionOf('unauthenticated'),
    groupRole: sessionOf('group'),
    identityPoolId: outputs.auth?.identity_pool_id ?? 'none',
});

// `team` is a claim of the ID token only, and a text.
const USERS = {
    ann: { groups: ['Admin'], team: '["Red","Blue"]' },
    bob: { groups: [] },
    cyd: { groups: ['Red'], team: 'Red' },
    dan: { groups: ['Blue', 'Red'], team: 'Blue-Red' },
    eve: { groups: ['null'], team: '' },
};

// Those whom another issuer knows: names that differ from ids, groups as texts, claims left out.
const OTHERS = {
    oda: { sub: 'oda-1', username: 'oda', email: 'oda@x', 'cognito:groups': 'Red' },
    olaf: { sub: 'olaf-1', 'cognito:username': 'olaf', 'cognito:groups': '["Blue","Admin"]', 'custom:team': ['Red', 'null'] },
    otto: { sub: 'otto-1', email: 'otto@x', 'custom:team': '["Red"]' },
    odd: { sub: 'a::b', username: 'x::y', email: 'odd@x', 'cognito:groups': ['null', 'Blue'], 'custom:team': [] },
};

const run = promisify(execFile);

export async function accessKey(sandbox, ...more) {
    const { stdout } = await run(AMPD, ['keys', 'create', '--json', ...more, '--data-dir', path.dirname(sandbox.caFile)]);
    return JSON.parse(stdout);
}

export const deleteKey = (sandbox, id) => run(AMPD, ['keys', 'delete', id, '--data-dir', path.dirname(sandbox.caFile)]);

const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

// AppSync's identity of a token.
function userOf(token) {
    const claims = claimsOf(token);
    const username = claims.username ?? claims['cognito:username'];
    return {
        authType: 'User Pool Authorization',
        identity: { claims, sub: claims.sub, username, issuer: claims.iss, groups: claims['cognito:groups'] ?? null, sourceIp: ['127.0.0.1'], defaultAuthStrategy: 'ALLOW' },
    };
}

// AppSync's identity of credentials; `cognito` of those that an identity pool gave.
const principalOf = (userArn, cognito = {}) => ({
    authType: 'IAM Authorization',
    identity: {
        accountId: ACCOUNT, userArn, username: 'AIDA', sourceIp: ['127.0.0.1'],
        cognitoIdentityPoolId: null, cognitoIdentityId: null, cognitoIdentityAuthType: null, cognitoIdentityAuthProvider: null, ...cognito,
    },
});

function signer({ url, region, credentials }) {
    const v4 = new SignatureV4({ service: 'appsync', region, credentials, sha256: Sha256 });
    return async (body, { pathname = url.pathname } = {}) => {
        const headers = { host: url.host, accept: 'application/json, text/javascript', 'content-encoding': 'amz-1.0', 'content-type': 'application/json; charset=UTF-8' };
        const signed = await v4.sign({ method: 'POST', protocol: url.protocol, hostname: url.hostname, port: Number(url.port), path: pathname, headers, body });
        return signed.headers;
    };
}

/** Headers for requests that an access key signs. */
export const signerOf = (api, credentials) => signer({ url: new URL(api.endpoint), region: api.sandbox.outputs.data.aws_region, credentials });

class Enrolment {
    constructor(api) {
        const { outputs } = api.sandbox;
        Object.assign(this, { api, outputs, names: namesOf(outputs), url: new URL(api.endpoint), region: outputs.data.aws_region, callers: {} });
    }

    add(name, caller, headers, more) {
        this.callers[name] = { name, ...caller, headers, ...more };
    }

    sign(credentials) {
        return signer({ url: this.url, region: this.region, credentials });
    }

    async user(name, { groups, team }) {
        const { user_pool_id: UserPoolId, user_pool_client_id: ClientId } = this.outputs.auth;
        const Username = `${name}@example.com`;
        const attributes = [['email', Username], ...(team === undefined ? [] : [['custom:team', team]])];
        await this.idp.send(new idp.SignUpCommand({ ClientId, Username, Password: PASSWORD, UserAttributes: attributes.map(([Name, Value]) => ({ Name, Value })) }));
        await this.idp.send(new idp.AdminConfirmSignUpCommand({ UserPoolId, Username }));
        for (const GroupName of groups) {
            await this.idp.send(new idp.AdminAddUserToGroupCommand({ UserPoolId, Username, GroupName }));
        }
        const AuthParameters = { USERNAME: Username, PASSWORD };
        const { AuthenticationResult } = await this.idp.send(new idp.InitiateAuthCommand({ ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters }));
        for (const [suffix, token] of [['', AuthenticationResult.AccessToken], ['/id', AuthenticationResult.IdToken]]) {
            this.add(`${name}${suffix}`, userOf(token), async () => ({ authorization: token }), { token });
        }
    }

    // Let in by the authoriser, except to some fields.
    visitor(name, denied) {
        const token = denied === undefined ? 'open' : `open ${denied.join()}`;
        this.add(name, { authType: 'Lambda Authorization', identity: { resolverContext: null } }, async () => ({ authorization: token }), { denied });
    }

    async credentials(token) {
        const endpoint = this.url.origin;
        const client = new CognitoIdentityClient({ region: this.region, endpoint, credentials: { accessKeyId: 'none', secretAccessKey: 'none' } });
        const IdentityPoolId = this.names.identityPoolId;
        const Logins = token && { [`cognito-idp.${this.region}.amazonaws.com/${this.outputs.auth.user_pool_id}`]: token };
        const { IdentityId } = await client.send(new GetIdCommand({ IdentityPoolId, Logins }));
        const { Credentials } = await client.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
        client.destroy();
        return { IdentityId, sign: this.sign({ accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretKey, sessionToken: Credentials.SessionToken }) };
    }

    async identity(name, role, type, token) {
        const { IdentityId, sign } = await this.credentials(token);
        const cognito = { cognitoIdentityPoolId: this.names.identityPoolId, cognitoIdentityId: IdentityId, cognitoIdentityAuthType: type };
        this.add(name, principalOf(this.names[role], cognito), sign, { role });
    }
}

/**
 * {callers: name -> {authType, identity, headers(body)}, words}: users ann (Admin), bob, cyd (Red),
 * dan (Red and Blue) and eve ("null"), each also with the ID token ("ann/id"); guest, member and chief
 * (in a group's role) of the identity pool; root with an access key, clerk with one for other things;
 * key with the API key; those of another issuer; lois and luke of a Lambda authoriser, who is denied
 * these fields. `words` names what is different in each run.
 */
export async function enrol(api, issuer, denied) {
    const e = new Enrolment(api);
    const key = await accessKey(api.sandbox);
    e.add('key', { authType: 'API Key Authorization', identity: null }, async () => ({ 'x-api-key': api.key }));
    e.add('root', principalOf(`arn:aws:iam::${ACCOUNT}:user/root`), e.sign(key));
    const other = await accessKey(api.sandbox, '--allow', 's3:GetObject');
    e.add('clerk', principalOf(`arn:aws:iam::${ACCOUNT}:user/clerk`), e.sign(other), { role: 'none' });
    e.idp = new idp.CognitoIdentityProviderClient({ region: e.region, endpoint: e.url.origin, credentials: key });
    for (const [name, options] of Object.entries(USERS)) {
        await e.user(name, options);
    }
    e.idp.destroy();
    await e.identity('guest', 'unauthRole', 'unauthenticated');
    await e.identity('member', 'authRole', 'authenticated', e.callers['bob/id'].token);
    await e.identity('chief', 'groupRole', 'authenticated', e.callers['ann/id'].token);
    for (const [name, more] of Object.entries(issuer === undefined ? {} : OTHERS)) {
        const { text, claims } = issuer.token(more);
        e.add(name, { authType: 'Open ID Connect Authorization', identity: { claims, sub: claims.sub, issuer: claims.iss } }, async () => ({ authorization: text }));
    }
    if (denied !== undefined) {
        e.visitor('lois');
        e.visitor('luke', denied);
    }
    const words = new Map(Object.keys(USERS).map((name) => [e.callers[name].identity.sub, `(${name})`]));
    assert.equal(words.size, Object.keys(USERS).length);
    return { callers: e.callers, names: e.names, words };
}
