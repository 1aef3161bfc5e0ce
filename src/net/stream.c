// Connections: reads and writes try the system call first and wait only when the kernel says so;
// interest in readability is left registered between requests, so that a keep-alive request costs
// one read and one write.
#include "net/net_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    UNPAUSED_MAX = 64,
    COPIED_MAX = 64 * 1024, // of a file, at a time
    JOINED_MAX = 4096,      // head and body up to this size share a TLS record
};

err *net_broken(void)
{
    // Never written to: one for the whole process.
    static err broken = {
        .code = ERR_CLOSED, .text = S_INIT("the connection is broken"), .file = __FILE__};
    return &broken;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void set_events(struct net_stream *stream, int events)
{
    if (events == stream->events) {
        return;
    }
    stream->events = events;
    if (events == 0) {
        uv_poll_stop(&stream->poll);
    } else {
        uv_poll_start(&stream->poll, events, on_poll);
    }
}

static void wake(struct fiber **waiting)
{
    struct fiber *fiber = *waiting;
    *waiting = NULL;
    if (fiber != NULL) {
        fiber_wake(fiber);
    }
}

static void break_off(struct net_stream *stream)
{
    stream->broken = true;
    set_events(stream, 0);
    wake(&stream->reader);
    wake(&stream->writer);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct net_stream *stream = container_of(poll, struct net_stream, poll);
    int wanted = stream->events;
    if (status < 0) {
        break_off(stream);
        if (stream->owner != NULL) {
            fiber_cancel(stream->owner);
        }
        return;
    }
    if ((events & NET_IN) != 0) {
        stream->dry = false;
    }
    int awaited = (stream->reader != NULL ? stream->reader_events : 0) |
                  (stream->writer != NULL ? stream->writer_events : 0);
    if ((events & NET_IN) != 0 && (awaited & NET_IN) == 0) {
        wanted &= ~(events & NET_IN); // level-triggered: nobody reads now, so do not ask again
    }
    wanted &= ~(events & NET_OUT);
    if ((events & stream->reader_events) != 0) {
        wake(&stream->reader);
    }
    if ((events & stream->writer_events) != 0) {
        wake(&stream->writer);
    }
    set_events(stream, wanted);
}

struct net_stream *net_stream_new(int fd, const char *peer)
{
    struct net_stream *stream = mem_new(struct net_stream);
    int one = 1;
    stream->magic = NET_STREAM_MAGIC;
    stream->fd = fd;
    str name = str_sub(str_from(peer), 0, sizeof(stream->peer) - 1);
    memcpy(stream->peer, name.ptr, name.len);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    check(uv_poll_init_socket(loop_uv(loop_current()), &stream->poll, fd) == 0);
    // From the start, and not only once a read has had to wait: a reset is noticed only while
    // something is asked for.
    set_events(stream, NET_IN);
    return stream;
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(container_of((uv_poll_t *)handle, struct net_stream, poll));
}

void net_close(struct net_stream *stream)
{
    check_magic(stream, NET_STREAM_MAGIC);
    check(stream->reader == NULL && stream->writer == NULL);
    stream->magic = 0; // its memory goes once libuv has let go of it
    if (stream->listener != NULL) {
        net_listener_connection_gone(stream);
    }
    uv_close((uv_handle_t *)&stream->poll, on_closed);
    if (stream->ssl != NULL) {
        SSL_free(stream->ssl);
        ERR_clear_error();
    }
    close(stream->fd);
    stream->fd = -1;
}

err *net_stream_wait(struct net_stream *stream, enum net_side side, int events, u64 until_us)
{
    check_magic(stream, NET_STREAM_MAGIC);
    struct fiber **place = side == NET_WRITER ? &stream->writer : &stream->reader;
    check(*place == NULL);
    if (stream->broken) {
        return net_broken();
    }
    *place = fiber_current();
    *(side == NET_WRITER ? &stream->writer_events : &stream->reader_events) = events;
    stream->unpaused = 0;
    set_events(stream, stream->events | events);
    while (*place != NULL) { // cleared by on_poll
        err *e = fiber_wait_until(until_us);
        if (e != NULL) {
            *place = NULL;
            return e;
        }
    }
    return NULL;
}

// A peer that is always faster than we are must not keep the loop from everybody else.
static err *give_way(struct net_stream *stream) YIELDS;

static err *give_way(struct net_stream *stream)
{
    if (++stream->unpaused < UNPAUSED_MAX) {
        return NULL;
    }
    stream->unpaused = 0;
    return fiber_pause();
}

static u64 until(u64 ms)
{
    return ms == 0 ? 0 : time_mono_us() + ms * 1000;
}

// What an SSL call that did not succeed waits for: NULL when it may be tried again.
static err *ssl_wait(
    struct net_stream *stream, enum net_side side, int result, u64 until_us) YIELDS;

static err *ssl_wait(struct net_stream *stream, enum net_side side, int result, u64 until_us)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ: return net_stream_wait(stream, side, NET_IN, until_us);
    case SSL_ERROR_WANT_WRITE: return net_stream_wait(stream, side, NET_OUT, until_us);
    default: // no call on this SSL can succeed any more
        ERR_clear_error();
        break_off(stream);
        return net_broken();
    }
}

