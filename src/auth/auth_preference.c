// Which second factors a user has switched on, and which one is preferred.
#include "auth/auth_admin.h"
#include "auth/auth_mfa.h"

static err *cannot_enable(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "InvalidParameterException", "%s", what);
}

static err *check_enabled(
    struct auth_call *call, const struct auth_user *user, enum auth_factor factor)
{
    const struct auth_service *service = call->service;
    switch (factor) {
    case AUTH_TOTP:
        if (auth_totp_has(user) && service->mfa_totp) {
            return NULL;
        }
        return cannot_enable(
            call, json_get_str(user->item, S("totpPending")).len > 0
                      ? "User has not verified software token mfa"
                      : "User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA");
    case AUTH_SMS:
        return auth_user_get(user, S("phone_number")).len > 0 && service->mfa_sms
                   ? NULL
                   : cannot_enable(
                         call, "User does not have delivery config set to turn on SMS_MFA");
    case AUTH_EMAIL:
        return auth_user_get(user, S("email")).len > 0 && service->mfa_email
                   ? NULL
                   : cannot_enable(
                         call, "User does not have delivery config set to turn on EMAIL_OTP");
    }
    unreachable("there are three factors");
}

// A passkey of a verified user can be all the factors there are: for who wants that, and has
// another second factor for the day on which the passkey is lost.
static err *prefer_passkey(struct auth_call *call, const struct auth_user *user)
{
    const struct json *given = json_get(call->in, S("WebAuthnMfaSettings"));
    bool enabled = json_get_bool(given, S("Enabled"), false);
    if (json_is_null(given)) {
        return NULL;
    }
    if (enabled && !call->service->passkeys) {
        return cannot_enable(call, "WebAuthn is not enabled for this user pool.");
    }
    if (enabled && auth_factors_of(call, user) == 0) {
        return cannot_enable(
            call, "User must have another MFA method enabled to turn on passkey MFA");
    }
    json_set(json_get(user->item, S("mfa")), AUTH_PASSKEY_MFA, json_bool(call->arena, enabled));
    return NULL;
}

static err *set_preferences(struct auth_call *call, struct auth_user *user) YIELDS;

static err *set_preferences(struct auth_call *call, struct auth_user *user)
{
    static const struct {
        const char *member;
        enum auth_factor factor;
    } MEMBERS[] = {{"SMSMfaSettings", AUTH_SMS}, {"SoftwareTokenMfaSettings", AUTH_TOTP},
        {"EmailMfaSettings", AUTH_EMAIL}};
    struct json *chosen = auth_factors_chosen(call, user);
    str preferred = json_get_str(chosen, S("preferred"));
    size_t preferences = 0;
    for (size_t i = 0; i < countof(MEMBERS); i++) {
        const struct json *given = json_get(call->in, str_from(MEMBERS[i].member));
        str name = auth_factor_name(MEMBERS[i].factor);
        if (json_is_null(given)) {
            continue;
        }
        bool enabled = json_get_bool(given, S("Enabled"), false);
        bool wanted = json_get_bool(given, S("PreferredMfa"), false);
        if (enabled) {
            TRY(check_enabled(call, user, MEMBERS[i].factor));
        }
        if (wanted && (!enabled || ++preferences > 1)) {
            return cannot_enable(call, enabled ? "Only one MFA method can be preferred"
                                               : "A preferred MFA method must be enabled");
        }
        json_set(chosen, name, json_bool(call->arena, enabled));
        preferred = wanted ? name : str_eq(preferred, name) ? (str){} : preferred;
    }
    json_set(chosen, S("preferred"), auth_str(call, preferred.len > 0 ? preferred : S("")));
    TRY(prefer_passkey(call, user));
    return auth_user_save(call, user, NULL, 0);
}

err *auth_set_user_mfa_preference(struct auth_call *call)
{
    check(call->user != NULL);
    return set_preferences(call, call->user);
}

err *auth_admin_set_user_mfa_preference(struct auth_call *call)
{
    check(call->is_admin);
    TRY(auth_need_user(call));
    return set_preferences(call, call->user);
}

// MFAOptions: codes by SMS to the phone number, or nothing.
static err *set_options(struct auth_call *call, struct auth_user *user) YIELDS;

static err *set_options(struct auth_call *call, struct auth_user *user)
{
    const struct json *options = json_get(call->in, S("MFAOptions"));
    struct json *chosen = auth_factors_chosen(call, user);
    json_each (option, options) {
        if (!str_eq(json_get_str(option, S("DeliveryMedium")), S("SMS")) ||
            !str_eq(json_get_str(option, S("AttributeName")), S("phone_number"))) {
            return cannot_enable(call, "MFAOptions can only be SMS to phone_number");
        }
    }
    if (options->count > 0) {
        TRY(check_enabled(call, user, AUTH_SMS));
    }
    json_set(chosen, S("SMS_MFA"), json_bool(call->arena, options->count > 0));
    return auth_user_save(call, user, NULL, 0);
}

err *auth_set_user_settings(struct auth_call *call)
{
    check(call->user != NULL);
    return set_options(call, call->user);
}

err *auth_admin_set_user_settings(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return set_options(call, call->user);
}
