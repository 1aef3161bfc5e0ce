// The served schema, put together in the steps of the official transformer, since the order of
// fields and much of what is there at all come from their sequence: models, primary keys, indexes,
// relations, authorisation.
#include "data/data_served.h"

#include <openssl/evp.h>

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

// ---- keys as arguments -------------------------------------------------------------------------

static str base_of(const struct data_model *m, str field)
{
    return data_model_field(m, field)->type;
}

// toCamelCase of the official tools.
static str camel(struct arena *arena, const str *fields, size_t count)
{
    str name = str_lower_first(arena, fields[0]);
    for (size_t i = 1; i < count; i++) {
        name = str_cat(arena, name, str_upper_first(arena, fields[i]));
    }
    return name;
}

static str composite_type(
    struct arena *arena, const struct data_model *m, str stem, const char *suffix)
{
    return str_cat(arena, S("Model"), m->name, stem, str_from(suffix));
}

static str key_condition(struct served *s, const struct data_model *m, str sort)
{
    return str_cat(s->arena, S("Model"), data_filter_scalar(data_model_field(m, sort)),
        S("KeyConditionInput"));
}

// ", name: ModelStringKeyConditionInput": the sort key of a list or index query.
static str sort_argument(
    struct served *s, const struct data_model *m, str stem, const str *sort, size_t count)
{
    if (count == 0) {
        return (str){};
    }
    if (count == 1) {
        return str_cat(s->arena, S(", "), sort[0], S(": "), key_condition(s, m, sort[0]));
    }
    return str_cat(s->arena, S(", "), camel(s->arena, sort, count), S(": "),
        composite_type(s->arena, m, stem, "CompositeKeyConditionInput"));
}

static void put_all(struct served *s, struct served_type *type, str of, bool begins_with)
{
    static const str NAMES[] = {
        S_INIT("eq"), S_INIT("le"), S_INIT("lt"), S_INIT("ge"), S_INIT("gt")};
    for (size_t i = 0; i < countof(NAMES); i++) {
        served_put(s, type, NAMES[i], of);
    }
    served_put(s, type, S("between"), str_cat(s->arena, S("["), of, S("]")));
    if (begins_with) {
        served_put(s, type, S("beginsWith"), of);
    }
}

static void add_composite_types(
    struct served *s, const struct data_model *m, str stem, const str *sort, size_t count)
{
    str name = composite_type(s->arena, m, stem, "CompositeKeyInput");
    struct served_type *condition = served_add(
        s, GQL_DEF_INPUT, composite_type(s->arena, m, stem, "CompositeKeyConditionInput"));
    if (condition != NULL) {
        put_all(s, condition, name, true);
    }
    struct served_type *type = served_add(s, GQL_DEF_INPUT, name);
    for (size_t i = 0; type != NULL && i < count; i++) {
        const struct data_field *field = data_model_field(m, sort[i]);
        bool plain = i + 1 == count && data_is_known_scalar(field->type);
        served_put(s, type, field->name, plain ? data_filter_scalar(field) : field->type);
    }
}

static void add_key_types(
    struct served *s, const struct data_model *m, str stem, const str *sort, size_t count)
{
    if (count > 1) {
        add_composite_types(s, m, stem, sort, count);
    }
    if (count == 1) {
        str scalar = data_filter_scalar(data_model_field(m, sort[0]));
        struct served_type *type = served_add(s, GQL_DEF_INPUT, key_condition(s, m, sort[0]));
        if (type != NULL) {
            put_all(s, type, scalar, str_eq(scalar, S("String")) || str_eq(scalar, S("ID")));
        }
    }
}

// ---- models ------------------------------------------------------------------------------------

static void add_generated_fields(struct served *s, const struct data_model *m)
{
    struct served_type *type = served_get(s, m->name);
    const str stamps[] = {m->created_at, m->updated_at};
    if (!m->declares_id) {
        served_put(s, type, S("id"), S("ID!"));
    }
    for (size_t i = 0; i < countof(stamps); i++) {
        if (stamps[i].len > 0 && served_find(type, stamps[i]) == NULL) {
            served_put(s, type, stamps[i], S("AWSDateTime!"));
        }
    }
}

