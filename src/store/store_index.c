// Secondary indexes: where an item belongs, and building one beside the writes.
//
// Every write keeps all indexes, complete or not, so a build only has to add the entries of the
// items that were there before: it walks the table in key order, and the place it has reached is
// committed together with the entries, so that it goes on there after a crash. An entry may be
// added twice; that changes nothing.
#include "store/store_int.h"

// What one step adds before the writes that wait have their turn.
enum { BUILD_ROWS = 500, BUILD_BYTES = 2 * 1024 * 1024 };

static err *part_of(struct arena *arena, const struct index *index, const struct json *item,
    const struct store_key_def *def, struct index_key *key, str *out)
{
    const struct json *value = json_get(item, def->name);
    bool is_partition = def == &index->partition;
    if (value == NULL) {
        key->present = false;
        return NULL;
    }
    if (!key_has_type(def, value)) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Type mismatch for Index Key %.*s Expected: "
            "%s Actual: %s IndexName: %.*s",
            PRI(def->name), key_type_name(def), json_type_name(value), PRI(index->name));
    }
    if (value->kind == JSON_STRING && value->text.len == 0) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values are not valid. A value specified for a secondary index "
            "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value. IndexName: %.*s, IndexKey: %.*s",
            PRI(index->name), PRI(def->name));
    }
    return key_encode(arena, value, def, is_partition ? PARTITION_KEY_MAX : SORT_KEY_MAX, out);
}

err *index_key_of(
    struct arena *arena, const struct index *index, const struct json *item, struct index_key *out)
{
    *out = (struct index_key){.present = item != NULL};
    if (item == NULL) {
        return NULL;
    }
    TRY(part_of(arena, index, item, &index->partition, out, &out->ipk));
    if (index->sort.type != STORE_KEY_NONE) {
        TRY(part_of(arena, index, item, &index->sort, out, &out->isk));
    }
    return NULL;
}

struct build {
    struct store *store;
    struct arena *arena;
    const struct table *table;
    struct index *index;
    struct position from; // pk, sk: built up to here
    bool complete;
};

static err *build_find_place(struct build *build)
{
    sqlite3_stmt *row = NULL;
    TRY(conn_prepare(&build->store->writer, build->arena,
        "SELECT built_pk, built_sk FROM ampd_index WHERE table_name=?1 AND name=?2", &row));
    bind_text(row, 1, build->table->name);
    bind_text(row, 2, build->index->name);
    err *e = NULL;
    if (sqlite3_step(row) == SQLITE_ROW) {
        build->from.count = 2;
        build->from.parts[0] = str_dup(build->arena, column_bytes(row, 0));
        build->from.parts[1] = str_dup(build->arena, column_bytes(row, 1));
    } else {
        e = conn_error(&build->store->writer, build->arena, "reading an index's definition");
    }
    sqlite3_finalize(row);
    return e;
}

static err *build_save_place(struct build *build)
{
    sqlite3_stmt *update = NULL;
    TRY(conn_prepare(&build->store->writer, build->arena,
        "UPDATE ampd_index SET ready=?3, built_pk=?4, built_sk=?5 WHERE table_name=?1 AND name=?2",
        &update));
    bind_text(update, 1, build->table->name);
    bind_text(update, 2, build->index->name);
    check(sqlite3_bind_int(update, 3, build->complete) == SQLITE_OK);
    bind_bytes(update, 4, build->from.parts[0]);
    bind_bytes(update, 5, build->from.parts[1]);
    err *e = conn_run(&build->store->writer, build->arena, update);
    sqlite3_finalize(update);
    return e;
}

// An item that does not fit the index was written before the index existed; it stays out of it, and
// so does one that cannot be read at all.
static err *build_add(struct build *build, sqlite3_stmt *add, str pk, str sk, str text)
{
    struct json *item = NULL;
    struct index_key key = {};
    err *unfit = item_parse(build->arena, text, &item);
    unfit = unfit != NULL ? unfit : index_key_of(build->arena, build->index, item, &key);
    if (unfit != NULL || !key.present) {
        return NULL;
    }
    bind_bytes(add, 1, key.ipk);
    bind_bytes(add, 2, key.isk);
    bind_bytes(add, 3, pk);
    bind_bytes(add, 4, sk);
    return conn_run(&build->store->writer, build->arena, add);
}

static err *build_rows(struct build *build, sqlite3_stmt *row, sqlite3_stmt *add)
{
    size_t bytes = 0;
    int rc = SQLITE_DONE;
    for (size_t count = 1; (rc = sqlite3_step(row)) == SQLITE_ROW; count++) {
        struct arena_mark mark = arena_mark(build->arena);
        str pk = column_bytes(row, 0);
        str sk = column_bytes(row, 1);
        str text = column_bytes(row, 2);
        TRY(build_add(build, add, pk, sk, text));
        arena_rewind(build->arena, mark);
        bytes += text.len;
        if (count >= BUILD_ROWS || bytes >= BUILD_BYTES) {
            build->from.parts[0] = str_dup(build->arena, pk);
            build->from.parts[1] = key_behind(build->arena, sk); // the next possible key
            return NULL;
        }
    }
    build->complete = rc == SQLITE_DONE;
    return build->complete ? NULL : conn_error(&build->store->writer, build->arena, "reading");
}

static err *build_batch(struct build *build)
{
    struct conn *conn = &build->store->writer;
    sqlite3_stmt *row = NULL;
    sqlite3_stmt *add = NULL;
    TRY(build_find_place(build));
    TRY(conn_statement(conn, build->arena, &build->table->relation, ST_SCAN_FORWARD, &row));
    TRY(conn_statement(conn, build->arena, &build->index->relation, ST_PUT, &add));
    bind_bytes(row, 1, build->from.parts[0]);
    bind_bytes(row, 2, build->from.parts[1]);
    bind_bytes(row, 3, S("\xff"));
    bind_bytes(row, 4, S(""));
    err *e = build_rows(build, row, add);
    sqlite3_reset(row);
    TRY(e);
    return build_save_place(build);
}

static bool find_incomplete(struct store *store, struct build *build)
{
    const struct schema *schema = atomic_load(&store->schema);
    size_t pos = 0;
    str name = {};
    void *value = NULL;
    while (map_next(schema->tables, &pos, &name, &value)) {
        struct table *table = value;
        for (size_t i = 0; i < table->index_count; i++) {
            if (!atomic_load(&table->indexes[i].ready)) {
                build->table = table;
                build->index = &table->indexes[i];
                return true;
            }
        }
    }
    return false;
}

err *index_build_step(struct store *store, struct arena *arena)
{
    struct build build = {.store = store, .arena = arena};
    if (!find_incomplete(store, &build)) {
        store->building = false;
        return NULL;
    }
    TRY(conn_command(&store->writer, arena, CMD_BEGIN));
    TRY(build_batch(&build));
    TRY(conn_command(&store->writer, arena, CMD_COMMIT));
    atomic_fetch_add(&store->committed, 1);
    if (build.complete) { // after the count of commits: who sees it ready reads it complete
        atomic_store(&build.index->ready, true);
    }
    return NULL;
}
