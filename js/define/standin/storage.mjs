// defineStorage: a bucket, who may reach which paths, and what its events start.
import { checkPlace } from './data.mjs';
import { DefinitionError, positioned } from './errors.mjs';
import { functionOf } from './function.mjs';
import { checkResourceName } from './names.mjs';
import { resource } from './recorder.mjs';
import { position } from './state.mjs';
import { storageAccess } from './storage_access.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */

export class StorageFactory {
  /** @param {any} props @param {string} importer */
  constructor(props, importer) {
    this.props = props ?? {};
    this.importer = importer;
    this.at = position();
    /** @type {any} */
    this.instance = null;
    /** @type {any} the manifest's part */
    this.result = null;
  }

  /** @param {{backend: Backend}} context */
  getInstance({ backend }) {
    if (this.instance === null) {
      positioned(this.at, () => this.build(backend));
    }
    return this.instance;
  }

  /** @param {Backend} backend */
  build(backend) {
    const { props } = this;
    checkPlace(this, 'storage', 'Amplify Storage must be defined in amplify/storage/resource.ts');
    checkResourceName(props.name ?? '');
    if (backend.storage.some((other) => other.props.name === props.name)) {
      throw new DefinitionError(
        'Error',
        `There is already a Construct with name '${props.name}' in the storage stack`,
        'Give each bucket a name of its own',
      );
    }
    backend.storage.push(this);
    backend.stackFor('storage');
    const triggers = Object.entries(props.triggers ?? {});
    const unknown = triggers.find(([event]) => event !== 'onUpload' && event !== 'onDelete');
    if (unknown !== undefined) {
      throw new DefinitionError('Error', `Unknown storage trigger '${unknown[0]}'`, 'Use onUpload and onDelete');
    }
    this.result = {
      name: props.name,
      isDefault: props.isDefault === true,
      versioned: props.versioned === true,
      keepOnDelete: props.keepOnDelete === true,
      triggers: Object.fromEntries(
        triggers.map(([event, fn]) => [event, functionOf(fn, backend, `the trigger ${event}`).key]),
      ),
      access: props.access ? storageAccess(props.name, props.access, backend) : [],
    };
    this.instance = resource(`storage.${props.name}`);
  }
}

/**
 * One bucket is the default; of several, exactly one has to say that it is.
 * @param {StorageFactory[]} storage
 */
export function checkDefaults(storage) {
  const defaults = storage.filter((factory) => factory.result.isDefault);
  if (storage.length === 1 && storage[0] !== undefined) {
    storage[0].result.isDefault = true;
  } else if (defaults.length > 1) {
    throw new DefinitionError(
      'MultipleDefaultStorageError',
      'More than one default storage set in the Amplify project.',
      'Remove `isDefault: true` from all `defineStorage` calls except for one in your Amplify project.',
      defaults[1]?.at,
    );
  } else if (storage.length > 1 && defaults.length === 0) {
    throw new DefinitionError(
      'NoDefaultStorageError',
      'No default storage set in the Amplify project.',
      'Add `isDefault: true` to one of the `defineStorage` calls in your Amplify project.',
      storage[0]?.at,
    );
  }
}
