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
    struct buf where = buf_in(v->arena, GQL_SHOWN_MAX);
    va_list args;
    if (v->problems->list.count >= GQL_PROBLEMS_MAX) {
        return;
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

bool gql_work(struct validator *v, struct gql_pos pos)
{
    if (v->work == GQL_WORK_MAX) {
        gql_problem(v, pos, "TooComplex", NULL, "The fragments expand to too many selections");
    }
    return v->work++ < GQL_WORK_MAX;
}

// ---- arguments and directives ------------------------------------------------------------------

struct arguments { // of a field or directive, with what it is called in messages
    const struct gql_argument *given;
    size_t count;
    const struct gql_arg_def *defs;
    size_t def_count;
    bool of_directive;
    struct gql_pos pos;
};

static void validate_given(
    struct validator *v, const struct arguments *a, size_t index, const struct name_path *path)
{
    const struct gql_argument *argument = &a->given[index];
    const struct gql_arg_def *def = gql_find_arg(a->defs, a->def_count, argument->name);
    for (size_t k = 0; k < index; k++) {
        if (str_eq(a->given[k].name, argument->name)) {
            gql_problem(v, argument->pos, "DuplicateArgumentNames", path,
                "There can be only one argument named '%.*s'", PRI(argument->name));
            break;
        }
    }
    gql_validate_members(v, &argument->value, path);
    if (def != NULL) {
        gql_validate_argument(v, def, argument, path);
    } else if (a->of_directive) {
        gql_problem(v, argument->pos, "UnknownDirective", path, "Unknown directive argument %.*s",
            PRI(argument->name));
    } else {
        gql_problem(v, argument->pos, "UnknownArgument", path, "Unknown field argument %.*s",
            PRI(argument->name));
    }
}

static void validate_arguments(
    struct validator *v, const struct arguments *a, const struct name_path *path)
{
    for (size_t i = 0; i < a->count; i++) {
        validate_given(v, a, i, path);
    }
    for (size_t i = 0; i < a->def_count; i++) {
        const struct gql_arg_def *def = &a->defs[i];
        bool found = def->type->kind != GQL_REF_NON_NULL || def->otherwise_text.ptr != NULL;
        for (size_t k = 0; k < a->count && !found; k++) {
            found = str_eq(a->given[k].name, def->name);
        }
        if (!found) {
            gql_problem(v, a->pos,
                a->of_directive ? "MissingDirectiveArgument" : "MissingFieldArgument", path,
                "Missing %s argument %.*s", a->of_directive ? "directive" : "field",
                PRI(def->name));
        }
    }
}

static bool allows(const struct gql_directive_def *def, str location)
{
    for (size_t i = 0; i < def->location_count; i++) {
        if (str_eq(def->locations[i], location)) {
            return true;
        }
    }
    return false;
}

void gql_validate_directives(struct validator *v, const struct gql_directive *list, size_t count,
    str location, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_directive *one = &list[i];
        const struct gql_directive_def *def = gql_schema_directive(v->schema, one->name);
        if (def == NULL) {
            gql_problem(
                v, one->pos, "UnknownDirective", path, "Unknown directive %.*s", PRI(one->name));
            continue;
        }
        if (!allows(def, location)) {
            gql_problem(v, one->pos, "MisplacedDirective", path, "Directive %.*s not allowed here",
                PRI(one->name));
        }
        if (!def->repeatable && gql_directive_find(list, i, one->name) != NULL) {
            gql_problem(v, one->pos, "DuplicateDirectiveName", path,
                "Non repeatable directives must be uniquely named within a location. The "
                "directive '%.*s' is not unique.",
                PRI(one->name));
        }
        struct arguments arguments = {
            one->arguments, one->argument_count, def->args, def->arg_count, true, one->pos};
        validate_arguments(v, &arguments, path);
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
    gql_validate_directives(v, field->directives, field->directive_count, S("FIELD"), &here);
    if (def == NULL) {
        if (parent != NULL) {
            gql_problem(v, field->pos, "FieldUndefined", &here,
                "Field '%.*s' in type '%.*s' is undefined", PRI(field->name), PRI(parent->name));
        }
        validate_selections(v, NULL, field->selections, field->selection_count, &here);
        return;
    }
    struct arguments arguments = {
        field->arguments, field->argument_count, def->args, def->arg_count, false, field->pos};
    validate_arguments(v, &arguments, &here);
    const struct gql_type *type = gql_ref_type(def->type);
    bool composite = gql_is_composite(type);
    if (composite && !field->has_selections) {
        gql_problem(v, field->pos, "SubSelectionRequired", &here,
            "Sub selection required for type %.*s of field %.*s",
            PRI(gql_ref_text(v->arena, def->type)), PRI(field->name));
    } else if (!composite && field->has_selections) {
        gql_problem(v, field->pos, "SubSelectionNotAllowed", &here,
            "Sub selection not allowed on leaf type %.*s of field %.*s",
            PRI(gql_ref_text(v->arena, def->type)), PRI(field->name));
    }
    validate_selections(
        v, composite ? type : NULL, field->selections, field->selection_count, &here);
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
    if (type == NULL || !gql_is_composite(type) || parent == NULL || types_overlap(parent, type)) {
        return; // what is wrong with the type itself is told elsewhere
    }
    bool spread = use->kind == GQL_SPREAD;
    gql_problem(v, use->pos, "InvalidFragmentType", path,
        "Fragment%s%.*s cannot be spread here as objects of type %.*s can never be of type %.*s",
        spread ? " " : "", PRI(spread ? use->name : S("")), PRI(parent->name), PRI(type->name));
}

// The type of a type condition, or NULL when there is something wrong with it.
static const struct gql_type *validate_on(
    struct validator *v, str on, struct gql_pos pos, bool is_inline, const struct name_path *path)
{
    const struct gql_type *type = gql_schema_type(v->schema, on);
    if (type == NULL) {
        gql_problem(v, pos, "UnknownType", path, "Unknown type %.*s", PRI(on));
        return NULL;
    }
    if (gql_is_composite(type)) {
        return type;
    }
    gql_problem(v, pos,
        is_inline ? "InlineFragmentTypeConditionInvalid" : "FragmentTypeConditionInvalid", path,
        "%s type condition is invalid, must be on Object/Interface/Union",
        is_inline ? "Inline fragment" : "Fragment");
    return NULL;
}

static void validate_inline(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *s, const struct name_path *path)
{
    const struct gql_type *type = parent;
    gql_validate_directives(v, s->directives, s->directive_count, S("INLINE_FRAGMENT"), path);
    if (s->on.ptr != NULL) {
        type = validate_on(v, s->on, s->on_pos, true, path);
        validate_condition(v, parent, s, s->on, path);
    }
    validate_selections(v, type, s->selections, s->selection_count, path);
}

static void validate_spread(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *s, const struct name_path *path)
{
    const struct gql_definition *fragment = map_get(v->fragments, s->name);
    gql_validate_directives(v, s->directives, s->directive_count, S("FRAGMENT_SPREAD"), path);
    if (fragment == NULL) {
        gql_problem(v, s->pos, "UndefinedFragment", path, "Undefined fragment %.*s", PRI(s->name));
    } else {
        validate_condition(v, parent, s, fragment->on, path);
    }
}

static void validate_selections(struct validator *v, const struct gql_type *parent,
    const struct gql_selection *selections, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        switch (selections[i].kind) {
        case GQL_FIELD: validate_field(v, parent, &selections[i], path); break;
        case GQL_INLINE: validate_inline(v, parent, &selections[i], path); break;
        case GQL_SPREAD: validate_spread(v, parent, &selections[i], path); break;
        }
    }
}

