// Listeners and streams against clients in another thread, which use plain blocking sockets and
// OpenSSL. What a client or a server fiber expects is checked with check(), which ends the program:
// cmocka's own assertions only work on the main thread's stack.
#include "crypto/ca.h"
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[64];
    struct arena *arena;
    struct loop *loop;
    struct ca_files files;
    struct net_tls *tls;
    struct net_listener *listener;
    struct wake client_done;
    u16 port;
    size_t connections_max;
    void (*serve)(struct net_stream *stream, void *arg);
    void (*client)(struct world *world); // on a thread of its own
    _Atomic int served;                  // what the server's fibers count
    _Atomic int ended;
    _Atomic enum err_code code; // of the server's last failure
    struct fiber *fiber;
};

// ---- the frame -------------------------------------------------------------------------------
static void *client_thread(void *arg)
{
    struct world *world = arg;
    world->client(world);
    wake_send(&world->client_done);
    return NULL;
}

static void main_fiber(void *arg)
{
    struct world *world = arg;
    struct net_listen_options options = {.host = "127.0.0.1",
        .tls = world->tls,
        .connections_max = world->connections_max,
        .serve = world->serve,
        .arg = world};
    pthread_t thread;
    check(net_listen(world->arena, &options, &world->listener) == NULL);
    world->port = net_listener_port(world->listener);
    wake_init(&world->client_done);
    check(pthread_create(&thread, NULL, client_thread, world) == 0);
    wake_wait(&world->client_done);
    pthread_join(thread, NULL);
    net_listener_abort(world->listener);
    net_listener_free(world->listener);
    loop_stop(world->loop);
}

static void start(void *arg)
{
    fiber_start("test", main_fiber, arg);
}

static void run(struct world *world, void (*serve)(struct net_stream *stream, void *arg),
    void (*client)(struct world *world))
{
    world->serve = serve;
    world->client = client;
    world->loop = loop_new(0);
    loop_post(world->loop, start, world);
    loop_run(world->loop);
    loop_free(world->loop);
}

static int setup(void **state)
{
    struct world *world = mem_new(struct world);
    *state = world;
    world->arena = arena_new();
    snprintf(world->dir, sizeof(world->dir), "/tmp/ampd-net-XXXXXX");
    check(mkdtemp(world->dir) != NULL);
    check(
        crypto_ca_ensure(world->arena, world->dir, &(struct ca_options){}, &world->files) == NULL);
    check(net_tls_load(
              world->arena, world->files.server_pem, world->files.server_pem, &world->tls) == NULL);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *world = *state;
    net_tls_release(world->tls);
    int failed = nftw(world->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(world->arena);
    mem_free(world);
    return failed;
}

static void await(_Atomic int *value, int wanted) // of the client's thread
{
    for (int i = 0; *value < wanted; i++) {
        check(i < 10000); // ten seconds
        usleep(1000);
    }
}

// ---- clients ---------------------------------------------------------------------------------
static int dial(struct world *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(world->port),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 20}; // a server that hangs fails the test
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    check(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

// Until no more arrives: the server has filled the buffers and waits.
static void await_full(int fd)
{
    int before = -1;
    int now = 0;
    for (int same = 0; same < 5; before = now) {
        usleep(1000);
        check(ioctl(fd, FIONREAD, &now) == 0);
        same = now > 0 && now == before ? same + 1 : 0;
    }
}

static void send_all(int fd, str text)
{
    check(send(fd, text.ptr, text.len, MSG_NOSIGNAL) == (ssize_t)text.len);
}

static void expect_text(int fd, str text)
{
    char bytes[256];
    check(text.len < sizeof(bytes));
    check(recv(fd, bytes, text.len, MSG_WAITALL) == (ssize_t)text.len);
    check(memcmp(bytes, text.ptr, text.len) == 0);
}

static void expect_end(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    check(got == 0 || (got < 0 && errno == ECONNRESET));
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) == 0);
    close(fd);
}

