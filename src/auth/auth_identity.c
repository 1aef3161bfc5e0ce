// The identity pool: identities of guests and of users, and what they may do for a while.
#include "auth/auth_identity.h"

#include "auth/auth_token.h"

#include "iam/iam.h"

enum { CREDENTIALS_S = 3600, TOKEN_S = 600 };

static err *not_authorised(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "NotAuthorizedException", "%s", what);
}

// ---- logins --------------------------------------------------------------------------------

struct login { // of the request, proven
    bool given;
    str key; // "provider#sub": row of _auth.logins
    struct auth_claims claims;
};

str auth_provider_of(const struct auth_service *service)
{
    return str_sub(service->issuer, S("https://").len, service->issuer.len);
}

// Why a token is no login, in the identity pool's words.
static err *bad_login(struct auth_call *call, str token, const err *why)
{
    struct crypto_jwt jwt = {};
    i64 ends = 0;
    if (crypto_jwt_parse(call->arena, token, &jwt) != NULL) {
        return not_authorised(
            call, "Invalid login token. Not a valid OpenId Connect identity token.");
    }
    if (str_ends(why->text, S("has expired"))) {
        ends = json_get_int(jwt.claims, S("exp"), 0);
        return auth_refuse(call->arena, "NotAuthorizedException",
            "Invalid login token. Token expired: %llu >= %lld",
            (unsigned long long)(call->hub->now_ms() / 1000), (long long)ends);
    }
    if (!str_eq(json_get_str(jwt.claims, S("iss")), call->service->issuer)) {
        return not_authorised(call, "Invalid login token. Issuer doesn't match providerName");
    }
    return not_authorised(call, "Invalid login token. Couldn't verify signed token.");
}

static err *read_login(struct auth_call *call, struct login *out) YIELDS;

static err *read_login(struct auth_call *call, struct login *out)
{
    const struct json *logins = json_get(call->in, S("Logins"));
    *out = (struct login){};
    if (json_is_null(logins) || logins->count == 0) {
        return NULL;
    }
    str provider = auth_provider_of(call->service);
    str token = json_get_str(logins, provider);
    if (token.len == 0 || logins->count > 1) {
        return not_authorised(
            call, "Token is not from a supported provider of this identity pool.");
    }
    err *e = auth_verify_token(call->hub, call->arena, token, &out->claims);
    if (e != NULL && e->code == ERR_UNAUTHORIZED) {
        return bad_login(call, token, e);
    }
    TRY(e);
    if (out->claims.is_access) {
        return not_authorised(call, "Invalid login token. Missing a required claim: aud");
    }
    out->given = true;
    out->key = str_cat(call->arena, provider, S("#"), out->claims.sub);
    return NULL;
}

// ---- identities ----------------------------------------------------------------------------

err *auth_no_identity(struct auth_call *call, str id)
{
    return auth_refuse(
        call->arena, "ResourceNotFoundException", "Identity '%.*s' not found.", PRI(id));
}

bool auth_is_identity(struct auth_call *call, str id)
{
    str prefix = str_cat(call->arena, call->service->region, S(":"));
    return id.len <= AUTH_IDENTITY_MAX && str_starts(id, prefix) &&
           auth_is_uuid(str_sub(id, prefix.len, id.len));
}

static struct store_write identity_write(struct auth_call *call, str id, str login)
{
    struct json *item = json_object(call->arena);
    json_set(item, S("id"), auth_str(call, id));
    json_set(item, S("created"), json_int(call->arena, (i64)call->hub->now_ms()));
    if (login.len > 0) {
        json_set(item, S("login"), auth_str(call, login));
    }
    return (struct store_write){.kind = STORE_PUT, .table = AUTH_IDENTITIES, .item = item};
}

// Identities that were deleted, or that lost their login, have a row of their own name among the
// logins: nobody gets at what they had (files under their name) by knowing the name.
static err *is_closed(struct auth_call *call, str id, bool *closed) YIELDS;

static err *is_closed(struct auth_call *call, str id, bool *closed)
{
    struct json *row = NULL;
    TRY(auth_get(call, AUTH_LOGINS, id, &row));
    *closed = row != NULL;
    return NULL;
}

struct store_write auth_identity_close(struct auth_call *call, str id)
{
    struct json *row = json_object(call->arena);
    json_set(row, S("id"), auth_str(call, id));
    return (struct store_write){.kind = STORE_PUT, .table = AUTH_LOGINS, .item = row};
}

// The identity of a login: the one it has, else `wanted` when that is free, else a new one.
static err *identity_of_login(
    struct auth_call *call, const struct login *login, str wanted, str *out) YIELDS;

