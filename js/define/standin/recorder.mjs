// The recorder: one Proxy that stands in for everything a definition may touch but no local backend has - the
// resources of the backend object, aws-cdk-lib, constructs. Reading gives a child recorder (or a token, where a
// string would be known at run time only); setting, calling and constructing are written down in order.
//
// A recorder belongs to one of four roots: a module of the library, a value made from it (`new PolicyStatement`,
// `Duration.days(1)`), a construct (anything made in a scope), or a resource of the backend.
import { inspect } from 'node:util';
import { position, warn } from './state.mjs';
import { specialCall, specialGet, specialStatic } from './specials.mjs';
import { tokenFor, isTextProperty } from './tokens.mjs';

/** @typedef {import('./state.mjs').Position} Position */
/**
 * @typedef {object} Op something done to a construct, a value or a resource
 * @property {'set' | 'call'} op
 * @property {string} path relative to the construct or value; full for resources of the backend
 * @property {unknown} [value]
 * @property {unknown[]} [args]
 * @property {string} [result] reference to what the call gave back, when it was used
 * @property {Position | null} at
 */
/**
 * @typedef {object} Root
 * @property {'module' | 'value' | 'construct' | 'backend'} kind
 * @property {string} name path of the class or function, or name of the resource
 * @property {string} ref how others refer to it
 * @property {unknown[]} args
 * @property {Op[]} ops
 * @property {Position | null} at
 * @property {boolean} made by `new` rather than by a call
 * @property {string | null} subclass name of the project's own class
 * @property {boolean} known made by ampd, not by the project
 */
/**
 * @typedef {object} Meta
 * @property {Root} root
 * @property {string} path within the root
 * @property {Map<string, any>} children
 * @property {Map<string, any>} sets
 * @property {object | null} proto prototype of the project's subclass
 * @property {object} ownProto what `Recorder.prototype` gives
 * @property {(() => string[]) | null} keys
 * @property {Map<string, {value: any, text: string}>} seeds values the original has before any override
 */

/** @type {WeakMap<object, Meta>} */
const metas = new WeakMap();
/** @type {Root[]} constructs in the order they were made */
export const constructs = [];
/** @type {Map<string, any>} */
const modules = new Map();
/** @type {Meta[]} */
const seeded = [];
/** @type {Op[]} overrides of the backend's own resources, in order */
export const overrides = [];
let counter = 0;

/**
 * @param {unknown} value
 * @returns {Meta | undefined}
 */
export function metaOf(value) {
  return (typeof value === 'function' || typeof value === 'object') && value !== null ? metas.get(value) : undefined;
}

/** @param {Meta} meta */
export function fullPath(meta) {
  const { root, path } = meta;
  return path === '' ? root.ref : `${root.ref}.${path}`;
}

/**
 * @param {Partial<Root> & {kind: Root['kind'], name: string, ref: string}} part
 * @returns {Root}
 */
function newRoot(part) {
  return { args: [], ops: [], at: null, made: false, subclass: null, known: false, ...part };
}

/**
 * @param {Root} root
 * @param {string} path
 * @param {{proto?: object | null, keys?: (() => string[]) | null, seeds?: Record<string, any>, children?: Record<string, any>}} [options]
 */
function create(root, path, options = {}) {
  /** @type {Meta} */
  const meta = {
    root,
    path,
    children: new Map(Object.entries(options.children ?? {})),
    sets: new Map(),
    proto: options.proto ?? null,
    ownProto: {},
    keys: options.keys ?? null,
    seeds: new Map(),
  };
  for (const [key, value] of Object.entries(options.seeds ?? {})) {
    meta.seeds.set(key, { value, text: JSON.stringify(value) });
  }
  if (meta.seeds.size > 0) {
    seeded.push(meta);
  }
  // A bound function can be called and constructed, yet has no own property that a proxy trap would have to report.
  const target = function () {}.bind(null);
  delete (/** @type {any} */ (target).name);
  delete (/** @type {any} */ (target).length);
  // Printing looks at the target, not at the proxy.
  Object.defineProperty(target, inspect.custom, { value: () => `[recorded ${fullPath(meta)}]`, configurable: true });
  const proxy = new Proxy(target, handlerFor(meta));
  metas.set(proxy, meta);
  return proxy;
}

/** @param {Op} op @param {Meta} meta */
function record(meta, op) {
  if (meta.root.kind === 'backend') {
    const full = (/** @type {string} */ path) => `${meta.root.ref}.${path}`;
    overrides.push({ ...op, path: full(op.path), ...(op.result === undefined ? {} : { result: full(op.result) }) });
  } else {
    meta.root.ops.push(op);
  }
}

