// What other folders rely on in the GraphQL engine: the texts of schema faults, the plan cache,
// hooks, error objects, events, waiting resolvers. Its agreement with graphql-js is tests/gql's.
#include "fiber/fiber.h"
#include "gql/gql.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_text(str actual, const char *expected)
{
    if (!str_eq(actual, str_from(expected))) {
        fail_msg("\n  is   %.*s\n  want %s", PRI(actual), expected);
    }
}

// ---- schemas -----------------------------------------------------------------------------------

static void test_schema_faults(void **state)
{
    static const char *const CASES[][2] = {
        {"type Query {\n  a: Nope\n}", "Unknown type \"Nope\". (line 2, column 6)"},
        {"type Query { a: Int }\ntype Query { b: Int }",
            "There can be only one type named \"Query\". (line 2, column 1)"},
        {"type Query { a: Int\na: Int }",
            "Field \"Query.a\" can only be defined once. (line 2, column 1)"},
        {"type A { a: Int }", "Query root type must be provided."},
        {"type Query { a: Int } interface I { b: Int }\ntype T implements I { a: Int }",
            "Interface field I.b expected but T does not provide it. (line 2, column 1)"},
        {"type Query { a: Int } interface I { b: Int! }\ntype T implements I { b: Int }",
            "Interface field I.b expects type Int! but T.b is type Int. (line 2, column 1)"},
        {"type Query { a: Int }\ninput A { b: B! }\ninput B { a: A! }",
            "Cannot reference Input Object \"A\" within itself through a series of non-null "
            "fields. (line 2, column 1)"},
        {"type Query { a: Int\n__b: Int }",
            "Name \"__b\" must not begin with \"__\", which is reserved by GraphQL introspection. "
            "(line 2, column 1)"},
        {"type Query { a(b: Int = \"x\"): Int }",
            "Bad default of \"b\": is not a valid 'Int' (line 1, column 25)"},
        {"type Query @deprecated { a: Int }",
            "Directive \"@deprecated\" may not be used on OBJECT. (line 1, column 12)"},
        {"type Query { a: Int } union U = Query | Query",
            "Union type U can only include type Query once. (line 1, column 23)"},
        {"type Query { a: Int } extend enum E { A }",
            "Cannot extend type \"E\": there is none of this kind. (line 1, column 23)"},
        {"schema { query: Query } schema { query: Query } type Query { a: Int }",
            "Must provide only one schema definition. (line 1, column 25)"},
        {"{ a }", "A schema may only contain type definitions. (line 1, column 1)"},
    };

    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        struct arena *arena = arena_new();
        struct gql_document *doc = NULL;
        struct gql_schema *schema = NULL;
        assert_null(gql_parse(arena, str_from(CASES[i][0]), NULL, &doc, NULL));
        err *e = gql_schema_build(arena, doc, &schema);
        assert_non_null(e);
        assert_text(e->text, CASES[i][1]);
        arena_free(arena);
    }
}

// ---- a schema with resolvers
// ---------------------------------------------------------------------

struct world {
    struct arena *arena;
    struct gql_schema *schema;
    struct loop *loop;
    const char *query;
    const char *event;
    struct gql_limits limits;
    struct json *published;
    str out;
    bool failed;
    enum err_code code; // the error itself may belong to the loop
    struct fiber *fiber;
    bool selects_name;
};

static err *resolve_user(struct gql_call *call, struct json **out)
{
    struct world *world = call->request;
    world->selects_name = gql_call_selects(call, S("name"));
    return json_parse(call->arena,
        S("{\"id\":\"u\",\"name\":\"Ann\",\"friends\":[{\"id\":\"v\"},{\"name\":\"no id\"}]}"), out,
        NULL);
}

static err *resolve_fails(struct gql_call *call, struct json **out)
{
    *out = NULL;
    err *e = err_make(call->arena, ERR_INVALID, __FILE__, __LINE__, "went wrong");
    e->wire = S("My:Type");
    return e;
}

