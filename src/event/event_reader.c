// Functions that are called with the changes of a table. The store keeps the changes
// (store_record), each source has a reader with a position of its own, which moves on when a batch
// has been dealt with: what the process had not finished is read again after the next start.
// Source: "Using AWS Lambda with Amazon DynamoDB", AWS Lambda developer guide.
#include "event/event_int.h"

enum {
    BACKOFF_MAX_MS = 60 * 1000,
    BATCH_BYTES = 6 * 1000 * 1000,
    PAGE_ROWS = 1000, // changes looked at for one batch
};

struct event_reader { // the reader of one source; touched by the first loop only
    struct event_queue *queue;
    str id; // heap, behind the struct
    struct cond changed;
    bool is_wanted; // there may be new changes, or other definitions
    str position;   // sequence, in `text`; none: before the first
    char text[32];
    size_t limit; // of the next batch, when a larger one failed; 0: as the source says
    i64 attempts; // of the batch that is next
    u64 wait_until_us;
    bool is_filling; // it waits for a batch to become full, not for better times
    bool is_loaded;
};

struct batch {
    struct event_reader *reader;
    struct func_service *service;
    const struct func_function *function;
    const struct func_source *source;
    struct arena *arena;
    struct store_page page; // changes, some of which the function does not want
    struct json *records;   // those that it wants
    size_t taken;           // changes of the page that the batch is made of
    u64 begun_ms;           // when the first of its changes was made
};

static const struct func_source *find_source(
    const struct func_service *service, str id, const struct func_function **function)
{
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        *function = &service->functions[i];
        for (size_t k = 0; k < (*function)->source_count; k++) {
            if (str_eq((*function)->sources[k].id, id)) {
                return &(*function)->sources[k];
            }
        }
    }
    return NULL;
}

// ---- positions ---------------------------------------------------------------------------------

static void set_position(struct event_reader *reader, str sequence)
{
    check(sequence.len < sizeof(reader->text));
    if (sequence.len > 0) {
        memcpy(reader->text, sequence.ptr, sequence.len);
    }
    reader->position = (str){reader->text, sequence.len};
}

static err *load_position(struct event_reader *reader, struct arena *arena) YIELDS;

static err *load_position(struct event_reader *reader, struct arena *arena)
{
    struct json *row = NULL;
    TRY(store_get(
        reader->queue->store, arena, EVENT_STREAMS, json_string(arena, reader->id), NULL, &row));
    set_position(reader, json_get_str(row, S("position")));
    reader->is_loaded = row != NULL;
    return NULL;
}

static struct json *position_row(struct arena *arena, str id, str position)
{
    struct json *row = json_object(arena);
    json_set(row, S("id"), json_string(arena, id));
    json_set(row, S("position"), json_string(arena, position));
    return row;
}

static err *note_position(struct batch *b, str sequence) YIELDS;

// Where the row is another one the source has gone and come back meanwhile: it goes on where it
// begins now. Without a row the source is about to go.
static err *note_position(struct batch *b, str sequence)
{
    struct event_reader *reader = b->reader;
    const struct json *before = json_string(b->arena, str_dup(b->arena, reader->position));
    struct json *set = json_object(b->arena);
    json_set(set, S("position"), json_string(b->arena, sequence));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = EVENT_STREAMS,
        .pk = json_string(b->arena, reader->id),
        .set = set,
        .condition = store_pred_leaf(b->arena, STORE_EQ, S("position"), before)};
    err *e = store_write(reader->queue->store, b->arena, &write, 1, NULL);
    if (e == NULL || e->code != ERR_CONDITION_FAILED) {
        if (e == NULL) {
            set_position(reader, sequence);
        }
        return e;
    }
    TRY(load_position(reader, b->arena));
    if (!reader->is_loaded) {
        reader->is_loaded = true;
        set_position(reader, sequence);
    }
    return NULL;
}

// The first `count` changes of the batch are dealt with.
static err *move_on(struct batch *b, size_t count) YIELDS;

