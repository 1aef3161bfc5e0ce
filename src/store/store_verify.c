// The check that the database agrees with itself: SQLite's own, key columns against items, index
// entries against items. It walks everything, so it runs on the worker pool.
#include "store/store_int.h"

struct verify {
    struct store *store;
    struct arena *arena;     // the worker's
    struct arena *row_arena; // emptied after each row
    struct conn conn;
    const struct table *table;
    sqlite3_stmt **find;   // one for each index: is there this entry?
    u64 *entries;          // wanted entries of each index
    const bool *ready;     // which indexes are complete
    struct map *all_ready; // the same of each table
    struct view view;
    err *result;
};

static err *wrong(struct verify *verify, str where, str what)
{
    return fail(verify->arena, ERR_INTERNAL, "%.*s: %.*s", PRI(where), PRI(what));
}

static err *first_value(struct verify *verify, const char *sql, sqlite3_stmt **out)
{
    TRY(conn_prepare(&verify->conn, verify->arena, sql, out));
    if (sqlite3_step(*out) != SQLITE_ROW) {
        err *e = conn_error(&verify->conn, verify->arena, sql);
        sqlite3_finalize(*out);
        return e;
    }
    return NULL;
}

static err *check_sqlite(struct verify *verify)
{
    sqlite3_stmt *row = NULL;
    TRY(first_value(verify, "PRAGMA integrity_check(1)", &row));
    str text = str_dup(verify->arena, column_bytes(row, 0));
    sqlite3_finalize(row);
    return str_eq(text, S("ok")) ? NULL : wrong(verify, S("integrity_check"), text);
}

static err *check_entry(
    struct verify *verify, size_t place, const struct json *item, str pk, str sk)
{
    const struct index *index = &verify->table->indexes[place];
    struct index_key key = {};
    if (!verify->ready[place] || index_key_of(verify->row_arena, index, item, &key) != NULL ||
        !key.present) {
        return NULL; // an unfit item may be older than the index
    }
    sqlite3_stmt *find = verify->find[place];
    verify->entries[place]++;
    bind_bytes(find, 1, key.ipk);
    bind_bytes(find, 2, key.isk);
    bind_bytes(find, 3, pk);
    bind_bytes(find, 4, sk);
    int rc = sqlite3_step(find);
    sqlite3_reset(find);
    return rc == SQLITE_ROW ? NULL
                            : wrong(verify, index->relation.quoted, S("an item has no entry"));
}

static err *check_row(struct verify *verify, sqlite3_stmt *row)
{
    const struct table *table = verify->table;
    struct arena *arena = verify->row_arena;
    str columns[2] = {column_bytes(row, 0), column_bytes(row, 1)};
    const struct store_key_def *defs[2] = {&table->partition, &table->sort};
    struct json *item = NULL;
    if (item_parse(arena, column_bytes(row, 2), &item) != NULL) {
        return wrong(verify, table->relation.quoted, S("an item is not JSON"));
    }
    for (size_t i = 0; i < 2; i++) {
        str key = {};
        bool good =
            defs[i]->type == STORE_KEY_NONE || key_encode(arena, json_get(item, defs[i]->name),
                                                   defs[i], PARTITION_KEY_MAX, &key) == NULL;
        if (!good || !str_eq(key, columns[i])) {
            return wrong(verify, table->relation.quoted, S("an item is not under its key"));
        }
    }
    for (size_t i = 0; i < table->index_count; i++) {
        TRY(check_entry(verify, i, item, columns[0], columns[1]));
    }
    return NULL;
}

static err *check_rows(struct verify *verify)
{
    sqlite3_stmt *row = NULL;
    str sql =
        str_cat(verify->arena, S("SELECT pk, sk, item FROM "), verify->table->relation.quoted);
    TRY(conn_prepare(&verify->conn, verify->arena, str_cstr(verify->arena, sql), &row));
    err *e = NULL;
    int rc = SQLITE_DONE;
    while (e == NULL && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        e = check_row(verify, row);
        arena_reset(verify->row_arena);
    }
    if (e == NULL && rc != SQLITE_DONE) {
        e = conn_error(&verify->conn, verify->arena, "reading");
    }
    sqlite3_finalize(row);
    return e;
}

