// What is on disk, whether it still serves, and what is made anew.
//   ca.pem      the authority's certificate
//   ca.key      its key
//   server.pem  the server's certificate and key: in one file, so that no reader and no crash can
//               see the one without the other
#include "crypto/ca_int.h"
#include "crypto/crypto_int.h"

enum {
    FILE_SIZE_MAX = 256 * 1024,
    SERVER_RENEW_DAYS = 30,
    // Longer than SERVER_RENEW_DAYS: a server certificate cannot outlive its authority, and one
    // that is born in its last 30 days would be renewed for ever.
    AUTHORITY_RENEW_DAYS = 90,
};

struct ca_work {
    struct arena *arena;
    const char *dir;
    const char *ca_pem;
    const char *ca_key;
    const char *server_pem;
    struct ca_names names;
    u64 now_s;
};

const char *crypto_ca_path(struct arena *arena, const char *data_dir)
{
    return path_join(arena, data_dir, "ca.pem");
}

// A file that is not there or is far too large counts as empty. One that cannot be read for
// another reason (permissions) is an error: it must not be taken for damaged and be replaced.
static err *read_if_there(struct arena *arena, const char *path, str *out)
{
    *out = (str){};
    err *e = file_read(arena, path, FILE_SIZE_MAX, out);
    return e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_TOO_LARGE) ? NULL : e;
}

static bool is_valid_for(X509 *cert, u64 now_s, int days)
{
    return ca_begins_s(cert) <= (i64)now_s && ca_ends_s(cert) - (i64)now_s > (i64)days * DAY_S;
}

// Why the authority that was read cannot be kept; none when it can.
static str why_new(const struct ca_work *work, const struct ca_pair *ca, str cert_text)
{
    if (cert_text.len == 0) {
        return S("there was none");
    }
    if (!ca_authority_fits(ca)) {
        return S("its certificate or its key is damaged");
    }
    if (ca_begins_s(ca->cert) > (i64)work->now_s) {
        return S("the clock is before its first day");
    }
    return is_valid_for(ca->cert, work->now_s, AUTHORITY_RENEW_DAYS) ? (str){}
                                                                     : S("it is about to end");
}

// The key goes first: a certificate without its key would be of no use.
static err *write_authority(const struct ca_work *work, const struct ca_pair *ca)
{
    str key = ca_key_pem(work->arena, ca->key);
    err *e = crypto_write(work->arena, work->dir, work->ca_key, key, 0600);
    crypto_wipe((void *)key.ptr, key.len);
    TRY(e);
    return crypto_write(
        work->arena, work->dir, work->ca_pem, ca_cert_pem(work->arena, ca->cert), 0644);
}

static err *ensure_authority(const struct ca_work *work, struct ca_pair *ca, struct ca_files *out)
{
    str cert_text, key_text;
    TRY(read_if_there(work->arena, work->ca_pem, &cert_text));
    TRY(read_if_there(work->arena, work->ca_key, &key_text));
    *ca = ca_parse(cert_text, key_text);
    crypto_wipe((void *)key_text.ptr, key_text.len);
    out->why = why_new(work, ca, cert_text);
    if (out->why.len > 0) {
        ca_pair_free(ca);
        *ca = ca_make_authority(work->arena, &work->names, work->now_s);
        out->ca_is_new = true;
        TRY(write_authority(work, ca));
    }
    out->name = ca_common_name(work->arena, ca->cert);
    out->fingerprint = ca_fingerprint(work->arena, ca->cert);
    return NULL;
}

// An authority is only for the names it was made with. The machine's name may have changed since
// without anybody's doing; names that were asked for are told.
static struct ca_names permitted_names(
    const struct ca_work *work, X509 *ca, size_t asked, struct ca_files *out)
{
    struct ca_names permitted = {};
    vec_of(str) left = {};
    for (size_t i = 0; i < work->names.count; i++) {
        const struct ca_name *name = &work->names.items[i];
        if (ca_permits(ca, name)) {
            *vec_push(work->arena, &permitted) = *name;
        } else if (i < asked) {
            *vec_push(work->arena, &left) = name->text;
        }
    }
    out->left = left.items;
    out->left_count = left.count;
    return permitted;
}

