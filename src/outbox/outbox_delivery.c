// Messages on their way out: a queue in the store for each medium, and a fiber that empties it, a
// few at a time. What is down is tried again with growing pauses; what the other side refuses for
// good, or what is of no use any more, is dropped with a line in the log. A message leaves the
// queue after it has been taken: one that was under way when the process ended may come twice.
#include "outbox/outbox_int.h"

enum {
    AT_ONCE = 4,
    PAGE = 64,
    QUEUE_MAX = 10000, // messages of a medium
    SEND_MS = 30 * 1000,
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    RETRY_MIN_MS = 2000,
    RETRY_MAX_MS = 5 * 60 * 1000,
    IDLE_MS = 60 * 1000,
    ANSWER_MAX = 64 << 10,
};

static const u64 DAY_MS = 24 * 60 * 60 * 1000ULL;

struct pump { // of one medium; touched by its loop's thread only, but for `queued`
    struct outbox *outbox;
    struct loop *loop;
    struct chan *pokes;
    str medium;
    str webhook; // none: by SMTP
    bool active;
    u64 pause_ms; // 0: all is well
    atomic_size_t queued;
};

struct outbox_delivery {
    struct arena *arena; // of the options
    struct outbox_delivery_options options;
    struct pump pumps[2];
};

static struct pump *pump_of(struct outbox_delivery *delivery, str medium)
{
    struct pump *pump = &delivery->pumps[str_eq(medium, S("SMS")) ? 1 : 0];
    check(str_eq(pump->medium, medium));
    return pump;
}

// ---- the queue ---------------------------------------------------------------------------------
static str context_of(struct arena *arena, const struct json *item)
{
    return str_cat(arena, OUTBOX_OUTGOING, S("#"), json_get_str(item, S("medium")), S("#"),
        json_get(item, S("at"))->text);
}

bool outbox_delivery_takes(const struct outbox_delivery *delivery, str medium)
{
    return delivery != NULL && pump_of((struct outbox_delivery *)delivery, medium)->active;
}

err *outbox_delivery_queue(struct outbox *outbox, struct arena *a, const struct json *body,
    const struct json *at, u64 good_ms, struct store_write *out)
{
    u64 now = time_now_ms();
    struct json *item = json_object(a);
    struct pump *pump = pump_of(outbox->delivery, json_get_str(body, S("medium")));
    if (atomic_fetch_add(&pump->queued, 1) >= QUEUE_MAX) {
        atomic_fetch_sub(&pump->queued, 1);
        return fail_as(a, "CodeDeliveryFailureException",
            "The message could not be sent: too many are waiting to be delivered.");
    }
    json_set(item, S("medium"), json_string(a, pump->medium));
    json_set(item, S("at"), json_copy(a, at));
    json_set(item, S("due"), json_int(a, (i64)now));
    json_set(item, S("ends"), json_int(a, (i64)(now + (good_ms != 0 ? good_ms : DAY_MS))));
    json_set(item, S("tries"), json_int(a, 0));
    str sealed = crypto_seal(a, &outbox->key, context_of(a, item), json_text(a, body));
    json_set(item, S("sealed"), json_string(a, base64_encode(a, sealed)));
    *out = (struct store_write){.kind = STORE_PUT, .table = OUTBOX_OUTGOING, .item = item};
    return NULL;
}

static void poke(void *arg)
{
    struct pump *pump = arg;
    chan_try_put(pump->pokes, pump); // one that is there already will do
}

void outbox_delivery_queued(struct outbox_delivery *delivery, str medium, bool done)
{
    struct pump *pump = pump_of(delivery, medium);
    if (done) {
        loop_post(pump->loop, poke, pump);
    } else {
        atomic_fetch_sub(&pump->queued, 1);
    }
}

// ---- one message -------------------------------------------------------------------------------
struct parcel {
    struct wake wake;
    struct pump *pump;
    const struct json *item;
    enum smtp_outcome outcome;
    bool speaks; // in the log, of what is down: one of those on their way does
};

static struct json *open_body(struct pump *pump, struct arena *arena, const struct json *item)
{
    str sealed = {};
    str plain = {};
    struct json *body = NULL;
    bool opened =
        base64_decode(arena, json_get_str(item, S("sealed")), &sealed) &&
        crypto_open(arena, &pump->outbox->key, context_of(arena, item), sealed, &plain) == NULL &&
        json_parse(arena, plain, &body, NULL) == NULL;
    return opened ? body : NULL;
}

static str text_or(const struct json *body, str name, str otherwise)
{
    str text = json_get_str(body, name);
    return text.len > 0 ? text : otherwise;
}

static err *send_mail(struct pump *pump, struct arena *arena, const struct json *item,
    const struct json *body, enum smtp_outcome *outcome) YIELDS;

