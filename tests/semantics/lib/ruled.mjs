// Random schemas with rules of every kind, and random documents for them.
import { createRequire } from 'node:module';
import { officialSchema } from '../../oracle/lib/official.mjs';

const require = createRequire(import.meta.url);
const { getNamedType, getNullableType, isEnumType, isInputObjectType, isListType, isObjectType } = require('graphql');

// ---- schemas -----------------------------------------------------------------------------------

const CLAIMS = ['sub', 'username', 'cognito:username', 'email', 'custom:team', 'sub::email', 'email::username', 'username::sub::email'];
const OPERATIONS = ['create', 'update', 'delete', 'read', 'get', 'list', 'listen'];
const MODELS = ['Apple', 'Berry', 'Cherry'];
export const lower = (name) => name[0].toLowerCase() + name.slice(1);

function operations(r, all = OPERATIONS) {
    const some = all.filter(() => r.chance(0.45));
    const clean = some.includes('read') ? some.filter((each) => !['get', 'list', 'listen'].includes(each)) : some;
    return r.chance(0.5) || clean.length === 0 ? '' : `, operations: [${clean.join(', ')}]`;
}

// Of users: those of the pool, or of another issuer where there is one.
const users = (r) => (r.oidc && r.chance(0.5) ? ', provider: oidc' : '');

// A claim of the other issuer that is a list names nobody here; the templates compare with the list.
function ownerOf(r) {
    const provider = users(r);
    const claim = r.chance(0.35) ? `, identityClaim: "${r.pick(CLAIMS)}"` : '';
    return `${provider}${provider === '' ? claim : claim.replace('custom:team', 'email')}`;
}

const KINDS = {
    owner: (r, claims) => {
        const field = r.pick(['owner', 'owner', 'author', 'editors']);
        claims[field] ??= ownerOf(r); // two would make a subscription's argument twice
        return `allow: owner, ownerField: "${field}"${claims[field]}`;
    },
    group: (r) => `allow: groups${users(r)}, groups: [${r.pick(['"Admin"', '"Red"', '"Red", "Blue"', '"null"', '"Blue", "Nobody"'])}]${r.chance(0.2) ? ', groupClaim: "custom:team"' : ''}`,
    dynamic: (r) => `allow: groups${users(r)}, groupsField: "${r.pick(['team', 'teams'])}"${r.chance(0.3) ? ', groupClaim: "custom:team"' : ''}`,
    private: (r) => `allow: private${users(r)}`,
    member: () => 'allow: private, provider: identityPool',
    guest: () => 'allow: public, provider: identityPool',
    key: () => 'allow: public, provider: apiKey',
    custom: () => 'allow: custom',
    // The same field by another claim, without what would make an argument of it.
    twin: (r) => `allow: owner, ownerField: "${r.pick(['owner', 'author', 'editors'])}"${ownerOf(r)}, operations: [${r.pick(['create', 'create, update', 'update, delete', 'get', 'create, get, list', 'update, list'])}]`,
};
const CHOICE = ['owner', 'owner', 'owner', 'group', 'group', 'dynamic', 'dynamic', 'private', 'member', 'guest', 'key'];

// A role may be named once: one rule for each of a field and a claim, a group, a provider.
function roles(rule) {
    const field = /(?:ownerField|groupsField): "(\w+)"/.exec(rule)?.[1];
    const claim = /(?:identityClaim|groupClaim): "([^"]+)"/.exec(rule)?.[1] ?? '';
    const groups = /groups: \[([^\]]*)\]/.exec(rule)?.[1].split(', ') ?? [''];
    const provider = /provider: (\w+)/.exec(rule)?.[1] ?? '';
    return groups.map((group) => [/allow: (\w+)/.exec(rule)[1], field, claim, group, provider].join());
}

const AT_FIELDS = ['create', 'update', 'delete', 'read'];

/** Some rules; `claims` keeps by which each owner's field is known. */
export function rules(r, claims, count, all) {
    const found = [];
    const taken = new Set();
    for (let i = 0; i < count; i++) {
        const rule = KINDS[r.lambda && r.chance(0.15) ? 'custom' : r.isWild && all === undefined && r.chance(0.15) ? 'twin' : r.pick(CHOICE)](r, claims);
        if (!roles(rule).some((role) => taken.has(role))) {
            roles(rule).forEach((role) => taken.add(role));
            found.push(`{ ${rule}${/operations/.test(rule) ? '' : operations(r, all)} }`);
        }
    }
    return found;
}

