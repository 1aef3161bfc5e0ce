// Reading: snapshots kept for a loop turn, get, query, scan, count.
#include "store/store_int.h"

// After so much a long read lets the other fibers of its loop run.
enum { CHUNK_ROWS = 200, CHUNK_BYTES = 128 * 1024, INDEX_POLL_MS = 5 };

// ---- snapshots ---------------------------------------------------------------------------------

static void reader_end(void *arg)
{
    struct reader *reader = arg;
    if (reader->in_snapshot) {
        // Ending a transaction that only read cannot fail.
        check(sqlite3_step(reader->conn.commands[CMD_COMMIT]) == SQLITE_DONE);
        sqlite3_reset(reader->conn.commands[CMD_COMMIT]);
        reader->in_snapshot = false;
    }
}

static err *reader_open(struct store *store, struct arena *arena, struct reader *reader)
{
    TRY(conn_open(arena, &reader->conn, &store->options, CONN_READER));
    err *e = conn_prepare(&reader->conn, arena, "COMMIT", &reader->conn.commands[CMD_COMMIT]);
    if (e != NULL) {
        conn_close(&reader->conn);
        return e;
    }
    reader->store = store;
    reader->is_open = true;
    return NULL;
}

err *reader_begin(struct store *store, struct arena *arena, struct reader **out)
{
    struct loop *loop = loop_current();
    check(loop != NULL && loop_index(loop) < store->options.loop_count);
    struct reader *reader = &store->readers[loop_index(loop)];
    if (!reader->is_open) {
        TRY(reader_open(store, arena, reader));
    }
    u64 committed = atomic_load(&store->committed); // before the snapshot, so that it holds them
    if (reader->in_snapshot && reader->seen < committed) {
        reader_end(reader);
    }
    if (!reader->in_snapshot) {
        TRY(conn_command(&reader->conn, arena, CMD_BEGIN_READ));
        reader->in_snapshot = true;
        reader->seen = committed;
        loop_at_turn_end(loop, reader, reader_end, reader);
    }
    *out = reader;
    return NULL;
}

// ---- get ---------------------------------------------------------------------------------------

static err *encode_keys(struct arena *arena, const struct table *table, const struct json *pk,
    const struct json *sk, str keys[2])
{
    TRY(key_encode(arena, pk, &table->partition, PARTITION_KEY_MAX, &keys[0]));
    if ((table->sort.type == STORE_KEY_NONE) != (sk == NULL)) {
        return fail(arena, ERR_INVALID, "The provided key element does not match the schema");
    }
    return sk != NULL ? key_encode(arena, sk, &table->sort, SORT_KEY_MAX, &keys[1]) : NULL;
}

static err *parse_item(struct arena *arena, str text, struct json **item)
{
    err *e = json_parse(arena, str_dup(arena, text), item, NULL);
    return e != NULL ? err_wrap(arena, e, "an item in the database") : NULL;
}

err *store_get(struct store *store, struct arena *arena, str table_name, const struct json *pk,
    const struct json *sk, struct json **item)
{
    const struct table *table = NULL;
    struct reader *reader = NULL;
    sqlite3_stmt *get = NULL;
    str keys[2] = {};
    *item = NULL;
    TRY(reader_begin(store, arena, &reader));
    TRY(schema_table(atomic_load(&store->schema), arena, table_name, &table));
    TRY(encode_keys(arena, table, pk, sk, keys));
    TRY(conn_statement(&reader->conn, arena, &table->relation, ST_GET, &get));
    bind_bytes(get, 1, keys[0]);
    bind_bytes(get, 2, keys[1]);
    int rc = sqlite3_step(get);
    err *e = NULL;
    if (rc == SQLITE_ROW) {
        e = parse_item(arena, column_bytes(get, 0), item);
    } else if (rc != SQLITE_DONE) {
        e = conn_error(&reader->conn, arena, "reading");
    }
    sqlite3_reset(get);
    return e;
}

