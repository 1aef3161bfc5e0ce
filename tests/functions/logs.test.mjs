// Logs of functions: on disk, in the terminal, through the command.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { AMPD, serve, until } from './serve.mjs';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
let server;
before(async () => {
  server = await serve('logs');
});
after(async () => {
  await server?.end();
});

async function invoke(name, event = {}, from = server) {
  from.lambda ??= new LambdaClient({ endpoint: from.origin, region: 'us-east-1', credentials: await from.key() });
  const answer = await from.lambda.send(new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event), LogType: 'Tail' }));
  return {
    error: answer.FunctionError && JSON.parse(Buffer.from(answer.Payload).toString()),
    tail: Buffer.from(answer.LogResult ?? '', 'base64').toString(), id: answer.$metadata.requestId,
  };
}

/** Lines of `ampd logs --json`, once one of them is `last`. */
async function lines(words, last, from = server) {
  return until(async () => {
    const { stdout } = await from.ampd('logs', '--json', ...words).catch((error) => ({ stdout: error.stdout }));
    const found = stdout.split('\n').filter(Boolean).map((text) => JSON.parse(text));
    return last === undefined || found.some(({ message }) => message.includes(last)) ? found : undefined;
  }, `a line ${last}`);
}
const bytes = (text) => [Buffer.from(text, 'latin1').toString('base64')];

/** A server of one test, which ends with it at the latest. */
async function extra(t, options) {
  const made = await serve('logs', options);
  t.after(() => made.child.kill('SIGKILL'));
  return made;
}

