// The hub: what outlives a reload, each loop's view of the service in force, and the documents of
// the pool.
#include "auth/auth_int.h"

#include "auth/auth_limit.h"
#include "auth/auth_token.h"

enum { HOUR_MS = 60 * 60 * 1000 };

struct auth_hub *auth_hub_new(struct loop **loops, size_t count)
{
    struct auth_hub *hub = mem_new(struct auth_hub);
    hub->magic = AUTH_HUB_MAGIC;
    hub->count = count;
    hub->limiter = auth_limiter_new();
    hub->loops = mem_alloc(count * sizeof(struct auth_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i] =
            (struct auth_loop){.hub = hub, .loop = loops[i], .tokens = auth_tokens_new()};
    }
    return hub;
}

void auth_hub_free(struct auth_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    for (size_t i = 0; i < hub->count; i++) {
        auth_service_release(hub->loops[i].service);
        auth_tokens_free(hub->loops[i].tokens);
    }
    auth_keys_close(hub);
    auth_limiter_free(hub->limiter);
    hub->magic = 0;
    struct crypto_key *keys[] = {
        &hub->instance_key, &hub->session_key, &hub->code_key, &hub->refresh_key, &hub->fake_key};
    for (size_t i = 0; i < countof(keys); i++) {
        crypto_wipe(keys[i], sizeof(*keys[i]));
    }
    mem_free(hub->loops);
    mem_free(hub);
}

// Looks after what is over: once at the start, then every hour.
static void sweep_fiber(void *arg) YIELDS
{
    do {
        auth_sweep(arg);
    } while (fiber_sleep(HOUR_MS) == NULL);
}

err *auth_hub_open(
    struct auth_hub *hub, struct arena *arena, const struct auth_hub_options *options)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    check(options->store != NULL && options->iam != NULL);
    hub->instance_key = options->key;
    hub->store = options->store;
    hub->iam = options->iam;
    hub->functions = options->functions;
    hub->vault = options->vault;
    hub->outbox = options->outbox;
    hub->now_ms = options->now_ms != NULL ? options->now_ms : time_now_ms;
    hub->changed = options->changed;
    hub->changed_arg = options->changed_arg;
    hub->session_key = crypto_key_derive(&hub->instance_key, S("auth sessions"));
    hub->code_key = crypto_key_derive(&hub->instance_key, S("auth codes"));
    hub->refresh_key = crypto_key_derive(&hub->instance_key, S("auth refresh tokens"));
    hub->fake_key = crypto_key_derive(&hub->instance_key, S("auth unknown users"));
    TRY(auth_tables_apply(hub->store, arena));
    fiber_start("auth-keys", auth_keys_fiber, hub);
    fiber_start("auth-sweep", sweep_fiber, hub);
    return NULL;
}
