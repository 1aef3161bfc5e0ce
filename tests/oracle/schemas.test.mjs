// Every schema of schemas/, with each of its lists of authorization modes: what ampd makes of it
// must be what the official generators make of it now.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ampdIntrospection, ampdSchema } from './lib/ampd.mjs';
import { jsonDifferences, schemaDifferences } from './lib/compare.mjs';
import { officialIntrospection, officialSchema } from './lib/official.mjs';
import { loadSchemas } from './lib/schemas.mjs';

function none(lines) {
    assert.ok(lines.length === 0, `${lines.length} differences\n    ${lines.join('\n    ')}`);
}

for (const { name, sdl, modes } of await loadSchemas()) {
    for (const list of modes) {
        test(`${name} served with ${list}`, () => {
            const official = officialSchema(sdl, list);
            assert.equal(official.refused, undefined, 'the official generator takes it');
            const ours = ampdSchema(sdl, list);
            assert.equal(ours.refused, undefined, 'ampd takes it');
            none(schemaDifferences(ours.text, official.text));
        });
    }
    test(`${name} as model introspection`, () => {
        const official = officialIntrospection(sdl);
        assert.equal(official.refused, undefined, 'the official generator takes it');
        const ours = ampdIntrospection(sdl, modes[0]);
        assert.equal(ours.refused, undefined, 'ampd takes it');
        none(jsonDifferences(JSON.parse(ours.text), JSON.parse(official.text)));
    });
}
