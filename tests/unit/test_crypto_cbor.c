// CBOR by the examples of RFC 8949, appendix A: those WebAuthn needs are read, the others refused.
#include "crypto/cbor.h"

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

// NULL when refused.
static struct crypto_cbor *parse_bytes(str bytes)
{
    struct crypto_cbor *out = NULL;
    err *e = crypto_cbor_parse(arena, bytes, &out);
    assert_true(e == NULL || e->code == ERR_INVALID);
    return e == NULL ? out : NULL;
}

static struct crypto_cbor *parse(const char *hex)
{
    return parse_bytes(from_hex(arena, str_from(hex)));
}

static void test_integers(void **state)
{
    (void)state;

    const struct {
        const char *hex;
        i64 value;
    } cases[] = {
        {"00", 0}, {"01", 1}, {"0a", 10}, {"17", 23}, {"1818", 24}, {"1819", 25}, {"1864", 100},
        {"1903e8", 1000}, {"1a000f4240", 1000000}, {"1b000000e8d4a51000", 1000000000000},
        {"1b7fffffffffffffff", INT64_MAX}, {"20", -1}, {"29", -10}, {"3863", -100},
        {"3903e7", -1000}, {"3a000f423f", -1000000}, {"3b7fffffffffffffff", INT64_MIN}, {"1800", 0},
        {"190000", 0}, // longer than need be, as some encoders write
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct crypto_cbor *item = parse(cases[i].hex);
        assert_non_null(item);
        assert_int_equal(item->kind, CRYPTO_CBOR_INT);
        assert_true(item->integer == cases[i].value);
    }
}

static void test_strings(void **state)
{
    (void)state;

    const struct {
        const char *hex;
        enum crypto_cbor_kind kind;
        str value;
    } cases[] = {
        {"40", CRYPTO_CBOR_BYTES, S("")},
        {"4401020304", CRYPTO_CBOR_BYTES, S("\1\2\3\4")},
        {"60", CRYPTO_CBOR_TEXT, S("")},
        {"6161", CRYPTO_CBOR_TEXT, S("a")},
        {"6449455446", CRYPTO_CBOR_TEXT, S("IETF")},
        {"62225c", CRYPTO_CBOR_TEXT, S("\"\\")},
        {"62c3bc", CRYPTO_CBOR_TEXT, S("\u00fc")},
        {"63e6b0b4", CRYPTO_CBOR_TEXT, S("\u6c34")},
        {"780161", CRYPTO_CBOR_TEXT, S("a")},
        {"42c3ff", CRYPTO_CBOR_BYTES, S("\xc3\xff")},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct crypto_cbor *item = parse(cases[i].hex);
        assert_non_null(item);
        assert_int_equal(item->kind, cases[i].kind);
        assert_true(str_eq(item->bytes, cases[i].value));
    }
    assert_int_equal(parse("f4")->kind, CRYPTO_CBOR_BOOL);
    assert_false(parse("f4")->boolean);
    assert_true(parse("f5")->boolean);
    assert_int_equal(parse("f6")->kind, CRYPTO_CBOR_NULL);
}

static void test_arrays_and_maps(void **state)
{
    (void)state;
    assert_int_equal(parse("80")->count, 0);
    assert_int_equal(parse("a0")->kind, CRYPTO_CBOR_MAP);
    const struct crypto_cbor *item = parse("8301820203820405"); // [1, [2, 3], [4, 5]]
    assert_int_equal(item->count, 3);
    assert_int_equal(item->child->integer, 1);
    assert_int_equal(item->child->next->child->next->integer, 3);
    assert_int_equal(item->last->last->integer, 5);
    item = parse("a201020304"); // {1: 2, 3: 4}
    assert_int_equal(crypto_cbor_at(item, 1)->integer, 2);
    assert_int_equal(crypto_cbor_at(item, 3)->integer, 4);
    assert_null(crypto_cbor_at(item, 2));
    assert_null(crypto_cbor_get(item, S("1")));
    item = parse("a26161016162820203"); // {"a": 1, "b": [2, 3]}
    assert_int_equal(crypto_cbor_get(item, S("a"))->integer, 1);
    assert_int_equal(crypto_cbor_get(item, S("b"))->count, 2);
    assert_null(crypto_cbor_get(item, S("c")));
    item = parse("826161a161626163"); // ["a", {"b": "c"}]
    assert_true(str_eq(crypto_cbor_get(item->child->next, S("b"))->bytes, S("c")));
    item = parse("a22001206131"); // -1 twice
    assert_null(item);
    item = parse("a3a0"); // an empty map is no key, and its values are missing
    assert_null(item);
    item = parse("a12082a0a0"); // {-1: [{}, {}]}
    assert_int_equal(crypto_cbor_at(item, -1)->count, 2);
    assert_null(crypto_cbor_at(NULL, 1));
    assert_null(crypto_cbor_at(parse("8101"), 1));
}

