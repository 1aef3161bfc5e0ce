// Looking at trees, making and comparing them.
#include "json/json.h"

#include <stdlib.h>

struct json *json_get(const struct json *object, str key)
{
    if (object == NULL || object->kind != JSON_OBJECT) {
        return NULL;
    }
    json_each (member, object) {
        if (str_eq(member->key, key)) {
            return member;
        }
    }
    return NULL;
}

str json_get_str(const struct json *object, str key)
{
    const struct json *member = json_get(object, key);
    return member != NULL && member->kind == JSON_STRING ? member->text : (str){};
}

bool json_get_bool(const struct json *object, str key, bool otherwise)
{
    const struct json *member = json_get(object, key);
    return member != NULL && member->kind == JSON_BOOL ? member->boolean : otherwise;
}

i64 json_get_int(const struct json *object, str key, i64 otherwise)
{
    i64 value = 0;
    const struct json *member = json_get(object, key);
    return member != NULL && json_to_i64(member, &value) ? value : otherwise;
}

struct json *json_at(const struct json *array, size_t index)
{
    json_each (item, array) {
        if (index-- == 0) {
            return item;
        }
    }
    return NULL;
}

bool json_is_null(const struct json *value)
{
    return value == NULL || value->kind == JSON_NULL;
}

// A number text taken apart: sign, significant digits without zeros at either end, and the power
// of ten of the first digit's place ("1" = 0).
struct decimal {
    bool negative;
    bool zero;
    i64 exponent;
    str whole; // digits before the point
    str part;  // digits behind it
};

static char decimal_digit(const struct decimal *d, size_t index)
{
    return index < d->whole.len ? d->whole.ptr[index] : d->part.ptr[index - d->whole.len];
}

static size_t decimal_len(const struct decimal *d)
{
    return d->whole.len + d->part.len;
}

// Exponents beyond this are clamped: no such number can be stored, only compared.
enum { EXPONENT_CLAMP = 1000000000 };

static struct decimal decimal_from(str text)
{
    struct decimal d = {};
    i64 exponent = 0;
    d.negative = str_starts(text, S("-"));
    text = d.negative ? str_sub(text, 1, text.len) : text;
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] | 0x20) == 'e') {
            str written = str_sub(text, i + 1, text.len);
            bool minus = str_starts(written, S("-"));
            str digits =
                minus || str_starts(written, S("+")) ? str_sub(written, 1, written.len) : written;
            u64 size = 0;
            if (!str_to_u64(digits, &size) || size > EXPONENT_CLAMP) {
                size = EXPONENT_CLAMP;
            }
            exponent = minus ? -(i64)size : (i64)size;
            text.len = i;
            break;
        }
    }
    ptrdiff_t point = str_find_char(text, '.');
    d.whole = point >= 0 ? str_sub(text, 0, (size_t)point) : text;
    d.part = point >= 0 ? str_sub(text, (size_t)point + 1, text.len) : (str){text.ptr, 0};
    while (d.part.len > 0 && d.part.ptr[d.part.len - 1] == '0') {
        d.part.len--;
    }
    while (d.whole.len > 0 && d.whole.ptr[0] == '0') {
        d.whole = str_sub(d.whole, 1, d.whole.len);
    }
    d.exponent = (i64)d.whole.len - 1 + exponent;
    while (d.whole.len == 0 && d.part.len > 0 && d.part.ptr[0] == '0') {
        d.part = str_sub(d.part, 1, d.part.len);
        d.exponent--;
    }
    while (d.part.len == 0 && d.whole.len > 0 && d.whole.ptr[d.whole.len - 1] == '0') {
        d.whole.len--;
    }
    d.zero = decimal_len(&d) == 0;
    return d;
}

static int compare_size(const struct decimal *a, const struct decimal *b)
{
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    size_t a_len = decimal_len(a);
    size_t b_len = decimal_len(b);
    for (size_t i = 0; i < a_len && i < b_len; i++) {
        int difference = decimal_digit(a, i) - decimal_digit(b, i);
        if (difference != 0) {
            return difference;
        }
    }
    return (a_len > b_len) - (a_len < b_len);
}

int json_number_cmp(str a, str b)
{
    struct decimal x = decimal_from(a);
    struct decimal y = decimal_from(b);
    int x_sign = x.zero ? 0 : x.negative ? -1 : 1;
    int y_sign = y.zero ? 0 : y.negative ? -1 : 1;
    if (x_sign != y_sign) {
        return x_sign - y_sign;
    }
    return x_sign == 0 ? 0 : x_sign * compare_size(&x, &y);
}

bool json_to_i64(const struct json *number, i64 *out)
{
    if (number == NULL || number->kind != JSON_NUMBER) {
        return false;
    }
    if (str_to_i64(number->text, out)) {
        return true;
    }
    struct decimal d = decimal_from(number->text);
    if (d.zero) {
        *out = 0;
        return true;
    }
    if (d.exponent > 18 || (i64)decimal_len(&d) - 1 > d.exponent) {
        return false; // too large, or digits behind the point
    }
    char digits[24] = {};
    size_t len = 0;
    if (d.negative) {
        digits[len++] = '-';
    }
    for (size_t i = 0; i <= (size_t)d.exponent; i++) {
        digits[len++] = i < decimal_len(&d) ? decimal_digit(&d, i) : '0';
    }
    return str_to_i64((str){digits, len}, out);
}

