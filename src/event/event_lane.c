// Who is next: for each function a list of events that may go and one of those that wait for their
// time. Only names and times are in memory, the events themselves in the store.
#include "event/event_int.h"

struct event_lane *event_lane_of(struct event_queue *queue, str key)
{
    check(queue->home == loop_current());
    struct event_lane *lane = map_get(queue->lanes, key);
    if (lane == NULL) {
        lane = mem_alloc(sizeof(*lane) + key.len);
        memcpy(lane + 1, key.ptr, key.len);
        lane->queue = queue;
        lane->key = (str){(const char *)(lane + 1), key.len};
        map_set(queue->lanes, lane->key, lane);
    }
    return lane;
}

// ---- the lists ---------------------------------------------------------------------------------

static void push_ready(struct event_entry *entry)
{
    struct event_lane *lane = entry->lane;
    entry->next = NULL;
    if (lane->ready_last != NULL) {
        lane->ready_last->next = entry;
    } else {
        lane->ready = entry;
    }
    lane->ready_last = entry;
}

static struct event_entry *pop_ready(struct event_lane *lane)
{
    struct event_entry *entry = lane->ready;
    if (entry != NULL) {
        lane->ready = entry->next;
        lane->ready_last = lane->ready != NULL ? lane->ready_last : NULL;
        entry->next = NULL;
    }
    return entry;
}

// Mostly what comes last is due last.
static void push_delayed(struct event_entry *entry)
{
    struct event_lane *lane = entry->lane;
    struct event_entry *before = lane->delayed_last;
    while (before != NULL && before->due_ms > entry->due_ms) {
        before = before->prev;
    }
    entry->prev = before;
    entry->next = before != NULL ? before->next : lane->delayed;
    *(before != NULL ? &before->next : &lane->delayed) = entry;
    *(entry->next != NULL ? &entry->next->prev : &lane->delayed_last) = entry;
}

static struct event_entry *pop_delayed(struct event_lane *lane)
{
    struct event_entry *entry = lane->delayed;
    lane->delayed = entry->next;
    *(lane->delayed != NULL ? &lane->delayed->prev : &lane->delayed_last) = NULL;
    entry->next = NULL;
    entry->prev = NULL;
    return entry;
}

// ---- going -------------------------------------------------------------------------------------

static void admit(struct event_entry *entry);

static void put_off(struct event_entry *entry, u64 due_ms)
{
    check(entry->lane->running > 0);
    entry->lane->running--;
    entry->due_ms = due_ms;
    admit(entry);
}

static void pump(struct event_lane *lane)
{
    struct event_queue *queue = lane->queue;
    while (queue->has_service && !func_hub_is_stopping(queue->hub) && lane->ready != NULL &&
           lane->running < EVENTS_PARALLEL) {
        struct event_entry *entry = pop_ready(lane);
        lane->running++;
        if (fiber_try_start("function event", event_deliver, entry) == NULL) {
            put_off(entry, queue->now_ms() + STUMBLE_MS);
            return;
        }
    }
}

// In its group's turn, at its time.
static void admit(struct event_entry *entry)
{
    if (entry->due_ms > entry->lane->queue->now_ms()) {
        push_delayed(entry);
        if (entry->lane->queue->clock != NULL) {
            fiber_wake(entry->lane->queue->clock);
        }
    } else {
        push_ready(entry);
        pump(entry->lane);
    }
}

