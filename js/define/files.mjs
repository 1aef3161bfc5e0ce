// Files that others read while we write them: whole or not at all, and untouched when nothing changed.
import fs from 'node:fs';
import path from 'node:path';

/**
 * @param {string} file
 * @param {string | Uint8Array} content
 * @returns {boolean} whether the content was another one before
 */
export function writeIfChanged(file, content) {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    if (fs.readFileSync(file).equals(bytes)) {
      return false;
    }
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') {
      throw error;
    }
    fs.mkdirSync(path.dirname(file), { recursive: true });
  }
  const temporary = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, bytes);
  fs.renameSync(temporary, file);
  return true;
}

const FILES_MAX = 5000; // of one program that are looked at

/**
 * The files below a folder (or the one file), but for what interpreters, compilers and packages leave there.
 * @param {string} folder
 * @returns {string[]}
 */
export function filesIn(folder) {
  /** @type {string[]} */
  const files = [];
  const walk = (/** @type {string} */ at) => {
    const items = fs.readdirSync(at, { withFileTypes: true });
    const isRust = items.some(({ name }) => name === 'Cargo.toml');
    for (const item of items) {
      const file = path.join(at, item.name);
      const left = /^(__pycache__|node_modules|\.git|\.venv|venv)$/.test(item.name) || (isRust && item.name === 'target');
      if (item.isDirectory() && !left) {
        walk(file);
      } else if (item.isFile() && files.length < FILES_MAX) {
        files.push(file);
      }
    }
  };
  if (!fs.statSync(folder).isDirectory()) {
    return [folder];
  }
  walk(folder);
  return files.sort();
}
