// Every validation rule of October 2021, valid and invalid, against graphql-js: the same acceptance,
// and problems where graphql-js places them first. AppSync runs graphql-java, whose places differ in
// a few rules (an argument instead of its value, the second of two equal names instead of the first);
// there the case says where, as [line, column].
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildSchema } from 'graphql';
import { Host, kind, reference } from './host.mjs';

const SDL = `
directive @onQuery on QUERY
directive @onMutation on MUTATION
directive @onSubscription on SUBSCRIPTION
directive @onField on FIELD
directive @onFragment on FRAGMENT_DEFINITION
directive @onSpread on FRAGMENT_SPREAD
directive @onInline on INLINE_FRAGMENT
directive @onVariable on VARIABLE_DEFINITION
directive @many repeatable on FIELD
directive @needs(a: Int!, b: Int! = 1, c: Color, d: [Int!]) on FIELD
scalar Any
enum Color { RED GREEN BLUE }
interface Being { name(surname: Boolean): String }
interface Pet implements Being { name(surname: Boolean): String  friends: [Pet] }
interface Canine implements Being { name(surname: Boolean): String }
type Dog implements Being & Pet & Canine { name(surname: Boolean): String friends: [Pet] nickname: String barks: Boolean barkVolume: Int owner: Human heard(at: [Int!]!): Boolean id: ID! list: [String] strict: [String!]! }
type Cat implements Being & Pet { name(surname: Boolean): String friends: [Pet] nickname: String meows: Boolean meowVolume: Int id: Int list: String }
type Human implements Being { name(surname: Boolean): String pets: [Pet] relatives: [Human]! }
type Alien implements Being { name(surname: Boolean): String numEyes: Int }
union DogOrHuman = Dog | Human
union CatOrDog = Cat | Dog
union HumanOrAlien = Human | Alien
input Inner { x: Int! y: Color = RED z: [Inner!] }
input Complex { required: Boolean! nonNull: Boolean! = false int: Int string: String bool: Boolean list: [String] inner: Inner }
type Args {
  int(v: Int): String nonNullInt(v: Int!): String string(v: String): String bool(v: Boolean): String float(v: Float): String id(v: ID): String color(v: Color): String
  list(v: [String]): String nonNullList(v: [Int!]): String nested(v: [[Int]]): String complex(v: Complex): String any(v: Any): String two(a: Int!, b: Int!): String optional(a: Int = 0, b: Int! = 0): String
  boolList(v: [Boolean]): Boolean nonNullColor(v: Color!): String stringNonNull(v: [String!]!): String
}
type Query { human(id: ID): Human alien: Alien dog: Dog cat: Cat pet: Pet being: Being catOrDog: CatOrDog dogOrHuman: DogOrHuman humanOrAlien: HumanOrAlien args: Args any: Any }
type Mutation { a: Int b: Int }
type Subscription { x: Int y: Dog }
`;
const schema = buildSchema(SDL);
const host = new Host();
before(async () => assert.deepEqual(await host.schema(SDL), { ok: true }));
after(async () => assert.equal(await host.close(), 0));

// [document] valid; [document, type, place?] invalid with one problem; [document, [types...]] several.
async function check([query, types, place]) {
  const ours = await host.send({ query, root: {} });
  const theirs = reference(schema, { query, root: {} });
  const label = `${query}: ${JSON.stringify(ours.problems ?? ours.error ?? ours.syntax)} / ${JSON.stringify(theirs.problems)}`;
  assert.notEqual(kind(theirs), 'syntax', label);
  assert.equal(kind(ours) === 'invalid', kind(theirs) === 'invalid', label);
  assert.equal(types !== undefined, kind(theirs) === 'invalid', `${label} was meant otherwise`);
  if (types === undefined) return;
  assert.deepEqual(ours.problems.map((p) => p.type), [types].flat(), label);
  const at = place ? { line: place[0], column: place[1] } : theirs.problems[0].locations[0];
  assert.deepEqual({ line: ours.problems[0].line, column: ours.problems[0].column }, at, label);
  const error = ours.body.errors[0];
  assert.deepEqual(Object.keys(error), ['path', 'locations', 'message']);
  assert.ok(error.message.startsWith(`Validation error of type ${ours.problems[0].type}: `));
}

