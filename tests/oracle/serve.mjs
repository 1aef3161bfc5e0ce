// A running ampd read as clients read it: by the introspection query. Directives do not show there;
// types, fields, arguments, defaults, descriptions and deprecations do.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { schemaDifferences } from './lib/compare.mjs';
import { workFolder } from './lib/work.mjs';

const { buildClientSchema, buildSchema, getIntrospectionQuery, printSchema } = createRequire(import.meta.url)('graphql');
const AMPD = process.env.AMPD ?? new URL('../../build/ampd', import.meta.url).pathname;

// What AppSync knows without being told.
const SCALARS = ['AWSDate', 'AWSTime', 'AWSDateTime', 'AWSTimestamp', 'AWSEmail', 'AWSJSON', 'AWSURL', 'AWSPhone', 'AWSIPAddress'];
const DIRECTIVES = `
directive @aws_subscribe(mutations: [String!]!) on FIELD_DEFINITION
directive @aws_auth(cognito_groups: [String!]!) on FIELD_DEFINITION
directive @aws_api_key on FIELD_DEFINITION | OBJECT
directive @aws_iam on FIELD_DEFINITION | OBJECT
directive @aws_oidc on FIELD_DEFINITION | OBJECT
directive @aws_lambda on FIELD_DEFINITION | OBJECT
directive @aws_cognito_user_pools(cognito_groups: [String!]) on FIELD_DEFINITION | OBJECT
`;

// A schema as SDL that holds only what introspection shows, without AppSync's scalars, of which a
// server may show those that nobody uses.
function visible(schema) {
    const scalars = new RegExp(`^("""[^"]*"""\\n)?scalar (${SCALARS.join('|')})\\b.*\\n`, 'gm');
    return printSchema(schema).replace(/^directive @.*\n/gm, '').replace(scalars, '');
}

export async function introspect(url, apiKey) {
    const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
        body: JSON.stringify({ query: getIntrospectionQuery() }),
    });
    const body = await answer.json();
    if (answer.status !== 200 || body.errors !== undefined) {
        throw new Error(`the introspection query answers ${answer.status}: ${JSON.stringify(body)}`);
    }
    return body.data;
}

// Differences between what the endpoint shows and the official served SDL; none: equal.
export async function servedDifferences(url, apiKey, officialSdl) {
    const scalars = SCALARS.map((name) => `scalar ${name}`).join('\n');
    const official = buildSchema(`${officialSdl}\n${scalars}\n${DIRECTIVES}`);
    const served = buildClientSchema(await introspect(url, apiKey));
    return schemaDifferences(visible(served), visible(official));
}

// Serves the SDL, calls `use` with the endpoint and its API key, and ends the server.
export async function withServer(sdl, modes, use) {
    const folder = join(workFolder(), `served-${process.hrtime.bigint()}`);
    mkdirSync(folder, { recursive: true });
    const manifest = join(folder, 'manifest.json');
    const data = { sdl, authorizationModes: { modes }, jsFunctions: [] };
    const project = { root: folder, name: 'oracle' };
    writeFileSync(manifest, JSON.stringify({ formatVersion: 1, project, auth: null, data, storage: [], functions: {} }));
    const args = ['sandbox', '--manifest', manifest, '--port', '0', '--once', '--threads', '1'];
    args.push('--project', folder, '--data-dir', join(folder, 'data'), '--outputs-out-dir', folder);
    const child = spawn(AMPD, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    const ended = once(child, 'close');
    try {
        const url = await new Promise((resolve, reject) => {
            for (const stream of [child.stdout, child.stderr]) {
                stream.setEncoding('utf8');
                stream.on('data', (text) => {
                    said += text;
                    const found = /GraphQL\S*\s+(http:\/\/\S+\/graphql)/.exec(said);
                    if (found !== null) {
                        resolve(found[1]);
                    }
                });
            }
            ended.then(() => reject(new Error(`ampd has ended: ${said}`)));
        });
        const outputs = JSON.parse(readFileSync(join(folder, 'amplify_outputs.json'), 'utf8'));
        return await use(url, outputs.data.api_key);
    } finally {
        child.kill('SIGTERM');
        await ended;
    }
}
