// Byte streams for fibers: listeners, connections, TLS. One port may speak plain text and TLS; the
// first byte decides (0x16 is a TLS handshake record).
#pragma once

#include "fiber/fiber.h"

struct net_stream;   // one connection
struct net_listener; // one listening port on one loop
struct net_tls;      // server certificate and settings; may be replaced while serving

// ---- TLS -----------------------------------------------------------------------------------
// Server settings from PEM files (chain, key): TLS 1.2 and 1.3. Reference counted; heap. ERR_CONFIG
// when they cannot be read or do not belong together. Blocks the thread for the files.
[[nodiscard]] err *net_tls_load(
    struct arena *arena, const char *cert_pem, const char *key_pem, struct net_tls **out);
// Any thread. Connections that use it keep what they need. NULL is allowed.
void net_tls_release(struct net_tls *tls);

// ---- listening -----------------------------------------------------------------------------
struct net_listen_options {
    const char *host;    // "127.0.0.1", "::1", "0.0.0.0"
    u16 port;            // 0: the system chooses
    struct net_tls *tls; // NULL: plain only
    bool reuse_port;     // several loops listen on the same port (SO_REUSEPORT)
    size_t connections_max;
    // Runs in a new fiber per connection, which owns the stream; the stream is closed on return.
    void (*serve)(struct net_stream *stream, void *arg);
    void *arg;
};

// Starts listening on the current loop. Fails with ERR_CONFLICT when the port is taken.
[[nodiscard]] err *net_listen(
    struct arena *arena, const struct net_listen_options *options, struct net_listener **out);
// The port it listens on, also when the system chose it.
u16 net_listener_port(const struct net_listener *listener);
// Stops accepting; connections go on.
void net_listener_stop(struct net_listener *listener);
// Stops, and cancels the fibers of idle connections (net_stream_set_idle): now, and of the others
// as soon as they become idle.
void net_listener_drain(struct net_listener *listener);
// Connections that are open, those in their TLS handshake included.
size_t net_listener_connections(const struct net_listener *listener);
// Closes every remaining connection at once (cancels their fibers).
void net_listener_abort(struct net_listener *listener);
// Stops; its memory goes with its last connection, so connections may outlive the call.
void net_listener_free(struct net_listener *listener);
// For connections from now on; takes a reference of its own. On the listener's loop.
void net_listener_set_tls(struct net_listener *listener, struct net_tls *tls);

// ---- connections ---------------------------------------------------------------------------
// Closes and frees; no fiber may be waiting on it. Without net_shutdown before it a TLS peer sees
// an end without close_notify, by which it can tell a cut answer from a whole one.
void net_close(struct net_stream *stream);

// A peer that resets the connection while its request is being served cancels the fiber that owns
// the stream. One that only ends its side (FIN) does not: it may still be reading our answer.
// Reads 1..size bytes; *got = 0 means the peer has ended its side. ERR_TIMEOUT after the fiber's
// deadline or the stream's read timeout; ERR_CLOSED when the connection broke.
[[nodiscard]] err *net_read(
    struct net_stream *stream, void *bytes, size_t size, size_t *got) YIELDS;
// Writes all; waits while the peer does not take it (back-pressure).
[[nodiscard]] err *net_write(struct net_stream *stream, str bytes) YIELDS;
// Head and body in one system call where possible.
[[nodiscard]] err *net_write2(struct net_stream *stream, str first, str second) YIELDS;
// As net_write, telling the kernel that more follows at once: a head before its body.
[[nodiscard]] err *net_write_more(struct net_stream *stream, str bytes) YIELDS;
// Writes `size` bytes of a file from `offset`, without copying them where the kernel can (not under
// TLS). What is not in memory is read from the disk meanwhile, on this thread: see to it before.
// ERR_IO when the file is shorter or cannot be read.
[[nodiscard]] err *net_send_file(
    struct net_stream *stream, struct arena *arena, int file, u64 offset, u64 size) YIELDS;
// Ends our side (TLS close_notify, then FIN).
void net_shutdown(struct net_stream *stream);
// How long a read waits for a byte, and a write for the peer to take any; 0: for ever.
void net_set_timeouts(struct net_stream *stream, u64 read_ms, u64 write_ms);
// Whether the peer began with a TLS handshake.
bool net_is_tls(const struct net_stream *stream);
// The peer's address, "127.0.0.1" or "::1", for logs and identity.sourceIp; as long as the stream.
str net_peer(const struct net_stream *stream);
// The port it connects from; 0 when the connection is gone.
u16 net_peer_port(const struct net_stream *stream);
// Whether the connection could be ended now without anybody losing something: see
// net_listener_drain, which may cancel the calling fiber.
void net_stream_set_idle(struct net_stream *stream, bool idle);
// Writes what the kernel takes at once, without waiting; the number of bytes taken is returned, 0
// also when the connection is broken (the next read or write tells). The next write must begin with
// the bytes that were not taken: under TLS they may be encrypted already.
size_t net_try_write(struct net_stream *stream, str bytes);
