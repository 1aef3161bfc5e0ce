// The process of a function: its start, what it writes, its end.
#include "func/func_worker_int.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- logs --------------------------------------------------------------------------------------

static void keep_tail(struct func_worker *worker, str text)
{
    check(worker->tail_len <= LOG_TAIL);
    text = text.len > LOG_TAIL ? str_sub(text, text.len - LOG_TAIL, text.len) : text;
    size_t over =
        worker->tail_len + text.len > LOG_TAIL ? worker->tail_len + text.len - LOG_TAIL : 0;
    memmove(worker->tail, worker->tail + over, worker->tail_len - over);
    worker->tail_len -= over;
    memcpy(worker->tail + worker->tail_len, text.len > 0 ? text.ptr : "", text.len);
    worker->tail_len += text.len;
}

static void say(struct func_worker *worker, enum func_log_output stream, str text)
{
    struct func_log_line line = {.function = worker->function->name,
        .stream = stream,
        .request_id = {worker->last_id, worker->last_id_len},
        .text = text};
    keep_tail(worker, text);
    keep_tail(worker, S("\n"));
    func_say(worker->pool->here->hub, &line);
}

void worker_say(struct func_worker *worker, str line)
{
    if (line.len > 0) {
        say(worker, FUNC_LOG_PLATFORM, line);
    }
}

static void end_line(struct output *output)
{
    say(output->worker, output->stream, buf_str(&output->line));
    output->line.len = 0;
}

// A line is too long: what there is of it goes, up to a whole character.
static void cut_line(struct output *output)
{
    bool bad = false;
    char kept[4];
    size_t whole = str_utf8_prefix(buf_str(&output->line), &bad);
    str rest = bad ? (str){} : str_sub(buf_str(&output->line), whole, output->line.len);
    check(rest.len <= sizeof(kept));
    memcpy(kept, rest.len > 0 ? rest.ptr : "", rest.len);
    output->line.len -= rest.len;
    end_line(output);
    buf_add(&output->line, (str){kept, rest.len});
}

static void take_output(struct output *output, str got)
{
    while (got.len > 0) {
        ptrdiff_t end = str_find_char(got, '\n');
        str part = str_sub(got, 0, end >= 0 ? (size_t)end : got.len);
        bool fits = part.len <= FUNC_LOG_LINE_MAX - output->line.len;
        part = str_sub(part, 0, FUNC_LOG_LINE_MAX - output->line.len);
        buf_add(&output->line, part);
        if (!fits) {
            cut_line(output);
        } else if (end >= 0) {
            end_line(output);
        }
        got = str_sub(got, part.len + (fits && end >= 0 ? 1 : 0), got.len);
    }
}

// ---- the process -------------------------------------------------------------------------------

static void close_once(uv_handle_t *handle, uv_close_cb closed)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, closed);
    }
}

static void handle_closed(uv_handle_t *handle);

// One of its handles, or who works for one, is done.
static void leave(struct func_worker *worker)
{
    check_magic(worker, WORKER_MAGIC);
    check(worker->open_handles > 0);
    worker->open_handles--;
    if (worker->has_exited && worker->open_handles == 1) { // the timer is left
        close_once((uv_handle_t *)&worker->limit, handle_closed);
    }
    workers_reap(worker->pool->here);
}

static void handle_closed(uv_handle_t *handle)
{
    leave(handle->data);
}

static void output_closed(uv_handle_t *handle)
{
    struct output *output = handle->data;
    check_magic(output->worker, WORKER_MAGIC);
    buf_free(&output->line);
    handle->data = output->worker;
    handle_closed(handle);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct output *output = handle->data;
    (void)suggested;
    *out = uv_buf_init(output->room, OUTPUT_ROOM);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes);

static void resume(void *arg) YIELDS
{
    struct output *output = arg;
    uv_stream_t *stream = (uv_stream_t *)&output->pipe;
    err *e = fiber_sleep(output->pause_ms);
    output->is_paused = false;
    if (!uv_is_closing((uv_handle_t *)stream)) {
        int rc = e == NULL ? uv_read_start(stream, on_room, on_output) : 0;
        check(rc == 0 || output->worker->has_exited);
    }
    leave(output->worker);
}

