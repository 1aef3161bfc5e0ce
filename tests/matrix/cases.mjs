// What is asked of each model, by whom, and what lies in its table before. A request is data that both the reference
// and the server are given; document() writes it as GraphQL.
import { OUTSIDE } from './issuer.mjs';
import { random } from './models.mjs';

const READS = 8;

// ---- values that make somebody an owner or a member ----------------------------------------------

const part = (person, name) => ({ sub: person.sub, username: person.username, email: person.email })[name];
const whole = (person, claim) => claim.split('::').map((name) => part(person, name)).join('::');

function ownerValues({ ann, bob, gil }, claim) {
    const first = part(ann, claim.split('::')[0]);
    return [whole(ann, claim), whole(bob, claim), first, whole(gil, claim), 'stranger', undefined];
}

function lists(values) {
    const [a, b, first, c, other] = values;
    return [[a], [b, first], [other, c], [], undefined, [a, b], [other], [first]];
}

const GROUPS = ['alpha', 'beta', 'gamma', undefined, 'delta', 'alpha'];
const GROUP_LISTS = [['alpha'], ['beta', 'gamma'], ['delta'], [], undefined, ['gamma', 'alpha']];

/** The fields of a model that decide about its items: name -> values to try. */
export function deciding(model, people) {
    const rules = [...model.rules, ...[...Object.values(model.fields), ...Object.values(model.relations ?? {})].flatMap((each) => each.rules ?? [])];
    const found = {};
    for (const { provider, ownerField, identityClaim = 'sub::username', groupsField, groupClaim } of rules) {
        if (ownerField !== undefined) {
            const values = ownerValues(provider === 'oidc' ? OUTSIDE : people, identityClaim);
            found[ownerField] = model.fields[ownerField]?.list ? lists(values) : values;
        } else if (groupsField !== undefined) {
            const groups = model.fields[groupsField].list ? GROUP_LISTS : GROUPS;
            found[groupsField] = groupClaim === 'token_use' ? ['access', 'id', 'other', undefined] : groups;
        }
    }
    return found;
}

const isHidden = (model, name) => !(name in model.fields);
const ownKey = (model) => model.key?.length === 1 && model.key[0] !== 'code';

// ---- items ---------------------------------------------------------------------------------------

function keyOf(model, id) {
    if (model.key === undefined) {
        return { id };
    }
    return model.key.length === 1 ? { code: id } : { code: id, part: 'p' };
}

const without = (item) => Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined));

class Items {
    constructor(model, people, rng) {
        this.model = model;
        this.values = deciding(model, people);
        this.shift = Object.fromEntries(Object.keys(this.values).map((name) => [name, rng.below(6)]));
        this.rng = rng;
        this.list = [];
    }

    decided(i) {
        return Object.fromEntries(Object.entries(this.values).map(([name, values]) => [name, values[(i + this.shift[name]) % values.length]]));
    }

    add(id, tag, i, more = {}) {
        const { model } = this;
        const extra = Object.fromEntries(['secret', 'more', 'place'].filter((name) => name in model.fields).map((name) => [name, `${name}-${i % 3}`]));
        const item = without({ ...keyOf(model, id), tag, note: id, ...extra, ...this.decided(i), ...more });
        this.list.push(item);
        return item;
    }
}

function ownerKeyed(items) {
    const { model, values } = items;
    const [name] = model.key;
    const taken = new Set(values[name].filter((value) => value !== undefined));
    [...taken].forEach((value, i) => {
        const { [name]: ignored, ...others } = items.decided(i);
        items.list.push(without({ [name]: value, tag: 'r', note: `n${i}`, ...others }));
    });
}

// A parent for a child: its namesake, none, nobody, or - where a parent may have many - any.
function childOf(model, id, i) {
    if (!('parentId' in model.fields)) {
        return {};
    }
    return { parentId: id[0] === 'r' ? [id, id, id, id, undefined, 'nobody'][i % 6] : model.single ? id : `r${i}` };
}

// ---- requests ------------------------------------------------------------------------------------

/** Everything of a model that can be asked for, without its key when `keyless`. */
export function selection(model, models, { keyless = false, related = true } = {}) {
    const key = keyless ? [] : model.key ?? ['id'];
    const names = [...new Set([...key, ...Object.keys(model.fields), ...Object.keys(model.hidden)])].filter((name) => !keyless || !(model.key ?? []).includes(name));
    if (!related) {
        return names;
    }
    const inner = ([name, { model: other, kind }]) => {
        const target = models[other];
        const back = Object.keys(target.relations ?? {}).filter((each) => each === 'parent').map((each) => ({ name: each, select: ['id', 'tag'] }));
        return { name, many: kind === 'hasMany', select: [...selection(target, models, { related: false }), ...back] };
    };
    return [...names, ...Object.entries(model.relations ?? {}).map(inner)];
}

