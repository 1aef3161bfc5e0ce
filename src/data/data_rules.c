// @auth: rules with their defaults, and the roles they add up to. Texts of refusals are the
// official auth transformer's.
#include "data/data_build.h"

static const struct {
    enum data_provider provider;
    str word;
    const char *called;
} PROVIDERS[] = {
    {DATA_API_KEY, S_INIT("apiKey"), "API Key"},
    {DATA_OIDC, S_INIT("oidc"), "OPENID_CONNECT"},
    {DATA_USER_POOLS, S_INIT("userPools"), "Cognito User Pools"},
    {DATA_IAM, S_INIT("iam"), "IAM"},
    {DATA_IAM, S_INIT("identityPool"), "IAM"},
    {DATA_LAMBDA, S_INIT("function"), "Lambda"},
};

static const struct {
    str name;
    unsigned ops;
} OPS[] = {
    {S_INIT("create"), DATA_OP_CREATE},
    {S_INIT("update"), DATA_OP_UPDATE},
    {S_INIT("delete"), DATA_OP_DELETE},
    {S_INIT("get"), DATA_OP_GET},
    {S_INIT("list"), DATA_OP_LIST},
    {S_INIT("search"), DATA_OP_SEARCH},
    {S_INIT("listen"), DATA_OP_LISTEN},
    {S_INIT("sync"), DATA_OP_SYNC},
    {S_INIT("read"), DATA_OP_READ},
};

static unsigned parse_ops(const struct gql_value *list)
{
    unsigned ops = 0;
    if (list == NULL || list->kind == GQL_VALUE_NULL) {
        return DATA_OP_ALL;
    }
    for (size_t k = 0; k < countof(OPS); k++) {
        if (list->kind != GQL_VALUE_LIST) {
            ops |= str_eq(OPS[k].name, list->text) ? OPS[k].ops : 0;
        }
        for (size_t i = 0; i < list->count; i++) {
            ops |= str_eq(OPS[k].name, list->items[i].text) ? OPS[k].ops : 0;
        }
    }
    return ops;
}

// ---- refusals ----------------------------------------------------------------------------------

// "get,list": the reading operations besides "read" among those given.
static str single_reads(struct arena *arena, const struct gql_value *list)
{
    str text = {};
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        for (size_t k = 0; k < countof(OPS); k++) {
            bool read = (OPS[k].ops & DATA_OP_READ) != 0 && OPS[k].ops != DATA_OP_READ;
            if (read && str_eq(OPS[k].name, list->items[i].text)) {
                text = text.len == 0 ? OPS[k].name : str_cat(arena, text, S(","), OPS[k].name);
            }
        }
    }
    return text;
}

static err *check_operations(struct builder *b, const struct gql_value *list, bool field)
{
    bool read = false;
    str reads = single_reads(b->arena, list);
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        read = read || str_eq(list->items[i].text, S("read"));
    }
    if (field && reads.len > 0) {
        return fail(b->arena, ERR_INVALID, "'%.*s' operation is not allowed at the field level.",
            PRI(reads));
    }
    if (read && reads.len > 0) {
        return fail(b->arena, ERR_INVALID,
            "'%.*s' operations are specified in addition to 'read'. Either remove 'read' to limit "
            "access only to '%.*s' or only keep 'read' to grant all get,list,search,listen,sync "
            "access.",
            PRI(reads), PRI(reads));
    }
    return NULL;
}

static err *check_strategy(
    struct builder *b, const struct data_rule *rule, str word, const struct gql_value *from)
{
    static const struct {
        const char *allow;
        unsigned providers;
        const char *supported;
    } STRATEGIES[] = {
        [DATA_ALLOW_PUBLIC] = {"public", DATA_API_KEY | DATA_IAM,
            "'apiKey' (default) and 'identityPool' providers"},
        [DATA_ALLOW_PRIVATE] = {"private", DATA_USER_POOLS | DATA_IAM | DATA_OIDC,
            "'userPools' (default) and 'identityPool' providers"},
        [DATA_ALLOW_OWNER] = {"owner", DATA_USER_POOLS | DATA_OIDC,
            "'userPools' (default) and 'oidc' providers"},
        [DATA_ALLOW_GROUPS] = {"groups", DATA_USER_POOLS | DATA_OIDC,
            "'userPools' and 'oidc' providers"},
        [DATA_ALLOW_CUSTOM] = {"custom", DATA_LAMBDA, "'function' (default) provider"},
    };

