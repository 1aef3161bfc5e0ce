// The blog example type-checks and builds with the outputs of its own sandbox.
// project: examples/blog
import { after, test } from 'node:test';
import { build, copyExample, typecheck } from '../lib/project.mjs';

const project = copyExample('blog');
project.useOutputs(JSON.parse(process.env.AMPD_OUTPUTS)['example-blog']);
after(() => project.remove());

test('it type-checks', () => typecheck(project.folder));
test('it builds', () => build(project.folder));
