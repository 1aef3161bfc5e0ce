// Validation of values and variables (sections 5.6 and 5.8).
#include "gql/gql_validate.h"

static void wrong(struct validator *v, const struct gql_value *value, const struct name_path *path,
    str argument, str why)
{
    str shown = gql_value_text(v->arena, value);
    gql_problem(v, value->pos, "WrongType", path, "argument '%.*s' with value '%.*s' %.*s",
        PRI(argument), PRI(shown), PRI(why));
}

static void validate_object(struct validator *v, const struct gql_type *type,
    const struct gql_value *value, const struct name_path *path, str argument)
{
    if (value->kind != GQL_VALUE_OBJECT) {
        wrong(v, value, path, argument,
            str_cat(v->arena, S("must be an object type '"), type->name, S("'")));
        return;
    }
    for (size_t i = 0; i < value->count; i++) {
        const struct gql_value *item = &value->items[i];
        const struct gql_arg_def *def = gql_find_arg(type->inputs, type->input_count, item->key);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(value->items[k].key, item->key)) {
                gql_problem(v, item->pos, "UniqueObjectFieldName", path,
                    "There can be only one field named '%.*s'", PRI(item->key));
            }
        }
        if (def == NULL) {
            wrong(v, value, path, argument,
                str_cat(v->arena, S("contains a field not in '"), type->name, S("': '"), item->key,
                    S("'")));
        } else {
            str inner = str_cat(v->arena, argument, S("."), item->key);
            gql_validate_value(v, def->type, item, path, inner);
        }
    }
    for (size_t i = 0; i < type->input_count; i++) {
        const struct gql_arg_def *def = &type->inputs[i];
        if (def->type->kind == GQL_REF_NON_NULL && def->otherwise_text.ptr == NULL &&
            gql_value_get(value, def->name) == NULL) {
            wrong(v, value, path, argument,
                str_cat(v->arena, S("is missing required fields '["), def->name, S("]'")));
        }
    }
}

void gql_validate_value(struct validator *v, const struct gql_type_ref *ref,
    const struct gql_value *value, const struct name_path *path, str argument)
{
    struct json *ignored = NULL;
    if (value->kind == GQL_VALUE_VARIABLE) {
        return; // section 5.8.5 looks at those
    }
    if (ref->kind == GQL_REF_NON_NULL) {
        if (value->kind == GQL_VALUE_NULL) {
            wrong(v, value, path, argument, S("must not be null"));
            return;
        }
        gql_validate_value(v, ref->of, value, path, argument);
        return;
    }
    if (value->kind == GQL_VALUE_NULL) {
        return;
    }
    if (ref->kind == GQL_REF_LIST) {
        if (value->kind != GQL_VALUE_LIST) {
            gql_validate_value(v, ref->of, value, path, argument);
        }
        for (size_t i = 0; value->kind == GQL_VALUE_LIST && i < value->count; i++) {
            gql_validate_value(v, ref->of, &value->items[i], path, argument);
        }
        return;
    }
    if (ref->type->kind == GQL_INPUT) {
        validate_object(v, ref->type, value, path, argument);
        return;
    }
    err *e = gql_coerce_literal(v->arena, ref, value, NULL, &ignored);
    if (e != NULL) {
        wrong(v, value, path, argument, e->text);
    }
}

// ---- variables
// -----------------------------------------------------------------------------------

struct uses {
    struct validator *v;
    const struct gql_definition *operation;
    struct map *seen;      // fragments walked
    struct map *variables; // used ones
};

static const struct gql_variable_def *find_variable(
    const struct gql_definition *operation, str name)
{
    for (size_t i = 0; i < operation->variable_count; i++) {
        if (str_eq(operation->variables[i].name, name)) {
            return &operation->variables[i];
        }
    }
    return NULL;
}

// Section 5.8.5, AreTypesCompatible.
static bool fits(const struct gql_type_ast *variable, const struct gql_type_ref *place)
{
    if (place->kind == GQL_REF_NON_NULL) {
        return variable->kind == GQL_AST_NON_NULL && fits(variable->of, place->of);
    }
    if (variable->kind == GQL_AST_NON_NULL) {
        return fits(variable->of, place);
    }
    if (place->kind == GQL_REF_LIST) {
        return variable->kind == GQL_AST_LIST && fits(variable->of, place->of);
    }
    return variable->kind == GQL_AST_NAMED && str_eq(variable->name, place->type->name);
}