    if ((STRATEGIES[rule->allow].providers & rule->provider) == 0) {
        return fail(b->arena, ERR_INVALID,
            "@auth directive with '%s' strategy only supports %s, but found '%.*s' assigned.",
            STRATEGIES[rule->allow].allow, STRATEGIES[rule->allow].supported, PRI(word));
    }
    if (rule->allow == DATA_ALLOW_GROUPS && gql_value_get(from, S("groups")) == NULL &&
        rule->groups_field.len == 0) {
        return fail(b->arena, ERR_INVALID,
            "@auth directive with 'groups' should have a defined groups list or a groupsField.");
    }
    return NULL;
}

static err *check_mode(struct builder *b, const struct data_rule *rule, str word)
{
    for (size_t i = 0; i < countof(PROVIDERS); i++) {
        if (str_eq(PROVIDERS[i].word, word) && (b->api->modes.all & rule->provider) == 0) {
            err *e = fail(b->arena, ERR_INVALID,
                "@auth directive with '%.*s' provider found, but the project has no %s "
                "authentication provider configured.",
                PRI(word), PROVIDERS[i].called);
            return err_hint(
                e, S("add the mode to authorizationModes of defineData, or define auth"));
        }
    }
    return NULL;
}

static err *check_parts(
    struct builder *b, const struct data_rule *rule, const struct gql_value *from)
{
    const struct gql_value *groups = gql_value_get(from, S("groups"));
    if (rule->allow == DATA_ALLOW_GROUPS && rule->identity_claim.len > 0) {
        return fail(b->arena, ERR_INVALID,
            "\n          @auth identityClaim can only be used for 'allow: owner'");
    }
    if (rule->allow == DATA_ALLOW_OWNER && gql_value_get(from, S("groupClaim")) != NULL) {
        return fail(
            b->arena, ERR_INVALID, "\n          @auth groupClaim can only be used 'allow: groups'");
    }
    if (rule->groups_field.len > 0 && groups != NULL) {
        return fail(b->arena, ERR_INVALID,
            "This rule has groupsField and groups, please use one or the other");
    }
    if (rule->allow == DATA_ALLOW_GROUPS && groups != NULL && rule->group_count == 0) {
        return fail(b->arena, ERR_INVALID, "@auth rules using groups cannot have an empty list");
    }
    return NULL;
}

// ---- reading -----------------------------------------------------------------------------------

static str provider_word(const struct data_rule *rule, const struct gql_value *given)
{
    static const str DEFAULTS[] = {[DATA_ALLOW_PUBLIC] = S_INIT("apiKey"),
        [DATA_ALLOW_PRIVATE] = S_INIT("userPools"),
        [DATA_ALLOW_OWNER] = S_INIT("userPools"),
        [DATA_ALLOW_GROUPS] = S_INIT("userPools"),
        [DATA_ALLOW_CUSTOM] = S_INIT("function")};
    return given != NULL && given->kind != GQL_VALUE_NULL ? given->text : DEFAULTS[rule->allow];
}

static void read_parts(struct builder *b, const struct data_model *model,
    const struct gql_value *from, struct data_rule *rule)
{
    const struct gql_value *owner = gql_value_get(from, S("ownerField"));
    const struct gql_value *claim = gql_value_get(from, S("identityClaim"));
    const struct gql_value *field = gql_value_get(from, S("groupsField"));
    const struct gql_value *group_claim = gql_value_get(from, S("groupClaim"));
    rule->groups = data_text_list(b->arena, gql_value_get(from, S("groups")), &rule->group_count);
    rule->groups_field = field != NULL ? field->text : (str){};
    rule->group_claim = group_claim != NULL ? group_claim->text : S("cognito:groups");
    rule->identity_claim = claim != NULL ? claim->text : (str){};
    if (rule->allow == DATA_ALLOW_OWNER) {
        rule->owner_field = owner != NULL ? owner->text : S("owner");
    }
    const struct data_field *owners = data_model_field(model, rule->owner_field);
    const struct data_field *teams = data_model_field(model, rule->groups_field);
    rule->owner_is_list = owners != NULL && owners->is_list;
    rule->groups_is_list = teams != NULL && teams->is_list;
}

