// The order-preserving form of key values. A string is its UTF-8 bytes. A number is
//
//   negative:  0x3f, exponent and digit pairs with all bits turned over, 0xff
//   zero:      0x80
//   positive:  0xc1, exponent + 130, digit pairs (00..99) + 1
//
// where the exponent is the power of ten of the first significant digit and trailing zeros are left
// out, so that equal numbers have equal bytes. A number that continues another's digits is the
// larger one when positive (longer sorts behind its prefix) and the smaller one when negative (the
// closing 0xff sorts behind any further pair). No encoded key begins with 0xff.
#include "store/store_int.h"

enum {
    DIGITS_MAX = 38,
    EXPONENT_MIN = -130,
    EXPONENT_MAX = 125,
    NUMBER_BYTES = 2 + (DIGITS_MAX + 1) / 2 + 1,
};

struct digits {
    bool negative;
    i64 exponent;
    size_t count; // 0: the number is zero
    u8 digit[DIGITS_MAX + 1];
};

// No text is long enough for its digits to make up for an exponent beyond this.
static const i64 EXPONENT_CLAMP = 1'000'000'000'000;

static i64 read_exponent(str text)
{
    bool minus = str_starts(text, S("-"));
    if (minus || str_starts(text, S("+"))) {
        text = str_sub(text, 1, text.len);
    }
    i64 value = 0;
    for (size_t i = 0; i < text.len && value < EXPONENT_CLAMP; i++) {
        value = value * 10 + (text.ptr[i] - '0');
    }
    return minus ? -value : value;
}

// Takes a JSON number apart. False when it has more significant digits than fit.
static bool read_digits(str text, struct digits *out)
{
    i64 written = 0;
    i64 total = 0;  // digits from the first significant one on
    i64 behind = 0; // digits behind the point
    size_t zeros = 0;
    bool point = false;
    *out = (struct digits){.negative = str_starts(text, S("-"))};
    for (size_t i = out->negative ? 1 : 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.') {
            point = true;
            continue;
        }
        if (c == 'e' || c == 'E') {
            written = read_exponent(str_sub(text, i + 1, text.len));
            break;
        }
        check(c >= '0' && c <= '9');
        behind += point;
        if (c == '0') {
            zeros += out->count > 0;
            total += out->count > 0;
            continue;
        }
        if (out->count + zeros >= DIGITS_MAX) {
            return false;
        }
        out->count += zeros; // already zero
        zeros = 0;
        out->digit[out->count++] = (u8)(c - '0');
        total++;
    }
    out->exponent = total - 1 - behind + written;
    return true;
}

static size_t write_number(const struct digits *d, u8 out[NUMBER_BYTES])
{
    if (d->count == 0) {
        out[0] = 0x80;
        return 1;
    }
    size_t len = 0;
    out[len++] = 0xc1;
    out[len++] = (u8)(d->exponent - EXPONENT_MIN);
    for (size_t i = 0; i < d->count; i += 2) {
        u8 second = i + 1 < d->count ? d->digit[i + 1] : 0;
        out[len++] = (u8)(d->digit[i] * 10 + second + 1);
    }
    if (d->negative) {
        out[0] = 0x3f;
        for (size_t i = 1; i < len; i++) {
            out[i] = (u8)~out[i];
        }
        out[len++] = 0xff;
    }
    check(len <= NUMBER_BYTES);
    return len;
}

static err *encode_number(struct arena *arena, str text, str *out)
{
    struct digits d = {};
    if (!read_digits(text, &d)) {
        return fail(
            arena, ERR_INVALID, "Attempting to store more than 38 significant digits in a Number");
    }
    if (d.count > 0 && d.exponent > EXPONENT_MAX) {
        return fail(arena, ERR_INVALID,
            "Number overflow. Attempting to store a number with magnitude larger than supported "
            "range");
    }
    if (d.count > 0 && d.exponent < EXPONENT_MIN) {
        return fail(arena, ERR_INVALID,
            "Number underflow. Attempting to store a number with magnitude smaller than supported "
            "range");
    }
    u8 bytes[NUMBER_BYTES] = {};
    size_t len = write_number(&d, bytes);
    *out = str_dup(arena, (str){(const char *)bytes, len});
    return NULL;
}

const char *json_type_name(const struct json *value)
{
    if (value == NULL) {
        return "NULL";
    }
    switch (value->kind) {
    case JSON_NULL: return "NULL";
    case JSON_BOOL: return "BOOL";
    case JSON_NUMBER: return "N";
    case JSON_STRING: return "S";
    case JSON_ARRAY: return "L";
    case JSON_OBJECT: return "M";
    }
    unreachable("kind of JSON value");
}

const char *key_type_name(const struct store_key_def *def)
{
    return def->type == STORE_KEY_STRING ? "S" : "N";
}

static err *check_length(struct arena *arena, str text, const struct store_key_def *def, size_t max)
{
    if (text.len == 0) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: %.*s",
            PRI(def->name));
    }
    if (text.len <= max) {
        return NULL;
    }
    if (max == SORT_KEY_MAX) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Aggregated size of all range keys has "
            "exceeded the size limit of 1024 bytes");
    }
    return fail(arena, ERR_INVALID,
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size "
        "limit of2048 bytes"); // DynamoDB writes it without the space
}

bool key_has_type(const struct store_key_def *def, const struct json *value)
{
    return value != NULL &&
           value->kind == (def->type == STORE_KEY_STRING ? JSON_STRING : JSON_NUMBER);
}

err *key_encode(struct arena *arena, const struct json *value, const struct store_key_def *def,
    size_t max, str *out)
{
    check(def->type == STORE_KEY_STRING || def->type == STORE_KEY_NUMBER);
    if (!key_has_type(def, value)) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Type mismatch for key %.*s expected: %s "
            "actual: %s",
            PRI(def->name), key_type_name(def), json_type_name(value));
    }
    if (def->type == STORE_KEY_NUMBER) {
        return encode_number(arena, value->text, out);
    }
    TRY(check_length(arena, value->text, def, max));
    *out = value->text;
    return NULL;
}

err *key_encode_pair(struct arena *arena, const struct table *table, const struct json *pk,
    const struct json *sk, str out[2])
{
    bool fits = key_has_type(&table->partition, pk) &&
                (table->sort.type == STORE_KEY_NONE ? sk == NULL : key_has_type(&table->sort, sk));
    if (!fits) {
        return fail(arena, ERR_INVALID, "The provided key element does not match the schema");
    }
    TRY(key_encode(arena, pk, &table->partition, PARTITION_KEY_MAX, &out[0]));
    return sk != NULL ? key_encode(arena, sk, &table->sort, SORT_KEY_MAX, &out[1]) : NULL;
}

err *store_key_encode(
    struct arena *arena, const struct json *value, enum store_key_type type, struct buf *out)
{
    struct store_key_def def = {.name = S("key"), .type = type};
    str bytes = {};
    TRY(key_encode(arena, value, &def, PARTITION_KEY_MAX, &bytes));
    buf_add(out, bytes);
    return NULL;
}

str key_behind(struct arena *arena, str key)
{
    return str_concat(arena, (const str[]){key, {"\0", 1}}, 2);
}
