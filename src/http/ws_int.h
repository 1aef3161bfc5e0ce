// Shared by the two halves of WebSocket: ws.c (handshake, sending, closing) and ws_read.c.
#pragma once

#include "http/http_int.h"

enum {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_CLOSE = 8,
    OP_PING = 9,
    OP_PONG = 10,
};

struct ws_frame {
    bool fin;
    u8 opcode;
    u64 len;
    size_t head_len;
    u8 mask[4];
};

enum { WS_MAGIC = 0x77736f63 };

struct ws {
    u32 magic;
    struct http_conn *conn;
    struct fiber *reader; // the handler's, cancelled when the connection is given up
    size_t message_max;
    struct buf in;         // bytes read and not yet used; freed while there are none
    struct ws_frame frame; // the data frame being received
    u64 frame_left;        // its payload still to come
    bool in_frame;
    struct buf message; // payloads of the message being joined
    size_t checked;     // of them known to be UTF-8
    u8 opcode;          // of that message; 0 = none
    struct buf out;     // not yet taken by the kernel
    size_t writing;     // bytes the writer fiber has taken out of `out`
    size_t queue_max;
    struct fiber *writer;
    struct wake *writer_done;
    struct ws_closer *closer;
    bool close_sent;
    bool close_seen;
    bool failed; // nothing can be sent any more
};

// Queues one whole frame; see ws_send.
bool ws_send_frame(struct ws *ws, u8 opcode, str payload);
// Answers the peer's close frame with its own payload, or a violation with its code.
void ws_send_close(struct ws *ws, str payload);
