// The error a definition is refused with. `name` is the name the original tool gives the same mistake, so that
// a developer finds it in the documentation; `hint` says what to do.

export class DefinitionError extends Error {
  /**
   * @param {string} name the original's error name
   * @param {string} message
   * @param {string} hint
   * @param {import('./state.mjs').Position | null} [at] where in the bundle the definition stands
   */
  constructor(name, message, hint, at = null) {
    super(message);
    this.name = name;
    this.hint = hint;
    this.at = at;
    /** @type {string[]} words of the definition that the message is about, to narrow the line down */
    this.words = [];
  }
}

/**
 * Runs a check of one definition; errors that know no position get that of the definition.
 * @template T
 * @param {import('./state.mjs').Position | null} at
 * @param {() => T} check
 * @returns {T}
 */
export function positioned(at, check) {
  try {
    return check();
  } catch (error) {
    if (error instanceof DefinitionError && error.at === null) {
      error.at = at;
    }
    throw error;
  }
}
