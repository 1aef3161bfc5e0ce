// Shared inside the store: connections, the schema as the loops and the writer see it, jobs for the
// writer thread.
#pragma once

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

enum {
    PARTITION_KEY_MAX = 2048, // bytes, as DynamoDB
    SORT_KEY_MAX = 1024,
    ITEM_MAX = 400 * 1024,
    LEVELS_MAX = 32, // of an attribute's value, as DynamoDB; a scalar is one
    PAGE_BYTES = 1024 * 1024,
    PASSED_BYTES = 64 * 1024 * 1024, // of items the caller may not see
    POSITION_PARTS = 4,              // ipk, isk, pk, sk
    GROUP_MAX = 256,                 // jobs that share a commit
    WATCHERS_MAX = 8,
    PRED_DEPTH_MAX = 600,
    BUSY_MS = 2000, // how long to wait for another program that has the database locked
};

// ---- keys --------------------------------------------------------------------------------------
// Says in DynamoDB's words what is wrong with a key value; `out` is in the arena, or borrows the
// text of a string.
[[nodiscard]] err *key_encode(struct arena *arena, const struct json *value,
    const struct store_key_def *def, size_t max, str *out);
// Whether the value is of the kind the key wants; its size is not looked at.
bool key_has_type(const struct store_key_def *def, const struct json *value);
// "S", "N", "M", ... of a JSON value; NULL pointer counts as NULL.
const char *json_type_name(const struct json *value);
// "S" or "N".
const char *key_type_name(const struct store_key_def *def);
// The next encoded key in bytewise order.
str key_behind(struct arena *arena, str key);

// ---- schema ------------------------------------------------------------------------------------
// A table of SQLite's, with the number under which each connection keeps its statements. The number
// belongs to the name for good, so that a statement never reads the wrong table.
struct relation {
    u32 slot;
    bool is_index;
    str quoted;       // SQL name in quotes
    str table_quoted; // index: of the table it leads into
};

struct index {
    str name;
    struct store_key_def partition;
    struct store_key_def sort;
    struct relation relation;
    atomic_bool ready;
};

struct table {
    str name;
    struct store_key_def partition;
    struct store_key_def sort;
    struct relation relation;
    struct index *indexes;
    size_t index_count;
};

// Immutable but for `ready`; replaced whole by store_apply. Old ones live until store_close since a
// fiber may still look at one.
struct schema {
    struct arena *arena;
    struct map *tables;
    struct schema *older;
};

// The key of one item, as given to read, update or delete it. `sk` must be NULL exactly when the
// table has no sort key.
[[nodiscard]] err *key_encode_pair(struct arena *arena, const struct table *table,
    const struct json *pk, const struct json *sk, str out[2]);

// The place of an item in an index; absent when the item lacks a key attribute.
struct index_key {
    bool present;
    str ipk;
    str isk;
};

// ---- connections -------------------------------------------------------------------------------
enum statement {
    ST_GET,
    ST_PUT,
    ST_DELETE,
    ST_FORWARD,
    ST_BACKWARD,
    ST_SCAN_FORWARD,
    ST_SCAN_BACKWARD,
    STATEMENTS
};

enum command { CMD_BEGIN_READ, CMD_BEGIN, CMD_COMMIT, CMD_ROLLBACK, CMD_SAVE, CMD_KEEP, CMD_UNDO };

enum { COMMANDS = CMD_UNDO + 1 };

// Used by one thread at a time, never locked.
struct conn {
    sqlite3 *db;
    sqlite3_stmt *commands[COMMANDS];
    sqlite3_stmt **statements; // slot * STATEMENTS + kind
    size_t statement_room;
    bool failed; // a statement failed since the writer last looked
};

enum conn_role { CONN_WRITER, CONN_READER, CONN_LOG };

// Opens the database in the mode the role needs; the writer makes it when there is none. On failure
// nothing is left open.
[[nodiscard]] err *conn_open(struct arena *arena, struct conn *conn,
    const struct store_options *options, enum conn_role role);
// Every statement for one use must be finalized. A connection that is not open is left alone.
void conn_close(struct conn *conn);
// The error of the last call on the connection: full disk, I/O error, or what SQLite says.
[[nodiscard]] err *conn_error(struct conn *conn, struct arena *arena, const char *doing);
// Runs SQL that gives no rows; several statements if need be.
[[nodiscard]] err *conn_exec(struct conn *conn, struct arena *arena, const char *sql);
// Runs one of the fixed statements, prepared at its first use.
[[nodiscard]] err *conn_command(struct conn *conn, struct arena *arena, enum command command);
// The cached statement, reset and ready to bind.
[[nodiscard]] err *conn_statement(struct conn *conn, struct arena *arena,
    const struct relation *relation, enum statement kind, sqlite3_stmt **out);
