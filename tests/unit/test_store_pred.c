// Predicates, by table.
#include "store_fixture.h"

static const char ITEM[] =
    "{'s':'hello','n':10,'big':12345678901234567890.5,'b':true,'z':null,'l':[1,'two',null],"
    "'m':{'in':{'k':7}},'e':'','u':'h\xc3\xa9'}";

static const struct {
    enum store_op op;
    const char *path;
    const char *values; // a JSON array
    bool wanted;
} CASES[] = {
    {STORE_EQ, "s", "['hello']", true},
    {STORE_EQ, "s", "['Hello']", false},
    {STORE_EQ, "n", "[10.0]", true},
    {STORE_EQ, "n", "['10']", false},
    {STORE_EQ, "big", "[1.23456789012345678905e19]", true},
    {STORE_EQ, "big", "[12345678901234567890.4]", false},
    {STORE_EQ, "b", "[true]", true},
    {STORE_EQ, "z", "[null]", true},
    {STORE_EQ, "none", "[null]", false},
    {STORE_EQ, "l", "[[1,'two',null]]", true},
    {STORE_EQ, "m", "[{'in':{'k':7.0}}]", true},
    {STORE_EQ, "m.in.k", "[7]", true},
    {STORE_EQ, "m.out.k", "[7]", false},
    {STORE_EQ, "s.in", "['hello']", false},
    {STORE_NE, "s", "['x']", true},
    {STORE_NE, "s", "['hello']", false},
    {STORE_NE, "none", "['x']", true},
    {STORE_NE, "n", "['10']", true},
    {STORE_LT, "n", "[10.000001]", true},
    {STORE_LT, "n", "[10]", false},
    {STORE_LT, "n", "['z']", false},
    {STORE_LT, "none", "[10]", false},
    {STORE_LT, "b", "[true]", false},
    {STORE_LE, "n", "[10]", true},
    {STORE_LE, "b", "[true]", false},
    {STORE_GT, "s", "['hell']", true},
    {STORE_GT, "s", "['hello']", false},
    {STORE_GE, "s", "['hello']", true},
    {STORE_GE, "z", "[null]", false},
    {STORE_GT, "u", "['hz']", true},
    {STORE_BETWEEN, "n", "[10,11]", true},
    {STORE_BETWEEN, "n", "[9,10]", true},
    {STORE_BETWEEN, "n", "[11,20]", false},
    {STORE_BETWEEN, "n", "['a','z']", false},
    {STORE_BETWEEN, "none", "[1,2]", false},
    {STORE_IN, "s", "['a','hello']", true},
    {STORE_IN, "s", "['a']", false},
    {STORE_IN, "s", "[]", false},
    {STORE_IN, "n", "['10',10]", true},
    {STORE_IN, "none", "[null]", false},
    {STORE_CONTAINS, "s", "['ell']", true},
    {STORE_CONTAINS, "s", "['']", true},
    {STORE_CONTAINS, "s", "['elL']", false},
    {STORE_CONTAINS, "s", "[1]", false},
    {STORE_CONTAINS, "l", "['two']", true},
    {STORE_CONTAINS, "l", "['tw']", false},
    {STORE_CONTAINS, "l", "[1.0]", true},
    {STORE_CONTAINS, "l", "[null]", true},
    {STORE_CONTAINS, "n", "[1]", false},
    {STORE_CONTAINS, "m", "['in']", false},
    {STORE_CONTAINS, "none", "['x']", false},
    {STORE_NOT_CONTAINS, "s", "['ell']", false},
    {STORE_NOT_CONTAINS, "none", "['x']", true},
    {STORE_NOT_CONTAINS, "n", "[1]", true},
    {STORE_BEGINS_WITH, "s", "['he']", true},
    {STORE_BEGINS_WITH, "s", "['']", true},
    {STORE_BEGINS_WITH, "s", "['el']", false},
    {STORE_BEGINS_WITH, "n", "['1']", false},
    {STORE_BEGINS_WITH, "n", "[1]", false},
    {STORE_BEGINS_WITH, "none", "['']", false},
    {STORE_EXISTS, "z", "[]", true},
    {STORE_EXISTS, "none", "[]", false},
    {STORE_EXISTS, "m.in", "[]", true},
    {STORE_NOT_EXISTS, "z", "[]", false},
    {STORE_NOT_EXISTS, "m.in.x", "[]", true},
    {STORE_TYPE, "s", "['S']", true},
    {STORE_TYPE, "n", "['N']", true},
    {STORE_TYPE, "b", "['BOOL']", true},
    {STORE_TYPE, "z", "['NULL']", true},
    {STORE_TYPE, "l", "['L']", true},
    {STORE_TYPE, "m", "['M']", true},
    {STORE_TYPE, "l", "['SS']", false},
    {STORE_TYPE, "none", "['NULL']", false},
    {STORE_TRUE, "", "[]", true},
    {STORE_FALSE, "", "[]", false},
};

