// The end of a sign-in: all is proven.
#include "auth/auth_device.h"
#include "auth/auth_trigger.h"

err *auth_may_sign_in(struct auth_call *call, const struct auth_user *user)
{
    str status = auth_user_status(user);
    if (!json_get_bool(user->item, S("enabled"), true)) {
        return auth_refuse(call->arena, "NotAuthorizedException", "User is disabled.");
    }
    if (str_eq(status, S("UNCONFIRMED"))) {
        return auth_refuse(call->arena, "UserNotConfirmedException", "User is not confirmed.");
    }
    if (str_eq(status, S("RESET_REQUIRED"))) {
        return auth_refuse(
            call->arena, "PasswordResetRequiredException", "Password reset required for the user");
    }
    u64 ends = (u64)json_get_int(user->item, S("temporaryEnds"), 0);
    if (str_eq(status, S("FORCE_CHANGE_PASSWORD")) && ends > 0 && ends <= call->hub->now_ms()) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "Temporary password has expired and must be reset by an administrator.");
    }
    return NULL;
}

err *auth_finish(struct auth_call *call, struct auth_proof *proof)
{
    struct json *fresh = NULL;
    check(proof->user != NULL && proof->count < countof(proof->writes));
    TRY(auth_may_sign_in(call, proof->user));
    if (call->service->devices) {
        TRY(auth_device_prepare(call, proof, &fresh));
    }
    TRY(auth_post_authentication(call, &proof->user, fresh != NULL));
    TRY(auth_may_sign_in(call, proof->user)); // the function's doing counts
    str device = call->service->devices ? proof->device_key : (str){};
    TRY(auth_sign_in(call, proof->user, device, proof->writes, proof->count));
    if (fresh != NULL) {
        json_set(json_get(call->out, S("AuthenticationResult")), S("NewDeviceMetadata"), fresh);
    }
    return NULL;
}