static err *resolve_warns(struct gql_call *call, struct json **out)
{
    struct json *info = json_object(call->arena);
    json_set(info, S("left"), json_int(call->arena, 3));
    gql_call_append_error(call, S("nearly"), S("Warning"), info, NULL);
    *out = json_string(call->arena, S("kept"));
    return NULL;
}

static err *resolve_slow(struct gql_call *call, struct json **out) YIELDS;

static err *resolve_slow(struct gql_call *call, struct json **out)
{
    TRY(fiber_pause());
    *out = json_string(call->arena, S("done"));
    return NULL;
}

static err *resolve_never(struct gql_call *call, struct json **out) YIELDS;

static err *resolve_never(struct gql_call *call, struct json **out)
{
    (void)call;
    *out = NULL;
    return fiber_wait();
}

static void build(struct world *world)
{
    static const struct {
        str type;
        str field;
        gql_resolver resolve;
    } RESOLVERS[] = {
        {S_INIT("Query"), S_INIT("user"), resolve_user},
        {S_INIT("Query"), S_INIT("fails"), resolve_fails},
        {S_INIT("Query"), S_INIT("warns"), resolve_warns},
        {S_INIT("Query"), S_INIT("slow"), resolve_slow},
        {S_INIT("Query"), S_INIT("never"), resolve_never},
        {S_INIT("Mutation"), S_INIT("put"), resolve_user},
        {S_INIT("Mutation"), S_INIT("fails"), resolve_fails},
    };

    struct gql_document *doc = NULL;
    *world = (struct world){.arena = arena_new(), .limits = GQL_LIMITS_DEFAULT};
    str sdl = S("type Query { user(a: In, id: ID): User fails: String warns: String slow: String "
                "never: String secret: String } type Mutation { put: User fails: String } "
                "type Subscription { on: User } input In { x: Int! y: [String] } "
                "type User { id: ID! name: String friends: [User!] secret: String }");
    assert_null(gql_parse(world->arena, sdl, NULL, &doc, NULL));
    assert_null(gql_schema_build(world->arena, doc, &world->schema));
    for (size_t i = 0; i < countof(RESOLVERS); i++) {
        struct gql_field_def *field =
            gql_schema_field_mut(world->schema, RESOLVERS[i].type, RESOLVERS[i].field);
        assert_non_null(field);
        field->resolve = RESOLVERS[i].resolve;
    }
}

static bool may_access(void *request, const struct gql_type *parent, const struct gql_field_def *f)
{
    (void)request;
    (void)parent;
    return !str_eq(f->name, S("secret"));
}

static bool wants(void *request, const struct gql_field_def *field)
{
    (void)request;
    return str_eq(field->name, S("put"));
}

static void take_payload(void *request, const struct gql_field_def *f, const struct json *payload)
{
    struct world *world = request;
    (void)f;
    world->published = json_copy(world->arena, payload);
}

static void execute(void *arg)
{
    struct world *world = arg;
    struct gql_prepared prepared = {};
    struct buf out = buf_in(world->arena, 1024 * 1024);
    struct json *event = NULL;
    if (world->event != NULL) {
        assert_null(json_parse(world->arena, str_from(world->event), &event, NULL));
    }
    gql_prepare(
        world->arena, world->schema, str_from(world->query), S(""), &world->limits, &prepared);
    if (prepared.plan == NULL) {
        gql_write_problems(&out, &prepared);
    } else {
        struct gql_exec exec = {.arena = world->arena,
            .schema = world->schema,
            .plan = prepared.plan,
            .limits = &world->limits,
            .request = world,
            .may_access = may_access,
            .wants_payload = wants,
            .publish = take_payload,
            .event = event};
        err *e = gql_coerce_variables(
            world->arena, prepared.plan, NULL, (struct json **)&exec.variables);
        e = e != NULL ? e : gql_execute(&exec, &out);
        world->failed = e != NULL;
        world->code = e != NULL ? e->code : 0;
        gql_plan_free(prepared.plan);
    }
    world->out = buf_str(&out);
    loop_stop(world->loop);
}

