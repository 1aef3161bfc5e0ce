// Schedules: cron expressions over years, zones and changes of the clock, beside a search minute by
// minute with the C library's own time zones.
#include "cron/cron.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#undef fail
#define fail(arena, code, ...) err_make((arena), (code), __FILE__, __LINE__, __VA_ARGS__)

static struct cron cron_of(struct arena *arena, const char *text)
{
    struct cron cron;
    err *e = cron_parse(arena, str_from(text), &cron);
    if (e != NULL) {
        print_error("%s: %.*s\n", text, PRI(e->text));
    }
    assert_null(e);
    return cron;
}

static void add_big(struct buf *out, u64 value, int size)
{
    for (int i = size - 1; i >= 0; i--) {
        buf_add_char(out, (char)(value >> (i * 8)));
    }
}

// A file that has nothing but a rule.
static err *parse_rule(struct arena *arena, const char *rule, const struct cron_zone **out_zone)
{
    struct buf out = buf_in(arena, 4096);
    for (int part = 0; part < 2; part++) {
        buf_add(&out, S("TZif2"));
        for (int i = 0; i < 15; i++) {
            buf_add_char(&out, '\0');
        }
        const u64 counts[] = {0, 0, 0, 0, 1, 4};
        for (size_t i = 0; i < countof(counts); i++) {
            add_big(&out, counts[i], 4);
        }
        add_big(&out, 0, 4);
        add_big(&out, 0, 2);
        buf_add(&out, S("UTC"));
        buf_add_char(&out, '\0');
    }
    buf_fmt(&out, "\n%s\n", rule);
    return cron_zone_parse(arena, buf_str(&out), out_zone);
}

static const struct cron_zone *zone_of_rule(struct arena *arena, const char *rule)
{
    const struct cron_zone *zone = NULL;
    assert_null(parse_rule(arena, rule, &zone));
    return zone;
}

static i64 utc(int year, int month, int day, int hour, int minute)
{
    struct tm parts = {.tm_year = year - 1900,
        .tm_mon = month - 1,
        .tm_mday = day,
        .tm_hour = hour,
        .tm_min = minute};
    return timegm(&parts);
}

static const char *shown(i64 moment)
{
    static char text[4][32];
    static int at;
    struct tm parts;
    time_t seconds = moment;
    char *out = text[at++ % 4];
    if (moment < 0) {
        return "never";
    }
    gmtime_r(&seconds, &parts);
    strftime(out, sizeof(text[0]), "%Y-%m-%d %H:%M %a", &parts);
    return out;
}

static void check_next(const char *expression, const struct cron_zone *zone, i64 after, i64 wanted)
{
    struct arena *arena = arena_new();
    struct cron cron = cron_of(arena, expression);
    i64 next = cron_next(&cron, zone, after);
    if (next != wanted) {
        print_error(
            "%s after %s: %s, not %s\n", expression, shown(after), shown(next), shown(wanted));
    }
    assert_int_equal(next, wanted);
    arena_free(arena);
}

// ---- expressions -------------------------------------------------------------------------------

