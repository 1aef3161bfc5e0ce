// The queue of events: a row for each in the store, which goes when the event has been delivered or
// given up. Source: "Asynchronous invocation", AWS Lambda developer guide.
#include "event/event_int.h"

enum { PIECES_MAX = EVENT_MAX / EVENT_PIECE + 2, PAGE_ROWS = 1000, NAME_LEN = 8 };

// ---- circles -----------------------------------------------------------------------------------

str event_lineage_of(str trace)
{
    str part = {};
    while (str_next(&trace, ';', &part)) {
        if (str_starts(part, S("Lineage="))) {
            part = str_sub(part, S("Lineage=").len, 512);
            return str_is_utf8(part) ? part : (str){}; // it comes from outside
        }
    }
    return (str){};
}

// A function in lineages: a few digits of a sum over its name.
static str lineage_name(struct arena *arena, str key)
{
    u32 sum = 2166136261u; // FNV-1a
    for (size_t i = 0; i < key.len; i++) {
        sum = (sum ^ (u8)key.ptr[i]) * 16777619u;
    }
    return str_fmt(arena, "%0*x", NAME_LEN, sum);
}

// "name:count|name:count" with one more for this function; *rounds is its count.
static str lineage_with(struct arena *arena, str lineage, str key, u64 *rounds)
{
    struct buf out = buf_in(arena, 1024);
    str own = lineage_name(arena, key);
    str part = {};
    *rounds = 1;
    while (str_next(&lineage, '|', &part)) {
        str name = {};
        u64 count = 0;
        str rest = part;
        (void)str_next(&rest, ':', &name);
        (void)str_next(&rest, ':', &part);
        if (str_eq(name, own) && str_to_u64(part, &count)) {
            *rounds = count < ROUNDS_MAX * 2 ? count + 1 : count;
        } else if (name.len > 0) {
            buf_fmt(&out, "%.*s:%.*s|", PRI(name), PRI(part));
        }
    }
    buf_fmt(&out, "%.*s:%llu", PRI(own), (unsigned long long)*rounds);
    return buf_str(&out);
}

// ---- queueing ----------------------------------------------------------------------------------

struct queueing {
    struct event_queue *queue;
    struct arena *arena;
    vec_of(struct store_write) writes;
    vec_of(struct json *) rows;
};

static struct store_write *put(struct queueing *q, str table, const struct json *item)
{
    struct store_write *write = vec_push(q->arena, &q->writes);
    *write = (struct store_write){.kind = STORE_PUT, .table = table, .item = item};
    return write;
}

static void set_text(struct arena *arena, struct json *object, str name, str text)
{
    if (text.len > 0) {
        json_set(object, name, json_string(arena, text));
    }
}

// The first piece lies in the row itself.
static i64 put_pieces(struct queueing *q, str id, str rest)
{
    i64 number = 0;
    while (rest.len > 0) {
        bool bad = false;
        str piece = str_sub(rest, 0, EVENT_PIECE);
        piece.len = str_utf8_prefix(piece, &bad);
        check(piece.len > 0); // JSON has been parsed: it is UTF-8
        struct json *item = json_object(q->arena);
        json_set(item, S("id"), json_string(q->arena, id));
        json_set(item, S("number"), json_int(q->arena, ++number));
        json_set(item, S("text"), json_string(q->arena, piece));
        put(q, EVENT_PAYLOADS, item);
        rest = str_sub(rest, piece.len, rest.len);
    }
    return number;
}

