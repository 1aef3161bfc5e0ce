// Recorded values -> plain JSON. Recorders become references or descriptions, secrets and run-time texts tokens.
import { fullPath, metaOf } from './recorder.mjs';
import { Secret } from './secret.mjs';

/** @typedef {import('./recorder.mjs').Meta} Meta */
/** @typedef {import('./recorder.mjs').Root} Root */
/** @typedef {{file: string | null, line: number | null, column: number | null}} Place */
/** @typedef {(at: import('./state.mjs').Position | null) => Place} Locate */

const seconds = new Map(Object.entries({ millis: 0.001, seconds: 1, minutes: 60, hours: 3600, days: 86400 }));
const bytes = new Map(
  Object.entries({ bytes: 1, kibibytes: 2 ** 10, mebibytes: 2 ** 20, gibibytes: 2 ** 30, tebibytes: 2 ** 40 }),
);

/**
 * @param {unknown} value
 * @param {unknown[]} [above] the containers the value stands in, to cut cycles
 * @returns {any}
 */
export function serialise(value, above = []) {
  if (value === undefined || value === null) {
    return null;
  }
  const meta = metaOf(value);
  if (meta !== undefined) {
    return serialiseRecorder(meta, above);
  }
  if (value instanceof Secret) {
    return value.token();
  }
  switch (typeof value) {
    case 'function':
      return { $function: value.name };
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'object':
      return above.includes(value) ? { $circular: true } : serialiseObject(value, [...above, value]);
    default:
      return value;
  }
}

/** @param {any} object @param {unknown[]} above */
function serialiseObject(object, above) {
  if (Array.isArray(object)) {
    return object.map((item) => serialise(item, above));
  }
  if (object instanceof Map || object instanceof Set) {
    return [...object].map((item) => serialise(item, above));
  }
  if (typeof object.manifestRef === 'function') {
    return { $ref: object.manifestRef() };
  }
  if (typeof object.toJSON === 'function') {
    return serialise(object.toJSON(), above);
  }
  /** @type {Record<string, unknown>} */
  const plain = {};
  for (const [key, item] of Object.entries(object)) {
    if (item !== undefined) {
      plain[key] = serialise(item, above);
    }
  }
  return plain;
}

/** @param {Meta} meta @param {unknown[]} above */
function serialiseRecorder(meta, above) {
  const { root } = meta;
  if (root.kind === 'module') {
    return { $const: fullPath(meta) };
  }
  if (root.kind !== 'value' || meta.path !== '') {
    return { $ref: fullPath(meta) };
  }
  return above.includes(root) ? { $ref: root.ref } : serialiseValue(root, [...above, root]);
}

/** @param {Root} root @param {unknown[]} above */
function serialiseValue(root, above) {
  const measured = measure(root);
  if (measured !== null) {
    return measured;
  }
  /** @type {Record<string, unknown>} */
  const plain = { [root.made ? '$new' : '$call']: root.name, args: root.args.map((arg) => serialise(arg, above)) };
  if (root.ops.length > 0) {
    plain.ops = root.ops.map((op) =>
      op.op === 'set'
        ? { op: 'set', path: op.path, value: serialise(op.value, above) }
        : { op: 'call', path: op.path, args: (op.args ?? []).map((arg) => serialise(arg, above)) },
    );
  }
  return plain;
}

/**
 * `Duration.minutes(5)` and `Size.mebibytes(1)` are numbers, whatever their unit.
 * @param {Root} root
 */
function measure(root) {
  const [, kind, unit] = /^aws-cdk-lib\.(Duration|Size)\.(\w+)$/.exec(root.name) ?? [];
  const factor = kind === 'Duration' ? seconds.get(unit ?? '') : bytes.get(unit ?? '');
  const amount = root.args[0];
  if (kind === undefined || factor === undefined || typeof amount !== 'number') {
    return null;
  }
  return kind === 'Duration' ? { $seconds: amount * factor } : { $bytes: amount * factor };
}

/**
 * One operation as the manifest lists it.
 * @param {import('./recorder.mjs').Op} op
 * @param {Locate} locate
 */
export function serialiseOp(op, locate) {
  /** @type {Record<string, unknown>} */
  const plain = { op: op.op, path: op.path };
  if (op.op === 'set') {
    plain.value = serialise(op.value);
  } else {
    plain.args = (op.args ?? []).map((arg) => serialise(arg));
    plain.result = op.result;
  }
  return { ...plain, ...locate(op.at) };
}

/**
 * A construct as the manifest lists it.
 * @param {Root} root
 * @param {Locate} locate
 */
export function serialiseConstruct(root, locate) {
  return {
    ref: root.ref,
    type: root.name,
    class: root.subclass,
    made: root.made ? 'new' : 'call',
    scope: serialise(root.args[0]).$ref ?? null,
    id: root.args[1] ?? null,
    args: root.args.slice(2).map((arg) => serialise(arg)),
    ops: root.ops.map((op) => serialiseOp(op, locate)),
    ...locate(root.at),
  };
}
