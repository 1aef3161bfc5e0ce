// The compiled form of a policy: what iam_compile.c makes and iam_decide.c reads.
#pragma once

#include "iam/iam_int.h"

// A pattern: literal text, * (any text), ? (one character), a variable's value (taken literally).
struct iam_piece {
    enum { PIECE_TEXT, PIECE_ANY, PIECE_ONE, PIECE_VARIABLE } kind;

    str text;      // or the variable's name
    str otherwise; // ${name, 'otherwise'}: of a variable that is not known; or none
};

struct iam_glob {
    struct iam_piece *pieces;
    size_t count;
};

enum { ARN_PARTS = 6 };

// An ARN's parts are matched each by itself: a wildcard does not reach into the next. "*" has none.
struct iam_arn_glob {
    struct iam_glob parts[ARN_PARTS];
    bool any;
};

enum iam_operator {
    OP_STRING,
    OP_STRING_NOCASE,
    OP_LIKE,
    OP_ARN,
    OP_NUMBER_EQ,
    OP_NUMBER_LT,
    OP_NUMBER_LE,
    OP_NUMBER_GT,
    OP_NUMBER_GE,
    OP_BOOL,
    OP_NULL,
};

struct iam_condition {
    enum iam_operator op;

    enum { EACH_PLAIN, EACH_ANY, EACH_ALL } each; // ForAnyValue:, ForAllValues:

    bool negated;
    bool if_exists;
    str key;
    struct iam_glob *values; // all but OP_ARN
    struct iam_arn_glob *arns;
    size_t count;
};

struct iam_statement {
    bool deny;
    bool not_action;
    bool not_resource;
    struct iam_glob *actions;
    size_t action_count;
    struct iam_arn_glob *resources;
    size_t resource_count;
    struct iam_condition *conditions;
    size_t condition_count;
};

struct iam_policy {
    struct iam_statement *statements;
    size_t count;
};
