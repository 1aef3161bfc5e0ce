// What a source address may do, in requests and in wrong guesses.
#include "auth/auth_int.h"
#include "auth/auth_limit.h"

err *auth_too_many(struct arena *arena)
{
    return auth_refuse(arena, "TooManyRequestsException", "Rate exceeded");
}

// The answers that tell a guesser to go on.
static bool is_wrong_guess(const err *e)
{
    static const char *const NAMES[] = {"NotAuthorizedException", "CodeMismatchException",
        "ExpiredCodeException", "EnableSoftwareTokenMFAException", "UserNotFoundException",
        "UsernameExistsException", "UserLambdaValidationException"};
    for (size_t i = 0; e != NULL && i < countof(NAMES); i++) {
        if (str_eq(e->wire, str_from(NAMES[i]))) {
            return true;
        }
    }
    return false;
}

bool auth_take(struct auth_call *call, enum auth_limit limit)
{
    check(call->http != NULL);
    return auth_limiter_take(call->hub->limiter, call->http->peer, limit, time_mono_us() / 1000);
}

// Counted before it is looked at, so that guesses at the same time are counted all.
err *auth_guess(struct auth_call *call, auth_handler handler)
{
    if (!auth_take(call, AUTH_LIMIT_REQUESTS) || !auth_take(call, AUTH_LIMIT_GUESSES)) {
        return auth_too_many(call->arena);
    }
    err *e = handler(call);
    if (!is_wrong_guess(e)) {
        auth_limiter_give(call->hub->limiter, call->http->peer, AUTH_LIMIT_GUESSES);
    }
    return e;
}
