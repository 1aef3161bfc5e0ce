// Definitions: kept in meta tables, published to the loops as an immutable `struct schema`.
#include "store/store_int.h"

enum { NAME_MAX_LEN = 255, SEQUENCE_BLOCK = 1 << 20 };

// ---- meta tables -------------------------------------------------------------------------------

static const char META_SQL[] =
    "CREATE TABLE IF NOT EXISTS ampd_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS ampd_table(name TEXT PRIMARY KEY, pk_name TEXT, pk_type TEXT,"
    " sk_name TEXT, sk_type TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS ampd_index(table_name TEXT, name TEXT, pk_name TEXT, pk_type TEXT,"
    " sk_name TEXT, sk_type TEXT, ready INTEGER, built_pk BLOB, built_sk BLOB,"
    " PRIMARY KEY(table_name, name)) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO ampd_meta VALUES('format', 1);"
    "INSERT OR IGNORE INTO ampd_meta VALUES('sequence', 0);"
    "INSERT OR IGNORE INTO ampd_meta VALUES('token_key', randomblob(32));";

static err *meta_read(struct store *store, struct arena *arena, sqlite3_stmt *row)
{
    while (sqlite3_step(row) == SQLITE_ROW) {
        str key = column_bytes(row, 0);
        if (str_eq(key, S("format")) && sqlite3_column_int(row, 1) != 1) {
            return fail(arena, ERR_CONFIG, "%s was written by a newer version of ampd (format %d)",
                store->options.path, sqlite3_column_int(row, 1));
        }
        if (str_eq(key, S("sequence"))) {
            store->sequence = (u64)sqlite3_column_int64(row, 1);
            store->sequence_reserved = store->sequence;
        }
        if (str_eq(key, S("token_key"))) {
            str bytes = column_bytes(row, 1);
            if (bytes.len != sizeof(store->token_key)) {
                return fail(arena, ERR_IO, "%s: the token key is damaged", store->options.path);
            }
            memcpy(store->token_key, bytes.ptr, bytes.len);
        }
    }
    return NULL;
}

err *meta_prepare(struct store *store, struct arena *arena)
{
    sqlite3_stmt *row = NULL;
    TRY(conn_command(&store->writer, arena, CMD_BEGIN));
    err *e = conn_exec(&store->writer, arena, META_SQL);
    if (e != NULL) {
        return e; // the store does not open; closing rolls back
    }
    TRY(conn_command(&store->writer, arena, CMD_COMMIT));
    TRY(conn_prepare(&store->writer, arena, "SELECT key, value FROM ampd_meta", &row));
    e = meta_read(store, arena, row);
    sqlite3_finalize(row);
    return e;
}

// Sequences are set aside a block at a time, so that most commits need not write theirs; a restart
// goes on behind the block.
err *meta_reserve(struct store *store, struct arena *arena, u64 count)
{
    if (store->sequence + count <= store->sequence_reserved) {
        return NULL;
    }
    u64 reserved = store->sequence + count + SEQUENCE_BLOCK;
    sqlite3_stmt *update = NULL;
    TRY(conn_prepare(
        &store->writer, arena, "UPDATE ampd_meta SET value=?1 WHERE key='sequence'", &update));
    check(sqlite3_bind_int64(update, 1, (i64)reserved) == SQLITE_OK);
    err *e = conn_run(&store->writer, arena, update);
    sqlite3_finalize(update);
    store->sequence_reserved = e == NULL ? reserved : store->sequence_reserved;
    return e;
}

// ---- names -------------------------------------------------------------------------------------

// Index tables are named "Table/index"; neither name holds a slash, so nothing collides.
static bool is_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return name.len > 0 && name.len <= NAME_MAX_LEN;
}

static bool is_reserved(str name)
{
    str start = str_sub(name, 0, 7);
    return str_eq_nocase(start, S("sqlite_")) || str_eq_nocase(str_sub(start, 0, 5), S("ampd_"));
}

