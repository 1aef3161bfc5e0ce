// SRP-6a as Cognito's clients compute it: k = H(N | g), u = H(A | B), x = H(salt | H(group | user |
// ":" | password)), S = (A v^u)^b, each number in its shortest big-endian form with a zero byte in
// front where the top bit is set (Java's BigInteger.toByteArray; amazon-cognito-identity-js calls
// it padHex). The session key is HKDF over S with u as the salt, and 16 bytes of it are used.
#include "crypto/srp.h"
#include "crypto/code.h"
#include "crypto/crypto_int.h"

#include <openssl/bn.h>

enum {
    GENERATOR = 2,
    SALT_BYTES = 16,
    FRESH_SECRET_BYTES = 32, // RFC 5054 3.2: at least 256 bits
    SESSION_KEY_SIZE = 16,
    HEX_MAX = 2 * CRYPTO_SRP_NUMBER_SIZE + 2, // one more zero byte than needed is tolerated
};

static_assert(sizeof(struct crypto_srp_verifier) == CRYPTO_SRP_SALT_SIZE + CRYPTO_SRP_NUMBER_SIZE,
    "a verifier is kept as its bytes");
static_assert(
    sizeof(struct crypto_srp_state) == CRYPTO_SRP_SECRET_SIZE + 2 * CRYPTO_SRP_NUMBER_SIZE,
    "a state is sealed as its bytes");

// The group's constants and OpenSSL's workspace for one computation.
struct group {
    BN_CTX *ctx;
    BN_MONT_CTX *mont;
    BIGNUM *modulus;
    BIGNUM *generator;
};

static struct group group_open(void)
{
    struct group group = {
        .ctx = BN_CTX_secure_new(),
        .mont = BN_MONT_CTX_new(),
        .modulus = BN_get_rfc3526_prime_3072(NULL),
        .generator = BN_new(),
    };
    check(group.ctx != NULL && group.mont != NULL && group.modulus != NULL);
    check(group.generator != NULL && BN_set_word(group.generator, GENERATOR) == 1);
    check(BN_MONT_CTX_set(group.mont, group.modulus, group.ctx) == 1);
    return group;
}

static void group_close(struct group *group)
{
    BN_free(group->generator);
    BN_free(group->modulus);
    BN_MONT_CTX_free(group->mont);
    BN_CTX_free(group->ctx);
}

// Secret or not, every number is treated as a secret: wiped when freed, constant-time powers.
static BIGNUM *number_of(const u8 *bytes, size_t size)
{
    BIGNUM *number = BN_secure_new();
    check(number != NULL && BN_bin2bn(bytes, (int)size, number) != NULL);
    BN_set_flags(number, BN_FLG_CONSTTIME);
    return number;
}

static void number_bytes(const BIGNUM *number, u8 out[CRYPTO_SRP_NUMBER_SIZE])
{
    check(BN_bn2binpad(number, out, CRYPTO_SRP_NUMBER_SIZE) == CRYPTO_SRP_NUMBER_SIZE);
}

static BIGNUM *power(struct group *group, const BIGNUM *base, const BIGNUM *exponent)
{
    BIGNUM *result = BN_secure_new();
    check(result != NULL);
    check(BN_mod_exp_mont_consttime(
              result, base, exponent, group->modulus, group->ctx, group->mont) == 1);
    BN_set_flags(result, BN_FLG_CONSTTIME);
    return result;
}

// By Montgomery's method, whose time does not depend on the factors (BN_mod_mul divides).
static BIGNUM *product(struct group *group, const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM *result = BN_secure_new();
    check(result != NULL && BN_to_montgomery(result, a, group->mont, group->ctx) == 1);
    check(BN_mod_mul_montgomery(result, result, b, group->mont, group->ctx) == 1);
    BN_set_flags(result, BN_FLG_CONSTTIME);
    return result;
}

// A number in Cognito's form; `bytes` has at least one byte, `room` one more.
static str padded(const u8 *bytes, size_t size, u8 *room)
{
    size_t zeros = 0;
    while (zeros + 1 < size && bytes[zeros] == 0) {
        zeros++;
    }
    size_t lead = bytes[zeros] >= 0x80 ? 1 : 0;
    room[0] = 0;
    memcpy(room + lead, bytes + zeros, size - zeros);
    return (str){(const char *)room, size - zeros + lead};
}

