// What the definitions say of functions: copied once, then immutable and shared by all loops.
#include "func/func_service.h"

#include <sys/stat.h>

enum { FUNC_SERVICE_MAGIC = 0x66737263 };

static void copy_environment(
    struct arena *arena, const struct func_options *from, struct func_function *to)
{
    to->environment = arena_array(arena, struct func_variable, from->environment_count + 1);
    for (size_t i = 0; i < from->environment_count; i++) {
        to->environment[i] = (struct func_variable){
            str_dup(arena, from->environment[i].name), str_dup(arena, from->environment[i].value)};
    }
    to->environment_count = from->environment_count;
}

static void copy_sources(
    struct arena *arena, const struct func_options *from, struct func_function *to)
{
    to->sources = arena_array(arena, struct func_source, from->source_count);
    for (size_t i = 0; i < from->source_count; i++) {
        struct func_source *source = &to->sources[i];
        *source = from->sources[i];
        source->id = str_dup(arena, source->id);
        source->table = str_dup(arena, source->table);
        source->arn = str_dup(arena, source->arn);
        source->filters = source->filters != NULL ? json_copy(arena, source->filters) : NULL;
    }
    to->source_count = from->source_count;
}

static struct func_async copy_async(struct arena *arena, const struct func_async *from)
{
    enum { RETRIES = 2, AGE_S = 6 * 60 * 60 };

    if (from == NULL) {
        return (struct func_async){.retries = RETRIES, .max_age_s = AGE_S};
    }
    return (struct func_async){.retries = from->retries,
        .max_age_s = from->max_age_s,
        .on_success = str_dup(arena, from->on_success),
        .on_failure = str_dup(arena, from->on_failure)};
}

static struct func_url *copy_url(struct arena *arena, const struct func_url *from)
{
    if (from == NULL) {
        return NULL;
    }
    struct func_url *to = arena_new_of(arena, struct func_url);
    str *origins = arena_array(arena, str, from->origin_count + 1);
    *to = *from;
    for (size_t i = 0; i < from->origin_count; i++) {
        origins[i] = str_dup(arena, from->origins[i]);
    }
    to->origins = origins;
    to->methods = str_dup(arena, from->methods);
    to->headers = str_dup(arena, from->headers);
    to->exposed = str_dup(arena, from->exposed);
    return to;
}

// The program by its content's time and size: a bundle is written anew only when it has changed.
static str mark_of(struct arena *arena, const struct func_function *function)
{
    struct stat info = {};
    struct buf text = buf_in(arena, 1024 * 1024);
    if (function->program.len > 0) {
        (void)stat(str_cstr(arena, function->program), &info);
    }
    buf_fmt(&text, "%.*s %lld.%ld %lld %u %u %d %.*s %.*s", PRI(function->program),
        (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, (long long)info.st_size,
        function->timeout_ms, function->memory_mb, function->json_logs, PRI(function->log_level),
        PRI(function->role));
    buf_fmt(&text, " %.*s %.*s %.*s %.*s %u", PRI(function->runtime), PRI(function->handler),
        PRI(function->code), PRI(function->hash), function->storage_mb);
    for (size_t i = 0; i < function->environment_count; i++) {
        buf_fmt(&text, "\n%.*s=%.*s", PRI(function->environment[i].name),
            PRI(function->environment[i].value));
    }
    return buf_str(&text);
}

static enum func_kind kind_of(str runtime)
{
    return str_starts(runtime, S("python"))     ? FUNC_PYTHON
           : str_starts(runtime, S("provided")) ? FUNC_CUSTOM
                                                : FUNC_NODE;
}

static void copy_schedules(struct func_service *service, const struct func_service_options *options)
{
    struct arena *arena = service->arena;
    service->schedules = arena_array(arena, struct func_schedule, options->schedule_count);
    service->schedule_count = options->schedule_count;
    for (size_t i = 0; i < options->schedule_count; i++) {
        const struct func_schedule_options *from = &options->schedules[i];
        size_t same = 0; // of this function, before
        for (size_t k = 0; k < i; k++) {
            same += str_eq(options->schedules[k].function, from->function);
        }
        service->schedules[i] = (struct func_schedule){.function = str_dup(arena, from->function),
            .text = str_dup(arena, from->cron),
            .timezone = str_dup(arena, from->timezone),
            .id = str_fmt(arena, "%.*s|%zu|%.*s|%.*s", PRI(from->function), same, PRI(from->cron),
                PRI(from->timezone)),
            .arn = str_fmt(arena, "arn:aws:scheduler:%.*s:%.*s:schedule/default/%.*s-schedule-%zu",
                PRI(options->region), PRI(options->account), PRI(from->function), same)};
    }
}

struct func_service *func_service_new(const struct func_service_options *options)
{
    struct arena *arena = arena_new();
    struct func_service *service = arena_new_of(arena, struct func_service);
    *service = (struct func_service){.magic = FUNC_SERVICE_MAGIC,
        .arena = arena,
        .count = options->count,
        .region = str_dup(arena, options->region),
        .account = str_dup(arena, options->account),
        .endpoint = str_dup(arena, options->endpoint)};
    atomic_init(&service->references, 1);
    service->functions = arena_array(arena, struct func_function, options->count + 1);
    for (size_t i = 0; i < options->count; i++) {
        const struct func_options *from = &options->functions[i];
        struct func_function *to = &service->functions[i];
        *to = (struct func_function){.key = str_dup(arena, from->key),
            .name = str_dup(arena, from->name),
            .arn = str_dup(arena, from->arn),
            .role = str_dup(arena, from->role),
            .kind = kind_of(from->runtime),
            .runtime = str_dup(arena, from->runtime),
            .handler = str_dup(arena, from->handler),
            .program = str_dup(arena, from->program),
            .code = str_dup(arena, from->code),
            .hash = str_dup(arena, from->hash),
            .storage_mb = from->storage_mb,
            .warm = from->warm,
            .url = copy_url(arena, from->url),
            .problem = str_dup(arena, from->problem),
            .timeout_ms = from->timeout_ms,
            .memory_mb = from->memory_mb,
            .async = copy_async(arena, from->async),
            .json_logs = from->json_logs,
            .log_level = str_dup(arena, from->log_level),
            .log_days = from->log_days};
        copy_environment(arena, from, to);
        copy_sources(arena, from, to);
        to->mark = mark_of(arena, to);
    }
    copy_schedules(service, options);
    return service;
}

struct func_service *func_service_hold(struct func_service *service)
{
    if (service != NULL) {
        check_magic(service, FUNC_SERVICE_MAGIC);
        check(atomic_fetch_add(&service->references, 1) > 0);
    }
    return service;
}

void func_service_release(struct func_service *service)
{
    if (service == NULL) {
        return;
    }
    check_magic(service, FUNC_SERVICE_MAGIC);
    int before = atomic_fetch_sub(&service->references, 1);
    check(before > 0);
    if (before == 1) {
        service->magic = 0;
        arena_free(service->arena);
    }
}

// By key, by name, or by ARN, whole or from "function:" on; a version behind it is not looked at.
const struct func_function *func_find(const struct func_service *service, str name)
{
    ptrdiff_t at = str_find(name, S("function:"));
    if (at >= 0) {
        name = str_sub(name, (size_t)at + S("function:").len, name.len);
    }
    str first = {};
    str rest = name;
    (void)str_next(&rest, ':', &first);
    for (size_t i = 0; service != NULL && i < service->count; i++) {
        const struct func_function *function = &service->functions[i];
        if (str_eq(function->key, name) || str_eq(function->name, first)) {
            return function;
        }
    }
    return NULL;
}
