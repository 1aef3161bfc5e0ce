// A process of a function, shared by the files that start it, speak with it and choose it.
#pragma once

#include "func/func_int.h"

#include "net/net.h"

enum { LINGER_MS = 1000 }; // for a process to go, and for what it wrote to be read

enum { TOKEN_LEN = 32, REQUEST_ID_LEN = 36 }; // characters

enum { WORKER_MAGIC = 0x66776b72, OUTPUT_ROOM = 16 * 1024 };

struct output { // of a process: one of its two streams
    struct func_worker *worker;
    uv_pipe_t pipe;
    enum func_log_output stream;
    struct buf line; // up to its end, which is to come
    u64 spent_us;    // on what it wrote, since the last pause
    u64 pause_ms;
    bool is_paused;
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
    u64 started_us;
    u64 call_started_us;
    char last_id[REQUEST_ID_LEN]; // of the call that it runs or has run
    size_t last_id_len;
    bool is_waiting_for_function; // a spare one, loaded so far
    bool is_ready;                // it has asked for a call once
    bool is_asking;               // and waits for one
    bool is_answering;            // an answer to its call is on its way
    bool is_ending;               // told to go
    bool was_told_to_go;          // by process_kill
    bool has_failed;              // it could not load its handler, and said so
    bool has_exited;
    bool is_swept;         // nothing that it started is left
    u64 init_us;           // that loading took; 0: not yet, or told already
    u64 looked_us;         // when its time on the processors was looked at,
    u64 looked_cpu_ms;     // and what it was
    unsigned restless;     // looks in a row that found it computing without a call
    u64 memory_peak;       // bytes, with all that it started
    int memory_fd;         // /proc/PID/statm of its process; -1: none
    str program;           // of a handler for Node.js; the function's, or in the arena of its start
    char token[TOKEN_LEN]; // of its requests: others on this machine can reach the port too
    int exit_code;
    int exit_signal;
    char tail[LOG_TAIL]; // of what it wrote during the call
    size_t tail_len;
};

// ---- func_process.c: the process ---------------------------------------------------------------
// Starts it, with its pipes and its environment. When that fails it counts as ended already, for
// workers_reap.
[[nodiscard]] err *process_spawn(struct func_worker *worker, struct arena *arena) YIELDS;
// Whether the process is over, even if the loop has not been told yet. One system call.
bool process_has_died(const struct func_worker *worker);
// Ends the whole group: what the handler has started goes with it.
void process_kill(struct func_worker *worker);
// Takes what it has written so far: an answer comes by another way, and must not be faster.
void process_drain(struct func_worker *worker);
// Opens what tells its memory; -1 when there is nothing.
int process_memory_open(const struct func_worker *worker);
// How it ended, as Lambda says it.
str worker_exit_text(const struct func_worker *worker, struct arena *arena, str request_id);
// A line of the platform's in its log.
void worker_say(struct func_worker *worker, str line);

// ---- func_command.c ----------------------------------------------------------------------------
struct command {
    vec_of(char *) words; // ended by NULL
};

// Adds a word, borrowed.
void command_add(struct arena *arena, struct command *command, const char *word);
// What is to be run, in `arena`. ERR_CONFIG when the interpreter or the program is not there.
[[nodiscard]] err *command_make(
    struct func_worker *worker, struct arena *arena, struct command *out) YIELDS;
// The folder of a function's code.
str func_task_root(const struct func_function *f);

// ---- func_sandbox.c ----------------------------------------------------------------------------
// Adds what `program` is to be run by, and with which limits.
void sandbox_begin(
    struct func_worker *worker, struct arena *arena, struct command *command, const char *program);
// Finds out what this machine lets us do. Blocks for some milliseconds. Texts are in `arena`.
void sandbox_detect(struct func_sandbox *sandbox, struct arena *arena);
// What is in force, in words.
str sandbox_text(const struct func_sandbox *sandbox, struct arena *arena);

// ---- func_runtime.c ----------------------------------------------------------------------------
// Looks on the PATH; NULL when it is not there.
const char *find_program(struct arena *arena, str name);
// The path of an interpreter ("node", "python3.12") that works, in `arena`; NULL when there is
// none. Asks it once.
const char *func_runtimes_find(
    struct func_runtimes *runtimes, struct arena *arena, str name) YIELDS;

