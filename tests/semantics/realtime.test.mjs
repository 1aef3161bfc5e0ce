// The realtime protocol, message by message, and what subscribers get of a mutation.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { serve } from './lib/ampd.mjs';
import { connect, encode, Socket } from './lib/socket.mjs';

const SDL = `
enum Mood { GLAD SAD }
type Geo { lat: Float! tags: [String] inner: Inner }
type Inner { deep: String! list: [Int] }
type Note @model @auth(rules: [{ allow: public, provider: apiKey }]) {
  text: String! num: Int flt: Float flag: Boolean mood: Mood geo: Geo geos: [Geo] tags: [String] nums: [Int] json: AWSJSON day: AWSDate ref: ID
  parentId: ID parent: Note @belongsTo(references: ["parentId"]) kids: [Note] @hasMany(references: ["parentId"])
}
type Hidden @model @auth(rules: [{ allow: public, provider: identityPool }]) { text: String }
type Silent @model(subscriptions: null) @auth(rules: [{ allow: public, provider: apiKey }]) { text: String }
type Subscription {
  onBoth(text: String, num: Int): Note @aws_subscribe(mutations: ["createNote", "updateNote"]) @aws_api_key
}
`;
let api;
const sockets = new Set();
before(async () => {
    api = await serve(SDL, ['apiKey', 'userPool']);
});
after(async () => {
    for (const socket of sockets) {
        socket.ws.terminate();
    }
    await api?.stop();
});

async function opened(options) {
    const socket = await connect(api, options);
    sockets.add(socket);
    return socket;
}

async function run(query, variables) {
    const { data, errors } = await api.run(query, variables);
    assert.equal(errors, undefined, JSON.stringify(errors));
    return data;
}

let last = 0;
const unique = () => `u${++last}`;
const ALL = 'id text num flt flag mood geo { lat tags inner { deep list } } geos { lat } tags nums json day ref createdAt updatedAt __typename';
const create = (input, fields = ALL) => run(`mutation ($input: CreateNoteInput!) { createNote(input: $input) { ${fields} } }`, { input });

// Starts a subscription, lets `act` happen, and gives the events up to a note that it gets for sure.
async function eventsOf(filter, inputs, { fields = 'text' } = {}) {
    const socket = await opened();
    const mark = unique();
    const both = { or: [filter, { text: { eq: mark } }] };
    const started = await socket.start('s', `subscription ($filter: ModelSubscriptionNoteFilterInput) { onCreateNote(filter: $filter) { ${fields} } }`, { filter: both });
    assert.equal(started.type, 'start_ack', JSON.stringify(started));
    for (const input of inputs) {
        await create(input);
    }
    await create({ text: mark });
    await socket.find(({ type, payload }) => type === 'data' && payload.data.onCreateNote?.text === mark);
    const events = socket.data('s').slice(0, -1).map(({ data }) => data.onCreateNote);
    await socket.close();
    return events;
}

