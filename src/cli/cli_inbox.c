// `ampd inbox`: the messages that a running backend has sent.
#include "app/app.h"
#include "cli/cli_int.h"
#include "func_log/func_log.h"
#include "json/json.h"

#include <stdio.h>

struct inbox {
    struct arena *arena;
    const char *data_dir;
    bool as_json;
};

// As a terminal may have it: whoever signs up chooses the address.
static str shown(const struct inbox *inbox, str text)
{
    enum { LONGEST = 6 }; // what one byte can become
    struct buf out = buf_in(inbox->arena, text.len * LONGEST + 1);
    func_log_printable(&out, text);
    return buf_str(&out);
}

static void print_message(const struct inbox *inbox, const struct json *message)
{
    if (inbox->as_json) {
        str text = json_text(inbox->arena, message);
        printf("%.*s\n", PRI(text));
        return;
    }
    str to = shown(inbox, json_get_str(message, S("to")));
    str subject = shown(inbox, json_get_str(message, S("subject")));
    str text = shown(inbox, json_get_str(message, S("text")));
    str code = json_get_str(message, S("code"));
    printf("%.*s  %.*s to %.*s\n", PRI(json_get_str(message, S("at"))),
        PRI(json_get_str(message, S("medium"))), PRI(to));
    if (subject.len > 0) {
        printf("  %.*s\n", PRI(subject));
    }
    printf("  %.*s\n", PRI(text));
    if (code.len > 0) {
        printf("  Code: %.*s\n", PRI(code));
    }
}

// Asks again and again until there is one: each answer comes within some seconds.
static err *wait_for(const struct inbox *inbox, const char *address)
{
    struct json *in = json_object(inbox->arena);
    json_set(in, S("address"), json_string(inbox->arena, str_from(address)));
    for (;;) {
        struct json *out = NULL;
        TRY(app_admin_call(inbox->arena, inbox->data_dir, S("inbox.take"), in, &out));
        const struct json *message = json_get(out, S("message"));
        if (message != NULL) {
            print_message(inbox, message);
            return NULL;
        }
    }
}

static err *list(const struct inbox *inbox)
{
    struct json *out = NULL;
    TRY(app_admin_call(
        inbox->arena, inbox->data_dir, S("inbox.list"), json_object(inbox->arena), &out));
    const struct json *messages = json_get(out, S("messages"));
    for (size_t i = messages != NULL ? messages->count : 0; i-- > 0;) { // the newest last
        print_message(inbox, json_at(messages, i));
    }
    return NULL;
}

int cli_inbox(struct arena *arena, int argc, char **argv)
{
    struct app_place place = {.project = "."};
    const char *as_json = NULL;
    const char *address = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
        {"json", NULL, "one JSON object a line: to, medium, subject, text, code, at", &as_json},
        {"wait", "ADDRESS", "wait for the newest unread message to it, and print that", &address},
    };
    int code =
        cli_options(cli_command(S("inbox")), options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    struct inbox inbox = {arena, app_data_dir(arena, &place), as_json != NULL};
    err *e = NULL;
    if (!dir_exists(inbox.data_dir)) {
        e = err_hint(fail(arena, ERR_NOT_FOUND, "there is no data folder %s", inbox.data_dir),
            S("Start the backend with `ampd sandbox`, or name its folder with --project or "
              "--data-dir."));
    } else {
        e = address != NULL ? wait_for(&inbox, address) : list(&inbox);
    }
    return e != NULL ? cli_fail(CLI_FAILED, e) : CLI_OK;
}
