// DynamoDB's values and expressions. Expectations follow the developer guide's chapters on
// expressions.
#include "table/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

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
    struct json *out = NULL;
    assert_null(json_parse(arena, str_dup(arena, str_from(text)), &out, NULL));
    return out;
}

static const char *text_of(const struct json *value)
{
    return value != NULL ? str_cstr(arena, json_text(arena, value)) : "(none)";
}

static const char ITEM[] =
    "{\"id\":\"1\",\"n\":5,\"s\":\"hello\",\"b\":true,\"z\":null,\"l\":[1,\"two\",{\"x\":3}],"
    "\"set\":[\"a\",\"b\"],\"m\":{\"a\":{\"b\":7},\"size\":1},\"empty\":\"\","
    "\"sets\":[[\"a\",\"b\"],[\"b\",\"c\"],7]}";

static struct table_names *names(void)
{
    return table_names_new(arena,
        parse("{\"#n\":\"n\",\"#a\":\"a\",\"#dot\":\"no.such\",\"#size\":\"size\"}"),
        parse("{\":five\":{\"N\":\"5\"},\":ten\":{\"N\":\"10.0\"},\":h\":{\"S\":\"he\"},"
              "\":hello\":{\"S\":\"hello\"},\":two\":{\"S\":\"two\"},\":true\":{\"BOOL\":true},"
              "\":null\":{\"NULL\":true},\":S\":{\"S\":\"S\"},\":L\":{\"S\":\"L\"},"
              "\":ss\":{\"SS\":[\"b\",\"a\"]},\":one\":{\"N\":\"1\"},\":e\":{\"S\":\"\"}}"));
}

static void test_conditions(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } CASES[] = {
        {"#n = :five", true},
        {"n <> :five", false},
        {"missing <> :five", true},
        {"missing = :five", false},
        {"n < :ten AND n >= :five", true},
        {"n > :ten OR (n = :five AND b = :true)", true},
        {"NOT n = :five", false},
        {"not (n = :ten) and Not not n = :five", true},
        {"n BETWEEN :one AND :ten", true},
        {"s between :h and :hello", true},
        {"n IN (:one, :ten, :five)", true},
        {"s IN (:h, :two)", false},
        {"attribute_exists(m.a.b)", true},
        {"attribute_exists(m.#a.c)", false},
        {"attribute_not_exists(#dot)", true},
        {"attribute_exists(l[2].x) AND attribute_not_exists(l[3])", true},
        {"attribute_type(s, :S)", true},
        {"attribute_type(n, :S)", false},
        {"attribute_type(l, :L)", true},
        {"begins_with(s, :h)", true},
        {"begins_with(n, :h)", false},
        {"begins_with(s, :e)", true},
        {"contains(s, :h) AND contains(l, :two) AND NOT contains(l, :h)", true},
        {"size(s) = :five AND size(l) < :five AND size(m) > :one", true},
        {"size(n) = :five", false},
        {"size(missing) < :five", false},
        {"m.#size = :one", true},
        {"z = :null", true},
        {"set = :ss", true},
        {"l = :ss", false},
        {"s > n", false},
        {"id < s", true},
        {":five = n", true},
        {"n = :five OR n = :one AND n = :ten", true},
        {"(n = :five OR n = :one) AND n = :ten", false},
        {"((((n = :five))))", true},
    };

    (void)state;
    const struct json *item = parse(ITEM);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct table_condition *condition = NULL;
        err *e = table_condition_compile(
            arena, TABLE_CONDITION, str_from(CASES[i].text), names(), &condition);
        if (e != NULL || table_condition_eval(condition, item) != CASES[i].holds) {
            fail_msg("%s: %s", CASES[i].text, e != NULL ? e->text.ptr : "the other way");
        }
        const struct store_pred *pred = table_condition_pred(arena, condition);
        assert_int_equal(store_pred_eval(pred, item), CASES[i].holds);
    }
    assert_true(table_condition_eval(NULL, item));
}

