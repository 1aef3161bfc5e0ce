// Authenticator data, COSE keys and WebAuthn's signatures.
#include "crypto/webauthn.h"

#include "crypto/crypto_int.h"
#include "crypto/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

enum {
    HASH_SIZE = 32,
    HEAD_SIZE = HASH_SIZE + 1 + 4,
    AAGUID_SIZE = 16,
    CREDENTIAL_ID_MAX = 1023,
    COORDINATE_SIZE = 32,
    CERTIFICATE_SIZE_MAX = 16 << 10,
};

// Labels and values of COSE keys (RFC 9052 7.1, RFC 9053 7).
enum { LABEL_TYPE = 1, LABEL_ALG = 3, LABEL_CURVE = -1, LABEL_X = -2, LABEL_Y = -3 };

enum { LABEL_N = -1, LABEL_E = -2 };

enum { TYPE_OKP = 1, TYPE_EC2 = 2, TYPE_RSA = 3, CURVE_P256 = 1, CURVE_ED25519 = 6 };

struct crypto_webauthn_key {
    EVP_PKEY *pkey;
    enum crypto_cose_alg alg;
};

static str cut(str *bytes, size_t size)
{
    str part = str_sub(*bytes, 0, size);
    *bytes = str_sub(*bytes, size, bytes->len);
    return part;
}

static err *take_credential(struct arena *arena, str *rest, struct crypto_authenticator *out)
{
    if (rest->len < AAGUID_SIZE + 2) {
        return fail(arena, ERR_INVALID, "authenticator data ends too early");
    }
    out->aaguid = cut(rest, AAGUID_SIZE);
    str size_bytes = cut(rest, 2);
    size_t size = (size_t)((u8)size_bytes.ptr[0] << 8 | (u8)size_bytes.ptr[1]);
    if (size == 0 || size > CREDENTIAL_ID_MAX || size > rest->len) {
        return fail(arena, ERR_INVALID, "a credential id has 1 to 1023 bytes");
    }
    out->credential_id = cut(rest, size);
    str from = *rest;
    struct crypto_cbor *key = NULL;
    TRY(crypto_cbor_take(arena, rest, &key));
    if (key->kind != CRYPTO_CBOR_MAP) {
        return fail(arena, ERR_INVALID, "a credential's key is a map");
    }
    out->key = key;
    out->key_bytes = str_sub(from, 0, from.len - rest->len);
    return NULL;
}

err *crypto_authenticator_parse(struct arena *arena, str bytes, struct crypto_authenticator *out)
{
    *out = (struct crypto_authenticator){};
    str rest = bytes;
    if (rest.len < HEAD_SIZE || rest.len > CRYPTO_CBOR_SIZE_MAX) {
        return fail(arena, ERR_INVALID, "authenticator data has at least 37 bytes");
    }
    out->rp_id_hash = cut(&rest, HASH_SIZE);
    out->flags = (u8)cut(&rest, 1).ptr[0];
    const u8 *counter = (const u8 *)cut(&rest, 4).ptr;
    out->counter =
        (u32)counter[0] << 24 | (u32)counter[1] << 16 | (u32)counter[2] << 8 | counter[3];
    if ((out->flags & CRYPTO_AUTH_HAS_CREDENTIAL) != 0) {
        TRY(take_credential(arena, &rest, out));
    }
    if ((out->flags & CRYPTO_AUTH_HAS_EXTENSIONS) != 0) {
        struct crypto_cbor *extensions = NULL;
        TRY(crypto_cbor_take(arena, &rest, &extensions));
        if (extensions->kind != CRYPTO_CBOR_MAP) {
            return fail(arena, ERR_INVALID, "an authenticator's extensions are a map");
        }
    }
    return rest.len == 0 ? NULL : fail(arena, ERR_INVALID, "authenticator data is too long");
}

static bool integer_is(const struct crypto_cbor *map, i64 label, i64 value)
{
    const struct crypto_cbor *item = crypto_cbor_at(map, label);
    return item != NULL && item->kind == CRYPTO_CBOR_INT && item->integer == value;
}

// None when it is missing or no byte string.
static str bytes_at(const struct crypto_cbor *map, i64 label)
{
    const struct crypto_cbor *item = crypto_cbor_at(map, label);
    return item != NULL && item->kind == CRYPTO_CBOR_BYTES ? item->bytes : (str){};
}

