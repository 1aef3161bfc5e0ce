// ampd's side: `ampd schema` of the build under test.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const AMPD = process.env.AMPD ?? fileURLToPath(new URL('../../../build/ampd', import.meta.url));

function run(sdl, modes, form) {
    const done = spawnSync(AMPD, ['schema', '--modes', modes.join(','), '--form', form], {
        input: sdl,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
    });
    if (done.error !== undefined || done.signal !== null) {
        throw done.error ?? new Error(`${AMPD} was killed by ${done.signal}`);
    }
    return done.status === 0 ? { text: done.stdout } : { refused: done.stderr.trim() };
}

export const ampdSchema = (sdl, modes) => run(sdl, modes, 'sdl');
export const ampdIntrospection = (sdl, modes) => run(sdl, modes, 'introspection');
