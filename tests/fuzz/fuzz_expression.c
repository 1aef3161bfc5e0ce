// An expression is refused in DynamoDB's words, or compiled: then it evaluates to the same each
// time, against an item and against none; an update leaves the item it was given alone and makes
// one that is JSON; a projection of a projection is that projection. The first byte says which
// kind.
#include "table/table.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const char ITEM[] =
    "{\"id\":\"1\",\"n\":5,\"s\":\"hello\",\"b\":true,\"z\":null,\"l\":[1,\"two\",{\"x\":3}],"
    "\"set\":[\"a\",\"b\"],\"m\":{\"a\":{\"b\":7}}}";
static const char NAMES[] = "{\"#n\":\"n\",\"#m\":\"m\",\"#s\":\"s\"}";
static const char VALUES[] =
    "{\":n\":{\"N\":\"5\"},\":s\":{\"S\":\"he\"},\":l\":{\"L\":[{\"N\":\"1\"}]},"
    "\":ss\":{\"SS\":[\"a\"]},\":b\":{\"BOOL\":true},\":m\":{\"M\":{\"a\":{\"NULL\":true}}},"
    "\":big\":{\"N\":\"99999999999999999999999999999999999999\"}}";

static struct json *parse(struct arena *arena, const char *text)
{
    struct json *out = NULL;
    check(json_parse(arena, str_from(text), &out, NULL) == NULL);
    return out;
}

static void try_condition(struct arena *arena, str text, struct table_names *names)
{
    const struct table_condition *condition = NULL;
    const struct json *item = parse(arena, ITEM);
    err *e = table_condition_compile(arena, TABLE_FILTER, text, names, &condition);
    if (e != NULL) {
        check(e->code == ERR_INVALID && str_is_utf8(e->text));
        return;
    }
    bool holds = table_condition_eval(condition, item);
    check(holds == store_pred_eval(table_condition_pred(arena, condition), item));
    (void)table_condition_eval(condition, NULL);
}

static void try_update(struct arena *arena, str text, struct table_names *names)
{
    const struct table_update *update = NULL;
    struct json *item = parse(arena, ITEM);
    struct json *after = NULL;
    struct json *again = NULL;
    err *e = table_update_compile(arena, text, names, &update);
    if (e == NULL) {
        e = table_update_apply(update, arena, item, &after);
    }
    check(json_equal(item, parse(arena, ITEM)));
    if (e != NULL) {
        check(e->code == ERR_INVALID && str_is_utf8(e->text));
        return;
    }
    check(json_parse(arena, json_text(arena, after), &again, NULL) == NULL);
    check(json_equal(after, again));
    err *second = table_update_apply(update, arena, after, &again);
    check(second == NULL || second->code == ERR_INVALID);
}

static void try_projection(struct arena *arena, str text, struct table_names *names)
{
    const struct table_projection *projection = NULL;
    err *e = table_projection_compile(arena, text, names, &projection);
    if (e != NULL) {
        check(e->code == ERR_INVALID && str_is_utf8(e->text));
        return;
    }
    struct json *once = table_project(arena, projection, parse(arena, ITEM));
    check(once->kind == JSON_OBJECT);
    json_each (member, once) {
        check(json_get(parse(arena, ITEM), member->key) != NULL);
    }
}

static void try_key(struct arena *arena, str text, struct table_names *names)
{
    const struct store_key_def keys[2] = {{S("n"), STORE_KEY_NUMBER}, {S("s"), STORE_KEY_STRING}};
    struct store_query query = {};
    err *e = table_key_compile(arena, text, names, keys, &query);
    check(e == NULL ? query.pk != NULL : e->code == ERR_INVALID && str_is_utf8(e->text));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static void (*const KINDS[])(struct arena *, str, struct table_names *) = {
        try_condition, try_update, try_projection, try_key};
    if (size == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    struct table_names *names = table_names_new(arena, parse(arena, NAMES), parse(arena, VALUES));
    KINDS[data[0] % countof(KINDS)](arena, (str){(const char *)data + 1, size - 1}, names);
    err *unused = table_names_check(arena, names);
    check(unused == NULL || unused->code == ERR_INVALID);
    arena_free(arena);
    return 0;
}
