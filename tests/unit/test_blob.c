// Blobs: what is acknowledged stays, what fails leaves nothing, ids never come twice, and the sweep
// after a death without warning. System calls fail here on demand.
#include "blob/blob_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

// ---- a disk that fails -------------------------------------------------------------------------
// These stand in front of the C library's. `calls_left` counts calls down to the one that fails.

static struct {
    const char *call; // name of the one that fails
    int calls_left;
    int code;
} fault;

static bool fails(const char *call)
{
    if (fault.call == NULL || strcmp(fault.call, call) != 0 || fault.calls_left-- > 0) {
        return false;
    }
    fault.call = NULL;
    errno = fault.code;
    return true;
}

static void fail_call(const char *call, int after, int code)
{
    fault.call = call;
    fault.calls_left = after;
    fault.code = code;
}

int fsync(int file)
{
    return fails("fsync") ? -1 : (int)syscall(SYS_fsync, file);
}

int close(int file)
{
    int result = (int)syscall(SYS_close, file);
    return fails("close") ? -1 : result; // as the kernel does: it is closed all the same
}

int rename(const char *from, const char *to)
{
    return fails("rename") ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir") ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

// ---- a store in a folder -----------------------------------------------------------------------

struct test {
    char folder[64];
    char blobs[80];
    struct arena *arena;
    struct blob_store *store;
    void (*fn)(struct test *test); // in a fiber
    str owned[8];                  // ids that the sweep shall keep
    size_t owned_count;
    size_t shown_count; // ids that the sweep has asked for
};

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void fiber(void *arg)
{
    struct test *test = arg;
    test->fn(test);
    loop_stop(loop_current());
}

static void start(void *arg)
{
    fiber_start("test", fiber, arg);
}

static void on_loop(struct test *test, void (*fn)(struct test *test))
{
    struct loop *loop = loop_new(0);
    test->fn = fn;
    loop_post(loop, start, test);
    loop_run(loop);
    loop_free(loop);
}

static void open_store(struct test *test)
{
    assert_null(blob_store_open(test->arena, test->blobs, &test->store));
}

static int set_up(void **state)
{
    struct test *test = mem_new(struct test);
    strcpy(test->folder, "/tmp/ampd-blob-XXXXXX");
    assert_non_null(mkdtemp(test->folder));
    snprintf(test->blobs, sizeof(test->blobs), "%s/blob", test->folder);
    test->arena = arena_new();
    open_store(test);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    fault.call = NULL;
    blob_store_close(test->store);
    nftw(test->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(test->arena);
    mem_free(test);
    return 0;
}

// As a process that was killed: no mark, its memory goes with it.
static void die(struct test *test)
{
    arena_free(test->store->arena);
    test->store = NULL;
    open_store(test);
}

static int file_count;

static int count_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    file_count += type == FTW_F && strcmp(path + where->base, "closed") != 0;
    return 0;
}

// All files below the folder, marks apart.
static int files_in(const char *folder)
{
    file_count = 0;
    nftw(folder, count_file, 8, FTW_PHYS);
    return file_count;
}

static str put(struct test *test, str bytes)
{
    struct blob_writer *writer = NULL;
    str id = {};
    assert_null(blob_begin(test->store, test->arena, &writer));
    assert_null(blob_append(writer, test->arena, bytes, NULL));
    assert_null(blob_finish(writer, test->arena, &id));
    return id;
}

static str get(struct test *test, str id)
{
    struct blob_reader *reader = NULL;
    char bytes[256];
    size_t got = 0;
    assert_null(blob_reader_open(test->store, test->arena, id, &reader));
    assert_null(blob_read(reader, test->arena, 0, bytes, sizeof(bytes), &got));
    blob_reader_close(reader);
    return str_dup(test->arena, (str){bytes, got});
}

static enum err_code open_code(struct test *test, str id)
{
    struct blob_reader *reader = NULL;
    err *e = blob_reader_open(test->store, test->arena, id, &reader);
    blob_reader_close(reader);
    return e != NULL ? e->code : 0;
}

// ---- the ordinary life -------------------------------------------------------------------------

static void life(struct test *test)
{
    struct blob_writer *writer = NULL;
    struct blob_reader *reader = NULL;
    struct crypto_sums *sums = crypto_sums_new(CRYPTO_SUM_CRC32);
    u8 digest[CRYPTO_SUM_MAX];
    str id = {};
    char bytes[16];
    size_t got = 0;
    assert_null(blob_begin(test->store, test->arena, &writer));
    assert_null(blob_append(writer, test->arena, S("12345"), sums));
    assert_null(blob_append(writer, test->arena, S(""), sums));
    assert_null(blob_append(writer, test->arena, S("6789"), sums));
    assert_null(blob_finish(writer, test->arena, &id));
    assert_int_equal(crypto_sums_get(sums, CRYPTO_SUM_CRC32, digest), 4);
    assert_memory_equal(digest, "\xcb\xf4\x39\x26", 4);
    crypto_sums_free(sums);
    assert_string_equal(str_cstr(test->arena, get(test, id)), "123456789");
    assert_null(blob_reader_open(test->store, test->arena, id, &reader));
    assert_null(blob_read(reader, test->arena, 7, bytes, sizeof(bytes), &got));
    assert_int_equal(got, 2);
    assert_null(blob_read(reader, test->arena, 9, bytes, sizeof(bytes), &got));
    assert_int_equal(got, 0);
    blob_remove(test->store, &id, 1); // who reads goes on reading
    assert_null(blob_read(reader, test->arena, 0, bytes, sizeof(bytes), &got));
    assert_int_equal(got, 9);
    blob_reader_close(reader);
    assert_int_equal(open_code(test, id), ERR_NOT_FOUND);
    blob_remove(test->store, &id, 1);
    assert_int_equal(files_in(test->blobs), 0);
}

static void test_life(void **state)
{
    on_loop(*state, life);
}

static void abandoned(struct test *test)
{
    struct blob_writer *writer = NULL;
    str id = {};
    assert_null(blob_begin(test->store, test->arena, &writer));
    blob_abandon(writer);
    assert_null(blob_begin(test->store, test->arena, &writer));
    assert_null(blob_append(writer, test->arena, S("half"), NULL));
    blob_abandon(writer);
    assert_null(blob_begin(test->store, test->arena, &writer));
    assert_null(blob_finish(writer, test->arena, &id));
    blob_abandon(writer); // whole, and not wanted after all
    blob_abandon(NULL);
    assert_int_equal(files_in(test->blobs), 0);
}

static void test_abandoned(void **state)
{
    on_loop(*state, abandoned);
}

static void distinct(struct test *test)
{
    str *ids = arena_array(test->arena, str, 300);
    size_t count = 0;
    for (int life = 0; life < 3; life++) {
        for (int i = 0; i < 100; i++) {
            ids[count++] = put(test, S("x"));
        }
        if (life == 1) {
            blob_remove(test->store, ids, count); // what is free is not used again either
        }
        if (life == 0) {
            blob_store_close(test->store);
            open_store(test);
        } else {
            die(test);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            assert_false(str_eq(ids[i], ids[k]));
        }
    }
}

static void test_ids_never_come_twice(void **state)
{
    on_loop(*state, distinct);
}

// ---- deaths ------------------------------------------------------------------------------------

static bool is_owned(void *arg, str id)
{
    struct test *test = arg;
    test->shown_count++;
    for (size_t i = 0; i < test->owned_count; i++) {
        if (str_eq(test->owned[i], id)) {
            return true;
        }
    }
    return false;
}

static size_t sweep(struct test *test)
{
    struct blob_sweep sweep = {.keep = is_owned, .arg = test};
    test->shown_count = 0;
    assert_null(blob_store_sweep(test->store, test->arena, &sweep));
    return test->shown_count;
}

static void after_death(struct test *test)
{
    struct blob_writer *writer = NULL;
    str lost = put(test, S("lost"));
    test->owned[test->owned_count++] = put(test, S("kept"));
    assert_null(blob_begin(test->store, test->arena, &writer));
    assert_null(blob_append(writer, test->arena, S("half"), NULL));
    die(test);
    assert_int_equal(files_in(test->blobs), 2); // not the half one
    assert_int_equal(sweep(test), 2);
    assert_int_equal(open_code(test, lost), ERR_NOT_FOUND);
    assert_string_equal(str_cstr(test->arena, get(test, test->owned[0])), "kept");
    // A death before anything was written, and another after something was.
    die(test);
    assert_int_equal(sweep(test), 0);
    lost = put(test, S("lost too"));
    die(test);
    assert_int_equal(sweep(test), 1);
    assert_int_equal(open_code(test, lost), ERR_NOT_FOUND);
    assert_int_equal(files_in(test->blobs), 1);
}

static void test_after_death(void **state)
{
    on_loop(*state, after_death);
}

static void after_order(struct test *test)
{
    str id = put(test, S("nobody's, but written in order"));
    blob_store_close(test->store);
    open_store(test);
    assert_int_equal(sweep(test), 0); // nothing is looked through
    assert_string_equal(str_cstr(test->arena, get(test, id)), "nobody's, but written in order");
}

static void test_after_order(void **state)
{
    on_loop(*state, after_order);
}

// Of a former process, and the one that removes it dies between its transaction and the file.
static void death_while_removing(struct test *test)
{
    str id = put(test, S("of a process that ended in order"));
    str other = put(test, S("likewise"));
    blob_store_close(test->store);
    open_store(test);
    assert_null(blob_will_remove(test->store, test->arena, &id, 1));
    assert_null(blob_will_remove(test->store, test->arena, &id, 1));
    test->owned[test->owned_count++] = other;
    die(test);
    assert_int_equal(sweep(test), 2);
    assert_int_equal(open_code(test, id), ERR_NOT_FOUND);
    assert_string_equal(str_cstr(test->arena, get(test, other)), "likewise");
    // And one that removes it and ends in order.
    assert_null(blob_will_remove(test->store, test->arena, &other, 1));
    blob_remove(test->store, &other, 1);
    blob_store_close(test->store);
    open_store(test);
    assert_int_equal(sweep(test), 0);
    assert_int_equal(files_in(test->blobs), 0);
}

static void test_death_while_removing(void **state)
{
    on_loop(*state, death_while_removing);
}

// A sweep that is cut off goes on at the next start.
static void cut_off(struct test *test)
{
    for (int i = 0; i < 5; i++) {
        (void)put(test, S("lost"));
    }
    die(test);
    die(test); // before it was swept
    assert_int_equal(sweep(test), 5);
    assert_int_equal(files_in(test->blobs), 0);
    die(test);
    assert_int_equal(sweep(test), 0);
}

static void test_sweep_cut_off(void **state)
{
    on_loop(*state, cut_off);
}

// ---- failures ----------------------------------------------------------------------------------

static enum err_code put_code(struct test *test, str bytes)
{
    struct blob_writer *writer = NULL;
    str id = {};
    err *e = blob_begin(test->store, test->arena, &writer);
    e = e == NULL ? blob_append(writer, test->arena, bytes, NULL) : e;
    e = e == NULL ? blob_finish(writer, test->arena, &id) : e;
    if (e != NULL) {
        assert_int_equal(id.len, 0);
        blob_abandon(writer);
    }
    return e != NULL ? e->code : 0;
}

static void failing(struct test *test)
{
    static const struct {
        const char *call;
        int after;
        int code;
        enum err_code expected;
    } FAULTS[] = {
        {"fsync", 0, EIO, ERR_IO},
        {"fsync", 0, ENOSPC, ERR_DISK_FULL},
        {"fsync", 1, EIO, ERR_IO}, // of folders
        {"fsync", 2, EIO, ERR_IO},
        {"fsync", 3, EDQUOT, ERR_DISK_FULL},
        {"close", 0, EIO, ERR_IO},
        {"close", 0, EDQUOT, ERR_DISK_FULL},
        {"rename", 0, ENOSPC, ERR_DISK_FULL},
        {"rename", 0, EACCES, ERR_IO},
        {"mkdir", 0, ENOSPC, ERR_DISK_FULL},
    };

    for (size_t i = 0; i < countof(FAULTS); i++) {
        fail_call(FAULTS[i].call, FAULTS[i].after, FAULTS[i].code);
        assert_int_equal(put_code(test, S("bytes")), FAULTS[i].expected);
        assert_null(fault.call); // it has struck
        assert_int_equal(files_in(test->blobs), 0);
    }
    str id = put(test, S("and goes on"));
    assert_string_equal(str_cstr(test->arena, get(test, id)), "and goes on");
}

static void test_failing_disk(void **state)
{
    on_loop(*state, failing);
}

// Files of this process may not grow beyond some size: what a full disk looks like to a writer.
static void full(struct test *test)
{
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    char *bytes = arena_alloc(test->arena, 100'000);
    struct rlimit limit = {.rlim_cur = 65'536, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(put_code(test, (str){bytes, 100'000}), ERR_DISK_FULL);
    assert_int_equal(files_in(test->blobs), 0);
    assert_int_equal(put_code(test, (str){bytes, 60'000}), 0);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old);
    assert_int_equal(put_code(test, (str){bytes, 100'000}), 0);
}

static void test_full_disk(void **state)
{
    on_loop(*state, full);
}

static void no_folder(struct test *test)
{
    char moved[100];
    snprintf(moved, sizeof(moved), "%s/elsewhere", test->folder);
    assert_int_equal(rename(test->blobs, moved), 0);
    assert_int_equal(put_code(test, S("x")), ERR_IO);
    assert_int_equal(rename(moved, test->blobs), 0);
    assert_int_equal(put_code(test, S("x")), 0);
}

static void test_folder_gone(void **state)
{
    on_loop(*state, no_folder);
}

// ---- damaged ids -------------------------------------------------------------------------------

static void damaged(struct test *test)
{
    static const char *const IDS[] = {"", "-", "1", "1-", "-1", "../1-1", "1-1/../../secret",
        "../secret", "/etc/passwd", "1-1 ", " 1-1", "+1-1", "0x1-1", "1-0x1", "1--1", "-1-1",
        "closed", "new", "1-+1", "1- 1", "1-1\n", "g-1", "1-g", "01-1", "1-01", "1-A", "A-1",
        "1-11111111111111111", "11111111111111111-1",
        "1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1"};
    struct blob_path path;
    char secret[100];
    snprintf(secret, sizeof(secret), "%s/secret", test->folder);
    assert_null(file_write_atomic(test->arena, secret, S("secret"), 0600));
    str id = put(test, S("mine"));
    assert_string_equal(str_cstr(test->arena, id), "1-1");
    for (size_t i = 0; i < countof(IDS); i++) {
        str one = str_from(IDS[i]);
        assert_false(blob_path(test->store, one, &path));
        assert_int_equal(open_code(test, one), ERR_NOT_FOUND);
        blob_remove(test->store, &one, 1);
    }
    assert_false(blob_path(test->store, (str){"1-1\0x", 5}, &path));
    assert_string_equal(str_cstr(test->arena, get(test, id)), "mine");
    assert_int_equal(files_in(test->folder), 2);
}

static void test_damaged_ids(void **state)
{
    on_loop(*state, damaged);
}

int main(void)
{
#define ONE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(test_life),
        ONE(test_abandoned),
        ONE(test_ids_never_come_twice),
        ONE(test_after_death),
        ONE(test_after_order),
        ONE(test_death_while_removing),
        ONE(test_sweep_cut_off),
        ONE(test_failing_disk),
        ONE(test_full_disk),
        ONE(test_folder_gone),
        ONE(test_damaged_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
