// Power cuts and failing disks: whatever happens, acknowledged writes are there, transactions are
// whole, and indexes agree with the items.
#include "store_disk.h"
#include "store_fixture.h"

static const struct store_index_def BY_STATE = {
    .name = S_INIT("byState"), .partition = STRING_KEY("state"), .sort = NUMBER_KEY("n")};
static const struct store_table_def PAIR = {
    .name = S_INIT("Pair"), .partition = STRING_KEY("id"), .indexes = &BY_STATE, .index_count = 1};

enum { WRITERS = 6, ROUNDS = 60, CUTS = 40 };

struct writer {
    struct fixture *fixture;
    int place;
    int acknowledged; // all up to this number
    int pause_at;
    size_t *alive;
    struct fiber *waker;
};

struct run {
    struct writer writers[WRITERS];
    unsigned seed;
    size_t lost; // acknowledged writes that a cut took
    int from;    // numbers to write
};

// Number `n` of a writer: two items and a counter, in one transaction.
static err *write_pair(struct fixture *f, struct arena *arena, int place, int n) YIELDS
{
    struct store_write writes[3] = {};
    for (int i = 0; i < 3; i++) {
        struct json *item = json_object(arena);
        str id = i < 2 ? str_fmt(arena, "%d-%d-%c", place, n, 'a' + i)
                       : str_fmt(arena, "counter-%d", place);
        json_set(item, S("id"), json_string(arena, id));
        json_set(item, S("state"), json_string(arena, i < 2 ? S("pair") : S("counter")));
        json_set(item, S("n"), json_int(arena, n));
        char *text = arena_alloc(arena, 1500);
        memset(text, 'x', (size_t)(n * 37 % 1499));
        json_set(item, S("text"), text_value(arena, text));
        writes[i] = (struct store_write){.kind = STORE_PUT, .table = S("Pair"), .item = item};
    }
    return store_write(f->store, arena, writes, 3, NULL);
}

static i64 counter_of(struct fixture *f, int place) YIELDS
{
    str key = str_fmt(f->arena, "'counter-%d'", place);
    return json_get_int(get(f, "Pair", str_cstr(f->arena, key), NULL), S("n"), -1);
}

static bool has_item(struct fixture *f, int place, int n, char which) YIELDS
{
    struct json *item = NULL;
    const struct json *id = json_string(f->arena, str_fmt(f->arena, "%d-%d-%c", place, n, which));
    assert_ok(store_get(f->store, f->arena, S("Pair"), id, NULL, &item));
    return item != NULL;
}

// In the store that was opened after the cut.
static void check_after_cut(struct fixture *f) YIELDS
{
    struct run *run = f->data;
    verify(f);
    for (int i = 0; i < WRITERS; i++) {
        i64 counter = counter_of(f, i);
        run->lost += counter < run->writers[i].acknowledged;
        for (int n = 0; n < ROUNDS * 2; n++) {
            bool a = has_item(f, i, n, 'a');
            assert_true(a == has_item(f, i, n, 'b'));
            assert_true(a == (n <= counter));
        }
    }
    assert_ok(write_pair(f, f->arena, 0, (int)counter_of(f, 0) + 1)); // service goes on
}

struct cut {
    struct fixture copy;
    struct writer acknowledged[WRITERS];
};

static void *open_after_cut(void *arg)
{
    struct fixture *copy = arg;
    assert_ok(store_open(copy->arena, &copy->options, &copy->store));
    fixture_run(copy, check_after_cut);
    store_close(copy->store);
    return NULL;
}

static void writer_main(void *arg) YIELDS
{
    struct writer *writer = arg;
    struct run *run = writer->fixture->data;
    struct arena *arena = fiber_arena();
    for (int n = run->from; n < run->from + ROUNDS; n++) {
        struct arena_mark mark = arena_mark(arena);
        if (write_pair(writer->fixture, arena, writer->place, n) == NULL) {
            writer->acknowledged = n;
        } else {
            n--; // the disk has failed; the store must not have it half
        }
        arena_rewind(arena, mark);
    }
    if (--*writer->alive == 0) {
        fiber_wake(writer->waker);
    }
}

