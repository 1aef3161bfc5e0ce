// Plans: the fields of each selection set collected ahead of time for every concrete type, so that
// execution never looks at the document again (section 6.3.2, CollectFields).
#include "gql/gql_int.h"

struct part { // selections that merge into one set, with the condition they stand under
    const struct gql_selection *selections;
    size_t count;
    const struct gql_when *when;
};

struct planner {
    struct arena *arena;
    const struct gql_schema *schema;
    const struct gql_document *doc;
    const struct gql_limits *limits;
    u32 fields;
    u32 depth_seen;
    bool uses_introspection;
    err *error;
};

struct collected {
    str key;
    const struct gql_selection *first;
    const struct gql_field_def *field;
    bool always;
    vec_of(const struct gql_when *) whens;
    vec_of(struct part) parts;
};

struct collection {
    vec_of(struct collected *) list;
    struct map *by_key;
};

static const struct gql_definition *find_fragment(const struct gql_document *doc, str name)
{
    for (size_t i = 0; i < doc->definition_count; i++) {
        if (doc->definitions[i].kind == GQL_DEF_FRAGMENT &&
            str_eq(doc->definitions[i].name, name)) {
            return &doc->definitions[i];
        }
    }
    return NULL;
}

// Conditions that are literally true are left out; false gives a condition that never holds.
static const struct gql_when *add_conditions(
    struct planner *p, const struct gql_selection *selection, const struct gql_when *outer)
{
    static const struct {
        str name;
        bool include;
    } KINDS[] = {{S_INIT("include"), true}, {S_INIT("skip"), false}};

    for (size_t i = 0; i < countof(KINDS); i++) {
        const struct gql_directive *directive =
            gql_directive_find(selection->directives, selection->directive_count, KINDS[i].name);
        const struct gql_value *value = gql_directive_argument(directive, S("if"));
        if (value == NULL ||
            (value->kind == GQL_VALUE_BOOLEAN && value->boolean == KINDS[i].include)) {
            continue;
        }
        struct gql_when *when = arena_new_of(p->arena, struct gql_when);
        *when = (struct gql_when){.include = KINDS[i].include,
            .is_variable = value->kind == GQL_VALUE_VARIABLE,
            .value = value->boolean,
            .variable = value->text,
            .and = outer};
        outer = when;
    }
    return outer;
}

static void collect(struct planner *p, const struct gql_type *type, struct part part,
    struct collection *into, u32 depth);

static void collect_field(struct planner *p, const struct gql_type *type,
    const struct gql_selection *selection, const struct gql_when *when, struct collection *into)
{
    str key = selection->alias.ptr != NULL ? selection->alias : selection->name;
    struct collected *found = map_get(into->by_key, key);
    if (found == NULL) {
        found = arena_new_of(p->arena, struct collected);
        found->key = key;
        found->first = selection;
        found->field = gql_type_field(p->schema, type, selection->name);
        map_set(into->by_key, key, found);
        *vec_push(p->arena, &into->list) = found;
        if (++p->fields > p->limits->fields_max && p->error == NULL) {
            p->error = fail(p->arena, ERR_LIMIT, "The operation selects more than %u fields.",
                p->limits->fields_max);
        }
    }
    if (when == NULL) {
        found->always = true;
    } else {
        *vec_push(p->arena, &found->whens) = when;
    }
    if (selection->has_selections) {
        *vec_push(p->arena, &found->parts) =
            (struct part){selection->selections, selection->selection_count, when};
    }
}

static void collect_fragment(struct planner *p, const struct gql_type *type, str on,
    struct part part, struct collection *into, u32 depth)
{
    const struct gql_type *condition = on.ptr != NULL ? gql_schema_type(p->schema, on) : type;
    if (condition != NULL && gql_type_includes(condition, type)) {
        collect(p, type, part, into, depth + 1);
    }
}

static void collect(struct planner *p, const struct gql_type *type, struct part part,
    struct collection *into, u32 depth)
{
    if (depth > 200) { // validation has refused cycles already
        p->error = fail(p->arena, ERR_LIMIT, "Fragments are nested too deeply.");
    }
    for (size_t i = 0; i < part.count && p->error == NULL; i++) {
        const struct gql_selection *selection = &part.selections[i];
        const struct gql_when *when = add_conditions(p, selection, part.when);
        if (selection->kind == GQL_FIELD) {
            collect_field(p, type, selection, when, into);
        } else if (selection->kind == GQL_INLINE) {
            struct part inner = {selection->selections, selection->selection_count, when};
            collect_fragment(p, type, selection->on, inner, into, depth);
        } else {
            const struct gql_definition *fragment = find_fragment(p->doc, selection->name);
            struct part inner = {fragment->selections, fragment->selection_count, when};
            collect_fragment(p, type, fragment->on, inner, into, depth);
        }
    }
}

