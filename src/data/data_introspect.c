// model_introspection, as the official generator (appsync-modelgen, target "introspection") makes
// it.
#include "data/data_model.h"

struct maker {
    struct arena *arena;
    const struct data_api *api;
};

static struct json *text(struct maker *m, str value)
{
    return json_string(m->arena, value);
}

static struct json *type_value(struct maker *m, str name)
{
    const struct gql_definition *d = data_api_type(m->api, name);
    str kind = d == NULL                              ? (str){}
               : d->kind == GQL_DEF_ENUM              ? S("enum")
               : d->kind == GQL_DEF_INPUT             ? S("input")
               : d->kind == GQL_DEF_UNION             ? S("union")
               : d->kind == GQL_DEF_INTERFACE         ? S("interface")
               : data_api_model(m->api, name) != NULL ? S("model")
               : d->kind == GQL_DEF_OBJECT            ? S("nonModel")
                                                      : (str){};
    if (kind.ptr == NULL) {
        return text(m, name);
    }
    struct json *value = json_object(m->arena);
    json_set(value, kind, text(m, name));
    return value;
}

// {name, isArray, type, isRequired [, attributes] [, isArrayNullable]}
static struct json *typed(
    struct maker *m, str name, const struct gql_type_ast *ast, bool attributes)
{
    struct json *value = json_object(m->arena);
    bool required = ast->kind == GQL_AST_NON_NULL;
    const struct gql_type_ast *bare = required ? ast->of : ast;
    bool list = bare->kind == GQL_AST_LIST;
    bool item_required = required;
    for (const struct gql_type_ast *t = ast; t->kind != GQL_AST_NAMED; t = t->of) {
        item_required = t->kind == GQL_AST_NON_NULL;
    }
    json_set(value, S("name"), text(m, name));
    json_set(value, S("isArray"), json_bool(m->arena, list));
    json_set(value, S("type"), type_value(m, gql_type_ast_name(ast)));
    json_set(value, S("isRequired"), json_bool(m->arena, item_required));
    if (attributes) {
        json_set(value, S("attributes"), json_array(m->arena));
    }
    if (list) {
        json_set(value, S("isArrayNullable"), json_bool(m->arena, !required));
    }
    return value;
}

static struct json *scalar_field(struct maker *m, str name, str type, bool required, bool read_only)
{
    struct json *value = json_object(m->arena);
    json_set(value, S("name"), text(m, name));
    json_set(value, S("isArray"), json_bool(m->arena, false));
    json_set(value, S("type"), text(m, type));
    json_set(value, S("isRequired"), json_bool(m->arena, required));
    json_set(value, S("attributes"), json_array(m->arena));
    if (read_only) {
        json_set(value, S("isReadOnly"), json_bool(m->arena, true));
    }
    return value;
}

static struct json *texts(struct maker *m, const str *list, size_t count)
{
    struct json *array = json_array(m->arena);
    for (size_t i = 0; i < count; i++) {
        json_push(array, text(m, list[i]));
    }
    return array;
}

static void add_association(struct maker *m, struct json *value, const struct data_field *field)
{
    struct json *association = json_object(m->arena);
    struct json *references = texts(m, field->references, field->reference_count);
    switch (field->relation) {
    case DATA_NO_RELATION: return;
    case DATA_HAS_MANY:
        json_set(association, S("connectionType"), text(m, S("HAS_MANY")));
        json_set(association, S("associatedWith"), references);
        break;
    case DATA_HAS_ONE:
        json_set(association, S("connectionType"), text(m, S("HAS_ONE")));
        json_set(association, S("associatedWith"), references);
        json_set(association, S("targetNames"), json_array(m->arena));
        break;
    case DATA_BELONGS_TO:
        json_set(association, S("connectionType"), text(m, S("BELONGS_TO")));
        json_set(association, S("targetNames"), references);
        break;
    }
    json_set(value, S("association"), association);
}

// Fields of union and interface types are left out.
static bool is_abstract(struct maker *m, const struct gql_type_ast *ast)
{
    const struct gql_definition *d = data_api_type(m->api, gql_type_ast_name(ast));
    return d != NULL && (d->kind == GQL_DEF_UNION || d->kind == GQL_DEF_INTERFACE);
}

static void add_field(struct maker *m, struct json *fields, const struct data_field *field)
{
    if (!is_abstract(m, field->ast)) {
        struct json *value = typed(m, field->name, field->ast, true);
        add_association(m, value, field);
        json_set(fields, field->name, value);
    }
}

