// Names of resources: the rule for them, and the variables functions see them under.
import { DefinitionError } from './errors.mjs';

/** @param {string} name */
export function checkResourceName(name) {
  if (!/^[a-zA-Z][a-zA-Z0-9-_ ]*$/.test(name)) {
    throw new DefinitionError(
      'InvalidResourceNameError',
      `Resource name contains invalid characters, found ${name}`,
      'Use letters, digits, dashes, underscores and spaces only, and start with a letter',
    );
  }
}

/**
 * SCREAMING_SNAKE_CASE with the word rules of lodash's snakeCase: digits are words of their own, a run of
 * capitals is one word up to the last one before a small letter.
 * @param {string} text
 */
export function screamingSnake(text) {
  const words = text.replace(/['\u2019]/g, '').match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\x00-\x7f]+/g) ?? [];
  return words.join('_').toUpperCase();
}