describe('the handshake', () => {
    const headers = () => ({ host: new URL(api.endpoint).host, 'x-api-key': api.key });
    const awkward = () => ({ ...headers(), pad: '??>>~~ÿ' }); // base64 of it has + and /
    const padded = (text) => Buffer.from(JSON.stringify(text)).toString('base64');
    const VARIANTS = {
        'sub-protocol': () => ({ protocols: ['graphql-ws', `header-${encode(awkward())}`] }),
        'sub-protocols the other way round': () => ({ protocols: [`header-${encode(headers())}`, 'graphql-ws'] }),
        'query, padded standard alphabet': () => ({ protocols: ['graphql-ws'], query: `?header=${encodeURIComponent(padded(awkward()))}&payload=e30=` }),
        'query, not percent-encoded': () => ({ protocols: ['graphql-ws'], query: `?header=${padded(headers())}&payload=e30=` }),
        'query, unpadded url alphabet': () => ({ protocols: ['graphql-ws'], query: `?header=${encode(awkward())}&payload=e30` }),
        'query, padded url alphabet': () => ({ protocols: ['graphql-ws'], query: `?header=${padded(awkward()).replaceAll('+', '-').replaceAll('/', '_')}&payload=e30=` }),
        'header names in capitals': () => ({ protocols: ['graphql-ws', `header-${encode({ Host: 'x', 'X-Api-Key': api.key })}`] }),
    };
    for (const [name, options] of Object.entries(VARIANTS)) {
        test(name, async () => {
            const socket = await opened(options());
            assert.equal(socket.ws.protocol, 'graphql-ws');
            await socket.find(({ type }) => type === 'ka');
            assert.deepEqual(socket.received.slice(0, 2), [{ type: 'connection_ack', payload: { connectionTimeoutMs: 300000 } }, { type: 'ka' }]);
            await socket.close();
        });
    }
    const REFUSED = {
        'a wrong key': ['You are not authorized to make this call.', () => ({ protocols: ['graphql-ws', `header-${encode({ ...headers(), 'x-api-key': 'da2-no' })}`] })],
        'no credentials': ['Valid authorization header not provided.', () => ({ protocols: ['graphql-ws', `header-${encode({ host: 'x' })}`] })],
        'no header': ['Valid authorization header not provided.', () => ({ protocols: ['graphql-ws'] })],
        'a header that is no JSON': ['Valid authorization header not provided.', () => ({ protocols: ['graphql-ws', 'header-abcd'] })],
    };
    for (const [name, [message, options]] of Object.entries(REFUSED)) {
        test(name, async () => {
            const socket = await new Socket(api, options()).open();
            socket.send({ type: 'connection_init' });
            assert.deepEqual(await socket.find(() => true), {
                type: 'connection_error', payload: { errors: [{ errorType: 'UnauthorizedException', message, errorCode: 401 }] },
            });
            await socket.closed;
        });
    }
    test('without the sub-protocol there is no connection', async () => {
        const socket = new Socket(api, { protocols: ['something-else'] });
        await socket.closed;
        assert.match(socket.error.message, /400/);
    });
    test('HTTP on the realtime path', async () => {
        assert.equal((await fetch(`${api.endpoint}/realtime`)).status, 426);
    });
    test('start before init', async () => {
        const socket = await new Socket(api).open();
        const answer = await socket.start('a', 'subscription { onCreateNote { id } }');
        assert.equal(answer.type, 'error');
        assert.equal(answer.payload.errors[0].errorType, 'UnauthorizedException');
        await socket.close();
    });
});

