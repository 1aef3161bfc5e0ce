// Apache Velocity, as far as AppSync's resolver templates use it. Maps are Map, lists arrays. A
// reference to null is printed as it is written, and only null and false are untrue.

class Reader {
    constructor(text) {
        this.text = text;
        this.at = 0;
    }

    fail(what) {
        throw new Error(`template: ${what} expected at "${this.text.slice(this.at, this.at + 60)}"`);
    }

    is(word) {
        return this.text.startsWith(word, this.at);
    }

    take(word) {
        const found = this.is(word);
        this.at += found ? word.length : 0;
        return found;
    }

    need(word) {
        if (!this.take(word)) {
            this.fail(word);
        }
    }

    match(pattern) {
        const sticky = new RegExp(pattern, 'y');
        sticky.lastIndex = this.at;
        const found = sticky.exec(this.text);
        this.at = found === null ? this.at : sticky.lastIndex;
        return found;
    }

    space() {
        this.match(/\s*/);
    }
}

// ---- expressions -------------------------------------------------------------------------------

function list(r, end) {
    const items = [];
    for (r.space(); !r.take(end); r.space()) {
        items.push(expression(r));
        r.space();
        r.take(',');
    }
    return items;
}

function map(r) {
    const entries = [];
    for (r.space(); !r.take('}'); r.space()) {
        const name = operand(r);
        r.space();
        r.need(':');
        entries.push([name, expression(r)]);
        r.space();
        r.take(',');
    }
    return { kind: 'map', entries };
}

// $a.b, ${a.b}, $a.call(x), $a[0]. Nothing when the dollar sign starts no reference.
export function reference(r) {
    const from = r.at;
    const [start, brace] = r.match(/\$!?(\{?)(?=[A-Za-z_])/) ?? [];
    if (start === undefined) {
        return undefined;
    }
    const path = [];
    const [name] = r.match(/[A-Za-z_][A-Za-z0-9_]*/);
    for (;;) {
        const dot = r.match(/\.([A-Za-z_][A-Za-z0-9_-]*)/);
        if (dot !== null) {
            path.push(r.take('(') ? { call: dot[1], args: list(r, ')') } : { name: dot[1] });
        } else if (r.take('[')) {
            path.push({ index: expression(r) });
            r.space();
            r.need(']');
        } else {
            break;
        }
    }
    if (brace) {
        r.need('}');
    }
    return { kind: 'reference', name, path, text: r.text.slice(from, r.at) };
}

function string(r) {
    const [text, single, double] = r.match(/'([^']*)'|"((?:[^"\\]|\\.)*)"/) ?? r.fail('a string');
    return text[0] === "'" ? { kind: 'value', value: single } : { kind: 'text', parts: interpolated(new Reader(double)) };
}

function interpolated(r) {
    const parts = [];
    while (r.at < r.text.length) {
        const found = reference(r);
        parts.push(found ?? { kind: 'value', value: r.text[r.at++] });
    }
    return parts;
}

