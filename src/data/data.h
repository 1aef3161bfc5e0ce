// The data service: one app's GraphQL API over the store, with realtime, as AppSync serves it.
#pragma once

#include "auth/auth.h"
#include "data/data_model.h"
#include "func/func.h"
#include "http/http.h"
#include "iam/iam.h"
#include "oidc/oidc.h"
#include "script/script.h"
#include "store/store.h"

// A deployed API: schema, resolvers, keys. Immutable and reference counted; replaced whole when
// the definitions change.
struct data_service;

struct data_handler { // what the schema calls a function
    str name;
    str key; // of the function
};

enum data_source_kind {
    DATA_SOURCE_NONE,
    DATA_SOURCE_TABLE,
    DATA_SOURCE_FUNCTION,
    DATA_SOURCE_HTTP,
    DATA_SOURCE_UNSUPPORTED
};

struct data_source_options { // beside NONE_DS and the models' own "<Model>Table"
    str name;
    enum data_source_kind kind;
    str target; // a model, the key of a function, an endpoint; or what is not supported, in words
};

struct data_resolver_step { // a JavaScript handler
    str source;             // name of its data source
    str file;               // of the bundled module
    str hash;               // of its content
    str problem;            // why it cannot be run; none: it can
};

struct data_resolver { // of an operation: its handlers, one after the other
    str field;         // "Query.hello"
    const struct data_resolver_step *steps;
    size_t step_count;
};

struct data_service_options {
    str sdl; // what the definitions' transform() gave
    struct data_modes modes;
    struct store *store;
    str api_key; // accepted in x-api-key; none: API-key mode refuses
    str api_arn; // "arn:aws:appsync:REGION:ACCOUNT:apis/ID": what IAM policies speak of
    const struct oidc_options *oidc; // the external issuer; NULL: none
    // Operations with handlers in the app's own JavaScript, and what these ask.
    const struct data_resolver *resolvers;
    size_t resolver_count;
    const struct data_source_options *sources;
    size_t source_count;
    str api_id;                          // as handlers know it
    str environment;                     // JSON object: ctx.env; none: empty
    const struct data_handler *handlers; // names of @function(name:)
    size_t handler_count;
    str authoriser;       // key of the function that lets callers in; none: no such mode
    u64 authoriser_ttl_s; // how long its answers are kept, unless they say so themselves
    // The API's own queryDepthLimit and resolverCountLimit; 0: the engine's.
    u32 depth_max;
    u32 resolvers_max;
    bool no_introspection; // introspectionConfig DISABLED
};

// Builds the service (own memory). Fails with the official tools' texts for a bad schema, located
// in `arena`.
[[nodiscard]] err *data_service_new(
    struct arena *arena, const struct data_service_options *options, struct data_service **out);
// Any thread. NULL is allowed.
void data_service_release(struct data_service *service);
// What the SDL says, as long as the service.
const struct data_api *data_service_api(const struct data_service *service);
// Table definitions of all models, for store_apply; in `arena`.
const struct store_table_def *data_service_tables(
    struct arena *arena, const struct data_service *service, size_t *count);
// Makes tables and indexes, keeping data. See store_apply.
[[nodiscard]] err *data_service_apply(
    struct data_service *service, struct arena *arena, bool allow_data_loss) YIELDS;

// Where requests meet the service: per-loop plan caches and subscriptions.
struct data_hub;
// `loops` are all loops of the process, in order of their index.
struct data_hub *data_hub_new(struct loop **loops, size_t count);

struct data_neighbours {        // all live as long as the hub
    struct auth_hub *auth;      // proves tokens of user pools; NULL: they are refused
    struct iam *iam;            // proves signatures; likewise
    struct func_hub *functions; // NULL: none are run
    struct script_hub *scripts; // evaluates JavaScript handlers; NULL: none are run
};

// Before the routes are in use.
void data_hub_connect(struct data_hub *hub, const struct data_neighbours *neighbours);
// Sign-ins or credentials have ended, groups or roles have changed: subscriptions of users and of
// those who sign are judged anew. Any thread.
void data_hub_recheck(struct data_hub *hub);
// After all loops have ended, before they are freed. NULL is allowed.
void data_hub_free(struct data_hub *hub);
// Takes over a reference; requests in flight end on the service they began with, subscriptions move
// to the new one (those that are not valid any more get an error). NULL: there is no data API any
// more. Any thread; in force on each loop once it has run what was posted.
void data_hub_set_service(struct data_hub *hub, struct data_service *service);
// Tells the realtime sockets of all loops to close (code 1001); for an orderly end. Any thread.
void data_hub_drain(struct data_hub *hub);
// Adds /graphql and /graphql/realtime.
void data_hub_mount(struct data_hub *hub, struct http_router *router);
// Active subscriptions of all loops. Any thread.
size_t data_hub_subscriptions(const struct data_hub *hub);

// `ampd schema`: what a schema becomes, without serving it.
enum data_schema_form { DATA_FORM_SDL, DATA_FORM_MODEL_INTROSPECTION };

// Writes what `form` says of the SDL to `out`. `modes` as data_modes_parse takes them. Fails as
// data_service_new does, and with ERR_TOO_LARGE when `out` cannot hold it.
[[nodiscard]] err *data_schema_convert(
    struct arena *arena, str sdl, str modes, enum data_schema_form form, struct buf *out);

// What a role of the identity pool may call ("appsync:GraphQL"), as the official transformer's
// policies list it: one field, or all of a type.
struct data_resource {
    str type;
    str field; // none: all of them
};

// The resources of the role of users who have signed in, or of guests, in `arena`; none when no
// rule of the API names the identity pool for them.
size_t data_policy_resources(struct arena *arena, const struct data_api *api, bool signed_in,
    const struct data_resource **out);
