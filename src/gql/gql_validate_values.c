// Validation of values (sections 5.6.1 to 5.6.4). graphql-java tells one fault for each argument,
// and shows values as its own tree prints itself; clients of AppSync know these texts.
#include "gql/gql_validate.h"

struct value_fault {
    const struct gql_value *shown; // NULL: the whole argument
    str where;                     // ".member[0]" behind the argument's name
    str why;
};

static void show(struct buf *out, const struct gql_value *value)
{
    switch (value->kind) {
    case GQL_VALUE_VARIABLE:
        buf_fmt(out, "VariableReference{name='%.*s'}", PRI(value->text));
        break;
    case GQL_VALUE_INT: buf_fmt(out, "IntValue{value=%.*s}", PRI(value->text)); break;
    case GQL_VALUE_FLOAT: buf_fmt(out, "FloatValue{value=%.*s}", PRI(value->text)); break;
    case GQL_VALUE_STRING: buf_fmt(out, "StringValue{value='%.*s'}", PRI(value->text)); break;
    case GQL_VALUE_BOOLEAN: buf_fmt(out, "BooleanValue{value=%.*s}", PRI(value->text)); break;
    case GQL_VALUE_NULL: buf_add(out, S("NullValue{}")); break;
    case GQL_VALUE_ENUM: buf_fmt(out, "EnumValue{name='%.*s'}", PRI(value->text)); break;
    case GQL_VALUE_LIST:
    case GQL_VALUE_OBJECT: {
        bool list = value->kind == GQL_VALUE_LIST;
        buf_add(out, list ? S("ArrayValue{values=[") : S("ObjectValue{objectFields=["));
        for (size_t i = 0; i < value->count && !out->overflow; i++) {
            buf_add(out, i > 0 ? S(", ") : S(""));
            if (!list) {
                buf_fmt(out, "ObjectField{name='%.*s', value=", PRI(value->items[i].key));
            }
            show(out, &value->items[i]);
            buf_add(out, list ? S("") : S("}"));
        }
        buf_add(out, S("]}"));
    }
    }
}

static str shown(struct arena *arena, const struct gql_value *value)
{
    struct buf out = buf_in(arena, GQL_SHOWN_MAX);
    show(&out, value);
    return buf_str(&out);
}

static bool has_fault(struct validator *v, const struct gql_type_ref *ref,
    const struct gql_value *value, struct value_fault *fault);

static str missing_members(
    struct validator *v, const struct gql_type *type, const struct gql_value *value)
{
    struct buf names = buf_in(v->arena, GQL_SHOWN_MAX);
    for (size_t i = 0; i < type->input_count; i++) {
        const struct gql_arg_def *def = &type->inputs[i];
        if (def->type->kind == GQL_REF_NON_NULL && def->otherwise_text.ptr == NULL &&
            gql_value_get(value, def->name) == NULL) {
            buf_add(&names, names.len > 0 ? S(", ") : S(""));
            buf_add(&names, def->name);
        }
    }
    return buf_str(&names);
}

static bool object_fault(struct validator *v, const struct gql_type *type,
    const struct gql_value *value, struct value_fault *fault)
{
    if (value->kind != GQL_VALUE_OBJECT) {
        fault->why = S("must be an object type");
        return true;
    }
    str missing = missing_members(v, type, value);
    if (missing.len > 0) {
        fault->why = str_cat(v->arena, S("is missing required fields '["), missing, S("]'"));
        return true;
    }
    for (size_t i = 0; i < value->count; i++) {
        const struct gql_value *item = &value->items[i];
        const struct gql_arg_def *def = gql_find_arg(type->inputs, type->input_count, item->key);
        if (def == NULL) {
            fault->why = str_cat(
                v->arena, S("contains a field not in '"), type->name, S("': '"), item->key, S("'"));
            return true;
        }
        if (has_fault(v, def->type, item, fault)) {
            fault->where = str_cat(v->arena, S("."), item->key, fault->where);
            return true;
        }
    }
    return false;
}

static bool list_fault(struct validator *v, const struct gql_type_ref *ref,
    const struct gql_value *value, struct value_fault *fault)
{
    for (size_t i = 0; i < value->count; i++) {
        if (has_fault(v, ref->of, &value->items[i], fault)) {
            fault->where = str_cat(v->arena, str_fmt(v->arena, "[%zu]", i), fault->where);
            return true;
        }
    }
    return false;
}

static bool has_fault(struct validator *v, const struct gql_type_ref *ref,
    const struct gql_value *value, struct value_fault *fault)
{
    struct json *ignored = NULL;
    if (value->kind == GQL_VALUE_VARIABLE) {
        return false; // section 5.8.5 looks at those
    }
    if (value->kind == GQL_VALUE_NULL && ref->kind == GQL_REF_NON_NULL) {
        fault->shown = value;
        fault->why = S("must not be null");
        return true;
    }
    if (value->kind == GQL_VALUE_NULL) {
        return false;
    }
    switch (ref->kind) {
    case GQL_REF_NON_NULL: return has_fault(v, ref->of, value, fault);
    case GQL_REF_LIST:
        return value->kind == GQL_VALUE_LIST ? list_fault(v, ref, value, fault)
                                             : has_fault(v, ref->of, value, fault);
    case GQL_REF_NAMED: break;
    }
    if (ref->type->kind == GQL_INPUT) {
        return object_fault(v, ref->type, value, fault);
    }
    err *e = gql_coerce_literal(v->arena, ref, value, NULL, &ignored);
    if (e != NULL) {
        fault->shown = value;
        fault->why = e->text;
    }
    return e != NULL;
}

void gql_validate_argument(struct validator *v, const struct gql_arg_def *def,
    const struct gql_argument *argument, const struct name_path *path)
{
    struct value_fault fault = {};
    if (has_fault(v, def->type, &argument->value, &fault)) {
        str value = shown(v->arena, fault.shown != NULL ? fault.shown : &argument->value);
        gql_problem(v, argument->pos, "WrongType", path,
            "argument '%.*s%.*s' with value '%.*s' %.*s", PRI(argument->name), PRI(fault.where),
            PRI(value), PRI(fault.why));
    }
}

void gql_validate_default(
    struct validator *v, const struct gql_variable_def *variable, const struct gql_type_ref *type)
{
    struct value_fault fault = {};
    if (has_fault(v, type, variable->otherwise, &fault)) {
        gql_problem(v, variable->pos, "BadValueForDefaultArg", NULL,
            "Bad default value %.*s for type %.*s", PRI(shown(v->arena, variable->otherwise)),
            PRI(gql_ref_text(v->arena, type)));
    }
}

void gql_validate_members(
    struct validator *v, const struct gql_value *value, const struct name_path *path)
{
    struct map *seen = value->kind == GQL_VALUE_OBJECT ? map_new(v->arena) : NULL;
    for (size_t i = 0; i < value->count; i++) {
        const struct gql_value *item = &value->items[i];
        if (seen != NULL && map_set(seen, item->key, (void *)item) != NULL) {
            gql_problem(v, item->key_pos, "UniqueObjectFieldName", path,
                "There can be only one field named '%.*s'", PRI(item->key));
        }
        gql_validate_members(v, item, path);
    }
}
