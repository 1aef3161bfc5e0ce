// AppSync's scalars, by table. Where AppSync's guide and its open simulator differ the guide
// counts: offsets of dates and times, times without seconds, networks as IP addresses, no "//" in a
// URL's path, mail addresses as RFC 822 has them.
#include "data/data_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail
#define fail() _fail(__FILE__, __LINE__)

static const struct {
    const char *type;
    const char *accepted; // words between bars
    const char *refused;
} CASES[] = {
    {"AWSDate", "2020-02-29|2000-02-29|2020-01-01Z|2020-01-01+05:30|2020-01-01-08:00:15|0000-01-01",
        "2021-02-29|1900-02-29|2020-13-01|2020-00-10|2020-01-32|2020-04-31|2020-1-1|20200101|"
        "2020-01-01 |2020-01-01T00:00:00Z|2020-01-01z|2020-01-01+5:30|2020/01/01"},
    {"AWSTime", "10:00|10:00:00|10:00:00.5|10:00:00.123456789Z|10:00Z|23:59:59-01:00:30",
        "24:00:00|23:60:00|23:59:60|1:00:00|10|10:00:|10:00:00.|10:00:00.1234567890|10:00:00z|"
        "10:00:00+19:00"},
    {"AWSDateTime",
        "2020-01-01T10:00:00Z|2020-01-01T10:00Z|2020-01-01T10:00:00.000Z|"
        "2020-01-01T10:00:00+05:30|2020-01-01T10:00:00-08:00:00|2020-02-29T23:59:59.999999999Z",
        "2020-01-01T10:00:00|2020-01-01|2020-02-30T10:00:00Z|2020-01-01 10:00:00Z|"
        "2020-01-01t10:00:00z|2020-01-01T24:00:00Z|2020-01-01T10:00:00.Z|T10:00:00Z|"
        "2020-01-01T10:00:00ZZ"},
    {"AWSEmail", "a@b.co|a.b+c@d-e.org|\"a b\"@c.de|\xc3\xbc@b.de|o'neil@example.com|a@1.2",
        "a@b|a..b@c.de|.a@b.co|a.@b.co|a@-b.de|a@b-.de|a@b..de|a@b.de.|@b.de|a@|a b@c.de|a@b.d_e|"
        "a@[1.2.3.4]|a@b@c.de|plain"},
    {"AWSPhone",
        "+1 206 555 0100|206-555-0100|(206) 555-0100|2065550100|12065550100|+12065550100|"
        "+442071838750|+44 20 7183 8750|+49 30 123456|206.555.0100",
        "5550100|123|abc|+|+1 206 555 010|0049 30 123456|206x5550100|+1 106 555 0100|"
        "+1234567890123456"},
    {"AWSURL",
        "http://a.b|https://a.b/c?d=e#f|mailto:a@b.co|ftp://a/b|http://[::1]:80/|https://a/?u=//b",
        "http://a//b|http:|http://|a.b|//a.b|http://a b|1http://a|:|http:///a"},
    {"AWSIPAddress", "1.2.3.4|1.2.3.4/24|0.0.0.0/0|::1|::1/64|::ffff:1.2.3.4|2001:db8::/32",
        "1.2.3.4/33|256.1.1.1|01.2.3.4|1.2.3|::1/129|1.2.3.4/|1.2.3.4/+4|g::1|fe80::1%eth0"},
};

static struct gql_schema *schema_of_scalars(struct arena *arena)
{
    struct gql_document *doc = NULL;
    struct gql_schema *schema = NULL;
    str sdl = S("type Query { a: AWSDate b: AWSTime c: AWSDateTime d: AWSTimestamp e: AWSEmail "
                "f: AWSJSON g: AWSURL h: AWSPhone i: AWSIPAddress } scalar AWSDate scalar AWSTime "
                "scalar AWSDateTime scalar AWSTimestamp scalar AWSEmail scalar AWSJSON "
                "scalar AWSURL scalar AWSPhone scalar AWSIPAddress");
    assert_null(gql_parse(arena, sdl, NULL, &doc, NULL));
    assert_null(gql_schema_build(arena, doc, &schema));
    data_scalars_attach(schema);
    return schema;
}