// ---- func_environment.c ------------------------------------------------------------------------
// What Lambda sets, then what the definitions set: a list ended by NULL.
char **environment_make(struct func_worker *worker, struct arena *arena);

// ---- func_worker.c: its Runtime API ------------------------------------------------------------
// Makes its router and server.
void worker_mount(struct func_worker *worker);
// Serves a connection to it; arg is the worker.
void worker_serve(struct net_stream *stream, void *arg) YIELDS;
// The call that it runs fails; it has none then.
void worker_fail_call(struct func_worker *worker, str type, str message);
// Ends the process in `ms`, unless that is set anew, or it ends before.
void worker_start_limit(struct func_worker *worker, u64 ms);

// An error that the handler has returned, which the report does not call by its name.
#define FUNC_THROWN S("thrown")
// Ends the call's log with END and REPORT, and keeps its end for who asked for it. `failure` is the
// type of what went wrong, none when nothing did.
void worker_end_call(struct func_worker *worker, str failure);
// A runtime of ours shows the token of its process; of another one the connection was looked at.
[[nodiscard]] err *worker_check_token(const struct func_worker *worker, struct http_req *req);
[[nodiscard]] err *worker_reply_accepted(struct http_req *req) YIELDS;

// ---- func_answer.c -----------------------------------------------------------------------------
// POST .../invocation/ID/response and ID/error.
[[nodiscard]] err *worker_answer(struct http_req *req) YIELDS;

// ---- func_spare.c ------------------------------------------------------------------------------
// A spare process that becomes one of the pool, for the function; NULL when none fits.
struct func_worker *spare_take(struct func_pool *pool, const struct func_function *function);
// GET .../assignment.
[[nodiscard]] err *spare_assignment(struct http_req *req) YIELDS;
// Starts a spare one soon, unless there is one.
void spare_keep(struct func_loop *here);
// Starts what functions of the loop are to have at any time, after new definitions came.
void warm_begin(struct func_loop *here);
// The same after a process has ended.
void warm_keep(struct func_loop *here);
// Whether all `alive` processes are to be kept, calls or no calls.
bool pool_is_warm(const struct func_pool *pool, size_t alive);

// ---- func_pool.c: its life ---------------------------------------------------------------------
// Frees processes that have ended, once nobody speaks with them any more.
void workers_reap(struct func_loop *here);
// Starts a process for a function of the pool's loop, or makes a spare one its.
[[nodiscard]] err *worker_start(
    struct func_pool *pool, struct arena *arena, const struct func_function *function) YIELDS;
// Processes that are not about to end.
size_t pool_alive(const struct func_pool *pool);
// After a start: ends what has not loaded its handler when its time is over.
void pool_watch_init(struct func_pool *pool);
// Hands calls that wait to processes that ask.
void pool_next(struct func_pool *pool);
// A process could not load its handler.
void pool_init_failed(struct func_pool *pool, struct func_worker *worker, str type, str message);
// A process has ended: calls that wait may need another one.
void pool_after_exit(struct func_pool *pool, const struct func_worker *worker);

// ---- func_peer.c -------------------------------------------------------------------------------
// Whether the other end of a connection is the worker's process, or one that it has started.
bool peer_is_own(struct func_worker *worker, const struct net_stream *stream) YIELDS;

// ---- func_proc.c -------------------------------------------------------------------------------
struct process_stat {
    int pid;
    int parent;
    int group;
    int session;
    u64 memory; // bytes it has in memory
    u64 cpu_ms; // time it has computed
};

// Of one process; false when there is none of that id.
bool process_stat_read(int pid, struct process_stat *out);
// The ids of all processes that are `wanted`, in `arena`. Some milliseconds on a busy machine: on
// the worker pool.
int *processes_find(struct arena *arena, bool (*wanted)(void *arg, const struct process_stat *stat),
    void *arg, size_t *count);

// ---- func_watch.c ------------------------------------------------------------------------------
// A call begins, or a process: the memory of this loop's processes is looked at often from now on.
// One that has too much is ended.
void watch_begin(struct func_loop *here);
// The process has ended: what it has started and left behind is ended too.
void sweep_begin(struct func_worker *worker);
