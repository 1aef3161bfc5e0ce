// Key derivation, one-time codes, secret hash.
#include "crypto/code.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { INFO_MAX = 256, RANDOM_BELOW = 250 };

void crypto_hkdf_sha256(str secret, str salt, str info, u8 *out, size_t size)
{
    u8 prk[CRYPTO_SHA256_SIZE];
    u8 block[CRYPTO_SHA256_SIZE];
    u8 text[CRYPTO_SHA256_SIZE + INFO_MAX + 1];
    check(size <= CRYPTO_HKDF_MAX && info.len <= INFO_MAX);
    // No salt is one of zeros (RFC 5869 2.2): HMAC fills its key with them anyway.
    crypto_hmac_sha256(salt, secret, prk);
    size_t before = 0; // bytes of the last block in front of info: none the first time
    for (size_t done = 0, count = 1; done < size; count++) {
        memcpy(text, block, before);
        if (info.len > 0) {
            memcpy(text + before, info.ptr, info.len);
        }
        text[before + info.len] = (u8)count;
        crypto_hmac_sha256((str){(const char *)prk, sizeof(prk)},
            (str){(const char *)text, before + info.len + 1}, block);
        size_t now = size - done < sizeof(block) ? size - done : sizeof(block);
        memcpy(out + done, block, now);
        done += now;
        before = sizeof(block);
    }
    crypto_wipe(prk, sizeof(prk));
    crypto_wipe(block, sizeof(block));
    crypto_wipe(text, sizeof(text));
}

str crypto_base32(struct arena *arena, str bytes)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t len = (bytes.len * 8 + 4) / 5;
    char *text = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        size_t bit = i * 5;
        u32 pair = (u32)(u8)bytes.ptr[bit / 8] << 8;
        pair |= bit / 8 + 1 < bytes.len ? (u8)bytes.ptr[bit / 8 + 1] : 0;
        text[i] = LETTERS[pair >> (11 - bit % 8) & 31];
    }
    return (str){text, len};
}

void crypto_totp(str secret, u64 step, char out[CRYPTO_TOTP_DIGITS])
{
    u8 counter[8];
    u8 mac[CRYPTO_SHA1_SIZE];
    check(secret.len > 0 && secret.len <= INT32_MAX);
    for (size_t i = 0; i < sizeof(counter); i++) {
        counter[i] = (u8)(step >> (56 - 8 * i));
    }
    check(
        HMAC(EVP_sha1(), secret.ptr, (int)secret.len, counter, sizeof(counter), mac, NULL) != NULL);
    const u8 *at = mac + (mac[CRYPTO_SHA1_SIZE - 1] & 15); // RFC 4226 5.3: dynamic truncation
    u32 number = (u32)(at[0] & 0x7f) << 24 | (u32)at[1] << 16 | (u32)at[2] << 8 | at[3];
    for (size_t i = CRYPTO_TOTP_DIGITS; i > 0; i--) {
        out[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    crypto_wipe(mac, sizeof(mac));
}

enum crypto_totp_verdict crypto_totp_check(str secret, str code, u64 now_s, u64 *last_step)
{
    u64 now = now_s / CRYPTO_TOTP_STEP_S;
    bool used = false;
    u64 found = 0;
    for (u64 step = now > 0 ? now - 1 : 0; step <= now + 1; step++) {
        char right[CRYPTO_TOTP_DIGITS];
        crypto_totp(secret, step, right);
        bool same = bytes_eq_secret(code, (str){right, sizeof(right)});
        // Two steps can have the same code: the unused one counts.
        used = used || (same && step <= *last_step);
        found = same && step > *last_step && found == 0 ? step : found;
    }
    if (found == 0) {
        return used ? CRYPTO_TOTP_USED : CRYPTO_TOTP_WRONG;
    }
    *last_step = found;
    return CRYPTO_TOTP_RIGHT;
}

str crypto_secret_hash(struct arena *arena, str client_secret, str username, str client_id)
{
    u8 mac[CRYPTO_SHA256_SIZE];
    crypto_hmac_sha256(client_secret, str_cat(arena, username, client_id), mac);
    return base64_encode(arena, (str){(const char *)mac, sizeof(mac)});
}

str crypto_random_digits(struct arena *arena, size_t count)
{
    char *digits = arena_alloc(arena, count + 1);
    for (size_t i = 0; i < count;) {
        u8 bytes[16];
        random_bytes(bytes, sizeof(bytes));
        for (size_t k = 0; k < sizeof(bytes) && i < count; k++) {
            if (bytes[k] < RANDOM_BELOW) { // the rest of a byte's values would favour 0 to 5
                digits[i++] = (char)('0' + bytes[k] % 10);
            }
        }
        crypto_wipe(bytes, sizeof(bytes));
    }
    return (str){digits, count};
}
