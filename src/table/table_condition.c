// Conditions and filters: parsed into a tree, evaluated against one item.
#include "table/table_int.h"

#include <stdio.h>

enum condition_op {
    COND_AND,
    COND_OR,
    COND_NOT,
    COND_EQ,
    COND_NE,
    COND_LT,
    COND_LE,
    COND_GT,
    COND_GE,
    COND_BETWEEN,
    COND_IN,
    COND_EXISTS,
    COND_NOT_EXISTS,
    COND_TYPE,
    COND_BEGINS_WITH,
    COND_CONTAINS,
};

struct table_condition {
    enum condition_op op;
    const struct table_condition *kids[2]; // AND, OR, NOT
    struct operand *operands;
    size_t operand_count;
};

// ---- parsing -----------------------------------------------------------------------------------

static err *parse_or(struct parser *p, const struct table_condition **out);

static struct table_condition *node(struct parser *p, enum condition_op op, size_t operands)
{
    struct table_condition *c = arena_new_of(p->arena, struct table_condition);
    c->op = op;
    c->operands = arena_array(p->arena, struct operand, operands);
    c->operand_count = operands;
    return c;
}

static err *type_error(struct parser *p, const char *name, enum table_type type)
{
    return parser_fail(p, str_fmt(p->arena,
                              "Incorrect operand type for operator or function; operator or "
                              "function: %s, operand type: %.*s",
                              name, PRI(table_type_name(type))));
}

// A value that an order is asked of, or a beginning.
static err *check_scalar(struct parser *p, const char *name, const struct operand *operand)
{
    bool fits = operand->kind != OPERAND_VALUE || operand->value.type == TABLE_S ||
                operand->value.type == TABLE_B ||
                (operand->value.type == TABLE_N && strcmp(name, "begins_with") != 0);
    return fits ? NULL : type_error(p, name, operand->value.type);
}

static err *check_bounds(struct parser *p, const struct operand *low, const struct operand *high)
{
    if (low->kind != OPERAND_VALUE || high->kind != OPERAND_VALUE) {
        return NULL;
    }
    if (low->value.type != high->value.type) {
        return parser_fail(
            p, str_fmt(p->arena,
                   "The BETWEEN operator requires same data type for lower and "
                   "upper bounds; lower bound operand: AttributeValue: {%.*s}, "
                   "upper bound operand: AttributeValue: {%.*s}",
                   PRI(table_type_name(low->value.type)), PRI(table_type_name(high->value.type))));
    }
    str a = low->value.json->text;
    str b = high->value.json->text;
    int order = low->value.type == TABLE_N ? json_number_cmp(a, b) : str_cmp(a, b);
    str type = table_type_name(low->value.type);
    return order <= 0 ? NULL
                      : parser_fail(p,
                            str_fmt(p->arena,
                                "The BETWEEN operator requires upper bound to be greater than or "
                                "equal to lower bound; lower bound operand: AttributeValue: "
                                "{%.*s:%.*s}, upper bound operand: AttributeValue: {%.*s:%.*s}",
                                PRI(type), PRI(a), PRI(type), PRI(b)));
}

static err *parse_in(
    struct parser *p, const struct operand *first, const struct table_condition **out)
{
    struct table_condition *c = node(p, COND_IN, OPERANDS_IN_MAX + 1);
    c->operands[0] = *first;
    c->operand_count = 1;
    TRY(parser_expect(p, "("));
    do {
        if (c->operand_count > OPERANDS_IN_MAX) {
            return parser_fail(p,
                S("The IN operator is provided with too many operands; number of operands: 101"));
        }
        TRY(parser_operand(p, &c->operands[c->operand_count++]));
    } while (parser_take(p, ","));
    *out = c;
    return parser_expect(p, ")");
}

