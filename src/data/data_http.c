// POST /graphql: one request from bytes to bytes, with AppSync's whole-request errors.
#include "data/data_int.h"

enum {
    BODY_MAX = 4 * 1024 * 1024,
    REQUEST_SECONDS = 30, // AppSync's limit for one request
};

static const str JSON_TYPE = S_INIT("application/json;charset=UTF-8");

// {"errors":[{"errorType","message",...}]}, spaced as AppSync prints it.
static err *reply_failure(
    struct http_req *req, int status, str type, str message, const struct gql_fault *fault) YIELDS;

static err *reply_failure(
    struct http_req *req, int status, str type, str message, const struct gql_fault *fault)
{
    struct buf body = buf_in(req->arena, 64 * 1024);
    buf_add(&body, S("{\n  \"errors\" : [ {\n    \"errorType\" : "));
    json_write_string(&body, type);
    buf_add(&body, S(",\n    \"message\" : "));
    json_write_string(&body, message);
    if (fault != NULL) {
        buf_add(&body, S(",\n    \"errorInfo\" : "));
        json_write_string(&body, fault->message);
        buf_fmt(&body,
            ",\n    \"locations\" : [ {\n      \"line\" : %u,\n      \"column\" : %u,\n"
            "      \"sourceName\" : null\n    } ]",
            (unsigned)fault->pos.line, (unsigned)fault->pos.column);
    }
    buf_add(&body, S("\n  } ]\n}"));
    http_add_header(req, S("x-amzn-ErrorType"), type);
    return http_reply(req, status, JSON_TYPE, buf_str(&body));
}

static err *reply_malformed(struct http_req *req, str message) YIELDS;

static err *reply_malformed(struct http_req *req, str message)
{
    return reply_failure(req, 400, S("MalformedHttpRequestException"), message, NULL);
}

struct request_text { // the parts of a GraphQL request
    str query;
    str operation_name;
    const struct json *variables;
};

// Returns the message to refuse with, or none.
static str read_request(struct http_req *req, str body, struct request_text *out)
{
    struct json *root = NULL;
    struct json_fault fault = {};
    if (str_trim(body).len == 0) {
        return S("Request body is empty.");
    }
    if (str_starts(http_header(req, S("content-type")), S("application/graphql"))) {
        out->query = body;
        return (str){};
    }
    if (json_parse(req->arena, body, &root, &fault) != NULL) {
        return str_fmt(req->arena, "Request body is not valid JSON: %s at line %u column %u.",
            fault.what, (unsigned)fault.line, (unsigned)fault.column);
    }
    const struct json *variables = json_get(root, S("variables"));
    const struct json *query = json_get(root, S("query"));
    if (root->kind != JSON_OBJECT) {
        return S("Request body must be a JSON object; batches are not supported.");
    }
    if (json_is_null(query) || query->kind != JSON_STRING) {
        return S("Unable to parse GraphQL query.");
    }
    if (!json_is_null(variables) && variables->kind != JSON_OBJECT) {
        return S("The 'variables' of a request must be a JSON object.");
    }
    out->query = query->text;
    out->operation_name = json_get_str(root, S("operationName"));
    out->variables = json_is_null(variables) ? NULL : variables;
    return (str){};
}

static err *reply_unprepared(struct http_req *req, const struct gql_prepared *prepared) YIELDS;

static err *reply_unprepared(struct http_req *req, const struct gql_prepared *prepared)
{
    struct buf out = buf_in(req->arena, 16 * 1024 * 1024);
    if (prepared->syntax != NULL) {
        return reply_failure(req, 400, S("MalformedHttpRequestException"),
            S("Unable to parse GraphQL query."), prepared->syntax);
    }
    if (prepared->error != NULL && prepared->error->code == ERR_SYNTAX) {
        return reply_malformed(req, prepared->error->text);
    }
    gql_write_problems(&out, prepared);
    return http_reply(req, 200, JSON_TYPE, buf_str(&out));
}

static err *run_plan(struct http_req *req, struct data_request *request,
    const struct gql_plan *plan, const struct json *variables) YIELDS;

static err *run_plan(struct http_req *req, struct data_request *request,
    const struct gql_plan *plan, const struct json *variables)
{
    struct buf out = buf_in(req->arena, GQL_LIMITS_DEFAULT.result_max + 1024 * 1024);
    struct json *coerced = NULL;
    if (gql_plan_kind(plan) == GQL_SUBSCRIPTION) {
        return reply_failure(req, 400, S("OperationNotSupported"),
            S("Subscriptions are not supported over HTTP; connect to the realtime endpoint."),
            NULL);
    }
    err *e = gql_coerce_variables(req->arena, plan, variables, &coerced);
    if (e == NULL) {
        struct gql_exec exec = {.arena = req->arena,
            .schema = request->service->schema,
            .plan = plan,
            .limits = &request->service->limits,
            .variables = coerced,
            .request = request,
            .may_access = data_may_access,
            .wants_payload = data_wants_payload,
            .publish = data_publish};
        u64 old = fiber_deadline(time_mono_us() + REQUEST_SECONDS * (u64)1000000);
        e = gql_execute(&exec, &out);
        fiber_deadline(old); // a slow reader of the answer is the connection's business
    }
    if (e != NULL && (e->code == ERR_CANCELLED || e->code == ERR_CLOSED)) {
        return e;
    }
    if (e != NULL) {
        out = buf_in(req->arena, 64 * 1024); // the other one may have overflowed
        gql_write_error(&out, e);
    }
    return http_reply(req, 200, JSON_TYPE, buf_str(&out));
}

static err *reply_unserved(struct http_req *req) YIELDS;

static err *reply_unserved(struct http_req *req)
{
    return reply_failure(req, 503, S("ServiceUnavailableException"),
        S("No data API is served: the project defines none, or it is still being read."), NULL);
}

static err *serve(
    struct http_req *req, struct data_loop *here, struct data_request *request) YIELDS;

static err *serve(struct http_req *req, struct data_loop *here, struct data_request *request)
{
    struct request_text text = {};
    struct gql_prepared prepared = {};
    str body = {};
    err *e = data_identify(req->arena, request->service, http_header(req, S("x-api-key")),
        http_header(req, S("authorization")), &request->caller);
    if (e != NULL) {
        return reply_failure(req, 401, S("UnauthorizedException"), e->text, NULL);
    }
    TRY(http_read_body(req, BODY_MAX, &body));
    str problem = read_request(req, body, &text);
    if (problem.len > 0) {
        return reply_malformed(req, problem);
    }
    // The body was waited for: the service of the loop may have been replaced meanwhile, and the
    // cache's plans belong to the one in force.
    if (request->service != here->service) {
        data_service_release(request->service);
        request->service = data_service_hold(here->service);
    }
    if (request->service == NULL) {
        return reply_unserved(req);
    }
    gql_plan_cache_get(here->plans, req->arena, text.query, text.operation_name, &prepared);
    if (prepared.plan == NULL) {
        return reply_unprepared(req, &prepared);
    }
    e = run_plan(req, request, prepared.plan, text.variables);
    gql_plan_cache_release(NULL, prepared.plan);
    return e;
}

err *data_http_graphql(struct http_req *req)
{
    struct data_hub *hub = req->route_arg;
    struct data_loop *here = data_hub_here(hub);
    if (here->service == NULL) {
        return reply_unserved(req);
    }
    struct data_request request = {.service = data_service_hold(here->service), .hub = hub};
    err *e = serve(req, here, &request);
    data_service_release(request.service);
    return e;
}
