// The documents of the pools: how to reach them, and the keys that prove their tokens.
#include "auth/auth_token.h"

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