static err *move_on(struct batch *b, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    TRY(note_position(b, json_get(b->page.items[count - 1], S("sequence"))->text));
    b->reader->attempts = 0;
    b->reader->limit = 0;
    return NULL;
}

// ---- batches -----------------------------------------------------------------------------------

static bool is_too_old(const struct batch *b, const struct json *change)
{
    u64 age_ms = b->source->max_age_s > 0 ? (u64)b->source->max_age_s * 1000 : CHANGES_KEPT_MS;
    return (u64)json_get_int(change, S("time"), 0) + age_ms < time_now_ms();
}

static size_t batch_limit(const struct batch *b)
{
    size_t own = b->source->batch_size > 0 ? b->source->batch_size : 100;
    return b->reader->limit > 0 && b->reader->limit < own ? b->reader->limit : own;
}

// What the function wants of the page, as far as its payload has room. *expired: so many were left
// out since they are too old.
static void gather(struct batch *b, size_t *expired)
{
    size_t bytes = 0;
    b->records = json_array(b->arena);
    size_t limit = batch_limit(b);
    for (b->taken = 0; b->taken < b->page.count && b->records->count < limit; b->taken++) {
        const struct json *change = b->page.items[b->taken];
        if (is_too_old(b, change)) {
            ++*expired;
            continue;
        }
        struct json *record = event_record(b->arena, b->service, b->source, change);
        if (!event_filter_matches(b->source->filters, record)) {
            continue;
        }
        bytes += json_text(b->arena, record).len + 1;
        if (bytes > BATCH_BYTES && b->records->count > 0) {
            break;
        }
        if (b->records->count == 0) {
            b->begun_ms = (u64)json_get_int(change, S("time"), 0);
        }
        json_push(b->records, record);
    }
}

// A batch that is not full yet may wait for more. True while it should.
static bool should_wait(struct batch *b)
{
    bool full = b->records->count >= batch_limit(b) || b->page.next_token.len > 0;
    if (b->source->window_ms == 0 || b->records->count == 0 || full || b->reader->limit > 0) {
        return false;
    }
    u64 until = b->begun_ms + b->source->window_ms;
    u64 now = time_now_ms(); // the store's clock
    if (now >= until) {
        return false;
    }
    u64 wait = until - now < b->source->window_ms ? until - now : b->source->window_ms;
    b->reader->wait_until_us = time_mono_us() + wait * 1000;
    b->reader->is_filling = true;
    return true;
}

static str sequence_of(const struct json *record)
{
    return json_get_str(json_get(record, S("dynamodb")), S("SequenceNumber"));
}

// How many of the batch's changes come before the first that the function says it could not deal
// with. All: it said of none. 0 for an answer that says so of everything, or makes no sense.
static size_t count_done(struct batch *b, str payload)
{
    struct json *answer = NULL;
    size_t done = b->taken;
    if (json_parse(b->arena, payload, &answer, NULL) != NULL) {
        return 0;
    }
    json_each (failure, json_get(answer, S("batchItemFailures"))) {
        str id = json_get_str(failure, S("itemIdentifier"));
        size_t at = 0;
        while (at < b->taken && !str_eq(json_get(b->page.items[at], S("sequence"))->text, id)) {
            at++;
        }
        if (at == b->taken) {
            return 0; // no record of this batch: as if all had failed
        }
        done = at < done ? at : done;
    }
    return done;
}

// A record of the batch that is given up, beside those of events.
static err *note_failure(struct batch *b, const char *condition) YIELDS;

