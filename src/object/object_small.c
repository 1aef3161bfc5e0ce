// Bytes of small objects that were read lately, per loop. An id names the same bytes for ever and
// is found through a row that is looked up each time, so that nothing here can be out of date.
#include "object/object_int.h"

enum { SLOTS = 512, CACHED_ID_MAX = 40 }; // at most SLOTS * SMALL_MAX bytes: 8 MiB

struct slot {
    char id[CACHED_ID_MAX];
    size_t id_size; // 0: empty
    char *bytes;    // heap
    size_t size;
};

struct s3_cache {
    struct slot slots[SLOTS];
};

struct s3_cache *s3_cache_new(void)
{
    return mem_new(struct s3_cache);
}

void s3_cache_free(struct s3_cache *cache)
{
    for (size_t i = 0; cache != NULL && i < SLOTS; i++) {
        mem_free(cache->slots[i].bytes);
    }
    mem_free(cache);
}

static bool holds(const struct slot *slot, str id)
{
    return slot->id_size > 0 && str_eq((str){slot->id, slot->id_size}, id);
}

bool s3_cache_get(const struct s3_cache *cache, struct arena *arena, str id, str *out)
{
    const struct slot *slot = &cache->slots[str_hash(id) % SLOTS];
    check(slot->id_size <= CACHED_ID_MAX);
    if (!holds(slot, id)) {
        return false;
    }
    *out = str_dup(arena, (str){slot->bytes, slot->size}); // it may be replaced while it is sent
    return true;
}

void s3_cache_put(struct s3_cache *cache, str id, str bytes)
{
    struct slot *slot = &cache->slots[str_hash(id) % SLOTS];
    if (id.len > CACHED_ID_MAX || bytes.len > SMALL_MAX || holds(slot, id)) {
        return;
    }
    mem_free(slot->bytes);
    slot->bytes = mem_alloc(bytes.len + 1);
    memcpy(slot->bytes, bytes.ptr, bytes.len);
    memcpy(slot->id, id.ptr, id.len);
    slot->size = bytes.len;
    slot->id_size = id.len;
    check(slot->size <= SMALL_MAX);
}