static err *identity_of_login(
    struct auth_call *call, const struct login *login, str wanted, str *out)
{
    struct arena *a = call->arena;
    for (int i = 0; i < 3; i++) {
        struct json *row = NULL;
        struct json *identity = NULL;
        TRY(auth_get(call, AUTH_LOGINS, login->key, &row));
        if (row != NULL) {
            *out = json_get_str(row, S("identity"));
            return NULL;
        }
        bool taken = false;
        if (wanted.len > 0) {
            TRY(is_closed(call, wanted, &taken));
            TRY(auth_get(call, AUTH_IDENTITIES, wanted, &identity));
        }
        taken = taken || json_get_str(identity, S("login")).len > 0;
        str id = wanted.len > 0 && !taken
                     ? wanted
                     : str_cat(a, call->service->region, S(":"), random_uuid(a));
        struct json *link = json_object(a);
        json_set(link, S("id"), auth_str(call, login->key));
        json_set(link, S("identity"), auth_str(call, id));
        struct store_write writes[] = {
            {.kind = STORE_PUT, .table = AUTH_LOGINS, .item = link, .only_absent = true},
            identity_write(call, id, login->key),
            {},
        };
        writes[1].condition = store_pred_leaf(a, STORE_NOT_EXISTS, S("login"), NULL);
        writes[2] = (struct store_write){.kind = STORE_CHECK,
            .table = AUTH_LOGINS,
            .pk = auth_str(call, id),
            .condition = store_pred_leaf(a, STORE_NOT_EXISTS, S("id"), NULL)};
        err *e = store_write(call->hub->store, a, writes, countof(writes), NULL);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            *out = id;
            return e;
        }
    }
    return auth_refuse(a, "TooManyRequestsException", "Rate exceeded");
}

// A guest's: made again under its id when it is not known any more, since clients keep it.
static err *identity_of_guest(struct auth_call *call, str id) YIELDS;

static err *identity_of_guest(struct auth_call *call, str id)
{
    struct json *identity = NULL;
    bool closed = false;
    TRY(auth_get(call, AUTH_IDENTITIES, id, &identity));
    TRY(is_closed(call, id, &closed));
    if (closed && identity == NULL) {
        return auth_no_identity(call, id);
    }
    if (closed || json_get_str(identity, S("login")).len > 0) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "Access to Identity '%.*s' is forbidden.", PRI(id));
    }
    if (!call->service->guest_access) {
        return not_authorised(
            call, "Unauthenticated access is not supported for this identity pool.");
    }
    if (identity != NULL) {
        return NULL;
    }
    struct store_write write = identity_write(call, id, (str){});
    write.only_absent = true;
    err *e = store_write(call->hub->store, call->arena, &write, 1, NULL);
    return e != NULL && e->code == ERR_CONDITION_FAILED ? NULL : e;
}

err *auth_get_id(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct login login = {};
    str pool = {};
    str id = {};
    TRY(auth_need(call, "IdentityPoolId", AUTH_IDENTITY_MAX, &pool));
    if (!str_eq(pool, call->service->identity_pool_id)) {
        return auth_refuse(
            a, "ResourceNotFoundException", "IdentityPool '%.*s' not found.", PRI(pool));
    }
    TRY(read_login(call, &login));
    if (login.given) {
        TRY(identity_of_login(call, &login, (str){}, &id));
    } else {
        id = str_cat(a, call->service->region, S(":"), random_uuid(a));
        TRY(identity_of_guest(call, id));
    }
    auth_answer_text(call, "IdentityId", id);
    return NULL;
}

// IdentityId and Logins of the request to the identity they stand for.
static err *resolve(struct auth_call *call, struct login *login, str *id) YIELDS;

static err *resolve(struct auth_call *call, struct login *login, str *id)
{
    TRY(auth_need(call, "IdentityId", AUTH_IDENTITY_MAX, id));
    if (!auth_is_identity(call, *id)) {
        return auth_no_identity(call, *id);
    }
    TRY(read_login(call, login));
    return login->given ? identity_of_login(call, login, *id, id) : identity_of_guest(call, *id);
}

// ---- credentials ---------------------------------------------------------------------------

// The name of a role that trusts the pool: that of everyone who has signed in, or a group's.
// Whoever may write a group's RoleArn could else hand out what functions may do.
static err *role_name(struct auth_call *call, str arn, str *role)
{
    struct arena *a = call->arena;
    str all = auth_role_of(a, call->service, true);
    str prefix = auth_role_arn(a, call->service, S(""));
    str group = auth_group_role(a, call->service, S(""));
    str stem = str_sub(group, 0, group.len - S("GroupRole").len);
    *role = str_starts(arn, prefix) ? str_sub(arn, prefix.len, arn.len) : (str){};
    bool is_groups =
        role->len > group.len && str_starts(*role, stem) && str_ends(*role, S("GroupRole"));
    return is_groups || str_eq(*role, all)
               ? NULL
               : auth_refuse(a, "InvalidIdentityPoolConfigurationException",
                     "Invalid identity pool configuration. Check assigned IAM roles for this "
                     "pool.");
}

// The role a user has: that of its strongest group, else (none, or it is not clear which that is)
// that of everyone who has signed in.
static err *choose_role(struct auth_call *call, const struct login *login, str *role)
{
    const struct json *roles = json_get(login->claims.claims, S("cognito:roles"));
    str preferred = json_get_str(login->claims.claims, S("cognito:preferred_role"));
    str custom = auth_text(call, "CustomRoleArn");
    *role = auth_role_of(call->arena, call->service, login->given);
    if (custom.len > 0) {
        json_each (one, roles) {
            if (str_eq(one->text, custom)) {
                return role_name(call, custom, role);
            }
        }
        return auth_refuse(call->arena, "NotAuthorizedException",
            "Invalid role: %.*s is not among the user's roles.", PRI(custom));
    }
    if (preferred.len > 0) {
        return role_name(call, preferred, role);
    }
    bool one_only = roles != NULL && roles->count == 1;
    return one_only ? role_name(call, roles->child->text, role) : NULL; // several: not clear
}

