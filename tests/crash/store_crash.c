// The two sides of the crash test: one writes and tells what has been acknowledged, until it is
// killed; the other opens what is left and looks whether it is whole.
//
//   store_crash write PATH     prints "WRITER NUMBER" for each acknowledged transaction
//   store_crash check PATH     prints "WRITER NUMBER" of each writer's last one, then "ok"
//
// Number `n` of a writer is one transaction: two items, a counter, and the two items of n - KEEP
// taken away. Meanwhile an index of another table is built and dropped over and over.
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITERS = 16, KEEP = 40, BULK = 4000 };

struct crash {
    struct loop *loop;
    struct arena *arena;
    struct store *store;
    void (*body)(struct crash *crash) YIELDS;
};

struct writer {
    struct crash *crash;
    int place;
    i64 next;
};

static const struct store_index_def BY_STATE = {.name = S_INIT("byState"),
    .partition = {.name = S_INIT("state"), .type = STORE_KEY_STRING},
    .sort = {.name = S_INIT("n"), .type = STORE_KEY_NUMBER}};

static void must(const err *e)
{
    if (e != NULL) {
        printf("failed: %.*s\n", PRI(e->text));
        fflush(stdout);
        _exit(1);
    }
}

static void expect(bool good, const char *what, i64 place, i64 number)
{
    if (!good) {
        printf(
            "failed: %s (writer %lld, number %lld)\n", what, (long long)place, (long long)number);
        fflush(stdout);
        _exit(1);
    }
}

static void define(struct crash *crash, bool bulk_index) YIELDS
{
    const struct store_table_def tables[] = {
        {.name = S("Pair"),
            .partition = {.name = S("id"), .type = STORE_KEY_STRING},
            .indexes = &BY_STATE,
            .index_count = 1},
        {.name = S("Bulk"),
            .partition = {.name = S("id"), .type = STORE_KEY_STRING},
            .indexes = &BY_STATE,
            .index_count = bulk_index},
    };
    must(store_apply(crash->store, crash->arena, tables, countof(tables), NULL));
}

// ---- writing -----------------------------------------------------------------------------------

static str item_id(struct arena *arena, int place, i64 number, char which)
{
    return str_fmt(arena, "%d-%lld-%c", place, (long long)number, which);
}

static struct store_write put_of(
    struct arena *arena, str table, str id, const char *state, i64 number)
{
    struct json *item = json_object(arena);
    size_t len = (size_t)(number * 131 % 900);
    char *text = arena_alloc(arena, len + 1);
    memset(text, 'x', len);
    json_set(item, S("id"), json_string(arena, id));
    json_set(item, S("state"), json_string(arena, str_from(state)));
    json_set(item, S("n"), json_int(arena, number));
    json_set(item, S("text"), json_string(arena, (str){text, len}));
    return (struct store_write){.kind = STORE_PUT, .table = table, .item = item};
}

static struct store_write delete_of(struct arena *arena, str id)
{
    return (struct store_write){
        .kind = STORE_DELETE, .table = S("Pair"), .pk = json_string(arena, id)};
}

static void write_number(struct crash *crash, struct arena *arena, int place, i64 number) YIELDS
{
    str counter = str_fmt(arena, "counter-%d", place);
    struct store_write writes[5] = {
        put_of(arena, S("Pair"), item_id(arena, place, number, 'a'), "pair", number),
        put_of(arena, S("Pair"), item_id(arena, place, number, 'b'), "pair", number),
        put_of(arena, S("Pair"), counter, "counter", number),
        delete_of(arena, item_id(arena, place, number - KEEP, 'a')),
        delete_of(arena, item_id(arena, place, number - KEEP, 'b')),
    };
    must(store_write(crash->store, arena, writes, countof(writes), NULL));
}

// Told with one call each, so that what the pipe holds is what has been acknowledged.
static void acknowledge(int place, i64 number)
{
    char line[48];
    int len = snprintf(line, sizeof(line), "%d %lld\n", place, (long long)number);
    check(write(STDOUT_FILENO, line, (size_t)len) == len);
}

static void writer_main(void *arg) YIELDS
{
    struct writer *writer = arg;
    struct arena *arena = fiber_arena();
    for (;;) {
        struct arena_mark mark = arena_mark(arena);
        write_number(writer->crash, arena, writer->place, writer->next);
        acknowledge(writer->place, writer->next++);
        arena_rewind(arena, mark);
    }
}