function rule(name, cases) {
  test(name, async () => {
    const results = await Promise.allSettled(cases.map(check));
    const failed = results.filter((r) => r.status === 'rejected').map((r) => r.reason.message);
    assert.equal(failed.length, 0, failed.join('\n\n'));
  });
}

rule('executable definitions', [
  ['query Q { any }'], ['query Q { dog { ...f } } fragment f on Dog { name }'],
  ['query Q { any } type T { a: Int }', 'NonExecutableDefinition'], ['{ any } schema { query: Query }', 'NonExecutableDefinition'],
  ['{ any } extend type Dog { a: Int }', 'NonExecutableDefinition'], ['{ any } directive @d on FIELD', 'NonExecutableDefinition'], ['scalar S', 'NonExecutableDefinition'],
]);

rule('operation names', [
  ['query A { any }'], ['{ any }'], ['fragment f on Query { any } { ...f }'],
  ['query A { any } query A { any }', 'DuplicateOperationName', [1, 17]], ['query A { any } mutation A { a }', 'DuplicateOperationName', [1, 17]],
  ['{ any } { any }', 'LoneAnonymousOperationViolation', [1, 9]], ['{ any } query B { any }', 'LoneAnonymousOperationViolation', [1, 9]],
  ['query B { any } { any }', 'LoneAnonymousOperationViolation'], ['mutation { a } subscription { x }', 'LoneAnonymousOperationViolation', [1, 16]],
]);

rule('subscriptions have one root field', [
  ['subscription { x }'], ['subscription S { y { name } }'], ['subscription { ...f } fragment f on Subscription { x }'], ['subscription { x x }'], ['subscription { ... { x } ...f } fragment f on Subscription { x }'],
  ['subscription { x y { name } }', 'SubscriptionMultipleRootFields', [1, 1]], ['subscription { a: x b: x }', 'SubscriptionMultipleRootFields', [1, 1]],
  ['subscription { x ...f } fragment f on Subscription { y { name } }', 'SubscriptionMultipleRootFields', [1, 1]], ['subscription { x ... { y { name } } }', 'SubscriptionMultipleRootFields', [1, 1]],
  ['subscription { __typename }', 'SubscriptionIntrospectionRootField'], ['subscription { t: __typename }', 'SubscriptionIntrospectionRootField'],
  ['subscription { x __typename }', ['SubscriptionMultipleRootFields', 'SubscriptionIntrospectionRootField'], [1, 1]],
]);

rule('known types', [
  ['query ($a: String) { args { string(v: $a) } dog { ... on Pet { name } ...f } } fragment f on Canine { name }'],
  ['query ($a: Nope) { args { string(v: $a) } }', 'UnknownType'], ['query ($a: [Nope!]!) { args { string(v: $a) } }', 'UnknownType'], ['{ dog { ... on Nope { name } } }', 'UnknownType'],
  ['{ dog { ...f } } fragment f on Nope { name }', 'UnknownType'], ['query ($a: __Nope) { args { string(v: $a) } }', 'UnknownType'],
]);

rule('fragments on composite types', [
  ['{ dog { ...f ... on CatOrDog { __typename } ... { name } } } fragment f on Pet { name }'],
  ['{ dog { ...f } } fragment f on Color { name }', 'FragmentTypeConditionInvalid'], ['{ dog { ...f } } fragment f on Complex { name }', 'FragmentTypeConditionInvalid'], ['{ dog { ...f } } fragment f on Int { name }', 'FragmentTypeConditionInvalid'],
  ['{ dog { ... on Color { name } } }', 'InlineFragmentTypeConditionInvalid'], ['{ dog { ... on String { name } } }', 'InlineFragmentTypeConditionInvalid'],
]);

rule('variables are input types', [
  ['query ($a: String, $b: [Boolean!]!, $c: Complex, $d: Color, $e: Any) { args { string(v: $a) boolList(v: $b) complex(v: $c) color(v: $d) any(v: $e) } }'],
  ['query ($a: Dog) { args { string(v: $a) } }', ['NonInputTypeOnVariable', 'VariableTypeMismatch'], [1, 8]], ['query ($a: [[CatOrDog!]]!) { args { any(v: $a) } }', ['NonInputTypeOnVariable', 'VariableTypeMismatch'], [1, 8]],
  ['query ($a: Pet!) { args { string(v: $a) } }', ['NonInputTypeOnVariable', 'VariableTypeMismatch'], [1, 8]],
]);

