// Shared by the operations of the identity pool.
#pragma once

#include "auth/auth_int.h"

enum { AUTH_IDENTITY_MAX = 55 };

// "cognito-idp.us-east-1.amazonaws.com/us-east-1_Abc": the user pool as a provider of logins.
str auth_provider_of(const struct auth_service *service);
// The error for an identity that is not there.
[[nodiscard]] err *auth_no_identity(struct auth_call *call, str id);
// Makes sure that nobody becomes the identity of that name.
struct store_write auth_identity_close(struct auth_call *call, str id);
// "REGION:UUID", as the pool's identities are called.
bool auth_is_identity(struct auth_call *call, str id);
