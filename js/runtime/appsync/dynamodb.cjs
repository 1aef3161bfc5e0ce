// util.dynamodb and the module @aws-appsync/utils/dynamodb. Sources: "DynamoDB helpers in util.dynamodb" and "Amazon DynamoDB
// built-in module" of the AppSync developer guide; the package's types.
(function (lib) {
  'use strict';

  // ---- values ----
  const TYPE = Symbol('set');
  const isSet = (value) => value !== null && typeof value === 'object' && value[TYPE] === true;
  const set = (type, list) => (list === null || list === undefined ? null : mark({ [type]: list }));
  /** Sets are written in typed form already; where they are met as values, they stay so. */
  const mark = (typed) => Object.defineProperty(typed, TYPE, { value: true });

  function toDynamoDB(value) {
    if (isSet(value)) return value;
    if (value === null || value === undefined) return { NULL: null };
    if (typeof value === 'string') return { S: value };
    if (typeof value === 'number' || typeof value === 'bigint') return { N: String(value) };
    if (typeof value === 'boolean') return { BOOL: value };
    if (Array.isArray(value)) return { L: value.map(toDynamoDB) };
    if (value instanceof Date) return { S: value.toISOString() };
    return { M: toMapValues(value) };
  }
  lib.toDynamoDB = toDynamoDB;

  const toMapValues = (value) =>
    value === null || value === undefined
      ? null
      : Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined).map(([key, member]) => [key, toDynamoDB(member)]));
  const unless = (make) => (value) => (value === null || value === undefined ? null : make(value));

  const toStringSet = (list) => set('SS', list);
  const toNumberSet = (list) => set('NS', list?.map(String));
  const toBinarySet = (list) => set('BS', list);

  lib.util.dynamodb = {
    toDynamoDB,
    toString: unless((value) => ({ S: String(value) })),
    toStringSet,
    toNumber: unless((value) => ({ N: String(value) })),
    toNumberSet,
    toBinary: unless((value) => ({ B: value })),
    toBinarySet,
    toBoolean: unless((value) => ({ BOOL: value })),
    toNull: () => ({ NULL: null }),
    toList: unless((value) => ({ L: value.map(toDynamoDB) })),
    toMap: unless((value) => ({ M: toMapValues(value) })),
    toMapValues,
    toS3Object: (key, bucket, region, version) => ({ S: JSON.stringify({ s3: { key, bucket, region, ...(version !== undefined && { version }) } }) }),
    fromS3ObjectJson: (text) => JSON.parse(text),
  };

  // ---- requests ----
  const given = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null));

  function projectionOf(paths) {
    if (paths === undefined || paths === null || paths.length === 0) return undefined;
    const expression = new lib.Expression(toDynamoDB);
    const { expressionNames, expression: text } = expression.parts(paths.map((path) => expression.name(path)).join(', '));
    return { expression: text, expressionNames };
  }

  function conditionOf(filter) {
    if (filter === undefined || filter === null) return undefined;
    const condition = lib.toExpression(filter, toDynamoDB);
    return condition.expression === '' ? undefined : condition;
  }

  const rest = ({ customPartitionKey, populateIndexFields, _version }) => given({ customPartitionKey, populateIndexFields, _version });

  const get = ({ key, consistentRead, projection }) =>
    given({ operation: 'GetItem', key: toMapValues(key), consistentRead, projection: projectionOf(projection) });

  const put = ({ key, item, condition, ...more }) =>
    given({ operation: 'PutItem', key: toMapValues(key), attributeValues: toMapValues(item), condition: conditionOf(condition), ...rest(more) });

  const remove = ({ key, condition, ...more }) =>
    given({ operation: 'DeleteItem', key: toMapValues(key), condition: conditionOf(condition), ...rest(more) });

  const page = ({ index, limit, filter, nextToken, consistentRead, projection, select, scanIndexForward }) => ({
    index, limit, nextToken, consistentRead, select, scanIndexForward,
    filter: conditionOf(filter),
    projection: projectionOf(projection),
  });

  const KEY_OPERATORS = { eq: '=', lt: '<', le: '<=', gt: '>', ge: '>=' };

  function keyCondition(query) {
    const expression = new lib.Expression(toDynamoDB);
    const parts = Object.entries(query).flatMap(([field, conditions]) =>
      Object.entries(conditions).map(([operator, value]) => {
        const hint = `${field}_${operator}`;
        const name = expression.name(field);
        if (operator === 'beginsWith') return `begins_with(${name}, ${expression.value(hint, value)})`;
        if (operator === 'between') return `${name} BETWEEN ${expression.value(`${hint}_1`, value[0])} AND ${expression.value(`${hint}_2`, value[1])}`;
        if (!Object.hasOwn(KEY_OPERATORS, operator)) throw new Error(`The operator ${operator} is not supported for the key ${field}.`);
        return `${name} ${KEY_OPERATORS[operator]} ${expression.value(hint, value)}`;
      }),
    );
    return expression.parts(parts.join(' AND '));
  }

  const query = ({ query: keys, ...more }) => given({ operation: 'Query', query: keyCondition(keys), ...page(more) });
  const scan = ({ totalSegments, segment, ...more }) => given({ operation: 'Scan', totalSegments, segment, ...page(more) });
  const sync = ({ basePartitionKey, deltaIndexName, limit, nextToken, lastSync, filter }) =>
    given({ operation: 'Sync', basePartitionKey, deltaIndexName, limit, nextToken, lastSync, filter: conditionOf(filter) });

  // ---- updates ----
  const OPERATION = '_type';
  const operation = (type) => (payload, index) => ({ [OPERATION]: type, payload, ...(index !== undefined && { index }) });
  const isOperation = (value) => value !== null && typeof value === 'object' && Object.hasOwn(value, OPERATION) && Object.hasOwn(value, 'payload');
  const operations = {
    add: operation('add'),
    remove: () => operation('remove')(null),
    replace: operation('replace'),
    increment: (by = 1) => operation('increment')(by),
    decrement: (by = 1) => operation('decrement')(by),
    append: operation('append'),
    prepend: operation('prepend'),
    updateListItem: operation('updateListItem'),
  };

  function updateOne(expression, clauses, path, value) {
    const name = expression.name(path);
    const set = (text) => clauses.SET.push(`${name} = ${text}`);
    const put = (given) => expression.value(path, given);
    if (Array.isArray(value) && value.length > 0 && value.every((each) => isOperation(each) && each._type === 'updateListItem')) {
      value.forEach(({ payload, index }) => clauses.SET.push(`${name}[${Number(index)}] = ${put(payload)}`));
    } else if (!isOperation(value)) {
      const nested = value !== null && typeof value === 'object' && !Array.isArray(value) && !isSet(value) && !(value instanceof Date);
      if (nested) Object.entries(value).forEach(([key, member]) => member !== undefined && updateOne(expression, clauses, `${path}.${key}`, member));
      else set(put(value));
    } else {
      const { _type: type, payload, index } = value;
      switch (type) {
        case 'remove': clauses.REMOVE.push(name); break;
        case 'increment': set(`if_not_exists(${name}, ${expression.value(`${path}_start`, 0)}) + ${put(payload)}`); break;
        case 'decrement': set(`if_not_exists(${name}, ${expression.value(`${path}_start`, 0)}) - ${put(payload)}`); break;
        case 'append': set(`list_append(if_not_exists(${name}, ${expression.value(`${path}_start`, [])}), ${put(payload)})`); break;
        case 'prepend': set(`list_append(${put(payload)}, if_not_exists(${name}, ${expression.value(`${path}_start`, [])}))`); break;
        case 'updateListItem': clauses.SET.push(`${name}[${Number(index)}] = ${put(payload)}`); break;
        case 'add':
          if (isSet(payload) || typeof payload === 'number') clauses.ADD.push(`${name} ${put(payload)}`);
          else set(put(payload));
          break;
        default: set(put(payload));
      }
    }
  }

  function updateOf(update) {
    const expression = new lib.Expression(toDynamoDB);
    const clauses = { SET: [], REMOVE: [], ADD: [] };
    Object.entries(update ?? {}).forEach(([key, value]) => value !== undefined && updateOne(expression, clauses, key, value));
    const text = Object.entries(clauses).filter(([, parts]) => parts.length > 0).map(([word, parts]) => `${word} ${parts.join(', ')}`);
    return text.length === 0 ? undefined : expression.parts(text.join(' '));
  }

  const update = ({ key, update: changes, condition, ...more }) =>
    given({ operation: 'UpdateItem', key: toMapValues(key), update: updateOf(changes), condition: conditionOf(condition), ...rest(more) });

  // ---- several ----
  const perTable = (tables, make) => Object.fromEntries(Object.entries(tables).map(([table, value]) => [table, make(value)]));
  const batchGet = ({ tables }) => ({
    operation: 'BatchGetItem',
    tables: perTable(tables, ({ keys, consistentRead, projection }) => given({ keys: keys.map(toMapValues), consistentRead, projection: projectionOf(projection) })),
  });
  const batchPut = ({ tables }) => ({ operation: 'BatchPutItem', tables: perTable(tables, (items) => items.map(toMapValues)) });
  const batchDelete = ({ tables }) => ({ operation: 'BatchDeleteItem', tables: perTable(tables, (keys) => keys.map(toMapValues)) });

  const transactGet = ({ items }) => ({
    operation: 'TransactGetItems',
    transactItems: items.map(({ table, key, projection }) => given({ table, key: toMapValues(key), projection: projectionOf(projection) })),
  });

  function transactOne({ putItem, updateItem, deleteItem, conditionCheck }) {
    const [made, from] =
      putItem !== undefined ? [put(putItem), putItem]
      : updateItem !== undefined ? [update(updateItem), updateItem]
      : deleteItem !== undefined ? [remove(deleteItem), deleteItem]
      : [{ ...remove(conditionCheck), operation: 'ConditionCheck' }, conditionCheck];
    return { table: from.table, ...made };
  }
  const transactWrite = ({ items }) => ({ operation: 'TransactWriteItems', transactItems: items.map(transactOne) });

  lib.dynamodb = {
    get, put, update, remove, query, scan, sync, batchGet, batchPut, batchDelete, transactGet, transactWrite,
    toStringSet, toNumberSet, toBinarySet, operations,
  };
});
