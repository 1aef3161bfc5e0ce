// Seeded schemas, documents, variables and root data.
import {
  getNamedType, getNullableType, isEnumType, isInputObjectType, isInterfaceType, isLeafType, isListType, isNonNullType,
  isObjectType, isUnionType,
} from 'graphql';

export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { next, below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] };
}

const SCALARS = ['Int', 'Float', 'String', 'Boolean', 'ID', 'Custom'];
const TEXTS = ['', 'a', 'two words', 'ü\u{1f600}', 'quote " \\ back', 'line\nbreak\ttab', '#no comment', '  spaces  ', '"""', '\u0007bell'];

// ---- schemas -----------------------------------------------------------------------------------

class SchemaMaker {
  constructor(rng) {
    this.rng = rng;
    this.enums = this.names('Enum', 1 + rng.below(3));
    this.inputs = this.names('Input', 1 + rng.below(3));
    this.interfaces = this.names('Face', rng.below(4));
    this.objects = this.names('Thing', 2 + rng.below(4));
    this.unions = this.names('Some', rng.below(3));
    this.faces = new Map();
  }

  names(prefix, count) {
    return Array.from({ length: count }, (_, i) => prefix + i);
  }

  wrap(name, nonNull = 0.25) {
    const { rng } = this;
    let text = name;
    for (let i = rng.pick([0, 0, 0, 1, 1, 2]); i > 0; i--) text = `[${text}${rng.chance(nonNull) ? '!' : ''}]`;
    return text + (rng.chance(nonNull) ? '!' : '');
  }

  description(indent = '') {
    const { rng } = this;
    if (!rng.chance(0.3)) return '';
    const text = rng.pick(['one line', 'two\n\nlines', '  indented', 'with "quotes" and \\', 'ü']);
    return rng.chance(0.5) ? `${indent}${JSON.stringify(text)}\n` : `${indent}"""\n${indent}${text.replaceAll('\n', '\n' + indent)}\n${indent}"""\n`;
  }

  deprecated() {
    const { rng } = this;
    return rng.chance(0.1) ? rng.pick([' @deprecated', ' @deprecated(reason: "old \\"thing\\"")']) : '';
  }

  literal(type) {
    if (type.endsWith('!')) return this.literal(type.slice(0, -1));
    const { rng } = this;
    if (type.startsWith('[')) {
      const inner = type.slice(1, -1);
      return rng.chance(0.2) ? this.literal(inner) : `[${Array.from({ length: rng.below(3) }, () => this.literal(inner)).join(', ')}]`;
    }
    return {
      Int: () => String(rng.below(100) - 50), Float: () => rng.pick(['1.5', '2', '-1e3']), String: () => JSON.stringify(rng.pick(TEXTS)),
      Boolean: () => rng.pick(['true', 'false']), ID: () => rng.pick(['"id"', '7']), Custom: () => rng.pick(['1', '"c"', 'true']), // what printSchema can write
    }[type]?.() ?? (this.enums.includes(type) ? rng.pick(['A', 'B']) : '{}');
  }

  argument(name, indent) {
    const { rng } = this;
    const base = rng.pick([...SCALARS, ...this.enums, ...this.inputs]);
    const type = this.wrap(base);
    const plain = !this.inputs.includes(base);
    const value = plain && rng.chance(0.3) ? ` = ${rng.chance(0.1) && !type.endsWith('!') ? 'null' : this.literal(type)}` : '';
    const required = type.endsWith('!') && value === '';
    return `${this.description(indent)}${indent}${name}: ${type}${value}${required ? '' : this.deprecated()}`;
  }

  args() {
    const { rng } = this;
    if (!rng.chance(0.4)) return '';
    return `(\n${this.names('arg', 1 + rng.below(3)).map((n) => this.argument(n, '    ')).join('\n')}\n  )`;
  }

  field(name) {
    const { rng } = this;
    const echo = rng.chance(0.3);
    const target = echo ? 'String' : this.wrap(rng.pick([...SCALARS, ...this.enums, ...this.objects, ...this.objects, ...this.interfaces, ...this.unions]));
    return { name: echo ? `echo${name}` : name, text: `${echo ? this.args() : ''}: ${target}`, deprecated: this.deprecated(), description: this.description('  ') };
  }

  print(fields) {
    return fields.map((f) => `${f.description}  ${f.name}${f.text}${f.deprecated}`).join('\n');
  }

