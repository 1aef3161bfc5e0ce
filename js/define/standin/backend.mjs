// defineBackend: evaluates the factories in the order of its map and collects everything that becomes the manifest.
import { DefinitionError } from './errors.mjs';
import { OutputParts } from './outputs.mjs';
import { resource, stackConstruct } from './recorder.mjs';
import { position, state, warn } from './state.mjs';

/** @typedef {import('./function.mjs').FunctionFactory} FunctionFactory */

export class Backend {
  constructor() {
    /** @type {Map<string, FunctionFactory>} by key in the manifest */
    this.functions = new Map();
    /** @type {Map<string, string>} group and name of a function -> its key */
    this.functionKeys = new Map();
    /** @type {import('./auth.mjs').AuthFactory | null} */
    this.auth = null;
    /** @type {import('./data.mjs').DataFactory | null} */
    this.data = null;
    /** @type {import('./storage.mjs').StorageFactory[]} */
    this.storage = [];
    this.outputs = new OutputParts();
    /** @type {Map<string, {name: string, recorder: any, custom: boolean, at: any}>} */
    this.stacks = new Map();
    this.stack = resource('stack');
  }

  /**
   * The recorder of a stack that Amplify's own resources live in.
   * @param {string} name
   */
  stackFor(name) {
    let stack = this.stacks.get(name);
    if (stack === undefined) {
      stack = { name, recorder: stackConstruct(name), custom: false, at: null };
      this.stacks.set(name, stack);
    }
    return stack.recorder;
  }

  /** @param {string} name */
  createStack(name) {
    if (this.stacks.has(name)) {
      throw new DefinitionError(
        'Error',
        `Custom stack named ${name} has already been created`,
        'Give every createStack call a name of its own; auth, data, storage and function are taken once used',
        position(),
      );
    }
    this.stacks.set(name, { name, recorder: stackConstruct(name), custom: true, at: position() });
    return this.stacks.get(name)?.recorder;
  }

  /**
   * @param {string} name
   * @param {string} group
   * @param {FunctionFactory} factory
   * @returns {string} key in the manifest
   */
  addFunction(name, group, factory) {
    const inGroup = `${group}/${name}`;
    if (this.functionKeys.has(inGroup)) {
      throw new DefinitionError(
        'DuplicateFunctionNameError',
        `There is already a function named '${name}' in the resource group '${group}'`,
        'Give one of the two a name of its own with the name option of defineFunction',
      );
    }
    this.stackFor(group);
    const key = this.functions.has(name) ? `${name}@${group}` : name;
    this.functionKeys.set(inGroup, key);
    this.functions.set(key, factory);
    return key;
  }
}

const reservedKeys = ['createStack', 'addOutput', 'stack'];

/** @param {Record<string, any>} map */
export function defineBackend(map) {
  if (state.backend !== null) {
    throw new DefinitionError(
      'MultipleBackendsError',
      'defineBackend is called more than once',
      'Keep one defineBackend call in amplify/backend.ts',
      position(),
    );
  }
  const backend = new Backend();
  state.backend = backend;
  /** @type {Record<string, any>} */
  const instances = {};
  const factories = Object.entries(map ?? {});
  for (const [, factory] of factories) {
    if (factory?.provides === 'AuthResources') {
      backend.auth = factory;
    }
  }
  for (const [key, factory] of factories) {
    instances[key] = instantiate(backend, key, factory);
  }
  return {
    ...instances,
    createStack: (/** @type {string} */ name) => backend.createStack(name),
    addOutput: (/** @type {any} */ part) => backend.outputs.add(part, position()),
    stack: backend.stack,
  };
}

/** @param {Backend} backend @param {string} key @param {any} factory */
function instantiate(backend, key, factory) {
  if (reservedKeys.includes(key)) {
    warn(`'${key}' in defineBackend hides backend.${key}`, `Use another name than ${reservedKeys.join(', ')}`);
  }
  if (typeof factory?.getInstance !== 'function') {
    throw new DefinitionError(
      'TypeError',
      `'${key}' in defineBackend is ${factory === undefined ? 'undefined' : 'not something that a define function returned'}`,
      'Check the import: pass the values of defineAuth, defineData, defineStorage and defineFunction',
      position(),
    );
  }
  // A factory of another package gets what the original would give it, as far as it exists here.
  return factory.getInstance({
    backend,
    constructContainer: {
      getConstructFactory: () => backend.auth,
      registerConstructFactory: () => {},
      getOrCompute: (/** @type {any} */ g) =>
        g.generateContainerEntry({ scope: backend.stackFor(g.resourceGroupName ?? key) }),
    },
    outputStorageStrategy: { addBackendOutputEntry: () => {}, appendToBackendOutputList: () => {} },
    importPathVerifier: { verify: () => {} },
    resourceNameValidator: { validate: () => {} },
  });
}
