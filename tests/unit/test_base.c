// base: memory, buffers, maps, text, encodings, clocks, files, errors.
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_str(str s, const char *expected)
{
    assert_string_equal(str_cstr(arena, s), expected);
    assert_int_equal(s.len, strlen(expected));
}

static void test_arena(void **state)
{
    (void)state;
    struct arena *own = arena_new();
    assert_int_equal(arena_used(own), 0);
    u8 *first = arena_alloc(own, 3);
    assert_non_null(arena_alloc(own, 0));
    for (size_t size = 1; size < 100000; size = size * 3 + 1) { // through several chunks
        u8 *bytes = arena_alloc(own, size);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], 0);
        }
        memset(bytes, 0xff, size);
    }
    assert_int_equal(first[0], 0);
    assert_true(arena_used(own) > 100000);
    arena_reset(own);
    assert_int_equal(arena_used(own), 0);
    u8 *again = arena_alloc(own, 64); // memory used before comes back zeroed
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(again[i], 0);
    }
    arena_free(own);
    arena_free(NULL);
}

static void test_arena_mark(void **state)
{
    (void)state;
    struct arena *own = arena_new();
    struct arena_mark empty = arena_mark(own);
    char *kept = arena_alloc(own, 100);
    memset(kept, 'k', 100);
    size_t used = arena_used(own);
    for (int round = 0; round < 3; round++) {
        struct arena_mark mark = arena_mark(own);
        for (int i = 0; i < 100; i++) {
            memset(arena_alloc(own, 1000), 'x', 1000);
        }
        arena_rewind(own, mark);
        assert_int_equal(arena_used(own), used);
    }
    assert_int_equal(kept[99], 'k');
    arena_rewind(own, empty);
    assert_int_equal(arena_used(own), 0);
    arena_free(own);
}

static void test_arena_grow(void **state)
{
    (void)state;
    struct arena *own = arena_new();
    char *text = arena_grow(own, NULL, 0, 4);
    memcpy(text, "abcd", 4);
    char *in_place = arena_grow(own, text, 4, 40);
    assert_ptr_equal(in_place, text);
    assert_int_equal(in_place[4], 0);
    (void)arena_alloc(own, 1);
    char *moved = arena_grow(own, in_place, 40, 5000);
    assert_ptr_not_equal(moved, in_place);
    assert_memory_equal(moved, "abcd\0", 5);
    assert_int_equal(moved[4999], 0);
    arena_free(own);
}

static void test_vec(void **state)
{
    (void)state;
    vec_of(int) list = {};
    for (int i = 0; i < 1000; i++) {
        int *item = vec_push(arena, &list);
        assert_int_equal(*item, 0);
        *item = i;
    }
    assert_int_equal(list.count, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(list.items[i], i);
    }
}

static void use_buf(struct buf *buf)
{
    for (int i = 0; i < 1000; i++) {
        buf_add(buf, S("abc"));
        buf_add_char(buf, '-');
        buf_fmt(buf, "%03d", i);
    }
    assert_int_equal(buf->len, 7000);
    assert_memory_equal(buf->ptr + 6993, "abc-999", 7);
    buf_drop(buf, 6993);
    assert_int_equal(buf->len, 7);
    assert_memory_equal(buf->ptr, "abc-999", 7);
    buf_drop(buf, 7);
    assert_int_equal(buf_str(buf).len, 0);
    assert_false(buf->overflow);
}

static void test_buf(void **state)
{
    (void)state;
    struct buf in_arena = buf_in(arena, 1 << 20);
    struct buf heap = buf_heap(1 << 20);
    use_buf(&in_arena);
    use_buf(&heap);
    buf_free(&heap);
    buf_free(&heap); // twice is fine
    assert_null(heap.ptr);
    buf_add(&heap, S("again"));
    buf_free(&heap);
}

