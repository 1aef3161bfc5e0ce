// modelIntrospectionSchema.json: what a function's data client is configured with. Amplify keeps it
// in a bucket of its own, which is read by functions only: one object, put together with the
// backend.
#include "app/app_int.h"

static str error_xml(struct arena *arena, str code, str message)
{
    return str_fmt(arena,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Error><Code>%.*s</Code><Message>%.*s</Message></Error>",
        PRI(code), PRI(message));
}

// Names of our own and codes of iam only: nothing of it needs an escape.
static err *refuse(struct http_req *req, int status, str code, str message) YIELDS;

static err *refuse(struct http_req *req, int status, str code, str message)
{
    return http_reply(req, status, S("application/xml"), error_xml(req->arena, code, message));
}

static err *authorise(struct app *app, struct http_req *req) YIELDS;

static err *authorise(struct app *app, struct http_req *req)
{
    struct iam_request request = iam_request_of(req, (str){});
    struct iam_rules rules = {.service = S("s3"), .words = IAM_WORDS_S3, .s3 = true};
    struct iam_principal principal = {};
    request.body_later = true; // a GET has none
    TRY(iam_authenticate(app->iam, req->arena, &request, &rules, &principal, NULL));
    str resource = str_cat(req->arena, S("arn:aws:s3:::"), project_introspection_bucket(), S("/"),
        S("modelIntrospectionSchema.json"));
    return iam_require(req->arena, &principal, S("s3:GetObject"), resource, NULL, IAM_WORDS_S3);
}

static err *get_schema(struct http_req *req) YIELDS
{
    struct app *app = req->route_arg;
    check(app->iam != NULL);
    err *e = authorise(app, req);
    if (e != NULL && e->code == ERR_CANCELLED) {
        return e;
    }
    if (e != NULL) {
        return refuse(req, 403, err_wire(e), S("Access Denied"));
    }
    pthread_mutex_lock(&app->status_lock);
    str text = str_dup(req->arena, str_from(app->introspection != NULL ? app->introspection : ""));
    pthread_mutex_unlock(&app->status_lock);
    return text.len > 0 ? http_reply(req, 200, S("application/json"), text)
                        : refuse(req, 404, S("NoSuchKey"), S("The specified key does not exist."));
}

void app_set_introspection(struct app *app, str text)
{
    char *copy = NULL;
    if (text.len > 0) {
        copy = mem_alloc(text.len + 1);
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    pthread_mutex_lock(&app->status_lock);
    char *old = app->introspection;
    app->introspection = copy;
    pthread_mutex_unlock(&app->status_lock);
    mem_free(old);
}

void app_mount_introspection(struct app *app)
{
    str bucket = project_introspection_bucket();
    str key = S("/modelIntrospectionSchema.json");

    const struct {
        str host;
        str path;
    } PLACES[] = {
        {str_cat(app->arena, bucket, S(".s3.localhost")), key},
        {S("s3.localhost"), str_cat(app->arena, S("/"), bucket, key)},
        {(str){}, str_cat(app->arena, S("/"), bucket, key)},
    };

    for (size_t i = 0; i < countof(PLACES); i++) {
        http_router_add(app->router, &(struct http_route){.methods = HTTP_GET,
                                         .host = PLACES[i].host,
                                         .path = PLACES[i].path,
                                         .handler = get_schema,
                                         .arg = app});
    }
}
