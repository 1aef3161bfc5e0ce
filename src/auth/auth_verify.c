// Tokens that come back: verified once, then remembered by the loop until they end.
#include "auth/auth_token.h"

// Users decide how large their tokens are: by their attributes, up to 16 KiB.
enum { TOKENS_MAX = 20000, BYTES_MAX = 128 << 20 };

struct verified { // a token this loop has verified
    struct arena *arena;
    str token;
    unsigned long long generation; // when its sign-in was last seen
    u64 ends_s;
    struct auth_claims claims;
};

struct auth_tokens {
    struct map *map; // token -> struct verified
    size_t bytes;    // of their arenas
};

struct auth_tokens *auth_tokens_new(void)
{
    struct auth_tokens *tokens = mem_new(struct auth_tokens);
    tokens->map = map_new(NULL);
    return tokens;
}

static void forget_all(struct auth_tokens *tokens)
{
    size_t pos = 0;
    str key = {};
    void *value = NULL;
    struct map *old = tokens->map;
    tokens->map = map_new(NULL);
    tokens->bytes = 0;
    while (map_next(old, &pos, &key, &value)) {
        arena_free(((struct verified *)value)->arena);
    }
    map_free(old);
}

void auth_tokens_free(struct auth_tokens *tokens)
{
    forget_all(tokens);
    map_free(tokens->map);
    mem_free(tokens);
}

static void forget(struct auth_tokens *tokens, struct verified *entry)
{
    size_t bytes = arena_used(entry->arena);
    check(bytes <= tokens->bytes);
    tokens->bytes -= bytes;
    map_remove(tokens->map, entry->token);
    arena_free(entry->arena);
}

static void read_claims(struct arena *arena, const struct json *claims, struct auth_claims *out)
{
    const struct json *groups = json_get(claims, S("cognito:groups"));
    str *names = arena_array(arena, str, groups != NULL ? groups->count : 0);
    *out = (struct auth_claims){.claims = claims,
        .sub = json_get_str(claims, S("sub")),
        .groups = names,
        .is_access = str_eq(json_get_str(claims, S("token_use")), S("access"))};
    out->username = json_get_str(claims, out->is_access ? S("username") : S("cognito:username"));
    json_each (group, groups) {
        names[out->group_count++] = group->text;
    }
}

static err *bad_token(struct arena *arena, const char *what)
{
    return fail(arena, ERR_UNAUTHORIZED, "%s", what);
}

// The one reason that operations tell under another name.
static const char USER_IS_GONE[] = "User does not exist.";

// Signature, issuer, audience, use and time.
static err *check_token(struct auth_hub *hub, struct arena *arena,
    const struct auth_service *service, str token, struct crypto_jwt *jwt) YIELDS;

static err *check_token(struct auth_hub *hub, struct arena *arena,
    const struct auth_service *service, str token, struct crypto_jwt *jwt)
{
    const struct crypto_rsa *key = NULL;
    if (crypto_jwt_parse(arena, token, jwt) != NULL) {
        return bad_token(arena, "Invalid Access Token");
    }
    str use = json_get_str(jwt->claims, S("token_use"));
    bool access = str_eq(use, S("access"));
    enum auth_key_use kind = access ? AUTH_KEY_ACCESS : AUTH_KEY_ID;
    str client = json_get_str(jwt->claims, access ? S("client_id") : S("aud"));
    TRY(auth_keys_find(hub, arena, kind, jwt->kid, &key));
    if ((!access && !str_eq(use, S("id"))) || key == NULL ||
        crypto_jwt_verify_rs256(arena, jwt, key) != NULL) {
        return bad_token(arena, "Could not verify signature for Access Token");
    }
    if (!str_eq(json_get_str(jwt->claims, S("iss")), service->issuer) ||
        !str_eq(client, service->client_id)) {
        return bad_token(arena, "Access Token is not issued by this pool");
    }
    if (crypto_jwt_check_times(arena, jwt, hub->now_ms() / 1000, 0) != NULL) {
        return bad_token(arena, "Access Token has expired");
    }
    return NULL;
}

