// Logs of functions: lines come back as they were, the files keep to their bound, and a disk that
// takes nothing loses whole lines.
#include "func_log/func_log_int.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char folder[64];
    struct arena *arena;
    struct loop *loop;
    struct func_log *log;
    struct func_log_options options;
    void (*run)(struct fixture *f); // in a fiber
    size_t told;
};

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int set_up(void **state)
{
    struct fixture *f = mem_new(struct fixture);
    strcpy(f->folder, "/tmp/ampd-test-logs-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_new();
    f->options.folder = f->folder;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(f->arena);
    mem_free(f);
    return 0;
}

static void run_fiber(void *arg) YIELDS
{
    struct fixture *f = arg;
    f->log = func_log_new(&f->options);
    f->run(f);
    func_log_flush(f->log);
    loop_stop(loop_current());
}

static void start(void *arg)
{
    fiber_start("test", run_fiber, arg);
}

// Runs `fn` in a fiber with a log, and ends when all is written.
static void with_log(struct fixture *f, void (*fn)(struct fixture *f))
{
    f->run = fn;
    f->loop = loop_new(0);
    loop_post(f->loop, start, f);
    loop_run(f->loop);
    func_log_free(f->log);
    loop_free(f->loop);
}

static void add(struct fixture *f, str function, str text)
{
    struct func_log_line line = {.function = function,
        .stream = FUNC_LOG_STDERR,
        .request_id = S("id-1"),
        .time_ms = time_now_ms(),
        .text = text};
    func_log_add(f->log, &line);
}

static u64 size_of(const struct fixture *f, const char *function, size_t *count)
{
    u64 total = 0;
    struct func_log_segment *segments =
        func_log_segments(f->arena, path_join(f->arena, f->folder, function), count);
    for (size_t i = 0; i < *count; i++) {
        total += segments[i].size;
    }
    return total;
}

// ---- lines -------------------------------------------------------------------------------------

static const char NASTY[] = "quote \" back \\ tab \t nul \0 escape \x1b bad \xff\xc3 end";

static void write_nasty(struct fixture *f)
{
    add(f, S("fn"), (str){NASTY, sizeof(NASTY) - 1});
    add(f, S("other fn/.."), S("second"));
    add(f, S("fn"), S(""));
}

static void test_lines_come_back(void **state)
{
    struct fixture *f = *state;
    struct func_log_line line = {};
    with_log(f, write_nasty);
    const str names[] = {S("fn")};
    struct func_log_reader *reader = func_log_open(f->folder, names, 1, 0);
    assert_true(func_log_next(reader, &line));
    assert_true(str_eq(line.text, func_log_clean(f->arena, (str){NASTY, sizeof(NASTY) - 1})));
    assert_true(str_is_utf8(line.text));
    assert_true(str_eq(line.request_id, S("id-1")) && line.stream == FUNC_LOG_STDERR);
    assert_true(func_log_next(reader, &line));
    assert_int_equal(line.text.len, 0);
    assert_false(func_log_next(reader, &line));
    func_log_close(reader);
    reader = func_log_open(f->folder, NULL, 0, 0); // of all, whatever they are called
    size_t others = 0;
    while (func_log_next(reader, &line)) {
        others += str_eq(line.function, S("other fn/..")) && str_eq(line.text, S("second"));
    }
    assert_int_equal(others, 1);
    func_log_close(reader);
    reader = func_log_open(f->folder, NULL, 0, time_now_ms() + 1000);
    assert_false(func_log_next(reader, &line));
    func_log_close(reader);
    assert_true(func_log_exists(f->arena, f->folder, S("fn")));
    assert_false(func_log_exists(f->arena, f->folder, S("fnx")));
}

static void write_one(struct fixture *f)
{
    add(f, S("fn"), S("whole"));
}

// A line that a death has cut, and what is no line, are passed over.
static void test_damage_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct func_log_line line = {};
    size_t count = 0;
    with_log(f, write_one);
    struct func_log_segment *segments =
        func_log_segments(f->arena, path_join(f->arena, f->folder, "fn"), &count);
    assert_int_equal(count, 1);
    const char *path = path_join(
        f->arena, path_join(f->arena, f->folder, "fn"), str_cstr(f->arena, segments[0].name));
    FILE *file = fopen(path, "a");
    fputs("not JSON\n{\"time\":\"yesterday\",\"message\":\"x\"}\n{\"time\":\"2026-01", file);
    fclose(file);
    usleep(2000);
    f->options.segment_bytes = 100; // the next line gets a segment of its own
    f->options.total_bytes = 10000;
    with_log(f, write_one);
    struct func_log_reader *reader = func_log_open(f->folder, NULL, 0, 0);
    assert_true(func_log_next(reader, &line) && str_eq(line.text, S("whole")));
    assert_true(func_log_next(reader, &line) && str_eq(line.text, S("whole")));
    assert_false(func_log_next(reader, &line));
    func_log_close(reader);
}

static void write_numbers(struct fixture *f)
{
    for (int i = 0; i < 2000; i++) {
        add(f, S("fn"), str_fmt(f->arena, "%d %064d", i, 0));
        if (i % 50 == 0) {
            func_log_flush(f->log);
        }
    }
}

