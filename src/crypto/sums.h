// Several digests and checksums of the same bytes in one pass, for what comes in pieces: what
// S3's clients compute over objects.
#pragma once

#include "crypto/crypto.h"

enum crypto_sum { // as bits
    CRYPTO_SUM_MD5 = 1 << 0,
    CRYPTO_SUM_SHA1 = 1 << 1,
    CRYPTO_SUM_SHA256 = 1 << 2,
    CRYPTO_SUM_CRC32 = 1 << 3,     // ISO-HDLC, as in zip files
    CRYPTO_SUM_CRC32C = 1 << 4,    // Castagnoli
    CRYPTO_SUM_CRC64NVME = 1 << 5, // of the NVM Express specification
};

enum { CRYPTO_SUM_COUNT = 6, CRYPTO_SUM_MAX = CRYPTO_SHA256_SIZE };

struct crypto_sums;
// Of those in `wanted` (bits). Heap; freed by crypto_sums_free.
struct crypto_sums *crypto_sums_new(unsigned wanted);
// The next piece: a millisecond for some hundred kilobytes, so it belongs on the worker pool.
void crypto_sums_add(struct crypto_sums *sums, str bytes);
// One of those that were wanted, in network order; its length in bytes is returned. All bytes must
// have been added; may be asked for several times.
size_t crypto_sums_get(struct crypto_sums *sums, enum crypto_sum which, u8 out[CRYPTO_SUM_MAX]);
// NULL is allowed.
void crypto_sums_free(struct crypto_sums *sums);

// A checksum of `second_size` bytes that follow others, joined with theirs: what
// FULL_OBJECT checksums of multipart uploads are made of. CRCs only.
u64 crypto_crc_join(enum crypto_sum which, u64 first, u64 second, u64 second_size);
