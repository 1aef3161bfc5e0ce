// The keys of an external issuer: what is kept of them and for how long. One fetch is on its way at
// a time, in a fiber of its own, so that it does not end with the request that happened to need it
// first.
#include "oidc/oidc_int.h"

enum { TURNS_MAX = 3 };

static const u64 RETRY_US = 3 * 1000 * 1000ULL;           // between two tries
static const u64 FRESH_US = 10 * 60 * 1000 * 1000ULL;     // then keys are looked at again
static const u64 GONE_US = 24 * 60 * 60 * 1000 * 1000ULL; // then they count no more

// Under the lock. Takes `keys` over.
static void publish(struct oidc *oidc, struct oidc_keys *keys)
{
    oidc->fetched_us = time_mono_us();
    if (oidc->keys != NULL && memcmp(oidc->keys->digest, keys->digest, sizeof(keys->digest)) == 0) {
        oidc_keys_release(keys);
        return;
    }
    oidc_keys_release(oidc->keys);
    oidc->keys = keys;
    oidc_forget_tokens(oidc);
}

static void fetch_fiber(void *arg) YIELDS;

static void fetch_fiber(void *arg)
{
    struct oidc *oidc = arg;
    struct oidc_keys *keys = NULL;
    err *e = oidc_keys_fetch(oidc, fiber_arena(), &keys);
    if (e != NULL && e->code != ERR_CANCELLED) {
        log_warn("oidc.keys", "no keys of %.*s: %.*s", PRI(oidc->issuer), PRI(e->text));
    }
    pthread_mutex_lock(&oidc->lock);
    check(oidc->fetching);
    if (e == NULL) {
        publish(oidc, keys);
    }
    // One that ended with its loop was no try: another loop's fiber makes one.
    oidc->tried_us = e == NULL || e->code != ERR_CANCELLED ? time_mono_us() : oidc->tried_us;
    oidc->fetching = false;
    struct oidc_waiter *waiter = oidc->waiters;
    oidc->waiters = NULL;
    pthread_mutex_unlock(&oidc->lock);
    while (waiter != NULL) {
        struct oidc_waiter *next = waiter->next;
        wake_send(&waiter->wake);
        waiter = next;
    }
    oidc_release(oidc);
}

// Under the lock. False when there is no room for another fiber.
static bool begin_fetch(struct oidc *oidc)
{
    if (oidc->fetching) {
        return true;
    }
    oidc->fetching = fiber_try_start("oidc", fetch_fiber, oidc) != NULL;
    if (oidc->fetching) {
        atomic_fetch_add(&oidc->references, 1);
    }
    return oidc->fetching;
}

static bool may_try(const struct oidc *oidc)
{
    return oidc->tried_us == 0 || time_mono_us() - oidc->tried_us >= RETRY_US;
}

void oidc_keys_look_after(struct oidc *oidc)
{
    u64 age_us = time_mono_us() - oidc->fetched_us;
    if (oidc->keys == NULL || age_us < FRESH_US) {
        return;
    }
    if (age_us >= GONE_US) {
        oidc_keys_release(oidc->keys);
        oidc->keys = NULL;
        oidc_forget_tokens(oidc);
    } else if (may_try(oidc)) {
        begin_fetch(oidc);
    }
}

// Under the lock: the keys when that id is among them; else whether waiting for a fetch may help.
static bool look_up(struct oidc *oidc, str kid, struct oidc_waiter *waiter, struct oidc_keys **out)
{
    oidc_keys_look_after(oidc);
    if (oidc->keys != NULL && oidc_key(oidc->keys, kid) != NULL) {
        atomic_fetch_add(&oidc->keys->references, 1);
        *out = oidc->keys;
        return false;
    }
    if ((!oidc->fetching && !may_try(oidc)) || !begin_fetch(oidc)) {
        return false;
    }
    wake_init(&waiter->wake);
    waiter->next = oidc->waiters;
    oidc->waiters = waiter;
    return true;
}

err *oidc_keys_with(struct oidc *oidc, struct arena *arena, str kid, struct oidc_keys **out)
{
    check(fiber_current() != NULL);
    struct oidc_waiter waiter = {};
    bool has_keys = false;
    *out = NULL;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        pthread_mutex_lock(&oidc->lock);
        bool waits = look_up(oidc, kid, &waiter, out);
        has_keys = oidc->keys != NULL;
        pthread_mutex_unlock(&oidc->lock);
        if (*out != NULL) {
            return NULL;
        }
        if (!waits) {
            break;
        }
        wake_wait(&waiter.wake);
    }
    return fail(arena, ERR_UNAUTHORIZED, "%s",
        has_keys ? "The token is signed with a key that its issuer does not have."
                 : "The keys of the token's issuer could not be fetched.");
}
