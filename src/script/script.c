// The resident processes, and the evaluations on their way to them and back.
#include "script/script.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SCRIPT_HUB_MAGIC = 0x73637270,
    PROCESSES_MAX = 2, // they take some 45 MB each; further loops ask those of the first ones
    WAITING_MAX = 1000,
    FRAME_MAX = 32 * 1024 * 1024,
    READ_SIZE = 64 * 1024,
    LIMIT_MS = 2000,  // for one evaluation, before it is looked at whether it spins
    LOOK_MS = 1000,   // how long that takes
    SPIN_MS = 300,    // of processor time in it
    LOOKS_MAX = 20,   // for one that gets no processor, or waits for the disk
    START_MS = 30000, // for the process to be ready, on a busy machine
    IDLE_MS = 10 * 60 * 1000,
    HEAD = 4,      // bytes of a frame's length
    HEAP_MB = 256, // of the process
};

// One call on its way; on the stack of the fiber that waits for it, perhaps of another loop: it and
// its arena are the owner's until the fiber is woken.
struct evaluation {
    struct script_loop *owner;
    const struct script_call *call;
    struct arena *arena;
    u64 id;
    struct buf frame;
    uv_write_t write;
    bool is_writing;
    struct json *outcome;
    err *failure;
    struct evaluation *next;
    struct wake wake;
};

enum process_state { PROCESS_NONE, PROCESS_STARTING, PROCESS_READY, PROCESS_ENDING };

struct script_loop { // touched only by its thread
    struct script_hub *hub;
    struct loop *loop;
    enum process_state state;
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t output;
    uv_timer_t timer;
    unsigned open_handles;
    bool has_exited;
    unsigned looks; // at the first evaluation
    u64 spent_ms;   // of processor time, at the last look
    bool was_late;  // ended for the first evaluation's sake
    bool was_ready; // before it ended
    bool is_stopping;
    struct buf unread;
    struct evaluation *first; // oldest; the one that runs
    struct evaluation *last;
    size_t count;
    struct cond ended;
};

struct script_hub {
    u32 magic;
    struct script_options options;
    struct script_loop *loops;
    size_t count;
    atomic_ullong last_id;
};

struct script_hub *script_hub_new(struct loop **loops, size_t count)
{
    struct script_hub *hub = mem_new(struct script_hub);
    hub->magic = SCRIPT_HUB_MAGIC;
    hub->count = count;
    hub->loops = mem_alloc(count * sizeof(struct script_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i].hub = hub;
        hub->loops[i].loop = loops[i];
    }
    return hub;
}

void script_hub_free(struct script_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    check_magic(hub, SCRIPT_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        check(hub->loops[i].first == NULL);
        buf_free(&hub->loops[i].unread);
    }
    mem_free(hub->loops);
    hub->magic = 0;
    mem_free(hub);
}

void script_hub_open(struct script_hub *hub, const struct script_options *options)
{
    check_magic(hub, SCRIPT_HUB_MAGIC);
    check(options->program != NULL && options->log != NULL);
    hub->options = *options;
    hub->options.limit_ms = options->limit_ms > 0 ? options->limit_ms : LIMIT_MS;
}

static struct script_loop *script_here(struct script_hub *hub)
{
    check_magic(hub, SCRIPT_HUB_MAGIC);
    check(loop_current() != NULL && loop_index(loop_current()) < hub->count);
    return &hub->loops[loop_index(loop_current())];
}

// ---- evaluations on their way ------------------------------------------------------------------

static void set_timer(struct script_loop *here);

static struct evaluation *take_first(struct script_loop *here)
{
    struct evaluation *evaluation = here->first;
    check(evaluation != NULL && here->count > 0);
    here->first = evaluation->next;
    here->last = here->first != NULL ? here->last : NULL;
    here->count--;
    return evaluation;
}

// The waiting fiber may not go before the frame, which is in its memory, is written.
static void finish(struct evaluation *evaluation)
{
    if (!evaluation->is_writing) {
        wake_send(&evaluation->wake);
    }
}

static void fail_first(struct script_loop *here, err *e)
{
    struct evaluation *evaluation = take_first(here);
    evaluation->failure = e;
    finish(evaluation);
}

static void begin_ending(struct script_loop *here);

static void on_written(uv_write_t *write, int status)
{
    struct evaluation *evaluation = write->data;
    (void)status; // where the input is gone the process is going too
    evaluation->is_writing = false;
    if (evaluation->outcome != NULL || evaluation->failure != NULL) {
        wake_send(&evaluation->wake);
    }
}

