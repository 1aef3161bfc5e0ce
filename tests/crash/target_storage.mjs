// A whole ampd with a bucket: writers put, overwrite and delete objects in every way S3 knows;
// afterwards another ampd on the same folder has each object whole, and no byte of any other:
// `ampd fsck --data` finds nothing, which also means that no file is there without an object or a part of an
// upload that goes on.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { s3Client } from "./s3.mjs";

const KINDS = ["small", "large", "small in chunks", "large in chunks", "in parts"];
const WRITERS = 10;
const SLOTS = 4; // keys of each writer, overwritten in turn
const SMALL_MAX = 16 * 1024; // what is no file
const PART_MIN = 5 * 1024 * 1024;
const BUCKET = "/amplify.files";

// The bytes of a writer's object: told by their number alone.
function content(writer, n) {
  const kind = KINDS[writer % KINDS.length];
  const small = kind.startsWith("small");
  const parts = kind === "in parts" && n % 8 === 7 ? PART_MIN : 0;
  const size = small ? (n * 977) % SMALL_MAX : parts + SMALL_MAX + 1 + ((n * 73_939) % 900_000);
  return Buffer.alloc(size, createHash("sha256").update(`${writer}-${n}`).digest());
}

export function launch(program, folder, env = {}) {
  const manifest = {
    formatVersion: 1,
    project: { root: folder, name: "crash" },
    auth: null,
    data: null,
    storage: [{ name: "files", isDefault: true, access: {} }],
    functions: {},
    outputs: [],
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const child = spawn(
    program,
    ["sandbox", "--project", folder, "--manifest", join(folder, "manifest.json"), "--port", "0"],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } },
  );
  let text = "";
  const server = { child, text: () => text };
  server.closed = new Promise((resolve) => {
    child.on("close", (code, signal) => resolve(signal ?? `exit ${code}: ${text}`));
  });
  server.ready = new Promise((resolve, reject) => {
    const look = (more) => {
      text += more;
      const port = /GraphQL\s+http:\/\/[^:/]+:(\d+)/.exec(text)?.[1];
      if (port && /Data\s+\S+/.test(text)) resolve(`http://127.0.0.1:${port}`);
    };
    child.stdout.setEncoding("utf8").on("data", look);
    child.stderr.setEncoding("utf8").on("data", look);
    server.closed.then((why) => reject(new Error(`ampd ended: ${why}`)));
  }).then((origin) => (server.s3 = s3Client(origin, accessKey(program, folder))));
  return server;
}

// Made once for a folder.
function accessKey(program, folder) {
  const file = join(folder, "key.json");
  if (!existsSync(file)) {
    writeFileSync(file, execFileSync(program, ["keys", "create", "--json", "--data-dir", join(folder, ".amplify/ampd")]));
  }
  return JSON.parse(readFileSync(file));
}

async function demand(server, wanted, method, key, options) {
  const answer = await server.s3(method, `${BUCKET}/${key}`, options);
  if (answer.status !== wanted) throw new Error(`${method} ${key}: ${answer.status} ${answer.body}`);
  return answer;
}

// One part, which is the last one and may be of any size; now and then another one before it.
async function putInParts(server, key, n, body) {
  const headers = { "x-amz-meta-n": String(n) };
  const created = await demand(server, 200, "POST", key, { query: { uploads: "" }, headers });
  const uploadId = /<UploadId>(.*)<\/UploadId>/.exec(created.body)[1];
  let list = "";
  for (let at = 0, partNumber = 1; at < body.length; at += PART_MIN, partNumber++) {
    const query = { uploadId, partNumber: String(partNumber) };
    const part = await demand(server, 200, "PUT", key, { query, body: body.subarray(at, at + PART_MIN) });
    list += `<Part><PartNumber>${partNumber}</PartNumber><ETag>${part.headers.get("etag")}</ETag></Part>`;
  }
  const whole = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
  const done = await demand(server, 200, "POST", key, { query: { uploadId }, body: Buffer.from(whole) });
  if (!String(done.body).includes("<ETag>")) throw new Error(`completing ${key}: ${done.body}`);
}

