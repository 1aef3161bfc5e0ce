// The shape of requests: types, bounds and patterns of members as a service's own model has them,
// given as a table, and what does not fit told in the words of the services' own validation.
#pragma once

#include "json/json.h"

enum shape_kind {
    SHAPE_TEXT,
    SHAPE_SECRET, // a text that is not told again
    SHAPE_TEXTS,  // a list of them
    SHAPE_NUMBER,
    SHAPE_FLAG,
    SHAPE_FLAGS,  // a structure of them
    SHAPE_FIELDS, // a structure or map of texts
    SHAPE_STRUCTS,
    SHAPE_PAIRS, // a list of {Name, Value}
    SHAPE_ANY_STRUCT
};

struct shape_pattern {
    const char *text;       // the regular expression, as it is told
    bool (*fits)(str text); // NULL: every text does
};

struct shape_member {
    str name; // "ClientId"
    enum shape_kind kind;
    i64 least; // of texts: characters; of numbers: the value
    i64 most;  // of pairs: how many
    const struct shape_pattern *pattern;
    str values; // those allowed ("NONE, LINKED"), or none: any
};

struct shape_needs {
    str operation;
    str members; // as they are told, in that order: "userPoolId username"
};

struct shape {
    const struct shape_member *members; // whatever operation has one of that name
    size_t member_count;
    const struct shape_needs *needs;
    size_t needs_count;
    struct shape_member pair_name; // bounds of what is in pairs
    struct shape_member pair_value;
};

// Whether the request (an object) may go on to its operation. SerializationException for the first
// member of a wrong type; else what the service names `invalid` (InvalidParameterException) with
// all that is wrong, ten of them at most, each with the value that came. Members that the table
// does not know are passed over.
[[nodiscard]] err *shape_check(struct arena *arena, const struct shape *shape, str operation,
    const struct json *in, const char *invalid);
