// What is wrong with a request's members: wrong types are told at once, as SerializationException;
// everything else is collected into one error.
#include "shape/shape.h"

enum { FAULTS_MAX = 10, VALUE_SHOWN_MAX = 2048, LIST_SHOWN_MAX = 16 * 1024 };

struct faults { // found in one request
    struct arena *arena;
    struct buf text;
    size_t count;
};

// ---- telling -------------------------------------------------------------------------------

static const char *type_name(enum json_kind kind)
{
    switch (kind) {
    case JSON_NULL: return "NULL_VALUE";
    case JSON_BOOL: return "BOOLEAN_VALUE";
    case JSON_NUMBER: return "NUMBER_VALUE";
    case JSON_STRING: return "STRING_VALUE";
    case JSON_ARRAY: return "START_ARRAY";
    case JSON_OBJECT: return "START_OBJECT";
    }
    unreachable("JSON has six kinds");
}

static err *wrong_type(struct faults *faults, const struct json *value, const char *wanted)
{
    return fail_as(faults->arena, "SerializationException", "%s can not be converted to %s",
        type_name(value->kind), wanted);
}

// "ClientId" is told as clientId, "MFAOptions" as it stands.
static str shown(struct arena *arena, str name)
{
    bool shouted = name.len > 1 && name.ptr[1] >= 'A' && name.ptr[1] <= 'Z';
    return shouted ? name : str_lower_first(arena, name);
}

static void fault(struct faults *faults, str value, str name, str what)
{
    if (faults->count++ >= FAULTS_MAX) {
        return;
    }
    buf_fmt(&faults->text, "%sValue%.*s at '%.*s' failed to satisfy constraint: %.*s",
        faults->count > 1 ? "; " : "", PRI(value), PRI(name), PRI(what));
}

// " 'x'": what came, as it is told; whole characters of it, when it is long.
static str quoted(struct arena *arena, str value)
{
    size_t end = value.len > VALUE_SHOWN_MAX ? VALUE_SHOWN_MAX : value.len;
    while (end > 0 && end < value.len && ((u8)value.ptr[end] & 0xC0) == 0x80) {
        end--;
    }
    return str_cat(arena, S(" '"), str_sub(value, 0, end), S("'"));
}

// ---- texts ---------------------------------------------------------------------------------

static bool is_listed(str values, str text)
{
    str one = {};
    while (str_next(&values, ',', &one)) {
        if (str_eq(str_trim(one), text)) {
            return true;
        }
    }
    return false;
}

// Tells each thing that is wrong with a text.
static void text_faults(
    struct faults *faults, const struct shape_member *member, str value, str name, str text)
{
    struct arena *a = faults->arena;
    i64 count = (i64)str_utf8_count(text);
    str all[4] = {};
    if (count < member->least) {
        all[0] = str_fmt(
            a, "Member must have length greater than or equal to %lld", (long long)member->least);
    }
    if (count > member->most) {
        all[1] = str_fmt(
            a, "Member must have length less than or equal to %lld", (long long)member->most);
    }
    if (member->pattern->fits != NULL && !member->pattern->fits(text)) {
        all[2] =
            str_fmt(a, "Member must satisfy regular expression pattern: %s", member->pattern->text);
    }
    if (member->values.len > 0 && !is_listed(member->values, text)) {
        all[3] = str_fmt(a, "Member must satisfy enum value set: [%.*s]", PRI(member->values));
    }
    for (size_t i = 0; i < countof(all); i++) {
        if (all[i].len > 0) {
            bool listed = member->kind == SHAPE_TEXTS;
            fault(faults, value, name,
                listed ? str_cat(a, S("Member must satisfy constraint: ["), all[i], S("]"))
                       : all[i]);
        }
    }
}

static err *check_text(
    struct faults *faults, const struct shape_member *member, const struct json *value)
{
    struct arena *a = faults->arena;
    if (value->kind != JSON_STRING) {
        return wrong_type(faults, value, "a String");
    }
    str told = member->kind == SHAPE_SECRET ? S("") : quoted(a, value->text);
    text_faults(faults, member, told, shown(a, member->name), value->text);
    return NULL;
}

// ---- what is made of texts -----------------------------------------------------------------

static err *check_number(
    struct faults *faults, const struct shape_member *member, const struct json *value)
{
    struct arena *a = faults->arena;
    i64 number = 0;
    if (value->kind != JSON_NUMBER || !json_to_i64(value, &number)) {
        return wrong_type(faults, value, "an Integer");
    }
    if (number < member->least || number > member->most) {
        bool low = number < member->least;
        fault(faults, quoted(a, value->text), shown(a, member->name),
            str_fmt(a, "Member must have value %s than or equal to %lld", low ? "greater" : "less",
                (long long)(low ? member->least : member->most)));
    }
    return NULL;
}

