// util.xml: XML as maps, as org.json's XML class makes them: an element's attributes and children are members, several of one
// name a list, texts that look like numbers or truth values are those. Source: "XML helpers in util.xml", AppSync developer guide.
(function (lib) {
  'use strict';
  const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  const DEPTH_MAX = 200;
  const NAME = /[^\s<>/=]+/y;

  const decode = (text) =>
    text.replace(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, name) => {
      if (name[0] !== '#') return Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : whole;
      const code = name[1] === 'x' ? parseInt(name.slice(2), 16) : Number(name.slice(1));
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });

  function typed(text) {
    if (text === 'true' || text === 'false') return text === 'true';
    if (text === 'null') return null;
    return /^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?$/.test(text) ? Number(text) : text;
  }

  function add(map, name, value) {
    if (!Object.hasOwn(map, name)) Object.defineProperty(map, name, { value, enumerable: true, writable: true, configurable: true });
    else if (Array.isArray(map[name])) map[name].push(value);
    else map[name] = [map[name], value];
  }

  class Reader {
    constructor(text) {
      this.text = String(text);
      this.at = 0;
    }

    fail(what) {
      throw new Error(`${what} at ${this.at} of the XML text`);
    }

    is(token) {
      return this.text.startsWith(token, this.at);
    }

    to(token) {
      const end = this.text.indexOf(token, this.at);
      if (end < 0) this.fail(`Missing '${token}'`);
      const part = this.text.slice(this.at, end);
      this.at = end + token.length;
      return part;
    }

    space() {
      while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
    }

    name() {
      NAME.lastIndex = this.at;
      const match = NAME.exec(this.text);
      if (match === null) this.fail('Misshaped element');
      this.at += match[0].length;
      return match[0];
    }

    /** Comments, declarations, document types. */
    skip() {
      if (this.is('<!--')) this.to('-->');
      else if (this.is('<?')) this.to('?>');
      else if (this.is('<!') && !this.is('<![CDATA[')) this.to('>');
      else return false;
      return true;
    }

    attributes(map) {
      for (this.space(); !this.is('>') && !this.is('/>'); this.space()) {
        const name = this.name();
        this.space();
        if (!this.is('=')) {
          add(map, name, '');
          continue;
        }
        this.at += 1;
        this.space();
        const quote = this.text[this.at];
        if (quote !== '"' && quote !== "'") this.fail('Missing quotes');
        this.at += 1;
        add(map, name, typed(decode(this.to(quote))));
      }
    }

    element(map, depth) {
      if (depth > DEPTH_MAX) this.fail('Too many nested elements');
      this.at += 1;
      const name = this.name();
      const own = {};
      this.attributes(own);
      if (this.is('/>')) {
        this.at += 2;
        add(map, name, Object.keys(own).length > 0 ? own : '');
        return;
      }
      this.at += 1;
      this.content(own, name, depth);
      const keys = Object.keys(own);
      add(map, name, keys.length === 0 ? '' : keys.length === 1 && keys[0] === 'content' && !Array.isArray(own.content) ? own.content : own);
    }

    content(own, name, depth) {
      for (;;) {
        if (this.at >= this.text.length) this.fail(`Unclosed tag ${name}`);
        if (this.is('</')) {
          this.at += 2;
          const closed = this.to('>').trim();
          if (closed !== name) this.fail(`Mismatched ${name} and ${closed}`);
          return;
        }
        if (this.is('<![CDATA[')) {
          this.at += 9;
          add(own, 'content', this.to(']]>'));
        } else if (this.is('<')) {
          if (!this.skip()) this.element(own, depth + 1);
        } else {
          const end = this.text.indexOf('<', this.at);
          const text = decode(this.text.slice(this.at, end < 0 ? this.text.length : end)).trim();
          this.at = end < 0 ? this.text.length : end;
          if (text !== '') add(own, 'content', typed(text));
        }
      }
    }
  }

  function toMap(text) {
    const reader = new Reader(text);
    const map = {};
    for (reader.space(); reader.at < reader.text.length; reader.space()) {
      if (!reader.is('<')) reader.fail('Text outside of elements');
      if (!reader.skip()) reader.element(map, 0);
    }
    return map;
  }

  lib.util.xml = {
    toMap,
    toJsonString: (text, asText = false) => JSON.stringify(toMap(text), (key, value) => (asText && typeof value === 'number' ? String(value) : value)),
  };
});
