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
_Noreturn void base_panic(const char *file, int line, const char *what);

// ---- memory ---------------------------------------------------------------------------------

// Zeroed heap memory for long-lived objects; aborts when there is none. Freed with mem_free.
void *mem_alloc(size_t size);
// Resizes; new bytes are not zeroed. `ptr` may be NULL. Aborts when there is no memory.
void *mem_resize(void *ptr, size_t size);
void mem_free(void *ptr);
#define mem_new(type) ((type *)mem_alloc(sizeof(type)))

// A bump allocator: one per request, emptied whole. Not shared between threads.
struct arena;

struct arena_mark {
    void *chunk;
    size_t used;
};

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
// Remembers a point; arena_rewind frees all allocated since.
struct arena_mark arena_mark(struct arena *arena);
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

str str_from(const char *text); // NULL gives {NULL,0}
bool str_eq(str a, str b);
bool str_eq_nocase(str a, str b); // ASCII letters only
int str_cmp(str a, str b);        // bytewise, shorter first
bool str_starts(str s, str prefix);
bool str_ends(str s, str suffix);
// Position of `needle`, or -1.
ptrdiff_t str_find(str s, str needle);
ptrdiff_t str_find_char(str s, char c);
ptrdiff_t str_rfind_char(str s, char c);
// Clamped to the text; from > len gives an empty slice.
str str_sub(str s, size_t from, size_t to);
str str_trim(str s); // spaces, tabs, CR, LF
// Cuts the part before `sep` off *rest; without `sep` takes all. False when *rest is none.
bool str_next(str *rest, char sep, str *part);
// Decimal digits only, no sign for u64; false on anything else or overflow.
bool str_to_u64(str s, u64 *out);
bool str_to_i64(str s, i64 *out);
bool str_is_utf8(str s);
// Length of the leading whole characters. *bad: what follows them can become none, whatever comes.
size_t str_utf8_prefix(str s, bool *bad);

str str_dup(struct arena *arena, str s);
// Copy with a NUL behind it, for system calls.
char *str_cstr(struct arena *arena, str s);
str str_fmt(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
str str_vfmt(struct arena *arena, const char *fmt, va_list args);
str str_concat(struct arena *arena, const str *parts, size_t count);
#define str_cat(arena, ...)                                                                        \
    str_concat(                                                                                    \
        (arena), (const str[]){__VA_ARGS__}, sizeof((const str[]){__VA_ARGS__}) / sizeof(str))
str str_lower(struct arena *arena, str s); // ASCII
str str_upper(struct arena *arena, str s);
// Same text with its first ASCII letter in the other case.
str str_upper_first(struct arena *arena, str s);
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

struct buf buf_in(struct arena *arena, size_t max); // memory from the arena
struct buf buf_heap(size_t max);                    // memory from the heap
void buf_free(struct buf *buf);                     // heap buffers; empties
void buf_add(struct buf *buf, str s);
void buf_add_char(struct buf *buf, char c);
void buf_fmt(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Room for `size` more bytes at ptr+len, or NULL on overflow; the caller raises len itself.
char *buf_room(struct buf *buf, size_t size);
void buf_drop(struct buf *buf, size_t count); // from the front
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
void vec_grow_(struct arena *arena, void **items, size_t *count, size_t *room, size_t size);

// Hash map from text to pointer. Keys are borrowed, not copied. Insertion order is kept.
struct map;
struct map *map_new(struct arena *arena); // NULL arena: heap, freed with map_free
void map_free(struct map *map);
void *map_get(const struct map *map, str key); // NULL when absent
// Sets or replaces; returns the old value.
void *map_set(struct map *map, str key, void *value);
void *map_remove(struct map *map, str key);
size_t map_count(const struct map *map);
// Walks in insertion order: start with *pos = 0.
bool map_next(const struct map *map, size_t *pos, str *key, void **value);
u64 str_hash(str s); // seeded per process against hash flooding

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
[[nodiscard]] err *err_make(struct arena *arena, enum err_code code, const char *file, int line,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
// A new error over `cause`, with its code: "while ...: cause text".
[[nodiscard]] err *err_wrap(struct arena *arena, err *cause, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
err *err_hint(err *e, str hint);
// The service's own name for the error, and the HTTP status it usually goes with.
str err_wire(const err *e);
int err_status(enum err_code code);

#define TRY(call)                                                                                  \
    do {                                                                                           \
        err *try_err_ = (call);                                                                    \
        if (try_err_ != NULL) {                                                                    \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)

// ---- clocks, random, files, log ---------------------------------------------------------------

u64 time_now_ms(void);  // wall clock, milliseconds since the epoch
u64 time_mono_us(void); // monotonic, microseconds
// "2026-11-22T22:20:36.123Z" (24 bytes).
str time_iso8601(struct arena *arena, u64 epoch_ms);

void random_bytes(void *out, size_t len);         // from the kernel; aborts if it cannot
str random_uuid(struct arena *arena);             // version 4, lower case
str random_text(struct arena *arena, size_t len); // [a-z0-9]

str hex_encode(struct arena *arena, str bytes);
str base64_encode(struct arena *arena, str bytes);
str base64url_encode(struct arena *arena, str bytes); // no padding
// Accepts the standard and the url-safe alphabet, padded or not. False on anything else.
bool base64_decode(struct arena *arena, str text, str *bytes);
// Equal in constant time for equal lengths.
bool bytes_eq_secret(str a, str b);

// Reads a whole file of at most `max` bytes. Blocks the thread (start-up and worker pool only).
[[nodiscard]] err *file_read(struct arena *arena, const char *path, size_t max, str *out);
// Writes to a temporary name beside `path`, syncs, renames. Blocks the thread.
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
