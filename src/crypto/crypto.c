// Digests, HMAC and AES-256-GCM. What OpenSSL reports as failing here is lack of memory or a
// libcrypto without the algorithm: both end the process.
#include "crypto/crypto.h"

#include "crypto/crypto_int.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SEAL_VERSION = 1, NONCE_SIZE = 12, TAG_SIZE = 16, SEAL_EXTRA = 1 + NONCE_SIZE + TAG_SIZE };

static const EVP_MD *digest_of(enum crypto_digest digest)
{
    switch (digest) {
    case CRYPTO_MD5: return EVP_md5();
    case CRYPTO_SHA1: return EVP_sha1();
    case CRYPTO_SHA256: return EVP_sha256();
    }
    unreachable("no such digest");
}

static void digest_once(enum crypto_digest digest, str bytes, u8 *out)
{
    check(EVP_Digest(bytes.ptr, bytes.len, out, NULL, digest_of(digest), NULL) == 1);
}

void crypto_md5(str bytes, u8 out[CRYPTO_MD5_SIZE])
{
    digest_once(CRYPTO_MD5, bytes, out);
}

void crypto_sha1(str bytes, u8 out[CRYPTO_SHA1_SIZE])
{
    digest_once(CRYPTO_SHA1, bytes, out);
}

void crypto_sha256(str bytes, u8 out[CRYPTO_SHA256_SIZE])
{
    digest_once(CRYPTO_SHA256, bytes, out);
}

void crypto_hmac_sha256(str key, str bytes, u8 out[CRYPTO_SHA256_SIZE])
{
    check(key.len <= INT32_MAX);
    // OpenSSL takes a NULL key for "the key of the last call".
    const char *secret = key.ptr != NULL ? key.ptr : "";
    check(HMAC(EVP_sha256(), secret, (int)key.len, (const u8 *)bytes.ptr, bytes.len, out, NULL) !=
          NULL);
}

void crypto_sigv4_key(str secret, str date, str region, str service, u8 out[CRYPTO_SHA256_SIZE])
{
    char first[4 + CRYPTO_SIGV4_SECRET_MAX] = "AWS4";
    const str steps[] = {date, region, service, S("aws4_request")};
    check(secret.len <= CRYPTO_SIGV4_SECRET_MAX);
    memcpy(first + 4, secret.ptr != NULL ? secret.ptr : "", secret.len);
    str key = {first, 4 + secret.len};
    for (size_t i = 0; i < countof(steps); i++) {
        u8 next[CRYPTO_SHA256_SIZE];
        crypto_hmac_sha256(key, steps[i], next);
        memcpy(out, next, sizeof(next));
        key = (str){(const char *)out, CRYPTO_SHA256_SIZE};
    }
    crypto_wipe(first, sizeof(first));
}

struct crypto_hash {
    EVP_MD_CTX *ctx;
    const EVP_MD *digest;
};

struct crypto_hash *crypto_hash_new(enum crypto_digest digest)
{
    struct crypto_hash *hash = mem_new(struct crypto_hash);
    hash->ctx = EVP_MD_CTX_new();
    hash->digest = digest_of(digest);
    check(hash->ctx != NULL);
    check(EVP_DigestInit_ex(hash->ctx, hash->digest, NULL) == 1);
    return hash;
}

void crypto_hash_add(struct crypto_hash *hash, str bytes)
{
    check(EVP_DigestUpdate(hash->ctx, bytes.ptr, bytes.len) == 1);
}

size_t crypto_hash_finish(struct crypto_hash *hash, u8 out[CRYPTO_DIGEST_MAX])
{
    unsigned size = 0;
    check(EVP_DigestFinal_ex(hash->ctx, out, &size) == 1);
    check(EVP_DigestInit_ex(hash->ctx, hash->digest, NULL) == 1);
    return size;
}

void crypto_hash_free(struct crypto_hash *hash)
{
    if (hash != NULL) {
        EVP_MD_CTX_free(hash->ctx);
        mem_free(hash);
    }
}

void crypto_wipe(void *secret, size_t size)
{
    OPENSSL_cleanse(secret, size);
}

struct crypto_key crypto_key_derive(const struct crypto_key *key, str purpose)
{
    struct crypto_key derived;
    check(purpose.len > 0);
    crypto_hmac_sha256((str){(const char *)key->bytes, sizeof(key->bytes)}, purpose, derived.bytes);
    return derived;
}

str crypto_seal(struct arena *arena, const struct crypto_key *key, str context, str plain)
{
    check(plain.len <= INT32_MAX - SEAL_EXTRA && context.len <= INT32_MAX);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    u8 *out = arena_alloc(arena, plain.len + SEAL_EXTRA);
    u8 *nonce = out + 1;
    u8 *cipher = nonce + NONCE_SIZE;
    int len = 0;
    out[0] = SEAL_VERSION;
    random_bytes(nonce, NONCE_SIZE);
    check(ctx != NULL);
    check(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1);
    check(EVP_EncryptUpdate(ctx, NULL, &len, out, 1) == 1);
    check(EVP_EncryptUpdate(ctx, NULL, &len, (const u8 *)context.ptr, (int)context.len) == 1);
    check(EVP_EncryptUpdate(ctx, cipher, &len, (const u8 *)plain.ptr, (int)plain.len) == 1);
    check((size_t)len == plain.len);
    check(EVP_EncryptFinal_ex(ctx, cipher + len, &len) == 1);
    check(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, cipher + plain.len) == 1);
    EVP_CIPHER_CTX_free(ctx);
    return (str){(char *)out, plain.len + SEAL_EXTRA};
}

err *crypto_open(
    struct arena *arena, const struct crypto_key *key, str context, str sealed, str *plain)
{
    check(context.len <= INT32_MAX);
    if (sealed.len < SEAL_EXTRA || sealed.len > INT32_MAX || sealed.ptr[0] != SEAL_VERSION) {
        return fail(arena, ERR_INVALID, "these are not sealed bytes of a known version");
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const u8 *in = (const u8 *)sealed.ptr;
    const u8 *nonce = in + 1;
    const u8 *cipher = nonce + NONCE_SIZE;
    int size = (int)(sealed.len - SEAL_EXTRA);
    u8 *out = arena_alloc(arena, (size_t)size + 1);
    int len = 0;
    check(ctx != NULL);
    check(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce) == 1);
    check(EVP_DecryptUpdate(ctx, NULL, &len, in, 1) == 1);
    check(EVP_DecryptUpdate(ctx, NULL, &len, (const u8 *)context.ptr, (int)context.len) == 1);
    check(EVP_DecryptUpdate(ctx, out, &len, cipher, size) == 1);
    check(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, (void *)(cipher + size)) == 1);
    bool genuine = EVP_DecryptFinal_ex(ctx, out + len, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (!genuine) {
        crypto_wipe(out, (size_t)size);
        return fail(arena, ERR_INVALID, "sealed bytes were changed, or belong elsewhere");
    }
    *plain = (str){(char *)out, (size_t)size};
    return NULL;
}

bool crypto_base64url(struct arena *arena, str text, str *bytes)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '+' || text.ptr[i] == '/' || text.ptr[i] == '=') {
            return false;
        }
    }
    if (!base64_decode(arena, text, bytes)) {
        return false;
    }
    // The last group alone can hold bits that mean nothing: they must be zero.
    size_t tail = text.len % 4;
    size_t tail_bytes = tail == 0 ? 0 : tail - 1;
    str again = base64url_encode(arena, str_sub(*bytes, bytes->len - tail_bytes, bytes->len));
    return str_eq(again, str_sub(text, text.len - tail, text.len));
}
