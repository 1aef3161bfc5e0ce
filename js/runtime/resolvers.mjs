// The host of JavaScript resolvers: resident, asked over its standard input, answering on its standard output in the order it
// was asked. Both carry frames: four bytes of length (little endian), then text.
//
//   asked:    {"id","file","hash","call"} LF context      `call`: request, response, or both (a data source that passes on)
//   answered: {"id","log":[[level, text]]} LF outcome     see appsync/evaluate.cjs
//
// Resolvers run in a context of node:vm that has nothing of Node's: only texts cross its border. Its globals are frozen and a
// module runs anew for each evaluation, so nothing is left for the next one. An evaluation that does not end is ended with this
// process by whoever asks.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { SourceMap } from 'node:module';
import vm from 'node:vm';
import { Worker } from 'node:worker_threads';

const LIBRARY = ['base', 'time', 'xml', 'transform', 'dynamodb', 'rds', 'evaluate'];
const MODULES_MAX = 1000;

// ---- the context -------------------------------------------------------------------------------

/** @type {[string, string][]} what the evaluation at hand has to say */
let log = [];
const context = vm.createContext(Object.create(null), { codeGeneration: { strings: false, wasm: false } });

/** @param {string} name */
function library(name) {
  const url = new URL(`./appsync/${name}.cjs`, import.meta.url);
  return new vm.Script(fs.readFileSync(url, 'utf8'), { filename: url.pathname }).runInContext(context);
}

const lib = vm.runInContext('({})', context);
const host = vm.runInContext('(random, say) => ({ random: (size) => `${random(size)}`, say: (level, text) => { say(level, text); } })', context)(
  (/** @type {number} */ size) => randomBytes(size).toString('hex'),
  (/** @type {string} */ level, /** @type {string} */ text) => log.push([level, text]),
);
for (const name of LIBRARY) library(name)(lib, host);
library('freeze')(lib);

// ---- modules -----------------------------------------------------------------------------------

/** @typedef {{hash: string, factory: Function, map: SourceMap | null}} Module */

/** @type {Map<string, Module>} by file */
const modules = new Map();

/** @param {string} file @param {string} hash @returns {Module} */
function load(file, hash) {
  const known = modules.get(file);
  if (known?.hash === hash) return known;
  const code = fs.readFileSync(file, 'utf8');
  const source = `(function (exports, require, module, util, extensions, runtime, console, globalThis) { "use strict";\n${code}\n})`;
  const made = { hash, factory: new vm.Script(source, { filename: file, lineOffset: -1 }).runInContext(context), map: sourceMap(code) };
  modules.delete(file);
  modules.set(file, made);
  if (modules.size > MODULES_MAX) modules.delete(/** @type {string} */ (modules.keys().next().value));
  return made;
}

/** @param {string} code */
function sourceMap(code) {
  const [, data] = /\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(code) ?? [];
  return data === undefined ? null : new SourceMap(JSON.parse(Buffer.from(data, 'base64').toString('utf8')));
}

/** The lines of a stack that are the resolver's own, in its source. @param {string} stack @param {string} file @param {SourceMap | null} map */
function places(stack, file, map) {
  return stack
    .split('\n')
    .filter((line) => line.includes(file))
    .map((line) => {
      const [, row, column] = /:(\d+):(\d+)\)?$/.exec(line) ?? [];
      const entry = /** @type {any} */ (map?.findEntry(Number(row) - 1, Number(column) - 1));
      const [, fn] = /^\s*at (?:Object\.)?(\S+) \(/.exec(line) ?? [];
      return `${entry?.originalSource ?? file}:${(entry?.originalLine ?? Number(row) - 1) + 1}:${(entry?.originalColumn ?? Number(column) - 1) + 1}${fn === undefined ? '' : ` (${fn})`}`;
    });
}

// ---- evaluations -------------------------------------------------------------------------------

/** @param {{file: string, hash: string, call: string}} asked @param {string} text */
function evaluate({ file, hash, call }, text) {
  try {
    const { factory, map } = load(file, hash);
    const outcome = lib.evaluate(factory, call, text);
    if (!outcome.startsWith('{"fault":')) return outcome;
    const { fault } = JSON.parse(outcome);
    const where = places(fault.stack, file, map);
    log.push(['error', [fault.message, ...where.map((place) => `    at ${place}`)].join('\n')]);
    return JSON.stringify({ fault: { message: fault.message, place: where[0] ?? null } });
  } catch (error) {
    const message = String(/** @type {any} */ (error)?.message ?? error);
    log.push(['error', message]);
    return JSON.stringify({ fault: { message, place: null } });
  }
}

/** @param {Buffer} frame */
function answer(frame) {
  const end = frame.indexOf(10);
  const asked = JSON.parse(frame.toString('utf8', 0, end));
  log = [];
  const outcome = evaluate(asked, frame.toString('utf8', end + 1));
  write(`${JSON.stringify({ id: asked.id, log })}\n${outcome}`);
}

/** @param {string} text */
function write(text) {
  const size = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(4 + size);
  frame.writeUInt32LE(size);
  frame.write(text, 4);
  process.stdout.write(frame);
}

// ---- frames ------------------------------------------------------------------------------------

/** @type {Buffer[]} */
let pieces = [];
let have = 0;

/** A frame, when all of it is there. */
function take() {
  if (have < 4) return null;
  const all = pieces.length === 1 ? /** @type {Buffer} */ (pieces[0]) : Buffer.concat(pieces);
  const size = all.readUInt32LE();
  pieces = [all];
  if (all.length < 4 + size) return null;
  have = all.length - 4 - size;
  pieces = [all.subarray(4 + size)];
  return all.subarray(4, 4 + size);
}

/** Pieces are put together only once a frame can be complete: a large one comes in many. */
let wanted = 4;
process.stdin.on('data', (piece) => {
  pieces.push(/** @type {Buffer} */ (piece));
  have += piece.length;
  while (have >= wanted) {
    const frame = take();
    if (frame === null) {
      wanted = 4 + /** @type {Buffer} */ (pieces[0]).readUInt32LE();
      return;
    }
    wanted = 4;
    answer(frame);
  }
});
process.stdin.on('end', () => process.exit(0));

// Whoever asked may be gone while an evaluation spins: then nothing of the above is reached, but by another thread.
const watch = `const parent = process.ppid; setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGKILL'), 1000);`;
new Worker(watch, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } }).unref();
process.on('SIGINT', () => {}); // of a terminal's group: whoever asks decides when this ends
write('{"ready":true}\n');
