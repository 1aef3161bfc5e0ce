// Any document against a fixed schema: prepared, and executed when it is valid. Behind a NUL byte
// the input may carry the variables as JSON. What comes out is always JSON, and the same again from
// the plan cache.
#include "gql/gql.h"

#include <stdlib.h>

static const char SDL[] =
    "directive @onField(a: Int! = 1) repeatable on FIELD | QUERY | FRAGMENT_SPREAD "
    "scalar Any enum Color { RED GREEN @deprecated } "
    "interface Node { id: ID! name(upper: Boolean = false): String peer: Node } "
    "type User implements Node { id: ID! name(upper: Boolean = false): String peer: Node "
    "age: Int! color: Color posts(first: Int = 10, filter: Filter): [Post!]! any(v: Any): Any } "
    "type Post implements Node { id: ID! name(upper: Boolean = false): String peer: Node "
    "author: User! tags: [[String!]] score: Float } "
    "union Hit = User | Post input Filter { eq: String in: [String!] and: [Filter!] "
    "not: Filter size: Int! = 3 color: Color } "
    "type Query { node(id: ID!): Node user: User hits(q: [Filter!]!): [Hit] post: Post n: Int } "
    "type Mutation { put(input: Filter!): User } type Subscription { on(a: Int): User }";

static const char ROOT[] =
    "{\"__typename\":\"User\",\"id\":7,\"name\":\"n\",\"age\":null,\"color\":\"RED\","
    "\"peer\":{\"__typename\":\"Post\",\"id\":\"p\",\"author\":{\"id\":\"u\",\"age\":3},\"tags\":"
    "[[\"a\",null],[\"b\"]],\"score\":1.5},\"posts\":[{\"id\":1,\"author\":null},{\"id\":true}],"
    "\"any\":{\"x\":[1]},\"author\":{\"id\":\"a\",\"age\":5,\"posts\":[]}}";

static struct json *root;

static err *resolve(struct gql_call *call, struct json **out)
{
    if (call->source != NULL) {
        *out = json_get(call->source, call->field->name);
    } else if (str_eq(call->field->name, S("hits"))) {
        *out = json_array(call->arena);
        json_push(*out, json_shallow(call->arena, root));
    } else {
        *out = root;
    }
    return json_get(call->args, S("not")) != NULL
               ? fail(call->arena, ERR_INVALID, "refused on purpose")
               : NULL;
}

static struct gql_schema *schema(void)
{
    static struct gql_schema *made;
    struct gql_document *doc = NULL;
    struct gql_type *type = NULL;
    if (made == NULL) {
        struct arena *arena = arena_new(); // for the whole run
        check(gql_parse(arena, str_from(SDL), NULL, &doc, NULL) == NULL);
        check(gql_schema_build(arena, doc, &made) == NULL);
        check(json_parse(arena, str_from(ROOT), &root, NULL) == NULL);
        for (size_t i = 0; (type = gql_schema_type_at(made, i)) != NULL; i++) {
            for (size_t k = 0; k < type->field_count; k++) {
                bool meta = str_starts(type->name, S("__"));
                type->fields[k].resolve = meta ? type->fields[k].resolve : resolve;
            }
        }
    }
    return made;
}

static void check_json(struct arena *arena, const struct buf *text)
{
    struct json *value = NULL;
    check(json_parse(arena, buf_str(text), &value, NULL) == NULL);
}

// Nothing waits here, so no fiber is needed.
__attribute__((no_thread_safety_analysis)) static void run(struct arena *arena,
    const struct gql_limits *limits, const struct gql_plan *plan, const struct json *given,
    struct buf *out)
{
    struct json *variables = NULL;
    err *e = gql_coerce_variables(arena, plan, given, &variables);
    if (e == NULL) {
        struct gql_exec exec = {.arena = arena,
            .schema = schema(),
            .plan = plan,
            .limits = limits,
            .variables = variables};
        e = gql_execute(&exec, out);
    }
    if (e != NULL) {
        out->len = 0;
        gql_write_error(out, e);
    }
    check_json(arena, out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const struct gql_limits LIMITS = {.depth_max = 20,
        .fields_max = 500,
        .resolvers_max = 500,
        .tokens_max = 5000,
        .result_max = 100000};
    struct arena *arena = arena_new();
    struct gql_plan_cache *cache = gql_plan_cache_new(schema(), &LIMITS, 100000);
    struct json *variables = NULL;
    struct gql_prepared prepared = {};
    str rest = {(const char *)data, size};
    str document = {};
    struct buf first = buf_in(arena, 1000000);
    struct buf second = buf_in(arena, 1000000);
    (void)str_next(&rest, '\0', &document);
    if (json_parse(arena, rest.ptr != NULL ? rest : S(""), &variables, NULL) != NULL) {
        variables = NULL;
    }
    gql_plan_cache_get(cache, arena, document, S(""), &prepared);
    if (prepared.plan == NULL) {
        check(prepared.syntax == NULL || prepared.syntax->pos.line > 0);
        gql_write_problems(&first, &prepared);
        check_json(arena, &first);
    } else {
        run(arena, &LIMITS, prepared.plan, variables, &first);
        gql_plan_cache_release(cache, prepared.plan);
        gql_plan_cache_get(cache, arena, document, S(""), &prepared);
        run(arena, &LIMITS, prepared.plan, variables, &second);
        gql_plan_cache_release(cache, prepared.plan);
        check(str_eq(buf_str(&first), buf_str(&second)));
    }
    gql_plan_cache_free(cache);
    arena_free(arena);
    return 0;
}