// Its key is the definitions', which may be others before the row is written and posted.
static void add_row(struct queueing *q, const struct event *event, str key, str lineage)
{
    struct arena *a = q->arena;
    struct json *row = json_object(a);
    bool bad = false;
    str id = event->request_id.len > 0 ? event->request_id : random_uuid(a);
    str first = str_sub(event->payload, 0, EVENT_PIECE);
    first.len = str_utf8_prefix(first, &bad);
    json_set(row, S("function"), json_string(a, str_dup(a, key)));
    json_set(row, S("order"), json_int(a, (i64)event_order(q->queue)));
    json_set(row, S("requestId"), json_string(a, id));
    json_set(row, S("accepted"), json_int(a, (i64)q->queue->now_ms()));
    json_set(row, S("bytes"), json_int(a, (i64)event->payload.len));
    json_set(row, S("payload"), json_string(a, first));
    set_text(a, row, S("group"), event->group);
    set_text(a, row, S("lineage"), lineage);
    set_text(a, row, S("context"), event->client_context);
    i64 pieces = put_pieces(q, id, str_sub(event->payload, first.len, event->payload.len));
    if (pieces > 0) {
        json_set(row, S("pieces"), json_int(a, pieces));
    }
    put(q, EVENT_ROWS, row)->only_absent = true;
    *vec_push(a, &q->rows) = row;
}

static err *find_runnable(struct func_hub *hub, struct arena *arena, const struct event *event,
    const struct func_function **out)
{
    *out = func_find(func_hub_service(hub), event->function);
    if (*out == NULL) {
        return fail(arena, ERR_NOT_FOUND, "Function not found: %.*s", PRI(event->function));
    }
    return (*out)->problem.len == 0 || event->waits
               ? NULL
               : fail(arena, ERR_UNSUPPORTED, "%.*s", PRI((*out)->problem));
}

static err *add_event(struct queueing *q, const struct event *event)
{
    const struct func_function *function = NULL;
    u64 rounds = 0;
    TRY(find_runnable(q->queue->hub, q->arena, event, &function));
    if (event->payload.len > EVENT_MAX) {
        return fail(q->arena, ERR_TOO_LARGE,
            "%zu byte payload is too large for the Event invocation type (limit %d bytes)",
            event->payload.len, EVENT_MAX);
    }
    if (event->client_context.len > EVENT_PIECE / 4) {
        return fail(q->arena, ERR_TOO_LARGE, "The client context is too large.");
    }
    str lineage = lineage_with(q->arena, event->lineage, function->key, &rounds);
    if (rounds > ROUNDS_MAX) {
        log_warn("func.recursion",
            "%.*s: an event has gone through this function %d times in a circle, as when a "
            "function writes into the bucket whose uploads it is called for; it goes no further",
            PRI(function->key), ROUNDS_MAX);
        return fail(q->arena, ERR_CONFLICT, "%.*s is called in a circle", PRI(function->key));
    }
    add_row(q, event, function->key, lineage);
    return NULL;
}

static err *check_room(const struct event_queue *queue, struct arena *arena, size_t count)
{
    u64 waiting = atomic_load(&queue->count) + count;
    return waiting <= EVENTS_WAITING_MAX && atomic_load(&queue->bytes) <= EVENTS_BYTES_MAX
               ? NULL
               : fail(arena, ERR_LIMIT, "Rate Exceeded.");
}

err *event_add(struct event_queue *queue, struct arena *arena, const struct event *list,
    size_t count, struct store_write *more, size_t more_count)
{
    struct queueing q = {.queue = queue, .arena = arena};
    TRY(check_room(queue, arena, count));
    for (size_t i = 0; i < more_count; i++) {
        *vec_push(arena, &q.writes) = more[i];
    }
    for (size_t i = 0; i < count; i++) {
        TRY(add_event(&q, &list[i]));
    }
    TRY(store_write(queue->store, arena, q.writes.items, q.writes.count, NULL));
    for (size_t i = 0; i < q.rows.count; i++) {
        event_lane_post(queue, q.rows.items[i]);
    }
    return NULL;
}

// Of the hub's queue.
static err *add_call(void *queue, struct arena *arena, const struct func_call *call) YIELDS
{
    const struct event event = {.function = call->key,
        .payload = call->payload,
        .client_context = call->client_context,
        .request_id = call->request_id,
        .lineage = event_lineage_of(call->trace)};
    return event_add(queue, arena, &event, 1, NULL, 0);
}

