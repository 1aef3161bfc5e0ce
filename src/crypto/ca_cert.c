// Making, reading and judging the two certificates. Calls of OpenSSL that can only fail for want of
// memory, or by a mistake here, are checked.
#include "crypto/ca_int.h"

#include "crypto/crypto.h"

#include <ctype.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <time.h>
#include <unistd.h>

enum {
    AUTHORITY_DAYS = 3652,
    SERVER_DAYS = 397,   // the longest life that all browsers accept
    EARLIER_S = 3600,    // valid from an hour ago: clocks of machines differ
    HOST_SHOWN_MAX = 32, // a common name has at most 64 characters
    SERIAL_BYTES = 16,
};

void ca_pair_free(struct ca_pair *pair)
{
    X509_free(pair->cert);
    EVP_PKEY_free(pair->key);
    *pair = (struct ca_pair){};
}

static void add_name_part(X509_NAME *name, const char *field, str value)
{
    check(X509_NAME_add_entry_by_txt(
              name, field, MBSTRING_UTF8, (const u8 *)value.ptr, (int)value.len, -1, 0) == 1);
}

static void add_extension(struct arena *arena, X509 *cert, X509 *issuer, int nid, str value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, str_cstr(arena, value));
    check(extension != NULL);
    check(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void set_serial(X509 *cert)
{
    u8 bytes[SERIAL_BYTES];
    random_bytes(bytes, sizeof(bytes));
    bytes[0] = (u8)((bytes[0] & 0x7f) | 0x40); // positive, and always the same length
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    check(number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL);
    BN_free(number);
}

static struct ca_pair begin(i64 begins_s, i64 ends_s)
{
    struct ca_pair pair = {.cert = X509_new(), .key = EVP_EC_gen("P-256")};
    check(pair.cert != NULL && pair.key != NULL);
    check(X509_set_version(pair.cert, X509_VERSION_3) == 1);
    set_serial(pair.cert);
    check(ASN1_TIME_set(X509_getm_notBefore(pair.cert), (time_t)begins_s) != NULL);
    check(ASN1_TIME_set(X509_getm_notAfter(pair.cert), (time_t)ends_s) != NULL);
    check(X509_set_pubkey(pair.cert, pair.key) == 1);
    return pair;
}

static str authority_name(struct arena *arena)
{
    char host[256] = {};
    u8 bytes[4];
    random_bytes(bytes, sizeof(bytes));
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') {
        strncpy(host, "unnamed", sizeof(host) - 1);
    }
    for (char *at = host; *at != '\0'; at++) {
        *at = isalnum((u8)*at) || *at == '-' || *at == '.' ? *at : '_';
    }
    str shown = str_sub(str_from(host), 0, HOST_SHOWN_MAX);
    str hex = hex_encode(arena, (str){(const char *)bytes, sizeof(bytes)});
    return str_fmt(arena, "ampd local CA (%.*s, %.*s)", PRI(shown), PRI(hex));
}

struct ca_pair ca_make_authority(struct arena *arena, const struct ca_names *names, u64 now_s)
{
    i64 begins_s = (i64)now_s - EARLIER_S;
    struct ca_pair ca = begin(begins_s, begins_s + (i64)AUTHORITY_DAYS * DAY_S);
    X509_NAME *subject = X509_get_subject_name(ca.cert);
    add_name_part(subject, "O", S("ampd"));
    add_name_part(subject, "CN", authority_name(arena));
    check(X509_set_issuer_name(ca.cert, subject) == 1);
    add_extension(arena, ca.cert, ca.cert, NID_basic_constraints, S("critical,CA:TRUE,pathlen:0"));
    add_extension(arena, ca.cert, ca.cert, NID_key_usage, S("critical,keyCertSign,cRLSign"));
    add_extension(arena, ca.cert, ca.cert, NID_subject_key_identifier, S("hash"));
    add_extension(arena, ca.cert, ca.cert, NID_name_constraints, ca_constraints_text(arena, names));
    check(X509_sign(ca.cert, ca.key, EVP_sha256()) > 0);
    return ca;
}

