// The shape of errors and of whole-request refusals over HTTP. There is no official implementation
// to run for these: the expectations are AppSync's own, from its documentation and from recorded
// answers.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serve } from './lib/ampd.mjs';

const SDL = `
enum Level { LOW HIGH }
type Geo { lat: Float! tags: [String] }
type Node @model @auth(rules: [{ allow: public, provider: apiKey }]) {
  name: String! level: Level geo: Geo count: Int flt: Float flag: Boolean json: AWSJSON day: AWSDate
  parentId: ID parent: Node @belongsTo(references: ["parentId"]) kids: [Node] @hasMany(references: ["parentId"])
}
type Hidden @model @auth(rules: [{ allow: public, provider: identityPool }]) { name: String }
`;
let api;
before(async () => {
    api = await serve(SDL, ['apiKey', 'userPool']);
});
after(() => api?.stop());

const refusal = (errorType, message) => `{\n  "errors" : [ {\n    "errorType" : "${errorType}",\n    "message" : "${message}"\n  } ]\n}`;

async function answer(body, headers) {
    const response = await api.post(body, headers);
    return { status: response.status, type: response.headers.get('x-amzn-errortype'), text: await response.text(), headers: response.headers };
}

describe('refusals of whole requests', () => {
    const query = JSON.stringify({ query: '{ listNodes { items { id } } }' });
    const CREDENTIALS = [
        ['none', {}, 'Valid authorization header not provided.'],
        ['an unknown key', { 'x-api-key': 'da2-nothing' }, 'You are not authorized to make this call.'],
        ['an empty key', { 'x-api-key': '' }, 'Valid authorization header not provided.'],
        ['an empty authorization', { authorization: '' }, 'Valid authorization header not provided.'],
    ];
    for (const [what, headers, message] of CREDENTIALS) {
        test(`credentials: ${what}`, async () => {
            const { status, type, text, headers: got } = await answer(query, headers);
            assert.equal(status, 401);
            assert.equal(type, 'UnauthorizedException');
            assert.equal(text, refusal('UnauthorizedException', message));
            assert.match(got.get('access-control-expose-headers') ?? '', /x-amzn-errortype/i);
            assert.equal(got.get('access-control-allow-origin'), '*');
            assert.ok(got.get('x-amzn-requestid'));
        });
    }
    const BODIES = [
        ['', 'Request body is empty.'],
        ['  ', 'Request body is empty.'],
        ['{}', 'Unable to parse GraphQL query.'],
        ['{"query": null}', 'Unable to parse GraphQL query.'],
        ['{"query": ""}', 'Unable to parse GraphQL query.'],
        ['{"query": 5}', 'Unable to parse GraphQL query.'],
    ];
    for (const [body, message] of BODIES) {
        test(`body: ${JSON.stringify(body)}`, async () => {
            const { status, type, text } = await answer(body);
            assert.equal(status, 400);
            assert.equal(type, 'MalformedHttpRequestException');
            assert.equal(JSON.parse(text).errors[0].errorType, 'MalformedHttpRequestException');
            assert.equal(JSON.parse(text).errors[0].message, message);
        });
    }
    for (const body of ['{', '[]', '[{"query":"{ a }"}]', '"x"', '{"query":"{ listNodes { nextToken } }","variables":[]}', '{"query":"{ listNodes { nextToken } }","variables":"x"}']) {
        test(`body: ${body}`, async () => {
            const { status, type, text } = await answer(body);
            assert.equal(status, 400);
            assert.equal(type, 'MalformedHttpRequestException');
            assert.equal(JSON.parse(text).errors[0].message, 'Unable to parse GraphQL query.');
            assert.ok(JSON.parse(text).errors[0].errorInfo, 'says what is wrong');
        });
    }
    test('a syntax error', async () => {
        const { status, text } = await answer(JSON.stringify({ query: '{ listNodes {' }));
        assert.equal(status, 400);
        assert.equal(JSON.parse(text).errors[0].message, 'Unable to parse GraphQL query.');
    });
    test('operation names', async () => {
        const two = 'query A { listNodes { nextToken } } query B { getNode(id: "x") { id } }';
        assert.equal((await answer(JSON.stringify({ query: two }))).status, 400);
        assert.equal(JSON.parse((await answer(JSON.stringify({ query: two }))).text).errors[0].message, 'Missing operation name.');
        assert.equal((await answer(JSON.stringify({ query: two, operationName: 'C' }))).status, 400);
        assert.deepEqual(JSON.parse((await answer(JSON.stringify({ query: two, operationName: 'B' }))).text), { data: { getNode: null } });
    });
    test('GET', async () => {
        const get = (parameters) => fetch(`${api.endpoint}?${new URLSearchParams(parameters)}`, { headers: { 'x-api-key': api.key } });
        const query = 'query One($id: ID!) { getNode(id: $id) { id } } query Two { listNodes { nextToken } }';
        assert.deepEqual(await (await get({ query, operationName: 'One', variables: '{"id":"none"}' })).json(), { data: { getNode: null } });
        assert.equal((await get({ query, operationName: 'One' })).status, 200);
        assert.equal((await get({ query })).status, 400);
        assert.equal((await get({ variables: '{}' })).status, 400);
        assert.equal((await get({ query, operationName: 'One', variables: '{' })).status, 400);
        assert.equal((await fetch(`${api.endpoint}?query={__typename}`)).status, 401);
    });
    test('a subscription', async () => {
        const { status, text } = await answer(JSON.stringify({ query: 'subscription { onCreateNode { id } }' }));
        assert.equal(status, 400);
        assert.equal(JSON.parse(text).errors[0].errorType, 'OperationNotSupported');
    });
});

