// Takes the place of our bootstrap: the handler is run by AWS's own runtime client. That client knows no token, so what it asks
// passes through here.
import { spawn } from 'node:child_process';
import { mkdtempSync, symlinkSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const { AMPD_PROGRAM: program, AMPD_RUNTIME_TOKEN: token, AWS_LAMBDA_RUNTIME_API: api, ...env } = process.env;
const [host, port] = api.split(':');
const agent = new http.Agent({ keepAlive: true });

const relay = http.createServer((request, response) => {
  const headers = { ...request.headers, host: api, 'ampd-runtime-token': token };
  const onward = http.request({ host, port, agent, method: request.method, path: request.url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.on('data', (part) => onward.write(part));
  request.on('end', () => {
    onward.addTrailers(request.trailers);
    onward.end();
  });
});
relay.listen(0, '127.0.0.1', () => {
  const folder = mkdtempSync('official-');
  symlinkSync(program, path.join(folder, 'index.mjs'));
  const client = fileURLToPath(new URL('node_modules/aws-lambda-ric/bin/index.mjs', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, client, 'index.handler'], {
    cwd: folder, stdio: 'inherit', env: { ...env, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${relay.address().port}` },
  });
  child.on('exit', (code, signal) => (signal === null ? process.exit(code) : process.kill(process.pid, signal)));
});
