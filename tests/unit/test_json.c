// JSON: what the tree holds, looking, comparing, making, writing.
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct json *parse(const char *text)
{
    struct json *value = NULL;
    err *e = json_parse(arena, str_from(text), &value, NULL);
    if (e != NULL) {
        fail_msg("%s: %.*s", text, PRI(e->text));
    }
    return value;
}

static void assert_text(const struct json *value, const char *expected)
{
    str text = json_text(arena, value);
    assert_string_equal(str_cstr(arena, text), expected);
}

static void test_tree(void **state)
{
    (void)state;
    struct json *value =
        parse(" {\"b\" : [1, -2.50e+3 , \"x\"], \"a\":{}, \"n\":null,\"t\":true} ");
    assert_int_equal(value->kind, JSON_OBJECT);
    assert_int_equal(value->count, 4);
    assert_true(str_eq(value->child->key, S("b"))); // order is kept
    struct json *list = json_get(value, S("b"));
    assert_int_equal(list->count, 3);
    assert_true(str_eq(json_at(list, 1)->text, S("-2.50e+3"))); // numbers' text is kept
    assert_null(json_at(list, 3));
    assert_null(json_get(value, S("missing")));
    assert_null(json_get(list, S("b")));
    assert_null(json_get(NULL, S("b")));
    assert_true(json_is_null(json_get(value, S("n"))));
    assert_true(json_is_null(NULL));
    assert_true(json_get_bool(value, S("t"), false));
    assert_true(json_get_bool(value, S("a"), true)); // another kind: the default
    assert_int_equal(json_get_int(value, S("missing"), 7), 7);
    assert_text(value, "{\"b\":[1,-2.50e+3,\"x\"],\"a\":{},\"n\":null,\"t\":true}");
}

static void test_equal_names(void **state)
{
    (void)state;
    assert_text(parse("{\"a\":1,\"b\":2,\"a\":3}"), "{\"a\":3,\"b\":2}");
    assert_text(parse("{\"a\":1,\"a\":[2],\"a\":{\"x\":0}}"), "{\"a\":{\"x\":0}}");
    assert_text(parse("{\"\\u0061\":1,\"a\":2}"), "{\"a\":2}");
    struct buf text = buf_in(arena, 1024 * 1024); // large objects go another way
    buf_add_char(&text, '{');
    for (int i = 0; i < 4000; i++) {
        buf_fmt(&text, "%s\"k%d\":%d", i > 0 ? "," : "", i % 1000, i);
    }
    buf_add_char(&text, '}');
    struct json *value = NULL;
    assert_null(json_parse(arena, buf_str(&text), &value, NULL));
    assert_int_equal(value->count, 1000);
    assert_int_equal(json_get_int(value, S("k0"), -1), 3000);
    assert_int_equal(json_get_int(value, S("k999"), -1), 3999);
    assert_true(str_eq(value->last->key, S("k999")));
    assert_null(value->last->next);
}

