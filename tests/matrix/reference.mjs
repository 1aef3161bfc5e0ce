// What the rules of a schema allow, worked out from the documentation of Amplify's data API and the meaning of its
// official resolvers: an implementation apart from the server's, over plain objects in memory.
//
// A model is {name, fields, rules, key, indexes, relations} as models.mjs makes it; a caller is {mode, iam, claims}:
// mode apiKey, iam, userPools, oidc or lambda (who may be denied fields by the authoriser); iam: admin (an AWS principal), guest, authenticated, or grouped (a user whose group
// has a role of its own).

const READ = ['get', 'list', 'search', 'listen', 'sync'];
const EVERY = ['create', 'update', 'delete', ...READ];
const expand = (operations) => (operations === undefined ? EVERY : operations.flatMap((each) => (each === 'read' ? READ : [each])));

const unique = (list) => [...new Set(list)];
const none = (value) => value === undefined || value === null;

// Rules of this reference that can be made wrong, one at a time, to see that the matrix would notice.
export const MISTAKES = {
    'guests-rule-for-all': 'whoever has credentials of the identity pool passes for a guest',
    'no-parts': 'a part of the claims (the sub alone) is not taken for the owner',
    'ownerless': 'an item without an owner is everyone\'s',
    'not-entered': 'a new item is not given its owner',
    'null-is-absent': 'an owner of null is as good as none',
    'input-decides': 'an update is judged by the owner it sets, not by the stored one',
    'fields-open': 'rules of fields are not asked on reading',
    'fields-shown': 'a mutation shows the fields that have rules',
    'fields-written': 'who may create some fields may create all',
    'nulls-written': 'a field is cleared without the right to delete',
    'delete-some': 'a right to delete some fields is enough',
    'not-redacted': 'a mutation shows related items of other rules',
    'related-open': 'related items are not judged by their own rules',
    'list-open': 'a list is not narrowed',
    'get-is-null': 'an item that is another\'s reads as a missing one',
    'group-any': 'any group will do',
    'claim-ignored': 'groups are always those of cognito:groups',
    'modes-open': 'the ways of calling are not checked before the rules',
    'signed-groups': 'a group\'s role may call the API',
    'events-stored': 'an owner is compared as stored, not as the event shows it',
    'events-open': 'events are not narrowed',
    'visitors-nothing': 'whoever the authoriser lets in may nothing',
    'denied-open': 'fields that the authoriser denies are open',
    'arguments-open': 'another\'s name as the owner argument is not refused',
};
let mistake = process.env.MATRIX_MISTAKE;
const wrong = (name) => mistake === name;
export const makeMistake = (name) => (mistake = name);

// ---- roles ---------------------------------------------------------------------------------------

function rolesOf(rule, model) {
    const { allow, provider } = rule;
    const groupClaim = (!wrong('claim-ignored') && rule.groupClaim) || 'cognito:groups';
    const isList = (name) => model.fields[name]?.list === true; // an undeclared field is one string
    if (rule.groups !== undefined) {
        return rule.groups.map((entity) => ({ name: `group:${entity}:${groupClaim}`, provider, strategy: allow, isStatic: true, claim: groupClaim, entity }));
    }
    if (rule.groupsField !== undefined) {
        const entity = rule.groupsField;
        return [{ name: `groups:${entity}:${groupClaim}`, provider, strategy: allow, isStatic: false, claim: groupClaim, entity, list: isList(entity) }];
    }
    if (allow === 'owner') {
        const claim = rule.identityClaim ?? 'sub::username';
        const entity = rule.ownerField;
        return [{ name: `owner:${entity}:${claim}`, provider, strategy: allow, isStatic: false, claim, entity, list: isList(entity) }];
    }
    return [{ name: `${provider}:${allow}`, provider, strategy: allow, isStatic: true, claim: provider === 'identityPool' ? allow : undefined }];
}

const isOpen = ({ provider, strategy }) => strategy === 'private' && TOKENS.includes(provider);

/** Who may do what with which field of a model. */
class Access {
    constructor(model) {
        this.fields = [...Object.keys(model.fields), ...Object.keys(model.relations ?? {})];
        this.roles = [];
        this.granted = new Map(); // role name -> field -> operations
        for (const rule of model.rules) {
            this.grant(rule, model, this.fields);
        }
        for (const [name, { rules }] of [...Object.entries(model.fields), ...Object.entries(model.relations ?? {})]) {
            if (rules !== undefined) {
                this.granted.forEach((byField) => byField.set(name, [])); // a field's own rules replace the model's
                rules.forEach((rule) => this.grant(rule, model, [name]));
            }
        }
    }

