// Services of the query protocol, which answer in XML: who a caller is, and clear words for the rest.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { serve } from './serve.mjs';

let server;
let options;
before(async () => {
  server = await serve('runtimes');
  options = { region: 'us-east-1', endpoint: server.origin, credentials: await server.key('lambda:InvokeFunction'), maxAttempts: 1 };
});
after(() => server.end());

const identity = async (credentials) => {
  const { Account, Arn, UserId } = await new STSClient({ ...options, ...(credentials && { credentials }) }).send(new GetCallerIdentityCommand());
  return { Account, Arn, UserId };
};
const fails = (name, message, status) => (error) => {
  assert.equal(error.name, name, error.stack);
  assert.match(error.message, message);
  assert.equal(error.$metadata.httpStatusCode, status);
  return true;
};

test('GetCallerIdentity of an access key, whatever it may do', async () => {
  const { Account, Arn, UserId } = await identity();
  assert.match(Account, /^\d{12}$/);
  assert.equal(Arn, `arn:aws:iam::${Account}:user/ampd/${options.credentials.accessKeyId}`);
  assert.match(UserId, /^AIDA/);
});

test('GetCallerIdentity of a function is its role', async () => {
  const { Payload } = await new LambdaClient(options).send(new InvokeCommand({ FunctionName: 'snake', Payload: JSON.stringify({ do: 'environment' }) }));
  const { variables } = JSON.parse(Payload.transformToString());
  const { Account, Arn, UserId } = await identity({
    accessKeyId: variables.AWS_ACCESS_KEY_ID, secretAccessKey: variables.AWS_SECRET_ACCESS_KEY, sessionToken: variables.AWS_SESSION_TOKEN,
  });
  assert.equal(Arn, `arn:aws:sts::${Account}:assumed-role/amplify-snake-functionRole/snake`);
  assert.match(UserId, /^AROA\w+:snake$/);
});

test('GetCallerIdentity of nobody and of a forger', async () => {
  const { accessKeyId, secretAccessKey } = options.credentials;
  await assert.rejects(identity({ accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey }), fails('InvalidClientTokenId', /security token/, 403));
  await assert.rejects(identity({ accessKeyId, secretAccessKey: `${secretAccessKey}x` }), fails('SignatureDoesNotMatch', /signature/, 403));
  const answer = await fetch(server.origin, { method: 'POST', body: new URLSearchParams({ Action: 'GetCallerIdentity', Version: '2011-06-15' }) });
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /^<ErrorResponse><Error><Type>Sender<\/Type><Code>MissingAuthenticationToken<\/Code>/);
});

test('what is not served is told in words that the clients read', async () => {
  const refused = (what) => fails('NotImplementedException', new RegExp(`^${what} is not served yet by this version of ampd\\. .*AWS_ENDPOINT_URL_SES`), 501);
  await assert.rejects(new STSClient(options).send(new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::123456789012:role/x', RoleSessionName: 'x' })), refused('AssumeRole'));
  await assert.rejects(new IAMClient(options).send(new ListUsersCommand({})), refused('ListUsers'));
  const answer = await fetch(server.origin, { method: 'POST', body: new URLSearchParams({ Action: '<b>&"' }) });
  assert.match(await answer.text(), /<Message>&lt;b&gt;&amp;" is not served/);
  const none = await fetch(server.origin, { method: 'POST', body: new URLSearchParams({ a: '%' }) });
  assert.deepEqual([none.status, /This operation is not served/.test(await none.text())], [501, true]);
});

test('a forged request with large headers is answered without much memory', async () => {
  const memory = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;
  const { accessKeyId, secretAccessKey } = options.credentials;
  const client = new STSClient({ ...options, credentials: { accessKeyId, secretAccessKey: `${secretAccessKey}x` } });
  client.middlewareStack.add((next) => (args) => {
    args.request.headers['x-amz-large'] = 'z'.repeat(14_000);
    return next(args);
  }, { step: 'build' });
  const before = memory();
  await assert.rejects(client.send(new GetCallerIdentityCommand()), fails('SignatureDoesNotMatch', /zzzz/, 403));
  assert.ok(memory() - before < 30, `${memory() - before} MiB`);
});
