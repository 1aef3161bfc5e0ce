// Validation (section 5), with graphql-java's names and texts, which AppSync's clients see.
#include "gql/gql_validate.h"

static void write_path(struct buf *out, const struct name_path *path)
{
    if (path == NULL) {
        return;
    }
    if (path->parent != NULL) {
        write_path(out, path->parent);
        buf_add_char(out, '/');
    }
    buf_add(out, path->name);
}

void gql_problem(struct validator *v, struct gql_pos pos, const char *type,
    const struct name_path *path, const char *fmt, ...)
{
    struct buf where = buf_in(v->arena, 64 * 1024);
    va_list args;
    if (v->problems->list.count >= 100) {
        return; // graphql-java stops there too
    }
    va_start(args, fmt);
    str what = str_vfmt(v->arena, fmt, args);
    va_end(args);
    write_path(&where, path);
    str message = str_cat(v->arena, S("Validation error of type "), str_from(type), S(": "), what);
    if (where.len > 0) {
        message = str_cat(v->arena, message, S(" @ '"), buf_str(&where), S("'"));
    }
    *vec_push(v->arena, &v->problems->list) =
        (struct gql_problem){.type = str_from(type), .message = message, .pos = pos};
}

// ---- arguments and directives ------------------------------------------------------------------

static void validate_arguments(struct validator *v, const struct gql_argument *given, size_t count,
    const struct gql_arg_def *defs, size_t def_count, bool directive, struct gql_pos pos, str owner,
    const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_arg_def *def = gql_find_arg(defs, def_count, given[i].name);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(given[k].name, given[i].name)) {
                gql_problem(v, given[i].pos, "DuplicateArgumentNames", path,
                    "There can be only one argument named '%.*s'", PRI(given[i].name));
            }
        }
        if (def == NULL) {
            gql_problem(v, given[i].pos, directive ? "UnknownDirectiveArgument" : "UnknownArgument",
                path, directive ? "Unknown directive argument %.*s" : "Unknown field argument %.*s",
                PRI(given[i].name));
        } else {
            gql_validate_value(v, def->type, &given[i].value, path, def->name);
        }
    }
    for (size_t i = 0; i < def_count; i++) {
        bool found = false;
        for (size_t k = 0; k < count; k++) {
            found = found || str_eq(given[k].name, defs[i].name);
        }
        if (!found && defs[i].type->kind == GQL_REF_NON_NULL &&
            defs[i].otherwise_text.ptr == NULL) {
            gql_problem(v, pos, directive ? "MissingDirectiveArgument" : "MissingFieldArgument",
                path,
                directive ? "Missing directive argument '%.*s'" : "Missing field argument '%.*s'",
                PRI(defs[i].name));
        }
    }
    (void)owner;
}

static const struct gql_directive_def *find_directive(const struct gql_schema *schema, str name)
{
    for (size_t i = 0; i < schema->directives.count; i++) {
        if (str_eq(schema->directives.items[i]->name, name)) {
            return schema->directives.items[i];
        }
    }
    return NULL;
}

static void validate_directives(struct validator *v, const struct gql_directive *list, size_t count,
    str location, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_directive_def *def = find_directive(v->schema, list[i].name);
        bool allowed = false;
        if (def == NULL) {
            gql_problem(v, list[i].pos, "UnknownDirective", path, "Unknown directive %.*s",
                PRI(list[i].name));
            continue;
        }
        for (size_t k = 0; k < def->location_count; k++) {
            allowed = allowed || str_eq(def->locations[k], location);
        }
        if (!allowed) {
            gql_problem(v, list[i].pos, "MisplacedDirective", path,
                "Directive %.*s not allowed here", PRI(list[i].name));
        }
        for (size_t k = 0; k < i && !def->repeatable; k++) {
            if (str_eq(list[k].name, list[i].name)) {
                gql_problem(v, list[i].pos, "DuplicateDirectiveName", path,
                    "Non repeatable directives must be uniquely named within a location. The "
                    "directive '%.*s' is not unique.",
                    PRI(list[i].name));
            }
        }
        validate_arguments(v, list[i].arguments, list[i].argument_count, def->args, def->arg_count,
            true, list[i].pos, list[i].name, path);
    }
}

// ---- selections --------------------------------------------------------------------------------

static void validate_selections(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count, const struct name_path *path);

static void validate_field(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *field, const struct name_path *outer)
{
    struct name_path here = {outer, field->name};
    const struct gql_field_def *def =
        parent != NULL ? gql_type_field(v->schema, parent, field->name) : NULL;
    validate_directives(v, field->directives, field->directive_count, S("FIELD"), &here);
    if (parent == NULL) {
        return;
    }
    if (def == NULL) {
        gql_problem(v, field->pos, "FieldUndefined", &here,
            "Field '%.*s' in type '%.*s' is undefined", PRI(field->name), PRI(parent->name));
        return;
    }
    validate_arguments(v, field->arguments, field->argument_count, def->args, def->arg_count, false,
        field->pos, field->name, &here);
    const struct gql_type *type = gql_ref_type(def->type);
    str shown = gql_ref_text(v->arena, def->type);
    if (gql_is_composite(type)) {
        if (!field->has_selections) {
            gql_problem(v, field->pos, "SubSelectionRequired", &here,
                "Sub selection required for type %.*s of field %.*s", PRI(shown), PRI(field->name));
            return;
        }
        validate_selections(v, type, field->selections, field->selection_count, &here);
    } else if (field->has_selections) {
        gql_problem(v, field->pos, "SubSelectionNotAllowed", &here,
            "Sub selection not allowed on leaf type %.*s of field %.*s", PRI(shown),
            PRI(field->name));
    }
}