static void start(void *arg)
{
    struct world *world = arg;
    world->fiber = fiber_start("execute", execute, world);
}

static str run(struct world *world, const char *query)
{
    world->loop = loop_new(0);
    world->query = query;
    loop_post(world->loop, start, world);
    loop_run(world->loop);
    loop_free(world->loop);
    return world->out;
}

static void test_responses(void **state)
{
    static const char *const CASES[][2] = {
        {"{ user { n: name id } }", "{\"data\":{\"user\":{\"n\":\"Ann\",\"id\":\"u\"}}}"},
        {"{ slow again: slow }", "{\"data\":{\"slow\":\"done\",\"again\":\"done\"}}"},
        {"{\n  fails\n}",
            "{\"data\":{\"fails\":null},\"errors\":[{\"path\":[\"fails\"],\"data\":null,"
            "\"errorType\":\"My:Type\",\"errorInfo\":null,\"locations\":[{\"line\":2,\"column\":3,"
            "\"sourceName\":null}],\"message\":\"went wrong\"}]}"},
        {"{ warns }",
            "{\"data\":{\"warns\":\"kept\"},\"errors\":[{\"path\":[\"warns\"],\"data\":null,"
            "\"errorType\":\"Warning\",\"errorInfo\":{\"left\":3},\"locations\":[{\"line\":1,"
            "\"column\":3,\"sourceName\":null}],\"message\":\"nearly\"}]}"},
        {"{ user { name secret } }",
            "{\"data\":{\"user\":{\"name\":\"Ann\",\"secret\":null}},\"errors\":[{\"path\":"
            "[\"user\",\"secret\"],\"data\":null,\"errorType\":\"Unauthorized\",\"errorInfo\":null,"
            "\"locations\":[{\"line\":1,\"column\":15,\"sourceName\":null}],\"message\":"
            "\"Not Authorized to access secret on type User\"}]}"},
        {"{ user { friends { id } } }",
            "{\"data\":{\"user\":{\"friends\":null}},\"errors\":[{\"path\":[\"user\",\"friends\",1,"
            "\"id\"],\"locations\":null,\"message\":\"Cannot return null for non-nullable type: "
            "'ID' within parent 'User' (/user/friends[1]/id)\"}]}"},
        {"{ x }",
            "{\"data\":null,\"errors\":[{\"path\":null,\"locations\":[{\"line\":1,\"column\":3,"
            "\"sourceName\":null}],\"message\":\"Validation error of type FieldUndefined: Field "
            "'x' in type 'Query' is undefined @ 'x'\"}]}"},
        {"{ __typename __type(name: \"User\") { name } }",
            "{\"data\":{\"__typename\":\"Query\",\"__type\":{\"name\":\"User\"}}}"},
    };

    struct world world;
    (void)state;
    build(&world);
    for (size_t i = 0; i < countof(CASES); i++) {
        assert_text(run(&world, CASES[i][0]), CASES[i][1]);
        assert_false(world.failed);
    }
    run(&world, "{ user { id } }");
    assert_false(world.selects_name);
    run(&world, "{ user { ... { n: name } } }");
    assert_true(world.selects_name);
    arena_free(world.arena);
}

static void test_publish(void **state)
{
    struct world world;
    (void)state;
    build(&world);
    run(&world, "mutation { p: put { i: id n: name __typename } }");
    assert_non_null(world.published);
    assert_text(json_text(world.arena, world.published),
        "{\"id\":\"u\",\"name\":\"Ann\",\"__typename\":\"User\"}");
    world.published = NULL;
    run(&world, "mutation { fails }");
    assert_null(world.published);                  // nobody wants it
    run(&world, "mutation { put { id secret } }"); // what has an error is null there too
    assert_non_null(world.published);
    assert_text(json_text(world.arena, world.published), "{\"id\":\"u\",\"secret\":null}");
    arena_free(world.arena);
}

