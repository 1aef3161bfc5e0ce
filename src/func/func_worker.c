// Processes: started, spoken to over the Lambda Runtime API on a port of their own, ended when they
// take too long, idle for long, or are not of the function any more. Source: "Building a custom
// runtime", AWS Lambda developer guide; the runtime interface client for Node.
#include "func/func_int.h"

#include "net/net.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINGER_MS = 1000 }; // for a process to go, and for what it wrote to be read

enum { TOKEN_LEN = 32 }; // characters

enum { WORKER_MAGIC = 0x66776b72, LINE = 16 * 1024, OUTPUT_ROOM = 64 * 1024, ENV_MAX = 256 };

struct output { // of a process: one of its two streams
    struct func_worker *worker;
    uv_pipe_t pipe;
    char line[LINE];
    size_t len;
    char room[OUTPUT_ROOM];
};

struct func_worker {
    u32 magic;
    struct func_pool *pool;
    struct func_worker *next;
    struct func_service *service; // that its function is of
    const struct func_function *function;
    uv_process_t process;
    uv_timer_t
        limit; // until the call has to be over, the process has to ask, or it has idled enough
    struct output outputs[2];
    unsigned open_handles;
    struct net_listener *listener;
    struct http_router *router;
    struct http_server server;
    struct cond changed; // a call came, or it is to end
    struct invocation *call;
    u64 started_ms;
    u64 call_started_us;
    bool is_ready;  // it has asked for a call once
    bool is_asking; // and waits for one
    bool is_ending; // told to go
    bool has_exited;
    char token[TOKEN_LEN]; // of its requests: others on this machine can reach the port too
    int exit_code;
    int exit_signal;
    char tail[LOG_TAIL]; // of what it wrote during the call
    size_t tail_len;
};

// ---- logs --------------------------------------------------------------------------------------

static void keep_tail(struct func_worker *worker, str text)
{
    check(worker->tail_len <= LOG_TAIL);
    text = text.len > LOG_TAIL ? str_sub(text, text.len - LOG_TAIL, text.len) : text;
    size_t over =
        worker->tail_len + text.len > LOG_TAIL ? worker->tail_len + text.len - LOG_TAIL : 0;
    memmove(worker->tail, worker->tail + over, worker->tail_len - over);
    worker->tail_len -= over;
    memcpy(worker->tail + worker->tail_len, text.len > 0 ? text.ptr : "", text.len);
    worker->tail_len += text.len;
}

static void say(struct func_worker *worker, str line)
{
    keep_tail(worker, line);
    keep_tail(worker, S("\n"));
    func_say(worker->pool->here->hub, worker->function->name, line);
}

static void take_output(struct output *output, size_t got)
{
    check(got <= OUTPUT_ROOM && output->len <= LINE);
    for (size_t i = 0; i < got; i++) {
        if (output->room[i] == '\n' || output->len == LINE) {
            say(output->worker, (str){output->line, output->len});
            output->len = 0;
        }
        if (output->room[i] != '\n') {
            output->line[output->len++] = output->room[i];
        }
    }
}

// ---- the process -------------------------------------------------------------------------------

static void reap(struct func_loop *here);

static void close_once(uv_handle_t *handle, uv_close_cb closed)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, closed);
    }
}

static void handle_closed(uv_handle_t *handle)
{
    struct func_worker *worker = handle->data;
    check_magic(worker, WORKER_MAGIC);
    check(worker->open_handles > 0);
    worker->open_handles--;
    if (worker->has_exited && worker->open_handles == 1) { // the timer is left
        close_once((uv_handle_t *)&worker->limit, handle_closed);
    }
    reap(worker->pool->here);
}

static void output_closed(uv_handle_t *handle)
{
    struct output *output = handle->data;
    check_magic(output->worker, WORKER_MAGIC);
    handle->data = output->worker;
    handle_closed(handle);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct output *output = handle->data;
    (void)suggested;
    *out = uv_buf_init(output->room, OUTPUT_ROOM);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct output *output = stream->data;
    (void)bytes;
    if (got > 0) {
        take_output(output, (size_t)got);
    } else if (got < 0) {
        if (output->len > 0) {
            say(output->worker, (str){output->line, output->len});
        }
        close_once((uv_handle_t *)stream, output_closed);
    }
}

