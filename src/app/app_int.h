// Shared inside the folder.
#pragma once

#include "app/app.h"
#include "auth/auth.h"
#include "crypto/ca.h"
#include "data/data.h"
#include "func/func.h"
#include "http/http.h"
#include "iam/iam.h"
#include "object/object.h"
#include "project/project.h"
#include "script/script.h"
#include "store/store.h"
#include "vault/vault.h"

#include <pthread.h>
#include <stdatomic.h>

enum { APP_LOOPS_MAX = 64, APP_PORT = 4443, APP_PORTS_TRIED = 200 };

struct app_event { // what the main fiber waits for

    enum { APP_LOADER, APP_LOADER_ENDED, APP_SIGNAL, APP_SECRETS } kind;
    struct arena *arena; // owns `json`; NULL: it has none
    struct json *json;
    void *change; // of secrets: app_change_done tells who waits for it; NULL: nobody
};

struct app_loop {
    struct app *app;
    struct loop *loop;
    pthread_t thread;
    struct net_listener *listeners[2];
    size_t listener_count;
};

struct app {
    const struct app_options *options;
    struct arena *arena; // as long as the app
    const char *data_dir;
    const char *outputs_path;
    const char *manifest_path;
    const char *loader_path; // js/define/main.mjs; NULL with a compiled manifest
    const char *ca_pem;
    int lock_fd;
    struct project_ids ids;
    struct store *store;
    struct iam *iam;
    struct vault *vault;
    struct app_logs *logs; // how functions' logs are shown
    str admin_secret;      // from before the first request on
    bool admin_is_open;    // admin.json is there
    struct data_hub *hub;
    struct auth_hub *auth;
    struct outbox *outbox; // of auth's messages
    struct blob_store *blobs;
    struct object_hub *objects;
    struct func_hub *functions;
    struct event_queue *queue; // of calls of functions
    struct script_hub *scripts;
    str delivery; // what of messages leaves the machine, in words; none: nothing
    struct http_router *router;
    struct http_server server;
    struct net_tls *tls;
    struct app_loop loops[APP_LOOPS_MAX];
    size_t loop_count;
    const char *hosts[2];
    size_t host_count;
    bool says_localhost; // the URLs do, not the address
    u16 port;
    str base_url;
    str authority;
    struct chan *events;
    struct project_loader *loader;
    bool loader_works;        // it has told of an outcome
    unsigned loader_restarts; // after it ended by itself
    struct fiber *renewer;    // of the certificate; NULL once it has ended
    struct cond renewer_gone;
    uv_signal_t signals[3];
    unsigned signal_count;
    size_t connection_count; // at the end, gathered loop by loop
    bool announced;          // the block of URLs was printed
    err *result;

    pthread_mutex_t status_lock; // those below, read by handlers of any loop
    u64 ready_ms;                // from the start of the process; 0: not yet
    char *problem;               // of the last evaluation, heap; NULL: it went well
    char *introspection;         // of the data API, for functions; heap; NULL: there is none
};

// ---- storage.c: buckets ------------------------------------------------------------------------
// Opens the folder of blobs and the tables of objects, and mounts S3's host names.
[[nodiscard]] err *app_open_objects(struct app *app) YIELDS;
// The manifest's buckets; NULL when it has none.
struct object_service *app_make_buckets(
    struct app *app, struct arena *arena, const struct project_manifest *manifest);
// S3 by path on the server's own name, and what nobody else serves: the last route.
void app_mount_rest(struct app *app);

// ---- listen.c: ports and listeners --------------------------------------------------------------
// Chooses hosts and port, sets base_url and authority, and listens on every loop. ERR_CONFLICT when
// the port that was asked for is taken, ERR_CONFIG when the host is no address of this machine.
[[nodiscard]] err *app_listen(struct app *app) YIELDS;
// Stops accepting, lets requests in flight go on for up to ten seconds, then cuts what is left.
void app_stop_listening(struct app *app) YIELDS;
// Runs fn(loop) on each loop's thread, one after the other; returns when all have.
void app_on_each_loop(struct app *app, void (*fn)(struct app_loop *loop)) YIELDS;