rule('scalar leafs', [
  ['{ dog { barks } any }'], ['{ dog { owner { name } } }'],
  ['{ human }', 'SubSelectionRequired'], ['{ human { pets } }', 'SubSelectionRequired'], ['{ catOrDog }', 'SubSelectionRequired'], ['{ human { relatives } }', 'SubSelectionRequired'],
  ['{ dog { barks { x } } }', 'SubSelectionNotAllowed', [1, 9]], ['{ dog { name(surname: true) { x } } }', 'SubSelectionNotAllowed', [1, 9]], ['{ any @skip(if: true) { x } }', 'SubSelectionNotAllowed', [1, 3]],
]);

rule('fields on correct type', [
  ['{ dog { name n: name __typename } }'], ['{ pet { name friends { name } __typename } }'], ['{ catOrDog { __typename ... on Dog { barks } } }'], ['{ __schema { types { name } } __type(name: "Dog") { name } }'], ['{ __typename }'],
  ['{ dog { meows } }', 'FieldUndefined'], ['{ nope }', 'FieldUndefined'], ['{ dog { b: nope } }', 'FieldUndefined'], ['{ pet { barks } }', 'FieldUndefined'], ['{ catOrDog { name } }', 'FieldUndefined'], ['{ dog { ... on Cat { nope } } }', ['InvalidFragmentType', 'FieldUndefined']],
  ['{ dog { ...f } } fragment f on Dog { nope { deep } }', 'FieldUndefined'], ['{ dog { __schema { types { name } } } }', 'FieldUndefined'], ['mutation { __schema { types { name } } }', 'FieldUndefined'], ['{ dog { ... { nope } } }', 'FieldUndefined'], ['{ dog { nope { a { b } } } }', 'FieldUndefined'],
  ['{ catOrDog { ... on Pet { name nope } } }', 'FieldUndefined'], ['{ __type(name: "a") { nope } }', 'FieldUndefined'],
]);

rule('fragments: unique, known, used', [
  ['{ ...a ...b } fragment a on Query { any } fragment b on Query { any }'], ['{ ...a } fragment a on Query { ...b } fragment b on Query { any }'], ['query A { ...a } query B { ...a } fragment a on Query { any }'],
  ['{ ...a } fragment a on Query { any } fragment a on Query { any }', 'DuplicateFragmentName', [1, 38]], ['{ ...a }', 'UndefinedFragment', [1, 3]], ['{ dog { ... { ...a } } }', 'UndefinedFragment', [1, 15]], ['{ ...a } fragment a on Query { ...b }', 'UndefinedFragment', [1, 32]],
  ['{ any } fragment a on Query { any }', 'UnusedFragment'], ['{ any } fragment a on Query { ...b } fragment b on Query { any }', ['UnusedFragment', 'UnusedFragment']],
]);

rule('possible fragment spreads', [
  ['{ dog { ... on Dog { barks } } }'], ['{ pet { ... on Dog { barks } } }'], ['{ dog { ... on Pet { name } } }'], ['{ catOrDog { ... on Dog { barks } ... on Pet { name } } }'], ['{ pet { ... on Canine { name } } }'], ['{ catOrDog { ... on DogOrHuman { __typename } } }'], ['{ dogOrHuman { ... on CatOrDog { ... on Dog { barks } } } }'],
  ['{ being { ... on Pet { name } } }'], ['{ dog { ... on CatOrDog { ... on DogOrHuman { __typename } } } }'],
  ['{ dog { ... on Cat { meows } } }', 'InvalidFragmentType'], ['{ dog { ...f } } fragment f on Cat { meows }', 'InvalidFragmentType'], ['{ human { ... on Pet { name } } }', 'InvalidFragmentType'], ['{ pet { ... on HumanOrAlien { __typename } } }', 'InvalidFragmentType'],
  ['{ catOrDog { ... on HumanOrAlien { __typename } } }', 'InvalidFragmentType'], ['{ humanOrAlien { ... on Canine { name } } }', 'InvalidFragmentType'], ['{ cat { ... on Canine { name } } }', 'InvalidFragmentType'], ['{ dog { ... on Query { any } } }', 'InvalidFragmentType'],
]);

