// Who is calling: by API key, token of the user pool or of an external issuer, or signature. Which
// of them a request is judged by is told by its headers alone, as AppSync does.
#include "data/data_int.h"

static err *refuse(struct arena *arena)
{
    return fail(arena, ERR_UNAUTHORIZED, "You are not authorized to make this call.");
}

static err *by_api_key(
    struct arena *arena, const struct data_service *service, str key, struct data_caller *out)
{
    bool enabled = (service->api->modes.all & DATA_API_KEY) != 0 && service->api_key.len > 0;
    if (!enabled || !bytes_eq_secret(key, service->api_key)) {
        return refuse(arena);
    }
    *out = (struct data_caller){.provider = DATA_API_KEY};
    return NULL;
}

static err *by_signature(struct data_hub *hub, struct arena *arena,
    const struct iam_request *request, struct data_caller *out) YIELDS;

static err *by_signature(struct data_hub *hub, struct arena *arena,
    const struct iam_request *request, struct data_caller *out)
{
    struct iam_rules rules = {.service = S("appsync"), .words = IAM_WORDS_REST};
    if (hub->iam == NULL || request == NULL) {
        return refuse(arena);
    }
    *out = (struct data_caller){.provider = DATA_IAM};
    return iam_authenticate(hub->iam, arena, request, &rules, &out->principal, NULL);
}

static bool looks_like_jwt(struct arena *arena, str token)
{
    str rest = token;
    str part = {};
    str header = {};
    size_t parts = 0;
    while (str_next(&rest, '.', &part)) {
        str decoded = {};
        if (part.len == 0 || !base64_decode(arena, part, &decoded)) {
            return false;
        }
        header = parts++ == 0 ? decoded : header;
    }
    struct json *parsed = NULL;
    return parts == 3 && json_parse(arena, header, &parsed, NULL) == NULL &&
           parsed->kind == JSON_OBJECT;
}

static err *by_issuer(struct arena *arena, const struct data_service *service, str token,
    struct data_caller *out) YIELDS;

static err *by_issuer(
    struct arena *arena, const struct data_service *service, str token, struct data_caller *out)
{
    struct oidc_claims claims = {};
    TRY(oidc_verify(service->oidc, arena, token, &claims));
    *out = (struct data_caller){.provider = DATA_OIDC, .claims = claims.claims, .token = token};
    return NULL;
}

static err *by_user_pool(
    struct data_hub *hub, struct arena *arena, str token, struct data_caller *out) YIELDS;

static err *by_user_pool(
    struct data_hub *hub, struct arena *arena, str token, struct data_caller *out)
{
    struct auth_claims claims = {};
    err *e = auth_verify_token(hub->auth, arena, token, &claims);
    if (e != NULL && e->code == ERR_UNAUTHORIZED) {
        return str_ends(e->text, S("has expired"))
                   ? fail(arena, ERR_UNAUTHORIZED, "Token has expired.")
                   : refuse(arena);
    }
    TRY(e);
    *out =
        (struct data_caller){.provider = DATA_USER_POOLS, .claims = claims.claims, .token = token};
    return NULL;
}

// Of the user pool, by what it says itself: it chooses who proves.
static bool says_user_pool(struct arena *arena, str token)
{
    str rest = token;
    str header = {};
    str payload = {};
    struct json *claims = NULL;
    (void)str_next(&rest, '.', &header);
    (void)str_next(&rest, '.', &payload);
    return base64_decode(arena, payload, &payload) &&
           json_parse(arena, payload, &claims, NULL) == NULL &&
           str_starts(json_get_str(claims, S("iss")), S("https://cognito-idp."));
}

static err *by_token(struct data_hub *hub, struct arena *arena, const struct data_service *service,
    const struct data_credentials *credentials, struct data_caller *out) YIELDS;

// Tokens of pools and issuers are recognised first: what is none of theirs is the authoriser's.
static err *by_token(struct data_hub *hub, struct arena *arena, const struct data_service *service,
    const struct data_credentials *credentials, struct data_caller *out)
{
    str token = credentials->authorization;
    bool pool = (service->api->modes.all & DATA_USER_POOLS) != 0 && hub->auth != NULL;
    bool asks = service->authoriser.len > 0;
    if (str_starts(token, S("Bearer "))) {
        token = str_sub(token, S("Bearer ").len, token.len);
    }
    if (service->oidc != NULL && oidc_is_issuer(service->oidc, arena, token)) {
        return by_issuer(arena, service, token, out);
    }
    if (asks && (!pool || !looks_like_jwt(arena, token) || !says_user_pool(arena, token))) {
        return data_ask_authoriser(hub, arena, service, credentials, out);
    }
    return pool ? by_user_pool(hub, arena, token, out) : refuse(arena);
}

err *data_identify(struct data_hub *hub, struct arena *arena, const struct data_service *service,
    const struct data_credentials *credentials, struct data_caller *out)
{
    unsigned modes = service->api->modes.all;
    bool asks = service->authoriser.len > 0; // a function, which knows no forms of tokens
    str token = credentials->authorization;
    if (credentials->api_key.len > 0) {
        return by_api_key(arena, service, credentials->api_key, out);
    }
    if (token.len == 0) {
        return fail(arena, ERR_UNAUTHORIZED, "Valid authorization header not provided.");
    }
    if (str_starts(token, S("AWS4-HMAC-SHA256"))) {
        return by_signature(hub, arena, credentials->signed_request, out);
    }
    if ((modes & (DATA_USER_POOLS | DATA_OIDC)) == 0 && !asks) {
        return refuse(arena);
    }
    err *e = by_token(hub, arena, service, credentials, out);
    if (str_starts(token, S("Bearer "))) {
        token = str_sub(token, S("Bearer ").len, token.len);
    }
    return e != NULL && !asks && e->code == ERR_UNAUTHORIZED && !looks_like_jwt(arena, token)
               ? fail(arena, ERR_UNAUTHORIZED, "Unable to parse JWT token.")
               : e;
}

int data_refusal_status(const err *e)
{
    return e->code == ERR_UNAUTHORIZED && e->wire.len == 0 ? 401 : 403;
}

static struct iam_principal principal_copy(
    struct arena *arena, const struct iam_principal *principal)
{
    struct iam_principal copy = *principal;
    // The policies live as long as the `struct iam`, the list of an access key's as its request.
    const struct iam_policy **policies =
        arena_array(arena, const struct iam_policy *, principal->policy_count);
    for (size_t i = 0; i < principal->policy_count; i++) {
        policies[i] = principal->policies[i];
    }
    copy.policies = policies;
    str *texts[] = {&copy.access_key_id, &copy.account, &copy.arn, &copy.user_id, &copy.role,
        &copy.session, &copy.identity_id, &copy.identity_pool_id, &copy.auth_provider,
        &copy.user_sub};
    for (size_t i = 0; i < countof(texts); i++) {
        *texts[i] = str_dup(arena, *texts[i]);
    }
    return copy;
}

struct data_caller data_caller_copy(struct arena *arena, const struct data_caller *caller)
{
    struct data_caller copy = {.provider = caller->provider,
        .claims = caller->claims != NULL ? json_copy(arena, caller->claims) : NULL,
        .token = str_dup(arena, caller->token),
        .context = caller->context != NULL ? json_copy(arena, caller->context) : NULL,
        .denied = caller->denied != NULL ? json_copy(arena, caller->denied) : NULL,
        .principal = principal_copy(arena, &caller->principal)};
    return copy;
}