static void send_frame(struct script_loop *here, struct evaluation *evaluation)
{
    check(!evaluation->is_writing);
    uv_buf_t bytes = uv_buf_init(evaluation->frame.ptr, (unsigned)evaluation->frame.len);
    evaluation->write.data = evaluation;
    evaluation->is_writing =
        uv_write(&evaluation->write, (uv_stream_t *)&here->input, &bytes, 1, on_written) == 0;
}

static void say_all(struct script_loop *here, str name, const struct json *log)
{
    json_each (entry, log) {
        const struct json *text = json_at(entry, 1);
        str rest = text != NULL ? text->text : S("");
        str line = {};
        while (str_next(&rest, '\n', &line)) {
            here->hub->options.log(name, line);
        }
    }
}

// A frame of the process: its readiness, or the answer to the first evaluation.
static bool take_answer(struct script_loop *here, str frame)
{
    struct json *head = NULL;
    str rest = frame;
    str line = {};
    struct arena *arena = here->first != NULL ? here->first->arena : NULL;
    if (here->state == PROCESS_STARTING) {
        here->state = PROCESS_READY;
        here->was_ready = true;
        return str_starts(frame, S("{\"ready\""));
    }
    if (here->first == NULL || !str_next(&rest, '\n', &line) ||
        json_parse(arena, str_dup(arena, line), &head, NULL) != NULL ||
        json_get_int(head, S("id"), 0) != (i64)here->first->id) {
        return false;
    }
    struct evaluation *evaluation = here->first;
    if (json_parse(arena, str_dup(arena, rest), &evaluation->outcome, NULL) != NULL) {
        evaluation->outcome = NULL;
        evaluation->failure = fail(arena, ERR_INTERNAL, "The result is not valid JSON.");
    }
    say_all(here, evaluation->call->name, json_get(head, S("log")));
    finish(take_first(here));
    return true;
}

static u32 frame_size(const struct buf *unread)
{
    const u8 *p = (const u8 *)unread->ptr;
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static void take_answers(struct script_loop *here)
{
    struct buf *unread = &here->unread;
    while (here->state != PROCESS_ENDING && unread->len >= HEAD &&
           unread->len - HEAD >= frame_size(unread)) {
        u32 size = frame_size(unread);
        bool fits = take_answer(here, str_sub(buf_str(unread), HEAD, HEAD + (size_t)size));
        buf_drop(unread, HEAD + (size_t)size);
        if (!fits) {
            log_error("script.answer", "the resolvers' process does not keep to its protocol");
            begin_ending(here);
            return;
        }
        set_timer(here);
    }
    if (unread->len >= HEAD && frame_size(unread) > FRAME_MAX) {
        begin_ending(here);
    }
}

// ---- the process -------------------------------------------------------------------------------

static void start_or_fail(struct script_loop *here);

static void close_handle(uv_handle_t *handle, uv_close_cb closed)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, closed);
    }
}

// All is closed: whoever was to blame is told, the others get a new process.
static void after_end(struct script_loop *here)
{
    bool late = here->was_late;
    bool ready = here->was_ready;
    check(here->open_handles == 0);
    here->state = PROCESS_NONE;
    buf_free(&here->unread);
    if (here->first != NULL && ready) {
        fail_first(here, late ? fail(here->first->arena, ERR_TIMEOUT, "Evaluation timed out.")
                              : fail(here->first->arena, ERR_INTERNAL,
                                    "The evaluation ended its process: out of memory?"));
    }
    while (here->first != NULL && (!ready || here->is_stopping)) {
        fail_first(here, here->is_stopping
                             ? fail(here->first->arena, ERR_CLOSED, "The server is ending.")
                             : fail(here->first->arena, ERR_CONFIG,
                                   "The process of JavaScript resolvers does not start."));
    }
    if (here->first != NULL) {
        start_or_fail(here);
    }
    cond_signal_all(&here->ended);
}

static void on_closed(uv_handle_t *handle)
{
    struct script_loop *here = handle->data;
    check(here->open_handles > 0);
    if (--here->open_handles == 0) {
        after_end(here);
    }
}

static void close_all(struct script_loop *here)
{
    close_handle((uv_handle_t *)&here->process, on_closed);
    close_handle((uv_handle_t *)&here->input, on_closed);
    close_handle((uv_handle_t *)&here->output, on_closed);
    close_handle((uv_handle_t *)&here->timer, on_closed);
}

