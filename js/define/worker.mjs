// Runs in a worker thread, once: evaluates a bundle and answers with the manifest or what went wrong. A fresh thread
// for every evaluation means fresh modules, no leaks, and definitions that hang or exit harm nobody.
import { parentPort } from 'node:worker_threads';
import { Locator } from './locate.mjs';
import { DefinitionError } from './standin/errors.mjs';
import { openModule } from './standin/index.mjs';
import { buildManifest } from './standin/manifest.mjs';
import { state } from './standin/state.mjs';

/**
 * @typedef {object} Task
 * @property {string} url of the bundle
 * @property {string} map
 * @property {string} root
 * @property {string} name
 * @property {string} identifier
 * @property {string} generated
 */

/** @type {any} */ (globalThis)[Symbol.for('ampd.library')] = openModule;

/** @param {string} url */
async function preload(url) {
  await import(url).catch(() => undefined);
}

/** @param {Task} task */
async function evaluate(task) {
  const locator = new Locator(task.root, task.map);
  Object.assign(state, {
    bundleUrl: task.url,
    projectRoot: task.root,
    identifier: task.identifier,
    generated: task.generated,
    slow: (/** @type {boolean} */ slow) => parentPort?.postMessage({ slow }),
    namespace: task.name,
  });
  try {
    await import(task.url);
    if (state.backend === null) {
      throw new DefinitionError(
        'BackendBuildError',
        'amplify/backend.ts does not call defineBackend',
        'Call defineBackend({ auth, data, ... }) in amplify/backend.ts',
      );
    }
    const manifest = buildManifest({ root: task.root, name: task.name }, (at) => locator.locate(at));
    return { manifest, problems: [] };
  } catch (error) {
    return { manifest: null, problems: [problemOf(error, locator)] };
  }
}

/** @param {unknown} error @param {Locator} locator */
function problemOf(error, locator) {
  if (error instanceof DefinitionError) {
    const place = error.at === null ? locator.frame(error.stack ?? '', state.bundleUrl) : locator.locate(error.at);
    return { message: error.message, ...locator.narrow(place, error.words), hint: error.hint, code: error.name };
  }
  if (!(error instanceof Error)) {
    return {
      message: `Definitions threw ${String(error)}`,
      file: null,
      line: null,
      column: null,
      hint: 'Throw Error objects to have the place reported',
      code: 'Error',
    };
  }
  const place = locator.frame(error.stack ?? '', state.bundleUrl);
  return { message: locator.sourceNames(error.message, place), ...place, hint: hintOf(error), code: error.name };
}

/** @param {Error} error */
function hintOf(error) {
  const { code } = /** @type {NodeJS.ErrnoException} */ (error);
  const [, from, name] =
    /^The requested module '(.+)' does not provide an export named '(.+)'/.exec(error.message) ?? [];
  if (name !== undefined) {
    return `Search for the import of '${name}'; the package in ${from} has no such export`;
  }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return "A package imports something that is not installed: run your package manager's install";
  }
  return 'The definitions threw this while they were evaluated; correct the code at this place';
}

parentPort?.on('message', async (/** @type {{preload?: string[], task?: Task}} */ message) => {
  if (message.task === undefined) {
    await Promise.all((message.preload ?? []).map(preload));
  } else {
    parentPort?.postMessage(await evaluate(message.task));
  }
});