/** @param {Meta} meta @param {string} name */
function join(meta, name) {
  return meta.path === '' ? name : `${meta.path}.${name}`;
}

/** @param {Meta} meta @param {string} prop */
function child(meta, prop) {
  let found = meta.children.get(prop);
  if (found === undefined) {
    found = create(meta.root, join(meta, prop));
    meta.children.set(prop, found);
  }
  return found;
}

/** @param {Meta} meta */
function emptyIterator(meta) {
  return function* () {
    warn(
      `${fullPath(meta)} is a list known only on AWS; here it reads as empty`,
      'Set the whole list instead of extending what was there',
    );
  };
}

/** @param {Meta} meta @param {symbol} symbol */
function getSymbol(meta, symbol) {
  switch (symbol) {
    case Symbol.toPrimitive:
      return (/** @type {string} */ hint) => (hint === 'number' ? NaN : tokenFor(meta));
    case Symbol.iterator:
      return meta.root.kind === 'module' ? undefined : emptyIterator(meta);
    case Symbol.hasInstance:
      return (/** @type {unknown} */ value) => isInstance(meta, value);
    default:
      return undefined;
  }
}

/** @param {Meta} meta @param {unknown} value */
function isInstance(meta, value) {
  const other = metaOf(value);
  if (other === undefined) {
    return false;
  }
  if (other.root.name === fullPath(meta) && other.path === '') {
    return true;
  }
  return other.proto !== null && Object.prototype.isPrototypeOf.call(meta.ownProto, other.proto);
}

/** @param {Meta} meta @param {string} prop */
function getFixed(meta, prop) {
  switch (prop) {
    case 'then':
      return { value: undefined };
    case 'toString':
    case 'valueOf':
      return { value: () => tokenFor(meta) };
    case 'toJSON':
      return { value: () => tokenFor(meta) };
    case 'prototype':
      return { value: meta.ownProto };
    case 'length':
      return meta.root.kind === 'module' ? undefined : { value: 0 };
    default:
      return undefined;
  }
}

/** @param {Meta} meta @returns {ProxyHandler<any>} */
function handlerFor(meta) {
  return {
    get: (_, prop, receiver) => get(meta, prop, receiver),
    set: (_, prop, value) => set(meta, prop, value),
    defineProperty: (_, prop, descriptor) => set(meta, prop, descriptor.value),
    deleteProperty: (_, prop) => set(meta, prop, undefined),
    has: (_, prop) =>
      typeof prop === 'string' &&
      (meta.sets.has(prop) || meta.seeds.has(prop) || (meta.keys?.().includes(prop) ?? false)),
    ownKeys: () => [...new Set([...(meta.keys?.() ?? []), ...meta.seeds.keys(), ...meta.sets.keys()])],
    getOwnPropertyDescriptor: (_, prop) =>
      typeof prop === 'string' && (meta.sets.has(prop) || meta.seeds.has(prop) || meta.keys?.().includes(prop))
        ? { value: get(meta, prop, undefined), enumerable: true, configurable: true, writable: true }
        : undefined,
    getPrototypeOf: () => meta.proto ?? Function.prototype,
    apply: (_, __, args) => call(meta, args),
    construct: (_, args, newTarget) => construct(meta, args, newTarget),
  };
}

/** @param {Meta} meta @param {string | symbol} prop @param {any} receiver */
function get(meta, prop, receiver) {
  if (typeof prop === 'symbol') {
    return getSymbol(meta, prop);
  }
  if (meta.sets.has(prop)) {
    return meta.sets.get(prop);
  }
  if (meta.proto !== null && prop !== 'constructor' && prop in meta.proto) {
    return Reflect.get(meta.proto, prop, receiver);
  }
  const seed = meta.seeds.get(prop);
  if (seed !== undefined) {
    return seed.value;
  }
  const fixed = getFixed(meta, prop);
  if (fixed !== undefined) {
    return fixed.value;
  }
  const special = specialGet(meta, prop);
  if (special !== undefined) {
    return special.value;
  }
  if (meta.root.kind !== 'module' && !meta.children.has(prop) && isTextProperty(meta, prop)) {
    return tokenFor({ ...meta, path: join(meta, prop) });
  }
  return child(meta, prop);
}

/** @param {Meta} meta @param {string | symbol} prop @param {unknown} value */
function set(meta, prop, value) {
  if (typeof prop === 'symbol') {
    return true;
  }
  // Members of the project's own subclass are its own business, not an override of the library's.
  if (meta.proto === null) {
    record(meta, { op: 'set', path: join(meta, prop), value, at: position() });
  }
  meta.sets.set(prop, value);
  return true;
}

