// defineFunction: a factory that is evaluated once, when something first refers to it.
import fs from 'node:fs';
import { DefinitionError, positioned } from './errors.mjs';
import { functionName, functionOptions } from './function_options.mjs';
import { checkResourceName } from './names.mjs';
import { metaOf, resource } from './recorder.mjs';
import { Secret } from './secret.mjs';
import { position } from './state.mjs';
import { environmentText } from './unknown.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */

const reserved = 'AMPLIFY_SSM_ENV_CONFIG';

/**
 * @typedef {object} Grant what a function may do to another resource
 * @property {'auth' | 'data' | 'storage'} resource
 * @property {string} name
 * @property {string | null} path of storage
 * @property {string[]} actions
 */

export class FunctionFactory {
  /**
   * @param {any} props options, or a provider
   * @param {any} providerProps
   * @param {string} directory of the file that called defineFunction
   */
  constructor(props, providerProps, directory) {
    this.props = props ?? {};
    this.providerProps = providerProps ?? {};
    this.directory = directory;
    this.at = position();
    /** Key in the manifest; known once the function was referred to. */
    this.key = '';
    /** @type {any} */
    this.options = null;
    /** @type {any} what a provider returned */
    this.provided = null;
    /** @type {Map<string, string>} */
    this.environment = new Map();
    /** @type {Grant[]} */
    this.grants = [];
    /** @type {unknown[]} IAM statements of the function's role */
    this.policies = [];
    /** @type {any} */
    this.instance = null;
  }

  /** @param {{backend: Backend}} context */
  getInstance({ backend }) {
    if (this.instance === null) {
      positioned(this.at, () => this.build(backend));
    }
    return this.instance;
  }

  /** @param {Backend} backend */
  build(backend) {
    const isProvider = typeof this.props === 'function';
    const name = isProvider ? this.callProvider(backend) : functionName(this.props, this.directory);
    checkResourceName(name);
    if (!isProvider) {
      this.options = functionOptions(this.props, name, this.directory);
      this.checkEntry(name);
    }
    this.key = backend.addFunction(
      name,
      this.options?.group ?? this.providerProps.resourceGroupName ?? 'function',
      this,
    );
    this.name = name;
    for (const [key, value] of Object.entries(this.options?.environment ?? {})) {
      this.addEnvironment(key, value);
    }
    this.instance = resource(`function.${this.key}`);
  }

  /** @param {Backend} backend */
  callProvider(backend) {
    try {
      this.provided = this.props(backend.stackFor(this.providerProps.resourceGroupName ?? 'function'));
    } catch (error) {
      if (error instanceof DefinitionError) {
        throw error;
      }
      const text = error instanceof Error ? error.message : String(error);
      const docker = /docker exited with status 1|docker ENOENT/.test(text);
      throw new DefinitionError(
        docker ? 'CustomFunctionProviderDockerError' : 'CustomFunctionProviderError',
        `Failed to instantiate custom function provider: ${text}`,
        'Check the function given to defineFunction: it has to return a lambda function construct',
      );
    }
    const id = metaOf(this.provided)?.root.args[1];
    if (typeof id !== 'string') {
      throw new DefinitionError(
        'CustomFunctionProviderError',
        'Failed to instantiate custom function provider: it returned no construct',
        'Return the lambda function construct from the provider',
      );
    }
    return id;
  }

  /** @param {string} name */
  checkEntry(name) {
    if (!fs.existsSync(this.options.entry)) {
      throw new DefinitionError(
        'NodeJSFunctionConstructInitializationError',
        `Cannot find entry file at ${this.options.entry} of function ${name}`,
        this.props.entry
          ? 'Check the path in entry: it is relative to this file'
          : 'Create handler.ts beside this file, or name the file in entry',
      );
    }
  }

  /** @param {string} key @param {unknown} value */
  addEnvironment(key, value) {
    if (key === reserved) {
      throw new DefinitionError(
        'FunctionReservedEnvironmentVariableError',
        `${reserved} is a reserved environment variable name`,
        'Please use a non-reserved environment variable name.',
      );
    }
    if (value === undefined) {
      throw new DefinitionError(
        'InvalidFunctionConfigurationError',
        `The value of environment variable ${key} is undefined.`,
        'Ensure that all defineFunction environment variables are defined.',
      );
    }
    this.environment.set(key, value instanceof Secret ? value.token() : metaOf(value) ? String(value) : environmentText(value));
  }

  /** @param {Grant} grant @param {Record<string, string>} variables */
  grant(grant, variables) {
    this.grants.push(grant);
    for (const [key, value] of Object.entries(variables)) {
      this.environment.set(key, value);
    }
  }

  manifestRef() {
    return `function.${this.key}`;
  }
}

/**
 * @param {any} given a factory, or what defineFunction returned on the backend object
 * @param {Backend} backend
 * @param {string} where for the message
 * @returns {FunctionFactory}
 */
export function functionOf(given, backend, where) {
  if (given instanceof FunctionFactory) {
    given.getInstance({ backend });
    return given;
  }
  const ref = metaOf(given)?.root.ref ?? '';
  const known = ref.startsWith('function.') ? backend.functions.get(ref.slice('function.'.length)) : undefined;
  if (known !== undefined) {
    return known;
  }
  throw new DefinitionError(
    'InvalidFunctionReferenceError',
    given === undefined ? `${where} is undefined` : `${where} is not a function made with defineFunction`,
    given === undefined
      ? 'Check the import; two files that import each other may use the other one only inside of functions'
      : 'Pass what defineFunction(...) returned',
  );
}
