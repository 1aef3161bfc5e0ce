// A sample of the matrix through aws-amplify's own client, knowing only amplify_outputs.json. A process of its own,
// since Node reads whom it trusts when it starts; on stdin {outputs, seed, models, tables, people, password, callers}.
import { webcrypto } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { WebSocket } from 'ws';

globalThis.crypto ??= webcrypto;
globalThis.WebSocket ??= WebSocket;
globalThis.navigator ??= { userAgent: 'node' };

// The library's watchdogs over connections must not keep a finished process alive.
const { setTimeout } = globalThis;
globalThis.setTimeout = Object.assign((run, ms, ...rest) => {
    const timer = setTimeout(run, ms, ...rest);
    return ms >= 5000 ? timer.unref() : timer;
}, setTimeout);
console.warn = () => {}; // about endpoints that are not AWS's own

const { Amplify } = await import('aws-amplify');
const auth = await import('aws-amplify/auth');
const { generateClient } = await import('aws-amplify/data');
const { Hub } = await import('aws-amplify/utils');
const { comparable, deciding, document, selection } = await import('./cases.mjs');
const { modelText, models, random } = await import('./models.mjs');
const { Reference } = await import('./reference.mjs');
const { post } = await import('./server.mjs');

const LIMIT_MS = 20_000;
const given = JSON.parse(await text(process.stdin));
const list = models(given.seed);
const byName = Object.fromEntries(list.map((model) => [model.name, model]));
const reference = new Reference(list);
for (const [name, items] of Object.entries(given.tables)) {
    items.forEach((item) => reference.put(name, item));
}
Amplify.configure(given.outputs);
let [passed, failed] = [0, 0];

function judge(caller, model, asked, expected, got) {
    if (expected === got) {
        passed++;
        return;
    }
    failed++;
    console.log(`\nDIFFERENT through the client: ${asked} by ${caller}\n    ${modelText(model)}\n  expected ${expected}\n  got      ${got}`);
}

// How the client is told whom to be.
const MODES = {
    key: { authMode: 'apiKey' },
    guest: { authMode: 'identityPool' },
    ann: { authMode: 'userPool' },
    annIam: { authMode: 'identityPool' },
    vic: { authMode: 'lambda', authToken: given.callers.vic.token },
    gil: { authMode: 'lambda', authToken: given.callers.gil.token }, // a token of the app's own goes out the same way
};

// What the client may select: it knows fields from the outputs, and no owner that only the rule of a field brings.
const known = (model) =>
    selection(model, byName, { related: false }).filter((name) => name in given.outputs.data.model_introspection.models[model.name].fields);

// ---- requests ------------------------------------------------------------------------------------

async function ask(caller, model, kind, args) {
    const select = known(model);
    const field = kind === 'list' ? `list${model.name}s` : `${kind}${model.name}`;
    const request = { caller, kind, model: model.name, field, args: kind === 'get' ? args : kind === 'list' ? {} : { input: args }, select, where: { tag: 'r' } };
    const expected = reference.run(given.callers[caller], request);
    const options = { ...MODES[caller], selectionSet: select };
    const operations = generateClient().models[model.name];
    const { data, errors } = kind === 'list' ? await operations.list({ ...options, filter: { tag: { eq: 'r' } }, limit: 1000 }) : await operations[kind](args, options);
    const wanted = expected.data[field];
    judge(caller, model, `${kind} ${JSON.stringify(args)}`, comparable({ ...expected, data: kind === 'list' ? { items: wanted?.items ?? [] } : wanted }),
        comparable({ data: kind === 'list' ? { items: data } : data, errors }));
}

