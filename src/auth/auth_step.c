// One step of a sign-in: its parameters, and the challenge that is its answer.
#include "auth/auth_signin.h"

str auth_parameter(const struct auth_call *call, const char *name)
{
    const struct json *given = json_get(call->in, S("ChallengeResponses"));
    given = json_is_null(given) ? json_get(call->in, S("AuthParameters")) : given;
    return json_get_str(given, str_from(name));
}

err *auth_need_parameter(struct auth_call *call, const char *name, str *out)
{
    *out = auth_parameter(call, name);
    return out->len > 0 ? NULL
                        : auth_refuse(call->arena, "InvalidParameterException",
                              "Missing required parameter %s", name);
}

void auth_challenge(struct auth_call *call, const char *name, str session, struct json *parameters,
    const struct auth_user *user)
{
    check(name[0] != '\0');
    struct arena *a = call->arena;
    parameters = parameters != NULL ? parameters : json_object(a);
    if (user != NULL) {
        json_set(parameters, S("USERNAME"), json_string(a, user->username));
        json_set(parameters, S("USER_ID_FOR_SRP"), json_string(a, user->username));
    }
    auth_answer_text(call, "ChallengeName", str_from(name));
    auth_answer(call, "ChallengeParameters", parameters);
    if (session.len > 0) {
        auth_answer_text(call, "Session", session);
    }
}