err *auth_get_credentials_for_identity(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct login login = {};
    struct iam_credentials issued = {};
    str id = {};
    TRY(resolve(call, &login, &id));
    struct iam_grant grant = {.kind = login.given ? IAM_AUTHENTICATED : IAM_GUEST,
        .session = S("CognitoIdentityCredentials"),
        .identity_id = id,
        .identity_pool_id = call->service->identity_pool_id,
        .lifetime_s = CREDENTIALS_S};
    TRY(choose_role(call, &login, &grant.role));
    if (login.given) {
        str provider = auth_provider_of(call->service);
        grant.user_sub = login.claims.sub;
        grant.auth_provider = str_cat(a, S("\""), provider, S("\",\""), provider,
            S(":CognitoSignIn:"), login.claims.sub, S("\""));
    }
    TRY(iam_issue(call->hub->iam, a, &grant, &issued));
    struct json *credentials = json_object(a);
    json_set(credentials, S("AccessKeyId"), json_string(a, issued.access_key_id));
    json_set(credentials, S("SecretKey"), json_string(a, issued.secret));
    json_set(credentials, S("SessionToken"), json_string(a, issued.session_token));
    json_set(credentials, S("Expiration"), auth_time(a, issued.expires_ms));
    auth_answer_text(call, "IdentityId", id);
    auth_answer(call, "Credentials", credentials);
    return NULL;
}

// ---- the classic flow ----------------------------------------------------------------------

struct sign_work {
    struct arena *arena;
    const struct crypto_rsa *key;
    str claims;
    str token;
};

static void sign_work(void *arg)
{
    struct sign_work *work = arg;
    work->token = crypto_jwt_sign_rs512(work->arena, work->key, work->claims);
}

err *auth_get_open_id_token(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct login login = {};
    struct sign_work work = {.arena = a};
    struct json *claims = json_object(a);
    struct json *methods = json_array(a);
    i64 now = (i64)(call->hub->now_ms() / 1000);
    str id = {};
    TRY(resolve(call, &login, &id));
    TRY(auth_keys_wait(call->hub, a, AUTH_KEY_IDENTITY, &work.key));
    json_push(methods, json_string(a, login.given ? S("authenticated") : S("unauthenticated")));
    if (login.given) {
        str provider = auth_provider_of(call->service);
        json_push(methods, json_string(a, provider));
        json_push(
            methods, json_string(a, str_cat(a, provider, S(":CognitoSignIn:"), login.claims.sub)));
    }
    json_set(claims, S("sub"), json_string(a, id));
    json_set(claims, S("aud"), json_string(a, call->service->identity_pool_id));
    json_set(claims, S("amr"), methods);
    json_set(claims, S("iss"), json_string(a, AUTH_IDENTITY_ISSUER));
    json_set(claims, S("exp"), json_int(a, now + TOKEN_S));
    json_set(claims, S("iat"), json_int(a, now));
    work.claims = json_text(a, claims);
    TRY(worker_run(sign_work, &work));
    auth_answer_text(call, "IdentityId", id);
    auth_answer_text(call, "Token", work.token);
    return NULL;
}

// Is the user pool among the logins that are to go?
static bool is_to_remove(struct auth_call *call)
{
    json_each (name, json_get(call->in, S("LoginsToRemove"))) {
        if (str_eq(name->text, auth_provider_of(call->service))) {
            return true;
        }
    }
    return false;
}

// An identity has one login: without it nobody gets at it any more.
err *auth_unlink_identity(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct login login = {};
    struct json *row = NULL;
    str id = {};
    TRY(auth_need(call, "IdentityId", AUTH_IDENTITY_MAX, &id));
    TRY(read_login(call, &login));
    TRY(auth_get(call, AUTH_LOGINS, login.key, &row));
    if (!login.given || row == NULL || !str_eq(json_get_str(row, S("identity")), id) ||
        !is_to_remove(call)) {
        return not_authorised(call, "Logins don't match. Please include at least one valid login "
                                    "for this identity or identity pool.");
    }
    struct store_write left = identity_write(call, id, (str){});
    TRY(auth_get(call, AUTH_IDENTITIES, id, &row));
    if (row != NULL) { // it is as old as before
        json_remove(row, S("login"));
        left.item = row;
    }
    struct store_write writes[] = {
        {.kind = STORE_DELETE, .table = AUTH_LOGINS, .pk = auth_str(call, login.key)},
        left,
        auth_identity_close(call, id),
    };
    TRY(iam_revoke(call->hub->iam, a, id, call->hub->now_ms() + 1));
    return store_write(call->hub->store, a, writes, countof(writes), NULL);
}
