// @aws_* directives of the served schema, and the owner fields that rules bring. The official
// transformer's auth step, with its order of work: it moves each operation it touches to the end of
// its type.
#include "data/data_served.h"

// Directives for callers of these providers. Without any but the default mode none is needed;
// `with_default` adds the default mode where others are named.
static unsigned directives_for(const struct served *s, unsigned providers, bool with_default)
{
    unsigned first = s->api->modes.first;
    unsigned others = (providers | DATA_IAM) & ~first;
    bool named = ((providers | DATA_IAM) & first) != 0;
    return others | ((named || with_default) && others != 0 ? first : 0U);
}

static bool is_plain_object(const struct served *s, const struct served_type *type)
{
    return type != NULL && type->kind == GQL_DEF_OBJECT &&
           data_api_model(s->api, type->name) == NULL;
}

// ---- models without rules ----------------------------------------------------------------------

static void allow_nested(struct served *s, str type_name, unsigned access, struct map *seen)
{
    const struct served_type *type = served_get(s, type_name);
    for (const struct served_field *f = type->first; f != NULL; f = f->next) {
        struct served_type *inner = served_get(s, served_base(f->type));
        if (is_plain_object(s, inner) && map_set(seen, inner->name, inner) == NULL) {
            served_allow_type(s, inner->name, access);
            allow_nested(s, inner->name, access, seen);
        }
    }
}

static void allow_names(
    struct served *s, const char *root, const struct data_names *names, bool on, unsigned access)
{
    for (size_t i = 0; on && i < names->count; i++) {
        served_allow_operation(s, str_from(root), names->items[i], access);
    }
}

static struct data_names one(str *name)
{
    return (struct data_names){.items = name, .count = 1};
}

static void allow_operations(struct served *s, const struct data_model *m, unsigned access)
{
    str names[] = {m->get_name, m->list_name, m->create_name, m->update_name, m->remove_name};
    bool on[] = {m->get, m->list, m->create, m->update, m->remove};
    for (size_t i = 0; i < countof(names); i++) {
        struct data_names list = one(&names[i]);
        allow_names(s, i < 2 ? "Query" : "Mutation", &list, on[i], access);
    }
    allow_names(s, "Subscription", &m->on_create_names, m->on_create, access);
    allow_names(s, "Subscription", &m->on_update_names, m->on_update, access);
    allow_names(s, "Subscription", &m->on_delete_names, m->on_delete, access);
}

void schema_allow_unruled(struct served *s, const struct data_model *m)
{
    unsigned access = s->api->sandbox                   ? DATA_API_KEY | DATA_IAM
                      : s->api->modes.first != DATA_IAM ? DATA_IAM
                                                        : 0U;
    if (m->is_ruled || access == 0) {
        return;
    }
    served_allow_type(s, m->name, access);
    allow_nested(s, m->name, access, map_new(s->arena));
    allow_operations(s, m, access);
}

// ---- owner fields ------------------------------------------------------------------------------

// Takes the fields of dynamic rules out of the subscriptions' filter: there the rule decides.
static void remove_dynamic_fields(struct served *s, const struct data_model *m)
{
    struct served_type *filter =
        served_get(s, schema_model_name(s->arena, "ModelSubscription", m->name, "FilterInput"));
    for (size_t i = 0; filter != NULL && i < m->role_count; i++) {
        if (m->roles[i].is_dynamic) {
            served_remove(filter, m->roles[i].entity);
        }
    }
}

// Adds the owner fields that the type lacks. A field that two rules of different claims name is
// added by each, as the official transformer does.
static void add_owners(
    struct served *s, const struct data_model *m, struct served_type *type, str field_type)
{
    if (type == NULL) {
        return;
    }
    bool *missing = arena_array(s->arena, bool, m->role_count);
    for (size_t i = 0; i < m->role_count; i++) {
        missing[i] = m->roles[i].is_owner && served_find(type, m->roles[i].entity) == NULL;
    }
    for (size_t i = 0; i < m->role_count; i++) {
        if (missing[i]) {
            served_put(s, type, m->roles[i].entity, field_type);
        }
    }
}

static void add_owner_arguments(
    struct served *s, const struct data_model *m, const struct data_names *names, bool on)
{
    struct served_type *root = served_get(s, S("Subscription"));
    for (size_t i = 0; on && i < names->count; i++) {
        struct served_field *field = served_find(root, names->items[i]);
        for (size_t k = 0; k < m->listen_owner_count; k++) {
            field->arguments =
                str_cat(s->arena, field->arguments, S(", "), m->listen_owners[k], S(": String"));
        }
    }
}

// ---- operations --------------------------------------------------------------------------------

static void allow_model_operation(struct served *s, const struct data_model *m, const char *root,
    const struct data_names *names, unsigned op)
{
    unsigned providers = data_model_providers(m, op, op == DATA_OP_DELETE);
    bool with_default = (providers & s->api->modes.first) != 0 ||
                        (providers == 0 && s->api->modes.first != DATA_IAM);
    unsigned access = directives_for(s, providers, with_default);
    allow_names(s, root, names, access != 0, access);
}