// The sign-in has not ended, and its user may sign in.
static err *check_sign_in(
    struct auth_hub *hub, struct arena *arena, const struct json *claims, struct json **out) YIELDS;

static err *check_sign_in(
    struct auth_hub *hub, struct arena *arena, const struct json *claims, struct json **out)
{
    struct json *row = NULL;
    struct json *user = NULL;
    str id = json_get_str(claims, S("origin_jti"));
    str sub = json_get_str(claims, S("sub"));
    if (!auth_is_uuid(id) || !auth_is_uuid(sub)) {
        return bad_token(arena, "Invalid Access Token");
    }
    TRY(store_get(hub->store, arena, AUTH_SIGN_INS, json_string(arena, id), NULL, &row));
    TRY(store_get(hub->store, arena, AUTH_USERS, json_string(arena, sub), NULL, &user));
    if (user == NULL) {
        return bad_token(arena, USER_IS_GONE);
    }
    if (!json_get_bool(user, S("enabled"), true)) {
        return bad_token(arena, "User is disabled.");
    }
    if (row == NULL) {
        return bad_token(arena, "Access Token has been revoked");
    }
    *out = row;
    return NULL;
}

static bool has_text(const struct json *list, str text)
{
    json_each (item, list) {
        if (str_eq(item->text, text)) {
            return true;
        }
    }
    return false;
}

// Leaves of a claim that is a list what is in `allowed`; a list of nothing is no claim.
static void narrow(
    struct arena *arena, struct json *claims, const char *name, const struct json *allowed)
{
    struct json *left = json_array(arena);
    json_each (item, json_get(claims, str_from(name))) {
        if (has_text(allowed, item->text)) {
            json_push(left, json_string(arena, item->text));
        }
    }
    if (left->count > 0) {
        json_set(claims, str_from(name), left);
    } else {
        json_remove(claims, str_from(name));
    }
}

static void push_all(struct arena *arena, struct json *list, const struct json *more)
{
    json_each (item, more) {
        json_push(list, json_string(arena, item->text));
    }
}

// Takes groups that the user has left out of the claims, and the roles that came with them. Those
// that the project's function has given stay.
static err *narrow_groups(struct auth_hub *hub, struct arena *arena, const struct json *granted,
    struct json *claims) YIELDS;

static err *narrow_groups(
    struct auth_hub *hub, struct arena *arena, const struct json *granted, struct json *claims)
{
    struct auth_call call = {.arena = arena, .hub = hub};
    struct json *groups = NULL;
    struct json *roles = NULL;
    str preferred = {};
    if (json_get(claims, S("cognito:groups")) == NULL &&
        json_get(claims, S("cognito:roles")) == NULL) {
        return NULL;
    }
    TRY(auth_groups_of(&call, json_get_str(claims, S("sub")), &groups, &roles, &preferred));
    push_all(arena, groups, granted);
    push_all(arena, roles, granted);
    narrow(arena, claims, "cognito:groups", groups);
    narrow(arena, claims, "cognito:roles", roles);
    const struct json *left = json_get(claims, S("cognito:roles"));
    str named = json_get_str(claims, S("cognito:preferred_role"));
    if (!has_text(left, named) && !has_text(granted, named)) {
        json_remove(claims, S("cognito:preferred_role"));
        if (has_text(left, preferred)) {
            json_set(claims, S("cognito:preferred_role"), json_string(arena, preferred));
        }
    }
    return NULL;
}

// What the store says about the claims of a token whose signature is good.
static err *check_store(struct auth_hub *hub, struct arena *arena, struct json *claims) YIELDS;

static err *check_store(struct auth_hub *hub, struct arena *arena, struct json *claims)
{
    struct json *row = NULL;
    TRY(check_sign_in(hub, arena, claims, &row));
    return narrow_groups(hub, arena, json_get(row, S("granted")), claims);
}

