// WebSocket frames: raw bytes, or frames built from the input so that deeper states are reached.
// However the bytes are cut into packets, the handler must see the same messages and the peer the
// same close code.
#include "connection.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct buf *seen;

static err *echo(struct http_req *req)
{
    struct ws *ws = NULL;
    enum ws_kind kind = WS_TEXT;
    str message = {};
    TRY(ws_accept(req, ws_protocol_with_prefix(req, S("e")), 600, &ws));
    for (;;) {
        err *e = ws_read(ws, req->arena, &kind, &message);
        if (e != NULL || kind == WS_CLOSE) {
            return e;
        }
        check(message.len <= 600 && (kind != WS_TEXT || str_is_utf8(message)));
        buf_fmt(seen, "%d ", (int)kind);
        buf_add(seen, message);
        if (str_eq(message, S("bye"))) {
            ws_close(ws, 4000, S("bye"));
        }
        (void)(kind == WS_TEXT ? ws_send(ws, message) : ws_send_binary(ws, message));
    }
}

static struct http_server *make_server(void)
{
    static struct http_server server;
    if (server.router == NULL) {
        struct http_router *router = http_router_new();
        http_router_add(
            router, &(struct http_route){.methods = HTTP_GET, .path = S("/"), .handler = echo});
        server = (struct http_server){.router = router, .limits = HTTP_LIMITS_DEFAULT};
    }
    return &server;
}

// Every frame the server sent must be well formed; the code of its close frame is noted.
static void check_frames(str out)
{
    ptrdiff_t head_end = str_find(out, S("\r\n\r\n"));
    bool closed = false;
    check(str_starts(out, S("HTTP/1.1 101 ")) && head_end > 0);
    out = str_sub(out, (size_t)head_end + 4, out.len);
    while (out.len > 0) {
        const u8 *p = (const u8 *)out.ptr;
        check(!closed && out.len >= 2 && (p[0] & 0xf0) == 0x80 && p[1] < 127);
        size_t head = p[1] == 126 ? 4 : 2;
        check(out.len >= head);
        size_t len = p[1] == 126 ? (size_t)p[2] << 8 | p[3] : p[1];
        check(out.len >= head + len);
        closed = (p[0] & 15) == 8;
        if (closed) {
            check(len != 1);
            buf_fmt(seen, "close %d", len == 0 ? 0 : p[head] << 8 | p[head + 1]);
        }
        out = str_sub(out, head + len, out.len);
    }
    check(closed);
}

static void serve(str bytes, size_t step, struct buf *out)
{
    struct connection connection;
    seen = out;
    connection_open(&connection, make_server());
    connection_send(
        &connection, S("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: d, e\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    connection_feed(&connection, bytes, step);
    while (!connection.done) {
        connection_turn(&connection);
    }
    check_frames(buf_str(&connection.out));
    connection_close(&connection);
}

// [first byte of the frame] [length] [payload]...: masked frames with right lengths.
static void build_frames(str from, struct buf *to)
{
    while (from.len >= 2) {
        u8 len = (u8)from.ptr[1];
        str payload = str_sub(from, 2, 2 + (size_t)len);
        buf_add_char(to, from.ptr[0]);
        if (len >= 126) {
            buf_add(to, (str){(char[]){(char)(0x80 | 126), 0, (char)payload.len}, 3});
        } else {
            buf_add_char(to, (char)(0x80 | payload.len));
        }
        buf_add(to, S("\x01\x02\x03\x04"));
        for (size_t i = 0; i < payload.len; i++) {
            buf_add_char(to, (char)(payload.ptr[i] ^ (char)(i % 4 + 1)));
        }
        from = str_sub(from, 2 + payload.len, from.len);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    str bytes = {(const char *)data + 2, size - 2};
    struct buf frames = buf_heap(1 << 20);
    struct buf whole = buf_heap(1 << 24);
    struct buf parts = buf_heap(1 << 24);
    if (data[0] % 4 != 0) {
        build_frames(bytes, &frames);
        bytes = buf_str(&frames);
    }
    serve(bytes, 0, &whole);
    serve(bytes, data[1] % 32 + (size_t)1, &parts);
    check(str_eq(buf_str(&whole), buf_str(&parts)));
    buf_free(&frames);
    buf_free(&whole);
    buf_free(&parts);
    return 0;
}