static SSL_CTX *client_ctx(struct world *world)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    check(ctx != NULL && SSL_CTX_load_verify_locations(ctx, world->files.ca_pem, NULL) == 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static SSL *tls_client(struct world *world, SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    check(ssl != NULL && SSL_set_fd(ssl, dial(world)) == 1);
    check(SSL_set1_host(ssl, "localhost") == 1 && SSL_set_tlsext_host_name(ssl, "localhost") == 1);
    return ssl;
}

static void tls_free(SSL *ssl)
{
    int fd = SSL_get_fd(ssl);
    SSL_free(ssl);
    ERR_clear_error();
    close(fd);
}

static void tls_expect(SSL *ssl, str text)
{
    char bytes[256];
    for (size_t have = 0, got = 0; have < text.len; have += got) {
        check(SSL_read_ex(ssl, bytes + have, text.len - have, &got) == 1);
    }
    check(memcmp(bytes, text.ptr, text.len) == 0);
}

static void tls_send(SSL *ssl, str text)
{
    check(SSL_write(ssl, text.ptr, (int)text.len) == (int)text.len);
}

// ---- servers ---------------------------------------------------------------------------------
static void note(struct world *world, err *e)
{
    world->code = e != NULL ? e->code : ERR_INTERNAL;
    world->ended++;
}

// Sends back what comes; "bye" when the peer has ended its side.
static void echo(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    char bytes[4096];
    size_t got = 0;
    err *e = NULL;
    world->served++;
    while ((e = net_read(stream, bytes, sizeof(bytes), &got)) == NULL && got > 0) {
        e = net_write(stream, (str){bytes, got});
        if (e != NULL) {
            break;
        }
    }
    if (e == NULL) {
        e = net_write2(stream, S("b"), S("ye"));
        net_shutdown(stream);
    }
    note(world, e);
}

static void tell_tls(struct net_stream *stream, void *arg)
{
    (void)arg;
    str peer = net_peer(stream);
    err *e = net_write2(stream, net_is_tls(stream) ? S("tls ") : S("plain "), peer);
    check(e == NULL);
    net_shutdown(stream);
}

static void sleeps(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    char byte;
    size_t got = 0;
    check(net_read(stream, &byte, 1, &got) == NULL && got == 1);
    world->served++;
    note(world, fiber_sleep(100000));
}

static const size_t MUCH = 8 << 20;

static void writes_much(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    char byte;
    size_t got = 0;
    check(net_read(stream, &byte, 1, &got) == NULL);
    char *bytes = mem_alloc(MUCH);
    for (size_t i = 0; i < MUCH; i++) {
        bytes[i] = (char)(i * 7 >> 3);
    }
    world->served++;
    err *e = net_write2(stream, (str){bytes, MUCH / 3}, (str){bytes + MUCH / 3, MUCH - MUCH / 3});
    mem_free(bytes);
    if (e == NULL) {
        net_shutdown(stream);
    }
    note(world, e);
}

// As writes_much, out of a file, its first byte by itself and with what follows behind it.
static void sends_file(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    char name[] = "/tmp/ampd-net-XXXXXX";
    int file = mkstemp(name);
    char byte;
    size_t got = 0;
    check(file >= 0 && unlink(name) == 0 && net_read(stream, &byte, 1, &got) == NULL);
    char *bytes = mem_alloc(MUCH);
    for (size_t i = 0; i < MUCH; i++) {
        bytes[i] = (char)(i * 7 >> 3);
    }
    check(write(file, bytes, MUCH) == (ssize_t)MUCH);
    world->served++;
    err *e = net_write_more(stream, (str){bytes, 1});
    e = e == NULL ? net_send_file(stream, world->arena, file, 1, 12345) : e;
    e = e == NULL ? net_send_file(stream, world->arena, file, 12346, MUCH - 12346) : e;
    mem_free(bytes);
    if (e == NULL) {
        err *over = net_send_file(stream, world->arena, file, MUCH, 1); // behind its end
        check(over != NULL && over->code == ERR_IO);
        net_shutdown(stream);
    }
    close(file);
    note(world, e);
}

static void writes_with_timeout(struct net_stream *stream, void *arg)
{
    net_set_timeouts(stream, 0, 50);
    writes_much(stream, arg);
}

static void reads_with_timeout(struct net_stream *stream, void *arg)
{
    char byte;
    size_t got = 0;
    net_set_timeouts(stream, 50, 0);
    err *e = net_read(stream, &byte, 1, &got);
    note(arg, e == NULL && got == 1 ? net_read(stream, &byte, 1, &got) : e);
}

static void idle_reader(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    char byte;
    size_t got = 0;
    check(net_read(stream, &byte, 1, &got) == NULL && got == 1);
    net_stream_set_idle(stream, byte == 'i');
    world->served++;
    err *e = net_read(stream, &byte, 1, &got);
    note(world, e);
}

// ---- plain text ------------------------------------------------------------------------------
static void half_close(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("hello"));
    expect_text(fd, S("hello"));
    shutdown(fd, SHUT_WR);
    expect_text(fd, S("bye"));
    expect_end(fd);
    close(fd);
}