// SQLite takes "Item" and "ITEM" for one table and keeps some names for itself. A name that has to
// differ carries in front which of its letters are capitals.
static str quoted_table(struct arena *arena, str table, bool plain)
{
    if (plain) {
        return str_cat(arena, S("\""), table, S("\""));
    }
    char marks[NAME_MAX_LEN];
    for (size_t i = 0; i < table.len; i++) {
        marks[i] = table.ptr[i] >= 'A' && table.ptr[i] <= 'Z' ? '1' : '0';
    }
    return str_cat(arena, S("\"~"), (str){marks, table.len}, S("~"), table, S("\""));
}

static str quoted_index(struct arena *arena, str table_quoted, str index)
{
    str table = str_sub(table_quoted, 0, table_quoted.len - 1);
    return str_cat(arena, table, S("/"), index, S("\""));
}

static u32 slot_of(struct store *store, str quoted)
{
    uintptr_t slot = (uintptr_t)map_get(store->slots, quoted);
    if (slot == 0) {
        slot = map_count(store->slots) + 1;
        // The slot lives as long as the store; so must its name.
        map_set(store->slots, str_dup(store->arena, quoted), (void *)slot);
    }
    return (u32)slot;
}

// ---- the schema --------------------------------------------------------------------------------

static str column_text(struct arena *arena, sqlite3_stmt *row, int column)
{
    return str_dup(arena, column_bytes(row, column));
}

static struct store_key_def column_key(struct arena *arena, sqlite3_stmt *row, int column)
{
    str type = column_bytes(row, column + 1);
    struct store_key_def key = {.type = STORE_KEY_NONE};
    if (type.len > 0) {
        key.name = column_text(arena, row, column);
        key.type = str_eq(type, S("N")) ? STORE_KEY_NUMBER : STORE_KEY_STRING;
    }
    return key;
}

static void load_table(struct store *store, struct schema *schema, sqlite3_stmt *row)
{
    struct table *table = arena_new_of(schema->arena, struct table);
    table->name = column_text(schema->arena, row, 0);
    table->partition = column_key(schema->arena, row, 1);
    table->sort = column_key(schema->arena, row, 3);
    bool plain = sqlite3_column_int(row, 6) != 0 && !is_reserved(table->name);
    table->relation.quoted = quoted_table(schema->arena, table->name, plain);
    table->relation.slot = slot_of(store, table->relation.quoted);
    table->indexes = arena_array(schema->arena, struct index, (size_t)sqlite3_column_int(row, 5));
    map_set(schema->tables, table->name, table);
}

static void load_index(struct store *store, struct schema *schema, sqlite3_stmt *row)
{
    struct table *table = map_get(schema->tables, column_bytes(row, 0));
    check(table != NULL);
    struct index *index = &table->indexes[table->index_count++];
    index->name = column_text(schema->arena, row, 1);
    index->partition = column_key(schema->arena, row, 2);
    index->sort = column_key(schema->arena, row, 4);
    index->relation.is_index = true;
    index->relation.table_quoted = table->relation.quoted;
    index->relation.quoted = quoted_index(schema->arena, index->relation.table_quoted, index->name);
    index->relation.slot = slot_of(store, index->relation.quoted);
    atomic_init(&index->ready, sqlite3_column_int(row, 6) != 0);
}

static err *load_rows(struct store *store, struct arena *arena, struct schema *schema,
    const char *sql, void (*load)(struct store *, struct schema *, sqlite3_stmt *))
{
    sqlite3_stmt *row = NULL;
    int rc = SQLITE_ROW;
    TRY(conn_prepare(&store->writer, arena, sql, &row));
    while ((rc = sqlite3_step(row)) == SQLITE_ROW) {
        load(store, schema, row);
    }
    err *e = rc == SQLITE_DONE ? NULL : conn_error(&store->writer, arena, "reading definitions");
    sqlite3_finalize(row);
    return e;
}

err *schema_read(struct store *store, struct arena *arena, struct schema **out)
{
    struct arena *own = arena_new();
    struct schema *schema = arena_new_of(own, struct schema);
    *out = NULL;
    schema->arena = own;
    schema->tables = map_new(own);
    err *e = load_rows(store, arena, schema,
        "SELECT name, pk_name, pk_type, sk_name, sk_type,"
        " (SELECT count(*) FROM ampd_index i WHERE i.table_name = t.name),"
        " EXISTS(SELECT 1 FROM sqlite_schema s WHERE s.name = t.name) FROM ampd_table t",
        load_table);
    if (e == NULL) {
        e = load_rows(store, arena, schema,
            "SELECT table_name, name, pk_name, pk_type, sk_name, sk_type, ready FROM ampd_index",
            load_index);
    }
    if (e != NULL) {
        arena_free(own);
        return e;
    }
    *out = schema;
    return NULL;
}