export const auth = (found) => `@auth(rules: [${found.join(', ')}])`;

const KEYS = [
    '', '', '', 'id: ID! @primaryKey', 'code: String! @primaryKey(sortKeyFields: ["rank"]) rank: Int!',
    'code: String! @primaryKey(sortKeyFields: ["rank", "kind"]) rank: Int! kind: String!', 'owner: String! @primaryKey(sortKeyFields: ["rank"]) rank: Int!', 'team: String! @primaryKey', 'owner: String! @primaryKey',
];

function model(r, name) {
    const key = r.pick(KEYS);
    const has = (field) => key.includes(`${field}:`);
    const claims = {};
    const own = rules(r, claims, 1 + r.below(4));
    // Whoever reads a field must be allowed to read all that is required, as a key.
    const readers = own.filter((rule) => !/operations/.test(rule) || /read|get/.test(rule));
    const some = () => {
        if (key === '') {
            return rules(r, claims, 1 + r.below(3), AT_FIELDS);
        }
        return readers.filter(() => r.chance(0.6)).map((rule) => rule.replace(/, operations.*/, ' }').replace(/ }$/, `${operations(r, AT_FIELDS)} }`));
    };
    const fieldRules = () => {
        const chosen = r.chance(0.15) ? some() : [];
        return chosen.length === 0 ? '' : ` ${auth(chosen)}`;
    };
    const declared = has('owner') || r.chance(0.5);
    const sorts = ['n', 'author', ...(declared ? ['owner', 'owner'] : [])];
    const index = (field, sort) => {
        if (!r.chance(0.3)) {
            return '';
        }
        const keys = r.chance(0.2) ? sort.slice(0, 2) : r.chance(0.5) && sort.length > 0 ? [r.pick(sort)] : [];
        const sorted = keys.length === 0 ? '' : `, sortKeyFields: [${[...new Set(keys)].map((each) => `"${each}"`).join(', ')}]`;
        const projection = r.pick(['', '', '', ', projection: { type: KEYS_ONLY }', ', projection: { type: INCLUDE, nonKeyAttributes: ["team"] }']);
        return ` @index(queryField: "${lower(name)}By${field}"${sorted}${projection})`;
    };
    const fields = [key, `text: String${index('Text', sorts)}${fieldRules()}`, `n: Int${fieldRules()}`, `note: String${fieldRules()}`];
    if (!has('owner') && declared) {
        fields.push(`owner: String${key !== '' && r.chance(0.1) ? '!' : ''}${index('Owner', ['n', 'text'])}${fieldRules()}`);
    }
    fields.push(`author: String${index('Author', ['n'])}`, `editors: [String]${fieldRules()}`);
    if (!has('team')) {
        fields.push(`team: String${index('Team', ['author'])}${fieldRules()}`);
    }
    fields.push(`teams: [String]${fieldRules()}`);
    // What an index leaves out is, other than in DynamoDB, still looked at by ampd to see who may have the item.
    const looksAt = [...own, ...fields].some((part) => /allow: owner|groupsField/.test(part));
    const shown = looksAt ? fields.map((field) => field.replace(/, projection: {[^}]*}/, '')) : fields;
    return { name, key, claims, rules: auth(own), fields: shown };
}

const simple = ({ key }) => key === '' || key.startsWith('id');

// A field in each of two models that refer to each other.
function relate(r, parent, child) {
    const [p, c] = [parent.name, child.name];
    const reference = `${lower(p)}Id`;
    const many = r.chance(0.6) || !simple(child); // which of several a hasOne gives depends on the keys
    const fieldRules = parent.key === '' && r.chance(0.1) ? ` ${auth(rules(r, parent.claims, 1 + r.below(2), AT_FIELDS))}` : '';
    parent.fields.push(many ? `${lower(c)}s: [${c}] @hasMany(references: ["${reference}"])${fieldRules}` : `${lower(c)}: ${c} @hasOne(references: ["${reference}"])${fieldRules}`);
    child.fields.push(`${reference}: ID`, `${lower(p)}: ${p} @belongsTo(references: ["${reference}"])`);
}

