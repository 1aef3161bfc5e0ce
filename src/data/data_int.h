// Shared inside the folder.
#pragma once

#include "data/data.h"

#include <stdatomic.h>

enum { DATA_SERVICE_MAGIC = 0x73657276, SUBSCRIPTION_MAGIC = 0x73756273 };

struct data_service {
    u32 magic;
    struct arena *arena;
    atomic_int references;
    struct data_api *api;
    struct gql_schema *schema;
    struct store *store;
    str api_key;
    struct gql_limits limits;
    struct map *handled; // "Type.field" with a handler of the app's own code
    struct map *feeds;   // mutation field -> struct data_feed
};

struct data_feed { // the subscription fields that a mutation feeds (@aws_subscribe)
    const str *fields;
    size_t count;
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
    struct data_subscribe *subscribe; // realtime starts only
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
    bool is_hidden;                 // from some who may get the model: see data_field_is_hidden
    bool is_redacted;               // null (or empty) in what mutations return
    const struct data_index *index; // index queries
};

// Gives AppSync's scalars (AWSDate, ...) their checks.
void data_scalars_attach(struct gql_schema *schema);
// gql_exec.may_access: whether the caller's mode is among those the @aws_* directives of the field,
// else of its type, name; without any, the API's default mode is.
bool data_may_access(
    void *request, const struct gql_type *parent, const struct gql_field_def *field);

// ---- errors ------------------------------------------------------------------------------------
// With the errorType `type`; S(""): null.
err *data_error(const struct gql_call *call, str type, str text);
// The same with errorType InvalidArgumentsError.
err *data_argument_error(const struct gql_call *call, str text);
// "Not Authorized to access <field> on type <Type>", errorType Unauthorized.
err *data_unauthorized(const struct gql_call *call);
// What a table refuses, as AppSync tells it. NULL stays NULL; failures of ours stay as they are.
[[nodiscard]] err *data_table_error(struct arena *arena, err *e);

// ---- filters -----------------------------------------------------------------------------------
// Lists and conditions are DynamoDB's expressions, with what it refuses in them.
enum data_filter_kind { DATA_FILTER, DATA_CONDITION, DATA_SUBSCRIPTION_FILTER };

// *out NULL: no restriction. The predicate refers to `filter`.
[[nodiscard]] err *data_filter_compile(struct arena *arena, enum data_filter_kind kind,
    const struct json *filter, const struct store_pred **out);
// Why DynamoDB refuses these bounds of a BETWEEN; none: it does not.
str data_between_fault(struct arena *arena, const struct json *low, const struct json *high);

// ---- authorisation
// --------------------------------------------------------------------------------
// Decides an operation on a model for the caller. A static rule lets through with *filter NULL;
// dynamic rules give the predicate items must meet; nothing at all fails with Unauthorized.
[[nodiscard]] err *data_authorise(const struct gql_call *call, const struct data_model *model,
    enum data_op op, const struct store_pred **filter);
// The caller's role among the model's; NULL: none of them.
const struct data_role *data_role_of(
    const struct data_model *model, const struct data_caller *caller);
// For fields that somebody who may get the model may not read.
bool data_may_read_field(
    const struct data_request *request, const struct data_model *model, size_t field);

// ---- resolvers
// ------------------------------------------------------------------------------------
// getX: null when there is no such item, Unauthorized for one the caller may not read.
err *data_resolve_get(struct gql_call *call, struct json **out) YIELDS;
// listXs, by a scan or, with the partition key among the arguments, a query.
err *data_resolve_list(struct gql_call *call, struct json **out) YIELDS;
// The query field of an @index.
err *data_resolve_index(struct gql_call *call, struct json **out) YIELDS;
// @hasMany, @hasOne, @belongsTo, on the item in call->source.
err *data_resolve_relation(struct gql_call *call, struct json **out) YIELDS;
// createX: fills in id, defaults and timestamps; fails when the key is taken.
err *data_resolve_create(struct gql_call *call, struct json **out) YIELDS;
// updateX: sets what the input names, null removes; fails when there is no such item.
err *data_resolve_update(struct gql_call *call, struct json **out) YIELDS;
// deleteX: the item as it was; fails when there is none.
err *data_resolve_delete(struct gql_call *call, struct json **out) YIELDS;
// A field with @auth rules of its own: always null in what a mutation returns, like relations.
err *data_resolve_guarded(struct gql_call *call, struct json **out);
// An operation with a function or custom handler: ERR_UNSUPPORTED says so.
err *data_resolve_unserved(struct gql_call *call, struct json **out);

