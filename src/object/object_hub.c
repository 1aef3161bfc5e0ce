// The hub: each loop's view of the service in force, the tables, the sweep after a crash.
#include "object/object_int.h"

struct object_service *object_service_new(const struct object_service_options *options)
{
    struct arena *arena = arena_new();
    struct object_service *service = arena_new_of(arena, struct object_service);
    *service = (struct object_service){.magic = OBJECT_SERVICE_MAGIC,
        .arena = arena,
        .bucket_count = options->bucket_count,
        .region = str_dup(arena, options->region),
        .account = str_dup(arena, options->account),
        .created = time_iso8601(arena, time_now_ms())};
    atomic_init(&service->references, 1);
    service->buckets = arena_array(arena, struct object_bucket, options->bucket_count + 1);
    for (size_t i = 0; i < options->bucket_count; i++) {
        const struct object_bucket_options *bucket = &options->buckets[i];
        service->buckets[i] = (struct object_bucket){.name = str_dup(arena, bucket->name),
            .storage = str_dup(arena, bucket->storage),
            .versioned = bucket->versioned,
            .definition = bucket->definition != NULL ? json_copy(arena, bucket->definition) : NULL};
    }
    return service;
}

static struct object_service *hold(struct object_service *service)
{
    if (service != NULL) {
        check_magic(service, OBJECT_SERVICE_MAGIC);
        check(atomic_fetch_add(&service->references, 1) > 0);
    }
    return service;
}

void object_service_release(struct object_service *service)
{
    if (service == NULL) {
        return;
    }
    check_magic(service, OBJECT_SERVICE_MAGIC);
    int before = atomic_fetch_sub(&service->references, 1);
    check(before > 0);
    if (before == 1) {
        service->magic = 0;
        arena_free(service->arena);
    }
}

struct object_hub *object_hub_new(struct loop **loops, size_t count)
{
    struct object_hub *hub = mem_new(struct object_hub);
    hub->magic = OBJECT_HUB_MAGIC;
    hub->count = count;
    hub->readers = s3_readers_new();
    hub->loops = mem_alloc(count * sizeof(struct object_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i] = (struct object_loop){.hub = hub, .loop = loops[i], .cache = s3_cache_new()};
    }
    return hub;
}

void object_hub_free(struct object_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    check_magic(hub, OBJECT_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        object_service_release(hub->loops[i].service);
        s3_cache_free(hub->loops[i].cache);
    }
    hub->magic = 0;
    s3_readers_free(hub->readers);
    mem_free(hub->loops);
    mem_free(hub);
}

static bool is_owned(void *arg, str id) YIELDS
{
    struct object_hub *hub = arg;
    struct arena *arena = arena_new();
    struct json *row = NULL;
    err *e = store_get(hub->store, arena, BLOBS, json_string(arena, id), NULL, &row);
    bool owned = e != NULL || row != NULL; // in doubt it is kept
    arena_free(arena);
    return owned;
}

err *object_tidy_blobs(struct object_hub *hub, struct arena *arena)
{
    struct blob_sweep sweep = {.keep = is_owned, .arg = hub};
    return blob_store_tidy(hub->blobs, arena, &sweep, hub->sweep_age_ms);
}

static err *note(struct object_hub *hub, struct arena *arena, str what, atomic_bool *out) YIELDS;

// Does CONFIG say something about it, of any bucket?
static err *note(struct object_hub *hub, struct arena *arena, str what, atomic_bool *out)
{
    const struct json *name = json_string(arena, what);
    struct store_query query = {
        .table = CONFIG, .allowed = store_pred_leaf(arena, STORE_EQ, S("name"), name)};
    struct store_page page = {};
    do {
        TRY(store_query(hub->store, arena, &query, &page));
        query.page_token = page.next_token;
        if (page.count > 0) {
            atomic_store(out, true);
        }
    } while (page.next_token.len > 0);
    return NULL;
}

