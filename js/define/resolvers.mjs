// Bundles the JavaScript resolvers of a.handler.custom, each into one module; only those whose files changed. A resolver that does
// not bundle, or that AppSync would refuse, is told with its place, and the rest of the project goes on.
import { createHash } from 'node:crypto';
import esbuild from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { checkBundle, checkFile } from './appsync_check.mjs';
import { translate } from './bundle.mjs';
import { writeIfChanged } from './files.mjs';
import { BuildError } from './report.mjs';

/** @typedef {{marks: Map<string, string>, code: Uint8Array, hash: string, assets: import('esbuild').OutputFile[], problems: import('./report.mjs').Problem[]}} Built */

export class ResolverBundler {
  /** @param {string} root @param {string} folder */
  constructor(root, folder) {
    this.root = root;
    this.folder = path.join(folder, 'resolvers');
    /** @type {Map<string, Built>} by entry and options */
    this.built = new Map();
  }

  /**
   * Fills in `out` and `hash`, or `problem`, of every handler.
   * @param {any[]} jsFunctions the manifest's list
   * @param {any[]} warnings the manifest's
   * @returns {Promise<string[]>} files the bundles came from
   */
  async run(jsFunctions, warnings) {
    const handlers = jsFunctions.flatMap((fn) =>
      fn.handlers.map((/** @type {any} */ handler, /** @type {number} */ index) => ({
        handler,
        field: `${fn.typeName}.${fn.fieldName}`,
        name: `${fn.typeName}.${fn.fieldName}.${index + 1}.js`,
      })),
    );
    const kept = new Set();
    const told = new Set();
    const files = await Promise.all(
      handlers.map(async ({ handler, field, name }) => {
        const { built, problems, inputs } = await this.tryBundle(handler.entry);
        handler.hash = built?.hash ?? null;
        handler.problem = null;
        if (built === null || problems.length > 0) {
          const [first] = problems;
          const place = first?.file ? ` (${first.file}:${first.line}:${first.column})` : '';
          handler.problem = `The resolver of ${field} can not be run: ${first?.message}${place}`;
          for (const { message, file, line, column, hint } of problems) {
            const text = `The resolver of ${field} can not be run: ${message}`;
            if (!told.has(`${text} ${file}:${line}:${column}`)) warnings.push({ message: text, file, line, column, hint });
            told.add(`${text} ${file}:${line}:${column}`);
          }
          return inputs;
        }
        handler.out = path.join(this.folder, name);
        kept.add(name);
        writeIfChanged(handler.out, built.code);
        return inputs;
      }),
    );
    this.removeOthers(kept);
    return files.flat();
  }

  /** @param {string} entry */
  async tryBundle(entry) {
    try {
      const built = await this.bundle(entry);
      return { built, problems: built.problems, inputs: [...built.marks.keys()] };
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      const named = error.problems.flatMap(({ file }) => (file === null ? [] : [path.resolve(this.root, file)]));
      return { built: null, problems: error.problems, inputs: [...new Set([entry, ...named])] };
    }
  }

  /**
   * What AppSync would refuse of a bundle's files.
   * @param {string} entry @param {string[]} files @param {Uint8Array} code @param {import('esbuild').Metafile | undefined} metafile
   */
  async check(entry, files, code, metafile) {
    const own = files.filter((file) => !file.split(path.sep).includes('node_modules') && /\.[cm]?[jt]s$/.test(file));
    const problems = (await Promise.all(own.map((file) => checkFile(this.root, file)))).flat();
    const whole = checkBundle(Buffer.from(code).toString('utf8'), Object.values(metafile?.outputs ?? {})[0]);
    if (whole !== null) {
      const [message, hint] = whole;
      problems.push({ message, hint, code: 'AppSyncCodeError', file: path.relative(this.root, entry), line: 1, column: 1 });
    }
    return problems;
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
        problems: await this.check(entry, files, code, metafile),
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
