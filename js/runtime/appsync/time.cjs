// util.time. Patterns are those of java.time.format.DateTimeFormatter, as the AppSync developer guide has it ("Time helpers in
// util.time").
(function (lib) {
  'use strict';

  const NAMES = {
    month: ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'],
    day: ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'],
  };

  // ---- zones ----
  /** Minutes that a fixed offset is east of UTC; null for a zone's name. */
  function fixedOffset(zone) {
    if (/^(Z|UTC|GMT|UT)$/.test(zone)) return 0;
    const [, sign, hours, minutes = '0'] = /^(?:UTC|GMT|UT)?([+-])(\d{1,2}):?(\d{2})?$/.exec(zone) ?? [];
    return sign === undefined ? null : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  }

  function zoneOffset(zone, ms) {
    const fixed = fixedOffset(zone);
    if (fixed !== null) return fixed;
    let format;
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
      });
    } catch {
      throw new Error(`Unknown time-zone ID: ${zone}`);
    }
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    const local = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
    return Math.round((local - Math.floor(ms / 1000) * 1000) / 60000);
  }

  /** The moment of a local time; where clocks are put on, the earlier offset holds. */
  function fromLocal(local, zone) {
    const first = local - zoneOffset(zone, local) * 60000;
    return local - zoneOffset(zone, first) * 60000;
  }

  const pad = (number, length) => `${number < 0 ? '-' : ''}${String(Math.abs(number)).padStart(length, '0')}`;

  function offsetText(minutes, letter, count) {
    if (letter === 'X' && minutes === 0) return 'Z';
    const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
    const sign = minutes < 0 ? '-' : '+';
    if (letter === 'Z') return count === 4 ? `GMT${minutes === 0 ? '' : `${sign}${pad(hours, 2)}:${pad(rest, 2)}`}` : `${sign}${pad(hours, 2)}${count === 5 ? ':' : ''}${pad(rest, 2)}`;
    if (count === 1 && rest === 0) return `${sign}${pad(hours, 2)}`;
    return `${sign}${pad(hours, 2)}${count === 3 || count === 5 ? ':' : ''}${pad(rest, 2)}`;
  }

  // ---- patterns ----
  function tokens(pattern) {
    const found = [];
    for (let i = 0; i < pattern.length; ) {
      const char = pattern[i];
      if (char === "'") {
        const [whole] = /^'(?:[^']|'')*'/.exec(pattern.slice(i)) ?? [];
        if (whole === undefined) throw new Error(`Pattern ends with an incomplete string literal: ${pattern}`);
        found.push({ text: whole === "''" ? "'" : whole.slice(1, -1).replace(/''/g, "'") });
        i += whole.length;
      } else if (/[A-Za-z]/.test(char)) {
        let end = i;
        while (pattern[end] === char) end += 1;
        found.push({ letter: char, count: end - i });
        i = end;
      } else {
        found.push({ text: char });
        i += 1;
      }
    }
    return found.filter(({ text }) => text !== '[' && text !== ']');
  }

  const dayOfYear = (date) => Math.floor((Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) - Date.UTC(date.getUTCFullYear(), 0, 0)) / 86400000);
  const named = (list, index, count) => (count === 3 || count < 3 ? list[index].slice(0, 3) : count === 5 ? list[index][0] : list[index]);

  function field({ letter, count }, date, zone, offset, ms) {
    const hours = date.getUTCHours();
    const year = date.getUTCFullYear();
    switch (letter) {
      case 'y':
      case 'u': return count === 2 ? pad(year % 100, 2) : pad(year, count);
      case 'M':
      case 'L': return count > 2 ? named(NAMES.month, date.getUTCMonth(), count) : pad(date.getUTCMonth() + 1, count);
      case 'd': return pad(date.getUTCDate(), count);
      case 'D': return pad(dayOfYear(date), count);
      case 'E': return named(NAMES.day, date.getUTCDay(), count);
      case 'e': return pad(date.getUTCDay() + 1, count);
      case 'Q': return pad(Math.floor(date.getUTCMonth() / 3) + 1, count);
      case 'a': return hours < 12 ? 'AM' : 'PM';
      case 'H': return pad(hours, count);
      case 'k': return pad(hours === 0 ? 24 : hours, count);
      case 'h': return pad(hours % 12 === 0 ? 12 : hours % 12, count);
      case 'K': return pad(hours % 12, count);
      case 'm': return pad(date.getUTCMinutes(), count);
      case 's': return pad(date.getUTCSeconds(), count);
      case 'S': return pad(date.getUTCMilliseconds(), 3).padEnd(count, '0').slice(0, count);
      case 'A': return pad(((hours * 60 + date.getUTCMinutes()) * 60 + date.getUTCSeconds()) * 1000 + date.getUTCMilliseconds(), count);
      case 'n': return pad(date.getUTCMilliseconds() * 1000000, count);
      case 'G': return year > 0 ? 'AD' : 'BC';
      case 'V': return zone;
      case 'z': return zoneName(zone, ms, count);
      case 'Z':
      case 'X':
      case 'x': return offsetText(offset, letter, count);
      case 'O': return `GMT${offset === 0 ? '' : `${offset < 0 ? '-' : '+'}${count === 4 ? pad(Math.floor(Math.abs(offset) / 60), 2) : Math.floor(Math.abs(offset) / 60)}${offset % 60 !== 0 || count === 4 ? `:${pad(Math.abs(offset) % 60, 2)}` : ''}`}`;
      default: throw new Error(`Unknown pattern letter: ${letter}`);
    }
  }

  function zoneName(zone, ms, count) {
    if (fixedOffset(zone) !== null) return zone;
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: count === 4 ? 'long' : 'short' }).formatToParts(ms);
    return parts.find(({ type }) => type === 'timeZoneName').value;
  }

  function format(ms, pattern, zone = 'UTC') {
    const offset = zoneOffset(zone, ms);
    const date = new Date(ms + offset * 60000);
    return tokens(pattern).map((token) => token.text ?? field(token, date, zone, offset, ms)).join('');
  }

  // ---- parsing ----
  const digits = (count) => (count === 1 ? '(\\d+)' : `(\\d{${count}})`);
  const READERS = {
    y: [(count) => (count === 2 ? '(\\d\\d)' : '(\\d{4})'), (at, text) => (at.year = text.length === 2 ? 2000 + Number(text) : Number(text))],
    M: [(count) => (count > 2 ? '([A-Za-z]+)' : digits(count)), (at, text) => (at.month = monthOf(text))],
    d: [digits, (at, text) => (at.day = Number(text))],
    H: [digits, (at, text) => (at.hour = Number(text))],
    k: [digits, (at, text) => (at.hour = Number(text) % 24)],
    h: [digits, (at, text) => (at.half = Number(text) % 12)],
    K: [digits, (at, text) => (at.half = Number(text))],
    m: [digits, (at, text) => (at.minute = Number(text))],
    s: [digits, (at, text) => (at.second = Number(text))],
    S: [(count) => `(\\d{${count}})`, (at, text) => (at.ms = Math.floor(Number(`0.${text}`) * 1000 + 0.0001))],
    a: [() => '([AaPp][Mm])', (at, text) => (at.late = text.toUpperCase() === 'PM')],
    E: [() => '([A-Za-z]+)', () => {}],
    X: [() => '(Z|[+-]\\d\\d(?::?\\d\\d)?)', (at, text) => (at.zone = text)],
    x: [() => '([+-]\\d\\d(?::?\\d\\d)?)', (at, text) => (at.zone = text)],
    Z: [() => '([+-]\\d\\d:?\\d\\d|GMT(?:[+-]\\d\\d:\\d\\d)?)', (at, text) => (at.zone = text)],
    z: [() => '([A-Za-z_/+\\-0-9:]+)', (at, text) => (at.zone = text)],
    V: [() => '([A-Za-z_/+\\-0-9:]+)', (at, text) => (at.zone = text)],
  };
  READERS.u = READERS.y;
  READERS.L = READERS.M;

  function monthOf(text) {
    if (/^\d+$/.test(text)) return Number(text);
    const index = NAMES.month.findIndex((name) => name === text || name.slice(0, 3) === text);
    return index + 1;
  }

  function parseFormatted(text, pattern, zone) {
    const readers = [];
    const source = tokens(pattern).map(({ text: literal, letter, count }) => {
      if (literal !== undefined) return literal.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
      if (!Object.hasOwn(READERS, letter)) throw new Error(`Unknown pattern letter: ${letter}`);
      const [shape, read] = READERS[letter];
      readers.push(read);
      return shape(count);
    });
    const match = new RegExp(`^${source.join('')}$`).exec(String(text));
    const failed = () => new Error(`Text '${text}' could not be parsed`);
    if (match === null) throw failed();
    const at = { year: 1970, month: 1, day: 1, minute: 0, second: 0, ms: 0 };
    readers.forEach((read, index) => read(at, match[index + 1]));
    const hour = at.hour ?? (at.half ?? 0) + (at.late ? 12 : 0);
    const local = Date.UTC(at.year, at.month - 1, at.day, hour, at.minute, at.second, at.ms);
    const date = new Date(local);
    if (hour > 23 || at.minute > 59 || at.second > 59 || date.getUTCDate() !== at.day || date.getUTCMonth() !== at.month - 1) throw failed();
    return fromLocal(local, at.zone ?? zone ?? 'UTC');
  }

  function parseISO8601(text) {
    const [, date, time, offset, zone] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d(?::?\d\d)?)?(?:\[([^\]]+)\])?$/.exec(String(text)) ?? [];
    if (date === undefined || (offset === undefined && zone === undefined)) throw new Error(`Text '${text}' could not be parsed`);
    const local = Date.parse(`${date}T${time.replace(/(\.\d{3})\d+$/, '$1')}Z`);
    if (Number.isNaN(local)) throw new Error(`Text '${text}' could not be parsed`);
    return offset === undefined ? fromLocal(local, zone) : local - fixedOffset(offset) * 60000;
  }

  lib.util.time = {
    nowISO8601: () => new Date().toISOString(),
    nowEpochSeconds: () => Math.floor(Date.now() / 1000),
    nowEpochMilliSeconds: () => Date.now(),
    nowFormatted: (pattern, zone) => format(Date.now(), pattern, zone),
    parseFormattedToEpochMilliSeconds: parseFormatted,
    parseISO8601ToEpochMilliSeconds: parseISO8601,
    epochMilliSecondsToSeconds: (ms) => Math.floor(ms / 1000),
    epochMilliSecondsToISO8601: (ms) => new Date(ms).toISOString(),
    epochMilliSecondsToFormatted: format,
  };
});