// Every wanted entry was found; equal numbers mean that there is no other.
static err *check_count(struct verify *verify, size_t place)
{
    const struct index *index = &verify->table->indexes[place];
    u64 count = 0;
    if (!verify->ready[place]) {
        return NULL;
    }
    TRY(conn_count(&verify->conn, verify->arena, index->relation.quoted, &count));
    return count == verify->entries[place]
               ? NULL
               : wrong(verify, index->relation.quoted, S("an entry leads to no item"));
}

static err *check_table(struct verify *verify)
{
    size_t count = verify->table->index_count;
    err *e = NULL;
    verify->find = arena_array(verify->arena, sqlite3_stmt *, count);
    verify->entries = arena_array(verify->arena, u64, count);
    for (size_t i = 0; e == NULL && i < count; i++) {
        str sql =
            str_cat(verify->arena, S("SELECT 1 FROM "), verify->table->indexes[i].relation.quoted,
                S(" WHERE ipk=?1 AND isk=?2 AND pk=?3 AND sk=?4"));
        e = conn_prepare(
            &verify->conn, verify->arena, str_cstr(verify->arena, sql), &verify->find[i]);
    }
    e = e != NULL ? e : check_rows(verify);
    for (size_t i = 0; i < count; i++) {
        sqlite3_finalize(verify->find[i]);
        e = e != NULL ? e : check_count(verify, i);
    }
    return e;
}

// Which indexes are complete, from before the snapshot: those are so in it too.
static void note_ready(struct verify *verify)
{
    size_t pos = 0;
    str name = {};
    void *value = NULL;
    verify->all_ready = map_new(verify->arena);
    while (map_next(verify->view.schema->tables, &pos, &name, &value)) {
        const struct table *table = value;
        bool *ready = arena_array(verify->arena, bool, table->index_count);
        for (size_t i = 0; i < table->index_count; i++) {
            ready[i] = atomic_load(&table->indexes[i].ready);
        }
        map_set(verify->all_ready, name, ready);
    }
}

static err *check_all(struct verify *verify)
{
    size_t pos = 0;
    str name = {};
    void *value = NULL;
    TRY(check_sqlite(verify));
    note_ready(verify);
    TRY(conn_command(&verify->conn, verify->arena, CMD_BEGIN_READ)); // one snapshot for it all
    while (map_next(verify->view.schema->tables, &pos, &name, &value)) {
        verify->table = value;
        verify->ready = map_get(verify->all_ready, name);
        TRY(check_table(verify));
    }
    return conn_command(&verify->conn, verify->arena, CMD_COMMIT);
}

static void verify_run(void *arg)
{
    struct verify *verify = arg;
    verify->result = conn_open(verify->arena, &verify->conn, &verify->store->options, CONN_READER);
    if (verify->result == NULL) {
        verify->result = check_all(verify);
        conn_close(&verify->conn);
    }
}

static err *verify_once(struct store *store, struct arena *arena, const struct view *view) YIELDS
{
    struct verify verify = {
        .store = store, .arena = arena_new(), .row_arena = arena_new(), .view = *view};
    err *cancelled = worker_run(verify_run, &verify);
    err *e = verify.result != NULL ? err_copy(arena, verify.result) : cancelled;
    arena_free(verify.row_arena);
    arena_free(verify.arena);
    return e;
}

err *store_verify(struct store *store, struct arena *arena)
{
    struct view view = {};
    err *e = NULL;
    do { // again if the schema changes meanwhile
        TRY(view_begin(store, &view));
        e = verify_once(store, arena, &view);
    } while (!view_holds(store, &view));
    return e;
}
