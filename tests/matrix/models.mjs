// The models of the matrix: every kind of rule alone with lists of operations, pairs of kinds, rules of fields,
// relations, keys and indexes. A model is plain data; source() writes it as a project's definition.

/** A generator of numbers that a seed repeats. */
export function random(seed) {
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    const below = (limit) => Math.floor(next() * limit);
    return { below, pick: (list) => list[below(list.length)], chance: (part) => next() < part };
}

const field = (type = 'string', extra = {}) => ({ type, ...extra });

// Kinds of rules: how the builder writes them, what they mean, the fields they need declared.
const userPools = { provider: 'userPools' };
const oidc = { provider: 'oidc' };
const owner = (ownerField, identityClaim, by = userPools) => ({ allow: 'owner', ...by, ownerField, identityClaim });
export const KINDS = {
    key: { text: 'allow.publicApiKey()', rule: { allow: 'public', provider: 'apiKey' } },
    guest: { text: 'allow.guest()', rule: { allow: 'public', provider: 'identityPool' } },
    user: { text: 'allow.authenticated()', rule: { allow: 'private', ...userPools } },
    identity: { text: "allow.authenticated('identityPool')", rule: { allow: 'private', provider: 'identityPool' } },
    owner: { text: 'allow.owner()', rule: owner('owner'), hidden: { owner: field() } },
    author: { text: "allow.ownerDefinedIn('author')", rule: owner('author'), fields: { author: field() } },
    writer: { text: "allow.ownerDefinedIn('writer')", rule: owner('writer'), hidden: { writer: field() } },
    editors: { text: "allow.ownersDefinedIn('editors')", rule: owner('editors'), fields: { editors: field('string', { list: true }) } },
    keepers: { text: "allow.ownersDefinedIn('keepers')", rule: owner('keepers'), hidden: { keepers: field() } },
    sub: { text: "allow.ownerDefinedIn('who').identityClaim('sub')", rule: owner('who', 'sub'), fields: { who: field() } },
    name: { text: "allow.ownerDefinedIn('named').identityClaim('username')", rule: owner('named', 'username'), fields: { named: field() } },
    mail: { text: "allow.ownerDefinedIn('mail').identityClaim('email')", rule: owner('mail', 'email'), fields: { mail: field() } },
    mails: { text: "allow.ownersDefinedIn('mails').identityClaim('email')", rule: owner('mails', 'email'), fields: { mails: field('string', { list: true }) } },
    pair: { text: "allow.ownerDefinedIn('pair').identityClaim('email::sub')", rule: owner('pair', 'email::sub'), fields: { pair: field() } },
    group: { text: "allow.group('alpha')", rule: { allow: 'groups', ...userPools, groups: ['alpha'] } },
    groups: { text: "allow.groups(['beta', 'gamma'])", rule: { allow: 'groups', ...userPools, groups: ['beta', 'gamma'] } },
    groupClaim: { text: "allow.groups(['access']).withClaimIn('token_use')", rule: { allow: 'groups', ...userPools, groups: ['access'], groupClaim: 'token_use' } },
    team: { text: "allow.groupDefinedIn('team')", rule: { allow: 'groups', ...userPools, groupsField: 'team' }, fields: { team: field() } },
    teams: { text: "allow.groupsDefinedIn('teams')", rule: { allow: 'groups', ...userPools, groupsField: 'teams' }, fields: { teams: field('string', { list: true }) } },
    teamClaim: { text: "allow.groupDefinedIn('use').withClaimIn('token_use')", rule: { allow: 'groups', ...userPools, groupsField: 'use', groupClaim: 'token_use' }, fields: { use: field() } },
    custom: { text: 'allow.custom()', rule: { allow: 'custom', provider: 'function' } },
    oidc: { text: "allow.authenticated('oidc')", rule: { allow: 'private', ...oidc } },
    oidcOwner: { text: "allow.ownerDefinedIn('outsider', 'oidc')", rule: owner('outsider', undefined, oidc), hidden: { outsider: field() } },
    oidcHolder: { text: "allow.ownerDefinedIn('holder', 'oidc').identityClaim('sub')", rule: owner('holder', 'sub', oidc), fields: { holder: field() } },
    oidcGroup: { text: "allow.group('alpha', 'oidc').withClaimIn('roles')", rule: { allow: 'groups', ...oidc, groups: ['alpha'], groupClaim: 'roles' } },
    oidcRole: { text: "allow.groupDefinedIn('role', 'oidc').withClaimIn('role')", rule: { allow: 'groups', ...oidc, groupsField: 'role', groupClaim: 'role' }, fields: { role: field() } },
    oidcTeams: { text: "allow.groupsDefinedIn('parties', 'oidc').withClaimIn('roles')", rule: { allow: 'groups', ...oidc, groupsField: 'parties', groupClaim: 'roles' }, fields: { parties: field('string', { list: true }) } },
};
const NAMES = Object.keys(KINDS);

