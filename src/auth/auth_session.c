// Sign-ins of a user as sessions: listed, and ended one at a time.
#include "auth/auth_admin.h"
#include "auth/auth_token.h"

static struct json *show(struct auth_call *call, const struct json *row, str own)
{
    struct arena *a = call->arena;
    struct json *shown = json_object(a);
    str id = json_get_str(row, S("id"));
    u64 since = 1000 * (u64)json_get_int(row, S("authTime"), 0);
    json_set(shown, S("SessionId"), json_string(a, id));
    json_set(shown, S("SessionType"), json_string(a, S("TOKEN")));
    json_set(shown, S("ClientId"), json_string(a, json_get_str(row, S("client"))));
    json_set(shown, S("CreateDate"), auth_time(a, since));
    json_set(shown, S("LastActiveDate"), auth_time(a, since));
    json_set(shown, S("IsCurrentSession"), json_bool(a, str_eq(id, own)));
    return shown;
}

static str own_session(const struct auth_call *call)
{
    return json_get_str(call->claims.claims, S("origin_jti"));
}

static err *list(struct auth_call *call) YIELDS;

static err *list(struct auth_call *call)
{
    struct json *sessions = json_array(call->arena);
    struct store_query query = {.table = AUTH_SIGN_INS,
        .index = S("byUser"),
        .pk = auth_str(call, call->user->id),
        .page_token = auth_text(call, "NextToken")};
    struct store_page page = {};
    u64 now = call->hub->now_ms();
    query.limit = 125;
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        if ((u64)json_get_int(page.items[i], S("ends"), 0) > now) {
            json_push(sessions, show(call, page.items[i], own_session(call)));
        }
    }
    auth_answer(call, "Sessions", sessions);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

static err *end(struct auth_call *call) YIELDS;

static err *end(struct auth_call *call)
{
    str id = {};
    struct json *row = NULL;
    TRY(auth_need(call, "SessionId", 128, &id));
    TRY(auth_get(call, AUTH_SIGN_INS, id, &row));
    if (row == NULL || !str_eq(json_get_str(row, S("user")), call->user->id)) {
        return auth_refuse(call->arena, "ResourceNotFoundException", "Session does not exist.");
    }
    if (str_eq(id, own_session(call))) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "The session of the calling access token cannot be revoked.");
    }
    struct store_write write = {
        .kind = STORE_DELETE, .table = AUTH_SIGN_INS, .pk = auth_str(call, id)};
    TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
    auth_hub_raise(call->hub);
    return NULL;
}

err *auth_list_user_sessions(struct auth_call *call)
{
    check(call->user != NULL);
    return list(call);
}

err *auth_revoke_user_session(struct auth_call *call)
{
    check(call->user != NULL);
    return end(call);
}

err *auth_admin_list_user_sessions(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return list(call);
}

err *auth_admin_revoke_user_session(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return end(call);
}