static void test_strings(void **state)
{
    (void)state;
    struct json *value = parse("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\n\\/\\u0000.\"");
    assert_int_equal(value->text.len, 1 + 2 + 3 + 4 + 1 + 1 + 1 + 1);
    assert_memory_equal(value->text.ptr, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n/\0.", 14);
    assert_text(value, "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\\n/\\u0000.\"");
    assert_text(json_string(arena, S("\"\\\b\f\n\r\t\x01\x1f\x7f")),
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    // A quote, a backslash, a control character, a multi-byte character at every place of a word.
    for (size_t at = 0; at < 24; at++) {
        static const char *const TAILS[] = {"\\n", "\\\"", "\xc3\xa9", "\\u00e9"};
        for (size_t k = 0; k < countof(TAILS); k++) {
            str text =
                str_fmt(arena, "\"%.*s%szz\"", (int)at, "abcdefghijklmnopqrstuvwxyz", TAILS[k]);
            struct json *one = NULL;
            assert_null(json_parse(arena, text, &one, NULL));
            assert_int_equal(one->text.len, at + 2 + (k > 1 ? 2 : 1));
        }
        str broken = str_fmt(arena, "\"%.*s%czz\"", (int)at, "abcdefghijklmnopqrstuvwxyz", 0x1f);
        struct json *none = NULL;
        assert_non_null(json_parse(arena, broken, &none, NULL));
    }
}

static void test_fault_place(void **state)
{
    (void)state;
    struct json *value = NULL;
    struct json_fault fault = {};
    err *e = json_parse(arena, S("{\n  \"a\": 1,\n  \"b\": x\n}"), &value, &fault);
    assert_non_null(e);
    assert_int_equal(fault.line, 3);
    assert_int_equal(fault.column, 8);
    assert_int_equal(fault.offset, 19);
    assert_true(str_find(e->text, S("line 3 column 8")) > 0);
    assert_non_null(json_parse(arena, (str){}, &value, &fault));
    assert_int_equal(fault.offset, 0);
    assert_string_equal(fault.what, "unexpected end");
    assert_non_null(json_parse(arena, S("[1] 2"), &value, &fault));
    assert_string_equal(fault.what, "text behind the value");
}

static void test_integers(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        bool exact;
        i64 value;
    } CASES[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"5", true, 5},
        {"5.0", true, 5},
        {"5e0", true, 5},
        {"0.5e1", true, 5},
        {"50e-1", true, 5},
        {"-12.30E+1", true, -123},
        {"0.000", true, 0},
        {"0e999999999999", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775807.00", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"-922337203685477580.8e1", true, INT64_MIN},
        {"1e18", true, 1000000000000000000},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"1e19", false, 0},
        {"1e999999999999", false, 0},
        {"0.5", false, 0},
        {"1.5e0", false, 0},
        {"1e-1", false, 0},
        {"1e-999999999999", false, 0},
    };

    for (size_t i = 0; i < countof(CASES); i++) {
        i64 value = 0;
        bool exact = json_to_i64(parse(CASES[i].text), &value);
        if (exact != CASES[i].exact || (exact && value != CASES[i].value)) {
            fail_msg("%s: %d %lld", CASES[i].text, exact, (long long)value);
        }
    }
    i64 none = 0;
    assert_false(json_to_i64(NULL, &none));
    assert_false(json_to_i64(parse("\"5\""), &none));
}

static void test_doubles(void **state)
{
    (void)state;
    assert_true(json_to_double(parse("-0.1e1")) == -1.0);
    assert_true(json_to_double(parse("1e400")) > 1e308);
    struct buf text = buf_in(arena, 4096); // 10^700 * 10^-690, written at length
    buf_add_char(&text, '1');
    for (int i = 0; i < 700; i++) {
        buf_add_char(&text, '0');
    }
    buf_add(&text, S("e-690"));
    struct json *value = NULL;
    assert_null(json_parse(arena, buf_str(&text), &value, NULL));
    assert_true(json_to_double(value) == 1e10);
}

static void test_number_cmp(void **state)
{
    (void)state;
    // Ascending; numbers on one line are equal.
    static const char *const ORDER[][5] = {
        {"-1e1000000000", "-1e999999999999"},
        {"-1e308"},
        {"-123456789012345678901234567890"},
        {"-2", "-2.0", "-20e-1", "-0.02E2", "-0.2e+1"},
        {"-1.0000000000000000000000000001"},
        {"-1"},
        {"-1e-5", "-0.00001"},
        {"-1e-400"},
        {"0", "-0", "0.0", "0e5", "-0.000e-7"},
        {"1e-400"},
        {"0.00001", "1e-5", "0.1e-4"},
        {"0.1"},
        {"0.10000000000000000000001"},
        {"9.99"},
        {"10", "1e1", "10.0", "100e-1", "0.001e4"},
        {"10.01"},
        {"99"},
        {"100"},
        {"9007199254740992"},
        {"9007199254740993"},
        {"123456789012345678901234567890"},
        {"123456789012345678901234567891"},
        {"1e308"},
        {"1e309"},
    };

    for (size_t i = 0; i < countof(ORDER); i++) {
        for (size_t j = 0; j < countof(ORDER); j++) {
            for (size_t k = 0; k < 25; k++) {
                const char *a = ORDER[i][k / 5];
                const char *b = ORDER[j][k % 5];
                if (a == NULL || b == NULL) {
                    continue;
                }
                int order = json_number_cmp(str_from(a), str_from(b));
                if ((order > 0) != (i > j) || (order < 0) != (i < j)) {
                    fail_msg("%s against %s: %d", a, b, order);
                }
            }
        }
    }
}

