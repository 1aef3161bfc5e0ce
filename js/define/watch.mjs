// Watches the files a build came from. Every folder is watched by itself: Node 18 has no recursive watch on Linux,
// and watching folders rather than files sees editors that save by renaming.
import fs from 'node:fs';
import path from 'node:path';

const settleMs = 20;
const skipped = /^(node_modules|\.git|\.amplify)$/;
/** Names editors use for files of their own. */
const noise = /^\.#|~$|\.sw[a-z]$|^4913$|\.tmp$|^#.*#$/;
/** Files at the project's root that change what a build gives. */
const rootFiles = new Set(['package.json', 'tsconfig.json']);

export class Watcher {
  /**
   * @param {string} root
   * @param {(files: string[]) => void} changed called with absolute paths once a burst of changes has settled
   */
  constructor(root, changed) {
    this.root = root;
    this.amplify = path.join(root, 'amplify');
    this.changed = changed;
    /** @type {Map<string, fs.FSWatcher>} */
    this.folders = new Map();
    /** @type {Set<string>} */
    this.inputs = new Set();
    /** @type {Map<string, string>} what each watched file was when it was last looked at */
    this.marks = new Map();
    /** @type {Map<string, boolean>} changed files, and whether each was there before */
    this.pending = new Map();
    /** @type {NodeJS.Timeout | null} */
    this.timer = null;
  }

  /**
   * Watches these files, the whole amplify folder and the root's own files from now on.
   * @param {string[]} inputs
   * @param {number} start of the build that read them; later changes of files not watched then count as changes
   */
  update(inputs, start) {
    this.inputs = new Set(inputs);
    const wanted = new Set([this.root, ...walk(this.amplify), ...inputs.map((file) => path.dirname(file))]);
    for (const folder of [...this.folders.keys()].filter((each) => !wanted.has(each))) {
      this.drop(folder);
    }
    const fresh = inputs.filter((file) => !this.marks.has(file));
    for (const folder of wanted) {
      this.add(folder);
    }
    for (const file of fresh) {
      this.marks.set(file, mark(file));
      if ((fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) > start) {
        this.pend(file, true);
      }
    }
  }

  /** @param {string} folder */
  add(folder) {
    if (this.folders.has(folder) || !fs.existsSync(folder)) {
      return;
    }
    const watcher = fs.watch(folder, (event, name) => this.notice(folder, name, event === 'rename'));
    watcher.on('error', () => this.drop(folder));
    this.folders.set(folder, watcher);
    for (const name of fs.readdirSync(folder)) {
      const file = path.join(folder, name);
      if (this.cares(folder, name)) {
        this.marks.set(file, mark(file));
      }
    }
  }

  /** Stops watching a folder and all within it. @param {string} folder */
  drop(folder) {
    for (const [each, watcher] of this.folders) {
      if (each === folder || each.startsWith(folder + path.sep)) {
        watcher.close();
        this.folders.delete(each);
      }
    }
  }

  /** @param {string} folder @param {string} name */
  cares(folder, name) {
    const file = path.join(folder, name);
    if (noise.test(name) || skipped.test(name)) {
      return false;
    }
    return (
      this.inputs.has(file) ||
      this.inAmplify(file) ||
      (folder === this.root && (rootFiles.has(name) || name === 'amplify'))
    );
  }

  /** @param {string} file */
  inAmplify(file) {
    return file.startsWith(this.amplify + path.sep);
  }

  /**
   * @param {string} folder
   * @param {string | null} name
   * @param {boolean} moved the name came or went, perhaps both
   */
  notice(folder, name, moved) {
    if (name === null || !this.cares(folder, name)) {
      return;
    }
    const file = path.join(folder, name);
    const now = mark(file);
    const before = this.marks.get(file) ?? 'gone';
    // What was watched under a name that has moved is no longer what is there.
    const replaced = moved && [now, before].includes('folder');
    // A read alone, or the second half of a notice already taken, changes nothing.
    if (now === this.marks.get(file) && !replaced) {
      return;
    }
    this.marks.set(file, now);
    if (replaced) {
      this.drop(file);
    }
    if (now === 'folder') {
      walk(file).forEach((inner) => this.addNew(inner));
    }
    this.pend(file, before !== 'gone');
  }

  /** Files in a folder that has just appeared were written before it was watched. @param {string} folder */
  addNew(folder) {
    this.add(folder);
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      if (entry.isFile() && this.cares(folder, entry.name)) {
        this.pend(path.join(folder, entry.name), false);
      }
    }
  }

  /** @param {string} file @param {boolean} existed */
  pend(file, existed) {
    this.pending.set(file, this.pending.get(file) ?? existed);
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.timer = setTimeout(() => this.flush(), settleMs);
  }

  flush() {
    this.timer = null;
    // Files that came and went within the burst, such as those an editor renames, are nobody's concern.
    const files = [...this.pending].filter(([file, existed]) => existed || mark(file) !== 'gone').map(([file]) => file);
    this.pending.clear();
    if (files.length > 0) {
      this.changed(files.sort());
    }
  }

  close() {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.folders.forEach((watcher) => watcher.close());
    this.folders.clear();
  }
}

/** @param {string} file */
function mark(file) {
  try {
    const stat = fs.statSync(file);
    return stat.isDirectory() ? 'folder' : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
  } catch {
    return 'gone';
  }
}

/**
 * A folder and all within it, without packages.
 * @param {string} folder
 * @returns {string[]}
 */
function walk(folder) {
  /** @type {fs.Dirent[]} */
  let entries;
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const inner = entries.filter((entry) => entry.isDirectory() && !skipped.test(entry.name));
  return [folder, ...inner.flatMap((entry) => walk(path.join(folder, entry.name)))];
}
