// Second factors of a user: their names, which are switched on, and which can be used.
#include "auth/auth_mfa.h"

static const struct {
    enum auth_factor factor;
    str name;
} FACTORS[] = {
    {AUTH_SMS, S_INIT("SMS_MFA")},
    {AUTH_TOTP, S_INIT("SOFTWARE_TOKEN_MFA")},
    {AUTH_EMAIL, S_INIT("EMAIL_OTP")},
};

str auth_factor_name(enum auth_factor factor)
{
    for (size_t i = 0; i < countof(FACTORS); i++) {
        if (FACTORS[i].factor == factor) {
            return FACTORS[i].name;
        }
    }
    unreachable("a factor has a name");
}

unsigned auth_factor_named(str name)
{
    for (size_t i = 0; i < countof(FACTORS); i++) {
        if (str_eq(FACTORS[i].name, name)) {
            return FACTORS[i].factor;
        }
    }
    return 0;
}

unsigned auth_factors_of_pool(const struct auth_service *service)
{
    return (service->mfa_sms ? AUTH_SMS : 0U) | (service->mfa_totp ? AUTH_TOTP : 0U) |
           (service->mfa_email ? AUTH_EMAIL : 0U);
}

bool auth_totp_has(const struct auth_user *user)
{
    return json_get_str(user->item, S("totp")).len > 0;
}

// Addresses and apps can be taken away again after the factor was switched on.
static bool can_use(const struct auth_user *user, enum auth_factor factor)
{
    switch (factor) {
    case AUTH_SMS: return auth_user_get(user, S("phone_number")).len > 0;
    case AUTH_TOTP: return auth_totp_has(user);
    case AUTH_EMAIL: return auth_user_get(user, S("email")).len > 0;
    }
    unreachable("there are three factors");
}

struct json *auth_factors_chosen(const struct auth_call *call, struct auth_user *user)
{
    struct json *chosen = json_get(user->item, S("mfa"));
    if (json_is_null(chosen)) {
        chosen = json_object(call->arena);
        json_set(user->item, S("mfa"), chosen);
    }
    return chosen;
}

void auth_factor_switch_on(
    const struct auth_call *call, struct auth_user *user, enum auth_factor factor)
{
    json_set(
        auth_factors_chosen(call, user), auth_factor_name(factor), json_bool(call->arena, true));
}

unsigned auth_factors_of(const struct auth_call *call, const struct auth_user *user)
{
    const struct json *chosen = json_get(user->item, S("mfa"));
    unsigned factors = 0;
    for (size_t i = 0; i < countof(FACTORS); i++) {
        bool on = json_get_bool(chosen, FACTORS[i].name, false) && can_use(user, FACTORS[i].factor);
        factors |= on ? FACTORS[i].factor : 0U;
    }
    return factors & auth_factors_of_pool(call->service);
}

err *auth_without_factor(struct auth_call *call, const struct auth_user *user)
{
    return auth_factors_of(call, user) == 0 ? NULL : auth_bad_session(call, ".");
}

str auth_factors_text(struct arena *arena, unsigned factors)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < countof(FACTORS); i++) {
        if ((factors & FACTORS[i].factor) != 0) {
            json_push(list, json_string(arena, FACTORS[i].name));
        }
    }
    return json_text(arena, list);
}

void auth_answer_mfa(struct auth_call *call, const struct auth_user *user)
{
    unsigned factors = auth_factors_of(call, user);
    unsigned preferred =
        auth_factor_named(json_get_str(json_get(user->item, S("mfa")), S("preferred")));
    struct json *list = json_array(call->arena);
    for (size_t i = 0; i < countof(FACTORS); i++) {
        if ((factors & FACTORS[i].factor) != 0) {
            json_push(list, auth_str(call, FACTORS[i].name));
        }
    }
    if (list->count > 0) {
        auth_answer(call, "UserMFASettingList", list);
    }
    if ((preferred & factors) != 0) {
        auth_answer_text(call, "PreferredMfaSetting", auth_factor_name(preferred));
    }
    if ((factors & AUTH_SMS) != 0 && !str_ends(call->operation, S("AuthFactors"))) {
        struct json *options = json_array(call->arena); // the older form of the same
        struct json *option = json_object(call->arena);
        json_set(option, S("DeliveryMedium"), auth_str(call, S("SMS")));
        json_set(option, S("AttributeName"), auth_str(call, S("phone_number")));
        json_push(options, option);
        auth_answer(call, "MFAOptions", options);
    }
}
