// What a function's process finds in its environment.
#include "func/func_worker_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct environment {
    struct arena *arena;
    vec_of(char *) items;
};

static void set(struct environment *env, str name, str value)
{
    *vec_push(env->arena, &env->items) =
        str_cstr(env->arena, str_cat(env->arena, name, S("="), value));
}

static void set_credentials(struct func_worker *worker, struct environment *env)
{
    struct iam_credentials credentials = {};
    struct iam_grant grant = {.kind = IAM_FUNCTION,
        .role = worker->function->role,
        .session = worker->function->name,
        .lifetime_s = CREDENTIALS_S};
    err *e = iam_issue(worker->pool->here->hub->iam, env->arena, &grant, &credentials);
    if (e != NULL) {
        log_warn("func.credentials", "%.*s: %.*s", PRI(worker->function->name), PRI(e->text));
        return;
    }
    set(env, S("AWS_ACCESS_KEY_ID"), credentials.access_key_id);
    set(env, S("AWS_SECRET_ACCESS_KEY"), credentials.secret);
    set(env, S("AWS_SESSION_TOKEN"), credentials.session_token);
}

// "2026/11/23/[$LATEST]" and 32 digits: each process writes to a stream of its own.
static str log_stream(struct arena *arena)
{
    u8 random[16];
    struct tm day = {};
    time_t now = (time_t)(time_now_ms() / 1000);
    random_bytes(random, sizeof(random));
    gmtime_r(&now, &day);
    str date = str_fmt(arena, "%04d/%02d/%02d/", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
    return str_cat(
        arena, date, S("[$LATEST]"), hex_encode(arena, (str){(char *)random, sizeof(random)}));
}

// What runs, for the runtime: by the names that the clients of the Runtime API know.
static void set_program(struct func_worker *worker, struct environment *env)
{
    const struct func_function *f = worker->function;
    str runtimes = str_from(worker->pool->here->hub->runtimes);
    str root = func_task_root(f);
    set(env, S("_HANDLER"), f->handler.len > 0 ? f->handler : S("index.handler"));
    set(env, S("LAMBDA_TASK_ROOT"), root);
    set(env, S("LAMBDA_RUNTIME_DIR"), f->kind == FUNC_CUSTOM ? root : runtimes);
    if (f->kind != FUNC_CUSTOM) { // as on AWS: a custom runtime has no such name
        set(env, S("AWS_EXECUTION_ENV"), str_cat(env->arena, S("AWS_Lambda_"), f->runtime));
    }
    if (f->kind == FUNC_NODE) {
        set(env, S("AMPD_PROGRAM"), worker->program);
    }
}

// How it finds its Runtime API.
static void set_runtime(struct func_worker *worker, struct environment *env)
{
    set(env, S("AWS_LAMBDA_RUNTIME_API"),
        str_fmt(env->arena, "127.0.0.1:%u", (unsigned)net_listener_port(worker->listener)));
    if (worker->function->kind != FUNC_CUSTOM) {
        set(env, S("AMPD_RUNTIME_TOKEN"), (str){worker->token, TOKEN_LEN});
    }
}

static void set_lambda(struct func_worker *worker, struct environment *env)
{
    const struct func_function *f = worker->function;
    struct arena *a = env->arena;
    set(env, S("AWS_REGION"), worker->service->region);
    set(env, S("AWS_DEFAULT_REGION"), worker->service->region);
    set(env, S("AWS_LAMBDA_FUNCTION_NAME"), f->name);
    set(env, S("AWS_LAMBDA_FUNCTION_VERSION"), S("$LATEST"));
    set(env, S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), str_fmt(a, "%u", f->memory_mb));
    set(env, S("AWS_LAMBDA_INITIALIZATION_TYPE"),
        f->warm > 0 ? S("provisioned-concurrency") : S("on-demand"));
    set(env, S("AWS_LAMBDA_LOG_GROUP_NAME"), str_cat(a, S("/aws/lambda/"), f->name));
    set(env, S("AWS_LAMBDA_LOG_STREAM_NAME"), log_stream(a));
    set(env, S("AWS_LAMBDA_LOG_FORMAT"), f->json_logs ? S("JSON") : S("Text"));
    if (f->log_level.len > 0) {
        set(env, S("AWS_LAMBDA_LOG_LEVEL"), f->log_level);
    }
    set_runtime(worker, env);
    set(env, S("AWS_ENDPOINT_URL"), worker->service->endpoint);
    set_program(worker, env);
}

// Nothing of this process's own but the path and the authorities it trusts.
char **environment_make(struct func_worker *worker, struct arena *arena)
{
    struct environment env = {.arena = arena};
    const struct func_function *f = worker->function;
    const char *path = getenv("PATH");
    const char *extra = getenv("NODE_EXTRA_CA_CERTS");
    set(&env, S("PATH"), str_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"));
    set(&env, S("LANG"), S("en_US.UTF-8"));
    set(&env, S("TZ"), S(":UTC"));
    set(&env, S("HOME"), S("/tmp"));
    if (worker->pool->is_spare) {
        set_runtime(worker, &env); // whose it will be is told later
    } else {
        set_lambda(worker, &env);
    }
    if (extra != NULL) {
        set(&env, S("NODE_EXTRA_CA_CERTS"), str_from(extra));
    }
    if (!worker->pool->is_spare) {
        set_credentials(worker, &env);
    }
    for (size_t i = 0; i < f->environment_count && !worker->pool->is_spare; i++) {
        set(&env, f->environment[i].name, f->environment[i].value);
    }
    *vec_push(arena, &env.items) = NULL;
    return env.items.items;
}
