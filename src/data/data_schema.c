// The served schema as SDL, as the official transformer writes it: models' types and operations,
// inputs, filters, key conditions, and AppSync's @aws_* directives on everything.
#include "data/data_model.h"

#include <openssl/evp.h>

struct printer {
    struct arena *arena;
    const struct data_api *api;
    struct buf *out;
    struct map *done; // generated types, by name
};

static void put(struct printer *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(struct printer *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_add(p->out, str_vfmt(p->arena, fmt, args));
    va_end(args);
}

static void put_type(struct printer *p, const struct gql_type_ast *type)
{
    if (type->kind == GQL_AST_LIST) {
        buf_add_char(p->out, '[');
        put_type(p, type->of);
        buf_add_char(p->out, ']');
    } else if (type->kind == GQL_AST_NON_NULL) {
        put_type(p, type->of);
        buf_add_char(p->out, '!');
    } else {
        buf_add(p->out, type->name);
    }
}

static bool first_time(struct printer *p, str name)
{
    return map_set(p->done, name, p) == NULL;
}

// Providers as directives; nobody granted means the default mode. IAM is always let through to the
// resolver, which decides.
static void put_access(struct printer *p, unsigned providers)
{
    static const struct {
        enum data_provider provider;
        const char *text;
    } NAMES[] = {
        {DATA_API_KEY, " @aws_api_key"},
        {DATA_IAM, " @aws_iam"},
        {DATA_USER_POOLS, " @aws_cognito_user_pools"},
        {DATA_OIDC, " @aws_oidc"},
        {DATA_LAMBDA, " @aws_lambda"},
    };

    providers = (providers & ~(unsigned)DATA_IAM) == 0 && providers == 0
                    ? (unsigned)p->api->modes.first
                    : providers;
    providers |= DATA_IAM;
    for (size_t i = 0; i < countof(NAMES); i++) {
        if ((providers & NAMES[i].provider) != 0) {
            buf_add(p->out, str_from(NAMES[i].text));
        }
    }
}

// AppSync allows names of at most 50 characters for model subscriptions.
str data_subscription_name(struct arena *arena, str prefix, str model)
{
    u8 digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    str name = str_cat(arena, prefix, str_upper_first(arena, model));
    if (name.len <= 50) {
        return name;
    }
    check(EVP_Digest(name.ptr, name.len, digest, &len, EVP_md5(), NULL) == 1);
    str hash = hex_encode(arena, (str){(char *)digest, 3});
    return str_cat(arena, str_sub(name, 0, 45), str_sub(hash, 0, 5));
}

// ---- scalars to filter types -------------------------------------------------------------------

static str base_scalar(const struct printer *p, const struct data_field *field)
{
    if (field->kind == DATA_ENUM) {
        return S("String");
    }
    if (str_eq(field->type, S("AWSTimestamp")) || str_eq(field->type, S("Int"))) {
        return S("Int");
    }
    if (str_eq(field->type, S("Float")) || str_eq(field->type, S("Boolean")) ||
        str_eq(field->type, S("ID"))) {
        return field->type;
    }
    (void)p;
    return S("String");
}

static str filter_type(struct printer *p, const struct data_field *field)
{
    if (field->kind == DATA_ENUM) {
        return str_cat(
            p->arena, S("Model"), field->type, field->is_list ? S("ListInput") : S("Input"));
    }
    return str_cat(p->arena, S("Model"), base_scalar(p, field), S("Input"));
}

static bool is_filterable(const struct data_field *field)
{
    return field->kind == DATA_SCALAR || field->kind == DATA_ENUM;
}

static bool is_key(const struct data_model *model, str name)
{
    bool found = str_eq(model->partition, name);
    for (size_t i = 0; i < model->sort_count; i++) {
        found = found || str_eq(model->sort[i], name);
    }
    return found;
}

static bool is_declared(const struct data_model *model, str name)
{
    return data_model_field(model, name) != NULL;
}

static void put_enum_filter(struct printer *p, const struct data_field *field)
{
    str name = filter_type(p, field);
    if (field->kind != DATA_ENUM || !first_time(p, name)) {
        return;
    }
    str e = field->type;
    if (field->is_list) {
        put(p, "input %.*s { eq: [%.*s] ne: [%.*s] contains: %.*s notContains: %.*s }\n", PRI(name),
            PRI(e), PRI(e), PRI(e), PRI(e));
    } else {
        put(p, "input %.*s { eq: %.*s ne: %.*s }\n", PRI(name), PRI(e), PRI(e));
    }
}

static void put_filters(struct printer *p, const struct data_model *m)
{
    put(p, "input Model%.*sFilterInput {", PRI(m->name));
    for (size_t i = 0; i < m->field_count; i++) {
        if (is_filterable(&m->fields[i])) {
            put(p, " %.*s: %.*s", PRI(m->fields[i].name), PRI(filter_type(p, &m->fields[i])));
        }
    }
    put(p, "%s", is_declared(m, S("id")) ? "" : " id: ModelIDInput");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("createdAt")) ? "" : " createdAt: ModelStringInput");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("updatedAt")) ? "" : " updatedAt: ModelStringInput");
    put(p, " and: [Model%.*sFilterInput] or: [Model%.*sFilterInput] not: Model%.*sFilterInput",
        PRI(m->name), PRI(m->name), PRI(m->name));
    for (size_t i = 0; i < m->owner_field_count; i++) {
        put(p, " %.*s: ModelStringInput", PRI(m->owner_fields[i]));
    }
    put(p, " }\n");
}

