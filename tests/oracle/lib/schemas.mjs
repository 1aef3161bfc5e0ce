// The schemas of schemas/: TypeScript as a project's amplify/data/resource.ts has it, or SDL. A
// first line names the authorization modes to try: "modes: apiKey | userPool,apiKey".
import { buildSync } from 'esbuild';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('../schemas/', import.meta.url));
const BUILT = fileURLToPath(new URL('../node_modules/.cache/ampd-oracle/', import.meta.url));

// data-schema's own transform() of a TypeScript schema.
async function transformed(path) {
    const outfile = join(BUILT, `${process.pid}-${path.slice(HERE.length)}.mjs`);
    buildSync({ entryPoints: [path], outfile, bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'error' });
    const { schema } = await import(pathToFileURL(outfile));
    return schema.transform().schema;
}

export async function loadSchemas(wanted = () => true) {
    const schemas = [];
    for (const name of readdirSync(HERE).filter(wanted).sort()) {
        const path = join(HERE, name);
        const source = readFileSync(path, 'utf8');
        const line = /modes: (.+)/.exec(source.split('\n', 1)[0]);
        const modes = line[1].split('|').map((list) => list.trim().split(','));
        const sdl = name.endsWith('.ts') ? await transformed(path) : source;
        schemas.push({ name, sdl, modes });
    }
    return schemas;
}
