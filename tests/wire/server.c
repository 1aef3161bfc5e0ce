// A server with every kind of route, for the tests of HTTP and WebSocket and for benchmarks.
// server [--tls] [--NAME NUMBER]...   prints "PORT n" and ends when its standard input ends.
#include "http/http.h"
#include "json/json.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 16 * 1024 * 1024 };

struct options {
    u64 head_timeout;
    u64 body_timeout;
    u64 idle_timeout;
    u64 write_timeout;
    u64 head_max;
    u64 requests_max;
    u64 queue_max;
    bool tls;
};

struct app {
    struct options options;
    struct http_server server;
    struct http_router *router;
    struct net_listener *listener;
    struct loop *loop;
    uv_pipe_t input;
    size_t handled; // requests that reached a handler
    size_t sockets;
    size_t cut_off;
};

static struct app *app_of(struct http_req *req)
{
    struct app *app = req->route_arg;
    app->handled++;
    return app;
}

static u64 number(struct http_req *req, str name, u64 otherwise)
{
    u64 value = otherwise;
    return str_to_u64(http_query(req, name), &value) ? value : otherwise;
}

// ---- HTTP ----------------------------------------------------------------------------------

static err *hello(struct http_req *req)
{
    app_of(req);
    return http_reply(req, 200, S("text/plain"), S("hello, world\n"));
}

static err *echo(struct http_req *req)
{
    str body = {};
    app_of(req);
    TRY(http_read_body(req, 4 * 1024 * 1024, &body));
    return http_reply(req, 200, S("application/octet-stream"), body);
}

static err *stream_echo(struct http_req *req)
{
    char bytes[4096];
    size_t got = 0;
    app_of(req);
    TRY(http_read_some(req, bytes, sizeof(bytes), &got));
    TRY(http_begin(req, 200, S("application/octet-stream"), UINT64_MAX));
    while (got > 0) {
        TRY(http_write(req, (str){bytes, got}));
        TRY(http_read_some(req, bytes, sizeof(bytes), &got));
    }
    return http_end(req);
}

// Counts a body of any size.
static err *swallow(struct http_req *req)
{
    char bytes[16 * 1024 / 4];
    size_t got = 1;
    u64 total = 0;
    app_of(req);
    while (got > 0) {
        TRY(http_read_some(req, bytes, sizeof(bytes), &got));
        total += got;
    }
    return http_reply(
        req, 200, S("text/plain"), str_fmt(req->arena, "%llu", (unsigned long long)total));
}

// ?count pieces of ?size bytes; with ?length it is told beforehand.
static err *stream(struct http_req *req)
{
    u64 count = number(req, S("count"), 3);
    u64 size = number(req, S("size"), 10);
    char *piece = arena_alloc(req->arena, size);
    memset(piece, 'x', size);
    app_of(req);
    bool told = http_query(req, S("length")).ptr != NULL;
    TRY(http_begin(req, 200, S("text/plain"), told ? count * size : UINT64_MAX));
    for (u64 i = 0; i < count; i++) {
        TRY(http_write(req, (str){piece, size}));
    }
    return http_end(req);
}

static err *too_short(struct http_req *req)
{
    app_of(req);
    TRY(http_begin(req, 200, S("text/plain"), 10));
    TRY(http_write(req, S("12345")));
    return http_end(req);
}

static err *slow(struct http_req *req)
{
    app_of(req);
    TRY(fiber_sleep(number(req, S("ms"), 50)));
    return http_reply(req, 200, S("text/plain"), S("slept\n"));
}

static err *no_content(struct http_req *req)
{
    app_of(req);
    return http_reply_empty(req, 204);
}

static err *ignore_body(struct http_req *req)
{
    app_of(req);
    return http_reply(req, 200, S("text/plain"), S("ignored\n"));
}

static err *silent(struct http_req *req)
{
    app_of(req);
    return NULL;
}