static err *write_server(const struct ca_work *work, const struct ca_pair *server)
{
    str key = ca_key_pem(work->arena, server->key);
    str text = str_cat(work->arena, ca_cert_pem(work->arena, server->cert), key);
    err *e = crypto_write(work->arena, work->dir, work->server_pem, text, 0600);
    crypto_wipe((void *)key.ptr, key.len);
    crypto_wipe((void *)text.ptr, text.len);
    return e;
}

static bool server_serves(const struct ca_work *work, const struct ca_pair *ca,
    const struct ca_pair *server, const struct ca_names *names)
{
    return server->cert != NULL && server->key != NULL &&
           X509_check_private_key(server->cert, server->key) == 1 &&
           is_valid_for(server->cert, work->now_s, SERVER_RENEW_DAYS) &&
           ca_server_fits(work->arena, ca, server->cert, names);
}

static err *ensure_server(const struct ca_work *work, const struct ca_pair *ca,
    const struct ca_names *names, struct ca_files *out)
{
    str text;
    TRY(read_if_there(work->arena, work->server_pem, &text));
    AUTO_PAIR struct ca_pair server = ca_parse(text, text);
    crypto_wipe((void *)text.ptr, text.len);
    if (!server_serves(work, ca, &server, names)) {
        ca_pair_free(&server);
        server = ca_make_server(work->arena, ca, names, work->now_s);
        out->server_is_new = true;
        TRY(write_server(work, &server));
    }
    i64 server_due = ca_ends_s(server.cert) - (i64)SERVER_RENEW_DAYS * DAY_S;
    i64 ca_due = ca_ends_s(ca->cert) - (i64)AUTHORITY_RENEW_DAYS * DAY_S;
    out->renew_in_s = (u64)((server_due < ca_due ? server_due : ca_due) - (i64)work->now_s);
    return NULL;
}

err *crypto_ca_ensure(struct arena *arena, const char *data_dir, const struct ca_options *options,
    struct ca_files *out)
{
    struct ca_work work = {
        .arena = arena,
        .dir = data_dir,
        .ca_pem = crypto_ca_path(arena, data_dir),
        .ca_key = path_join(arena, data_dir, "ca.key"),
        .server_pem = path_join(arena, data_dir, "server.pem"),
        .now_s = options->now_s != 0 ? options->now_s : time_now_ms() / 1000,
    };
    for (size_t i = 0; i < options->name_count; i++) {
        TRY(ca_names_add(arena, &work.names, options->names[i]));
    }
    size_t asked = work.names.count;
    ca_names_add_usual(arena, &work.names);
    *out = (struct ca_files){.ca_pem = work.ca_pem, .server_pem = work.server_pem};

    AUTO_UNLOCK int lock = -1;
    AUTO_PAIR struct ca_pair ca = {};
    TRY(crypto_lock(arena, data_dir, &lock));
    TRY(ensure_authority(&work, &ca, out));
    if (options->authority_only) {
        return NULL;
    }
    struct ca_names names = permitted_names(&work, ca.cert, asked, out);
    return ensure_server(&work, &ca, &names, out);
}

err *crypto_ca_describe(struct arena *arena, str pem, str *name, str *fingerprint)
{
    AUTO_PAIR struct ca_pair pair = ca_parse(pem, (str){});
    if (pair.cert == NULL) {
        return fail(arena, ERR_INVALID, "there is no certificate in this text");
    }
    *name = ca_common_name(arena, pair.cert);
    *fingerprint = ca_fingerprint(arena, pair.cert);
    return NULL;
}
