// The first factor is proven: what is asked for next.
#include "auth/auth_device.h"
#include "auth/auth_mfa.h"

// The names of required attributes that the user lacks, as the clients expect them: JSON texts.
static err *ask_new_password(struct auth_call *call, const struct auth_user *user)
{
    struct arena *a = call->arena;
    struct json *parameters = json_object(a);
    struct json *missing = json_array(a);
    for (size_t i = 0; i < call->service->attribute_count; i++) {
        const struct auth_attribute *attribute = &call->service->attributes[i];
        if (attribute->required && auth_user_get(user, attribute->name).len == 0) {
            json_push(missing, json_string(a, str_cat(a, S("userAttributes."), attribute->name)));
        }
    }
    json_set(parameters, S("requiredAttributes"), json_string(a, json_text(a, missing)));
    json_set(parameters, S("userAttributes"), json_string(a, json_text(a, user->attributes)));
    auth_challenge(
        call, "NEW_PASSWORD_REQUIRED", auth_state_new(call, "password", user), parameters, user);
    return NULL;
}

err *auth_first_factor_done(struct auth_call *call, struct auth_proof *proof)
{
    check(proof->user != NULL);
    bool asked = false;
    err *e = auth_may_sign_in(call, proof->user);
    if (e != NULL) { // the proof was right all the same: it is no guess that counts
        TRY(auth_state_settle(call, proof->writes, proof->count));
        return e;
    }
    if (str_eq(auth_user_status(proof->user), S("FORCE_CHANGE_PASSWORD"))) {
        TRY(auth_state_settle(call, proof->writes, proof->count));
        return ask_new_password(call, proof->user);
    }
    if (call->service->devices) {
        TRY(auth_device_ask(call, proof, &asked));
    }
    if (!asked) {
        TRY(auth_second_factor(call, proof, &asked));
    }
    return asked ? auth_state_settle(call, proof->writes, proof->count) : auth_finish(call, proof);
}