static err *failing(struct http_req *req)
{
    app_of(req);
    bool forbidden = str_eq(req->query, S("forbidden"));
    return fail(req->arena, forbidden ? ERR_FORBIDDEN : ERR_INTERNAL, "asked \"to\" fail");
}

static err *fail_late(struct http_req *req)
{
    app_of(req);
    TRY(http_begin(req, 200, S("text/plain"), UINT64_MAX));
    TRY(http_write(req, S("begun")));
    return fail(req->arena, ERR_INTERNAL, "asked to fail");
}

static err *header(struct http_req *req)
{
    app_of(req);
    http_add_header(req, S("X-Value"), http_query(req, S("value")));
    return http_reply(req, 200, http_query(req, S("type")), S(""));
}

static err *info(struct http_req *req)
{
    struct buf out = buf_in(req->arena, 1 << 20);
    struct json_writer w;
    str decoded = S("?");
    app_of(req);
    (void)http_url_decode(req->arena, req->path, false, &decoded);
    jw_init(&w, &out);
    jw_object(&w);
    jw_key(&w, S("method"));
    jw_int(&w, (i64)req->method);
    jw_member(&w, S("target"), req->target);
    jw_member(&w, S("path"), req->path);
    jw_member(&w, S("decoded"), decoded);
    jw_member(&w, S("query"), req->query);
    jw_member(&w, S("name"), http_query(req, S("name")));
    jw_member(&w, S("encoded"), http_url_encode(req->arena, http_query(req, S("name"))));
    jw_member(&w, S("host"), req->host);
    jw_member(&w, S("rest"), req->route_rest);
    jw_member(&w, S("peer"), req->peer);
    jw_key(&w, S("tls"));
    jw_bool(&w, req->is_tls);
    jw_key(&w, S("headers"));
    jw_object(&w);
    for (size_t i = 0; i < req->header_count; i++) {
        jw_member(&w, req->headers[i].name, req->headers[i].value);
    }
    jw_end_object(&w);
    jw_end_object(&w);
    return http_reply(req, 200, S("application/json"), buf_str(&out));
}

static u64 resident_kib(void)
{
    unsigned long pages = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &pages, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return (u64)resident * (u64)sysconf(_SC_PAGESIZE) / 1024;
}

static err *stats(struct http_req *req)
{
    struct app *app = req->route_arg; // does not count
    str text = str_fmt(req->arena,
        "{\"handled\":%zu,\"sockets\":%zu,\"cutOff\":%zu,\"connections\":%zu,\"fibers\":%zu,"
        "\"residentKiB\":%llu}",
        app->handled, app->sockets, app->cut_off, net_listener_connections(app->listener),
        loop_fiber_count(app->loop), (unsigned long long)resident_kib());
    return http_reply(req, 200, S("application/json"), text);
}

// ---- WebSocket -----------------------------------------------------------------------------

// Echoes; the sub-protocol is the one asked for by ?select, or the first that begins with "echo".
static err *ws_echo(struct http_req *req)
{
    struct app *app = app_of(req);
    struct ws *ws = NULL;
    str wanted = http_query(req, S("select"));
    str protocol = wanted.len > 0 ? (ws_offers(req, wanted) ? wanted : (str){})
                                  : ws_protocol_with_prefix(req, S("echo"));
    TRY(ws_accept(req, protocol, number(req, S("max"), MESSAGE_MAX), &ws));
    app->sockets++;
    struct arena *arena = arena_new();
    for (;;) {
        enum ws_kind kind = WS_CLOSE;
        str message = {};
        err *e = ws_read(ws, arena, &kind, &message);
        if (e != NULL || kind == WS_CLOSE) {
            break;
        }
        if (kind == WS_TEXT && str_eq(message, S("close me"))) {
            ws_close(ws, 4001, S("as you wish"));
        }
        if (kind == WS_TEXT && str_eq(message, S("return"))) {
            break;
        }
        if (!(kind == WS_TEXT ? ws_send(ws, message) : ws_send_binary(ws, message))) {
            app->cut_off++;
            ws_close(ws, 1008, S("too slow"));
        }
        arena_reset(arena);
    }
    arena_free(arena);
    app->sockets--;
    return NULL;
}