  face(name, index) {
    const { rng } = this;
    const parents = this.interfaces.slice(0, index).filter(() => rng.chance(0.4));
    const all = new Set(parents.flatMap((p) => [p, ...this.faces.get(p).parents]));
    const fields = [...[...all].flatMap((p) => this.faces.get(p).own), ...this.names(`${name.toLowerCase()}f`, 1 + rng.below(3)).map((n) => this.field(n))];
    const own = fields.slice(-1 * Math.max(1, fields.length - [...all].flatMap((p) => this.faces.get(p).own).length));
    this.faces.set(name, { parents: [...all], own, fields });
    return `${this.description()}interface ${name}${this.implement([...all])} {\n${this.print(fields)}\n}`;
  }

  implement(list) {
    return list.length > 0 ? ` implements ${list.join(' & ')}` : '';
  }

  object(name, extra = 2) {
    const { rng } = this;
    const chosen = this.interfaces.filter(() => rng.chance(0.4));
    const all = [...new Set(chosen.flatMap((p) => [p, ...this.faces.get(p).parents]))];
    const inherited = all.flatMap((p) => this.faces.get(p).own).map((f) => ({ ...f, text: rng.chance(0.2) && !f.text.endsWith('!') ? f.text + '!' : f.text }));
    const fields = [...inherited, ...this.names(rng.pick(['x', 'y', 'shared']), 1 + rng.below(extra + 2)).map((n) => this.field(n))];
    return `${this.description()}type ${name}${this.implement(all)} {\n${this.print(fields)}\n}`;
  }

  input(name) {
    return `${this.description()}input ${name} {\n${this.names('in', 1 + this.rng.below(4)).map((n) => this.inputField(n, name)).join('\n')}\n}`;
  }

  inputField(n, own) {
    const line = this.argument(n, '  ');
    // A required input object could close a cycle.
    const [, type] = /: (\S+)/.exec(line.slice(line.lastIndexOf(`${n}: `) + n.length)) ?? [];
    return this.inputs.some((i) => type === `${i}!`) || type === `${own}!` ? line.replace(`${type}`, type.slice(0, -1)) : line;
  }

  make() {
    const { rng } = this;
    const parts = ['scalar Custom @specifiedBy(url: "https://example.org/custom")', 'directive @note(text: String = "d", level: Int) repeatable on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT | QUERY | VARIABLE_DEFINITION'];
    for (const name of this.enums) parts.push(`${this.description()}enum ${name} {\n  A\n  B${this.deprecated()}\n  ${name.toUpperCase()}${this.deprecated()}\n}`);
    for (const name of this.inputs) parts.push(this.input(name));
    this.interfaces.forEach((name, i) => parts.push(this.face(name, i)));
    for (const name of this.objects) parts.push(this.object(name));
    for (const name of this.unions) parts.push(`${this.description()}union ${name} = ${[...new Set([rng.pick(this.objects), rng.pick(this.objects)])].join(' | ')}`);
    parts.push(this.object('Query', 6));
    if (rng.chance(0.6)) parts.push(this.object('Mutation'));
    if (rng.chance(0.3)) parts.push(this.object('Subscription'));
    return parts.join('\n\n') + '\n';
  }
}

export function makeSchema(seed) {
  return new SchemaMaker(random(seed)).make();
}

// ---- documents -----------------------------------------------------------------------------------

class DocumentMaker {
  constructor(rng, schema) {
    this.rng = rng;
    this.schema = schema;
    this.fragments = [];
    this.variables = new Map(); // name -> { type, value }
    this.aliases = 0;
    this.left = 60; // fields
  }

  scalarText(name) {
    const { rng } = this;
    if (rng.chance(0.03)) return rng.pick(['1', '"x"', 'true', 'NOPE', '[1]', '{a: 1}', '1.5']);
    return {
      Int: () => String(rng.below(2000) - 1000), Float: () => rng.pick(['0.5', '3', '-2.25', '1e3']), String: () => JSON.stringify(rng.pick(TEXTS)).replace('\\u0007', '\\u{7}'),
      Boolean: () => rng.pick(['true', 'false']), ID: () => rng.pick(['"id"', '12']), Custom: () => rng.pick(['1', '"c"', '{a: [1, {b: NAME}]}', 'null', 'NAME']),
    }[name]();
  }

