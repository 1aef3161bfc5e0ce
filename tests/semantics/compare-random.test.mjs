// Random histories: the same documents on both sides, reproducible by their seed (SEED=n COUNT=m).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSuite, difference } from './lib/both.mjs';
import { random } from './lib/random.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';
const SDL = `
enum Kind { A B C }
type Deep { x: Int! y: [String] }
type Item @model ${RULES} {
  text: String @validate(type: maxLength, value: "6") n: Int @default(value: "1") f: Float flag: Boolean kind: Kind @default(value: "A") tags: [String] deep: Deep json: AWSJSON
  group: String @index(name: "byGroup", sortKeyFields: ["n"], queryField: "itemsByGroup")
  owner: ID @index(name: "byOwner", sortKeyFields: ["kind", "n"], queryField: "itemsByOwner")
  boxA: ID boxN: Int box: Box @belongsTo(references: ["boxA", "boxN"])
}
type Box @model ${RULES} { a: ID! @primaryKey(sortKeyFields: ["n"]) n: Int! text: String label: Label @hasOne(references: ["boxA", "boxN"]) items: [Item] @hasMany(references: ["boxA", "boxN"]) } # the official hasMany fails for a number as the one sort key
type Label @model ${RULES} { boxA: ID boxN: Int box: Box @belongsTo(references: ["boxA", "boxN"]) text: String }
type Cube @model ${RULES} { a: String! @primaryKey(sortKeyFields: ["b", "c"]) b: Int! c: String! text: String }
`;

const TEXTS = ['a', 'ab', 'abc', 'b', 'ba', 'Z', 'é', 'abcdefg'];
const KEYS = ['k1', 'k2', 'k3'];

class Writer {
    constructor(seed) {
        this.r = random(seed);
    }

    value(type) {
        const { r } = this;
        switch (type) {
            case 'text': return r.pick(TEXTS);
            case 'key': return r.pick(KEYS);
            case 'int': return r.pick([-1, 0, 1, 2, 10, 11]);
            case 'float': return r.pick([-1.5, 0, 1, 2.25, 10]);
            case 'flag': return r.chance(0.5);
            case 'kind': return r.pick(['A', 'B', 'C']);
            case 'texts': return Array.from({ length: r.below(3) }, () => r.pick(TEXTS));
            case 'deep': return { x: r.below(5), ...(r.chance(0.5) && { y: this.value('texts') }) };
            default: return JSON.stringify(r.pick([{ a: 1 }, [1, 'x'], 5, true]));
        }
    }

    // Some of the members, a few of them null.
    some(types, share = 0.5, nulls = 0.15) {
        const chosen = Object.entries(types).filter(() => this.r.chance(share));
        return Object.fromEntries(chosen.map(([name, type]) => [name, this.r.chance(nulls) ? null : this.value(type)]));
    }

