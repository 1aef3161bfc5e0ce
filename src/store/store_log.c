// The write-ahead log: a thread of its own copies it into the database while writing goes on, so
// that no write waits for that. Only when the log has become long, because somebody always wrote or
// read meanwhile, the writer stops for a moment to let it begin anew.
#include "store/store_int.h"

enum {
    LOG_PAGES = 4000, // of 4 KiB, after which it is copied
    LOG_LENGTHS = 4,  // so many times as long, it must begin anew
    LOG_WAIT_MS = 50, // for the readers of older snapshots; a loop drops its own each turn
};

static int log_pages(const struct store *store)
{
    return store->options.log_pages > 0 ? (int)store->options.log_pages : LOG_PAGES;
}

static void checkpoint(struct store *store, sqlite3 *db, int mode)
{
    int rc = sqlite3_wal_checkpoint_v2(db, NULL, mode, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
        log_warn("store.checkpoint", "%s: %s", store->options.path, sqlite3_errstr(rc));
    }
}

static void *log_main(void *arg)
{
    struct store *store = arg;
    uv_mutex_lock(&store->lock);
    while (!store->closing) {
        if (!store->log_wanted) {
            uv_cond_wait(&store->log_cond, &store->lock);
            continue;
        }
        store->log_wanted = false;
        uv_mutex_unlock(&store->lock);
        checkpoint(store, store->log_conn.db, SQLITE_CHECKPOINT_PASSIVE);
        uv_mutex_lock(&store->lock);
    }
    uv_mutex_unlock(&store->lock);
    return NULL;
}

// Called by SQLite after each commit of the writer.
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *store = arg;
    (void)db;
    (void)name;
    store->log_pages = pages;
    return SQLITE_OK;
}

err *log_start(struct store *store, struct arena *arena)
{
    TRY(conn_open(arena, &store->log_conn, &store->options, CONN_LOG));
    sqlite3_wal_hook(store->writer.db, on_commit, store);
    check(uv_cond_init(&store->log_cond) == 0);
    check(pthread_create(&store->log_thread, NULL, log_main, store) == 0);
    return NULL;
}

void log_stop(struct store *store)
{
    check(pthread_join(store->log_thread, NULL) == 0);
    uv_cond_destroy(&store->log_cond);
    conn_close(&store->log_conn);
}

void log_tend(struct store *store)
{
    int pages = store->log_pages;
    store->log_done = pages < store->log_done ? 0 : store->log_done; // it has begun anew
    if (pages - store->log_done < log_pages(store)) {
        return;
    }
    store->log_done = pages;
    if (pages < LOG_LENGTHS * log_pages(store)) {
        uv_mutex_lock(&store->lock);
        store->log_wanted = true;
        uv_cond_signal(&store->log_cond);
        uv_mutex_unlock(&store->lock);
        return;
    }
    sqlite3_busy_timeout(store->writer.db, LOG_WAIT_MS);
    checkpoint(store, store->writer.db, SQLITE_CHECKPOINT_RESTART);
    sqlite3_busy_timeout(store->writer.db, BUSY_MS);
}