// ---- fragments ---------------------------------------------------------------------------------

// How deep selections nest once fragments are taken in. Everything after this follows fragments
// recursively, so cycles and excessive depth end validation here.
struct nesting {
    struct validator *v;
    struct map *heights; // fragment name -> enum below, or its height from HEIGHT on
    bool failed;
};

enum { OPEN = 1, CYCLIC = 2, HEIGHT = 3 };

static size_t selections_height(
    struct nesting *n, const struct gql_selection *list, size_t count, size_t depth);

static size_t fragment_height(struct nesting *n, const struct gql_selection *spread, size_t depth)
{
    struct gql_definition *fragment = map_get(n->v->fragments, spread->name);
    uintptr_t known = (uintptr_t)map_get(n->heights, spread->name);
    if (known >= HEIGHT || fragment == NULL) {
        return known >= HEIGHT ? known - HEIGHT : 0;
    }
    if (known != 0) {
        map_set(n->heights, spread->name, (void *)(uintptr_t)CYCLIC);
        return 0;
    }
    map_set(n->heights, fragment->name, (void *)(uintptr_t)OPEN);
    size_t height =
        selections_height(n, fragment->selections, fragment->selection_count, depth + 1);
    if ((uintptr_t)map_get(n->heights, fragment->name) == CYCLIC) {
        struct name_path path = {NULL, fragment->name};
        gql_problem(n->v, fragment->pos, "FragmentCycle", &path, "Fragment cycles not allowed");
        n->failed = true;
    }
    map_set(n->heights, fragment->name, (void *)(uintptr_t)(HEIGHT + height));
    return height;
}

