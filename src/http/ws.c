// WebSocket (RFC 6455), server side. The frame layer is our own: wslay's context holds two 4 KiB
// buffers for every socket, more than an idle subscription may cost altogether.
#include "http/http_int.h"

#include <openssl/evp.h>

enum {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10,
    QUEUE_MAX_DEFAULT = 1024 * 1024,
    CLOSING_MS = 5000,
    SCRATCH = 16 * 1024,
};

struct ws {
    struct http_conn *conn;
    size_t message_max;
    struct buf in;      // bytes of incomplete frames
    struct buf message; // payloads of the message being joined
    u8 opcode;          // of that message; 0 = none
    struct buf out;     // not yet taken by the kernel
    size_t queue_max;
    struct fiber *writer;
    struct wake *writer_done;
    bool close_sent;
    bool close_seen;
    bool failed;
};

struct ws_shared {
    size_t references;
    str bytes;
};

bool ws_is_upgrade(const struct http_req *req)
{
    return str_eq_nocase(http_header(req, S("upgrade")), S("websocket"));
}

static bool next_protocol(str *rest, str *name)
{
    bool more = str_next(rest, ',', name);
    *name = str_trim(*name);
    return more;
}

bool ws_offers(const struct http_req *req, str name)
{
    return str_eq(ws_protocol_with_prefix(req, name), name);
}