static void allow_model_operations(struct served *s, const struct data_model *m)
{
    const struct {
        bool on;
        const char *root;
        str name;
        unsigned op;
    } OPS[] = {{m->get, "Query", m->get_name, DATA_OP_GET},
        {m->list, "Query", m->list_name, DATA_OP_LIST},
        {m->create, "Mutation", m->create_name, DATA_OP_CREATE},
        {m->update, "Mutation", m->update_name, DATA_OP_UPDATE},
        {m->remove, "Mutation", m->remove_name, DATA_OP_DELETE}};

    for (size_t i = 0; i < countof(OPS); i++) {
        str name = OPS[i].name;
        struct data_names names = one(&name);
        if (OPS[i].on) {
            allow_model_operation(s, m, OPS[i].root, &names, OPS[i].op);
        }
    }
    for (size_t i = 0; i < m->index_count; i++) {
        str name = m->indexes[i].query;
        struct data_names names = one(&name);
        if (!m->indexes[i].is_relation && m->indexes[i].has_query) {
            allow_model_operation(s, m, "Query", &names, DATA_OP_LIST);
            allow_model_operation(s, m, "Query", &names, DATA_OP_GET);
        }
    }
    const struct data_names *events[] = {
        &m->on_create_names, &m->on_update_names, &m->on_delete_names};
    const bool on[] = {m->on_create, m->on_update, m->on_delete};
    for (size_t i = 0; i < countof(events) && !m->subscriptions_public; i++) {
        if (on[i]) {
            allow_model_operation(s, m, "Subscription", events[i], DATA_OP_LISTEN);
            add_owner_arguments(s, m, events[i], true);
        }
    }
}

// Custom types may be used by whoever may use a model that has them; connections too, being no
// models. `seen` holds what each has got already.
static void allow_nested_types(
    struct served *s, str type_name, unsigned providers, struct map *seen, int depth)
{
    const struct served_type *type = served_get(s, type_name);
    for (const struct served_field *f = type->first; f != NULL && depth < 64; f = f->next) {
        struct served_type *inner = served_get(s, served_base(f->type));
        if (!is_plain_object(s, inner)) {
            continue;
        }
        unsigned *got = map_get(seen, inner->name);
        bool first = got == NULL;
        unsigned access = directives_for(s, providers, !first);
        if (first) {
            got = arena_new_of(s->arena, unsigned);
            map_set(seen, inner->name, got);
        }
        access &= ~*got;
        *got |= access;
        if (access != 0 || first) {
            served_allow_type(s, inner->name, access);
            allow_nested_types(s, inner->name, providers, seen, depth + 1);
        }
    }
}

static void allow_model(struct served *s, const struct data_model *m, struct map *seen)
{
    struct arena *a = s->arena;
    struct served_type *type = served_get(s, m->name);
    unsigned providers = 0;
    for (size_t i = 0; i < m->role_count; i++) {
        providers |= m->roles[i].provider;
    }
    add_owners(s, m, served_get(s, schema_model_name(a, "Model", m->name, "FilterInput")),
        S("ModelStringInput"));
    add_owners(s, m, served_get(s, schema_model_name(a, "Model", m->name, "ConditionInput")),
        S("ModelStringInput"));
    add_owners(s, m,
        served_get(s, schema_model_name(a, "ModelSubscription", m->name, "FilterInput")),
        S("ModelStringInput"));
    add_owners(s, m, type, S("String"));
    served_allow_type(s, m->name, directives_for(s, providers, false));
    allow_model_operations(s, m);
    allow_nested_types(s, m->name, providers, seen, 0);
}

// ---- custom operations and types ---------------------------------------------------------------

static bool is_root(str name)
{
    return str_eq(name, S("Query")) || str_eq(name, S("Mutation")) ||
           str_eq(name, S("Subscription"));
}

static void allow_iam(struct served *s, const struct gql_definition *d)
{
    for (size_t i = 0; is_root(d->name) && i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        if (gql_directive_find(m->directives, m->directive_count, S("aws_iam")) == NULL) {
            served_allow_field(s, d->name, m->name, DATA_IAM);
        }
    }
}

static void allow_custom_fields(struct served *s, const struct gql_definition *d)
{
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        const struct gql_directive *auth =
            gql_directive_find(m->directives, m->directive_count, S("auth"));
        unsigned access =
            auth == NULL ? 0 : directives_for(s, data_static_providers(s->api, auth), false);
        if (access != 0) {
            served_allow_field(s, d->name, m->name, access);
        }
    }
}

void schema_apply_auth(struct served *s)
{
    const struct data_api *api = s->api;
    struct map *seen = map_new(s->arena);
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        if (api->doc->definitions[i].kind == GQL_DEF_OBJECT) {
            allow_iam(s, &api->doc->definitions[i]);
        }
    }
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        if (d->kind == GQL_DEF_OBJECT && !d->is_extension && data_api_model(api, d->name) == NULL) {
            served_allow_type(s, d->name, DATA_IAM);
        }
    }
    for (size_t i = 0; i < api->model_count; i++) {
        remove_dynamic_fields(s, api->models[i]);
    }
    for (size_t i = 0; i < api->model_count; i++) {
        if (api->models[i]->role_count > 0 || api->models[i]->is_ruled) {
            allow_model(s, api->models[i], seen);
        }
    }
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        const struct gql_definition *d = &api->doc->definitions[i];
        if (d->kind == GQL_DEF_OBJECT && data_api_model(api, d->name) == NULL) {
            allow_custom_fields(s, d);
        }
    }
}
