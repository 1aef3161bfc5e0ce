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
    json_set(value, S("name"), text(m, name));
    json_set(value, S("isArray"), json_bool(m->arena, list));
    json_set(value, S("type"), type_value(m, gql_type_ast_name(ast)));
    json_set(value, S("isRequired"),
        json_bool(m->arena, list ? bare->of->kind == GQL_AST_NON_NULL : required));
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

static struct json *model_fields(struct maker *m, const struct data_model *model)
{
    struct json *fields = json_object(m->arena);
    if (!model->declares_id && model->has_default_id) {
        json_set(fields, S("id"), scalar_field(m, S("id"), S("ID"), true, false));
    }
    for (size_t i = 0; i < model->field_count; i++) {
        const struct data_field *field = &model->fields[i];
        struct json *value = typed(m, field->name, field->ast, true);
        add_association(m, value, field);
        json_set(fields, field->name, value);
    }
    static const str STAMPS[] = {S_INIT("createdAt"), S_INIT("updatedAt")};
    for (size_t i = 0; i < countof(STAMPS) && model->timestamps; i++) {
        if (data_model_field(model, STAMPS[i]) == NULL) {
            json_set(fields, STAMPS[i], scalar_field(m, STAMPS[i], S("AWSDateTime"), false, true));
        }
    }
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

static struct json *rule_json(struct maker *m, const struct data_rule *rule)
{
    static const str ALL[] = {S_INIT("create"), S_INIT("update"), S_INIT("delete"), S_INIT("read")};
    const struct gql_value *source = rule->source;
    struct json *out = json_object(m->arena);
    for (size_t i = 0; i < source->count; i++) {
        json_set(out, source->items[i].key, value_json(m, &source->items[i]));
    }
    bool owner = rule->allow == DATA_ALLOW_OWNER;
    bool groups = rule->allow == DATA_ALLOW_GROUPS;
    if ((owner || groups) && json_get(out, S("provider")) == NULL) {
        json_set(out, S("provider"), text(m, S("userPools")));
    }
    if (owner && json_get(out, S("identityClaim")) == NULL) {
        json_set(out, S("identityClaim"), text(m, S("cognito:username")));
    }
    if (owner && json_get(out, S("ownerField")) == NULL) {
        json_set(out, S("ownerField"), text(m, S("owner")));
    }
    if (groups && json_get(out, S("groupClaim")) == NULL) {
        json_set(out, S("groupClaim"), text(m, S("cognito:groups")));
    }
    if (rule->groups_field.len > 0) {
        json_set(out, S("groupField"), text(m, S("groups")));
    }
    if (json_get(out, S("operations")) == NULL) {
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

static struct json *model_attributes(struct maker *m, const struct data_model *model)
{
    struct json *list = json_array(m->arena);
    struct json *switches = json_object(m->arena);
    const struct gql_directive *d =
        gql_directive_find(model->source->directives, model->source->directive_count, S("model"));
    for (size_t i = 0; i < d->argument_count; i++) {
        json_set(switches, d->arguments[i].name, value_json(m, &d->arguments[i].value));
    }
    push_attribute(m, list, S("model"), switches);
    if (!model->has_default_id) {
        struct json *key = json_object(m->arena);
        json_set(key, S("fields"), key_json(m, model->partition, model->sort, model->sort_count));
        push_attribute(m, list, S("key"), key);
    }
    for (size_t i = 0; i < model->index_count; i++) {
        const struct data_index *index = &model->indexes[i];
        if (index->is_relation) {
            continue;
        }
        struct json *key = json_object(m->arena);
        json_set(key, S("name"), text(m, index->name));
        json_set(
            key, S("queryField"), index->has_query ? text(m, index->query) : json_null(m->arena));
        json_set(key, S("fields"), key_json(m, index->partition, index->sort, index->sort_count));
        push_attribute(m, list, S("key"), key);
    }
    if (model->rule_count > 0) {
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
    for (size_t i = 0; i < model->field_count; i++) {
        const struct data_field *field = &model->fields[i];
        struct json *list =
            json_get(json_get(json_get(out, S("fields")), field->name), S("attributes"));
        if (field->rule_count > 0 && list != NULL) {
            push_attribute(m, list, S("auth"), rules_json(m, field->rules, field->rule_count));
        }
    }
    return out;
}

// ---- the other kinds
// -----------------------------------------------------------------------------

static struct json *members_json(struct maker *m, const struct gql_definition *d, str key)
{
    struct json *out = json_object(m->arena);
    struct json *members = json_object(m->arena);
    json_set(out, S("name"), text(m, d->name));
    for (size_t i = 0; i < d->member_count; i++) {
        bool fields = str_eq(key, S("fields"));
        json_set(
            members, d->members[i].name, typed(m, d->members[i].name, d->members[i].type, fields));
    }
    json_set(out, key, members);
    return out;
}

static struct json *enum_json(struct maker *m, const struct gql_definition *d)
{
    struct json *out = json_object(m->arena);
    struct json *values = json_array(m->arena);
    for (size_t i = 0; i < d->member_count; i++) {
        json_push(values, text(m, d->members[i].name));
    }
    json_set(out, S("name"), text(m, d->name));
    json_set(out, S("values"), values);
    return out;
}

static struct json *operations_json(struct maker *m, str root)
{
    const struct gql_definition *d = data_api_type(m->api, root);
    struct json *out = json_object(m->arena);
    for (size_t i = 0; d != NULL && i < d->member_count; i++) {
        const struct gql_member *op = &d->members[i];
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
        } else if (d->kind == GQL_DEF_INPUT) {
            json_set(inputs, d->name, members_json(&m, d, S("attributes")));
        } else if (d->kind == GQL_DEF_OBJECT && !root && data_api_model(api, d->name) == NULL) {
            json_set(types, d->name, members_json(&m, d, S("fields")));
        }
    }
    json_set(out, S("version"), json_int(arena, 1));
    json_set(out, S("models"), models);
    json_set(out, S("enums"), enums);
    json_set(out, S("nonModels"), types);
    set_if_any(out, S("queries"), operations_json(&m, S("Query")));
    set_if_any(out, S("mutations"), operations_json(&m, S("Mutation")));
    set_if_any(out, S("subscriptions"), operations_json(&m, S("Subscription")));
    set_if_any(out, S("inputs"), inputs);
    return out;
}