double json_to_double(const struct json *number)
{
    char small[64] = {}; // strtod wants a NUL behind the text
    check(number != NULL && number->kind == JSON_NUMBER);
    size_t len = number->text.len;
    char *text = len < sizeof(small) ? small : mem_alloc(len + 1);
    memcpy(text, number->text.ptr, len);
    double value = strtod(text, NULL);
    if (text != small) {
        mem_free(text);
    }
    return value;
}

static bool equal_arrays(const struct json *a, const struct json *b)
{
    const struct json *y = b->child;
    json_each (x, a) {
        if (!json_equal(x, y)) {
            return false;
        }
        y = y->next;
    }
    return true;
}

// Through a map, so that large objects do not cost quadratic time.
static bool equal_large_objects(const struct json *a, const struct json *b)
{
    struct map *members = map_new(NULL);
    bool equal = true;
    json_each (y, b) {
        map_set(members, y->key, y);
    }
    json_each (x, a) {
        const struct json *y = map_get(members, x->key);
        equal = equal && y != NULL && json_equal(x, y);
    }
    map_free(members);
    return equal;
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    if (a->count > 16) {
        return equal_large_objects(a, b);
    }
    json_each (x, a) {
        const struct json *y = json_get(b, x->key);
        if (y == NULL || !json_equal(x, y)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL) {
        return json_is_null(a) && json_is_null(b);
    }
    if (a->kind != b->kind || a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case JSON_NULL: return true;
    case JSON_BOOL: return a->boolean == b->boolean;
    case JSON_NUMBER: return json_number_cmp(a->text, b->text) == 0;
    case JSON_STRING: return str_eq(a->text, b->text);
    case JSON_ARRAY: return equal_arrays(a, b);
    case JSON_OBJECT: return equal_objects(a, b);
    }
    unreachable("kind of JSON value");
}

static struct json *make(struct arena *arena, enum json_kind kind)
{
    struct json *value = arena_new_of(arena, struct json);
    value->kind = kind;
    return value;
}

struct json *json_null(struct arena *arena)
{
    return make(arena, JSON_NULL);
}

struct json *json_bool(struct arena *arena, bool boolean)
{
    struct json *value = make(arena, JSON_BOOL);
    value->boolean = boolean;
    return value;
}

struct json *json_int(struct arena *arena, i64 number)
{
    struct json *value = make(arena, JSON_NUMBER);
    value->text = str_fmt(arena, "%lld", (long long)number);
    return value;
}

struct json *json_number(struct arena *arena, str text)
{
    struct json *value = make(arena, JSON_NUMBER);
    value->text = text;
    return value;
}

struct json *json_string(struct arena *arena, str text)
{
    struct json *value = make(arena, JSON_STRING);
    value->text = text;
    return value;
}

struct json *json_array(struct arena *arena)
{
    return make(arena, JSON_ARRAY);
}

struct json *json_object(struct arena *arena)
{
    return make(arena, JSON_OBJECT);
}

void json_push(struct json *array, struct json *value)
{
    check(array->kind == JSON_ARRAY || array->kind == JSON_OBJECT);
    check(value != array && value->next == NULL && value != array->last);
    if (array->last == NULL) {
        array->child = value;
    } else {
        array->last->next = value;
    }
    array->last = value;
    array->count++;
}

void json_set(struct json *object, str key, struct json *value)
{
    check(object->kind == JSON_OBJECT);
    value->key = key;
    value->next = NULL;
    struct json *before = NULL;
    json_each (member, object) {
        if (str_eq(member->key, key)) {
            value->next = member->next;
            if (before == NULL) {
                object->child = value;
            } else {
                before->next = value;
            }
            object->last = object->last == member ? value : object->last;
            return;
        }
        before = member;
    }
    json_push(object, value);
}

void json_remove(struct json *object, str key)
{
    check(object->kind == JSON_OBJECT);
    struct json *before = NULL;
    json_each (member, object) {
        if (str_eq(member->key, key)) {
            if (before == NULL) {
                object->child = member->next;
            } else {
                before->next = member->next;
            }
            object->last = object->last == member ? before : object->last;
            object->count--;
            member->next = NULL; // it may be put into another tree
            return;
        }
        before = member;
    }
}

static struct json *copy_one(struct arena *arena, const struct json *value)
{
    struct json *copy = arena_new_of(arena, struct json);
    *copy = *value;
    copy->next = NULL;
    return copy;
}

struct json *json_shallow(struct arena *arena, const struct json *value)
{
    struct json *copy = copy_one(arena, value);
    copy->child = NULL;
    copy->last = NULL;
    copy->count = 0;
    json_each (item, value) {
        json_push(copy, copy_one(arena, item));
    }
    return copy;
}

struct json *json_copy(struct arena *arena, const struct json *value)
{
    struct json *copy = copy_one(arena, value);
    copy->child = NULL;
    copy->last = NULL;
    copy->count = 0;
    if (value->text.ptr != NULL) {
        copy->text = str_dup(arena, value->text);
    }
    if (value->key.ptr != NULL) {
        copy->key = str_dup(arena, value->key);
    }
    json_each (item, value) {
        json_push(copy, json_copy(arena, item));
    }
    return copy;
}
