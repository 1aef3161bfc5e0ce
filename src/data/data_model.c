// From SDL with directives to models: keys, indexes, relations, rules.
#include "data/data_build.h"

static const struct {
    str word;
    str name;
    enum data_provider provider;
} MODES[] = {
    {S_INIT("apiKey"), S_INIT("API_KEY"), DATA_API_KEY},
    {S_INIT("userPool"), S_INIT("AMAZON_COGNITO_USER_POOLS"), DATA_USER_POOLS},
    {S_INIT("iam"), S_INIT("AWS_IAM"), DATA_IAM},
    {S_INIT("oidc"), S_INIT("OPENID_CONNECT"), DATA_OIDC},
    {S_INIT("lambda"), S_INIT("AWS_LAMBDA"), DATA_LAMBDA},
    {S_INIT("identityPool"), S_INIT("AWS_IAM"), DATA_IAM},
    {S_INIT("userPools"), S_INIT("AMAZON_COGNITO_USER_POOLS"), DATA_USER_POOLS},
    {S_INIT("function"), S_INIT("AWS_LAMBDA"), DATA_LAMBDA},
};

bool data_mode_from_word(str word, enum data_provider *out)
{
    for (size_t i = 0; i < countof(MODES); i++) {
        if (str_eq(MODES[i].word, word) || str_eq(MODES[i].name, word)) {
            *out = MODES[i].provider;
            return true;
        }
    }
    return false;
}

str data_mode_name(enum data_provider provider)
{
    for (size_t i = 0; i < countof(MODES); i++) {
        if (MODES[i].provider == provider) {
            return MODES[i].name;
        }
    }
    unreachable("mode");
}

err *data_modes_parse(struct arena *arena, str text, struct data_modes *out)
{
    str word = {};
    *out = (struct data_modes){.all = DATA_IAM}; // Gen 2 always enables IAM
    while (str_next(&text, ',', &word)) {
        enum data_provider provider = DATA_IAM;
        if (!data_mode_from_word(str_trim(word), &provider)) {
            return fail(arena, ERR_CONFIG, "unknown authorization mode '%.*s'", PRI(word));
        }
        out->first = out->first == 0 ? provider : out->first;
        out->all |= provider;
    }
    out->first = out->first == 0 ? DATA_API_KEY : out->first;
    out->all |= out->first;
    return NULL;
}

struct data_model *data_api_model(const struct data_api *api, str name)
{
    for (size_t i = 0; i < api->model_count; i++) {
        if (str_eq(api->models[i]->name, name)) {
            return api->models[i];
        }
    }
    return NULL;
}

struct data_field *data_model_field(const struct data_model *model, str name)
{
    for (size_t i = 0; i < model->field_count; i++) {
        if (str_eq(model->fields[i].name, name)) {
            return &model->fields[i];
        }
    }
    return NULL;
}

const struct gql_definition *data_api_type(const struct data_api *api, str name)
{
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        if (d->kind >= GQL_DEF_SCALAR && d->kind <= GQL_DEF_INPUT && str_eq(d->name, name)) {
            return d;
        }
    }
    return NULL;
}

bool data_key_is_number(const struct data_model *model, str name)
{
    const struct data_field *field = data_model_field(model, name);
    return field != NULL && (str_eq(field->type, S("Int")) || str_eq(field->type, S("Float")) ||
                                str_eq(field->type, S("AWSTimestamp")));
}

str data_query_name(struct arena *arena, str prefix, str name)
{
    return str_cat(arena, prefix, str_upper_first(arena, name));
}

// ---- reading arguments -------------------------------------------------------------------------

static str argument_text(const struct gql_directive *directive, str name)
{
    const struct gql_value *value = gql_directive_argument(directive, name);
    bool text = value != NULL && (value->kind == GQL_VALUE_STRING || value->kind == GQL_VALUE_ENUM);
    return text ? value->text : (str){};
}

str *data_text_list(struct arena *arena, const struct gql_value *value, size_t *count)
{
    *count = value == NULL ? 0 : value->kind == GQL_VALUE_LIST ? value->count : 1;
    str *list = arena_array(arena, str, *count);
    for (size_t i = 0; i < *count; i++) {
        list[i] = value->kind == GQL_VALUE_LIST ? value->items[i].text : value->text;
    }
    return list;
}