const OPERATIONS = [
    undefined, ['read'], ['create'], ['create', 'read'], ['update'], ['update', 'read'], ['delete'], ['create', 'update', 'delete'],
    ['get'], ['list'], ['listen'], ['get', 'update'], ['list', 'create', 'listen'], ['read', 'delete'],
];
const FIELD_OPERATIONS = [undefined, ['read'], ['create', 'read'], ['update'], ['read', 'update', 'delete'], ['create', 'read', 'delete']];

const rule = (kind, operations) => ({ kind, ...KINDS[kind].rule, operations });
const ruleText = ({ kind, operations }) => `${KINDS[kind].text}${operations === undefined ? '' : `.to(${JSON.stringify(operations)})`}`;

function plain(name, rules, more = {}) {
    const kinds = rules.map(({ kind }) => kind);
    const declared = Object.assign({}, ...kinds.map((kind) => KINDS[kind].fields ?? {}));
    const hidden = Object.assign({}, ...kinds.map((kind) => KINDS[kind].hidden ?? {}));
    return { name, fields: { tag: field(), note: field(), ...declared, ...more.fields }, hidden, rules, ...more.rest };
}

// A role may be told once only: kinds that make one role do not meet.
const two = (rng, names = NAMES) => {
    const first = rng.pick(names);
    return [first, rng.pick(names.filter((name) => name !== first))];
};

function alone(rng, make) {
    for (const kind of NAMES) {
        const lists = [undefined, ['read'], rng.pick(OPERATIONS.slice(2))];
        lists.forEach((operations) => make([rule(kind, operations)]));
    }
}

function pairs(rng, make, count) {
    for (let i = 0; i < count; i++) {
        make(two(rng).map((kind) => rule(kind, rng.pick(OPERATIONS))));
    }
}

function triples(rng, make, count) {
    for (let i = 0; i < count; i++) {
        const [a, b] = two(rng);
        const c = rng.pick(NAMES.filter((name) => name !== a && name !== b));
        make([a, b, c].map((kind) => rule(kind, rng.pick(OPERATIONS))));
    }
}

// Rules of one or two fields beside those of the model; those of an owner's field are a pattern of their own.
function fields(rng, make, count) {
    for (let i = 0; i < count; i++) {
        const model = (rng.chance(0.5) ? two(rng) : [rng.pick(NAMES)]).map((kind, at) => rule(kind, at === 0 ? undefined : rng.pick(OPERATIONS)));
        const own = () => {
            const kinds = rng.chance(0.3) ? two(rng) : [rng.pick(rng.chance(0.4) ? model.map(({ kind }) => kind) : NAMES)];
            return kinds.map((kind) => rule(kind, rng.pick(FIELD_OPERATIONS)));
        };
        const [secret, more] = [own(), rng.chance(0.4) ? own() : undefined];
        const kinds = [...secret, ...(more ?? [])].map(({ kind }) => kind);
        const declared = Object.assign({}, ...kinds.map((kind) => KINDS[kind].fields ?? {}));
        const hidden = Object.assign({}, ...kinds.map((kind) => KINDS[kind].hidden ?? {}));
        const made = make(model, { fields: { ...declared, secret: field('string', { rules: secret }), more: field('string', { rules: more }) } });
        Object.assign(made.hidden, hidden);
    }
    // A required field whose rules let everyone read it whom the model's let read anything.
    for (const kind of ['owner', 'user', 'group', 'key', 'identity']) {
        for (const operations of [['read'], ['create', 'read'], ['read', 'update']]) {
            make([rule(kind)], { fields: { secret: field('string', { required: true, rules: [rule(kind, operations)] }) } });
        }
    }
    for (const kind of ['author', 'editors', 'mail']) {
        const [name] = Object.keys(KINDS[kind].fields);
        make([rule(kind)], { fields: { [name]: { ...KINDS[kind].fields[name], rules: [rule(kind, ['create', 'read', 'delete'])] } } });
    }
}

