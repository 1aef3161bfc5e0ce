// Registrations and assertions of the standard's own vectors, and what is no such thing.
#include "crypto/webauthn.h"

#include "auth_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;
static const struct json *cases;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    cases = json_get(load_vectors(arena, S("webauthn")), S("cases"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static str hex_member(const struct json *object, str name)
{
    return from_hex(arena, json_get_str(object, name));
}

static const struct crypto_cbor *attestation_of(const struct json *one)
{
    struct crypto_cbor *out = NULL;
    assert_null(crypto_cbor_parse(arena, hex_member(one, S("attestation_object")), &out));
    return out;
}

static struct crypto_authenticator registration_of(const struct json *one)
{
    struct crypto_authenticator out;
    const struct crypto_cbor *data = crypto_cbor_get(attestation_of(one), S("authData"));
    assert_null(crypto_authenticator_parse(arena, data->bytes, &out));
    return out;
}

static struct crypto_webauthn_key *key_of(const struct json *one)
{
    struct crypto_webauthn_key *key;
    struct crypto_authenticator data = registration_of(one);
    assert_null(crypto_webauthn_key_new(arena, data.key, &key));
    return key;
}

static void test_registrations(void **state)
{
    (void)state;
    u8 rp[CRYPTO_SHA256_SIZE];
    crypto_sha256(S("example.org"), rp);
    assert_int_equal(cases->count, 5);
    json_each (one, cases) {
        struct crypto_authenticator data = registration_of(one);
        struct crypto_cbor *again;
        assert_memory_equal(data.rp_id_hash.ptr, rp, sizeof(rp));
        assert_int_equal(data.aaguid.len, 16);
        assert_true(str_eq(data.credential_id, hex_member(one, S("credential_id"))));
        assert_int_equal(data.flags & CRYPTO_AUTH_HAS_CREDENTIAL, CRYPTO_AUTH_HAS_CREDENTIAL);
        assert_null(crypto_cbor_parse(arena, data.key_bytes, &again)); // as kept and read again
        assert_int_equal(again->count, data.key->count);
    }
    assert_int_equal(registration_of(json_at(cases, 0)).flags, 0x59);
    assert_int_equal(registration_of(json_at(cases, 4)).counter, 1);
}

static void test_assertions(void **state)
{
    (void)state;

    const enum crypto_cose_alg algs[] = {CRYPTO_COSE_ES256, CRYPTO_COSE_ES256, CRYPTO_COSE_ES256,
        CRYPTO_COSE_RS256, CRYPTO_COSE_EDDSA};

    size_t at = 0;
    json_each (one, cases) {
        struct crypto_webauthn_key *key = key_of(one);
        struct crypto_webauthn_key *other = key_of(json_at(cases, (at + 1) % cases->count));
        struct crypto_authenticator parsed;
        str data = hex_member(one, S("authenticator_data"));
        str client = json_get_str(one, S("get_client_data"));
        str signature = hex_member(one, S("signature"));
        assert_int_equal(crypto_webauthn_key_alg(key), algs[at]);
        assert_null(crypto_authenticator_parse(arena, data, &parsed));
        assert_null(parsed.key);
        assert_true(crypto_webauthn_verify(arena, key, data, client, signature));
        assert_false(crypto_webauthn_verify(arena, other, data, client, signature));
        assert_false(crypto_webauthn_verify(arena, key, data, S("{}"), signature));
        assert_false(crypto_webauthn_verify(arena, key, str_sub(data, 0, 36), client, signature));
        assert_false(crypto_webauthn_verify(arena, key, data, client, (str){}));
        for (size_t i = 0; i < signature.len; i++) {
            char *bent = str_cstr(arena, signature);
            bent[i] ^= 1;
            assert_false(
                crypto_webauthn_verify(arena, key, data, client, (str){bent, signature.len}));
            assert_false(
                crypto_webauthn_verify(arena, key, data, client, str_sub(signature, 0, i)));
        }
        crypto_webauthn_key_free(key);
        crypto_webauthn_key_free(other);
        at++;
    }
    crypto_webauthn_key_free(NULL);
}

// Self attestation is signed by the credential's own key, the other by its certificate's.
static void test_attestations(void **state)
{
    (void)state;
    for (size_t i = 1; i <= 2; i++) {
        const struct json *one = json_at(cases, i);
        const struct crypto_cbor *object = attestation_of(one);
        const struct crypto_cbor *statement = crypto_cbor_get(object, S("attStmt"));
        const struct crypto_cbor *chain = crypto_cbor_get(statement, S("x5c"));
        str data = crypto_cbor_get(object, S("authData"))->bytes;
        str signature = crypto_cbor_get(statement, S("sig"))->bytes;
        struct crypto_webauthn_key *key = NULL;
        assert_int_equal(chain != NULL, i == 2);
        if (chain == NULL) {
            key = key_of(one);
        } else {
            i64 alg = crypto_cbor_get(statement, S("alg"))->integer;
            str der = chain->child->bytes;
            struct crypto_webauthn_key *none;
            assert_null(crypto_webauthn_key_of_certificate(arena, der, alg, &key));
            const i64 bad[] = {CRYPTO_COSE_RS256, CRYPTO_COSE_EDDSA, 0, -35};
            for (size_t k = 0; k < countof(bad); k++) {
                assert_non_null(crypto_webauthn_key_of_certificate(arena, der, bad[k], &none));
            }
            assert_non_null(crypto_webauthn_key_of_certificate(arena, (str){}, alg, &none));
            for (size_t k = 1; k < der.len; k += 7) {
                str cut = str_sub(der, 0, k);
                assert_non_null(crypto_webauthn_key_of_certificate(arena, cut, alg, &none));
            }
            str longer = str_cat(arena, der, S("x"));
            assert_non_null(crypto_webauthn_key_of_certificate(arena, longer, alg, &none));
        }
        str client = json_get_str(one, S("create_client_data"));
        assert_true(crypto_webauthn_verify(arena, key, data, client, signature));
        assert_false(crypto_webauthn_verify(
            arena, key, data, json_get_str(one, S("get_client_data")), signature));
        crypto_webauthn_key_free(key);
    }
}

static void test_refuses_authenticator_data(void **state)
{
    (void)state;
    struct crypto_authenticator out;
    str good = crypto_cbor_get(attestation_of(json_at(cases, 0)), S("authData"))->bytes;
    for (size_t i = 0; i < good.len; i++) { // cut anywhere
        assert_non_null(crypto_authenticator_parse(arena, str_sub(good, 0, i), &out));
    }
    assert_non_null(crypto_authenticator_parse(arena, str_cat(arena, good, S("x")), &out));
    char *bent = str_cstr(arena, good);
    bent[32] ^= (char)CRYPTO_AUTH_HAS_CREDENTIAL; // what follows was not announced
    assert_non_null(crypto_authenticator_parse(arena, (str){bent, good.len}, &out));
    bent = str_cstr(arena, good);
    bent[32] |= (char)CRYPTO_AUTH_HAS_EXTENSIONS; // announced, and nothing follows
    assert_non_null(crypto_authenticator_parse(arena, (str){bent, good.len}, &out));
    str more = str_cat(arena, (str){bent, good.len}, S("\xa1\x61x\xf5"));
    assert_null(crypto_authenticator_parse(arena, more, &out));
    more = str_cat(arena, (str){bent, good.len}, S("\xf5")); // no map
    assert_non_null(crypto_authenticator_parse(arena, more, &out));
    bent = str_cstr(arena, good);
    bent[53] = bent[54] = 0; // no credential id
    assert_non_null(crypto_authenticator_parse(arena, (str){bent, good.len}, &out));
    bent[53] = 4; // 1024 bytes of it
    assert_non_null(crypto_authenticator_parse(arena, (str){bent, good.len}, &out));
}

static void test_refuses_keys(void **state)
{
    (void)state;
#define X "215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61"
#define Y "225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220"

    const struct {
        const char *hex;
        bool valid;
    } keys[] = {
        {"a5010203262001" X Y, true},
        {"a501020338222001" X Y, false}, // ES384
        {"a5010203272001" X Y, false},   // EdDSA with two coordinates
        {"a5010103262001" X Y, false},   // another type
        {"a5010303262001" X Y, false},
        {"a5010203262002" X Y, false}, // another curve
        {"a5010203262006" X Y, false},
        {"a4010203262001" X, false}, // half a point
        {"a4010203262001" Y, false},
        {"a401022001" X Y, false},     // no algorithm
        {"a403262001" X Y, false},     // no type
        {"a40102032620012158", false}, // cut
        // Not a point of the curve: x twice, and the point at (0, 0).
        {"a5010203262001" X
         "225820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61",
            false},
        {"a50102032620012158200000000000000000000000000000000000000000000000000000000000000000"
         "2258200000000000000000000000000000000000000000000000000000000000000000",
            false},
        {"a5010203262001" X "22f5", false}, // the sign of y instead of y: compressed, not allowed
        {"a4010103272006" X, true},
        {"a4010103272007" X, false}, // Ed448
        {"a40101032720062141aa", false},
        {"a3010103272006", false},
        {"a40103033901002041ff2143010001", false}, // an RSA key of 8 bits
        {"a30103033901002143010001", false},
        {"a0", false},
        {"80", false},
        {"01", false},
    };

    for (size_t i = 0; i < countof(keys); i++) {
        struct crypto_cbor *map = NULL;
        struct crypto_webauthn_key *key = NULL;
        err *e = crypto_cbor_parse(arena, from_hex(arena, str_from(keys[i].hex)), &map);
        e = e != NULL ? e : crypto_webauthn_key_new(arena, map, &key);
        if ((e == NULL) != keys[i].valid || (e != NULL && e->code != ERR_INVALID)) {
            fail_msg("%s", keys[i].hex);
        }
        crypto_webauthn_key_free(key);
    }
    struct crypto_webauthn_key *key = NULL;
    assert_non_null(crypto_webauthn_key_new(arena, NULL, &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registrations),
        cmocka_unit_test(test_assertions),
        cmocka_unit_test(test_attestations),
        cmocka_unit_test(test_refuses_authenticator_data),
        cmocka_unit_test(test_refuses_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