void schema_publish(struct store *store, struct schema *schema)
{
    schema->older = atomic_load(&store->schema);
    atomic_store(&store->schema, schema);
    store->building = true; // perhaps: the next step finds out
}

void schema_free_all(struct store *store)
{
    struct schema *schema = atomic_load(&store->schema);
    while (schema != NULL) {
        struct schema *older = schema->older;
        arena_free(schema->arena);
        schema = older;
    }
    atomic_store(&store->schema, NULL);
}

err *schema_table(
    const struct schema *schema, struct arena *arena, str name, const struct table **out)
{
    *out = map_get(schema->tables, name);
    if (*out == NULL) {
        return fail(
            arena, ERR_NOT_FOUND, "Requested resource not found: Table: %.*s not found", PRI(name));
    }
    return NULL;
}

struct index *table_index(const struct table *table, str name)
{
    for (size_t i = 0; i < table->index_count; i++) {
        if (str_eq(table->indexes[i].name, name)) {
            return &table->indexes[i];
        }
    }
    return NULL;
}

// ---- apply -------------------------------------------------------------------------------------

bool key_equal(const struct store_key_def *a, const struct store_key_def *b)
{
    return a->type == b->type && (a->type == STORE_KEY_NONE || str_eq(a->name, b->name));
}

static bool are_keys(const struct store_key_def *partition, const struct store_key_def *sort)
{
    return partition->type != STORE_KEY_NONE && partition->name.len > 0 &&
           (sort->type == STORE_KEY_NONE ||
               (sort->name.len > 0 && !str_eq(sort->name, partition->name)));
}

static err *check_index_def(
    struct arena *arena, const struct store_table_def *table, const struct store_index_def *index)
{
    if (!is_name(index->name)) {
        return fail(arena, ERR_INVALID, "Index name \"%.*s\" of table %.*s is not allowed",
            PRI(index->name), PRI(table->name));
    }
    if (!are_keys(&index->partition, &index->sort)) {
        return fail(arena, ERR_INVALID,
            "Index %.*s of table %.*s needs a partition key, and a sort key, if any, of another "
            "name",
            PRI(index->name), PRI(table->name));
    }
    for (const struct store_index_def *i = table->indexes; i < index; i++) {
        if (str_eq_nocase(i->name, index->name)) {
            return fail(arena, ERR_INVALID, "Table %.*s has two indexes named %.*s",
                PRI(table->name), PRI(index->name));
        }
    }
    return NULL;
}

static err *check_table_def(struct arena *arena, const struct store_table_def *def)
{
    if (!is_name(def->name)) {
        return fail(arena, ERR_INVALID, "Table name \"%.*s\" is not allowed", PRI(def->name));
    }
    if (!are_keys(&def->partition, &def->sort)) {
        return fail(arena, ERR_INVALID,
            "Table %.*s needs a partition key, and a sort key, if any, of another name",
            PRI(def->name));
    }
    for (size_t i = 0; i < def->index_count; i++) {
        TRY(check_index_def(arena, def, &def->indexes[i]));
    }
    return NULL;
}

static err *check_defs(struct job *job)
{
    for (size_t i = 0; i < job->table_count; i++) {
        TRY(check_table_def(job->arena, &job->tables[i]));
        for (size_t k = 0; k < i; k++) {
            if (str_eq(job->tables[i].name, job->tables[k].name)) {
                return fail(job->arena, ERR_INVALID, "Table %.*s is defined twice",
                    PRI(job->tables[i].name));
            }
        }
    }
    return NULL;
}

static err *exec(struct store *store, struct arena *arena, const str *parts, size_t count)
{
    return conn_exec(&store->writer, arena, str_cstr(arena, str_concat(arena, parts, count)));
}

#define EXEC(store, arena, ...)                                                                    \
    exec((store), (arena), (const str[]){__VA_ARGS__}, countof(((const str[]){__VA_ARGS__})))