static void put_conditions(struct printer *p, const struct data_model *m)
{
    put(p, "input Model%.*sConditionInput {", PRI(m->name));
    for (size_t i = 0; i < m->field_count; i++) {
        if (is_filterable(&m->fields[i]) && !is_key(m, m->fields[i].name)) {
            put(p, " %.*s: %.*s", PRI(m->fields[i].name), PRI(filter_type(p, &m->fields[i])));
        }
    }
    put(p,
        " and: [Model%.*sConditionInput] or: [Model%.*sConditionInput] not: "
        "Model%.*sConditionInput",
        PRI(m->name), PRI(m->name), PRI(m->name));
    put(p, "%s",
        !m->timestamps || is_declared(m, S("createdAt")) ? "" : " createdAt: ModelStringInput");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("updatedAt")) ? "" : " updatedAt: ModelStringInput");
    for (size_t i = 0; i < m->owner_field_count; i++) {
        put(p, " %.*s: ModelStringInput", PRI(m->owner_fields[i]));
    }
    put(p, " }\n");
}

static bool is_owner_field(const struct data_model *m, str name)
{
    for (size_t i = 0; i < m->rule_count; i++) {
        if (m->rules[i].allow == DATA_ALLOW_OWNER && str_eq(m->rules[i].owner_field, name)) {
            return true;
        }
    }
    return false;
}

static bool is_groups_field(const struct data_model *m, str name)
{
    for (size_t i = 0; i < m->rule_count; i++) {
        if (m->rules[i].groups_field.len > 0 && str_eq(m->rules[i].groups_field, name)) {
            return true;
        }
    }
    return false;
}

static void put_subscription_filter(struct printer *p, const struct data_model *m)
{
    put(p, "input ModelSubscription%.*sFilterInput {", PRI(m->name));
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (is_filterable(field) && !is_owner_field(m, field->name) &&
            !is_groups_field(m, field->name)) {
            put(p, " %.*s: ModelSubscription%.*sInput", PRI(field->name),
                PRI(base_scalar(p, field)));
        }
    }
    put(p, "%s", is_declared(m, S("id")) ? "" : " id: ModelSubscriptionIDInput");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("createdAt"))
            ? ""
            : " createdAt: ModelSubscriptionStringInput");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("updatedAt"))
            ? ""
            : " updatedAt: ModelSubscriptionStringInput");
    put(p, " and: [ModelSubscription%.*sFilterInput] or: [ModelSubscription%.*sFilterInput]",
        PRI(m->name), PRI(m->name));
    struct map *seen = map_new(p->arena);
    for (size_t i = 0; i < m->rule_count; i++) {
        if (m->rules[i].allow == DATA_ALLOW_OWNER &&
            map_set(seen, m->rules[i].owner_field, p) == NULL) {
            put(p, " %.*s: ModelStringInput", PRI(m->rules[i].owner_field));
        }
    }
    put(p, " }\n");
}

