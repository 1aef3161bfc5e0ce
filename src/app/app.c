// An app's life: open what it needs, listen, follow the definitions, end in order.
#include "app/app_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, LOADER_RESTARTS = 5 };

// ---- files ---------------------------------------------------------------------------------

// Paths are printed for use in other folders.
static const char *absolute(struct app *app, const char *path)
{
    char full[PATH_MAX];
    return realpath(path, full) != NULL ? str_cstr(app->arena, str_from(full)) : path;
}

static err *lock_data(struct app *app)
{
    const char *path = path_join(app->arena, app->data_dir, "lock");
    char pid[32];
    app->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (app->lock_fd < 0) {
        return fail(app->arena, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(app->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) { // a file system without locks
            return fail(app->arena, ERR_IO, "cannot lock %s: %s", path, strerror(errno));
        }
        ssize_t len = read(app->lock_fd, pid, sizeof(pid) - 1);
        pid[len > 0 ? len : 0] = '\0';
        err *e = fail(app->arena, ERR_CONFLICT, "another ampd (process %.*s) already serves %s",
            (int)strcspn(pid, "\n"), pid, app->data_dir);
        e->wire = S("MultipleSandboxInstancesError");
        return err_hint(e, S("End it first, or name another sandbox with --identifier."));
    }
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(app->lock_fd, 0) != 0 || write(app->lock_fd, pid, (size_t)len) != len) {
        return fail(app->arena, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return NULL;
}

static err *choose_paths(struct app *app)
{
    const struct app_options *options = app->options;
    const char *outputs_dir =
        options->outputs_dir != NULL ? options->outputs_dir : options->project;
    app->data_dir = app_data_dir(
        app->arena, &(struct app_place){options->project, options->data_dir, options->identifier});
    TRY(dir_make(app->arena, app->data_dir, 0700));
    TRY(dir_make(app->arena, outputs_dir, 0755));
    app->data_dir = absolute(app, app->data_dir);
    app->outputs_path = path_join(app->arena, absolute(app, outputs_dir), "amplify_outputs.json");
    app->manifest_path = options->manifest != NULL
                             ? options->manifest
                             : path_join(app->arena, app->data_dir, "manifest.json");
    return NULL;
}

static err *open_files(struct app *app) YIELDS;

static err *open_files(struct app *app)
{
    if (app->options->manifest == NULL) {
        TRY(app_check_project(app->arena, app->options->project));
    }
    TRY(choose_paths(app));
    TRY(app_open_logs(app));
    TRY(lock_data(app));
    TRY(project_ids_load(app->arena, app->data_dir, &app->ids));
    TRY(app_open_store(app->arena, app->data_dir, (unsigned)app->loop_count, &app->store));
    TRY(app_open_iam(app->arena, app->data_dir, app->store, &app->iam));
    return app_serve_vault(app);
}

static err *open_outbox(struct app *app, const struct crypto_key *key) YIELDS;

static err *open_outbox(struct app *app, const struct crypto_key *key)
{
    bool leaves = false;
    struct outbox_delivery_options delivery = {};
    struct outbox_options options = {.store = app->store, .tell = app_say_message};
    TRY(app_read_delivery(app->arena, &delivery, &leaves));
    if (leaves) {
        options.delivery = &delivery;
        app->delivery = app_delivery_text(app->arena, &delivery);
    }
    options.key = *key;
    err *e = outbox_open(app->arena, &options, &app->outbox);
    crypto_wipe(&options.key, sizeof(options.key));
    return e;
}

static void recheck_subscribers(void *hub)
{
    data_hub_recheck(hub);
}

static err *open_hub(struct app *app) YIELDS;

static err *open_hub(struct app *app)
{
    struct auth_hub_options options = {.store = app->store,
        .iam = app->iam,
        .functions = app->functions,
        .vault = app->vault,
        .changed = recheck_subscribers,
        .changed_arg = app->hub};
    TRY(app_instance_key(app->arena, app->data_dir, &options.key));
    err *e = open_outbox(app, &options.key);
    options.outbox = app->outbox;
    if (e == NULL) {
        e = auth_hub_open(app->auth, app->arena, &options);
    }
    crypto_wipe(&options.key, sizeof(options.key));
    return e;
}

// The pool's id is known only now: its routes come last.
static err *open_auth(struct app *app) YIELDS;

static err *open_auth(struct app *app)
{
    TRY(open_hub(app));
    outbox_mount(app->outbox, app->router);
    auth_hub_mount(app->auth, app->arena, app->router, app->ids.user_pool_id);
    TRY(app_open_functions(app));
    TRY(app_open_objects(app));
    app_open_scripts(app);
    app_mount_rest(app);
    iam_watch(app->iam, recheck_subscribers, app->hub);
    data_hub_connect(
        app->hub, &(struct data_neighbours){app->auth, app->iam, app->functions, app->scripts});
    return NULL;
}

// ---- the certificate -----------------------------------------------------------------------

static err *ensure_certificate(struct app *app, struct arena *arena, struct ca_files *files)
{
    str host = str_from(app->options->host);
    struct ca_options options = {.names = &host, .name_count = host.len > 0 ? 1 : 0};
    TRY(crypto_ca_ensure(arena, app->data_dir, &options, files));
    for (size_t i = 0; i < files->left_count; i++) {
        log_warn("app.certificate",
            "the certificate does not name %.*s: clients that connect by "
            "that name will refuse it",
            PRI(files->left[i]));
    }
    return NULL;
}

static err *load_certificate(struct app *app)
{
    struct ca_files files = {};
    TRY(ensure_certificate(app, app->arena, &files));
    app->ca_pem = files.ca_pem;
    return net_tls_load(app->arena, files.server_pem, files.server_pem, &app->tls);
}

static void use_certificate(struct app_loop *here)
{
    for (size_t i = 0; i < here->listener_count; i++) {
        net_listener_set_tls(here->listeners[i], here->app->tls);
    }
}

struct renewal {
    struct app *app;
    struct arena *arena;
    struct ca_files files;
    struct net_tls *tls;
    err *result;
};

static void renew_work(void *arg)
{
    struct renewal *renewal = arg;
    struct ca_files *files = &renewal->files;
    renewal->result = ensure_certificate(renewal->app, renewal->arena, files);
    if (renewal->result == NULL && files->server_is_new) {
        renewal->result =
            net_tls_load(renewal->arena, files->server_pem, files->server_pem, &renewal->tls);
    }
}

// Looks once a day whether the certificate has to be made anew.
static void renew_certificate(void *arg) YIELDS
{
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    struct app *app = arg;
    while (fiber_sleep(DAY_MS) == NULL) {
        struct renewal renewal = {.app = app, .arena = arena_new()};
        err *stopped = worker_run(renew_work, &renewal);
        if (renewal.result != NULL) {
            log_error("app.certificate", "%.*s", PRI(renewal.result->text));
        } else if (stopped != NULL) {
            net_tls_release(renewal.tls);
        } else if (renewal.tls != NULL) {
            struct net_tls *old = app->tls;
            app->tls = renewal.tls;
            app_on_each_loop(app, use_certificate);
            net_tls_release(old);
        }
        arena_free(renewal.arena);
    }
    app->renewer = NULL;
    cond_signal_all(&app->renewer_gone);
}

// It may be at work on another loop, which must not end before.
static void end_renewal(struct app *app) YIELDS;

static void end_renewal(struct app *app)
{
    while (app->renewer != NULL) {
        fiber_cancel(app->renewer);
        if (cond_wait(&app->renewer_gone) != NULL) {
            unreachable("nobody cancels the main fiber before it stops the loops");
        }
    }
}

// ---- events --------------------------------------------------------------------------------

static void event_free(struct app_event *event)
{
    app_change_done(event->change);
    arena_free(event->arena);
    mem_free(event);
}

// The first signal asks for an orderly end; a second one does not wait for it. It is the count that
// ends the main fiber's loop; the event only wakes it, and is not needed when others are waiting.
static void on_signal(uv_signal_t *handle, int number)
{
    struct app *app = handle->data;
    if (++app->signal_count > 1) {
        _exit(128 + number);
    }
    struct app_event *event = mem_new(struct app_event);
    event->kind = APP_SIGNAL;
    if (!chan_try_put(app->events, event)) {
        event_free(event);
    }
}

static void watch_signals(struct app *app)
{
    static const int NUMBERS[] = {SIGTERM, SIGINT, SIGHUP};
    static_assert(countof(NUMBERS) == countof(app->signals));
    for (size_t i = 0; i < countof(NUMBERS); i++) {
        struct sigaction before = {};
        check(sigaction(NUMBERS[i], NULL, &before) == 0);
        if (NUMBERS[i] == SIGHUP && before.sa_handler == SIG_IGN) { // under nohup
            continue;
        }
        check(uv_signal_init(loop_uv(loop_current()), &app->signals[i]) == 0);
        app->signals[i].data = app;
        check(uv_signal_start(&app->signals[i], on_signal, NUMBERS[i]) == 0);
        uv_unref((uv_handle_t *)&app->signals[i]);
    }
}

static void follow_loader(void *arg) YIELDS
{
    struct app *app = arg;
    struct project_loader *loader = app->loader;
    bool ended = false;
    while (!ended) {
        struct app_event *event = mem_new(struct app_event);
        event->arena = arena_new();
        err *e = project_loader_next(loader, event->arena, &event->json);
        ended = e != NULL || event->json == NULL;
        event->kind = ended ? APP_LOADER_ENDED : APP_LOADER;
        if (chan_put(app->events, event) != NULL) { // the app is ending
            event_free(event);
            return;
        }
    }
}

// js/define lies beside the binary's folder in the source tree, or under share when installed.
static err *find_loader(struct app *app)
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
        home != NULL ? path_join(app->arena, home, "js/define/main.mjs") : "",
        path_join(app->arena, self, "../js/define/main.mjs"),
        path_join(app->arena, self, "../share/ampd/js/define/main.mjs"),
    };
    for (size_t i = 0; i < countof(candidates); i++) {
        if (access(candidates[i], R_OK) == 0) {
            app->loader_path = candidates[i];
            return NULL;
        }
    }
    return err_hint(fail(app->arena, ERR_CONFIG, "the definitions loader js/define is missing"),
        S("Set AMPD_HOME to the folder that holds js/define."));
}