// What the process started may have left its group and hold its outputs for ever.
static void on_lingered(uv_timer_t *timer)
{
    struct func_worker *worker = timer->data;
    check(worker->has_exited);
    for (size_t i = 0; i < 2; i++) {
        close_once((uv_handle_t *)&worker->outputs[i].pipe, output_closed);
    }
}

// The whole group: what the handler has started goes with it.
static void kill_worker(struct func_worker *worker)
{
    check_magic(worker, WORKER_MAGIC);
    check(worker->has_exited || worker->process.pid > 0); // never the own group
    worker->is_ending = true;
    if (!worker->has_exited) {
        (void)kill(-worker->process.pid, SIGKILL);
    }
    cond_signal_all(&worker->changed);
}

static void fail_call(struct func_worker *worker, str type, str message)
{
    struct invocation *call = worker->call;
    check(call != NULL && call->worker == worker);
    worker->call = NULL;
    call->worker = NULL;
    call->result.log = str_dup(call->arena, (str){worker->tail, worker->tail_len});
    invocation_fail(call, type, message);
}

static str exit_text(struct func_worker *worker, struct arena *arena)
{
    const char *reason = worker->exit_signal != 0 ? "signal: killed" : "exit status";
    return worker->exit_signal != 0
               ? str_fmt(arena, "RequestId: %.*s Error: Runtime exited with error: %s",
                     PRI(worker->call->request_id), reason)
               : str_fmt(arena, "RequestId: %.*s Error: Runtime exited with error: %s %d",
                     PRI(worker->call->request_id), reason, worker->exit_code);
}

static void pool_next(struct func_pool *pool);
static void pool_after_exit(struct func_pool *pool, bool was_ready, int code);

static void on_exit_(uv_process_t *process, int64_t status, int signal_number)
{
    struct func_worker *worker = process->data;
    check_magic(worker, WORKER_MAGIC);
    worker->has_exited = true;
    worker->exit_code = (int)status;
    worker->exit_signal = signal_number;
    (void)kill(-process->pid, SIGKILL); // what it started and left
    if (worker->call != NULL) {
        fail_call(worker, S("Runtime.ExitError"), exit_text(worker, worker->call->arena));
    }
    worker->is_ending = true;
    cond_signal_all(&worker->changed);
    check(uv_timer_start(&worker->limit, on_lingered, LINGER_MS, 0) == 0);
    uv_close((uv_handle_t *)process, handle_closed);
    pool_next(worker->pool);
    pool_after_exit(worker->pool, worker->is_ready, worker->exit_code);
}

struct environment {
    struct arena *arena;
    char *items[ENV_MAX];
    size_t count;
};

static void set(struct environment *env, str name, str value)
{
    if (env->count < ENV_MAX - 1) {
        env->items[env->count++] = str_cstr(env->arena, str_cat(env->arena, name, S("="), value));
    }
}

static void set_credentials(struct func_worker *worker, struct environment *env)
{
    struct iam_credentials credentials = {};
    struct iam_grant grant = {.kind = IAM_FUNCTION,
        .role = worker->function->role,
        .session = worker->function->name,
        .lifetime_s = CREDENTIALS_S};
    err *e = iam_issue(worker->pool->here->hub->iam, env->arena, &grant, &credentials);
    if (e != NULL) {
        log_warn("func.credentials", "%.*s: %.*s", PRI(worker->function->name), PRI(e->text));
        return;
    }
    set(env, S("AWS_ACCESS_KEY_ID"), credentials.access_key_id);
    set(env, S("AWS_SECRET_ACCESS_KEY"), credentials.secret);
    set(env, S("AWS_SESSION_TOKEN"), credentials.session_token);
}

