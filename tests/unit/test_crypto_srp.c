// The password proof by vectors that Cognito's own clients accept, and what it refuses.
#include "crypto/srp.h"

#include "auth_vectors.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena *arena;
static const struct crypto_srp_name NAME = {S_INIT("Ab12Cd34E"), S_INIT("alice")};
static const char A[] = "2f1c"; // any number of the group will do

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void set_number(u8 *out, size_t size, str hex)
{
    str bytes = from_hex(arena, hex);
    assert_true(bytes.len <= size);
    memset(out, 0, size);
    memcpy(out + size - bytes.len, bytes.ptr, bytes.len);
}

static void assert_number(const u8 *bytes, size_t size, str hex)
{
    u8 expected[CRYPTO_SRP_NUMBER_SIZE];
    assert_true(size <= sizeof(expected));
    set_number(expected, size, hex);
    assert_memory_equal(bytes, expected, size);
}

static struct crypto_srp_name name_of(const struct json *input)
{
    return (struct crypto_srp_name){
        json_get_str(input, S("id0_pool_name_or_device_group_key")),
        json_get_str(input, S("id1_user_id_for_srp_or_device_key")),
    };
}

static void check_vector(const struct json *set)
{
    const struct json *input = json_get(set, S("input"));
    const struct json *between = json_get(set, S("intermediate"));
    struct crypto_srp_verifier verifier = {};
    struct crypto_srp_state state = {};
    struct crypto_srp_claim claim = {
        .name = name_of(input),
        .block = from_hex(arena, json_get_str(input, S("secret_block_hex"))),
        .timestamp = json_get_str(input, S("TIMESTAMP")),
        .signature = json_get_str(json_get(set, S("expect")), S("PASSWORD_CLAIM_SIGNATURE")),
    };
    str v = json_get_str(between, S("verifier_v"));
    set_number(verifier.salt, sizeof(verifier.salt), json_get_str(input, S("SALT")));
    set_number(verifier.verifier, sizeof(verifier.verifier), v);
    str password = json_get_str(input, S("password"));
    assert_true(crypto_srp_password_fits(&claim.name, &verifier, password));
    assert_false(
        crypto_srp_password_fits(&claim.name, &verifier, str_cat(arena, password, S(" "))));

    set_number(state.secret, sizeof(state.secret), json_get_str(input, S("b")));
    str client = json_get_str(between, S("SRP_A"));
    assert_null(crypto_srp_begin_with(arena, &verifier, client, &state));
    assert_number(state.client, sizeof(state.client), client);
    assert_number(state.server, sizeof(state.server), json_get_str(between, S("SRP_B")));
    assert_true(crypto_srp_check(arena, &verifier, &state, &claim));

    // In another process: nothing but the bytes goes over.
    char *copy = arena_alloc(arena, sizeof(state));
    memcpy(copy, &state, sizeof(state));
    struct crypto_srp_state elsewhere;
    memcpy(&elsewhere, copy, sizeof(elsewhere));
    assert_true(crypto_srp_check(arena, &verifier, &elsewhere, &claim));

    struct crypto_srp_claim other = claim;
    other.timestamp = S("Tue Feb 3 04:05:07 UTC 2026");
    assert_false(crypto_srp_check(arena, &verifier, &state, &other));
    other = claim;
    other.block = str_sub(claim.block, 1, claim.block.len);
    assert_false(crypto_srp_check(arena, &verifier, &state, &other));
    other = claim;
    other.name.user = S("somebody else");
    assert_false(crypto_srp_check(arena, &verifier, &state, &other));
    state.server[CRYPTO_SRP_NUMBER_SIZE - 1] ^= 1;
    assert_false(crypto_srp_check(arena, &verifier, &state, &claim));
}

static void test_vectors(void **state)
{
    (void)state;
    const struct json *sets = json_get(load_vectors(arena, S("srp")), S("sets"));
    assert_int_equal(sets->count, 8);
    json_each (set, sets) {
        check_vector(set);
    }
}

