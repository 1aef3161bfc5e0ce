// Heap and arenas. Running out of memory ends the process: every size that an outsider controls is
// bounded before it gets here.
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#    define POISONING 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define POISONING 1
#    endif
#endif
#ifdef POISONING
#    include <sanitizer/asan_interface.h>
#else
#    define ASAN_POISON_MEMORY_REGION(ptr, size)   ((void)(ptr), (void)(size))
#    define ASAN_UNPOISON_MEMORY_REGION(ptr, size) ((void)(ptr), (void)(size))
#endif

enum { CHUNK_FIRST = 2048, CHUNK_MAX = 256 * 1024, ALIGN = 16 };

// Emptied arenas give their small chunks to a pool of the thread, so that idle connections hold
// none and a request that fits makes no call of malloc. Not under ASan, which shall see the use of
// memory after a reset.
enum { POOL_SIZES = 4, POOL_EACH = 32 }; // 2, 4, 8, 16 KiB: at most 960 KiB per thread

#ifdef POISONING
enum { RED_ZONE = 16 };
#else
enum { RED_ZONE = 0 };
#endif

struct chunk {
    struct chunk *older;
    size_t size; // bytes behind this header
    size_t used;
    size_t padding; // keeps the bytes aligned to 16
};

#ifndef POISONING
static _Thread_local struct {
    struct chunk *free;
    size_t count;
} chunk_pool[POOL_SIZES];
#endif

struct arena {
    struct chunk *newest;
    size_t used_before; // in all chunks but the newest
};

_Noreturn void base_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "ampd: broken invariant at %s:%d: %s\n", file, line, what);
    abort();
}

void *mem_alloc(size_t size)
{
    void *ptr = calloc(1, size > 0 ? size : 1);
    check(ptr != NULL);
    return ptr;
}

void *mem_resize(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size > 0 ? size : 1);
    check(moved != NULL);
    return moved;
}

void mem_free(void *ptr)
{
    free(ptr);
}

static char *chunk_bytes(struct chunk *chunk)
{
    return (char *)(chunk + 1);
}

#ifdef POISONING
static struct chunk *pool_take(size_t size)
{
    (void)size;
    return NULL;
}

static bool pool_give(struct chunk *chunk)
{
    (void)chunk;
    return false;
}
#else
// Which list chunks of that size are kept in, or POOL_SIZES.
static size_t pool_index(size_t size)
{
    size_t index = 0;
    while (index < POOL_SIZES && ((size_t)CHUNK_FIRST << index) != sizeof(struct chunk) + size) {
        index++;
    }
    return index;
}

static struct chunk *pool_take(size_t size)
{
    size_t index = pool_index(size);
    struct chunk *chunk = index < POOL_SIZES ? chunk_pool[index].free : NULL;
    if (chunk != NULL) {
        chunk_pool[index].free = chunk->older;
        chunk_pool[index].count--;
    }
    return chunk;
}

static bool pool_give(struct chunk *chunk)
{
    size_t index = pool_index(chunk->size);
    if (index == POOL_SIZES || chunk_pool[index].count == POOL_EACH) {
        return false;
    }
    chunk->older = chunk_pool[index].free;
    chunk_pool[index].free = chunk;
    chunk_pool[index].count++;
    return true;
}
#endif

static struct chunk *chunk_new(size_t size, struct chunk *older)
{
    struct chunk *chunk = pool_take(size);
    if (chunk == NULL) {
        chunk = malloc(sizeof(*chunk) + size);
    }
    check(chunk != NULL);
    *chunk = (struct chunk){.older = older, .size = size};
    ASAN_POISON_MEMORY_REGION(chunk_bytes(chunk), size);
    return chunk;
}

static void chunk_free(struct chunk *chunk)
{
    ASAN_UNPOISON_MEMORY_REGION(chunk_bytes(chunk), chunk->size);
    if (!pool_give(chunk)) {
        free(chunk);
    }
}

