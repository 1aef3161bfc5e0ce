// Codes and small keyed texts of sign-in: one-time codes of an authenticator app, codes sent by
// message, the client's secret hash, and the key derivation beneath.
#pragma once

#include "crypto/crypto.h"

enum {
    CRYPTO_TOTP_SECRET_SIZE = 32, // 52 letters of base32, as Cognito gives out
    CRYPTO_TOTP_DIGITS = 6,
    CRYPTO_TOTP_STEP_S = 30,
    CRYPTO_HKDF_MAX = 255 * CRYPTO_SHA256_SIZE,
};

// RFC 5869 with SHA-256, extract and expand; at most 255 * 32 bytes. `info` at most 256 bytes.
void crypto_hkdf_sha256(str secret, str salt, str info, u8 *out, size_t size);

// RFC 4648 base32, upper case, without padding: how authenticator apps take a secret.
str crypto_base32(struct arena *arena, str bytes);

// RFC 6238 with SHA-1, six digits and steps of 30 seconds from the epoch: what all apps compute.
void crypto_totp(str secret, u64 step, char out[CRYPTO_TOTP_DIGITS]);

enum crypto_totp_verdict {
    CRYPTO_TOTP_WRONG,
    CRYPTO_TOTP_RIGHT,
    CRYPTO_TOTP_USED, // right, but of a step that was used already, or of an earlier one
};

// Compares a code with those of this step, the one before and the one after, in constant time.
// *last_step is the step of the last code accepted (0: none); raised when this one is right, and to
// be stored before it counts: a code is good for one use (RFC 6238 5.2).
enum crypto_totp_verdict crypto_totp_check(str secret, str code, u64 now_s, u64 *last_step);

// SECRET_HASH: base64 of HMAC-SHA-256 under the client's secret over username and client id.
// Compare with bytes_eq_secret.
str crypto_secret_hash(struct arena *arena, str client_secret, str username, str client_id);

// A code of decimal digits, each as likely as the others, zeros in front included.
str crypto_random_digits(struct arena *arena, size_t count);
