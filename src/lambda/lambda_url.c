// From the request to the function's event.
#include "lambda/lambda_int.h"

#include <stdio.h>
#include <time.h>

#define FOLDER "/lambda-url/"
#define HOST   ".lambda-url.localhost"

static str method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET: return S("GET");
    case HTTP_HEAD: return S("HEAD");
    case HTTP_POST: return S("POST");
    case HTTP_PUT: return S("PUT");
    case HTTP_DELETE: return S("DELETE");
    case HTTP_OPTIONS: return S("OPTIONS");
    case HTTP_PATCH: return S("PATCH");
    default: return S("GET");
    }
}

// ---- the event ---------------------------------------------------------------------------------

// Adds to a member that is there already, behind a comma.
static void set_joined(struct arena *arena, struct json *object, str name, str value)
{
    str before = json_get_str(object, name);
    bool there = json_get(object, name) != NULL;
    json_set(
        object, name, json_string(arena, there ? str_cat(arena, before, S(","), value) : value));
}

static struct json *headers_of(const struct lambda_url_call *call)
{
    struct http_req *req = call->req;
    struct arena *a = req->arena;
    struct json *headers = json_object(a);
    ptrdiff_t colon = str_rfind_char(req->host, ':');
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_is_utf8(req->headers[i].value)) {
            set_joined(a, headers, str_lower(a, req->headers[i].name), req->headers[i].value);
        }
    }
    json_set(headers, S("x-forwarded-for"), json_string(a, req->peer));
    json_set(headers, S("x-forwarded-proto"), json_string(a, req->is_tls ? S("https") : S("http")));
    json_set(headers, S("x-forwarded-port"),
        json_string(a, colon > 0 ? str_sub(req->host, (size_t)colon + 1, req->host.len)
                                 : (req->is_tls ? S("443") : S("80"))));
    if (json_get(headers, S("x-amzn-trace-id")) == NULL) {
        json_set(headers, S("x-amzn-trace-id"),
            json_string(a, str_cat(a, S("Root=1-"), str_sub(req->request_id, 0, 8), S("-"),
                               hex_encode(a, str_sub(req->request_id, 24, 36)))));
    }
    return headers;
}

// What is no text cannot be in an event, which is JSON.
static str text_header(const struct http_req *req, str name)
{
    str value = http_header(req, name);
    return str_is_utf8(value) ? value : (str){};
}

static void set_cookies(const struct lambda_url_call *call, struct json *event)
{
    struct arena *a = call->req->arena;
    str rest = text_header(call->req, S("cookie"));
    str cookie = {};
    struct json *cookies = json_array(a);
    while (str_next(&rest, ';', &cookie)) {
        if (str_trim(cookie).len > 0) {
            json_push(cookies, json_string(a, str_trim(cookie)));
        }
    }
    if (cookies->count > 0) {
        json_set(event, S("cookies"), cookies);
    }
}

static void set_query(const struct lambda_url_call *call, struct json *event)
{
    struct arena *a = call->req->arena;
    struct json *parameters = json_object(a);
    str rest = call->req->query;
    str pair = {};
    while (str_next(&rest, '&', &pair)) {
        ptrdiff_t equals = str_find_char(pair, '=');
        str name = equals >= 0 ? str_sub(pair, 0, (size_t)equals) : pair;
        str value = equals >= 0 ? str_sub(pair, (size_t)equals + 1, pair.len) : S("");
        if (name.len > 0 && http_url_decode(a, name, true, &name) && str_is_utf8(name) &&
            http_url_decode(a, value, true, &value) && str_is_utf8(value)) {
            set_joined(a, parameters, name, value);
        }
    }
    if (parameters->count > 0) {
        json_set(event, S("queryStringParameters"), parameters);
    }
}

static bool is_text(str type)
{
    static const str TEXTS[] = {S_INIT("application/json"), S_INIT("application/javascript"),
        S_INIT("application/xml"), S_INIT("application/x-www-form-urlencoded")};
    str kind = {};
    (void)str_next(&type, ';', &kind);
    kind = str_trim(kind);
    bool found = kind.len >= 5 && str_eq_nocase(str_sub(kind, 0, 5), S("text/"));
    for (size_t i = 0; i < countof(TEXTS); i++) {
        found = found || str_eq_nocase(kind, TEXTS[i]);
    }
    return found;
}

