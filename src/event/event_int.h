// Shared by the files of the event queue.
#pragma once

#include "event/event.h"
#include "func/func_service.h"

// Tables.
#define EVENT_ROWS      S("_func.events")    // function, order
#define EVENT_PAYLOADS  S("_func.payloads")  // request id, number: pieces of long payloads
#define EVENT_FAILED    S("_func.failed")    // function, order
#define EVENT_SCHEDULES S("_func.schedules") // schedule's id: when it last ran
#define EVENT_STREAMS   S("_func.streams")   // source's id: how far it has been read

enum {
    EVENT_MAX = 1024 * 1024,        // bytes of a payload, AWS's limit
    EVENT_PIECE = 256 * 1024,       // of it in one item
    EVENTS_WAITING_MAX = 100000,    // of all functions
    EVENTS_PARALLEL = 8,            // deliveries to one function at a time
    EVENT_RETRIES = 2,              // after errors of the function
    EVENT_AGE_S = 6 * 60 * 60,      // then it is given up
    STUMBLE_MS = 1000,              // before the next try when the platform cannot run the function
    STUMBLE_MAX_MS = 5 * 60 * 1000, // doubled up to this
    FAILED_MAX = 100,               // records kept of one function
    FAILED_SLACK = 10,              // and so many more, until they are looked through again
    ROUNDS_MAX = 16,                // of an event through one function
    CHANGES_KEPT_MS = 24 * 60 * 60 * 1000, // of tables
};

static const u64 EVENTS_BYTES_MAX = 1ull << 30; // of payloads that wait

struct event_lane;

// An event that waits or is being delivered: heap, its texts behind it.
struct event_entry {
    struct event_entry *next;
    struct event_entry *prev;   // among the delayed
    struct event_entry *behind; // the next of its group, which waits for this one's end
    struct event_lane *lane;
    u64 order;
    u64 due_ms;
    u64 bytes;
    unsigned stumbles; // how often the platform could not run the function
    str group;         // with the function's name before it; or none
};

struct event_lane { // of one function
    struct event_queue *queue;
    str key; // heap, behind the struct
    struct event_entry *ready;
    struct event_entry *ready_last;
    struct event_entry *delayed; // by when they are due
    struct event_entry *delayed_last;
    unsigned running;
    unsigned failures; // recorded since the start
};

struct event_queue { // lists are touched only by the first loop's thread
    struct func_hub *hub;
    struct loop *home; // the first
    struct store *store;
    u64 (*now_ms)(void);
    u64 retry_ms;
    struct map *lanes;   // function's key -> struct event_lane
    struct map *streams; // source's id -> struct event_reader
    struct map *timers;  // schedule's id -> struct event_timer
    struct cond timers_changed;
    bool timers_wanted;
    struct map *groups; // of entries -> the last entry of the group
    struct fiber *clock;
    bool has_service; // there has been one: before that nothing can be delivered
    atomic_ullong count;
    atomic_ullong bytes;
    atomic_ullong last_order;
};

// ---- event_lane.c: who is next -----------------------------------------------------------------
// The function's, made when there is none yet. On the home loop.
struct event_lane *event_lane_of(struct event_queue *queue, str key);
// A number that is larger than any before.
u64 event_order(struct event_queue *queue);
// Takes in what the store has: it is delivered when it is due. On the home loop.
void event_lane_add(struct event_queue *queue, const struct json *row);
// The same from any loop, for rows that have just been written.
void event_lane_post(struct event_queue *queue, const struct json *row);
// The entry is over; the next of its group may go.
void event_entry_end(struct event_entry *entry);
// The entry is tried again at `due_ms`.
void event_entry_delay(struct event_entry *entry, u64 due_ms);
// At the end of the process: frees the entry, and those behind it; the store keeps the events.
void event_entry_drop(struct event_entry *entry);
// Other definitions are in force, which may run what waits. On the home loop.
void event_follow(void *queue);
// Starts the fiber that lets delayed events go when they are due.
void event_lane_start(struct event_queue *queue);

// ---- event.c: queueing and delivering ----------------------------------------------------------
// Delivers the event, the argument; a fiber of its own.
void event_deliver(void *entry) YIELDS;
// The row of an event, and the pieces of its payload, as writes that remove them.
size_t event_removal(struct arena *arena, const struct json *row, struct store_write *writes);

// ---- event_reader.c: tables' changes -----------------------------------------------------------
// Starts a reader for each source of the definitions in force that has none, and lets those go
// whose source is gone. On the home loop.
void event_streams_follow(struct event_queue *queue);
// After all loops have ended.
void event_streams_free(struct event_queue *queue);

// ---- event_tidy.c ------------------------------------------------------------------------------
// Removes what is older than a day, now and every hour, until the fiber is cancelled.
void event_streams_tidy(void *queue) YIELDS;

// ---- event_timer.c: schedules ------------------------------------------------------------------
// Queues events when their times come, until the fiber is cancelled.
void event_timers_run(void *queue) YIELDS;
// Other definitions are in force. On the home loop.
void event_timers_follow(struct event_queue *queue);
// After all loops have ended.
void event_timers_free(struct event_queue *queue);
// Reads expressions and time zones of a service that is not in force yet; what is wrong is logged.
// Blocks.
void event_timers_load(void *service);
// Forgets what is remembered of schedules that the service does not have.
[[nodiscard]] err *event_timers_forget(
    struct event_queue *queue, struct arena *arena, const struct func_service *service) YIELDS;

// ---- event_record.c ----------------------------------------------------------------------------
// A recorded change as DynamoDB's streams tell it.
struct json *event_record(struct arena *arena, const struct func_service *service,
    const struct func_source *source, const struct json *change);

// ---- event_filter.c ----------------------------------------------------------------------------
// Does one of the event patterns match? NULL: all do.
bool event_filter_matches(const struct json *filters, const struct json *record);

// ---- event_outcome.c: what became of an event --------------------------------------------------
struct event_outcome {
    const struct json *row;
    str payload;
    const char *condition; // "Success", "RetriesExhausted", "EventAgeExceeded"
    i64 tries;
    const struct func_result *result; // NULL: it was not run
};

// Removes the event, tells the destination that the definitions name, keeps a record of failure.
[[nodiscard]] err *event_finish(
    struct event_queue *queue, struct arena *arena, const struct event_outcome *outcome) YIELDS;
// A failure has been recorded: the function's oldest records go when there are too many.
void event_failures_trim(struct event_queue *queue, struct arena *arena, str function) YIELDS;
