// USER_AUTH: the user chooses how to sign in, with a password, a code that is sent, or a passkey.
#include "auth/auth_admin.h"
#include "auth/auth_mfa.h"
#include "auth/auth_passkey.h"
#include "auth/auth_password.h"

enum { OTP_DIGITS = 8, SENDS = 20, HOUR_MS = 60 * 60 * 1000 };

enum choice {
    CHOICE_PASSWORD = 1,
    CHOICE_SRP = 2,
    CHOICE_EMAIL = 4,
    CHOICE_SMS = 8,
    CHOICE_PASSKEY = 16,
};

static const struct {
    enum choice choice;
    str name;
} CHOICES[] = {
    {CHOICE_PASSWORD, S_INIT("PASSWORD")},
    {CHOICE_SRP, S_INIT("PASSWORD_SRP")},
    {CHOICE_EMAIL, S_INIT("EMAIL_OTP")},
    {CHOICE_SMS, S_INIT("SMS_OTP")},
    {CHOICE_PASSKEY, S_INIT("WEB_AUTHN")},
};

// The codes that could be sent to whoever has an e-mail address and a phone number.
static unsigned codes_of(const struct auth_service *service, bool email, bool phone)
{
    unsigned codes = (service->email_otp && email ? CHOICE_EMAIL : 0U) |
                     (service->sms_otp && phone ? CHOICE_SMS : 0U);
    return service->mfa_mode != AUTH_MFA_REQUIRED ? codes : 0;
}

// What somebody of a name that nobody has might sign in with.
static unsigned pretended_choices(struct auth_call *call, str username)
{
    return (unsigned)CHOICE_PASSWORD | CHOICE_SRP |
           codes_of(call->service, auth_fake_has(call, username, false),
               auth_fake_has(call, username, true));
}

// What the user can sign in with.
static err *choices_of(
    struct auth_call *call, const struct auth_user *user, unsigned *choices) YIELDS;

static err *choices_of(struct auth_call *call, const struct auth_user *user, unsigned *choices)
{
    check(user != NULL);
    bool email = auth_user_get(user, S("email")).len > 0;
    bool phone = auth_user_get(user, S("phone_number")).len > 0;
    bool passkey = false;
    if (call->service->passkeys) {
        TRY(auth_passkey_has(call, user, &passkey));
    }
    // Who was invited comes with the temporary password first.
    bool invited = str_eq(auth_user_status(user), S("FORCE_CHANGE_PASSWORD"));
    bool otp = auth_factors_of(call, user) == 0 && !invited;
    *choices = auth_password_has(user) ? (unsigned)CHOICE_PASSWORD | CHOICE_SRP : 0U;
    *choices |= otp ? codes_of(call->service, email, phone) : 0U;
    *choices |= passkey ? CHOICE_PASSKEY : 0U;
    return NULL;
}

static unsigned choice_named(str name)
{
    for (size_t i = 0; i < countof(CHOICES); i++) {
        if (str_eq(CHOICES[i].name, name)) {
            return CHOICES[i].choice;
        }
    }
    return 0;
}

static struct json *choice_names(struct arena *arena, unsigned choices)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < countof(CHOICES); i++) {
        if ((choices & CHOICES[i].choice) != 0) {
            json_push(list, json_string(arena, CHOICES[i].name));
        }
    }
    return list;
}

// ---- codes ---------------------------------------------------------------------------------

// What a challenge tells about a name that nobody has: as much as about any other.
static struct json *pretend_user(struct auth_call *call, struct json *parameters, str username)
{
    check(username.len > 0 && parameters->kind == JSON_OBJECT);
    json_set(parameters, S("USERNAME"), auth_str(call, auth_fake_name(call, username)));
    json_set(parameters, S("USER_ID_FOR_SRP"), auth_str(call, auth_fake_name(call, username)));
    return parameters;
}

// Where a code for such a name would go.
static struct json *pretended_parameters(struct auth_call *call, str username, bool phone)
{
    struct arena *a = call->arena;
    struct json *parameters = json_object(a);
    str attribute = phone ? S("phone_number") : S("email");
    str address = auth_fake_address(call, username, phone);
    json_set(parameters, S("CODE_DELIVERY_DELIVERY_MEDIUM"),
        json_string(a, phone ? S("SMS") : S("EMAIL")));
    json_set(parameters, S("CODE_DELIVERY_DESTINATION"),
        json_string(a, auth_mask(a, attribute, address)));
    return pretend_user(call, parameters, username);
}

