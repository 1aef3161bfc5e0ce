// What a machine has after `ampd trust` and with systemd's resolver: names below localhost lead to it, and the authority of
// a sandbox is trusted. Node asks glibc, which knows no s3.localhost, and reads NODE_EXTRA_CA_CERTS only when it starts.
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import tls from 'node:tls';

const { lookup } = dns;
dns.lookup = (name, options, done = options) => {
  if (!/(^|\.)localhost$/i.test(name)) return lookup(name, options, done);
  const all = typeof options === 'object' && options?.all;
  return process.nextTick(() => (all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)));
};

const trusted = [];
const { createSecureContext } = tls;
tls.createSecureContext = (options) => {
  const context = createSecureContext(options);
  if (!options?.ca) for (const pem of trusted) context.context.addCACert(pem);
  return context;
};
syncBuiltinESMExports();

/** Trusts the authority whose certificate this is, from now on. */
export const trust = (file) => trusted.push(readFileSync(file));

// A program of its own (node --import trust.mjs) brings the file along.
if (process.env.AMPD_TRUST) trust(process.env.AMPD_TRUST);
