// RSA keys over OpenSSL's EVP interface. What fails only for want of memory is checked; what comes
// from outside (PEM, JWK, signatures) is refused, and OpenSSL's error queue is left empty.
#include "crypto/rsa.h"
#include "crypto/crypto_int.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum { EXPONENT_BYTES_MAX = 4, PEM_SIZE_MAX = 16 << 10 };

struct crypto_rsa {
    EVP_PKEY *pkey;
    bool is_private;
    struct crypto_jwk jwk; // texts in `texts`
    struct arena *texts;
};

static str number_base64url(struct arena *arena, const EVP_PKEY *pkey, const char *name)
{
    BIGNUM *number = NULL;
    check(EVP_PKEY_get_bn_param(pkey, name, &number) == 1);
    size_t size = (size_t)BN_num_bytes(number);
    u8 *bytes = arena_alloc(arena, size);
    check(BN_bn2binpad(number, bytes, (int)size) == (int)size);
    BN_free(number);
    return base64url_encode(arena, (str){(const char *)bytes, size});
}

// RFC 7638: the required members in the order of their names, without white space.
static str thumbprint(struct arena *arena, const struct crypto_jwk *jwk)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    str text =
        str_cat(arena, S("{\"e\":\""), jwk->e, S("\",\"kty\":\"RSA\",\"n\":\""), jwk->n, S("\"}"));
    crypto_sha256(text, digest);
    return base64_encode(arena, (str){(const char *)digest, sizeof(digest)});
}

// Takes the key over.
static struct crypto_rsa *wrap(EVP_PKEY *pkey, bool is_private)
{
    struct crypto_rsa *key = mem_new(struct crypto_rsa);
    key->pkey = pkey;
    key->is_private = is_private;
    key->texts = arena_new();
    key->jwk.n = number_base64url(key->texts, pkey, OSSL_PKEY_PARAM_RSA_N);
    key->jwk.e = number_base64url(key->texts, pkey, OSSL_PKEY_PARAM_RSA_E);
    key->jwk.kid = thumbprint(key->texts, &key->jwk);
    return key;
}

struct crypto_rsa *crypto_rsa_make(void)
{
    EVP_PKEY *pkey = EVP_RSA_gen(CRYPTO_RSA_BITS);
    check(pkey != NULL);
    return wrap(pkey, true);
}

void crypto_rsa_free(struct crypto_rsa *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        arena_free(key->texts);
        mem_free(key);
    }
}

struct crypto_jwk crypto_rsa_jwk(const struct crypto_rsa *key)
{
    return key->jwk;
}

str crypto_rsa_to_pem(struct arena *arena, const struct crypto_rsa *key)
{
    check(key->is_private);
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_secmem());
    check(bio != NULL);
    check(PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1);
    long size = BIO_get_mem_data(bio, &text);
    check(size > 0);
    str pem = str_dup(arena, (str){text, (size_t)size});
    BIO_free(bio); // wipes its memory
    return pem;
}

static bool has_fitting_size(const EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    return bits >= CRYPTO_RSA_BITS && bits <= CRYPTO_RSA_BITS_MAX;
}

static bool sign(
    EVP_PKEY *pkey, const EVP_MD *digest, str bytes, u8 out[CRYPTO_RSA_SIGNATURE_MAX], size_t *size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    *size = CRYPTO_RSA_SIGNATURE_MAX;
    check(ctx != NULL && EVP_DigestSignInit(ctx, NULL, digest, NULL, pkey) == 1);
    bool signed_it = EVP_DigestSign(ctx, out, size, (const u8 *)bytes.ptr, bytes.len) == 1;
    EVP_MD_CTX_free(ctx);
    return signed_it;
}

// A damaged key can be well formed: its numbers do not fit each other, and it signs nothing.
static bool signs_what_it_verifies(EVP_PKEY *pkey)
{
    u8 signature[CRYPTO_RSA_SIGNATURE_MAX];
    size_t size = 0;
    return sign(pkey, EVP_sha256(), S("test"), signature, &size) &&
           crypto_pkey_verify(pkey, EVP_sha256(), S("test"), (str){(const char *)signature, size});
}

