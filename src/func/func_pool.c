// Pools: which process takes a call, when another one is started, and when one is not of the
// function any more.
#include "func/func_worker_int.h"

#include <unistd.h>

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
    if (worker->memory_fd >= 0) {
        close(worker->memory_fd);
    }
    mem_free(worker);
}

static bool is_over(const struct func_worker *worker)
{
    return worker->has_exited && worker->is_swept && worker->open_handles == 0;
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

void workers_reap(struct func_loop *here)
{
    check(here->loop == loop_current());
    if (!here->is_reaping) {
        here->is_reaping = true;
        fiber_start("function processes", reap_fiber, here);
    }
}

// ---- starting ----------------------------------------------------------------------------------

static struct func_worker *worker_new(
    struct func_pool *pool, struct arena *arena, const struct func_function *function)
{
    struct func_loop *here = pool->here;
    struct func_worker *worker = mem_new(struct func_worker);
    worker->magic = WORKER_MAGIC;
    memcpy(worker->token, random_text(arena, TOKEN_LEN).ptr, TOKEN_LEN);
    worker->pool = pool;
    worker->memory_fd = -1;
    worker->started_us = time_mono_us();
    worker->service = func_service_hold(here->service);
    worker->function = function;
    worker->started_ms = time_now_ms();
    worker_mount(worker);
    worker->next = pool->workers;
    pool->workers = worker;
    pool->worker_count++;
    here->processes++;
    return worker;
}

err *worker_start(struct func_pool *pool, struct arena *arena, const struct func_function *function)
{
    struct func_loop *here = pool->here;
    if (!pool->is_spare && spare_take(pool, function) != NULL) {
        spare_keep(here);
        return NULL;
    }
    struct func_worker *worker = worker_new(pool, arena, function);
    struct net_listen_options listen = {
        .host = "127.0.0.1", .connections_max = 8, .serve = worker_serve, .arg = worker};
    err *e = net_listen(arena, &listen, &worker->listener);
    if (e != NULL) {
        worker->has_exited = true;
        worker->is_swept = true;
        worker->is_ending = true; // nobody waits for it to start
    } else {
        e = process_spawn(worker, arena);
    }
    if (worker->has_exited) {
        workers_reap(here);
    }
    return e;
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
    if (worker->pool->is_spare) {
        return true;
    }
    const struct func_function *now = func_find(worker->pool->here->service, worker->pool->key);
    bool old = time_now_ms() - worker->started_ms > LIFE_MS;
    return now != NULL && str_eq(now->mark, worker->function->mark) && !old;
}

static struct invocation *take_waiting(struct func_pool *pool)
{
    struct invocation *call = pool->waiting;
    check(call != NULL && pool->waiting_count > 0 && pool->waiting_bytes >= call->payload.len);
    pool->waiting = call->next;
    pool->waiting_count--;
    pool->waiting_bytes -= call->payload.len;
    return call;
}

// Hands calls that wait to processes that ask.
void pool_next(struct func_pool *pool)
{
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (w->is_asking && w->call == NULL && !w->is_ending && !is_current(w)) {
            process_kill(w);
        }
        if (pool->waiting == NULL || !w->is_asking || w->call != NULL || w->is_ending) {
            continue;
        }
        if (process_has_died(w)) { // the loop has not heard of it yet: the call needs another one
            w->is_ending = true;
            continue;
        }
        struct invocation *call = take_waiting(pool);
        call->worker = w;
        w->call = call;
        worker_start_limit(w, w->function->timeout_ms);
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

size_t pool_alive(const struct func_pool *pool)
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
            worker_say(w, func_frame_init(fiber_arena(), w->function, INIT_MS));
            process_kill(w);
        }
    }
    while (pool_alive(pool) == 0 && pool->waiting != NULL) {
        struct invocation *call = take_waiting(pool);
        invocation_fail(call, S("Sandbox.Timedout"),
            S("Error: Task timed out while the handler was being loaded (10 seconds)"));
    }
}

void pool_watch_init(struct func_pool *pool)
{
    fiber_start("function start", watch_init, pool);
}

static void refuse_waiting(struct func_pool *pool, const err *e)
{
    while (pool->waiting != NULL && pool_alive(pool) == 0) {
        struct invocation *call = take_waiting(pool);
        call->refused = err_copy(call->arena, e);
        invocation_end(call);
    }
}

