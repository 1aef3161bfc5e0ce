// Runs functions at their times: when one has come, its event is queued in the transaction that
// notes the run, so that no time runs twice. Times that passed while nobody was there are told, not
// made up for. Source: "Schedule types in EventBridge Scheduler".
#include "event/event_int.h"

enum {
    LATE_MS = 60 * 1000, // a run that is later than this was missed
    LOOK_MS = 60 * 1000, // the wall clock may be set anew
    MISSED_MAX = 1000,   // counted
};

struct event_timer { // of one schedule; touched by the first loop only
    str id;          // heap, behind the struct
    i64 next_s;      // -1: never again
    bool is_known;   // its row has been read
    bool is_wanted;  // the definitions in force have it
};

static struct event_timer *timer_of(struct event_queue *queue, str id)
{
    struct event_timer *timer = map_get(queue->timers, id);
    if (timer == NULL) {
        timer = mem_alloc(sizeof(*timer) + id.len);
        memcpy(timer + 1, id.ptr, id.len);
        timer->id = (str){(const char *)(timer + 1), id.len};
        map_set(queue->timers, timer->id, timer);
    }
    return timer;
}

static i64 next_after(const struct func_schedule *schedule, u64 ms)
{
    return cron_next(&schedule->cron, schedule->zone, (i64)(ms / 1000));
}

// How many runs there should have been after `from_ms`, up to now.
static u32 count_missed(const struct func_schedule *schedule, u64 from_ms, u64 now_ms)
{
    u32 count = 0;
    i64 at = next_after(schedule, from_ms);
    while (at >= 0 && (u64)at * 1000 <= now_ms && count < MISSED_MAX) {
        count++;
        at = cron_next(&schedule->cron, schedule->zone, at);
    }
    return count;
}

// ---- rows --------------------------------------------------------------------------------------

// What the last process has left; from now on for a schedule that is new.
static err *learn(struct event_queue *queue, struct arena *arena, const struct func_schedule *s,
    struct event_timer *timer) YIELDS;

static err *learn(struct event_queue *queue, struct arena *arena, const struct func_schedule *s,
    struct event_timer *timer)
{
    struct json *row = NULL;
    struct json *id = json_string(arena, timer->id);
    u64 now = queue->now_ms();
    TRY(store_get(queue->store, arena, EVENT_SCHEDULES, id, NULL, &row));
    u64 last = (u64)json_get_int(row, S("last"), (i64)now);
    u32 missed = count_missed(s, last, now);
    if (missed > 0) {
        log_warn("func.schedule", "%.*s: %u run%s of '%.*s' passed while ampd did not run",
            PRI(s->function), missed, missed == 1 ? "" : "s", PRI(s->text));
    }
    if (row == NULL || missed > 0) {
        struct json *item = json_object(arena);
        json_set(item, S("id"), json_string(arena, timer->id));
        json_set(item, S("last"), json_int(arena, (i64)now));
        struct store_write write = {.kind = STORE_PUT, .table = EVENT_SCHEDULES, .item = item};
        TRY(store_write(queue->store, arena, &write, 1, NULL));
    }
    timer->next_s = next_after(s, now > last ? now : last); // a clock put back repeats nothing
    timer->is_known = true;
    return NULL;
}

// ---- running -----------------------------------------------------------------------------------

static str event_of(struct arena *arena, const struct func_service *service,
    const struct func_schedule *schedule, i64 at_s)
{
    struct buf out = buf_in(arena, 16 * 1024);
    struct json_writer w;
    str time = time_iso8601(arena, (u64)at_s * 1000);
    jw_init(&w, &out);
    jw_object(&w);
    jw_member(&w, S("version"), S("0"));
    jw_member(&w, S("id"), random_uuid(arena));
    jw_member(&w, S("detail-type"), S("Scheduled Event"));
    jw_member(&w, S("source"), S("aws.scheduler"));
    jw_member(&w, S("account"), service->account);
    jw_member(&w, S("time"), str_cat(arena, str_sub(time, 0, time.len - 5), S("Z")));
    jw_member(&w, S("region"), service->region);
    jw_key(&w, S("resources"));
    jw_array(&w);
    jw_string(&w, schedule->arn);
    jw_end_array(&w);
    jw_member(&w, S("detail"), S("{}")); // a text, as the scheduler sends it
    jw_end_object(&w);
    return buf_str(&out);
}