static size_t selections_height(
    struct nesting *n, const struct gql_selection *list, size_t count, size_t depth)
{
    size_t height = 0;
    for (size_t i = 0; i < count && !n->failed; i++) {
        if (depth >= GQL_NESTING_MAX) {
            n->failed = true;
            gql_problem(n->v, list[i].pos, "TooDeep", NULL, "The selections are nested too deeply");
            break;
        }
        size_t inner = list[i].kind == GQL_SPREAD ? fragment_height(n, &list[i], depth)
                                                  : selections_height(n, list[i].selections,
                                                        list[i].selection_count, depth + 1);
        height = inner + 1 > height ? inner + 1 : height;
        if (depth + height > GQL_NESTING_MAX && !n->failed) {
            n->failed = true;
            gql_problem(n->v, list[i].pos, "TooDeep", NULL, "The selections are nested too deeply");
        }
    }
    return height;
}

static bool validate_fragments(struct validator *v)
{
    struct nesting n = {.v = v, .heights = map_new(v->arena)};
    for (size_t i = 0; i < v->doc->definition_count && !n.failed; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_OPERATION) {
            selections_height(&n, d->selections, d->selection_count, 0);
        }
    }
    for (size_t i = 0; i < v->doc->definition_count && !n.failed; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_FRAGMENT && map_get(n.heights, d->name) == NULL) {
            struct name_path path = {NULL, d->name};
            gql_problem(v, d->pos, "UnusedFragment", &path, "Unused fragment %.*s", PRI(d->name));
        }
    }
    // Unused fragments may be cyclic as well.
    for (size_t i = 0; i < v->doc->definition_count && !n.failed; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_FRAGMENT) {
            fragment_height(&n, &(struct gql_selection){.name = d->name}, 0);
        }
    }
    return !n.failed;
}

// ---- definitions -------------------------------------------------------------------------------

// True for @skip(if: true) and @include(if: false): section 5.2.3.1 collects fields as execution
// does.
static bool is_left_out(const struct gql_selection *s)
{
    static const struct {
        str name;
        bool out;
    } KINDS[] = {{S_INIT("skip"), true}, {S_INIT("include"), false}};

    for (size_t i = 0; i < countof(KINDS); i++) {
        const struct gql_value *value = gql_directive_argument(
            gql_directive_find(s->directives, s->directive_count, KINDS[i].name), S("if"));
        if (value != NULL && value->kind == GQL_VALUE_BOOLEAN && value->boolean == KINDS[i].out) {
            return true;
        }
    }
    return false;
}

// Root fields of a subscription through fragments, by response key.
static void subscription_roots(struct validator *v, const struct gql_type *root,
    const struct gql_selection *list, size_t count, struct map *keys)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *s = &list[i];
        const struct gql_definition *fragment =
            s->kind == GQL_SPREAD ? map_get(v->fragments, s->name) : NULL;
        if (!gql_work(v, s->pos)) {
            return;
        }
        str on = fragment != NULL ? fragment->on : s->on;
        const struct gql_type *type = on.ptr != NULL ? gql_schema_type(v->schema, on) : NULL;
        if (is_left_out(s) || (type != NULL && !gql_type_includes(type, root))) {
            continue;
        }
        if (s->kind == GQL_FIELD) {
            map_set(keys, s->alias.ptr != NULL ? s->alias : s->name, (void *)s);
        } else if (fragment != NULL) {
            subscription_roots(v, root, fragment->selections, fragment->selection_count, keys);
        } else {
            subscription_roots(v, root, s->selections, s->selection_count, keys);
        }
    }
}

