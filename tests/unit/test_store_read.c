// Queries and scans: ranges, directions, filters, limits, pages and their tokens.
#include "store_fixture.h"

static const struct store_index_def INDEXES[] = {
    {.name = S_INIT("byKind"), .partition = STRING_KEY("kind"), .sort = NUMBER_KEY("rank")},
    {.name = S_INIT("byFlag"), .partition = STRING_KEY("flag")},
};
static const struct store_table_def TABLES[] = {
    {.name = S_INIT("Word"), .partition = STRING_KEY("lang"), .sort = STRING_KEY("id")},
    {.name = S_INIT("Item"),
        .partition = STRING_KEY("id"),
        .indexes = INDEXES,
        .index_count = countof(INDEXES)},
    {.name = S_INIT("Other"), .partition = STRING_KEY("id")},
};

static void set_up(struct fixture *f) YIELDS
{
    assert_ok(apply(f, TABLES, countof(TABLES)));
}

// ---- ranges ------------------------------------------------------------------------------------

static const char *const WORDS[] = {"b", "ba", "bab", "bb", "c", "b\xc3\xa9", "B", "a"};

static const struct {
    enum store_range range;
    const char *low;
    const char *high;
    const char *wanted; // rising
} RANGES[] = {
    {STORE_RANGE_ALL, NULL, NULL, "B a b ba bab bb b\xc3\xa9 c"},
    {STORE_RANGE_EQ, "'ba'", NULL, "ba"},
    {STORE_RANGE_EQ, "'bx'", NULL, ""},
    {STORE_RANGE_LT, "'ba'", NULL, "B a b"},
    {STORE_RANGE_LE, "'ba'", NULL, "B a b ba"},
    {STORE_RANGE_GT, "'ba'", NULL, "bab bb b\xc3\xa9 c"},
    {STORE_RANGE_GE, "'ba'", NULL, "ba bab bb b\xc3\xa9 c"},
    {STORE_RANGE_BETWEEN, "'b'", "'bb'", "b ba bab bb"},
    {STORE_RANGE_BETWEEN, "'ba'", "'ba'", "ba"},
    {STORE_RANGE_BETWEEN, "'x'", "'z'", ""},
    {STORE_RANGE_BEGINS, "'b'", NULL, "b ba bab bb b\xc3\xa9"},
    {STORE_RANGE_BEGINS, "'ba'", NULL, "ba bab"},
    {STORE_RANGE_BEGINS, "'b\xc3\xa9'", NULL, "b\xc3\xa9"},
    {STORE_RANGE_BEGINS, "'z'", NULL, ""},
};

static const char *turned(struct fixture *f, const char *list)
{
    str rest = str_from(list);
    str part = {};
    str out = S("");
    while (rest.len > 0 && str_next(&rest, ' ', &part)) {
        out = str_cat(f->arena, part, out.len > 0 ? S(" ") : S(""), out);
    }
    return str_cstr(f->arena, out);
}

static void ranges(struct fixture *f) YIELDS
{
    set_up(f);
    for (size_t i = 0; i < countof(WORDS); i++) {
        str item = str_fmt(f->arena, "{'lang':'en','id':'%s'}", WORDS[i]);
        assert_ok(put(f, "Word", str_cstr(f->arena, item)));
    }
    assert_ok(put(f, "Word", "{'lang':'e','id':'bx'}"));
    assert_ok(put(f, "Word", "{'lang':'enn','id':'ba'}"));
    for (size_t i = 0; i < countof(RANGES); i++) {
        struct store_query query = {.table = S("Word"),
            .pk = text_value(f->arena, "en"),
            .range = RANGES[i].range,
            .sk_low = key(f, RANGES[i].low),
            .sk_high = key(f, RANGES[i].high)};
        assert_string_equal(query_ids(f, &query), RANGES[i].wanted);
        query.backwards = true;
        assert_string_equal(query_ids(f, &query), turned(f, RANGES[i].wanted));
    }
}

static const char *const NUMBERS[] = {"0", "-1", "2", "10", "1e2", "-1e-5", "1.5",
    "12345678901234567890123456789012345678", "12345678901234567890123456789012345677", "-99e9"};