struct flood {
    struct ws *ws;
    struct app *app;
    bool done;
    bool gone; // the reader has ended
    struct cond ended;
};

// Sends until the queue's bound is reached, as a publisher would to a reader that does not read.
static void flood_fiber(void *arg) YIELDS;

static void flood_fiber(void *arg)
{
    struct flood *flood = arg;
    struct ws_shared *shared = ws_shared_new(S("0123456789012345678901234567890123456789"));
    for (int i = 0; !flood->gone; i++) {
        bool sent = ws_send_shared(flood->ws, S("<"), shared, S(">"));
        if (!sent) {
            flood->app->cut_off++;
            ws_close(flood->ws, 1008, S("too slow"));
            break;
        }
        if (i % 100 == 99 && fiber_pause() != NULL) {
            break;
        }
    }
    ws_shared_release(shared);
    flood->done = true;
    cond_signal_all(&flood->ended);
}

static err *ws_flood(struct http_req *req)
{
    struct app *app = app_of(req);
    struct flood flood = {.app = app};
    enum ws_kind kind = WS_TEXT;
    str message = {};
    TRY(ws_accept(req, (str){}, MESSAGE_MAX, &flood.ws));
    ws_set_queue_max(flood.ws, app->options.queue_max);
    app->sockets++;
    fiber_start("flood", flood_fiber, &flood);
    while (kind != WS_CLOSE && ws_read(flood.ws, req->arena, &kind, &message) == NULL) {
    }
    flood.gone = true;
    while (!flood.done && cond_wait(&flood.ended) == NULL) {
    }
    while (!flood.done) { // cancelled meanwhile: the other fiber still uses our stack
        (void)fiber_pause();
    }
    app->sockets--;
    return NULL;
}

// ---- start -----------------------------------------------------------------------------------

static void add(struct app *app, unsigned methods, str path, http_handler handler, bool cors)
{
    struct http_route route = {
        .methods = methods, .path = path, .handler = handler, .arg = app, .cors = cors};
    http_router_add(app->router, &route);
}

