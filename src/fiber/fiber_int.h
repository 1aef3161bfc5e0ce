// Shared inside the folder: the structures of loops and fibers.
#pragma once

#include "fiber/fiber.h"

#include <pthread.h>

enum { HOOKS_MAX = 8, LOCALS_MAX = 8, POOL_MAX = 512 };

struct post {
    struct post *next;
    void (*fn)(void *arg);
    void *arg;
};

struct hook {
    const void *key;
    void (*fn)(void *arg);
    void *arg;
    bool asked;
};

struct local {
    const void *key;
    void *value;
    void (*release)(void *value);
};

enum { CHAN_MAGIC = 0x6368616e };

struct fiber_waiter { // a fiber waits for one condition at a time
    struct fiber *fiber;
    struct fiber_waiter *next;
    bool signalled;
};

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_WAITING, FIBER_UNINTERRUPTIBLE, FIBER_DONE };

struct fiber {
    struct loop *loop;
    const char *name;
    void (*fn)(void *arg);
    void *arg;
    enum fiber_state state;
    bool woken;
    bool cancelled;
    bool timed_out;
    u64 deadline_us;
    struct arena *arena;
    struct fiber *ready_next;
    struct fiber *older; // all living fibers of the loop
    struct fiber *newer;
    void *context; // where to jump to
    void *asan_fake_stack;
    void *tsan;  // clang's thread sanitizer's view of it
    char *stack; // lowest address, guard page included
    size_t stack_size;
    struct fiber_waiter waiter;
    uv_timer_t timer;
    bool timer_made;
};

struct loop {
    uv_loop_t uv;
    unsigned index;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_check_t check_handle;
    uv_idle_t idle;
    struct fiber *current;
    struct fiber *ready_first;
    struct fiber *ready_last;
    struct fiber *living;
    struct fiber *pool;
    size_t pool_count;
    size_t fiber_count;
    void *context; // of the thread's own stack while a fiber runs
    void *asan_fake_stack;
    void *tsan;
    const void *asan_stack;
    size_t asan_stack_size;
    struct hook hooks[HOOKS_MAX];
    size_t hook_count;
    struct local locals[LOCALS_MAX];
    size_t local_count;
    err cancelled;
    err timed_out;
    pthread_mutex_t lock; // guards the four below
    struct post *post_first;
    struct post *post_last;
    struct wake *wakes;
    bool stop_asked;
    bool stopping;
};

// Switches to a ready fiber until it waits or ends.
void fiber_switch_to(struct loop *loop, struct fiber *fiber);
// Puts it behind the ready ones. It must not be there already.
void fiber_make_ready(struct fiber *fiber);
// Unmaps the stacks of finished fibers.
void fiber_pool_free(struct loop *loop);
// What loop_current gives on this thread.
void loop_set_current(struct loop *loop);
