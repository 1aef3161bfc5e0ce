// What a function's process finds in its environment.
#include "func/func_worker.h"

#include <stdlib.h>

struct environment {
    struct arena *arena;
    char *items[ENV_MAX];
    size_t count;
};

static void set(struct environment *env, str name, str value)
{
    if (env->count < ENV_MAX - 1) {
        env->items[env->count++] = str_cstr(env->arena, str_cat(env->arena, name, S("="), value));
    }
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

// What Lambda sets, then what the definitions set; nothing of this process's own but the path.
static void fill(struct func_worker *worker, struct environment *env)
{
    const struct func_function *f = worker->function;
    struct arena *a = env->arena;
    const char *path = getenv("PATH");
    const char *extra = getenv("NODE_EXTRA_CA_CERTS");
    set(env, S("PATH"), str_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin"));
    set(env, S("LANG"), S("en_US.UTF-8"));
    set(env, S("TZ"), S(":UTC"));
    set(env, S("HOME"), S("/tmp"));
    set(env, S("_HANDLER"), S("index.handler"));
    set(env, S("AMPD_PROGRAM"), f->program);
    set(env, S("AMPD_RUNTIME_TOKEN"), (str){worker->token, TOKEN_LEN});
    set(env, S("AWS_REGION"), worker->service->region);
    set(env, S("AWS_DEFAULT_REGION"), worker->service->region);
    set(env, S("AWS_EXECUTION_ENV"), S("AWS_Lambda_nodejs20.x"));
    set(env, S("AWS_LAMBDA_FUNCTION_NAME"), f->name);
    set(env, S("AWS_LAMBDA_FUNCTION_VERSION"), S("$LATEST"));
    set(env, S("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), str_fmt(a, "%u", f->memory_mb));
    set(env, S("AWS_LAMBDA_INITIALIZATION_TYPE"), S("on-demand"));
    set(env, S("AWS_LAMBDA_LOG_GROUP_NAME"), str_cat(a, S("/aws/lambda/"), f->name));
    set(env, S("AWS_LAMBDA_LOG_STREAM_NAME"), str_cat(a, S("[$LATEST]"), str_from("ampd")));
    set(env, S("AWS_LAMBDA_LOG_FORMAT"), f->json_logs ? S("JSON") : S("Text"));
    if (f->log_level.len > 0) {
        set(env, S("AWS_LAMBDA_LOG_LEVEL"), f->log_level);
    }
    set(env, S("AWS_LAMBDA_RUNTIME_API"),
        str_fmt(a, "127.0.0.1:%u", (unsigned)net_listener_port(worker->listener)));
    set(env, S("AWS_ENDPOINT_URL"), worker->service->endpoint);
    if (extra != NULL) {
        set(env, S("NODE_EXTRA_CA_CERTS"), str_from(extra));
    }
    set_credentials(worker, env);
    for (size_t i = 0; i < f->environment_count; i++) {
        set(env, f->environment[i].name, f->environment[i].value);
    }
}

char **environment_make(struct func_worker *worker, struct arena *arena)
{
    struct environment *env = arena_new_of(arena, struct environment);
    env->arena = arena;
    fill(worker, env);
    return env->items;
}