static err *send_mail(struct pump *pump, struct arena *arena, const struct json *item,
    const struct json *body, enum smtp_outcome *outcome)
{
    const struct outbox_delivery_options *options = &pump->outbox->delivery->options;
    bool defined = json_get_str(body, S("from")).len > 0;
    u64 at_us = (u64)json_get_int(item, S("at"), 0);
    struct outbox_mail mail = {.id = str_fmt(arena, "%llu.ampd", (unsigned long long)at_us),
        .time_s = at_us / 1000000,
        .from = text_or(body, S("from"), options->from),
        .from_name = text_or(body, S("fromName"), defined ? (str){} : options->from_name),
        .reply_to = json_get_str(body, S("replyTo")),
        .to = json_get_str(body, S("to")),
        .subject = json_get_str(body, S("subject")),
        .html = text_or(body, S("html"), json_get_str(body, S("text")))};
    struct smtp_mail sent = {.from = mail.from, .to = mail.to};
    *outcome = SMTP_REFUSED;
    TRY(outbox_mail_text(arena, &mail, &sent.text));
    return smtp_send(arena, &options->smtp, &sent, SEND_MS, outcome);
}

// "t=SECONDS,v1=HEX": HMAC-SHA-256 of "SECONDS.BODY", so that a request cannot be repeated later.
static str sign(struct pump *pump, struct arena *arena, str text)
{
    u8 mac[CRYPTO_SHA256_SIZE];
    str time = str_fmt(arena, "%llu", (unsigned long long)(time_now_ms() / 1000));
    crypto_hmac_sha256(
        pump->outbox->delivery->options.webhook_secret, str_cat(arena, time, S("."), text), mac);
    return str_cat(
        arena, S("t="), time, S(",v1="), hex_encode(arena, (str){(const char *)mac, sizeof(mac)}));
}

static enum smtp_outcome outcome_of(int status)
{
    if (status >= 200 && status < 300) {
        return SMTP_TAKEN;
    }
    if (status >= 500 || status == 408 || status == 425) {
        return SMTP_LATER;
    }
    // What is set up wrongly is set right some day; too many requests are for all of them.
    bool all = status < 400 || status == 401 || status == 403 || status == 404 || status == 429;
    return all ? SMTP_DOWN : SMTP_REFUSED;
}

static err *post_webhook(struct pump *pump, struct arena *arena, const struct json *item,
    struct json *body, enum smtp_outcome *outcome) YIELDS;

static err *post_webhook(struct pump *pump, struct arena *arena, const struct json *item,
    struct json *body, enum smtp_outcome *outcome)
{
    struct http_client_res res = {};
    json_set(body, S("id"), json_string(arena, json_get(item, S("at"))->text));
    str text = json_text(arena, body);
    struct http_header headers[] = {
        {S("content-type"), S("application/json")},
        {S("ampd-signature"), sign(pump, arena, text)},
    };
    struct http_client_req req = {.method = S("POST"),
        .url = pump->webhook,
        .headers = headers,
        .header_count = countof(headers),
        .body = text,
        .timeout_ms = SEND_MS,
        .response_max = ANSWER_MAX};
    *outcome = SMTP_DOWN;
    TRY(http_fetch(arena, &req, &res));
    *outcome = outcome_of(res.status);
    return *outcome == SMTP_TAKEN ? NULL
                                  : fail(arena, ERR_IO, "the webhook answered %d", res.status);
}

static err *forget(struct parcel *parcel, struct arena *arena) YIELDS;

static err *forget(struct parcel *parcel, struct arena *arena)
{
    struct store_write write = {.kind = STORE_DELETE,
        .table = OUTBOX_OUTGOING,
        .pk = json_get(parcel->item, S("medium")),
        .sk = json_get(parcel->item, S("at"))};
    TRY(store_write(parcel->pump->outbox->store, arena, &write, 1, NULL));
    atomic_fetch_sub(&parcel->pump->queued, 1);
    return NULL;
}

static err *put_off(struct parcel *parcel, struct arena *arena) YIELDS;

static err *put_off(struct parcel *parcel, struct arena *arena)
{
    i64 tries = json_get_int(parcel->item, S("tries"), 0);
    u64 wait_ms = tries < 8 ? (u64)RETRY_MIN_MS << tries : RETRY_MAX_MS;
    struct json *set = json_object(arena);
    json_set(set, S("due"),
        json_int(arena, (i64)(time_now_ms() + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS))));
    json_set(set, S("tries"), json_int(arena, tries + 1));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = OUTBOX_OUTGOING,
        .pk = json_get(parcel->item, S("medium")),
        .sk = json_get(parcel->item, S("at")),
        .set = set,
        .only_existing = true};
    return store_write(parcel->pump->outbox->store, arena, &write, 1, NULL);
}

