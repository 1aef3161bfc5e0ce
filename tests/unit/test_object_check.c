// The check of objects, on rows that are wrong in every way.
#include "object/object_int.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

// MD5 and CRC-32 of "hello".
#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"
#define HELLO_CRC "NhCmhg=="

struct test {
    char folder[64];
    struct arena *arena;
    struct store *store;
    struct blob_store *blobs;
    struct object_hub *hub;
    void (*fn)(struct test *test);
    struct buf told;
    struct object_check check;
};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void put(struct test *test, str table, const char *text)
{
    struct json *row = NULL;
    assert_null(json_parse(test->arena, str_from(text), &row, NULL));
    struct store_write write = {.kind = STORE_PUT, .table = table, .item = row};
    assert_null(store_write(test->store, test->arena, &write, 1, NULL));
}

static str put_blob(struct test *test, str bytes)
{
    struct blob_writer *writer = NULL;
    str id = {};
    assert_null(blob_begin(test->blobs, test->arena, &writer));
    assert_null(blob_append(writer, test->arena, bytes, NULL));
    assert_null(blob_finish(writer, test->arena, &id));
    return id;
}

static void tell(void *arg, str what)
{
    struct test *test = arg;
    buf_add(&test->told, what);
    buf_add_char(&test->told, '\n');
}

static const char *check_objects(struct test *test, bool data, bool repair)
{
    buf_free(&test->told);
    test->check = (struct object_check){.data = data, .repair = repair, .tell = tell, .arg = test};
    assert_null(object_check(test->hub, test->arena, &test->check));
    return str_cstr(test->arena, buf_str(&test->told));
}

static void fiber(void *arg)
{
    struct test *test = arg;
    struct object_hub_options options = {.store = test->store, .blobs = test->blobs};
    assert_null(object_hub_open(test->hub, test->arena, &options));
    test->fn(test);
    loop_stop(loop_current());
}

static void start(void *arg)
{
    fiber_start("test", fiber, arg);
}