// ---- delivering --------------------------------------------------------------------------------

static err *read_payload(
    struct event_queue *queue, struct arena *arena, const struct json *row, str *out) YIELDS;

static err *read_payload(
    struct event_queue *queue, struct arena *arena, const struct json *row, str *out)
{
    struct buf text = buf_in(arena, EVENT_MAX);
    i64 pieces = json_get_int(row, S("pieces"), 0);
    *out = json_get_str(row, S("payload"));
    buf_add(&text, *out);
    for (i64 i = 1; i <= pieces; i++) {
        struct json *piece = NULL;
        TRY(store_get(queue->store, arena, EVENT_PAYLOADS, json_get(row, S("requestId")),
            json_int(arena, i), &piece));
        buf_add(&text, json_get_str(piece, S("text")));
    }
    *out = pieces > 0 ? buf_str(&text) : *out;
    return NULL;
}

size_t event_removal(struct arena *arena, const struct json *row, struct store_write *writes)
{
    i64 pieces = json_get_int(row, S("pieces"), 0);
    size_t count = 0;
    check(pieces < PIECES_MAX);
    writes[count++] = (struct store_write){.kind = STORE_DELETE,
        .table = EVENT_ROWS,
        .pk = json_get(row, S("function")),
        .sk = json_get(row, S("order"))};
    for (i64 i = 1; i <= pieces; i++) {
        writes[count++] = (struct store_write){.kind = STORE_DELETE,
            .table = EVENT_PAYLOADS,
            .pk = json_get(row, S("requestId")),
            .sk = json_int(arena, i)};
    }
    return count;
}

enum verdict { VERDICT_OVER, VERDICT_LATER, VERDICT_STOPPED };

// One try of one event.
struct delivery {
    struct event_queue *queue;
    struct event_entry *entry;
    struct arena *arena;
    struct json *row;
    str payload;
    struct func_async how;
    struct func_result result;
    u64 due_ms; // of the next try
};

static struct func_async async_of(const struct event_queue *queue, str key)
{
    const struct func_function *function = func_find(func_hub_service(queue->hub), key);
    return function != NULL
               ? function->async
               : (struct func_async){.retries = EVENT_RETRIES, .max_age_s = EVENT_AGE_S};
}

static err *give_up(struct delivery *d, const char *condition, i64 tries) YIELDS;

static err *give_up(struct delivery *d, const char *condition, i64 tries)
{
    struct event_outcome outcome = {.row = d->row,
        .payload = d->payload,
        .condition = condition,
        .tries = tries,
        .result = d->result.payload.len > 0 ? &d->result : NULL};
    return event_finish(d->queue, d->arena, &outcome);
}

static bool is_too_old(const struct delivery *d, u64 when)
{
    return when > (u64)json_get_int(d->row, S("accepted"), 0) + (u64)d->how.max_age_s * 1000;
}

// Once more: how long to wait. Told of at the first time.
static u64 stumble_again(struct event_entry *entry, const err *why)
{
    unsigned times = entry->stumbles++;
    check(entry->lane->running > 0);
    u64 wait = times < 16 ? (u64)STUMBLE_MS << times : STUMBLE_MAX_MS;
    if (times == 0) {
        log_warn("func.event", "%.*s: %.*s; the event is tried again later", PRI(entry->lane->key),
            PRI(why->text));
    }
    return wait < STUMBLE_MAX_MS ? wait : STUMBLE_MAX_MS;
}

// The platform's fault: it costs no try.
static err *stumble(struct delivery *d, const err *why, enum verdict *verdict) YIELDS;

static err *stumble(struct delivery *d, const err *why, enum verdict *verdict)
{
    d->due_ms = d->queue->now_ms() + stumble_again(d->entry, why);
    if (is_too_old(d, d->due_ms)) {
        return give_up(d, "EventAgeExceeded", json_get_int(d->row, S("tries"), 0));
    }
    *verdict = VERDICT_LATER;
    return NULL;
}

