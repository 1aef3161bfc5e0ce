// The few places where a definition needs a real answer from the library instead of a recording: the construct
// tree's node, pseudo parameters, joining of texts.
import { metaOf } from './recorder.mjs';
import { state, warn } from './state.mjs';

/** @typedef {import('./recorder.mjs').Meta} Meta */

/** @type {Record<string, string>} */
const pseudo = {
  REGION: 'region',
  ACCOUNT_ID: 'account',
  PARTITION: 'partition',
  URL_SUFFIX: 'urlSuffix',
  STACK_NAME: 'stackName',
  STACK_ID: 'stackId',
};

/** @param {Meta} meta @param {string} prop */
export function specialGet(meta, prop) {
  if (meta.root.kind === 'module') {
    const word = meta.path === 'Aws' ? pseudo[prop] : undefined;
    return word === undefined ? undefined : { value: `\${amplify:${word}}` };
  }
  if (/(^|\.)node$/.test(meta.path)) {
    return nodeGet(meta, prop);
  }
  return undefined;
}

/** @param {Meta} meta @param {string} prop */
function nodeGet(meta, prop) {
  const id = meta.root.kind === 'construct' ? (meta.root.args[1] ?? meta.root.ref) : meta.root.ref;
  switch (prop) {
    case 'id':
      return { value: id };
    case 'path':
    case 'addr':
      return { value: String(id) };
    case 'children':
    case 'dependencies':
    case 'metadata':
      warn(
        `node.${prop} is empty here: ampd records constructs, it builds no tree of them`,
        'Keep the constructs in variables of your own',
      );
      return { value: [] };
    default:
      return undefined;
  }
}

/** @type {Record<string, () => string>} */
const context = {
  'amplify-backend-type': () => 'sandbox',
  'amplify-backend-name': () => state.identifier,
  'amplify-backend-namespace': () => state.namespace,
};

/** @param {Meta} meta @param {unknown[]} args */
export function specialCall(meta, args) {
  if (/(^|\.)node\.(tryGetContext|getContext)$/.test(meta.path)) {
    return { value: context[String(args[0])]?.() };
  }
  if (/(^|\.)node\.(findAll)$/.test(meta.path)) {
    warn(
      'node.findAll() is empty here: ampd records constructs, it builds no tree of them',
      'Keep the constructs in variables of your own',
    );
    return { value: [] };
  }
  if (/(^|\.)node\.(addDependency|addValidation|setContext|addMetadata)$/.test(meta.path)) {
    return { value: undefined };
  }
  return undefined;
}

/**
 * Calls on the library itself that have a plain answer.
 * @param {string} name
 * @param {unknown[]} args
 */
export function specialStatic(name, args) {
  if (name.endsWith('.Stack.of')) {
    return { value: stackOf(args[0]) };
  }
  if (name === 'aws-cdk-lib.Fn.join' && Array.isArray(args[1])) {
    return { value: args[1].map(String).join(String(args[0])) };
  }
  if (name === 'aws-cdk-lib.Fn.sub' && typeof args[0] === 'string') {
    return { value: substitute(args[0], /** @type {Record<string, unknown>} */ (args[1] ?? {})) };
  }
  if (/\.Construct\.isConstruct$/.test(name)) {
    return { value: metaOf(args[0]) !== undefined };
  }
  return undefined;
}

/** @param {unknown} value */
function stackOf(value) {
  const meta = metaOf(value);
  // Every scope chain ends in a stack; without a tree, the object itself answers for its stack's texts.
  return meta === undefined ? value : /** @type {any} */ (value).stack;
}

/** @param {string} text @param {Record<string, unknown>} values */
function substitute(text, values) {
  return text.replace(/\$\{([^}]+)\}/g, (whole, /** @type {string} */ key) => {
    const word = key.startsWith('AWS::') ? pseudo[snake(key.slice(5))] : undefined;
    if (word !== undefined) {
      return `\${amplify:${word}}`;
    }
    return key in values ? String(values[key]) : whole;
  });
}

/** @param {string} text */
function snake(text) {
  return text === 'AccountId'
    ? 'ACCOUNT_ID'
    : text
        .replace(/([a-z])([A-Z])/g, '$1_$2')
        .replace(/URLSuffix/, 'URL_Suffix')
        .toUpperCase();
}
