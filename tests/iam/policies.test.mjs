// Decisions: the policies that Amplify's constructs generate (amplify-policies.json was synthesised
// by backend-storage and backend-auth; tokens are replaced by names), the language's rules one by
// one, and random policies against a second implementation by regular expressions.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Host } from './host.mjs';

const amplify = JSON.parse(await readFile(new URL('./amplify-policies.json', import.meta.url)));
const ME = 'us-east-1:5f6b0a3e-1111-4222-8333-444455556666';
let host;

before(async () => (host = await Host.start()));
after(async () => assert.equal(await host.close(), 0));

const may = (policies, action, resource, facts = [], principal = { kind: 'authenticated', identityId: ME, identityPoolId: 'pool', arn: 'arn:aws:sts::1:assumed-role/r/s', account: '1' }) =>
  host.send({ cmd: 'may', policies: [policies].flat(), action, resource, facts, principal });
const allow = (extra) => ({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*', ...extra }] });

async function table(policies, rows, principal) {
  for (const [action, resource, expected, facts] of rows) {
    assert.equal(await may(policies, action, resource, facts, principal), expected, `${action} ${resource} ${JSON.stringify(facts ?? '')}`);
  }
}

test('storage of a signed-in user', () =>
  table(amplify.authenticated, [
    ['s3:GetObject', 'arn:aws:s3:::app.files/public/x', 'allowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/public/', 'allowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/public', 'notAllowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/public/admin/x', 'denied'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/public/administration', 'allowed'],
    ['s3:PutObject', 'arn:aws:s3:::app.files/public/x', 'notAllowed'],
    ['s3:GetObject', `arn:aws:s3:::app.files/private/${ME}/a/b:c`, 'allowed'],
    ['s3:PutObject', `arn:aws:s3:::app.files/private/${ME}/a`, 'allowed'],
    ['s3:DeleteObject', `arn:aws:s3:::app.files/private/${ME}/`, 'allowed'],
    ['s3:PutObject', `arn:aws:s3:::app.files/private/${ME}`, 'notAllowed'],
    ['s3:PutObject', `arn:aws:s3:::app.files/private/${ME}x/a`, 'notAllowed'],
    ['s3:PutObject', 'arn:aws:s3:::app.files/private/us-east-1:other/a', 'notAllowed'],
    ['s3:PutObject', 'arn:aws:s3:::app.files/private/*/a', 'notAllowed'],
    ['s3:GetObject', 'arn:aws:s3:::other/public/x', 'notAllowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.filesX/public/x', 'notAllowed'],
    ['S3:getobject', 'arn:aws:s3:::app.files/public/x', 'allowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/Public/x', 'notAllowed'],
    ['s3:GetObjectAcl', 'arn:aws:s3:::app.files/public/x', 'notAllowed'],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'notAllowed'],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'allowed', [['s3:prefix', 'public/']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'allowed', [['S3:Prefix', 'public/a/b']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'notAllowed', [['s3:prefix', 'public']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'notAllowed', [['s3:prefix', '']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'denied', [['s3:prefix', 'public/admin/']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'allowed', [['s3:prefix', 'public/admin']]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'allowed', [['s3:prefix', `private/${ME}/`]]],
    ['s3:ListBucket', 'arn:aws:s3:::app.files', 'notAllowed', [['s3:prefix', 'private/']]],
    // What the principal says of itself cannot be given from outside.
    ['s3:GetObject', 'arn:aws:s3:::app.files/private/us-east-1:other/a', 'notAllowed', [['cognito-identity.amazonaws.com:sub', 'us-east-1:other']]],
  ]));

test('storage of a guest, and of a caller without identity', async () => {
  await table(amplify.guest, [
    ['s3:GetObject', 'arn:aws:s3:::app.files/public/x', 'allowed'],
    ['s3:GetObject', `arn:aws:s3:::app.files/private/${ME}/x`, 'notAllowed'],
    ['s3:DeleteObject', 'arn:aws:s3:::app.files/public/x', 'notAllowed'],
  ], { kind: 'guest', identityId: ME });
  await table(amplify.authenticated, [
    ['s3:GetObject', 'arn:aws:s3:::app.files/private//x', 'notAllowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/private/${cognito-identity.amazonaws.com:sub}/x', 'notAllowed'],
    ['s3:GetObject', 'arn:aws:s3:::app.files/private/us-east-1:other/a', 'notAllowed', [['cognito-identity.amazonaws.com:sub', 'us-east-1:other']]],
  ], { kind: 'function' });
  await table([], [['s3:GetObject', 'arn:aws:s3:::x/y', 'allowed']], { kind: 'service' });
  await table([], [['s3:GetObject', 'arn:aws:s3:::x/y', 'notAllowed']]);
});

test('user pool and data of functions and identities', async () => {
  const pool = 'arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Pool';
  await table(amplify.manageUsers, [
    ['cognito-idp:AdminGetUser', pool, 'allowed'],
    ['cognito-idp:ListUsers', pool, 'allowed'],
    ['cognito-idp:AdminInitiateAuth', pool, 'notAllowed'],
    ['cognito-idp:AdminGetUser', `${pool}2`, 'notAllowed'],
    ['cognito-idp:AdminGetUser', '*', 'notAllowed'],
  ], { kind: 'function' });
  const api = 'arn:aws:appsync:us-east-1:000000000000:apis/abc';
  const listen = (types) => allow({ Action: 'appsync:GraphQL', Resource: types.map((type) => `${api}/types/${type}`) });
  await table(listen(['Query/*', 'Subscription/*']), [
    ['appsync:GraphQL', `${api}/types/Query/fields/getPost`, 'allowed'],
    ['appsync:GraphQL', `${api}/types/Mutation/fields/createPost`, 'notAllowed'],
    ['appsync:GraphQL', `${api}x/types/Query/fields/getPost`, 'notAllowed'],
  ], { kind: 'function' });
  await table(listen(['Query/fields/getPost', 'Post/*']), [
    ['appsync:GraphQL', `${api}/types/Query/fields/getPost`, 'allowed'],
    ['appsync:GraphQL', `${api}/types/Query/fields/listPosts`, 'notAllowed'],
    ['appsync:GraphQL', `${api}/types/Post/fields/title`, 'allowed'],
  ]);
});

test('deny wins wherever it stands; a second policy adds', async () => {
  const yes = allow({});
  const no = allow({ Effect: 'Deny', Action: 's3:Delete*' });
  for (const policies of [[yes, no], [no, yes], [{ Statement: [...no.Statement, ...yes.Statement] }]]) {
    assert.equal(await may(policies, 's3:DeleteObject', 'arn:aws:s3:::b/k'), 'denied');
    assert.equal(await may(policies, 's3:GetObject', 'arn:aws:s3:::b/k'), 'allowed');
  }
  const narrow = (narrowing, action) => host.send({ cmd: 'may', policies: [yes], narrowing, action, resource: 'arn:aws:s3:::b/k' });
  assert.equal(await narrow(allow({ Action: 's3:Get*' }), 's3:GetObject'), 'allowed');
  assert.equal(await narrow(allow({ Action: 's3:Get*' }), 's3:PutObject'), 'notAllowed');
  assert.equal(await narrow(no, 's3:DeleteObject'), 'denied');
});

test('NotAction, NotResource, variables, wildcards', async () => {
  const R = 'arn:aws:s3:::b/k';
  await table(allow({ Action: undefined, NotAction: ['s3:Delete*', 'iam:*'] }), [['s3:GetObject', R, 'allowed'], ['s3:DeleteObject', R, 'notAllowed'], ['iam:PassRole', '*', 'notAllowed']]);
  await table(allow({ Resource: undefined, NotResource: 'arn:aws:s3:::b/secret/*' }), [['s3:GetObject', R, 'allowed'], ['s3:GetObject', 'arn:aws:s3:::b/secret/x', 'notAllowed']]);
  // "All but what is mine" is nothing while it is not known what is mine.
  await table(allow({ Resource: undefined, NotResource: 'arn:aws:s3:::b/${aws:PrincipalTag/team}/*' }), [['s3:GetObject', R, 'notAllowed'], ['s3:GetObject', R, 'allowed', [['aws:PrincipalTag/team', 'x']]]]);
  await table(allow({ Resource: "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*" }), [['s3:GetObject', 'arn:aws:s3:::b/all/1', 'allowed'], ['s3:GetObject', 'arn:aws:s3:::b/red/1', 'notAllowed'], ['s3:GetObject', 'arn:aws:s3:::b/red/1', 'allowed', [['aws:principaltag/team', 'red']]]]);
  await table(allow({ Resource: 'arn:aws:s3:::b/${aws:PrincipalTag/team}/*' }), [['s3:GetObject', 'arn:aws:s3:::b/x/1', 'notAllowed', [['aws:PrincipalTag/team', '*']]], ['s3:GetObject', 'arn:aws:s3:::b/*/1', 'allowed', [['aws:PrincipalTag/team', '*']]]]);
  await table(allow({ Resource: 'arn:aws:s3:::b/${*}${?}${$}x' }), [['s3:GetObject', 'arn:aws:s3:::b/*?$x', 'allowed'], ['s3:GetObject', 'arn:aws:s3:::b/abcx', 'notAllowed']]);
  await table(allow({ Resource: 'arn:aws:s3:::b/a?c' }), [['s3:GetObject', 'arn:aws:s3:::b/aüc', 'allowed'], ['s3:GetObject', 'arn:aws:s3:::b/ac', 'notAllowed'], ['s3:GetObject', 'arn:aws:s3:::b/abbc', 'notAllowed']]);
  // A wildcard in one part of an ARN does not reach into the next.
  await table(allow({ Resource: 'arn:aws:*:us-east-1:1:x' }), [['a:B', 'arn:aws:s3:us-east-1:1:x', 'allowed'], ['a:B', 'arn:aws:s3:q:us-east-1:1:x', 'notAllowed']]);
  await table(allow({ Resource: 'arn:*:s3:*:*:b/*' }), [['a:B', 'arn:aws:s3:::b/c:d', 'allowed'], ['a:B', 'b/c', 'notAllowed'], ['a:B', '*', 'notAllowed']]);
});

test('conditions', async () => {
  const R = 'arn:aws:s3:::b/k';
  const rows = async (Condition, ...list) => table(allow({ Condition }), list.map(([expected, ...facts]) => ['a:B', R, expected ? 'allowed' : 'notAllowed', facts]));
  await rows({ StringEquals: { k: ['a', 'b'] } }, [true, ['k', 'b']], [false, ['k', 'c']], [false], [false, ['k', 'A']], [true, ['K', 'a']]);
  await rows({ StringEquals: { k: 'a*' } }, [false, ['k', 'ab']], [true, ['k', 'a*']]);
  await rows({ StringNotEquals: { k: ['a', 'b'] } }, [false, ['k', 'b']], [true, ['k', 'c']], [true]);
  await rows({ StringEqualsIgnoreCase: { k: 'Ab' } }, [true, ['k', 'aB']], [false, ['k', 'abc']], [false, ['k', 'a']]);
  await rows({ StringLike: { k: ['a*z', '?'] } }, [true, ['k', 'az']], [true, ['k', 'ü']], [false, ['k', 'azb']]);
  await rows({ StringNotLike: { k: 'a*' } }, [false, ['k', 'a']], [true, ['k', 'b']]);
  await rows({ StringEqualsIfExists: { k: 'a' } }, [true], [true, ['k', 'a']], [false, ['k', 'b']]);
  await rows({ StringEquals: { k: 'a', l: 'b' } }, [false, ['k', 'a']], [true, ['k', 'a'], ['l', 'b']]);
  await rows({ StringEquals: { k: 'a' }, Bool: { s: 'true' } }, [false, ['k', 'a']], [true, ['k', 'a'], ['s', 'true']]);
  await rows({ Bool: { 'aws:SecureTransport': false } }, [true, ['aws:SecureTransport', 'false']], [false, ['aws:SecureTransport', 'true']], [false]);
  await rows({ NumericLessThan: { n: 10 } }, [true, ['n', '9']], [true, ['n', '-100']], [true, ['n', '9.5']], [false, ['n', '10']], [false, ['n', '010']], [false, ['n', 'x']], [false, ['n', '']], [false]);
  await rows({ NumericLessThanEquals: { n: '10' } }, [true, ['n', '10.0']], [false, ['n', '10.01']]);
  await rows({ NumericGreaterThan: { n: '10' } }, [true, ['n', '11']], [false, ['n', '10']]);
  await rows({ NumericGreaterThanEquals: { n: '10' } }, [true, ['n', '10']]);
  await rows({ NumericEquals: { n: ['1', '2'] } }, [true, ['n', '2.0']], [false, ['n', '3']]);
  await rows({ NumericNotEquals: { n: ['1', '2'] } }, [false, ['n', '2.0']], [true, ['n', '3']], [true]);
  await rows({ Null: { k: 'true' } }, [true], [false, ['k', 'x']]);
  await rows({ Null: { k: false } }, [false], [true, ['k', 'x']]);
  await rows({ ArnLike: { k: 'arn:aws:lambda:*:1:function:f*' } }, [true, ['k', 'arn:aws:lambda:us-east-1:1:function:fx']], [false, ['k', 'arn:aws:lambda:a:b:1:function:f']], [false, ['k', 'x']]);
  await rows({ 'ForAnyValue:StringLike': { amr: 'auth*' } }, [true, ['amr', 'x'], ['amr', 'authenticated']], [false, ['amr', 'x']], [false]);
  await rows({ 'ForAllValues:StringEquals': { k: ['a', 'b'] } }, [true, ['k', 'a'], ['k', 'b']], [false, ['k', 'a'], ['k', 'c']], [true]);
  await rows({ 'ForAllValues:StringNotEquals': { k: 'a' } }, [true, ['k', 'b']], [false, ['k', 'b'], ['k', 'a']]);
  await rows({ 'ForAnyValue:StringNotEquals': { k: 'a' } }, [true, ['k', 'b'], ['k', 'a']], [false, ['k', 'a']], [false]);
  await rows({ StringNotEquals: { k: 'a' } }, [false, ['k', 'b'], ['k', 'a']]);
  await rows({ StringEquals: { 'cognito-identity.amazonaws.com:aud': 'pool' }, 'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': 'authenticated' } }, [true], [true, ['cognito-identity.amazonaws.com:aud', 'other']]);
  await rows({ StringEquals: { 'aws:PrincipalAccount': '1', 'aws:PrincipalArn': 'arn:aws:sts::1:assumed-role/r/s' } }, [true]);
  await rows({ StringNotEquals: { k: '${who}' } }, [false, ['k', 'a']], [true, ['k', 'a'], ['who', 'b']]);
  await rows({ StringEquals: { k: '${cognito-identity.amazonaws.com:sub}' } }, [true, ['k', ME]], [false, ['k', 'x']]);
});

test('what is not understood is refused', async () => {
  const bad = [
    {}, { Statement: 1 }, { Version: '2008-10-17', Statement: [] }, allow({ Effect: 'allow' }), allow({ Effect: undefined }), allow({ Action: undefined }), allow({ Resource: undefined }),
    allow({ Action: [] }), allow({ Action: 's3' }), allow({ Action: ':x' }), allow({ Action: 's3:' }), allow({ Action: 's3:Get Object' }), allow({ Action: 'a:b:c' }), allow({ Action: { Ref: 'x' } }), allow({ NotAction: 's3:*' }),
    allow({ Resource: 'x' }), allow({ Resource: 'arn:aws:s3:*' }), allow({ Resource: '' }), allow({ Resource: 'arn*:aws:s3:::x' }), allow({ Resource: { 'Fn::GetAtt': ['b', 'Arn'] } }), allow({ Resource: 'arn:aws:s3:::${x' }), allow({ Resource: 'arn:aws:s3:::${}' }), allow({ Resource: "arn:aws:s3:::${a, b}" }),
    allow({ Principal: '*' }), allow({ Effectt: 'Allow' }), allow({ Condition: [] }), allow({ Condition: { StringEquals: 'x' } }), allow({ Condition: { DateLessThan: { k: 'x' } } }), allow({ Condition: { stringequals: { k: 'x' } } }),
    allow({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }), allow({ Condition: { NumericLessThan: { k: 'x' } } }), allow({ Condition: { Bool: { k: 'maybe' } } }), allow({ Condition: { StringEquals: { k: [] } } }), allow({ Condition: { 'ForSomeValues:StringEquals': { k: 'x' } } }),
  ];
  for (const policy of bad) {
    const answer = await may(policy, 's3:GetObject', 'arn:aws:s3:::b/k');
    assert.equal(answer.error, 'ValidationException', JSON.stringify(policy));
  }
  assert.match((await may({ Statement: [allow({}).Statement[0], { Effect: 'Allow' }] }, 'a:B', '*')).message, /^statement 2 of the policy: /);
});

test('random policies decide as a second implementation does', async () => {
  let seed = Number(process.env.SEED ?? Date.now() % 1e9);
  const start = seed;
  const below = (n) => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0), (seed >>> 8) % n);
  const pick = (list) => list[below(list.length)];
  const some = (list, n) => Array.from({ length: 1 + below(n) }, () => pick(list));
  const glob = (pattern, text, flags = 's') => new RegExp(`^${pattern.split(/([*?])/).map((p) => (p === '*' ? '.*' : p === '?' ? '.' : p.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))).join('')}$`, flags).test(text);
  const arn = (pattern, text) => {
    const cut = (t) => { const p = t.split(':'); return [...p.slice(0, 5), p.slice(5).join(':')]; };
    return pattern === '*' || (text.split(':').length >= 6 && cut(pattern).every((p, i) => glob(p, cut(text)[i])));
  };
  const PATTERNS = ['a', 'a*', '*b', 'a*b*', '?', '??', '*', 'a?*', '*a*b', 'ab', 'aab*b'];
  const TEXTS = ['', 'a', 'b', 'ab', 'aab', 'abab', 'aabbab', 'ba', 'c'];
  const holds = (statement, action, resource, value) => {
    const list = (x) => [x].flat();
    const act = list(statement.Action ?? statement.NotAction).some((p) => glob(p, action, 'si'));
    const res = list(statement.Resource ?? statement.NotResource).some((p) => arn(p, resource));
    if (act === 'NotAction' in statement || res === 'NotResource' in statement) return false;
    const like = statement.Condition?.StringLike?.k;
    const not = statement.Condition?.StringNotLike?.k;
    if (like && !(value !== undefined && like.some((p) => glob(p, value)))) return false;
    return !(not && value !== undefined && not.some((p) => glob(p, value)));
  };
  for (let i = 0; i < 3000; i++) {
    const Statement = Array.from({ length: 1 + below(4) }, () => {
      const one = { Effect: pick(['Allow', 'Allow', 'Deny']) };
      one[pick(['Action', 'Action', 'NotAction'])] = some(PATTERNS, 2).map((p) => `s3:${p}`);
      one[pick(['Resource', 'Resource', 'NotResource'])] = some(PATTERNS, 2).map((p) => pick(['*', `arn:aws:s3:::${p}`, `arn:aws:${p}:::x:${p}`]));
      if (below(3) === 0) one.Condition = { [pick(['StringLike', 'StringNotLike'])]: { k: some(PATTERNS, 2) } };
      return one;
    });
    const action = `S3:${pick(TEXTS)}`;
    const resource = pick(['*', `arn:aws:s3:::${pick(TEXTS)}`, `arn:aws:${pick(TEXTS)}:::x:${pick(TEXTS)}`]);
    const value = pick([undefined, ...TEXTS]);
    const applied = Statement.filter((one) => holds(one, action, resource, value));
    const expected = applied.some((one) => one.Effect === 'Deny') ? 'denied' : applied.length > 0 ? 'allowed' : 'notAllowed';
    const answer = await may({ Statement }, action, resource, value === undefined ? [] : [['k', value]]);
    assert.equal(answer, expected, `SEED=${start}: ${JSON.stringify({ Statement, action, resource, value })}`);
  }
});

test('roles: what is in force now decides, whatever was when the token was made', async () => {
  const policy = (action) => JSON.stringify(allow({ Action: action }));
  assert.equal(await host.send({ cmd: 'roles', roles: [{ name: 'r', policies: [policy('s3:*'), policy('ses:*')] }] }), true);
  assert.equal(await host.send({ cmd: 'roles', roles: [{ name: 'r', policies: [policy('s3:*'), policy('ses:*')] }] }), true);
  const wrong = await host.send({ cmd: 'roles', roles: [{ name: 'r', policies: [policy('s3')] }] });
  assert.match(wrong.message, /policy 1 of role r: statement 1 of the policy: an action is/);
  assert.equal(await host.send({ cmd: 'roles', roles: [] }), true);
});
