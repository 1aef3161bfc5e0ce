// Shared inside the folder.
#pragma once

#include "data/data.h"

#include <stdatomic.h>

struct data_service {
    struct arena *arena;
    atomic_int references;
    struct data_api *api;
    struct gql_schema *schema;
    struct store *store;
    str api_key;
};

// Who asks. Identities beyond the API key come with user pools and identity pools.
struct data_caller {
    enum data_provider provider;
};

struct data_hub;

// One request in execution: gql_exec.request.
struct data_request {
    struct data_service *service;
    struct data_hub *hub;
    struct data_caller caller;
};

// What a field of the served schema lets in; hangs on gql_field_def.access and gql_type.access.
struct data_access {
    unsigned providers;
    str *groups; // @aws_cognito_user_pools(cognito_groups)
    size_t group_count;
};

// Resolver data of model operations and relations.
struct data_field_plan {
    struct data_model *model;
    const struct data_field *field; // relations, guarded fields
    const struct data_index *index; // index queries
};

void data_scalars_attach(struct gql_schema *schema);
void data_resolvers_attach(struct data_service *service);
bool data_may_access(
    void *request, const struct gql_type *parent, const struct gql_field_def *field);

err *data_filter_compile(
    struct arena *arena, const struct json *filter, const struct store_pred **out);

// ---- authorisation
// -------------------------------------------------------------------------------
err *data_unauthorized(const struct gql_call *call);
// Decides an operation on a model for the caller. A static rule lets through with *filter NULL;
// dynamic rules give the predicate items must meet; nothing at all fails with Unauthorized.
[[nodiscard]] err *data_authorise(const struct gql_call *call, const struct data_model *model,
    enum data_op op, const struct store_pred **filter);
// Whether the caller may read (GET), or write with `op`, a field that has rules of its own.
bool data_may_use_field(
    const struct data_request *request, const struct data_field *field, enum data_op op);
// Both models let in exactly the same static roles: relations need not be redacted in mutations.
bool data_same_static_roles(const struct data_model *a, const struct data_model *b);

// ---- resolvers
// -----------------------------------------------------------------------------------
err *data_resolve_get(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_list(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_index(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_relation(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_create(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_update(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_delete(struct gql_call *call, struct json **out) YIELDS;
err *data_resolve_guarded(struct gql_call *call, struct json **out);
err *data_resolve_unserved(struct gql_call *call, struct json **out);

// "b#c" of an object's fields; NULL when one is missing. A single field is its own value.
const struct json *data_join_keys(
    struct arena *arena, const struct json *object, const str *fields, size_t count);
err *data_check_values(
    const struct gql_call *call, const struct data_model *model, const struct json *input);

// ---- hub
// -----------------------------------------------------------------------------------------
struct subscription;

struct data_loop { // one per loop, touched only by its thread
    struct data_hub *hub;
    struct loop *loop;
    struct data_service *service;
    struct gql_plan_cache *plans;
    struct map *by_mutation; // mutation field -> first struct subscription
};

struct data_hub {
    struct data_loop *loops;
    size_t count;
    atomic_size_t subscriptions;
};

struct data_loop *data_hub_here(struct data_hub *hub);
// Recognises the caller of a request or of a realtime message. Fails with AppSync's 401 texts.
[[nodiscard]] err *data_identify(struct arena *arena, const struct data_service *service,
    str api_key, str authorization, struct data_caller *out);
err *data_http_graphql(struct http_req *req) YIELDS;
err *data_http_realtime(struct http_req *req) YIELDS;
bool data_wants_payload(void *request, const struct gql_field_def *field);
void data_publish(void *request, const struct gql_field_def *field, const struct json *payload);
// Moves the loop's subscriptions to its new service.
void data_realtime_rebind(struct data_loop *here);
