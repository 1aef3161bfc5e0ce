// What the bundle imports in place of the Amplify packages and the CDK. Each file of the project gets its own set of
// functions, bound to the file, because relative entry paths count from there.
import path from 'node:path';
import { AuthFactory } from './auth.mjs';
import { defineBackend } from './backend.mjs';
import { DataFactory } from './data.mjs';
import { FunctionFactory } from './function.mjs';
import { hostingModule } from './hosting.mjs';
import { libraryModule } from './recorder.mjs';
import { secret } from './secret.mjs';
import { StorageFactory } from './storage.mjs';

export { placedBuilder } from './schema.mjs';
export { secret };

/** @param {string} importer absolute path of the importing file */
export function functionsFor(importer) {
  const directory = path.dirname(importer);
  return {
    defineBackend,
    secret,
    defineAuth: (/** @type {any} */ props) => new AuthFactory(props, importer, 'define'),
    referenceAuth: (/** @type {any} */ props) => new AuthFactory(props, importer, 'reference'),
    defineData: (/** @type {any} */ props) => new DataFactory(props, importer),
    defineStorage: (/** @type {any} */ props) => new StorageFactory(props, importer),
    defineFunction: (/** @type {any} */ props, /** @type {any} */ providerProps) =>
      new FunctionFactory(props, providerProps, directory),
  };
}

/**
 * A module of which any name may be imported: the CDK, constructs, hosting.
 * @param {string} name
 */
export function openModule(name) {
  return name === '@aws-amplify/hosting' ? hostingModule : libraryModule(name);
}
