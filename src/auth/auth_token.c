// Tokens of a sign-in: issued, refreshed, ended. A sign-in is a row of _auth.signins
// under its origin_jti, which all of its tokens carry; they are good while the row is there.
#include "auth/auth_token.h"

#include "auth/auth_device.h"
#include "auth/auth_trigger.h"

enum { REFRESH_SECRET = 32, UUID_TEXT = 36, ROTATIONS_MAX = 1000 };

// ---- claims --------------------------------------------------------------------------------

struct sign_in { // what all tokens of one sign-in share
    str id;
    u64 auth_time;
    str device_key;
    str event_id;
    bool is_refresh;
    const struct json *granted; // by the project's function, to its latest tokens
};

static bool is_readable(const struct auth_service *service, str name)
{
    const struct json *readable =
        json_get(json_get(service->definition, S("client")), S("readAttributes"));
    if (json_is_null(readable) || readable->kind != JSON_ARRAY) {
        return true;
    }
    json_each (item, readable) {
        if (str_eq(item->text, name)) {
            return true;
        }
    }
    return false;
}

// Flags are booleans in the id token, the address is an object, all else text.
static void add_attribute(struct auth_call *call, struct json *claims, const struct json *attribute)
{
    struct arena *a = call->arena;
    str name = attribute->key;
    i64 number = 0;
    if (!is_readable(call->service, name)) {
        return;
    }
    if (str_ends(name, S("_verified"))) {
        json_set(claims, name, json_bool(a, str_eq(attribute->text, S("true"))));
    } else if (str_eq(name, S("address"))) {
        struct json *address = json_object(a);
        json_set(address, S("formatted"), json_string(a, attribute->text));
        json_set(claims, name, address);
    } else if (str_eq(name, S("updated_at")) && str_to_i64(attribute->text, &number)) {
        json_set(claims, name, json_int(a, number));
    } else {
        json_set(claims, name, json_string(a, attribute->text));
    }
}

static void add_roles(struct arena *a, struct json *claims, struct json *roles, str preferred)
{
    if (preferred.len > 0) {
        json_set(claims, S("cognito:preferred_role"), json_string(a, preferred));
    }
    if (roles != NULL && roles->count > 0) {
        json_set(claims, S("cognito:roles"), roles);
    }
}

static struct json *common(struct auth_call *call, const struct auth_user *user,
    const struct sign_in *sign_in, const char *use, u64 now)
{
    struct arena *a = call->arena;
    struct json *claims = json_object(a);
    bool access = strcmp(use, "access") == 0;
    u64 life = access ? call->service->access_s : call->service->id_s;
    json_set(claims, S("sub"), json_string(a, user->id));
    json_set(claims, S("iss"), json_string(a, call->service->issuer));
    json_set(claims, access ? S("client_id") : S("aud"), json_string(a, call->service->client_id));
    json_set(claims, S("origin_jti"), json_string(a, sign_in->id));
    json_set(claims, S("event_id"), json_string(a, sign_in->event_id));
    json_set(claims, S("token_use"), json_string(a, str_from(use)));
    json_set(claims, S("auth_time"), json_int(a, (i64)sign_in->auth_time));
    json_set(claims, S("exp"), json_int(a, (i64)(now + life)));
    json_set(claims, S("iat"), json_int(a, (i64)now));
    json_set(claims, S("jti"), json_string(a, random_uuid(a)));
    return claims;
}

struct token_work {
    struct arena *arena;
    const struct crypto_rsa *id_key;
    const struct crypto_rsa *access_key;
    str id_claims;
    str access_claims;
    str id;
    str access;
};

static void sign_work(void *arg)
{
    struct token_work *work = arg;
    work->id = crypto_jwt_sign(work->arena, work->id_key, work->id_claims);
    work->access = crypto_jwt_sign(work->arena, work->access_key, work->access_claims);
}

// The id and access token into a new AuthenticationResult.
static err *issue(struct auth_call *call, const struct auth_user *user, struct sign_in *sign_in,
    struct json **out) YIELDS;

