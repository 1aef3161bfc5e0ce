// Shared by the files of second factors and of signing in without a password.
#pragma once

#include "auth/auth_signin.h"

enum auth_factor { AUTH_SMS = 1, AUTH_TOTP = 2, AUTH_EMAIL = 4 };

// ---- factors of a user -----------------------------------------------------------------------
// Factors that the user has switched on and can use, and the pool has as well.
unsigned auth_factors_of(const struct auth_call *call, const struct auth_user *user);
// Which ones the user has switched on and prefers, to be changed in place: names of factors to
// true, "preferred" to a name.
struct json *auth_factors_chosen(const struct auth_call *call, struct auth_user *user);
// Among them: a passkey whose user was verified is both factors.
#define AUTH_PASSKEY_MFA S("WEB_AUTHN")
// Who answers this factor from now on; the user has to be saved.
void auth_factor_switch_on(
    const struct auth_call *call, struct auth_user *user, enum auth_factor factor);
// What is set up on the way in is the first; NotAuthorizedException when there is one meanwhile.
[[nodiscard]] err *auth_without_factor(struct auth_call *call, const struct auth_user *user);
// "SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"
str auth_factor_name(enum auth_factor factor);
unsigned auth_factor_named(str name); // 0: there is none
unsigned auth_factors_of_pool(const struct auth_service *service);
// JSON text of the names of a set, as challenge parameters have it.
str auth_factors_text(struct arena *arena, unsigned factors);

// ---- codes -----------------------------------------------------------------------------------
// Sends a code for a state, and tells where it went as challenge parameters. NotAuthorizedException
// when the user has no such address (any more).
[[nodiscard]] err *auth_send_factor_code(struct auth_call *call, const struct auth_user *user,
    const struct json *state, bool phone, size_t digits, struct json **parameters) YIELDS;
// CodeMismatchException, as it is said of codes that are sent; of an app's it is said otherwise.
[[nodiscard]] err *auth_wrong_code(struct auth_call *call);
// Compares a code with the one sent for the state; *spend uses it up. CodeMismatchException;
// ExpiredCodeException also when the address it went to is the user's no more.
[[nodiscard]] err *auth_check_factor_code(struct auth_call *call, const struct auth_state *state,
    str code, struct store_write *spend) YIELDS;

// ---- authenticator apps ----------------------------------------------------------------------
bool auth_totp_has(const struct auth_user *user);
// Whether the code is right now; when it is, the user has to be saved. ExpiredCodeException for one
// that was used already.
[[nodiscard]] err *auth_totp_check(
    struct auth_call *call, struct auth_user *user, str code, bool *right);

// ---- steps -----------------------------------------------------------------------------------
[[nodiscard]] err *auth_answer_factor(struct auth_call *call, enum auth_factor factor) YIELDS;
[[nodiscard]] err *auth_answer_select_factor(struct auth_call *call) YIELDS;
[[nodiscard]] err *auth_answer_setup(struct auth_call *call) YIELDS;
// USER_AUTH, and the answers to its challenges.
[[nodiscard]] err *auth_choice_start(struct auth_call *call, str username) YIELDS;
[[nodiscard]] err *auth_answer_choice(struct auth_call *call) YIELDS;
[[nodiscard]] err *auth_answer_otp(struct auth_call *call, bool phone) YIELDS;
