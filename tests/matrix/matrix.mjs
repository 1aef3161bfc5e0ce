// Runs the matrix and prints what differs from the reference. MATRIX_ONLY=REGEXP restricts the models, MATRIX_SEED
// chooses others.
import { comparable, document, plans } from './cases.mjs';
import { modelText, models, openText } from './models.mjs';
import { Reference } from './reference.mjs';
import { FENCE, Realtime } from './realtime.mjs';
import { fill, makeCallers, makePeople, makeProject, post } from './server.mjs';

const SHOWN = 2; // differences of one kind that are printed whole
const AT_ONCE = 12; // models asked at a time

const only = new RegExp(process.env.MATRIX_ONLY ?? '.');
const seed = Number(process.env.MATRIX_SEED ?? 1);

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

    fail(title, lines) {
        this.failed++;
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

class Matrix {
    constructor(list, project) {
        this.list = list;
        this.project = project;
        this.models = Object.fromEntries(list.map((model) => [model.name, model]));
        this.reference = new Reference(list);
        this.tally = new Tally();
    }

    async prepare() {
        const key = await this.project.accessKey();
        const open = await this.project.start(openText);
        let made;
        try {
            const people = await makePeople(open, key);
            const names = await makeCallers(open, people, key);
            made = { people, plans: plans(this.list, people, names, seed) };
            await fill(open.outputs.data.url, open.outputs.data.api_key, made.plans);
        } finally {
            await open.stop();
        }
        this.sandbox = await this.project.start(modelText);
        this.url = this.sandbox.outputs.data.url;
        this.plans = made.plans;
        this.people = made.people;
        this.callers = await makeCallers(this.sandbox, made.people, key);
        this.plans.forEach(({ model, items }) => items.forEach((item) => this.reference.put(model.name, item)));
    }

    async ask(request) {
        const caller = this.callers[request.caller];
        const expected = comparable(this.reference.run(caller, request));
        const asked = document(request, this.models);
        const { status, ...answer } = await post(this.url, asked, caller);
        const got = status === 200 ? comparable(answer) : `HTTP ${status} ${JSON.stringify(answer)}`;
        this.tally.count(request.kind, request.caller);
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

    async run(settle) {
        const waiting = this.families();
        const worker = async () => {
            for (let family = waiting.shift(); family !== undefined; family = waiting.shift()) {
                for (const plan of family) {
                    for (const request of plan.requests) {
                        await this.ask(request);
                    }
                    await settle?.(plan);
                }
            }
        };
        await Promise.all(Array.from({ length: AT_ONCE }, worker));
    }
}

const began = Date.now();
const list = [...models(seed).filter(({ name }) => only.test(name)), FENCE];
const matrix = new Matrix(list, makeProject(list));
await matrix.prepare();
console.log(`${list.length} models prepared in ${Date.now() - began} ms`);
await matrix.run();
const live = new Realtime(matrix);
process.on('uncaughtException', (e) => {
    console.log(e);
    setTimeout(() => { console.log(matrix.sandbox.log(), matrix.sandbox.child.exitCode, matrix.sandbox.child.signalCode); process.exit(1); }, 1500);
});
await live.open();
for (const [i, model] of list.entries()) {
    if (model.key === undefined && model.relations === undefined && model !== FENCE && i % 2 === 0) {
        await live.model(model, i);
    }
}
await live.close();
console.log(matrix.tally.titles);
await matrix.sandbox.stop();
console.log(`${matrix.tally.total - matrix.tally.failed} passed, ${matrix.tally.failed} failed (${Date.now() - began} ms)`);
process.exitCode = matrix.tally.failed === 0 ? 0 : 1;