static void test_files_keep_to_their_bound(void **state)
{
    struct fixture *f = *state;
    struct func_log_line line = {};
    size_t count = 0;
    f->options.segment_bytes = 4096;
    f->options.total_bytes = 20000;
    with_log(f, write_numbers);
    u64 total = size_of(f, "fn", &count);
    assert_true(total > 10000 && total <= 20000);
    assert_true(count >= 3 && count <= 10);
    struct func_log_reader *reader = func_log_open(f->folder, NULL, 0, 0);
    long before = -1;
    while (func_log_next(reader, &line)) { // without a gap, to the last one
        long number = strtol(str_cstr(f->arena, line.text), NULL, 10);
        assert_true(before < 0 || number == before + 1);
        before = number;
    }
    assert_int_equal(before, 1999);
    func_log_close(reader);
    with_log(f, write_one); // as after a restart: the same files go on
    assert_true(size_of(f, "fn", &count) <= 20000);
}

// ---- losses ------------------------------------------------------------------------------------

static void fill_disk(struct fixture *f)
{
    struct rlimit former;
    struct rlimit tight = {};
    getrlimit(RLIMIT_FSIZE, &former);
    tight = (struct rlimit){.rlim_cur = 300, .rlim_max = former.rlim_max};
    add(f, S("fn"), S("fits"));
    func_log_flush(f->log);
    setrlimit(RLIMIT_FSIZE, &tight);
    add(f, S("fn"), str_fmt(f->arena, "%0500d", 0));
    func_log_flush(f->log);
    assert_int_equal(func_log_lost(f->log), 1);
    setrlimit(RLIMIT_FSIZE, &former);
    add(f, S("fn"), S("fits again"));
}

static void test_a_full_disk_loses_whole_lines(void **state)
{
    struct fixture *f = *state;
    struct func_log_line line = {};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    with_log(f, fill_disk);
    signal(SIGXFSZ, before);
    struct func_log_reader *reader = func_log_open(f->folder, NULL, 0, 0);
    assert_true(func_log_next(reader, &line) && str_eq(line.text, S("fits")));
    assert_true(func_log_next(reader, &line) && str_eq(line.text, S("fits again")));
    assert_false(func_log_next(reader, &line));
    func_log_close(reader);
}

static void count_told(void *arg, const struct func_log_line *line)
{
    struct fixture *f = arg;
    f->told += str_is_utf8(line->text);
}

static void hurry(struct fixture *f)
{
    for (int i = 0; i < 1000; i++) {
        add(f, S("fn"), str_fmt(f->arena, "%0100d", i));
    }
    assert_true(func_log_lost(f->log) > 900);
    func_log_flush(f->log);
    assert_int_equal(f->told + func_log_lost(f->log), 1000);
    add(f, S("fn"), S("there is room again"));
    func_log_flush(f->log);
    assert_int_equal(f->told + func_log_lost(f->log), 1001);
}

static void test_what_waits_is_bounded(void **state)
{
    struct fixture *f = *state;
    f->options.queue_bytes = 8000;
    f->options.folder = NULL;
    f->options.tell = count_told;
    f->options.tell_arg = f;
    with_log(f, hurry);
}

// ---- retention ---------------------------------------------------------------------------------

static void keep_a_day(struct fixture *f)
{
    func_log_keep(f->log, S("fn"), 1);
    func_log_keep(f->log, S("forever"), 0);
    assert_null(fiber_sleep(1));
    add(f, S("fn"), S("new"));
    func_log_flush(f->log);
}

static void write_both(struct fixture *f)
{
    add(f, S("fn"), S("old"));
    add(f, S("forever"), S("old"));
}

static void make_old(struct fixture *f, const char *function)
{
    size_t count = 0;
    const char *folder = path_join(f->arena, f->folder, function);
    struct func_log_segment *segments = func_log_segments(f->arena, folder, &count);
    struct timeval times[2] = {{.tv_sec = time(NULL) - 90000}, {.tv_sec = time(NULL) - 90000}};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(
            utimes(path_join(f->arena, folder, str_cstr(f->arena, segments[i].name)), times), 0);
    }
}

static void test_old_lines_go(void **state)
{
    struct fixture *f = *state;
    struct func_log_line line = {};
    with_log(f, write_both);
    make_old(f, "fn");
    make_old(f, "forever");
    with_log(f, keep_a_day);
    struct func_log_reader *reader = func_log_open(f->folder, NULL, 0, 0);
    assert_true(func_log_next(reader, &line) && str_eq(line.function, S("forever")));
    assert_true(func_log_next(reader, &line) && str_eq(line.text, S("new")));
    assert_false(func_log_next(reader, &line));
    func_log_close(reader);
}

static void test_retentions(void **state)
{
    (void)state;
    assert_int_equal(func_log_days(S("1 day")), 1);
    assert_int_equal(func_log_days(S("2 weeks")), 14);
    assert_int_equal(func_log_days(S("13 months")), 390);
    assert_int_equal(func_log_days(S("10 years")), 3650);
    assert_int_equal(func_log_days(S("infinite")), 0);
    assert_int_equal(func_log_days((str){}), 0);
}

// ---- texts -------------------------------------------------------------------------------------

static void test_nothing_reaches_the_terminal(void **state)
{
    struct fixture *f = *state;
    struct buf out = buf_in(f->arena, 4096);
    func_log_printable(&out, S("a\x1b[2J\x07 b\tc\rd \x7f \xc2\x9b \xe2\x80\xae \xf0\x9f\x98\x80"));
    assert_true(str_eq(
        buf_str(&out), S("a\\x1b[2J\\x07 b\tc\n    d \\x7f \\x9b \\u202e \xf0\x9f\x98\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_keep_to_their_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_disk_loses_whole_lines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_waits_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_lines_go, set_up, tear_down),
        cmocka_unit_test(test_retentions),
        cmocka_unit_test_setup_teardown(test_nothing_reaches_the_terminal, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
