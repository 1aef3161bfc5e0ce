// Shared inside the folder.
#pragma once

#include "data/data.h"
#include "func/func.h"
#include "oidc/oidc.h"

#include <pthread.h>
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
    str api_arn;       // "arn:aws:appsync:REGION:ACCOUNT:apis/ID"
    struct oidc *oidc; // NULL: no such issuer
    struct gql_limits limits;
    struct map *handlers; // name in @function -> str, key of the function
    u64 serial;           // of services, in order
    str authoriser;       // key of a function; none: there is no such mode
    u64 authoriser_ttl_s;
    struct map *custom; // "Type.field" -> struct data_custom
    str api_id;
    str environment;   // JSON object, of handlers
    struct map *feeds; // mutation field -> struct data_feed
};

struct data_feed { // the subscription fields that a mutation feeds (@aws_subscribe)
    const str *fields;
    size_t count;
};

// Who asks, and with what.
struct data_caller {
    enum data_provider provider;
    const struct json *claims;      // of the user pool's or the OIDC issuer's token; else NULL
    str token;                      // as sent, of a user pool: it may be revoked later
    const struct json *context;     // the Lambda authoriser's resolverContext, or NULL
    const struct json *denied;      // and its deniedFields, or NULL
    struct iam_principal principal; // DATA_IAM
};

struct data_hub;
struct data_credentials;

// One request in execution: gql_exec.request.
struct data_request {
    struct data_service *service;
    struct data_hub *hub;
    struct data_caller caller;
    const struct http_req *http;      // NULL: it came over the realtime endpoint
    bool is_personal;                 // what was answered so far may differ for another caller
    struct data_subscribe *subscribe; // realtime starts only
};

// What a field of the served schema lets in; hangs on gql_field_def.access and gql_type.access.
struct data_access {
    unsigned providers;
    str *groups; // @aws_cognito_user_pools(cognito_groups)
    size_t group_count;
};

struct data_custom;

struct data_step { // a handler of an operation
    str key;       // of its function
    bool is_event; // not waited for
};

// Resolver data of model operations and relations.
struct data_field_plan {
    struct data_model *model;
    const struct data_field *field; // relations, guarded fields
    bool is_hidden;                 // from some who may get the model: see data_field_is_hidden
    bool is_private;                // some who get what mutations return might not be allowed
    bool is_redacted;               // so it is null (or empty) in what the model's own return
    bool is_owner;                  // shown without what stands before the last "::"
    const struct data_index *index; // index queries
    const struct data_role *roles;  // of an operation outside of models
    size_t role_count;
    bool is_ruled;                 // it has @auth
    bool is_of_model;              // one of a model's own operations
    const struct data_step *steps; // its handlers, one after the other; none: no function
    size_t step_count;
    const struct data_custom *custom; // its JavaScript handlers; NULL: none
};

// Gives AppSync's scalars (AWSDate, ...) their checks.
void data_scalars_attach(struct gql_schema *schema);
// gql_exec.may_access: whether the caller's mode is among those the @aws_* directives of the field,
// else of its type, name; without any, the API's default mode is.
bool data_may_access(
    void *request, const struct gql_type *parent, const struct gql_field_def *field);

// ---- calls of functions (data_call.c) ----------------------------------------------------------
struct data_function { // a call
    str key;
    str payload;
    u32 seconds; // that it is waited for
};

// Runs a function and waits for it, but no longer than `seconds` (ERR_TIMEOUT: it goes on by
// itself). Otherwise as func_invoke.
[[nodiscard]] err *data_call_function(struct data_hub *hub, struct arena *arena,
    const struct data_function *call, struct func_result *out) YIELDS;

// ---- functions (data_function.c) ---------------------------------------------------------------
// $ctx.identity of the caller: its form differs by mode. Never NULL.
struct json *data_identity(struct arena *arena, const struct data_request *request);
// $ctx.request.headers: names in lower case. NULL gives an empty object.
struct json *data_request_headers(struct arena *arena, const struct http_req *req);
// An operation whose handlers are functions: each is told what the one before has returned.
err *data_resolve_function(struct gql_call *call, struct json **out) YIELDS;
// Rules of an operation outside of models; without any, the field's own directives have decided.
[[nodiscard]] err *data_check_operation(const struct gql_call *call);

