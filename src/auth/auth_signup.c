// Signing up: a new user, the code that proves an address, and its confirmation.
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

enum { CODE_LIFE_MS = 24 * 60 * 60 * 1000, HOUR_MS = 60 * 60 * 1000, RESENDS = 5, CONFIRMS = 15 };

static err *invalid(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "InvalidParameterException", "%s", what);
}

// The attribute that is to be proven: the phone first when both are.
static str attribute_to_verify(const struct auth_service *service, const struct auth_user *user)
{
    static const str PHONE = S_INIT("phone_number");
    static const str EMAIL = S_INIT("email");
    if ((service->verified & AUTH_BY_PHONE) != 0 && auth_user_get(user, PHONE).len > 0) {
        return PHONE;
    }
    bool email = (service->verified & AUTH_BY_EMAIL) != 0 && auth_user_get(user, EMAIL).len > 0;
    return email ? EMAIL : (str){};
}

static struct auth_code sign_up_code(const struct auth_service *service, struct auth_user *user)
{
    str attribute = attribute_to_verify(service, user);
    return (struct auth_code){.purpose = S("signup"),
        .attribute = attribute,
        .destination = auth_user_get(user, attribute),
        .life_ms = CODE_LIFE_MS};
}

// ---- SignUp --------------------------------------------------------------------------------

static bool may_have_no_password(const struct auth_service *service)
{
    return (service->flows & AUTH_FLOW_CHOICE) != 0 && (service->email_otp || service->sms_otp);
}

static err *take_password(struct auth_call *call, struct auth_user *user) YIELDS;

static err *take_password(struct auth_call *call, struct auth_user *user)
{
    str password = {};
    if (auth_text(call, "Password").len == 0 && may_have_no_password(call->service)) {
        return NULL;
    }
    TRY(auth_need(call, "Password", 1024, &password));
    TRY(auth_password_check_policy(call, password));
    return auth_password_set(call, user, password);
}

static void copy_attributes(
    struct auth_call *call, struct auth_user *user, const struct json *attributes)
{
    json_each (attribute, attributes) {
        auth_user_set(call, user, attribute->key, attribute->text);
    }
}

static void mark_unproven(struct auth_call *call, struct auth_user *user)
{
    static const str ADDRESSES[] = {S_INIT("email"), S_INIT("phone_number")};
    for (size_t i = 0; i < countof(ADDRESSES); i++) {
        bool given = auth_user_get(user, ADDRESSES[i]).len > 0;
        if (given && !auth_user_is_verified(user, ADDRESSES[i])) {
            str flag = str_cat(call->arena, ADDRESSES[i], S("_verified"));
            auth_user_set(call, user, flag, S("false"));
        }
    }
}

static err *make_user(struct auth_call *call, str username, struct json *attributes) YIELDS;

static err *make_user(struct auth_call *call, str username, struct json *attributes)
{
    struct auth_user *user = auth_user_new(call, username);
    copy_attributes(call, user, attributes);
    TRY(take_password(call, user));
    bool confirmed = false;
    TRY(auth_pre_sign_up(call, user, "SignUp", &confirmed));
    struct auth_code code = sign_up_code(call->service, user);
    bool unproven = code.attribute.len > 0 && !auth_user_is_verified(user, code.attribute);
    bool sends = unproven && !confirmed;
    struct store_write write = {};
    mark_unproven(call, user);
    if (sends) {
        write = auth_code_make(call, user, &code);
    }
    TRY(auth_user_save(call, user, &write, sends ? 1 : 0));
    if (sends) {
        TRY(auth_send_code(call, user, &code));
        auth_answer(
            call, "CodeDeliveryDetails", auth_delivery(call, code.attribute, code.destination));
    }
    if (confirmed) {
        TRY(auth_post_confirmation(call, user, "ConfirmSignUp"));
    }
    auth_answer(call, "UserConfirmed", json_bool(call->arena, confirmed));
    auth_answer_text(call, "UserSub", user->id);
    return NULL;
}

err *auth_sign_up(struct auth_call *call)
{
    str username = {};
    struct json *attributes = NULL;
    TRY(auth_need_client(call));
    if (!call->service->self_sign_up) {
        return auth_refuse(
            call->arena, "NotAuthorizedException", "SignUp is not permitted for this user pool");
    }
    TRY(auth_need(call, "Username", 128, &username));
    TRY(auth_attribute_list(call, json_get(call->in, S("UserAttributes")), &attributes));
    TRY(auth_username_check(call, attributes, username));
    TRY(auth_attributes_check(call, attributes, AUTH_CREATE));
    TRY(auth_attributes_complete(call, attributes));
    return make_user(call, username, attributes);
}

// ---- ConfirmSignUp -------------------------------------------------------------------------

static err *confirm(struct auth_call *call, struct auth_user *user, str code) YIELDS;

