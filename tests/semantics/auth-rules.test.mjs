// Every kind of rule, alone and with others: each operation of each caller on items of everyone, by
// ampd and by the official resolvers.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { executable } from './lib/appsync.mjs';
import { bothSides, compare } from './lib/both.mjs';

const require = createRequire(import.meta.url);
const { getNamedType, isListType, isObjectType } = require('graphql');

const MODELS = {
    OwnerHidden: ['{ allow: owner, ownerField: "owner" }', 'text: String'],
    OwnerShown: ['{ allow: owner, ownerField: "owner" }', 'text: String owner: String'],
    OwnerNamed: ['{ allow: owner, ownerField: "author" }', 'text: String author: String'],
    OwnerList: ['{ allow: owner, ownerField: "editors" }', 'text: String editors: [String]'],
    OwnerUndeclared: ['{ allow: owner, ownerField: "editors" }', 'text: String'],
    OwnerClaim: ['{ allow: owner, ownerField: "owner", identityClaim: "email" }', 'text: String owner: String'],
    OwnerSub: ['{ allow: owner, ownerField: "owner", identityClaim: "sub" }', 'text: String owner: String'],
    OwnerPair: ['{ allow: owner, ownerField: "owner", identityClaim: "sub::email" }', 'text: String owner: String'],
    OwnerThree: ['{ allow: owner, ownerField: "owner", identityClaim: "email::username::sub" }', 'text: String owner: String'],
    OwnerOther: ['{ allow: owner, provider: oidc, ownerField: "owner" }', 'text: String owner: String'],
    OwnerReads: ['{ allow: owner, ownerField: "owner", operations: [create, read] }', 'text: String owner: String'],
    OwnerNoDelete: ['{ allow: owner, ownerField: "owner", operations: [create, read, update] }', 'text: String owner: String'],
    OwnerDeletes: ['{ allow: owner, ownerField: "owner", operations: [delete] }', 'text: String owner: String'],
    OwnersTwo: ['{ allow: owner, ownerField: "owner" }, { allow: owner, ownerField: "editors", operations: [read, update] }', 'text: String owner: String editors: [String]'],
    OwnersThree: ['{ allow: owner, ownerField: "owner", operations: [create] }, { allow: owner, ownerField: "author", operations: [create, update, delete] }, { allow: owner, ownerField: "editors", operations: [create, read, update] }', 'text: String author: String editors: [String]'],
    OwnerAndGroup: ['{ allow: owner, ownerField: "owner" }, { allow: groups, groups: ["Admin"] }', 'text: String owner: String'],
    OwnerAndAll: ['{ allow: owner, ownerField: "owner" }, { allow: private, operations: [create, read] }', 'text: String owner: String'],
    GroupStatic: ['{ allow: groups, groups: ["Admin", "Red"] }, { allow: groups, groups: ["Blue"], operations: [read] }', 'text: String'],
    GroupClaim: ['{ allow: groups, groups: ["Red"], groupClaim: "custom:team" }', 'text: String'],
    GroupsOther: ['{ allow: groups, provider: oidc, groups: ["Red", "Blue"] }', 'text: String'],
    TeamSingle: ['{ allow: groups, groupsField: "team" }', 'text: String team: String'],
    TeamList: ['{ allow: groups, groupsField: "teams" }', 'text: String teams: [String]'],
    TeamClaim: ['{ allow: groups, groupsField: "team", groupClaim: "custom:team" }, { allow: groups, provider: oidc, groupsField: "teams", groupClaim: "custom:team" }', 'text: String team: String teams: [String]'],
    TeamOther: ['{ allow: groups, provider: oidc, groupsField: "team" }, { allow: groups, provider: oidc, groupsField: "teams" }', 'text: String team: String teams: [String]'],
    TeamsBoth: ['{ allow: groups, groupsField: "team" }, { allow: groups, groupsField: "teams", operations: [read, delete] }, { allow: owner, ownerField: "owner", operations: [create] }', 'text: String team: String teams: [String]'],
    Private: ['{ allow: private }', 'text: String'],
    PrivateOther: ['{ allow: private, provider: oidc }', 'text: String'],
    PrivateNoDelete: ['{ allow: private, operations: [create, read, update] }', 'text: String'],
    Member: ['{ allow: private, provider: identityPool }', 'text: String'],
    Guest: ['{ allow: public, provider: identityPool, operations: [read, create] }, { allow: private, provider: identityPool, operations: [read, update] }', 'text: String'],
    Key: ['{ allow: public, provider: apiKey, operations: [create, read, update] }', 'text: String'],
    GetOnly: ['{ allow: private, operations: [get] }, { allow: owner, ownerField: "owner", operations: [create, list] }', 'text: String owner: String'],
    ListOnly: ['{ allow: private, operations: [list] }, { allow: owner, ownerField: "owner", operations: [create, get] }', 'text: String owner: String'],
    FieldOwner: ['{ allow: owner, ownerField: "owner" }, { allow: private, operations: [create, read] }', 'text: String owner: String secret: String @auth(rules: [{ allow: owner, ownerField: "owner" }])'],
    FieldGroup: ['{ allow: private }, { allow: public, provider: apiKey, operations: [read] }', 'text: String secret: String @auth(rules: [{ allow: groups, groups: ["Admin"] }, { allow: groups, groupsField: "team", operations: [read, update] }]) team: String'],
    FieldRead: ['{ allow: private }, { allow: public, provider: identityPool, operations: [create, read] }', 'text: String secret: String @auth(rules: [{ allow: private, operations: [read] }])'],
    FieldOfOwner: ['{ allow: owner, ownerField: "owner" }, { allow: groups, groups: ["Admin"] }', 'text: String owner: String @auth(rules: [{ allow: owner, ownerField: "owner", operations: [read, delete] }, { allow: groups, groups: ["Admin"] }])'],
    FieldWrites: ['{ allow: owner, ownerField: "owner" }', 'text: String owner: String secret: String @auth(rules: [{ allow: owner, ownerField: "owner", operations: [create, update] }])'],
};

