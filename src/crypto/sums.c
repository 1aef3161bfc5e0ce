// Digests by OpenSSL, CRC-32 by zlib; the other CRCs by tables, eight bytes at a time.
#include "crypto/sums.h"

#include <pthread.h>
#include <zlib.h>

enum { SLICES = 8 };

static const u64 POLYNOMIAL_CRC32 = 0xedb88320;
static const u64 POLYNOMIAL_CRC32C = 0x82f63b78;
static const u64 POLYNOMIAL_CRC64NVME = 0x9a6c9329ac4bc9b5;

static struct crc_tables { // made once, at the first use
    u64 crc32c[SLICES][256];
    u64 crc64nvme[SLICES][256];
} tables;

static pthread_once_t tables_made = PTHREAD_ONCE_INIT;

struct crypto_sums {
    unsigned wanted;
    struct crypto_hash *md5; // NULL: not wanted
    struct crypto_hash *sha1;
    struct crypto_hash *sha256;
    u64 crc32;
    u64 crc32c;
    u64 crc64nvme;
    bool finished;
    u8 digests[3][CRYPTO_DIGEST_MAX];
};

static void make_table(u64 table[SLICES][256], u64 polynomial)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        u64 crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
        }
        table[0][byte] = crc;
    }
    for (int slice = 1; slice < SLICES; slice++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            u64 crc = table[slice - 1][byte];
            table[slice][byte] = (crc >> 8) ^ table[0][crc & 0xff];
        }
    }
}

static void make_tables(void)
{
    make_table(tables.crc32c, POLYNOMIAL_CRC32C);
    make_table(tables.crc64nvme, POLYNOMIAL_CRC64NVME);
}

static u64 crc_add(const u64 table[SLICES][256], u64 crc, str bytes)
{
    const u8 *at = (const u8 *)bytes.ptr;
    size_t left = bytes.len;
    for (; left >= SLICES; left -= SLICES, at += SLICES) {
        u64 block = 0;
        memcpy(&block, at, sizeof(block)); // little endian, like the machines this is built for
        block ^= crc;
        crc = 0;
        for (int slice = 0; slice < SLICES; slice++) {
            crc ^= table[SLICES - 1 - slice][(block >> (8 * slice)) & 0xff];
        }
    }
    for (; left > 0; left--, at++) {
        crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xff];
    }
    return crc;
}

struct crypto_sums *crypto_sums_new(unsigned wanted)
{
    struct crypto_sums *sums = mem_new(struct crypto_sums);
    check(wanted < 1u << CRYPTO_SUM_COUNT);
    pthread_once(&tables_made, make_tables);
    *sums = (struct crypto_sums){
        .wanted = wanted, .crc32c = 0xffffffff, .crc64nvme = 0xffffffffffffffff};
    sums->md5 = (wanted & CRYPTO_SUM_MD5) != 0 ? crypto_hash_new(CRYPTO_MD5) : NULL;
    sums->sha1 = (wanted & CRYPTO_SUM_SHA1) != 0 ? crypto_hash_new(CRYPTO_SHA1) : NULL;
    sums->sha256 = (wanted & CRYPTO_SUM_SHA256) != 0 ? crypto_hash_new(CRYPTO_SHA256) : NULL;
    return sums;
}

void crypto_sums_free(struct crypto_sums *sums)
{
    if (sums != NULL) {
        crypto_hash_free(sums->md5);
        crypto_hash_free(sums->sha1);
        crypto_hash_free(sums->sha256);
        mem_free(sums);
    }
}

