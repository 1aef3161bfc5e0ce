// Watches the memory of processes and their restlessness, and sees that nothing of them is left
// when they have ended. What costs more than a system call runs on the worker pool: a fiber of each
// loop asks for it.
#include "func/func_worker_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    BUSY_MS = 50, // between two looks while a call runs or a handler is loaded
    IDLE_LOOK_MS = 1000,
    WHOLE_EVERY = 10, // every so many looks at all that a session has, not just children
    PROCESSES_OF_ONE_MAX = 1024,
    DEPTH_MAX = 16,
    RESTLESS_MAX = 5,      // looks in a row, a second apart,
    RESTLESS_PERCENT = 10, // that find it computing as much without a call
};

struct watched { // one process with all it started
    int leader;
    u64 limit;
    u64 memory;
    u64 cpu_ms;
    size_t processes;
};

struct look {
    struct arena *arena;
    struct watched *items;
    size_t count;
    bool whole;
};

// ---- on the worker pool ------------------------------------------------------------------------

static void add_tree(struct watched *item, int pid, int depth)
{
    char path[64];
    char text[4096];
    struct process_stat stat = {};
    if (depth > DEPTH_MAX || !process_stat_read(pid, &stat)) {
        return;
    }
    item->memory += stat.memory;
    item->cpu_ms += stat.cpu_ms;
    item->processes++;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
    str rest = {text, got};
    str word = {};
    if (file != NULL) {
        fclose(file);
    }
    while (item->processes < PROCESSES_OF_ONE_MAX && str_next(&rest, ' ', &word)) {
        u64 child = 0;
        if (str_to_u64(word, &child)) {
            add_tree(item, (int)child, depth + 1);
        }
    }
}

static bool add_to_session(void *arg, const struct process_stat *stat)
{
    struct look *look = arg;
    for (size_t i = 0; i < look->count; i++) {
        if (look->items[i].leader == stat->session) {
            look->items[i].memory += stat->memory;
            look->items[i].cpu_ms += stat->cpu_ms;
            look->items[i].processes++;
        }
    }
    return false;
}

static void measure(void *arg)
{
    struct look *look = arg;
    size_t none = 0;
    if (look->whole) {
        (void)processes_find(look->arena, add_to_session, look, &none);
        return;
    }
    for (size_t i = 0; i < look->count; i++) {
        add_tree(&look->items[i], look->items[i].leader, 0);
    }
}

// ---- on the loop -------------------------------------------------------------------------------

static bool is_busy(const struct func_worker *worker)
{
    return worker->call != NULL || (!worker->is_ready && !worker->pool->is_spare);
}

static void gather(struct func_loop *here, struct look *look)
{
    size_t pos = 0;
    str key = {};
    void *pool = NULL;
    look->items = arena_array(look->arena, struct watched, here->processes + 1);
    while (map_next(here->pools, &pos, &key, &pool)) {
        for (struct func_worker *w = ((struct func_pool *)pool)->workers; w != NULL; w = w->next) {
            if (!w->has_exited && w->process.pid > 0 && look->count < here->processes) {
                look->items[look->count++] = (struct watched){
                    .leader = w->process.pid, .limit = (u64)w->function->memory_mb << 20};
            }
        }
    }
}

// A process has nothing to do between calls; on AWS it would be frozen.
static bool is_restless(struct func_worker *worker, const struct watched *item)
{
    u64 now = time_mono_us();
    u64 spent_ms = (now - worker->looked_us) / 1000;
    u64 used_ms = item->cpu_ms > worker->looked_cpu_ms ? item->cpu_ms - worker->looked_cpu_ms : 0;
    bool busy = is_busy(worker);
    if (!busy && spent_ms < IDLE_LOOK_MS / 2) {
        return false;
    }
    worker->restless =
        !busy && used_ms * 100 >= spent_ms * RESTLESS_PERCENT ? worker->restless + 1 : 0;
    worker->looked_us = now;
    worker->looked_cpu_ms = item->cpu_ms;
    return worker->restless >= RESTLESS_MAX;
}

