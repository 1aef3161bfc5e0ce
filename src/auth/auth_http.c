// From bytes to an operation and back: targets are found in ops.def, the caller is proven as the
// operation needs it, and whatever fails is told in Cognito's form, here only.
#include "auth/auth_int.h"
#include "auth/auth_limit.h"

// Each operation has at most one job in the worker pool, of about a millisecond: so many are worked
// off in a fraction of a second, and what comes on top is told at once to come again.
enum { CALLS_MAX = 256 };

enum { BODY_MAX = 256 * 1024, NAME_MAX_SHOWN = 128 };

static const str JSON_TYPE = S_INIT("application/x-amz-json-1.1");
static const str POOLS = S_INIT("AWSCognitoIdentityProviderService.");
static const str IDENTITIES = S_INIT("AWSCognitoIdentityService.");

// By whom: anybody; the same, within the limits of a source address; the bearer of an access token;
// who may by a signature (on the user pool, or on the account); of the identity pool's operations:
// anybody, as often as an address may (guests' identities are rows); who may by a signature.
enum need {
    NEED_PUBLIC,
    NEED_GUESS,
    NEED_TOKEN,
    NEED_ADMIN,
    NEED_ACCOUNT,
    NEED_IDENTITY,
    NEED_POOL
};

static const struct {
    str name;
    enum need need;
    auth_handler handler;
} OPERATIONS[] = {

#define OP(name, need, handler) {S_INIT(#name), NEED_##need, handler},
#include "auth/ops.def"
#undef OP
};

// What the services have and this one has not: said in their own words, to who may ask.
static const struct {
    str name;
    bool of_identities;
} UNSERVED[] = {

#define UNSERVED_OP(name)      {S_INIT(#name), false},
#define UNSERVED_POOL_OP(name) {S_INIT(#name), true},
#include "auth/unserved.def"
#undef UNSERVED_OP
#undef UNSERVED_POOL_OP
};

// ---- errors --------------------------------------------------------------------------------

err *auth_wrong_password(struct arena *arena)
{
    return auth_refuse(arena, "NotAuthorizedException", "Incorrect username or password.");
}

err *auth_no_user(struct arena *arena)
{
    return auth_refuse(arena, "UserNotFoundException", "User does not exist.");
}

// Errors without a name of Cognito's come from below: they are ours, not the client's.
static str wire_of(const err *e, int *status)
{
    bool named = e->wire.len > 0;
    *status = e->code == ERR_UNSUPPORTED ? 501 : named ? 400 : 500;
    if (named) {
        return e->wire;
    }
    switch (e->code) {
    case ERR_UNSUPPORTED: return S("NotImplementedException");
    case ERR_TOO_LARGE: *status = 413; return S("RequestEntityTooLargeException");
    case ERR_TIMEOUT: *status = 503; return S("ServiceUnavailableException");
    default: return S("InternalErrorException");
    }
}

// Header values hold no line ends and no text beyond ASCII.
static str header_text(struct arena *arena, str text)
{
    text = str_dup(arena, str_sub(text, 0, 512));
    for (size_t i = 0; i < text.len; i++) {
        u8 byte = (u8)text.ptr[i];
        if (byte < ' ' || byte > '~') {
            ((char *)(uintptr_t)text.ptr)[i] = ' ';
        }
    }
    return str_trim(text);
}

static err *reply_error(struct http_req *req, const err *e) YIELDS;

static err *reply_error(struct http_req *req, const err *e)
{
    struct arena *a = req->arena;
    int status = 0;
    str wire = wire_of(e, &status);
    bool ours = status == 500;
    if (ours) {
        log_error("auth.request", "%.*s", PRI(e->text));
    }
    str text = ours ? S("Internal error.") : e->text;
    struct buf body = buf_in(a, 64 * 1024);
    struct json_writer w;
    jw_init(&w, &body);
    jw_object(&w);
    jw_member(&w, S("__type"), wire);
    jw_member(&w, S("message"), text);
    jw_end_object(&w);
    http_add_header(req, S("x-amzn-ErrorType"), str_cat(a, wire, S(":")));
    http_add_header(req, S("x-amzn-ErrorMessage"), header_text(a, text));
    return http_reply(req, status, JSON_TYPE, buf_str(&body));
}