    grant(rule, model, fields) {
        for (const role of rolesOf(rule, model)) {
            if (!this.granted.has(role.name)) {
                this.roles.push(role);
                this.granted.set(role.name, new Map());
            }
            fields.forEach((field) => this.granted.get(role.name).set(field, expand(rule.operations)));
        }
    }

    allows(role, field, operation) {
        return (this.granted.get(role.name).get(field) ?? []).includes(operation);
    }

    allowedFields(role, operation) {
        return this.fields.filter((field) => this.allows(role, field, operation));
    }

    // Roles with an operation on some field.
    some(...operations) {
        return unique(operations.flatMap((operation) => this.roles.filter((role) => this.allowedFields(role, operation).length > 0)));
    }

    // Roles with an operation on every field.
    every(operation) {
        return this.roles.filter((role) => this.allowedFields(role, operation).length === this.fields.length);
    }

    // The ways of calling that the service lets through to an operation at all: signed calls always, the default way
    // when no rule grants it. Of signed calls the policies must speak well too: of the roles, guests' and users' have
    // one for the API, a group's has none unless the project gives it one.
    lets(caller, ...operations) {
        const granted = operations.some((operation) => {
            const roles = operation === 'delete' ? this.every(operation) : this.some(operation);
            return roles.length === 0 ? caller.mode === DEFAULT_MODE : provided(roles, caller).length > 0;
        });
        return caller.mode === 'iam' ? caller.iam !== 'grouped' || wrong('signed-groups') : granted || wrong('modes-open');
    }

    // Roles that read a field, and whether the field needs a check of its own.
    readers(field) {
        if (!this.fields.includes(field)) {
            return { allowed: [], checked: false }; // what the service adds is nobody's to rule
        }
        let readers = this.some('get');
        for (const open of readers.filter(isOpen)) {
            if (READ.every((operation) => this.allows(open, field, operation))) {
                readers = readers.filter((role) => role === open || role.provider !== open.provider);
            }
        }
        const allowed = readers.filter((role) => READ.some((operation) => this.allows(role, field, operation)));
        return { allowed, checked: allowed.length < readers.length };
    }
}

// ---- callers -------------------------------------------------------------------------------------

const DEFAULT_MODE = 'userPools';
const PROVIDERS = { apiKey: 'apiKey', iam: 'identityPool', userPools: 'userPools', oidc: 'oidc', lambda: 'function' };
const TOKENS = ['userPools', 'oidc']; // whose callers have claims
const provided = (roles, caller) => roles.filter(({ provider }) => provider === PROVIDERS[caller.mode]);

function claim(caller, name) {
    const { claims } = caller;
    return name === 'username' ? claims.username ?? claims['cognito:username'] : claims[name];
}

// The values that say "mine": whole (undefined when a part is missing) and its parts.
function ownerOf(caller, { claim: name }) {
    const parts = name.split('::').map((each) => claim(caller, each));
    const whole = parts.some(none) ? undefined : parts.join('::');
    return { whole, parts: parts.length > 1 && !wrong('no-parts') ? parts : [], last: parts.at(-1) };
}

function isOwner(caller, role, value) {
    const { whole, parts } = ownerOf(caller, role);
    const mine = (each) => (!none(each) || wrong('ownerless')) && (none(each) || each === whole || parts.includes(each));
    return whole !== undefined && (role.list ? (Array.isArray(value) ? value : []).some(mine) : mine(value));
}

function groupsOf(caller, name) {
    const groups = claim(caller, name) ?? [];
    return typeof groups === 'string' ? [groups] : groups;
}

const inGroup = (caller, role, value) =>
    groupsOf(caller, role.claim).some((group) => (role.list ? (Array.isArray(value) ? value : []).includes(group) : value === group));

const isDynamicMatch = (caller, role, item) => (role.strategy === 'owner' ? isOwner : inGroup)(caller, role, item[role.entity]);

function isIam(caller, { strategy }) {
    return strategy === 'private' ? caller.iam !== 'guest' : caller.iam === 'guest' || (wrong('guests-rule-for-all') && caller.iam === 'authenticated');
}

