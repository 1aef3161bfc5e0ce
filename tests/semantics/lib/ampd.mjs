// ampd's side: a sandbox that serves a schema, asked over HTTP.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '../../clients/lib/ampd.mjs';

const BACKEND = `import { defineBackend } from '@aws-amplify/backend';
import { data } from './data/resource';

defineBackend({ data });
`;

// User and identity pools bring their authorization modes.
const AUTH = `import { defineAuth } from '@aws-amplify/backend';

export const auth = defineAuth({
  loginWith: { email: true },
  groups: ['Admin', 'Red', 'Blue', 'null'],
  userAttributes: { 'custom:team': { dataType: 'String', mutable: true, maxLen: 200 } },
});
`;
const BACKEND_WITH_AUTH = `import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';
import { data } from './data/resource';

const backend = defineBackend({ auth, data });
backend.auth.resources.cfnResources.cfnUserPoolClient.explicitAuthFlows = ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
`;

const oidc = (issuer) => (issuer === undefined ? '' : `, oidcAuthorizationMode: {
    oidcProviderName: 'other', oidcIssuerUrl: ${JSON.stringify(issuer)}, clientId: 'c', tokenExpiryFromAuthInSeconds: 3600, tokenExpireFromIssueInSeconds: 3600,
  }`);

// Lets in whoever says so, and says which fields are denied.
const AUTHORISER = `export const handler = async ({ authorizationToken }) => {
  const [word, denied] = authorizationToken.split(' ');
  return { isAuthorized: word === 'open', deniedFields: denied?.split(',') ?? [], ttlOverride: 60 };
};
`;
const lambda = (modes) => (modes.includes('lambda') ? ", lambdaAuthorizationMode: { function: defineFunction({ entry: './authoriser.js' }) }" : '');

// Functions of operations give what they are asked to.
const GIVE = 'export const handler = async (event) => event.arguments.give ?? null;\n';
function functions(sdl) {
    const names = new Set([...sdl.matchAll(/@function\(name: "(\w+)"/g)].map(([, name]) => name));
    return names.size === 0 ? '' : `functions: { ${[...names].map((name) => `${name}: defineFunction({ name: '${name}', entry: './give.js' })`).join(', ')} },`;
}

const definition = (sdl, modes, issuer) => `import { defineData, defineFunction } from '@aws-amplify/backend';

export const data = defineData({
  schema: ${JSON.stringify(sdl)}, ${functions(sdl)}
  authorizationModes: { defaultAuthorizationMode: '${modes[0]}', apiKeyAuthorizationMode: { expiresInDays: 30 }${oidc(issuer)}${lambda(modes)} },
});
`;

/**
 * Serves the SDL; `issuer`: URL of the one trusted besides the user pool.
 * {endpoint, key, post(body, headers), run(query, variables, caller), change(sdl), stop()}
 */
export async function serve(sdl, modes = ['apiKey'], options = undefined, issuer = undefined) {
    const project = mkdtempSync(join(tmpdir(), 'ampd-semantics-'));
    mkdirSync(join(project, 'amplify/data'), { recursive: true });
    if (modes.includes('userPool')) {
        mkdirSync(join(project, 'amplify/auth'));
        writeFileSync(join(project, 'amplify/auth/resource.ts'), AUTH);
    }
    const change = (text) => writeFileSync(join(project, 'amplify/data/resource.ts'), definition(text, modes, issuer));
    writeFileSync(join(project, 'amplify/data/authoriser.js'), AUTHORISER);
    writeFileSync(join(project, 'amplify/data/give.js'), GIVE);
    writeFileSync(join(project, 'amplify/package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'amplify/backend.ts'), modes.includes('userPool') ? BACKEND_WITH_AUTH : BACKEND);
    change(sdl);
    const sandbox = await startSandbox(project, options);
    const { url: endpoint, api_key: key } = sandbox.outputs.data;

    const post = (body, headers = { 'x-api-key': key }) =>
        fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

    // As the API key, or a caller of identities.mjs.
    async function run(query, variables, caller) {
        const body = JSON.stringify({ query, variables });
        const response = await post(body, await caller?.headers(body));
        const text = await response.text();
        if (response.status !== 200) {
            throw new Error(`${response.status} for ${caller?.name ?? 'the key'}: ${text}`);
        }
        return JSON.parse(text);
    }

    async function stop() {
        try {
            await sandbox.stop();
        } finally {
            rmSync(project, { recursive: true, force: true });
        }
    }
    return { endpoint, key, post, run, change, stop, sandbox };
}