// The SDL of a few models.
function randomSchema(r) {
    const models = MODELS.map((name) => model(r, name));
    for (const [parent, child] of [[0, 1], [1, 2], [2, 0]]) {
        if (simple(models[parent])) {
            relate(r, models[parent], models[child]);
        }
    }
    return models.map((each) => `type ${each.name} @model ${each.rules} {\n  ${each.fields.filter((field) => field !== '').join('\n  ')}\n}`).join('\n');
}

/** One that is accepted: a required field that some reader may not see is refused. */
export function acceptedSchema(r, modes) {
    for (;;) {
        const sdl = randomSchema(r);
        if (officialSchema(sdl, modes).refused === undefined) {
            return sdl;
        }
    }
}

// ---- documents ---------------------------------------------------------------------------------

// The forms in which an owner may be stored, of every user and of nobody.
export function ownerForms(callers) {
    const own = ({ identity: { claims } }) => {
        const { sub, email } = claims;
        const name = claims.username ?? claims['cognito:username'] ?? sub;
        return [sub, name, `${sub}::${name}`, email, `${sub}::${email}`, `${email}::${name}`].filter((form) => !/undefined/.test(form));
    };
    const claimed = Object.values(callers).filter(({ identity }) => identity?.claims !== undefined);
    return [...new Set(claimed.flatMap(own)), 'nobody', 'nobody::nobody'];
}

const GROUPS = ['Red', 'Blue', 'Admin', 'null', '["Red","Blue"]', 'Blue-Red'];
const DOMAINS = {
    rank: [1, 2], n: [1, 2, 3], code: ['c1', 'c2'], kind: ['k1', 'k2'], team: GROUPS, teams: GROUPS,
};
const OWNERS = ['owner', 'author', 'editors'];

export class Documents {
    // Of several that a hasOne could give, the ids decide which: they must not be made up there.
    constructor(r, schema, callers, sdl) {
        const named = [...sdl.matchAll(/: (\w+) @hasOne/g)].map(([, name]) => `Create${name}Input`);
        Object.assign(this, { r, schema, named, forms: ownerForms(callers), callers: Object.values(callers) });
        const fields = (type) => Object.values(type.getFields());
        this.mutations = fields(schema.getMutationType());
        this.queries = fields(schema.getQueryType());
    }

    // One value of the domain that a field's name tells.
    one(name, caller) {
        const { r } = this;
        if (OWNERS.includes(name)) {
            const claims = caller?.identity?.claims;
            const own = claims && this.forms.filter((form) => form.includes(claims.sub) || form === claims.email);
            return own && r.chance(0.6) ? r.pick(own) : r.pick(this.forms);
        }
        return r.pick(DOMAINS[name] ?? (/^id$|Id$/.test(name) ? ['i1', 'i2', 'i3'] : ['a', 'b', 'ab']));
    }

    value(name, type, caller) {
        if (isListType(getNullableType(type))) {
            return Array.from({ length: this.r.below(3) }, () => (this.r.chance(0.1) ? null : this.one(name, caller)));
        }
        return this.one(name, caller);
    }

    input(type, caller) {
        const { r } = this;
        const found = {};
        for (const [name, field] of Object.entries(type.getFields())) {
            const required = getNullableType(field.type) !== field.type || (name === 'id' && this.named.includes(type.name));
            if (required || r.chance(name === 'id' ? 0.9 : 0.35)) {
                found[name] = !required && r.chance(0.12) ? null : this.value(name, field.type, caller);
            }
        }
        return found;
    }

    filter(type, caller) {
        const names = Object.entries(type.getFields()).filter(([, { type: of }]) => /^Model(ID|String|Int)Input$/.test(getNamedType(of).name)).map(([name]) => name);
        const name = this.r.pick(names);
        const op = this.r.pick(/editors|teams/.test(name) ? ['contains', 'notContains'] : ['eq', 'ne', 'eq', 'attributeExists']);
        return { [name]: { [op]: op === 'attributeExists' ? this.r.chance(0.5) : this.one(name, caller) } };
    }

    /** What a subscription asks of events. */
    eventFilter() {
        return { text: { eq: this.one('text') } };
    }