struct ca_pair ca_make_server(
    struct arena *arena, const struct ca_pair *ca, const struct ca_names *names, u64 now_s)
{
    i64 begins_s = (i64)now_s - EARLIER_S;
    i64 ends_s = begins_s + (i64)SERVER_DAYS * DAY_S - 1; // the last second counts (RFC 5280)
    i64 ca_ends = ca_ends_s(ca->cert);
    struct ca_pair server = begin(begins_s, ends_s < ca_ends ? ends_s : ca_ends);
    X509_NAME *subject = X509_get_subject_name(server.cert);
    add_name_part(subject, "O", S("ampd"));
    add_name_part(subject, "CN", S("localhost"));
    check(X509_set_issuer_name(server.cert, X509_get_subject_name(ca->cert)) == 1);
    add_extension(arena, server.cert, ca->cert, NID_basic_constraints, S("critical,CA:FALSE"));
    add_extension(arena, server.cert, ca->cert, NID_key_usage, S("critical,digitalSignature"));
    add_extension(arena, server.cert, ca->cert, NID_ext_key_usage, S("serverAuth"));
    add_extension(arena, server.cert, ca->cert, NID_subject_key_identifier, S("hash"));
    add_extension(arena, server.cert, ca->cert, NID_authority_key_identifier, S("keyid:always"));
    add_extension(
        arena, server.cert, ca->cert, NID_subject_alt_name, ca_alt_names_text(arena, names));
    check(X509_sign(server.cert, ca->key, EVP_sha256()) > 0);
    return server;
}

static bool has_names(struct arena *arena, X509 *cert, const struct ca_names *names)
{
    int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
    X509_EXTENSION *wanted = X509V3_EXT_conf_nid(
        NULL, NULL, NID_subject_alt_name, str_cstr(arena, ca_alt_names_text(arena, names)));
    check(wanted != NULL);
    bool same = at >= 0 && ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(wanted),
                               X509_EXTENSION_get_data(X509_get_ext(cert, at))) == 0;
    X509_EXTENSION_free(wanted);
    return same;
}

bool ca_server_fits(
    struct arena *arena, const struct ca_pair *ca, X509 *server, const struct ca_names *names)
{
    bool issued = X509_check_issued(ca->cert, server) == X509_V_OK &&
                  X509_verify(server, X509_get0_pubkey(ca->cert)) == 1;
    ERR_clear_error();
    return issued && has_names(arena, server, names);
}

bool ca_authority_fits(const struct ca_pair *ca)
{
    bool fits = ca->cert != NULL && ca->key != NULL &&
                X509_check_private_key(ca->cert, ca->key) == 1 && X509_check_ca(ca->cert) == 1 &&
                X509_verify(ca->cert, ca->key) == 1;
    ERR_clear_error();
    return fits;
}

static i64 seconds_of(const ASN1_TIME *time)
{
    struct tm parts = {};
    return ASN1_TIME_to_tm(time, &parts) == 1 ? (i64)timegm(&parts) : 0;
}

i64 ca_begins_s(X509 *cert)
{
    return seconds_of(X509_get0_notBefore(cert));
}

i64 ca_ends_s(X509 *cert)
{
    return seconds_of(X509_get0_notAfter(cert));
}

// OpenSSL would ask on the terminal for the password of an encrypted key.
static int no_password(char *buf, int size, int for_writing, void *arg)
{
    (void)buf, (void)size, (void)for_writing, (void)arg;
    return -1;
}

static BIO *reader(str text)
{
    check(text.len <= INT32_MAX);
    BIO *bio = BIO_new_mem_buf(text.ptr != NULL ? text.ptr : "", (int)text.len);
    check(bio != NULL);
    return bio;
}

struct ca_pair ca_parse(str cert_pem, str key_pem)
{
    BIO *cert = reader(cert_pem);
    BIO *key = reader(key_pem);
    struct ca_pair pair = {
        .cert = PEM_read_bio_X509(cert, NULL, no_password, NULL),
        .key = PEM_read_bio_PrivateKey(key, NULL, no_password, NULL),
    };
    BIO_free(cert);
    BIO_free(key);
    ERR_clear_error();
    return pair;
}

static str take_text(struct arena *arena, BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    str text = str_dup(arena, (str){bytes, (size_t)len});
    crypto_wipe(bytes, (size_t)len);
    BIO_free(bio);
    return text;
}

str ca_cert_pem(struct arena *arena, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    check(bio != NULL && PEM_write_bio_X509(bio, cert) == 1);
    return take_text(arena, bio);
}

str ca_key_pem(struct arena *arena, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    check(bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    return take_text(arena, bio);
}

str ca_common_name(struct arena *arena, X509 *cert)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0) {
        return (str){};
    }
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    return str_dup(
        arena, (str){(const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)});
}

str ca_fingerprint(struct arena *arena, X509 *cert)
{
    u8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    check(X509_digest(cert, EVP_sha256(), digest, &size) == 1);
    return hex_encode(arena, (str){(const char *)digest, size});
}