// A statement for one use: the caller finalizes.
[[nodiscard]] err *conn_prepare(
    struct conn *conn, struct arena *arena, const char *sql, sqlite3_stmt **out);
// Number of rows of a relation.
[[nodiscard]] err *conn_count(struct conn *conn, struct arena *arena, str quoted, u64 *out);
// Steps a statement that gives no rows, and resets it.
[[nodiscard]] err *conn_run(struct conn *conn, struct arena *arena, sqlite3_stmt *statement);
// Borrows `bytes` until the statement is reset.
void bind_bytes(sqlite3_stmt *statement, int place, str bytes);
// The same as SQL text, which must be UTF-8.
void bind_text(sqlite3_stmt *statement, int place, str text);
// Borrowed until the next step.
str column_bytes(sqlite3_stmt *statement, int column);
// A row's item, which refers to the text. Deeper ones than a write may bring are read too: there
// was no bound once, and a recorded change has items in it. ERR_INVALID for a damaged one.
[[nodiscard]] err *item_parse(struct arena *arena, str text, struct json **item);

// ---- the store ---------------------------------------------------------------------------------
struct reader {
    struct conn conn;
    struct store *store;
    bool is_open;
    bool in_snapshot;
    u64 seen; // store->committed when the snapshot began
};

struct watcher {
    void (*fn)(void *arg, const struct store_change *change);
    void *arg;
};

enum job_kind { JOB_WRITE, JOB_APPLY, JOB_RECORD };

// Work for the writer thread. Lives on the stack of the fiber that waits for it; what the writer
// makes is in the job's own arena, since a fiber's arena may serve other fibers meanwhile.
struct job {
    enum job_kind kind;
    struct job *next;
    struct wake wake;
    struct arena *arena;
    err *result;
    // JOB_WRITE
    const struct schema *schema; // the one it was prepared with
    struct prepared *prepared;
    size_t count;
    size_t failed;
    u64 sequence;
    // JOB_APPLY
    const struct store_table_def *tables;
    size_t table_count;
    struct store_apply_options options;
    // JOB_RECORD: the next one; when it has been carried out, the former one.
    struct recorder *recorder;
};

// A write with everything worked out that needs no look at the table.
struct prepared {
    struct store_write *write;
    const struct table *table;
    str pk;
    str sk;
    str text;               // PUT: the item as JSON
    struct index_key *keys; // PUT: one for each index
    // Results, in the job's arena.
    const struct json *old_item;
    const struct json *new_item;
    bool changed;
    bool recorded;
};

enum { STORE_MAGIC = 0x73746f72 };

struct store {
    u32 magic;
    struct arena *arena;
    struct store_options options;
    _Atomic(struct schema *) schema;
    atomic_ullong committed; // grows with each commit
    atomic_uint changes;     // of the schema; odd while one is committed and published
    char token_key[32];
    int lock_file;
    struct reader *readers; // one for each loop
    pthread_t thread;
    uv_mutex_t lock; // guards the queue, `crowd`, `closing`, `log_wanted`
    uv_cond_t wanted;
    struct job *queue_first;
    struct job *queue_last;
    size_t queue_count;
    size_t crowd; // how many the writer waits for
    bool closing;
    // The log's thread.
    pthread_t log_thread;
    uv_cond_t log_cond;
    bool log_wanted; // guarded by the lock
    struct conn log_conn;
    // The writer's own.
    struct conn writer;
    struct arena *writer_arena; // emptied after each group
    struct map *slots;          // SQL name -> slot + 1
    size_t group_count;         // of the last group
    size_t left_count;          // that were queued when it was done
    u64 commit_us;              // that it took
    u64 sequence;
    u64 sequence_reserved;
    int log_pages;             // in the write-ahead log after the last commit
    int log_done;              // of them, when a checkpoint was last asked for
    struct recorder *recorder; // NULL: of no table
    bool building;             // an index may be incomplete
    struct watcher watchers[WATCHERS_MAX];
    size_t watcher_count;
};

// Writer thread, or before it starts. Reads the definitions, as the transaction has them now.
[[nodiscard]] err *schema_read(struct store *store, struct arena *arena, struct schema **out);
// Makes it the schema that everybody sees.
void schema_publish(struct store *store, struct schema *schema);
// The present one and all before it; when nobody reads any more.
void schema_free_all(struct store *store);
// Inside the writer's transaction. *changed false: everything was there already.
[[nodiscard]] err *schema_apply(struct store *store, struct job *job, bool *changed);
// Same type and, unless there is no key, same attribute.
bool key_equal(const struct store_key_def *a, const struct store_key_def *b);
// Whether the index is by these keys.
bool index_equal(const struct index *index, const struct store_key_def *partition,
    const struct store_key_def *sort);