/** @param {unknown[]} args */
function inScope(args) {
  return typeof args[1] === 'string' && isScope(args[0]);
}

/** @param {unknown} value */
function isScope(value) {
  const kind = metaOf(value)?.root.kind;
  return kind === 'construct' || kind === 'backend' || kind === 'value';
}

/** @param {string} name @param {unknown[]} args @param {boolean} made @param {string | null} subclass */
function newRecorded(name, args, made, subclass) {
  const scoped = inScope(args);
  const label = `${made ? 'new ' : ''}${name}${made ? '' : '()'}#${++counter}`;
  const root = newRoot({
    kind: scoped ? 'construct' : 'value',
    name,
    ref: label,
    args,
    at: position(),
    made,
    subclass,
  });
  if (scoped) {
    constructs.push(root);
  }
  return root;
}

/** @param {Meta} meta @param {unknown[]} args */
function call(meta, args) {
  if (meta.root.kind === 'module') {
    const name = fullPath(meta);
    const special = specialStatic(name, args);
    return special !== undefined ? special.value : create(newRecorded(name, args, false, null), '');
  }
  const special = specialCall(meta, args);
  if (special !== undefined) {
    return special.value;
  }
  const result = `${meta.path}()#${++counter}`;
  record(meta, { op: 'call', path: meta.path, args, result, at: position() });
  return create(meta.root, result);
}

/** @param {Meta} meta @param {unknown[]} args @param {any} newTarget */
function construct(meta, args, newTarget) {
  const name = fullPath(meta);
  const own = metaOf(newTarget) === undefined;
  const root = newRecorded(name, args, true, own ? newTarget.name || 'anonymous' : null);
  return create(root, '', { proto: own ? newTarget.prototype : null });
}

/**
 * The module object for an import of `aws-cdk-lib`, one of its sub-paths, or `constructs`. Named, namespace and
 * default imports all come out of the bundler's interop as reads of this object or of its prototype.
 * @param {string} name
 */
export function libraryModule(name) {
  let found = modules.get(name);
  if (found === undefined) {
    const recorder = create(newRoot({ kind: 'module', name, ref: name }), '');
    const source = new Proxy(
      {},
      {
        get: (_, prop) => {
          if (typeof prop === 'symbol' || prop === 'then') {
            return undefined;
          }
          return prop === 'default' ? found : (subModule(name, prop) ?? recorder[prop]);
        },
        has: (_, prop) => typeof prop === 'string',
      },
    );
    found = Object.create(source, { __esModule: { value: true } });
    modules.set(name, found);
  }
  return found;
}

/**
 * `import { aws_lambda as lambda } from 'aws-cdk-lib'` is the same module as 'aws-cdk-lib/aws-lambda'.
 * @param {string} name
 * @param {string} prop
 */
function subModule(name, prop) {
  return name === 'aws-cdk-lib' && /^aws_[a-z0-9_]+$/.test(prop)
    ? libraryModule(`aws-cdk-lib/${prop.replace(/_/g, '-')}`)
    : undefined;
}

/**
 * A resource of the backend object.
 * @param {string} ref first part of its paths: `auth`, `data`, `storage.photos`, `function.say-hello`, `stack`
 * @param {Record<string, {keys?: () => string[], seeds?: Record<string, any>}>} [shapes] by path: what lists have and
 *   what properties hold before an override
 */
export function resource(ref, shapes = {}) {
  const root = newRoot({ kind: 'backend', name: ref, ref, known: true });
  const top = create(root, '', shapes['']);
  for (const [path, shape] of Object.entries(shapes)) {
    const parts = path.split('.').filter(Boolean);
    const last = parts.pop();
    if (last === undefined) {
      continue;
    }
    const parent = parts.reduce((at, part) => child(/** @type {Meta} */ (metaOf(at)), part), top);
    metaOf(parent)?.children.set(last, create(root, path, shape));
  }
  return top;
}

/**
 * A stack made by `backend.createStack(name)`: a construct without a class of its own.
 * @param {string} name
 */
export function stackConstruct(name) {
  const root = newRoot({ kind: 'construct', name: 'stack', ref: `stack:${name}`, at: position(), known: true });
  return create(root, '');
}

/** Lists handed out as seeds may be changed in place (`push`); each changed one is an override too. */
export function recordChangedSeeds() {
  for (const meta of seeded) {
    for (const [key, seed] of meta.seeds) {
      if (!meta.sets.has(key) && JSON.stringify(seed.value) !== seed.text) {
        record(meta, { op: 'set', path: join(meta, key), value: seed.value, at: null });
      }
    }
  }
}