static err *confirm(struct auth_call *call, struct auth_user *user, str code)
{
    check(user->rev != NULL);
    struct json *item = NULL;
    struct store_write spend = {};
    TRY(auth_count(call, "confirm", user->id, CONFIRMS, HOUR_MS));
    if (!str_eq(auth_user_status(user), S("UNCONFIRMED"))) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "User cannot be confirmed. Current status is %.*s", PRI(auth_user_status(user)));
    }
    TRY(auth_code_verify(call, user, S("signup"), code, &item, &spend));
    if (auth_code_is_current(user, item)) {
        str flag = str_cat(call->arena, json_get_str(item, S("attribute")), S("_verified"));
        auth_user_set(call, user, flag, S("true"));
    }
    auth_user_set_member(call, user, S("status"), auth_str(call, S("CONFIRMED")));
    if (json_get_bool(call->in, S("ForceAliasCreation"), false)) {
        TRY(auth_user_take_aliases(call, user));
    }
    TRY(auth_user_save(call, user, &spend, 1));
    return auth_post_confirmation(call, user, "ConfirmSignUp");
}

err *auth_confirm_sign_up(struct auth_call *call)
{
    str username = {};
    str code = {};
    struct auth_user *user = NULL;
    TRY(auth_need_client(call));
    TRY(auth_need(call, "Username", 128, &username));
    TRY(auth_need(call, "ConfirmationCode", 2048, &code));
    TRY(auth_user_find(call, username, &user));
    if (user == NULL && !call->service->hides_users) {
        return auth_no_account(call->arena);
    }
    if (user == NULL) {
        TRY(auth_count(call, "confirm", str_lower(call->arena, username), CONFIRMS, HOUR_MS));
        TRY(auth_pretend_writes(call, username, 1)); // the count of the code
        return auth_code_expired(call->arena);
    }
    TRY(confirm(call, user, code));
    if ((call->service->flows & AUTH_FLOW_CHOICE) != 0) {
        auth_answer_text(call, "Session", auth_state_new(call, "confirmed", user));
    }
    return NULL;
}

err *auth_resend_confirmation_code(struct auth_call *call)
{
    str username = {};
    struct auth_user *user = NULL;
    TRY(auth_need_client(call));
    TRY(auth_need(call, "Username", 128, &username));
    TRY(auth_user_find(call, username, &user));
    str whom = user != NULL ? user->id : str_lower(call->arena, username);
    TRY(auth_count(call, "resend", whom, RESENDS, HOUR_MS));
    if (user == NULL) {
        return auth_pretend_delivery(call, username, 2);
    }
    if (!str_eq(auth_user_status(user), S("UNCONFIRMED"))) {
        return invalid(call, "User is already confirmed.");
    }
    struct auth_code code = sign_up_code(call->service, user);
    if (code.attribute.len == 0) {
        return invalid(call, "Cannot resend codes. Auto verification not turned on.");
    }
    struct store_write write = auth_code_make(call, user, &code);
    TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
    TRY(auth_send_code(call, user, &code));
    auth_answer(call, "CodeDeliveryDetails", auth_delivery(call, code.attribute, code.destination));
    return NULL;
}

// ---- links in messages ---------------------------------------------------------------------

static err *page(struct http_req *req, int status, str text) YIELDS;

static err *page(struct http_req *req, int status, str text)
{
    str body = str_cat(req->arena,
        S("<!doctype html><html lang=en><meta charset=utf-8><title>Confirmation</title><meta "
          "name=viewport content=\"width=device-width\"><style>body{font:18px/1.5 "
          "system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}</style><p>"),
        text, S("</p>"));
    http_add_header(req, S("Cache-Control"), S("no-store"));
    http_add_header(req, S("Content-Security-Policy"),
        S("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"));
    return http_reply(req, status, S("text/html; charset=utf-8"), body);
}

static err *confirm_by_link(struct auth_call *call) YIELDS;

static err *confirm_by_link(struct auth_call *call)
{
    struct auth_user *user = NULL;
    str code = http_query(call->http, S("confirmation_code"));
    if (!str_eq(http_query(call->http, S("client_id")), call->service->client_id)) {
        return auth_code_expired(call->arena);
    }
    TRY(auth_user_find(call, http_query(call->http, S("user_name")), &user));
    return user != NULL ? confirm(call, user, code) : auth_code_expired(call->arena);
}

static err *confirm_page(struct http_req *req) YIELDS;

static err *confirm_page(struct http_req *req)
{
    struct auth_hub *hub = req->route_arg;
    struct auth_call call = {.arena = req->arena,
        .hub = hub,
        .http = req,
        .service = auth_service_hold(auth_hub_here(hub)->service),
        .in = json_object(req->arena),
        .out = json_object(req->arena)};
    if (call.service == NULL) {
        return http_reply_empty(req, 404);
    }
    err *e = auth_guess(&call, confirm_by_link);
    auth_service_release(call.service);
    if (e == NULL) {
        return page(req, 200, S("Your registration has been confirmed! You can sign in now."));
    }
    return e->wire.len > 0 ? page(req, 400, S("This link is not valid any more.")) : e;
}

void auth_link_mount(struct auth_hub *hub, struct http_router *router)
{
    check_magic(hub, AUTH_HUB_MAGIC);
    http_router_add(router,
        &(struct http_route){
            .methods = HTTP_GET, .path = S("/confirmUser"), .handler = confirm_page, .arg = hub});
}