/** Runs `ampd logs`, and gathers what it prints until it is told to stop. */
function follow(t, ...words) {
  const child = spawn(AMPD, ['logs', ...words, '--data-dir', server.dataDir], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  t.after(() => child.kill());
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
  const ended = new Promise((resolve) => child.on('close', resolve));
  return { text: () => text, stop: async () => { child.kill(); await ended; } };
}

test('every line has its time, stream and request; the platform\'s frame what the function wrote', async () => {
  const began = Date.now();
  const { tail } = await invoke('writer', { say: [['log', 'first of all'], ['error', 'second of all']], out: bytes('third of all\n'), err: bytes('fourth of all\n') });
  const id = /START RequestId: (\S+)/.exec(tail)[1];
  const found = (await lines(['writer'], `REPORT RequestId: ${id}`)).filter(({ requestId }) => requestId === id);
  assert.deepEqual(found.map(({ stream }) => stream), ['platform', 'stdout', 'stdout', 'stdout', 'stderr', 'platform', 'platform']);
  assert.deepEqual(
    found.map(({ message }) => message.replace(/^.*\t(?=first|second)/, '')).slice(0, 6),
    [`START RequestId: ${id} Version: $LATEST`, 'first of all', 'second of all', 'third of all', 'fourth of all', `END RequestId: ${id}`],
  );
  assert.match(found[6].message, /^REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB/);
  for (const line of found) {
    assert.match(line.time, ISO);
    assert.ok(Date.parse(line.time) >= began - 1000 && Date.parse(line.time) <= Date.now() + 1000);
    assert.deepEqual(Object.keys(line), ['time', 'function', 'stream', 'requestId', 'message']);
    assert.equal(line.function, 'writer');
  }
  assert.equal(tail.split('\n').filter(Boolean).length, 7, tail);
});

test('JSON logs: objects of the function from its level on, and of the platform', async () => {
  const { tail } = await invoke('json-writer', { say: [['info', 'not to be told'], ['warn', 'told as JSON']] });
  const objects = tail.split('\n').filter(Boolean).map((text) => JSON.parse(text));
  assert.deepEqual(objects.map(({ type, level }) => type ?? level), ['platform.start', 'WARN', 'platform.report']);
  const [start, warning, report] = objects;
  assert.match(start.time, ISO);
  assert.deepEqual(start.record, { requestId: warning.requestId, version: '$LATEST' });
  assert.equal(warning.message, 'told as JSON');
  const { durationMs, billedDurationMs, memorySizeMB } = report.record.metrics;
  assert.deepEqual([report.record.requestId, report.record.status, memorySizeMB], [warning.requestId, 'success', 512]);
  assert.ok(durationMs > 0 && billedDurationMs === Math.ceil(durationMs), JSON.stringify(report));
  const failed = await invoke('json-writer', { fail: 'on purpose' });
  assert.equal(JSON.parse(failed.tail.trim().split('\n').at(-1)).record.status, 'error');
  const gone = await invoke('json-writer', { exit: 3 });
  const last = JSON.parse(gone.tail.trim().split('\n').at(-1)).record;
  assert.deepEqual([last.status, last.errorType], ['error', 'Runtime.ExitError']);
});

test('a call that takes too long, one whose process ends: told, then the frame', async () => {
  const late = await invoke('slow', { say: [['log', 'before it hangs']], sleep: true });
  assert.match(late.tail, /before it hangs\n\S+ \S+ Task timed out after 1\.00 seconds\nEND RequestId: \S+\nREPORT .*\tStatus: timeout\t\n$/);
  const { tail } = await invoke('slow-json', { sleep: true });
  assert.equal(JSON.parse(tail.trim().split('\n').at(-1)).record.status, 'timeout');
  assert.doesNotMatch(tail, /Task timed out/);
  const gone = await invoke('writer', { out: bytes('and away\n'), exit: 2 });
  assert.match(gone.tail, /and away\nRequestId: \S+ Error: Runtime exited with error: exit status 2\nEND .*\nREPORT .*\tStatus: error\tError Type: Runtime\.ExitError\n$/);
});

test('a line of 200 KiB is one line, a longer one several; cut at whole characters', async () => {
  const long = `begin${'é'.repeat(100_000)}end`;
  const longer = `${'a'.repeat(256 * 1024 - 1)}${'é'.repeat(10)}the end of the longer`;
  await invoke('writer', { out: [long, longer, 'without an end of the long'].map((text, i) => Buffer.from(text + (i < 2 ? '\n' : '')).toString('base64')) });
  await invoke('writer', { out: bytes('\n') });
  const found = await lines(['writer'], 'without an end of the long');
  assert.ok(found.some(({ message }) => message === long));
  const at = found.findIndex(({ message }) => message.startsWith('aaaa'));
  assert.equal(found[at].message, 'a'.repeat(256 * 1024 - 1));
  assert.equal(found[at + 1].message, `${'é'.repeat(10)}the end of the longer`);
});

test('bytes that are no text, and escape sequences, harm nobody', async () => {
  const nasty = 'nasty \x1b[31mred\x1b[2J \x07bell \x9b5m \xff\xfe bytes \x00 nul\rsecond part \x7f';
  await invoke('writer', { out: bytes(`${nasty}\n`), err: [Buffer.from('reorder \u202e evil \u009b31m\n').toString('base64')] });
  const found = await lines(['writer'], 'reorder');
  const line = found.find(({ message }) => message.startsWith('nasty'));
  assert.equal(line.message, 'nasty \x1b[31mred\x1b[2J \x07bell \ufffd5m \ufffd\ufffd bytes \0 nul\rsecond part \x7f');
  const { stdout } = await server.ampd('logs', 'writer');
  for (const text of [stdout, await until(() => server.log().includes('reorder') && server.log(), 'the terminal')]) {
    assert.ok(text.includes('nasty \\x1b[31mred\\x1b[2J \\x07bell \ufffd5m \ufffd\ufffd bytes \\x00 nul\n    second part \\x7f'), text.slice(-2000));
    assert.ok(text.includes('reorder \\u202e evil \\x9b31m'));
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  }
});

test('the terminal shows lines by function without the frames', async () => {
  await invoke('writer', { out: bytes('shown in the terminal\n') });
  await until(() => server.log().includes('[writer] shown in the terminal\n'), 'the line');
  assert.doesNotMatch(server.log(), /START RequestId|platform\.start/);
});

test('the command: functions by name, in the order of time; since; what is wrong is told', async () => {
  await invoke('writer', { out: bytes('one of two\n') });
  await lines(['writer'], 'one of two'); // a line has the time at which it was read, which can be after the answer
  await sleep(2);
  const between = new Date().toISOString();
  await invoke('other-writer', { out: bytes('two of two\n') });
  await lines(['other-writer'], 'two of two');
  const both = (await lines([])).filter(({ message }) => / of two$/.test(message));
  assert.deepEqual(both.map(({ function: name, message }) => [name, message]), [['writer', 'one of two'], ['other-writer', 'two of two']]);
  assert.ok((await lines([])).every(({ time }, i, all) => i === 0 || time >= all[i - 1].time));
  assert.deepEqual([...new Set((await lines(['other-writer'])).map(({ function: name }) => name))], ['other-writer']);
  const later = await lines(['--since', between]);
  assert.ok(later.some(({ message }) => message === 'two of two') && !later.some(({ message }) => message === 'one of two'));
  assert.ok((await lines(['writer', '--since', '10m'])).some(({ message }) => message === 'one of two'));
  const { stdout } = await server.ampd('logs', 'writer', 'other-writer');
  assert.match(stdout, /^\d\d:\d\d:\d\d \[writer\] START RequestId/m);
  assert.match(stdout, /^\d\d:\d\d:\d\d \[other-writer\] two of two$/m);
  await assert.rejects(() => server.ampd('logs', 'nobody'), ({ code, stderr }) => code === 1 && /no function 'nobody' has written a log/.test(stderr));
  await assert.rejects(() => server.ampd('logs', '--since', 'yesterday'), ({ code, stderr }) => code === 2 && /--since does not take 'yesterday'/.test(stderr));
});

test('--follow goes on with what comes, of functions too that write for the first time', async (t) => {
  const all = follow(t, '--follow', '--since', '1s');
  const one = follow(t, 'writer', '--follow');
  await invoke('writer', { out: bytes('followed by both\n') });
  await until(() => all.text().includes('followed by both') && one.text().includes('followed by both'), 'the line');
  await invoke('other-writer', { out: bytes('followed by one\n') });
  await invoke('writer', { flood: 2000, out: bytes('last of the flood\n') }); // over several segments
  await until(() => one.text().includes('last of the flood') && one.text().includes('1999 xxx') && all.text().includes('1999 xxx'), 'the flood');
  assert.ok(!one.text().includes('followed by one') && all.text().includes('followed by one'));
  assert.deepEqual(one.text().match(/\] \d+ xxx/g).map((text) => Number(/\d+/.exec(text)[0])), Array.from({ length: 2000 }, (_, i) => i));
  await all.stop();
  await one.stop();
});

