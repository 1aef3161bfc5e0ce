// util, extensions and runtime: what is neither of time, XML, expressions nor DynamoDB. Source: "JavaScript runtime features for
// resolvers and functions" of the AppSync developer guide; the names are those of the package's types.
(function (lib, host) {
  'use strict';

  /** Ends a handler from inside; nothing in a resolver can catch it. */
  class Leaving {
    constructor(outcome) {
      this.outcome = outcome;
    }
  }
  lib.Leaving = Leaving;

  // ---- what an evaluation leaves beside its value ----
  let at = null;
  lib.state = {
    begin(ctx) {
      at = { ctx, errors: [], extensions: [], headers: {} };
    },
    end() {
      const { errors = [], extensions = [], headers = {} } = at ?? {};
      at = null;
      return {
        ...(errors.length > 0 && { errors }),
        ...(extensions.length > 0 && { extensions }),
        ...(Object.keys(headers).length > 0 && { headers }),
      };
    },
  };
  const error = (message, type, data, info) => ({ message: String(message), type: type ?? null, data: data ?? null, info: info ?? null });

  // ---- texts ----
  const encoded = (code) => `%${code.toString(16).toUpperCase().padStart(2, '0')}`;

  function utf8(text) {
    const bytes = [];
    for (const char of String(text)) {
      const code = char.codePointAt(0);
      if (code < 0x80) bytes.push(code);
      else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return bytes;
  }

  /** Bytes that are no UTF-8 become U+FFFD. */
  function fromUtf8(bytes) {
    try {
      return decodeURIComponent(bytes.map(encoded).join(''));
    } catch {
      let text = '';
      for (let i = 0; i < bytes.length; i++) {
        const length = bytes[i] < 0x80 ? 1 : bytes[i] < 0xe0 ? 2 : bytes[i] < 0xf0 ? 3 : 4;
        try {
          text += decodeURIComponent(bytes.slice(i, i + length).map(encoded).join(''));
          i += length - 1;
        } catch {
          text += '\ufffd';
        }
      }
      return text;
    }
  }

  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

  function base64Encode(text) {
    const bytes = utf8(text);
    let out = '';
    for (let i = 0; i < bytes.length; i += 3) {
      const group = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
      const left = bytes.length - i;
      out += ALPHABET[group >> 18] + ALPHABET[(group >> 12) & 63];
      out += (left > 1 ? ALPHABET[(group >> 6) & 63] : '=') + (left > 2 ? ALPHABET[group & 63] : '=');
    }
    return out;
  }

  function base64Decode(text) {
    const bytes = [];
    let group = 0;
    let bits = 0;
    for (const char of String(text).replace(/-/g, '+').replace(/_/g, '/').replace(/[=\s]/g, '')) {
      const value = ALPHABET.indexOf(char);
      if (value < 0) throw new Error('The text is not base64.');
      group = ((group << 6) | value) & 0xffffff;
      bits += 6;
      if (bits >= 8) bytes.push((group >> (bits -= 8)) & 255);
    }
    return fromUtf8(bytes);
  }

  /** As java.net.URLEncoder has it: what forms are sent as. */
  function urlEncode(text) {
    return utf8(text)
      .map((byte) => (byte === 32 ? '+' : /[\w.*-]/.test(String.fromCharCode(byte)) && byte < 128 ? String.fromCharCode(byte) : encoded(byte)))
      .join('');
  }

  function escapeJavaScript(text) {
    const short = { '\b': '\\b', '\n': '\\n', '\t': '\\t', '\f': '\\f', '\r': '\\r', '"': '\\"', "'": "\\'", '\\': '\\\\', '/': '\\/' };
    return String(text).replace(/["'\\/\b\n\t\f\r]|[^\x20-\x7e]/g, (char) => short[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`);
  }

  // ---- ids ----
  function autoId() {
    const hex = host.random(16);
    const variant = '89ab'[parseInt(hex[16], 16) & 3];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  function digits(number, alphabet, length) {
    let text = '';
    const base = BigInt(alphabet.length);
    for (let left = number; text.length < length; left /= base) text = alphabet[Number(left % base)] + text;
    return text;
  }

  const autoUlid = () =>
    digits((BigInt(Date.now()) << 80n) | BigInt(`0x${host.random(10)}`), '0123456789ABCDEFGHJKMNPQRSTVWXYZ', 26);

  const KSUID_EPOCH = 1400000000;
  const autoKsuid = () =>
    digits(
      (BigInt(Math.floor(Date.now() / 1000) - KSUID_EPOCH) << 128n) | BigInt(`0x${host.random(16)}`),
      '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 27,
    );

  // ---- who asks ----
  const TYPES = {
    API_KEY: 'API Key Authorization', AWS_IAM: 'IAM Authorization', AMAZON_COGNITO_USER_POOLS: 'User Pool Authorization',
    OPENID_CONNECT: 'Open ID Connect Authorization', AWS_LAMBDA: 'Lambda Authorization',
  };

  // ---- headers of the response ----
  const RESTRICTED = ['x-amzn-requestid', 'x-amzn-remapped', 'x-amz-cf', 'content-length', 'transfer-encoding', 'connection', 'host', 'access-control-'];

  function addResponseHeader(name, value) {
    const lower = String(name).toLowerCase();
    const bad = !/^[\w!#$%&'*+.^`|~-]+$/.test(lower) || RESTRICTED.some((prefix) => lower.startsWith(prefix));
    if (!bad) at.headers[lower] = String(value).replace(/[\r\n]/g, ' ');
  }

  const number = (value) => Number(value ?? NaN);

  lib.util = {
    escapeJavaScript,
    urlEncode,
    urlDecode: (text) => decodeURIComponent(String(text).replace(/\+/g, ' ')),
    base64Encode,
    base64Decode,
    autoId,
    autoUlid,
    autoKsuid,
    unauthorized() {
      const { fieldName, parentTypeName } = at.ctx.info ?? {};
      throw new Leaving({ failed: error(`Not Authorized to access ${fieldName} on type ${parentTypeName}`, 'Unauthorized') });
    },
    error(...given) {
      throw new Leaving({ failed: error(...given) });
    },
    appendError(...given) {
      at.errors.push(error(...given));
    },
    matches: (pattern, value) => new RegExp(pattern, 'u').test(value),
    authType: () => TYPES[at.ctx.authType] ?? 'API Key Authorization',
    http: {
      copyHeaders(headers) {
        const hop = ['connection', 'host', 'content-length', 'transfer-encoding', 'keep-alive', 'te', 'trailer', 'upgrade', 'expect', 'proxy-authenticate', 'proxy-authorization'];
        return Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !hop.includes(name.toLowerCase())));
      },
      addResponseHeader,
      addResponseHeaders(headers) {
        Object.entries(headers ?? {}).forEach(([name, value]) => addResponseHeader(name, value));
      },
    },
    math: {
      roundNum: (value) => Math.round(number(value)),
      minVal: (a, b) => Math.min(number(a), number(b)),
      maxVal: (a, b) => Math.max(number(a), number(b)),
      randomDouble: () => Math.random(),
      randomWithinRange: (start, end) => Math.floor(Math.random() * (number(end) - number(start))) + number(start),
    },
    str: { normalize: (text, form) => String(text).normalize(String(form).toUpperCase()) },
    // Of VTL's time, and still used.
    isNull: (value) => value === null || value === undefined,
    isNullOrEmpty: (value) => value === null || value === undefined || value === '',
    isNullOrBlank: (value) => value === null || value === undefined || String(value).trim() === '',
    defaultIfNull: (value, otherwise) => value ?? otherwise,
    defaultIfNullOrEmpty: (value, otherwise) => (value === null || value === undefined || value === '' ? otherwise : value),
    defaultIfNullOrBlank: (value, otherwise) => (value === null || value === undefined || String(value).trim() === '' ? otherwise : value),
    isString: (value) => typeof value === 'string',
    isNumber: (value) => typeof value === 'number',
    isBoolean: (value) => typeof value === 'boolean',
    isList: (value) => Array.isArray(value),
    isMap: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    typeOf(value) {
      if (value === null || value === undefined) return 'Null';
      if (Array.isArray(value)) return 'List';
      return { string: 'String', number: 'Number', boolean: 'Boolean', object: 'Map' }[typeof value] ?? 'Object';
    },
    toJson: (value) => JSON.stringify(value ?? null),
    parseJson: (text) => JSON.parse(text),
    qr() {},
    quiet() {},
  };

  const INVALIDATIONS_MAX = 5;
  const extend = (...call) => void at.extensions.push(call);
  lib.extensions = {
    evictFromApiCache: (type, field, keys) => extend('evictFromApiCache', type, field, keys ?? {}),
    setSubscriptionFilter: (filter) => extend('setSubscriptionFilter', filter),
    setSubscriptionInvalidationFilter: (filter) => extend('setSubscriptionInvalidationFilter', filter),
    invalidateSubscriptions(given) {
      if (at.extensions.filter(([name]) => name === 'invalidateSubscriptions').length < INVALIDATIONS_MAX) extend('invalidateSubscriptions', given);
    },
  };
  lib.runtime = {
    earlyReturn(value, { skipTo } = {}) {
      throw new Leaving({ value: value ?? null, early: skipTo === 'END' ? 'END' : 'NEXT' });
    },
  };
  lib.ai = {
    invokeModel: (request) => ({ operation: 'InvokeModel', ...request }),
    converse: (request) => ({ operation: 'Converse', ...request }),
  };
});
