// What became of an event: its row goes, a destination may be told, failures are kept for a while.
// Source: "Retaining records of asynchronous invocations", AWS Lambda developer guide.
#include "event/event_int.h"

enum { RECORD_PAYLOAD_MAX = 128 * 1024, RECORD_MAX = 16 * 1024 * 1024, REMOVAL_MAX = 16 };

// A function may have answered with what is no JSON.
static void write_payload(
    struct arena *arena, struct json_writer *w, str name, str payload, size_t max)
{
    struct json *parsed = NULL;
    jw_key(w, name);
    if (payload.len == 0 || payload.len > max) {
        jw_null(w);
    } else if (json_parse(arena, payload, &parsed, NULL) == NULL) {
        jw_raw(w, payload);
    } else {
        jw_string(w, str_is_utf8(payload) ? payload : base64_encode(arena, payload));
    }
}

static void write_context(
    struct json_writer *w, const struct event_queue *queue, const struct event_outcome *outcome)
{
    str key = json_get_str(outcome->row, S("function"));
    const struct func_function *function = func_find(func_hub_service(queue->hub), key);
    jw_key(w, S("requestContext"));
    jw_object(w);
    jw_member(w, S("requestId"), json_get_str(outcome->row, S("requestId")));
    jw_key(w, S("functionArn"));
    jw_string(w, function != NULL ? function->arn : key);
    jw_member(w, S("condition"), str_from(outcome->condition));
    jw_key(w, S("approximateInvokeCount"));
    jw_int(w, outcome->tries);
    jw_end_object(w);
}

// A payload of more than `max` bytes is left out, of which a text has up to six for each: what is
// no JSON is a string, whose control characters are escaped.
static str record_of(
    struct event_queue *queue, struct arena *arena, const struct event_outcome *outcome, size_t max)
{
    struct buf out = buf_in(arena, RECORD_MAX);
    struct json_writer w;
    check(max <= EVENT_MAX);
    jw_init(&w, &out);
    jw_object(&w);
    jw_member(&w, S("version"), S("1.0"));
    jw_member(&w, S("timestamp"), time_iso8601(arena, queue->now_ms()));
    write_context(&w, queue, outcome);
    write_payload(arena, &w, S("requestPayload"), outcome->payload, max);
    if (outcome->result != NULL) {
        jw_key(&w, S("responseContext"));
        jw_object(&w);
        jw_key(&w, S("statusCode"));
        jw_int(&w, 200);
        jw_member(&w, S("executedVersion"), S("$LATEST"));
        if (outcome->result->failed) {
            jw_member(&w, S("functionError"), S("Unhandled"));
        }
        jw_end_object(&w);
        write_payload(arena, &w, S("responsePayload"), outcome->result->payload, max);
    }
    jw_end_object(&w);
    check(!out.overflow);
    return buf_str(&out);
}

// The function that is told, or none. A copy: the definitions may be others after a wait.
static str destination_of(
    struct event_queue *queue, struct arena *arena, const struct event_outcome *outcome)
{
    const struct func_function *function =
        func_find(func_hub_service(queue->hub), json_get_str(outcome->row, S("function")));
    bool failed = outcome->result == NULL || outcome->result->failed;
    return function == NULL ? (str){}
           : failed         ? str_dup(arena, function->async.on_failure)
                            : str_dup(arena, function->async.on_success);
}

// ---- records -----------------------------------------------------------------------------------

// Removes the records of the page that are behind the newest, of which `*kept` have been seen.
static err *trim_page(struct event_queue *queue, struct arena *arena, const struct store_page *page,
    size_t *kept) YIELDS;

static err *trim_page(
    struct event_queue *queue, struct arena *arena, const struct store_page *page, size_t *kept)
{
    struct store_write *writes = arena_array(arena, struct store_write, page->count);
    size_t count = 0;
    for (size_t i = 0; i < page->count; i++) {
        if (*kept < FAILED_MAX) {
            ++*kept;
            continue;
        }
        writes[count++] = (struct store_write){.kind = STORE_DELETE,
            .table = EVENT_FAILED,
            .pk = json_get(page->items[i], S("function")),
            .sk = json_get(page->items[i], S("order"))};
    }
    return count > 0 ? store_write(queue->store, arena, writes, count, NULL) : NULL;
}

static err *trim(struct event_queue *queue, struct arena *arena, str function) YIELDS;

