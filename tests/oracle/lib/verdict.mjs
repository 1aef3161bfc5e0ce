// Both sides on one schema: the differences, as lines; none when they agree, in refusing too.
import { ampdIntrospection, ampdSchema } from './ampd.mjs';
import { jsonDifferences, schemaDifferences } from './compare.mjs';
import { officialIntrospection, officialSchema } from './official.mjs';

// The official text shows each place in the source as a small picture; ours names line and column.
const PICTURE = /\n*GraphQL request:\d+:\d+\n(?: *\d* \|[^\n]*\n?)+/g;

export function officialText(text) {
    return text.replace(PICTURE, '\n\n').replace(/\n{3,}/g, '\n\n').trim();
}

export function ourText(text) {
    const [, rest] = /^ampd: ([^]*)$/.exec(text);
    return rest
        .replace(/ \(line \d+, column \d+\)/g, '')
        .replace(/\n {2,}add the mode to authorizationModes[^\n]*$/, '')
        .trim();
}

export function verdict(sdl, modes) {
    const official = officialSchema(sdl, modes);
    const ours = ampdSchema(sdl, modes);
    if (official.refused !== undefined || ours.refused !== undefined) {
        const theirs = official.refused === undefined ? 'takes it' : officialText(official.refused);
        const mine = ours.refused === undefined ? 'takes it' : ourText(ours.refused);
        return { refused: true, lines: theirs === mine ? [] : [`ours: ${mine}`, `official: ${theirs}`] };
    }
    const lines = schemaDifferences(ours.text, official.text);
    const model = officialIntrospection(sdl);
    if (model.refused === undefined) {
        const mine = ampdIntrospection(sdl, modes);
        lines.push(...jsonDifferences(JSON.parse(mine.text), JSON.parse(model.text)));
    }
    return { refused: false, lines };
}
