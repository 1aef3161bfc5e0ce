// The filter language of the API ({field: {op: value}, and, or, not}) compiled to predicates over
// stored items, or over subscription payloads. Source: util.transform.toDynamoDBFilterExpression.
#include "data/data_int.h"

enum { FILTER_DEPTH_MAX = 32 };

static const struct {
    str name;
    enum store_op op;
} OPERATORS[] = {
    {S_INIT("eq"), STORE_EQ},
    {S_INIT("ne"), STORE_NE},
    {S_INIT("lt"), STORE_LT},
    {S_INIT("le"), STORE_LE},
    {S_INIT("gt"), STORE_GT},
    {S_INIT("ge"), STORE_GE},
    {S_INIT("contains"), STORE_CONTAINS},
    {S_INIT("notContains"), STORE_NOT_CONTAINS},
    {S_INIT("beginsWith"), STORE_BEGINS_WITH},
    {S_INIT("between"), STORE_BETWEEN},
    {S_INIT("in"), STORE_IN},
    {S_INIT("notIn"), STORE_IN},
    {S_INIT("attributeExists"), STORE_EXISTS},
    {S_INIT("attributeType"), STORE_TYPE},
    {S_INIT("size"), STORE_SIZE},
};

static const struct {
    str name;
    str code;
} ATTRIBUTE_TYPES[] = {
    {S_INIT("binary"), S_INIT("B")},
    {S_INIT("binarySet"), S_INIT("BS")},
    {S_INIT("bool"), S_INIT("BOOL")},
    {S_INIT("list"), S_INIT("L")},
    {S_INIT("map"), S_INIT("M")},
    {S_INIT("number"), S_INIT("N")},
    {S_INIT("numberSet"), S_INIT("NS")},
    {S_INIT("string"), S_INIT("S")},
    {S_INIT("stringSet"), S_INIT("SS")},
    {S_INIT("_null"), S_INIT("NULL")},
};

static err *unprocessable(struct arena *arena)
{
    err *e = fail(arena, ERR_INVALID, "Unable to process the filter expression");
    e->wire = S("Unrecognized Filter");
    return e;
}

static struct store_pred *pred_new(struct arena *arena, enum store_op op, str path)
{
    struct store_pred *pred = arena_new_of(arena, struct store_pred);
    *pred = (struct store_pred){.op = op, .path = path};
    return pred;
}

static const struct store_pred *pred_not(struct arena *arena, const struct store_pred *kid)
{
    struct store_pred *pred = pred_new(arena, STORE_NOT, (str){});
    pred->kids = arena_array(arena, const struct store_pred *, 1);
    pred->kids[0] = kid;
    pred->kid_count = 1;
    return pred;
}

// The conjunction or disjunction of all kids, none of which is NULL; NULL for none. One flat node:
// evaluation recurses by the nesting of the filter, not by the length of its lists.
static const struct store_pred *pred_join(
    struct arena *arena, enum store_op op, const struct store_pred **kids, size_t count)
{
    if (count <= 1) {
        return count == 1 ? kids[0] : NULL;
    }
    struct store_pred *pred = pred_new(arena, op, (str){});
    pred->kids = kids;
    pred->kid_count = count;
    return pred;
}

static err *pred_values(struct arena *arena, struct store_pred *pred, const struct json *value)
{
    if (value->kind != JSON_ARRAY || (pred->op == STORE_BETWEEN && value->count != 2)) {
        return fail(arena, ERR_INVALID, "Argument '%.*s.between' expects exactly two elements.",
            PRI(pred->path));
    }
    pred->values = arena_array(arena, const struct json *, value->count);
    json_each (item, value) {
        pred->values[pred->value_count++] = item;
    }
    return NULL;
}

static err *compile_conditions(struct arena *arena, str field, const struct json *conditions,
    int depth, const struct store_pred **out);

