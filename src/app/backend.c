// From a manifest to a served backend: build the service, bring the tables into its form, put it in
// force on every loop, tell the clients' configuration.
#include "app/app_int.h"

static err *write_outputs(struct app *app, struct arena *arena,
    const struct project_manifest *manifest, const struct data_service *service)
{
    struct project_outputs_options options = {.manifest = manifest,
        .ids = &app->ids,
        .base_url = app->base_url,
        .authority = app->authority};
    bool changed = false;
    if (service != NULL) {
        options.model_introspection = data_model_introspection(arena, data_service_api(service));
    }
    str text = project_outputs_text(arena, &options);
    TRY(project_outputs_write(arena, app->outputs_path, text, &changed));
    if (changed) {
        app_say("File written: %s", app->outputs_path);
    }
    return NULL;
}

static err *serve_data(struct app *app, struct arena *arena,
    const struct project_manifest *manifest, struct data_service **out) YIELDS;

static err *serve_data(struct app *app, struct arena *arena,
    const struct project_manifest *manifest, struct data_service **out)
{
    struct data_service_options options = {.sdl = manifest->sdl,
        .modes = manifest->modes,
        .store = app->store,
        .api_key = app->ids.api_key,
        .handled = manifest->handled,
        .handled_count = manifest->handled_count,
        .depth_max = manifest->depth_max,
        .resolvers_max = manifest->resolvers_max,
        .no_introspection = manifest->no_introspection};
    struct data_service *service = NULL;
    TRY(data_service_new(arena, &options, &service));
    err *e = data_service_apply(service, arena, app->options->allow_data_loss);
    if (e != NULL) {
        data_service_release(service);
        bool loses_data = e->code == ERR_CONFLICT;
        return loses_data ? err_hint(e, S("Change the identifier back, move the items to a new "
                                          "model, or start with --allow-data-loss, which empties "
                                          "the table."))
                          : e;
    }
    *out = service;
    return NULL;
}

static void nothing(struct app_loop *here)
{
    (void)here;
}

err *app_apply_manifest(struct app *app, struct arena *arena, const char *path)
{
    struct project_manifest manifest;
    struct data_service *service = NULL;
    TRY(project_manifest_read(arena, path, &manifest));
    if (manifest.has_data) {
        TRY(serve_data(app, arena, &manifest, &service));
    }
    err *e = write_outputs(app, arena, &manifest, service);
    if (e != NULL) {
        data_service_release(service);
        return e;
    }
    if (service != NULL) {
        data_hub_set_service(app->hub, service);
        app_on_each_loop(app, nothing); // posts arrive in order: the service is in force after this
    }
    pthread_mutex_lock(&app->status_lock);
    if (app->ready_ms == 0) {
        u64 ms = (time_mono_us() - app->options->started_us) / 1000;
        app->ready_ms = ms > 0 ? ms : 1;
    }
    pthread_mutex_unlock(&app->status_lock);
    app_announce(app, &manifest);
    return app->loader_path != NULL ? project_stamp_write(arena, path, app->loader_path, &manifest)
                                    : NULL;
}
