// What the store does in a second, against what the disk under it does: durable creates for a
// growing number of writers, point reads, queries.
//
//   store_bench SECONDS [FOLDER]
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { READ_ITEMS = 20000, GROUP = 100 };

struct bench {
    struct loop *loop;
    struct arena *arena;
    struct store *store;
    struct store_options options;
    u64 span_us;
    int sync_file;
    // of one measurement
    u64 syncs;
    u64 sync_us;
    u64 end_us;
    u64 number;
    u64 done;
    u64 slowest_us;
    size_t alive;
    struct fiber *waker;
};

static const struct store_index_def BY_OWNER = {.name = S_INIT("byOwner"),
    .partition = {.name = S_INIT("owner"), .type = STORE_KEY_STRING},
    .sort = {.name = S_INIT("createdAt"), .type = STORE_KEY_STRING}};
static const struct store_table_def TABLES[] = {
    {.name = S_INIT("Post"), .partition = {.name = S_INIT("id"), .type = STORE_KEY_STRING}},
    {.name = S_INIT("Indexed"),
        .partition = {.name = S_INIT("id"), .type = STORE_KEY_STRING},
        .indexes = &BY_OWNER,
        .index_count = 1},
};

static void must(const err *e)
{
    if (e != NULL) {
        fprintf(stderr, "%.*s\n", PRI(e->text));
        exit(1);
    }
}

