// Errors as values.
#include "base/base.h"

static const struct {
    str wire;
    int status;
} CODES[] = {

#define ERR(name, wire, status) {S_INIT(wire), status},
#include "base/err.def"
#undef ERR
};

err *err_make(
    struct arena *arena, enum err_code code, const char *file, int line, const char *fmt, ...)
{
    check((size_t)code < countof(CODES));
    err *e = arena_new_of(arena, err);
    va_list args;
    va_start(args, fmt);
    *e = (err){.code = code, .text = str_vfmt(arena, fmt, args), .file = file, .line = line};
    va_end(args);
    return e;
}

err *err_make_as(
    struct arena *arena, const char *wire, const char *file, int line, const char *fmt, ...)
{
    check(wire != NULL && wire[0] != '\0');
    err *e = arena_new_of(arena, err);
    va_list args;
    va_start(args, fmt);
    *e = (err){.code = ERR_INVALID,
        .wire = str_from(wire),
        .text = str_vfmt(arena, fmt, args),
        .file = file,
        .line = line};
    va_end(args);
    return e;
}

err *err_wrap(struct arena *arena, err *cause, const char *fmt, ...)
{
    check(cause != NULL);
    err *e = arena_new_of(arena, err);
    va_list args;
    va_start(args, fmt);
    str what = str_vfmt(arena, fmt, args);
    va_end(args);
    *e = *cause;
    e->text = str_cat(arena, what, S(": "), cause->text);
    e->cause = cause;
    return e;
}

err *err_hint(err *e, str hint)
{
    check(e != NULL);
    e->hint = hint;
    return e;
}

err *err_copy(struct arena *arena, const err *e)
{
    err *copy = arena_new_of(arena, err);
    *copy = *e;
    copy->wire = e->wire.ptr != NULL ? str_dup(arena, e->wire) : (str){};
    copy->text = str_dup(arena, e->text);
    copy->hint = e->hint.ptr != NULL ? str_dup(arena, e->hint) : (str){};
    copy->cause = e->cause != NULL ? err_copy(arena, e->cause) : NULL;
    return copy;
}

str err_wire(const err *e)
{
    check((size_t)e->code < countof(CODES));
    return e->wire.ptr != NULL ? e->wire : CODES[e->code].wire;
}

int err_status(enum err_code code)
{
    check((size_t)code < countof(CODES));
    return CODES[code].status;
}
