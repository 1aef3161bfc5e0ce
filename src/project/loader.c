// The loader's process: started with pipes, read line by line, ended by closing its input. What it
// writes is only taken off its pipe as far as somebody asks for it: no event is ever dropped.
#include "project/project.h"

#include "json/json.h"

#include <signal.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 16 * 1024 * 1024, READ_SIZE = 64 * 1024 };

enum { LOADER_MAGIC = 0x6c6f6164 };

struct project_loader {
    u32 magic;
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t output;
    unsigned open_handles;
    unsigned readers;    // fibers inside project_loader_next
    struct cond changed; // more output, the end of it, a handle closed, a reader gone
    bool abandoned;
    bool exited;
    bool ended;  // no more output
    bool paused; // enough output is kept: the pipe is not read
    int exit_code;
    struct buf unread;
    size_t looked_at; // of `unread`: no end of a line there
};

static void handle_closed(uv_handle_t *handle)
{
    struct project_loader *loader = handle->data;
    check_magic(loader, LOADER_MAGIC);
    check(loader->open_handles > 0);
    loader->open_handles--;
    cond_signal_all(&loader->changed);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle_closed);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct project_loader *loader = handle->data;
    (void)suggested;
    *out = uv_buf_init(buf_room(&loader->unread, READ_SIZE), READ_SIZE);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct project_loader *loader = stream->data;
    (void)bytes;
    if (got > 0) {
        loader->unread.len += (size_t)got; // read into its room
    } else if (got < 0) {
        loader->ended = true;
        close_handle((uv_handle_t *)stream);
    }
    if (!loader->ended && loader->unread.len >= LINE_MAX_BYTES) {
        loader->paused = true;
        uv_read_stop(stream);
    }
    cond_signal_all(&loader->changed);
}

static void on_exit_(uv_process_t *process, int64_t status, int signal_number)
{
    struct project_loader *loader = process->data;
    loader->exited = true;
    loader->exit_code = signal_number != 0 ? 128 + signal_number : (int)status;
    close_handle((uv_handle_t *)process);
    close_handle((uv_handle_t *)&loader->input);
    cond_signal_all(&loader->changed);
}

static struct project_loader *loader_new(void)
{
    struct project_loader *loader = mem_new(struct project_loader);
    uv_loop_t *uv = loop_uv(loop_current());
    loader->magic = LOADER_MAGIC;
    loader->unread = buf_heap(LINE_MAX_BYTES + READ_SIZE);
    check(uv_pipe_init(uv, &loader->input, 0) == 0);
    check(uv_pipe_init(uv, &loader->output, 0) == 0);
    loader->input.data = loader;
    loader->output.data = loader;
    loader->process.data = loader;
    loader->open_handles = 3;
    return loader;
}

err *project_loader_start(
    struct arena *arena, const struct project_loader_options *options, struct project_loader **out)
{
    struct project_loader *loader = loader_new();
    const char *args[12] = {"node", "--enable-source-maps", options->program, "--project",
        options->project, "--out", options->manifest};
    size_t count = 7;
    if (options->watch) {
        args[count++] = "--watch";
    }
    if (options->identifier != NULL) {
        args[count++] = "--identifier";
        args[count++] = options->identifier;
    }
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (uv_stream_t *)&loader->input},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&loader->output},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };

    uv_process_options_t process = {.file = "node",
        .args = (char **)(void *)args,
        .exit_cb = on_exit_,
        .stdio = stdio,
        .stdio_count = 3};
    int rc = uv_spawn(loop_uv(loop_current()), &loader->process, &process);
    if (rc != 0) {
        project_loader_free(loader);
        return err_hint(
            fail(arena, ERR_CONFIG, "cannot start node, which evaluates the definitions: %s",
                uv_strerror(rc)),
            S("Install Node.js 18 or later (Debian: apt-get install nodejs)."));
    }
    check(uv_read_start((uv_stream_t *)&loader->output, on_room, on_output) == 0);
    *out = loader;
    return NULL;
}

// Takes the next line off what has been read. False when its end has not come yet.
static bool take_line(struct project_loader *loader, struct arena *arena, str *line)
{
    str bytes = buf_str(&loader->unread);
    ptrdiff_t at = str_find_char(str_sub(bytes, loader->looked_at, bytes.len), '\n');
    size_t len = at < 0 ? bytes.len : loader->looked_at + (size_t)at;
    if (at < 0 && bytes.len < LINE_MAX_BYTES) {
        loader->looked_at = bytes.len;
        return false;
    }
    *line = str_dup(arena, str_sub(bytes, 0, len)); // one that is far too long is no event: cut
    buf_drop(&loader->unread, at < 0 ? len : len + 1);
    loader->looked_at = 0;
    if (loader->paused && loader->unread.len < LINE_MAX_BYTES) {
        loader->paused = false;
        check(uv_read_start((uv_stream_t *)&loader->output, on_room, on_output) == 0);
    }
    return true;
}

static err *next_line(struct project_loader *loader, struct arena *arena, str *line) YIELDS;

// `line` is none once there is no more.
static err *next_line(struct project_loader *loader, struct arena *arena, str *line)
{
    *line = (str){};
    while (!loader->abandoned && !take_line(loader, arena, line)) {
        if (loader->ended && loader->exited) {
            return NULL;
        }
        TRY(cond_wait(&loader->changed));
    }
    return NULL;
}

err *project_loader_next(struct project_loader *loader, struct arena *arena, struct json **event)
{
    err *e = NULL;
    str line = {};
    struct arena_mark mark = arena_mark(arena);
    check_magic(loader, LOADER_MAGIC);
    *event = NULL;
    if (loader->abandoned) { // freed by its owner before the reading fiber came to its first turn
        return NULL;
    }
    loader->readers++;
    while ((e = next_line(loader, arena, &line)) == NULL && line.ptr != NULL) {
        if (json_parse(arena, line, event, NULL) == NULL && (*event)->kind == JSON_OBJECT) {
            break;
        }
        *event = NULL;
        if (line.len > 0) {
            fprintf(stderr, "%.*s\n", PRI(line));
        }
        arena_rewind(arena, mark);
    }
    loader->readers--;
    cond_signal_all(&loader->changed);
    return e;
}

int project_loader_exit_code(const struct project_loader *loader)
{
    return loader->exit_code;
}

void project_loader_free(struct project_loader *loader)
{
    enum { PATIENCE_S = 3 };

    u64 old = fiber_deadline(time_mono_us() + PATIENCE_S * (u64)1000000);
    loader->abandoned = true;
    cond_signal_all(&loader->changed); // a fiber that waits for an event is told that there is none
    close_handle((uv_handle_t *)&loader->input);
    close_handle((uv_handle_t *)&loader->output);
    if (loader->exited || !uv_is_active((uv_handle_t *)&loader->process)) {
        close_handle((uv_handle_t *)&loader->process);
    } else {
        uv_process_kill(&loader->process, SIGTERM);
    }
    while (loader->open_handles + loader->readers > 0 && cond_wait(&loader->changed) == NULL) {
    }
    fiber_deadline(old);
    if (loader->open_handles + loader->readers > 0) { // left to its closed input
        log_warn("project.loader", "process %d does not end", uv_process_get_pid(&loader->process));
        return;
    }
    buf_free(&loader->unread);
    loader->magic = 0;
    mem_free(loader);
}