  literal(type, depth = 0) {
    const { rng } = this;
    if (isNonNullType(type)) return rng.chance(0.01) ? 'null' : this.literal(type.ofType, depth);
    if (rng.chance(0.08)) return 'null';
    if (rng.chance(0.2) && depth > 0) return this.variable(type);
    if (isListType(type)) return rng.chance(0.2) && depth < 3 ? this.literal(type.ofType, depth + 1) : `[${Array.from({ length: rng.below(depth > 2 ? 1 : 4) }, () => this.value(type.ofType, depth + 1)).join(', ')}]`;
    if (isEnumType(type)) return rng.chance(0.03) ? '"A"' : rng.pick(type.getValues()).name;
    if (!isInputObjectType(type)) return this.scalarText(type.name);
    const members = Object.values(type.getFields()).filter((f) => (isNonNullType(f.type) && f.defaultValue === undefined) || rng.chance(depth > 2 ? 0 : 0.6));
    const texts = members.map((f) => `${f.name}: ${this.value(f.type, depth + 1)}`);
    if (rng.chance(0.02)) texts.push('nope: 1');
    return `{${texts.join(', ')}}`;
  }

  value(type, depth = 0) {
    return this.rng.chance(0.25) ? this.variable(type) : this.literal(type, depth);
  }

  // A variable whose type fits, or nearly.
  variable(type) {
    const { rng } = this;
    const known = [...this.variables].filter(([, v]) => v.type === String(type));
    if (known.length > 0 && rng.chance(0.5)) return `$${rng.pick(known)[0]}`;
    const name = `v${this.variables.size}`;
    let text = String(type);
    if (rng.chance(0.2) && !text.endsWith('!')) text += '!';
    const strict = text.endsWith('!');
    const inner = getNullableType(type);
    const entry = { type: text };
    this.variables.set(name, entry); // before literals ask for more
    const saved = this.variable;
    this.variable = () => this.literal(getNullableType(type));
    if (rng.chance(0.25)) entry.otherwise = this.constant(inner);
    if (!strict && rng.chance(0.15)) entry.absent = true;
    else if (rng.chance(strict ? 0.02 : 0.1)) entry.value = null;
    else entry.value = this.json(inner);
    this.variable = saved;
    return `$${name}`;
  }

  constant(type) {
    const { rng } = this;
    if (isNonNullType(type)) return this.constant(type.ofType);
    if (isListType(type) && isInputObjectType(getNamedType(type))) return '[]';
    if (isListType(type)) return rng.chance(0.2) ? this.constant(type.ofType) : `[${this.constant(type.ofType)}]`;
    if (isEnumType(type)) return rng.pick(type.getValues()).name;
    if (!isInputObjectType(type)) return this.scalarText(type.name);
    return `{${Object.values(type.getFields()).filter((f) => isNonNullType(f.type) && f.defaultValue === undefined).map((f) => `${f.name}: ${this.constant(f.type)}`).join(', ')}}`;
  }

