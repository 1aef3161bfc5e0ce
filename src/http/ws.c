// WebSocket (RFC 6455), server side. The frame layer is our own: wslay's context holds two 4 KiB
// buffers for every socket, more than an idle subscription may cost altogether.
#include "http/ws_int.h"

#include <openssl/evp.h>

enum {
    QUEUE_MAX_DEFAULT = 1024 * 1024,
    QUEUE_LIMIT = SIZE_MAX / 4, // of the buffer itself; queue_max is checked before
    CLOSING_MS = 5000,          // for the peer to answer our close frame
    TOGETHER_MAX = 12 * 1024,   // a frame up to this is sent as one piece
};

// Gives the connection up when the peer does not answer our close frame. Lives until libuv has
// let go of the timer; `ws` is NULL once the socket has ended.
struct ws_closer {
    uv_timer_t timer;
    struct ws *ws;
};

struct ws_shared {
    size_t references;
    str bytes;
};

static bool next_protocol(str *rest, str *name)
{
    bool more = str_next(rest, ',', name);
    *name = str_trim(*name);
    return more;
}

static str find_protocol(const struct http_req *req, str wanted, bool whole)
{
    for (size_t i = 0; i < req->header_count; i++) {
        str rest = req->headers[i].value;
        str name = {};
        while (str_eq_nocase(req->headers[i].name, S("sec-websocket-protocol")) &&
               next_protocol(&rest, &name)) {
            if (whole ? str_eq(name, wanted) : str_starts(name, wanted)) {
                return name;
            }
        }
    }
    return (str){};
}

bool ws_offers(const struct http_req *req, str name)
{
    return find_protocol(req, name, true).ptr != NULL;
}

str ws_protocol_with_prefix(const struct http_req *req, str prefix)
{
    return find_protocol(req, prefix, false);
}

