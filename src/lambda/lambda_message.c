// Lengths, headers, payload, and a CRC of the lengths and of all.
#include "lambda/lambda_message.h"

#include "crypto/sums.h"

enum { PRELUDE = 8, SUM = 4, TEXT = 7 }; // TEXT: a header's type

static void add_u32(struct buf *out, u32 value)
{
    const char bytes[] = {
        (char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    buf_add(out, (str){bytes, sizeof(bytes)});
}

// Of all that is in it.
static void add_sum(struct buf *out)
{
    u8 sum[CRYPTO_SUM_MAX];
    struct crypto_sums *sums = crypto_sums_new(CRYPTO_SUM_CRC32);
    crypto_sums_add(sums, buf_str(out));
    size_t len = crypto_sums_get(sums, CRYPTO_SUM_CRC32, sum);
    crypto_sums_free(sums);
    check(len == SUM);
    buf_add(out, (str){(char *)sum, len});
}

str lambda_message(
    struct arena *arena, const struct lambda_header *headers, size_t count, str payload)
{
    size_t header_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        check(headers[i].name.len < 256 && headers[i].value.len < 65536);
        header_bytes += 1 + headers[i].name.len + 3 + headers[i].value.len;
    }
    size_t total = PRELUDE + SUM + header_bytes + payload.len + SUM;
    struct buf out = buf_in(arena, total);
    add_u32(&out, (u32)total);
    add_u32(&out, (u32)header_bytes);
    add_sum(&out);
    for (size_t i = 0; i < count; i++) {
        const char lengths[] = {
            TEXT, (char)(headers[i].value.len >> 8), (char)headers[i].value.len};
        buf_add_char(&out, (char)headers[i].name.len);
        buf_add(&out, headers[i].name);
        buf_add(&out, (str){lengths, sizeof(lengths)});
        buf_add(&out, headers[i].value);
    }
    buf_add(&out, payload);
    add_sum(&out);
    check(!out.overflow && out.len == total);
    return buf_str(&out);
}
