// CBOR that is accepted keeps its limits and points into its input; what WebAuthn makes of any
// bytes
// - data, keys, signatures, certificates - is an answer.
#include "crypto/webauthn.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static size_t count_items(const struct crypto_cbor *item, str input, size_t depth)
{
    size_t count = 1;
    u32 children = 0;
    check(depth <= CRYPTO_CBOR_DEPTH_MAX);
    if (item->kind == CRYPTO_CBOR_BYTES || item->kind == CRYPTO_CBOR_TEXT) {
        check(item->bytes.ptr >= input.ptr);
        check(item->bytes.ptr + item->bytes.len <= input.ptr + input.len);
    }
    for (const struct crypto_cbor *at = item->child; at != NULL; at = at->next) {
        check((at->key != NULL) == (item->kind == CRYPTO_CBOR_MAP));
        if (at->key != NULL) {
            const struct crypto_cbor *same = at->key->kind == CRYPTO_CBOR_INT
                                                 ? crypto_cbor_at(item, at->key->integer)
                                                 : crypto_cbor_get(item, at->key->bytes);
            check(same == at); // no key twice
            count++;
        }
        count += count_items(at, input, depth + 1);
        children++;
    }
    check(children == item->count);
    return count;
}

static void try_key(struct arena *arena, const struct crypto_cbor *map, str input)
{
    struct crypto_webauthn_key *key = NULL;
    if (crypto_webauthn_key_new(arena, map, &key) == NULL) {
        check(!crypto_webauthn_verify(arena, key, input, input, input));
        crypto_webauthn_key_free(key);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct arena *arena = arena_new();
    struct crypto_cbor *item = NULL;
    struct crypto_authenticator parsed;
    struct crypto_webauthn_key *key = NULL;
    str input = {(const char *)data, size};
    str rest = input;
    if (crypto_cbor_take(arena, &rest, &item) == NULL) {
        check(rest.len < size && rest.ptr + rest.len == input.ptr + size);
        check(count_items(item, input, 0) <= CRYPTO_CBOR_ITEMS_MAX);
        try_key(arena, item, input);
        const struct crypto_cbor *inner = crypto_cbor_get(item, S("authData"));
        input = inner != NULL && inner->kind == CRYPTO_CBOR_BYTES ? inner->bytes : input;
    }
    if (crypto_authenticator_parse(arena, input, &parsed) == NULL && parsed.key != NULL) {
        check(crypto_cbor_parse(arena, parsed.key_bytes, &item) == NULL);
        try_key(arena, parsed.key, input);
    }
    if (crypto_webauthn_key_of_certificate(arena, input, CRYPTO_COSE_ES256, &key) == NULL) {
        crypto_webauthn_key_free(key);
    }
    arena_free(arena);
    return 0;
}
