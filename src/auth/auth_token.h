// Tokens: the keys that sign them, sign-ins and their ends, what was verified before.
#pragma once

#include "auth/auth_int.h"

// ---- keys ------------------------------------------------------------------------------------
enum auth_key_use {
    AUTH_KEY_ID,
    AUTH_KEY_ACCESS,
    AUTH_KEY_IDENTITY, // the identity pool's tokens
    AUTH_KEY_USES
};

struct auth_key { // immutable, and there as long as the hub
    struct auth_key *older;
    str id; // of the row: "access#3"
    enum auth_key_use use;
    u64 signs_ms; // from then on, until the next of its use does
    struct crypto_rsa *rsa;
    bool can_sign; // else the public half of a former one
};

struct auth_keys { // those in the documents, by use and age; immutable
    struct auth_key **items;
    size_t count;
};

// Keeps them: loads them, makes the first at the first start, follows the schedule.
void auth_keys_fiber(void *hub) YIELDS;
// One look at the schedule, as the fiber has it every hour.
[[nodiscard]] err *auth_keys_turn(struct auth_hub *hub, struct arena *arena) YIELDS;
// The key that signs now. Waits for it at the very first start, for about a second.
[[nodiscard]] err *auth_keys_wait(struct auth_hub *hub, struct arena *arena, enum auth_key_use use,
    const struct crypto_rsa **out) YIELDS;
// The key of that id, of those that may have signed a token that is valid; NULL in *out: none.
[[nodiscard]] err *auth_keys_find(struct auth_hub *hub, struct arena *arena, enum auth_key_use use,
    str kid, const struct crypto_rsa **out) YIELDS;
// A JSON Web Key Set; `uses` is a set of 1 << use.
[[nodiscard]] err *auth_keys_document(
    struct auth_hub *hub, struct arena *arena, unsigned uses, struct json **out) YIELDS;
void auth_keys_close(struct auth_hub *hub);

// ---- sign-ins --------------------------------------------------------------------------------
// A new sign-in of the user: its row and `more` are written in one transaction, its tokens stand in
// the answer as AuthenticationResult.
[[nodiscard]] err *auth_sign_in(struct auth_call *call, struct auth_user *user, str device_key,
    struct store_write *more, size_t count) YIELDS;
// New id and access tokens of the sign-in that the refresh token belongs to. `by_hash`: the
// client's secret is proven by a hash over the name of the token's user, else it is already.
[[nodiscard]] err *auth_refresh(
    struct auth_call *call, str token, str device_key, bool by_hash) YIELDS;
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