const queries = (model) => ({ get: `get${model.name}`, list: `list${model.name}s`, index: `list${model.name}By${model.index?.[0].toUpperCase()}${model.index?.slice(1)}` });

class Plan {
    constructor(model, models, people, callers, rng) {
        Object.assign(this, { model, models, people, callers: Object.keys(callers), rng });
        this.items = new Items(model, people, rng);
        this.requests = [];
        this.select = selection(model, models);
    }

    ask(caller, kind, field, args, more = {}) {
        this.requests.push({ caller, kind, model: this.model.name, field, args, select: this.select, ...more });
    }

    reads() {
        const { model, items, rng } = this;
        const { get, list, index } = queries(model);
        for (const caller of this.callers) {
            const asked = new Set([rng.below(READS), rng.below(READS), rng.below(READS)]);
            for (const i of asked) {
                const { list: all } = items;
                this.ask(caller, 'get', get, this.key(all[i % all.length]));
            }
            this.ask(caller, 'get', get, this.missing());
            this.ask(caller, 'list', list, {}, { where: { tag: 'r' } });
            if (model.index !== undefined) {
                this.ask(caller, 'index', index, { place: 'place-1' }, { index: 'place', where: { tag: 'r' } });
            }
            if (model.key !== undefined) {
                const { list: all } = items;
                this.ask(caller, 'list', list, { [model.key[0]]: all[rng.below(Math.min(all.length, READS))][model.key[0]] }, { where: { tag: 'r' } });
            }
        }
    }

    key(item) {
        return Object.fromEntries((this.model.key ?? ['id']).map((name) => [name, item[name]]));
    }

    missing() {
        return ownKey(this.model) ? { [this.model.key[0]]: 'missing' } : keyOf(this.model, 'missing');
    }

    creates() {
        const { model, items, rng } = this;
        const declared = Object.keys(items.values).filter((name) => !isHidden(model, name));
        for (const caller of this.callers) {
            for (let n = 0; n < 3; n++) {
                const id = `c-${caller}-${n}`;
                const input = { ...(model.key !== undefined || n === 1 ? this.newKey(id, n) : {}), tag: 'c', note: id };
                if (n > 0) {
                    const decided = items.decided(rng.below(8));
                    declared.filter((name) => !(name in input)).forEach((name) => (input[name] = decided[name] ?? (n === 2 && rng.chance(0.5) ? null : undefined)));
                }
                ['secret', 'more', 'parentId'].filter((name) => name in model.fields && (model.fields[name].required || rng.chance(0.5))).forEach((name) => (input[name] = 'r1'));
                const keyless = model.key === undefined && n !== 1;
                this.ask(caller, 'create', `create${model.name}`, { input: without(input) }, { made: id, select: selection(model, this.models, { keyless }) });
            }
        }
    }

    newKey(id, n) {
        const { model, people } = this;
        if (!ownKey(model)) {
            return keyOf(model, id);
        }
        // An owner who is the key: a value that nobody has taken.
        const [name] = model.key;
        return { [name]: n === 0 ? people.zoe[name === 'mail' ? 'email' : 'sub'] + id : `made-${id}` };
    }

    updates() {
        const { model, items, rng } = this;
        const declared = Object.keys(items.values).filter((name) => !isHidden(model, name) && !(model.key ?? []).includes(name));
        for (const caller of this.callers) {
            for (let n = 0; n < 3; n++) {
                const id = `u-${caller}-${n}`;
                const item = ownKey(model) ? items.list[rng.below(items.list.length)] : items.add(id, 'u', rng.below(24), childOf(model, id, rng.below(6)));
                const input = { ...this.key(item), note: `new-${id}` };
                if (n === 1) {
                    input.note = rng.chance(0.5) ? null : input.note;
                    ['secret', 'more'].filter((name) => name in model.fields).forEach((name) => (input[name] = model.fields[name].required ? 'changed' : rng.pick([null, 'changed'])));
                }
                if (n === 2 && declared.length > 0) {
                    const name = rng.pick(declared);
                    input[name] = items.decided(rng.below(8))[name] ?? null;
                }
                this.ask(caller, 'update', `update${model.name}`, { input });
            }
        }
        this.ask(this.rng.pick(this.callers), 'update', `update${model.name}`, { input: { ...this.missing(), note: 'none' } });
    }

