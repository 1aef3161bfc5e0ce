// The todo example type-checks and builds with the outputs of its own sandbox.
// project: examples/todo
import { after, test } from 'node:test';
import { build, copyExample, typecheck } from '../lib/project.mjs';

const project = copyExample('todo');
project.useOutputs(JSON.parse(process.env.AMPD_OUTPUTS)['example-todo']);
after(() => project.remove());

test('it type-checks', () => typecheck(project.folder));
test('it builds', () => build(project.folder));
