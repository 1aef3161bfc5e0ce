// What is over: uploads that nobody completed, objects and versions that rules let expire. Looked
// for every hour, page by page; what is due is removed as a request would remove it.
#include "object/object_int.h"

enum { HOUR_MS = 3600 * 1000 };

static const i64 UPLOAD_MAX_MS = 7LL * 86400000;

struct sweep {
    struct s3_call *call; // of the bucket
    const struct json *rules;
    i64 now_ms;
};

typedef err *(*visit)(struct sweep *sweep, struct json *row); // may wait

static err *each_row(struct sweep *sweep, struct store_query *query, visit fn) YIELDS;

// Gives every row to `fn`; memory is that of a page.
static err *each_row(struct sweep *sweep, struct store_query *query, visit fn)
{
    struct arena *tokens = arena_new();
    struct arena *outer = sweep->call->arena;
    err *e = NULL;
    do {
        struct store_page page = {};
        struct arena *arena = arena_new();
        sweep->call->arena = arena;
        e = store_query(sweep->call->hub->store, arena, query, &page);
        for (size_t i = 0; e == NULL && i < page.count; i++) {
            e = fn(sweep, page.items[i]);
        }
        query->page_token = str_dup(tokens, page.next_token);
        sweep->call->arena = outer;
        e = e != NULL ? err_copy(outer, e) : NULL;
        arena_free(arena);
        e = e == NULL ? fiber_pause() : e;
    } while (e == NULL && query->page_token.len > 0);
    query->page_token = (str){};
    arena_free(tokens);
    return e;
}

// ---- uploads -----------------------------------------------------------------------------------

static err *abandon(struct sweep *sweep, struct json *upload) YIELDS;

static err *abandon(struct sweep *sweep, struct json *upload)
{
    err *e = s3_abandon_upload(sweep->call, upload);
    return e != NULL && e->code == ERR_CONDITION_FAILED ? NULL : e; // somebody uses it
}

static err *visit_any_upload(struct sweep *sweep, struct json *upload) YIELDS
{
    bool old = json_get_int(upload, S("begun"), sweep->now_ms) + UPLOAD_MAX_MS <= sweep->now_ms;
    return old ? abandon(sweep, upload) : NULL;
}

static err *visit_upload(struct sweep *sweep, struct json *upload) YIELDS
{
    json_each (rule, sweep->rules) {
        if (s3_lifecycle_aborts(rule, upload, sweep->now_ms)) {
            return abandon(sweep, upload);
        }
    }
    return NULL;
}

// ---- objects -----------------------------------------------------------------------------------

static err *expire(struct sweep *sweep, const struct json *row) YIELDS;

static err *expire(struct sweep *sweep, const struct json *row)
{
    struct s3_change change = {.key = json_get_str(row, S("key")),
        .only = json_get_str(row, S("rev")),
        .event = "LifecycleExpiration:Delete",
        .marker_event = "LifecycleExpiration:DeleteMarkerCreated"};
    return s3_replace(sweep->call, &change);
}

// A delete marker behind which there is nothing any more.
static err *expire_marker(struct sweep *sweep, const struct json *row) YIELDS;

static err *expire_marker(struct sweep *sweep, const struct json *row)
{
    struct s3_call *call = sweep->call;
    struct store_page page = {};
    bool marker = false;
    str key = json_get_str(row, S("key"));
    struct store_query query = {.table = VERSIONS,
        .pk = s3_string(call, str_cat(call->arena, call->bucket->name, S("/"), key)),
        .limit = 1};
    TRY(store_query(call->hub->store, call->arena, &query, &page));
    return page.count > 0 ? NULL : s3_remove_version(call, key, s3_version_of(row), &marker);
}

static err *visit_object(struct sweep *sweep, struct json *row) YIELDS
{
    bool marker = s3_is_marker(row);
    json_each (rule, sweep->rules) {
        bool enabled = json_get_bool(rule, S("enabled"), true) &&
                       str_starts(json_get_str(row, S("key")), json_get_str(rule, S("prefix")));
        if (marker && enabled && json_get_bool(rule, S("markers"), false)) {
            return expire_marker(sweep, row);
        }
        if (!marker && s3_lifecycle_expires(rule, row, sweep->now_ms)) {
            return expire(sweep, row);
        }
    }
    return NULL;
}

