// The keys that sign tokens, one at a time for each use. They change every month: the next one is
// announced in the key documents a day before it signs, and a former one's public half is kept
// until the last token it signed has expired. All of it is in the store, private halves sealed.
#include "auth/auth_token.h"

enum { SECOND_MS = 1000, HOUR_MS = 3600 * SECOND_MS, DAY_MS = 24 * HOUR_MS };

enum {
    PERIOD_DAYS = 30,
    ANNOUNCED_MS = DAY_MS,      // longer than any cache of the document
    KEPT_MS = DAY_MS + HOUR_MS, // the longest life of a token, and a margin
    PRIVATE_KEPT_MS = HOUR_MS,  // behind its last signature
    AGAIN_MS = 60 * SECOND_MS,  // after a failure
    WAIT_MS = 30 * SECOND_MS,
    LOOK_MS = 10,
};

static const str USES[AUTH_KEY_USES] = {
    [AUTH_KEY_ID] = S_INIT("id"),
    [AUTH_KEY_ACCESS] = S_INIT("access"),
    [AUTH_KEY_IDENTITY] = S_INIT("identity"),
};

typedef vec_of(struct auth_key *) key_list;

void auth_keys_close(struct auth_hub *hub)
{
    while (hub->owned_keys != NULL) {
        struct auth_key *key = hub->owned_keys;
        hub->owned_keys = key->older;
        crypto_rsa_free(key->rsa);
    }
    arena_free(hub->keys_arena);
    hub->keys_arena = NULL;
}

// ---- rows ----------------------------------------------------------------------------------

static str context_of(struct arena *arena, str id)
{
    return str_cat(arena, AUTH_KEYS, S("#"), id);
}

// "access#3"; the first keys of former versions are just called "access".
static enum auth_key_use use_of(str id)
{
    ptrdiff_t cut = str_find_char(id, '#');
    str name = cut < 0 ? id : str_sub(id, 0, (size_t)cut);
    enum auth_key_use use = 0;
    while (use < AUTH_KEY_USES && !str_eq(USES[use], name)) {
        use++;
    }
    return use;
}

static u64 number_of(str id)
{
    ptrdiff_t cut = str_find_char(id, '#');
    u64 number = 0;
    return cut >= 0 && str_to_u64(str_sub(id, (size_t)cut + 1, id.len), &number) ? number : 0;
}

static err *open_private(
    struct auth_hub *hub, struct arena *arena, const struct json *row, struct crypto_rsa **out)
{
    str sealed = {};
    str pem = {};
    if (!base64_decode(arena, json_get_str(row, S("sealed")), &sealed)) {
        return fail(arena, ERR_CONFIG, "a signing key is damaged");
    }
    str id = json_get_str(row, S("id"));
    TRY(crypto_open(arena, &hub->instance_key, context_of(arena, id), sealed, &pem));
    err *e = crypto_rsa_from_pem(arena, pem, out);
    crypto_wipe((char *)(uintptr_t)pem.ptr, pem.len);
    return e;
}

static struct auth_key *adopt(
    struct auth_hub *hub, const struct json *row, struct crypto_rsa *rsa, bool can_sign)
{
    struct auth_key *key = arena_new_of(hub->keys_arena, struct auth_key);
    i64 created = json_get_int(row, S("created"), 0);
    str id = json_get_str(row, S("id"));
    *key = (struct auth_key){.older = hub->owned_keys,
        .id = str_dup(hub->keys_arena, id),
        .use = use_of(id),
        .signs_ms = (u64)json_get_int(row, S("signs"), created),
        .rsa = rsa,
        .can_sign = can_sign};
    hub->owned_keys = key;
    return key;
}

static struct auth_key *find_owned(const struct auth_hub *hub, str id)
{
    struct auth_key *key = hub->owned_keys;
    while (key != NULL && !str_eq(key->id, id)) {
        key = key->older;
    }
    return key;
}

// By use, then in the order in which they sign.
static void insert(struct arena *arena, key_list *list, struct auth_key *key)
{
    (void)vec_push(arena, list);
    size_t at = list->count - 1;
    for (; at > 0; at--) {
        const struct auth_key *before = list->items[at - 1];
        if (before->use < key->use ||
            (before->use == key->use && before->signs_ms <= key->signs_ms)) {
            break;
        }
        list->items[at] = list->items[at - 1];
    }
    list->items[at] = key;
}

static err *load(struct auth_hub *hub, struct arena *arena, key_list *list) YIELDS;