static void test_fields(void **state)
{
    static const struct {
        const char *expression;
        int next[5]; // after 2026-01-01 00:00 UTC, a Thursday
    } CASES[] = {
        {"* * * * ? *", {2026, 1, 1, 0, 1}},
        {"*/5 * * * ? *", {2026, 1, 1, 0, 5}},
        {"*/45 * * * ? *", {2026, 1, 1, 0, 45}},
        {"7/20 * * * ? *", {2026, 1, 1, 0, 7}},
        {"0 */6 * * ? *", {2026, 1, 1, 6, 0}},
        {"0 0 * * ? *", {2026, 1, 2, 0, 0}},
        {"30 9 ? * MON-FRI *", {2026, 1, 1, 9, 30}},
        {"30 9 ? * 2-6 *", {2026, 1, 1, 9, 30}},
        {"0 0 ? * 1 *", {2026, 1, 4, 0, 0}},
        {"0 0 ? * SUN *", {2026, 1, 4, 0, 0}},
        {"0 0 ? * FRI-MON *", {2026, 1, 2, 0, 0}},
        {"0 0 1 * ? *", {2026, 2, 1, 0, 0}},
        {"0 0 1 1 ? *", {2027, 1, 1, 0, 0}},
        {"0 0 L * ? *", {2026, 1, 31, 0, 0}},
        {"0 0 L FEB ? *", {2026, 2, 28, 0, 0}},
        {"0 0 L 2 ? 2028", {2028, 2, 29, 0, 0}},
        {"0 0 L-3 * ? *", {2026, 1, 28, 0, 0}},
        {"0 0 LW * ? *", {2026, 1, 30, 0, 0}},
        {"0 0 LW 2 ? *", {2026, 2, 27, 0, 0}},
        {"0 0 15W * ? *", {2026, 1, 15, 0, 0}},
        {"0 0 1W 2 ? *", {2026, 2, 2, 0, 0}},   // a Sunday: Monday
        {"0 0 1W 8 ? *", {2026, 8, 3, 0, 0}},   // a Saturday: not in July
        {"0 0 31W 5 ? *", {2026, 5, 29, 0, 0}}, // a Sunday at the end: Friday
        {"0 0 31W 1 ? *", {2026, 1, 30, 0, 0}},
        {"0 0 ? * 3#2 *", {2026, 1, 13, 0, 0}},
        {"0 0 ? * TUE#5 *", {2026, 3, 31, 0, 0}},
        {"0 0 ? * 5L *", {2026, 1, 29, 0, 0}},
        {"0 0 ? * L *", {2026, 1, 3, 0, 0}},
        {"0 12 29 2 ? *", {2028, 2, 29, 12, 0}},
        {"0 12 13 * FRI *", {2026, 2, 13, 12, 0}},
        {"15,45 8-10,20 * 3/4 ? *", {2026, 3, 1, 8, 15}},
        {"0 0 1 JAN,jul ? 2030-2032", {2030, 1, 1, 0, 0}},
        {"0 0 1 1 ? 2199", {2199, 1, 1, 0, 0}},
        {"cron(0 10 * * ? *)", {2026, 1, 1, 10, 0}},
        {"0 10 * * ?", {2026, 1, 1, 10, 0}},
    };
    struct arena *arena = arena_new();
    const struct cron_zone *zone = zone_of_rule(arena, "UTC0");
    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        const int *n = CASES[i].next;
        check_next(
            CASES[i].expression, zone, utc(2026, 1, 1, 0, 0), utc(n[0], n[1], n[2], n[3], n[4]));
    }
    check_next("0 0 30 2 ? *", zone, utc(2026, 1, 1, 0, 0), -1);
    check_next("0 0 1 1 ? 2025", zone, utc(2026, 1, 1, 0, 0), -1);
    check_next("* * * * ? *", zone, utc(2026, 1, 1, 0, 0) + 59, utc(2026, 1, 1, 0, 1));
    arena_free(arena);
}

static void test_wrong(void **state)
{
    static const char *const WRONG[] = {"", "* * * *", "60 * * * ? *", "* 24 * * ? *",
        "* * 0 * ? *", "* * 32 * ? *", "* * * 13 ? *", "* * * ABC ? *", "* * ? * 8 *",
        "* * ? * 0 *", "*/0 * * * ? *", "*/x * * * ? *", "1- * * * ? *", ", * * * ? *",
        "* * * * ? 1969", "* * * * ? 2200", "* * ? * 3#6 *", "* * ? * 3#0 *", "* * W * ? *",
        "* * 32W * ? *", "* * L-31 * ? *", "* * * * ? * *", "-1 * * * ? *", "1.5 * * * ? *"};
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(WRONG); i++) {
        struct cron cron;
        err *e = cron_parse(arena, str_from(WRONG[i]), &cron);
        if (e == NULL) {
            print_error("taken for right: %s\n", WRONG[i]);
        }
        assert_non_null(e);
        assert_int_equal(e->code, ERR_INVALID);
    }
    arena_free(arena);
}