rule('no fragment cycles', [
  ['{ ...a } fragment a on Query { ...b ...b } fragment b on Query { any }'], ['{ dog { ...a } } fragment a on Dog { owner { pets { ...b } } } fragment b on Pet { name }'],
  ['{ ...a } fragment a on Query { ...a }', 'FragmentCycle', [1, 10]], ['{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }', 'FragmentCycle', [1, 10]], ['{ dog { ...a } } fragment a on Dog { owner { pets { ... on Dog { ...a } } } }', 'FragmentCycle', [1, 18]],
  ['{ ...a } fragment a on Query { ...b } fragment b on Query { ...c } fragment c on Query { ...b }', 'FragmentCycle', [1, 39]], ['{ any } fragment a on Query { ...b } fragment b on Query { ...a }', ['UnusedFragment', 'UnusedFragment', 'FragmentCycle'], [1, 9]],
]);

rule('variables: unique, defined, used', [
  ['query ($a: Int, $b: Int) { args { optional(a: $a) int(v: $b) } }'], ['query A($a: Int) { ...f } query B($a: Int) { ...f } fragment f on Query { args { int(v: $a) } }'], ['query ($a: Boolean!) { any @skip(if: $a) }'], ['query ($a: Boolean!) { ...f @skip(if: $a) } fragment f on Query { any }'],
  ['query ($a: Int!) { args { complex(v: { required: true, inner: { x: $a } }) list(v: ["a"]) } }'],
  ['query ($a: Int, $a: Int) { args { int(v: $a) } }', 'DuplicateVariableName', [1, 17]], ['{ args { int(v: $a) } }', 'UndefinedVariable'], ['query ($b: Int) { args { int(v: $a) } }', ['UndefinedVariable', 'UnusedVariable'], [1, 33]],
  ['{ ...f } fragment f on Query { args { int(v: $a) } }', 'UndefinedVariable'], ['query A($a: Int) { ...f } query B { ...f } fragment f on Query { args { int(v: $a) } }', 'UndefinedVariable'], ['{ args { complex(v: { required: $a }) } }', 'UndefinedVariable'], ['{ args { list(v: ["a", $a]) } }', 'UndefinedVariable'],
  ['{ any @include(if: $a) }', 'UndefinedVariable'], ['{ args { int(v: $a) nonNullInt(v: $b) } }', ['UndefinedVariable', 'UndefinedVariable']], ['query ($a: Int) { any }', 'UnusedVariable'], ['query ($a: Int, $b: Int) { any }', ['UnusedVariable', 'UnusedVariable']],
  ['query ($a: Int) { any } fragment f on Query { args { int(v: $a) } } query B { ...f }', ['LoneAnonymousOperationViolation', 'UnusedVariable', 'UndefinedVariable'], [1, 69]],
]);

rule('directives: known, placed, unique', [
  ['query @onQuery { any @onField }'], ['mutation @onMutation { a }'], ['subscription @onSubscription { x }'], ['{ ...f @onSpread ... @onInline { any } } fragment f on Query @onFragment { any }'], ['query ($a: Int @onVariable) { args { int(v: $a) } }'], ['{ any @many @many @many }'], ['{ any @skip(if: false) @include(if: true) }'], ['{ any @needs(a: 1) }'],
  ['{ any @nope }', 'UnknownDirective'], ['query @nope { any }', 'UnknownDirective'], ['query ($a: Int @nope) { args { int(v: $a) } }', 'UnknownDirective'], ['{ any @onQuery }', 'MisplacedDirective'], ['query @onField { any }', 'MisplacedDirective'], ['mutation @onQuery { a }', 'MisplacedDirective'], ['query ($a: Int @onField) { args { int(v: $a) } }', 'MisplacedDirective'],
  ['{ ... @onSpread { any } }', 'MisplacedDirective'], ['{ ...f @onInline } fragment f on Query { any }', 'MisplacedDirective'], ['{ ...f } fragment f on Query @onSpread { any }', 'MisplacedDirective'], ['{ any @deprecated }', 'MisplacedDirective'], ['{ any @skip(if: true) @skip(if: false) }', 'DuplicateDirectiveName', [1, 23]], ['{ any @onField @onField }', 'DuplicateDirectiveName', [1, 16]],
  ['{ nope @nope }', ['UnknownDirective', 'FieldUndefined'], [1, 8]],
]);