// A process that writes without end gets a part of the loop's time, not all: what it writes waits
// in its pipe meanwhile, and then so does the process. It does not where there is no room for the
// fiber that reads on.
static void pause_after(struct output *output, u64 spent_us)
{
    enum { FREE_US = 300, SHARE = 9 }; // of ten

    output->spent_us += spent_us;
    if (output->spent_us < FREE_US || output->is_paused) {
        return;
    }
    output->pause_ms = output->spent_us * SHARE / 1000 + 1;
    output->spent_us = 0;
    if (fiber_try_start("function output", resume, output) != NULL) {
        output->is_paused = true;
        uv_read_stop((uv_stream_t *)&output->pipe);
        output->worker->open_handles++;
    }
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct output *output = stream->data;
    (void)bytes;
    if (got > 0) {
        u64 before = time_mono_us();
        take_output(output, (str){output->room, (size_t)got});
        pause_after(output, time_mono_us() - before);
    } else if (got < 0) {
        if (output->line.len > 0) {
            end_line(output);
        }
        close_once((uv_handle_t *)stream, output_closed);
    }
}

void process_drain(struct func_worker *worker)
{
    enum { READS_MAX = 4 }; // what a pipe holds

    for (size_t i = 0; i < 2; i++) {
        struct output *output = &worker->outputs[i];
        uv_os_fd_t fd = -1;
        ssize_t got = 1;
        if (uv_is_closing((uv_handle_t *)&output->pipe) ||
            uv_fileno((uv_handle_t *)&output->pipe, &fd) != 0) {
            continue;
        }
        for (int reads = 0; got > 0 && reads < READS_MAX; reads++) { // it never blocks
            got = read(fd, output->room, OUTPUT_ROOM);
            take_output(output, (str){output->room, got > 0 ? (size_t)got : 0});
        }
    }
}

// What the process started may have left its group and hold its outputs for ever.
static void on_lingered(uv_timer_t *timer)
{
    struct func_worker *worker = timer->data;
    check(worker->has_exited);
    for (size_t i = 0; i < 2; i++) {
        close_once((uv_handle_t *)&worker->outputs[i].pipe, output_closed);
    }
}

