// Shared inside the folder.
#pragma once

#include "outbox/outbox.h"

#include <stdatomic.h>

enum { OUTBOX_MAGIC = 0x4f555442 };

#define OUTBOX_BOX      S("_auth.outbox")   // box, at
#define OUTBOX_OUTGOING S("_auth.outgoing") // medium, at: what has to be delivered yet

struct outbox {
    u32 magic;
    struct store *store;
    struct crypto_key key;
    void (*tell)(const struct outbox_message *message);
    atomic_ullong last_message;       // its time, microseconds
    atomic_uint sent;                 // messages since the start
    struct outbox_delivery *delivery; // NULL: messages stay in the inbox
};

// What changes with every message: the newest one's key; "0" while there is none.
[[nodiscard]] err *outbox_newest(struct outbox *outbox, struct arena *arena, str *out) YIELDS;

// ---- delivery (outbox_delivery.c) ----------------------------------------------------------
// Starts to deliver what waits (loop of the caller).
[[nodiscard]] err *outbox_delivery_open(struct outbox *outbox, struct arena *arena,
    const struct outbox_delivery_options *options) YIELDS;
void outbox_delivery_free(
    struct outbox_delivery *delivery); // after the loops' end; NULL is allowed
// Whether messages of that kind leave the machine.
bool outbox_delivery_takes(const struct outbox_delivery *delivery, str medium);
// The write that puts a message (as in the outbox, with its sender) into the queue; `at` is its
// key. CodeDeliveryFailureException when too many are waiting.
[[nodiscard]] err *outbox_delivery_queue(struct outbox *outbox, struct arena *arena,
    const struct json *body, const struct json *at, u64 good_ms, struct store_write *out);
// The write has been carried out, or not.
void outbox_delivery_queued(struct outbox_delivery *delivery, str medium, bool done);

// ---- e-mail (outbox_mail.c) ----------------------------------------------------------------
struct outbox_mail { // what an e-mail is made of
    str id;          // left of the '@' of its Message-ID
    u64 time_s;
    str from;
    str from_name; // or none
    str reply_to;  // or none
    str to;
    str subject;
    str html;
};

// Headers and body (RFC 5322, 2045 to 2047): UTF-8 in encoded words and quoted-printable. Nothing
// in the parts can add a header. ERR_INVALID when an address is none.
[[nodiscard]] err *outbox_mail_text(struct arena *arena, const struct outbox_mail *mail, str *out);
