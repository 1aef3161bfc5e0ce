// Any type-system document: built into a schema, which then answers introspection; and taken as the
// data models of an API, whose served schema has to be one as well.
#include "data/data.h"
#include "gql/gql.h"

#include <stdlib.h>

static const char QUERY[] =
    "{ __schema { queryType { name } types { kind name description specifiedByURL "
    "fields(includeDeprecated: true) { name args { name defaultValue type { ...T } } type { ...T } "
    "isDeprecated deprecationReason } inputFields { name defaultValue type { ...T } } "
    "enumValues { name } interfaces { ...T } possibleTypes { ...T } } "
    "directives { name isRepeatable locations args { name type { ...T } defaultValue } } } } "
    "fragment T on __Type { kind name ofType { kind name ofType { kind name } } }";

// Nothing waits here, so no fiber is needed.
__attribute__((no_thread_safety_analysis)) static void introspect(
    struct arena *arena, const struct gql_schema *schema)
{
    struct gql_prepared prepared = {};
    struct buf out = buf_in(arena, 64 * 1024 * 1024);
    struct json *value = NULL;
    gql_prepare(arena, schema, str_from(QUERY), S(""), &GQL_LIMITS_DEFAULT, &prepared);
    check(prepared.plan != NULL);
    struct gql_exec exec = {.arena = arena, .schema = schema, .plan = prepared.plan};
    if (gql_execute(&exec, &out) == NULL) {
        check(json_parse(arena, buf_str(&out), &value, NULL) == NULL);
        check(json_get(value, S("errors")) == NULL);
    }
    gql_plan_free(prepared.plan);
}

static void build(struct arena *arena, str text)
{
    struct gql_document *doc = NULL;
    struct gql_schema *schema = NULL;
    struct gql_fault fault = {};
    const struct gql_parse_limits limits = {.tokens_max = 5000, .depth_max = 50};
    if (gql_parse(arena, text, &limits, &doc, &fault) != NULL) {
        check(fault.pos.line > 0 && fault.pos.column > 0 && str_is_utf8(fault.message));
    } else if (gql_schema_build(arena, doc, &schema) == NULL) {
        introspect(arena, schema);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    struct buf served = buf_in(arena, 64 * 1024 * 1024);
    str text = {(const char *)data, size};
    build(arena, text);
    if (size < 20000) {
        err *e = data_schema_convert(arena, text, S("apiKey,userPool"), DATA_FORM_SDL, &served);
        check(e == NULL || e->text.len > 0);
    }
    arena_free(arena);
    return 0;
}
