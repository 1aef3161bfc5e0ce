// Hash map from text to pointer: open addressing over an insertion-ordered entry list.
#include "base/base.h"

struct entry {
    str key;
    void *value; // NULL: removed
    u64 hash;
};

struct map {
    struct arena *arena;
    struct entry *entries;
    size_t entry_count; // with removed ones
    size_t entry_room;
    size_t live;
    u32 *slots;        // entry number + 1; 0 = free
    size_t slot_count; // power of two
};

static u64 mix(u64 a, u64 b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (u64)product ^ (u64)(product >> 64);
}

// The address of a static differs per process (ASLR) but an attacker may learn it; so the seed is
// drawn from the kernel once, before main.
static u64 hash_seed;

__attribute__((constructor)) static void seed_hash(void)
{
    random_bytes(&hash_seed, sizeof(hash_seed));
}

u64 str_hash(str s)
{
    u64 hash = hash_seed ^ mix(s.len + 0x9e3779b97f4a7c15u, 0xa0761d6478bd642fu);
    size_t i = 0;
    u64 word = 0;
    for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
        memcpy(&word, s.ptr + i, sizeof(word));
        hash = mix(hash ^ word, 0xe7037ed1a0b428dbu);
    }
    word = 0;
    if (i < s.len) {
        memcpy(&word, s.ptr + i, s.len - i);
    }
    return mix(hash ^ word, 0x8ebc6af09c88c6e3u);
}

static void *map_memory(struct map *map, void *old, size_t old_size, size_t size)
{
    if (map->arena != NULL) {
        return arena_grow(map->arena, old, old_size, size);
    }
    char *ptr = mem_resize(old, size);
    memset(ptr + old_size, 0, size - old_size);
    return ptr;
}

struct map *map_new(struct arena *arena)
{
    struct map *map = arena != NULL ? arena_new_of(arena, struct map) : mem_new(struct map);
    map->arena = arena;
    return map;
}

void map_free(struct map *map)
{
    if (map == NULL || map->arena != NULL) {
        return;
    }
    mem_free(map->entries);
    mem_free(map->slots);
    mem_free(map);
}

static void place(struct map *map, size_t number)
{
    size_t at = map->entries[number].hash & (map->slot_count - 1);
    while (map->slots[at] != 0) {
        at = (at + 1) & (map->slot_count - 1);
    }
    map->slots[at] = (u32)(number + 1);
}

static void grow_slots(struct map *map)
{
    size_t count = map->slot_count == 0 ? 16 : map->slot_count * 2;
    if (map->arena == NULL) {
        mem_free(map->slots);
    }
    map->slots = map_memory(map, NULL, 0, count * sizeof(u32));
    map->slot_count = count;
    for (size_t i = 0; i < map->entry_count; i++) {
        place(map, i); // removed ones too: they keep probe chains whole
    }
}

static struct entry *find(const struct map *map, str key, u64 hash)
{
    if (map->slot_count == 0) {
        return NULL;
    }
    size_t at = hash & (map->slot_count - 1);
    while (map->slots[at] != 0) {
        struct entry *entry = &map->entries[map->slots[at] - 1];
        if (entry->hash == hash && str_eq(entry->key, key)) {
            return entry;
        }
        at = (at + 1) & (map->slot_count - 1);
    }
    return NULL;
}

void *map_get(const struct map *map, str key)
{
    struct entry *entry = find(map, key, str_hash(key));
    return entry != NULL ? entry->value : NULL;
}

void *map_set(struct map *map, str key, void *value)
{
    check(value != NULL);
    u64 hash = str_hash(key);
    struct entry *entry = find(map, key, hash);
    if (entry != NULL) {
        void *old = entry->value;
        map->live += old == NULL;
        entry->value = value;
        return old;
    }
    if ((map->entry_count + 1) * 4 > map->slot_count * 3) {
        grow_slots(map);
    }
    if (map->entry_count == map->entry_room) {
        size_t room = map->entry_room == 0 ? 12 : map->entry_room * 2;
        map->entries = map_memory(
            map, map->entries, map->entry_room * sizeof(struct entry), room * sizeof(struct entry));
        map->entry_room = room;
    }
    map->entries[map->entry_count] = (struct entry){.key = key, .value = value, .hash = hash};
    place(map, map->entry_count++);
    map->live++;
    return NULL;
}

// Entries that were removed stay as tombstones; a map with heavy churn is rebuilt when more than
// half of its entries are dead.
static void compact(struct map *map)
{
    check(map->live <= map->entry_count);
    size_t kept = 0;
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value != NULL) {
            map->entries[kept++] = map->entries[i];
        }
    }
    map->entry_count = kept;
    memset(map->slots, 0, map->slot_count * sizeof(u32));
    for (size_t i = 0; i < kept; i++) {
        place(map, i);
    }
}

void *map_remove(struct map *map, str key)
{
    struct entry *entry = find(map, key, str_hash(key));
    if (entry == NULL || entry->value == NULL) {
        return NULL;
    }
    void *old = entry->value;
    entry->value = NULL;
    entry->key = (str){}; // its owner may free the text now
    map->live--;
    if (map->entry_count > 32 && map->live * 2 < map->entry_count) {
        compact(map);
    }
    return old;
}

size_t map_count(const struct map *map)
{
    return map->live;
}

bool map_next(const struct map *map, size_t *pos, str *key, void **value)
{
    check(*pos <= map->entry_count);
    while (*pos < map->entry_count) {
        const struct entry *entry = &map->entries[(*pos)++];
        if (entry->value != NULL) {
            *key = entry->key;
            *value = entry->value;
            return true;
        }
    }
    return false;
}