static err *load(struct auth_hub *hub, struct arena *arena, key_list *list)
{
    struct store_query query = {.table = AUTH_KEYS};
    do {
        struct store_page page = {};
        TRY(store_query(hub->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const struct json *row = page.items[i];
            str id = json_get_str(row, S("id"));
            struct auth_key *key = find_owned(hub, id);
            struct crypto_rsa *rsa = NULL;
            bool is_private = json_get_str(row, S("sealed")).len > 0;
            if (use_of(id) == AUTH_KEY_USES) {
                continue; // of a later version
            }
            if (key == NULL) {
                TRY(is_private ? open_private(hub, arena, row, &rsa)
                               : crypto_rsa_from_jwk(arena, json_get_str(row, S("n")),
                                     json_get_str(row, S("e")), &rsa));
                key = adopt(hub, row, rsa, is_private);
            }
            insert(arena, list, key);
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

// ---- making --------------------------------------------------------------------------------

static void make_work(void *arg)
{
    struct crypto_rsa **key = arg;
    *key = crypto_rsa_make();
}

// The row's name is the next of its use, so that of two that are made at once one fails.
static err *make(
    struct auth_hub *hub, struct arena *arena, str id, u64 signs_ms, struct auth_key **out) YIELDS;

static err *make(
    struct auth_hub *hub, struct arena *arena, str id, u64 signs_ms, struct auth_key **out)
{
    check(use_of(id) < AUTH_KEY_USES);
    struct crypto_rsa *rsa = NULL;
    err *stopped = worker_run(make_work, &rsa);
    if (stopped != NULL) {
        crypto_rsa_free(rsa);
        return stopped;
    }
    str pem = crypto_rsa_to_pem(arena, rsa);
    str sealed = crypto_seal(arena, &hub->instance_key, context_of(arena, id), pem);
    crypto_wipe((char *)(uintptr_t)pem.ptr, pem.len);
    struct json *row = json_object(arena);
    json_set(row, S("id"), json_string(arena, id));
    json_set(row, S("kid"), json_string(arena, crypto_rsa_jwk(rsa).kid));
    json_set(row, S("created"), json_int(arena, (i64)hub->now_ms()));
    json_set(row, S("signs"), json_int(arena, (i64)signs_ms));
    json_set(row, S("sealed"), json_string(arena, base64_encode(arena, sealed)));
    struct store_write write = {
        .kind = STORE_PUT, .table = AUTH_KEYS, .item = row, .only_absent = true};
    err *e = store_write(hub->store, arena, &write, 1, NULL);
    if (e != NULL) {
        crypto_rsa_free(rsa);
        return e;
    }
    *out = adopt(hub, row, rsa, true);
    return NULL;
}

// ---- the schedule --------------------------------------------------------------------------

static const struct auth_key *newest_of(const key_list *list, enum auth_key_use use)
{
    const struct auth_key *newest = NULL;
    for (size_t i = 0; i < list->count; i++) {
        newest = list->items[i]->use == use ? list->items[i] : newest;
    }
    return newest;
}

// Makes the first key of a use, or the one after the newest when its time has come.
static err *make_next(
    struct auth_hub *hub, struct arena *arena, enum auth_key_use use, key_list *list) YIELDS;

static err *make_next(
    struct auth_hub *hub, struct arena *arena, enum auth_key_use use, key_list *list)
{
    u64 now = hub->now_ms();
    const struct auth_key *newest = newest_of(list, use);
    struct auth_key *key = NULL;
    u64 signs = now;
    u64 number = 1;
    if (newest != NULL) {
        u64 due = newest->signs_ms + (u64)PERIOD_DAYS * DAY_MS;
        if (now + ANNOUNCED_MS < due) {
            return NULL;
        }
        signs = due > now + ANNOUNCED_MS ? due : now + ANNOUNCED_MS;
        number = number_of(newest->id) + 1;
    }
    str id = str_fmt(arena, "%.*s#%llu", PRI(USES[use]), (unsigned long long)number);
    TRY(make(hub, arena, id, signs, &key));
    insert(arena, list, key);
    return NULL;
}

// Deletes what no token needs any more, and the private half of what signs no more.
static err *retire(struct auth_hub *hub, struct arena *arena, const struct auth_key *key,
    u64 signed_until_ms, bool *gone) YIELDS;

static err *retire(struct auth_hub *hub, struct arena *arena, const struct auth_key *key,
    u64 signed_until_ms, bool *gone)
{
    u64 now = hub->now_ms();
    struct json *row = NULL;
    struct json *id = json_string(arena, key->id);
    struct store_write write = {.kind = STORE_DELETE, .table = AUTH_KEYS, .pk = id};
    *gone = now >= signed_until_ms + KEPT_MS;
    if (*gone) {
        return store_write(hub->store, arena, &write, 1, NULL);
    }
    if (now < signed_until_ms + PRIVATE_KEPT_MS) {
        return NULL;
    }
    TRY(store_get(hub->store, arena, AUTH_KEYS, id, NULL, &row));
    if (json_get(row, S("sealed")) == NULL) {
        return NULL;
    }
    struct crypto_jwk jwk = crypto_rsa_jwk(key->rsa);
    row = json_copy(arena, row);
    json_remove(row, S("sealed"));
    json_set(row, S("n"), json_string(arena, jwk.n));
    json_set(row, S("e"), json_string(arena, jwk.e));
    write = (struct store_write){.kind = STORE_PUT, .table = AUTH_KEYS, .item = row};
    return store_write(hub->store, arena, &write, 1, NULL);
}

static err *retire_all(struct auth_hub *hub, struct arena *arena, key_list *list) YIELDS;

static err *retire_all(struct auth_hub *hub, struct arena *arena, key_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct auth_key *key = list->items[i];
        bool has_next = i + 1 < list->count && list->items[i + 1]->use == key->use;
        bool gone = false;
        if (has_next) {
            TRY(retire(hub, arena, key, list->items[i + 1]->signs_ms, &gone));
        }
        if (!gone) {
            list->items[kept++] = key;
        }
    }
    list->count = kept;
    return NULL;
}

// The sets of before stay: who signs or verifies right now may hold one. They change three times in
// a month.
static void publish(struct auth_hub *hub, const key_list *list)
{
    const struct auth_keys *old = atomic_load(&hub->keys);
    size_t size = list->count * sizeof(struct auth_key *);
    if (list->count == 0) {
        return;
    }
    if (old != NULL && old->count == list->count && memcmp(old->items, list->items, size) == 0) {
        return;
    }
    struct auth_keys *keys = arena_new_of(hub->keys_arena, struct auth_keys);
    keys->count = list->count;
    keys->items = arena_array(hub->keys_arena, struct auth_key *, list->count);
    memcpy(keys->items, list->items, size);
    atomic_store(&hub->keys, keys);
}

err *auth_keys_turn(struct auth_hub *hub, struct arena *arena)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    key_list list = {};
    if (hub->keys_arena == NULL) {
        hub->keys_arena = arena_new();
    }
    TRY(load(hub, arena, &list));
    publish(hub, &list);
    for (enum auth_key_use use = 0; use < AUTH_KEY_USES; use++) {
        TRY(make_next(hub, arena, use, &list));
        publish(hub, &list); // the first ones are waited for
    }
    TRY(retire_all(hub, arena, &list));
    publish(hub, &list);
    return NULL;
}

void auth_keys_fiber(void *arg)
{
    u64 wait_ms = HOUR_MS;
    do {
        struct arena *arena = arena_new();
        err *e = auth_keys_turn(arg, arena);
        wait_ms = e == NULL ? HOUR_MS : AGAIN_MS;
        if (e != NULL && e->code != ERR_CANCELLED) {
            log_error("auth.keys", "%.*s", PRI(e->text));
        }
        arena_free(arena);
    } while (fiber_sleep(wait_ms) == NULL);
}

// ---- using ---------------------------------------------------------------------------------

// The newest whose time has come; when the clock was set back, the first that still can.
static const struct auth_key *signing(
    const struct auth_keys *keys, enum auth_key_use use, u64 now_ms)
{
    const struct auth_key *found = NULL;
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        const struct auth_key *key = keys->items[i];
        if (key->use == use && key->can_sign && (found == NULL || key->signs_ms <= now_ms)) {
            found = key;
        }
    }
    return found;
}

err *auth_keys_wait(
    struct auth_hub *hub, struct arena *arena, enum auth_key_use use, const struct crypto_rsa **out)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    for (u64 waited = 0; waited <= WAIT_MS; waited += LOOK_MS) {
        const struct auth_key *key = signing(atomic_load(&hub->keys), use, hub->now_ms());
        if (key != NULL) {
            *out = key->rsa;
            return NULL;
        }
        TRY(fiber_sleep(LOOK_MS));
    }
    return fail(arena, ERR_INTERNAL, "there are no signing keys");
}