static const struct {
    enum store_range range;
    const char *low;
    const char *high;
    const char *wanted;
} NUMBER_RANGES[] = {
    {STORE_RANGE_ALL, NULL, NULL, "9 1 5 0 6 2 3 4 8 7"},
    {STORE_RANGE_EQ, "0.1e1", NULL, ""},
    {STORE_RANGE_EQ, "100.0", NULL, "4"},
    {STORE_RANGE_EQ, "-0", NULL, "0"},
    {STORE_RANGE_LT, "0", NULL, "9 1 5"},
    {STORE_RANGE_LE, "0", NULL, "9 1 5 0"},
    {STORE_RANGE_GT, "10", NULL, "4 8 7"},
    {STORE_RANGE_GE, "10", NULL, "3 4 8 7"},
    {STORE_RANGE_GT, "12345678901234567890123456789012345677", NULL, "7"},
    {STORE_RANGE_BETWEEN, "-1", "2", "1 5 0 6 2"},
};

static void number_ranges(struct fixture *f) YIELDS
{
    set_up(f);
    for (size_t i = 0; i < countof(NUMBERS); i++) {
        str item = str_fmt(f->arena, "{'id':'%zu','kind':'k','rank':%s,'flag':'f'}", i, NUMBERS[i]);
        assert_ok(put(f, "Item", str_cstr(f->arena, item)));
    }
    for (size_t i = 0; i < countof(NUMBER_RANGES); i++) {
        struct store_query query = {.table = S("Item"),
            .index = S("byKind"),
            .pk = text_value(f->arena, "k"),
            .range = NUMBER_RANGES[i].range,
            .sk_low = key(f, NUMBER_RANGES[i].low),
            .sk_high = key(f, NUMBER_RANGES[i].high)};
        assert_string_equal(query_ids(f, &query), NUMBER_RANGES[i].wanted);
        query.backwards = true;
        assert_string_equal(query_ids(f, &query), turned(f, NUMBER_RANGES[i].wanted));
    }
    struct store_query flag = {
        .table = S("Item"), .index = S("byFlag"), .pk = text_value(f->arena, "f")};
    assert_string_equal(query_ids(f, &flag), "0 1 2 3 4 5 6 7 8 9"); // in order of the primary key
    verify(f);
}

static const struct {
    const char *table;
    const char *index;
    const char *pk;
    enum store_range range;
    const char *low;
    const char *high;
    enum err_code code;
    const char *words;
} REFUSED[] = {
    {"Nowhere", "", "'a'", STORE_RANGE_ALL, NULL, NULL, ERR_NOT_FOUND,
        "Requested resource not found: Table: Nowhere not found"},
    {"Item", "byNothing", "'a'", STORE_RANGE_ALL, NULL, NULL, ERR_INVALID,
        "The table does not have the specified index: byNothing"},
    {"Word", "", "1", STORE_RANGE_ALL, NULL, NULL, ERR_INVALID,
        "One or more parameter values were invalid: Condition parameter type does not match schema "
        "type"},
    {"Word", "", "'a'", STORE_RANGE_EQ, "1", NULL, ERR_INVALID,
        "One or more parameter values were invalid: Condition parameter type does not match schema "
        "type"},
    {"Word", "", "'a'", STORE_RANGE_BETWEEN, "'a'", NULL, ERR_INVALID,
        "One or more parameter values were invalid: Condition parameter type does not match schema "
        "type"},
    {"Word", "", "''", STORE_RANGE_ALL, NULL, NULL, ERR_INVALID,
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
        "contain an empty string value. Key: lang"},
    {"Word", "", "'a'", STORE_RANGE_BEGINS, "''", NULL, ERR_INVALID,
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
        "contain an empty string value. Key: id"},
    {"Word", "", "'a'", STORE_RANGE_BETWEEN, "'b'", "'a'", ERR_INVALID,
        "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater "
        "than or equal to lower bound"},
    {"Item", "", "'a'", STORE_RANGE_EQ, "'a'", NULL, ERR_INVALID,
        "Query condition missed key schema element"},
    {"Word", "", NULL, STORE_RANGE_EQ, "'a'", NULL, ERR_INVALID,
        "Query condition missed key schema element"},
    {"Item", "byKind", "'a'", STORE_RANGE_BEGINS, "1", NULL, ERR_INVALID,
        "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator "
        "or function: begins_with, operand type: N"},
};

