// Administrative calls: what a command asks of a data folder. While an ampd serves the folder it
// answers them (POST /_ampd/admin/CALL, for whoever can read the secret in the folder's
// admin.json); while none does, the command carries them out itself on the same store.
#include "app/app_int.h"
#include "event/event.h"
#include "iam/iam.h"

#include <errno.h>
#include <unistd.h>

enum {
    SECRET_SIZE = 32,
    CALL_MAX = 16 * 1024 * 1024, // bytes of a call: a function's payload, escaped
    ANSWER_MAX = 16 * 1024 * 1024,
    FILE_MAX = 4096,
    CALL_TIMEOUT_MS = 30 * 1000,
    INVOKE_TIMEOUT_MS = 20 * 60 * 1000, // a function may take fifteen minutes
    TRIES = 50,                         // while an ampd that starts or stops holds the store
    TRY_EVERY_MS = 100,
};

#define SECRET_HEADER S("x-ampd-secret")
#define PREFIX        "/_ampd/admin/"

// ---- the calls -----------------------------------------------------------------------------

static void say_list(
    struct arena *arena, struct json *out, str name, const str *texts, size_t count)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, json_string(arena, texts[i]));
    }
    json_set(out, name, list);
}

static void say_key(struct arena *arena, struct json *out, const struct iam_key *key)
{
    const struct iam_key_rights *rights = &key->rights;
    json_set(out, S("accessKeyId"), json_string(arena, key->id));
    if (key->secret.len > 0) {
        json_set(out, S("secretAccessKey"), json_string(arena, key->secret));
    }
    json_set(out, S("createdAt"), json_string(arena, key->created));
    say_list(arena, out, S("allow"), rights->allow, rights->allow_count);
    say_list(arena, out, S("resources"), rights->resources, rights->resource_count);
}

static const str *texts_of(struct arena *arena, const struct json *list, size_t *count)
{
    str *texts = arena_array(arena, str, list != NULL ? list->count : 0);
    *count = 0;
    json_each (text, list) {
        texts[(*count)++] = text->text;
    }
    return texts;
}

static err *keys_create(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *keys_create(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct iam_key key = {};
    struct iam_key_rights rights = {};
    rights.allow = texts_of(arena, json_get(in, S("allow")), &rights.allow_count);
    rights.resources = texts_of(arena, json_get(in, S("resources")), &rights.resource_count);
    TRY(iam_key_create(admin->iam, arena, &rights, &key));
    log_info("iam.key", "access key %.*s was made", PRI(key.id));
    say_key(arena, out, &key);
    return NULL;
}

static err *keys_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *keys_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct iam_key *keys = NULL;
    size_t count = 0;
    struct json *list = json_array(arena);
    (void)in;
    TRY(iam_key_list(admin->iam, arena, &keys, &count));
    for (size_t i = 0; i < count; i++) {
        struct json *one = json_object(arena);
        say_key(arena, one, &keys[i]);
        json_push(list, one);
    }
    json_set(out, S("keys"), list);
    return NULL;
}

