// The writer thread: takes what has been submitted, carries it out in one transaction, makes it
// durable with one sync, tells the watchers, wakes the waiters. Between groups it builds indexes.
#include "store/store_int.h"

enum {
    RETRY_US = 1000000,   // between attempts to go on with a build
    GATHER_FROM_US = 100, // commits faster than this are not worth waiting for company
    GATHER_MAX_US = 2000,
};

void writer_submit(struct store *store, struct job *job)
{
    wake_init(&job->wake);
    job->next = NULL;
    uv_mutex_lock(&store->lock);
    check(!store->closing);
    if (store->queue_last != NULL) {
        store->queue_last->next = job;
    } else {
        store->queue_first = job;
    }
    store->queue_last = job;
    store->queue_count++;
    if (store->queue_count >= store->crowd) { // until then the writer would go on waiting
        uv_cond_signal(&store->wanted);
    }
    uv_mutex_unlock(&store->lock);
    wake_wait(&job->wake);
}

// ---- groups ------------------------------------------------------------------------------------

static void roll_back(struct store *store)
{
    if (!sqlite3_get_autocommit(store->writer.db)) { // SQLite may have done it itself
        err *e = conn_command(&store->writer, store->writer_arena, CMD_ROLLBACK);
        check(e == NULL); // without it the next group would acknowledge what is not there
    }
    store->writer.failed = false;
}

static err *begin(struct store *store)
{
    store->writer.failed = false;
    return conn_command(&store->writer, store->writer_arena, CMD_BEGIN);
}

static err *commit(struct store *store)
{
    TRY(conn_command(&store->writer, store->writer_arena, CMD_COMMIT));
    atomic_fetch_add(&store->committed, 1);
    return NULL;
}

static err *write_jobs(struct store *store, struct job **jobs, size_t count)
{
    TRY(meta_reserve(store, store->writer_arena, count));
    for (size_t i = 0; i < count; i++) {
        write_run(store, jobs[i]);
        jobs[i]->sequence = ++store->sequence;
        if (store->writer.failed) {
            check(jobs[i]->result != NULL);
            return jobs[i]->result;
        }
    }
    return commit(store);
}

// One transaction that has begun; NULL when it is committed, else it is rolled back.
static err *run_transaction(struct store *store, struct job **jobs, size_t count)
{
    u64 sequence = store->sequence;
    u64 reserved = store->sequence_reserved;
    err *e = write_jobs(store, jobs, count);
    if (e != NULL) {
        roll_back(store);
        store->sequence = sequence;
        store->sequence_reserved = reserved;
    }
    return e;
}

static void tell_watchers(const struct store *store, const struct job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct prepared *prepared = &job->prepared[i];
        struct store_change change = {.sequence = job->sequence,
            .table = prepared->write->table,
            .old_item = prepared->old_item,
            .new_item = prepared->new_item};
        for (size_t k = 0; prepared->changed && k < store->watcher_count; k++) {
            store->watchers[k].fn(store->watchers[k].arg, &change);
        }
    }
}

static void finish(const struct store *store, struct job *job)
{
    if (job->kind == JOB_WRITE && job->result == NULL) {
        tell_watchers(store, job);
        if (store->recorder != NULL) {
            recorder_tell(store, job);
        }
    }
    wake_send(&job->wake); // the job may be gone from here on
}

// Before anybody is woken.
static void note_group(struct store *store, size_t count, u64 took_us)
{
    uv_mutex_lock(&store->lock);
    store->group_count = count;
    store->left_count = store->queue_count;
    store->commit_us = took_us;
    uv_mutex_unlock(&store->lock);
}

static err *run_alone(struct store *store, struct job *job)
{
    TRY(begin(store));
    return run_transaction(store, &job, 1);
}

// When a group fails (full disk, I/O), each job is tried for itself: one that is too big must not
// take the others with it. A transaction that cannot even begin is nobody's fault and not worth
// waiting for once more.
static void run_group(struct store *store, struct job **jobs, size_t count)
{
    u64 start = time_mono_us();
    err *e = begin(store);
    bool begun = e == NULL;
    e = begun ? run_transaction(store, jobs, count) : e;
    note_group(store, count, time_mono_us() - start);
    for (size_t i = 0; i < count; i++) {
        err *own = e != NULL && begun && count > 1 ? run_alone(store, jobs[i]) : e;
        if (own != NULL) { // may lie in the writer's arena
            jobs[i]->result = err_copy(jobs[i]->arena, own);
        }
        finish(store, jobs[i]);
    }
}

