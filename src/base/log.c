// The log: one write(2) per line, so that lines of several threads do not mix.
#include "base/base.h"

#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 8 * 1024 }; // longer texts are cut, so that a line stays one JSON value

static const char *const NAMES[] = {"debug", "info", "warn", "error"};

static void escape_json(struct buf *out, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        if (c == '"' || c == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        } else if (c < 0x20) {
            buf_fmt(out, "\\u%04x", c);
        } else {
            buf_add_char(out, (char)c);
        }
    }
}

void log_at(enum log_level level, const char *event, const char *fmt, ...)
{
    check((size_t)level < countof(NAMES));
    struct arena *arena = arena_new();
    va_list args;
    va_start(args, fmt);
    str text = str_sub(str_vfmt(arena, fmt, args), 0, TEXT_MAX);
    va_end(args);
    str now = time_iso8601(arena, time_now_ms());
    struct buf line = buf_in(arena, 64 * 1024);
    if (isatty(STDERR_FILENO)) {
        buf_fmt(&line, "%.*s %-5s %s: ", (int)8, now.ptr + 11, NAMES[level], event);
        buf_add(&line, text);
    } else {
        buf_fmt(&line, "{\"at\":\"%.*s\",\"level\":\"%s\",\"event\":\"%s\",\"text\":\"", PRI(now),
            NAMES[level], event);
        escape_json(&line, text);
        buf_add(&line, S("\"}"));
    }
    buf_add_char(&line, '\n');
    ssize_t done = write(STDERR_FILENO, line.ptr, line.len);
    (void)done; // nowhere to tell
    arena_free(arena);
}