static void both_on_one_port(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    expect_text(fd, S("plain 127.0.0.1"));
    expect_end(fd);
    close(fd);
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    check(SSL_connect(ssl) == 1);
    tls_expect(ssl, S("tls 127.0.0.1"));
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static void resets(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->served, 1);
    reset(fd);
    await(&world->ended, 1); // long before its sleep ends
    check(world->code == ERR_CANCELLED);
}

static void only_ends_its_side(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->served, 1);
    shutdown(fd, SHUT_WR);
    int other = dial(world); // served after the end of the first was seen
    send_all(other, S("x"));
    await(&world->served, 2);
    check(world->ended == 0);
    close(fd);
    close(other);
}

static void takes_all_slowly(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->served, 1);
    await_full(fd);
    check(world->ended == 0);
    static char bytes[100000];
    size_t total = 0;
    for (ssize_t got; (got = recv(fd, bytes, sizeof(bytes), 0)) > 0; total += (size_t)got) {
        for (ssize_t i = 0; i < got; i++) {
            check(bytes[i] == (char)((total + (size_t)i) * 7 >> 3));
        }
    }
    check(total == MUCH);
    close(fd);
}

static void goes_while_written_to(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->served, 1);
    close(fd); // the server has filled the buffers: its next write meets a closed socket
    await(&world->ended, 1);
    check(world->code == ERR_CLOSED || world->code == ERR_CANCELLED);
}

static void takes_nothing(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->ended, 1);
    check(world->code == ERR_TIMEOUT);
    close(fd);
}

static void says_nothing(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("x"));
    await(&world->ended, 1);
    check(world->code == ERR_TIMEOUT);
    expect_end(fd);
    close(fd);
}

static void too_many(struct world *world)
{
    int first = dial(world);
    send_all(first, S("1"));
    expect_text(first, S("1"));
    int second = dial(world);
    expect_end(second);
    close(second);
    shutdown(first, SHUT_WR);
    expect_text(first, S("bye"));
    expect_end(first);
    close(first);
    await(&world->ended, 1);
    for (bool taken = false; !taken;) { // the place is free once the fiber has ended
        int third = dial(world);
        char byte = 'x';
        taken = send(third, &byte, 1, MSG_NOSIGNAL) == 1 && recv(third, &byte, 1, 0) == 1;
        close(third);
    }
}

