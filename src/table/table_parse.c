// Tokens, paths, placeholders and operands of expressions. Source: "Expressions" of the DynamoDB
// developer guide.
#include "table/table_int.h"

// ---- placeholders ------------------------------------------------------------------------------

struct table_names *table_names_new(
    struct arena *arena, const struct json *names, const struct json *values)
{
    struct table_names *out = arena_new_of(arena, struct table_names);
    *out = (struct table_names){
        json_is_null(names) ? NULL : names, json_is_null(values) ? NULL : values, map_new(arena)};
    return out;
}

static err *check_used(struct arena *arena, const struct table_names *names,
    const struct json *given, const char *what)
{
    json_each (member, given) {
        if (map_get(names->used, member->key) == NULL) {
            return fail(arena, ERR_INVALID,
                "Value provided in %s unused in expressions: keys: {%.*s}", what, PRI(member->key));
        }
    }
    return NULL;
}

err *table_names_check(struct arena *arena, const struct table_names *names)
{
    TRY(check_used(arena, names, names->names, "ExpressionAttributeNames"));
    return check_used(arena, names, names->values, "ExpressionAttributeValues");
}

// ---- tokens ------------------------------------------------------------------------------------

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum token_kind kind_of(char c)
{
    if (c >= '0' && c <= '9') {
        return TOKEN_NUMBER;
    }
    if (is_word(c) || c == '#') {
        return TOKEN_NAME;
    }
    return c == ':'                                        ? TOKEN_VALUE
           : c != '\0' && strchr("(),.[]+-=<>", c) != NULL ? TOKEN_SIGN
                                                           : TOKEN_BAD;
}

void parser_next(struct parser *p)
{
    while (p->at < p->text.len && is_space(p->text.ptr[p->at])) {
        p->at++;
    }
    p->token_at = p->at;
    if (p->at == p->text.len) {
        p->kind = TOKEN_END;
        p->token = S("<EOF>");
        return;
    }
    char c = p->text.ptr[p->at++];
    p->kind = kind_of(c);
    if (p->kind == TOKEN_NAME || p->kind == TOKEN_VALUE || p->kind == TOKEN_NUMBER) {
        while (p->at < p->text.len && is_word(p->text.ptr[p->at])) {
            p->at++;
        }
    } else if ((c == '<' || c == '>') && p->at < p->text.len) {
        char next = p->text.ptr[p->at];
        p->at += next == '=' || (c == '<' && next == '>');
    }
    p->token = str_sub(p->text, p->token_at, p->at);
    if ((p->kind == TOKEN_NAME && str_eq(p->token, S("#"))) ||
        (p->kind == TOKEN_VALUE && p->token.len == 1)) {
        p->kind = TOKEN_BAD;
    }
}

err *parser_init(
    struct parser *p, struct arena *arena, const char *what, str text, struct table_names *names)
{
    *p = (struct parser){.arena = arena, .what = what, .text = text, .names = names};
    if (str_trim(text).len == 0) {
        return parser_fail(p, S("The expression can not be empty;"));
    }
    if (text.len > EXPRESSION_MAX) {
        return parser_fail(
            p, str_fmt(arena,
                   "Expression size has exceeded the maximum allowed size; expression "
                   "size: %zu",
                   text.len));
    }
    parser_next(p);
    return NULL;
}

bool parser_is(const struct parser *p, const char *token)
{
    str wanted = str_from(token);
    return p->kind == TOKEN_SIGN   ? str_eq(p->token, wanted)
           : p->kind == TOKEN_NAME ? str_eq_nocase(p->token, wanted)
                                   : false;
}

bool parser_take(struct parser *p, const char *token)
{
    bool is = parser_is(p, token);
    if (is) {
        parser_next(p);
    }
    return is;
}

err *parser_expect(struct parser *p, const char *token)
{
    return parser_take(p, token) ? NULL : parser_syntax(p);
}

err *parser_fail(struct parser *p, str text)
{
    return fail(p->arena, ERR_INVALID, "Invalid %s: %.*s", p->what, PRI(text));
}