static err *parse_rule(struct builder *b, const struct data_model *model, bool field,
    const struct gql_value *from, struct data_rule *rule)
{
    static const str ALLOWS[] = {
        S_INIT("public"), S_INIT("private"), S_INIT("owner"), S_INIT("groups"), S_INIT("custom")};
    const struct gql_value *allow = gql_value_get(from, S("allow"));
    size_t which = 0;
    while (allow != NULL && which < countof(ALLOWS) && !str_eq(ALLOWS[which], allow->text)) {
        which++;
    }
    if (allow == NULL || which == countof(ALLOWS)) {
        return fail(b->arena, ERR_INVALID, "@auth directive: a rule needs 'allow'.");
    }
    *rule = (struct data_rule){.allow = (enum data_allow)which, .source = from};
    str word = provider_word(rule, gql_value_get(from, S("provider")));
    if (!data_mode_from_word(word, &rule->provider)) {
        return fail(b->arena, ERR_INVALID, "@auth directive: unknown provider '%.*s'.", PRI(word));
    }
    TRY(check_operations(b, gql_value_get(from, S("operations")), field));
    rule->ops = parse_ops(gql_value_get(from, S("operations")));
    read_parts(b, model, from, rule);
    TRY(check_strategy(b, rule, word, from));
    TRY(check_mode(b, rule, word));
    return check_parts(b, rule, from);
}

static err *parse_rules(struct builder *b, const struct data_model *model, str name, bool field,
    const struct gql_directive *auth, struct data_rule **rules, size_t *rule_count)
{
    const struct gql_value *list = gql_directive_argument(auth, S("rules"));
    *rules = NULL;
    *rule_count = 0;
    if (auth == NULL) {
        return NULL;
    }
    if (list == NULL || (list->kind == GQL_VALUE_LIST && list->count == 0)) {
        return fail(
            b->arena, ERR_INVALID, "@auth on %.*s does not have any auth rules.", PRI(name));
    }
    bool one = list->kind != GQL_VALUE_LIST;
    size_t count = one ? 1 : list->count;
    *rules = arena_array(b->arena, struct data_rule, count);
    for (size_t i = 0; i < count; i++) {
        TRY(parse_rule(b, model, field, one ? list : &list->items[i], &(*rules)[i]));
    }
    *rule_count = count;
    return NULL;
}

// ---- roles -------------------------------------------------------------------------------------

static str rule_provider_word(const struct data_rule *rule)
{
    return rule->provider == DATA_OIDC ? S("oidc") : S("userPools");
}

// "a::b" names two claims.
static str *split_claims(struct arena *arena, str text, size_t *count)
{
    str *claims = arena_array(arena, str, text.len / 2 + 1);
    *count = 0;
    for (size_t at = 0; at <= text.len;) {
        ptrdiff_t next = str_find(str_sub(text, at, text.len), S("::"));
        size_t end = next < 0 ? text.len : at + (size_t)next;
        claims[(*count)++] = str_sub(text, at, end);
        at = next < 0 ? text.len + 1 : end + 2;
    }
    return claims;
}

static struct data_role role_of(struct arena *arena, const struct data_rule *rule, str group)
{
    str word = rule_provider_word(rule);
    struct data_role role = {.provider = rule->provider,
        .allow = rule->allow,
        .group = group,
        .claim = rule->group_claim};
    if (group.len > 0) {
        role.name = str_cat(arena, word, S(":staticGroup:"), group, S(":"), rule->group_claim);
    } else if (rule->provider == DATA_API_KEY) {
        role.name = S("apiKey:public");
    } else if (rule->provider == DATA_LAMBDA) {
        role.name = S("function:custom");
    } else if (rule->provider == DATA_IAM) {
        role.name = rule->allow == DATA_ALLOW_PRIVATE ? S("iam:private") : S("iam:public");
    } else if (rule->allow == DATA_ALLOW_GROUPS) {
        role.is_dynamic = true;
        role.entity = rule->groups_field;
        role.entity_is_list = rule->groups_is_list;
        role.name =
            str_cat(arena, word, S(":dynamicGroup:"), role.entity, S(":"), rule->group_claim);
    } else if (rule->allow == DATA_ALLOW_OWNER) {
        str claim = rule->identity_claim.len > 0 ? rule->identity_claim : S("sub::username");
        role.is_dynamic = true;
        role.is_owner = true;
        role.entity = rule->owner_field;
        role.entity_is_list = rule->owner_is_list;
        role.claims = split_claims(arena, claim, &role.claim_count);
        role.name = str_cat(arena, word, S(":owner:"), role.entity, S(":"), claim);
    } else {
        role.name = str_cat(arena, word, S(":private"));
    }
    return role;
}

