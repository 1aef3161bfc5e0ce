// Answers in pieces through the official client, and function URLs through HTTP.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { InvokeCommand, InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { serve } from './serve.mjs';

let server;
let lambda;

before(async () => {
  server = await serve('urls');
  lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
});
after(() => server.end());

async function stream(FunctionName, event, options = {}) {
  const answer = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName, Payload: JSON.stringify(event), ...options }));
  const pieces = [];
  const times = [];
  let complete;
  for await (const message of answer.EventStream ?? []) {
    if (message.PayloadChunk) {
      pieces.push(Buffer.from(message.PayloadChunk.Payload).toString());
      times.push(Date.now());
    }
    complete = message.InvokeComplete ?? complete;
  }
  return { ...answer, pieces, times, text: pieces.join(''), complete };
}

const details = ({ complete }) => ({ code: complete.ErrorCode, ...JSON.parse(complete.ErrorDetails) });

// ---- InvokeWithResponseStream ------------------------------------------------------------------

test('pieces come as the function writes them', async () => {
  const { StatusCode, ExecutedVersion, text, times, complete } = await stream('pieces', { do: 'slow' });
  assert.equal(StatusCode, 200);
  assert.equal(ExecutedVersion, '$LATEST');
  assert.equal(text, 'onetwothree');
  assert.ok(times.at(-1) - times[0] > 300, `all within ${times.at(-1) - times[0]} ms`);
  assert.equal(complete.ErrorCode, undefined);
});

test('a function that does not answer in pieces gives one', async () => {
  const { pieces, complete } = await stream('none', { queryStringParameters: { do: 'value' } });
  assert.deepEqual(pieces, ['{"some":["value"]}']);
  assert.equal(complete.ErrorCode, undefined);
});

test('the log comes with the end', async () => {
  const { complete } = await stream('pieces', { do: 'typed' }, { LogType: 'Tail' });
  assert.match(Buffer.from(complete.LogResult, 'base64').toString(), /^START RequestId: [^]*\nREPORT RequestId: .*Max Memory Used: \d+ MB/);
});

test('errors before and after the first piece', async () => {
  const before = await stream('pieces', { do: 'throw' });
  assert.equal(before.text, '');
  const { code, errorType, errorMessage } = details(before);
  assert.deepEqual([code, errorType, errorMessage], ['Unhandled', 'RangeError', 'before the first byte']);
  const later = await stream('pieces', { do: 'later' });
  assert.equal(later.text, 'some');
  assert.equal(details(later).errorMessage, 'after the first bytes');
  const exit = await stream('pieces', { do: 'exit' });
  assert.equal(exit.text, 'some');
  assert.match(exit.complete.ErrorDetails, /Runtime\.ExitError.*exit status 3|Runtime\.TruncatedResponse/);
  assert.equal((await stream('pieces', { do: 'typed' })).text, 'a,b\n');
});

test('an answer larger than a whole one may be', async () => {
  const size = 30 * 1024 * 1024;
  assert.equal((await stream('pieces', { do: 'large', size })).text.length, size);
});

test('Invoke of a function that answers in pieces gives the whole', async () => {
  const answer = await lambda.send(new InvokeCommand({ FunctionName: 'pieces', Payload: JSON.stringify({ do: 'typed' }) }));
  assert.equal(answer.Payload.transformToString(), 'a,b\n');
  const large = await lambda.send(new InvokeCommand({ FunctionName: 'pieces', Payload: JSON.stringify({ do: 'large', size: 6_400_000 }) }));
  assert.equal(JSON.parse(large.Payload.transformToString()).errorType, 'Function.ResponseSizeTooLarge');
  const later = await lambda.send(new InvokeCommand({ FunctionName: 'pieces', Payload: JSON.stringify({ do: 'later' }) }));
  assert.equal(later.FunctionError, 'Unhandled');
  assert.equal(JSON.parse(later.Payload.transformToString()).errorMessage, 'after the first bytes');
});

test('a runtime of its own answers in pieces, with an error behind them', async () => {
  assert.equal((await stream('custom', { parts: ['a', 'bc'] })).text, 'abc');
  const failed = await stream('custom', { parts: ['a'], fail: true });
  assert.equal(failed.text, 'a');
  assert.equal(details(failed).errorType, 'Custom.Late');
});