// ---- clocks that change ------------------------------------------------------------------------

static void test_summer(void **state)
{
    struct arena *arena = arena_new();
    const struct cron_zone *berlin = zone_of_rule(arena, "CET-1CEST,M3.5.0,M10.5.0/3");
    const struct cron_zone *sydney = zone_of_rule(arena, "AEST-10AEDT,M10.1.0,M4.1.0/3");
    const struct cron_zone *india = zone_of_rule(arena, "IST-5:30");
    const struct cron_zone *troll = zone_of_rule(arena, "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3");
    (void)state;
    // 2026-03-29: 02:00 becomes 03:00. 02:30 is not there and is left out.
    check_next("30 2 * * ? *", berlin, utc(2026, 3, 28, 12, 0), utc(2026, 3, 30, 0, 30));
    check_next("30 3 * * ? *", berlin, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 1, 30));
    check_next("0 8 * * ? *", berlin, utc(2026, 3, 28, 12, 0), utc(2026, 3, 29, 6, 0));
    // 2026-10-25: 03:00 becomes 02:00. 02:30 is there twice and runs once, the first time.
    check_next("30 2 * * ? *", berlin, utc(2026, 10, 24, 12, 0), utc(2026, 10, 25, 0, 30));
    check_next("30 2 * * ? *", berlin, utc(2026, 10, 25, 0, 30), utc(2026, 10, 26, 1, 30));
    check_next("0 3 * * ? *", berlin, utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 2, 0));
    // In the south summer goes over the turn of the year.
    check_next("0 9 1 1 ? *", sydney, utc(2026, 6, 1, 0, 0), utc(2026, 12, 31, 22, 0));
    check_next("0 9 1 7 ? *", sydney, utc(2026, 6, 1, 0, 0), utc(2026, 6, 30, 23, 0));
    check_next("0 9 * * ? *", india, utc(2026, 6, 1, 0, 0), utc(2026, 6, 1, 3, 30));
    // Two hours at once.
    check_next("30 2 * * ? *", troll, utc(2026, 3, 28, 12, 0), utc(2026, 3, 30, 0, 30));
    assert_int_equal(cron_zone_offset(berlin, utc(2150, 7, 1, 0, 0)), 7200);
    assert_int_equal(cron_zone_offset(berlin, utc(2150, 1, 1, 0, 0)), 3600);
    arena_free(arena);
}

