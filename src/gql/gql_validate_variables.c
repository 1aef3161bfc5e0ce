// Validation of variables (section 5.8): each operation walked through all fragments it uses.
#include "gql/gql_validate.h"

struct uses {
    struct validator *v;
    const struct gql_definition *operation;
    struct map *names; // variable -> definition
    struct map *seen;  // fragments walked
    struct map *used;  // variables
};

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
    const struct gql_variable_def *variable = map_get(u->names, value->text);
    map_set(u->used, value->text, (void *)value);
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
        bool filled = variable->otherwise != NULL && variable->type->kind != GQL_AST_NON_NULL;
        str have =
            str_cat(u->v->arena, ast_text(u->v->arena, variable->type), filled ? S("!") : S(""));
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
        const struct gql_directive_def *def = gql_schema_directive(u->v->schema, list[i].name);
        walk_arguments(u, list[i].arguments, list[i].argument_count, def != NULL ? def->args : NULL,
            def != NULL ? def->arg_count : 0, path);
    }
}

static void walk_selections(struct uses *u, const struct gql_type *parent,
    const struct gql_selection *list, size_t count, const struct name_path *path)
{
    for (size_t i = 0; i < count && gql_work(u->v, list[i].pos); i++) {
        const struct gql_selection *s = &list[i];
        struct name_path here = {path, s->name}; // of a field or a fragment
        walk_directives(u, s->directives, s->directive_count, s->kind == GQL_FIELD ? &here : path);
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
                walk_directives(u, fragment->directives, fragment->directive_count, &here);
                walk_selections(u, gql_schema_type(u->v->schema, fragment->on),
                    fragment->selections, fragment->selection_count, &here);
            }
        }
    }
}

static void validate_definition(struct validator *v, const struct gql_variable_def *variable)
{
    const struct gql_type_ref *ref = gql_ref_of_ast(v->arena, v->schema, variable->type);
    gql_validate_directives(
        v, variable->directives, variable->directive_count, S("VARIABLE_DEFINITION"), NULL);
    if (variable->otherwise != NULL) {
        gql_validate_members(v, variable->otherwise, NULL);
    }
    if (ref == NULL) {
        const struct gql_type_ast *named = variable->type;
        while (named->of != NULL) {
            named = named->of;
        }
        gql_problem(v, named->pos, "UnknownType", NULL, "Unknown type %.*s", PRI(named->name));
    } else if (!gql_is_input_type(gql_ref_type(ref))) {
        gql_problem(v, variable->pos, "NonInputTypeOnVariable", NULL, "Wrong type for a variable");
    } else if (variable->otherwise != NULL) {
        gql_validate_default(v, variable, ref);
    }
}

void gql_validate_variables(struct validator *v, const struct gql_definition *operation)
{
    struct map *names = map_new(v->arena);
    struct uses u = {.v = v,
        .operation = operation,
        .seen = map_new(v->arena),
        .used = map_new(v->arena),
        .names = names};
    for (size_t i = 0; i < operation->variable_count; i++) {
        const struct gql_variable_def *variable = &operation->variables[i];
        validate_definition(v, variable);
        if (map_get(names, variable->name) != NULL) {
            gql_problem(v, variable->pos, "DuplicateVariableName", NULL,
                "There can be only one variable named '%.*s'", PRI(variable->name));
            continue;
        }
        map_set(names, variable->name, (void *)variable);
    }
    walk_directives(&u, operation->directives, operation->directive_count, NULL);
    walk_selections(&u, v->schema->roots[operation->operation], operation->selections,
        operation->selection_count, NULL);
    for (size_t i = 0; i < operation->variable_count; i++) {
        if (map_get(u.used, operation->variables[i].name) == NULL) {
            gql_problem(v, operation->variables[i].pos, "UnusedVariable", NULL,
                "Unused variable %.*s", PRI(operation->variables[i].name));
        }
    }
}