  json(type, depth = 0) {
    const { rng } = this;
    if (isNonNullType(type)) return rng.chance(0.02) ? null : this.json(type.ofType, depth);
    if (rng.chance(0.08)) return null;
    if (isListType(type)) return rng.chance(0.15) && depth < 3 ? this.json(type.ofType, depth + 1) : Array.from({ length: rng.below(depth > 2 ? 1 : 4) }, () => this.json(type.ofType, depth + 1));
    if (isEnumType(type)) return rng.chance(0.03) ? rng.pick(['NOPE', 3, '']) : rng.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const out = {};
      for (const f of Object.values(type.getFields())) {
        if ((isNonNullType(f.type) && f.defaultValue === undefined) || rng.chance(depth > 2 ? 0 : 0.6)) out[f.name] = this.json(f.type, depth + 1);
      }
      if (rng.chance(0.02)) out.nope = 1;
      return out;
    }
    if (rng.chance(0.02)) return rng.pick([1, 1.5, 'x', true, {}, [], 2147483648, -2147483649]);
    return { Int: () => rng.below(1000) - 500, Float: () => rng.pick([0.5, 3, -1e10]), String: () => rng.pick(TEXTS), Boolean: () => rng.chance(0.5), ID: () => rng.pick(['x', 5]), Custom: () => rng.pick([1, 'c', { a: [1, null] }, [true]]) }[type.name]();
  }

  directives() {
    const { rng } = this;
    let text = '';
    if (rng.chance(0.12)) {
      // graphql-js cannot validate conditions with variables in subscriptions.
      const value = this.literals || rng.chance(0.5) ? rng.pick(['true', 'false']) : this.condition();
      text += ` @${rng.pick(['include', 'skip'])}(if: ${value})`;
    }
    if (rng.chance(0.04)) text += rng.pick([' @note', ' @note(text: "t") @note(level: 3)', ' @include(if: true)', ' @note(level: "x")']);
    return text;
  }

  condition() {
    const name = `c${this.rng.below(3)}`;
    if (!this.variables.has(name)) this.variables.set(name, { type: this.rng.pick(['Boolean!', 'Boolean! = true']), value: this.rng.chance(0.5) });
    return `$${name}`;
  }

  selectionSet(type, depth, indent) {
    const { rng } = this;
    const lines = [];
    const inner = indent + '  ';
    const fields = isUnionType(type) ? [] : Object.values(type.getFields());
    for (let i = 1 + rng.below(4); i > 0; i--) {
      const roll = rng.next();
      if (roll < 0.08) lines.push(`${inner}${rng.chance(0.3) ? `t${rng.below(3)}: ` : ''}__typename`);
      else if (roll < 0.2 && depth < 5) lines.push(this.inlineFragment(type, depth, inner));
      else if (roll < 0.3 && depth < 5) lines.push(this.spread(type, depth, inner));
      else if (fields.length > 0) lines.push(this.field(rng.pick(fields), depth, inner));
      else lines.push(depth < 7 ? this.inlineFragment(type, depth, inner) : `${inner}__typename`);
    }
    return `{\n${lines.join('\n')}\n${indent}}`;
  }

  field(field, depth, indent) {
    const { rng } = this;
    const composite = !isLeafType(getNamedType(field.type));
    if ((composite && depth > 5) || this.left-- <= 0) return `${indent}__typename`;
    const given = field.args.filter((a) => (isNonNullType(a.type) && a.defaultValue === undefined) || rng.chance(0.5));
    const args = given.map((a) => `${a.name}: ${this.value(a.type)}`);
    if (rng.chance(0.01)) args.push('nope: 1');
    const alias = field.args.length > 0 ? `a${this.aliases++}: ` : rng.chance(0.2) ? `a${rng.chance(0.9) ? this.aliases++ : 0}: ` : '';
    const sub = composite ? ` ${this.selectionSet(getNamedType(field.type), depth + 1, indent)}` : '';
    return `${indent}${alias}${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}${this.directives()}${sub}`;
  }

  related(type) {
    const { rng, schema } = this;
    if (rng.chance(0.02)) return rng.pick(Object.values(schema.getTypeMap()).filter((t) => !t.name.startsWith('__')));
    const all = Object.values(schema.getTypeMap()).filter((t) => (isObjectType(t) || isInterfaceType(t) || isUnionType(t)) && !t.name.startsWith('__'));
    const objects = isObjectType(type) ? [type] : schema.getPossibleTypes(type);
    const fitting = all.filter((t) => (isObjectType(t) ? [t] : schema.getPossibleTypes(t)).some((o) => objects.includes(o)));
    return fitting.length > 0 ? rng.pick(fitting) : type;
  }

  body(type, depth, indent) {
    return isLeafType(type) || isInputObjectType(type) ? '{ __typename }' : this.selectionSet(type, depth, indent);
  }

  inlineFragment(type, depth, indent) {
    const on = this.rng.chance(0.2) && !isUnionType(type) ? undefined : this.related(type);
    return `${indent}...${on ? ` on ${on.name}` : ''}${this.directives()} ${this.body(on ?? type, depth + 1, indent)}`;
  }

  spread(type, depth, indent) {
    const { rng } = this;
    const fitting = this.fragments.filter((f) => f.on === type.name);
    if (fitting.length > 0 && rng.chance(0.5)) return `${indent}...${rng.pick(fitting).name}${this.directives()}`;
    const on = this.related(type);
    const entry = { name: `f${this.fragments.length}`, on: on.name, text: '' };
    const text = this.body(on, depth + 1, '');
    entry.name = `f${this.fragments.length}`;
    entry.text = `fragment ${entry.name} on ${on.name} ${text}`;
    this.fragments.push(entry);
    return `${indent}...${entry.name}${this.directives()}`;
  }

  make() {
    const { rng, schema } = this;
    const kinds = ['query', 'query', 'query', schema.getMutationType() && 'mutation', rng.chance(0.3) && schema.getSubscriptionType() && 'subscription'].filter(Boolean);
    const kind = rng.pick(kinds);
    const type = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    this.literals = kind === 'subscription';
    const body = kind === 'subscription' && rng.chance(0.9) ? `{\n${this.field(rng.pick(Object.values(type.getFields())), 0, '  ')}\n}` : this.selectionSet(type, 0, '');
    const definitions = [...this.variables].map(([name, v]) => `$${name}: ${v.type}${v.otherwise !== undefined && !v.type.includes('=') ? ` = ${v.otherwise}` : ''}`);
    const head = definitions.length > 0 || kind !== 'query' || rng.chance(0.3) ? `${kind}${rng.chance(0.5) ? ' Op' : ''}${definitions.length > 0 ? `(${definitions.join(', ')})` : ''} ` : '';
    const variables = {};
    for (const [name, v] of this.variables) if (!v.absent && v.value !== undefined) variables[name] = v.value;
    return { query: [head + body, ...this.fragments.map((f) => f.text)].join('\n'), variables, root: this.data(type, 0) };
  }

  // ---- what the fields yield ----

  data(type, depth) {
    const out = { __typename: this.rng.chance(0.02) ? 'Nope' : type.name };
    for (const field of Object.values(type.getFields())) {
      if (this.rng.chance(0.93)) out[field.name] = this.result(field.type, depth + 1);
    }
    return out;
  }

  result(type, depth) {
    const { rng } = this;
    if (rng.chance(0.02)) return { __error: `failed ${rng.below(100)}` };
    if (isNonNullType(type)) return rng.chance(0.03) ? null : this.result(type.ofType, depth);
    if (rng.chance(0.08)) return null;
    if (isListType(type)) return rng.chance(0.02) ? rng.pick(['text', 3, {}]) : Array.from({ length: rng.below(depth > 2 ? 2 : 4) }, () => this.result(type.ofType, depth));
    if (isEnumType(type)) return rng.chance(0.03) ? rng.pick(['NOPE', 5]) : rng.pick(type.getValues()).name;
    if (isLeafType(type)) return this.leaf(type.name);
    if (depth > 4) return null;
    if (rng.chance(0.02)) return rng.pick(['text', 3, [], {}]);
    return this.data(isObjectType(type) ? type : rng.pick(this.schema.getPossibleTypes(type).length ? this.schema.getPossibleTypes(type) : [this.schema.getQueryType()]), depth);
  }

  // Only what both sides serialise alike; see the README of the engine for the rest.
  leaf(name) {
    const { rng } = this;
    if (rng.chance(0.03)) return { Int: 1.5, Float: {}, String: {}, Boolean: 'x', ID: 1.5, Custom: { any: [1] } }[name];
    return { Int: () => rng.pick([0, 1, -5, 2147483647]), Float: () => rng.pick([0.5, 3, -1e-7, 1e21]), String: () => rng.pick([...TEXTS, 5, 1.5, true]), Boolean: () => rng.chance(0.5), ID: () => rng.pick(['x', 5]), Custom: () => rng.pick([1, 'c', { a: [1, null] }, [true], false]) }[name]();
  }
}

