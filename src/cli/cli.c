// Finds the command and reads its options; help comes from the same tables.
#include "app/app.h"
#include "cli/cli_int.h"

#include <stdio.h>

static int run_version(struct arena *arena, int argc, char **argv);

static const struct cli_command COMMANDS[] = {
    {"fsck", "check that data and the bytes of objects are whole", "[--data] [--repair] [options]",
        "Checks the database, and that the bytes of every object are there; with --data also that\n"
        "they are those that were stored. Prints what it finds; exit code 1 when that needs care.\n"
        "--repair removes bytes of nobody's and never an object. No ampd may serve the project\n"
        "meanwhile; one that does reads its objects bit by bit and logs object.damaged.",
        cli_fsck},
    {"keys", "make, list and delete access keys for scripts",
        "create [--allow ACTION...] [--resource ARN...] | list | delete ID",
        "Access keys let scripts call the backend's AWS interfaces with any AWS SDK, whether the\n"
        "backend runs or not when they are made. A new key may do everything, or just the actions\n"
        "named by --allow, such as cognito-idp:AdminGetUser or s3:*. Its secret is shown once.",
        cli_keys},
    {"sandbox", "serve a project's backend on this machine and follow its changes",
        "[options] | secret ...",
        "Evaluates the amplify/ folder of the project, serves its backend, writes\n"
        "amplify_outputs.json, and applies changes of the folder while it runs.\n"
        "`ampd sandbox secret --help` tells how to set the project's secrets.",
        cli_sandbox},
    {"inbox", "show the messages that a running backend has sent", "[options]",
        "Prints the e-mails and text messages (codes of sign-up and sign-in, invitations) that\n"
        "the backend of the project has sent. It has to be running.",
        cli_inbox},
    {"info", "print version, folders, addresses, and how functions are isolated", "[options]",
        "Tells of the backend that serves the project, or, when none does, of what this machine\n"
        "would let it do.",
        cli_info},
    {"invoke", "run a function of a running backend", "NAME [--payload JSON] [options]",
        "Prints what the function returns; exit code 1 when it fails, with its error. The payload\n"
        "is JSON, or @FILE (@- is the standard input). Without one it is {}. With --async nobody\n"
        "waits for the function, which is then tried up to three times.",
        cli_invoke},
    {"logs", "show what functions have written", "[NAME...] [--follow] [--since TIME] [options]",
        "Prints the logs of all functions, or of those that are named, oldest line first, whether\n"
        "the backend runs or not.",
        cli_logs},
    {"schema", "print what the data API makes of a schema", "[options] [FILE]",
        "Reads SDL with directives from FILE (or standard input) and prints the schema\n"
        "that would be served, or the model introspection that clients get.",
        cli_schema},
    {"trust", "make browsers trust the project's local HTTPS", "[options]",
        "Installs the certificate of the project's local authority (made when there is none)\n"
        "in the system's store and in those of Chromium and Firefox. The authority can only\n"
        "vouch for localhost and this machine's own name.",
        cli_trust},
    {"version", "print the version", "", "", run_version},
};

const struct cli_command *cli_command(str name)
{
    for (size_t i = 0; i < countof(COMMANDS); i++) {
        if (str_eq(name, str_from(COMMANDS[i].name))) {
            return &COMMANDS[i];
        }
    }
    return NULL;
}

static int run_version(struct arena *arena, int argc, char **argv)
{
    (void)arena, (void)argc, (void)argv;
    puts("ampd " AMPD_VERSION);
    return CLI_OK;
}

static void print_help(FILE *out)
{
    fputs("ampd serves an AWS Amplify Gen 2 backend on this machine.\n\n"
          "Usage: ampd COMMAND [options]\n\nCommands:\n",
        out);
    for (size_t i = 0; i < countof(COMMANDS); i++) {
        fprintf(out, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    }
    fputs("\n`ampd COMMAND --help` tells a command's options.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
        out);
}

static void print_command_help(
    const struct cli_command *command, const struct cli_option *options, size_t count)
{
    printf("ampd %s: %s\n\nUsage: ampd %s %s\n", command->name, command->summary, command->name,
        command->usage);
    if (command->details[0] != '\0') {
        printf("\n%s\n", command->details);
    }
    printf("\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof(left), "--%s%s%s", options[i].name,
            options[i].argument != NULL ? " " : "",
            options[i].argument != NULL ? options[i].argument : "");
        printf("  %-28s %s\n", left, options[i].help);
    }
    printf("  %-28s %s\n", "--help", "this text");
}

int cli_fail(enum cli_exit code, const err *e)
{
    fprintf(stderr, "ampd: %.*s\n", PRI(e->text));
    if (e->hint.len > 0) {
        fprintf(stderr, "      %.*s\n", PRI(e->hint));
    }
    return code;
}

err *cli_ensure_folder(struct arena *arena, const struct app_place *place)
{
    const char *folder = app_data_dir(arena, place);
    if (place->data_dir == NULL && !dir_exists(folder)) {
        TRY(app_check_project(arena, place->project));
    }
    return dir_make(arena, folder, 0700);
}

static int usage(const struct cli_command *command, const char *what, const char *word)
{
    fprintf(
        stderr, "ampd %s: %s%s (see `ampd %s --help`)\n", command->name, what, word, command->name);
    return CLI_USAGE;
}

static const struct cli_option *find_option(
    const struct cli_option *options, size_t count, str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_from(options[i].name), name)) {
            return &options[i];
        }
    }
    return NULL;
}

int cli_options(const struct cli_command *command, const struct cli_option *options, size_t count,
    int argc, char **argv, const char **words, size_t words_max, bool *done)
{
    size_t word_count = 0;
    *done = false;
    for (int i = 0; i < argc; i++) {
        str word = str_from(argv[i]);
        if (str_eq(word, S("--help")) || str_eq(word, S("-h"))) {
            print_command_help(command, options, count);
            *done = true;
            return CLI_OK;
        }
        if (!str_starts(word, S("--"))) {
            if (word_count == words_max) {
                return usage(command, "unexpected argument ", argv[i]);
            }
            words[word_count++] = argv[i];
            continue;
        }
        str name = str_sub(word, 2, word.len);
        ptrdiff_t equals = str_find_char(name, '=');
        const struct cli_option *option =
            find_option(options, count, equals < 0 ? name : str_sub(name, 0, (size_t)equals));
        if (option == NULL) {
            return usage(command, "unknown option ", argv[i]);
        }
        if (option->argument == NULL) {
            if (equals >= 0) {
                return usage(command, "takes no value: --", option->name);
            }
            *option->value = "true";
            continue;
        }
        *option->value = equals >= 0 ? argv[i] + 2 + equals + 1 : i + 1 < argc ? argv[++i] : "";
        if ((*option->value)[0] == '\0') {
            return usage(command, "a value is missing behind --", option->name);
        }
    }
    return CLI_OK;
}

int cli_main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    str word = str_from(argv[1]);
    if (str_eq(word, S("--help")) || str_eq(word, S("-h")) || str_eq(word, S("help"))) {
        print_help(stdout);
        return CLI_OK;
    }
    word = str_eq(word, S("--version")) || str_eq(word, S("-v")) ? S("version") : word;
    const struct cli_command *command = cli_command(word);
    if (command == NULL) {
        fprintf(stderr, "ampd: there is no command '%s' (see `ampd --help`)\n", argv[1]);
        return CLI_USAGE;
    }
    struct arena *arena = arena_new();
    int code = command->run(arena, argc - 2, argv + 2);
    arena_free(arena);
    return code;
}
