// The matrix over HTTP: every request of the plans put to the server and to the reference, and what both make of it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { comparable, document, plans, selection } from './cases.mjs';
import { modelText, openText, random } from './models.mjs';
import { makeMistake, MISTAKES, Reference } from './reference.mjs';
import { fill, makeCallers, makePeople, PASSWORD, post } from './server.mjs';

const SHOWN = 2; // differences of one kind that are printed whole
const AT_ONCE = 12; // families of models asked at a time
const PAGE = 3;
const CLIENT_MS = 240_000;

class Tally {
    cases = {};
    failed = 0;
    titles = {};

    count(kind, caller, cases = 1) {
        this.cases[kind] ??= {};
        this.cases[kind][caller] = (this.cases[kind][caller] ?? 0) + cases;
    }

    get total() {
        return Object.values(this.cases).flatMap(Object.values).reduce((sum, each) => sum + each, 0);
    }

    fail(title, lines, cases = 1) {
        this.failed += cases;
        this.titles[title] = (this.titles[title] ?? 0) + 1;
        if (this.titles[title] <= SHOWN) {
            console.log(lines.join('\n'));
        }
    }
}

// What an over-grant gives away matters more than a wrong denial.
function verdict(expected, got) {
    const denied = (text) => /Unauthorized/.test(text);
    return denied(expected) && !denied(got) ? 'OVER-GRANT' : !denied(expected) && denied(got) ? 'WRONG DENIAL' : 'DIFFERENT';
}

const digest = (text) => createHash('sha1').update(text).digest('base64');

export class Matrix {
    constructor(list, project, seed) {
        this.list = list;
        this.project = project;
        this.seed = seed;
        this.models = Object.fromEntries(list.map((model) => [model.name, model]));
        this.tally = new Tally();
        this.answers = new Map(); // request -> digest of what the server said
        this.heard = []; // subscriptions: {name, model, field, wish, started, payloads, events}
    }

    async prepare() {
        const key = await this.project.accessKey();
        const open = await this.project.start(openText);
        try {
            this.people = await makePeople(open, key);
            this.plans = plans(this.list, this.people, await makeCallers(open, this.people, key, this.project.issuer, this.list), this.seed);
            await fill(open.outputs.data.url, open.outputs.data.api_key, this.plans);
        } finally {
            await open.stop();
        }
        this.sandbox = await this.project.start(modelText);
        this.url = this.sandbox.outputs.data.url;
        this.callers = await makeCallers(this.sandbox, this.people, key, this.project.issuer, this.list);
        this.reference = this.filled();
    }

    filled() {
        const reference = new Reference(this.list);
        this.plans.forEach(({ model, items }) => items.forEach((item) => reference.put(model.name, item)));
        return reference;
    }

    async ask(request) {
        const caller = this.callers[request.caller];
        const expected = comparable(this.reference.run(caller, request));
        const asked = document(request, this.models);
        const { status, ...answer } = await post(this.url, asked, caller);
        const got = status === 200 ? comparable(answer) : `HTTP ${status} ${JSON.stringify(answer)}`;
        this.tally.count(request.label ?? request.kind, request.caller);
        this.answers.set(request, digest(got));
        if (got !== expected) {
            this.differs(request, asked, expected, got);
        }
    }

    differs({ model, caller, kind }, asked, expected, got) {
        const related = Object.values(this.models[model]?.relations ?? {}).map((each) => each.model);
        const texts = [...(model === undefined ? [] : [model]), ...related].map((name) => `    ${modelText(this.models[name])}`);
        const title = `${verdict(expected, got)}: ${kind} by ${caller}`;
        this.tally.fail(title, [`\n${title}`, ...texts, `  asked    ${JSON.stringify(asked)}`, `  expected ${expected}`, `  got      ${got}`]);
    }

    /** An expectation beside the requests; `cases`: how many it is made of. */
    expect(kind, caller, expected, got, asked, model, cases = 1) {
        this.tally.count(kind, caller, cases);
        const [a, b] = [JSON.stringify(expected), JSON.stringify(got)];
        if (a !== b) {
            this.differs({ model: model?.name, caller, kind }, asked, a, b);
        }
    }

    // Families of related models see each other: one after the other, in order.
    families() {
        const found = new Map();
        for (const plan of this.plans) {
            const [, number] = /^R[pco](\d+)$/.exec(plan.model.name) ?? [];
            const family = number ?? plan.model.name;
            found.set(family, [...(found.get(family) ?? []), plan]);
        }
        return [...found.values()];
    }

