// The outbox: every message to a person, kept sealed, since codes are in it; the newest few
// hundred. auth_inbox.c shows them.
#include "auth/auth_int.h"

enum {
    KEPT = 200,       // messages
    PRUNE_EVERY = 50, // messages
    LOOK_EVERY_MS = 50,
};

static const str BOX = S_INIT("inbox");

static str context_of(struct arena *arena, const struct json *at)
{
    return str_cat(arena, AUTH_OUTBOX, S("#"), at->text);
}

// Times of messages never repeat: they are their keys.
static u64 next_time(struct auth_hub *hub)
{
    unsigned long long now = time_now_ms() * 1000;
    unsigned long long last = atomic_load(&hub->last_message);
    unsigned long long next = 0;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&hub->last_message, &last, next));
    return next;
}

static err *outbox_page(struct auth_hub *hub, struct arena *arena, u32 limit, str token,
    struct store_page *page) YIELDS;

static err *outbox_page(
    struct auth_hub *hub, struct arena *arena, u32 limit, str token, struct store_page *page)
{
    struct store_query query = {.table = AUTH_OUTBOX,
        .pk = json_string(arena, BOX),
        .backwards = true,
        .limit = limit,
        .page_token = token};
    return store_query(hub->store, arena, &query, page);
}

// Removes what is older than the newest KEPT.
static err *prune(struct auth_hub *hub, struct arena *arena) YIELDS;

static err *prune(struct auth_hub *hub, struct arena *arena)
{
    struct store_page page = {};
    TRY(outbox_page(hub, arena, KEPT, (str){}, &page));
    while (page.next_token.len > 0) {
        TRY(outbox_page(hub, arena, KEPT, page.next_token, &page));
        for (size_t i = 0; i < page.count; i++) {
            struct store_write write = {.kind = STORE_DELETE,
                .table = AUTH_OUTBOX,
                .pk = json_string(arena, BOX),
                .sk = json_get(page.items[i], S("at"))};
            TRY(store_write(hub->store, arena, &write, 1, NULL));
        }
    }
    return NULL;
}

static void add_text(struct arena *arena, struct json *object, const char *name, str text)
{
    if (text.len > 0) {
        json_set(object, str_from(name), json_string(arena, text));
    }
}

static struct json *body_of(struct arena *a, const struct auth_message *message, u64 now)
{
    struct json *body = json_object(a);
    add_text(a, body, "to", message->to);
    add_text(a, body, "medium", message->medium);
    add_text(a, body, "subject", message->subject);
    add_text(a, body, "text", message->text);
    add_text(a, body, "code", message->code);
    add_text(a, body, "link", message->link);
    add_text(a, body, "at", time_iso8601(a, now / 1000));
    return body;
}

// What is not for the inbox: how an e-mail looks, and who it is from.
static void add_sender(
    struct auth_call *call, struct json *body, const struct auth_message *message)
{
    struct arena *a = call->arena;
    const struct json *sender =
        json_get(json_get(call->service->definition, S("senders")), S("email"));
    if (str_eq(message->medium, S("EMAIL"))) {
        add_text(a, body, "html", message->html);
        add_text(a, body, "from", json_get_str(sender, S("fromEmail")));
        add_text(a, body, "fromName", json_get_str(sender, S("fromName")));
        add_text(a, body, "replyTo", json_get_str(sender, S("replyTo")));
    }
}

