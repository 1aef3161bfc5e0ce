// Fibers: stacks with a guard page, the switch, waiting. The switch itself is libboost_context's
// pair of C symbols (12 ns here; swapcontext costs two system calls).
#include "fiber/fiber_int.h"

#include <stdio.h>
#include <sys/mman.h>

struct transfer {
    void *context;
    void *data;
};
extern struct transfer jump_fcontext(void *to, void *data);
extern void *make_fcontext(void *stack_top, size_t size, void (*entry)(struct transfer));

#if defined(__SANITIZE_ADDRESS__)
#    define WITH_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define WITH_ASAN 1
#    endif
#endif

#if defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define WITH_TSAN 1
#    endif
#endif

#ifdef WITH_TSAN
// As in sanitizer/tsan_interface.h, which would also declare what is defined below.
extern void *__tsan_get_current_fiber(void);
extern void *__tsan_create_fiber(unsigned flags);
extern void __tsan_destroy_fiber(void *fiber);
extern void __tsan_switch_to_fiber(void *fiber, unsigned flags);

static void tsan_make(struct fiber *fiber)
{
    fiber->tsan = __tsan_create_fiber(0);
}

static void tsan_free(struct fiber *fiber)
{
    __tsan_destroy_fiber(fiber->tsan);
}

static void tsan_enter(struct loop *loop, struct fiber *fiber)
{
    loop->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber->tsan, 0);
}

static void tsan_leave(struct loop *loop)
{
    __tsan_switch_to_fiber(loop->tsan, 0);
}
#else
static void tsan_make(struct fiber *fiber)
{
    (void)fiber;
}

static void tsan_free(struct fiber *fiber)
{
    (void)fiber;
}

static void tsan_enter(struct loop *loop, struct fiber *fiber)
{
    (void)loop;
    (void)fiber;
}

static void tsan_leave(struct loop *loop)
{
    (void)loop;
}
#endif

#ifdef WITH_ASAN
#    include <sanitizer/asan_interface.h>
#    include <sanitizer/common_interface_defs.h>

enum { STACK_SIZE = 1024 * 1024 }; // red zones make frames several times larger
#else
enum { STACK_SIZE = 128 * 1024 };

static void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
{
    (void)save;
    (void)bottom;
    (void)size;
}

static void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size)
{
    (void)save;
    (void)bottom;
    (void)size;
}
#endif

static void switch_to_loop(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    bool ends = fiber->state == FIBER_DONE;
    __sanitizer_start_switch_fiber(
        ends ? NULL : &fiber->asan_fake_stack, loop->asan_stack, loop->asan_stack_size);
    tsan_leave(loop);
    struct transfer back = jump_fcontext(loop->context, NULL);
    __sanitizer_finish_switch_fiber(
        ends ? NULL : fiber->asan_fake_stack, &loop->asan_stack, &loop->asan_stack_size);
    loop->context = back.context;
}

// Bottom of every fiber's stack. It never returns: a finished fiber is parked in the pool with its
// stack and runs the next function when taken out.
static void entry(struct transfer from)
{
    struct fiber *fiber = from.data;
    struct loop *loop = fiber->loop;
    __sanitizer_finish_switch_fiber(NULL, &loop->asan_stack, &loop->asan_stack_size);
    loop->context = from.context;
    for (;;) {
        fiber->fn(fiber->arg);
        fiber->state = FIBER_DONE;
        switch_to_loop(fiber);
    }
}

// More than one page, because a function of a library may have a frame larger than that and would
// step over it. It costs address space only.
enum { GUARD_SIZE = 64 * 1024 };

static char *stack_new(size_t size)
{
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(stack, GUARD_SIZE, PROT_NONE) != 0) { // the guard is a mapping of its own
        munmap(stack, size);
        return NULL;
    }
    return stack;
}

// A stack and its guard are two mappings, of which Linux allows a process 65,530 unless
// vm.max_map_count says otherwise. What fibers leave free is for the rest of the process: a library
// or malloc that finds none left fails.
enum { MAPPINGS_DEFAULT = 65530, MAPPINGS_EACH = 2, MAPPINGS_SPARE = 8192 };

static _Atomic size_t stacks; // of the process

static size_t stacks_max(void)
{
    static _Atomic size_t known;
    size_t max = known;
    if (max == 0) {
        unsigned long mappings = MAPPINGS_DEFAULT;
        FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
        if (file != NULL) {
            mappings = fscanf(file, "%lu", &mappings) == 1 ? mappings : MAPPINGS_DEFAULT;
            fclose(file);
        }
        max = mappings > 2 * MAPPINGS_SPARE ? (mappings - MAPPINGS_SPARE) / MAPPINGS_EACH
                                            : mappings / (2 * MAPPINGS_EACH);
        known = max;
    }
    return max;
}

