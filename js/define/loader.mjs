// From a project to its manifest: bundle, evaluate, generate, write.
import fs from 'node:fs';
import { Bundler } from './bundle.mjs';
import { Evaluator } from './evaluate.mjs';
import { writeIfChanged } from './files.mjs';
import { projectName } from './project.mjs';
import { BuildError, emit } from './report.mjs';

export class Loader {
  /** @param {import('./args.mjs').Options} options */
  constructor(options) {
    this.options = options;
    const root = fs.existsSync(options.project) ? fs.realpathSync(options.project) : options.project;
    this.root = root;
    this.bundler = new Bundler(root);
    this.evaluator = new Evaluator({ root, name: projectName(root), identifier: options.identifier });
    /** @type {string[]} files of the last good build */
    this.inputs = [];
  }

  /**
   * One build; tells the outcome as an event.
   * @returns {Promise<boolean>} whether it went well
   */
  async run() {
    const start = performance.now();
    const ms = () => Math.round(performance.now() - start);
    try {
      const { changed, warnings } = await this.build();
      emit({ event: 'manifest', path: this.options.out, changed, ms: ms(), warnings });
      return true;
    } catch (error) {
      if (!(error instanceof BuildError)) {
        throw error;
      }
      emit({ event: 'error', ms: ms(), errors: error.problems });
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
    manifest.inputs = bundle.inputs;
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
