// Cron expressions as EventBridge has them. Source: "Schedule types in EventBridge Scheduler",
// Amazon EventBridge Scheduler user guide.
#include "cron/cron.h"

enum { MINUTES = 60, HOURS = 24, DAY_S = 86400, WEEK = 7 };

// ---- reading -----------------------------------------------------------------------------------

struct field {
    const char *name;
    u32 min;
    u32 max;
    const char *words; // names of the values from `min`, three letters each; NULL: none
};

enum { F_MINUTE, F_HOUR, F_DAY, F_MONTH, F_WEEKDAY, F_YEAR, FIELDS };

static const struct field FIELD[FIELDS] = {
    {"minutes", 0, 59, NULL},
    {"hours", 0, 23, NULL},
    {"day-of-month", 1, 31, NULL},
    {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
    {"day-of-week", 1, 7, "SUNMONTUEWEDTHUFRISAT"},
    {"year", CRON_FIRST_YEAR, CRON_LAST_YEAR, NULL},
};

static bool read_value(const struct field *field, str text, u32 *out)
{
    u64 value = 0;
    if (str_to_u64(text, &value) && value >= field->min && value <= field->max) {
        *out = (u32)value;
        return true;
    }
    for (u32 i = 0; field->words != NULL && text.len == 3 && i <= field->max - field->min; i++) {
        if (str_eq_nocase(text, (str){field->words + (size_t)i * 3, 3})) {
            *out = field->min + i;
            return true;
        }
    }
    return false;
}

static void set_bit(const struct field *field, u64 *bits, u32 value)
{
    u32 bit = field->max > 63 ? value - field->min : value;
    bits[bit / 64] |= 1ull << (bit % 64);
}

// "a", "a-b", "*", each with "/n" or without.
static bool read_part(const struct field *field, str part, u64 *bits)
{
    str range = {};
    u32 from = field->min;
    u32 to = field->max;
    u64 step = 1;
    bool has_step = str_find_char(part, '/') >= 0;
    (void)str_next(&part, '/', &range);
    if (has_step && (!str_to_u64(part, &step) || step == 0)) {
        return false;
    }
    ptrdiff_t dash = str_find_char(range, '-');
    if (dash > 0) {
        if (!read_value(field, str_sub(range, 0, (size_t)dash), &from) ||
            !read_value(field, str_sub(range, (size_t)dash + 1, range.len), &to)) {
            return false;
        }
    } else if (!str_eq(range, S("*"))) {
        if (!read_value(field, range, &from)) {
            return false;
        }
        to = has_step ? field->max : from;
    }
    u32 span = field->max - field->min + 1;
    u32 length = to >= from ? to - from : to + span - from; // FRI-MON
    for (u64 i = 0; i <= length; i += step) {
        set_bit(field, bits, field->min + (from - field->min + (u32)i) % span);
    }
    return true;
}

static bool read_list(const struct field *field, str text, u64 *bits)
{
    str part = {};
    bool any = false;
    while (str_next(&text, ',', &part)) {
        if (!read_part(field, part, bits)) {
            return false;
        }
        any = true;
    }
    return any;
}

// L, L-3, LW, 15W, or a list.
static bool read_days(str text, struct cron *out)
{
    u64 bits = 0;
    u64 number = 0;
    if (str_eq(text, S("?")) || str_eq(text, S("*"))) {
        out->any_day = true;
        return true;
    }
    if (str_eq(text, S("L"))) {
        out->last_day = true;
        return true;
    }
    if (str_eq(text, S("LW")) || str_eq(text, S("WL"))) {
        out->last_weekday = true;
        return true;
    }
    if (str_starts(text, S("L-"))) {
        out->last_day = true;
        bool good = str_to_u64(str_sub(text, 2, text.len), &number) && number <= 30;
        out->before_last = (u32)number;
        return good;
    }
    if (str_ends(text, S("W"))) {
        return read_value(&FIELD[F_DAY], str_sub(text, 0, text.len - 1), &out->nearest_weekday);
    }
    bool good = read_list(&FIELD[F_DAY], text, &bits);
    out->days = (u32)bits;
    return good;
}

// L (Saturday), 5L, 3#2, or a list.
static bool read_weekdays(str text, struct cron *out)
{
    u64 bits = 0;
    u64 number = 0;
    ptrdiff_t at = str_find_char(text, '#');
    if (str_eq(text, S("?")) || str_eq(text, S("*"))) {
        out->any_weekday = true;
        return true;
    }
    if (str_eq(text, S("L"))) {
        out->weekdays = 1u << WEEK;
        return true;
    }
    if (at > 0) {
        bool good = str_to_u64(str_sub(text, (size_t)at + 1, text.len), &number) && number >= 1 &&
                    number <= 5;
        out->nth = (u32)number;
        return good && read_value(&FIELD[F_WEEKDAY], str_sub(text, 0, (size_t)at), &out->nth_of);
    }
    if (text.len > 1 && str_ends(text, S("L"))) {
        return read_value(&FIELD[F_WEEKDAY], str_sub(text, 0, text.len - 1), &out->last_of);
    }
    bool good = read_list(&FIELD[F_WEEKDAY], text, &bits);
    out->weekdays = (u32)bits;
    return good;
}

static bool read_field(int which, str text, struct cron *out)
{
    u64 bits = 0;
    bool good = false;
    switch (which) {
    case F_MINUTE: return read_list(&FIELD[which], text, &out->minutes);
    case F_HOUR:
        good = read_list(&FIELD[which], text, &bits);
        out->hours = (u32)bits;
        return good;
    case F_DAY: return read_days(text, out);
    case F_MONTH:
        good = read_list(&FIELD[which], text, &bits);
        out->months = (u32)bits;
        return good;
    case F_WEEKDAY: return read_weekdays(text, out);
    default: return read_list(&FIELD[which], text, out->years);
    }
}

err *cron_parse(struct arena *arena, str text, struct cron *out)
{
    str whole = text;
    str part = {};
    int count = 0;
    *out = (struct cron){};
    if (str_starts(text, S("cron(")) && str_ends(text, S(")"))) {
        text = str_sub(text, 5, text.len - 1);
    }
    while (str_next(&text, ' ', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (count == FIELDS || !read_field(count, part, out)) {
            return fail(arena, ERR_INVALID, "the schedule '%.*s' is wrong at '%.*s' (%s)",
                PRI(whole), PRI(part), count < FIELDS ? FIELD[count].name : "a seventh field");
        }
        count++;
    }
    if (count == F_YEAR) { // it may be left out
        (void)read_field(F_YEAR, S("*"), out);
        count++;
    }
    return count == FIELDS ? NULL
                           : fail(arena, ERR_INVALID, "the schedule '%.*s' has %d fields, not six",
                                 PRI(whole), count);
}

// ---- days --------------------------------------------------------------------------------------

struct day {
    i64 number; // from 1970-01-01
    u32 year;
    u32 month;   // from 1
    u32 day;     // from 1
    u32 weekday; // from Sunday, 1
    u32 length;  // of the month
};

static u32 length_of(u32 year, u32 month)
{
    static const u8 LENGTHS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return LENGTHS[month - 1] + (month == 2 && leap);
}

// Sets the other members by the number; civil_from_days of the proleptic Gregorian calendar.
static void fill_day(struct day *day)
{
    i64 z = day->number + 719468;
    i64 era = z / 146097;
    i64 of_era = z - era * 146097;
    i64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    i64 of_year = of_era - (365 * year + year / 4 - year / 100);
    i64 shifted = (5 * of_year + 2) / 153;
    check(z >= 0);
    day->day = (u32)(of_year - (153 * shifted + 2) / 5 + 1);
    day->month = (u32)(shifted < 10 ? shifted + 3 : shifted - 9);
    day->year = (u32)(year + era * 400 + (day->month <= 2));
    day->weekday = (u32)((day->number + 4) % WEEK) + 1;
    day->length = length_of(day->year, day->month);
}

// The day of the month's weekday (Monday to Friday) that is nearest to `wanted`, in the same month.
static u32 nearest(const struct day *day, u32 wanted)
{
    wanted = wanted > day->length ? day->length : wanted;
    u32 weekday = (day->weekday - 1 + WEEK * 5 + wanted - day->day) % WEEK; // from Sunday, 0
    if (weekday == 6) {
        return wanted > 1 ? wanted - 1 : wanted + 2;
    }
    if (weekday == 0) {
        return wanted < day->length ? wanted + 1 : wanted - 2;
    }
    return wanted;
}

static bool day_of_month_holds(const struct cron *cron, const struct day *day)
{
    if (cron->any_day) {
        return true;
    }
    if (cron->last_day) {
        return day->day + cron->before_last == day->length;
    }
    if (cron->last_weekday) {
        return day->day == nearest(day, day->length);
    }
    if (cron->nearest_weekday > 0) {
        return cron->nearest_weekday <= day->length &&
               day->day == nearest(day, cron->nearest_weekday);
    }
    return (cron->days >> day->day & 1) != 0;
}

static bool day_of_week_holds(const struct cron *cron, const struct day *day)
{
    if (cron->any_weekday) {
        return true;
    }
    if (cron->last_of > 0) {
        return day->weekday == cron->last_of && day->day + WEEK > day->length;
    }
    if (cron->nth_of > 0) {
        return day->weekday == cron->nth_of && (day->day - 1) / WEEK + 1 == cron->nth;
    }
    return (cron->weekdays >> day->weekday & 1) != 0;
}

static bool day_holds(const struct cron *cron, const struct day *day)
{
    u32 year = day->year - CRON_FIRST_YEAR;
    return (cron->years[year / 64] >> (year % 64) & 1) != 0 &&
           (cron->months >> day->month & 1) != 0 && day_of_month_holds(cron, day) &&
           day_of_week_holds(cron, day);
}

// ---- the next run ------------------------------------------------------------------------------

// The first of a day's times that is after the moment; -1: none.
static i64 next_of_day(
    const struct cron *cron, const struct cron_zone *zone, const struct day *day, i64 after_s)
{
    for (i64 hour = 0; hour < HOURS; hour++) {
        if ((cron->hours >> hour & 1) == 0) {
            continue;
        }
        for (i64 minute = 0; minute < MINUTES; minute++) {
            i64 moment = 0;
            i64 local = day->number * DAY_S + hour * 3600 + minute * 60;
            if ((cron->minutes >> minute & 1) != 0 && cron_zone_moment(zone, local, &moment) &&
                moment > after_s) {
                return moment;
            }
        }
    }
    return -1;
}

i64 cron_next(const struct cron *cron, const struct cron_zone *zone, i64 after_s)
{
    struct day day = {.number = (after_s + cron_zone_offset(zone, after_s)) / DAY_S};
    check(after_s >= 0);
    for (fill_day(&day); day.year <= CRON_LAST_YEAR; day.number++, fill_day(&day)) {
        if (day_holds(cron, &day)) {
            i64 moment = next_of_day(cron, zone, &day, after_s);
            if (moment >= 0) {
                return moment;
            }
        }
    }
    return -1;
}