// ---- inputs of mutations -----------------------------------------------------------------------

static void put_input_type(
    struct printer *p, const struct data_field *field, const struct gql_type_ast *type)
{
    bool custom = field->kind == DATA_CUSTOM;
    if (type->kind == GQL_AST_LIST) {
        buf_add_char(p->out, '[');
        put_input_type(p, field, type->of);
        buf_add_char(p->out, ']');
    } else if (type->kind == GQL_AST_NON_NULL) {
        put_input_type(p, field, type->of);
        buf_add_char(p->out, '!');
    } else {
        put(p, "%.*s%s", PRI(type->name), custom ? "Input" : "");
    }
}

static void put_custom_input(struct printer *p, str type_name)
{
    const struct gql_definition *d = data_api_type(p->api, type_name);
    str name = str_cat(p->arena, type_name, S("Input"));
    if (d == NULL || data_api_type(p->api, name) != NULL || !first_time(p, name)) {
        return;
    }
    struct buf *outer = p->out;
    struct buf text = buf_in(p->arena, SIZE_MAX / 4);
    p->out = &text;
    put(p, "input %.*s {", PRI(name));
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_definition *inner =
            data_api_type(p->api, gql_type_ast_name(d->members[i].type));
        bool nested = inner != NULL && inner->kind == GQL_DEF_OBJECT;
        struct data_field field = {.kind = nested ? DATA_CUSTOM : DATA_SCALAR};
        put(p, " %.*s: ", PRI(d->members[i].name));
        put_input_type(p, &field, d->members[i].type);
    }
    put(p, " }\n");
    p->out = outer;
    buf_add(p->out, buf_str(&text));
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_definition *inner =
            data_api_type(p->api, gql_type_ast_name(d->members[i].type));
        if (inner != NULL && inner->kind == GQL_DEF_OBJECT) {
            put_custom_input(p, inner->name);
        }
    }
}

static bool is_stamp(str name)
{
    return str_eq(name, S("createdAt")) || str_eq(name, S("updatedAt"));
}

static void put_create_input(struct printer *p, const struct data_model *m)
{
    put(p, "input Create%.*sInput {", PRI(m->name));
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (field->kind == DATA_MODEL) {
            continue;
        }
        bool id = str_eq(field->name, S("id")) && (m->has_default_id || is_key(m, S("id")));
        bool optional =
            (m->timestamps && is_stamp(field->name)) || (id && str_eq(m->partition, S("id")));
        put(p, " %.*s: ", PRI(field->name));
        put_input_type(p, field, optional && field->is_required ? field->ast->of : field->ast);
    }
    put(p, "%s }\n", m->has_default_id && !m->declares_id ? " id: ID" : "");
}

static void put_update_input(struct printer *p, const struct data_model *m)
{
    put(p, "input Update%.*sInput {", PRI(m->name));
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (field->kind == DATA_MODEL) {
            continue;
        }
        bool key = is_key(m, field->name);
        put(p, " %.*s: ", PRI(field->name));
        put_input_type(p, field, field->is_required ? field->ast->of : field->ast);
        put(p, "%s", key ? "!" : "");
    }
    put(p, "%s }\n", m->has_default_id && !m->declares_id ? " id: ID!" : "");
}

static void put_key_arguments(struct printer *p, const struct data_model *m, const char *separator)
{
    const struct data_field *partition = data_model_field(m, m->partition);
    put(p, "%.*s: %.*s!", PRI(m->partition), PRI(partition != NULL ? partition->type : S("ID")));
    for (size_t i = 0; i < m->sort_count; i++) {
        put(p, "%s%.*s: %.*s!", separator, PRI(m->sort[i]),
            PRI(data_model_field(m, m->sort[i])->type));
    }
}

// ---- keys as arguments -------------------------------------------------------------------------

static str composite_argument(struct arena *arena, const str *fields, size_t count)
{
    str name = fields[0];
    for (size_t i = 1; i < count; i++) {
        name = str_cat(arena, name, str_upper_first(arena, fields[i]));
    }
    return name;
}