static void add_stamps(struct maker *m, struct json *fields, const struct data_model *model)
{
    const str names[] = {model->created_at.len > 0 ? model->created_at : S("createdAt"),
        model->updated_at.len > 0 ? model->updated_at : S("updatedAt")};
    for (size_t i = 0; i < countof(names) && model->timestamps; i++) {
        if (json_get(fields, names[i]) == NULL) {
            json_set(fields, names[i], scalar_field(m, names[i], S("AWSDateTime"), false, true));
        }
    }
}

static struct json *model_fields(struct maker *m, const struct data_model *model)
{
    struct json *fields = json_object(m->arena);
    const struct data_field *id = data_model_field(model, S("id"));
    if (id != NULL) {
        add_field(m, fields, id); // always the first
    } else if (model->has_default_id) {
        json_set(fields, S("id"), scalar_field(m, S("id"), S("ID"), true, false));
    }
    if (id != NULL && model->has_default_id) {
        json_set(json_get(fields, S("id")), S("isRequired"), json_bool(m->arena, true));
    }
    for (size_t i = 0; i < model->field_count; i++) {
        if (&model->fields[i] != id) {
            add_field(m, fields, &model->fields[i]);
        }
    }
    add_stamps(m, fields, model);
    return fields;
}

// ---- attributes
// ----------------------------------------------------------------------------------

static struct json *value_json(struct maker *m, const struct gql_value *value)
{
    struct json *out = NULL;
    switch (value->kind) {
    case GQL_VALUE_NULL: return json_null(m->arena);
    case GQL_VALUE_BOOLEAN: return json_bool(m->arena, value->boolean);
    case GQL_VALUE_INT:
    case GQL_VALUE_FLOAT: return json_number(m->arena, value->text);
    case GQL_VALUE_LIST:
    case GQL_VALUE_OBJECT:
        out = value->kind == GQL_VALUE_LIST ? json_array(m->arena) : json_object(m->arena);
        for (size_t i = 0; i < value->count; i++) {
            struct json *item = value_json(m, &value->items[i]);
            item->key = value->items[i].key;
            json_push(out, item);
        }
        return out;
    default: return text(m, value->text);
    }
}

static void push_attribute(struct maker *m, struct json *list, str type, struct json *properties)
{
    struct json *attribute = json_object(m->arena);
    json_set(attribute, S("type"), text(m, type));
    json_set(attribute, S("properties"), properties);
    json_push(list, attribute);
}

// Members in the order the official generator has them: it spreads the rule over some defaults.
static struct json *rule_json(struct maker *m, const struct data_rule *rule)
{
    static const str ALL[] = {S_INIT("create"), S_INIT("update"), S_INIT("delete"), S_INIT("read")};
    const struct gql_value *source = rule->source;
    struct json *out = json_object(m->arena);
    bool owner = rule->allow == DATA_ALLOW_OWNER;
    bool groups = rule->allow == DATA_ALLOW_GROUPS;
    if (groups) {
        json_set(out, S("groupClaim"), text(m, S("cognito:groups")));
    }
    if (owner || groups) {
        json_set(out, S("provider"), text(m, S("userPools")));
    }
    if (owner) {
        json_set(out, S("ownerField"), text(m, S("owner")));
    }
    for (size_t i = 0; i < source->count; i++) {
        json_set(out, source->items[i].key, value_json(m, &source->items[i]));
    }
    str claim = json_get_str(out, S("identityClaim"));
    if (owner && (claim.len == 0 || str_eq(claim, S("username")))) {
        json_set(out, S("identityClaim"), text(m, S("cognito:username")));
    }
    if (groups && json_get(out, S("groups")) == NULL) {
        json_set(out, S("groupField"), text(m, S("groups")));
    }
    if (json_is_null(json_get(out, S("operations")))) {
        json_set(out, S("operations"), texts(m, ALL, countof(ALL)));
    }
    return out;
}

static struct json *rules_json(struct maker *m, const struct data_rule *rules, size_t count)
{
    struct json *properties = json_object(m->arena);
    struct json *list = json_array(m->arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, rule_json(m, &rules[i]));
    }
    json_set(properties, S("rules"), list);
    return properties;
}

static struct json *key_json(struct maker *m, str partition, const str *sort, size_t count)
{
    struct json *fields = texts(m, sort, count);
    struct json *all = json_array(m->arena);
    json_push(all, text(m, partition));
    json_each (item, fields) {
        json_push(all, json_string(m->arena, item->text));
    }
    return all;
}

