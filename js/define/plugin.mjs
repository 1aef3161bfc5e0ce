// The esbuild plugin: what the imports of a project's definitions come to. The Amplify packages and the CDK become
// our stand-in, other packages stay outside of the bundle and load from the project's node_modules, as Node would.
import fs from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const standinUrl = pathToFileURL(path.join(here, 'standin', 'index.mjs')).href;

const amplify = /^@aws-amplify\/(backend|backend-auth|backend-data|backend-function|backend-secret|backend-storage)$/;
const library = /^(aws-cdk-lib|constructs|@aws-cdk\/[\w-]+|@aws-amplify\/hosting)(\/.*)?$/;
const builtins = new Set(builtinModules);
/** Option of our own resolve calls, so that they do not come back to us. */
const inner = { pluginData: { inner: true } };

/** @typedef {import('esbuild').PluginBuild} PluginBuild */
/** @typedef {import('esbuild').OnResolveArgs} ResolveArgs */

/**
 * @param {string} root the project's root
 * @returns {import('esbuild').Plugin}
 */
export function standinPlugin(root) {
  return {
    name: 'ampd-standin',
    setup(build) {
      const schemas = new SchemaCopies(build, root);
      build.onResolve({ filter: /^file:/ }, (args) => ({ path: args.path, external: true }));
      build.onResolve({ filter: amplify }, (args) => ({ path: args.importer, namespace: 'ampd-backend' }));
      build.onResolve({ filter: /^@aws-amplify\/(backend\/types\/platform|plugin-types)$/ }, (args) => ({
        path: args.path,
        namespace: 'ampd-empty',
      }));
      build.onResolve({ filter: /^@aws-amplify\/data-schema$/ }, (args) => ({
        path: args.importer,
        namespace: 'ampd-schema',
      }));
      build.onResolve({ filter: /^@aws-amplify\/data-schema\/.+$/ }, (args) => schemas.subPath(args));
      build.onResolve({ filter: library }, (args) => ({ path: args.path, namespace: 'ampd-library' }));
      build.onResolve({ filter: /^\$amplify\/env\/.+/ }, (args) => ({ path: args.path, namespace: 'ampd-env' }));
      build.onResolve({ filter: /^[^./]/ }, (args) => resolvePackage(build, root, args));
      build.onLoad({ filter: /.*/, namespace: 'ampd-backend' }, (args) => loadBackend(args.path, schemas));
      build.onLoad({ filter: /.*/, namespace: 'ampd-schema' }, (args) => loadSchema(args.path, schemas));
      build.onLoad({ filter: /.*/, namespace: 'ampd-library' }, (args) => loadLibrary(args.path));
      build.onLoad({ filter: /.*/, namespace: 'ampd-empty' }, () => ({ contents: 'export {};' }));
      build.onLoad({ filter: /.*/, namespace: 'ampd-env' }, () => ({ contents: 'export const env = process.env;' }));
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, (args) => loadPlaced(args.path));
    },
  };
}

/** Finds the copy of @aws-amplify/data-schema that a file of the project would get. */
class SchemaCopies {
  /** @param {PluginBuild} build @param {string} root */
  constructor(build, root) {
    this.build = build;
    this.root = root;
    /** @type {Map<string, string>} */
    this.found = new Map();
  }

  /** @param {string} specifier @param {string} directory */
  async resolve(specifier, directory) {
    const key = `${specifier}\0${directory}`;
    let file = this.found.get(key);
    if (file === undefined) {
      file = await this.search(specifier, directory);
      this.found.set(key, file);
    }
    return pathToFileURL(file).href;
  }

  /** @param {string} specifier @param {string} directory */
  async search(specifier, directory) {
    const backend = await this.tryResolve('@aws-amplify/backend', directory);
    // Package managers that do not hoist keep the schema builder where only @aws-amplify/backend finds it.
    for (const from of [directory, ...(backend === null ? [] : [path.dirname(backend)]), here]) {
      const file = await this.tryResolve(specifier, from);
      if (file !== null) {
        return file;
      }
    }
    throw new Error(`ampd's own copy of ${specifier} is missing: run npm ci in ${path.dirname(here)}`);
  }

  /** @param {string} specifier @param {string} directory */
  async tryResolve(specifier, directory) {
    const result = await this.build.resolve(specifier, { kind: 'import-statement', resolveDir: directory, ...inner });
    return result.errors.length > 0 || result.external ? null : result.path;
  }

  /** @param {ResolveArgs} args */
  async subPath(args) {
    return args.pluginData?.inner
      ? undefined
      : { path: await this.resolve(args.path, args.resolveDir), external: true };
  }
}