bool fiber_has_room(void)
{
    struct loop *loop = loop_current();
    check(loop != NULL);
    return loop->pool != NULL || stacks < stacks_max();
}

static struct fiber *fiber_new(struct loop *loop)
{
    char *stack = stack_new(STACK_SIZE + GUARD_SIZE);
    if (stack == NULL) {
        return NULL;
    }
    struct fiber *fiber = mem_new(struct fiber);
    fiber->state = FIBER_DONE;
    stacks++;
    fiber->loop = loop;
    fiber->stack_size = STACK_SIZE + GUARD_SIZE;
    fiber->stack = stack;
    tsan_make(fiber);
    fiber->context = make_fcontext(stack + fiber->stack_size, STACK_SIZE, entry);
    return fiber;
}

static void timer_closed(uv_handle_t *handle)
{
    struct fiber *fiber = container_of((uv_timer_t *)handle, struct fiber, timer);
    mem_free(fiber);
}

static void fiber_free(struct fiber *fiber)
{
    check(fiber->state == FIBER_DONE && stacks > 0);
    tsan_free(fiber);
    munmap(fiber->stack, fiber->stack_size);
    stacks--;
    if (fiber->timer_made) {
        uv_close((uv_handle_t *)&fiber->timer, timer_closed);
    } else {
        mem_free(fiber);
    }
}

static void fiber_recycle(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    check(fiber->state == FIBER_DONE && loop->fiber_count > 0);
    if (fiber->older != NULL) {
        fiber->older->newer = fiber->newer;
    }
    if (fiber->newer != NULL) {
        fiber->newer->older = fiber->older;
    } else {
        loop->living = fiber->older;
    }
    loop->fiber_count--;
    arena_free(fiber->arena);
    fiber->arena = NULL;
    if (loop->pool_count >= POOL_MAX) {
        fiber_free(fiber);
        return;
    }
    fiber->ready_next = loop->pool;
    loop->pool = fiber;
    loop->pool_count++;
}

void fiber_pool_free(struct loop *loop)
{
    while (loop->pool != NULL) {
        struct fiber *fiber = loop->pool;
        loop->pool = fiber->ready_next;
        fiber_free(fiber);
    }
    loop->pool_count = 0;
}

void fiber_switch_to(struct loop *loop, struct fiber *fiber)
{
    check(loop->current == NULL && fiber->state == FIBER_READY);
    fiber->state = FIBER_RUNNING;
    loop->current = fiber;
    __sanitizer_start_switch_fiber(&loop->asan_fake_stack, fiber->stack, fiber->stack_size);
    tsan_enter(loop, fiber);
    struct transfer back = jump_fcontext(fiber->context, fiber);
    __sanitizer_finish_switch_fiber(loop->asan_fake_stack, NULL, NULL);
    fiber->context = back.context;
    loop->current = NULL;
    if (fiber->state == FIBER_DONE) {
        fiber_recycle(fiber);
    }
}

void fiber_make_ready(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    check(fiber->state != FIBER_READY); // it would stand in the queue twice
    fiber->state = FIBER_READY;
    fiber->ready_next = NULL;
    if (loop->ready_last != NULL) {
        loop->ready_last->ready_next = fiber;
    } else {
        loop->ready_first = fiber;
    }
    loop->ready_last = fiber;
}

struct fiber *fiber_start(const char *name, void (*fn)(void *arg), void *arg)
{
    struct fiber *fiber = fiber_try_start(name, fn, arg);
    check(fiber != NULL);
    return fiber;
}

struct fiber *fiber_try_start(const char *name, void (*fn)(void *arg), void *arg)
{
    struct loop *loop = loop_current();
    check(loop != NULL && fn != NULL);
    struct fiber *fiber = loop->pool;
    if (fiber != NULL) {
        loop->pool = fiber->ready_next;
        loop->pool_count--;
    } else {
        fiber = fiber_new(loop);
    }
    if (fiber == NULL) {
        return NULL;
    }
    fiber->name = name;
    fiber->fn = fn;
    fiber->arg = arg;
    fiber->woken = false;
    fiber->cancelled = loop->stopping;
    fiber->deadline_us = 0;
    fiber->older = loop->living;
    fiber->newer = NULL;
    if (loop->living != NULL) {
        loop->living->newer = fiber;
    }
    loop->living = fiber;
    loop->fiber_count++;
    fiber_make_ready(fiber);
    return fiber;
}

struct fiber *fiber_current(void)
{
    struct loop *loop = loop_current();
    return loop != NULL ? loop->current : NULL;
}