static void set_body(const struct lambda_url_call *call, struct json *event)
{
    struct arena *a = call->req->arena;
    bool text = is_text(http_header(call->req, S("content-type"))) && str_is_utf8(call->body);
    if (call->body.len > 0) {
        json_set(
            event, S("body"), json_string(a, text ? call->body : base64_encode(a, call->body)));
    }
    json_set(event, S("isBase64Encoded"), json_bool(a, call->body.len > 0 && !text));
}

static struct json *caller_of(const struct lambda_url_call *call)
{
    struct arena *a = call->req->arena;
    const struct iam_principal *who = call->principal;
    struct json *iam = json_object(a);
    struct json *authorizer = json_object(a);
    json_set(iam, S("accessKey"), json_string(a, who->access_key_id));
    json_set(iam, S("accountId"), json_string(a, who->account));
    json_set(iam, S("callerId"), json_string(a, who->user_id));
    json_set(iam, S("cognitoIdentity"), json_null(a));
    json_set(iam, S("principalOrgId"), json_null(a));
    json_set(iam, S("userArn"), json_string(a, who->arn));
    json_set(iam, S("userId"), json_string(a, who->user_id));
    json_set(authorizer, S("iam"), iam);
    return authorizer;
}

static str time_text(struct arena *arena, u64 now_ms)
{
    char text[64];
    struct tm parts = {};
    time_t seconds = (time_t)(now_ms / 1000);
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &parts);
    return str_dup(arena, str_from(text));
}

static struct json *context_of(const struct lambda_url_call *call)
{
    struct http_req *req = call->req;
    struct arena *a = req->arena;
    u64 now_ms = time_now_ms();
    struct json *context = json_object(a);
    struct json *http = json_object(a);
    str account = call->principal != NULL ? call->service->account : S("anonymous");
    json_set(http, S("method"), json_string(a, method_name(req->method)));
    json_set(http, S("path"), json_string(a, call->path));
    json_set(http, S("protocol"), json_string(a, S("HTTP/1.1")));
    json_set(http, S("sourceIp"), json_string(a, req->peer));
    json_set(http, S("userAgent"), json_string(a, text_header(req, S("user-agent"))));
    json_set(context, S("accountId"), json_string(a, account));
    json_set(context, S("apiId"), json_string(a, call->function->name));
    if (call->principal != NULL) {
        json_set(context, S("authorizer"), caller_of(call));
    }
    json_set(context, S("domainName"), json_string(a, req->host));
    json_set(context, S("domainPrefix"), json_string(a, call->function->name));
    json_set(context, S("http"), http);
    json_set(context, S("requestId"), json_string(a, req->request_id));
    json_set(context, S("routeKey"), json_string(a, S("$default")));
    json_set(context, S("stage"), json_string(a, S("$default")));
    json_set(context, S("time"), json_string(a, time_text(a, now_ms)));
    json_set(context, S("timeEpoch"), json_int(a, (i64)now_ms));
    return context;
}

str lambda_url_event(const struct lambda_url_call *call)
{
    struct arena *a = call->req->arena;
    struct json *event = json_object(a);
    json_set(event, S("version"), json_string(a, S("2.0")));
    json_set(event, S("routeKey"), json_string(a, S("$default")));
    json_set(event, S("rawPath"), json_string(a, call->path));
    json_set(event, S("rawQueryString"), json_string(a, call->req->query));
    set_cookies(call, event);
    json_set(event, S("headers"), headers_of(call));
    set_query(call, event);
    json_set(event, S("requestContext"), context_of(call));
    set_body(call, event);
    return json_text(a, event);
}

// ---- serving -----------------------------------------------------------------------------------

static err *authorise(struct func_hub *hub, const struct lambda_url_call *call,
    struct iam_principal *principal) YIELDS;

static err *authorise(
    struct func_hub *hub, const struct lambda_url_call *call, struct iam_principal *principal)
{
    struct http_req *req = call->req;
    struct iam_request request = iam_request_of(req, call->body);
    struct iam_rules rules = {.service = S("lambda"), .words = IAM_WORDS_REST};
    TRY(iam_authenticate(func_hub_iam(hub), req->arena, &request, &rules, principal, NULL));
    return iam_require(req->arena, principal, S("lambda:InvokeFunctionUrl"), call->function->arn,
        NULL, IAM_WORDS_REST);
}

