// How a function finds this server by the names that SDKs make.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';

// The SDK puts a bucket's name before the endpoint's, which only a name can bear, not an address. Names of the loopback
// address are not known to every resolver (RFC 6761, section 6.3).
if (process.env.AWS_ENDPOINT_URL && !process.env.AWS_ENDPOINT_URL_S3) {
  process.env.AWS_ENDPOINT_URL_S3 = `http://s3.localhost:${new URL(process.env.AWS_ENDPOINT_URL).port}`;
}
const { lookup } = dns;
const local = (/** @type {unknown} */ name) => (String(name).endsWith('.localhost') ? '127.0.0.1' : name);
Object.assign(dns, {
  lookup: (/** @type {any} */ name, /** @type {any} */ options, done = options) =>
    lookup(/** @type {string} */ (local(name)), options === done ? {} : options, done),
});
syncBuiltinESMExports();
