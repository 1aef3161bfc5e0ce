// Events: calls that nobody waits for. What was taken over lies in the store and is delivered at
// least once, whatever happens to the process.
#pragma once

#include "func/func.h"
#include "store/store.h"

struct event_queue; // one per hub of functions

struct event_options {
    struct store *store;
    u64 (*now_ms)(void); // NULL: the wall clock
    u64 retry_ms;        // before the second try of a function that failed, twice that before the
                         // third; 0: a second
};

// Makes the tables, finds what still waits and becomes the hub's queue: func_invoke_event comes
// here. On the first loop. *out is there also when it fails; event_queue_free it.
[[nodiscard]] err *event_queue_open(struct func_hub *hub, struct arena *arena,
    const struct event_options *options, struct event_queue **out) YIELDS;
// After all loops have ended, before the hub. NULL is allowed.
void event_queue_free(struct event_queue *queue);

struct event {
    str function;       // by key, name or ARN
    str payload;        // JSON
    str client_context; // JSON, or none
    str request_id;     // none: a new one
    str group;          // events of one group are delivered one after the other; none: of none
    str lineage;        // of the call that it comes from (event_lineage_of); or none
    bool waits;         // for a function that cannot be run now: nobody is there to be told
};

// Queues events in one transaction with what else `more` writes: when it returns they are durable.
// ERR_NOT_FOUND, ERR_UNSUPPORTED: a function is not there or cannot be run (and is not waited for);
// ERR_TOO_LARGE: a payload is longer than a MiB; ERR_LIMIT: too many wait; ERR_CONFLICT: an event
// has gone round in a circle too often. Conditions of `more` fail as those of store_write.
[[nodiscard]] err *event_add(struct event_queue *queue, struct arena *arena,
    const struct event *events, size_t count, struct store_write *more, size_t more_count) YIELDS;
// The Lineage of a trace header: which functions an event has already been through.
str event_lineage_of(str trace);

// Before a service is put in force: from now on the changes of the tables that it wants to be told
// of are kept, and sources that are new begin here, those that are gone are forgotten. Reads its
// schedules.
[[nodiscard]] err *event_prepare(
    struct event_queue *queue, struct arena *arena, struct func_service *service) YIELDS;

// What became of events that were given up, newest first: [{function, record}], of one function or
// of all.
[[nodiscard]] err *event_failed(
    struct event_queue *queue, struct arena *arena, str function, struct json **out) YIELDS;