static void begin_ending(struct script_loop *here)
{
    here->state = PROCESS_ENDING;
    uv_timer_stop(&here->timer);
    if (!here->has_exited) {
        check(here->process.pid > 0); // never the own group
        (void)kill(-here->process.pid, SIGKILL);
    }
}

static void on_exit_(uv_process_t *process, int64_t status, int signal_number)
{
    struct script_loop *here = process->data;
    here->has_exited = true;
    if (here->state != PROCESS_ENDING) {
        log_warn("script.exit", "the process of JavaScript resolvers ended (%s %d)",
            signal_number != 0 ? "signal" : "status",
            signal_number != 0 ? signal_number : (int)status);
    }
    here->state = PROCESS_ENDING;
    close_all(here);
}

// Processor time that the process has taken; 0 when it is not known.
static u64 processor_ms(const struct script_loop *here)
{
    char path[64];
    char text[1024] = {};
    unsigned long user = 0;
    unsigned long system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", here->process.pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    const char *rest = len > 0 ? strrchr(text, ')') : NULL;
    const char *form = ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
    return rest != NULL && sscanf(rest, form, &user, &system) == 2
               ? (user + system) * 1000 / (u64)sysconf(_SC_CLK_TCK)
               : 0;
}

static void on_timer(uv_timer_t *timer)
{
    struct script_loop *here = timer->data;
    bool evaluates = here->state == PROCESS_READY && here->first != NULL;
    u64 spent = evaluates ? processor_ms(here) : 0;
    bool waits = here->looks == 0 || (spent > 0 && spent - here->spent_ms < SPIN_MS);
    if (evaluates && waits && here->looks < LOOKS_MAX) { // on a busy machine it may not have run
        here->looks++;
        here->spent_ms = spent;
        check(uv_timer_start(&here->timer, on_timer, LOOK_MS, 0) == 0);
        return;
    }
    here->was_late = here->first != NULL;
    begin_ending(here);
}

// For the first evaluation's limit; without one, until the process has idled enough.
static void set_timer(struct script_loop *here)
{
    u64 ms = here->state == PROCESS_STARTING ? START_MS
             : here->first != NULL           ? here->hub->options.limit_ms
                                             : IDLE_MS;
    here->looks = 0;
    if (here->state != PROCESS_ENDING) {
        check(uv_timer_start(&here->timer, on_timer, ms, 0) == 0);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct script_loop *here = handle->data;
    (void)suggested;
    char *room = buf_room(&here->unread, READ_SIZE);
    *out = uv_buf_init(room, room != NULL ? READ_SIZE : 0);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct script_loop *here = stream->data;
    (void)bytes;
    if (got > 0) {
        here->unread.len += (size_t)got; // read into its room
        take_answers(here);
    } else if (got < 0 && here->state != PROCESS_ENDING) {
        begin_ending(here);
    }
}

static int spawn(struct script_loop *here)
{
    const char *path = getenv("PATH");
    char path_text[4096];
    char heap[64];
    snprintf(path_text, sizeof(path_text), "PATH=%s", path != NULL ? path : "/usr/bin:/bin");
    snprintf(heap, sizeof(heap), "--max-old-space-size=%d", HEAP_MB);
    const char *args[] = {"node", heap, here->hub->options.program, NULL};
    char *environment[] = {path_text, NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&here->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&here->output},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };

    uv_process_options_t options = {.file = "node",
        .args = (char **)(void *)args,
        .env = environment,
        .cwd = here->hub->options.folder,
        .flags = UV_PROCESS_DETACHED, // the leader of a group
        .exit_cb = on_exit_,
        .stdio = stdio,
        .stdio_count = 3};
    return uv_spawn(loop_uv(loop_current()), &here->process, &options);
}

