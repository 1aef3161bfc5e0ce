// util and its modules: the names of AWS's own types, and the behaviour that the developer guide describes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { start } from './lib.mjs';

let server;
let client;
let json;
before(async () => ({ server, client, json } = await start()));
after(() => server?.end());

const call = (name, ...args) => json(client.queries.tools({ name, args: JSON.stringify(args) }));
const goldens = (name, cases) =>
  test(name, async () => {
    for (const [fn, args, expected] of cases) assert.deepEqual(await call(fn, ...args), expected, `${fn}(${JSON.stringify(args)})`);
  });

// ---- names -------------------------------------------------------------------------------------

/** The members of every type and the exported values, as the package declares them. */
function declared() {
  const folder = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules/@aws-appsync/utils');
  const program = ts.createProgram(['lib/index.d.ts', 'dynamodb.d.ts', 'rds.d.ts', 'ai.d.ts'].map((name) => path.join(folder, name)), { skipLibCheck: true });
  const checker = program.getTypeChecker();
  const names = (symbol, prefix, depth) => {
    const type = checker.getTypeOfSymbolAtLocation(symbol, symbol.valueDeclaration);
    const own = `${prefix}${symbol.name}`;
    const inner = depth > 0 && type.getCallSignatures().length === 0 ? type.getProperties() : [];
    return [own, ...inner.flatMap((member) => names(member, `${own}.`, depth - 1))];
  };
  const exported = (file, prefix) =>
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path.join(folder, file))))
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter((symbol) => symbol.flags & ts.SymbolFlags.Value)
      .flatMap((symbol) => names(symbol, prefix, 2));
  return { utils: exported('lib/index.d.ts', ''), ddb: exported('dynamodb.d.ts', ''), rds: exported('rds.d.ts', ''), ai: exported('ai.d.ts', '') };
}

test('every name that the package declares is there', async () => {
  const names = declared();
  assert.ok(names.utils.includes('util.time.nowISO8601') && names.ddb.includes('operations.increment'), 'the types were read');
  const found = await json(client.queries.names({ names: JSON.stringify(names) }));
  assert.deepEqual(found.missing, []);
});

// ---- util --------------------------------------------------------------------------------------

goldens('encodings', [
  ['util.base64Encode', ['hello wörld ✓'], Buffer.from('hello wörld ✓').toString('base64')],
  ['util.base64Decode', [Buffer.from('hello wörld ✓').toString('base64')], 'hello wörld ✓'],
  ['util.base64Decode', ['aGk'], 'hi'],
  ['util.urlEncode', ['a b&c=d/é~*'], 'a+b%26c%3Dd%2F%C3%A9%7E*'],
  ['util.urlDecode', ['a+b%26c%3Dd%2F%C3%A9'], 'a b&c=d/é'],
  ['util.escapeJavaScript', ['He didn\'t say "Stop!"\n/é'], 'He didn\\\'t say \\"Stop!\\"\\n\\/\\u00E9'],
  ['util.matches', ['^a+b$', 'aaab'], true],
  ['util.matches', ['^a+b$', 'aac'], false],
]);

