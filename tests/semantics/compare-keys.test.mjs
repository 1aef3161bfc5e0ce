// Primary keys of every kind, secondary indexes, and the conditions on them.
import { compareSuite } from './lib/both.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';
const sorted = (text) => [text, {}, { sorted: true }];

compareSuite('keys', `
enum Level { LOW HIGH }
type Person @model ${RULES} { pid: ID! @primaryKey name: String nick: String @default(value: "none") }
type Own @model ${RULES} { id: ID! @primaryKey name: String }
type Pair @model ${RULES} { a: String! @primaryKey(sortKeyFields: ["n"]) n: Int! text: String }
type Triple @model ${RULES} { a: ID! @primaryKey(sortKeyFields: ["b", "n"]) b: String! n: Int! text: String }
type Count @model ${RULES} { n: Int! @primaryKey(sortKeyFields: ["day"]) day: AWSDate! text: String }
type Leveled @model ${RULES} { level: Level! @primaryKey(sortKeyFields: ["flt", "id"]) flt: Int! id: ID! text: String }
`, (script) => {
    script('a single key', [
        'mutation { createPerson(input: {pid: "1", name: "A"}) { pid name nick createdAt } }',
        'mutation { createPerson(input: {pid: "1", name: "B"}) { pid name } }',
        'mutation { createPerson(input: {pid: "", name: "B"}) { pid name } }',
        'mutation { createPerson(input: {pid: 7, name: "B"}) { pid name } }',
        'query { getPerson(pid: "1") { pid name nick } none: getPerson(pid: "2") { pid } }',
        'mutation { updatePerson(input: {pid: "1", name: "C"}) { pid name nick } }',
        'mutation { updatePerson(input: {pid: "1", name: "C"}, condition: {name: {eq: "D"}}) { pid name nick } }',
        'mutation { updatePerson(input: {pid: "9", name: "C"}) { pid name nick } }',
        sorted('query { listPeople { items { pid name } nextToken } }'),
        'query { listPeople(pid: "1") { items { pid name } nextToken } }',
        'query { listPeople(pid: "none") { items { pid name } nextToken } }',
        'query { listPeople(pid: "1", filter: {name: {eq: "x"}}) { items { pid name } nextToken } }',
        'query { listPeople(sortDirection: DESC) { items { pid } } }',
        'query { listPeople(pid: "1", sortDirection: ASC) { items { pid } } }',
        'query { listPeople(pid: null, sortDirection: null) { nextToken } }',
        'mutation { deletePerson(input: {pid: "1"}) { pid name } }',
        'mutation { deletePerson(input: {pid: "1"}) { pid name } }',
    ]);

    script('a declared id as key', [
        'mutation { createOwn(input: {name: "A"}) { id name } }',
        'mutation { createOwn(input: {id: "x", name: "A"}) { id name } }',
        'mutation { createOwn(input: {id: "x", name: "B"}) { id name } }',
        'mutation { createOwn(input: {id: null, name: "B"}) { id name } }',
        'query { getOwn(id: "x") { id name } }',
        'query { listOwns(id: "x") { items { id name } } }',
        'mutation { updateOwn(input: {id: "x", name: null}) { id name } }',
        'mutation { deleteOwn(input: {id: "x"}) { id name } }',
    ]);

    const pairs = [['x', 1], ['x', 2], ['x', 10], ['x', -3], ['y', 5], ['x', 2]];
    const SORTS = ['eq: 2', 'lt: 2', 'le: 2', 'gt: 2', 'ge: 2', 'between: [1, 2]', 'between: [2, 1]', 'between: [1, 2, 3]', 'eq: 1, gt: 0', '', 'eq: null', 'lt: 3, gt: null'];
    script('a numeric sort key', [
        ...pairs.map(([a, n]) => `mutation { createPair(input: {a: "${a}", n: ${n}, text: "t${n}"}) { a n text } }`),
        'query { getPair(a: "x", n: 10) { text } none: getPair(a: "x", n: 11) { text } }',
        'mutation { updatePair(input: {a: "x", n: 10, text: "new"}) { a n text } }',
        'mutation { updatePair(input: {a: "x", n: 99, text: "new"}) { a n text } }',
        'query { listPairs(a: "x") { items { n } nextToken } }',
        'query { listPairs(a: "x", sortDirection: DESC) { items { n } } }',
        'query { listPairs(a: "x", sortDirection: ASC) { items { n } } }',
        'query { listPairs(sortDirection: ASC) { items { n } } }',
        'query { listPairs(n: {eq: 1}) { items { n } } }',
        'query { listPairs(n: {eq: 1}, sortDirection: DESC) { items { n } } }',
        'query { listPairs(n: {}) { items { n } } }',
        'query { listPairs(a: "", n: {eq: 1}) { items { n } } }',
        'query { listPairs(a: " ", n: {eq: 1}) { items { n } } }',
        ...SORTS.map((each) => `query { listPairs(a: "x", n: {${each}}) { items { n text } } }`),
        'query { listPairs(a: "x", n: {gt: 0}, sortDirection: DESC, filter: {text: {ne: "t2"}}) { items { n text } } }',
        sorted('query { listPairs { items { a n } nextToken } }'),
        'mutation { deletePair(input: {a: "x", n: 10}) { a n text } }',
        'mutation { deletePair(input: {a: "x", n: 10}) { a n text } }',
    ]);

    const composite = (op) => `query { listTriples(a: "k", bN: {${op}}) { items { b n text } nextToken } }`;
    const COMPOSITES = [
        ...['eq', 'lt', 'le', 'gt', 'ge', 'beginsWith'].flatMap((op) => [`${op}: {b: "m", n: 2}`, `${op}: {b: "m"}`, `${op}: {n: 2}`, `${op}: {}`, `${op}: {b: "", n: 2}`, `${op}: {b: null, n: null}`]),
        'between: [{b: "a"}, {b: "n"}]', 'between: [{b: "m", n: 1}, {b: "m", n: 2}]', 'between: [{b: "z"}, {b: "a"}]', 'between: [{b: "a"}]', 'between: [{b: "a"}, {n: 2}]',
        'between: [{n: 2}, {b: "a"}]', 'between: [{b: "a"}, {b: "b"}, {b: "c"}]', 'between: [{}, {}]', 'eq: {b: "m"}, lt: {b: "m"}', '', 'eq: null',
    ];
    script('a composite sort key', [
        ...[['m', 1], ['m', 2], ['m', 10], ['mm', 2], ['a', 1], ['z', 0], ['m', 1]].map(([b, n]) => `mutation { createTriple(input: {a: "k", b: "${b}", n: ${n}, text: "${b}${n}"}) { a b n text } }`),
        'query { getTriple(a: "k", b: "m", n: 10) { text } none: getTriple(a: "k", b: "m", n: 11) { text } }',
        'mutation { createTriple(input: {a: "k", b: "", n: 1}) { a b n } }',
        'mutation { updateTriple(input: {a: "k", b: "m", n: 10, text: "new"}) { a b n text updatedAt } }',
        'mutation { updateTriple(input: {a: "k", b: "m", n: 11, text: "new"}) { a b n text } }',
        'query { listTriples(a: "k") { items { b n } nextToken } }',
        'query { listTriples(a: "k", sortDirection: DESC) { items { b n } } }',
        'query { listTriples(sortDirection: DESC) { items { b n } } }',
        'query { listTriples(bN: {eq: {b: "m", n: 1}}) { items { b n } } }',
        'query { listTriples(a: "", bN: {eq: {b: "m", n: 1}}) { items { b n } } }',
        'query { listTriples(bN: {eq: {b: "m", n: 1}}, sortDirection: ASC) { items { b n } } }',
        sorted('query { listTriples { items { b n } } }'),
        ...COMPOSITES.map(composite),
        'mutation { deleteTriple(input: {a: "k", b: "m", n: 10}) { a b n text } }',
        'mutation { deleteTriple(input: {a: "k", b: "m", n: 10}) { a b n text } }',
    ]);

    script('a numeric partition', [
        ...[[1, '2024-01-01'], [1, '2024-02-01'], [-2, '2024-01-01']].map(([n, day]) => `mutation { createCount(input: {n: ${n}, day: "${day}", text: "t"}) { n day text } }`),
        'query { getCount(n: 1, day: "2024-02-01") { n day } none: getCount(n: 2, day: "2024-02-01") { n } }',
        'query { listCounts(n: 1) { items { n day } } }',
        'query { listCounts(n: -2, day: {beginsWith: "2024"}) { items { n day } } }',
        'query { listCounts(n: 1, day: {beginsWith: "2024-02"}) { items { n day } } }',
        'query { listCounts(n: 1, day: {beginsWith: ""}) { items { n day } } }',
        'query { listCounts(n: 1, day: {eq: ""}) { items { n day } } }',
        'query { listCounts(day: {eq: "2024-01-01"}) { items { n day } } }',
    ]);

    script('an enum and a number in keys', [
        ...[['LOW', 1, 'a'], ['LOW', 10, 'a'], ['LOW', 2, 'b'], ['HIGH', 0, 'a']].map(([level, flt, id]) => `mutation { createLeveled(input: {level: ${level}, flt: ${flt}, id: "${id}"}) { level flt id } }`),
        'query { getLeveled(level: LOW, flt: 1, id: "a") { level flt id } }',
        'query { listLeveleds(level: LOW) { items { flt id } } }',
        'query { listLeveleds(level: LOW, fltId: {beginsWith: {flt: 1}}) { items { flt id } } }',
        'query { listLeveleds(level: LOW, fltId: {eq: {flt: 2, id: "b"}}) { items { flt id } } }',
        'mutation { updateLeveled(input: {level: LOW, flt: 2, id: "b", text: "t"}) { level flt id text } }',
    ]);
});