err *crypto_rsa_from_pem(struct arena *arena, str pem, struct crypto_rsa **out)
{
    if (pem.len == 0 || pem.len > PEM_SIZE_MAX) {
        return fail(arena, ERR_INVALID, "this is no private key in PEM form");
    }
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    check(bio != NULL);
    // An empty pass phrase: OpenSSL must not ask for one on the terminal.
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
    BIO_free(bio);
    bool good = pkey != NULL && EVP_PKEY_is_a(pkey, "RSA") && has_fitting_size(pkey) &&
                signs_what_it_verifies(pkey);
    ERR_clear_error();
    if (!good) {
        EVP_PKEY_free(pkey);
        return fail(arena, ERR_INVALID, "this is no RSA private key of 2048 to 4096 bits");
    }
    *out = wrap(pkey, true);
    return NULL;
}

static EVP_PKEY *public_key(BIGNUM *n, BIGNUM *e)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    check(build != NULL);
    check(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1);
    check(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    check(params != NULL && ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
    if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    ERR_clear_error();
    return pkey;
}

EVP_PKEY *crypto_rsa_public(str n_bytes, str e_bytes)
{
    if (n_bytes.len > CRYPTO_RSA_BITS_MAX / 8 + 1 || e_bytes.len > EXPONENT_BYTES_MAX) {
        return NULL;
    }
    BIGNUM *n = BN_bin2bn((const u8 *)n_bytes.ptr, (int)n_bytes.len, NULL);
    BIGNUM *e = BN_bin2bn((const u8 *)e_bytes.ptr, (int)e_bytes.len, NULL);
    check(n != NULL && e != NULL);
    EVP_PKEY *pkey = BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) ? public_key(n, e) : NULL;
    BN_free(n);
    BN_free(e);
    if (pkey != NULL && !has_fitting_size(pkey)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

err *crypto_rsa_from_jwk(struct arena *arena, str n, str e, struct crypto_rsa **out)
{
    str n_bytes = {};
    str e_bytes = {};
    if (!crypto_base64url(arena, n, &n_bytes) || !crypto_base64url(arena, e, &e_bytes)) {
        return fail(arena, ERR_INVALID, "members n and e of an RSA key are base64url");
    }
    EVP_PKEY *pkey = crypto_rsa_public(n_bytes, e_bytes);
    if (pkey == NULL) {
        return fail(arena, ERR_INVALID, "n and e are no RSA public key of 2048 to 4096 bits");
    }
    *out = wrap(pkey, false);
    return NULL;
}

str crypto_rsa_sign(struct arena *arena, const struct crypto_rsa *key, str bytes)
{
    u8 *signature = arena_alloc(arena, CRYPTO_RSA_SIGNATURE_MAX);
    size_t size = 0;
    check(key->is_private && sign(key->pkey, EVP_sha256(), bytes, signature, &size));
    return (str){(char *)signature, size};
}

str crypto_rsa_sign_sha512(struct arena *arena, const struct crypto_rsa *key, str bytes)
{
    u8 *signature = arena_alloc(arena, CRYPTO_RSA_SIGNATURE_MAX);
    size_t size = 0;
    check(key->is_private && sign(key->pkey, EVP_sha512(), bytes, signature, &size));
    return (str){(char *)signature, size};
}

bool crypto_pkey_verify(EVP_PKEY *pkey, const EVP_MD *digest, str bytes, str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    check(ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, digest, NULL, pkey) == 1);
    int verdict = EVP_DigestVerify(
        ctx, (const u8 *)signature.ptr, signature.len, (const u8 *)bytes.ptr, bytes.len);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return verdict == 1;
}

bool crypto_rsa_verify(const struct crypto_rsa *key, str bytes, str signature)
{
    return crypto_pkey_verify(key->pkey, EVP_sha256(), bytes, signature);
}