// What Lambda sets, then what the definitions set; nothing of this process's own but the path.
static void fill_environment(struct func_worker *worker, struct environment *env, u16 port)
{
    const struct func_function *f = worker->function;
    struct arena *a = env->arena;
    const char *path = getenv("PATH");
    const char *extra = getenv("NODE_EXTRA_CA_CERTS");
    set(env, S("PATH"), str_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"));
    set(env, S("LANG"), S("en_US.UTF-8"));
    set(env, S("TZ"), S(":UTC"));
    set(env, S("HOME"), S("/tmp"));
    set(env, S("_HANDLER"), S("index.handler"));
    set(env, S("AMPD_PROGRAM"), f->program);
    set(env, S("AMPD_RUNTIME_TOKEN"), (str){worker->token, TOKEN_LEN});
    set(env, S("AWS_REGION"), worker->service->region);
    set(env, S("AWS_DEFAULT_REGION"), worker->service->region);
    set(env, S("AWS_EXECUTION_ENV"), S("AWS_Lambda_nodejs20.x"));
    set(env, S("AWS_LAMBDA_FUNCTION_NAME"), f->name);
    set(env, S("AWS_LAMBDA_FUNCTION_VERSION"), S("$LATEST"));
    set(env, S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), str_fmt(a, "%u", f->memory_mb));
    set(env, S("AWS_LAMBDA_INITIALIZATION_TYPE"), S("on-demand"));
    set(env, S("AWS_LAMBDA_LOG_GROUP_NAME"), str_cat(a, S("/aws/lambda/"), f->name));
    set(env, S("AWS_LAMBDA_LOG_STREAM_NAME"), str_cat(a, S("[$LATEST]"), str_from("ampd")));
    set(env, S("AWS_LAMBDA_LOG_FORMAT"), f->json_logs ? S("JSON") : S("Text"));
    if (f->log_level.len > 0) {
        set(env, S("AWS_LAMBDA_LOG_LEVEL"), f->log_level);
    }
    set(env, S("AWS_LAMBDA_RUNTIME_API"), str_fmt(a, "127.0.0.1:%u", (unsigned)port));
    set(env, S("AWS_ENDPOINT_URL"), worker->service->endpoint);
    if (extra != NULL) {
        set(env, S("NODE_EXTRA_CA_CERTS"), str_from(extra));
    }
    set_credentials(worker, env);
    for (size_t i = 0; i < f->environment_count; i++) {
        set(env, f->environment[i].name, f->environment[i].value);
    }
}

static int spawn(struct func_worker *worker, struct arena *arena)
{
    check(worker->listener != NULL && worker->open_handles == 0);
    uv_loop_t *uv = loop_uv(loop_current());
    struct environment env = {.arena = arena};
    char heap[64];
    unsigned mb = worker->function->memory_mb < 64 ? 64 : worker->function->memory_mb;
    snprintf(heap, sizeof(heap), "--max-old-space-size=%u", mb);
    const char *args[] = {
        "node", heap, "--enable-source-maps", worker->pool->here->hub->bootstrap, NULL};
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}};
    fill_environment(worker, &env, net_listener_port(worker->listener));
    for (size_t i = 0; i < 2; i++) {
        check(uv_pipe_init(uv, &worker->outputs[i].pipe, 0) == 0);
        worker->outputs[i].worker = worker;
        worker->outputs[i].pipe.data = &worker->outputs[i];
        worker->open_handles++;
        stdio[i + 1] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
            .data.stream = (uv_stream_t *)&worker->outputs[i].pipe};
    }
    uv_process_options_t options = {.file = "node",
        .args = (char **)(void *)args,
        .env = env.items,
        .cwd = worker->pool->here->hub->folder,
        .flags = UV_PROCESS_DETACHED, // the leader of a group: it can be ended with all it started
        .exit_cb = on_exit_,
        .stdio = stdio,
        .stdio_count = 3};
    check(uv_timer_init(uv, &worker->limit) == 0);
    worker->limit.data = worker;
    worker->process.data = worker;
    worker->open_handles += 2;
    int rc = uv_spawn(uv, &worker->process, &options);
    for (size_t i = 0; i < 2; i++) {
        uv_stream_t *stream = (uv_stream_t *)&worker->outputs[i].pipe;
        if (rc == 0) {
            check(uv_read_start(stream, on_room, on_output) == 0);
        } else {
            uv_close((uv_handle_t *)stream, output_closed);
        }
    }
    if (rc != 0) {
        worker->has_exited = true;
        worker->is_ending = true;
        uv_close((uv_handle_t *)&worker->process, handle_closed);
    }
    return rc;
}