static err *retry(struct delivery *d, enum verdict *verdict) YIELDS;

static err *retry(struct delivery *d, enum verdict *verdict)
{
    i64 tries = json_get_int(d->row, S("tries"), 0) + 1;
    d->due_ms = d->queue->now_ms() + (d->queue->retry_ms << (tries < 16 ? tries - 1 : 16));
    if (tries > d->how.retries) {
        return give_up(d, "RetriesExhausted", tries);
    }
    if (is_too_old(d, d->due_ms)) {
        return give_up(d, "EventAgeExceeded", tries);
    }
    struct json *set = json_object(d->arena);
    json_set(set, S("tries"), json_int(d->arena, tries));
    json_set(set, S("due"), json_int(d->arena, (i64)d->due_ms));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = EVENT_ROWS,
        .pk = json_get(d->row, S("function")),
        .sk = json_get(d->row, S("order")),
        .set = set,
        .only_existing = true};
    *verdict = VERDICT_LATER;
    d->entry->stumbles = 0;
    return store_write(d->queue->store, d->arena, &write, 1, NULL);
}

static err *run(struct delivery *d, enum verdict *verdict) YIELDS;

static err *run(struct delivery *d, enum verdict *verdict)
{
    str id = json_get_str(d->row, S("requestId"));
    const struct func_call call = {.key = d->entry->lane->key,
        .payload = d->payload,
        .client_context = json_get_str(d->row, S("context")),
        .request_id = id,
        .trace = str_cat(d->arena, S("Root=1-"), str_sub(id, 0, 8), S(";Sampled=0;Lineage="),
            json_get_str(d->row, S("lineage")))};
    err *e = func_invoke(d->queue->hub, d->arena, &call, &d->result);
    bool stopped = func_hub_is_stopping(d->queue->hub) || fiber_is_cancelled(fiber_current());
    if (stopped && (e != NULL || d->result.failed)) {
        *verdict =
            VERDICT_STOPPED; // not the function's fault: it is delivered after the next start
        return NULL;
    }
    if (e != NULL) {
        return stumble(d, e, verdict);
    }
    return d->result.failed ? retry(d, verdict)
                            : give_up(d, "Success", json_get_int(d->row, S("tries"), 0) + 1);
}

static err *deliver(struct delivery *d, enum verdict *verdict) YIELDS;

static err *deliver(struct delivery *d, enum verdict *verdict)
{
    str key = d->entry->lane->key;
    *verdict = VERDICT_OVER;
    TRY(store_get(d->queue->store, d->arena, EVENT_ROWS, json_string(d->arena, key),
        json_int(d->arena, (i64)d->entry->order), &d->row));
    if (d->row == NULL) {
        return NULL; // it was over already
    }
    TRY(read_payload(d->queue, d->arena, d->row, &d->payload));
    d->how = async_of(d->queue, key);
    if (is_too_old(d, d->queue->now_ms())) {
        return give_up(d, "EventAgeExceeded", json_get_int(d->row, S("tries"), 0));
    }
    return run(d, verdict);
}

// What goes wrong with the store is tried again: the row tells what was done.
void event_deliver(void *arg)
{
    struct event_entry *entry = arg;
    struct arena *arena = arena_new();
    struct delivery d = {.queue = entry->lane->queue, .entry = entry, .arena = arena};
    enum verdict verdict = VERDICT_OVER;
    err *e = deliver(&d, &verdict);
    bool stopped = func_hub_is_stopping(d.queue->hub) || fiber_is_cancelled(fiber_current());
    if (verdict == VERDICT_STOPPED || (e != NULL && stopped)) {
        entry->lane->running--;
        event_entry_drop(entry);
    } else if (e != NULL) {
        u64 wait_ms = stumble_again(entry, e);
        event_entry_delay(entry, d.queue->now_ms() + wait_ms);
    } else if (verdict == VERDICT_LATER) {
        event_entry_delay(entry, d.due_ms);
    } else {
        event_entry_end(entry);
    }
    arena_free(arena);
}