static void start_writers(struct fixture *f, size_t *alive)
{
    struct run *run = f->data;
    *alive = WRITERS;
    for (int i = 0; i < WRITERS; i++) {
        struct writer *writer = &run->writers[i];
        writer->fixture = f;
        writer->place = i;
        writer->alive = alive;
        writer->waker = fiber_current();
        fiber_start("writer", writer_main, writer);
    }
}

// Cuts power again and again while writers write; each time what is left is opened beside.
static void cut_power(struct fixture *f) YIELDS
{
    struct run *run = f->data;
    size_t alive = 0;
    assert_ok(apply(f, &PAIR, 1));
    start_writers(f, &alive);
    for (int i = 0; i < CUTS && alive > 0; i++) {
        struct fixture copy = {.data = run};
        pthread_t thread;
        for (int turns = rand_r(&run->seed) % 30; turns > 0; turns--) {
            assert_ok(fiber_pause());
        }
        fixture_init(&copy);
        copy.options.fast_unsafe = f->options.fast_unsafe;
        disk_cut_power(f->path, copy.path, &run->seed); // no fiber has run since the last wait
        assert_int_equal(pthread_create(&thread, NULL, open_after_cut, &copy), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        disk_remove(copy.path);
        fixture_free(&copy);
    }
    while (alive > 0) {
        assert_ok(fiber_wait());
    }
}

static struct run *run_new(void)
{
    struct run *run = mem_new(struct run);
    run->seed = (unsigned)time_mono_us();
    print_message("seed %u\n", run->seed);
    for (size_t i = 0; i < WRITERS; i++) {
        run->writers[i].acknowledged = -1;
    }
    return run;
}

static void test_power_cuts(void **state)
{
    struct fixture f = {};
    struct run *run = run_new();
    (void)state;
    fixture_init(&f);
    f.data = run;
    f.options.fast_unsafe = false;
    f.options.log_pages = 30;
    assert_ok(store_open(f.arena, &f.options, &f.store));
    u64 syncs = disk.syncs;
    fixture_run(&f, cut_power);
    assert_true(disk.syncs > syncs);
    assert_int_equal(run->lost, 0);
    store_close(f.store);
    disk_remove(f.path);
    fixture_free(&f);
    mem_free(run);
}

// ---- faults ------------------------------------------------------------------------------------

static void check_all(struct fixture *f) YIELDS
{
    const struct run *run = f->data;
    verify(f);
    for (int i = 0; i < WRITERS; i++) {
        i64 counter = counter_of(f, i);
        assert_int_equal(counter, run->writers[i].acknowledged);
        for (int n = 0; n <= counter; n++) {
            assert_true(has_item(f, i, n, 'a') && has_item(f, i, n, 'b'));
        }
    }
}

static void write_with_faults(struct fixture *f) YIELDS
{
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    struct run *run = f->data;
    size_t alive = 0;
    assert_ok(apply(f, &PAIR, 1));
    start_writers(f, &alive);
    for (int i = 0; alive > 0; i++) {
        disk_fail(rand_r(&run->seed) % 60, 1 + rand_r(&run->seed) % 8, codes[i % 2]);
        for (int turns = 0; turns < 5 && alive > 0; turns++) {
            assert_ok(fiber_sleep(1));
        }
    }
    disk_fail(-1, 0, 0);
    check_all(f);
}

static void test_faults(void **state)
{
    struct fixture f = {};
    struct run *run = run_new();
    (void)state;
    fixture_init(&f);
    f.data = run;
    f.options.fast_unsafe = false;
    f.options.log_pages = 30;
    assert_ok(store_open(f.arena, &f.options, &f.store));
    fixture_run(&f, write_with_faults);
    store_close(f.store);
    assert_ok(store_open(f.arena, &f.options, &f.store));
    fixture_run(&f, check_all);
    store_close(f.store);
    disk_remove(f.path);
    fixture_free(&f);
    mem_free(run);
}

// That a full disk is told apart from a broken one.
static void full_disk(struct fixture *f) YIELDS
{
    assert_ok(apply(f, &PAIR, 1));
    disk_fail(0, 1000, SQLITE_FULL);
    assert_code(put(f, "Pair", "{'id':'x'}"), ERR_DISK_FULL);
    disk_fail(0, 1000, SQLITE_IOERR_WRITE);
    assert_code(put(f, "Pair", "{'id':'x'}"), ERR_IO);
    disk_fail(-1, 0, 0);
    assert_none(f, "Pair", "'x'", NULL);
    assert_ok(put(f, "Pair", "{'id':'x'}"));
    verify(f);
}

// An index whose build meets a failing disk is built when the disk has recovered.
static void build_recovers(struct fixture *f) YIELDS
{
    const struct store_table_def plain = {.name = S("Pair"), .partition = PAIR.partition};
    struct store_page page = {};
    struct store_query query = {
        .table = S("Pair"), .index = S("byState"), .pk = text_value(f->arena, "pair")};
    assert_ok(apply(f, &plain, 1));
    for (int n = 0; n < 600; n++) {
        assert_ok(write_pair(f, f->arena, 0, n));
    }
    // Spares the change of the schema itself; should it not, the build is tried without faults.
    disk_fail(6, 1000000, SQLITE_IOERR_WRITE);
    err *e = apply(f, &PAIR, 1);
    if (e == NULL) {
        u64 before = fiber_deadline(time_mono_us() + 20000);
        assert_code(store_query(f->store, f->arena, &query, &page), ERR_TIMEOUT); // no hanging
        fiber_deadline(before);
        disk_fail(-1, 0, 0);
    } else {
        disk_fail(-1, 0, 0);
        assert_ok(apply(f, &PAIR, 1));
    }
    assert_ok(store_query(f->store, f->arena, &query, &page));
    assert_int_equal(page.count, 1200);
    verify(f);
}

// ---- between a commit and its being published
// ----------------------------------------------------

struct looker {
    struct fixture *fixture;
    struct loop *loop;
    atomic_bool stop;
    size_t found;
};

// What it asks for is there, or the index is not; never anything in between.
static void look(void *arg) YIELDS
{
    struct looker *looker = arg;
    struct arena *arena = fiber_arena();
    while (!atomic_load(&looker->stop)) {
        struct arena_mark mark = arena_mark(arena);
        struct store_page page = {};
        struct store_query query = {
            .table = S("Pair"), .index = S("byState"), .pk = json_string(arena, S("pair"))};
        err *e = store_query(looker->fixture->store, arena, &query, &page);
        if (e != NULL) {
            assert_string_equal(
                str_cstr(arena, e->text), "The table does not have the specified index: byState");
        } else {
            assert_int_equal(page.count, 20);
            looker->found++;
        }
        assert_ok(fiber_pause());
        arena_rewind(arena, mark);
    }
    loop_stop(looker->loop);
}

static void start_looking(void *arg)
{
    fiber_start("look", look, arg);
}

static void *looker_main(void *arg)
{
    struct looker *looker = arg;
    looker->loop = loop_new(1);
    loop_post(looker->loop, start_looking, looker);
    loop_run(looker->loop);
    loop_free(looker->loop);
    return NULL;
}

static void published_late(struct fixture *f) YIELDS
{
    const struct store_table_def plain = {.name = S("Pair"), .partition = PAIR.partition};
    struct looker looker = {.fixture = f};
    pthread_t thread;
    assert_ok(apply(f, &PAIR, 1));
    for (int n = 0; n < 10; n++) {
        assert_ok(write_pair(f, f->arena, 0, n));
    }
    atomic_store(&disk.linger_us, 2000);
    assert_int_equal(pthread_create(&thread, NULL, looker_main, &looker), 0);
    for (int i = 0; i < 60; i++) {
        assert_ok(apply(f, i % 2 == 0 ? &plain : &PAIR, 1));
    }
    atomic_store(&disk.linger_us, 0);
    atomic_store(&looker.stop, true);
    pthread_join(thread, NULL);
    assert_true(looker.found > 0);
    verify(f);
}

TEST(full_disk)
TEST(build_recovers)
TEST(published_late)

static int install(void **state)
{
    (void)state;
    disk_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_build_recovers),
        cmocka_unit_test(test_published_late),
    };
    return cmocka_run_group_tests_name("store: power cuts", tests, install, NULL);
}