static void test_buf_limit(void **state)
{
    (void)state;
    struct buf buf = buf_heap(5);
    buf_add(&buf, S("abc"));
    buf_add(&buf, S("def"));
    assert_true(buf.overflow);
    buf_add(&buf, S("d")); // dropped as well: a hole would be worse
    assert_int_equal(buf.len, 3);
    assert_null(buf_room(&buf, 1));
    buf_free(&buf);
    assert_false(buf.overflow);
    buf_add(&buf, S("abcde"));
    assert_false(buf.overflow);
    assert_int_equal(buf.len, 5);
    buf_free(&buf);
    buf_fmt(&buf, "%s", "abcde"); // exactly full
    assert_false(buf.overflow);
    assert_int_equal(buf.len, 5);
    buf_free(&buf);
    buf_fmt(&buf, "%s", "abcdef");
    assert_true(buf.overflow);
    buf_free(&buf);
}

static void use_map(struct map *map)
{
    static char keys[3000][8];
    for (size_t i = 0; i < 3000; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
        assert_null(map_set(map, str_from(keys[i]), keys[i]));
    }
    assert_int_equal(map_count(map), 3000);
    assert_ptr_equal(map_get(map, S("k1234")), keys[1234]);
    assert_null(map_get(map, S("k3000")));
    assert_null(map_get(map, S("")));
    assert_ptr_equal(map_set(map, S("k7"), keys[8]), keys[7]);
    assert_ptr_equal(map_set(map, S("k7"), keys[7]), keys[8]);
    for (size_t i = 0; i < 3000; i++) { // most are removed: the rest is found, in order
        if (i % 7 != 0) {
            assert_ptr_equal(map_remove(map, str_from(keys[i])), keys[i]);
            assert_null(map_remove(map, str_from(keys[i])));
        }
    }
    size_t pos = 0;
    size_t expected = 0;
    str key = {};
    void *value = NULL;
    while (map_next(map, &pos, &key, &value)) {
        assert_ptr_equal(value, keys[expected]);
        expected += 7;
    }
    assert_true(expected >= 3000);
    assert_int_equal(map_count(map), (3000 + 6) / 7);
}

static void test_map(void **state)
{
    (void)state;
    struct map *heap = map_new(NULL);
    use_map(heap);
    map_free(heap);
    map_free(NULL);
    struct map *in_arena = map_new(arena);
    use_map(in_arena);
    map_free(in_arena); // nothing to do
}

static void test_map_empty_key(void **state)
{
    (void)state;
    struct map *map = map_new(arena);
    int one = 1;
    int two = 2;
    assert_null(map_remove(map, S("")));
    assert_null(map_set(map, S(""), &one));
    assert_ptr_equal(map_remove(map, S("")), &one);
    assert_null(map_get(map, S("")));
    assert_null(map_set(map, (str){}, &two));
    assert_ptr_equal(map_get(map, S("")), &two);
    assert_int_equal(map_count(map), 1);
}

// Few live keys, many set and removed: the map must not grow with its history.
static void test_map_churn(void **state)
{
    (void)state;
    struct map *map = map_new(NULL);
    static char keys[64][8];
    for (size_t i = 0; i < 200000; i++) {
        char *key = keys[i % 64];
        if (i >= 32) {
            assert_non_null(map_remove(map, str_from(keys[(i - 32) % 64])));
        }
        snprintf(key, sizeof(keys[0]), "%zu", i);
        map_set(map, str_from(key), key);
    }
    assert_int_equal(map_count(map), 32);
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    while (map_next(map, &pos, &key, &value)) {
    }
    assert_true(pos < 1000);
    map_free(map);
}

