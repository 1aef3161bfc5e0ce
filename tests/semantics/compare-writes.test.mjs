// Create, update and delete: defaults, keys, conditions, timestamps, validation.
import { compareSuite } from './lib/both.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';

compareSuite('writes', `
enum Color { RED GREEN BLUE }
type Geo { lat: Float! lng: Float! tags: [String] }
type Thing @model ${RULES} {
  name: String! @validate(type: minLength, value: "2") @validate(type: maxLength, value: "10", errorMessage: "too long")
  n: Int @default(value: "7") @validate(type: gt, value: "0") @validate(type: lt, value: "100")
  f: Float @default(value: "1.5") @validate(type: gte, value: "-1.5") @validate(type: lte, value: "10.5")
  code: String @validate(type: startsWith, value: "a") @validate(type: endsWith, value: "z") @validate(type: matches, value: "^a[0-9]+z$")
  color: Color @default(value: "RED")
  json: AWSJSON @default(value: "{\\"a\\":1}")
  day: AWSDate @default(value: "2024-02-29")
  at: AWSTimestamp @default(value: "1234")
  flag: Boolean @default(value: "false")
  geo: Geo
  geos: [Geo]
  tags: [String]
  required: [Int!]
}
`, (script) => {
    const ALL = 'id name n f code color json day at flag geo { lat lng tags } geos { lat } tags required createdAt updatedAt __typename';
    const create = (input, rest = '') => `mutation { createThing(input: {${input}} ${rest}) { ${ALL} } }`;
    const update = (input, rest = '') => `mutation { updateThing(input: {${input}} ${rest}) { ${ALL} } }`;
    const remove = (input, rest = '') => `mutation { deleteThing(input: {${input}} ${rest}) { ${ALL} } }`;

    script('defaults', [
        create('name: "one"'),
        create('name: "one", id: "a"'),
        create('name: "one", id: "b", n: null, f: null, color: null, json: null, day: null, at: null, flag: null'),
        create('name: "one", id: "c", n: 3, f: 2, color: BLUE, json: "[1,2]", day: "2020-01-01", at: 5, flag: true'),
        create('name: "one", id: "d", tags: null, geo: null, geos: null, code: null'),
        create('name: "one", id: "e", tags: [], geo: {lat: 1, lng: 2, tags: ["x", null]}, geos: [{lat: 1.5, lng: 2}, null], required: [1, 2]'),
        'query { listThings { items { id name n f code color json day at flag geo { lat lng tags } geos { lat } tags required } nextToken } }',
    ].map((each) => (each.startsWith('query') ? [each, {}, { sorted: true }] : each)));

    script('ids', [
        create('name: "one", id: null'),
        create('name: "one", id: "twice"'),
        create('name: "two", id: "twice"'),
        create('name: "one", id: ""'),
        create('name: "one", id: 5'),
        'query { getThing(id: "twice") { name } none: getThing(id: "nothing") { name } }',
    ]);

    script('validation', [
        ...['name: "x"', 'name: "01234567890"', 'name: "éé"', 'name: "😀"', 'name: "ok", n: 0', 'name: "ok", n: 100', 'name: "ok", n: 99', 'name: "ok", f: -1.6',
            'name: "ok", f: -1.5', 'name: "ok", f: 10.5', 'name: "ok", f: 10.50001', 'name: "ok", code: "b"', 'name: "ok", code: "a"', 'name: "ok", code: "abz"',
            'name: "ok", code: "a1z"', 'name: "ok", code: ""', 'name: "", n: 0', 'name: "ok", n: null'].map((each) => create(each)),
        create('name: "one", id: "v"'),
        ...['name: "x"', 'n: 0', 'n: 100', 'f: 11', 'code: "b"', 'code: null', 'n: null', 'name: "ok", n: 5, code: "a2z"'].map((each) => update(`id: "v", ${each}`)),
    ]);

    script('update', [
        create('name: "one", id: "u", tags: ["a"], geo: {lat: 1, lng: 2}, code: "a1z"'),
        update('id: "u"'),
        update('id: "u", name: "two"'),
        update('id: "u", tags: null, geo: null, code: null'),
        'query { getThing(id: "u") { name tags geo { lat } code n } }',
        update('id: "u", n: null, color: null, json: null, flag: null'),
        update('id: "u", json: "{\\"b\\": [1, {\\"c\\": null}]}", geos: []'),
        update('id: "u", name: null'),
        'query { getThing(id: "u") { name } }',
        'query { getThing(id: "u") { id n } }',
        update('id: "missing", name: "two"'),
        update('id: "", name: "two"'),
        'query { getThing(id: "missing") { id } }',
    ]);

    script('delete', [
        create('name: "one", id: "gone"'),
        remove('id: "gone"'),
        remove('id: "gone"'),
        'query { getThing(id: "gone") { id } }',
        create('name: "one", id: "gone"'),
        remove('id: "gone"', 'condition: {name: {eq: "two"}}'),
        remove('id: "gone"', 'condition: {name: {eq: "one"}}'),
    ]);

    const CONDITIONS = [
        'name: {eq: "one"}', 'name: {ne: "one"}', 'name: {lt: "p"}', 'name: {le: "one"}', 'name: {gt: "one"}', 'name: {ge: "one"}', 'name: {contains: "n"}',
        'name: {notContains: "n"}', 'name: {beginsWith: "on"}', 'name: {between: ["a", "p"]}', 'name: {between: ["p", "a"]}', 'name: {attributeExists: true}',
        'code: {attributeExists: true}', 'code: {attributeExists: false}', 'name: {attributeType: string}', 'n: {attributeType: number}', 'n: {attributeType: string}',
        'flag: {attributeType: bool}', 'code: {attributeType: _null}', 'tags: {attributeType: list}', 'name: {size: {eq: 3}}', 'name: {size: {gt: 3}}',
        'name: {size: {between: [1, 3]}}', 'tags: {size: {eq: 2}}', 'tags: {contains: "a"}', 'tags: {notContains: "a"}', 'tags: {contains: "x"}', 'n: {eq: 7}',
        'n: {ne: 7}', 'n: {lt: 8}', 'n: {le: 6}', 'n: {gt: 6}', 'n: {ge: 8}', 'n: {between: [7, 7]}', 'f: {eq: 1.5}', 'f: {gt: 1}', 'flag: {eq: false}',
        'flag: {ne: false}', 'color: {eq: RED}', 'color: {ne: RED}', 'day: {eq: "2024-02-29"}', 'at: {eq: 1234}', 'json: {attributeType: map}', 'name: {eq: null}',
        'code: {eq: null}', 'code: {ne: null}', 'code: {eq: "x"}', 'code: {ne: "x"}', 'code: {contains: "x"}', 'code: {notContains: "x"}', 'code: {lt: "x"}',
        'name: {eq: "one", ne: "two"}', 'name: {eq: "one", lt: "a"}', 'name: {eq: "one"}, n: {eq: 8}', 'and: [{name: {eq: "one"}}, {n: {eq: 7}}]',
        'or: [{name: {eq: "x"}}, {n: {eq: 7}}]', 'or: [{name: {eq: "x"}}, {n: {eq: 8}}]', 'not: {name: {eq: "one"}}', 'not: {name: {eq: "two"}}',
        'not: {name: {eq: "one"}, n: {eq: 8}}', 'or: [{and: [{n: {gt: 1}}, {n: {lt: 3}}]}, {not: {flag: {eq: true}}}]', 'createdAt: {attributeExists: true}',
        'updatedAt: {gt: "2020"}', 'name: {eq: "one"}, or: [{n: {eq: 8}}, {n: {eq: 9}}]',
    ];
    script('conditions', [
        create('name: "one", id: "w", tags: ["a", "b"], code: null, flag: true'),
        ...CONDITIONS.map((each) => update('id: "w", required: [1]', `condition: {${each}}`)),
        create('name: "one", id: "fresh"', 'condition: {name: {eq: "one"}}'),
        create('name: "one", id: "fresh"', 'condition: {name: {attributeExists: false}}'),
        create('name: "one", id: "fresh"', 'condition: {name: {attributeExists: false}}'),
        remove('id: "w"', 'condition: {and: [{name: {eq: "one"}}, {tags: {contains: "c"}}]}'),
    ]);

    script('odd conditions', [
        create('name: "one", id: "o"'),
        ...['', 'name: {}', 'and: []', 'or: []', 'not: {}', 'and: [{}]', 'or: [{}, {name: {eq: "x"}}]', 
            'name: {size: {}}', 'name: {contains: ""}', 'name: {beginsWith: ""}', 'name: {contains: null}', 'name: {beginsWith: null}', 'name: {lt: null}',
            'name: {between: ["a", null]}', 'tags: {contains: null}', 'n: {le: null}', 'name: {size: {eq: null}}'].map((each) => update('id: "o", n: 1', `condition: {${each}}`)),
        update('id: "o", n: 1', 'condition: null'),
    ]);
});