    // Of a sort key: a value, or the first parts of a composite one.
    condition(name, type, caller) {
        const fields = type.getFields();
        const op = this.r.pick(['eq', 'eq', 'beginsWith', 'ge'].filter((each) => fields[each]));
        const operand = getNamedType(fields[op].type);
        if (!isInputObjectType(operand)) {
            return { [op]: this.one(name, caller) };
        }
        const parts = Object.keys(operand.getFields());
        const some = parts.slice(0, this.r.chance(0.6) ? parts.length : 1);
        return { [op]: Object.fromEntries(some.map((part) => [part, this.one(part, caller)])) };
    }

    argument({ name, type }, caller) {
        const of = getNamedType(type);
        const required = getNullableType(type) !== type;
        const { r } = this;
        if (name === 'limit') {
            return 1000;
        }
        if (name === 'input') {
            return this.input(of, caller);
        }
        if (name === 'filter' || name === 'condition') {
            return r.chance(0.2) ? this.filter(of, caller) : undefined;
        }
        if (!required && r.chance(0.5)) {
            return undefined;
        }
        if (isEnumType(of) || name === 'nextToken') {
            return undefined;
        }
        return isInputObjectType(of) ? this.condition(name, of, caller) : this.value(name, type, caller);
    }

    selection(type, depth = 0) {
        const fields = [];
        for (const { name, type: of } of Object.values(type.getFields())) {
            const named = getNamedType(of);
            if (!isObjectType(named)) {
                fields.push(name);
            } else if (name === 'items') {
                fields.push(`items { ${this.selection(named, depth)} }`);
            } else if (depth < 2 && this.r.chance(0.5)) {
                fields.push(`${name} { ${this.selection(named, depth + 1)} }`);
            }
        }
        const some = fields.filter(() => this.r.chance(0.7));
        return (this.r.chance(0.6) || some.length === 0 ? fields : some).join(' ');
    }

    /** [operation, variables] that asks one field. */
    ask(kind, field, caller) {
        const variables = Object.fromEntries(field.args.map((arg) => [arg.name, this.argument(arg, caller)]).filter(([, value]) => value !== undefined));
        const types = field.args.filter(({ name }) => name in variables).map(({ name, type }) => `$${name}: ${type}`).join(', ');
        const args = Object.keys(variables).map((name) => `${name}: $${name}`).join(', ');
        const of = getNamedType(field.type);
        return [`${kind}${types && ` (${types})`} { ${field.name}${args && `(${args})`}${isObjectType(of) ? ` { ${this.selection(of)} }` : ''} }`, variables];
    }

    // Those who may do next to nothing less often.
    caller() {
        const caller = this.r.pick(this.callers);
        return /clerk|chief|guest|key/.test(caller.name) && this.r.chance(0.7) ? this.caller() : caller;
    }

    write(caller, verb = this.r.pick(['create', 'create', 'update', 'update', 'delete'])) {
        return this.ask('mutation', this.r.pick(this.mutations.filter(({ name }) => name.startsWith(verb))), caller);
    }

    read(caller) {
        return this.ask('query', this.r.pick(this.queries), caller);
    }
}

/** Documents by which someone who may read everything sees what is stored, legacy owners too. */
export function everything(schema, forms) {
    const found = [];
    for (const { name, type, args } of Object.values(schema.getQueryType().getFields())) {
        const items = getNamedType(type).getFields?.().items;
        if (items === undefined || args.some((arg) => getNullableType(arg.type) !== arg.type)) {
            continue;
        }
        const of = getNamedType(items.type);
        const leaves = Object.values(of.getFields()).filter((field) => !isObjectType(getNamedType(field.type))).map((field) => field.name);
        found.push([`{ ${name}(limit: 1000) { items { ${leaves.join(' ')} } } }`, {}]);
        const key = leaves.find((leaf) => ['id', 'code'].includes(leaf)) ?? leaves[0];
        for (const field of OWNERS.filter((owner) => leaves.includes(owner))) {
            const op = field === 'editors' ? 'contains' : 'eq';
            const parts = forms.map((form, i) => `f${i}: ${name}(limit: 1000, filter: { ${field}: { ${op}: ${JSON.stringify(form)} } }) { items { ${key} } }`);
            found.push([`{ ${parts.join(' ')} }`, {}]);
        }
    }
    return found;
}
