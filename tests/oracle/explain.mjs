// node explain.mjs [WORD...]: the differences of the schemas whose names contain a word, for whoever
// is mending one; --sdl prints what both sides make of it.
import { ampdIntrospection, ampdSchema } from './lib/ampd.mjs';
import { jsonDifferences, schemaDifferences } from './lib/compare.mjs';
import { officialIntrospection, officialSchema } from './lib/official.mjs';
import { loadSchemas } from './lib/schemas.mjs';

const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const wanted = (name) => words.length === 0 || words.some((word) => name.includes(word));

function show(title, ours, official, differences) {
    const refused = [ours.refused, official.refused].filter((text) => text !== undefined);
    const lines = refused.length > 0 ? [`ours: ${ours.refused}`, `official: ${official.refused}`] : differences();
    console.log(`${lines.length === 0 ? 'same' : 'DIFFERENT'}  ${title}${lines.map((line) => `\n    ${line}`).join('')}`);
    if (process.argv.includes('--sdl')) {
        console.log(`---- ours\n${ours.text}\n---- official\n${official.text}`);
    }
}

for (const { name, sdl, modes } of await loadSchemas(wanted)) {
    for (const list of modes) {
        const [ours, official] = [ampdSchema(sdl, list), officialSchema(sdl, list)];
        show(`${name} ${list}`, ours, official, () => schemaDifferences(ours.text, official.text));
    }
    const [ours, official] = [ampdIntrospection(sdl, modes[0]), officialIntrospection(sdl)];
    show(`${name} introspection`, ours, official, () =>
        jsonDifferences(JSON.parse(ours.text), JSON.parse(official.text)),
    );
}
