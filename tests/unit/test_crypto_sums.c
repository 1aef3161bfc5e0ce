// Sums of bytes that come in pieces, against published check values and plain definitions.
#include "crypto/sums.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { ALL = (1 << CRYPTO_SUM_COUNT) - 1, BYTES = 5000 };

static str sum_hex(struct arena *arena, enum crypto_sum which, str bytes, size_t piece)
{
    u8 out[CRYPTO_SUM_MAX];
    struct crypto_sums *sums = crypto_sums_new(ALL);
    for (size_t at = 0; at < bytes.len; at += piece) {
        crypto_sums_add(sums, str_sub(bytes, at, at + piece));
    }
    size_t size = crypto_sums_get(sums, which, out);
    str hex = hex_encode(arena, (str){(const char *)out, size});
    assert_int_equal(crypto_sums_get(sums, which, out), size); // may be asked for again
    assert_true(str_eq(hex, hex_encode(arena, (str){(const char *)out, size})));
    crypto_sums_free(sums);
    return hex;
}

// Check values: the catalogue of parametrised CRC algorithms (reveng), RFC 1321, FIPS 180-4.
static void test_check_values(void **state)
{
    static const struct {
        enum crypto_sum which;
        const char *text;
        const char *hex;
    } CASES[] = {
        {CRYPTO_SUM_CRC32, "123456789", "cbf43926"},
        {CRYPTO_SUM_CRC32C, "123456789", "e3069283"},
        {CRYPTO_SUM_CRC64NVME, "123456789", "ae8b14860a799888"},
        {CRYPTO_SUM_CRC32, "", "00000000"},
        {CRYPTO_SUM_CRC32C, "", "00000000"},
        {CRYPTO_SUM_CRC64NVME, "", "0000000000000000"},
        {CRYPTO_SUM_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {CRYPTO_SUM_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {CRYPTO_SUM_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {CRYPTO_SUM_SHA256, "abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {CRYPTO_SUM_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    };
    struct arena *arena = arena_new();
    (void)state;
    for (size_t i = 0; i < countof(CASES); i++) {
        for (size_t piece = 1; piece <= 9; piece++) {
            str hex = sum_hex(arena, CASES[i].which, str_from(CASES[i].text), piece);
            assert_string_equal(str_cstr(arena, hex), CASES[i].hex);
        }
    }
    arena_free(arena);
}

// RFC 3720 B.4: CRC32C of 32 bytes of zeros, ones, counting up and down (there in the order of
// bytes on the wire, here as a number).
static void test_crc32c_of_the_rfc(void **state)
{
    char bytes[4][32];
    static const char *const HEX[] = {"8a9136aa", "62a8ab43", "46dd794e", "113fdb5c"};
    struct arena *arena = arena_new();
    (void)state;
    for (int i = 0; i < 32; i++) {
        bytes[0][i] = 0;
        bytes[1][i] = (char)0xff;
        bytes[2][i] = (char)i;
        bytes[3][i] = (char)(31 - i);
    }
    for (size_t i = 0; i < countof(HEX); i++) {
        str hex = sum_hex(arena, CRYPTO_SUM_CRC32C, (str){bytes[i], 32}, 5);
        assert_string_equal(str_cstr(arena, hex), HEX[i]);
    }
    arena_free(arena);
}

static str some_bytes(struct arena *arena, size_t size)
{
    char *bytes = arena_alloc(arena, size);
    u64 seed = 88172645463325252u; // xorshift
    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes[i] = (char)seed;
    }
    return (str){bytes, size};
}

static void test_pieces(void **state)
{
    struct arena *arena = arena_new();
    str bytes = some_bytes(arena, BYTES);
    (void)state;
    for (int i = 0; i < CRYPTO_SUM_COUNT; i++) {
        str whole = sum_hex(arena, (enum crypto_sum)(1 << i), bytes, BYTES);
        for (size_t piece = 1; piece < BYTES; piece += piece < 70 ? 1 : 331) {
            str hex = sum_hex(arena, (enum crypto_sum)(1 << i), bytes, piece);
            assert_string_equal(str_cstr(arena, hex), str_cstr(arena, whole));
        }
    }
    arena_free(arena);
}

// Bit by bit, as the definition has it.
static u64 plain_crc(u64 polynomial, u64 ones, str bytes)
{
    u64 crc = ones;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (u8)bytes.ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? (crc >> 1) ^ polynomial : crc >> 1;
        }
    }
    return crc ^ ones;
}

static const struct {
    enum crypto_sum which;
    u64 polynomial;
    u64 ones;
} CRCS[] = {{CRYPTO_SUM_CRC32, 0xedb88320, 0xffffffff}, {CRYPTO_SUM_CRC32C, 0x82f63b78, 0xffffffff},
    {CRYPTO_SUM_CRC64NVME, 0x9a6c9329ac4bc9b5, UINT64_MAX}};

static u64 crc(enum crypto_sum which, str bytes)
{
    u8 out[CRYPTO_SUM_MAX];
    u64 value = 0;
    struct crypto_sums *sums = crypto_sums_new(which);
    crypto_sums_add(sums, bytes);
    size_t size = crypto_sums_get(sums, which, out);
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | out[i];
    }
    crypto_sums_free(sums);
    return value;
}

static void test_definition(void **state)
{
    struct arena *arena = arena_new();
    str bytes = some_bytes(arena, BYTES);
    (void)state;
    for (size_t i = 0; i < countof(CRCS); i++) {
        for (size_t from = 0; from < 9; from++) { // not aligned
            for (size_t size = 0; size < 40; size++) {
                str part = str_sub(bytes, from, from + size);
                assert_int_equal(
                    crc(CRCS[i].which, part), plain_crc(CRCS[i].polynomial, CRCS[i].ones, part));
            }
        }
        assert_int_equal(
            crc(CRCS[i].which, bytes), plain_crc(CRCS[i].polynomial, CRCS[i].ones, bytes));
    }
    arena_free(arena);
}

static void test_join(void **state)
{
    struct arena *arena = arena_new();
    str bytes = some_bytes(arena, BYTES);
    (void)state;
    for (size_t i = 0; i < countof(CRCS); i++) {
        enum crypto_sum which = CRCS[i].which;
        u64 whole = crc(which, bytes);
        for (size_t cut = 0; cut <= BYTES; cut += cut < 20 || cut > BYTES - 20 ? 1 : 97) {
            str second = str_sub(bytes, cut, BYTES);
            u64 joined = crypto_crc_join(
                which, crc(which, str_sub(bytes, 0, cut)), crc(which, second), second.len);
            assert_int_equal(joined, whole);
        }
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_values),
        cmocka_unit_test(test_crc32c_of_the_rfc),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