static void test_no_item(void **state)
{
    const struct table_condition *condition = NULL;
    (void)state;
    assert_null(table_condition_compile(
        arena, TABLE_CONDITION, S("attribute_not_exists(id)"), names(), &condition));
    assert_true(table_condition_eval(condition, NULL));
}

static void test_refused_conditions(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } CASES[] = {
        {"", "Invalid ConditionExpression: The expression can not be empty;"},
        {"n =", "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"n =\""},
        {"n = :five extra = :five",
            "Invalid ConditionExpression: Syntax error; token: \"extra\", near: \"= :five "
            "extra = :five\""},
        {"n == :five", "Invalid ConditionExpression: Syntax error; token: \"=\", near: \"n == "
                       ":five\""},
        {"n = :missing",
            "Invalid ConditionExpression: An expression attribute value used in expression is not "
            "defined; attribute value: :missing"},
        {"#missing = :five",
            "Invalid ConditionExpression: An expression attribute name used in the document path "
            "is not defined; attribute name: #missing"},
        {"begins_with(s, :five)",
            "Invalid ConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: begins_with, operand type: N"},
        {"n < :true",
            "Invalid ConditionExpression: Incorrect operand type for operator or function; "
            "operator or function: <, operand type: BOOL"},
        {"n BETWEEN :ten AND :five",
            "Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater "
            "than or equal to lower bound; lower bound operand: AttributeValue: {N:10.0}, upper "
            "bound operand: AttributeValue: {N:5}"},
        {"attribute_exists(:five)",
            "Invalid ConditionExpression: Operator or function requires a document path; operator "
            "or function: attribute_exists"},
        {"a[x] = :five",
            "Invalid ConditionExpression: Syntax error; token: \"x\", near: \"a[x] = :fiv\""},
        {"n = :five \"", NULL},
        {"(n = :five", NULL},
        {"n IN ()", NULL},
        {"# = :five", NULL},
        {"size(n)", NULL},
        {"n ! :five", NULL},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct table_condition *condition = NULL;
        err *e = table_condition_compile(
            arena, TABLE_CONDITION, str_from(CASES[i].text), names(), &condition);
        if (e == NULL || e->code != ERR_INVALID) {
            fail_msg("%s is let pass", CASES[i].text);
        }
        if (CASES[i].error != NULL) {
            assert_string_equal(str_cstr(arena, e->text), CASES[i].error);
        }
    }
}

static void test_nesting_is_bounded(void **state)
{
    const struct table_condition *condition = NULL;
    struct buf text = buf_in(arena, 1 << 20);
    (void)state;
    for (int i = 0; i < 1000; i++) {
        buf_add_char(&text, '(');
    }
    assert_non_null(
        table_condition_compile(arena, TABLE_FILTER, buf_str(&text), names(), &condition));
    text.len = 0;
    buf_add(&text, S("n=:one"));
    while (text.len < 4000) {
        buf_add(&text, S(" OR n=:five"));
    }
    assert_null(table_condition_compile(arena, TABLE_FILTER, buf_str(&text), names(), &condition));
    assert_true(table_condition_eval(condition, parse(ITEM)));
}

static void test_unused_placeholders(void **state)
{
    const struct table_condition *condition = NULL;
    struct table_names *given = table_names_new(
        arena, parse("{\"#n\":\"n\"}"), parse("{\":v\":{\"N\":\"1\"},\":w\":{\"N\":\"2\"}}"));
    (void)state;
    assert_null(table_condition_compile(arena, TABLE_FILTER, S("#n = :v"), given, &condition));
    err *e = table_names_check(arena, given);
    assert_non_null(e);
    assert_string_equal(str_cstr(arena, e->text),
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}");
    assert_null(table_condition_compile(arena, TABLE_FILTER, S("n = :w"), given, &condition));
    assert_null(table_names_check(arena, given));
}

