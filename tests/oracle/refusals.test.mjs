// What the official tools refuse, ampd refuses with the same text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ampdSchema } from './lib/ampd.mjs';
import { officialSchema } from './lib/official.mjs';
import { officialText, ourText } from './lib/verdict.mjs';
import { REFUSALS } from './refusals.mjs';

for (const [what, sdl, modes = ['apiKey']] of REFUSALS) {
    test(what, () => {
        const official = officialSchema(sdl, modes);
        assert.notEqual(official.refused, undefined, 'the official generator refuses it');
        const ours = ampdSchema(sdl, modes);
        assert.notEqual(ours.refused, undefined, `ampd refuses it: ${officialText(official.refused)}`);
        assert.equal(ourText(ours.refused), officialText(official.refused));
    });
}
