// Growing bytes with a maximum.
#include "base/base.h"

#include <stdio.h>

struct buf buf_in(struct arena *arena, size_t max)
{
    check(arena != NULL);
    return (struct buf){.arena = arena, .max = max};
}

struct buf buf_heap(size_t max)
{
    return (struct buf){.max = max};
}

void buf_free(struct buf *buf)
{
    if (buf->arena == NULL) {
        mem_free(buf->ptr);
    }
    *buf = (struct buf){.arena = buf->arena, .max = buf->max};
}

char *buf_room(struct buf *buf, size_t size)
{
    check(buf->len <= buf->cap && buf->cap <= buf->max);
    if (buf->overflow || size > buf->max - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    if (buf->cap - buf->len >= size && buf->ptr != NULL) {
        return buf->ptr + buf->len;
    }
    size_t cap = buf->cap < 128 ? 256 : buf->cap * 2;
    while (cap - buf->len < size) {
        cap *= 2;
    }
    cap = cap > buf->max ? buf->max : cap;
    buf->ptr = buf->arena != NULL ? arena_grow(buf->arena, buf->ptr, buf->cap, cap)
                                  : mem_resize(buf->ptr, cap);
    buf->cap = cap;
    return buf->ptr + buf->len;
}

void buf_add(struct buf *buf, str s)
{
    check(s.ptr != NULL || s.len == 0);
    char *room = s.len > 0 ? buf_room(buf, s.len) : NULL;
    if (room != NULL) {
        memcpy(room, s.ptr, s.len);
        buf->len += s.len;
    }
}

void buf_add_char(struct buf *buf, char c)
{
    char *room = buf_room(buf, 1);
    if (room != NULL) {
        *room = c;
        buf->len++;
    }
}

void buf_fmt(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    check(len >= 0);
    size_t size = (size_t)len + 1;            // vsnprintf wants a place for its NUL
    if ((size_t)len == buf->max - buf->len) { // which an exactly full buffer has not
        char *text = mem_alloc(size);
        vsnprintf(text, size, fmt, again);
        buf_add(buf, (str){text, (size_t)len});
        mem_free(text);
    } else if (buf_room(buf, size) != NULL) {
        vsnprintf(buf->ptr + buf->len, size, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void buf_drop(struct buf *buf, size_t count)
{
    check(count <= buf->len);
    if (count < buf->len) {
        memmove(buf->ptr, buf->ptr + count, buf->len - count);
    }
    buf->len -= count;
}

str buf_str(const struct buf *buf)
{
    return (str){buf->ptr, buf->len};
}
