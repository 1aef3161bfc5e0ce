// The command line of the loader.
import path from 'node:path';
import { parseArgs } from 'node:util';

/**
 * @typedef {object} Options
 * @property {string} project absolute path of the project's root
 * @property {string} out the manifest file
 * @property {string} generated folder for generated files
 * @property {boolean} watch
 * @property {string} identifier
 */

export const usage = 'usage: main.mjs --project DIR --out FILE [--generated DIR] [--identifier NAME] [--watch]';

/**
 * @param {string[]} argv
 * @returns {Options}
 */
export function parseOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      project: { type: 'string' },
      out: { type: 'string' },
      generated: { type: 'string' },
      identifier: { type: 'string', default: 'sandbox' },
      watch: { type: 'boolean', default: false },
    },
  });
  if (values.project === undefined || values.out === undefined) {
    throw new Error('--project and --out are required');
  }
  const project = path.resolve(values.project);
  return {
    project,
    out: path.resolve(values.out),
    generated: path.resolve(values.generated ?? path.join(project, '.amplify', 'generated')),
    watch: values.watch ?? false,
    identifier: values.identifier ?? 'sandbox',
  };
}