static void start_or_fail(struct script_loop *here)
{
    uv_loop_t *uv = loop_uv(loop_current());
    check(here->state == PROCESS_NONE && here->open_handles == 0 && !here->is_stopping);
    here->state = PROCESS_STARTING;
    here->has_exited = here->was_late = here->was_ready = false;
    here->unread = buf_heap(FRAME_MAX + HEAD + READ_SIZE);
    check(uv_pipe_init(uv, &here->input, 0) == 0);
    check(uv_pipe_init(uv, &here->output, 0) == 0);
    check(uv_timer_init(uv, &here->timer) == 0);
    here->process.data = here->input.data = here->output.data = here->timer.data = here;
    here->open_handles = 4;
    int rc = spawn(here);
    if (rc != 0) {
        log_error(
            "script.start", "cannot start node for JavaScript resolvers: %s", uv_strerror(rc));
        here->has_exited = true;
        here->state = PROCESS_ENDING;
        close_all(here);
        return;
    }
    check(uv_read_start((uv_stream_t *)&here->output, on_room, on_output) == 0);
    set_timer(here);
    for (struct evaluation *e = here->first; e != NULL; e = e->next) {
        send_frame(here, e);
    }
}

// ---- calls -------------------------------------------------------------------------------------

static err *make_frame(struct evaluation *evaluation)
{
    static const str HANDLERS[] = {S_INIT("request"), S_INIT("response"), S_INIT("both")};
    const struct script_call *call = evaluation->call;
    struct json_writer w;
    evaluation->frame = buf_in(evaluation->arena, FRAME_MAX);
    struct buf *frame = &evaluation->frame;
    buf_add(frame, S("0000"));
    jw_init(&w, frame);
    jw_object(&w);
    jw_key(&w, S("id"));
    jw_int(&w, (i64)evaluation->id);
    jw_member(&w, S("file"), call->file);
    jw_member(&w, S("hash"), call->hash);
    jw_member(&w, S("call"), HANDLERS[call->handler]);
    jw_end_object(&w);
    buf_add_char(frame, '\n');
    buf_add(frame, call->context);
    if (frame->overflow) {
        return fail(evaluation->arena, ERR_LIMIT, "The context is too large.");
    }
    u32 size = (u32)(frame->len - HEAD);
    for (unsigned i = 0; i < HEAD; i++) {
        frame->ptr[i] = (char)(size >> (8 * i));
    }
    return NULL;
}

static void submit(struct script_loop *here, struct evaluation *evaluation)
{
    bool was_idle = here->first == NULL;
    if (here->is_stopping || here->count >= WAITING_MAX) {
        evaluation->failure =
            here->is_stopping
                ? fail(evaluation->arena, ERR_CLOSED, "The server is ending.")
                : fail(evaluation->arena, ERR_LIMIT, "Too many resolvers are waiting.");
        finish(evaluation);
        return;
    }
    *(here->first != NULL ? &here->last->next : &here->first) = evaluation;
    here->last = evaluation;
    here->count++;
    if (here->state == PROCESS_NONE) {
        start_or_fail(here);
    } else if (here->state != PROCESS_ENDING) {
        send_frame(here, evaluation);
        if (was_idle) {
            set_timer(here);
        }
    }
}

static void submit_posted(void *arg)
{
    struct evaluation *evaluation = arg;
    submit(evaluation->owner, evaluation);
}

err *script_evaluate(struct script_hub *hub, struct arena *arena, const struct script_call *call,
    struct json **outcome)
{
    struct script_loop *here = script_here(hub);
    size_t processes = hub->count < PROCESSES_MAX ? hub->count : PROCESSES_MAX;
    struct evaluation evaluation = {.call = call,
        .arena = arena,
        .id = atomic_fetch_add(&hub->last_id, 1) + 1,
        .owner = &hub->loops[loop_index(loop_current()) % processes]};
    *outcome = NULL;
    if (here->is_stopping) { // its owner may have ended
        return fail(arena, ERR_CLOSED, "The server is ending.");
    }
    TRY(make_frame(&evaluation));
    wake_init(&evaluation.wake);
    if (evaluation.owner == here) {
        submit(here, &evaluation);
    } else {
        loop_post(evaluation.owner->loop, submit_posted, &evaluation);
    }
    wake_wait(&evaluation.wake);
    *outcome = evaluation.outcome;
    return evaluation.failure;
}

void script_hub_warm(struct script_hub *hub)
{
    struct script_loop *here = script_here(hub);
    bool owns = loop_index(loop_current()) < PROCESSES_MAX;
    if (owns && !here->is_stopping && here->state == PROCESS_NONE) {
        start_or_fail(here);
    }
}

void script_hub_stop(struct script_hub *hub)
{
    struct script_loop *here = script_here(hub);
    here->is_stopping = true;
    if (here->state == PROCESS_STARTING || here->state == PROCESS_READY) {
        begin_ending(here);
    }
    while (here->state != PROCESS_NONE && cond_wait(&here->ended) == NULL) {
    }
}
