// Tokens and their keys: what was signed elsewhere is accepted, what was altered is not.
#include "crypto/jwt.h"

#include "auth_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;
static struct json *vectors;
static struct crypto_rsa *keys[2]; // private, as in the vectors: of id tokens, of access tokens
static struct crypto_rsa *fresh;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    vectors = load_vectors(arena, S("jwt"));
    const struct json *pem = json_get(vectors, S("private_keys_pem_test_only"));
    for (size_t i = 0; i < 2; i++) {
        assert_null(crypto_rsa_from_pem(arena, json_at(pem, i)->text, &keys[i]));
    }
    fresh = crypto_rsa_make();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    crypto_rsa_free(keys[0]);
    crypto_rsa_free(keys[1]);
    crypto_rsa_free(fresh);
    crypto_rsa_free(NULL);
    arena_free(arena);
    return 0;
}

static str token_of(const char *header, const char *claims)
{
    return crypto_jwt_sign_as(arena, fresh, str_from(header), str_from(claims));
}

static err *parse_only(str token)
{
    struct crypto_jwt jwt;
    return crypto_jwt_parse(arena, token, &jwt);
}

static bool accepted(str token, const struct crypto_rsa *key)
{
    struct crypto_jwt jwt;
    err *e = crypto_jwt_parse(arena, token, &jwt);
    e = e != NULL ? e : crypto_jwt_verify_rs256(arena, &jwt, key);
    assert_true(e == NULL || e->code == ERR_UNAUTHORIZED);
    return e == NULL;
}

static void test_tokens_of_others(void **state)
{
    (void)state;
    const struct json *jwks = json_get(json_get(vectors, S("jwks")), S("keys"));
    const str names[2][2] = {{S_INIT("id_token"), S_INIT("id_claims")},
        {S_INIT("access_token"), S_INIT("access_claims")}};
    for (size_t i = 0; i < 2; i++) {
        const struct json *jwk = json_at(jwks, i);
        struct crypto_rsa *key;
        struct crypto_jwt jwt;
        str token = json_get_str(vectors, names[i][0]);
        assert_null(
            crypto_rsa_from_jwk(arena, json_get_str(jwk, S("n")), json_get_str(jwk, S("e")), &key));
        assert_null(crypto_jwt_parse(arena, token, &jwt));
        assert_true(str_eq(jwt.alg, S("RS256")));
        assert_true(str_eq(jwt.kid, json_get_str(jwk, S("kid"))));
        assert_true(json_equal(jwt.claims, json_get(vectors, names[i][1])));
        assert_true(accepted(token, key));
        assert_true(accepted(token, keys[i]));
        assert_false(accepted(token, keys[1 - i]));
        crypto_rsa_free(key);
    }
}

// RS256 is deterministic: our signature is theirs, byte for byte.
static void test_sign(void **state)
{
    (void)state;
    str token = json_get_str(vectors, S("id_token"));
    struct crypto_jwt jwt;
    str header;
    str claims;
    assert_null(crypto_jwt_parse(arena, token, &jwt));
    str rest = jwt.signed_text;
    str part;
    assert_true(str_next(&rest, '.', &part) && base64_decode(arena, part, &header));
    assert_true(base64_decode(arena, rest, &claims));
    assert_true(str_eq(crypto_jwt_sign_as(arena, keys[0], header, claims), token));

    token = crypto_jwt_sign(arena, fresh, S("{\"sub\":\"me\"}"));
    assert_true(accepted(token, fresh));
    assert_false(accepted(token, keys[0]));
    assert_null(crypto_jwt_parse(arena, token, &jwt));
    assert_true(str_eq(jwt.kid, crypto_rsa_jwk(fresh).kid));
    assert_true(str_eq(json_get_str(jwt.claims, S("sub")), S("me")));
    assert_int_equal(jwt.header->count, 2); // kid and alg, as Cognito's
}

static void test_key_in_and_out(void **state)
{
    (void)state;
    struct crypto_rsa *again;
    struct crypto_rsa *public_half;
    struct crypto_jwk jwk = crypto_rsa_jwk(fresh);
    assert_null(crypto_rsa_from_pem(arena, crypto_rsa_to_pem(arena, fresh), &again));
    assert_true(str_eq(crypto_rsa_jwk(again).n, jwk.n));
    assert_true(str_eq(crypto_rsa_jwk(again).kid, jwk.kid));
    assert_true(str_eq(jwk.e, S("AQAB")));
    assert_int_equal(jwk.kid.len, 44);
    str token = crypto_jwt_sign(arena, again, S("{}"));
    assert_true(accepted(token, fresh));
    assert_null(crypto_rsa_from_jwk(arena, jwk.n, jwk.e, &public_half));
    assert_true(accepted(token, public_half));
    assert_true(str_eq(crypto_rsa_jwk(public_half).kid, jwk.kid));
    crypto_rsa_free(again);
    crypto_rsa_free(public_half);
}

