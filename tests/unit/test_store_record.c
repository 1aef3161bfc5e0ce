// Recorded changes: every change of the tables that are named, in its own transaction, and nothing
// of the others.
#include "store_fixture.h"

#include <sqlite3.h>
#include <stdatomic.h>

static atomic_int told;

static void count(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told, 1);
}

static const struct store_table_def TABLES[] = {
    {.name = S_INIT("Todo"), .partition = {S_INIT("id"), STORE_KEY_STRING}},
    {.name = S_INIT("Seat"),
        .partition = {S_INIT("row"), STORE_KEY_STRING},
        .sort = {S_INIT("place"), STORE_KEY_NUMBER}},
    {.name = S_INIT("Quiet"), .partition = {S_INIT("id"), STORE_KEY_STRING}},
};

static void record(struct fixture *f, size_t count_of, const str *names) YIELDS;

static void record(struct fixture *f, size_t count_of, const str *names)
{
    const struct store_record_options options = {.tables = names, .count = count_of, .tell = count};
    assert_ok(store_record(f->store, f->arena, &options));
}

static struct json *parsed(struct fixture *f, const char *text)
{
    struct json *out = NULL;
    assert_ok(json_parse(f->arena, str_from(text), &out, NULL));
    return out;
}

static void put_ok(struct fixture *f, str table, const char *item) YIELDS;

static void put_ok(struct fixture *f, str table, const char *item)
{
    struct store_write write = {.kind = STORE_PUT, .table = table, .item = parsed(f, item)};
    assert_ok(store_write(f->store, f->arena, &write, 1, NULL));
}

static struct store_page changes(struct fixture *f, const char *table) YIELDS;

static struct store_page changes(struct fixture *f, const char *table)
{
    struct store_page page = {};
    const struct store_query query = {
        .table = STORE_CHANGES, .pk = json_string(f->arena, str_from(table))};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    return page;
}

static void check_change(struct fixture *f, const struct json *change, const char *keys,
    const char *old, const char *new)
{
    assert_true(json_equal(json_get(change, S("keys")), parsed(f, keys)));
    assert_true(old != NULL ? json_equal(json_get(change, S("old")), parsed(f, old))
                            : json_get(change, S("old")) == NULL);
    assert_true(new != NULL ? json_equal(json_get(change, S("new")), parsed(f, new))
                            : json_get(change, S("new")) == NULL);
    assert_true(json_get_int(change, S("time"), 0) > 0);
    assert_int_equal(json_get(change, S("sequence"))->text.len, 21);
}

static void check_order(const struct store_page *page)
{
    for (size_t i = 1; i < page->count; i++) {
        str before = json_get(page->items[i - 1], S("sequence"))->text;
        assert_true(str_cmp(before, json_get(page->items[i], S("sequence"))->text) < 0);
    }
}

static void make_tables(struct fixture *f) YIELDS;

static void make_tables(struct fixture *f)
{
    struct store_apply_options options = {};
    assert_ok(store_apply(f->store, f->arena, TABLES, countof(TABLES), &options));
}

static void body_changes(struct fixture *f) YIELDS
{
    const str names[] = {S("Todo"), S("Seat")};
    make_tables(f);
    put_ok(f, S("Todo"), "{\"id\":\"0\"}"); // before: not recorded
    record(f, countof(names), names);
    atomic_store(&told, 0);
    put_ok(f, S("Todo"), "{\"id\":\"1\",\"n\":1}");
    put_ok(f, S("Todo"), "{\"id\":\"1\",\"n\":2}");
    put_ok(f, S("Todo"), "{\"n\":2,\"id\":\"1\"}"); // changes nothing
    struct store_write gone = {
        .kind = STORE_DELETE, .table = S("Todo"), .pk = json_string(f->arena, S("1"))};
    assert_ok(store_write(f->store, f->arena, &gone, 1, NULL));
    assert_ok(store_write(f->store, f->arena, &gone, 1, NULL)); // was not there any more
    put_ok(f, S("Seat"), "{\"row\":\"A\",\"place\":7}");
    put_ok(f, S("Quiet"), "{\"id\":\"q\"}");
    struct store_page page = changes(f, "Todo");
    assert_int_equal(page.count, 3);
    check_change(f, page.items[0], "{\"id\":\"1\"}", NULL, "{\"id\":\"1\",\"n\":1}");
    check_change(
        f, page.items[1], "{\"id\":\"1\"}", "{\"id\":\"1\",\"n\":1}", "{\"id\":\"1\",\"n\":2}");
    check_change(f, page.items[2], "{\"id\":\"1\"}", "{\"id\":\"1\",\"n\":2}", NULL);
    check_order(&page);
    page = changes(f, "Seat");
    assert_int_equal(page.count, 1);
    check_change(
        f, page.items[0], "{\"row\":\"A\",\"place\":7}", NULL, "{\"row\":\"A\",\"place\":7}");
    assert_int_equal(changes(f, "Quiet").count, 0);
    assert_int_equal(atomic_load(&told), 4);
    record(f, 0, NULL);
    put_ok(f, S("Todo"), "{\"id\":\"2\"}");
    assert_int_equal(changes(f, "Todo").count, 3);
    assert_ok(store_verify(f->store, f->arena));
}

