// A store in a folder of its own, and a fiber to use it from.
#pragma once

#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// cmocka's `fail` takes the name of ours, and its fail_msg is made of it.
#undef fail
#undef fail_msg
#define fail(arena, code, ...) err_make((arena), (code), __FILE__, __LINE__, __VA_ARGS__)
#define fail_msg(...)                                                                              \
    do {                                                                                           \
        print_error("ERROR: " __VA_ARGS__);                                                        \
        print_error("\n");                                                                         \
        _fail(__FILE__, __LINE__);                                                                 \
    } while (0)

struct fixture {
    struct loop *loop;
    struct arena *arena;
    struct store *store;
    struct store_options options;
    char folder[64];
    char path[96];
    void (*body)(struct fixture *fixture) YIELDS;
    void *data;
};

static inline void fixture_init(struct fixture *fixture)
{
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/store-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/data.db", fixture->folder);
    fixture->arena = arena_new();
    fixture->options =
        (struct store_options){.path = fixture->path, .loop_count = 2, .fast_unsafe = true};
}

static inline void fixture_free(struct fixture *fixture)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    char name[128];
    for (size_t i = 0; i < countof(endings); i++) {
        snprintf(name, sizeof(name), "%s%s", fixture->path, endings[i]);
        assert_true(unlink(name) == 0 || errno == ENOENT);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    arena_free(fixture->arena);
}

static inline void check_ok(const err *e, const char *file, int line)
{
    if (e != NULL) {
        print_error("%.*s (%s:%d)\n", PRI(e->text), e->file, e->line);
        _fail(file, line);
    }
}

#define assert_ok(call) check_ok((call), __FILE__, __LINE__)

#define assert_code(call, wanted)                                                                  \
    do {                                                                                           \
        const err *code_err = (call);                                                              \
        assert_non_null(code_err);                                                                 \
        assert_int_equal(code_err->code, (wanted));                                                \
    } while (0)

static inline void fixture_fiber(void *arg) YIELDS
{
    struct fixture *fixture = arg;
    fixture->body(fixture);
    loop_stop(fixture->loop);
}

static inline void fixture_start(void *arg)
{
    fiber_start("test", fixture_fiber, arg);
}

// Runs `body` in a fiber, in a loop of its own.
static inline void fixture_run(
    struct fixture *fixture, void (*body)(struct fixture *fixture) YIELDS)
{
    fixture->body = body;
    fixture->loop = loop_new(0);
    loop_post(fixture->loop, fixture_start, fixture);
    loop_run(fixture->loop);
    loop_free(fixture->loop);
}

// Opens a fresh store, runs `body`, closes and removes it.
static inline void with_store(void (*body)(struct fixture *fixture) YIELDS)
{
    struct fixture fixture = {};
    fixture_init(&fixture);
    assert_ok(store_open(fixture.arena, &fixture.options, &fixture.store));
    fixture_run(&fixture, body);
    store_close(fixture.store);
    fixture_free(&fixture);
}

// JSON with single quotes for double ones.
static inline struct json *parse(struct arena *arena, const char *text)
{
    str copy = str_dup(arena, str_from(text));
    struct json *value = NULL;
    for (size_t i = 0; i < copy.len; i++) {
        if (copy.ptr[i] == '\'') {
            ((char *)copy.ptr)[i] = '"';
        }
    }
    assert_ok(json_parse(arena, copy, &value, NULL));
    return value;
}

static inline struct json *text_value(struct arena *arena, const char *text)
{
    return json_string(arena, str_from(text));
}

static inline void assert_json(struct arena *arena, const struct json *value, const char *wanted)
{
    const struct json *other = parse(arena, wanted);
    if (value == NULL || !json_equal(value, other)) {
        str text = value != NULL ? json_text(arena, value) : S("nothing");
        print_error("%.*s is not %s\n", PRI(text), wanted);
        fail_msg("JSON differs");
    }
}

// ---- short forms -------------------------------------------------------------------------------

#define STRING_KEY(text)                                                                           \
    {                                                                                              \
        .name = S_INIT(text), .type = STORE_KEY_STRING                                             \
    }
#define NUMBER_KEY(text)                                                                           \
    {                                                                                              \
        .name = S_INIT(text), .type = STORE_KEY_NUMBER                                             \
    }

static inline err *apply(
    struct fixture *fixture, const struct store_table_def *tables, size_t count) YIELDS
{
    return store_apply(fixture->store, fixture->arena, tables, count, NULL);
}

static inline err *write_one(struct fixture *fixture, struct store_write *write) YIELDS
{
    return store_write(fixture->store, fixture->arena, write, 1, NULL);
}

static inline err *put(struct fixture *fixture, const char *table, const char *item) YIELDS
{
    struct store_write write = {
        .kind = STORE_PUT, .table = str_from(table), .item = parse(fixture->arena, item)};
    return write_one(fixture, &write);
}

// Keys are given as JSON; NULL: none.
static inline const struct json *key(struct fixture *fixture, const char *text)
{
    return text != NULL ? parse(fixture->arena, text) : NULL;
}

static inline err *drop(
    struct fixture *fixture, const char *table, const char *pk, const char *sk) YIELDS
{
    struct store_write write = {.kind = STORE_DELETE,
        .table = str_from(table),
        .pk = key(fixture, pk),
        .sk = key(fixture, sk)};
    return write_one(fixture, &write);
}

static inline struct json *get(
    struct fixture *fixture, const char *table, const char *pk, const char *sk) YIELDS
{
    struct json *item = NULL;
    assert_ok(store_get(fixture->store, fixture->arena, str_from(table), key(fixture, pk),
        key(fixture, sk), &item));
    return item;
}

#define assert_item(fixture, table, pk, sk, wanted)                                                \
    assert_json((fixture)->arena, get((fixture), (table), (pk), (sk)), (wanted))

#define assert_none(fixture, table, pk, sk) assert_null(get((fixture), (table), (pk), (sk)))

#define assert_fails(call, wanted, words)                                                          \
    do {                                                                                           \
        const err *fails_err = (call);                                                             \
        assert_non_null(fails_err);                                                                \
        if (fails_err->code != (wanted) || !str_eq(fails_err->text, str_from(words))) {            \
            print_error("%d, %.*s\n", fails_err->code, PRI(fails_err->text));                      \
            fail_msg("not the error %d, %s", (wanted), (words));                                   \
        }                                                                                          \
    } while (0)

// Values of the attribute "id" of a page, joined with spaces.
static inline const char *ids(struct fixture *fixture, const struct store_page *page)
{
    struct buf out = buf_in(fixture->arena, SIZE_MAX / 4);
    for (size_t i = 0; i < page->count; i++) {
        const struct json *id = json_get(page->items[i], S("id"));
        assert_non_null(id);
        buf_add(&out, i > 0 ? S(" ") : S(""));
        buf_add(&out, id->text);
    }
    return str_cstr(fixture->arena, buf_str(&out));
}

static inline const char *query_ids(struct fixture *fixture, const struct store_query *query) YIELDS
{
    struct store_page page = {};
    assert_ok(store_query(fixture->store, fixture->arena, query, &page));
    return ids(fixture, &page);
}

static inline void verify(struct fixture *fixture) YIELDS
{
    assert_ok(store_verify(fixture->store, fixture->arena));
}

// A test of that name that runs `body` with a fresh store.
#define TEST(body)                                                                                 \
    static void test_##body(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        with_store(body);                                                                          \
    }