static err *issue(struct auth_call *call, const struct auth_user *user, struct sign_in *sign_in,
    struct json **out)
{
    struct arena *a = call->arena;
    struct token_work work = {.arena = a};
    struct json *groups = NULL;
    struct json *roles = NULL;
    str preferred = {};
    u64 now = call->hub->now_ms() / 1000;
    TRY(auth_keys_wait(call->hub, a, AUTH_KEY_ID, &work.id_key));
    TRY(auth_keys_wait(call->hub, a, AUTH_KEY_ACCESS, &work.access_key));
    TRY(auth_groups_of(call, user->id, &groups, &roles, &preferred));
    struct json *id = common(call, user, sign_in, "id", now);
    struct json *access = common(call, user, sign_in, "access", now);
    if (groups->count > 0) {
        json_set(id, S("cognito:groups"), groups);
        json_set(access, S("cognito:groups"), json_copy(a, groups));
    }
    add_roles(a, id, roles, preferred);
    json_set(id, S("cognito:username"), json_string(a, user->username));
    json_each (attribute, user->attributes) {
        add_attribute(call, id, attribute);
    }
    json_set(access, S("username"), json_string(a, user->username));
    json_set(access, S("scope"), json_string(a, S("aws.cognito.signin.user.admin")));
    if (sign_in->device_key.len > 0) {
        json_set(access, S("device_key"), json_string(a, sign_in->device_key));
    }
    struct auth_token_claims claims = {
        .id = id, .access = access, .is_refresh = sign_in->is_refresh};
    TRY(auth_pre_token(call, user, &claims));
    sign_in->granted = claims.granted;
    work.id_claims = json_text(a, id);
    work.access_claims = json_text(a, access);
    TRY(worker_run(sign_work, &work));
    struct json *result = json_object(a);
    json_set(result, S("AccessToken"), json_string(a, work.access));
    json_set(result, S("IdToken"), json_string(a, work.id));
    json_set(result, S("ExpiresIn"), json_int(a, (i64)call->service->access_s));
    json_set(result, S("TokenType"), json_string(a, S("Bearer")));
    *out = result;
    return NULL;
}

// ---- refresh tokens ------------------------------------------------------------------------

// The sign-in's id and a secret: the row is found by the one and compared with the other.
static str new_refresh_token(struct arena *arena, str sign_in)
{
    u8 secret[REFRESH_SECRET];
    random_bytes(secret, sizeof(secret));
    str bytes = str_cat(arena, sign_in, (str){(const char *)secret, sizeof(secret)});
    return base64url_encode(arena, bytes);
}

// What follows a token is always the same, so that an answer that got lost can be repeated although
// no token is kept; without the instance's key nobody can tell what it is.
static str next_refresh_token(
    struct arena *arena, const struct auth_hub *hub, str sign_in, str token)
{
    u8 secret[CRYPTO_SHA256_SIZE];
    static_assert(sizeof(secret) == REFRESH_SECRET);
    check(sign_in.len == UUID_TEXT && token.len > 0);
    str key = {(const char *)hub->refresh_key.bytes, CRYPTO_KEY_SIZE};
    crypto_hmac_sha256(key, str_cat(arena, sign_in, S("#"), token), secret);
    str bytes = str_cat(arena, sign_in, (str){(const char *)secret, sizeof(secret)});
    return base64url_encode(arena, bytes);
}

static str digest_of(struct arena *arena, str token)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_sha256(token, digest);
    return hex_encode(arena, (str){(const char *)digest, sizeof(digest)});
}

// The row's token or the one before.
static bool is_kept(const struct json *row, str digest)
{
    bool old = bytes_eq_secret(digest, json_get_str(row, S("oldToken")));
    return bytes_eq_secret(digest, json_get_str(row, S("token"))) || old;
}

struct walk { // from a token to those that followed it
    struct arena *arena;
    const struct auth_hub *hub;
    const struct json *row;
    str token;
    bool arrives;
};

static void walk_work(void *arg)
{
    struct walk *walk = arg;
    i64 steps = json_get_int(walk->row, S("rotations"), 0);
    steps = steps < ROTATIONS_MAX ? steps : ROTATIONS_MAX;
    for (; steps > 0 && !walk->arrives; steps--) {
        walk->token = next_refresh_token(
            walk->arena, walk->hub, json_get_str(walk->row, S("id")), walk->token);
        walk->arrives = is_kept(walk->row, digest_of(walk->arena, walk->token));
    }
}