// ---- fields ------------------------------------------------------------------------------------

static void read_checks(
    struct builder *b, const struct gql_member *member, struct data_field *field)
{
    field->checks = arena_array(b->arena, struct data_check, member->directive_count);
    for (size_t i = 0; i < member->directive_count; i++) {
        const struct gql_directive *directive = &member->directives[i];
        if (str_eq(directive->name, S("validate"))) {
            field->checks[field->check_count++] =
                (struct data_check){.type = argument_text(directive, S("type")),
                    .value = argument_text(directive, S("value")),
                    .message = argument_text(directive, S("errorMessage"))};
        }
    }
}

static void read_field(struct builder *b, const struct gql_member *member, struct data_field *field)
{
    const struct gql_type_ast *ast = member->type;
    *field = (struct data_field){.name = member->name, .type = gql_type_ast_name(ast), .ast = ast};
    field->is_required = ast->kind == GQL_AST_NON_NULL;
    const struct gql_type_ast *bare = field->is_required ? ast->of : ast;
    field->is_list = bare->kind == GQL_AST_LIST;
    field->item_is_required = field->is_list && bare->of->kind == GQL_AST_NON_NULL;
    const struct gql_definition *type = data_api_type(b->api, field->type);
    if (type != NULL && type->kind == GQL_DEF_ENUM) {
        field->kind = DATA_ENUM;
    } else if (type != NULL && type->kind == GQL_DEF_OBJECT) {
        field->kind = data_api_model(b->api, field->type) != NULL ? DATA_MODEL : DATA_CUSTOM;
        field->target = data_api_model(b->api, field->type);
    }
    const struct gql_directive *otherwise =
        gql_directive_find(member->directives, member->directive_count, S("default"));
    const struct gql_value *text = gql_directive_argument(otherwise, S("value"));
    field->has_default = text != NULL;
    field->default_text = text != NULL ? text->text : (str){};
    read_checks(b, member, field);
}

static void read_relation(struct builder *b, const struct data_model *model,
    const struct gql_member *member, struct data_field *field)
{
    static const struct {
        str name;
        enum data_relation relation;
    } RELATIONS[] = {{S_INIT("hasMany"), DATA_HAS_MANY}, {S_INIT("hasOne"), DATA_HAS_ONE},
        {S_INIT("belongsTo"), DATA_BELONGS_TO}};

    for (size_t i = 0; i < countof(RELATIONS); i++) {
        const struct gql_directive *directive =
            gql_directive_find(member->directives, member->directive_count, RELATIONS[i].name);
        if (directive != NULL) {
            field->relation = RELATIONS[i].relation;
            field->references = data_text_list(b->arena,
                gql_directive_argument(directive, S("references")), &field->reference_count);
            field->index_name = str_cat(b->arena, S("gsi-"), model->name, S("."), field->name);
        }
    }
}

// ---- keys and indexes --------------------------------------------------------------------------

static str join(struct arena *arena, const str *parts, size_t count)
{
    str out = count > 0 ? parts[0] : (str){};
    for (size_t i = 1; i < count; i++) {
        out = str_cat(arena, out, S("#"), parts[i]);
    }
    return out;
}

static void read_primary_key(struct builder *b, struct data_model *model)
{
    model->has_default_id = true;
    model->partition = S("id");
    for (size_t i = 0; i < model->source->member_count; i++) {
        const struct gql_member *member = &model->source->members[i];
        const struct gql_directive *key =
            gql_directive_find(member->directives, member->directive_count, S("primaryKey"));
        if (key != NULL) {
            model->has_default_id = false;
            model->partition = member->name;
            model->sort = data_text_list(
                b->arena, gql_directive_argument(key, S("sortKeyFields")), &model->sort_count);
            model->sort_attribute = join(b->arena, model->sort, model->sort_count);
        }
    }
}

// "postsByStatusAndDate"
static str default_index_name(
    struct arena *arena, const struct data_model *model, const struct data_index *index)
{
    str name = str_cat(arena, str_lower_first(arena, model->plural), S("By"),
        str_upper_first(arena, index->partition));
    for (size_t i = 0; i < index->sort_count; i++) {
        name = str_cat(arena, name, S("And"), str_upper_first(arena, index->sort[i]));
    }
    return name;
}

