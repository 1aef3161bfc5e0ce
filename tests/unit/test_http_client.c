// The outgoing client against our own server in the same process and on the same loop, in plain
// text and over TLS with a certificate of the local authority.
#include "crypto/ca.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[64]; // with the authority's files
    struct arena *arena;
    struct loop *loop;
    struct net_listener *listener;
    struct net_tls *tls;
    struct http_server server;
    struct http_router *router;
    const char *ca_pem;
    u16 port;
    void (*test)(struct world *world);
    struct fiber *other;
    int count;
    int handlers_cancelled;
    bool handler_waits;
};

// ---- what the server does ------------------------------------------------------------------
static struct world *the_world(struct http_req *req)
{
    return req->route_arg;
}

// Tells the request back: method, path, body, and the headers that matter.
static err *echo(struct http_req *req)
{
    str body;
    TRY(http_read_body(req, 1 << 20, &body));
    http_add_header(req, S("x-one"), S("first"));
    http_add_header(req, S("x-one"), S("second"));
    http_add_header(req, S("x-type"), http_header(req, S("content-type")));
    http_add_header(req, S("x-mine"), http_header(req, S("x-mine")));
    http_add_header(req, S("x-length"), str_fmt(req->arena, "%zu", body.len));
    the_world(req)->count++;
    return http_reply(req, 201, S("text/plain"),
        str_fmt(req->arena, "%d %.*s %.*s%s", req->method, PRI(req->target),
            PRI(str_sub(body, 0, 100)), req->is_tls ? " tls" : ""));
}

static err *chunked(struct http_req *req)
{
    TRY(http_begin(req, 200, S("text/plain"), UINT64_MAX));
    for (int i = 0; i < 100; i++) {
        TRY(http_write(req, str_fmt(req->arena, "piece %d;", i)));
        TRY(fiber_pause());
    }
    return http_end(req);
}

static err *large(struct http_req *req)
{
    char *bytes = arena_alloc(req->arena, 1 << 20);
    memset(bytes, 'x', 1 << 20);
    return http_reply(req, 200, S("text/plain"), (str){bytes, 1 << 20});
}

static err *never(struct http_req *req)
{
    struct world *world = the_world(req);
    world->handler_waits = true;
    err *e = fiber_sleep(60000);
    world->handlers_cancelled += e != NULL && e->code == ERR_CANCELLED;
    return e;
}

static err *many_headers(struct http_req *req)
{
    for (int i = 0; i < 300; i++) {
        http_add_header(req, str_fmt(req->arena, "x-%d", i), S("v"));
    }
    return http_reply(req, 200, S("text/plain"), S("ok"));
}

enum { MIB = 1 << 20, FLOOD = 64 * MIB };

// Counts what it is sent, slowly now and then.
static err *count_bytes(struct http_req *req)
{
    char *piece = arena_alloc(req->arena, 70000);
    u64 all = 0;
    size_t got = 1;
    for (int i = 0; got > 0; i++) {
        TRY(http_read_some(req, piece, 70000, &got));
        for (size_t k = 0; k < got; k++) {
            all += (u8)piece[k];
        }
        TRY(i % 32 == 31 ? fiber_sleep(2) : NULL);
    }
    return http_reply(
        req, 200, S("text/plain"), str_fmt(req->arena, "%llu", (unsigned long long)all));
}

static err *deny(struct http_req *req)
{
    return http_reply(req, 403, S("text/plain"), S("no"));
}

// More than fits anywhere on the way; `count` is what was taken so far.
static err *flood(struct http_req *req)
{
    struct world *world = the_world(req);
    char *piece = arena_alloc(req->arena, MIB);
    world->count = 0;
    TRY(http_begin(req, 200, S("text/plain"), FLOOD));
    while (world->count < FLOOD) {
        memset(piece, world->count / MIB, MIB);
        TRY(http_write(req, (str){piece, MIB}));
        world->count += MIB;
    }
    return http_end(req);
}

static err *cut(struct http_req *req)
{
    TRY(http_begin(req, 200, S("text/plain"), MIB));
    TRY(http_write(req, S("only this")));
    return err_make(req->arena, ERR_CLOSED, __FILE__, __LINE__, "enough");
}

static void add_route(struct world *world, str path, http_handler handler)
{
    http_router_add(world->router,
        &(struct http_route){.methods = HTTP_ANY, .path = path, .handler = handler, .arg = world});
}

