// What a function's process is kept from: by bubblewrap where the kernel lets it make namespaces,
// else by what every process may ask for itself. Found out by trying, once, at the start.
#include "func/func_worker_int.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FILES_MAX = 1024, PROCESSES_MAX = 1024 }; // as on AWS

// ---- what there is -----------------------------------------------------------------------------

// Runs `true` in it. Blocks for some milliseconds.
static bool works(struct arena *arena, const struct command *command)
{
    struct command trial = {};
    posix_spawn_file_actions_t files = {};
    pid_t pid = -1;
    int status = 1;
    for (size_t i = 0; i < command->words.count; i++) {
        command_add(arena, &trial, command->words.items[i]);
    }
    command_add(arena, &trial, "true");
    command_add(arena, &trial, NULL);
    check(posix_spawn_file_actions_init(&files) == 0);
    for (int fd = 0; fd < 3; fd++) {
        check(posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0) == 0);
    }
    int rc = posix_spawn(&pid, trial.words.items[0], &files, NULL, trial.words.items, environ);
    posix_spawn_file_actions_destroy(&files);
    return rc == 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void add_all(struct arena *arena, struct command *command, const char *const *words)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        command_add(arena, command, words[i]);
    }
}

// Own processes, own /tmp, everything else to be read only; it goes when ampd goes.
static void add_bubblewrap(
    struct arena *arena, struct command *command, const char *program, unsigned storage_mb)
{
    static const char *const WORDS[] = {"--die-with-parent", "--unshare-user-try", "--unshare-pid",
        "--unshare-ipc", "--unshare-cgroup-try", "--cap-drop", "ALL", "--ro-bind", "/", "/",
        "--dev", "/dev", "--proc", "/proc", "--size", NULL};
    command_add(arena, command, program);
    add_all(arena, command, WORDS);
    command_add(arena, command,
        str_cstr(arena, str_fmt(arena, "%llu", (unsigned long long)storage_mb << 20)));
    command_add(arena, command, "--tmpfs");
    command_add(arena, command, "/tmp");
}

static void add_setpriv(struct arena *arena, struct command *command, const char *program)
{
    static const char *const WORDS[] = {"--no-new-privs", "--pdeathsig", "KILL", NULL};
    command_add(arena, command, program);
    add_all(arena, command, WORDS);
}

void sandbox_detect(struct func_sandbox *sandbox, struct arena *arena)
{
    const char *wanted = getenv("AMPD_FUNCTION_ISOLATION");
    bool none = wanted != NULL && strcmp(wanted, "none") == 0;
    const char *bwrap = none ? NULL : find_program(arena, S("bwrap"));
    const char *setpriv = find_program(arena, S("setpriv"));
    struct command trial = {};
    *sandbox = (struct func_sandbox){.prlimit = find_program(arena, S("prlimit"))};
    if (bwrap != NULL) {
        add_bubblewrap(arena, &trial, bwrap, 1);
        sandbox->bwrap = works(arena, &trial) ? bwrap : NULL;
        sandbox->reason =
            sandbox->bwrap == NULL ? "the kernel does not let bwrap make namespaces" : "";
    } else {
        sandbox->reason = none ? "AMPD_FUNCTION_ISOLATION is none" : "bwrap is not installed";
    }
    trial = (struct command){};
    if (sandbox->bwrap == NULL && setpriv != NULL) {
        add_setpriv(arena, &trial, setpriv);
        sandbox->setpriv = works(arena, &trial) ? setpriv : NULL;
    }
}

str sandbox_text(const struct func_sandbox *sandbox, struct arena *arena)
{
    const char *limits = sandbox->prlimit != NULL ? ", limits on files and their size" : "";
    if (sandbox->bwrap != NULL) {
        return str_fmt(arena,
            "bubblewrap: own processes, own /tmp, a read-only file system without ampd's data%s; "
            "memory by watching",
            limits);
    }
    return str_fmt(arena, "own process groups%s%s; memory by watching (no bubblewrap: %s)",
        sandbox->setpriv != NULL ? ", no new privileges" : "", limits, sandbox->reason);
}

str func_isolation_here(struct arena *arena)
{
    struct func_sandbox sandbox = {};
    sandbox_detect(&sandbox, arena);
    return sandbox_text(&sandbox, arena);
}

// ---- for one process ---------------------------------------------------------------------------

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

// An empty folder, or nothing to be read, in its place. By its real path: bubblewrap follows no
// links.
static void hide(struct arena *arena, struct command *command, const char *path)
{
    struct stat info = {};
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        command_add(arena, command, "--tmpfs");
    } else {
        command_add(arena, command, "--ro-bind");
        command_add(arena, command, "/dev/null");
    }
    command_add(arena, command, path);
}

