// Buckets: from the manifest to the object service, and where S3 is found.
#include "app/app_int.h"

#include <stdlib.h>

enum { WATCH_EVERY_MS = 15 * 1000, WATCH_REST_MS = 60 * 60 * 1000 };

// Its arg, the hub, outlives all fibers.
static void watch_objects(void *arg) YIELDS
{
    const char *every = getenv("AMPD_CHECK_EVERY_MS");
    u64 every_ms = WATCH_EVERY_MS;
    bool given = every != NULL && str_to_u64(str_from(every), &every_ms);
    object_hub_watch(arg, every_ms, given ? every_ms : WATCH_REST_MS);
}

static void tidy_objects(void *arg) YIELDS
{
    object_hub_tidy(arg);
}

static void deliver_events(void *arg) YIELDS
{
    object_hub_deliver(arg);
}

err *app_open_objects(struct app *app)
{
    TRY(app_open_blobs(app->arena, app->data_dir, &app->blobs));
    struct object_hub_options options = {.store = app->store,
        .blobs = app->blobs,
        .iam = app->iam,
        .functions = app->queue,
        .sweep_age_ms = app_blob_age_ms()};
    TRY(object_hub_open(app->objects, app->arena, &options));
    fiber_start("objects", watch_objects, app->objects);
    fiber_start("objects-tidy", tidy_objects, app->objects);
    fiber_start("objects-events", deliver_events, app->objects);
    return NULL;
}

struct object_service *app_make_buckets(
    struct app *app, struct arena *arena, const struct project_manifest *manifest)
{
    const struct json *storage = json_get(manifest->root, S("storage"));
    if (storage == NULL || storage->kind != JSON_ARRAY || storage->count == 0) {
        return NULL;
    }
    struct object_bucket_options *buckets =
        arena_array(arena, struct object_bucket_options, storage->count);
    size_t count = 0;
    json_each (bucket, storage) {
        str name = json_get_str(bucket, S("name"));
        buckets[count++] = (struct object_bucket_options){.name = project_bucket_name(arena, name),
            .storage = name,
            .versioned = json_get_bool(bucket, S("versioned"), false),
            .definition = bucket};
    }
    struct object_service_options options = {.buckets = buckets,
        .bucket_count = count,
        .region = app->ids.region,
        .account = app->ids.account};
    return object_service_new(&options);
}

// Tools and functions reach S3 by path: http://127.0.0.1:PORT/BUCKET/KEY.
static err *rest(struct http_req *req) YIELDS
{
    struct app *app = req->route_arg;
    return object_is_request(app->objects, req)
               ? object_http(app->objects, req)
               : http_reply(req, 404, S("application/json"), S("{\"message\":\"not found\"}"));
}

// Only what lies below a bucket's name is S3's.
static err *rest_preflight(struct http_req *req) YIELDS
{
    struct app *app = req->route_arg;
    return object_preflight(app->objects, req);
}

void app_mount_rest(struct app *app)
{
    check(app->objects != NULL);
    http_router_add(app->router,
        &(struct http_route){
            .methods = HTTP_GET, .path = S("/"), .handler = rest, .arg = app, .cors = true});
    http_router_add(app->router, &(struct http_route){.methods = HTTP_ANY & ~HTTP_OPTIONS,
                                     .path = S("/*"),
                                     .handler = rest,
                                     .arg = app,
                                     .cors = true,
                                     .preflight = rest_preflight,
                                     .otherwise = true});
}