// ---- query and scan ----------------------------------------------------------------------------

// A read under way: what is left of it lies between `low` (included) and `high` (not included).
struct walk {
    struct store *store;
    const struct store_query *query;
    const struct relation *relation;
    enum statement kind;
    str partition;
    struct position low;
    struct position high;
    struct position last; // evaluated last
    bool done;
    struct token_scope scope;
    size_t bytes;
    vec_of(struct json *) items;
    struct store_page *page;
};

// The least key behind all that begin with `prefix`: UTF-8 has no byte 0xff, so the last one can be
// raised.
static str behind_prefix(struct arena *arena, str prefix)
{
    char *copy = arena_alloc(arena, prefix.len);
    memcpy(copy, prefix.ptr, prefix.len);
    check(prefix.len > 0 && (u8)copy[prefix.len - 1] < 0xff);
    copy[prefix.len - 1]++;
    return (str){copy, prefix.len};
}

// The next key in bytewise order.
static str behind(struct arena *arena, str key)
{
    return str_concat(arena, (const str[]){key, {"\0", 1}}, 2);
}

static err *range_between(struct arena *arena, const struct store_key_def *sort,
    const struct store_query *query, str *low, str *high)
{
    str last = {};
    TRY(key_encode(arena, query->sk_low, sort, SORT_KEY_MAX, low));
    TRY(key_encode(arena, query->sk_high, sort, SORT_KEY_MAX, &last));
    if (str_cmp(*low, last) > 0) {
        return fail(arena, ERR_INVALID,
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be "
            "greater than or equal to lower bound");
    }
    *high = behind(arena, last);
    return NULL;
}

// The range of the sort key as a half-open interval of encoded keys.
static err *range_bounds(struct arena *arena, const struct store_key_def *sort,
    const struct store_query *query, str *low, str *high)
{
    if (query->range == STORE_RANGE_ALL) {
        return NULL;
    }
    if (sort->type == STORE_KEY_NONE || query->pk == NULL) {
        return fail(arena, ERR_INVALID, "Query condition missed key schema element");
    }
    if (query->range == STORE_RANGE_BETWEEN) {
        return range_between(arena, sort, query, low, high);
    }
    str key = {};
    TRY(key_encode(arena, query->sk_low, sort, SORT_KEY_MAX, &key));
    switch (query->range) {
    case STORE_RANGE_EQ:
        *low = key;
        *high = behind(arena, key);
        return NULL;
    case STORE_RANGE_LT: *high = key; return NULL;
    case STORE_RANGE_LE: *high = behind(arena, key); return NULL;
    case STORE_RANGE_GT: *low = behind(arena, key); return NULL;
    case STORE_RANGE_GE: *low = key; return NULL;
    case STORE_RANGE_BEGINS:
        if (sort->type != STORE_KEY_STRING) {
            return fail(arena, ERR_INVALID,
                "Invalid KeyConditionExpression: Incorrect operand type for operator or function; "
                "operator or function: begins_with, operand type: N");
        }
        *low = key;
        *high = behind_prefix(arena, key);
        return NULL;
    case STORE_RANGE_ALL:
    case STORE_RANGE_BETWEEN: break;
    }
    unreachable("kind of range");
}

// Leaves out what an earlier page has shown.
static void walk_skip(struct walk *walk, struct arena *arena, const struct position *last)
{
    if (walk->query->backwards) {
        walk->high = position_cmp(last, &walk->high) < 0 ? *last : walk->high;
        return;
    }
    struct position next = *last;
    next.parts[next.count - 1] = behind(arena, next.parts[next.count - 1]);
    walk->low = position_cmp(&next, &walk->low) > 0 ? next : walk->low;
}

