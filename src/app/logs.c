// Functions' logs on the terminal, or in the file that --logs-out-file names. Written by the
// workers that write the logs themselves: a terminal that does not take them loses lines, and
// holds nobody up for long.
#include "app/app_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <unistd.h>

enum { PIECE = 4096, PATIENCE_MS = 1000 };

struct app_logs {
    bool streams; // all lines, the platform's too
    regex_t *filters;
    size_t filter_count;
    int fd;
    bool coloured;
    bool is_stuck; // nobody takes what is written: lines are dropped until somebody does
};

static err *compile_filters(struct app *app, struct app_logs *logs)
{
    const struct app_options *options = app->options;
    logs->filters = arena_array(app->arena, regex_t, options->logs_filter_count);
    for (size_t i = 0; i < options->logs_filter_count; i++) {
        char why[128];
        int rc = regcomp(&logs->filters[i], options->logs_filters[i], REG_EXTENDED | REG_NOSUB);
        if (rc != 0) {
            regerror(rc, &logs->filters[i], why, sizeof(why));
            return fail(app->arena, ERR_INVALID, "--logs-filter is no regular expression: %s: %s",
                options->logs_filters[i], why);
        }
        logs->filter_count++;
    }
    return NULL;
}

err *app_open_logs(struct app *app)
{
    const struct app_options *options = app->options;
    struct app_logs *logs = arena_new_of(app->arena, struct app_logs);
    app->logs = logs;
    logs->fd = STDOUT_FILENO;
    logs->streams =
        options->stream_logs || options->logs_filter_count > 0 || options->logs_out_file != NULL;
    TRY(compile_filters(app, logs));
    if (options->logs_out_file != NULL) {
        logs->fd = open(options->logs_out_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (logs->fd < 0) {
            return fail(app->arena, ERR_IO, "cannot write to --logs-out-file %s: %s",
                options->logs_out_file, strerror(errno));
        }
    }
    logs->coloured = isatty(logs->fd) != 0;
    return NULL;
}

void app_close_logs(struct app *app)
{
    for (size_t i = 0; app->logs != NULL && i < app->logs->filter_count; i++) {
        regfree(&app->logs->filters[i]);
    }
    if (app->logs != NULL && app->logs->fd > STDERR_FILENO) {
        close(app->logs->fd);
    }
}

// ---- lines -------------------------------------------------------------------------------------

// The platform's own lines frame each invocation; they are for who asks for the log.
static bool is_frame(const struct func_log_line *line)
{
    static const str BEGINNINGS[] = {S_INIT("START RequestId:"), S_INIT("END RequestId:"),
        S_INIT("REPORT RequestId:"), S_INIT("{")};
    bool is = false;
    for (size_t i = 0; i < countof(BEGINNINGS); i++) {
        is = is || str_starts(line->text, BEGINNINGS[i]);
    }
    return is && line->stream == FUNC_LOG_PLATFORM;
}

static bool is_wanted(const struct app_logs *logs, const struct func_log_line *line)
{
    if (!logs->streams) {
        return !is_frame(line);
    }
    bool wanted = logs->filter_count == 0;
    struct arena *arena = arena_new();
    const char *name = str_cstr(arena, line->function);
    for (size_t i = 0; i < logs->filter_count && !wanted; i++) {
        wanted = regexec(&logs->filters[i], name, 0, NULL, 0) == 0;
    }
    arena_free(arena);
    return wanted;
}

static void put(struct app_logs *logs, str text)
{
    struct pollfd ready = {.fd = logs->fd, .events = POLLOUT};
    while (text.len > 0) {
        if (poll(&ready, 1, logs->is_stuck ? 0 : PATIENCE_MS) == 0) {
            logs->is_stuck = true;
            return;
        }
        logs->is_stuck = false;
        ssize_t done = write(logs->fd, text.ptr, text.len < PIECE ? text.len : PIECE);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return; // the disk is full, or the terminal is gone
        }
        text = str_sub(text, (size_t)done, text.len);
    }
}

void app_say_function(void *arg, const struct func_log_line *line)
{
    struct app *app = arg;
    struct app_logs *logs = app->logs;
    struct buf out = buf_heap(SIZE_MAX);
    check(logs != NULL);
    if (is_wanted(logs, line)) {
        if (logs->streams) {
            func_log_show(&out, line, logs->coloured);
        } else {
            buf_fmt(&out, "[%.*s] ", PRI(line->function));
            func_log_printable(&out, line->text);
            buf_add(&out, S("\n"));
        }
        put(logs, buf_str(&out));
    }
    buf_free(&out);
}

void app_say_script(str name, str line)
{
    struct arena *arena = arena_new();
    struct buf out = buf_heap(SIZE_MAX);
    func_log_printable(&out, func_log_clean(arena, line));
    app_say("[%.*s] %.*s", PRI(name), PRI(buf_str(&out)));
    buf_free(&out);
    arena_free(arena);
}
