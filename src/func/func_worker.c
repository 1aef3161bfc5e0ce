// The Lambda Runtime API of a process, on a port of its own. Source: "Building a custom runtime",
// AWS Lambda developer guide; the runtime interface client for Node.
#include "func/func_worker_int.h"

#include <stdio.h>
#include <unistd.h>

void worker_fail_call(struct func_worker *worker, str type, str message)
{
    struct invocation *call = worker->call;
    check(call != NULL && call->worker == worker);
    if (worker->call_started_us > 0) {
        worker_end_call(worker, type);
    }
    worker->call = NULL;
    call->worker = NULL;
    call->result.log = str_dup(call->arena, (str){worker->tail, worker->tail_len});
    invocation_fail(call, type, message);
}

// ---- the Runtime API ---------------------------------------------------------------------------

err *worker_reply_accepted(struct http_req *req)
{
    return http_reply(req, 202, S("application/json"), S("{\"status\":\"OK\"}"));
}

static void begin_call(struct func_worker *worker)
{
    struct invocation *call = worker->call;
    check(call != NULL);
    str id = str_sub(call->request_id, 0, REQUEST_ID_LEN);
    process_drain(worker); // what it wrote after the last call
    memcpy(worker->last_id, id.ptr, id.len);
    worker->last_id_len = id.len;
    worker->tail_len = 0;
    worker->is_asking = false;
    worker->is_answering = false;
    worker->call_started_us = time_mono_us();
    watch_begin(worker->pool->here);
    worker_say(worker, func_frame_start(call->arena, worker->function, call->request_id));
}

// Memory now, as far as one system call tells: what else it started is added by the watcher.
static u64 memory_now(const struct func_worker *worker)
{
    char text[128];
    ssize_t got = worker->memory_fd >= 0 ? pread(worker->memory_fd, text, sizeof(text), 0) : 0;
    str rest = {text, got > 0 ? (size_t)got : 0};
    str word = {};
    u64 pages = 0;
    (void)str_next(&rest, ' ', &word);
    (void)str_next(&rest, ' ', &word);
    return str_to_u64(word, &pages) ? pages * (u64)sysconf(_SC_PAGESIZE) : 0;
}

void worker_end_call(struct func_worker *worker, str failure)
{
    struct invocation *call = worker->call;
    bool late = str_eq(failure, S("Sandbox.Timedout"));
    bool thrown = str_eq(failure, FUNC_THROWN);
    process_drain(worker);
    check(call != NULL && worker->call_started_us > 0);
    u64 memory = memory_now(worker);
    worker->memory_peak = memory > worker->memory_peak ? memory : worker->memory_peak;
    u64 mb = (worker->memory_peak + (1 << 20) - 1) >> 20;
    mb = mb < worker->function->memory_mb ? mb : worker->function->memory_mb;
    struct func_report report = {.request_id = call->request_id,
        .ms = (double)(time_mono_us() - worker->call_started_us) / 1000,
        .init_ms = (double)worker->init_us / 1000,
        .memory_mb = mb,
        .status = late               ? S("timeout")
                  : failure.len == 0 ? S("success")
                                     : S("error"),
        .error_type = late || thrown ? (str){} : failure};
    worker_say(worker, func_frame_end(call->arena, worker->function, call->request_id));
    worker_say(worker, func_frame_report(call->arena, worker->function, &report));
    worker->init_us = 0;
    worker->call_started_us = 0;
    call->result.log = str_dup(call->arena, (str){worker->tail, worker->tail_len});
}

// The process goes with a call that takes longer than it may; as does one that has answered and
// does not ask again, or has idled for long.
static void on_limit(uv_timer_t *timer)
{
    struct func_worker *worker = timer->data;
    struct invocation *call = worker->call;
    check_magic(worker, WORKER_MAGIC);
    check(!worker->has_exited);
    if (call == NULL && worker->is_asking && pool_is_warm(worker->pool, pool_alive(worker->pool))) {
        worker_start_limit(worker, IDLE_MS); // it is kept
        return;
    }
    if (call != NULL) {
        double seconds = (double)worker->function->timeout_ms / 1000;
        str text = str_fmt(call->arena, "RequestId: %.*s Error: Task timed out after %.2f seconds",
            PRI(call->request_id), seconds);
        process_drain(worker);
        str line = str_fmt(call->arena, "%.*s %.*s Task timed out after %.2f seconds",
            PRI(time_iso8601(call->arena, time_now_ms())), PRI(call->request_id), seconds);
        worker_say(worker, worker->function->json_logs ? (str){} : line); // the report tells
        worker_fail_call(worker, S("Sandbox.Timedout"), text);
    }
    process_kill(worker);
}

void worker_start_limit(struct func_worker *worker, u64 ms)
{
    check(ms > 0);
    if (!worker->has_exited) {
        check(uv_timer_start(&worker->limit, on_limit, ms, 0) == 0);
    }
}

// A runtime of ours shows the token of its process; of another one the connection was looked at.
err *worker_check_token(const struct func_worker *worker, struct http_req *req)
{
    if (worker->function->kind == FUNC_CUSTOM) {
        return NULL;
    }
    str given = http_header(req, S("ampd-runtime-token"));
    check_magic(worker, WORKER_MAGIC);
    return bytes_eq_secret(given, (str){worker->token, TOKEN_LEN})
               ? NULL
               : fail(req->arena, ERR_FORBIDDEN, "This port is another process's.");
}

