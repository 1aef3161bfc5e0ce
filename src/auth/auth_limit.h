// How much one source address may do, whomever it tries: on top of what is counted for each user.
#pragma once

#include "base/base.h"

enum auth_limit {
    AUTH_LIMIT_REQUESTS, // that may be guesses or cost much, whatever becomes of them
    AUTH_LIMIT_GUESSES,  // wrong ones
    AUTH_LIMITS
};

// Shared by all loops; of fixed size.
struct auth_limiter;

struct auth_limiter *auth_limiter_new(void);
void auth_limiter_free(struct auth_limiter *limiter); // NULL is allowed
// Counts one more; false, without counting, when that is too many. `peer` is the socket's address:
// an IPv6 one stands for its /64; this machine's own, and none, for whatever may be behind a proxy
// on it, and are given much more. `now_ms`: any steady clock.
bool auth_limiter_take(struct auth_limiter *limiter, str peer, enum auth_limit limit, u64 now_ms);
// Takes one back: it was no wrong guess.
void auth_limiter_give(struct auth_limiter *limiter, str peer, enum auth_limit limit);

// ---- of a call (auth_guess.c) ----------------------------------------------------------------
struct auth_call;

// Counts the call's address.
bool auth_take(struct auth_call *call, enum auth_limit limit);
