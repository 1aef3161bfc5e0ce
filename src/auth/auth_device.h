// Devices that a pool remembers: each proves itself by a secret of its own.
#pragma once

#include "auth/auth_signin.h"

enum { AUTH_DEVICE_KEY_MAX = 55 };

// ---- rows ------------------------------------------------------------------------------------
// ResourceNotFoundException
[[nodiscard]] err *auth_no_device(struct auth_call *call);
// ResourceNotFoundException for a key that the user (NULL: nobody) has not, none apart. To be asked
// before an answer is used up: clients repeat it without the key.
[[nodiscard]] err *auth_device_known(
    struct auth_call *call, const struct auth_user *user, str key) YIELDS;
// NULL in *out: the user has no such device.
[[nodiscard]] err *auth_device_load(
    struct auth_call *call, const struct auth_user *user, str key, struct json **out) YIELDS;
// A device has taken the key over.
bool auth_device_is_confirmed(const struct json *device);
bool auth_device_is_remembered(const struct json *device);
// A write that fails when the device was confirmed or forgotten meanwhile.
struct store_write auth_device_change(
    struct auth_call *call, const struct json *device, struct json *set);

// ---- signing in ------------------------------------------------------------------------------
// Asks the device for its proof when that takes the place of a second factor. ResourceNotFound-
// Exception "Device does not exist." for a key that the user has not.
[[nodiscard]] err *auth_device_ask(
    struct auth_call *call, struct auth_proof *proof, bool *asked) YIELDS;
// Before a sign-in ends: a key for a device that has none (NewDeviceMetadata in *fresh, its row
// among the writes), else the time of its last use.
[[nodiscard]] err *auth_device_prepare(
    struct auth_call *call, struct auth_proof *proof, struct json **fresh) YIELDS;
// Tokens of a confirmed device are refreshed by that device only, and by nobody once it is
// forgotten.
[[nodiscard]] err *auth_device_check(
    struct auth_call *call, const struct auth_user *user, str bound, str given) YIELDS;
// Answers to DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER.
[[nodiscard]] err *auth_answer_device(struct auth_call *call) YIELDS;
[[nodiscard]] err *auth_verify_device(struct auth_call *call) YIELDS;
