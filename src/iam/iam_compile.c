// Policy documents to their compiled form. Whatever is not understood is an error: a statement that
// is passed over could be the one that denies.
#include "iam/iam_policy.h"

enum { STATEMENTS_MAX = 1000, VALUES_MAX = 10000 };

struct compiler {
    struct arena *arena;
    size_t statement; // from 1, for messages
    const char *bad;  // what is wrong, once something is
    str shown;
};

static bool complain(struct compiler *c, const char *what, str shown)
{
    if (c->bad == NULL) {
        c->bad = what;
        c->shown = str_sub(shown, 0, 128);
    }
    return false;
}

// ---- patterns ----------------------------------------------------------------------------------

// ${name}, ${name, 'otherwise'}, or the characters ${*}, ${?}, ${$}. *at stands on the dollar.
static bool read_variable(struct compiler *c, str text, size_t *at, struct iam_piece *out)
{
    str rest = str_sub(text, *at + 2, text.len);
    ptrdiff_t end = str_find_char(rest, '}');
    if (end <= 0) {
        return complain(c, "a policy variable is not closed", text);
    }
    str inner = str_sub(rest, 0, (size_t)end);
    ptrdiff_t comma = str_find_char(inner, ',');
    *at += 2 + (size_t)end;
    if (inner.len == 1 && strchr("*?$", inner.ptr[0]) != NULL) {
        *out = (struct iam_piece){.kind = PIECE_TEXT, .text = inner};
        return true;
    }
    *out = (struct iam_piece){.kind = PIECE_VARIABLE, .text = inner};
    if (comma >= 0) {
        str quoted = str_trim(str_sub(inner, (size_t)comma + 1, inner.len));
        if (quoted.len < 2 || quoted.ptr[0] != '\'' || quoted.ptr[quoted.len - 1] != '\'') {
            return complain(c, "a policy variable's default is a text in '...'", inner);
        }
        out->text = str_trim(str_sub(inner, 0, (size_t)comma));
        out->otherwise = str_sub(quoted, 1, quoted.len - 1);
    }
    return out->text.len > 0 || complain(c, "a policy variable has no name", inner);
}

// Up to `stop` (0: the end), which is passed over. Without `wild` * and ? are themselves.
static bool read_glob(
    struct compiler *c, str text, size_t *at, char stop, bool wild, struct iam_glob *out)
{
    vec_of(struct iam_piece) pieces = {};
    size_t from = *at;
    size_t i = *at;
    for (;; i++) {
        bool end = i == text.len || (stop != '\0' && text.ptr[i] == stop);
        bool variable = !end && text.ptr[i] == '$' && i + 1 < text.len && text.ptr[i + 1] == '{';
        bool star = !end && wild && text.ptr[i] == '*';
        bool one = !end && wild && text.ptr[i] == '?';
        if (!end && !variable && !star && !one) {
            continue;
        }
        if (i > from) {
            *vec_push(c->arena, &pieces) =
                (struct iam_piece){.kind = PIECE_TEXT, .text = str_sub(text, from, i)};
        }
        if (end) {
            break;
        }
        struct iam_piece *last = pieces.count > 0 ? &pieces.items[pieces.count - 1] : NULL;
        if (star && last != NULL && last->kind == PIECE_ANY) {
            from = i + 1; // ** is *
            continue;
        }
        struct iam_piece *piece = vec_push(c->arena, &pieces);
        piece->kind = star ? PIECE_ANY : PIECE_ONE;
        if (variable && !read_variable(c, text, &i, piece)) {
            return false;
        }
        from = i + 1;
    }
    *at = i < text.len ? i + 1 : i;
    *out = (struct iam_glob){pieces.items, pieces.count};
    return true;
}

static bool read_arn(struct compiler *c, str text, struct iam_arn_glob *out)
{
    size_t at = 0;
    if (str_eq(text, S("*"))) {
        out->any = true;
        return true;
    }
    for (size_t i = 0; i < ARN_PARTS; i++) {
        bool last = i == ARN_PARTS - 1;
        size_t before = at;
        if (!read_glob(c, text, &at, last ? '\0' : ':', true, &out->parts[i])) {
            return false;
        }
        if (!last && (at == before || text.ptr[at - 1] != ':')) {
            return complain(c, "a resource is \"*\" or an ARN (arn:partition:service:::...)", text);
        }
    }
    struct iam_glob *first = &out->parts[0];
    return (first->count == 1 && first->pieces[0].kind == PIECE_TEXT &&
               str_eq(first->pieces[0].text, S("arn"))) ||
           complain(c, "a resource is \"*\" or an ARN (arn:partition:service:::...)", text);
}

// ---- elements ----------------------------------------------------------------------------------

