// What of a function's output may be harmful, made harmless.
#include "func_log/func_log.h"

#include <time.h>

enum { CLEAN_MAX = 4 * FUNC_LOG_LINE_MAX };

str func_log_clean(struct arena *arena, str text)
{
    bool bad = false;
    size_t good = str_utf8_prefix(text, &bad);
    struct buf out = buf_in(arena, CLEAN_MAX);
    if (good == text.len) {
        return text;
    }
    while (text.len > 0) {
        good = str_utf8_prefix(text, &bad);
        buf_add(&out, str_sub(text, 0, good));
        text = str_sub(text, good, text.len);
        if (text.len > 0) {
            buf_add(&out, S("\xef\xbf\xbd"));
            text = str_sub(text, 1, text.len);
        }
    }
    return buf_str(&out);
}

// The character at the beginning of well-formed UTF-8, and how long it is.
static u32 read_character(str text, size_t *len)
{
    u8 first = (u8)text.ptr[0];
    *len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    *len = *len <= text.len ? *len : 1;
    u32 c = *len == 1 ? first : first & (0xffu >> (*len + 1));
    for (size_t i = 1; i < *len; i++) {
        c = c << 6 | ((u8)text.ptr[i] & 0x3fu);
    }
    return c;
}

static bool is_harmful(u32 c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool reorders = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e ||
                    c == 0x200f || c == 0x061c;
    bool breaks = c == 0x2028 || c == 0x2029;
    return (control && c != '\t') || reorders || breaks;
}

void func_log_printable(struct buf *out, str text)
{
    while (text.len > 0) {
        size_t len = 0;
        u32 c = read_character(text, &len);
        if (c == '\r' || c == '\n') {
            buf_add(out, S("\n    "));
        } else if (is_harmful(c)) {
            buf_fmt(out, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        } else {
            buf_add(out, str_sub(text, 0, len));
        }
        text = str_sub(text, len, text.len);
    }
}

u64 func_log_days(str retention)
{
    static const struct {
        str unit;
        u64 days;
    } UNITS[] = {
        {S_INIT("day"), 1}, {S_INIT("week"), 7}, {S_INIT("month"), 30}, {S_INIT("year"), 365}};

    str number = {};
    u64 count = 0;
    (void)str_next(&retention, ' ', &number);
    for (size_t i = 0; str_to_u64(number, &count) && i < countof(UNITS); i++) {
        if (str_starts(retention, UNITS[i].unit)) {
            return count * UNITS[i].days;
        }
    }
    return 0;
}

void func_log_show(struct buf *out, const struct func_log_line *line, bool coloured)
{
    static const int COLOURS[] = {36, 35, 33, 34, 32, 96, 95, 94};

    time_t seconds = (time_t)(line->time_ms / 1000);
    struct tm parts = {};
    u32 sum = 0;
    for (size_t i = 0; i < line->function.len; i++) { // a function has the same one always
        sum = sum * 31 + (u8)line->function.ptr[i];
    }
    check(localtime_r(&seconds, &parts) != NULL);
    buf_fmt(out, "%02d:%02d:%02d ", parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (coloured) {
        buf_fmt(out, "\033[%dm", COLOURS[sum % countof(COLOURS)]);
    }
    buf_add(out, S("["));
    func_log_printable(out, line->function);
    buf_add(out, coloured ? S("]\033[0m ") : S("] "));
    func_log_printable(out, line->text);
    buf_add(out, S("\n"));
}
