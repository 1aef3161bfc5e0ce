// The rules for schemas (section 3) that need all types to be known. Members are walked as the
// documents declare them, so that faults have positions.
#include "gql/gql_schema.h"

enum { TYPE_DEPTH_MAX = 200 };

// ---- names and members -------------------------------------------------------------------------

static err *check_name(struct builder *b, str name, struct gql_pos pos)
{
    if (!str_starts(name, S("__"))) {
        return NULL;
    }
    return gql_bad_schema(b, pos,
        str_cat(b->arena, S("Name \""), name,
            S("\" must not begin with \"__\", which is reserved by GraphQL introspection.")));
}

static err *check_input(struct builder *b, const struct gql_member *member, str location)
{
    bool required = member->type->kind == GQL_AST_NON_NULL && member->otherwise == NULL;
    bool deprecated =
        gql_directive_find(member->directives, member->directive_count, S("deprecated")) != NULL;
    TRY(check_name(b, member->name, member->pos));
    if (required && deprecated) {
        return gql_bad_schema(b, member->pos,
            str_cat(b->arena, S("Required \""), member->name, S("\" cannot be deprecated.")));
    }
    return gql_check_directives(b, member->directives, member->directive_count, location);
}

static err *check_inputs(
    struct builder *b, const struct gql_member *members, size_t count, str location)
{
    for (size_t i = 0; i < count; i++) {
        TRY(check_input(b, &members[i], location));
    }
    return NULL;
}

static err *check_members(struct builder *b, const struct gql_definition *d)
{
    if (d->kind == GQL_DEF_INPUT) {
        return check_inputs(b, d->members, d->member_count, S("INPUT_FIELD_DEFINITION"));
    }
    for (size_t i = 0; i < d->member_count; i++) {
        const struct gql_member *member = &d->members[i];
        str location = d->kind == GQL_DEF_ENUM ? S("ENUM_VALUE") : S("FIELD_DEFINITION");
        TRY(check_name(b, member->name, member->pos));
        TRY(gql_check_directives(b, member->directives, member->directive_count, location));
        TRY(check_inputs(b, member->arguments, member->argument_count, S("ARGUMENT_DEFINITION")));
    }
    return NULL;
}

// ---- interfaces --------------------------------------------------------------------------------

static bool implements(const struct gql_type *type, const struct gql_type *interface)
{
    for (size_t i = 0; i < type->interface_count; i++) {
        if (type->interfaces[i] == interface) {
            return true;
        }
    }
    return false;
}

// Section 3.6, IsValidImplementationFieldType.
static bool is_subtype(const struct gql_type_ref *type, const struct gql_type_ref *of)
{
    if (type->kind == GQL_REF_NON_NULL) {
        return is_subtype(type->of, of->kind == GQL_REF_NON_NULL ? of->of : of);
    }
    if (type->kind == GQL_REF_LIST || of->kind != GQL_REF_NAMED) {
        return type->kind == of->kind && is_subtype(type->of, of->of);
    }
    return type->type == of->type || gql_type_includes(of->type, type->type) ||
           implements(type->type, of->type);
}

static bool is_same_type(const struct gql_type_ref *a, const struct gql_type_ref *b)
{
    while (a->kind == b->kind && a->kind != GQL_REF_NAMED) {
        a = a->of;
        b = b->of;
    }
    return a->kind == b->kind && a->type == b->type;
}

static err *check_arguments(struct builder *b, struct gql_pos pos,
    const struct gql_field_def *field, const struct gql_field_def *wanted, str where)
{
    for (size_t i = 0; i < wanted->arg_count; i++) {
        const struct gql_arg_def *arg =
            gql_find_arg(field->args, field->arg_count, wanted->args[i].name);
        if (arg == NULL || !is_same_type(arg->type, wanted->args[i].type)) {
            return gql_bad_schema(b, pos,
                str_cat(b->arena, S("Interface field argument "), where, S("("),
                    wanted->args[i].name, S(":) expected with the same type.")));
        }
    }
    for (size_t i = 0; i < field->arg_count; i++) {
        const struct gql_arg_def *arg = &field->args[i];
        bool required = arg->type->kind == GQL_REF_NON_NULL && arg->otherwise_text.ptr == NULL;
        if (required && gql_find_arg(wanted->args, wanted->arg_count, arg->name) == NULL) {
            return gql_bad_schema(b, pos,
                str_cat(b->arena, S("Required argument \""), arg->name,
                    S("\" is missing from the Interface field "), where, S(".")));
        }
    }
    return NULL;
}

