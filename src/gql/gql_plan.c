// Plans: the fields of each selection set collected ahead of time for every concrete type, so that
// execution never looks at the document again (section 6.3.2, CollectFields).
#include "gql/gql_int.h"

struct part { // selections that merge into one set, with the condition they stand under
    const struct gql_selection *selections;
    size_t count;
    const struct gql_when *when;
};

enum { VISITS_PER_FIELD = 16 }; // selections looked at, for each field allowed

struct planner {
    struct arena *arena;
    const struct gql_schema *schema;
    struct map *fragments; // name -> definition
    struct map *whens;     // conditions, see intern_when
    struct map *sets;      // planned sets, see plan_set
    const struct gql_limits *limits;
    u32 fields;
    size_t visits;
    u32 depth_seen;
    bool uses_introspection;
    err *error;
};

struct collected { // the fields of one response key
    str key;
    const struct gql_selection *first;
    const struct gql_field_def *field;
    bool always;                           // one of them has no condition
    vec_of(const struct gql_when *) whens; // of the entries in the collection
    vec_of(struct part) parts;
    struct gql_plan_field *planned;
};

// A place in the response. Where a field appears under conditions first, its place depends on the
// variables; it then has an entry for each.
struct entry {
    struct collected *of;
    const struct gql_selection *selection;
    size_t index; // of its condition
};

struct collection {
    vec_of(struct entry) list;
    struct map *by_key;
    struct map *taken; // fragments that are in already, whatever the variables
};

static void too_many(struct planner *p)
{
    if (p->error == NULL) {
        p->error = fail(p->arena, ERR_LIMIT, "The operation selects more than %u fields.",
            p->limits->fields_max);
    }
}

// Conditions are shared: the same selection under the same outer condition has one, so that equal
// parts can be told by their pointers.
static const struct gql_when *intern_when(
    struct planner *p, bool include, const struct gql_value *value, const struct gql_when *outer)
{
    struct {
        const void *value;
        const void *outer;
    } identity = {value, outer};

    str key = {(const char *)&identity, sizeof(identity)};
    struct gql_when *when = map_get(p->whens, key);
    if (when == NULL) {
        when = arena_new_of(p->arena, struct gql_when);
        *when = (struct gql_when){.include = include,
            .is_variable = value->kind == GQL_VALUE_VARIABLE,
            .value = value->boolean,
            .variable = value->text,
            .and = outer};
        map_set(p->whens, str_dup(p->arena, key), when);
    }
    return when;
}

// Conditions that are literally true are left out.
static const struct gql_when *add_conditions(
    struct planner *p, const struct gql_selection *selection, const struct gql_when *outer)
{
    static const struct {
        str name;
        bool include;
    } KINDS[] = {{S_INIT("include"), true}, {S_INIT("skip"), false}};

    for (size_t i = 0; selection->directive_count > 0 && i < countof(KINDS); i++) {
        const struct gql_directive *directive =
            gql_directive_find(selection->directives, selection->directive_count, KINDS[i].name);
        const struct gql_value *value = gql_directive_argument(directive, S("if"));
        bool holds = value == NULL ||
                     (value->kind == GQL_VALUE_BOOLEAN && value->boolean == KINDS[i].include);
        if (!holds) {
            outer = intern_when(p, KINDS[i].include, value, outer);
        }
    }
    return outer;
}

// Recursion is as deep as the selections nest, which validation has bounded.
static void collect(
    struct planner *p, const struct gql_type *type, struct part part, struct collection *into);

static void add_entry(struct planner *p, struct collection *into, struct collected *of,
    const struct gql_selection *selection, const struct gql_when *when)
{
    bool again = of->whens.count > 0 && of->whens.items[of->whens.count - 1] == when;
    if (of->always || again) {
        return;
    }
    of->always = when == NULL;
    *vec_push(p->arena, &into->list) = (struct entry){of, selection, of->whens.count};
    *vec_push(p->arena, &of->whens) = when;
    if (++p->fields > p->limits->fields_max) {
        too_many(p);
    }
}

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
        check(found->field != NULL);
        map_set(into->by_key, key, found);
    }
    add_entry(p, into, found, selection, when);
    if (selection->has_selections) {
        *vec_push(p->arena, &found->parts) =
            (struct part){selection->selections, selection->selection_count, when};
    }
}

static void collect_fragment(struct planner *p, const struct gql_type *type, str on,
    struct part part, struct collection *into)
{
    const struct gql_type *condition = on.ptr != NULL ? gql_schema_type(p->schema, on) : type;
    if (condition != NULL && gql_type_includes(condition, type)) {
        collect(p, type, part, into);
    }
}

