// A folder for this process's files, removed when it ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder;

export function workFolder() {
    if (folder === undefined) {
        folder = mkdtempSync(join(tmpdir(), 'ampd-oracle-'));
        process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    }
    return folder;
}