// ---- members -------------------------------------------------------------------------------

static err *invalid_member(struct auth_call *call, const char *name, const char *value, str what)
{
    str member = str_lower_first(call->arena, str_from(name));
    return auth_refuse(call->arena, "InvalidParameterException",
        "1 validation error detected: Value%s at '%.*s' failed to satisfy constraint: %.*s", value,
        PRI(member), PRI(what));
}

str auth_text(const struct auth_call *call, const char *name)
{
    return json_get_str(call->in, str_from(name));
}

err *auth_need(struct auth_call *call, const char *name, size_t max, str *out)
{
    const struct json *value = json_get(call->in, str_from(name));
    if (json_is_null(value)) {
        return invalid_member(call, name, " null", S("Member must not be null"));
    }
    if (value->kind != JSON_STRING) {
        return auth_refuse(
            call->arena, "SerializationException", "%s can not be converted to a String", name);
    }
    if (value->text.len == 0) {
        return invalid_member(
            call, name, "", S("Member must have length greater than or equal to 1"));
    }
    if (auth_characters(value->text) > max) {
        return invalid_member(call, name, "",
            str_fmt(call->arena, "Member must have length less than or equal to %zu", max));
    }
    *out = value->text;
    return NULL;
}

err *auth_attribute_list(struct auth_call *call, const struct json *list, struct json **out)
{
    *out = json_object(call->arena);
    if (!json_is_null(list) && list->kind != JSON_ARRAY) {
        return auth_refuse(
            call->arena, "SerializationException", "UserAttributes can not be converted to a list");
    }
    json_each (entry, list) {
        const struct json *name = json_get(entry, S("Name"));
        const struct json *value = json_get(entry, S("Value"));
        if (json_is_null(name) || name->kind != JSON_STRING || name->text.len == 0) {
            return invalid_member(
                call, "UserAttributes.1.member.name", " null", S("Member must not be null"));
        }
        if (name->text.len > 32 || (value != NULL && value->text.len > 2048)) {
            return invalid_member(call, "UserAttributes", "",
                S("Member must satisfy constraint: [Member must have length less than or equal to "
                  "2048]"));
        }
        str text = json_is_null(value) || value->kind != JSON_STRING ? S("") : value->text;
        json_set(*out, name->text, auth_str(call, text));
    }
    return NULL;
}

void auth_answer(struct auth_call *call, const char *name, struct json *value)
{
    if (value != NULL) {
        json_set(call->out, str_from(name), value);
    }
}

void auth_answer_text(struct auth_call *call, const char *name, str value)
{
    auth_answer(call, name, auth_str(call, value));
}

struct json *auth_time(struct arena *arena, u64 ms)
{
    check(ms < (u64)1 << 53);
    return json_number(
        arena, str_fmt(arena, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000)));
}

// ---- limits --------------------------------------------------------------------------------

static err *too_many(struct arena *arena)
{
    return auth_refuse(arena, "TooManyRequestsException", "Rate exceeded");
}

// The answers that tell a guesser to go on.
static bool is_wrong_guess(const err *e)
{
    static const char *const NAMES[] = {"NotAuthorizedException", "CodeMismatchException",
        "ExpiredCodeException", "EnableSoftwareTokenMFAException", "UserNotFoundException",
        "UsernameExistsException", "UserLambdaValidationException"};
    for (size_t i = 0; e != NULL && i < countof(NAMES); i++) {
        if (str_eq(e->wire, str_from(NAMES[i]))) {
            return true;
        }
    }
    return false;
}

