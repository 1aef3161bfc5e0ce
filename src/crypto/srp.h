// The server's half of Cognito's password proof: SRP-6a in the 3072-bit group of RFC 3526 with
// SHA-256 and Cognito's own rules for turning numbers into bytes. It serves users (their names are
// the pool's name and USER_ID_FOR_SRP) and devices (device group key and device key) alike.
//
// Every function that says "computes" raises a 3072-bit number to a power once or twice, which
// takes half a millisecond each, and several on a slow machine: call it in worker_run. Secret
// exponents and bases go only through operations of constant time.
#pragma once

#include "crypto/crypto.h"

enum {
    CRYPTO_SRP_NUMBER_SIZE = 384, // of N, and so of A, B and the verifier
    CRYPTO_SRP_SECRET_SIZE = 48,
    CRYPTO_SRP_SALT_SIZE = 32, // ours have 16 bytes; devices bring their own
};

// Who proves: part of what the password is hashed with, and of the signed text. Byte-exact.
struct crypto_srp_name {
    str group; // the pool id after its "_", or the device group key
    str user;  // USER_ID_FOR_SRP, or the device key
};

// What is kept instead of a password; big-endian, zeros in front. Whoever has it can try passwords
// at the speed of hashing: seal it (crypto_seal), the struct's bytes as they are.
struct crypto_srp_verifier {
    u8 salt[CRYPTO_SRP_SALT_SIZE];
    u8 verifier[CRYPTO_SRP_NUMBER_SIZE];
};

// A proof under way, between the client's A and its signature: may be sealed into the SECRET_BLOCK
// or a session (the struct's bytes as they are), and finished by another process.
struct crypto_srp_state {
    u8 secret[CRYPTO_SRP_SECRET_SIZE]; // b: wipe and never send unsealed
    u8 client[CRYPTO_SRP_NUMBER_SIZE]; // A
    u8 server[CRYPTO_SRP_NUMBER_SIZE]; // B
};

// What the client signs. `block` is the decoded SECRET_BLOCK.
struct crypto_srp_claim {
    struct crypto_srp_name name;
    str block;
    str timestamp; // as sent
    str signature; // PASSWORD_CLAIM_SIGNATURE as sent: base64 of 32 bytes
};

// Computes the verifier of a new password under a fresh salt of 16 bytes.
void crypto_srp_make(
    const struct crypto_srp_name *name, str password, struct crypto_srp_verifier *out);
// Takes over what a device posted (DeviceSecretVerifierConfig, both base64). ERR_INVALID when the
// salt is longer than 32 bytes, or the verifier no number between 1 and N - 1, both excluded.
[[nodiscard]] err *crypto_srp_import(
    struct arena *arena, str salt, str verifier, struct crypto_srp_verifier *out);
// A stand-in for a user who does not exist, always the same for the same key and context: its
// answers look like a real one's and take as long. No password fits.
void crypto_srp_fake(const struct crypto_key *key, str context, struct crypto_srp_verifier *out);
// Computes whether that is the password, in constant time (USER_PASSWORD_AUTH, ADMIN_...).
bool crypto_srp_password_fits(
    const struct crypto_srp_name *name, const struct crypto_srp_verifier *verifier, str password);

// Begins a proof with the client's SRP_A (hexadecimal): computes B from a fresh secret. ERR_INVALID
// unless A is a number between 1 and N - 1: a multiple of N would make the session key known
// without a password.
[[nodiscard]] err *crypto_srp_begin(struct arena *arena, const struct crypto_srp_verifier *verifier,
    str client_hex, struct crypto_srp_state *out);
// The same with the secret already set in *state (vectors; a secret from elsewhere).
[[nodiscard]] err *crypto_srp_begin_with(struct arena *arena,
    const struct crypto_srp_verifier *verifier, str client_hex, struct crypto_srp_state *state);
// Computes the session key and says whether the signature proves the password. The verifier has to
// be the one the proof was begun with. False also when the signature is no base64 of 32 bytes.
bool crypto_srp_check(struct arena *arena, const struct crypto_srp_verifier *verifier,
    const struct crypto_srp_state *state, const struct crypto_srp_claim *claim);

// SALT and SRP_B as Cognito sends them: hexadecimal, an even number of digits, no zeros in front.
str crypto_srp_salt_hex(struct arena *arena, const struct crypto_srp_verifier *verifier);
str crypto_srp_server_hex(struct arena *arena, const struct crypto_srp_state *state);
