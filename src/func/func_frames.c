// The platform's own lines about a call: START, END and REPORT as text, or platform.start and
// platform.report as JSON objects, which a function with JSON logs gets at the level INFO. Source:
// "Configuring JSON and plain text log formats", "Telemetry API Event schema reference", AWS
// Lambda.
#include "func/func_int.h"

static u64 billed(double ms)
{
    u64 whole = (u64)ms;
    return ms > (double)whole || whole == 0 ? whole + 1 : whole;
}

static str event(struct arena *a, const char *type, struct json *record)
{
    struct json *root = json_object(a);
    json_set(root, S("time"), json_string(a, time_iso8601(a, time_now_ms())));
    json_set(root, S("type"), json_string(a, str_from(type)));
    json_set(root, S("record"), record);
    return json_text(a, root);
}

str func_frame_start(struct arena *arena, const struct func_function *function, str request_id)
{
    if (!function->json_logs) {
        return str_cat(arena, S("START RequestId: "), request_id, S(" Version: $LATEST"));
    }
    struct json *record = json_object(arena);
    json_set(record, S("requestId"), json_string(arena, request_id));
    json_set(record, S("version"), json_string(arena, S("$LATEST")));
    return event(arena, "platform.start", record);
}

str func_frame_end(struct arena *arena, const struct func_function *function, str request_id)
{
    return function->json_logs ? (str){} : str_cat(arena, S("END RequestId: "), request_id);
}

static str report_text(
    struct arena *a, const struct func_function *function, const struct func_report *report)
{
    bool told = report->error_type.len > 0 || str_eq(report->status, S("timeout"));
    str text = str_fmt(a,
        "REPORT RequestId: %.*s\tDuration: %.2f ms\tBilled Duration: %llu ms\tMemory Size: %u "
        "MB\tMax Memory Used: %llu MB",
        PRI(report->request_id), report->ms, (unsigned long long)billed(report->ms),
        function->memory_mb, (unsigned long long)report->memory_mb);
    if (report->init_ms > 0) {
        text = str_cat(a, text, str_fmt(a, "\tInit Duration: %.2f ms", report->init_ms));
    }
    if (told) { // errors that the handler throws are not
        text = str_cat(a, text, S("\tStatus: "), report->status);
    }
    return report->error_type.len > 0 ? str_cat(a, text, S("\tError Type: "), report->error_type)
                                      : str_cat(a, text, S("\t"));
}

static str report_json(
    struct arena *a, const struct func_function *function, const struct func_report *report)
{
    struct json *record = json_object(a);
    struct json *metrics = json_object(a);
    json_set(metrics, S("durationMs"), json_number(a, str_fmt(a, "%.3f", report->ms)));
    json_set(metrics, S("billedDurationMs"), json_int(a, (i64)billed(report->ms)));
    json_set(metrics, S("memorySizeMB"), json_int(a, (i64)function->memory_mb));
    json_set(metrics, S("maxMemoryUsedMB"), json_int(a, (i64)report->memory_mb));
    if (report->init_ms > 0) {
        json_set(metrics, S("initDurationMs"), json_number(a, str_fmt(a, "%.3f", report->init_ms)));
    }
    json_set(record, S("requestId"), json_string(a, report->request_id));
    json_set(record, S("metrics"), metrics);
    json_set(record, S("status"), json_string(a, report->status));
    if (report->error_type.len > 0) {
        json_set(record, S("errorType"), json_string(a, report->error_type));
    }
    return event(a, "platform.report", record);
}

str func_frame_report(
    struct arena *arena, const struct func_function *function, const struct func_report *report)
{
    check(report->status.len > 0 && report->ms >= 0);
    return function->json_logs ? report_json(arena, function, report)
                               : report_text(arena, function, report);
}

str func_frame_init(struct arena *arena, const struct func_function *function, u64 ms)
{
    if (!function->json_logs) {
        return str_fmt(arena, "INIT_REPORT Init Duration: %llu.00 ms\tPhase: init\tStatus: timeout",
            (unsigned long long)ms);
    }
    struct json *record = json_object(arena);
    struct json *metrics = json_object(arena);
    json_set(metrics, S("durationMs"), json_int(arena, (i64)ms));
    json_set(record, S("initializationType"), json_string(arena, S("on-demand")));
    json_set(record, S("phase"), json_string(arena, S("init")));
    json_set(record, S("status"), json_string(arena, S("timeout")));
    json_set(record, S("metrics"), metrics);
    return event(arena, "platform.initReport", record);
}
