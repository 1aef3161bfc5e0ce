// Public keys of other issuers, from their JWK Sets (RFC 7517), and the signatures that such keys
// check: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 (RFC 7518 3.1). Symmetric
// algorithms and `none` are not among them, so no public text can pass for a secret.
#pragma once

#include "json/json.h"

// Immutable; may be used by several threads at once. Heap; freed by crypto_jws_key_free.
struct crypto_jws_key;

// The key of one JWK. ERR_INVALID when it is of another type or curve, is not meant for signatures
// (`use`, `key_ops`, `alg`), has no `kid`, or is no sound public key.
[[nodiscard]] err *crypto_jws_key_new(
    struct arena *arena, const struct json *jwk, struct crypto_jws_key **out);
void crypto_jws_key_free(struct crypto_jws_key *key); // NULL is allowed
// The key's id, as long as the key.
str crypto_jws_key_id(const struct crypto_jws_key *key);
// Whether that algorithm goes with the key and the signature is the key's over the bytes. 50 us
// with RSA of 2048 bits and ES256, a millisecond with the larger curves: worker_run.
bool crypto_jws_verify(const struct crypto_jws_key *key, str alg, str bytes, str signature);
// Whether the algorithm is one of those above.
bool crypto_jws_is_alg(str alg);
