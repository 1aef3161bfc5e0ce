// Values in DynamoDB's typed form.
#include "table/table_int.h"

static const str TYPES[] = {
    [TABLE_S] = S_INIT("S"),
    [TABLE_N] = S_INIT("N"),
    [TABLE_B] = S_INIT("B"),
    [TABLE_BOOL] = S_INIT("BOOL"),
    [TABLE_NULL] = S_INIT("NULL"),
    [TABLE_L] = S_INIT("L"),
    [TABLE_M] = S_INIT("M"),
    [TABLE_SS] = S_INIT("SS"),
    [TABLE_NS] = S_INIT("NS"),
    [TABLE_BS] = S_INIT("BS"),
};

str table_type_name(enum table_type type)
{
    check(type < countof(TYPES));
    return TYPES[type];
}

static err *unsupported(struct arena *arena)
{
    return fail(arena, ERR_INVALID,
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
}

// A JSON number, perhaps in a string, in JSON's own form: DynamoDB takes "+5", "05" and ".5" too.
static err *read_number(struct arena *arena, const struct json *value, struct json **out)
{
    str text =
        value->kind == JSON_STRING || value->kind == JSON_NUMBER ? str_trim(value->text) : (str){};
    str body = str_starts(text, S("+")) ? str_sub(text, 1, text.len) : text;
    bool negative = str_starts(body, S("-"));
    body = negative ? str_sub(body, 1, body.len) : body;
    while (body.len > 1 && body.ptr[0] == '0' && body.ptr[1] >= '0' && body.ptr[1] <= '9') {
        body = str_sub(body, 1, body.len);
    }
    body = str_starts(body, S(".")) ? str_cat(arena, S("0"), body) : body;
    struct json *parsed = NULL;
    str whole = negative ? str_cat(arena, S("-"), body) : body;
    if (whole.len == 0 || json_parse(arena, whole, &parsed, NULL) != NULL ||
        parsed->kind != JSON_NUMBER) {
        return fail(arena, ERR_INVALID,
            "The parameter cannot be converted to a numeric value: %.*s", PRI(text));
    }
    *out = parsed;
    return NULL;
}

static err *read_set(
    struct arena *arena, enum table_type type, const struct json *list, struct json **out)
{
    *out = json_array(arena);
    if (list->kind != JSON_ARRAY || list->count == 0) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: An %s set may not be empty",
            type == TABLE_NS   ? "number"
            : type == TABLE_SS ? "string"
                               : "binary");
    }
    json_each (element, list) {
        struct json *value = json_copy(arena, element);
        if (type == TABLE_NS) {
            TRY(read_number(arena, element, &value));
        } else if (element->kind != JSON_STRING) {
            return unsupported(arena);
        }
        json_push(*out, value);
    }
    struct table_set set = table_set_of(arena, *out);
    if (table_set_has_twins(&set)) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Input collection contains duplicates.");
    }
    return NULL;
}

static err *read_list(struct arena *arena, const struct json *list, struct json **out)
{
    *out = json_array(arena);
    json_each (element, list) {
        struct table_value value = {};
        TRY(table_value_read(arena, element, &value));
        json_push(*out, value.json);
    }
    return NULL;
}

static bool type_of(str name, enum table_type *out)
{
    for (size_t i = 0; i < countof(TYPES); i++) {
        if (str_eq(TYPES[i], name)) {
            *out = (enum table_type)i;
            return true;
        }
    }
    return false;
}

static bool has_kind(enum table_type type, enum json_kind kind)
{
    switch (type) {
    case TABLE_S:
    case TABLE_B: return kind == JSON_STRING;
    case TABLE_N: return kind == JSON_NUMBER || kind == JSON_STRING;
    case TABLE_BOOL: return kind == JSON_BOOL;
    case TABLE_NULL: return kind == JSON_BOOL || kind == JSON_NULL; // AppSync's helpers say null
    case TABLE_M: return kind == JSON_OBJECT;
    default: return kind == JSON_ARRAY;
    }
}

err *table_value_read(struct arena *arena, const struct json *typed, struct table_value *out)
{
    const struct json *member = typed != NULL && typed->kind == JSON_OBJECT ? typed->child : NULL;
    if (member == NULL || typed->count != 1 || !type_of(member->key, &out->type) ||
        !has_kind(out->type, member->kind)) {
        return unsupported(arena);
    }
    switch (out->type) {
    case TABLE_N: return read_number(arena, member, &out->json);
    case TABLE_NULL: out->json = json_null(arena); return NULL;
    case TABLE_L: return read_list(arena, member, &out->json);
    case TABLE_M: return table_item_read(arena, member, &out->json);
    case TABLE_SS:
    case TABLE_NS:
    case TABLE_BS: return read_set(arena, out->type, member, &out->json);
    default:
        out->json = json_copy(arena, member);
        out->json->key = (str){};
        return NULL;
    }
}

err *table_item_read(struct arena *arena, const struct json *typed, struct json **out)
{
    *out = json_object(arena);
    if (typed == NULL || typed->kind != JSON_OBJECT) {
        return unsupported(arena);
    }
    json_each (member, typed) {
        struct table_value value = {};
        TRY(table_value_read(arena, member, &value));
        value.json->key = str_dup(arena, member->key); // json_set would walk all before it
        json_push(*out, value.json);
    }
    return NULL;
}