static err *parse_comparison(struct parser *p, const struct table_condition **out)
{
    static const struct {
        const char *sign;
        enum condition_op op;
    } SIGNS[] = {{"=", COND_EQ}, {"<>", COND_NE}, {"<=", COND_LE}, {"<", COND_LT}, {">=", COND_GE},
        {">", COND_GT}};
    struct operand first = {};
    TRY(parser_operand(p, &first));
    for (size_t i = 0; i < countof(SIGNS); i++) {
        if (p->kind == TOKEN_SIGN && parser_take(p, SIGNS[i].sign)) {
            struct table_condition *c = node(p, SIGNS[i].op, 2);
            c->operands[0] = first;
            TRY(parser_operand(p, &c->operands[1]));
            *out = c;
            bool ordered = c->op != COND_EQ && c->op != COND_NE;
            TRY(ordered ? check_scalar(p, SIGNS[i].sign, &c->operands[0]) : NULL);
            return ordered ? check_scalar(p, SIGNS[i].sign, &c->operands[1]) : NULL;
        }
    }
    if (parser_take(p, "BETWEEN")) {
        struct table_condition *c = node(p, COND_BETWEEN, 3);
        c->operands[0] = first;
        TRY(parser_operand(p, &c->operands[1]));
        TRY(parser_expect(p, "AND"));
        TRY(parser_operand(p, &c->operands[2]));
        TRY(check_scalar(p, "BETWEEN", &c->operands[1]));
        TRY(check_scalar(p, "BETWEEN", &c->operands[2]));
        *out = c;
        return check_bounds(p, &c->operands[1], &c->operands[2]);
    }
    return parser_take(p, "IN") ? parse_in(p, &first, out) : parser_syntax(p);
}

static err *parse_function(struct parser *p, const char *name, enum condition_op op,
    size_t operands, const struct table_condition **out)
{
    struct table_condition *c = node(p, op, operands);
    *out = c;
    parser_next(p);
    TRY(parser_expect(p, "("));
    for (size_t i = 0; i < operands; i++) {
        TRY(i > 0 ? parser_expect(p, ",") : NULL);
        TRY(parser_operand(p, &c->operands[i]));
    }
    TRY(parser_expect(p, ")"));
    bool path = c->operands[0].kind == OPERAND_PATH;
    if (!path && (op == COND_EXISTS || op == COND_NOT_EXISTS || op == COND_TYPE)) {
        return parser_fail(p, str_fmt(p->arena,
                                  "Operator or function requires a document path; operator or "
                                  "function: %s",
                                  name));
    }
    if (op == COND_TYPE &&
        (c->operands[1].kind != OPERAND_VALUE || c->operands[1].value.type != TABLE_S)) {
        return type_error(p, name, TABLE_M);
    }
    return op == COND_BEGINS_WITH ? check_scalar(p, name, &c->operands[1]) : NULL;
}

static err *parse_primary(struct parser *p, const struct table_condition **out)
{
    static const struct {
        const char *name;
        enum condition_op op;
        size_t operands;
    } FUNCTIONS[] = {{"attribute_exists", COND_EXISTS, 1},
        {"attribute_not_exists", COND_NOT_EXISTS, 1}, {"attribute_type", COND_TYPE, 2},
        {"begins_with", COND_BEGINS_WITH, 2}, {"contains", COND_CONTAINS, 2}};

    if (parser_take(p, "(")) {
        TRY(parse_or(p, out));
        return parser_expect(p, ")");
    }
    for (size_t i = 0; i < countof(FUNCTIONS); i++) {
        if (p->kind == TOKEN_NAME && str_eq(p->token, str_from(FUNCTIONS[i].name))) {
            return parse_function(
                p, FUNCTIONS[i].name, FUNCTIONS[i].op, FUNCTIONS[i].operands, out);
        }
    }
    return parse_comparison(p, out);
}

