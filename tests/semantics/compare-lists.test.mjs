// Lists: limits, filters of every operator on every type, nesting, pages to the end in both
// directions.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareSuite, normal } from './lib/both.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';

compareSuite('lists', `
enum Level { LOW HIGH }
type Geo { lat: Float tags: [String] }
type Row @model ${RULES} {
  str: String int: Int flt: Float bool: Boolean level: Level date: AWSDate time: AWSTime at: AWSDateTime stamp: AWSTimestamp
  email: AWSEmail json: AWSJSON phone: AWSPhone url: AWSURL ip: AWSIPAddress ref: ID strs: [String] ints: [Int] levels: [Level] geo: Geo
}
type Dot @model ${RULES} { line: ID! @primaryKey(sortKeyFields: ["n"]) n: Int! kind: String @index(name: "byKind", sortKeyFields: ["n"], queryField: "dotsByKind") }
`, (script, sides) => {
    const rows = [
        'id: "1", str: "apple", int: 1, flt: 1.5, bool: true, level: LOW, date: "2024-01-01", time: "10:00:00", at: "2024-01-01T10:00:00Z", stamp: 1000, email: "a@b.co", json: "{\\"k\\":1}", phone: "+12025550100", url: "https://a.example/x", ip: "10.0.0.1", ref: "r1", strs: ["a", "b"], ints: [1, 2], levels: [LOW], geo: {lat: 1, tags: ["t"]}',
        'id: "2", str: "banana", int: 2, flt: -2.25, bool: false, level: HIGH, date: "2024-02-01", time: "11:00", at: "2024-02-01T10:00:00+01:00", stamp: -5, email: "c@d.co", json: "[1,2]", phone: "+12025550199", url: "mailto:a@b.co", ip: "::1", ref: "r2", strs: [], ints: [3], levels: [HIGH, LOW]',
        'id: "3", str: "", int: 0, flt: 0, strs: ["", null], ints: [null], json: "\\"text\\""',
        'id: "4", str: null, int: null, flt: null, bool: null, level: null, json: null, strs: null, ref: null',
        'id: "5"',
        'id: "6", str: "Éclair", int: -7, flt: 1e10, json: "5", strs: ["É"], ref: "apple"',
        'id: "7", str: "applesauce", int: 10, flt: 1.50, bool: true, level: LOW, json: "true", ref: "10"',
    ];
    const TEXTS = ['eq: "apple"', 'ne: "apple"', 'lt: "b"', 'le: "apple"', 'gt: "apple"', 'ge: "apple"', 'contains: "pp"', 'contains: ""', 'notContains: "pp"', 'between: ["a", "b"]', 'between: ["b", "a"]',
        'beginsWith: "apple"', 'beginsWith: ""', 'attributeExists: true', 'attributeExists: false', 'attributeType: _null', 'attributeType: number', 'size: {eq: 5}',
        'size: {gt: 5}', 'size: {ne: 5}', 'size: {between: [1, 5]}', 'size: {ge: 5, lt: 7}', 'eq: null', 'ne: null', 'eq: "Éclair"', 'size: {eq: 7}', 'gt: "Z"', 'eq: "apple", beginsWith: "a"', 'lt: null'];
    const NUMBERS = ['eq: 1', 'ne: 1', 'lt: 1', 'le: 1', 'gt: 1', 'ge: 1', 'between: [0, 2]', 'between: [2, 0]', 'attributeExists: true', 'attributeExists: false', 'attributeType: number', 'attributeType: _null', 'eq: null', 'ne: null', 'gt: 0, lt: 5'];
    const FILTERS = [
        ...TEXTS.map((each) => `str: {${each}}`), ...NUMBERS.map((each) => `int: {${each}}`), ...NUMBERS.map((each) => `flt: {${each}}`), 'flt: {eq: 1.5}', 'flt: {eq: 1e10}', 'flt: {lt: -2}',
        ...['eq: true', 'ne: true', 'eq: false', 'attributeExists: true', 'attributeType: _null', 'eq: null', 'ne: null'].map((each) => `bool: {${each}}`),
        ...['eq: LOW', 'ne: LOW', 'eq: null'].map((each) => `level: {${each}}`),
        ...['date: {ge: "2024-01-15"}', 'time: {beginsWith: "1"}', 'at: {lt: "2024-01-15"}', 'stamp: {lt: 0}', 'stamp: {between: [-10, 1000]}', 'email: {contains: "@b"}', 'phone: {beginsWith: "+1"}', 'url: {beginsWith: "https"}', 'ip: {eq: "::1"}'],
        ...['eq: "r1"', 'ne: "r1"', 'contains: "r"', 'beginsWith: "r"', 'between: ["1", "r1"]', 'attributeExists: false', 'size: {eq: 2}'].map((each) => `ref: {${each}}`),
        ...['attributeType: map', 'attributeType: list', 'attributeType: string', 'attributeType: number', 'attributeType: _null', 'eq: "text"', 'contains: "ex"', 'size: {eq: 1}', 'size: {eq: 2}', 'eq: "5"', 'attributeExists: true'].map((each) => `json: {${each}}`),
        ...['contains: "a"', 'notContains: "a"', 'size: {eq: 2}', 'size: {eq: 0}', 'attributeType: list', 'eq: "a"', 'ne: "a"', 'beginsWith: "a"', 'contains: "É"'].map((each) => `strs: {${each}}`),
        'ints: {eq: 1}', 'ints: {ne: 1}', 'ints: {attributeType: list}', 'levels: {contains: LOW}', 'levels: {notContains: LOW}', 'levels: {eq: [LOW, HIGH]}', 'id: {eq: "1"}', 'id: {ne: "1"}', 'id: {gt: "4"}',
        'createdAt: {gt: "2020"}', 'updatedAt: {attributeExists: false}',
        'and: [{str: {eq: "apple"}}, {int: {eq: 1}}]', 'or: [{str: {eq: "apple"}}, {int: {eq: 2}}]', 'not: {str: {eq: "apple"}}', 'not: {str: {attributeExists: true}}', 'not: {not: {int: {gt: 0}}}',
        'not: {or: [{int: {gt: 0}}, {str: {eq: ""}}]}', 'not: {and: [{int: {gt: 0}}, {bool: {eq: true}}]}', 'and: [{or: [{int: {eq: 1}}, {int: {eq: 10}}]}, {not: {str: {contains: "sauce"}}}]',
        'or: [{and: [{int: {gt: 0}}, {int: {lt: 2}}]}, {and: [{int: {gt: 5}}, {not: {bool: {eq: false}}}]}], flt: {le: 1.5}', 'str: {contains: "a"}, int: {gt: 1}, or: [{bool: {eq: true}}, {bool: {eq: false}}]',
        'and: []', 'or: []', 'not: {}', '', 'and: [{}, {int: {eq: 1}}]', 'and: {int: {eq: 1}}', 'or: {int: {eq: 1}}', 'str: {}',
    ];
    script('filters', [
        ...rows.map((each) => `mutation { createRow(input: {${each}}) { id } }`),
        ...FILTERS.map((each) => [`query { listRows(filter: {${each}}) { items { id } nextToken } }`, {}, { sorted: true }]),
        ['query { listRows(filter: null, limit: null, nextToken: null) { items { id str int flt bool level date time at stamp email json phone url ip ref strs ints levels geo { lat tags } } } }', {}, { sorted: true }],
    ]);

    script('limits and tokens', [
        ...['0', '-1', '1000000', 'null'].map((limit) => [`query { listRows(limit: ${limit}) { items { id } nextToken } }`, {}, { sorted: true }]),
        'query { listRows(limit: 3) { nextToken } }',
        'query { listRows(limit: 8) { nextToken } }',
        'query { listRows(limit: 3, filter: {str: {eq: "nothing"}}) { items { id } nextToken } }',
        ...Array.from({ length: 12 }, (_, i) => `mutation { createDot(input: {line: "l${i % 2}", n: ${i}, kind: "k${i % 3}"}) { n } }`),
        'query { listDots(line: "l0", limit: 2) { items { n } nextToken } }',
        'query { listDots(line: "l0", limit: 2, sortDirection: DESC) { items { n } nextToken } }',
        'query { listDots(line: "l0", limit: 6, n: {lt: 6}) { items { n } nextToken } }',
        'query { dotsByKind(kind: "k1", limit: 3) { items { n } nextToken } }',
        'query { dotsByKind(kind: "k1", limit: 3, sortDirection: DESC) { items { n } nextToken } }',
        'query { dotsByKind(kind: "k1", filter: {line: {eq: "l1"}}) { items { n } } }',
        'query { dotsByKind(kind: "k1", filter: {kind: {eq: "k1"}}) { items { n } } }',
        'query { listDots(line: "l0", filter: {or: [{kind: {eq: "k1"}}, {not: {n: {gt: 3}}}]}) { items { n } } }',
        'query { listDots(filter: {or: [{kind: {eq: "k1"}}, {not: {n: {gt: 3}}}]}, limit: 100) { items { n } } }',
    ].map((each) => (typeof each === 'string' && each.includes('listDots(filter') ? [each, {}, { sorted: true }] : each)));

    // Pages one after another until there is no token; a side's own tokens. DynamoDB gives a token
    // when a page is full, and then perhaps an empty page: ampd knows that nothing follows.
    async function walk(side, field, args) {
        const pages = [];
        for (let token = null; ; ) {
            const query = `query Walk($token: String) { page: ${field}(${args} nextToken: $token) { items { id: __typename n line } nextToken } }`;
            const { data, errors } = await side.run(query, { token });
            assert.equal(errors, undefined);
            pages.push(data.page.items.map(({ n, line }) => `${line}/${n}`));
            token = data.page.nextToken;
            if (token === null) {
                return pages.at(-1).length === 0 ? pages.slice(0, -1) : pages;
            }
        }
    }
    for (const [field, args] of [
        ['listDots', 'line: "l0", limit: 2,'], ['listDots', 'line: "l0", limit: 2, sortDirection: DESC,'], ['listDots', 'line: "l1", limit: 1, filter: {kind: {eq: "k2"}},'],
        ['listDots', 'line: "l1", n: {between: [3, 9]}, limit: 3, sortDirection: DESC,'], ['dotsByKind', 'kind: "k1", limit: 1,'], ['dotsByKind', 'kind: "k1", n: {gt: 1}, limit: 1, sortDirection: DESC,'],
        ['dotsByKind', 'kind: "k0", limit: 3, filter: {line: {eq: "l0"}},'],
    ]) {
        test(`walk ${field}(${args})`, async () => {
            assert.deepEqual(await walk(sides.ours, field, args), await walk(sides.official, field, args));
        });
    }
    test('walk a scan', async () => {
        for (const limit of [1, 5, 12, 13]) {
            const [ours, official] = [await walk(sides.ours, 'listDots', `limit: ${limit},`), await walk(sides.official, 'listDots', `limit: ${limit},`)];
            assert.deepEqual(ours.map((page) => page.length), official.map((page) => page.length));
            assert.deepEqual(ours.flat().sort(), official.flat().sort());
        }
    });
    test('the last page has no token, however full it is', async () => {
        const { data } = await sides.ours.run('query { listDots(line: "l0", limit: 6) { items { n } nextToken } }');
        assert.equal(data.listDots.items.length, 6);
        assert.equal(data.listDots.nextToken, null);
    });
    test('a token that is none', async () => {
        const { data, errors } = await sides.ours.run('query { listDots(nextToken: "abc") { nextToken } }');
        assert.deepEqual(data, { listDots: null });
        const [{ locations, ...error }] = errors;
        assert.deepEqual(normal(error), {
            path: ['listDots'], data: null, errorType: 'DynamoDB:UserIllegalArgumentException', errorInfo: null,
            message: 'com.amazonaws.deepdish.common.pagination.InvalidPaginationTokenException: Invalid pagination token given.',
        });
    });
});
