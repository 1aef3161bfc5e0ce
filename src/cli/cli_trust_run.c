// Running the programs that keep certificate stores.
#include "cli/cli_trust.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { RUN_MAX_MS = 60000, OUTPUT_MAX = 256 * 1024 };

const char *trust_program(struct arena *arena, const struct trust_env *env, const char *name)
{
    // Debian leaves the folders of system programs out of an ordinary user's path.
    str folders = str_cat(arena, str_from(env->path), S(":/usr/local/sbin:/usr/sbin:/sbin"));
    str folder;
    while (str_next(&folders, ':', &folder)) {
        const char *path =
            str_cstr(arena, str_cat(arena, str_from(env->root), folder, S("/"), str_from(name)));
        if (folder.len > 0 && folder.ptr[0] == '/' && access(path, X_OK) == 0) {
            return path;
        }
    }
    return NULL;
}

static int start(const char *const *argv, int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    check(posix_spawn_file_actions_init(&files) == 0 && posix_spawnattr_init(&attributes) == 0);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    // A session of its own has no terminal: certutil would ask there for a database's password.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
    sigset_t ignored_here;
    sigemptyset(&ignored_here);
    sigaddset(&ignored_here, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &ignored_here);
    int failed = posix_spawn(pid, argv[0], &files, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

// Until the program has closed its output; false when that took too long.
static bool collect(int fd, struct buf *output)
{
    u64 until_us = time_mono_us() + (u64)RUN_MAX_MS * 1000;
    for (;;) {
        u64 now_us = time_mono_us();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (now_us >= until_us) {
            return false;
        }
        if (poll(&wait, 1, (int)((until_us - now_us) / 1000) + 1) <= 0) {
            continue;
        }
        char piece[4096];
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return true;
        }
        buf_add(output, (str){piece, got > 0 ? (size_t)got : 0});
    }
}

int trust_run(struct arena *arena, const char *const *argv, str *output)
{
    int ends[2];
    pid_t pid = 0;
    int status = 0;
    struct buf text = buf_in(arena, OUTPUT_MAX);
    *output = (str){};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    int failed = start(argv, ends[1], &pid);
    close(ends[1]);
    if (failed != 0) {
        close(ends[0]);
        return -1;
    }
    if (!collect(ends[0], &text)) {
        kill(pid, SIGKILL);
    }
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    *output = str_trim(buf_str(&text));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
