// `ampd keys`: access keys for scripts.
#include "app/app.h"
#include "cli/cli_int.h"

#include <stdio.h>

enum { WORDS_MAX = 2 };

struct keys {
    struct arena *arena;
    const char *data_dir;
    struct json *allow;     // actions, as given
    struct json *resources; // ARNs, as given
    bool as_json;
};

static void print_json(struct arena *arena, const struct json *value)
{
    str text = json_text(arena, value);
    printf("%.*s\n", PRI(text));
}

static void add_list(struct buf *text, const struct json *list, str none)
{
    size_t from = text->len;
    json_each (one, list) {
        buf_add(text, text->len > from ? S(" ") : S(""));
        buf_add(text, one->text);
    }
    buf_add(text, text->len > from ? S("") : none);
}

static str rights_text(struct arena *arena, const struct json *key)
{
    struct buf text = buf_in(arena, 256 * 1024);
    const struct json *resources = json_get(key, S("resources"));
    add_list(&text, json_get(key, S("allow")), S("everything"));
    if (resources != NULL && resources->count > 0) {
        buf_add(&text, S(" on "));
        add_list(&text, resources, S(""));
    }
    return buf_str(&text);
}

static int create(struct keys *keys)
{
    struct json *in = json_object(keys->arena);
    struct json *out = NULL;
    json_set(in, S("allow"), keys->allow);
    json_set(in, S("resources"), keys->resources);
    err *e = app_admin_call(keys->arena, keys->data_dir, S("keys.create"), in, &out);
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    if (keys->as_json) {
        print_json(keys->arena, out);
        return CLI_OK;
    }
    printf("accessKeyId      %.*s\nsecretAccessKey  %.*s\nmay do           %.*s\n\n"
           "Keep the secret now: it is not shown again.\n",
        PRI(json_get_str(out, S("accessKeyId"))), PRI(json_get_str(out, S("secretAccessKey"))),
        PRI(rights_text(keys->arena, out)));
    return CLI_OK;
}

static int list(struct keys *keys)
{
    struct json *out = NULL;
    err *e =
        app_admin_call(keys->arena, keys->data_dir, S("keys.list"), json_object(keys->arena), &out);
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    const struct json *all = json_get(out, S("keys"));
    if (keys->as_json) {
        print_json(keys->arena, all);
        return CLI_OK;
    }
    if (all == NULL || all->count == 0) {
        puts("There are no access keys.");
    }
    json_each (key, all) {
        printf("%.*s  %.*s  %.*s\n", PRI(json_get_str(key, S("accessKeyId"))),
            PRI(str_sub(json_get_str(key, S("createdAt")), 0, 19)),
            PRI(rights_text(keys->arena, key)));
    }
    return CLI_OK;
}

static int remove_key(struct keys *keys, const char *id)
{
    struct json *in = json_object(keys->arena);
    struct json *out = NULL;
    json_set(in, S("accessKeyId"), json_string(keys->arena, str_from(id)));
    err *e = app_admin_call(keys->arena, keys->data_dir, S("keys.delete"), in, &out);
    if (e != NULL) {
        return cli_fail(CLI_FAILED, e);
    }
    if (keys->as_json) {
        print_json(keys->arena, out);
    } else {
        printf("Deleted %s.\n", id);
    }
    return CLI_OK;
}

static void push(struct keys *keys, struct json *list, str text)
{
    json_push(list, json_string(keys->arena, text));
}

// Takes `--NAME A B ... --NAME=C` at argv[at]; the place behind it, `at` when it is another option,
// -1 without a value, which must not mean "everything".
static int take_list(struct keys *keys, const char *name, struct json *list, int at, char **argv)
{
    str word = str_from(argv[at]);
    str option = str_cat(keys->arena, S("--"), str_from(name));
    if (str_starts(word, str_cat(keys->arena, option, S("=")))) {
        push(keys, list, str_sub(word, option.len + 1, word.len));
        return at + 1;
    }
    if (!str_eq(word, option)) {
        return at;
    }
    int end = at + 1;
    while (argv[end] != NULL && !str_starts(str_from(argv[end]), S("--"))) {
        push(keys, list, str_from(argv[end++]));
    }
    return end > at + 1 ? end : -1;
}

// Takes the lists out of the arguments (the common reader of options knows one value each); the
// rest is counted, or -1.
static int take_rights(struct keys *keys, int argc, char **argv, char **rest)
{
    int left = 0;
    for (int i = 0; i < argc;) {
        int next = take_list(keys, "allow", keys->allow, i, argv);
        next = next == i ? take_list(keys, "resource", keys->resources, i, argv) : next;
        if (next < 0) {
            return -1;
        }
        if (next == i) {
            rest[left++] = argv[i];
            next++;
        }
        i = next;
    }
    return left;
}

static int run(struct keys *keys, const char *const *words)
{
    if (words[0] != NULL && strcmp(words[0], "delete") == 0 && words[1] != NULL) {
        return remove_key(keys, words[1]);
    }
    if (words[0] != NULL && words[1] == NULL) {
        if (strcmp(words[0], "create") == 0) {
            return create(keys);
        }
        if (strcmp(words[0], "list") == 0) {
            return list(keys);
        }
    }
    return cli_fail(
        CLI_USAGE, err_hint(fail(keys->arena, ERR_INVALID, "keys takes create, list or delete ID"),
                       S("`ampd keys --help` tells more.")));
}

int cli_keys(struct arena *arena, int argc, char **argv)
{
    struct keys keys = {.arena = arena, .allow = json_array(arena), .resources = json_array(arena)};
    struct app_place place = {.project = "."};
    const char *as_json = NULL;
    const char *allow = NULL;
    const char *resource = NULL;
    const char *words[WORDS_MAX] = {};
    char **rest = arena_array(arena, char *, (size_t)argc + 1);
    bool done = false;
    const struct cli_option options[] = {
        {"allow", "ACTION...", "create: all that the key may do (default: everything)", &allow},
        {"resource", "ARN...", "create: what it may do that to (default: everything)", &resource},
        {"json", NULL, "print JSON", &as_json},
        {"project", "DIR", "the project's folder (default: the current one)", &place.project},
        {"data-dir", "DIR", "where data is kept (default: .amplify/ampd)", &place.data_dir},
        {"identifier", "NAME", "name of the sandbox that has data of its own", &place.identifier},
    };
    const struct cli_command *self = cli_command(S("keys"));
    argc = take_rights(&keys, argc, argv, rest);
    if (argc < 0) {
        return cli_fail(
            CLI_USAGE, fail(arena, ERR_INVALID, "a value is missing behind --allow or --resource"));
    }
    int code = cli_options(self, options, countof(options), argc, rest, words, WORDS_MAX, &done);
    if (code != CLI_OK || done) {
        return code;
    }
    keys.as_json = as_json != NULL;
    keys.data_dir = app_data_dir(arena, &place);
    err *e = cli_ensure_folder(arena, &place);
    return e != NULL ? cli_fail(CLI_FAILED, e) : run(&keys, words);
}
