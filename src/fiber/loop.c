// Loops: libuv underneath, a queue of ready fibers, messages from other threads.
#include "fiber/fiber_int.h"

#include <signal.h>

static _Thread_local struct loop *thread_loop;

struct loop *loop_current(void)
{
    return thread_loop;
}

void loop_set_current(struct loop *loop)
{
    thread_loop = loop;
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

size_t loop_fiber_count(const struct loop *loop)
{
    return loop->fiber_count;
}

// Runs those that are ready now; fibers made ready meanwhile wait for the next round, so that
// sockets and timers are looked at in between.
static void run_ready(struct loop *loop)
{
    struct fiber *last = loop->ready_last;
    while (loop->ready_first != NULL) {
        struct fiber *fiber = loop->ready_first;
        loop->ready_first = fiber->ready_next;
        if (loop->ready_first == NULL) {
            loop->ready_last = NULL;
        }
        fiber_switch_to(loop, fiber);
        if (fiber == last) {
            break;
        }
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; // its being active keeps the loop from sleeping
}

static void on_check(uv_check_t *handle)
{
    run_ready(container_of(handle, struct loop, check_handle));
}

static void run_hooks(struct loop *loop)
{
    for (size_t i = 0; i < loop->hook_count; i++) {
        struct hook *hook = &loop->hooks[i];
        if (hook->asked) {
            hook->asked = false;
            hook->fn(hook->arg);
        }
    }
}

static void on_prepare(uv_prepare_t *handle)
{
    struct loop *loop = container_of(handle, struct loop, prepare);
    run_ready(loop);
    if (loop->stopping && loop->fiber_count == 0) {
        uv_stop(&loop->uv);
    }
    run_hooks(loop);
    if (loop->ready_first != NULL) {
        uv_idle_start(&loop->idle, on_idle);
    } else {
        uv_idle_stop(&loop->idle);
    }
}

static void begin_stop(struct loop *loop)
{
    check(!loop->stopping);
    loop->stopping = true;
    for (struct fiber *fiber = loop->living; fiber != NULL; fiber = fiber->older) {
        fiber_cancel(fiber);
    }
    if (loop->fiber_count == 0) {
        uv_stop(&loop->uv);
    }
}

// Wakes are a stack; reversing it keeps the order in which they were sent.
static void take_wakes(struct wake *wakes)
{
    struct wake *in_order = NULL;
    while (wakes != NULL) {
        struct wake *next = wakes->next;
        wakes->next = in_order;
        in_order = wakes;
        wakes = next;
    }
    while (in_order != NULL) {
        struct wake *next = in_order->next;
        check(!in_order->done && in_order->loop == loop_current()); // sent once, to its own loop
        in_order->done = true;
        if (in_order->fiber->state == FIBER_UNINTERRUPTIBLE) {
            fiber_make_ready(in_order->fiber);
        }
        in_order = next;
    }
}

static void on_async(uv_async_t *async)
{
    struct loop *loop = container_of(async, struct loop, async);
    pthread_mutex_lock(&loop->lock);
    struct post *posts = loop->post_first;
    struct wake *wakes = loop->wakes;
    bool stop = loop->stop_asked && !loop->stopping;
    loop->post_first = NULL;
    loop->post_last = NULL;
    loop->wakes = NULL;
    pthread_mutex_unlock(&loop->lock);
    take_wakes(wakes);
    while (posts != NULL) {
        struct post *next = posts->next;
        posts->fn(posts->arg);
        mem_free(posts);
        posts = next;
    }
    if (stop) {
        begin_stop(loop);
    }
}

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    check(fn != NULL);
    struct post *post = mem_new(struct post);
    *post = (struct post){.fn = fn, .arg = arg};
    pthread_mutex_lock(&loop->lock);
    if (loop->post_last != NULL) {
        loop->post_last->next = post;
    } else {
        loop->post_first = post;
    }
    loop->post_last = post;
    uv_async_send(&loop->async); // under the lock: see wake_send
    pthread_mutex_unlock(&loop->lock);
}

void wake_send(struct wake *wake)
{
    struct loop *loop = wake->loop; // `wake` may be gone once the lock is released
    pthread_mutex_lock(&loop->lock);
    wake->next = loop->wakes;
    loop->wakes = wake;
    // Under the lock: once it is released the fiber may run, end, and its loop be freed.
    uv_async_send(&loop->async);
    pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->stop_asked = true;
    uv_async_send(&loop->async); // under the lock: see wake_send
    pthread_mutex_unlock(&loop->lock);
}

struct loop *loop_new(unsigned index)
{
    struct loop *loop = mem_new(struct loop);
    // OpenSSL and curl write to sockets without MSG_NOSIGNAL: a peer that has gone must be an error
    // of that connection, not the end of the process.
    signal(SIGPIPE, SIG_IGN);
    loop->index = index;
    loop->cancelled =
        (err){.code = ERR_CANCELLED, .text = S("cancelled"), .file = __FILE__, .line = __LINE__};
    loop->timed_out =
        (err){.code = ERR_TIMEOUT, .text = S("timed out"), .file = __FILE__, .line = __LINE__};
    check(pthread_mutex_init(&loop->lock, NULL) == 0);
    check(uv_loop_init(&loop->uv) == 0);
    check(uv_async_init(&loop->uv, &loop->async, on_async) == 0);
    check(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    check(uv_check_init(&loop->uv, &loop->check_handle) == 0);
    check(uv_idle_init(&loop->uv, &loop->idle) == 0);
    check(uv_prepare_start(&loop->prepare, on_prepare) == 0);
    check(uv_check_start(&loop->check_handle, on_check) == 0);
    return loop;
}

void loop_run(struct loop *loop)
{
    check(thread_loop == NULL || thread_loop == loop);
    thread_loop = loop;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    check(loop->fiber_count == 0);
    run_hooks(loop);
}

static void drop_posts(struct loop *loop)
{
    while (loop->post_first != NULL) {
        struct post *post = loop->post_first;
        loop->post_first = post->next;
        mem_free(post);
    }
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

void loop_free(struct loop *loop)
{
    struct loop *outer = thread_loop;
    check(loop->fiber_count == 0 && loop->current == NULL);
    thread_loop = loop;
    for (size_t i = 0; i < loop->local_count; i++) {
        loop->locals[i].release(loop->locals[i].value);
    }
    fiber_pool_free(loop);
    drop_posts(loop);
    uv_walk(&loop->uv, close_handle, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {
    }
    check(uv_loop_close(&loop->uv) == 0);
    pthread_mutex_destroy(&loop->lock);
    thread_loop = outer == loop ? NULL : outer;
    mem_free(loop);
}

void loop_at_turn_end(struct loop *loop, const void *key, void (*fn)(void *arg), void *arg)
{
    check(loop == loop_current());
    for (size_t i = 0; i < loop->hook_count; i++) {
        if (loop->hooks[i].key == key) {
            loop->hooks[i].asked = true;
            return;
        }
    }
    check(loop->hook_count < HOOKS_MAX);
    loop->hooks[loop->hook_count++] =
        (struct hook){.key = key, .fn = fn, .arg = arg, .asked = true};
}

void loop_forget_turn_end(struct loop *loop, const void *key)
{
    for (size_t i = 0; i < loop->hook_count; i++) {
        if (loop->hooks[i].key == key) {
            loop->hooks[i] = loop->hooks[--loop->hook_count];
            return;
        }
    }
}

void *loop_local(const struct loop *loop, const void *key)
{
    for (size_t i = 0; i < loop->local_count; i++) {
        if (loop->locals[i].key == key) {
            return loop->locals[i].value;
        }
    }
    return NULL;
}

void loop_set_local(struct loop *loop, const void *key, void *value, void (*release)(void *value))
{
    check(loop_local(loop, key) == NULL && loop->local_count < LOCALS_MAX);
    loop->locals[loop->local_count++] =
        (struct local){.key = key, .value = value, .release = release};
}

struct worker_job {
    uv_work_t req;
    void (*fn)(void *arg);
    void *arg;
    struct wake wake;
};

static void on_work(uv_work_t *req)
{
    struct worker_job *work = container_of(req, struct worker_job, req);
    work->fn(work->arg);
}

static void on_worked(uv_work_t *req, int status)
{
    struct worker_job *work = container_of(req, struct worker_job, req);
    (void)status;
    work->wake.done = true;
    if (work->wake.fiber->state == FIBER_UNINTERRUPTIBLE) {
        fiber_make_ready(work->wake.fiber);
    }
}

err *worker_run(void (*fn)(void *arg), void *arg)
{
    struct worker_job job = {};
    worker_begin(&job, fn, arg);
    return worker_end(&job);
}

struct worker_job *worker_job_new(struct arena *arena)
{
    return arena_new_of(arena, struct worker_job);
}

void worker_begin(struct worker_job *job, void (*fn)(void *arg), void *arg)
{
    struct loop *loop = loop_current();
    check(loop != NULL && fn != NULL && job->fn == NULL);
    job->fn = fn;
    job->arg = arg;
    wake_init(&job->wake);
    check(uv_queue_work(&loop->uv, &job->req, on_work, on_worked) == 0);
}

err *worker_end(struct worker_job *job)
{
    struct loop *loop = loop_current();
    check(loop != NULL);
    if (job->fn != NULL) {
        wake_wait(&job->wake);
        job->fn = NULL;
    }
    return loop->current->cancelled ? &loop->cancelled : NULL;
}
