// Who speaks on a process's port. A runtime of AWS or of the user's own sends no token, so the
// connection's other end must belong to the process or to what it has started: the kernel says
// which socket that is (/proc/net/tcp) and which processes have it open (/proc/PID/fd). Other users
// of the machine, and other functions, are refused. Blocks: on the worker pool.
#include "func/func_worker_int.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

enum { TABLE_MAX = 16 * 1024 * 1024 };

struct peer {
    struct arena *arena;
    int leader;
    u16 own_port;
    u16 peer_port;
    bool allowed;
};

// The inode of the socket whose own end is 127.0.0.1:`from`, connected to 127.0.0.1:`to`; 0: none.
static u64 inode_of(struct arena *arena, u16 from, u16 to)
{
    str table = {};
    str line = {};
    char ends[64];
    snprintf(ends, sizeof(ends), " 0100007F:%04X 0100007F:%04X ", from, to);
    if (file_read(arena, "/proc/net/tcp", TABLE_MAX, &table) != NULL) {
        return 0;
    }
    while (str_next(&table, '\n', &line)) {
        unsigned long long inode = 0;
        char text[256];
        ptrdiff_t at = str_find(line, str_from(ends));
        if (at < 0 || line.len >= sizeof(text)) {
            continue;
        }
        memcpy(text, line.ptr, line.len);
        text[line.len] = '\0';
        // Behind the ends: state, queues, timer, retransmissions, uid, timeout, inode.
        if (sscanf(text + at + strlen(ends), "%*s %*s %*s %*s %*s %*s %llu", &inode) == 1) {
            return inode;
        }
    }
    return 0;
}

static bool has_open(int pid, u64 inode)
{
    char wanted[64];
    char path[64];
    bool found = false;
    snprintf(wanted, sizeof(wanted), "socket:[%llu]", (unsigned long long)inode);
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *folder = opendir(path);
    struct dirent *entry = NULL;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        char target[64];
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

static bool belongs(void *arg, const struct process_stat *stat)
{
    const struct peer *peer = arg;
    return stat->pid == peer->leader || stat->session == peer->leader;
}

static void look(void *arg)
{
    struct peer *peer = arg;
    u64 inode = inode_of(peer->arena, peer->peer_port, peer->own_port);
    size_t count = 0;
    if (inode == 0) {
        return;
    }
    peer->allowed = has_open(peer->leader, inode);
    if (!peer->allowed) {
        int *pids = processes_find(peer->arena, belongs, peer, &count);
        for (size_t i = 0; i < count && !peer->allowed; i++) {
            peer->allowed = has_open(pids[i], inode);
        }
    }
}

bool peer_is_own(struct func_worker *worker, const struct net_stream *stream)
{
    struct peer peer = {.arena = arena_new(),
        .leader = worker->process.pid,
        .own_port = net_listener_port(worker->listener),
        .peer_port = net_peer_port(stream)};
    err *e = peer.leader > 0 ? worker_run(look, &peer) : NULL;
    arena_free(peer.arena);
    return e == NULL && peer.allowed;
}
