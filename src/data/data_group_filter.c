// Enhanced subscription filters, {"filterGroup":[{"filters":[{"fieldName","operator","value"}]}]}:
// groups are alternatives, the filters of one must all hold. Source: "Defining enhanced
// subscriptions filters", AppSync developer guide.
#include "data/data_custom.h"

enum { GROUPS_MAX = 10, FILTERS_MAX = 5, VALUES_MAX = 5 };

static err *refuse(struct arena *arena, str text)
{
    err *e = fail(arena, ERR_INVALID, "%.*s", PRI(text));
    e->wire = S("ValidationError");
    return e;
}

static struct json *condition(
    struct arena *arena, str field, str operator, const struct json * value)
{
    struct json *out = json_object(arena);
    struct json *inner = json_object(arena);
    json_set(inner, operator, json_copy(arena, value));
    json_set(out, field, inner);
    return out;
}

// In the filter language of models, which has no containsAny.
static err *read_filter(struct arena *arena, const struct json *filter, struct json **out)
{
    str field = json_get_str(filter, S("fieldName"));
    str operator= json_get_str(filter, S("operator"));
    const struct json *value = json_get(filter, S("value"));
    bool many = str_eq(operator, S("in")) || str_eq(operator, S("notIn")) ||
                str_eq(operator, S("containsAny"));
    if (field.len == 0 || operator.len == 0 || value == NULL) {
        return refuse(arena, S("A subscription filter needs fieldName, operator and value."));
    }
    if (many && value->kind == JSON_ARRAY && value->count > VALUES_MAX) {
        return refuse(arena,
            str_fmt(arena, "subscription exceeds maximum value limit %d for operator `%.*s`.",
                VALUES_MAX, PRI(operator)));
    }
    if (str_eq(operator, S("containsAny")) && (value->kind != JSON_ARRAY || value->count == 0)) {
        *out = condition(arena, field, S("in"), json_array(arena)); // nothing is in it
        return NULL;
    }
    if (!str_eq(operator, S("containsAny"))) {
        *out = condition(arena, field, operator, value);
        return NULL;
    }
    struct json *any = json_array(arena);
    json_each (element, value) {
        json_push(any, condition(arena, field, S("contains"), element));
    }
    *out = json_object(arena);
    json_set(*out, S("or"), any);
    return NULL;
}

static err *read_group(struct arena *arena, const struct json *group, struct json **out)
{
    const struct json *filters = json_get(group, S("filters"));
    struct json *all = json_array(arena);
    if (filters == NULL || filters->kind != JSON_ARRAY) {
        return refuse(arena, S("A group of subscription filters needs a list of filters."));
    }
    if (filters->count > FILTERS_MAX) {
        return refuse(
            arena, str_fmt(arena, "Filters exceed maximum attributes limit %d for subscription.",
                       FILTERS_MAX));
    }
    json_each (filter, filters) {
        struct json *one = NULL;
        TRY(read_filter(arena, filter, &one));
        json_push(all, one);
    }
    *out = json_object(arena);
    json_set(*out, S("and"), all);
    return NULL;
}

err *data_group_filter(
    struct arena *arena, const struct json *filter, const struct store_pred **out)
{
    const struct json *groups = json_get(filter, S("filterGroup"));
    struct json *any = json_array(arena);
    struct json *whole = json_object(arena);
    *out = NULL;
    if (groups == NULL || groups->kind != JSON_ARRAY) {
        return refuse(arena, S("A subscription filter needs a filterGroup."));
    }
    if (groups->count > GROUPS_MAX) {
        return refuse(
            arena, str_fmt(arena, "Filters combination exceed maximum limit %d for subscription.",
                       GROUPS_MAX));
    }
    json_each (group, groups) {
        struct json *one = NULL;
        TRY(read_group(arena, group, &one));
        json_push(any, one);
    }
    json_set(whole, S("or"), any);
    return data_filter_compile(arena, DATA_SUBSCRIPTION_FILTER, whole, out);
}