// A member is one text or a list of texts; *list gets them.
static bool read_texts(
    struct compiler *c, const struct json *value, const char *what, str **list, size_t *count)
{
    vec_of(str) texts = {};
    const struct json *first = value;
    if (value->kind == JSON_ARRAY) {
        first = value->child;
    }
    for (const struct json *item = first; item != NULL;
         item = value->kind == JSON_ARRAY ? item->next : NULL) {
        str text = item->text;
        if (item->kind == JSON_BOOL) { // conditions only, where quotes are often left out
            text = item->boolean ? S("true") : S("false");
        } else if (item->kind != JSON_STRING && item->kind != JSON_NUMBER) {
            return complain(c, what, S("a value that is neither a text nor a list of texts"));
        }
        if (texts.count == VALUES_MAX) {
            return complain(c, what, S("more than 10,000 values"));
        }
        *vec_push(c->arena, &texts) = str_dup(c->arena, text);
    }
    *list = texts.items;
    *count = texts.count;
    return texts.count > 0 || complain(c, what, S("an empty list"));
}

static bool is_action(str text)
{
    ptrdiff_t colon = str_find_char(text, ':');
    if (str_eq(text, S("*"))) {
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        bool good = letter || (ch >= '0' && ch <= '9') || strchr("-_*?", ch) != NULL;
        if (ch == '\0' || (!good && (ptrdiff_t)i != colon)) {
            return false;
        }
    }
    return colon > 0 && (size_t)colon + 1 < text.len;
}

static bool read_actions(
    struct compiler *c, const struct json *value, struct iam_statement *statement)
{
    str *texts = NULL;
    if (!read_texts(c, value, "Action", &texts, &statement->action_count)) {
        return false;
    }
    statement->actions = arena_array(c->arena, struct iam_glob, statement->action_count);
    for (size_t i = 0; i < statement->action_count; i++) {
        size_t at = 0;
        if (!is_action(texts[i])) {
            return complain(c, "an action is \"*\" or service:Name, with * and ?", texts[i]);
        }
        // Actions know no case.
        str lower = str_lower(c->arena, texts[i]);
        if (!read_glob(c, lower, &at, '\0', true, &statement->actions[i])) {
            return false;
        }
    }
    return true;
}

static bool read_resources(
    struct compiler *c, const struct json *value, struct iam_statement *statement)
{
    str *texts = NULL;
    if (!read_texts(c, value, "Resource", &texts, &statement->resource_count)) {
        return false;
    }
    statement->resources = arena_array(c->arena, struct iam_arn_glob, statement->resource_count);
    for (size_t i = 0; i < statement->resource_count; i++) {
        if (!read_arn(c, texts[i], &statement->resources[i])) {
            return false;
        }
    }
    return true;
}

// ---- conditions --------------------------------------------------------------------------------

static bool read_operator(struct compiler *c, str name, struct iam_condition *out)
{
    static const struct {
        str name;
        enum iam_operator op;
        bool negated;
    } OPERATORS[] = {
        {S_INIT("StringEquals"), OP_STRING, false},
        {S_INIT("StringNotEquals"), OP_STRING, true},
        {S_INIT("StringEqualsIgnoreCase"), OP_STRING_NOCASE, false},
        {S_INIT("StringNotEqualsIgnoreCase"), OP_STRING_NOCASE, true},
        {S_INIT("StringLike"), OP_LIKE, false},
        {S_INIT("StringNotLike"), OP_LIKE, true},
        {S_INIT("ArnEquals"), OP_ARN, false},
        {S_INIT("ArnLike"), OP_ARN, false},
        {S_INIT("ArnNotEquals"), OP_ARN, true},
        {S_INIT("ArnNotLike"), OP_ARN, true},
        {S_INIT("NumericEquals"), OP_NUMBER_EQ, false},
        {S_INIT("NumericNotEquals"), OP_NUMBER_EQ, true},
        {S_INIT("NumericLessThan"), OP_NUMBER_LT, false},
        {S_INIT("NumericLessThanEquals"), OP_NUMBER_LE, false},
        {S_INIT("NumericGreaterThan"), OP_NUMBER_GT, false},
        {S_INIT("NumericGreaterThanEquals"), OP_NUMBER_GE, false},
        {S_INIT("Bool"), OP_BOOL, false},
        {S_INIT("Null"), OP_NULL, false},
    };

    str rest = name;
    if (str_starts(rest, S("ForAnyValue:"))) {
        out->each = EACH_ANY;
    } else if (str_starts(rest, S("ForAllValues:"))) {
        out->each = EACH_ALL;
    }
    if (out->each != EACH_PLAIN) {
        rest = str_sub(rest, (size_t)str_find_char(rest, ':') + 1, rest.len);
    }
    if (str_ends(rest, S("IfExists"))) {
        out->if_exists = true;
        rest = str_sub(rest, 0, rest.len - strlen("IfExists"));
    }
    for (size_t i = 0; i < countof(OPERATORS); i++) {
        if (str_eq(rest, OPERATORS[i].name)) {
            out->op = OPERATORS[i].op;
            out->negated = OPERATORS[i].negated;
            return true;
        }
    }
    return complain(c, "this condition operator is not supported", name);
}

static bool is_number(struct compiler *c, str text)
{
    struct json *value = NULL;
    return json_parse(c->arena, text, &value, NULL) == NULL && value->kind == JSON_NUMBER;
}

