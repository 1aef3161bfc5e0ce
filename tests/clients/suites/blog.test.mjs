// The blog for guests: an API key reads what the rules give it, everything else is refused in
// AppSync's words, over HTTP and over the socket.
// project: examples/blog
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { apiKey, client, fails, generateClient, ok, outputs, post } from '../lib/client.mjs';
import { collect, stopAll, until } from '../lib/live.mjs';

after(stopAll);

const guest = generateClient({ authMode: 'apiKey' });
const { User, Post, Comment } = guest.models;

const refusal = (field, type, line, column) => ({
  path: [field],
  data: null,
  errorType: 'Unauthorized',
  errorInfo: null,
  locations: [{ line, column, sourceName: null }],
  message: `Not Authorized to access ${field} on type ${type}`,
});

describe('what a guest may read', () => {
  for (const [name, model] of Object.entries({ User, Post, Comment })) {
    test(`${name}: list and get`, async () => {
      assert.deepEqual(await ok(model.list()), []);
      assert.equal(await ok(model.get({ id: 'nobody' })), null);
    });
  }

  test('posts with their author and comments in one request', async () => {
    const selectionSet = ['id', 'title', 'owner', 'author.name', 'comments.content', 'comments.owner'];
    assert.deepEqual(await ok(Post.list({ selectionSet })), []);
  });

  test('live, by all three subscriptions of a readable model', async () => {
    for (const operation of ['onCreate', 'onUpdate', 'onDelete']) {
      const live = await collect(Post[operation]());
      const { status } = await post({ query: '{ listPosts { nextToken } }' });
      assert.equal(status, 200);
      assert.deepEqual(live.errors, []);
      live.stop();
    }
  });
});

describe('what a guest may not do', () => {
  const attempts = [
    ['createPost', () => Post.create({ title: 'Mine', content: 'All mine' })],
    ['updatePost', () => Post.update({ id: 'p', title: 'Mine' })],
    ['deletePost', () => Post.delete({ id: 'p' })],
    ['createComment', () => Comment.create({ content: 'First!', postId: 'p' })],
    ['updateComment', () => Comment.update({ id: 'c', content: 'Second!' })],
    ['deleteComment', () => Comment.delete({ id: 'c' })],
    ['createUser', () => User.create({ name: 'Me' })],
    ['updateUser', () => User.update({ id: 'u', name: 'Me' })],
    ['deleteUser', () => User.delete({ id: 'u' })],
  ];
  for (const [field, attempt] of attempts) {
    test(field, async () => {
      const result = await attempt();
      assert.equal(result.data, null);
      assert.deepEqual(result.errors, [refusal(field, 'Mutation', 2, 3)]);
    });
  }

  test('the answer on the wire', async () => {
    const { status, body, headers } = await post({ query: 'mutation {\n    createPost(input: {title: "t", content: "c"}) { id }\n}' });
    assert.equal(status, 200);
    assert.equal(headers.get('x-amzn-errortype'), null);
    assert.deepEqual(body, { data: { createPost: null }, errors: [refusal('createPost', 'Mutation', 2, 5)] });
    assert.deepEqual(Object.keys(body.errors[0]), ['path', 'data', 'errorType', 'errorInfo', 'locations', 'message']);
  });

  test('a refused field does not stop the allowed ones, nor is anything written', async () => {
    const { data, errors } = await guest.graphql({
      query: 'query { posts: listPosts { items { id } } }',
    });
    assert.deepEqual(data, { posts: { items: [] } });
    assert.equal(errors, undefined);
    const mixed = await post({ query: 'mutation { a: createPost(input: {title: "t", content: "c"}) { id } b: deleteUser(input: {id: "x"}) { id } }' });
    assert.deepEqual(mixed.body.data, { a: null, b: null });
    assert.deepEqual(mixed.body.errors.map(({ path, message }) => [path, message]), [
      [['a'], 'Not Authorized to access createPost on type Mutation'],
      [['b'], 'Not Authorized to access deleteUser on type Mutation'],
    ]);
    assert.deepEqual(await ok(Post.list()), []);
  });

  test('a document that is wrong is told so before rights are looked at', async () => {
    const { body } = await post({ query: 'mutation { createPost(input: {title: "t"}) { id } }' });
    assert.equal(body.data, null);
    assert.match(body.errors[0].message, /^Validation error of type WrongType/);
  });

  test('a mutation over the socket is refused there', async () => {
    const live = await collect(guest.graphql({ query: 'subscription { onCreatePost { id nothing } }' }));
    await until(() => live.errors.length > 0, () => 'an error');
    live.stop();
  });
});

describe('modes without an identity yet', () => {
  // The identity pool gives guests credentials, so the client looks for a token and finds none.
  test('the default mode is the user pool: nobody is signed in', async () => {
    assert.equal(outputs.API.GraphQL.defaultAuthMode, 'userPool');
    await assert.rejects(client.models.Post.list(), { name: 'NoValidAuthTokens' });
  });

  test('a token that nobody issued is 401', async () => {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { sub: 's', username: 'u', token_use: 'access', iss: 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_x', exp: 4102444800 };
    for (const token of [`${part({ alg: 'none' })}.${part(claims)}.`, `${part({ alg: 'RS256', kid: 'k' })}.${part(claims)}.c2ln`, 'a.b.c', 'nonsense']) {
      const { status, headers, body } = await post({ query: '{ listPosts { nextToken } }' }, { authorization: token });
      assert.equal(status, 401, token);
      assert.equal(headers.get('x-amzn-errortype'), 'UnauthorizedException');
      assert.equal(body.errors[0].errorType, 'UnauthorizedException');
    }
  });

  test('a signature of nobody is refused', async () => {
    const authorization = 'AWS4-HMAC-SHA256 Credential=AKIA0/20260101/us-east-1/appsync/aws4_request, SignedHeaders=host, Signature=00';
    const { status, body } = await post({ query: '{ listPosts { nextToken } }' }, { authorization });
    assert.ok([401, 403].includes(status), String(status));
    assert.equal(body.errors[0].errorType, status === 401 ? 'UnauthorizedException' : body.errors[0].errorType);
  });

  test('the key still opens what it opened', async () => {
    const { status } = await post({ query: '{ listPosts { nextToken } }' }, { 'x-api-key': apiKey });
    assert.equal(status, 200);
  });
});

describe('the outputs describe the project', () => {
  test('models, relations and rules', () => {
    const { models } = outputs.data.model_introspection;
    assert.deepEqual(Object.keys(models).sort(), ['Comment', 'Post', 'Thumbnail', 'User']);
    assert.equal(outputs.data.default_authorization_type, 'AMAZON_COGNITO_USER_POOLS');
    assert.deepEqual([...outputs.data.authorization_types].sort(), ['API_KEY', 'AWS_IAM']);
    const rules = (name) => models[name].attributes.find(({ type }) => type === 'auth').properties.rules;
    const editors = [['groups', ['read', 'delete']]];
    for (const [name, more] of [['User', []], ['Post', editors], ['Comment', editors]]) {
      assert.deepEqual(rules(name).map(({ allow, operations }) => [allow, operations]), [
        ['public', ['read']], ['owner', ['create', 'update', 'delete', 'read']], ...more,
      ]);
    }
  });

  test('an unauthorised list is empty with errors', async () => {
    const errors = await fails(generateClient({ authMode: 'lambda', authToken: 'x' }).models.Post.list());
    assert.equal(errors[0].message, 'Unauthorized');
  });
});
