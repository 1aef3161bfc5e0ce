// The API's filters, compiled and evaluated on items, by table. JSON is written with single quotes.
#include "data/data_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#undef fail
#define fail() _fail(__FILE__, __LINE__)

static const char ITEM[] = "{'title':'hello','rating':4.5,'count':10,'done':true,'gone':null,"
                           "'tags':['a','b'],'empty':'','kind':'RED','when':'2020-01-02'}";

static const struct {
    const char *filter;
    bool wanted;
} CASES[] = {
    {"{}", true},
    {"null", true},
    {"{'title':{}}", true},
    {"{'title':null}", true},
    {"{'title':{'eq':'hello'}}", true},
    {"{'title':{'eq':'Hello'}}", false},
    {"{'title':{'ne':'x'}}", true},
    {"{'none':{'ne':'x'}}", true},
    {"{'none':{'eq':'x'}}", false},
    {"{'none':{'lt':'x'}}", false},
    {"{'count':{'lt':11}}", true},
    {"{'count':{'le':10}}", true},
    {"{'count':{'gt':10}}", false},
    {"{'count':{'ge':10.0}}", true},
    {"{'count':{'eq':'10'}}", false},
    {"{'rating':{'between':[4.5,5]}}", true},
    {"{'rating':{'between':[4.6,5]}}", false},
    {"{'when':{'between':['2020-01-01','2020-01-03']}}", true},
    {"{'title':{'contains':'ell'}}", true},
    {"{'title':{'notContains':'ell'}}", false},
    {"{'none':{'notContains':'ell'}}", true},
    {"{'tags':{'contains':'a'}}", true},
    {"{'tags':{'contains':'c'}}", false},
    {"{'tags':{'notContains':'c'}}", true},
    {"{'title':{'beginsWith':'he'}}", true},
    {"{'title':{'beginsWith':'el'}}", false},
    {"{'title':{'attributeExists':true}}", true},
    {"{'gone':{'attributeExists':true}}", true},
    {"{'none':{'attributeExists':true}}", false},
    {"{'none':{'attributeExists':false}}", true},
    {"{'title':{'attributeExists':false}}", false},
    {"{'title':{'attributeType':'string'}}", true},
    {"{'count':{'attributeType':'number'}}", true},
    {"{'done':{'attributeType':'bool'}}", true},
    {"{'gone':{'attributeType':'_null'}}", true},
    {"{'tags':{'attributeType':'list'}}", true},
    {"{'tags':{'attributeType':'stringSet'}}", false},
    {"{'title':{'size':{'eq':5}}}", true},
    {"{'title':{'size':{'gt':5}}}", false},
    {"{'tags':{'size':{'between':[1,2]}}}", true},
    {"{'empty':{'size':{'eq':0}}}", true},
    {"{'none':{'size':{'ge':0}}}", false},
    {"{'done':{'eq':true}}", true},
    {"{'done':{'ne':true}}", false},
    {"{'gone':{'eq':null}}", true},
    {"{'kind':{'eq':'RED'}}", true},
    {"{'title':{'in':['x','hello']}}", true},
    {"{'title':{'notIn':['x','hello']}}", false},
    {"{'title':{'beginsWith':'he','contains':'xx'}}", false},
    {"{'title':{'eq':'hello'},'count':{'eq':10}}", true},
    {"{'title':{'eq':'hello'},'count':{'eq':11}}", false},
    {"{'and':[{'title':{'eq':'hello'}},{'count':{'eq':10}}]}", true},
    {"{'and':[{'title':{'eq':'hello'}},{'count':{'eq':11}}]}", false},
    {"{'or':[{'title':{'eq':'x'}},{'count':{'eq':10}}]}", true},
    {"{'or':[{'title':{'eq':'x'}},{'count':{'eq':11}}]}", false},
    {"{'or':[{},{'count':{'eq':11}}]}", false},
    {"{'or':[]}", true},
    {"{'and':[]}", true},
    {"{'or':{'count':{'eq':11}}}", false},
    {"{'not':{'title':{'eq':'x'}}}", true},
    {"{'not':{'title':{'eq':'hello'}}}", false},
    {"{'not':{}}", true},
    {"{'not':{'or':[{'count':{'eq':10}},{'count':{'eq':11}}]}}", false},
    {"{'or':[{'not':{'done':{'eq':true}}},{'and':[{'count':{'gt':9}},{'rating':{'lt':5}}]}]}",
        true},
    {"{'title':{'eq':'hello'},'or':[{'count':{'eq':1}},{'count':{'eq':2}}]}", false},
    {"{'title':{'eq':'hello'},'and':null,'not':null}", true},
};