static err *parse_not(struct parser *p, const struct table_condition **out)
{
    size_t negations = 0;
    while (parser_take(p, "NOT")) {
        negations++;
    }
    TRY(parse_primary(p, out));
    if (negations % 2 == 1) {
        struct table_condition *c = node(p, COND_NOT, 0);
        c->kids[0] = *out;
        *out = c;
    }
    return NULL;
}

static err *parse_and(struct parser *p, const struct table_condition **out)
{
    TRY(parse_not(p, out));
    while (parser_take(p, "AND")) {
        struct table_condition *c = node(p, COND_AND, 0);
        c->kids[0] = *out;
        TRY(parse_not(p, &c->kids[1]));
        *out = c;
    }
    return NULL;
}

static err *parse_or(struct parser *p, const struct table_condition **out)
{
    if (++p->depth > NESTING_MAX) {
        return parser_fail(p, S("The expression has too many nested brackets;"));
    }
    TRY(parse_and(p, out));
    while (parser_take(p, "OR")) {
        struct table_condition *c = node(p, COND_OR, 0);
        c->kids[0] = *out;
        TRY(parse_and(p, &c->kids[1]));
        *out = c;
    }
    p->depth--;
    return NULL;
}

err *table_condition_compile(struct arena *arena, enum table_expression kind, str text,
    struct table_names *names, const struct table_condition **out)
{
    static const char *const KINDS[] = {
        "ConditionExpression", "FilterExpression", "KeyConditionExpression"};
    struct parser p;
    check(kind < countof(KINDS) && names != NULL);
    *out = NULL;
    TRY(parser_init(&p, arena, KINDS[kind], text, names));
    TRY(parse_or(&p, out));
    return p.kind == TOKEN_END ? NULL : parser_syntax(&p);
}

// ---- evaluating --------------------------------------------------------------------------------

struct subject {              // what an operand stands for
    const struct json *value; // NULL: nothing
    bool is_set;
    struct json size;
    char digits[24];
};

static bool count_of(const struct json *value, size_t *out)
{
    if (value == NULL ||
        (value->kind != JSON_STRING && value->kind != JSON_ARRAY && value->kind != JSON_OBJECT)) {
        return false;
    }
    *out = value->kind == JSON_STRING ? value->text.len : value->count;
    return true;
}

static void look(const struct operand *operand, const struct json *item, struct subject *out)
{
    size_t size = 0;
    *out = (struct subject){};
    switch (operand->kind) {
    case OPERAND_PATH: out->value = path_find(item, &operand->path); return;
    case OPERAND_VALUE:
        out->value = operand->value.json;
        out->is_set = operand->value.type >= TABLE_SS;
        return;
    case OPERAND_SIZE:
        if (count_of(path_find(item, &operand->path), &size)) {
            int len = snprintf(out->digits, sizeof(out->digits), "%zu", size);
            out->size = (struct json){.kind = JSON_NUMBER, .text = {out->digits, (size_t)len}};
            out->value = &out->size;
        }
        return;
    default: unreachable("an operand of updates");
    }
}

static bool has_element(const struct json *list, const struct json *value)
{
    json_each (element, list) {
        if (json_equal(element, value)) {
            return true;
        }
    }
    return false;
}

// Sets are equal in any order.
static bool equal(const struct subject *a, const struct subject *b)
{
    if (a->value == NULL || b->value == NULL) {
        return false;
    }
    if ((a->is_set || b->is_set) && a->value->kind == JSON_ARRAY && b->value->kind == JSON_ARRAY) {
        return table_sets_equal(a->value, b->value);
    }
    return json_equal(a->value, b->value);
}

static bool ordered(const struct subject *a, const struct subject *b, int *order)
{
    if (a->value == NULL || b->value == NULL || a->value->kind != b->value->kind) {
        return false;
    }
    if (a->value->kind == JSON_NUMBER) {
        *order = json_number_cmp(a->value->text, b->value->text);
        return true;
    }
    *order = str_cmp(a->value->text, b->value->text);
    return a->value->kind == JSON_STRING;
}

