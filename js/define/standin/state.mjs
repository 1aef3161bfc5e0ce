// What one evaluation of a project has recorded so far. The worker that evaluates is thrown away afterwards, so
// module state is evaluation state; nothing here ever needs a reset.

/** @typedef {{line: number, column: number}} Position a place in the bundle; line and column from 1 */
/**
 * @typedef {object} Warning
 * @property {string} message
 * @property {string} hint
 * @property {Position | null} at
 */

export const state = {
  /** URL of the bundle under evaluation: frames of other files are never a definition's. */
  bundleUrl: '',
  /** Absolute path of the project's root. */
  projectRoot: '',
  /** Absolute path of the folder for what is made from the project. */
  generated: '',
  /** Told when the project's own code begins, and ends, something that may take long. */
  slow: (/** @type {boolean} */ _begins) => {},
  /** Name of the sandbox or branch, as `tryGetContext('amplify-backend-name')` gives it. */
  identifier: 'sandbox',
  /** Name in the project's package.json, as `tryGetContext('amplify-backend-namespace')` gives it. */
  namespace: '',
  /** @type {Warning[]} */
  warnings: [],
  /** @type {Set<string>} */
  secrets: new Set(),
  /** @type {import('./backend.mjs').Backend | null} */
  backend: null,
  /** @type {object | null} what amplify/hosting.ts defines */
  hosting: null,
};

/**
 * @param {string} message
 * @param {string} hint
 * @param {Position | null} [at]
 */
export function warn(message, hint, at = position()) {
  const same = (/** @type {Warning} */ w) => w.message === message && w.at?.line === at?.line;
  if (!state.warnings.some(same)) {
    state.warnings.push({ message, hint, at });
  }
}

/**
 * The innermost place in the project's own code that led here.
 * @returns {Position | null}
 */
export function position() {
  const holder = /** @type {{stack: NodeJS.CallSite[]}} */ (/** @type {unknown} */ ({}));
  const prepare = Error.prepareStackTrace;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 30;
  Error.prepareStackTrace = (_, sites) => sites;
  Error.captureStackTrace(holder, position);
  const sites = holder.stack;
  Error.prepareStackTrace = prepare;
  Error.stackTraceLimit = limit;
  for (const site of sites) {
    if (site.getFileName() === state.bundleUrl) {
      return { line: site.getLineNumber() ?? 1, column: site.getColumnNumber() ?? 1 };
    }
  }
  return null;
}
