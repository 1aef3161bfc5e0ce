// Time zones, read from the system's database: transitions as they were and are known, and a rule
// for the years after the last of them. Source: RFC 8536; POSIX.1-2017, 8.3, TZ.
#include "cron/cron.h"

#include <limits.h>

enum { ZONE_FILE_MAX = 256 * 1024, HEAD = 44, HOUR = 3600, DAY = 86400, TYPES_MAX = 256 };

struct rule { // when clocks are changed each year

    enum { RULE_WEEK, RULE_JULIAN, RULE_DAY } kind;

    int month; // RULE_WEEK: its week-th (5: last) day-of-week
    int week;
    int day; // of the week from Sunday, 0; or of the year
    i64 time;
};

struct cron_zone {
    size_t count;
    i64 *moments; // of transitions
    u8 *kinds;    // what begins with them
    size_t kind_count;
    i64 *offsets; // of kinds
    bool has_rule;
    bool has_summer;
    i64 standard;
    i64 summer;
    struct rule start;
    struct rule end;
};

// ---- the calendar ------------------------------------------------------------------------------

// Days from 1970-01-01, of the proleptic Gregorian calendar; months from 1.
static i64 days_of(i64 year, int month, int day)
{
    i64 y = month <= 2 ? year - 1 : year;
    i64 era = (y >= 0 ? y : y - 399) / 400;
    i64 of_era = y - era * 400;
    i64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap(i64 year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static i64 year_of(i64 epoch_s)
{
    i64 days = epoch_s / DAY - (epoch_s % DAY < 0);
    i64 year = 1970 + days / 366;
    while (days_of(year + 1, 1, 1) <= days) {
        year++;
    }
    while (days_of(year, 1, 1) > days) {
        year--;
    }
    return year;
}

// ---- rules -------------------------------------------------------------------------------------

static bool skip(str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c) {
        return false;
    }
    *rest = str_sub(*rest, 1, rest->len);
    return true;
}

static bool read_int(str *rest, i64 *out)
{
    size_t len = 0;
    u64 value = 0;
    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9') {
        len++;
    }
    if (!str_to_u64(str_sub(*rest, 0, len), &value) || value > 1000000) {
        return false;
    }
    *rest = str_sub(*rest, len, rest->len);
    *out = (i64)value;
    return true;
}

// [+-]hh[:mm[:ss]]
static bool read_time(str *rest, i64 *out)
{
    i64 hours = 0;
    i64 minutes = 0;
    i64 seconds = 0;
    bool negative = skip(rest, '-');
    if (!negative) {
        (void)skip(rest, '+');
    }
    if (!read_int(rest, &hours) || (skip(rest, ':') && !read_int(rest, &minutes)) ||
        (skip(rest, ':') && !read_int(rest, &seconds))) {
        return false;
    }
    *out = hours * HOUR + minutes * 60 + seconds;
    *out = negative ? -*out : *out;
    return true;
}

static bool read_name(str *rest)
{
    size_t len = 0;
    if (skip(rest, '<')) {
        ptrdiff_t end = str_find_char(*rest, '>');
        *rest = str_sub(*rest, end < 0 ? rest->len : (size_t)end + 1, rest->len);
        return end >= 0;
    }
    while (len < rest->len && ((rest->ptr[len] | 32) >= 'a' && (rest->ptr[len] | 32) <= 'z')) {
        len++;
    }
    *rest = str_sub(*rest, len, rest->len);
    return len > 0;
}

static bool read_rule(str *rest, struct rule *out)
{
    i64 parts[3] = {};
    *out = (struct rule){.kind = RULE_DAY, .time = 2 * HOUR};
    if (skip(rest, 'M')) {
        out->kind = RULE_WEEK;
        if (!read_int(rest, &parts[0]) || !skip(rest, '.') || !read_int(rest, &parts[1]) ||
            !skip(rest, '.') || !read_int(rest, &parts[2]) || parts[0] < 1 || parts[0] > 12 ||
            parts[1] < 1 || parts[1] > 5 || parts[2] > 6) {
            return false;
        }
        out->month = (int)parts[0];
        out->week = (int)parts[1];
        out->day = (int)parts[2];
    } else {
        out->kind = skip(rest, 'J') ? RULE_JULIAN : RULE_DAY;
        if (!read_int(rest, &parts[0]) || parts[0] > 366) {
            return false;
        }
        out->day = (int)parts[0];
    }
    return !skip(rest, '/') || read_time(rest, &out->time);
}