static bool take(struct auth_call *call, enum auth_limit limit)
{
    check(call->http != NULL);
    return auth_limiter_take(call->hub->limiter, call->http->peer, limit, time_mono_us() / 1000);
}

// Counted before it is looked at, so that guesses at the same time are counted all.
err *auth_guess(struct auth_call *call, auth_handler handler)
{
    if (!take(call, AUTH_LIMIT_REQUESTS) || !take(call, AUTH_LIMIT_GUESSES)) {
        return too_many(call->arena);
    }
    err *e = handler(call);
    if (!is_wrong_guess(e)) {
        auth_limiter_give(call->hub->limiter, call->http->peer, AUTH_LIMIT_GUESSES);
    }
    return e;
}

// ---- dispatch ------------------------------------------------------------------------------

bool auth_is_target(str target)
{
    return str_starts(target, POOLS) || str_starts(target, IDENTITIES);
}

// The access token's user, for operations of a signed-in user.
static err *prove_token(struct auth_call *call) YIELDS;

static err *prove_token(struct auth_call *call)
{
    str token = {};
    TRY(auth_need(call, "AccessToken", 16 * 1024, &token));
    return auth_call_use_token(call, token);
}

err *auth_call_use_token(struct auth_call *call, str token)
{
    err *e = auth_verify_token(call->hub, call->arena, token, &call->claims);
    if (e != NULL && e->code == ERR_UNAUTHORIZED) {
        return auth_refuse(call->arena, "NotAuthorizedException", "%.*s", PRI(e->text));
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

// The request's signature, and whether its principal may do this to what is called `name` among the
// resources of `service` ("cognito-idp").
static err *prove_signature(struct auth_call *call, const char *service, str name) YIELDS;

static err *prove_signature(struct auth_call *call, const char *service, str name)
{
    struct arena *a = call->arena;
    struct iam_request request = iam_request_of(call->http, call->body);
    struct iam_rules rules = {.service = str_from(service), .words = IAM_WORDS_JSON};
    struct iam_principal principal = {};
    TRY(iam_authenticate(call->hub->iam, a, &request, &rules, &principal, NULL));
    str arn = str_cat(a, S("arn:aws:"), rules.service, S(":"), call->service->region, S(":"),
        call->service->account, S(":"), name);
    str action = str_cat(a, rules.service, S(":"), call->operation);
    TRY(iam_require(a, &principal, action, arn, NULL, IAM_WORDS_JSON));
    call->is_admin = true;
    return NULL;
}

static str user_pool(struct auth_call *call)
{
    return str_cat(call->arena, S("userpool/"), call->service->user_pool_id);
}

static str identity_pool(struct auth_call *call)
{
    return str_cat(call->arena, S("identitypool/"), call->service->identity_pool_id);
}

static err *prove_admin(struct auth_call *call) YIELDS;

static err *prove_admin(struct auth_call *call)
{
    str pool = {};
    TRY(prove_signature(call, "cognito-idp", user_pool(call)));
    TRY(auth_members_check(call));
    TRY(auth_need(call, "UserPoolId", 55, &pool));
    if (!str_eq(pool, call->service->user_pool_id)) {
        return auth_refuse(
            call->arena, "ResourceNotFoundException", "User pool %.*s does not exist.", PRI(pool));
    }
    return NULL;
}

static err *prove(struct auth_call *call, enum need need) YIELDS;

static err *prove(struct auth_call *call, enum need need)
{
    switch (need) {
    case NEED_ADMIN: return prove_admin(call);
    case NEED_ACCOUNT:
        TRY(prove_signature(call, "cognito-idp", S("userpool/*")));
        return auth_members_check(call);
    case NEED_POOL:
        TRY(prove_signature(call, "cognito-identity", identity_pool(call)));
        return auth_members_check(call);
    case NEED_TOKEN: TRY(auth_members_check(call)); return prove_token(call);
    case NEED_PUBLIC:
    case NEED_GUESS:
    case NEED_IDENTITY: return auth_members_check(call);
    }
    unreachable("there are no other needs");
}

static err *refuse_unserved(struct auth_call *call, bool identities) YIELDS;

static err *refuse_unserved(struct auth_call *call, bool identities)
{
    str name = str_sub(call->operation, 0, NAME_MAX_SHOWN);
    for (size_t i = 0; i < countof(UNSERVED); i++) {
        if (UNSERVED[i].of_identities == identities && str_eq(UNSERVED[i].name, call->operation)) {
            TRY(identities ? prove_signature(call, "cognito-identity", identity_pool(call))
                           : prove_signature(call, "cognito-idp", user_pool(call)));
            return auth_refuse(call->arena, "OperationNotEnabledException",
                "%.*s is not available here: the %s pool is what the project's definitions say.",
                PRI(name), identities ? "identity" : "user");
        }
    }
    return auth_refuse(call->arena, "UnknownOperationException",
        "The operation %.*s is not known or not served.", PRI(name));
}

static err *run(struct auth_call *call, bool identities) YIELDS;

static err *run(struct auth_call *call, bool identities)
{
    for (size_t i = 0; i < countof(OPERATIONS); i++) {
        enum need need = OPERATIONS[i].need;
        bool of_identities = need == NEED_IDENTITY || need == NEED_POOL;
        if (of_identities == identities && str_eq(OPERATIONS[i].name, call->operation)) {
            if (need == NEED_IDENTITY && !take(call, AUTH_LIMIT_REQUESTS)) {
                return too_many(call->arena);
            }
            TRY(prove(call, need));
            return need == NEED_GUESS ? auth_guess(call, OPERATIONS[i].handler)
                                      : OPERATIONS[i].handler(call);
        }
    }
    return refuse_unserved(call, identities);
}

static err *read_request(struct auth_call *call) YIELDS;

static err *read_request(struct auth_call *call)
{
    struct json *root = NULL;
    TRY(http_read_body(call->http, BODY_MAX, &call->body));
    if (call->body.len == 0) {
        call->in = json_object(call->arena);
        return NULL;
    }
    if (json_parse(call->arena, call->body, &root, NULL) != NULL || root->kind != JSON_OBJECT) {
        return auth_refuse(call->arena, "SerializationException", "The request is no JSON object.");
    }
    call->in = root;
    return NULL;
}

static str operation_of(str target)
{
    size_t prefix = str_starts(target, POOLS) ? POOLS.len : IDENTITIES.len;
    return str_sub(target, prefix, target.len);
}

err *auth_http_json(struct auth_hub *hub, struct http_req *req)
{
    check(auth_is_target(http_header(req, S("x-amz-target"))));
    struct auth_call call = {.arena = req->arena,
        .hub = hub,
        .http = req,
        .service = auth_service_hold(auth_hub_here(hub)->service),
        .operation = operation_of(http_header(req, S("x-amz-target"))),
        .out = json_object(req->arena)};
    err *e = call.service == NULL
                 ? auth_refuse(req->arena, "ResourceNotFoundException",
                       "This backend has no auth: its definitions have no defineAuth.")
                 : read_request(&call);
    if (e == NULL) {
        bool full = atomic_fetch_add(&hub->calls, 1) >= CALLS_MAX;
        bool identities = str_starts(http_header(req, S("x-amz-target")), IDENTITIES);
        e = full ? too_many(req->arena) : run(&call, identities);
        atomic_fetch_sub(&hub->calls, 1);
    }
    auth_service_release(call.service);
    if (e == NULL) {
        http_add_header(req, S("Cache-Control"), S("no-store"));
        return http_reply(req, 200, JSON_TYPE, json_text(req->arena, call.out));
    }
    return e->code == ERR_CANCELLED || e->code == ERR_CLOSED ? e : reply_error(req, e);
}