export function makeDocument(seed, schema) {
  return new DocumentMaker(random(seed), schema).make();
}

// One or two small changes to a document's tokens.
export function mutate(seed, query, schema) {
  const rng = random(seed);
  const tokens = query.match(/"""[^]*?"""|"(?:[^"\\]|\\.)*"|\.\.\.|[A-Za-z_0-9.+-]+|\s+|[^]/g);
  const names = [...Object.keys(schema.getTypeMap()), ...tokens.filter((t) => /^\w+$/.test(t)), 'on', 'nope', '1', '"s"', '$v0', '@skip(if: true)', '...f0', '{', '}', '(', ')', '!', ':', '[', ']', 'null', '=', '1.5', '__typename'];
  for (let i = 1 + rng.below(2); i > 0; i--) {
    const at = rng.below(tokens.length);
    const roll = rng.next();
    if (roll < 0.25) tokens.splice(at, 1);
    else if (roll < 0.4) tokens.splice(at, 0, tokens[at]);
    else if (roll < 0.55) tokens.splice(at, 0, ' ' + rng.pick(names) + ' ');
    else if (roll < 0.9) tokens[at] = /\s/.test(tokens[at]) ? tokens[at] : rng.pick(names);
    else tokens.splice(at, 0, tokens.splice(rng.below(tokens.length), 1)[0]);
  }
  return tokens.join('');
}
