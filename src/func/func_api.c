// Lambda's own API: Invoke. Source: AWS Lambda API reference.
#include "func/func_int.h"

static err *reply_error(struct http_req *req, int status, str type, str message) YIELDS;

static err *reply_error(struct http_req *req, int status, str type, str message)
{
    struct json *body = json_object(req->arena);
    json_set(body, S("Type"), json_string(req->arena, S("User")));
    json_set(body, S("Message"), json_string(req->arena, message));
    http_add_header(req, S("x-amzn-ErrorType"), type);
    return http_reply(req, status, S("application/json"), json_text(req->arena, body));
}

static err *reply_result(struct http_req *req, const struct func_result *result, bool log) YIELDS;

static err *reply_result(struct http_req *req, const struct func_result *result, bool log)
{
    http_add_header(req, S("X-Amz-Executed-Version"), S("$LATEST"));
    if (result->failed) {
        http_add_header(req, S("X-Amz-Function-Error"), S("Unhandled"));
    }
    if (log) {
        http_add_header(req, S("X-Amz-Log-Result"), base64_encode(req->arena, result->log));
    }
    return http_reply(req, 200, S("application/json"), result->payload);
}

struct event { // an invocation that nobody waits for
    struct func_hub *hub;
    struct arena *arena;
    struct func_call call;
};

static void run_event(void *arg) YIELDS
{
    enum { TRIES = 3 };

    struct event *event = arg;
    for (int i = 0; i < TRIES; i++) {
        struct func_result result = {};
        err *e = func_invoke(event->hub, event->arena, &event->call, &result);
        if (e != NULL || !result.failed || fiber_sleep(1000u << i) != NULL) {
            break;
        }
    }
    arena_free(event->arena);
}

err *func_invoke_event(struct func_hub *hub, struct arena *in, const struct func_call *call)
{
    const struct func_function *function = func_find(func_here(hub)->service, call->key);
    if (function == NULL) {
        return fail(in, ERR_NOT_FOUND, "Function not found: %.*s", PRI(call->key));
    }
    if (function->problem.len > 0) {
        return fail(in, ERR_UNSUPPORTED, "%.*s", PRI(function->problem));
    }
    struct arena *arena = arena_new();
    struct event *event = arena_new_of(arena, struct event);
    *event = (struct event){.hub = hub, .arena = arena};
    event->call = (struct func_call){.key = str_dup(arena, call->key),
        .payload = str_dup(arena, call->payload),
        .client_context = str_dup(arena, call->client_context)};
    fiber_start("function event", run_event, event);
    return NULL;
}

static err *authorise(
    struct func_hub *hub, struct http_req *req, str body, const struct func_function *f) YIELDS;

static err *authorise(
    struct func_hub *hub, struct http_req *req, str body, const struct func_function *f)
{
    struct iam_request request = iam_request_of(req, body);
    struct iam_rules rules = {.service = S("lambda"), .words = IAM_WORDS_REST};
    struct iam_principal principal = {};
    TRY(iam_authenticate(hub->iam, req->arena, &request, &rules, &principal, NULL));
    str arn = f != NULL ? f->arn : S("arn:aws:lambda:*:*:function:*");
    return iam_require(
        req->arena, &principal, S("lambda:InvokeFunction"), arn, NULL, IAM_WORDS_REST);
}

static err *invoke_of(struct func_service *service, struct http_req *req) YIELDS;

// "NAME/invocations"
static err *invoke_of(struct func_service *service, struct http_req *req)
{
    struct func_hub *hub = req->route_arg;
    str body = {};
    str name = {};
    str rest = req->route_rest;
    (void)str_next(&rest, '/', &name);
    if (!http_url_decode(req->arena, name, false, &name) || !str_eq(rest, S("invocations"))) {
        return reply_error(req, 404, S("ResourceNotFoundException"), S("Not found"));
    }
    err *e = http_read_body(req, PAYLOAD_MAX, &body);
    if (e != NULL && e->code == ERR_TOO_LARGE) {
        return reply_error(req, 413, S("RequestTooLargeException"),
            S("Request must be smaller than 6291556 bytes for the InvokeFunction operation"));
    }
    TRY(e);
    const struct func_function *function = func_find(service, name);
    e = authorise(hub, req, body, function);
    if (e != NULL) {
        return e->code == ERR_FORBIDDEN || e->code == ERR_INVALID
                   ? reply_error(req, 403, err_wire(e), e->text)
                   : e;
    }
    if (function == NULL) {
        str arn = str_fmt(req->arena, "Function not found: %.*s", PRI(name));
        return reply_error(req, 404, S("ResourceNotFoundException"), arn);
    }
    struct json *parsed = NULL;
    if (body.len > 0 && json_parse(req->arena, str_dup(req->arena, body), &parsed, NULL) != NULL) {
        return reply_error(req, 400, S("InvalidRequestContentException"),
            S("Could not parse request body into json: it is not valid JSON."));
    }
    str type = http_header(req, S("x-amz-invocation-type"));
    struct func_call call = {.key = function->key, .payload = body.len > 0 ? body : S("{}")};
    str context = http_header(req, S("x-amz-client-context"));
    if (context.len > 0 && !base64_decode(req->arena, context, &call.client_context)) {
        return reply_error(
            req, 400, S("InvalidRequestContentException"), S("The client context is not base64."));
    }
    if (str_eq(type, S("DryRun"))) {
        return http_reply_empty(req, 204);
    }
    if (str_eq(type, S("Event"))) {
        e = func_invoke_event(hub, req->arena, &call);
        return e != NULL ? reply_error(req, 502, S("ServiceException"), e->text)
                         : http_reply(req, 202, S("application/json"), S(""));
    }
    struct func_result result = {};
    bool log = str_eq(http_header(req, S("x-amz-log-type")), S("Tail"));
    e = func_invoke(hub, req->arena, &call, &result);
    if (e != NULL && e->code == ERR_LIMIT) {
        return reply_error(req, 429, S("TooManyRequestsException"), e->text);
    }
    if (e != NULL && (e->code == ERR_UNSUPPORTED || e->code == ERR_CONFIG)) {
        return reply_error(req, 502, S("ServiceException"), e->text);
    }
    TRY(e);
    return reply_result(req, &result, log);
}

// The definitions may be replaced while the caller is looked up: these stay until the answer.
static err *invoke(struct http_req *req) YIELDS
{
    struct func_hub *hub = req->route_arg;
    struct func_service *service = func_service_hold(func_here(hub)->service);
    err *e = invoke_of(service, req);
    func_service_release(service);
    return e;
}

void func_hub_mount(struct func_hub *hub, struct http_router *router)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    http_router_add(router, &(struct http_route){.methods = HTTP_POST,
                                .path = S("/2015-03-31/functions/*"),
                                .handler = invoke,
                                .arg = hub,
                                .cors = true});
}