// Notes the run and queues the event, both or none.
static err *run(struct event_queue *queue, struct arena *arena, const struct func_service *service,
    const struct func_schedule *schedule, i64 at_s) YIELDS;

static err *run(struct event_queue *queue, struct arena *arena, const struct func_service *service,
    const struct func_schedule *schedule, i64 at_s)
{
    struct json *set = json_object(arena);
    struct json *at = json_int(arena, at_s * 1000);
    json_set(set, S("last"), json_copy(arena, at));
    struct store_write note = {.kind = STORE_UPDATE,
        .table = EVENT_SCHEDULES,
        .pk = json_string(arena, schedule->id),
        .set = set,
        .condition = store_pred_leaf(arena, STORE_LT, S("last"), at),
        .only_existing = true};
    const struct event event = {.function = schedule->function,
        .payload = event_of(arena, service, schedule, at_s),
        .waits = true};
    err *e = event_add(queue, arena, &event, 1, &note, 1);
    if (e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_UNSUPPORTED)) {
        log_warn(
            "func.schedule", "%.*s cannot be run: %.*s", PRI(schedule->function), PRI(e->text));
        return NULL;
    }
    return e != NULL && e->code == ERR_CONDITION_FAILED ? NULL : e; // it has run
}

// *soonest falls to when the schedule has to be looked at again.
static err *tend(struct event_queue *queue, struct arena *arena, const struct func_service *service,
    const struct func_schedule *schedule, u64 *soonest) YIELDS;

static err *tend(struct event_queue *queue, struct arena *arena, const struct func_service *service,
    const struct func_schedule *schedule, u64 *soonest)
{
    struct event_timer *timer = timer_of(queue, schedule->id);
    timer->is_wanted = true;
    if (!timer->is_known) {
        TRY(learn(queue, arena, schedule, timer));
    }
    u64 now = queue->now_ms();
    if (timer->next_s >= 0 && (u64)timer->next_s * 1000 <= now) {
        i64 at = timer->next_s;
        if ((u64)at * 1000 + LATE_MS >= now) {
            TRY(run(queue, arena, service, schedule, at));
        } else {
            log_warn("func.schedule", "%.*s: the run of '%.*s' at %.*s was missed",
                PRI(schedule->function), PRI(schedule->text),
                PRI(time_iso8601(arena, (u64)at * 1000)));
        }
        i64 from = (u64)at * 1000 + LATE_MS >= now ? at : (i64)(now / 1000);
        timer->next_s = cron_next(&schedule->cron, schedule->zone, from);
    }
    if (timer->next_s >= 0 && (u64)timer->next_s * 1000 < *soonest) {
        *soonest = (u64)timer->next_s * 1000;
    }
    return NULL;
}

static void want_none(struct event_queue *queue)
{
    size_t pos = 0;
    str id = {};
    void *timer = NULL;
    while (map_next(queue->timers, &pos, &id, &timer)) {
        ((struct event_timer *)timer)->is_wanted = false;
    }
}

// Schedules that the definitions have no more are forgotten, and so is when they last ran.
static void forget_unwanted(struct event_queue *queue)
{
    size_t pos = 0;
    str id = {};
    void *value = NULL;
    while (map_next(queue->timers, &pos, &id, &value)) {
        struct event_timer *timer = value;
        if (!timer->is_wanted) {
            map_remove(queue->timers, id);
            mem_free(timer);
            pos = 0; // entries may have moved
        }
    }
}

