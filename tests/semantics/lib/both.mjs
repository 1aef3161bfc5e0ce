// One document put to both sides, and what differs in their answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serve } from './ampd.mjs';
import { startOfficial } from './appsync.mjs';
import { startDynamo } from './dynamo.mjs';
import { officialPipelines } from './pipelines.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const NOW = /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

// What each side makes up: ids, times, tokens.
function made(value, key) {
    if (typeof value !== 'string') {
        return value;
    }
    if (key === 'nextToken') {
        return '(token)';
    }
    if (UUID.test(value)) {
        return '(uuid)';
    }
    if (NOW.test(value) && Math.abs(Date.now() - Date.parse(value)) < 600_000) {
        return '(now)';
    }
    return value.replace(/Request ID: \w+/, 'Request ID: (id)');
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

// Errors by path, without what the executors find in the document.
function comparable({ data, errors = [] }, sorted) {
    const plain = errors.map(({ locations, ...error }) => normal(error));
    plain.sort((a, b) => JSON.stringify(a.path) < JSON.stringify(b.path) ? -1 : 1);
    return { data: sorted ? sortItems(normal(data)) : normal(data), errors: plain };
}

// A scan's order is DynamoDB's own affair.
function sortItems(value) {
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

/**
 * A suite over one schema: define(ask, script). script(name, [documents...]) runs each document on
 * both sides in order; an element is a text, or [text, variables], or a function of {both, walk}.
 */
export function compareSuite(name, sdl, define, modes = ['apiKey']) {
    describe(name, () => {
        const sides = {};
        before(async () => {
            sides.dynamo = await startDynamo();
            sides.official = await startOfficial(sides.dynamo, officialPipelines(sdl, modes));
            sides.ours = await serve(sdl, modes);
        });
        after(async () => {
            sides.dynamo?.stop();
            await sides.ours?.stop();
        });
        define((title, documents) => {
            test(title, async () => {
                const differences = [];
                for (const each of documents) {
                    const [query, variables, { sorted } = {}] = [each].flat();
                    const [ours, official] = [await sides.ours.run(query, variables), await sides.official.run(query, variables)];
                    const found = difference(ours, official, sorted);
                    if (found !== undefined) {
                        differences.push(`${query.replace(/\s+/g, ' ')} ${JSON.stringify(variables ?? {})}\n${found}`);
                    }
                }
                assert.ok(differences.length === 0, `${differences.length} differences\n${differences.join('\n')}`);
            });
        }, sides);
    });
}
