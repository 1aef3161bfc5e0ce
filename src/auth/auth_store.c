// The tables, and the few things every operation does with them.
#include "auth/auth_int.h"

#define TEXT_KEY(key)                                                                              \
    {                                                                                              \
        S_INIT(key), STORE_KEY_STRING                                                              \
    }

static const struct store_index_def BY_USER[] = {{S_INIT("byUser"), TEXT_KEY("user"), {}}};
static const struct store_index_def BY_GROUP[] = {
    {S_INIT("byGroup"), TEXT_KEY("group"), TEXT_KEY("user")}};

static const struct store_table_def TABLES[] = {
    {S_INIT("_auth.users"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.aliases"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.codes"), TEXT_KEY("id"), {}, BY_USER, 1},
    {S_INIT("_auth.counters"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.spent"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.signins"), TEXT_KEY("id"), {}, BY_USER, 1},
    {S_INIT("_auth.keys"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.groups"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.members"), TEXT_KEY("user"), TEXT_KEY("group"), BY_GROUP, 1},
    {S_INIT("_auth.identities"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.logins"), TEXT_KEY("id"), {}, NULL, 0},
    {S_INIT("_auth.devices"), TEXT_KEY("user"), TEXT_KEY("key"), NULL, 0},
    {S_INIT("_auth.passkeys"), TEXT_KEY("user"), TEXT_KEY("id"), NULL, 0},
};

err *auth_tables_apply(struct store *store, struct arena *arena)
{
    struct store_apply_options options = {};
    return store_apply(store, arena, TABLES, countof(TABLES), &options);
}

err *auth_get(struct auth_call *call, str table, str id, struct json **out)
{
    *out = NULL;
    if (id.len == 0 || id.len > 1024) {
        return NULL; // no key; nothing has it
    }
    return store_get(call->hub->store, call->arena, table, auth_str(call, id), NULL, out);
}

const struct store_pred *auth_unchanged(
    struct arena *arena, str attribute, const struct json *value)
{
    return store_pred_leaf(arena, value != NULL ? STORE_EQ : STORE_NOT_EXISTS, attribute, value);
}

struct store_write auth_spend(struct auth_call *call, str id, u64 ends_ms)
{
    check(id.len > 0 && ends_ms > 0);
    struct json *item = json_object(call->arena);
    json_set(item, S("id"), auth_str(call, id));
    json_set(item, S("ends"), json_int(call->arena, (i64)ends_ms));
    return (struct store_write){
        .kind = STORE_PUT, .table = AUTH_SPENT, .item = item, .only_absent = true};
}

// ---- counters ------------------------------------------------------------------------------

static err *over_the_limit(struct arena *arena)
{
    return auth_refuse(
        arena, "LimitExceededException", "Attempt limit exceeded, please try after some time.");
}

bool auth_has_counted(struct auth_call *call, str id)
{
    if (call->counted == NULL) {
        call->counted = json_object(call->arena);
    }
    if (json_get_int(call->counted, id, call->run) < call->run) {
        return true;
    }
    json_set(call->counted, id, json_int(call->arena, call->run));
    return false;
}

err *auth_count(struct auth_call *call, const char *what, str whom, i64 max, u64 window_ms)
{
    check(max > 0 && window_ms > 0);

    enum { TRIES = 50 };
    struct arena *a = call->arena;
    str id = str_cat(a, str_from(what), S("#"), whom);
    if (auth_has_counted(call, id)) {
        return NULL;
    }
    for (int i = 0; i < TRIES; i++) {
        struct json *old = NULL;
        TRY(auth_get(call, AUTH_COUNTERS, id, &old));
        u64 now = call->hub->now_ms();
        bool fresh = old == NULL || (u64)json_get_int(old, S("ends"), 0) <= now;
        i64 count = fresh ? 0 : json_get_int(old, S("count"), 0);
        if (count >= max) {
            return over_the_limit(a);
        }
        struct json *item = json_object(a);
        json_set(item, S("id"), auth_str(call, id));
        json_set(item, S("count"), json_int(a, count + 1));
        json_set(item, S("ends"),
            json_int(a, fresh ? (i64)(now + window_ms) : json_get_int(old, S("ends"), 0)));
        const struct store_pred *same =
            store_pred_and(a, auth_unchanged(a, S("count"), json_get(old, S("count"))),
                auth_unchanged(a, S("ends"), json_get(old, S("ends"))));
        struct store_write write = {
            .kind = STORE_PUT, .table = AUTH_COUNTERS, .item = item, .condition = same};
        err *e = store_write(call->hub->store, a, &write, 1, NULL);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return auth_refuse(a, "TooManyRequestsException", "Rate exceeded");
}

// ---- what is over --------------------------------------------------------------------------

struct swept { // a table whose rows may have an end
    str table;
    str partition; // names of its keys
    str sort;      // or none
};

static err *sweep_page(struct auth_hub *hub, struct arena *arena, const struct swept *swept,
    str *token, u64 now) YIELDS;

static err *sweep_page(
    struct auth_hub *hub, struct arena *arena, const struct swept *swept, str *token, u64 now)
{
    struct store_query query = {.table = swept->table, .limit = 200, .page_token = *token};
    struct store_page page = {};
    const struct store_pred *over =
        store_pred_leaf(arena, STORE_LE, S("ends"), json_int(arena, (i64)now));
    query.filter = over;
    TRY(store_query(hub->store, arena, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct store_write write = {.kind = STORE_DELETE,
            .table = swept->table,
            .pk = json_get(page.items[i], swept->partition),
            .sk = swept->sort.len > 0 ? json_get(page.items[i], swept->sort) : NULL,
            .condition = over};
        err *e = store_write(hub->store, arena, &write, 1, NULL);
        if (e != NULL && e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    *token = page.next_token;
    return NULL;
}

void auth_sweep(struct auth_hub *hub)
{
    const struct swept tables[] = {{AUTH_CODES, S("id"), {}}, {AUTH_COUNTERS, S("id"), {}},
        {AUTH_SPENT, S("id"), {}}, {AUTH_SIGN_INS, S("id"), {}},
        {AUTH_DEVICES, S("user"), S("key")}};
    struct arena *arena = arena_new();
    for (size_t i = 0; i < countof(tables); i++) {
        str token = {};
        do {
            err *e = sweep_page(hub, arena, &tables[i], &token, hub->now_ms());
            if (e != NULL) {
                if (e->code != ERR_CANCELLED && e->code != ERR_CONFLICT) {
                    log_warn("auth.sweep", "%.*s", PRI(e->text));
                }
                break;
            }
        } while (token.len > 0);
        arena_reset(arena);
    }
    arena_free(arena);
}