const PARENTS = `
type Parent @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey, operations: [read] }, { allow: owner, ownerField: "owner" }]) {
  id: ID! @primaryKey text: String owner: String
  kids: [Kid] @hasMany(references: ["parentId"]) one: One @hasOne(references: ["parentId"]) alike: [Alike] @hasMany(references: ["parentId"])
  hidden: [Kid] @hasMany(references: ["hiddenId"]) @auth(rules: [{ allow: groups, groups: ["Admin"] }])
}
type Kid @model @auth(rules: [{ allow: owner, ownerField: "owner" }, { allow: groups, groupsField: "team", operations: [read] }]) {
  id: ID! @primaryKey owner: String team: String text: String
  parentId: ID parent: Parent @belongsTo(references: ["parentId"]) hiddenId: ID hiddenParent: Parent @belongsTo(references: ["hiddenId"])
}
type One @model @auth(rules: [{ allow: owner, ownerField: "editors" }]) { id: ID! @primaryKey text: String editors: [String] parentId: ID parent: Parent @belongsTo(references: ["parentId"]) }
type Alike @model @auth(rules: [{ allow: private }, { allow: public, provider: apiKey }]) { id: ID! @primaryKey text: String parentId: ID parent: Parent @belongsTo(references: ["parentId"]) }
`;

const KEYS = `
type ByOwner @model @auth(rules: [{ allow: owner, ownerField: "owner" }, { allow: groups, groups: ["Admin"], operations: [list, create] }]) { owner: String! @primaryKey(sortKeyFields: ["n"]) n: Int! text: String @index(queryField: "byOwnerText", sortKeyFields: ["owner"]) }
type Indexed @model @auth(rules: [{ allow: owner, ownerField: "owner" }, { allow: groups, groupsField: "team", operations: [read] }]) {
  id: ID! @primaryKey owner: String @index(queryField: "indexedByOwner", sortKeyFields: ["text"]) team: String @index(queryField: "indexedByTeam") text: String @index(queryField: "indexedByText", sortKeyFields: ["owner"])
}
type ByTeam @model @auth(rules: [{ allow: groups, groupsField: "team" }]) { team: String! @primaryKey(sortKeyFields: ["n"]) n: Int! text: String }
`;

const sdl = Object.entries(MODELS).map(([name, [rules, fields]]) => `type ${name} @model @auth(rules: [${rules}]) { id: ID! @primaryKey ${fields} }`).join('\n');

const own = ({ identity }) => {
    const claims = identity?.claims;
    return claims && { sub: claims.sub, name: claims.username ?? claims['cognito:username'] ?? claims.sub, email: claims.email };
};

