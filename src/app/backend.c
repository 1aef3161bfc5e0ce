// From a manifest to a served backend: build the service, bring the tables into its form, put it in
// force on every loop, tell the clients' configuration.
#include "app/app_int.h"
#include "event/event.h"

struct next_backend { // what a manifest becomes, before anything of it is in force
    struct app *app;
    struct arena *arena;
    const char *path;
    struct project_manifest manifest;
    struct data_service *service; // NULL: the project has no data API
    struct auth_service *auth;    // NULL: it has no auth
    struct project_roles roles;
    struct project_secrets secrets;
    str outputs;       // text of amplify_outputs.json
    str introspection; // of the data API, for functions
    bool outputs_changed;
    err *result;
};

static struct project_tokens tokens_of(const struct next_backend *next)
{
    return (struct project_tokens){.ids = &next->app->ids,
        .base_url = next->app->base_url,
        .authority = next->app->authority,
        .secrets = &next->secrets,
        .sender_key = vault_default_key(next->app->vault, next->arena)};
}

static err *build_service(struct next_backend *next)
{
    struct app *app = next->app;
    struct project_manifest *manifest = &next->manifest;
    struct project_tokens tokens = tokens_of(next);
    bool unknown = false; // an issuer of that name lets nobody in
    manifest->oidc.issuer = project_resolve(next->arena, &tokens, manifest->oidc.issuer, &unknown);
    manifest->oidc.client_id =
        project_resolve(next->arena, &tokens, manifest->oidc.client_id, &unknown);
    struct data_service_options options = {.sdl = manifest->sdl,
        .modes = manifest->modes,
        .store = app->store,
        .api_key = app->ids.api_key,
        .api_arn = str_fmt(next->arena, "arn:aws:appsync:%.*s:%.*s:apis/%.*s", PRI(app->ids.region),
            PRI(app->ids.account), PRI(app->ids.api_id)),
        .oidc = manifest->has_oidc ? &manifest->oidc : NULL,
        .handlers = manifest->handlers,
        .handler_count = manifest->handler_count,
        .authoriser = manifest->authoriser,
        .authoriser_ttl_s = manifest->authoriser_ttl_s,
        .depth_max = manifest->depth_max,
        .resolvers_max = manifest->resolvers_max,
        .no_introspection = manifest->no_introspection};
    struct app_parts parts = {manifest, NULL, next->auth, &next->secrets};
    app_read_resolvers(app, next->arena, &parts, &options);
    return data_service_new(next->arena, &options, &next->service);
}

static err *build_auth(struct next_backend *next)
{
    const struct project_ids *ids = &next->app->ids;
    const struct json *definition = json_get(next->manifest.root, S("auth"));
    bool unknown = false; // what a role is called, say, is looked up where it is needed
    struct project_tokens tokens = tokens_of(next);
    struct auth_service_options options = {
        .definition = json_is_null(definition)
                          ? NULL
                          : project_resolve_all(next->arena, &tokens, definition, &unknown),
        .region = ids->region,
        .account = ids->account,
        .user_pool_id = ids->user_pool_id,
        .client_id = ids->user_pool_client_id,
        .identity_pool_id = ids->identity_pool_id,
        .base_url = next->app->base_url};
    return json_is_null(options.definition) ? NULL
                                            : auth_service_new(next->arena, &options, &next->auth);
}

static err *build(struct next_backend *next)
{
    struct app *app = next->app;
    struct project_outputs_options options = {.manifest = &next->manifest,
        .ids = &app->ids,
        .base_url = app->base_url,
        .authority = app->authority};
    TRY(build_auth(next));
    if (next->manifest.has_data) {
        TRY(build_service(next));
        options.model_introspection =
            data_model_introspection(next->arena, data_service_api(next->service));
        next->introspection = json_text(next->arena, options.model_introspection);
    }
    options.auth = next->auth;
    next->outputs = project_outputs_text(next->arena, &options);
    struct app_parts parts = {&next->manifest, next->service, next->auth, &next->secrets};
    return app_make_roles(app, next->arena, &parts, &next->roles);
}

static void read_work(void *arg)
{
    struct next_backend *next = arg;
    next->result = project_manifest_read(next->arena, next->path, &next->manifest);
}

static void build_work(void *arg)
{
    struct next_backend *next = arg;
    next->result = build(next);
}

static void outputs_work(void *arg)
{
    struct next_backend *next = arg;
    next->result = project_outputs_write(
        next->arena, next->app->outputs_path, next->outputs, &next->outputs_changed);
}

