// Interpreters of this machine. What the PATH has may be a script that chooses a version by the
// user's files (pyenv, asdf, volta), which functions do not see: so the interpreter is asked for
// its own path, once.
#include "func/func_worker_int.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { ANSWER_MS = 10000 };

struct func_runtimes {
    pthread_mutex_t lock;
    struct map *paths; // name -> path, both heap; "" when it is not to be had
};

struct func_runtimes *func_runtimes_new(void)
{
    struct func_runtimes *runtimes = mem_new(struct func_runtimes);
    check(pthread_mutex_init(&runtimes->lock, NULL) == 0);
    runtimes->paths = map_new(NULL);
    return runtimes;
}

void func_runtimes_free(struct func_runtimes *runtimes)
{
    size_t pos = 0;
    str name = {};
    void *path = NULL;
    while (map_next(runtimes->paths, &pos, &name, &path)) {
        mem_free(path); // the name is behind it
    }
    map_free(runtimes->paths);
    pthread_mutex_destroy(&runtimes->lock);
    mem_free(runtimes);
}

const char *find_program(struct arena *arena, str name)
{
    const char *path = getenv("PATH");
    str rest = str_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    str folder = {};
    while (str_next(&rest, ':', &folder)) {
        const char *file = str_cstr(arena, str_cat(arena, folder, S("/"), name));
        if (folder.len > 0 && access(file, X_OK) == 0) {
            return file;
        }
    }
    return NULL;
}

// Up to `size` bytes of what the other end writes until it closes, within ANSWER_MS.
static size_t read_answer(int pipe_end, char *out, size_t size)
{
    size_t got = 0;
    u64 end = time_mono_us() + ANSWER_MS * 1000;
    while (got < size && time_mono_us() < end) {
        struct pollfd wait = {.fd = pipe_end, .events = POLLIN};
        int left = (int)((end - time_mono_us()) / 1000) + 1;
        ssize_t n = poll(&wait, 1, left) == 1 ? read(pipe_end, out + got, size - got) : 0;
        if (n <= 0) {
            break;
        }
        got += (size_t)n;
    }
    return got;
}

// The first line that the program writes; none when it fails. Blocks.
static str ask(struct arena *arena, const char *program, const char *option, const char *code)
{
    char answer[4096];
    int ends[2] = {-1, -1};
    pid_t pid = -1;
    char *args[] = {
        (char *)(uintptr_t)program, (char *)(uintptr_t)option, (char *)(uintptr_t)code, NULL};
    posix_spawn_file_actions_t files = {};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return (str){};
    }
    check(posix_spawn_file_actions_init(&files) == 0);
    check(posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO) == 0);
    check(posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
    check(posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0);
    int rc = posix_spawn(&pid, program, &files, NULL, args, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    size_t got = rc == 0 ? read_answer(ends[0], answer, sizeof(answer)) : 0;
    close(ends[0]);
    int status = 1;
    if (rc == 0) {
        (void)kill(pid, SIGKILL); // it has said what it had to, or takes too long
        (void)waitpid(pid, &status, 0);
    }
    str line = {};
    str rest = {answer, got};
    (void)str_next(&rest, '\n', &line);
    return str_dup(arena, str_trim(line));
}

struct question {
    struct func_runtimes *runtimes;
    struct arena *arena;
    str name;
    const char *path;
};

static const char *path_of(struct arena *arena, str name)
{
    const char *found = find_program(arena, name);
    bool python = str_starts(name, S("python"));
    if (found == NULL) {
        return "";
    }
    str path = python ? ask(arena, found, "-c", "import sys; print(sys.executable, flush=True)")
                      : ask(arena, found, "-p", "process.execPath");
    return path.len > 0 && path.ptr[0] == '/' ? str_cstr(arena, path) : "";
}

static void answer(void *arg)
{
    struct question *question = arg;
    struct func_runtimes *runtimes = question->runtimes;
    check(pthread_mutex_lock(&runtimes->lock) == 0);
    char *known = map_get(runtimes->paths, question->name);
    if (known == NULL) {
        str path = str_from(path_of(question->arena, question->name));
        known = mem_alloc(path.len + 1 + question->name.len);
        memcpy(known, path.ptr, path.len);
        str name = {memcpy(known + path.len + 1, question->name.ptr, question->name.len),
            question->name.len};
        map_set(runtimes->paths, name, known);
    }
    question->path = str_cstr(question->arena, str_from(known));
    check(pthread_mutex_unlock(&runtimes->lock) == 0);
}

const char *func_runtimes_find(struct func_runtimes *runtimes, struct arena *arena, str name)
{
    struct question question = {.runtimes = runtimes, .arena = arena, .name = name};
    err *e = worker_run(answer, &question);
    return e == NULL && question.path[0] != '\0' ? question.path : NULL;
}