static err *run(struct func_hub *hub, const struct lambda_url_call *call) YIELDS;

static err *run(struct func_hub *hub, const struct lambda_url_call *call)
{
    struct http_req *req = call->req;
    struct func_result result = {};
    struct func_stream *stream = NULL;
    check(call->function != NULL && (call->principal != NULL || call->function->url->is_public));
    struct func_call invocation = {.key = call->function->key,
        .payload = lambda_url_event(call),
        .request_id = req->request_id,
        .trace = http_header(req, S("x-amzn-trace-id"))};
    err *e = call->function->url->is_stream
                 ? func_stream_open(hub, req->arena, &invocation, &stream)
                 : func_invoke(hub, req->arena, &invocation, &result);
    lambda_url_add_cors(call, false);
    if (e != NULL && e->code == ERR_LIMIT) {
        return lambda_url_refuse(call, 429, S("TooManyRequestsException"), S("Rate Exceeded."));
    }
    if (e != NULL) {
        log_warn("func.url", "%.*s: %.*s", PRI(call->function->name), PRI(e->text));
        return lambda_url_refuse(call, 502, S("ServiceException"), S("Internal Server Error"));
    }
    if (stream == NULL) {
        return lambda_url_reply(call, &result);
    }
    e = lambda_url_reply_stream(call, stream);
    func_stream_close(stream);
    return e;
}

static err *serve(struct func_hub *hub, struct lambda_url_call *call) YIELDS;

static err *serve(struct func_hub *hub, struct lambda_url_call *call)
{
    struct http_req *req = call->req;
    struct iam_principal principal = {};
    check(call->principal == NULL);
    const struct func_url *url = call->function != NULL ? call->function->url : NULL;
    if (url == NULL) {
        return lambda_url_refuse(call, 404, S("ResourceNotFoundException"), S("Not Found"));
    }
    if (url->has_cors && req->method == HTTP_OPTIONS &&
        http_header(req, S("access-control-request-method")).len > 0) {
        lambda_url_add_cors(call, true);
        return http_reply_empty(req, 200);
    }
    err *e = http_read_body(req, FUNC_PAYLOAD_MAX, &call->body);
    if (e != NULL && e->code == ERR_TOO_LARGE) {
        return lambda_url_refuse(call, 413, S("RequestTooLargeException"), S("Request Too Long"));
    }
    TRY(e);
    if (!url->is_public) {
        e = authorise(hub, call, &principal);
        if (e != NULL &&
            (e->code == ERR_FORBIDDEN || e->code == ERR_INVALID || e->code == ERR_UNAUTHORIZED)) {
            lambda_url_add_cors(call, false);
            return lambda_url_refuse(call, 403, err_wire(e), e->text);
        }
        TRY(e);
        call->principal = &principal;
    }
    return run(hub, call);
}

// The definitions may be replaced meanwhile: these stay until the answer.
static err *serve_named(struct http_req *req, str name, str path) YIELDS;

static err *serve_named(struct http_req *req, str name, str path)
{
    struct func_hub *hub = req->route_arg;
    struct func_service *service = func_service_hold(func_hub_service(hub));
    struct lambda_url_call call = {
        .req = req, .service = service, .path = str_cat(req->arena, S("/"), path)};
    str decoded = {};
    if (http_url_decode(req->arena, name, false, &decoded) &&
        str_find_char(decoded, ':') < 0) { // names alone
        call.function = func_find(service, decoded);
    }
    err *e = serve(hub, &call);
    func_service_release(service);
    return e;
}

static err *serve_path(struct http_req *req) YIELDS
{
    str rest = req->route_rest;
    str name = {};
    (void)str_next(&rest, '/', &name);
    return serve_named(req, name, rest);
}

static err *serve_host(struct http_req *req) YIELDS
{
    str rest = req->host;
    str name = {};
    (void)str_next(&rest, '.', &name);
    return serve_named(req, name, req->route_rest);
}

void lambda_url_mount(struct func_hub *hub, struct http_router *router)
{
    http_router_add(router, &(struct http_route){.methods = HTTP_ANY,
                                .path = S("/*"),
                                .host = S("*" HOST),
                                .handler = serve_host,
                                .arg = hub});
    http_router_add(
        router, &(struct http_route){
                    .methods = HTTP_ANY, .path = S(FOLDER "*"), .handler = serve_path, .arg = hub});
}
