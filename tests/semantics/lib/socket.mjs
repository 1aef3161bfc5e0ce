// A client of AppSync's realtime protocol that hides nothing.
import { once } from 'node:events';
import WebSocket from 'ws';

const LIMIT_MS = 20_000;

export const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Socket {
    received = [];
    waiting = new Set();

    constructor(api, { protocols, query = '', headers = { host: new URL(api.endpoint).host, 'x-api-key': api.key } } = {}) {
        this.api = api;
        this.headers = headers;
        this.ws = new WebSocket(`${api.endpoint.replace('http', 'ws')}/realtime${query}`, protocols ?? ['graphql-ws', `header-${encode(headers)}`]);
        this.ws.on('message', (data, isBinary) => this.take(isBinary ? data : JSON.parse(data)));
        this.closed = new Promise((resolve) => this.ws.on('close', (code, reason) => resolve({ code, reason: `${reason}` })));
        this.ws.on('error', (error) => (this.error = error));
    }

    take(message) {
        this.received.push(message);
        for (const check of this.waiting) {
            check();
        }
    }

    async open() {
        await once(this.ws, 'open');
        return this;
    }

    send(message) {
        this.ws.send(typeof message === 'string' ? message : JSON.stringify(message));
    }

    // The first message, from number `from` on, that the test is true for.
    find(test, from = 0) {
        return new Promise((resolve, reject) => {
            const check = () => {
                const found = this.received.slice(from).find(test);
                if (found !== undefined) {
                    this.waiting.delete(check);
                    clearTimeout(timer);
                    resolve(found);
                }
            };
            const timer = setTimeout(() => {
                this.waiting.delete(check);
                reject(new Error(`not received: ${test}; the last were ${JSON.stringify(this.received.slice(-5))}`));
            }, LIMIT_MS);
            this.waiting.add(check);
            check();
        });
    }

    answer(id, from) {
        return this.find((message) => message.id === id && message.type !== 'data', from);
    }

    async init() {
        await this.open();
        this.send({ type: 'connection_init' });
        await this.find(({ type }) => type === 'connection_ack');
        return this;
    }

    // Sends a start, signed by a function of its data when given; gives the answer.
    async start(id, query, variables, { authorization = this.headers, operationName } = {}) {
        const from = this.received.length;
        const data = JSON.stringify({ query, variables, operationName });
        const signed = typeof authorization === 'function' ? await authorization(data) : authorization;
        this.send({ id, type: 'start', payload: { data, extensions: { authorization: signed } } });
        return this.answer(id, from);
    }

    stop(id) {
        const from = this.received.length;
        this.send({ id, type: 'stop' });
        return this.answer(id, from);
    }

    data(id) {
        return this.received.filter((message) => message.id === id && message.type === 'data').map(({ payload }) => payload);
    }

    async count(id, count) {
        await this.find(() => this.data(id).length >= count);
        return this.data(id);
    }

    close() {
        this.ws.close();
        return this.closed;
    }
}

export const connect = (api, options) => new Socket(api, options).init();

/** A socket of a caller of identities.mjs: handshake and starts in its own way of authenticating. */
export async function connectAs(api, caller) {
    const { host, pathname } = new URL(api.endpoint);
    const authorization = async (body, options) => ({ host, ...(await caller.headers(body, options)) });
    const socket = await connect(api, { headers: await authorization('{}', { pathname: `${pathname}/connect` }) });
    return { socket, start: (id, query, variables) => socket.start(id, query, variables, { authorization }) };
}