static void test_updates(void **state)
{
    static const struct {
        const char *text;
        const char *path;  // looked at after
        const char *value; // of it; or the error
    } CASES[] = {
        {"SET n = :ten", "n", "10.0"},
        {"SET n = n + :five", "n", "10"},
        {"SET n = n - :ten, s = :two", "n", "-5"},
        {"set s = if_not_exists(s, :two)", "s", "\"hello\""},
        {"SET t = if_not_exists(t, :two)", "t", "\"two\""},
        {"SET n = if_not_exists(t, :one) + :five", "n", "6"},
        {"SET l = list_append(l, l)", "l", "[1,\"two\",{\"x\":3},1,\"two\",{\"x\":3}]"},
        {"SET l[1] = :five", "l", "[1,5,{\"x\":3}]"},
        {"SET l[9] = :five", "l", "[1,\"two\",{\"x\":3},5]"},
        {"SET l[2].x = l[0]", "l", "[1,\"two\",{\"x\":1}]"},
        {"SET m.a.c = :two", "m", "{\"a\":{\"b\":7,\"c\":\"two\"},\"size\":1}"},
        {"REMOVE l[0], l[2]", "l", "[\"two\"]"},
        {"REMOVE m.a.b, s, missing", "m", "{\"a\":{},\"size\":1}"},
        {"ADD n :five", "n", "10"},
        {"ADD fresh :five", "fresh", "5"},
        {"ADD set :ss", "set", "[\"a\",\"b\"]"},
        {"ADD fresh :ss", "fresh", "[\"b\",\"a\"]"},
        {"DELETE set :ss", "set", "(none)"},
        {"DELETE sets[0] :ss, sets[1] :ss", "sets", "[[\"c\"],7]"},
        {"SET a1 = n, n = :one REMOVE s ADD x :one", "a1", "5"},
        {"SET x = :one SET y = :one", NULL,
            "Invalid UpdateExpression: The \"SET\" section can only be used once in an update "
            "expression;"},
        {"SET n = :one, n = :five", NULL,
            "Invalid UpdateExpression: Two document paths overlap with each other; must "
            "remove or rewrite one of these paths; path one: [n], path two: [n]"},
        {"SET m.a = :one REMOVE m.a.b", NULL,
            "Invalid UpdateExpression: Two document paths overlap with each other; must "
            "remove or rewrite one of these paths; path one: [m, a], path two: [m, a, b]"},
        {"SET none.a = :one", NULL,
            "The document path provided in the update expression is invalid for update"},
        {"SET n = missing + :one", NULL,
            "The provided expression refers to an attribute that does not exist in the item"},
        {"SET n = s + :one", NULL,
            "An operand in the update expression has an incorrect data type"},
        {"ADD s :one", NULL, "An operand in the update expression has an incorrect data type"},
        {"ADD s :two", NULL,
            "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: "
            "ADD, operand type: S"},
        {"SET n", NULL,
            "Invalid UpdateExpression: Syntax error; token: \"<EOF>\", near: \"SET n\""},
        {"PUT n = :one", NULL,
            "Invalid UpdateExpression: Syntax error; token: \"PUT\", near: \"PUT n = :on\""},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct table_update *update = NULL;
        const struct json *before = parse(ITEM);
        struct json *after = NULL;
        err *e = table_update_compile(arena, str_from(CASES[i].text), names(), &update);
        e = e == NULL ? table_update_apply(update, arena, before, &after) : e;
        const char *got = CASES[i].path == NULL ? (e != NULL ? str_cstr(arena, e->text) : "fine")
                          : e != NULL           ? str_cstr(arena, e->text)
                                                : text_of(json_get(after, str_from(CASES[i].path)));
        if (strcmp(got, CASES[i].value) != 0) {
            fail_msg("%s: %s", CASES[i].text, got);
        }
        assert_string_equal(text_of(before), text_of(parse(ITEM))); // untouched
    }
}