// Whether a token of the sign-in once was, that others have replaced since: they follow from it.
static err *was_token(struct auth_call *call, const struct json *row, str token, bool *was) YIELDS;

static err *was_token(struct auth_call *call, const struct json *row, str token, bool *was)
{
    struct walk walk = {.arena = call->arena, .hub = call->hub, .row = row, .token = token};
    err *e = json_get_int(row, S("rotations"), 0) > 0 ? worker_run(walk_work, &walk) : NULL;
    *was = walk.arrives;
    return e;
}

static bool sign_in_of(struct arena *arena, str token, str *id)
{
    str bytes = {};
    if (token.len > 256 || !base64_decode(arena, token, &bytes) ||
        bytes.len != UUID_TEXT + REFRESH_SECRET) {
        return false;
    }
    *id = str_sub(bytes, 0, UUID_TEXT);
    return auth_is_uuid(*id);
}

err *auth_sign_in(struct auth_call *call, struct auth_user *user, str device_key,
    struct store_write *more, size_t count)
{
    check(user->rev != NULL); // only who is in the store gets tokens
    check(count == 0 || more != NULL);
    struct arena *a = call->arena;
    u64 now = call->hub->now_ms();
    struct sign_in sign_in = {.id = random_uuid(a),
        .auth_time = now / 1000,
        .device_key = device_key,
        .event_id = random_uuid(a)};
    struct json *result = NULL;
    str refresh = new_refresh_token(a, sign_in.id);
    TRY(issue(call, user, &sign_in, &result));
    struct json *row = json_object(a);
    json_set(row, S("id"), json_string(a, sign_in.id));
    json_set(row, S("user"), json_string(a, user->id));
    json_set(row, S("client"), json_string(a, call->service->client_id));
    json_set(row, S("authTime"), json_int(a, (i64)sign_in.auth_time));
    json_set(row, S("event"), json_string(a, sign_in.event_id));
    json_set(row, S("token"), json_string(a, digest_of(a, refresh)));
    json_set(row, S("ends"), json_int(a, (i64)(now + call->service->refresh_s * 1000)));
    if (device_key.len > 0) {
        json_set(row, S("device"), json_string(a, device_key));
    }
    if (sign_in.granted->count > 0) {
        json_set(row, S("granted"), json_copy(a, sign_in.granted));
    }
    // The user must still be the one whose proof was seen: not deleted, disabled or changed.
    struct store_write *writes = arena_array(a, struct store_write, count + 2);
    writes[0] = (struct store_write){.kind = STORE_CHECK,
        .table = AUTH_USERS,
        .pk = json_string(a, user->id),
        .condition = store_pred_and(a,
            auth_unchanged(a, S("passwordVersion"), json_get(user->item, S("passwordVersion"))),
            store_pred_and(a, auth_unchanged(a, S("enabled"), json_get(user->item, S("enabled"))),
                auth_unchanged(a, S("status"), json_get(user->item, S("status")))))};
    writes[1] = (struct store_write){
        .kind = STORE_PUT, .table = AUTH_SIGN_INS, .item = row, .only_absent = true};
    for (size_t i = 0; i < count; i++) {
        writes[i + 2] = more[i];
    }
    size_t failed = 0;
    err *e = store_write(call->hub->store, a, writes, count + 2, &failed);
    if (e != NULL && e->code == ERR_CONDITION_FAILED) {
        return failed < 2 ? auth_wrong_password(a) : auth_session_used(call);
    }
    TRY(e);
    json_set(result, S("RefreshToken"), json_string(a, refresh));
    auth_answer(call, "ChallengeParameters", json_object(a));
    auth_answer(call, "AuthenticationResult", result);
    return NULL;
}

static err *not_authorised(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "NotAuthorizedException", "%s", what);
}

static err *token_reused(struct auth_call *call)
{
    return auth_refuse(
        call->arena, "RefreshTokenReuseException", "Refresh token has been used already.");
}

// The row of a refresh token that may still be used.
static err *find_sign_in(struct auth_call *call, str token, struct json **row, bool *is_old) YIELDS;