// The inbox and the queue of what leaves the machine get it in one transaction.
err *auth_send(struct auth_call *call, const struct auth_message *message)
{
    check(message->to.len > 0 && message->medium.len > 0 && message->text.len > 0);
    struct arena *a = call->arena;
    struct auth_hub *hub = call->hub;
    u64 now = next_time(hub);
    struct json *at = json_int(a, (i64)now);
    struct json *body = body_of(a, message, now);
    str sealed = crypto_seal(a, &hub->instance_key, context_of(a, at), json_text(a, body));
    struct json *item = json_object(a);
    json_set(item, S("box"), json_string(a, BOX));
    json_set(item, S("at"), at);
    json_set(item, S("sealed"), json_string(a, base64_encode(a, sealed)));
    struct store_write writes[2] = {{.kind = STORE_PUT, .table = AUTH_OUTBOX, .item = item}};
    bool leaves = auth_delivery_takes(hub->delivery, message->medium);
    if (leaves) {
        add_sender(call, body, message);
        TRY(auth_delivery_queue(call, body, at, message->good_ms, &writes[1]));
    }
    err *e = store_write(hub->store, a, writes, leaves ? 2 : 1, NULL);
    if (leaves) {
        auth_delivery_queued(hub->delivery, message->medium, e == NULL);
    }
    TRY(e);
    if (hub->tell != NULL) {
        hub->tell(message);
    }
    if (now % PRUNE_EVERY == 0) { // one in so many, by the last digits of the time
        e = prune(hub, a);
        if (e != NULL && e->code != ERR_CANCELLED) { // the message is sent all the same
            log_warn("auth.outbox", "old messages stay: %.*s", PRI(e->text));
        }
    }
    return NULL;
}

// ---- the inbox -----------------------------------------------------------------------------

static struct json *open_message(struct auth_hub *hub, struct arena *arena, const struct json *item)
{
    str sealed = {};
    str plain = {};
    struct json *body = NULL;
    bool opened = base64_decode(arena, json_get_str(item, S("sealed")), &sealed) &&
                  crypto_open(arena, &hub->instance_key, context_of(arena, json_get(item, S("at"))),
                      sealed, &plain) == NULL &&
                  json_parse(arena, plain, &body, NULL) == NULL;
    return opened ? body : NULL;
}

// The newest unread message to an address, or NULL; marks it as read.
static err *take_unread(
    struct auth_hub *hub, struct arena *arena, str address, struct json **out) YIELDS;

static err *take_unread(struct auth_hub *hub, struct arena *arena, str address, struct json **out)
{
    struct store_page page = {};
    TRY(outbox_page(hub, arena, KEPT, (str){}, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct json *item = page.items[i];
        struct json *body = open_message(hub, arena, item);
        if (json_get_bool(item, S("read"), false) ||
            !str_eq_nocase(json_get_str(body, S("to")), address)) {
            continue;
        }
        struct json *set = json_object(arena);
        json_set(set, S("read"), json_bool(arena, true));
        struct store_write write = {.kind = STORE_UPDATE,
            .table = AUTH_OUTBOX,
            .pk = json_string(arena, BOX),
            .sk = json_get(item, S("at")),
            .set = set,
            .only_existing = true,
            .condition = store_pred_leaf(arena, STORE_NOT_EXISTS, S("read"), NULL)};
        err *e = store_write(hub->store, arena, &write, 1, NULL);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            *out = body;
            return e;
        }
    }
    return NULL;
}

err *auth_inbox_take(
    struct auth_hub *hub, struct arena *arena, str address, u64 wait_ms, struct json **out)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    u64 end = time_now_ms() + wait_ms;
    for (;;) {
        struct arena_mark mark = arena_mark(arena);
        *out = NULL;
        TRY(take_unread(hub, arena, address, out));
        if (*out != NULL || time_now_ms() >= end) {
            return NULL;
        }
        arena_rewind(arena, mark);
        TRY(fiber_sleep(LOOK_EVERY_MS));
    }
}

err *auth_inbox_list(struct auth_hub *hub, struct arena *arena, struct json **out)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    struct store_page page = {};
    TRY(outbox_page(hub, arena, KEPT, (str){}, &page));
    *out = json_array(arena);
    for (size_t i = 0; i < page.count; i++) {
        struct json *message = open_message(hub, arena, page.items[i]);
        if (message != NULL) {
            json_push(*out, message);
        }
    }
    return NULL;
}

err *auth_inbox_newest(struct auth_hub *hub, struct arena *arena, str *out)
{
    struct store_page page = {};
    TRY(outbox_page(hub, arena, 1, (str){}, &page));
    *out = page.count > 0 ? json_get(page.items[0], S("at"))->text : S("0");
    return NULL;
}
