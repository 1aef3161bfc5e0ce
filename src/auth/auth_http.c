// From bytes to an operation and back: targets are found in ops.def, the caller is proven as the
// operation needs it, and whatever fails is told in Cognito's form, here only.
#include "auth/auth_int.h"
#include "auth/auth_limit.h"

// Each operation has at most one job in the worker pool, of about a millisecond: so many are worked
// off in a fraction of a second, and what comes on top is told at once to come again.
enum { CALLS_MAX = 256 };

enum { BODY_MAX = 256 * 1024, NAME_MAX_SHOWN = 128, RUNS_MAX = 50 };

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
    text = str_is_utf8(text) ? text : header_text(a, text); // of headers, which may be anything
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

static err *refuse_unserved(struct auth_call *call) YIELDS;

static err *refuse_unserved(struct auth_call *call)
{
    bool identities = call->of_identities;
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

// See struct auth_call.
static err *run_to_end(struct auth_call *call, enum need need, auth_handler handler) YIELDS;

static err *run_to_end(struct auth_call *call, enum need need, auth_handler handler)
{
    for (call->run = 0;; call->run++) {
        call->was_overtaken = false;
        err *e = need == NEED_GUESS ? auth_guess(call, handler) : handler(call);
        if (e == NULL || !call->was_overtaken || call->has_acted || call->run >= RUNS_MAX) {
            return e;
        }
        call->out = json_object(call->arena);
        if (need == NEED_TOKEN) {
            TRY(prove_token(call)); // the user as it is now
        }
    }
}

static err *run(struct auth_call *call) YIELDS;

static err *run(struct auth_call *call)
{
    for (size_t i = 0; i < countof(OPERATIONS); i++) {
        enum need need = OPERATIONS[i].need;
        bool of_identities = need == NEED_IDENTITY || need == NEED_POOL;
        if (of_identities == call->of_identities && str_eq(OPERATIONS[i].name, call->operation)) {
            if (need == NEED_IDENTITY && !auth_take(call, AUTH_LIMIT_REQUESTS)) {
                return auth_too_many(call->arena);
            }
            TRY(prove(call, need));
            return run_to_end(call, need, OPERATIONS[i].handler);
        }
    }
    return refuse_unserved(call);
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
        .of_identities = str_starts(http_header(req, S("x-amz-target")), IDENTITIES),
        .out = json_object(req->arena)};
    err *e = call.service == NULL
                 ? auth_refuse(req->arena, "ResourceNotFoundException",
                       "This backend has no auth: its definitions have no defineAuth.")
                 : read_request(&call);
    if (e == NULL) {
        bool full = atomic_fetch_add(&hub->calls, 1) >= CALLS_MAX;
        e = full ? auth_too_many(req->arena) : run(&call);
        atomic_fetch_sub(&hub->calls, 1);
    }
    // Texts of the answer may be the service's: they are copied while it is held.
    str answer = e == NULL ? json_text(req->arena, call.out) : (str){};
    auth_service_release(call.service);
    if (e == NULL) {
        http_add_header(req, S("Cache-Control"), S("no-store"));
        return http_reply(req, 200, JSON_TYPE, answer);
    }
    return e->code == ERR_CANCELLED || e->code == ERR_CLOSED ? e : reply_error(req, e);
}
