// WebSocket, receiving: frames are taken apart as their bytes come, so that a violation is answered
// at its first byte and a socket that waits holds nothing but a partial message.
#include "http/ws_int.h"

static bool is_control(u8 opcode)
{
    return opcode >= OP_CLOSE;
}

// 0: more bytes are needed; 1: a head; else the close code of the violation.
static u16 parse_frame_head(str bytes, struct ws_frame *frame)
{
    const u8 *p = (const u8 *)bytes.ptr;
    if (bytes.len == 0) {
        return 0;
    }
    frame->fin = (p[0] & 0x80) != 0;
    frame->opcode = p[0] & 0x0f;
    bool known =
        frame->opcode <= OP_BINARY || (is_control(frame->opcode) && frame->opcode <= OP_PONG);
    if ((p[0] & 0x70) != 0 || !known || (is_control(frame->opcode) && !frame->fin)) {
        return 1002; // reserved bits, unknown kind, a control frame in fragments
    }
    if (bytes.len < 2) {
        return 0;
    }
    u8 short_len = p[1] & 0x7f;
    size_t extra = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    if ((p[1] & 0x80) == 0 || (is_control(frame->opcode) && extra > 0)) {
        return 1002; // not masked, or a control frame that is too long
    }
    frame->head_len = 2 + extra + 4;
    if (bytes.len < frame->head_len) {
        return 0;
    }
    frame->len = extra == 0 ? short_len : 0;
    for (size_t i = 0; i < extra; i++) {
        frame->len = frame->len << 8 | p[2 + i];
    }
    if ((extra == 2 && frame->len < 126) ||
        (extra == 8 && (frame->len <= 0xffff || frame->len >> 63 != 0))) {
        return 1002; // not the shortest form
    }
    memcpy(frame->mask, p + 2 + extra, 4);
    return 1;
}

// `done` bytes of the frame's payload went before.
static void unmask(char *bytes, size_t len, const struct ws_frame *frame, u64 done)
{
    u8 mask[8];
    u64 wide = 0;
    size_t i = 0;
    for (size_t k = 0; k < sizeof(mask); k++) {
        mask[k] = frame->mask[(done + k) & 3];
    }
    memcpy(&wide, mask, sizeof(wide));
    for (; i + sizeof(wide) <= len; i += sizeof(wide)) {
        u64 word = 0;
        memcpy(&word, bytes + i, sizeof(word));
        word ^= wide;
        memcpy(bytes + i, &word, sizeof(word));
    }
    for (; i < len; i++) {
        bytes[i] = (char)(bytes[i] ^ mask[i & 7]);
    }
}