// Whether an object can be of both types (section 5.5.2.3).
static bool types_overlap(const struct gql_type *a, const struct gql_type *b)
{
    if (a == b) {
        return true;
    }
    for (size_t i = 0; i < a->possible_count; i++) {
        if (gql_type_includes(b, a->possible[i])) {
            return true;
        }
    }
    return a->kind == GQL_OBJECT && gql_type_includes(b, a);
}

static void validate_condition(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *use, str on, const struct name_path *path)
{
    const struct gql_type *type = gql_schema_type(v->schema, on);
    if (type == NULL || !gql_is_composite(type) || parent == NULL) {
        return; // told at the fragment itself
    }
    if (!types_overlap(parent, type)) {
        gql_problem(v, use->pos, "InvalidFragmentType", path,
            use->kind == GQL_SPREAD ? "Fragment %.*s cannot be spread here as objects of type %.*s "
                                      "can never be of type %.*s"
                                    : "Fragment%.*s cannot be spread here as objects of type %.*s "
                                      "can never be of type %.*s",
            PRI(use->kind == GQL_SPREAD ? use->name : S("")), PRI(parent->name), PRI(type->name));
    }
}

static const struct gql_type *validate_on(
    struct validator *v, str on, struct gql_pos pos, const struct name_path *path)
{
    const struct gql_type *type = gql_schema_type(v->schema, on);
    if (type == NULL) {
        gql_problem(v, pos, "UnknownType", path, "Unknown type %.*s", PRI(on));
        return NULL;
    }
    if (!gql_is_composite(type)) {
        gql_problem(v, pos, "FragmentTypeConditionInvalid", path,
            "Fragment type condition is invalid, must be on Object/Interface/Union");
        return NULL;
    }
    return type;
}

static void validate_selections(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *selection = &selections[i];
        if (selection->kind == GQL_FIELD) {
            validate_field(v, parent, selection, path);
        } else if (selection->kind == GQL_INLINE) {
            const struct gql_type *type = parent;
            validate_directives(
                v, selection->directives, selection->directive_count, S("INLINE_FRAGMENT"), path);
            if (selection->on.ptr != NULL) {
                type = validate_on(v, selection->on, selection->pos, path);
                validate_condition(v, parent, selection, selection->on, path);
            }
            validate_selections(v, type, selection->selections, selection->selection_count, path);
        } else {
            const struct gql_definition *fragment = map_get(v->fragments, selection->name);
            validate_directives(
                v, selection->directives, selection->directive_count, S("FRAGMENT_SPREAD"), path);
            if (fragment == NULL) {
                gql_problem(v, selection->pos, "UndefinedFragment", path, "Undefined fragment %.*s",
                    PRI(selection->name));
            } else {
                validate_condition(v, parent, selection, fragment->on, path);
            }
        }
    }
}

// ---- fragments ---------------------------------------------------------------------------------

enum mark { UNSEEN, OPEN, CLOSED };

struct marks {
    struct map *states; // fragment name -> enum mark, as pointer
};

static void mark_used(struct validator *v, struct map *states,
    const struct gql_selection *selections, size_t count, bool *cycle, u32 depth);

static void mark_fragment(struct validator *v, struct map *states, str name, bool *cycle, u32 depth)
{
    const struct gql_definition *fragment = map_get(v->fragments, name);
    uintptr_t state = (uintptr_t)map_get(states, name);
    if (fragment == NULL || state == CLOSED) {
        return;
    }
    if (state == OPEN || depth > 1000) {
        *cycle = true;
        return;
    }
    map_set(states, name, (void *)(uintptr_t)OPEN);
    mark_used(v, states, fragment->selections, fragment->selection_count, cycle, depth + 1);
    map_set(states, name, (void *)(uintptr_t)CLOSED);
}

static void mark_used(struct validator *v, struct map *states,
    const struct gql_selection *selections, size_t count, bool *cycle, u32 depth)
{
    for (size_t i = 0; i < count; i++) {
        if (selections[i].kind == GQL_SPREAD) {
            mark_fragment(v, states, selections[i].name, cycle, depth);
        } else {
            mark_used(
                v, states, selections[i].selections, selections[i].selection_count, cycle, depth);
        }
    }
}

