// Messages of the AWS Encryption SDK (its message format, version 2): what is encrypted under a
// data key, together with that key as somebody else (a key management service) has encrypted it.
// The algorithm suite is 0x0478: AES-256-GCM, the key derived by HKDF-SHA-512 with commitment, not
// signed. Every commitment policy of the official libraries decrypts it. Nothing waits.
#pragma once

#include "crypto/crypto.h"

struct crypto_pair { // of an encryption context
    str key;
    str value;
};

struct crypto_envelope {
    const struct crypto_key *data_key;
    str provider; // who encrypted the data key: "aws-kms"
    str key_id;   // with which key: its ARN
    str wrapped;  // the data key, encrypted
    const struct crypto_pair
        *pairs; // the encryption context, sorted by key; authenticated, not secret
    size_t pair_count;
    str plain; // at most 4 KiB
};

// The message, in `arena`. ERR_TOO_LARGE when a part does not fit into the format.
[[nodiscard]] err *crypto_envelope_make(
    struct arena *arena, const struct crypto_envelope *envelope, str *out);