// RFC 6455 section 7.4 and the registry of codes.
static bool is_close_code(u16 code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static u16 on_close_frame(struct ws *ws, str payload)
{
    const u8 *p = (const u8 *)payload.ptr;
    str code = str_sub(payload, 0, 2);
    ws->close_seen = true;
    if (payload.len == 1 || (code.len == 2 && !is_close_code((u16)(p[0] << 8 | p[1])))) {
        return 1002;
    }
    if (!str_is_utf8(str_sub(payload, 2, payload.len))) {
        return 1007;
    }
    ws_send_close(ws, code);
    return 0;
}

static u16 take_control(struct ws *ws, u8 opcode, str payload)
{
    if (opcode == OP_CLOSE) {
        return on_close_frame(ws, payload);
    }
    if (opcode == OP_PING) {
        ws_send_frame(ws, OP_PONG, payload);
    }
    return 0;
}

static u16 begin_data(struct ws *ws, const struct ws_frame *frame)
{
    check(!ws->in_frame && ws->message.len <= ws->message_max);
    if ((frame->opcode == OP_CONTINUATION) != (ws->opcode != 0)) {
        return 1002; // a fragment of nothing, or a new message inside another
    }
    if (frame->len > ws->message_max - ws->message.len) {
        return 1009;
    }
    ws->opcode = frame->opcode != OP_CONTINUATION ? frame->opcode : ws->opcode;
    ws->frame = *frame;
    ws->frame_left = frame->len;
    ws->in_frame = true;
    return 0;
}

// A frame's head, or a whole control frame. *used stays 0 when more bytes are needed.
static u16 take_head(struct ws *ws, char *bytes, size_t len, size_t *used)
{
    struct ws_frame frame = {};
    u16 code = parse_frame_head((str){bytes, len}, &frame);
    if (code != 1) {
        return code;
    }
    if (!is_control(frame.opcode)) {
        *used = frame.head_len;
        return begin_data(ws, &frame);
    }
    size_t payload_len = (size_t)frame.len;
    if (len - frame.head_len < payload_len) {
        return 0;
    }
    *used = frame.head_len + payload_len;
    unmask(bytes + frame.head_len, payload_len, &frame, 0);
    return take_control(ws, frame.opcode, (str){bytes + frame.head_len, payload_len});
}

// The next bytes of the data frame. *whole is set with the message's last.
static u16 take_payload(struct ws *ws, char *bytes, size_t len, size_t *used, bool *whole)
{
    size_t take = len < ws->frame_left ? len : (size_t)ws->frame_left;
    unmask(bytes, take, &ws->frame, ws->frame.len - ws->frame_left);
    buf_add(&ws->message, (str){bytes, take});
    ws->frame_left -= take;
    ws->in_frame = ws->frame_left > 0;
    *used = take;
    *whole = !ws->in_frame && ws->frame.fin;
    if (ws->opcode == OP_TEXT) {
        bool bad = false;
        str all = buf_str(&ws->message);
        ws->checked += str_utf8_prefix(str_sub(all, ws->checked, all.len), &bad);
        return bad || (*whole && ws->checked < all.len) ? 1007 : 0;
    }
    return 0;
}

static void violation(struct ws *ws, u16 code)
{
    u8 payload[2] = {(u8)(code >> 8), (u8)code};
    ws_send_close(ws, (str){(char *)payload, sizeof(payload)});
    ws->close_seen = true; // no more of the peer's frames can be told apart
}

// Works bytes off until a message is whole; true then. *used counts them. A violation closes.
static bool work_off(struct ws *ws, char *bytes, size_t len, size_t *used)
{
    bool whole = false;
    *used = 0;
    while (!whole && !ws->close_seen && (!ws->in_frame || ws->frame_left == 0 || *used < len)) {
        size_t step = 0;
        bool head = !ws->in_frame;
        u16 code = head ? take_head(ws, bytes + *used, len - *used, &step)
                        : take_payload(ws, bytes + *used, len - *used, &step, &whole);
        *used += step;
        if (code != 0) {
            violation(ws, code);
            return false;
        }
        if (head && step == 0) {
            return false; // more bytes are needed
        }
    }
    return whole;
}

// Reads into the thread's scratch space and works off from there: nothing yields in between. What
// is left (a partial head, or what stands behind a whole message) is kept.
static err *read_and_work_off(struct ws *ws, size_t *got, bool *whole) YIELDS;

static err *read_and_work_off(struct ws *ws, size_t *got, bool *whole)
{
    char *scratch = http_scratch();
    size_t used = 0;
    net_stream_set_idle(ws->conn->stream, true);
    err *e = net_read(ws->conn->stream, scratch, HTTP_SCRATCH, got);
    net_stream_set_idle(ws->conn->stream, false);
    if (e != NULL) {
        return e;
    }
    if (ws->in.len > 0) {
        buf_add(&ws->in, (str){scratch, *got});
        *whole = work_off(ws, ws->in.ptr, ws->in.len, &used);
        buf_drop(&ws->in, used);
        return NULL;
    }
    *whole = work_off(ws, scratch, *got, &used);
    buf_add(&ws->in, (str){scratch + used, *got - used});
    return NULL;
}

static void hand_over(struct ws *ws, struct arena *arena, enum ws_kind *kind, str *message)
{
    *kind = ws->opcode == OP_TEXT ? WS_TEXT : WS_BINARY;
    *message = str_dup(arena, buf_str(&ws->message));
    buf_free(&ws->message);
    ws->opcode = 0;
    ws->checked = 0;
}

// From the bytes kept from earlier reads, then from the connection.
static err *next_whole(struct ws *ws, size_t *got, bool *whole) YIELDS;

static err *next_whole(struct ws *ws, size_t *got, bool *whole)
{
    size_t used = 0;
    *whole = ws->in.len > 0 && work_off(ws, ws->in.ptr, ws->in.len, &used);
    buf_drop(&ws->in, used);
    if (*whole || ws->close_seen) {
        return NULL;
    }
    if (ws->in.len == 0) {
        buf_free(&ws->in); // an idle socket holds no buffer
    }
    return read_and_work_off(ws, got, whole);
}

err *ws_read(struct ws *ws, struct arena *arena, enum ws_kind *kind, str *message)
{
    check_magic(ws, WS_MAGIC);
    size_t got = 1;
    err *e = NULL;
    while (!ws->close_seen && !ws->failed && got > 0 && e == NULL) {
        bool whole = false;
        e = next_whole(ws, &got, &whole);
        if (whole) {
            hand_over(ws, arena, kind, message);
        }
        if (whole && !ws->close_sent) { // else sent before the peer saw our close frame
            return NULL;
        }
    }
    *kind = WS_CLOSE;
    *message = (str){};
    if (e != NULL && e->code == ERR_CANCELLED && !ws->close_sent && !ws->failed) {
        ws_close(ws, 1001, (str){}); // the server is going away
        return e;
    }
    return e == NULL || ws->close_sent || ws->failed || e->code == ERR_CLOSED ? NULL : e;
}
