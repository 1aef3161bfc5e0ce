// defineFunction with a provider: what the construct of the CDK that it returned says of the function.
import fs from 'node:fs';
import path from 'node:path';
import { bundledAsset } from './asset.mjs';
import { DefinitionError } from './errors.mjs';
import { metaOf } from './recorder.mjs';
import { serialise } from './serialise.mjs';
import { state } from './state.mjs';
import { environmentText } from './unknown.mjs';

/**
 * @typedef {object} Provided
 * @property {string} runtime as Lambda calls it
 * @property {string} handler
 * @property {string | null} code the folder of the program, absolute
 * @property {string | null} [source] the folder that `code` was bundled from
 * @property {string | null} [problem] why it was not
 * @property {string | null} inline the program itself
 * @property {string | null} entry the source of a Node.js handler that is to be bundled
 * @property {number} timeoutSeconds
 * @property {number} memoryMB
 * @property {number} ephemeralStorageSizeMB
 * @property {string} architecture
 * @property {Record<string, string>} environment
 * @property {any} url
 */

const MIB = 1024 * 1024;
const latest = /** @type {Record<string, string>} */ ({ NODEJS_LATEST: 'nodejs22.x', PROVIDED: 'provided' });

/**
 * `Runtime.PYTHON_3_12` is python3.12, `Runtime.NODEJS_22_X` nodejs22.x, `new Runtime('python3.15')` what it says.
 * @param {any} given serialised
 */
function runtimeName(given) {
  if (typeof given?.args?.[0] === 'string') {
    return given.args[0];
  }
  const name = String(given?.$const ?? 'NODEJS_LATEST').split('.').pop() ?? '';
  const [, family = '', version = ''] = /^([A-Z]+)_(.+)$/.exec(name) ?? [];
  return latest[name] ?? (family === 'PROVIDED' ? `provided.${version}` : family + version.replace(/_/g, '.')).toLowerCase();
}

/** @param {any} value @param {string} label of the function, for the message */
function existing(value, label) {
  const file = path.resolve(state.projectRoot, String(value));
  if (!fs.existsSync(file)) {
    throw new DefinitionError(
      'CustomFunctionProviderError',
      `Cannot find ${file}, the code of function ${label}`,
      'Check the path; a relative one begins at the folder of the project',
    );
  }
  return file;
}

/** @param {any} code serialised @param {unknown} raw the same as recorded @param {string} label */
function codeOf(code, raw, label) {
  const [, kind] = /\.(AssetCode|InlineCode|fromAsset|fromInline|asset|inline)$/.exec(code?.$call ?? code?.$new ?? '') ?? [];
  const [first] = code?.args ?? [];
  if (/inline/i.test(kind ?? '')) {
    return { code: null, inline: String(first) };
  }
  if (kind === undefined || typeof first !== 'string') {
    return { code: null, inline: null };
  }
  const source = existing(first, label);
  const bundled = bundledAsset(raw, source, label);
  return bundled === null ? { code: source, inline: null } : { ...bundled, source, inline: null };
}

/** @param {any} props of a PythonFunction: entry is a folder, index a file in it @param {string} label */
function pythonOf(props, label) {
  const index = String(props.index ?? 'index.py').replace(/\.py$/, '');
  return { code: existing(props.entry, label), inline: null, entry: null, handler: `${index}.${props.handler ?? 'handler'}` };
}

/** @param {any} props of a NodejsFunction @param {string} label */
function nodeOf(props, label) {
  return { code: null, inline: null, entry: existing(props.entry, label), handler: `index.${props.handler ?? 'handler'}` };
}

/** @param {string} type @param {any} props serialised @param {any} raw the same as recorded @param {string} label */
function programOf(type, props, raw, label) {
  if (/\.NodejsFunction$/.test(type) && props.entry) {
    return nodeOf(props, label);
  }
  if (/\.PythonFunction$/.test(type) && props.entry) {
    return pythonOf(props, label);
  }
  return { ...codeOf(props.code, raw?.code, label), entry: null, handler: String(props.handler ?? '') };
}

/** @param {import('./recorder.mjs').Root} root @param {string} method */
const callsOf = (root, method) => root.ops.filter((op) => op.op === 'call' && op.path === method).map((op) => op.args ?? []);

/**
 * @param {unknown} construct
 * @returns {Provided | null} null for a construct that is no function
 */
export function providedOptions(construct) {
  const root = metaOf(construct)?.root;
  if (root === undefined) {
    return null;
  }
  const props = serialise(root.args[2]) ?? {};
  const label = String(root.args[1]);
  const [url] = callsOf(root, 'addFunctionUrl');
  const added = callsOf(root, 'addEnvironment').map(([name, value]) => [String(name), String(value)]);
  const environment = Object.entries(/** @type {Record<string, unknown>} */ (root.args[2] === undefined ? {} : (props.environment ?? {})));
  return {
    ...programOf(root.name, props, root.args[2], label),
    runtime: runtimeName(/\.PythonFunction$/.test(root.name) ? (props.runtime ?? { args: ['python3.12'] }) : props.runtime),
    timeoutSeconds: props.timeout?.$seconds ?? 3,
    memoryMB: props.memorySize ?? 128,
    ephemeralStorageSizeMB: props.ephemeralStorageSize === undefined ? 512 : props.ephemeralStorageSize.$bytes / MIB,
    architecture: /ARM_64$/.test(props.architecture?.$const ?? '') ? 'arm64' : 'x86_64',
    environment: Object.fromEntries([...environment.map(([name, value]) => [name, environmentText(value)]), ...added]),
    url: url === undefined ? null : (serialise(url[0]) ?? {}),
  };
}