static void test_equal(void **state)
{
    (void)state;

    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } CASES[] = {
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":10e-1}", true},
        {"[1,2]", "[2,1]", false},
        {"[1]", "[1,1]", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"\"a\"", "\"\\u0061\"", true},
        {"\"1\"", "1", false},
        {"true", "false", false},
        {"null", "false", false},
        {"{}", "[]", false},
        {"0.1", "0.10000000000000001", false},
    };

    for (size_t i = 0; i < countof(CASES); i++) {
        if (json_equal(parse(CASES[i].a), parse(CASES[i].b)) != CASES[i].equal) {
            fail_msg("%s and %s", CASES[i].a, CASES[i].b);
        }
    }
    assert_true(json_equal(NULL, parse("null")));
    assert_false(json_equal(NULL, parse("0")));
    struct json *forth = json_object(arena); // large objects go another way
    struct json *back = json_object(arena);
    for (int i = 0; i < 100; i++) {
        json_set(forth, str_fmt(arena, "k%d", i), json_int(arena, i));
        json_set(back, str_fmt(arena, "k%d", 99 - i), json_int(arena, 99 - i));
    }
    assert_true(json_equal(forth, back));
    json_set(back, S("k50"), json_null(arena));
    assert_false(json_equal(forth, back));
    json_remove(back, S("k50"));
    json_set(back, S("other"), json_int(arena, 50));
    assert_false(json_equal(forth, back));
}

static void test_making(void **state)
{
    (void)state;
    struct json *object = json_object(arena);
    json_set(object, S("a"), json_int(arena, INT64_MIN));
    json_set(object, S("b"), json_bool(arena, true));
    json_set(object, S("c"), json_null(arena));
    json_set(object, S("b"), json_string(arena, S("again"))); // in place
    assert_text(object, "{\"a\":-9223372036854775808,\"b\":\"again\",\"c\":null}");
    struct json *c = json_get(object, S("c"));
    json_remove(object, S("c")); // the last
    json_set(object, S("d"), json_number(arena, S("1.50")));
    assert_text(object, "{\"a\":-9223372036854775808,\"b\":\"again\",\"d\":1.50}");
    struct json *a = json_get(object, S("a"));
    json_remove(object, S("a")); // the first
    json_remove(object, S("missing"));
    struct json *list = json_array(arena); // what was removed may go elsewhere
    json_push(list, a);
    json_push(list, c);
    assert_text(list, "[-9223372036854775808,null]");
    json_set(object, S("list"), list);
    struct json *deep = json_copy(arena, object);
    struct json *flat = json_shallow(arena, object);
    json_set(flat, S("b"), json_int(arena, 1));
    json_push(json_get(deep, S("list")), json_int(arena, 2));
    assert_text(object, "{\"b\":\"again\",\"d\":1.50,\"list\":[-9223372036854775808,null]}");
    assert_text(deep, "{\"b\":\"again\",\"d\":1.50,\"list\":[-9223372036854775808,null,2]}");
    assert_text(flat, "{\"b\":1,\"d\":1.50,\"list\":[-9223372036854775808,null]}");
}

static void test_pretty(void **state)
{
    (void)state;
    struct buf out = buf_in(arena, 4096);
    json_write_pretty(&out, parse("{\"a\":[1,{\"b\":[]}],\"c\":{}}"), 2);
    assert_string_equal(str_cstr(arena, buf_str(&out)),
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
}

static void test_writer(void **state)
{
    (void)state;
    struct buf out = buf_in(arena, 4096);
    struct json_writer w;
    jw_init(&w, &out);
    jw_object(&w);
    jw_member(&w, S("a\"b"), S("x\ny"));
    jw_key(&w, S("list"));
    jw_array(&w);
    jw_int(&w, -5);
    jw_bool(&w, false);
    jw_null(&w);
    jw_array(&w);
    jw_end_array(&w);
    jw_object(&w);
    jw_end_object(&w);
    jw_value(&w, parse("[1, 2]"));
    jw_raw(&w, S("1.0"));
    jw_string(&w, S(""));
    jw_end_array(&w);
    jw_key(&w, S("last"));
    jw_bool(&w, true);
    jw_end_object(&w);
    assert_string_equal(str_cstr(arena, buf_str(&out)),
        "{\"a\\\"b\":\"x\\ny\",\"list\":[-5,false,null,[],{},[1,2],1.0,\"\"],\"last\":true}");
}

static void test_writer_limit(void **state)
{
    (void)state;
    struct buf out = buf_in(arena, 10);
    json_write(&out, parse("[\"a long string that does not fit\"]"));
    assert_true(out.overflow);
    assert_true(out.len <= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_equal_names),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_fault_place),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_number_cmp),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_making),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_writer_limit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
