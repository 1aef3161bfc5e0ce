// What the official tools refuse, ampd refuses with the same text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ampdSchema } from './lib/ampd.mjs';
import { officialSchema } from './lib/official.mjs';
import { REFUSALS } from './refusals.mjs';

// The official text shows each place in the source as a small picture; ours names line and column.
const PICTURE = /\n*GraphQL request:\d+:\d+\n(?: *\d* \|[^\n]*\n?)+/g;
const officialText = (text) => text.replace(PICTURE, '\n\n').replace(/\n{3,}/g, '\n\n').trim();

function ourText(text) {
    const [, rest] = /^ampd: ([^]*)$/.exec(text);
    return rest
        .replace(/ \(line \d+, column \d+\)/g, '')
        .replace(/\n {2,}add the mode to authorizationModes[^\n]*$/, '')
        .trim();
}

for (const [what, sdl, modes = ['apiKey']] of REFUSALS) {
    test(what, () => {
        const official = officialSchema(sdl, modes);
        assert.notEqual(official.refused, undefined, 'the official generator refuses it');
        const ours = ampdSchema(sdl, modes);
        assert.notEqual(ours.refused, undefined, `ampd refuses it: ${officialText(official.refused)}`);
        assert.equal(ourText(ours.refused), officialText(official.refused));
    });
}
