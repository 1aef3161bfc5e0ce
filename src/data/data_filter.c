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

struct filter { // what is compiled, into which memory
    struct arena *arena;
    enum data_filter_kind kind;
};

static err *unprocessable(const struct filter *f)
{
    err *e = fail(f->arena, ERR_INVALID, "Unable to process the filter expression");
    e->wire = S("Unrecognized Filter");
    return e;
}

// ---- what DynamoDB refuses in an expression ----------------------------------------------------

static err *refused(const struct filter *f, str text)
{
    return data_table_error(f->arena,
        fail(f->arena, ERR_INVALID, "Invalid %s: %.*s",
            f->kind == DATA_FILTER ? "FilterExpression" : "ConditionExpression", PRI(text)));
}

// "S:text", as DynamoDB names an operand.
static str operand_text(struct arena *arena, const struct json *value)
{
    static const char *const TYPES[] = {[JSON_NULL] = "NULL",
        [JSON_BOOL] = "BOOL",
        [JSON_NUMBER] = "N",
        [JSON_STRING] = "S",
        [JSON_ARRAY] = "L",
        [JSON_OBJECT] = "M"};
    str text = value->kind == JSON_NULL                                   ? S("true")
               : value->kind == JSON_STRING || value->kind == JSON_NUMBER ? value->text
                                                                          : S("");
    return str_fmt(arena, "%s:%.*s", TYPES[value->kind], PRI(text));
}

str data_between_fault(struct arena *arena, const struct json *low, const struct json *high)
{
    bool same = low->kind == high->kind;
    bool numbers = low->kind == JSON_NUMBER;
    bool ordered = low->kind == JSON_STRING || numbers;
    int order = !same || !ordered ? 0
                : numbers         ? json_number_cmp(low->text, high->text)
                                  : str_cmp(low->text, high->text);
    if (same && order <= 0) {
        return (str){};
    }
    return str_fmt(arena,
        "The BETWEEN operator requires %s; lower bound operand: AttributeValue: {%.*s}, upper "
        "bound operand: AttributeValue: {%.*s}",
        same ? "upper bound to be greater than or equal to lower bound"
             : "same data type for lower and upper bounds",
        PRI(operand_text(arena, low)), PRI(operand_text(arena, high)));
}

static err *check_operands(const struct filter *f, const struct store_pred *pred)
{
    str fault = {};
    if (f->kind == DATA_SUBSCRIPTION_FILTER) {
        return NULL;
    }
    if (pred->op == STORE_BETWEEN) {
        fault = data_between_fault(f->arena, pred->values[0], pred->values[1]);
    } else if (pred->op == STORE_BEGINS_WITH && pred->values[0]->kind != JSON_STRING) {
        fault = S("Incorrect operand type for operator or function; operator or function: "
                  "begins_with, operand type: NULL"); // GraphQL lets through strings and null
    }
    return fault.len > 0 ? refused(f, fault) : NULL;
}

// ---- compiling ---------------------------------------------------------------------------------

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

static err *pred_values(const struct filter *f, struct store_pred *pred, const struct json *value)
{
    if (value->kind != JSON_ARRAY || (pred->op == STORE_BETWEEN && value->count != 2)) {
        err *e = fail(f->arena, ERR_INVALID,
            "Argument '%.*s.between' expects exactly two elements.", PRI(pred->path));
        e->wire = S("InvalidArgumentsError");
        return e;
    }
    pred->values = arena_array(f->arena, const struct json *, value->count);
    json_each (item, value) {
        pred->values[pred->value_count++] = item;
    }
    return NULL;
}

static const struct json *type_code(struct arena *arena, const struct json *type)
{
    for (size_t i = 0; i < countof(ATTRIBUTE_TYPES); i++) {
        if (str_eq(ATTRIBUTE_TYPES[i].name, type->text)) {
            return json_string(arena, ATTRIBUTE_TYPES[i].code);
        }
    }
    return type;
}

static err *compile_conditions(const struct filter *f, str field, const struct json *conditions,
    int depth, const struct store_pred **out);

static err *compile_size(const struct filter *f, struct store_pred *pred,
    const struct json *conditions, int depth, const struct store_pred **out)
{
    pred->kids = arena_array(f->arena, const struct store_pred *, 1);
    pred->kid_count = 1;
    TRY(compile_conditions(f, pred->path, conditions, depth + 1, &pred->kids[0]));
    *out = pred->kids[0] != NULL ? pred : NULL; // no condition on the size: none at all
    return NULL;
}

static size_t operator_row(str name)
{
    size_t row = 0;
    while (row < countof(OPERATORS) && !str_eq(OPERATORS[row].name, name)) {
        row++;
    }
    return row;
}