test('--stream-function-logs, --logs-filter and --logs-out-file', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'ampd-logs-'));
  const file = path.join(folder, 'functions.log');
  writeFileSync(file, 'was here\n');
  const streaming = await extra(t, { args: ['--stream-function-logs', '--logs-filter', '^wri', 'json'] });
  const filing = await extra(t, { args: ['--logs-out-file', file] });
  for (const name of ['writer', 'other-writer', 'json-writer']) {
    await invoke(name, { out: bytes(`of ${name}\n`) }, streaming);
    await invoke(name, { out: bytes(`of ${name}\n`) }, filing);
  }
  await until(() => /^\d\d:\d\d:\d\d \[json-writer\] \{.*platform\.report/m.test(streaming.log()), 'the last line');
  assert.match(streaming.log(), /^\d\d:\d\d:\d\d \[writer\] of writer\n\d\d:\d\d:\d\d \[writer\] END RequestId/m);
  assert.match(streaming.log(), /^\d\d:\d\d:\d\d \[json-writer\] \{.*"type":"platform\.start"/m);
  assert.doesNotMatch(streaming.log(), /other-writer/);
  await streaming.end();
  await filing.end();
  const text = readFileSync(file, 'utf8');
  assert.match(text, /^was here\n/);
  for (const name of ['writer', 'other-writer', 'json-writer']) assert.match(text, new RegExp(`^\\d\\d:\\d\\d:\\d\\d \\[${name}\\] of ${name}$`, 'm'));
  assert.doesNotMatch(filing.log(), /\[writer\]/);
  for (const [args, code, said] of [[['--logs-filter', '('], 1, /no regular expression/], [['--logs-filter'], 2, /value is missing/], [['--logs-out-file', folder], 1, /cannot write/]]) {
    const failed = await new Promise((resolve) => {
      const child = spawn(AMPD, ['sandbox', '--once', '--project', server.project, '--port', '0', '--data-dir', path.join(folder, 'data'), ...args]);
      let err = '';
      child.stderr.on('data', (part) => (err += part));
      child.on('close', (status) => resolve([status, said.test(err), err]));
    });
    assert.deepEqual(failed.slice(0, 2), [code, true], failed[2]);
  }
  rmSync(folder, { recursive: true });
});

