// A whole ampd over HTTP: writers create entries one after the other; afterwards another ampd on the
// same folder lists them, by scanning and by an index, which must agree and have no gap.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WRITERS = 12;
const SDL = `type Entry @model @auth(rules: [{allow: public, provider: apiKey}]) {
  writer: String! @index(name: "byWriter", queryField: "entriesByWriter", sortKeyFields: ["n"])
  n: Int!
  text: String
}`;
const CREATE = "mutation($input: CreateEntryInput!) { createEntry(input: $input) { id } }";
const LAST = `query($writer: String!) {
  entriesByWriter(writer: $writer, sortDirection: DESC, limit: 1) { items { n } } }`;
const BY_WRITER = `query($writer: String!, $nextToken: String) {
  entriesByWriter(writer: $writer, limit: 1000, nextToken: $nextToken) { items { id n } nextToken } }`;
const ALL = `query($nextToken: String) {
  listEntries(limit: 1000, nextToken: $nextToken) { items { id } nextToken } }`;

function manifestOf(folder) {
  return {
    formatVersion: 1,
    project: { root: folder, name: "crash" },
    auth: null,
    data: {
      name: "amplifyData",
      sdl: SDL,
      authorizationModes: { default: "apiKey", modes: ["apiKey", "iam"] },
      jsFunctions: [],
    },
    storage: [],
    functions: {},
    outputs: [],
  };
}

/** Starts an ampd on a folder with that manifest; `ready` when it serves. */
export function launch(program, folder, manifest) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const child = spawn(
    program,
    ["sandbox", "--project", folder, "--manifest", join(folder, "manifest.json"), "--port", "0"],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let text = "";
  const server = { child, url: null, key: null, text: () => text };
  server.closed = new Promise((resolve) => {
    child.on("close", (code, signal) => resolve(signal ?? `exit ${code}: ${text}`));
  });
  server.ready = new Promise((resolve, reject) => {
    const look = (more) => {
      text += more;
      server.url ??= /GraphQL\s+(http:\/\/\S+\/graphql)/.exec(text)?.[1];
      if (server.url && /Data\s+\S+/.test(text)) resolve();
    };
    child.stdout.setEncoding("utf8").on("data", look);
    child.stderr.setEncoding("utf8").on("data", look);
    server.closed.then((why) => reject(new Error(`ampd ended: ${why}`)));
  }).then(() => {
    server.key = JSON.parse(readFileSync(join(folder, "amplify_outputs.json"))).data.api_key;
  });
  return server;
}

/** The one field's value; throws what the answer says else. */
export async function ask(server, query, variables) {
  const answer = await fetch(server.url, {
    method: "POST",
    headers: { "x-api-key": server.key, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const body = await answer.json();
  if (answer.status !== 200 || body.errors) throw new Error(JSON.stringify(body));
  return Object.values(body.data)[0];
}

async function listAll(server, query, variables) {
  const items = [];
  let nextToken = null;
  do {
    const page = await ask(server, query, { ...variables, nextToken });
    items.push(...page.items);
    nextToken = page.nextToken;
  } while (nextToken);
  return items;
}

async function writeOn(server, writer, acknowledged, state) {
  const last = await ask(server, LAST, { writer: String(writer) });
  for (let n = (last.items[0]?.n ?? -1) + 1; ; n++) {
    const input = { id: `${writer}-${n}`, writer: String(writer), n, text: "x".repeat((n * 37) % 900) };
    try {
      await ask(server, CREATE, { input });
    } catch (error) {
      if (state.killed) return;
      throw error;
    }
    acknowledged(writer, n);
  }
}

async function look(server) {
  const found = new Map();
  const ids = new Set((await listAll(server, ALL, {})).map((entry) => entry.id));
  let total = 0;
  for (let writer = 0; writer < WRITERS; writer++) {
    const entries = await listAll(server, BY_WRITER, { writer: String(writer) });
    entries.forEach((entry, i) => {
      if (entry.n !== i) throw new Error(`writer ${writer}: ${entry.n} found in place of ${i}`);
      if (!ids.has(entry.id)) throw new Error(`${entry.id} is in the index only`);
    });
    total += entries.length;
    if (entries.length > 0) found.set(writer, entries.length - 1);
  }
  if (total !== ids.size) throw new Error(`${ids.size} entries, ${total} in the index`);
  return found;
}

export function ampdTarget(program) {
  return {
    name: "ampd",

    start(folder, acknowledged) {
      const server = launch(program, folder, manifestOf(folder));
      const state = { killed: false };
      const writing = server.ready.then(() =>
        Promise.all(
          Array.from({ length: WRITERS }, (_, writer) => writeOn(server, writer, acknowledged, state)),
        ),
      );
      const ended = Promise.allSettled([writing, server.closed]).then(
        ([result, why]) => (result.status === "rejected" ? result.reason.stack : why.value),
      );
      writing.catch(() => server.child.kill("SIGKILL")); // and `ended` says why
      return {
        pid: server.child.pid,
        ended,
        kill() {
          state.killed = true;
          server.child.kill("SIGKILL");
        },
      };
    },

    async check(folder) {
      const server = launch(program, folder, manifestOf(folder));
      try {
        await server.ready;
        return await look(server);
      } finally {
        server.child.kill("SIGTERM");
        await server.closed;
      }
    },
  };
}
