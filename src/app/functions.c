// Functions: from the manifest to the function service.
#include "app/app_int.h"
#include "event/event.h"
#include "lambda/lambda.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

// Beside js/define: in the source tree, or where it was installed.
const char *app_find_runtime(struct arena *arena, const char *name)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    const char *home = getenv("AMPD_HOME");
    const char *candidates[] = {
        home != NULL ? path_join(arena, path_join(arena, home, "js/runtime"), name) : "",
        path_join(arena, path_join(arena, self, "../js/runtime"), name),
        path_join(arena, path_join(arena, self, "../share/ampd/js/runtime"), name),
    };
    for (size_t i = 0; i < countof(candidates); i++) {
        if (access(candidates[i], R_OK) == 0) {
            char *whole = realpath(candidates[i], NULL); // functions run in folders of their own
            const char *copy = str_cstr(arena, str_from(whole != NULL ? whole : candidates[i]));
            free(whole);
            return copy;
        }
    }
    return path_join(arena, "js/runtime", name);
}

str app_isolation(struct arena *arena)
{
    return func_isolation_here(arena);
}

// A number; 0: none.
static u64 from_environment(const char *name)
{
    u64 value = 0;
    const char *text = getenv(name);
    return text != NULL && str_to_u64(str_from(text), &value) ? value : 0;
}

#define CLOCK "AMPD_SCHEDULE_CLOCK_AHEAD_MS"

// So that tests need not wait for a schedule's time.
static u64 shifted_now(void)
{
    return time_now_ms() + from_environment(CLOCK);
}

err *app_open_functions(struct app *app)
{
    check(app->iam != NULL && app->router != NULL);
    // with the data of the project's other sandboxes
    const char *private = path_join(app->arena, app->options->project, ".amplify");
    struct func_hub_options options = {.iam = app->iam,
        .runtimes = app_find_runtime(app->arena, "."),
        .hidden = {app->data_dir, private},
        .logs = path_join(app->arena, app->data_dir, "functions/logs"),
        .log = app_say_function,
        .log_arg = app};
    func_hub_open(app->functions, &options);
    lambda_mount(app->functions, app->router);
    const struct event_options events = {.store = app->store,
        .retry_ms = from_environment("AMPD_EVENT_RETRY_MS"),
        .now_ms = from_environment(CLOCK) > 0 ? shifted_now : NULL};
    return event_queue_open(app->functions, app->arena, &events, &app->queue);
}

// As Lambda has them: "A=B" would set another one, and nobody finds one without a name.
static bool is_variable_name(str name)
{
    bool good = name.len >= 2;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        good = good && (letter || (i > 0 && ((c >= '0' && c <= '9') || c == '_')));
    }
    return good;
}

static void read_environment(struct arena *arena, const struct project_tokens *tokens,
    const struct json *environment, struct func_options *out)
{
    size_t count = environment != NULL ? environment->count : 0;
    struct func_variable *list = arena_array(arena, struct func_variable, count + 1);
    json_each (variable, environment) {
        bool unknown = false;
        str value = project_resolve(arena, tokens, variable->text, &unknown);
        str secret = unknown ? project_missing_secret(tokens, variable->text) : (str){};
        if (!is_variable_name(variable->key)) {
            out->problem = str_fmt(arena,
                "The function %.*s has '%.*s' as a variable of its environment; a name begins with "
                "a letter, followed by letters, digits and _.",
                PRI(out->name), PRI(variable->key));
            continue;
        }
        if (secret.len > 0) { // it would begin, and fail in its own way
            out->program = (str){};
            out->problem = str_fmt(arena,
                "The secret '%.*s' of the function %.*s is not set. Set it with: ampd sandbox "
                "secret set %.*s",
                PRI(secret), PRI(out->name), PRI(secret));
        }
        list[out->environment_count++] =
            (struct func_variable){variable->key, unknown ? S("") : value};
    }
    out->environment = list;
}

// Words of the CDK's enumerations are constants: HttpMethod.ALL is "*".
static str word_of(const struct json *item)
{
    str word = item->text;
    str constant = json_get_str(item, S("$const"));
    ptrdiff_t dot = str_rfind_char(constant, '.');
    word = dot >= 0 ? str_sub(constant, (size_t)dot + 1, constant.len) : word;
    return str_eq(word, S("ALL")) ? S("*") : word;
}

static str words_of(struct arena *arena, const struct json *list)
{
    str words = {};
    json_each (item, list) {
        words = words.len > 0 ? str_cat(arena, words, S(","), word_of(item)) : word_of(item);
    }
    return words;
}

// NULL: the function has none.
static struct func_url *read_url(struct arena *arena, const struct json *given)
{
    const struct json *cors = json_get(given, S("cors"));
    const struct json *origins = json_get(cors, S("allowedOrigins"));
    if (given == NULL || json_get_str(given, S("authType")).len == 0) {
        return NULL;
    }
    struct func_url *url = arena_new_of(arena, struct func_url);
    str *list = arena_array(arena, str, origins != NULL ? origins->count + 1 : 1);
    *url = (struct func_url){.is_public = str_eq(json_get_str(given, S("authType")), S("NONE")),
        .is_stream = str_eq(json_get_str(given, S("invokeMode")), S("RESPONSE_STREAM")),
        .has_cors = cors != NULL && cors->count > 0,
        .methods = words_of(arena, json_get(cors, S("allowedMethods"))),
        .headers = words_of(arena, json_get(cors, S("allowedHeaders"))),
        .exposed = words_of(arena, json_get(cors, S("exposedHeaders"))),
        .credentials = json_get_bool(cors, S("allowCredentials"), false),
        .max_age_s = (u32)json_get_int(json_get(cors, S("maxAge")), S("$seconds"), 0)};
    json_each (origin, origins) {
        list[url->origin_count++] = origin->text;
    }
    url->origins = list;
    return url;
}

