// Digests and HMAC by their published vectors; sealing; the key file.
#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena *arena;

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

static void assert_hex(const u8 *bytes, size_t len, const char *hex)
{
    str text = hex_encode(arena, (str){(const char *)bytes, len});
    assert_string_equal(str_cstr(arena, text), hex);
}

static str repeated(char c, size_t count)
{
    char *text = arena_alloc(arena, count + 1);
    memset(text, c, count);
    return (str){text, count};
}

// RFC 1321 A.5, FIPS 180-4 examples (NIST CAVP), and the empty text.
static void test_digests(void **state)
{
    (void)state;
    u8 out[CRYPTO_DIGEST_MAX];
    crypto_md5((str){}, out);
    assert_hex(out, 16, "d41d8cd98f00b204e9800998ecf8427e");
    crypto_md5(S("message digest"), out);
    assert_hex(out, 16, "f96b697d7cb7938d525a2f31aaf161d0");
    crypto_sha1(S("abc"), out);
    assert_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    crypto_sha256((str){}, out);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    crypto_sha256(S("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
    assert_hex(out, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_digest_in_pieces(void **state)
{
    (void)state;
    u8 out[CRYPTO_DIGEST_MAX];
    struct crypto_hash *hash = crypto_hash_new(CRYPTO_SHA256);
    str piece = repeated('a', 997);
    size_t left = 1000000; // FIPS 180-4: a million times 'a'
    while (left > 0) {
        size_t now = left < piece.len ? left : piece.len;
        crypto_hash_add(hash, str_sub(piece, 0, now));
        left -= now;
    }
    assert_int_equal(crypto_hash_finish(hash, out), 32);
    assert_hex(out, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    crypto_hash_add(hash, S("abc")); // begun anew
    crypto_hash_finish(hash, out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    crypto_hash_free(hash);
    crypto_hash_free(NULL);
}

// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation).
static void test_hmac(void **state)
{
    (void)state;

    const struct {
        str key;
        str data;
        const char *mac;
    } cases[] = {
        {repeated(0x0b, 20), S("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {S("Jefe"), S("what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {repeated((char)0xaa, 20), repeated((char)0xdd, 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {S("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
           "\x16\x17\x18\x19"),
            repeated((char)0xcd, 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {repeated((char)0xaa, 131), S("Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {repeated((char)0xaa, 131),
            S("This is a test using a larger than block-size key and a larger than block-size "
              "data. The key needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };

    u8 out[32];
    for (size_t i = 0; i < countof(cases); i++) {
        crypto_hmac_sha256(cases[i].key, cases[i].data, out);
        assert_hex(out, sizeof(out), cases[i].mac);
    }
    crypto_hmac_sha256((str){}, (str){}, out); // no key is a key of no bytes
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_seal(void **state)
{
    (void)state;
    struct crypto_key key = {{1, 2, 3}};
    str plain = S("the secret");
    str sealed = crypto_seal(arena, &key, S("table/1"), plain);
    str again = crypto_seal(arena, &key, S("table/1"), plain);
    str out;
    assert_false(str_eq(sealed, again)); // another nonce each time
    assert_int_equal(sealed.len, plain.len + 29);
    assert_null(crypto_open(arena, &key, S("table/1"), sealed, &out));
    assert_true(str_eq(out, plain));
    str empty = crypto_seal(arena, &key, (str){}, (str){});
    assert_null(crypto_open(arena, &key, (str){}, empty, &out));
    assert_int_equal(out.len, 0);
}

static void test_seal_refuses(void **state)
{
    (void)state;
    struct crypto_key key = {{1}};
    struct crypto_key other = {{2}};
    str sealed = crypto_seal(arena, &key, S("here"), S("text"));
    str out;
    err *e = crypto_open(arena, &key, S("there"), sealed, &out);
    assert_int_equal(e->code, ERR_INVALID);
    assert_non_null(crypto_open(arena, &other, S("here"), sealed, &out));
    for (size_t i = 0; i < sealed.len; i++) { // any flipped bit, and any cut
        char *bent = str_cstr(arena, sealed);
        bent[i] = (char)(bent[i] ^ 0x10);
        assert_non_null(crypto_open(arena, &key, S("here"), (str){bent, sealed.len}, &out));
        assert_non_null(crypto_open(arena, &key, S("here"), str_sub(sealed, 0, i), &out));
    }
}

// A sealed value of a known key, so that the form on disk never changes unnoticed. The bytes were
// made by Node's crypto module (aes-256-gcm, nonce 100 to 111), with the version byte and the
// context as additional data.
static void test_seal_form(void **state)
{
    (void)state;
    struct crypto_key key;
    for (size_t i = 0; i < sizeof(key.bytes); i++) {
        key.bytes[i] = (u8)i;
    }
    str sealed, out;
    assert_true(base64_decode(
        arena, S("AWRlZmdoaWprbG1ubylvqgcagnb/SkI7ia0LNzKaIM9luF1/JAr4N/mPpg=="), &sealed));
    assert_null(crypto_open(arena, &key, S("users/1"), sealed, &out));
    assert_true(str_eq(out, S("attack at dawn")));
}

static void test_derive(void **state)
{
    (void)state;
    struct crypto_key key = {{7}};
    struct crypto_key a = crypto_key_derive(&key, S("a"));
    struct crypto_key b = crypto_key_derive(&key, S("b"));
    struct crypto_key a_again = crypto_key_derive(&key, S("a"));
    assert_memory_equal(a.bytes, a_again.bytes, sizeof(a.bytes));
    assert_memory_not_equal(a.bytes, b.bytes, sizeof(a.bytes));
    assert_memory_not_equal(a.bytes, key.bytes, sizeof(a.bytes));
    crypto_wipe(&a, sizeof(a));
    struct crypto_key zero = {};
    assert_memory_equal(&a, &zero, sizeof(a));
}

static void test_key_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/ampd-crypto-XXXXXX";
    assert_non_null(mkdtemp(dir));
    const char *path = str_cstr(arena, str_fmt(arena, "%s/below/instance.key", dir));
    struct crypto_key first, second;
    struct stat info;
    assert_null(crypto_key_ensure(arena, path, &first));
    assert_null(crypto_key_ensure(arena, path, &second));
    assert_memory_equal(&first, &second, sizeof(first));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    assert_null(file_write_atomic(arena, path, S("not a key"), 0600));
    err *e = crypto_key_ensure(arena, path, &second);
    assert_int_equal(e->code, ERR_CONFIG);
    assert_true(e->hint.len > 0);
    str text;
    assert_null(file_read(arena, path, 100, &text)); // left as it was
    assert_true(str_eq(text, S("not a key")));

    unlink(path);
    unlink(str_cstr(arena, str_fmt(arena, "%s/below/crypto.lock", dir)));
    rmdir(str_cstr(arena, str_fmt(arena, "%s/below", dir)));
    assert_int_equal(rmdir(dir), 0);
}

static void test_key_parse(void **state)
{
    (void)state;
    struct crypto_key key;
    str good = S("00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100");
    assert_null(crypto_key_parse(arena, good, &key));
    assert_int_equal(key.bytes[15], 0xff);
    assert_int_equal(key.bytes[17], 0xee);
    assert_non_null(crypto_key_parse(arena, str_sub(good, 1, good.len), &key));
    assert_non_null(crypto_key_parse(arena, str_cat(arena, good, S("0")), &key));
    char *bad = str_cstr(arena, good);
    bad[63] = 'g';
    assert_non_null(crypto_key_parse(arena, str_from(bad), &key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digest_in_pieces),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_seal),
        cmocka_unit_test(test_seal_refuses),
        cmocka_unit_test(test_seal_form),
        cmocka_unit_test(test_derive),
        cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_key_parse),
    };
    return cmocka_run_group_tests_name("crypto", tests, setup, teardown);
}