static void test_str(void **state)
{
    (void)state;
    assert_null(str_from(NULL).ptr);
    assert_true(str_eq((str){}, S("")));
    assert_true(str_eq_nocase(S("Content-LENGTH"), S("content-length")));
    assert_false(str_eq_nocase(S("a["), S("A{"))); // 32 apart, but no letters
    assert_true(str_cmp(S("a"), S("ab")) < 0);
    assert_true(str_cmp(S("b"), S("ab")) > 0);
    assert_true(str_cmp(S("\xff"), S("a")) > 0);
    assert_int_equal(str_cmp(S("x"), S("x")), 0);
    assert_true(str_starts(S("abc"), S("ab")) && str_starts(S("abc"), S("")));
    assert_false(str_starts(S("a"), S("ab")));
    assert_true(str_ends(S("abc"), S("bc")) && !str_ends(S("c"), S("bc")));
    assert_int_equal(str_find(S("hello"), S("lo")), 3);
    assert_int_equal(str_find(S("hello"), S("x")), -1);
    assert_int_equal(str_find(S("a"), S("ab")), -1);
    assert_int_equal(str_find_char(S("a.b.c"), '.'), 1);
    assert_int_equal(str_rfind_char(S("a.b.c"), '.'), 3);
    assert_int_equal(str_find_char((str){}, 'a'), -1);
    assert_str(str_sub(S("hello"), 1, 3), "el");
    assert_str(str_sub(S("hello"), 4, 99), "o");
    assert_str(str_sub(S("hello"), 9, 12), "");
    assert_str(str_sub(S("hello"), 3, 1), "");
    assert_str(str_trim(S(" \t\r\n x y \n")), "x y");
    assert_str(str_trim(S("  ")), "");
    assert_str(str_fmt(arena, "%d %s", 5, "x"), "5 x");
    assert_str(str_cat(arena, S("a"), (str){}, S("bc")), "abc");
    assert_str(str_lower(arena, S("AbC[\xc3\x84")), "abc[\xc3\x84");
    assert_str(str_upper(arena, S("aBc{")), "ABC{");
    assert_str(str_upper_first(arena, S("post")), "Post");
    assert_str(str_lower_first(arena, S("POST")), "pOST");
    assert_str(str_upper_first(arena, S("")), "");
}

static void test_str_next(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        const char *parts;
    } CASES[] = {{"a,b", "[a][b]"}, {"a", "[a]"}, {"", "[]"}, {",", "[][]"}, {"a,", "[a][]"}};

    for (size_t i = 0; i < countof(CASES); i++) {
        struct buf out = buf_in(arena, 100);
        str rest = str_from(CASES[i].text);
        str part = {};
        while (str_next(&rest, ',', &part)) {
            buf_fmt(&out, "[%.*s]", PRI(part));
        }
        assert_str(buf_str(&out), CASES[i].parts);
    }
    str none = {};
    str part = {};
    assert_false(str_next(&none, ',', &part));
}

