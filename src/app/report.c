// What the person at the terminal sees. Plain lines; colour only on a terminal.
#include "app/app_int.h"
#include "func_log/func_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static const char *style(const char *code)
{
    return isatty(STDOUT_FILENO) ? code : "";
}

#define BOLD   style("\033[1m")
#define RED    style("\033[31m")
#define YELLOW style("\033[33m")
#define GREEN  style("\033[32m")
#define PLAIN  style("\033[0m")

void app_say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

// What a person waits for, on one line; the whole message is in the inbox.
void app_say_message(const struct outbox_message *message)
{
    enum { LINE_MAX_BYTES = 4096 };
    struct arena *arena = arena_new();
    struct buf line = buf_in(arena, LINE_MAX_BYTES);
    str what = message->code.len > 0 ? message->code : message->link;
    func_log_printable(&line, message->to); // which anybody chooses, and a terminal may obey
    buf_add(&line, S(": "));
    func_log_printable(&line, what.len > 0 ? what : message->subject);
    app_say("%s✉%s %.*s to %.*s", GREEN, PLAIN, PRI(message->medium), PRI(buf_str(&line)));
    arena_free(arena);
}

void app_say_error(const err *e)
{
    app_say("%s✖%s %.*s", RED, PLAIN, PRI(e->text));
    if (e->hint.len > 0) {
        app_say("  %.*s", PRI(e->hint));
    }
}

void app_say_warning(str text, str hint)
{
    app_say("%s!%s %.*s", YELLOW, PLAIN, PRI(text));
    app_say("  %.*s", PRI(hint));
}

// "amplify/data/resource.ts:12:3  text", and what to do on a line of its own.
static void say_located(const struct json *item, const char *mark, const char *colour)
{
    str file = json_get_str(item, S("file"));
    str hint = json_get_str(item, S("hint"));
    i64 line = json_get_int(item, S("line"), 0);
    i64 column = json_get_int(item, S("column"), 0);
    printf("%s%s%s ", colour, mark, PLAIN);
    if (file.len > 0 && line > 0) {
        printf("%.*s:%lld:%lld  ", PRI(file), (long long)line, (long long)column);
    } else if (file.len > 0) {
        printf("%.*s  ", PRI(file));
    }
    app_say("%.*s", PRI(json_get_str(item, S("message"))));
    if (hint.len > 0) {
        app_say("  %.*s", PRI(hint));
    }
}

void app_say_problems(const struct json *event)
{
    json_each (item, json_get(event, S("errors"))) {
        say_located(item, "✖", RED);
    }
}

void app_say_warnings(const struct json *event)
{
    json_each (item, json_get(event, S("warnings"))) {
        say_located(item, "!", YELLOW);
    }
}

void app_say_types(const struct json *event)
{
    const struct json *errors = json_get(event, S("errors"));
    json_each (item, errors) {
        say_located(item, "!", YELLOW);
    }
    app_say("[Sandbox] %s", errors != NULL && errors->count > 0
                                ? "The type check found errors; what runs is served all the same."
                                : "The type check passes again.");
}

str app_problem_text(struct arena *arena, const struct json *event)
{
    struct buf out = buf_in(arena, 64 * 1024);
    json_each (item, json_get(event, S("errors"))) {
        str file = json_get_str(item, S("file"));
        buf_add(&out, out.len > 0 ? S("\n") : S(""));
        if (file.len > 0) {
            buf_add(&out, file);
            buf_fmt(&out, ":%lld: ", (long long)json_get_int(item, S("line"), 0));
        }
        buf_add(&out, json_get_str(item, S("message")));
    }
    return buf_str(&out);
}

struct trust_question {
    struct app *app;
    struct arena *arena;
    bool trusted;
};

static void ask_trust(void *arg)
{
    struct trust_question *question = arg;
    const struct app *app = question->app;
    question->trusted = app->options->is_trusted(question->arena, app->ca_pem);
}

// Realtime always uses TLS: without trust a browser refuses it, and says so only in its console.
static void say_trust(struct app *app, struct arena *arena) YIELDS;

static void say_trust(struct app *app, struct arena *arena)
{
    struct trust_question question = {.app = app, .arena = arena};
    if (app->options->is_trusted == NULL || worker_run(ask_trust, &question) != NULL ||
        question.trusted) {
        return;
    }
    // Without the folder `ampd trust` would look, or make an authority, in another one.
    const struct app_options *options = app->options;
    bool elsewhere = options->data_dir != NULL || options->identifier != NULL ||
                     strcmp(options->project, ".") != 0;
    str folder =
        elsewhere ? str_cat(arena, S(" --data-dir "), shell_quote(arena, str_from(app->data_dir)))
                  : S("");
    app_say("  %sTrust%s      once, for live updates in a browser: %sampd trust%.*s%s", YELLOW,
        PLAIN, BOLD, PRI(folder), PLAIN);
    app_say("             for Node.js: NODE_EXTRA_CA_CERTS=%.*s",
        PRI(shell_quote(arena, str_from(app->ca_pem))));
}

void app_announce(struct app *app, const struct project_manifest *manifest)
{
    const str *unserved = NULL;
    struct arena *arena = arena_new();
    size_t count = project_manifest_unserved(arena, manifest, &unserved);
    for (size_t i = 0; i < count; i++) {
        app_say("%s!%s %.*s", YELLOW, PLAIN, PRI(unserved[i]));
    }
    if (!app->announced) {
        app->announced = true;
        app_say("%s", "");
        app_say("  %sampd%s is ready in %llu ms", BOLD, PLAIN, (unsigned long long)app->ready_ms);
        app_say("%s", "");
        app_say("  %sGraphQL%s    %.*s/graphql", GREEN, PLAIN, PRI(app->base_url));
        app_say("  %sRealtime%s   wss://%.*s/graphql/realtime", GREEN, PLAIN, PRI(app->authority));
        if (!json_is_null(json_get(manifest->root, S("auth")))) {
            app_say("  %sInbox%s      %.*s/_ampd/inbox", GREEN, PLAIN, PRI(app->base_url));
        }
        if (app->delivery.len > 0) {
            app_say("  %sMessages%s   %.*s", GREEN, PLAIN, PRI(app->delivery));
        }
        app_say("  %sOutputs%s    %s", GREEN, PLAIN, app->outputs_path);
        app_say("  %sData%s       %s", GREEN, PLAIN, app->data_dir);
        say_trust(app, arena);
        app_say("%s", "");
    }
    arena_free(arena);
}