static void collect_spread(struct planner *p, const struct gql_type *type, str name,
    const struct gql_when *when, struct collection *into)
{
    const struct gql_definition *fragment = map_get(p->fragments, name);
    check(fragment != NULL);
    if (map_get(into->taken, name) != NULL) {
        return; // its fields are there, and need no condition
    }
    if (when == NULL) {
        map_set(into->taken, name, (void *)fragment);
    }
    struct part inner = {fragment->selections, fragment->selection_count, when};
    collect_fragment(p, type, fragment->on, inner, into);
}

static void collect(
    struct planner *p, const struct gql_type *type, struct part part, struct collection *into)
{
    for (size_t i = 0; i < part.count && p->error == NULL; i++) {
        const struct gql_selection *selection = &part.selections[i];
        const struct gql_when *when = add_conditions(p, selection, part.when);
        if (++p->visits > (size_t)p->limits->fields_max * VISITS_PER_FIELD) {
            too_many(p);
        } else if (selection->kind == GQL_FIELD) {
            collect_field(p, type, selection, when, into);
        } else if (selection->kind == GQL_INLINE) {
            struct part inner = {selection->selections, selection->selection_count, when};
            collect_fragment(p, type, selection->on, inner, into);
        } else {
            collect_spread(p, type, selection->name, when, into);
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

static bool is_meta(str name)
{
    return str_starts(name, S("__"));
}

static const struct gql_plan_set *plan_set(struct planner *p, const struct gql_type *type,
    const struct part *parts, size_t count, u32 depth);

static void plan_field(struct planner *p, const struct gql_type *type, struct collected *from,
    struct gql_plan_field *out, u32 depth)
{
    struct buf key = buf_in(p->arena, SIZE_MAX / 4);
    buf_add_char(&key, ',');
    json_write_string(&key, from->key);
    buf_add_char(&key, ':');
    *out = (struct gql_plan_field){
        .response_key = from->key, .key_json = buf_str(&key), .field = from->field};
    out->is_meta = is_meta(type->name) || is_meta(from->field->name);
    p->uses_introspection = p->uses_introspection || from->field == &p->schema->schema_field ||
                            from->field == &p->schema->type_field;
    plan_arguments(p, from->first, out);
    const struct gql_type *inner = gql_ref_type(from->field->type);
    if (gql_is_composite(inner)) {
        out->set = plan_set(p, inner, from->parts.items, from->parts.count, depth + 1);
    }
    from->planned = out;
}

static void plan_object(struct planner *p, const struct gql_type *type, const struct part *parts,
    size_t count, struct gql_plan_object *out, u32 depth)
{
    struct collection collection = {.by_key = map_new(p->arena), .taken = map_new(p->arena)};
    for (size_t i = 0; i < count; i++) {
        collect(p, type, parts[i], &collection);
    }
    out->type = type;
    out->fields = arena_array(p->arena, struct gql_plan_field, collection.list.count);
    for (size_t i = 0; i < collection.list.count && p->error == NULL; i++) {
        const struct entry *entry = &collection.list.items[i];
        struct gql_plan_field *field = &out->fields[out->count++];
        if (entry->of->planned == NULL) {
            plan_field(p, type, entry->of, field, depth);
        } else {
            *field = *entry->of->planned;
        }
        field->pos = entry->selection->pos;
        field->when = entry->of->whens.items[entry->index];
        field->earlier = entry->of->whens.items;
        field->earlier_count = entry->index;
    }
}

// The same parts of the same type at the same depth are planned once: without this, abstract types
// within abstract types would multiply.
static str set_identity(struct planner *p, const struct gql_type *type, const struct part *parts,
    size_t count, u32 depth)
{
    struct buf key = buf_in(p->arena, SIZE_MAX / 4);
    buf_add(&key, (str){(const char *)&type, sizeof(type)});
    buf_add(&key, (str){(const char *)&depth, sizeof(depth)});
    buf_add(&key, (str){(const char *)parts, count * sizeof(*parts)});
    return buf_str(&key);
}

static const struct gql_plan_set *plan_set(struct planner *p, const struct gql_type *type,
    const struct part *parts, size_t count, u32 depth)
{
    bool concrete = type->kind == GQL_OBJECT;
    str identity = set_identity(p, type, parts, count, depth);
    struct gql_plan_set *set = map_get(p->sets, identity);
    if (set != NULL) {
        return set;
    }
    set = arena_new_of(p->arena, struct gql_plan_set);
    map_set(p->sets, identity, set);
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
    check(plan->arena != NULL && operation != NULL);
    struct arena *arena = plan->arena;
    struct planner p = {.arena = arena,
        .schema = schema,
        .fragments = map_new(arena),
        .whens = map_new(arena),
        .sets = map_new(arena),
        .limits = limits};
    struct part whole = {operation->selections, operation->selection_count, NULL};
    for (size_t i = 0; i < doc->definition_count; i++) {
        if (doc->definitions[i].kind == GQL_DEF_FRAGMENT) {
            map_set(p.fragments, doc->definitions[i].name, &doc->definitions[i]);
        }
    }
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
