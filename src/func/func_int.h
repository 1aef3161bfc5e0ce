// Shared inside the folder.
#pragma once

#include "func/func_service.h"
#include "func/func_stream.h"

#include <stdatomic.h>

enum {
    FUNC_HUB_MAGIC = 0x66756e63,
    WORKERS_MAX = 32,                     // processes of one function
    WAITING_MAX = 1000,                   // calls of one function
    WAITING_BYTES_MAX = 64 * 1024 * 1024, // of their payloads
    LOG_TAIL = 4096,
    INIT_MS = 10000,          // for loading the handler
    IDLE_MS = 10 * 60 * 1000, // then a process is ended
    CREDENTIALS_S = 12 * 60 * 60,
    LIFE_MS = 10 * 60 * 60 * 1000, // of a process: its credentials must outlive it
};

struct func_worker;
struct func_runtimes; // interpreters of this machine
struct invocation;

struct func_pool { // processes and calls of one function
    struct func_loop *here;
    str key; // heap, behind the struct
    struct func_worker *workers;
    size_t worker_count;
    struct invocation *waiting; // oldest first
    struct invocation *waiting_last;
    size_t waiting_count;
    size_t waiting_bytes; // of their payloads
    unsigned failures;    // to load the handler, since it last could be loaded
    bool was_used; // it had a process when its function changed: the next one is started at once
    bool is_spare; // of processes that are no function's yet
};

struct func_loop { // touched only by its thread
    struct func_hub *hub;
    struct loop *loop;
    struct func_service *service; // NULL: none
    struct map *pools;            // key -> struct func_pool
    size_t processes;
    struct cond quiet; // a process has ended
    bool is_stopping;
    bool is_reaping;
    bool is_sparing;       // a spare process is about to be started
    bool is_warming;       // processes are started that no call waits for
    bool is_watching;      // the memory of its processes
    bool watch_is_idle;    // it looks seldom, since nothing runs
    struct fiber *watcher; // while it waits for its next look
};

struct func_sandbox {  // programs that there are, and work; else NULL
    const char *bwrap; // bubblewrap: namespaces
    const char *setpriv;
    const char *prlimit;
    const char *reason; // why bwrap is not used
};

struct func_hub {
    u32 magic;
    struct func_loop *loops;
    size_t count;
    struct iam *iam;
    const char *runtimes;
    struct func_runtimes *interpreters;
    const char *hidden[2];
    struct func_sandbox sandbox;
    struct arena *arena;  // of what was found out at the start
    struct func_log *log; // NULL: not open yet
    atomic_ullong next_worker;
    struct func_queue queue; // its functions are NULL: there is none
};

// One call on its way: owned by the fiber that waits for it, until it is done.
struct invocation {
    struct arena *arena;     // of its own
    struct func_loop *home;  // where its caller waits
    struct func_loop *owner; // where its function's processes are
    str key;
    str request_id;
    str payload;
    str client_context;
    str cognito_identity;
    str trace;
    u64 deadline_ms;
    struct func_worker *worker; // NULL: it waits for one
    struct invocation *next;    // waiting
    struct wake wake;
    struct func_stream *stream; // its answer is taken in pieces; NULL: whole
    struct func_result result;  // in `arena`
    err *refused;               // in `arena`
};

// The loop whose processes a function has.
struct func_loop *func_owner(struct func_hub *hub, str key);
// The calling thread's part of the hub.
struct func_loop *func_here(struct func_hub *hub);

// ---- workers -----------------------------------------------------------------------------------
// Gives the call a process: an idle one, a new one, or a place among those that wait.
void pool_submit(struct func_pool *pool, struct invocation *call) YIELDS;
// The pool of a function, made at its first call.
struct func_pool *pool_of(struct func_loop *here, str key);
// Ends processes that are not of this service, when they are idle.
void pool_outdate(struct func_pool *pool);
// Ends all, at once.
void pool_kill(struct func_pool *pool);
// The call is over; its caller goes on.
void invocation_end(struct invocation *call);
// As a function's own error.
void invocation_fail(struct invocation *call, str type, str message);

// ---- func_stream.c: an answer in pieces, on its way --------------------------------------------
// For a new call, which it takes over.
struct func_stream *stream_new(struct invocation *call);
// Its call.
const struct invocation *stream_call(const struct func_stream *stream);
// Until there is something to read, or the call is over.
void stream_wait(struct func_stream *stream) YIELDS;
// The call is over: nothing of it may be touched any more. On its owner's loop.
void stream_end(struct func_stream *stream);
// For who writes: a reference that keeps it from going; given back by stream_release.
struct func_stream *stream_hold(struct func_stream *stream);
void stream_release(struct func_stream *stream);
// The function answers in pieces, of that type.
void stream_begin(struct func_stream *stream, str content_type);
// A piece, copied; waits while the reader has enough to read. False when nobody wants more.
bool stream_put(struct func_stream *stream, str bytes) YIELDS;

// ---- func_runtime.c ----------------------------------------------------------------------------
// What the hub knows of this machine's interpreters; nothing yet.
struct func_runtimes *func_runtimes_new(void);
void func_runtimes_free(struct func_runtimes *runtimes);

// ---- logs --------------------------------------------------------------------------------------
// Puts a line into the log of its function; the time is now.
void func_say(struct func_hub *hub, const struct func_log_line *line);

struct func_report { // of a call that is over
    str request_id;
    double ms;
    double init_ms; // 0: it was ready before
    u64 memory_mb;
    str status;     // "success", "error", "timeout"
    str error_type; // or none
};

// The platform's own lines about calls, in the function's log format; in `arena`. Some formats have
// no line for an end.
str func_frame_start(struct arena *arena, const struct func_function *function, str request_id);
str func_frame_end(struct arena *arena, const struct func_function *function, str request_id);
// Of a handler that was not loaded in time.
str func_frame_init(struct arena *arena, const struct func_function *function, u64 ms);
str func_frame_report(
    struct arena *arena, const struct func_function *function, const struct func_report *report);
