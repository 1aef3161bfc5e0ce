// /graphql: one request from bytes to bytes, with AppSync's whole-request errors.
#include "data/data_int.h"

enum {
    BODY_MAX = 4 * 1024 * 1024,
    REQUEST_SECONDS = 30, // AppSync's limit for one request
};

static const str JSON_TYPE = S_INIT("application/json;charset=UTF-8");

struct refusal { // of a whole request
    int status;
    str type;
    str message;               // AppSync's
    str info;                  // what is wrong in this one; none: nothing to add
    const struct gql_pos *pos; // where; NULL: nowhere in the document
};

static err *refuse(struct http_req *req, const struct refusal *refusal) YIELDS;

// {"errors":[{"errorType","message",...}]}, spaced as AppSync prints it.
static err *refuse(struct http_req *req, const struct refusal *refusal)
{
    struct buf body = buf_in(req->arena, 64 * 1024);
    buf_add(&body, S("{\n  \"errors\" : [ {\n    \"errorType\" : "));
    json_write_string(&body, refusal->type);
    buf_add(&body, S(",\n    \"message\" : "));
    json_write_string(&body, refusal->message);
    if (refusal->info.len > 0) {
        buf_add(&body, S(",\n    \"errorInfo\" : "));
        json_write_string(&body, refusal->info);
    }
    if (refusal->pos != NULL) {
        buf_fmt(&body,
            ",\n    \"locations\" : [ {\n      \"line\" : %u,\n      \"column\" : %u,\n"
            "      \"sourceName\" : null\n    } ]",
            (unsigned)refusal->pos->line, (unsigned)refusal->pos->column);
    }
    buf_add(&body, S("\n  } ]\n}"));
    http_add_header(req, S("x-amzn-ErrorType"), refusal->type);
    return http_reply(req, refusal->status, JSON_TYPE, buf_str(&body));
}

static struct refusal malformed(str message, str info)
{
    return (struct refusal){.status = 400,
        .type = S("MalformedHttpRequestException"),
        .message = message,
        .info = info};
}

struct request_text { // the parts of a GraphQL request
    str query;
    str operation_name;
    const struct json *variables;
};

// A GET carries the parts as parameters; the body of a POST is a JSON object with them, or the
// document itself. Returns what is wrong, or none.
static str read_parts(struct http_req *req, str body, struct request_text *out)
{
    struct json *root = NULL;
    struct json *variables = NULL;
    struct json_fault fault = {};
    bool get = req->method == HTTP_GET;
    str text = get ? http_query(req, S("variables")) : body;
    if (str_starts(http_header(req, S("content-type")), S("application/graphql"))) {
        out->query = body;
        return (str){};
    }
    if (text.len > 0 && json_parse(req->arena, text, &root, &fault) != NULL) {
        return str_fmt(req->arena, "It is not valid JSON: %s at line %u column %u.", fault.what,
            (unsigned)fault.line, (unsigned)fault.column);
    }
    if (root != NULL && root->kind != JSON_OBJECT) {
        return S("It must be a JSON object; batches are not supported.");
    }
    variables = get ? root : json_get(root, S("variables"));
    if (!json_is_null(variables) && variables->kind != JSON_OBJECT) {
        return S("The variables must be a JSON object.");
    }
    out->query = get ? http_query(req, S("query")) : json_get_str(root, S("query"));
    out->operation_name =
        get ? http_query(req, S("operationName")) : json_get_str(root, S("operationName"));
    out->variables = json_is_null(variables) ? NULL : variables;
    return out->query.len > 0 ? (str){} : S("It has no query.");
}

static err *refuse_unprepared(struct http_req *req, const struct gql_prepared *prepared,
    const struct request_text *text) YIELDS;

static err *refuse_unprepared(
    struct http_req *req, const struct gql_prepared *prepared, const struct request_text *text)
{
    struct buf out = buf_in(req->arena, 16 * 1024 * 1024);
    if (prepared->syntax != NULL) {
        struct refusal refusal =
            malformed(S("Unable to parse GraphQL query."), prepared->syntax->message);
        refusal.pos = &prepared->syntax->pos;
        return refuse(req, &refusal);
    }
    if (prepared->error != NULL && prepared->error->code == ERR_SYNTAX) { // no such operation
        bool unnamed = text->operation_name.len == 0;
        struct refusal refusal = malformed(
            unnamed ? S("Missing operation name.") : prepared->error->text, prepared->error->text);
        return refuse(req, &refusal);
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
        struct refusal refusal = {.status = 400,
            .type = S("OperationNotSupported"),
            .message = S("Subscriptions are not supported over HTTP; connect to the realtime "
                         "endpoint.")};
        return refuse(req, &refusal);
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
    struct refusal refusal = {.status = 503,
        .type = S("ServiceUnavailableException"),
        .message =
            S("No data API is served: the project defines none, or it is still being read.")};
    return refuse(req, &refusal);
}

static void tell_authoriser(struct http_req *req, str body, struct data_credentials *credentials)
{
    struct request_text text = {};
    (void)read_parts(req, body, &text); // what is wrong with it is told to who has been let in
    credentials->request_id = req->request_id;
    credentials->query = text.query;
    credentials->operation_name = text.operation_name;
    credentials->variables = text.variables;
    credentials->headers = data_request_headers(req->arena, req);
}

static err *serve(
    struct http_req *req, struct data_loop *here, struct data_request *request) YIELDS;

static err *serve(struct http_req *req, struct data_loop *here, struct data_request *request)
{
    struct request_text text = {};
    struct gql_prepared prepared = {};
    str body = {};
    struct data_credentials credentials = {.api_key = http_header(req, S("x-api-key")),
        .authorization = http_header(req, S("authorization"))};
    // A signature covers the body, and the Lambda authoriser is told what is asked.
    bool asks = request->service->authoriser.len > 0;
    bool body_first = asks || str_starts(credentials.authorization, S("AWS4-HMAC-SHA256"));
    if (body_first) {
        TRY(http_read_body(req, BODY_MAX, &body));
    }
    if (asks) {
        tell_authoriser(req, body, &credentials);
    }
    struct iam_request signed_request = iam_request_of(req, body);
    credentials.signed_request = &signed_request;
    err *e = data_identify(here->hub, req->arena, request->service, &credentials, &request->caller);
    if (e != NULL) {
        struct refusal refusal = {
            .status = data_refusal_status(e), .type = err_wire(e), .message = e->text};
        return refuse(req, &refusal);
    }
    if (!body_first) {
        TRY(http_read_body(req, BODY_MAX, &body));
    }
    bool empty = req->method == HTTP_POST && str_trim(body).len == 0;
    str problem = empty ? (str){} : read_parts(req, body, &text);
    if (empty || problem.len > 0) {
        struct refusal refusal = malformed(
            empty ? S("Request body is empty.") : S("Unable to parse GraphQL query."), problem);
        return refuse(req, &refusal);
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
        return refuse_unprepared(req, &prepared, &text);
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
    struct data_request request = {
        .service = data_service_hold(here->service), .hub = hub, .http = req};
    err *e = serve(req, here, &request);
    data_service_release(request.service);
    return e;
}
