// Updates: SET, REMOVE, ADD, DELETE. All values are worked out of the item as it was.
#include "table/table_int.h"

enum { ACTIONS_MAX = 300 };

enum action_kind { ACTION_SET, ACTION_REMOVE, ACTION_ADD, ACTION_DELETE };

struct action {
    enum action_kind kind;
    struct path path;
    struct operand value; // of SET; of ADD and DELETE a placeholder's
};

struct table_update {
    struct action *actions;
    size_t count;
};

// ---- parsing -----------------------------------------------------------------------------------

static err *parse_value(struct parser *p, struct operand *out);

static bool takes_call(struct parser *p, const char *name)
{
    if (p->kind != TOKEN_NAME || !str_eq(p->token, str_from(name)) || p->at >= p->text.len ||
        p->text.ptr[p->at] != '(') {
        return false;
    }
    parser_next(p);
    return parser_take(p, "(");
}

static struct operand *kid(struct parser *p, struct operand *of, size_t place)
{
    struct operand *operand = arena_new_of(p->arena, struct operand);
    of->kids[place] = operand;
    return operand;
}

// An operand of a function: functions themselves, but no sums.
static err *parse_term(struct parser *p, struct operand *out)
{
    if (++p->depth > NESTING_MAX) {
        return parser_fail(p, S("The expression has too many nested functions;"));
    }
    *out = (struct operand){};
    if (takes_call(p, "if_not_exists")) {
        out->kind = OPERAND_IF_NOT_EXISTS;
        TRY(parser_path(p, &out->path));
        TRY(parser_expect(p, ","));
        TRY(parse_term(p, kid(p, out, 0)));
        TRY(parser_expect(p, ")"));
    } else if (takes_call(p, "list_append")) {
        out->kind = OPERAND_LIST_APPEND;
        TRY(parse_term(p, kid(p, out, 0)));
        TRY(parser_expect(p, ","));
        TRY(parse_term(p, kid(p, out, 1)));
        TRY(parser_expect(p, ")"));
    } else if (p->kind == TOKEN_VALUE) {
        out->kind = OPERAND_VALUE;
        TRY(parser_value(p, &out->value));
    } else if (parser_take(p, "(")) {
        TRY(parse_value(p, out));
        TRY(parser_expect(p, ")"));
    } else {
        out->kind = OPERAND_PATH;
        TRY(parser_path(p, &out->path));
    }
    p->depth--;
    return NULL;
}

static err *parse_value(struct parser *p, struct operand *out)
{
    TRY(parse_term(p, out));
    if (parser_is(p, "+") || parser_is(p, "-")) {
        struct operand first = *out;
        *out = (struct operand){.kind = parser_is(p, "+") ? OPERAND_ADD : OPERAND_SUBTRACT};
        parser_next(p);
        *kid(p, out, 0) = first;
        return parse_term(p, kid(p, out, 1));
    }
    return NULL;
}

static err *parse_action(struct parser *p, enum action_kind kind, struct action *out)
{
    out->kind = kind;
    TRY(parser_path(p, &out->path));
    if (kind == ACTION_SET) {
        TRY(parser_expect(p, "="));
        return parse_value(p, &out->value);
    }
    if (kind == ACTION_REMOVE) {
        return NULL;
    }
    out->value.kind = OPERAND_VALUE;
    TRY(parser_value(p, &out->value.value));
    enum table_type type = out->value.value.type;
    if (type < TABLE_SS && !(kind == ACTION_ADD && (type == TABLE_N || type == TABLE_L))) {
        return parser_fail(
            p, str_fmt(p->arena,
                   "Incorrect operand type for operator or function; operator: %s, operand type: "
                   "%.*s",
                   kind == ACTION_ADD ? "ADD" : "DELETE", PRI(table_type_name(type))));
    }
    return NULL;
}

static err *parse_clause(struct parser *p, enum action_kind kind, struct table_update *out)
{
    do {
        if (out->count == ACTIONS_MAX) {
            return parser_fail(p, S("The expression has too many operators;"));
        }
        TRY(parse_action(p, kind, &out->actions[out->count++]));
    } while (parser_take(p, ","));
    return NULL;
}

static str path_text(struct arena *arena, const struct path *path)
{
    struct buf out = buf_in(arena, 4096);
    for (size_t i = 0; i < path->count; i++) {
        buf_add(&out, i > 0 ? S(", ") : S(""));
        if (path->parts[i].name.ptr != NULL) {
            buf_add(&out, path->parts[i].name);
        } else {
            buf_fmt(&out, "[%u]", path->parts[i].index);
        }
    }
    return buf_str(&out);
}

static bool overlap(const struct path *a, const struct path *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct path_part *x = &a->parts[i];
        const struct path_part *y = &b->parts[i];
        if ((x->name.ptr == NULL) != (y->name.ptr == NULL) || !str_eq(x->name, y->name) ||
            x->index != y->index) {
            return false;
        }
    }
    return true;
}