static void judge(struct func_worker *worker, const struct watched *item)
{
    worker->memory_peak = item->memory > worker->memory_peak ? item->memory : worker->memory_peak;
    if (worker->is_ending) {
        return;
    }
    char line[256];
    if (item->memory > item->limit) {
        snprintf(line, sizeof(line), "%.*s uses more memory than its %u MB: its process is ended",
            PRI(worker->function->name), worker->function->memory_mb);
    } else if (item->processes >= PROCESSES_OF_ONE_MAX) {
        snprintf(line, sizeof(line), "%.*s runs more than %d processes: they are ended",
            PRI(worker->function->name), PROCESSES_OF_ONE_MAX - 1);
    } else if (is_restless(worker, item)) {
        snprintf(line, sizeof(line), "%.*s goes on computing after its call: its process is ended",
            PRI(worker->function->name));
    } else {
        return;
    }
    worker_say(worker, str_from(line));
    process_kill(worker);
}

// Returns how many are busy now.
static size_t apply(struct func_loop *here, const struct look *look)
{
    size_t pos = 0;
    str key = {};
    void *pool = NULL;
    size_t busy = 0;
    while (map_next(here->pools, &pos, &key, &pool)) {
        for (struct func_worker *w = ((struct func_pool *)pool)->workers; w != NULL; w = w->next) {
            for (size_t i = 0; i < look->count && !w->has_exited; i++) {
                if (w->process.pid == look->items[i].leader) {
                    judge(w, &look->items[i]);
                }
            }
            busy += !w->has_exited && is_busy(w);
        }
    }
    return busy;
}

static void watch(void *arg) YIELDS
{
    struct func_loop *here = arg;
    err *e = NULL;
    for (unsigned turn = 1; e == NULL && here->processes > 0 && !here->is_stopping; turn++) {
        struct look look = {.arena = arena_new(), .whole = turn % WHOLE_EVERY == 0};
        gather(here, &look);
        e = look.count > 0 ? worker_run(measure, &look) : NULL;
        size_t busy = apply(here, &look);
        arena_free(look.arena);
        here->watch_is_idle = busy == 0;
        u64 until = time_mono_us() + (busy > 0 ? BUSY_MS : IDLE_LOOK_MS) * 1000;
        here->watcher = fiber_current();
        e = e == NULL ? fiber_wait_until(until) : e;
        here->watcher = NULL;
        e = e != NULL && e->code == ERR_TIMEOUT ? NULL : e;
    }
    here->is_watching = false;
}

void watch_begin(struct func_loop *here)
{
    check(here->loop == loop_current());
    if (!here->is_watching) {
        here->is_watching = true;
        fiber_start("function memory", watch, here);
    } else if (here->watch_is_idle && here->watcher != NULL) {
        here->watch_is_idle = false;
        fiber_wake(here->watcher);
    }
}

// ---- what is left ------------------------------------------------------------------------------

struct sweep {
    struct arena *arena;
    int leader;
    char mark[64]; // what the environment of all that it started has
};

static bool is_left(void *arg, const struct process_stat *stat)
{
    const struct sweep *sweep = arg;
    char path[64];
    str environment = {};
    if (stat->session == sweep->leader || stat->group == sweep->leader) {
        return true;
    }
    snprintf(path, sizeof(path), "/proc/%d/environ", stat->pid);
    struct arena_mark mark = arena_mark(sweep->arena);
    err *e = file_read(sweep->arena, path, 1024 * 1024, &environment);
    // with the end of the variable: port 4000 is not 40001
    str whole = {sweep->mark, strlen(sweep->mark) + 1};
    bool found = e == NULL && str_find(environment, whole) >= 0;
    arena_rewind(sweep->arena, mark);
    return found && stat->pid != getpid();
}

static void sweep(void *arg)
{
    struct sweep *sweep = arg;
    struct arena *arena = arena_new();
    size_t count = 0;
    int *pids = processes_find(arena, is_left, sweep, &count);
    for (size_t i = 0; i < count; i++) {
        (void)kill(pids[i], SIGKILL);
    }
    arena_free(arena);
}

// What left the session is found by its environment: the port of the Runtime API, which is the
// process's own.
static void sweep_fiber(void *arg) YIELDS
{
    struct func_worker *worker = arg;
    struct sweep job = {.arena = arena_new(), .leader = worker->process.pid};
    snprintf(job.mark, sizeof(job.mark), "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%u",
        (unsigned)net_listener_port(worker->listener));
    err *e = worker_run(sweep, &job); // done also when this says that the loop ends
    arena_free(job.arena);
    worker->is_swept = e == NULL || e->code == ERR_CANCELLED;
    workers_reap(worker->pool->here);
}

void sweep_begin(struct func_worker *worker)
{
    check(worker->has_exited && !worker->is_swept);
    fiber_start("function remains", sweep_fiber, worker);
}
