// Messages to people - codes, invitations, links - from the moment someone wants one sent: the
// inbox shows them, and where mail or text messages leave the machine they are delivered from here.
#pragma once

#include "crypto/crypto.h"
#include "http/http.h"
#include "http/smtp.h"
#include "store/store.h"

// A message to a person, as it leaves for the outbox.
struct outbox_message {
    str to;
    str medium;  // EMAIL, SMS
    str subject; // none for SMS
    str text;
    str code;      // or none
    str link;      // or none
    str html;      // of an e-mail whose text is not its HTML as well; or none
    str from;      // of an e-mail: address of the sender; none: the server's own
    str from_name; // or none
    str reply_to;  // or none
    u64 good_ms;   // how long it is worth delivering; 0: a day
};

// How messages leave the machine; without it they are in the inbox only.
struct outbox_delivery_options {
    struct smtp_server smtp; // for e-mail; url none: not by SMTP
    str from;                // address of the sender, unless the message has one
    str from_name;           // or none
    str email_webhook;       // URLs that messages are POSTed to; none: not so
    str sms_webhook;
    str webhook_secret; // signs them
};

struct outbox_options {
    struct store *store;
    struct crypto_key key;                          // seals what is kept; the outbox keeps a copy
    const struct outbox_delivery_options *delivery; // copied; NULL: to the inbox only
    // Told of every message once it is kept; any loop's thread, must be quick.
    void (*tell)(const struct outbox_message *message);
};

// One per process; any loop may send.
struct outbox;

// Makes the tables and starts to deliver what waits (loop of the caller). What is in *out is to be
// freed also after an error.
[[nodiscard]] err *outbox_open(
    struct arena *arena, const struct outbox_options *options, struct outbox **out) YIELDS;
void outbox_free(struct outbox *outbox); // after all loops have ended; NULL is allowed
// Adds the inbox: its page, for this machine only, and the same as JSON.
void outbox_mount(struct outbox *outbox, struct http_router *router);

// Keeps a message, and has it delivered where that is set up; it is durable when this returns, and
// nobody waits for its delivery. CodeDeliveryFailureException when too many are waiting for theirs.
[[nodiscard]] err *outbox_send(
    struct outbox *outbox, struct arena *arena, const struct outbox_message *message) YIELDS;
// All messages that are kept, newest first, as a JSON array.
[[nodiscard]] err *outbox_list(
    struct outbox *outbox, struct arena *arena, struct json **out) YIELDS;
// The newest unread message to an address, which is read then; NULL when none comes in time.
[[nodiscard]] err *outbox_take(
    struct outbox *outbox, struct arena *arena, str address, u64 wait_ms, struct json **out) YIELDS;

// ---- texts ---------------------------------------------------------------------------------
// Whether a text is an address that e-mail can go to.
bool outbox_is_email(str text);
// "a***@e***", "+*******1234": an address as it may be shown.
str outbox_mask(struct arena *arena, bool phone, str address);
// Text as HTML shows it.
str outbox_html(struct arena *arena, str text);
