// Writing: puts, updates, deletes, conditions, guards, transactions, and what is refused in which
// words.
#include "store_fixture.h"

static const struct store_table_def TABLES[] = {
    {.name = S_INIT("Post"), .partition = STRING_KEY("id")},
    {.name = S_INIT("Comment"), .partition = STRING_KEY("post"), .sort = NUMBER_KEY("at")},
};

static void set_up(struct fixture *f) YIELDS
{
    assert_ok(apply(f, TABLES, countof(TABLES)));
}

static void puts_and_gets(struct fixture *f) YIELDS
{
    set_up(f);
    assert_none(f, "Post", "'a'", NULL);
    assert_ok(put(f, "Post", "{'id':'a','n':1.50,'l':[null,true,{'x':'y'}]}"));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','n':1.5,'l':[null,true,{'x':'y'}]}");
    assert_ok(put(f, "Post", "{'id':'a','other':false}"));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','other':false}");
    assert_none(f, "Post", "'A'", NULL);
    assert_ok(put(f, "Comment", "{'post':'a','at':1,'t':'one'}"));
    assert_ok(put(f, "Comment", "{'post':'a','at':2,'t':'two'}"));
    assert_item(f, "Comment", "'a'", "1.0", "{'post':'a','at':1,'t':'one'}");
    assert_item(f, "Comment", "'a'", "0.2e1", "{'post':'a','at':2,'t':'two'}");
    assert_none(f, "Comment", "'a'", "3");
    verify(f);
}

static void results(struct fixture *f) YIELDS
{
    set_up(f);
    struct store_write write = {
        .kind = STORE_PUT, .table = S("Post"), .item = parse(f->arena, "{'id':'a','v':1}")};
    assert_ok(write_one(f, &write));
    assert_null(write.old_item);
    assert_json(f->arena, write.new_item, "{'id':'a','v':1}");
    write.item = parse(f->arena, "{'id':'a','v':2}");
    assert_ok(write_one(f, &write));
    assert_json(f->arena, write.old_item, "{'id':'a','v':1}");
    assert_json(f->arena, write.new_item, "{'id':'a','v':2}");
    write = (struct store_write){
        .kind = STORE_DELETE, .table = S("Post"), .pk = text_value(f->arena, "a")};
    assert_ok(write_one(f, &write));
    assert_json(f->arena, write.old_item, "{'id':'a','v':2}");
    assert_null(write.new_item);
    assert_ok(write_one(f, &write)); // deleting what is not there is no mistake
    assert_null(write.old_item);
    assert_none(f, "Post", "'a'", NULL);
    verify(f);
}

// Numbers keep the text they were written with.
static void keeps_text(struct fixture *f) YIELDS
{
    set_up(f);
    assert_ok(put(f, "Post", "{'id':'a','n':1.500e0,'u':'gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80'}"));
    const struct json *item = get(f, "Post", "'a'", NULL);
    assert_true(str_eq(json_get(item, S("n"))->text, S("1.500e0")));
    assert_true(str_eq(json_get_str(item, S("u")), S("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80")));
}

static void updates(struct fixture *f) YIELDS
{
    static const str removed[] = {S_INIT("b"), S_INIT("none")};
    set_up(f);
    assert_ok(put(f, "Post", "{'id':'a','a':1,'b':2,'c':3}"));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = S("Post"),
        .pk = text_value(f->arena, "a"),
        .set = parse(f->arena, "{'a':'x','d':[1]}"),
        .remove = removed,
        .remove_count = 2};
    assert_ok(write_one(f, &write));
    assert_json(f->arena, write.old_item, "{'id':'a','a':1,'b':2,'c':3}");
    assert_json(f->arena, write.new_item, "{'id':'a','a':'x','c':3,'d':[1]}");
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','a':'x','c':3,'d':[1]}");
    write = (struct store_write){.kind = STORE_UPDATE,
        .table = S("Comment"),
        .pk = text_value(f->arena, "new"),
        .sk = parse(f->arena, "7"),
        .set = parse(f->arena, "{'t':'made'}")};
    assert_ok(write_one(f, &write));
    assert_null(write.old_item);
    assert_item(f, "Comment", "'new'", "7", "{'post':'new','at':7,'t':'made'}");
    write.only_existing = true;
    write.sk = parse(f->arena, "8");
    assert_fails(write_one(f, &write), ERR_CONDITION_FAILED, "The conditional request failed");
    assert_none(f, "Comment", "'new'", "8");
    write.set = parse(f->arena, "{'at':7}");
    assert_fails(write_one(f, &write), ERR_INVALID,
        "One or more parameter values were invalid: Cannot update attribute at. This attribute is "
        "part of the key");
    verify(f);
}