// ---- running a test on a loop --------------------------------------------------------------
static void main_fiber(void *arg)
{
    struct world *world = arg;
    struct net_listen_options options = {
        .host = "127.0.0.1", .tls = world->tls, .serve = http_serve, .arg = &world->server};
    assert_null(net_listen(world->arena, &options, &world->listener));
    world->port = net_listener_port(world->listener);
    world->test(world);
    net_listener_abort(world->listener);
    net_listener_free(world->listener);
    loop_stop(world->loop);
}

static void start(void *arg)
{
    fiber_start("test", main_fiber, arg);
}

static void run(struct world *world, void (*test)(struct world *world))
{
    world->test = test;
    world->arena = arena_new();
    world->router = http_router_new();
    world->server = (struct http_server){world->router, HTTP_LIMITS_DEFAULT};
    add_route(world, S("/echo/*"), echo);
    add_route(world, S("/chunked"), chunked);
    add_route(world, S("/large"), large);
    add_route(world, S("/never"), never);
    add_route(world, S("/many"), many_headers);
    add_route(world, S("/count"), count_bytes);
    add_route(world, S("/deny"), deny);
    add_route(world, S("/flood"), flood);
    add_route(world, S("/cut"), cut);
    struct ca_files files;
    assert_null(crypto_ca_ensure(world->arena, world->dir, &(struct ca_options){}, &files));
    world->ca_pem = files.ca_pem;
    assert_null(net_tls_load(world->arena, files.server_pem, files.server_pem, &world->tls));
    world->loop = loop_new(0);
    loop_post(world->loop, start, world);
    loop_run(world->loop);
    loop_free(world->loop);
    net_tls_release(world->tls);
    http_router_free(world->router);
    arena_free(world->arena);
}

static str url(struct world *world, const char *form)
{
    return str_fmt(world->arena, form, world->port); // the form is a literal of this file
}

static err *get(struct world *world, str target, struct http_client_res *out)
{
    struct http_client_req req = {.method = S("GET"),
        .url = target,
        .timeout_ms = 20000,
        .response_max = 4096,
        .ca_pem = world->ca_pem};
    return http_fetch(world->arena, &req, out);
}

static str header(const struct http_client_res *res, str name, size_t nth)
{
    for (size_t i = 0; i < res->header_count; i++) {
        if (str_eq_nocase(res->headers[i].name, name) && nth-- == 0) {
            return res->headers[i].value;
        }
    }
    return (str){};
}

static void assert_text(str text, const char *expected)
{
    char *copy = str_cstr(fiber_arena(), text);
    assert_string_equal(copy, expected);
}

// ---- the tests -------------------------------------------------------------------------------
static void get_and_post(struct world *world)
{
    struct http_client_res res;
    assert_null(get(world, url(world, "http://127.0.0.1:%u/echo/a?b=c"), &res));
    assert_int_equal(res.status, 201);
    assert_text(res.body, "1 /echo/a?b=c ");
    assert_text(header(&res, S("X-One"), 0), "first");
    assert_text(header(&res, S("x-one"), 1), "second");
    assert_text(header(&res, S("x-type"), 0), "");

    struct http_header sent[] = {
        {S("Content-Type"), S("application/json")}, {S("X-Mine"), S("yes")}};
    struct http_client_req post = {.method = S("POST"),
        .url = url(world, "http://127.0.0.1:%u/echo/p"),
        .headers = sent,
        .header_count = 2,
        .body = S("{\"a\":1}"),
        .response_max = 4096};
    assert_null(http_fetch(world->arena, &post, &res));
    assert_text(res.body, "4 /echo/p {\"a\":1}");
    assert_text(header(&res, S("x-type"), 0), "application/json");
    assert_text(header(&res, S("x-mine"), 0), "yes");

    post.header_count = 0; // no body and no type of curl's own making
    post.body = (str){};
    assert_null(http_fetch(world->arena, &post, &res));
    assert_text(header(&res, S("x-type"), 0), "");
    assert_text(header(&res, S("x-length"), 0), "0");
    assert_int_equal(net_listener_connections(world->listener), 1); // kept and used again
}

static void other_methods(struct world *world)
{
    const struct {
        str method;
        str body;
        const char *answer;
    } cases[] = {{S("PUT"), S("x"), "8 /echo/m x"}, {S("DELETE"), (str){}, "16 /echo/m "},
        {S("DELETE"), S("why"), "16 /echo/m why"}, {S("PATCH"), S("x"), "64 /echo/m x"},
        {S("HEAD"), (str){}, ""}};

    for (size_t i = 0; i < countof(cases); i++) {
        struct http_client_res res;
        struct http_client_req req = {.method = cases[i].method,
            .url = url(world, "http://127.0.0.1:%u/echo/m"),
            .body = cases[i].body,
            .response_max = 4096};
        assert_null(http_fetch(world->arena, &req, &res));
        assert_int_equal(res.status, 201);
        assert_text(res.body, cases[i].answer);
    }
}