// "b#c" of an object's fields; NULL when one is missing. A single field is its own value.
const struct json *data_join_keys(struct arena *arena, const struct data_model *model,
    const struct json *object, const str *fields, size_t count);
// A value of a model's field as part of a composite key.
str data_key_part(
    struct arena *arena, const struct data_model *model, str field, const struct json *value);
// The @validate rules of the fields that the input has; the first that is broken is the error.
err *data_check_values(
    const struct gql_call *call, const struct data_model *model, const struct json *input);

// ---- hub -----------------------------------------------------------------------------------
struct subscription;
struct data_conn; // one realtime socket

struct data_loop { // one per loop, touched only by its thread
    struct data_hub *hub;
    struct loop *loop;
    struct data_service *service; // NULL before the first one
    struct gql_plan_cache *plans;
    struct map *topics;          // subscription field -> struct topic
    struct subscription *cursor; // next one the dispatcher looks at
    struct publication *waiting; // for the dispatcher, oldest first
    struct publication *waiting_last;
    size_t waiting_bytes;
    bool dropping; // too many are waiting; told once
    bool dispatching;
    struct data_conn *conns;
    struct data_conn *rebinding; // next one whose subscriptions move to the new service
    bool is_rebinding;
    bool keeping_alive;
    bool draining;
};

struct data_hub {
    struct data_loop *loops;
    size_t count;
    atomic_size_t subscriptions;
};

// The calling thread's part of the hub.
struct data_loop *data_hub_here(struct data_hub *hub);
// Takes a reference for the caller, who releases it. NULL gives NULL.
struct data_service *data_service_hold(struct data_service *service);
// Recognises the caller of a request or of a realtime message. Fails with AppSync's 401 texts.
[[nodiscard]] err *data_identify(struct arena *arena, const struct data_service *service,
    str api_key, str authorization, struct data_caller *out);
// POST /graphql; route_arg is the hub.
err *data_http_graphql(struct http_req *req) YIELDS;
// GET /graphql/realtime, for the life of its socket; route_arg is the hub.
err *data_http_realtime(struct http_req *req) YIELDS;

// ---- realtime ------------------------------------------------------------------------------
// What a subscription's resolver leaves for the realtime service.
struct data_subscribe {
    const struct json *args;       // coerced, of the subscription field
    const struct store_pred *rule; // of dynamic authorisation rules; NULL: none
};

// onXxx: checks the caller and leaves the arguments in request->subscribe. Does not wait:
// subscription_start relies on it.
err *data_resolve_subscribe(struct gql_call *call, struct json **out);

struct subscription_options {
    struct data_conn *conn;
    struct ws *ws;
    str id;
    str query;
    str operation_name;
    const struct json *variables; // as sent; NULL: none
    struct data_caller caller;
    struct subscription *replaces; // ended once this one has begun; NULL: none
};

// Prepares, authorises and registers. On failure *problems is the errors array for the client.
bool subscription_start(struct data_loop *here, struct arena *arena,
    const struct subscription_options *options, struct json **problems) YIELDS;
// Takes it off all lists and frees it; nothing is sent.
void subscription_end(struct subscription *subscription);
// Those of a socket that goes.
void subscription_end_all(struct data_conn *conn);
// After the loop has ended; no subscription may be left.
void subscription_topics_free(struct data_loop *here);
// By the id its client gave it; NULL when there is none.
struct subscription *subscription_find(const struct data_conn *conn, str id);

enum { SUBSCRIPTIONS_PER_CONN_MAX = 200 };

struct data_conn {
    struct data_loop *loop;
    struct ws *ws;
    struct subscription *subscriptions;
    size_t subscription_count;
    u64 sent_us; // last keep-alive
    bool acknowledged;
    struct data_conn *older;
    struct data_conn *newer;
};

// Sends the message {"id","type":"error","payload":{"errors":...}}.
void data_conn_error(struct data_conn *conn, struct arena *arena, str id, struct json *errors);
// gql_exec.wants_payload: whether anybody may be subscribed to what the mutation feeds.
bool data_wants_payload(void *request, const struct gql_field_def *field);
// gql_exec.publish: hands the payload to every loop's dispatcher. Does not wait.
void data_publish(void *request, const struct gql_field_def *field, const struct json *payload);
// Moves the loop's subscriptions to its new service; starts a fiber for it.
void data_realtime_rebind(struct data_loop *here);
