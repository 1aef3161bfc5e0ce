// The hub: what outlives a reload, each loop's view of the service in force, and the documents of
// the pool.
#include "auth/auth_int.h"

#include "auth/auth_limit.h"
#include "auth/auth_token.h"

enum { HOUR_MS = 60 * 60 * 1000 };

struct auth_hub *auth_hub_new(struct loop **loops, size_t count)
{
    struct auth_hub *hub = mem_new(struct auth_hub);
    hub->magic = AUTH_HUB_MAGIC;
    hub->count = count;
    hub->limiter = auth_limiter_new();
    hub->loops = mem_alloc(count * sizeof(struct auth_loop));
    for (size_t i = 0; i < count; i++) {
        check(loop_index(loops[i]) == i);
        hub->loops[i] =
            (struct auth_loop){.hub = hub, .loop = loops[i], .tokens = auth_tokens_new()};
    }
    return hub;
}

void auth_hub_free(struct auth_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    for (size_t i = 0; i < hub->count; i++) {
        auth_service_release(hub->loops[i].service);
        auth_tokens_free(hub->loops[i].tokens);
    }
    auth_keys_close(hub);
    auth_limiter_free(hub->limiter);
    hub->magic = 0;
    crypto_wipe(&hub->instance_key, sizeof(hub->instance_key));
    mem_free(hub->loops);
    mem_free(hub);
}

struct auth_loop *auth_hub_here(struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    unsigned index = loop_index(loop_current());
    check(index < hub->count);
    return &hub->loops[index];
}

// What has changed is in the store by now: who looks at the new generation sees it there.
void auth_hub_raise(struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    atomic_fetch_add(&hub->generation, 1);
    if (hub->changed != NULL) {
        hub->changed(hub->changed_arg);
    }
}

u64 auth_hub_generation(const struct auth_hub *hub)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    return atomic_load(&hub->generation);
}

// Looks after what is over: once at the start, then every hour.
static void sweep_fiber(void *arg) YIELDS
{
    do {
        auth_sweep(arg);
    } while (fiber_sleep(HOUR_MS) == NULL);
}

err *auth_hub_open(
    struct auth_hub *hub, struct arena *arena, const struct auth_hub_options *options)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    check(options->store != NULL && options->iam != NULL);
    hub->instance_key = options->key;
    hub->store = options->store;
    hub->iam = options->iam;
    hub->functions = options->functions;
    hub->vault = options->vault;
    hub->outbox = options->outbox;
    hub->now_ms = options->now_ms != NULL ? options->now_ms : time_now_ms;
    hub->changed = options->changed;
    hub->changed_arg = options->changed_arg;
    hub->session_key = crypto_key_derive(&hub->instance_key, S("auth sessions"));
    hub->code_key = crypto_key_derive(&hub->instance_key, S("auth codes"));
    hub->refresh_key = crypto_key_derive(&hub->instance_key, S("auth refresh tokens"));
    hub->fake_key = crypto_key_derive(&hub->instance_key, S("auth unknown users"));
    TRY(auth_tables_apply(hub->store, arena));
    fiber_start("auth-keys", auth_keys_fiber, hub);
    fiber_start("auth-sweep", sweep_fiber, hub);
    return NULL;
}

// ---- reload --------------------------------------------------------------------------------

struct handover { // a new service on its way to one loop
    struct auth_loop *here;
    struct auth_service *service;
};

static void take_over(void *arg)
{
    struct handover *handover = arg;
    auth_service_release(handover->here->service);
    handover->here->service = handover->service;
    mem_free(handover);
}

void auth_hub_set_service(struct auth_hub *hub, struct auth_service *service)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    for (size_t i = 0; i < hub->count; i++) {
        struct handover *handover = mem_new(struct handover);
        *handover = (struct handover){&hub->loops[i], auth_service_hold(service)};
        loop_post(hub->loops[i].loop, take_over, handover);
    }
    auth_service_release(service);
}

// ---- documents -----------------------------------------------------------------------------

static err *reply_document(struct http_req *req, const struct json *document) YIELDS;

static err *reply_document(struct http_req *req, const struct json *document)
{
    str body = json_text(req->arena, document);
    http_add_header(req, S("Cache-Control"), S("public, max-age=3600"));
    return http_reply(req, 200, S("application/json"), body);
}

static err *keys_document(struct http_req *req) YIELDS;

static err *keys_document(struct http_req *req)
{
    struct json *keys = NULL;
    unsigned uses = 1U << AUTH_KEY_ID | 1U << AUTH_KEY_ACCESS;
    TRY(auth_keys_document(req->route_arg, req->arena, uses, &keys));
    return reply_document(req, keys);
}

static err *identity_keys_document(struct http_req *req) YIELDS;