static err *check_overlaps(struct parser *p, const struct table_update *update)
{
    for (size_t i = 0; i < update->count; i++) {
        for (size_t k = i + 1; k < update->count; k++) {
            if (overlap(&update->actions[i].path, &update->actions[k].path)) {
                return parser_fail(
                    p, str_fmt(p->arena,
                           "Two document paths overlap with each other; must remove or rewrite one "
                           "of these paths; path one: [%.*s], path two: [%.*s]",
                           PRI(path_text(p->arena, &update->actions[i].path)),
                           PRI(path_text(p->arena, &update->actions[k].path))));
            }
        }
    }
    return NULL;
}

err *table_update_compile(
    struct arena *arena, str text, struct table_names *names, const struct table_update **out)
{
    static const char *const CLAUSES[] = {"SET", "REMOVE", "ADD", "DELETE"};
    struct parser p;
    bool seen[countof(CLAUSES)] = {};
    struct table_update *update = arena_new_of(arena, struct table_update);
    *out = update;
    TRY(parser_init(&p, arena, "UpdateExpression", text, names));
    update->actions = arena_array(arena, struct action, ACTIONS_MAX);
    while (p.kind != TOKEN_END) {
        size_t clause = 0;
        while (clause < countof(CLAUSES) && !parser_is(&p, CLAUSES[clause])) {
            clause++;
        }
        if (clause == countof(CLAUSES)) {
            return parser_syntax(&p);
        }
        if (seen[clause]) {
            return parser_fail(&p,
                str_fmt(arena, "The \"%s\" section can only be used once in an update expression;",
                    CLAUSES[clause]));
        }
        seen[clause] = true;
        parser_next(&p);
        TRY(parse_clause(&p, (enum action_kind)clause, update));
    }
    return check_overlaps(&p, update);
}

// ---- values ------------------------------------------------------------------------------------

struct work { // one application
    struct arena *arena;
    const struct json *before;
    struct json *item; // as it becomes
};

static err *wrong_type(struct work *w)
{
    return fail(
        w->arena, ERR_INVALID, "An operand in the update expression has an incorrect data type");
}

static err *value_of(struct work *w, const struct operand *operand, struct json **out);

static err *sum_of(struct work *w, const struct operand *operand, struct json **out)
{
    struct json *a = NULL;
    struct json *b = NULL;
    TRY(value_of(w, operand->kids[0], &a));
    TRY(value_of(w, operand->kids[1], &b));
    if (a->kind != JSON_NUMBER || b->kind != JSON_NUMBER) {
        return wrong_type(w);
    }
    return table_number_add(w->arena, a->text, b->text, operand->kind == OPERAND_SUBTRACT, out);
}

static err *list_of(struct work *w, const struct operand *operand, struct json **out)
{
    struct json *parts[2] = {};
    *out = json_array(w->arena);
    for (size_t i = 0; i < 2; i++) {
        TRY(value_of(w, operand->kids[i], &parts[i]));
        if (parts[i]->kind != JSON_ARRAY) {
            return wrong_type(w);
        }
        json_each (element, parts[i]) {
            json_push(*out, json_copy(w->arena, element));
        }
    }
    return NULL;
}

// Nesting is the parser's, which is bounded.
static err *value_of(struct work *w, const struct operand *operand, struct json **out)
{
    const struct json *found = NULL;
    switch (operand->kind) {
    case OPERAND_VALUE: *out = json_copy(w->arena, operand->value.json); return NULL;
    case OPERAND_ADD:
    case OPERAND_SUBTRACT: return sum_of(w, operand, out);
    case OPERAND_LIST_APPEND: return list_of(w, operand, out);
    case OPERAND_PATH:
    case OPERAND_IF_NOT_EXISTS:
        found = path_find(w->before, &operand->path);
        if (found == NULL && operand->kind == OPERAND_IF_NOT_EXISTS) {
            return value_of(w, operand->kids[0], out);
        }
        if (found == NULL) {
            return fail(w->arena, ERR_INVALID,
                "The provided expression refers to an attribute that does not exist in the item");
        }
        *out = json_copy(w->arena, found);
        (*out)->key = (str){};
        return NULL;
    default: unreachable("an operand of conditions");
    }
}

// ---- places ------------------------------------------------------------------------------------

static err *invalid_path(struct work *w)
{
    return fail(w->arena, ERR_INVALID,
        "The document path provided in the update expression is invalid for update");
}

// What the last part of the path is in.
static struct json *parent_of(struct work *w, const struct path *path)
{
    struct path above = {path->parts, path->count - 1};
    struct json *parent = (struct json *)path_find(w->item, &above); // the item is ours
    bool named = path->parts[path->count - 1].name.ptr != NULL;
    return parent != NULL && parent->kind == (named ? JSON_OBJECT : JSON_ARRAY) ? parent : NULL;
}