// The example of RFC 7638, 3.1: base64url there, base64 as Cognito's key ids here.
static void test_key_id(void **state)
{
    (void)state;
    struct crypto_rsa *key;
    str n = S(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-"
        "65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
        "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw");
    assert_null(crypto_rsa_from_jwk(arena, n, S("AQAB"), &key));
    assert_true(str_eq(crypto_rsa_jwk(key).n, n));
    assert_string_equal(
        str_cstr(arena, crypto_rsa_jwk(key).kid), "NzbLsXh8uDCcd+6MNwXF4W/7noWXFZAfHkxZsRGC9Xs=");
    crypto_rsa_free(key);
}

static void test_refuses_keys(void **state)
{
    (void)state;
    struct crypto_rsa *key;
    str n = crypto_rsa_jwk(fresh).n;
    str short_n = str_sub(n, 0, 171); // 1024 bits
    str even = str_cat(arena, str_sub(n, 0, n.len - 1), S("A"));
    char *huge = arena_alloc(arena, 1367); // 8200 bits
    memset(huge, 'B', 1367);

    const struct {
        str n;
        str e;
    } bad[] = {
        {n, (str){}},
        {(str){}, S("AQAB")},
        {n, S("AQ")},
        {n, S("AQAA")},
        {n, S("AQAB=")},
        {n, S("A+AB")},
        {n, S("AQABAQAB")},
        {short_n, S("AQAB")},
        {even, S("AQAB")},
        {(str){huge, 1367}, S("AQAB")},
        {S("AQ"), S("AQAB")},
        {S("n"), S("AQAB")},
    };

    for (size_t i = 0; i < countof(bad); i++) {
        err *e = crypto_rsa_from_jwk(arena, bad[i].n, bad[i].e, &key);
        assert_non_null(e);
        assert_int_equal(e->code, ERR_INVALID);
    }
    str pem = crypto_rsa_to_pem(arena, fresh);
    assert_non_null(crypto_rsa_from_pem(arena, (str){}, &key));
    assert_non_null(crypto_rsa_from_pem(arena, str_sub(pem, 0, pem.len / 2), &key));
    assert_non_null(crypto_rsa_from_pem(arena, S("-----BEGIN PRIVATE KEY-----\nMII\n"), &key));
    // An elliptic key is no RSA key.
    assert_non_null(crypto_rsa_from_pem(arena,
        S("-----BEGIN PRIVATE KEY-----\n"
          "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
          "-----END PRIVATE KEY-----\n"),
        &key));
}

// A private key that was damaged is refused, or signs as before: OpenSSL can do without its prime
// factors, or without its exponent.
static void test_damaged_private_keys(void **state)
{
    (void)state;
    str pem = crypto_rsa_to_pem(arena, fresh);
    size_t refused = 0;
    size_t tried = 0;
    for (size_t i = 30; i < pem.len - 30; i += 11) {
        struct crypto_rsa *key;
        char *bent = str_cstr(arena, pem);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        tried++;
        if (crypto_rsa_from_pem(arena, (str){bent, pem.len}, &key) != NULL) {
            refused++;
            continue;
        }
        assert_true(accepted(crypto_jwt_sign(arena, key, S("{}")), fresh));
        crypto_rsa_free(key);
    }
    assert_in_range(refused, tried / 10, tried); // the modulus is a fifth of the text
}

// Another algorithm than the key's is refused before any key is used for it.
static void test_refuses_algorithms(void **state)
{
    (void)state;
    const char *headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"rs256\"}",
        "{\"alg\":\"RS384\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"RS256\",\"alg\":\"none\"}",
        "{\"alg\":\"RS256 \"}",
    };
    for (size_t i = 0; i < countof(headers); i++) {
        assert_false(accepted(token_of(headers[i], "{}"), fresh));
    }
    // HMAC under the text of the public key, which everybody has.
    u8 mac[CRYPTO_SHA256_SIZE];
    str text = str_cat(arena, base64url_encode(arena, S("{\"alg\":\"HS256\"}")), S(".e30"));
    crypto_hmac_sha256(crypto_rsa_jwk(fresh).n, text, mac);
    str forged = base64url_encode(arena, (str){(const char *)mac, sizeof(mac)});
    assert_false(accepted(str_cat(arena, text, S("."), forged), fresh));
    assert_false(accepted(S("eyJhbGciOiJub25lIn0.e30."), fresh));
    assert_false(accepted(S("eyJhbGciOiJSUzI1NiJ9.e30."), fresh)); // RS256 without a signature
}

