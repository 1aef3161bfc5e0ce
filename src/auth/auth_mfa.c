// Second factors: which one is asked for, the code that is sent, and the answer.
#include "auth/auth_mfa.h"

enum { MFA_DIGITS = 6 };

// ---- codes ---------------------------------------------------------------------------------

static str purpose_of(struct auth_call *call, const struct json *state)
{
    return str_cat(call->arena, S("mfa#"), json_get_str(state, S("id")));
}

err *auth_send_factor_code(struct auth_call *call, const struct auth_user *user,
    const struct json *state, bool phone, size_t digits, struct json **parameters)
{
    struct arena *a = call->arena;
    str attribute = phone ? S("phone_number") : S("email");
    struct auth_code code = {.purpose = purpose_of(call, state),
        .attribute = attribute,
        .destination = auth_user_get(user, attribute),
        .life_ms = call->service->session_s * 1000,
        .digits = digits};
    if (code.destination.len == 0) {
        return auth_bad_session(call, "."); // taken away since the factor was chosen
    }
    struct store_write write = auth_code_make(call, user, &code);
    TRY(store_write(call->hub->store, a, &write, 1, NULL));
    TRY(auth_send_code(call, user, &code));
    *parameters = json_object(a);
    json_set(*parameters, S("CODE_DELIVERY_DELIVERY_MEDIUM"),
        json_string(a, phone ? S("SMS") : S("EMAIL")));
    json_set(*parameters, S("CODE_DELIVERY_DESTINATION"),
        json_string(a, auth_mask(a, attribute, code.destination)));
    return NULL;
}

static err *count_try(struct auth_call *call, const struct auth_state *state) YIELDS;

static err *count_try(struct auth_call *call, const struct auth_state *state)
{
    TRY(auth_state_count_try(call, state));
    return auth_attempt(call, AUTH_TRIES_FACTOR, state->user->id, NULL, 0);
}

err *auth_wrong_code(struct auth_call *call)
{
    return auth_refuse(
        call->arena, "CodeMismatchException", "Invalid code or auth state for the user.");
}

err *auth_check_factor_code(
    struct auth_call *call, const struct auth_state *state, str code, struct store_write *spend)
{
    struct json *item = NULL;
    err *e = auth_code_verify(call, state->user, purpose_of(call, state->body), code, &item, spend);
    if (e != NULL) {
        return str_eq(err_wire(e), S("CodeMismatchException")) ? auth_wrong_code(call) : e;
    }
    return auth_code_is_current(state->user, item) ? NULL : auth_code_expired(call->arena);
}

// ---- asking --------------------------------------------------------------------------------

static err *ask_in(struct auth_call *call, const struct auth_user *user, enum auth_factor factor,
    struct json *state) YIELDS;

static err *ask_in(struct auth_call *call, const struct auth_user *user, enum auth_factor factor,
    struct json *state)
{
    struct json *parameters = NULL;
    str name = auth_factor_name(factor);
    json_set(state, S("factor"), auth_str(call, name));
    if (factor != AUTH_TOTP) {
        bool phone = factor == AUTH_SMS;
        TRY(auth_send_factor_code(call, user, state, phone, MFA_DIGITS, &parameters));
    }
    str device = json_get_str(user->item, S("totpName"));
    if (factor == AUTH_TOTP && device.len > 0) {
        parameters = json_object(call->arena);
        json_set(parameters, S("FRIENDLY_DEVICE_NAME"), auth_str(call, device));
    }
    auth_challenge(call, name.ptr, auth_state_seal(call, state), parameters, user);
    return NULL;
}

static err *ask(
    struct auth_call *call, const struct auth_user *user, enum auth_factor factor) YIELDS;

static err *ask(struct auth_call *call, const struct auth_user *user, enum auth_factor factor)
{
    return ask_in(call, user, factor, auth_state_body(call, "mfa", user));
}

static void ask_to_choose(struct auth_call *call, const struct auth_user *user, unsigned factors)
{
    struct json *parameters = json_object(call->arena);
    struct json *state = auth_state_body(call, "mfachoice", user);
    str text = auth_factors_text(call->arena, factors);
    json_set(state, S("factors"), json_int(call->arena, factors));
    json_set(parameters, S("MFAS_CAN_CHOOSE"), auth_str(call, text));
    auth_challenge(call, "SELECT_MFA_TYPE", auth_state_seal(call, state), parameters, user);
}

static void ask_to_set_up(struct auth_call *call, const struct auth_user *user)
{
    struct json *parameters = json_object(call->arena);
    str text = auth_factors_text(call->arena, auth_factors_of_pool(call->service));
    json_set(parameters, S("MFAS_CAN_SETUP"), auth_str(call, text));
    auth_challenge(call, "MFA_SETUP", auth_state_new(call, "mfasetup", user), parameters, user);
}

// What a pool that requires a second factor asks of a user who has none. Text messages cannot be
// set up on the way: where there is nothing else, the number that there is has to do.
static err *ask_without_any(struct auth_call *call, const struct auth_user *user) YIELDS;

static err *ask_without_any(struct auth_call *call, const struct auth_user *user)
{
    bool only_sms = auth_factors_of_pool(call->service) == AUTH_SMS;
    bool has_phone = only_sms ? auth_user_get(user, S("phone_number")).len > 0
                              : auth_user_is_verified(user, S("phone_number"));
    if (call->service->mfa_sms && has_phone) {
        return ask(call, user, AUTH_SMS);
    }
    if (call->service->mfa_email && auth_user_is_verified(user, S("email"))) {
        return ask(call, user, AUTH_EMAIL);
    }
    ask_to_set_up(call, user);
    return NULL;
}

