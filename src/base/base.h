// The vocabulary every folder speaks: integer names, text slices, arenas, buffers, errors.
// Nothing here waits, and nothing here knows a protocol.
#pragma once

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

// Marks a function that may suspend the calling fiber, a fiber's own function included. clang's
// thread-safety analysis (`make test-clang`) checks that only functions so marked call one; gcc
// ignores it. Function types cannot carry the mark: calls through pointers are not checked.
#if defined(__clang__)
#    define CAPABILITY_OF_WAITING __attribute__((capability("may_yield")))

struct CAPABILITY_OF_WAITING may_yield_capability {
    int unused;
};
extern struct may_yield_capability may_yield;
#    define YIELDS __attribute__((requires_capability(may_yield)))
#else
#    define YIELDS
#endif

#define PRINTF_LIKE(fmt, args)          __attribute__((format(printf, fmt, args)))
#define countof(array)                  (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

// A broken invariant: prints the place and aborts. On in every build.
#define check(cond)      ((cond) ? (void)0 : base_panic(__FILE__, __LINE__, #cond))
#define unreachable(why) base_panic(__FILE__, __LINE__, why)
// Long-lived objects begin with `u32 magic`: a pointer to one that has been freed, or to something
// else, ends the process at the function it is given to.
#define check_magic(object, value) check((object) != NULL && (object)->magic == (value))
// Behind `check` and `unreachable`: one line on stderr, then abort().
_Noreturn void base_panic(const char *file, int line, const char *what);

// ---- memory ---------------------------------------------------------------------------------

// Zeroed heap memory for long-lived objects; aborts when there is none. Freed with mem_free.
void *mem_alloc(size_t size);
// Resizes; new bytes are not zeroed. `ptr` may be NULL. Aborts when there is no memory.
void *mem_resize(void *ptr, size_t size);
// NULL is allowed.
void mem_free(void *ptr);
#define mem_new(type) ((type *)mem_alloc(sizeof(type)))

// A bump allocator: one per request, emptied whole. Not shared between threads.
struct arena;

struct arena_mark {
    void *chunk;
    size_t used;
};

// An empty one, which holds no memory until the first allocation. Freed with arena_free.
struct arena *arena_new(void);
// Frees all memory of the arena and the arena itself. NULL is allowed.
void arena_free(struct arena *arena);
// Forgets everything allocated and holds no memory until the next allocation; cheap.
void arena_reset(struct arena *arena);
// Zeroed, 16-byte aligned. Never fails (aborts without memory); size 0 gives a valid pointer.
void *arena_alloc(struct arena *arena, size_t size);
#define arena_new_of(arena, type)       ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))
// Grows an allocation to `size` (in place when it is the last one); copies `old` bytes.
void *arena_grow(struct arena *arena, void *ptr, size_t old, size_t size);
// Remembers a point for arena_rewind; cheap.
struct arena_mark arena_mark(struct arena *arena);
// Frees all that was allocated since the mark, which stays good for another time. What was grown
// since (buffers, vectors) must be of after the mark too.
void arena_rewind(struct arena *arena, struct arena_mark mark);
// Bytes handed out since the last reset (for limits and tests).
size_t arena_used(const struct arena *arena);

// ---- text -----------------------------------------------------------------------------------

// A slice of bytes owned by somebody else; not NUL-terminated. {NULL,0} is "none".
typedef struct str {
    const char *ptr;
    size_t len;
} str;

#define S(literal) ((str){("" literal), sizeof(literal) - 1})
#define S_INIT(literal)                                                                            \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }
// For "%.*s" in printf-like calls.
#define PRI(s) (int)(s).len, (s).ptr

// Borrows a C string; NULL gives {NULL,0}.
str str_from(const char *text);
// Bytewise. "none" equals an empty text.
bool str_eq(str a, str b);
// As str_eq, taking ASCII letters of both cases as equal; no others.
bool str_eq_nocase(str a, str b);
// Below, equal to or above 0, as memcmp; a text comes before those it begins.
int str_cmp(str a, str b);
// True for an empty prefix.
bool str_starts(str s, str prefix);
// True for an empty suffix.
bool str_ends(str s, str suffix);
// Position of `needle` (0 for an empty one), or -1.
ptrdiff_t str_find(str s, str needle);
// Position of the first `c`, or -1.
ptrdiff_t str_find_char(str s, char c);
// Position of the last `c`, or -1.
ptrdiff_t str_rfind_char(str s, char c);
// The bytes from `from` up to, without, `to`; clamped to the text; from > len gives an empty slice.
str str_sub(str s, size_t from, size_t to);
// Without the spaces, tabs, CR and LF at both ends.
str str_trim(str s);
// Cuts the part before `sep` off *rest; without `sep` takes all. False when *rest is none.
bool str_next(str *rest, char sep, str *part);
// Decimal digits only, no sign; false on anything else or overflow, *out untouched then.
bool str_to_u64(str s, u64 *out);
// As str_to_u64, with an optional "-".
bool str_to_i64(str s, i64 *out);
// Well-formed UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing cut.
bool str_is_utf8(str s);
// Length of the leading whole characters. *bad: what follows them can become none, whatever comes.
size_t str_utf8_prefix(str s, bool *bad);
// Number of characters, as bounds of lengths count them.
size_t str_utf8_count(str s);
// The first `count` characters of UTF-8, or all there are.
str str_utf8_first(str s, size_t count);

