// defineData: one SDL text out of the schema builder or a string, and everything beside it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { authorizationModes } from './data_modes.mjs';
import { DefinitionError, positioned } from './errors.mjs';
import { functionOf } from './function.mjs';
import { checkResourceName, screamingSnake } from './names.mjs';
import { resource } from './recorder.mjs';
import { schemaPosition } from './schema.mjs';
import { secretText } from './secret.mjs';
import { position, warn } from './state.mjs';

/** @typedef {import('./backend.mjs').Backend} Backend */

const defaultName = 'amplifyData';
let count = 0;

export class DataFactory {
  /** @param {any} props @param {string} importer the file that calls defineData */
  constructor(props, importer) {
    this.props = props ?? {};
    this.importer = importer;
    this.at = position();
    if (count++ > 0) {
      throw new DefinitionError(
        'MultipleSingletonResourcesError',
        'Multiple `defineData` calls are not allowed within an Amplify backend',
        'Remove all but one `defineData` call',
        this.at,
      );
    }
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
    checkPlace(this, 'data', 'Amplify Data must be defined in amplify/data/resource.ts');
    if (props.name) {
      checkResourceName(props.name);
    }
    backend.data = this;
    backend.stackFor('data');
    backend.auth?.getInstance({ backend });
    const name = props.name ?? defaultName;
    const parts = transformAll(props.schema);
    const sdl = parts.map((part) => part.schema.trim()).join('\n\n') + '\n';
    const functions = { ...props.functions, ...Object.assign({}, ...parts.map((part) => part.lambdaFunctions)) };
    this.result = {
      name,
      sdl,
      authorizationModes: authorizationModes(props.authorizationModes, sdl, backend, this.at),
      jsFunctions: parts.flatMap((part) => part.jsFunctions.map(jsFunction)),
      functionMap: Object.fromEntries(
        Object.entries(functions).map(([key, fn]) => [
          key,
          functionOf(fn, backend, `the function '${key}' of the schema`).key,
        ]),
      ),
      functionAccess: parts.flatMap((part) =>
        part.functionSchemaAccess.map((/** @type {any} */ access) => grantAccess(access, name, backend)),
      ),
      dataSources: [],
      sql: parts.flatMap((part) => (part.sql === null ? [] : [part.sql])),
      logging: loggingOption(props.logging),
    };
    this.warnIgnored();
    this.models = [...sdl.matchAll(/^\s*type\s+(\w+)[^{]*@model\b/gm)].map((match) => match[1] ?? '');
    this.instance = resource('data', shapes(this.models));
  }

  warnIgnored() {
    if (this.props.migratedAmplifyGen1DynamoDbTableMappings) {
      warn(
        'migratedAmplifyGen1DynamoDbTableMappings has no effect: there are no Gen 1 tables here',
        "Import the tables' items into this backend instead",
        this.at,
      );
    }
  }
}

/** @param {string[]} models */
function shapes(models) {
  const keys = () => models;
  return {
    'resources.tables': { keys },
    'resources.cfnResources.amplifyDynamoDbTables': { keys },
    'resources.cfnResources.cfnTables': { keys: () => [] },
  };
}

/**
 * Where a definition must live: the original refuses other files; a project that runs is worth more than the rule.
 * @param {{importer: string, at: import('./state.mjs').Position | null}} factory
 * @param {string} kind
 * @param {string} message
 */
export function checkPlace({ importer, at }, kind, message) {
  if (!importer.replace(/\.[cm]?[jt]s$/, '').endsWith(path.join('amplify', kind, 'resource'))) {
    warn(`${message}; npx ampx refuses other files`, `Move the definition to amplify/${kind}/resource.ts`, at);
  }
}

/** @param {any} schema @returns {any[]} */
function transformAll(schema) {
  if (schema === undefined || schema === null) {
    throw new DefinitionError(
      'InvalidSchemaError',
      'defineData has no schema',
      'Pass schema: a.schema({...}) or GraphQL SDL as a string',
    );
  }
  return (Array.isArray(schema.schemas) ? schema.schemas : [schema]).map(transform);
}

/** @param {any} schema */
function transform(schema) {
  if (typeof schema === 'string') {
    return { schema, jsFunctions: [], functionSchemaAccess: [], lambdaFunctions: {}, sql: null };
  }
  if (typeof schema?.transform !== 'function') {
    throw new DefinitionError(
      'InvalidSchemaError',
      'The schema of defineData is neither a.schema({...}) nor a string',
      'Pass schema: a.schema({...}) or GraphQL SDL as a string',
    );
  }
  try {
    const result = schema.transform();
    return { ...result, sql: sqlPart(schema, result) };
  } catch (error) {
    if (error instanceof DefinitionError) {
      throw error;
    }
    const text = error instanceof Error ? error.message : String(error);
    const invalid = new DefinitionError(
      'InvalidSchemaError',
      text,
      'Check your data schema definition for syntax and type errors.',
      schemaPosition(schema),
    );
    invalid.words = wordsOf(text);
    throw invalid;
  }
}

/**
 * The names that an error text quotes, and the capitalised ones: the schema's line is where they stand.
 * @param {string} text
 */
function wordsOf(text) {
  const quoted = [...text.matchAll(/["'`]([A-Za-z_][\w.]*)["'`]/g)].flatMap((match) => (match[1] ?? '').split('.'));
  const dotted = [...text.matchAll(/\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b/g)].flatMap((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ]);
  const plain = [...text.matchAll(/\b([A-Z][a-z]\w*)\b/g)].map((match) => match[1] ?? '');
  return [...new Set([...quoted, ...dotted, ...plain])];
}

/**
 * @param {any} entry a path, or a path relative to the file of a stack line
 * @param {string} what
 */
function entryPath(entry, what) {
  if (typeof entry === 'string') {
    return existing(entry, what);
  }
  const line = String(entry.importLine);
  const raw = (/\((.*?)(?::\d+)*\)$/.exec(line) ?? /at (.*?)(?::\d+)*$/.exec(line))?.[1] ?? '';
  const importer = raw.startsWith('file://') ? fileURLToPath(raw) : raw;
  return existing(path.join(path.dirname(importer), entry.relativePath), what);
}

/** @param {string} file @param {string} what */
function existing(file, what) {
  if (!fs.existsSync(file)) {
    throw new DefinitionError(
      'InvalidPathError',
      `Cannot find file at ${file} of ${what}`,
      'Paths are relative to the file that names them; check that the file exists',
    );
  }
  return file;
}

/** @param {any} fn */
function jsFunction(fn) {
  return {
    typeName: fn.typeName,
    fieldName: fn.fieldName,
    handlers: fn.handlers.map((/** @type {any} */ handler) => ({
      dataSource: handler.dataSource,
      entry: entryPath(handler.entry, `the resolver of ${fn.typeName}.${fn.fieldName}`),
      out: null,
    })),
  };
}

/** @param {any} access @param {string} name @param {Backend} backend */
function grantAccess(access, name, backend) {
  const fn = functionOf(access.resourceProvider, backend, 'allow.resource(...) of the schema');
  fn.grant({ resource: 'data', name, path: null, actions: access.actions }, accessVariables(name));
  return { function: fn.key, actions: access.actions };
}

/** @param {string} name */
function accessVariables(name) {
  const full = name === defaultName ? name : `${defaultName}${name}`;
  const prefix = screamingSnake(full);
  const url = '${amplify:data.graphqlUrl}';
  /** @type {Record<string, string>} */
  const variables = {
    [`${prefix}_GRAPHQL_ENDPOINT`]: url,
    [`${prefix}_MODEL_INTROSPECTION_SCHEMA_BUCKET_NAME`]: '${amplify:data.introspectionBucketName}',
    [`${prefix}_MODEL_INTROSPECTION_SCHEMA_KEY`]: 'modelIntrospectionSchema.json',
    AMPLIFY_DATA_DEFAULT_NAME: full,
  };
  if (full !== name) {
    variables[`${screamingSnake(name)}_GRAPHQL_ENDPOINT`] = url;
  }
  return variables;
}

/** @param {any} schema @param {any} result */
function sqlPart(schema, result) {
  const database = schema.data?.configuration?.database;
  if (!database || database.engine === 'dynamodb') {
    return null;
  }
  warn(
    `The schema uses a ${database.engine} database; its models are not connected to it here`,
    'Model the data with a.model(...) to have it stored by this backend',
    schemaPosition(schema),
  );
  return {
    engine: database.engine,
    identifier: database.identifier ?? null,
    connectionUri: secretText(database.connectionUri),
    sslCert: secretText(database.sslCert),
    vpcConfig: database.vpcConfig ?? null,
    statements: (result.customSqlDataSourceStrategies ?? []).map((/** @type {any} */ strategy) => ({
      typeName: strategy.typeName,
      fieldName: strategy.fieldName,
      entry:
        strategy.entry === undefined
          ? null
          : entryPath(strategy.entry, `the SQL of ${strategy.typeName}.${strategy.fieldName}`),
    })),
  };
}

/** @param {any} logging */
function loggingOption(logging) {
  if (!logging) {
    return null;
  }
  const given = typeof logging === 'object' ? logging : {};
  return {
    retention: given.retention ?? '1 week',
    excludeVerboseContent: given.excludeVerboseContent ?? true,
    fieldLogLevel: given.fieldLogLevel ?? 'none',
  };
}