static err *send_otp(
    struct auth_call *call, struct auth_user *user, str username, bool phone) YIELDS;

static err *send_otp(struct auth_call *call, struct auth_user *user, str username, bool phone)
{
    struct json *state = auth_state_body(call, "otp", user);
    struct json *parameters = NULL;
    const char *name = phone ? "SMS_OTP" : "EMAIL_OTP";
    str whom = user != NULL ? user->id : str_lower(call->arena, username);
    TRY(auth_count(call, "otp", whom, SENDS, HOUR_MS));
    json_set(state, S("by"), auth_str(call, str_from(name)));
    if (user != NULL) {
        TRY(auth_send_factor_code(call, user, state, phone, OTP_DIGITS, &parameters));
    } else {
        TRY(auth_pretend_writes(call, username, 2)); // of the code and of the message
        parameters = pretended_parameters(call, username, phone);
    }
    auth_challenge(call, name, auth_state_seal(call, state), parameters, user);
    return NULL;
}

// Who reads the code has the address, which is the user's still: it is proven, and so is the user.
static err *mark_proven(struct auth_call *call, struct auth_state *state, bool phone) YIELDS;

static err *mark_proven(struct auth_call *call, struct auth_state *state, bool phone)
{
    struct auth_user *user = state->user;
    bool unconfirmed = str_eq(auth_user_status(user), S("UNCONFIRMED"));
    if (auth_user_is_verified(user, phone ? S("phone_number") : S("email")) && !unconfirmed) {
        return NULL;
    }
    auth_user_set(call, user, phone ? S("phone_number_verified") : S("email_verified"), S("true"));
    if (unconfirmed) {
        auth_user_set_member(call, user, S("status"), auth_str(call, S("CONFIRMED")));
    }
    return auth_user_save(call, user, NULL, 0);
}

err *auth_answer_otp(struct auth_call *call, bool phone)
{
    struct auth_state state = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    str code = {};
    str session = {};
    TRY(auth_need(call, "Session", 4096, &session));
    TRY(auth_state_open(call, session, NULL, &state));
    str kind = json_get_str(state.body, S("kind"));
    if (str_eq(kind, S("mfa"))) {
        return auth_answer_factor(call, phone ? AUTH_SMS : AUTH_EMAIL);
    }
    bool fits = str_eq(kind, S("otp")) &&
                str_eq(json_get_str(state.body, S("by")), phone ? S("SMS_OTP") : S("EMAIL_OTP"));
    if (!fits) {
        return auth_bad_session(call, ".");
    }
    TRY(auth_need_parameter(call, phone ? "SMS_OTP_CODE" : "EMAIL_OTP_CODE", &code));
    TRY(auth_state_count_try(call, &state));
    if (state.user == NULL) { // writes as often as the two counts below
        TRY(auth_pretend_writes(call, json_get_str(state.body, S("id")), 2));
        return auth_wrong_code(call);
    }
    TRY(auth_attempt(call, AUTH_TRIES_PASSWORD, state.user->username, NULL, 0));
    TRY(auth_check_factor_code(call, &state, code, &proof.writes[proof.count++]));
    TRY(mark_proven(call, &state, phone));
    proof.user = state.user;
    proof.writes[proof.count++] = state.spend;
    proof.writes[proof.count++] =
        auth_attempt_good(call, AUTH_TRIES_PASSWORD, state.user->username);
    return auth_first_factor_done(call, &proof);
}

// ---- choosing ------------------------------------------------------------------------------

static err *take(
    struct auth_call *call, struct auth_user *user, str username, enum choice choice) YIELDS;