async function requests(caller, model, rng) {
    const values = deciding(model, given.people);
    const declared = Object.keys(values).filter((name) => name in model.fields);
    const own = Object.fromEntries(declared.map((name) => [name, rng.pick(values[name])]).filter(([, value]) => value !== undefined));
    Object.keys(model.fields).filter((name) => model.fields[name].required).forEach((name) => (own[name] = 'given'));
    const id = `k-${caller}`;
    for (const each of ['r6', 'r7', 'missing']) {
        await ask(caller, model, 'get', { id: each });
    }
    await ask(caller, model, 'list', {});
    await ask(caller, model, 'create', { id, tag: 'k', note: id, ...own });
    await ask(caller, model, 'update', { id: 'r6', note: `by ${caller}` });
    await ask(caller, model, 'update', { id, note: `again by ${caller}` });
    await ask(caller, model, 'delete', { id });
    await ask(caller, model, 'delete', { id: 'r7' });
}

// ---- realtime ------------------------------------------------------------------------------------

const within = (promise, what) => Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error(`not in time: ${what}`)), LIMIT_MS - 1).unref())]);

// Makes items for everybody until the subscriber gets the one that is for it, or hears that it may not listen.
async function live(caller, model, number) {
    const field = `create${model.name}`;
    const values = deciding(model, given.people);
    const select = known(model).filter((name) => !reference.access[model.name].readers(name).checked);
    const expected = reference.subscribe(given.callers[caller], model, { field: `onCreate${model.name}` });
    let settle;
    const heard = new Promise((resolve) => (settle = resolve));
    const observable = generateClient().models[model.name].onCreate({ ...MODES[caller], selectionSet: select });
    const subscription = observable.subscribe({ next: (item) => settle(item), error: (error) => settle({ error }) });
    let at;
    const declared = Object.keys(values).filter((name) => name in model.fields);
    const sent = [];
    heard.then((item) => (at = item));
    for (let i = 0; at === undefined && i < 400; i++) {
        const own = Object.fromEntries(declared.map((name) => [name, values[name][i % values[name].length]]).filter(([, value]) => value !== undefined));
        const id = `l-${caller}-${number}-${i}`;
        const request = { caller: 'admin', kind: 'create', model: model.name, field, args: { input: { id, tag: 'l', note: id, ...own } }, select };
        sent.push(reference.run(given.callers.admin, request).data[field]);
        await post(given.outputs.data.url, document(request, byName), given.callers.admin);
        await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    const item = await within(heard, `${caller} on ${model.name}`);
    subscription.unsubscribe();
    if (item.error !== undefined) {
        const denied = /Not Authorized to access \w+ on type Subscription/.exec(inspect(item.error, { depth: 9 }))?.[0];
        judge(caller, model, 'subscribe', expected.denied ?? 'no error', denied ?? inspect(item.error, { depth: 9 }));
        return;
    }
    const mine = expected.denied === undefined && sent.some((each) => expected.takes(each) && JSON.stringify(each) === JSON.stringify(item));
    judge(caller, model, 'event', 'one of mine', mine ? 'one of mine' : JSON.stringify(item));
}

// Rules by which, where they stand alone, everyone who may listen gets some of the items that are made.
const HEARD = ['key', 'guest', 'user', 'identity', 'author', 'editors', 'sub', 'name', 'group', 'team', 'teams'];

let state = 'Disconnected';
Hub.listen('api', ({ payload }) => (state = payload.data?.connectionState ?? state));

async function disconnected() {
    for (const end = Date.now() + LIMIT_MS; state !== 'Disconnected' && Date.now() < end; ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function session(callers) {
    for (const caller of callers) {
        for (const [i, name] of given.models.entries()) {
            await requests(caller, byName[name], random(given.seed + i));
        }
        const heard = given.models.map((name) => byName[name]);
        const denied = heard.filter((model) => reference.subscribe(given.callers[caller], model, { field: '' }).denied !== undefined);
        const open = heard.filter((model) => !denied.includes(model) && model.rules.length === 1 && HEARD.includes(model.rules[0].kind) && model.fields.secret === undefined);
        for (const [i, model] of [...open, ...denied.slice(0, 1)].entries()) {
            await live(caller, model, i);
        }
        await disconnected(); // which the client does after a denial, and a while after its last subscription
    }
}

await session(['key', 'guest', 'vic']);
await auth.signIn({ username: given.people.ann.email, password: given.password });
await session(['ann', 'annIam', 'gil']);
await auth.signOut();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
