// RSA keys that sign and check tokens (RS256: RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 3.3).
// Nothing here knows fibers; what is slow says so.
#pragma once

#include "crypto/crypto.h"

enum { CRYPTO_RSA_BITS = 2048, CRYPTO_RSA_BITS_MAX = 4096, CRYPTO_RSA_SIGNATURE_MAX = 512 };

// A private or a public key: immutable, may be used by several threads at once. Heap; freed by its
// one owner with crypto_rsa_free.
struct crypto_rsa;

// A key's public half as members of a JWK (RFC 7517): base64url without padding.
struct crypto_jwk {
    str kid; // SHA-256 of the key's thumbprint (RFC 7638) in base64, as Cognito's look
    str n;
    str e;
};

// Makes a private key of 2048 bits. Takes about 100 ms and now and then a second: worker_run.
struct crypto_rsa *crypto_rsa_make(void);
void crypto_rsa_free(struct crypto_rsa *key); // NULL is allowed
// The private key as PEM text (PKCS #8), not encrypted: seal it, then crypto_wipe it.
str crypto_rsa_to_pem(struct arena *arena, const struct crypto_rsa *key);
// A private key from such text. ERR_INVALID when it is anything else, not 2048 to 4096 bits, or
// damaged: it has to sign and verify a text first, which takes about a millisecond.
[[nodiscard]] err *crypto_rsa_from_pem(struct arena *arena, str pem, struct crypto_rsa **out);
// A public key of another issuer from its JWK's members. ERR_INVALID on bad base64url, an even
// number, an exponent beyond 32 bits, or a modulus that has not 2048 to 4096 bits.
[[nodiscard]] err *crypto_rsa_from_jwk(struct arena *arena, str n, str e, struct crypto_rsa **out);
// The public half. The texts live as long as the key.
struct crypto_jwk crypto_rsa_jwk(const struct crypto_rsa *key);

// RS256 with a private key; takes about a millisecond, so many belong into worker_run.
str crypto_rsa_sign(struct arena *arena, const struct crypto_rsa *key, str bytes);
// The same with SHA-512: RS512.
str crypto_rsa_sign_sha512(struct arena *arena, const struct crypto_rsa *key, str bytes);
// Whether it is that key's signature over the bytes; takes 30 to 50 us with 2048 bits.
bool crypto_rsa_verify(const struct crypto_rsa *key, str bytes, str signature);
