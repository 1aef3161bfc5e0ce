// What a process answers: whole, in pieces, or with an error. Source: "Using the Lambda runtime API
// for custom runtimes" and "Response streaming" of the AWS Lambda developer guide.
#include "func/func_worker_int.h"

enum { PIECE = 32 * 1024 };

static err *refuse_id(struct http_req *req) YIELDS;

static err *refuse_id(struct http_req *req)
{
    return http_reply(req, 400, S("application/json"),
        S("{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}"));
}

// A call that is the process's, and that it has been given: retries have the id of their call.
static bool is_its_call(const struct func_worker *worker, str id)
{
    return worker->call != NULL && !worker->is_asking && worker->call_started_us > 0 &&
           str_eq(worker->call->request_id, id);
}

static void set_error(struct invocation *call, str payload)
{
    struct json *parsed = NULL;
    call->result.failed = true;
    call->result.payload = str_dup(call->arena, payload);
    if (json_parse(call->arena, call->result.payload, &parsed, NULL) == NULL) {
        call->result.error_type = json_get_str(parsed, S("errorType"));
        call->result.error_message = json_get_str(parsed, S("errorMessage"));
    }
}

static struct invocation *finish(struct func_worker *worker, bool good)
{
    struct invocation *call = worker->call;
    worker_end_call(worker, good ? S("") : FUNC_THROWN);
    worker->call = NULL;
    call->worker = NULL;
    return call;
}

static err *too_large(struct func_worker *worker, struct http_req *req, str message) YIELDS;

static err *too_large(struct func_worker *worker, struct http_req *req, str message)
{
    worker_fail_call(worker, S("Function.ResponseSizeTooLarge"), message);
    return http_reply(req, 413, S("application/json"),
        S("{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\","
          "\"errorType\":\"RequestEntityTooLarge\"}"));
}

// ---- in pieces ---------------------------------------------------------------------------------

// Passes the pieces on. The call may end meanwhile: by its time, or by the end of its process.
static err *pass_on(struct func_worker *worker, struct http_req *req, str id, u64 *total) YIELDS;

static err *pass_on(struct func_worker *worker, struct http_req *req, str id, u64 *total)
{
    struct func_stream *stream = stream_hold(worker->call->stream);
    char *bytes = arena_alloc(req->arena, PIECE);
    size_t got = 0;
    err *e = NULL;
    stream_begin(stream, http_header(req, S("content-type")));
    do {
        e = http_read_some(req, bytes, PIECE, &got);
        *total += got;
        if (e == NULL && got > 0 && *total <= FUNC_STREAM_MAX) {
            (void)stream_put(stream, (str){bytes, got}); // nobody wants more: it may go on
        }
    } while (e == NULL && got > 0 && is_its_call(worker, id) && *total <= FUNC_STREAM_MAX);
    stream_release(stream);
    return e;
}

// Behind the pieces: an error that came after the first of them.
static void set_trailing_error(struct invocation *call, struct http_req *req)
{
    str type = http_trailer(req, S("lambda-runtime-function-error-type"));
    str body = http_trailer(req, S("lambda-runtime-function-error-body"));
    str text = {};
    if (type.len > 0) {
        set_error(call, base64_decode(req->arena, body, &text) ? text : S("{}"));
        call->result.error_type = str_dup(call->arena, type);
    }
}

static err *answer_in_pieces(struct func_worker *worker, struct http_req *req, str id) YIELDS;

static err *answer_in_pieces(struct func_worker *worker, struct http_req *req, str id)
{
    u64 total = 0;
    err *e = pass_on(worker, req, id, &total);
    if (!is_its_call(worker, id)) {
        return e != NULL ? e : refuse_id(req);
    }
    if (total > FUNC_STREAM_MAX) {
        return too_large(worker, req,
            S("Response payload size exceeded maximum allowed payload size (209715200 bytes)."));
    }
    if (e != NULL) { // its end of the connection is gone, and the rest with it
        worker_fail_call(worker, S("Runtime.TruncatedResponse"),
            S("The runtime ended its response before the last piece."));
        return e;
    }
    struct invocation *call = finish(worker, true);
    set_trailing_error(call, req);
    invocation_end(call);
    return worker_reply_accepted(req);
}

// ---- whole -------------------------------------------------------------------------------------

// For a caller that wants it whole an answer in pieces is read to its end, with what follows it.
static err *answer_whole(
    struct func_worker *worker, struct http_req *req, str id, bool response) YIELDS;

static err *answer_whole(struct func_worker *worker, struct http_req *req, str id, bool response)
{
    str body = {};
    err *e = http_read_body(req, FUNC_PAYLOAD_MAX, &body);
    if (!is_its_call(worker, id)) {
        return refuse_id(req); // it was too late
    }
    if (e != NULL && e->code == ERR_TOO_LARGE) {
        return too_large(worker, req,
            S("Response payload size exceeded maximum allowed payload size (6291556 bytes)."));
    }
    TRY(e);
    struct invocation *call = finish(worker, response);
    if (response) {
        call->result.payload = str_dup(call->arena, body.len > 0 ? body : S("null"));
        set_trailing_error(call, req);
    } else {
        set_error(call, body.len > 0 ? body : S("{}"));
    }
    invocation_end(call);
    return worker_reply_accepted(req);
}

err *worker_answer(struct http_req *req)
{
    struct func_worker *worker = req->route_arg;
    str rest = req->route_rest;
    str id = {};
    TRY(worker_check_token(worker, req));
    (void)str_next(&rest, '/', &id);
    bool response = str_eq(rest, S("response"));
    str mode = http_header(req, S("lambda-runtime-function-response-mode"));
    if (!is_its_call(worker, id) || worker->is_answering ||
        (!response && !str_eq(rest, S("error")))) {
        return refuse_id(req);
    }
    worker->is_answering = true;
    return response && worker->call->stream != NULL && str_eq_nocase(mode, S("streaming"))
               ? answer_in_pieces(worker, req, str_dup(req->arena, id))
               : answer_whole(worker, req, str_dup(req->arena, id), response);
}
