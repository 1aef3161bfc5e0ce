// preTokenGeneration: claims added, changed and taken away, groups and roles in place of the
// user's. Version 1 changes the id token, and the groups of both; later versions the access token
// as well.
#include "auth/auth_trigger.h"

enum { CLAIMS_MAX = 10000 }; // bytes of a token's claims

// What is what it is, whatever a function says.
static bool is_fixed(str name)
{
    static const str FIXED[] = {S_INIT("acr"), S_INIT("amr"), S_INIT("at_hash"), S_INIT("aud"),
        S_INIT("auth_time"), S_INIT("azp"), S_INIT("client_id"), S_INIT("device_key"),
        S_INIT("event_id"), S_INIT("exp"), S_INIT("iat"), S_INIT("identities"), S_INIT("iss"),
        S_INIT("jti"), S_INIT("nbf"), S_INIT("nonce"), S_INIT("origin_jti"), S_INIT("scope"),
        S_INIT("sub"), S_INIT("token_use"), S_INIT("username"), S_INIT("version")};
    for (size_t i = 0; i < countof(FIXED); i++) {
        if (str_eq(FIXED[i], name)) {
            return true;
        }
    }
    return str_starts(name, S("cognito:"));
}

static bool has_text(const struct json *list, str text)
{
    json_each (item, list) {
        if (item->kind == JSON_STRING && str_eq(item->text, text)) {
            return true;
        }
    }
    return false;
}

// A list of texts, or nothing.
static err *check_texts(struct auth_call *call, const struct json *list)
{
    if (json_is_null(list)) {
        return NULL;
    }
    if (list->kind != JSON_ARRAY) {
        return auth_bad_response(call);
    }
    json_each (item, list) {
        if (item->kind != JSON_STRING || item->text.len == 0) {
            return auth_bad_response(call);
        }
    }
    return NULL;
}

static err *change(
    struct auth_call *call, struct json *claims, const struct json *details, bool only_texts)
{
    const struct json *added = json_get(details, S("claimsToAddOrOverride"));
    const struct json *suppressed = json_get(details, S("claimsToSuppress"));
    TRY(check_texts(call, suppressed));
    if (!json_is_null(added) && added->kind != JSON_OBJECT) {
        return auth_bad_response(call);
    }
    json_each (claim, added) {
        if (only_texts && claim->kind != JSON_STRING) {
            return auth_bad_response(call);
        }
        if (!is_fixed(claim->key)) {
            json_set(claims, claim->key, json_copy(call->arena, claim));
        }
    }
    json_each (name, suppressed) {
        if (!is_fixed(name->text)) {
            json_remove(claims, name->text);
        }
    }
    return json_text(call->arena, claims).len <= CLAIMS_MAX ? NULL : auth_bad_response(call);
}

// ---- scopes --------------------------------------------------------------------------------

static struct json *scopes_of(struct arena *a, const struct json *claims)
{
    struct json *list = json_array(a);
    str rest = json_get_str(claims, S("scope"));
    str scope = {};
    while (str_next(&rest, ' ', &scope)) {
        json_push(list, json_string(a, scope));
    }
    return list;
}

static err *change_scopes(struct auth_call *call, struct json *claims, const struct json *details)
{
    const struct json *added = json_get(details, S("scopesToAdd"));
    const struct json *suppressed = json_get(details, S("scopesToSuppress"));
    struct json *scopes = scopes_of(call->arena, claims);
    str text = {};
    TRY(check_texts(call, added));
    TRY(check_texts(call, suppressed));
    json_each (scope, added) {
        if (str_find_char(scope->text, ' ') >= 0) {
            return auth_bad_response(call);
        }
        if (!has_text(scopes, scope->text)) {
            json_push(scopes, json_string(call->arena, scope->text));
        }
    }
    json_each (scope, scopes) {
        if (!has_text(suppressed, scope->text)) {
            text = str_cat(call->arena, text, text.len > 0 ? S(" ") : S(""), scope->text);
        }
    }
    json_set(claims, S("scope"), json_string(call->arena, text));
    return NULL;
}

// ---- groups --------------------------------------------------------------------------------

static void replace(struct arena *a, struct json *claims, str name, const struct json *list)
{
    if (json_is_null(list) || list->count == 0) {
        json_remove(claims, name);
    } else {
        json_set(claims, name, json_copy(a, list));
    }
}

static void grant(
    struct arena *a, struct json *granted, const struct json *list, const struct json *own)
{
    json_each (item, list) {
        if (!has_text(own, item->text) && !has_text(granted, item->text)) {
            json_push(granted, json_string(a, item->text));
        }
    }
}

