// Encoded keys: the order of the bytes is the order of the values, equal values have equal bytes,
// numbers come back out of their bytes, and what is refused is what DynamoDB refuses.
//
// Input: two JSON values, a line each.
#include "store/store_int.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum { DIGITS_MAX = 38, EXPONENT_LOW = -130, EXPONENT_HIGH = 125 };

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static err *encode(struct arena *arena, const struct json *value, str *out)
{
    const struct store_key_def def = {
        .name = S("k"), .type = value->kind == JSON_STRING ? STORE_KEY_STRING : STORE_KEY_NUMBER};
    return key_encode(arena, value, &def, PARTITION_KEY_MAX, out);
}

// The number that the bytes stand for, in scientific notation.
static str decode(struct arena *arena, str bytes)
{
    u8 first = (u8)bytes.ptr[0];
    if (first == 0x80) {
        check(bytes.len == 1);
        return S("0");
    }
    bool negative = first == 0x3f;
    check(negative || first == 0xc1);
    if (negative) {
        check((u8)bytes.ptr[bytes.len - 1] == 0xff);
        bytes.len--;
    }
    u8 turn = negative ? 0xff : 0;
    int exponent = ((u8)bytes.ptr[1] ^ turn) + EXPONENT_LOW;
    str digits = S("");
    for (size_t i = 2; i < bytes.len; i++) {
        unsigned pair = ((u8)bytes.ptr[i] ^ turn) - 1u;
        check(pair < 100 && (i > 2 || pair >= 10) && (i + 1 < bytes.len || pair > 0));
        digits = str_cat(arena, digits, str_fmt(arena, "%02u", pair));
    }
    return str_fmt(arena, "%s%.*s.%.*se%d", negative ? "-" : "", 1, digits.ptr, (int)digits.len - 1,
        digits.ptr + 1, exponent);
}

// What the text says, counted in the plainest way: significant digits and the power of ten of the
// first. False for zero.
static bool measure(str text, size_t *digits, i64 *exponent)
{
    i64 written = 0;
    i64 place = 0; // of the next digit, relative to the point
    bool minus = false;
    size_t end = text.len;
    ptrdiff_t e =
        str_find_char(text, 'e') >= 0 ? str_find_char(text, 'e') : str_find_char(text, 'E');
    if (e >= 0) {
        end = (size_t)e;
        for (size_t i = end + 1; i < text.len; i++) {
            minus = minus || text.ptr[i] == '-';
            if (text.ptr[i] >= '0' && text.ptr[i] <= '9' && written < 1000000000) {
                written = written * 10 + (text.ptr[i] - '0');
            }
        }
    }
    ptrdiff_t point = str_find_char(str_sub(text, 0, end), '.');
    i64 first = 0;
    i64 last = 0;
    bool any = false;
    size_t start = text.ptr[0] == '-';
    place = (i64)(point >= 0 ? (size_t)point : end) - (i64)start - 1;
    for (size_t i = start; i < end; i++) {
        if (text.ptr[i] == '.') {
            continue;
        }
        if (text.ptr[i] != '0') {
            first = any ? first : place;
            last = place;
            any = true;
        }
        place--;
    }
    *digits = (size_t)(first - last + 1);
    *exponent = first + (minus ? -written : written);
    return any;
}

static void check_number(struct arena *arena, const struct json *value)
{
    str bytes = {};
    size_t digits = 0;
    i64 exponent = 0;
    bool zero = !measure(value->text, &digits, &exponent);
    bool wanted =
        zero || (digits <= DIGITS_MAX && exponent >= EXPONENT_LOW && exponent <= EXPONENT_HIGH);
    err *e = encode(arena, value, &bytes);
    check((e == NULL) == wanted);
    if (e != NULL) {
        check(e->code == ERR_INVALID);
        return;
    }
    str text = decode(arena, bytes);
    check(json_number_cmp(text, value->text) == 0);
    str again = {};
    check(encode(arena, json_number(arena, text), &again) == NULL && str_eq(again, bytes));
}

static void check_value(struct arena *arena, const struct json *value)
{
    str bytes = {};
    if (value->kind == JSON_NUMBER) {
        check_number(arena, value);
        return;
    }
    err *e = encode(arena, value, &bytes);
    bool wanted =
        value->kind == JSON_STRING && value->text.len > 0 && value->text.len <= PARTITION_KEY_MAX;
    check((e == NULL) == wanted);
    check(e != NULL || str_eq(bytes, value->text));
}

static void check_order(struct arena *arena, const struct json *a, const struct json *b)
{
    str x = {};
    str y = {};
    if (a->kind != b->kind || encode(arena, a, &x) != NULL || encode(arena, b, &y) != NULL) {
        return;
    }
    int wanted =
        a->kind == JSON_STRING ? str_cmp(a->text, b->text) : json_number_cmp(a->text, b->text);
    check(sign(str_cmp(x, y)) == sign(wanted));
    check((u8)x.ptr[0] < 0xff && str_cmp(x, key_behind(arena, x)) < 0);
    if (str_cmp(x, y) < 0) { // nothing fits between a key and the one behind it
        check(str_cmp(key_behind(arena, x), y) <= 0);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    str rest = {(const char *)data, size};
    str line = {};
    const struct json *values[2] = {};
    for (size_t i = 0; i < 2 && rest.ptr != NULL && str_next(&rest, '\n', &line); i++) {
        struct json *value = NULL;
        if (json_parse(arena, line, &value, NULL) == NULL) {
            check_value(arena, value);
            values[i] = value;
        }
    }
    if (values[0] != NULL && values[1] != NULL) {
        check_order(arena, values[0], values[1]);
    }
    arena_free(arena);
    return 0;
}