static err *start_loader(struct app *app) YIELDS;

static err *start_loader(struct app *app)
{
    struct project_loader_options options = {.program = app->loader_path,
        .project = app->options->project,
        .manifest = app->manifest_path,
        .identifier = app->options->identifier,
        .watch = !app->options->once};
    TRY(project_loader_start(app->arena, &options, &app->loader));
    app->loader_works = false;
    fiber_start("loader", follow_loader, app);
    return NULL;
}

// ---- following the definitions -------------------------------------------------------------

static void say_changes(const struct json *event)
{
    const struct json *files = json_get(event, S("files"));
    str first = files != NULL && files->child != NULL ? files->child->text : S("amplify/");
    app_say("[Sandbox] Triggered due to a file change: %.*s", PRI(first));
}

static err *apply(struct app *app, struct arena *arena, const struct json *event) YIELDS;

static err *apply(struct app *app, struct arena *arena, const struct json *event)
{
    u64 began = time_mono_us();
    bool again = app->announced;
    app_say_warnings(event);
    if (again && app->problem == NULL && !json_get_bool(event, S("changed"), true)) {
        return NULL; // what is served already
    }
    err *e = app_apply_manifest(app, arena, app->manifest_path);
    app_set_problem(app, e != NULL ? e->text : (str){});
    if (e != NULL) {
        app_say_error(e);
    } else if (again) {
        app_say("[Sandbox] Applied in %llu ms",
            (unsigned long long)(time_mono_us() - began) / 1000 +
                (unsigned long long)json_get_int(event, S("ms"), 0));
    }
    return e;
}