const segments = (from, name) => readdirSync(path.join(from.dataDir, 'functions/logs', name)).map((file) => path.join(from.dataDir, 'functions/logs', name, file));
const sizeOf = (files) => files.reduce((sum, file) => sum + statSync(file).size, 0);

test('a function that writes without end is bounded on disk, and nobody else waits for it', async () => {
  const flood = invoke('other-writer', { flood: 60_000 });
  let slowest = 0;
  let over = false;
  flood.then(() => (over = true));
  while (!over) {
    const began = performance.now();
    await invoke('writer', {});
    slowest = Math.max(slowest, performance.now() - began);
  }
  assert.equal((await flood).error, undefined);
  assert.ok(slowest < 10_000, `another function waited ${slowest} ms`);
  await until(() => sizeOf(segments(server, 'other-writer')) > 8 * 1024 * 1024, 'the log');
  await until(async () => {
    await invoke('other-writer', { out: bytes('behind the flood\n') });
    return segments(server, 'other-writer').some((file) => readFileSync(file, 'utf8').includes('behind the flood'));
  }, 'a line behind the flood');
  const files = segments(server, 'other-writer');
  assert.ok(sizeOf(files) <= 16 * 1024 * 1024, `${sizeOf(files)} bytes`);
  assert.ok(files.every((file) => (statSync(file).mode & 0o077) === 0));
});

test('a terminal that stands still holds nobody up; the log is on disk all the same', async (t) => {
  const still = await extra(t);
  await invoke('writer', {}, still);
  still.child.stdout.pause();
  await invoke('other-writer', { flood: 2000 }, still);
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    await invoke('writer', { out: bytes(`number ${i} while it stands still\n`) }, still);
    assert.ok(performance.now() - began < 10_000, 'a call waited for the terminal');
  }
  await lines(['writer'], 'number 19 while it stands still', still);
  still.child.stdout.resume();
  await still.end();
});

test('the log survives the server, and old lines go as the retention says', async (t) => {
  const first = await extra(t);
  await invoke('writer', { out: bytes('before the restart\n') }, first);
  await invoke('other-writer', { out: bytes('kept without a limit\n') }, first);
  await first.stop(); // what was written is on disk then
  const { stdout } = await first.ampd('logs');
  assert.match(stdout, /before the restart[^]*kept without a limit/);
  const old = Date.now() / 1000 - 25 * 60 * 60;
  for (const name of ['writer', 'other-writer']) for (const file of segments(first, name)) utimesSync(file, old, old);
  const second = await extra(t, { folder: first.folder });
  await invoke('writer', { out: bytes('after the restart\n') }, second);
  await until(async () => {
    const text = (await second.ampd('logs')).stdout;
    return text.includes('after the restart') && !text.includes('before the restart') && text.includes('kept without a limit');
  }, 'old lines to go');
  await second.end();
});

test('a disk that takes nothing loses lines, never a call', async (t) => {
  const broken = await extra(t);
  await invoke('writer', {}, broken);
  await lines(['writer'], 'REPORT', broken); // nothing more is written then
  rmSync(path.join(broken.dataDir, 'functions/logs'), { recursive: true });
  writeFileSync(path.join(broken.dataDir, 'functions/logs'), 'in the way');
  const { tail, error } = await invoke('writer', { out: bytes('nowhere to go\n') }, broken);
  assert.equal(error, undefined);
  assert.match(tail, /nowhere to go/);
  await until(() => /"event":"func\.log","text":"\d+ lines of functions' logs were lost/.test(broken.log()), 'the warning');
  await broken.end();
});
