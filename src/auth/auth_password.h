// Shared by the files that prove passwords.
#pragma once

#include "auth/auth_int.h"
#include "crypto/srp.h"

// Whose proof it is, for the SRP functions.
struct crypto_srp_name auth_srp_name(const struct auth_service *service, str user);
// NULL user: false.
bool auth_password_has(const struct auth_user *user);
// The user's verifier; wipe it.
[[nodiscard]] err *auth_password_open(
    struct auth_call *call, const struct auth_user *user, struct crypto_srp_verifier *out);

// The user's verifier, or a made-up one where there is no password (`name`: whom it is for); wipe
// it.
[[nodiscard]] err *auth_srp_verifier(struct auth_call *call, const struct auth_user *user, str name,
    struct crypto_srp_verifier *out);
// Begins a proof with the request's SRP_A: SALT, SRP_B and a SECRET_BLOCK that carries `body` (a
// state's), as challenge parameters.
[[nodiscard]] err *auth_srp_begin(struct auth_call *call, struct crypto_srp_verifier *verifier,
    struct json *body, struct json **parameters) YIELDS;
// Compares the request's PASSWORD_CLAIM_SIGNATURE with that block's body.
[[nodiscard]] err *auth_srp_check(struct auth_call *call, struct crypto_srp_verifier *verifier,
    const struct crypto_srp_name *name, const struct json *body, bool *right) YIELDS;
