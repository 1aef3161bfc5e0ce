// Private: the lexer.
#pragma once

#include "gql/gql_ast.h"

enum gql_token_kind {
    TOKEN_END,
    TOKEN_PUNCT,
    TOKEN_NAME,
    TOKEN_INT,
    TOKEN_FLOAT,
    TOKEN_STRING,
    TOKEN_BAD
};

struct gql_token {
    enum gql_token_kind kind;
    char punct; // '.' stands for the spread "..."
    str text;   // as written; strings: decoded
    struct gql_pos pos;
};

struct gql_lexer {
    struct arena *arena;
    str text;
    size_t at;
    u32 line;
    size_t line_start;
    size_t counted_to; // characters of the line are counted up to here
    u32 counted_line;
    u32 counted;
    str message; // why a TOKEN_BAD is bad
};

// Next token, white space, commas and comments passed over. Source: section 2.1.
struct gql_token gql_lex(struct gql_lexer *lexer);