// Runs a document; the errors as [path, errorType, message], and the data.
async function failing(query, variables) {
    const { status, text } = await answer(JSON.stringify({ query, variables }));
    assert.equal(status, 200);
    const { data, errors = [] } = JSON.parse(text);
    return { data, errors };
}

describe('field errors', () => {
    test('the members and their order', async () => {
        const { text } = await answer(JSON.stringify({ query: '{\n  getHidden(id: "1") { id }\n}' }));
        assert.equal(text, '{"data":{"getHidden":null},"errors":[{"path":["getHidden"],"data":null,"errorType":"Unauthorized","errorInfo":null,'
            + '"locations":[{"line":2,"column":3,"sourceName":null}],"message":"Not Authorized to access getHidden on type Query"}]}');
    });
    test('a null in a place that takes none, and the nulls above it', async () => {
        await failing('mutation { createNode(input: {id: "n", name: "n"}) { id } }');
        await failing('mutation { updateNode(input: {id: "n", name: null}) { id } }');
        const { data, errors } = await failing('{ listNodes { items { id name } } getNode(id: "n") { id } }');
        assert.deepEqual(data, { listNodes: { items: [null] }, getNode: { id: 'n' } });
        assert.deepEqual(errors, [{
            path: ['listNodes', 'items', 0, 'name'], locations: null,
            message: "Cannot return null for non-nullable type: 'String' within parent 'Node' (/listNodes/items[0]/name)",
        }]);
        await failing('mutation { deleteNode(input: {id: "n"}) { id } }');
    });
    test('partial success; mutations in sequence', async () => {
        const { data, errors } = await failing('mutation { a: createNode(input: {id: "s", name: "1"}) { name } b: createNode(input: {id: "s", name: "2"}) { name } c: updateNode(input: {id: "s", name: "3"}) { name } }');
        assert.deepEqual(data, { a: { name: '1' }, b: null, c: { name: '3' } });
        assert.deepEqual(errors.map(({ path }) => path), [['b']]);
    });
});

describe('validation', () => {
    const VALIDATION = [
        ['{ x }', "Validation error of type FieldUndefined: Field 'x' in type 'Query' is undefined @ 'x'"],
        ['{ getNode(id: "1") { x } }', "Validation error of type FieldUndefined: Field 'x' in type 'Node' is undefined @ 'getNode/x'"],
        ['{ getNode(id: "1", a: 1) { id } }', "Validation error of type UnknownArgument: Unknown field argument a @ 'getNode'"],
        ['{ getNode { id } }', "Validation error of type MissingFieldArgument: Missing field argument id @ 'getNode'"],
        ['{ getNode(id: "1") }', /^Validation error of type SubSelectionRequired: /],
        ['{ getNode(id: "1") { id { x } } }', /^Validation error of type SubSelectionNotAllowed: /],
        ['query ($a: Nothing) { getNode(id: $a) { id } }', /^Validation error of type UnknownType: /],
        ['{ getNode(id: $a) { id } }', /^Validation error of type UndefinedVariable: /],
        ['query ($a: Int) { getNode(id: $a) { id } }', /^Validation error of type VariableTypeMismatch: /],
        ['mutation { createNode(input: {name: 5}) { id } }', /^Validation error of type WrongType: /],
        ['mutation { createNode(input: {name: "x", colour: "red"}) { id } }', /^Validation error of type WrongType: /],
        ['mutation { createNode(input: {}) { id } }', /^Validation error of type WrongType: /],
        ['{ listNodes(filter: {level: {eq: MIDDLE}}) { nextToken } }', /^Validation error of type WrongType: /],
    ];
    for (const [query, message] of VALIDATION) {
        test(query, async () => {
            const { data, errors } = await failing(query);
            assert.equal(data, null);
            assert.ok(errors.length >= 1);
            assert.deepEqual(Object.keys(errors[0]), ['path', 'locations', 'message']);
            assert.equal(errors[0].path, null);
            assert.deepEqual(Object.keys(errors[0].locations[0]), ['line', 'column', 'sourceName']);
            if (typeof message === 'string') {
                assert.equal(errors[0].message, message);
            } else {
                assert.match(errors[0].message, message);
            }
        });
    }
});

