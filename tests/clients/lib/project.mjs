// An example as its developer would check it: types and build, with the generated outputs in place.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ROOT } from './ampd.mjs';

const typesIn = (file) => [fileURLToPath(new URL(file, import.meta.url))];

/** A copy of an example in a folder of its own, sharing the installed packages. */
export const copyExample = (name) => copyProject(path.join(ROOT, 'examples', name));

/** A copy of any project, sharing its own packages or those of another. */
export function copyProject(from, packagesOf = from) {
  const folder = mkdtempSync(path.join(tmpdir(), `ampd-${path.basename(from)}-`));
  const skipped = new Set(['node_modules', 'dist', 'amplify_outputs.json', 'ampd'].map((each) => path.join(from, each)));
  skipped.add(path.join(from, '.amplify', 'ampd'));
  cpSync(from, folder, { recursive: true, preserveTimestamps: true, filter: (source) => !skipped.has(source) });
  symlinkSync(path.join(packagesOf, 'node_modules'), path.join(folder, 'node_modules'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', remove); // when a run breaks off
  return {
    folder,
    remove,
    useOutputs: (outputsFile) => cpSync(outputsFile, path.join(folder, 'amplify_outputs.json')),
  };
}

/** Type-checks the page, which imports the schema, and the definitions. */
export async function typecheck(folder) {
  // The real package of the definitions weighs a gigabyte; its types for the schema are those of
  // @aws-amplify/data-schema, which the page has anyway.
  const paths = {
    '@aws-amplify/backend': typesIn('backend.d.ts'),
    '@aws-amplify/backend/function/runtime': typesIn('backend-runtime.d.ts'),
    '$amplify/*': [path.join(folder, '.amplify/generated/*')],
  };
  for (const [config, base, include] of [
    ['check.json', './tsconfig.json', ['src', 'vite.config.ts']],
    ['check.amplify.json', './amplify/tsconfig.json', ['amplify/**/*.ts']],
  ]) {
    const compilerOptions = { paths, noEmit: true, preserveSymlinks: true };
    writeFileSync(path.join(folder, config), JSON.stringify({ extends: base, compilerOptions, include }));
    await run(folder, 'node_modules/typescript/bin/tsc', ['-p', config]);
  }
}

/** Builds the page into dist/. */
export async function build(folder) {
  await run(folder, 'node_modules/vite/bin/vite.js', ['build', '--logLevel', 'error']);
  assert.ok(existsSync(path.join(folder, 'dist/index.html')));
}

async function run(folder, script, args) {
  try {
    await promisify(execFile)(process.execPath, [script, ...args], { cwd: folder });
  } catch ({ stdout, stderr }) {
    assert.fail(`${script}:\n${stdout}${stderr}`);
  }
}