str ws_protocol_with_prefix(const struct http_req *req, str prefix)
{
    for (size_t i = 0; i < req->header_count; i++) {
        str rest = req->headers[i].value;
        str name = {};
        while (str_eq_nocase(req->headers[i].name, S("sec-websocket-protocol")) &&
               next_protocol(&rest, &name)) {
            if (str_starts(name, prefix)) {
                return name;
            }
        }
    }
    return (str){};
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

err *ws_accept(struct http_req *req, str protocol, size_t message_max, struct ws **out)
{
    struct http_conn *conn = req->conn;
    str key = http_header(req, S("sec-websocket-key"));
    str decoded = {};
    if (req->method != HTTP_GET || !list_names(http_header(req, S("connection")), S("upgrade")) ||
        !base64_decode(req->arena, key, &decoded) || decoded.len != 16) {
        return fail(req->arena, ERR_SYNTAX, "not a WebSocket handshake");
    }
    if (!str_eq(http_header(req, S("sec-websocket-version")), S("13"))) {
        http_add_header(req, S("Sec-WebSocket-Version"), S("13"));
        TRY(http_reply_empty(req, 426));
        return fail(req->arena, ERR_CLOSED, "WebSocket version not supported");
    }
    str head = str_cat(req->arena, S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"),
        S("Connection: Upgrade\r\nSec-WebSocket-Accept: "), accept_key(req->arena, key), S("\r\n"),
        protocol.len > 0 ? S("Sec-WebSocket-Protocol: ") : S(""), protocol,
        protocol.len > 0 ? S("\r\n") : S(""), S("\r\n"));
    conn->begun = true;
    TRY(net_write(conn->stream, head));
    struct ws *ws = mem_new(struct ws);
    ws->conn = conn;
    ws->message_max = message_max;
    ws->in = buf_heap(message_max + SCRATCH + 64);
    ws->message = buf_heap(message_max);
    ws->queue_max = QUEUE_MAX_DEFAULT;
    ws->out = buf_heap(SIZE_MAX / 4);
    buf_add(&ws->in, str_sub(buf_str(&conn->in), conn->in_used, conn->in.len));
    buf_free(&conn->in);
    conn->in_used = 0;
    conn->ws = ws;
    net_set_timeouts(conn->stream, 0, conn->server->limits.write_timeout_ms);
    *out = ws;
    return NULL;
}

// ---- sending -------------------------------------------------------------------------------

// Sends what the kernel did not take at once. It owns the bytes it is writing, so that others may
// queue behind them.
static void writer_fiber(void *arg) YIELDS;

static void writer_fiber(void *arg)
{
    struct ws *ws = arg;
    while (ws->out.len > 0 && !ws->failed) {
        struct buf bytes = ws->out;
        ws->out = buf_heap(SIZE_MAX / 4);
        if (net_write(ws->conn->stream, buf_str(&bytes)) != NULL) {
            ws->failed = true;
        }
        buf_free(&bytes);
    }
    ws->writer = NULL;
    if (ws->writer_done != NULL) {
        wake_send(ws->writer_done);
    }
}

static bool enqueue(struct ws *ws, str first, str second, str third)
{
    const str parts[] = {first, second, third};
    size_t total = first.len + second.len + third.len;
    if (ws->failed || ws->out.len + total > ws->queue_max) {
        return false;
    }
    bool direct = ws->writer == NULL && ws->out.len == 0;
    for (size_t i = 0; i < countof(parts); i++) {
        str rest = parts[i];
        if (direct && rest.len > 0) {
            rest = str_sub(rest, net_try_write(ws->conn->stream, rest), rest.len);
            direct = rest.len == 0;
        }
        buf_add(&ws->out, rest);
    }
    if (ws->out.len > 0 && ws->writer == NULL) {
        ws->writer = fiber_start("websocket writer", writer_fiber, ws);
    }
    return true;
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

static bool send_frame(struct ws *ws, u8 opcode, str payload)
{
    u8 head[10];
    if (ws->close_sent) {
        return true; // nothing may follow a close frame
    }
    size_t len = frame_head(head, opcode, payload.len);
    if (len + payload.len <= 512) { // one packet, one system call
        u8 whole[512];
        memcpy(whole, head, len);
        if (payload.len > 0) {
            memcpy(whole + len, payload.ptr, payload.len);
        }
        return enqueue(ws, (str){(char *)whole, len + payload.len}, (str){}, (str){});
    }
    return enqueue(ws, (str){(char *)head, len}, payload, (str){});
}

bool ws_send(struct ws *ws, str text)
{
    return send_frame(ws, OP_TEXT, text);
}

struct ws_shared *ws_shared_new(str bytes)
{
    struct ws_shared *shared = mem_alloc(sizeof(struct ws_shared) + bytes.len);
    char *copy = (char *)(shared + 1);
    memcpy(copy, bytes.ptr, bytes.len);
    *shared = (struct ws_shared){.references = 1, .bytes = {copy, bytes.len}};
    return shared;
}

void ws_shared_release(struct ws_shared *shared)
{
    if (shared != NULL && --shared->references == 0) {
        mem_free(shared);
    }
}

bool ws_send_shared(struct ws *ws, str prefix, struct ws_shared *shared, str suffix)
{
    u8 head[512];
    if (ws->close_sent) {
        return true;
    }
    check(prefix.len <= sizeof(head) - 10);
    size_t len = frame_head(head, OP_TEXT, prefix.len + shared->bytes.len + suffix.len);
    memcpy(head + len, prefix.ptr, prefix.len);
    return enqueue(ws, (str){(char *)head, len + prefix.len}, shared->bytes, suffix);
}

void ws_set_queue_max(struct ws *ws, size_t bytes)
{
    ws->queue_max = bytes;
}

size_t ws_queued(const struct ws *ws)
{
    return ws->out.len;
}

void ws_close(struct ws *ws, u16 code, str reason)
{
    u8 payload[125];
    reason = str_sub(reason, 0, sizeof(payload) - 2);
    payload[0] = (u8)(code >> 8);
    payload[1] = (u8)code;
    memcpy(payload + 2, reason.ptr, reason.len);
    if (!ws->close_sent) {
        ws->queue_max = SIZE_MAX / 4; // the last frame always has room
        send_frame(ws, OP_CLOSE, (str){(char *)payload, reason.len + 2});
        ws->close_sent = true;
        // The reader now waits for the peer's close frame, but not for ever.
        net_set_timeouts(ws->conn->stream, CLOSING_MS, CLOSING_MS);
    }
}

void ws_end(struct ws *ws)
{
    struct wake done;
    if (ws->writer != NULL && !ws->close_sent) {
        fiber_cancel(ws->writer);
    }
    if (ws->writer != NULL) {
        wake_init(&done);
        ws->writer_done = &done;
        wake_wait(&done);
    }
    ws->conn->ws = NULL;
    buf_free(&ws->in);
    buf_free(&ws->message);
    buf_free(&ws->out);
    mem_free(ws);
}

// ---- receiving -----------------------------------------------------------------------------

struct frame {
    bool fin;
    u8 opcode;
    u64 len;
    size_t head_len;
    u8 mask[4];
};

// 0: more bytes are needed; 1: a head; else the close code of the violation.
static u16 parse_frame_head(const struct ws *ws, str bytes, struct frame *frame)
{
    const u8 *p = (const u8 *)bytes.ptr;
    if (bytes.len < 2) {
        return 0;
    }
    frame->fin = (p[0] & 0x80) != 0;
    frame->opcode = p[0] & 0x0f;
    bool control = frame->opcode >= OP_CLOSE;
    bool known = frame->opcode <= OP_BINARY || (control && frame->opcode <= OP_PONG);
    if ((p[0] & 0x70) != 0 || !known || (p[1] & 0x80) == 0) {
        return 1002; // reserved bits, unknown kind, or not masked
    }
    size_t extra = (p[1] & 0x7f) == 126 ? 2 : (p[1] & 0x7f) == 127 ? 8 : 0;
    if (control && (extra > 0 || !frame->fin)) {
        return 1002;
    }
    frame->head_len = 2 + extra + 4;
    if (bytes.len < frame->head_len) {
        return 0;
    }
    frame->len = extra == 0 ? p[1] & 0x7f : 0;
    for (size_t i = 0; i < extra; i++) {
        frame->len = frame->len << 8 | p[2 + i];
    }
    if ((extra == 2 && frame->len < 126) ||
        (extra == 8 && (frame->len <= 0xffff || frame->len >> 63 != 0))) {
        return 1002; // not the shortest form
    }
    memcpy(frame->mask, p + 2 + extra, 4);
    return frame->len > ws->message_max ? 1009 : 1;
}

static bool is_close_code(u16 code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static u16 on_close_frame(struct ws *ws, str payload)
{
    u16 code = payload.len >= 2 ? (u16)(((unsigned)(u8)payload.ptr[0] << 8) | (u8)payload.ptr[1])
                                : (u16)1000;
    ws->close_seen = true;
    if (payload.len == 1 || !is_close_code(code) ||
        !str_is_utf8(str_sub(payload, 2, payload.len))) {
        return 1002;
    }
    ws_close(ws, code, (str){});
    return 0;
}

// Takes one unmasked frame in; a violation's close code, or 0. *whole is set when a message is.
static u16 take_frame(struct ws *ws, const struct frame *frame, str payload, bool *whole)
{
    switch (frame->opcode) {
    case OP_PING: send_frame(ws, OP_PONG, payload); return 0;
    case OP_PONG: return 0;
    case OP_CLOSE: return on_close_frame(ws, payload);
    case OP_CONTINUATION:
        if (ws->opcode == 0) {
            return 1002;
        }
        break;
    default:
        if (ws->opcode != 0) {
            return 1002;
        }
        ws->opcode = frame->opcode;
    }
    buf_add(&ws->message, payload);
    if (ws->message.overflow) {
        return 1009;
    }
    *whole = frame->fin;
    if (frame->fin && ws->opcode == OP_TEXT && !str_is_utf8(buf_str(&ws->message))) {
        return 1007;
    }
    return 0;
}

// Works off complete frames until a message is whole; true then. A violation closes.
static bool work_off(struct ws *ws)
{
    bool whole = false;
    while (!whole && !ws->close_seen) {
        struct frame frame = {};
        str bytes = buf_str(&ws->in);
        u16 code = parse_frame_head(ws, bytes, &frame);
        if (code == 0 || (code == 1 && bytes.len < frame.head_len + frame.len)) {
            return false;
        }
        if (code == 1) {
            char *payload = ws->in.ptr + frame.head_len;
            for (u64 i = 0; i < frame.len; i++) {
                payload[i] ^= (char)frame.mask[i & 3];
            }
            code = take_frame(ws, &frame, (str){payload, (size_t)frame.len}, &whole);
            buf_drop(&ws->in, frame.head_len + (size_t)frame.len);
        }
        if (code != 0) {
            ws_close(ws, code, (str){});
            ws->close_seen = true;
            return false;
        }
    }
    return whole;
}

static err *read_bytes(struct ws *ws, size_t *got) YIELDS;

static err *read_bytes(struct ws *ws, size_t *got)
{
    static _Thread_local char scratch[SCRATCH];
    if (ws->in.len == 0) {
        buf_free(&ws->in); // an idle socket holds no buffer
    }
    net_stream_set_idle(ws->conn->stream, true);
    err *e = net_read(ws->conn->stream, scratch, sizeof(scratch), got);
    net_stream_set_idle(ws->conn->stream, false);
    if (e == NULL) {
        buf_add(&ws->in, (str){scratch, *got});
    }
    return e;
}

err *ws_read(struct ws *ws, struct arena *arena, enum ws_kind *kind, str *message)
{
    for (;;) {
        size_t got = 0;
        if (work_off(ws)) {
            *kind = ws->opcode == OP_TEXT ? WS_TEXT : WS_BINARY;
            *message = str_dup(arena, buf_str(&ws->message));
            buf_free(&ws->message);
            ws->opcode = 0;
            return NULL;
        }
        if (ws->close_seen || ws->failed) {
            *kind = WS_CLOSE;
            return NULL;
        }
        err *e = read_bytes(ws, &got);
        if (e != NULL && (ws->close_sent || e->code == ERR_CLOSED)) {
            *kind = WS_CLOSE;
            return NULL;
        }
        if (e != NULL) {
            return e;
        }
        if (got == 0) {
            *kind = WS_CLOSE;
            return NULL;
        }
    }
}
