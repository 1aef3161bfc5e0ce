// Leaky buckets for source addresses, in a table of fixed size: sets of a few entries, found by a
// keyed hash. When a set is full, the address with the least in its buckets makes room: it loses
// least, and to push out one who has guessed takes as many guesses from other addresses.
#include "auth/auth_limit.h"

#include <arpa/inet.h>
#include <pthread.h>

enum { SETS = 1024, WAYS = 8, ADDRESS_TEXT = 64, ADDRESS = 16, KIND = ADDRESS - 1 };

enum { ONE = 1000 * 1000 }; // of what a bucket holds

struct size {
    u64 burst;       // at once
    u64 leak_per_ms; // in parts of ONE
};

// An office behind one address signs in hundreds of people in a morning, and some mistype.
static const struct size REMOTE[AUTH_LIMITS] = {
    [AUTH_LIMIT_REQUESTS] = {200, 20 * ONE / 1000},   // 20 a second
    [AUTH_LIMIT_GUESSES] = {50, 6 * ONE / 60 / 1000}, // 6 a minute
};
// A developer's test suites, or everyone who comes through a proxy on this machine.
static const struct size LOCAL[AUTH_LIMITS] = {
    [AUTH_LIMIT_REQUESTS] = {20 * 1000, 5000 * (ONE / 1000)},
    [AUTH_LIMIT_GUESSES] = {2000, 20 * ONE / 1000},
};

struct address { // IPv4: 4 bytes; IPv6: 8; then zeros; the last tells the kind
    u8 bytes[ADDRESS];
};

struct entry {
    struct address address;
    u64 held[AUTH_LIMITS]; // as of `at_ms`
    u64 at_ms;
    bool is_used;
};

struct auth_limiter {
    pthread_mutex_t lock; // held for some hundred nanoseconds, never over a wait
    struct entry entries[SETS][WAYS];
};

struct auth_limiter *auth_limiter_new(void)
{
    struct auth_limiter *limiter = mem_new(struct auth_limiter);
    check(pthread_mutex_init(&limiter->lock, NULL) == 0);
    return limiter;
}

void auth_limiter_free(struct auth_limiter *limiter)
{
    if (limiter != NULL) {
        check(pthread_mutex_destroy(&limiter->lock) == 0);
        mem_free(limiter);
    }
}

// ---- addresses -----------------------------------------------------------------------------

// What `peer` stands for; all zeros: this machine.
static struct address read_address(str peer)
{
    static const u8 MAPPED[12] = {[10] = 0xff, [11] = 0xff};
    static const u8 LOOPBACK[16] = {[15] = 1};
    struct address out = {};
    char text[ADDRESS_TEXT] = "";
    u8 six[16];
    ptrdiff_t scope = str_find_char(peer, '%');
    peer = scope < 0 ? peer : str_sub(peer, 0, (size_t)scope);
    if (peer.len == 0 || peer.len >= sizeof(text)) {
        return out;
    }
    memcpy(text, peer.ptr, peer.len);
    if (inet_pton(AF_INET, text, out.bytes) == 1) {
        out.bytes[KIND] = 4;
    } else if (inet_pton(AF_INET6, text, six) == 1 && memcmp(six, LOOPBACK, sizeof(six)) != 0) {
        bool mapped = memcmp(six, MAPPED, sizeof(MAPPED)) == 0;
        memcpy(out.bytes, mapped ? six + sizeof(MAPPED) : six, mapped ? 4 : 8);
        out.bytes[KIND] = mapped ? 4 : 6;
    }
    if (out.bytes[KIND] == 4 && out.bytes[0] == 127) {
        return (struct address){};
    }
    return out;
}

static const struct size *sizes_of(const struct address *address)
{
    return address->bytes[KIND] == 0 ? LOCAL : REMOTE;
}

// ---- buckets -------------------------------------------------------------------------------

static void leak(struct entry *entry, u64 now_ms)
{
    const struct size *sizes = sizes_of(&entry->address);
    u64 passed = now_ms > entry->at_ms ? now_ms - entry->at_ms : 0;
    for (size_t i = 0; i < AUTH_LIMITS; i++) {
        // A bucket is empty after a day at the latest; no product overflows below that.
        u64 gone = passed < 24 * 3600 * 1000ULL ? passed * sizes[i].leak_per_ms : UINT64_MAX;
        entry->held[i] = entry->held[i] > gone ? entry->held[i] - gone : 0;
    }
    entry->at_ms = now_ms > entry->at_ms ? now_ms : entry->at_ms;
}

// How much of what it may an address has used up, in parts of ONE: the fuller bucket's.
static u64 fullness(const struct entry *entry)
{
    const struct size *sizes = sizes_of(&entry->address);
    u64 most = 0;
    for (size_t i = 0; i < AUTH_LIMITS; i++) {
        u64 part = entry->held[i] / sizes[i].burst;
        most = part > most ? part : most;
    }
    return most;
}

static struct entry *set_of(struct auth_limiter *limiter, const struct address *address)
{
    u64 hash = str_hash((str){(const char *)address->bytes, sizeof(address->bytes)});
    return limiter->entries[hash % SETS];
}

static struct entry *find(struct entry *set, const struct address *address)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].is_used && memcmp(&set[i].address, address, sizeof(*address)) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

static struct entry *make_room(struct entry *set, const struct address *address, u64 now_ms)
{
    struct entry *room = &set[0];
    for (size_t i = 0; i < WAYS && room->is_used; i++) {
        leak(&set[i], now_ms);
        if (!set[i].is_used || fullness(&set[i]) < fullness(room)) {
            room = &set[i];
        }
    }
    *room = (struct entry){.address = *address, .is_used = true, .at_ms = now_ms};
    return room;
}

bool auth_limiter_take(struct auth_limiter *limiter, str peer, enum auth_limit limit, u64 now_ms)
{
    check(limit < AUTH_LIMITS);
    struct address address = read_address(peer);
    const struct size *size = &sizes_of(&address)[limit];
    check(pthread_mutex_lock(&limiter->lock) == 0);
    struct entry *set = set_of(limiter, &address);
    struct entry *entry = find(set, &address);
    entry = entry != NULL ? entry : make_room(set, &address, now_ms);
    leak(entry, now_ms);
    bool fits = entry->held[limit] + ONE <= size->burst * ONE;
    entry->held[limit] += fits ? ONE : 0;
    check(pthread_mutex_unlock(&limiter->lock) == 0);
    return fits;
}

void auth_limiter_give(struct auth_limiter *limiter, str peer, enum auth_limit limit)
{
    check(limit < AUTH_LIMITS);
    struct address address = read_address(peer);
    check(pthread_mutex_lock(&limiter->lock) == 0);
    struct entry *entry = find(set_of(limiter, &address), &address);
    if (entry != NULL) { // else it has been pushed out
        entry->held[limit] = entry->held[limit] > ONE ? entry->held[limit] - ONE : 0;
    }
    check(pthread_mutex_unlock(&limiter->lock) == 0);
}