// Uses up all descriptors of the process: a connection is then taken and ended, and not left to
// make the loop spin.
static void no_descriptors(struct world *world)
{
    struct rlimit old, low;
    int held[64];
    size_t count = 0;
    int first = dial(world);
    send_all(first, S("1"));
    expect_text(first, S("1"));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(getrlimit(RLIMIT_NOFILE, &old) == 0);
    low = (struct rlimit){.rlim_cur = 64, .rlim_max = old.rlim_max};
    check(setrlimit(RLIMIT_NOFILE, &low) == 0);
    for (int copy; count < countof(held) && (copy = dup(first)) >= 0;) {
        held[count++] = copy;
    }
    check(errno == EMFILE);
    struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons(world->port),
        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    check(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    expect_end(fd);
    send_all(first, S("2")); // those that are there go on
    expect_text(first, S("2"));
    while (count > 0) {
        close(held[--count]);
    }
    check(setrlimit(RLIMIT_NOFILE, &old) == 0);
    close(fd);
    int again = dial(world);
    send_all(again, S("3"));
    expect_text(again, S("3"));
    close(again);
    close(first);
}

// ---- draining and aborting -------------------------------------------------------------------
static void drain_on_loop(void *arg)
{
    net_listener_drain(((struct world *)arg)->listener);
}

static void abort_on_loop(void *arg)
{
    net_listener_abort(((struct world *)arg)->listener);
}

static void drained(struct world *world)
{
    int idle = dial(world);
    int busy = dial(world);
    int silent = dial(world); // has not sent its first byte: idle as well
    send_all(idle, S("i"));
    send_all(busy, S("b"));
    await(&world->served, 2);
    loop_post(world->loop, drain_on_loop, world);
    expect_end(idle);
    expect_end(silent);
    check(world->ended == 1 && world->code == ERR_CANCELLED);
    send_all(busy, S("x"));
    await(&world->ended, 2);
    check(world->code == ERR_INTERNAL); // no error: it was let finish
    expect_end(busy);
    close(idle);
    close(busy);
    close(silent);
}

static void aborted(struct world *world)
{
    int fds[16];
    for (size_t i = 0; i < countof(fds); i++) {
        fds[i] = dial(world);
        send_all(fds[i], S("b"));
    }
    // Some are served by now, others are only accepted, or not even that.
    loop_post(world->loop, abort_on_loop, world);
    for (size_t i = 0; i < countof(fds); i++) {
        expect_end(fds[i]);
        close(fds[i]);
    }
}

// ---- TLS -------------------------------------------------------------------------------------
static void tls_half_close(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    char byte;
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("hello"));
    tls_expect(ssl, S("hello"));
    check(SSL_shutdown(ssl) == 0); // close_notify: our side ends, theirs does not
    tls_expect(ssl, S("bye"));
    int result = SSL_read(ssl, &byte, 1);
    check(SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN); // their close_notify
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static void tls_cut(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("hello"));
    tls_expect(ssl, S("hello"));
    shutdown(SSL_get_fd(ssl), SHUT_WR); // without close_notify, as some clients do
    tls_expect(ssl, S("bye"));
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static void tls_takes_all_slowly(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("x"));
    await(&world->served, 1);
    await_full(SSL_get_fd(ssl));
    check(world->ended == 0);
    static char bytes[100000];
    size_t total = 0;
    for (size_t got; SSL_read_ex(ssl, bytes, sizeof(bytes), &got) == 1; total += got) {
        for (size_t i = 0; i < got; i++) {
            check(bytes[i] == (char)((total + i) * 7 >> 3));
        }
    }
    check(total == MUCH);
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static void tls_goes_while_written_to(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("x"));
    await(&world->served, 1);
    tls_free(ssl);
    await(&world->ended, 1);
    check(world->code == ERR_CLOSED || world->code == ERR_CANCELLED);
    SSL_CTX_free(ctx);
}