static void show(struct arena *arena, struct command *command, const char *path)
{
    command_add(arena, command, "--ro-bind-try");
    command_add(arena, command, path);
    command_add(arena, command, path);
}

// Of those the ones that are there, by their real paths.
static void add_private(struct arena *arena, struct command *list, const char *path)
{
    char *real = realpath(path, NULL);
    if (real != NULL) {
        command_add(arena, list, str_cstr(arena, str_from(real)));
    }
    free(real);
}

// ampd's data and keys, what people keep for other services, and the ways to more rights.
static void list_private(const struct func_hub *hub, struct arena *arena, struct command *list)
{
    static const char *const AT_HOME[] = {".ssh", ".aws", ".gnupg", ".kube", ".docker",
        ".config/gcloud", ".azure", ".config/gh", ".config/git/credentials", ".git-credentials",
        ".netrc", ".npmrc", ".yarnrc.yml", ".pypirc", ".pgpass", ".my.cnf"};
    static const char *const SOCKETS[] = {
        "/var/run/docker.sock", "/run/docker.sock", "/run/podman/podman.sock", "/run/user"};
    const char *home = getenv("HOME");
    for (size_t i = 0; i < countof(hub->hidden) && hub->hidden[i] != NULL; i++) {
        add_private(arena, list, hub->hidden[i]);
    }
    for (size_t i = 0; home != NULL && i < countof(AT_HOME); i++) {
        add_private(arena, list, path_join(arena, home, AT_HOME[i]));
    }
    for (size_t i = 0; i < countof(SOCKETS); i++) {
        add_private(arena, list, SOCKETS[i]);
    }
}

// The code is seen also where it is in a hidden folder; a hidden folder in the code is not.
static void add_view(
    struct func_worker *worker, struct arena *arena, struct command *command, const char *program)
{
    const struct func_hub *hub = worker->pool->here->hub;
    const char *authorities = getenv("NODE_EXTRA_CA_CERTS");
    const char *root = str_cstr(arena, func_task_root(worker->function));
    struct command code = {};
    struct command private = {};
    list_private(hub, arena, &private);
    add_private(arena, &code, root);
    for (size_t i = 0; i < private.words.count; i++) {
        if (!is_below(private.words.items[i], "/tmp")) {
            hide(arena, command, private.words.items[i]);
        }
    }
    show(arena, command, root);
    for (size_t i = 0; code.words.count > 0 && i < private.words.count; i++) {
        if (is_below(private.words.items[i], code.words.items[0]) &&
            strcmp(private.words.items[i], code.words.items[0]) != 0) {
            hide(arena, command, private.words.items[i]);
        }
    }
    show(arena, command, hub->runtimes);
    if (is_below(program, "/tmp")) {
        show(arena, command, program);
    }
    if (authorities != NULL && authorities[0] == '/') {
        show(arena, command, authorities);
    }
}

static void add_limits(struct func_worker *worker, struct arena *arena, struct command *command)
{
    const struct func_sandbox *sandbox = &worker->pool->here->hub->sandbox;
    if (sandbox->prlimit == NULL) {
        return;
    }
    u64 bytes = (u64)worker->function->storage_mb << 20;
    command_add(arena, command, sandbox->prlimit);
    command_add(arena, command, "--core=0");
    command_add(arena, command, str_cstr(arena, str_fmt(arena, "--nofile=%d", FILES_MAX)));
    command_add(
        arena, command, str_cstr(arena, str_fmt(arena, "--fsize=%llu", (unsigned long long)bytes)));
    if (sandbox->bwrap != NULL) { // outside of a namespace it would count all that the user runs
        command_add(arena, command, str_cstr(arena, str_fmt(arena, "--nproc=%d", PROCESSES_MAX)));
    }
}

void sandbox_begin(
    struct func_worker *worker, struct arena *arena, struct command *command, const char *program)
{
    const struct func_sandbox *sandbox = &worker->pool->here->hub->sandbox;
    if (sandbox->bwrap != NULL) {
        add_bubblewrap(arena, command, sandbox->bwrap, worker->function->storage_mb);
        add_view(worker, arena, command, program);
        command_add(arena, command, "--chdir");
        command_add(arena, command, str_cstr(arena, func_task_root(worker->function)));
        command_add(arena, command, "--");
    } else if (sandbox->setpriv != NULL) {
        add_setpriv(arena, command, sandbox->setpriv);
    }
    add_limits(worker, arena, command);
}