void fiber_cancel(struct fiber *fiber)
{
    check(fiber->loop == loop_current());
    fiber->cancelled = true;
    if (fiber->state == FIBER_WAITING) {
        fiber_make_ready(fiber);
    }
}

bool fiber_is_cancelled(const struct fiber *fiber)
{
    return fiber->cancelled;
}

u64 fiber_deadline(u64 mono_us)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL);
    u64 old = fiber->deadline_us;
    fiber->deadline_us = mono_us;
    return old;
}

void fiber_trim_stack(void)
{
#ifndef WITH_ASAN          // its records of the stack's frames would no longer fit
    enum { MARGIN = 512 }; // for the frame of madvise itself
    struct fiber *fiber = fiber_current();
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)fiber->stack + page; // above the guard page
    uintptr_t to = ((uintptr_t)__builtin_frame_address(0) - MARGIN) & ~(page - 1);
    if (to > from) {
        check(madvise((void *)from, to - from, MADV_DONTNEED) == 0);
    }
#endif
}

struct arena *fiber_arena(void)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL);
    if (fiber->arena == NULL) {
        fiber->arena = arena_new();
    }
    return fiber->arena;
}

static void on_timer(uv_timer_t *timer)
{
    struct fiber *fiber = container_of(timer, struct fiber, timer);
    if (fiber->state == FIBER_WAITING) {
        fiber->timed_out = true;
        fiber_make_ready(fiber);
    }
}

// libuv's timers are a heap in memory: starting and stopping one is no system call.
static void start_timer(struct fiber *fiber, u64 until_us, u64 now_us)
{
    if (!fiber->timer_made) {
        uv_timer_init(&fiber->loop->uv, &fiber->timer);
        fiber->timer_made = true;
    }
    uv_update_time(&fiber->loop->uv);
    uv_timer_start(&fiber->timer, on_timer, (until_us - now_us + 999) / 1000, 0);
}

err *fiber_wait_until(u64 mono_us)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL && fiber->state == FIBER_RUNNING);
    if (fiber->cancelled) {
        return &fiber->loop->cancelled;
    }
    if (fiber->woken) {
        fiber->woken = false;
        return NULL;
    }
    u64 until = fiber->deadline_us;
    until = until == 0 || (mono_us != 0 && mono_us < until) ? mono_us : until;
    u64 now = until != 0 ? time_mono_us() : 0;
    if (until != 0 && now >= until) {
        return &fiber->loop->timed_out;
    }
    if (until != 0) {
        start_timer(fiber, until, now);
    }
    fiber->timed_out = false;
    fiber->state = FIBER_WAITING;
    switch_to_loop(fiber);
    if (until != 0) {
        uv_timer_stop(&fiber->timer);
    }
    if (fiber->cancelled) {
        return &fiber->loop->cancelled;
    }
    if (fiber->woken) {
        fiber->woken = false;
        return NULL;
    }
    check(fiber->timed_out);
    return &fiber->loop->timed_out;
}

err *fiber_wait(void)
{
    return fiber_wait_until(0);
}

void fiber_wake(struct fiber *fiber)
{
    check(fiber->loop == loop_current());
    fiber->woken = true;
    if (fiber->state == FIBER_WAITING) {
        fiber_make_ready(fiber);
    }
}

err *fiber_sleep(u64 ms)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL);
    u64 until = time_mono_us() + ms * 1000;
    err *e = fiber_wait_until(until);
    while (e == NULL) { // somebody woke us for another reason
        e = fiber_wait_until(until);
    }
    bool slept = e->code == ERR_TIMEOUT && (fiber->deadline_us == 0 || fiber->deadline_us > until);
    return slept ? NULL : e;
}

err *fiber_pause(void)
{
    struct fiber *fiber = fiber_current();
    check(fiber != NULL);
    if (fiber->cancelled) {
        return &fiber->loop->cancelled;
    }
    if (fiber->deadline_us != 0 && time_mono_us() >= fiber->deadline_us) {
        return &fiber->loop->timed_out;
    }
    fiber_make_ready(fiber);
    switch_to_loop(fiber);
    return fiber->cancelled ? &fiber->loop->cancelled : NULL;
}

void wake_init(struct wake *wake)
{
    *wake = (struct wake){.loop = loop_current(), .fiber = fiber_current()};
    check(wake->fiber != NULL);
}

void wake_wait(struct wake *wake)
{
    struct fiber *fiber = wake->fiber;
    check(fiber == fiber_current());
    while (!wake->done) {
        fiber->state = FIBER_UNINTERRUPTIBLE;
        switch_to_loop(fiber);
    }
}