static void test_device_verifiers(void **state)
{
    (void)state;
    const struct json *devices = load_vectors(arena, S("device_verifier_config"));
    assert_true(devices->count >= 3);
    json_each (device, devices) {
        const struct json *config = json_get(device, S("DeviceSecretVerifierConfig"));
        struct crypto_srp_verifier verifier;
        struct crypto_srp_name name = {
            json_get_str(device, S("DeviceGroupKey")), json_get_str(device, S("DeviceKey"))};
        assert_null(crypto_srp_import(arena, json_get_str(config, S("Salt")),
            json_get_str(config, S("PasswordVerifier")), &verifier));
        assert_number(verifier.salt, sizeof(verifier.salt), json_get_str(device, S("salt_hex")));
        str password = json_get_str(device, S("random_password"));
        assert_true(crypto_srp_password_fits(&name, &verifier, password));
        name.group = S("-other");
        assert_false(crypto_srp_password_fits(&name, &verifier, password));
    }
}

static void test_make(void **state)
{
    (void)state;
    struct crypto_srp_verifier one;
    struct crypto_srp_verifier two;
    crypto_srp_make(&NAME, S("Passw0rd!"), &one);
    crypto_srp_make(&NAME, S("Passw0rd!"), &two);
    assert_memory_not_equal(one.salt, two.salt, sizeof(one.salt));
    assert_memory_not_equal(one.verifier, two.verifier, sizeof(one.verifier));
    assert_true(crypto_srp_password_fits(&NAME, &one, S("Passw0rd!")));
    assert_false(crypto_srp_password_fits(&NAME, &one, S("passw0rd!")));
    assert_false(crypto_srp_password_fits(&NAME, &one, (str){}));
    assert_int_equal(crypto_srp_salt_hex(arena, &one).len, 32);
    crypto_srp_make(&NAME, (str){}, &one); // a length is the password policy's business
    assert_true(crypto_srp_password_fits(&NAME, &one, (str){}));
}

static void test_begin_is_fresh(void **state)
{
    (void)state;
    struct crypto_srp_verifier verifier;
    struct crypto_srp_state one;
    struct crypto_srp_state two;
    crypto_srp_make(&NAME, S("Passw0rd!"), &verifier);
    assert_null(crypto_srp_begin(arena, &verifier, str_from(A), &one));
    assert_null(crypto_srp_begin(arena, &verifier, str_from(A), &two));
    assert_memory_not_equal(one.secret, two.secret, sizeof(one.secret));
    assert_memory_not_equal(one.server, two.server, sizeof(one.server));
    str hex = crypto_srp_server_hex(arena, &one);
    assert_true(hex.len % 2 == 0 && hex.len > 700 && hex.len <= 768);
}

static str modulus_plus(int add)
{
    str hex = json_get_str(json_get(load_vectors(arena, S("srp")), S("constants")), S("N_hex"));
    char *text = str_cstr(arena, hex);
    const char *last[] = {"e", "f"}; // ...ffff: one less, itself
    text[hex.len - 1] = last[add + 1][0];
    return (str){text, hex.len};
}

static void test_refuses_client_numbers(void **state)
{
    (void)state;
    struct crypto_srp_verifier verifier;
    struct crypto_srp_state out;
    char *zeros = arena_alloc(arena, 801);
    memset(zeros, '0', 800);
    str n = modulus_plus(0);
    str twice_n = str_cat(arena, S("1"), str_sub(n, 0, n.len - 1), S("e")); // 2 N has this form
    crypto_srp_make(&NAME, S("Passw0rd!"), &verifier);
    const str bad[] = {(str){}, S("0"), S("00"), S("1"), S("01"), n, modulus_plus(-1),
        str_cat(arena, S("00"), n), twice_n, (str){zeros, 768}, (str){zeros, 770},
        (str){zeros, 800}, S("-2"), S("+2"), S("0x2"), S(" 2"), S("2 "), S("2g"), S("\xff")};
    for (size_t i = 0; i < countof(bad); i++) {
        err *e = crypto_srp_begin(arena, &verifier, bad[i], &out);
        if (e == NULL || e->code != ERR_INVALID) {
            fail_msg("%.*s", PRI(bad[i]));
        }
    }
    char *below = str_cstr(arena, n); // N - 2
    below[n.len - 1] = 'd';
    const str good[] = {S("2"), S("ABCDEF"), S("abc"), (str){below, n.len},
        str_cat(arena, S("00"), (str){below, n.len})};
    for (size_t i = 0; i < countof(good); i++) {
        assert_null(crypto_srp_begin(arena, &verifier, good[i], &out));
    }
}