static i64 counter_of(struct crash *crash, int place) YIELDS
{
    struct json *item = NULL;
    const struct json *id = json_string(crash->arena, str_fmt(crash->arena, "counter-%d", place));
    must(store_get(crash->store, crash->arena, S("Pair"), id, NULL, &item));
    return json_get_int(item, S("n"), -1);
}

static void fill_bulk(struct crash *crash) YIELDS
{
    u64 count = 0;
    must(store_count(crash->store, crash->arena, S("Bulk"), &count));
    for (int i = (int)count; i < BULK;) {
        struct store_write *writes = arena_array(crash->arena, struct store_write, 100);
        size_t n = 0;
        for (; n < 100 && i < BULK; n++, i++) {
            str id = str_fmt(crash->arena, "%06d", i);
            writes[n] = put_of(crash->arena, S("Bulk"), id, "bulk", i);
        }
        must(store_write(crash->store, crash->arena, writes, n, NULL));
    }
}

static void write_forever(struct crash *crash) YIELDS
{
    define(crash, false);
    fill_bulk(crash);
    for (int i = 0; i < WRITERS; i++) {
        struct writer *writer = arena_new_of(crash->arena, struct writer);
        *writer = (struct writer){.crash = crash, .place = i, .next = counter_of(crash, i) + 1};
        fiber_start("writer", writer_main, writer);
    }
    for (bool index = true;; index = !index) {
        define(crash, index);
        must(fiber_sleep(index ? 60 : 5));
    }
}

// ---- checking ----------------------------------------------------------------------------------

static bool has_item(struct crash *crash, int place, i64 number, char which) YIELDS
{
    struct json *item = NULL;
    const struct json *id = json_string(crash->arena, item_id(crash->arena, place, number, which));
    must(store_get(crash->store, crash->arena, S("Pair"), id, NULL, &item));
    return item != NULL;
}

static size_t count_by_state(struct crash *crash, str table, const char *state) YIELDS
{
    size_t count = 0;
    struct store_page page = {};
    do {
        struct store_query query = {.table = table,
            .index = S("byState"),
            .pk = json_string(crash->arena, str_from(state)),
            .page_token = page.next_token};
        must(store_query(crash->store, crash->arena, &query, &page));
        count += page.count;
    } while (page.next_token.ptr != NULL);
    return count;
}

static size_t check_writer(struct crash *crash, int place) YIELDS
{
    i64 counter = counter_of(crash, place);
    i64 from = counter - KEEP < -1 ? -1 : counter - KEEP;
    for (i64 n = from - 3; n < counter + 4; n++) {
        bool wanted = n > from && n <= counter;
        expect(has_item(crash, place, n, 'a') == wanted, "item a", place, n);
        expect(has_item(crash, place, n, 'b') == wanted, "item b", place, n);
    }
    if (counter >= 0) {
        acknowledge(place, counter);
    }
    return (size_t)(counter - from) * 2;
}

static void check_database(struct crash *crash) YIELDS
{
    size_t pairs = 0;
    u64 count = 0;
    must(store_verify(crash->store, crash->arena)); // as it was found: the index perhaps half built
    define(crash, true);
    for (int i = 0; i < WRITERS; i++) {
        pairs += check_writer(crash, i);
    }
    size_t counters = count_by_state(crash, S("Pair"), "counter");
    expect(count_by_state(crash, S("Pair"), "pair") == pairs, "entries of pairs", 0, 0);
    must(store_count(crash->store, crash->arena, S("Pair"), &count));
    expect(count == pairs + counters, "number of items", 0, (i64)count);
    must(store_count(crash->store, crash->arena, S("Bulk"), &count));
    expect(count_by_state(crash, S("Bulk"), "bulk") == count, "entries of a built index", 0, 0);
    must(store_verify(crash->store, crash->arena));
    loop_stop(crash->loop);
}

static void body_fiber(void *arg) YIELDS
{
    struct crash *crash = arg;
    crash->body(crash);
}

static void start(void *arg)
{
    fiber_start("crash", body_fiber, arg);
}

int main(int argc, char **argv)
{
    struct crash crash = {.arena = arena_new()};
    if (argc != 3) {
        fprintf(stderr, "usage: store_crash write|check PATH\n");
        return 2;
    }
    crash.body = strcmp(argv[1], "write") == 0 ? write_forever : check_database;
    const struct store_options options = {.path = argv[2], .loop_count = 1};
    must(store_open(crash.arena, &options, &crash.store));
    crash.loop = loop_new(0);
    loop_post(crash.loop, start, &crash);
    loop_run(crash.loop);
    loop_free(crash.loop);
    store_close(crash.store);
    arena_free(crash.arena);
    printf("ok\n");
    return 0;
}