static void tls_cancelled(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    char byte;
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("i")); // the fiber waits in SSL_read for more
    await(&world->served, 1);
    loop_post(world->loop, drain_on_loop, world);
    check(SSL_read(ssl, &byte, 1) <= 0);
    await(&world->ended, 1);
    check(world->code == ERR_CANCELLED);
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static void versions(struct world *world)
{
    const struct {
        int version;
        bool works;
    } cases[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};

    for (size_t i = 0; i < countof(cases); i++) {
        SSL_CTX *ctx = client_ctx(world);
        SSL_CTX_set_security_level(ctx, 0); // lets the client offer TLS 1.1
        SSL_CTX_set_min_proto_version(ctx, cases[i].version);
        SSL_CTX_set_max_proto_version(ctx, cases[i].version);
        SSL *ssl = tls_client(world, ctx);
        check((SSL_connect(ssl) == 1) == cases[i].works);
        tls_free(ssl);
        SSL_CTX_free(ctx);
    }
}

static void alpn(struct world *world)
{
    const struct {
        str offer;
        bool works;
        str chosen;
    } cases[] = {{S("\x02h2\x08http/1.1"), true, S("http/1.1")}, {S("\x02h2"), false, (str){}},
        {S("\x08http/1.1"), true, S("http/1.1")}, {S("\x08http/1.0"), true, S("http/1.0")},
        {(str){}, true, (str){}}};

    for (size_t i = 0; i < countof(cases); i++) {
        SSL_CTX *ctx = client_ctx(world);
        SSL *ssl = tls_client(world, ctx);
        const u8 *chosen = NULL;
        unsigned len = 0;
        SSL_set_alpn_protos(ssl, (const u8 *)cases[i].offer.ptr, (unsigned)cases[i].offer.len);
        check((SSL_connect(ssl) == 1) == cases[i].works);
        SSL_get0_alpn_selected(ssl, &chosen, &len);
        check(str_eq((str){(const char *)chosen, len}, cases[i].chosen));
        tls_free(ssl);
        SSL_CTX_free(ctx);
    }
}

static void no_renegotiation(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL *ssl = tls_client(world, ctx);
    char byte;
    check(SSL_connect(ssl) == 1);
    tls_send(ssl, S("hello"));
    tls_expect(ssl, S("hello"));
    check(SSL_renegotiate(ssl) == 1);
    check(SSL_do_handshake(ssl) != 1 || SSL_read(ssl, &byte, 1) <= 0);
    tls_free(ssl);
    SSL_CTX_free(ctx);
}

static SSL_SESSION *session;

static int keep_session(SSL *ssl, SSL_SESSION *taken)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = taken;
    return 1;
}

// A second connection resumes the first one's session by its ticket, for both versions.
static void resumption(struct world *world)
{
    const int versions_tried[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < countof(versions_tried); i++) {
        SSL_CTX *ctx = client_ctx(world);
        SSL_CTX_set_max_proto_version(ctx, versions_tried[i]);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(ctx, keep_session);
        for (int round = 0; round < 2; round++) {
            SSL *ssl = tls_client(world, ctx);
            if (round == 1) {
                check(session != NULL && SSL_set_session(ssl, session) == 1);
            }
            check(SSL_connect(ssl) == 1);
            tls_send(ssl, S("hello"));
            tls_expect(ssl, S("hello"));
            check(SSL_session_reused(ssl) == round);
            SSL_shutdown(ssl);
            tls_free(ssl);
        }
        SSL_SESSION_free(session);
        session = NULL;
        SSL_CTX_free(ctx);
    }
}

static void garbage(struct world *world)
{
    const str cases[] = {S("\x16"), S("\x16\x03\x01\xff\xff"), S("\x16garbage garbage garbage"),
        S("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")};
    for (size_t i = 0; i < countof(cases); i++) {
        int fd = dial(world);
        char bytes[64];
        send_all(fd, cases[i]);
        shutdown(fd, SHUT_WR);
        while (recv(fd, bytes, sizeof(bytes), 0) > 0) { // perhaps an alert
        }
        close(fd);
    }
    check(world->served == 0);
}