describe('start and stop', () => {
    const SUBSCRIBE = 'subscription { onCreateNote { id text } }';
    const FAULTS = [
        ['an unknown field', 'subscription { onCreateNote { colour } }', {}, "Validation error of type FieldUndefined: Field 'colour' in type 'Note' is undefined @ 'onCreateNote/colour'"],
        ['an unknown subscription', 'subscription { onNothing { id } }', {}, /FieldUndefined/],
        ['a disabled subscription', 'subscription { onCreateSilent { id } }', {}, /FieldUndefined/],
        ['an unknown argument', 'subscription { onCreateNote(colour: "x") { id } }', {}, /UnknownArgument: Unknown field argument colour/],
        ['not in a filter', 'subscription { onCreateNote(filter: {not: {text: {eq: "x"}}}) { id } }', {}, /WrongType/],
        ['a syntax error', 'subscription { onCreateNote {', {}, /./],
        ['a query', '{ listNotes { items { id } } }', {}, /./, 'UnsupportedOperation'],
        ['a mutation', 'mutation { createNote(input: {text: "x"}) { id } }', {}, /./, 'UnsupportedOperation'],
        ['two subscription fields', 'subscription { onCreateNote { id } onUpdateNote { id } }', {}, /./],
        ['no operation of that name', 'subscription A { onCreateNote { id } } subscription B { onCreateNote { id } }', {}, /./],
        ['a missing variable', 'subscription ($f: ModelSubscriptionNoteFilterInput!) { onCreateNote(filter: $f) { id } }', {}, /Variable 'f' has coerced Null value/],
        ['a wrong variable', 'subscription ($f: ModelSubscriptionNoteFilterInput) { onCreateNote(filter: $f) { id } }', { f: { not: { text: { eq: 'x' } } } }, /field .*not/],
        ['a model of others', 'subscription { onCreateHidden { id } }', {}, 'Not Authorized to access onCreateHidden on type Subscription', 'Unauthorized'],
        ['too many values', 'subscription { onCreateNote(filter: {text: {in: ["1", "2", "3", "4", "5", "6"]}}) { id } }', {}, 'subscription exceeds maximum value limit 5 for operator `in`.'],
        ['too many values in notIn', 'subscription { onCreateNote(filter: {or: [{num: {notIn: [1, 2, 3, 4, 5, 6]}}]}) { id } }', {}, 'subscription exceeds maximum value limit 5 for operator `notIn`.'],
    ];
    for (const [name, query, variables, message, type] of FAULTS) {
        test(name, async () => {
            const socket = await opened();
            const answer = await socket.start('f', query, variables);
            assert.equal(answer.type, 'error', JSON.stringify(answer));
            const [error] = answer.payload.errors;
            if (typeof message === 'string') {
                assert.equal(error.message, message);
            } else {
                assert.match(error.message, message);
            }
            if (type !== undefined) {
                assert.equal(error.errorType, type);
            }
            // The socket lives on, and the id is free.
            assert.equal((await socket.start('f', SUBSCRIBE)).type, 'start_ack');
            await socket.close();
        });
    }
    test('credentials of a start', async () => {
        const socket = await opened();
        for (const [authorization, message] of [[{ host: 'x' }, 'Valid authorization header not provided.'], [{ 'x-api-key': 'da2-no' }, 'You are not authorized to make this call.'], [undefined, null]]) {
            const answer = await socket.start('c', SUBSCRIBE, {}, authorization && { authorization });
            assert.equal(answer.type, message === null ? 'start_ack' : 'error');
            if (message !== null) {
                assert.deepEqual(answer.payload.errors, [{ errorType: 'UnauthorizedException', message, errorCode: 401 }]);
            }
        }
        await socket.close();
    });
    test('messages that are none', async () => {
        const socket = await opened();
        for (const [text, type] of [['{', 'BadRequestException'], ['[]', 'BadRequestException'], ['{"type":"nothing","id":"x"}', 'UnsupportedOperation'], ['{"id":"x"}', 'UnsupportedOperation']]) {
            const from = socket.received.length;
            socket.send(text);
            const answer = await socket.find((message) => message.type === 'error', from);
            assert.equal(answer.payload.errors[0].errorType, type, text);
        }
        const from = socket.received.length;
        socket.send({ type: 'nothing', id: 'y' });
        assert.deepEqual(await socket.answer('y', from), { id: 'y', type: 'error', payload: { errors: [{ errorType: 'UnsupportedOperation', message: 'unknown not supported through the realtime channel', errorCode: 400 }] } });
        for (const payload of [{}, { data: 'x' }, { data: '{}' }, { data: { query: SUBSCRIBE } }]) {
            const begin = socket.received.length;
            socket.send({ type: 'start', id: 'z', payload: { ...payload, extensions: { authorization: socket.headers } } });
            assert.equal((await socket.answer('z', begin)).type, 'error');
        }
        assert.equal((await socket.start('z', SUBSCRIBE)).type, 'start_ack');
        await socket.close();
    });
    test('a binary message ends the connection', async () => {
        const socket = await opened();
        socket.ws.send(Buffer.from('x'));
        assert.equal((await socket.closed).code, 1003);
    });
    test('an id in use, stop, complete, the id again', async () => {
        const socket = await opened();
        assert.deepEqual(await socket.start('i', SUBSCRIBE), { id: 'i', type: 'start_ack' });
        assert.equal((await socket.start('i', SUBSCRIBE)).payload.errors[0].errorType, 'DuplicatedOperationError');
        assert.deepEqual(await socket.stop('i'), { id: 'i', type: 'complete' });
        await create({ text: unique() });
        assert.equal((await socket.start('i', SUBSCRIBE)).type, 'start_ack');
        const text = unique();
        await create({ text });
        assert.equal((await socket.count('i', 1))[0].data.onCreateNote.text, text);
        assert.deepEqual(await socket.stop('unknown'), { id: 'unknown', type: 'complete' });
        await socket.close();
    });
    test('too many subscriptions of one socket', async () => {
        const socket = await opened();
        const answers = await Promise.all(Array.from({ length: 201 }, (_, i) => socket.start(`m${i}`, SUBSCRIBE)));
        assert.equal(answers.filter(({ type }) => type === 'start_ack').length, 200);
        const refused = answers.find(({ type }) => type === 'error').payload.errors[0];
        assert.equal(refused.errorType, 'MaxSubscriptionsReachedError');
        assert.equal(refused.message, 'Max number of 200 subscriptions reached');
        await socket.close();
    });
});

