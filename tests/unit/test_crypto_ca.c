// The local certificate authority: what is made, kept, renewed and repaired.
#include "crypto/ca.h"

#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY = 24 * 3600 };

static const u64 NOW = 1'790'000'000; // 2026-09-21

struct place {
    struct arena *arena;
    char dir[64];
};

static int setup(void **state)
{
    struct place *place = mem_new(struct place);
    place->arena = arena_new();
    snprintf(place->dir, sizeof(place->dir), "/tmp/ampd-ca-XXXXXX");
    *state = place;
    return mkdtemp(place->dir) == NULL;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int teardown(void **state)
{
    struct place *place = *state;
    int failed = nftw(place->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(place->arena);
    mem_free(place);
    return failed;
}

static struct ca_files ensure_named(struct place *place, u64 now_s, const str *names, size_t count)
{
    struct ca_files files;
    struct ca_options options = {.names = names, .name_count = count, .now_s = now_s};
    err *e = crypto_ca_ensure(place->arena, place->dir, &options, &files);
    if (e != NULL) {
        fail_msg("%.*s", PRI(e->text));
    }
    return files;
}

static struct ca_files ensure(struct place *place, u64 now_s)
{
    return ensure_named(place, now_s, NULL, 0);
}

static X509 *read_cert(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(cert);
    fclose(file);
    return cert;
}

static str read_text(struct place *place, const char *path)
{
    str text;
    assert_null(file_read(place->arena, path, 1 << 20, &text));
    return text;
}

static int mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777;
}

static char *beside(struct place *place, const char *name)
{
    return str_cstr(place->arena, str_fmt(place->arena, "%s/%s", place->dir, name));
}

// Does a client that trusts the authority accept the server certificate for this name?
static int verify(const struct ca_files *files, u64 now_s, const char *host, const char *address)
{
    X509 *ca = read_cert(files->ca_pem);
    X509 *server = read_cert(files->server_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, server, NULL), 1);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)now_s);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (host != NULL) {
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    }
    if (address != NULL) {
        X509_VERIFY_PARAM_set1_ip_asc(param, address);
    }
    int result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(ca);
    X509_free(server);
    return result;
}

static void test_first_start(void **state)
{
    struct place *place = *state;
    struct ca_files files = ensure(place, NOW);
    assert_true(files.ca_is_new);
    assert_true(files.server_is_new);
    assert_true(str_eq(files.why, S("there was none")));
    assert_true(str_starts(files.name, S("ampd local CA (")));
    assert_int_equal(files.fingerprint.len, 64);
    assert_int_equal(files.left_count, 0);
    assert_int_equal(mode_of(files.server_pem), 0600);
    assert_int_equal(mode_of(beside(place, "ca.key")), 0600);
    assert_int_equal(verify(&files, NOW, "localhost", NULL), X509_V_OK);
    assert_int_equal(verify(&files, NOW, "s3.localhost", NULL), X509_V_OK);
    assert_int_equal(verify(&files, NOW, "bucket.s3.localhost", NULL), X509_V_OK);
    assert_int_equal(verify(&files, NOW, NULL, "127.0.0.1"), X509_V_OK);
    assert_int_equal(verify(&files, NOW, NULL, "::1"), X509_V_OK);
    assert_int_equal(verify(&files, NOW, "example.com", NULL), X509_V_ERR_HOSTNAME_MISMATCH);
    char host[256] = {};
    assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
    assert_int_equal(verify(&files, NOW, host, NULL), X509_V_OK);
}

static void test_authority_form(void **state)
{
    struct place *place = *state;
    struct ca_files files = ensure(place, NOW);
    X509 *ca = read_cert(files.ca_pem);
    X509 *server = read_cert(files.server_pem);
    int critical = 0;
    BASIC_CONSTRAINTS *basic = X509_get_ext_d2i(ca, NID_basic_constraints, &critical, NULL);
    assert_non_null(basic);
    assert_true(basic->ca);
    assert_int_equal(critical, 1);
    assert_int_equal(ASN1_INTEGER_get(basic->pathlen), 0);
    BASIC_CONSTRAINTS_free(basic);
    NAME_CONSTRAINTS *names = X509_get_ext_d2i(ca, NID_name_constraints, &critical, NULL);
    assert_non_null(names);
    assert_int_equal(critical, 1);
    NAME_CONSTRAINTS_free(names);
    assert_int_equal(X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_get_extended_key_usage(server), XKU_SSL_SERVER);
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(server), X509_get0_notAfter(server));
    assert_true(days < 397 || (days == 397 && seconds == 0));
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(ca), X509_get0_notAfter(ca));
    assert_int_equal(days, 3652);
    X509_free(ca);
    X509_free(server);
}

