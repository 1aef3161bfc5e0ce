// What the tests of resolvers share: a sandbox of `desk`, the official client, and plain GraphQL.
import assert from 'node:assert/strict';
import { Amplify } from 'aws-amplify';
import { generateClient } from 'aws-amplify/data';
import { WebSocket } from 'ws';
import { serve } from './serve.mjs';

globalThis.WebSocket ??= WebSocket;

export async function start(fixture = 'desk', options = {}) {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // realtime is TLS, with this server's own certificate
  const server = await serve(fixture, options);
  const outputs = server.outputs();
  Amplify.configure(outputs);
  const client = generateClient();
  const { url, api_key: apiKey } = outputs.data;
  const ask = async (query, variables, headers = { 'x-api-key': apiKey }) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables }),
    });
    return { status: answer.status, headers: answer.headers, ...(await answer.json()) };
  };
  /** The answer of an operation that returns AWSJSON. */
  const json = async (operation) => {
    const { data, errors } = await operation;
    assert.equal(errors, undefined, JSON.stringify(errors));
    return JSON.parse(data);
  };
  return { server, client, ask, json, apiKey, outputs };
}

export async function ok(operation) {
  const { data, errors } = await operation;
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** A user of the pool, signed in: tokens. */
export async function signUp(server, Username) {
  const call = async (operation, body) => {
    const answer = await fetch(`${server.origin}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSCognitoIdentityProviderService.${operation}` },
      body: JSON.stringify(body),
    });
    const json = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(json));
    return json;
  };
  const ClientId = server.outputs().auth.user_pool_client_id;
  const Password = 'Corr3ct-horse!';
  await call('SignUp', { ClientId, Username, Password, UserAttributes: [{ Name: 'email', Value: Username }] });
  const { code } = await (await fetch(`${server.origin}/_ampd/inbox?wait=${encodeURIComponent(Username)}&seconds=10`)).json();
  await call('ConfirmSignUp', { ClientId, Username, ConfirmationCode: code });
  const { AuthenticationResult } = await call('InitiateAuth', {
    ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: Username, PASSWORD: Password },
  });
  return AuthenticationResult;
}
