// Access rules of defineStorage: the builder that the callback gets, and the original's checks of paths and rules.
import { DefinitionError } from './errors.mjs';
import { functionOf } from './function.mjs';
import { screamingSnake } from './names.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */
/**
 * @typedef {object} Rule
 * @property {'authenticated' | 'guest' | 'group' | 'entity' | 'resource'} kind
 * @property {string} name of the group or entity
 * @property {any} fn
 * @property {string[]} actions
 */

const token = '{entity_id}';

/** @param {Rule['kind']} kind @param {string[]} names @param {any} fn */
function grantee(kind, names, fn) {
  return { to: (/** @type {string[]} */ actions) => names.map((name) => ({ kind, name, fn, actions })) };
}

export const storageAccessBuilder = {
  authenticated: grantee('authenticated', [''], null),
  guest: grantee('guest', [''], null),
  groups: (/** @type {string[]} */ names) => grantee('group', names, null),
  entity: (/** @type {string} */ name) => grantee('entity', [name], null),
  resource: (/** @type {any} */ fn) => grantee('resource', [''], fn),
};

/** @param {string} message @param {string} hint */
function refuse(message, hint) {
  return new DefinitionError('InvalidStorageAccessPathError', message, hint);
}

/** @param {string} path @param {string[]} all */
function checkPath(path, all) {
  const format = 'Update all paths to match the format requirements.';
  if (path.startsWith('/')) {
    throw refuse(`Storage access paths must not start with "/". Found [${path}].`, format);
  }
  if (!path.endsWith('/*')) {
    throw refuse(`Storage access paths must end with "/*". Found [${path}].`, format);
  }
  if (path.includes('//')) {
    throw refuse(`Path cannot contain "//". Found [${path}].`, format);
  }
  if (path.indexOf('*') < path.length - 1) {
    throw refuse(
      `Wildcards are only allowed as the final part of a path. Found [${path}].`,
      'Remove all wildcards that are not the final part of the path.',
    );
  }
  const prefixes = all.filter((other) => other !== path && path.startsWith(other.replaceAll('*', '')));
  const oneOnly =
    'Update the storage access paths such that any given path has at most one other path that is a prefix.';
  if (prefixes.length > 1) {
    throw refuse(
      `For any given path, only one other path can be a prefix of it. Found [${path}] which has prefixes [${prefixes.join(', ')}].`,
      oneOnly,
    );
  }
  if (path.includes(token)) {
    if (prefixes.length > 0) {
      throw refuse(
        `A path cannot be a prefix of another path that contains the ${token} token. Found [${path}] which has prefixes [${prefixes.join(', ')}].`,
        oneOnly,
      );
    }
    checkToken(path);
  }
}

/** @param {string} path */
function checkToken(path) {
  const parts = path.split(token);
  const [before = '', after] = parts;
  if (parts.length > 2) {
    throw refuse(
      `The ${token} token can only appear once in a path. Found [${path}]`,
      `Remove all but one occurrence of the ${token} token`,
    );
  }
  if (after !== '/*') {
    throw refuse(
      `The ${token} token must be the path part right before the ending wildcard. Found [${path}].`,
      `Make the token the last path part before the ending wildcard, for example "foo/bar/${token}/*"`,
    );
  }
  if (before === '') {
    throw refuse(
      `The ${token} token must not be the first path part. Found [${path}].`,
      `Add a prefix to the path, for example "foo/${token}/*"`,
    );
  }
  if (!before.endsWith('/')) {
    throw refuse(
      `A path part that includes the ${token} token cannot include any other characters. Found [${path}].`,
      `Keep the token alone in its path part, for example "foo/${token}/*"`,
    );
  }
}

/** @param {Rule} rule */
function who(rule) {
  switch (rule.kind) {
    case 'group':
      return { subject: `Group access definition for ${rule.name}`, target: rule.name };
    case 'entity':
      return { subject: `Entity access definition for ${rule.name}`, target: rule.name };
    case 'guest':
      return { subject: 'Entity access definition for guest users', target: 'guest users' };
    default:
      return { subject: 'Entity access definition for authenticated users', target: 'authenticated users' };
  }
}

/** @param {Rule[]} rules */
function checkUnique(rules) {
  const seen = new Set();
  for (const rule of rules.filter((r) => r.kind !== 'resource')) {
    const key = `${rule.kind}:${rule.name}`;
    if (seen.has(key)) {
      const { subject, target } = who(rule);
      throw new DefinitionError(
        'InvalidStorageAccessDefinitionError',
        `${subject} specified multiple times.`,
        `Combine all access definitions for ${target} on a single path into one access rule.`,
      );
    }
    seen.add(key);
  }
}

/** @param {Rule} rule @param {Backend} backend */
function checkAuth(rule, backend) {
  if (rule.kind === 'resource') {
    return;
  }
  if (backend.auth === null) {
    const role =
      { guest: 'unauthenticatedUserIamRole', group: rule.name }[/** @type {string} */ (rule.kind)] ??
      'authenticatedUserIamRole';
    throw new DefinitionError(
      'Error',
      `Cannot specify auth access for ${role} users without defining auth.`,
      'Add auth (defineAuth) to defineBackend',
    );
  }
  if (rule.kind === 'entity' && rule.name !== 'identity') {
    throw new DefinitionError(
      'InvalidStorageAccessDefinitionError',
      `allow.entity knows no '${rule.name}'`,
      "Write allow.entity('identity')",
    );
  }
  const groups = backend.auth.groupNames();
  if (rule.kind === 'group' && groups !== null && !groups.includes(rule.name)) {
    throw new DefinitionError(
      'InvalidResourceAccessConfigError',
      `No auth IAM role found for "${rule.name}".`,
      'Name the group in the groups of defineAuth, or correct its spelling here',
    );
  }
}

/**
 * @param {string} bucket
 * @param {(allow: typeof storageAccessBuilder) => Record<string, Rule[][]>} access
 * @param {Backend} backend
 */
export function storageAccess(bucket, access, backend) {
  const definition = access(storageAccessBuilder);
  const paths = Object.keys(definition);
  paths.forEach((path) => checkPath(path, paths));
  return Object.entries(definition).map(([path, given]) => {
    const rules = given.flat();
    checkUnique(rules);
    return { path, rules: rules.map((rule) => storageRule(bucket, path, rule, backend)) };
  });
}

/** @param {string} bucket @param {string} path @param {Rule} rule @param {Backend} backend */
function storageRule(bucket, path, rule, backend) {
  checkAuth(rule, backend);
  const actions = [...new Set(rule.actions.flatMap((action) => (action === 'read' ? ['get', 'list'] : [action])))];
  const unknown = actions.find((action) => !['get', 'list', 'write', 'delete'].includes(action));
  if (unknown !== undefined) {
    throw new DefinitionError(
      'InvalidStorageAccessDefinitionError',
      `Unknown storage action '${unknown}' for [${path}]`,
      'Use read, get, list, write, delete',
    );
  }
  if (rule.kind !== 'resource') {
    return { kind: rule.kind, name: rule.name || null, function: null, actions };
  }
  const fn = functionOf(rule.fn, backend, 'allow.resource(...) of storage');
  fn.grant(
    { resource: 'storage', name: bucket, path, actions },
    { [`${screamingSnake(bucket)}_BUCKET_NAME`]: `\${amplify:storage.${bucket}.bucketName}` },
  );
  return { kind: rule.kind, name: null, function: fn.key, actions };
}