static void test_refuses_signatures(void **state)
{
    (void)state;
    struct crypto_srp_verifier verifier;
    struct crypto_srp_state proof;
    crypto_srp_make(&NAME, S("Passw0rd!"), &verifier);
    assert_null(crypto_srp_begin(arena, &verifier, str_from(A), &proof));
    const str bad[] = {(str){}, S("="), S("AAAA"), S("not base64!"),
        S("2yGmnwJpWur6pF5rVTeyGeF+r2fU9fukDyt3kmfYRkI="),
        S("2yGmnwJpWur6pF5rVTeyGeF+r2fU9fukDyt3kmfYRkI=AAAA")};
    for (size_t i = 0; i < countof(bad); i++) {
        struct crypto_srp_claim claim = {NAME, S("block"), S("now"), bad[i]};
        assert_false(crypto_srp_check(arena, &verifier, &proof, &claim));
    }
}

static void test_refuses_verifiers(void **state)
{
    (void)state;
    struct crypto_srp_verifier out;
    str n = from_hex(arena, modulus_plus(0));
    str before_n = from_hex(arena, modulus_plus(-1));
    char *large = arena_alloc(arena, 400);
    memset(large, 1, 400);

    const struct {
        str salt;
        str verifier;
    } bad[] = {
        {S("AQ=="), (str){}},
        {S("AQ=="), S("AA==")},
        {S("AQ=="), S("AQ==")},
        {(str){}, S("Ag==")},
        {S("!"), S("Ag==")},
        {S("AQ=="), S("!")},
        {S("AQ=="), base64_encode(arena, n)},
        {S("AQ=="), base64_encode(arena, before_n)},
        {S("AQ=="), base64_encode(arena, (str){large, 385})},
        {base64_encode(arena, (str){large, 33}), S("Ag==")},
    };

    for (size_t i = 0; i < countof(bad); i++) {
        err *e = crypto_srp_import(arena, bad[i].salt, bad[i].verifier, &out);
        assert_non_null(e);
        assert_int_equal(e->code, ERR_INVALID);
    }
    assert_null(crypto_srp_import(arena, S("AQ=="), S("Ag=="), &out));
    assert_null(crypto_srp_import(arena, base64_encode(arena, (str){large, 32}),
        base64_encode(arena, (str){large, 384}), &out));
}

static void test_fake(void **state)
{
    (void)state;
    struct crypto_key key = {{1}};
    struct crypto_key other_key = {{2}};
    struct crypto_srp_verifier one;
    struct crypto_srp_verifier again;
    struct crypto_srp_verifier other;
    struct crypto_srp_state proof;
    crypto_srp_fake(&key, S("pool|nobody"), &one);
    crypto_srp_fake(&key, S("pool|nobody"), &again);
    assert_memory_equal(&one, &again, sizeof(one));
    crypto_srp_fake(&key, S("pool|nobody2"), &other);
    assert_memory_not_equal(one.salt, other.salt, sizeof(one.salt));
    crypto_srp_fake(&other_key, S("pool|nobody"), &other);
    assert_memory_not_equal(one.salt, other.salt, sizeof(one.salt));
    assert_memory_not_equal(one.verifier, other.verifier, sizeof(one.verifier));
    assert_int_equal(crypto_srp_salt_hex(arena, &one).len, 32);
    assert_null(crypto_srp_begin(arena, &one, str_from(A), &proof));
    assert_false(crypto_srp_password_fits(&NAME, &one, S("Passw0rd!")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_device_verifiers),
        cmocka_unit_test(test_make),
        cmocka_unit_test(test_begin_is_fresh),
        cmocka_unit_test(test_refuses_client_numbers),
        cmocka_unit_test(test_refuses_signatures),
        cmocka_unit_test(test_refuses_verifiers),
        cmocka_unit_test(test_fake),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
