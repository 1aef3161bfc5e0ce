// Runs the matrix and prints what differs from the reference. MATRIX_ONLY=REGEXP restricts the models, MATRIX_SEED
// chooses others, MATRIX_MISTAKE=NAME makes the reference wrong on purpose.
import { startIssuer } from './issuer.mjs';
import { Matrix } from './matrix.mjs';
import { models } from './models.mjs';
import { FENCE, realtime } from './realtime.mjs';
import { refused } from './refused.mjs';
import { makeProject } from './server.mjs';

const only = new RegExp(process.env.MATRIX_ONLY ?? '.');
const seed = Number(process.env.MATRIX_SEED ?? 1);
const whole = (process.env.MATRIX_ONLY === undefined || process.env.MATRIX_SELF) && process.env.MATRIX_MISTAKE === undefined;

const list = [...models(seed).filter(({ name }) => only.test(name)), FENCE];
const issuer = await startIssuer();
const project = makeProject(list, issuer);
const matrix = new Matrix(list, project, seed);
const began = Date.now();
const say = (text) => console.log(`${text} (${((Date.now() - began) / 1000).toFixed(1)} s)`);

try {
    await matrix.prepare();
    say(`${list.length} models are served to ${Object.keys(matrix.callers).length} callers`);
    await refused(matrix);
    await matrix.run();
    say('asked over HTTP');
    await realtime(matrix);
    say('subscribed');
    await matrix.client();
    say('asked through the client');
    if (whole) {
        matrix.testItself();
        say('tested itself');
    }
    await matrix.sandbox.stop();
} finally {
    project.remove();
    issuer.stop();
}
const { tally } = matrix;
for (const [kind, callers] of Object.entries(tally.cases)) {
    console.log(`${kind}: ${Object.entries(callers).map(([caller, count]) => `${caller} ${count}`).join(', ')}`);
}
if (tally.failed > 0) {
    console.log(tally.titles);
}
console.log(`${tally.total - tally.failed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