// GET .../invocation/next: held until there is a call.
static err *runtime_next(struct http_req *req) YIELDS
{
    struct func_worker *worker = req->route_arg;
    TRY(worker_check_token(worker, req));
    if (!worker->is_ready) {
        worker->is_ready = true;
        worker->pool->failures = 0;
        worker->init_us = time_mono_us() - worker->started_us;
        worker->memory_fd = process_memory_open(worker);
    }
    worker->is_asking = true;
    if (worker->call == NULL) {
        worker_start_limit(worker, IDLE_MS);
    }
    pool_next(worker->pool);
    if (worker->call == NULL) {
        worker->init_us = 0; // nobody has waited for it
    }
    while (worker->call == NULL && !worker->is_ending) {
        TRY(cond_wait(&worker->changed));
    }
    if (worker->call == NULL) {
        return http_reply(req, 410, S("application/json"), S("{}"));
    }
    struct invocation *call = worker->call;
    begin_call(worker);
    call->deadline_ms = time_now_ms() + worker->function->timeout_ms;
    worker_start_limit(worker, worker->function->timeout_ms);
    http_add_header(req, S("Lambda-Runtime-Aws-Request-Id"), call->request_id);
    http_add_header(req, S("Lambda-Runtime-Deadline-Ms"),
        str_fmt(req->arena, "%llu", (unsigned long long)call->deadline_ms));
    http_add_header(req, S("Lambda-Runtime-Invoked-Function-Arn"), worker->function->arn);
    http_add_header(req, S("Lambda-Runtime-Trace-Id"),
        call->trace.len > 0
            ? str_dup(req->arena, call->trace)
            : str_cat(req->arena, S("Root=1-"), str_sub(call->request_id, 0, 8), S(";Sampled=0")));
    if (call->client_context.len > 0) {
        http_add_header(req, S("Lambda-Runtime-Client-Context"), call->client_context);
    }
    if (call->cognito_identity.len > 0) {
        http_add_header(req, S("Lambda-Runtime-Cognito-Identity"), call->cognito_identity);
    }
    return http_reply(req, 200, S("application/json"), str_dup(req->arena, call->payload));
}

// Loading the handler has failed: who waits for this process is told why.
static err *runtime_init_error(struct http_req *req) YIELDS
{
    struct func_worker *worker = req->route_arg;
    check_magic(worker, WORKER_MAGIC);
    struct func_pool *pool = worker->pool;
    struct json *parsed = NULL;
    str body = {};
    TRY(worker_check_token(worker, req));
    TRY(http_read_body(req, FUNC_PAYLOAD_MAX, &body));
    err *e = json_parse(req->arena, body, &parsed, NULL);
    str type = e == NULL ? json_get_str(parsed, S("errorType")) : (str){};
    type = type.len > 0 ? type : http_header(req, S("lambda-runtime-function-error-type"));
    type = type.len > 0 ? type : S("Runtime.InitError");
    str message = e == NULL ? json_get_str(parsed, S("errorMessage")) : body;
    worker->is_ending = true;
    worker->has_failed = true;
    worker_start_limit(worker, LINGER_MS);
    pool_init_failed(pool, worker, type, message);
    return worker_reply_accepted(req);
}

void worker_mount(struct func_worker *worker)
{
    static const struct {
        enum http_method method;
        str path;
        http_handler handler;
    } ROUTES[] = {
        {HTTP_GET, S_INIT("/2018-06-01/runtime/invocation/next"), runtime_next},
        {HTTP_POST, S_INIT("/2018-06-01/runtime/invocation/*"), worker_answer},
        {HTTP_POST, S_INIT("/2018-06-01/runtime/init/error"), runtime_init_error},
        {HTTP_GET, S_INIT("/2018-06-01/runtime/assignment"), spare_assignment},
    };

    worker->router = http_router_new();
    for (size_t i = 0; i < countof(ROUTES); i++) {
        http_router_add(worker->router, &(struct http_route){.methods = ROUTES[i].method,
                                            .path = ROUTES[i].path,
                                            .handler = ROUTES[i].handler,
                                            .arg = worker});
    }
    worker->server = (struct http_server){worker->router, HTTP_LIMITS_DEFAULT};
    worker->server.limits.body_buffer_max = FUNC_PAYLOAD_MAX + 1;
    worker->server.limits.gathers =
        true; // "accepted" goes with the next call, which is asked for already
    worker->server.limits.idle_timeout_ms = 0;
    worker->server.limits.requests_max = SIZE_MAX;
}

void worker_serve(struct net_stream *stream, void *arg)
{
    struct func_worker *worker = arg;
    check_magic(worker, WORKER_MAGIC);
    if (worker->function->kind != FUNC_CUSTOM || peer_is_own(worker, stream)) {
        http_serve(stream, &worker->server);
    } else {
        log_warn("func.stranger", "%.*s: a connection that is not its process's was closed",
            PRI(worker->function->name));
    }
}