static void hash_padded(struct crypto_hash *hash, const u8 *bytes, size_t size)
{
    u8 room[CRYPTO_SRP_NUMBER_SIZE + 1];
    crypto_hash_add(hash, padded(bytes, size, room));
    crypto_wipe(room, sizeof(room));
}

static void password_exponent(const struct crypto_srp_name *name,
    const u8 salt[CRYPTO_SRP_SALT_SIZE], str password, u8 x[CRYPTO_SHA256_SIZE])
{
    struct crypto_hash *hash = crypto_hash_new(CRYPTO_SHA256);
    u8 inner[CRYPTO_DIGEST_MAX];
    crypto_hash_add(hash, name->group);
    crypto_hash_add(hash, name->user);
    crypto_hash_add(hash, S(":"));
    crypto_hash_add(hash, password);
    crypto_hash_finish(hash, inner);
    hash_padded(hash, salt, CRYPTO_SRP_SALT_SIZE);
    crypto_hash_add(hash, (str){(const char *)inner, CRYPTO_SHA256_SIZE});
    crypto_hash_finish(hash, x);
    crypto_hash_free(hash);
    crypto_wipe(inner, sizeof(inner));
}

static void compute_verifier(const struct crypto_srp_name *name,
    const u8 salt[CRYPTO_SRP_SALT_SIZE], str password, u8 out[CRYPTO_SRP_NUMBER_SIZE])
{
    u8 x_bytes[CRYPTO_SHA256_SIZE];
    struct group group = group_open();
    password_exponent(name, salt, password, x_bytes);
    BIGNUM *x = number_of(x_bytes, sizeof(x_bytes));
    BIGNUM *v = power(&group, group.generator, x);
    number_bytes(v, out);
    BN_clear_free(v);
    BN_clear_free(x);
    group_close(&group);
    crypto_wipe(x_bytes, sizeof(x_bytes));
}

void crypto_srp_make(
    const struct crypto_srp_name *name, str password, struct crypto_srp_verifier *out)
{
    *out = (struct crypto_srp_verifier){};
    random_bytes(out->salt + CRYPTO_SRP_SALT_SIZE - SALT_BYTES, SALT_BYTES);
    out->salt[CRYPTO_SRP_SALT_SIZE - SALT_BYTES] |= 1; // never shorter than 16 bytes
    compute_verifier(name, out->salt, password, out->verifier);
}

bool crypto_srp_password_fits(
    const struct crypto_srp_name *name, const struct crypto_srp_verifier *verifier, str password)
{
    u8 computed[CRYPTO_SRP_NUMBER_SIZE];
    compute_verifier(name, verifier->salt, password, computed);
    bool fits = bytes_eq_secret((str){(const char *)computed, sizeof(computed)},
        (str){(const char *)verifier->verifier, sizeof(verifier->verifier)});
    crypto_wipe(computed, sizeof(computed));
    return fits;
}

void crypto_srp_fake(const struct crypto_key *key, str context, struct crypto_srp_verifier *out)
{
    struct crypto_key own = crypto_key_derive(key, S("srp stand-in"));
    u8 bytes[SALT_BYTES + CRYPTO_SRP_NUMBER_SIZE];
    u8 digest[CRYPTO_SHA256_SIZE]; // contexts may have any length
    crypto_sha256(context, digest);
    crypto_hkdf_sha256((str){(const char *)own.bytes, sizeof(own.bytes)}, (str){},
        (str){(const char *)digest, sizeof(digest)}, bytes, sizeof(bytes));
    *out = (struct crypto_srp_verifier){};
    memcpy(out->salt + CRYPTO_SRP_SALT_SIZE - SALT_BYTES, bytes, SALT_BYTES);
    out->salt[CRYPTO_SRP_SALT_SIZE - SALT_BYTES] |= 1;
    // Real verifiers are powers of 2, and so squares: so is this.
    bytes[SALT_BYTES] &= 0x7f; // below N
    struct group group = group_open();
    BIGNUM *root = number_of(bytes + SALT_BYTES, CRYPTO_SRP_NUMBER_SIZE);
    BIGNUM *square = product(&group, root, root);
    number_bytes(square, out->verifier);
    BN_clear_free(square);
    BN_clear_free(root);
    group_close(&group);
    crypto_wipe(&own, sizeof(own));
    crypto_wipe(bytes, sizeof(bytes));
}

