// Hands what was recorded over to the functions' queue: a row goes in the transaction that queues
// its event, so that none is lost and none is queued twice.
#include "object/object_int.h"

#include "event/event.h"

enum { PAGE_ROWS = 100, AGAIN_MS = 1000 };

// Not to be delivered ever: its row goes, and is spoken of.
static err *drop_row(struct object_hub *hub, struct arena *arena, const struct json *row,
    struct store_write *removal, const char *why) YIELDS;

static err *drop_row(struct object_hub *hub, struct arena *arena, const struct json *row,
    struct store_write *removal, const char *why)
{
    log_warn("object.events", "an event of %.*s for the function %.*s is left out: %s",
        PRI(json_get_str(row, S("bucket"))), PRI(json_get_str(row, S("function"))), why);
    return store_write(hub->store, arena, removal, 1, NULL);
}

// Events of one key arrive in order.
static str group_of(struct arena *arena, const struct json *row)
{
    const struct json *records = json_get(json_get(row, S("event")), S("Records"));
    const struct json *first = records != NULL ? records->child : NULL;
    str key = json_get_str(json_get(json_get(first, S("s3")), S("object")), S("key"));
    return str_cat(arena, json_get_str(row, S("bucket")), S("/"), key);
}

static err *deliver_row(struct object_hub *hub, struct arena *arena, const struct json *row) YIELDS;

static err *deliver_row(struct object_hub *hub, struct arena *arena, const struct json *row)
{
    struct store_write removal = {.kind = STORE_DELETE,
        .table = EVENTS,
        .pk = json_get(row, S("bucket")),
        .sk = json_get(row, S("order")),
        .only_existing = true};
    const struct event event = {.function = json_get_str(row, S("function")),
        .payload = json_text(arena, json_get(row, S("event"))),
        .group = group_of(arena, row),
        .lineage = json_get_str(row, S("lineage")),
        .waits = true};
    err *e = event_add(hub->functions, arena, &event, 1, &removal, 1);
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        e = drop_row(hub, arena, row, &removal, "there is no such function");
    } else if (e != NULL && e->code == ERR_CONFLICT) {
        e = drop_row(hub, arena, row, &removal, "it would go on in a circle");
    }
    if (e == NULL) {
        atomic_fetch_sub(&hub->events_known, 1);
    }
    return e != NULL && e->code == ERR_CONDITION_FAILED ? NULL : e; // somebody has removed it
}

static err *deliver_all(struct object_hub *hub, struct arena *arena) YIELDS;

static err *deliver_all(struct object_hub *hub, struct arena *arena)
{
    struct store_page page = {};
    do {
        const struct store_query query = {.table = EVENTS, .limit = PAGE_ROWS};
        arena_reset(arena);
        TRY(store_query(hub->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            TRY(deliver_row(hub, arena, page.items[i]));
        }
    } while (page.count > 0);
    return NULL;
}

void object_hub_deliver(struct object_hub *hub)
{
    struct arena *arena = arena_new();
    bool told = false;
    err *e = NULL;
    check_magic(hub, OBJECT_HUB_MAGIC);
    check(hub->functions != NULL && s3_here(hub) == &hub->loops[0]);
    while (e == NULL || e->code != ERR_CANCELLED) {
        hub->events_wanted = false;
        e = s3_here(hub)->service != NULL ? deliver_all(hub, arena) : NULL;
        if (e != NULL && e->code != ERR_CANCELLED && !told) {
            log_warn("object.events", "%.*s; it is tried again", PRI(e->text));
        }
        told = e != NULL;
        while (e == NULL && !hub->events_wanted) {
            e = cond_wait(&hub->events_come);
        }
        if (e == NULL) {
            continue;
        }
        if (e->code != ERR_CANCELLED) {
            e = fiber_sleep(AGAIN_MS);
        }
    }
    arena_free(arena);
}

static void want_events(void *arg)
{
    struct object_hub *hub = arg;
    hub->events_wanted = true;
    cond_signal_all(&hub->events_come);
}

void s3_events_wanted(struct object_hub *hub)
{
    loop_post(hub->loops[0].loop, want_events, hub);
}