// ---- backend.c: from definitions to a served backend -------------------------------------------
// Serves what the manifest says. Fails before anything has changed for a manifest that cannot be
// served; for outputs that cannot be written the new backend is in force all the same.
[[nodiscard]] err *app_apply_manifest(
    struct app *app, struct arena *arena, const char *path) YIELDS;

// ---- roles.c -----------------------------------------------------------------------------------
struct app_parts { // of a backend that is not in force yet
    const struct project_manifest *manifest;
    const struct data_service *data; // NULL: no data API
    const struct auth_service *auth; // NULL: no auth
    const struct project_secrets *secrets;
};

// The roles of the backend and their policies, in `arena`. Does not wait. ERR_CONFIG for a
// statement that must be honoured and cannot.
[[nodiscard]] err *app_make_roles(
    struct app *app, struct arena *arena, const struct app_parts *parts, struct project_roles *out);
// Puts them in force: what credentials may do changes with the next request.
[[nodiscard]] err *app_set_roles(
    struct app *app, struct arena *arena, const struct project_roles *roles);

// ---- functions.c -------------------------------------------------------------------------------
// Opens the hub of functions with its queue of events and adds Lambda's API.
[[nodiscard]] err *app_open_functions(struct app *app) YIELDS;
// The manifest's functions; NULL when it has none.
struct func_service *app_make_functions(
    struct app *app, struct arena *arena, const struct app_parts *parts);
// sources.c: the tables whose changes a function is called with; what becomes of its events.
void app_read_sources(
    struct app *app, struct arena *arena, const struct json *entry, struct func_options *out);
void app_read_async(struct arena *arena, const struct json *entry, struct func_options *out);
void app_read_schedules(
    struct arena *arena, const struct json *functions, struct func_service_options *out);
// A file of js/runtime: in the source tree, or where it was installed.
const char *app_find_runtime(struct arena *arena, const char *name);
// Ends all processes of functions and resolvers, on every loop.
void app_stop_functions(struct app *app) YIELDS;

// ---- resolvers.c -------------------------------------------------------------------------------
// Opens the hub of JavaScript resolvers.
void app_open_scripts(struct app *app);
// What the manifest says of JavaScript resolvers and their data sources, into the options of its
// data service.
void app_read_resolvers(struct app *app, struct arena *arena, const struct app_parts *parts,
    struct data_service_options *out);

// ---- introspection.c ----------------------------------------------------------------------------
// Adds the places of modelIntrospectionSchema.json in the bucket of that name. First of all: below
// S3's host names every other path is a key's.
void app_mount_introspection(struct app *app);
// The text there from now on; none: there is no data API.
void app_set_introspection(struct app *app, str text);

// ---- query.c -----------------------------------------------------------------------------------
// True for a form, as clients of STS, SES and others of the query protocol send it.
bool app_is_query(const struct http_req *req);
// Answers it, in XML: who the caller is, or that the operation is not served.
[[nodiscard]] err *app_query_http(struct app *app, struct http_req *req) YIELDS;

// ---- routes.c ----------------------------------------------------------------------------------
// Adds all routes, the services' own and those of what is not served yet.
void app_mount(struct app *app);
// What /_ampd/health tells as `problem` (cut to 16 KiB); none: the last evaluation went well.
void app_set_problem(struct app *app, str problem);

// ---- folder.c ----------------------------------------------------------------------------------
// The store of a data folder. Blocks. ERR_CONFLICT while another process has it.
[[nodiscard]] err *app_open_store(
    struct arena *arena, const char *data_dir, unsigned loop_count, struct store **out);
// The key that seals secrets at rest: AMPD_INSTANCE_KEY of the environment, else the file
// instance.key, which is made when there is none. Blocks.
[[nodiscard]] err *app_instance_key(
    struct arena *arena, const char *data_dir, struct crypto_key *out);
[[nodiscard]] err *app_open_iam(
    struct arena *arena, const char *data_dir, struct store *store, struct iam **out) YIELDS;

// ---- upstream.c --------------------------------------------------------------------------------
// The blobs of a data folder: files, and the bucket that AMPD_BLOB_URL names. Blocks.
[[nodiscard]] err *app_open_blobs(
    struct arena *arena, const char *data_dir, struct blob_store **out);
