// Random schemas from a seed: what a.schema may give and a little more, mistakes included.

// mulberry32: small, and the same everywhere.
function generator(seed) {
    let state = seed >>> 0;
    return () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = state;
        t = Math.imul(t ^ (t >>> 15), t | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const SCALARS = ['ID', 'String', 'Int', 'Float', 'Boolean', 'AWSDate', 'AWSTime', 'AWSDateTime', 'AWSTimestamp', 'AWSEmail', 'AWSJSON', 'AWSPhone', 'AWSURL', 'AWSIPAddress'];
const KEYS = ['ID', 'String', 'Int', 'Float', 'AWSDate', 'AWSDateTime', 'AWSTimestamp', 'AWSEmail', 'Color'];
const NAMES = ['Post', 'person', 'Box', 'UserA', 'Data_Set', 'Child', 'Category', 'APIKey', 'Status', 'Leaf', 'X', 'Sheep'];

class Maker {
    constructor(seed) {
        this.next = generator(seed);
    }
    chance(p) {
        return this.next() < p;
    }
    below(n) {
        return Math.floor(this.next() * n);
    }
    pick(list) {
        return list[this.below(list.length)];
    }
    some(list, p) {
        return list.filter(() => this.chance(p));
    }
    modes() {
        const modes = ['userPool', 'apiKey'];
        modes.push(...this.some(['oidc', 'lambda'], 0.5));
        modes.sort(() => this.next() - 0.5);
        return this.chance(0.15) ? ['iam', ...modes] : this.chance(0.15) ? ['apiKey'] : modes;
    }
    wrap(type) {
        return this.pick([type, type, `${type}!`, `[${type}]`, `[${type}!]`, `[${type}]!`, `[${type}!]!`]);
    }
    operations(all) {
        const ops = this.some(all, 0.4);
        return this.chance(0.5) && ops.length > 0 ? `, operations: [${ops.join(', ')}]` : '';
    }

    rule(modes, field) {
        const ops = this.operations(field ? ['create', 'update', 'delete', 'read'] : this.chance(0.5) ? ['create', 'update', 'delete', 'read'] : ['create', 'update', 'delete', 'get', 'list', 'listen', 'sync', 'search']);
        const forms = [];
        if (modes.includes('apiKey')) {
            forms.push(`{ allow: public${this.pick(['', ', provider: apiKey'])}${ops} }`);
        }
        if (modes.includes('userPool')) {
            const owner = this.pick(['', ', ownerField: "owner"', ', ownerField: "author"', ', ownerField: "editors"', ', identityClaim: "sub"']);
            forms.push(`{ allow: private${ops} }`, `{ allow: owner${owner}${ops} }`, `{ allow: owner${owner}${ops} }`);
            forms.push(`{ allow: groups, groups: ["${this.pick(['A', 'B', 'C'])}"]${ops} }`);
            forms.push(`{ allow: groups, groupsField: "${this.pick(['team', 'teams'])}"${ops} }`);
            forms.push(`{ allow: ${this.pick(['public', 'private'])}, provider: ${this.pick(['iam', 'identityPool'])}${ops} }`);
        }
        if (modes.includes('oidc')) {
            forms.push(`{ allow: owner, provider: oidc, identityClaim: "${this.pick(['sub', 'a::b'])}"${ops} }`, `{ allow: private, provider: oidc${ops} }`);
        }
        if (modes.includes('lambda')) {
            forms.push(`{ allow: custom${ops} }`);
        }
        return this.pick(forms);
    }
    rules(modes, field) {
        const rules = new Map();
        for (let i = 1 + this.below(3); i > 0; i--) {
            const rule = this.rule(modes, field);
            const role = this.chance(0.95) ? rule.replace(/, operations: \[[^\]]*\]|, provider: (apiKey|iam|identityPool)/g, '') : rule;
            rules.set(role.replace(', ownerField: "owner"', ''), rule);
        }
        return `@auth(rules: [${[...rules.values()].join(', ')}])`;
    }
    modelArguments() {
        const parts = [];
        if (this.chance(0.2)) {
            parts.push(`queries: ${this.pick(['null', '{ get: null }', '{ list: null }', '{ list: null, get: null }'])}`);
        }
        if (this.chance(0.2)) {
            parts.push(`mutations: ${this.pick(['null', '{ create: null }', '{ update: null, delete: null }', '{ delete: null }'])}`);
        }
        if (this.chance(0.2)) {
            parts.push(`subscriptions: ${this.pick(['null', '{ onCreate: null }', '{ level: off }', '{ onDelete: null, onUpdate: null }'])}`);
        }
        return parts.length > 0 ? `@model(${parts.join(', ')})` : '@model';
    }
    indexes(names) {
        let text = '';
        for (let i = this.chance(0.3) ? 1 + this.below(2) : 0; i > 0; i--) {
            const sort = this.some(names, 0.25).slice(0, 3);
            const parts = [];
            if (sort.length > 0) {
                parts.push(`sortKeyFields: [${sort.map((s) => `"${s}"`).join(', ')}]`);
            }
            if (this.chance(0.95)) {
                parts.push(`name: "by${this.below(100000)}"`);
            }
            if (this.chance(0.5)) {
                parts.push(`queryField: ${this.pick(['null', `"find${this.below(100000)}"`, `"find${this.below(100000)}"`])}`);
            }
            text += parts.length > 0 ? ` @index(${parts.join(', ')})` : ' @index';
        }
        return text;
    }

    model(name, types, modes) {
        const fields = [];
        const keys = [];
        const form = this.below(4); // default id, declared id, one key, key and sort keys
        if (form > 0) {
            keys.push({ name: form === 1 ? 'id' : 'key', type: form === 1 ? this.pick(['ID', 'ID', 'String', 'Int']) : this.pick(KEYS) });
            for (let i = form === 3 ? 1 + this.below(3) : 0; i > 0; i--) {
                keys.push({ name: `sort${i}`, type: this.pick(KEYS) });
            }
        }
        keys.forEach((key, i) => {
            const sort = keys.slice(1).map((k) => `"${k.name}"`).join(', ');
            const primary = i > 0 || (form === 1 && this.chance(0.3)) ? '' : sort === '' ? ' @primaryKey' : ` @primaryKey(sortKeyFields: [${sort}])`;
            fields.push({ name: key.name, text: `${key.name}: ${key.type}!${primary}` });
        });
        const single = Array.from({ length: 1 + this.below(4) }, (_, i) => `f${i}`);
        for (const field of single) {
            const auth = this.chance(0.03) ? ` ${this.rules(modes, true)}` : '';
            const required = auth !== '' && this.chance(0.95) ? '' : this.pick(['', '!']);
            fields.push({ name: field, text: `${field}: ${this.pick(KEYS)}${required}${this.indexes(single.filter((s) => s !== field))}${auth}` });
        }
        for (let i = this.below(4); i > 0; i--) {
            fields.push({ name: `g${i}`, text: `g${i}: ${this.wrap(this.pick(this.chance(0.5) ? SCALARS : types))}` });
        }
        const special = ['createdAt: AWSDateTime', 'createdAt: AWSDateTime!', 'updatedAt: String!', 'updatedAt: Int', 'owner: String', 'owner: String!', 'author: String', 'editors: [String]', 'team: String', 'teams: [String!]'];
        for (const text of this.some(special, 0.12)) {
            const field = text.split(':')[0];
            if (!fields.some((f) => f.name === field)) {
                fields.push({ name: field, text });
            }
        }
        fields.sort(() => (this.chance(0.2) ? this.next() - 0.5 : 0));
        const keyed = fields.some((f) => f.text.includes('@primaryKey'));
        return { name, fields, keys: keyed ? keys : [{ name: 'id', type: 'ID' }] };
    }

    relate(models) {
        for (let i = this.below(models.length + 2); i > 0; i--) {
            const [parent, child] = [this.pick(models), this.pick(models)];
            if (parent.keys.some((key) => key.type === 'Color') && this.chance(0.95)) {
                continue;
            }
            const references = parent.keys.map((key) => ({ name: `r${i}${key.name}`, type: key.type === 'ID' && this.chance(0.3) ? 'String' : key.type }));
            const list = `references: [${references.map((r) => `"${r.name}"`).join(', ')}]`;
            const required = this.pick(['', '', '!']);
            references.forEach((r) => child.fields.push({ name: r.name, text: `${r.name}: ${r.type}${required}` }));
            const many = this.chance(0.6);
            const forward = many ? `many${i}: [${child.name}] @hasMany(${list})` : `one${i}: ${child.name} @hasOne(${list})`;
            parent.fields.push({ name: `forward${i}`, text: forward });
            child.fields.push({ name: `back${i}`, text: `back${i}: ${parent.name} @belongsTo(${list})` });
        }
    }

    customTypes() {
        const types = ['Point', 'Shape', 'Deep'];
        return types.map((name, i) => {
            const inner = types.slice(i + 1);
            const fields = Array.from({ length: 1 + this.below(3) }, (_, k) => `c${k}: ${this.wrap(this.pick([...SCALARS, 'Color', ...inner, ...inner]))}`);
            return `type ${name} { ${fields.join(' ')} }`;
        });
    }
    native(modes) {
        const names = { apiKey: '@aws_api_key', userPool: this.pick(['@aws_cognito_user_pools', '@aws_cognito_user_pools(cognito_groups: ["A"])']), oidc: '@aws_oidc', lambda: '@aws_lambda', iam: '@aws_iam' };
        return this.some(modes, 0.4).map((m) => names[m]).join(' ');
    }
    operation(name, returns, modes) {
        const list = Array.from({ length: this.below(3) }, (_, i) => `a${i}: ${this.wrap(this.pick([...SCALARS, 'Color', 'PointIn']))}`);
        const guard = this.chance(0.6) ? `@function(name: "fn") ${this.rules(modes, true).replace(/, operations: \[[^\]]*\]/g, '')}` : this.native(modes);
        return `${name}${list.length > 0 ? `(${list.join(', ')})` : ''}: ${this.wrap(this.pick(returns))} ${guard}`;
    }
    rootTypes(modes, models) {
        const returns = [...SCALARS, 'Color', 'Point', 'Shape', ...models.map((m) => m.name)];
        const roots = [];
        const count = this.below(3);
        for (const root of ['Query', 'Mutation']) {
            if (count > 0 && this.chance(0.5)) {
                const ops = Array.from({ length: count }, (_, i) => this.operation(`${root.toLowerCase()}${i}`, returns, modes));
                roots.push(`type ${root} {\n  ${ops.join('\n  ')}\n}`);
            }
        }
        return roots;
    }
}

export function randomSchema(seed) {
    const maker = new Maker(seed);
    const modes = maker.modes();
    const names = maker.some(NAMES, 0.3).slice(0, 4);
    names.push(...(names.length === 0 ? ['Todo'] : []));
    const types = ['Color', 'Point', 'Shape', 'Color'];
    const models = names.map((name) => maker.model(name, types, modes));
    maker.relate(models);
    const parts = models.map((m) => {
        const rules = maker.chance(0.9) ? ` ${maker.rules(modes, false)}` : '';
        return `type ${m.name} ${maker.modelArguments()}${rules} {\n  ${m.fields.map((f) => f.text).join('\n  ')}\n}`;
    });
    parts.push('enum Color { RED green darkBlue }', 'input PointIn { x: Float y: [Int!]! }');
    parts.push(...maker.customTypes(), ...maker.rootTypes(modes, models));
    return { sdl: parts.join('\n'), modes };
}

