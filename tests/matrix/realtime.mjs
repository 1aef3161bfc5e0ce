// The rules on subscriptions: who may start one, and which events arrive. Each caller has a socket of its own, opened
// with its own credentials; on every socket an open subscription tells when all earlier events have come.
import { once } from 'node:events';
import WebSocket from 'ws';
import { deciding, document } from './cases.mjs';
import { random } from './models.mjs';
import { post, sign } from './server.mjs';

const LIMIT_MS = 20_000;
export const FENCE = { name: 'Fence', fields: { tag: { type: 'string' }, note: { type: 'string' } }, hidden: {}, rules: [{ kind: 'key', allow: 'public', provider: 'apiKey' }] };

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const SIGNED = { accept: 'application/json, text/javascript', 'content-encoding': 'amz-1.0', 'content-type': 'application/json; charset=UTF-8' };

async function authorization(url, { key, token, credentials }, { pathname = '', body }) {
    const { host } = new URL(url);
    if (credentials !== undefined) {
        const { authorization: Authorization, ...rest } = await sign(`${url}${pathname}`, body, credentials, 'appsync', SIGNED);
        return { ...rest, Authorization, host };
    }
    return key === undefined ? { Authorization: token, host } : { 'x-api-key': key, host };
}

export class Socket {
    messages = [];
    waiting = new Set();

    static async open(url, caller) {
        const header = await authorization(url, caller, { pathname: '/connect', body: '{}' });
        const socket = new Socket();
        socket.url = url;
        socket.ws = new WebSocket(`${url.replace(/^http/, 'ws')}/realtime`, ['graphql-ws', `header-${encode(header)}`]);
        socket.ws.on('message', (data) => socket.take(JSON.parse(data)));
        socket.ended = new Promise((resolve) => socket.ws.on('close', resolve));
        await once(socket.ws, 'open');
        socket.send({ type: 'connection_init' });
        await socket.find(({ type }) => type === 'connection_ack' || type === 'connection_error');
        return socket;
    }

    take(message) {
        this.messages.push(message);
        this.waiting.forEach((check) => check(message));
    }

    send(message) {
        this.ws.send(JSON.stringify(message));
    }

    find(test) {
        return new Promise((resolve, reject) => {
            const check = (message) => {
                if (test(message)) {
                    this.waiting.delete(check);
                    clearTimeout(timer);
                    resolve(message);
                }
            };
            const timer = setTimeout(() => reject(new Error(`not received; the last were ${JSON.stringify(this.messages.slice(-3))}`)), LIMIT_MS);
            this.waiting.add(check);
            this.messages.forEach(check);
        });
    }

    async start(id, asked, caller) {
        const data = JSON.stringify(asked);
        const extensions = { authorization: await authorization(this.url, caller, { body: data }) };
        this.send({ id, type: 'start', payload: { data, extensions } });
        return this.find((message) => message.id === id && message.type !== 'data');
    }

    events(id) {
        return this.messages.filter((message) => message.id === id && message.type === 'data').map(({ payload }) => payload);
    }

    async stop(ids) {
        ids.forEach((id) => this.send({ id, type: 'stop' }));
        for (const id of ids) {
            await this.find((message) => message.id === id && message.type === 'complete');
        }
        this.messages = this.messages.filter(({ id }) => !ids.includes(id));
    }

    close() {
        this.ws.close();
        return this.ended;
    }
}

const upper = (name) => name[0].toUpperCase() + name.slice(1);

// ---- what is subscribed to -----------------------------------------------------------------------

// The owner arguments that a model's subscriptions have.
function ownerArguments(access) {
    return access.some('listen').filter(({ strategy, list }) => strategy === 'owner' && !list).map(({ entity }) => entity);
}

export function wishes(model, access, values, rng) {
    const wanted = [{ kind: 'create' }, { kind: 'create', where: { tag: 'x' } }, { kind: 'update' }, { kind: 'delete' }];
    for (const name of new Set(ownerArguments(access))) {
        const [ann, bob, first] = values[name];
        wanted.push({ kind: 'create', args: { [name]: ann } }, { kind: rng.pick(['create', 'update']), args: { [name]: bob } });
        // A part of the claims, which is how it is shown: events come, since owners are compared as they are shown.
        wanted.push({ kind: 'create', args: { [name]: String(ann).split('::').at(-1) } }, { kind: 'delete', args: { [name]: first } });
    }
    return wanted;
}

export function subscription(model, { kind, args = {}, where }, select) {
    const field = `on${upper(kind)}${model.name}`;
    const heads = [...Object.keys(args).map((name) => `$${name}: String`), ...(where ? [`$filter: ModelSubscription${model.name}FilterInput`] : [])];
    const passed = [...Object.keys(args), ...(where ? ['filter'] : [])].map((name) => `${name}: $${name}`);
    const put = (list) => (list.length === 0 ? '' : `(${list.join(', ')})`);
    const filter = where && Object.fromEntries(Object.entries(where).map(([name, value]) => [name, { eq: value }]));
    return { field, document: { query: `subscription${put(heads)} { ${field}${put(passed)} { ${select.join(' ')} } }`, variables: { ...args, ...(filter && { filter }) } } };
}

// ---- running -------------------------------------------------------------------------------------

export class Realtime {
    constructor(matrix) {
        Object.assign(this, { matrix, url: matrix.url, callers: matrix.callers, fences: 0 });
    }

