// secret('NAME'): an opaque value; its content is known to the server only.
import { state } from './state.mjs';

export class Secret {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
    state.secrets.add(name);
  }

  token() {
    return `\${amplify:secret:${this.name}}`;
  }

  /** Custom code may hand a secret to constructs: `secret('X').resolve(scope, id).unsafeUnwrap()`. */
  resolve() {
    const token = this.token();
    return { unsafeUnwrap: () => token, toString: () => token, toJSON: () => token };
  }

  resolvePath() {
    return { branchSecretPath: `/amplify/secret/${this.name}`, sharedSecretPath: `/amplify/shared/${this.name}` };
  }

  toJSON() {
    return this.token();
  }
}

/** @param {string} name */
export function secret(name) {
  return new Secret(name);
}

/**
 * Text of an option that may be a secret or, against the original's types, a plain string.
 * @param {unknown} value
 * @returns {string | null}
 */
export function secretText(value) {
  if (value === undefined || value === null) {
    return null;
  }
  return value instanceof Secret ? value.token() : String(value);
}
