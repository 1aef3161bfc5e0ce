// `ampd sandbox secret`: the project's secrets, as `ampx sandbox secret` keeps them.
#include "app/app.h"
#include "cli/cli_int.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { VALUE_MAX = 16 * 1024, WORDS_MAX = 3 };

struct secret {
    struct arena *arena;
    const char *data_dir;
    bool all;
};

// ---- the value ---------------------------------------------------------------------------------

// All there is, or up to the first line's end; nothing of it goes through a buffer of stdio's.
static err *read_bytes(struct arena *arena, bool line, str *out)
{
    char *text = arena_alloc(arena, VALUE_MAX + 1);
    size_t len = 0;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, text + len, VALUE_MAX + 1 - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(arena, ERR_IO, "cannot read the value: %s", strerror(errno));
        }
        len += (size_t)got;
        if (len > VALUE_MAX) {
            return fail(arena, ERR_INVALID, "the value is too long");
        }
        if (got == 0 || (line && memchr(text, '\n', len) != NULL)) {
            break;
        }
    }
    *out = (str){text, len};
    return NULL;
}

// Without echo; what the terminal was like is put back.
static err *ask(struct arena *arena, str *out)
{
    struct termios before;
    struct termios silent;
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return fail(arena, ERR_IO, "cannot ask at this terminal: %s", strerror(errno));
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent); // first: what is typed then must not be lost
    fprintf(stderr, "Enter secret value: ");
    err *e = read_bytes(arena, true, out);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return e;
}

// What `echo` puts behind a value does not belong to it.
static err *read_value(struct arena *arena, str *out)
{
    TRY(isatty(STDIN_FILENO) ? ask(arena, out) : read_bytes(arena, false, out));
    if (str_ends(*out, S("\n"))) {
        out->len -= str_ends(*out, S("\r\n")) ? 2 : 1;
    }
    return out->len > 0 ? NULL : fail(arena, ERR_INVALID, "the value of a secret cannot be empty");
}

// ---- the calls ---------------------------------------------------------------------------------

static struct json *named(const struct secret *secret, const char *name)
{
    struct json *in = json_object(secret->arena);
    json_set(in, S("name"), json_string(secret->arena, str_from(name)));
    return in;
}

static err *set(const struct secret *secret, const char *name)
{
    struct json *out = NULL;
    struct json *in = named(secret, name);
    str value = {};
    TRY(read_value(secret->arena, &value));
    if (!str_is_utf8(value)) {
        return fail(secret->arena, ERR_INVALID, "the value is not UTF-8 text");
    }
    json_set(in, S("value"), json_string(secret->arena, value));
    TRY(app_admin_call(secret->arena, secret->data_dir, S("secrets.set"), in, &out));
    printf("Successfully created version %lld of secret %s\n",
        (long long)json_get_int(out, S("version"), 0), name);
    return NULL;
}

static err *get(const struct secret *secret, const char *name)
{
    static const str MEMBERS[] = {
        S_INIT("name"), S_INIT("version"), S_INIT("value"), S_INIT("lastUpdated")};
    struct json *out = NULL;
    TRY(app_admin_call(
        secret->arena, secret->data_dir, S("secrets.get"), named(secret, name), &out));
    for (size_t i = 0; i < countof(MEMBERS); i++) {
        const struct json *member = json_get(out, MEMBERS[i]);
        printf("%.*s: %.*s\n", PRI(MEMBERS[i]), PRI(member != NULL ? member->text : S("")));
    }
    return NULL;
}

static err *list(const struct secret *secret)
{
    struct json *out = NULL;
    TRY(app_admin_call(
        secret->arena, secret->data_dir, S("secrets.list"), json_object(secret->arena), &out));
    const struct json *names = json_get(out, S("names"));
    json_each (name, names) {
        printf(" - %.*s\n", PRI(name->text));
    }
    if (names == NULL || names->count == 0) {
        printf("No sandbox secrets found. To create a secret use ampd sandbox secret set "
               "<secret-name>.\n");
    }
    return NULL;
}

static err *remove_secret(const struct secret *secret, const char *name)
{
    struct json *out = NULL;
    struct json *in = name != NULL ? named(secret, name) : json_object(secret->arena);
    TRY(app_admin_call(secret->arena, secret->data_dir, S("secrets.remove"), in, &out));
    if (name == NULL) {
        printf("Successfully removed all secrets\n");
    } else {
        printf("Successfully removed secret %s\n", name);
    }
    return NULL;
}

static err *wrong_use(struct arena *arena)
{
    return err_hint(fail(arena, ERR_INVALID,
                        "secret takes set NAME, get NAME, list, remove NAME or remove --all"),
        S("`ampd sandbox secret --help` tells more."));
}

static err *run(const struct secret *secret, const char *const *words, bool *used_wrong)
{
    const char *verb = words[0] != NULL ? words[0] : "";
    const char *name = words[1];
    bool removes = strcmp(verb, "remove") == 0;
    *used_wrong = false;
    if (removes && (name != NULL) == secret->all) {
        *used_wrong = true;
        return fail(secret->arena, ERR_INVALID,
            secret->all ? "secret-name and --all cannot be used together"
                        : "Either secret-name or all flag must be provided");
    }
    if (removes) {
        return remove_secret(secret, name);
    }
    if (strcmp(verb, "list") == 0 && name == NULL) {
        return list(secret);
    }
    if (strcmp(verb, "set") == 0 && name != NULL) {
        return set(secret, name);
    }
    if (strcmp(verb, "get") == 0 && name != NULL) {
        return get(secret, name);
    }
    *used_wrong = true;
    return wrong_use(secret->arena);
}

int cli_secret(struct arena *arena, int argc, char **argv)
{
    static const struct cli_command SELF = {"sandbox secret",
        "set, show and remove the project's secrets",
        "set NAME | get NAME | list | remove NAME | remove --all",
        "A secret is what `secret('NAME')` stands for in the definitions. `set` asks for its "
        "value,\n"
        "or reads it from the standard input. While the backend runs it has the new value at once.",
        cli_secret};
    struct secret secret = {.arena = arena};
    struct app_place place = {.project = "."};
    const char *words[WORDS_MAX] = {};
    const char *all = NULL;
    bool done = false;
    bool used_wrong = false;
    const struct cli_option options[] = {
        {"all", NULL, "remove: all of them", &all},
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
    };
    int code =
        cli_options(&SELF, options, countof(options), argc, argv, words, WORDS_MAX - 1, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    secret.all = all != NULL;
    secret.data_dir = app_data_dir(arena, &place);
    err *e = cli_ensure_folder(arena, &place);
    if (e == NULL) {
        e = run(&secret, words, &used_wrong);
    }
    fflush(stdout);
    return e == NULL ? CLI_OK : cli_fail(used_wrong ? CLI_USAGE : CLI_FAILED, e);
}