static struct store_pred *pred_of(
    struct arena *arena, enum store_op op, const char *path, const char *values)
{
    struct store_pred *pred = arena_new_of(arena, struct store_pred);
    const struct json *list = parse(arena, values);
    pred->op = op;
    pred->path = str_from(path);
    pred->values = arena_array(arena, const struct json *, list->count);
    json_each (value, list) {
        pred->values[pred->value_count++] = value;
    }
    return pred;
}

static void test_leaves(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    const struct json *item = parse(arena, ITEM);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct store_pred *pred = pred_of(arena, CASES[i].op, CASES[i].path, CASES[i].values);
        if (store_pred_eval(pred, item) != CASES[i].wanted) {
            print_error("operator %d, %s, %s\n", CASES[i].op, CASES[i].path, CASES[i].values);
            fail_msg("case %zu", i);
        }
    }
    arena_free(arena);
}

static void test_no_item(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    assert_true(store_pred_eval(NULL, NULL));
    assert_false(store_pred_eval(pred_of(arena, STORE_EXISTS, "a", "[]"), NULL));
    assert_true(store_pred_eval(pred_of(arena, STORE_NOT_EXISTS, "a", "[]"), NULL));
    assert_true(store_pred_eval(pred_of(arena, STORE_NE, "a", "[1]"), NULL));
    assert_false(store_pred_eval(pred_of(arena, STORE_EQ, "a", "[null]"), NULL));
    arena_free(arena);
}

static void test_joins(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    const struct json *item = parse(arena, ITEM);
    const struct store_pred *yes = store_pred_leaf(arena, STORE_EQ, S("n"), parse(arena, "10"));
    const struct store_pred *no = store_pred_leaf(arena, STORE_EQ, S("n"), parse(arena, "11"));
    assert_true(store_pred_eval(store_pred_and(arena, yes, yes), item));
    assert_false(store_pred_eval(store_pred_and(arena, yes, no), item));
    assert_true(store_pred_eval(store_pred_or(arena, no, yes), item));
    assert_false(store_pred_eval(store_pred_or(arena, no, no), item));
    assert_ptr_equal(store_pred_and(arena, NULL, no), no);
    assert_ptr_equal(store_pred_or(arena, no, NULL), no);
    assert_null(store_pred_or(arena, NULL, NULL));
    struct store_pred not = {.op = STORE_NOT, .kids = &no, .kid_count = 1};
    assert_true(store_pred_eval(&not, item));
    struct store_pred none = {.op = STORE_OR};
    assert_false(store_pred_eval(&none, item));
    none.op = STORE_AND;
    assert_true(store_pred_eval(&none, item));
    arena_free(arena);
}

static bool size_is(struct arena *arena, const char *path, enum store_op op, const char *values)
{
    const struct store_pred *kid = pred_of(arena, op, "ignored", values);
    struct store_pred pred = {
        .op = STORE_SIZE, .path = str_from(path), .kids = &kid, .kid_count = 1};
    return store_pred_eval(&pred, parse(arena, ITEM));
}

static void test_size(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    assert_true(size_is(arena, "s", STORE_EQ, "[5]"));
    assert_true(size_is(arena, "u", STORE_EQ, "[2]"));
    assert_true(size_is(arena, "l", STORE_BETWEEN, "[1,3]"));
    assert_true(size_is(arena, "m", STORE_LT, "[2]"));
    assert_true(size_is(arena, "e", STORE_EQ, "[0]"));
    assert_false(size_is(arena, "n", STORE_GE, "[0]"));
    assert_false(size_is(arena, "none", STORE_GE, "[0]"));
    arena_free(arena);
}

static void test_copy(void **state)
{
    struct arena *arena = arena_new();
    struct arena *request = arena_new();
    (void)state;
    const struct store_pred *either =
        store_pred_or(request, store_pred_leaf(request, STORE_EQ, S("s"), parse(request, "1")),
            store_pred_leaf(request, STORE_EXISTS, str_dup(request, S("s")), NULL));
    const struct store_pred *kept = store_pred_copy(arena, either);
    arena_free(request);
    assert_true(store_pred_eval(kept, parse(arena, ITEM)));
    assert_false(store_pred_eval(kept, parse(arena, "{}")));
    assert_null(store_pred_copy(arena, NULL));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_no_item),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