test('a reader that goes away does not hold up the function', async () => {
  const answer = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName: 'pieces', Payload: JSON.stringify({ do: 'large', size: 20_000_000 }) }));
  for await (const message of answer.EventStream) {
    assert.ok(message.PayloadChunk);
    break;
  }
  assert.equal((await stream('pieces', { do: 'typed' })).text, 'a,b\n');
});

test('rights and checks are those of Invoke', async () => {
  await assert.rejects(stream('nobody', {}), { name: 'ResourceNotFoundException' });
  const { StatusCode } = await lambda.send(new InvokeWithResponseStreamCommand({ FunctionName: 'pieces', InvocationType: 'DryRun' }));
  assert.equal(StatusCode, 204);
  const credentials = await server.key('lambda:GetFunction');
  const other = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials, maxAttempts: 1 });
  await assert.rejects(other.send(new InvokeWithResponseStreamCommand({ FunctionName: 'pieces', Payload: '{}' })), { name: 'AccessDeniedException' });
});

// ---- URLs --------------------------------------------------------------------------------------

const url = (name, rest = '') => `${server.origin}/lambda-url/${name}/${rest}`;

test('the URL is known to the outputs and to other functions', async () => {
  const { custom } = server.outputs();
  assert.match(custom.openUrl, /\/lambda-url\/open\/$/);
  const answer = await lambda.send(new InvokeCommand({ FunctionName: 'reader' }));
  assert.deepEqual(JSON.parse(answer.Payload.transformToString()), { url: custom.openUrl, rawPath: '/from/inside' });
});

