// util.transform: filters and conditions of the API's own language as DynamoDB's expressions, as OpenSearch queries and as
// subscription filters. Source: "Transformation helpers in util.transform" of the AppSync developer guide.
(function (lib) {
  'use strict';
  const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const listOf = (value) => (Array.isArray(value) ? value : [value]);

  // ---- DynamoDB ----
  const COMPARISONS = { eq: '=', ne: '<>', lt: '<', le: '<=', gt: '>', ge: '>=' };
  const TYPES = {
    string: 'S', number: 'N', binary: 'B', boolean: 'BOOL', bool: 'BOOL', _null: 'NULL', list: 'L', map: 'M',
    stringSet: 'SS', numberSet: 'NS', binarySet: 'BS',
  };

  /** An expression that is put together: names and values get placeholders as they are met. */
  lib.Expression = class Expression {
    constructor(typed) {
      this.typed = typed;
      this.names = {};
      this.values = {};
    }

    /** A path, its parts between dots. */
    name(path) {
      return String(path)
        .split('.')
        .map((part) => {
          const [, name, index] = /^(.*?)((?:\[\d+\])*)$/.exec(part);
          const placeholder = `#${name.replace(/\W/g, '_')}`;
          const free = [placeholder, ...Array.from({ length: 100 }, (_, i) => `${placeholder}_${i}`)].find(
            (each) => !Object.hasOwn(this.names, each) || this.names[each] === name,
          );
          this.names[free] = name;
          return free + index;
        })
        .join('.');
    }

    value(hint, value) {
      const placeholder = `:${hint.replace(/\W/g, '_')}`;
      const free = [placeholder, ...Array.from({ length: 1000 }, (_, i) => `${placeholder}_${i}`)].find((each) => !Object.hasOwn(this.values, each));
      this.values[free] = this.typed(value);
      return free;
    }

    parts(text) {
      return {
        expression: text,
        ...(Object.keys(this.names).length > 0 && { expressionNames: this.names }),
        ...(Object.keys(this.values).length > 0 && { expressionValues: this.values }),
      };
    }
  };

  function comparison(expression, field, operator, value) {
    const hint = `${field}_${operator}`;
    const name = () => expression.name(field);
    if (Object.hasOwn(COMPARISONS, operator)) return `${name()} ${COMPARISONS[operator]} ${expression.value(hint, value)}`;
    switch (operator) {
      case 'contains':
        return `contains(${name()}, ${expression.value(hint, value)})`;
      case 'notContains':
        return `NOT contains(${name()}, ${expression.value(hint, value)})`;
      case 'beginsWith':
        return `begins_with(${name()}, ${expression.value(hint, value)})`;
      case 'between':
        return `${name()} BETWEEN ${expression.value(`${hint}_1`, value[0])} AND ${expression.value(`${hint}_2`, value[1])}`;
      case 'in':
        return `${name()} IN (${value.map((each, index) => expression.value(`${hint}_${index}`, each)).join(', ')})`;
      case 'attributeExists':
        return `${value ? 'attribute_exists' : 'attribute_not_exists'}(${name()})`;
      case 'attributeType':
        return `attribute_type(${name()}, ${expression.value(hint, TYPES[value] ?? value)})`;
      case 'size':
        return Object.entries(value)
          .map(([inner, given]) => sizeOf(expression, field, inner, given))
          .join(' AND ');
      default:
        throw new Error(`The operator ${operator} of ${field} is not supported.`);
    }
  }

  function sizeOf(expression, field, operator, value) {
    const size = `size(${expression.name(field)})`;
    const hint = `${field}_size_${operator}`;
    if (operator === 'between') return `${size} BETWEEN ${expression.value(`${hint}_1`, value[0])} AND ${expression.value(`${hint}_2`, value[1])}`;
    return `${size} ${COMPARISONS[operator]} ${expression.value(hint, value)}`;
  }

  /** Brackets around every condition, as AppSync writes them. */
  function conditionText(expression, filter) {
    const parts = Object.entries(filter)
      .filter(([, value]) => value !== null && value !== undefined)
      .flatMap(([key, value]) => {
        if (key === 'and' || key === 'or') {
          const inner = listOf(value).map((each) => conditionText(expression, each)).filter((text) => text !== '');
          return inner.length === 0 ? [] : [`(${inner.join(key === 'and' ? ' AND ' : ' OR ')})`];
        }
        if (key === 'not') {
          const inner = conditionText(expression, value);
          return inner === '' ? [] : [`(NOT ${inner})`];
        }
        return Object.entries(value)
          .filter(([, given]) => given !== undefined)
          .map(([operator, given]) => `(${comparison(expression, key, operator, given)})`);
      });
    return parts.length > 1 ? `(${parts.join(' AND ')})` : (parts[0] ?? '');
  }

  lib.toExpression = (filter, typed) => {
    if (!isObject(filter)) throw new Error('A filter must be an object.');
    const expression = new lib.Expression(typed);
    return expression.parts(conditionText(expression, filter));
  };
  const expressionText = (filter) => {
    const { expression, expressionNames = {}, expressionValues = {} } = lib.toExpression(filter, lib.toDynamoDB);
    return JSON.stringify({ expression, expressionNames, expressionValues });
  };

  // ---- subscriptions ----
  /** The groups of a filter: a disjunction of conjunctions. */
  function groupsOf(filter, ignored) {
    const each = Object.entries(filter ?? {}).filter(([key, value]) => value !== null && value !== undefined && !ignored.includes(key));
    return each.reduce(
      (groups, [key, value]) => {
        const found =
          key === 'or'
            ? listOf(value).flatMap((one) => groupsOf(one, ignored))
            : key === 'and'
              ? listOf(value).map((one) => groupsOf(one, ignored)).reduce(product, [[]])
              : [Object.entries(value).map(([operator, given]) => ({ fieldName: key, operator, value: given }))];
        return found.length === 0 ? groups : product(groups, found);
      },
      [[]],
    );
  }
  const product = (left, right) => left.flatMap((a) => right.map((b) => [...a, ...b]));

  function toSubscriptionFilter(filter, ignored, rules) {
    const always = groupsOf(rules ?? {}, [])[0] ?? [];
    return { filterGroup: groupsOf(filter, ignored ?? []).map((group) => ({ filters: [...group, ...always] })) };
  }

  // ---- OpenSearch ----
  const must = (parts) => (parts.length === 1 ? parts[0] : { bool: { must: parts } });

  function searchOf(field, operator, value) {
    switch (operator) {
      case 'eq':
        return { match: { [field]: value } };
      case 'ne':
        return { bool: { must_not: [{ match: { [field]: value } }] } };
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return { range: { [field]: { [operator]: value } } };
      case 'range':
        return { range: { [field]: { gte: value[0], lte: value[1] } } };
      case 'matchPhrase':
        return { match_phrase: { [field]: value } };
      case 'matchPhrasePrefix':
        return { match_phrase_prefix: { [field]: value } };
      case 'multiMatch':
        return { multi_match: { query: value, fields: [field] } };
      case 'exists':
        return value ? { exists: { field } } : { bool: { must_not: [{ exists: { field } }] } };
      case 'match':
      case 'wildcard':
      case 'regexp':
        return { [operator]: { [field]: value } };
      default:
        throw new Error(`The operator ${operator} of ${field} is not supported.`);
    }
  }

  function searchAll(filter) {
    return Object.entries(filter).map(([key, value]) => {
      if (key === 'and') return { bool: { must: listOf(value).map((each) => must(searchAll(each))) } };
      if (key === 'or') return { bool: { should: listOf(value).map((each) => must(searchAll(each))) } };
      if (key === 'not') return { bool: { must_not: listOf(value).map((each) => must(searchAll(each))) } };
      return must(Object.entries(value).map(([operator, given]) => searchOf(key, operator, given)));
    });
  }

  lib.util.transform = {
    toDynamoDBFilterExpression: expressionText,
    toDynamoDBConditionExpression: expressionText,
    toSubscriptionFilter,
    toElasticsearchQueryDSL: (filter) => JSON.stringify(must(searchAll(filter ?? {}))),
  };
});