static err *take(struct auth_call *call, struct auth_user *user, str username, enum choice choice)
{
    switch (choice) {
    case CHOICE_PASSWORD: return auth_by_password(call, username);
    case CHOICE_SRP:
        TRY(auth_srp_start(call, username));
        auth_answer_text(call, "Session", auth_state_new(call, "proof", user));
        return NULL;
    case CHOICE_EMAIL: return send_otp(call, user, username, false);
    case CHOICE_SMS: return send_otp(call, user, username, true);
    case CHOICE_PASSKEY: // only who has one was offered it, and may be gone since
        return user != NULL ? auth_passkey_ask(call, user) : auth_bad_session(call, ".");
    }
    unreachable("a choice is one of these");
}

static void ask_to_choose(
    struct auth_call *call, const struct auth_user *user, str username, unsigned choices)
{
    struct json *state = auth_state_body(call, "choice", user);
    json_set(state, S("name"), auth_str(call, username));
    json_set(state, S("choices"), json_int(call->arena, choices));
    struct json *parameters = json_object(call->arena);
    if (user == NULL) {
        pretend_user(call, parameters, username);
    }
    auth_challenge(call, "SELECT_CHALLENGE", auth_state_seal(call, state), parameters, user);
    auth_answer(call, "AvailableChallenges", choice_names(call->arena, choices));
}

// Somebody who has just confirmed the account needs no further proof.
static err *go_on_confirmed(struct auth_call *call, struct auth_user *user) YIELDS;

static err *go_on_confirmed(struct auth_call *call, struct auth_user *user)
{
    struct auth_state state = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    TRY(auth_state_of_session(call, "confirmed", &state));
    if (user == NULL || !str_eq(user->id, state.user->id)) {
        return auth_bad_session(call, ".");
    }
    proof.user = state.user;
    proof.writes[proof.count++] = state.spend;
    return auth_first_factor_done(call, &proof);
}

err *auth_choice_start(struct auth_call *call, str username)
{
    struct auth_user *user = NULL;
    unsigned choices = 0;
    unsigned preferred = choice_named(auth_parameter(call, "PREFERRED_CHALLENGE"));
    TRY(auth_user_find(call, username, &user));
    if (auth_text(call, "Session").len > 0) {
        return go_on_confirmed(call, user);
    }
    if (user == NULL && !call->service->hides_users) {
        return auth_no_user(call->arena);
    }
    if (user != NULL) {
        TRY(choices_of(call, user, &choices));
    } else {
        choices = pretended_choices(call, username);
    }
    bool complete = (preferred != CHOICE_SRP || auth_parameter(call, "SRP_A").len > 0) &&
                    (preferred != CHOICE_PASSWORD || auth_parameter(call, "PASSWORD").len > 0);
    if ((preferred & choices) != 0 && complete) {
        if ((preferred & ((unsigned)CHOICE_PASSWORD | CHOICE_SRP)) == 0) {
            auth_answer(call, "AvailableChallenges", choice_names(call->arena, choices));
        }
        return take(call, user, username, preferred);
    }
    ask_to_choose(call, user, username, choices);
    return NULL;
}

err *auth_answer_choice(struct auth_call *call)
{
    struct auth_state state = {};
    str answer = {};
    str session = {};
    TRY(auth_need(call, "Session", 4096, &session));
    TRY(auth_state_open(call, session, "choice", &state));
    TRY(auth_need_parameter(call, "ANSWER", &answer));
    unsigned choice = choice_named(answer);
    if ((choice & (unsigned)json_get_int(state.body, S("choices"), 0)) == 0) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "%.*s is not an available challenge", PRI(str_utf8_first(answer, 64)));
    }
    return take(call, state.user, json_get_str(state.body, S("name")), choice);
}

err *auth_get_user_auth_factors(struct auth_call *call)
{
    unsigned choices = 0;
    struct json *list = json_array(call->arena);
    TRY(choices_of(call, call->user, &choices));
    json_each (name, choice_names(call->arena, choices & ~(unsigned)CHOICE_SRP)) {
        json_push(list, auth_str(call, name->text));
    }
    if (auth_totp_has(call->user)) {
        json_push(list, auth_str(call, S("SOFTWARE_TOKEN")));
    }
    auth_answer_text(call, "Username", call->user->username);
    auth_answer(call, "ConfiguredUserAuthFactors", list);
    auth_answer_mfa(call, call->user);
    return NULL;
}

err *auth_admin_get_user_auth_factors(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_get_user_auth_factors(call);
}
