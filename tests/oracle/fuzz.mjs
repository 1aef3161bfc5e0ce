// node fuzz.mjs FIRST COUNT: random schemas of these seeds, both sides compared. Prints the schema of
// a seed that differs.
import { randomSchema } from './lib/random-schema.mjs';
import { verdict } from './lib/verdict.mjs';

const [first = 1, count = 100] = process.argv.slice(2).map(Number);
let [same, refused, different] = [0, 0, 0];
for (let seed = first; seed < first + count; seed++) {
    const { sdl, modes } = randomSchema(seed);
    const found = verdict(sdl, modes);
    same += found.lines.length === 0;
    refused += found.refused;
    if (found.lines.length > 0) {
        different++;
        console.log(`seed ${seed} with ${modes}\n    ${found.lines.join('\n    ')}`);
        if (count === 1) {
            console.log(sdl);
        }
    }
}
console.log(`${same} same (${refused} refused), ${different} different`);
process.exitCode = different > 0 ? 1 : 0;