static void run(void (*fn)(struct test *test))
{
    struct test test = {.folder = "/tmp/ampd-check-XXXXXX", .fn = fn, .told = buf_heap(1 << 20)};
    assert_non_null(mkdtemp(test.folder));
    test.arena = arena_new();
    struct store_options options = {.path = path_join(test.arena, test.folder, "data.db"),
        .loop_count = 1,
        .fast_unsafe = true};
    assert_null(store_open(test.arena, &options, &test.store));
    assert_null(
        blob_store_open(test.arena, path_join(test.arena, test.folder, "blob"), &test.blobs));
    struct loop *loop = loop_new(0);
    test.hub = object_hub_new(&loop, 1);
    loop_post(loop, start, &test);
    loop_run(loop);
    store_close(test.store);
    object_hub_free(test.hub);
    blob_store_close(test.blobs);
    loop_free(loop);
    buf_free(&test.told);
    arena_free(test.arena);
    nftw(test.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void healthy(struct test *test)
{
    str blob = put_blob(test, S("hello"));
    put(test, BLOBS, str_cstr(test->arena, str_fmt(test->arena, "{\"id\":\"%.*s\"}", PRI(blob))));
    put(test, SMALL, "{\"id\":\"s1\",\"data\":\"aGVsbG8=\"}");
    put(test, SMALL, "{\"id\":\"s2\",\"data\":\"aGVsbG8=\"}");
    put(test, OBJECTS,
        "{\"bucket\":\"b\",\"key\":\"small\",\"size\":5,\"small\":\"s1\",\"etag\":\"" HELLO_MD5
        "\",\"sums\":{\"CRC32\":\"" HELLO_CRC "\"}}");
    put(test, OBJECTS,
        "{\"bucket\":\"b\",\"key\":\"empty\",\"size\":0,\"etag\":"
        "\"d41d8cd98f00b204e9800998ecf8427e\"}");
    put(test, OBJECTS, "{\"bucket\":\"b\",\"key\":\"gone\",\"marker\":true}");
    // Two parts, one in a file and one in the table, and a checksum of all the bytes.
    put(test, PARTS,
        str_cstr(test->arena,
            str_fmt(test->arena,
                "{\"id\":\"u1\",\"number\":1,\"size\":5,\"blob\":\"%.*s\",\"etag\":\"" HELLO_MD5
                "\"}",
                PRI(blob))));
    put(test, PARTS,
        "{\"id\":\"u1\",\"number\":2,\"size\":5,\"small\":\"s2\",\"etag\":\"" HELLO_MD5
        "\",\"sums\":{\"CRC32\":\"" HELLO_CRC "\"}}");
    put(test, OBJECTS,
        "{\"bucket\":\"b\",\"key\":\"parts\",\"size\":10,\"upload\":\"u1\",\"etag\":\"x-2\","
        "\"sumType\":\"FULL_OBJECT\",\"sums\":{\"CRC32\":\"9YyXaA==\"}}");
    // An upload that goes on.
    put(test, UPLOADS, "{\"bucket\":\"b\",\"id\":\"u2\",\"key\":\"later\"}");
    put(test, SMALL, "{\"id\":\"s3\",\"data\":\"aGVsbG8=\"}");
    put(test, PARTS,
        "{\"id\":\"u2\",\"number\":9,\"size\":5,\"small\":\"s3\",\"etag\":\"" HELLO_MD5 "\"}");
}

static void all_is_well(struct test *test)
{
    healthy(test);
    assert_string_equal(check_objects(test, false, false), "");
    assert_string_equal(check_objects(test, true, false), "");
    assert_int_equal(test->check.objects, 4);
    assert_int_equal(test->check.files, 1);
    assert_int_equal(test->check.bytes, 20); // each once
    assert_string_equal(check_objects(test, true, true), "");
    assert_int_equal(test->check.repaired, 0);
}

static void test_all_is_well(void **state)
{
    (void)state;
    run(all_is_well);
}

static void nobodys(struct test *test)
{
    healthy(test);
    str blob = put_blob(test, S("stray"));
    put(test, SMALL, "{\"id\":\"s9\",\"data\":\"aGVsbG8=\"}");
    put(test, SMALL, "{\"id\":\"s8\",\"data\":\"aGVsbG8=\"}");
    put(test, BLOBS, "{\"id\":\"7-7\"}");
    put(test, PARTS,
        "{\"id\":\"u9\",\"number\":1,\"size\":5,\"small\":\"s8\",\"etag\":\"" HELLO_MD5 "\"}");
    const char *expected =
        str_cstr(test->arena, str_cat(test->arena,
                                  S("part 1 of the upload u9: nobody's part\nbytes s9: nobody's\n"
                                    "the row of blob 7-7: nobody's\nthe file of blob "),
                                  blob, S(": nobody's\n")));
    assert_string_equal(check_objects(test, false, false), expected);
    assert_string_equal(check_objects(test, true, true), expected);
    assert_int_equal(test->check.problems, 4);
    assert_int_equal(test->check.repaired, 4);
    // What only that part named is nobody's now.
    assert_string_equal(check_objects(test, true, true), "bytes s8: nobody's\n");
    assert_string_equal(check_objects(test, true, false), "");
    assert_int_equal(test->check.objects, 4);
}

static void test_nobodys(void **state)
{
    (void)state;
    run(nobodys);
}

static void damaged(struct test *test)
{
    struct json *id = json_string(test->arena, S("u1"));
    healthy(test);
    put(test, SMALL, "{\"id\":\"s1\",\"data\":\"aGVsbG9v\"}"); // another size
    assert_string_equal(
        check_objects(test, false, false), "b/small: it has another size than its row says\n");
    put(test, SMALL, "{\"id\":\"s1\",\"data\":\"aGVsbGk=\"}"); // another byte
    assert_string_equal(check_objects(test, false, false), "");
    assert_string_equal(
        check_objects(test, true, true), "b/small: its bytes are not those that were stored\n");
    assert_int_equal(test->check.damaged, 1);
    put(test, SMALL, "{\"id\":\"s1\",\"data\":\"aGVsbG8=\"}");
    put(test, SMALL, "{\"id\":\"s2\",\"data\":\"aGVsbGk=\"}"); // of a part
    assert_string_equal(
        check_objects(test, true, false), "b/parts: its bytes are not those that were stored\n");
    put(test, SMALL, "{\"id\":\"s2\",\"data\":\"aGVsbG8=\"}");
    put(test, OBJECTS, "{\"bucket\":\"b\",\"key\":\"none\",\"size\":5,\"etag\":\"x\"}");
    put(test, OBJECTS,
        "{\"bucket\":\"b\",\"key\":\"file\",\"size\":5,\"etag\":\"x\",\"blob\":\"7-7\"}");
    put(test, VERSIONS,
        "{\"path\":\"b/old\",\"order\":5,\"size\":5,\"etag\":\"x\",\"small\":\"s7\"}");
    struct store_write write = {
        .kind = STORE_DELETE, .table = PARTS, .pk = id, .sk = json_int(test->arena, 2)};
    assert_null(store_write(test->store, test->arena, &write, 1, NULL));
    assert_string_equal(check_objects(test, false, false),
        "b/file: its file is missing\nb/none: it names no bytes\n"
        "b/parts: parts of it are missing\nb/old: its bytes are missing\nbytes s2: nobody's\n");
    assert_int_equal(test->check.damaged, 4);
}

static void test_damaged(void **state)
{
    (void)state;
    run(damaged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_nobodys),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