err *parser_syntax(struct parser *p)
{
    size_t from = p->token_at > 8 ? p->token_at - 8 : 0;
    str near = str_sub(p->text, from, p->at + 8);
    bool whole = str_is_utf8(near);
    return parser_fail(
        p, str_fmt(p->arena, "Syntax error; token: \"%.*s\", near: \"%.*s\"",
               PRI(str_is_utf8(p->token) ? p->token : S("?")), PRI(whole ? near : S("?"))));
}

// ---- paths and values --------------------------------------------------------------------------

static err *read_name(struct parser *p, str *out)
{
    if (p->kind != TOKEN_NAME) {
        return parser_syntax(p);
    }
    *out = p->token;
    if (p->token.ptr[0] == '#') {
        const struct json *name = json_get(p->names->names, p->token);
        if (name == NULL || name->kind != JSON_STRING) {
            return parser_fail(p, str_fmt(p->arena,
                                      "An expression attribute name used in the document path is "
                                      "not defined; attribute name: %.*s",
                                      PRI(p->token)));
        }
        map_set(p->names->used, p->token, p);
        *out = name->text;
    }
    parser_next(p);
    return NULL;
}

static err *read_index(struct parser *p, u32 *out)
{
    u64 index = 0;
    if (p->kind != TOKEN_NUMBER || !str_to_u64(p->token, &index)) {
        return parser_syntax(p);
    }
    if (index >= UINT32_MAX) {
        return parser_fail(p, S("List index is not within the allowable range;"));
    }
    *out = (u32)index;
    parser_next(p);
    return parser_expect(p, "]");
}

err *parser_path(struct parser *p, struct path *out)
{
    *out = (struct path){.parts = arena_array(p->arena, struct path_part, PATH_PARTS_MAX)};
    TRY(read_name(p, &out->parts[out->count++].name));
    while (parser_is(p, ".") || parser_is(p, "[")) {
        if (out->count == PATH_PARTS_MAX) {
            return parser_fail(p, S("The document path has too many nesting elements;"));
        }
        struct path_part *part = &out->parts[out->count++];
        if (parser_take(p, ".")) {
            TRY(read_name(p, &part->name));
        } else {
            parser_next(p);
            TRY(read_index(p, &part->index));
        }
    }
    return NULL;
}

const struct json *path_find(const struct json *item, const struct path *path)
{
    const struct json *at = item;
    for (size_t i = 0; at != NULL && i < path->count; i++) {
        const struct path_part *part = &path->parts[i];
        bool named = part->name.ptr != NULL;
        if (at->kind != (named ? JSON_OBJECT : JSON_ARRAY)) {
            return NULL;
        }
        at = named ? json_get(at, part->name) : json_at(at, part->index);
    }
    return at;
}

err *parser_value(struct parser *p, struct table_value *out)
{
    if (p->kind != TOKEN_VALUE) {
        return parser_syntax(p);
    }
    const struct json *typed = json_get(p->names->values, p->token);
    if (typed == NULL) {
        return parser_fail(p, str_fmt(p->arena,
                                  "An expression attribute value used in expression is not "
                                  "defined; attribute value: %.*s",
                                  PRI(p->token)));
    }
    map_set(p->names->used, p->token, p);
    parser_next(p);
    return table_value_read(p->arena, typed, out);
}

// Whether the name is a function's: a bracket follows it.
static bool is_call(const struct parser *p, const char *name)
{
    size_t at = p->at;
    while (at < p->text.len && is_space(p->text.ptr[at])) {
        at++;
    }
    return p->kind == TOKEN_NAME && str_eq(p->token, str_from(name)) && at < p->text.len &&
           p->text.ptr[at] == '(';
}

err *parser_operand(struct parser *p, struct operand *out)
{
    *out = (struct operand){.kind = OPERAND_PATH};
    if (p->kind == TOKEN_VALUE) {
        out->kind = OPERAND_VALUE;
        return parser_value(p, &out->value);
    }
    if (is_call(p, "size")) {
        out->kind = OPERAND_SIZE;
        parser_next(p);
        TRY(parser_expect(p, "("));
        TRY(parser_path(p, &out->path));
        return parser_expect(p, ")");
    }
    return parser_path(p, &out->path);
}
