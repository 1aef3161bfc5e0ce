// Triggers: the project's functions that are asked, or told, while users sign up and sign in.
#pragma once

#include "auth/auth_int.h"

enum auth_trigger {
    AUTH_PRE_SIGN_UP,
    AUTH_POST_CONFIRMATION,
    AUTH_PRE_AUTHENTICATION,
    AUTH_POST_AUTHENTICATION,
    AUTH_PRE_TOKEN_GENERATION,
    AUTH_CUSTOM_MESSAGE,
    AUTH_USER_MIGRATION,
    AUTH_DEFINE_CHALLENGE,
    AUTH_CREATE_CHALLENGE,
    AUTH_VERIFY_CHALLENGE,
    AUTH_EMAIL_SENDER,
    AUTH_SMS_SENDER,
    AUTH_TRIGGERS
};

struct auth_event {
    enum auth_trigger trigger;
    const char *source;  // what follows the trigger's name: "SignUp" of "PreSignUp_SignUp"
    const char *version; // NULL: "1"
    str username;        // when there is no user
    const struct auth_user *user;
    struct json *attributes; // in place of the user's; NULL: those
    struct json *request;    // what else it is told; NULL: nothing
    struct json *response;   // what it fills in; NULL: nothing
};

// Whether the project has a function for it.
bool auth_has_trigger(const struct auth_call *call, enum auth_trigger trigger);
// Which functions there are, as DescribeUserPool tells it: LambdaConfig.
struct json *auth_trigger_config(const struct auth_call *call);
// Runs the function, if there is one, for as long as it may take; *response (NULL allowed) is what
// it filled in, NULL without a function. What was read before it may have changed meanwhile.
// UserLambdaValidationException: it failed; UnexpectedLambdaException: it could not be run or took
// too long; InvalidLambdaResponseException: what it returned is no event.
[[nodiscard]] err *auth_trigger(
    struct auth_call *call, const struct auth_event *event, struct json **response) YIELDS;
// What the function is told of the user: a copy.
struct json *auth_event_attributes(struct auth_call *call, const struct auth_event *event);
// Has the function run some time soon; nobody waits for what becomes of it, and it is tried again
// when it fails. There has to be one. UnexpectedLambdaException: it cannot be run.
[[nodiscard]] err *auth_trigger_later(
    struct auth_call *call, const struct auth_event *event) YIELDS;
// InvalidLambdaResponseException
[[nodiscard]] err *auth_bad_response(struct auth_call *call);
// A flag of a response: absent is false, what is no flag is refused.
[[nodiscard]] err *auth_response_flag(
    struct auth_call *call, const struct json *response, const char *name, bool *out);
// ClientMetadata for triggers that are given it as such; those of InitiateAuth only pass it on as
// what is to be validated.
void auth_add_metadata(struct auth_call *call, struct json *request);
// "userNotFound", which pools that hide who exists tell their functions.
void auth_add_not_found(struct auth_call *call, struct json *request, bool missing);

// ---- the events ------------------------------------------------------------------------------
// Asked before a user is made; sets what it decides in the user. *confirmed: no code is needed.
[[nodiscard]] err *auth_pre_sign_up(
    struct auth_call *call, struct auth_user *user, const char *source, bool *confirmed) YIELDS;
// Told of a user that has been confirmed, which stands whatever comes of it.
[[nodiscard]] err *auth_post_confirmation(
    struct auth_call *call, const struct auth_user *user, const char *source) YIELDS;
// Before anything is proven. Does nothing when nobody has that name and the pool says so.
[[nodiscard]] err *auth_pre_authentication(struct auth_call *call, str username) YIELDS;
// All is proven. *user is read anew after it: refused when it is not as it was.
[[nodiscard]] err *auth_post_authentication(
    struct auth_call *call, struct auth_user **user, bool new_device) YIELDS;
// Texts of its own for a message whose places are not filled yet; `places` are the texts that stand
// for them. *changed: the message's text is another one.
[[nodiscard]] err *auth_custom_message(struct auth_call *call, const struct auth_user *user,
    const char *source, struct outbox_message *message, bool *changed) YIELDS;
// Gives the code of a message to the project's sender for its medium. *taken: it has one, and
// nothing else is to be sent.
[[nodiscard]] err *auth_send_custom(struct auth_call *call, const struct auth_user *user,
    const char *source, const struct outbox_message *message, str code, bool *taken) YIELDS;
// A user that only the project's function knows, made here; NULL in *out when it knows none.
// `password` none: it is forgotten.
[[nodiscard]] err *auth_migrate(
    struct auth_call *call, str username, str password, struct auth_user **out) YIELDS;

struct auth_token_claims { // what is to be signed, as triggers may change it
    struct json *id;
    struct json *access;
    struct json *granted; // out: groups and roles that are not the user's, kept with the sign-in
    bool is_refresh;
};

// Changes the claims as the function says, within what may be changed.
[[nodiscard]] err *auth_pre_token(
    struct auth_call *call, const struct auth_user *user, struct auth_token_claims *claims) YIELDS;

// ---- challenges of the project ---------------------------------------------------------------
// CUSTOM_AUTH begins: asks the functions for the first challenge.
[[nodiscard]] err *auth_custom_start(struct auth_call *call, str username) YIELDS;
// CUSTOM_CHALLENGE is answered: the functions look at it, and say what is next.
[[nodiscard]] err *auth_answer_custom(struct auth_call *call) YIELDS;
struct auth_state;
// The password was right; goes on as the function says. `state` is of the proof.
[[nodiscard]] err *auth_custom_after_password(
    struct auth_call *call, struct auth_state *state) YIELDS;