// Definitions that are served are applied with the new values; those that come next will be anyway.
static void on_secrets(struct app *app) YIELDS;

static void on_secrets(struct app *app)
{
    u64 began = time_mono_us();
    struct arena *arena = arena_new();
    if (app->announced) {
        app_say("[Sandbox] Triggered due to a change of secrets");
        err *e = app_apply_manifest(app, arena, app->manifest_path);
        if (e != NULL) {
            app_say_error(e);
        } else {
            app_say("[Sandbox] Applied in %llu ms",
                (unsigned long long)(time_mono_us() - began) / 1000);
        }
    }
    arena_free(arena);
}

// With `once` a failure ends the app; otherwise the last good backend stays and the error is shown.
static err *on_loader_event(struct app *app, struct app_event *event) YIELDS;

static err *on_loader_event(struct app *app, struct app_event *event)
{
    str kind = json_get_str(event->json, S("event"));
    err *e = NULL;
    app->loader_works = true;
    if (str_eq(kind, S("change"))) {
        say_changes(event->json);
    } else if (str_eq(kind, S("manifest"))) {
        e = apply(app, event->arena, event->json);
    } else if (str_eq(kind, S("types"))) {
        app_say_types(event->json);
    } else if (str_eq(kind, S("error"))) {
        str text = app_problem_text(event->arena, event->json);
        app_say_problems(event->json);
        app_set_problem(app, text);
        e = fail(event->arena, ERR_CONFIG, "the definitions could not be evaluated");
    }
    if (e != NULL && app->options->once) {
        return fail(app->arena, e->code, "the backend could not be started");
    }
    return NULL;
}

