// Projections of indexes, declared and renamed timestamps, unusual defaults and names.
import { compareSuite } from './lib/both.mjs';

const RULES = '@auth(rules: [{ allow: public, provider: apiKey }])';
const sorted = (text) => [text, {}, { sorted: true }];

compareSuite('special', `
enum Kind { A B }
type Shown @model ${RULES} {
  a: String @index(name: "keysOnly", queryField: "shownKeys", projection: { type: KEYS_ONLY })
  b: String @index(name: "some", queryField: "shownSome", sortKeyFields: ["c"], projection: { type: INCLUDE, nonKeyAttributes: ["d"] })
  c: Int
  d: String
  e: String
  must: String!
}
type Stamped @model ${RULES} { text: String createdAt: AWSDateTime updatedAt: AWSDateTime! }
type Texts @model ${RULES} { text: String createdAt: String! updatedAt: String }
type Renamed @model(timestamps: { createdAt: "madeAt", updatedAt: "changedAt" }) ${RULES} { text: String }
type Plain @model(timestamps: null) ${RULES} { text: String }
type Named @model(queries: { get: "oneNamed", list: "manyNamed" }, mutations: { create: "makeNamed", update: "changeNamed", delete: "dropNamed" }) ${RULES} { text: String }
type Defaults @model ${RULES} {
  s: String @default(value: "with 'single' and a \\\\ in it") empty: String @default(value: "") i: Int @default(value: "-5") f: Float @default(value: "1e3") b: Boolean @default(value: "true")
  kind: Kind @default(value: "B") date: AWSDate @default(value: "2024-01-01") time: AWSTime @default(value: "10:00:00.000Z") email: AWSEmail @default(value: "a@b.co") url: AWSURL @default(value: "https://a.example")
  list: AWSJSON @default(value: "[1,{\\"a\\":null}]") obj: AWSJSON @default(value: "{\\"a\\":{\\"b\\":[true,1.5,\\"x\\"]}}")
  id2: ID @default(value: "7") key: String @default(value: "k") @index(name: "byKey", sortKeyFields: ["num", "tail"], queryField: "defaultsByKey") num: Int @default(value: "3") tail: String @default(value: "t")
}
type Size @model ${RULES} { size: Int @index(name: "bySize", queryField: "bySize") name: String value: String count: Int order: Int }
`, (script) => {
    script('projections', [
        ...['1', '2', '3'].map((id) => `mutation { createShown(input: {id: "${id}", a: "a", b: "b", c: ${id}, d: "d${id}", e: "e", must: "m"}) { id } }`),
        sorted('query { shownKeys(a: "a") { items { id a } } }'),
        sorted('query { shownKeys(a: "a") { items { id a c d e } } }'),
        'query { shownSome(b: "b") { items { id b c d } } }',
        'query { shownSome(b: "b", c: {gt: 1}) { items { id b c d e } } }',
        'query { shownSome(b: "b", filter: {d: {eq: "d2"}}) { items { id } } }',
        'query { shownSome(b: "b", filter: {e: {eq: "e"}}) { items { id } } }',
        'query { shownSome(b: "b", limit: 1) { items { id must } } }',
        'query { shownSome(b: "b") { items { id createdAt } } }',
    ]);
    script('timestamps', [
        'mutation { createStamped(input: {id: "1", text: "t"}) { createdAt updatedAt } }',
        'mutation { createStamped(input: {id: "2", createdAt: "2020-01-01T00:00:00Z", updatedAt: "2020-01-02T00:00:00.5Z"}) { createdAt updatedAt } }',
        'mutation { createStamped(input: {id: "3", createdAt: null}) { createdAt updatedAt } }',
        'mutation { createStamped(input: {id: "4", updatedAt: null}) { createdAt } }',
        'mutation { updateStamped(input: {id: "1", text: "u"}) { text createdAt updatedAt } }',
        'mutation { updateStamped(input: {id: "1", updatedAt: "2021-01-01T00:00:00+02:00"}) { createdAt updatedAt } }',
        'mutation { updateStamped(input: {id: "1", createdAt: null}) { createdAt } }',
        'mutation { updateStamped(input: {id: "1", updatedAt: null}) { text } }',
        'mutation { updateStamped(input: {id: "1", updatedAt: null}) { updatedAt } }',
        'mutation { createTexts(input: {id: "1", text: "t"}) { text createdAt updatedAt } }',
        'mutation { createTexts(input: {id: "2", createdAt: "any", updatedAt: "thing"}) { createdAt updatedAt } }',
        'mutation { updateTexts(input: {id: "2", text: "x"}) { createdAt updatedAt } }',
        'mutation { createRenamed(input: {id: "1", text: "t"}) { text madeAt changedAt } }',
        'mutation { updateRenamed(input: {id: "1", text: "u"}) { text madeAt changedAt } }',
        'mutation { createPlain(input: {id: "1", text: "t"}) { id text } }',
        'mutation { updatePlain(input: {id: "1", text: "u"}) { id text } }',
        'mutation { updatePlain(input: {id: "1"}) { id text } }',
        'mutation { updatePlain(input: {id: "2"}) { id text } }',
    ]);
    script('names', [
        'mutation { makeNamed(input: {id: "1", text: "t"}) { id text } }',
        'query { oneNamed(id: "1") { text } manyNamed { items { id } } }',
        'mutation { changeNamed(input: {id: "1", text: "u"}) { text } }',
        'mutation { dropNamed(input: {id: "1"}) { text } }',
        'mutation { createSize(input: {id: "1", size: 3, name: "n", value: "v", count: 1, order: 2}) { size name value count order } }',
        'query { bySize(size: 3, filter: {name: {size: {eq: 1}}, value: {beginsWith: "v"}, count: {gt: 0}}) { items { id size } } }',
        'mutation { updateSize(input: {id: "1", order: null, value: "w"}, condition: {name: {eq: "n"}, order: {eq: 2}}) { size name value count order } }',
    ]);
    const D = 's empty i f b kind date time email url list obj id2 key num tail';
    script('defaults', [
        `mutation { createDefaults(input: {id: "1"}) { ${D} } }`,
        `mutation { createDefaults(input: {id: "2", s: null, empty: null, list: null, num: null}) { ${D} } }`,
        `mutation { createDefaults(input: {id: "3", num: 10}) { ${D} } }`,
        `mutation { createDefaults(input: {id: "4", key: "other", tail: "z"}) { ${D} } }`,
        sorted('query { defaultsByKey(key: "k") { items { id num tail } } }'),
        sorted('query { defaultsByKey(key: "k", numTail: {beginsWith: {num: 3}}) { items { id num tail } } }'),
        'query { defaultsByKey(key: "other", numTail: {eq: {num: 3, tail: "z"}}) { items { id num tail } } }',
        `mutation { updateDefaults(input: {id: "1", s: null, num: 5, tail: "t"}) { ${D} } }`,
    ]);
});