static void conditions(struct fixture *f) YIELDS
{
    set_up(f);
    const struct json *one = parse(f->arena, "1");
    struct store_write write = {.kind = STORE_PUT,
        .table = S("Post"),
        .item = parse(f->arena, "{'id':'a','v':1}"),
        .only_absent = true};
    assert_ok(write_one(f, &write));
    write.item = parse(f->arena, "{'id':'a','v':9}");
    assert_fails(write_one(f, &write), ERR_CONDITION_FAILED, "The conditional request failed");
    assert_json(f->arena, write.old_item, "{'id':'a','v':1}"); // for whoever shows the conflict
    assert_null(write.new_item);
    write.only_absent = false;
    write.condition = store_pred_leaf(f->arena, STORE_NE, S("v"), one);
    assert_code(write_one(f, &write), ERR_CONDITION_FAILED);
    write.condition = store_pred_leaf(f->arena, STORE_EQ, S("v"), one);
    assert_ok(write_one(f, &write));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':9}");
    write = (struct store_write){.kind = STORE_DELETE,
        .table = S("Post"),
        .pk = text_value(f->arena, "a"),
        .condition = write.condition};
    assert_code(write_one(f, &write), ERR_CONDITION_FAILED);
    write.condition = NULL;
    write.only_existing = true;
    assert_ok(write_one(f, &write));
    assert_code(write_one(f, &write), ERR_CONDITION_FAILED);
    write.kind = STORE_CHECK;
    write.only_existing = false;
    write.condition = store_pred_leaf(f->arena, STORE_NOT_EXISTS, S("id"), NULL);
    assert_ok(write_one(f, &write));
    assert_none(f, "Post", "'a'", NULL);
}

// A guard goes before everything else, so that a caller without rights learns nothing.
static void guards(struct fixture *f) YIELDS
{
    set_up(f);
    assert_ok(put(f, "Post", "{'id':'a','owner':'ann','v':1}"));
    struct store_write write = {.kind = STORE_PUT,
        .table = S("Post"),
        .item = parse(f->arena, "{'id':'a','owner':'bob'}"),
        .only_absent = true,
        .guard = store_pred_leaf(f->arena, STORE_EQ, S("owner"), text_value(f->arena, "bob")),
        .condition = store_pred_leaf(f->arena, STORE_EQ, S("v"), parse(f->arena, "2"))};
    assert_code(write_one(f, &write), ERR_GUARD_FAILED);
    write.guard = store_pred_leaf(f->arena, STORE_EQ, S("owner"), text_value(f->arena, "ann"));
    assert_code(write_one(f, &write), ERR_CONDITION_FAILED);
    write.only_absent = false;
    write.condition = NULL;
    assert_ok(write_one(f, &write));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','owner':'bob'}");
    struct store_pred never = {.op = STORE_FALSE};
    write.guard = &never;
    write.kind = STORE_DELETE;
    write.pk = text_value(f->arena, "a");
    assert_code(write_one(f, &write), ERR_GUARD_FAILED);
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','owner':'bob'}");
}

static struct store_write put_of(struct fixture *f, const char *table, const char *item)
{
    return (struct store_write){
        .kind = STORE_PUT, .table = str_from(table), .item = parse(f->arena, item)};
}