// Whom it was for, as Cognito tells it: the log is no place for addresses.
static str masked(struct pump *pump, struct arena *arena, const struct json *body)
{
    return outbox_mask(arena, str_eq(pump->medium, S("SMS")), json_get_str(body, S("to")));
}

static err *deliver(struct parcel *parcel, struct arena *arena) YIELDS;

static err *deliver(struct parcel *parcel, struct arena *arena)
{
    struct pump *pump = parcel->pump;
    struct json *body = open_body(pump, arena, parcel->item);
    bool over = (u64)json_get_int(parcel->item, S("ends"), 0) <= time_now_ms();
    err *e = NULL;
    parcel->outcome = SMTP_REFUSED;
    if (body == NULL || over) {
        e = fail(
            arena, ERR_INVALID, body == NULL ? "it cannot be read" : "it is of no use any more");
    } else if (pump->webhook.len > 0) {
        e = post_webhook(pump, arena, parcel->item, body, &parcel->outcome);
    } else {
        e = send_mail(pump, arena, parcel->item, body, &parcel->outcome);
    }
    bool stopped = e != NULL && e->code == ERR_CANCELLED;
    if (parcel->outcome == SMTP_REFUSED) {
        log_warn("auth.delivery", "%.*s to %.*s is dropped: %.*s", PRI(pump->medium),
            PRI(masked(pump, arena, body)), PRI(e->text));
    } else if (parcel->outcome == SMTP_DOWN && !stopped && parcel->speaks) {
        log_warn("auth.delivery", "%.*s cannot be delivered at present: %.*s", PRI(pump->medium),
            PRI(e->text));
    }
    switch (parcel->outcome) {
    case SMTP_TAKEN:
    case SMTP_REFUSED: return forget(parcel, arena);
    case SMTP_LATER: return put_off(parcel, arena);
    case SMTP_DOWN: return NULL;
    }
    unreachable("one of the outcomes");
}

static void parcel_fiber(void *arg) YIELDS;

static void parcel_fiber(void *arg)
{
    struct parcel *parcel = arg;
    err *e = deliver(parcel, fiber_arena());
    if (e != NULL && e->code != ERR_CANCELLED) {
        log_warn("auth.delivery", "%.*s", PRI(e->text));
    }
    wake_send(&parcel->wake);
}

// ---- the pump ----------------------------------------------------------------------------------
// False when something is down: the rest would fare no better. *wait_ms: see go_through.
static bool deliver_some(
    struct pump *pump, struct json *const *items, size_t count, u64 *wait_ms) YIELDS;

static bool deliver_some(struct pump *pump, struct json *const *items, size_t count, u64 *wait_ms)
{
    struct parcel parcels[AT_ONCE] = {};
    bool down = false;
    bool taken = false;
    check(count <= AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        parcels[i] = (struct parcel){.pump = pump,
            .item = items[i],
            .outcome = SMTP_DOWN,
            .speaks = i == 0 && pump->pause_ms < PAUSE_MAX_MS};
        wake_init(&parcels[i].wake);
        if (fiber_try_start("delivery", parcel_fiber, &parcels[i]) == NULL) {
            wake_send(&parcels[i].wake);
        }
    }
    for (size_t i = 0; i < count; i++) {
        wake_wait(&parcels[i].wake);
        down = down || parcels[i].outcome == SMTP_DOWN;
        taken = taken || parcels[i].outcome != SMTP_DOWN;
        if (parcels[i].outcome == SMTP_LATER && *wait_ms > RETRY_MIN_MS) {
            *wait_ms = RETRY_MIN_MS; // it was put off for that long at least
        }
    }
    if (taken && pump->pause_ms > 0) {
        log_info("auth.delivery", "%.*s is delivered again", PRI(pump->medium));
        pump->pause_ms = 0;
    }
    if (down && !taken) {
        u64 next_ms = pump->pause_ms == 0 ? PAUSE_MIN_MS : 2 * pump->pause_ms;
        pump->pause_ms = next_ms < PAUSE_MAX_MS ? next_ms : PAUSE_MAX_MS;
    }
    return !down;
}

static void keep_earlier(u64 *wait_ms, u64 due_ms, u64 now_ms)
{
    u64 left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    *wait_ms = left_ms < *wait_ms ? left_ms : *wait_ms;
}

// Goes through the queue once, oldest first. *wait_ms: until there may be something to do again.
static err *go_through(struct pump *pump, struct arena *arena, u64 *wait_ms) YIELDS;

