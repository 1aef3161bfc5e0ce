// The GraphQL engine alone: preparing, finding a cached plan, executing a client's list query.
// Usage: gql_bench CASE.json SECONDS; prints microseconds as JSON. bench/gql.mjs compares.
#include "gql/gql.h"

#include <stdio.h>
#include <stdlib.h>

struct bench {
    struct gql_schema *schema;
    struct json *input;
    str query;
    struct gql_plan_cache *cache;
    struct arena *arena; // of one request
    size_t bytes;        // of the response
};

static err *resolve_list(struct gql_call *call, struct json **out)
{
    const struct bench *bench = call->request;
    *out = json_get(json_get(bench->input, S("root")), call->field->name);
    return NULL;
}

static void prepare(struct bench *bench)
{
    struct gql_prepared prepared = {};
    gql_prepare(bench->arena, bench->schema, bench->query, S(""), &GQL_LIMITS_DEFAULT, &prepared);
    check(prepared.plan != NULL);
    gql_plan_free(prepared.plan);
}

static void lookup(struct bench *bench)
{
    struct gql_prepared prepared = {};
    gql_plan_cache_get(bench->cache, bench->arena, bench->query, S(""), &prepared);
    gql_plan_cache_release(bench->cache, prepared.plan);
}

static void request(struct bench *bench)
{
    struct gql_prepared prepared = {};
    struct buf out = buf_in(bench->arena, 8 * 1024 * 1024);
    gql_plan_cache_get(bench->cache, bench->arena, bench->query, S(""), &prepared);
    struct gql_exec exec = {
        .arena = bench->arena, .schema = bench->schema, .plan = prepared.plan, .request = bench};
    struct json *variables = NULL;
    check(gql_coerce_variables(bench->arena, prepared.plan, json_get(bench->input, S("variables")),
              &variables) == NULL);
    exec.variables = variables;
    check(gql_execute(&exec, &out) == NULL);
    gql_plan_cache_release(bench->cache, prepared.plan);
    bench->bytes = out.len;
}

// Microseconds for one call, of the best of five slices.
static double measure(struct bench *bench, void (*fn)(struct bench *bench), double seconds)
{
    double best = 1e9;
    for (int slice = 0; slice < 5; slice++) {
        u64 start = time_mono_us();
        u64 took = 0;
        size_t count = 0;
        while (took < (u64)(seconds * 1e6 / 5)) {
            for (int i = 0; i < 16; i++) {
                fn(bench);
                arena_reset(bench->arena);
            }
            count += 16;
            took = time_mono_us() - start;
        }
        double each = (double)took / (double)count;
        best = each < best ? each : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct bench bench = {.arena = arena_new()};
    struct gql_document *doc = NULL;
    str text = {};
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    check(argc > 1 && file_read(arena, argv[1], 16 * 1024 * 1024, &text) == NULL);
    check(json_parse(arena, text, &bench.input, NULL) == NULL);
    check(gql_parse(arena, json_get_str(bench.input, S("sdl")), NULL, &doc, NULL) == NULL);
    check(gql_schema_build(arena, doc, &bench.schema) == NULL);
    bench.query = json_get_str(bench.input, S("query"));
    bench.cache = gql_plan_cache_new(bench.schema, &GQL_LIMITS_DEFAULT, 1024 * 1024);
    gql_schema_field_mut(bench.schema, S("Query"), S("listTodos"))->resolve = resolve_list;
    request(&bench);
    size_t memory = arena_used(bench.arena) - bench.bytes;
    double prepare_us = measure(&bench, prepare, seconds);
    double lookup_us = measure(&bench, lookup, seconds);
    double request_us = measure(&bench, request, seconds);
    printf("{\"prepare\":%.2f,\"lookup\":%.3f,\"request\":%.2f,\"response\":%zu,\"memory\":%zu}\n",
        prepare_us, lookup_us, request_us, bench.bytes, memory);
    gql_plan_cache_free(bench.cache);
    arena_free(bench.arena);
    arena_free(arena);
    return 0;
}