static void transactions(struct fixture *f) YIELDS
{
    size_t failed = 99;
    set_up(f);
    struct store_write writes[4] = {put_of(f, "Post", "{'id':'a','v':1}"),
        put_of(f, "Comment", "{'post':'a','at':1}"), put_of(f, "Post", "{'id':'b'}"),
        {.kind = STORE_CHECK,
            .table = S("Post"),
            .pk = text_value(f->arena, "lock"),
            .only_existing = true}};
    assert_code(store_write(f->store, f->arena, writes, 4, &failed), ERR_CONDITION_FAILED);
    assert_int_equal(failed, 3);
    assert_none(f, "Post", "'a'", NULL);
    assert_none(f, "Comment", "'a'", "1");
    assert_ok(put(f, "Post", "{'id':'lock'}"));
    assert_ok(store_write(f->store, f->arena, writes, 4, NULL));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':1}");
    assert_item(f, "Comment", "'a'", "1", "{'post':'a','at':1}");
    assert_item(f, "Post", "'b'", NULL, "{'id':'b'}");
    assert_json(f->arena, writes[3].old_item, "{'id':'lock'}");
    writes[1].only_absent = true;
    writes[0].item = parse(f->arena, "{'id':'a','v':2}");
    assert_code(store_write(f->store, f->arena, writes, 4, &failed), ERR_CONDITION_FAILED);
    assert_int_equal(failed, 1);
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':1}");
    writes[2] = put_of(f, "Post", "{'id':7}");
    assert_code(store_write(f->store, f->arena, writes, 4, &failed), ERR_INVALID);
    assert_int_equal(failed, 2);
    writes[2].table = S("Nowhere");
    assert_code(store_write(f->store, f->arena, writes, 4, &failed), ERR_NOT_FOUND);
    assert_int_equal(failed, 2);
    verify(f);
}

// Adds one to v; or, asked so, changes the key.
static err *count_up(
    const void *arg, struct arena *arena, const struct json *item, struct json **out)
{
    *out = json_copy(arena, item);
    json_set(*out, S("v"), json_int(arena, json_get_int(item, S("v"), 0) + 1));
    if (arg != NULL) {
        json_set(*out, S("id"), json_string(arena, S("other")));
    }
    return NULL;
}

static bool is_two(const void *arg, const struct json *item)
{
    (void)arg;
    return json_get_int(item, S("v"), 0) == 2;
}

static void edits(struct fixture *f) YIELDS
{
    set_up(f);
    struct store_write write = {.kind = STORE_UPDATE,
        .table = S("Post"),
        .pk = text_value(f->arena, "a"),
        .edit = count_up};
    assert_ok(write_one(f, &write));
    assert_null(write.old_item);
    assert_ok(write_one(f, &write));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':2}");
    struct store_pred two = {.op = STORE_TEST, .test = is_two};
    write.condition = &two;
    assert_ok(write_one(f, &write));
    assert_json(f->arena, write.new_item, "{'id':'a','v':3}");
    assert_code(write_one(f, &write), ERR_CONDITION_FAILED);
    write.condition = NULL;
    write.edit_arg = f;
    assert_fails(write_one(f, &write), ERR_INVALID,
        "One or more parameter values were invalid: Cannot update attribute id. This attribute is "
        "part of the key");
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':3}");
    verify(f);
}

// Later writes of a transaction see the earlier ones.
static void in_order(struct fixture *f) YIELDS
{
    set_up(f);
    struct store_write writes[3] = {put_of(f, "Post", "{'id':'a','v':1}"),
        {.kind = STORE_UPDATE,
            .table = S("Post"),
            .pk = text_value(f->arena, "a"),
            .set = parse(f->arena, "{'v':2}"),
            .condition = store_pred_leaf(f->arena, STORE_EQ, S("v"), parse(f->arena, "1"))},
        {.kind = STORE_DELETE,
            .table = S("Post"),
            .pk = text_value(f->arena, "a"),
            .condition = store_pred_leaf(f->arena, STORE_EQ, S("v"), parse(f->arena, "2"))}};
    assert_ok(store_write(f->store, f->arena, writes, 2, NULL));
    assert_item(f, "Post", "'a'", NULL, "{'id':'a','v':2}");
    assert_ok(store_write(f->store, f->arena, writes, 3, NULL));
    assert_none(f, "Post", "'a'", NULL);
}

