// Entry: evaluates the amplify/ folder of a project and writes its manifest. See README.md for the contract.
import fs from 'node:fs';
import { parseOptions, usage } from './args.mjs';
import { Loader } from './loader.mjs';
import { stay } from './resident.mjs';
import { TypeCheck } from './types.mjs';

/** @returns {import('./args.mjs').Options} */
function options() {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n${usage}\n`);
    process.exit(2);
  }
}

const given = options();
if (fs.existsSync(given.project)) {
  // Definitions read files relative to the project, as under npx ampx.
  process.chdir(given.project);
}
const loader = new Loader(given);
const types = new TypeCheck(loader.root);
process.on('exit', () => {
  types.stop();
  loader.close();
});
for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => process.exit(1));
}
if (given.watch) {
  await stay(loader, types, process.stdin);
  process.exit(0);
}
const good = await loader.run();
if (good) {
  await types.run();
}
process.exit(good ? 0 : 1);
