// A process of a function, shared by the files that start it, speak with it and choose it.
#pragma once

#include "func/func_int.h"

#include "net/net.h"

enum { LINGER_MS = 1000 }; // for a process to go, and for what it wrote to be read

enum { TOKEN_LEN = 32 }; // characters

enum { WORKER_MAGIC = 0x66776b72, LINE = 16 * 1024, OUTPUT_ROOM = 64 * 1024, ENV_MAX = 256 };

struct output { // of a process: one of its two streams
    struct func_worker *worker;
    uv_pipe_t pipe;
    char line[LINE];
    size_t len;
    char room[OUTPUT_ROOM];
};

struct func_worker {
    u32 magic;
    struct func_pool *pool;
    struct func_worker *next;
    struct func_service *service; // that its function is of
    const struct func_function *function;
    uv_process_t process;
    uv_timer_t
        limit; // until the call has to be over, the process has to ask, or it has idled enough
    struct output outputs[2];
    unsigned open_handles;
    struct net_listener *listener;
    struct http_router *router;
    struct http_server server;
    struct cond changed; // a call came, or it is to end
    struct invocation *call;
    u64 started_ms;
    u64 call_started_us;
    bool is_ready;  // it has asked for a call once
    bool is_asking; // and waits for one
    bool is_ending; // told to go
    bool has_exited;
    char token[TOKEN_LEN]; // of its requests: others on this machine can reach the port too
    int exit_code;
    int exit_signal;
    char tail[LOG_TAIL]; // of what it wrote during the call
    size_t tail_len;
};

// ---- func_process.c: the process ---------------------------------------------------------------
// Starts it, with its pipes and its environment. The rc of uv_spawn: when it is not 0 the process
// has ended already, for reap.
int process_spawn(struct func_worker *worker, struct arena *arena);
// Ends the whole group: what the handler has started goes with it.
void process_kill(struct func_worker *worker);
// A line of its log, by itself or by the platform.
void worker_say(struct func_worker *worker, str line);

// ---- func_environment.c ------------------------------------------------------------------------
// What Lambda sets, then what the definitions set: a list ended by NULL.
char **environment_make(struct func_worker *worker, struct arena *arena);

// ---- func_worker.c: its Runtime API ------------------------------------------------------------
// Makes its router and server.
void worker_mount(struct func_worker *worker);
// The call that it runs fails; it has none then.
void worker_fail_call(struct func_worker *worker, str type, str message);
// Ends the process in `ms`, unless that is set anew, or it ends before.
void worker_start_limit(struct func_worker *worker, u64 ms);

// ---- func_pool.c: its life ---------------------------------------------------------------------
// Frees processes that have ended, once nobody speaks with them any more.
void workers_reap(struct func_loop *here);
// Hands calls that wait to processes that ask.
void pool_next(struct func_pool *pool);
// A process has ended: calls that wait may need another one.
void pool_after_exit(struct func_pool *pool, bool was_ready, int code);