static err *identity_keys_document(struct http_req *req)
{
    struct json *keys = NULL;
    TRY(auth_keys_document(req->route_arg, req->arena, 1U << AUTH_KEY_IDENTITY, &keys));
    return reply_document(req, keys);
}

static struct json *texts(struct arena *arena, const char *const *items, size_t count)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < count; i++) {
        json_push(list, json_string(arena, str_from(items[i])));
    }
    return list;
}

static err *openid_document(struct http_req *req) YIELDS;

static err *openid_document(struct http_req *req)
{
    static const char *const ALGORITHMS[] = {"RS256"};
    static const char *const TYPES[] = {"code", "token"};
    static const char *const SCOPES[] = {"openid", "email", "phone", "profile"};
    static const char *const SUBJECTS[] = {"public"};
    static const char *const METHODS[] = {"client_secret_basic", "client_secret_post"};
    struct arena *a = req->arena;
    const struct auth_service *service = auth_hub_here(req->route_arg)->service;
    struct json *root = json_object(a);
    if (service == NULL) {
        return http_reply_empty(req, 404);
    }

    const struct {
        const char *name;
        str path;
    } ENDPOINTS[] = {
        {"authorization_endpoint", S("/oauth2/authorize")},
        {"end_session_endpoint", S("/logout")},
        {"revocation_endpoint", S("/oauth2/revoke")},
        {"token_endpoint", S("/oauth2/token")},
        {"userinfo_endpoint", S("/oauth2/userInfo")},
    };

    for (size_t i = 0; i < countof(ENDPOINTS); i++) {
        json_set(root, str_from(ENDPOINTS[i].name),
            json_string(a, str_cat(a, service->base_url, ENDPOINTS[i].path)));
    }
    json_set(root, S("jwks_uri"),
        json_string(a, str_cat(a, service->base_url, S("/"), service->user_pool_id,
                           S("/.well-known/jwks.json"))));
    json_set(root, S("issuer"), json_string(a, service->issuer));
    json_set(root, S("id_token_signing_alg_values_supported"),
        texts(a, ALGORITHMS, countof(ALGORITHMS)));
    json_set(root, S("response_types_supported"), texts(a, TYPES, countof(TYPES)));
    json_set(root, S("scopes_supported"), texts(a, SCOPES, countof(SCOPES)));
    json_set(root, S("subject_types_supported"), texts(a, SUBJECTS, countof(SUBJECTS)));
    json_set(root, S("token_endpoint_auth_methods_supported"), texts(a, METHODS, countof(METHODS)));
    return reply_document(req, root);
}

// Of https://cognito-identity.amazonaws.com, which issues the identity pool's tokens.
static err *identity_openid_document(struct http_req *req) YIELDS;

static err *identity_openid_document(struct http_req *req)
{
    static const char *const ALGORITHMS[] = {"RS512"};
    static const char *const TYPES[] = {"token"};
    static const char *const SUBJECTS[] = {"public"};
    struct arena *a = req->arena;
    const struct auth_service *service = auth_hub_here(req->route_arg)->service;
    struct json *root = json_object(a);
    if (service == NULL) {
        return http_reply_empty(req, 404);
    }
    json_set(root, S("issuer"), json_string(a, AUTH_IDENTITY_ISSUER));
    json_set(root, S("jwks_uri"),
        json_string(a, str_cat(a, service->base_url, S("/.well-known/jwks_uri"))));
    json_set(root, S("response_types_supported"), texts(a, TYPES, countof(TYPES)));
    json_set(root, S("subject_types_supported"), texts(a, SUBJECTS, countof(SUBJECTS)));
    json_set(root, S("id_token_signing_alg_values_supported"),
        texts(a, ALGORITHMS, countof(ALGORITHMS)));
    return reply_document(req, root);
}

void auth_hub_mount(
    struct auth_hub *hub, struct arena *arena, struct http_router *router, str user_pool_id)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    check(user_pool_id.len > 0);

    const struct {
        str path;
        err *(*handler)(struct http_req *req);
    } DOCUMENTS[] = {
        {str_cat(arena, S("/"), user_pool_id, S("/.well-known/jwks.json")), keys_document},
        {str_cat(arena, S("/"), user_pool_id, S("/.well-known/openid-configuration")),
            openid_document},
        {S("/.well-known/jwks_uri"), identity_keys_document},
        {S("/.well-known/openid-configuration"), identity_openid_document},
    };

    for (size_t i = 0; i < countof(DOCUMENTS); i++) {
        http_router_add(router, &(struct http_route){.methods = HTTP_GET,
                                    .path = DOCUMENTS[i].path,
                                    .handler = DOCUMENTS[i].handler,
                                    .arg = hub,
                                    .cors = true});
    }
    auth_link_mount(hub, router);
    auth_hosted_mount(router);
}
