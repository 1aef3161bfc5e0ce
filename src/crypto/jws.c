// Keys of JWK Sets over OpenSSL's EVP interface. Everything here comes from outside: what does not
// fit is refused, and OpenSSL's error queue is left empty.
#include "crypto/jws.h"

#include "crypto/crypto_int.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

enum {
    KID_MAX = 512,
    NUMBER_TEXT_MAX = 1024, // base64url of a modulus of 4096 bits has 683 letters
    COORDINATE_MAX = 66,    // P-521
    DER_MAX = 160,
};

enum family { FAMILY_RSA, FAMILY_PSS, FAMILY_EC };

static const struct algorithm {
    str name;
    enum family family;
    const EVP_MD *(*digest)(void);
    str curve; // of FAMILY_EC: its JWK name, OpenSSL's, and the bytes of a coordinate
    const char *group;
    size_t size;
} ALGORITHMS[] = {
    {S_INIT("RS256"), FAMILY_RSA, EVP_sha256, {}, NULL, 0},
    {S_INIT("RS384"), FAMILY_RSA, EVP_sha384, {}, NULL, 0},
    {S_INIT("RS512"), FAMILY_RSA, EVP_sha512, {}, NULL, 0},
    {S_INIT("PS256"), FAMILY_PSS, EVP_sha256, {}, NULL, 0},
    {S_INIT("PS384"), FAMILY_PSS, EVP_sha384, {}, NULL, 0},
    {S_INIT("PS512"), FAMILY_PSS, EVP_sha512, {}, NULL, 0},
    {S_INIT("ES256"), FAMILY_EC, EVP_sha256, S_INIT("P-256"), "P-256", 32},
    {S_INIT("ES384"), FAMILY_EC, EVP_sha384, S_INIT("P-384"), "P-384", 48},
    {S_INIT("ES512"), FAMILY_EC, EVP_sha512, S_INIT("P-521"), "P-521", 66},
};

struct crypto_jws_key {
    EVP_PKEY *pkey;
    const struct algorithm *curve; // NULL: RSA
    char *kid;
    size_t kid_len;
    const struct algorithm *only; // the JWK's `alg`; NULL: any that goes with the key
};

static const struct algorithm *algorithm_of(str name)
{
    for (size_t i = 0; i < countof(ALGORITHMS); i++) {
        if (str_eq(ALGORITHMS[i].name, name)) {
            return &ALGORITHMS[i];
        }
    }
    return NULL;
}

bool crypto_jws_is_alg(str alg)
{
    return algorithm_of(alg) != NULL;
}

// ---- keys --------------------------------------------------------------------------------------
static bool number_of(struct arena *arena, const struct json *jwk, str name, str *out)
{
    const struct json *value = json_get(jwk, name);
    return value != NULL && value->kind == JSON_STRING && value->text.len > 0 &&
           value->text.len <= NUMBER_TEXT_MAX && crypto_base64url(arena, value->text, out);
}

static EVP_PKEY *rsa_key(struct arena *arena, const struct json *jwk)
{
    str n = {};
    str e = {};
    bool numbers = number_of(arena, jwk, S("n"), &n) && number_of(arena, jwk, S("e"), &e);
    return numbers ? crypto_rsa_public(n, e) : NULL;
}

static const struct algorithm *curve_of(str name)
{
    for (size_t i = 0; i < countof(ALGORITHMS); i++) {
        if (ALGORITHMS[i].family == FAMILY_EC && str_eq(ALGORITHMS[i].curve, name)) {
            return &ALGORITHMS[i];
        }
    }
    return NULL;
}