static void refused(struct fixture *f) YIELDS
{
    set_up(f);
    for (size_t i = 0; i < countof(REFUSED); i++) {
        struct store_page page = {};
        struct store_query query = {.table = str_from(REFUSED[i].table),
            .index = str_from(REFUSED[i].index),
            .pk = key(f, REFUSED[i].pk),
            .range = REFUSED[i].range,
            .sk_low = key(f, REFUSED[i].low),
            .sk_high = key(f, REFUSED[i].high)};
        assert_fails(
            store_query(f->store, f->arena, &query, &page), REFUSED[i].code, REFUSED[i].words);
        assert_int_equal(page.count, 0);
    }
}

// ---- pages -------------------------------------------------------------------------------------

enum { MANY = 700 }; // more than a chunk

static void put_many(struct fixture *f) YIELDS
{
    set_up(f);
    for (size_t i = 0; i < MANY; i++) {
        str item = str_fmt(f->arena, "{'id':'%04zu','kind':'%s','rank':%zu,'odd':%s,'flag':'f'}", i,
            i % 7 == 0 ? "seven" : "other", i / 3, i % 2 == 1 ? "true" : "false");
        assert_ok(put(f, "Item", str_cstr(f->arena, item)));
    }
}

// Follows the tokens to the end; gives all ids, and checks that each page keeps the limit.
static const char *walk_pages(struct fixture *f, struct store_query query, size_t *pages) YIELDS
{
    struct buf all = buf_in(f->arena, SIZE_MAX / 4);
    *pages = 0;
    for (;;) {
        struct store_page page = {};
        assert_ok(store_query(f->store, f->arena, &query, &page));
        assert_true(query.limit == 0 || page.scanned <= query.limit);
        assert_true(page.count <= page.scanned);
        buf_add(&all, all.len > 0 && page.count > 0 ? S(" ") : S(""));
        buf_add(&all, str_from(ids(f, &page)));
        ++*pages;
        if (page.next_token.ptr == NULL) {
            return str_cstr(f->arena, buf_str(&all));
        }
        assert_true(query.limit == 0 || page.scanned == query.limit);
        query.page_token = page.next_token;
    }
}

static void limits(struct fixture *f) YIELDS
{
    static const u32 sizes[] = {1, 2, 7, 199, 200, 201, 233, 350, 699, 700, 701};
    struct store_query queries[] = {
        {.table = S("Item")},
        {.table = S("Item"), .backwards = true},
        {.table = S("Item"), .index = S("byKind"), .pk = text_value(f->arena, "other")},
        {.table = S("Item"),
            .index = S("byKind"),
            .pk = text_value(f->arena, "other"),
            .range = STORE_RANGE_BETWEEN,
            .sk_low = parse(f->arena, "20"),
            .sk_high = parse(f->arena, "200"),
            .backwards = true},
        {.table = S("Item"), .index = S("byKind")},
        {.table = S("Item"), .index = S("byKind"), .backwards = true},
        {.table = S("Item"), .index = S("byFlag"), .pk = text_value(f->arena, "f")},
    };
    put_many(f);
    for (size_t i = 0; i < countof(queries); i++) {
        size_t pages = 0;
        const char *all = walk_pages(f, queries[i], &pages);
        assert_int_equal(pages, 1);
        for (size_t k = 0; k < countof(sizes); k++) {
            queries[i].limit = sizes[k];
            assert_string_equal(walk_pages(f, queries[i], &pages), all);
        }
    }
}

static void filters(struct fixture *f) YIELDS
{
    put_many(f);
    struct store_page page = {};
    struct store_query query = {.table = S("Item"),
        .limit = 500,
        .filter = store_pred_leaf(f->arena, STORE_EQ, S("odd"), json_bool(f->arena, true))};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 250); // the limit counts what is looked at
    assert_int_equal(page.scanned, 500);
    query.page_token = page.next_token;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 100);
    assert_null(page.next_token.ptr);
    query.page_token = (str){};
    query.limit = 0;
    struct store_pred never = {.op = STORE_FALSE};
    query.filter = &never;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 0);
    assert_int_equal(page.scanned, MANY);
    assert_null(page.next_token.ptr);
}