static void read_index(struct builder *b, struct data_model *model, const struct gql_member *member,
    const struct gql_directive *directive)
{
    struct data_index *index = &model->indexes[model->index_count++];
    const struct gql_value *query = gql_directive_argument(directive, S("queryField"));
    const struct gql_value *projection = gql_directive_argument(directive, S("projection"));
    const struct gql_value *type = gql_value_get(projection, S("type"));
    index->partition = member->name;
    index->sort = data_text_list(
        b->arena, gql_directive_argument(directive, S("sortKeyFields")), &index->sort_count);
    index->sort_attribute = join(b->arena, index->sort, index->sort_count);
    index->name = argument_text(directive, S("name"));
    index->projection = type != NULL ? type->text : S("ALL");
    index->included = data_text_list(
        b->arena, gql_value_get(projection, S("nonKeyAttributes")), &index->included_count);
    str otherwise = default_index_name(b->arena, model, index);
    index->is_named = index->name.ptr != NULL;
    index->name = index->is_named ? index->name : otherwise;
    index->names_query = query != NULL;
    index->has_query = query == NULL || query->kind == GQL_VALUE_STRING;
    index->query = query != NULL && query->kind == GQL_VALUE_STRING ? query->text : otherwise;
}

static void add_relation_index(
    struct builder *b, struct data_model *child, const struct data_field *field)
{
    child->indexes =
        arena_grow(b->arena, child->indexes, child->index_count * sizeof(struct data_index),
            (child->index_count + 1) * sizeof(struct data_index));
    struct data_index *index = &child->indexes[child->index_count++];
    index->name = field->index_name;
    index->partition = field->references[0];
    index->sort = field->references + 1;
    index->sort_count = field->reference_count - 1;
    index->sort_attribute = join(b->arena, index->sort, index->sort_count);
    index->projection = S("ALL");
    index->is_relation = true;
}

static size_t count_indexes(const struct data_model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->source->member_count; i++) {
        for (size_t k = 0; k < model->source->members[i].directive_count; k++) {
            count += str_eq(model->source->members[i].directives[k].name, S("index"));
        }
    }
    return count;
}

static void read_indexes(struct builder *b, struct data_model *model)
{
    model->indexes = arena_array(b->arena, struct data_index, count_indexes(model));
    for (size_t i = 0; i < model->source->member_count; i++) {
        const struct gql_member *member = &model->source->members[i];
        for (size_t k = 0; k < member->directive_count; k++) {
            if (str_eq(member->directives[k].name, S("index"))) {
                read_index(b, model, member, &member->directives[k]);
            }
        }
    }
}

// ---- models ------------------------------------------------------------------------------------

// Arguments of @model: a group or an operation set to null is off; a string names an operation.
static bool read_name(
    const struct gql_directive *model, const char *group, const char *op, str otherwise, str *name)
{
    const struct gql_value *all = gql_directive_argument(model, str_from(group));
    const struct gql_value *one = gql_value_get(all, str_from(op));
    bool off = (all != NULL && all->kind == GQL_VALUE_NULL) ||
               (one != NULL && one->kind == GQL_VALUE_NULL);
    *name = off ? (str){} : one != NULL ? one->text : otherwise;
    return name->len > 0;
}

static bool read_names(struct arena *arena, const struct gql_directive *model, const char *op,
    str type, struct data_names *names)
{
    const struct gql_value *all = gql_directive_argument(model, S("subscriptions"));
    const struct gql_value *one = gql_value_get(all, str_from(op));
    bool off = (all != NULL && all->kind == GQL_VALUE_NULL) ||
               (one != NULL && one->kind == GQL_VALUE_NULL);
    if (off) {
        return false;
    }
    if (one != NULL) {
        names->items = data_text_list(arena, one, &names->count);
        return names->count > 0;
    }
    names->items = arena_array(arena, str, 1);
    names->items[0] = data_subscription_name(arena, str_from(op), type);
    names->count = 1;
    return true;
}

