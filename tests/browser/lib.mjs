// What a browser test needs: Chromium that trusts an authority as a person's browser would after
// `ampd trust`, and a server for a built page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { AMPD, startSandbox } from '../clients/lib/ampd.mjs';
import { build, copyExample } from '../clients/lib/project.mjs';

export const SCREENSHOTS = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));

// Chromium with a HOME of its own, whose certificate store holds the authority.
export async function startBrowser(caFile) {
  const home = mkdtempSync(path.join(tmpdir(), 'ampd-browser-'));
  const database = path.join(home, '.pki', 'nssdb');
  mkdirSync(database, { recursive: true });
  const certutil = (...args) => execFileSync('certutil', ['-d', `sql:${database}`, ...args]);
  certutil('-N', '--empty-password');
  if (caFile) certutil('-A', '-n', 'ampd', '-t', 'C,,', '-i', caFile);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: path.join(home, 'config'), XDG_CACHE_HOME: path.join(home, 'cache') },
  });
  return {
    browser,
    async stop() {
      await browser.close();
      rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/**
 * A window of its own with a page in it, as another person's. The page's errors are collected;
 * `acks` counts the subscriptions that the server has confirmed.
 */
export async function openWindow({ browser, url }, options = {}, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 820 }, ...options });
  await prepare(context);
  const page = await context.newPage();
  const problems = [];
  let acks = 0;
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => (acks += String(payload).includes('"start_ack"') ? 1 : 0)),
  );
  await page.goto(url);
  return { page, context, problems, acks: () => acks };
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** The page of an example, built with the outputs of its own sandbox, and a browser that trusts it. */
export const startExample = (name) => startProject(() => copyExample(name));

/** The same for any project: `copy` makes the folder to work in. */
export async function startProject(copy) {
  const cleanUp = []; // run last to first
  const stop = async () => {
    for (const step of cleanUp.reverse()) await step();
  };
  try {
    const project = copy();
    cleanUp.push(() => project.remove());
    const sandbox = await startSandbox(project.folder);
    cleanUp.push(() => sandbox.stop());
    project.useOutputs(sandbox.outputsFile);
    await build(project.folder);
    const site = await serveFolder(path.join(project.folder, 'dist'));
    cleanUp.push(() => site.stop());
    const { browser, stop: stopBrowser } = await startBrowser(sandbox.caFile);
    cleanUp.push(stopBrowser);
    mkdirSync(SCREENSHOTS, { recursive: true });
    return {
      browser, url: site.url, stop, outputs: sandbox.outputs, origin: sandbox.origin, mail: (to) => mail(sandbox.origin, to),
      key: (action) => JSON.parse(execFileSync(AMPD, ['keys', 'create', '--json', '--allow', action, '--data-dir', path.dirname(sandbox.caFile)], { encoding: 'utf8' })),
      invoke: (name) => JSON.parse(execFileSync(AMPD, ['invoke', name, '--data-dir', path.dirname(sandbox.caFile)], { encoding: 'utf8' })),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

// The next unread message to an address.
async function mail(origin, to) {
  const answer = await fetch(`${origin}/_ampd/inbox?wait=${encodeURIComponent(to)}&seconds=10`);
  assert.equal(answer.status, 200, `no message to ${to}`);
  return answer.json();
}

// Serves a folder on a port that the system chooses.
async function serveFolder(folder) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const file = path.join(folder, path.normalize(pathname === '/' ? '/index.html' : pathname));
    try {
      const body = readFileSync(file);
      response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  return {
    url: `http://localhost:${server.address().port}/`,
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
