// InitiateAuth and RespondToAuthChallenge: which proof is asked for, and what follows it.
#include "auth/auth_device.h"
#include "auth/auth_mfa.h"
#include "auth/auth_passkey.h"
#include "auth/auth_trigger.h"

enum { USERNAME_MAX = 128 };

// ---- InitiateAuth --------------------------------------------------------------------------

static err *not_enabled(struct auth_call *call, const char *flow)
{
    return auth_refuse(
        call->arena, "InvalidParameterException", "%s flow not enabled for this client", flow);
}

static err *by_refresh_token(struct auth_call *call) YIELDS;

static err *by_refresh_token(struct auth_call *call)
{
    str token = {};
    if ((call->service->flows & AUTH_FLOW_REFRESH) == 0) {
        return not_enabled(call, "REFRESH_TOKEN_AUTH");
    }
    if (call->service->rotates) {
        return auth_refuse(call->arena, "UnsupportedOperationException",
            "Refresh token rotation is enabled: use GetTokensFromRefreshToken");
    }
    TRY(auth_need_parameter(call, "REFRESH_TOKEN", &token));
    auth_answer(call, "ChallengeParameters", json_object(call->arena));
    return auth_refresh(call, token, auth_parameter(call, "DEVICE_KEY"), true);
}

// What is longer than a name can be is nobody's, and no key for what is counted.
static err *need_username(struct auth_call *call, str *out)
{
    TRY(auth_need_parameter(call, "USERNAME", out));
    return str_utf8_count(*out) <= USERNAME_MAX
               ? NULL
               : auth_refuse(call->arena, "InvalidParameterException",
                     "1 validation error detected: Value at 'username' failed to satisfy "
                     "constraint: Member must have length less than or equal to %d",
                     (int)USERNAME_MAX);
}

struct way { // to begin a sign-in
    str name;
    unsigned flow;     // that the client must have
    const char *shown; // in messages
    err *(*start)(struct auth_call *call, str username);
};

static const struct way *way_of(str name)
{
    static const struct way WAYS[] = {
        {S_INIT("USER_SRP_AUTH"), AUTH_FLOW_SRP, "USER_SRP_AUTH", auth_srp_start},
        {S_INIT("USER_PASSWORD_AUTH"), AUTH_FLOW_PASSWORD, "USER_PASSWORD_AUTH", auth_by_password},
        {S_INIT("ADMIN_USER_PASSWORD_AUTH"), AUTH_FLOW_ADMIN_PASSWORD, "Auth", auth_by_password},
        {S_INIT("ADMIN_NO_SRP_AUTH"), AUTH_FLOW_ADMIN_PASSWORD, "Auth", auth_by_password},
        {S_INIT("USER_AUTH"), AUTH_FLOW_CHOICE, "USER_AUTH", auth_choice_start},
        {S_INIT("CUSTOM_AUTH"), AUTH_FLOW_CUSTOM, "CUSTOM_AUTH", auth_custom_start},
    };
    for (size_t i = 0; i < countof(WAYS); i++) {
        if (str_eq(WAYS[i].name, name)) {
            return &WAYS[i];
        }
    }
    return NULL;
}

err *auth_initiate(struct auth_call *call, bool admin)
{
    str flow = {};
    str username = {};
    TRY(auth_need(call, "AuthFlow", 64, &flow));
    if (str_starts(flow, S("REFRESH_TOKEN"))) {
        return by_refresh_token(call);
    }
    bool by_admin =
        str_eq(flow, S("ADMIN_USER_PASSWORD_AUTH")) || str_eq(flow, S("ADMIN_NO_SRP_AUTH"));
    if (by_admin && !admin) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "Initiate Auth method not supported.");
    }
    TRY(need_username(call, &username));
    const struct way *way = way_of(flow);
    check(way != NULL); // members.def lets no other flow in
    if ((call->service->flows & way->flow) == 0) {
        return not_enabled(call, way->shown);
    }
    TRY(auth_pre_authentication(call, username));
    return way->start(call, username);
}

err *auth_initiate_auth(struct auth_call *call)
{
    TRY(auth_need_client(call));
    return auth_initiate(call, false);
}

// ---- RespondToAuthChallenge ----------------------------------------------------------------

// What an administrator has filled in is not for the invited user to change here: addresses, and
// what the pool requires or lets nobody change.
static bool is_settled(
    const struct auth_call *call, const struct auth_user *user, str name, bool contact)
{
    const struct auth_attribute *attribute = auth_attribute_def(call->service, name);
    check(attribute != NULL); // it has passed the schema
    return auth_user_get(user, name).len > 0 &&
           (contact || attribute->required || !attribute->is_mutable);
}

static err *add_attributes(
    struct auth_call *call, struct auth_user *user, const struct json *attributes)
{
    check(user != NULL && attributes->kind == JSON_OBJECT);
    json_each (given, attributes) {
        bool contact = str_eq(given->key, S("email")) || str_eq(given->key, S("phone_number"));
        if (is_settled(call, user, given->key, contact)) {
            return auth_refuse(call->arena, "NotAuthorizedException",
                "Cannot modify an already provided %.*s", PRI(given->key));
        }
        if (contact) {
            str flag = str_cat(call->arena, given->key, S("_verified"));
            auth_user_set(call, user, flag, S("false"));
        }
        auth_user_set(call, user, given->key, given->text);
    }
    return NULL;
}