static err *on_loader_end(struct app *app) YIELDS;

static err *on_loader_end(struct app *app)
{
    int code = project_loader_exit_code(app->loader);
    project_loader_free(app->loader);
    app->loader = NULL;
    if (app->ready_ms > 0 && app->options->once) {
        return NULL;
    }
    if (app->ready_ms > 0) {
        bool again = app->loader_works && app->loader_restarts++ < LOADER_RESTARTS;
        app_say("[Sandbox] The definitions loader ended (exit code %d); %s", code,
            again ? "it is started again." : "changes are not followed any more.");
        err *e = again ? start_loader(app) : NULL;
        if (e != NULL) {
            app_say_error(e);
        }
        return NULL;
    }
    return err_hint(fail(app->arena, ERR_CONFIG,
                        "the definitions loader ended unexpectedly (exit code %d)", code),
        S("Its own words, if it had any, stand above."));
}

static err *serve_until_signal(struct app *app) YIELDS;

static err *serve_until_signal(struct app *app)
{
    err *e = NULL;
    while (e == NULL && app->signal_count == 0) {
        void *item = NULL;
        TRY(chan_take(app->events, &item));
        struct app_event *event = item;
        if (event->kind == APP_LOADER) {
            e = on_loader_event(app, event);
        } else if (event->kind == APP_LOADER_ENDED) {
            e = on_loader_end(app);
        } else if (event->kind == APP_SECRETS) {
            on_secrets(app);
        }
        event_free(event);
    }
    return e;
}

// A manifest whose files have not changed is served before Node has even started; the evaluation
// that follows finds what the files do not tell (the environment).
static err *serve_definitions(struct app *app) YIELDS;

static err *serve_definitions(struct app *app)
{
    TRY(find_loader(app));
    if (project_stamp_holds(app->arena, app->manifest_path, app->loader_path)) {
        err *stale = app_apply_manifest(app, app->arena, app->manifest_path);
        if (stale != NULL) {
            log_warn("app.manifest", "%.*s", PRI(stale->text)); // the evaluation will say it again
        }
    }
    err *e = start_loader(app);
    if (e != NULL && app->ready_ms > 0) {
        app_say_error(e);
        return NULL;
    }
    return e;
}

// ---- the main fiber ------------------------------------------------------------------------

static err *serve(struct app *app) YIELDS;

static err *serve(struct app *app)
{
    TRY(open_files(app));
    TRY(open_auth(app));
    TRY(load_certificate(app));
    TRY(app_listen(app));
    TRY(app_admin_open(app));
    app->renewer = fiber_start("certificate", renew_certificate, app);
    if (app->options->manifest != NULL) {
        TRY(app_apply_manifest(app, app->arena, app->options->manifest));
    } else {
        TRY(serve_definitions(app));
    }
    return serve_until_signal(app);
}