describe('filters', () => {
    const items = [
        { text: 'apple', num: 1, flt: 1.5, flag: true, mood: 'GLAD', tags: ['a', 'b'], nums: [1, 2], day: '2024-01-01', ref: 'r1' },
        { text: 'banana', num: 2, flt: -2, flag: false, mood: 'SAD', tags: ['c'], nums: [3], day: '2024-02-01', ref: 'r2' },
        { text: 'cherry', num: null },
    ];
    const CASES = [
        ['text eq', { text: { eq: 'apple' } }, [0]], ['text ne', { text: { ne: 'apple' } }, [1, 2]], ['text lt', { text: { lt: 'b' } }, [0]], ['text le', { text: { le: 'banana' } }, [0, 1]],
        ['text gt', { text: { gt: 'apple' } }, [1, 2]], ['text ge', { text: { ge: 'banana' } }, [1, 2]], ['contains', { text: { contains: 'an' } }, [1]], ['notContains', { text: { notContains: 'an' } }, [0, 2]],
        ['beginsWith', { text: { beginsWith: 'ch' } }, [2]], ['between', { text: { between: ['a', 'b'] } }, [0]], ['in', { text: { in: ['apple', 'cherry'] } }, [0, 2]], ['notIn', { text: { notIn: ['apple', 'cherry'] } }, [1]],
        ['num eq', { num: { eq: 1 } }, [0]], ['num gt', { num: { gt: 1 } }, [1]], ['num between', { num: { between: [0, 1] } }, [0]], ['num in', { num: { in: [2, 3] } }, [1]], ['num le', { num: { le: 2 } }, [0, 1]],
        ['flt lt', { flt: { lt: 0 } }, [1]], ['flag eq', { flag: { eq: true } }, [0]], ['flag ne', { flag: { ne: true } }, [1, 2]], ['enum eq', { mood: { eq: 'SAD' } }, [1]], ['enum in', { mood: { in: ['GLAD', 'SAD'] } }, [0, 1]],
        ['list contains', { tags: { contains: 'a' } }, [0]], ['date ge', { day: { ge: '2024-01-15' } }, [1]], ['id beginsWith', { ref: { beginsWith: 'r' } }, [0, 1]],
        ['two operators', { num: { ge: 1, lt: 2 } }, [0]], ['two fields', { text: { contains: 'a' }, flag: { eq: false } }, [1]], ['and', { and: [{ num: { gt: 0 } }, { text: { beginsWith: 'b' } }] }, [1]],
        ['or', { or: [{ text: { eq: 'apple' } }, { text: { eq: 'cherry' } }] }, [0, 2]], ['and in or', { or: [{ and: [{ num: { eq: 1 } }, { flag: { eq: true } }] }, { text: { eq: 'cherry' } }] }, [0, 2]],
        ['or in and', { and: [{ or: [{ num: { eq: 1 } }, { num: { eq: 2 } }] }, { flag: { eq: false } }] }, [1]],
    ];
    for (const [name, filter, wanted] of CASES) {
        test(name, async () => {
            const events = await eventsOf(filter, items);
            assert.deepEqual(events.map(({ text }) => text), wanted.map((i) => items[i].text));
        });
    }
    test('a filter sees only what the mutation selects', async () => {
        const socket = await opened();
        await socket.start('n', 'subscription { onCreateNote(filter: {num: {eq: 77}}) { text num } }');
        await create({ text: 'without', num: 77 }, 'id text');
        await create({ text: 'with', num: 77 }, 'id text num');
        assert.deepEqual((await socket.count('n', 1)).map(({ data }) => data.onCreateNote.text), ['with']);
        await socket.close();
    });
    test('arguments must equal the payload, null its absence', async () => {
        const socket = await opened();
        const [text, other] = [unique(), unique()];
        await socket.start('any', 'subscription { onBoth { text num } }');
        await socket.start('text', 'subscription ($t: String) { onBoth(text: $t) { text num } }', { t: text });
        await socket.start('both', `subscription { onBoth(text: "${text}", num: 5) { text num } }`);
        await socket.start('null', `subscription { onBoth(text: "${text}", num: null) { text num } }`);
        const { createNote } = await create({ text });
        await run('mutation ($i: UpdateNoteInput!) { updateNote(input: $i) { text num } }', { i: { id: createNote.id, num: 5 } });
        await create({ text: other });
        await socket.count('any', 3);
        const nums = (id) => socket.data(id).map(({ data }) => data.onBoth.num);
        assert.deepEqual([nums('any'), nums('text'), nums('both'), nums('null')], [[null, 5, null], [null, 5], [5], [null]]);
        await socket.close();
    });
});