err *net_tls_handshake(struct net_stream *stream, u64 until_us)
{
    for (;;) {
        ERR_clear_error();
        int result = SSL_do_handshake(stream->ssl);
        if (result == 1) {
            return NULL;
        }
        TRY(ssl_wait(stream, NET_READER, result, until_us));
    }
}

static err *read_tls(struct net_stream *stream, void *bytes, size_t size, size_t *got) YIELDS;

static err *read_tls(struct net_stream *stream, void *bytes, size_t size, size_t *got)
{
    u64 limit = until(stream->read_ms);
    for (;;) {
        ERR_clear_error();
        int result = SSL_read_ex(stream->ssl, bytes, size, got);
        if (result == 1) {
            return NULL;
        }
        int why = SSL_get_error(stream->ssl, result);
        if (why == SSL_ERROR_ZERO_RETURN) {
            *got = 0;
            return NULL;
        }
        TRY(ssl_wait(stream, NET_READER, result, limit));
    }
}

err *net_read(struct net_stream *stream, void *bytes, size_t size, size_t *got)
{
    check_magic(stream, NET_STREAM_MAGIC);
    check(size > 0);
    TRY(give_way(stream));
    if (stream->ssl != NULL) {
        return read_tls(stream, bytes, size, got);
    }
    u64 limit = until(stream->read_ms);
    for (;;) {
        if (stream->dry) { // saves the call that would only say EAGAIN
            TRY(net_stream_wait(stream, NET_READER, NET_IN, limit));
        }
        ssize_t done = recv(stream->fd, bytes, size, 0);
        if (done >= 0) {
            stream->dry = done > 0 && (size_t)done < size;
            *got = (size_t)done;
            return NULL;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return net_broken();
        }
        stream->dry = true;
    }
}