// ERR_NOT_FOUND, in DynamoDB's words, when there is no such table.
[[nodiscard]] err *schema_table(
    const struct schema *schema, struct arena *arena, str name, const struct table **out);
// NULL when there is none.
struct index *table_index(const struct table *table, str name);
// Fails with ERR_INVALID when the item has a key attribute of the wrong type.
[[nodiscard]] err *index_key_of(
    struct arena *arena, const struct index *index, const struct json *item, struct index_key *out);
// One batch of the first incomplete index; clears store->building when there is none.
[[nodiscard]] err *index_build_step(struct store *store, struct arena *arena);

// At opening: makes the table of the store's own values and reads them (form version, sequence, the
// key of page tokens, which is drawn at first). ERR_CONFIG when a newer version wrote it.
[[nodiscard]] err *meta_prepare(struct store *store, struct arena *arena);
// Inside the writer's transaction: makes sure that `count` further sequences may be used.
[[nodiscard]] err *meta_reserve(struct store *store, struct arena *arena, u64 count);

// On the fiber's thread: works out keys and text, and checks the write in DynamoDB's words
// (ERR_INVALID, ERR_NOT_FOUND). `out` borrows the write.
[[nodiscard]] err *write_prepare(const struct schema *schema, struct arena *arena,
    struct store_write *write, struct prepared *out);
// Carries out one job inside the writer's transaction; what it fails with is left in the result.
void write_run(struct store *store, struct job *job);

// Keeps the change of a prepared write, when its table is one of those that are recorded; `place`
// is that of the write in its transaction. While there is a recorder.
[[nodiscard]] err *record_change(
    struct store *store, struct arena *arena, struct prepared *prepared, size_t place);
// After the commit: tells whoever reads recorded changes.
void recorder_tell(const struct store *store, const struct job *job);
// Carries out a job that brings another recorder.
void recorder_exchange(struct store *store, struct job *job);
void recorder_free(struct recorder *recorder);

// The writer's thread, until the store is closing and the queue empty.
void *writer_main(void *store);
// Queues the job and waits for its end, also when the fiber is cancelled: the job may lie on its
// stack. What became of it is in job->result.
void writer_submit(struct store *store, struct job *job) YIELDS;

// Opens the connection and starts the thread that copies the write-ahead log into the database.
[[nodiscard]] err *log_start(struct store *store, struct arena *arena);
// Joins it, once `closing` is set and log_cond signalled.
void log_stop(struct store *store);
// Writer thread, after each commit: asks for a checkpoint when the log has grown enough, and makes
// one itself when it has grown far beyond that.
void log_tend(struct store *store);

// The schema at one moment. A reader begins with it, then takes its snapshot (in this order), and
// trusts what it has read if the view still holds afterwards.
struct view {
    const struct schema *schema;
    unsigned changes;
};

// Waits while a change of the schema is being published.
[[nodiscard]] err *view_begin(struct store *store, struct view *out) YIELDS;
// False: the schema has changed since, read again with a new view.
bool view_holds(const struct store *store, const struct view *view);

// The calling loop's connection with a snapshot not older than the newest acknowledged commit.
[[nodiscard]] err *reader_begin(struct store *store, struct arena *arena, struct reader **out);

// ---- positions and page tokens -----------------------------------------------------------------
// A place in an order: the columns ordered by.
struct position {
    size_t count;
    str parts[POSITION_PARTS];
};

// In the order of the columns, each bytewise; both of equal count.
int position_cmp(const struct position *a, const struct position *b);
// Each part behind its length (two bytes).
str position_encode(struct arena *arena, const struct position *position);
// What it fills points into `bytes`. False unless `bytes` holds exactly `count` parts.
bool position_decode(str bytes, size_t count, struct position *out);

struct token_scope {
    str table;
    str index;
    str partition; // none: a scan
    bool is_scan;
};

// base64url of a MAC over scope and position, and the position: it is good for this query only.
str token_make(struct store *store, struct arena *arena, const struct token_scope *scope,
    const struct position *last);
// ERR_INVALID for a token of another query, another store, or made up.
[[nodiscard]] err *token_read(struct store *store, struct arena *arena,
    const struct token_scope *scope, str token, size_t count, struct position *out);