static void put_composite_types(
    struct printer *p, const struct data_model *m, str stem, const str *sort, size_t count)
{
    str condition = str_cat(p->arena, S("Model"), m->name, stem, S("CompositeKeyConditionInput"));
    str value = str_cat(p->arena, S("Model"), m->name, stem, S("CompositeKeyInput"));
    if (!first_time(p, condition)) {
        return;
    }
    put(p,
        "input %.*s { eq: %.*s le: %.*s lt: %.*s ge: %.*s gt: %.*s between: [%.*s] beginsWith: "
        "%.*s }\ninput %.*s {",
        PRI(condition), PRI(value), PRI(value), PRI(value), PRI(value), PRI(value), PRI(value),
        PRI(value), PRI(value));
    for (size_t i = 0; i < count; i++) {
        put(p, " %.*s: %.*s", PRI(sort[i]), PRI(data_model_field(m, sort[i])->type));
    }
    put(p, " }\n");
}

static str key_condition(struct printer *p, const struct data_model *m, str sort)
{
    const struct data_field *field = data_model_field(m, sort);
    str base = base_scalar(p, field);
    if (str_eq(base, S("Boolean"))) {
        base = S("String");
    }
    return str_cat(p->arena, S("Model"), base, S("KeyConditionInput"));
}

static void put_key_condition_type(struct printer *p, str name)
{
    if (!first_time(p, name)) {
        return;
    }
    str base = str_sub(name, 5, name.len - S("KeyConditionInput").len);
    bool text = str_eq(base, S("String")) || str_eq(base, S("ID"));
    put(p, "input %.*s { eq: %.*s le: %.*s lt: %.*s ge: %.*s gt: %.*s between: [%.*s]", PRI(name),
        PRI(base), PRI(base), PRI(base), PRI(base), PRI(base), PRI(base));
    if (text) {
        put(p, " beginsWith: %.*s", PRI(base));
    }
    put(p, " }\n");
}

// The sort-key argument of a list or index query: "name: ModelStringKeyConditionInput".
static void put_sort_argument(
    struct printer *p, const struct data_model *m, str stem, const str *sort, size_t count)
{
    if (count == 1) {
        put(p, ", %.*s: %.*s", PRI(sort[0]), PRI(key_condition(p, m, sort[0])));
    } else if (count > 1) {
        put(p, ", %.*s: Model%.*s%.*sCompositeKeyConditionInput",
            PRI(composite_argument(p->arena, sort, count)), PRI(m->name), PRI(stem));
    }
}

static void put_key_types(struct printer *p, const struct data_model *m)
{
    if (m->sort_count == 1) {
        put_key_condition_type(p, key_condition(p, m, m->sort[0]));
    } else if (m->sort_count > 1) {
        put_composite_types(p, m, S("Primary"), m->sort, m->sort_count);
    }
    for (size_t i = 0; i < m->index_count; i++) {
        const struct data_index *index = &m->indexes[i];
        if (index->is_relation || !index->has_query || index->sort_count == 0) {
            continue;
        }
        if (index->sort_count == 1) {
            put_key_condition_type(p, key_condition(p, m, index->sort[0]));
        } else {
            put_composite_types(
                p, m, str_upper_first(p->arena, index->name), index->sort, index->sort_count);
        }
    }
}

// ---- operations --------------------------------------------------------------------------------

static void put_queries(struct printer *p, const struct data_model *m)
{
    str name = m->name;
    if (m->get) {
        put(p, "  %.*s(", PRI(data_query_name(p->arena, S("get"), name)));
        put_key_arguments(p, m, ", ");
        put(p, "): %.*s", PRI(name));
        put_access(p, data_model_providers(m, DATA_OP_GET));
        put(p, "\n");
    }
    if (m->list) {
        put(p, "  %.*s(", PRI(data_query_name(p->arena, S("list"), m->plural)));
        if (!m->has_default_id) {
            const struct data_field *partition = data_model_field(m, m->partition);

            put(p, "%.*s: %.*s", PRI(m->partition), PRI(partition->type));
            put_sort_argument(p, m, S("Primary"), m->sort, m->sort_count);
            put(p, ", ");
        }
        put(p,
            "filter: Model%.*sFilterInput, limit: Int, nextToken: String%s): Model%.*sConnection",
            PRI(name), m->has_default_id ? "" : ", sortDirection: ModelSortDirection", PRI(name));
        put_access(p, data_model_providers(m, DATA_OP_LIST));
        put(p, "\n");
    }
    for (size_t i = 0; i < m->index_count; i++) {
        const struct data_index *index = &m->indexes[i];
        if (index->is_relation || !index->has_query) {
            continue;
        }
        put(p, "  %.*s(%.*s: %.*s!", PRI(index->query), PRI(index->partition),
            PRI(data_model_field(m, index->partition)->type));
        put_sort_argument(
            p, m, str_upper_first(p->arena, index->name), index->sort, index->sort_count);
        put(p,
            ", sortDirection: ModelSortDirection, filter: Model%.*sFilterInput, limit: Int, "
            "nextToken: String): ",
            PRI(name));
        put(p, "Model%.*sConnection", PRI(name));
        put_access(p, data_model_providers(m, DATA_OP_LIST));
        put(p, "\n");
    }
}

