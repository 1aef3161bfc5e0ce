// One Amplify project as ampd sees it: the manifest of its amplify/ folder, the ids it was given on
// this machine, and the amplify_outputs.json its clients are configured with. The blocking
// functions here are for start-up and the worker pool; only the loader waits as a fiber.
#pragma once

#include "auth/auth.h"
#include "data/data.h"
#include "fiber/fiber.h"
#include "iam/iam.h"
#include "oidc/oidc.h"
#include "vault/vault.h"

// ---- ids -----------------------------------------------------------------------------------
// Made once at random and kept in the data folder, since clients remember them: signed-in users and
// guest identities are filed under them.
struct project_ids {
    str region; // "us-east-1"
    str account;
    str api_id;
    str api_key; // "da2-" and 26 letters and digits; a secret
    str user_pool_id;
    str user_pool_client_id;
    str identity_pool_id;
};

// Reads `<data_dir>/ids.json`, making it (mode 0600) when there is none. Blocks. Fails for I/O
// errors and with ERR_CONFIG when the file is damaged.
[[nodiscard]] err *project_ids_load(
    struct arena *arena, const char *data_dir, struct project_ids *out);

// ---- manifest ------------------------------------------------------------------------------
// What js/define wrote (docs/manifest.md), with the parts that are needed here taken out.
struct project_manifest {
    const struct json *root;
    str text; // as read
    str name; // of the project
    bool has_data;
    str sdl;
    struct data_modes modes;
    bool has_oidc; // an external issuer's tokens are let in
    struct oidc_options oidc;
    const struct data_handler *handlers; // functions by what the schema calls them
    size_t handler_count;
    str authoriser; // key of the function that lets callers in; or none
    u64 authoriser_ttl_s;
    u32 depth_max; // of the API's overrides; 0: none
    u32 resolvers_max;
    bool no_introspection;
};

// Reads and checks a manifest. Blocks. ERR_CONFIG names what is wrong with it.
[[nodiscard]] err *project_manifest_read(
    struct arena *arena, const char *path, struct project_manifest *out);
// Sentences about the parts of the project that this version does not serve; in `arena`.
size_t project_manifest_unserved(
    struct arena *arena, const struct project_manifest *manifest, const str **out);

// Remembers beside the manifest what it was made of (`program`: the loader's main file). Blocks.
[[nodiscard]] err *project_stamp_write(struct arena *arena, const char *manifest_path,
    const char *program, const struct project_manifest *manifest);
// True while none of that has changed, so that the manifest can be served at once. Blocks.
bool project_stamp_holds(struct arena *arena, const char *manifest_path, const char *program);

// ---- names and tokens ----------------------------------------------------------------------
// Names of resources, by what the definitions call them. All in `arena`.
str project_bucket_name(struct arena *arena, str storage);
// The bucket that holds modelIntrospectionSchema.json, for functions.
str project_introspection_bucket(void);
// Of all tables' streams: the last part of their ARNs.
str project_stream_label(void);
// The table of a model.
str project_table_name(struct arena *arena, const struct project_ids *ids, str model);
// A function's name as Lambda shows it; `key` is the manifest's.
str project_function_name(struct arena *arena, str key);
// The role a function runs in.
str project_function_role(struct arena *arena, str key);
// "arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE".
str project_arn(
    struct arena *arena, const struct project_ids *ids, const char *service, str resource);

struct project_secret {
    str name;
    str value; // none: it is not set
};

struct project_secrets {
    const struct project_secret *items;
    size_t count;
};

struct project_tokens { // what they stand for
    const struct project_ids *ids;
    const struct auth_service *auth;       // NULL: names of roles stay unknown
    str base_url;                          // "http://localhost:4443"
    str authority;                         // "localhost:4443"
    const struct project_secrets *secrets; // NULL: they stay as they are
    str sender_key; // ARN of ampd's own key: for senders that name none, for keys of the CDK
};

// The text with its ${amplify:...} tokens replaced. One that stands for nothing here stays, and
// *unknown becomes true.
str project_resolve(
    struct arena *arena, const struct project_tokens *tokens, str text, bool *unknown);
// Takes the text up to the end of its next ${amplify:secret:NAME} off *rest; false without one.
bool project_next_secret(str *rest, str *name);
// The name of the first secret in the text that is not set, none when there is no such.
str project_missing_secret(const struct project_tokens *tokens, str text);
// A copy of the value with every text resolved.
struct json *project_resolve_all(struct arena *arena, const struct project_tokens *tokens,
    const struct json *value, bool *unknown);

// ---- roles ---------------------------------------------------------------------------------
struct project_roles {
    const struct iam_role *items;
    size_t count;
    const str *warnings; // sentences: statements that were left out
    size_t warning_count;
};

// The roles of the identity pool (when the project has auth) and of each function, with the
// policies that Amplify's constructs give them and those that the definitions add. `api` is NULL
// without a data API. Every policy is one that iam_set_roles takes. ERR_CONFIG names a Deny that
// cannot be honoured. Does not wait.
[[nodiscard]] err *project_roles_make(struct arena *arena, const struct json *manifest,
    const struct project_tokens *tokens, const struct data_api *api, struct project_roles *out);

// ---- outputs -------------------------------------------------------------------------------
struct project_outputs_options {
    const struct project_manifest *manifest;
    const struct project_ids *ids;
    const struct auth_service *auth;        // NULL: names of roles stay tokens
    const struct json *model_introspection; // NULL when there is no data API
    str base_url;                           // "http://localhost:4443"
    str authority;                          // "localhost:4443"
};

// The text of amplify_outputs.json: the sections of version 1.5 beside the resource configuration
// that the JavaScript client takes as it is (its own endpoints are honoured only there).
str project_outputs_text(struct arena *arena, const struct project_outputs_options *options);
// Writes `text` to `path` atomically, unless that is what it holds already. Blocks.
[[nodiscard]] err *project_outputs_write(
    struct arena *arena, const char *path, str text, bool *changed);

// ---- loader --------------------------------------------------------------------------------
// The Node program that turns an amplify/ folder into a manifest. With `watch` it stays and tells
// of every change.
struct project_loader;

struct project_loader_options {
    const char *program; // path of js/define/main.mjs
    const char *project; // folder
    const char *manifest;
    const char *identifier; // NULL: none
    bool watch;
};

// Starts it on the current loop. ERR_CONFIG when Node cannot be started.
[[nodiscard]] err *project_loader_start(struct arena *arena,
    const struct project_loader_options *options, struct project_loader **out) YIELDS;
// Next event, a JSON object ("event" names its kind: manifest, error, change), in `arena`. NULL
// once the loader has ended. What is no event on its output is passed on to stderr.
[[nodiscard]] err *project_loader_next(
    struct project_loader *loader, struct arena *arena, struct json **event) YIELDS;
// After its end: its exit status, or 128 and the signal's number.
int project_loader_exit_code(const struct project_loader *loader);
// Ends it (closing its input, and SIGTERM), waits for its end, and frees it.
void project_loader_free(struct project_loader *loader) YIELDS;