static void add_routes(struct app *app)
{
    app->router = http_router_new();
    http_router_add(app->router, &(struct http_route){.methods = HTTP_GET,
                                     .path = S("/info"),
                                     .host = S("one.example"),
                                     .handler = hello,
                                     .arg = app});
    http_router_add(app->router, &(struct http_route){.methods = HTTP_GET,
                                     .path = S("/info"),
                                     .host = S("*.wild.example"),
                                     .handler = hello,
                                     .arg = app});
    add(app, HTTP_GET, S("/hello"), hello, false);
    add(app, HTTP_POST | HTTP_PUT, S("/echo"), echo, false);
    add(app, HTTP_POST, S("/stream-echo"), stream_echo, false);
    add(app, HTTP_POST, S("/swallow"), swallow, false);
    add(app, HTTP_GET, S("/stream"), stream, false);
    add(app, HTTP_GET, S("/short"), too_short, false);
    add(app, HTTP_GET, S("/slow"), slow, false);
    add(app, HTTP_GET | HTTP_DELETE, S("/no-content"), no_content, false);
    add(app, HTTP_POST, S("/ignore"), ignore_body, false);
    add(app, HTTP_GET, S("/silent"), silent, false);
    add(app, HTTP_GET, S("/fail"), failing, true);
    add(app, HTTP_GET, S("/fail-late"), fail_late, false);
    add(app, HTTP_GET, S("/header"), header, false);
    add(app, HTTP_ANY, S("/info"), info, false);
    add(app, HTTP_ANY, S("/below/*"), info, false);
    add(app, HTTP_POST, S("/graphql"), echo, true);
    add(app, HTTP_ANY, S("/any"), info, true);
    add(app, HTTP_GET, S("/stats"), stats, false);
    add(app, HTTP_GET, S("/ws"), ws_echo, false);
    add(app, HTTP_GET, S("/ws-flood"), ws_flood, false);
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 24L * 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const u8 *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    X509_add_ext(cert, names, -1);
    X509_EXTENSION_free(names);
    check(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

// A certificate of its own, written for a moment only: nothing stays behind.
static struct net_tls *make_tls(struct arena *arena)
{
    char path[] = "/tmp/ampd-wire.XXXXXX";
    struct net_tls *tls = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_certificate(key);
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    check(file != NULL && PEM_write_X509(file, cert) == 1 &&
          PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    err *e = net_tls_load(arena, path, path, &tls);
    unlink(path);
    check(e == NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    return tls;
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
    static char bytes[256];
    (void)handle;
    (void)size;
    *out = uv_buf_init(bytes, sizeof(bytes));
}

static void on_input(uv_stream_t *stream, ssize_t got, const uv_buf_t *bytes)
{
    struct app *app = stream->data;
    (void)bytes;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        net_listener_drain(app->listener);
        loop_stop(app->loop);
    }
}

static void start(void *arg)
{
    struct app *app = arg;
    struct arena *arena = arena_new();
    struct net_tls *tls = app->options.tls ? make_tls(arena) : NULL;
    err *e = net_listen(arena,
        &(struct net_listen_options){
            .host = "127.0.0.1", .tls = tls, .serve = http_serve, .arg = &app->server},
        &app->listener);
    check(e == NULL);
    net_tls_release(tls);
    printf("PORT %u\n", net_listener_port(app->listener));
    fflush(stdout);
    arena_free(arena);
    app->input.data = app;
    check(uv_pipe_init(loop_uv(app->loop), &app->input, 0) == 0);
    check(uv_pipe_open(&app->input, 0) == 0);
    check(uv_read_start((uv_stream_t *)&app->input, on_room, on_input) == 0);
}

static void read_options(int argc, char **argv, struct options *out)
{
    const struct {
        const char *name;
        u64 *place;
    } NUMBERS[] = {{"--head-timeout", &out->head_timeout}, {"--body-timeout", &out->body_timeout},
        {"--idle-timeout", &out->idle_timeout}, {"--write-timeout", &out->write_timeout},
        {"--head-max", &out->head_max}, {"--requests-max", &out->requests_max},
        {"--queue-max", &out->queue_max}};

    for (int i = 1; i < argc; i++) {
        bool known = strcmp(argv[i], "--tls") == 0;
        out->tls = out->tls || known;
        for (size_t k = 0; k < countof(NUMBERS) && !known && i + 1 < argc; k++) {
            if (strcmp(argv[i], NUMBERS[k].name) == 0) {
                known = str_to_u64(str_from(argv[++i]), NUMBERS[k].place);
            }
        }
        if (!known) {
            fprintf(stderr, "server: what is %s?\n", argv[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct http_limits limits = HTTP_LIMITS_DEFAULT;
    struct app app = {.options = {.head_timeout = limits.head_timeout_ms,
                          .body_timeout = limits.body_timeout_ms,
                          .idle_timeout = limits.idle_timeout_ms,
                          .write_timeout = limits.write_timeout_ms,
                          .head_max = limits.head_max,
                          .requests_max = limits.requests_max,
                          .queue_max = 256 * 1024}};
    read_options(argc, argv, &app.options);
    add_routes(&app);
    limits.head_timeout_ms = app.options.head_timeout;
    limits.body_timeout_ms = app.options.body_timeout;
    limits.idle_timeout_ms = app.options.idle_timeout;
    limits.write_timeout_ms = app.options.write_timeout;
    limits.head_max = app.options.head_max;
    limits.requests_max = app.options.requests_max;
    app.server = (struct http_server){.router = app.router, .limits = limits};
    app.loop = loop_new(0);
    loop_post(app.loop, start, &app);
    loop_run(app.loop);
    net_listener_free(app.listener);
    loop_free(app.loop);
    http_router_free(app.router);
    return 0;
}
