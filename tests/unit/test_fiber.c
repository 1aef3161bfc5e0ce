// Fibers, loops, channels, the worker pool.
#include "fiber/fiber.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct test {
    struct loop *loop;
    int count;
    struct chan *chan;
    struct fiber *other;
    enum err_code code;
    u64 took_us;
    pthread_t thread;
    struct wake *wake;
};

static void run(struct test *test, void (*fn)(void *arg))
{
    test->loop = loop_new(0);
    // A fiber needs the loop to be current, which loop_run makes it; a posted call starts it.
    loop_post(test->loop, fn, test);
    loop_run(test->loop);
    loop_free(test->loop);
}

static void sleeper(void *arg)
{
    struct test *test = arg;
    u64 start = time_mono_us();
    assert_null(fiber_sleep(20));
    test->took_us = time_mono_us() - start;
    loop_stop(test->loop);
}

static void start_sleeper(void *arg)
{
    fiber_start("sleeper", sleeper, arg);
}

static void test_sleep(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_sleeper);
    assert_true(test.took_us >= 19000);
}

static void producer(void *arg)
{
    struct test *test = arg;
    for (intptr_t i = 1; i <= 1000; i++) {
        assert_null(chan_put(test->chan, (void *)i));
    }
    chan_close(test->chan);
}

static void consumer(void *arg)
{
    struct test *test = arg;
    void *item = NULL;
    while (chan_take(test->chan, &item) == NULL) {
        assert_int_equal((intptr_t)item, ++test->count);
    }
    loop_stop(test->loop);
}

static void start_chan(void *arg)
{
    struct test *test = arg;
    test->chan = chan_new(3);
    fiber_start("consumer", consumer, arg);
    fiber_start("producer", producer, arg);
}

static void test_chan(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_chan);
    assert_int_equal(test.count, 1000);
    chan_free(test.chan);
}

static void forever(void *arg)
{
    struct test *test = arg;
    err *e = fiber_wait();
    assert_non_null(e);
    test->code = e->code;
    loop_stop(test->loop);
}

static void canceller(void *arg)
{
    struct test *test = arg;
    assert_null(fiber_pause());
    fiber_cancel(test->other);
}

static void start_cancel(void *arg)
{
    struct test *test = arg;
    test->other = fiber_start("forever", forever, arg);
    fiber_start("canceller", canceller, arg);
}

static void test_cancel(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_cancel);
    assert_int_equal(test.code, ERR_CANCELLED);
}

static void late(void *arg)
{
    fiber_deadline(time_mono_us() + 10000);
    forever(arg);
}

static void start_late(void *arg)
{
    fiber_start("late", late, arg);
}

static void test_deadline(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_late);
    assert_int_equal(test.code, ERR_TIMEOUT);
}

static void one_of_many(void *arg)
{
    struct test *test = arg;
    assert_null(fiber_pause());
    if (++test->count == 5000) {
        loop_stop(test->loop);
    }
}

static void start_many(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        fiber_start("many", one_of_many, arg);
    }
}

static void test_many(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_many);
    assert_int_equal(test.count, 5000);
}

static void add_in_worker(void *arg)
{
    struct test *test = arg;
    assert_null(loop_current()); // a thread of the pool has no loop
    test->count += 7;
}

static void uses_worker(void *arg)
{
    struct test *test = arg;
    assert_null(worker_run(add_in_worker, test));
    loop_stop(test->loop);
}

static void start_worker(void *arg)
{
    fiber_start("worker", uses_worker, arg);
}

static void test_worker(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_worker);
    assert_int_equal(test.count, 7);
}

static void *other_thread(void *arg)
{
    struct test *test = arg;
    usleep(2000);
    wake_send(test->wake);
    return NULL;
}

static void waits_for_thread(void *arg)
{
    struct test *test = arg;
    struct wake wake;
    wake_init(&wake);
    test->wake = &wake;
    assert_int_equal(pthread_create(&test->thread, NULL, other_thread, test), 0);
    wake_wait(&wake);
    pthread_join(test->thread, NULL);
    test->count = 1;
    loop_stop(test->loop);
}

static void start_wake(void *arg)
{
    fiber_start("wake", waits_for_thread, arg);
}

