// Bundles the JavaScript resolvers of a.handler.custom, each into one module; only those whose files changed.
import { createHash } from 'node:crypto';
import esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { translate } from './bundle.mjs';
import { writeIfChanged } from './files.mjs';

/** @typedef {{marks: Map<string, string>, code: Uint8Array, hash: string, assets: import('esbuild').OutputFile[]}} Built */

export class ResolverBundler {
  /** @param {string} root @param {string} folder */
  constructor(root, folder) {
    this.root = root;
    this.folder = path.join(folder, 'resolvers');
    /** @type {Map<string, Built>} by entry and options */
    this.built = new Map();
  }

  /**
   * Fills in `out` and `hash` of every handler.
   * @param {any[]} jsFunctions the manifest's list
   * @returns {Promise<string[]>} files the bundles came from
   */
  async run(jsFunctions) {
    const handlers = jsFunctions.flatMap((fn) =>
      fn.handlers.map((/** @type {any} */ handler, /** @type {number} */ index) => ({
        handler,
        name: `${fn.typeName}.${fn.fieldName}.${index + 1}.js`,
      })),
    );
    const bundles = await Promise.all(handlers.map(({ handler }) => this.bundle(handler.entry)));
    handlers.forEach(({ handler, name }, index) => {
      handler.out = path.join(this.folder, name);
      handler.hash = bundles[index]?.hash ?? null;
      writeIfChanged(handler.out, bundles[index]?.code ?? '');
    });
    this.removeOthers(new Set(handlers.map(({ name }) => name)));
    return bundles.flatMap(({ marks }) => [...marks.keys()]);
  }

  /** @param {string} entry @param {import('esbuild').BuildOptions} [more] @returns {Promise<Built>} */
  async bundle(entry, more = {}) {
    const key = JSON.stringify([entry, more]);
    const before = this.built.get(key);
    if (before !== undefined && [...before.marks].every(([file, mark]) => markOf(file) === mark)) {
      return before;
    }
    try {
      const { outputFiles, metafile } = await esbuild.build({ ...this.options(entry), ...more });
      const [first, ...assets] = [...(outputFiles ?? [])].sort((a, b) => Number(isModule(b)) - Number(isModule(a)));
      const code = first?.contents ?? new Uint8Array();
      const files = Object.keys(metafile?.inputs ?? {}).map((file) => path.resolve(this.root, file));
      const built = {
        marks: new Map(files.map((file) => [file, markOf(file)])),
        code,
        hash: createHash('sha256').update(code).digest('hex'),
        assets,
      };
      this.built.set(key, built);
      return built;
    } catch (error) {
      throw translate(error, this.root);
    }
  }

  /** @param {string} entry @returns {import('esbuild').BuildOptions} */
  options(entry) {
    return {
      entryPoints: [entry],
      absWorkingDir: this.root,
      bundle: true,
      write: false,
      metafile: true,
      format: 'cjs', // run as a function, anew for each evaluation
      platform: 'neutral',
      target: 'es2022',
      mainFields: ['module', 'main'],
      external: ['@aws-appsync/utils', '@aws-appsync/utils/*'],
      sourcemap: 'inline',
      logLevel: 'silent',
      outfile: 'resolver.js',
    };
  }

  /** @param {Set<string>} names */
  removeOthers(names) {
    if (fs.existsSync(this.folder)) {
      fs.readdirSync(this.folder)
        .filter((name) => !names.has(name))
        .forEach((name) => fs.rmSync(path.join(this.folder, name), { recursive: true }));
    }
  }
}

/** The bundle itself, not a file that it brings along. @param {import('esbuild').OutputFile} output */
const isModule = (output) => /\.m?js$/.test(output.path);

/** What changes when the file does. @param {string} file */
export function markOf(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? 'gone' : `${stat.size} ${stat.mtimeMs}`;
}
