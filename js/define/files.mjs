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
