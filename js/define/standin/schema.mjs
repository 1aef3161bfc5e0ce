// The schema builder is the project's own @aws-amplify/data-schema. After bundling, the call stacks it takes to
// find relative entry paths point into the bundle, so each file that imports it gets a copy of `a` that knows the
// file. The same copies note where each schema stands, for errors found later.
import { position } from './state.mjs';

/** @type {WeakMap<object, import('./state.mjs').Position | null>} */
const places = new WeakMap();

/** @param {object} schema */
export function schemaPosition(schema) {
  return places.get(schema) ?? null;
}

/**
 * @param {any} handler what a.handler.custom or a.handler.sqlReference returned
 * @param {string} importer
 */
function placeHandler(handler, importer) {
  const symbol = Object.getOwnPropertySymbols(handler).find((s) => s.description === 'Data');
  const data = symbol === undefined ? undefined : handler[symbol];
  if (data !== null && typeof data === 'object' && 'stack' in data) {
    data.stack = `Error\n    at handler (${importer}:1:1)\n    at file (${importer}:1:1)`;
  }
  return handler;
}

/**
 * @param {any} a the package's `a`
 * @param {string} importer absolute path of the file that imports it
 */
export function placedBuilder(a, importer) {
  const note = (/** @type {any} */ schema) => {
    places.set(schema, position());
    return schema;
  };
  return {
    ...a,
    schema: (/** @type {any[]} */ ...args) => note(a.schema(...args)),
    combine: (/** @type {any[]} */ ...args) => note(a.combine(...args)),
    handler: {
      ...a.handler,
      custom: (/** @type {any[]} */ ...args) => placeHandler(a.handler.custom(...args), importer),
      sqlReference: (/** @type {any[]} */ ...args) => placeHandler(a.handler.sqlReference(...args), importer),
    },
  };
}