function isStaticMatch(caller, role) {
    switch (role.provider) {
        case 'apiKey':
            return caller.mode === 'apiKey';
        case 'identityPool':
            return isIam(caller, role);
        case 'userPools':
        case 'oidc':
            return role.strategy === 'private' || (claim(caller, role.claim) ?? []).includes(role.entity) || (wrong('group-any') && groupsOf(caller, role.claim).length > 0);
        default:
            return caller.mode === 'lambda' && !wrong('visitors-nothing'); // whoever the authoriser has let in
    }
}

const isAdmin = (caller) => caller.mode === 'iam' && caller.iam === 'admin';

// ---- denials -------------------------------------------------------------------------------------

export class Denied extends Error {
    constructor(message, errorType = 'Unauthorized') {
        super(message);
        this.errorType = errorType;
    }
}

const deny = (type, field) => new Denied(`Not Authorized to access ${field} on type ${type}`);
const denyFields = (fields) => new Denied(`Unauthorized on [${[...fields].sort().join(', ')}]`);
const CONDITION = 'DynamoDB:ConditionalCheckFailedException';

// What a caller may touch on a write, gathered over the roles that fit.
class Grants {
    whole = false;
    fields = [];
    nulls = [];

    add({ all, allowed, nullable = [] }) {
        if (all) {
            this.whole = true;
        } else {
            this.fields.push(...allowed);
            this.nulls.push(...nullable);
        }
    }
}

// ---- reading -------------------------------------------------------------------------------------

// {all: true}, or {holds(item)}; throws nothing, gives undefined when the caller has no way to read.
function reading(caller, roles, keyFields = [], keys = {}) {
    if (isAdmin(caller)) {
        return { all: true };
    }
    const mine = provided(roles, caller);
    if (mine.some((role) => role.isStatic && isStaticMatch(caller, role))) {
        return { all: true };
    }
    if (!TOKENS.includes(caller.mode)) {
        return undefined;
    }
    const tests = [];
    for (const role of mine.filter(({ isStatic }) => !isStatic)) {
        const isKey = keyFields.includes(role.entity);
        if (isKey && role.strategy === 'owner' && !none(keys[role.entity])) {
            if (isOwner(caller, { ...role, list: false }, keys[role.entity])) {
                return { all: true };
            }
        } else if (role.strategy === 'owner') {
            const { whole, parts } = ownerOf(caller, role);
            const values = [whole, ...parts].filter((each) => !none(each));
            if (values.length > 0 && (!isKey || whole !== undefined)) {
                tests.push((item) => values.some((value) => holds(role, item[role.entity], value)));
            }
        } else if (groupsOf(caller, role.claim).length > 0) {
            tests.push((item) => groupsOf(caller, role.claim).some((group) => holds(role, item[role.entity], group)));
        }
    }
    return tests.length === 0 ? undefined : { all: false, holds: (item) => tests.some((test) => test(item)) };
}

// contains for lists, equality otherwise.
const holds = (role, stored, value) => (wrong('ownerless') && none(stored)) || (role.list ? Array.isArray(stored) && stored.includes(value) : stored === value);

const passes = (read, item) => read.all || read.holds(item);

// ---- the API -------------------------------------------------------------------------------------

export class Reference {
    /** plural: a model's name -> its list query's name. */
    constructor(models) {
        this.models = Object.fromEntries(models.map((model) => [model.name, model]));
        this.access = Object.fromEntries(models.map((model) => [model.name, new Access(model)]));
        this.tables = Object.fromEntries(models.map(({ name }) => [name, new Map()]));
    }

    key(model, item) {
        return JSON.stringify((model.key ?? ['id']).map((name) => item[name] ?? null));
    }

    put(name, item) {
        this.tables[name].set(this.key(this.models[name], item), { ...item });
    }

    /** {data, errors} of a request {kind, model, field, args, select} by a caller. */
    run(caller, request) {
        const model = this.models[request.model];
        const errors = [];
        let value = null;
        try {
            this.gate(caller, model, request);
            value = this[request.kind](caller, model, request, errors);
        } catch (e) {
            if (!(e instanceof Denied)) {
                throw e;
            }
            errors.push({ path: [request.field], message: e.message, errorType: e.errorType });
        }
        return { data: { [request.field]: value }, errors };
    }

