// Opening and closing, and the calls that hand work to the writer thread.
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

// ---- the lock ----------------------------------------------------------------------------------
// One process at a time: the loops trust what their own writer tells them about new commits and
// definitions. A lock file of our own leaves the database readable for other tools meanwhile. It
// stays when the store is closed, and holds the id of the process for the message.

static err *lock_refused(struct store *store, struct arena *arena, int fd)
{
    char holder[24] = {};
    if (errno != EWOULDBLOCK) {
        return fail(arena, ERR_IO, "%s-lock: %s", store->options.path, strerror(errno));
    }
    ssize_t len = read(fd, holder, sizeof(holder) - 1);
    err *e = fail(arena, ERR_CONFLICT, "%s is open in another process (%s)", store->options.path,
        len > 0 ? holder : "starting");
    return err_hint(e, S("Stop the other one first, or use another data folder."));
}

static err *lock_take(struct store *store, struct arena *arena)
{
    str name = str_cat(arena, str_from(store->options.path), S("-lock"));
    int fd = open(str_cstr(arena, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        err *e = fail(arena, ERR_IO, "%.*s: %s", PRI(name), strerror(errno));
        return err_hint(e, S("The data folder must exist and be writable."));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err *e = lock_refused(store, arena, fd);
        close(fd);
        return e;
    }
    bool told = ftruncate(fd, 0) == 0 && dprintf(fd, "%d", (int)getpid()) > 0;
    (void)told; // it is for a message only; a full disk must not keep the store from opening
    store->lock_file = fd;
    return NULL;
}

// ---- opening and closing -----------------------------------------------------------------------

static err *prepare_database(struct store *store, struct arena *arena)
{
    struct schema *schema = NULL;
    TRY(meta_prepare(store, arena));
    TRY(schema_read(store, arena, &schema));
    schema_publish(store, schema);
    err *e = log_start(store, arena);
    if (e != NULL) {
        schema_free_all(store);
    }
    return e;
}

static err *open_database(struct store *store, struct arena *arena)
{
    TRY(lock_take(store, arena));
    err *e = conn_open(arena, &store->writer, &store->options, CONN_WRITER);
    if (e == NULL) {
        e = prepare_database(store, arena);
        if (e != NULL) {
            conn_close(&store->writer);
        }
    }
    if (e != NULL) {
        close(store->lock_file);
    }
    return e;
}

// SQLite counts every allocation under a lock of the whole process unless told not to.
static void set_up_sqlite(void)
{
    sqlite3_config(
        SQLITE_CONFIG_MEMSTATUS, 0); // refused, harmlessly, when SQLite is in use already
    check(sqlite3_initialize() == SQLITE_OK);
}

err *store_open(struct arena *arena, const struct store_options *options, struct store **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    check(options->loop_count > 0 && sqlite3_threadsafe() != 0);
    check(pthread_once(&once, set_up_sqlite) == 0);
    struct arena *own = arena_new();
    struct store *store = arena_new_of(own, struct store);
    store->magic = STORE_MAGIC;
    store->arena = own;
    store->options = *options;
    store->options.path = str_cstr(own, str_from(options->path));
    store->readers = arena_array(own, struct reader, options->loop_count);
    store->slots = map_new(own);
    store->writer_arena = arena_new();
    check(uv_mutex_init(&store->lock) == 0 && uv_cond_init(&store->wanted) == 0);
    err *e = open_database(store, arena);
    if (e != NULL) {
        uv_mutex_destroy(&store->lock);
        uv_cond_destroy(&store->wanted);
        arena_free(store->writer_arena);
        arena_free(own);
        return e;
    }
    check(pthread_create(&store->thread, NULL, writer_main, store) == 0);
    *out = store;
    return NULL;
}

static void close_readers(struct store *store)
{
    struct loop *loop = loop_current();
    for (unsigned i = 0; i < store->options.loop_count; i++) {
        struct reader *reader = &store->readers[i];
        if (!reader->is_open) {
            continue;
        }
        if (loop != NULL && loop_index(loop) == i) {
            loop_forget_turn_end(loop, reader);
        }
        conn_close(&reader->conn); // ends its snapshot
    }
}

void store_close(struct store *store)
{
    check_magic(store, STORE_MAGIC);
    uv_mutex_lock(&store->lock);
    check(!store->closing && store->queue_count == 0); // nobody waits for it
    store->closing = true;
    uv_cond_signal(&store->wanted);
    uv_cond_signal(&store->log_cond);
    uv_mutex_unlock(&store->lock);
    check(pthread_join(store->thread, NULL) == 0);
    log_stop(store);
    close_readers(store);
    conn_close(&store->writer); // the last one moves the log into the database
    close(store->lock_file);
    schema_free_all(store);
    recorder_free(store->recorder);
    uv_mutex_destroy(&store->lock);
    uv_cond_destroy(&store->wanted);
    arena_free(store->writer_arena);
    arena_free(store->arena);
}

void store_watch(
    struct store *store, void (*fn)(void *arg, const struct store_change *change), void *arg)
{
    check_magic(store, STORE_MAGIC);
    check(fn != NULL && store->watcher_count < WATCHERS_MAX);
    store->watchers[store->watcher_count++] = (struct watcher){.fn = fn, .arg = arg};
}

// ---- work for the writer -----------------------------------------------------------------------

err *store_apply(struct store *store, struct arena *arena, const struct store_table_def *tables,
    size_t table_count, const struct store_apply_options *options)
{
    check_magic(store, STORE_MAGIC);
    struct job job = {
        .kind = JOB_APPLY, .arena = arena_new(), .tables = tables, .table_count = table_count};
    if (options != NULL) {
        job.options = *options;
    }
    writer_submit(store, &job);
    err *e = job.result != NULL ? err_copy(arena, job.result) : NULL;
    arena_free(job.arena);
    return e;
}

static err *prepare_all(struct job *job, struct store_write *writes)
{
    for (job->failed = 0; job->failed < job->count; job->failed++) {
        struct store_write *write = &writes[job->failed];
        write->old_item = NULL;
        write->new_item = NULL;
        TRY(write_prepare(job->schema, job->arena, write, &job->prepared[job->failed]));
    }
    return NULL;
}

// Items come out of the job's arena; what a put has written is the caller's own tree.
static void hand_over(struct arena *arena, const struct job *job, struct store_write *writes)
{
    check(job->prepared != NULL && job->failed <= job->count);
    for (size_t i = 0; i < job->count; i++) {
        const struct prepared *prepared = &job->prepared[i];
        if (prepared->old_item != NULL) {
            writes[i].old_item = json_copy(arena, prepared->old_item);
        }
        if (job->result == NULL && prepared->new_item != NULL) {
            writes[i].new_item = writes[i].kind == STORE_PUT
                                     ? json_shallow(arena, prepared->new_item)
                                     : json_copy(arena, prepared->new_item);
        }
    }
}

err *store_write(struct store *store, struct arena *arena, struct store_write *writes, size_t count,
    size_t *failed)
{
    check_magic(store, STORE_MAGIC);
    check(count > 0 && writes != NULL && fiber_current() != NULL);
    if (fiber_is_cancelled(fiber_current())) {
        return fail(arena, ERR_CANCELLED, "cancelled");
    }
    struct job job = {.kind = JOB_WRITE,
        .arena = arena_new(),
        .schema = atomic_load(&store->schema),
        .count = count};
    job.prepared = arena_array(job.arena, struct prepared, count);
    job.result = prepare_all(&job, writes);
    if (job.result == NULL) {
        writer_submit(store, &job);
        hand_over(arena, &job, writes);
    }
    if (job.result != NULL && failed != NULL) {
        *failed = job.failed < count ? job.failed : 0;
    }
    err *e = job.result != NULL ? err_copy(arena, job.result) : NULL;
    arena_free(job.arena);
    return e;
}
