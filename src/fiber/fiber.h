// Fibers, loops and the worker pool. One loop per thread over libuv; a fiber never leaves its loop.
// A fiber runs until it waits; every waiting function is marked YIELDS and fails with
// ERR_CANCELLED once the fiber has been cancelled and ERR_TIMEOUT once its deadline has passed.
#pragma once

#include "base/base.h"

#include <uv.h>

struct loop;
struct fiber;

// ---- loops ---------------------------------------------------------------------------------

// Makes a loop for the calling thread-to-be. `index` numbers the loops of the process from 0.
struct loop *loop_new(unsigned index);
// Runs until loop_stop. Call on the thread that owns the loop.
void loop_run(struct loop *loop);
// Asks the loop to end; any thread. Fibers still alive are cancelled and run to their end.
void loop_stop(struct loop *loop);
// After loop_run: releases the loop's values, parked stacks and all libuv handles left on it. What
// such a handle lies in must still be there. Any thread, when the loop's own has ended.
void loop_free(struct loop *loop);
// The calling thread's; NULL where none runs (worker threads too).
struct loop *loop_current(void);
// As given to loop_new.
unsigned loop_index(const struct loop *loop);
// For folders that bring handles of their own; they close them themselves.
uv_loop_t *loop_uv(struct loop *loop);
// Runs fn(arg) on the loop's thread, soon, in order of posting; any thread. What is posted when the
// loop has ended is never run.
void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);
// Number of fibers alive on the loop.
size_t loop_fiber_count(const struct loop *loop);
// Calls `fn(arg)` once at the end of each loop turn in which it was asked for with loop_turn_end
// (the store closes its read snapshot so). One hook per loop and owner `key`.
void loop_at_turn_end(struct loop *loop, const void *key, void (*fn)(void *arg), void *arg);
// Takes the hook of `key` away (its owner is about to go).
void loop_forget_turn_end(struct loop *loop, const void *key);
// A value that belongs to the loop, found by its owner's `key` (an address); NULL when none is set.
// loop_free calls `release(value)` first, while handles may still be closed.
void *loop_local(const struct loop *loop, const void *key);
// Sets it, once for each key.
void loop_set_local(struct loop *loop, const void *key, void *value, void (*release)(void *value));

// ---- fibers --------------------------------------------------------------------------------
// Starts a fiber on the calling thread's loop; it first runs at the next loop turn. `name` must be
// static. The fiber is freed when fn returns.
struct fiber *fiber_start(const char *name, void (*fn)(void *arg), void *arg);
// The same for fibers whose number an outsider decides: NULL when the system has no mapping left
// for another stack (Linux: vm.max_map_count allows some 32,000), where fiber_start ends the
// process.
struct fiber *fiber_try_start(const char *name, void (*fn)(void *arg), void *arg);
// False when the system soon has no room for another stack: take no new work from outside.
bool fiber_has_room(void);
// The one that is running; NULL outside a fiber (callbacks of libuv, other threads).
struct fiber *fiber_current(void);
// Makes the next (or present) wait fail with ERR_CANCELLED. Same thread only.
void fiber_cancel(struct fiber *fiber);
// True once it has been cancelled, which is for good.
bool fiber_is_cancelled(const struct fiber *fiber);
// Waits end with ERR_TIMEOUT after this moment (time_mono_us); 0 removes it. Returns the old one.
u64 fiber_deadline(u64 mono_us);
// Gives the memory of deeper calls, which have returned, back to the system: for a fiber that is
// about to wait for long. One system call.
void fiber_trim_stack(void);
// An arena that lives as long as the fiber.
struct arena *fiber_arena(void);

// Suspends until fiber_wake. Spurious wakes do not happen. The primitive under everything else.
[[nodiscard]] err *fiber_wait(void) YIELDS;
// As fiber_wait, ending with ERR_TIMEOUT at `mono_us` at the latest (0: only the fiber's deadline).
[[nodiscard]] err *fiber_wait_until(u64 mono_us) YIELDS;
// Wakes a waiting fiber (same thread). Waking one that does not wait makes its next wait return.
void fiber_wake(struct fiber *fiber);
// NULL after `ms`; ERR_TIMEOUT when the fiber's deadline comes first. Wakes in between are dropped.
[[nodiscard]] err *fiber_sleep(u64 ms) YIELDS;
// Lets the other fibers of this loop run.
[[nodiscard]] err *fiber_pause(void) YIELDS;

// A bounded queue of pointers between fibers of one loop.
struct chan;
// For up to `capacity` items; heap.
struct chan *chan_new(size_t capacity);
// No fiber may wait on it. What is still in it is the caller's to free before. NULL is allowed.
void chan_free(struct chan *chan);
// Waits for room. ERR_CLOSED after chan_close: the item is still the caller's, as after any error.
[[nodiscard]] err *chan_put(struct chan *chan, void *item) YIELDS;
// False when full or closed: the item is still the caller's.
bool chan_try_put(struct chan *chan, void *item);
// Waits for an item. ERR_CLOSED once the channel is closed and empty.
[[nodiscard]] err *chan_take(struct chan *chan, void **item) YIELDS;
// Nothing goes in any more; what is in it can still be taken. Wakes all who wait.
void chan_close(struct chan *chan);
// Items that are in it now.
size_t chan_count(const struct chan *chan);

// A condition other fibers of this loop wait for.
struct cond {
    struct fiber_waiter *first;
};

// Until the next signal; look at what is waited for again after it.
[[nodiscard]] err *cond_wait(struct cond *cond) YIELDS;
// Wakes all who wait now, the longest waiting first. Same loop, fiber or callback.
void cond_signal_all(struct cond *cond);

// ---- threads -------------------------------------------------------------------------------
// Runs fn(arg) on the worker pool while the fiber waits. Always waits for fn's end, also when
// cancelled (then returns ERR_CANCELLED after it), so `arg` may live on the fiber's stack.
[[nodiscard]] err *worker_run(void (*fn)(void *arg), void *arg) YIELDS;

// worker_run in two halves, for a fiber that has something else to do meanwhile. worker_begin is
// followed by worker_end of the same fiber, whatever happens in between: `job` and `arg` are in
// use until then.
struct worker_job;
// In `arena`; for one job after the other.
struct worker_job *worker_job_new(struct arena *arena);
// Starts it.
void worker_begin(struct worker_job *job, void (*fn)(void *arg), void *arg);
// Until it has ended; then as worker_run. At once when none was started.
[[nodiscard]] err *worker_end(struct worker_job *job) YIELDS;

// A wait that another thread ends: fill with wake_init on the fiber's thread, hand to the other
// thread, which calls wake_send once; wake_wait returns after that (never earlier, also when the
// fiber is cancelled or late), so the struct may live on the fiber's stack.
struct wake {
    struct loop *loop;
    struct fiber *fiber;
    struct wake *next;
    bool done;
};

// For the calling fiber, before `wake` is handed out.
void wake_init(struct wake *wake);
// Once, from any thread; `wake` may be gone when it returns.
void wake_send(struct wake *wake);
// Until wake_send. Neither a cancellation nor a deadline ends it.
void wake_wait(struct wake *wake) YIELDS;
