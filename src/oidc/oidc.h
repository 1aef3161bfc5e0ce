// External OpenID Connect issuers, as the data API trusts them: their tokens are proved with the
// keys that the issuer's discovery document leads to.
#pragma once

#include "base/base.h"
#include "json/json.h"

// One issuer: immutable options, a bounded cache of its keys and of tokens that were verified.
// Heap; shared by all loops; freed by its owner with oidc_free.
struct oidc;

struct oidc_options { // copied
    str issuer;    // URL: https, or http of this machine. "/.well-known/openid-configuration" below
    str client_id; // regular expression for the whole of `aud` or `azp`; none: any
    u64 iat_ttl_s; // how long a token is good after `iat`; 0: until its end
    u64 auth_ttl_s; // how long after `auth_time`, which a token must have then; 0: not looked at
};

// ERR_CONFIG when the issuer is no such URL or the client id no regular expression.
[[nodiscard]] err *oidc_new(
    struct arena *arena, const struct oidc_options *options, struct oidc **out);
// No fiber may use it; a refresh of keys that is still on its way ends by itself. NULL is allowed.
void oidc_free(struct oidc *oidc);

struct oidc_claims { // of a token that is valid now
    const struct json *claims;
    str sub;
    const str *groups; // of `cognito:groups`
    size_t group_count;
};

// Who the bearer of a token of that issuer is; the claims are in `arena`. Keys are fetched when
// they are needed, once for all who wait, and once more for a key id that is not known, every three
// seconds at most. ERR_UNAUTHORIZED says why not, also when the issuer cannot be reached.
[[nodiscard]] err *oidc_verify(
    struct oidc *oidc, struct arena *arena, str token, struct oidc_claims *out) YIELDS;
// Whether the token says that it is of this issuer. Nothing is proved by that: it chooses who
// proves.
bool oidc_is_issuer(const struct oidc *oidc, struct arena *arena, str token);