static err *keys_delete(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *keys_delete(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    str id = json_get_str(in, S("accessKeyId"));
    TRY(iam_key_delete(admin->iam, arena, id));
    log_info("iam.key", "access key %.*s was deleted", PRI(id));
    json_set(out, S("accessKeyId"), json_string(arena, id));
    json_set(out, S("deleted"), json_bool(arena, true));
    return NULL;
}

static err *not_served(struct arena *arena)
{
    return err_hint(fail(arena, ERR_NOT_FOUND, "no ampd serves this project at present"),
        S("Start it with `ampd sandbox`, or name its folder with --project or --data-dir."));
}

static err *inbox_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *inbox_list(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct json *list = NULL;
    (void)in;
    if (admin->outbox == NULL) {
        return not_served(arena);
    }
    TRY(outbox_list(admin->outbox, arena, &list));
    json_set(out, S("messages"), list);
    return NULL;
}

// The answer is empty when nothing has come: ask again.
static err *inbox_take(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *inbox_take(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    enum { WAIT_MS = CALL_TIMEOUT_MS / 2 };
    struct json *message = NULL;
    if (admin->outbox == NULL) {
        return not_served(arena);
    }
    TRY(outbox_take(admin->outbox, arena, json_get_str(in, S("address")), WAIT_MS, &message));
    if (message != NULL) {
        json_set(out, S("message"), message);
    }
    return NULL;
}

// The result's payload is a text: of an error, what Lambda tells of it.
static err *functions_invoke(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *functions_invoke(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct func_result result = {};
    const struct func_call call = {.key = json_get_str(in, S("name")),
        .payload = json_get_str(in, S("payload")),
        .wants_log = true};
    if (admin->functions == NULL) {
        return not_served(arena);
    }
    if (json_get_bool(in, S("async"), false)) {
        return func_invoke_event(admin->functions, arena, &call);
    }
    TRY(func_invoke(admin->functions, arena, &call, &result));
    if (!str_is_utf8(result.payload)) {
        return fail(arena, ERR_INVALID, "what the function returned is not UTF-8 text");
    }
    json_set(out, S("payload"), json_string(arena, result.payload));
    json_set(out, S("failed"), json_bool(arena, result.failed));
    // Its end of so many bytes may begin within a character.
    json_set(out, S("log"), json_string(arena, func_log_clean(arena, result.log)));
    return NULL;
}

static err *functions_failed(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *functions_failed(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    struct json *list = NULL;
    if (admin->queue == NULL) {
        return not_served(arena);
    }
    TRY(event_failed(admin->queue, arena, json_get_str(in, S("name")), &list));
    json_set(out, S("events"), list);
    return NULL;
}

// What is in force: of the ampd that serves the folder, or, when none does, of this machine.
static err *info(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out) YIELDS;

static err *info(
    struct app_admin *admin, struct arena *arena, const struct json *in, struct json *out)
{
    (void)in;
    str isolation = admin->functions != NULL ? func_hub_isolation(admin->functions, arena)
                                             : func_isolation_here(arena);
    json_set(out, S("version"), json_string(arena, S(AMPD_VERSION)));
    json_set(out, S("isServed"), json_bool(arena, admin->url.len > 0));
    json_set(out, S("url"), json_string(arena, admin->url));
    if (admin->url.len > 0) {
        json_set(out, S("processId"), json_string(arena, str_fmt(arena, "%d", (int)getpid())));
    }
    json_set(out, S("functionIsolation"), json_string(arena, isolation));
    return NULL;
}

static const struct {
    str name;
    err *(*run)(struct app_admin *admin, struct arena *arena, const struct json *in,
        struct json *out); // may wait
} CALLS[] = {
    {S_INIT("functions.failed"), functions_failed},
    {S_INIT("functions.invoke"), functions_invoke},
    {S_INIT("inbox.list"), inbox_list},
    {S_INIT("inbox.take"), inbox_take},
    {S_INIT("info"), info},
    {S_INIT("keys.create"), keys_create},
    {S_INIT("keys.list"), keys_list},
    {S_INIT("keys.delete"), keys_delete},
    {S_INIT("secrets.get"), app_admin_secret_get},
    {S_INIT("secrets.list"), app_admin_secret_list},
    {S_INIT("secrets.remove"), app_admin_secret_remove},
    {S_INIT("secrets.set"), app_admin_secret_set},
};

static err *carry_out(struct app_admin *admin, struct arena *arena, str call, const struct json *in,
    struct json **out) YIELDS;

static err *carry_out(struct app_admin *admin, struct arena *arena, str call, const struct json *in,
    struct json **out)
{
    *out = json_object(arena);
    for (size_t i = 0; i < countof(CALLS); i++) {
        if (str_eq(CALLS[i].name, call)) {
            return CALLS[i].run(admin, arena, in, *out);
        }
    }
    return fail(
        arena, ERR_NOT_FOUND, "there is no administrative call %.*s", PRI(str_sub(call, 0, 64)));
}

// ---- in the server -------------------------------------------------------------------------

static err *reply(struct http_req *req, int status, const struct json *body) YIELDS;

static err *reply(struct http_req *req, int status, const struct json *body)
{
    return http_reply(req, status, S("application/json"), json_text(req->arena, body));
}

static err *reply_error(struct http_req *req, int status, const err *e) YIELDS;

static err *reply_error(struct http_req *req, int status, const err *e)
{
    struct json *body = json_object(req->arena);
    json_set(body, S("__type"), json_string(req->arena, err_wire(e)));
    json_set(body, S("message"), json_string(req->arena, e->text));
    if (e->hint.len > 0) {
        json_set(body, S("hint"), json_string(req->arena, e->hint));
    }
    return reply(req, status, body);
}

// No CORS and a header of its own: no page in a browser can send such a request.
static err *serve_call(struct http_req *req) YIELDS;

static err *serve_call(struct http_req *req)
{
    struct app *app = req->route_arg;
    struct app_admin admin = {
        app->iam, app->vault, app->outbox, app->functions, app->queue, app->base_url};
    str text;
    struct json *in = NULL;
    struct json *out = NULL;
    check(app->admin_secret.len > 0); // an empty one would be everybody's
    if (!bytes_eq_secret(http_header(req, SECRET_HEADER), app->admin_secret)) {
        return reply_error(req, 403,
            fail(req->arena, ERR_FORBIDDEN,
                "administrative calls need the secret in admin.json of the data folder"));
    }
    err *e = http_read_body(req, CALL_MAX, &text);
    if (e == NULL) {
        e = json_parse(req->arena, text, &in, NULL);
    }
    if (e == NULL) {
        e = carry_out(&admin, req->arena, req->route_rest, in, &out);
    }
    return e != NULL ? reply_error(req, err_status(e->code), e) : reply(req, 200, out);
}

void app_admin_mount(struct app *app)
{
    u8 bytes[SECRET_SIZE];
    random_bytes(bytes, sizeof(bytes));
    app->admin_secret = hex_encode(app->arena, (str){(const char *)bytes, sizeof(bytes)});
    http_router_add(app->router,
        &(struct http_route){
            .methods = HTTP_POST, .path = S(PREFIX "*"), .handler = serve_call, .arg = app});
}

static const char *admin_path(struct arena *arena, const char *data_dir)
{
    return path_join(arena, data_dir, "admin.json");
}

err *app_admin_open(struct app *app)
{
    struct json *root = json_object(app->arena);
    const char *host = app->hosts[0];
    host = strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
    str url = str_fmt(app->arena, strchr(host, ':') != NULL ? "http://[%s]:%u" : "http://%s:%u",
        host, (unsigned)app->port);
    json_set(root, S("url"), json_string(app->arena, url));
    json_set(root, S("secret"), json_string(app->arena, app->admin_secret));
    str text = str_cat(app->arena, json_text(app->arena, root), S("\n"));
    app->admin_is_open = true;
    return file_write_atomic(app->arena, admin_path(app->arena, app->data_dir), text, 0600);
}

void app_admin_close(struct app *app)
{
    if (app->admin_is_open && unlink(admin_path(app->arena, app->data_dir)) != 0) {
        log_warn("app.admin", "cannot remove admin.json: %s", strerror(errno));
    }
}

// ---- in a command --------------------------------------------------------------------------

struct errand {
    struct arena *arena;
    const char *data_dir;
    str call;
    const struct json *in;
    struct json *out;
    err *result;
};

// *reached is false when no ampd answers at the address in admin.json.
static err *ask_server(struct errand *errand, bool *reached) YIELDS;

static err *ask_server(struct errand *errand, bool *reached)
{
    struct arena *arena = errand->arena;
    struct json *root = NULL;
    struct http_client_res res = {};
    str text;
    *reached = false;
    err *e = file_read(arena, admin_path(arena, errand->data_dir), FILE_MAX, &text);
    if (e != NULL) {
        return e->code == ERR_NOT_FOUND ? NULL : e;
    }
    TRY(json_parse(arena, text, &root, NULL));
    struct http_header header = {SECRET_HEADER, json_get_str(root, S("secret"))};
    struct http_client_req req = {.method = S("POST"),
        .url = str_cat(arena, json_get_str(root, S("url")), S(PREFIX), errand->call),
        .headers = &header,
        .header_count = 1,
        .body = json_text(arena, errand->in),
        .timeout_ms =
            str_eq(errand->call, S("functions.invoke")) ? INVOKE_TIMEOUT_MS : CALL_TIMEOUT_MS,
        .response_max = ANSWER_MAX};
    e = http_fetch(arena, &req, &res);
    if (e != NULL) {
        return e->code == ERR_IO ? NULL : e; // left behind by one that was killed
    }
    if (json_parse(arena, res.body, &errand->out, NULL) != NULL || res.status == 403 ||
        (res.status != 200 && json_get(errand->out, S("__type")) == NULL)) {
        return NULL; // somebody else has its port now
    }
    *reached = true;
    if (res.status == 200) {
        return NULL;
    }
    e = fail(arena, ERR_INVALID, "%.*s", PRI(json_get_str(errand->out, S("message"))));
    return err_hint(e, json_get_str(errand->out, S("hint")));
}

static err *carry_out_here(struct errand *errand, struct store *store) YIELDS;

static err *carry_out_here(struct errand *errand, struct store *store)
{
    struct app_admin admin = {};
    struct vault_options options = {.store = store};
    TRY(app_open_iam(errand->arena, errand->data_dir, store, &admin.iam));
    err *e = app_open_vault(errand->arena, errand->data_dir, &options, &admin.vault);
    if (e == NULL) {
        e = carry_out(&admin, errand->arena, errand->call, errand->in, &errand->out);
    }
    vault_free(admin.vault);
    iam_free(admin.iam);
    return e;
}

static err *run_errand(struct errand *errand) YIELDS;

static err *run_errand(struct errand *errand)
{
    for (unsigned i = 0;; i++) {
        bool reached = false;
        struct store *store = NULL;
        err *e = ask_server(errand, &reached);
        if (e != NULL || reached) {
            return e;
        }
        e = app_open_store(errand->arena, errand->data_dir, 1, &store);
        if (e == NULL) {
            e = carry_out_here(errand, store);
            store_close(store);
            return e;
        }
        if (e->code != ERR_CONFLICT || i == TRIES) {
            return e;
        }
        TRY(fiber_sleep(TRY_EVERY_MS));
    }
}

static void errand_fiber(void *arg) YIELDS
{
    struct errand *errand = arg;
    errand->result = run_errand(errand);
    loop_stop(loop_current());
}

static void start_errand(void *arg)
{
    fiber_start("errand", errand_fiber, arg);
}

err *app_admin_call(
    struct arena *arena, const char *data_dir, str call, const struct json *in, struct json **out)
{
    struct errand errand = {.arena = arena, .data_dir = data_dir, .call = call, .in = in};
    struct loop *loop = loop_new(0);
    loop_post(loop, start_errand, &errand);
    loop_run(loop);
    loop_free(loop);
    *out = errand.out;
    return errand.result;
}
