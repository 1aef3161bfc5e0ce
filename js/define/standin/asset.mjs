// Code.fromAsset with `bundling`: what `local.tryBundle` puts into a folder is the function's code, as on AWS. It runs
// only when its inputs changed; Docker, the other way of the CDK, is not used here.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { filesIn } from '../files.mjs';
import { metaOf } from './recorder.mjs';
import { serialise } from './serialise.mjs';
import { state, warn } from './state.mjs';

const CONTENT_MAX = 1024 * 1024; // larger files count by their size and time
const MESSAGE_MAX = 600;
const HINT = 'Correct bundling.local.tryBundle(outputDir): it has to put the code into outputDir and to return true';
const NO_LOCAL =
  'Give bundling a `local: { tryBundle(outputDir) { ...; return true; } }`, or build the code yourself and name its folder without bundling';

/**
 * @typedef {object} Asset
 * @property {string | null} code the folder with the result; null when there is none
 * @property {string | null} problem why there is none
 */

/** What of a folder decides over the result. @param {string} source @param {any} bundling @returns {string} */
function inputsOf(source, bundling) {
  const hash = createHash('sha256').update(`${bundling.local?.tryBundle}\n${JSON.stringify(serialise(bundling))}\n`);
  for (const file of filesIn(source)) {
    const { size, mode, mtimeMs } = fs.statSync(file);
    hash.update(`${path.relative(source, file)} ${size} ${mode} `);
    hash.update(size > CONTENT_MAX ? String(mtimeMs) : fs.readFileSync(file));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Runs the project's own code. @param {any} bundling @param {string} output @returns {string | null} what is wrong */
function runLocal(bundling, output) {
  if (!bundling.local.tryBundle(output, bundling)) {
    return 'bundling.local.tryBundle returned false, and Docker is not used here';
  }
  const names = fs.readdirSync(output);
  if (names.length === 0) {
    return 'bundling.local.tryBundle returned true and put nothing into its output folder';
  }
  return names.length === 1 && /\.(zip|jar)$/.test(names[0] ?? '')
    ? `bundling.local.tryBundle made an archive, ${names[0]}; only a folder with the files themselves can be run here`
    : null;
}

/** @param {unknown} error */
function textOf(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > MESSAGE_MAX ? `${text.slice(0, MESSAGE_MAX)}...` : text.trim();
}

/**
 * Builds into a folder beside, which becomes the result in one step.
 * @param {any} bundling @param {string} target @param {string} label of the function
 * @returns {string | null} what is wrong
 */
function build(bundling, target, label) {
  const output = `${target}.${process.pid}.tmp`;
  fs.rmSync(output, { recursive: true, force: true });
  fs.mkdirSync(output, { recursive: true });
  state.slow(true);
  try {
    process.stderr.write(`Bundling the code of the function ${label}\n`);
    const problem = runLocal(bundling, output);
    if (problem === null) {
      fs.renameSync(output, target);
    }
    return problem;
  } catch (error) {
    return `bundling.local.tryBundle failed: ${textOf(error)}`;
  } finally {
    state.slow(false);
    fs.rmSync(output, { recursive: true, force: true });
  }
}

/** The result before this one may have calls in progress: it stays until the next. @param {string} folder @param {string} name */
function removeOlder(folder, name) {
  const others = fs.readdirSync(folder).filter((each) => each !== name);
  const times = others.map((each) => ({ each, at: fs.statSync(path.join(folder, each)).ctimeMs }));
  times.sort((a, b) => b.at - a.at);
  times.slice(1).forEach(({ each }) => fs.rmSync(path.join(folder, each), { recursive: true, force: true }));
}

/**
 * The code of a function whose asset is to be bundled.
 * @param {unknown} code what Code.fromAsset returned
 * @param {string} source the folder it was given, absolute
 * @param {string} label of the function
 * @returns {Asset | null} null when nothing is to be bundled
 */
export function bundledAsset(code, source, label) {
  const root = metaOf(code)?.root;
  const bundling = /** @type {any} */ (root?.args[1])?.bundling;
  if (root === undefined || bundling === undefined || bundling === null) {
    return null;
  }
  const folder = path.join(state.generated, 'assets', label.replaceAll(/[^\w.-]/g, (c) => `+${c.charCodeAt(0).toString(16)}+`));
  const name = typeof bundling.local?.tryBundle === 'function' ? inputsOf(source, bundling) : '';
  const target = path.join(folder, name);
  let problem = null;
  if (name === '') {
    problem = 'its code is to be bundled in Docker, which is not used here';
  } else if (!fs.existsSync(target)) {
    problem = build(bundling, target, label);
  }
  if (problem !== null) {
    problem = `The function ${label} can not be run: ${problem}`;
    warn(problem, name === '' ? NO_LOCAL : HINT, root.at);
    return { code: null, problem };
  }
  removeOlder(folder, name);
  return { code: target, problem: null };
}
