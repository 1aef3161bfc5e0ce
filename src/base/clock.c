// Clocks and random numbers.
#include "base/base.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

u64 time_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

u64 time_mono_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000 + (u64)now.tv_nsec / 1000;
}

str time_iso8601(struct arena *arena, u64 epoch_ms)
{
    check(epoch_ms <= 253402300799999); // 9999-12-31: a year of four digits
    time_t seconds = (time_t)(epoch_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    return str_fmt(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", parts.tm_year + 1900,
        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
        (unsigned)(epoch_ms % 1000));
}

void random_bytes(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0) {
            check(errno == EINTR);
            continue;
        }
        at += got;
        len -= (size_t)got;
    }
}

// Ids are drawn from a small per-thread pool so that a request does not pay a system call for each.
static void random_pooled(void *out, size_t len)
{
    static _Thread_local u8 pool[1024];
    static _Thread_local size_t left;
    check(len <= sizeof(pool));
    if (left < len) {
        random_bytes(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= len;
    memcpy(out, pool + left, len);
    memset(pool + left, 0, len);
}

str random_uuid(struct arena *arena)
{
    static const char DIGITS[] = "0123456789abcdef";
    u8 bytes[16];
    random_pooled(bytes, sizeof(bytes));
    bytes[6] = (u8)((bytes[6] & 0x0f) | 0x40); // version 4
    bytes[8] = (u8)((bytes[8] & 0x3f) | 0x80); // variant 1
    char *text = arena_alloc(arena, 37);
    size_t at = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[at++] = '-';
        }
        text[at++] = DIGITS[bytes[i] >> 4];
        text[at++] = DIGITS[bytes[i] & 15];
    }
    return (str){text, 36};
}

str random_text(struct arena *arena, size_t len)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *text = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len;) {
        u8 byte = 0;
        random_pooled(&byte, 1);
        if (byte < 252) { // 7 * 36: no bias
            text[i++] = LETTERS[byte % 36];
        }
    }
    return (str){text, len};
}