static err *note_failure(struct batch *b, const char *condition)
{
    struct buf text = buf_in(b->arena, 64 * 1024);
    struct json_writer w;
    const struct json *first = b->records->child;
    struct json *item = json_object(b->arena);
    jw_init(&w, &text);
    jw_object(&w);
    jw_member(&w, S("version"), S("1.0"));
    jw_member(&w, S("timestamp"), time_iso8601(b->arena, b->reader->queue->now_ms()));
    jw_key(&w, S("requestContext"));
    jw_object(&w);
    jw_member(&w, S("functionArn"), b->function->arn);
    jw_member(&w, S("condition"), str_from(condition));
    jw_key(&w, S("approximateInvokeCount"));
    jw_int(&w, b->reader->attempts);
    jw_end_object(&w);
    jw_key(&w, S("DDBStreamBatchInfo"));
    jw_object(&w);
    jw_member(&w, S("startSequenceNumber"), sequence_of(first));
    jw_member(&w, S("endSequenceNumber"), sequence_of(b->records->last));
    jw_key(&w, S("batchSize"));
    jw_int(&w, b->records->count);
    jw_member(&w, S("streamArn"), b->source->arn);
    jw_end_object(&w);
    jw_end_object(&w);
    json_set(item, S("function"), json_string(b->arena, b->function->key));
    json_set(item, S("order"), json_int(b->arena, (i64)event_order(b->reader->queue)));
    json_set(item, S("record"), json_string(b->arena, buf_str(&text)));
    log_warn("func.stream", "%.*s: %u changes of %.*s are given up (%s)", PRI(b->function->key),
        (unsigned)b->records->count, PRI(b->source->table), condition);
    struct store_write write = {.kind = STORE_PUT, .table = EVENT_FAILED, .item = item};
    TRY(store_write(b->reader->queue->store, b->arena, &write, 1, NULL));
    event_failures_trim(b->reader->queue, b->arena, b->function->key);
    return NULL;
}

static void back_off(struct event_reader *reader, i64 times)
{
    u64 wait = reader->queue->retry_ms << (times < 8 ? times : 8);
    wait = wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
    reader->wait_until_us = time_mono_us() + wait * 1000;
}

static err *on_failure(struct batch *b) YIELDS;

static err *on_failure(struct batch *b)
{
    struct event_reader *reader = b->reader;
    if (b->source->bisect && b->records->count > 1) { // costs no attempt
        reader->limit = b->records->count / 2;
        return NULL;
    }
    reader->attempts++;
    if (b->source->retries >= 0 && reader->attempts > b->source->retries) {
        TRY(note_failure(b, "RetryAttemptsExhausted"));
        return move_on(b, b->taken);
    }
    back_off(reader, reader->attempts - 1);
    return NULL;
}

static err *call(struct batch *b) YIELDS;

static err *call(struct batch *b)
{
    struct event_reader *reader = b->reader;
    struct json *event = json_object(b->arena);
    struct func_result result = {};
    json_set(event, S("Records"), b->records);
    const struct func_call call = {.key = b->function->key, .payload = json_text(b->arena, event)};
    err *e = func_invoke(reader->queue->hub, b->arena, &call, &result);
    bool stopped = func_hub_is_stopping(reader->queue->hub) || fiber_is_cancelled(fiber_current());
    if (stopped && (e != NULL || result.failed)) {
        return fail(b->arena, ERR_CANCELLED, "the end");
    }
    if (e != NULL) { // the platform's fault: it costs no attempt
        log_warn("func.stream", "%.*s: %.*s; it is tried again later", PRI(b->function->key),
            PRI(e->text));
        back_off(reader, 3);
        return NULL;
    }
    if (result.failed) {
        return on_failure(b);
    }
    size_t done = b->source->reports_failures ? count_done(b, result.payload) : b->taken;
    if (done == b->taken) {
        return move_on(b, done);
    }
    if (done > 0) { // begins anew with the first that failed
        i64 attempts = reader->attempts;
        TRY(move_on(b, done));
        if (!str_eq(reader->position, json_get(b->page.items[done - 1], S("sequence"))->text)) {
            return NULL; // the source begins anew
        }
        reader->attempts = attempts;
        b->page.items += done;
        b->page.count -= done;
        b->taken -= done;
        while (b->records->child != NULL && !str_eq(sequence_of(b->records->child),
                                                json_get(b->page.items[0], S("sequence"))->text)) {
            b->records->child = b->records->child->next;
            b->records->count--;
        }
    }
    return on_failure(b);
}

