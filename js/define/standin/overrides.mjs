// Overrides that the server can act on, brought into the manifest's own sections. The raw record stays in
// `overrides`, with what became of it: applied, ignored (of no consequence here) or unsupported (warned about).
import { DefinitionError } from './errors.mjs';
import { authRules } from './override_auth.mjs';
import { warnOfOverride } from './unknown.mjs';
import { dataRules, functionRules, storageRules } from './override_data.mjs';

/**
 * @typedef {object} Context
 * @property {any} auth
 * @property {any} data
 * @property {any[]} storage
 * @property {Record<string, any>} functions
 * @property {Map<string, any>} constructs by reference
 * @property {Map<string, import('./function.mjs').FunctionFactory>} factories
 */
/**
 * @typedef {object} Rule either for properties of a CloudFormation resource, or for a call
 * @property {string | RegExp} [cfn]
 * @property {(context: Context, path: string[], value: any, match: string[]) => boolean} [property]
 * @property {RegExp} [call]
 * @property {(context: Context, op: any, match: string[]) => boolean} [apply]
 */

const rules = [...authRules, ...dataRules, ...storageRules, ...functionRules];

/** Overrides about the cloud's own business: cost, capacity, tracing, keys, tags. */
const ignored = [
  /\.(applyRemovalPolicy|addDependency|addMetadata|addPropertyDeletionOverride|overrideLogicalId)$/,
  /\.(xrayEnabled|logConfig|tags|tracingConfig|billingMode|provisionedThroughput|sseSpecification|setGlobalSecondaryIndexProvisionedThroughput|tableClass)$/i,
  /\.(accelerateConfiguration|publicAccessBlockConfiguration|bucketEncryption|ownershipControls|loggingConfiguration|intelligentTieringConfigurations)/i,
  /\.(deletionProtection|userPoolTags|userPoolTier|userPoolName|identityPoolName|architectures|description)$/i,
  /\.grant\w*$/,
  /^hosting\./,
  /^stack\./,
];

const cfnCalls = /\.(addPropertyOverride|addOverride|addPropertyDeletionOverride|addDeletionOverride)$/;

/** @param {string} path PascalCase, dotted */
function camelPath(path) {
  return path.split('.').map((part) => part.charAt(0).toLowerCase() + part.slice(1));
}

/**
 * The forms of changing a CloudFormation property, as one.
 * @param {any} op
 * @returns {{resource: string, path: string[], value: any} | null}
 */
function propertyChange(op) {
  const call = cfnCalls.exec(op.path);
  if (op.op === 'call' && call !== null) {
    const [given, value = null] = op.args;
    const isProperty = call[1]?.includes('Property');
    if (typeof given !== 'string' || (!isProperty && !given.startsWith('Properties.'))) {
      return null;
    }
    return {
      resource: op.path.slice(0, call.index),
      path: camelPath(isProperty ? given : given.slice('Properties.'.length)),
      value,
    };
  }
  const match =
    /^(data\.resources\.cfnResources\.amplifyDynamoDbTables\.[^.]+|.*\.cfn(?!Resources\.)[A-Z]\w*)\.(.+)$/.exec(
      op.path,
    );
  return op.op === 'set' && match !== null
    ? { resource: match[1] ?? '', path: (match[2] ?? '').split('.'), value: op.value }
    : null;
}

/** Lower-cases the first letter of every key, as CloudFormation's property names become CDK's. @param {any} value @returns {any} */
function camelKeys(value) {
  if (Array.isArray(value)) {
    return value.map(camelKeys);
  }
  if (typeof value !== 'object' || value === null || Object.keys(value).some((key) => key.startsWith('$'))) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.charAt(0).toLowerCase() + key.slice(1), camelKeys(item)]),
  );
}

/** @param {string | RegExp} pattern @param {string} text @returns {string[] | null} */
function matches(pattern, text) {
  return typeof pattern === 'string' ? (pattern === text ? [text] : null) : pattern.exec(text);
}

/** @param {Context} context @param {any} op */
function applied(context, op) {
  const change = propertyChange(op);
  for (const rule of rules) {
    if (change !== null && rule.cfn !== undefined) {
      const match = matches(rule.cfn, change.resource);
      const keepCase = change.path[0] === 'environmentVariables';
      if (
        match !== null &&
        rule.property?.(context, change.path, keepCase ? change.value : camelKeys(change.value), match)
      ) {
        return true;
      }
    } else if (op.op === 'call' && rule.call !== undefined) {
      const match = rule.call.exec(op.path);
      if (match !== null && rule.apply?.(context, op, match)) {
        return true;
      }
    }
  }
  return false;
}

/** @param {any} op */
function isIgnored(op) {
  const change = propertyChange(op);
  const path = change === null ? op.path : `${change.resource}.${change.path.join('.')}`;
  return ignored.some((pattern) => pattern.test(path));
}

/**
 * @param {any} manifest
 * @param {Context['factories']} factories
 * @param {(message: string, hint: string, op: any) => void} warnAt
 */
export function applyOverrides(manifest, factories, warnAt) {
  const { auth, data, storage, functions } = manifest;
  const constructs = new Map(manifest.constructs.map((/** @type {any} */ item) => [item.ref, item]));
  const context = { auth, data, storage, functions, constructs, factories };
  manifest.overrides = manifest.overrides.map((/** @type {any} */ op) => {
    const effect = guarded(() => applied(context, op)) ? 'applied' : isIgnored(op) ? 'ignored' : 'unsupported';
    if (effect === 'unsupported') {
      const what = op.op === 'set' ? `Setting ${op.path}` : `${op.path}()`;
      warnAt(
        `${what} has no effect here`,
        'It is kept in the manifest only; use an option of the define function if there is one',
        op,
      );
    }
    if (effect === 'applied') {
      warnOfOverride(op, constructs, warnAt);
    }
    const { op: kind, path, ...rest } = op;
    return { op: kind, path, effect, ...rest };
  });
}

/**
 * Values of unexpected forms must not end the build: the override then counts as unsupported.
 * @param {() => boolean} apply
 */
function guarded(apply) {
  try {
    return apply();
  } catch (error) {
    if (error instanceof DefinitionError) {
      throw error;
    }
    return false;
  }
}
