// The loader that stays: builds at start and after every change, one build at a time, until its caller goes away.
import path from 'node:path';
import { emit } from './report.mjs';
import { Watcher } from './watch.mjs';

/**
 * @param {import('./loader.mjs').Loader} loader
 * @param {import('./types.mjs').TypeCheck} types
 * @param {NodeJS.ReadableStream} caller its end is the signal to stop
 */
export async function stay(loader, types, caller) {
  let busy = false;
  let again = false;
  const watcher = new Watcher(loader.root, (files) => {
    emit({ event: 'change', files: files.map((file) => path.relative(loader.root, file)) });
    void build();
  });

  async function build() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    do {
      again = false;
      const start = Date.now();
      // Who reads of the outcome may change a file at once: it has to be watched by then.
      const good = await loader.run(() => watcher.update(loader.inputs, start));
      loader.warm();
      if (good && !again) {
        void types.run();
      }
    } while (again);
    busy = false;
  }

  // Watching begins before the first build: a change made during it must not be lost.
  watcher.update([], Date.now());
  const ended = new Promise((resolve) => {
    caller.once('end', resolve);
    caller.once('close', resolve);
    caller.once('error', resolve);
    caller.resume();
  });
  await build();
  await ended;
  watcher.close();
}