static bool has_variable(const struct gql_value *value)
{
    if (value->kind == GQL_VALUE_VARIABLE) {
        return true;
    }
    for (size_t i = 0; i < value->count; i++) {
        if (has_variable(&value->items[i])) {
            return true;
        }
    }
    return false;
}

static void plan_arguments(
    struct planner *p, const struct gql_selection *selection, struct gql_plan_field *out)
{
    out->arguments = selection->arguments;
    out->argument_count = selection->argument_count;
    for (size_t i = 0; i < selection->argument_count; i++) {
        if (has_variable(&selection->arguments[i].value)) {
            return;
        }
    }
    struct json *args = json_object(p->arena);
    for (size_t i = 0; i < out->field->arg_count; i++) {
        const struct gql_arg_def *arg = &out->field->args[i];
        struct json *value = NULL;
        for (size_t k = 0; k < selection->argument_count; k++) {
            if (str_eq(selection->arguments[k].name, arg->name)) {
                err *e = gql_coerce_literal(
                    p->arena, arg->type, &selection->arguments[k].value, NULL, &value);
                p->error = p->error == NULL ? e : p->error;
            }
        }
        if (value == NULL && arg->otherwise != NULL) {
            value = json_copy(p->arena, arg->otherwise);
        }
        if (value != NULL) {
            json_set(args, arg->name, value);
        }
    }
    out->args = args;
}

static const struct gql_plan_set *plan_set(struct planner *p, const struct gql_type *type,
    const struct part *parts, size_t count, u32 depth);

static void plan_object(struct planner *p, const struct gql_type *type, const struct part *parts,
    size_t count, struct gql_plan_object *out, u32 depth)
{
    struct collection collection = {.by_key = map_new(p->arena)};
    for (size_t i = 0; i < count; i++) {
        collect(p, type, parts[i], &collection, 0);
    }
    out->type = type;
    out->fields = arena_array(p->arena, struct gql_plan_field, collection.list.count);
    for (size_t i = 0; i < collection.list.count && p->error == NULL; i++) {
        struct collected *from = collection.list.items[i];
        struct gql_plan_field *field = &out->fields[out->count++];
        struct buf key = buf_in(p->arena, 4096);
        json_write_string(&key, from->key);
        buf_add_char(&key, ':');
        *field = (struct gql_plan_field){.response_key = from->key,
            .key_json = buf_str(&key),
            .field = from->field,
            .whens = from->whens.items,
            .when_count = from->always ? 0 : from->whens.count,
            .pos = from->first->pos};
        check(field->field != NULL);
        p->uses_introspection = p->uses_introspection || field->field == &p->schema->schema_field ||
                                field->field == &p->schema->type_field;
        plan_arguments(p, from->first, field);
        const struct gql_type *inner = gql_ref_type(field->field->type);
        if (gql_is_composite(inner)) {
            field->set = plan_set(p, inner, from->parts.items, from->parts.count, depth + 1);
        }
    }
}

static const struct gql_plan_set *plan_set(struct planner *p, const struct gql_type *type,
    const struct part *parts, size_t count, u32 depth)
{
    struct gql_plan_set *set = arena_new_of(p->arena, struct gql_plan_set);
    bool concrete = type->kind == GQL_OBJECT;
    p->depth_seen = depth > p->depth_seen ? depth : p->depth_seen;
    if (p->limits->depth_max != 0 && depth > p->limits->depth_max && p->error == NULL) {
        p->error = fail(p->arena, ERR_LIMIT, "The operation is nested more than %u levels deep.",
            p->limits->depth_max);
    }
    if (p->error != NULL) {
        return set;
    }
    set->count = concrete ? 1 : type->possible_count;
    set->objects = arena_array(p->arena, struct gql_plan_object, set->count);
    for (size_t i = 0; i < set->count; i++) {
        plan_object(p, concrete ? type : type->possible[i], parts, count, &set->objects[i], depth);
    }
    return set;
}

err *gql_plan_build(const struct gql_schema *schema, const struct gql_document *doc,
    const struct gql_definition *operation, const struct gql_limits *limits, struct gql_plan *plan)
{
    struct arena *arena = plan->arena;
    struct planner p = {.arena = arena, .schema = schema, .doc = doc, .limits = limits};
    struct part whole = {operation->selections, operation->selection_count, NULL};
    plan->schema = schema;
    plan->operation = operation;
    plan->root = plan_set(&p, schema->roots[operation->operation], &whole, 1, 1);
    plan->depth = p.depth_seen;
    plan->fields = p.fields;
    plan->uses_introspection = p.uses_introspection;
    if (p.error == NULL && plan->uses_introspection && limits->no_introspection) {
        return fail(arena, ERR_INVALID, "Introspection is disabled.");
    }
    return p.error;
}