    gate(caller, model, { kind, field }) {
        const write = ['create', 'update', 'delete'].includes(kind);
        const operations = kind === 'index' ? ['list', 'get'] : [kind];
        this.undenied(caller, write ? 'Mutation' : 'Query', field);
        if (!this.access[model.name].lets(caller, ...operations)) {
            throw deny(write ? 'Mutation' : 'Query', field);
        }
    }

    undenied({ denied = [] }, type, field) {
        if (denied.includes(`${type}.${field}`) && !wrong('denied-open')) {
            throw deny(type, field);
        }
    }

    get(caller, model, request, errors) {
        const read = reading(caller, this.access[model.name].some('get'), model.key, request.args);
        const item = this.tables[model.name].get(this.key(model, request.args));
        return this.single(caller, model, read, item, request, { type: 'Query', path: [request.field], errors, mutation: false });
    }

    single(caller, model, read, item, { field, select }, at) {
        if (read === undefined) {
            throw deny(at.type, field);
        }
        if (item === undefined) {
            return null;
        }
        if (!passes(read, item)) {
            if (wrong('get-is-null')) {
                return null;
            }
            throw deny(at.type, field);
        }
        return this.complete(caller, model, item, select, at);
    }

    list(caller, model, request, errors, keyFields = model.key, keys = request.args) {
        const read = reading(caller, this.access[model.name].some('list'), keyFields, keys);
        if (read === undefined) {
            throw deny('Query', request.field);
        }
        const wanted = ([name, value]) => (item) => item[name] === value;
        const tests = [...Object.entries(keys ?? {}), ...Object.entries(request.where ?? {})].map(wanted);
        const items = [...this.tables[model.name].values()].filter((item) => tests.every((test) => test(item)) && (wrong('list-open') || passes(read, item)));
        return this.page(caller, model, items, request.select, { path: [request.field], errors, mutation: false });
    }

    index(caller, model, request, errors) {
        return this.list(caller, model, request, errors, [request.index]);
    }

    page(caller, model, items, select, { path, errors, mutation }) {
        const sorted = [...items].sort((a, b) => (this.key(model, a) < this.key(model, b) ? -1 : 1));
        return { items: sorted.map((item, i) => this.complete(caller, model, item, select, { path: [...path, 'items', i], errors, mutation })) };
    }

    create(caller, model, request, errors) {
        const input = { ...request.args.input };
        this.authoriseCreate(caller, model, request, input);
        const item = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
        item.id ??= model.key === undefined ? request.made : undefined;
        if (this.tables[model.name].has(this.key(model, item))) {
            throw new Denied(undefined, CONDITION);
        }
        this.put(model.name, item);
        return this.complete(caller, model, item, request.select, { path: [request.field], errors, mutation: true });
    }

    authoriseCreate(caller, model, { field }, input) {
        if (isAdmin(caller)) {
            return;
        }
        const access = this.access[model.name];
        const given = Object.keys(input);
        const roles = provided(access.some('create'), caller).map((role) => {
            const allowed = access.allowedFields(role, 'create');
            return { role, all: allowed.length === access.fields.length || wrong('fields-written'), allowed };
        });
        const grants = new Grants();
        for (const each of roles.filter(({ role }) => role.isStatic)) {
            if (isStaticMatch(caller, each.role)) {
                grants.add(each);
            }
        }
        for (const each of roles.filter(({ role }) => role.strategy === 'owner')) {
            this.ownCreate(caller, each, input, grants);
        }
        for (const each of roles.filter(({ role }) => role.strategy === 'groups' && !role.isStatic)) {
            if (inGroup(caller, each.role, input[each.role.entity])) {
                grants.add(each);
            }
        }
        this.settle(grants, 'Mutation', field, given.filter((name) => !grants.fields.includes(name)));
    }

    // An owner who names nobody is entered; one who names others only is none.
    ownCreate(caller, each, input, grants) {
        const { role } = each;
        const { whole } = ownerOf(caller, role);
        if (whole === undefined) {
            return;
        }
        const absent = !(role.entity in input) || (wrong('null-is-absent') && input[role.entity] === null);
        if (absent && !wrong('not-entered')) {
            input[role.entity] = role.list ? [whole] : whole;
        }
        if (!grants.whole && (absent || isOwner(caller, role, input[role.entity]))) {
            grants.add(each);
        }
    }

    settle(grants, type, field, denied) {
        if (grants.whole) {
            return;
        }
        if (grants.fields.length === 0 && grants.nulls.length === 0) {
            throw deny(type, field);
        }
        if (denied.length > 0) {
            throw denyFields(denied);
        }
    }

