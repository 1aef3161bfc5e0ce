// The life of a database: reopening, damage, full disks, refused files, other processes, several
// loops, the change stream.
#include "store_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>

static const struct store_index_def BY_STATE = {
    .name = S_INIT("byState"), .partition = STRING_KEY("state"), .sort = NUMBER_KEY("rank")};
static const struct store_table_def TODO = {
    .name = S_INIT("Todo"), .partition = STRING_KEY("id"), .indexes = &BY_STATE, .index_count = 1};

static void open_store(struct fixture *f)
{
    assert_ok(store_open(f->arena, &f->options, &f->store));
}

static void step(struct fixture *f, void (*body)(struct fixture *fixture) YIELDS)
{
    open_store(f);
    fixture_run(f, body);
    store_close(f->store);
}

// Changes the file behind the store's back.
static void edit(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put_some(struct fixture *f) YIELDS
{
    assert_ok(apply(f, &TODO, 1));
    for (int i = 0; i < 20; i++) {
        str item = str_fmt(f->arena, "{'id':'%02d','state':'open','rank':%d}", i, i);
        assert_ok(put(f, "Todo", str_cstr(f->arena, item)));
    }
}

static void find_some(struct fixture *f) YIELDS
{
    struct store_page page = {};
    struct store_query query = {
        .table = S("Todo"), .index = S("byState"), .pk = text_value(f->arena, "open")};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 20);
    assert_item(f, "Todo", "'07'", NULL, "{'id':'07','state':'open','rank':7}");
    verify(f);
}

static void first_page(struct fixture *f) YIELDS
{
    struct store_page page = {};
    struct store_query query = {.table = S("Todo"), .limit = 5};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    f->data = str_cstr(f->arena, page.next_token);
}

static void second_page(struct fixture *f) YIELDS
{
    struct store_query query = {.table = S("Todo"), .limit = 2, .page_token = str_from(f->data)};
    assert_string_equal(query_ids(f, &query), "05 06"); // tokens outlive a restart
}

static void test_reopen(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, put_some);
    step(&f, find_some);
    step(&f, first_page);
    step(&f, second_page);
    step(&f, put_some);
    step(&f, find_some);
    fixture_free(&f);
}

// What an older version let in: deeper than a write may bring now. And what nobody wrote.
static void spoil(struct fixture *f)
{
    char sql[1200];
    char deep[2 * 257 + 1] = {};
    memset(deep, '[', 257);
    memset(deep + 257, ']', 257);
    snprintf(sql, sizeof(sql),
        "UPDATE Todo SET item = '{\"id\":\"03\",\"state\":\"open\",\"rank\":3,\"deep\":%s}' "
        "WHERE CAST(pk AS TEXT) = '03'; "
        "UPDATE Todo SET item = '{\"id\":\"05' WHERE CAST(pk AS TEXT) = '05'",
        deep);
    edit(f, sql);
}

static void pass_by(struct fixture *f) YIELDS
{
    struct json *item = NULL;
    struct store_query query = {.table = S("Todo"), .limit = 5};
    assert_string_equal(query_ids(f, &query), "00 01 02 03 04");
    query.limit = 7;
    assert_string_equal(query_ids(f, &query), "00 01 02 03 04 06 07");
    query = (struct store_query){
        .table = S("Todo"), .index = S("byState"), .pk = text_value(f->arena, "open")};
    query.limit = 6;
    assert_string_equal(query_ids(f, &query), "00 01 02 03 04 06");
    assert_code(store_get(f->store, f->arena, S("Todo"), key(f, "'05'"), NULL, &item), ERR_INVALID);
    assert_ok(store_get(f->store, f->arena, S("Todo"), key(f, "'03'"), NULL, &item));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = S("Todo"),
        .pk = key(f, "'03'"),
        .set = parse(f->arena, "{'rank':4}")};
    assert_ok(write_one(f, &write)); // one may mend it
    assert_ok(drop(f, "Todo", "'03'", NULL));
    assert_string_equal(query_ids(f, &query), "00 01 02 04 06 07");
}

static void test_bad_rows(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, put_some);
    spoil(&f);
    step(&f, pass_by);
    fixture_free(&f);
}