static err *start_one(struct func_pool *pool) YIELDS;

// A process has fibers of its own: where there is soon no room for another stack none is started.
static err *start_one(struct func_pool *pool)
{
    const struct func_function *function = func_find(pool->here->service, pool->key);
    if (function == NULL) {
        return fail(fiber_arena(), ERR_NOT_FOUND, "Function not found: %.*s", PRI(pool->key));
    }
    return fiber_has_room() ? worker_start(pool, fiber_arena(), function)
                            : fail(fiber_arena(), ERR_LIMIT, "Rate Exceeded.");
}

// Calls are waiting, and nobody is on the way to take them.
static void start_more(void *arg) YIELDS
{
    struct func_pool *pool = arg;
    err *e = NULL;
    while (e == NULL && !pool->here->is_stopping && pool->waiting_count > starting(pool) &&
           pool_alive(pool) < WORKERS_MAX && (pool->failures == 0 || starting(pool) == 0)) {
        e = start_one(pool);
        if (e == NULL) {
            fiber_start("function start", watch_init, pool);
        } else if (e->code == ERR_CLOSED) { // it changed meanwhile: another one
            e = NULL;
        }
    }
    if (e != NULL) {
        refuse_waiting(pool, e);
    }
}

static void start_later(struct func_pool *pool)
{
    static const err NO_ROOM = {.code = ERR_LIMIT, .text = S_INIT("Rate Exceeded.")};
    if (fiber_try_start("function start", start_more, pool) == NULL) {
        refuse_waiting(pool, &NO_ROOM);
    }
}

// The call that it was started for is told; those behind it get another process, unless loading has
// failed again and again: all of them would find the same.
void pool_init_failed(struct func_pool *pool, struct func_worker *worker, str type, str message)
{
    enum { ENOUGH = 3 };

    pool->failures++;
    while (pool->waiting != NULL) {
        struct invocation *call = take_waiting(pool);
        call->result.log = str_dup(call->arena, (str){worker->tail, worker->tail_len});
        invocation_fail(call, type, message);
        if (pool->failures < ENOUGH) {
            break;
        }
    }
}

// One that ended before it could take a call would end again: a call that waits is told.
void pool_after_exit(struct func_pool *pool, const struct func_worker *worker)
{
    pool->failures += !worker->is_ready && !worker->has_failed && !worker->was_told_to_go;
    // One whose definition has changed while it began says nothing of the next one.
    if (!worker->is_ready && !worker->has_failed && is_current(worker) && pool->waiting != NULL &&
        !pool->here->is_stopping) {
        struct invocation *call = take_waiting(pool);
        invocation_fail(
            call, S("Runtime.ExitError"), worker_exit_text(worker, call->arena, call->request_id));
    }
    if (pool->waiting != NULL) {
        start_later(pool);
    } else if (!pool->here->is_stopping) {
        warm_keep(pool->here);
    }
}

void pool_submit(struct func_pool *pool, struct invocation *call)
{
    check(pool->here->loop == loop_current() && call->worker == NULL);
    struct invocation *last = pool->waiting_last;
    if (pool->waiting_count >= WAITING_MAX ||
        pool->waiting_bytes + call->payload.len > WAITING_BYTES_MAX) {
        call->refused = fail(call->arena, ERR_LIMIT, "Rate Exceeded.");
        invocation_end(call);
        return;
    }
    call->next = NULL;
    *(pool->waiting != NULL ? &last->next : &pool->waiting) = call;
    pool->waiting_last = call;
    pool->waiting_count++;
    pool->waiting_bytes += call->payload.len;
    pool_next(pool);
    start_more(pool);
}

void pool_outdate(struct func_pool *pool)
{
    check(pool->here->loop == loop_current());
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (w->is_ending || is_current(w)) {
            continue;
        }
        pool->was_used = true;
        if (w->call == NULL) {
            process_kill(w);
        }
    }
    pool->failures = 0;
}

void pool_kill(struct func_pool *pool)
{
    check(pool->here->is_stopping);
    for (struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (!w->has_exited) { // even if it was to end by itself
            process_kill(w);
        }
    }
    while (pool->waiting != NULL) {
        struct invocation *call = take_waiting(pool);
        invocation_fail(call, S("ServiceException"), S("The server is going away."));
    }
}
