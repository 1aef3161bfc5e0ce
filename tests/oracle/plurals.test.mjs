// Plurals: the names of list queries and pluralName come from npm's pluralize. Words made of its own
// rules' stems, its irregular and uncountable words, and names as models have them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ampdIntrospection } from './lib/ampd.mjs';

const require = createRequire(import.meta.url);
const pluralize = require('pluralize');

const isName = (word) => /^[A-Za-z][A-Za-z0-9_]*$/.test(word);
const raised = (word) => word[0].toUpperCase() + word.slice(1);

// Every word in quotes and every letter sequence of the rules in pluralize's source.
function wordsOfRules() {
    const source = readFileSync(require.resolve('pluralize'), 'utf8');
    const quoted = [...source.matchAll(/'([A-Za-z]{2,})'/g)].map(([, word]) => word);
    const rules = [...source.matchAll(/\/([^/\n]+)\/i/g)].flatMap(([, rule]) => rule.match(/[a-z]{2,}/g) ?? []);
    return [...quoted, ...rules];
}

// Endings that rules look at, behind stems of every kind of letter.
function madeWords() {
    const stems = ['b', 'ba', 'cat', 'ch', 'dis', 'ea', 'ge', 'lou', 'mo', 'ny', 'o', 'pa', 'qu', 'ro', 'sta', 'th', 'u', 'vi', 'wa', 'x'];
    const ends = ['', 'a', 'ae', 'an', 'ar', 'ay', 'ch', 'craft', 'data', 'e', 'eau', 'ees', 'ex', 'ey', 'f', 'fe', 'ff', 'fish', 'foot', 'goose', 'i', 'ia', 'is', 'ix', 'ife', 'kin', 'lf', 'man', 'men', 'mouse', 'o', 'on', 'oo', 'oof', 'ouse', 'oy', 'people', 'person', 'pox', 'rf', 's', 'ses', 'sh', 'sheep', 'sis', 'ss', 'th', 'tooth', 'um', 'un', 'us', 'use', 'x', 'xes', 'y', 'z', 'zz'];
    return stems.flatMap((stem) => ends.map((end) => stem + end));
}

const IN_NAMES = ['UserProfile', 'API', 'APIKey', 'ItemS', 'ParentA', 'x', 'X', 'User_Profile', 'Post_', 'Data2', 'T1000', 'camelCase', 'HTTPStatus', 'UserInfo', 'MyPerson', 'BigFish', 'SheepDog', 'Buffalo', 'AB', 'aB', 'Ab', 'abC'];

// The server is asked in portions; a schema of thousands of models is nobody's.
function ourPlurals(words) {
    const sdl = words.map((word) => `type ${word} @model(queries: null, mutations: null, subscriptions: null) { a: String }`);
    const done = ampdIntrospection(sdl.join('\n'), ['apiKey']);
    assert.equal(done.refused, undefined);
    const { models } = JSON.parse(done.text);
    return words.map((word) => models[word].pluralName);
}

test('plurals are those of pluralize', () => {
    const words = [...new Set([...wordsOfRules(), ...madeWords()].flatMap((w) => [w, raised(w), w.toUpperCase(), `New${raised(w)}`]))];
    const names = [...new Set([...words, ...IN_NAMES])].filter((word) => isName(word) && !['Query', 'Mutation', 'Subscription', 'String'].includes(word));
    assert.ok(names.length > 3000, `only ${names.length} words`);
    const wrong = [];
    for (let i = 0; i < names.length; i += 500) {
        const portion = names.slice(i, i + 500);
        ourPlurals(portion).forEach((plural, k) => {
            if (plural !== pluralize(portion[k])) {
                wrong.push(`${portion[k]}: ${plural}, pluralize says ${pluralize(portion[k])}`);
            }
        });
    }
    assert.ok(wrong.length === 0, `${wrong.length} of ${names.length}\n    ${wrong.slice(0, 60).join('\n    ')}`);
});