// Null is an operand of the comparisons only; elsewhere it is like leaving the operator out.
static bool takes_null(enum store_op op)
{
    return op != STORE_BETWEEN && op != STORE_IN && op != STORE_EXISTS && op != STORE_TYPE &&
           op != STORE_SIZE;
}

static err *compile_operator(const struct filter *f, str field, const struct json *condition,
    int depth, const struct store_pred **out)
{
    size_t row = operator_row(condition->key);
    *out = NULL;
    if (row == countof(OPERATORS)) {
        return unprocessable(f);
    }
    if (condition->kind == JSON_NULL && !takes_null(OPERATORS[row].op)) {
        return NULL;
    }
    struct store_pred *pred = pred_new(f->arena, OPERATORS[row].op, field);
    *out = pred;
    switch (pred->op) {
    case STORE_SIZE: return compile_size(f, pred, condition, depth, out);
    case STORE_EXISTS: pred->op = condition->boolean ? STORE_EXISTS : STORE_NOT_EXISTS; return NULL;
    case STORE_IN:
        TRY(pred_values(f, pred, condition));
        *out = str_eq(condition->key, S("notIn")) ? pred_not(f->arena, pred) : pred;
        return NULL;
    case STORE_BETWEEN: TRY(pred_values(f, pred, condition)); break;
    default:
        pred->values = arena_array(f->arena, const struct json *, 1);
        pred->values[0] = pred->op == STORE_TYPE ? type_code(f->arena, condition) : condition;
        pred->value_count = 1;
    }
    return check_operands(f, pred);
}

// All operators given for one field must hold. None given: no restriction.
static err *compile_conditions(const struct filter *f, str field, const struct json *conditions,
    int depth, const struct store_pred **out)
{
    *out = NULL;
    if (conditions->kind != JSON_OBJECT || depth > FILTER_DEPTH_MAX) {
        return unprocessable(f);
    }
    const struct store_pred **all =
        arena_array(f->arena, const struct store_pred *, conditions->count);
    size_t count = 0;
    json_each (condition, conditions) {
        TRY(compile_operator(f, field, condition, depth, &all[count]));
        count += all[count] != NULL;
    }
    *out = pred_join(f->arena, STORE_AND, all, count);
    return NULL;
}

static err *compile(
    const struct filter *f, const struct json *filter, int depth, const struct store_pred **out);

// `and` and `or` take lists; a single object is read as a list of one (GraphQL's list coercion has
// normally done that already). An empty filter among them says nothing, in `or` as well.
static err *compile_list(const struct filter *f, const struct json *list, bool any, int depth,
    const struct store_pred **out)
{
    if (list->kind != JSON_ARRAY) {
        return compile(f, list, depth + 1, out);
    }
    const struct store_pred **all = arena_array(f->arena, const struct store_pred *, list->count);
    size_t count = 0;
    json_each (item, list) {
        TRY(compile(f, item, depth + 1, &all[count]));
        count += all[count] != NULL;
    }
    *out = pred_join(f->arena, any ? STORE_OR : STORE_AND, all, count);
    return NULL;
}

static err *compile(
    const struct filter *f, const struct json *filter, int depth, const struct store_pred **out)
{
    *out = NULL;
    if (json_is_null(filter)) {
        return NULL;
    }
    if (filter->kind != JSON_OBJECT || depth > FILTER_DEPTH_MAX) {
        return unprocessable(f);
    }
    const struct store_pred **all = arena_array(f->arena, const struct store_pred *, filter->count);
    size_t count = 0;
    json_each (member, filter) {
        const struct store_pred *one = NULL;
        if (json_is_null(member)) {
            continue;
        }
        if (str_eq(member->key, S("and")) || str_eq(member->key, S("or"))) {
            TRY(compile_list(f, member, str_eq(member->key, S("or")), depth, &one));
        } else if (str_eq(member->key, S("not"))) {
            const struct store_pred *kid = NULL;
            TRY(compile(f, member, depth + 1, &kid));
            one = kid != NULL ? pred_not(f->arena, kid) : NULL;
        } else {
            TRY(compile_conditions(f, member->key, member, depth + 1, &one));
        }
        if (one != NULL) {
            all[count++] = one;
        }
    }
    *out = pred_join(f->arena, STORE_AND, all, count);
    return NULL;
}

err *data_filter_compile(struct arena *arena, enum data_filter_kind kind, const struct json *filter,
    const struct store_pred **out)
{
    struct filter f = {.arena = arena, .kind = kind};
    return compile(&f, filter, 0, out);
}
