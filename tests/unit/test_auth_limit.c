// What one source address may do, with addresses and a clock of the test's own.
#include "auth/auth_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

// How many in a row are allowed.
static int take_all(struct auth_limiter *limiter, const char *peer, enum auth_limit limit, u64 now)
{
    int count = 0;
    while (count < 1000 * 1000 && auth_limiter_take(limiter, str_from(peer), limit, now)) {
        count++;
    }
    return count;
}

static void test_burst_and_leak(void **state)
{
    struct auth_limiter *limiter = auth_limiter_new();
    (void)state;
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 0), 50);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 9 * SECOND), 0);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 10 * SECOND), 1);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, MINUTE), 5);
    assert_int_equal(take_all(limiter, "203.0.113.8", AUTH_LIMIT_GUESSES, MINUTE), 50);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_REQUESTS, MINUTE), 200);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_REQUESTS, MINUTE + SECOND), 20);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 100 * MINUTE), 50);
    // After months, and a clock that stands still or goes back, nobody is let in early.
    u64 late = 1ULL << 50;
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, late), 50);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, late - MINUTE), 0);
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, late), 0);
    auth_limiter_free(limiter);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *one;
        const char *other;
        bool same;
    } PAIRS[] = {
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
        {"2001:db8:1:3::1", "2001:db8:1:4::1", false},
        {"198.51.100.1", "::ffff:198.51.100.1", true},
        {"198.51.100.2", "198.51.100.3", false},
        {"fe80::1%eth0", "fe80::2%eth1", true},
        {"127.0.0.1", "::1", true},
        {"127.0.0.1", "::ffff:127.0.0.9", true},
        {"127.0.0.1", "", true},
        {"::2", "127.0.0.1", false},
    };

    (void)state;
    for (size_t i = 0; i < countof(PAIRS); i++) {
        struct auth_limiter *limiter = auth_limiter_new();
        int all = take_all(limiter, PAIRS[i].one, AUTH_LIMIT_GUESSES, 0);
        int left = take_all(limiter, PAIRS[i].other, AUTH_LIMIT_GUESSES, 0);
        assert_true(all >= 50);
        assert_true((left == 0) == PAIRS[i].same);
        auth_limiter_free(limiter);
    }
}

static void test_local(void **state)
{
    struct auth_limiter *limiter = auth_limiter_new();
    (void)state;
    assert_int_equal(take_all(limiter, "::1", AUTH_LIMIT_GUESSES, 0), 2000);
    assert_int_equal(take_all(limiter, "127.0.0.1", AUTH_LIMIT_GUESSES, SECOND), 20);
    assert_int_equal(take_all(limiter, "127.0.0.1", AUTH_LIMIT_REQUESTS, SECOND), 20000);
    auth_limiter_free(limiter);
}

static void test_given_back(void **state)
{
    struct auth_limiter *limiter = auth_limiter_new();
    str peer = S("192.0.2.1");
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(auth_limiter_take(limiter, peer, AUTH_LIMIT_GUESSES, 0));
        auth_limiter_give(limiter, peer, AUTH_LIMIT_GUESSES);
    }
    assert_int_equal(take_all(limiter, "192.0.2.1", AUTH_LIMIT_GUESSES, 0), 50);
    auth_limiter_give(limiter, S("192.0.2.99"), AUTH_LIMIT_GUESSES); // never seen
    auth_limiter_free(limiter);
}

// Whoever has guessed is not forgotten for those who have only come by.
static void test_crowd(void **state)
{
    struct auth_limiter *limiter = auth_limiter_new();
    char peer[32];
    (void)state;
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 0), 50);
    for (int i = 0; i < 200 * 1000; i++) {
        snprintf(peer, sizeof(peer), "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        assert_true(auth_limiter_take(limiter, str_from(peer), AUTH_LIMIT_GUESSES, 0));
    }
    assert_int_equal(take_all(limiter, "203.0.113.7", AUTH_LIMIT_GUESSES, 0), 0);
    auth_limiter_free(limiter);
}

struct shared {
    struct auth_limiter *limiter;
    int taken;
};

static void *take_in_thread(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 10000; i++) {
        shared->taken += auth_limiter_take(shared->limiter, S("192.0.2.1"), AUTH_LIMIT_REQUESTS, 0);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct auth_limiter *limiter = auth_limiter_new();
    struct shared shared[4] = {};
    pthread_t threads[countof(shared)];
    int sum = 0;
    (void)state;
    for (size_t i = 0; i < countof(shared); i++) {
        shared[i].limiter = limiter;
        assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, &shared[i]), 0);
    }
    for (size_t i = 0; i < countof(shared); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sum += shared[i].taken;
    }
    assert_int_equal(sum, 200);
    auth_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_burst_and_leak),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_local),
        cmocka_unit_test(test_given_back), cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