static void validate_subscription(struct validator *v, const struct gql_definition *d)
{
    const struct gql_type *root = v->schema->roots[GQL_SUBSCRIPTION];
    struct map *keys = map_new(v->arena);
    str name = d->name.ptr != NULL ? d->name : S("null");
    size_t pos = 0;
    str key = {};
    void *field = NULL;
    subscription_roots(v, root, d->selections, d->selection_count, keys);
    if (map_count(keys) > 1) {
        gql_problem(v, d->pos, "SubscriptionMultipleRootFields", NULL,
            "Subscription operation '%.*s' must have exactly one root field", PRI(name));
    }
    while (map_next(keys, &pos, &key, &field)) {
        const struct gql_selection *s = field;
        if (str_starts(s->name, S("__"))) {
            gql_problem(v, s->pos, "SubscriptionIntrospectionRootField", NULL,
                "Subscription operation '%.*s' root field '%.*s' cannot be an introspection field",
                PRI(name), PRI(s->name));
        }
    }
}

static void validate_operation(struct validator *v, const struct gql_definition *d)
{
    static const str LOCATIONS[] = {S_INIT("QUERY"), S_INIT("MUTATION"), S_INIT("SUBSCRIPTION")};
    gql_validate_directives(v, d->directives, d->directive_count, LOCATIONS[d->operation], NULL);
    validate_selections(v, v->schema->roots[d->operation], d->selections, d->selection_count, NULL);
    gql_validate_variables(v, d);
    if (d->operation == GQL_SUBSCRIPTION && v->schema->roots[GQL_SUBSCRIPTION] != NULL) {
        validate_subscription(v, d);
    }
}

static void validate_fragment(struct validator *v, const struct gql_definition *d)
{
    struct name_path path = {NULL, d->name};
    gql_validate_directives(v, d->directives, d->directive_count, S("FRAGMENT_DEFINITION"), &path);
    const struct gql_type *type = validate_on(v, d->on, d->on_pos, false, &path);
    validate_selections(v, type, d->selections, d->selection_count, &path);
}

static void validate_not_executable(struct validator *v, const struct gql_definition *d)
{
    if (d->kind == GQL_DEF_SCHEMA) {
        gql_problem(
            v, d->pos, "NonExecutableDefinition", NULL, "Schema definition is not executable");
    } else {
        gql_problem(v, d->pos, "NonExecutableDefinition", NULL,
            "%s '%.*s' definition is not executable",
            d->kind == GQL_DEF_DIRECTIVE ? "Directive" : "Type", PRI(d->name));
    }
}

static void validate_names(struct validator *v)
{
    struct map *operations = map_new(v->arena);
    bool anonymous = false;
    size_t count = 0;
    for (size_t i = 0; i < v->doc->definition_count; i++) {
        const struct gql_definition *d = &v->doc->definitions[i];
        if (d->kind == GQL_DEF_FRAGMENT) {
            if (map_get(v->fragments, d->name) != NULL) {
                gql_problem(v, d->pos, "DuplicateFragmentName", NULL,
                    "There can be only one fragment named '%.*s'", PRI(d->name));
                continue;
            }
            map_set(v->fragments, d->name, (void *)d);
        } else if (d->kind != GQL_DEF_OPERATION) {
            validate_not_executable(v, d);
        } else if (d->name.ptr == NULL) {
            anonymous = true;
            if (count++ > 0) {
                gql_problem(v, d->pos, "LoneAnonymousOperationViolation", NULL,
                    "Anonymous operation with other operations.");
            }
        } else {
            if (map_set(operations, d->name, (void *)d) != NULL) {
                gql_problem(v, d->pos, "DuplicateOperationName", NULL,
                    "There can be only one operation named '%.*s'", PRI(d->name));
            }
            if (anonymous) {
                gql_problem(v, d->pos, "LoneAnonymousOperationViolation", NULL,
                    "Operation %.*s is following anonymous operation.", PRI(d->name));
            }
            count++;
        }
    }
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
        return;
    }
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        if (d->kind == GQL_DEF_FRAGMENT) {
            validate_fragment(&v, d);
        } else if (d->kind == GQL_DEF_OPERATION) {
            validate_operation(&v, d);
        }
    }
    // Comparing fields takes all else for granted.
    for (size_t i = 0; i < doc->definition_count && problems->list.count == 0; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        const struct gql_type *type = d->kind == GQL_DEF_FRAGMENT ? gql_schema_type(schema, d->on)
                                                                  : schema->roots[d->operation];
        gql_validate_overlaps(&v, type, d->selections, d->selection_count);
    }
}