static str ast_text(struct arena *arena, const struct gql_type_ast *ast)
{
    switch (ast->kind) {
    case GQL_AST_LIST: return str_cat(arena, S("["), ast_text(arena, ast->of), S("]"));
    case GQL_AST_NON_NULL: return str_cat(arena, ast_text(arena, ast->of), S("!"));
    case GQL_AST_NAMED: break;
    }
    return ast->name;
}

static void use_variable(struct uses *u, const struct gql_value *value,
    const struct gql_type_ref *place, bool place_has_default, const struct name_path *path)
{
    const struct gql_variable_def *variable = find_variable(u->operation, value->text);
    map_set(u->variables, value->text, (void *)value);
    if (variable == NULL) {
        gql_problem(u->v, value->pos, "UndefinedVariable", path, "Undefined variable %.*s",
            PRI(value->text));
        return;
    }
    if (place == NULL || gql_schema_type(u->v->schema, gql_type_ast_name(variable->type)) == NULL) {
        return;
    }
    bool has_default = place_has_default ||
                       (variable->otherwise != NULL && variable->otherwise->kind != GQL_VALUE_NULL);
    const struct gql_type_ref *target = place;
    if (place->kind == GQL_REF_NON_NULL && variable->type->kind != GQL_AST_NON_NULL &&
        has_default) {
        target = place->of;
    }
    if (!fits(variable->type, target)) {
        str have = ast_text(u->v->arena, variable->type);
        str want = gql_ref_text(u->v->arena, place);
        gql_problem(u->v, value->pos, "VariableTypeMismatch", path,
            "Variable type '%.*s' doesn't match expected type '%.*s'", PRI(have), PRI(want));
    }
}

static void walk_value(struct uses *u, const struct gql_value *value,
    const struct gql_type_ref *place, bool place_has_default, const struct name_path *path)
{
    if (value->kind == GQL_VALUE_VARIABLE) {
        use_variable(u, value, place, place_has_default, path);
        return;
    }
    const struct gql_type_ref *bare =
        place != NULL && place->kind == GQL_REF_NON_NULL ? place->of : place;
    for (size_t i = 0; i < value->count; i++) {
        const struct gql_value *item = &value->items[i];
        if (value->kind == GQL_VALUE_LIST) {
            walk_value(
                u, item, bare != NULL && bare->kind == GQL_REF_LIST ? bare->of : NULL, false, path);
            continue;
        }
        while (bare != NULL && bare->kind != GQL_REF_NAMED) {
            bare = bare->of; // one object is a list of one
        }
        const struct gql_arg_def *def =
            bare != NULL ? gql_find_arg(bare->type->inputs, bare->type->input_count, item->key)
                         : NULL;
        walk_value(u, item, def != NULL ? def->type : NULL,
            def != NULL && def->otherwise_text.ptr != NULL, path);
    }
}

static void walk_arguments(struct uses *u, const struct gql_argument *given, size_t count,
    const struct gql_arg_def *defs, size_t def_count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_arg_def *def = gql_find_arg(defs, def_count, given[i].name);
        walk_value(u, &given[i].value, def != NULL ? def->type : NULL,
            def != NULL && def->otherwise_text.ptr != NULL, path);
    }
}

static void walk_directives(
    struct uses *u, const struct gql_directive *list, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_directive_def *def = NULL;
        for (size_t k = 0; k < u->v->schema->directives.count; k++) {
            if (str_eq(u->v->schema->directives.items[k]->name, list[i].name)) {
                def = u->v->schema->directives.items[k];
            }
        }
        walk_arguments(u, list[i].arguments, list[i].argument_count, def != NULL ? def->args : NULL,
            def != NULL ? def->arg_count : 0, path);
    }
}

