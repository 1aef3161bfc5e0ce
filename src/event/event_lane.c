// Who is next: for each function a list of events that may go and one of those that wait for their
// time. Only names and times are in memory, the events themselves in the store.
#include "event/event_int.h"

struct func_lane *events_lane(struct event_queue *events, str key)
{
    check(events->home == loop_current());
    struct func_lane *lane = map_get(events->lanes, key);
    if (lane == NULL) {
        lane = mem_alloc(sizeof(*lane) + key.len);
        memcpy(lane + 1, key.ptr, key.len);
        lane->events = events;
        lane->key = (str){(const char *)(lane + 1), key.len};
        map_set(events->lanes, lane->key, lane);
    }
    return lane;
}

// ---- the lists ---------------------------------------------------------------------------------

static void push_ready(struct func_entry *entry)
{
    struct func_lane *lane = entry->lane;
    entry->next = NULL;
    if (lane->ready_last != NULL) {
        lane->ready_last->next = entry;
    } else {
        lane->ready = entry;
    }
    lane->ready_last = entry;
}

static struct func_entry *pop_ready(struct func_lane *lane)
{
    struct func_entry *entry = lane->ready;
    if (entry != NULL) {
        lane->ready = entry->next;
        lane->ready_last = lane->ready != NULL ? lane->ready_last : NULL;
        entry->next = NULL;
    }
    return entry;
}

// Mostly what comes last is due last.
static void push_delayed(struct func_entry *entry)
{
    struct func_lane *lane = entry->lane;
    struct func_entry *before = lane->delayed_last;
    while (before != NULL && before->due_ms > entry->due_ms) {
        before = before->prev;
    }
    entry->prev = before;
    entry->next = before != NULL ? before->next : lane->delayed;
    *(before != NULL ? &before->next : &lane->delayed) = entry;
    *(entry->next != NULL ? &entry->next->prev : &lane->delayed_last) = entry;
}

static struct func_entry *pop_delayed(struct func_lane *lane)
{
    struct func_entry *entry = lane->delayed;
    lane->delayed = entry->next;
    *(lane->delayed != NULL ? &lane->delayed->prev : &lane->delayed_last) = NULL;
    entry->next = NULL;
    entry->prev = NULL;
    return entry;
}

// ---- going -------------------------------------------------------------------------------------

static void admit(struct func_entry *entry);

static void put_off(struct func_entry *entry, u64 due_ms)
{
    check(entry->lane->running > 0);
    entry->lane->running--;
    entry->due_ms = due_ms;
    admit(entry);
}

static void pump(struct func_lane *lane)
{
    struct event_queue *events = lane->events;
    while (events->has_service && !func_hub_is_stopping(events->hub) && lane->ready != NULL &&
           lane->running < EVENTS_PARALLEL) {
        struct func_entry *entry = pop_ready(lane);
        lane->running++;
        if (fiber_try_start("function event", event_deliver, entry) == NULL) {
            put_off(entry, events->now_ms() + STUMBLE_MS);
            return;
        }
    }
}

// In its group's turn, at its time.
static void admit(struct func_entry *entry)
{
    if (entry->due_ms > entry->lane->events->now_ms()) {
        push_delayed(entry);
        if (entry->lane->events->clock != NULL) {
            fiber_wake(entry->lane->events->clock);
        }
    } else {
        push_ready(entry);
        pump(entry->lane);
    }
}

static void join_group(struct func_entry *entry)
{
    struct map *groups = entry->lane->events->groups;
    struct func_entry *last = entry->group.len > 0 ? map_get(groups, entry->group) : NULL;
    if (last != NULL) {
        last->behind = entry;
        map_remove(groups, entry->group); // its key may be of an entry that ends before this one
    }
    if (entry->group.len > 0) {
        map_set(groups, entry->group, entry);
    }
    if (last == NULL) {
        admit(entry);
    }
}

void events_end(struct func_entry *entry)
{
    struct func_lane *lane = entry->lane;
    struct event_queue *events = lane->events;
    struct func_entry *next = entry->behind;
    check(lane->running > 0);
    lane->running--;
    atomic_fetch_sub(&events->count, 1);
    atomic_fetch_sub(&events->bytes, entry->bytes);
    if (entry->group.len > 0) {
        struct func_entry *last = map_remove(events->groups, entry->group);
        check(last != NULL);
        if (next != NULL) {
            map_set(events->groups, last->group, last);
            admit(next);
        }
    }
    mem_free(entry);
    pump(lane);
}

void events_delay(struct func_entry *entry, u64 due_ms)
{
    struct func_lane *lane = entry->lane;
    put_off(entry, due_ms);
    pump(lane);
}

// Those that the platform could not run go at once; those that wait after an error of their own go
// on waiting.
static void kick_lane(struct func_lane *lane)
{
    for (struct func_entry *entry = lane->delayed, *next = NULL; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->stumbles > 0) {
            *(entry->prev != NULL ? &entry->prev->next : &lane->delayed) = next;
            *(next != NULL ? &next->prev : &lane->delayed_last) = entry->prev;
            entry->stumbles = 0;
            entry->prev = NULL;
            push_ready(entry);
        }
    }
    pump(lane);
}

