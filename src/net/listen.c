// Listening ports. The first byte of a connection tells TLS (0x16, a handshake record) from HTTP.
#include "net/net_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ACCEPTS_PER_TURN = 64,
    FIRST_BYTE_MS = 10000,
    REFUSED_WARN_US = 1000 * 1000,
    TLS_HANDSHAKE_BYTE = 0x16
};

static void unlink_connection(struct net_stream *stream)
{
    struct net_listener *listener = stream->listener;
    if (stream->older != NULL) {
        stream->older->newer = stream->newer;
    }
    if (stream->newer != NULL) {
        stream->newer->older = stream->older;
    } else {
        listener->connections = stream->older;
    }
    check(listener->connection_count > 0);
    listener->connection_count--;
}

void net_listener_connection_gone(struct net_stream *stream)
{
    struct net_listener *listener = stream->listener;
    unlink_connection(stream);
    stream->listener = NULL;
    if (listener->freed && listener->connection_count == 0) {
        mem_free(listener);
    }
}

static err *begin_tls(struct net_stream *stream, u64 until_us) YIELDS;

static err *begin_tls(struct net_stream *stream, u64 until_us)
{
    stream->ssl = SSL_new(stream->listener->options.tls->ctx);
    check(stream->ssl != NULL);
    SSL_set_fd(stream->ssl, stream->fd);
    SSL_set_accept_state(stream->ssl);
    return net_tls_handshake(stream, until_us);
}

// Looks at the first byte without taking it.
static err *choose_protocol(struct net_stream *stream) YIELDS;

static err *choose_protocol(struct net_stream *stream)
{
    u64 until_us = time_mono_us() + FIRST_BYTE_MS * 1000;
    u8 first = 0;
    for (;;) {
        ssize_t got = recv(stream->fd, &first, 1, MSG_PEEK);
        if (got == 1) {
            break;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return net_broken();
        }
        TRY(net_stream_wait(stream, NET_READER, NET_IN, until_us));
    }
    bool tls = first == TLS_HANDSHAKE_BYTE && stream->listener->options.tls != NULL;
    return tls ? begin_tls(stream, until_us) : NULL;
}

static void connection_fiber(void *arg) YIELDS;

static void connection_fiber(void *arg)
{
    struct net_stream *stream = arg;
    struct net_listener *listener = stream->listener;
    net_stream_set_idle(stream, true);
    err *e = choose_protocol(stream);
    net_stream_set_idle(stream, false);
    if (e == NULL) {
        listener->options.serve(stream, listener->options.arg);
    }
    stream->owner = NULL;
    net_close(stream);
}

static void address_text(const struct sockaddr_storage *address, char *out, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    bool is_v6 = address->ss_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
    if (is_v6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, (const u8 *)bytes + 12, out, (socklen_t)size);
        return;
    }
    inet_ntop(address->ss_family, bytes, out, (socklen_t)size);
}

static void warn_refused(struct net_listener *listener, const char *why)
{
    u64 now_us = time_mono_us();
    if (listener->warned_us == 0 || now_us - listener->warned_us > REFUSED_WARN_US) {
        listener->warned_us = now_us;
        log_warn("net.refused", "connections are refused: %s", why);
    }
}

static void take_connection(struct net_listener *listener, int fd, const char *peer)
{
    struct net_stream *stream = net_stream_new(fd, peer);
    stream->listener = listener;
    stream->older = listener->connections;
    if (listener->connections != NULL) {
        listener->connections->newer = stream;
    }
    listener->connections = stream;
    listener->connection_count++;
    stream->owner = fiber_try_start("connection", connection_fiber, stream);
    if (stream->owner == NULL) {
        warn_refused(listener, "no memory mapping left (raise vm.max_map_count)");
        net_close(stream);
    }
}

// Without a free descriptor accept would fail again and again while the peer waits: the spare one
// is given up to take the connection and end it.
static void refuse_one(struct net_listener *listener)
{
    close(listener->spare_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    warn_refused(listener, "no file descriptor left (raise ulimit -n)");
}

static void on_listening(uv_poll_t *poll, int status, int events)
{
    struct net_listener *listener = container_of(poll, struct net_listener, poll);
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        struct sockaddr_storage address = {};
        socklen_t size = sizeof(address);
        char peer[INET6_ADDRSTRLEN] = {};
        int fd =
            accept4(listener->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) {
                refuse_one(listener);
            }
            return;
        }
        if (listener->connection_count >= listener->options.connections_max || !fiber_has_room()) {
            close(fd);
            continue;
        }
        address_text(&address, peer, sizeof(peer));
        take_connection(listener, fd, peer);
    }
}

static bool make_address(const char *host, u16 port, struct sockaddr_storage *out, socklen_t *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    *out = (struct sockaddr_storage){};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        *size = sizeof(*v4);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        *size = sizeof(*v6);
        return true;
    }
    return false;
}

