// What WebAuthn's authenticators send, taken apart and checked (W3C Web Authentication, level 2):
// authenticator data, public keys in COSE form (RFC 9053), signatures. Challenges, origins,
// counters and what a flag must be are the caller's.
#pragma once

#include "crypto/cbor.h"
#include "crypto/crypto.h"

// COSE algorithm numbers (RFC 9053, RFC 8812) that keys may have.
enum crypto_cose_alg {
    CRYPTO_COSE_ES256 = -7,
    CRYPTO_COSE_EDDSA = -8, // Ed25519
    CRYPTO_COSE_RS256 = -257,
};

enum crypto_authenticator_flag {
    CRYPTO_AUTH_USER_PRESENT = 0x01,
    CRYPTO_AUTH_USER_VERIFIED = 0x04,
    CRYPTO_AUTH_BACKUP_ELIGIBLE = 0x08,
    CRYPTO_AUTH_BACKED_UP = 0x10,
    CRYPTO_AUTH_HAS_CREDENTIAL = 0x40,
    CRYPTO_AUTH_HAS_EXTENSIONS = 0x80,
};

// Authenticator data (6.1); slices of it, and the key's tree in the arena.
struct crypto_authenticator {
    str rp_id_hash; // 32 bytes
    u8 flags;
    u32 counter;
    str aaguid;                    // 16 bytes; this and the next three only with a credential
    str credential_id;             // 1 to 1023 bytes
    str key_bytes;                 // COSE, to be kept and given to crypto_cbor_parse again
    const struct crypto_cbor *key; // for crypto_webauthn_key
};

// ERR_INVALID unless the bytes are exactly what their flags announce.
[[nodiscard]] err *crypto_authenticator_parse(
    struct arena *arena, str bytes, struct crypto_authenticator *out);

// A credential's public key. Heap; freed by its owner with crypto_webauthn_key_free.
struct crypto_webauthn_key;

// ERR_INVALID unless the map is a COSE key of ES256 (P-256, a point of the curve), RS256 (2048 to
// 4096 bits) or EdDSA (Ed25519), its type and curve fitting its algorithm.
[[nodiscard]] err *crypto_webauthn_key_new(
    struct arena *arena, const struct crypto_cbor *map, struct crypto_webauthn_key **out);
// The key of an attestation certificate (X.509, DER), for one of those algorithms. Says nothing
// about who issued it, or for what.
[[nodiscard]] err *crypto_webauthn_key_of_certificate(
    struct arena *arena, str der, i64 alg, struct crypto_webauthn_key **out);
void crypto_webauthn_key_free(struct crypto_webauthn_key *key); // NULL is allowed
enum crypto_cose_alg crypto_webauthn_key_alg(const struct crypto_webauthn_key *key);

// Whether the signature is that key's over authenticator data and the hash of the client's data:
// an assertion's (7.2, step 20), and a packed attestation's (8.2). ES256 signatures are in DER
// form. Takes 15 to 150 us, by algorithm.
bool crypto_webauthn_verify(struct arena *arena, const struct crypto_webauthn_key *key,
    str authenticator_data, str client_data_json, str signature);