// Changes the file behind the store's back.
static void edit_file(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

// Items of an older version may be as deep as this, and their changes are deeper. What cannot be
// read at all does not block what comes after it.
static void body_bad_rows(struct fixture *f) YIELDS
{
    const str names[] = {S("Todo")};
    char deep[2 * 256 + 1] = {};
    char sql[700];
    memset(deep, '[', 256);
    memset(deep + 256, ']', 256);
    make_tables(f);
    record(f, 1, names);
    put_ok(f, S("Todo"), "{\"id\":\"1\"}");
    put_ok(f, S("Todo"), "{\"id\":\"2\"}");
    snprintf(sql, sizeof(sql),
        "UPDATE _changes SET item = substr(item, 9) WHERE item LIKE '%%\"id\":\"1\"%%';"
        "UPDATE Todo SET item = '{\"id\":\"1\",\"deep\":%s}' WHERE CAST(pk AS TEXT) = '1'",
        deep);
    edit_file(f, sql);
    struct store_write gone = {
        .kind = STORE_DELETE, .table = S("Todo"), .pk = json_string(f->arena, S("1"))};
    assert_ok(store_write(f->store, f->arena, &gone, 1, NULL));
    struct store_page page = changes(f, "Todo");
    assert_int_equal(page.count, 2);
    check_change(f, page.items[0], "{\"id\":\"2\"}", NULL, "{\"id\":\"2\"}");
    str old = json_text(f->arena, json_get(json_get(page.items[1], S("old")), S("deep")));
    assert_true(str_eq(old, str_from(deep)));
}

// A transaction that fails leaves no record; one that does not has its changes in order.
static void body_transactions(struct fixture *f) YIELDS
{
    const str names[] = {S("Todo")};
    struct store_write writes[] = {
        {.kind = STORE_PUT, .table = S("Todo"), .item = parsed(f, "{\"id\":\"a\"}")},
        {.kind = STORE_PUT, .table = S("Todo"), .item = parsed(f, "{\"id\":\"b\"}")},
        {.kind = STORE_PUT,
            .table = S("Todo"),
            .item = parsed(f, "{\"id\":\"a\",\"x\":1}"),
            .only_absent = true},
    };
    make_tables(f);
    record(f, 1, names);
    assert_code(store_write(f->store, f->arena, writes, 3, NULL), ERR_CONDITION_FAILED);
    assert_int_equal(changes(f, "Todo").count, 0);
    writes[2].only_absent = false;
    assert_ok(store_write(f->store, f->arena, writes, 3, NULL));
    struct store_page page = changes(f, "Todo");
    assert_int_equal(page.count, 3);
    check_change(f, page.items[0], "{\"id\":\"a\"}", NULL, "{\"id\":\"a\"}");
    check_change(f, page.items[1], "{\"id\":\"b\"}", NULL, "{\"id\":\"b\"}");
    check_change(f, page.items[2], "{\"id\":\"a\"}", "{\"id\":\"a\"}", "{\"id\":\"a\",\"x\":1}");
    check_order(&page);
}

static void test_changes(void **state)
{
    (void)state;
    with_store(body_changes);
}

static void test_bad_rows(void **state)
{
    (void)state;
    with_store(body_bad_rows);
}

static void test_transactions(void **state)
{
    (void)state;
    with_store(body_transactions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