// ---- the Runtime API ---------------------------------------------------------------------------

static err *reply_accepted(struct http_req *req) YIELDS;

static err *reply_accepted(struct http_req *req)
{
    return http_reply(req, 202, S("application/json"), S("{\"status\":\"OK\"}"));
}

static void begin_call(struct func_worker *worker)
{
    struct invocation *call = worker->call;
    char line[128];
    check(call != NULL);
    snprintf(line, sizeof(line), "START RequestId: %.*s Version: $LATEST", PRI(call->request_id));
    worker->tail_len = 0;
    worker->is_asking = false;
    worker->call_started_us = time_mono_us();
    say(worker, str_from(line));
}

static void end_call(struct func_worker *worker)
{
    struct invocation *call = worker->call;
    char line[256];
    check(call != NULL && worker->call_started_us > 0);
    double ms = (double)(time_mono_us() - worker->call_started_us) / 1000;
    snprintf(line, sizeof(line), "END RequestId: %.*s", PRI(call->request_id));
    say(worker, str_from(line));
    snprintf(line, sizeof(line),
        "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %u MB",
        PRI(call->request_id), ms, ms + 0.5 < 1 ? 1 : ms + 0.5, worker->function->memory_mb);
    say(worker, str_from(line));
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
    if (call != NULL) {
        double seconds = (double)worker->function->timeout_ms / 1000;
        str text = str_fmt(call->arena, "RequestId: %.*s Error: Task timed out after %.2f seconds",
            PRI(call->request_id), seconds);
        say(worker,
            str_fmt(call->arena, "%.*s %.*s Task timed out after %.2f seconds",
                PRI(time_iso8601(call->arena, time_now_ms())), PRI(call->request_id), seconds));
        fail_call(worker, S("Sandbox.Timedout"), text);
    }
    kill_worker(worker);
}

static void start_limit(struct func_worker *worker, u64 ms)
{
    check(ms > 0);
    if (!worker->has_exited) {
        check(uv_timer_start(&worker->limit, on_limit, ms, 0) == 0);
    }
}

