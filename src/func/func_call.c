// Calls: handed to the loop that has the function's processes, and waited for.
#include "func/func_worker_int.h"

struct func_loop *func_owner(struct func_hub *hub, str key)
{
    u64 sum = 14695981039346656037u; // FNV-1a
    for (size_t i = 0; i < key.len; i++) {
        sum = (sum ^ (u8)key.ptr[i]) * 1099511628211u;
    }
    return &hub->loops[sum % hub->count];
}

void invocation_end(struct invocation *call)
{
    check(call->owner->loop == loop_current());
    if (call->stream != NULL) {
        stream_end(call->stream);
    } else {
        wake_send(&call->wake);
    }
}

void invocation_fail(struct invocation *call, str type, str message)
{
    check(type.len > 0 && call->worker == NULL);
    struct json *error = json_object(call->arena);
    message = str_dup(call->arena, message);
    type = str_dup(call->arena, type);
    json_set(error, S("errorType"), json_string(call->arena, type));
    json_set(error, S("errorMessage"), json_string(call->arena, message));
    call->result.payload = json_text(call->arena, error);
    call->result.failed = true;
    call->result.error_type = type;
    call->result.error_message = message;
    invocation_end(call);
}

static void submit(void *arg) YIELDS
{
    struct invocation *call = arg;
    struct func_loop *here = call->owner;
    check(here->loop == loop_current());
    const struct func_function *function = func_find(here->service, call->key);
    if (function == NULL || here->is_stopping) {
        call->refused =
            fail(call->arena, ERR_NOT_FOUND, "Function not found: %.*s", PRI(call->key));
        invocation_end(call);
        return;
    }
    pool_submit(pool_of(here, function->key), call);
}

static void submit_posted(void *arg)
{
    struct invocation *call = arg;
    if (fiber_try_start("function call", submit, call) == NULL) {
        call->refused = fail(call->arena, ERR_LIMIT, "Rate Exceeded.");
        invocation_end(call);
    }
}

static struct invocation *invocation_new(
    struct func_hub *hub, const struct func_call *call, str key)
{
    struct arena *arena = arena_new();
    struct invocation *made = arena_new_of(arena, struct invocation);
    *made = (struct invocation){.arena = arena,
        .home = func_here(hub),
        .owner = func_owner(hub, key),
        .key = str_dup(arena, key),
        .request_id =
            call->request_id.len > 0 ? str_dup(arena, call->request_id) : random_uuid(arena),
        .trace = str_dup(arena, call->trace),
        .payload = str_dup(arena, call->payload),
        .client_context = str_dup(arena, call->client_context),
        .cognito_identity = str_dup(arena, call->cognito_identity)};
    return made;
}

static void copy_result(struct arena *arena, const struct invocation *from, struct func_result *out)
{
    const struct func_result *r = &from->result;
    *out = (struct func_result){.payload = str_dup(arena, r->payload),
        .failed = r->failed,
        .error_type = str_dup(arena, r->error_type),
        .error_message = str_dup(arena, r->error_message),
        .log = str_dup(arena, r->log),
        .request_id = str_dup(arena, from->request_id)};
}

// A new call, not on its way yet.
static err *prepare(struct func_hub *hub, struct arena *arena, const struct func_call *call,
    struct invocation **out)
{
    const struct func_function *function = func_find(func_here(hub)->service, call->key);
    if (function == NULL) {
        return fail(arena, ERR_NOT_FOUND, "Function not found: %.*s", PRI(call->key));
    }
    if (function->problem.len > 0) {
        return fail(arena, ERR_UNSUPPORTED, "%.*s", PRI(function->problem));
    }
    *out = invocation_new(hub, call, function->key);
    return NULL;
}

static void start_call(struct invocation *call) YIELDS;

static void start_call(struct invocation *call)
{
    if (call->owner == call->home) {
        submit(call);
    } else {
        loop_post(call->owner->loop, submit_posted, call);
    }
}

err *func_invoke(struct func_hub *hub, struct arena *arena, const struct func_call *call,
    struct func_result *out)
{
    struct invocation *made = NULL;
    TRY(prepare(hub, arena, call, &made));
    wake_init(&made->wake);
    start_call(made);
    wake_wait(&made->wake);
    err *e = made->refused != NULL ? err_copy(arena, made->refused) : NULL;
    copy_result(arena, made, out);
    arena_free(made->arena);
    return e;
}

err *func_invoke_event(struct func_hub *hub, struct arena *arena, const struct func_call *call)
{
    return hub->queue.add != NULL ? hub->queue.add(hub->queue.arg, arena, call)
                                  : fail(arena, ERR_UNSUPPORTED, "Events are not queued here.");
}

err *func_stream_open(struct func_hub *hub, struct arena *arena, const struct func_call *call,
    struct func_stream **out)
{
    struct invocation *made = NULL;
    TRY(prepare(hub, arena, call, &made));
    struct func_stream *stream = stream_new(made);
    made->stream = stream;
    start_call(made);
    stream_wait(stream);
    if (made->refused != NULL) {
        err *e = err_copy(arena, made->refused);
        func_stream_close(stream);
        return e;
    }
    *out = stream;
    return NULL;
}

void func_stream_result(
    const struct func_stream *stream, struct arena *arena, struct func_result *out)
{
    copy_result(arena, stream_call(stream), out);
}