err *auth_keys_find(struct auth_hub *hub, struct arena *arena, enum auth_key_use use, str kid,
    const struct crypto_rsa **out)
{
    TRY(auth_keys_wait(hub, arena, use, out)); // they are loaded then
    const struct auth_keys *keys = atomic_load(&hub->keys);
    *out = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct auth_key *key = keys->items[i];
        if (key->use == use && str_eq(crypto_rsa_jwk(key->rsa).kid, kid)) {
            *out = key->rsa;
        }
    }
    return NULL;
}

err *auth_keys_document(struct auth_hub *hub, struct arena *arena, unsigned uses, struct json **out)
{
    const struct crypto_rsa *first = NULL;
    struct json *list = json_array(arena);
    for (enum auth_key_use use = 0; use < AUTH_KEY_USES; use++) {
        if ((uses & 1U << use) != 0) {
            TRY(auth_keys_wait(hub, arena, use, &first));
        }
    }
    const struct auth_keys *keys = atomic_load(&hub->keys);
    for (size_t i = 0; i < keys->count; i++) {
        const struct auth_key *of = keys->items[i];
        if ((uses & 1U << of->use) == 0) {
            continue;
        }
        struct crypto_jwk jwk = crypto_rsa_jwk(of->rsa);
        struct json *key = json_object(arena);
        str algorithm = of->use == AUTH_KEY_IDENTITY ? S("RS512") : S("RS256");
        json_set(key, S("alg"), json_string(arena, algorithm));
        json_set(key, S("e"), json_string(arena, jwk.e));
        json_set(key, S("kid"), json_string(arena, jwk.kid));
        json_set(key, S("kty"), json_string(arena, S("RSA")));
        json_set(key, S("n"), json_string(arena, jwk.n));
        json_set(key, S("use"), json_string(arena, S("sig")));
        json_push(list, key);
    }
    *out = json_object(arena);
    json_set(*out, S("keys"), list);
    return NULL;
}