static err *check_token(const struct func_worker *worker, struct http_req *req)
{
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
    TRY(check_token(worker, req));
    if (worker->call != NULL && !worker->is_ready) { // the call it was started for
        worker->is_ready = true;
    }
    worker->is_ready = true;
    worker->is_asking = true;
    if (worker->call == NULL) {
        start_limit(worker, IDLE_MS);
    }
    pool_next(worker->pool);
    while (worker->call == NULL && !worker->is_ending) {
        TRY(cond_wait(&worker->changed));
    }
    if (worker->call == NULL) {
        return http_reply(req, 410, S("application/json"), S("{}"));
    }
    struct invocation *call = worker->call;
    begin_call(worker);
    call->deadline_ms = time_now_ms() + worker->function->timeout_ms;
    start_limit(worker, worker->function->timeout_ms);
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

static err *refuse_id(struct http_req *req) YIELDS;

static err *refuse_id(struct http_req *req)
{
    return http_reply(req, 400, S("application/json"),
        S("{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}"));
}

// "ID/response", "ID/error".
static err *runtime_answer(struct http_req *req) YIELDS
{
    struct func_worker *worker = req->route_arg;
    str rest = req->route_rest;
    str id = {};
    str body = {};
    TRY(check_token(worker, req));
    (void)str_next(&rest, '/', &id);
    bool response = str_eq(rest, S("response"));
    err *e = http_read_body(req, PAYLOAD_MAX, &body);
    if (worker->call == NULL || !str_eq(worker->call->request_id, id)) {
        return refuse_id(req); // it was too late, for instance
    }
    struct invocation *call = worker->call;
    struct json *parsed = NULL;
    if (e != NULL && e->code == ERR_TOO_LARGE) {
        end_call(worker);
        fail_call(worker, S("Function.ResponseSizeTooLarge"),
            S("Response payload size exceeded maximum allowed payload size (6291556 bytes)."));
        return http_reply(req, 413, S("application/json"), S("{}"));
    }
    TRY(e);
    end_call(worker);
    worker->call = NULL;
    call->worker = NULL;
    call->result.payload = str_dup(call->arena, body.len > 0 ? body : S("null"));
    if (!response) {
        call->result.failed = true;
        if (json_parse(call->arena, call->result.payload, &parsed, NULL) == NULL) {
            call->result.error_type = json_get_str(parsed, S("errorType"));
            call->result.error_message = json_get_str(parsed, S("errorMessage"));
        }
    }
    invocation_end(call);
    return reply_accepted(req);
}

// Loading the handler has failed: the calls that wait for this process are told why.
static err *runtime_init_error(struct http_req *req) YIELDS
{
    struct func_worker *worker = req->route_arg;
    check_magic(worker, WORKER_MAGIC);
    struct func_pool *pool = worker->pool;
    struct json *parsed = NULL;
    str body = {};
    TRY(check_token(worker, req));
    TRY(http_read_body(req, PAYLOAD_MAX, &body));
    err *e = json_parse(req->arena, body, &parsed, NULL);
    str type = e == NULL ? json_get_str(parsed, S("errorType")) : S("Runtime.InitError");
    str message = e == NULL ? json_get_str(parsed, S("errorMessage")) : body;
    worker->is_ending = true;
    start_limit(worker, LINGER_MS);
    while (pool->waiting != NULL) {
        struct invocation *call = pool->waiting;
        pool->waiting = call->next;
        pool->waiting_count--;
        call->result.log = str_dup(call->arena, (str){worker->tail, worker->tail_len});
        invocation_fail(call, type, message);
    }
    return reply_accepted(req);
}

static void mount(struct func_worker *worker)
{
    static const struct {
        enum http_method method;
        str path;
        http_handler handler;
    } ROUTES[] = {
        {HTTP_GET, S_INIT("/2018-06-01/runtime/invocation/next"), runtime_next},
        {HTTP_POST, S_INIT("/2018-06-01/runtime/invocation/*"), runtime_answer},
        {HTTP_POST, S_INIT("/2018-06-01/runtime/init/error"), runtime_init_error},
    };

    worker->router = http_router_new();
    for (size_t i = 0; i < countof(ROUTES); i++) {
        http_router_add(worker->router, &(struct http_route){.methods = ROUTES[i].method,
                                            .path = ROUTES[i].path,
                                            .handler = ROUTES[i].handler,
                                            .arg = worker});
    }
    worker->server = (struct http_server){worker->router, HTTP_LIMITS_DEFAULT};
    worker->server.limits.body_buffer_max = PAYLOAD_MAX + 1;
    worker->server.limits.idle_timeout_ms = 0;
    worker->server.limits.requests_max = SIZE_MAX;
}

// ---- the end of a worker -----------------------------------------------------------------------

static void worker_free(struct func_worker *worker)
{
    struct func_pool *pool = worker->pool;
    struct func_worker **link = &pool->workers;
    check(worker->call == NULL && worker->open_handles == 0 && pool->worker_count > 0);
    while (*link != worker) {
        link = &(*link)->next;
    }
    *link = worker->next;
    pool->worker_count--;
    http_router_free(worker->router);
    func_service_release(worker->service);
    worker->magic = 0;
    mem_free(worker);
}

static bool is_over(const struct func_worker *worker)
{
    return worker->has_exited && worker->open_handles == 0;
}

// Frees workers that have ended, once nobody speaks with them any more.
static void reap_fiber(void *arg) YIELDS
{
    struct func_loop *here = arg;
    bool again = true;
    while (again) {
        size_t pos = 0;
        str key = {};
        void *value = NULL;
        again = false;
        while (map_next(here->pools, &pos, &key, &value)) {
            struct func_worker *worker = ((struct func_pool *)value)->workers;
            while (worker != NULL) {
                struct func_worker *next = worker->next;
                if (is_over(worker) && worker->listener != NULL) {
                    net_listener_abort(worker->listener);
                }
                if (is_over(worker) &&
                    (worker->listener == NULL || net_listener_connections(worker->listener) == 0)) {
                    if (worker->listener != NULL) {
                        net_listener_free(worker->listener);
                    }
                    worker_free(worker);
                    here->processes--;
                    cond_signal_all(&here->quiet);
                } else {
                    again = again || is_over(worker);
                }
                worker = next;
            }
        }
        err *stopped = again ? fiber_sleep(5) : NULL;
        again = again && stopped == NULL;
    }
    here->is_reaping = false;
}

static void reap(struct func_loop *here)
{
    check(here->loop == loop_current());
    if (!here->is_reaping) {
        here->is_reaping = true;
        fiber_start("function processes", reap_fiber, here);
    }
}

// ---- starting ----------------------------------------------------------------------------------

static err *worker_start(struct func_pool *pool, struct arena *arena) YIELDS;

static err *worker_start(struct func_pool *pool, struct arena *arena)
{
    struct func_loop *here = pool->here;
    const struct func_function *function = func_find(here->service, pool->key);
    if (function == NULL) {
        return fail(arena, ERR_NOT_FOUND, "Function not found: %.*s", PRI(pool->key));
    }
    struct func_worker *worker = mem_new(struct func_worker);
    worker->magic = WORKER_MAGIC;
    memcpy(worker->token, random_text(arena, TOKEN_LEN).ptr, TOKEN_LEN);
    worker->pool = pool;
    worker->service = func_service_hold(here->service);
    worker->function = function;
    worker->started_ms = time_now_ms();
    mount(worker);
    worker->next = pool->workers;
    pool->workers = worker;
    pool->worker_count++;
    here->processes++;
    struct net_listen_options listen = {
        .host = "127.0.0.1", .connections_max = 8, .serve = http_serve, .arg = &worker->server};
    err *e = net_listen(arena, &listen, &worker->listener);
    int rc = e == NULL ? spawn(worker, arena) : 0;
    if (e != NULL) {
        worker->has_exited = true;
        worker->is_ending = true; // nobody waits for it to start
        reap(here);
        return e;
    }
    return rc == 0 ? NULL
                   : fail(arena, ERR_CONFIG, "cannot start node, which runs functions: %s",
                         uv_strerror(rc));
}

// ---- pools -------------------------------------------------------------------------------------

struct func_pool *pool_of(struct func_loop *here, str key)
{
    check(here->loop == loop_current());
    struct func_pool *pool = map_get(here->pools, key);
    if (pool == NULL) {
        pool = mem_alloc(sizeof(struct func_pool) + key.len);
        *pool = (struct func_pool){.here = here};
        pool->key = (str){memcpy(pool + 1, key.ptr, key.len), key.len};
        map_set(here->pools, pool->key, pool);
    }
    return pool;
}

// Its function is still defined as it was when the process was started.
static bool is_current(const struct func_worker *worker)
{
    const struct func_function *now = func_find(worker->pool->here->service, worker->pool->key);
    bool old = time_now_ms() - worker->started_ms > LIFE_MS;
    return now != NULL && str_eq(now->mark, worker->function->mark) && !old;
}

// Hands calls that wait to processes that ask.
static void pool_next(struct func_pool *pool)
{
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (w->is_asking && w->call == NULL && !w->is_ending && !is_current(w)) {
            kill_worker(w);
        }
        if (pool->waiting == NULL || !w->is_asking || w->call != NULL || w->is_ending) {
            continue;
        }
        struct invocation *call = pool->waiting;
        pool->waiting = call->next;
        pool->waiting_count--;
        call->worker = w;
        w->call = call;
        start_limit(w, w->function->timeout_ms);
        cond_signal_all(&w->changed);
    }
}

