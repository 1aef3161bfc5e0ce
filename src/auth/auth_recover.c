// Passwords changed: with the old one, or with a code sent to a proven address.
#include "auth/auth_password.h"
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

enum { CODE_LIFE_MS = 60 * 60 * 1000, HOUR_MS = 60 * 60 * 1000, CHANGES = 5, RECOVERIES = 10 };

err *auth_change_password(struct auth_call *call)
{
    check(call->user != NULL);
    struct auth_user *user = call->user;
    str proposed = {};
    bool right = false;
    TRY(auth_need(call, "ProposedPassword", 1024, &proposed));
    TRY(auth_count(call, "change", user->id, CHANGES, HOUR_MS));
    if (auth_password_has(user)) {
        str previous = {};
        TRY(auth_need(call, "PreviousPassword", 1024, &previous));
        TRY(auth_attempt(call, AUTH_TRIES_PASSWORD, user->username, NULL, 0));
        TRY(auth_password_verify(call, user, previous, &right));
        if (!right) {
            return auth_wrong_password(call->arena);
        }
    }
    TRY(auth_password_check_policy(call, proposed));
    TRY(auth_password_set(call, user, proposed));
    struct store_write good = auth_attempt_good(call, AUTH_TRIES_PASSWORD, user->username);
    return auth_user_save(call, user, &good, 1);
}

// ---- forgotten -----------------------------------------------------------------------------

// The address that the code goes to: the first of the pool's ways that is proven.
static str recovery_attribute(const struct auth_service *service, const struct auth_user *user)
{
    for (size_t i = 0; i < countof(service->recovery); i++) {
        bool phone = service->recovery[i] == AUTH_BY_PHONE;
        str attribute = phone ? S("phone_number") : S("email");
        const struct json *mfa = json_get(user->item, S("mfa"));
        bool is_factor = phone ? service->recovery_without_mfa_phone && service->mfa_sms &&
                                     json_get_bool(mfa, S("SMS_MFA"), false)
                               : service->mfa_email && json_get_bool(mfa, S("EMAIL_OTP"), false);
        if (service->recovery[i] != 0 && auth_user_is_verified(user, attribute) && !is_factor) {
            return attribute;
        }
    }
    return (str){};
}

err *auth_send_recovery(struct auth_call *call, struct auth_user *user)
{
    check(user->rev != NULL);
    str attribute = recovery_attribute(call->service, user);
    if (call->service->recovery[0] == 0) {
        return auth_refuse(
            call->arena, "NotAuthorizedException", "Contact administrator to reset password.");
    }
    if (attribute.len == 0) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "Cannot reset password for the user as there is no registered/verified email or "
            "phone_number");
    }
    struct auth_code code = {.purpose = S("forgot"),
        .attribute = attribute,
        .destination = auth_user_get(user, attribute),
        .life_ms = CODE_LIFE_MS};
    struct store_write write = auth_code_make(call, user, &code);
    TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
    TRY(auth_send_code(call, user, &code));
    auth_answer(call, "CodeDeliveryDetails", auth_delivery(call, attribute, code.destination));
    return NULL;
}

// Whoever is not there, or may not sign in, where the pool does not tell.
static bool is_hidden(const struct auth_call *call, const struct auth_user *user)
{
    return call->service->hides_users &&
           (user == NULL || !json_get_bool(user->item, S("enabled"), true));
}

static struct auth_user nobody_called(struct auth_call *call, str username)
{
    return (struct auth_user){
        .id = str_cat(call->arena, S("nobody#"), auth_fake_name(call, username))};
}

// A code is made that nobody is told, so that guessing it goes as with any other.
static err *pretend_recovery(struct auth_call *call, str username) YIELDS;

static err *pretend_recovery(struct auth_call *call, str username)
{
    struct auth_user nobody = nobody_called(call, username);
    struct auth_code code = {.purpose = S("forgot"),
        .attribute = S("email"),
        .destination = username,
        .life_ms = CODE_LIFE_MS};
    struct store_write write = auth_code_make(call, &nobody, &code);
    TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
    return auth_pretend_delivery(call, username, 1);
}

static err *pretend_confirm(struct auth_call *call, str username, str code) YIELDS;

static err *pretend_confirm(struct auth_call *call, str username, str code)
{
    check(call->service->hides_users);
    struct auth_user nobody = nobody_called(call, username);
    struct json *item = NULL;
    struct store_write spend = {};
    TRY(auth_count(call, "recover", nobody.id, RECOVERIES, HOUR_MS));
    TRY(auth_code_verify(call, &nobody, S("forgot"), code, &item, &spend));
    return auth_code_wrong(call->arena);
}

err *auth_forgot_password(struct auth_call *call)
{
    str username = {};
    struct auth_user *user = NULL;
    TRY(auth_need_client(call));
    TRY(auth_need(call, "Username", 128, &username));
    TRY(auth_user_find(call, username, &user));
    str whom = user != NULL ? user->id : str_lower(call->arena, username);
    TRY(auth_count(call, "forgot", whom, RECOVERIES, HOUR_MS));
    if (user == NULL && auth_has_trigger(call, AUTH_USER_MIGRATION)) {
        TRY(auth_migrate(call, username, (str){}, &user));
    }
    if (is_hidden(call, user)) {
        return pretend_recovery(call, username);
    }
    if (user == NULL) {
        return auth_no_account(call->arena);
    }
    if (!json_get_bool(user->item, S("enabled"), true)) {
        return auth_refuse(call->arena, "NotAuthorizedException", "User is disabled.");
    }
    if (str_eq(auth_user_status(user), S("FORCE_CHANGE_PASSWORD"))) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "User password cannot be reset in the current state.");
    }
    return auth_send_recovery(call, user);
}

err *auth_confirm_forgot_password(struct auth_call *call)
{
    str username = {};
    str code = {};
    str password = {};
    struct auth_user *user = NULL;
    struct json *item = NULL;
    struct store_write writes[2] = {};
    TRY(auth_need_client(call));
    TRY(auth_need(call, "Username", 128, &username));
    TRY(auth_need(call, "ConfirmationCode", 2048, &code));
    TRY(auth_need(call, "Password", 1024, &password));
    TRY(auth_password_check_policy(call, password));
    TRY(auth_user_find(call, username, &user));
    if (is_hidden(call, user)) {
        return pretend_confirm(call, username, code);
    }
    if (user == NULL) {
        return auth_no_account(call->arena);
    }
    TRY(auth_count(call, "recover", user->id, RECOVERIES, HOUR_MS));
    TRY(auth_code_verify(call, user, S("forgot"), code, &item, &writes[0]));
    if (!auth_code_is_current(user, item)) {
        return auth_code_expired(call->arena);
    }
    TRY(auth_password_set(call, user, password));
    auth_user_set_member(call, user, S("status"), auth_str(call, S("CONFIRMED")));
    writes[1] = auth_attempt_good(
        call, AUTH_TRIES_PASSWORD, user->username); // its owner may sign in at once
    TRY(auth_user_save(call, user, writes, countof(writes)));
    return auth_post_confirmation(call, user, "ConfirmForgotPassword");
}
