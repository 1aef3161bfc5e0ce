// The members of requests, checked against members.def before an operation sees them: wrong types
// as SerializationException, everything else collected into one InvalidParameterException, in the
// words of the services' own validation.
#include "auth/auth_int.h"

enum kind { TEXT, TEXTS, NUMBER, FLAG, FLAGS, FIELDS, STRUCTS, ATTRIBUTES, ANY_STRUCT };

enum pattern { FREE, WORD, POOL, VISIBLE, SOLID, TOKEN, HASH, DEVICE, DIGITS, EVENT, IDENTITY };

enum { FAULTS_MAX = 10, ATTRIBUTE_NAME_MAX = 32, ATTRIBUTE_VALUE_MAX = 2048, LIST_MAX = 200 };

struct member {
    str name;
    enum kind kind;
    i64 least;
    i64 most;
    enum pattern pattern;
    str values; // those allowed, or none: any
};

struct needs {
    str operation;
    str members; // as they are told
};

static const struct member MEMBERS[] = {

#define MEMBER(name, kind, least, most, pattern)                                                   \
    {S_INIT(#name), kind, least, most, pattern, S_INIT("")},
#define VALUES(name, values) {S_INIT(#name), TEXT, 0, 131072, FREE, S_INIT(values)},
#define NEEDS(operation, members)
#include "auth/members.def"
#undef MEMBER
#undef VALUES
#undef NEEDS
};

static const struct needs NEEDS[] = {

#define MEMBER(name, kind, least, most, pattern)
#define VALUES(name, values)
#define NEEDS(operation, members) {S_INIT(#operation), S_INIT(members)},
#include "auth/members.def"
#undef MEMBER
#undef VALUES
#undef NEEDS
};

struct faults { // found in one request
    struct auth_call *call;
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

static err *wrong_type(struct auth_call *call, const struct json *value, const char *wanted)
{
    return auth_refuse(call->arena, "SerializationException", "%s can not be converted to %s",
        type_name(value->kind), wanted);
}

// "ClientId" is told as clientId, "MFAOptions" as it stands.
static str shown(struct arena *arena, str name)
{
    bool shouted = name.len > 1 && name.ptr[1] >= 'A' && name.ptr[1] <= 'Z';
    return shouted ? name : str_lower_first(arena, name);
}

static void fault(struct faults *faults, const char *value, str name, str what)
{
    if (faults->count++ >= FAULTS_MAX) {
        return;
    }
    buf_fmt(&faults->text, "%sValue%s at '%.*s' failed to satisfy constraint: %.*s",
        faults->count > 1 ? "; " : "", value, PRI(name), PRI(what));
}

// ---- texts ---------------------------------------------------------------------------------

static const char *pattern_text(enum pattern pattern)
{
    switch (pattern) {
    case FREE: return "";
    case WORD: return "[\\w+]+";
    case POOL: return "[\\w-]+_[0-9a-zA-Z]+";
    case VISIBLE: return "[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+";
    case SOLID: return "[\\S]+";
    case TOKEN: return "[A-Za-z0-9-_=.]+";
    case HASH: return "[\\w+=/]+";
    case DEVICE: return "[\\w-]+_[0-9a-f-]+";
    case DIGITS: return "[0-9]+";
    case EVENT: return "[\\w+-]+";
    case IDENTITY: return "[\\w-]+:[0-9a-f-]+";
    }
    unreachable("there are no other patterns");
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_of(str text, const char *more)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!is_alnum(c) && (c == '\0' || strchr(more, c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

static bool all_lower_hex(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0' || strchr("0123456789abcdef-", text.ptr[i]) == NULL) {
            return false;
        }
    }
    return text.len > 0;
}

static u32 next_rune(str text, size_t *at)
{
    u8 first = (u8)text.ptr[(*at)++];
    size_t more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    u32 rune = more == 0 ? first : first & (0x3FU >> more);
    for (; more > 0 && *at < text.len; more--) {
        rune = rune << 6 | ((u8)text.ptr[(*at)++] & 0x3FU);
    }
    return rune;
}

// Unicode's separators, controls, formats and private use: what two names could differ by without
// looking different.
static bool is_hidden(u32 rune)
{
    static const u32 RANGES[][2] = {{0, 0x20}, {0x7F, 0xA0}, {0xAD, 0xAD}, {0x61C, 0x61C},
        {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F},
        {0x3000, 0x3000}, {0xE000, 0xF8FF}, {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB},
        {0xE0000, 0x10FFFF}};
    for (size_t i = 0; i < countof(RANGES); i++) {
        if (rune >= RANGES[i][0] && rune <= RANGES[i][1]) {
            return true;
        }
    }
    return false;
}

static bool is_visible(str text)
{
    for (size_t at = 0; at < text.len;) {
        if (is_hidden(next_rune(text, &at))) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_solid(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" \t\n\v\f\r", text.ptr[i]) != NULL) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_digits(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

// Words, `cut`, and the rest.
static bool is_pair(str text, char cut, bool (*rest)(str))
{
    ptrdiff_t at = cut == '_' ? str_rfind_char(text, cut) : str_find_char(text, cut);
    return at > 0 && all_of(str_sub(text, 0, (size_t)at), "_-") &&
           rest(str_sub(text, (size_t)at + 1, text.len));
}

static bool is_name(str text)
{
    return all_of(text, "");
}

static bool fits(enum pattern pattern, str text)
{
    switch (pattern) {
    case FREE: return true;
    case WORD: return all_of(text, "_+");
    case POOL: return is_pair(text, '_', is_name);
    case VISIBLE: return is_visible(text);
    case SOLID: return is_solid(text);
    case TOKEN: return all_of(text, "-_=.");
    case HASH: return all_of(text, "_+=/");
    case DEVICE: return is_pair(text, '_', all_lower_hex);
    case DIGITS: return is_digits(text);
    case EVENT: return all_of(text, "_+-");
    case IDENTITY: return is_pair(text, ':', all_lower_hex);
    }
    unreachable("there are no other patterns");
}

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

// What is wrong with a text, or none.
static str text_fault(struct arena *arena, const struct member *member, str text)
{
    i64 count = (i64)str_utf8_count(text);
    if (count < member->least) {
        return str_fmt(arena, "Member must have length greater than or equal to %lld",
            (long long)member->least);
    }
    if (count > member->most) {
        return str_fmt(
            arena, "Member must have length less than or equal to %lld", (long long)member->most);
    }
    if (!fits(member->pattern, text)) {
        return str_fmt(arena, "Member must satisfy regular expression pattern: %s",
            pattern_text(member->pattern));
    }
    if (member->values.len > 0 && !is_listed(member->values, text)) {
        return str_fmt(arena, "Member must satisfy enum value set: [%.*s]", PRI(member->values));
    }
    return (str){};
}

static err *check_text(struct faults *faults, const struct member *member, const struct json *value)
{
    struct arena *a = faults->call->arena;
    if (value->kind != JSON_STRING) {
        return wrong_type(faults->call, value, "a String");
    }
    str what = text_fault(a, member, value->text);
    if (what.len > 0) {
        fault(faults, "", shown(a, member->name), what);
    }
    return NULL;
}

// ---- what is made of texts -----------------------------------------------------------------

static err *check_number(
    struct faults *faults, const struct member *member, const struct json *value)
{
    struct arena *a = faults->call->arena;
    i64 number = 0;
    if (value->kind != JSON_NUMBER || !json_to_i64(value, &number)) {
        return wrong_type(faults->call, value, "an Integer");
    }
    if (number < member->least || number > member->most) {
        bool low = number < member->least;
        fault(faults, "", shown(a, member->name),
            str_fmt(a, "Member must have value %s than or equal to %lld", low ? "greater" : "less",
                (long long)(low ? member->least : member->most)));
    }
    return NULL;
}

static err *check_texts(struct faults *faults, const struct member *member, const struct json *list)
{
    struct arena *a = faults->call->arena;
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults->call, list, "a List");
    }
    json_each (item, list) {
        if (item->kind != JSON_STRING) {
            return wrong_type(faults->call, item, "a String");
        }
        str what = text_fault(a, member, item->text);
        if (what.len > 0) {
            fault(faults, "", shown(a, member->name),
                str_cat(a, S("Member must satisfy constraint: ["), what, S("]")));
        }
    }
    return NULL;
}

// All members of a structure or map have that kind.
static err *check_all(struct faults *faults, const struct json *value, enum json_kind kind)
{
    if (value->kind != JSON_OBJECT) {
        return wrong_type(faults->call, value, "a Map");
    }
    json_each (item, value) {
        if (item->kind != JSON_NULL && item->kind != kind) {
            return wrong_type(faults->call, item, kind == JSON_STRING ? "a String" : "a Boolean");
        }
    }
    return NULL;
}

static void check_pair(struct faults *faults, str list, size_t at, const struct json *entry)
{
    struct arena *a = faults->call->arena;
    const struct json *name = json_get(entry, S("Name"));
    str path = str_fmt(a, "%.*s.%zu.member", PRI(list), at);
    if (json_is_null(name)) {
        fault(faults, " null", str_cat(a, path, S(".name")), S("Member must not be null"));
        return;
    }
    const struct member bounds[] = {{{}, TEXT, 1, ATTRIBUTE_NAME_MAX, VISIBLE, {}},
        {{}, TEXT, 0, ATTRIBUTE_VALUE_MAX, FREE, {}}};
    str what = text_fault(a, &bounds[0], name->text);
    if (what.len > 0) {
        fault(faults, "", str_cat(a, path, S(".name")), what);
    }
    what = text_fault(a, &bounds[1], json_get_str(entry, S("Value")));
    if (what.len > 0) {
        fault(faults, "", str_cat(a, path, S(".value")), what);
    }
}

static err *check_pairs(struct faults *faults, str name, const struct json *list)
{
    str path = shown(faults->call->arena, name);
    size_t at = 0;
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults->call, list, "a List");
    }
    json_each (entry, list) {
        TRY(check_all(faults, entry, JSON_STRING));
        check_pair(faults, path, ++at, entry);
    }
    if (at > LIST_MAX) {
        fault(faults, "", path, S("Member must have length less than or equal to 200"));
    }
    return NULL;
}

static err *check_structs(struct faults *faults, const struct json *list)
{
    if (list->kind != JSON_ARRAY) {
        return wrong_type(faults->call, list, "a List");
    }
    json_each (entry, list) {
        TRY(check_all(faults, entry, JSON_STRING));
    }
    return NULL;
}

static err *check_member(
    struct faults *faults, const struct member *member, const struct json *value)
{
    switch (member->kind) {
    case TEXT: return check_text(faults, member, value);
    case TEXTS: return check_texts(faults, member, value);
    case NUMBER: return check_number(faults, member, value);
    case FLAG:
        return value->kind == JSON_BOOL ? NULL : wrong_type(faults->call, value, "a Boolean");
    case FLAGS: return check_all(faults, value, JSON_BOOL);
    case FIELDS: return check_all(faults, value, JSON_STRING);
    case STRUCTS: return check_structs(faults, value);
    case ATTRIBUTES: return check_pairs(faults, member->name, value);
    case ANY_STRUCT:
        return value->kind == JSON_OBJECT ? NULL : wrong_type(faults->call, value, "a Map");
    }
    unreachable("members have no other kinds");
}

static void check_needs(struct faults *faults, str members)
{
    struct arena *a = faults->call->arena;
    str name = {};
    while (str_next(&members, ' ', &name)) {
        if (json_is_null(json_get(faults->call->in, str_upper_first(a, name)))) {
            fault(faults, " null", name, S("Member must not be null"));
        }
    }
}

err *auth_members_check(struct auth_call *call)
{
    check(call->in->kind == JSON_OBJECT);
    struct faults faults = {.call = call, .text = buf_in(call->arena, 64 * 1024)};
    for (size_t i = 0; i < countof(NEEDS); i++) {
        if (str_eq(NEEDS[i].operation, call->operation)) {
            check_needs(&faults, NEEDS[i].members);
        }
    }
    for (size_t i = 0; i < countof(MEMBERS); i++) {
        const struct json *value = json_get(call->in, MEMBERS[i].name);
        if (!json_is_null(value)) {
            TRY(check_member(&faults, &MEMBERS[i], value));
        }
    }
    if (faults.count == 0) {
        return NULL;
    }
    return auth_refuse(call->arena, "InvalidParameterException",
        "%zu validation error%s detected: %.*s", faults.count, faults.count == 1 ? "" : "s",
        PRI(buf_str(&faults.text)));
}
