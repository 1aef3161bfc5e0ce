// The routes beside the services' own: health, and clear words for what is not served yet.
#include "app/app_int.h"

enum { PROBLEM_MAX = 16 * 1024 };

void app_set_problem(struct app *app, str problem)
{
    char *copy = NULL;
    problem = str_sub(problem, 0, PROBLEM_MAX);
    bool bad = false;
    problem.len = str_utf8_prefix(problem, &bad); // whole characters
    if (problem.len > 0) {
        copy = mem_alloc(problem.len + 1);
        memcpy(copy, problem.ptr, problem.len);
    }
    pthread_mutex_lock(&app->status_lock);
    char *old = app->problem;
    app->problem = copy;
    pthread_mutex_unlock(&app->status_lock);
    mem_free(old);
}

// GET /_ampd/health: 200 from the moment the backend is served.
static err *health(struct http_req *req) YIELDS;

static err *health(struct http_req *req)
{
    struct app *app = req->route_arg;
    struct buf body = buf_in(req->arena, 6 * PROBLEM_MAX + 1024); // all of it escaped
    struct json_writer w;
    pthread_mutex_lock(&app->status_lock);
    u64 ready_ms = app->ready_ms;
    str problem = str_dup(req->arena, str_from(app->problem));
    pthread_mutex_unlock(&app->status_lock);
    jw_init(&w, &body);
    jw_object(&w);
    jw_member(&w, S("status"), ready_ms > 0 ? S("ok") : S("starting"));
    jw_member(&w, S("version"), S(AMPD_VERSION));
    jw_key(&w, S("readyMs"));
    if (ready_ms > 0) {
        jw_int(&w, (i64)ready_ms);
    } else {
        jw_null(&w);
    }
    jw_key(&w, S("subscriptions"));
    jw_int(&w, (i64)data_hub_subscriptions(app->hub));
    if (problem.len > 0) { // the definitions are wrong at present; the last good ones are served
        jw_member(&w, S("problem"), problem);
    }
    jw_end_object(&w);
    return http_reply(req, ready_ms > 0 ? 200 : 503, S("application/json"), buf_str(&body));
}

// POST / with x-amz-target is how clients call Cognito and other JSON services, with a form those
// of the query protocol.
static err *json_service(struct http_req *req) YIELDS;

static err *json_service(struct http_req *req)
{
    struct app *app = req->route_arg;
    str target = http_header(req, S("x-amz-target"));
    if (auth_is_target(target)) {
        return auth_http_json(app->auth, req);
    }
    if (vault_is_target(target)) {
        return vault_http(app->vault, req);
    }
    if (target.len == 0 && app_is_query(req)) {
        return app_query_http(app, req);
    }
    struct buf body = buf_in(req->arena, 4096);
    struct json_writer w;
    jw_init(&w, &body);
    jw_object(&w);
    jw_member(&w, S("__type"), S("NotImplementedException"));
    jw_member(&w, S("message"),
        str_cat(req->arena,
            target.len > 0 && str_is_utf8(target) ? str_utf8_first(target, 128)
                                                  : S("This operation"),
            S(" is not served yet by this version of ampd.")));
    jw_end_object(&w);
    http_add_header(req, S("x-amzn-ErrorType"), S("NotImplementedException"));
    return http_reply(req, 501, S("application/x-amz-json-1.1"), buf_str(&body));
}

void app_mount(struct app *app)
{
    app_mount_introspection(app);
    // Before the others: below S3's host names every path is a key's, those of the other services
    // too.
    object_hub_mount(app->objects, app->arena, app->router, S("localhost"));
    http_router_add(app->router, &(struct http_route){.methods = HTTP_GET,
                                     .path = S("/_ampd/health"),
                                     .handler = health,
                                     .arg = app,
                                     .cors = true});
    app_admin_mount(app);
    data_hub_mount(app->hub, app->router);
    http_router_add(app->router, &(struct http_route){.methods = HTTP_POST,
                                     .path = S("/"),
                                     .handler = json_service,
                                     .arg = app,
                                     .cors = true});
}