static void large_body(struct world *world)
{
    char *bytes = arena_alloc(world->arena, 1 << 20);
    memset(bytes, 'y', 1 << 20);
    struct http_client_res res;
    struct http_client_req req = {.method = S("POST"),
        .url = url(world, "https://localhost:%u/echo/big"),
        .body = {bytes, 1 << 20},
        .ca_pem = world->ca_pem,
        .response_max = 1 << 20};
    assert_null(http_fetch(world->arena, &req, &res));
    assert_text(header(&res, S("x-length"), 0), "1048576");
    req.method = S("GET");
    req.body = (str){};
    req.url = url(world, "https://localhost:%u/large");
    assert_null(http_fetch(world->arena, &req, &res)); // exactly what is allowed
    assert_int_equal(res.body.len, 1 << 20);
}

static void over_tls(struct world *world)
{
    struct http_client_res res;
    assert_null(get(world, url(world, "https://localhost:%u/echo/s"), &res));
    assert_text(res.body, "1 /echo/s  tls");
    assert_null(get(world, url(world, "https://127.0.0.1:%u/echo/s"), &res));
    assert_null(get(world, url(world, "https://bucket.s3.localhost:%u/echo/s"), &res));
    struct http_client_req req = {.method = S("GET"), // the system does not know the authority
        .url = url(world, "https://localhost:%u/echo/s"),
        .response_max = 4096};
    err *e = http_fetch(world->arena, &req, &res);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_IO);
    assert_true(str_find(e->text, S("certificate")) > 0);
}

static void chunks(struct world *world)
{
    struct http_client_res res;
    assert_null(get(world, url(world, "http://127.0.0.1:%u/chunked"), &res));
    assert_true(str_starts(res.body, S("piece 0;piece 1;")));
    assert_true(str_ends(res.body, S(";piece 99;")));
    assert_null(get(world, url(world, "https://localhost:%u/chunked"), &res));
    assert_int_equal(res.body.len, 10 * 8 + 90 * 9);
}

static void too_long(struct world *world)
{
    struct http_client_res res;
    err *e = get(world, url(world, "http://127.0.0.1:%u/large"), &res);
    assert_int_equal(e->code, ERR_TOO_LARGE);
    e = get(world, url(world, "http://127.0.0.1:%u/many"), &res);
    assert_int_equal(e->code, ERR_TOO_LARGE);
    assert_null(get(world, url(world, "http://127.0.0.1:%u/echo/x"), &res)); // and goes on
}

static void refused(struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0); // bound but not listening: nobody else gets the port
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    struct http_client_res res;
    str target = str_fmt(
        world->arena, "http://user:secret@127.0.0.1:%u/x?token=secret", ntohs(address.sin_port));
    err *e = get(world, target, &res);
    assert_int_equal(e->code, ERR_IO);
    assert_true(str_find(e->text, S("127.0.0.1:")) > 0);
    assert_true(str_find(e->text, S("secret")) < 0);
    close(fd);
}

static void times_out(struct world *world)
{
    struct http_client_res res;
    struct http_client_req req = {.method = S("GET"),
        .url = url(world, "http://127.0.0.1:%u/never"),
        .timeout_ms = 50,
        .response_max = 4096};
    u64 start_us = time_mono_us();
    err *e = http_fetch(world->arena, &req, &res);
    assert_int_equal(e->code, ERR_TIMEOUT);
    assert_true(time_mono_us() - start_us >= 49000);
    req.timeout_ms = 0; // the fiber's own deadline counts as well
    u64 old = fiber_deadline(time_mono_us() + 50000);
    e = http_fetch(world->arena, &req, &res);
    assert_int_equal(e->code, ERR_TIMEOUT);
    fiber_deadline(old);
}

static void fetches_for_ever(void *arg)
{
    struct world *world = arg;
    struct http_client_res res;
    err *e = get(world, url(world, "http://127.0.0.1:%u/never"), &res);
    assert_int_equal(e->code, ERR_CANCELLED);
    world->count++;
}