static bool compare(enum condition_op op, const struct subject *a, const struct subject *b)
{
    int order = 0;
    if (!ordered(a, b, &order)) {
        return false;
    }
    switch (op) {
    case COND_LT: return order < 0;
    case COND_LE: return order <= 0;
    case COND_GT: return order > 0;
    case COND_GE: return order >= 0;
    default: unreachable("an order");
    }
}

static bool contains(const struct json *value, const struct json *wanted)
{
    if (value == NULL || wanted == NULL) {
        return false;
    }
    if (value->kind == JSON_STRING) {
        return wanted->kind == JSON_STRING && str_find(value->text, wanted->text) >= 0;
    }
    return value->kind == JSON_ARRAY && has_element(value, wanted);
}

static bool all_of(const struct json *list, enum json_kind kind)
{
    bool all = list->kind == JSON_ARRAY && list->count > 0;
    json_each (element, list) {
        all = all && element->kind == kind;
    }
    return all;
}

// Items do not tell sets from lists nor binary values from texts: each is both.
static bool has_type(const struct json *value, str type)
{
    static const struct {
        str type;
        enum json_kind kind;
    } TYPES[] = {{S_INIT("S"), JSON_STRING}, {S_INIT("B"), JSON_STRING}, {S_INIT("N"), JSON_NUMBER},
        {S_INIT("BOOL"), JSON_BOOL}, {S_INIT("NULL"), JSON_NULL}, {S_INIT("L"), JSON_ARRAY},
        {S_INIT("M"), JSON_OBJECT}};

    for (size_t i = 0; value != NULL && i < countof(TYPES); i++) {
        if (str_eq(TYPES[i].type, type)) {
            return value->kind == TYPES[i].kind;
        }
    }
    return value != NULL && all_of(value, str_eq(type, S("NS")) ? JSON_NUMBER : JSON_STRING);
}

static bool eval_leaf(
    const struct table_condition *c, const struct subject *a, const struct json *item)
{
    struct subject b = {};
    struct subject high = {};
    if (c->operand_count > 1) {
        look(&c->operands[1], item, &b);
    }
    switch (c->op) {
    case COND_EQ: return equal(a, &b);
    case COND_NE: return !equal(a, &b);
    case COND_BETWEEN:
        look(&c->operands[2], item, &high);
        return compare(COND_GE, a, &b) && compare(COND_LE, a, &high);
    case COND_IN:
        for (size_t i = 1; i < c->operand_count; i++) {
            look(&c->operands[i], item, &b);
            if (equal(a, &b)) {
                return true;
            }
        }
        return false;
    case COND_EXISTS: return a->value != NULL;
    case COND_NOT_EXISTS: return a->value == NULL;
    case COND_TYPE: return has_type(a->value, b.value->text);
    case COND_BEGINS_WITH:
        return a->value != NULL && b.value != NULL && a->value->kind == JSON_STRING &&
               b.value->kind == JSON_STRING && str_starts(a->value->text, b.value->text);
    case COND_CONTAINS: return contains(a->value, b.value);
    default: return compare(c->op, a, &b);
    }
}

// Chains of AND and OR lean to the left and are walked; so only brackets nest, which are bounded.
static bool eval(const struct table_condition *c, const struct json *item, unsigned depth)
{
    struct subject first = {};
    enum condition_op op = c->op;
    check(depth <= 3 * NESTING_MAX + 3);
    if (op == COND_NOT) {
        return !eval(c->kids[0], item, depth + 1);
    }
    if (op == COND_AND || op == COND_OR) {
        for (; c->op == op; c = c->kids[0]) {
            if (eval(c->kids[1], item, depth + 1) == (op == COND_OR)) {
                return op == COND_OR;
            }
        }
        return eval(c, item, depth + 1);
    }
    look(&c->operands[0], item, &first);
    return eval_leaf(c, &first, item);
}

