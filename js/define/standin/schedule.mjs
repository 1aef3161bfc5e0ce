// The schedule grammar of defineFunction: `every 5m`, `every day`, ... and six-field cron. All become one form, so
// that the server has one kind of timer: EventBridge cron fields and a time zone.

/** @typedef {{cron: string, rate: string | null, timezone: string, description: string | null}} Schedule */

const exclusive =
  'Cron expressions cannot have both day-of-month and day-of-week defined, you must use a ? in one of the fields';

/**
 * @param {unknown} given one schedule or a list
 * @param {number} timeoutSeconds of the function
 * @returns {{schedules: Schedule[], errors: string[]}}
 */
export function parseSchedules(given, timeoutSeconds) {
  /** @type {string[]} */
  const errors = [];
  /** @type {Schedule[]} */
  const schedules = [];
  for (const item of Array.isArray(given) ? given : [given]) {
    const { rate, cron, timezone, description } = normalise(item);
    if (rate === null && cron === null) {
      errors.push("Could not determine the function's schedule type");
    } else {
      const fields = rate !== null ? parseRate(rate, timeoutSeconds, errors) : parseCron(cron ?? '', errors);
      schedules.push({ cron: fields, rate, timezone, description });
    }
  }
  return { schedules, errors };
}

/** @param {any} item */
function normalise(item) {
  if (typeof item === 'string') {
    const isRate = item.includes('every');
    return { rate: isRate ? item : null, cron: isRate ? null : item, timezone: 'UTC', description: null };
  }
  return {
    rate: item?.rate ?? null,
    cron: item?.cron ?? null,
    timezone: item?.timezone ?? 'UTC',
    description: item?.description ?? null,
  };
}

/** @type {Record<string, string>} */
const named = { day: '0 0 * * ? *', week: '0 0 ? * 1 *', month: '0 0 1 * ? *', year: '0 0 1 1 ? *' };

/** @param {string} rate @param {number} timeout @param {string[]} errors */
function parseRate(rate, timeout, errors) {
  const match = /^every (?:(-?\d+\.?\d*)?(m|h)|(day|week|month|year))$/.exec(rate);
  if (match === null) {
    errors.push(`Could not determine the schedule rate for the function: '${rate}'`);
    return '';
  }
  const [, amount, unit, word] = match;
  if (word !== undefined) {
    return named[word] ?? '';
  }
  const value = Number(amount ?? 'NaN');
  if (!(value > 0 && Number.isInteger(value))) {
    errors.push('Function schedule rate must be set with a positive whole number');
    return '';
  }
  if (unit === 'm' && value * 60 < timeout) {
    errors.push(
      `Function schedule rate must be greater than the function timeout of ${timeout} ${timeout > 1 ? 'seconds' : 'second'}`,
    );
  }
  return unit === 'm' ? `*/${value} * * * ? *` : `0 */${value} * * ? *`;
}

/** @param {string} cron @param {string[]} errors */
function parseCron(cron, errors) {
  const [minute, hour, day, month, weekDay, year] = cron.split(' ');
  const found = [
    ...checkField('minutes', minute, 0, 59),
    ...checkField('hours', hour, 0, 23),
    ...(day === '?' ? [] : checkField('day-of-month', day, 1, 31)),
    ...checkField('month', month, 1, 12),
    ...(weekDay === '?' ? [] : checkField('day-of-week', weekDay, 1, 7)),
    ...(year ? checkField('year', year, 1970, 2199) : []),
  ];
  if (day !== '?' && weekDay !== '?') {
    found.push(exclusive);
  }
  errors.push(...found);
  return `${minute} ${hour} ${day} ${month} ${weekDay} ${year ?? '*'}`;
}

/** @param {number} n @param {number} min @param {number} max */
function whole(n, min, max) {
  return Number.isInteger(n) && n >= min && n <= max;
}

/**
 * @param {string} field
 * @param {string | undefined} text
 * @param {number} min
 * @param {number} max
 * @returns {string[]}
 */
function checkField(field, text, min, max) {
  if (text === undefined) {
    return [`Cron field for ${field} must be a whole number between ${min} and ${max}`];
  }
  if (text === '*') {
    return [];
  }
  if (text.includes(',')) {
    return checkList(field, text, min, max);
  }
  const part = checkPart(field, text, min, max);
  if (part !== undefined) {
    return part === '' ? [] : [part];
  }
  return whole(Number(text), min, max)
    ? []
    : [`Cron field for ${field} must be a whole number between ${min} and ${max}`];
}

/** @param {string} field @param {string} text @param {number} min @param {number} max */
function checkList(field, text, min, max) {
  const items = text.split(',');
  // Every item has to be a number: the original refuses steps and ranges within lists this way too.
  const errors = items.every((item) => whole(Number(item), min, max))
    ? []
    : [`Cron list for ${field} must contain whole numbers between ${min} and ${max}`];
  for (const item of items) {
    const error = checkPart(field, item, min, max);
    if (error) {
      errors.push(error);
    }
  }
  return errors;
}

/**
 * A step or a range: its error, '' when it is right, undefined when the text is neither.
 * @param {string} field @param {string} text @param {number} min @param {number} max
 */
function checkPart(field, text, min, max) {
  if (text.includes('/')) {
    const [base, step] = text.split('/').map(Number);
    if (text.startsWith('*/')) {
      return Number(step) > 0 && Number.isInteger(step)
        ? ''
        : `Cron step values for ${field} must be positive whole numbers`;
    }
    return whole(base ?? NaN, min, max) && Number(step) > 0
      ? ''
      : `Cron step values for ${field} must be whole numbers between ${min} and ${max}`;
  }
  if (text.includes('-')) {
    const [start = NaN, end = NaN] = text.split('-').map(Number);
    return whole(start, min, max) && whole(end, min, max) && start <= end
      ? ''
      : `Cron range for ${field} must be whole numbers between ${min} and ${max}`;
  }
  return undefined;
}
