// util.rds and the module @aws-appsync/utils/rds: statements with their variables. Source: "Amazon RDS module functions" of the
// AppSync developer guide; the package's types.
(function (lib) {
  'use strict';
  const STATEMENTS_MAX = 2;
  const HINTS = { DATE: 'DATE', DECIMAL: 'DECIMAL', JSON: 'JSON', TIME: 'TIME', TIMESTAMP: 'TIMESTAMP', UUID: 'UUID' };
  const hinted = (type) => (value) => ({ hint: HINTS[type], hinted: value });
  const isHinted = (value) => value !== null && typeof value === 'object' && Object.hasOwn(value, 'hint') && Object.hasOwn(value, 'hinted');

  class Statement {
    constructor(quote) {
      this.quote = quote;
      this.variables = {};
      this.hints = {};
    }

    name(text) {
      return String(text).split('.').map((part) => (part === '*' ? part : `${this.quote}${part.replaceAll(this.quote, this.quote + this.quote)}${this.quote}`)).join('.');
    }

    value(value) {
      const placeholder = `:P${Object.keys(this.variables).length}`;
      if (isHinted(value)) {
        this.variables[placeholder] = value.hinted;
        this.hints[placeholder] = value.hint;
      } else {
        this.variables[placeholder] = value !== null && typeof value === 'object' ? JSON.stringify(value) : value;
      }
      return placeholder;
    }
  }

  // ---- conditions ----
  const COMPARISONS = { eq: '=', ne: '!=', gt: '>', lt: '<', ge: '>=', le: '<=' };

  function comparison(s, column, operator, value) {
    const name = s.name(column);
    switch (operator) {
      case 'contains': return `${name} LIKE ${s.value(`%${value}%`)}`;
      case 'notContains': return `${name} NOT LIKE ${s.value(`%${value}%`)}`;
      case 'beginsWith': return `${name} LIKE ${s.value(`${value}%`)}`;
      case 'between': return `${name} BETWEEN ${s.value(value[0])} AND ${s.value(value[1])}`;
      case 'in': return `${name} IN (${value.map((each) => s.value(each)).join(', ')})`;
      case 'notIn': return `${name} NOT IN (${value.map((each) => s.value(each)).join(', ')})`;
      case 'attributeExists': return `${name} IS ${value ? 'NOT NULL' : 'NULL'}`;
      default:
        if (!Object.hasOwn(COMPARISONS, operator)) throw new Error(`The operator ${operator} of ${column} is not supported.`);
        return `${name} ${COMPARISONS[operator]} ${s.value(value)}`;
    }
  }

  function where(s, condition) {
    return Object.entries(condition)
      .map(([key, value]) => {
        if (key === 'and' || key === 'or') return `(${[value].flat().map((each) => where(s, each)).join(key === 'and' ? ' AND ' : ' OR ')})`;
        if (key === 'not') return `NOT (${where(s, value)})`;
        return Object.entries(value).map(([operator, given]) => comparison(s, key, operator, given)).join(' AND ');
      })
      .join(' AND ');
  }
  const whereClause = (s, condition) => (condition === undefined || condition === null || Object.keys(condition).length === 0 ? '' : ` WHERE ${where(s, condition)}`);

  // ---- statements ----
  const made = (write) => ({ write });
  const returning = (s, columns) => (columns === undefined ? '' : ` RETURNING ${columns.map((column) => (column === '*' ? '*' : s.name(column))).join(', ')}`);
  const tableOf = ({ table, from }) => table ?? from;

  const select = (given) =>
    made((s) => {
      const { columns = ['*'], where: condition, groupBy, having, orderBy, limit, offset } = given;
      const named = columns.map((column) => (typeof column === 'object' ? `${column.aggregate}(${column.distinct ? 'DISTINCT ' : ''}${s.name(column.column)})` : s.name(column))).join(', ');
      const order = (orderBy ?? []).map(({ column, dir = 'ASC' }) => `${s.name(column)} ${String(dir).toUpperCase() === 'DESC' ? 'DESC' : 'ASC'}`).join(', ');
      return `SELECT ${named} FROM ${s.name(tableOf(given))}${whereClause(s, condition)}${groupBy ? ` GROUP BY ${groupBy.map((column) => s.name(column)).join(', ')}` : ''}${
        having ? ` HAVING ${where(s, having)}` : ''}${order ? ` ORDER BY ${order}` : ''}${limit === undefined ? '' : ` LIMIT ${s.value(limit)}`}${offset === undefined ? '' : ` OFFSET ${s.value(offset)}`}`;
    });
  const insert = (given) =>
    made((s) => {
      const rows = [given.values].flat();
      const columns = Object.keys(rows[0]);
      return `INSERT INTO ${s.name(tableOf(given))} (${columns.map((column) => s.name(column)).join(', ')}) VALUES ${rows
        .map((row) => `(${columns.map((column) => s.value(row[column])).join(', ')})`).join(', ')}${returning(s, given.returning)}`;
    });
  const update = (given) =>
    made((s) => `UPDATE ${s.name(tableOf(given))} SET ${Object.entries(given.values).map(([column, value]) => `${s.name(column)} = ${s.value(value)}`).join(', ')}${whereClause(s, given.where)}${returning(s, given.returning)}`);
  const remove = (given) => made((s) => `DELETE FROM ${s.name(tableOf(given))}${whereClause(s, given.where)}${returning(s, given.returning)}`);
  const sql = (texts, ...values) => made((s) => texts.map((text, index) => (index === 0 ? text : s.value(values[index - 1]) + text)).join(''));

  const create = (quote) => (...given) => {
    const statements = given.filter((statement) => statement !== undefined && statement !== null);
    if (statements.length === 0 || statements.length > STATEMENTS_MAX) throw new Error('One or two statements are expected.');
    const s = new Statement(quote);
    const texts = statements.map((statement) => (typeof statement === 'string' ? statement : statement.write(s)));
    return { statements: texts, variableMap: s.variables, variableTypeHintMap: s.hints };
  };

  // ---- results ----
  function cell(field) {
    const [[kind, value] = []] = Object.entries(field ?? {});
    return kind === 'isNull' || kind === undefined ? null : value;
  }

  function toJsonObject(given) {
    const result = typeof given === 'string' ? JSON.parse(given) : given;
    if (result === null || result === undefined) return null;
    return (result.sqlStatementResults ?? []).map(({ records = [], columnMetadata = [] }) =>
      records.map((row) => Object.fromEntries(row.map((field, index) => [columnMetadata[index]?.label ?? columnMetadata[index]?.name ?? index, cell(field)]))),
    );
  }

  const agg = Object.fromEntries(
    ['min', 'minDistinct', 'max', 'maxDistinct', 'sum', 'sumDistinct', 'avg', 'avgDistinct', 'count', 'countDistinct'].map((name) => [
      name, (column) => ({ aggregate: name.replace('Distinct', '').toUpperCase(), distinct: name.endsWith('Distinct'), column }),
    ]),
  );
  lib.util.rds = { toJsonObject };
  lib.rds = {
    toJsonObject, sql, select, insert, update, remove, agg,
    createPgStatement: create('"'),
    createMySQLStatement: create('`'),
    typeHint: Object.fromEntries(Object.keys(HINTS).map((type) => [type, hinted(type)])),
  };
});
