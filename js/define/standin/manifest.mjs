// All that one evaluation recorded -> the manifest. Members come in a fixed order: equal projects give equal texts.
import { rateConstructs } from './construct_support.mjs';
import { applyEventConstructs } from './event_sources.mjs';
import { applyOverrides } from './overrides.mjs';
import { providedOptions } from './provided.mjs';
import { keyGrants, provisionAliases, urlOption } from './override_data.mjs';
import { constructs, overrides, recordChangedSeeds } from './recorder.mjs';
import { serialise, serialiseConstruct, serialiseOp } from './serialise.mjs';
import { state } from './state.mjs';
import { checkDefaults } from './storage.mjs';
import { warnOfOutput, warnOfVariables } from './unknown.mjs';

export const formatVersion = 1;

/** @typedef {import('./serialise.mjs').Locate} Locate */

/**
 * @param {{root: string, name: string}} project
 * @param {Locate} locate
 */
export function buildManifest(project, locate) {
  const { backend } = state;
  recordChangedSeeds();
  if (backend !== null) {
    checkDefaults(backend.storage);
  }
  /** @type {any} */
  const manifest = {
    formatVersion,
    project,
    auth: section(backend?.auth?.result, { policies: [], userPool: {} }),
    data: section(backend?.data?.result, { api: {}, tables: {} }),
    storage: (backend?.storage ?? []).map(({ result }) => ({ ...result, cors: [], lifecycle: [], notifications: [] })),
    functions: functionsPart(backend),
    hosting: state.hosting === null ? null : serialise(state.hosting),
    overrides: overrides.map((op) => serialiseOp(op, locate)),
    constructs: constructs.map((root) => serialiseConstruct(root, locate)),
    stacks: [...(backend?.stacks.values() ?? [])].map(({ name, custom }) => ({ name, custom })),
    outputs: (backend?.outputs.parts ?? []).map(({ part }) => serialise(part)),
  };
  const factories = backend?.functions ?? new Map();
  /** @type {any[]} */
  const warnings = state.warnings.map(({ message, hint, at }) => ({ message, ...locate(at), hint }));
  const warnAt = (
    /** @type {string} */ message,
    /** @type {string} */ hint,
    /** @type {any} */ { file, line, column },
  ) => warnings.push({ message, file, line, column, hint });
  for (const [key, { environment, at }] of factories) {
    warnOfVariables(environment, key, locate(at), warnAt);
  }
  backend?.outputs.parts.forEach(({ at }, index) => warnOfOutput(manifest.outputs[index], locate(at), warnAt));
  applyOverrides(manifest, factories, warnAt);
  applyEventConstructs(manifest);
  provisionAliases(manifest.functions, manifest.constructs);
  keyGrants(manifest.functions, manifest.constructs);
  rateConstructs(manifest.constructs, new Set(Object.values(manifest.functions).map((fn) => fn.provided?.$ref)), warnAt);
  for (const [key, factory] of factories) {
    manifest.functions[key].environment = Object.fromEntries(factory.environment);
  }
  manifest.secrets = [...state.secrets].sort();
  manifest.warnings = warnings;
  return manifest;
}

/** @param {any} result @param {object} more members that overrides fill in */
function section(result, more) {
  return result === undefined || result === null ? null : { ...result, ...more };
}

/** @param {import('./backend.mjs').Backend | null} backend */
function functionsPart(backend) {
  /** @type {Record<string, any>} */
  const functions = {};
  for (const [key, factory] of backend?.functions ?? []) {
    const { options } = factory;
    const provided = factory.provided === null ? null : providedOptions(factory.provided);
    factory.environment = new Map([...Object.entries(provided?.environment ?? {}), ...factory.environment]);
    functions[key] = {
      name: factory.name,
      group: options?.group ?? factory.providerProps.resourceGroupName ?? 'function',
      entry: options?.entry ?? provided?.entry ?? null,
      out: null,
      problem: provided?.problem ?? null,
      lambdaRuntime: provided?.runtime ?? `nodejs${options?.runtime ?? 22}.x`,
      handler: provided?.handler ?? 'index.handler',
      code: provided?.code ?? null,
      ...(provided?.source ? { source: provided.source } : {}),
      inline: provided?.inline ?? null,
      hash: null,
      timeoutSeconds: options?.timeoutSeconds ?? provided?.timeoutSeconds ?? 3,
      memoryMB: options?.memoryMB ?? provided?.memoryMB ?? 128,
      ephemeralStorageSizeMB: options?.ephemeralStorageSizeMB ?? provided?.ephemeralStorageSizeMB ?? 512,
      runtime: options?.runtime ?? null,
      architecture: options?.architecture ?? provided?.architecture ?? 'x86_64',
      environment: {},
      schedule: options?.schedule ?? [],
      layers: options?.layers ?? {},
      minify: options?.minify ?? true,
      logging: options?.logging ?? { format: 'text', level: null, retention: null },
      durable: options?.durable ?? null,
      grants: factory.grants,
      policies: factory.policies,
      url: provided?.url ? urlOption(provided.url) : null,
      eventSources: [],
      provided: factory.provided === null ? null : serialise(factory.provided),
    };
  }
  return functions;
}