static err *go_through(struct pump *pump, struct arena *arena, u64 *wait_ms)
{
    struct store_query query = {
        .table = OUTBOX_OUTGOING, .pk = json_string(arena, pump->medium), .limit = PAGE};
    do {
        struct store_page page = {};
        struct json *due[AT_ONCE];
        size_t count = 0;
        TRY(store_query(pump->outbox->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            u64 now_ms = time_now_ms();
            u64 due_ms = (u64)json_get_int(page.items[i], S("due"), 0);
            if (due_ms <= now_ms) {
                due[count++] = page.items[i];
            } else {
                keep_earlier(wait_ms, due_ms, now_ms);
            }
            bool full = count == AT_ONCE || (count > 0 && i + 1 == page.count);
            if (full && !deliver_some(pump, due, count, wait_ms)) {
                *wait_ms = pump->pause_ms > 0 ? pump->pause_ms : PAUSE_MIN_MS;
                return NULL;
            }
            count = full ? 0 : count;
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

// While something is down new messages change nothing about it: only the pause ends the wait.
static void wait_for_work(struct pump *pump, u64 wait_ms) YIELDS;

static void wait_for_work(struct pump *pump, u64 wait_ms)
{
    void *item = NULL;
    if (pump->pause_ms > 0) {
        if (fiber_sleep(wait_ms) != NULL) {
            return;
        }
        wait_ms = 0;
    }
    fiber_deadline(time_mono_us() + wait_ms * 1000);
    err *e = chan_take(pump->pokes, &item);
    (void)e; // late, poked or ending: the queue is looked at in any case
    fiber_deadline(0);
}

static void pump_fiber(void *arg) YIELDS;

static void pump_fiber(void *arg)
{
    struct pump *pump = arg;
    struct arena *arena = arena_new();
    while (!fiber_is_cancelled(fiber_current())) {
        u64 wait_ms = IDLE_MS;
        err *e = go_through(pump, arena, &wait_ms);
        if (e != NULL && e->code != ERR_CANCELLED) {
            log_warn("auth.delivery", "%.*s", PRI(e->text));
            wait_ms = PAUSE_MIN_MS;
        }
        arena_reset(arena);
        wait_for_work(pump, wait_ms + 1);
    }
    arena_free(arena);
}

// ---- life --------------------------------------------------------------------------------------
static struct outbox_delivery_options copy_options(
    struct arena *arena, const struct outbox_delivery_options *options)
{
    struct outbox_delivery_options copy = *options;
    copy.smtp.url = str_dup(arena, options->smtp.url);
    copy.smtp.user = str_dup(arena, options->smtp.user);
    copy.smtp.password = str_dup(arena, options->smtp.password);
    copy.from = str_dup(arena, options->from);
    copy.from_name = str_dup(arena, options->from_name);
    copy.email_webhook = str_dup(arena, options->email_webhook);
    copy.sms_webhook = str_dup(arena, options->sms_webhook);
    copy.webhook_secret = str_dup(arena, options->webhook_secret);
    return copy;
}

static err *count_queued(struct pump *pump, struct arena *arena) YIELDS;

static err *count_queued(struct pump *pump, struct arena *arena)
{
    static const str KEYS[] = {S_INIT("at")};
    struct store_query query = {.table = OUTBOX_OUTGOING,
        .pk = json_string(arena, pump->medium),
        .attributes = KEYS,
        .attribute_count = countof(KEYS)};
    do {
        struct store_page page = {};
        TRY(store_query(pump->outbox->store, arena, &query, &page));
        atomic_fetch_add(&pump->queued, page.count);
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

err *outbox_delivery_open(
    struct outbox *outbox, struct arena *arena, const struct outbox_delivery_options *options)
{
    struct outbox_delivery *delivery = mem_new(struct outbox_delivery);
    delivery->arena = arena_new();
    delivery->options = copy_options(delivery->arena, options);
    outbox->delivery = delivery;
    for (size_t i = 0; i < countof(delivery->pumps); i++) {
        struct pump *pump = &delivery->pumps[i];
        bool sms = i == 1;
        pump->outbox = outbox;
        pump->loop = loop_current();
        pump->pokes = chan_new(1);
        pump->medium = sms ? S("SMS") : S("EMAIL");
        pump->webhook = sms ? delivery->options.sms_webhook : delivery->options.email_webhook;
        pump->active = pump->webhook.len > 0 || (!sms && delivery->options.smtp.url.len > 0);
        atomic_init(&pump->queued, 0);
        if (pump->active) {
            TRY(count_queued(pump, arena));
            fiber_start("pump", pump_fiber, pump);
        }
    }
    return NULL;
}

void outbox_delivery_free(struct outbox_delivery *delivery)
{
    if (delivery == NULL) {
        return;
    }
    for (size_t i = 0; i < countof(delivery->pumps); i++) {
        chan_free(delivery->pumps[i].pokes);
    }
    crypto_wipe((char *)delivery->options.smtp.password.ptr, delivery->options.smtp.password.len);
    crypto_wipe((char *)delivery->options.webhook_secret.ptr, delivery->options.webhook_secret.len);
    arena_free(delivery->arena);
    mem_free(delivery);
}
