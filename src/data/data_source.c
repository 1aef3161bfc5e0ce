// The data sources of JavaScript handlers, DynamoDB's apart: functions and HTTP endpoints. Source:
// the AppSync developer guide, "JavaScript resolver function reference".
#include "data/data_custom.h"

enum {
    HTTP_TIMEOUT_MS = 30 * 1000, // AppSync's limit for one resolver
    HTTP_RESPONSE_MAX = 1024 * 1024,
    HEADERS_MAX = 64,
    FUNCTION_SECONDS = 30,
};

err *data_request_error(const struct gql_call *call, str text)
{
    return data_error(call, S("MappingTemplate"), text);
}

// ---- functions ---------------------------------------------------------------------------------

static err *run_event(
    const struct data_source_call *asked, str payload, struct data_answer *answer) YIELDS;

static err *run_event(const struct data_source_call *asked, str payload, struct data_answer *answer)
{
    struct data_request *request = asked->call->request;
    const struct func_call event = {.key = asked->source->target, .payload = payload};
    answer->failure = func_invoke_event(request->hub->functions, asked->call->arena, &event);
    return NULL;
}

static err *run_function(const struct data_source_call *asked, struct data_answer *answer) YIELDS;

static err *run_function(const struct data_source_call *asked, struct data_answer *answer)
{
    struct gql_call *call = asked->call;
    struct data_request *request = call->request;
    str operation = json_get_str(asked->request, S("operation"));
    bool batch = str_eq(operation, S("BatchInvoke"));
    struct func_result result = {};
    if (!batch && !str_eq(operation, S("Invoke"))) {
        return data_request_error(call, S("Value for field '$[operation]' not found."));
    }
    if (request->hub->functions == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "Functions are not run here.");
    }
    str payload = json_text(call->arena, json_get(asked->request, S("payload")));
    payload = batch ? str_cat(call->arena, S("["), payload, S("]")) : payload;
    if (str_eq(json_get_str(asked->request, S("invocationType")), S("Event"))) {
        return run_event(asked, payload, answer);
    }
    const struct data_function function = {asked->source->target, payload, FUNCTION_SECONDS};
    err *e = data_call_function(request->hub, call->arena, &function, &result);
    if (e == NULL && result.failed) {
        e = data_error(call, S("Lambda:Unhandled"), result.error_message);
    } else if (e == NULL) {
        e = json_parse(call->arena, result.payload, &answer->result, NULL);
    } else if (e->code == ERR_TIMEOUT) {
        e = data_error(call, S("Lambda:ExecutionTimeoutException"), S("Execution timed out."));
    }
    if (e == NULL && batch) { // one source: a list of one
        answer->result = answer->result->kind == JSON_ARRAY ? answer->result->child : NULL;
    }
    answer->failure = e;
    return NULL;
}

// ---- HTTP --------------------------------------------------------------------------------------

static str query_text(struct arena *arena, const struct json *query)
{
    struct buf out = buf_in(arena, HTTP_RESPONSE_MAX);
    json_each (member, query) {
        str value = member->kind == JSON_STRING ? member->text : json_text(arena, member);
        buf_add(&out, out.len == 0 ? S("?") : S("&"));
        buf_add(&out, http_url_encode(arena, member->key));
        buf_add_char(&out, '=');
        buf_add(&out, http_url_encode(arena, value));
    }
    return buf_str(&out);
}

static void read_headers(
    struct arena *arena, const struct json *headers, struct http_client_req *out)
{
    struct http_header *list = arena_array(arena, struct http_header, HEADERS_MAX);
    json_each (header, headers) {
        bool text = header->kind == JSON_STRING;
        if (out->header_count < HEADERS_MAX && header->kind != JSON_NULL) {
            list[out->header_count++] =
                (struct http_header){header->key, text ? header->text : json_text(arena, header)};
        }
    }
    out->headers = list;
}