static size_t starting(const struct func_pool *pool)
{
    size_t count = 0;
    for (const struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        count += !w->is_ready && !w->is_ending;
    }
    return count;
}

static size_t alive(const struct func_pool *pool)
{
    size_t count = 0;
    for (const struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        count += !w->is_ending;
    }
    return count;
}

// A process that never asks for a call, and has not failed either, is ended.
static void watch_init(void *arg) YIELDS
{
    struct func_pool *pool = arg;
    if (fiber_sleep(INIT_MS) != NULL) {
        return;
    }
    u64 now = time_now_ms();
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (!w->is_ready && !w->is_ending && now - w->started_ms >= INIT_MS) {
            say(w, S("INIT_REPORT Phase: init Status: timeout"));
            kill_worker(w);
        }
    }
    while (alive(pool) == 0 && pool->waiting != NULL) {
        struct invocation *call = pool->waiting;
        pool->waiting = call->next;
        pool->waiting_count--;
        invocation_fail(call, S("Sandbox.Timedout"),
            S("Error: Task timed out while the handler was being loaded (10 seconds)"));
    }
}

static struct invocation *take_waiting(struct func_pool *pool)
{
    check(pool->waiting != NULL && pool->waiting_count > 0);
    struct invocation *call = pool->waiting;
    pool->waiting = call->next;
    pool->waiting_count--;
    return call;
}