// Remembers a token, in place of what was known of it.
static void keep(
    struct auth_tokens *tokens, const struct json *claims, str token, unsigned long long generation)
{
    struct verified *old = map_get(tokens->map, token);
    if (old != NULL && old->generation > generation) {
        return; // another fiber has looked later
    }
    if (old != NULL) {
        forget(tokens, old);
    } else if (map_count(tokens->map) >= TOKENS_MAX || tokens->bytes >= BYTES_MAX) {
        forget_all(tokens);
    }
    struct arena *arena = arena_new();
    struct verified *entry = arena_new_of(arena, struct verified);
    *entry = (struct verified){.arena = arena,
        .token = str_dup(arena, token),
        .generation = generation,
        .ends_s = (u64)json_get_int(claims, S("exp"), 0)};
    read_claims(arena, json_copy(arena, claims), &entry->claims);
    tokens->bytes += arena_used(arena);
    map_set(tokens->map, entry->token, entry);
}

// A token seen for the first time, or for the first time in this generation: those that were
// verified need no second look at their signature, but at what the store says about all of it.
static err *verify(struct auth_hub *hub, struct arena *arena, str token, bool is_known,
    struct auth_claims *out) YIELDS;

static err *verify(
    struct auth_hub *hub, struct arena *arena, str token, bool is_known, struct auth_claims *out)
{
    struct auth_loop *here = auth_hub_here(hub);
    struct crypto_jwt jwt = {};
    // Read before the store is: what changes in between is seen the next time.
    unsigned long long generation = atomic_load(&hub->generation);
    if (is_known) {
        TRY(crypto_jwt_parse(arena, token, &jwt));
    } else {
        struct auth_service *service = auth_service_hold(here->service);
        err *e = check_token(hub, arena, service, token, &jwt);
        auth_service_release(service);
        TRY(e);
    }
    err *e = check_store(hub, arena, jwt.claims);
    struct verified *entry = map_get(here->tokens->map, token);
    if (e == NULL) {
        keep(here->tokens, jwt.claims, token, generation);
        read_claims(arena, jwt.claims, out);
    } else if (entry != NULL && e->code == ERR_UNAUTHORIZED) {
        forget(here->tokens, entry);
    }
    return e;
}

err *auth_verify_token(
    struct auth_hub *hub, struct arena *arena, str token, struct auth_claims *out)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    struct auth_loop *here = auth_hub_here(hub);
    struct verified *entry = map_get(here->tokens->map, token);
    if (here->service == NULL) {
        return bad_token(arena, "This backend has no auth.");
    }
    if (entry != NULL && entry->ends_s <= hub->now_ms() / 1000) {
        forget(here->tokens, entry);
        return bad_token(arena, "Access Token has expired");
    }
    if (entry == NULL || entry->generation != atomic_load(&hub->generation)) {
        return verify(hub, arena, token, entry != NULL, out);
    }
    read_claims(arena, json_copy(arena, entry->claims.claims), out);
    return NULL;
}

err *auth_claims_stand(struct auth_hub *hub, struct arena *arena, struct json *claims)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    return check_store(hub, arena, claims);
}

err *auth_call_use_token(struct auth_call *call, str token)
{
    err *e = auth_verify_token(call->hub, call->arena, token, &call->claims);
    if (e != NULL && e->code == ERR_UNAUTHORIZED) {
        return str_eq(e->text, str_from(USER_IS_GONE))
                   ? auth_no_user(call->arena)
                   : auth_refuse(call->arena, "NotAuthorizedException", "%.*s", PRI(e->text));
    }
    TRY(e);
    if (!call->claims.is_access) {
        return auth_refuse(call->arena, "NotAuthorizedException", "Invalid Access Token");
    }
    str scopes = json_get_str(call->claims.claims, S("scope"));
    if (str_find(scopes, S("aws.cognito.signin.user.admin")) < 0) {
        return auth_refuse(
            call->arena, "NotAuthorizedException", "Access Token does not have required scopes");
    }
    TRY(auth_user_load(call, call->claims.sub, &call->user));
    if (call->user == NULL) {
        return auth_no_user(call->arena);
    }
    return str_eq(auth_user_status(call->user), S("RESET_REQUIRED"))
               ? auth_refuse(call->arena, "PasswordResetRequiredException",
                     "Password reset required for the user")
               : NULL;
}