// How someone may be written down as owner.
const formsOf = ({ sub, name, email }) => [`${sub}::${name}`, sub, name, ...(email ? [email, `${sub}::${email}`, `${email}::${name}::${sub}`] : [])];

class Model {
    constructor(schema, name) {
        const field = (type, start) => Object.values(type.getFields()).find((each) => each.name === `${start}${name}`);
        Object.assign(this, { name, type: schema.getType(name), schema });
        this.input = getNamedType(field(schema.getMutationType(), 'create').args[0].type);
        this.get = field(schema.getQueryType(), 'get');
        this.lists = Object.values(schema.getQueryType().getFields()).filter(({ type }) => getNamedType(type).name === `Model${name}Connection`);
    }

    has(name) {
        return name in this.input.getFields();
    }

    // All leaves; of what it refers to, the leaves too.
    selection(type = this.type, deep = true) {
        return Object.values(type.getFields()).map(({ name, type: of }) => {
            const named = getNamedType(of);
            if (!isObjectType(named)) {
                return name;
            }
            const inner = named.getFields().items;
            return deep ? `${name} { ${inner ? `items { ${this.selection(getNamedType(inner.type), false)} }` : this.selection(named, false)} }` : '';
        }).join(' ');
    }

    write(verb, input) {
        const type = `${verb[0].toUpperCase()}${verb.slice(1)}${this.name}Input!`;
        return [`mutation ($input: ${type}) { ${verb}${this.name}(input: $input) { ${this.selection()} } }`, { input }];
    }

    // The field as it takes that value: in a list, where it is one.
    as(name, value) {
        return isListType(this.input.getFields()[name].type) ? [value] : value;
    }

    key(item) {
        return Object.fromEntries(this.get.args.map(({ name }) => [name, item[name]]));
    }

    item(id, owner, team) {
        const all = { id, n: 1, text: `t ${id}`, secret: `s ${id}` };
        for (const name of ['owner', 'author', 'editors'].filter((each) => this.has(each))) {
            all[name] = this.as(name, owner);
        }
        for (const name of ['team', 'teams'].filter((each) => this.has(each))) {
            all[name] = this.as(name, team);
        }
        return Object.fromEntries(Object.entries(all).filter(([name]) => this.has(name)));
    }

    reads(items, me, other) {
        const found = items.map((item) => {
            const args = Object.entries(this.key(item)).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
            return [`{ ${this.get.name}(${args.join(', ')}) { ${this.selection()} } }`, {}];
        });
        for (const { name, args } of this.lists) {
            const hash = args.find(({ name: arg }) => ['owner', 'team', 'text'].includes(arg));
            const values = hash === undefined ? [] : hash.name === 'owner' ? [me, other] : hash.name === 'team' ? ['Red', 'Blue'] : ['t i0', 't i1'];
            const sort = args.find(({ type }) => /KeyConditionInput/.test(`${type}`) && !/Int/.test(`${type}`));
            const arguments_ = [
                ...(hash === undefined || !`${hash.type}`.endsWith('!') ? [''] : []),
                ...values.map((value) => `, ${hash?.name}: ${JSON.stringify(value)}`),
                ...(sort?.name === 'owner' ? values.flatMap((value) => [me, other].map((who) => `, ${hash.name}: ${JSON.stringify(value)}, owner: { eq: ${JSON.stringify(who)} }`)) : []),
            ];
            found.push(...arguments_.map((more) => [`{ ${name}(limit: 1000${more}) { items { ${this.selection()} } } }`, {}]));
        }
        return found;
    }