static void add_connection(struct served *s, str name, const struct data_model *m)
{
    struct served_type *type = served_add(s, GQL_DEF_OBJECT, name);
    if (type != NULL) {
        served_put(s, type, S("items"), str_cat(s->arena, S("["), m->name, S("]!")));
        served_put(s, type, S("nextToken"), S("String"));
    }
}

// "id: ID!" or the fields of the primary key.
static str get_arguments(struct served *s, const struct data_model *m)
{
    if (m->has_default_id) {
        return S("id: ID!");
    }
    str text = str_cat(s->arena, m->partition, S(": "), base_of(m, m->partition), S("!"));
    for (size_t i = 0; i < m->sort_count; i++) {
        text =
            str_cat(s->arena, text, S(", "), m->sort[i], S(": "), base_of(m, m->sort[i]), S("!"));
    }
    return text;
}

static str list_arguments(struct served *s, const struct data_model *m)
{
    str filter = schema_model_name(s->arena, "Model", m->name, "FilterInput");
    str text = str_cat(s->arena, S("filter: "), filter, S(", limit: Int, nextToken: String"));
    if (m->has_default_id) {
        return text;
    }
    return str_cat(s->arena, m->partition, S(": "), base_of(m, m->partition),
        sort_argument(s, m, S("Primary"), m->sort, m->sort_count), S(", "), text,
        S(", sortDirection: ModelSortDirection"));
}

static void add_queries(struct served *s, const struct data_model *m)
{
    str connection = schema_model_name(s->arena, "Model", m->name, "Connection");
    if (m->list) {
        add_connection(s, connection, m);
        schema_add_filter(s, m);
    }
    if (m->get) {
        served_add_operation(s, S("Query"), m->get_name, get_arguments(s, m), m->name);
    }
    if (m->list) {
        served_add_operation(s, S("Query"), m->list_name, list_arguments(s, m), connection);
    }
}

static void add_mutations(struct served *s, const struct data_model *m)
{
    const struct {
        bool on;
        str name;
        const char *input;
        void (*add)(struct served *s, const struct data_model *m);
    } OPS[] = {
        {m->create, m->create_name, "Create", schema_add_create_input},
        {m->update, m->update_name, "Update", schema_add_update_input},
        {m->remove, m->remove_name, "Delete", schema_add_delete_input},
    };

    for (size_t i = 0; i < countof(OPS); i++) {
        if (OPS[i].on) {
            schema_add_condition(s, m);
            OPS[i].add(s, m);
            str arguments = str_cat(s->arena, S("input: "),
                schema_model_name(s->arena, OPS[i].input, m->name, "Input!"), S(", condition: "),
                schema_model_name(s->arena, "Model", m->name, "ConditionInput"));
            served_add_operation(s, S("Mutation"), OPS[i].name, arguments, m->name);
        }
    }
}

static void add_subscriptions(struct served *s, const struct data_model *m)
{
    const struct {
        bool on;
        const struct data_names *names;
        str mutation;
    } OPS[] = {
        {m->on_create, &m->on_create_names, m->create_name},
        {m->on_update, &m->on_update_names, m->update_name},
        {m->on_delete, &m->on_delete_names, m->remove_name},
    };

    str filter = schema_model_name(s->arena, "ModelSubscription", m->name, "FilterInput");
    for (size_t i = 0; i < countof(OPS); i++) {
        for (size_t k = 0; OPS[i].on && k < OPS[i].names->count; k++) {
            schema_add_subscription_filter(s, m);
            struct served_field *field = served_add_operation(s, S("Subscription"),
                OPS[i].names->items[k], str_cat(s->arena, S("filter: "), filter), m->name);
            field->kept =
                str_cat(s->arena, S(" @aws_subscribe(mutations: [\""), OPS[i].mutation, S("\"])"));
        }
    }
}

static void add_model(struct served *s, const struct data_model *m)
{
    add_generated_fields(s, m);
    schema_add_custom_inputs(s, m);
    add_queries(s, m);
    add_mutations(s, m);
    add_subscriptions(s, m);
    schema_allow_unruled(s, m);
}

// ---- keys, indexes, relations ------------------------------------------------------------------