// Gives the role the operations on one field, or (ptrdiff -1) on all of a new role.
static err *set_role(struct builder *b, struct data_model *model, const struct data_role *role,
    ptrdiff_t field, unsigned ops)
{
    struct data_role *known = NULL;
    for (size_t i = 0; i < model->role_count; i++) {
        known = str_eq(model->roles[i].name, role->name) ? &model->roles[i] : known;
    }
    if (known != NULL && field < 0) {
        return fail(b->arena, ERR_INVALID, "@auth %.*s:%.*s already exists for %.*s",
            PRI(model->name), PRI(role->name), PRI(model->name));
    }
    if (known == NULL) {
        size_t size = sizeof(struct data_role);
        model->roles = arena_grow(
            b->arena, model->roles, model->role_count * size, (model->role_count + 1) * size);
        known = &model->roles[model->role_count++];
        *known = *role;
        known->ops = arena_array(b->arena, unsigned, model->field_count);
    }
    for (size_t i = 0; i < model->field_count; i++) {
        known->ops[i] = field < 0 || (size_t)field == i ? ops : known->ops[i];
    }
    return NULL;
}

static err *add_roles(struct builder *b, struct data_model *model, const struct data_rule *rules,
    size_t count, ptrdiff_t field)
{
    for (size_t i = 0; i < count; i++) {
        bool groups = rules[i].group_count > 0 && rules[i].groups_field.len == 0;
        for (size_t k = 0; k < (groups ? rules[i].group_count : 1); k++) {
            struct data_role role =
                role_of(b->arena, &rules[i], groups ? rules[i].groups[k] : (str){});
            TRY(set_role(b, model, &role, field, rules[i].ops));
        }
    }
    return NULL;
}

unsigned data_model_providers(const struct data_model *model, unsigned ops, bool all_fields)
{
    unsigned bits = 0;
    for (size_t i = 0; i < model->role_count; i++) {
        size_t allowed = 0;
        for (size_t k = 0; k < model->field_count; k++) {
            allowed += (model->roles[i].ops[k] & ops) != 0;
        }
        bool has = all_fields ? allowed == model->field_count : allowed > 0;
        bits |= has ? model->roles[i].provider : 0;
    }
    return bits;
}

static void sum_up(struct data_model *model)
{
    for (size_t i = 0; i < model->role_count; i++) {
        struct data_role *role = &model->roles[i];
        role->every = model->field_count > 0 ? DATA_OP_ALL : 0;
        for (size_t k = 0; k < model->field_count; k++) {
            role->some |= role->ops[k];
            role->every &= role->ops[k];
        }
    }
}

static bool has_text(const str *list, size_t count, str text)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i], text)) {
            return true;
        }
    }
    return false;
}

static void read_owners(struct builder *b, struct data_model *model)
{
    model->owner_fields = arena_array(b->arena, str, model->role_count);
    model->listen_owners = arena_array(b->arena, str, model->role_count);
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        const struct data_field *declared = data_model_field(model, role->entity);
        bool listens = false;
        for (size_t k = 0; k < model->field_count; k++) {
            listens = listens || (role->ops[k] & DATA_OP_LISTEN) != 0;
        }
        if (role->is_owner && declared == NULL &&
            !has_text(model->owner_fields, model->owner_field_count, role->entity)) {
            model->owner_fields[model->owner_field_count++] = role->entity;
        }
        if (role->is_owner && listens && (declared == NULL || !declared->is_list)) {
            model->listen_owners[model->listen_owner_count++] = role->entity;
        }
    }
}