// One batch, or the wait for it to become full. *idle: there is nothing.
static err *read_batch(struct batch *b, bool *idle) YIELDS;

static err *read_batch(struct batch *b, bool *idle)
{
    struct event_reader *reader = b->reader;
    size_t expired = 0;
    if (!reader->is_loaded) {
        TRY(load_position(reader, b->arena));
    }
    const struct store_query query = {.table = STORE_CHANGES,
        .pk = json_string(b->arena, b->source->table),
        .range = reader->position.len > 0 ? STORE_RANGE_GT : STORE_RANGE_ALL,
        .sk_low = reader->position.len > 0 ? json_number(b->arena, reader->position) : NULL,
        .limit = PAGE_ROWS};
    TRY(store_query(reader->queue->store, b->arena, &query, &b->page));
    *idle = b->page.count == 0;
    gather(b, &expired);
    if (*idle || should_wait(b)) {
        return NULL;
    }
    if (expired > 0) {
        log_warn("func.stream", "%.*s: %zu changes of %.*s are too old and left out",
            PRI(b->function->key), expired, PRI(b->source->table));
    }
    return b->records->count > 0 ? call(b) : move_on(b, b->taken);
}

// ---- readers -----------------------------------------------------------------------------------

static void wait_for_more(struct event_reader *reader, bool idle) YIELDS;

static void wait_for_more(struct event_reader *reader, bool idle)
{
    err *e = NULL;
    u64 now = time_mono_us();
    while (idle && e == NULL && !reader->is_wanted) {
        e = cond_wait(&reader->changed);
    }
    if (reader->is_filling) {
        u64 before = fiber_deadline(reader->wait_until_us);
        while (e == NULL && !reader->is_wanted) {
            e = cond_wait(&reader->changed); // or its time is over
        }
        (void)fiber_deadline(before);
    } else if (!idle && reader->wait_until_us > now) {
        e = fiber_sleep((reader->wait_until_us - now) / 1000 + 1);
    }
    reader->wait_until_us = 0;
    reader->is_filling = false;
}

static void run_stream(void *arg) YIELDS
{
    struct event_reader *reader = arg;
    struct event_queue *queue = reader->queue;
    struct arena *arena = arena_new();
    bool goes_on = true;
    while (goes_on && !func_hub_is_stopping(queue->hub) && !fiber_is_cancelled(fiber_current())) {
        struct batch b = {.reader = reader, .arena = arena};
        bool idle = false;
        reader->is_wanted = false;
        b.service = func_service_hold(func_hub_service(queue->hub));
        b.source = find_source(b.service, reader->id, &b.function);
        goes_on = b.source != NULL;
        err *e = goes_on ? read_batch(&b, &idle) : NULL;
        if (e != NULL && e->code != ERR_CANCELLED) {
            log_warn("func.stream", "%.*s: %.*s", PRI(reader->id), PRI(e->text));
            back_off(reader, 1);
        }
        func_service_release(b.service);
        arena_reset(arena);
        if (goes_on) {
            wait_for_more(reader, idle);
        }
    }
    arena_free(arena);
    map_remove(queue->streams, reader->id);
    mem_free(reader);
}

static void wake_streams(void *arg)
{
    struct event_queue *queue = arg;
    size_t pos = 0;
    str id = {};
    void *value = NULL;
    while (map_next(queue->streams, &pos, &id, &value)) {
        struct event_reader *reader = value;
        reader->is_wanted = true;
        cond_signal_all(&reader->changed);
    }
}

// On the store's thread.
static void on_change(void *arg)
{
    struct event_queue *queue = arg;
    loop_post(queue->home, wake_streams, queue);
}

