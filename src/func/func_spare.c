// Spare processes and warm ones: what is started before a call needs it. A spare is a process of
// Node.js that has loaded all but a function; one for each loop. Which function it becomes is told
// when a call comes: its start then costs no more than loading the handler.
#include "func/func_worker_int.h"

#include <stdlib.h>

enum { AFTER_MS = 300, LOOK_MS = 20 };

// Options of the interpreter are chosen when it starts: who has some of its own gets a new process.
static bool is_ordinary(const struct func_function *f)
{
    static const str STARTS[] = {S_INIT("NODE_"), S_INIT("UV_"), S_INIT("LD_"), S_INIT("MALLOC_"),
        S_INIT("OPENSSL_"), S_INIT("SSL_"), S_INIT("TZ"), S_INIT("LANG"), S_INIT("LC_")};
    bool ordinary = f->kind == FUNC_NODE && f->program.len > 0 && f->problem.len == 0;
    for (size_t i = 0; i < f->environment_count && ordinary; i++) {
        for (size_t j = 0; j < countof(STARTS); j++) {
            ordinary = ordinary && !str_starts(f->environment[i].name, STARTS[j]);
        }
    }
    return ordinary;
}

static bool fits(const struct func_worker *spare, const struct func_function *f)
{
    const struct func_function *like = spare->function;
    return spare->is_waiting_for_function && !spare->is_ending && is_ordinary(f) &&
           f->memory_mb == like->memory_mb && f->storage_mb == like->storage_mb &&
           str_eq(func_task_root(f), func_task_root(like));
}

static struct func_pool *spares_of(struct func_loop *here)
{
    struct func_pool *pool = pool_of(here, S(""));
    pool->is_spare = true;
    return pool;
}

// ---- becoming a function -----------------------------------------------------------------------

struct func_worker *spare_take(struct func_pool *pool, const struct func_function *function)
{
    struct func_loop *here = pool->here;
    struct func_pool *spares = spares_of(here);
    struct func_worker **link = &spares->workers;
    while (*link != NULL && !fits(*link, function)) {
        link = &(*link)->next;
    }
    struct func_worker *worker = *link;
    if (worker == NULL) {
        return NULL;
    }
    *link = worker->next;
    spares->worker_count--;
    worker->next = pool->workers;
    pool->workers = worker;
    pool->worker_count++;
    worker->pool = pool;
    func_service_release(worker->service);
    worker->service = func_service_hold(here->service);
    worker->function = function;
    worker->program = function->program;
    worker->started_ms = time_now_ms();
    worker->started_us = time_mono_us();
    worker->memory_peak = 0;
    worker->is_waiting_for_function = false;
    cond_signal_all(&worker->changed);
    return worker;
}

// GET .../assignment: held until it is known for which function the process is.
err *spare_assignment(struct http_req *req)
{
    struct func_worker *worker = req->route_arg;
    TRY(worker_check_token(worker, req));
    if (!worker->pool->is_spare) {
        return http_reply(req, 410, S("application/json"), S("{}"));
    }
    worker->is_waiting_for_function = true;
    while (worker->is_waiting_for_function && !worker->is_ending) {
        TRY(cond_wait(&worker->changed));
    }
    if (worker->is_ending) {
        return http_reply(req, 410, S("application/json"), S("{}"));
    }
    struct json *answer = json_object(req->arena);
    struct json *environment = json_object(req->arena);
    for (char **item = environment_make(worker, req->arena); *item != NULL; item++) {
        str text = str_from(*item);
        ptrdiff_t equals = str_find_char(text, '=');
        check(equals > 0);
        json_set(environment, str_sub(text, 0, (size_t)equals),
            json_string(req->arena, str_sub(text, (size_t)equals + 1, text.len)));
    }
    json_set(answer, S("environment"), environment);
    return http_reply(req, 200, S("application/json"), json_text(req->arena, answer));
}

// ---- keeping one -------------------------------------------------------------------------------

static bool is_candidate(const struct func_loop *here, const struct func_function *f)
{
    return is_ordinary(f) && func_owner(here->hub, f->key) == here;
}