err *data_rules_read(struct builder *b, struct data_model *model)
{
    const struct gql_definition *d = model->source;
    const struct gql_directive *auth =
        gql_directive_find(d->directives, d->directive_count, S("auth"));
    model->is_ruled = auth != NULL;
    TRY(parse_rules(b, model, model->name, false, auth, &model->rules, &model->rule_count));
    TRY(add_roles(b, model, model->rules, model->rule_count, -1));
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        struct data_field *field = &model->fields[i];
        auth = gql_directive_find(m->directives, m->directive_count, S("auth"));
        TRY(parse_rules(b, model, m->name, true, auth, &field->rules, &field->rule_count));
        for (size_t k = 0; auth != NULL && k < model->role_count; k++) {
            model->roles[k].ops[i] = 0; // the field's own rules replace the type's
        }
        TRY(add_roles(b, model, field->rules, field->rule_count, (ptrdiff_t)i));
    }
    sum_up(model);
    read_owners(b, model);
    return NULL;
}

// ---- rules where no model is -------------------------------------------------------------------

unsigned data_static_providers(const struct data_api *api, const struct gql_directive *auth)
{
    struct builder b = {.arena = api->arena, .api = (struct data_api *)api};
    struct data_model none = {};
    struct data_rule *rules = NULL;
    size_t count = 0;
    unsigned bits = 0;
    check(parse_rules(&b, &none, (str){}, true, auth, &rules, &count) == NULL);
    for (size_t i = 0; i < count; i++) {
        bool fixed = rules[i].allow != DATA_ALLOW_OWNER && rules[i].groups_field.len == 0;
        bits |= fixed ? rules[i].provider : 0;
    }
    return bits;
}

size_t data_operation_roles(
    const struct data_api *api, const struct gql_directive *auth, struct data_role **out)
{
    struct builder b = {.arena = api->arena, .api = (struct data_api *)api};
    struct data_model none = {};
    struct data_rule *rules = NULL;
    size_t count = 0;
    check(parse_rules(&b, &none, (str){}, true, auth, &rules, &count) == NULL);
    check(add_roles(&b, &none, rules, count, 0) == NULL); // 0: of no type, where twice is an error
    *out = none.roles;
    return none.role_count;
}

static err *check_other(
    struct builder *b, const struct gql_definition *d, const struct gql_member *m)
{
    struct data_model none = {};
    struct data_rule *rules = NULL;
    size_t count = 0;
    const struct gql_directive *auth =
        gql_directive_find(m->directives, m->directive_count, S("auth"));
    bool root = str_eq(d->name, S("Query")) || str_eq(d->name, S("Mutation")) ||
                str_eq(d->name, S("Subscription"));
    TRY(parse_rules(b, &none, m->name, true, auth, &rules, &count));
    for (size_t i = 0; i < count; i++) {
        const struct gql_value *ops = gql_value_get(rules[i].source, S("operations"));
        if (ops != NULL && ops->count > 0) {
            return fail(b->arena, ERR_INVALID, "%s",
                root ? "@auth rules on fields within Query, Mutation, Subscription cannot specify "
                       "'operations' argument as these rules are already on an operation already."
                     : "@auth rules on fields within types that does not have @model directive "
                       "cannot specify 'operations' argument as there are operations will be "
                       "generated by the CLI.");
        }
    }
    return NULL;
}

err *data_rules_check_others(struct builder *b)
{
    for (size_t i = 0; i < b->api->doc->definition_count; i++) {
        const struct gql_definition *d = &b->api->doc->definitions[i];
        if (d->kind != GQL_DEF_OBJECT || data_api_model(b->api, d->name) != NULL) {
            continue;
        }
        if (gql_directive_find(d->directives, d->directive_count, S("auth")) != NULL) {
            return fail(b->arena, ERR_INVALID,
                "Types annotated with @auth must also be annotated with @model.");
        }
        for (size_t k = 0; k < d->member_count; k++) {
            TRY(check_other(b, d, &d->members[k]));
        }
    }
    return NULL;
}
