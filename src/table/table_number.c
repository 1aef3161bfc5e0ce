// Sums of decimals, exactly, within DynamoDB's 38 significant digits.
#include "table/table_int.h"

enum { DIGITS_MAX = 38, PLACES = 512, EXPONENT_MAX = 126 };

struct decimal { // 0.d1d2d3... * 10^exponent
    bool negative;
    int exponent;
    u8 digits[DIGITS_MAX];
    size_t count; // 0: zero
};

static bool add_digit(struct decimal *d, u8 digit, bool before_point, bool *started)
{
    if (digit == 0 && !*started) {
        d->exponent -= !before_point;
        return true;
    }
    *started = true;
    d->exponent += before_point;
    if (d->count == DIGITS_MAX) {
        return digit == 0;
    }
    d->digits[d->count++] = digit;
    return true;
}

// False for one with too many digits, or too large.
static bool read_decimal(str text, struct decimal *out)
{
    bool started = false;
    bool point = false;
    i64 exponent = 0;
    *out = (struct decimal){};
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '-') {
            out->negative = true;
        } else if (c == '.') {
            point = true;
        } else if (c == 'e' || c == 'E') {
            str rest = str_sub(text, i + 1, text.len);
            rest = str_starts(rest, S("+")) ? str_sub(rest, 1, rest.len) : rest;
            if (!str_to_i64(rest, &exponent) || exponent > PLACES || exponent < -PLACES) {
                return false;
            }
            break;
        } else if (!add_digit(out, (u8)(c - '0'), !point, &started)) {
            return false;
        }
    }
    out->exponent += (int)exponent;
    while (out->count > 0 && out->digits[out->count - 1] == 0) {
        out->count--;
    }
    return out->count == 0 || (out->exponent <= EXPONENT_MAX && out->exponent >= -EXPONENT_MAX - 4);
}

// The digit at 10^place.
static int digit_at(const struct decimal *d, int place)
{
    int at = d->exponent - 1 - place;
    return at >= 0 && (size_t)at < d->count ? d->digits[at] : 0;
}

static int compare_size(const struct decimal *a, const struct decimal *b)
{
    for (int place = EXPONENT_MAX; place >= -PLACES / 2; place--) {
        int difference = digit_at(a, place) - digit_at(b, place);
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

// Whole part, point, the rest: without an exponent, as DynamoDB tells numbers.
static struct json *write_places(struct arena *arena, const int *places, int low, bool negative)
{
    struct buf out = buf_in(arena, 2 * PLACES);
    int high = EXPONENT_MAX + 1;
    while (high > 0 && places[high - low] == 0) {
        high--;
    }
    int end = low;
    while (end < 0 && places[end - low] == 0) {
        end++;
    }
    buf_add(&out, negative ? S("-") : S(""));
    for (int place = high; place >= end; place--) {
        buf_add_char(&out, (char)('0' + places[place - low]));
        if (place == 0 && end < 0) {
            buf_add_char(&out, '.');
        }
    }
    return json_number(arena, buf_str(&out));
}

static size_t significant(const int *places, size_t count)
{
    size_t first = 0;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (places[i] != 0) {
            first = last == 0 ? i + 1 : first;
            last = i + 1;
        }
    }
    return last == 0 ? 0 : last - first + 1;
}

err *table_number_add(struct arena *arena, str a, str b, bool subtract, struct json **out)
{
    struct decimal x;
    struct decimal y;
    int places[PLACES] = {};
    const int low = -PLACES / 2;
    if (!read_decimal(a, &x) || !read_decimal(b, &y)) {
        return fail(arena, ERR_INVALID,
            "Number overflow. Attempting to store a number with magnitude larger than supported "
            "range");
    }
    y.negative = y.negative != subtract;
    bool swapped = compare_size(&x, &y) < 0;
    const struct decimal *large = swapped ? &y : &x;
    const struct decimal *small = swapped ? &x : &y;
    int sign = x.negative == y.negative ? 1 : -1;
    int carry = 0;
    for (int place = low; place <= EXPONENT_MAX + 1; place++) {
        int sum = digit_at(large, place) + sign * digit_at(small, place) + carry;
        carry = sum < 0 ? -1 : sum / 10;
        places[place - low] = sum < 0 ? sum + 10 : sum % 10;
    }
    check(carry == 0);
    size_t digits = significant(places, countof(places));
    if (digits > DIGITS_MAX || places[EXPONENT_MAX - low] != 0) {
        return fail(
            arena, ERR_INVALID, "Attempting to store more than 38 significant digits in a Number");
    }
    *out = write_places(arena, places, low, digits > 0 && large->negative);
    return NULL;
}