static void test_bad_files(void **state)
{
    static const char *const RULES[] = {"CET-1CEST,M13.5.0,M10.5.0/3", "CET-1CEST", "CET-1CEST,",
        "<CET-1", "-1", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0/3x"};
    struct arena *arena = arena_new();
    const struct cron_zone *zone = NULL;
    struct buf out = buf_in(arena, 4096);
    (void)state;
    assert_non_null(cron_zone_parse(arena, S(""), &zone));
    assert_non_null(cron_zone_parse(arena, S("TZif2"), &zone));
    buf_add(&out, S("TZif2"));
    for (int i = 0; i < 39; i++) {
        buf_add_char(&out, (char)0xff);
    }
    assert_non_null(cron_zone_parse(arena, buf_str(&out), &zone));
    for (size_t i = 0; i < countof(RULES); i++) {
        assert_non_null(parse_rule(arena, RULES[i], &zone));
    }
    for (const char *const *name = (const char *const[]){"../../etc/passwd", "/etc/passwd", "",
             "Nowhere/Land", "Europe", NULL};
         *name != NULL; name++) {
        err *e = cron_zone_load(arena, str_from(*name), &zone);
        assert_non_null(e);
        assert_int_equal(e->code, ERR_NOT_FOUND);
    }
    assert_null(cron_zone_load(arena, S("UTC"), &zone));
    arena_free(arena);
}

// ---- beside the C library ----------------------------------------------------------------------

static const char *const ZONES[] = {"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo",
    "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca", "America/St_Johns", "Pacific/Apia",
    "Europe/Dublin", "Asia/Gaza", "Antarctica/Troll"};

static bool has_zones(void)
{
    return access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0;
}

static void use_zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void test_offsets(void **state)
{
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; has_zones() && i < countof(ZONES); i++) {
        const struct cron_zone *zone = NULL;
        assert_null(cron_zone_load(arena, str_from(ZONES[i]), &zone));
        use_zone(ZONES[i]);
        for (i64 moment = utc(1971, 1, 1, 0, 0); moment < utc(2199, 1, 1, 0, 0);
             moment += 6 * 3600 + 1) {
            struct tm parts;
            time_t seconds = moment;
            localtime_r(&seconds, &parts);
            if (cron_zone_offset(zone, moment) != parts.tm_gmtoff) {
                print_error("%s at %s: %lld, not %ld\n", ZONES[i], shown(moment),
                    (long long)cron_zone_offset(zone, moment), parts.tm_gmtoff);
            }
            assert_int_equal(cron_zone_offset(zone, moment), parts.tm_gmtoff);
        }
    }
    use_zone("UTC");
    arena_free(arena);
}

// Every minute of a year, in order: it runs when its local time is one that was not there before.
static void check_year(struct arena *arena, const char *name, int year, const char *expression,
    bool (*wanted)(const struct tm *local))
{
    const struct cron_zone *zone = NULL;
    struct cron cron = cron_of(arena, expression);
    i64 latest = INT64_MIN; // local time that has been there
    i64 at = utc(year, 1, 1, 0, 0) - 1;
    assert_null(cron_zone_load(arena, str_from(name), &zone));
    use_zone(name);
    i64 next = cron_next(&cron, zone, at);
    for (i64 moment = at + 1; moment < utc(year + 1, 1, 1, 0, 0); moment += 60) {
        struct tm local;
        time_t seconds = moment;
        localtime_r(&seconds, &local);
        i64 local_s = moment + local.tm_gmtoff;
        bool runs = local_s > latest && local.tm_sec == 0 && wanted(&local);
        latest = local_s > latest ? local_s : latest;
        if (runs != (next == moment)) {
            print_error("%s in %s: %s %s\n", expression, name, shown(moment),
                runs ? "is missing" : "is too much");
        }
        assert_int_equal(runs, next == moment);
        if (next == moment) {
            next = cron_next(&cron, zone, moment);
        }
    }
    use_zone("UTC");
}

static bool each_quarter(const struct tm *local)
{
    return local->tm_min % 15 == 0;
}

static bool half_past_two(const struct tm *local)
{
    return local->tm_min == 30 && local->tm_hour == 2;
}

static bool workdays(const struct tm *local)
{
    return local->tm_min == 5 && local->tm_hour % 3 == 0 && local->tm_wday >= 1 &&
           local->tm_wday <= 5;
}

static bool second_tuesday(const struct tm *local)
{
    return local->tm_min == 0 && local->tm_hour == 0 && local->tm_wday == 2 &&
           local->tm_mday >= 8 && local->tm_mday <= 14;
}

static void test_years(void **state)
{
    static const char *const NAMES[] = {
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"};
    (void)state;
    for (size_t i = 0; has_zones() && i < countof(NAMES); i++) {
        struct arena *arena = arena_new();
        check_year(arena, NAMES[i], 2026, "*/15 * * * ? *", each_quarter);
        check_year(arena, NAMES[i], 2027, "30 2 * * ? *", half_past_two);
        check_year(arena, NAMES[i], 2028, "5 */3 ? * MON-FRI *", workdays);
        check_year(arena, NAMES[i], 2026, "0 0 ? * 3#2 *", second_tuesday);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_summer),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_years),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