static void put_mutations(struct printer *p, const struct data_model *m)
{
    const struct {
        bool on;
        const char *name;
        unsigned op;
    } OPS[] = {{m->create, "create", DATA_OP_CREATE}, {m->update, "update", DATA_OP_UPDATE},
        {m->remove, "delete", DATA_OP_DELETE}};

    for (size_t i = 0; i < countof(OPS); i++) {
        str input = str_upper_first(p->arena, str_from(OPS[i].name));
        if (OPS[i].on) {
            put(p, "  %.*s(input: %.*s%.*sInput!, condition: Model%.*sConditionInput): %.*s",
                PRI(data_query_name(p->arena, str_from(OPS[i].name), m->name)), PRI(input),
                PRI(m->name), PRI(m->name), PRI(m->name));
            put_access(p, data_model_providers(m, OPS[i].op));
            put(p, "\n");
        }
    }
}

static void put_subscriptions(struct printer *p, const struct data_model *m)
{
    const struct {
        bool on;
        const char *name;
        const char *mutation;
    } OPS[] = {{m->on_create, "onCreate", "create"}, {m->on_update, "onUpdate", "update"},
        {m->on_delete, "onDelete", "delete"}};

    for (size_t i = 0; i < countof(OPS); i++) {
        if (!OPS[i].on) {
            continue;
        }
        put(p, "  %.*s(filter: ModelSubscription%.*sFilterInput",
            PRI(data_subscription_name(p->arena, str_from(OPS[i].name), m->name)), PRI(m->name));
        for (size_t k = 0; k < m->listen_owner_count; k++) {
            put(p, ", %.*s: String", PRI(m->listen_owners[k]));
        }
        put(p, "): %.*s @aws_subscribe(mutations: [\"%.*s\"])", PRI(m->name),
            PRI(data_query_name(p->arena, str_from(OPS[i].mutation), m->name)));
        put_access(p, data_model_providers(m, DATA_OP_LISTEN));
        put(p, "\n");
    }
}

// ---- custom operations and types
// -----------------------------------------------------------------

static unsigned native_providers(const struct gql_directive *list, size_t count)
{
    static const struct {
        str name;
        enum data_provider provider;
    } NAMES[] = {
        {S_INIT("aws_api_key"), DATA_API_KEY},
        {S_INIT("aws_iam"), DATA_IAM},
        {S_INIT("aws_cognito_user_pools"), DATA_USER_POOLS},
        {S_INIT("aws_oidc"), DATA_OIDC},
        {S_INIT("aws_lambda"), DATA_LAMBDA},
    };

    unsigned bits = 0;
    for (size_t i = 0; i < countof(NAMES); i++) {
        bits |= gql_directive_find(list, count, NAMES[i].name) != NULL ? NAMES[i].provider : 0;
    }
    return bits;
}

static unsigned auth_providers(const struct gql_directive *list, size_t count)
{
    static const enum data_provider DEFAULTS[] = {
        DATA_API_KEY, DATA_USER_POOLS, DATA_USER_POOLS, DATA_USER_POOLS, DATA_LAMBDA};

    static const str ALLOWS[] = {
        S_INIT("public"), S_INIT("private"), S_INIT("owner"), S_INIT("groups"), S_INIT("custom")};
    const struct gql_directive *auth = gql_directive_find(list, count, S("auth"));
    const struct gql_value *rules = gql_directive_argument(auth, S("rules"));
    unsigned bits = 0;
    for (size_t i = 0; rules != NULL && i < rules->count; i++) {
        const struct gql_value *allow = gql_value_get(&rules->items[i], S("allow"));
        const struct gql_value *named = gql_value_get(&rules->items[i], S("provider"));
        enum data_provider provider = DATA_API_KEY;
        for (size_t k = 0; allow != NULL && k < countof(ALLOWS); k++) {
            provider = str_eq(allow->text, ALLOWS[k]) ? DEFAULTS[k] : provider;
        }
        if (named != NULL) {
            (void)data_mode_from_word(named->text, &provider);
        }
        bits |= provider;
    }
    return bits;
}