describe('variables', () => {
    const CREATE = 'mutation ($input: CreateNodeInput!) { createNode(input: $input) { id } }';
    const LIST = 'query ($limit: Int, $filter: ModelNodeFilterInput) { listNodes(limit: $limit, filter: $filter) { nextToken } }';
    const GET = 'query ($id: ID!) { getNode(id: $id) { id } }';
    const WRONG = [
        [GET, {}, "Variable 'id' has coerced Null value for NonNull type 'ID!'"],
        [GET, { id: null }, "Variable 'id' has coerced Null value for NonNull type 'ID!'"],
        [GET, { id: { a: 1 } }, "Variable 'id' has an invalid value."],
        [GET, { id: true }, "Variable 'id' has an invalid value."],
        [CREATE, undefined, "Variable 'input' has coerced Null value for NonNull type 'CreateNodeInput!'"],
        [CREATE, { input: {} }, "Variable 'input' has coerced Null value for NonNull type 'String!'"],
        [CREATE, { input: { name: 'x', colour: 'red' } }, /^The variables input contains a field .*'CreateNodeInput' $/],
        [CREATE, { input: { name: 'x', geo: { lat: 1, x: 1 } } }, /^The variables input contains a field .*'GeoInput' $/],
        [CREATE, { input: { name: 'x', geo: {} } }, "Variable 'input' has coerced Null value for NonNull type 'Float!'"],
        [CREATE, { input: 'x' }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 5 } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', count: 1.5 } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', count: 2147483648 } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', count: '1' } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', flag: 'true' } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', level: 'MIDDLE' } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', json: { a: 1 } } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', json: '{a' } }, "Variable 'input' has an invalid value."],
        [CREATE, { input: { name: 'x', day: '2024-02-30' } }, "Variable 'input' has an invalid value."],
        [LIST, { limit: 'x' }, "Variable 'limit' has an invalid value."],
        [LIST, { filter: { name: { eq: 1 } } }, "Variable 'filter' has an invalid value."],
        [LIST, { filter: { name: { is: 'x' } } }, /^The variables input contains a field .*'ModelStringInput' $/],
    ];
    for (const [query, variables, message] of WRONG) {
        test(JSON.stringify(variables) ?? 'none', async () => {
            const { data, errors } = await failing(query, variables);
            assert.equal(data, null);
            assert.equal(errors.length, 1);
            assert.equal(errors[0].path, null);
            if (typeof message === 'string') {
                assert.equal(errors[0].message, message);
            } else {
                assert.match(errors[0].message, message);
            }
        });
    }
    for (const [query, variables] of [[GET, { id: 5 }], [CREATE, { input: { name: 'x', count: 3.0, flt: 1 } }], [LIST, { limit: null, filter: null }], [LIST, { extra: 1 }], [LIST, { filter: { and: { name: { eq: 'x' } } } }]]) {
        test(`fine: ${JSON.stringify(variables)}`, async () => {
            const { data, errors } = await failing(query, variables);
            assert.deepEqual(errors, []);
            assert.notEqual(data, null);
        });
    }
});

describe('limits', () => {
    const nested = (depth) => `{ getNode(id: "top") ${'{ parent '.repeat(depth)}{ id }${' }'.repeat(depth)} }`;
    test('depth', async () => {
        assert.deepEqual(await failing(nested(20)), { data: { getNode: null }, errors: [] });
        const { data, errors } = await failing(nested(100));
        assert.equal(data, null);
        assert.equal(errors.length, 1);
    });
    test('a filter nested too deep for anybody', async () => {
        const filter = `${'{not: '.repeat(60)}{name: {eq: "x"}}${'}'.repeat(60)}`;
        const { data, errors } = await failing(`{ listNodes(filter: ${filter}) { nextToken } }`);
        assert.ok(errors.length === 1 && (data === null || data.listNodes === null), JSON.stringify(errors));
    });
    test('a filter of many conditions', async () => {
        const or = Array.from({ length: 3000 }, (_, i) => ({ name: { eq: `${i}` } }));
        const { errors } = await failing('query ($f: ModelNodeFilterInput) { listNodes(filter: $f) { nextToken } }', { f: { or } });
        assert.deepEqual(errors, []);
    });
    test('introspection', async () => {
        const { data, errors } = await failing('{ __schema { queryType { name } } __type(name: "Node") { name kind } __typename }');
        assert.deepEqual(errors, []);
        assert.deepEqual(data, { __schema: { queryType: { name: 'Query' } }, __type: { name: 'Node', kind: 'OBJECT' }, __typename: 'Query' });
    });
});
