// defineHosting (amplify/hosting.ts): its options are kept as they are, for the part of ampd that serves sites.
import { DefinitionError } from './errors.mjs';
import { resource } from './recorder.mjs';
import { Secret } from './secret.mjs';
import { position, state, warn } from './state.mjs';

class Config {
  /** @param {string} name */
  constructor(name) {
    this.name = name;
  }

  toJSON() {
    return `\${amplify:config:${this.name}}`;
  }
}

/** @param {any} props */
export function defineHosting(props = {}) {
  if (state.hosting !== null) {
    throw new DefinitionError('MultipleSingletonResourcesError', 'Multiple `defineHosting` calls are not allowed', 'Remove all but one `defineHosting` call', position());
  }
  state.hosting = props;
  const recorder = resource('hosting');
  return { resources: recorder.resources, stack: recorder.stack, createStack: recorder.createStack };
}

export const config = (/** @type {string} */ name) => new Config(name);
export const isSecret = (/** @type {unknown} */ value) => value instanceof Secret;
export const isConfig = (/** @type {unknown} */ value) => value instanceof Config;
export const isManagedValue = (/** @type {unknown} */ value) => isSecret(value) || isConfig(value);
export const isByoValue = (/** @type {any} */ value) => value?.byo === true;
export const byoSecret = (/** @type {unknown} */ value) => ({ byo: true, kind: 'secret', value });
export const byoConfig = (/** @type {unknown} */ value) => ({ byo: true, kind: 'config', value });
export const getSecret = (/** @type {string} */ name) => process.env[name];
export const getConfig = (/** @type {string} */ name) => process.env[name];
export const getStageConfig = () => undefined;
export const generateBuildId = () => Date.now().toString(36);
export const definePipeline = () => warn('definePipeline has no effect: ampd deploys by itself', 'Run the deploy command from your own CI instead');

export class HostingError extends Error {}
