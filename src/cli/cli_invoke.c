// `ampd invoke`: runs a function of a running backend and prints what it returns.
#include "app/app.h"
#include "cli/cli_int.h"
#include "json/json.h"

#include <stdio.h>
#include <string.h>

enum { PAYLOAD_MAX = 6 * 1024 * 1024 };

// The option's text, or of the file behind "@".
static err *read_payload(struct arena *arena, const char *given, str *out)
{
    struct json *parsed = NULL;
    struct json_fault fault = {};
    *out = given != NULL ? str_from(given) : S("{}");
    if (given != NULL && given[0] == '@') {
        const char *path = strcmp(given, "@-") == 0 ? "/dev/stdin" : given + 1;
        TRY(file_read(arena, path, PAYLOAD_MAX, out));
    }
    return json_parse(arena, *out, &parsed, &fault) == NULL
               ? NULL
               : fail(arena, ERR_INVALID, "the payload is not JSON: %s at line %u column %u",
                     fault.what, (unsigned)fault.line, (unsigned)fault.column);
}

struct invoke {
    const char *data_dir;
    const char *name;
    const char *payload;
    bool is_async;
    bool shows_log;
    bool shows_failed;
};

// The events that were given up, newest first, as JSON.
static err *print_failed(struct arena *arena, const struct invoke *invoke, const struct json *in)
{
    enum { TEXT_MAX = 256 * 1024 * 1024 };

    struct json *out = NULL;
    struct buf text = buf_in(arena, TEXT_MAX);
    TRY(app_admin_call(arena, invoke->data_dir, S("functions.failed"), in, &out));
    json_write_pretty(&text, json_get(out, S("events")), 2);
    printf("%.*s\n", PRI(buf_str(&text)));
    return NULL;
}

// *failed: the function has.
static err *run(struct arena *arena, const struct invoke *invoke, bool *failed)
{
    struct json *in = json_object(arena);
    struct json *out = NULL;
    str payload = {};
    if (!dir_exists(invoke->data_dir)) {
        return err_hint(fail(arena, ERR_NOT_FOUND, "there is no data folder %s", invoke->data_dir),
            S("Start the backend with `ampd sandbox`, or name its folder with --project or "
              "--data-dir."));
    }
    json_set(in, S("name"), json_string(arena, str_from(invoke->name)));
    if (invoke->shows_failed) {
        return print_failed(arena, invoke, in);
    }
    TRY(read_payload(arena, invoke->payload, &payload));
    json_set(in, S("payload"), json_string(arena, payload));
    json_set(in, S("async"), json_bool(arena, invoke->is_async));
    TRY(app_admin_call(arena, invoke->data_dir, S("functions.invoke"), in, &out));
    str log = json_get_str(out, S("log"));
    if (invoke->shows_log && log.len > 0) {
        fprintf(stderr, "%.*s", PRI(log));
    }
    if (!invoke->is_async) {
        printf("%.*s\n", PRI(json_get_str(out, S("payload"))));
    }
    *failed = json_get_bool(out, S("failed"), false);
    return NULL;
}

int cli_invoke(struct arena *arena, int argc, char **argv)
{
    struct app_place place = {.project = "."};
    struct invoke invoke = {};
    const char *is_async = NULL;
    const char *log = NULL;
    const char *given_up = NULL;
    bool done = false;
    bool failed = false;
    const struct cli_option options[] = {
        {"payload", "JSON", "what the function is called with, or @FILE", &invoke.payload},
        {"async", NULL, "do not wait for it", &is_async},
        {"log", NULL, "print the end of its log to the standard error", &log},
        {"failed", NULL, "print the events that were given up instead", &given_up},
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
    };
    int code = cli_options(
        cli_command(S("invoke")), options, countof(options), argc, argv, &invoke.name, 1, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    if (invoke.name == NULL) {
        fprintf(stderr, "ampd invoke: name a function (see `ampd invoke --help`)\n");
        return CLI_USAGE;
    }
    invoke.data_dir = app_data_dir(arena, &place);
    invoke.is_async = is_async != NULL;
    invoke.shows_log = log != NULL;
    invoke.shows_failed = given_up != NULL;
    err *e = run(arena, &invoke, &failed);
    return e != NULL ? cli_fail(CLI_FAILED, e) : failed ? CLI_FAILED : CLI_OK;
}