static struct json *arguments_json(struct maker *m, const struct gql_directive *d)
{
    struct json *out = json_object(m->arena);
    for (size_t i = 0; i < d->argument_count; i++) {
        json_set(out, d->arguments[i].name, value_json(m, &d->arguments[i].value));
    }
    return out;
}

static void add_index_keys(struct maker *m, struct json *list, const struct data_model *model)
{
    for (size_t i = 0; i < model->index_count; i++) {
        const struct data_index *index = &model->indexes[i];
        if (index->is_relation) {
            continue;
        }
        struct json *key = json_object(m->arena);
        json_set(key, S("name"), text(m, index->name));
        if (index->names_query) {
            json_set(key, S("queryField"),
                index->has_query ? text(m, index->query) : json_null(m->arena));
        }
        json_set(key, S("fields"), key_json(m, index->partition, index->sort, index->sort_count));
        push_attribute(m, list, S("key"), key);
    }
}

// A hasMany whose other side shows no belongsTo at its first field of that type gives a key there.
static void add_implied_keys(struct maker *m, struct json *list, const struct data_model *model)
{
    for (size_t i = 0; i < m->api->model_count; i++) {
        const struct data_model *parent = m->api->models[i];
        const struct data_field *back = NULL;
        for (size_t k = 0; k < model->field_count && back == NULL; k++) {
            back = str_eq(model->fields[k].type, parent->name) ? &model->fields[k] : NULL;
        }
        bool implied = back == NULL || back->relation != DATA_BELONGS_TO;
        for (size_t k = 0; k < parent->field_count && implied; k++) {
            const struct data_field *field = &parent->fields[k];
            if (field->relation == DATA_HAS_MANY && field->target == model) {
                struct json *key = json_object(m->arena);
                json_set(key, S("name"), text(m, field->index_name));
                json_set(key, S("fields"), texts(m, field->references, field->reference_count));
                push_attribute(m, list, S("key"), key);
            }
        }
    }
}

static struct json *model_attributes(struct maker *m, const struct data_model *model)
{
    struct json *list = json_array(m->arena);
    for (size_t i = 0; i < model->source->directive_count; i++) {
        const struct gql_directive *d = &model->source->directives[i];
        if (!str_eq(d->name, S("auth"))) {
            push_attribute(m, list, d->name, arguments_json(m, d));
        }
    }
    if (!model->has_default_id) {
        struct json *key = json_object(m->arena);
        json_set(key, S("fields"), key_json(m, model->partition, model->sort, model->sort_count));
        push_attribute(m, list, S("key"), key);
    }
    add_index_keys(m, list, model);
    add_implied_keys(m, list, model);
    if (model->is_ruled) {
        push_attribute(m, list, S("auth"), rules_json(m, model->rules, model->rule_count));
    }
    return list;
}

static struct json *model_json(struct maker *m, const struct data_model *model)
{
    struct json *out = json_object(m->arena);
    struct json *key = json_object(m->arena);
    bool plain_id =
        model->has_default_id || (str_eq(model->partition, S("id")) && model->sort_count == 0);
    json_set(out, S("name"), text(m, model->name));
    json_set(out, S("fields"), model_fields(m, model));
    json_set(out, S("syncable"), json_bool(m->arena, true));
    json_set(out, S("pluralName"), text(m, model->plural));
    json_set(out, S("attributes"), model_attributes(m, model));
    json_set(key, S("isCustomPrimaryKey"), json_bool(m->arena, !plain_id));
    json_set(key, S("primaryKeyFieldName"), text(m, model->partition));
    json_set(key, S("sortKeyFieldNames"), texts(m, model->sort, model->sort_count));
    json_set(out, S("primaryKeyInfo"), key);
    return out;
}

// ---- the other kinds
// -----------------------------------------------------------------------------

static struct json *members_json(struct maker *m, const struct gql_definition *d, str key)
{
    bool fields = str_eq(key, S("fields"));
    struct json *out = json_object(m->arena);
    struct json *members = json_object(m->arena);
    json_set(out, S("name"), text(m, d->name));
    for (size_t i = 0; i < d->member_count; i++) {
        str name = d->members[i].name;
        if (!fields || !is_abstract(m, d->members[i].type)) {
            json_set(members, name, typed(m, name, d->members[i].type, fields));
        }
    }
    json_set(out, key, members);
    return out;
}