static void follow_source(struct event_queue *queue, const struct func_source *source)
{
    if (map_get(queue->streams, source->id) != NULL) {
        return;
    }
    struct event_reader *reader = mem_alloc(sizeof(*reader) + source->id.len);
    memcpy(reader + 1, source->id.ptr, source->id.len);
    reader->queue = queue;
    reader->id = (str){(const char *)(reader + 1), source->id.len};
    map_set(queue->streams, reader->id, reader);
    fiber_start("function stream", run_stream, reader);
}

void event_streams_follow(struct event_queue *queue)
{
    const struct func_service *service = func_hub_service(queue->hub);
    check(queue->home == loop_current());
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        for (size_t k = 0; k < service->functions[i].source_count; k++) {
            follow_source(queue, &service->functions[i].sources[k]);
        }
    }
    wake_streams(queue);
}

void event_streams_free(struct event_queue *queue)
{
    check(map_count(queue->streams) == 0); // their fibers have ended
    map_free(queue->streams);
}

// ---- before definitions are in force -----------------------------------------------------------

// The newest change of the table, or none.
static err *newest(struct event_queue *queue, struct arena *arena, str table, str *out) YIELDS;

static err *newest(struct event_queue *queue, struct arena *arena, str table, str *out)
{
    struct store_page page = {};
    const struct store_query query = {
        .table = STORE_CHANGES, .pk = json_string(arena, table), .backwards = true, .limit = 1};
    TRY(store_query(queue->store, arena, &query, &page));
    *out = page.count > 0 ? json_get(page.items[0], S("sequence"))->text : (str){};
    return NULL;
}

static err *begin_source(
    struct event_queue *queue, struct arena *arena, const struct func_source *source) YIELDS;

static err *begin_source(
    struct event_queue *queue, struct arena *arena, const struct func_source *source)
{
    struct json *row = NULL;
    str position = {};
    TRY(store_get(queue->store, arena, EVENT_STREAMS, json_string(arena, source->id), NULL, &row));
    if (row != NULL) {
        return NULL;
    }
    if (!source->from_start) {
        TRY(newest(queue, arena, source->table, &position));
    }
    struct store_write write = {.kind = STORE_PUT,
        .table = EVENT_STREAMS,
        .item = position_row(arena, source->id, position)};
    return store_write(queue->store, arena, &write, 1, NULL);
}

static err *forget_sources(
    struct event_queue *queue, struct arena *arena, const struct func_service *service) YIELDS;

static err *forget_sources(
    struct event_queue *queue, struct arena *arena, const struct func_service *service)
{
    struct store_page page = {};
    struct store_query query = {.table = EVENT_STREAMS};
    do {
        TRY(store_query(queue->store, arena, &query, &page));
        query.page_token = page.next_token;
        for (size_t i = 0; i < page.count; i++) {
            const struct func_function *function = NULL;
            if (find_source(service, json_get_str(page.items[i], S("id")), &function) != NULL) {
                continue;
            }
            struct store_write write = {.kind = STORE_DELETE,
                .table = EVENT_STREAMS,
                .pk = json_get(page.items[i], S("id"))};
            TRY(store_write(queue->store, arena, &write, 1, NULL));
        }
    } while (page.next_token.len > 0);
    return NULL;
}

err *event_prepare(struct event_queue *queue, struct arena *arena, struct func_service *service)
{
    vec_of(str) tables = {};
    check(queue != NULL);
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        for (size_t k = 0; k < service->functions[i].source_count; k++) {
            *vec_push(arena, &tables) = service->functions[i].sources[k].table;
        }
    }
    const struct store_record_options options = {
        .tables = tables.items, .count = tables.count, .tell = on_change, .arg = queue};
    TRY(store_record(queue->store, arena, &options));
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        for (size_t k = 0; k < service->functions[i].source_count; k++) {
            TRY(begin_source(queue, arena, &service->functions[i].sources[k]));
        }
    }
    TRY(forget_sources(queue, arena, service));
    TRY(event_timers_forget(queue, arena, service));
    return worker_run(event_timers_load, service);
}
