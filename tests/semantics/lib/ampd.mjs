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

export const auth = defineAuth({ loginWith: { email: true } });
`;
const BACKEND_WITH_AUTH = `import { defineBackend } from '@aws-amplify/backend';
import { auth } from './auth/resource';
import { data } from './data/resource';

defineBackend({ auth, data });
`;

const definition = (sdl) => `import { defineData } from '@aws-amplify/backend';

export const data = defineData({
  schema: ${JSON.stringify(sdl)},
  authorizationModes: { defaultAuthorizationMode: 'apiKey', apiKeyAuthorizationMode: { expiresInDays: 30 } },
});
`;

/** Serves the SDL. {endpoint, key, post(body, headers), run(query, variables), change(sdl), stop()} */
export async function serve(sdl, modes = ['apiKey'], options = undefined) {
    const project = mkdtempSync(join(tmpdir(), 'ampd-semantics-'));
    mkdirSync(join(project, 'amplify/data'), { recursive: true });
    if (modes.includes('userPool')) {
        mkdirSync(join(project, 'amplify/auth'));
        writeFileSync(join(project, 'amplify/auth/resource.ts'), AUTH);
    }
    const change = (text) => writeFileSync(join(project, 'amplify/data/resource.ts'), definition(text));
    writeFileSync(join(project, 'amplify/package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'amplify/backend.ts'), modes.includes('userPool') ? BACKEND_WITH_AUTH : BACKEND);
    change(sdl);
    const sandbox = await startSandbox(project, options);
    const { url: endpoint, api_key: key } = sandbox.outputs.data;

    const post = (body, headers = { 'x-api-key': key }) =>
        fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

    async function run(query, variables) {
        const response = await post(JSON.stringify({ query, variables }));
        return response.json();
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
