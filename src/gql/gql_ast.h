// Syntax tree of GraphQL documents (October 2021), executable and type system alike. Immutable once
// parsed; nodes and text live in the arena given to gql_parse (text slices point into the
// document).
#pragma once

#include "base/base.h"

struct gql_pos {
    u32 line;   // from 1
    u32 column; // from 1, in characters
};

enum gql_value_kind {
    GQL_VALUE_VARIABLE, // text: name
    GQL_VALUE_INT,      // text: as written
    GQL_VALUE_FLOAT,
    GQL_VALUE_STRING,  // text: decoded, block strings too
    GQL_VALUE_BOOLEAN, // boolean
    GQL_VALUE_NULL,
    GQL_VALUE_ENUM,   // text: name
    GQL_VALUE_LIST,   // items
    GQL_VALUE_OBJECT, // items, each with key
};

struct gql_value {
    enum gql_value_kind kind;
    bool boolean;
    struct gql_pos pos;
    str key; // member name inside an object
    struct gql_pos key_pos;
    str text;
    struct gql_value *items;
    size_t count;
};

struct gql_type_ast { // Name, [T], T!

    enum { GQL_AST_NAMED, GQL_AST_LIST, GQL_AST_NON_NULL } kind;

    str name;
    struct gql_type_ast *of;
    struct gql_pos pos;
};

struct gql_argument {
    str name;
    struct gql_value value;
    struct gql_pos pos;
};

struct gql_directive {
    str name;
    struct gql_argument *arguments;
    size_t argument_count;
    struct gql_pos pos;
};

enum gql_selection_kind { GQL_FIELD, GQL_SPREAD, GQL_INLINE };

struct gql_selection {
    enum gql_selection_kind kind;
    str alias; // none when not given
    str name;  // field or fragment
    str on;    // type condition of an inline fragment, or none
    struct gql_pos on_pos;
    struct gql_argument *arguments;
    size_t argument_count;
    struct gql_directive *directives;
    size_t directive_count;
    struct gql_selection *selections;
    size_t selection_count;
    bool has_selections; // braces were written
    struct gql_pos pos;
};

struct gql_variable_def {
    str name;
    struct gql_type_ast *type;
    struct gql_value *otherwise; // default value or NULL
    struct gql_directive *directives;
    size_t directive_count;
    struct gql_pos pos;
};

enum gql_operation_kind { GQL_QUERY, GQL_MUTATION, GQL_SUBSCRIPTION };

// A definition in a document. Type-system fields, arguments, input fields and enum values are all
// struct gql_member.
enum gql_def_kind {
    GQL_DEF_OPERATION,
    GQL_DEF_FRAGMENT,
    GQL_DEF_SCHEMA,
    GQL_DEF_SCALAR,
    GQL_DEF_OBJECT,
    GQL_DEF_INTERFACE,
    GQL_DEF_UNION,
    GQL_DEF_ENUM,
    GQL_DEF_INPUT,
    GQL_DEF_DIRECTIVE,
};

struct gql_member {
    str name;
    str description;
    struct gql_type_ast *type; // NULL for enum values
    struct gql_value *otherwise;
    struct gql_member *arguments; // of fields
    size_t argument_count;
    struct gql_directive *directives;
    size_t directive_count;
    struct gql_pos pos;
};

struct gql_definition {
    enum gql_def_kind kind;
    bool is_extension;
    str name; // none for an anonymous operation
    str description;
    struct gql_pos pos;
    struct gql_directive *directives;
    size_t directive_count;
    // executable
    enum gql_operation_kind operation;
    str on; // fragment's type condition
    struct gql_pos on_pos;
    struct gql_variable_def *variables;
    size_t variable_count;
    struct gql_selection *selections;
    size_t selection_count;
    // type system
    struct gql_member *members; // fields, values, input fields; schema: name = operation type
    size_t member_count;
    str *names; // interfaces, union members, directive locations
    size_t name_count;
    bool repeatable;
};

struct gql_document {
    struct gql_definition *definitions;
    size_t definition_count;
};

struct gql_parse_limits {
    size_t tokens_max;
    u32 depth_max; // nesting of selections, values and types
};

// Where and why parsing stopped.
struct gql_fault {
    struct gql_pos pos;
    str message; // "Syntax Error: Expected Name, found \"}\"."
};

// Parses a whole document. `limits` NULL takes 100,000 tokens and depth 200. On failure the error's
// text is fault->message; `fault` may be NULL. Source: GraphQL October 2021, section 2 and appendix
// B.
[[nodiscard]] err *gql_parse(struct arena *arena, str text, const struct gql_parse_limits *limits,
    struct gql_document **out, struct gql_fault *fault);

// First directive with the name, or NULL.
const struct gql_directive *gql_directive_find(
    const struct gql_directive *list, size_t count, str name);
// Value of its first argument of that name, or NULL.
const struct gql_value *gql_directive_argument(const struct gql_directive *directive, str name);
// Member of an object value, or NULL.
const struct gql_value *gql_value_get(const struct gql_value *object, str key);
// Innermost name of a type.
str gql_type_ast_name(const struct gql_type_ast *type);