static void test_kept(void **state)
{
    struct place *place = *state;
    struct ca_files first = ensure(place, NOW);
    str ca = read_text(place, first.ca_pem);
    str server = read_text(place, first.server_pem);
    struct ca_files second = ensure(place, NOW + 10 * DAY);
    assert_false(second.ca_is_new);
    assert_false(second.server_is_new);
    assert_int_equal(second.why.len, 0);
    assert_true(str_eq(first.fingerprint, second.fingerprint));
    assert_true(str_eq(ca, read_text(place, second.ca_pem)));
    assert_true(str_eq(server, read_text(place, second.server_pem)));
    assert_int_equal(first.renew_in_s - second.renew_in_s, 10 * DAY);
}

static void test_authority_only(void **state)
{
    struct place *place = *state;
    struct ca_options options = {.now_s = NOW, .authority_only = true};
    struct ca_files files;
    assert_null(crypto_ca_ensure(place->arena, place->dir, &options, &files));
    assert_true(files.ca_is_new);
    assert_int_equal(access(files.server_pem, F_OK), -1);
    assert_false(ensure(place, NOW).ca_is_new);
}

static void test_renewed(void **state)
{
    struct place *place = *state;
    struct ca_files first = ensure(place, NOW);
    u64 due = NOW + first.renew_in_s;
    assert_in_range(first.renew_in_s, 366 * DAY, 367 * DAY);
    assert_false(ensure(place, due - 1).server_is_new);
    struct ca_files renewed = ensure(place, due);
    assert_true(renewed.server_is_new);
    assert_false(renewed.ca_is_new);
    assert_int_equal(renewed.renew_in_s, first.renew_in_s);
    assert_int_equal(verify(&renewed, due + 300 * DAY, "localhost", NULL), X509_V_OK);
}

// Through the authority's whole life: no server certificate outlives it, no call asks to be made
// again at once, and the new authority comes before the old one ends.
static void test_whole_life(void **state)
{
    struct place *place = *state;
    struct ca_files files = ensure(place, NOW);
    str first = files.fingerprint;
    u64 now = NOW;
    int rounds = 0;
    while (str_eq(files.fingerprint, first)) {
        assert_true(files.renew_in_s > DAY / 2);
        assert_true(++rounds < 20);
        assert_int_equal(verify(&files, now, "localhost", NULL), X509_V_OK);
        assert_int_equal(verify(&files, now + files.renew_in_s, "localhost", NULL), X509_V_OK);
        now += files.renew_in_s;
        files = ensure(place, now);
    }
    assert_true(files.ca_is_new);
    assert_true(str_eq(files.why, S("it is about to end")));
    assert_true(now < NOW + (u64)3652 * DAY);
    assert_true(now > NOW + (u64)3500 * DAY);
}

static void test_clock_set_back(void **state)
{
    struct place *place = *state;
    ensure(place, NOW);
    struct ca_files files = ensure(place, NOW - 10 * DAY);
    assert_true(files.ca_is_new);
    assert_int_equal(verify(&files, NOW - 10 * DAY, "localhost", NULL), X509_V_OK);
}

static void test_names_change(void **state)
{
    struct place *place = *state;
    const str names[] = {S("Dev.LocalHost"), S("127.0.0.9"), S("0.0.0.0"), S("::")};
    ensure(place, NOW);
    struct ca_files files = ensure_named(place, NOW, names, countof(names));
    assert_true(files.server_is_new);
    assert_false(files.ca_is_new);
    assert_int_equal(files.left_count, 0);
    assert_int_equal(verify(&files, NOW, "dev.localhost", NULL), X509_V_OK);
    assert_int_equal(verify(&files, NOW, NULL, "127.0.0.9"), X509_V_OK);
    assert_false(ensure_named(place, NOW, names, countof(names)).server_is_new);
    assert_true(ensure(place, NOW).server_is_new); // and back
}

static void test_names_of_an_older_authority(void **state)
{
    struct place *place = *state;
    const str names[] = {S("192.168.7.7"), S("api.example.com"), S("*.localhost")};
    ensure(place, NOW);
    struct ca_files files = ensure_named(place, NOW, names, countof(names));
    assert_false(files.ca_is_new);
    assert_int_equal(files.left_count, 2);
    assert_true(str_eq(files.left[0], S("192.168.7.7")));
    assert_true(str_eq(files.left[1], S("api.example.com")));
    assert_int_equal(verify(&files, NOW, "localhost", NULL), X509_V_OK);
}