static double cpu_seconds(void)
{
    struct timespec now = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double process_seconds(void)
{
    struct timespec now = {};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct json *make_item(struct arena *arena, u64 number)
{
    static const char body[] = "Amplify Gen 2 in one program: the whole back end on one's own "
                               "machine, for development, tests and production.";
    struct json *item = json_object(arena);
    str owner = str_fmt(arena, "owner-%llu", (unsigned long long)(number / GROUP));
    json_set(item, S("id"),
        json_string(
            arena, str_fmt(arena, "%016llx-%llu", (unsigned long long)(number * 0x9e3779b97f4a7c15),
                       (unsigned long long)number)));
    json_set(item, S("owner"), json_string(arena, owner));
    json_set(item, S("title"), json_string(arena, S("A post of the usual length")));
    json_set(item, S("content"), json_string(arena, str_from(body)));
    json_set(item, S("createdAt"), json_string(arena, S("2026-11-22T22:20:36.123Z")));
    json_set(item, S("updatedAt"), json_string(arena, S("2026-11-22T22:20:36.123Z")));
    json_set(item, S("rating"), json_number(arena, S("4.5")));
    json_set(item, S("__typename"), json_string(arena, S("Post")));
    return item;
}

// How long the disk takes to sync what a small commit writes to a log: two pages, over and over in
// a file that has its size already. Other users of the disk come and go, so this is measured in
// turns with the writes.
static void measure_disk(struct bench *bench, u64 span_us)
{
    enum { ROOM = 500 };

    static const char pages[2 * 4120];
    u64 count = 0;
    u64 start = time_mono_us();
    while (time_mono_us() < start + span_us) {
        off_t place = (off_t)((count + 1) % ROOM * sizeof(pages));
        check(pwrite(bench->sync_file, pages, sizeof(pages), place) > 0);
        check(fdatasync(bench->sync_file) == 0);
        count++;
    }
    bench->syncs += count;
    bench->sync_us += time_mono_us() - start;
}

struct writer {
    struct bench *bench;
    str table;
};

static void writer_main(void *arg) YIELDS
{
    struct writer *writer = arg;
    struct bench *bench = writer->bench;
    struct arena *arena = arena_new();
    while (time_mono_us() < bench->end_us) {
        struct store_write write = {.kind = STORE_PUT,
            .table = writer->table,
            .item = make_item(arena, bench->number++),
            .only_absent = true};
        u64 start = time_mono_us();
        must(store_write(bench->store, arena, &write, 1, NULL));
        u64 took = time_mono_us() - start;
        bench->slowest_us = took > bench->slowest_us ? took : bench->slowest_us;
        bench->done++;
        arena_reset(arena);
    }
    arena_free(arena);
    if (--bench->alive == 0) {
        fiber_wake(bench->waker);
    }
}

static void write_for(struct bench *bench, str table, size_t fibers, u64 span_us) YIELDS
{
    struct writer writer = {.bench = bench, .table = table};
    bench->end_us = time_mono_us() + span_us;
    bench->alive = fibers;
    bench->waker = fiber_current();
    for (size_t i = 0; i < fibers; i++) {
        fiber_start("writer", writer_main, &writer);
    }
    while (bench->alive > 0) {
        check(fiber_wait() == NULL);
    }
}

static void measure_writes(struct bench *bench, str table, size_t fibers) YIELDS
{
    enum { TURNS = 8 };

    u64 took_us = 0;
    double cpu = 0;
    bench->done = 0;
    bench->slowest_us = 0;
    bench->syncs = 0;
    bench->sync_us = 0;
    for (size_t i = 0; i < TURNS; i++) {
        measure_disk(bench, bench->span_us / TURNS / 2);
        u64 start = time_mono_us();
        double cpu_before = process_seconds();
        write_for(bench, table, fibers, bench->span_us / TURNS);
        took_us += time_mono_us() - start;
        cpu += process_seconds() - cpu_before;
    }
    double rate = (double)bench->done * 1e6 / (double)took_us;
    double syncs = (double)bench->syncs * 1e6 / (double)bench->sync_us;
    str what = str_fmt(bench->arena, "durable creates, %3zu fibers%s", fibers,
        str_eq(table, S("Post")) ? "" : ", index");
    printf("%-34.*s %8.0f /s %7.1f x the disk's syncs (%5.0f /s)  slowest %6.1f ms  %5.1f us of "
           "CPU\n",
        PRI(what), rate, rate / syncs, syncs, (double)bench->slowest_us / 1000,
        cpu * 1e6 / (double)bench->done);
    fflush(stdout);
}

static void fill(struct bench *bench) YIELDS
{
    struct arena *arena = arena_new();
    for (u64 i = 0; i < READ_ITEMS; i += GROUP) {
        struct store_write writes[32] = {};
        for (u64 k = 0; k < GROUP; k += 25) {
            for (u64 n = 0; n < 25; n++) {
                writes[n] = (struct store_write){
                    .kind = STORE_PUT, .table = S("Indexed"), .item = make_item(arena, i + k + n)};
            }
            check(store_write(bench->store, arena, writes, 25, NULL) == NULL);
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

// `per_turn` reads share a snapshot.
static void measure_gets(struct bench *bench, size_t per_turn) YIELDS
{
    struct arena *arena = arena_new();
    struct arena *keys = arena_new();
    const struct json **ids = arena_array(keys, const struct json *, READ_ITEMS);
    for (u64 i = 0; i < READ_ITEMS; i++) {
        ids[i] = json_get(make_item(keys, i), S("id"));
    }
    u64 count = 0;
    double cpu = cpu_seconds();
    u64 start = time_mono_us();
    while (time_mono_us() < start + bench->span_us) {
        for (size_t i = 0; i < per_turn; i++) {
            struct json *item = NULL;
            const struct json *id = ids[count++ * 7919 % READ_ITEMS];
            check(store_get(bench->store, arena, S("Indexed"), id, NULL, &item) == NULL);
            check(item != NULL);
            arena_reset(arena);
        }
        check(fiber_pause() == NULL);
    }
    double seconds = (double)(time_mono_us() - start) / 1e6;
    str what = str_fmt(bench->arena, "point reads, %3zu a snapshot", per_turn);
    printf("%-34.*s %9.0f /s   %6.2f us of CPU each\n", PRI(what), (double)count / seconds,
        (cpu_seconds() - cpu) * 1e6 / (double)count);
    arena_free(keys);
    arena_free(arena);
}

static void measure_queries(struct bench *bench) YIELDS
{
    struct arena *arena = arena_new();
    u64 count = 0;
    double cpu = cpu_seconds();
    u64 start = time_mono_us();
    while (time_mono_us() < start + bench->span_us) {
        str owner = str_fmt(arena, "owner-%llu", (unsigned long long)(count % 200));
        struct store_query query = {.table = S("Indexed"),
            .index = S("byOwner"),
            .pk = json_string(arena, owner),
            .limit = 100};
        struct store_page page = {};
        check(store_query(bench->store, arena, &query, &page) == NULL && page.count == 100);
        count++;
        arena_reset(arena);
        check(fiber_pause() == NULL);
    }
    double seconds = (double)(time_mono_us() - start) / 1e6;
    printf("%-34s %9.0f /s   %6.1f us of CPU each\n", "queries of 100 items by an index",
        (double)count / seconds, (cpu_seconds() - cpu) * 1e6 / (double)count);
    arena_free(arena);
}

// Point reads while others write: each commit makes the reader's cached pages stale.
static void measure_mixed(struct bench *bench) YIELDS
{
    struct writer writer = {.bench = bench, .table = S("Post")};
    bench->done = 0;
    bench->end_us = time_mono_us() + bench->span_us + 200000;
    bench->alive = 16;
    bench->waker = fiber_current();
    for (size_t i = 0; i < 16; i++) {
        fiber_start("writer", writer_main, &writer);
    }
    printf("with 16 writers beside: ");
    measure_gets(bench, 10);
    while (bench->alive > 0) {
        check(fiber_wait() == NULL);
    }
}

static void run(void *arg) YIELDS
{
    static const size_t fibers[] = {1, 8, 64, 256};
    struct bench *bench = arg;
    check(store_apply(bench->store, bench->arena, TABLES, countof(TABLES), NULL) == NULL);
    for (size_t i = 0; i < countof(fibers); i++) {
        measure_writes(bench, S("Post"), fibers[i]);
    }
    bench->number += READ_ITEMS; // none of those that fill() writes
    measure_writes(bench, S("Indexed"), 64);
    fill(bench);
    measure_gets(bench, 1);
    measure_gets(bench, 10);
    measure_gets(bench, 100);
    measure_queries(bench);
    measure_mixed(bench);
    loop_stop(bench->loop);
}

static void start(void *arg)
{
    fiber_start("bench", run, arg);
}

static void open_sync_file(struct bench *bench, const char *folder)
{
    static const char zeros[1 << 20];
    char name[256];
    snprintf(name, sizeof(name), "%s/sync", folder);
    bench->sync_file = open(name, O_RDWR | O_CREAT, 0600);
    check(bench->sync_file >= 0 && unlink(name) == 0);
    for (size_t i = 0; i < 5; i++) {
        check(pwrite(bench->sync_file, zeros, sizeof(zeros), (off_t)(i * sizeof(zeros))) > 0);
    }
    check(fsync(bench->sync_file) == 0);
}

static void clean_up(const char *path, const char *folder)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    char name[256];
    for (size_t i = 0; i < countof(endings); i++) {
        snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        unlink(name);
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    struct bench bench = {.arena = arena_new(), .span_us = 2000000};
    if (argc > 1) {
        bench.span_us = (u64)(strtod(argv[1], NULL) * 1e6);
    }
    char *folder = str_cstr(
        bench.arena, str_fmt(bench.arena, "%s/store-bench-XXXXXX", argc > 2 ? argv[2] : "/tmp"));
    check(mkdtemp(folder) != NULL);
    char *path = str_cstr(bench.arena, str_fmt(bench.arena, "%s/data.db", folder));
    bench.options = (struct store_options){.path = path, .loop_count = 1};
    open_sync_file(&bench, folder);
    err *e = store_open(bench.arena, &bench.options, &bench.store);
    check(e == NULL);
    bench.loop = loop_new(0);
    loop_post(bench.loop, start, &bench);
    loop_run(bench.loop);
    loop_free(bench.loop);
    store_close(bench.store);
    close(bench.sync_file);
    clean_up(path, folder);
    arena_free(bench.arena);
    return 0;
}