// A parent with many children and one more, each with rules of their own, and back.
function relations(rng, models, count) {
    const rules = () => (rng.chance(0.4) ? two(rng) : [rng.pick(NAMES)]).map((kind, at) => rule(kind, at === 0 && rng.chance(0.7) ? undefined : rng.pick(OPERATIONS)));
    for (let i = 0; i < count; i++) {
        const [parent, child, single] = [`Rp${i}`, `Rc${i}`, `Ro${i}`];
        const parentRules = rules();
        const copy = () => (rng.chance(0.35) ? parentRules : rules());
        const back = { kind: 'belongsTo', model: parent, reference: 'parentId' };
        const guarded = rng.chance(0.25) ? [rule(rng.pick(NAMES.filter((name) => KINDS[name].fields === undefined && KINDS[name].hidden === undefined)), rng.pick([undefined, ['read']]))] : undefined;
        models.push(plain(parent, parentRules, { rest: { relations: {
            children: { kind: 'hasMany', model: child, reference: 'parentId', rules: guarded },
            single: { kind: 'hasOne', model: single, reference: 'parentId' },
        } } }));
        models.push(plain(child, copy(), { fields: { parentId: field('id') }, rest: { relations: { parent: back } } }));
        models.push(plain(single, copy(), { fields: { parentId: field('id') }, rest: { relations: { parent: back }, single: true } }));
    }
}

// Keys of one and two fields, an owner that is the key, and an index.
function keys(rng, make, count) {
    for (let i = 0; i < count; i++) {
        const rules = (rng.chance(0.5) ? two(rng) : [rng.pick(NAMES)]).map((kind) => rule(kind, rng.chance(0.5) ? undefined : rng.pick(OPERATIONS)));
        const shape = i % 3;
        const key = [undefined, ['code'], ['code', 'part']][shape];
        const named = Object.fromEntries((key ?? []).map((name) => [name, field('string', { required: true })]));
        make(rules, { fields: { ...named, place: field() }, rest: { key, index: 'place' } });
    }
    for (const [kind, name] of [['author', 'author'], ['mail', 'mail'], ['sub', 'who']]) {
        for (const more of [[], [rule('team', ['read'])], [rule('user', ['list'])]]) {
            make([rule(kind), ...more], { fields: { [name]: field('string', { required: true }) }, rest: { key: [name] } });
        }
    }
}

// What a schema says for models that say nothing.
export const COMMON = [rule('owner'), rule('key', ['read']), rule('group', ['read', 'update'])];

/** All models of the matrix. */
export function models(seed = 1) {
    const rng = random(seed);
    const all = [];
    const maker = (prefix) => (rules, more) => {
        const made = plain(`${prefix}${all.length}`, rules, more);
        all.push(made);
        return made;
    };
    alone(rng, maker('Sa'));
    pairs(rng, maker('Pa'), 32);
    triples(rng, maker('Ta'), 12);
    fields(rng, maker('Fi'), 28);
    keys(rng, maker('Ke'), 15);
    relations(rng, all, 13);
    maker('Co')(COMMON, { rest: { common: true } });
    maker('Co')(COMMON, { rest: { common: true }, fields: { secret: field('string', { rules: [rule('user', ['read'])] }) } });
    return all;
}

// ---- the definition ------------------------------------------------------------------------------

const authorization = (rules) => (rules === undefined ? '' : `.authorization((allow) => [${rules.map(ruleText).join(', ')}])`);

function fieldText([name, { type, list, required, rules }]) {
    return `${name}: a.${type}()${list ? '.array()' : ''}${required ? '.required()' : ''}${authorization(rules)}`;
}

const relationText = ([name, { kind, model, reference, rules }]) => `${name}: a.${kind}('${model}', '${reference}')${authorization(rules)}`;

const MORE = ({ key, index }) =>
    `${key === undefined ? '' : `.identifier(${JSON.stringify(key)})`}${index === undefined ? '' : `.secondaryIndexes((index) => [index('${index}')])`}`;

/** A model as the project's author writes it. */
export function modelText(model) {
    const parts = [...Object.entries(model.fields).map(fieldText), ...Object.entries(model.relations ?? {}).map(relationText)];
    return `${model.name}: a.model({ ${parts.join(', ')} })${MORE(model)}${model.common ? '' : authorization(model.rules)}`;
}

/** The same tables, open to the API key and with every field declared, to fill them. */
export function openText(model) {
    const bare = (entry) => [entry[0], { ...entry[1], rules: undefined }];
    const parts = [
        ...Object.entries({ ...model.hidden, ...model.fields }).map((each) => fieldText(bare(each))),
        ...Object.entries(model.relations ?? {}).map((each) => relationText(bare(each))),
    ];
    return `${model.name}: a.model({ ${parts.join(', ')} })${MORE(model)}.authorization((allow) => [allow.publicApiKey()])`;
}

export const schemaText = (list, text = modelText) => `a.schema({\n  ${list.map((model) => text(model)).join(',\n  ')},\n})${authorization(COMMON)}`;