static void test_wake_from_thread(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_wake);
    assert_int_equal(test.count, 1);
}

static void start_never_ending(void *arg)
{
    struct test *test = arg;
    fiber_start("forever", forever, arg);
    loop_stop(test->loop);
}

static void test_stop_cancels_everything(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_never_ending);
    assert_int_equal(test.code, ERR_CANCELLED);
}

static const char LOCAL_KEY = 0;

static void release_local(void *value)
{
    struct test *test = value;
    test->count *= 10;
}

static void sets_local(void *arg)
{
    struct test *test = arg;
    assert_null(loop_local(test->loop, &LOCAL_KEY));
    loop_set_local(test->loop, &LOCAL_KEY, test, release_local);
    assert_ptr_equal(loop_local(test->loop, &LOCAL_KEY), test);
    assert_null(loop_local(test->loop, test));
    test->count = 1;
    loop_stop(test->loop);
}

static void test_local_is_released(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, sets_local);
    assert_int_equal(test.count, 10);
}

static void takes_in_turn(void *arg)
{
    struct test *test = arg;
    void *item = NULL;
    int place = ++test->count;
    assert_null(chan_take(test->chan, &item));
    assert_int_equal((intptr_t)item, place); // who waited first gets the first
    if (place == 3) {
        loop_stop(test->loop);
    }
}

static void puts_three(void *arg)
{
    struct test *test = arg;
    while (test->count < 3) {
        assert_null(fiber_pause());
    }
    for (intptr_t i = 1; i <= 3; i++) {
        assert_null(chan_put(test->chan, (void *)i));
    }
}

static void start_in_turn(void *arg)
{
    struct test *test = arg;
    test->chan = chan_new(3);
    for (int i = 0; i < 3; i++) {
        fiber_start("taker", takes_in_turn, arg);
    }
    fiber_start("putter", puts_three, arg);
}

static void test_chan_is_fair(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, start_in_turn);
    chan_free(test.chan);
}

static void never_run(void *arg)
{
    struct test *test = arg;
    test->count = 1000;
}

// A post for a loop that has ended is dropped, and not leaked (LeakSanitizer would tell).
static void test_post_after_end(void **state)
{
    (void)state;
    struct test test = {.loop = loop_new(0)};
    loop_stop(test.loop);
    loop_run(test.loop);
    loop_post(test.loop, never_run, &test);
    loop_free(test.loop);
    assert_int_equal(test.count, 0);
}

// Loops that end at once while another thread has just woken them: the wake must be over before the
// loop can be freed.
static void *wakes_at_once(void *arg)
{
    wake_send(arg);
    return NULL;
}

static void waits_at_once(void *arg)
{
    struct test *test = arg;
    struct wake wake;
    wake_init(&wake);
    assert_int_equal(pthread_create(&test->thread, NULL, wakes_at_once, &wake), 0);
    wake_wait(&wake);
    loop_stop(test->loop); // without joining the thread first
}

static void start_at_once(void *arg)
{
    fiber_start("wake", waits_at_once, arg);
}

static void test_wake_races_with_end(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct test test = {};
        run(&test, start_at_once);
        pthread_join(test.thread, NULL);
    }
}

static void writes_to_closed(void *arg)
{
    struct test *test = arg;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    test->count = (int)write(ends[1], "x", 1); // SIGPIPE would end the process
    close(ends[1]);
    loop_stop(test->loop);
}

static void test_sigpipe_is_ignored(void **state)
{
    (void)state;
    struct test test = {};
    run(&test, writes_to_closed);
    assert_int_equal(test.count, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sleep),
        cmocka_unit_test(test_chan),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_worker),
        cmocka_unit_test(test_wake_from_thread),
        cmocka_unit_test(test_stop_cancels_everything),
        cmocka_unit_test(test_local_is_released),
        cmocka_unit_test(test_chan_is_fair),
        cmocka_unit_test(test_post_after_end),
        cmocka_unit_test(test_wake_races_with_end),
        cmocka_unit_test(test_sigpipe_is_ignored),
    };
    return cmocka_run_group_tests_name("fiber", tests, NULL, NULL);
}