static err *is_empty(struct store *store, struct arena *arena, const struct table *table, bool *out)
{
    sqlite3_stmt *row = NULL;
    str sql = str_cat(arena, S("SELECT 1 FROM "), table->relation.quoted, S(" LIMIT 1"));
    TRY(conn_prepare(&store->writer, arena, str_cstr(arena, sql), &row));
    int rc = sqlite3_step(row);
    *out = rc == SQLITE_DONE;
    err *e = rc == SQLITE_DONE || rc == SQLITE_ROW
                 ? NULL
                 : conn_error(&store->writer, arena, "looking into a table");
    sqlite3_finalize(row);
    return e;
}

static void bind_key(sqlite3_stmt *statement, int place, const struct store_key_def *key)
{
    static const char *const TYPES[] = {"", "S", "N"};
    bind_text(statement, place, key->name);
    bind_text(statement, place + 1, str_from(TYPES[key->type]));
}

static err *add_index(struct store *store, struct arena *arena, str table, str table_quoted,
    const struct store_index_def *def, bool ready)
{
    sqlite3_stmt *insert = NULL;
    TRY(EXEC(store, arena, S("CREATE TABLE "), quoted_index(arena, table_quoted, def->name),
        S("(ipk BLOB, isk BLOB, pk BLOB, sk BLOB, PRIMARY KEY(ipk, isk, pk, sk)) WITHOUT ROWID")));
    TRY(conn_prepare(&store->writer, arena,
        "INSERT INTO ampd_index VALUES(?1,?2,?3,?4,?5,?6,?7,x'',x'')", &insert));
    bind_text(insert, 1, table);
    bind_text(insert, 2, def->name);
    bind_key(insert, 3, &def->partition);
    bind_key(insert, 5, &def->sort);
    check(sqlite3_bind_int(insert, 7, ready) == SQLITE_OK);
    err *e = conn_run(&store->writer, arena, insert);
    sqlite3_finalize(insert);
    return e;
}

// Names were checked to hold no quotes when they were defined.
static err *drop_index(
    struct store *store, struct arena *arena, const struct table *table, const struct index *index)
{
    TRY(EXEC(store, arena, S("DROP TABLE "), index->relation.quoted));
    return EXEC(store, arena, S("DELETE FROM ampd_index WHERE table_name='"), table->name,
        S("' AND name='"), index->name, S("'"));
}

static err *drop_table(struct store *store, struct arena *arena, const struct table *table)
{
    for (size_t i = 0; i < table->index_count; i++) {
        TRY(drop_index(store, arena, table, &table->indexes[i]));
    }
    TRY(EXEC(store, arena, S("DROP TABLE "), table->relation.quoted));
    return EXEC(store, arena, S("DELETE FROM ampd_table WHERE name='"), table->name, S("'"));
}

// Whether SQLite can call a new table by its own name.
static err *is_free(struct store *store, struct arena *arena, str name, bool *out)
{
    sqlite3_stmt *find = NULL;
    TRY(conn_prepare(
        &store->writer, arena, "SELECT 1 FROM sqlite_schema WHERE name=?1 COLLATE NOCASE", &find));
    bind_text(find, 1, name);
    int rc = sqlite3_step(find);
    *out = rc == SQLITE_DONE && !is_reserved(name);
    err *e = rc == SQLITE_DONE || rc == SQLITE_ROW
                 ? NULL
                 : conn_error(&store->writer, arena, "looking for a name");
    sqlite3_finalize(find);
    return e;
}

static err *add_table(struct store *store, struct arena *arena, const struct store_table_def *def)
{
    sqlite3_stmt *insert = NULL;
    bool plain = false;
    TRY(is_free(store, arena, def->name, &plain));
    str quoted = quoted_table(arena, def->name, plain);
    // Items lie in order of their making and are found by a narrow index of the keys, so that
    // random keys make a commit write, and the log's thread copy, few pages instead of one for each
    // item.
    TRY(EXEC(store, arena, S("CREATE TABLE "), quoted,
        S("(pk BLOB NOT NULL, sk BLOB NOT NULL, item TEXT NOT NULL, UNIQUE(pk, sk))")));
    TRY(conn_prepare(
        &store->writer, arena, "INSERT INTO ampd_table VALUES(?1,?2,?3,?4,?5)", &insert));
    bind_text(insert, 1, def->name);
    bind_key(insert, 2, &def->partition);
    bind_key(insert, 4, &def->sort);
    err *e = conn_run(&store->writer, arena, insert);
    sqlite3_finalize(insert);
    for (size_t i = 0; e == NULL && i < def->index_count; i++) {
        e = add_index(store, arena, def->name, quoted, &def->indexes[i], true);
    }
    return e;
}