    // What a caller tries, on the items there are and on new ones.
    tries(items, caller, stranger) {
        const mine = own(caller);
        const [me, other] = [formsOf(mine ?? stranger)[0], formsOf(stranger)[0]];
        const found = this.reads(items, me, other);
        const fresh = (i, change) => this.write('create', { ...this.item(`new ${caller.name} ${i}`, me, 'Red'), ...change });
        const owners = ['owner', 'author', 'editors'].filter((name) => this.has(name));
        found.push(fresh(0, {}), fresh(1, Object.fromEntries(owners.map((name) => [name, this.as(name, other)]))));
        const without = Object.entries(this.item(`new ${caller.name} 2`, me, 'Blue')).filter(([name]) => !owners.includes(name) || `${this.input.getFields()[name].type}`.endsWith('!'));
        found.push(this.write('create', Object.fromEntries(without)));
        for (const name of ['owner', 'author', 'editors', 'team', 'teams'].filter((each) => this.has(each) && !`${this.input.getFields()[each].type}`.endsWith('!'))) {
            found.push(fresh(`${name} null`, { [name]: null }));
            if (isListType(this.input.getFields()[name].type)) {
                found.push(fresh(`${name} empty`, { [name]: [] }));
            }
        }
        for (const name of Object.keys(this.input.getFields()).filter((each) => ['text', 'secret', 'owner', 'team'].includes(each) && !this.get.args.some((arg) => arg.name === each))) {
            const some = [items[0], items[1], items.at(-2)];
            found.push(...some.map((item) => this.write('update', { ...this.key(item), [name]: `by ${caller.name}` })));
            found.push(...some.map((item) => this.write('update', { ...this.key(item), [name]: null })));
        }
        found.push(this.write('update', this.key(items[0])));
        found.push(...items.map((item) => this.write('delete', this.key(item))));
        found.push(this.write('delete', this.key(this.item('nothing', other, 'nowhere'))), this.write('update', this.item('nothing', other, 'nowhere')));
        // What is left of it is taken away again.
        const made = found.map(([query, { input }]) => /^mutation.* create/.test(query) && input).filter(Boolean);
        return { documents: found, made };
    }
}

const sides = {};
before(async () => {
    Object.assign(sides, await bothSides(`${sdl}${PARENTS}${KEYS}`, ['userPool', 'apiKey', 'oidc'], { enrolled: true }));
    sides.schema = executable(sides.pipelines.schema);
});
after(() => sides.stop?.());

async function agreeOn(documents, caller, found) {
    for (const [query, variables] of documents) {
        const difference = await compare(sides, query, variables, { sorted: true, caller });
        if (difference !== undefined) {
            found.push(`${caller.name}: ${query} ${JSON.stringify(variables)}\n${difference}`);
        }
    }
}

// Items of the caller in every form, of somebody else, and of nobody.
async function restore(model, caller, stranger, found) {
    const forms = [...formsOf(own(caller) ?? stranger).slice(0, model.has('owner') ? 6 : 2), formsOf(stranger)[0], 'nobody'];
    const teams = ['Red', 'Blue', 'Admin', 'nobody'];
    const items = forms.map((form, i) => model.item(`i${i}`, form, teams[i % teams.length]));
    const { root } = sides.callers;
    for (const item of items) {
        const links = Object.fromEntries(['parentId', 'hiddenId'].filter((name) => model.has(name)).map((name) => [name, 'i0']));
        for (const document of [model.write('delete', model.key(item)), model.write('create', { ...item, ...links })]) {
            await Promise.all([sides.ours.run(...document, root), sides.official.run(...document, root)]);
        }
    }
    await agreeOn(model.reads(items, 'nobody', 'nobody'), root, found);
    return items;
}

// Who has something to try: users of the other issuer where rules name it.
const POOL = ['ann', 'bob/id', 'cyd', 'dan/id'];
const OTHERS = ['oda', 'olaf', 'otto', 'odd'];
const callersFor = (name) => [...(/oidc/.test(MODELS[name]) ? [...OTHERS, 'cyd/id'] : [...POOL, 'oda']), 'member', 'guest', 'key', 'root'].map((each) => sides.callers[each]);

const NAMES = [...Object.keys(MODELS), 'Parent', 'Kid', 'One', 'Alike', 'ByOwner', 'Indexed', 'ByTeam'];

describe('each rule, each caller', () => {
    for (const name of NAMES) {
        test(name, async () => {
            const model = new Model(sides.schema, name);
            const found = [];
            for (const caller of callersFor(name)) {
                const stranger = own(sides.callers[/^(dan|olaf)/.test(caller.name) ? 'bob/id' : 'dan/id']);
                const items = await restore(model, caller, stranger, found);
                const { documents, made } = model.tries(items, caller, stranger);
                await agreeOn(documents, caller, found);
                await agreeOn(made.map((item) => model.write('delete', model.key(item))), sides.callers.root, found);
            }
            assert.ok(found.length === 0, `${found.length} differences\n${found.slice(0, Number(process.env.LIMIT ?? 3)).join('\n')}`);
        });
    }
});