// Lists that are left out are empty ones.
static err *change_groups(
    struct auth_call *call, struct auth_token_claims *claims, const struct json *details)
{
    check(claims->granted != NULL);
    struct arena *a = call->arena;
    const struct json *groups = json_get(details, S("groupsToOverride"));
    const struct json *roles = json_get(details, S("iamRolesToOverride"));
    str preferred = json_get_str(details, S("preferredRole"));
    if (json_is_null(details)) {
        return NULL;
    }
    if (details->kind != JSON_OBJECT) {
        return auth_bad_response(call);
    }
    TRY(check_texts(call, groups));
    TRY(check_texts(call, roles));
    const struct json *own_roles = json_get(claims->id, S("cognito:roles"));
    grant(a, claims->granted, groups, json_get(claims->id, S("cognito:groups")));
    grant(a, claims->granted, roles, own_roles);
    if (preferred.len > 0 && !has_text(own_roles, preferred) &&
        !has_text(claims->granted, preferred)) {
        json_push(claims->granted, json_string(a, preferred));
    }
    replace(a, claims->id, S("cognito:groups"), groups);
    replace(a, claims->access, S("cognito:groups"), groups);
    replace(a, claims->id, S("cognito:roles"), roles);
    json_remove(claims->id, S("cognito:preferred_role"));
    if (preferred.len > 0) {
        json_set(claims->id, S("cognito:preferred_role"), json_string(a, preferred));
    }
    return NULL;
}

// ---- the trigger ---------------------------------------------------------------------------

static const char *source_of(const struct auth_call *call, bool is_refresh)
{
    str answered = auth_text(call, "ChallengeName");
    if (is_refresh) {
        return "RefreshTokens";
    }
    return str_eq(answered, S("NEW_PASSWORD_REQUIRED"))      ? "NewPasswordChallenge"
           : str_eq(answered, S("DEVICE_PASSWORD_VERIFIER")) ? "AuthenticateDevice"
                                                             : "Authentication";
}

// Of an override of the pool; without one it is the first.
static const char *version_of(const struct auth_call *call)
{
    const struct json *pool = json_get(call->service->definition, S("userPool"));
    const struct json *config =
        json_get(json_get(pool, S("lambdaConfig")), S("preTokenGenerationConfig"));
    str version = json_get_str(config, S("lambdaVersion"));
    return str_starts(version, S("V2")) ? "2" : str_starts(version, S("V3")) ? "3" : "1";
}

static struct json *list_or_none(struct arena *a, const struct json *list)
{
    return json_is_null(list) ? json_array(a) : json_copy(a, list);
}

static struct json *request_of(
    struct auth_call *call, const struct auth_token_claims *claims, bool with_scopes)
{
    struct arena *a = call->arena;
    struct json *request = json_object(a);
    struct json *groups = json_object(a);
    str preferred = json_get_str(claims->id, S("cognito:preferred_role"));
    json_set(
        groups, S("groupsToOverride"), list_or_none(a, json_get(claims->id, S("cognito:groups"))));
    json_set(
        groups, S("iamRolesToOverride"), list_or_none(a, json_get(claims->id, S("cognito:roles"))));
    json_set(
        groups, S("preferredRole"), preferred.len > 0 ? json_string(a, preferred) : json_null(a));
    json_set(request, S("groupConfiguration"), groups);
    if (with_scopes) {
        json_set(request, S("scopes"), scopes_of(a, claims->access));
    }
    auth_add_metadata(call, request);
    return request;
}

err *auth_pre_token(
    struct auth_call *call, const struct auth_user *user, struct auth_token_claims *claims)
{
    check(claims->id != NULL && claims->access != NULL);
    struct json *response = NULL;
    const char *version = version_of(call);
    bool first = version[0] == '1';
    str name = first ? S("claimsOverrideDetails") : S("claimsAndScopeOverrideDetails");
    claims->granted = json_array(call->arena);
    if (!auth_has_trigger(call, AUTH_PRE_TOKEN_GENERATION)) {
        return NULL;
    }
    struct auth_event event = {.trigger = AUTH_PRE_TOKEN_GENERATION,
        .source = source_of(call, claims->is_refresh),
        .version = version,
        .user = user,
        .request = request_of(call, claims, !first),
        .response = json_object(call->arena)};
    json_set(event.response, name, json_null(call->arena));
    TRY(auth_trigger(call, &event, &response));
    const struct json *details = json_get(response, name);
    if (json_is_null(details)) {
        return NULL;
    }
    if (details->kind != JSON_OBJECT) {
        return auth_bad_response(call);
    }
    TRY(change_groups(call, claims, json_get(details, S("groupOverrideDetails"))));
    if (first) {
        return change(call, claims->id, details, true);
    }
    const struct json *access = json_get(details, S("accessTokenGeneration"));
    TRY(change(call, claims->id, json_get(details, S("idTokenGeneration")), false));
    TRY(change_scopes(call, claims->access, access));
    return change(call, claims->access, access, false);
}
