// One connection to http_serve over a socket pair, on a loop that lives as long as the process.
#pragma once

#include "fiber/fiber_int.h"
#include "http/http_int.h"
#include "net/net_int.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    struct net_stream *stream;
    struct http_server *server;
    int peer;
    bool done;
    struct buf out; // what the server sent
};

static void connection_serve(void *arg) YIELDS;

static void connection_serve(void *arg)
{
    struct connection *connection = arg;
    connection->stream->owner = fiber_current();
    http_serve(connection->stream, connection->server);
    connection->stream->owner = NULL;
    net_close(connection->stream);
    connection->done = true;
}

static struct loop *connection_loop(void)
{
    static struct loop *loop;
    if (loop == NULL) {
        loop = loop_new(0);
        loop_set_current(loop);
    }
    return loop;
}

static void connection_open(struct connection *connection, struct http_server *server)
{
    int ends[2];
    (void)connection_loop();
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    *connection = (struct connection){.server = server, .peer = ends[1], .out = buf_heap(1 << 24)};
    connection->stream = net_stream_new(ends[0], "127.0.0.1");
    fiber_start("connection", connection_serve, connection);
}

// Lets the server do what it can, and takes what it sent.
static void connection_turn(struct connection *connection)
{
    for (int i = 0; i < 3; i++) {
        char bytes[16384];
        ssize_t got = 0;
        uv_run(loop_uv(connection_loop()), UV_RUN_NOWAIT);
        while (
            connection->peer >= 0 && (got = recv(connection->peer, bytes, sizeof(bytes), 0)) > 0) {
            buf_add(&connection->out, (str){bytes, (size_t)got});
        }
    }
}

static void connection_send(struct connection *connection, str bytes)
{
    while (bytes.len > 0 && !connection->done) {
        ssize_t sent = send(connection->peer, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        connection_turn(connection);
        if (sent < 0 && errno != EAGAIN) {
            return; // the server has closed
        }
        bytes = str_sub(bytes, sent > 0 ? (size_t)sent : 0, bytes.len);
    }
}

// In pieces of `step` bytes (0: all at once), then the end.
static void connection_feed(struct connection *connection, str bytes, size_t step)
{
    step = step == 0 ? bytes.len + 1 : step;
    for (size_t at = 0; at < bytes.len; at += step) {
        connection_send(connection, str_sub(bytes, at, at + step));
    }
    shutdown(connection->peer, SHUT_WR);
}

static void connection_close(struct connection *connection)
{
    for (int i = 0; !connection->done; i++) {
        check(i < 1000000); // it must end by itself
        connection_turn(connection);
    }
    connection_turn(connection);
    close(connection->peer);
    buf_free(&connection->out);
    connection_turn(&(struct connection){.peer = -1}); // libuv's own closing
}
