// Predicates with DynamoDB's semantics, evaluated against one item.
#include "store/store_int.h"

#include <stdio.h>

// What leaves look at: the attributes of an item, or one value given in their place (a size).
struct subject {
    const struct json *item;
    bool is_value;
    const struct json *value;
};

static const struct json *attribute(const struct subject *subject, str path)
{
    if (subject->is_value) {
        return subject->value;
    }
    const struct json *at = subject->item;
    str part = {};
    while (at != NULL && str_next(&path, '.', &part)) {
        at = at->kind == JSON_OBJECT ? json_get(at, part) : NULL;
    }
    return at;
}

static const struct json *operand(const struct store_pred *pred, size_t place)
{
    static const struct json null_value = {.kind = JSON_NULL};
    check(place < pred->value_count);
    return pred->values[place] != NULL ? pred->values[place] : &null_value;
}

// Only strings and numbers have an order, each among themselves.
static bool ordered(const struct json *a, const struct json *b, int *order)
{
    if (a == NULL || a->kind != b->kind) {
        return false;
    }
    if (a->kind == JSON_STRING) {
        *order = str_cmp(a->text, b->text);
        return true;
    }
    if (a->kind == JSON_NUMBER) {
        *order = json_number_cmp(a->text, b->text);
        return true;
    }
    return false;
}

static bool is_equal(const struct json *a, const struct json *b)
{
    return a != NULL && json_equal(a, b);
}

static bool compare(enum store_op op, const struct json *a, const struct json *b)
{
    int order = 0;
    if (!ordered(a, b, &order)) {
        return false;
    }
    switch (op) {
    case STORE_LT: return order < 0;
    case STORE_LE: return order <= 0;
    case STORE_GT: return order > 0;
    case STORE_GE: return order >= 0;
    default: unreachable("comparison");
    }
}

static bool is_in(const struct store_pred *pred, const struct json *value)
{
    for (size_t i = 0; i < pred->value_count; i++) {
        if (is_equal(value, operand(pred, i))) {
            return true;
        }
    }
    return false;
}

static bool contains(const struct json *value, const struct json *wanted)
{
    if (value == NULL) {
        return false;
    }
    if (value->kind == JSON_STRING) {
        return wanted->kind == JSON_STRING &&
               (wanted->text.len == 0 || str_find(value->text, wanted->text) >= 0);
    }
    if (value->kind != JSON_ARRAY) {
        return false;
    }
    json_each (element, value) {
        if (json_equal(element, wanted)) {
            return true;
        }
    }
    return false;
}

static bool begins(const struct json *value, const struct json *prefix)
{
    return value != NULL && value->kind == JSON_STRING && prefix->kind == JSON_STRING &&
           str_starts(value->text, prefix->text);
}

static bool has_type(const struct json *value, const struct json *type)
{
    return value != NULL && type->kind == JSON_STRING &&
           str_eq(type->text, str_from(json_type_name(value)));
}

static bool leaf(const struct store_pred *pred, const struct json *value)
{
    switch (pred->op) {
    case STORE_EQ: return is_equal(value, operand(pred, 0));
    case STORE_NE: return !is_equal(value, operand(pred, 0));
    case STORE_LT:
    case STORE_LE:
    case STORE_GT:
    case STORE_GE: return compare(pred->op, value, operand(pred, 0));
    case STORE_BETWEEN:
        return compare(STORE_GE, value, operand(pred, 0)) &&
               compare(STORE_LE, value, operand(pred, 1));
    case STORE_IN: return is_in(pred, value);
    case STORE_CONTAINS: return contains(value, operand(pred, 0));
    case STORE_NOT_CONTAINS: return !contains(value, operand(pred, 0));
    case STORE_BEGINS_WITH: return begins(value, operand(pred, 0));
    case STORE_EXISTS: return value != NULL;
    case STORE_NOT_EXISTS: return value == NULL;
    case STORE_TYPE: return has_type(value, operand(pred, 0));
    default: unreachable("operator of a leaf");
    }
}

// Characters of a string, elements of a list, members of a map; nothing else has a size.
static bool size_of(const struct json *value, u64 *out)
{
    if (value == NULL) {
        return false;
    }
    if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT) {
        *out = value->count;
        return true;
    }
    if (value->kind != JSON_STRING) {
        return false;
    }
    *out = 0;
    for (size_t i = 0; i < value->text.len; i++) {
        *out += ((u8)value->text.ptr[i] & 0xc0) != 0x80;
    }
    return true;
}

