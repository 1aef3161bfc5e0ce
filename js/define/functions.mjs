// Bundles the handlers of functions as Amplify does, each into one module; only those whose files changed. A handler that does
// not bundle is told with its place, and the rest of the project goes on.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesIn, writeIfChanged } from './files.mjs';
import { BuildError } from './report.mjs';
import { ResolverBundler, markOf } from './resolvers.mjs';

/** `$amplify/env/<name>` is the environment, typed. @type {import('esbuild').Plugin} */
const environment = {
  name: 'ampd-env',
  setup(build) {
    build.onResolve({ filter: /^\$amplify\/env\// }, ({ path: name }) => ({ path: name, namespace: 'ampd-env' }));
    build.onLoad({ filter: /.*/, namespace: 'ampd-env' }, () => ({ contents: 'export const env = process.env;', loader: 'js' }));
  },
};

const RUNTIME = '@aws-amplify/backend/function/runtime';

/**
 * The package that the definitions import needs not to be installed: what handlers import from it is the package behind
 * it, where that is there, else our own. @type {import('esbuild').Plugin}
 */
const runtime = {
  name: 'ampd-runtime',
  setup(build) {
    build.onResolve({ filter: /^@aws-amplify\/backend\/function\/runtime$/ }, async ({ pluginData, ...args }) => {
      if (pluginData === runtime) return undefined;
      for (const name of [RUNTIME, '@aws-amplify/backend-function/runtime']) {
        const found = await build.resolve(name, {
          kind: args.kind, importer: args.importer, resolveDir: args.resolveDir, pluginData: runtime,
        });
        if (found.errors.length === 0) return found;
      }
      return { path: fileURLToPath(new URL('../runtime/clients.mjs', import.meta.url)) };
    });
  },
};

/** @param {string} key */
const fileName = (key) => key.replaceAll(/[^\w.-]/g, (c) => `+${c.charCodeAt(0).toString(16)}+`);

// As the original has them: globals, so that a module may declare its own of the same name.
const GLOBALS = [
  "import { createRequire as ampdRequire } from 'node:module'; import { fileURLToPath as ampdPath } from 'node:url';",
  'globalThis.require = ampdRequire(import.meta.url); globalThis.__filename = ampdPath(import.meta.url);',
  "globalThis.__dirname = ampdPath(new URL('.', import.meta.url)).slice(0, -1);",
].join(' ');

/**
 * What a function's definition says about its bundle: packages of layers stay outside, and are the project's own here.
 * @param {any} fn the manifest's
 * @returns {import('esbuild').BuildOptions}
 */
const bundling = ({ layers, minify }) => ({
  external: Object.keys(layers ?? {}),
  minifySyntax: minify,
  minifyWhitespace: minify,
});

export class FunctionBundler extends ResolverBundler {
  /** @param {string} root @param {string} folder */
  constructor(root, folder) {
    super(root, folder);
    this.folder = path.join(folder, 'functions');
  }

  /** Functions are whole programs: nothing of them is refused. @returns {Promise<import('./report.mjs').Problem[]>} */
  async check() {
    return [];
  }

  /**
   * Fills in `out`, or `problem`, of every function with a handler.
   * @param {Record<string, any>} functions the manifest's
   * @param {any[]} warnings the manifest's
   * @returns {Promise<string[]>} files the bundles came from
   */
  async bundleAll(functions, warnings) {
    const entries = Object.entries(functions).filter(([, { entry }]) => entry !== null);
    const kept = new Set();
    const others = Object.entries(functions).filter(([, { entry }]) => entry === null);
    const programs = others.flatMap(([key, fn]) => this.place(key, fn, kept));
    const files = await Promise.all(
      entries.map(async ([key, fn]) => {
        const name = `${fileName(key)}.mjs`;
        try {
          const { code, marks, assets } = await this.bundle(fn.entry, bundling(fn));
          kept.add(name);
          fn.out = path.join(this.folder, name);
          for (const asset of assets) {
            kept.add(path.basename(asset.path));
            writeIfChanged(path.join(this.folder, path.basename(asset.path)), asset.contents);
          }
          fn.hash = createHash('sha256').update(code).digest('hex');
          writeIfChanged(fn.out, code);
          return [...marks.keys()];
        } catch (error) {
          if (!(error instanceof BuildError)) throw error;
          const { message, file, line, column, hint } = /** @type {import('./report.mjs').Problem} */ (error.problems[0]);
          fn.problem = `The function ${fn.name} can not be run: ${message}${file === null ? '' : ` (${file}:${line}:${column})`}`;
          warnings.push({ message: fn.problem, file, line, column, hint });
          return file === null ? [fn.entry] : [fn.entry, path.resolve(this.root, file)];
        }
      }),
    );
    this.removeOthers(kept);
    return [...files.flat(), ...programs];
  }

  /**
   * A program that is no bundle of ours: the folder it lies in, and what changes when one of its files does.
   * @param {string} key @param {any} fn the manifest's @param {Set<string>} kept
   * @returns {string[]} its files
   */
  place(key, fn, kept) {
    if (fn.inline !== null) {
      const name = `${fileName(key)}.code`;
      const extension = fn.lambdaRuntime.startsWith('python') ? 'py' : 'js';
      kept.add(name);
      fn.code = path.join(this.folder, name);
      fs.mkdirSync(fn.code, { recursive: true });
      writeIfChanged(path.join(fn.code, `${fn.handler.split('.')[0] || 'index'}.${extension}`), fn.inline);
    }
    const files = fn.code === null ? [] : filesIn(fn.code);
    fn.hash = createHash('sha256').update(files.map((file) => `${file} ${markOf(file)}`).join('\n')).digest('hex');
    if (fn.source !== undefined) {
      return filesIn(fn.source); // what was bundled from it is not for the developer to change
    }
    return fn.inline === null ? files : [];
  }

  /** @param {string} entry @returns {import('esbuild').BuildOptions} */
  options(entry) {
    return {
      entryPoints: [entry],
      absWorkingDir: this.root,
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node18',
      keepNames: true,
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
      outfile: path.join(this.folder, 'index.mjs'),
      loader: { '.node': 'file' },
      plugins: [environment, runtime],
      banner: { js: GLOBALS },
    };
  }
}