static err *find_sign_in(struct auth_call *call, str token, struct json **row, bool *is_old)
{
    str id = {};
    *row = NULL;
    *is_old = false;
    if (!sign_in_of(call->arena, token, &id)) {
        return not_authorised(call, "Invalid Refresh Token");
    }
    TRY(auth_get(call, AUTH_SIGN_INS, id, row));
    if (*row == NULL) {
        return not_authorised(call, "Refresh Token has been revoked");
    }
    str digest = digest_of(call->arena, token);
    *is_old = bytes_eq_secret(digest, json_get_str(*row, S("oldToken")));
    if (!is_kept(*row, digest)) {
        bool was = false;
        TRY(was_token(call, *row, token, &was));
        return was ? token_reused(call) : not_authorised(call, "Invalid Refresh Token");
    }
    if ((u64)json_get_int(*row, S("ends"), 0) <= call->hub->now_ms()) {
        return not_authorised(call, "Refresh Token has expired");
    }
    return NULL;
}

// Somebody was faster: with the same token, which is as good as having been first, or by a
// sign-out.
static err *overtaken(struct auth_call *call, str id, str token) YIELDS;

static err *overtaken(struct auth_call *call, str id, str token)
{
    struct json *row = NULL;
    TRY(auth_get(call, AUTH_SIGN_INS, id, &row));
    if (row == NULL) {
        return not_authorised(call, "Refresh Token has been revoked");
    }
    bool same = bytes_eq_secret(digest_of(call->arena, token), json_get_str(row, S("oldToken")));
    return same ? NULL : auth_refuse(call->arena, "TooManyRequestsException", "Rate exceeded");
}

// With rotation the token is replaced; for the time of grace its predecessor gets the same answer.
static err *rotate(
    struct auth_call *call, struct json *row, str token, bool is_old, str *next) YIELDS;

static err *rotate(struct auth_call *call, struct json *row, str token, bool is_old, str *next)
{
    struct arena *a = call->arena;
    u64 now = call->hub->now_ms();
    str id = json_get_str(row, S("id"));
    if (is_old && (u64)json_get_int(row, S("graceEnds"), 0) <= now) {
        return token_reused(call);
    }
    *next = next_refresh_token(a, call->hub, id, token);
    if (is_old) {
        return NULL;
    }
    struct json *set = json_object(a);
    json_set(set, S("token"), json_string(a, digest_of(a, *next)));
    json_set(set, S("oldToken"), json_string(a, json_get_str(row, S("token"))));
    json_set(set, S("rotations"), json_int(a, json_get_int(row, S("rotations"), 0) + 1));
    json_set(set, S("graceEnds"), json_int(a, (i64)(now + call->service->grace_s * 1000)));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = AUTH_SIGN_INS,
        .pk = json_string(a, id),
        .set = set,
        .only_existing = true,
        .condition = auth_unchanged(a, S("token"), json_get(row, S("token")))};
    err *e = store_write(call->hub->store, a, &write, 1, NULL);
    return e != NULL && e->code == ERR_CONDITION_FAILED ? overtaken(call, id, token) : e;
}

// Groups and roles that the function gave to the new tokens, when they are others than before.
static err *keep_granted(
    struct auth_call *call, const struct json *row, const struct json *granted) YIELDS;

static err *keep_granted(struct auth_call *call, const struct json *row, const struct json *granted)
{
    struct arena *a = call->arena;
    const struct json *former = json_get(row, S("granted"));
    if (json_equal(former != NULL ? former : json_array(a), granted)) {
        return NULL;
    }
    struct json *set = json_object(a);
    json_set(set, S("granted"), json_copy(a, granted));
    struct store_write write = {.kind = STORE_UPDATE,
        .table = AUTH_SIGN_INS,
        .pk = json_get(row, S("id")),
        .set = set,
        .only_existing = true};
    err *e = store_write(call->hub->store, a, &write, 1, NULL);
    if (e != NULL && e->code == ERR_CONDITION_FAILED) {
        return not_authorised(call, "Refresh Token has been revoked");
    }
    TRY(e);
    auth_hub_raise(call->hub); // tokens that had others are looked at again
    return NULL;
}