struct arena *arena_new(void)
{
    return mem_new(struct arena); // the first chunk comes with the first allocation
}

void arena_free(struct arena *arena)
{
    if (arena != NULL) {
        arena_reset(arena);
        free(arena);
    }
}

void arena_reset(struct arena *arena)
{
    check(arena != NULL);
    while (arena->newest != NULL) {
        struct chunk *older = arena->newest->older;
        chunk_free(arena->newest);
        arena->newest = older;
    }
    arena->used_before = 0;
}

static void arena_add_chunk(struct arena *arena, size_t need)
{
    size_t whole = CHUNK_FIRST; // with the header
    if (arena->newest != NULL) {
        whole = (sizeof(struct chunk) + arena->newest->size) * 2;
        whole = whole > CHUNK_MAX ? CHUNK_MAX : whole;
    }
    while (whole < CHUNK_MAX && whole - sizeof(struct chunk) < need) {
        whole *= 2;
    }
    size_t size = whole - sizeof(struct chunk);
    size = size < need ? need : size;
    if (arena->newest != NULL) {
        arena->used_before += arena->newest->used;
    }
    arena->newest = chunk_new(size, arena->newest);
}

static size_t round_up(size_t size)
{
    return (size + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    check(size < SIZE_MAX / 2);
    size_t need = round_up(size) + RED_ZONE;
    if (arena->newest == NULL || arena->newest->size - arena->newest->used < need) {
        arena_add_chunk(arena, need);
    }
    struct chunk *chunk = arena->newest;
    char *ptr = chunk_bytes(chunk) + chunk->used;
    chunk->used += need;
    ASAN_UNPOISON_MEMORY_REGION(ptr, size);
    memset(ptr, 0, size);
    return ptr;
}

void *arena_grow(struct arena *arena, void *ptr, size_t old, size_t size)
{
    if (ptr == NULL) {
        return arena_alloc(arena, size);
    }
    struct chunk *chunk = arena->newest;
    size_t old_room = round_up(old) + RED_ZONE;
    size_t new_room = round_up(size) + RED_ZONE;
    char *end = chunk_bytes(chunk) + chunk->used;
    if (size >= old && (char *)ptr + old_room == end &&
        new_room - old_room <= chunk->size - chunk->used) {
        chunk->used += new_room - old_room;
        ASAN_UNPOISON_MEMORY_REGION(ptr, size);
        memset((char *)ptr + old, 0, size - old);
        return ptr;
    }
    void *moved = arena_alloc(arena, size);
    memcpy(moved, ptr, old < size ? old : size);
    return moved;
}

struct arena_mark arena_mark(struct arena *arena)
{
    struct chunk *chunk = arena->newest;
    return (struct arena_mark){.chunk = chunk, .used = chunk != NULL ? chunk->used : 0};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    while (arena->newest != NULL && arena->newest != mark.chunk) {
        struct chunk *older = arena->newest->older;
        chunk_free(arena->newest);
        arena->newest = older;
        if (older != NULL) {
            arena->used_before -= older->used;
        }
    }
    if (arena->newest != NULL) {
        struct chunk *chunk = arena->newest;
        check(mark.used <= chunk->used);
        chunk->used = mark.used;
        ASAN_POISON_MEMORY_REGION(chunk_bytes(chunk) + mark.used, chunk->size - mark.used);
    }
}

size_t arena_used(const struct arena *arena)
{
    return arena->used_before + (arena->newest != NULL ? arena->newest->used : 0);
}

void vec_grow_(struct arena *arena, void **items, size_t *count, size_t *room, size_t size)
{
    check(*count <= *room && size > 0);
    if (*count == *room) {
        size_t wanted = *room == 0 ? 8 : *room * 2;
        *items = arena_grow(arena, *items, *room * size, wanted * size);
        *room = wanted;
    }
    *count += 1;
}
