// Small scripts of a project - the JavaScript resolvers of its data API - evaluated in resident
// Node processes: one for each of the first two loops, started when it is first asked, ended when
// it idles.
#pragma once

#include "fiber/fiber.h"
#include "json/json.h"

struct script_hub; // one per process

// `loops` are all loops of the process, in order of their index.
struct script_hub *script_hub_new(struct loop **loops, size_t count);
// After all loops have ended; NULL is allowed.
void script_hub_free(struct script_hub *hub);

struct script_options {
    const char *program; // js/runtime/resolvers.mjs
    const char *folder;  // where its process runs
    u32 limit_ms;        // that one evaluation may take; 0: the usual one
    // A line that a script has to tell; any loop's thread, must be quick.
    void (*log)(str name, str line);
};

// What evaluations need; before the first one. The texts are borrowed for the hub's life.
void script_hub_open(struct script_hub *hub, const struct script_options *options);
// Ends this loop's process and refuses further evaluations; for an orderly end, on each loop.
void script_hub_stop(struct script_hub *hub) YIELDS;
// Starts this loop's process, if it is to have one, ahead of the first evaluation.
void script_hub_warm(struct script_hub *hub);

enum script_handler {
    SCRIPT_REQUEST,
    SCRIPT_RESPONSE,
    SCRIPT_BOTH, // the response's result is the request's payload
};

struct script_call {
    str name; // of the field, for the log
    str file; // of the module
    str hash; // of its content: another one, another module
    enum script_handler handler;
    str context; // JSON
};

// Evaluates a handler; *outcome is what js/runtime/appsync/evaluate.cjs documents, in `arena`.
// ERR_TIMEOUT: it took too long and was ended. ERR_INTERNAL: the process ended under it. ERR_LIMIT:
// too many wait. ERR_CONFIG: Node cannot be started. Neither a cancellation nor a deadline ends the
// wait, which is bounded by the limit.
[[nodiscard]] err *script_evaluate(struct script_hub *hub, struct arena *arena,
    const struct script_call *call, struct json **outcome) YIELDS;