// Fills bounds and token scope once table and index are known.
static err *walk_plan(struct store *store, struct arena *arena, const struct table *table,
    const struct index *index, struct walk *walk)
{
    const struct store_query *query = walk->query;
    const struct store_key_def *partition = index != NULL ? &index->partition : &table->partition;
    const struct store_key_def *sort = index != NULL ? &index->sort : &table->sort;
    bool scan = query->pk == NULL;
    str low = S("");
    str high = S("\xff");
    walk->relation = index != NULL ? &index->relation : &table->relation;
    walk->kind = query->backwards ? ST_BACKWARD : ST_FORWARD;
    if (scan) {
        walk->kind = query->backwards ? ST_SCAN_BACKWARD : ST_SCAN_FORWARD;
    } else {
        TRY(key_encode(arena, query->pk, partition, PARTITION_KEY_MAX, &walk->partition));
    }
    TRY(range_bounds(arena, sort, query, &low, &high));
    walk->low.count = (index != NULL ? 3u : 1u) + scan;
    walk->high.count = walk->low.count;
    for (size_t i = 0; i < walk->low.count; i++) {
        walk->low.parts[i] = S("");
        walk->high.parts[i] = S("");
    }
    walk->low.parts[0] = low;
    walk->high.parts[0] = high;
    walk->scope = (struct token_scope){.table = query->table,
        .index = query->index,
        .partition = walk->partition,
        .is_scan = scan};
    if (query->page_token.ptr != NULL) {
        struct position last = {};
        TRY(token_read(store, arena, &walk->scope, query->page_token, walk->low.count, &last));
        walk_skip(walk, arena, &last);
    }
    return NULL;
}

static void walk_bind(const struct walk *walk, sqlite3_stmt *statement)
{
    int place = 1;
    if (walk->query->pk != NULL) {
        bind_bytes(statement, place++, walk->partition);
    }
    for (size_t i = 0; i < walk->low.count; i++) {
        bind_bytes(statement, place++, walk->low.parts[i]);
    }
    for (size_t i = 0; i < walk->high.count; i++) {
        bind_bytes(statement, place++, walk->high.parts[i]);
    }
}

static bool page_is_full(const struct walk *walk)
{
    u32 limit = walk->query->limit;
    return (limit > 0 && walk->page->scanned >= limit) || walk->bytes >= PAGE_BYTES;
}

static err *walk_row(struct walk *walk, struct arena *arena, sqlite3_stmt *row)
{
    struct json *item = NULL;
    str text = column_bytes(row, (int)walk->low.count);
    walk->page->scanned++;
    walk->bytes += text.len;
    struct arena_mark mark = arena_mark(arena); // nothing waits until it is rewound
    TRY(parse_item(arena, text, &item));
    if (store_pred_eval(walk->query->filter, item)) {
        *vec_push(arena, &walk->items) = item;
    } else {
        arena_rewind(arena, mark);
    }
    return NULL;
}

// The place of the row under the statement, copied.
static void walk_remember(struct walk *walk, struct arena *arena, sqlite3_stmt *row)
{
    walk->last.count = walk->low.count;
    for (size_t i = 0; i < walk->low.count; i++) {
        walk->last.parts[i] = str_dup(arena, column_bytes(row, (int)i));
    }
}

// Evaluates rows until the page is full, the range ends or it is time to let others run. The place
// is remembered only for the last one: the statement is behind it by then, so the row that may be
// the last is recognised before the next step.
static err *walk_rows(struct walk *walk, struct arena *arena, struct conn *conn, sqlite3_stmt *row)
{
    size_t bytes_before = walk->bytes;
    for (size_t count = 1;; count++) {
        int rc = sqlite3_step(row);
        if (rc != SQLITE_ROW) {
            walk->done = true;
            return rc == SQLITE_DONE ? NULL : conn_error(conn, arena, "reading");
        }
        if (page_is_full(walk)) {
            walk->done = true;
            walk->page->next_token = token_make(walk->store, arena, &walk->scope, &walk->last);
            return NULL;
        }
        TRY(walk_row(walk, arena, row));
        bool pause = count >= CHUNK_ROWS || walk->bytes - bytes_before >= CHUNK_BYTES;
        if (pause || page_is_full(walk)) {
            walk_remember(walk, arena, row);
        }
        if (pause) {
            return NULL;
        }
    }
}

