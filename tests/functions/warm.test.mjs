// Processes that are there before a call needs them: provisioned ones, one after a reload, and spare ones that become any function's.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { isAlive, serve, until } from './serve.mjs';

async function start(options) {
  const server = await serve('warm', options);
  const lambda = new LambdaClient({ region: 'us-east-1', endpoint: server.origin, credentials: await server.key(), maxAttempts: 1 });
  const invoke = async (FunctionName, event = {}) => {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: 'Tail' }));
    const log = Buffer.from(answer.LogResult, 'base64').toString();
    return { ...answer, value: JSON.parse(answer.Payload.transformToString()), init: Number(/Init Duration: ([\d.]+) ms/.exec(log)?.[1] ?? 0) };
  };
  const loads = (name) => [...server.log().matchAll(new RegExp(`loaded ${name} (\\d+)`, 'g'))].map(([, pid]) => Number(pid));
  const end = async (pid) => {
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid), `the end of ${pid}`);
  };
  return { server, invoke, loads, end };
}

describe('provisioned', () => {
  let server, invoke, loads, end;
  before(async () => ({ server, invoke, loads, end } = await start({ watch: true })));
  after(() => server.end());

  test('as many as the definitions say are ready before the first call, and are replaced', async () => {
    await until(() => loads('ready').length === 2, 'two processes');
    const called = Date.now();
    const answers = await Promise.all([invoke('ready', { ms: 500 }), invoke('ready', { ms: 500 })]);
    assert.deepEqual(answers.map(({ value }) => value.pid).sort(), loads('ready').sort());
    assert.ok(answers.every(({ value }) => value.loaded <= called));
    assert.equal(answers[0].value.type, 'provisioned-concurrency');
    assert.equal(answers[0].value.who, 'ready');
    await end(answers[0].value.pid);
    await until(() => loads('ready').length === 3, 'another process');
    await Promise.all([invoke('ready', { ms: 500 }), invoke('ready', { ms: 500 })]);
    assert.equal(loads('ready').length, 3);
    assert.equal(loads('plain').length, 0);
  });

  test('a function that was in use has a process again after a change', async () => {
    const { value: old, init } = await invoke('own');
    assert.ok(init > 0);
    assert.equal(old.type, 'on-demand');
    const file = path.join(server.project, 'amplify/loaded.ts');
    await until(() => loads('own').includes(old.pid), 'its log');
    const seen = loads('own').length;
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n// changed\nexport const changed = true;\n`);
    await until(() => loads('own').length > seen, 'the new process', 60_000);
    const called = Date.now();
    const { value } = await invoke('own');
    assert.notEqual(value.pid, old.pid);
    assert.equal(value.pid, loads('own').at(-1));
    assert.ok(value.loaded <= called);
    await until(() => loads('ready').length >= 5, 'the provisioned ones');
  });

  test('an error of one process while it loads is told to one call; others get another process', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => invoke('once')));
    const failed = answers.filter(({ FunctionError }) => FunctionError !== undefined);
    assert.ok(failed.length <= 1, JSON.stringify(failed.map(({ value }) => value))); // none, when the others were faster
    assert.ok(failed.every(({ value }) => value.errorMessage === 'the first time'));
  });

  test('a handler that can not be loaded is not tried again and again', async () => {
    assert.equal((await invoke('failing')).value.errorType, 'RangeError');
    const answers = await Promise.all(Array.from({ length: 12 }, () => invoke('failing')));
    assert.ok(answers.every(({ value }) => value.errorMessage === 'while it is loaded'));
  });
});

describe('spare', () => {
  let server, invoke, end;
  before(async () => ({ server, invoke, end } = await start()));
  after(() => server.end());

  const environ = (pid) => readFileSync(`/proc/${pid}/environ`, 'utf8');

  test('a call gets the process that was there, with the environment of its function and no other', async () => {
    await invoke('own'); // of another size: no spare fits
    await sleep(1500);
    const { value, init } = await invoke('plain');
    assert.ok(init > 0);
    assert.equal(value.name, 'plain');
    assert.equal(value.hasKey, true);
    assert.ok(!environ(value.pid).includes('AWS_LAMBDA_FUNCTION_NAME'), 'it was started for no function');
    assert.ok(value.names.includes('AWS_LAMBDA_RUNTIME_API'));
    assert.deepEqual(value.names.filter((name) => name.startsWith('AMPD_') || name === 'WHO'), []);
    assert.ok(value.args.includes('--max-old-space-size=512'));
  });

  test('cold starts, with and without', async (t) => {
    const bare = await start({ env: { AMPD_FUNCTION_SPARE: '0' } });
    const median = async (call, stop) => {
      const inits = [];
      for (let i = 0; i < 9; i++) {
        const { value, init } = await call('plain');
        inits.push(init);
        await stop(value.pid);
        await sleep(700); // the next spare
      }
      return inits.sort((a, b) => a - b)[4];
    };
    try {
      t.diagnostic(`Init Duration of a cold start, median of 9: ${(await median(bare.invoke, bare.end)).toFixed(1)} ms, with a spare process ${(await median(invoke, end)).toFixed(1)} ms`);
    } finally {
      await bare.server.end();
    }
  });
});

test('AMPD_FUNCTION_WARM keeps processes of all functions', async () => {
  const { server, invoke, loads } = await start({ watch: true, env: { AMPD_FUNCTION_WARM: '1' } });
  try {
    await until(() => loads('plain').length === 1 && loads('own').length === 1 && loads('ready').length === 2, 'a process of each');
    const called = Date.now();
    assert.ok((await invoke('plain')).value.loaded <= called);
  } finally {
    await server.end();
  }
});