static struct served_type *condition_of(struct served *s, const struct data_model *m)
{
    return served_get(s, str_cat(s->arena, S("Model"), m->name, S("ConditionInput")));
}

static void apply_primary_key(struct served *s, const struct data_model *m)
{
    struct served_type *condition = condition_of(s, m);
    if (!m->declares_id) {
        served_remove(served_get(s, m->name), S("id"));
    }
    add_key_types(s, m, S("Primary"), m->sort, m->sort_count);
    if (condition != NULL) {
        served_remove(condition, S("id"));
        served_remove(condition, m->partition);
        for (size_t i = 0; i < m->sort_count; i++) {
            served_remove(condition, m->sort[i]);
        }
    }
}

static void add_index(struct served *s, const struct data_model *m, const struct data_index *index)
{
    str stem = str_upper_first(s->arena, index->name);
    if (index->has_query) {
        str connection = str_cat(s->arena, S("Model"), m->name, S("Connection"));
        str arguments = str_cat(s->arena, index->partition, S(": "), base_of(m, index->partition),
            S("!"), sort_argument(s, m, stem, index->sort, index->sort_count),
            S(", sortDirection: ModelSortDirection, filter: Model"), m->name,
            S("FilterInput, limit: Int, nextToken: String"));
        struct served_field *field =
            served_add_operation(s, S("Query"), index->query, arguments, connection);
        field->access |= m->is_ruled                       ? 0U
                         : s->api->sandbox                 ? DATA_API_KEY | DATA_IAM
                         : s->api->modes.first != DATA_IAM ? DATA_IAM
                                                           : 0U;
        schema_add_index_filter(s, m);
        add_connection(s, connection, m);
    }
    add_key_types(s, m, stem, index->sort, index->sort_count);
    struct served_type *condition = condition_of(s, m);
    if (condition != NULL) {
        served_remove(condition, S("id"));
    }
}

static void add_relations(struct served *s, const struct data_model *m)
{
    for (size_t i = 0; i < m->field_count; i++) {
        const struct data_field *field = &m->fields[i];
        if (field->relation != DATA_HAS_MANY) {
            continue;
        }
        str connection = str_cat(s->arena, S("Model"), field->type, S("Connection"));
        struct served_field *served = served_find(served_get(s, m->name), field->name);
        add_connection(s, connection, field->target);
        served->type = connection;
        served->description = (str){};
        served->arguments = str_cat(s->arena, S("filter: Model"), field->type,
            S("FilterInput, sortDirection: ModelSortDirection, limit: Int, nextToken: String"));
        schema_add_relation_filter(s, field->target);
    }
}

// The official schema has this input even where nothing converses.
static void add_ai_input(struct served *s)
{
    struct served_type *type =
        served_add(s, GQL_DEF_INPUT, S("AmplifyAIConversationTurnErrorInput"));
    if (type != NULL) {
        served_put(s, type, S("errorType"), S("String!"));
        served_put(s, type, S("message"), S("String!"));
    }
}

// ---- the whole ---------------------------------------------------------------------------------

err *data_schema_build(struct data_api *api)
{
    struct served *s = served_new(api);
    served_copy_input(s);
    if (s->fault != NULL) { // a model may extend a type that is not there
        return s->fault;
    }
    add_ai_input(s);
    schema_add_generic_inputs(s);
    for (size_t i = 0; i < api->model_count; i++) {
        add_model(s, api->models[i]);
    }
    for (size_t i = 0; i < api->model_count; i++) {
        if (!api->models[i]->has_default_id) {
            apply_primary_key(s, api->models[i]);
        }
    }
    for (size_t i = 0; i < api->model_count; i++) {
        for (size_t k = 0; k < api->models[i]->index_count; k++) {
            if (!api->models[i]->indexes[k].is_relation) {
                add_index(s, api->models[i], &api->models[i]->indexes[k]);
            }
        }
    }
    for (size_t i = 0; i < api->model_count; i++) {
        add_relations(s, api->models[i]);
    }
    schema_apply_auth(s);
    api->served = s;
    return s->fault;
}

void data_schema_print(const struct data_api *api, struct buf *out)
{
    served_print(api->served, out);
}
