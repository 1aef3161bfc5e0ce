// When schedules run: EventBridge's cron expressions in the time zones of the system's database.
#pragma once

#include "base/base.h"

enum { CRON_FIRST_YEAR = 1970, CRON_LAST_YEAR = 2199 };

// An expression, parsed: sets of what each field allows, as bits.
struct cron {
    u64 minutes;
    u32 hours;
    u32 months;   // bit 1: January
    u64 years[4]; // bit 0: 1970
    u32 days;     // of the month, bit 1: the first
    bool any_day; // "?" or "*"
    bool last_day;
    u32 before_last;     // "L-3": so many days before
    u32 nearest_weekday; // "15W": the day; "LW": last_day too
    bool last_weekday;   // "LW"
    u32 weekdays;        // bit 1: Sunday
    bool any_weekday;
    u32 last_of; // "5L": the last Thursday; 0: not said
    u32 nth_of;  // "3#2": Tuesday
    u32 nth;     // the second
};

// Six fields: minute, hour, day of month, month, day of week, year; with or without "cron(...)".
// ERR_INVALID says which one is wrong.
[[nodiscard]] err *cron_parse(struct arena *arena, str text, struct cron *out);

struct cron_zone; // immutable, in the arena it was loaded into

// By its IANA name. ERR_NOT_FOUND when the system does not know it. Blocks.
[[nodiscard]] err *cron_zone_load(struct arena *arena, str name, const struct cron_zone **out);
// The same from a file's bytes (RFC 8536), for tests too. ERR_INVALID.
[[nodiscard]] err *cron_zone_parse(struct arena *arena, str bytes, const struct cron_zone **out);
// Seconds east of Greenwich at a moment.
i64 cron_zone_offset(const struct cron_zone *zone, i64 epoch_s);
// The moment of a local time, which is given as if it was UTC: the first of two when clocks are put
// back. False when clocks are put forward over it.
bool cron_zone_moment(const struct cron_zone *zone, i64 local_s, i64 *epoch_s);

// The first run after a moment, in seconds; -1: there is none any more.
i64 cron_next(const struct cron *cron, const struct cron_zone *zone, i64 after_s);