// ---- opening -----------------------------------------------------------------------------------

static err *make_tables(struct event_queue *queue, struct arena *arena) YIELDS;

static err *make_tables(struct event_queue *queue, struct arena *arena)
{
    static const struct store_key_def FUNCTION = {S_INIT("function"), STORE_KEY_STRING};
    static const struct store_key_def ORDER = {S_INIT("order"), STORE_KEY_NUMBER};
    const struct store_table_def tables[] = {
        {.name = EVENT_ROWS, .partition = FUNCTION, .sort = ORDER},
        {.name = EVENT_FAILED, .partition = FUNCTION, .sort = ORDER},
        {.name = EVENT_STREAMS, .partition = {S("id"), STORE_KEY_STRING}},
        {.name = EVENT_SCHEDULES, .partition = {S("id"), STORE_KEY_STRING}},
        {.name = EVENT_PAYLOADS,
            .partition = {S("id"), STORE_KEY_STRING},
            .sort = {S("number"), STORE_KEY_NUMBER}},
    };
    struct store_apply_options apply = {};
    return store_apply(queue->store, arena, tables, countof(tables), &apply);
}

static err *load_page(
    struct event_queue *queue, struct arena *arena, str token, struct store_page *page) YIELDS;

static err *load_page(
    struct event_queue *queue, struct arena *arena, str token, struct store_page *page)
{
    static const str NAMES[] = {
        S_INIT("function"), S_INIT("order"), S_INIT("due"), S_INIT("bytes"), S_INIT("group")};
    struct store_query query = {.table = EVENT_ROWS,
        .limit = PAGE_ROWS,
        .attributes = NAMES,
        .attribute_count = countof(NAMES),
        .page_token = token};
    check(queue->home == loop_current());
    TRY(store_query(queue->store, arena, &query, page));
    for (size_t i = 0; i < page->count; i++) {
        u64 order = (u64)json_get_int(page->items[i], S("order"), 0);
        if (order > atomic_load(&queue->last_order)) {
            atomic_store(&queue->last_order, order);
        }
        event_lane_add(queue, page->items[i]);
    }
    return NULL;
}

static err *load(struct event_queue *queue, struct arena *arena) YIELDS;

// What waits may be a gigabyte, of which nothing but names stays in memory.
static err *load(struct event_queue *queue, struct arena *arena)
{
    struct arena *pages[2] = {arena_new(), arena_new()}; // a token lives until the next page
    struct store_page page = {};
    err *e = NULL;
    for (unsigned turn = 0; e == NULL && (turn == 0 || page.next_token.len > 0); turn++) {
        struct arena *here = pages[turn % 2];
        str token = page.next_token;
        arena_reset(here);
        e = load_page(queue, here, token, &page);
    }
    e = e != NULL ? err_copy(arena, e) : NULL;
    arena_free(pages[0]);
    arena_free(pages[1]);
    return e;
}

err *event_queue_open(struct func_hub *hub, struct arena *arena,
    const struct event_options *options, struct event_queue **out)
{
    struct event_queue *queue = mem_new(struct event_queue);
    check(loop_index(loop_current()) == 0);
    *out = queue;
    *queue = (struct event_queue){.hub = hub,
        .home = loop_current(),
        .store = options->store,
        .now_ms = options->now_ms != NULL ? options->now_ms : time_now_ms,
        .retry_ms = options->retry_ms > 0 ? options->retry_ms : 1000,
        .lanes = map_new(NULL),
        .streams = map_new(NULL),
        .timers = map_new(NULL),
        .groups = map_new(NULL)};
    func_hub_set_queue(
        hub, &(struct func_queue){.arg = queue, .add = add_call, .follow = event_follow});
    TRY(make_tables(queue, arena));
    TRY(load(queue, arena));
    event_lane_start(queue);
    fiber_start("function streams", event_streams_tidy, queue);
    fiber_start("function schedules", event_timers_run, queue);
    return NULL;
}
