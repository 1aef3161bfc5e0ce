// The two keys that sign a pool's tokens: made once, kept sealed.
#include "auth/auth_token.h"

enum { WAIT_MS = 30 * 1000, LOOK_MS = 10, ROWS_MAX = 100 };

void auth_keys_free(struct auth_keys *keys)
{
    if (keys != NULL) {
        crypto_rsa_free(keys->id);
        crypto_rsa_free(keys->access);
        mem_free(keys);
    }
}

static str context_of(struct arena *arena, str id)
{
    return str_cat(arena, AUTH_KEYS, S("#"), id);
}

static err *open_key(
    struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out) YIELDS;

static err *open_key(struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out)
{
    struct json *item = NULL;
    str sealed = {};
    str pem = {};
    *out = NULL;
    TRY(store_get(hub->store, arena, AUTH_KEYS, json_string(arena, use), NULL, &item));
    if (item == NULL) {
        return NULL;
    }
    if (!base64_decode(arena, json_get_str(item, S("sealed")), &sealed)) {
        return fail(arena, ERR_CONFIG, "a signing key is damaged");
    }
    TRY(crypto_open(arena, &hub->instance_key, context_of(arena, use), sealed, &pem));
    return crypto_rsa_from_pem(arena, pem, out);
}

static void make_work(void *arg)
{
    struct crypto_rsa **key = arg;
    *key = crypto_rsa_make();
}

// One that another start has made meanwhile counts.
static err *make_key(
    struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out) YIELDS;

static err *make_key(struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out)
{
    struct crypto_rsa *key = NULL;
    err *stopped = worker_run(make_work, &key);
    if (stopped != NULL) {
        crypto_rsa_free(key);
        return stopped;
    }
    str pem = crypto_rsa_to_pem(arena, key);
    str sealed = crypto_seal(arena, &hub->instance_key, context_of(arena, use), pem);
    crypto_wipe((char *)(uintptr_t)pem.ptr, pem.len);
    struct json *item = json_object(arena);
    json_set(item, S("id"), json_string(arena, use));
    json_set(item, S("kid"), json_string(arena, crypto_rsa_jwk(key).kid));
    json_set(item, S("created"), json_int(arena, (i64)time_now_ms()));
    json_set(item, S("sealed"), json_string(arena, base64_encode(arena, sealed)));
    struct store_write write = {
        .kind = STORE_PUT, .table = AUTH_KEYS, .item = item, .only_absent = true};
    err *e = store_write(hub->store, arena, &write, 1, NULL);
    if (e != NULL) {
        crypto_rsa_free(key);
        return e;
    }
    *out = key;
    return NULL;
}

static err *ensure_key(
    struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out) YIELDS;

static err *ensure_key(struct auth_hub *hub, struct arena *arena, str use, struct crypto_rsa **out)
{
    TRY(open_key(hub, arena, use, out));
    return *out != NULL ? NULL : make_key(hub, arena, use, out);
}

void auth_keys_fiber(void *arg)
{
    struct auth_hub *hub = arg;
    struct arena *arena = arena_new();
    struct auth_keys *keys = mem_new(struct auth_keys);
    err *e = ensure_key(hub, arena, S("id"), &keys->id);
    if (e == NULL) {
        e = ensure_key(hub, arena, S("access"), &keys->access);
    }
    if (e == NULL) {
        atomic_store(&hub->keys, keys);
    } else {
        auth_keys_free(keys);
        if (e->code != ERR_CANCELLED) {
            log_error("auth.keys", "%.*s", PRI(e->text));
        }
    }
    arena_free(arena);
}

err *auth_keys_wait(struct auth_hub *hub, struct arena *arena, struct auth_keys **out)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    for (u64 waited = 0; waited <= WAIT_MS; waited += LOOK_MS) {
        *out = atomic_load(&hub->keys);
        if (*out != NULL) {
            return NULL;
        }
        TRY(fiber_sleep(LOOK_MS));
    }
    return fail(arena, ERR_INTERNAL, "there are no signing keys");
}
