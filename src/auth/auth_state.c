// States between two steps of a sign-in, and the count of guesses.
#include "auth/auth_signin.h"

enum {
    TRIES_A_STATE = 5, // wrong codes, after which the sign-in begins anew
    FREE_TRIES = 5,    // wrong passwords that lock nothing
    LOCK_MAX_S = 900,
    QUIET_MS = 15 * 60 * 1000,
    TRIES = 50, // of a write that others are faster with
};

// Whose a state is that is made up.
static const str NOBODY = S_INIT("00000000-0000-0000-0000-000000000000");

// ---- states --------------------------------------------------------------------------------

struct json *auth_state_body(struct auth_call *call, const char *kind, const struct auth_user *user)
{
    struct arena *a = call->arena;
    struct json *body = json_object(a);
    json_set(body, S("kind"), json_string(a, str_from(kind)));
    json_set(body, S("id"), json_string(a, random_uuid(a)));
    json_set(body, S("client"), json_string(a, call->service->client_id));
    json_set(
        body, S("ends"), json_int(a, (i64)(call->hub->now_ms() + call->service->session_s * 1000)));
    i64 version = user != NULL ? json_get_int(user->item, S("passwordVersion"), 0) : 1;
    json_set(body, S("user"), json_string(a, user != NULL ? user->id : NOBODY));
    // As long for every user, so that the length of the sealed text tells nothing.
    json_set(body, S("version"), json_string(a, str_fmt(a, "%010lld", (long long)version)));
    return body;
}

static str context_of(struct auth_call *call)
{
    return str_cat(call->arena, S("state#"), call->service->user_pool_id);
}

str auth_state_seal(struct auth_call *call, const struct json *body)
{
    check(json_get_str(body, S("id")).len > 0);
    str sealed = crypto_seal(
        call->arena, &call->hub->session_key, context_of(call), json_text(call->arena, body));
    return base64_encode(call->arena, sealed);
}

str auth_state_new(struct auth_call *call, const char *kind, const struct auth_user *user)
{
    return auth_state_seal(call, auth_state_body(call, kind, user));
}

err *auth_bad_session(struct auth_call *call, const char *what)
{
    check(what[0] != '\0');
    return auth_refuse(
        call->arena, "NotAuthorizedException", "Invalid session for the user%s", what);
}

err *auth_session_used(struct auth_call *call)
{
    return auth_bad_session(call, ", session can only be used once.");
}

err *auth_state_open(struct auth_call *call, str sealed, const char *kind, struct auth_state *out)
{
    check(kind == NULL || kind[0] != '\0');
    struct arena *a = call->arena;
    str bytes = {};
    str plain = {};
    struct json *spent = NULL;
    *out = (struct auth_state){};
    if (!base64_decode(a, sealed, &bytes) ||
        crypto_open(a, &call->hub->session_key, context_of(call), bytes, &plain) != NULL ||
        json_parse(a, plain, &out->body, NULL) != NULL) {
        return auth_bad_session(call, ".");
    }
    bool other = !str_eq(json_get_str(out->body, S("client")), call->service->client_id) ||
                 (kind != NULL && !str_eq(json_get_str(out->body, S("kind")), str_from(kind)));
    if (other) {
        return auth_bad_session(call, ".");
    }
    u64 ends = (u64)json_get_int(out->body, S("ends"), 0);
    if (ends <= call->hub->now_ms()) {
        return auth_bad_session(call, ", session is expired.");
    }
    str id = json_get_str(out->body, S("id"));
    TRY(auth_get(call, AUTH_SPENT, id, &spent));
    if (spent != NULL) {
        return auth_session_used(call);
    }
    out->spend = auth_spend(call, id, ends);
    TRY(auth_user_load(call, json_get_str(out->body, S("user")), &out->user));
    i64 version = 0;
    i64 now_is = out->user != NULL ? json_get_int(out->user->item, S("passwordVersion"), 0) : 0;
    bool known = str_to_i64(json_get_str(out->body, S("version")), &version);
    if (out->user != NULL && (!known || version != now_is)) {
        return auth_bad_session(call, "."); // the password has been changed since
    }
    return NULL;
}

err *auth_state_of_session(struct auth_call *call, const char *kind, struct auth_state *out)
{
    str session = auth_text(call, "Session");
    if (session.len == 0) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "Missing required parameter Session");
    }
    if (session.len < 20 || session.len > 4096) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "1 validation error detected: Value at 'session' failed to satisfy constraint: Member "
            "must have length greater than or equal to 20");
    }
    TRY(auth_state_open(call, session, kind, out));
    return out->user != NULL ? NULL : auth_bad_session(call, ".");
}