static u16 bound_port(int fd)
{
    struct sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    check(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static err *open_socket(struct arena *arena, const struct net_listen_options *options, int *out)
{
    struct sockaddr_storage address;
    socklen_t size = 0;
    int one = 1;
    if (!make_address(options->host, options->port, &address, &size)) {
        return fail(arena, ERR_CONFIG, "%s is not an address to listen on", options->host);
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(arena, ERR_IO, "cannot make a socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (address.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    if (options->reuse_port) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    }
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0) {
        enum err_code code = errno == EADDRINUSE ? ERR_CONFLICT : ERR_IO;
        err *e = fail(arena, code, "cannot listen on %s port %u: %s", options->host, options->port,
            strerror(errno));
        close(fd);
        return e;
    }
    *out = fd;
    return NULL;
}

err *net_listen(
    struct arena *arena, const struct net_listen_options *options, struct net_listener **out)
{
    int fd = -1;
    check(options->serve != NULL);
    TRY(open_socket(arena, options, &fd));
    struct net_listener *listener = mem_new(struct net_listener);
    listener->magic = NET_LISTENER_MAGIC;
    listener->options = *options;
    if (listener->options.connections_max == 0) {
        listener->options.connections_max = SIZE_MAX;
    }
    if (options->tls != NULL) {
        options->tls->references++;
    }
    listener->fd = fd;
    listener->port = bound_port(fd);
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    check(uv_poll_init_socket(loop_uv(loop_current()), &listener->poll, fd) == 0);
    check(uv_poll_start(&listener->poll, UV_READABLE, on_listening) == 0);
    *out = listener;
    return NULL;
}

u16 net_listener_port(const struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    return listener->port;
}

size_t net_listener_connections(const struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    return listener->connection_count;
}

void net_listener_stop(struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    if (!listener->stopped) {
        listener->stopped = true;
        uv_poll_stop(&listener->poll);
        close(listener->fd);
        close(listener->spare_fd);
    }
}

void net_listener_drain(struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    net_listener_stop(listener);
    for (struct net_stream *stream = listener->connections; stream != NULL;
         stream = stream->older) {
        if (stream->idle && stream->owner != NULL) {
            fiber_cancel(stream->owner);
        }
    }
}

void net_listener_abort(struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    net_listener_stop(listener);
    for (struct net_stream *stream = listener->connections; stream != NULL;
         stream = stream->older) {
        if (stream->owner != NULL) {
            fiber_cancel(stream->owner);
        }
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct net_listener *listener = container_of((uv_poll_t *)handle, struct net_listener, poll);
    check(!listener->freed);
    listener->freed = true;
    if (listener->connection_count == 0) {
        mem_free(listener);
    }
}

void net_listener_free(struct net_listener *listener)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    net_listener_stop(listener);
    if (listener->options.tls != NULL) {
        net_tls_release(listener->options.tls);
        listener->options.tls = NULL;
    }
    uv_close((uv_handle_t *)&listener->poll, on_listener_closed);
}

void net_listener_set_tls(struct net_listener *listener, struct net_tls *tls)
{
    check_magic(listener, NET_LISTENER_MAGIC);
    tls->references++;
    if (listener->options.tls != NULL) {
        net_tls_release(listener->options.tls);
    }
    listener->options.tls = tls;
}

// HTTP/1.1 is what is spoken here, and its forerunner (curl --http1.0 offers that only). A client
// that offers protocols without it is told so (RFC 7301, 3.2); one that offers none is served.
static int choose_alpn(
    SSL *ssl, const u8 **out, u8 *out_len, const u8 *offered, unsigned len, void *arg)
{
    static const u8 OURS[] = "\x08http/1.1\x08http/1.0";
    (void)ssl, (void)arg;
    return SSL_select_next_proto((u8 **)out, out_len, OURS, sizeof(OURS) - 1, offered, len) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// OpenSSL would ask on the terminal for the password of an encrypted key.
static int no_password(char *buf, int size, int for_writing, void *arg)
{
    (void)buf, (void)size, (void)for_writing, (void)arg;
    return -1;
}

err *net_tls_load(
    struct arena *arena, const char *cert_pem, const char *key_pem, struct net_tls **out)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    check(ctx != NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(
        ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); // tickets carry the state
    SSL_CTX_set_read_ahead(ctx, 1); // a record's head and body in one system call
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    bool loaded = SSL_CTX_use_certificate_chain_file(ctx, cert_pem) == 1 &&
                  SSL_CTX_use_PrivateKey_file(ctx, key_pem, SSL_FILETYPE_PEM) == 1 &&
                  SSL_CTX_check_private_key(ctx) == 1;
    ERR_clear_error();
    if (!loaded) {
        SSL_CTX_free(ctx);
        return fail(
            arena, ERR_CONFIG, "cannot use the certificate %s with the key %s", cert_pem, key_pem);
    }
    struct net_tls *tls = mem_new(struct net_tls);
    tls->ctx = ctx;
    tls->references = 1;
    *out = tls;
    return NULL;
}

void net_tls_release(struct net_tls *tls)
{
    if (tls != NULL && --tls->references == 0) {
        SSL_CTX_free(tls->ctx);
        mem_free(tls);
    }
}