    update(caller, model, request, errors) {
        const { input } = request.args;
        const stored = this.tables[model.name].get(this.key(model, input));
        this.authoriseUpdate(caller, model, request, (wrong('input-decides') && stored && { ...stored, ...input }) || stored || {});
        if (stored === undefined) {
            throw new Denied(undefined, CONDITION);
        }
        const item = { ...stored };
        for (const [name, value] of Object.entries(input)) {
            if (value === null) {
                delete item[name];
            } else {
                item[name] = value;
            }
        }
        this.put(model.name, item);
        return this.complete(caller, model, item, request.select, { path: [request.field], errors, mutation: true });
    }

    authoriseUpdate(caller, model, { field, args: { input } }, stored) {
        if (isAdmin(caller)) {
            return;
        }
        const access = this.access[model.name];
        const [key] = model.key ?? ['id'];
        const grants = new Grants();
        for (const role of provided(access.some('update', 'delete'), caller)) {
            const allowed = access.allowedFields(role, 'update');
            const nullable = access.allowedFields(role, 'delete');
            const all = allowed.length === access.fields.length && nullable.length === access.fields.length;
            if (role.isStatic ? isStaticMatch(caller, role) : isDynamicMatch(caller, role, stored)) {
                grants.add({ all, allowed: [...allowed, key], nullable });
            }
        }
        const denied = Object.keys(input).filter((name) => !grants.fields.includes(name) || (input[name] === null && !grants.nulls.includes(name) && !wrong('nulls-written')));
        this.settle(grants, 'Mutation', field, denied);
    }

    delete(caller, model, request, errors) {
        const key = this.key(model, request.args.input);
        const stored = this.tables[model.name].get(key);
        const access = this.access[model.name];
        const roles = provided(wrong('delete-some') ? access.some('delete') : access.every('delete'), caller);
        const may = (role) => (role.isStatic ? isStaticMatch(caller, role) : isDynamicMatch(caller, role, stored ?? {}));
        if (!isAdmin(caller) && !roles.some(may)) {
            throw deny('Mutation', request.field);
        }
        if (stored === undefined) {
            throw new Denied(undefined, CONDITION);
        }
        this.tables[model.name].delete(key);
        return this.complete(caller, model, stored, request.select, { path: [request.field], errors, mutation: true });
    }

    // ---- fields ----------------------------------------------------------------------------------

    complete(caller, model, item, select, at) {
        const value = {};
        for (const each of select) {
            const { name, select: inner } = typeof each === 'string' ? { name: each } : each;
            const path = [...at.path, name];
            try {
                this.undenied(caller, model.name, name);
                value[name] = inner === undefined ? this.scalar(caller, model, item, name, at) : this.relation(caller, model, item, name, inner, { ...at, path });
            } catch (e) {
                if (!(e instanceof Denied)) {
                    throw e;
                }
                at.errors.push({ path, message: e.message, errorType: e.errorType });
                value[name] = null;
            }
        }
        return value;
    }

    mayReadField(caller, roles, item) {
        return isAdmin(caller) || provided(roles, caller).some((role) => (role.isStatic ? isStaticMatch(caller, role) : isDynamicMatch(caller, role, item)));
    }

    scalar(caller, model, item, name, { mutation }) {
        const access = this.access[model.name];
        const { allowed, checked } = access.readers(name);
        if (checked && !this.mayReadField(caller, allowed, item) && !wrong('fields-open')) {
            throw deny(model.name, name);
        }
        const shown = access.roles.some((role) => role.strategy === 'owner' && role.entity === name && role.claim.includes('::'));
        if (shown) {
            const last = (text) => text.split('::').at(-1);
            const value = item[name] ?? null;
            return value === null ? null : Array.isArray(value) ? value.map(last) : last(value);
        }
        return checked && mutation && !wrong('fields-shown') ? null : item[name] ?? null;
    }