static void test_numbers(void **state)
{
    (void)state;
    u64 u = 0;
    i64 i = 0;
    assert_true(str_to_u64(S("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(str_to_u64(S("007"), &u) && u == 7);
    static const char *const BAD[] = {"", "18446744073709551616", "99999999999999999999999", "+1",
        "-1", " 1", "1 ", "0x1", "1.0", "\xd9\xa1"};
    for (size_t k = 0; k < countof(BAD); k++) {
        assert_false(str_to_u64(str_from(BAD[k]), &u));
    }
    assert_true(str_to_i64(S("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(str_to_i64(S("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(str_to_i64(S("-0"), &i) && i == 0);
    assert_false(str_to_i64(S("9223372036854775808"), &i));
    assert_false(str_to_i64(S("-9223372036854775809"), &i));
    assert_false(str_to_i64(S("-"), &i));
    assert_false(str_to_i64(S("--1"), &i));
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"", "plain ascii, longer than a word", "\xc2\x80",
        "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf",
        "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "abcdefg\xc3\xa9hijklmno\xe2\x82\xac"};
    static const char *const BAD[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41",
        "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf0\x9f\x98", "\xff", "\xfe", "abcdefgh\xe2\x82",
        "abcdefghijklmnopqrstuvw\xc3"};
    for (size_t i = 0; i < countof(GOOD); i++) {
        assert_true(str_is_utf8(str_from(GOOD[i])));
    }
    for (size_t i = 0; i < countof(BAD); i++) {
        if (str_is_utf8(str_from(BAD[i]))) {
            fail_msg("bad text %zu was accepted", i);
        }
    }
    assert_true(str_is_utf8(S("a\0b")));
    assert_true(str_is_utf8((str){}));
}

static void test_utf8_first(void **state)
{
    (void)state;
    assert_true(str_eq(str_utf8_first(S("a\u00e9\U0001f389z"), 2), S("a\u00e9")));
    assert_true(str_eq(str_utf8_first(S("a\u00e9\U0001f389z"), 3), S("a\u00e9\U0001f389")));
    assert_true(str_eq(str_utf8_first(S("a\u00e9"), 9), S("a\u00e9")));
    assert_true(str_eq(str_utf8_first(S("\u00e9"), 0), S("")));
    assert_true(str_eq(str_utf8_first((str){}, 1), S("")));
}

static void test_utf8_prefix(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t len;
        bool bad;
    } CASES[] = {{"", 0, false}, {"abc", 3, false}, {"abc\xc3", 3, false},
        {"abc\xc3\xa9", 5, false}, {"a\xe2\x82", 1, false}, {"a\xf0\x9f\x98", 1, false},
        {"a\xf4", 1, false}, {"a\xf4\x8f", 1, false}, {"a\xf4\x90", 1, true},
        {"a\xed\xa0", 1, true}, {"a\xe0\x9f", 1, true}, {"a\xf0\x8f", 1, true}, {"a\xc0", 1, true},
        {"a\xff", 1, true}, {"a\x80", 1, true}, {"a\xc3(", 1, true}, {"a\xe2\x82(", 1, true},
        {"a\xf0\x9f\x98(", 1, true}, {"abcdefghijk\xe2\x82\xac\xe2", 14, false}};

    for (size_t i = 0; i < countof(CASES); i++) {
        bool bad = false;
        size_t len = str_utf8_prefix(str_from(CASES[i].text), &bad);
        if (len != CASES[i].len || bad != CASES[i].bad) {
            fail_msg("case %zu: %zu %d", i, len, bad);
        }
    }
}

static void test_base64(void **state)
{
    (void)state;

    static const struct {
        const char *plain;
        const char *encoded;
        const char *url;
    } CASES[] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"}, {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"}, {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"}, {"\xfb\xff\xfe", "+//+", "-__-"}};

    static const char *const BAD[] = {"A", "AA=", "A===", "AAA==", "=", "==", "AA=A",
        "A A=", "AA\n", "AAAA=", "AAAAA", "\xc3\xa9g=="};
    str out = {};
    for (size_t i = 0; i < countof(CASES); i++) {
        assert_str(base64_encode(arena, str_from(CASES[i].plain)), CASES[i].encoded);
        assert_str(base64url_encode(arena, str_from(CASES[i].plain)), CASES[i].url);
        assert_true(base64_decode(arena, str_from(CASES[i].encoded), &out));
        assert_str(out, CASES[i].plain);
        assert_true(base64_decode(arena, str_from(CASES[i].url), &out));
        assert_str(out, CASES[i].plain);
    }
    for (size_t i = 0; i < countof(BAD); i++) {
        if (base64_decode(arena, str_from(BAD[i]), &out)) {
            fail_msg("%s was accepted", BAD[i]);
        }
    }
    char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        str text = base64url_encode(arena, (str){bytes, len});
        assert_true(base64_decode(arena, text, &out) && out.len == len);
        assert_memory_equal(out.ptr, bytes, len);
    }
    assert_str(hex_encode(arena, S("\x00\x7f\xff")), "007fff");
    assert_true(bytes_eq_secret(S("abc"), S("abc")));
    assert_false(bytes_eq_secret(S("abc"), S("abd")));
    assert_false(bytes_eq_secret(S("abc"), S("ab")));
}

static void test_time(void **state)
{
    (void)state;
    assert_str(time_iso8601(arena, 0), "1970-01-01T00:00:00.000Z");
    assert_str(time_iso8601(arena, 951782400007), "2000-02-29T00:00:00.007Z");
    assert_str(time_iso8601(arena, 1795386036123), "2026-11-22T22:20:36.123Z");
    assert_str(time_iso8601(arena, 253402300799999), "9999-12-31T23:59:59.999Z");
    u64 before = time_mono_us();
    assert_true(time_mono_us() >= before);
    assert_true(time_now_ms() > 1700000000000);
}

static void test_random(void **state)
{
    (void)state;
    struct map *seen = map_new(arena);
    for (int i = 0; i < 1000; i++) {
        str id = random_uuid(arena);
        assert_int_equal(id.len, 36);
        for (size_t k = 0; k < id.len; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            bool hex = strchr("0123456789abcdef", id.ptr[k]) != NULL;
            assert_true(dash ? id.ptr[k] == '-' : hex);
        }
        assert_int_equal(id.ptr[14], '4');
        assert_non_null(strchr("89ab", id.ptr[19]));
        assert_null(map_set(seen, id, &seen));
    }
    str text = random_text(arena, 2000);
    assert_int_equal(text.len, 2000);
    assert_int_equal(strspn(text.ptr, "abcdefghijklmnopqrstuvwxyz0123456789"), 2000);
}

static void test_errors(void **state)
{
    (void)state;
    err *cause = err_make(arena, ERR_NOT_FOUND, __FILE__, 1, "no %s here", "thing");
    assert_str(cause->text, "no thing here");
    assert_str(err_wire(cause), "ResourceNotFoundException");
    assert_int_equal(err_status(cause->code), 404);
    assert_non_null(strstr(cause->file, "test_base.c"));
    err *e = err_hint(err_wrap(arena, cause, "while reading %d", 5), S("look elsewhere"));
    assert_int_equal(e->code, ERR_NOT_FOUND);
    assert_str(e->text, "while reading 5: no thing here");
    assert_ptr_equal(e->cause, cause);
    assert_str(e->hint, "look elsewhere");
    e->wire = S("Own");
    assert_str(err_wire(e), "Own");
}

static char *make_folder(void)
{
    char template[] = "/tmp/test_base.XXXXXX";
    assert_non_null(mkdtemp(template));
    return str_cstr(arena, str_from(template));
}

static const char *in_folder(const char *folder, const char *name)
{
    return str_cstr(arena, str_fmt(arena, "%s/%s", folder, name));
}

static void test_files(void **state)
{
    (void)state;
    str text = {};
    struct stat info;
    const char *folder = make_folder();
    const char *path = in_folder(folder, "file");
    err *e = file_read(arena, path, 100, &text);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_NOT_FOUND);
    assert_null(file_write_atomic(arena, path, S("first"), 0600));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_null(file_write_atomic(arena, path, S("second"), 0600));
    assert_null(file_read(arena, path, 6, &text)); // exactly the limit
    assert_str(text, "second");
    e = file_read(arena, path, 5, &text);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_TOO_LARGE);
    assert_null(file_write_atomic(arena, path, S(""), 0600));
    assert_null(file_read(arena, path, 0, &text));
    assert_int_equal(text.len, 0);
    str large = random_text(arena, 300000);
    assert_null(file_write_atomic(arena, path, large, 0600));
    assert_null(file_read(arena, path, 1 << 20, &text));
    assert_true(str_eq(text, large));
    // A folder stands in the way: the error comes and no temporary file stays.
    assert_non_null(file_write_atomic(arena, folder, S("x"), 0600));
    assert_non_null(file_write_atomic(arena, in_folder(folder, "no/such"), S("x"), 0600));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); // nothing else in it
}

static void test_folders(void **state)
{
    (void)state;
    struct stat info;
    const char *folder = make_folder();
    const char *deep = in_folder(folder, "a/b/c");
    assert_null(dir_make(arena, deep, 0700));
    assert_null(dir_make(arena, deep, 0700)); // there already
    assert_null(dir_make(arena, in_folder(folder, "a/b/c/"), 0700));
    assert_int_equal(stat(deep, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_null(file_write_atomic(arena, in_folder(folder, "a/file"), S(""), 0600));
    assert_non_null(dir_make(arena, in_folder(folder, "a/file"), 0700));
    assert_non_null(dir_make(arena, in_folder(folder, "a/file/below"), 0700));
    unlink(in_folder(folder, "a/file"));
    rmdir(deep);
    rmdir(in_folder(folder, "a/b"));
    rmdir(in_folder(folder, "a"));
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_mark),
        cmocka_unit_test(test_arena_grow),
        cmocka_unit_test(test_vec),
        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_limit),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_empty_key),
        cmocka_unit_test(test_map_churn),
        cmocka_unit_test(test_str),
        cmocka_unit_test(test_str_next),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_utf8_first),
        cmocka_unit_test(test_utf8_prefix),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