static struct json *parse(struct arena *arena, const char *text)
{
    struct json *value = NULL;
    char *json = str_cstr(arena, str_from(text));
    for (char *c = json; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    assert_null(json_parse(arena, str_from(json), &value, NULL));
    return value;
}

static void test_filters(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    const struct json *item = parse(arena, ITEM);
    for (size_t i = 0; i < countof(CASES); i++) {
        const struct store_pred *pred = NULL;
        assert_null(data_filter_compile(arena, DATA_FILTER, parse(arena, CASES[i].filter), &pred));
        if (store_pred_eval(pred, item) != CASES[i].wanted) {
            fail_msg("%s is not %d", CASES[i].filter, CASES[i].wanted);
        }
    }
    arena_free(arena);
}

static void test_refusals(void **state)
{
    static const char *const BAD[] = {"'x'", "[]", "{'title':'x'}", "{'title':{'like':'x'}}",
        "{'title':{'between':['a']}}", "{'title':{'between':'a'}}", "{'and':5}",
        "{'title':{'size':5}}", "{'title':{'in':'x'}}"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(BAD); i++) {
        const struct store_pred *pred = NULL;
        if (data_filter_compile(arena, DATA_FILTER, parse(arena, BAD[i]), &pred) == NULL) {
            fail_msg("%s is taken", BAD[i]);
        }
    }
    arena_free(arena);
}

// What DynamoDB refuses in an expression, and a subscription does not.
static void test_operands(void **state)
{
    static const struct {
        const char *filter;
        const char *text; // NULL: nothing is wrong
    } OPERANDS[] = {
        {"{'title':{'between':['a','a']}}", NULL},
        {"{'title':{'between':['b','a']}}",
            "The BETWEEN operator requires upper bound to be greater "
            "than or equal to lower bound; lower bound operand: "
            "AttributeValue: {S:b}, upper bound operand: "
            "AttributeValue: {S:a}"},
        {"{'not':{'count':{'between':[10,9]}}}",
            "lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: "
            "{N:9}"},
        {"{'title':{'between':['a',null]}}", "requires same data type for lower and upper bounds"},
        {"{'or':[{'title':{'beginsWith':null}}]}", "Incorrect operand type"},
        {"{'title':{'lt':null}}", NULL},
        {"{'title':{'between':null,'size':null,'in':null,'attributeType':null}}", NULL},
    };
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(OPERANDS); i++) {
        const struct store_pred *pred = NULL;
        const struct json *filter = parse(arena, OPERANDS[i].filter);
        err *e = data_filter_compile(arena, DATA_CONDITION, filter, &pred);
        assert_true((e == NULL) == (OPERANDS[i].text == NULL));
        if (e != NULL) {
            assert_true(str_starts(e->text, S("Invalid ConditionExpression: ")));
            assert_true(str_find(e->text, str_from(OPERANDS[i].text)) > 0);
            assert_true(str_eq(e->wire, S("DynamoDB:DynamoDbException")));
        }
        assert_null(data_filter_compile(arena, DATA_SUBSCRIPTION_FILTER, filter, &pred));
    }
    arena_free(arena);
}

// Conditions that say nothing make no predicate.
static void test_nothing(void **state)
{
    static const char *const NOTHING[] = {"{}", "{'title':{}}", "{'title':{'size':{}}}",
        "{'and':[]}", "{'or':[{},{'title':{'size':{}}}]}", "{'not':{'title':{'size':{}}}}"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(NOTHING); i++) {
        const struct store_pred *pred = NULL;
        assert_null(data_filter_compile(arena, DATA_FILTER, parse(arena, NOTHING[i]), &pred));
        assert_null(pred);
    }
    arena_free(arena);
}

// Nesting is bounded: a filter is input.
static void test_depth(void **state)
{
    struct arena *arena = arena_new();
    const struct store_pred *pred = NULL;
    struct json *filter = json_object(arena);
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct json *outer = json_object(arena);
        json_set(outer, S("not"), filter);
        filter = outer;
    }
    assert_null(data_filter_compile(arena, DATA_FILTER, filter, &pred));
    for (int i = 0; i < 100; i++) {
        struct json *outer = json_object(arena);
        json_set(outer, S("not"), filter);
        filter = outer;
    }
    assert_non_null(data_filter_compile(arena, DATA_FILTER, filter, &pred));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
