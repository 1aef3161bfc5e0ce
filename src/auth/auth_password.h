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
