// What the loader tells its caller: events, one JSON text a line, on standard output and nothing else there.
import fs from 'node:fs';

/**
 * @typedef {object} Problem
 * @property {string} message
 * @property {string | null} file relative to the project
 * @property {number | null} line from 1
 * @property {number | null} column from 1
 * @property {string} hint what to do
 * @property {string} code the original's error name where there is one
 */

/** Problems that stop a build. */
export class BuildError extends Error {
  /** @param {Problem[]} problems */
  constructor(problems) {
    super(problems[0]?.message ?? 'The build failed');
    this.problems = problems;
  }
}

/**
 * @param {string} code
 * @param {string} message
 * @param {string} hint
 * @param {Partial<Problem>} [where]
 */
export function buildError(code, message, hint, where = {}) {
  return new BuildError([{ message, file: null, line: null, column: null, hint, code, ...where }]);
}

/** @param {Record<string, unknown>} event */
export function emit(event) {
  // Synchronous: the caller acts on the line, and the process may end right after it.
  try {
    fs.writeSync(1, `${JSON.stringify(event)}\n`);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPIPE') {
      throw error;
    }
    process.exit(1); // the caller has been killed: there is nobody to tell
  }
}