// Several fields of one name are one, with commas.
static struct json *headers_of(struct arena *arena, const struct http_client_res *res)
{
    struct json *headers = json_object(arena);
    for (size_t i = 0; i < res->header_count; i++) {
        str name = str_lower(arena, res->headers[i].name);
        str before = json_get_str(headers, name);
        str value = before.ptr != NULL ? str_cat(arena, before, S(","), res->headers[i].value)
                                       : res->headers[i].value;
        json_set(headers, name, json_string(arena, value));
    }
    return headers;
}

static err *read_request(const struct data_source_call *asked, struct http_client_req *out)
{
    static const str METHODS[] = {S_INIT("GET"), S_INIT("POST"), S_INIT("PUT"), S_INIT("DELETE"),
        S_INIT("PATCH"), S_INIT("HEAD"), S_INIT("OPTIONS")};
    struct arena *arena = asked->call->arena;
    const struct json *params = json_get(asked->request, S("params"));
    const struct json *body = json_get(params, S("body"));
    str path = json_get_str(asked->request, S("resourcePath"));
    bool known = false;
    *out = (struct http_client_req){.method = json_get_str(asked->request, S("method")),
        .timeout_ms = HTTP_TIMEOUT_MS,
        .response_max = HTTP_RESPONSE_MAX};
    for (size_t i = 0; i < countof(METHODS); i++) {
        known = known || str_eq(METHODS[i], out->method);
    }
    if (!known) {
        return data_request_error(asked->call, S("Value for field '$[method]' not found."));
    }
    if (!str_starts(path, S("/"))) {
        return data_request_error(
            asked->call, S("Value for field '$[resourcePath]' must begin with a slash (/)."));
    }
    str base = asked->source->target;
    base = str_ends(base, S("/")) ? str_sub(base, 0, base.len - 1) : base;
    out->url = str_cat(arena, base, path, query_text(arena, json_get(params, S("query"))));
    read_headers(arena, json_get(params, S("headers")), out);
    if (!json_is_null(body)) {
        out->body = body->kind == JSON_STRING ? body->text : json_text(arena, body);
    }
    return NULL;
}

static err *run_http(const struct data_source_call *asked, struct data_answer *answer) YIELDS;

static err *run_http(const struct data_source_call *asked, struct data_answer *answer)
{
    struct arena *arena = asked->call->arena;
    struct http_client_req req = {};
    struct http_client_res res = {};
    TRY(read_request(asked, &req));
    err *e = http_fetch(arena, &req, &res);
    if (e != NULL) {
        bool late = e->code == ERR_TIMEOUT;
        answer->failure = data_error(asked->call,
            late ? S("Http:TimeoutException") : S("Http:ConnectionException"), e->text);
        return e->code == ERR_CANCELLED ? e : NULL;
    }
    struct json *result = json_object(arena);
    json_set(result, S("statusCode"), json_int(arena, res.status));
    json_set(result, S("headers"), headers_of(arena, &res));
    json_set(result, S("body"),
        str_is_utf8(res.body) ? json_string(arena, res.body)
                              : json_string(arena, base64_encode(arena, res.body)));
    answer->result = result;
    return NULL;
}

// ---- all ---------------------------------------------------------------------------------------

err *data_source_run(const struct data_source_call *asked, struct data_answer *answer)
{
    struct gql_call *call = asked->call;
    const struct data_source *source = asked->source;
    if (source->kind != DATA_SOURCE_NONE &&
        (asked->request == NULL || asked->request->kind != JSON_OBJECT)) {
        return data_request_error(call, S("Expected JSON object for a request mapping."));
    }
    switch (source->kind) {
    case DATA_SOURCE_NONE: answer->result = json_get(asked->request, S("payload")); return NULL;
    case DATA_SOURCE_TABLE: return data_dynamo_run(asked, answer);
    case DATA_SOURCE_FUNCTION: return run_function(asked, answer);
    case DATA_SOURCE_HTTP: return run_http(asked, answer);
    case DATA_SOURCE_UNSUPPORTED: break;
    }
    return data_error(call, S("UnsupportedOperation"),
        str_fmt(call->arena, "The data source %.*s can not be served here: %.*s", PRI(source->name),
            PRI(source->target)));
}
