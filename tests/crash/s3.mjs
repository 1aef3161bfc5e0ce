// S3 requests signed by hand (Signature Version 4), for a test that needs no package.
import { createHash, createHmac } from "node:crypto";

const REGION = "us-east-1";
const sha256 = (data, form) => createHash("sha256").update(data).digest(form);
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());

function authorization(key, method, path, query, headers, payload, date) {
  const names = Object.keys(headers).sort();
  const canonical = [
    method, path, query, ...names.map((name) => `${name}:${headers[name]}`), "", names.join(";"), payload,
  ].join("\n");
  const scope = `${date.slice(0, 8)}/${REGION}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical, "hex")}`;
  const signing = [date.slice(0, 8), REGION, "s3", "aws4_request"].reduce(hmac, `AWS4${key.secretAccessKey}`);
  const signature = hmac(signing, text).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
}

/** In AWS's chunks, with the SHA-256 of it all behind them. */
function chunked(body, size = 40_000) {
  const pieces = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
  }
  pieces.push(Buffer.from(`0\r\nx-amz-checksum-sha256:${sha256(body, "base64")}\r\n\r\n`));
  return Buffer.concat(pieces);
}

/** For `origin` and the access key: request(method, path, options) -> {status, headers, body}. */
export function s3Client(origin, key) {
  const { host } = new URL(origin);
  return async (method, path, { query = {}, headers = {}, body, inChunks = false } = {}) => {
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const payload = inChunks ? "STREAMING-UNSIGNED-PAYLOAD-TRAILER" : "UNSIGNED-PAYLOAD";
    const signed = { ...headers, host, "x-amz-date": date, "x-amz-content-sha256": payload };
    if (inChunks) {
      signed["content-encoding"] = "aws-chunked";
      signed["x-amz-decoded-content-length"] = String(body.length);
      signed["x-amz-trailer"] = "x-amz-checksum-sha256";
    }
    const search = Object.keys(query).sort().map((name) => `${encode(name)}=${encode(query[name])}`).join("&");
    signed.authorization = authorization(key, method, path, search, signed, payload, date);
    delete signed.host;
    const answer = await fetch(`${origin}${path}${search ? "?" + search : ""}`, {
      method, headers: signed, body: inChunks ? chunked(body) : body,
    });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  };
}

/** A path with query that needs no header: good for a day. */
export function presign(origin, key, method, path) {
  const { host } = new URL(origin);
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const query = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${key.accessKeyId}/${date.slice(0, 8)}/${REGION}/s3/aws4_request`,
    "X-Amz-Date": date,
    "X-Amz-Expires": "86400",
    "X-Amz-SignedHeaders": "host",
  };
  const search = Object.keys(query).sort().map((name) => `${name}=${encode(query[name])}`).join("&");
  const line = authorization(key, method, path, search, { host }, "UNSIGNED-PAYLOAD", date);
  return `${path}?${search}&X-Amz-Signature=${/Signature=(.*)/.exec(line)[1]}`;
}