    deletes() {
        const { model, items, rng } = this;
        for (const caller of this.callers) {
            for (let n = 0; n < 2; n++) {
                const id = `d-${caller}-${n}`;
                const item = ownKey(model) ? items.list[rng.below(items.list.length)] : items.add(id, 'd', rng.below(24), childOf(model, id, rng.below(6)));
                this.ask(caller, 'delete', `delete${model.name}`, { input: this.key(item) });
            }
            this.ask(caller, 'delete', `delete${model.name}`, { input: this.missing() });
        }
    }

    make() {
        const { model, items } = this;
        if (ownKey(model)) {
            ownerKeyed(items);
        } else {
            for (let i = 0; i < READS; i++) {
                items.add(`r${i}`, 'r', i, childOf(model, `r${i}`, i));
            }
        }
        this.reads();
        this.creates();
        this.updates();
        this.deletes();
        // A related item for every parent that a mutation shows.
        if ('parentId' in model.fields && !model.single) {
            const names = this.callers.flatMap((caller) => ['u', 'd'].flatMap((letter) => [0, 1].map((n) => `${letter}-${caller}-${n}`)));
            names.forEach((parentId, i) => items.add(`k-${parentId}`, 'k', i, { parentId }));
        }
        return { model, items: items.list, requests: this.requests };
    }
}

/** {model, items, requests} for every model; people: {ann, bob, gil, zoe}. */
export function plans(list, people, callers, seed = 1) {
    const models = Object.fromEntries(list.map((model) => [model.name, model]));
    return list.map((model, i) => new Plan(model, models, people, callers, random(seed * 1000 + i)).make());
}

// ---- GraphQL -------------------------------------------------------------------------------------

function fieldsText(select) {
    return select.map((each) => (typeof each === 'string' ? each : `${each.name} { ${each.many ? `items { ${fieldsText(each.select)} }` : fieldsText(each.select)} }`)).join(' ');
}

const upper = (name) => name[0].toUpperCase() + name.slice(1);

/** {query, variables} */
export function document(request, models) {
    const { kind, field, args, where, select, model } = request;
    const inner = fieldsText(select);
    if (kind === 'create' || kind === 'update' || kind === 'delete') {
        return { query: `mutation($input: ${upper(kind)}${model}Input!) { ${field}(input: $input) { ${inner} } }`, variables: { input: args.input } };
    }
    const types = Object.entries(args).map(([name]) => [name, kind === 'get' ? `${models[model].key === undefined ? 'ID' : 'String'}!` : `String${kind === 'index' ? '!' : ''}`]);
    if (kind === 'get') {
        const heads = types.map(([name, type]) => `$${name}: ${type}`).join(', ');
        return { query: `query(${heads}) { ${field}(${types.map(([name]) => `${name}: $${name}`).join(', ')}) { ${inner} } }`, variables: args };
    }
    const filter = Object.fromEntries(Object.entries(where).map(([name, value]) => [name, { eq: value }]));
    const heads = [...types, ['filter', `Model${model}FilterInput`]].map(([name, type]) => `$${name}: ${type}`).join(', ');
    const passed = [...types.map(([name]) => name), 'filter'].map((name) => `${name}: $${name}`).join(', ');
    return { query: `query(${heads}) { ${field}(${passed}, limit: 1000) { items { ${inner} } } }`, variables: { ...args, filter } };
}

// ---- comparing -----------------------------------------------------------------------------------

const sorted = (message) => message?.replace(/\[(.*)\]/, (_, names) => `[${names.split(', ').sort().join(', ')}]`);

function ordered(value) {
    if (Array.isArray(value)) {
        return value.map(ordered);
    }
    if (value === null || typeof value !== 'object') {
        return value;
    }
    const items = Array.isArray(value.items) ? { items: value.items.map(ordered).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) } : {};
    return { ...Object.fromEntries(Object.entries(value).map(([name, each]) => [name, ordered(each)])), ...items };
}

// The place of an item in a list is the store's own affair.
const place = (path) => (path ?? []).map((step) => (typeof step === 'number' ? '#' : step)).join('/');

/** What is compared of an answer, as text. */
export function comparable({ data, errors = [] }) {
    const plain = errors.map(({ path, message, errorType }) => {
        const type = errorType ?? null;
        return `${place(path)}: ${type}${type === 'Unauthorized' || type === null ? ` ${sorted(message)}` : ''}`;
    });
    return JSON.stringify({ data: ordered(data), errors: plain.sort() });
}