err *object_hub_open(
    struct object_hub *hub, struct arena *arena, const struct object_hub_options *options)
{
    static const struct store_key_def TEXT_ID = {S_INIT("id"), STORE_KEY_STRING};
    static const struct store_key_def BUCKET = {S_INIT("bucket"), STORE_KEY_STRING};
    static const struct store_index_def BY_KEY = {.name = S_INIT("byKey"),
        .partition = {S_INIT("bucket"), STORE_KEY_STRING},
        .sort = {S_INIT("key"), STORE_KEY_STRING}};
    const struct store_table_def tables[] = {
        {.name = OBJECTS, .partition = BUCKET, .sort = {S("key"), STORE_KEY_STRING}},
        {.name = VERSIONS,
            .partition = {S("path"), STORE_KEY_STRING},
            .sort = {S("order"), STORE_KEY_NUMBER}},
        {.name = UPLOADS,
            .partition = BUCKET,
            .sort = TEXT_ID,
            .indexes = &BY_KEY,
            .index_count = 1},
        {.name = PARTS, .partition = TEXT_ID, .sort = {S("number"), STORE_KEY_NUMBER}},
        {.name = GONE, .partition = TEXT_ID},
        {.name = SMALL, .partition = TEXT_ID},
        {.name = BLOBS, .partition = TEXT_ID},
        {.name = CONFIG, .partition = BUCKET, .sort = {S("name"), STORE_KEY_STRING}},
        {.name = EVENTS, .partition = BUCKET, .sort = {S("order"), STORE_KEY_NUMBER}},
    };
    struct store_apply_options apply = {};
    struct blob_sweep sweep = {.keep = is_owned, .arg = hub};
    check_magic(hub, OBJECT_HUB_MAGIC);
    hub->store = options->store;
    hub->blobs = options->blobs;
    hub->iam = options->iam;
    hub->functions = options->functions;
    hub->sweep_age_ms = options->sweep_age_ms;
    hub->now_ms = options->now_ms != NULL ? options->now_ms : time_now_ms;
    TRY(store_apply(hub->store, arena, tables, countof(tables), &apply));
    TRY(note(hub, arena, S("versioning"), &hub->versioning_put));
    TRY(note(hub, arena, S("cors"), &hub->cors_put));
    TRY(s3_count_events(hub, arena)); // before the first of them is delivered
    TRY(s3_drop_gone(hub, arena));
    return blob_store_sweep(hub->blobs, arena, &sweep);
}

struct handover {
    struct object_loop *here;
    struct object_service *service;
};

static void take_over(void *arg)
{
    struct handover *handover = arg;
    object_service_release(handover->here->service);
    handover->here->service = handover->service;
    handover->here->is_told = true;
    if (handover->here == &handover->here->hub->loops[0]) {
        s3_events_wanted(handover->here->hub); // their functions may be there now
    }
    mem_free(handover);
}

void object_hub_set_service(struct object_hub *hub, struct object_service *service)
{
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    object_service_release(service);
}

struct object_loop *s3_here(struct object_hub *hub)
{
    unsigned index = loop_index(loop_current());
    check(index < hub->count);
    return &hub->loops[index];
}

struct object_service *s3_hold_service(struct object_hub *hub)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    return hold(s3_here(hub)->service);
}

const struct object_bucket *s3_bucket(const struct object_service *service, str name)
{
    for (size_t i = 0; service != NULL && i < service->bucket_count; i++) {
        if (str_eq(service->buckets[i].name, name)) {
            return &service->buckets[i];
        }
    }
    return NULL;
}

// ---- the edge --------------------------------------------------------------------------------

static err *by_host(struct http_req *req) YIELDS
{
    return object_http(req->route_arg, req);
}

static err *preflight_by_host(struct http_req *req) YIELDS
{
    return object_preflight(req->route_arg, req);
}

void object_hub_mount(
    struct object_hub *hub, struct arena *arena, struct http_router *router, str host)
{
    const str hosts[] = {str_cat(arena, S("s3."), host), str_cat(arena, S("*.s3."), host)};
    for (size_t i = 0; i < countof(hosts); i++) {
        http_router_add(router, &(struct http_route){.methods = HTTP_ANY & ~HTTP_OPTIONS,
                                    .path = S("/*"),
                                    .host = hosts[i],
                                    .handler = by_host,
                                    .arg = hub,
                                    .cors = true,
                                    .preflight = preflight_by_host});
    }
}

bool object_is_request(struct object_hub *hub, struct http_req *req)
{
    str rest = str_sub(req->path, 1, req->path.len);
    str first = {};
    (void)str_next(&rest, '/', &first);
    return str_find(http_header(req, S("authorization")), S("/s3/aws4_request")) >= 0 ||
           str_find(req->query, S("%2Fs3%2Faws4_request")) >= 0 ||
           s3_bucket(s3_here(hub)->service, first) != NULL;
}

err *object_preflight(struct object_hub *hub, struct http_req *req)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    struct s3_call call = {
        .arena = req->arena, .req = req, .hub = hub, .service = hold(s3_here(hub)->service)};
    err *e = s3_preflight(&call);
    object_service_release(call.service);
    return e;
}

err *object_http(struct object_hub *hub, struct http_req *req)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    struct s3_call call = {
        .arena = req->arena, .req = req, .hub = hub, .service = hold(s3_here(hub)->service)};
    err *e = s3_run(&call);
    if (e != NULL && e->code != ERR_CANCELLED && e->code != ERR_CLOSED && !http_has_begun(req)) {
        e = s3_reply_error(&call, e);
    }
    s3_body_close(call.body);
    object_service_release(call.service);
    return e;
}