// One of the loop's functions, of the memory that most of them have.
static const struct func_function *template_of(const struct func_loop *here)
{
    const struct func_service *service = here->service;
    const struct func_function *best = NULL;
    size_t most = 0;
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        const struct func_function *f = &service->functions[i];
        size_t alike = 0;
        for (size_t j = 0; j < service->count && is_candidate(here, f); j++) {
            const struct func_function *other = &service->functions[j];
            alike += is_candidate(here, other) && other->memory_mb == f->memory_mb &&
                     other->storage_mb == f->storage_mb;
        }
        best = alike > most ? f : best;
        most = alike > most ? alike : most;
    }
    return best;
}

static void start_spare(void *arg) YIELDS
{
    struct func_loop *here = arg;
    err *e = fiber_sleep(AFTER_MS); // what people wait for goes first
    struct func_pool *pool = spares_of(here);
    const struct func_function *like = e == NULL ? template_of(here) : NULL;
    if (like != NULL && !here->is_stopping && pool->worker_count == 0) {
        e = worker_start(pool, fiber_arena(), like);
    }
    if (e != NULL && e->code != ERR_CANCELLED) {
        log_warn("func.spare", "%.*s", PRI(e->text));
    }
    here->is_sparing = false;
}

void spare_keep(struct func_loop *here)
{
    const char *wanted = getenv("AMPD_FUNCTION_SPARE");
    if (!here->is_sparing && !here->is_stopping && (wanted == NULL || wanted[0] != '0')) {
        here->is_sparing = true;
        fiber_start("function spare", start_spare, here);
    }
}

// ---- warm processes ----------------------------------------------------------------------------

// How many processes the function of the pool is to have at any time.
static size_t wanted_of(const struct func_pool *pool)
{
    const struct func_function *f = func_find(pool->here->service, pool->key);
    if (f == NULL || f->problem.len > 0 || pool->is_spare || pool->failures > 0) {
        return 0;
    }
    size_t warm = f->warm < WORKERS_MAX ? f->warm : WORKERS_MAX;
    return warm > 0 || !pool->was_used ? warm : 1;
}

bool pool_is_warm(const struct func_pool *pool, size_t alive)
{
    const struct func_function *f = func_find(pool->here->service, pool->key);
    return f != NULL && alive <= f->warm;
}

static struct func_pool *next_cold(struct func_loop *here)
{
    size_t pos = 0;
    str key = {};
    void *pool = NULL;
    while (map_next(here->pools, &pos, &key, &pool)) {
        if (pool_alive(pool) < wanted_of(pool)) {
            return pool;
        }
    }
    return NULL;
}

static bool is_loading(const struct func_pool *pool)
{
    for (const struct func_worker *w = pool->workers; w != NULL; w = w->next) {
        if (!w->is_ready && !w->is_ending) {
            return true;
        }
    }
    return false;
}

// One after the other: many that start at once would hold up who waits for one of them.
static void warm(void *arg) YIELDS
{
    struct func_loop *here = arg;
    struct func_pool *pool = NULL;
    err *e = NULL;
    while (e == NULL && !here->is_stopping && (pool = next_cold(here)) != NULL) {
        struct arena *arena = arena_new();
        const struct func_function *function = func_find(here->service, pool->key);
        err *failed = worker_start(pool, arena, function);
        pool->failures += failed != NULL;
        arena_free(arena);
        if (failed == NULL) {
            pool_watch_init(pool);
        }
        while (e == NULL && is_loading(pool)) {
            e = fiber_sleep(LOOK_MS);
        }
        pool->was_used = false; // it has its process now, or cannot have one
    }
    here->is_warming = false;
}

void warm_keep(struct func_loop *here)
{
    if (!here->is_warming && !here->is_stopping && next_cold(here) != NULL) {
        here->is_warming = true;
        fiber_start("function warmth", warm, here);
    }
}

void warm_begin(struct func_loop *here)
{
    const struct func_service *service = here->service;
    bool any = false;
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        const struct func_function *f = &service->functions[i];
        if (func_owner(here->hub, f->key) == here) {
            any = true;
            if (f->warm > 0) {
                (void)pool_of(here, f->key);
            }
        }
    }
    warm_keep(here);
    if (any) {
        spare_keep(here);
    }
}