static void cancelled(struct world *world)
{
    struct fiber *fiber = fiber_start("fetch", fetches_for_ever, world);
    while (!world->handler_waits) {
        assert_null(fiber_pause());
    }
    fiber_cancel(fiber);
    while (world->count == 0) {
        assert_null(fiber_pause());
    }
    // The transfer's connection is closed with it, not kept.
    struct http_client_res res;
    assert_null(get(world, url(world, "http://127.0.0.1:%u/echo/x"), &res));
    assert_int_equal(net_listener_connections(world->listener), 2);
}

static void one_of_many(void *arg)
{
    struct world *world = arg;
    struct http_client_res res;
    bool tls = (uintptr_t)fiber_current() & 64;
    err *e = get(world,
        tls ? url(world, "https://localhost:%u/echo/n") : url(world, "http://127.0.0.1:%u/echo/n"),
        &res);
    assert_null(e);
    assert_int_equal(res.status, 201);
    world->handlers_cancelled++; // counts the answers here
}

static void many_at_once(struct world *world)
{
    for (int i = 0; i < 100; i++) {
        fiber_start("fetch", one_of_many, world);
    }
    while (world->handlers_cancelled < 100) {
        assert_null(fiber_sleep(1));
    }
    assert_int_equal(world->count, 100);
}

static void stopped_meanwhile(struct world *world)
{
    fiber_start("fetch", fetches_for_ever, world);
    while (!world->handler_waits) {
        assert_null(fiber_pause());
    }
    // The end of the test stops the loop, which cancels the fetch.
}

static void bad_requests(struct world *world)
{
    struct http_header split = {S("X-A"), S("b\r\nX-Evil: c")};
    struct http_header name = {S("X A"), S("b")};
    struct http_client_req good = {
        .method = S("GET"), .url = url(world, "http://127.0.0.1:%u/echo/b"), .response_max = 100};
    struct http_client_req bad[] = {good, good, good, good, good, good, good};
    struct http_client_res res;
    bad[0].headers = &split;
    bad[0].header_count = 1;
    bad[1].headers = &name;
    bad[1].header_count = 1;
    bad[2].method = S("GET /x HTTP/1.1\r\nA: b\r\n\r\n");
    bad[3].url = S("http://127.0.0.1/\r\nX: y");
    bad[4].url = S("file:///etc/passwd");
    bad[5].url = S("http://");
    bad[6].url = S("http://127.0.0.1\0.example.com/");
    for (size_t i = 0; i < countof(bad); i++) {
        err *e = http_fetch(world->arena, &bad[i], &res);
        assert_non_null(e);
        assert_int_equal(e->code, ERR_INVALID);
    }
    assert_int_equal(world->count, 0);
    assert_null(http_fetch(world->arena, &good, &res));
}

// ---- cmocka ----------------------------------------------------------------------------------
static int setup(void **state)
{
    struct world *world = mem_new(struct world);
    snprintf(world->dir, sizeof(world->dir), "/tmp/ampd-client-XXXXXX");
    *state = world;
    return mkdtemp(world->dir) == NULL;
}

// ---- streamed bodies -----------------------------------------------------------------------

static struct http_exchange *begin(
    struct world *world, struct http_client_req *req, const char *method, str target, u64 size)
{
    struct http_exchange *exchange = NULL;
    *req = (struct http_client_req){
        .method = str_from(method), .url = target, .timeout_ms = 20000, .ca_pem = world->ca_pem};
    assert_null(http_exchange_begin(world->arena, req, size, &exchange));
    return exchange;
}

static str read_all(struct world *world, struct http_exchange *exchange)
{
    struct buf out = buf_in(world->arena, MIB);
    char piece[3];
    size_t got = 0;
    do {
        assert_null(http_exchange_read(exchange, piece, sizeof(piece), &got));
        buf_add(&out, (str){piece, got});
    } while (got > 0);
    return buf_str(&out);
}

static void send_and_count(struct world *world, str target)
{
    enum { SIZE = 5000001 };

    char *bytes = arena_alloc(world->arena, SIZE);
    u64 sum = 0;
    struct http_client_req req;
    struct http_client_res res = {};
    random_bytes(bytes, SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        sum += (u8)bytes[i];
    }
    struct http_exchange *exchange = begin(world, &req, "PUT", target, SIZE);
    for (size_t at = 0, some = 1; at < SIZE; at += some, some = some * 3 + 1) {
        some = some < SIZE - at ? some : SIZE - at;
        assert_null(http_exchange_send(exchange, (str){bytes + at, some}));
    }
    assert_null(http_exchange_head(exchange, &res));
    assert_int_equal(res.status, 200);
    str expected = str_fmt(world->arena, "%llu", (unsigned long long)sum);
    assert_true(str_eq(read_all(world, exchange), expected));
    http_exchange_end(exchange);
    http_exchange_end(exchange);
    http_exchange_end(NULL);
}

