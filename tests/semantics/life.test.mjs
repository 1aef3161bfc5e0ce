// What subscribers live through: a new schema, an orderly end, a restart with the official client.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import WebSocket from 'ws';
import { serve } from './lib/ampd.mjs';
import { connect } from './lib/socket.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';
const schema = (fields) => `type Note @model ${RULES} { text: String ${fields} }`;

async function until(what, probe) {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
        const found = await probe();
        if (found) {
            return found;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`not in 20 s: ${what}`);
}

const create = (api, text) => api.run(`mutation { createNote(input: {text: "${text}"}) { id text createdAt updatedAt } }`);

test('a new schema: what is still valid goes on, the rest ends with an error', async () => {
    const api = await serve(schema('old: Int'), ['apiKey'], { args: [] });
    try {
        const socket = await connect(api);
        await socket.start('stays', 'subscription { onCreateNote { text } }');
        await socket.start('filters', 'subscription { onCreateNote(filter: {text: {beginsWith: "y"}}) { text } }');
        await socket.start('ends', 'subscription { onCreateNote { text old } }');
        await create(api, 'x1');
        await socket.count('ends', 1);
        const from = socket.received.length;
        api.change(schema('fresh: Int'));
        const ended = await socket.answer('ends', from);
        assert.equal(ended.type, 'error');
        assert.match(ended.payload.errors[0].message, /FieldUndefined: Field 'old' in type 'Note' is undefined/);
        await create(api, 'y2');
        await socket.count('filters', 1);
        assert.deepEqual((await socket.count('stays', 2)).map(({ data }) => data.onCreateNote.text), ['x1', 'y2']);
        assert.equal(socket.data('ends').length, 1);
        assert.equal((await socket.start('ends', 'subscription { onCreateNote { text fresh } }')).type, 'start_ack');
        // A schema that cannot be served changes nothing.
        api.change('type Note @model { text: Strin }');
        await until('the complaint', () => api.sandbox.log().includes('Strin'));
        await create(api, 'y3');
        await socket.count('ends', 1);
        await socket.count('stays', 3);
        await socket.close();
    } finally {
        await api.stop();
    }
});

test('the server ends: every socket is closed with 1001', async () => {
    const api = await serve(schema(''));
    const sockets = await Promise.all(Array.from({ length: 5 }, () => connect(api)));
    await sockets[0].start('s', 'subscription { onCreateNote { text } }');
    await api.stop();
    for (const socket of sockets) {
        assert.equal((await socket.closed).code, 1001);
    }
});

// The library waits 5 s before it connects anew, which is long for a test and short for a busy
// machine: here it waits until the server is back. Its watchdogs must not keep the process alive.
let isBack = true;
const { setTimeout: later } = globalThis;
globalThis.setTimeout = Object.assign((handler, delay, ...rest) => {
    if (delay === 5000) {
        const attempt = () => (isBack ? handler(...rest) : later(attempt, 20));
        return later(attempt, 20);
    }
    const timer = later(handler, delay, ...rest);
    return delay > 5000 ? timer.unref() : timer;
}, later);

test('the official client finds its way back after a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ampd-restart-'));
    let api = await serve(schema(''), ['apiKey'], { folder });
    let subscription;
    try {
        const ca = readFileSync(api.sandbox.caFile);
        globalThis.WebSocket = class extends WebSocket {
            constructor(url, protocols) {
                super(url, protocols, { ca });
            }
        };
        const require = createRequire(new URL('../clients/package.json', import.meta.url));
        const load = (name) => import(pathToFileURL(require.resolve(name)).href).then((module) => module.default ?? module);
        console.warn = () => {};
        const { Amplify } = await load('aws-amplify');
        const { generateClient } = await load('aws-amplify/data');
        const { Hub } = await load('aws-amplify/utils');
        Amplify.configure(api.sandbox.outputs);
        const states = [];
        Hub.listen('api', ({ payload }) => states.push(payload.data?.connectionState));
        const [texts, errors] = [[], []];
        subscription = generateClient().models.Note.onCreate().subscribe({ next: ({ text }) => texts.push(text), error: (error) => errors.push(error) });
        const hears = (text) => until(text, async () => {
            await create(api, text);
            return texts.includes(text);
        });
        await hears('before');
        const port = new URL(api.endpoint).port;
        isBack = false;
        await api.stop();
        api = await serve(schema(''), ['apiKey'], { folder, args: ['--once', '--port', port] });
        isBack = true;
        await hears('after');
        assert.deepEqual(errors, []);
        assert.ok(states.filter((state) => state === 'Connected').length >= 2, states.join());
        subscription.unsubscribe();
        await until('the socket closed', () => states.at(-1) === 'Disconnected');
    } finally {
        subscription?.unsubscribe();
        await api.stop();
        rmSync(folder, { recursive: true, force: true });
    }
});
