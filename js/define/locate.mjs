// Places in the bundle -> places in the project's files.
import { SourceMap } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { placedLines } from './plugin.mjs';

/** @typedef {import('./standin/state.mjs').Position} Position */
/** @typedef {import('./standin/serialise.mjs').Place} Place */

const nowhere = { file: null, line: null, column: null };

export class Locator {
  /**
   * @param {string} root
   * @param {string} map source map, JSON; read only when a place is asked for
   */
  constructor(root, map) {
    this.root = root;
    this.text = map;
    /** @type {SourceMap | null} */
    this.map = null;
  }

  /**
   * @param {Position | null} at
   * @returns {Place}
   */
  locate(at) {
    if (at === null) {
      return nowhere;
    }
    this.map ??= new SourceMap(JSON.parse(this.text));
    const entry = this.map.findEntry(at.line - 1, at.column - 1);
    if (
      !('originalSource' in entry) ||
      entry.originalSource === undefined ||
      /ampd-/.test(path.basename(entry.originalSource))
    ) {
      return nowhere;
    }
    const file = path.resolve(this.root, entry.originalSource);
    const line = entry.originalLine + 1 - placedLines(file);
    return { file: path.relative(this.root, file), line, column: entry.originalColumn + 1 };
  }

  /**
   * The innermost frame of an error that is in the project's own files.
   * @param {string} stack
   * @param {string} bundleUrl
   * @returns {Place}
   */
  frame(stack, bundleUrl) {
    for (const line of stack.split('\n')) {
      const start = line.indexOf(`${bundleUrl}:`);
      const match = start < 0 ? null : /^:(\d+):(\d+)/.exec(line.slice(start + bundleUrl.length));
      const place = match === null ? nowhere : this.locate({ line: Number(match[1]), column: Number(match[2]) });
      if (place.file !== null) {
        return place;
      }
    }
    return nowhere;
  }

  /**
   * Narrows a place down to the line that declares what an error text speaks of - `Post: a.model({` or, within it,
   * `title: a.string()` - or else to where it is quoted.
   * @param {Place} place
   * @param {string[]} words
   * @returns {Place}
   */
  narrow(place, words) {
    if (place.file === null || place.line === null || words.length === 0) {
      return place;
    }
    const lines = fs.readFileSync(path.resolve(this.root, place.file), 'utf8').split('\n');
    let from = place.line - 1;
    let best = place;
    for (const word of words) {
      const plain = word.replace(/\W/g, '\\$&');
      const patterns = [new RegExp(`(^|[\\s{,])(["']?)${plain}\\2\\s*:`), new RegExp(`(["'\`])${plain}\\1`)];
      const found =
        patterns
          .map((pattern) => lines.findIndex((text, index) => index >= from && pattern.test(text)))
          .find((index) => index >= 0) ?? -1;
      if (found >= 0) {
        from = found;
        best = { file: place.file, line: found + 1, column: (lines[found]?.indexOf(word) ?? 0) + 1 };
      }
    }
    return best;
  }

  /**
   * Puts the names of the source into an error text: the bundler numbers names that several files use.
   * @param {string} text
   * @param {Place} place
   */
  sourceNames(text, { file, line }) {
    if (file === null || line === null) {
      return text;
    }
    const source = fs.readFileSync(path.resolve(this.root, file), 'utf8').split('\n')[line - 1] ?? '';
    const names = new Set(source.match(/[\w$]+/g));
    return text.replace(/\b([A-Za-z_$][\w$]*?)\d+\b/g, (whole, /** @type {string} */ name) =>
      !names.has(whole) && names.has(name) ? name : whole,
    );
  }
}
