// Shared by the files of signing in: states between two steps, and what comes after a proof.
#pragma once

#include "auth/auth_token.h"

// ---- states ----------------------------------------------------------------------------------
// A state between two requests travels with the client, sealed, as Session (or SECRET_BLOCK): whose
// it is, what it allows, until when. It is used up by the step that succeeds.
struct auth_state {
    struct json *body; // as sealed
    struct auth_user *user;
    struct store_write spend; // for the transaction of the step that succeeds
};

// The body of a new state of that kind; add members, then seal it.
struct json *auth_state_body(
    struct auth_call *call, const char *kind, const struct auth_user *user);
str auth_state_seal(struct auth_call *call, const struct json *body);
str auth_state_new(struct auth_call *call, const char *kind, const struct auth_user *user);
// Opens what the client brought. NotAuthorizedException: not ours, of another client, over, used.
[[nodiscard]] err *auth_state_open(
    struct auth_call *call, str sealed, const char *kind, struct auth_state *out) YIELDS;
// The same for the Session of the request, which may be of one of several kinds (NULL: any).
[[nodiscard]] err *auth_state_of_session(
    struct auth_call *call, const char *kind, struct auth_state *out) YIELDS;
// NotAuthorizedException: "Invalid session for the user" and what is said behind it.
[[nodiscard]] err *auth_bad_session(struct auth_call *call, const char *what);
[[nodiscard]] err *auth_session_used(struct auth_call *call);
// Writes what a step has used up where its end is no sign-in; auth_session_used when another
// request was faster.
[[nodiscard]] err *auth_state_settle(
    struct auth_call *call, struct store_write *writes, size_t count) YIELDS;
// Counts a code that is tried for a state, which is good for a few.
[[nodiscard]] err *auth_state_count_try(
    struct auth_call *call, const struct auth_state *state) YIELDS;

// ---- guesses ---------------------------------------------------------------------------------
// Proofs whose attempts are counted, each apart: of a user's name, of its id, of a device's key.
#define AUTH_TRIES_PASSWORD "password"
#define AUTH_TRIES_FACTOR   "factor"
#define AUTH_TRIES_DEVICE   "device"

// Counts an attempt on a proof before it is looked at, together with `more` writes.
// NotAuthorizedException "Password attempts exceeded" while locked.
[[nodiscard]] err *auth_attempt(struct auth_call *call, const char *what, str whom,
    struct store_write *more, size_t count) YIELDS;
// The write that forgets them after a success.
struct store_write auth_attempt_good(struct auth_call *call, const char *what, str whom);

// ---- steps -----------------------------------------------------------------------------------
struct auth_proof { // what a sign-in has got so far
    struct auth_user *user;
    struct store_write writes[6]; // of the states it has used up
    size_t count;
    str device_key; // as the client sent it; of the sign-in at its end
    bool is_strong; // no second factor is asked for (a passkey where that counts)
};

// States of a user that are told only to who has the password.
[[nodiscard]] err *auth_may_sign_in(struct auth_call *call, const struct auth_user *user);
// The first factor is proven: refuses users who may not sign in, asks for what is still missing, or
// gives the tokens.
[[nodiscard]] err *auth_first_factor_done(struct auth_call *call, struct auth_proof *proof) YIELDS;
// All factors are: refuses users who may not sign in (any more), or gives the tokens.
[[nodiscard]] err *auth_finish(struct auth_call *call, struct auth_proof *proof) YIELDS;
// A challenge as the answer. `parameters` may be NULL.
void auth_challenge(struct auth_call *call, const char *name, str session, struct json *parameters,
    const struct auth_user *user);

// Members of AuthParameters and ChallengeResponses.
str auth_parameter(const struct auth_call *call, const char *name);
[[nodiscard]] err *auth_need_parameter(struct auth_call *call, const char *name, str *out);

// ---- proofs ----------------------------------------------------------------------------------
// The password is to be proven without being sent.
[[nodiscard]] err *auth_srp_start(struct auth_call *call, str username) YIELDS;
// PASSWORD_VERIFIER to a user, or to what was typed when there is none. `history`: of the project's
// own challenges, which go on after it; NULL: it is no part of them.
[[nodiscard]] err *auth_srp_challenge(struct auth_call *call, const struct auth_user *user,
    str username, const struct json *history) YIELDS;
// That proof; used up by being looked at.
[[nodiscard]] err *auth_srp_verify(struct auth_call *call) YIELDS;
// PASSWORD of the request as the first factor.
[[nodiscard]] err *auth_by_password(struct auth_call *call, str username) YIELDS;
[[nodiscard]] err *auth_second_factor(
    struct auth_call *call, struct auth_proof *proof, bool *asked) YIELDS;

// InitiateAuth and RespondToAuthChallenge, also of an administrator.
[[nodiscard]] err *auth_initiate(struct auth_call *call, bool admin) YIELDS;
[[nodiscard]] err *auth_respond(struct auth_call *call) YIELDS;

// ---- others ----------------------------------------------------------------------------------
// Checks the form of a user name; one that is an address becomes the attribute.
[[nodiscard]] err *auth_username_check(
    struct auth_call *call, struct json *attributes, str username) YIELDS;
// Writes as often as is written about a user that exists: how long an answer takes tells nothing.
[[nodiscard]] err *auth_pretend_writes(struct auth_call *call, str whom, int count) YIELDS;
// An answer about a user that does not exist, or UserNotFoundException where the pool tells.
// It writes as often as the other would.
[[nodiscard]] err *auth_pretend_delivery(struct auth_call *call, str username, int writes) YIELDS;
// The user name of a user that is not there, always the same for what was typed.
str auth_fake_name(struct auth_call *call, str username);
// Whether somebody of that name would have a phone number (or an e-mail address): always the same
// for a name, and what one of the pool's users must have.
bool auth_fake_has(struct auth_call *call, str username, bool phone);
// Where a message to somebody of that name would go, if somebody had it.
str auth_fake_address(struct auth_call *call, str username, bool phone);
// Writes attributes of a user, by itself or an administrator; sends what has to be proven.
[[nodiscard]] err *auth_update_attributes(
    struct auth_call *call, struct auth_user *user, const struct json *attributes) YIELDS;
[[nodiscard]] err *auth_delete_attributes(struct auth_call *call, struct auth_user *user) YIELDS;
[[nodiscard]] err *auth_send_recovery(struct auth_call *call, struct auth_user *user) YIELDS;
// UserMFASettingList and PreferredMfaSetting.
void auth_answer_mfa(struct auth_call *call, const struct auth_user *user);
