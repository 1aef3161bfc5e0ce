// Custom functions: what bundling.local.tryBundle of Code.fromAsset makes is the code.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { load, projectOf, write } from './support.mjs';

/** A project with one custom function, and a file that counts its bundlings. */
function project(t, bundling, files = {}) {
  return projectOf(t, {
    'amplify/backend.ts': `
import { execSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineBackend, defineFunction } from '@aws-amplify/backend';
import { DockerImage } from 'aws-cdk-lib';
import { Code, Function, Runtime } from 'aws-cdk-lib/aws-lambda';
const functionDir = path.join(path.dirname(fileURLToPath(import.meta.url)), 'hello');
const counted = () => fs.appendFileSync(path.join(process.cwd(), 'count'), 'x');
defineBackend({
  other: defineFunction({ name: 'other', entry: './other.ts' }),
  hello: defineFunction((scope) => new Function(scope, 'say-hello', {
    handler: 'index.handler',
    runtime: Runtime.PYTHON_3_12,
    code: Code.fromAsset(functionDir, { bundling: { image: DockerImage.fromRegistry('dummy'), ${bundling} } }),
  })),
});
`,
    'amplify/other.ts': 'export const handler = () => 1;\n',
    'amplify/hello/index.py': 'import installed\n\ndef handler(event, context):\n    return 1\n',
    ...files,
  });
}

const docs = `local: { tryBundle(outputDir: string) {
  counted();
  execSync(\`mkdir \${path.join(outputDir)}/installed && cp -r \${functionDir}/* \${path.join(outputDir)}\`);
  return true;
} }`;
const count = (root) => fs.readFileSync(path.join(root, 'count'), 'utf8').length;

test('bundling: the output of tryBundle is the code, made anew only when its inputs changed', async (t) => {
  const root = project(t, docs);
  const { manifest, event } = await load(root);
  assert.deepEqual(event.warnings, []);
  const { code, source, problem, hash } = manifest.functions['say-hello'];
  assert.equal(problem, null);
  assert.equal(source, path.join(root, 'amplify/hello'));
  assert.ok(code.startsWith(path.join(root, '.amplify/generated/assets/say-hello/')), code);
  assert.deepEqual(fs.readdirSync(code).sort(), ['index.py', 'installed']);
  assert.ok(manifest.inputs.includes(path.join(root, 'amplify/hello/index.py')));
  assert.ok(!manifest.inputs.some((file) => file.includes('/.amplify/')));

  const again = await load(root);
  assert.deepEqual([count(root), again.manifest.functions['say-hello'].hash], [1, hash]);
  write(root, { 'amplify/other.ts': 'export const handler = () => 2;\n' });
  await load(root);
  assert.equal(count(root), 1);

  write(root, { 'amplify/hello/index.py': 'def handler(event, context):\n    return 2\n' });
  const changed = (await load(root)).manifest.functions['say-hello'];
  assert.equal(count(root), 2);
  assert.notEqual(changed.hash, hash);
  assert.match(fs.readFileSync(path.join(changed.code, 'index.py'), 'utf8'), /return 2/);
  write(root, { 'amplify/hello/index.py': 'def handler(event, context):\n    return 3\n' });
  await load(root);
  assert.equal(fs.readdirSync(path.dirname(code)).length, 2); // the one before may still be running
});

for (const [name, bundling, message, hint] of [
  ['returns false', 'local: { tryBundle: () => false }', /tryBundle returned false, and Docker is not used here$/, /return true/],
  ['makes nothing', 'local: { tryBundle: () => true }', /put nothing into its output folder$/, /outputDir/],
  ['throws', "local: { tryBundle() { throw new Error('no go here'); } }", /tryBundle failed: no go here$/, /outputDir/],
  ['fails in a command', "local: { tryBundle() { execSync('echo no compiler >&2; exit 3', { stdio: 'pipe' }); return true; } }", /no compiler$/, /outputDir/],
  ['makes an archive', "local: { tryBundle(o: string) { fs.writeFileSync(path.join(o, 'a.zip'), 'x'); return true; } }", /an archive, a\.zip/, /outputDir/],
  ['is there for Docker only', "command: ['make']", /is to be bundled in Docker, which is not used here$/, /tryBundle/],
]) {
  test(`bundling: one that ${name} is the problem of that function alone, told with its place`, async (t) => {
    const { manifest, event } = await load(project(t, bundling));
    const { problem, code } = manifest.functions['say-hello'];
    assert.equal(code, null);
    assert.match(problem, /^The function say-hello can not be run: /);
    assert.match(problem, message);
    const [warning, ...others] = event.warnings;
    assert.deepEqual([warning.file, warning.line, warning.message, others], ['amplify/backend.ts', 16, problem, []]);
    assert.match(warning.hint, hint);
    assert.equal(manifest.functions.other.problem, null);
  });
}
