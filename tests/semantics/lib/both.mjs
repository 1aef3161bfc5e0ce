// One document put to both sides, and what differs in their answers.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { serve } from './ampd.mjs';
import { executable, startOfficial } from './appsync.mjs';
import { startDynamo } from './dynamo.mjs';
import { enrol } from './identities.mjs';
import { startIssuer } from './issuer.mjs';
import { officialPipelines } from './pipelines.mjs';

const { isObjectType } = createRequire(import.meta.url)('graphql');

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOW = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// What differs from run to run and must not be taken for an id: the users' subs.
export const known = new Map();

// A list of fields is told in any order.
const sortList = (text) => text.replace(/^(Unauthorized on )\[(.*)\]$/, (all, start, list) => `${start}[${list.split(', ').sort().join(', ')}]`);

// What each side makes up: ids, times, tokens.
function made(given, key) {
    if (typeof given !== 'string') {
        return given;
    }
    const value = sortList([...known].reduce((text, [word, name]) => text.replaceAll(word, name), given));
    if (key === 'nextToken') {
        return '(token)';
    }
    if (UUID.test(value)) {
        return '(uuid)';
    }
    if (NOW.test(value) && Math.abs(Date.now() - Date.parse(value)) < 600_000) {
        return '(now)';
    }
    return value.replace(/Request ID: \w+/, 'Request ID: (id)').replace(/IndexName: \w+/, 'IndexName: (index)') // of several, any is told
        .replace(/index '[^']+', (you must provide all fields for the key. Missing key:) '\w+'/, "index '(index)', $1 '(field)'");
}

function isJson(text) {
    return typeof text === 'string' && /^[{[]/.test(text);
}

export function normal(value, key) {
    if (Array.isArray(value)) {
        return value.map((item) => normal(item));
    }
    if (value === null || typeof value !== 'object') {
        return isJson(value) ? normal(JSON.parse(value)) : made(value, key);
    }
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, normal(item, name)]));
}

// An error below a null that it has made: which of several is told first is the executor's affair.
function seen(data, { path, ...error }) {
    let at = data;
    for (let i = 0; i < (path?.length ?? 0); i++) {
        at = at?.[path[i]];
        if ((at === null || at === undefined) && i + 1 < path.length) {
            return { path: path.slice(0, i + 1), below: true };
        }
    }
    return { path, ...error };
}

const unique = (items) => [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];

// Errors at their places, which are sorted with the items around them.
function placed(data, errors) {
    for (const { path, ...error } of errors) {
        const place = path.slice(0, -1).reduce((at, step) => at[step], data);
        const before = place[path.at(-1)];
        place[path.at(-1)] = { errors: [...(before?.errors ?? []), error] };
    }
    return sortItems(data);
}

// Errors by path, without what the executors find in the document.
function comparable({ data, errors = [] }, sorted) {
    const plain = unique(errors.map(({ locations, ...error }) => normal(seen(data, error))));
    plain.sort((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    const there = data !== null && plain.every(({ path }) => Array.isArray(path));
    return sorted && there ? { data: placed(normal(data), plain) } : { data: normal(data), errors: plain };
}

// The order of a scan, and of items with one key of an index, is DynamoDB's own affair.
export function sortItems(value) {
    if (Array.isArray(value)) {
        const items = value.map(sortItems);
        return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
    if (value === null || typeof value !== 'object') {
        return value;
    }
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, sortItems(item)]));
}

export function difference(ours, official, sorted) {
    const [a, b] = [comparable(ours, sorted), comparable(official, sorted)];
    try {
        assert.deepEqual(a, b);
        return undefined;
    } catch {
        return `    ampd:     ${JSON.stringify(a)}\n    official: ${JSON.stringify(b)}`;
    }
}

// Fields that an authoriser denies: of each type the last, and a few operations.
function deniedFields(sdl) {
    const types = Object.values(executable(sdl).getTypeMap()).filter((type) => isObjectType(type) && !/^__|^Subscription$/.test(type.name));
    return types.flatMap((type) => {
        const { name } = type;
        const fields = Object.keys(type.getFields());
        const some = ['Query', 'Mutation'].includes(name) ? fields.filter((field, i) => i % 5 === 3) : fields.filter((field, i) => i === fields.length - 3 && !/Connection$/.test(name));
        return some.map((field) => `${name}.${field}`);
    });
}

/** Both sides of a schema; with `enrolled`, callers too. {ours, official, callers, pipelines, stop()} */
export async function bothSides(sdl, modes, { enrolled = false } = {}) {
    const dynamo = await startDynamo();
    const issuer = modes.includes('oidc') ? await startIssuer() : undefined;
    let ours;
    const stop = async () => {
        dynamo.stop();
        issuer?.stop();
        await ours?.stop();
    };
    try {
        const pipelines = officialPipelines(sdl, modes);
        ours = await serve(sdl, modes, undefined, issuer?.url);
        const { callers, names, words } = enrolled ? await enrol(ours, issuer, modes.includes('lambda') ? deniedFields(pipelines.schema) : undefined) : {};
        words?.forEach((name, word) => known.set(word, name));
        const official = await startOfficial(dynamo, pipelines, { names, defaultMode: modes[0] });
        return { ours, official, callers, pipelines, stop };
    } catch (e) {
        await stop();
        throw e;
    }
}

// What differs between the two answers to a document, if anything.
// `told` counts the answers that have errors, and those that have none.
export async function compare({ ours, official }, query, variables, { sorted, caller, told } = {}) {
    const answer = await official.run(query, variables, caller);
    if (told !== undefined) {
        told[answer.errors === undefined ? 'admitted' : 'refused']++;
    }
    return difference(await ours.run(query, variables, caller), answer, sorted);
}

/**
 * A suite over one schema: define(ask, script). script(name, [documents...]) runs each document on
 * both sides in order; an element is a text, or [text, variables, {sorted, as: a caller's name}].
 */
export function compareSuite(name, sdl, define, modes = ['apiKey'], options = {}) {
    describe(name, () => {
        const sides = {};
        before(async () => {
            Object.assign(sides, await bothSides(sdl, modes, options));
        });
        after(() => sides.stop?.());
        define((title, documents) => {
            test(title, async () => {
                const differences = [];
                for (const each of documents) {
                    const [query, variables, { sorted, as } = {}] = [each].flat();
                    const found = await compare(sides, query, variables, { sorted, caller: sides.callers?.[as] });
                    if (found !== undefined) {
                        differences.push(`${as ?? ''} ${query.replace(/\s+/g, ' ')} ${JSON.stringify(variables ?? {})}\n${found}`);
                    }
                }
                assert.ok(differences.length === 0, `${differences.length} differences\n${differences.join('\n')}`);
            });
        }, sides);
    });
}
