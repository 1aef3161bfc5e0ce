// What calls functions by itself, from the manifest: changes of tables, and what becomes of events.
#include "app/app_int.h"

// "aws-cdk-lib/aws-lambda.StartingPosition.TRIM_HORIZON", as a constant or as its text.
static bool from_start(const struct json *value)
{
    str text = value != NULL && value->kind == JSON_STRING ? value->text
                                                           : json_get_str(value, S("$const"));
    return str_ends(text, S("TRIM_HORIZON"));
}

static i64 seconds_of(const struct json *options, str name, i64 otherwise)
{
    return json_get_int(json_get(options, name), S("$seconds"), otherwise);
}

// The model whose table a source is, in any of the forms that definitions have for it; or none.
static str model_of(const struct json *source)
{
    static const str BEFORE[] = {S_INIT("data.resources.tables."), S_INIT("${amplify:data.table.")};
    str text = source != NULL && source->kind == JSON_STRING ? source->text
                                                             : json_get_str(source, S("$ref"));
    for (size_t i = 0; i < countof(BEFORE); i++) {
        if (str_starts(text, BEFORE[i])) {
            str rest = str_sub(text, BEFORE[i].len, text.len);
            str model = {};
            (void)str_next(&rest, '.', &model);
            return model;
        }
    }
    return (str){};
}

static struct func_source read_source(
    struct app *app, struct arena *arena, str key, const struct json *entry)
{
    const struct json *options = json_get(entry, S("options"));
    str model = model_of(json_get(entry, S("source")));
    i64 batch = json_get_int(options, S("batchSize"), 100);
    i64 window = seconds_of(options, S("maxBatchingWindow"), 0);
    i64 age = seconds_of(options, S("maxRecordAge"), 0);
    str stream = str_cat(arena, S("table/"), project_table_name(arena, &app->ids, model),
        S("/stream/"), project_stream_label());
    return (struct func_source){.id = str_cat(arena, key, S("|"), model),
        .table = model,
        .arn = project_arn(arena, &app->ids, "dynamodb", stream),
        .from_start = from_start(json_get(options, S("startingPosition"))),
        .batch_size = batch >= 1 && batch <= 10000 ? (u32)batch : 100,
        .window_ms = window > 0 && window <= 300 ? (u32)window * 1000 : 0,
        .retries = json_get_int(options, S("retryAttempts"), -1),
        .max_age_s = age >= 60 ? (u32)age : 0,
        .bisect = json_get_bool(options, S("bisectBatchOnError"), false),
        .reports_failures = json_get_bool(options, S("reportBatchItemFailures"), false),
        .filters = json_get(entry, S("filters"))};
}

static bool is_off(const struct json *entry)
{
    return !json_get_bool(json_get(entry, S("options")), S("enabled"), true);
}

void app_read_sources(
    struct app *app, struct arena *arena, const struct json *entry, struct func_options *out)
{
    const struct json *list = json_get(entry, S("eventSources"));
    struct func_source *sources =
        arena_array(arena, struct func_source, list != NULL ? list->count : 0);
    out->sources = sources;
    json_each (given, list) {
        if (model_of(json_get(given, S("source"))).len == 0) {
            log_warn("app.functions",
                "%.*s: an event source of the kind %.*s is not served: only tables of models are",
                PRI(out->key), PRI(json_get_str(given, S("type"))));
        } else if (!is_off(given)) {
            struct func_source *source = &sources[out->source_count++];
            *source = read_source(app, arena, out->key, given);
            for (struct func_source *other = sources; other < source; other++) {
                if (str_eq(other->id, source->id)) { // a second mapping of one table
                    source->id =
                        str_fmt(arena, "%.*s|%zu", PRI(source->id), (size_t)(source - sources));
                    break;
                }
            }
        }
    }
}

void app_read_async(struct arena *arena, const struct json *entry, struct func_options *out)
{
    const struct json *given = json_get(entry, S("asyncInvoke"));
    if (json_is_null(given)) {
        return;
    }
    struct func_async *async = arena_new_of(arena, struct func_async);
    i64 retries = json_get_int(given, S("retryAttempts"), 2);
    i64 age = json_get_int(given, S("maxEventAgeSeconds"), 0);
    *async = (struct func_async){.retries = retries >= 0 && retries <= 2 ? retries : 2,
        .max_age_s = age >= 60 && age <= 6 * 60 * 60 ? (u32)age : 6 * 60 * 60,
        .on_success = json_get_str(given, S("onSuccess")),
        .on_failure = json_get_str(given, S("onFailure"))};
    out->async = async;
}

void app_read_schedules(
    struct arena *arena, const struct json *functions, struct func_service_options *out)
{
    vec_of(struct func_schedule_options) list = {};
    json_each (entry, functions) {
        json_each (given, json_get(entry, S("schedule"))) {
            str zone = json_get_str(given, S("timezone"));
            *vec_push(arena, &list) = (struct func_schedule_options){.function = entry->key,
                .cron = json_get_str(given, S("cron")),
                .timezone = zone.len > 0 ? zone : S("UTC")};
        }
    }
    out->schedules = list.items;
    out->schedule_count = list.count;
}
