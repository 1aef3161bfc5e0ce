// Members of the requests: the rows of members.def with the patterns that they name.
#include "auth/auth_int.h"
#include "shape/shape.h"

enum { ATTRIBUTE_NAME_MAX = 32, ATTRIBUTE_VALUE_MAX = 2048, TEXT_MAX = 131072 };

// ---- patterns ------------------------------------------------------------------------------

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

static bool is_word(str text)
{
    return all_of(text, "_+");
}

static bool is_pool(str text)
{
    return is_pair(text, '_', is_name);
}

static bool is_token(str text)
{
    return all_of(text, "-_=.");
}

static bool is_hash(str text)
{
    return all_of(text, "_+=/");
}

static bool is_device(str text)
{
    return is_pair(text, '_', all_lower_hex);
}

static bool is_event(str text)
{
    return all_of(text, "_+-");
}

static bool is_identity(str text)
{
    return is_pair(text, ':', all_lower_hex);
}

static bool has_solid_edges(str text)
{
    return text.len == 0 ||
           (is_solid(str_sub(text, 0, 1)) && is_solid(str_sub(text, text.len - 1, text.len)));
}

// arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, the region or none, the resource in up to three.
static bool is_arn(str text)
{
    enum { REGION_PART = 3, ACCOUNT_PART = 4, PARTS = 6, PARTS_MAX = 8 };

    str rest = text;
    str part = {};
    int count = 0;
    while (str_next(&rest, ':', &part)) {
        bool good = count == 0              ? str_eq(part, S("arn"))
                    : count == ACCOUNT_PART ? is_digits(part)
                                            : all_of(part, "_+=/,.@-");
        if (!good && !(count == REGION_PART && part.len == 0)) {
            return false;
        }
        count++;
    }
    return count >= PARTS && count <= PARTS_MAX;
}

static const struct shape_pattern FREE = {"", NULL};
static const struct shape_pattern WORD = {"[\\w+]+", is_word};
static const struct shape_pattern POOL = {"[\\w-]+_[0-9a-zA-Z]+", is_pool};
static const struct shape_pattern VISIBLE = {"[\\p{L}\\p{M}\\p{S}\\p{N}\\p{P}]+", is_visible};
static const struct shape_pattern SOLID = {"[\\S]+", is_solid};
static const struct shape_pattern TOKEN = {"[A-Za-z0-9-_=.]+", is_token};
static const struct shape_pattern HASH = {"[\\w+=/]+", is_hash};
static const struct shape_pattern DEVICE = {"[\\w-]+_[0-9a-f-]+", is_device};
static const struct shape_pattern DIGITS = {"[0-9]+", is_digits};
static const struct shape_pattern EVENT = {"[\\w+-]+", is_event};
static const struct shape_pattern ACCOUNT = {"\\d+", is_digits};
static const struct shape_pattern EDGES = {"^[\\S]+.*[\\S]+$", has_solid_edges};
static const struct shape_pattern ARN = {
    "arn:[\\w+=/,.@-]+:[\\w+=/,.@-]+:([\\w+=/,.@-]*)?:[0-9]+:[\\w+=/,.@-]+(:[\\w+=/,.@-]+)?"
    "(:[\\w+=/,.@-]+)?",
    is_arn};
static const struct shape_pattern IDENTITY = {"[\\w-]+:[0-9a-f-]+", is_identity};

// ---- the rows ------------------------------------------------------------------------------

static const struct shape_member MEMBERS[] = {

#define MEMBER(name, kind, least, most, pattern)                                                   \
    {S_INIT(#name), SHAPE_##kind, least, most, &pattern, S_INIT("")},
#define VALUES(name, values) {S_INIT(#name), SHAPE_TEXT, 0, TEXT_MAX, &FREE, S_INIT(values)},
#define NEEDS(operation, members)
#include "auth/members.def"
#undef MEMBER
#undef VALUES
#undef NEEDS
};

static const struct shape_needs NEEDS[] = {

#define MEMBER(name, kind, least, most, pattern)
#define VALUES(name, values)
#define NEEDS(operation, members) {S_INIT(#operation), S_INIT(members)},
#include "auth/members.def"
#undef MEMBER
#undef VALUES
#undef NEEDS
};

err *auth_members_check(struct auth_call *call)
{
    static const struct shape SHAPE = {.members = MEMBERS,
        .member_count = countof(MEMBERS),
        .needs = NEEDS,
        .needs_count = countof(NEEDS),
        .pair_name = {S_INIT("Name"), SHAPE_TEXT, 1, ATTRIBUTE_NAME_MAX, &VISIBLE, S_INIT("")},
        .pair_value = {S_INIT("Value"), SHAPE_TEXT, 0, ATTRIBUTE_VALUE_MAX, &FREE, S_INIT("")}};
    return shape_check(call->arena, &SHAPE, call->operation, call->in, auth_invalid(call));
}
