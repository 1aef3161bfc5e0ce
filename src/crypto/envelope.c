// Source: AWS Encryption SDK, message format reference (version 2) and body AAD reference.
#include "crypto/envelope.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
    VERSION = 2,
    SUITE = 0x0478,
    ID_SIZE = 32,
    SHA512_SIZE = 64,
    NONCE_SIZE = 12,
    TAG_SIZE = 16,
    FRAMED = 2,
    FRAME_SIZE = 4096,
    PART_MAX = UINT16_MAX,
    MESSAGE_MAX = 256 * 1024,
};

struct keys { // derived from the data key and the message's id
    u8 body[CRYPTO_KEY_SIZE];
    u8 commitment[CRYPTO_KEY_SIZE];
};

static void add_number(struct buf *out, u64 value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;) {
        buf_add_char(out, (char)(u8)(value >> (8 * i)));
    }
}

static void add_part(struct buf *out, str part)
{
    out->overflow = out->overflow || part.len > PART_MAX;
    add_number(out, part.len, 2);
    buf_add(out, part);
}

static void hmac_sha512(str key, str bytes, u8 out[SHA512_SIZE])
{
    check(key.len > 0 && key.len <= INT32_MAX);
    check(HMAC(EVP_sha512(), key.ptr, (int)key.len, (const u8 *)bytes.ptr, bytes.len, out, NULL) !=
          NULL);
}

// RFC 5869: one block is enough for a key.
static void expand(const u8 secret[SHA512_SIZE], str info, u8 out[CRYPTO_KEY_SIZE])
{
    u8 block[SHA512_SIZE];
    hmac_sha512((str){(const char *)secret, SHA512_SIZE}, info, block);
    memcpy(out, block, CRYPTO_KEY_SIZE);
    crypto_wipe(block, sizeof(block));
}

static void derive(const struct crypto_key *data_key, const u8 id[ID_SIZE], struct keys *out)
{
    u8 secret[SHA512_SIZE];
    hmac_sha512((str){(const char *)id, ID_SIZE},
        (str){(const char *)data_key->bytes, CRYPTO_KEY_SIZE}, secret);
    expand(secret,
        S("\x04\x78"
          "DERIVEKEY"
          "\x01"),
        out->body);
    expand(secret,
        S("COMMITKEY"
          "\x01"),
        out->commitment);
    crypto_wipe(secret, sizeof(secret));
}

// Appends cipher text and tag.
static void encrypt(
    struct buf *out, const u8 key[CRYPTO_KEY_SIZE], const u8 nonce[NONCE_SIZE], str aad, str plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    u8 *room = (u8 *)buf_room(out, plain.len + TAG_SIZE);
    int len = 0;
    if (room == NULL) { // `overflow` tells
        EVP_CIPHER_CTX_free(ctx);
        return;
    }
    check(ctx != NULL);
    check(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1);
    check(EVP_EncryptUpdate(ctx, NULL, &len, (const u8 *)aad.ptr, (int)aad.len) == 1);
    check(EVP_EncryptUpdate(ctx, room, &len, (const u8 *)plain.ptr, (int)plain.len) == 1);
    check((size_t)len == plain.len);
    check(EVP_EncryptFinal_ex(ctx, room + len, &len) == 1);
    check(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, room + plain.len) == 1);
    EVP_CIPHER_CTX_free(ctx);
    out->len += plain.len + TAG_SIZE;
}

static void add_context(struct arena *arena, struct buf *out, const struct crypto_envelope *e)
{
    struct buf aad = buf_in(arena, PART_MAX);
    if (e->pair_count > 0) {
        add_number(&aad, e->pair_count, 2);
    }
    for (size_t i = 0; i < e->pair_count; i++) {
        add_part(&aad, e->pairs[i].key);
        add_part(&aad, e->pairs[i].value);
    }
    out->overflow = out->overflow || aad.overflow;
    add_part(out, buf_str(&aad));
}

static void add_header(struct arena *arena, struct buf *out, const struct crypto_envelope *e,
    const u8 id[ID_SIZE], const struct keys *keys)
{
    static const u8 NONCE[NONCE_SIZE];
    add_number(out, VERSION, 1);
    add_number(out, SUITE, 2);
    buf_add(out, (str){(const char *)id, ID_SIZE});
    add_context(arena, out, e);
    add_number(out, 1, 2); // data keys
    add_part(out, e->provider);
    add_part(out, e->key_id);
    add_part(out, e->wrapped);
    add_number(out, FRAMED, 1);
    add_number(out, FRAME_SIZE, 4);
    buf_add(out, (str){(const char *)keys->commitment, CRYPTO_KEY_SIZE});
    encrypt(out, keys->body, NONCE, str_dup(arena, buf_str(out)), (str){"", 0});
}

// All of the text is in the one and last frame.
static void add_body(
    struct arena *arena, struct buf *out, const u8 id[ID_SIZE], const struct keys *keys, str plain)
{
    u8 nonce[NONCE_SIZE] = {[NONCE_SIZE - 1] = 1};
    struct buf aad = buf_in(arena, 256);
    buf_add(&aad, (str){(const char *)id, ID_SIZE});
    buf_add(&aad, S("AWSKMSEncryptionClient Final Frame"));
    add_number(&aad, 1, 4);
    add_number(&aad, plain.len, 8);
    add_number(out, UINT32_MAX, 4);
    add_number(out, 1, 4);
    buf_add(out, (str){(const char *)nonce, NONCE_SIZE});
    add_number(out, plain.len, 4);
    encrypt(out, keys->body, nonce, buf_str(&aad), plain);
}

err *crypto_envelope_make(struct arena *arena, const struct crypto_envelope *e, str *out)
{
    u8 id[ID_SIZE];
    struct keys keys;
    struct buf message = buf_in(arena, MESSAGE_MAX);
    check(e->data_key != NULL && e->provider.len > 0);
    random_bytes(id, sizeof(id));
    derive(e->data_key, id, &keys);
    add_header(arena, &message, e, id, &keys);
    add_body(arena, &message, id, &keys, e->plain);
    crypto_wipe(&keys, sizeof(keys));
    if (message.overflow || e->plain.len > FRAME_SIZE) {
        return fail(arena, ERR_TOO_LARGE, "the message or its context is too large");
    }
    *out = buf_str(&message);
    return NULL;
}
