// The sanitized host program as a promise-returning object, and the same questions to graphql-js.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { execute, parse, validate } from 'graphql';

export class Host {
  constructor() {
    if (!process.env.GQL_HOST) throw new Error('GQL_HOST names the host program');
    this.child = spawn(process.env.GQL_HOST, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.waiting = [];
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.waiting.shift().resolve(JSON.parse(line));
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        for (const one of this.waiting) one.reject(new Error(`the host ended (${code ?? signal})`));
        this.waiting = [];
        resolve(code);
      });
    });
    this.child.stdin.on('error', () => {});
  }

  send(command) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(JSON.stringify(command) + '\n');
    });
  }

  schema(sdl) {
    return this.send({ sdl });
  }

  // Code 0 means no sanitizer complained either.
  async close() {
    this.child.stdin.end();
    return await this.ended;
  }
}

// As the host resolves: members of the source, echo... gives its arguments, {"__error"} fails.
export function fieldResolver(source, args, context, info) {
  if (info.parentType.name.startsWith('__')) return source?.[info.fieldName];
  if (info.fieldName.startsWith('echo')) return JSON.stringify(args);
  const value = source?.[info.fieldName];
  if (value?.__error !== undefined) throw new Error(value.__error);
  return value;
}

function locations(errors) {
  return errors.map((e) => (e.locations ?? []).map((l) => ({ line: l.line, column: l.column })));
}

// {syntax}, {problems}, {error} or {body} in the host's words, from graphql-js.
export function reference(schema, { query, variables, operationName, root }) {
  let document;
  try {
    document = parse(query);
  } catch (e) {
    return { syntax: { message: e.message, locations: locations([e])[0] } };
  }
  let problems;
  try {
    problems = validate(schema, document, undefined, { maxErrors: 1000 });
  } catch (e) {
    problems = [e]; // it evaluates the directives of subscriptions, also wrong ones
  }
  if (problems.length > 0) {
    return { problems: problems.map((e, i) => ({ message: e.message, locations: locations([e])[0] })) };
  }
  const result = execute({
    schema, document, rootValue: root, variableValues: variables, operationName, fieldResolver,
  });
  if (result.data === undefined) return { error: result.errors[0].message };
  return { body: JSON.parse(JSON.stringify(result)) };
}

export function kind(answer) {
  if (answer.syntax) return 'syntax';
  if (answer.problems) return 'invalid';
  if (answer.error !== undefined) return 'refused';
  return 'ok';
}

// Echoed arguments are JSON texts that differ in the writing of numbers only.
export function normal(value) {
  if (typeof value === 'string' && value.startsWith('{')) {
    try {
      return JSON.stringify(JSON.parse(value));
    } catch {
      return value;
    }
  }
  if (Array.isArray(value)) return value.map(normal);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, normal(v)]));
  }
  return value;
}
