// The hub: what outlives a reload, each loop's view of the service in force, and the documents of
// the pool.
#include "auth/auth_int.h"

#include "auth/auth_token.h"

enum { HOUR_MS = 60 * 60 * 1000 };

struct auth_hub *auth_hub_new(struct loop **loops, size_t count)
{
    struct auth_hub *hub = mem_new(struct auth_hub);
    hub->magic = AUTH_HUB_MAGIC;
    hub->count = count;
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
    auth_keys_free(atomic_load(&hub->keys));
    auth_delivery_free(hub->delivery);
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
    hub->tell = options->tell;
    hub->session_key = crypto_key_derive(&hub->instance_key, S("auth sessions"));
    hub->code_key = crypto_key_derive(&hub->instance_key, S("auth codes"));
    hub->fake_key = crypto_key_derive(&hub->instance_key, S("auth unknown users"));
    TRY(auth_tables_apply(hub->store, arena));
    if (options->delivery != NULL) {
        TRY(auth_delivery_open(hub, arena, options->delivery));
    }
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

static err *keys_document(struct http_req *req) YIELDS;

static err *keys_document(struct http_req *req)
{
    struct auth_keys *keys = NULL;
    TRY(auth_keys_wait(req->route_arg, req->arena, &keys));
    const struct crypto_rsa *all[] = {keys->id, keys->access};
    struct json *list = json_array(req->arena);
    for (size_t i = 0; i < countof(all); i++) {
        struct crypto_jwk jwk = crypto_rsa_jwk(all[i]);
        struct json *key = json_object(req->arena);
        json_set(key, S("alg"), json_string(req->arena, S("RS256")));
        json_set(key, S("e"), json_string(req->arena, jwk.e));
        json_set(key, S("kid"), json_string(req->arena, jwk.kid));
        json_set(key, S("kty"), json_string(req->arena, S("RSA")));
        json_set(key, S("n"), json_string(req->arena, jwk.n));
        json_set(key, S("use"), json_string(req->arena, S("sig")));
        json_push(list, key);
    }
    struct json *root = json_object(req->arena);
    json_set(root, S("keys"), list);
    http_add_header(req, S("Cache-Control"), S("public, max-age=3600"));
    return http_reply(req, 200, S("application/json"), json_text(req->arena, root));
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
    str body = json_text(a, root); // before this fiber waits: the service may be replaced
    http_add_header(req, S("Cache-Control"), S("public, max-age=3600"));
    return http_reply(req, 200, S("application/json"), body);
}

void auth_hub_mount(
    struct auth_hub *hub, struct arena *arena, struct http_router *router, str user_pool_id)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    check(user_pool_id.len > 0);
    http_router_add(
        router, &(struct http_route){.methods = HTTP_GET,
                    .path = str_cat(arena, S("/"), user_pool_id, S("/.well-known/jwks.json")),
                    .handler = keys_document,
                    .arg = hub,
                    .cors = true});
    http_router_add(router,
        &(struct http_route){.methods = HTTP_GET,
            .path = str_cat(arena, S("/"), user_pool_id, S("/.well-known/openid-configuration")),
            .handler = openid_document,
            .arg = hub,
            .cors = true});
    auth_outbox_mount(hub, router);
    auth_link_mount(hub, router);
}
