// Configuration and wiring: the one place that knows every service. Runs one backend from its first
// line on the terminal to its orderly end.
#pragma once

#include "json/json.h"

struct app_options {
    const char *project;     // folder that holds amplify/
    const char *data_dir;    // NULL: <project>/.amplify/ampd
    const char *outputs_dir; // NULL: the project
    const char *host;        // NULL: 127.0.0.1 and ::1
    int port;                // -1: 4443, or the next free one; 0: the system chooses
    const char *identifier;  // NULL: none
    const char *manifest;    // a compiled manifest to serve instead of the project's definitions
    bool once;               // evaluate once, do not watch
    bool allow_data_loss;
    unsigned threads;                // 0: one per core
    bool stream_logs;                // of functions: all lines, on the terminal
    const char *const *logs_filters; // regular expressions: functions whose lines are shown
    size_t logs_filter_count;
    const char *logs_out_file; // where they are shown instead; NULL: the terminal
    // Tells whether this machine trusts the certificate authority in that file; may block. NULL:
    // not asked.
    bool (*is_trusted)(struct arena *arena, const char *ca_pem);
    u64 started_us; // time_mono_us() at the start of the process
};

// Serves until SIGTERM, SIGINT or SIGHUP. Returns NULL after an orderly end; an error when the
// backend could not be started (with `once`: also when the definitions are wrong). A second signal
// ends the process at once.
[[nodiscard]] err *app_run(struct arena *arena, const struct app_options *options);

// ---- for commands ------------------------------------------------------------------------------
struct app_place {
    const char *project;
    const char *data_dir;   // NULL: <project>/.amplify/ampd, or the identifier's folder in it
    const char *identifier; // NULL: none
};

// The data folder of a place, whether or not it exists.
const char *app_data_dir(struct arena *arena, const struct app_place *place);
// ERR_CONFIG when the project has no amplify/ folder.
[[nodiscard]] err *app_check_project(struct arena *arena, const char *project);
// Carries out an administrative call ("keys.create") on a data folder that exists: by the ampd that
// serves it, or here when there is none. Blocks the thread; not for use inside a loop.
[[nodiscard]] err *app_admin_call(
    struct arena *arena, const char *data_dir, str call, const struct json *in, struct json **out);

// How this machine lets functions be isolated, in words. Blocks for some milliseconds.
str app_isolation(struct arena *arena);

struct app_check {
    bool data;   // read all bytes of objects
    bool repair; // remove what nobody names
    // Called with a line for each problem.
    void (*tell)(void *arg, str what);
    void *arg;
    // Results.
    u64 objects;
    u64 files;
    u64 bytes;
    u64 problems;
    u64 damaged;
    u64 repaired;
};

// Looks through a data folder that no ampd serves (else ERR_CONFLICT): the database itself, then
// objects and their bytes. Blocks the thread; not for use inside a loop.
[[nodiscard]] err *app_check_folder(
    struct arena *arena, const char *data_dir, struct app_check *check);

#define AMPD_VERSION "0.1.0"