static err *check_texts(
    struct faults *faults, const struct shape_member *member, const struct json *list)
{
    struct arena *a = faults->arena;
    struct buf all = buf_in(a, LIST_SHOWN_MAX); // what does not fit in is left out
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults, list, "a List");
    }
    json_each (item, list) {
        if (item->kind != JSON_STRING) {
            return wrong_type(faults, item, "a String");
        }
        buf_add(&all, all.len == 0 ? S("[") : S(", "));
        buf_add(&all, item->text);
    }
    buf_add(&all, S("]"));
    json_each (item, list) {
        text_faults(faults, member, quoted(a, buf_str(&all)), shown(a, member->name), item->text);
    }
    return NULL;
}

// All members of a structure or map have that kind.
static err *check_all(struct faults *faults, const struct json *value, enum json_kind kind)
{
    if (value->kind != JSON_OBJECT) {
        return wrong_type(faults, value, "a Map");
    }
    json_each (item, value) {
        if (item->kind != JSON_NULL && item->kind != kind) {
            return wrong_type(faults, item, kind == JSON_STRING ? "a String" : "a Boolean");
        }
    }
    return NULL;
}

static void check_pair(
    struct faults *faults, const struct shape *shape, str list, size_t at, const struct json *entry)
{
    struct arena *a = faults->arena;
    const struct json *name = json_get(entry, S("Name"));
    str path = str_fmt(a, "%.*s.%zu.member", PRI(list), at);
    if (json_is_null(name)) {
        fault(faults, S(" null"), str_cat(a, path, S(".name")), S("Member must not be null"));
        return;
    }
    text_faults(
        faults, &shape->pair_name, quoted(a, name->text), str_cat(a, path, S(".name")), name->text);
    text_faults(faults, &shape->pair_value, S(""), str_cat(a, path, S(".value")),
        json_get_str(entry, S("Value")));
}

static err *check_pairs(struct faults *faults, const struct shape *shape,
    const struct shape_member *member, const struct json *list)
{
    str path = shown(faults->arena, member->name);
    size_t at = 0;
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults, list, "a List");
    }
    json_each (entry, list) {
        TRY(check_all(faults, entry, JSON_STRING));
        check_pair(faults, shape, path, ++at, entry);
    }
    if (at > (size_t)member->most) {
        fault(faults, S(""), path,
            str_fmt(faults->arena, "Member must have length less than or equal to %lld",
                (long long)member->most));
    }
    return NULL;
}

static err *check_structs(struct faults *faults, const struct json *list)
{
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults, list, "a List");
    }
    json_each (entry, list) {
        TRY(check_all(faults, entry, JSON_STRING));
    }
    return NULL;
}

static err *check_member(struct faults *faults, const struct shape *shape,
    const struct shape_member *member, const struct json *value)
{
    switch (member->kind) {
    case SHAPE_TEXT:
    case SHAPE_SECRET: return check_text(faults, member, value);
    case SHAPE_TEXTS: return check_texts(faults, member, value);
    case SHAPE_NUMBER: return check_number(faults, member, value);
    case SHAPE_FLAG:
        return value->kind == JSON_BOOL ? NULL : wrong_type(faults, value, "a Boolean");
    case SHAPE_FLAGS: return check_all(faults, value, JSON_BOOL);
    case SHAPE_FIELDS: return check_all(faults, value, JSON_STRING);
    case SHAPE_STRUCTS: return check_structs(faults, value);
    case SHAPE_PAIRS: return check_pairs(faults, shape, member, value);
    case SHAPE_ANY_STRUCT:
        return value->kind == JSON_OBJECT ? NULL : wrong_type(faults, value, "a Map");
    }
    unreachable("members have no other kinds");
}

static void check_needs(struct faults *faults, const struct json *in, str members)
{
    struct arena *a = faults->arena;
    str name = {};
    while (str_next(&members, ' ', &name)) {
        if (json_is_null(json_get(in, str_upper_first(a, name)))) {
            fault(faults, S(" null"), name, S("Member must not be null"));
        }
    }
}

err *shape_check(struct arena *arena, const struct shape *shape, str operation,
    const struct json *in, const char *invalid)
{
    check(in->kind == JSON_OBJECT);
    struct faults faults = {.arena = arena, .text = buf_in(arena, 64 * 1024)};
    for (size_t i = 0; i < shape->needs_count; i++) {
        if (str_eq(shape->needs[i].operation, operation)) {
            check_needs(&faults, in, shape->needs[i].members);
        }
    }
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct json *value = json_get(in, shape->members[i].name);
        if (!json_is_null(value)) {
            TRY(check_member(&faults, shape, &shape->members[i], value));
        }
    }
    if (faults.count == 0) {
        return NULL;
    }
    return fail_as(arena, invalid, "%zu validation error%s detected: %.*s", faults.count,
        faults.count == 1 ? "" : "s", PRI(buf_str(&faults.text)));
}