static void test_event(void **state)
{
    struct world world;
    (void)state;
    build(&world);
    world.event = "{\"id\":\"e\",\"name\":\"Eve\",\"friends\":[{\"id\":\"f\"}]}";
    assert_text(run(&world, "subscription { o: on { name friends { id } } }"),
        "{\"data\":{\"o\":{\"name\":\"Eve\",\"friends\":[{\"id\":\"f\"}]}}}");
    arena_free(world.arena);
}

static void cancel(void *arg)
{
    struct world *world = arg;
    fiber_cancel(world->fiber);
}

static void start_and_cancel(void *arg)
{
    struct world *world = arg;
    start(arg);
    loop_post(world->loop, cancel, world);
}

static void test_cancelled(void **state)
{
    struct world world;
    (void)state;
    build(&world);
    world.loop = loop_new(0);
    world.query = "{ never user { id } }";
    loop_post(world.loop, start_and_cancel, &world);
    loop_run(world.loop);
    loop_free(world.loop);
    assert_true(world.failed);
    assert_int_equal(world.code, ERR_CANCELLED);
    arena_free(world.arena);
}

// ---- variables
// -----------------------------------------------------------------------------------

static void test_variables(void **state)
{
    static const char *const CASES[][2] = {
        {"{\"a\":{\"x\":1,\"y\":\"one\"}}", "{\"a\":{\"x\":1,\"y\":[\"one\"]},\"b\":\"5\"}"},
        {"{\"a\":{\"x\":1.0},\"b\":null}", "{\"a\":{\"x\":1},\"b\":null}"},
        {"{}", "Variable 'a' has coerced Null value for NonNull type 'In!'"},
        {"{\"a\":{}}", "Variable 'a' has coerced Null value for NonNull type 'Int!'"},
        {"{\"a\":{\"x\":\"1\"}}", "Variable 'a' has an invalid value."},
        {"{\"a\":5}", "Variable 'a' has an invalid value."},
        {"{\"a\":{\"x\":1,\"z\":2}}",
            "The variables input contains a field name 'z' that is not defined for input object "
            "type 'In' "},
    };

    struct world world;
    struct gql_prepared prepared = {};
    (void)state;
    build(&world);
    gql_prepare(world.arena, world.schema,
        S("query ($a: In!, $b: Int = 5) { user(a: $a) { id } u: user(id: $b2) { id } }"), S(""),
        &world.limits, &prepared);
    assert_null(prepared.plan); // an undefined variable, an unused one
    assert_int_equal(prepared.problem_count, 2);
    gql_prepare(world.arena, world.schema,
        S("query ($a: In!, $b: ID = 5) { user(a: $a, id: $b) { id } }"), S(""), &world.limits,
        &prepared);
    assert_non_null(prepared.plan);
    for (size_t i = 0; i < countof(CASES); i++) {
        struct json *given = NULL;
        struct json *coerced = NULL;
        assert_null(json_parse(world.arena, str_from(CASES[i][0]), &given, NULL));
        err *e = gql_coerce_variables(world.arena, prepared.plan, given, &coerced);
        assert_text(e != NULL ? e->text : json_text(world.arena, coerced), CASES[i][1]);
    }
    gql_plan_free(prepared.plan);
    arena_free(world.arena);
}

// ---- the plan cache
// --------------------------------------------------------------------------------

static struct gql_plan *get(struct gql_plan_cache *cache, struct world *world, const char *text)
{
    struct gql_prepared prepared = {};
    gql_plan_cache_get(cache, world->arena, str_from(text), S(""), &prepared);
    return prepared.plan;
}