static err *check_interface(struct builder *b, struct gql_pos pos, const struct gql_type *type,
    const struct gql_type *interface)
{
    for (size_t i = 0; i < interface->interface_count; i++) {
        if (!implements(type, interface->interfaces[i])) {
            return gql_bad_schema(b, pos,
                str_cat(b->arena, S("Type "), type->name, S(" must implement "),
                    interface->interfaces[i]->name, S(" because it is implemented by "),
                    interface->name, S(".")));
        }
    }
    for (size_t i = 0; i < interface->field_count; i++) {
        const struct gql_field_def *wanted = &interface->fields[i];
        const struct gql_field_def *field = gql_find_field(type, wanted->name);
        str where = str_cat(b->arena, interface->name, S("."), wanted->name);
        if (field == NULL) {
            return gql_bad_schema(b, pos,
                str_cat(b->arena, S("Interface field "), where, S(" expected but "), type->name,
                    S(" does not provide it.")));
        }
        if (!is_subtype(field->type, wanted->type)) {
            return gql_bad_schema(b, pos,
                str_cat(b->arena, S("Interface field "), where, S(" expects type "),
                    gql_ref_text(b->arena, wanted->type), S(" but "), type->name, S("."),
                    wanted->name, S(" is type "), gql_ref_text(b->arena, field->type), S(".")));
        }
        TRY(check_arguments(b, pos, field, wanted, where));
    }
    return NULL;
}

static err *check_interfaces(
    struct builder *b, const struct gql_definition *d, const struct gql_type *type)
{
    for (size_t i = 0; i < type->interface_count; i++) {
        const struct gql_type *interface = type->interfaces[i];
        if (interface->kind != GQL_INTERFACE || interface == type) {
            return gql_bad_schema(b, d->pos,
                str_cat(b->arena, S("Type "), type->name,
                    S(" must only implement other Interface types, it cannot implement "),
                    interface->name, S(".")));
        }
        for (size_t k = 0; k < i; k++) {
            if (type->interfaces[k] == interface) {
                return gql_bad_schema(b, d->pos,
                    str_cat(b->arena, S("Type "), type->name, S(" can only implement "),
                        interface->name, S(" once.")));
            }
        }
        TRY(check_interface(b, d->pos, type, interface));
    }
    return NULL;
}

// ---- unions, input cycles ----------------------------------------------------------------------

static err *check_union(
    struct builder *b, const struct gql_definition *d, const struct gql_type *type)
{
    for (size_t i = 0; i < type->possible_count; i++) {
        if (type->possible[i]->kind != GQL_OBJECT) {
            return gql_bad_schema(b, d->pos,
                str_cat(b->arena, S("Union type "), type->name,
                    S(" can only include Object types, it cannot include "),
                    type->possible[i]->name, S(".")));
        }
        for (size_t k = 0; k < i; k++) {
            if (type->possible[k] == type->possible[i]) {
                return gql_bad_schema(b, d->pos,
                    str_cat(b->arena, S("Union type "), type->name, S(" can only include type "),
                        type->possible[i]->name, S(" once.")));
            }
        }
    }
    return NULL;
}

// Input objects that require each other can have no value. `states` marks types as being walked or
// done; chains longer than the stack bears are refused.
static err *check_cycle(struct builder *b, const struct gql_type *type, struct map *states,
    struct gql_pos pos, size_t depth)
{
    static const char WALKING = 'w';
    static const char DONE = 'd';
    const void *state = map_get(states, type->name);
    if (state == &DONE) {
        return NULL;
    }
    if (state == &WALKING || depth > TYPE_DEPTH_MAX) {
        return gql_bad_schema(b, pos,
            str_cat(b->arena, S("Cannot reference Input Object \""), type->name,
                S("\" within itself through a series of non-null fields.")));
    }
    map_set(states, type->name, (void *)&WALKING);
    for (size_t i = 0; i < type->input_count; i++) {
        const struct gql_type_ref *ref = type->inputs[i].type;
        bool required = ref->kind == GQL_REF_NON_NULL && ref->of->kind == GQL_REF_NAMED;
        if (required && ref->of->type->kind == GQL_INPUT) {
            TRY(check_cycle(b, ref->of->type, states, pos, depth + 1));
        }
    }
    map_set(states, type->name, (void *)&DONE);
    return NULL;
}

// ---- the whole ---------------------------------------------------------------------------------

static err *check_not_empty(
    struct builder *b, const struct gql_definition *d, const struct gql_type *type)
{
    static const char *const WHAT[] = {[GQL_OBJECT] = "fields",
        [GQL_INTERFACE] = "fields",
        [GQL_UNION] = "member types",
        [GQL_ENUM] = "values",
        [GQL_INPUT] = "fields"};
    size_t count = type->field_count + type->input_count + type->value_count;
    count += type->kind == GQL_UNION ? type->possible_count : 0;
    if (type->kind == GQL_SCALAR || count > 0) {
        return NULL;
    }
    return gql_bad_schema(b, d->pos,
        str_cat(b->arena, S("Type "), type->name, S(" must define one or more "),
            str_from(WHAT[type->kind]), S(".")));
}

