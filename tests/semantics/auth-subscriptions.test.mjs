// Random schemas with rules, all callers subscribed: who may start, by ampd and by the official
// resolvers, and which events of a random history each gets (SEED=n COUNT=m).
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { executable } from './lib/appsync.mjs';
import { bothSides, normal } from './lib/both.mjs';
import { receives } from './lib/events.mjs';
import { random } from './lib/random.mjs';
import { acceptedSchema, Documents } from './lib/ruled.mjs';
import { connectAs } from './lib/socket.mjs';

const require = createRequire(import.meta.url);
const { getNamedType, isObjectType } = require('graphql');

const MODES = [['apiKey', 'userPool', 'oidc'], ['userPool', 'apiKey']];
const first = Number(process.env.SEED ?? 1);
const count = Number(process.env.COUNT ?? 4);
const MARK = 'type Mark @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey }, { allow: public, provider: identityPool }, { allow: private, provider: identityPool }]) { text: String }';

const MAY_NOTHING = ['clerk', 'chief']; // by their policies

const leaves = (type) => Object.values(getNamedType(type).getFields()).filter((field) => !isObjectType(getNamedType(field.type))).map(({ name }) => name).join(' ');

// A subscription that is asked for: by whom, for what, and with which arguments.
function wish(r, documents, field, caller) {
    const args = {};
    for (const { name, type } of field.args) {
        if (name === 'filter') {
            Object.assign(args, r.chance(0.25) && { filter: { text: { eq: documents.one('text') } } });
        } else if (r.chance(0.5)) {
            args[name] = documents.value(name, type, caller);
        }
    }
    const types = field.args.filter(({ name }) => name in args).map(({ name, type }) => `$${name}: ${type}`).join(', ');
    const given = Object.keys(args).map((name) => `${name}: $${name}`).join(', ');
    return { caller, field, args, query: `subscription ${types && `(${types})`} { ${field.name}${given && `(${given})`} { ${leaves(field.type)} } }` };
}

async function subscribe(each, id, sides, { start }) {
    const answer = await start(id, each.query, each.args);
    const official = await sides.official.subscribe(each.field.name, each.args, each.caller);
    const refused = answer.type === 'start_ack' ? undefined : answer.payload.errors.map(({ errorType, message }) => ({ errorType, message }))[0];
    const what = `${each.caller.name}: ${each.query} ${JSON.stringify(each.args)}`;
    const plain = (value) => JSON.stringify(normal(value ?? null));
    assert.equal(plain(refused), plain(official.refused), `${what} ${JSON.stringify(official)}`);
    return { ...each, id, what, filter: official.filter, started: refused === undefined, expected: [] };
}

// A write on both sides; gives what it publishes, which has nulls where parts failed.
async function publish(sides, field, query, variables, caller) {
    const ours = await sides.ours.run(query, variables, caller);
    const official = await sides.official.run(query, variables, caller);
    const published = official.data[field.name];
    assert.deepEqual(normal(ours.data), normal(official.data), `${caller.name}: ${query} ${JSON.stringify(variables)}`);
    return published;
}

const written = (name) => name.replace(/^on/, '').replace(/^./, (letter) => letter.toLowerCase());

async function session(r, sides, sdl) {
    const schema = executable(sides.pipelines.schema);
    const documents = new Documents(r, schema, sides.callers, sdl);
    const fields = Object.values(schema.getSubscriptionType().getFields()).filter(({ name }) => !name.endsWith('Mark'));
    const connections = new Map();
    for (const caller of documents.callers) {
        const connection = await connectAs(sides.ours, caller);
        connections.set(caller, connection);
        const { type } = await connection.start('mark', 'subscription { onCreateMark { text } }', {});
        assert.equal(type, MAY_NOTHING.includes(caller.name) ? 'error' : 'start_ack', caller.name);
    }
    const subscriptions = [];
    for (const field of fields) {
        for (const caller of documents.callers) {
            const each = wish(r, documents, field, caller);
            subscriptions.push(await subscribe(each, `s${subscriptions.length}`, sides, connections.get(caller)));
        }
    }
    const mutations = documents.mutations.filter(({ name }) => !name.endsWith('Mark'));
    for (let step = 0; step < 80; step++) {
        const caller = r.chance(0.6) ? sides.callers.root : documents.caller();
        const field = r.pick(mutations);
        const input = documents.input(getNamedType(field.args[0].type), caller);
        const query = `mutation ($input: ${field.args[0].type}) { ${field.name}(input: $input) { ${leaves(field.type)} } }`;
        const published = await publish(sides, field, query, { input }, caller);
        if (published !== null) {
            for (const each of subscriptions.filter(({ started, field: { name } }) => started && written(name) === field.name)) {
                if (receives(each.args, each.filter, published)) {
                    each.expected.push(published);
                }
            }
        }
    }
    await sides.ours.run('mutation { createMark(input: { text: "end" }) { text } }', {}, sides.callers.root);
    for (const [caller, { socket }] of connections) {
        if (!MAY_NOTHING.includes(caller.name)) {
            await socket.count('mark', 1);
        }
        for (const each of subscriptions.filter((one) => one.caller === caller)) {
            const got = socket.data(each.id).map(({ data }) => data[each.field.name]);
            assert.deepEqual(normal(got), normal(each.expected), `${each.what} ${JSON.stringify(each.filter)}`);
        }
        await socket.close();
    }
    return subscriptions;
}

for (let seed = first; seed < first + count; seed++) {
    test(`seed ${seed}`, async () => {
        const r = random(seed + 1000);
        const modes = MODES[seed % MODES.length];
        r.oidc = modes.includes('oidc');
        const sdl = `${acceptedSchema(r, modes)}\n${r.oidc ? MARK.replace('[', '[{ allow: private, provider: oidc }, ') : MARK}`;
        const sides = await bothSides(sdl, modes, { enrolled: true });
        try {
            const subscriptions = await session(r, sides, sdl);
            const events = subscriptions.reduce((sum, { expected }) => sum + expected.length, 0);
            assert.ok(subscriptions.some(({ started }) => started) && subscriptions.some(({ started }) => !started));
            console.log(`seed ${seed}: ${subscriptions.filter(({ started }) => started).length} of ${subscriptions.length} started, ${events} events`);
        } catch (e) {
            e.message = `${e.message}\n${sdl}`;
            throw e;
        } finally {
            await sides.stop();
        }
    });
}
