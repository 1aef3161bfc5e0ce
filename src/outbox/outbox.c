// The outbox: every message to a person, kept sealed, since codes are in it; the newest few
// hundred. outbox_inbox.c shows them.
#include "outbox/outbox_int.h"

enum {
    KEPT = 200,       // messages
    PRUNE_EVERY = 50, // messages
    LOOK_EVERY_MS = 50,
};

static const str BOX = S_INIT("inbox");

// Sealed texts are bound to these names as well.
static const struct store_table_def TABLES[] = {
    {S_INIT("_auth.outbox"), {S_INIT("box"), STORE_KEY_STRING}, {S_INIT("at"), STORE_KEY_NUMBER},
        NULL, 0},
    {S_INIT("_auth.outgoing"), {S_INIT("medium"), STORE_KEY_STRING},
        {S_INIT("at"), STORE_KEY_NUMBER}, NULL, 0},
};

static str context_of(struct arena *arena, const struct json *at)
{
    return str_cat(arena, OUTBOX_BOX, S("#"), at->text);
}

// Times of messages never repeat: they are their keys.
static u64 next_time(struct outbox *outbox)
{
    unsigned long long now = time_now_ms() * 1000;
    unsigned long long last = atomic_load(&outbox->last_message);
    unsigned long long next = 0;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&outbox->last_message, &last, next));
    return next;
}

static err *outbox_page(struct outbox *outbox, struct arena *arena, u32 limit, str token,
    struct store_page *page) YIELDS;

static err *outbox_page(
    struct outbox *outbox, struct arena *arena, u32 limit, str token, struct store_page *page)
{
    struct store_query query = {.table = OUTBOX_BOX,
        .pk = json_string(arena, BOX),
        .backwards = true,
        .limit = limit,
        .page_token = token};
    return store_query(outbox->store, arena, &query, page);
}

// Removes what is older than the newest KEPT.
static err *prune(struct outbox *outbox, struct arena *arena) YIELDS;

