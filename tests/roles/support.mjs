// Both sides' policies: ours from a manifest, the official ones resolved to what CloudFormation would make of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The ids of roles_host.c. */
export const IDS = {
  region: 'us-east-1',
  account: '000000000000',
  api: 'arn:aws:appsync:us-east-1:000000000000:apis/api123',
  pool: 'arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_Pool',
};

export const AUTH = { name: 'amplifyAuth', groups: [], access: [], policies: [], client: {}, userAttributes: {} };
export const role = (name) => `amplify-amplifyAuth-${name}`;

const folder = mkdtempSync(join(tmpdir(), 'ampd-roles-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** {roles: {name: [document]}, warnings} or {error} of a manifest with these parts. */
export function makeRoles(parts) {
  const file = join(folder, 'manifest.json');
  const none = { auth: AUTH, data: null, storage: [], functions: {} };
  writeFileSync(file, JSON.stringify({ formatVersion: 1, project: { root: folder, name: 'p' }, ...none, ...parts }));
  const done = spawnSync(process.env.ROLES_HOST, [file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status !== 0) throw new Error(`roles_host: ${done.signal ?? done.status}: ${done.stderr}`);
  return JSON.parse(done.stdout);
}

/** A module of a package that another suite has installed. */
export const moduleOf = (suite, path) =>
  import(pathToFileURL(fileURLToPath(new URL(`../${suite}/node_modules/${path}`, import.meta.url))).href);
export const requireOf = (suite) => createRequire(new URL(`../${suite}/package.json`, import.meta.url));

const list = (value) => (value === undefined ? [] : [value].flat());

/** Texts of a synthesized document: what intrinsic functions come to here. */
export function text(value, names) {
  if (typeof value === 'string') return value;
  const [[name, args]] = Object.entries(value);
  if (name === 'Ref' || name === 'Fn::GetAtt') {
    const key = [args].flat().join('.');
    const found = Object.entries(names).find(([pattern]) => new RegExp(`^${pattern}$`).test(key));
    if (found === undefined) throw new Error(`no name for ${key}`);
    return found[1];
  }
  if (name === 'Fn::Join') return args[1].map((part) => text(part, names)).join(args[0]);
  if (name === 'Fn::Sub') {
    const pseudo = { 'AWS::Partition': 'aws', 'AWS::Region': IDS.region, 'AWS::AccountId': IDS.account };
    return args[0].replace(/\$\{([^}]+)\}/g, (_, key) => pseudo[key] ?? text(args[1][key], names));
  }
  throw new Error(`unknown intrinsic ${name}`);
}

/** Statements in one form, so that documents compare. */
export function plain(document, names = {}) {
  return document.Statement.map(({ Effect, Action, Resource, Condition }) => ({
    Effect,
    Action: list(Action),
    Resource: list(Resource).map((one) => text(one, names)),
    ...(Condition && {
      Condition: Object.fromEntries(Object.entries(Condition).map(([operator, keys]) => [
        operator, Object.fromEntries(Object.entries(keys).map(([key, values]) => [key, list(values)])),
      ])),
    }),
  }));
}

/** A sequence that a seed repeats. */
export function random(seed) {
  let state = seed >>> 0;
  const below = (n) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0), (state >>> 8) % n);
  const pick = (from) => from[below(from.length)];
  return { below, pick, some: (from, least = 1) => from.filter((_, i) => below(2) === 0 || i < least) };
}