void crypto_sums_add(struct crypto_sums *sums, str bytes)
{
    struct crypto_hash *hashes[] = {sums->md5, sums->sha1, sums->sha256};
    check(!sums->finished);
    for (size_t i = 0; i < countof(hashes); i++) {
        if (hashes[i] != NULL) {
            crypto_hash_add(hashes[i], bytes);
        }
    }
    if ((sums->wanted & CRYPTO_SUM_CRC32) != 0) {
        sums->crc32 = crc32_z(sums->crc32, (const u8 *)bytes.ptr, bytes.len);
    }
    if ((sums->wanted & CRYPTO_SUM_CRC32C) != 0) {
        sums->crc32c = crc_add(tables.crc32c, sums->crc32c, bytes);
    }
    if ((sums->wanted & CRYPTO_SUM_CRC64NVME) != 0) {
        sums->crc64nvme = crc_add(tables.crc64nvme, sums->crc64nvme, bytes);
    }
}

static void finish(struct crypto_sums *sums)
{
    struct crypto_hash *hashes[] = {sums->md5, sums->sha1, sums->sha256};
    for (size_t i = 0; i < countof(hashes) && !sums->finished; i++) {
        if (hashes[i] != NULL) {
            crypto_hash_finish(hashes[i], sums->digests[i]);
        }
    }
    sums->finished = true;
}

static size_t put_big_endian(u64 value, size_t size, u8 *out)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (u8)(value >> (8 * (size - 1 - i)));
    }
    return size;
}

size_t crypto_sums_get(struct crypto_sums *sums, enum crypto_sum which, u8 out[CRYPTO_SUM_MAX])
{
    check((sums->wanted & which) != 0);
    finish(sums);
    switch (which) {
    case CRYPTO_SUM_MD5: memcpy(out, sums->digests[0], CRYPTO_MD5_SIZE); return CRYPTO_MD5_SIZE;
    case CRYPTO_SUM_SHA1: memcpy(out, sums->digests[1], CRYPTO_SHA1_SIZE); return CRYPTO_SHA1_SIZE;
    case CRYPTO_SUM_SHA256:
        memcpy(out, sums->digests[2], CRYPTO_SHA256_SIZE);
        return CRYPTO_SHA256_SIZE;
    case CRYPTO_SUM_CRC32: return put_big_endian(sums->crc32, 4, out);
    case CRYPTO_SUM_CRC32C: return put_big_endian(sums->crc32c ^ 0xffffffff, 4, out);
    case CRYPTO_SUM_CRC64NVME: return put_big_endian(~sums->crc64nvme, 8, out);
    }
    unreachable("there are no other sums");
}

// ---- joining -----------------------------------------------------------------------------------
// Zero bytes behind a message multiply its checksum by x^8 modulo the polynomial: a power of a
// matrix over bits, by squaring.

static u64 matrix_apply(const u64 matrix[64], u64 vector)
{
    u64 sum = 0;
    for (int i = 0; vector != 0; i++, vector >>= 1) {
        sum ^= (vector & 1) != 0 ? matrix[i] : 0;
    }
    return sum;
}

static void matrix_square(const u64 matrix[64], u64 square[64])
{
    for (int i = 0; i < 64; i++) {
        square[i] = matrix_apply(matrix, matrix[i]);
    }
}

u64 crypto_crc_join(enum crypto_sum which, u64 first, u64 second, u64 second_size)
{
    bool wide = which == CRYPTO_SUM_CRC64NVME;
    int bits = wide ? 64 : 32;
    u64 polynomial = wide                         ? POLYNOMIAL_CRC64NVME
                     : which == CRYPTO_SUM_CRC32C ? POLYNOMIAL_CRC32C
                                                  : POLYNOMIAL_CRC32;
    u64 power[64] = {polynomial}; // one zero bit
    u64 square[64] = {};
    check(wide || which == CRYPTO_SUM_CRC32 || which == CRYPTO_SUM_CRC32C);
    for (int i = 1; i < bits; i++) {
        power[i] = (u64)1 << (i - 1);
    }
    for (int i = 0; i < 3; i++) { // eight zero bits: one zero byte
        matrix_square(power, square);
        memcpy(power, square, sizeof(power));
    }
    for (u64 left = second_size; left > 0; left >>= 1) {
        if ((left & 1) != 0) {
            first = matrix_apply(power, first);
        }
        matrix_square(power, square);
        memcpy(power, square, sizeof(power));
    }
    return first ^ second;
}
