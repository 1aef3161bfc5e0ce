// What definitions take from something that is not there: told with its place, for on AWS it is a text as any other.
import { statementsOf } from './iam.mjs';

/** @typedef {(message: string, hint: string, at: any) => void} WarnAt */

const HINT = 'Use a resource of the backend in its place, or guard the code that depends on it';

/** @param {string} ref `new aws-cdk-lib/aws-sqs.Queue#1.queueArn` -> the same in words */
function inWords(ref) {
  const [, type = ref, rest = ''] = /^(?:new )?(.+?)#\d+(?:\.(.+))?$/.exec(ref) ?? [];
  return rest === '' ? type : `${rest.replace(/#\d+/g, '')} of ${type}`;
}

/**
 * A text of an environment: what is no text here stands for something that is not there.
 * @param {any} value serialised @returns {string}
 */
export function environmentText(value) {
  const name = typeof value === 'object' && value !== null ? (value.$ref ?? value.$call ?? value.$new) : undefined;
  return name === undefined ? String(value) : `\${amplify:ref:${name}}`;
}

/** What a value names that is not there, in words; none: ''. @param {any} value serialised @returns {string} */
export function unknownIn(value) {
  const text = JSON.stringify(value) ?? '';
  const found = [...text.matchAll(/\$\{amplify:ref:([^}]+)\}|"\$(?:ref|call|new)":"([^"]+)"/g)];
  return [...new Set(found.map(([, ref, name]) => inWords(ref ?? name ?? '')))].join(', ');
}

/** @param {Iterable<[string, any]>} variables @param {string} key of the function @param {any} at @param {WarnAt} warnAt */
export function warnOfVariables(variables, key, at, warnAt) {
  for (const [name, value] of variables) {
    const what = unknownIn(environmentText(value));
    if (what !== '') {
      warnAt(`The variable ${name} of the function ${key} is empty: it is ${what}, which is not there`, HINT, at);
    }
  }
}

/**
 * @param {any} op an override that was applied, with its place
 * @param {Map<string, any>} constructs by reference
 * @param {WarnAt} warnAt
 */
export function warnOfOverride(op, constructs, warnAt) {
  const [, key] = /^function\.(.+?)\.(?:resources\.lambda\.)?addEnvironment$/.exec(op.path) ?? [];
  if (key !== undefined) {
    warnOfVariables([[String(op.args[0]), op.args[1]]], key, op, warnAt);
  } else if (op.op === 'call' && /\.(addToRolePolicy|addToPrincipalPolicy|addToPolicy|attachInlinePolicy)$/.test(op.path)) {
    for (const statement of statementsOf(op.args, constructs)) {
      const what = unknownIn(statement);
      const actions = (statement.notActions ?? statement.actions).filter((each) => typeof each === 'string').join(', ');
      const fate = statement.effect === 'Deny' ? 'denies more than it says' : 'is left out';
      if (what !== '') {
        warnAt(`The ${statement.effect} statement for ${actions || '?'} ${fate}: it names ${what}, which is not there`, HINT, op);
      }
    }
  }
}

/** @param {any} part of backend.addOutput, serialised @param {any} at @param {WarnAt} warnAt */
export function warnOfOutput(part, at, warnAt) {
  const what = unknownIn(part);
  if (what !== '') {
    warnAt(`amplify_outputs.json leaves out what addOutput takes from ${what}: it is not there`, HINT, at);
  }
}
