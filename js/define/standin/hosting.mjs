// defineHosting (amplify/hosting.ts): its options are kept as they are, for the part of ampd that serves sites.
import { DefinitionError } from './errors.mjs';
import { libraryModule, resource } from './recorder.mjs';
import { Secret, secret } from './secret.mjs';
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
function defineHosting(props = {}) {
  if (state.hosting !== null) {
    throw new DefinitionError(
      'MultipleSingletonResourcesError',
      'Multiple `defineHosting` calls are not allowed',
      'Remove all but one `defineHosting` call',
      position(),
    );
  }
  state.hosting = props;
  const recorder = resource('hosting');
  return { resources: recorder.resources, stack: recorder.stack, createStack: recorder.createStack };
}

const config = (/** @type {string} */ name) => new Config(name);
const isSecret = (/** @type {unknown} */ value) => value instanceof Secret;
const isConfig = (/** @type {unknown} */ value) => value instanceof Config;
const isManagedValue = (/** @type {unknown} */ value) => isSecret(value) || isConfig(value);
const isByoValue = (/** @type {any} */ value) => value?.byo === true;
const byoSecret = (/** @type {unknown} */ value) => ({ byo: true, kind: 'secret', value });
const byoConfig = (/** @type {unknown} */ value) => ({ byo: true, kind: 'config', value });
const getSecret = (/** @type {string} */ name) => process.env[name];
const getConfig = (/** @type {string} */ name) => process.env[name];
const getStageConfig = () => undefined;
const generateBuildId = () => Date.now().toString(36);
const definePipeline = () =>
  warn('definePipeline has no effect: ampd deploys by itself', 'Run the deploy command from your own CI instead');

class HostingError extends Error {}

/** The module as the bundle imports it; its construct classes are recorded like the CDK's. */
export const hostingModule = Object.assign(Object.create(libraryModule('@aws-amplify/hosting')), {
  defineHosting,
  definePipeline,
  secret,
  config,
  isSecret,
  isConfig,
  isManagedValue,
  isByoValue,
  byoSecret,
  byoConfig,
  getSecret,
  getConfig,
  getStageConfig,
  generateBuildId,
  HostingError,
});
