// Composite keys: their text, which the official templates make with Java's numbers.
#include "data/data_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct data_field FIELDS[] = {
    {.name = S_INIT("text"), .type = S_INIT("String")},
    {.name = S_INIT("count"), .type = S_INIT("Int")},
    {.name = S_INIT("size"), .type = S_INIT("Float")},
};
static const struct data_model MODEL = {
    .name = S_INIT("Thing"), .fields = FIELDS, .field_count = countof(FIELDS)};

static void test_parts(void **state)
{
    static const struct {
        const char *field;
        const char *json;
        const char *wanted;
    } PARTS[] = {
        {"text", "\"a#b\"", "a#b"},
        {"text", "\"\"", ""},
        {"count", "7", "7"},
        {"count", "-12", "-12"},
        {"size", "0", "0.0"},
        {"size", "10", "10.0"},
        {"size", "10.0", "10.0"},
        {"size", "1e1", "10.0"},
        {"size", "-1.5", "-1.5"},
        {"size", "0.1", "0.1"},
        {"size", "123456.789", "123456.789"},
        {"size", "0.001", "0.001"},
        {"size", "0.0001", "1.0E-4"},
        {"size", "0.00012", "1.2E-4"},
        {"size", "9999999", "9999999.0"},
        {"size", "10000000", "1.0E7"},
        {"size", "12345678.5", "1.23456785E7"},
        {"size", "-1e21", "-1.0E21"},
        {"size", "0.30000000000000004", "0.30000000000000004"},
    };
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(PARTS); i++) {
        struct json *value = NULL;
        assert_null(json_parse(arena, str_from(PARTS[i].json), &value, NULL));
        str part = data_key_part(arena, &MODEL, str_from(PARTS[i].field), value);
        if (!str_eq(part, str_from(PARTS[i].wanted))) {
            fail_msg("%s became %.*s", PARTS[i].json, PRI(part));
        }
    }
    arena_free(arena);
}

static void test_join(void **state)
{
    static const str NAMES[] = {S_INIT("text"), S_INIT("count"), S_INIT("size")};
    struct arena *arena = arena_new();
    struct json *object = NULL;
    (void)state;
    assert_null(json_parse(arena, S("{\"text\":\"a\",\"count\":3,\"size\":2}"), &object, NULL));
    assert_true(str_eq(data_join_keys(arena, &MODEL, object, NAMES, 3)->text, S("a#3#2.0")));
    assert_true(str_eq(data_join_keys(arena, &MODEL, object, NAMES, 2)->text, S("a#3")));
    assert_int_equal(data_join_keys(arena, &MODEL, object, NAMES + 1, 1)->kind, JSON_NUMBER);
    assert_null(data_join_keys(arena, &MODEL, object, NAMES, 0));
    json_set(object, S("count"), json_null(arena));
    assert_null(data_join_keys(arena, &MODEL, object, NAMES, 3));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts), cmocka_unit_test(test_join)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