static const struct {
    const char *table;
    const char *item;
    enum err_code code;
    const char *words;
} REFUSED_ITEMS[] = {
    {"Nowhere", "{'id':'a'}", ERR_NOT_FOUND,
        "Requested resource not found: Table: Nowhere not found"},
    {"post", "{'id':'a'}", ERR_NOT_FOUND, "Requested resource not found: Table: post not found"},
    {"Post", "{}", ERR_INVALID,
        "One or more parameter values were invalid: Missing the key id in the item"},
    {"Comment", "{'post':'a'}", ERR_INVALID,
        "One or more parameter values were invalid: Missing the key at in the item"},
    {"Post", "{'id':null}", ERR_INVALID,
        "One or more parameter values were invalid: Type mismatch for key id expected: S actual: "
        "NULL"},
    {"Post", "{'id':1}", ERR_INVALID,
        "One or more parameter values were invalid: Type mismatch for key id expected: S actual: "
        "N"},
    {"Comment", "{'post':'a','at':'1'}", ERR_INVALID,
        "One or more parameter values were invalid: Type mismatch for key at expected: N actual: "
        "S"},
    {"Post", "{'id':''}", ERR_INVALID,
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
        "contain an empty string value. Key: id"},
    {"Comment", "{'post':'a','at':1e126}", ERR_INVALID,
        "Number overflow. Attempting to store a number with magnitude larger than supported range"},
    {"Comment", "{'post':'a','at':1e-131}", ERR_INVALID,
        "Number underflow. Attempting to store a number with magnitude smaller than supported "
        "range"},
    {"Comment", "{'post':'a','at':1.23456789012345678901234567890123456789}", ERR_INVALID,
        "Attempting to store more than 38 significant digits in a Number"},
};

static void refused_items(struct fixture *f) YIELDS
{
    set_up(f);
    for (size_t i = 0; i < countof(REFUSED_ITEMS); i++) {
        assert_fails(put(f, REFUSED_ITEMS[i].table, REFUSED_ITEMS[i].item), REFUSED_ITEMS[i].code,
            REFUSED_ITEMS[i].words);
    }
    verify(f);
}

static const struct {
    const char *table;
    const char *pk;
    const char *sk;
} REFUSED_KEYS[] = {{"Post", "1", NULL}, {"Post", "null", NULL}, {"Post", NULL, NULL},
    {"Post", "'a'", "'b'"}, {"Comment", "'a'", NULL}, {"Comment", "'a'", "'1'"},
    {"Comment", "['a']", "1"}};

static void refused_keys(struct fixture *f) YIELDS
{
    static const enum store_write_kind kinds[] = {STORE_UPDATE, STORE_DELETE, STORE_CHECK};

    static const char words[] = "The provided key element does not match the schema";
    struct json *item = NULL;
    set_up(f);
    for (size_t i = 0; i < countof(REFUSED_KEYS); i++) {
        struct store_write write = {.table = str_from(REFUSED_KEYS[i].table),
            .pk = key(f, REFUSED_KEYS[i].pk),
            .sk = key(f, REFUSED_KEYS[i].sk)};
        assert_fails(store_get(f->store, f->arena, write.table, write.pk, write.sk, &item),
            ERR_INVALID, words);
        for (size_t k = 0; k < countof(kinds); k++) {
            write.kind = kinds[k];
            assert_fails(write_one(f, &write), ERR_INVALID, words);
        }
    }
    assert_code(
        store_get(f->store, f->arena, S("Nowhere"), key(f, "'a'"), NULL, &item), ERR_NOT_FOUND);
    assert_code(store_get(f->store, f->arena, S("Post"), key(f, "''"), NULL, &item), ERR_INVALID);
}

static const char *letters(struct fixture *f, size_t count)
{
    char *text = arena_alloc(f->arena, count + 1);
    memset(text, 'x', count);
    return text;
}