static bool read_value(struct compiler *c, struct iam_condition *condition, str text, size_t i)
{
    size_t at = 0;
    bool number = condition->op >= OP_NUMBER_EQ && condition->op <= OP_NUMBER_GE;
    bool flag = condition->op == OP_BOOL || condition->op == OP_NULL;
    if (number && !is_number(c, text)) {
        return complain(c, "a numeric condition compares with numbers", text);
    }
    if (flag && !str_eq_nocase(text, S("true")) && !str_eq_nocase(text, S("false"))) {
        return complain(c, "a Bool or Null condition compares with true or false", text);
    }
    if (condition->op == OP_ARN) {
        return read_arn(c, text, &condition->arns[i]);
    }
    return read_glob(c, text, &at, '\0', condition->op == OP_LIKE, &condition->values[i]);
}

static bool read_condition(
    struct compiler *c, str op, const struct json *pair, struct iam_condition *condition)
{
    str *texts = NULL;
    if (!read_operator(c, op, condition) ||
        !read_texts(c, pair, "Condition", &texts, &condition->count)) {
        return false;
    }
    condition->key = str_dup(c->arena, pair->key);
    condition->values = arena_array(c->arena, struct iam_glob, condition->count);
    condition->arns = arena_array(c->arena, struct iam_arn_glob, condition->count);
    for (size_t i = 0; i < condition->count; i++) {
        if (!read_value(c, condition, texts[i], i)) {
            return false;
        }
    }
    return true;
}

static bool read_conditions(
    struct compiler *c, const struct json *block, struct iam_statement *statement)
{
    vec_of(struct iam_condition) list = {};
    if (block->kind != JSON_OBJECT) {
        return complain(c, "Condition", S("not an object"));
    }
    json_each (op, block) {
        if (op->kind != JSON_OBJECT) {
            return complain(c, "a condition operator holds an object of keys", op->key);
        }
        json_each (pair, op) {
            if (!read_condition(c, op->key, pair, vec_push(c->arena, &list))) {
                return false;
            }
        }
    }
    statement->conditions = list.items;
    statement->condition_count = list.count;
    return true;
}

// ---- statements --------------------------------------------------------------------------------

static bool read_member(
    struct compiler *c, const struct json *member, struct iam_statement *statement)
{
    str name = member->key;
    if (str_eq(name, S("Sid"))) {
        return true;
    }
    if (str_eq(name, S("Effect"))) {
        statement->deny = str_eq(member->text, S("Deny"));
        return statement->deny || str_eq(member->text, S("Allow")) ||
               complain(c, "Effect is Allow or Deny", member->text);
    }
    if (str_eq(name, S("Action")) || str_eq(name, S("NotAction"))) {
        statement->not_action = name.len > strlen("Action");
        return statement->action_count == 0
                   ? read_actions(c, member, statement)
                   : complain(c, "there is one of Action, NotAction", name);
    }
    if (str_eq(name, S("Resource")) || str_eq(name, S("NotResource"))) {
        statement->not_resource = name.len > strlen("Resource");
        return statement->resource_count == 0
                   ? read_resources(c, member, statement)
                   : complain(c, "there is one of Resource, NotResource", name);
    }
    if (str_eq(name, S("Condition"))) {
        return read_conditions(c, member, statement);
    }
    return complain(c, "this element is not supported in a role's policy", name);
}

static bool read_statement(
    struct compiler *c, const struct json *value, struct iam_statement *statement)
{
    c->statement++;
    if (value->kind != JSON_OBJECT) {
        return complain(c, "a statement is an object", (str){});
    }
    json_each (member, value) {
        if (!read_member(c, member, statement)) {
            return false;
        }
    }
    if (json_get(value, S("Effect")) == NULL || statement->action_count == 0 ||
        statement->resource_count == 0) {
        return complain(c, "a statement needs Effect, Action and Resource", (str){});
    }
    return true;
}

err *iam_policy_compile(
    struct arena *arena, const struct json *document, const struct iam_policy **out)
{
    struct compiler c = {.arena = arena};
    struct iam_policy *policy = arena_new_of(arena, struct iam_policy);
    const struct json *list = json_get(document, S("Statement"));
    str version = json_get_str(document, S("Version"));
    bool many = list != NULL && list->kind == JSON_ARRAY;
    if (list == NULL || (version.len > 0 && !str_eq(version, S("2012-10-17")))) {
        return fail(arena, ERR_INVALID, "a policy has a Statement, and Version 2012-10-17");
    }
    policy->count = many ? list->count : 1;
    if (policy->count > STATEMENTS_MAX) {
        return fail(arena, ERR_INVALID, "a policy has at most %d statements", STATEMENTS_MAX);
    }
    policy->statements = arena_array(arena, struct iam_statement, policy->count);
    size_t i = 0;
    for (const struct json *one = many ? list->child : list; one != NULL;
         one = many ? one->next : NULL) {
        if (!read_statement(&c, one, &policy->statements[i++])) {
            return fail(arena, ERR_INVALID, "statement %zu of the policy: %s%s%.*s", c.statement,
                c.bad, c.shown.len > 0 ? ": " : "", PRI(c.shown));
        }
    }
    *out = policy;
    return NULL;
}
