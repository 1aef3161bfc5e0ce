// The official side by itself: templates, directives, and the rules' plain cases, so that it cannot
// agree with ampd by being wrong in the same way.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startOfficial } from './lib/appsync.mjs';
import { directiveCheck, DEFAULTS } from './lib/directives.mjs';
import { startDynamo } from './lib/dynamo.mjs';
import { filterExpression } from './lib/expressions.mjs';
import { officialPipelines } from './lib/pipelines.mjs';
import { render, toJava } from './lib/velocity.mjs';

const text = (template, scope = {}) => render(template, scope).text;

test('templates', () => {
    assert.equal(text('#foreach($x in [1,2,3])a$x #if($x == 2)q#break#end#end;', {}), 'a1 a2 q;');
    assert.equal(text('#foreach($x in "ab")n#end#foreach($x in $no)n#end.'), '.');
    assert.equal(text('#set($a = "x::y::")$a.split("::") $a.split(":z")'), '[x, y] [x::y::]');
    assert.equal(text('#set($a = "")$a.split("::").size() #set($a = "::")$a.split("::").size()'), '1 0');
    assert.equal(text('#if($no == "null")1#end#if($no == $neither)2#end#if($no != "null")3#end'), '23');
    assert.equal(text('#set($sub = "s")#set($name = "n")#set($both = "$sub::$name")$both'), 's::n');
    assert.equal(text('#set($list = ["a"])$list.put("b")$list'), '$list.put("b")[a]');
    assert.equal(text('#set($e = {"key": "k"})#set($t = "#${e.key} = :${e.key}")$t'), '#k = :k');
    assert.deepEqual(render('#set($x = 1)#return($x)later', {}), { returned: 1 });
    assert.equal(text('$m.a.get("b:c")', { m: toJava({ a: { 'b:c': 5 } }) }), '5');
});

test('filters', () => {
    assert.deepEqual(filterExpression({ or: [{ a: { in: ['x', 'y'] } }, { b: { eq: 1 } }] }), {
        expression: '(#a = :v0 OR #a = :v1) OR #b = :v2',
        expressionNames: { '#a': 'a', '#b': 'b' },
        expressionValues: { ':v0': { S: 'x' }, ':v1': { S: 'y' }, ':v2': { N: '1' } },
    });
});

test('directives', () => {
    const allowed = directiveCheck('type A @aws_iam { x: Int y: Int @aws_api_key @aws_cognito_user_pools } type B { z: Int g: Int @aws_cognito_user_pools(cognito_groups: ["Red", "Blue"]) }', DEFAULTS.apiKey);
    const callers = { 'API Key': [null], IAM: [{}], 'User Pool': [{ groups: ['Green'] }, { groups: ['Blue'] }] };
    const cases = { 'A.x': ['IAM'], 'A.y': ['API Key', 'User Pool', 'User Pool'], 'B.z': ['API Key'], 'B.g': ['User Pool'] };
    for (const [name, modes] of Object.entries(cases)) {
        const admits = (mode) => (identity) => allowed(...name.split('.'), { authType: `${mode} Authorization`, identity });
        const admitted = Object.keys(callers).flatMap((mode) => callers[mode].filter(admits(mode)).map(() => mode));
        assert.deepEqual(admitted, modes, name);
    }
});

const SDL = `
type Own @model @auth(rules: [{ allow: owner, ownerField: "owner" }, { allow: groups, groups: ["Admin"], operations: [read] }]) { id: ID! @primaryKey text: String owner: String }
type Note @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey, operations: [read] }, { allow: public, provider: identityPool, operations: [get] }]) {
  id: ID! @primaryKey text: String
  hidden: String @auth(rules: [{ allow: groups, groups: ["Admin"] }])
}
type Shared @model @auth(rules: [{ allow: groups, groupsField: "team" }, { allow: owner, ownerField: "editors", identityClaim: "email", operations: [create, read, update] }]) {
  id: ID! @primaryKey text: String team: String editors: [String]
}
`;
const NAMES = { authRole: 'arn:auth', unauthRole: 'arn:unauth', identityPoolId: 'pool' };
const user = (sub, claims) => ({ authType: 'User Pool Authorization', identity: { claims: { sub, username: `${sub}-name`, ...claims } } });
const iam = (identity) => ({ authType: 'IAM Authorization', identity });
const CALLERS = {
    ann: user('a', { 'cognito:groups': ['Admin', 'Red'] }),
    bob: user('b', { email: 'bob@x' }),
    root: iam({ userArn: 'arn:root' }),
    guest: iam({ userArn: 'arn:unauth', cognitoIdentityPoolId: 'pool', cognitoIdentityId: 'i', cognitoIdentityAuthType: 'unauthenticated' }),
    member: iam({ userArn: 'arn:other', cognitoIdentityPoolId: 'pool', cognitoIdentityId: 'j', cognitoIdentityAuthType: 'authenticated' }),
    key: undefined,
};

