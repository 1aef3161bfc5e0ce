// Blobs in a bucket of an S3-compatible store. What is to become one is written to a file of this
// machine first and sent when it is whole: so its length and digest are known before the first
// byte leaves, a transfer that breaks off can begin again, and the client's pace is not the
// upstream's.
#include "blob/blob_int.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE = 128 * 1024 };

// ---- opening -----------------------------------------------------------------------------------

// Tells this data folder's blobs from those of others that share the bucket and the prefix.
static err *read_instance(struct blob_store *store, struct arena *arena, str *out)
{
    const char *path = path_join(arena, store->folder, "instance");
    err *e = file_read(arena, path, 64, out);
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        u8 bytes[8];
        random_bytes(bytes, sizeof(bytes));
        *out = hex_encode(arena, (str){(const char *)bytes, sizeof(bytes)});
        return file_write_atomic(arena, path, *out, 0600);
    }
    TRY(e);
    *out = str_trim(*out);
    bool plain = out->len == 16;
    for (size_t i = 0; i < out->len; i++) {
        plain = plain && strchr("0123456789abcdef", out->ptr[i]) != NULL;
    }
    return plain ? NULL : fail(arena, ERR_CONFIG, "%s does not hold 16 hexadecimal digits", path);
}

// As clients sign it: without the port that the scheme has anyway.
static str host_of(str endpoint)
{
    bool tls = str_starts(endpoint, S("https://"));
    str host = str_sub(endpoint, tls ? 8 : 7, endpoint.len);
    str usual = tls ? S(":443") : S(":80");
    return str_ends(host, usual) ? str_sub(host, 0, host.len - usual.len) : host;
}

err *blob_store_use(
    struct blob_store *store, struct arena *arena, const struct blob_upstream_options *options)
{
    struct arena *a = store->arena;
    str instance = {};
    check_magic(store, BLOB_STORE_MAGIC);
    check(store->upstream == NULL && options->bucket.len > 0);
    TRY(read_instance(store, arena, &instance));
    struct blob_upstream *upstream = arena_new_of(a, struct blob_upstream);
    *upstream = (struct blob_upstream){.magic = BLOB_UPSTREAM_MAGIC,
        .arena = a,
        .endpoint = str_dup(a, options->endpoint),
        .bucket = str_dup(a, options->bucket),
        .prefix = str_dup(a, options->prefix),
        .region = str_dup(a, options->region),
        .access_key_id = str_dup(a, options->access_key_id),
        .secret = str_dup(a, options->secret),
        .ca_pem = options->ca_pem != NULL ? str_cstr(a, str_from(options->ca_pem)) : NULL,
        .idle_ms = options->idle_ms > 0 ? options->idle_ms : 30 * 1000,
        .patience_ms = options->patience_ms > 0 ? options->patience_ms : 10 * 1000,
        .mine = str_cat(a, S("s3-"), instance, S("-")),
        .read = map_new(NULL)};
    upstream->host = host_of(upstream->endpoint);
    upstream->own = str_fmt(a, "%.*s%llx-", PRI(upstream->mine), (unsigned long long)time_now_ms());
    atomic_init(&upstream->next, 1);
    check(uv_mutex_init(&upstream->lock) == 0);
    store->upstream = upstream;
    return NULL;
}

void blob_up_free(struct blob_upstream *upstream)
{
    if (upstream != NULL) {
        check_magic(upstream, BLOB_UPSTREAM_MAGIC);
        map_free(upstream->read);
        uv_mutex_destroy(&upstream->lock);
        upstream->magic = 0;
    }
}

// ---- writing -----------------------------------------------------------------------------------

struct piece { // of the file that is sent; one is read while the one before is on its way
    int file;
    u64 offset;
    size_t size;
    char *bytes;
    int code;
};

static void read_piece_work(void *arg)
{
    struct piece *piece = arg;
    size_t got = 0;
    while (got < piece->size) {
        ssize_t some =
            pread(piece->file, piece->bytes + got, piece->size - got, (off_t)(piece->offset + got));
        if (some < 0 && errno == EINTR) {
            continue;
        }
        if (some <= 0) {
            piece->code = some < 0 ? errno : EIO;
            return;
        }
        got += (size_t)some;
    }
}

