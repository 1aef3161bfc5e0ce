// From text to plan, and the cache of plans.
#include "gql/gql_int.h"

// Recursion over the document has to fit a fiber's stack beside the callers' frames; what may be
// executed is limited to less.
enum { PARSE_DEPTH_MAX = 120 };

static err *choose_operation(struct arena *arena, const struct gql_document *doc, str name,
    const struct gql_definition **out)
{
    size_t count = 0;
    for (size_t i = 0; i < doc->definition_count; i++) {
        const struct gql_definition *d = &doc->definitions[i];
        if (d->kind == GQL_DEF_OPERATION && (name.len == 0 || str_eq(d->name, name))) {
            *out = d;
            count++;
        }
    }
    if (count > 1) {
        return fail(arena, ERR_SYNTAX,
            "Must provide operation name if query contains multiple operations.");
    }
    if (count == 0 && name.len > 0) {
        return fail(arena, ERR_SYNTAX, "Unknown operation named '%.*s'.", PRI(name));
    }
    return count == 0 ? fail(arena, ERR_SYNTAX, "The document contains no operation.") : NULL;
}

// Errors go into `arena`, since the plan's memory is given back when there is one.
static err *plan_operation(struct arena *arena, const struct gql_schema *schema,
    const struct gql_document *doc, str name, const struct gql_limits *limits,
    struct gql_plan *plan)
{
    static const char *const KINDS[] = {"queries", "mutations", "subscriptions"};
    const struct gql_definition *operation = NULL;
    TRY(choose_operation(arena, doc, name, &operation));
    if (schema->roots[operation->operation] == NULL) {
        return fail(
            arena, ERR_INVALID, "Schema is not configured for %s.", KINDS[operation->operation]);
    }
    err *e = gql_plan_build(schema, doc, operation, limits, plan);
    return e != NULL ? fail(arena, e->code, "%.*s", PRI(e->text)) : NULL;
}

void gql_prepare(struct arena *arena, const struct gql_schema *schema, str text, str operation_name,
    const struct gql_limits *limits, struct gql_prepared *out)
{
    check(limits != NULL && limits->tokens_max > 0);
    struct arena *memory = arena_new();
    struct gql_plan *plan = arena_new_of(memory, struct gql_plan);
    struct gql_parse_limits parse_limits = {
        .tokens_max = limits->tokens_max, .depth_max = PARSE_DEPTH_MAX};
    struct gql_document *doc = NULL;
    struct gql_fault fault = {};
    struct gql_problems problems = {.arena = arena};
    *out = (struct gql_prepared){};
    plan->arena = memory;
    plan->text = str_cat(memory, text, S("\0"), operation_name);
    if (gql_parse(memory, str_sub(plan->text, 0, text.len), &parse_limits, &doc, &fault) != NULL) {
        out->syntax = arena_new_of(arena, struct gql_fault);
        *out->syntax = (struct gql_fault){fault.pos, str_dup(arena, fault.message)};
        arena_free(memory);
        return;
    }
    gql_validate(&problems, schema, doc);
    out->problems = problems.list.items;
    out->problem_count = problems.list.count;
    if (out->problem_count == 0) {
        out->error = plan_operation(arena, schema, doc, operation_name, limits, plan);
        out->plan = out->error == NULL ? plan : NULL;
    }
    if (out->plan == NULL) {
        arena_free(memory);
    }
}

void gql_plan_free(struct gql_plan *plan)
{
    if (plan != NULL) {
        arena_free(plan->arena); // the plan itself lives in it
    }
}

enum gql_operation_kind gql_plan_kind(const struct gql_plan *plan)
{
    check(plan != NULL);
    return plan->operation->operation;
}

size_t gql_plan_root_count(const struct gql_plan *plan)
{
    return plan->root->objects[0].count;
}

const struct gql_field_def *gql_plan_root(const struct gql_plan *plan, size_t index)
{
    check(index < gql_plan_root_count(plan));
    return plan->root->objects[0].fields[index].field;
}

size_t gql_plan_size(const struct gql_plan *plan)
{
    return arena_used(plan->arena);
}

struct gql_plan_cache {
    const struct gql_schema *schema;
    struct gql_limits limits;
    size_t bytes_max;
    size_t bytes;
    struct map *by_text;
    struct gql_plan *newest;
    struct gql_plan *oldest;
};

struct gql_plan_cache *gql_plan_cache_new(
    const struct gql_schema *schema, const struct gql_limits *limits, size_t bytes_max)
{
    check(limits != NULL && bytes_max > 0);
    struct gql_plan_cache *cache = mem_new(struct gql_plan_cache);
    *cache = (struct gql_plan_cache){
        .schema = schema, .limits = *limits, .bytes_max = bytes_max, .by_text = map_new(NULL)};
    return cache;
}

static void list_remove(struct gql_plan_cache *cache, struct gql_plan *plan)
{
    *(plan->older != NULL ? &plan->older->newer : &cache->oldest) = plan->newer;
    *(plan->newer != NULL ? &plan->newer->older : &cache->newest) = plan->older;
    plan->older = NULL;
    plan->newer = NULL;
}

static void list_add(struct gql_plan_cache *cache, struct gql_plan *plan)
{
    plan->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = plan;
    cache->newest = plan;
}

static void evict(struct gql_plan_cache *cache, struct gql_plan *plan)
{
    list_remove(cache, plan);
    map_remove(cache->by_text, plan->text);
    check(!plan->evicted && cache->bytes >= gql_plan_size(plan));
    cache->bytes -= gql_plan_size(plan);
    plan->evicted = true;
    if (plan->pins == 0) {
        gql_plan_free(plan);
    }
}

void gql_plan_cache_free(struct gql_plan_cache *cache)
{
    while (cache->oldest != NULL) {
        evict(cache, cache->oldest); // pinned ones are freed by their release
    }
    map_free(cache->by_text);
    mem_free(cache);
}

void gql_plan_cache_get(struct gql_plan_cache *cache, struct arena *arena, str text,
    str operation_name, struct gql_prepared *out)
{
    str key = str_cat(arena, text, S("\0"), operation_name);
    struct gql_plan *plan = map_get(cache->by_text, key);
    if (plan != NULL) {
        *out = (struct gql_prepared){.plan = plan};
        plan->pins++;
        if (plan != cache->newest) {
            list_remove(cache, plan);
            list_add(cache, plan);
        }
        return;
    }
    gql_prepare(arena, cache->schema, text, operation_name, &cache->limits, out);
    if (out->plan == NULL) {
        return;
    }
    out->plan->pins = 1;
    map_set(cache->by_text, out->plan->text, out->plan);
    list_add(cache, out->plan);
    cache->bytes += gql_plan_size(out->plan);
    while (cache->bytes > cache->bytes_max && cache->oldest != out->plan) {
        evict(cache, cache->oldest);
    }
}

void gql_plan_cache_release(struct gql_plan_cache *cache, struct gql_plan *plan)
{
    (void)cache;
    check(plan->pins > 0);
    if (--plan->pins == 0 && plan->evicted) {
        gql_plan_free(plan);
    }
}