// Right-aligned into `out`; false when it has more bytes than that, zeros in front not counted.
static bool align(str bytes, u8 *out, size_t size)
{
    while (bytes.len > size && bytes.ptr[0] == 0) {
        bytes = str_sub(bytes, 1, bytes.len);
    }
    if (bytes.len > size) {
        return false;
    }
    memset(out, 0, size - bytes.len);
    if (bytes.len > 0) {
        memcpy(out + size - bytes.len, bytes.ptr, bytes.len);
    }
    return true;
}

// Between the two numbers whose powers everybody knows.
static bool is_between_ends(const u8 bytes[CRYPTO_SRP_NUMBER_SIZE])
{
    BIGNUM *limit = BN_get_rfc3526_prime_3072(NULL);
    BIGNUM *number = number_of(bytes, CRYPTO_SRP_NUMBER_SIZE);
    check(limit != NULL && BN_sub_word(limit, 1) == 1);
    bool between = BN_cmp(number, BN_value_one()) > 0 && BN_cmp(number, limit) < 0;
    BN_clear_free(number);
    BN_free(limit);
    return between;
}

err *crypto_srp_import(struct arena *arena, str salt, str verifier, struct crypto_srp_verifier *out)
{
    str salt_bytes;
    str bytes;
    *out = (struct crypto_srp_verifier){};
    if (!base64_decode(arena, salt, &salt_bytes) || salt_bytes.len == 0 ||
        !align(salt_bytes, out->salt, sizeof(out->salt))) {
        return fail(arena, ERR_INVALID, "the salt is not base64 of 1 to 32 bytes");
    }
    if (!base64_decode(arena, verifier, &bytes) ||
        !align(bytes, out->verifier, sizeof(out->verifier)) || !is_between_ends(out->verifier)) {
        return fail(arena, ERR_INVALID, "the verifier is not base64 of a number of the group");
    }
    return NULL;
}

// An odd first digit stands alone: clients write numbers without zeros in front.
static bool parse_client(str hex, u8 out[CRYPTO_SRP_NUMBER_SIZE])
{
    u8 bytes[HEX_MAX / 2] = {};
    size_t at = sizeof(bytes) * 2;
    if (hex.len == 0 || hex.len > HEX_MAX) {
        return false;
    }
    for (size_t i = hex.len; i > 0; i--) {
        int value = crypto_hex_digit(hex.ptr[i - 1]);
        if (value < 0) {
            return false;
        }
        at--;
        bytes[at / 2] |= (u8)(at % 2 == 1 ? value : value << 4);
    }
    return align((str){(const char *)bytes, sizeof(bytes)}, out, CRYPTO_SRP_NUMBER_SIZE) &&
           is_between_ends(out);
}

// k = H(N | g).
static BIGNUM *multiplier(const struct group *group)
{
    u8 modulus[CRYPTO_SRP_NUMBER_SIZE];
    u8 digest[CRYPTO_DIGEST_MAX];
    const u8 generator = GENERATOR;
    struct crypto_hash *hash = crypto_hash_new(CRYPTO_SHA256);
    number_bytes(group->modulus, modulus);
    hash_padded(hash, modulus, sizeof(modulus));
    hash_padded(hash, &generator, 1);
    crypto_hash_finish(hash, digest);
    crypto_hash_free(hash);
    return number_of(digest, CRYPTO_SHA256_SIZE);
}

// B = k v + g^b.
static void compute_server(
    const struct crypto_srp_verifier *verifier, struct crypto_srp_state *state)
{
    struct group group = group_open();
    BIGNUM *k = multiplier(&group);
    BIGNUM *v = number_of(verifier->verifier, sizeof(verifier->verifier));
    BIGNUM *b = number_of(state->secret, sizeof(state->secret));
    BIGNUM *kv = product(&group, k, v);
    BIGNUM *gb = power(&group, group.generator, b);
    check(BN_mod_add_quick(gb, gb, kv, group.modulus) == 1);
    number_bytes(gb, state->server);
    BN_clear_free(gb);
    BN_clear_free(kv);
    BN_clear_free(b);
    BN_clear_free(v);
    BN_clear_free(k);
    group_close(&group);
}