static void key_lengths(struct fixture *f) YIELDS
{
    static const struct store_table_def table = {
        .name = S_INIT("T"), .partition = STRING_KEY("p"), .sort = STRING_KEY("s")};
    assert_ok(apply(f, &table, 1));
    struct json *item = json_object(f->arena);
    struct store_write write = {.kind = STORE_PUT, .table = S("T"), .item = item};
    struct json *found = NULL;
    json_set(item, S("p"), text_value(f->arena, letters(f, 2048)));
    json_set(item, S("s"), text_value(f->arena, letters(f, 1024)));
    assert_ok(write_one(f, &write));
    assert_ok(store_get(f->store, f->arena, S("T"), text_value(f->arena, letters(f, 2048)),
        text_value(f->arena, letters(f, 1024)), &found));
    assert_non_null(found);
    json_set(item, S("s"), text_value(f->arena, letters(f, 1025)));
    assert_fails(write_one(f, &write), ERR_INVALID,
        "One or more parameter values were invalid: Aggregated size of all range keys has exceeded "
        "the size limit of 1024 bytes");
    json_set(item, S("p"), text_value(f->arena, letters(f, 2049)));
    assert_fails(write_one(f, &write), ERR_INVALID,
        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size "
        "limit of2048 bytes");
    verify(f);
}

static void item_sizes(struct fixture *f) YIELDS
{
    static const char too_big[] = "Item size has exceeded the maximum allowed size";

    enum { LIMIT = 400 * 1024 };

    set_up(f);
    struct json *item = parse(f->arena, "{'id':'a'}");
    struct store_write write = {.kind = STORE_PUT, .table = S("Post"), .item = item};
    // "id" + "a" + "text" take seven bytes, as DynamoDB counts.
    json_set(item, S("text"), text_value(f->arena, letters(f, LIMIT - 7)));
    assert_ok(write_one(f, &write));
    assert_int_equal(json_get_str(get(f, "Post", "'a'", NULL), S("text")).len, LIMIT - 7);
    json_set(item, S("text"), text_value(f->arena, letters(f, LIMIT - 6)));
    assert_fails(write_one(f, &write), ERR_INVALID, too_big);
    char *lines = arena_alloc(f->arena, LIMIT);
    memset(lines, '\n', LIMIT - 7); // twice as long in JSON
    json_set(item, S("text"), text_value(f->arena, lines));
    assert_ok(write_one(f, &write));
    struct json *list = json_array(f->arena);
    for (size_t i = 0; i < LIMIT / 3; i++) {
        json_push(list, json_number(f->arena, S("1"))); // shorter in JSON: "1,"
    }
    json_set(item, S("text"), list);
    assert_fails(write_one(f, &write), ERR_INVALID, too_big);
    write = (struct store_write){.kind = STORE_UPDATE,
        .table = S("Post"),
        .pk = text_value(f->arena, "a"),
        .set = parse(f->arena, "{'more':'x'}")};
    assert_fails(write_one(f, &write), ERR_INVALID,
        "Item size to update has exceeded the maximum allowed size");
    verify(f);
}

// {"id":"a","deep":[[[...]]]} of so many levels.
static struct json *nested(struct fixture *f, size_t levels)
{
    struct json *item = parse(f->arena, "{'id':'a'}");
    struct json *deep = json_array(f->arena);
    for (size_t i = 1; i < levels; i++) {
        struct json *list = json_array(f->arena);
        json_push(list, deep);
        deep = list;
    }
    json_set(item, S("deep"), deep);
    return item;
}

static err *nest(
    const void *levels, struct arena *arena, const struct json *item, struct json **out)
{
    struct fixture f = {.arena = arena};
    (void)item;
    *out = nested(&f, *(const size_t *)levels);
    return NULL;
}