static void expect_all(
    struct arena *arena, const struct gql_type *type, const char *words, bool accepted)
{
    str rest = str_from(words);
    str word = {};
    while (str_next(&rest, '|', &word)) {
        struct json *out = NULL;
        const struct json *value = json_string(arena, word);
        const err *in_error = type->scalar_in(arena, value, &out);
        if ((in_error == NULL) != accepted) {
            fail_msg("%.*s %s '%.*s'", PRI(type->name), accepted ? "refuses" : "takes", PRI(word));
        }
        if (accepted) {
            assert_true(str_eq(out->text, word)); // stored as given
        }
        assert_true((type->scalar_out(arena, value, &out) == NULL) == accepted);
    }
}

static void test_texts(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    struct gql_schema *schema = schema_of_scalars(arena);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct gql_type *type = gql_schema_type(schema, str_from(CASES[i].type));
        expect_all(arena, type, CASES[i].accepted, true);
        expect_all(arena, type, CASES[i].refused, false);
        struct json *out = NULL;
        assert_non_null(type->scalar_in(arena, json_int(arena, 5), &out));
        assert_non_null(type->scalar_in(arena, json_string(arena, S("")), &out));
        assert_non_null(type->scalar_in(arena, json_bool(arena, true), &out));
    }
    arena_free(arena);
}

static void test_messages(void **state)
{
    struct arena *arena = arena_new();
    struct json *out = NULL;
    (void)state;
    struct gql_schema *schema = schema_of_scalars(arena);
    const struct gql_type *type = gql_schema_type(schema, S("AWSDateTime"));
    const struct json *value = json_string(arena, S("x"));
    const err *in_error = type->scalar_in(arena, value, &out);
    const err *out_error = type->scalar_out(arena, value, &out);
    assert_true(str_eq(in_error->text, S("Unable to parse `x` as a valid DateTime Object.")));
    assert_true(str_eq(out_error->text, S("Unable to serialize `x` as a valid DateTime Object.")));
    arena_free(arena);
}

static bool takes(struct arena *arena, const struct gql_type *type, const char *json)
{
    struct json *value = NULL;
    struct json *out = NULL;
    assert_null(json_parse(arena, str_from(json), &value, NULL));
    return type->scalar_in(arena, value, &out) == NULL;
}

static void test_timestamps(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    const struct gql_type *type = gql_schema_type(schema_of_scalars(arena), S("AWSTimestamp"));
    assert_true(takes(arena, type, "0"));
    assert_true(takes(arena, type, "-62135596800"));
    assert_true(takes(arena, type, "253402300799"));
    assert_true(takes(arena, type, "1e3"));
    assert_false(takes(arena, type, "1.5"));
    assert_false(takes(arena, type, "\"5\""));
    assert_false(takes(arena, type, "1e30"));
    assert_false(takes(arena, type, "true"));
    arena_free(arena);
}

static void test_json(void **state)
{
    static const char *const GOOD[] = {"{}", "[1,2]", "\"a\"", "1", "null", "true", " {} "};
    static const char *const BAD[] = {"{a:1}", "{\"a\":1,}", "NaN", "01", "\"\\x\"", "", "{} x"};
    struct arena *arena = arena_new();
    struct json *out = NULL;
    (void)state;
    const struct gql_type *type = gql_schema_type(schema_of_scalars(arena), S("AWSJSON"));
    for (size_t i = 0; i < countof(GOOD); i++) {
        assert_null(type->scalar_in(arena, json_string(arena, str_from(GOOD[i])), &out));
    }
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_non_null(type->scalar_in(arena, json_string(arena, str_from(BAD[i])), &out));
    }
    assert_non_null(type->scalar_in(arena, json_object(arena), &out));
    // Structured inside, text on the wire; key order and numbers stay.
    str text = S("{ \"b\": 1.50, \"a\": [null] }");
    assert_null(type->scalar_in(arena, json_string(arena, text), &out));
    assert_int_equal(out->kind, JSON_OBJECT);
    assert_null(type->scalar_out(arena, out, &out));
    assert_true(str_eq(out->text, S("{\"b\":1.50,\"a\":[null]}")));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