// ---- the Lambda authoriser (data_authoriser.c) --------------------------------------------------
// Asks the service's authoriser, unless its answer is known: ERR_UNAUTHORIZED when it does not let
// the caller in, in whatever way.
[[nodiscard]] err *data_ask_authoriser(struct data_hub *hub, struct arena *arena,
    const struct data_service *service, const struct data_credentials *credentials,
    struct data_caller *out) YIELDS;
// Whether the authoriser has denied the caller this field.
bool data_is_denied(const struct data_request *request, const struct gql_type *parent, str field);
// The answers of authorisers, with their lock: made and freed with the hub.
void data_verdicts_open(struct data_hub *hub);
void data_verdicts_close(struct data_hub *hub);
// Forgets them. Any thread.
void data_verdicts_forget(struct data_hub *hub);

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

// ---- authorisation -----------------------------------------------------------------------------
// A role the caller has; `when`: only for items that meet it. NULL: for every one.
struct data_grant {
    const struct data_role *role;
    const struct store_pred *when;
};

// The caller's roles among those that may do one of `ops` (enum data_op bits) with some field.
// `reading`: with what the templates for reading ask of the token. Returns how many.
size_t data_grants(struct arena *arena, struct data_request *request,
    const struct data_model *model, unsigned ops, bool reading, struct data_grant **out);
// What is written into an owner's field that is left out; NULL: the token lacks a claim.
const struct json *data_owner_value(
    struct arena *arena, const struct data_role *role, const struct data_caller *caller);
// Whether rules do not apply: a model without any in sandbox mode, principals of AWS.
bool data_is_unlimited(const struct data_request *request, const struct data_model *model);
// Decides DELETE, or READ through a relation (whoever may read in some way may in this one), for
// the caller. A static rule lets through with *filter NULL; dynamic rules give the predicate items
// must meet; nothing at all fails with Unauthorized.
[[nodiscard]] err *data_authorise(const struct gql_call *call, const struct data_model *model,
    enum data_op op, const struct store_pred **filter);

struct data_keys { // that a query goes by
    str partition;
    str sort; // none: there is no sort key
    bool is_index;
};

// Whether the field is one of the keys.
bool data_keys_have(const struct data_keys *keys, str field);
// The same for GET and LIST, which go by keys: where a rule's field is among them, the arguments
// decide. *sort: the value that the sort key must have besides; else NULL.
[[nodiscard]] err *data_authorise_keys(struct gql_call *call, const struct data_model *model,
    enum data_op op, const struct data_keys *keys, const struct store_pred **filter,
    const struct json **sort);
// For fields that somebody who may get the model may not read; asks of call->source what rules ask.
bool data_may_read_field(const struct gql_call *call, const struct data_model *model, size_t field);
// For operations outside of models.
bool data_may_call(const struct data_request *request, const struct data_role *roles, size_t count);
// Decides a creation, for the fields that the input has or that get defaults; writes the caller
// into owner fields that are left out of `item`.
[[nodiscard]] err *data_authorise_create(const struct gql_call *call,
    const struct data_model *model, const struct json *input, struct json *item);

struct data_update { // an update that is to be decided
    const struct data_model *model;
    const struct json *input;
    const struct json *written; // what goes to the table, composite keys too
    struct data_grant *grants;
    size_t grant_count;
};

// Decides an update as far as the caller's static roles and the input say; *guard is what the
// stored item must meet besides.
[[nodiscard]] err *data_authorise_update(
    const struct gql_call *call, struct data_update *update, const struct store_pred **guard);
// What to answer when the stored item (NULL: there is none) does not meet the guard.
[[nodiscard]] err *data_refuse_update(
    const struct gql_call *call, const struct data_update *update, const struct json *stored);
struct data_subscribe;
// Decides a subscription to the model's events.
[[nodiscard]] err *data_authorise_listen(
    const struct gql_call *call, const struct data_model *model, struct data_subscribe *out);

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
// An owner's field.
err *data_resolve_owner(struct gql_call *call, struct json **out);
// An operation without any handler: ERR_UNSUPPORTED says so.
err *data_resolve_unserved(struct gql_call *call, struct json **out);
// An operation with handlers in JavaScript; of a subscription they run when it starts.
err *data_resolve_custom(struct gql_call *call, struct json **out) YIELDS;
// Copies what the options say of such operations into the service, which has its models.
void data_custom_keep(struct data_service *service, const struct data_service_options *options);
// Keys of a model's table, or of an index of it: partition and sort.
void data_table_keys(
    const struct data_model *model, const struct data_index *index, struct store_key_def out[2]);