// What may not be seen counts for nothing: the pages of what may are full.
static void allowed(struct fixture *f) YIELDS
{
    put_many(f);
    struct store_page page = {};
    size_t pages = 0;
    const struct store_pred *odd =
        store_pred_leaf(f->arena, STORE_EQ, S("odd"), json_bool(f->arena, true));
    struct store_query query = {.table = S("Item"), .filter = odd};
    const char *expected = walk_pages(f, query, &pages);
    query.filter = NULL;
    query.allowed = odd;
    query.limit = 150;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 150);
    assert_int_equal(page.scanned, 150);
    assert_string_equal(walk_pages(f, query, &pages), expected);
    assert_int_equal(pages, 3); // 350 items
    struct store_pred never = {.op = STORE_FALSE};
    query.allowed = &never;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.scanned, 0);
    assert_null(page.next_token.ptr);
}

// A page ends behind the item that makes it 1 MiB.
static void big_pages(struct fixture *f) YIELDS
{
    enum { COUNT = 40, SIZE = 100 * 1024 };

    set_up(f);
    char *text = arena_alloc(f->arena, SIZE + 1);
    memset(text, 'x', SIZE);
    struct json *item = parse(f->arena, "{'kind':'k','rank':1}");
    json_set(item, S("text"), text_value(f->arena, text));
    for (size_t i = 0; i < COUNT; i++) {
        json_set(item, S("id"), json_string(f->arena, str_fmt(f->arena, "%02zu", i)));
        struct store_write write = {.kind = STORE_PUT, .table = S("Item"), .item = item};
        assert_ok(write_one(f, &write));
    }
    struct store_page page = {};
    struct store_query query = {.table = S("Item")};
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 11);
    size_t pages = 0;
    const char *all = walk_pages(f, query, &pages);
    assert_int_equal(pages, 4);
    assert_int_equal(strlen(all), COUNT * 3 - 1);
    query.index = S("byKind");
    query.pk = text_value(f->arena, "k");
    query.backwards = true;
    assert_string_equal(walk_pages(f, query, &pages), turned(f, all));
    assert_int_equal(pages, 4);
    struct store_pred never = {.op = STORE_FALSE};
    query.filter = &never; // an empty page that goes on
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 0);
    assert_non_null(page.next_token.ptr);
}

// ---- tokens ------------------------------------------------------------------------------------

static str token_of(struct fixture *f, struct store_query query) YIELDS
{
    struct store_page page = {};
    query.limit = 3;
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_non_null(page.next_token.ptr);
    return page.next_token;
}

static void assert_token_refused(struct fixture *f, struct store_query query, str token) YIELDS
{
    struct store_page page = {};
    query.page_token = token;
    assert_fails(store_query(f->store, f->arena, &query, &page), ERR_INVALID,
        "Invalid page token: it is not of this query");
}

static void foreign_tokens(struct fixture *f) YIELDS
{
    put_many(f);
    for (size_t i = 0; i < 10; i++) {
        str item = str_fmt(f->arena, "{'id':'%04zu'}", i);
        assert_ok(put(f, "Other", str_cstr(f->arena, item)));
        item = str_fmt(f->arena, "{'lang':'other','id':'%04zu'}", i);
        assert_ok(put(f, "Word", str_cstr(f->arena, item)));
    }
    const struct store_query queries[] = {
        {.table = S("Item")},
        {.table = S("Other")},
        {.table = S("Word")},
        {.table = S("Word"), .pk = text_value(f->arena, "other")},
        {.table = S("Item"), .index = S("byKind")},
        {.table = S("Item"), .index = S("byFlag")},
        {.table = S("Item"), .index = S("byKind"), .pk = text_value(f->arena, "other")},
        {.table = S("Item"), .index = S("byKind"), .pk = text_value(f->arena, "seven")},
        {.table = S("Item"), .index = S("byFlag"), .pk = text_value(f->arena, "f")},
    };
    for (size_t i = 0; i < countof(queries); i++) {
        str token = token_of(f, queries[i]);
        for (size_t k = 0; k < countof(queries); k++) {
            if (k != i) {
                assert_token_refused(f, queries[k], token);
            }
        }
    }
}

