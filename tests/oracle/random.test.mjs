// A fixed sample of random schemas; `node fuzz.mjs FIRST COUNT` runs more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomSchema } from './lib/random-schema.mjs';
import { verdict } from './lib/verdict.mjs';

for (let seed = 1; seed <= 40; seed++) {
    test(`random schema of seed ${seed}`, () => {
        const { sdl, modes } = randomSchema(seed);
        const { lines } = verdict(sdl, modes);
        assert.ok(lines.length === 0, `with ${modes}\n    ${lines.join('\n    ')}\n${sdl}`);
    });
}
