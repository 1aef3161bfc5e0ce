// The loader's process: started with pipes, read line by line, ended by closing its input.
#include "project/project.h"

#include "json/json.h"

#include <signal.h>
#include <stdio.h>

enum { LINES_MAX = 256, LINE_BYTES_MAX = 16 * 1024 * 1024, READ_SIZE = 64 * 1024 };

struct project_loader {
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t output;
    unsigned open_handles;
    struct cond closed; // signalled when the last handle is
    bool abandoned;
    bool exited;
    bool ended; // no more output
    int exit_code;
    struct buf partial;
    struct chan *lines; // heap copies: struct line
    char scratch[READ_SIZE];
};

struct line {
    size_t len;
    char bytes[];
};

static void handle_closed(uv_handle_t *handle)
{
    struct project_loader *loader = handle->data;
    if (--loader->open_handles == 0) {
        cond_signal_all(&loader->closed);
    }
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle)) {
        uv_close(handle, handle_closed);
    }
}

static void push_line(struct project_loader *loader, str text)
{
    struct line *line = mem_alloc(sizeof(struct line) + text.len);
    line->len = text.len;
    memcpy(line->bytes, text.ptr, text.len);
    if (text.len == 0 || loader->abandoned || !chan_try_put(loader->lines, line)) {
        mem_free(line);
    }
}

static void take_lines(struct project_loader *loader)
{
    size_t begin = 0;
    str bytes = buf_str(&loader->partial);
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n') {
            push_line(loader, str_sub(bytes, begin, i));
            begin = i + 1;
        }
    }
    buf_drop(&loader->partial, begin);
}

static void end_if_done(struct project_loader *loader)
{
    if (loader->ended && loader->exited) {
        chan_close(loader->lines);
    }
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct project_loader *loader = handle->data;
    (void)suggested;
    *out = uv_buf_init(loader->scratch, READ_SIZE);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct project_loader *loader = stream->data;
    if (got > 0) {
        buf_add(&loader->partial, (str){bytes->base, (size_t)got});
        take_lines(loader);
    } else if (got < 0) {
        loader->ended = true;
        close_handle((uv_handle_t *)stream);
        end_if_done(loader);
    }
}

static void on_exit_(uv_process_t *process, int64_t status, int signal_number)
{
    struct project_loader *loader = process->data;
    loader->exited = true;
    loader->exit_code = signal_number != 0 ? 128 + signal_number : (int)status;
    close_handle((uv_handle_t *)process);
    close_handle((uv_handle_t *)&loader->input);
    end_if_done(loader);
}

static struct project_loader *loader_new(void)
{
    struct project_loader *loader = mem_new(struct project_loader);
    uv_loop_t *uv = loop_uv(loop_current());
    loader->partial = buf_heap(LINE_BYTES_MAX);
    loader->lines = chan_new(LINES_MAX);
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

err *project_loader_next(struct project_loader *loader, struct arena *arena, struct json **event)
{
    *event = NULL;
    for (;;) {
        void *item = NULL;
        err *e = chan_take(loader->lines, &item);
        if (e != NULL && e->code == ERR_CLOSED) {
            return NULL;
        }
        TRY(e);
        struct line *line = item;
        str text = str_dup(arena, (str){line->bytes, line->len});
        mem_free(line);
        if (json_parse(arena, text, event, NULL) == NULL && (*event)->kind == JSON_OBJECT) {
            return NULL;
        }
        fprintf(stderr, "%.*s\n", PRI(text));
    }
}

int project_loader_exit_code(const struct project_loader *loader)
{
    return loader->exit_code;
}

static void drop_lines(struct project_loader *loader) YIELDS;

static void drop_lines(struct project_loader *loader)
{
    void *line = NULL;
    while (chan_count(loader->lines) > 0 && chan_take(loader->lines, &line) == NULL) {
        mem_free(line);
    }
}

void project_loader_free(struct project_loader *loader)
{
    enum { PATIENCE_S = 3 };

    u64 old = fiber_deadline(time_mono_us() + PATIENCE_S * (u64)1000000);
    loader->abandoned = true;
    chan_close(loader->lines); // a fiber that waits for an event is told that there is none
    close_handle((uv_handle_t *)&loader->input);
    close_handle((uv_handle_t *)&loader->output);
    if (loader->exited || !uv_is_active((uv_handle_t *)&loader->process)) {
        close_handle((uv_handle_t *)&loader->process);
    } else {
        uv_process_kill(&loader->process, SIGTERM);
    }
    while (loader->open_handles > 0 && cond_wait(&loader->closed) == NULL) {
    }
    fiber_deadline(old);
    if (loader->open_handles > 0) { // it does not end: it is left to its closed input
        log_warn("project.loader", "process %d does not end", uv_process_get_pid(&loader->process));
        return;
    }
    drop_lines(loader);
    buf_free(&loader->partial);
    chan_free(loader->lines);
    mem_free(loader);
}
