// What calls functions beside their direct callers, as the CDK has it: mappings of event sources in their three forms,
// filters of events, and what becomes of asynchronous calls.

/** @typedef {import('./overrides.mjs').Rule} Rule */

/** @param {string} ref `function.x.resources...` -> x */
export function functionKey(ref) {
  return /^function\.(.+?)\.resources\./.exec(`${ref}.`)?.[1] ?? null;
}

/** A recorded call of FilterRule, or a plain pattern, as EventBridge's pattern. @param {any} value @returns {any} */
function pattern(value) {
  if (Array.isArray(value)) {
    return value.map(pattern);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const { $call: call, args = [] } = value;
  const [first, second] = args;
  switch (call?.split('.').pop()) {
    case undefined:
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pattern(item)]));
    case 'isEqual':
      return typeof first === 'number' ? [{ numeric: ['=', first] }] : [first];
    case 'or':
      return args;
    case 'notEquals':
      return [{ 'anything-but': [first] }];
    case 'beginsWith':
      return [{ prefix: first }];
    case 'empty':
      return [''];
    case 'null':
      return [null];
    case 'exists':
      return [{ exists: true }];
    case 'notExists':
      return [{ exists: false }];
    case 'between':
      return [{ numeric: ['>', first, '<=', second] }];
    default:
      return value;
  }
}

/** The patterns of `filters: [FilterCriteria.filter({...})]`, or of the text that it makes. @param {any} options */
function filtersOf(options) {
  const list = Array.isArray(options?.filters) ? options.filters : [];
  const patterns = list.map((/** @type {any} */ item) => {
    const given = String(item?.$call).endsWith('FilterCriteria.filter') ? item.args?.[0] : item?.pattern;
    return typeof given === 'string' ? JSON.parse(given) : pattern(given);
  });
  return patterns.length > 0 ? { filters: patterns } : {};
}

/** @param {string} type @param {any} source @param {any} options */
function eventSource(type, source, options) {
  return { type, source: source ?? null, options: options ?? null, ...filtersOf(options) };
}

/** @param {any} mapping EventSourceMappingOptions */
function mappingSource(mapping) {
  const { target, eventSourceArn, ...options } = mapping ?? {};
  return eventSource('EventSourceMapping', eventSourceArn, options);
}

/** @param {any} options EventInvokeConfigOptions */
function asyncInvoke(options) {
  const destination = (/** @type {any} */ value) =>
    String(value?.$new).endsWith('.LambdaDestination') ? functionKey(value.args?.[0]?.$ref ?? '') : null;
  return {
    retryAttempts: options?.retryAttempts ?? null,
    maxEventAgeSeconds: options?.maxEventAge?.$seconds ?? null,
    onSuccess: destination(options?.onSuccess),
    onFailure: destination(options?.onFailure),
  };
}

/** @type {Rule[]} */
export const eventRules = [
  {
    call: /^function\.(.+?)\.resources\.lambda\.addEventSource$/,
    apply: ({ functions }, op, [, key = '']) => {
      const [source] = op.args;
      const type = String(source?.$new ?? '').split('.').pop() ?? '';
      functions[key].eventSources.push(eventSource(type, source?.args?.[0], source?.args?.[1]));
      return true;
    },
  },
  {
    call: /^function\.(.+?)\.resources\.lambda\.addEventSourceMapping$/,
    apply: ({ functions }, op, [, key = '']) => {
      functions[key].eventSources.push(mappingSource(op.args[1]));
      return true;
    },
  },
  {
    call: /^function\.(.+?)\.resources\.lambda\.configureAsyncInvoke$/,
    apply: ({ functions }, op, [, key = '']) => {
      functions[key].asyncInvoke = asyncInvoke(op.args[0]);
      return true;
    },
  },
];

/**
 * The same, made as constructs.
 * @param {any} manifest
 */
export function applyEventConstructs({ constructs, functions }) {
  for (const { type, args } of constructs) {
    const [props] = args;
    const target = functions[functionKey((props?.target ?? props?.function)?.$ref ?? '') ?? ''];
    if (target !== undefined && type === 'aws-cdk-lib/aws-lambda.EventSourceMapping') {
      target.eventSources.push(mappingSource(props));
    } else if (target !== undefined && type === 'aws-cdk-lib/aws-lambda.EventInvokeConfig') {
      target.asyncInvoke = asyncInvoke(props);
    }
  }
}