static err *has_newer(struct sweep *sweep, const struct json *row, i64 count, bool *out) YIELDS;

// Are there `count` former versions that are newer?
static err *has_newer(struct sweep *sweep, const struct json *row, i64 count, bool *out)
{
    struct store_page page = {};
    struct store_query query = {.table = VERSIONS,
        .pk = json_get(row, S("path")),
        .range = STORE_RANGE_GT,
        .sk_low = json_get(row, S("order")),
        .limit = (u32)(count < PAGE_MAX ? count : PAGE_MAX)};
    *out = true;
    if (count > 0) {
        TRY(store_query(sweep->call->hub->store, sweep->call->arena, &query, &page));
        *out = page.count == query.limit;
    }
    return NULL;
}

static err *visit_former(struct sweep *sweep, struct json *row) YIELDS
{
    if (!str_eq(json_get_str(row, S("bucket")), sweep->call->bucket->name)) {
        return NULL;
    }
    json_each (rule, sweep->rules) {
        bool newer = false;
        bool marker = false;
        if (!s3_lifecycle_expires_former(rule, row, sweep->now_ms)) {
            continue;
        }
        TRY(has_newer(sweep, row, json_get_int(rule, S("keep"), 0), &newer));
        if (newer) {
            return s3_remove_version(
                sweep->call, json_get_str(row, S("key")), s3_version_of(row), &marker);
        }
    }
    return NULL;
}

// ---- all of it ---------------------------------------------------------------------------------

static err *sweep_bucket(struct s3_call *call) YIELDS;

static err *sweep_bucket(struct s3_call *call)
{
    struct sweep sweep = {.call = call, .now_ms = (i64)call->hub->now_ms()};
    struct json *rules = NULL;
    TRY(s3_lifecycle_rules(call, &rules));
    sweep.rules = rules;
    if (rules->count == 0) {
        return NULL;
    }
    struct json *name = json_string(call->arena, call->bucket->name);
    struct store_query uploads = {.table = UPLOADS, .pk = name, .limit = PAGE_MAX};
    struct store_query objects = {.table = OBJECTS, .pk = name, .limit = PAGE_MAX};
    struct store_query former = {.table = VERSIONS, .limit = PAGE_MAX};
    TRY(each_row(&sweep, &uploads, visit_upload));
    TRY(each_row(&sweep, &former, visit_former));
    return each_row(&sweep, &objects, visit_object);
}

static err *sweep_uploads(struct s3_call *call) YIELDS;

static err *sweep_uploads(struct s3_call *call)
{
    struct sweep sweep = {.call = call, .now_ms = (i64)call->hub->now_ms()};
    struct store_query all = {.table = UPLOADS, .limit = PAGE_MAX};
    return each_row(&sweep, &all, visit_any_upload);
}

static void note(err *e)
{
    if (e != NULL && e->code != ERR_CANCELLED) {
        log_warn("object.sweep", "%.*s", PRI(e->text));
    }
}

void object_sweep(struct object_hub *hub)
{
    struct arena *arena = arena_new();
    struct s3_call call = {.arena = arena, .hub = hub, .service = s3_hold_service(hub)};
    note(sweep_uploads(&call));
    note(s3_drop_gone(hub, arena));
    note(object_tidy_blobs(hub, arena));
    for (size_t i = 0; call.service != NULL && i < call.service->bucket_count; i++) {
        call.bucket = &call.service->buckets[i];
        call.bucket_name = call.bucket->name;
        note(sweep_bucket(&call));
    }
    note(s3_count_events(hub, arena));
    object_service_release((struct object_service *)call.service);
    arena_free(arena);
}

void object_hub_tidy(struct object_hub *hub)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    do {
        object_sweep(hub);
    } while (fiber_sleep(HOUR_MS) == NULL);
}