rule('arguments: known, unique, provided', [
  ['{ dog { name(surname: true) } }'], ['{ args { two(a: 1, b: 2) optional optional2: optional(b: 1) } }'], ['{ any @needs(a: 1, b: 2) }'],
  ['{ dog { name(nope: true) } }', 'UnknownArgument'], ['{ any(x: 1) }', 'UnknownArgument'], ['{ dog { name(surname: true, nope: 1) } }', 'UnknownArgument'], ['{ any @skip(if: true, nope: 1) }', 'UnknownDirective'], ['{ __type(name: "a", nope: 1) { name } }', 'UnknownArgument'],
  ['{ dog { name(surname: true, surname: true) } }', 'DuplicateArgumentNames', [1, 29]], ['{ any @skip(if: true, if: true) }', 'DuplicateArgumentNames', [1, 23]], ['{ dog { name(surname: true, surname: false, surname: true) } }', ['DuplicateArgumentNames', 'DuplicateArgumentNames'], [1, 29]],
  ['{ args { nonNullInt } }', 'MissingFieldArgument'], ['{ args { two } }', ['MissingFieldArgument', 'MissingFieldArgument']], ['{ args { two(a: 1) } }', 'MissingFieldArgument'], ['{ any @skip }', 'MissingDirectiveArgument'], ['{ any @needs }', 'MissingDirectiveArgument'], ['{ any @include(if: null) }', 'WrongType', [1, 16]], ['{ __type { name } }', 'MissingFieldArgument'],
  ['{ args { two(c: 1) } }', ['UnknownArgument', 'MissingFieldArgument', 'MissingFieldArgument']],
]);

const good = { int: ['1', '-1', 'null'], nonNullInt: ['1'], string: ['"a"', '"""a"""', 'null'], bool: ['true', 'null'], float: ['1', '1.5', '-1e3', 'null'], id: ['1', '"1"', '123456789012345678901234567890', 'null'], color: ['RED', 'null'],
  list: ['["a"]', '[]', '[null, "a"]', '"a"', 'null'], nonNullList: ['[1]', '1', 'null'], nested: ['[[1]]', '[1]', '1', '[null]', '[[1, null], null]'], any: ['1', '"a"', 'RED', '[1, {a: RED}]', '{a: {b: null}}', 'null', '1.5'],
  complex: ['{required: true}', '{required: true, nonNull: true, int: 1, string: "a", bool: false, list: ["a"], inner: {x: 1}}', '{required: false, list: "a", inner: {x: 1, y: null, z: {x: 2}}}', 'null', '{required: true, inner: {x: 1, z: [{x: 1, y: BLUE}]}}', '{required: true, int: null}'] };
const bad = { int: ['"1"', '1.0', '2147483648', '-2147483649', 'true', 'ONE', '[1]', '{a: 1}', '1e3'], nonNullInt: ['null', '"a"'], string: ['1', '1.5', 'true', 'BAR', '["a"]', '{}'], bool: ['1', '0', '"true"', 'TRUE', '1.0', '[true]'], float: ['"1.5"', 'true', 'ONE'],
  id: ['1.0', 'true', 'ID', '{}'], color: ['"RED"', 'red', 'NOPE', '1', 'true', '[RED]'], list: ['[1]', '1', '["a", 2]', '{}'], nonNullList: ['[null]', '["a"]', '[1, null]', '"a"'], nested: ['["a"]', '[["a"]]', '[[[1]]]'],
  complex: ['{}', '{required: null}', '{required: true, nonNull: null}', '{required: true, nope: 1}', '{required: "a"}', '{required: true, list: [1]}', '{required: true, inner: {}}', '{required: true, inner: {x: "1"}}', '{required: true, inner: {x: 1, y: "RED"}}', '{required: true, inner: {x: 1, z: [{x: 1}, {}]}}', '1', '"a"', '[{required: true}]', '[]', 'RED'], nonNullColor: ['null', '1'], stringNonNull: ['null', '[null]', '["a", null]'] };
rule('values of correct type', [
  ...Object.entries(good).flatMap(([f, values]) => values.map((v) => [`{ args { ${f}(v: ${v}) } }`])),
  ...Object.entries(bad).flatMap(([f, values]) => values.map((v) => [`{ args { ${f}(v: ${v}) } }`, 'WrongType', [1, 11 + f.length]])),
  ['{ any @needs(a: "1") }', 'WrongType', [1, 14]], ['{ any @needs(a: 1, c: "RED") }', 'WrongType', [1, 20]], ['{ any @skip(if: "true") }', 'WrongType', [1, 13]], ['{ args { two(a: "1", b: "2") } }', ['WrongType', 'WrongType'], [1, 14]],
]);