static err *check_type(struct builder *b, const struct gql_definition *d, struct map *cycles)
{
    static const str LOCATIONS[] = {[GQL_DEF_SCALAR] = S_INIT("SCALAR"),
        [GQL_DEF_OBJECT] = S_INIT("OBJECT"),
        [GQL_DEF_INTERFACE] = S_INIT("INTERFACE"),
        [GQL_DEF_UNION] = S_INIT("UNION"),
        [GQL_DEF_ENUM] = S_INIT("ENUM"),
        [GQL_DEF_INPUT] = S_INIT("INPUT_OBJECT")};
    const struct gql_type *type = gql_schema_type(b->schema, d->name);
    TRY(check_name(b, d->name, d->pos));
    TRY(gql_check_directives(b, d->directives, d->directive_count, LOCATIONS[d->kind]));
    TRY(check_members(b, d));
    if (d->is_extension) {
        return NULL; // the definition speaks for the whole
    }
    TRY(check_not_empty(b, d, type));
    if (type->kind == GQL_UNION) {
        return check_union(b, d, type);
    }
    if (type->kind == GQL_INPUT) {
        return check_cycle(b, type, cycles, d->pos, 0);
    }
    return check_interfaces(b, d, type);
}

static err *check_roots(struct builder *b)
{
    const struct gql_schema *schema = b->schema;
    if (schema->roots[GQL_QUERY] == NULL) {
        return fail(b->arena, ERR_INVALID, "Query root type must be provided.");
    }
    for (size_t i = 0; i < countof(schema->roots); i++) {
        const struct gql_type *root = schema->roots[i];
        if (root != NULL && root->kind != GQL_OBJECT) {
            return fail(b->arena, ERR_INVALID, "Root type must be Object type, it cannot be %.*s.",
                PRI(root->name));
        }
        for (size_t k = 0; k < i && root != NULL; k++) {
            if (schema->roots[k] == root) {
                return fail(b->arena, ERR_INVALID,
                    "All root types must be different, \"%.*s\" is used twice.", PRI(root->name));
            }
        }
    }
    return NULL;
}

err *gql_schema_check(struct builder *b)
{
    struct map *cycles = map_new(b->arena);
    TRY(check_roots(b));
    for (size_t i = 0; i < b->doc->definition_count; i++) {
        const struct gql_definition *d = &b->doc->definitions[i];
        if (gql_defines_type(d)) {
            TRY(check_type(b, d, cycles));
        } else if (d->kind == GQL_DEF_DIRECTIVE) {
            TRY(check_name(b, d->name, d->pos));
            TRY(check_inputs(b, d->members, d->member_count, S("ARGUMENT_DEFINITION")));
        } else {
            TRY(gql_check_directives(b, d->directives, d->directive_count, S("SCHEMA")));
        }
    }
    return NULL;
}

// ---- directives in use -------------------------------------------------------------------------

static err *check_directive_arguments(
    struct builder *b, const struct gql_directive *use, const struct gql_directive_def *def)
{
    for (size_t i = 0; i < use->argument_count; i++) {
        const struct gql_argument *argument = &use->arguments[i];
        const struct gql_arg_def *arg = gql_find_arg(def->args, def->arg_count, argument->name);
        struct json *ignored = NULL;
        if (arg == NULL) {
            return gql_bad_schema(b, argument->pos,
                str_cat(b->arena, S("Unknown argument \""), argument->name,
                    S("\" on directive \"@"), def->name, S("\".")));
        }
        if (gql_directive_argument(use, argument->name) != &argument->value) {
            return gql_bad_schema(b, argument->pos,
                str_cat(b->arena, S("There can be only one argument named \""), argument->name,
                    S("\".")));
        }
        err *e = gql_coerce_literal(b->arena, arg->type, &argument->value, NULL, &ignored);
        if (e != NULL) {
            return gql_bad_schema(b, argument->pos,
                str_cat(b->arena, S("Argument \""), argument->name, S("\" of directive \"@"),
                    def->name, S("\" "), e->text));
        }
    }
    for (size_t i = 0; i < def->arg_count; i++) {
        const struct gql_arg_def *arg = &def->args[i];
        bool required = arg->type->kind == GQL_REF_NON_NULL && arg->otherwise_text.ptr == NULL;
        if (required && gql_directive_argument(use, arg->name) == NULL) {
            return gql_bad_schema(b, use->pos,
                str_cat(b->arena, S("Directive \"@"), def->name, S("\" argument \""), arg->name,
                    S("\" is required, but it was not provided.")));
        }
    }
    return NULL;
}

err *gql_check_directives(
    struct builder *b, const struct gql_directive *list, size_t count, str location)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_directive_def *def = gql_schema_directive(b->schema, list[i].name);
        bool allowed = false;
        if (def == NULL) {
            continue; // left to whoever reads the schema, as with AppSync's own
        }
        for (size_t k = 0; k < def->location_count; k++) {
            allowed = allowed || str_eq(def->locations[k], location);
        }
        if (!allowed) {
            return gql_bad_schema(b, list[i].pos,
                str_cat(b->arena, S("Directive \"@"), def->name, S("\" may not be used on "),
                    location, S(".")));
        }
        if (!def->repeatable && gql_directive_find(list, i, def->name) != NULL) {
            return gql_bad_schema(b, list[i].pos,
                str_cat(b->arena, S("The directive \"@"), def->name,
                    S("\" can only be used once at this location.")));
        }
        TRY(check_directive_arguments(b, &list[i], def));
    }
    return NULL;
}