void events_kick(void *arg)
{
    struct event_queue *events = arg;
    size_t pos = 0;
    str key = {};
    void *lane = NULL;
    check(events->home == loop_current());
    events->has_service = func_hub_service(events->hub) != NULL;
    while (map_next(events->lanes, &pos, &key, &lane)) {
        kick_lane(lane);
    }
    streams_follow(events);
    timers_follow(events);
}

// ---- coming ------------------------------------------------------------------------------------

u64 events_order(struct event_queue *events)
{
    u64 now = events->now_ms() * 1000;
    unsigned long long last = atomic_load(&events->last_order);
    u64 next = 0;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&events->last_order, &last, next));
    return next;
}

static struct func_entry *entry_of(const struct json *row)
{
    str function = json_get_str(row, S("function"));
    str group = json_get_str(row, S("group"));
    size_t len = group.len > 0 ? function.len + 1 + group.len : 0;
    struct func_entry *entry = mem_alloc(sizeof(*entry) + len);
    char *text = (char *)(entry + 1);
    entry->order = (u64)json_get_int(row, S("order"), 0);
    entry->due_ms = (u64)json_get_int(row, S("due"), 0);
    entry->bytes = (u64)json_get_int(row, S("bytes"), 0);
    if (len > 0) {
        memcpy(text, function.ptr, function.len);
        text[function.len] = '\n';
        memcpy(text + function.len + 1, group.ptr, group.len);
        entry->group = (str){text, len};
    }
    return entry;
}

void events_add(struct event_queue *events, const struct json *row)
{
    check(events->home == loop_current());
    struct func_entry *entry = entry_of(row);
    entry->lane = events_lane(events, json_get_str(row, S("function")));
    atomic_fetch_add(&events->count, 1);
    atomic_fetch_add(&events->bytes, entry->bytes);
    join_group(entry);
}

struct posted {
    struct event_queue *events;
    struct arena *arena;
    struct json *row;
};

static void add_posted(void *arg)
{
    struct posted *posted = arg;
    events_add(posted->events, posted->row);
    arena_free(posted->arena);
}

void events_post(struct event_queue *events, const struct json *row)
{
    static const str NAMES[] = {
        S_INIT("function"), S_INIT("order"), S_INIT("due"), S_INIT("bytes"), S_INIT("group")};
    struct arena *arena = arena_new();
    struct posted *posted = arena_new_of(arena, struct posted);
    *posted = (struct posted){events, arena, json_object(arena)};
    for (size_t i = 0; i < countof(NAMES); i++) {
        const struct json *value = json_get(row, NAMES[i]);
        if (value != NULL) {
            json_set(posted->row, NAMES[i], json_copy(arena, value));
        }
    }
    loop_post(events->home, add_posted, posted);
}

// ---- time --------------------------------------------------------------------------------------

static u64 release_due(struct func_lane *lane, u64 now)
{
    while (lane->delayed != NULL && lane->delayed->due_ms <= now) {
        push_ready(pop_delayed(lane));
    }
    pump(lane);
    return lane->delayed != NULL ? lane->delayed->due_ms : UINT64_MAX;
}

// The wall clock may be put back or forth: it is looked at once a minute at least.
static void run_clock(void *arg) YIELDS
{
    enum { LOOK_MS = 60 * 1000 };

    struct event_queue *events = arg;
    while (!fiber_is_cancelled(fiber_current())) {
        u64 now = events->now_ms();
        u64 soonest = now + LOOK_MS;
        size_t pos = 0;
        str key = {};
        void *lane = NULL;
        while (map_next(events->lanes, &pos, &key, &lane)) {
            u64 due = release_due(lane, now);
            soonest = due < soonest ? due : soonest;
        }
        err *e = fiber_wait_until(time_mono_us() + (soonest - now) * 1000);
        if (e != NULL && e->code == ERR_CANCELLED) {
            break;
        }
    }
    events->clock = NULL;
}

void events_start(struct event_queue *events)
{
    check(events->home == loop_current() && events->clock == NULL);
    events->clock = fiber_start("function events", run_clock, events);
}

void events_drop(struct func_entry *entry)
{
    if (entry->group.len > 0) { // one that comes now must not get behind those that are freed
        (void)map_remove(entry->lane->events->groups, entry->group);
    }
    while (entry != NULL) {
        struct func_entry *behind = entry->behind;
        mem_free(entry);
        entry = behind;
    }
}

static void free_list(struct func_entry *entry)
{
    while (entry != NULL) {
        struct func_entry *next = entry->next;
        events_drop(entry);
        entry = next;
    }
}

void event_queue_free(struct event_queue *events)
{
    if (events == NULL) {
        return;
    }
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    while (map_next(events->lanes, &pos, &key, &value)) {
        struct func_lane *lane = value;
        free_list(lane->ready);
        free_list(lane->delayed);
        mem_free(lane);
    }
    streams_free(events);
    timers_free(events);
    map_free(events->lanes);
    map_free(events->groups);
    mem_free(events);
}