// The new definitions are read before they are committed, so that nothing can fail between the two.
static err *apply(struct store *store, struct job *job)
{
    struct schema *schema = NULL;
    bool changed = false;
    TRY(begin(store));
    TRY(schema_apply(store, job, &changed));
    if (!changed) {
        roll_back(store);
        return NULL;
    }
    TRY(schema_read(store, job->arena, &schema));
    atomic_fetch_add(&store->changes, 1);
    err *e = commit(store);
    if (e == NULL) {
        schema_publish(store, schema);
    } else {
        arena_free(schema->arena);
    }
    atomic_fetch_add(&store->changes, 1);
    return e;
}

static void run_apply(struct store *store, struct job *job)
{
    err *e = apply(store, job);
    if (e != NULL) {
        job->result = err_copy(job->arena, e);
        roll_back(store);
    }
    finish(store, job);
}

// ---- the thread --------------------------------------------------------------------------------

enum patience { WAIT_NOT, WAIT_A_WHILE, WAIT_FOREVER };

// Waits until `count` jobs are queued, or the time is over (0: as long as it takes).
static void wait_for(struct store *store, size_t count, u64 limit_us)
{
    u64 start = time_mono_us();
    store->crowd = count;
    while (store->queue_count < count && !store->closing) {
        u64 waited = limit_us > 0 ? time_mono_us() - start : 0;
        if (limit_us == 0) {
            uv_cond_wait(&store->wanted, &store->lock);
        } else if (waited >= limit_us || uv_cond_timedwait(&store->wanted, &store->lock,
                                             (limit_us - waited) * 1000) != 0) {
            break;
        }
    }
}

// Those whose writes have just been acknowledged tend to come back at once with more. A quarter of
// the time that a commit takes is well spent on having them all in the next one.
static void wait_for_jobs(struct store *store, enum patience patience)
{
    if (patience == WAIT_NOT) {
        return;
    }
    wait_for(store, 1, patience == WAIT_FOREVER ? 0 : RETRY_US);
    if (store->group_count + store->left_count > 1 && store->commit_us >= GATHER_FROM_US) {
        size_t crowd = store->group_count + store->left_count;
        u64 limit_us = store->commit_us / 4;
        wait_for(store, crowd < GROUP_MAX ? crowd : GROUP_MAX,
            limit_us < GATHER_MAX_US ? limit_us : GATHER_MAX_US);
    }
}

// Takes up to GROUP_MAX writes, or one other job. False when there is nothing more to do ever.
static bool take(struct store *store, struct job **jobs, size_t *count, enum patience patience)
{
    *count = 0;
    uv_mutex_lock(&store->lock);
    wait_for_jobs(store, patience);
    while (store->queue_first != NULL && *count < GROUP_MAX) {
        struct job *job = store->queue_first;
        if (job->kind != JOB_WRITE && *count > 0) {
            break;
        }
        store->queue_first = job->next;
        store->queue_last = job->next == NULL ? NULL : store->queue_last;
        store->queue_count--;
        jobs[(*count)++] = job;
        if (job->kind != JOB_WRITE) {
            break;
        }
    }
    bool more = *count > 0 || !store->closing;
    uv_mutex_unlock(&store->lock);
    return more;
}

// A build that cannot go on now (full disk) is tried again with the next group of writes or a
// little later; the queries that wait for it keep waiting. Its trouble is told once.
static void build(struct store *store, bool *stuck)
{
    err *e = index_build_step(store, store->writer_arena);
    if (e != NULL) {
        roll_back(store);
        if (!*stuck) {
            log_error("store.index", "building an index: %.*s", PRI(e->text));
        }
    }
    *stuck = e != NULL;
    arena_reset(store->writer_arena);
}

static enum patience patience_of(const struct store *store, bool stuck)
{
    if (!store->building) {
        return WAIT_FOREVER;
    }
    return stuck ? WAIT_A_WHILE : WAIT_NOT;
}

void *writer_main(void *arg)
{
    struct store *store = arg;
    struct job *jobs[GROUP_MAX];
    size_t count = 0;
    bool stuck = false;
    while (take(store, jobs, &count, patience_of(store, stuck))) {
        if (count > 0 && jobs[0]->kind == JOB_WRITE) {
            run_group(store, jobs, count);
        } else if (count > 0 && jobs[0]->kind == JOB_RECORD) {
            recorder_exchange(store, jobs[0]);
        } else if (count > 0) {
            run_apply(store, jobs[0]);
        }
        arena_reset(store->writer_arena);
        if (store->building) {
            build(store, &stuck);
        }
        log_tend(store);
    }
    return NULL;
}
