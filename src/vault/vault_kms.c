// Keys: each is a name (an ARN) under which data keys are sealed with a key that is derived from
// the instance's. Source: AWS KMS API reference, Decrypt.
#include "vault/vault_int.h"

#include <stdlib.h>

enum { WRAP_VERSION = 1, ARN_MAX = 2048, PAIRS_MAX = 64 };

str vault_default_key(const struct vault *vault, struct arena *arena)
{
    struct crypto_key id = crypto_key_derive(&vault->keys, S("id of the default key"));
    str hex = hex_encode(arena, (str){(const char *)id.bytes, 16});
    return str_cat(arena, S("arn:aws:kms:"), vault->region, S(":"), vault->account, S(":key/"),
        str_sub(hex, 0, 8), S("-"), str_sub(hex, 8, 12), S("-4"), str_sub(hex, 13, 16), S("-8"),
        str_sub(hex, 17, 20), S("-"), str_sub(hex, 20, 32));
}

// Key and encryption context, so written that no two pairs of them are alike.
static str context_of(
    struct arena *arena, str key_arn, const struct crypto_pair *pairs, size_t count)
{
    enum { DIGITS = 42 }; // and colons of two lengths

    size_t room = DIGITS + key_arn.len;
    for (size_t i = 0; i < count; i++) {
        room += DIGITS + pairs[i].key.len + pairs[i].value.len;
    }
    struct buf out = buf_in(arena, room);
    buf_fmt(&out, "%zu:", key_arn.len);
    buf_add(&out, key_arn);
    for (size_t i = 0; i < count; i++) {
        buf_fmt(&out, "%zu:%zu:", pairs[i].key.len, pairs[i].value.len);
        buf_add(&out, pairs[i].key);
        buf_add(&out, pairs[i].value);
    }
    check(!out.overflow);
    return buf_str(&out);
}

err *vault_encrypt(struct vault *vault, struct arena *arena, str key_arn,
    const struct crypto_pair *pairs, size_t pair_count, str plain, str *out)
{
    struct crypto_key data_key;
    check(key_arn.len > 0);
    if (key_arn.len > ARN_MAX) {
        return fail(arena, ERR_CONFIG, "the ARN of the KMS key is too long");
    }
    random_bytes(data_key.bytes, sizeof(data_key.bytes));
    const char head[3] = {WRAP_VERSION, (char)(u8)(key_arn.len >> 8), (char)(u8)key_arn.len};
    str sealed = crypto_seal(arena, &vault->keys, context_of(arena, key_arn, pairs, pair_count),
        (str){(const char *)data_key.bytes, sizeof(data_key.bytes)});
    struct crypto_envelope envelope = {.data_key = &data_key,
        .provider = S("aws-kms"),
        .key_id = key_arn,
        .wrapped = str_cat(arena, (str){head, sizeof(head)}, key_arn, sealed),
        .pairs = pairs,
        .pair_count = pair_count,
        .plain = plain};
    err *e = crypto_envelope_make(arena, &envelope, out);
    crypto_wipe(&data_key, sizeof(data_key));
    return e;
}

str vault_wrapped_key(str wrapped)
{
    size_t len = wrapped.len > 3 ? (size_t)(u8)wrapped.ptr[1] << 8 | (u8)wrapped.ptr[2] : 0;
    bool good = wrapped.len > 3 && wrapped.ptr[0] == WRAP_VERSION && len <= ARN_MAX &&
                len < wrapped.len - 3;
    for (size_t i = 0; good && i < len; i++) { // an ARN, as far as this must know
        good = wrapped.ptr[3 + i] > ' ' && wrapped.ptr[3 + i] <= '~';
    }
    return good ? str_sub(wrapped, 3, 3 + len) : (str){};
}

err *vault_unwrap(struct vault *vault, struct arena *arena, str wrapped,
    const struct crypto_pair *pairs, size_t pair_count, str *key_arn, str *plain)
{
    *key_arn = vault_wrapped_key(wrapped);
    if (key_arn->len == 0) {
        return fail(arena, ERR_INVALID, "these are not bytes that a key of this server encrypted");
    }
    return crypto_open(arena, &vault->keys, context_of(arena, *key_arn, pairs, pair_count),
        str_sub(wrapped, 3 + key_arn->len, wrapped.len), plain);
}

// ---- the API -----------------------------------------------------------------------------------

static int compare_pairs(const void *a, const void *b)
{
    return str_cmp(((const struct crypto_pair *)a)->key, ((const struct crypto_pair *)b)->key);
}

static err *read_pairs(struct vault_call *call, struct crypto_pair **out, size_t *count)
{
    const struct json *context = json_get(call->in, S("EncryptionContext"));
    struct crypto_pair *pairs = arena_array(call->arena, struct crypto_pair, PAIRS_MAX);
    *out = pairs;
    *count = 0;
    json_each (pair, context) {
        if (context->kind != JSON_OBJECT || pair->kind != JSON_STRING || *count == PAIRS_MAX) {
            return fail_as(call->arena, "ValidationException",
                "EncryptionContext is an object of at most %d texts.", PAIRS_MAX);
        }
        pairs[(*count)++] = (struct crypto_pair){pair->key, pair->text};
    }
    qsort(pairs, *count, sizeof(pairs[0]), compare_pairs);
    return NULL;
}

// A key may be named by its ARN or its id; an alias is none of ours.
static bool names_key(str given, str arn)
{
    ptrdiff_t slash = str_rfind_char(arn, '/');
    return given.len == 0 || str_eq(given, arn) ||
           (slash >= 0 && str_eq(given, str_sub(arn, (size_t)slash + 1, arn.len)));
}

static err *decrypt(struct vault_call *call) YIELDS;

static err *decrypt(struct vault_call *call)
{
    struct arena *a = call->arena;
    struct crypto_pair *pairs = NULL;
    size_t count = 0;
    str wrapped = {};
    str arn = {};
    str plain = {};
    str algorithm = json_get_str(call->in, S("EncryptionAlgorithm"));
    TRY(read_pairs(call, &pairs, &count));
    if (!base64_decode(a, json_get_str(call->in, S("CiphertextBlob")), &wrapped)) {
        return fail_as(a, "SerializationException", "CiphertextBlob is not base64.");
    }
    if (algorithm.len > 0 && !str_eq(algorithm, S("SYMMETRIC_DEFAULT"))) {
        return fail_as(a, "InvalidKeyUsageException",
            "The key is a symmetric one: its algorithm is SYMMETRIC_DEFAULT.");
    }
    arn = vault_wrapped_key(wrapped);
    TRY(iam_require(a, call->caller, S("kms:Decrypt"),
        arn.len > 0 ? arn : S("arn:aws:kms:*:*:key/*"), NULL, IAM_WORDS_JSON));
    if (arn.len > 0 && !names_key(json_get_str(call->in, S("KeyId")), arn)) {
        return fail_as(a, "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.");
    }
    if (vault_unwrap(call->vault, a, wrapped, pairs, count, &arn, &plain) != NULL) {
        return fail_as(a, "InvalidCiphertextException",
            "The ciphertext was not made by this key, or not with this encryption context.");
    }
    json_set(call->out, S("KeyId"), json_string(a, arn));
    json_set(call->out, S("Plaintext"), json_string(a, base64_encode(a, plain)));
    json_set(call->out, S("EncryptionAlgorithm"), json_string(a, S("SYMMETRIC_DEFAULT")));
    return NULL;
}

vault_handler vault_kms_operation(str name)
{
    return str_eq(name, S("Decrypt")) ? decrypt : NULL;
}