test('the event is of format 2.0', async () => {
  const answer = await fetch(url('open', 'a%20b/c?x=1&x=2&y=%C3%BC&z'), {
    method: 'POST', body: 'text ü', headers: { 'content-type': 'text/plain', cookie: 'a=1; b=2', 'X-Own': 'yes', 'user-agent': 'test' },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const event = await answer.json();
  const { requestContext, headers, ...rest } = event;
  assert.deepEqual(rest, {
    version: '2.0', routeKey: '$default', rawPath: '/a%20b/c', rawQueryString: 'x=1&x=2&y=%C3%BC&z', cookies: ['a=1', 'b=2'],
    queryStringParameters: { x: '1,2', y: 'ü', z: '' }, body: 'text ü', isBase64Encoded: false,
  });
  assert.equal(headers['x-own'], 'yes');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  const { time, timeEpoch, requestId, domainName, domainPrefix, http, ...context } = requestContext;
  assert.deepEqual(context, { accountId: 'anonymous', apiId: 'open', routeKey: '$default', stage: '$default' });
  assert.deepEqual(http, { method: 'POST', path: '/a%20b/c', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' });
  assert.match(time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
  assert.equal(requestId, answer.headers.get('x-amzn-requestid'));
  assert.equal(domainName, new URL(server.origin).host);
});

test('a body that is no text is base64', async () => {
  const sent = async (type, body) => (await fetch(url('open'), { method: 'PUT', body, headers: { 'content-type': type } })).json();
  const binary = await sent('application/octet-stream', Buffer.from([0, 255, 1]));
  assert.deepEqual([binary.body, binary.isBase64Encoded], ['AP8B', true]);
  const json = await sent('application/json; charset=utf-8', '{"a":1}');
  assert.deepEqual([json.body, json.isBase64Encoded], ['{"a":1}', false]);
  const none = await (await fetch(url('open'))).json();
  assert.deepEqual([none.body, none.isBase64Encoded, none.cookies, none.queryStringParameters], [undefined, false, undefined, undefined]);
});

test('what is returned becomes the answer', async () => {
  const created = await fetch(url('open', '?do=answer'));
  assert.equal(created.status, 201);
  assert.equal(created.headers.get('content-type'), 'text/plain');
  assert.equal(created.headers.get('x-number'), '7');
  assert.equal(created.headers.get('access-control-allow-origin'), 'https://own.example');
  assert.deepEqual(created.headers.getSetCookie(), ['a=b; Path=/', 'c=d']);
  assert.equal(await created.text(), 'created');
  const binary = await fetch(url('open', '?do=binary'));
  assert.equal(binary.headers.get('content-type'), 'image/png');
  assert.deepEqual([...new Uint8Array(await binary.arrayBuffer())], [137, 80, 0, 255]);
  const text = await fetch(url('open', '?do=text'));
  assert.deepEqual([text.headers.get('content-type'), await text.text()], ['application/json', 'just a text']);
  assert.deepEqual(await (await fetch(url('open', '?do=value'))).json(), { some: ['value'] });
  assert.equal((await fetch(url('open', '?do=nothing'))).status, 204);
});

test('what can not be answered is a 502', async () => {
  for (const what of ['throw', 'badheader', 'badstatus']) {
    const answer = await fetch(url('open', `?do=${what}`));
    assert.equal(answer.status, 502, what);
    assert.equal(answer.headers.get('x-injected'), null);
    assert.equal(await answer.text(), 'Internal Server Error');
  }
});

// As it is: fetch does not give up statuses below 200.
const statusOf = (address) =>
  new Promise((resolve, reject) => {
    request(address, (response) => {
      let text = '';
      response.on('data', (part) => (text += part)).on('end', () => resolve({ status: response.statusCode, own: response.headers['x-own'], text }));
    }).on('error', reject).end();
  });

test('statuses that have no body are answered without, those that are no answer are a 502', async () => {
  for (const name of ['open', 'streamed']) {
    for (const status of [204, 304]) {
      assert.deepEqual(await statusOf(url(name, `?do=status&status=${status}`)), { status, own: 'yes', text: '' }, `${name} ${status}`);
    }
    for (const status of [0, 100, 101, 199, 600, 4294967496]) {
      const answer = await statusOf(url(name, `?do=status&status=${status}`));
      assert.deepEqual([answer.status, answer.text], [502, 'Internal Server Error'], `${name} ${status}`);
    }
  }
  assert.deepEqual(await statusOf(url('open', '?do=status&status=599')), { status: 599, own: 'yes', text: 'body' });
});

test('headers without measure are a 502', async () => {
  for (const what of ['bigheader', 'bigtype', 'bigcookies']) {
    assert.deepEqual(await statusOf(url('open', `?do=${what}`)), { status: 502, own: undefined, text: 'Internal Server Error' }, what);
  }
});

test('functions without a URL have none, nor have others', async () => {
  assert.equal((await fetch(url('none'))).status, 404);
  assert.equal((await fetch(url('nobody'))).status, 404);
});

test('a host name of its own leads to it, for addresses that begin at the root', async () => {
  const { port, hostname } = new URL(server.origin);
  const body = await new Promise((resolve, reject) => {
    request({ host: hostname, port, path: '/root?x=1', headers: { host: `open.lambda-url.localhost:${port}` } }, (response) => {
      let text = '';
      response.on('data', (part) => (text += part)).on('end', () => resolve(text));
    }).on('error', reject).end();
  });
  assert.equal(JSON.parse(body).rawPath, '/root');
});

test('headers whose bytes are no text are left out of the event', async () => {
  const { port, hostname } = new URL(server.origin);
  const headers = { 'user-agent': 'a\xff', cookie: 'b=\xff', 'x-plain': 'c' };
  const body = await new Promise((resolve, reject) => {
    request({ host: hostname, port, path: '/lambda-url/open/', headers }, (response) => {
      let text = '';
      response.on('data', (part) => (text += part)).on('end', () => resolve(text));
    }).on('error', reject).end();
  });
  const event = JSON.parse(body);
  assert.deepEqual([event.requestContext.http.userAgent, event.cookies, event.headers['user-agent'], event.headers['x-plain']], ['', undefined, undefined, 'c']);
});

// Signed by hand, from the description of signature version 4.
async function signed(credentials, path, body = '') {
  const target = new URL(server.origin);
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
  const scope = `${date.slice(0, 8)}/us-east-1/lambda/aws4_request`;
  const canonical = ['POST', path, '', `host:${target.host}`, `x-amz-date:${date}`, '', 'host;x-amz-date', hash(body)].join('\n');
  const key = ['us-east-1', 'lambda', 'aws4_request'].reduce(hmac, hmac(`AWS4${credentials.secretAccessKey}`, date.slice(0, 8)));
  const signature = createHmac('sha256', key).update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).digest('hex');
  return fetch(`${server.origin}${path}`, {
    method: 'POST', body,
    headers: {
      'content-type': 'text/plain', 'x-amz-date': date,
      authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    },
  });
}

test('AWS_IAM asks for a signature and the right', async () => {
  assert.equal((await fetch(url('signed'))).status, 403);
  const credentials = await server.key('lambda:InvokeFunctionUrl');
  const answer = await signed(credentials, '/lambda-url/signed/x', 'hello');
  assert.equal(answer.status, 200);
  const { requestContext, body } = await answer.json();
  assert.equal(body, 'hello');
  assert.equal(requestContext.authorizer.iam.accessKey, credentials.accessKeyId);
  assert.match(requestContext.authorizer.iam.userArn, /^arn:aws:iam::\d{12}:user\//);
  assert.equal((await signed(await server.key('lambda:InvokeFunction'), '/lambda-url/signed/x')).status, 403);
  assert.equal((await signed({ ...credentials, secretAccessKey: 'x'.repeat(40) }, '/lambda-url/signed/x')).status, 403);
});

test('CORS is the platform\'s business where it is configured', async () => {
  const preflight = (origin) => fetch(url('shared'), {
    method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-own' },
  });
  const allowed = await preflight('https://app.example');
  assert.equal(allowed.status, 200);
  const header = (answer, name) => answer.headers.get(`access-control-${name}`);
  assert.equal(header(allowed, 'allow-origin'), 'https://app.example');
  assert.equal(header(allowed, 'allow-methods'), 'GET,PUT');
  assert.equal(header(allowed, 'allow-headers'), 'content-type,x-own');
  assert.equal(header(allowed, 'allow-credentials'), 'true');
  assert.equal(header(allowed, 'max-age'), '300');
  assert.equal(header(await preflight('https://a.example.org'), 'allow-origin'), 'https://a.example.org');
  assert.equal(header(await preflight('https://evil.example'), 'allow-origin'), null);
  const answer = await fetch(url('shared', '?do=answer'), { headers: { origin: 'https://app.example' } });
  assert.equal(answer.status, 201);
  assert.equal(header(answer, 'allow-origin'), 'https://app.example');
  assert.equal(header(answer, 'expose-headers'), 'x-seen');
  const refused = await fetch(url('shared', '?do=answer'), { headers: { origin: 'https://evil.example' } });
  assert.equal(header(refused, 'allow-origin'), null);
});

test('RESPONSE_STREAM passes pieces on', async () => {
  const answer = await fetch(url('streamed', '?do=slow'));
  const times = [];
  let text = '';
  for await (const part of answer.body) {
    times.push(Date.now());
    text += Buffer.from(part).toString();
  }
  assert.equal(text, 'onetwothree');
  assert.ok(times.at(-1) - times[0] > 300);
  const typed = await fetch(url('streamed', '?do=typed'));
  assert.deepEqual([typed.headers.get('content-type'), await typed.text()], ['text/csv', 'a,b\n']);
});

test('RESPONSE_STREAM with status, headers and cookies', async () => {
  const answer = await fetch(url('streamed', '?do=http'));
  assert.equal(answer.status, 203);
  assert.equal(answer.headers.get('content-type'), 'text/html');
  assert.equal(answer.headers.get('x-own'), 'yes');
  assert.deepEqual(answer.headers.getSetCookie(), ['a=b']);
  assert.equal(await answer.text(), '<p>body');
});

test('RESPONSE_STREAM: errors before and after the first piece', async () => {
  assert.equal((await fetch(url('streamed', '?do=throw'))).status, 502);
  const cut = await fetch(url('streamed', '?do=later'));
  assert.equal(cut.status, 200);
  await assert.rejects(cut.text());
  assert.deepEqual(await (await fetch(url('whole', '?do=value'))).json(), { some: ['value'] });
});