// A handshake that stops half-way does not keep the server from ending.
static void stuck_handshake(struct world *world)
{
    int fd = dial(world);
    send_all(fd, S("\x16\x03\x01\x00\x05"));
    int other = dial(world); // accepted after it
    send_all(other, S("x"));
    expect_text(other, S("x"));
    loop_post(world->loop, drain_on_loop, world);
    expect_end(fd);
    close(fd);
    close(other);
}

static struct net_tls *next_tls;

static void swap_on_loop(void *arg)
{
    struct world *world = arg;
    net_listener_set_tls(world->listener, next_tls);
    net_tls_release(next_tls);
    world->served += 1000;
}

static long serial_of(SSL *ssl)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    const ASN1_STRING *serial = X509_get0_serialNumber(cert);
    long value = (long)str_hash(
        (str){(const char *)ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)});
    X509_free(cert);
    return value;
}

// A new certificate is for the connections after it; those before it go on.
static void certificate_swapped(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *before = tls_client(world, ctx);
    check(SSL_connect(before) == 1);
    struct arena *arena = arena_new();
    struct ca_files files;
    const str names[] = {S("new.localhost")};
    struct ca_options options = {.names = names, .name_count = 1};
    check(crypto_ca_ensure(arena, world->dir, &options, &files) == NULL && files.server_is_new);
    check(net_tls_load(arena, files.server_pem, files.server_pem, &next_tls) == NULL);
    loop_post(world->loop, swap_on_loop, world);
    await(&world->served, 1000);
    SSL *after = tls_client(world, ctx);
    check(SSL_connect(after) == 1);
    check(serial_of(before) != serial_of(after));
    tls_send(before, S("still here"));
    tls_expect(before, S("still here"));
    tls_free(before);
    tls_free(after);
    SSL_CTX_free(ctx);
    arena_free(arena);
}

// Two fibers on a stream, as with WebSockets: one writes, the other reads meanwhile.
struct background {
    struct net_stream *stream;
    struct wake ended;
};

static void writes_in_background(void *arg)
{
    struct background *background = arg;
    static char bytes[64 * 1024];
    while (net_write(background->stream, (str){bytes, sizeof(bytes)}) == NULL) {
    }
    wake_send(&background->ended);
}

static void reads_and_writes(struct net_stream *stream, void *arg)
{
    struct world *world = arg;
    struct background background = {.stream = stream};
    char bytes[64];
    size_t got = 0;
    err *e = NULL;
    wake_init(&background.ended);
    struct fiber *writer = fiber_start("writer", writes_in_background, &background);
    while ((e = net_read(stream, bytes, sizeof(bytes), &got)) == NULL && got > 0) {
        world->served += (int)got;
    }
    fiber_cancel(writer);
    wake_wait(&background.ended); // it must be gone before the stream is
    note(world, e);
}