static void refuse_waiting(struct func_pool *pool, const err *e)
{
    while (pool->waiting != NULL && alive(pool) == 0) {
        struct invocation *call = take_waiting(pool);
        call->refused = err_copy(call->arena, e);
        invocation_end(call);
    }
}

// Calls are waiting, and nobody is on the way to take them.
static void start_more(void *arg) YIELDS
{
    struct func_pool *pool = arg;
    err *e = NULL;
    while (e == NULL && !pool->here->is_stopping && pool->waiting_count > starting(pool) &&
           alive(pool) < WORKERS_MAX) {
        e = worker_start(pool, fiber_arena());
        if (e == NULL) {
            fiber_start("function start", watch_init, pool);
        }
    }
    if (e != NULL) {
        refuse_waiting(pool, e);
    }
}

// One that ended before it could take a call would end again: a call that waits is told.
static void pool_after_exit(struct func_pool *pool, bool was_ready, int code)
{
    if (!was_ready && pool->waiting != NULL && !pool->here->is_stopping) {
        struct invocation *call = take_waiting(pool);
        str text =
            str_fmt(call->arena, "RequestId: %.*s Error: Runtime exited with error: exit status %d",
                PRI(call->request_id), code);
        invocation_fail(call, S("Runtime.ExitError"), text);
    }
    if (pool->waiting != NULL) {
        fiber_start("function start", start_more, pool);
    }
}

void pool_submit(struct func_pool *pool, struct invocation *call)
{
    check(pool->here->loop == loop_current() && call->worker == NULL);
    struct invocation *last = pool->waiting_last;
    if (pool->waiting_count >= WAITING_MAX) {
        call->refused = fail(call->arena, ERR_LIMIT, "Rate Exceeded.");
        invocation_end(call);
        return;
    }
    call->next = NULL;
    *(pool->waiting != NULL ? &last->next : &pool->waiting) = call;
    pool->waiting_last = call;
    pool->waiting_count++;
    pool_next(pool);
    start_more(pool);
}

void pool_outdate(struct func_pool *pool)
{
    check(pool->here->loop == loop_current());
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (w->call == NULL && !w->is_ending && !is_current(w)) {
            kill_worker(w);
        }
    }
}

void pool_kill(struct func_pool *pool)
{
    check(pool->here->is_stopping);
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (!w->has_exited) { // even if it was to end by itself
            kill_worker(w);
        }
    }
    while (pool->waiting != NULL) {
        struct invocation *call = pool->waiting;
        pool->waiting = call->next;
        pool->waiting_count--;
        invocation_fail(call, S("ServiceException"), S("The server is going away."));
    }
}