static void test_names_at_first_start(void **state)
{
    struct place *place = *state;
    const str names[] = {S("192.168.7.7"), S("fd00::7"), S("api.example.com"), S("*.example.org")};
    struct ca_files files = ensure_named(place, NOW, names, countof(names));
    assert_int_equal(files.left_count, 0);
    assert_int_equal(verify(&files, NOW, NULL, "192.168.7.7"), X509_V_OK);
    assert_int_equal(verify(&files, NOW, NULL, "fd00::7"), X509_V_OK);
    assert_int_equal(verify(&files, NOW, "api.example.com", NULL), X509_V_OK);
    assert_int_equal(verify(&files, NOW, "a.example.org", NULL), X509_V_OK);
    const str more[] = {S("www.example.com")}; // beside what the authority was made for
    assert_int_equal(ensure_named(place, NOW, more, 1).left_count, 1);
}

static void test_bad_names(void **state)
{
    struct place *place = *state;
    const char *bad[] = {"", "a b", "a,DNS:b", "-a", "a..b", ".a", "a.", "*", "*.", "a.*.b",
        "1.2.3.4/8", "localhost\n", "[::1]"};
    for (size_t i = 0; i < countof(bad); i++) {
        str name = str_from(bad[i]);
        struct ca_options options = {.names = &name, .name_count = 1, .now_s = NOW};
        struct ca_files files;
        err *e = crypto_ca_ensure(place->arena, place->dir, &options, &files);
        if (e == NULL) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_int_equal(e->code, ERR_CONFIG);
    }
}

// The authority's own signature under a name that it may not vouch for is worth nothing.
static void test_constraints_bind(void **state)
{
    struct place *place = *state;
    const str names[] = {S("outside.example.com")};
    struct ca_files wide = ensure_named(place, NOW, names, 1);
    str server = read_text(place, wide.server_pem);
    assert_int_equal(unlink(wide.ca_pem), 0);
    struct ca_files narrow = ensure(place, NOW);
    assert_true(narrow.ca_is_new);
    X509 *ca = read_cert(narrow.ca_pem);
    FILE *key_file = fopen(beside(place, "ca.key"), "r");
    EVP_PKEY *key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
    BIO *bio = BIO_new_mem_buf(server.ptr, (int)server.len);
    X509 *forged = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_int_equal(X509_set_issuer_name(forged, X509_get_subject_name(ca)), 1);
    int at = X509_get_ext_by_NID(forged, NID_authority_key_identifier, -1);
    X509_EXTENSION_free(X509_delete_ext(forged, at));
    assert_true(X509_sign(forged, key, EVP_sha256()) > 0);
    FILE *out = fopen(narrow.server_pem, "w");
    assert_int_equal(PEM_write_X509(out, forged), 1);
    fclose(out);
    fclose(key_file);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX_init(ctx, store, forged, NULL);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), (time_t)NOW);
    assert_int_equal(X509_verify_cert(ctx), 0);
    assert_int_equal(X509_STORE_CTX_get_error(ctx), X509_V_ERR_PERMITTED_VIOLATION);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(forged);
    X509_free(ca);
}

static void damage(struct place *place, const char *name, size_t keep)
{
    char *path = beside(place, name);
    assert_null(
        file_write_atomic(place->arena, path, str_sub(read_text(place, path), 0, keep), 0600));
}

static void test_damaged_server(void **state)
{
    struct place *place = *state;
    struct ca_files first = ensure(place, NOW);
    size_t size = read_text(place, first.server_pem).len;
    for (size_t keep = 0; keep < size - 1; keep += 37) {
        damage(place, "server.pem", keep);
        struct ca_files files = ensure(place, NOW);
        assert_true(files.server_is_new);
        assert_false(files.ca_is_new);
    }
    assert_int_equal(unlink(first.server_pem), 0);
    struct ca_files files = ensure(place, NOW);
    assert_int_equal(verify(&files, NOW, "localhost", NULL), X509_V_OK);
}

