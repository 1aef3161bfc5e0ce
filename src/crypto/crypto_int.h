// Shared inside the folder.
#pragma once

#include "crypto/crypto.h"

#include <openssl/types.h>

// Holds `<dir>/crypto.lock` against other processes until the descriptor is closed: two that start
// at the same time must not make two keys. Makes the folder. Blocks the thread.
[[nodiscard]] err *crypto_lock(struct arena *arena, const char *dir, int *fd);
// Closes it, unless it is -1: for the cleanup attribute.
void crypto_unlock(int *fd);
#define AUTO_UNLOCK __attribute__((cleanup(crypto_unlock)))

// Writes a file atomically. Root working in another user's folder (sudo) leaves it to the
// folder's owner, who could not read it otherwise.
[[nodiscard]] err *crypto_write(
    struct arena *arena, const char *dir, const char *path, str bytes, int mode);

// Value of a hexadecimal digit of either case, or -1.
int crypto_hex_digit(char c);

// Base64url in its one form: no padding, no letter of the other alphabet, no bits left over (RFC
// 7515 2; RFC 4648 3.5), so that a text cannot be altered and still mean the same.
bool crypto_base64url(struct arena *arena, str text, str *bytes);

// A public key from big-endian numbers; NULL when crypto_rsa_from_jwk would refuse it. Owned by the
// caller.
EVP_PKEY *crypto_rsa_public(str n, str e);
// Whether it is that key's signature over the bytes; NULL digest where the algorithm has its own.
bool crypto_pkey_verify(EVP_PKEY *pkey, const EVP_MD *digest, str bytes, str signature);
