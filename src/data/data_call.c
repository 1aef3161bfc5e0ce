// Calls of functions with a limit to the waiting: func_invoke itself waits for as long as the
// function takes.
#include "data/data_int.h"

// Whoever comes last, the caller or the call, frees it.
struct errand {
    struct arena *arena; // of its own
    struct func_hub *functions;
    struct func_call call;
    struct func_result result;
    err *failure;
    struct cond over;
    bool is_over;
    bool is_left; // the caller has gone
};

static void run_errand(void *arg) YIELDS
{
    struct errand *errand = arg;
    errand->failure = func_invoke(errand->functions, errand->arena, &errand->call, &errand->result);
    errand->is_over = true;
    if (errand->is_left) {
        arena_free(errand->arena);
    } else {
        cond_signal_all(&errand->over);
    }
}

static err *wait_for(struct errand *errand, u32 seconds) YIELDS;

static err *wait_for(struct errand *errand, u32 seconds)
{
    u64 limit = time_mono_us() + seconds * (u64)1000000;
    u64 old = fiber_deadline(limit);
    err *e = NULL;
    if (old != 0 && old < limit) {
        (void)fiber_deadline(old);
    }
    while (e == NULL && !errand->is_over) {
        e = cond_wait(&errand->over);
    }
    (void)fiber_deadline(old);
    return errand->is_over ? NULL : e;
}

err *data_call_function(struct data_hub *hub, struct arena *arena, const struct data_function *call,
    struct func_result *out)
{
    struct arena *own = arena_new();
    struct errand *errand = arena_new_of(own, struct errand);
    check(hub->functions != NULL && call->seconds > 0);
    *errand = (struct errand){.arena = own, .functions = hub->functions};
    errand->call =
        (struct func_call){.key = str_dup(own, call->key), .payload = str_dup(own, call->payload)};
    if (fiber_try_start("function of the data API", run_errand, errand) == NULL) {
        arena_free(own);
        return fail(arena, ERR_LIMIT, "Rate Exceeded.");
    }
    err *e = wait_for(errand, call->seconds);
    if (e != NULL) {
        errand->is_left = true;
        return err_copy(arena, e);
    }
    const struct func_result *r = &errand->result;
    *out = (struct func_result){.payload = str_dup(arena, r->payload),
        .failed = r->failed,
        .error_type = str_dup(arena, r->error_type),
        .error_message = str_dup(arena, r->error_message)};
    e = errand->failure != NULL ? err_copy(arena, errand->failure) : NULL;
    arena_free(own);
    return e;
}