// A person may look into the file with the sqlite3 program.
static void test_readable_file(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, put_some);
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                         "SELECT json_extract(item,'$.state'), CAST(pk AS TEXT) FROM Todo LIMIT 1",
                         -1, &row, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(row, 0), "open");
    assert_string_equal((const char *)sqlite3_column_text(row, 1), "00");
    sqlite3_finalize(row);
    sqlite3_close(db);
    fixture_free(&f);
}

// ---- names -------------------------------------------------------------------------------------

// Names that SQLite keeps for itself or can not tell apart are tables like all others.
static const char *const names[] = {
    "Todo", "TODO", "todo", "ampd_table", "AMPD_meta", "sqlite_schema", "sqlite_x"};

static err *apply_named(struct fixture *f, size_t from, size_t to, size_t indexes) YIELDS
{
    static const struct store_index_def by_state = {
        .name = S_INIT("byState"), .partition = STRING_KEY("state")};
    struct store_table_def tables[countof(names)];
    for (size_t i = from; i < to; i++) {
        tables[i] = (struct store_table_def){.name = str_from(names[i]),
            .partition = STRING_KEY("id"),
            .indexes = &by_state,
            .index_count = indexes};
    }
    return apply(f, &tables[from], to - from);
}

static void make_named(struct fixture *f) YIELDS
{
    assert_ok(apply_named(f, 0, 2, 1));
    assert_ok(put(f, "TODO", "{'id':'a','state':'TODO'}"));
    assert_ok(apply_named(f, 0, countof(names), 1));
    for (size_t i = 0; i < countof(names); i++) {
        assert_ok(put(f, names[i], "{'id':'b','state':'open'}"));
    }
    verify(f);
}

static void find_named(struct fixture *f) YIELDS
{
    assert_ok(apply_named(f, 1, countof(names), 1));
    for (size_t i = 0; i < countof(names); i++) {
        struct store_query query = {.table = str_from(names[i]),
            .index = S("byState"),
            .pk = text_value(f->arena, i == 1 ? "TODO" : "open")};
        assert_string_equal(query_ids(f, &query), i == 1 ? "a" : "b");
    }
    assert_ok(apply_named(f, 2, 3, 0));
    verify(f);
}

static void test_names_of_sqlite(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, make_named);
    step(&f, find_named);
    fixture_free(&f);
}

// ---- damage ------------------------------------------------------------------------------------

static const struct {
    const char *sql;
    const char *words;
} DAMAGE[] = {
    {"UPDATE Todo SET item='{\"id\":\"07\"' WHERE pk=x'3037'", "\"Todo\": an item is not JSON"},
    {"UPDATE Todo SET item='{\"id\":\"08\"}' WHERE pk=x'3037'",
        "\"Todo\": an item is not under its key"},
    {"UPDATE Todo SET item='{}' WHERE pk=x'3037'", "\"Todo\": an item is not under its key"},
    {"UPDATE Todo SET sk=x'00' WHERE pk=x'3037'", "\"Todo\": an item is not under its key"},
    {"DELETE FROM \"Todo/byState\" WHERE pk=x'3037'", "\"Todo/byState\": an item has no entry"},
    {"UPDATE \"Todo/byState\" SET isk=x'80' WHERE pk=x'3037'",
        "\"Todo/byState\": an item has no entry"},
    {"UPDATE Todo SET item=replace(item, 'open', 'done') WHERE pk=x'3037'",
        "\"Todo/byState\": an item has no entry"},
    {"DELETE FROM Todo WHERE pk=x'3037'", "\"Todo/byState\": an entry leads to no item"},
    {"INSERT INTO \"Todo/byState\" VALUES(x'61',x'80',x'3037',x'')",
        "\"Todo/byState\": an entry leads to no item"},
};

static void find_damage(struct fixture *f) YIELDS
{
    assert_fails(store_verify(f->store, f->arena), ERR_INTERNAL, (const char *)f->data);
}

static void test_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(DAMAGE); i++) {
        struct fixture f = {};
        fixture_init(&f);
        step(&f, put_some);
        edit(&f, DAMAGE[i].sql);
        f.data = (void *)(uintptr_t)DAMAGE[i].words;
        step(&f, find_damage);
        fixture_free(&f);
    }
}