    condition(type) {
        const { r } = this;
        const exists = () => ({ attributeExists: r.chance(0.5) });
        const ordered = (kind) => r.pick([
            () => ({ [r.pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge'])]: this.value(kind) }),
            () => ({ between: [this.value(kind), this.value(kind)] }),
            exists,
        ])();
        switch (type) {
            case 'text': case 'key':
                return r.pick([() => ordered(type), () => ({ [r.pick(['contains', 'notContains', 'beginsWith'])]: this.value(type) }), () => ({ size: { [r.pick(['eq', 'gt', 'le'])]: r.below(4) } })])();
            case 'int': case 'float':
                return ordered(type);
            case 'texts':
                return { [r.pick(['contains', 'notContains'])]: this.value('text') };
            default:
                return { [r.pick(['eq', 'ne'])]: this.value(type) };
        }
    }

    filter(types, depth = 0) {
        const { r } = this;
        const names = Object.keys(types);
        const out = {};
        for (let i = 0; i <= r.below(2); i++) {
            const name = r.pick(names);
            out[name] = this.condition(types[name]);
        }
        if (depth < 2 && r.chance(0.4)) {
            const which = r.pick(['and', 'or', 'not']);
            out[which] = which === 'not' ? this.filter(types, depth + 1) : Array.from({ length: 1 + r.below(3) }, () => this.filter(types, depth + 1));
        }
        return out;
    }
}

const ITEM = { text: 'text', n: 'int', f: 'float', flag: 'flag', kind: 'kind', tags: 'texts', deep: 'deep', json: 'json', group: 'key', owner: 'key', boxA: 'key', boxN: 'int' };
const ITEM_FILTER = { text: 'text', n: 'int', f: 'float', flag: 'flag', kind: 'kind', tags: 'texts', group: 'key', owner: 'key', id: 'key' };
const ITEM_FIELDS = 'id text n f flag kind tags deep { x y } json group owner boxA boxN box { a n text }';
const KEY_OF = { Item: { id: 'key' }, Box: { a: 'key', n: 'int' }, Label: { id: 'key' }, Cube: { a: 'key', b: 'int', c: 'key' } };
const REST_OF = { Item: ITEM, Box: { text: 'text' }, Label: { boxA: 'key', boxN: 'int', text: 'text' }, Cube: { text: 'text' } };
const FILTER_OF = { Item: ITEM_FILTER, Box: { text: 'text' }, Label: { text: 'text', boxA: 'key' }, Cube: { text: 'text' } };
const FIELDS_OF = { Item: ITEM_FIELDS, Box: 'a n text label { id text }', Label: 'id boxA boxN text box { a n }', Cube: 'a b c text' };
const PLURAL = { Item: 'Items', Box: 'Boxes', Label: 'Labels', Cube: 'Cubes' };

const keyOf = (w, model) => Object.fromEntries(Object.entries(KEY_OF[model]).map(([name, type]) => [name, w.value(type)]));

function write(w) {
    const model = w.r.pick(['Item', 'Item', 'Item', 'Box', 'Label', 'Cube']);
    const verb = w.r.pick(['create', 'create', 'update', 'update', 'delete']);
    const input = { ...keyOf(w, model), ...(verb !== 'delete' && w.some(REST_OF[model])) };
    const { id, ...conditional } = FILTER_OF[model];
    const condition = w.r.chance(0.25) ? w.filter(conditional) : undefined;
    return [`mutation ($input: ${verb[0].toUpperCase()}${verb.slice(1)}${model}Input!, $condition: Model${model}ConditionInput) { ${verb}${model}(input: $input, condition: $condition) { ${FIELDS_OF[model]} } }`, { input, condition }];
}

function get(w) {
    const model = w.r.pick(['Item', 'Box', 'Label', 'Cube']);
    const args = Object.entries(keyOf(w, model)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ');
    return [`query { get${model}(${args}) { ${FIELDS_OF[model]} } }`, {}, { sorted: true }];
}

function scan(w) {
    const model = w.r.pick(['Item', 'Item', 'Box', 'Label', 'Cube']);
    const filter = w.r.chance(0.7) ? w.filter(FILTER_OF[model]) : undefined;
    return [`query ($filter: Model${model}FilterInput) { list${PLURAL[model]}(filter: $filter, limit: 1000) { items { ${FIELDS_OF[model]} } } }`, { filter }, { sorted: true }];
}

function range(w, kinds, composite) {
    const operand = () => {
        if (!composite) {
            return w.value(kinds);
        }
        const [first, second] = Object.keys(kinds);
        return w.r.chance(0.5) ? { [first]: w.value(kinds[first]) } : { [first]: w.value(kinds[first]), [second]: w.value(kinds[second]) };
    };
    const ops = ['eq', 'lt', 'le', 'gt', 'ge', ...(composite ? ['beginsWith'] : [])];
    return w.r.chance(0.2) ? { between: [operand(), operand()] } : { [w.r.pick(ops)]: operand() };
}

function index(w) {
    const sortDirection = w.r.pick([undefined, 'ASC', 'DESC']);
    const { group, n, owner, ...rest } = ITEM_FILTER;
    const filter = w.r.chance(0.3) ? w.filter(rest) : undefined;
    const sort = w.r.chance(0.6);
    const tail = 'sortDirection: $sortDirection, filter: $filter, limit: 1000) { items { id n kind } } }';
    const types = '$filter: ModelItemFilterInput, $sortDirection: ModelSortDirection';
    return w.r.pick([
        () => [`query ($k: String!, $s: ModelIntKeyConditionInput, ${types}) { itemsByGroup(group: $k, n: $s, ${tail}`, { k: w.value('key'), s: sort ? range(w, 'int') : undefined, sortDirection, filter }, { sorted: true }],
        () => [`query ($k: ID!, $s: ModelItemByOwnerCompositeKeyConditionInput, ${types}) { itemsByOwner(owner: $k, kindN: $s, ${tail}`, { k: w.value('key'), s: sort ? range(w, { kind: 'kind', n: 'int' }, true) : undefined, sortDirection, filter }, { sorted: true }],
        () => [`query ($k: ID, $s: ModelIntKeyConditionInput, $d: ModelSortDirection) { listBoxes(a: $k, n: $s, sortDirection: $d) { items { a n text } } }`, { k: w.r.chance(0.8) ? w.value('key') : undefined, s: sort ? range(w, 'int') : undefined, d: sortDirection }, { sorted: !sortDirection }],
        () => [`query ($k: String, $s: ModelCubePrimaryCompositeKeyConditionInput, $d: ModelSortDirection) { listCubes(a: $k, bC: $s, sortDirection: $d) { items { a b c text } } }`, { k: w.r.chance(0.8) ? w.value('key') : undefined, s: sort ? range(w, { b: 'int', c: 'key' }, true) : undefined, d: sortDirection }, { sorted: !sortDirection }],
    ])();
}

compareSuite('random histories', SDL, (script, sides) => {
    const first = Number(process.env.SEED ?? 1);
    const count = Number(process.env.COUNT ?? 4);
    for (let seed = first; seed < first + count; seed++) {
        test(`seed ${seed}`, async () => {
            const w = new Writer(seed);
            for (let step = 0; step < 250; step++) {
                const [query, variables, { sorted } = {}] = (step < 60 ? write : w.r.pick([write, write, get, scan, scan, index, index]))(w);
                const plain = JSON.parse(JSON.stringify(variables));
                const found = difference(await sides.ours.run(query, plain), await sides.official.run(query, plain), sorted);
                assert.equal(found, undefined, `step ${step}: ${query} ${JSON.stringify(plain)}\n${found}`);
            }
        });
    }
});