rule('default values of variables', [
  ['query ($a: Int = 1, $b: [String] = "x", $c: Complex = {required: true}, $d: Int = null) { args { int(v: $a) list(v: $b) complex(v: $c) i2: int(v: $d) } }'], ['query ($a: Int! = 1) { args { int(v: $a) } }'], ['query ($a: [[Int]] = [[1], 2, null]) { args { nested(v: $a) } }'],
  ...[['Int', '"1"'], ['Int!', 'null'], ['[Int!]', '[1, null]'], ['[[Int]]', '[["a"]]'], ['[[Int]!]', '[[1], null]'], ['Color', '"RED"'], ['Complex', '{}'], ['Complex', '{required: true, nope: 1}'], ['[Complex]', '[{required: 1}]']].map(([type, value]) => [`query ($a: ${type} = ${value}) { any @many ...f } fragment f on Query { args { any(v: {a: $a}) } }`, 'BadValueForDefaultArg', [1, 8]]),
]);

rule('unique input field names', [
  ['{ args { complex(v: {required: true, inner: {x: 1}}) } }'], ['{ args { any(v: [{a: 1}, {a: 1}]) } }'], ['{ args { any(v: {a: {a: {a: 1}}}) } }'],
  ['{ args { complex(v: {required: true, required: true}) } }', 'UniqueObjectFieldName', [1, 38]], ['{ args { complex(v: {required: true, inner: {x: 1, x: 2}}) } }', 'UniqueObjectFieldName', [1, 52]], ['{ args { any(v: {a: 1, b: 2, a: 3}) } }', 'UniqueObjectFieldName', [1, 30]], ['query ($a: Any = {a: 1, a: 2}) { args { any(v: $a) } }', 'UniqueObjectFieldName', [1, 25]],
]);

const at = (type, field, rest = '') => `query ($a: ${type}) { args { ${field} } ${rest} }`;
rule('variables in allowed position', [
  ...[['Int', 'int(v: $a)'], ['Int!', 'int(v: $a)'], ['Int = 1', 'nonNullInt(v: $a)'], ['Int!', 'nonNullInt(v: $a)'], ['Int', 'optional(b: $a)'], ['[String]', 'list(v: $a)'], ['[String!]!', 'list(v: $a)'], ['String', 'list(v: [$a])'], ['[[Int]]', 'nested(v: $a)'], ['[Int]', 'nested(v: [$a])'], ['Int', 'nested(v: [[$a, 1]])'],
    ['Boolean!', 'complex(v: {required: $a})'], ['Boolean', 'complex(v: {required: true, nonNull: $a})'], ['Boolean = true', 'complex(v: {required: $a})'], ['Int!', 'complex(v: {required: true, inner: {x: 1, z: [{x: $a}]}})'], ['Int!', 'complex(v: {required: true, inner: {x: 1, z: {x: $a}}})'], ['Color', 'color(v: $a)'], ['String', 'any(v: {x: $a})'], ['[Int!]', 'nonNullList(v: $a)'], ['Int!', 'nonNullList(v: [$a])'],
  ].map(([type, field]) => [at(type, field)]),
  [at('Boolean!', 'int', 'any @include(if: $a)')], [at('Boolean = false', 'int', 'any @include(if: $a)')],
  ...[['Int', 'nonNullInt(v: $a)'], ['Int = null', 'nonNullInt(v: $a)'], ['String', 'int(v: $a)'], ['Int', 'float(v: $a)'], ['ID', 'string(v: $a)'], ['String', 'list(v: $a)'], ['[String]', 'string(v: $a)'], ['[Int]', 'nonNullList(v: $a)'], ['Int', 'nonNullList(v: [$a])'], ['Boolean', 'complex(v: {required: $a})'], ['String', 'color(v: $a)'], ['Complex', 'any(v: $a)'],
    ['[[String]]', 'list(v: $a)'], ['Int', 'complex(v: {required: true, inner: {x: $a}})'], ['[String]', 'stringNonNull(v: $a)'], ['[String!]', 'stringNonNull(v: $a)'], ['[Int]', 'nested(v: [[$a]])'],
  ].map(([type, field]) => [at(type, field), 'VariableTypeMismatch', [1, at(type, field).lastIndexOf('$a') + 1]]),
  [at('Boolean', 'int', 'any @include(if: $a)'), 'VariableTypeMismatch', [1, 53]], ['query ($a: Int) { ...f } fragment f on Query { args { string(v: $a) } }', 'VariableTypeMismatch', [1, 65]], ['query ($a: String) { any @needs(a: $a) }', 'VariableTypeMismatch', [1, 36]],
]);