static void test_cache(void **state)
{
    struct world world;
    (void)state;
    build(&world);
    struct gql_plan_cache *cache = gql_plan_cache_new(world.schema, &world.limits, 1);
    struct gql_plan *first = get(cache, &world, "{ warns }");
    assert_ptr_equal(get(cache, &world, "{ warns }"), first); // found, not made again
    struct gql_plan *second = get(cache, &world, "{ slow }"); // one byte: the first has to go
    assert_int_equal(gql_plan_root_count(first), 1);          // and lives while it is pinned
    struct gql_plan *again = get(cache, &world, "{ warns }");
    assert_ptr_not_equal(again, first);
    gql_plan_cache_release(cache, first);
    gql_plan_cache_release(cache, first);
    gql_plan_cache_release(cache, second);
    assert_null(get(cache, &world, "{ nope }"));
    gql_plan_cache_free(cache);
    assert_text(gql_plan_root(again, 0)->name, "warns"); // pinned beyond the cache
    gql_plan_free(again);

    cache = gql_plan_cache_new(world.schema, &world.limits, 1024 * 1024);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 200; i++) {
            str text = str_fmt(world.arena, "{ a%d: warns slow fails }", i);
            struct gql_plan *plan = get(cache, &world, str_cstr(world.arena, text));
            assert_non_null(plan);
            assert_true(gql_plan_size(plan) > 100);
            gql_plan_cache_release(cache, plan);
        }
    }
    struct gql_prepared named = {};
    gql_plan_cache_get(cache, world.arena, S("query A { slow } query B { warns }"), S("B"), &named);
    assert_text(gql_plan_root(named.plan, 0)->name, "warns");
    gql_plan_cache_release(cache, named.plan);
    gql_plan_cache_get(cache, world.arena, S("query A { slow } query B { warns }"), S("A"), &named);
    assert_text(gql_plan_root(named.plan, 0)->name, "slow");
    gql_plan_cache_release(cache, named.plan);
    gql_plan_cache_free(cache);
    arena_free(world.arena);
}

static void test_no_introspection(void **state)
{
    struct world world;
    (void)state;
    build(&world);
    world.limits.no_introspection = true;
    assert_text(run(&world, "{ __schema { types { name } } }"),
        "{\"data\":null,\"errors\":[{\"path\":null,\"locations\":null,\"message\":"
        "\"Introspection is disabled.\"}]}");
    assert_text(run(&world, "{ __typename }"), "{\"data\":{\"__typename\":\"Query\"}}");
    arena_free(world.arena);
}

// ---- memory
// --------------------------------------------------------------------------------------

static err *resolve_many(struct gql_call *call, struct json **out)
{
    *out = call->request; // {"friends": [...]}
    return NULL;
}

static size_t memory_for(struct world *world, const struct gql_plan *plan, int count)
{
    struct arena *arena = arena_new();
    struct buf out = buf_heap(1024 * 1024);
    struct json *user = json_object(world->arena);
    struct json *friends = json_array(world->arena);
    for (int i = 0; i < count; i++) {
        struct json *friend = json_object(world->arena);
        json_set(friend, S("id"), json_string(world->arena, S("an id")));
        json_set(friend, S("name"), json_string(world->arena, S("a name")));
        json_push(friends, friend);
    }
    json_set(user, S("friends"), friends);
    struct gql_exec exec = {.arena = arena, .schema = world->schema, .plan = plan, .request = user};
    assert_null(gql_execute(&exec, &out));
    assert_true(out.len > (size_t)count * 30);
    size_t used = arena_used(arena);
    buf_free(&out);
    arena_free(arena);
    return used;
}

static void test_memory(void **state)
{
    struct world world;
    struct gql_prepared prepared = {};
    (void)state;
    build(&world);
    gql_schema_field_mut(world.schema, S("Query"), S("user"))->resolve = resolve_many;
    gql_prepare(world.arena, world.schema,
        S("{ user { friends { id name t: __typename friends { id } } } }"), S(""), &world.limits,
        &prepared);
    // Execution writes: fields cost no memory but the response's.
    assert_int_equal(memory_for(&world, prepared.plan, 1), memory_for(&world, prepared.plan, 500));
    gql_plan_free(prepared.plan);
    arena_free(world.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_faults),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_no_introspection),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
