// Shared inside the folder.
#pragma once

#include "cli/cli.h"

struct app_place;

struct cli_option {
    const char *name;     // "port": given as --port VALUE or --port=VALUE
    const char *argument; // name of its value in the help; NULL: a switch
    const char *help;
    const char **value; // where it goes; a switch sets "true"
};

struct cli_command {
    const char *name;
    const char *summary;
    const char *usage; // behind "ampd NAME"
    const char *details;
    int (*run)(struct arena *arena, int argc, char **argv);
};

// The command of that name, or NULL.
const struct cli_command *cli_command(str name);

// Reads the options behind the command's name. What is no option goes to `words` (at most
// `words_max`; more are an error). Returns CLI_OK to go on, or the exit code to end with after
// printing help (--help: *done is set and CLI_OK returned) or what is wrong.
int cli_options(const struct cli_command *command, const struct cli_option *options, size_t count,
    int argc, char **argv, const char **words, size_t words_max, bool *done);

// Prints "ampd: what is wrong" and the hint; returns `code`.
int cli_fail(enum cli_exit code, const err *e);

// Makes the data folder when it is not there. It must be a project's, or named: a slip of the path
// should not leave a folder behind.
[[nodiscard]] err *cli_ensure_folder(struct arena *arena, const struct app_place *place);

// The commands: what stands behind their names in argv; the exit code is returned. This one serves
// until a signal.
int cli_keys(struct arena *arena, int argc, char **argv);
int cli_sandbox(struct arena *arena, int argc, char **argv);
// Secrets of a project, running or not; what stands behind `sandbox secret`.
int cli_secret(struct arena *arena, int argc, char **argv);
// Looks through a data folder.
int cli_fsck(struct arena *arena, int argc, char **argv);
// Prints the messages of a running backend.
int cli_inbox(struct arena *arena, int argc, char **argv);
// Prints version, folders, addresses and what is in force.
int cli_info(struct arena *arena, int argc, char **argv);
// Runs a function of a running backend.
int cli_invoke(struct arena *arena, int argc, char **argv);
// Prints the logs of functions.
int cli_logs(struct arena *arena, int argc, char **argv);
// Reads SDL, prints what becomes of it.
int cli_schema(struct arena *arena, int argc, char **argv);
// Changes this machine's stores of trusted certificates.
int cli_trust(struct arena *arena, int argc, char **argv);

// Is the authority of this file in the system's store or in this user's Chromium database? Runs
// certutil and blocks the thread for some milliseconds: at start, or in worker_run.
bool cli_is_trusted(struct arena *arena, const char *ca_pem);
