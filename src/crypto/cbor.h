// CBOR (RFC 8949) as WebAuthn's authenticators write it: a strict reader into an arena tree, over
// libcbor's decoder. Accepts integers that fit 64 bits signed, byte and text strings, arrays, maps
// with integer or text keys, booleans and null, each with its length in front; refuses indefinite
// lengths, tags, floats, equal keys, and what is deeper or longer than anything of WebAuthn.
#pragma once

#include "base/base.h"

enum { CRYPTO_CBOR_SIZE_MAX = 64 << 10, CRYPTO_CBOR_DEPTH_MAX = 8, CRYPTO_CBOR_ITEMS_MAX = 1024 };

enum crypto_cbor_kind {
    CRYPTO_CBOR_INT,
    CRYPTO_CBOR_BYTES,
    CRYPTO_CBOR_TEXT,
    CRYPTO_CBOR_ARRAY,
    CRYPTO_CBOR_MAP,
    CRYPTO_CBOR_BOOL,
    CRYPTO_CBOR_NULL,
};

struct crypto_cbor {
    enum crypto_cbor_kind kind;
    bool boolean;
    u32 count; // elements of an array, members of a map
    i64 integer;
    str bytes;                 // of a byte or text string (UTF-8, checked); points into the input
    struct crypto_cbor *child; // first element or member
    struct crypto_cbor *next;  // next sibling
    struct crypto_cbor *last;
    const struct crypto_cbor *key; // of a map's member: an integer or a text
};

// Parses exactly one value. ERR_INVALID when it is anything else. The input must outlive the tree.
[[nodiscard]] err *crypto_cbor_parse(struct arena *arena, str bytes, struct crypto_cbor **out);
// Parses the value in front, and cuts it off *bytes.
[[nodiscard]] err *crypto_cbor_take(struct arena *arena, str *bytes, struct crypto_cbor **out);

// Member by key, or NULL (also when `map` is NULL or no map).
const struct crypto_cbor *crypto_cbor_at(const struct crypto_cbor *map, i64 key);
const struct crypto_cbor *crypto_cbor_get(const struct crypto_cbor *map, str key);
