// Hexadecimal and base64 (RFC 4648), words of a shell, comparison of secrets.
#include "base/base.h"

str hex_encode(struct arena *arena, str bytes)
{
    static const char DIGITS[] = "0123456789abcdef";
    char *text = arena_alloc(arena, bytes.len * 2 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        text[i * 2] = DIGITS[(u8)bytes.ptr[i] >> 4];
        text[i * 2 + 1] = DIGITS[(u8)bytes.ptr[i] & 15];
    }
    return (str){text, bytes.len * 2};
}

static str encode64(struct arena *arena, str bytes, const char *letters, bool pad)
{
    char *text = arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        u32 word = (u32)(u8)bytes.ptr[i] << 16;
        word |= left > 1 ? (u32)(u8)bytes.ptr[i + 1] << 8 : 0;
        word |= left > 2 ? (u32)(u8)bytes.ptr[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            if (k <= left) {
                text[len++] = letters[(word >> (18 - 6 * k)) & 63];
            } else if (pad) {
                text[len++] = '=';
            }
        }
    }
    return (str){text, len};
}

str base64_encode(struct arena *arena, str bytes)
{
    return encode64(
        arena, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

str base64url_encode(struct arena *arena, str bytes)
{
    return encode64(
        arena, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

// Value of a letter of either alphabet plus one; 0: it is none.
static const u8 VALUES64[256] = {['A'] = 1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    ['a'] = 27,
    28,
    29,
    30,
    31,
    32,
    33,
    34,
    35,
    36,
    37,
    38,
    39,
    40,
    41,
    42,
    43,
    44,
    45,
    46,
    47,
    48,
    49,
    50,
    51,
    52,
    ['0'] = 53,
    54,
    55,
    56,
    57,
    58,
    59,
    60,
    61,
    62,
    ['+'] = 63,
    ['-'] = 63,
    ['/'] = 64,
    ['_'] = 64};

bool base64_decode(struct arena *arena, str text, str *bytes)
{
    size_t padded = text.len;
    for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++) {
        text.len--;
    }
    if (text.len != padded && padded % 4 != 0) {
        return false; // the right padding or none
    }
    if (text.len % 4 == 1) {
        return false;
    }
    char *out = arena_alloc(arena, text.len / 4 * 3 + 4);
    const u8 *in = (const u8 *)text.ptr;
    size_t len = 0;
    size_t i = 0;
    u32 bad = 0;                        // a value of "none", less one, has all bits set
    for (; i + 4 <= text.len; i += 4) { // every request's token comes through here
        u32 a = VALUES64[in[i]] - 1u, b = VALUES64[in[i + 1]] - 1u;
        u32 c = VALUES64[in[i + 2]] - 1u, d = VALUES64[in[i + 3]] - 1u;
        u32 bytes_first = __builtin_bswap32(a << 26 | b << 20 | c << 14 | d << 8);
        bad |= a | b | c | d;
        memcpy(out + len, &bytes_first, sizeof(bytes_first)); // the fourth is written over
        len += 3;
    }
    if (bad > 63) {
        return false;
    }
    u32 word = 0;
    for (; i < text.len; i++) {
        int value = VALUES64[in[i]] - 1;
        if (value < 0) {
            return false;
        }
        word = (word << 6 | (u32)value) & 0xffffff;
        if (i % 4 != 0) {
            out[len++] = (char)(word >> (6 - 2 * (i % 4)));
        }
    }
    *bytes = (str){out, len};
    return true;
}

bool bytes_eq_secret(str a, str b)
{
    if (a.len != b.len) {
        return false;
    }
    volatile u8 difference = 0;
    for (size_t i = 0; i < a.len; i++) {
        difference |= (u8)(a.ptr[i] ^ b.ptr[i]);
    }
    return difference == 0;
}

// ---- shell
// ---------------------------------------------------------------------------------------

str shell_quote(struct arena *arena, str text)
{
    struct buf out = buf_in(arena, text.len * 4 + 3);
    bool plain = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || strchr("_./-+=@%:,", c) != NULL);
    }
    if (plain) {
        return text;
    }
    buf_add_char(&out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        buf_add(&out, text.ptr[i] == '\'' ? S("'\\''") : str_sub(text, i, i + 1));
    }
    buf_add_char(&out, '\'');
    return buf_str(&out);
}