err *auth_second_factor(struct auth_call *call, struct auth_proof *proof, bool *asked)
{
    const struct auth_user *user = proof->user;
    unsigned factors = auth_factors_of(call, user);
    unsigned preferred =
        auth_factor_named(json_get_str(json_get(user->item, S("mfa")), S("preferred")));
    bool required = call->service->mfa_mode == AUTH_MFA_REQUIRED;
    *asked = !proof->is_strong && (factors != 0 || required);
    if (!*asked) {
        return NULL;
    }
    if (factors == 0) {
        return ask_without_any(call, user);
    }
    if ((preferred & factors) != 0) {
        return ask(call, user, preferred);
    }
    if ((factors & (factors - 1)) == 0) {
        return ask(call, user, factors);
    }
    ask_to_choose(call, user, factors);
    return NULL;
}

// ---- answers -------------------------------------------------------------------------------

// The address of set_up_email is proven.
static err *keep_email(struct auth_call *call, struct auth_user *user) YIELDS;

static err *keep_email(struct auth_call *call, struct auth_user *user)
{
    auth_user_set(call, user, S("email_verified"), S("true"));
    auth_factor_switch_on(call, user, AUTH_EMAIL);
    return auth_user_save(call, user, NULL, 0);
}

static err *check_app_code(struct auth_call *call, struct auth_state *state, str code) YIELDS;

// The step of the code is kept with the user before the code counts.
static err *check_app_code(struct auth_call *call, struct auth_state *state, str code)
{
    bool right = false;
    TRY(auth_totp_check(call, state->user, code, &right));
    return right ? auth_user_save(call, state->user, NULL, 0)
                 : auth_refuse(
                       call->arena, "CodeMismatchException", "Invalid code received for user");
}

err *auth_answer_factor(struct auth_call *call, enum auth_factor factor)
{
    static const char *const MEMBERS[] = {
        [AUTH_SMS] = "SMS_MFA_CODE",
        [AUTH_TOTP] = "SOFTWARE_TOKEN_MFA_CODE",
        [AUTH_EMAIL] = "EMAIL_OTP_CODE",
    };
    struct auth_state state = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    str code = {};
    TRY(auth_state_of_session(call, "mfa", &state));
    TRY(auth_need_parameter(call, MEMBERS[factor], &code));
    if (!str_eq(json_get_str(state.body, S("factor")), auth_factor_name(factor))) {
        return auth_bad_session(call, ".");
    }
    str email = json_get_str(state.body, S("email")); // being set up
    if (email.len > 0) {
        TRY(auth_without_factor(call, state.user));
        auth_user_set(call, state.user, S("email"), email);
    }
    TRY(count_try(call, &state));
    if (factor == AUTH_TOTP) {
        TRY(check_app_code(call, &state, code));
    } else {
        TRY(auth_check_factor_code(call, &state, code, &proof.writes[proof.count++]));
        if (email.len > 0) {
            TRY(keep_email(call, state.user));
        }
    }
    proof.user = state.user;
    proof.writes[proof.count++] = state.spend;
    proof.writes[proof.count++] = auth_attempt_good(call, AUTH_TRIES_FACTOR, state.user->id);
    return auth_finish(call, &proof);
}

err *auth_answer_select_factor(struct auth_call *call)
{
    struct auth_state state = {};
    str answer = {};
    TRY(auth_state_of_session(call, "mfachoice", &state));
    TRY(auth_need_parameter(call, "ANSWER", &answer));
    unsigned factor = auth_factor_named(answer);
    if ((factor & (unsigned)json_get_int(state.body, S("factors"), 0)) == 0) {
        return auth_refuse(call->arena, "MFAMethodNotFoundException",
            "The user has not set up the MFA method %.*s", PRI(str_utf8_first(answer, 64)));
    }
    TRY(auth_state_settle(call, &state.spend, 1));
    return ask(call, state.user, factor);
}

// An address for codes by e-mail. It travels in the state, and is the user's once the code that is
// sent there proves it.
static err *set_up_email(struct auth_call *call, struct auth_state *state, str email) YIELDS;

static err *set_up_email(struct auth_call *call, struct auth_state *state, str email)
{
    struct json *attributes = json_object(call->arena);
    if (!call->service->mfa_email) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "E-mail MFA is not enabled for the pool");
    }
    json_set(attributes, S("email"), auth_str(call, email));
    TRY(auth_attributes_check(call, attributes, AUTH_CREATE));
    TRY(auth_state_settle(call, &state->spend, 1));
    struct json *next = auth_state_body(call, "mfa", state->user);
    json_set(next, S("email"), auth_str(call, email));
    auth_user_set(call, state->user, S("email"), email); // of this copy, for the code
    return ask_in(call, state->user, AUTH_EMAIL, next);
}

err *auth_answer_setup(struct auth_call *call)
{
    struct auth_state state = {};
    str email = auth_parameter(call, "EMAIL");
    TRY(auth_state_of_session(call, NULL, &state));
    str kind = json_get_str(state.body, S("kind"));
    if (str_eq(kind, S("mfasetup")) && email.len > 0) {
        return set_up_email(call, &state, email);
    }
    if (!str_eq(kind, S("mfaready"))) {
        return auth_bad_session(call, ".");
    }
    struct auth_proof proof = {.user = state.user,
        .writes = {state.spend},
        .count = 1,
        .device_key = auth_parameter(call, "DEVICE_KEY")};
    return auth_finish(call, &proof);
}
