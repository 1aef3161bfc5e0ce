// Text slices.
#include "base/base.h"

#include <stdio.h>

str str_from(const char *text)
{
    return text == NULL ? (str){} : (str){text, strlen(text)};
}

bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static char upper_char(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

bool str_eq_nocase(str a, str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower_char(a.ptr[i]) != lower_char(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

int str_cmp(str a, str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len && str_eq(str_sub(s, s.len - suffix.len, s.len), suffix);
}

ptrdiff_t str_find(str s, str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (s.len < needle.len) {
        return -1;
    }
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t str_find_char(str s, char c)
{
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return at == NULL ? -1 : at - s.ptr;
}

ptrdiff_t str_rfind_char(str s, char c)
{
    const char *at = s.len > 0 ? memrchr(s.ptr, c, s.len) : NULL;
    return at == NULL ? -1 : at - s.ptr;
}

str str_sub(str s, size_t from, size_t to)
{
    to = to > s.len ? s.len : to;
    from = from > to ? to : from;
    return s.ptr == NULL ? (str){} : (str){s.ptr + from, to - from};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim(str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s = str_sub(s, 1, s.len);
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool str_next(str *rest, char sep, str *part)
{
    if (rest->ptr == NULL) {
        return false;
    }
    ptrdiff_t at = str_find_char(*rest, sep);
    if (at < 0) {
        *part = *rest;
        *rest = (str){};
        return true;
    }
    *part = str_sub(*rest, 0, (size_t)at);
    *rest = str_sub(*rest, (size_t)at + 1, rest->len);
    return true;
}

bool str_to_u64(str s, u64 *out)
{
    u64 value = 0;
    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, (u64)10, &value) ||
            __builtin_add_overflow(value, (u64)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return true;
}

bool str_to_i64(str s, i64 *out)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    u64 size = 0;
    if (!str_to_u64(negative ? str_sub(s, 1, s.len) : s, &size)) {
        return false;
    }
    if (size > (u64)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *out = negative ? (i64)(0 - size) : (i64)size;
    return true;
}

// Length of the well-formed UTF-8 sequence at `p` (RFC 3629, table of section 4); 0 when there is
// none, SEQUENCE_CUT when the text ends inside of what may be one.
enum { SEQUENCE_CUT = 5 };

static size_t utf8_sequence(const u8 *p, size_t left)
{
    u8 lead = p[0];
    u8 low = 0x80;
    u8 high = 0xbf;
    size_t need = 0;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    }
    if (need == 0 || (left > 1 && (p[1] < low || p[1] > high))) {
        return 0;
    }
    for (size_t i = 2; i < need && i < left; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return left < need ? SEQUENCE_CUT : need;
}

size_t str_utf8_prefix(str s, bool *bad)
{
    const u8 *p = (const u8 *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        u64 word = 0;
        if (s.len - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if ((word & 0x8080808080808080u) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        size_t step = utf8_sequence(p + i, s.len - i);
        if (step == 0 || step == SEQUENCE_CUT) {
            *bad = step == 0;
            return i;
        }
        i += step;
    }
    *bad = false;
    return i;
}

size_t str_utf8_count(str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        count += ((u8)s.ptr[i] & 0xC0) != 0x80;
    }
    return count;
}

str str_utf8_first(str s, size_t count)
{
    size_t end = 0;
    for (size_t begun = 0; end < s.len; end++) {
        bool begins = ((u8)s.ptr[end] & 0xC0) != 0x80;
        if (begins && begun++ == count) {
            break;
        }
    }
    return str_sub(s, 0, end);
}

bool str_is_utf8(str s)
{
    bool bad = false;
    return str_utf8_prefix(s, &bad) == s.len;
}

str str_dup(struct arena *arena, str s)
{
    return (str){str_cstr(arena, s), s.len};
}

char *str_cstr(struct arena *arena, str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

str str_vfmt(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    check(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return (str){text, (size_t)len};
}

str str_fmt(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str out = str_vfmt(arena, fmt, args);
    va_end(args);
    return out;
}

str str_concat(struct arena *arena, const str *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += parts[i].len;
    }
    char *text = arena_alloc(arena, len + 1);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0) {
            memcpy(at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    return (str){text, len};
}

static str map_chars(struct arena *arena, str s, size_t count, char (*change)(char))
{
    char *copy = str_cstr(arena, s);
    for (size_t i = 0; i < count && i < s.len; i++) {
        copy[i] = change(copy[i]);
    }
    return (str){copy, s.len};
}

str str_lower(struct arena *arena, str s)
{
    return map_chars(arena, s, s.len, lower_char);
}

str str_upper(struct arena *arena, str s)
{
    return map_chars(arena, s, s.len, upper_char);
}

str str_upper_first(struct arena *arena, str s)
{
    return map_chars(arena, s, 1, upper_char);
}

str str_lower_first(struct arena *arena, str s)
{
    return map_chars(arena, s, 1, lower_char);
}