// Copy (with a NUL behind it that does not count); of "none" an empty text.
str str_dup(struct arena *arena, str s);
// Copy with a NUL behind it, for system calls. One inside of `s` cuts it there for them.
char *str_cstr(struct arena *arena, str s);
// As printf, into the arena; without a limit, so only for bounded parts.
str str_fmt(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
// str_fmt for a function with arguments of its own. Uses `args` up, as vprintf does.
str str_vfmt(struct arena *arena, const char *fmt, va_list args);
// All parts one behind the other; str_cat takes them as arguments.
str str_concat(struct arena *arena, const str *parts, size_t count);
#define str_cat(arena, ...)                                                                        \
    str_concat(                                                                                    \
        (arena), (const str[]){__VA_ARGS__}, sizeof((const str[]){__VA_ARGS__}) / sizeof(str))
// Copy with ASCII letters in lower case; all other bytes stay.
str str_lower(struct arena *arena, str s);
// Copy with ASCII letters in upper case; all other bytes stay.
str str_upper(struct arena *arena, str s);
// Copy whose first byte is in upper case, if it is an ASCII letter.
str str_upper_first(struct arena *arena, str s);
// Copy whose first byte is in lower case, if it is an ASCII letter.
str str_lower_first(struct arena *arena, str s);

// Growing bytes with a maximum. Over the maximum `overflow` is set and further appends are dropped,
// so that long builders check once at the end.
struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    struct arena *arena; // NULL: heap, freed with buf_free
    bool overflow;
};

// An empty buffer that grows in the arena. Takes no memory before the first append.
struct buf buf_in(struct arena *arena, size_t max);
// An empty buffer that grows on the heap; buf_free it. Takes no memory before the first append.
struct buf buf_heap(size_t max);
// Gives a heap buffer's memory back; either kind is then empty, without overflow, and usable.
void buf_free(struct buf *buf);
// Appends a copy: all of `s`, or nothing when it does not fit.
void buf_add(struct buf *buf, str s);
// Appends one byte.
void buf_add_char(struct buf *buf, char c);
// Appends as printf would print: all of it, or nothing when it does not fit.
void buf_fmt(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Room for `size` more bytes at ptr+len, or NULL on overflow; the caller raises len itself.
char *buf_room(struct buf *buf, size_t size);
// Takes `count` bytes off the front; moves the rest, so not for many small pieces of a large one.
void buf_drop(struct buf *buf, size_t count);
// What is in it; borrowed until the next append.
str buf_str(const struct buf *buf);

// Growing typed arrays in an arena: declare `vec_of(T) list`, then vec_push(arena, &list) gives a
// zeroed new last element.
#define vec_of(type)                                                                               \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t room;                                                                               \
    }
#define vec_push(arena, vec)                                                                       \
    (vec_grow_(                                                                                    \
         (arena), (void **)&(vec)->items, &(vec)->count, &(vec)->room, sizeof(*(vec)->items)),     \
        &(vec)->items[(vec)->count - 1])
// Behind vec_push: raises *count, growing *items (elements of `size` bytes) when *room is used up.
void vec_grow_(struct arena *arena, void **items, size_t *count, size_t *room, size_t size);

// Hash map from text to pointer. Keys are borrowed, not copied. Insertion order is kept.
struct map;
// An empty map in the arena; with NULL on the heap, freed with map_free.
struct map *map_new(struct arena *arena);
// Frees a heap map, not its values or keys. NULL, and a map in an arena, are left alone.
void map_free(struct map *map);
// NULL when absent.
void *map_get(const struct map *map, str key);
// Sets or replaces; returns the old value. `value` is not NULL; the key is borrowed.
void *map_set(struct map *map, str key, void *value);
// Returns the value taken out, NULL when there was none. Not while walking: entries may move.
void *map_remove(struct map *map, str key);
// Number of keys.
size_t map_count(const struct map *map);
// Walks in insertion order: start with *pos = 0; false at the end. The map must not be set in
// between.
bool map_next(const struct map *map, size_t *pos, str *key, void **value);
// Seeded per process against hash flooding: not to be kept.
u64 str_hash(str s);

