// `ampd info`: what is there, and what is in force.
#include "app/app.h"
#include "cli/cli_int.h"
#include "json/json.h"

#include <stdio.h>

static void print_line(const char *name, str value)
{
    printf("%-20s %.*s\n", name, PRI(value));
}

static void print(const char *data_dir, const struct json *info)
{
    bool served = json_get_bool(info, S("isServed"), false);
    print_line("version", json_get_str(info, S("version")));
    print_line("data folder", str_from(data_dir));
    print_line("served at", served ? json_get_str(info, S("url")) : S("not at present"));
    if (served) {
        print_line("process", json_get_str(info, S("processId")));
    }
    print_line("functions run in", json_get_str(info, S("functionIsolation")));
}

// Of this machine alone, when there is no data folder to ask about.
static struct json *without_folder(struct arena *arena)
{
    struct json *info = json_object(arena);
    json_set(info, S("version"), json_string(arena, S(AMPD_VERSION)));
    json_set(info, S("functionIsolation"), json_string(arena, app_isolation(arena)));
    return info;
}

int cli_info(struct arena *arena, int argc, char **argv)
{
    struct app_place place = {.project = "."};
    const char *as_json = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
        {"json", NULL, "as one JSON object", &as_json},
    };

    int code =
        cli_options(cli_command(S("info")), options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    const char *data_dir = app_data_dir(arena, &place);
    struct json *info = NULL;
    err *e = NULL;
    if (dir_exists(data_dir)) {
        e = app_admin_call(arena, data_dir, S("info"), json_object(arena), &info);
    } else {
        info = without_folder(arena);
    }
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    if (as_json != NULL) {
        json_set(info, S("dataFolder"), json_string(arena, str_from(data_dir)));
        str text = json_text(arena, info);
        printf("%.*s\n", PRI(text));
    } else {
        print(data_dir, info);
    }
    return CLI_OK;
}