static void read_switches(struct builder *b, struct data_model *m)
{
    struct arena *a = b->arena;
    const struct gql_directive *d =
        gql_directive_find(m->source->directives, m->source->directive_count, S("model"));
    const struct gql_value *stamps = gql_directive_argument(d, S("timestamps"));
    const struct gql_value *events = gql_directive_argument(d, S("subscriptions"));
    const struct gql_value *level = gql_value_get(events, S("level"));
    str list = data_query_name(a, S("list"), m->plural);
    bool listen = level == NULL || !str_eq(level->text, S("off"));
    m->get = read_name(d, "queries", "get", data_query_name(a, S("get"), m->name), &m->get_name);
    m->list = read_name(d, "queries", "list", list, &m->list_name);
    m->create = read_name(
        d, "mutations", "create", data_query_name(a, S("create"), m->name), &m->create_name);
    m->update = read_name(
        d, "mutations", "update", data_query_name(a, S("update"), m->name), &m->update_name);
    m->remove = read_name(
        d, "mutations", "delete", data_query_name(a, S("delete"), m->name), &m->remove_name);
    m->on_create =
        listen && m->create && read_names(a, d, "onCreate", m->name, &m->on_create_names);
    m->on_update =
        listen && m->update && read_names(a, d, "onUpdate", m->name, &m->on_update_names);
    m->on_delete =
        listen && m->remove && read_names(a, d, "onDelete", m->name, &m->on_delete_names);
    m->subscriptions_off = !listen;
    m->subscriptions_public = level != NULL && str_eq(level->text, S("public"));
    m->has_subscribers =
        listen && !m->subscriptions_public && (events == NULL || events->kind != GQL_VALUE_NULL);
    m->timestamps = stamps == NULL || stamps->kind != GQL_VALUE_NULL;
    (void)read_name(d, "timestamps", "createdAt", S("createdAt"), &m->created_at);
    (void)read_name(d, "timestamps", "updatedAt", S("updatedAt"), &m->updated_at);
}

static void read_model(struct builder *b, struct data_model *model)
{
    const struct gql_definition *d = model->source;
    model->plural = data_plural(b->arena, model->name);
    model->fields = arena_array(b->arena, struct data_field, d->member_count);
    model->field_count = d->member_count;
    for (size_t i = 0; i < d->member_count; i++) {
        read_field(b, &d->members[i], &model->fields[i]);
        read_relation(b, model, &d->members[i], &model->fields[i]);
    }
    model->declares_id = data_model_field(model, S("id")) != NULL;
    read_primary_key(b, model);
    read_indexes(b, model);
    read_switches(b, model);
}

// Every hasMany and hasOne has an index on the other side's table.
static void add_relation_indexes(struct builder *b)
{
    for (size_t i = 0; i < b->api->model_count; i++) {
        const struct data_model *model = b->api->models[i];
        for (size_t k = 0; k < model->field_count; k++) {
            const struct data_field *field = &model->fields[k];
            if (field->relation == DATA_HAS_MANY || field->relation == DATA_HAS_ONE) {
                add_relation_index(b, field->target, field);
            }
        }
    }
}

err *data_api_build(
    struct arena *arena, str sdl, const struct data_modes *modes, struct data_api **out)
{
    struct data_api *api = arena_new_of(arena, struct data_api);
    struct builder b = {.arena = arena, .api = api};
    api->arena = arena;
    api->modes = *modes;
    api->sandbox = (modes->all & ~(unsigned)DATA_IAM) == DATA_API_KEY;
    struct gql_parse_limits limits = {.tokens_max = 10000000, .depth_max = 200};
    TRY(gql_parse(arena, sdl, &limits, &api->doc, NULL));
    TRY(data_check_sdl(arena, api->doc));
    api->models = arena_array(arena, struct data_model *, api->doc->definition_count);
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        if (d->kind == GQL_DEF_OBJECT &&
            gql_directive_find(d->directives, d->directive_count, S("model")) != NULL) {
            struct data_model *model = arena_new_of(arena, struct data_model);
            *model = (struct data_model){.name = d->name, .source = d};
            api->models[api->model_count++] = model;
        }
    }
    for (size_t i = 0; i < api->model_count; i++) {
        read_model(&b, api->models[i]);
    }
    TRY(data_check_models(&b));
    add_relation_indexes(&b);
    for (size_t i = 0; i < api->model_count; i++) {
        TRY(data_rules_read(&b, api->models[i]));
    }
    TRY(data_rules_check_others(&b));
    TRY(data_schema_build(api));
    TRY(data_check_resolvers(&b));
    *out = api;
    return NULL;
}
