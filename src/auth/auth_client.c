// The app client of a request, and the proof that the caller has its secret when it has one.
#include "auth/auth_int.h"
#include "crypto/code.h"

// The same for as long as the instance's key is: nothing is kept.
str auth_client_secret(struct auth_call *call)
{
    if (!call->service->has_secret) {
        return (str){};
    }
    str purpose = str_cat(call->arena, S("auth client secret "), call->service->client_id);
    struct crypto_key key = crypto_key_derive(&call->hub->instance_key, purpose);
    str text = crypto_base32(call->arena, (str){(const char *)key.bytes, sizeof(key.bytes)});
    crypto_wipe(&key, sizeof(key));
    return str_lower(call->arena, text);
}

static err *unable(struct auth_call *call)
{
    return auth_refuse(call->arena, "NotAuthorizedException",
        "Unable to verify secret hash for client %.*s", PRI(call->service->client_id));
}

static err *unwanted(struct auth_call *call)
{
    return auth_refuse(call->arena, "NotAuthorizedException",
        "Client %.*s is not configured for secret but secret was received",
        PRI(call->service->client_id));
}

static const struct json *parameters_of(const struct auth_call *call)
{
    const struct json *given = json_get(call->in, S("ChallengeResponses"));
    return json_is_null(given) ? json_get(call->in, S("AuthParameters")) : given;
}

static str hash_of(const struct auth_call *call)
{
    str direct = json_get_str(call->in, S("SecretHash"));
    return direct.len > 0 ? direct : json_get_str(parameters_of(call), S("SECRET_HASH"));
}

err *auth_check_secret_hash(struct auth_call *call, str username)
{
    str given = hash_of(call);
    if (!call->service->has_secret) {
        return given.len == 0 ? NULL : unwanted(call);
    }
    if (given.len == 0) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "Client %.*s is configured with secret but SECRET_HASH was not received",
            PRI(call->service->client_id));
    }
    str right = crypto_secret_hash(
        call->arena, auth_client_secret(call), username, call->service->client_id);
    return bytes_eq_secret(given, right) ? NULL : unable(call);
}

// The secret itself, which operations on tokens bring (ClientSecret).
static err *check_secret(struct auth_call *call)
{
    str given = json_get_str(call->in, S("ClientSecret"));
    if (!call->service->has_secret) {
        return given.len == 0 ? NULL : unwanted(call);
    }
    return bytes_eq_secret(given, auth_client_secret(call)) ? NULL : unable(call);
}

// Operations on refresh tokens bring the secret, or a hash over the name of the token's user, which
// is known only later; all others a hash over the name they bring.
err *auth_need_client(struct auth_call *call)
{
    str id = {};
    TRY(auth_need(call, "ClientId", 128, &id));
    if (!str_eq(id, call->service->client_id)) {
        return auth_refuse(call->arena, "ResourceNotFoundException",
            "User pool client %.*s does not exist.", PRI(id));
    }
    bool by_token = str_eq(call->operation, S("GetTokensFromRefreshToken")) ||
                    str_eq(call->operation, S("RevokeToken"));
    if (by_token) {
        return check_secret(call);
    }
    if (str_starts(json_get_str(call->in, S("AuthFlow")), S("REFRESH_TOKEN"))) {
        return NULL;
    }
    str direct = json_get_str(call->in, S("Username"));
    str username = direct.len > 0 ? direct : json_get_str(parameters_of(call), S("USERNAME"));
    return auth_check_secret_hash(call, username);
}