// {"SS":["0","1",...]} or {"NS":...}, backwards if so wished.
static struct json *large_set(const char *type, size_t count, bool backwards)
{
    struct json *typed = json_object(arena);
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        size_t n = backwards ? count - 1 - i : i;
        json_push(list, json_string(arena, str_fmt(arena, "%zu", n)));
    }
    json_set(typed, str_from(type), list);
    return typed;
}

// A minute and more, if each element were compared with each.
static void test_large_sets(void **state)
{
    static const char *const TYPES[] = {"SS", "NS"};

    enum { COUNT = 60000 };

    (void)state;
    u64 begun_us = time_mono_us();
    for (size_t i = 0; i < countof(TYPES); i++) {
        struct json *values = json_object(arena);
        struct json *item = json_object(arena);
        struct json *after = NULL;
        struct table_value value = {};
        const struct table_update *update = NULL;
        const struct table_condition *condition = NULL;
        json_set(values, S(":s"), large_set(TYPES[i], COUNT, true));
        assert_null(table_value_read(arena, large_set(TYPES[i], COUNT, false), &value));
        json_set(item, S("set"), value.json);
        struct table_names *given = table_names_new(arena, NULL, values);
        assert_null(
            table_condition_compile(arena, TABLE_CONDITION, S("set = :s"), given, &condition));
        assert_true(table_condition_eval(condition, item));
        assert_null(table_update_compile(arena, S("ADD set :s"), given, &update));
        assert_null(table_update_apply(update, arena, item, &after));
        assert_int_equal(json_get(after, S("set"))->count, COUNT);
        assert_null(table_update_compile(arena, S("DELETE set :s"), given, &update));
        assert_null(table_update_apply(update, arena, item, &after));
        assert_null(json_get(after, S("set")));
        struct json *twice = large_set(TYPES[i], COUNT, false);
        json_push(twice->child, json_string(arena, S("7")));
        err *e = table_value_read(arena, twice, &value);
        assert_non_null(e);
        assert_string_equal(str_cstr(arena, e->text),
            "One or more parameter values were invalid: Input collection contains duplicates.");
    }
    assert_true(time_mono_us() - begun_us < 20 * 1000 * 1000);
}

static void test_projections(void **state)
{
    static const struct {
        const char *text;
        const char *left;
    } CASES[] = {
        {"id, #n", "{\"id\":\"1\",\"n\":5}"},
        {"m.a.b", "{\"m\":{\"a\":{\"b\":7}}}"},
        {"l[2], l[0]", "{\"l\":[1,{\"x\":3}]}"},
        {"l[2].x, missing, m.none", "{\"l\":[{\"x\":3}]}"},
        {"#dot", "{}"},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct table_projection *projection = NULL;
        assert_null(table_projection_compile(arena, str_from(CASES[i].text), names(), &projection));
        assert_string_equal(text_of(table_project(arena, projection, parse(ITEM))), CASES[i].left);
    }
    assert_null(table_project(arena, NULL, NULL));
}

static void test_key_conditions(void **state)
{
    const struct store_key_def keys[2] = {{S("pk"), STORE_KEY_STRING}, {S("sk"), STORE_KEY_NUMBER}};

    static const struct {
        const char *text;
        int range; // or the error
        const char *error;
    } CASES[] = {
        {"pk = :hello", STORE_RANGE_ALL, NULL},
        {"pk = :hello AND sk = :five", STORE_RANGE_EQ, NULL},
        {"sk > :five AND pk = :hello", STORE_RANGE_GT, NULL},
        {"(pk = :hello) AND (sk BETWEEN :one AND :five)", STORE_RANGE_BETWEEN, NULL},
        {"pk = :hello AND begins_with(sk, :h)", STORE_RANGE_BEGINS, NULL},
        {"sk = :five", 0, "Query condition missed key schema element: pk"},
        {"pk = :hello AND x = :five", 0, "Query condition missed key schema element: sk"},
        {"pk > :hello", 0, "Query key condition not supported"},
        {"pk = :hello AND sk <> :five", 0, "Query key condition not supported"},
        {"pk = :hello OR sk = :five", 0, "Invalid operator used in KeyConditionExpression: OR"},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct store_query query = {};
        err *e = table_key_compile(arena, str_from(CASES[i].text), names(), keys, &query);
        if (CASES[i].error != NULL) {
            assert_non_null(e);
            assert_string_equal(str_cstr(arena, e->text), CASES[i].error);
        } else {
            assert_null(e);
            assert_int_equal(query.range, CASES[i].range);
            assert_string_equal(text_of(query.pk), "\"hello\"");
        }
    }
}