// "CET-1CEST,M3.5.0,M10.5.0/3"; POSIX counts offsets to the west.
static bool read_rules(str text, struct cron_zone *zone)
{
    i64 west = 0;
    if (!read_name(&text) || !read_time(&text, &west)) {
        return false;
    }
    zone->standard = -west;
    zone->summer = zone->standard + HOUR;
    if (text.len == 0) {
        return true;
    }
    if (!read_name(&text)) {
        return false;
    }
    if (text.len > 0 && text.ptr[0] != ',') {
        if (!read_time(&text, &west)) {
            return false;
        }
        zone->summer = -west;
    }
    zone->has_summer = true;
    return skip(&text, ',') && read_rule(&text, &zone->start) && skip(&text, ',') &&
           read_rule(&text, &zone->end) && text.len == 0;
}

// The local time, as if it was UTC, at which the rule holds in a year.
static i64 rule_time(const struct rule *rule, i64 year)
{
    if (rule->kind == RULE_WEEK) {
        i64 first = days_of(year, rule->month, 1);
        i64 next = rule->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, rule->month + 1, 1);
        i64 weekday = ((first + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday
        i64 day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
        return (day >= next ? day - 7 : day) * DAY + rule->time;
    }
    i64 day = rule->day;
    if (rule->kind == RULE_JULIAN) { // counts no 29th of February
        day = day - 1 + (is_leap(year) && day > 59);
    }
    return (days_of(year, 1, 1) + day) * DAY + rule->time;
}

static i64 rule_offset(const struct cron_zone *zone, i64 epoch_s)
{
    if (!zone->has_summer) {
        return zone->standard;
    }
    i64 year = year_of(epoch_s + zone->standard);
    i64 start = rule_time(&zone->start, year) - zone->standard;
    i64 end = rule_time(&zone->end, year) - zone->summer;
    bool summer =
        start < end ? epoch_s >= start && epoch_s < end : !(epoch_s >= end && epoch_s < start);
    return summer ? zone->summer : zone->standard;
}

// ---- files -------------------------------------------------------------------------------------

static i64 read_big(str bytes, size_t at, size_t size)
{
    u64 value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | (u8)bytes.ptr[at + i];
    }
    return size == 4 ? (i64)(int32_t)(u32)value : (i64)value;
}

struct layout {
    size_t counts[6]; // isut, isstd, leap, time, type, char
    size_t data;      // bytes behind the head
};

static bool read_head(str bytes, size_t time_size, struct layout *out)
{
    if (bytes.len < HEAD || !str_starts(bytes, S("TZif"))) {
        return false;
    }
    for (size_t i = 0; i < countof(out->counts); i++) {
        i64 count = read_big(bytes, 20 + i * 4, 4);
        if (count < 0 || count > ZONE_FILE_MAX) {
            return false;
        }
        out->counts[i] = (size_t)count;
    }
    const size_t *n = out->counts;
    out->data = n[3] * (time_size + 1) + n[4] * 6 + n[5] + n[2] * (time_size + 4) + n[1] + n[0];
    return bytes.len - HEAD >= out->data && n[4] > 0 && n[4] <= TYPES_MAX;
}

