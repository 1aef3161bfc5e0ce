// Secrets of the project: kept in the vault, set by commands and by the API, put into the
// definitions' places for them. One that changes has the definitions applied anew, so that it holds
// when its command returns.
#include "app/app_int.h"

// ---- the vault ---------------------------------------------------------------------------------

enum { AGAIN_MS = 50, TRIES = 200 }; // while there is no room among what waits for the app

struct change { // somebody waits for it to be in force
    struct app *app;
    struct wake wake;
    bool had_no_room;
};

void app_change_done(void *change)
{
    if (change != NULL) {
        wake_send(&((struct change *)change)->wake);
    }
}

static void post_change(void *arg)
{
    struct change *change = arg;
    struct app_event *event = mem_new(struct app_event);
    event->kind = APP_SECRETS;
    event->change = change;
    if (!chan_try_put(change->app->events, event)) { // it is full, or ending
        mem_free(event);
        change->had_no_room = true;
        app_change_done(change);
    }
}

static void on_change(void *arg) YIELDS;

static void on_change(void *arg)
{
    struct change change = {.app = arg};
    for (int i = 0; i < TRIES; i++) {
        change.had_no_room = false;
        wake_init(&change.wake);
        loop_post(change.app->loops[0].loop, post_change, &change);
        wake_wait(&change.wake);
        if (!change.had_no_room || fiber_sleep(AGAIN_MS) != NULL) {
            break;
        }
    }
}

err *app_open_vault(
    struct arena *arena, const char *data_dir, struct vault_options *options, struct vault **out)
{
    struct project_ids ids;
    TRY(project_ids_load(arena, data_dir, &ids));
    TRY(app_instance_key(arena, data_dir, &options->key));
    options->region = ids.region;
    options->account = ids.account;
    err *e = vault_open(arena, options, out);
    crypto_wipe(&options->key, sizeof(options->key));
    return e;
}

err *app_serve_vault(struct app *app)
{
    struct vault_options options = {
        .store = app->store, .iam = app->iam, .changed = on_change, .changed_arg = app};
    return app_open_vault(app->arena, app->data_dir, &options, &app->vault);
}

// ---- in the definitions ------------------------------------------------------------------------

err *app_read_secrets(
    struct app *app, struct arena *arena, const struct json *manifest, struct project_secrets *out)
{
    const struct json *names = json_get(manifest, S("secrets"));
    struct project_secret *items =
        arena_array(arena, struct project_secret, names != NULL ? names->count : 0);
    *out = (struct project_secrets){.items = items};
    json_each (name, names) {
        bool found = false;
        str value = {};
        TRY(vault_secret(app->vault, arena, name->text, &value, &found));
        items[out->count++] = (struct project_secret){name->text, value};
    }
    return NULL;
}

// What a person may paste: with the folder, where it is not the usual one.
static str command_for(struct app *app, struct arena *arena, str name)
{
    const struct app_options *options = app->options;
    bool elsewhere = options->data_dir != NULL || options->identifier != NULL ||
                     strcmp(options->project, ".") != 0;
    return str_cat(arena, S("ampd sandbox secret set "), name,
        elsewhere ? str_cat(arena, S(" --data-dir "), shell_quote(arena, str_from(app->data_dir)))
                  : S(""));
}

void app_say_missing_secrets(struct app *app, struct arena *arena, const struct json *manifest,
    const struct project_secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++) {
        str name = secrets->items[i].name;
        str token = str_cat(arena, S("${amplify:secret:"), name, S("}"));
        struct buf users = buf_in(arena, 16 * 1024);
        if (secrets->items[i].value.len > 0) {
            continue;
        }
        json_each (function, json_get(manifest, S("functions"))) {
            bool uses = false;
            json_each (variable, json_get(function, S("environment"))) {
                uses = uses || str_find(variable->text, token) >= 0;
            }
            buf_fmt(&users, "%s%.*s",
                !uses           ? ""
                : users.len > 0 ? ", "
                                : " of the function ",
                PRI(uses ? json_get_str(function, S("name")) : S("")));
        }
        app_say_warning(
            str_fmt(arena, "The secret '%.*s'%.*s is not set.", PRI(name), PRI(buf_str(&users))),
            str_cat(arena, S("Set it with: "), command_for(app, arena, name)));
    }
}

// ---- calls of the commands ---------------------------------------------------------------------

static str name_of(const struct json *in)
{
    return json_get_str(in, S("name"));
}

static err *no_such(struct arena *arena, str name)
{
    err *e =
        fail(arena, ERR_NOT_FOUND, "there is no secret '%.*s'", PRI(str_utf8_first(name, 128)));
    e->wire = S("SecretNotFoundError");
    return err_hint(e, S("`ampd sandbox secret list` shows those there are."));
}

err *app_admin_secret_set(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    u64 version = 0;
    struct vault_parameter parameter = {.name = vault_secret_path(arena, name_of(in)),
        .value = json_get_str(in, S("value")),
        .type = S("SecureString")};
    if (!vault_is_secret_name(name_of(in))) {
        return err_hint(fail(arena, ERR_INVALID, "'%.*s' is no name of a secret",
                            PRI(str_utf8_first(name_of(in), 128))),
            S("A secret's name has letters, digits and the symbols _ . - only."));
    }
    if (parameter.value.len == 0) {
        return fail(arena, ERR_INVALID, "the value of a secret cannot be empty");
    }
    TRY(vault_put(admin->vault, arena, &parameter, true, &version));
    log_info("app.secret", "secret %.*s was set, version %llu", PRI(name_of(in)),
        (unsigned long long)version);
    json_set(out, S("version"), json_int(arena, (i64)version));
    return NULL;
}

err *app_admin_secret_get(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct vault_parameter parameter = {};
    bool found = false;
    TRY(vault_get(admin->vault, arena, vault_secret_path(arena, name_of(in)), &parameter, &found));
    if (!found) {
        return no_such(arena, name_of(in));
    }
    json_set(out, S("name"), json_string(arena, name_of(in)));
    json_set(out, S("version"), json_int(arena, (i64)parameter.version));
    json_set(out, S("value"), json_string(arena, parameter.value));
    json_set(out, S("lastUpdated"), json_string(arena, time_iso8601(arena, parameter.modified_ms)));
    return NULL;
}

static err *list(struct app_admin *admin, struct arena *arena, struct json **out) YIELDS;

static err *list(struct app_admin *admin, struct arena *arena, struct json **out)
{
    struct vault_parameter *all = NULL;
    size_t count = 0;
    str prefix = vault_secret_path(arena, S(""));
    *out = json_array(arena);
    TRY(vault_list(admin->vault, arena, prefix, &all, &count));
    for (size_t i = 0; i < count; i++) {
        json_push(*out, json_string(arena, str_sub(all[i].name, prefix.len, all[i].name.len)));
    }
    return NULL;
}

err *app_admin_secret_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct json *names = NULL;
    (void)in;
    TRY(list(admin, arena, &names));
    json_set(out, S("names"), names);
    return NULL;
}

// The one that is named; all without a name.
err *app_admin_secret_remove(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct json *names = json_array(arena);
    bool found = false;
    if (name_of(in).len > 0) {
        json_push(names, json_string(arena, name_of(in)));
    } else {
        TRY(list(admin, arena, &names));
    }
    json_each (name, names) {
        TRY(vault_delete(admin->vault, arena, vault_secret_path(arena, name->text), &found));
        if (!found && name_of(in).len > 0) {
            return no_such(arena, name->text);
        }
        log_info("app.secret", "secret %.*s was removed", PRI(name->text));
    }
    json_set(out, S("removed"), names);
    return NULL;
}