static void nesting(struct fixture *f) YIELDS
{
    static const char too_deep[] =
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels "
        "beyond supported limit";
    static const size_t LEVELS[] = {32, 33, 256};
    set_up(f);
    for (size_t i = 0; i < countof(LEVELS); i++) {
        struct json *set = nested(f, LEVELS[i]);
        json_remove(set, S("id"));
        struct store_write writes[] = {
            {.kind = STORE_PUT, .table = S("Post"), .item = nested(f, LEVELS[i])},
            {.kind = STORE_UPDATE, .table = S("Post"), .pk = text_value(f->arena, "a"), .set = set},
            {.kind = STORE_UPDATE,
                .table = S("Post"),
                .pk = text_value(f->arena, "a"),
                .edit = nest,
                .edit_arg = &LEVELS[i]},
        };
        for (size_t k = 0; k < countof(writes); k++) {
            if (LEVELS[i] == 32) {
                assert_ok(write_one(f, &writes[k]));
            } else {
                assert_fails(write_one(f, &writes[k]), ERR_INVALID, too_deep);
            }
        }
    }
    struct json *item = nested(f, 32);
    struct json *inner = json_get(item, S("deep"));
    while (inner->child != NULL) {
        inner = inner->child;
    }
    json_push(inner, json_int(f->arena, 1)); // a scalar is a level too
    struct store_write write = {.kind = STORE_PUT, .table = S("Post"), .item = item};
    assert_fails(write_one(f, &write), ERR_INVALID, too_deep);
    verify(f);
}

static err *damage(const void *arg, struct arena *arena, const struct json *item, struct json **out)
{
    (void)arg;
    (void)item;
    *out = json_object(arena);
    json_set(*out, S("id"), json_string(arena, S("a")));
    json_set(*out, S("title"), json_string(arena, S("\xff")));
    return NULL;
}

// What could not be read again is not written, and what was there stays.
static void no_text(struct fixture *f) YIELDS
{
    set_up(f);
    for (int in_name = 0; in_name < 2; in_name++) {
        struct json *set = json_object(f->arena);
        json_set(set, in_name ? S("a\xc3") : S("title"),
            json_string(f->arena, in_name ? S("fine") : S("cut\xe2\x82")));
        struct json *item = json_copy(f->arena, set);
        json_set(item, S("id"), text_value(f->arena, "a"));
        struct store_write writes[] = {
            {.kind = STORE_PUT, .table = S("Post"), .item = item},
            {.kind = STORE_UPDATE, .table = S("Post"), .pk = text_value(f->arena, "a"), .set = set},
            {.kind = STORE_UPDATE,
                .table = S("Post"),
                .pk = text_value(f->arena, "a"),
                .edit = damage},
        };
        for (size_t k = 0; k < countof(writes); k++) {
            assert_fails(write_one(f, &writes[k]), ERR_INVALID,
                "One or more parameter values were invalid: a text of the item is not UTF-8");
        }
    }
    verify(f);
}

static void unicode_keys(struct fixture *f) YIELDS
{
    static const char *const texts[] = {"'e'", "'\xc3\xa9'", "'e\xcc\x81'", "'\xf0\x9f\x98\x80'",
        "'a b'", "'a/b#c'", "'\\u0000'", "'a\\u0000'", "'a'"};
    set_up(f);
    for (size_t i = 0; i < countof(texts); i++) {
        const char *item = str_cstr(f->arena, str_fmt(f->arena, "{'id':%s,'n':%zu}", texts[i], i));
        assert_ok(put(f, "Post", item));
    }
    for (size_t i = 0; i < countof(texts); i++) {
        assert_int_equal(json_get_int(get(f, "Post", texts[i], NULL), S("n"), -1), i);
    }
    verify(f);
}

static void cancelled_write(struct fixture *f) YIELDS
{
    set_up(f);
    fiber_cancel(fiber_current());
    assert_code(put(f, "Post", "{'id':'a'}"), ERR_CANCELLED);
}

TEST(puts_and_gets)
TEST(results)
TEST(keeps_text)
TEST(updates)
TEST(conditions)
TEST(guards)
TEST(edits)
TEST(transactions)
TEST(in_order)
TEST(refused_items)
TEST(refused_keys)
TEST(key_lengths)
TEST(item_sizes)
TEST(nesting)
TEST(no_text)
TEST(unicode_keys)
TEST(cancelled_write)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_puts_and_gets),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_keeps_text),
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_guards),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_refused_items),
        cmocka_unit_test(test_refused_keys),
        cmocka_unit_test(test_key_lengths),
        cmocka_unit_test(test_item_sizes),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_unicode_keys),
        cmocka_unit_test(test_cancelled_write),
    };
    return cmocka_run_group_tests_name("store: writing", tests, NULL, NULL);
}