// The peer asks for new keys while it does not read. Answering that is a write inside the reading
// fiber's SSL_read, when the writing fiber waits for room already. (OpenSSL 3.0 gives such a
// connection up; others might go on. Either way nobody else may notice.)
static void asks_for_keys_without_reading(struct world *world)
{
    SSL_CTX *ctx = client_ctx(world);
    SSL *ssl = tls_client(world, ctx);
    check(SSL_connect(ssl) == 1);
    await_full(SSL_get_fd(ssl));
    tls_send(ssl, S("x"));
    await(&world->served, 1);
    for (int i = 0; i < 20; i++) {
        check(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        if (SSL_write(ssl, "x", 1) != 1) {
            break;
        }
        usleep(1000);
    }
    int served = world->served;
    SSL *other = tls_client(world, ctx);
    check(SSL_connect(other) == 1);
    tls_send(other, S("x"));
    await(&world->served, served + 1);
    tls_free(ssl);
    tls_free(other);
    await(&world->ended, 2);
    SSL_CTX_free(ctx);
}

// ---- what cannot be listened on --------------------------------------------------------------
static void bad_listeners(struct world *world)
{
    struct net_listener *other = NULL;
    struct net_listen_options options = {
        .host = "127.0.0.1", .port = world->port, .serve = world->serve};
    err *e = net_listen(world->arena, &options, &other);
    check(e != NULL && e->code == ERR_CONFLICT);
    options.host = "localhost"; // a name is no address
    e = net_listen(world->arena, &options, &other);
    check(e != NULL && e->code == ERR_CONFIG);
    options.host = "192.0.2.1"; // an address of somebody else (RFC 5737)
    e = net_listen(world->arena, &options, &other);
    check(e != NULL && e->code == ERR_IO);
}

static void bad_listeners_on_loop(void *arg)
{
    struct world *world = arg;
    bad_listeners(world);
    world->served++;
}

static void listens_badly(struct world *world)
{
    loop_post(world->loop, bad_listeners_on_loop, world);
    await(&world->served, 1);
}

static void test_bad_certificates(void **state)
{
    struct world *world = *state;
    struct net_tls *tls = NULL;
    err *e = net_tls_load(world->arena, "/nowhere.pem", "/nowhere.pem", &tls);
    assert_int_equal(e->code, ERR_CONFIG);
    e = net_tls_load(world->arena, world->files.ca_pem, world->files.server_pem, &tls);
    assert_int_equal(e->code, ERR_CONFIG); // the key of another certificate
    e = net_tls_load(world->arena, world->files.ca_pem, world->files.ca_pem, &tls);
    assert_int_equal(e->code, ERR_CONFIG);
    assert_int_equal(ERR_peek_error(), 0);
}

static void test_too_many(void **state)
{
    struct world *world = *state;
    world->connections_max = 1;
    run(world, echo, too_many);
}

static void file_taken_slowly(struct world *world)
{
    takes_all_slowly(world);
}

static void tls_file_taken_slowly(struct world *world)
{
    tls_takes_all_slowly(world);
}

static void goes_while_sent_a_file(struct world *world)
{
    goes_while_written_to(world);
}

#define NET_TESTS(X)                                                                               \
    X(half_close, echo)                                                                            \
    X(both_on_one_port, tell_tls)                                                                  \
    X(resets, sleeps)                                                                              \
    X(only_ends_its_side, sleeps)                                                                  \
    X(takes_all_slowly, writes_much)                                                               \
    X(goes_while_written_to, writes_much)                                                          \
    X(file_taken_slowly, sends_file)                                                               \
    X(tls_file_taken_slowly, sends_file)                                                           \
    X(goes_while_sent_a_file, sends_file)                                                          \
    X(takes_nothing, writes_with_timeout)                                                          \
    X(says_nothing, reads_with_timeout)                                                            \
    X(no_descriptors, echo)                                                                        \
    X(drained, idle_reader)                                                                        \
    X(aborted, sleeps)                                                                             \
    X(tls_half_close, echo)                                                                        \
    X(tls_cut, echo)                                                                               \
    X(tls_takes_all_slowly, writes_much)                                                           \
    X(tls_goes_while_written_to, writes_much)                                                      \
    X(tls_cancelled, idle_reader)                                                                  \
    X(versions, echo)                                                                              \
    X(alpn, echo)                                                                                  \
    X(no_renegotiation, echo)                                                                      \
    X(resumption, echo)                                                                            \
    X(garbage, echo)                                                                               \
    X(stuck_handshake, echo)                                                                       \
    X(certificate_swapped, echo)                                                                   \
    X(asks_for_keys_without_reading, reads_and_writes)                                             \
    X(listens_badly, echo)
#define DEFINE(client, server)                                                                     \
    static void test_##client(void **state)                                                        \
    {                                                                                              \
        run(*state, server, client);                                                               \
    }
NET_TESTS(DEFINE)
#define ENTRY(client, server) cmocka_unit_test_setup_teardown(test_##client, setup, teardown),

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_certificates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        NET_TESTS(ENTRY) //
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
