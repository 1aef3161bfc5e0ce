// The schema that a running ampd shows to the introspection query has no difference from the one the
// official transformer generates. Every schema of schemas/ that has an API key to ask with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { officialSchema } from './lib/official.mjs';
import { loadSchemas } from './lib/schemas.mjs';
import { servedDifferences, withServer } from './serve.mjs';

for (const { name, sdl, modes } of await loadSchemas()) {
    const list = modes.find((m) => m.includes('apiKey'));
    if (list === undefined) {
        continue;
    }
    const { text } = officialSchema(sdl, list);
    if (name.startsWith('unservable')) {
        test(`${name} is no schema, and not served`, async () => {
            await assert.rejects(async () => servedDifferences(undefined, undefined, text), /Unknown type|only be defined once/);
            await assert.rejects(withServer(sdl, list, () => {}), /ampd has ended/);
        });
        continue;
    }
    test(`${name} asked for its schema`, async () => {
        const lines = await withServer(sdl, list, (url, key) => servedDifferences(url, key, text));
        assert.ok(lines.length === 0, `${lines.length} differences\n    ${lines.join('\n    ')}`);
    });
}