static bool validate_fragments(struct validator *v)
{
    struct map *used = map_new(v->arena);
    bool cycle = false;
    for (size_t i = 0; i < v->doc->definition_count; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_OPERATION) {
            mark_used(v, used, d->selections, d->selection_count, &cycle, 0);
        }
    }
    for (size_t i = 0; i < v->doc->definition_count; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind != GQL_DEF_FRAGMENT) {
            continue;
        }
        struct map *own = map_new(v->arena);
        bool own_cycle = false;
        mark_fragment(v, own, d->name, &own_cycle, 0);
        if (own_cycle) {
            gql_problem(v, d->pos, "FragmentCycle", NULL, "Fragment cycles not allowed");
            cycle = true;
        }
        if (map_get(used, d->name) == NULL) {
            gql_problem(v, d->pos, "UnusedFragment", NULL, "Unused fragment %.*s", PRI(d->name));
        }
    }
    return !cycle;
}

// ---- definitions
// ---------------------------------------------------------------------------------

static void validate_operation(struct validator *v, const struct gql_definition *d)
{
    static const str LOCATIONS[] = {S_INIT("QUERY"), S_INIT("MUTATION"), S_INIT("SUBSCRIPTION")};
    const struct gql_type *root = v->schema->roots[d->operation];
    validate_directives(v, d->directives, d->directive_count, LOCATIONS[d->operation], NULL);
    if (root == NULL) {
        gql_problem(v, d->pos, "UnknownOperation", NULL,
            "The '%.*s' operation is not supported by the schema",
            PRI(str_lower(v->arena, LOCATIONS[d->operation])));
        return;
    }
    validate_selections(v, root, d->selections, d->selection_count, NULL);
    gql_validate_variables(v, d);
}

static void validate_names(struct validator *v)
{
    struct map *operations = map_new(v->arena);
    size_t count = 0;
    for (size_t i = 0; i < v->doc->definition_count; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        count += d->kind == GQL_DEF_OPERATION;
        if (d->kind == GQL_DEF_OPERATION && d->name.ptr != NULL &&
            map_set(operations, d->name, (void *)d) != NULL) {
            gql_problem(v, d->pos, "DuplicateOperationName", NULL,
                "There can be only one operation named '%.*s'", PRI(d->name));
        }
        if (d->kind == GQL_DEF_FRAGMENT && map_set(v->fragments, d->name, (void *)d) != NULL) {
            gql_problem(v, d->pos, "DuplicateFragmentName", NULL,
                "There can be only one fragment named '%.*s'", PRI(d->name));
        }
        if (d->kind != GQL_DEF_FRAGMENT && d->kind != GQL_DEF_OPERATION) {
            gql_problem(v, d->pos, "NonExecutableDefinition", NULL,
                "The '%.*s' definition is not executable.", PRI(d->name));
        }
    }
    for (size_t i = 0; i < v->doc->definition_count; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_OPERATION && d->name.ptr == NULL && count > 1) {
            gql_problem(v, d->pos, "LoneAnonymousOperationViolation", NULL,
                "Anonymous operation with other operations.");
        }
    }
}

// Root fields of a subscription through fragments; introspection fields are not allowed there.
static size_t count_roots(
    struct validator *v, const struct gql_selection *list, size_t count, struct map *keys)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *s = &list[i];
        const struct gql_definition *fragment =
            s->kind == GQL_SPREAD ? map_get(v->fragments, s->name) : NULL;
        if (s->kind == GQL_FIELD) {
            map_set(keys, s->alias.ptr != NULL ? s->alias : s->name, (void *)s);
        } else if (fragment != NULL) {
            count_roots(v, fragment->selections, fragment->selection_count, keys);
        } else {
            count_roots(v, s->selections, s->selection_count, keys);
        }
    }
    return map_count(keys);
}

void gql_validate(
    struct gql_problems *problems, const struct gql_schema *schema, const struct gql_document *doc)
{
    struct validator v = {.problems = problems,
        .arena = problems->arena,
        .schema = schema,
        .doc = doc,
        .fragments = map_new(problems->arena)};
    validate_names(&v);
    if (!validate_fragments(&v)) {
        return; // everything below follows fragments
    }
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        if (d->kind == GQL_DEF_FRAGMENT) {
            validate_directives(
                &v, d->directives, d->directive_count, S("FRAGMENT_DEFINITION"), NULL);
            const struct gql_type *type = validate_on(&v, d->on, d->pos, NULL);
            validate_selections(&v, type, d->selections, d->selection_count, NULL);
        } else if (d->kind == GQL_DEF_OPERATION) {
            validate_operation(&v, d);
            if (d->operation == GQL_SUBSCRIPTION &&
                count_roots(&v, d->selections, d->selection_count, map_new(v.arena)) > 1) {
                gql_problem(&v, d->pos, "SubscriptionMultipleRootFields", NULL,
                    "Subscription operation must have exactly one root field");
            }
        }
    }
    for (size_t i = 0; i < doc->definition_count && problems->list.count == 0; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        const struct gql_type *type = d->kind == GQL_DEF_FRAGMENT ? gql_schema_type(schema, d->on)
                                                                  : schema->roots[d->operation];
        gql_validate_overlaps(&v, type, d->selections, d->selection_count, NULL);
    }
}