// ---- errors ---------------------------------------------------------------------------------

// What went wrong, in the vocabulary of err.def. NULL means success. Owned by the arena it was
// made in.
enum err_code {

#define ERR(name, wire, status) ERR_##name,
#include "base/err.def"
#undef ERR
};

typedef struct err {
    enum err_code code;
    str wire; // overrides the code's wire name when set (e.g. "DynamoDB:...")
    str text; // for a human; never holds a secret
    str hint; // what to do about it; may be none
    const char *file;
    int line;
    struct err *cause;
} err;

#define fail(arena, code, ...) err_make((arena), (code), __FILE__, __LINE__, __VA_ARGS__)
// Behind `fail`, which says where. All texts live in the arena.
[[nodiscard]] err *err_make(struct arena *arena, enum err_code code, const char *file, int line,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
// A refusal under a name of the service's own (a static text): ERR_INVALID, for whoever asked.
#define fail_as(arena, wire, ...) err_make_as((arena), (wire), __FILE__, __LINE__, __VA_ARGS__)
// Behind `fail_as`.
[[nodiscard]] err *err_make_as(struct arena *arena, const char *wire, const char *file, int line,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
// A new error over `cause`, with its code: "while ...: cause text".
[[nodiscard]] err *err_wrap(struct arena *arena, err *cause, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
// Copies an error with its texts and causes, out of an arena that is about to go.
[[nodiscard]] err *err_copy(struct arena *arena, const err *e);
// Sets what to do about it (borrowed) and returns `e`.
err *err_hint(err *e, str hint);
// The service's own name for the error: what was set on it, else its code's in err.def.
str err_wire(const err *e);
// The HTTP status the code usually goes with (err.def).
int err_status(enum err_code code);

#define TRY(call)                                                                                  \
    do {                                                                                           \
        err *try_err_ = (call);                                                                    \
        if (try_err_ != NULL) {                                                                    \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

// ---- clocks, random, files, log ---------------------------------------------------------------

// Wall clock, milliseconds since the epoch. It may jump: for what people see, not for waits.
u64 time_now_ms(void);
// Microseconds since some moment; never goes back, stands still while the machine sleeps.
u64 time_mono_us(void);
// "2026-11-22T22:20:36.123Z" (24 bytes).
str time_iso8601(struct arena *arena, u64 epoch_ms);

// From the kernel, good for keys; waits for its pool after boot, aborts if it cannot.
void random_bytes(void *out, size_t len);
// A UUID of version 4 (RFC 9562), lower case, 36 characters.
str random_uuid(struct arena *arena);
// `len` characters of [a-z0-9], about 5.17 bits each; good for keys.
str random_text(struct arena *arena, size_t len);

// Two lower-case digits a byte.
str hex_encode(struct arena *arena, str bytes);
// RFC 4648 section 4, padded.
str base64_encode(struct arena *arena, str bytes);
// RFC 4648 section 5, not padded.
str base64url_encode(struct arena *arena, str bytes);
// Accepts the standard and the url-safe alphabet, padded or not. False on anything else.
bool base64_decode(struct arena *arena, str text, str *bytes);
// A text as one word of a shell command that is shown to a person.
str shell_quote(struct arena *arena, str text);
// True when equal, found out in a time that depends on the lengths only.
bool bytes_eq_secret(str a, str b);

// Reads a whole file of at most `max` bytes, else ERR_TOO_LARGE; ERR_NOT_FOUND when there is none.
// Blocks the thread (start-up and worker pool only).
[[nodiscard]] err *file_read(struct arena *arena, const char *path, size_t max, str *out);
// Writes to a temporary name beside `path`, syncs, renames: a crash leaves the old or the new file,
// at worst a "*.tmp" beside it. The file is new, with `mode` less umask. Blocks the thread.
[[nodiscard]] err *file_write_atomic(struct arena *arena, const char *path, str bytes, int mode);
// Makes a folder and the parents it lacks, all with `mode`; one that is there already will do.
[[nodiscard]] err *dir_make(struct arena *arena, const char *path, int mode);
// False also when something else than a folder has that name. Follows symbolic links.
bool dir_exists(const char *path);
// "folder/name" as a C string.
const char *path_join(struct arena *arena, const char *folder, const char *name);

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

// One line on stderr: text on a terminal, JSON otherwise. Thread-safe, never waits for long.
void log_at(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define log_info(event, ...)  log_at(LOG_INFO, (event), __VA_ARGS__)
#define log_warn(event, ...)  log_at(LOG_WARN, (event), __VA_ARGS__)
#define log_error(event, ...) log_at(LOG_ERROR, (event), __VA_ARGS__)