bool process_has_died(const struct func_worker *worker)
{
    siginfo_t info = {};
    check_magic(worker, WORKER_MAGIC);
    return worker->has_exited ||
           (worker->process.pid > 0 &&
               waitid(P_PID, (id_t)worker->process.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid != 0);
}

// The whole group: what the handler has started goes with it.
void process_kill(struct func_worker *worker)
{
    check_magic(worker, WORKER_MAGIC);
    worker->is_ending = true;
    worker->was_told_to_go = true;
    if (!worker->has_exited && worker->process.pid > 0) { // it may be about to be started
        (void)kill(-worker->process.pid, SIGKILL);
    }
    cond_signal_all(&worker->changed);
}

// The names that Lambda (Go's runtime) gives to signals.
static const char *signal_text(int signal_number)
{
    switch (signal_number) {
    case SIGKILL: return "killed";
    case SIGABRT: return "aborted";
    case SIGSEGV: return "segmentation fault";
    case SIGTERM: return "terminated";
    case SIGBUS: return "bus error";
    case SIGILL: return "illegal instruction";
    case SIGFPE: return "floating point exception";
    default: return "hangup";
    }
}

str worker_exit_text(const struct func_worker *worker, struct arena *arena, str request_id)
{
    int number = worker->exit_signal;
    int code = worker->exit_code;
    if (number == 0 && code > 128 && worker->pool->here->hub->sandbox.bwrap != NULL) {
        number = code - 128; // bubblewrap tells its child's end so
    }
    // A runtime that ends by itself, without an error, does not keep its promise either.
    return number != 0
               ? str_fmt(arena, "RequestId: %.*s Error: Runtime exited with error: signal: %s",
                     PRI(request_id), signal_text(number))
           : code == 0
               ? str_fmt(arena, "RequestId: %.*s Error: Runtime exited without providing a reason",
                     PRI(request_id))
               : str_fmt(arena, "RequestId: %.*s Error: Runtime exited with error: exit status %d",
                     PRI(request_id), code);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal_number)
{
    struct func_worker *worker = process->data;
    check_magic(worker, WORKER_MAGIC);
    worker->has_exited = true;
    worker->exit_code = (int)status;
    worker->exit_signal = signal_number;
    (void)kill(-process->pid, SIGKILL); // what it started and left
    process_drain(worker);
    if (worker->call != NULL) {
        str text = worker_exit_text(worker, worker->call->arena, worker->call->request_id);
        worker_say(worker, worker->function->json_logs ? (str){} : text);
        worker_fail_call(worker, S("Runtime.ExitError"), text);
    }
    worker->is_ending = true;
    cond_signal_all(&worker->changed);
    check(uv_timer_start(&worker->limit, on_lingered, LINGER_MS, 0) == 0);
    uv_close((uv_handle_t *)process, handle_closed);
    pool_next(worker->pool);
    pool_after_exit(worker->pool, worker);
    sweep_begin(worker);
}

static void open_outputs(struct func_worker *worker, uv_stdio_container_t stdio[3])
{
    uv_loop_t *uv = loop_uv(loop_current());
    stdio[0] = (uv_stdio_container_t){.flags = UV_IGNORE};
    for (size_t i = 0; i < 2; i++) {
        check(uv_pipe_init(uv, &worker->outputs[i].pipe, 0) == 0);
        worker->outputs[i].worker = worker;
        worker->outputs[i].stream = i == 0 ? FUNC_LOG_STDOUT : FUNC_LOG_STDERR;
        worker->outputs[i].line = buf_heap(FUNC_LOG_LINE_MAX);
        worker->outputs[i].pipe.data = &worker->outputs[i];
        worker->open_handles++;
        stdio[i + 1] = (uv_stdio_container_t){.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
            .data.stream = (uv_stream_t *)&worker->outputs[i].pipe};
    }
}

static void begin_outputs(struct func_worker *worker, bool runs)
{
    for (size_t i = 0; i < 2; i++) {
        uv_stream_t *stream = (uv_stream_t *)&worker->outputs[i].pipe;
        if (runs) {
            check(uv_read_start(stream, on_room, on_output) == 0);
        } else {
            uv_close((uv_handle_t *)stream, output_closed);
        }
    }
}

err *process_spawn(struct func_worker *worker, struct arena *arena)
{
    check(worker->listener != NULL && worker->open_handles == 0);
    uv_loop_t *uv = loop_uv(loop_current());
    struct command command = {};
    uv_stdio_container_t stdio[3] = {};
    err *e = command_make(worker, arena, &command);
    if (e == NULL && worker->is_ending) {
        e = fail(arena, ERR_CLOSED, "The function %.*s has changed", PRI(worker->function->name));
    }
    if (e != NULL) {
        worker->has_exited = true;
        worker->is_ending = true;
        worker->is_swept = true;
        return e;
    }
    open_outputs(worker, stdio);
    uv_process_options_t options = {.file = command.words.items[0],
        .args = command.words.items,
        .env = environment_make(worker, arena),
        .cwd = str_cstr(arena, func_task_root(worker->function)),
        .flags = UV_PROCESS_DETACHED, // the leader of a group: it can be ended with all it started
        .exit_cb = on_exit_,
        .stdio = stdio,
        .stdio_count = 3};
    check(uv_timer_init(uv, &worker->limit) == 0);
    worker->limit.data = worker;
    worker->process.data = worker;
    worker->open_handles += 2;
    int rc = uv_spawn(uv, &worker->process, &options);
    begin_outputs(worker, rc == 0);
    if (rc != 0) {
        worker->has_exited = true;
        worker->is_ending = true;
        worker->is_swept = true;
        uv_close((uv_handle_t *)&worker->process, handle_closed);
        return fail(arena, ERR_CONFIG, "cannot start %s, which runs the function %.*s: %s",
            command.words.items[0], PRI(worker->function->name), uv_strerror(rc));
    }
    watch_begin(worker->pool->here);
    return NULL;
}