static void join_group(struct event_entry *entry)
{
    struct map *groups = entry->lane->queue->groups;
    struct event_entry *last = entry->group.len > 0 ? map_get(groups, entry->group) : NULL;
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

void event_entry_end(struct event_entry *entry)
{
    struct event_lane *lane = entry->lane;
    struct event_queue *queue = lane->queue;
    struct event_entry *next = entry->behind;
    check(lane->running > 0);
    lane->running--;
    atomic_fetch_sub(&queue->count, 1);
    atomic_fetch_sub(&queue->bytes, entry->bytes);
    if (entry->group.len > 0) {
        struct event_entry *last = map_remove(queue->groups, entry->group);
        check(last != NULL);
        if (next != NULL) {
            map_set(queue->groups, last->group, last);
            admit(next);
        }
    }
    mem_free(entry);
    pump(lane);
}

void event_entry_delay(struct event_entry *entry, u64 due_ms)
{
    struct event_lane *lane = entry->lane;
    put_off(entry, due_ms);
    pump(lane);
}

// Those that the platform could not run go at once; those that wait after an error of their own go
// on waiting.
static void kick_lane(struct event_lane *lane)
{
    for (struct event_entry *entry = lane->delayed, *next = NULL; entry != NULL; entry = next) {
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

void event_follow(void *arg)
{
    struct event_queue *queue = arg;
    size_t pos = 0;
    str key = {};
    void *lane = NULL;
    check(queue->home == loop_current());
    queue->has_service = func_hub_service(queue->hub) != NULL;
    while (map_next(queue->lanes, &pos, &key, &lane)) {
        kick_lane(lane);
    }
    event_streams_follow(queue);
    event_timers_follow(queue);
}

// ---- coming ------------------------------------------------------------------------------------

u64 event_order(struct event_queue *queue)
{
    u64 now = queue->now_ms() * 1000;
    unsigned long long last = atomic_load(&queue->last_order);
    u64 next = 0;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&queue->last_order, &last, next));
    return next;
}

static struct event_entry *entry_of(const struct json *row)
{
    str function = json_get_str(row, S("function"));
    str group = json_get_str(row, S("group"));
    size_t len = group.len > 0 ? function.len + 1 + group.len : 0;
    struct event_entry *entry = mem_alloc(sizeof(*entry) + len);
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

void event_lane_add(struct event_queue *queue, const struct json *row)
{
    check(queue->home == loop_current());
    struct event_entry *entry = entry_of(row);
    entry->lane = event_lane_of(queue, json_get_str(row, S("function")));
    atomic_fetch_add(&queue->count, 1);
    atomic_fetch_add(&queue->bytes, entry->bytes);
    join_group(entry);
}

struct posted {
    struct event_queue *queue;
    struct arena *arena;
    struct json *row;
};

static void add_posted(void *arg)
{
    struct posted *posted = arg;
    event_lane_add(posted->queue, posted->row);
    arena_free(posted->arena);
}

void event_lane_post(struct event_queue *queue, const struct json *row)
{
    static const str NAMES[] = {
        S_INIT("function"), S_INIT("order"), S_INIT("due"), S_INIT("bytes"), S_INIT("group")};
    struct arena *arena = arena_new();
    struct posted *posted = arena_new_of(arena, struct posted);
    *posted = (struct posted){queue, arena, json_object(arena)};
    for (size_t i = 0; i < countof(NAMES); i++) {
        const struct json *value = json_get(row, NAMES[i]);
        if (value != NULL) {
            json_set(posted->row, NAMES[i], json_copy(arena, value));
        }
    }
    loop_post(queue->home, add_posted, posted);
}

// ---- time --------------------------------------------------------------------------------------

static u64 release_due(struct event_lane *lane, u64 now)
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

    struct event_queue *queue = arg;
    while (!fiber_is_cancelled(fiber_current())) {
        u64 now = queue->now_ms();
        u64 soonest = now + LOOK_MS;
        size_t pos = 0;
        str key = {};
        void *lane = NULL;
        while (map_next(queue->lanes, &pos, &key, &lane)) {
            u64 due = release_due(lane, now);
            soonest = due < soonest ? due : soonest;
        }
        err *e = fiber_wait_until(time_mono_us() + (soonest - now) * 1000);
        if (e != NULL && e->code == ERR_CANCELLED) {
            break;
        }
    }
    queue->clock = NULL;
}

void event_lane_start(struct event_queue *queue)
{
    check(queue->home == loop_current() && queue->clock == NULL);
    queue->clock = fiber_start("function events", run_clock, queue);
}

void event_entry_drop(struct event_entry *entry)
{
    if (entry->group.len > 0) { // one that comes now must not get behind those that are freed
        (void)map_remove(entry->lane->queue->groups, entry->group);
    }
    while (entry != NULL) {
        struct event_entry *behind = entry->behind;
        mem_free(entry);
        entry = behind;
    }
}

static void free_list(struct event_entry *entry)
{
    while (entry != NULL) {
        struct event_entry *next = entry->next;
        event_entry_drop(entry);
        entry = next;
    }
}

void event_queue_free(struct event_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    while (map_next(queue->lanes, &pos, &key, &value)) {
        struct event_lane *lane = value;
        free_list(lane->ready);
        free_list(lane->delayed);
        mem_free(lane);
    }
    event_streams_free(queue);
    event_timers_free(queue);
    map_free(queue->lanes);
    map_free(queue->groups);
    mem_free(queue);
}