// Coordinates have the curve's full length (RFC 7518 6.2.1.2). OpenSSL checks that the point lies
// on the curve.
static EVP_PKEY *ec_key(struct arena *arena, const struct json *jwk, const struct algorithm *curve)
{
    str x = {};
    str y = {};
    u8 point[1 + 2 * COORDINATE_MAX] = {4}; // uncompressed
    char group[8] = {};
    if (curve == NULL || !number_of(arena, jwk, S("x"), &x) || !number_of(arena, jwk, S("y"), &y) ||
        x.len != curve->size || y.len != curve->size) {
        return NULL;
    }
    check(strlen(curve->group) < sizeof(group));
    memcpy(group, curve->group, strlen(curve->group));
    memcpy(point + 1, x.ptr, x.len);
    memcpy(point + 1 + x.len, y.ptr, y.len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->size),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    check(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
    if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static bool is_for_verifying(const struct json *jwk)
{
    const struct json *use = json_get(jwk, S("use"));
    const struct json *ops = json_get(jwk, S("key_ops"));
    bool verifies = ops == NULL;
    json_each (op, ops) {
        verifies = verifies || (op->kind == JSON_STRING && str_eq(op->text, S("verify")));
    }
    return verifies && (use == NULL || str_eq(json_get_str(jwk, S("use")), S("sig")));
}

err *crypto_jws_key_new(struct arena *arena, const struct json *jwk, struct crypto_jws_key **out)
{
    str type = json_get_str(jwk, S("kty"));
    str kid = json_get_str(jwk, S("kid"));
    const struct json *alg = json_get(jwk, S("alg"));
    const struct algorithm *only = alg != NULL ? algorithm_of(json_get_str(jwk, S("alg"))) : NULL;
    const struct algorithm *curve =
        str_eq(type, S("EC")) ? curve_of(json_get_str(jwk, S("crv"))) : NULL;
    if (kid.len == 0 || kid.len > KID_MAX || !is_for_verifying(jwk) ||
        (alg != NULL && only == NULL)) {
        return fail(arena, ERR_INVALID, "the key has no id or is not for signatures of tokens");
    }
    EVP_PKEY *pkey = NULL;
    if (str_eq(type, S("RSA"))) {
        pkey = rsa_key(arena, jwk);
    } else if (str_eq(type, S("EC"))) {
        pkey = ec_key(arena, jwk, curve);
    }
    ERR_clear_error();
    if (pkey == NULL) {
        return fail(arena, ERR_INVALID, "the key '%.*s' is no sound RSA or EC key", PRI(kid));
    }
    struct crypto_jws_key *key = mem_new(struct crypto_jws_key);
    *key = (struct crypto_jws_key){.pkey = pkey, .curve = curve, .only = only};
    key->kid = mem_alloc(kid.len);
    key->kid_len = kid.len;
    memcpy(key->kid, kid.ptr, kid.len);
    *out = key;
    return NULL;
}

void crypto_jws_key_free(struct crypto_jws_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        mem_free(key->kid);
        mem_free(key);
    }
}

str crypto_jws_key_id(const struct crypto_jws_key *key)
{
    return (str){key->kid, key->kid_len};
}

// ---- signatures --------------------------------------------------------------------------------
// JWS writes R and S at full length one behind the other (RFC 7518 3.4); OpenSSL reads DER.
static bool to_der(str signature, size_t size, u8 out[DER_MAX], size_t *out_size)
{
    if (signature.len != 2 * size) {
        return false;
    }
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn((const u8 *)signature.ptr, (int)size, NULL);
    BIGNUM *s = BN_bin2bn((const u8 *)signature.ptr + size, (int)size, NULL);
    check(pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1);
    u8 *at = out;
    int needed = i2d_ECDSA_SIG(pair, NULL);
    check(needed > 0 && needed <= DER_MAX);
    check(i2d_ECDSA_SIG(pair, &at) == needed);
    *out_size = (size_t)needed;
    ECDSA_SIG_free(pair);
    return true;
}

// The salt is as long as the digest (RFC 7518 3.5).
static bool verify_pss(EVP_PKEY *pkey, const EVP_MD *digest, str bytes, str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *settings = NULL;
    check(ctx != NULL && EVP_DigestVerifyInit(ctx, &settings, digest, NULL, pkey) == 1);
    check(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1);
    check(EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) == 1);
    int verdict = EVP_DigestVerify(
        ctx, (const u8 *)signature.ptr, signature.len, (const u8 *)bytes.ptr, bytes.len);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return verdict == 1;
}

bool crypto_jws_verify(const struct crypto_jws_key *key, str alg, str bytes, str signature)
{
    const struct algorithm *algorithm = algorithm_of(alg);
    u8 der[DER_MAX];
    size_t size = 0;
    if (algorithm == NULL || (key->only != NULL && key->only != algorithm)) {
        return false;
    }
    if (algorithm->family == FAMILY_EC) {
        return key->curve == algorithm && to_der(signature, algorithm->size, der, &size) &&
               crypto_pkey_verify(
                   key->pkey, algorithm->digest(), bytes, (str){(const char *)der, size});
    }
    if (key->curve != NULL) {
        return false;
    }
    return algorithm->family == FAMILY_PSS
               ? verify_pss(key->pkey, algorithm->digest(), bytes, signature)
               : crypto_pkey_verify(key->pkey, algorithm->digest(), bytes, signature);
}