// The new password, and attributes that were missing ("userAttributes.NAME").
static err *answer_new_password(struct auth_call *call) YIELDS;

static err *answer_new_password(struct auth_call *call)
{
    static const str PREFIX = S_INIT("userAttributes.");
    struct arena *a = call->arena;
    struct auth_state state = {};
    struct json *attributes = json_object(a);
    str password = {};
    TRY(auth_state_of_session(call, "password", &state));
    TRY(auth_may_sign_in(call, state.user)); // still
    TRY(auth_need_parameter(call, "NEW_PASSWORD", &password));
    TRY(auth_device_known(call, state.user, auth_parameter(call, "DEVICE_KEY")));
    TRY(auth_password_check_policy(call, password));
    json_each (given, json_get(call->in, S("ChallengeResponses"))) {
        if (str_starts(given->key, PREFIX)) {
            str name = str_sub(given->key, PREFIX.len, given->key.len);
            json_set(attributes, name, json_string(a, given->text));
        }
    }
    TRY(auth_attributes_check(call, attributes, AUTH_CREATE));
    TRY(add_attributes(call, state.user, attributes));
    TRY(auth_attributes_complete(call, state.user->attributes));
    TRY(auth_password_set(call, state.user, password));
    auth_user_set_member(call, state.user, S("status"), json_string(a, S("CONFIRMED")));
    TRY(auth_user_save(call, state.user, &state.spend, 1));
    struct auth_proof proof = {
        .user = state.user, .device_key = auth_parameter(call, "DEVICE_KEY")};
    return auth_first_factor_done(call, &proof);
}

// The name in an answer must be of the user whom its session is about.
static err *check_same_user(struct auth_call *call) YIELDS;

static err *check_same_user(struct auth_call *call)
{
    struct auth_state state = {};
    struct auth_user *named = NULL;
    str session = auth_text(call, "Session");
    str name = {};
    TRY(auth_need_parameter(call, "USERNAME", &name));
    if (session.len == 0 || auth_state_open(call, session, NULL, &state) != NULL ||
        state.user == NULL || str_eq(name, state.user->username)) {
        return NULL; // the step looks at the session itself
    }
    TRY(auth_user_find(call, name, &named));
    return named != NULL && str_eq(named->id, state.user->id) ? NULL : auth_bad_session(call, ".");
}

err *auth_respond(struct auth_call *call)
{
    enum answer {
        PASSWORD_VERIFIER,
        NEW_PASSWORD,
        SMS_MFA,
        APP_MFA,
        EMAIL_OTP,
        SMS_OTP,
        SELECT_MFA,
        MFA_SETUP,
        SELECT_CHALLENGE,
        WEB_AUTHN,
        DEVICE_SRP,
        DEVICE_VERIFIER,
        CUSTOM
    };

    static const str NAMES[] = {S_INIT("PASSWORD_VERIFIER"), S_INIT("NEW_PASSWORD_REQUIRED"),
        S_INIT("SMS_MFA"), S_INIT("SOFTWARE_TOKEN_MFA"), S_INIT("EMAIL_OTP"), S_INIT("SMS_OTP"),
        S_INIT("SELECT_MFA_TYPE"), S_INIT("MFA_SETUP"), S_INIT("SELECT_CHALLENGE"),
        S_INIT("WEB_AUTHN"), S_INIT("DEVICE_SRP_AUTH"), S_INIT("DEVICE_PASSWORD_VERIFIER"),
        S_INIT("CUSTOM_CHALLENGE")};
    str name = {};
    size_t at = 0;
    TRY(auth_need(call, "ChallengeName", 64, &name));
    while (at < countof(NAMES) && !str_eq(NAMES[at], name)) {
        at++;
    }
    TRY(check_same_user(call));
    switch ((enum answer)at) {
    case PASSWORD_VERIFIER: return auth_srp_verify(call);
    case NEW_PASSWORD: return answer_new_password(call);
    case SMS_MFA: return auth_answer_factor(call, AUTH_SMS);
    case APP_MFA: return auth_answer_factor(call, AUTH_TOTP);
    case EMAIL_OTP: return auth_answer_otp(call, false);
    case SMS_OTP: return auth_answer_otp(call, true);
    case SELECT_MFA: return auth_answer_select_factor(call);
    case MFA_SETUP: return auth_answer_setup(call);
    case SELECT_CHALLENGE: return auth_answer_choice(call);
    case WEB_AUTHN: return auth_answer_passkey(call);
    case DEVICE_SRP: return auth_answer_device(call);
    case DEVICE_VERIFIER: return auth_verify_device(call);
    case CUSTOM: return auth_answer_custom(call);
    }
    struct auth_state state = {}; // no session leads to another challenge
    TRY(auth_state_of_session(call, "other", &state));
    return auth_bad_session(call, ".");
}

err *auth_respond_to_auth_challenge(struct auth_call *call)
{
    TRY(auth_need_client(call));
    return auth_respond(call);
}