    async run() {
        const waiting = this.families();
        const worker = async () => {
            for (let family = waiting.shift(); family !== undefined; family = waiting.shift()) {
                for (const plan of family) {
                    for (const request of plan.requests) {
                        await this.ask(request);
                    }
                    await this.settle(plan);
                }
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
    }

    // What the table holds after all that: read whole, by the forms in which owners are stored, and page by page.
    async settle({ model }) {
        const { name } = model;
        const rng = random(this.seed + this.list.indexOf(model));
        const list = { caller: 'admin', kind: 'list', model: name, field: `list${name}s`, args: {}, select: selection(model, this.models, { keyless: true, related: false }) };
        await this.ask({ ...list, label: 'stored', where: {} });
        const owners = this.reference.access[name].roles.filter((role) => role.strategy === 'owner' && !role.list && !(model.key ?? []).includes(role.entity));
        for (const { entity } of owners) {
            const values = new Set([...this.reference.tables[name].values()].map((item) => item[entity]).filter((value) => typeof value === 'string'));
            for (const value of values) {
                await this.ask({ ...list, label: 'stored', where: { [entity]: value } });
            }
        }
        for (const caller of ['admin', rng.pick(['ann', 'annId', 'bob']), rng.pick(['gil', 'gilId'])]) {
            await this.pages(caller, model);
        }
    }

    // A list in small pages: together they are the list, and none but the last is short of what the caller may see.
    async pages(caller, model) {
        const select = selection(model, this.models, { keyless: true, related: false });
        const request = { caller, kind: 'list', model: model.name, field: `list${model.name}s`, args: {}, where: {}, select };
        const expected = this.reference.run(this.callers[caller], request);
        if (expected.data[request.field] === null) {
            return;
        }
        const items = [];
        const errors = [];
        let [nextToken, whole] = [null, true];
        const query = `query($next: String) { ${request.field}(limit: ${PAGE}, nextToken: $next) { items { ${select.join(' ')} } nextToken } }`;
        do {
            const answer = await post(this.url, { query, variables: { next: nextToken } }, this.callers[caller]);
            const page = answer.data?.[request.field];
            items.push(...(page?.items ?? []));
            errors.push(...(answer.errors ?? []));
            nextToken = page?.nextToken ?? null;
            whole &&= nextToken === null || page.items.length === PAGE;
        } while (nextToken !== null && items.length < 1000);
        const got = { data: { [request.field]: { items } }, errors };
        this.expect('pages', caller, { whole: true, ...JSON.parse(comparable(expected)) }, { whole, ...JSON.parse(comparable(got)) }, query, model);
    }

    /** A sample through the official client, in a process of its own. */
    async client() {
        const kinds = ['key', 'guest', 'user', 'identity', 'owner', 'author', 'editors', 'group', 'team', 'teams'];
        const alone = kinds.map((kind) => this.list.find(({ rules, key, relations }) => rules.length === 1 && rules[0].kind === kind && key === undefined && relations === undefined));
        const mixed = this.list.filter(({ name }) => /^(Pa|Fi)\d*[37]$/.test(name));
        const chosen = [...alone, ...mixed].filter((model) => model !== undefined).map(({ name }) => name);
        const tables = Object.fromEntries(chosen.map((name) => [name, [...this.reference.tables[name].values()]]));
        const given = { outputs: this.sandbox.outputs, seed: this.seed, models: chosen, tables, people: this.people, password: PASSWORD, callers: this.callers };
        const script = fileURLToPath(new URL('client.mjs', import.meta.url));
        const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_EXTRA_CA_CERTS: this.sandbox.caFile } });
        const ended = once(child, 'close');
        const killed = setTimeout(() => child.kill(), CLIENT_MS);
        child.stdin.end(JSON.stringify(given));
        const printed = await text(child.stdout);
        const [code] = await ended;
        clearTimeout(killed);
        const [, passed, failed] = /(\d+) passed, (\d+) failed/.exec(printed) ?? [undefined, 0, 1];
        this.tally.count('client', 'aws-amplify', Number(passed) + Number(failed));
        if (code !== 0) {
            this.tally.fail('CLIENT', [`${printed}\nthe client's process ended with ${code}`], Math.max(Number(failed), 1));
        }
    }

    /** For every mistake a reference could make, whether the answers of the server speak against it. */
    testItself() {
        for (const [name, text] of Object.entries(MISTAKES)) {
            makeMistake(name);
            const reference = this.filled();
            const differs = (request) => digest(comparable(reference.run(this.callers[request.caller], request))) !== this.answers.get(request);
            const mishears = ({ name: caller, model, field, wish, started, payloads, events }) => {
                const { denied, takes } = reference.subscribe(this.callers[caller], this.models[model], { field, ...wish });
                return started === (denied !== undefined) || (started && payloads.filter(takes).length !== events.length);
            };
            this.tally.count('mistakes', 'noticed');
            if (!this.heard.some(mishears) && !this.plans.some(({ requests }) => requests.some(differs))) {
                this.tally.fail(`UNNOTICED: ${text}`, [`\nUNNOTICED: the matrix has no case against "${text}"`]);
            }
        }
        makeMistake(undefined);
    }
}
