// Lambda functions: the project's handlers as child processes that speak the Lambda Runtime API,
// one invocation at a time each, kept warm. Functions are invoked by other services through
// func_invoke, and from outside through Lambda's own API.
#pragma once

#include "func_log/func_log.h"
#include "http/http.h"
#include "iam/iam.h"

// The functions as defined: immutable, reference counted, replaced whole on reload.
struct func_service;

enum {
    FUNC_PAYLOAD_MAX = 6291556, // bytes, AWS's limit of answers
    FUNC_REQUEST_MAX = 6291456, // and of what is asked
};

struct func_variable {
    str name;
    str value;
};

struct func_async { // what becomes of events
    i64 retries;    // after errors of the function
    u32 max_age_s;  // of an event that could not be delivered
    str on_success; // key of the function that is told; or none
    str on_failure;
};

struct func_source { // a table whose changes the function is called with
    str id;          // among all: what is remembered of it goes by this
    str table;       // as the store calls it
    str arn;         // of the table's stream
    bool from_start;
    u32 batch_size;
    u32 window_ms; // to wait for a batch to become full
    i64 retries;   // of a batch that fails; below 0: until its records are too old
    u32 max_age_s; // of a record
    bool bisect;
    bool reports_failures;
    const struct json *filters; // event patterns, of which one must match; NULL: none
};

struct func_url {   // its own URL, without a signature or with one
    bool is_public; // authType NONE
    bool is_stream; // invokeMode RESPONSE_STREAM
    bool has_cors;  // the platform answers for the function:
    const str *origins;
    size_t origin_count;
    str methods; // joined, as the header has them
    str headers;
    str exposed;
    bool credentials;
    u32 max_age_s;
};

struct func_options {
    str key;  // as the manifest calls it
    str name; // as Lambda does
    str arn;
    str role;    // of the function's credentials
    str runtime; // as Lambda calls it: nodejs22.x, python3.12, provided.al2023
    str handler; // "module.function"
    str program; // path of the bundled module of a handler for Node.js; or none
    str code;    // else the folder of the program; neither: `problem` says why
    str hash;    // of what lies in the folder
    str problem;
    u32 storage_mb; // what it may write to /tmp
    u32 warm;       // processes that are kept ready (provisioned concurrency)
    u32 timeout_ms;
    u32 memory_mb;
    const struct func_async *async; // NULL: two retries, six hours
    const struct func_url *url;     // NULL: it has none
    bool json_logs;
    str log_level; // or none
    u64 log_days;  // for which its log is kept; 0: as long as there is room
    const struct func_variable *environment;
    size_t environment_count;
    const struct func_source *sources;
    size_t source_count;
};

struct func_schedule_options {
    str function; // key
    str cron;     // EventBridge's six fields
    str timezone; // IANA's name
};

struct func_service_options {
    const struct func_options *functions;
    size_t count;
    const struct func_schedule_options *schedules;
    size_t schedule_count;
    str region;
    str account;
    str endpoint; // "http://127.0.0.1:4443": where the SDKs of functions find this server
};

// Copies all (own memory). Functions whose options and program are as before keep their processes.
struct func_service *func_service_new(const struct func_service_options *options);
// Any thread. NULL is allowed.
void func_service_release(struct func_service *service);

struct func_hub; // one per process
// `loops` are all loops of the process, in order of their index.
struct func_hub *func_hub_new(struct loop **loops, size_t count);
void func_hub_free(struct func_hub *hub); // after all loops have ended; NULL is allowed

struct func_hub_options {
    struct iam *iam;
    const char *runtimes;  // js/runtime: bootstrap.mjs and its like
    const char *hidden[2]; // folders that no function may see, or NULL: data and keys
    const char *logs;      // folder that logs are kept in; NULL: they are not
    // Told of the lines of logs, as func_log_options says.
    void (*log)(void *arg, const struct func_log_line *line);
    void *log_arg;
};

// What calls need; before the first one, on the first loop. The texts are borrowed for the hub's
// life. Finds out how processes can be isolated here, which is logged.
void func_hub_open(struct func_hub *hub, const struct func_hub_options *options) YIELDS;
// How processes are isolated here, in words; in `arena`.
str func_hub_isolation(const struct func_hub *hub, struct arena *arena);
// The same where no hub is: tries it. Blocks for some milliseconds.
str func_isolation_here(struct arena *arena);
// Takes over a reference; processes of functions that changed end when they are idle. NULL: there
// are none any more. Any thread.
void func_hub_set_service(struct func_hub *hub, struct func_service *service);
// Ends all processes of this loop and refuses new calls; for an orderly end, on each loop.
void func_hub_stop(struct func_hub *hub) YIELDS;
// Waits until the logs are written; on the first loop.
void func_hub_flush(struct func_hub *hub) YIELDS;
// The definitions in force on the calling loop (func_service.h); NULL: none. Borrowed: who waits
// holds them.
struct func_service *func_hub_service(struct func_hub *hub);
// Whether func_hub_stop has been called on the calling loop.
bool func_hub_is_stopping(struct func_hub *hub);
// Who knows the callers of functions.
struct iam *func_hub_iam(const struct func_hub *hub);

struct func_call {
    str key;              // of the function; or its name or ARN
    str payload;          // JSON
    str client_context;   // JSON, or none
    str cognito_identity; // JSON, or none
    bool wants_log;       // the end of what it wrote
    str request_id;       // none: a new one
    str trace;            // of the trace header; none: a new one
};

struct func_result {
    str payload; // what the handler returned, or {errorType, errorMessage, trace}
    bool failed; // the function's fault; `payload` tells
    str error_type;
    str error_message;
    str log;
    str request_id;
};

// Runs a function and waits for what it returns, in `arena`. ERR_NOT_FOUND: there is none of that
// name; ERR_UNSUPPORTED: it cannot be run here; ERR_LIMIT: too many calls wait. Failures of the
// function itself are results.
[[nodiscard]] err *func_invoke(struct func_hub *hub, struct arena *arena,
    const struct func_call *call, struct func_result *out) YIELDS;
// Queues a call that nobody waits for: when it returns the event is durable. ERR_NOT_FOUND,
// ERR_UNSUPPORTED: as func_invoke, or nothing is queued here; ERR_TOO_LARGE: the payload is longer
// than a MiB; ERR_LIMIT: too many wait; ERR_CONFLICT: it has gone round in a circle too often.
[[nodiscard]] err *func_invoke_event(
    struct func_hub *hub, struct arena *arena, const struct func_call *call) YIELDS;

// Who takes calls over that nobody waits for: a folder above.
struct func_queue {
    void *arg;
    // When it returns the call is durable. May wait. Fails as func_invoke_event says.
    err *(*add)(void *arg, struct arena *arena, const struct func_call *call);
    // Other definitions are in force, with which what is queued may be run. On the first loop.
    void (*follow)(void *arg);
};

// Before func_hub_set_service, on the first loop. Without it func_invoke_event fails.
void func_hub_set_queue(struct func_hub *hub, const struct func_queue *queue);
// The ARN of the function of that key, in `arena`; none when there is no such function.
str func_arn(struct func_hub *hub, struct arena *arena, str key);
