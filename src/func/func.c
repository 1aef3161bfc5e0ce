// The hub: what the loops share, and definitions on their way to each of them.
#include "func/func_worker_int.h"

struct func_hub *func_hub_new(struct loop **loops, size_t count)
{
    struct func_hub *hub = mem_new(struct func_hub);
    hub->magic = FUNC_HUB_MAGIC;
    hub->count = count;
    hub->interpreters = func_runtimes_new();
    hub->arena = arena_new();
    hub->loops = mem_alloc(count * sizeof(struct func_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i] = (struct func_loop){.hub = hub, .loop = loops[i], .pools = map_new(NULL)};
    }
    return hub;
}

void func_hub_free(struct func_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    check_magic(hub, FUNC_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        struct func_loop *here = &hub->loops[i];
        size_t pos = 0;
        str key = {};
        void *pool = NULL;
        while (map_next(here->pools, &pos, &key, &pool)) {
            mem_free(pool);
        }
        map_free(here->pools);
        func_service_release(here->service);
    }
    func_log_free(hub->log);
    hub->magic = 0;
    func_runtimes_free(hub->interpreters);
    arena_free(hub->arena);
    mem_free(hub->loops);
    mem_free(hub);
}

static void detect(void *arg)
{
    struct func_hub *hub = arg;
    sandbox_detect(&hub->sandbox, hub->arena);
}

void func_hub_open(struct func_hub *hub, const struct func_hub_options *options)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    check(options->iam != NULL);
    hub->iam = options->iam;
    hub->runtimes = options->runtimes;
    memcpy(hub->hidden, options->hidden, sizeof(hub->hidden));
    const struct func_log_options logs = {
        .folder = options->logs, .tell = options->log, .tell_arg = options->log_arg};
    hub->log = func_log_new(&logs);
    err *e = worker_run(detect, hub);
    struct arena *arena = arena_new();
    if (e == NULL) {
        log_info("func.isolation", "%.*s", PRI(func_hub_isolation(hub, arena)));
    }
    arena_free(arena);
}

str func_hub_isolation(const struct func_hub *hub, struct arena *arena)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    return sandbox_text(&hub->sandbox, arena);
}

struct func_loop *func_here(struct func_hub *hub)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    unsigned index = loop_index(loop_current());
    check(index < hub->count);
    return &hub->loops[index];
}

struct func_service *func_hub_service(struct func_hub *hub)
{
    return func_here(hub)->service;
}

bool func_hub_is_stopping(struct func_hub *hub)
{
    return func_here(hub)->is_stopping;
}

struct iam *func_hub_iam(const struct func_hub *hub)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    return hub->iam;
}

void func_hub_set_queue(struct func_hub *hub, const struct func_queue *queue)
{
    check(func_here(hub) == &hub->loops[0] && hub->queue.add == NULL);
    check(queue->add != NULL && queue->follow != NULL);
    hub->queue = *queue;
}

void func_say(struct func_hub *hub, const struct func_log_line *line)
{
    struct func_log_line now = *line;
    check(hub->log != NULL);
    now.time_ms = time_now_ms();
    func_log_add(hub->log, &now);
}

void func_hub_flush(struct func_hub *hub)
{
    if (hub->log != NULL) {
        func_log_flush(hub->log);
    }
}

struct handover {
    struct func_loop *here;
    struct func_service *service;
};

static void take_over(void *arg)
{
    struct handover *handover = arg;
    struct func_loop *here = handover->here;
    check(here->loop == loop_current());
    size_t pos = 0;
    str key = {};
    void *pool = NULL;
    func_service_release(here->service);
    here->service = handover->service;
    for (size_t i = 0; here->service != NULL && here->hub->log != NULL && i < here->service->count;
         i++) {
        const struct func_function *function = &here->service->functions[i];
        func_log_keep(here->hub->log, function->name, function->log_days);
    }
    while (map_next(here->pools, &pos, &key, &pool)) {
        pool_outdate(pool);
    }
    if (!here->is_stopping) {
        warm_begin(here);
    }
    if (here->hub->queue.follow != NULL && here == &here->hub->loops[0]) {
        here->hub->queue.follow(here->hub->queue.arg);
    }
    mem_free(handover);
}

void func_hub_set_service(struct func_hub *hub, struct func_service *service)
{
    check_magic(hub, FUNC_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], func_service_hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    func_service_release(service);
}

void func_hub_stop(struct func_hub *hub)
{
    struct func_loop *here = func_here(hub);
    size_t pos = 0;
    str key = {};
    void *pool = NULL;
    here->is_stopping = true;
    while (map_next(here->pools, &pos, &key, &pool)) {
        pool_kill(pool);
    }
    while (here->processes > 0 && cond_wait(&here->quiet) == NULL) {
    }
}

str func_arn(struct func_hub *hub, struct arena *arena, str key)
{
    const struct func_function *function = func_find(func_here(hub)->service, key);
    return function != NULL ? str_dup(arena, function->arn) : (str){};
}
