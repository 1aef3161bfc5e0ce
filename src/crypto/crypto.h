// Digests, message authentication and sealing over OpenSSL's libcrypto. Nothing here waits; only
// crypto_key_ensure touches the disk.
#pragma once

#include "base/base.h"

enum {
    CRYPTO_MD5_SIZE = 16,
    CRYPTO_SHA1_SIZE = 20,
    CRYPTO_SHA256_SIZE = 32,
    CRYPTO_DIGEST_MAX = 32,
    CRYPTO_KEY_SIZE = 32,
};

// ---- digests ---------------------------------------------------------------------------------
// MD5 and SHA-1 are here for protocols that name them (S3's ETag, WebSocket's handshake), not for
// security.
void crypto_md5(str bytes, u8 out[CRYPTO_MD5_SIZE]);
// FIPS 180-4. See above.
void crypto_sha1(str bytes, u8 out[CRYPTO_SHA1_SIZE]);
// FIPS 180-4.
void crypto_sha256(str bytes, u8 out[CRYPTO_SHA256_SIZE]);
// RFC 2104 with SHA-256. Compare the result with bytes_eq_secret.
void crypto_hmac_sha256(str key, str bytes, u8 out[CRYPTO_SHA256_SIZE]);

enum { CRYPTO_SIGV4_SECRET_MAX = 128 }; // bytes

// The signing key of AWS Signature Version 4 ("Deriving a signing key", IAM user guide) for a day
// ("20260203"), a region and a service. Wiped by the caller.
void crypto_sigv4_key(str secret, str date, str region, str service, u8 out[CRYPTO_SHA256_SIZE]);

enum crypto_digest { CRYPTO_MD5, CRYPTO_SHA1, CRYPTO_SHA256 };

// A digest of bytes that come in pieces (bodies too large for memory).
struct crypto_hash;
// Heap; freed by crypto_hash_free.
struct crypto_hash *crypto_hash_new(enum crypto_digest digest);
// The next piece: microseconds a kilobyte, so a large one belongs on the worker pool.
void crypto_hash_add(struct crypto_hash *hash, str bytes);
// Digest of all that was added (its length is returned), and begins anew.
size_t crypto_hash_finish(struct crypto_hash *hash, u8 out[CRYPTO_DIGEST_MAX]);
// Finished or not. NULL is allowed.
void crypto_hash_free(struct crypto_hash *hash);

// ---- the instance's key ----------------------------------------------------------------------
// The secret that protects what this installation keeps on disk. Held by value by its users; wipe
// copies with crypto_wipe.
struct crypto_key {
    u8 bytes[CRYPTO_KEY_SIZE];
};

// Reads the key from its file: 64 hexadecimal digits, so that it can also be given by environment.
// Makes it (mode 0600) when there is no file; a file that is something else is an error, never
// replaced: what was sealed with it would be lost. Blocks the thread.
[[nodiscard]] err *crypto_key_ensure(struct arena *arena, const char *path, struct crypto_key *out);
// The key in that text form; ERR_CONFIG on anything else than 64 hexadecimal digits.
[[nodiscard]] err *crypto_key_parse(struct arena *arena, str text, struct crypto_key *out);
// An independent key for one purpose ("page tokens"): no two parts may share one.
struct crypto_key crypto_key_derive(const struct crypto_key *key, str purpose);
// Overwrites a secret so that the compiler cannot leave it out.
void crypto_wipe(void *secret, size_t size);

// ---- sealing ---------------------------------------------------------------------------------
// AES-256-GCM under a random nonce: a version byte, the nonce (12), the cipher text, the tag (16).
// `context` is not stored but must be the same when opening: it ties the bytes to their place (a
// table and an id), so that one sealed value cannot be put in another's place. At most 2^32
// values may be sealed with one key (SP 800-38D, 8.3).
str crypto_seal(struct arena *arena, const struct crypto_key *key, str context, str plain);
// ERR_INVALID when the bytes, the context or the key are not those of the sealing.
[[nodiscard]] err *crypto_open(
    struct arena *arena, const struct crypto_key *key, str context, str sealed, str *plain);
