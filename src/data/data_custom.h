// Operations with handlers of the app's own JavaScript: shared by the pipeline and its sources.
#pragma once

#include "data/data_int.h"
#include "table/table.h"

// What a handler's request meets.
struct data_source {
    str name;
    enum data_source_kind kind;
    str target; // endpoint, key of a function, model; or what it is, in words, when unsupported
};

struct data_custom_step {
    str file; // of the bundled module
    str hash;
    str problem; // why it cannot be run; none: it can
    const struct data_source *source;
};

struct data_custom { // of one field
    const struct data_custom_step *steps;
    size_t count;
};

// What a source answers: a result, and an error that the handler's response is told of.
struct data_answer {
    struct json *result; // NULL: null
    err *failure;
};

struct data_source_call {
    struct gql_call *call;
    const struct data_source *source;
    const struct json *request; // what the handler's request has returned
};

// Carries out a request. What is wrong with the request itself is an error of the field; what the
// source fails with is the answer's.
[[nodiscard]] err *data_source_run(
    const struct data_source_call *call, struct data_answer *answer) YIELDS;
// The same for DynamoDB's operations (data_dynamo.c).
[[nodiscard]] err *data_dynamo_run(
    const struct data_source_call *call, struct data_answer *answer) YIELDS;
// An error of the request that a handler made, with AppSync's type for it.
err *data_request_error(const struct gql_call *call, str text);
// Takes the filter of extensions.setSubscriptionFilter as a predicate over payloads.
[[nodiscard]] err *data_group_filter(
    struct arena *arena, const struct json *filter, const struct store_pred **out);
