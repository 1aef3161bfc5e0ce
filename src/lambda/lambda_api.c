// Lambda's own API: Invoke and InvokeWithResponseStream. Source: AWS Lambda API reference.
#include "func/func_stream.h"
#include "lambda/lambda_int.h"
#include "lambda/lambda_message.h"

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

static err *authorise(
    struct func_hub *hub, struct http_req *req, str body, const struct func_function *f) YIELDS;

static err *authorise(
    struct func_hub *hub, struct http_req *req, str body, const struct func_function *f)
{
    struct iam_request request = iam_request_of(req, body);
    struct iam_rules rules = {.service = S("lambda"), .words = IAM_WORDS_REST};
    struct iam_principal principal = {};
    TRY(iam_authenticate(func_hub_iam(hub), req->arena, &request, &rules, &principal, NULL));
    str arn = f != NULL ? f->arn : S("arn:aws:lambda:*:*:function:*");
    return iam_require(
        req->arena, &principal, S("lambda:InvokeFunction"), arn, NULL, IAM_WORDS_REST);
}

static err *reply_event(struct http_req *req, const struct func_call *call) YIELDS;

static err *reply_event(struct http_req *req, const struct func_call *call)
{
    err *e = func_invoke_event(req->route_arg, req->arena, call);
    if (e == NULL) {
        return http_reply(req, 202, S("application/json"), S(""));
    }
    switch (e->code) {
    case ERR_TOO_LARGE: return reply_error(req, 413, S("RequestEntityTooLargeException"), e->text);
    case ERR_LIMIT: return reply_error(req, 429, S("TooManyRequestsException"), e->text);
    case ERR_CONFLICT: return reply_error(req, 400, S("RecursiveInvocationException"), e->text);
    default: return reply_error(req, 502, S("ServiceException"), e->text);
    }
}

// Refuses, or fills in the call. *call has no key when the request has been answered.
static err *read_call(
    struct func_service *service, struct http_req *req, str action, struct func_call *call) YIELDS;

// "NAME/invocations"
static err *read_call(
    struct func_service *service, struct http_req *req, str action, struct func_call *call)
{
    struct func_hub *hub = req->route_arg;
    str body = {};
    str name = {};
    str rest = req->route_rest;
    (void)str_next(&rest, '/', &name);
    if (!http_url_decode(req->arena, name, false, &name) || !str_eq(rest, action)) {
        return reply_error(req, 404, S("ResourceNotFoundException"), S("Not found"));
    }
    err *e = http_read_body(req, FUNC_REQUEST_MAX, &body);
    if (e != NULL && e->code == ERR_TOO_LARGE) {
        return reply_error(req, 413, S("RequestTooLargeException"),
            S("Request must be smaller than 6291456 bytes for the InvokeFunction operation"));
    }
    TRY(e);
    const struct func_function *function = func_find(service, name);
    e = authorise(hub, req, body, function);
    if (e != NULL) {
        return e->code == ERR_FORBIDDEN || e->code == ERR_INVALID
                   ? reply_error(req, 403, err_wire(e), e->text)
                   : e;
    }
    str qualifier = http_query(req, S("Qualifier"));
    u64 version = 0; // there are none with a number; aliases are the function itself
    bool numbered = str_to_u64(qualifier, &version);
    if (function == NULL || numbered) {
        str what = function == NULL ? name : str_cat(req->arena, function->arn, S(":"), qualifier);
        return reply_error(req, 404, S("ResourceNotFoundException"),
            str_cat(req->arena, S("Function not found: "), what));
    }
    struct json *parsed = NULL;
    if (body.len > 0 && json_parse(req->arena, str_dup(req->arena, body), &parsed, NULL) != NULL) {
        return reply_error(req, 400, S("InvalidRequestContentException"),
            S("Could not parse request body into json: it is not valid JSON."));
    }
    str client = {};
    str context = http_header(req, S("x-amz-client-context"));
    if (context.len > 0 && (!base64_decode(req->arena, context, &client) || !str_is_utf8(client))) {
        return reply_error(req, 400, S("InvalidRequestContentException"),
            S("The client context is not base64 of UTF-8 text."));
    }
    *call = (struct func_call){.key = function->key,
        .payload = body.len > 0 ? body : S("{}"),
        .client_context = client,
        .request_id = req->request_id,
        .trace = http_header(req, S("x-amzn-trace-id"))};
    return NULL;
}

static err *reply_refused(struct http_req *req, err *e) YIELDS;

static err *reply_refused(struct http_req *req, err *e)
{
    return e->code == ERR_LIMIT ? reply_error(req, 429, S("TooManyRequestsException"), e->text)
           : e->code == ERR_UNSUPPORTED || e->code == ERR_CONFIG
               ? reply_error(req, 502, S("ServiceException"), e->text)
               : e;
}

static err *invoke_of(struct func_service *service, struct http_req *req) YIELDS;

