// Codes and key derivation by their published vectors.
#include "crypto/code.h"

#include "auth_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

// RFC 5869, A.1 to A.3.
static void test_hkdf(void **state)
{
    (void)state;

    const struct {
        const char *secret;
        const char *salt;
        const char *info;
        const char *out;
    } cases[] = {
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2"
         "c"
         "2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
            "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a"
            "8b"
            "8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
            "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9da"
            "db"
            "dcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41"
            "c6"
            "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
        {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        u8 out[128];
        str expected = from_hex(arena, str_from(cases[i].out));
        crypto_hkdf_sha256(from_hex(arena, str_from(cases[i].secret)),
            from_hex(arena, str_from(cases[i].salt)), from_hex(arena, str_from(cases[i].info)), out,
            expected.len);
        assert_memory_equal(out, expected.ptr, expected.len);
    }
}

// RFC 4648, 10, without the padding.
static void test_base32(void **state)
{
    (void)state;
    const char *cases[][2] = {{"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"},
        {"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
    for (size_t i = 0; i < countof(cases); i++) {
        str text = crypto_base32(arena, str_from(cases[i][0]));
        assert_string_equal(str_cstr(arena, text), cases[i][1]);
    }
    char secret[CRYPTO_TOTP_SECRET_SIZE] = {};
    assert_int_equal(crypto_base32(arena, (str){secret, sizeof(secret)}).len, 52);
}

static void test_totp_vectors(void **state)
{
    (void)state;
    const struct json *vectors = load_vectors(arena, S("totp"));
    const str sections[] = {S_INIT("rfc6238"), S_INIT("secret32")};
    for (size_t i = 0; i < countof(sections); i++) {
        const struct json *cases = json_get(vectors, sections[i]);
        assert_true(cases != NULL && cases->count >= 2);
        json_each (one, cases) {
            char code[CRYPTO_TOTP_DIGITS];
            str ascii = json_get_str(one, S("secret_ascii"));
            str secret =
                ascii.ptr != NULL ? ascii : from_hex(arena, json_get_str(one, S("secret_hex")));
            u64 now = (u64)json_get_int(one, S("unix_time"), 0);
            u64 last = 0;
            str right = json_get_str(one, S("code"));
            crypto_totp(secret, now / CRYPTO_TOTP_STEP_S, code);
            assert_memory_equal(code, right.ptr, CRYPTO_TOTP_DIGITS);
            assert_int_equal(crypto_totp_check(secret, right, now, &last), CRYPTO_TOTP_RIGHT);
            assert_int_equal(last, now / CRYPTO_TOTP_STEP_S);
            assert_true(
                str_eq(crypto_base32(arena, secret), json_get_str(one, S("secret_base32"))));
        }
    }
}

static enum crypto_totp_verdict check_code_of(u64 step, u64 now_s, u64 *last)
{
    char code[CRYPTO_TOTP_DIGITS];
    crypto_totp(S("12345678901234567890"), step, code);
    return crypto_totp_check(S("12345678901234567890"), (str){code, sizeof(code)}, now_s, last);
}

static void test_totp_window(void **state)
{
    (void)state;
    u64 step = 1111111111 / 30;
    for (int i = -3; i <= 3; i++) {
        u64 last = 0;
        bool near = i >= -1 && i <= 1;
        for (u64 second = 0; second < 30; second += 29) {
            last = 0;
            assert_int_equal(check_code_of(step + (u64)i, step * 30 + second, &last),
                near ? CRYPTO_TOTP_RIGHT : CRYPTO_TOTP_WRONG);
            assert_int_equal(last, near ? step + (u64)i : 0);
        }
    }
}

static void test_totp_once(void **state)
{
    (void)state;
    u64 step = 1111111111 / 30;
    u64 last = 0;
    assert_int_equal(check_code_of(step, step * 30, &last), CRYPTO_TOTP_RIGHT);
    assert_int_equal(check_code_of(step, step * 30, &last), CRYPTO_TOTP_USED);
    assert_int_equal(check_code_of(step - 1, step * 30, &last), CRYPTO_TOTP_USED);
    assert_int_equal(check_code_of(step + 1, step * 30, &last), CRYPTO_TOTP_RIGHT);
    assert_int_equal(check_code_of(step, step * 30, &last), CRYPTO_TOTP_USED);
    assert_int_equal(last, step + 1);
    const str bad[] = {(str){}, S("28708"), S("2870820"), S("287 082"), S("abcdef")};
    for (size_t i = 0; i < countof(bad); i++) {
        last = 0;
        assert_int_equal(
            crypto_totp_check(S("12345678901234567890"), bad[i], 59, &last), CRYPTO_TOTP_WRONG);
    }
    last = 0;
    assert_int_equal(check_code_of(1, 0, &last), CRYPTO_TOTP_RIGHT); // nothing is before step 0
}

static void test_secret_hash(void **state)
{
    (void)state;
    const struct json *cases = load_vectors(arena, S("secret_hash"));
    assert_true(cases->count >= 2);
    json_each (one, cases) {
        str hash = crypto_secret_hash(arena, json_get_str(one, S("client_secret")),
            json_get_str(one, S("username")), json_get_str(one, S("client_id")));
        assert_true(str_eq(hash, json_get_str(one, S("SECRET_HASH"))));
    }
}

// With 4 million digits a fair digit's count has a standard deviation of 600; a byte modulo 10
// would be off by 6250 for 0 to 5 and -9375 for 6 to 9. Eight deviations happen once in 10^15.
static void test_random_digits(void **state)
{
    (void)state;
    int counts[10] = {};
    str digits = crypto_random_digits(arena, 4000000);
    assert_int_equal(digits.len, 4000000);
    for (size_t i = 0; i < digits.len; i++) {
        assert_in_range(digits.ptr[i], '0', '9');
        counts[digits.ptr[i] - '0']++;
    }
    for (size_t i = 0; i < countof(counts); i++) {
        assert_in_range(counts[i], 400000 - 4800, 400000 + 4800);
    }
    assert_int_equal(crypto_random_digits(arena, 6).len, 6);
    assert_false(str_eq(crypto_random_digits(arena, 20), crypto_random_digits(arena, 20)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hkdf),
        cmocka_unit_test(test_base32),
        cmocka_unit_test(test_totp_vectors),
        cmocka_unit_test(test_totp_window),
        cmocka_unit_test(test_totp_once),
        cmocka_unit_test(test_secret_hash),
        cmocka_unit_test(test_random_digits),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