rule('overlapping fields can be merged', [
  ['{ dog { name name } }'], ['{ dog { a: name a: name } }'], ['{ dog { name(surname: true) name(surname: true) } }'], ['{ dog { a: name b: nickname } }'], ['{ pet { ... on Dog { a: name } ... on Cat { a: nickname } } }'], ['{ dog { owner { name } owner { n: name name } } }'], ['{ pet { ... on Dog { v: barkVolume } ... on Cat { v: meowVolume } } }'],
  ['query ($a: Boolean) { dog { name(surname: $a) name(surname: $a) } }'], ['{ pet { ... on Dog { name(surname: true) } ... on Cat { name(surname: false) } } }'], ['{ args { complex(v: {required: true, int: 1}) complex(v: {int: 1, required: true}) } }'], ['{ dog { ...f name } } fragment f on Dog { name ...g } fragment g on Dog { name }'], ['{ args { any(v: [1, 2]) any(v: [1, 2]) } }'],
  ['{ pet { ... on Dog { friends { n: name } } ... on Cat { friends { n: name } } } }'], ['{ dog { name @skip(if: true) name @include(if: false) } }'], ['{ dog { name @onField name } }'], ['{ args { two(a: 1, b: 2) two(b: 2, a: 1) } }'], ['{ human { a: relatives { name } a: relatives { n: name } } }'],
  ['{ dog { a: name a: nickname } }', 'FieldsConflict'], ['{ dog { name: nickname name } }', 'FieldsConflict'], ['{ dog { name name(surname: true) } }', 'FieldsConflict'], ['{ dog { name(surname: true) name(surname: false) } }', 'FieldsConflict'], ['{ pet { name ... on Dog { name: nickname } } }', 'FieldsConflict'],
  ['{ pet { ... on Dog { name } ... on Pet { name(surname: true) } } }', 'FieldsConflict'], ['{ dog { ...a ...b } } fragment a on Dog { x: name } fragment b on Dog { x: nickname }', 'FieldsConflict', [1, 43]], ['{ pet { ... on Dog { x: barks } ... on Cat { x: meowVolume } } }', 'FieldsConflict'], ['{ pet { ... on Dog { x: id } ... on Cat { x: id } } }', 'FieldsConflict'],
  ['{ pet { ... on Dog { x: list } ... on Cat { x: list } } }', 'FieldsConflict'], ['{ dog { x: list x: strict } }', 'FieldsConflict'], ['{ dog { owner { a: name } owner { a: pets { name } } } }', 'FieldsConflict', [1, 17]], ['{ pet { ... on Dog { friends { n: name } } ... on Cat { friends { n: __typename } } } }'],
  ['{ pet { ... on Dog { friends { n: name } } ... on Pet { friends { n: __typename } } } }', 'FieldsConflict', [1, 32]], ['{ args { any(v: 1) any(v: 2) } }', 'FieldsConflict'], ['{ args { any(v: [1, 2]) any(v: [2, 1]) } }', 'FieldsConflict'], ['{ args { any(v: {a: 1}) any(v: {b: 1}) } }', 'FieldsConflict'], ['{ args { any(v: "1") any(v: 1) } }', 'FieldsConflict'], ['{ args { any(v: RED) any(v: "RED") } }', 'FieldsConflict'],
  ['query ($a: Boolean, $b: Boolean) { dog { name(surname: $a) name(surname: $b) } }', 'FieldsConflict'], ['{ dog { owner { ...h } ...d } } fragment h on Human { x: name } fragment d on Dog { owner { x: __typename } }', 'FieldsConflict', [1, 55]], ['{ a: any a: __typename }', 'FieldsConflict'], ['{ ...f } fragment f on Query { dog { x: name ... on Dog { x: nickname } } }', 'FieldsConflict', [1, 38]],
  ['{ being { ... on Dog { x: owner { n: name } } ... on Human { x: relatives { n: name } } } }', 'FieldsConflict'], ['{ being { ... on Human { x: pets { n: name } } ... on Dog { x: friends { n: __typename } } } }'],
]);