describe('rules', () => {
    let dynamo;
    let api;
    before(async () => {
        dynamo = await startDynamo();
        api = await startOfficial(dynamo, officialPipelines(SDL, ['apiKey', 'userPool']), { names: NAMES });
    });
    after(() => dynamo?.stop());

    const stored = async (TableName, id) => (await dynamo.send('GetItem', { TableName, Key: { id: { S: id } } })).Item;
    // What a caller gets at the one field asked, or the message.
    async function ask(name, document) {
        const { data, errors } = await api.run(document, {}, CALLERS[name]);
        return errors === undefined ? Object.values(data)[0] : errors.map(({ message }) => message).join('; ');
    }
    const refusal = (field, type) => `Not Authorized to access ${field} on type ${type}`;

    test('an owner', async () => {
        assert.deepEqual(await ask('bob', 'mutation { createOwn(input: { id: "1", text: "x" }) { id owner } }'), { id: '1', owner: 'b-name' });
        assert.deepEqual((await stored('Own', '1')).owner, { S: 'b::b-name' });
        assert.equal(await ask('bob', 'mutation { createOwn(input: { id: "2", owner: "other" }) { id } }'), refusal('createOwn', 'Mutation'));
        assert.equal(await ask('bob', 'mutation { createOwn(input: { id: "2", owner: null }) { id } }'), refusal('createOwn', 'Mutation'));
        assert.deepEqual(await ask('bob', '{ listOwns { items { id } } }'), { items: [{ id: '1' }] });
        assert.deepEqual(await ask('ann', '{ getOwn(id: "1") { text } }'), { text: 'x' });
        assert.equal(await ask('ann', 'mutation { updateOwn(input: { id: "1", text: "y" }) { id } }'), refusal('updateOwn', 'Mutation'));
        assert.equal(await ask('guest', '{ getOwn(id: "1") { text } }'), refusal('getOwn', 'Query'));
        assert.equal(await ask('key', '{ getOwn(id: "1") { text } }'), refusal('getOwn', 'Query'));
        assert.deepEqual(await ask('root', 'mutation { updateOwn(input: { id: "1", text: "y", owner: "b" }) { text owner } }'), { text: 'y', owner: 'b' });
        assert.deepEqual(await ask('bob', 'mutation { deleteOwn(input: { id: "1" }) { id } }'), { id: '1' });
        assert.equal(await ask('bob', 'mutation { deleteOwn(input: { id: "1" }) { id } }'), refusal('deleteOwn', 'Mutation'));
    });

    test('a field, and identities of a pool', async () => {
        assert.equal(await ask('bob', 'mutation { createNote(input: { id: "1", hidden: "h" }) { id } }'), 'Unauthorized on [hidden]');
        assert.deepEqual(await ask('root', 'mutation { createNote(input: { id: "1", text: "t", hidden: "h" }) { id hidden } }'), { id: '1', hidden: null });
        assert.deepEqual(await ask('ann', '{ getNote(id: "1") { hidden } }'), { hidden: 'h' });
        assert.equal(await ask('bob', '{ getNote(id: "1") { hidden } }'), refusal('hidden', 'Note'));
        assert.deepEqual(await ask('guest', '{ getNote(id: "1") { text } }'), { text: 't' });
        assert.equal(await ask('guest', '{ listNotes { items { text } } }'), refusal('listNotes', 'Query'));
        assert.equal(await ask('member', '{ getNote(id: "1") { text } }'), refusal('getNote', 'Query'));
        assert.deepEqual(await ask('key', '{ listNotes { items { text } } }'), { items: [{ text: 't' }] });
        assert.equal(await ask('bob', 'mutation { deleteNote(input: { id: "1" }) { id } }'), refusal('deleteNote', 'Mutation'));
    });

    test('groups and lists', async () => {
        assert.deepEqual(await ask('ann', 'mutation { createShared(input: { id: "1", team: "Red" }) { team editors } }'), { team: 'Red', editors: null });
        assert.equal(await ask('ann', 'mutation { createShared(input: { id: "2", team: "Blue" }) { team } }'), refusal('createShared', 'Mutation'));
        assert.deepEqual(await ask('bob', 'mutation { createShared(input: { id: "2" }) { editors } }'), { editors: ['bob@x'] });
        assert.deepEqual(await ask('bob', '{ listShareds { items { id } } }'), { items: [{ id: '2' }] });
        assert.equal(await ask('bob', 'mutation { updateShared(input: { id: "2", text: null }) { id } }'), 'Unauthorized on [text]');
        assert.deepEqual(await ask('bob', 'mutation { updateShared(input: { id: "2", team: "Red" }) { team } }'), { team: 'Red' });
        assert.deepEqual(await ask('ann', 'mutation { deleteShared(input: { id: "2" }) { id } }'), { id: '2' });
    });

    test('subscriptions', async () => {
        assert.deepEqual(await api.subscribe('onCreateOwn', {}, CALLERS.bob), { filter: { or: [{ owner: { eq: 'b-name' } }] } });
        assert.deepEqual(await api.subscribe('onCreateOwn', { owner: 'b::b-name' }, CALLERS.bob), { filter: undefined });
        assert.equal((await api.subscribe('onCreateOwn', { owner: 'a' }, CALLERS.bob)).refused.errorType, 'Unauthorized');
        assert.deepEqual(await api.subscribe('onCreateOwn', { filter: { text: { eq: 'x' } } }, CALLERS.ann), { filter: { text: { eq: 'x' } } });
        assert.deepEqual(await api.subscribe('onCreateShared', { filter: { text: { eq: 'x' } } }, CALLERS.ann), { filter: { and: [{ or: [{ team: { in: ['Admin', 'Red'] } }] }, { text: { eq: 'x' } }] } });
        assert.equal((await api.subscribe('onCreateShared', {}, CALLERS.key)).refused.message, refusal('onCreateShared', 'Subscription'));
    });
});
