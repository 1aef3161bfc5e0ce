// JSON Web Tokens in the one form that Cognito and every OpenID issuer share: JWS compact
// serialisation (RFC 7515, RFC 7519), signed with RS256 (for identity pools with RS512). Reading
// and checking are two steps, since the header says which key to look for; nothing of a token
// counts before it is checked.
#pragma once

#include "crypto/rsa.h"
#include "json/json.h"

enum { CRYPTO_JWT_SIZE_MAX = 16 << 10 };

// A token taken apart; everything lives in the arena, and `signed_text` in the token itself.
struct crypto_jwt {
    struct json *header;
    struct json *claims;
    str alg;
    str kid;         // none when the header has none (RFC 7515 4.1.4: optional)
    str signed_text; // "header.claims" as received
    str signature;
};

// The token of those claims (a JSON object's text) with the header {"kid":...,"alg":"RS256"} that
// Cognito writes, signed by `key`; its key id stands in the header. Takes about a millisecond.
str crypto_jwt_sign(struct arena *arena, const struct crypto_rsa *key, str claims);
// The same with a header of the caller's, a JSON object's text that has to say "alg":"RS256".
str crypto_jwt_sign_as(struct arena *arena, const struct crypto_rsa *key, str header, str claims);
// The token of those claims as identity pools write theirs: {"kid":...,"typ":"JWS","alg":"RS512"}.
str crypto_jwt_sign_rs512(struct arena *arena, const struct crypto_rsa *key, str claims);

// Takes a token apart, strictly: at most 16 KiB, three parts of unpadded base64url, two JSON
// objects, a text `alg`, `kid` a text when given, no `crit`. Checks no signature: trust nothing in
// it yet. ERR_UNAUTHORIZED when it is anything else.
[[nodiscard]] err *crypto_jwt_parse(struct arena *arena, str token, struct crypto_jwt *out);
// ERR_UNAUTHORIZED unless its algorithm is RS256 (never another, whatever the header asks for) and
// the signature is that key's.
[[nodiscard]] err *crypto_jwt_verify_rs256(
    struct arena *arena, const struct crypto_jwt *jwt, const struct crypto_rsa *key);
// ERR_UNAUTHORIZED when `exp` is missing or over, or `nbf` or `iat` lie in the future, each by more
// than `skew_s`; also when one of them is no number of seconds.
[[nodiscard]] err *crypto_jwt_check_times(
    struct arena *arena, const struct crypto_jwt *jwt, u64 now_s, u64 skew_s);