static void forged_tokens(struct fixture *f) YIELDS
{
    static const char *const garbage[] = {"", "x", "AAAA", "====", "!",
        "AAAAAAAAAAAAAAAAAAAAAAAAAA", "\xff\xfe", "null",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    put_many(f);
    struct store_query query = {.table = S("Item"), .index = S("byKind")};
    str token = token_of(f, query);
    for (size_t i = 0; i < countof(garbage); i++) {
        assert_token_refused(f, query, str_from(garbage[i]));
    }
    for (size_t i = 0; i < token.len; i++) {
        str other = str_dup(f->arena, token);
        ((char *)other.ptr)[i] = token.ptr[i] == 'A' ? 'B' : 'A';
        assert_token_refused(f, query, other);
        assert_token_refused(f, query, str_sub(token, 0, i));
    }
    assert_token_refused(f, query, str_cat(f->arena, token, S("AAAA")));
    char *longest = arena_alloc(f->arena, 100000);
    memset(longest, 'A', 99999);
    assert_token_refused(f, query, str_from(longest));
}

// The reader may turn round, and items may go away, between two pages.
static void moving_tokens(struct fixture *f) YIELDS
{
    put_many(f);
    struct store_query query = {.table = S("Item"), .limit = 3};
    query.page_token = token_of(f, query);
    assert_string_equal(query_ids(f, &query), "0003 0004 0005");
    query.backwards = true;
    assert_string_equal(query_ids(f, &query), "0001 0000");
    query.backwards = false;
    assert_ok(drop(f, "Item", "'0002'", NULL)); // the place of the token itself
    assert_ok(drop(f, "Item", "'0003'", NULL));
    assert_string_equal(query_ids(f, &query), "0004 0005 0006");
}

// ---- counting, and reading one's own writes ----------------------------------------------------

static void counts(struct fixture *f) YIELDS
{
    u64 count = 99;
    put_many(f);
    assert_ok(store_count(f->store, f->arena, S("Item"), &count));
    assert_int_equal(count, MANY);
    assert_ok(drop(f, "Item", "'0000'", NULL));
    assert_ok(store_count(f->store, f->arena, S("Item"), &count));
    assert_int_equal(count, MANY - 1);
    assert_ok(store_count(f->store, f->arena, S("Other"), &count));
    assert_int_equal(count, 0);
    assert_code(store_count(f->store, f->arena, S("Nowhere"), &count), ERR_NOT_FOUND);
}

static void own_writes(struct fixture *f) YIELDS
{
    struct store_query query = {
        .table = S("Item"), .index = S("byFlag"), .pk = text_value(f->arena, "f")};
    set_up(f);
    for (size_t i = 0; i < 200; i++) {
        str item = str_fmt(f->arena, "{'id':'a','v':%zu,'flag':'%s'}", i, i % 2 == 0 ? "f" : "g");
        assert_ok(put(f, "Item", str_cstr(f->arena, item)));
        assert_int_equal(json_get_int(get(f, "Item", "'a'", NULL), S("v"), -1), i);
        assert_string_equal(query_ids(f, &query), i % 2 == 0 ? "a" : "");
    }
}

TEST(ranges)
TEST(number_ranges)
TEST(refused)
TEST(limits)
TEST(filters)
TEST(allowed)
TEST(big_pages)
TEST(foreign_tokens)
TEST(forged_tokens)
TEST(moving_tokens)
TEST(counts)
TEST(own_writes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_number_ranges),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_big_pages),
        cmocka_unit_test(test_foreign_tokens),
        cmocka_unit_test(test_forged_tokens),
        cmocka_unit_test(test_moving_tokens),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_own_writes),
    };
    return cmocka_run_group_tests_name("store: reading", tests, NULL, NULL);
}
