// Groups and who is in them.
#include "auth/auth_token.h"

err *auth_groups_of(struct auth_call *call, str user, struct json **groups, struct json **roles)
{
    (void)user;
    *groups = json_array(call->arena);
    *roles = json_array(call->arena);
    return NULL;
}