test('ids', async () => {
  const [uuid, ulid, ksuid] = await Promise.all(['autoId', 'autoUlid', 'autoKsuid'].map((name) => call(`util.${name}`)));
  assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(ulid, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.match(ksuid, /^[0-9A-Za-z]{27}$/);
  const time = [...ulid.slice(0, 10)].reduce((sum, char) => sum * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(char), 0);
  assert.ok(Math.abs(time - Date.now()) < 60_000, 'a ULID begins with its time');
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const number = [...ksuid].reduce((sum, char) => sum * 62n + BigInt(alphabet.indexOf(char)), 0n);
  assert.ok(Math.abs(Number(number >> 128n) + 1400000000 - Date.now() / 1000) < 60, 'a KSUID too');
  assert.notEqual(await call('util.autoId'), uuid);
});

goldens('numbers and texts', [
  ['util.math.roundNum', [1.5], 2],
  ['util.math.roundNum', [-1.5], -1],
  ['util.math.minVal', [1, 2], 1],
  ['util.math.maxVal', [1, 2], 2],
  ['util.str.normalize', ['e\u0301', 'nfc'], '\u00e9'],
  ['util.str.normalize', ['\u00e9', 'nfd'], 'e\u0301'],
  ['util.isNull', [null], true],
  ['util.isNullOrEmpty', [''], true],
  ['util.isNullOrBlank', [' '], true],
  ['util.defaultIfNull', [null, 'x'], 'x'],
  ['util.typeOf', [[1]], 'List'],
  ['util.http.copyHeaders', [{ a: 'b', Connection: 'close' }], { a: 'b' }],
]);

test('random numbers', async () => {
  const double = await call('util.math.randomDouble');
  assert.ok(double >= 0 && double < 1);
  for (let i = 0; i < 5; i += 1) {
    const number = await call('util.math.randomWithinRange', 3, 6);
    assert.ok([3, 4, 5].includes(number), number);
  }
});

// ---- time: the examples of the guide -----------------------------------------------------------

goldens('times', [
  ['util.time.parseFormattedToEpochMilliSeconds', ['2018-02-01 17:21:05+0700', 'yyyy-MM-dd HH:mm:ssZ'], 1517480465000],
  ['util.time.parseFormattedToEpochMilliSeconds', ['2018-02-01 17:21:05', 'yyyy-MM-dd HH:mm:ss', 'Asia/Saigon'], 1517480465000],
  ['util.time.parseISO8601ToEpochMilliSeconds', ['2018-02-01T17:21:05.180+08:00'], 1517476865180],
  ['util.time.parseISO8601ToEpochMilliSeconds', ['2007-12-03T10:15:30+01:00[Europe/Paris]'], 1196673330000],
  ['util.time.epochMilliSecondsToSeconds', [1517943695750], 1517943695],
  ['util.time.epochMilliSecondsToISO8601', [1517943695750], '2018-02-06T19:01:35.750Z'],
  ['util.time.epochMilliSecondsToFormatted', [1517943695750, 'yyyy-MM-dd HH:mm:ssZ'], '2018-02-06 19:01:35+0000'],
  ['util.time.epochMilliSecondsToFormatted', [1517943695750, 'yyyy-MM-dd HH:mm:ssZ', 'Asia/Saigon'], '2018-02-07 02:01:35+0700'],
  ['util.time.epochMilliSecondsToFormatted', [1517943695750, "EEE, d MMM yyyy h:mm:ss.SSS a 'o''clock' XXX", 'America/New_York'], "Tue, 6 Feb 2018 2:01:35.750 PM o'clock -05:00"],
  ['util.time.epochMilliSecondsToFormatted', [1517943695750, 'EEEE MMMM yy D H k K X xx'], 'Tuesday February 18 37 19 19 7 Z +0000'],
]);

test('now', async () => {
  const [iso, seconds, ms, formatted] = await Promise.all([
    call('util.time.nowISO8601'), call('util.time.nowEpochSeconds'), call('util.time.nowEpochMilliSeconds'), call('util.time.nowFormatted', 'yyyy-MM-dd', 'UTC'),
  ]);
  assert.match(iso, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  for (const time of [Date.parse(iso), seconds * 1000, ms]) assert.ok(Math.abs(time - Date.now()) < 60_000);
  assert.ok([0, 60_000].some((late) => formatted === new Date(Date.now() - late).toISOString().slice(0, 10)));
});

test('a time that does not parse is a runtime error', async () => {
  const { errors } = await client.queries.tools({ name: 'util.time.parseISO8601ToEpochMilliSeconds', args: '["yesterday"]' });
  assert.equal(errors[0].message, 'Runtime Error');
});

// ---- XML ---------------------------------------------------------------------------------------

goldens('XML', [
  ['util.xml.toMap', ['<?xml version="1.0" encoding="UTF-8"?>\n<posts>\n<post>\n    <id>1</id>\n    <title>Getting started with GraphQL</title>\n</post>\n</posts>'], { posts: { post: { id: 1, title: 'Getting started with GraphQL' } } }],
  ['util.xml.toMap', ['<a><b>1</b><b x="y">two &amp; &#51;</b><!-- c --><c/><d><![CDATA[<raw>]]></d></a>'], { a: { b: [1, { x: 'y', content: 'two & 3' }], c: '', d: '<raw>' } }],
  ['util.xml.toJsonString', ['<posts><post><id>1</id><title>Getting started with GraphQL</title></post></posts>'], '{"posts":{"post":{"id":1,"title":"Getting started with GraphQL"}}}'],
  ['util.xml.toJsonString', ['<a><id>1</id></a>', true], '{"a":{"id":"1"}}'],
]);

// ---- DynamoDB: the examples of the guide -------------------------------------------------------

goldens('values for DynamoDB', [
  ['util.dynamodb.toDynamoDB', ['foo'], { S: 'foo' }],
  ['util.dynamodb.toDynamoDB', [12345], { N: '12345' }],
  ['util.dynamodb.toDynamoDB', [true], { BOOL: true }],
  ['util.dynamodb.toDynamoDB', [null], { NULL: null }],
  ['util.dynamodb.toDynamoDB', [['foo', 123, { bar: 'baz' }]], { L: [{ S: 'foo' }, { N: '123' }, { M: { bar: { S: 'baz' } } }] }],
  ['util.dynamodb.toDynamoDB', [{ foo: 'bar', baz: 1234, beep: ['boop'] }], { M: { foo: { S: 'bar' }, baz: { N: '1234' }, beep: { L: [{ S: 'boop' }] } } }],
  ['util.dynamodb.toMapValues', [{ foo: 'bar', baz: 1234 }], { foo: { S: 'bar' }, baz: { N: '1234' } }],
  ['util.dynamodb.toString', ['foo'], { S: 'foo' }],
  ['util.dynamodb.toStringSet', [['foo', 'bar']], { SS: ['foo', 'bar'] }],
  ['util.dynamodb.toNumber', [12345], { N: '12345' }],
  ['util.dynamodb.toNumberSet', [[1, 23]], { NS: ['1', '23'] }],
  ['util.dynamodb.toBinary', ['Zm9v'], { B: 'Zm9v' }],
  ['util.dynamodb.toBinarySet', [['Zm9v']], { BS: ['Zm9v'] }],
  ['util.dynamodb.toBoolean', [true], { BOOL: true }],
  ['util.dynamodb.toNull', [], { NULL: null }],
  ['util.dynamodb.toList', [['foo', 1]], { L: [{ S: 'foo' }, { N: '1' }] }],
  ['util.dynamodb.toMap', [{ foo: 'bar' }], { M: { foo: { S: 'bar' } } }],
  ['util.dynamodb.toString', [null], null],
  ['util.dynamodb.toS3Object', ['foo', 'bar', 'baz'], { S: '{"s3":{"key":"foo","bucket":"bar","region":"baz"}}' }],
  ['util.dynamodb.fromS3ObjectJson', ['{"s3":{"key":"foo"}}'], { s3: { key: 'foo' } }],
]);

const expression = (text, names, values) => JSON.stringify({ expression: text, expressionNames: names, expressionValues: values });

goldens('filters and conditions', [
  ['util.transform.toDynamoDBFilterExpression', [{ title: { contains: 'Hello World' } }],
    expression('(contains(#title, :title_contains))', { '#title': 'title' }, { ':title_contains': { S: 'Hello World' } })],
  ['util.transform.toDynamoDBConditionExpression', [{ owner: { eq: 'me' } }], expression('(#owner = :owner_eq)', { '#owner': 'owner' }, { ':owner_eq': { S: 'me' } })],
  ['util.transform.toDynamoDBFilterExpression', [{ a: { between: [1, 2], attributeExists: true }, b: { attributeType: 'list' } }],
    expression('((#a BETWEEN :a_between_1 AND :a_between_2) AND (attribute_exists(#a)) AND (attribute_type(#b, :b_attributeType)))', { '#a': 'a', '#b': 'b' },
      { ':a_between_1': { N: '1' }, ':a_between_2': { N: '2' }, ':b_attributeType': { S: 'L' } })],
  ['util.transform.toDynamoDBFilterExpression', [{ or: [{ a: { eq: 1 } }, { not: { a: { eq: 2 } } }] }],
    expression('((#a = :a_eq) OR (NOT (#a = :a_eq_0)))', { '#a': 'a' }, { ':a_eq': { N: '1' }, ':a_eq_0': { N: '2' } })],
  ['util.transform.toDynamoDBFilterExpression', [{ 'a.b': { in: ['x'] }, s: { size: { gt: 3 } } }],
    expression('((#a.#b IN (:a_b_in_0)) AND (size(#s) > :s_size_gt))', { '#a': 'a', '#b': 'b', '#s': 's' }, { ':a_b_in_0': { S: 'x' }, ':s_size_gt': { N: '3' } })],
  ['util.transform.toSubscriptionFilter', [{ title: { contains: 'x' }, upvotes: { gt: 1 } }],
    { filterGroup: [{ filters: [{ fieldName: 'title', operator: 'contains', value: 'x' }, { fieldName: 'upvotes', operator: 'gt', value: 1 }] }] }],
  ['util.transform.toSubscriptionFilter', [{ or: [{ a: { eq: 1 } }, { a: { eq: 2 } }], b: { eq: 3 }, skip: { eq: 4 } }, ['skip'], { owner: { eq: 'me' } }],
    { filterGroup: [1, 2].map((value) => ({ filters: [
      { fieldName: 'a', operator: 'eq', value }, { fieldName: 'b', operator: 'eq', value: 3 }, { fieldName: 'owner', operator: 'eq', value: 'me' },
    ] })) }],
  ['util.transform.toElasticsearchQueryDSL', [{ title: { matchPhrase: 'x' } }], '{"match_phrase":{"title":"x"}}'],
]);

goldens('requests of the DynamoDB module', [
  ['ddb.get', [{ key: { id: '1' }, projection: ['author', 'a.b'] }],
    { operation: 'GetItem', key: { id: { S: '1' } }, projection: { expression: '#author, #a.#b', expressionNames: { '#author': 'author', '#a': 'a', '#b': 'b' } } }],
  ['ddb.put', [{ key: { id: '1' }, item: { n: 1 }, condition: { id: { attributeExists: false } } }],
    { operation: 'PutItem', key: { id: { S: '1' } }, attributeValues: { n: { N: '1' } }, condition: { expression: '(attribute_not_exists(#id))', expressionNames: { '#id': 'id' } } }],
  ['ddb.remove', [{ key: { id: '1' } }], { operation: 'DeleteItem', key: { id: { S: '1' } } }],
  ['ddb.query', [{ query: { id: { eq: '1' }, n: { ge: 2 } }, index: 'i', limit: 3, scanIndexForward: false }],
    { operation: 'Query', query: { expression: '#id = :id_eq AND #n >= :n_ge', expressionNames: { '#id': 'id', '#n': 'n' }, expressionValues: { ':id_eq': { S: '1' }, ':n_ge': { N: '2' } } }, index: 'i', limit: 3, scanIndexForward: false }],
  ['ddb.scan', [{ limit: 2, nextToken: null }], { operation: 'Scan', limit: 2 }],
  ['ddb.update', [{ key: { id: '1' }, update: { a: 1, b: { c: 'x' } } }],
    { operation: 'UpdateItem', key: { id: { S: '1' } }, update: { expression: 'SET #a = :a, #b.#c = :b_c', expressionNames: { '#a': 'a', '#b': 'b', '#c': 'c' }, expressionValues: { ':a': { N: '1' }, ':b_c': { S: 'x' } } } }],
  ['ddb.sync', [{ lastSync: 1 }], { operation: 'Sync', lastSync: 1 }],
]);

goldens('statements of the RDS module', [
  ['rds.toJsonObject', [{ sqlStatementResults: [{ records: [[{ longValue: 1 }, { stringValue: 'x' }, { isNull: true }]], columnMetadata: [{ label: 'a' }, { label: 'b' }, { label: 'c' }] }] }], [[{ a: 1, b: 'x', c: null }]]],
  ['util.rds.toJsonObject', ['{"sqlStatementResults":[]}'], []],
]);

test('statements with variables', async () => {
  const statement = await json(client.queries.statement());
  assert.deepEqual(statement, {
    pg: {
      statements: ['SELECT "id", COUNT("x") FROM "t" WHERE "a" = :P0 AND ("b" LIKE :P1 OR "c" IN (:P2, :P3)) ORDER BY "id" DESC LIMIT :P4', 'DELETE FROM "t" WHERE "id" = :P5'],
      variableMap: { ':P0': 1, ':P1': '%x%', ':P2': 2, ':P3': 3, ':P4': 5, ':P5': 'u' },
      variableTypeHintMap: { ':P5': 'UUID' },
    },
    mysql: { statements: ['select * from t where x = :P0'], variableMap: { ':P0': 'y' }, variableTypeHintMap: {} },
  });
});

test('headers of the response', async () => {
  const answer = await fetch(server.outputs().data.url, {
    method: 'POST', headers: { 'x-api-key': server.outputs().data.api_key },
    body: JSON.stringify({ query: '{ headers }' }),
  });
  assert.equal((await answer.json()).data.headers, 'set');
  assert.equal(answer.headers.get('x-shelf'), '3');
  assert.equal(answer.headers.get('x-more'), 'yes');
  const large = async (size) => {
    const { url, api_key: key } = server.outputs().data;
    return (await fetch(url, { method: 'POST', headers: { 'x-api-key': key, 'x-size': size }, body: JSON.stringify({ query: '{ headers }' }) })).json();
  };
  assert.equal((await large('3000')).data.headers, 'set');
  for (const size of ['5000', '600000']) assert.match((await large(size)).errors[0].message, /larger than 4 KB/);
});