static unsigned operation_providers(const struct gql_member *op)
{
    return native_providers(op->directives, op->directive_count) |
           auth_providers(op->directives, op->directive_count);
}

// Directives that stay on a custom operation as written: subscriptions' sources, groups.
static void put_kept_directives(struct printer *p, const struct gql_member *op)
{
    for (size_t i = 0; i < op->directive_count; i++) {
        const struct gql_directive *d = &op->directives[i];
        bool groups = str_eq(d->name, S("aws_cognito_user_pools")) && d->argument_count > 0;
        if (!str_eq(d->name, S("aws_subscribe")) && !groups) {
            continue;
        }
        put(p, " @%.*s(", PRI(d->name));
        for (size_t k = 0; k < d->argument_count; k++) {
            put(p, "%s%.*s: [", k > 0 ? ", " : "", PRI(d->arguments[k].name));
            for (size_t v = 0; v < d->arguments[k].value.count; v++) {
                put(p, "%s\"%.*s\"", v > 0 ? ", " : "", PRI(d->arguments[k].value.items[v].text));
            }
            put(p, "]");
        }
        put(p, ")");
    }
}

static void put_custom_operations(struct printer *p, str root)
{
    const struct gql_definition *d = data_api_type(p->api, root);
    for (size_t i = 0; d != NULL && i < d->member_count; i++) {
        const struct gql_member *op = &d->members[i];
        put(p, "  %.*s%s", PRI(op->name), op->argument_count > 0 ? "(" : "");
        for (size_t k = 0; k < op->argument_count; k++) {
            put(p, "%s%.*s: ", k > 0 ? ", " : "", PRI(op->arguments[k].name));
            put_type(p, op->arguments[k].type);
        }
        put(p, "%s: ", op->argument_count > 0 ? ")" : "");
        put_type(p, op->type);
        put_kept_directives(p, op);
        const struct gql_directive *pools =
            gql_directive_find(op->directives, op->directive_count, S("aws_cognito_user_pools"));
        unsigned providers = operation_providers(op);
        if (pools != NULL && pools->argument_count > 0) {
            providers = (providers & ~(unsigned)DATA_USER_POOLS) | DATA_IAM;
        }
        put_access(p, providers);
        put(p, "\n");
    }
}

static bool uses_type(struct printer *p, const struct gql_definition *d, str wanted, u32 depth)
{
    for (size_t i = 0; depth < 32 && i < d->member_count; i++) {
        str name = gql_type_ast_name(d->members[i].type);
        const struct gql_definition *inner = data_api_type(p->api, name);
        if (str_eq(name, wanted)) {
            return true;
        }
        bool custom =
            inner != NULL && inner->kind == GQL_DEF_OBJECT && data_api_model(p->api, name) == NULL;
        if (custom && inner != d && uses_type(p, inner, wanted, depth + 1)) {
            return true;
        }
    }
    return false;
}

// A custom type may be read by whoever may use a model or an operation in which it occurs.
static unsigned custom_type_providers(struct printer *p, const struct gql_definition *type)
{
    static const str ROOTS[] = {S_INIT("Query"), S_INIT("Mutation"), S_INIT("Subscription")};
    unsigned bits = native_providers(type->directives, type->directive_count);
    for (size_t i = 0; i < p->api->model_count; i++) {
        if (uses_type(p, p->api->models[i]->source, type->name, 0)) {
            bits |= data_model_providers(p->api->models[i], DATA_OP_ALL);
        }
    }
    for (size_t r = 0; r < countof(ROOTS); r++) {
        const struct gql_definition *root = data_api_type(p->api, ROOTS[r]);
        for (size_t i = 0; root != NULL && i < root->member_count; i++) {
            str name = gql_type_ast_name(root->members[i].type);
            const struct gql_definition *returned = data_api_type(p->api, name);
            bool model = data_api_model(p->api, name) != NULL;
            if (str_eq(name, type->name) ||
                (returned != NULL && !model && uses_type(p, returned, type->name, 0))) {
                bits |= operation_providers(&root->members[i]);
            }
        }
    }
    return bits | DATA_IAM;
}