describe('payloads', () => {
    async function payloadOf(subscription, mutation, variables) {
        const socket = await opened();
        const answer = await socket.start('p', subscription);
        assert.equal(answer.type, 'start_ack', JSON.stringify(answer));
        await run(mutation, variables);
        const [payload] = await socket.count('p', 1);
        await socket.close();
        return payload;
    }
    test('only what both selected', async () => {
        const payload = await payloadOf('subscription { onCreateNote { text num flag tags } }', 'mutation { createNote(input: {text: "t", num: 1, flag: true, tags: ["a"]}) { text flag } }');
        assert.deepEqual(payload, { data: { onCreateNote: { text: 't', num: null, flag: true, tags: null } } });
    });
    test('aliases and fragments on both sides', async () => {
        const payload = await payloadOf(
            'subscription S { made: onCreateNote { a: text ...F ... on Note { c: num } __typename } } fragment F on Note { b: text geo { x: lat ...G } } fragment G on Geo { t: tags }',
            'mutation M { one: createNote(input: {text: "t", num: 3, geo: {lat: 1.5, tags: ["g"]}}) { first: text second: text ...N } } fragment N on Note { num geo { l: lat m: tags } }',
        );
        assert.deepEqual(payload, { data: { made: { a: 't', b: 't', geo: { x: 1.5, t: ['g'] }, c: 3, __typename: 'Note' } } });
    });
    test('a required field that the mutation left out', async () => {
        const payload = await payloadOf('subscription { onCreateNote { text num } }', 'mutation { createNote(input: {text: "t", num: 1}) { num } }');
        assert.equal(payload.data.onCreateNote, null);
        assert.deepEqual(payload.errors, [{ path: ['onCreateNote', 'text'], locations: null, message: "Cannot return null for non-nullable type: 'String' within parent 'Note' (/onCreateNote/text)" }]);
    });
    test('nested types and lists', async () => {
        const input = { text: 't', geo: { lat: 1, tags: ['a', null], inner: { deep: 'd', list: [1, null] } }, geos: [{ lat: 2 }, null, { lat: 3 }], nums: [1, 2], json: '{"k":[1,{"x":null}]}' };
        const payload = await payloadOf(`subscription { onCreateNote { ${ALL} } }`, `mutation ($i: CreateNoteInput!) { createNote(input: $i) { ${ALL} } }`, { i: input });
        const { onCreateNote: note } = payload.data;
        assert.deepEqual(note.geo, input.geo);
        assert.deepEqual(note.geos, input.geos);
        assert.deepEqual(JSON.parse(note.json), JSON.parse(input.json));
        assert.deepEqual(note.nums, [1, 2]);
    });
    test('a nested selection that the mutation has less of', async () => {
        const payload = await payloadOf('subscription { onCreateNote { geo { lat tags inner { list } } } }', 'mutation { createNote(input: {text: "t", geo: {lat: 1, tags: ["a"], inner: {deep: "d", list: [1]}}}) { geo { lat } } }');
        assert.deepEqual(payload, { data: { onCreateNote: { geo: { lat: 1, tags: null, inner: null } } } });
    });
    test('@skip and @include', async () => {
        const socket = await opened();
        await socket.start('v', 'subscription ($no: Boolean!) { onCreateNote { text num @include(if: $no) flag @skip(if: $no) } }', { no: false });
        await create({ text: 't', num: 1, flag: true });
        assert.deepEqual((await socket.count('v', 1))[0], { data: { onCreateNote: { text: 't', flag: true } } });
        await socket.close();
    });
    test('update, delete, and the custom subscription of both', async () => {
        const socket = await opened();
        await socket.start('u', 'subscription { onUpdateNote { text num } }');
        await socket.start('d', 'subscription { onDeleteNote { text num } }');
        await socket.start('b', 'subscription { onBoth { text num } }');
        const { createNote: { id } } = await create({ text: 'one', num: 1 });
        await run('mutation ($i: UpdateNoteInput!) { updateNote(input: $i) { text num } }', { i: { id, num: 2 } });
        await run('mutation ($i: DeleteNoteInput!) { deleteNote(input: $i) { text num } }', { i: { id } });
        assert.deepEqual(await socket.count('d', 1), [{ data: { onDeleteNote: { text: 'one', num: 2 } } }]);
        assert.deepEqual(socket.data('u'), [{ data: { onUpdateNote: { text: 'one', num: 2 } } }]);
        assert.deepEqual(socket.data('b').map(({ data }) => data.onBoth.num), [1, 2]);
        await socket.close();
    });
    test('a mutation that fails tells nobody', async () => {
        const socket = await opened();
        const [id, text] = [unique(), unique()];
        await create({ id, text: 'before' });
        await socket.start('e', 'subscription { onCreateNote { text } }');
        const { errors } = await api.run(`mutation { createNote(input: {id: "${id}", text: "again"}) { id text } }`);
        assert.equal(errors.length, 1);
        await create({ text });
        assert.deepEqual((await socket.count('e', 1)).map(({ data }) => data.onCreateNote.text), [text]);
        await socket.close();
    });
});

