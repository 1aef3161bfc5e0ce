// The data service: one app's GraphQL API over the store, with realtime, as AppSync serves it.
#pragma once

#include "auth/auth.h"
#include "auth/oidc.h"
#include "data/data_model.h"
#include "func/func.h"
#include "http/http.h"
#include "iam/iam.h"
#include "store/store.h"

// A deployed API: schema, resolvers, keys. Immutable and reference counted; replaced whole when
// the definitions change.
struct data_service;

struct data_handler { // what the schema calls a function
    str name;
    str key; // of the function
};

struct data_service_options {
    str sdl; // what the definitions' transform() gave
    struct data_modes modes;
    struct store *store;
    str api_key; // accepted in x-api-key; none: API-key mode refuses
    str api_arn; // "arn:aws:appsync:REGION:ACCOUNT:apis/ID": what IAM policies speak of
    const struct auth_oidc_options *oidc; // the external issuer; NULL: none
    // "Type.field" of the operations with a handler of the app's own code: refused until such code
    // is run.
    const str *handled;
    size_t handled_count;
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
// Who proves callers, of user-pool tokens and of signatures, and who runs functions. Before the
// routes are in use; all live as long as the hub. NULL: callers of that kind are refused, functions
// not run.
void data_hub_connect(
    struct data_hub *hub, struct auth_hub *auth, struct iam *iam, struct func_hub *functions);
// Sign-ins have ended or groups have changed: subscriptions of users are judged anew. Any thread.
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
