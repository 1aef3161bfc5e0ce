// Shared inside the folder.
#pragma once

#include "net/net.h"

#include <openssl/ssl.h>

enum { NET_STREAM_MAGIC = 0x73747265, NET_LISTENER_MAGIC = 0x6c697374 };

struct net_tls {
    SSL_CTX *ctx;
    _Atomic int references;
};

struct net_stream {
    u32 magic;
    int fd;
    SSL *ssl;
    uv_poll_t poll;
    int events; // libuv's, presently asked for
    // One fiber may be in net_read while another is in net_write. Under TLS each of them may wait
    // for either direction, and both for the same one.
    struct fiber *reader;
    struct fiber *writer;
    int reader_events;
    int writer_events;
    unsigned unpaused;   // reads and writes in a row that did not have to wait
    struct fiber *owner; // cancelled when the peer resets the connection
    bool broken;
    bool dry; // the last read took all there was: poll before the next
    bool idle;
    bool ended; // our side is shut down
    u64 read_ms;
    u64 write_ms;
    char peer[46];
    struct net_listener *listener;
    struct net_stream *older; // connections of the listener
    struct net_stream *newer;
};

struct net_listener {
    u32 magic;
    int fd;
    int spare_fd; // given up to accept and refuse when no descriptor is left
    u16 port;
    uv_poll_t poll;
    bool stopped;
    bool freed;
    u64 warned_us; // when a lack of descriptors was last told
    struct net_listen_options options;
    struct net_stream *connections;
    size_t connection_count;
};

// Wraps a connected non-blocking socket; owns the descriptor.
struct net_stream *net_stream_new(int fd, const char *peer);

enum net_side { NET_READER, NET_WRITER };

enum { NET_IN = UV_READABLE | UV_DISCONNECT, NET_OUT = UV_WRITABLE };

// Waits, as the stream's reader or writer, for NET_IN or NET_OUT.
[[nodiscard]] err *net_stream_wait(
    struct net_stream *stream, enum net_side side, int events, u64 until_us) YIELDS;
// The server's part of a handshake over stream->ssl, complete by `until_us` (time_mono_us).
[[nodiscard]] err *net_tls_handshake(struct net_stream *stream, u64 until_us) YIELDS;
// Takes the stream off its listener's list; frees a listener that only waited for this.
void net_listener_connection_gone(struct net_stream *stream);
// The ERR_CLOSED for a broken connection: one for all, never freed.
err *net_broken(void);