static err *invoke_of(struct func_service *service, struct http_req *req)
{
    struct func_hub *hub = req->route_arg;
    struct func_call call = {};
    struct func_result result = {};
    str type = http_header(req, S("x-amz-invocation-type"));
    bool log = str_eq(http_header(req, S("x-amz-log-type")), S("Tail"));
    err *e = read_call(service, req, S("invocations"), &call);
    if (e != NULL || call.key.len == 0) {
        return e;
    }
    if (str_eq(type, S("DryRun"))) {
        return http_reply_empty(req, 204);
    }
    if (str_eq(type, S("Event"))) {
        return reply_event(req, &call);
    }
    e = func_invoke(hub, req->arena, &call, &result);
    return e != NULL ? reply_refused(req, e) : reply_result(req, &result, log);
}

// ---- InvokeWithResponseStream ------------------------------------------------------------------

static err *write_message(struct http_req *req, str kind, str content_type, str payload) YIELDS;

static err *write_message(struct http_req *req, str kind, str content_type, str payload)
{
    const struct lambda_header headers[] = {{S(":event-type"), kind},
        {S(":content-type"), content_type}, {S(":message-type"), S("event")}};
    return http_write(req, lambda_message(req->arena, headers, countof(headers), payload));
}

static str completion(struct http_req *req, const struct func_result *result, bool log)
{
    struct json *complete = json_object(req->arena);
    if (result->failed) {
        json_set(complete, S("ErrorCode"), json_string(req->arena, S("Unhandled")));
        json_set(complete, S("ErrorDetails"), json_string(req->arena, result->payload));
    }
    if (log) {
        json_set(complete, S("LogResult"),
            json_string(req->arena, base64_encode(req->arena, result->log)));
    }
    return json_text(req->arena, complete);
}

static err *write_stream(struct http_req *req, struct func_stream *stream, bool log) YIELDS;

static err *write_stream(struct http_req *req, struct func_stream *stream, bool log)
{
    struct func_result result = {};
    struct arena_mark mark = arena_mark(req->arena);
    http_add_header(req, S("X-Amz-Executed-Version"), S("$LATEST"));
    TRY(http_begin(req, 200, S("application/vnd.amazon.eventstream"), UINT64_MAX));
    for (;;) {
        str piece = {};
        arena_rewind(req->arena, mark);
        func_stream_read(stream, req->arena, &piece);
        if (piece.len == 0) {
            break;
        }
        TRY(write_message(req, S("PayloadChunk"), S("application/octet-stream"), piece));
    }
    func_stream_result(stream, req->arena, &result);
    TRY(write_message(
        req, S("InvokeComplete"), S("application/json"), completion(req, &result, log)));
    return http_end(req);
}

static err *invoke_stream_of(struct func_service *service, struct http_req *req) YIELDS;

static err *invoke_stream_of(struct func_service *service, struct http_req *req)
{
    struct func_hub *hub = req->route_arg;
    struct func_call call = {};
    struct func_stream *stream = NULL;
    bool log = str_eq(http_header(req, S("x-amz-log-type")), S("Tail"));
    err *e = read_call(service, req, S("response-streaming-invocations"), &call);
    if (e != NULL || call.key.len == 0) {
        return e;
    }
    if (str_eq(http_header(req, S("x-amz-invocation-type")), S("DryRun"))) {
        return http_reply_empty(req, 204);
    }
    e = func_stream_open(hub, req->arena, &call, &stream);
    if (e != NULL) {
        return reply_refused(req, e);
    }
    e = write_stream(req, stream, log);
    func_stream_close(stream);
    return e;
}

// The definitions may be replaced while the caller is looked up: these stay until the answer.
static err *invoke(struct http_req *req) YIELDS
{
    struct func_hub *hub = req->route_arg;
    struct func_service *service = func_service_hold(func_hub_service(hub));
    err *e = invoke_of(service, req);
    func_service_release(service);
    return e;
}

static err *invoke_stream(struct http_req *req) YIELDS
{
    struct func_hub *hub = req->route_arg;
    struct func_service *service = func_service_hold(func_hub_service(hub));
    err *e = invoke_stream_of(service, req);
    func_service_release(service);
    return e;
}

// What manages functions (ListFunctions, GetFunction, ...): the definitions do.
static err *not_served(struct http_req *req) YIELDS;

static err *not_served(struct http_req *req)
{
    return reply_error(req, 501, S("NotImplementedException"),
        S("Of Lambda's operations ampd serves Invoke and InvokeWithResponseStream; functions are "
          "managed by the definitions in amplify/."));
}

void lambda_mount(struct func_hub *hub, struct http_router *router)
{
    check(func_hub_iam(hub) != NULL);
    http_router_add(router, &(struct http_route){.methods = HTTP_POST,
                                .path = S("/2015-03-31/functions/*"),
                                .handler = invoke,
                                .arg = hub,
                                .cors = true});
    http_router_add(router, &(struct http_route){.methods = HTTP_POST,
                                .path = S("/2021-11-15/functions/*"),
                                .handler = invoke_stream,
                                .arg = hub,
                                .cors = true});
    http_router_add(router, &(struct http_route){.methods = HTTP_GET | HTTP_PUT | HTTP_DELETE,
                                .path = S("/2015-03-31/*"),
                                .handler = not_served});
    lambda_url_mount(hub, router);
}
