// From a project to its manifest: bundle, evaluate, generate, write.
import fs from 'node:fs';
import { Bundler } from './bundle.mjs';
import { writeEnvTypes } from './envtypes.mjs';
import { Evaluator } from './evaluate.mjs';
import { writeIfChanged } from './files.mjs';
import { FunctionBundler } from './functions.mjs';
import { projectName } from './project.mjs';
import path from 'node:path';
import { BuildError, emit } from './report.mjs';
import { ResolverBundler } from './resolvers.mjs';

export class Loader {
  /** @param {import('./args.mjs').Options} options */
  constructor(options) {
    this.options = options;
    const root = fs.existsSync(options.project) ? fs.realpathSync(options.project) : options.project;
    this.root = root;
    this.bundler = new Bundler(root);
    this.evaluator = new Evaluator({
      root,
      name: projectName(root),
      identifier: options.identifier,
      generated: options.generated,
    });
    this.resolvers = new ResolverBundler(root, options.generated);
    this.functions = new FunctionBundler(root, options.generated);
    /** @type {string[]} files to watch: those of the last good build, and those of the last errors */
    this.inputs = [];
  }

  /**
   * One build; tells the outcome as an event.
   * @param {() => void} [ready] called when the build is over and `inputs` are known, before the event goes out
   * @returns {Promise<boolean>} whether it went well
   */
  async run(ready = () => {}) {
    const start = performance.now();
    const ms = () => Math.round(performance.now() - start);
    try {
      const { changed, warnings } = await this.build();
      ready();
      emit({ event: 'manifest', path: this.options.out, changed, ms: ms(), warnings });
      return true;
    } catch (error) {
      const problems = error instanceof BuildError ? error.problems : [internal(error)];
      const named = problems.flatMap(({ file }) => (file === null ? [] : [path.resolve(this.root, file)]));
      this.inputs = [...new Set([...this.inputs, ...named])];
      ready();
      emit({ event: 'error', ms: ms(), errors: problems });
      return false;
    }
  }

  async build() {
    const bundle = await this.bundler.build();
    this.inputs = bundle.inputs;
    const { manifest, problems } = await this.evaluator.evaluate(bundle);
    if (problems.length > 0) {
      throw new BuildError(problems);
    }
    const resolverFiles = await this.resolvers.run(manifest.data?.jsFunctions ?? [], manifest.warnings);
    const functionFiles = await this.functions.bundleAll(manifest.functions, manifest.warnings);
    writeEnvTypes(this.root, manifest.functions);
    this.inputs = [...new Set([...bundle.inputs, ...resolverFiles, ...functionFiles])].sort();
    manifest.inputs = this.inputs;
    const changed = writeIfChanged(this.options.out, `${JSON.stringify(manifest, null, 2)}\n`);
    return { changed, warnings: manifest.warnings };
  }

  /** Readies the next evaluation while nothing else is to do. */
  warm() {
    this.evaluator.warm();
  }

  close() {
    void this.bundler.dispose();
    this.evaluator.close();
  }
}

/**
 * A fault that no file of the project is to blame for: the disk, a missing package of ampd, ampd itself.
 * @param {unknown} error
 * @returns {import('./report.mjs').Problem}
 */
function internal(error) {
  const { message, code, stack } = /** @type {NodeJS.ErrnoException} */ (
    error instanceof Error ? error : new Error(String(error))
  );
  process.stderr.write(`${stack}\n`);
  return {
    message,
    file: null,
    line: null,
    column: null,
    hint: 'See standard error for the place',
    code: code ?? 'InternalError',
  };
}
