// Event patterns: which records a function wants to be called with. Source: "Control which events
// Lambda sends to your function", AWS Lambda developer guide; comparison operators of EventBridge.
#include "event/event_int.h"

enum { PATTERN_DEPTH_MAX = 64 };

static bool is_rule(const struct json *rule, const struct json *value);

static bool is_text(const struct json *value)
{
    return value != NULL && value->kind == JSON_STRING;
}

// ["=", 1], [">", 0, "<=", 5]
static bool in_range(const struct json *range, const struct json *value)
{
    const struct json *part = range->child;
    if (value == NULL || value->kind != JSON_NUMBER) {
        return false;
    }
    for (; part != NULL && part->next != NULL; part = part->next->next) {
        int order = json_number_cmp(value->text, part->next->text);
        bool holds = str_eq(part->text, S("="))    ? order == 0
                     : str_eq(part->text, S("<"))  ? order < 0
                     : str_eq(part->text, S("<=")) ? order <= 0
                     : str_eq(part->text, S(">"))  ? order > 0
                     : str_eq(part->text, S(">=")) ? order >= 0
                                                   : false;
        if (!holds) {
            return false;
        }
    }
    return true;
}

static bool is_any_of(const struct json *list, const struct json *value)
{
    if (list->kind != JSON_ARRAY) {
        return is_rule(list, value);
    }
    json_each (rule, list) {
        if (is_rule(rule, value)) {
            return true;
        }
    }
    return false;
}

// {"prefix": "a"} and its like: one member says what.
static bool holds(const struct json *rule, const struct json *value)
{
    const struct json *operand = rule->child;
    str name = operand != NULL ? operand->key : (str){};
    if (str_eq(name, S("exists"))) {
        return (value != NULL) == (operand->kind == JSON_BOOL && operand->boolean);
    }
    if (str_eq(name, S("anything-but"))) {
        return value != NULL && !is_any_of(operand, value);
    }
    if (str_eq(name, S("numeric"))) {
        return in_range(operand, value);
    }
    if (!is_text(value) || operand == NULL) {
        return false;
    }
    return str_eq(name, S("prefix"))               ? str_starts(value->text, operand->text)
           : str_eq(name, S("suffix"))             ? str_ends(value->text, operand->text)
           : str_eq(name, S("equals-ignore-case")) ? str_eq_nocase(value->text, operand->text)
                                                   : false;
}

static bool is_rule(const struct json *rule, const struct json *value)
{
    if (rule->kind == JSON_OBJECT) {
        return holds(rule, value);
    }
    return value != NULL && json_equal(rule, value);
}

static bool matches(const struct json *pattern, const struct json *value, int depth);

// Members of a pattern are all to hold; "$or" is a list of which one is.
static bool member_matches(const struct json *member, const struct json *value, int depth)
{
    if (str_eq(member->key, S("$or")) && member->kind == JSON_ARRAY) {
        json_each (choice, member) {
            if (matches(choice, value, depth + 1)) {
                return true;
            }
        }
        return false;
    }
    const struct json *inner =
        value != NULL && value->kind == JSON_OBJECT ? json_get(value, member->key) : NULL;
    return member->kind == JSON_ARRAY ? is_any_of(member, inner)
                                      : matches(member, inner, depth + 1);
}

static bool matches(const struct json *pattern, const struct json *value, int depth)
{
    if (pattern->kind != JSON_OBJECT || depth > PATTERN_DEPTH_MAX) {
        return false;
    }
    json_each (member, pattern) {
        if (!member_matches(member, value, depth)) {
            return false;
        }
    }
    return true;
}

bool event_filter_matches(const struct json *filters, const struct json *record)
{
    bool any = false;
    json_each (pattern, filters) {
        any = true;
        if (matches(pattern, record, 0)) {
            return true;
        }
    }
    return !any;
}