static void put_plain_type(struct printer *p, const struct gql_definition *d)
{
    put(p, "%s %.*s",
        d->kind == GQL_DEF_INPUT  ? "input"
        : d->kind == GQL_DEF_ENUM ? "enum"
                                  : "type",
        PRI(d->name));
    if (d->kind == GQL_DEF_OBJECT) {
        put_access(p, custom_type_providers(p, d));
    }
    put(p, " {");
    for (size_t i = 0; i < d->member_count; i++) {
        put(p, " %.*s", PRI(d->members[i].name));
        if (d->kind != GQL_DEF_ENUM) {
            put(p, ": ");
            put_type(p, d->members[i].type);
        }
    }
    put(p, " }\n");
}

// ---- the whole
// -----------------------------------------------------------------------------------

static void put_model_type(struct printer *p, const struct data_model *m)
{
    unsigned providers = data_model_providers(m, DATA_OP_ALL);
    put(p, "type %.*s", PRI(m->name));
    put_access(p, providers);
    put(p, " {\n");
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        put(p, "  %.*s", PRI(field->name));
        if (field->relation == DATA_HAS_MANY) {
            put(p,
                "(filter: Model%.*sFilterInput, sortDirection: ModelSortDirection, limit: Int, "
                "nextToken: String): "
                "Model%.*sConnection%s\n",
                PRI(field->type), PRI(field->type), field->is_required ? "!" : "");
            continue;
        }
        put(p, ": ");
        put_type(p, field->ast);
        put(p, "\n");
    }
    put(p, "%s", m->has_default_id && !m->declares_id ? "  id: ID!\n" : "");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("createdAt")) ? "" : "  createdAt: AWSDateTime!\n");
    put(p, "%s",
        !m->timestamps || is_declared(m, S("updatedAt")) ? "" : "  updatedAt: AWSDateTime!\n");
    for (size_t i = 0; i < m->owner_field_count; i++) {
        put(p, "  %.*s: String\n", PRI(m->owner_fields[i]));
    }
    put(p, "}\n");
}

static bool needs_connection(const struct data_api *api, const struct data_model *m)
{
    bool needed = m->list;
    for (size_t i = 0; i < m->index_count; i++) {
        needed = needed || (!m->indexes[i].is_relation && m->indexes[i].has_query);
    }
    for (size_t i = 0; i < api->model_count; i++) {
        for (size_t k = 0; k < api->models[i]->field_count; k++) {
            const struct data_field *field = &api->models[i]->fields[k];
            needed = needed || (field->relation == DATA_HAS_MANY && field->target == m);
        }
    }
    return needed;
}

static void put_model(struct printer *p, const struct data_model *m)
{
    put_model_type(p, m);
    if (needs_connection(p->api, m)) {
        put(p, "type Model%.*sConnection", PRI(m->name));
        put_access(p, data_model_providers(m, DATA_OP_ALL));
        put(p, " { items: [%.*s]! nextToken: String }\n", PRI(m->name));
        put_filters(p, m);
    }
    if (m->create || m->update || m->remove) {
        put_conditions(p, m);
    }
    if (m->on_create || m->on_update || m->on_delete) {
        put_subscription_filter(p, m);
    }
    for (size_t i = 0; i < m->field_count; i++) {
        put_enum_filter(p, &m->fields[i]);
        if (m->fields[i].kind == DATA_CUSTOM && (m->create || m->update)) {
            put_custom_input(p, m->fields[i].type);
        }
    }
    if (m->create) {
        put_create_input(p, m);
    }
    if (m->update) {
        put_update_input(p, m);
    }
    if (m->remove) {
        put(p, "input Delete%.*sInput { ", PRI(m->name));
        put_key_arguments(p, m, " ");
        put(p, " }\n");
    }
    put_key_types(p, m);
}

