// `ampd logs`: what functions have written, from the files of the data folder: the backend may run
// or not.
#include "app/app.h"
#include "cli/cli_int.h"
#include "func_log/func_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NAMES_MAX = 64, FOLLOW_EVERY_MS = 100, TEXT_MAX = 2 * 1024 * 1024 };

struct logs {
    struct arena *arena;
    const char *folder;
    str names[NAMES_MAX];
    size_t name_count;
    u64 since_ms;
    bool follow;
    bool as_json;
};

// ---- since -------------------------------------------------------------------------------------

// "10m", "2h", "1d", "30s": so long ago.
static bool read_age(str text, u64 *ms)
{
    static const struct {
        char unit;
        u64 ms;
    } UNITS[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 60 * 60 * 1000}, {'d', 24 * 60 * 60 * 1000}};

    u64 count = 0;
    if (text.len < 2 || !str_to_u64(str_sub(text, 0, text.len - 1), &count)) {
        return false;
    }
    for (size_t i = 0; i < countof(UNITS); i++) {
        u64 now = time_now_ms();
        if (text.ptr[text.len - 1] == UNITS[i].unit && count <= now / UNITS[i].ms) {
            *ms = now - count * UNITS[i].ms;
            return true;
        }
    }
    return false;
}

// A time in ISO 8601: of the machine's zone, unless it ends in "Z"; of a day only its beginning.
static bool read_moment(const char *text, u64 *ms)
{
    static const char *const FORMS[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < countof(FORMS); i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *rest = strptime(text, FORMS[i], &parts);
        if (rest == NULL) {
            continue;
        }
        u64 fraction = 0;
        if (*rest == '.') {
            size_t digits = strspn(rest + 1, "0123456789");
            str first = str_sub((str){rest + 1, digits}, 0, 3);
            (void)str_to_u64(first, &fraction);
            fraction *= first.len == 1 ? 100 : first.len == 2 ? 10 : 1;
            rest += 1 + digits;
        }
        bool utc = strcmp(rest, "Z") == 0;
        time_t seconds = utc ? timegm(&parts) : mktime(&parts);
        *ms = (u64)seconds * 1000 + fraction;
        return (utc || *rest == '\0') && seconds >= 0;
    }
    return false;
}

static err *read_since(struct arena *arena, const char *text, u64 *ms)
{
    *ms = 0;
    return text == NULL || read_age(str_from(text), ms) || read_moment(text, ms)
               ? NULL
               : err_hint(fail(arena, ERR_INVALID, "--since does not take '%s'", text),
                     S("Say how long ago, such as 30s, 10m, 2h or 7d, or when: "
                       "2026-11-26T08:00:00Z."));
}

// ---- printing ----------------------------------------------------------------------------------

static void print_json(struct buf *out, const struct func_log_line *line)
{
    static const str STREAMS[] = {[FUNC_LOG_PLATFORM] = S_INIT("platform"),
        [FUNC_LOG_STDOUT] = S_INIT("stdout"),
        [FUNC_LOG_STDERR] = S_INIT("stderr")};
    struct arena *arena = arena_new();
    struct json_writer w;
    jw_init(&w, out);
    jw_object(&w);
    jw_member(&w, S("time"), time_iso8601(arena, line->time_ms));
    jw_member(&w, S("function"), line->function);
    jw_member(&w, S("stream"), STREAMS[line->stream]);
    jw_member(&w, S("requestId"), line->request_id);
    jw_member(&w, S("message"), line->text);
    jw_end_object(&w);
    buf_add(out, S("\n"));
    arena_free(arena);
}

static bool print(const struct logs *logs, const struct func_log_line *line)
{
    struct buf out = buf_heap(SIZE_MAX);
    if (logs->as_json) {
        print_json(&out, line);
    } else {
        func_log_show(&out, line, isatty(STDOUT_FILENO));
    }
    bool good = fwrite(out.ptr, 1, out.len, stdout) == out.len;
    buf_free(&out);
    return good;
}

// Ends when nothing is there, or when nobody reads any more.
static void run(const struct logs *logs)
{
    struct func_log_reader *reader =
        func_log_open(logs->folder, logs->names, logs->name_count, logs->since_ms);
    bool goes_on = true;
    while (goes_on) {
        struct func_log_line line = {};
        while (goes_on && func_log_next(reader, &line)) {
            goes_on = print(logs, &line);
        }
        goes_on = goes_on && fflush(stdout) == 0 && logs->follow;
        if (goes_on) {
            usleep(FOLLOW_EVERY_MS * 1000);
        }
    }
    func_log_close(reader);
}

// A name that nobody has written under is a slip, unless its lines are waited for.
static err *check_names(const struct logs *logs)
{
    for (size_t i = 0; i < logs->name_count; i++) {
        if (!logs->follow && !func_log_exists(logs->arena, logs->folder, logs->names[i])) {
            return err_hint(fail(logs->arena, ERR_NOT_FOUND, "no function '%.*s' has written a log",
                                PRI(logs->names[i])),
                S("`ampd logs` without a name shows those of all functions."));
        }
    }
    return NULL;
}

int cli_logs(struct arena *arena, int argc, char **argv)
{
    struct logs logs = {.arena = arena};
    struct app_place place = {.project = "."};
    const char *words[NAMES_MAX] = {};
    const char *follow = NULL;
    const char *since = NULL;
    const char *as_json = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"follow", NULL, "go on with what comes", &follow},
        {"since", "TIME", "only later lines: 10m, 2h, 1d ago, or since 2026-11-26T08:00:00Z",
            &since},
        {"json", NULL, "one JSON object a line: time, function, stream, requestId, message",
            &as_json},
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
    };
    int code = cli_options(
        cli_command(S("logs")), options, countof(options), argc, argv, words, NAMES_MAX, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    while (logs.name_count < NAMES_MAX && words[logs.name_count] != NULL) {
        logs.names[logs.name_count] = str_from(words[logs.name_count]);
        logs.name_count++;
    }
    const char *data_dir = app_data_dir(arena, &place);
    logs.folder = path_join(arena, data_dir, "functions/logs");
    logs.follow = follow != NULL;
    logs.as_json = as_json != NULL;
    err *e = read_since(arena, since, &logs.since_ms);
    if (e != NULL) {
        return cli_fail(CLI_USAGE, e);
    }
    if (!dir_exists(data_dir)) {
        e = err_hint(fail(arena, ERR_NOT_FOUND, "there is no data folder %s", data_dir),
            S("Start the backend with `ampd sandbox`, or name its folder with --project or "
              "--data-dir."));
    }
    e = e == NULL ? check_names(&logs) : e;
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    run(&logs);
    return CLI_OK;
}
