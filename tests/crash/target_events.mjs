// Events and tables' changes on their way to functions: writers ask for an asynchronous operation, or create entries of
// a table that a function listens to, one after the other. Each function tells a sink, which outlives the server, what
// it was called with; after a restart everything that was acknowledged arrives there.
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { ask, launch } from "./target_ampd.mjs";

const WRITERS = 8;
const ARRIVES_MS = 120_000;
const SDL = `type Entry @model @auth(rules: [{allow: public, provider: apiKey}]) {
  word: String!
}
type Mutation {
  note(word: String!): EventInvocationResponse
    @function(name: "note", invocationType: Event) @auth(rules: [{allow: public, provider: apiKey}])
}
type EventInvocationResponse @aws_api_key { success: Boolean! }`;
const NOTE = "mutation($word: String!) { note(word: $word) { success } }";
const CREATE = "mutation($word: String!) { createEntry(input: {word: $word}) { id } }";

// Called with AppSync's event, or with records of a stream.
const HANDLER = `export const handler = async (event) => {
  const words = event.Records ? event.Records.map((record) => record.dynamodb.NewImage.word.S) : [event.arguments.word];
  const answer = await fetch(process.env.SINK, { method: "POST", body: words.join(" ") });
  if (!answer.ok) throw new Error("the sink is full");
};
`;

function functionOf(folder, name, sink, eventSources) {
  return {
    name, group: "function", lambdaRuntime: "nodejs22.x", handler: "index.handler", entry: null, out: join(folder, "handler.mjs"), problem: null, timeoutSeconds: 10, memoryMB: 128,
    environment: { SINK: sink }, schedule: [], grants: [], policies: [], url: null, eventSources, provided: null,
  };
}

function begin(program, folder, sink) {
  const source = {
    type: "DynamoEventSource",
    source: { $ref: "data.resources.tables.Entry" },
    options: { startingPosition: { $const: "StartingPosition.TRIM_HORIZON" }, batchSize: 10 },
  };
  const manifest = {
    formatVersion: 1,
    project: { root: folder, name: "crash" },
    auth: null,
    data: {
      name: "amplifyData",
      sdl: SDL,
      authorizationModes: { default: "apiKey", modes: ["apiKey", "iam"] },
      jsFunctions: [],
      functionMap: { note: "note" },
    },
    storage: [],
    functions: { note: functionOf(folder, "note", sink, []), watch: functionOf(folder, "watch", sink, [source]) },
    outputs: [],
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "handler.mjs"), HANDLER);
  return launch(program, folder, manifest);
}

// Words are "writer-number".
function openSink() {
  const sink = { arrived: new Map(), changed: () => {}, url: null };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => (body += text));
    request.on("end", () => {
      for (const word of body.split(" ")) sink.arrived.set(word, (sink.arrived.get(word) ?? 0) + 1);
      response.end();
      sink.changed();
    });
  });
  server.unref();
  sink.listening = new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      sink.url = `http://127.0.0.1:${server.address().port}/`;
      resolve();
    });
  });
  return sink;
}

export function eventsTarget(program) {
  const sink = openSink();
  const taken = new Map(); // writer -> last number that was acknowledged
  const next = (writer) => {
    let n = (taken.get(writer) ?? -1) + 1;
    while (sink.arrived.has(`${writer}-${n}`)) n++; // not acknowledged, but taken all the same
    return n;
  };

  async function writeOn(server, writer, acknowledged, state) {
    const query = writer % 2 === 0 ? NOTE : CREATE;
    for (let n = next(writer); ; n++) {
      try {
        await ask(server, query, { word: `${writer}-${n}` });
      } catch (error) {
        if (state.killed) return;
        throw error;
      }
      taken.set(writer, n);
      acknowledged(writer, n);
    }
  }

  const missing = () => {
    for (const [writer, last] of taken) {
      for (let n = 0; n <= last; n++) if (!sink.arrived.has(`${writer}-${n}`)) return `${writer}-${n}`;
    }
    return undefined;
  };

  return {
    name: "events",
    burst: 300,

    start(folder, acknowledged) {
      const state = { killed: false };
      let server;
      const started = sink.listening.then(() => {
        server = begin(program, folder, sink.url);
        if (state.killed) server.child.kill("SIGKILL");
      });
      const writing = started
        .then(() => server.ready)
        .then(() => Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeOn(server, writer, acknowledged, state))));
      const ended = started
        .then(() => Promise.allSettled([writing, server.closed]))
        .then(([result, why]) => (result.status === "rejected" ? result.reason.stack : why.value));
      writing.catch(() => server?.child.kill("SIGKILL")); // and `ended` says why
      return {
        ended,
        kill() {
          state.killed = true;
          server?.child.kill("SIGKILL");
        },
      };
    },

    async check(folder) {
      const server = begin(program, folder, sink.url);
      let timer;
      try {
        await server.ready;
        await new Promise((resolve, reject) => {
          sink.changed = () => missing() === undefined && resolve();
          sink.changed();
          timer = setTimeout(() => reject(new Error(`${missing()} has not arrived\n${server.text().slice(-2000)}`)), ARRIVES_MS);
        });
      } finally {
        clearTimeout(timer);
        sink.changed = () => {};
        server.child.kill("SIGTERM");
        await server.closed;
      }
      const found = new Map();
      for (let writer = 0; writer < WRITERS; writer++) {
        let last = (taken.get(writer) ?? -1) + 1;
        while (!sink.arrived.has(`${writer}-${last}`) && last >= 0) last--;
        if (last >= 0) found.set(writer, last);
      }
      return found;
    },
  };
}