static bool eval(const struct store_pred *pred, const struct subject *subject, unsigned depth);

static bool eval_size(const struct store_pred *pred, const struct subject *subject, unsigned depth)
{
    char digits[24] = {};
    struct json number = {.kind = JSON_NUMBER};
    struct subject inner = {.is_value = true};
    u64 size = 0;
    check(pred->kid_count == 1);
    if (size_of(attribute(subject, pred->path), &size)) {
        int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)size);
        number.text = (str){digits, (size_t)len};
        inner.value = &number;
    }
    return eval(pred->kids[0], &inner, depth);
}

static bool eval(const struct store_pred *pred, const struct subject *subject, unsigned depth)
{
    check(depth < PRED_DEPTH_MAX); // the form is made from JSON, whose depth is bounded
    switch (pred->op) {
    case STORE_TRUE: return true;
    case STORE_FALSE: return false;
    case STORE_AND:
    case STORE_OR:
        for (size_t i = 0; i < pred->kid_count; i++) {
            if (eval(pred->kids[i], subject, depth + 1) == (pred->op == STORE_OR)) {
                return pred->op == STORE_OR;
            }
        }
        return pred->op == STORE_AND;
    case STORE_NOT: check(pred->kid_count == 1); return !eval(pred->kids[0], subject, depth + 1);
    case STORE_SIZE: return eval_size(pred, subject, depth + 1);
    case STORE_TEST: return pred->test(pred->test_arg, subject->item);
    default: return leaf(pred, attribute(subject, pred->path));
    }
}

bool store_pred_eval(const struct store_pred *pred, const struct json *item)
{
    struct subject subject = {.item = item};
    return pred == NULL || eval(pred, &subject, 0);
}

struct store_pred *store_pred_leaf(
    struct arena *a, enum store_op op, str path, const struct json *value)
{
    struct store_pred *pred = arena_new_of(a, struct store_pred);
    const struct json **values = arena_array(a, const struct json *, 1);
    values[0] = value;
    *pred = (struct store_pred){.op = op, .path = path, .values = values, .value_count = 1};
    return pred;
}

static const struct store_pred *join(
    struct arena *a, enum store_op op, const struct store_pred *x, const struct store_pred *y)
{
    struct store_pred *pred = arena_new_of(a, struct store_pred);
    const struct store_pred **kids = arena_array(a, const struct store_pred *, 2);
    kids[0] = x;
    kids[1] = y;
    *pred = (struct store_pred){.op = op, .kids = kids, .kid_count = 2};
    return pred;
}

const struct store_pred *store_pred_and(
    struct arena *a, const struct store_pred *x, const struct store_pred *y)
{
    if (x == NULL || y == NULL) {
        return x != NULL ? x : y;
    }
    return join(a, STORE_AND, x, y);
}

const struct store_pred *store_pred_or(
    struct arena *a, const struct store_pred *x, const struct store_pred *y)
{
    if (x == NULL || y == NULL) {
        return x != NULL ? x : y;
    }
    return join(a, STORE_OR, x, y);
}

static struct store_pred *copy(struct arena *a, const struct store_pred *pred, int depth)
{
    struct store_pred *out = arena_new_of(a, struct store_pred);
    const struct json **values = arena_array(a, const struct json *, pred->value_count);
    const struct store_pred **kids = arena_array(a, const struct store_pred *, pred->kid_count);
    check(depth < PRED_DEPTH_MAX);
    for (size_t i = 0; i < pred->value_count; i++) {
        values[i] = pred->values[i] != NULL ? json_copy(a, pred->values[i]) : NULL;
    }
    for (size_t i = 0; i < pred->kid_count; i++) {
        kids[i] = copy(a, pred->kids[i], depth + 1);
    }
    *out = *pred;
    out->path = str_dup(a, pred->path);
    out->values = values;
    out->kids = kids;
    return out;
}

const struct store_pred *store_pred_copy(struct arena *a, const struct store_pred *pred)
{
    return pred != NULL ? copy(a, pred, 0) : NULL;
}