static err *trim(struct event_queue *queue, struct arena *arena, str function)
{
    static const str NAMES[] = {S_INIT("function"), S_INIT("order")};
    struct store_query query = {.table = EVENT_FAILED,
        .pk = json_string(arena, function),
        .backwards = true,
        .limit = FAILED_MAX,
        .attributes = NAMES,
        .attribute_count = countof(NAMES)};
    size_t kept = 0;
    do { // a page ends where large records fill it, too
        struct store_page page = {};
        TRY(store_query(queue->store, arena, &query, &page));
        query.page_token = page.next_token;
        TRY(trim_page(queue, arena, &page, &kept));
    } while (query.page_token.len > 0);
    return NULL;
}

// Looking through the records reads them: that is done for some failures at a time.
void event_failures_trim(struct event_queue *queue, struct arena *arena, str function)
{
    struct event_lane *lane = event_lane_of(queue, function);
    if (lane->failures++ % FAILED_SLACK != 0) {
        return;
    }
    err *e = trim(queue, arena, function);
    if (e != NULL && e->code != ERR_CANCELLED) { // the record is kept: nothing is to be done again
        log_warn("func.event", "%.*s: records of failures: %.*s", PRI(function), PRI(e->text));
    }
}

static struct store_write keep_record(
    struct event_queue *queue, struct arena *arena, const struct event_outcome *outcome)
{
    struct json *item = json_object(arena);
    str record = record_of(queue, arena, outcome, RECORD_PAYLOAD_MAX);
    json_set(item, S("function"), json_copy(arena, json_get(outcome->row, S("function"))));
    json_set(item, S("order"), json_int(arena, (i64)event_order(queue)));
    json_set(item, S("record"), json_string(arena, record));
    return (struct store_write){.kind = STORE_PUT, .table = EVENT_FAILED, .item = item};
}

// With the destination told of it, or without.
static err *write_end(struct event_queue *queue, struct arena *arena,
    const struct event_outcome *outcome, struct store_write *writes, size_t count) YIELDS;

static err *write_end(struct event_queue *queue, struct arena *arena,
    const struct event_outcome *outcome, struct store_write *writes, size_t count)
{
    str destination = destination_of(queue, arena, outcome);
    if (destination.len == 0) {
        return store_write(queue->store, arena, writes, count, NULL);
    }
    str record = record_of(queue, arena, outcome, EVENT_MAX); // as a payload it has no more room
    const struct event event = {.function = destination,
        .payload = record.len <= EVENT_MAX ? record : record_of(queue, arena, outcome, 0),
        .lineage = json_get_str(outcome->row, S("lineage"))};
    err *e = event_add(queue, arena, &event, 1, writes, count);
    if (e == NULL || e->code == ERR_IO || e->code == ERR_DISK_FULL) {
        return e;
    }
    log_warn(
        "func.event", "the destination %.*s is not told: %.*s", PRI(destination), PRI(e->text));
    return store_write(queue->store, arena, writes, count, NULL);
}

err *event_finish(
    struct event_queue *queue, struct arena *arena, const struct event_outcome *outcome)
{
    struct store_write writes[REMOVAL_MAX] = {};
    size_t count = event_removal(arena, outcome->row, writes);
    str key = json_get_str(outcome->row, S("function"));
    bool failed = outcome->result == NULL || outcome->result->failed;
    if (failed) {
        log_warn("func.event", "%.*s: the event %.*s is given up after %lld tries (%s)", PRI(key),
            PRI(json_get_str(outcome->row, S("requestId"))), (long long)outcome->tries,
            outcome->condition);
        writes[count++] = keep_record(queue, arena, outcome);
    }
    check(count <= REMOVAL_MAX);
    TRY(write_end(queue, arena, outcome, writes, count));
    if (failed) {
        event_failures_trim(queue, arena, key);
    }
    return NULL;
}

// ---- telling -----------------------------------------------------------------------------------

err *event_failed(struct event_queue *queue, struct arena *arena, str function, struct json **out)
{
    struct store_page page = {};
    struct store_query query = {.table = EVENT_FAILED,
        .pk = function.len > 0 ? json_string(arena, function) : NULL,
        .backwards = true,
        .limit = function.len > 0 ? FAILED_MAX : FAILED_MAX * 10};
    *out = json_array(arena);
    TRY(store_query(queue->store, arena, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct json *entry = json_object(arena);
        struct json *record = NULL;
        str text = json_get_str(page.items[i], S("record"));
        if (json_parse_to(arena, text, JSON_DEPTH_MAX / 2, &record, NULL) != NULL) {
            record = json_string(arena, text); // too deep for an answer that has it in it
        }
        json_set(entry, S("function"), json_copy(arena, json_get(page.items[i], S("function"))));
        json_set(entry, S("record"), record);
        json_push(*out, entry);
    }
    return NULL;
}