static void test_damaged_authority(void **state)
{
    struct place *place = *state;
    const char *names[] = {"ca.pem", "ca.key"};
    for (size_t i = 0; i < countof(names); i++) {
        struct ca_files first = ensure(place, NOW);
        damage(place, names[i], 100);
        struct ca_files files = ensure(place, NOW);
        assert_true(files.ca_is_new);
        assert_true(files.server_is_new); // the old one is of the old authority
        assert_true(str_eq(files.why, S("its certificate or its key is damaged")));
        assert_false(str_eq(first.fingerprint, files.fingerprint));
        assert_false(str_eq(first.name, files.name));
        assert_int_equal(verify(&files, NOW, "localhost", NULL), X509_V_OK);
    }
    ensure(place, NOW);
    assert_int_equal(unlink(beside(place, "ca.key")), 0);
    assert_true(ensure(place, NOW).ca_is_new);
}

// Keys of two authorities mixed up, as after copying half of a folder.
static void test_mixed_up(void **state)
{
    struct place *place = *state;
    struct ca_files first = ensure(place, NOW);
    str old_ca = read_text(place, first.ca_pem);
    str old_server = read_text(place, first.server_pem);
    damage(place, "ca.pem", 0);
    struct ca_files second = ensure(place, NOW);
    assert_null(file_write_atomic(place->arena, second.server_pem, old_server, 0600));
    assert_true(ensure(place, NOW).server_is_new);
    assert_null(file_write_atomic(place->arena, second.ca_pem, old_ca, 0644));
    assert_true(ensure(place, NOW).ca_is_new);
}

static void test_unwritable(void **state)
{
    struct place *place = *state;
    struct ca_files files;
    struct ca_options options = {.now_s = NOW};
    char *file = beside(place, "file");
    assert_null(file_write_atomic(place->arena, file, S("x"), 0600));
    err *e = crypto_ca_ensure(place->arena, beside(place, "file/data"), &options, &files);
    assert_non_null(e);
    // A folder where the certificate should be is no damaged certificate.
    assert_int_equal(mkdir(beside(place, "ca.pem"), 0700), 0);
    e = crypto_ca_ensure(place->arena, place->dir, &options, &files);
    assert_non_null(e);
    assert_int_equal(e->code, ERR_IO);
}

struct starter {
    const char *dir;
    char fingerprint[65];
};

static void *start_at_once(void *arg)
{
    struct starter *starter = arg;
    struct arena *arena = arena_new();
    struct ca_files files;
    struct ca_options options = {.now_s = NOW};
    err *e = crypto_ca_ensure(arena, starter->dir, &options, &files);
    if (e == NULL) {
        memcpy(starter->fingerprint, files.fingerprint.ptr, 64);
    }
    arena_free(arena);
    return NULL;
}

static void test_many_at_once(void **state)
{
    struct place *place = *state;
    struct starter starters[8] = {};
    pthread_t threads[countof(starters)];
    for (size_t i = 0; i < countof(starters); i++) {
        starters[i].dir = place->dir;
        assert_int_equal(pthread_create(&threads[i], NULL, start_at_once, &starters[i]), 0);
    }
    for (size_t i = 0; i < countof(starters); i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(starters[i].fingerprint, starters[0].fingerprint);
    }
    struct ca_files files = ensure(place, NOW);
    assert_false(files.server_is_new);
    assert_int_equal(verify(&files, NOW, "localhost", NULL), X509_V_OK);
}

static void test_describe(void **state)
{
    struct place *place = *state;
    struct ca_files files = ensure(place, 0);
    str name, fingerprint;
    assert_null(
        crypto_ca_describe(place->arena, read_text(place, files.ca_pem), &name, &fingerprint));
    assert_true(str_eq(name, files.name));
    assert_true(str_eq(fingerprint, files.fingerprint));
    err *e = crypto_ca_describe(place->arena, S("nothing"), &name, &fingerprint);
    assert_int_equal(e->code, ERR_INVALID);
    assert_string_equal(crypto_ca_path(place->arena, place->dir), files.ca_pem);
}

#define ca_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ca_test(test_first_start),
        ca_test(test_authority_form),
        ca_test(test_kept),
        ca_test(test_authority_only),
        ca_test(test_renewed),
        ca_test(test_whole_life),
        ca_test(test_clock_set_back),
        ca_test(test_names_change),
        ca_test(test_names_of_an_older_authority),
        ca_test(test_names_at_first_start),
        ca_test(test_bad_names),
        ca_test(test_constraints_bind),
        ca_test(test_damaged_server),
        ca_test(test_damaged_authority),
        ca_test(test_mixed_up),
        ca_test(test_unwritable),
        ca_test(test_many_at_once),
        ca_test(test_describe),
    };
    return cmocka_run_group_tests_name("crypto_ca", tests, NULL, NULL);
}