static bool read_data(struct arena *arena, str bytes, size_t time_size, const struct layout *layout,
    struct cron_zone *zone)
{
    size_t kinds = layout->counts[3] * time_size;
    size_t types = kinds + layout->counts[3];
    zone->count = layout->counts[3];
    zone->kind_count = layout->counts[4];
    zone->moments = arena_array(arena, i64, zone->count);
    zone->kinds = arena_array(arena, u8, zone->count);
    zone->offsets = arena_array(arena, i64, zone->kind_count);
    for (size_t i = 0; i < zone->count; i++) {
        zone->moments[i] = read_big(bytes, i * time_size, time_size);
        zone->kinds[i] = (u8)bytes.ptr[kinds + i];
        if (zone->kinds[i] >= zone->kind_count ||
            (i > 0 && zone->moments[i] <= zone->moments[i - 1])) {
            return false;
        }
    }
    for (size_t i = 0; i < zone->kind_count; i++) {
        zone->offsets[i] = read_big(bytes, types + i * 6, 4);
    }
    return true;
}

// A first part with times of 32 bits is for old readers; the second is the whole.
err *cron_zone_parse(struct arena *arena, str bytes, const struct cron_zone **out)
{
    struct cron_zone *zone = arena_new_of(arena, struct cron_zone);
    struct layout layout = {};
    size_t time_size = 4;
    bool good = read_head(bytes, time_size, &layout);
    if (good && bytes.ptr[4] >= '2') {
        time_size = 8;
        bytes = str_sub(bytes, HEAD + layout.data, bytes.len);
        good = read_head(bytes, time_size, &layout);
    }
    good = good && read_data(arena, str_sub(bytes, HEAD, bytes.len), time_size, &layout, zone);
    if (good && time_size == 8) {
        str footer = str_sub(bytes, HEAD + layout.data, bytes.len);
        str rules = str_trim(footer);
        zone->has_rule = rules.len > 0;
        good = footer.len >= 2 && (!zone->has_rule || read_rules(rules, zone));
    }
    *out = zone;
    return good ? NULL : fail(arena, ERR_INVALID, "this is no file of a time zone");
}

err *cron_zone_load(struct arena *arena, str name, const struct cron_zone **out)
{
    static const char *const FOLDERS[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo"};
    str bytes = {};
    bool odd = name.len == 0 || name.len > NAME_MAX || name.ptr[0] == '/' ||
               str_find(name, S("..")) >= 0 || str_find_char(name, '\0') >= 0;
    for (size_t i = 0; i < countof(FOLDERS) && !odd; i++) {
        const char *path = path_join(arena, FOLDERS[i], str_cstr(arena, name));
        if (file_read(arena, path, ZONE_FILE_MAX, &bytes) == NULL) {
            return cron_zone_parse(arena, bytes, out);
        }
    }
    if (str_eq(name, S("UTC")) || str_eq(name, S("Etc/UTC"))) {
        struct cron_zone *utc = arena_new_of(arena, struct cron_zone);
        utc->has_rule = true;
        *out = utc;
        return NULL;
    }
    return err_hint(fail(arena, ERR_NOT_FOUND, "the system knows no time zone %.*s", PRI(name)),
        S("Use a name like Europe/Berlin, and see that the package tzdata is installed."));
}

// ---- looking -----------------------------------------------------------------------------------

i64 cron_zone_offset(const struct cron_zone *zone, i64 epoch_s)
{
    size_t low = 0;
    size_t high = zone->count;
    if (zone->has_rule && (high == 0 || epoch_s >= zone->moments[high - 1])) {
        return rule_offset(zone, epoch_s);
    }
    while (low < high) { // the first transition behind the moment
        size_t middle = low + (high - low) / 2;
        if (zone->moments[middle] <= epoch_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return zone->offsets[low > 0 ? zone->kinds[low - 1] : 0];
}

bool cron_zone_moment(const struct cron_zone *zone, i64 local_s, i64 *epoch_s)
{
    const i64 offsets[] = {cron_zone_offset(zone, local_s - DAY), cron_zone_offset(zone, local_s),
        cron_zone_offset(zone, local_s + DAY)};
    bool found = false;
    for (size_t i = 0; i < countof(offsets); i++) {
        i64 moment = local_s - offsets[i];
        if (cron_zone_offset(zone, moment) == offsets[i] && (!found || moment < *epoch_s)) {
            *epoch_s = moment;
            found = true;
        }
    }
    return found;
}