bool table_condition_eval(const struct table_condition *condition, const struct json *item)
{
    return condition == NULL || eval(condition, item, 0);
}

static bool test(const void *condition, const struct json *item)
{
    return table_condition_eval(condition, item);
}

const struct store_pred *table_condition_pred(
    struct arena *arena, const struct table_condition *condition)
{
    if (condition == NULL) {
        return NULL;
    }
    struct store_pred *pred = arena_new_of(arena, struct store_pred);
    *pred = (struct store_pred){.op = STORE_TEST, .test = test, .test_arg = condition};
    return pred;
}

// ---- key conditions ----------------------------------------------------------------------------

static err *key_error(struct parser *p, const char *text)
{
    return fail(p->arena, ERR_INVALID, "%s", text);
}

static err *take_sort(struct parser *p, const struct table_condition *c, struct store_query *out)
{
    static const struct {
        enum condition_op op;
        enum store_range range;
    } RANGES[] = {{COND_EQ, STORE_RANGE_EQ}, {COND_LT, STORE_RANGE_LT}, {COND_LE, STORE_RANGE_LE},
        {COND_GT, STORE_RANGE_GT}, {COND_GE, STORE_RANGE_GE}, {COND_BETWEEN, STORE_RANGE_BETWEEN},
        {COND_BEGINS_WITH, STORE_RANGE_BEGINS}};

    for (size_t i = 0; i < countof(RANGES); i++) {
        if (RANGES[i].op == c->op) {
            out->range = RANGES[i].range;
            out->sk_low = c->operands[1].value.json;
            out->sk_high = c->op == COND_BETWEEN ? c->operands[2].value.json : NULL;
            return NULL;
        }
    }
    return key_error(p, "Query key condition not supported");
}

// One part: `name op values`.
static err *take_key(struct parser *p, const struct table_condition *c,
    const struct store_key_def keys[2], struct store_query *out)
{
    bool simple = c->op > COND_NOT && c->operand_count >= 2 &&
                  c->operands[0].kind == OPERAND_PATH && c->operands[0].path.count == 1;
    for (size_t i = 1; i < c->operand_count; i++) {
        simple = simple && c->operands[i].kind == OPERAND_VALUE;
    }
    if (!simple) {
        return key_error(p,
            c->op == COND_OR ? "Invalid operator used in KeyConditionExpression: OR"
                             : "Invalid KeyConditionExpression: Query key condition not supported");
    }
    str name = c->operands[0].path.parts[0].name;
    if (str_eq(name, keys[0].name) && out->pk == NULL) {
        out->pk = c->operands[1].value.json;
        return c->op == COND_EQ ? NULL : key_error(p, "Query key condition not supported");
    }
    if (keys[1].type != STORE_KEY_NONE && str_eq(name, keys[1].name) && out->sk_low == NULL) {
        return take_sort(p, c, out);
    }
    bool has_sort = keys[1].type != STORE_KEY_NONE;
    if (out->pk != NULL && !has_sort) {
        return key_error(p, "Query key condition not supported");
    }
    return fail(p->arena, ERR_INVALID, "Query condition missed key schema element: %.*s",
        PRI(out->pk != NULL ? keys[1].name : keys[0].name));
}

err *table_key_compile(struct arena *arena, str text, struct table_names *names,
    const struct store_key_def keys[2], struct store_query *out)
{
    const struct table_condition *c = NULL;
    struct parser p = {.arena = arena};
    TRY(table_condition_compile(arena, TABLE_KEY_CONDITION, text, names, &c));
    if (c->op == COND_AND) {
        TRY(take_key(&p, c->kids[0], keys, out));
        TRY(take_key(&p, c->kids[1], keys, out));
    } else {
        TRY(take_key(&p, c, keys, out));
    }
    return out->pk != NULL
               ? NULL
               : fail(arena, ERR_INVALID, "Query condition missed key schema element: %.*s",
                     PRI(keys[0].name));
}