static const char GENERIC[] =
    "input ModelStringInput { ne: String eq: String le: String lt: String ge: String gt: String "
    "contains: String "
    "notContains: String between: [String] beginsWith: String attributeExists: Boolean "
    "attributeType: "
    "ModelAttributeTypes size: ModelSizeInput }\n"
    "input ModelIntInput { ne: Int eq: Int le: Int lt: Int ge: Int gt: Int between: [Int] "
    "attributeExists: Boolean "
    "attributeType: ModelAttributeTypes }\n"
    "input ModelFloatInput { ne: Float eq: Float le: Float lt: Float ge: Float gt: Float between: "
    "[Float] "
    "attributeExists: Boolean attributeType: ModelAttributeTypes }\n"
    "input ModelBooleanInput { ne: Boolean eq: Boolean attributeExists: Boolean attributeType: "
    "ModelAttributeTypes }\n"
    "input ModelIDInput { ne: ID eq: ID le: ID lt: ID ge: ID gt: ID contains: ID notContains: ID "
    "between: [ID] "
    "beginsWith: ID attributeExists: Boolean attributeType: ModelAttributeTypes size: "
    "ModelSizeInput }\n"
    "input ModelSubscriptionStringInput { ne: String eq: String le: String lt: String ge: String "
    "gt: String contains: "
    "String notContains: String between: [String] beginsWith: String in: [String] notIn: [String] "
    "}\n"
    "input ModelSubscriptionIntInput { ne: Int eq: Int le: Int lt: Int ge: Int gt: Int between: "
    "[Int] in: [Int] notIn: "
    "[Int] }\n"
    "input ModelSubscriptionFloatInput { ne: Float eq: Float le: Float lt: Float ge: Float gt: "
    "Float between: [Float] "
    "in: [Float] notIn: [Float] }\n"
    "input ModelSubscriptionBooleanInput { ne: Boolean eq: Boolean }\n"
    "input ModelSubscriptionIDInput { ne: ID eq: ID le: ID lt: ID ge: ID gt: ID contains: ID "
    "notContains: ID between: "
    "[ID] beginsWith: ID in: [ID] notIn: [ID] }\n"
    "enum ModelAttributeTypes { binary binarySet bool list map number numberSet string stringSet "
    "_null }\n"
    "input ModelSizeInput { ne: Int eq: Int le: Int lt: Int ge: Int gt: Int between: [Int] }\n"
    "enum ModelSortDirection { ASC DESC }\n"
    "input AmplifyAIConversationTurnErrorInput { errorType: String! message: String! }\n";

static void put_root(struct printer *p, const char *name,
    void (*each)(struct printer *p, const struct data_model *m))
{
    struct buf *outer = p->out;
    struct buf body = buf_in(p->arena, SIZE_MAX / 4);
    p->out = &body;
    put_custom_operations(p, str_from(name));
    bool custom = body.len > 0;
    for (size_t i = 0; i < p->api->model_count; i++) {
        each(p, p->api->models[i]);
    }
    p->out = outer;
    if (body.len > 0) {
        put(p, "type %s%s {\n", name, custom ? " @aws_iam" : "");
        buf_add(p->out, buf_str(&body));
        put(p, "}\n");
    }
}

void data_schema_print(const struct data_api *api, struct buf *out)
{
    struct printer p = {.arena = api->arena, .api = api, .out = out, .done = map_new(api->arena)};
    for (size_t i = 0; i < api->model_count; i++) {
        put_model(&p, api->models[i]);
    }
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        bool root = str_eq(d->name, S("Query")) || str_eq(d->name, S("Mutation")) ||
                    str_eq(d->name, S("Subscription"));
        bool plain =
            d->kind == GQL_DEF_OBJECT || d->kind == GQL_DEF_ENUM || d->kind == GQL_DEF_INPUT;
        if (plain && !root && data_api_model(api, d->name) == NULL && !d->is_extension) {
            put_plain_type(&p, d);
        }
    }
    if (api->model_count > 0) {
        put(&p, "%s", GENERIC);
    }
    put_root(&p, "Query", put_queries);
    put_root(&p, "Mutation", put_mutations);
    put_root(&p, "Subscription", put_subscriptions);
}