// CONSTANT_CASE of the official generator, which keeps only one of the values that agree in it.
static str constant_case(struct arena *arena, str name)
{
    struct buf out = buf_in(arena, SIZE_MAX / 4);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        char before = i > 0 ? name.ptr[i - 1] : '_';
        char after = i + 1 < name.len ? name.ptr[i + 1] : '_';
        bool upper = c >= 'A' && c <= 'Z';
        bool word_ends = (before >= 'a' && before <= 'z') || (before >= '0' && before <= '9') ||
                         (before >= 'A' && before <= 'Z' && after >= 'a' && after <= 'z');
        if (c == '_' || (upper && word_ends)) {
            bool gap = out.len > 0 && out.ptr[out.len - 1] != '_';
            buf_add(&out, gap ? S("_") : S(""));
        }
        if (c != '_') {
            buf_add_char(&out, c >= 'a' && c <= 'z' ? (char)(c - 32) : c);
        }
    }
    bool trailing = out.len > 0 && out.ptr[out.len - 1] == '_';
    return str_sub(buf_str(&out), 0, out.len - trailing);
}

static struct json *enum_json(struct maker *m, const struct gql_definition *d)
{
    struct json *out = json_object(m->arena);
    struct json *values = json_array(m->arena);
    struct map *seen = map_new(m->arena);
    for (size_t i = 0; i < d->member_count; i++) {
        str key = constant_case(m->arena, d->members[i].name);
        struct json *known = map_get(seen, key);
        if (known != NULL) {
            known->text = d->members[i].name;
            continue;
        }
        struct json *value = text(m, d->members[i].name);
        map_set(seen, key, value);
        json_push(values, value);
    }
    json_set(out, S("name"), text(m, d->name));
    json_set(out, S("values"), values);
    return out;
}

static void add_operations(
    struct maker *m, const struct gql_definition *d, str only, bool with, struct json *out)
{
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *op = &d->members[i];
        bool has = gql_directive_find(op->directives, op->directive_count, only) != NULL;
        if (has != with || is_abstract(m, op->type)) {
            continue;
        }
        struct json *value = typed(m, op->name, op->type, false);
        struct json *arguments = json_object(m->arena);
        for (size_t k = 0; k < op->argument_count; k++) {
            json_set(arguments, op->arguments[k].name,
                typed(m, op->arguments[k].name, op->arguments[k].type, false));
        }
        if (op->argument_count > 0) {
            json_set(value, S("arguments"), arguments);
        }
        json_set(out, op->name, value);
    }
}

// Operations of a root type that carry (or do not carry) the directive; extensions count.
static struct json *operations_json(struct maker *m, str root, str only, bool with)
{
    struct json *out = json_object(m->arena);
    for (size_t i = 0; i < m->api->doc->definition_count; i++) {
        const struct gql_definition *d = &m->api->doc->definitions[i];
        if (d->kind == GQL_DEF_OBJECT && str_eq(d->name, root)) {
            add_operations(m, d, only, with, out);
        }
    }
    return out;
}

static void set_if_any(struct json *out, str key, struct json *members)
{
    if (members->count > 0) {
        json_set(out, key, members);
    }
}

struct json *data_model_introspection(struct arena *arena, const struct data_api *api)
{
    struct maker m = {.arena = arena, .api = api};
    struct json *out = json_object(arena);
    struct json *models = json_object(arena);
    struct json *enums = json_object(arena);
    struct json *types = json_object(arena);
    struct json *inputs = json_object(arena);
    for (size_t i = 0; i < api->model_count; i++) {
        json_set(models, api->models[i]->name, model_json(&m, api->models[i]));
    }
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        bool root = str_eq(d->name, S("Query")) || str_eq(d->name, S("Mutation")) ||
                    str_eq(d->name, S("Subscription"));
        if (d->kind == GQL_DEF_ENUM) {
            json_set(enums, d->name, enum_json(&m, d));
        } else if (d->kind == GQL_DEF_INPUT && !d->is_extension) {
            json_set(inputs, d->name, members_json(&m, d, S("attributes")));
        } else if (d->kind == GQL_DEF_OBJECT && !root && data_api_model(api, d->name) == NULL) {
            json_set(types, d->name, members_json(&m, d, S("fields")));
        }
    }
    json_set(out, S("version"), json_int(arena, 1));
    json_set(out, S("models"), models);
    json_set(out, S("enums"), enums);
    json_set(out, S("nonModels"), types);
    set_if_any(out, S("queries"), operations_json(&m, S("Query"), S("generation"), false));
    set_if_any(out, S("generations"), operations_json(&m, S("Query"), S("generation"), true));
    set_if_any(out, S("mutations"), operations_json(&m, S("Mutation"), S("conversation"), false));
    set_if_any(out, S("subscriptions"), operations_json(&m, S("Subscription"), (str){}, false));
    set_if_any(out, S("inputs"), inputs);
    return out;
}