static void overwrite(const char *path, off_t from, size_t size)
{
    char noise[4096];
    memset(noise, 0xa5, sizeof(noise));
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0 && size <= sizeof(noise));
    assert_int_equal(pwrite(fd, noise, size, from), size);
    close(fd);
}

// Reading damaged pages fails; it neither crashes nor invents items, and other tables go on.
static void read_damaged(struct fixture *f) YIELDS
{
    static const struct store_table_def other = {
        .name = S_INIT("Other"), .partition = STRING_KEY("id")};
    struct store_query query = {.table = S("Todo")};
    struct store_page page = {};
    assert_code(store_query(f->store, f->arena, &query, &page), ERR_IO);
    assert_non_null(store_verify(f->store, f->arena));
    assert_code(put(f, "Todo", "{'id':'07','state':'x','rank':1}"), ERR_IO);
    assert_ok(apply(f, &other, 1));
    assert_ok(put(f, "Other", "{'id':'a'}"));
    assert_item(f, "Other", "'a'", NULL, "{'id':'a'}");
    assert_ok(fiber_pause()); // the end of a turn in which a read failed
    assert_code(store_query(f->store, f->arena, &query, &page), ERR_IO);
}

static void test_damaged_pages(void **state)
{
    struct fixture f = {};
    struct stat file = {};
    (void)state;
    fixture_init(&f);
    step(&f, put_some);
    edit(&f, "PRAGMA journal_mode=DELETE; VACUUM");
    assert_int_equal(stat(f.path, &file), 0);
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name='Todo'",
                         -1, &row, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    off_t page = sqlite3_column_int(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    overwrite(f.path, (page - 1) * 4096, 4096);
    step(&f, read_damaged);
    fixture_free(&f);
}

static void refuse_open(struct fixture *f, enum err_code code, const char *words)
{
    const err *e = store_open(f->arena, &f->options, &f->store);
    assert_non_null(e);
    if (e->code != code || str_find(e->text, str_from(words)) < 0) {
        fail_msg("%d: %.*s is not about \"%s\"", e->code, PRI(e->text), words);
    }
}

static void test_no_database(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    int fd = open(f.path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0 && dprintf(fd, "This is a letter, not a database. %0500d", 1) > 0);
    close(fd);
    refuse_open(&f, ERR_IO, "file is not a database");
    refuse_open(&f, ERR_IO, "file is not a database"); // and the lock was given back
    fixture_free(&f);
}

static void test_newer_format(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, put_some);
    edit(&f, "UPDATE ampd_meta SET value=2 WHERE key='format'");
    refuse_open(&f, ERR_CONFIG, "was written by a newer version of ampd (format 2)");
    edit(&f, "UPDATE ampd_meta SET value=1 WHERE key='format'");
    step(&f, find_some);
    fixture_free(&f);
}

static void test_no_folder(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    f.options.path = "/tmp/there-is-no-such-folder/data.db";
    refuse_open(&f, ERR_IO, "No such file or directory");
    fixture_free(&f);
}

// In a process of its own that gives up root's rights, which know no read-only folder.
static void child_read_only(struct fixture *f)
{
    if (geteuid() == 0 && seteuid(65534) != 0) {
        _exit(9);
    }
    err *e = store_open(f->arena, &f->options, &f->store);
    _exit(e != NULL && e->code == ERR_IO && str_find(e->text, S("ermission denied")) >= 0 ? 0 : 1);
}

static void child_read_only_file(struct fixture *f)
{
    if (geteuid() == 0 && seteuid(65534) != 0) {
        _exit(9);
    }
    err *e = store_open(f->arena, &f->options, &f->store);
    _exit(
        e != NULL && e->code == ERR_IO && str_find(e->text, S("may not be written")) >= 0 ? 0 : 1);
}

static int in_child(struct fixture *f, void (*fn)(struct fixture *f))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        fn(f);
        _exit(8);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_read_only(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    assert_int_equal(chmod(f.folder, 0555), 0);
    assert_int_equal(in_child(&f, child_read_only), 0);
    assert_int_equal(chmod(f.folder, 0777), 0);
    step(&f, put_some);
    assert_int_equal(chmod(f.path, 0444), 0);
    assert_int_equal(unlink(str_cstr(f.arena, str_fmt(f.arena, "%s-lock", f.path))), 0);
    assert_int_equal(in_child(&f, child_read_only_file), 0);
    assert_int_equal(chmod(f.path, 0644), 0);
    assert_int_equal(unlink(str_cstr(f.arena, str_fmt(f.arena, "%s-lock", f.path))), 0);
    step(&f, find_some);
    fixture_free(&f);
}

