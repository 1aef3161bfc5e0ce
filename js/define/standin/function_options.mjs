// The options of defineFunction: limits, defaults and the original's errors.
import path from 'node:path';
import { DefinitionError } from './errors.mjs';
import { parseSchedules } from './schedule.mjs';

const runtimes = [18, 20, 22, 24];
const architectures = ['arm64', 'x86_64'];
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** @param {unknown} n @param {number} min @param {number} max */
function wholeBetween(n, min, max) {
  return typeof n === 'number' && Number.isInteger(n) && n >= min && n <= max;
}

/**
 * @param {any} props
 * @param {string} option
 * @param {{min: number, max: number, fallback: number, error: string, label: string}} limit
 * @returns {number}
 */
function numberOption(props, option, limit) {
  const value = props[option];
  if (value === undefined) {
    return limit.fallback;
  }
  if (!wholeBetween(value, limit.min, limit.max)) {
    throw new DefinitionError(
      limit.error,
      `Invalid function ${limit.label} of ${value}`,
      `${option} must be a whole number between ${limit.min} and ${limit.max} inclusive`,
    );
  }
  return value;
}

/** @param {any} props */
function runtimeOption(props) {
  if (!props.runtime) {
    return 22;
  }
  if (!runtimes.includes(props.runtime)) {
    throw new DefinitionError(
      'InvalidRuntimeError',
      `Invalid function runtime of ${props.runtime}`,
      `runtime must be one of the following: ${runtimes.join(', ')}`,
    );
  }
  return props.runtime;
}

/** @param {any} props */
function architectureOption(props) {
  if (!props.architecture) {
    return 'x86_64';
  }
  if (!architectures.includes(props.architecture)) {
    throw new DefinitionError(
      'InvalidArchitectureError',
      `Invalid function architecture of ${props.architecture}`,
      `architecture must be one of the following: ${architectures.join(', ')}`,
    );
  }
  return props.architecture;
}

/** @param {any} props */
function environmentOption(props) {
  const environment = props.environment ?? {};
  const invalid = Object.keys(environment).filter((key) => !/^[a-zA-Z]([a-zA-Z0-9_])+$/.test(key));
  if (invalid.length > 0) {
    throw new DefinitionError(
      'InvalidEnvironmentKeyError',
      `Invalid function environment key(s): ${invalid.join(', ')}`,
      'Environment keys must match [a-zA-Z]([a-zA-Z0-9_])+ and be at least 2 characters',
    );
  }
  return environment;
}

/** @param {any} props @param {string} name @param {number} timeout */
function scheduleOption(props, name, timeout) {
  if (!props.schedule) {
    return [];
  }
  const { schedules, errors } = parseSchedules(props.schedule, timeout);
  if (errors.length > 0) {
    throw new DefinitionError(
      'FunctionScheduleInitializationError',
      `Failed to instantiate schedule for nodejs function ${name}: ${errors.join('; ')}`,
      'Write "every 5m", "every 2h", "every day|week|month|year", or cron fields "minute hour day month weekday [year]" with one ?',
    );
  }
  return schedules;
}

/** @param {any} props @param {string} name */
function layersOption(props, name) {
  const layers = props.layers ?? {};
  /** @type {Record<string, string>} */
  const arns = {};
  for (const [key, value] of Object.entries(layers)) {
    const isArn = /arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+/.test(value);
    if (!isArn && !/^[a-zA-Z0-9-_]+:[0-9]+$/.test(value)) {
      throw new DefinitionError(
        'InvalidLayerFormatError',
        `Invalid format for layer: ${value}`,
        `Layer must be either a full ARN (arn:aws:lambda:<region>:<account>:layer:<name>:<version>) or name:version format for function: ${name}`,
      );
    }
    arns[key] = isArn ? value : `arn:aws:lambda:\${amplify:region}:\${amplify:account}:layer:${value}`;
  }
  if (new Set(Object.values(arns)).size > 5) {
    throw new DefinitionError(
      'MaximumLayersReachedError',
      'A maximum of 5 unique layers can be attached to a function.',
      'Remove unused layers in your function',
    );
  }
  return arns;
}

/** @param {any} props */
function loggingOption(props) {
  const { format, level, retention } = props.logging ?? {};
  if (level !== undefined && !levels.includes(level)) {
    throw new DefinitionError(
      'InvalidLoggingLevelError',
      `Invalid function logging level of ${level}`,
      `level must be one of the following: ${levels.join(', ')}`,
    );
  }
  return { format: format ?? 'text', level: level ?? null, retention: retention ?? null };
}

/** @param {any} props @param {number} runtime */
function durableOption(props, runtime) {
  const config = props.durableConfig;
  if (!config) {
    return null;
  }
  const { executionTimeoutSeconds, retentionPeriodDays = 14 } = config;
  if (!wholeBetween(executionTimeoutSeconds, 1, 31_622_400)) {
    throw new DefinitionError(
      'InvalidDurableFunctionExecutionTimeoutError',
      `Invalid durable function execution timeout of ${executionTimeoutSeconds}`,
      'durableConfig.executionTimeoutSeconds must be a whole number between 1 and 31622400 inclusive',
    );
  }
  if (!wholeBetween(retentionPeriodDays, 1, 90)) {
    throw new DefinitionError(
      'InvalidDurableFunctionRetentionPeriodError',
      `Invalid durable function retention period of ${retentionPeriodDays}`,
      'durableConfig.retentionPeriodDays must be a whole number between 1 and 90 inclusive',
    );
  }
  if (runtime < 22) {
    throw new DefinitionError(
      'UnsupportedDurableFunctionRuntimeError',
      `Durable functions require runtime 22 or higher. Current runtime is ${runtime}.`,
      'Set the function runtime to 22 or higher to use durable functions.',
    );
  }
  return { executionTimeoutSeconds, retentionPeriodDays };
}

/**
 * @param {any} props
 * @param {string} directory of the file that calls defineFunction
 */
export function functionName(props, directory) {
  return props.name || (props.entry ? path.parse(props.entry).name : path.basename(directory));
}

/**
 * @param {any} props
 * @param {string} name
 * @param {string} directory
 */
export function functionOptions(props, name, directory) {
  const timeoutSeconds = numberOption(props, 'timeoutSeconds', {
    min: 1,
    max: 900,
    fallback: 3,
    error: 'InvalidTimeoutError',
    label: 'timeout',
  });
  const memoryMB = numberOption(props, 'memoryMB', {
    min: 128,
    max: 10240,
    fallback: 512,
    error: 'InvalidMemoryMBError',
    label: 'memoryMB',
  });
  const ephemeralStorageSizeMB = numberOption(props, 'ephemeralStorageSizeMB', {
    min: 512,
    max: 10240,
    fallback: 512,
    error: 'InvalidEphemeralStorageSizeMBError',
    label: 'ephemeralStorageSizeMB',
  });
  const environment = environmentOption(props);
  const runtime = runtimeOption(props);
  return {
    entry: path.resolve(directory, props.entry || 'handler.ts'),
    timeoutSeconds,
    memoryMB,
    ephemeralStorageSizeMB,
    environment,
    runtime,
    architecture: architectureOption(props),
    minify: props.bundling?.minify ?? true,
    durable: durableOption(props, runtime),
    layers: layersOption(props, name),
    schedule: scheduleOption(props, name, timeoutSeconds),
    logging: loggingOption(props),
    group: props.resourceGroupName ?? 'function',
  };
}