/** @param {string} importer @param {SchemaCopies} schemas */
async function loadBackend(importer, schemas) {
  const schema = await schemas.resolve('@aws-amplify/data-schema', path.dirname(importer));
  return {
    contents: `import { functionsFor, placedBuilder } from ${JSON.stringify(standinUrl)};
import { a as builder } from ${JSON.stringify(schema)};
const file = ${JSON.stringify(importer)};
export const a = placedBuilder(builder, file);
export const { defineBackend, defineAuth, referenceAuth, defineData, defineStorage, defineFunction, secret } = functionsFor(file);`,
  };
}

/** @param {string} importer @param {SchemaCopies} schemas */
async function loadSchema(importer, schemas) {
  const schema = await schemas.resolve('@aws-amplify/data-schema', path.dirname(importer));
  return {
    contents: `import { placedBuilder } from ${JSON.stringify(standinUrl)};
import { a as builder } from ${JSON.stringify(schema)};
export * from ${JSON.stringify(schema)};
export const a = placedBuilder(builder, ${JSON.stringify(importer)});`,
  };
}

/** @param {string} name */
function loadLibrary(name) {
  // CommonJS on purpose: names are then looked up when they are used, whatever they are.
  return {
    contents: `module.exports = globalThis[Symbol.for('ampd.library')](${JSON.stringify(name.replace(/\/index(\.js)?$/, ''))});`,
  };
}

/** @param {PluginBuild} build @param {string} root @param {ResolveArgs} args */
async function resolvePackage(build, root, args) {
  if (
    args.pluginData?.inner ||
    args.kind === 'entry-point' ||
    args.namespace !== 'file' ||
    builtins.has(args.path) ||
    /^(node|file|data|https?):/.test(args.path)
  ) {
    return undefined;
  }
  const options = { kind: args.kind, importer: args.importer, ...inner };
  let result = await build.resolve(args.path, { ...options, resolveDir: args.resolveDir });
  if (result.errors.length > 0) {
    // tsx takes the paths of the root's tsconfig.json for every file; esbuild those of the nearest one.
    const atRoot = await build.resolve(args.path, { ...options, importer: path.join(root, 'x.ts'), resolveDir: root });
    result = atRoot.errors.length > 0 ? result : atRoot;
  }
  if (result.errors.length > 0 || result.external || result.namespace !== 'file' || staysInside(result.path)) {
    return result;
  }
  const isImport = args.kind === 'import-statement' || args.kind === 'dynamic-import';
  return { path: isImport ? pathToFileURL(result.path).href : result.path, external: true };
}

/**
 * Whether a resolved file becomes part of the bundle: the project's own files, languages that Node does not run, and
 * packages that use the CDK or Amplify, which must see our stand-in.
 * @param {string} file
 */
function staysInside(file) {
  return !file.includes(`${path.sep}node_modules${path.sep}`) || !/\.(c|m)?js$|\.node$/.test(file) || usesLibrary(file);
}

/** @type {Map<string, boolean>} */
const users = new Map();

/** @param {string} file */
function usesLibrary(file) {
  let directory = path.dirname(file);
  while (!fs.existsSync(path.join(directory, 'package.json')) && path.dirname(directory) !== directory) {
    directory = path.dirname(directory);
  }
  let uses = users.get(directory);
  if (uses === undefined) {
    uses = readUses(path.join(directory, 'package.json'));
    users.set(directory, uses);
  }
  return uses;
}

/** @param {string} file */
function readUses(file) {
  try {
    const { dependencies, peerDependencies } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return Object.keys({ ...dependencies, ...peerDependencies }).some(
      (name) => library.test(name) || amplify.test(name),
    );
  } catch {
    return false;
  }
}

/**
 * Definitions may ask where they stand; in the bundle all of them would get the bundle's own place.
 * @param {string} file
 * @returns {import('esbuild').OnLoadResult | undefined}
 */
function loadPlaced(file) {
  const text = fs.readFileSync(file, 'utf8');
  if (!/\bimport\.meta\b|\b__dirname\b|\b__filename\b/.test(text)) {
    return undefined;
  }
  const url = JSON.stringify(pathToFileURL(file).href);
  const place = `const ampdPlace = { url: ${url}, filename: ${JSON.stringify(file)}, dirname: ${JSON.stringify(path.dirname(file))} };`;
  const names = [
    ...(declares(text, '__filename') ? [] : ['const __filename = ampdPlace.filename;']),
    ...(declares(text, '__dirname') ? [] : ['const __dirname = ampdPlace.dirname;']),
  ];
  // On a line of its own before the first, so that columns stay right; lines are corrected by placedLines.
  return { contents: `${place}${names.join('')}\n${text}`, loader: 'default' };
}

/** @param {string} text @param {string} name */
function declares(text, name) {
  return new RegExp(`\\b(const|let|var)\\s+${name}\\b`).test(text);
}

/** Lines that loadPlaced puts before a file's own. @param {string} file */
export function placedLines(file) {
  try {
    return /\bimport\.meta\b|\b__dirname\b|\b__filename\b/.test(fs.readFileSync(file, 'utf8')) ? 1 : 0;
  } catch {
    return 0;
  }
}
