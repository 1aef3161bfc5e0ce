// Input coercion (section 3.4 and following, 6.1.2) and result coercion of leaves.
#include "gql/gql_int.h"

#include <math.h>

static err *invalid(struct arena *arena, const struct gql_type *type, const struct json *value)
{
    str shown = json_text(arena, value);
    return fail(
        arena, ERR_INVALID, "%.*s cannot represent value: %.*s", PRI(type->name), PRI(shown));
}

static bool is_int(const struct json *value)
{
    i64 number = 0;
    return value->kind == JSON_NUMBER && json_to_i64(value, &number) && number >= INT32_MIN &&
           number <= INT32_MAX;
}

static bool is_whole(const struct json *value)
{
    i64 number = 0;
    return value->kind == JSON_NUMBER && json_to_i64(value, &number);
}

// "5" also for 5.0 and 5e0; the value itself when it is written so already.
static struct json *plain_integer(struct arena *arena, const struct json *value)
{
    i64 number = 0;
    str text = value->text;
    bool plain = !str_eq(text, S("-0"));
    for (size_t i = str_starts(text, S("-")); i < text.len && plain; i++) {
        plain = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    if (plain) {
        return (struct json *)value;
    }
    (void)json_to_i64(value, &number);
    return json_int(arena, number);
}

err *gql_scalar_input(
    struct arena *arena, const struct gql_type *type, const struct json *value, struct json **out)
{
    bool fits = true;
    if (type->scalar_in != NULL) {
        return type->scalar_in(arena, value, out);
    }
    *out = NULL;
    switch (type->builtin) {
    case GQL_INT:
        fits = is_int(value);
        *out = fits ? json_copy(arena, plain_integer(arena, value)) : NULL;
        break;
    case GQL_FLOAT: fits = value->kind == JSON_NUMBER && isfinite(json_to_double(value)); break;
    case GQL_STRING: fits = value->kind == JSON_STRING; break;
    case GQL_BOOLEAN: fits = value->kind == JSON_BOOL; break;
    case GQL_ID:
        fits = value->kind == JSON_STRING || is_whole(value);
        if (fits && value->kind == JSON_NUMBER) {
            str text = str_dup(arena, plain_integer(arena, value)->text);
            *out = json_string(arena, text);
        }
        break;
    case GQL_CUSTOM: break;
    }
    if (!fits) {
        return invalid(arena, type, value);
    }
    *out = *out != NULL ? *out : json_copy(arena, value);
    return NULL;
}

// Results are taken as they are where JSON's types fit; numbers and booleans become strings where
// a string is due, nothing else is converted.
err *gql_scalar_output(
    struct arena *arena, const struct gql_type *type, const struct json *value, struct json **out)
{
    bool fits = true;
    *out = (struct json *)value;
    if (type->scalar_out != NULL) {
        return type->scalar_out(arena, value, out);
    }
    switch (type->builtin) {
    case GQL_INT:
        fits = is_int(value);
        *out = fits ? plain_integer(arena, value) : NULL;
        break;
    case GQL_FLOAT: fits = value->kind == JSON_NUMBER; break;
    case GQL_BOOLEAN: fits = value->kind == JSON_BOOL; break;
    case GQL_STRING:
        fits = value->kind == JSON_STRING || value->kind == JSON_NUMBER || value->kind == JSON_BOOL;
        break;
    case GQL_ID: fits = value->kind == JSON_STRING || is_whole(value); break;
    case GQL_CUSTOM: return NULL;
    }
    if (!fits) {
        return invalid(arena, type, value);
    }
    if ((type->builtin == GQL_STRING || type->builtin == GQL_ID) && value->kind != JSON_STRING) {
        const struct json *plain = is_whole(value) ? plain_integer(arena, value) : value;
        *out = json_string(arena, json_text(arena, plain));
    }
    return NULL;
}

static bool enum_has(const struct gql_type *type, str name)
{
    for (size_t i = 0; i < type->value_count; i++) {
        if (str_eq(type->values[i].name, name)) {
            return true;
        }
    }
    return false;
}

// ---- JSON values of a request's variables ----------------------------------------------------

static err *coerce_json_object(struct arena *arena, const struct gql_type *type,
    const struct json *value, str where, struct json **out)
{
    *out = json_object(arena);
    if (value->kind != JSON_OBJECT) {
        return fail(arena, ERR_INVALID, "Variable '%.*s' has an invalid value.", PRI(where));
    }
    json_each (member, value) {
        if (gql_find_arg(type->inputs, type->input_count, member->key) == NULL) {
            return fail(arena, ERR_INVALID,
                "The variables input contains a field name '%.*s' that is not defined for input "
                "object type '%.*s' ",
                PRI(member->key), PRI(type->name));
        }
    }
    for (size_t i = 0; i < type->input_count; i++) {
        const struct gql_arg_def *input = &type->inputs[i];
        const struct json *given = json_get(value, input->name);
        struct json *coerced = NULL;
        if (given == NULL && input->otherwise != NULL) {
            json_set(*out, input->name, json_copy(arena, input->otherwise));
            continue;
        }
        if (given == NULL && input->type->kind != GQL_REF_NON_NULL) {
            continue;
        }
        TRY(gql_coerce_json(arena, input->type, given, where, &coerced));
        json_set(*out, input->name, coerced);
    }
    return NULL;
}

static err *coerce_json_list(struct arena *arena, const struct gql_type_ref *ref,
    const struct json *value, str where, struct json **out)
{
    struct json *item = NULL;
    *out = json_array(arena);
    if (value->kind != JSON_ARRAY) { // section 3.11: one value is a list of one
        TRY(gql_coerce_json(arena, ref->of, value, where, &item));
        json_push(*out, item);
        return NULL;
    }
    json_each (element, value) {
        TRY(gql_coerce_json(arena, ref->of, element, where, &item));
        item->key = (str){};
        item->next = NULL;
        json_push(*out, item);
    }
    return NULL;
}

err *gql_coerce_json(struct arena *arena, const struct gql_type_ref *ref, const struct json *value,
    str where, struct json **out)
{
    check(ref != NULL);
    if (ref->kind == GQL_REF_NON_NULL) {
        if (json_is_null(value)) {
            str type = gql_ref_text(arena, ref);
            return fail(arena, ERR_INVALID,
                "Variable '%.*s' has coerced Null value for NonNull type '%.*s'", PRI(where),
                PRI(type));
        }
        return gql_coerce_json(arena, ref->of, value, where, out);
    }
    if (json_is_null(value)) {
        *out = json_null(arena);
        return NULL;
    }
    if (ref->kind == GQL_REF_LIST) {
        return coerce_json_list(arena, ref, value, where, out);
    }
    if (ref->type->kind == GQL_INPUT) {
        return coerce_json_object(arena, ref->type, value, where, out);
    }
    if (ref->type->kind == GQL_ENUM) {
        *out = json_string(arena, value->text);
        return value->kind == JSON_STRING && enum_has(ref->type, value->text)
                   ? NULL
                   : fail(arena, ERR_INVALID, "Variable '%.*s' has an invalid value.", PRI(where));
    }
    err *e = gql_scalar_input(arena, ref->type, value, out);
    return e == NULL
               ? NULL
               : fail(arena, ERR_INVALID, "Variable '%.*s' has an invalid value.", PRI(where));
}

// ---- literals ------------------------------------------------------------------------------

static err *literal_to_json(struct arena *arena, const struct gql_value *value,
    const struct json *variables, struct json **out)
{
    struct json *item = NULL;
    switch (value->kind) {
    case GQL_VALUE_INT:
    case GQL_VALUE_FLOAT: *out = json_number(arena, value->text); return NULL;
    case GQL_VALUE_STRING:
    case GQL_VALUE_ENUM: *out = json_string(arena, value->text); return NULL;
    case GQL_VALUE_BOOLEAN: *out = json_bool(arena, value->boolean); return NULL;
    case GQL_VALUE_NULL: *out = json_null(arena); return NULL;
    case GQL_VALUE_VARIABLE: {
        const struct json *found = json_get(variables, value->text);
        *out = found != NULL ? json_copy(arena, found) : json_null(arena);
        return NULL;
    }
    case GQL_VALUE_LIST:
    case GQL_VALUE_OBJECT:
        *out = value->kind == GQL_VALUE_LIST ? json_array(arena) : json_object(arena);
        for (size_t i = 0; i < value->count; i++) {
            TRY(literal_to_json(arena, &value->items[i], variables, &item));
            item->key = value->items[i].key;
            json_push(*out, item);
        }
        return NULL;
    }
    unreachable("kind of value");
}

static err *coerce_literal_object(struct arena *arena, const struct gql_type *type,
    const struct gql_value *value, const struct json *variables, struct json **out)
{
    *out = json_object(arena);
    if (value->kind != GQL_VALUE_OBJECT) {
        return fail(arena, ERR_INVALID, "expected an object of type '%.*s'", PRI(type->name));
    }
    for (size_t i = 0; i < value->count; i++) {
        if (gql_find_arg(type->inputs, type->input_count, value->items[i].key) == NULL) {
            return fail(arena, ERR_INVALID, "contains a field not in '%.*s': '%.*s'",
                PRI(type->name), PRI(value->items[i].key));
        }
        if (gql_value_get(value, value->items[i].key) != &value->items[i]) {
            return fail(
                arena, ERR_INVALID, "contains the field '%.*s' twice", PRI(value->items[i].key));
        }
    }
    for (size_t i = 0; i < type->input_count; i++) {
        const struct gql_arg_def *input = &type->inputs[i];
        const struct gql_value *given = gql_value_get(value, input->name);
        struct json *coerced = NULL;
        bool absent = given == NULL || (given->kind == GQL_VALUE_VARIABLE &&
                                           json_get(variables, given->text) == NULL);
        if (absent && input->otherwise != NULL) {
            json_set(*out, input->name, json_copy(arena, input->otherwise));
            continue;
        }
        if (absent && input->type->kind != GQL_REF_NON_NULL) {
            continue;
        }
        if (absent) {
            return fail(
                arena, ERR_INVALID, "is missing required fields '[%.*s]'", PRI(input->name));
        }
        TRY(gql_coerce_literal(arena, input->type, given, variables, &coerced));
        json_set(*out, input->name, coerced);
    }
    return NULL;
}

static err *coerce_leaf(struct arena *arena, const struct gql_type *type,
    const struct gql_value *value, const struct json *variables, struct json **out)
{
    struct json *plain = NULL;
    if (type->kind == GQL_ENUM) {
        if (value->kind != GQL_VALUE_ENUM || !enum_has(type, value->text)) {
            return fail(arena, ERR_INVALID, "is not a valid '%.*s'", PRI(type->name));
        }
        *out = json_string(arena, value->text);
        return NULL;
    }
    if (type->builtin == GQL_ID && value->kind == GQL_VALUE_INT) { // of any length, as written
        *out = json_string(arena, value->text);
        return NULL;
    }
    TRY(literal_to_json(arena, value, variables, &plain));
    // What JSON cannot tell apart: 1.0 is no Int, and a name is no string.
    bool fraction =
        value->kind == GQL_VALUE_FLOAT && (type->builtin == GQL_INT || type->builtin == GQL_ID);
    bool checked = type->builtin != GQL_CUSTOM || type->scalar_in != NULL;
    if (fraction || (checked && value->kind == GQL_VALUE_ENUM) ||
        gql_scalar_input(arena, type, plain, out) != NULL) {
        return fail(arena, ERR_INVALID, "is not a valid '%.*s'", PRI(type->name));
    }
    return NULL;
}

err *gql_coerce_literal(struct arena *arena, const struct gql_type_ref *ref,
    const struct gql_value *value, const struct json *variables, struct json **out)
{
    check(ref != NULL && value != NULL);
    if (value->kind ==
        GQL_VALUE_VARIABLE) { // coerced with the request; validation matched the types
        const struct json *found = json_get(variables, value->text);
        if (ref->kind == GQL_REF_NON_NULL && json_is_null(found)) {
            str type = gql_ref_text(arena, ref);
            return fail(arena, ERR_INVALID,
                "Variable '%.*s' has coerced Null value for NonNull type '%.*s'", PRI(value->text),
                PRI(type));
        }
        *out = found != NULL ? json_copy(arena, found) : json_null(arena);
        (*out)->key = (str){};
        return NULL;
    }
    if (ref->kind == GQL_REF_NON_NULL) {
        if (value->kind == GQL_VALUE_NULL) {
            return fail(arena, ERR_INVALID, "must not be null");
        }
        return gql_coerce_literal(arena, ref->of, value, variables, out);
    }
    if (value->kind == GQL_VALUE_NULL) {
        *out = json_null(arena);
        return NULL;
    }
    if (ref->kind == GQL_REF_LIST) {
        struct json *item = NULL;
        *out = json_array(arena);
        bool one = value->kind != GQL_VALUE_LIST;
        for (size_t i = 0; i < (one ? 1 : value->count); i++) {
            TRY(gql_coerce_literal(
                arena, ref->of, one ? value : &value->items[i], variables, &item));
            json_push(*out, item);
        }
        return NULL;
    }
    return ref->type->kind == GQL_INPUT
               ? coerce_literal_object(arena, ref->type, value, variables, out)
               : coerce_leaf(arena, ref->type, value, variables, out);
}

err *gql_coerce_variables(struct arena *arena, const struct gql_plan *plan,
    const struct json *variables, struct json **out)
{
    const struct gql_definition *operation = plan->operation;
    *out = json_object(arena);
    for (size_t i = 0; i < operation->variable_count; i++) {
        const struct gql_variable_def *variable = &operation->variables[i];
        const struct gql_type_ref *ref = gql_ref_of_ast(arena, plan->schema, variable->type);
        const struct json *given = json_get(variables, variable->name);
        struct json *coerced = NULL;
        check(ref != NULL); // validated
        if (given == NULL && variable->otherwise != NULL) {
            TRY(gql_coerce_literal(arena, ref, variable->otherwise, NULL, &coerced));
        } else if (given == NULL && ref->kind != GQL_REF_NON_NULL) {
            continue;
        } else {
            TRY(gql_coerce_json(arena, ref, given, variable->name, &coerced));
        }
        json_set(*out, variable->name, coerced);
    }
    return NULL;
}