describe('many', () => {
    test('events of a socket come in the order of their mutations', async () => {
        const socket = await opened();
        const mark = unique();
        await socket.start('o', `subscription { onCreateNote(filter: {text: {beginsWith: "${mark}"}}) { text num } }`);
        await socket.start('p', `subscription { onCreateNote(filter: {text: {beginsWith: "${mark}"}}) { num } }`);
        for (let batch = 0; batch < 10; batch++) {
            const fields = Array.from({ length: 30 }, (_, i) => `n${i}: createNote(input: {text: "${mark}", num: ${batch * 30 + i}}) { text num }`);
            await run(`mutation { ${fields.join(' ')} }`);
        }
        const wanted = Array.from({ length: 300 }, (_, i) => i);
        assert.deepEqual((await socket.count('o', 300)).map(({ data }) => data.onCreateNote.num), wanted);
        assert.deepEqual((await socket.count('p', 300)).map(({ data }) => data.onCreateNote.num), wanted);
        await socket.close();
    });

    test('1,000 subscriptions on 50 sockets', async () => {
        const all = await Promise.all(Array.from({ length: 50 }, () => opened()));
        const started = await Promise.all(all.flatMap((socket, s) => Array.from({ length: 20 }, (_, i) =>
            socket.start(`k${i}`, 'subscription ($f: ModelSubscriptionNoteFilterInput) { onCreateNote(filter: $f) { text num } }', i % 2 ? { f: { num: { eq: s } } } : {}))));
        assert.ok(started.every(({ type }) => type === 'start_ack'));
        const text = unique();
        for (const num of [7, 49, 1000]) {
            await create({ text, num });
        }
        await Promise.all(all.flatMap((socket) => Array.from({ length: 10 }, (_, i) => socket.count(`k${2 * i}`, 3))));
        for (const [s, socket] of all.entries()) {
            for (let i = 1; i < 20; i += 2) {
                assert.deepEqual(socket.data(`k${i}`).map(({ data }) => data.onCreateNote.num), s === 7 || s === 49 ? [s] : []);
            }
        }
        await Promise.all(all.map((socket) => socket.close()));
    });

    test('a slow reader is cut off, the others get everything', async () => {
        const [slow, quick] = [await opened(), await opened()];
        const SUBSCRIBE = 'subscription { onCreateNote { text num } }';
        await slow.start('s', SUBSCRIBE);
        await quick.start('q', SUBSCRIBE);
        slow.ws.pause();
        const text = 'x'.repeat(200_000);
        let sent = 0;
        for (; sent < 120; sent++) {
            await create({ text, num: sent }, 'text num');
        }
        assert.deepEqual((await quick.count('q', sent)).map(({ data }) => data.onCreateNote.num), Array.from({ length: sent }, (_, i) => i));
        slow.ws.resume();
        const { code } = await slow.closed;
        assert.ok([1013, 1006].includes(code), `closed with ${code}`);
        assert.ok(slow.data('s').length < sent);
        await quick.close();
    });

    test('a socket that vanishes leaves nothing behind', async () => {
        const socket = await opened();
        await socket.start('g', 'subscription { onCreateNote { text } }');
        socket.ws.terminate();
        await once(socket.ws, 'close');
        await create({ text: unique() });
    });
});

test('many headers in a start cost no more than their bytes', async () => {
    const socket = await opened();
    const many = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`h${String(i).padStart(6, '0')}`, 1]));
    const begun = performance.now();
    const { type } = await socket.start('many', 'subscription { onCreateNote { text } }', {}, { authorization: { ...socket.headers, ...many } });
    assert.equal(type, 'start_ack');
    assert.ok(performance.now() - begun < 1000, `${performance.now() - begun} ms`);
});