err *auth_refresh(struct auth_call *call, str token, str device_key, bool by_hash)
{
    check(token.len > 0);
    struct arena *a = call->arena;
    struct json *row = NULL;
    struct json *result = NULL;
    struct auth_user *user = NULL;
    bool is_old = false;
    str next = {};
    TRY(find_sign_in(call, token, &row, &is_old));
    TRY(auth_user_load(call, json_get_str(row, S("user")), &user));
    if (user == NULL) {
        return auth_no_user(a);
    }
    if (by_hash) {
        TRY(auth_check_secret_hash(call, user->username));
    }
    if (!json_get_bool(user->item, S("enabled"), true)) {
        return not_authorised(call, "User is disabled.");
    }
    if (str_eq(auth_user_status(user), S("RESET_REQUIRED"))) {
        return auth_refuse(
            a, "PasswordResetRequiredException", "Password reset required for the user");
    }
    str device = json_get_str(row, S("device"));
    TRY(auth_device_check(call, user, device, device_key));
    struct sign_in sign_in = {.id = json_get_str(row, S("id")),
        .auth_time = (u64)json_get_int(row, S("authTime"), 0),
        .device_key = device,
        .event_id = json_get_str(row, S("event")),
        .is_refresh = true};
    TRY(issue(call, user, &sign_in, &result));
    // After the function: who gets no tokens keeps the one there was.
    if (call->service->rotates || is_old) {
        TRY(rotate(call, row, token, is_old, &next));
    }
    TRY(keep_granted(call, row, sign_in.granted));
    if (next.len > 0) {
        json_set(result, S("RefreshToken"), json_string(a, next));
    }
    auth_answer(call, "AuthenticationResult", result);
    return NULL;
}

err *auth_get_tokens_from_refresh_token(struct auth_call *call)
{
    str token = {};
    TRY(auth_need_client(call));
    TRY(auth_need(call, "RefreshToken", 4096, &token));
    return auth_refresh(call, token, auth_text(call, "DeviceKey"), false);
}

// ---- ends ----------------------------------------------------------------------------------

static err *end_sign_ins(struct auth_call *call, str user) YIELDS;

static err *end_sign_ins(struct auth_call *call, str user)
{
    struct store_query query = {
        .table = AUTH_SIGN_INS, .index = S("byUser"), .pk = auth_str(call, user)};
    do {
        struct store_page page = {};
        TRY(store_query(call->hub->store, call->arena, &query, &page));
        struct store_write *writes = arena_array(call->arena, struct store_write, page.count);
        for (size_t i = 0; i < page.count; i++) {
            writes[i] = (struct store_write){.kind = STORE_DELETE,
                .table = AUTH_SIGN_INS,
                .pk = json_get(page.items[i], S("id"))};
        }
        if (page.count > 0) {
            TRY(store_write(call->hub->store, call->arena, writes, page.count, NULL));
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

// What has ended before a failure counts as well.
err *auth_sign_out_all(struct auth_call *call, str user)
{
    check(auth_is_uuid(user));
    err *e = end_sign_ins(call, user);
    auth_hub_raise(call->hub);
    return e;
}

err *auth_global_sign_out(struct auth_call *call)
{
    check(call->user != NULL);
    return auth_sign_out_all(call, call->user->id);
}

// A token that is not known any more is as good as revoked: clients sign out of deleted users.
err *auth_revoke_token(struct auth_call *call)
{
    struct arena *a = call->arena;
    str token = {};
    str id = {};
    struct json *row = NULL;
    TRY(auth_need_client(call));
    TRY(auth_need(call, "Token", 16 * 1024, &token));
    if (!call->service->revokes) {
        return auth_refuse(
            a, "UnsupportedOperationException", "Token revocation is not enabled for this client.");
    }
    struct crypto_jwt jwt;
    if (crypto_jwt_parse(a, token, &jwt) == NULL) {
        return auth_refuse(a, "UnsupportedTokenTypeException", "Invalid token type");
    }
    if (!sign_in_of(a, token, &id)) {
        return NULL;
    }
    TRY(auth_get(call, AUTH_SIGN_INS, id, &row));
    if (row == NULL) {
        return NULL;
    }
    bool is_own = is_kept(row, digest_of(a, token));
    if (!is_own) {
        TRY(was_token(call, row, token, &is_own)); // who has an old one signs out all the same
    }
    if (!is_own) {
        return NULL;
    }
    struct store_write write = {
        .kind = STORE_DELETE, .table = AUTH_SIGN_INS, .pk = json_string(a, id)};
    TRY(store_write(call->hub->store, a, &write, 1, NULL));
    auth_hub_raise(call->hub);
    return NULL;
}
