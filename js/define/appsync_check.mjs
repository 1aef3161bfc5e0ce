// What AppSync's JavaScript runtime does not take, found in a handler's source. The messages are those of AWS's own lint rules
// (@aws-appsync/eslint-plugin); its rules on passing and returning functions and on methods need types and are left out: what
// they refuse runs here.
import { parse } from 'acorn';
import esbuild from 'esbuild';
import fs from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';

/** @typedef {any} Node of acorn's tree */
/** @typedef {import('./report.mjs').Problem} Problem */

const HINT = 'AppSync refuses this in a JavaScript resolver; write it without, or use a function (a.handler.function)';

/** @type {Record<string, (node: Node) => string | [string, string] | null>} by kind of node: the message, and what to do */
const RULES = {
  FunctionDeclaration: functionRule,
  FunctionExpression: functionRule,
  ArrowFunctionExpression: functionRule,
  AwaitExpression: () => 'The `await` keyword is not supported',
  YieldExpression: () => 'Yield statements are not supported',
  ClassDeclaration: () => 'Class declarations are not supported.',
  ClassExpression: () => 'Class declarations are not supported.',
  ThisExpression: () => 'This expressions are not supported.',
  TryStatement: () => 'Try statements are not supported.',
  ThrowStatement: () => ['Throw statements are not supported.', 'Call util.error() instead'],
  ForStatement: () => ['For statements are not supported.', 'Use for-of, for-in, or a method of the array'],
  WhileStatement: () => ['While statements are not supported.', 'Use for-of, for-in, or a method of an array'],
  DoWhileStatement: () => ['do...while statements are not supported.', 'Use for-of, for-in, or a method of an array'],
  ContinueStatement: () => 'Continue statements are not supported',
  LabeledStatement: () => 'Labeled statements are not supported.',
  Literal: (node) => (node.regex === undefined ? null : ['Regex literals are not supported.', 'Use util.matches()']),
  UnaryExpression: ({ operator }) => (operator === '~' ? 'The operator ~ is not supported' : null),
  UpdateExpression: ({ operator }) => [`The operator ${operator} is not supported`, `Write ${operator[0]}= 1`],
  BinaryExpression: ({ operator }) =>
    operator === 'in' ? ['in operator is not supported. Use Object.hasOwn().', 'Use Object.hasOwn()']
    : operator === 'instanceof' ? 'The operator instanceof is not supported'
    : null,
  NewExpression: ({ callee }) => (callee.name === 'Promise' ? 'Promise is not supported' : null),
  MemberExpression: ({ object }) => (object.type === 'Identifier' && object.name === 'Promise' ? 'Promise is not supported' : null),
  ImportExpression: () => 'Promise is not supported',
};

/** @param {Node} node */
function functionRule({ async, generator }) {
  if (async) return 'Async functions are not supported.';
  return generator ? 'Generator functions are not supported.' : null;
}

/** @param {Node} node @param {(node: Node) => void} visit */
function walk(node, visit) {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === 'string') walk(child, visit);
    }
  }
}

// ---- recursion ---------------------------------------------------------------------------------

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** The functions of the module's top level, by name. @param {Node} tree */
function topFunctions(tree) {
  /** @type {Map<string, Node>} */
  const found = new Map();
  for (const statement of tree.body) {
    const declared = /^Export(Named|Default)Declaration$/.test(statement.type) ? statement.declaration : statement;
    if (declared?.type === 'FunctionDeclaration' && declared.id !== null) found.set(declared.id.name, declared);
    for (const { id, init } of declared?.type === 'VariableDeclaration' ? declared.declarations : []) {
      if (id.type === 'Identifier' && FUNCTIONS.has(init?.type)) found.set(id.name, init);
    }
  }
  return found;
}

/** Names that are given anew inside of a function may be something else there. @param {Node} fn */
function ownNames(fn) {
  const names = new Set();
  const add = (/** @type {Node} */ pattern) => walk(pattern, (node) => node.type === 'Identifier' && names.add(node.name));
  walk(fn, (node) => {
    if (FUNCTIONS.has(node.type)) node.params.forEach(add);
    if (node.type === 'VariableDeclarator') add(node.id);
    if (node.type === 'FunctionDeclaration' && node !== fn) names.add(node.id.name);
  });
  return names;
}