// ---- other processes ---------------------------------------------------------------------------

static void child_second(struct fixture *f)
{
    struct store *second = NULL;
    err *e = store_open(f->arena, &f->options, &second);
    bool told = e != NULL && e->code == ERR_CONFLICT &&
                str_find(e->text,
                    str_fmt(f->arena, "is open in another process (%d)", (int)getppid())) >= 0;
    _exit(told ? 0 : 1);
}

static void second_process(struct fixture *f) YIELDS
{
    put_some(f);
    assert_int_equal(in_child(f, child_second), 0);
    find_some(f);
}

static void test_second_process(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    step(&f, second_process);
    step(&f, find_some);
    fixture_free(&f);
}

static void locked_out(struct fixture *f) YIELDS
{
    sqlite3 *db = NULL;
    put_some(f);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    find_some(f); // reading goes on
    err *e = put(f, "Todo", "{'id':'x'}");
    assert_code(e, ERR_IO);
    assert_true(str_find(e->hint, S("Another program")) >= 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_ok(put(f, "Todo", "{'id':'x'}"));
    assert_item(f, "Todo", "'x'", NULL, "{'id':'x'}");
}

// ---- a full disk
// ---------------------------------------------------------------------------------

// Fills the database to its limit, many fibers at a time; what was acknowledged is there.
struct filler {
    struct fixture *fixture;
    size_t place;
    size_t written;
    size_t refused;
    size_t *alive;
    struct fiber *waker;
};

enum { FILLERS = 16, FILL_SIZE = 3000 };

static struct json *filling(struct arena *arena, size_t place, size_t number)
{
    char *text = arena_alloc(arena, FILL_SIZE + 1);
    memset(text, 'a' + (int)(number % 26), FILL_SIZE);
    struct json *item = json_object(arena);
    json_set(item, S("id"), json_string(arena, str_fmt(arena, "%zu-%zu", place, number)));
    json_set(item, S("state"), json_string(arena, S("open")));
    json_set(item, S("rank"), json_int(arena, (i64)number));
    json_set(item, S("text"), text_value(arena, text));
    return item;
}

static void fill_up(void *arg) YIELDS
{
    struct filler *filler = arg;
    struct arena *arena = fiber_arena();
    while (filler->refused < 3) {
        struct arena_mark mark = arena_mark(arena);
        struct store_write write = {.kind = STORE_PUT,
            .table = S("Todo"),
            .item = filling(arena, filler->place, filler->written)};
        err *e = store_write(filler->fixture->store, arena, &write, 1, NULL);
        if (e != NULL) {
            assert_code(e, ERR_DISK_FULL);
        }
        filler->written += e == NULL;
        filler->refused += e != NULL;
        arena_rewind(arena, mark);
    }
    if (--*filler->alive == 0) {
        fiber_wake(filler->waker);
    }
}

static void check_filled(struct fixture *f) YIELDS
{
    const struct filler *fillers = f->data;
    size_t total = 0;
    u64 count = 0;
    for (size_t i = 0; i < FILLERS; i++) {
        for (size_t k = 0; k < fillers[i].written; k++) {
            struct arena *arena = arena_new();
            struct json *wanted = filling(arena, i, k);
            struct json *item = NULL;
            assert_ok(
                store_get(f->store, arena, S("Todo"), json_get(wanted, S("id")), NULL, &item));
            assert_true(item != NULL && json_equal(item, wanted));
            arena_free(arena);
        }
        total += fillers[i].written;
    }
    assert_ok(store_count(f->store, f->arena, S("Todo"), &count));
    assert_int_equal(count, total);
    verify(f);
}

static void fill_disk(struct fixture *f) YIELDS
{
    struct filler *fillers = arena_array(f->arena, struct filler, FILLERS);
    size_t alive = FILLERS;
    f->data = fillers;
    assert_ok(apply(f, &TODO, 1));
    for (size_t i = 0; i < FILLERS; i++) {
        fillers[i] =
            (struct filler){.fixture = f, .place = i, .alive = &alive, .waker = fiber_current()};
        fiber_start("filler", fill_up, &fillers[i]);
    }
    while (alive > 0) {
        assert_ok(fiber_wait());
    }
    check_filled(f);
    // Service goes on: reading, deleting, and writing where room has been made.
    for (size_t i = 0; i < FILLERS; i++) {
        assert_true(fillers[i].written > 3);
        for (size_t k = 0; k < 3; k++) {
            str pk = str_fmt(f->arena, "'%zu-%zu'", i, --fillers[i].written);
            assert_ok(drop(f, "Todo", str_cstr(f->arena, pk), NULL));
        }
    }
    struct store_write write = {
        .kind = STORE_PUT, .table = S("Todo"), .item = filling(f->arena, 0, fillers[0].written)};
    assert_ok(write_one(f, &write));
    fillers[0].written++;
    check_filled(f);
}

static void grown(struct fixture *f) YIELDS
{
    struct filler *fillers = f->data;
    check_filled(f);
    for (size_t i = 0; i < 300; i++) {
        struct store_write write = {.kind = STORE_PUT,
            .table = S("Todo"),
            .item = filling(f->arena, 0, fillers[0].written++)};
        assert_ok(write_one(f, &write));
    }
    check_filled(f);
}

static void test_disk_full(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    f.options.size_max = 1024 * 1024;
    step(&f, fill_disk);
    step(&f, check_filled);
    f.options.size_max = 0;
    step(&f, grown);
    fixture_free(&f);
}

// A write too big for what is left fails alone; the group it came with does not.
struct single {
    struct fixture *fixture;
    size_t size;
    err *result;
    size_t *alive;
    struct fiber *waker;
};

static void write_single(void *arg) YIELDS
{
    struct single *single = arg;
    struct fixture *f = single->fixture;
    struct json *item = json_object(f->arena);
    char *text = arena_alloc(f->arena, single->size + 1);
    memset(text, 'x', single->size);
    json_set(item, S("id"), json_string(f->arena, str_fmt(f->arena, "%zu", single->size)));
    json_set(item, S("text"), text_value(f->arena, text));
    struct store_write write = {.kind = STORE_PUT, .table = S("Todo"), .item = item};
    single->result = store_write(f->store, f->arena, &write, 1, NULL);
    if (--*single->alive == 0) {
        fiber_wake(single->waker);
    }
}

static void one_too_big(struct fixture *f) YIELDS
{
    static const size_t sizes[] = {10, 390000, 11, 12, 380000, 13};
    struct single singles[countof(sizes)];
    size_t alive = countof(sizes);
    assert_ok(apply(f, &TODO, 1));
    for (size_t i = 0; i < countof(sizes); i++) {
        singles[i] = (struct single){
            .fixture = f, .size = sizes[i], .alive = &alive, .waker = fiber_current()};
        fiber_start("single", write_single, &singles[i]);
    }
    while (alive > 0) {
        assert_ok(fiber_wait());
    }
    for (size_t i = 0; i < countof(sizes); i++) {
        str pk = str_fmt(f->arena, "'%zu'", sizes[i]);
        struct json *item = get(f, "Todo", str_cstr(f->arena, pk), NULL);
        if (sizes[i] > 1000) {
            assert_code(singles[i].result, ERR_DISK_FULL);
            assert_null(item);
        } else {
            assert_ok(singles[i].result);
            assert_non_null(item);
        }
    }
    verify(f);
}

static void test_one_too_big(void **state)
{
    struct fixture f = {};
    (void)state;
    fixture_init(&f);
    f.options.size_max = 256 * 1024;
    step(&f, one_too_big);
    fixture_free(&f);
}

// ---- several loops -----------------------------------------------------------------------------

enum { LOOPS = 3, FIBERS = 8, ROUNDS = 60 };

struct thread {
    struct fixture *fixture;
    pthread_t id;
    unsigned index;
    size_t alive;
    struct loop *loop;
};

struct mover {
    struct thread *thread;
    unsigned seed;
};

// Moves amounts between accounts in transactions; their sum never changes, whoever looks.
static i64 total(struct fixture *f, struct arena *arena) YIELDS
{
    struct store_query query = {.table = S("Account")};
    struct store_page page = {};
    i64 sum = 0;
    assert_ok(store_query(f->store, arena, &query, &page));
    assert_int_equal(page.count, 10);
    for (size_t i = 0; i < page.count; i++) {
        sum += json_get_int(page.items[i], S("amount"), -1000000);
    }
    return sum;
}

static struct store_write change_account(
    struct arena *arena, const struct json *account, i64 difference)
{
    struct json *set = json_object(arena);
    i64 amount = json_get_int(account, S("amount"), 0);
    json_set(set, S("amount"), json_int(arena, amount + difference));
    return (struct store_write){.kind = STORE_UPDATE,
        .table = S("Account"),
        .pk = json_get(account, S("id")),
        .set = set,
        .condition = store_pred_leaf(arena, STORE_EQ, S("amount"), json_get(account, S("amount")))};
}

static void move(struct fixture *f, struct arena *arena, unsigned *seed) YIELDS
{
    int from = rand_r(seed) % 10;
    int to = (from + 1 + rand_r(seed) % 9) % 10;
    err *e = NULL;
    do {
        struct json *one = NULL;
        struct json *two = NULL;
        const struct json *from_key = json_string(arena, str_fmt(arena, "%d", from));
        const struct json *to_key = json_string(arena, str_fmt(arena, "%d", to));
        assert_ok(store_get(f->store, arena, S("Account"), from_key, NULL, &one));
        assert_ok(store_get(f->store, arena, S("Account"), to_key, NULL, &two));
        struct store_write writes[2] = {
            change_account(arena, one, -7), change_account(arena, two, 7)};
        e = store_write(f->store, arena, writes, 2, NULL);
    } while (e != NULL && e->code == ERR_CONDITION_FAILED);
    assert_ok(e);
}

static void mover_main(void *arg) YIELDS
{
    struct mover *mover = arg;
    struct thread *thread = mover->thread;
    struct arena *arena = fiber_arena();
    for (size_t i = 0; i < ROUNDS; i++) {
        struct arena_mark mark = arena_mark(arena);
        move(thread->fixture, arena, &mover->seed);
        assert_int_equal(total(thread->fixture, arena), 1000);
        arena_rewind(arena, mark);
    }
    if (--thread->alive == 0) {
        loop_stop(thread->loop);
    }
}

static void start_movers(void *arg)
{
    struct thread *thread = arg;
    thread->alive = FIBERS;
    for (size_t i = 0; i < FIBERS; i++) {
        struct mover *mover = arena_new_of(thread->fixture->arena, struct mover);
        mover->thread = thread;
        mover->seed = thread->index * 100 + (unsigned)i;
        fiber_start("mover", mover_main, mover);
    }
}

static void *thread_main(void *arg)
{
    struct thread *thread = arg;
    thread->loop = loop_new(thread->index);
    loop_post(thread->loop, start_movers, thread);
    loop_run(thread->loop);
    loop_free(thread->loop);
    return NULL;
}

// A loop that has a snapshot in this turn of its still sees what another has been told is written.
struct relay {
    struct fixture *fixture;
    struct loop *loop;
    atomic_int written;
};

static void relay_main(void *arg) YIELDS
{
    struct relay *relay = arg;
    struct arena *arena = fiber_arena();
    for (int n = 1; n <= 200; n++) {
        struct json *item = json_object(arena);
        json_set(item, S("id"), json_string(arena, S("a")));
        json_set(item, S("n"), json_int(arena, n));
        struct store_write write = {.kind = STORE_PUT, .table = S("Account"), .item = item};
        assert_ok(store_write(relay->fixture->store, arena, &write, 1, NULL));
        atomic_store(&relay->written, n);
    }
    loop_stop(relay->loop);
}

static void start_relay(void *arg)
{
    fiber_start("relay", relay_main, arg);
}

static void *relay_thread(void *arg)
{
    struct relay *relay = arg;
    relay->loop = loop_new(1);
    loop_post(relay->loop, start_relay, relay);
    loop_run(relay->loop);
    loop_free(relay->loop);
    return NULL;
}

static void see_newest(struct fixture *f) YIELDS
{
    struct relay relay = {.fixture = f};
    pthread_t thread;
    int seen = 0;
    assert_ok(put(f, "Account", "{'id':'a','n':0}"));
    assert_int_equal(pthread_create(&thread, NULL, relay_thread, &relay), 0);
    while (seen < 200) { // without a pause: it is all one turn
        int written = atomic_load(&relay.written);
        struct arena_mark mark = arena_mark(f->arena);
        i64 found = json_get_int(get(f, "Account", "'a'", NULL), S("n"), -1);
        assert_true(found >= written);
        arena_rewind(f->arena, mark);
        seen = written;
    }
    pthread_join(thread, NULL);
}

static void make_accounts(struct fixture *f) YIELDS
{
    static const struct store_table_def account = {
        .name = S_INIT("Account"), .partition = STRING_KEY("id")};
    assert_ok(apply(f, &account, 1));
    for (int i = 0; i < 10; i++) {
        str item = str_fmt(f->arena, "{'id':'%d','amount':100}", i);
        assert_ok(put(f, "Account", str_cstr(f->arena, item)));
    }
}

static void check_accounts(struct fixture *f) YIELDS
{
    assert_int_equal(total(f, f->arena), 1000);
    verify(f);
}

static void test_loops(void **state)
{
    struct fixture f = {};
    struct fixture per_thread[LOOPS] = {};
    struct thread threads[LOOPS] = {};
    (void)state;
    fixture_init(&f);
    f.options.loop_count = LOOPS;
    open_store(&f);
    fixture_run(&f, make_accounts);
    for (unsigned i = 0; i < LOOPS; i++) {
        per_thread[i] = f;
        per_thread[i].arena = arena_new();
        threads[i] = (struct thread){.fixture = &per_thread[i], .index = i};
        assert_int_equal(pthread_create(&threads[i].id, NULL, thread_main, &threads[i]), 0);
    }
    for (size_t i = 0; i < LOOPS; i++) {
        pthread_join(threads[i].id, NULL);
        arena_free(per_thread[i].arena);
    }
    fixture_run(&f, check_accounts);
    fixture_run(&f, see_newest);
    store_close(f.store);
    fixture_free(&f);
}

// ---- the change stream -------------------------------------------------------------------------

struct stream {
    struct arena *arena;
    u64 last;
    size_t count;
    struct buf text;
};

static void on_change(void *arg, const struct store_change *change)
{
    struct stream *stream = arg;
    assert_true(change->sequence >= stream->last);
    stream->last = change->sequence;
    stream->count++;
    buf_add(&stream->text, change->table);
    buf_add_char(&stream->text, ' ');
    json_write(&stream->text, change->old_item);
    buf_add(&stream->text, S(" -> "));
    json_write(&stream->text, change->new_item);
    buf_add_char(&stream->text, '\n');
}

static void make_changes(struct fixture *f) YIELDS
{
    struct store_write update = {.kind = STORE_UPDATE,
        .table = S("Todo"),
        .pk = text_value(f->arena, "a"),
        .set = parse(f->arena, "{'v':2}")};
    assert_ok(apply(f, &TODO, 1));
    assert_ok(put(f, "Todo", "{'id':'a','v':1}"));
    assert_ok(write_one(f, &update));
    update.only_existing = true;
    update.pk = text_value(f->arena, "b");
    assert_code(write_one(f, &update), ERR_CONDITION_FAILED);
    assert_ok(drop(f, "Todo", "'none'", NULL));
    struct store_write both[] = {
        {.kind = STORE_PUT, .table = S("Todo"), .item = parse(f->arena, "{'id':'b'}")},
        {.kind = STORE_CHECK, .table = S("Todo"), .pk = text_value(f->arena, "a")},
        {.kind = STORE_DELETE, .table = S("Todo"), .pk = text_value(f->arena, "a")}};
    assert_ok(store_write(f->store, f->arena, both, 3, NULL));
    both[0].only_absent = true;
    assert_code(store_write(f->store, f->arena, both, 3, NULL), ERR_CONDITION_FAILED);
}

static void put_more(struct fixture *f) YIELDS
{
    assert_ok(put(f, "Todo", "{'id':'z'}"));
}

static void test_stream(void **state)
{
    struct fixture f = {};
    struct stream stream = {};
    (void)state;
    fixture_init(&f);
    stream.text = buf_in(f.arena, 65536);
    open_store(&f);
    store_watch(f.store, on_change, &stream);
    fixture_run(&f, make_changes);
    store_close(f.store);
    assert_string_equal(str_cstr(f.arena, buf_str(&stream.text)),
        "Todo null -> {\"id\":\"a\",\"v\":1}\n"
        "Todo {\"id\":\"a\",\"v\":1} -> {\"id\":\"a\",\"v\":2}\n"
        "Todo null -> {\"id\":\"b\"}\n"
        "Todo {\"id\":\"a\",\"v\":2} -> null\n");
    u64 last = stream.last;
    open_store(&f); // sequences go on growing
    store_watch(f.store, on_change, &stream);
    fixture_run(&f, put_more);
    store_close(f.store);
    assert_true(stream.last > last);
    fixture_free(&f);
}

// What the stream has told is what the table holds, in the order of the commits.
struct mirror {
    struct arena *arena;
    struct map *items;
    size_t changes;
};

static void on_mirror(void *arg, const struct store_change *change)
{
    struct mirror *mirror = arg;
    const struct json *item = change->new_item != NULL ? change->new_item : change->old_item;
    str id = json_get_str(item, S("id"));
    const struct json *known = map_get(mirror->items, id);
    assert_true(known == NULL ? change->old_item == NULL
                              : change->old_item != NULL && json_equal(known, change->old_item));
    if (change->new_item != NULL) {
        map_set(
            mirror->items, str_dup(mirror->arena, id), json_copy(mirror->arena, change->new_item));
    } else {
        map_remove(mirror->items, id);
    }
    mirror->changes++;
}

static void mirror_fiber(void *arg) YIELDS
{
    struct single *single = arg;
    struct arena *arena = fiber_arena();
    unsigned seed = (unsigned)single->size;
    for (int i = 0; i < 100; i++) {
        struct json *item = json_object(arena);
        json_set(item, S("id"), json_string(arena, str_fmt(arena, "%d", rand_r(&seed) % 12)));
        json_set(item, S("v"), json_int(arena, rand_r(&seed) % 100));
        struct store_write write = {.kind = rand_r(&seed) % 3 == 0 ? STORE_DELETE : STORE_PUT,
            .table = S("Todo"),
            .item = item,
            .pk = json_get(item, S("id")),
            .only_absent = rand_r(&seed) % 5 == 0};
        err *e = store_write(single->fixture->store, arena, &write, 1, NULL);
        assert_true(e == NULL || e->code == ERR_CONDITION_FAILED);
    }
    if (--*single->alive == 0) {
        fiber_wake(single->waker);
    }
}

static void mirrored(struct fixture *f) YIELDS
{
    enum { COUNT = 10 };
    struct single singles[COUNT];
    struct mirror *mirror = f->data;
    size_t alive = COUNT;
    struct store_query query = {.table = S("Todo")};
    struct store_page page = {};
    assert_ok(apply(f, &TODO, 1));
    for (size_t i = 0; i < COUNT; i++) {
        singles[i] =
            (struct single){.fixture = f, .size = i, .alive = &alive, .waker = fiber_current()};
        fiber_start("mirror", mirror_fiber, &singles[i]);
    }
    while (alive > 0) {
        assert_ok(fiber_wait());
    }
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, map_count(mirror->items));
    for (size_t i = 0; i < page.count; i++) {
        const struct json *known = map_get(mirror->items, json_get_str(page.items[i], S("id")));
        assert_true(known != NULL && json_equal(known, page.items[i]));
    }
    assert_true(mirror->changes > 500);
}

static void test_mirror(void **state)
{
    struct fixture f = {};
    struct mirror mirror = {.arena = arena_new()};
    (void)state;
    mirror.items = map_new(mirror.arena);
    fixture_init(&f);
    f.data = &mirror;
    open_store(&f);
    store_watch(f.store, on_mirror, &mirror);
    fixture_run(&f, mirrored);
    store_close(f.store);
    fixture_free(&f);
    arena_free(mirror.arena);
}

TEST(locked_out)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_names_of_sqlite),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_readable_file),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_damaged_pages),
        cmocka_unit_test(test_no_database),
        cmocka_unit_test(test_newer_format),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_second_process),
        cmocka_unit_test(test_locked_out),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_one_too_big),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_mirror),
    };
    return cmocka_run_group_tests_name("store: life of a database", tests, NULL, NULL);
}
