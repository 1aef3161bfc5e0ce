// IAM statements as definitions build them -> plain statements.

/**
 * @typedef {object} Statement
 * @property {'Allow' | 'Deny'} effect
 * @property {string[]} actions
 * @property {any[]} resources
 * @property {any} conditions
 * @property {string[]} [notActions] in place of actions
 * @property {any[]} [notResources] in place of resources
 */

/** @param {any} value @returns {any[]} */
function list(value) {
  return value === undefined || value === null ? [] : Array.isArray(value) ? [...value] : [value];
}

/** @param {any} effect */
function effectOf(effect) {
  return String(effect?.$const ?? effect ?? '')
    .toUpperCase()
    .endsWith('DENY')
    ? 'Deny'
    : 'Allow';
}

/**
 * @param {any} value a serialised PolicyStatement, or the JSON form of one
 * @returns {Statement | null}
 */
export function statementOf(value) {
  const isNew = /\.PolicyStatement$/.test(value?.$new ?? '');
  const isJson = /\.PolicyStatement\.fromJson$/.test(value?.$call ?? '');
  if (!isNew && !isJson) {
    return null;
  }
  const props = value.args?.[0] ?? {};
  /** @type {Statement} */
  const statement = {
    effect: effectOf(props.effect ?? props.Effect),
    actions: list(props.actions ?? props.Action),
    resources: list(props.resources ?? props.Resource),
    conditions: props.conditions ?? props.Condition ?? null,
  };
  for (const op of value.ops ?? []) {
    extend(statement, op);
  }
  addNegated(statement, props, value.ops ?? []);
  return statement;
}

/**
 * What the statement is not about, when it says so: only then the members are there.
 * @param {Statement} statement @param {any} props @param {any[]} ops
 */
function addNegated(statement, props, ops) {
  const added = (/** @type {string} */ path) => ops.filter((op) => op.path === path).flatMap((op) => op.args ?? []);
  const notActions = [...list(props.notActions ?? props.NotAction), ...added('addNotActions')];
  const notResources = [...list(props.notResources ?? props.NotResource), ...added('addNotResources')];
  if (notActions.length > 0) {
    statement.notActions = notActions;
  }
  if (notResources.length > 0) {
    statement.notResources = notResources;
  }
}

/** @param {Statement} statement @param {any} op */
function extend(statement, op) {
  const args = op.args ?? [];
  switch (op.path) {
    case 'addActions':
      statement.actions.push(...args);
      break;
    case 'addResources':
      statement.resources.push(...args);
      break;
    case 'addAllResources':
      statement.resources.push('*');
      break;
    case 'addCondition':
      statement.conditions = { ...statement.conditions, [args[0]]: args[1] };
      break;
    case 'effect':
      statement.effect = effectOf(op.value);
      break;
  }
}

/**
 * The statements that a call on a role, a function or a policy brings.
 * @param {any[]} args serialised
 * @param {Map<string, any>} constructs of the manifest, by reference
 * @returns {Statement[]}
 */
export function statementsOf(args, constructs) {
  return args.flatMap((arg) => {
    const own = statementOf(arg);
    if (own !== null) {
      return [own];
    }
    const policy = constructs.get(arg?.$ref);
    return policy === undefined ? [] : policyStatements(policy);
  });
}

/** @param {any} policy a construct `new Policy(scope, id, {statements})` */
function policyStatements(policy) {
  const props = policy.args[0] ?? {};
  const added = policy.ops
    .filter((/** @type {any} */ op) => op.path === 'addStatements')
    .flatMap((/** @type {any} */ op) => op.args);
  const documents = list(props.document?.args?.[0]?.statements);
  return [...list(props.statements), ...documents, ...added].map(statementOf).filter((statement) => statement !== null);
}
