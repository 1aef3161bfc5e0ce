// The order of encoded keys against the order of their values.
#include "store_fixture.h"

static str encode(struct arena *arena, const char *number)
{
    struct buf out = buf_in(arena, 4096);
    assert_ok(
        store_key_encode(arena, json_number(arena, str_from(number)), STORE_KEY_NUMBER, &out));
    return buf_str(&out);
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_order(void **state)
{
    static const char *const rising[] = {"-9.99e125", "-1e125", "-12345678901234567890123456789",
        "-100.5", "-100", "-12", "-11.99", "-1.23", "-1.2", "-1", "-0.5", "-1e-130", "0", "1e-130",
        "0.0001", "0.5", "0.99", "1", "1.2", "1.23", "1.3", "9", "10", "11", "99", "100", "101",
        "1000000", "1e125", "9.9999999999999999999999999999999999999e125"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(rising); i++) {
        for (size_t k = 0; k < countof(rising); k++) {
            int order = sign(str_cmp(encode(arena, rising[i]), encode(arena, rising[k])));
            assert_int_equal(order, sign((int)i - (int)k));
        }
    }
    arena_free(arena);
}

static void test_equal(void **state)
{
    static const char *const same[][2] = {{"1", "1.0"}, {"100", "1e2"}, {"100", "0.1E+3"},
        {"-0", "0"}, {"0.000", "0e9"}, {"12.50", "125e-1"}, {"-0.0050", "-5e-3"},
        {"100000000000000000000000000000000000000000000", "1e44"}};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(same); i++) {
        assert_true(str_eq(encode(arena, same[i][0]), encode(arena, same[i][1])));
    }
    arena_free(arena);
}

static char *random_number(struct arena *arena, unsigned *seed)
{
    char *text = arena_alloc(arena, 128);
    size_t len = 0;
    size_t digits = 1 + (size_t)rand_r(seed) % 6;
    size_t point = (size_t)rand_r(seed) % 8;
    if (rand_r(seed) % 2 == 0) {
        text[len++] = '-';
    }
    text[len++] = (char)('0' + rand_r(seed) % 10);
    if (text[len - 1] == '0') {
        point = 0;
    }
    for (size_t i = 0; i < digits; i++) {
        if (i == point) {
            text[len++] = '.';
        }
        text[len++] = (char)('0' + rand_r(seed) % 3 * 4);
    }
    if (rand_r(seed) % 2 == 0) {
        snprintf(text + len, 16, "e%d", rand_r(seed) % 9 - 4);
    }
    return text;
}

static void test_random_numbers(void **state)
{
    unsigned seed = (unsigned)time_now_ms();
    struct arena *arena = arena_new();
    (void)state;
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < 20000; i++) {
        const char *a = random_number(arena, &seed);
        const char *b = random_number(arena, &seed);
        int wanted = sign(json_number_cmp(str_from(a), str_from(b)));
        int order = sign(str_cmp(encode(arena, a), encode(arena, b)));
        if (order != wanted) {
            print_error("%s and %s\n", a, b);
        }
        assert_int_equal(order, wanted);
        arena_reset(arena);
    }
    arena_free(arena);
}

static void test_refused(void **state)
{
    static const struct {
        const char *value;
        enum store_key_type type;
    } cases[] = {{"1e126", STORE_KEY_NUMBER}, {"-1e126", STORE_KEY_NUMBER},
        {"1e-131", STORE_KEY_NUMBER}, {"1e99999999999999999999", STORE_KEY_NUMBER},
        {"123456789012345678901234567890123456789", STORE_KEY_NUMBER}, {"''", STORE_KEY_STRING},
        {"'1'", STORE_KEY_NUMBER}, {"1", STORE_KEY_STRING}, {"null", STORE_KEY_STRING},
        {"true", STORE_KEY_STRING}, {"['a']", STORE_KEY_STRING}, {"{}", STORE_KEY_NUMBER}};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf out = buf_in(arena, 4096);
        assert_code(store_key_encode(arena, parse(arena, cases[i].value), cases[i].type, &out),
            ERR_INVALID);
        assert_int_equal(out.len, 0);
    }
    arena_free(arena);
}

static void test_strings(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    struct buf out = buf_in(arena, 4096);
    assert_ok(store_key_encode(arena, text_value(arena, "h\xc3\xa9"), STORE_KEY_STRING, &out));
    assert_true(str_eq(buf_str(&out), S("h\xc3\xa9")));
    char *longest = arena_alloc(arena, 2050);
    memset(longest, 'x', 2049);
    assert_code(
        store_key_encode(arena, text_value(arena, longest), STORE_KEY_STRING, &out), ERR_INVALID);
    longest[2048] = '\0';
    assert_ok(store_key_encode(arena, text_value(arena, longest), STORE_KEY_STRING, &out));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_random_numbers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