compareSuite('indexes', `
enum Level { LOW HIGH }
type Item @model ${RULES} {
  name: String
  group: String @index(name: "byGroup", queryField: "itemsByGroup")
  rank: Int
  region: String @index(name: "byRegion", sortKeyFields: ["rank"], queryField: "itemsByRegion")
  shop: ID @index(name: "byShop", sortKeyFields: ["a", "n"], queryField: "itemsByShop")
  a: String
  n: Float
  level: Level @index(name: "byLevel", sortKeyFields: ["createdAt"], queryField: "itemsByLevel")
  count: Int @index(name: "byCount", sortKeyFields: ["name"], queryField: "itemsByCount")
  status: String @default(value: "new") @index(name: "byStatus", sortKeyFields: ["s1", "s2"], queryField: "itemsByStatus")
  s1: String
  s2: Int
  createdAt: AWSDateTime
}
`, (script) => {
    const ALL = 'id name group rank region shop a n level count status s1 s2';
    const create = (input) => `mutation { createItem(input: {${input}}) { ${ALL} } }`;
    const update = (input) => `mutation { updateItem(input: {${input}}) { ${ALL} } }`;

    script('null and partial keys', [
        create('id: "1", group: null'),
        create('id: "2", region: null, rank: null'),
        create('id: "3", region: "r", rank: null'),
        create('id: "4", region: "r"'),
        create('id: "5", region: null, rank: 5'),
        create('id: "7", shop: "s", a: "x"'),
        create('id: "8", shop: "s", n: 1'),
        create('id: "9", a: "x", n: 1'),
        create('id: "10", shop: null, a: "x", n: 1'),
        create('id: "11", shop: "s", a: null, n: 1'),
        create('id: "12", shop: "s", a: null, n: null'),
        create('id: "13", shop: "s"'),
        create('id: "14", level: null'),
        create('id: "15", count: null, name: null'),
        create('id: "16", count: 1, name: null'),
        create('id: "17", s2: 1'),
        create('id: "18", s1: null, s2: 2'),
        create('id: "19", shop: "s", a: "", n: 1'),
        'query { itemsByShop(shop: "s") { items { id a n } nextToken } }',
        'query { itemsByRegion(region: "r") { items { id rank } nextToken } }',
        'query { itemsByStatus(status: "new") { items { id s1 s2 } } }',
        'query { itemsByStatus(status: "new", s1S2: {beginsWith: {s1: "x"}}) { items { id s1 s2 } } }',
        'query { getItem(id: "10") { shop a n } }',
        'query { getItem(id: "1") { group } }',
        sorted('query { listItems(filter: {group: {attributeExists: false}}) { items { id } } }'),
        sorted('query { listItems(filter: {group: {attributeType: _null}}) { items { id } } }'),
    ]);

    script('updates of keys', [
        create('id: "u", group: "g", region: "r", rank: 1, shop: "s", a: "x", n: 1, s2: 1'),
        update('id: "u", a: "y"'),
        update('id: "u", n: 2'),
        update('id: "u", a: "y", n: 2.5'),
        update('id: "u", a: null'),
        update('id: "u", a: null, n: 2'),
        'query { itemsByShop(shop: "s") { items { id a n } } }',
        update('id: "u", a: null, n: null'),
        'query { itemsByShop(shop: "s") { items { id a n } } }',
        update('id: "u", shop: null'),
        'query { itemsByShop(shop: "s") { items { id a n } } }',
        update('id: "u", group: null'),
        update('id: "u", rank: null'),
        'query { itemsByRegion(region: "r") { items { id rank } } }',
        update('id: "u", s1: "z"'),
        update('id: "u", s2: 9'),
        update('id: "missing", s2: 9'),
        update('id: "missing", group: "x"'),
    ]);

    const seed = [];
    for (let i = 0; i < 12; i++) {
        seed.push(create(`id: "q${i}", name: "n${String.fromCharCode(97 + (i % 5))}", group: "g${i % 2}", region: "R", rank: ${(i * 7) % 12}, shop: "S", a: "${['x', 'xx', 'y'][i % 3]}", n: ${i / 2}, level: ${i % 2 ? 'HIGH' : 'LOW'}, count: ${i % 3}, s2: 0`));
    }
    const NUMBER = ['eq: 3', 'lt: 3', 'le: 3', 'gt: 3', 'ge: 3', 'between: [3, 7]', 'between: [7, 3]', 'between: [1, 2, 3]', 'eq: 1, lt: 3', '', 'eq: null'];
    const TEXT = ['eq: "nb"', 'lt: "nb"', 'le: "nb"', 'gt: "nb"', 'ge: "nb"', 'between: ["na", "nb"]', 'between: ["nb", "na"]', 'beginsWith: "n"', 'beginsWith: "nb"', 'beginsWith: ""', 'eq: ""', 'beginsWith: "n", eq: "nb"'];
    const SHOP = ['eq', 'lt', 'le', 'gt', 'ge', 'beginsWith'].flatMap((op) => [`${op}: {a: "x", n: 3}`, `${op}: {a: "x"}`, `${op}: {n: 3}`, `${op}: {}`]).concat(
        'between: [{a: "x"}, {a: "xz"}]', 'between: [{a: "x", n: 0}, {a: "x", n: 3}]', 'between: [{a: "y"}, {a: "x"}]', 'between: [{a: "x"}]', 'between: [{n: 1}, {a: "x"}]', 'between: [{a: "x"}, {n: 1}]', 'eq: {a: "x"}, ge: {a: "x"}', '');
    const ITEMS = '{ items { id name rank a n } nextToken }';
    script('queries', [
        ...seed,
        sorted('query { itemsByGroup(group: "g1") { items { id } nextToken } }'),
        'query { itemsByGroup(group: "none") { items { id } nextToken } }',
        'query { itemsByRegion(region: "R") { items { id rank } } }',
        'query { itemsByRegion(region: "R", sortDirection: DESC) { items { id rank } } }',
        'query { itemsByRegion(region: "R", filter: {name: {eq: "nb"}, rank: {gt: 2}}) { items { id name rank } } }',
        ...NUMBER.map((each) => `query { itemsByRegion(region: "R", rank: {${each}}) ${ITEMS} }`),
        ...TEXT.map((each) => `query { itemsByCount(count: 1, name: {${each}}) { items { name count } } }`),
        ...SHOP.map((each) => `query { itemsByShop(shop: "S", aN: {${each}}) ${ITEMS} }`),
        'query { itemsByLevel(level: LOW) { items { id level } } }',
        'query { itemsByLevel(level: HIGH, sortDirection: DESC, createdAt: {gt: "2020"}) { items { id level } } }',
        'query { itemsByGroup(group: "") { items { id } } }',
    ]);
});