err *crypto_srp_begin_with(struct arena *arena, const struct crypto_srp_verifier *verifier,
    str client_hex, struct crypto_srp_state *state)
{
    if (!parse_client(client_hex, state->client)) {
        return fail(arena, ERR_INVALID, "SRP_A is not a hexadecimal number of the group");
    }
    compute_server(verifier, state);
    return NULL;
}

err *crypto_srp_begin(struct arena *arena, const struct crypto_srp_verifier *verifier,
    str client_hex, struct crypto_srp_state *out)
{
    *out = (struct crypto_srp_state){};
    random_bytes(out->secret + CRYPTO_SRP_SECRET_SIZE - FRESH_SECRET_BYTES, FRESH_SECRET_BYTES);
    return crypto_srp_begin_with(arena, verifier, client_hex, out);
}

// K = 16 bytes of HKDF(S, salt u, info "Caldera Derived Key").
static void session_key(const struct crypto_srp_verifier *verifier,
    const struct crypto_srp_state *state, u8 key[SESSION_KEY_SIZE])
{
    u8 u_bytes[CRYPTO_DIGEST_MAX];
    u8 s_bytes[CRYPTO_SRP_NUMBER_SIZE];
    u8 u_room[CRYPTO_SHA256_SIZE + 1];
    u8 s_room[CRYPTO_SRP_NUMBER_SIZE + 1];
    struct crypto_hash *hash = crypto_hash_new(CRYPTO_SHA256);
    hash_padded(hash, state->client, sizeof(state->client));
    hash_padded(hash, state->server, sizeof(state->server));
    crypto_hash_finish(hash, u_bytes);
    crypto_hash_free(hash);
    struct group group = group_open();
    BIGNUM *u = number_of(u_bytes, CRYPTO_SHA256_SIZE);
    BIGNUM *v = number_of(verifier->verifier, sizeof(verifier->verifier));
    BIGNUM *a = number_of(state->client, sizeof(state->client));
    BIGNUM *b = number_of(state->secret, sizeof(state->secret));
    BIGNUM *vu = power(&group, v, u);
    BIGNUM *avu = product(&group, vu, a);
    BIGNUM *s = power(&group, avu, b);
    number_bytes(s, s_bytes);
    crypto_hkdf_sha256(padded(s_bytes, sizeof(s_bytes), s_room),
        padded(u_bytes, CRYPTO_SHA256_SIZE, u_room), S("Caldera Derived Key"), key,
        SESSION_KEY_SIZE);
    BIGNUM *numbers[] = {u, v, a, b, vu, avu, s};
    for (size_t i = 0; i < countof(numbers); i++) {
        BN_clear_free(numbers[i]);
    }
    group_close(&group);
    crypto_wipe(s_bytes, sizeof(s_bytes));
    crypto_wipe(s_room, sizeof(s_room));
}

bool crypto_srp_check(struct arena *arena, const struct crypto_srp_verifier *verifier,
    const struct crypto_srp_state *state, const struct crypto_srp_claim *claim)
{
    u8 key[SESSION_KEY_SIZE];
    u8 mac[CRYPTO_SHA256_SIZE];
    str signature = {};
    str text = str_cat(arena, claim->name.group, claim->name.user, claim->block, claim->timestamp);
    session_key(verifier, state, key);
    crypto_hmac_sha256((str){(const char *)key, sizeof(key)}, text, mac);
    bool decoded = base64_decode(arena, claim->signature, &signature);
    bool fits = decoded && bytes_eq_secret(signature, (str){(const char *)mac, sizeof(mac)});
    crypto_wipe(key, sizeof(key));
    crypto_wipe(mac, sizeof(mac));
    return fits;
}

static str short_hex(struct arena *arena, const u8 *bytes, size_t size)
{
    size_t zeros = 0;
    while (zeros + 1 < size && bytes[zeros] == 0) {
        zeros++;
    }
    return hex_encode(arena, (str){(const char *)bytes + zeros, size - zeros});
}

str crypto_srp_salt_hex(struct arena *arena, const struct crypto_srp_verifier *verifier)
{
    return short_hex(arena, verifier->salt, sizeof(verifier->salt));
}

str crypto_srp_server_hex(struct arena *arena, const struct crypto_srp_state *state)
{
    return short_hex(arena, state->server, sizeof(state->server));
}
