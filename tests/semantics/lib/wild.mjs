// Random schemas with more of the language than those of ruled.mjs: keys and references of several
// parts and types, models that refer to themselves, enums and custom types, required fields, indexes
// sorted by a key's own fields, operations that are switched off, rules for a Lambda authoriser.
import { createRequire } from 'node:module';
import { officialSchema } from '../../oracle/lib/official.mjs';
import { auth, lower, rules } from './ruled.mjs';

const { parse } = createRequire(import.meta.url)('graphql');

const MODELS = ['Ash', 'Birch', 'Cedar', 'Date'];
const AT_FIELDS = ['create', 'update', 'delete', 'read'];

// [fields of the key with their types]; none: an id of its own.
const KEYS = [
    [], [], [['id', 'ID']], [['code', 'String']], [['code', 'ID'], ['kind', 'String']], [['code', 'String'], ['rank', 'Int'], ['day', 'AWSDate']],
    [['kind', 'String'], ['at', 'AWSTimestamp'], ['rank', 'Int']], [['owner', 'String'], ['kind', 'String']], [['team', 'String'], ['code', 'String'], ['kind', 'String']],
];

const FIELDS = {
    text: 'String', n: 'Int', flag: 'Boolean', amount: 'Float', day: 'AWSDate', state: 'State', spot: 'Spot', marks: '[Int]', tags: '[String!]', mail: 'AWSEmail',
};
const SWITCHES = ['', '', '', '', '(subscriptions: null)', '(mutations: { update: null })', '(queries: { list: null })', '(mutations: { delete: null }, subscriptions: null)', '(queries: null)'];

const TYPES = `
enum State { NEW OLD }
type Spot { x: Int! label: String inner: Inner }
type Inner { state: State words: [String] }
`;

// The rules of the model, or of some who may read it: those that a required field may have.
function someReaders(r, own) {
    const readers = own.filter((rule) => !/operations/.test(rule) || /read|get/.test(rule));
    return readers.filter(() => r.chance(0.7)).map((rule) => (r.chance(0.5) ? rule.replace(/, operations.*/, ' }') : rule.replace(/, operations.*/, ' }').replace(/ }$/, `, operations: [${AT_FIELDS.filter(() => r.chance(0.7)).concat('read').filter((each, i, all) => all.indexOf(each) === i).join(', ')}] }`)));
}

class Model {
    constructor(r, name) {
        Object.assign(this, { r, name, claims: {}, key: r.pick(KEYS), switches: r.pick(SWITCHES), fields: new Map() });
        this.rules = rules(r, this.claims, 1 + r.below(4));
        for (const [field, type] of this.key) {
            this.fields.set(field, { type: `${type}!`, more: '' });
        }
        const [first, ...sort] = this.key.map(([field]) => field);
        if (first !== undefined) {
            this.fields.get(first).more = ` @primaryKey${sort.length === 0 ? '' : `(sortKeyFields: [${sort.map((each) => `"${each}"`).join(', ')}])`}`;
        }
        for (const [field, type] of Object.entries(FIELDS)) {
            if (!this.fields.has(field) && r.chance(0.6)) {
                const required = r.chance(0.1);
                this.add(field, `${type}${required ? '!' : ''}`, this.fieldRules(required));
            }
        }
        this.add('author', 'String', this.fieldRules());
        this.add('editors', '[String]', this.fieldRules());
        this.add('team', 'String', this.fieldRules());
        this.add('teams', '[String]', this.fieldRules());
        if (r.chance(0.5)) {
            this.add('owner', 'String', this.fieldRules());
        }
    }

    add(field, type, more = '') {
        if (!this.fields.has(field)) {
            this.fields.set(field, { type, more });
        }
    }

    fieldRules(required = false) {
        const { r } = this;
        if (!r.chance(0.15)) {
            return '';
        }
        const found = required || this.key.length > 0 ? someReaders(r, this.rules) : rules(r, this.claims, 1 + r.below(3), AT_FIELDS);
        return found.length === 0 ? '' : ` ${auth(found)}`;
    }

    // An index, sorted by up to two fields, those of the key among them.
    index() {
        const { r } = this;
        const sortable = [...this.fields].filter(([, { type }]) => /^(String|ID|Int|Float|AWSDate|AWSTimestamp|State|AWSEmail)!?$/.test(type)).map(([name]) => name);
        const partition = r.pick(sortable.filter((name) => !/@/.test(this.fields.get(name).more.replace(/@auth.*/, ''))));
        if (partition === undefined || this.indexed?.has(partition)) {
            return;
        }
        (this.indexed ??= new Set()).add(partition);
        const own = this.key.slice(1).map(([name]) => name);
        const others = sortable.filter((name) => name !== partition);
        const sort = own.length > 0 && !own.includes(partition) && r.chance(0.4) ? own : [...new Set([r.pick(others), r.pick(others)])].slice(0, r.below(3));
        const sorted = sort.length === 0 ? '' : `, sortKeyFields: [${sort.map((each) => `"${each}"`).join(', ')}]`;
        const upper = partition[0].toUpperCase() + partition.slice(1);
        this.fields.get(partition).more += ` @index(name: "by${upper}", queryField: "${lower(this.name)}By${upper}"${sorted})`;
    }

    text() {
        const fields = [...this.fields].map(([name, { type, more }]) => `  ${name}: ${type}${more}`);
        return `type ${this.name} @model${this.switches} ${auth(this.rules)} {\n${fields.join('\n')}\n}`;
    }
}

// Keys of two parts are asked for by a text: a number fails in the official templates. An owner that
// is a key is looked at in the related item, which is a known difference.
const relatable = ({ key }) => !key.some(([name]) => name === 'owner') && !(key.length === 2 && key[1][1] !== 'String');

function relate(r, parent, child, number) {
    const start = `${lower(parent.name)}${number}`;
    const key = parent.key.length === 0 ? [['id', 'ID']] : parent.key;
    const references = key.map(([name, type]) => [`${start}${name[0].toUpperCase()}${name.slice(1)}`, type]);
    const named = `references: [${references.map(([name]) => `"${name}"`).join(', ')}]`;
    references.forEach(([name, type]) => child.add(name, type));
    const there = `${lower(child.name)}${number}`;
    parent.add(there, `[${child.name}]`, ` @hasMany(${named})${parent.fieldRules()}`); // of several, any may be the one of a hasOne
    child.add(`${start}Itself`, parent.name, ` @belongsTo(${named})${child.fieldRules()}`);
}

function wildSchema(r) {
    const models = MODELS.slice(0, 3 + r.below(2)).map((name) => new Model(r, name));
    for (let number = 0; number < 4; number++) {
        const [parent, child] = [r.pick(models), r.pick(models)];
        if (relatable(parent)) {
            relate(r, parent, child, number);
        }
    }
    models.forEach((model) => {
        model.index();
        model.index();
    });
    return `${models.map((each) => each.text()).join('\n')}\n${TYPES}`;
}

// Two rules about an owner's field that nobody declares bring it twice, which no server takes.
function hasTwice(text) {
    return parse(text).definitions.some(({ fields = [] }) => new Set(fields.map(({ name }) => name.value)).size < fields.length);
}

/** One that the official generators take. */
export function acceptedWild(r, modes) {
    r.isWild = true;
    for (;;) {
        const sdl = wildSchema(r);
        const { text, refused } = officialSchema(sdl, modes);
        if (refused === undefined && !hasTwice(text)) {
            return sdl;
        }
    }
}
