// Everybody subscribes: who may start, by ampd and by the official resolvers, and which events of a
// random history each gets.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { normal, sortItems } from './both.mjs';
import { DEFAULTS, directiveCheck } from './directives.mjs';
import { receives } from './events.mjs';
import { connectAs } from './socket.mjs';

const require = createRequire(import.meta.url);
const { getNamedType, getNullableType, isListType, isObjectType } = require('graphql');

const MODES = { oidc: '{ allow: private, provider: oidc }', lambda: '{ allow: custom }' };

/** A model that everybody may read: its event tells when all others have come. */
export function mark(modes) {
    const more = Object.entries(MODES).filter(([mode]) => modes.includes(mode)).map(([, rule]) => `, ${rule}`).join('');
    return `type Mark @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey }, { allow: public, provider: identityPool }, { allow: private, provider: identityPool }${more}]) { text: String }`;
}

const MAY_NOTHING = ['clerk', 'chief']; // by their policies

const plain = (value) => sortItems(normal(value));

const fieldsOf = (type) => Object.values(getNamedType(type).getFields());

// All leaves, and those of what hangs on it: custom types whole, related items without theirs.
function selection(type, depth = 0) {
    return fieldsOf(type).map(({ name, type: of, args }) => {
        const named = getNamedType(of);
        if (!isObjectType(named)) {
            return name;
        }
        const many = args.length > 0;
        const inner = depth < 2 ? selection(many ? named.getFields().items.type : named, depth + (many || 'createdAt' in named.getFields() ? 2 : 0)) : '';
        return inner === '' ? '' : `${name} { ${many ? `items { ${inner} }` : inner} }`;
    }).filter((text) => text !== '').join(' ');
}

// A subscription that is asked for: by whom, for what, and with which arguments.
function wish(r, documents, field, caller) {
    const args = {};
    for (const { name, type } of field.args) {
        if (name === 'filter') {
            Object.assign(args, r.chance(0.25) && { filter: documents.eventFilter(type, caller) });
        } else if (r.chance(0.5)) {
            args[name] = documents.value(name, type, caller);
        }
    }
    const types = field.args.filter(({ name }) => name in args).map(({ name, type }) => `$${name}: ${type}`).join(', ');
    const given = Object.keys(args).map((name) => `${name}: $${name}`).join(', ');
    return { caller, field, args, query: `subscription ${types && `(${types})`} { ${field.name}${given && `(${given})`} { ${selection(field.type)} } }` };
}

async function subscribe(each, id, sides, { start }) {
    const answer = await start(id, each.query, each.args);
    const official = await sides.official.subscribe(each.field.name, each.args, each.caller);
    const refused = answer.type === 'start_ack' ? undefined : answer.payload.errors.map(({ errorType, message }) => ({ errorType, message }))[0];
    const what = `${each.caller.name}: ${each.query} ${JSON.stringify(each.args)}`;
    const text = (value) => JSON.stringify(normal(value ?? null));
    assert.equal(text(refused), text(official.refused), `${what} ${JSON.stringify(official)}`);
    return { ...each, id, what, filter: official.filter, started: refused === undefined, expected: [] };
}

// A write on both sides; gives what it publishes, which has nulls where parts failed.
async function publish(sides, field, query, variables, caller) {
    const ours = await sides.ours.run(query, variables, caller);
    const official = await sides.official.run(query, variables, caller);
    const published = official.data[field.name];
    assert.deepEqual(plain(ours.data), plain(official.data), `${caller.name}: ${query} ${JSON.stringify(variables)}`);
    return published;
}

// What a subscriber gets of a value: nothing that an authoriser denies, or of a type that is not for the
// caller's way of authenticating; undefined where that leaves a null that must not be.
function shown(admits, caller, type, value) {
    const nullable = getNullableType(type);
    if (value === null || !isObjectType(getNamedType(type))) {
        return value === null && nullable !== type ? undefined : value;
    }
    if (isListType(nullable)) {
        const items = value.map((item) => shown(admits, caller, nullable.ofType, item));
        return items.includes(undefined) ? (nullable === type ? null : undefined) : items;
    }
    const parts = fieldsOf(type).filter(({ name }) => name in value).map((field) => {
        const open = !caller.denied?.includes(`${nullable.name}.${field.name}`) && admits(nullable.name, field.name, caller);
        return [field.name, shown(admits, caller, field.type, open ? value[field.name] : null)];
    });
    return parts.some(([, part]) => part === undefined) ? (nullable === type ? null : undefined) : Object.fromEntries(parts);
}

const written = (name) => name.replace(/^on/, '').replace(/^./, (letter) => letter.toLowerCase());

/** All callers subscribe, then write: each gets what it should. Gives the subscriptions, with what they expected. */
export async function session(r, sides, documents, modes) {
    const { schema } = documents;
    const fields = Object.values(schema.getSubscriptionType().getFields()).filter(({ name }) => !name.endsWith('Mark'));
    const admits = directiveCheck(sides.pipelines.schema, DEFAULTS[modes[0]]);
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
    const mutations = documents.mutations.filter(({ name, args }) => !name.endsWith('Mark') && args[0].name === 'input');
    for (let step = 0; step < 80; step++) {
        const caller = r.chance(0.6) ? sides.callers.root : documents.caller();
        const field = r.pick(mutations);
        const input = documents.input(getNamedType(field.args[0].type), caller);
        const query = `mutation ($input: ${field.args[0].type}) { ${field.name}(input: $input) { ${selection(field.type)} } }`;
        const published = await publish(sides, field, query, { input }, caller);
        if (published !== null) {
            for (const each of subscriptions.filter(({ started, field: { name } }) => started && written(name) === field.name)) {
                if (receives(each.args, each.filter, published)) {
                    each.expected.push(shown(admits, each.caller, each.field.type, published));
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
            assert.deepEqual(got.map(plain), each.expected.map(plain), `${each.what} ${JSON.stringify(each.filter)}`);
        }
        await socket.close();
    }
    return subscriptions;
}