static err *prune(struct outbox *outbox, struct arena *arena)
{
    struct store_page page = {};
    TRY(outbox_page(outbox, arena, KEPT, (str){}, &page));
    while (page.next_token.len > 0) {
        TRY(outbox_page(outbox, arena, KEPT, page.next_token, &page));
        for (size_t i = 0; i < page.count; i++) {
            struct store_write write = {.kind = STORE_DELETE,
                .table = OUTBOX_BOX,
                .pk = json_string(arena, BOX),
                .sk = json_get(page.items[i], S("at"))};
            TRY(store_write(outbox->store, arena, &write, 1, NULL));
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

static struct json *body_of(struct arena *a, const struct outbox_message *message, u64 now)
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
static void add_sender(struct arena *arena, struct json *body, const struct outbox_message *message)
{
    if (str_eq(message->medium, S("EMAIL"))) {
        add_text(arena, body, "html", message->html);
        add_text(arena, body, "from", message->from);
        add_text(arena, body, "fromName", message->from_name);
        add_text(arena, body, "replyTo", message->reply_to);
    }
}

// The inbox and the queue of what leaves the machine get it in one transaction.
err *outbox_send(struct outbox *outbox, struct arena *a, const struct outbox_message *message)
{
    check_magic(outbox, OUTBOX_MAGIC);
    check(message->to.len > 0 && message->medium.len > 0 && message->text.len > 0);
    u64 now = next_time(outbox);
    struct json *at = json_int(a, (i64)now);
    struct json *body = body_of(a, message, now);
    str sealed = crypto_seal(a, &outbox->key, context_of(a, at), json_text(a, body));
    struct json *item = json_object(a);
    json_set(item, S("box"), json_string(a, BOX));
    json_set(item, S("at"), at);
    json_set(item, S("sealed"), json_string(a, base64_encode(a, sealed)));
    struct store_write writes[2] = {{.kind = STORE_PUT, .table = OUTBOX_BOX, .item = item}};
    bool leaves = outbox_delivery_takes(outbox->delivery, message->medium);
    if (leaves) {
        add_sender(a, body, message);
        TRY(outbox_delivery_queue(outbox, a, body, at, message->good_ms, &writes[1]));
    }
    err *e = store_write(outbox->store, a, writes, leaves ? 2 : 1, NULL);
    if (leaves) {
        outbox_delivery_queued(outbox->delivery, message->medium, e == NULL);
    }
    TRY(e);
    if (outbox->tell != NULL) {
        outbox->tell(message);
    }
    if (atomic_fetch_add(&outbox->sent, 1) % PRUNE_EVERY == 0) { // and after each start
        e = prune(outbox, a);
        if (e != NULL && e->code != ERR_CANCELLED) { // the message is sent all the same
            log_warn("auth.outbox", "old messages stay: %.*s", PRI(e->text));
        }
    }
    return NULL;
}

// ---- the inbox -----------------------------------------------------------------------------

static struct json *open_message(
    struct outbox *outbox, struct arena *arena, const struct json *item)
{
    str sealed = {};
    str plain = {};
    struct json *body = NULL;
    bool opened = base64_decode(arena, json_get_str(item, S("sealed")), &sealed) &&
                  crypto_open(arena, &outbox->key, context_of(arena, json_get(item, S("at"))),
                      sealed, &plain) == NULL &&
                  json_parse(arena, plain, &body, NULL) == NULL;
    return opened ? body : NULL;
}

// The newest unread message to an address, or NULL; marks it as read.
static err *take_unread(
    struct outbox *outbox, struct arena *arena, str address, struct json **out) YIELDS;

static err *take_unread(struct outbox *outbox, struct arena *arena, str address, struct json **out)
{
    struct store_page page = {};
    TRY(outbox_page(outbox, arena, KEPT, (str){}, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct json *item = page.items[i];
        struct json *body = open_message(outbox, arena, item);
        if (json_get_bool(item, S("read"), false) ||
            !str_eq_nocase(json_get_str(body, S("to")), address)) {
            continue;
        }
        struct json *set = json_object(arena);
        json_set(set, S("read"), json_bool(arena, true));
        struct store_write write = {.kind = STORE_UPDATE,
            .table = OUTBOX_BOX,
            .pk = json_string(arena, BOX),
            .sk = json_get(item, S("at")),
            .set = set,
            .only_existing = true,
            .condition = store_pred_leaf(arena, STORE_NOT_EXISTS, S("read"), NULL)};
        err *e = store_write(outbox->store, arena, &write, 1, NULL);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            *out = body;
            return e;
        }
    }
    return NULL;
}

err *outbox_take(
    struct outbox *outbox, struct arena *arena, str address, u64 wait_ms, struct json **out)
{
    check_magic(outbox, OUTBOX_MAGIC);
    u64 end = time_now_ms() + wait_ms;
    for (;;) {
        struct arena_mark mark = arena_mark(arena);
        *out = NULL;
        TRY(take_unread(outbox, arena, address, out));
        if (*out != NULL || time_now_ms() >= end) {
            return NULL;
        }
        arena_rewind(arena, mark);
        TRY(fiber_sleep(LOOK_EVERY_MS));
    }
}

err *outbox_list(struct outbox *outbox, struct arena *arena, struct json **out)
{
    check_magic(outbox, OUTBOX_MAGIC);
    struct store_page page = {};
    TRY(outbox_page(outbox, arena, KEPT, (str){}, &page));
    *out = json_array(arena);
    for (size_t i = 0; i < page.count; i++) {
        struct json *message = open_message(outbox, arena, page.items[i]);
        if (message != NULL) {
            json_push(*out, message);
        }
    }
    return NULL;
}

err *outbox_newest(struct outbox *outbox, struct arena *arena, str *out)
{
    struct store_page page = {};
    TRY(outbox_page(outbox, arena, 1, (str){}, &page));
    *out = page.count > 0 ? json_get(page.items[0], S("at"))->text : S("0");
    return NULL;
}

// ---- life ----------------------------------------------------------------------------------

err *outbox_open(struct arena *arena, const struct outbox_options *options, struct outbox **out)
{
    struct store_apply_options apply = {};
    check(options->store != NULL && *out == NULL);
    struct outbox *outbox = mem_new(struct outbox);
    outbox->magic = OUTBOX_MAGIC;
    outbox->store = options->store;
    outbox->key = options->key;
    outbox->tell = options->tell;
    *out = outbox; // the caller's to free, also when the rest fails
    TRY(store_apply(outbox->store, arena, TABLES, countof(TABLES), &apply));
    return options->delivery != NULL ? outbox_delivery_open(outbox, arena, options->delivery)
                                     : NULL;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox == NULL) {
        return;
    }
    check_magic(outbox, OUTBOX_MAGIC);
    outbox_delivery_free(outbox->delivery);
    crypto_wipe(&outbox->key, sizeof(outbox->key));
    outbox->magic = 0;
    mem_free(outbox);
}
