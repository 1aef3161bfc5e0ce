// `ampd inbox`: the messages that a running backend has sent.
#include "cli/cli_server.h"
#include "json/json.h"

#include <stdio.h>

static void print_json(const struct json *message)
{
    struct buf line = buf_heap(1024 * 1024);
    json_write(&line, message);
    printf("%.*s\n", PRI(buf_str(&line)));
    buf_free(&line);
}

static void print_message(const struct json *message, bool as_json)
{
    if (as_json) {
        print_json(message);
        return;
    }
    str subject = json_get_str(message, S("subject"));
    str code = json_get_str(message, S("code"));
    printf("%.*s  %.*s to %.*s\n", PRI(json_get_str(message, S("at"))),
        PRI(json_get_str(message, S("medium"))), PRI(json_get_str(message, S("to"))));
    if (subject.len > 0) {
        printf("  %.*s\n", PRI(subject));
    }
    printf("  %.*s\n", PRI(json_get_str(message, S("text"))));
    if (code.len > 0) {
        printf("  Code: %.*s\n", PRI(code));
    }
}

// Asks again and again until there is one: each answer of the server comes within a minute.
static err *wait_for(
    struct arena *arena, const struct cli_server *server, const char *address, bool as_json)
{
    struct cli_request request = {.method = S("GET"),
        .path = str_cat(arena, S("/_ampd/inbox?wait="), http_url_encode(arena, str_from(address)))};
    for (;;) {
        struct http_client_res answer = {};
        struct json *message = NULL;
        TRY(cli_server_ask(arena, server, &request, &answer));
        if (answer.status == 204) {
            continue;
        }
        if (answer.status != 200 || json_parse(arena, answer.body, &message, NULL) != NULL) {
            return fail(arena, ERR_IO, "the server's answer has status %d", answer.status);
        }
        print_message(message, as_json);
        return NULL;
    }
}

static err *list(struct arena *arena, const struct cli_server *server, bool as_json)
{
    struct cli_request request = {.method = S("GET"), .path = S("/_ampd/inbox")};
    struct http_client_res answer = {};
    struct json *messages = NULL;
    TRY(cli_server_ask(arena, server, &request, &answer));
    if (answer.status != 200 || json_parse(arena, answer.body, &messages, NULL) != NULL) {
        return fail(arena, ERR_IO, "the server's answer has status %d", answer.status);
    }
    for (size_t i = messages->count; i-- > 0;) { // the newest last, as a terminal reads
        print_message(json_at(messages, i), as_json);
    }
    return NULL;
}

int cli_inbox(struct arena *arena, int argc, char **argv)
{
    struct cli_place place = {.project = "."};
    struct cli_server server = {};
    const char *as_json = NULL;
    const char *address = NULL;
    bool done = false;
    const struct cli_option options[] = {
        {"project", "DIR", "folder of the Amplify project (default: the current one)",
            &place.project},
        {"data-dir", "DIR", "ampd's data (default: .amplify/ampd in the project)", &place.data_dir},
        {"identifier", "NAME", "the sandbox of that name", &place.identifier},
        {"json", NULL, "one JSON object a line: to, medium, subject, text, code, at", &as_json},
        {"wait", "ADDRESS", "wait for the newest unread message to it, and print that", &address},
    };
    int code =
        cli_options(cli_command(S("inbox")), options, countof(options), argc, argv, NULL, 0, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    err *e = cli_server_find(arena, &place, &server);
    if (e == NULL) {
        e = address != NULL ? wait_for(arena, &server, address, as_json != NULL)
                            : list(arena, &server, as_json != NULL);
    }
    return e != NULL ? cli_fail(CLI_FAILED, e) : CLI_OK;
}