static void test_refuses_forms(void **state)
{
    (void)state;
    const char *headers[] = {
        "",
        "[]",
        "null",
        "\"alg\"",
        "{",
        "{}",
        "{\"alg\":1}",
        "{\"alg\":null}",
        "{\"alg\":\"RS256\",\"kid\":1}",
        "{\"alg\":\"RS256\",\"kid\":null}",
        "{\"alg\":\"RS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"RS256\",\"crit\":[]}",
        "{\"alg\":\"RS256\"} {}",
        "{\"alg\":\"\xff\"}",
    };
    for (size_t i = 0; i < countof(headers); i++) {
        assert_non_null(parse_only(token_of(headers[i], "{}")));
    }
    const char *claims[] = {"", "[]", "1", "null", "{]", "{\"a\":\"\xc3\"}"};
    for (size_t i = 0; i < countof(claims); i++) {
        assert_non_null(parse_only(token_of("{\"alg\":\"RS256\"}", claims[i])));
    }
    str good = token_of("{\"alg\":\"RS256\"}", "{}");
    assert_null(parse_only(good));
    const str texts[] = {(str){}, S("."), S(".."), S("..."), S("a.b.c"), S("eyJhbGciOiJSUzI1NiJ9"),
        S("eyJhbGciOiJSUzI1NiJ9.e30"), S("eyJhbGciOiJSUzI1NiJ9.e30.AA.AA"),
        S("eyJhbGciOiJSUzI1NiJ9.e30=.AA"), S("eyJhbGciOiJSUzI1NiJ9.e30.AA=="),
        S("eyJhbGciOiJSUzI1NiJ9.e30.AB"), S("eyJhbGciOiJSUzI1NiJ9.e30.A"),
        S("eyJhbGciOiJSUzI1NiJ9.e31.AA"), S("eyJhbGciOiJSUzI1NiJ9.e30.A+AA"),
        S("eyJhbGciOiJSUzI1NiJ9.e3 0.AA"), S(" eyJhbGciOiJSUzI1NiJ9.e30.AA"),
        str_cat(arena, good, S("\n")), str_cat(arena, S("Bearer "), good)};
    for (size_t i = 0; i < countof(texts); i++) {
        assert_non_null(parse_only(texts[i]));
    }
    assert_null(parse_only(S("eyJhbGciOiJSUzI1NiJ9.e30.AA")));
}

// No letter of a token can be changed or cut without its being refused.
static void test_refuses_any_change(void **state)
{
    (void)state;
    str good = token_of("{\"alg\":\"RS256\",\"kid\":\"k\"}", "{\"sub\":\"somebody\"}");
    assert_true(accepted(good, fresh));
    for (size_t i = 0; i < good.len; i++) {
        char *bent = str_cstr(arena, good);
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_false(accepted((str){bent, good.len}, fresh));
        assert_false(accepted(str_sub(good, 0, i), fresh));
    }
}

static void test_size_limit(void **state)
{
    (void)state;
    size_t size = 11900;
    char *name = arena_alloc(arena, size + 1);
    memset(name, 'x', size);
    str claims = str_cat(arena, S("{\"a\":\""), (str){name, size}, S("\"}"));
    str token = crypto_jwt_sign(arena, fresh, claims);
    assert_true(token.len <= CRYPTO_JWT_SIZE_MAX && token.len > CRYPTO_JWT_SIZE_MAX - 300);
    assert_true(accepted(token, fresh));
    claims = str_cat(arena, S("{\"a\":\""), (str){name, size}, (str){name, 300}, S("\"}"));
    token = crypto_jwt_sign(arena, fresh, claims);
    assert_true(token.len > CRYPTO_JWT_SIZE_MAX);
    assert_non_null(parse_only(token));
}

static void test_times(void **state)
{
    (void)state;

    const struct {
        const char *claims;
        bool valid;
    } cases[] = {
        // at second 1000, with 10 seconds of skew
        {"{\"exp\":2000}", true},
        {"{\"exp\":991}", true},
        {"{\"exp\":990}", false},
        {"{\"exp\":990.5}", true},
        {"{\"exp\":0}", false},
        {"{\"exp\":-1}", false},
        {"{}", false},
        {"{\"exp\":\"2000\"}", false},
        {"{\"exp\":null}", false},
        {"{\"exp\":true}", false},
        {"{\"exp\":1e400}", false},
        {"{\"exp\":1e16}", false},
        {"{\"exp\":2e3,\"nbf\":1010}", true},
        {"{\"exp\":2000,\"nbf\":1011}", false},
        {"{\"exp\":2000,\"iat\":1010}", true},
        {"{\"exp\":2000,\"iat\":1011}", false},
        {"{\"exp\":2000,\"iat\":\"999\"}", false},
        {"{\"exp\":2000,\"nbf\":-5}", false},
        {"{\"exp\":2000,\"nbf\":0,\"iat\":0}", true},
        {"{\"exp\":1,\"exp\":2000}", true},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct crypto_jwt jwt;
        assert_null(
            crypto_jwt_parse(arena, token_of("{\"alg\":\"RS256\"}", cases[i].claims), &jwt));
        err *e = crypto_jwt_check_times(arena, &jwt, 1000, 10);
        if ((e == NULL) != cases[i].valid) {
            fail_msg("%s", cases[i].claims);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_of_others),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_key_in_and_out),
        cmocka_unit_test(test_key_id),
        cmocka_unit_test(test_refuses_keys),
        cmocka_unit_test(test_damaged_private_keys),
        cmocka_unit_test(test_refuses_algorithms),
        cmocka_unit_test(test_refuses_forms),
        cmocka_unit_test(test_refuses_any_change),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
