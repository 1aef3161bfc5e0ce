// What /proc tells of the processes of this machine.
#include "func/func_worker_int.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool process_stat_read(int pid, struct process_stat *out)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    size_t got = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    text[got] = '\0';
    const char *end = strrchr(text, ')'); // the name may hold anything
    long long pages = 0;
    unsigned long long user = 0;
    unsigned long long system = 0;
    *out = (struct process_stat){.pid = pid};
    if (end == NULL ||
        sscanf(end + 1,
            " %*c %d %d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %*u %*u "
            "%lld",
            &out->parent, &out->group, &out->session, &user, &system, &pages) != 6) {
        return false;
    }
    out->cpu_ms = (user + system) * 1000 / (u64)sysconf(_SC_CLK_TCK);
    out->memory = (u64)(pages > 0 ? pages : 0) * (u64)sysconf(_SC_PAGESIZE);
    return true;
}

int *processes_find(struct arena *arena, bool (*wanted)(void *arg, const struct process_stat *stat),
    void *arg, size_t *count)
{
    vec_of(int) found = {};
    DIR *folder = opendir("/proc");
    struct dirent *entry = NULL;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        struct process_stat stat = {};
        u64 pid = 0;
        if (str_to_u64(str_from(entry->d_name), &pid) && process_stat_read((int)pid, &stat) &&
            wanted(arg, &stat)) {
            *vec_push(arena, &found) = (int)pid;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    *count = found.count;
    return found.items;
}

static int first_child(int pid)
{
    char path[64];
    char text[32] = "";
    u64 child = 0;
    str rest = {};
    str word = {};
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *file = fopen(path, "re");
    rest = (str){text, file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0};
    if (file != NULL) {
        fclose(file);
    }
    (void)str_next(&rest, ' ', &word);
    return str_to_u64(word, &child) ? (int)child : pid;
}

// Under bubblewrap the process is the child of the namespace's first, which is the child of ours.
int process_memory_open(const struct func_worker *worker)
{
    char path[64];
    int pid = worker->process.pid;
    if (worker->pool->here->hub->sandbox.bwrap != NULL) {
        pid = first_child(first_child(pid));
    }
    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}