static void walk_selections(struct uses *u, const struct gql_type *parent,
    const struct gql_selection *list, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count; i++) {
        const struct gql_selection *s = &list[i];
        struct name_path here = {path, s->name};
        walk_directives(u, s->directives, s->directive_count, path);
        if (s->kind == GQL_FIELD) {
            const struct gql_field_def *def =
                parent != NULL ? gql_type_field(u->v->schema, parent, s->name) : NULL;
            walk_arguments(u, s->arguments, s->argument_count, def != NULL ? def->args : NULL,
                def != NULL ? def->arg_count : 0, &here);
            walk_selections(u, def != NULL ? gql_ref_type(def->type) : NULL, s->selections,
                s->selection_count, &here);
        } else if (s->kind == GQL_INLINE) {
            const struct gql_type *type =
                s->on.ptr != NULL ? gql_schema_type(u->v->schema, s->on) : parent;
            walk_selections(u, type, s->selections, s->selection_count, path);
        } else {
            const struct gql_definition *fragment = map_get(u->v->fragments, s->name);
            if (fragment != NULL && map_set(u->seen, s->name, (void *)fragment) == NULL) {
                walk_directives(u, fragment->directives, fragment->directive_count, path);
                walk_selections(u, gql_schema_type(u->v->schema, fragment->on),
                    fragment->selections, fragment->selection_count, path);
            }
        }
    }
}

static void validate_definition(struct validator *v, const struct gql_variable_def *variable)
{
    const struct gql_type *type = gql_schema_type(v->schema, gql_type_ast_name(variable->type));
    struct gql_type_ref named = {.kind = GQL_REF_NAMED, .type = type};
    if (type == NULL) {
        gql_problem(v, variable->pos, "UnknownType", NULL, "Unknown type %.*s",
            PRI(gql_type_ast_name(variable->type)));
        return;
    }
    if (!gql_is_input_type(type)) {
        gql_problem(v, variable->pos, "NonInputTypeOnVariable", NULL,
            "Input variable '%.*s' type '%.*s' is not an input type", PRI(variable->name),
            PRI(type->name));
        return;
    }
    const struct gql_type_ast *bare =
        variable->type->kind == GQL_AST_NON_NULL ? variable->type->of : variable->type;
    bool null_for_required = variable->otherwise != NULL &&
                             variable->otherwise->kind == GQL_VALUE_NULL &&
                             variable->type->kind == GQL_AST_NON_NULL;
    if (null_for_required) {
        gql_problem(v, variable->pos, "BadValueForDefaultArg", NULL, "Bad default value for type");
    } else if (variable->otherwise != NULL && bare->kind == GQL_AST_NAMED) {
        gql_validate_value(v, &named, variable->otherwise, NULL, variable->name);
    } else if (variable->otherwise != NULL && variable->otherwise->kind == GQL_VALUE_LIST &&
               bare->of->kind != GQL_AST_LIST &&
               (bare->of->of == NULL || bare->of->of->kind == GQL_AST_NAMED)) {
        for (size_t i = 0; i < variable->otherwise->count; i++) {
            gql_validate_value(v, &named, &variable->otherwise->items[i], NULL, variable->name);
        }
    }
}

void gql_validate_variables(struct validator *v, const struct gql_definition *operation)
{
    struct uses u = {
        .v = v, .operation = operation, .seen = map_new(v->arena), .variables = map_new(v->arena)};
    for (size_t i = 0; i < operation->variable_count; i++) {
        validate_definition(v, &operation->variables[i]);
        for (size_t k = 0; k < i; k++) {
            if (str_eq(operation->variables[k].name, operation->variables[i].name)) {
                gql_problem(v, operation->variables[i].pos, "DuplicateVariableName", NULL,
                    "There can be only one variable named '%.*s'",
                    PRI(operation->variables[i].name));
            }
        }
    }
    walk_directives(&u, operation->directives, operation->directive_count, NULL);
    walk_selections(&u, v->schema->roots[operation->operation], operation->selections,
        operation->selection_count, NULL);
    for (size_t i = 0; i < operation->variable_count; i++) {
        if (map_get(u.variables, operation->variables[i].name) == NULL) {
            gql_problem(v, operation->variables[i].pos, "UnusedVariable", NULL,
                "Unused variable %.*s", PRI(operation->variables[i].name));
        }
    }
}