async function put(server, writer, key, n) {
  if (KINDS[writer % KINDS.length] === "in parts") return putInParts(server, key, n, content(writer, n));
  const inChunks = KINDS[writer % KINDS.length].endsWith("in chunks");
  await demand(server, 200, "PUT", key, {
    headers: { "x-amz-meta-n": String(n) }, body: content(writer, n), inChunks,
  });
}

// An object, checked against its number; -1 when there is none.
async function numberAt(server, writer, key) {
  const answer = await server.s3("GET", `${BUCKET}/${key}`);
  if (answer.status === 404) return -1;
  if (answer.status !== 200) throw new Error(`${key}: ${answer.status} ${answer.body}`);
  const n = Number(answer.headers.get("x-amz-meta-n"));
  if (!answer.body.equals(content(writer, n))) throw new Error(`${key}: not the bytes of ${n}`);
  return n;
}

const slot = (writer, n) => `writer ${writer}/${n % SLOTS}`.replace(" ", "%20");
const side = (writer) => `writer${writer}/side`;

async function lastOf(server, writer) {
  let last = -1;
  for (let i = 0; i < SLOTS; i++) {
    const n = await numberAt(server, writer, slot(writer, i));
    if (n >= 0 && n % SLOTS !== i) throw new Error(`writer ${writer}: ${n} in slot ${i}`);
    last = Math.max(last, n);
  }
  for (let n = last; n >= 0 && n > last - SLOTS; n--) {
    const found = await numberAt(server, writer, slot(writer, n));
    if (found !== n) throw new Error(`writer ${writer}: ${found} in place of ${n}, after ${last}`);
  }
  return last;
}

// Beside the slots: an object that comes and goes. Number n stands for n's own put and, before it,
// what happens at the side.
async function write(server, writer, n) {
  if (n % 4 === 1) await put(server, writer, side(writer), n);
  if (n % 4 === 3) await demand(server, 204, "DELETE", side(writer));
  await put(server, writer, slot(writer, n), n);
}

async function writeOn(server, writer, acknowledged, state) {
  for (let n = (await lastOf(server, writer)) + 1; ; n++) {
    try {
      await write(server, writer, n);
    } catch (error) {
      if (state.killed) return;
      throw error;
    }
    acknowledged(writer, n);
  }
}

async function look(server) {
  const found = new Map();
  for (let writer = 0; writer < WRITERS; writer++) {
    const last = await lastOf(server, writer);
    const aside = await numberAt(server, writer, side(writer));
    if (last >= 0) found.set(writer, last);
    if (last % 4 === 3 && aside >= 0 && aside <= last) throw new Error(`writer ${writer}: ${aside} was deleted`);
    if (last % 4 === 1 && aside !== last) throw new Error(`writer ${writer}: ${aside} at the side after ${last}`);
  }
  return found;
}

async function largeCount(server) {
  const answer = await server.s3("GET", BUCKET, { query: { "list-type": "2" } });
  if (answer.status !== 200) throw new Error(`list: ${answer.status} ${answer.body}`);
  return [...String(answer.body).matchAll(/<Size>(\d+)</g)].filter(([, size]) => size > SMALL_MAX).length;
}

function checkFiles(program, folder, expected) {
  const data = join(folder, ".amplify/ampd");
  const fsck = spawnSync(program, ["fsck", "--data", "--data-dir", data], { encoding: "utf8" });
  if (fsck.status !== 0) throw new Error(`fsck:\n${fsck.stdout}${fsck.stderr}`);
  const files = readdirSync(join(data, "blob"), { recursive: true }).filter((name) => /[0-9a-f]-[0-9a-f]+$/.test(name));
  if (files.length < expected) throw new Error(`${files.length} files for ${expected} large objects`);
}

export function storageTarget(program) {
  return {
    name: "storage",
    burst: 300,

    start(folder, acknowledged) {
      const server = launch(program, folder);
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
      const server = launch(program, folder);
      let found;
      let large;
      try {
        await server.ready;
        found = await look(server);
        large = await largeCount(server);
      } finally {
        server.child.kill("SIGTERM");
        await server.closed;
      }
      checkFiles(program, folder, large);
      return found;
    },
  };
}