static void next_piece(struct piece *piece, u64 size)
{
    piece->offset += piece->size;
    u64 left = size - piece->offset;
    piece->size = left < PIECE ? (size_t)left : PIECE;
}

static err *send_file(
    struct http_exchange *exchange, struct arena *arena, const struct blob_up_file *file) YIELDS;

static err *send_file(
    struct http_exchange *exchange, struct arena *arena, const struct blob_up_file *file)
{
    char *halves[2] = {arena_alloc(arena, PIECE), arena_alloc(arena, PIECE)};
    struct worker_job *work = worker_job_new(arena);
    struct piece piece = {.file = file->file, .bytes = halves[0]};
    err *e = NULL;
    next_piece(&piece, file->size);
    worker_begin(work, read_piece_work, &piece);
    for (unsigned turn = 1; e == NULL && piece.size > 0; turn++) {
        e = worker_end(work);
        if (e != NULL || piece.code != 0) {
            return e != NULL ? e : blob_io_error(arena, piece.code, "reading what is sent");
        }
        str ready = {piece.bytes, piece.size};
        piece.bytes = halves[turn % 2];
        next_piece(&piece, file->size);
        if (piece.size > 0) {
            worker_begin(work, read_piece_work, &piece);
        }
        e = http_exchange_send(exchange, ready);
    }
    err *ended = worker_end(work);
    return e != NULL ? e : ended;
}

static err *try_put(struct blob_upstream *upstream, struct arena *arena, struct blob_up_call *call,
    const struct blob_up_file *file, bool *again) YIELDS;

static err *try_put(struct blob_upstream *upstream, struct arena *arena, struct blob_up_call *call,
    const struct blob_up_file *file, bool *again)
{
    struct http_exchange *exchange = NULL;
    struct http_client_res res = {};
    TRY(blob_up_begin(upstream, arena, call, &exchange));
    err *e = send_file(exchange, arena, file);
    *again = e != NULL && (e->code == ERR_IO || e->code == ERR_TIMEOUT);
    if (e == NULL) {
        e = blob_up_head(upstream, arena, call, exchange, &res, again);
    }
    if (e == NULL) { // to its end, so that the connection can be used again
        char end[64];
        size_t got = 0;
        e = http_exchange_read(exchange, end, sizeof(end), &got);
        *again = e != NULL;
    }
    http_exchange_end(exchange);
    return e;
}

// The digest goes along three times: signed, so that the upstream refuses other bytes; as S3's
// checksum, so that it keeps and watches it where it can; as metadata, which every store gives
// back, for reading.
err *blob_up_put(
    struct blob_upstream *upstream, struct arena *arena, const struct blob_up_file *file, str *id)
{
    struct blob_up_patience patience = {};
    str digest = {(const char *)file->sha256, sizeof(file->sha256)};
    str hex = hex_encode(arena, digest);
    bool go_on = true;
    err *e = NULL;
    *id = str_fmt(arena, "%.*s%llx", PRI(upstream->own),
        (unsigned long long)atomic_fetch_add(&upstream->next, 1));
    struct blob_up_call call = {.method = "PUT",
        .key = blob_up_key(upstream, arena, *id),
        .body_size = file->size,
        .body_sha256 = hex,
        .headers = {{S("content-type"), S("application/octet-stream")},
            {S("x-amz-checksum-sha256"), base64_encode(arena, digest)},
            {S("x-amz-meta-sha256"), hex}},
        .header_count = 3};
    check(id->len < BLOB_ID_MAX);
    while (go_on) {
        bool again = false;
        struct arena *attempt = arena_new();
        e = try_put(upstream, attempt, &call, file, &again);
        e = e != NULL ? err_copy(arena, e) : NULL;
        arena_free(attempt);
        if (e == NULL) {
            return NULL;
        }
        TRY(blob_up_wait(upstream, &patience, again, &go_on));
    }
    if (e->code == ERR_NOT_FOUND) { // of a bucket that is not there, in other words than S3's
        e = fail(arena, ERR_UNAVAILABLE, "%.*s", PRI(e->text));
    }
    return blob_up_error(arena, "keeping a blob", e);
}
