// Devices that a pool remembers: each proves itself by a secret of its own.
#pragma once

#include "auth/auth_signin.h"

// Asks the device for its proof when that takes the place of a second factor. ResourceNotFound-
// Exception "Device does not exist." for a key that the user has not.
[[nodiscard]] err *auth_device_ask(
    struct auth_call *call, struct auth_proof *proof, bool *asked) YIELDS;
// Before a sign-in ends: a key for a device that has none (NewDeviceMetadata in *fresh, its row
// among the writes), else the time of its last use.
[[nodiscard]] err *auth_device_prepare(
    struct auth_call *call, struct auth_proof *proof, struct json **fresh) YIELDS;
// Tokens of a confirmed device are refreshed by that device only.
[[nodiscard]] err *auth_device_check(
    struct auth_call *call, const struct auth_user *user, str bound, str given) YIELDS;
// Answers to DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER.
[[nodiscard]] err *auth_answer_device(struct auth_call *call) YIELDS;
[[nodiscard]] err *auth_verify_device(struct auth_call *call) YIELDS;