static void test_refused(void **state)
{
    (void)state;
    const char *cases[] = {
        "", "1bffffffffffffffff", "3bffffffffffffffff", // beyond 64 bits signed
        "c249010000000000000000", "c074", "d74401020304", "d818456449455446", // tags
        "f90000", "f93c00", "fa47c35000", "fb3ff199999999999a", "f97e00",     // floats
        "f7", "f0", "f8ff", "f818", // undefined, simple values
        "5f42010243030405ff", "7f657374726561646d696e67ff", "9fff", "9f0102ff", // indefinite
        "bf61610161629f0203ffff", "bfff", "8201ff", "ff", "61ff", "62c328", "63eda080", // not UTF-8
        "a201020103", "a2616101616102", "a21801020103",     // a key twice
        "a14001", "a18001", "a1f501", "a1f601",             // keys of other kinds
        "18", "19", "1900", "1a000000", "1b00000000000000", // cut short
        "41", "44010203", "61", "5affffffff00", "5bffffffffffffffff00", "7bffffffffffffffff00",
        "81", "8201", "a1", "a101", "a20102", "9affffffff", "9bffffffffffffffff", "baffffffff",
        "bbffffffffffffffff", "bb8000000000000000", "9b8000000000000000", "0000", "8000", "a000",
        "1c", "1d", "1e", "1f", "3f", "5c", "7e", "9d", "bc", "df",
        "81818181818181818100", // nine deep
    };
    for (size_t i = 0; i < countof(cases); i++) {
        if (parse(cases[i]) != NULL) {
            fail_msg("accepted %s", cases[i]);
        }
    }
    assert_non_null(parse("818181818181818100")); // eight deep
}

static void test_limits(void **state)
{
    (void)state;
    char *bytes = arena_alloc(arena, CRYPTO_CBOR_SIZE_MAX + 8);
    memcpy(bytes, "\x99\x03\xff", 3); // 1023 elements, all zero
    assert_non_null(parse_bytes((str){bytes, 3 + 1023}));
    memcpy(bytes, "\x99\x04\x00", 3);
    assert_null(parse_bytes((str){bytes, 3 + 1024})); // and the array makes one more
    memcpy(bytes, "\x5a\x00\x00\xff\xfb", 5);
    assert_non_null(parse_bytes((str){bytes, CRYPTO_CBOR_SIZE_MAX}));
    memcpy(bytes, "\x5a\x00\x00\xff\xfc", 5);
    assert_null(parse_bytes((str){bytes, CRYPTO_CBOR_SIZE_MAX + 1}));
}

static void test_take(void **state)
{
    (void)state;
    struct crypto_cbor *item;
    str bytes = from_hex(arena, S("a1010243010203f5"));
    assert_null(crypto_cbor_take(arena, &bytes, &item));
    assert_int_equal(crypto_cbor_at(item, 1)->integer, 2);
    assert_null(crypto_cbor_take(arena, &bytes, &item));
    assert_int_equal(item->bytes.len, 3);
    assert_null(crypto_cbor_take(arena, &bytes, &item));
    assert_true(item->boolean);
    assert_int_equal(bytes.len, 0);
    assert_non_null(crypto_cbor_take(arena, &bytes, &item));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_arrays_and_maps),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_take),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