function operand(r) {
    r.space();
    if (r.take('!')) {
        return { kind: 'not', of: operand(r) };
    }
    if (r.take('(')) {
        const inner = expression(r);
        r.space();
        r.need(')');
        return inner;
    }
    if (r.take('[')) {
        return { kind: 'list', items: list(r, ']') };
    }
    if (r.take('{')) {
        return map(r);
    }
    if (r.is('"') || r.is("'")) {
        return string(r);
    }
    const word = r.match(/-?\d+(\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/);
    return word !== null ? { kind: 'value', value: JSON.parse(word[0]) } : reference(r) ?? r.fail('an operand');
}

const LEVELS = [['||'], ['&&'], ['==', '!='], ['<=', '>=', '<', '>'], ['+', '-']];

function expression(r, level = 0) {
    if (level === LEVELS.length) {
        return operand(r);
    }
    let left = expression(r, level + 1);
    for (;;) {
        r.space();
        const operator = LEVELS[level].find((each) => r.take(each));
        if (operator === undefined) {
            return left;
        }
        left = { kind: 'binary', operator, left, right: expression(r, level + 1) };
    }
}

// ---- templates ---------------------------------------------------------------------------------

const head = (r) => {
    r.space();
    r.need('(');
    r.space();
};
const tail = (r) => {
    r.space();
    r.need(')');
};

function directive(r) {
    if (r.match(/#set\b/)) {
        head(r);
        const to = reference(r);
        r.space();
        r.need('=');
        const from = expression(r);
        tail(r);
        return { kind: 'set', to, from };
    }
    if (r.match(/#foreach\b/)) {
        head(r);
        const { name } = reference(r);
        r.match(/\s*in\b/) ?? r.fail('in');
        const of = expression(r);
        tail(r);
        const body = block(r);
        r.need('#end');
        return { kind: 'foreach', name, of, body };
    }
    if (r.match(/#return\(/)) {
        const value = expression(r);
        tail(r);
        return { kind: 'return', value };
    }
    if (r.match(/#return\b/)) {
        return { kind: 'return', value: { kind: 'value', value: null } };
    }
    if (r.match(/#break\b/)) {
        return { kind: 'break' };
    }
    if (r.match(/#if\b/)) {
        const branches = [];
        do {
            head(r);
            const when = expression(r);
            tail(r);
            branches.push({ when, body: block(r) });
        } while (r.match(/#elseif\b/));
        const otherwise = r.take('#else') ? block(r) : [];
        r.need('#end');
        return { kind: 'if', branches, otherwise };
    }
    return undefined;
}

function block(r) {
    const parts = [];
    while (r.at < r.text.length && !r.is('#end') && !r.is('#else')) {
        if (r.match(/##[^\n]*\n?/)) {
            continue;
        }
        const part = (r.is('#') && directive(r)) || (r.is('$') && reference(r));
        parts.push(part || { kind: 'value', value: r.text[r.at++] });
    }
    return parts;
}

const parsed = new Map();

function parse(text) {
    if (!parsed.has(text)) {
        const r = new Reader(text);
        parsed.set(text, block(r));
        if (r.at < r.text.length) {
            r.fail('the end');
        }
    }
    return parsed.get(text);
}

// ---- values ------------------------------------------------------------------------------------

const absent = (value) => value === undefined || value === null;
const truth = (value) => !absent(value) && value !== false;

export function toText(value) {
    if (Array.isArray(value)) {
        return `[${value.map(toText).join(', ')}]`;
    }
    if (value instanceof Map) {
        return `{${[...value].map(([key, item]) => `${key}=${toText(item)}`).join(', ')}}`;
    }
    return String(value);
}

// From and to plain JSON values.
export function toJava(value) {
    if (Array.isArray(value)) {
        return value.map(toJava);
    }
    if (absent(value) || typeof value !== 'object') {
        return value;
    }
    return new Map(Object.entries(value).map(([key, item]) => [key, toJava(item)]));
}

export function toPlain(value) {
    if (Array.isArray(value)) {
        return value.map(toPlain);
    }
    return value instanceof Map ? Object.fromEntries([...value].map(([key, item]) => [key, toPlain(item)])) : value ?? null;
}

const entry = ([key, value]) => new Map([['key', key], ['value', value]]);

const MAP_METHODS = {
    put: (map, key, value) => void map.set(key, value),
    get: (map, key) => map.get(key),
    putAll: (map, other) => other.forEach((value, key) => map.set(key, value)),
    remove: (map, key) => void map.delete(key),
    containsKey: (map, key) => map.has(key),
    keySet: (map) => [...map.keys()],
    entrySet: (map) => [...map].map(entry),
    values: (map) => [...map.values()],
    size: (map) => map.size,
    isEmpty: (map) => map.size === 0,
};

const nothing = () => undefined; // a method that Java does not have there: an invalid reference, which is null

const LIST_METHODS = {
    put: nothing,
    add: (items, item) => items.push(item) > 0,
    addAll: (items, more) => items.push(...more) > 0,
    get: (items, index) => items[index],
    contains: (items, item) => items.includes(item),
    size: (items) => items.length,
    isEmpty: (items) => items.length === 0,
};

// Java leaves out empty parts at the end.
function split(text, pattern) {
    const parts = text.split(new RegExp(pattern));
    while (parts.length > 1 && parts.at(-1) === '') {
        parts.pop();
    }
    return text === '' ? [''] : parts.filter((part, i) => i > 0 || part !== '' || parts.length > 1);
}

const STRING_METHODS = {
    size: nothing,
    get: nothing,
    length: (text) => text.length,
    isEmpty: (text) => text.length === 0,
    contains: (text, part) => text.includes(part),
    startsWith: (text, part) => text.startsWith(part),
    endsWith: (text, part) => text.endsWith(part),
    replaceAll: (text, pattern, by) => text.replaceAll(new RegExp(pattern, 'g'), by),
    split,
    toString: (text) => text,
};

function call(base, name, args) {
    const methods = base instanceof Map ? MAP_METHODS : Array.isArray(base) ? LIST_METHODS : typeof base === 'string' ? STRING_METHODS : undefined;
    if (methods === undefined) {
        return typeof base[name] === 'function' ? base[name](...args) : undefined;
    }
    if (!Object.hasOwn(methods, name)) {
        throw new Error(`template: no method ${name} of ${toText(base)}`);
    }
    return methods[name](base, ...args);
}

const property = (base, name) => (base instanceof Map ? base.get(name) : base[name]);

// Null is only equal to null; unlike kinds are compared as texts.
const equal = (a, b) => (absent(a) || absent(b) ? absent(a) && absent(b) : toText(a) === toText(b));

const OPERATORS = {
    '==': equal,
    '!=': (a, b) => !equal(a, b),
    '<': (a, b) => a < b,
    '>': (a, b) => a > b,
    '<=': (a, b) => a <= b,
    '>=': (a, b) => a >= b,
    '+': (a, b) => (typeof a === 'number' && typeof b === 'number' ? a + b : toText(a) + toText(b)),
    '-': (a, b) => a - b,
};

class Return {
    constructor(value) {
        this.value = value;
    }
}

class Break {
    text = ''; // what came before it
}

class Run {
    constructor(scope) {
        this.scope = scope;
    }

    reference({ name, path }) {
        let value = this.scope[name];
        for (const step of path) {
            if (absent(value)) {
                return undefined;
            }
            if (step.call !== undefined) {
                value = call(value, step.call, step.args.map((each) => this.value(each)));
            } else {
                value = property(value, step.name ?? this.value(step.index));
            }
        }
        return value;
    }

    value(node) {
        switch (node.kind) {
            case 'value':
                return node.value;
            case 'reference':
                return this.reference(node);
            case 'text':
                return this.text(node.parts);
            case 'list':
                return node.items.map((each) => this.value(each));
            case 'map':
                return new Map(node.entries.map(([name, item]) => [this.value(name), this.value(item)]));
            case 'not':
                return !truth(this.value(node.of));
            default:
                return this.binary(node);
        }
    }

    binary({ operator, left, right }) {
        const a = this.value(left);
        if (operator === '&&' || operator === '||') {
            return truth(a) === (operator === '||') ? truth(a) : truth(this.value(right));
        }
        return OPERATORS[operator](a, this.value(right));
    }

    set(to, value) {
        if (to.path.length === 0) {
            this.scope[to.name] = value;
            return;
        }
        const base = this.reference({ name: to.name, path: to.path.slice(0, -1) });
        base?.set(to.path.at(-1).name, value);
    }

    foreach({ name, of, body }) {
        const from = this.value(of) ?? [];
        const items = from instanceof Map ? [...from.values()] : Array.isArray(from) ? from : [];
        const outer = [this.scope.foreach, this.scope.velocityCount];
        let text = '';
        try {
            items.forEach((item, i) => {
                Object.assign(this.scope, { [name]: item, velocityCount: i + 1, foreach: { hasNext: () => i + 1 < items.length, count: i + 1, index: i } });
                text += this.text(body);
            });
        } catch (e) {
            if (!(e instanceof Break)) {
                throw e;
            }
            text += e.text;
        }
        [this.scope.foreach, this.scope.velocityCount] = outer;
        return text;
    }

    part(node) {
        switch (node.kind) {
            case 'reference': {
                const value = this.reference(node);
                return absent(value) ? node.text : toText(value);
            }
            case 'set':
                this.set(node.to, this.value(node.from));
                return '';
            case 'if': {
                const taken = node.branches.find(({ when }) => truth(this.value(when)));
                return this.text(taken?.body ?? node.otherwise);
            }
            case 'foreach':
                return this.foreach(node);
            case 'break':
                throw new Break();
            case 'return':
                throw new Return(this.value(node.value));
            default:
                return toText(this.value(node));
        }
    }

    text(parts) {
        let text = '';
        try {
            for (const part of parts) {
                text += this.part(part);
            }
        } catch (e) {
            if (e instanceof Break) {
                e.text = text + e.text;
            }
            throw e;
        }
        return text;
    }
}

// {text} of the rendered template, or {returned} by #return.
export function render(template, scope) {
    try {
        return { text: new Run({ ...scope }).text(parse(template)) };
    } catch (e) {
        if (e instanceof Return) {
            return { returned: e.value };
        }
        throw e;
    }
}
