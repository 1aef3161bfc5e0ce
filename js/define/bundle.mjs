// One bundle of a project's definitions, rebuilt incrementally.
import esbuild from 'esbuild';
import path from 'node:path';
import { placedLines, standinPlugin } from './plugin.mjs';
import { backendEntry, findEntry } from './project.mjs';
import { BuildError, buildError } from './report.mjs';

/**
 * @typedef {object} Bundle
 * @property {string} code
 * @property {string} map source map, JSON
 * @property {string[]} inputs absolute paths of the project's files in the bundle
 * @property {string[]} externals URLs of the modules the bundle imports from outside
 */

const outfile = 'ampd-definitions.mjs';

export class Bundler {
  /** @param {string} root */
  constructor(root) {
    this.root = root;
    /** @type {import('esbuild').BuildContext | null} */
    this.context = null;
    this.entries = '';
  }

  /** @returns {Promise<Bundle>} */
  async build() {
    const hosting = findEntry(this.root, 'hosting');
    const entries = [backendEntry(this.root), ...(hosting === null ? [] : [hosting])];
    const text = entries.map((entry) => `import ${JSON.stringify(entry)};`).join('');
    if (this.context === null || text !== this.entries) {
      await this.dispose();
      this.context = await esbuild.context(this.options(text));
      this.entries = text;
    }
    try {
      return this.result(await this.context.rebuild());
    } catch (error) {
      throw translate(error, this.root);
    }
  }

  /**
   * @param {string} contents
   * @returns {import('esbuild').BuildOptions}
   */
  options(contents) {
    return {
      stdin: { contents, resolveDir: this.root, sourcefile: 'ampd-entry.mjs' },
      absWorkingDir: this.root,
      outfile,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'esm',
      target: 'node18',
      sourcemap: 'external',
      sourcesContent: false,
      logLevel: 'silent',
      keepNames: true,
      define: {
        'import.meta.url': 'ampdPlace.url',
        'import.meta.dirname': 'ampdPlace.dirname',
        'import.meta.filename': 'ampdPlace.filename',
      },
      banner: {
        js: `import { createRequire as ampdRequire } from 'node:module'; const require = ampdRequire(${JSON.stringify(path.join(this.root, 'amplify', 'x.js'))});`,
      },
      plugins: [standinPlugin(this.root)],
    };
  }

  /** @param {import('esbuild').BuildResult} result @returns {Bundle} */
  result({ outputFiles = [], metafile }) {
    const file = (/** @type {string} */ name) => outputFiles.find((output) => output.path.endsWith(name))?.text ?? '';
    const inputs = Object.keys(metafile?.inputs ?? {}).filter(
      (name) => !/^(ampd-[\w-]+:|<|ampd-entry\.mjs$)/.test(name),
    );
    const imports = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports);
    return {
      code: file(outfile),
      map: file(`${outfile}.map`),
      inputs: inputs.map((name) => path.resolve(this.root, name)).sort(),
      externals: imports.map((item) => item.path).filter((name) => name.startsWith('file:')),
    };
  }

  async dispose() {
    await this.context?.dispose();
    this.context = null;
  }
}

/** @param {unknown} error @param {string} root */
export function translate(error, root) {
  const errors = /** @type {import('esbuild').BuildFailure} */ (error).errors;
  if (!Array.isArray(errors)) {
    return buildError(
      'BackendBuildError',
      error instanceof Error ? error.message : String(error),
      'See the message; this is a fault of the set-up, not of one file',
    );
  }
  return new BuildError(errors.map((message) => problemOf(message, root)));
}

/** @param {import('esbuild').Message} message @param {string} root */
function problemOf({ text, location, notes }, root) {
  const file = location === null ? null : path.relative(root, path.resolve(root, location.file));
  const shift = location === null ? 0 : placedLines(path.resolve(root, location.file));
  const { code, hint } = explain(
    text,
    notes.map((note) => note.text),
  );
  return {
    message: text,
    file,
    line: location === null ? null : location.line - shift,
    column: location === null ? null : location.column + 1,
    hint,
    code,
  };
}

/** @param {string} text @param {string[]} notes */
function explain(text, notes) {
  const [, specifier] = /^Could not resolve "([^"]+)"/.exec(text) ?? [];
  if (specifier !== undefined) {
    const own = /^[./]/.test(specifier);
    return {
      code: 'ModuleNotFoundError',
      hint: own
        ? 'Check the path and the spelling of the file name; it is relative to this file'
        : `Install the package (npm install ${packageOf(specifier)}), or correct the name`,
    };
  }
  if (/^No matching export/.test(text)) {
    return { code: 'SyntaxError', hint: 'Check the spelling; a type is imported with import type' };
  }
  return { code: 'SyntaxError', hint: notes[0] ?? 'Correct the syntax at this place' };
}

/** @param {string} specifier */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
