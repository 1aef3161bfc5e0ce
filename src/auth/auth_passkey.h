// Passkeys: WebAuthn credentials of users.
#pragma once

#include "auth/auth_signin.h"

[[nodiscard]] err *auth_passkey_has(
    struct auth_call *call, const struct auth_user *user, bool *has) YIELDS;
// The challenge to sign in with one.
[[nodiscard]] err *auth_passkey_ask(struct auth_call *call, struct auth_user *user) YIELDS;
[[nodiscard]] err *auth_answer_passkey(struct auth_call *call) YIELDS;
