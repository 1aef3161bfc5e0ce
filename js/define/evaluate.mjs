// Evaluates bundles in worker threads; one spare thread is kept warm, with the modules of the last bundle loaded.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { buildError } from './report.mjs';

const workerFile = new URL('./worker.mjs', import.meta.url);
/** Definitions that take longer than this hang. */
const limitMs = 60_000;
const slowLimitMs = 15 * 60_000; // for bundling, which may compile and download

/** @typedef {{worker: Worker, ended: Promise<Error>}} Spare */

export class Evaluator {
  /** @param {{root: string, name: string, identifier: string, generated: string}} project */
  constructor(project) {
    this.project = project;
    /** @type {string | null} where the last bundle was put */
    this.folder = null;
    /** @type {string[]} */
    this.preload = [];
    this.spare = this.start();
  }

  /** @returns {Spare} */
  start() {
    const worker = new Worker(workerFile, { stdout: true, stderr: true, stdin: false });
    // What definitions print is for the developer; standard output carries the events.
    worker.stdout.pipe(process.stderr, { end: false });
    worker.stderr.pipe(process.stderr, { end: false });
    worker.postMessage({ preload: this.preload });
    worker.unref();
    return { worker, ended: endOf(worker) };
  }

  /**
   * @param {import('./bundle.mjs').Bundle} bundle
   * @returns {Promise<{manifest: any, problems: import('./report.mjs').Problem[]}>}
   */
  async evaluate(bundle) {
    // Only while it runs: a loader that is killed leaves nothing behind.
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ampd-define-'));
    this.folder = folder;
    const file = path.join(folder, 'definitions.mjs');
    fs.writeFileSync(file, bundle.code);
    const { worker, ended } = this.spare;
    this.preload = bundle.externals;
    worker.ref();
    try {
      worker.postMessage({ task: { url: pathToFileURL(file).href, map: bundle.map, ...this.project } });
      return await withinLimit((extend) => {
        const answer = new Promise((resolve) =>
          worker.on('message', (message) => (message.slow === undefined ? resolve(message) : extend(message.slow))),
        );
        return Promise.race([answer, ended.then(fail)]);
      });
    } finally {
      void worker.terminate();
      fs.rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Readies the next thread; to be called when the answer is out, for it takes the processor. */
  warm() {
    this.spare = this.start();
  }

  close() {
    void this.spare.worker.terminate();
    if (this.folder !== null) {
      fs.rmSync(this.folder, { recursive: true, force: true });
    }
  }
}

const file = 'amplify/backend.ts';

/**
 * The end of a thread, which a thread with an answer does not come to.
 * @param {Worker} worker
 * @returns {Promise<Error>}
 */
function endOf(worker) {
  return new Promise((resolve) => {
    worker.once('error', (error) =>
      resolve(
        buildError(error.name, error.message, 'The definitions threw this outside of any call, such as in a timer', {
          file,
        }),
      ),
    );
    worker.once('exit', (code) =>
      resolve(
        buildError(
          'BackendBuildError',
          `The definitions ended the process with code ${code}`,
          'Remove process.exit from the definitions',
          { file },
        ),
      ),
    );
  });
}

/** @param {Error} error @returns {never} */
function fail(error) {
  throw error;
}

/**
 * @template T
 * @param {(extend: (slow: boolean) => void) => Promise<T>} begin
 * @returns {Promise<T>}
 */
async function withinLimit(begin) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {(error: Error) => void} */
  let end = () => {};
  const late = new Promise((_, reject) => {
    end = reject;
  });
  const limit = (/** @type {boolean} */ slow) => {
    const ms = slow ? slowLimitMs : limitMs;
    const text = `The definitions did not finish within ${ms / 1000} s`;
    clearTimeout(timer);
    timer = setTimeout(
      () => end(buildError('TimeoutError', text, 'Look for a loop or an await that never ends', { file })),
      ms,
    );
  };
  limit(false);
  try {
    return /** @type {T} */ (await Promise.race([begin(limit), late]));
  } finally {
    clearTimeout(timer);
  }
}