/** @param {Node} tree @param {(node: Node, message: string) => void} report */
function checkRecursion(tree, report) {
  const functions = topFunctions(tree);
  /** @type {Map<string, string[]>} */
  const calls = new Map();
  for (const [name, fn] of functions) {
    const own = ownNames(fn);
    /** @type {string[]} */
    const called = [];
    walk(fn, ({ type, callee }) => {
      if (type === 'CallExpression' && functions.has(callee.name) && !own.has(callee.name)) called.push(callee.name);
    });
    calls.set(name, called);
  }
  const done = new Set();
  /** @param {string} name @param {string[]} above */
  const follow = (name, above) => {
    if (above.includes(name)) {
      const cycle = [...above.slice(above.indexOf(name)), name];
      report(functions.get(name), `Recursive function calls not supported. Detected cycle in ${cycle.join(' -> ')}`);
      cycle.forEach((each) => done.add(each));
    }
    if (done.has(name)) return;
    calls.get(name)?.forEach((each) => follow(each, [...above, name]));
    done.add(name);
  };
  for (const name of functions.keys()) follow(name, []);
}

// ---- a file ------------------------------------------------------------------------------------

/** @param {string} file */
async function plainOf(file) {
  const loader = /\.[cm]?ts$/.test(file) ? 'ts' : 'js';
  const { code, map } = await esbuild.transform(fs.readFileSync(file, 'utf8'), {
    loader, sourcemap: 'external', sourcefile: file, target: 'esnext', supported: { 'class-field': true }, logLevel: 'silent', treeShaking: false,
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: true, verbatimModuleSyntax: true } },
  });
  return { code, map: new SourceMap(JSON.parse(map)) };
}

/**
 * @param {string} root @param {string} file absolute
 * @returns {Promise<Problem[]>}
 */
export async function checkFile(root, file) {
  const { code, map } = await plainOf(file);
  /** @type {Problem[]} */
  const problems = [];
  const tree = parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
  /** @param {Node} node @param {string} message @param {string} [hint] */
  const report = ({ loc }, message, hint = HINT) => {
    const at = /** @type {any} */ (map.findEntry(loc.start.line - 1, loc.start.column));
    problems.push({
      message, hint, code: 'AppSyncCodeError', file: path.relative(root, file),
      line: (at.originalLine ?? 0) + 1, column: (at.originalColumn ?? 0) + 1,
    });
  };
  walk(tree, (node) => {
    const found = RULES[node.type]?.(node) ?? null;
    const [message, hint] = typeof found === 'string' ? [found, undefined] : (found ?? []);
    if (message !== undefined) report(node, message, hint);
  });
  checkRecursion(tree, report);
  return problems.sort((a, b) => Number(a.line) - Number(b.line) || Number(a.column) - Number(b.column));
}

const MODULES = ['@aws-appsync/utils', '@aws-appsync/utils/dynamodb', '@aws-appsync/utils/rds', '@aws-appsync/utils/ai'];

/**
 * What is wrong with a bundled handler as a whole: it needs two exports, and there are few modules.
 * @param {string} code CommonJS @param {import('esbuild').Metafile['outputs'][string] | undefined} output
 * @returns {[message: string, hint: string] | null}
 */
export function checkBundle(code, output) {
  const unknown = output?.imports.find(({ external, path: name }) => external && !MODULES.includes(name));
  if (unknown !== undefined) return [`There is no module ${unknown.path} in AppSync's JavaScript runtime`, `Import from ${MODULES.join(', ')}`];
  const [, name] = /module\.exports = __toCommonJS\((\w+)\)/.exec(code) ?? [];
  const [, list] = (name && new RegExp(`__export\\(${name}, \\{([^]*?)\\n\\}\\);`).exec(code)) || [];
  if (list === undefined) return null;
  const missing = ['request', 'response'].filter((each) => !new RegExp(`^\\s*${each}:`, 'm').test(list));
  if (missing.length === 0) return null;
  return [`The resolver does not export ${missing.join(' and ')}`, 'Export a function request(ctx) and a function response(ctx)'];
}