static EVP_PKEY *p256_key(const struct crypto_cbor *map)
{
    str x = bytes_at(map, LABEL_X);
    str y = bytes_at(map, LABEL_Y);
    if (!integer_is(map, LABEL_TYPE, TYPE_EC2) || !integer_is(map, LABEL_CURVE, CURVE_P256) ||
        x.len != COORDINATE_SIZE || y.len != COORDINATE_SIZE) {
        return NULL;
    }
    char curve[] = "P-256";
    u8 point[1 + 2 * COORDINATE_SIZE] = {4}; // uncompressed
    memcpy(point + 1, x.ptr, COORDINATE_SIZE);
    memcpy(point + 1 + COORDINATE_SIZE, y.ptr, COORDINATE_SIZE);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    check(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
    if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        pkey = NULL; // not a point of the curve
    }
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static EVP_PKEY *ed25519_key(const struct crypto_cbor *map)
{
    str x = bytes_at(map, LABEL_X);
    if (!integer_is(map, LABEL_TYPE, TYPE_OKP) || !integer_is(map, LABEL_CURVE, CURVE_ED25519) ||
        x.len != COORDINATE_SIZE) {
        return NULL;
    }
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const u8 *)x.ptr, x.len);
}

static EVP_PKEY *rsa_key(const struct crypto_cbor *map)
{
    str n = bytes_at(map, LABEL_N);
    str e = bytes_at(map, LABEL_E);
    bool is_rsa = integer_is(map, LABEL_TYPE, TYPE_RSA) && n.len > 0 && e.len > 0;
    return is_rsa ? crypto_rsa_public(n, e) : NULL;
}

// Takes `pkey` over; NULL is a key that was refused.
static err *wrap(
    struct arena *arena, EVP_PKEY *pkey, enum crypto_cose_alg alg, struct crypto_webauthn_key **out)
{
    ERR_clear_error();
    if (pkey == NULL) {
        return fail(arena, ERR_INVALID, "this is no public key of ES256, RS256 or EdDSA");
    }
    *out = mem_new(struct crypto_webauthn_key);
    **out = (struct crypto_webauthn_key){.pkey = pkey, .alg = alg};
    return NULL;
}

err *crypto_webauthn_key_new(
    struct arena *arena, const struct crypto_cbor *map, struct crypto_webauthn_key **out)
{
    if (integer_is(map, LABEL_ALG, CRYPTO_COSE_ES256)) {
        return wrap(arena, p256_key(map), CRYPTO_COSE_ES256, out);
    }
    if (integer_is(map, LABEL_ALG, CRYPTO_COSE_RS256)) {
        return wrap(arena, rsa_key(map), CRYPTO_COSE_RS256, out);
    }
    if (integer_is(map, LABEL_ALG, CRYPTO_COSE_EDDSA)) {
        return wrap(arena, ed25519_key(map), CRYPTO_COSE_EDDSA, out);
    }
    return wrap(arena, NULL, CRYPTO_COSE_ES256, out);
}

static bool key_fits(EVP_PKEY *pkey, i64 alg)
{
    char curve[16] = {};
    int bits = EVP_PKEY_get_bits(pkey);
    switch (alg) {
    case CRYPTO_COSE_ES256:
        return EVP_PKEY_is_a(pkey, "EC") &&
               EVP_PKEY_get_utf8_string_param(
                   pkey, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve), NULL) == 1 &&
               strcmp(curve, "prime256v1") == 0; // OpenSSL's name of P-256
    case CRYPTO_COSE_RS256:
        return EVP_PKEY_is_a(pkey, "RSA") && bits >= CRYPTO_RSA_BITS && bits <= CRYPTO_RSA_BITS_MAX;
    case CRYPTO_COSE_EDDSA: return EVP_PKEY_is_a(pkey, "ED25519");
    default: return false;
    }
}

err *crypto_webauthn_key_of_certificate(
    struct arena *arena, str der, i64 alg, struct crypto_webauthn_key **out)
{
    const u8 *at = (const u8 *)der.ptr;
    X509 *cert =
        der.len > 0 && der.len <= CERTIFICATE_SIZE_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    bool whole = cert != NULL && at == (const u8 *)der.ptr + der.len;
    EVP_PKEY *pkey = whole ? X509_get_pubkey(cert) : NULL;
    X509_free(cert);
    if (pkey != NULL && !key_fits(pkey, alg)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return wrap(arena, pkey, (enum crypto_cose_alg)alg, out);
}

void crypto_webauthn_key_free(struct crypto_webauthn_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        mem_free(key);
    }
}

enum crypto_cose_alg crypto_webauthn_key_alg(const struct crypto_webauthn_key *key)
{
    return key->alg;
}

bool crypto_webauthn_verify(struct arena *arena, const struct crypto_webauthn_key *key,
    str authenticator_data, str client_data_json, str signature)
{
    u8 hash[CRYPTO_SHA256_SIZE];
    crypto_sha256(client_data_json, hash);
    str bytes = str_cat(arena, authenticator_data, (str){(const char *)hash, sizeof(hash)});
    const EVP_MD *digest = key->alg == CRYPTO_COSE_EDDSA ? NULL : EVP_sha256();
    return crypto_pkey_verify(key->pkey, digest, bytes, signature);
}