    async open() {
        this.sockets = {};
        for (const [name, caller] of Object.entries(this.callers)) {
            const socket = await Socket.open(this.url, caller);
            this.matrix.expect('connect', name, ['connection_ack'], socket.messages.filter(({ type }) => type !== 'ka').map(({ type }) => type), `connect as ${name}`);
            await socket.start('fence', { query: 'subscription { onCreateFence { note } }' }, this.callers.key);
            this.sockets[name] = socket;
        }
    }

    async close() {
        await Promise.all(Object.values(this.sockets).map((socket) => socket.close()));
    }

    // Returns when every socket has got whatever was published before.
    async fence() {
        const note = `fence-${++this.fences}`;
        await post(this.url, { query: 'mutation($note: String) { createFence(input: { note: $note }) { note } }', variables: { note } }, this.callers.key);
        const there = ({ id, payload }) => id === 'fence' && payload?.data?.onCreateFence?.note === note;
        await Promise.all(Object.values(this.sockets).map((socket) => socket.find(there)));
        Object.values(this.sockets).forEach((socket) => (socket.messages = socket.messages.filter(({ id }) => id !== 'fence')));
    }

    async subscribe(model, select, wanted) {
        const started = [];
        const { reference } = this.matrix;
        const all = async (name) => {
            for (const [i, wish] of wanted.entries()) {
                const id = `${model.name}-${i}`;
                const { field, document: asked } = subscription(model, wish, select);
                const expected = reference.subscribe(this.callers[name], model, { field, ...wish });
                const answer = await this.sockets[name].start(id, asked, this.callers[name]);
                const [error] = answer.payload?.errors ?? [];
                const got = answer.type === 'start_ack' ? 'started' : `${answer.type}: ${error?.errorType} ${error?.message}`;
                this.matrix.expect('start', name, expected.denied === undefined ? 'started' : `error: Unauthorized ${expected.denied}`, got, asked, model);
                const one = { name, id, model: model.name, field, wish, asked, expected, events: [], payloads: [], started: answer.type === 'start_ack' };
                this.matrix.heard.push(one);
                if (one.started) {
                    started.push(one);
                }
            }
        };
        await Promise.all(Object.keys(this.callers).map(all));
        return started;
    }

    // Carries a mutation out on both sides and notes who is to see it.
    async mutate(model, request, started, select) {
        const caller = this.callers[request.caller];
        const { data, errors } = this.matrix.reference.run(caller, request);
        const answer = await post(this.url, document(request, this.matrix.models), caller);
        const payload = data[request.field];
        if (payload === null || errors.length > 0 || !answer.data?.[request.field]) {
            return 0;
        }
        for (const each of started.filter(({ wish, expected }) => wish.kind === request.kind && expected.denied === undefined)) {
            each.payloads.push(payload);
            if (each.expected.takes(payload)) {
                each.events.push(Object.fromEntries(select.map((name) => [name, each.expected.hidden?.includes(name) ? null : payload[name]])));
            }
        }
        return 1;
    }

    async model(model, seed) {
        const { matrix } = this;
        const rng = random(seed);
        const access = matrix.reference.access[model.name];
        const values = deciding(model, matrix.people);
        const names = ['id', 'tag', 'note', ...Object.keys(values)].filter((name) => !access.readers(name).checked);
        const started = await this.subscribe(model, names, wishes(model, access, values, rng));
        const declared = Object.keys(values).filter((name) => name in model.fields);
        const made = [];
        for (let i = 0; i < 6; i++) {
            const id = `w${i}`;
            const caller = i < 4 ? 'admin' : rng.pick(Object.keys(this.callers));
            const decided = Object.fromEntries(declared.map((name) => [name, values[name][(i + rng.below(2)) % values[name].length]]).filter(([, value]) => value !== undefined));
            const required = Object.keys(model.fields).filter((name) => model.fields[name].required);
            const input = { id, tag: rng.pick(['x', 'y']), note: id, ...Object.fromEntries(required.map((name) => [name, 'given'])), ...decided };
            await this.mutate(model, { caller, kind: 'create', model: model.name, field: `create${model.name}`, args: { input }, select: names }, started, names);
            made.push(id);
        }
        for (const id of ['r0', 'r1', 'r2']) {
            const input = { id, note: `seen-${id}` };
            await this.mutate(model, { caller: 'admin', kind: 'update', model: model.name, field: `update${model.name}`, args: { input }, select: names }, started, names);
        }
        for (const id of ['r3', 'r4', 'r5', ...made]) {
            await this.mutate(model, { caller: 'admin', kind: 'delete', model: model.name, field: `delete${model.name}`, args: { input: { id } }, select: names }, started, names);
        }
        await this.fence();
        this.judge(model, started);
        for (const [name, socket] of Object.entries(this.sockets)) {
            await socket.stop(started.filter((each) => each.name === name).map(({ id }) => id));
        }
    }

    judge(model, started) {
        for (const { name, id, field, asked, expected, events, payloads } of started) {
            if (expected.denied !== undefined) {
                continue; // it should not have started; that was told
            }
            const denied = expected.hidden?.length > 0; // an error stands beside what the authoriser denies
            const got = this.sockets[name].events(id).map((payload) => (payload.errors === undefined || denied ? payload.data?.[field] : payload));
            this.matrix.expect('event', name, events, got, asked, model, payloads.length);
        }
    }
}

/** Every other model without relations or keys of its own. */
export async function realtime(matrix) {
    const live = new Realtime(matrix);
    await live.open();
    for (const [i, model] of matrix.list.entries()) {
        if (model.key === undefined && model.relations === undefined && model !== FENCE && i % 2 === 0) {
            await live.model(model, matrix.seed * 1000 + i);
        }
    }
    await live.close();
}
