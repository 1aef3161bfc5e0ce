// Reading: snapshots kept for a loop turn, get, query, scan, count.
#include "store/store_int.h"

// After so much a long read lets the other fibers of its loop run.
enum { CHUNK_ROWS = 200, CHUNK_BYTES = 128 * 1024, INDEX_POLL_MS = 5 };

// ---- snapshots ---------------------------------------------------------------------------------

static void reader_end(void *arg)
{
    struct reader *reader = arg;
    bool open = reader->in_snapshot && !sqlite3_get_autocommit(reader->conn.db);
    reader->in_snapshot = false; // a failed read may have ended it by itself
    if (!open) {
        return;
    }
    int rc = sqlite3_step(reader->conn.commands[CMD_COMMIT]);
    sqlite3_reset(reader->conn.commands[CMD_COMMIT]);
    if (rc != SQLITE_DONE) { // of a damaged database only: begin anew with another connection
        conn_close(&reader->conn);
        reader->is_open = false;
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

// A change of the schema is committed and published while `changes` is odd. If the number is the
// same after reading, the snapshot was not newer than the schema; that it was not older is
// reader_begin's doing, which comes after this and looks for new commits.
err *view_begin(struct store *store, struct view *out)
{
    while ((out->changes = atomic_load(&store->changes)) % 2 != 0) {
        TRY(fiber_sleep(1));
    }
    out->schema = atomic_load(&store->schema);
    return NULL;
}

bool view_holds(const struct store *store, const struct view *view)
{
    return atomic_load(&store->changes) == view->changes;
}

err *reader_begin(struct store *store, struct arena *arena, struct reader **out)
{
    struct loop *loop = loop_current();
    check(loop != NULL && loop_index(loop) < store->options.loop_count);
    struct reader *reader = &store->readers[loop_index(loop)];
    u64 committed = atomic_load(&store->committed); // before the snapshot, so that it holds them
    if (reader->in_snapshot &&
        (reader->seen < committed || sqlite3_get_autocommit(reader->conn.db))) {
        reader_end(reader);
    }
    if (!reader->is_open) {
        TRY(reader_open(store, arena, reader));
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

static err *get_item(struct store *store, struct arena *arena, const struct table *table,
    const str keys[2], struct json **item)
{
    struct reader *reader = NULL;
    sqlite3_stmt *get = NULL;
    *item = NULL;
    TRY(reader_begin(store, arena, &reader));
    TRY(conn_statement(&reader->conn, arena, &table->relation, ST_GET, &get));
    bind_bytes(get, 1, keys[0]);
    bind_bytes(get, 2, keys[1]);
    int rc = sqlite3_step(get);
    err *e = NULL;
    if (rc == SQLITE_ROW) {
        e = item_parse(arena, str_dup(arena, column_bytes(get, 0)), item);
    } else if (rc != SQLITE_DONE) {
        e = conn_error(&reader->conn, arena, "reading");
    }
    sqlite3_reset(get);
    return e;
}

err *store_get(struct store *store, struct arena *arena, str table_name, const struct json *pk,
    const struct json *sk, struct json **item)
{
    check_magic(store, STORE_MAGIC);
    const struct table *table = NULL;
    struct view view = {};
    str keys[2] = {};
    err *e = NULL;
    *item = NULL;
    do {
        TRY(view_begin(store, &view));
        TRY(schema_table(view.schema, arena, table_name, &table));
        TRY(key_encode_pair(arena, table, pk, sk, keys));
        e = get_item(store, arena, table, keys, item);
    } while (!view_holds(store, &view));
    return e;
}

// ---- query and scan ----------------------------------------------------------------------------

// A read under way: what is left of it lies between `low` (included) and `high` (not included).
struct walk {
    struct store *store;
    const struct store_query *query;
    struct view view;
    const struct table *table; // NULL: not planned yet
    const struct index *index; // NULL: the table itself
    const struct relation *relation;
    enum statement kind;
    str partition;
    struct position low;
    struct position high;
    struct position last; // evaluated last
    bool done;
    struct token_scope scope;
    size_t bytes;
    size_t passed_bytes; // of items that are not allowed
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

static err *condition_key(struct arena *arena, const struct json *value,
    const struct store_key_def *def, size_t max, str *out)
{
    if (!key_has_type(def, value)) {
        return fail(arena, ERR_INVALID,
            "One or more parameter values were invalid: Condition parameter type does not match "
            "schema type");
    }
    return key_encode(arena, value, def, max, out);
}

static err *range_between(struct arena *arena, const struct store_key_def *sort,
    const struct store_query *query, str *low, str *high)
{
    str last = {};
    TRY(condition_key(arena, query->sk_low, sort, SORT_KEY_MAX, low));
    TRY(condition_key(arena, query->sk_high, sort, SORT_KEY_MAX, &last));
    if (str_cmp(*low, last) > 0) {
        return fail(arena, ERR_INVALID,
            "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be "
            "greater than or equal to lower bound");
    }
    *high = key_behind(arena, last);
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
    TRY(condition_key(arena, query->sk_low, sort, SORT_KEY_MAX, &key));
    switch (query->range) {
    case STORE_RANGE_EQ:
        *low = key;
        *high = key_behind(arena, key);
        return NULL;
    case STORE_RANGE_LT: *high = key; return NULL;
    case STORE_RANGE_LE: *high = key_behind(arena, key); return NULL;
    case STORE_RANGE_GT: *low = key_behind(arena, key); return NULL;
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
    next.parts[next.count - 1] = key_behind(arena, next.parts[next.count - 1]);
    walk->low = position_cmp(&next, &walk->low) > 0 ? next : walk->low;
}

// Fills bounds and token scope once table and index are known.
static err *walk_plan(struct walk *walk, struct arena *arena)
{
    const struct store_query *query = walk->query;
    const struct table *table = walk->table;
    const struct index *index = walk->index;
    const struct store_key_def *partition = index != NULL ? &index->partition : &table->partition;
    const struct store_key_def *sort = index != NULL ? &index->sort : &table->sort;
    bool scan = query->pk == NULL;
    str low = S("");
    str high = S("\xff");
    walk->kind = query->backwards ? ST_BACKWARD : ST_FORWARD;
    if (scan) {
        walk->kind = query->backwards ? ST_SCAN_BACKWARD : ST_SCAN_FORWARD;
    } else {
        TRY(condition_key(arena, query->pk, partition, PARTITION_KEY_MAX, &walk->partition));
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
        TRY(token_read(
            walk->store, arena, &walk->scope, query->page_token, walk->low.count, &last));
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
    return (limit > 0 && walk->page->scanned >= limit) || walk->bytes >= PAGE_BYTES ||
           walk->passed_bytes >= PASSED_BYTES;
}

static struct json *seen_part(
    struct arena *arena, const struct store_query *query, const struct json *item)
{
    struct json *seen = json_object(arena);
    for (size_t i = 0; i < query->attribute_count; i++) {
        const struct json *value = json_get(item, query->attributes[i]);
        if (value != NULL) {
            json_set(seen, query->attributes[i], json_copy(arena, value));
        }
    }
    return seen;
}

static void walk_row(struct walk *walk, struct arena *arena, sqlite3_stmt *row)
{
    struct json *item = NULL;
    str text = column_bytes(row, (int)walk->low.count);
    struct arena_mark mark = arena_mark(arena); // nothing waits until it is rewound
    err *e = item_parse(arena, str_dup(arena, text), &item);
    if (e != NULL) { // damaged: it must not keep what is behind it from being read
        log_error("store.read", "%.*s: left out of what is read: %.*s", PRI(walk->table->name),
            PRI(e->text));
    }
    if (e != NULL || !store_pred_eval(walk->query->allowed, item)) {
        walk->passed_bytes += text.len;
        arena_rewind(arena, mark);
        return;
    }
    walk->page->scanned++;
    walk->bytes += text.len;
    if (walk->query->attributes != NULL) {
        item = seen_part(arena, walk->query, item);
    }
    if (store_pred_eval(walk->query->filter, item)) {
        *vec_push(arena, &walk->items) = item;
    } else {
        arena_rewind(arena, mark);
    }
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
    size_t bytes_before = walk->bytes + walk->passed_bytes;
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
        walk_row(walk, arena, row);
        bool pause =
            count >= CHUNK_ROWS || walk->bytes + walk->passed_bytes - bytes_before >= CHUNK_BYTES;
        if (pause || page_is_full(walk)) {
            walk_remember(walk, arena, row);
        }
        if (pause) {
            return NULL;
        }
    }
}

static err *walk_read(struct walk *walk, struct arena *arena)
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
        TRY(view_begin(walk->store, &walk->view));
        TRY(schema_table(walk->view.schema, arena, query->table, table));
        *index = query->index.len > 0 ? table_index(*table, query->index) : NULL;
        if (query->index.len > 0 && *index == NULL) {
            return fail(arena, ERR_INVALID, "The table does not have the specified index: %.*s",
                PRI(query->index));
        }
        if (*index == NULL || atomic_load(&(*index)->ready)) {
            return NULL;
        }
        TRY(fiber_sleep(INDEX_POLL_MS));
    }
}

static bool is_same_order(
    const struct walk *walk, const struct table *table, const struct index *index)
{
    return key_equal(&walk->table->partition, &table->partition) &&
           key_equal(&walk->table->sort, &table->sort) &&
           (index == NULL || index_equal(walk->index, &index->partition, &index->sort));
}

// Finds the relation to read from: at the beginning, and again when the schema has changed between
// two chunks.
static err *walk_enter(struct walk *walk, struct arena *arena) YIELDS
{
    const struct table *table = NULL;
    const struct index *index = NULL;
    if (walk->table != NULL && view_holds(walk->store, &walk->view)) {
        return NULL;
    }
    TRY(walk_find(walk, arena, &table, &index));
    bool first = walk->table == NULL;
    if (!first && !is_same_order(walk, table, index)) {
        return fail(arena, ERR_CONFLICT, "The keys of table %.*s changed while it was read",
            PRI(table->name));
    }
    walk->table = table;
    walk->index = index;
    walk->relation = index != NULL ? &index->relation : &table->relation;
    return first ? walk_plan(walk, arena) : NULL;
}

// Some rows of one snapshot. What was read while the schema changed is forgotten and read again.
static err *walk_chunk(struct walk *walk, struct arena *arena) YIELDS
{
    for (;;) {
        TRY(walk_enter(walk, arena));
        struct walk before = *walk;
        struct store_page page = *walk->page;
        err *e = walk_read(walk, arena);
        if (view_holds(walk->store, &walk->view)) {
            return e;
        }
        *walk = before;
        *walk->page = page;
    }
}

err *store_query(struct store *store, struct arena *arena, const struct store_query *query,
    struct store_page *page)
{
    check_magic(store, STORE_MAGIC);
    struct walk walk = {.store = store, .query = query, .page = page};
    *page = (struct store_page){};
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
    str quoted;
    u64 count;
    err *result;
};

static void count_run(void *arg)
{
    struct count_task *task = arg;
    struct conn conn = {};
    task->result = conn_open(task->arena, &conn, &task->store->options, CONN_READER);
    if (task->result == NULL) {
        task->result = conn_count(&conn, task->arena, task->quoted, &task->count);
        conn_close(&conn);
    }
}

err *store_count(struct store *store, struct arena *arena, str table_name, u64 *count)
{
    check_magic(store, STORE_MAGIC);
    const struct table *table = NULL;
    TRY(schema_table(atomic_load(&store->schema), arena, table_name, &table));
    struct count_task task = {
        .store = store, .arena = arena_new(), .quoted = table->relation.quoted};
    err *cancelled = worker_run(count_run, &task);
    err *e = task.result != NULL ? err_copy(arena, task.result) : cancelled;
    *count = task.count;
    arena_free(task.arena);
    return e;
}