    relation(caller, model, item, name, select, at) {
        const { kind, model: other, reference } = model.relations[name];
        const access = this.access[model.name];
        const { allowed, checked } = access.readers(name);
        if (checked && !this.mayReadField(caller, allowed, item)) {
            throw deny(model.name, name);
        }
        const related = this.models[other];
        const roles = this.access[other].some(...READ);
        const read = wrong('related-open') ? { all: true } : reading(caller, roles);
        if (read === undefined) {
            throw deny(model.name, name);
        }
        if (at.mutation && (checked || this.isRedacted(allowed, roles)) && !wrong('not-redacted')) {
            return kind === 'hasMany' ? { items: [] } : null;
        }
        if (kind === 'belongsTo') {
            const target = none(item[reference]) ? undefined : this.tables[other].get(JSON.stringify([item[reference]]));
            return this.single(caller, related, read, target, { field: name, select }, { ...at, type: model.name });
        }
        const children = [...this.tables[other].values()].filter((each) => each[reference] === item.id);
        const visible = children.filter((each) => passes(read, each));
        if (kind === 'hasMany') {
            return this.page(caller, related, visible, select, at);
        }
        if (visible.length === 0 && children.length > 0) {
            throw deny(model.name, name);
        }
        return visible.length === 0 ? null : this.complete(caller, related, visible[0], select, at);
    }

    // Related items leave a mutation's result, which subscribers see, unless both sides have the same static roles.
    isRedacted(fieldRoles, relatedRoles) {
        const covered = relatedRoles.filter(isOpen).map(({ provider }) => provider); // by the rule for all users
        const related = relatedRoles.filter((role) => isOpen(role) || !covered.includes(role.provider));
        const same = (a, b) => ['provider', 'strategy', 'isStatic', 'claim', 'entity'].every((part) => a[part] === b[part]);
        const personal = ({ provider }) => provider === 'identityPool' || TOKENS.includes(provider);
        const meets = (role) => related.some((each) => same(each, role) ||
            (each.provider === role.provider && personal(each) && (role.strategy === 'private' || each.strategy === 'private')));
        if (!fieldRoles.some(meets)) {
            return false;
        }
        const plain = (role) => role.isStatic && role.strategy !== 'custom';
        return !(fieldRoles.length === related.length && related.every((each) => fieldRoles.some((role) => same(role, each) && plain(role))));
    }

    // ---- realtime --------------------------------------------------------------------------------

    /**
     * {denied: message} or {takes(payload)} for a subscription with arguments that name owners (args) and a filter of
     * equalities (where); the payload is what the mutation selected, as its caller saw it.
     */
    subscribe(caller, model, { field, args = {}, where = {} }) {
        const takesArgs = (payload) => Object.entries(args).every(([name, value]) => payload[name] === value);
        const takesWhere = (payload) => Object.entries(where).every(([name, value]) => payload[name] === value);
        const hidden = (caller.denied ?? []).filter((each) => each.startsWith(`${model.name}.`) && !wrong('denied-open')).map((each) => each.split('.')[1]);
        const open = { hidden, takes: Object.keys(where).length > 0 ? takesWhere : takesArgs }; // a filter takes the arguments' place
        const denied = { denied: deny('Subscription', field).message };
        const refused = caller.denied?.includes(`Subscription.${field}`) && !wrong('denied-open');
        if (refused || !this.access[model.name].lets(caller, 'listen')) {
            return denied;
        }
        const roles = provided(this.access[model.name].some('listen'), caller);
        if (isAdmin(caller) || roles.some((role) => role.isStatic && isStaticMatch(caller, role))) {
            return open;
        }
        if (!TOKENS.includes(caller.mode)) {
            return denied;
        }
        const tests = [];
        let named = false;
        for (const role of roles.filter(({ isStatic, strategy }) => !isStatic && strategy === 'owner')) {
            const { whole, parts, last } = ownerOf(caller, role);
            if (whole === undefined) {
                continue;
            }
            tests.push((payload) => holds(role, payload[role.entity], wrong('events-stored') ? whole : last));
            if (!named && !none(args[role.entity]) && args[role.entity] !== '') {
                if (args[role.entity] !== whole && !parts.includes(args[role.entity]) && !wrong('arguments-open')) {
                    return denied;
                }
                named = true;
            }
        }
        for (const role of roles.filter(({ isStatic, strategy }) => !isStatic && strategy === 'groups')) {
            if (groupsOf(caller, role.claim).length > 0) {
                tests.push((payload) => groupsOf(caller, role.claim).some((group) => holds(role, payload[role.entity], group)));
            }
        }
        if (named && tests.length === 1 && Object.keys(where).length === 0) {
            return open;
        }
        return tests.length === 0 ? denied : { takes: (payload) => (wrong('events-open') || tests.some((test) => test(payload))) && takesWhere(payload) };
    }
}