// The model whose table has that name ("Post-<api>-NONE"), or the name itself.
str data_table_model(str table, str api_id);

struct data_segment { // of a scan in parallel parts
    str partition;
    u64 total;
    u64 number;
};

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
    struct data_conn *judging; // next one whose callers are looked at again
    bool is_judging;
    u64 serial; // of the latest subscription
    bool keeping_alive;
    bool draining;
};

struct data_hub {
    struct data_loop *loops;
    size_t count;
    struct auth_hub *auth;      // NULL: no tokens of user pools are let in
    struct iam *iam;            // NULL: no signatures
    struct func_hub *functions; // NULL: none are run
    struct script_hub *scripts; // NULL: none are run
    atomic_size_t subscriptions;
    pthread_mutex_t verdict_lock;
    struct map *verdicts; // the Lambda authoriser's answers, by token; under the lock
};

// Rises whenever a caller who was let in may have fewer rights.
u64 data_hub_generation(const struct data_hub *hub);
// The calling thread's part of the hub.
struct data_loop *data_hub_here(struct data_hub *hub);
// Takes a reference for the caller, who releases it. NULL gives NULL.
struct data_service *data_service_hold(struct data_service *service);

struct data_credentials { // of a request or of a realtime message
    str api_key;
    str authorization;
    const struct iam_request *signed_request; // what a signature covers
    // What a Lambda authoriser is told of the request; none and NULL where it is not known.
    str request_id;
    str query;
    str operation_name;
    const struct json *variables;
    const struct json *headers; // names in lower case
};

// Recognises the caller, in `arena`. Fails with AppSync's texts: ERR_UNAUTHORIZED is a 401, what
// iam refuses a 403.
[[nodiscard]] err *data_identify(struct data_hub *hub, struct arena *arena,
    const struct data_service *service, const struct data_credentials *credentials,
    struct data_caller *out) YIELDS;
// Status of an answer to a caller who was refused with `e`.
int data_refusal_status(const err *e);
// Deep: for one that outlives its request.
struct data_caller data_caller_copy(struct arena *arena, const struct data_caller *caller);
// POST /graphql; route_arg is the hub.
err *data_http_graphql(struct http_req *req) YIELDS;
// GET /graphql/realtime, for the life of its socket; route_arg is the hub.
err *data_http_realtime(struct http_req *req) YIELDS;

// ---- realtime ------------------------------------------------------------------------------
// What a subscription's resolver leaves for the realtime service.
struct data_subscribe {
    const struct json *args;       // coerced, of the subscription field
    const struct store_pred *rule; // of dynamic authorisation rules; NULL: none
    bool compares; // arguments with the payload's fields: not where a filter is in force
    const struct store_pred *invalidation; // payloads that end it; NULL: none
};

// onXxx: checks the caller and leaves the arguments in request->subscribe.
err *data_resolve_subscribe(struct gql_call *call, struct json **out);

struct subscription_options {
    struct data_conn *conn;
    struct ws *ws;
    str id;
    str query;
    str operation_name;
    const struct json *variables; // as sent; NULL: none
    struct data_caller caller;
    u64 generation;                // data_hub_generation, read before the caller was recognised
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
// Sends {"id","type":"complete"}: the server has ended the subscription.
void data_conn_complete(struct data_conn *conn, struct arena *arena, str id);
// gql_exec.wants_payload: whether anybody may be subscribed to what the mutation feeds.
bool data_wants_payload(void *request, const struct gql_field_def *field);
// gql_exec.publish: hands the payload to every loop's dispatcher. Does not wait.
void data_publish(void *request, const struct gql_field_def *field, const struct json *payload);
// Ends the subscriptions to that field whose invalidation filter the payload meets, on every loop.
void data_invalidate(const struct data_request *request, str field, const struct json *payload);
// Moves the loop's subscriptions to its new service; starts a fiber for it.
void data_realtime_rebind(struct data_loop *here);
// Looks at the callers of the loop's subscriptions again, in a fiber: those who have signed out
// lose theirs, those whose groups have become fewer keep what they still may have.
void data_realtime_judge(struct data_loop *here);
