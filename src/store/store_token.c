// Page tokens: the place after which to read on, as bytes, with an HMAC over them and what they
// belong to, in base64url. The reader may turn round between pages; nothing else may change.
#include "store/store_int.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { MAC_BYTES = 16, TOKEN_MAX = 16 * 1024 };

int position_cmp(const struct position *a, const struct position *b)
{
    check(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        int order = str_cmp(a->parts[i], b->parts[i]);
        if (order != 0) {
            return order;
        }
    }
    return 0;
}

static void add_part(struct buf *out, str part)
{
    check(part.len <= UINT16_MAX);
    buf_add_char(out, (char)(part.len >> 8));
    buf_add_char(out, (char)(part.len & 255));
    buf_add(out, part);
}

str position_encode(struct arena *arena, const struct position *position)
{
    struct buf out = buf_in(arena, TOKEN_MAX);
    for (size_t i = 0; i < position->count; i++) {
        add_part(&out, position->parts[i]);
    }
    check(!out.overflow);
    return buf_str(&out);
}

bool position_decode(str bytes, size_t count, struct position *out)
{
    check(count <= POSITION_PARTS);
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        if (bytes.len < 2) {
            return false;
        }
        size_t len = (size_t)(u8)bytes.ptr[0] << 8 | (u8)bytes.ptr[1];
        if (bytes.len - 2 < len) {
            return false;
        }
        out->parts[i] = str_sub(bytes, 2, 2 + len);
        bytes = str_sub(bytes, 2 + len, bytes.len);
    }
    return bytes.len == 0;
}

static str token_mac(
    struct store *store, struct arena *arena, const struct token_scope *scope, str place)
{
    struct buf text = buf_in(arena, 2 * TOKEN_MAX);
    add_part(&text, scope->table);
    add_part(&text, scope->index);
    buf_add_char(&text, scope->is_scan ? 's' : 'q');
    add_part(&text, scope->partition);
    add_part(&text, place);
    check(!text.overflow);
    u8 mac[EVP_MAX_MD_SIZE] = {};
    unsigned len = 0;
    check(HMAC(EVP_sha256(), store->token_key, sizeof(store->token_key), (const u8 *)text.ptr,
              text.len, mac, &len) != NULL);
    check(len >= MAC_BYTES);
    return str_dup(arena, (str){(const char *)mac, MAC_BYTES});
}

str token_make(struct store *store, struct arena *arena, const struct token_scope *scope,
    const struct position *last)
{
    str place = position_encode(arena, last);
    str bytes = str_cat(arena, token_mac(store, arena, scope, place), place);
    return base64url_encode(arena, bytes);
}

err *token_read(struct store *store, struct arena *arena, const struct token_scope *scope,
    str token, size_t count, struct position *out)
{
    str bytes = {};
    bool good =
        token.len <= TOKEN_MAX && base64_decode(arena, token, &bytes) && bytes.len > MAC_BYTES;
    if (good) {
        str place = str_sub(bytes, MAC_BYTES, bytes.len);
        good =
            bytes_eq_secret(str_sub(bytes, 0, MAC_BYTES), token_mac(store, arena, scope, place)) &&
            position_decode(place, count, out);
    }
    if (!good) {
        err *e = fail(arena, ERR_INVALID, "Invalid page token: it is not of this query");
        e->wire = S("DynamoDB:UserIllegalArgumentException"); // AppSync's name for it
        return e;
    }
    return NULL;
}