// Processes that are kept ready: as the definitions say, and at least as the environment does.
static u32 warm_of(const struct json *function)
{
    u64 everywhere = from_environment("AMPD_FUNCTION_WARM");
    i64 here = json_get_int(function, S("provisionedConcurrency"), 0);
    return here > 0 && (u64)here > everywhere ? (u32)here : (u32)everywhere;
}

// Why it cannot be run; or none.
static str problem_of(struct arena *arena, const struct func_options *f)
{
    static const str SERVED[] = {S_INIT("nodejs"), S_INIT("python"), S_INIT("provided")};
    bool served = false;
    for (size_t i = 0; i < countof(SERVED); i++) {
        served = served || str_starts(f->runtime, SERVED[i]);
    }
    if (!served) {
        return str_fmt(arena,
            "The function %.*s is for the runtime %.*s, which is not served: nodejs, python and "
            "provided are.",
            PRI(f->name), PRI(f->runtime));
    }
    return f->program.len > 0 || f->code.len > 0
               ? S("")
               : str_fmt(arena,
                     "The function %.*s has no code that can be found here: neither a handler in "
                     "TypeScript or JavaScript nor a folder given to Code.fromAsset.",
                     PRI(f->name));
}

// A number of the definitions within Lambda's bounds; else the function has a problem.
static u32 read_bounded(struct arena *arena, const struct json *entry, const char *name,
    const i64 bounds[3], struct func_options *f)
{
    i64 value = json_get_int(entry, str_from(name), bounds[0]);
    if (value < bounds[1] || value > bounds[2]) {
        f->problem =
            str_fmt(arena, "The function %.*s has %lld as its %s, which is from %lld to %lld.",
                PRI(f->name), (long long)value, name, (long long)bounds[1], (long long)bounds[2]);
        value = bounds[0];
    }
    return (u32)value;
}

static void read_bounds(struct arena *arena, const struct json *entry, struct func_options *f)
{
    static const i64 SECONDS[] = {3, 1, 900};
    static const i64 MEMORY[] = {128, 128, 10240};
    static const i64 STORAGE[] = {512, 512, 10240};
    f->timeout_ms = read_bounded(arena, entry, "timeoutSeconds", SECONDS, f) * 1000;
    f->memory_mb = read_bounded(arena, entry, "memoryMB", MEMORY, f);
    f->storage_mb = read_bounded(arena, entry, "ephemeralStorageSizeMB", STORAGE, f);
}

struct func_service *app_make_functions(
    struct app *app, struct arena *arena, const struct app_parts *parts)
{
    check(app->port > 0); // functions find the server by it
    struct project_tokens tokens = {.ids = &app->ids,
        .auth = parts->auth,
        .base_url = app->base_url,
        .authority = app->authority,
        .secrets = parts->secrets,
        .sender_key = vault_default_key(app->vault, arena)};
    const struct json *functions = json_get(parts->manifest->root, S("functions"));
    size_t count = functions != NULL ? functions->count : 0;
    struct func_options *list = arena_array(arena, struct func_options, count + 1);
    size_t made = 0;
    json_each (entry, functions) {
        const struct json *logging = json_get(entry, S("logging"));
        struct func_options *f = &list[made++];
        *f = (struct func_options){.key = entry->key,
            .name = project_function_name(arena, entry->key),
            .role = project_function_role(arena, entry->key),
            .runtime = json_get_str(entry, S("lambdaRuntime")),
            .handler = json_get_str(entry, S("handler")),
            .program = json_get_str(entry, S("out")),
            .code = json_get_str(entry, S("code")),
            .hash = json_get_str(entry, S("hash")),
            .problem = json_get_str(entry, S("problem")),
            .warm = warm_of(entry),
            .url = read_url(arena, json_get(entry, S("url"))),
            .json_logs = str_eq(json_get_str(logging, S("format")), S("json")),
            .log_level = json_get_str(logging, S("level")),
            .log_days = func_log_days(json_get_str(logging, S("retention")))};
        f->arn = project_arn(arena, &app->ids, "lambda", str_cat(arena, S("function:"), f->name));
        read_bounds(arena, entry, f);
        f->problem = f->problem.len > 0 ? f->problem : problem_of(arena, f);
        app_read_sources(app, arena, entry, f);
        app_read_async(arena, entry, f);
        read_environment(arena, &tokens, json_get(entry, S("environment")), f);
    }
    struct func_service_options options = {.functions = list,
        .count = made,
        .region = app->ids.region,
        .account = app->ids.account,
        .endpoint = str_fmt(arena, "http://127.0.0.1:%u", (unsigned)app->port)};
    app_read_schedules(arena, functions, &options);
    return count > 0 ? func_service_new(&options) : NULL;
}

struct stopping { // of one loop's processes
    struct app *app;
    struct wake wake;
};

static void stop_here(void *arg) YIELDS
{
    struct stopping *stopping = arg;
    func_hub_stop(stopping->app->functions);
    script_hub_stop(stopping->app->scripts);
    wake_send(&stopping->wake);
}

static void start_stopping(void *arg)
{
    fiber_start("end of functions", stop_here, arg);
}

void app_stop_functions(struct app *app)
{
    for (size_t i = 0; i < app->loop_count; i++) {
        struct stopping stopping = {.app = app};
        wake_init(&stopping.wake);
        loop_post(app->loops[i].loop, start_stopping, &stopping);
        wake_wait(&stopping.wake);
    }
    func_hub_flush(app->functions);
}