static str accept_key(struct arena *arena, str key)
{
    u8 digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    str text = str_cat(arena, key, S("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    check(EVP_Digest(text.ptr, text.len, digest, &len, EVP_sha1(), NULL) == 1);
    return base64_encode(arena, (str){(char *)digest, len});
}

static bool list_names(str list, str word)
{
    str part = {};
    while (next_protocol(&list, &part)) {
        if (str_eq_nocase(part, word)) {
            return true;
        }
    }
    return false;
}

bool ws_is_upgrade(const struct http_req *req)
{
    return list_names(http_header(req, S("upgrade")), S("websocket"));
}

static struct ws *ws_new(struct http_conn *conn, size_t message_max)
{
    struct ws *ws = mem_new(struct ws);
    ws->magic = WS_MAGIC;
    ws->conn = conn;
    ws->reader = fiber_current();
    ws->message_max = message_max;
    ws->in = buf_heap(QUEUE_LIMIT); // one read's bytes at most
    ws->message = buf_heap(message_max);
    ws->queue_max = QUEUE_MAX_DEFAULT;
    ws->out = buf_heap(QUEUE_LIMIT);
    buf_add(&ws->in, str_sub(buf_str(&conn->in), conn->in_used, conn->in.len));
    buf_free(&conn->in);
    conn->in_used = 0;
    return ws;
}

static err *check_handshake(struct http_req *req)
{
    str decoded = {};
    if (req->method != HTTP_GET || req->conn->head.is_http10 || !ws_is_upgrade(req) ||
        !list_names(http_header(req, S("connection")), S("upgrade")) ||
        req->conn->body != BODY_NONE) {
        return fail(req->arena, ERR_SYNTAX, "not a WebSocket handshake");
    }
    if (!base64_decode(req->arena, http_header(req, S("sec-websocket-key")), &decoded) ||
        decoded.len != 16) {
        return fail(req->arena, ERR_SYNTAX, "a WebSocket handshake needs a key of 16 bytes");
    }
    return NULL;
}

err *ws_accept(struct http_req *req, str protocol, size_t message_max, struct ws **out)
{
    struct http_conn *conn = req->conn;
    str key = http_header(req, S("sec-websocket-key"));
    if (ws_is_upgrade(req) && !str_eq(http_header(req, S("sec-websocket-version")), S("13"))) {
        http_add_header(req, S("Upgrade"), S("websocket"));
        http_add_header(req, S("Connection"), S("Upgrade"));
        http_add_header(req, S("Sec-WebSocket-Version"), S("13"));
        conn->close_after = true;
        TRY(http_reply_empty(req, 426));
        return fail(req->arena, ERR_CLOSED, "WebSocket version not supported");
    }
    TRY(check_handshake(req));
    str head = str_cat(req->arena, S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
        S("Connection: Upgrade\r\nSec-WebSocket-Accept: "), accept_key(req->arena, key), S("\r\n"),
        protocol.len > 0 ? S("Sec-WebSocket-Protocol: ") : S(""), protocol,
        protocol.len > 0 ? S("\r\n") : S(""), S("\r\n"));
    conn->begun = true;
    TRY(net_write(conn->stream, head));
    net_set_timeouts(conn->stream, 0, conn->server->limits.write_timeout_ms);
    conn->ws = ws_new(conn, message_max);
    *out = conn->ws;
    return NULL;
}

// ---- sending -------------------------------------------------------------------------------

// The peer is gone or takes nothing: whoever waits for it need not any longer.
static void give_up(struct ws *ws)
{
    ws->failed = true;
    if (ws->reader != NULL) {
        fiber_cancel(ws->reader);
    }
    if (ws->writer != NULL) {
        fiber_cancel(ws->writer);
    }
}

// Sends what the kernel did not take at once. It owns the bytes it is writing, so that others may
// queue behind them.
static void writer_fiber(void *arg) YIELDS;

static void writer_fiber(void *arg)
{
    struct ws *ws = arg;
    while (ws->out.len > 0 && !ws->failed) {
        struct buf bytes = ws->out;
        ws->out = buf_heap(QUEUE_LIMIT);
        ws->writing = bytes.len;
        if (net_write(ws->conn->stream, buf_str(&bytes)) != NULL) {
            give_up(ws);
        }
        ws->writing = 0;
        buf_free(&bytes);
    }
    ws->writer = NULL;
    if (ws->writer_done != NULL) {
        wake_send(ws->writer_done);
    }
}

// Writes what the kernel takes at once and queues the rest.
static void put(struct ws *ws, str bytes)
{
    check(!ws->close_sent); // nothing may follow a close frame
    if (ws->writer == NULL && ws->out.len == 0) {
        bytes = str_sub(bytes, net_try_write(ws->conn->stream, bytes), bytes.len);
    }
    buf_add(&ws->out, bytes);
}

static size_t frame_head(u8 *out, u8 opcode, size_t len)
{
    out[0] = (u8)(0x80 | opcode);
    if (len < 126) {
        out[1] = (u8)len;
        return 2;
    }
    size_t bytes = len <= 0xffff ? 2 : 8;
    out[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++) {
        out[2 + i] = (u8)((u64)len >> (8 * (bytes - 1 - i)));
    }
    return 2 + bytes;
}

// One frame, its payload in three parts. Put together where they are small: one system call, one
// packet, one TLS record.
static bool send_parts(struct ws *ws, u8 opcode, str first, str second, str third)
{
    static _Thread_local char together[TOGETHER_MAX];
    u8 head[10];
    size_t payload = first.len + second.len + third.len;
    str parts[] = {{(char *)head, frame_head(head, opcode, payload)}, first, second, third};
    size_t total = parts[0].len + payload;
    size_t queued = ws_queued(ws);
    size_t at = 0;
    check_magic(ws, WS_MAGIC);
    if (ws->close_sent) {
        return true; // nothing may follow a close frame
    }
    if (ws->failed || (queued > 0 && queued + total > ws->queue_max)) {
        return false; // one message is always taken: its sender knows its size
    }
    for (size_t i = 0; i < countof(parts); i++) {
        if (total > TOGETHER_MAX) {
            put(ws, parts[i]);
        } else if (parts[i].len > 0) {
            memcpy(together + at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    put(ws, (str){together, at});
    if (ws->out.len > 0 && ws->writer == NULL) {
        ws->writer = fiber_start("websocket writer", writer_fiber, ws);
    }
    return true;
}

bool ws_send_frame(struct ws *ws, u8 opcode, str payload)
{
    return send_parts(ws, opcode, payload, (str){}, (str){});
}

bool ws_send(struct ws *ws, str text)
{
    return ws_send_frame(ws, OP_TEXT, text);
}

bool ws_send_binary(struct ws *ws, str bytes)
{
    return ws_send_frame(ws, OP_BINARY, bytes);
}

struct ws_shared *ws_shared_new(str bytes)
{
    struct ws_shared *shared = mem_alloc(sizeof(struct ws_shared) + bytes.len);
    char *copy = (char *)(shared + 1);
    if (bytes.len > 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    *shared = (struct ws_shared){.references = 1, .bytes = {copy, bytes.len}};
    return shared;
}

void ws_shared_release(struct ws_shared *shared)
{
    check(shared == NULL || shared->references > 0);
    if (shared != NULL && --shared->references == 0) {
        mem_free(shared);
    }
}

bool ws_send_shared(struct ws *ws, str prefix, struct ws_shared *shared, str suffix)
{
    return send_parts(ws, OP_TEXT, prefix, shared->bytes, suffix);
}

void ws_set_queue_max(struct ws *ws, size_t bytes)
{
    ws->queue_max = bytes;
}

size_t ws_queued(const struct ws *ws)
{
    check_magic(ws, WS_MAGIC);
    return ws->out.len + ws->writing;
}

static void on_closing_late(uv_timer_t *timer)
{
    struct ws_closer *closer = container_of(timer, struct ws_closer, timer);
    if (closer->ws != NULL) {
        give_up(closer->ws);
    }
}

static void on_closer_closed(uv_handle_t *handle)
{
    mem_free(container_of((uv_timer_t *)handle, struct ws_closer, timer));
}

void ws_send_close(struct ws *ws, str payload)
{
    check_magic(ws, WS_MAGIC);
    if (ws->close_sent) {
        return;
    }
    ws->queue_max = QUEUE_LIMIT; // the last frame always has room
    ws_send_frame(ws, OP_CLOSE, payload);
    ws->close_sent = true;
    ws->closer = mem_new(struct ws_closer);
    ws->closer->ws = ws;
    check(uv_timer_init(loop_uv(loop_current()), &ws->closer->timer) == 0);
    uv_timer_start(&ws->closer->timer, on_closing_late, CLOSING_MS, 0);
}

void ws_close(struct ws *ws, u16 code, str reason)
{
    check(code >= 1000 && code < 5000); // RFC 6455, 7.4.2
    u8 payload[125];
    bool bad = false;
    reason = str_sub(reason, 0, sizeof(payload) - 2);
    reason.len = str_utf8_prefix(reason, &bad); // whole characters
    payload[0] = (u8)(code >> 8);
    payload[1] = (u8)code;
    if (reason.len > 0) {
        memcpy(payload + 2, reason.ptr, reason.len);
    }
    ws_send_close(ws, (str){(char *)payload, reason.len + 2});
}

void ws_end(struct ws *ws, u16 code)
{
    check_magic(ws, WS_MAGIC);
    struct wake done;
    if (!ws->failed) {
        ws_close(ws, code, (str){});
    }
    ws->reader = NULL;
    if (ws->writer != NULL) { // ends by itself, by its time limit, or by the closer
        wake_init(&done);
        ws->writer_done = &done;
        wake_wait(&done);
    }
    if (ws->closer != NULL) {
        ws->closer->ws = NULL;
        uv_close((uv_handle_t *)&ws->closer->timer, on_closer_closed);
    }
    ws->conn->ws = NULL;
    buf_free(&ws->in);
    buf_free(&ws->message);
    buf_free(&ws->out);
    ws->magic = 0;
    mem_free(ws);
}