size_t net_try_write(struct net_stream *stream, str bytes)
{
    check_magic(stream, NET_STREAM_MAGIC);
    size_t done = 0;
    if (stream->broken || bytes.len == 0) {
        return 0;
    }
    if (stream->ssl != NULL) {
        ERR_clear_error();
        bool ok = SSL_write_ex(stream->ssl, bytes.ptr, bytes.len, &done) == 1;
        ERR_clear_error();
        return ok ? done : 0;
    }
    ssize_t sent = send(stream->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

static err *write_tls(struct net_stream *stream, str bytes) YIELDS;

static err *write_tls(struct net_stream *stream, str bytes)
{
    u64 limit = until(stream->write_ms);
    while (bytes.len > 0) {
        size_t done = 0;
        ERR_clear_error();
        int result = SSL_write_ex(stream->ssl, bytes.ptr, bytes.len, &done);
        if (result != 1) {
            TRY(ssl_wait(stream, NET_WRITER, result, limit));
            continue;
        }
        bytes = str_sub(bytes, done, bytes.len);
        limit = until(stream->write_ms); // a slow peer is not a dead one
    }
    return NULL;
}

static err *write2_tls(struct net_stream *stream, str first, str second) YIELDS;

static err *write2_tls(struct net_stream *stream, str first, str second)
{
    char joined[JOINED_MAX];
    if (first.len > 0 && second.len > 0 && first.len + second.len <= sizeof(joined)) {
        memcpy(joined, first.ptr, first.len);
        memcpy(joined + first.len, second.ptr, second.len);
        return write_tls(stream, (str){joined, first.len + second.len});
    }
    TRY(write_tls(stream, first));
    return write_tls(stream, second);
}

static ssize_t send_parts(int fd, str first, str second, int flags)
{
    if (first.len == 0 || second.len == 0) { // cheaper for the kernel
        str only = first.len > 0 ? first : second;
        return send(fd, only.ptr, only.len, MSG_NOSIGNAL | flags);
    }
    struct iovec parts[2] = {{(void *)first.ptr, first.len}, {(void *)second.ptr, second.len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    return sendmsg(fd, &message, MSG_NOSIGNAL | flags);
}

static err *write_parts(struct net_stream *stream, str first, str second, int flags) YIELDS;

static err *write_parts(struct net_stream *stream, str first, str second, int flags)
{
    check_magic(stream, NET_STREAM_MAGIC);
    TRY(give_way(stream));
    if (stream->ssl != NULL) {
        return write2_tls(stream, first, second);
    }
    u64 limit = until(stream->write_ms);
    while (first.len + second.len > 0) {
        ssize_t sent = send_parts(stream->fd, first, second, flags);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno != EAGAIN) {
            return net_broken();
        }
        if (sent < 0) {
            TRY(net_stream_wait(stream, NET_WRITER, NET_OUT, limit));
            limit = until(stream->write_ms); // a slow peer is not a dead one
            continue;
        }
        size_t of_first = (size_t)sent < first.len ? (size_t)sent : first.len;
        first = str_sub(first, of_first, first.len);
        second = str_sub(second, (size_t)sent - of_first, second.len);
    }
    return NULL;
}

err *net_write2(struct net_stream *stream, str first, str second)
{
    return write_parts(stream, first, second, 0);
}

err *net_write(struct net_stream *stream, str bytes)
{
    return write_parts(stream, bytes, (str){}, 0);
}

err *net_write_more(struct net_stream *stream, str bytes)
{
    return write_parts(stream, bytes, (str){}, MSG_MORE);
}

// ---- files -------------------------------------------------------------------------------------

static err *file_broken(struct arena *arena, ssize_t got)
{
    return fail(arena, ERR_IO, "sending a file: %s", got < 0 ? strerror(errno) : "it is too short");
}

static err *copy_file(
    struct net_stream *stream, struct arena *arena, int file, u64 offset, u64 size) YIELDS;

// Under TLS every byte passes through us.
static err *copy_file(
    struct net_stream *stream, struct arena *arena, int file, u64 offset, u64 size)
{
    char *piece = mem_alloc(COPIED_MAX);
    check(stream->ssl != NULL);
    err *e = NULL;
    while (size > 0 && e == NULL) {
        ssize_t got = pread(file, piece, size < COPIED_MAX ? size : COPIED_MAX, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        e = got <= 0 ? file_broken(arena, got) : net_write(stream, (str){piece, (size_t)got});
        offset += got > 0 ? (u64)got : 0;
        size -= got > 0 ? (u64)got : 0;
    }
    mem_free(piece);
    return e;
}

err *net_send_file(struct net_stream *stream, struct arena *arena, int file, u64 offset, u64 size)
{
    check_magic(stream, NET_STREAM_MAGIC);
    if (stream->ssl != NULL) {
        return copy_file(stream, arena, file, offset, size);
    }
    off_t at = (off_t)offset;
    u64 limit = until(stream->write_ms);
    while (size > 0) {
        TRY(give_way(stream));
        ssize_t sent = sendfile(stream->fd, file, &at, size);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            TRY(net_stream_wait(stream, NET_WRITER, NET_OUT, limit));
            limit = until(stream->write_ms); // a slow peer is not a dead one
            continue;
        }
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT)) {
            return net_broken();
        }
        if (sent <= 0) {
            return file_broken(arena, sent);
        }
        size -= (u64)sent;
    }
    return NULL;
}

void net_shutdown(struct net_stream *stream)
{
    check_magic(stream, NET_STREAM_MAGIC);
    if (stream->ended) {
        return;
    }
    stream->ended = true;
    if (stream->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(stream->ssl);
        ERR_clear_error();
    }
    shutdown(stream->fd, SHUT_WR);
}

void net_set_timeouts(struct net_stream *stream, u64 read_ms, u64 write_ms)
{
    check_magic(stream, NET_STREAM_MAGIC);
    stream->read_ms = read_ms;
    stream->write_ms = write_ms;
}

bool net_is_tls(const struct net_stream *stream)
{
    check_magic(stream, NET_STREAM_MAGIC);
    return stream->ssl != NULL;
}

str net_peer(const struct net_stream *stream)
{
    check_magic(stream, NET_STREAM_MAGIC);
    return str_from(stream->peer);
}

u16 net_peer_port(const struct net_stream *stream)
{
    check_magic(stream, NET_STREAM_MAGIC);
    struct sockaddr_storage address = {};
    socklen_t size = sizeof(address);
    if (getpeername(stream->fd, (struct sockaddr *)&address, &size) != 0) {
        return 0;
    }
    return address.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&address)->sin_port)
           : address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                           : 0;
}

void net_stream_set_idle(struct net_stream *stream, bool idle)
{
    check_magic(stream, NET_STREAM_MAGIC);
    stream->idle = idle;
    if (idle && stream->listener != NULL && stream->listener->stopped && stream->owner != NULL) {
        fiber_cancel(stream->owner); // the drain has begun meanwhile
    }
}
