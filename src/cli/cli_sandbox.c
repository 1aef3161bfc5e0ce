// `ampd sandbox`: a project's backend on this machine.
#include "app/app.h"
#include "cli/cli_int.h"

#include <string.h>

static bool is_identifier(const char *text)
{
    size_t len = strlen(text);
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    return len >= 1 && len <= 15 && strspn(text, ALLOWED) == len;
}

// Reads a number of at most `max`; -1 when the text is none.
static int read_number(const char *text, u64 max)
{
    u64 value = 0;
    return str_to_u64(str_from(text), &value) && value <= max ? (int)value : -1;
}

static err *check_values(
    struct arena *arena, struct app_options *app, const char *port, const char *threads)
{
    if (app->identifier != NULL && !is_identifier(app->identifier)) {
        return err_hint(
            fail(arena, ERR_INVALID, "Invalid --identifier provided: %s", app->identifier),
            S("An identifier has 1 to 15 letters, digits and hyphens [a-zA-Z0-9-]."));
    }
    if (port != NULL && (app->port = read_number(port, 65535)) < 0) {
        return fail(arena, ERR_INVALID, "--port takes a number from 0 to 65535, not '%s'", port);
    }
    int count = threads != NULL ? read_number(threads, 64) : 0;
    if (count < 0) {
        return fail(arena, ERR_INVALID, "--threads takes a number from 0 to 64, not '%s'", threads);
    }
    app->threads = (unsigned)count;
    return NULL;
}

// Takes each `--logs-filter A B ... --logs-filter=C` out of the arguments: the common reader of
// options knows one value each. Returns how many are left; -1 when a value is missing.
static int take_filters(struct arena *arena, int argc, char **argv, struct app_options *app)
{
    static const str OPTION = S_INIT("--logs-filter");
    const char **filters = arena_array(arena, const char *, (size_t)argc + 1);
    int left = 0;
    for (int i = 0; i < argc; i++) {
        str word = str_from(argv[i]);
        size_t before = app->logs_filter_count;
        if (str_starts(word, S("--logs-filter=")) && word.len > OPTION.len + 1) {
            filters[app->logs_filter_count++] = argv[i] + OPTION.len + 1;
        } else if (str_eq(word, OPTION)) {
            while (i + 1 < argc && argv[i + 1][0] != '-') {
                filters[app->logs_filter_count++] = argv[++i];
            }
        } else {
            argv[left++] = argv[i];
            continue;
        }
        if (app->logs_filter_count == before) {
            return -1;
        }
    }
    app->logs_filters = filters;
    return left;
}

int cli_sandbox(struct arena *arena, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "secret") == 0) {
        return cli_secret(arena, argc - 1, argv + 1);
    }
    u64 started_us = time_mono_us();
    struct app_options app = {
        .project = ".", .port = -1, .started_us = started_us, .is_trusted = cli_is_trusted};
    const char *port = NULL;
    const char *threads = NULL;
    const char *once = NULL;
    const char *allow_data_loss = NULL;
    const char *stream_logs = NULL;
    const char *filter = NULL; // for the help: take_filters has them
    bool done = false;
    const struct cli_option options[] = {
        {"project", "DIR", "the project's folder (default: the current one)", &app.project},
        {"port", "N", "port to serve on (default: 4443, or the next free one; 0: any)", &port},
        {"host", "ADDR", "address to listen on (default: loopback only)", &app.host},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &app.data_dir},
        {"outputs-out-dir", "DIR", "where amplify_outputs.json goes (default: the project)",
            &app.outputs_dir},
        {"identifier", "NAME", "name of this sandbox, which then has data of its own",
            &app.identifier},
        {"once", NULL, "evaluate the definitions once; do not watch them", &once},
        {"allow-data-loss", NULL, "let a change of a model's key empty its table",
            &allow_data_loss},
        {"manifest", "FILE", "serve a compiled manifest instead of the definitions", &app.manifest},
        {"stream-function-logs", NULL, "show all lines of functions' logs, with their times",
            &stream_logs},
        {"logs-filter", "REGEX...", "show those of functions whose names match", &filter},
        {"logs-out-file", "FILE", "append them to a file instead of showing them",
            &app.logs_out_file},
        {"threads", "N", "worker threads (default: one per core)", &threads},
    };

    const struct cli_command *self = cli_command(S("sandbox"));
    argc = take_filters(arena, argc, argv, &app);
    if (argc < 0) {
        return cli_fail(
            CLI_USAGE, fail(arena, ERR_INVALID, "a value is missing behind --logs-filter"));
    }
    int code = cli_options(self, options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    app.once = once != NULL;
    app.allow_data_loss = allow_data_loss != NULL;
    app.stream_logs = stream_logs != NULL;
    err *e = check_values(arena, &app, port, threads);
    if (e != NULL) {
        return cli_fail(CLI_USAGE, e);
    }
    e = app_run(arena, &app);
    return e != NULL ? cli_fail(CLI_FAILED, e) : CLI_OK;
}