static void drop_events(struct app *app) YIELDS;

static void drop_events(struct app *app)
{
    void *item = NULL;
    chan_close(app->events); // what comes now is freed by its sender
    while (chan_count(app->events) > 0 && chan_take(app->events, &item) == NULL) {
        event_free(item);
    }
}

static void main_fiber(void *arg) YIELDS
{
    struct app *app = arg;
    watch_signals(app);
    err *e = serve(app);
    if (app->signal_count > 0) {
        app_say("\nStopping.");
    }
    drop_events(app); // first: the fiber that follows the loader may be waiting for room
    if (app->loader != NULL) {
        project_loader_free(app->loader);
    }
    app_admin_close(app);
    app_stop_listening(app);
    app_stop_functions(app);
    end_renewal(app);
    app->result = e;
    for (size_t i = 0; i < app->loop_count; i++) {
        loop_stop(app->loops[i].loop);
    }
}

static void start_main(void *arg)
{
    fiber_start("main", main_fiber, arg);
}

static void *loop_thread(void *arg)
{
    struct app_loop *here = arg;
    loop_run(here->loop);
    return NULL;
}

static void make_loops(struct app *app)
{
    struct loop *loops[APP_LOOPS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count =
        app->options->threads > 0 ? app->options->threads : (size_t)(cores > 0 ? cores : 1);
    app->loop_count = count < APP_LOOPS_MAX ? count : APP_LOOPS_MAX;
    for (size_t i = 0; i < app->loop_count; i++) {
        loops[i] = loop_new((unsigned)i);
        app->loops[i] = (struct app_loop){.app = app, .loop = loops[i]};
    }
    app->hub = data_hub_new(loops, app->loop_count);
    app->auth = auth_hub_new(loops, app->loop_count);
    app->objects = object_hub_new(loops, app->loop_count);
    app->functions = func_hub_new(loops, app->loop_count);
    app->scripts = script_hub_new(loops, app->loop_count);
}

static void run_loops(struct app *app)
{
    for (size_t i = 1; i < app->loop_count; i++) {
        check(pthread_create(&app->loops[i].thread, NULL, loop_thread, &app->loops[i]) == 0);
    }
    loop_run(app->loops[0].loop);
    for (size_t i = 1; i < app->loop_count; i++) {
        check(pthread_join(app->loops[i].thread, NULL) == 0);
    }
}

static void close_all(struct app *app)
{
    vault_free(app->vault);
    iam_free(app->iam);
    if (app->store != NULL) {
        store_close(app->store);
    }
    data_hub_free(app->hub);
    auth_hub_free(app->auth);
    outbox_free(app->outbox);
    object_hub_free(app->objects);
    event_queue_free(app->queue);
    func_hub_free(app->functions);
    script_hub_free(app->scripts);
    blob_store_close(app->blobs);
    for (size_t i = 0; i < app->loop_count; i++) {
        loop_free(app->loops[i].loop);
    }
    app_close_logs(app);
    chan_free(app->events);
    http_router_free(app->router);
    net_tls_release(app->tls);
    if (app->lock_fd >= 0) {
        close(app->lock_fd);
    }
    pthread_mutex_destroy(&app->status_lock);
    mem_free(app->problem);
    mem_free(app->introspection);
}

// Every socket is a descriptor: take as many as the system grants.
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn("app.limits", "cannot raise the number of open files: %s", strerror(errno));
        }
    }
}

err *app_run(struct arena *arena, const struct app_options *options)
{
    struct app app = {.options = options, .arena = arena, .lock_fd = -1};
    check(pthread_mutex_init(&app.status_lock, NULL) == 0);
    make_loops(&app);
    app.router = http_router_new();
    app.server = (struct http_server){.router = app.router, .limits = HTTP_LIMITS_DEFAULT};
    app_mount(&app);
    app.events = chan_new(EVENTS_MAX);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    loop_post(app.loops[0].loop, start_main, &app);
    run_loops(&app);
    close_all(&app);
    return app.result;
}
