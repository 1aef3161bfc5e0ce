// Removes what the store has recorded of tables' changes once it is a day old.
#include "event/event_int.h"

enum { HOUR_MS = 60 * 60 * 1000, TIDY_ROWS = 500 };

static bool is_over(const struct json *change, u64 now_ms)
{
    return (u64)json_get_int(change, S("time"), 0) + CHANGES_KEPT_MS < now_ms;
}

// Reads a page and removes what is over there. The query goes on behind it; *young: something of
// the page stays.
static err *tidy_page(
    struct event_queue *queue, struct arena *arena, struct store_query *query, bool *young) YIELDS;

static err *tidy_page(
    struct event_queue *queue, struct arena *arena, struct store_query *query, bool *young)
{
    u64 now_ms = time_now_ms(); // the store's clock
    size_t count = 0;
    struct store_page page = {};
    TRY(store_query(queue->store, arena, query, &page));
    query->page_token = page.next_token;
    struct store_write *writes = arena_array(arena, struct store_write, page.count);
    for (size_t i = 0; i < page.count; i++) {
        if (is_over(page.items[i], now_ms)) {
            writes[count++] = (struct store_write){.kind = STORE_DELETE,
                .table = STORE_CHANGES,
                .pk = json_get(page.items[i], S("table")),
                .sk = json_get(page.items[i], S("sequence"))};
        }
    }
    *young = count < page.count;
    return count > 0 ? store_write(queue->store, arena, writes, count, NULL) : NULL;
}

// Of one table, the oldest first until one stays; or of all, with a name that is empty. A page ends
// after a number of bytes, too: how many changes it has says nothing.
static err *tidy_table(struct event_queue *queue, str table) YIELDS;

static err *tidy_table(struct event_queue *queue, str table)
{
    static const str NAMES[] = {S_INIT("table"), S_INIT("sequence"), S_INIT("time")};
    struct arena *outer = arena_new();
    struct arena *arena = arena_new();
    struct store_query query = {.table = STORE_CHANGES,
        .pk = table.len > 0 ? json_string(outer, str_dup(outer, table)) : NULL,
        .limit = TIDY_ROWS,
        .attributes = NAMES,
        .attribute_count = countof(NAMES)};
    bool young = false;
    err *e = NULL;
    do {
        e = tidy_page(queue, arena, &query, &young);
        query.page_token = str_dup(outer, query.page_token);
        e = e != NULL ? err_copy(fiber_arena(), e) : fiber_pause();
        arena_reset(arena);
    } while (e == NULL && query.page_token.len > 0 && (query.pk == NULL || !young));
    arena_free(arena);
    arena_free(outer);
    return e;
}

static err *tidy_sources(struct event_queue *queue, const struct func_service *service) YIELDS;

static err *tidy_sources(struct event_queue *queue, const struct func_service *service)
{
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        for (size_t k = 0; k < service->functions[i].source_count; k++) {
            TRY(tidy_table(queue, service->functions[i].sources[k].table));
        }
    }
    return NULL;
}

// All changes are read at the start and once a day: for tables that no function wants to hear of.
void event_streams_tidy(void *arg)
{
    struct event_queue *queue = arg;
    unsigned hour = 0;
    do {
        struct func_service *service = func_service_hold(func_hub_service(queue->hub));
        err *e = hour++ % 24 == 0 ? tidy_table(queue, (str){}) : tidy_sources(queue, service);
        func_service_release(service);
        if (e != NULL && e->code != ERR_CANCELLED && e->code != ERR_NOT_FOUND) {
            log_warn("func.stream", "%.*s", PRI(e->text));
        }
    } while (fiber_sleep(HOUR_MS) == NULL);
}