static u64 tend_all(struct event_queue *queue, struct arena *arena) YIELDS;

static u64 tend_all(struct event_queue *queue, struct arena *arena)
{
    struct func_service *service = func_service_hold(func_hub_service(queue->hub));
    u64 soonest = queue->now_ms() + LOOK_MS;
    want_none(queue);
    for (size_t i = 0; service != NULL && i < service->schedule_count; i++) {
        const struct func_schedule *schedule = &service->schedules[i];
        err *e = schedule->zone != NULL ? tend(queue, arena, service, schedule, &soonest) : NULL;
        if (e != NULL && e->code != ERR_CANCELLED) {
            u64 again = queue->now_ms() + 1000;
            soonest = again < soonest ? again : soonest;
            log_warn("func.schedule", "%.*s: %.*s", PRI(schedule->function), PRI(e->text));
        }
    }
    forget_unwanted(queue);
    func_service_release(service);
    return soonest;
}

void event_timers_run(void *arg)
{
    struct event_queue *queue = arg;
    struct arena *arena = arena_new();
    err *e = NULL;
    while ((e == NULL || e->code != ERR_CANCELLED) && !func_hub_is_stopping(queue->hub)) {
        queue->timers_wanted = false;
        u64 soonest = tend_all(queue, arena);
        u64 now = queue->now_ms();
        u64 wait_us = soonest > now ? (soonest - now) * 1000 : 0;
        u64 before = fiber_deadline(time_mono_us() + wait_us + 1);
        e = NULL;
        while (e == NULL && !queue->timers_wanted) {
            e = cond_wait(&queue->timers_changed);
        }
        (void)fiber_deadline(before);
        arena_reset(arena);
    }
    arena_free(arena);
}

void event_timers_follow(struct event_queue *queue)
{
    check(queue->home == loop_current());
    queue->timers_wanted = true;
    cond_signal_all(&queue->timers_changed);
}

void event_timers_free(struct event_queue *queue)
{
    size_t pos = 0;
    str id = {};
    void *timer = NULL;
    while (map_next(queue->timers, &pos, &id, &timer)) {
        mem_free(timer);
    }
    map_free(queue->timers);
}

// ---- before definitions are in force -----------------------------------------------------------

static void load_one(struct func_service *service, struct func_schedule *schedule)
{
    err *e = cron_parse(service->arena, schedule->text, &schedule->cron);
    if (e == NULL) {
        e = cron_zone_load(service->arena, schedule->timezone, &schedule->zone);
    }
    if (e != NULL) {
        schedule->zone = NULL;
        log_error("func.schedule", "%.*s is not run by its schedule: %.*s. %.*s",
            PRI(schedule->function), PRI(e->text), PRI(e->hint));
    }
}

void event_timers_load(void *arg)
{
    struct func_service *service = arg;
    for (size_t i = 0; service != NULL && i < service->schedule_count; i++) {
        load_one(service, &service->schedules[i]);
    }
}

static bool has_schedule(const struct func_service *service, str id)
{
    for (size_t i = 0; service != NULL && i < service->schedule_count; i++) {
        if (str_eq(service->schedules[i].id, id)) {
            return true;
        }
    }
    return false;
}

err *event_timers_forget(
    struct event_queue *queue, struct arena *arena, const struct func_service *service)
{
    struct store_page page = {};
    struct store_query query = {.table = EVENT_SCHEDULES};
    do {
        TRY(store_query(queue->store, arena, &query, &page));
        query.page_token = page.next_token;
        for (size_t i = 0; i < page.count; i++) {
            if (has_schedule(service, json_get_str(page.items[i], S("id")))) {
                continue;
            }
            struct store_write write = {.kind = STORE_DELETE,
                .table = EVENT_SCHEDULES,
                .pk = json_get(page.items[i], S("id"))};
            TRY(store_write(queue->store, arena, &write, 1, NULL));
        }
    } while (page.next_token.len > 0);
    return NULL;
}