static err *compile_operator(struct arena *arena, str field, const struct json *condition,
    int depth, const struct store_pred **out)
{
    size_t row = 0;
    while (row < countof(OPERATORS) && !str_eq(OPERATORS[row].name, condition->key)) {
        row++;
    }
    if (row == countof(OPERATORS)) {
        return unprocessable(arena);
    }
    struct store_pred *pred = pred_new(arena, OPERATORS[row].op, field);
    *out = pred;
    switch (pred->op) {
    case STORE_BETWEEN: return pred_values(arena, pred, condition);
    case STORE_IN:
        TRY(pred_values(arena, pred, condition));
        if (str_eq(condition->key, S("notIn"))) {
            *out = pred_not(arena, pred);
        }
        return NULL;
    case STORE_EXISTS: pred->op = condition->boolean ? STORE_EXISTS : STORE_NOT_EXISTS; return NULL;
    case STORE_SIZE:
        pred->kids = arena_array(arena, const struct store_pred *, 1);
        pred->kid_count = 1;
        return compile_conditions(arena, field, condition, depth + 1, &pred->kids[0]);
    default: break;
    }
    const struct json *value = condition;
    for (size_t i = 0; pred->op == STORE_TYPE && i < countof(ATTRIBUTE_TYPES); i++) {
        if (str_eq(ATTRIBUTE_TYPES[i].name, condition->text)) {
            value = json_string(arena, ATTRIBUTE_TYPES[i].code);
        }
    }
    pred->values = arena_array(arena, const struct json *, 1);
    pred->values[0] = value;
    pred->value_count = 1;
    return NULL;
}

// All operators given for one field must hold. None given: no restriction.
static err *compile_conditions(struct arena *arena, str field, const struct json *conditions,
    int depth, const struct store_pred **out)
{
    *out = NULL;
    if (conditions->kind != JSON_OBJECT || depth > FILTER_DEPTH_MAX) {
        return unprocessable(arena);
    }
    const struct store_pred **all =
        arena_array(arena, const struct store_pred *, conditions->count);
    size_t count = 0;
    json_each (condition, conditions) {
        TRY(compile_operator(arena, field, condition, depth, &all[count]));
        count += all[count] != NULL;
    }
    *out = pred_join(arena, STORE_AND, all, count);
    return NULL;
}

static err *compile(
    struct arena *arena, const struct json *filter, int depth, const struct store_pred **out);

// `and` and `or` take lists; a single object is read as a list of one (GraphQL's list coercion has
// normally done that already). An empty filter among them says nothing, in `or` as well.
static err *compile_list(struct arena *arena, const struct json *list, bool any, int depth,
    const struct store_pred **out)
{
    if (list->kind != JSON_ARRAY) {
        return compile(arena, list, depth + 1, out);
    }
    const struct store_pred **all = arena_array(arena, const struct store_pred *, list->count);
    size_t count = 0;
    json_each (item, list) {
        TRY(compile(arena, item, depth + 1, &all[count]));
        count += all[count] != NULL;
    }
    *out = pred_join(arena, any ? STORE_OR : STORE_AND, all, count);
    return NULL;
}

static err *compile(
    struct arena *arena, const struct json *filter, int depth, const struct store_pred **out)
{
    *out = NULL;
    if (json_is_null(filter)) {
        return NULL;
    }
    if (filter->kind != JSON_OBJECT || depth > FILTER_DEPTH_MAX) {
        return unprocessable(arena);
    }
    const struct store_pred **all = arena_array(arena, const struct store_pred *, filter->count);
    size_t count = 0;
    json_each (member, filter) {
        const struct store_pred *one = NULL;
        if (json_is_null(member)) {
            continue;
        }
        if (str_eq(member->key, S("and")) || str_eq(member->key, S("or"))) {
            TRY(compile_list(arena, member, str_eq(member->key, S("or")), depth, &one));
        } else if (str_eq(member->key, S("not"))) {
            const struct store_pred *kid = NULL;
            TRY(compile(arena, member, depth + 1, &kid));
            one = kid != NULL ? pred_not(arena, kid) : NULL;
        } else {
            TRY(compile_conditions(arena, member->key, member, depth + 1, &one));
        }
        if (one != NULL) {
            all[count++] = one;
        }
    }
    *out = pred_join(arena, STORE_AND, all, count);
    return NULL;
}

err *data_filter_compile(
    struct arena *arena, const struct json *filter, const struct store_pred **out)
{
    return compile(arena, filter, 0, out);
}
