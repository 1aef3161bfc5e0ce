// SQLite connections: opening, cached statements, errors.
#include "store/store_int.h"

static const char *const COMMAND_SQL[COMMANDS] = {
    [CMD_BEGIN_READ] = "BEGIN",
    [CMD_BEGIN] = "BEGIN IMMEDIATE",
    [CMD_COMMIT] = "COMMIT",
    [CMD_ROLLBACK] = "ROLLBACK",
    [CMD_SAVE] = "SAVEPOINT job",
    [CMD_KEEP] = "RELEASE job",
    [CMD_UNDO] = "ROLLBACK TO job",
};

enum { DATABASE_PAGE = 4096 };

err *conn_error(struct conn *conn, struct arena *arena, const char *doing)
{
    int code = sqlite3_errcode(conn->db);
    conn->failed = true;
    if (code == SQLITE_FULL) {
        err *e = fail(arena, ERR_DISK_FULL, "%s: there is no room left for the database", doing);
        return err_hint(e, S("Free space on the file system of the data folder, or raise the limit "
                             "of the database's size."));
    }
    err *e = fail(arena, ERR_IO, "%s: %s (%d)", doing, sqlite3_errmsg(conn->db),
        sqlite3_extended_errcode(conn->db));
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return err_hint(e, S("Another program holds the database locked; end it."));
    }
    return e;
}

err *conn_exec(struct conn *conn, struct arena *arena, const char *sql)
{
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return conn_error(conn, arena, sql);
    }
    return NULL;
}

err *conn_prepare(struct conn *conn, struct arena *arena, const char *sql, sqlite3_stmt **out)
{
    int rc = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK ? NULL : conn_error(conn, arena, sql);
}

err *conn_count(struct conn *conn, struct arena *arena, str quoted, u64 *out)
{
    sqlite3_stmt *row = NULL;
    str sql = str_cat(arena, S("SELECT count(*) FROM "), quoted);
    TRY(conn_prepare(conn, arena, str_cstr(arena, sql), &row));
    err *e = NULL;
    if (sqlite3_step(row) == SQLITE_ROW) {
        *out = (u64)sqlite3_column_int64(row, 0);
    } else {
        e = conn_error(conn, arena, "counting");
    }
    sqlite3_finalize(row);
    return e;
}

err *conn_run(struct conn *conn, struct arena *arena, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    err *e = rc == SQLITE_DONE ? NULL : conn_error(conn, arena, "writing");
    sqlite3_reset(statement);
    return e;
}

err *conn_command(struct conn *conn, struct arena *arena, enum command command)
{
    sqlite3_stmt **statement = &conn->commands[command];
    if (*statement == NULL) {
        TRY(conn_prepare(conn, arena, COMMAND_SQL[command], statement));
    }
    return conn_run(conn, arena, *statement);
}

void bind_bytes(sqlite3_stmt *statement, int place, str bytes)
{
    const char *ptr = bytes.len > 0 ? bytes.ptr : ""; // a NULL pointer would bind SQL's NULL
    check(sqlite3_bind_blob64(statement, place, ptr, bytes.len, SQLITE_STATIC) == SQLITE_OK);
}

void bind_text(sqlite3_stmt *statement, int place, str text)
{
    const char *ptr = text.len > 0 ? text.ptr : "";
    check(sqlite3_bind_text64(statement, place, ptr, text.len, SQLITE_STATIC, SQLITE_UTF8) ==
          SQLITE_OK);
}

str column_bytes(sqlite3_stmt *statement, int column)
{
    const char *ptr = sqlite3_column_blob(statement, column);
    return (str){ptr, (size_t)sqlite3_column_bytes(statement, column)};
}

err *item_parse(struct arena *arena, str text, struct json **item)
{
    err *e = json_parse_to(arena, text, JSON_DEPTH_MAX + 8, item, NULL);
    return e != NULL ? err_wrap(arena, e, "an item in the database") : NULL;
}

static err *conn_set_up(struct conn *conn, struct arena *arena, const struct store_options *options,
    enum conn_role role)
{
    check(sqlite3_busy_timeout(conn->db, BUSY_MS) == SQLITE_OK);
    TRY(conn_exec(conn, arena, "PRAGMA temp_store=MEMORY"));
    TRY(conn_exec(
        conn, arena, options->fast_unsafe ? "PRAGMA synchronous=OFF" : "PRAGMA synchronous=FULL"));
    if (role != CONN_WRITER) {
        return conn_exec(conn, arena, "PRAGMA cache_size=-16000; PRAGMA query_only=1");
    }
    TRY(conn_exec(conn, arena,
        "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA cache_size=-32000;"
        "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864"));
    if (options->size_max > 0) {
        str sql = str_fmt(arena, "PRAGMA max_page_count=%llu",
            (unsigned long long)(options->size_max / DATABASE_PAGE + 1));
        return conn_exec(conn, arena, str_cstr(arena, sql));
    }
    return NULL;
}

err *conn_open(struct arena *arena, struct conn *conn, const struct store_options *options,
    enum conn_role role)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    flags |= role == CONN_WRITER ? SQLITE_OPEN_CREATE : 0;
    *conn = (struct conn){};
    err *e = NULL;
    if (sqlite3_open_v2(options->path, &conn->db, flags, NULL) != SQLITE_OK) {
        e = conn_error(conn, arena, "open");
    } else if (sqlite3_db_readonly(conn->db, "main") == 1) { // SQLite's fallback
        e = fail(arena, ERR_IO, "the file may not be written to");
    }
    e = e != NULL ? e : conn_set_up(conn, arena, options, role);
    if (e != NULL) {
        conn_close(conn);
        return err_wrap(arena, e, "opening %s", options->path);
    }
    return NULL;
}

