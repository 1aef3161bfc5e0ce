// Second factors.
#include "auth/auth_signin.h"

void auth_answer_mfa(struct auth_call *call, const struct auth_user *user)
{
    (void)call, (void)user;
}

err *auth_second_factor(struct auth_call *call, struct auth_proof *proof, bool *asked)
{
    (void)call, (void)proof;
    *asked = false;
    return NULL;
}
