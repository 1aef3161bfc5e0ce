// Shared inside the folder: the language's tokens and its trees.
#pragma once

#include "table/table.h"

enum { EXPRESSION_MAX = 4096, NESTING_MAX = 64, OPERANDS_IN_MAX = 100, PATH_PARTS_MAX = 32 };

// ---- paths -------------------------------------------------------------------------------------
struct path_part {
    str name; // none: an index
    u32 index;
};

struct path {
    struct path_part *parts;
    size_t count;
};

// The value at a path; NULL when there is none.
const struct json *path_find(const struct json *item, const struct path *path);

// ---- sets --------------------------------------------------------------------------------------
struct table_set { // the strings and numbers of a list, in order
    const struct json **items;
    size_t count;
};

// Borrows the elements.
struct table_set table_set_of(struct arena *arena, const struct json *list);
// Whether an element equals the value.
bool table_set_has(const struct table_set *set, const struct json *value);
// Whether two elements are equal.
bool table_set_has_twins(const struct table_set *set);
// Whether two lists have the same elements, in any order; false when there are others than strings
// and numbers.
bool table_sets_equal(const struct json *a, const struct json *b);

// ---- operands ----------------------------------------------------------------------------------
enum operand_kind {
    OPERAND_PATH,
    OPERAND_VALUE,
    OPERAND_SIZE, // of a path
    OPERAND_ADD,  // the rest only in updates
    OPERAND_SUBTRACT,
    OPERAND_IF_NOT_EXISTS, // path, kids[0]
    OPERAND_LIST_APPEND,
};

struct operand {
    enum operand_kind kind;
    struct path path;
    struct table_value value;
    const struct operand *kids[2];
};

// ---- the parser --------------------------------------------------------------------------------
enum token_kind {
    TOKEN_END,
    TOKEN_NAME,   // name, #name
    TOKEN_VALUE,  // :value
    TOKEN_NUMBER, // in [0]
    TOKEN_SIGN,   // ( ) , . [ ] + - = <> < <= > >=
    TOKEN_BAD,
};

struct parser {
    struct arena *arena;
    const char *what; // "ConditionExpression"
    str text;
    size_t at; // behind the token
    enum token_kind kind;
    str token;
    size_t token_at;
    struct table_names *names;
    unsigned depth;
};

// At the first token. ERR_INVALID for an empty or too long text.
[[nodiscard]] err *parser_init(
    struct parser *p, struct arena *arena, const char *what, str text, struct table_names *names);
// To the next token.
void parser_next(struct parser *p);
// Whether the token is that sign; or, without case, that word.
bool parser_is(const struct parser *p, const char *token);
// Takes it, if it is there.
bool parser_take(struct parser *p, const char *token);
// Takes it; a syntax error without it.
[[nodiscard]] err *parser_expect(struct parser *p, const char *token);
// "Invalid ...Expression: Syntax error; token: ..., near: ...".
[[nodiscard]] err *parser_syntax(struct parser *p);
// "Invalid ...Expression: " and the text.
[[nodiscard]] err *parser_fail(struct parser *p, str text);
// A document path, with names put in.
[[nodiscard]] err *parser_path(struct parser *p, struct path *out);
// A value's placeholder.
[[nodiscard]] err *parser_value(struct parser *p, struct table_value *out);
// A path, a value or size(path).
[[nodiscard]] err *parser_operand(struct parser *p, struct operand *out);
// "S", "N", ...
str table_type_name(enum table_type type);