// The stamp only saves time at the next start: without it the definitions are evaluated first.
static void stamp_work(void *arg)
{
    struct next_backend *next = arg;
    err *e = project_stamp_write(next->arena, next->path, next->app->loader_path, &next->manifest);
    if (e != NULL) {
        log_warn("app.stamp", "%.*s", PRI(e->text));
    }
}

static err *change_tables(struct next_backend *next) YIELDS;

static err *change_tables(struct next_backend *next)
{
    err *e = data_service_apply(next->service, next->arena, next->app->options->allow_data_loss);
    bool loses_data = e != NULL && e->code == ERR_CONFLICT;
    return loses_data ? err_hint(e, S("Change the identifier back, move the items to a new model, "
                                      "or start with --allow-data-loss, which empties the table."))
                      : e;
}

// What fails here is done after the next change: the definition is in force either way.
static void drop_groups(struct next_backend *next) YIELDS;

static void drop_groups(struct next_backend *next)
{
    err *e = NULL;
    if (next->auth != NULL) {
        e = auth_hub_drop_groups(next->app->auth, next->auth, next->arena);
    }
    if (e != NULL) {
        log_warn("app.groups", "%.*s", PRI(e->text));
    }
}

// Without it functions are not called by tables and schedules: better than no backend.
static void prepare_events(
    struct app *app, struct arena *arena, struct func_service *functions) YIELDS;

static void prepare_events(struct app *app, struct arena *arena, struct func_service *functions)
{
    err *e = event_prepare(app->queue, arena, functions);
    if (e != NULL) {
        log_error("app.functions", "event sources and schedules: %.*s", PRI(e->text));
    }
}

static void nothing(struct app_loop *here)
{
    (void)here;
}

static void become_ready(struct app *app)
{
    pthread_mutex_lock(&app->status_lock);
    if (app->ready_ms == 0) {
        u64 ms = (time_mono_us() - app->options->started_us) / 1000;
        app->ready_ms = ms > 0 ? ms : 1;
    }
    pthread_mutex_unlock(&app->status_lock);
}

static err *run_and_take_result(void (*fn)(void *arg), struct next_backend *next) YIELDS;

static err *run_and_take_result(void (*fn)(void *arg), struct next_backend *next)
{
    err *stopped = worker_run(fn, next);
    return next->result != NULL ? next->result : stopped;
}

// Tables are changed last of all that may fail, since the former service could not go on with
// the indexes of the next one: what comes after them puts the next one in force in any case.
err *app_apply_manifest(struct app *app, struct arena *arena, const char *path)
{
    struct next_backend next = {.app = app, .arena = arena, .path = path};
    check(app->base_url.len > 0 && app->store != NULL); // the outputs name the address
    err *e = run_and_take_result(read_work, &next);
    if (e == NULL) {
        e = app_read_secrets(app, arena, next.manifest.root, &next.secrets);
    }
    if (e == NULL) {
        e = run_and_take_result(build_work, &next);
    }
    if (e == NULL && next.auth != NULL) {
        e = auth_service_apply(next.auth, app->store, arena);
    }
    if (e == NULL && next.service != NULL) {
        e = change_tables(&next);
    }
    if (e == NULL) {
        e = app_set_roles(app, arena, &next.roles);
    }
    if (e != NULL) {
        data_service_release(next.service);
        auth_service_release(next.auth);
        return e;
    }
    drop_groups(&next);
    struct app_parts parts = {&next.manifest, next.service, next.auth, &next.secrets};
    struct func_service *functions = app_make_functions(app, arena, &parts);
    prepare_events(app, arena, functions);
    data_hub_set_service(app->hub, next.service);
    app_set_introspection(app, next.introspection);
    auth_hub_set_service(app->auth, next.auth);
    func_hub_set_service(app->functions, functions);
    object_hub_set_service(app->objects, app_make_buckets(app, arena, &next.manifest));
    app_on_each_loop(app, nothing); // posts arrive in order: the service is in force after this
    TRY(run_and_take_result(outputs_work, &next));
    if (next.outputs_changed) {
        app_say("File written: %s", app->outputs_path);
    }
    become_ready(app);
    app_say_missing_secrets(app, arena, next.manifest.root, &next.secrets);
    app_announce(app, &next.manifest);
    return app->loader_path != NULL ? worker_run(stamp_work, &next) : NULL;
}