void conn_close(struct conn *conn)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        sqlite3_finalize(conn->commands[i]);
    }
    for (size_t i = 0; i < conn->statement_room; i++) {
        sqlite3_finalize(conn->statements[i]);
    }
    mem_free(conn->statements);
    check(sqlite3_close(conn->db) == SQLITE_OK); // fails if a statement is left
    *conn = (struct conn){};
}

// ---- the statements of a relation ---------------------------------------------------------------

static bool is_scan(enum statement kind)
{
    return kind == ST_SCAN_FORWARD || kind == ST_SCAN_BACKWARD;
}

// "(a,b,c)" of the columns ordered by, which for a query of one partition leave the first out.
static str column_list(struct arena *arena, const struct relation *relation, enum statement kind)
{
    if (relation->is_index) {
        return is_scan(kind) ? S("i.ipk,i.isk,i.pk,i.sk") : S("i.isk,i.pk,i.sk");
    }
    (void)arena;
    return is_scan(kind) ? S("t.pk,t.sk") : S("t.sk");
}

// Reads on in an order: everything from a first place (included) to a last one (not included).
// CROSS JOIN makes SQLite walk the index and look each item up, never the other way round.
static str sql_walk(struct arena *arena, const struct relation *relation, enum statement kind)
{
    str columns = column_list(arena, relation, kind);
    bool backward = kind == ST_BACKWARD || kind == ST_SCAN_BACKWARD;
    size_t count = (relation->is_index ? 3u : 1u) + is_scan(kind);
    str marks = str_sub(S("?,?,?,?"), 0, count * 2 - 1);
    str order = S("");
    str rest = columns;
    str column = {};
    while (str_next(&rest, ',', &column)) {
        order = str_cat(
            arena, order, order.len > 0 ? S(",") : S(""), column, backward ? S(" DESC") : S(""));
    }
    str from = relation->is_index ? str_cat(arena, relation->quoted, S(" i CROSS JOIN "),
                                        relation->table_quoted, S(" t"))
                                  : str_cat(arena, relation->quoted, S(" t"));
    str join = relation->is_index ? S(" AND t.pk=i.pk AND t.sk=i.sk") : S("");
    str fixed = is_scan(kind) ? S("") : relation->is_index ? S("i.ipk=? AND ") : S("t.pk=? AND ");
    return str_cat(arena, S("SELECT "), columns, S(",t.item FROM "), from, S(" WHERE "), fixed,
        S("("), columns, S(")>=("), marks, S(") AND ("), columns, S(")<("), marks, S(")"), join,
        S(" ORDER BY "), order);
}

static str sql_text(struct arena *arena, const struct relation *relation, enum statement kind)
{
    str name = relation->quoted;
    switch (kind) {
    case ST_GET: return str_cat(arena, S("SELECT item FROM "), name, S(" WHERE pk=?1 AND sk=?2"));
    case ST_PUT:
        if (relation->is_index) {
            return str_cat(arena, S("INSERT OR IGNORE INTO "), name, S(" VALUES(?1,?2,?3,?4)"));
        }
        return str_cat(arena, S("INSERT INTO "), name,
            S(" VALUES(?1,?2,?3) ON CONFLICT(pk,sk) DO UPDATE SET item=?3"));
    case ST_DELETE:
        if (relation->is_index) {
            return str_cat(
                arena, S("DELETE FROM "), name, S(" WHERE ipk=?1 AND isk=?2 AND pk=?3 AND sk=?4"));
        }
        return str_cat(arena, S("DELETE FROM "), name, S(" WHERE pk=?1 AND sk=?2"));
    case ST_FORWARD:
    case ST_BACKWARD:
    case ST_SCAN_FORWARD:
    case ST_SCAN_BACKWARD: return sql_walk(arena, relation, kind);
    case STATEMENTS: break;
    }
    unreachable("kind of statement");
}

static void statements_grow(struct conn *conn, size_t wanted)
{
    size_t room = conn->statement_room > 0 ? conn->statement_room : 8 * STATEMENTS;
    while (room < wanted) {
        room *= 2;
    }
    conn->statements = mem_resize(conn->statements, room * sizeof(*conn->statements));
    memset(conn->statements + conn->statement_room, 0,
        (room - conn->statement_room) * sizeof(*conn->statements));
    conn->statement_room = room;
}

err *conn_statement(struct conn *conn, struct arena *arena, const struct relation *relation,
    enum statement kind, sqlite3_stmt **out)
{
    size_t place = (size_t)relation->slot * STATEMENTS + kind;
    check(relation->slot > 0 && kind < STATEMENTS);
    if (place >= conn->statement_room) {
        statements_grow(conn, place + 1);
    }
    if (conn->statements[place] == NULL) {
        str sql = sql_text(arena, relation, kind);
        TRY(conn_prepare(conn, arena, str_cstr(arena, sql), &conn->statements[place]));
    }
    *out = conn->statements[place];
    check(!sqlite3_stmt_busy(*out));
    return NULL;
}