static err *walk_chunk(struct walk *walk, struct arena *arena)
{
    struct reader *reader = NULL;
    sqlite3_stmt *row = NULL;
    TRY(reader_begin(walk->store, arena, &reader));
    TRY(conn_statement(&reader->conn, arena, walk->relation, walk->kind, &row));
    walk_bind(walk, row);
    err *e = walk_rows(walk, arena, &reader->conn, row);
    sqlite3_reset(row); // the snapshot may go before the next chunk
    return e;
}

// Waits for an index that is still being built. Polling keeps the wait open to cancelling and
// deadlines; a build is rare and takes far longer than the interval.
static err *walk_find(struct walk *walk, struct arena *arena, const struct table **table,
    const struct index **index) YIELDS
{
    const struct store_query *query = walk->query;
    for (;;) {
        TRY(schema_table(atomic_load(&walk->store->schema), arena, query->table, table));
        if (query->index.len == 0) {
            return NULL;
        }
        struct index *found = table_index(*table, query->index);
        if (found == NULL) {
            return fail(arena, ERR_INVALID, "The table does not have the specified index: %.*s",
                PRI(query->index));
        }
        if (atomic_load(&found->ready)) {
            *index = found;
            return NULL;
        }
        TRY(fiber_sleep(INDEX_POLL_MS));
    }
}

err *store_query(struct store *store, struct arena *arena, const struct store_query *query,
    struct store_page *page)
{
    struct walk walk = {.store = store, .query = query, .page = page};
    const struct table *table = NULL;
    const struct index *index = NULL;
    *page = (struct store_page){};
    TRY(walk_find(&walk, arena, &table, &index));
    TRY(walk_plan(store, arena, table, index, &walk));
    for (;;) {
        TRY(walk_chunk(&walk, arena));
        if (walk.done) {
            break;
        }
        walk_skip(&walk, arena, &walk.last);
        TRY(fiber_pause());
    }
    page->items = walk.items.items;
    page->count = walk.items.count;
    return NULL;
}

// ---- count -------------------------------------------------------------------------------------

// Counting touches every page of a table, so it runs on the worker pool with its own connection.
struct count_task {
    struct store *store;
    struct arena *arena; // the worker's
    const char *sql;
    u64 count;
    err *result;
};

static err *count_rows(struct count_task *task, struct conn *conn)
{
    sqlite3_stmt *row = NULL;
    TRY(conn_prepare(conn, task->arena, task->sql, &row));
    err *e = NULL;
    if (sqlite3_step(row) == SQLITE_ROW) {
        task->count = (u64)sqlite3_column_int64(row, 0);
    } else {
        e = conn_error(conn, task->arena, "counting");
    }
    sqlite3_finalize(row);
    return e;
}

static void count_run(void *arg)
{
    struct count_task *task = arg;
    struct conn conn = {};
    task->result = conn_open(task->arena, &conn, &task->store->options, CONN_READER);
    if (task->result == NULL) {
        task->result = count_rows(task, &conn);
        conn_close(&conn);
    }
}

err *store_count(struct store *store, struct arena *arena, str table_name, u64 *count)
{
    const struct table *table = NULL;
    TRY(schema_table(atomic_load(&store->schema), arena, table_name, &table));
    struct count_task task = {.store = store, .arena = arena_new()};
    str sql = str_cat(task.arena, S("SELECT count(*) FROM "), table->relation.quoted);
    task.sql = str_cstr(task.arena, sql);
    err *cancelled = worker_run(count_run, &task);
    err *e = task.result != NULL ? err_copy(arena, task.result) : cancelled;
    *count = task.count;
    arena_free(task.arena);
    return e;
}