static const struct store_index_def *find_def(const struct store_table_def *def, str name)
{
    for (size_t i = 0; i < def->index_count; i++) {
        if (str_eq(def->indexes[i].name, name)) {
            return &def->indexes[i];
        }
    }
    return NULL;
}

bool index_equal(const struct index *index, const struct store_key_def *partition,
    const struct store_key_def *sort)
{
    return key_equal(&index->partition, partition) && key_equal(&index->sort, sort);
}

static err *change_indexes(struct store *store, struct arena *arena, const struct table *table,
    const struct store_table_def *def, bool *changed)
{
    bool empty = false;
    TRY(is_empty(store, arena, table, &empty));
    for (size_t i = 0; i < table->index_count; i++) {
        const struct index *index = &table->indexes[i];
        const struct store_index_def *wanted = find_def(def, index->name);
        if (wanted == NULL || !index_equal(index, &wanted->partition, &wanted->sort)) {
            TRY(drop_index(store, arena, table, index));
            *changed = true;
        }
    }
    for (size_t i = 0; i < def->index_count; i++) {
        const struct store_index_def *wanted = &def->indexes[i];
        const struct index *present = table_index(table, wanted->name);
        if (present == NULL || !index_equal(present, &wanted->partition, &wanted->sort)) {
            TRY(add_index(store, arena, table->name, table->relation.quoted, wanted, empty));
            *changed = true;
        }
    }
    return NULL;
}

// "(id: S, rank: N)"
static str key_text(
    struct arena *arena, const struct store_key_def *partition, const struct store_key_def *sort)
{
    str text = str_fmt(arena, "(%.*s: %s", PRI(partition->name), key_type_name(partition));
    if (sort->type != STORE_KEY_NONE) {
        text = str_fmt(arena, "%.*s, %.*s: %s", PRI(text), PRI(sort->name), key_type_name(sort));
    }
    return str_cat(arena, text, S(")"));
}

static err *replace_table(struct store *store, struct job *job, const struct table *table,
    const struct store_table_def *def)
{
    bool empty = false;
    TRY(is_empty(store, job->arena, table, &empty));
    if (!empty && !job->options.allow_data_loss) {
        u64 count = 0;
        TRY(conn_count(&store->writer, job->arena, table->relation.quoted, &count));
        err *e = fail(job->arena, ERR_CONFLICT,
            "Table %.*s: its primary key changes from %.*s to %.*s, and its %llu item%s cannot be "
            "kept under the new key",
            PRI(table->name), PRI(key_text(job->arena, &table->partition, &table->sort)),
            PRI(key_text(job->arena, &def->partition, &def->sort)), (unsigned long long)count,
            count == 1 ? "" : "s");
        return err_hint(e, S("Change the identifier back, move the items to a new model, or allow "
                             "the loss of data, which empties the table."));
    }
    TRY(drop_table(store, job->arena, table));
    return add_table(store, job->arena, def);
}

static err *apply_table(
    struct store *store, struct job *job, const struct store_table_def *def, bool *changed)
{
    const struct schema *schema = atomic_load(&store->schema);
    const struct table *table = map_get(schema->tables, def->name);
    if (table == NULL) {
        *changed = true;
        return add_table(store, job->arena, def);
    }
    if (!key_equal(&table->partition, &def->partition) || !key_equal(&table->sort, &def->sort)) {
        *changed = true;
        return replace_table(store, job, table, def);
    }
    return change_indexes(store, job->arena, table, def, changed);
}

err *schema_apply(struct store *store, struct job *job, bool *changed)
{
    *changed = false;
    TRY(check_defs(job));
    for (size_t i = 0; i < job->table_count; i++) {
        TRY(apply_table(store, job, &job->tables[i], changed));
    }
    return NULL;
}