static void exchange_sends(struct world *world)
{
    send_and_count(world, url(world, "http://127.0.0.1:%d/count"));
    send_and_count(world, url(world, "https://localhost:%d/count"));
}

static void exchange_is_answered_early(struct world *world)
{
    char *bytes = arena_alloc(world->arena, MIB);
    struct http_client_req req;
    struct http_client_res res = {};
    u64 began = time_mono_us();
    struct http_exchange *exchange =
        begin(world, &req, "PUT", url(world, "http://127.0.0.1:%d/deny"), 64 * MIB);
    for (int i = 0; i < 64; i++) {
        assert_null(http_exchange_send(exchange, (str){bytes, MIB}));
    }
    assert_null(http_exchange_head(exchange, &res));
    assert_int_equal(res.status, 403);
    assert_true(str_eq(read_all(world, exchange), S("no")));
    http_exchange_end(exchange);
    assert_true(time_mono_us() - began < 10000000);
}

static void exchange_holds_back(struct world *world)
{
    char *bytes = arena_alloc(world->arena, MIB);
    struct http_client_req req;
    struct http_client_res res = {};
    size_t got = 1;
    u64 all = 0;
    struct http_exchange *exchange =
        begin(world, &req, "GET", url(world, "http://127.0.0.1:%d/flood"), UINT64_MAX);
    assert_null(http_exchange_head(exchange, &res));
    assert_int_equal(res.status, 200);
    size_t used = arena_used(world->arena);
    assert_null(fiber_sleep(100));
    assert_true(world->count < FLOOD / 2); // what nobody reads is not sent
    while (got > 0) {
        assert_null(http_exchange_read(exchange, bytes, MIB, &got));
        for (size_t i = 0; i < got; i += 997) {
            assert_int_equal(bytes[i], (all + i) / MIB);
        }
        all += got;
    }
    assert_int_equal(all, FLOOD);
    assert_true(arena_used(world->arena) - used <= 256 * 1024);
    http_exchange_end(exchange);
}

static void exchange_fails(struct world *world)
{
    char bytes[64];
    size_t got = 0;
    struct http_client_req req;
    struct http_client_res res = {};
    struct http_exchange *exchange =
        begin(world, &req, "GET", url(world, "http://127.0.0.1:%d/cut"), UINT64_MAX);
    assert_null(http_exchange_head(exchange, &res));
    err *e = http_exchange_read(exchange, bytes, sizeof(bytes), &got);
    e = e == NULL ? http_exchange_read(exchange, bytes, sizeof(bytes), &got) : e;
    assert_non_null(e);
    assert_int_equal(e->code, ERR_IO);
    http_exchange_end(exchange);
    exchange = begin(world, &req, "GET", url(world, "http://127.0.0.1:%d/never"), UINT64_MAX);
    req.timeout_ms = 100;
    e = http_exchange_head(exchange, &res);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_TIMEOUT);
    http_exchange_end(exchange);
    exchange = begin(world, &req, "GET", S("http://127.0.0.1:1/x"), UINT64_MAX);
    e = http_exchange_head(exchange, &res);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_IO);
    http_exchange_end(exchange);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *world = *state;
    int failed = nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    mem_free(world);
    return failed;
}

#define CLIENT_TESTS(X)                                                                            \
    X(get_and_post)                                                                                \
    X(other_methods)                                                                               \
    X(large_body)                                                                                  \
    X(over_tls)                                                                                    \
    X(chunks)                                                                                      \
    X(too_long)                                                                                    \
    X(refused)                                                                                     \
    X(times_out)                                                                                   \
    X(cancelled)                                                                                   \
    X(many_at_once)                                                                                \
    X(stopped_meanwhile)                                                                           \
    X(exchange_sends)                                                                              \
    X(exchange_is_answered_early)                                                                  \
    X(exchange_holds_back)                                                                         \
    X(exchange_fails)                                                                              \
    X(bad_requests)
#define DEFINE(name)                                                                               \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        run(*state, name);                                                                         \
    }
CLIENT_TESTS(DEFINE)
#define ENTRY(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown),

int main(void)
{
    const struct CMUnitTest tests[] = {CLIENT_TESTS(ENTRY)};
    return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}