// How old a blob of that bucket has to be to be removed when nobody names it.
u64 app_blob_age_ms(void);

// ---- delivery.c --------------------------------------------------------------------------------
// NAME of the environment, or the first line of the file that NAME_FILE names. None when neither is
// set. Blocks.
[[nodiscard]] err *app_read_secret(struct arena *arena, const char *name, str *out);
// How messages leave the machine, as AMPD_SMTP_URL and its like say. *any: whether they do. Blocks.
[[nodiscard]] err *app_read_delivery(
    struct arena *arena, struct outbox_delivery_options *out, bool *any);
// The same in words, without secrets.
str app_delivery_text(struct arena *arena, const struct outbox_delivery_options *options);

// ---- admin.c -----------------------------------------------------------------------------------
struct app_admin { // what the calls work on
    struct iam *iam;
    struct vault *vault;
    struct outbox *outbox;      // NULL: no ampd serves the folder
    struct func_hub *functions; // likewise
    struct event_queue *queue;  // likewise
    str url;                    // where it serves; or none
};

// Adds the calls of the commands, for whoever knows the secret of admin.json.
void app_admin_mount(struct app *app);
// Writes admin.json: address and secret for the commands of whoever may read the data folder.
[[nodiscard]] err *app_admin_open(struct app *app);
// Takes admin.json away: nobody serves the folder any more.
void app_admin_close(struct app *app);

// ---- logs.c ------------------------------------------------------------------------------------
// Reads the options about functions' logs. ERR_INVALID for what is no filter, ERR_IO.
[[nodiscard]] err *app_open_logs(struct app *app);
void app_close_logs(struct app *app);
// Shows a line, if it is wanted; arg is the app. On a thread of the worker pool.
void app_say_function(void *arg, const struct func_log_line *line);
// Shows a line of a JavaScript resolver. Any loop's thread.
void app_say_script(str name, str line);

// ---- secrets.c ---------------------------------------------------------------------------------
// Opens the vault of a data folder; fills the rest of the options in.
[[nodiscard]] err *app_open_vault(struct arena *arena, const char *data_dir,
    struct vault_options *options, struct vault **out) YIELDS;
// The served app's, whose changes apply the definitions anew.
[[nodiscard]] err *app_serve_vault(struct app *app) YIELDS;
// The change has been applied, or cannot be any more: whoever waits for it goes on.
void app_change_done(void *change);
// The values of all secrets that a manifest names; those that are not set have none.
[[nodiscard]] err *app_read_secrets(struct app *app, struct arena *arena,
    const struct json *manifest, struct project_secrets *out) YIELDS;
// A warning for each that is not set, with the functions that wait for it.
void app_say_missing_secrets(struct app *app, struct arena *arena, const struct json *manifest,
    const struct project_secrets *secrets);
// Calls of the commands: name and value; name; nothing; a name or, for all, none.
[[nodiscard]] err *app_admin_secret_set(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;
[[nodiscard]] err *app_admin_secret_get(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;
[[nodiscard]] err *app_admin_secret_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;
[[nodiscard]] err *app_admin_secret_remove(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

// ---- report.c: what a person sees --------------------------------------------------------------
// One line on stdout, at once.
void app_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
// A message that went to the outbox, on one line.
void app_say_message(const struct outbox_message *message);
// The error and what to do about it, on stdout: it belongs to the story told there.
void app_say_error(const err *e);
// Something that is not as it should be, and what to do about it.
void app_say_warning(str text, str hint);
// The errors of an event of the loader, each with file, line and hint.
void app_say_problems(const struct json *event);
// The warnings of an event of the loader, likewise.
void app_say_warnings(const struct json *event);
// The errors of the project's own type check, which stop nothing; none: they are gone.
void app_say_types(const struct json *event);
// What of the project is not served, and the first time the block of URLs.
void app_announce(struct app *app, const struct project_manifest *manifest) YIELDS;
// The loader's errors as one text.
str app_problem_text(struct arena *arena, const struct json *event);