// What AppSync prints, from published threads and from graphql-java 8 to 16.
test('texts', async () => {
  const texts = [
    ['{badfield}', "Validation error of type FieldUndefined: Field 'badfield' in type 'Query' is undefined @ 'badfield'"],
    ['{ dog { owner { nope } } }', "Validation error of type FieldUndefined: Field 'nope' in type 'Human' is undefined @ 'dog/owner/nope'"],
    ['{ dog { ...f } } fragment f on Dog { nope }', "Validation error of type FieldUndefined: Field 'nope' in type 'Dog' is undefined @ 'f/nope'"],
    ['{ any(x: 1) }', "Validation error of type UnknownArgument: Unknown field argument x @ 'any'"],
    ['{ args { nonNullInt } }', "Validation error of type MissingFieldArgument: Missing field argument v @ 'args/nonNullInt'"],
    ['{ human { relatives } }', "Validation error of type SubSelectionRequired: Sub selection required for type [Human]! of field relatives @ 'human/relatives'"],
    ['{ any { x } }', "Validation error of type SubSelectionNotAllowed: Sub selection not allowed on leaf type Any of field any @ 'any'"],
    ['query ($a: ModelPortalAccountConditionInput) { args { any(v: $a) } }', 'Validation error of type UnknownType: Unknown type ModelPortalAccountConditionInput'],
    ['query ($a: String!) { args { id(v: $a) } }', "Validation error of type VariableTypeMismatch: Variable type 'String!' doesn't match expected type 'ID' @ 'args/id'"],
    ['{ args { complex(v: {string: "test"}) } }', "Validation error of type WrongType: argument 'v' with value 'ObjectValue{objectFields=[ObjectField{name='string', value=StringValue{value='test'}}]}' is missing required fields '[required]' @ 'args/complex'"],
    ['{ args { int(v: "1") } }', "Validation error of type WrongType: argument 'v' with value 'StringValue{value='1'}' is not a valid 'Int' @ 'args/int'"],
    ['{ args { complex(v: {required: true, list: ["a", 1]}) } }', "Validation error of type WrongType: argument 'v.list[1]' with value 'IntValue{value=1}' is not a valid 'String' @ 'args/complex'"],
    ['{ args { complex(v: {required: true, nope: [1.5, null, true, RED]}) } }', "Validation error of type WrongType: argument 'v' with value 'ObjectValue{objectFields=[ObjectField{name='required', value=BooleanValue{value=true}}, ObjectField{name='nope', value=ArrayValue{values=[FloatValue{value=1.5}, NullValue{}, BooleanValue{value=true}, EnumValue{name='RED'}]}}]}' contains a field not in 'Complex': 'nope' @ 'args/complex'"],
    ['{ args { nonNullInt(v: null) } }', "Validation error of type WrongType: argument 'v' with value 'NullValue{}' must not be null @ 'args/nonNullInt'"],
    ['{ args { int(v: $a) } }', "Validation error of type UndefinedVariable: Undefined variable a @ 'args/int'"],
    ['query ($a: Int) { any }', 'Validation error of type UnusedVariable: Unused variable a'],
    ['{ ...f }', 'Validation error of type UndefinedFragment: Undefined fragment f'],
    ['{ dog { ...f } } fragment f on Cat { meows }', "Validation error of type InvalidFragmentType: Fragment f cannot be spread here as objects of type Dog can never be of type Cat @ 'dog'"],
    ['{ any @nope }', "Validation error of type UnknownDirective: Unknown directive nope @ 'any'"],
  ];
  for (const [query, message] of texts) {
    const { body } = await host.send({ query });
    assert.equal(body.errors[0].message, message);
    assert.equal(body.data, null);
    assert.equal(body.errors[0].path, null);
  }
});

test('choosing the operation', async () => {
  const two = 'query A { any } query B { any }';
  assert.equal((await host.send({ query: two })).error, 'Must provide operation name if query contains multiple operations.');
  assert.equal((await host.send({ query: two, operationName: 'C' })).error, "Unknown operation named 'C'.");
  assert.deepEqual((await host.send({ query: two, operationName: 'B', root: { any: 7 } })).body, { data: { any: 7 } });
  assert.deepEqual((await host.send({ query: '{ any }', operationName: 'A' })).body.errors, [{ path: null, locations: null, message: "Unknown operation named 'A'." }]);
});
