// What the identity pool's roles may call: the resources of the AuthRole and UnauthRole policies
// that the official auth transformer writes, in its order. First the types and fields whose rules
// name the identity pool, in the order they are written; then, model by model, the operations, and
// the custom types and connections that can be reached from it, whoever it is for.
#include "data/data.h"

#include "data/data_served.h"

enum { NESTING_MAX = 64 };

struct policies {
    struct arena *arena;
    const struct data_api *api;
    bool signed_in;
    bool is_wanted; // a rule lets the role in: without one it has no policy at all
    struct map *seen;
    struct map *nested;
    vec_of(struct data_resource) list;
};

static void add(struct policies *p, str type, str field)
{
    str key = str_cat(p->arena, type, S("/"), field);
    if (map_set(p->seen, key, p) == NULL) {
        *vec_push(p->arena, &p->list) = (struct data_resource){.type = type, .field = field};
    }
}

// ---- rules as they are written -----------------------------------------------------------------

// Whether the rule is for the role. What guests may do, whoever has signed in may do as well.
static bool lets_in(const struct policies *p, const struct gql_value *rule)
{
    const struct gql_value *allow = gql_value_get(rule, S("allow"));
    const struct gql_value *provider = gql_value_get(rule, S("provider"));
    bool pool = provider != NULL &&
                (str_eq(provider->text, S("identityPool")) || str_eq(provider->text, S("iam")));
    return pool && allow != NULL &&
           (str_eq(allow->text, S("public")) ||
               (p->signed_in && str_eq(allow->text, S("private"))));
}

static bool directive_lets_in(
    const struct policies *p, const struct gql_directive *directives, size_t count)
{
    const struct gql_directive *auth = gql_directive_find(directives, count, S("auth"));
    const struct gql_value *rules = gql_directive_argument(auth, S("rules"));
    if (auth == NULL || rules == NULL) {
        return false;
    }
    bool found = rules->kind != GQL_VALUE_LIST && lets_in(p, rules);
    for (size_t i = 0; rules->kind == GQL_VALUE_LIST && i < rules->count; i++) {
        found = found || lets_in(p, &rules->items[i]);
    }
    return found;
}

static void add_written(struct policies *p, const struct gql_definition *d)
{
    if (directive_lets_in(p, d->directives, d->directive_count)) {
        p->is_wanted = true;
        add(p, d->name, (str){});
    }
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *m = &d->members[i];
        if (directive_lets_in(p, m->directives, m->directive_count)) {
            p->is_wanted = true;
            add(p, d->name, m->name);
        }
    }
}

// ---- models ------------------------------------------------------------------------------------

static bool has_role(const struct policies *p, const struct data_model *m)
{
    for (size_t i = 0; i < m->role_count; i++) {
        str name = m->roles[i].name;
        if (str_eq(name, S("iam:public")) || (p->signed_in && str_eq(name, S("iam:private")))) {
            return true;
        }
    }
    return false;
}

static void add_events(struct policies *p, const struct data_names *names, bool on)
{
    for (size_t i = 0; on && i < names->count; i++) {
        add(p, S("Subscription"), names->items[i]);
    }
}

static void add_operations(struct policies *p, const struct data_model *m)
{
    const struct {
        bool on;
        str root;
        str name;
    } OPS[] = {{m->get, S("Query"), m->get_name}, {m->list, S("Query"), m->list_name},
        {m->create, S("Mutation"), m->create_name}, {m->update, S("Mutation"), m->update_name},
        {m->remove, S("Mutation"), m->remove_name}};

    for (size_t i = 0; i < countof(OPS); i++) {
        if (OPS[i].on) {
            add(p, OPS[i].root, OPS[i].name);
        }
    }
    for (size_t i = 0; i < m->index_count; i++) {
        if (!m->indexes[i].is_relation && m->indexes[i].has_query) {
            add(p, S("Query"), m->indexes[i].query);
        }
    }
    if (!m->subscriptions_public) {
        add_events(p, &m->on_create_names, m->on_create);
        add_events(p, &m->on_update_names, m->on_update);
        add_events(p, &m->on_delete_names, m->on_delete);
    }
}

static void add_nested(struct policies *p, str name, int depth)
{
    const struct served_type *type = served_get(p->api->served, name);
    for (const struct served_field *f = type->first; f != NULL && depth < NESTING_MAX;
         f = f->next) {
        const struct served_type *inner = served_get(p->api->served, served_base(f->type));
        bool plain = inner != NULL && inner->kind == GQL_DEF_OBJECT &&
                     data_api_model(p->api, inner->name) == NULL;
        if (plain && map_set(p->nested, inner->name, p) == NULL) {
            add(p, inner->name, (str){});
            add_nested(p, inner->name, depth + 1);
        }
    }
}

size_t data_policy_resources(struct arena *arena, const struct data_api *api, bool signed_in,
    const struct data_resource **out)
{
    struct policies p = {.arena = arena,
        .api = api,
        .signed_in = signed_in,
        .seen = map_new(arena),
        .nested = map_new(arena)};
    check(api->served != NULL);
    for (size_t i = 0; i < api->doc->definition_count; i++) {
        if (api->doc->definitions[i].kind == GQL_DEF_OBJECT) {
            add_written(&p, &api->doc->definitions[i]);
        }
    }
    for (size_t i = 0; i < api->model_count; i++) {
        const struct data_model *m = api->models[i];
        if (m->role_count == 0 && !m->is_ruled) {
            continue;
        }
        if (has_role(&p, m)) {
            add_operations(&p, m);
        }
        add_nested(&p, m->name, 0);
    }
    *out = p.list.items;
    return p.is_wanted ? p.list.count : 0;
}
