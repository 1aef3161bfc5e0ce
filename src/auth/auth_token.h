// Tokens: the keys that sign them, sign-ins and their ends, what was verified before.
#pragma once

#include "auth/auth_int.h"

// ---- keys ------------------------------------------------------------------------------------
void auth_keys_fiber(void *hub) YIELDS; // loads them, or makes them at the first start
// Waits for the keys, at the very first start for about a second.
[[nodiscard]] err *auth_keys_wait(
    struct auth_hub *hub, struct arena *arena, struct auth_keys **out) YIELDS;
void auth_keys_free(struct auth_keys *keys); // NULL is allowed

// ---- sign-ins --------------------------------------------------------------------------------
// A new sign-in of the user: its row and `more` are written in one transaction, its tokens stand in
// the answer as AuthenticationResult.
[[nodiscard]] err *auth_sign_in(struct auth_call *call, struct auth_user *user, str device_key,
    struct store_write *more, size_t count) YIELDS;
// New id and access tokens of the sign-in that the refresh token belongs to.
[[nodiscard]] err *auth_refresh(struct auth_call *call, str token, str device_key) YIELDS;
// Ends all sign-ins of a user; durable, and on every loop, when it returns.
[[nodiscard]] err *auth_sign_out_all(struct auth_call *call, str user) YIELDS;
// Groups of a user and their roles, strongest first. *preferred: the role of the strongest group;
// none when it is not clear which that is.
[[nodiscard]] err *auth_groups_of(struct auth_call *call, str user, struct json **groups,
    struct json **roles, str *preferred) YIELDS;

// ---- verified tokens of one loop -------------------------------------------------------------
struct auth_tokens;
struct auth_tokens *auth_tokens_new(void);
void auth_tokens_free(struct auth_tokens *tokens);