err *auth_state_settle(struct auth_call *call, struct store_write *writes, size_t count)
{
    check(count == 0 || writes != NULL);
    err *e = count > 0 ? store_write(call->hub->store, call->arena, writes, count, NULL) : NULL;
    call->has_acted = call->has_acted || (e == NULL && count > 0);
    return e != NULL && e->code == ERR_CONDITION_FAILED ? auth_session_used(call) : e;
}

err *auth_state_count_try(struct auth_call *call, const struct auth_state *state)
{
    check(state->body != NULL);
    err *e = auth_count(call, "state", json_get_str(state->body, S("id")), TRIES_A_STATE,
        call->service->session_s * 1000);
    bool over = e != NULL && str_eq(err_wire(e), S("LimitExceededException"));
    return over ? auth_session_used(call) : e;
}

// ---- guesses -------------------------------------------------------------------------------

// Names are free text: what is counted comes first, so that none of them is another counter's.
static str counter_of(struct auth_call *call, const char *what, str whom)
{
    return str_cat(call->arena, S("tries#"), str_from(what), S("#"), whom);
}

// Doubling from one second on, behind the tries that are free.
static u64 locked_ms(i64 count)
{
    i64 over = count - FREE_TRIES;
    u64 seconds = over < 0 ? 0 : over >= 10 ? LOCK_MAX_S : 1ULL << over;
    return 1000 * (seconds < LOCK_MAX_S ? seconds : LOCK_MAX_S);
}

static err *try_once(
    struct auth_call *call, str id, struct store_write *writes, size_t count) YIELDS;

static err *try_once(struct auth_call *call, str id, struct store_write *writes, size_t count)
{
    struct arena *a = call->arena;
    struct json *old = NULL;
    TRY(auth_get(call, AUTH_COUNTERS, id, &old));
    u64 now = call->hub->now_ms();
    bool fresh = old == NULL || (u64)json_get_int(old, S("ends"), 0) <= now;
    i64 failures = fresh ? 0 : json_get_int(old, S("count"), 0);
    u64 last = fresh ? 0 : (u64)json_get_int(old, S("at"), 0);
    if (now < last + locked_ms(failures)) {
        return auth_refuse(a, "NotAuthorizedException", "Password attempts exceeded");
    }
    struct json *item = json_object(a);
    json_set(item, S("id"), json_string(a, id));
    json_set(item, S("count"), json_int(a, failures + 1));
    json_set(item, S("at"), json_int(a, (i64)now));
    json_set(item, S("ends"), json_int(a, (i64)(now + QUIET_MS)));
    writes[0] = (struct store_write){.kind = STORE_PUT,
        .table = AUTH_COUNTERS,
        .item = item,
        .condition = store_pred_and(a, auth_unchanged(a, S("count"), json_get(old, S("count"))),
            auth_unchanged(a, S("at"), json_get(old, S("at"))))};
    size_t failed = 0;
    err *e = store_write(call->hub->store, a, writes, count, &failed);
    if (e != NULL && e->code == ERR_CONDITION_FAILED && failed > 0) {
        return auth_session_used(call);
    }
    return e;
}

err *auth_attempt(
    struct auth_call *call, const char *what, str whom, struct store_write *more, size_t count)
{
    check(whom.len > 0);
    check(count == 0 || more != NULL);
    str id = counter_of(call, what, whom);
    if (auth_has_counted(call, id)) {
        return NULL;
    }
    struct store_write *writes = arena_array(call->arena, struct store_write, count + 1);
    for (size_t i = 0; i < count; i++) {
        writes[i + 1] = more[i];
    }
    for (int i = 0; i < TRIES; i++) {
        err *e = try_once(call, id, writes, count + 1);
        call->has_acted = call->has_acted || (e == NULL && count > 0);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            return e;
        }
    }
    return auth_refuse(call->arena, "TooManyRequestsException", "Rate exceeded");
}

struct store_write auth_attempt_good(struct auth_call *call, const char *what, str whom)
{
    check(whom.len > 0);
    return (struct store_write){.kind = STORE_DELETE,
        .table = AUTH_COUNTERS,
        .pk = auth_str(call, counter_of(call, what, whom))};
}