static void replace_element(struct json *list, u32 index, struct json *value)
{
    struct json **link = &list->child;
    for (u32 i = 0; i < index; i++) {
        link = &(*link)->next;
    }
    struct json *old = *link;
    value->next = old->next;
    list->last = list->last == old ? value : list->last;
    *link = value;
}

static err *put(struct work *w, const struct path *path, struct json *value)
{
    struct json *parent = parent_of(w, path);
    const struct path_part *last = &path->parts[path->count - 1];
    if (parent == NULL) {
        return invalid_path(w);
    }
    if (last->name.ptr != NULL) {
        json_set(parent, last->name, value);
    } else if (last->index >= parent->count) { // behind the end: appended
        json_push(parent, value);
    } else {
        replace_element(parent, last->index, value);
    }
    return NULL;
}

static const struct json
    GONE; // stands for a removed element until all are known: indexes must hold

static err *remove_at(struct work *w, const struct path *path)
{
    struct json *parent = parent_of(w, path);
    const struct path_part *last = &path->parts[path->count - 1];
    if (parent == NULL) {
        return path->count == 1 ? NULL : invalid_path(w);
    }
    if (last->name.ptr != NULL) {
        json_remove(parent, last->name);
    } else if (last->index < parent->count) {
        struct json *mark = arena_new_of(w->arena, struct json);
        *mark = (struct json){.text = {(const char *)&GONE, 0}};
        replace_element(parent, last->index, mark);
    }
    return NULL;
}

static bool is_gone(const struct json *value)
{
    return value->kind == JSON_NULL && value->text.ptr == (const char *)&GONE;
}

// Takes the marks out of the lists that removals named, of which a set that became empty is one.
static void sweep(struct work *w, const struct path *path)
{
    struct json *list = path->count > 1 ? parent_of(w, path) : NULL;
    if (list == NULL || list->kind != JSON_ARRAY) {
        return;
    }
    struct json *kept = json_array(w->arena);
    struct json *next = NULL;
    for (struct json *element = list->child; element != NULL; element = next) {
        next = element->next;
        element->next = NULL;
        if (!is_gone(element)) {
            json_push(kept, element);
        }
    }
    list->child = kept->child;
    list->last = kept->last;
    list->count = kept->count;
}

static err *add_to(struct work *w, const struct action *action)
{
    const struct json *old = path_find(w->before, &action->path);
    const struct table_value *value = &action->value.value;
    struct json *sum = json_copy(w->arena, value->json);
    bool number = value->type == TABLE_N;
    if (old == NULL) {
        return put(w, &action->path, sum);
    }
    if (old->kind != (number ? JSON_NUMBER : JSON_ARRAY)) {
        return wrong_type(w);
    }
    if (number) {
        TRY(table_number_add(w->arena, old->text, value->json->text, false, &sum));
        return put(w, &action->path, sum);
    }
    sum = json_copy(w->arena, old);
    struct table_set present = table_set_of(w->arena, old);
    json_each (element, value->json) {
        if (value->type == TABLE_L || !table_set_has(&present, element)) {
            json_push(sum, json_copy(w->arena, element));
        }
    }
    return put(w, &action->path, sum);
}

// A set that becomes empty goes whole.
static err *delete_from(struct work *w, const struct action *action)
{
    const struct json *old = path_find(w->before, &action->path);
    struct json *rest = json_array(w->arena);
    if (old == NULL) {
        return NULL;
    }
    if (old->kind != JSON_ARRAY) {
        return wrong_type(w);
    }
    struct table_set gone = table_set_of(w->arena, action->value.value.json);
    json_each (element, old) {
        if (!table_set_has(&gone, element)) {
            json_push(rest, json_copy(w->arena, element));
        }
    }
    return rest->count > 0 ? put(w, &action->path, rest) : remove_at(w, &action->path);
}

static err *carry_out(struct work *w, const struct action *action)
{
    struct json *value = NULL;
    switch (action->kind) {
    case ACTION_SET: TRY(value_of(w, &action->value, &value)); return put(w, &action->path, value);
    case ACTION_REMOVE: return remove_at(w, &action->path);
    case ACTION_ADD: return add_to(w, action);
    case ACTION_DELETE: return delete_from(w, action);
    }
    unreachable("an action");
}

err *table_update_apply(
    const void *update_, struct arena *arena, const struct json *item, struct json **out)
{
    const struct table_update *update = update_;
    struct work w = {.arena = arena, .before = item, .item = json_copy(arena, item)};
    check(item != NULL && item->kind == JSON_OBJECT);
    for (size_t i = 0; i < update->count; i++) {
        TRY(carry_out(&w, &update->actions[i]));
    }
    for (size_t i = 0; i < update->count; i++) {
        enum action_kind kind = update->actions[i].kind;
        if (kind == ACTION_REMOVE || kind == ACTION_DELETE) {
            sweep(&w, &update->actions[i].path);
        }
    }
    *out = w.item;
    return NULL;
}