static void test_sums(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool subtract;
        const char *sum;
    } CASES[] = {
        {"1", "2", false, "3"},
        {"0.1", "0.2", false, "0.3"},
        {"1", "2", true, "-1"},
        {"-1.5", "1.5", false, "0"},
        {"99999999999999999999", "1", false, "100000000000000000000"},
        {"1e3", "1", true, "999"},
        {"12.50", "-0.5", true, "13"},
        {"1e-10", "1", false, "1.0000000001"},
        {"12345678901234567890123456789012345678", "0", false,
            "12345678901234567890123456789012345678"},
        {"1e37", "0.01", false, NULL},
        {"1e127", "1", false, NULL},
        {"123456789012345678901234567890123456789", "1", false, NULL},
        {"-5", "-7", true, "2"},
        {"0", "0", true, "0"},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct json *sum = NULL;
        err *e = table_number_add(
            arena, str_from(CASES[i].a), str_from(CASES[i].b), CASES[i].subtract, &sum);
        const char *got = e != NULL ? NULL : text_of(sum);
        if ((got == NULL) != (CASES[i].sum == NULL) ||
            (got != NULL && strcmp(got, CASES[i].sum) != 0)) {
            fail_msg("%s %s: %s", CASES[i].a, CASES[i].b, got != NULL ? got : "refused");
        }
    }
}

static void test_values(void **state)
{
    static const struct {
        const char *typed;
        const char *plain; // NULL: refused
    } CASES[] = {
        {"{\"S\":\"a\"}", "\"a\""},
        {"{\"N\":\"+05\"}", "5"},
        {"{\"N\":7}", "7"},
        {"{\"N\":\".5\"}", "0.5"},
        {"{\"BOOL\":false}", "false"},
        {"{\"NULL\":null}", "null"},
        {"{\"L\":[{\"S\":\"a\"},{\"M\":{\"x\":{\"N\":\"1\"}}}]}", "[\"a\",{\"x\":1}]"},
        {"{\"SS\":[\"a\",\"b\"]}", "[\"a\",\"b\"]"},
        {"{\"NS\":[\"1\",\"2.5\"]}", "[1,2.5]"},
        {"{\"B\":\"YQ==\"}", "\"YQ==\""},
        {"{\"SS\":[]}", NULL},
        {"{\"SS\":[\"a\",\"a\"]}", NULL},
        {"{\"N\":\"x\"}", NULL},
        {"{\"S\":1}", NULL},
        {"{\"X\":1}", NULL},
        {"{}", NULL},
        {"{\"S\":\"a\",\"N\":\"1\"}", NULL},
        {"\"a\"", NULL},
        {"{\"L\":[1]}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct table_value value = {};
        err *e = table_value_read(arena, parse(CASES[i].typed), &value);
        const char *got = e != NULL ? NULL : text_of(value.json);
        if ((got == NULL) != (CASES[i].plain == NULL) ||
            (got != NULL && strcmp(got, CASES[i].plain) != 0)) {
            fail_msg("%s: %s", CASES[i].typed, got != NULL ? got : "refused");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_item, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nesting_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unused_placeholders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_updates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_sets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_projections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key_conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
