// backend.addOutput: parts of amplify_outputs.json, merged as the original merges them so that its errors appear here.
import { DefinitionError } from './errors.mjs';
import { metaOf } from './recorder.mjs';

const defaultVersion = '1.4';

export class OutputParts {
  constructor() {
    /** @type {{part: any, at: any}[]} */
    this.parts = [];
    /** @type {Record<string, any>} */
    this.merged = {};
  }

  /** @param {any} part @param {any} at */
  add(part, at) {
    const full = { ...part, version: part?.version || defaultVersion };
    merge(this.merged, full, at);
    this.parts.push({ part: full, at });
  }
}

/** @param {unknown} value */
function isPlain(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && metaOf(value) === undefined;
}

/** @param {string} version */
function versionNumbers(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return { major, minor };
}

/** @param {string} before @param {string} after @param {any} at */
function mergeVersion(before, after, at) {
  const a = versionNumbers(before);
  const b = versionNumbers(after);
  if (a.major !== b.major) {
    throw new DefinitionError(
      'VersionMismatchError',
      'Conflicting versions of client configuration found.',
      "Ensure that the version specified in 'backend.addOutput' is consistent",
      at,
    );
  }
  return b.minor >= a.minor ? after : before;
}

/** @param {Record<string, any>} into @param {Record<string, any>} part @param {any} at */
function merge(into, part, at) {
  for (const [key, value] of Object.entries(part)) {
    const before = into[key];
    if (value === undefined) {
      continue;
    }
    if (Array.isArray(before)) {
      into[key] = before.concat(value);
    } else if (isPlain(before) && isPlain(value)) {
      merge(before, value, at);
    } else if (before && !isPlain(before)) {
      if (key !== 'version') {
        throw new DefinitionError(
          'OutputEntryAlreadyExistsError',
          `Output entry with key ${key} already exists`,
          "Check if 'backend.addOutput' is called multiple times with overlapping inputs",
          at,
        );
      }
      into[key] = mergeVersion(before, value, at);
    } else {
      into[key] = isPlain(value) ? clone(value) : value;
    }
  }
}

/** @param {Record<string, any>} value @returns {Record<string, any>} */
function clone(value) {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, isPlain(item) ? clone(item) : item]));
}
