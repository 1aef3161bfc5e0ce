// Blobs in a bucket of an S3-compatible store. What is to become one is written to a file of this
// machine first and sent when it is whole: so its length and digest are known before the first
// byte leaves, a transfer that breaks off can begin again, and the client's pace is not the
// upstream's. Reading passes the bytes on as they come.
#include "blob/blob_int.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, LIST_MAX = 4 * 1024 * 1024, ID_MAX = 96 };

static const u64 OWN_AGE_MS = 3600 * 1000; // before a transaction is certainly over

bool blob_is_remote(str id)
{
    return str_starts(id, S("s3-"));
}

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
    check(id->len < ID_MAX);
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

// ---- who reads what ----------------------------------------------------------------------------

struct being_read {
    size_t readers;
    bool gone; // it is to be removed once nobody reads it
};

static void hold(struct blob_upstream *upstream, str id)
{
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    if (read == NULL) {
        read = mem_new(struct being_read);
        map_set(upstream->read, id, read);
    }
    read->readers++;
    uv_mutex_unlock(&upstream->lock);
}

// True: it has to be removed now.
static bool let_go(struct blob_upstream *upstream, str id)
{
    bool gone = false;
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    check(read != NULL && read->readers > 0);
    if (--read->readers == 0) {
        gone = read->gone;
        map_remove(upstream->read, id);
        mem_free(read);
    }
    uv_mutex_unlock(&upstream->lock);
    return gone;
}

// Is it being read? With `remove` its last reader removes it.
static bool is_read(struct blob_upstream *upstream, str id, bool remove)
{
    uv_mutex_lock(&upstream->lock);
    struct being_read *read = map_get(upstream->read, id);
    if (read != NULL && remove) {
        read->gone = true;
    }
    uv_mutex_unlock(&upstream->lock);
    return read != NULL;
}

// ---- reading -----------------------------------------------------------------------------------

struct blob_up_reader { // heap
    struct blob_upstream *upstream;
    char id_text[ID_MAX];
    str id;
    struct arena *memory;           // of the exchange
    struct http_exchange *exchange; // NULL: none; else it gives what lies at `at`
    u64 at;
    u64 until;    // what is expected to be read; UINT64_MAX: the end
    bool ended;   // the exchange had nothing any more
    u64 size;     // of the blob; UINT64_MAX: not known yet
    u64 digested; // bytes from the first that were added to `hash`
    struct crypto_hash *hash;
    str sha256; // in hexadecimal, of the whole blob; none: not told
    char sha256_text[BLOB_DIGEST_TEXT];
};

struct blob_up_reader *blob_up_open(struct blob_upstream *upstream, str id)
{
    check_magic(upstream, BLOB_UPSTREAM_MAGIC);
    check(id.len < ID_MAX);
    struct blob_up_reader *reader = mem_new(struct blob_up_reader);
    reader->upstream = upstream;
    memcpy(reader->id_text, id.ptr, id.len);
    reader->id = (str){reader->id_text, id.len};
    reader->memory = arena_new();
    reader->size = UINT64_MAX;
    reader->until = UINT64_MAX;
    hold(upstream, reader->id);
    return reader;
}

static void stop_reading(struct blob_up_reader *reader)
{
    http_exchange_end(reader->exchange);
    reader->exchange = NULL;
    arena_reset(reader->memory);
}

struct late_removal { // heap
    struct blob_upstream *upstream;
    char text[ID_MAX];
    size_t size;
};

static void remove_late(void *arg) YIELDS
{
    struct late_removal *removal = arg;
    str id = {removal->text, removal->size};
    blob_up_remove(removal->upstream, &id, 1);
    mem_free(removal);
}

void blob_up_close(struct blob_up_reader *reader)
{
    stop_reading(reader);
    if (let_go(reader->upstream, reader->id)) {
        struct late_removal *removal = mem_new(struct late_removal);
        removal->upstream = reader->upstream;
        removal->size = reader->id.len;
        memcpy(removal->text, reader->id.ptr, reader->id.len);
        fiber_start("blob-remove", remove_late, removal);
    }
    crypto_hash_free(reader->hash);
    arena_free(reader->memory);
    mem_free(reader);
}

// What the answer's head says of the whole blob: "bytes 0-99/1000", the digest.
static void take_head(struct blob_up_reader *reader, const struct http_client_res *res)
{
    str range = blob_up_header(res, S("content-range"));
    ptrdiff_t slash = str_find_char(range, '/');
    str total = slash >= 0 ? str_sub(range, (size_t)slash + 1, range.len)
                           : blob_up_header(res, S("content-length"));
    str digest = blob_up_header(res, S("x-amz-meta-sha256"));
    (void)str_to_u64(total, &reader->size);
    if (digest.len == sizeof(reader->sha256_text)) {
        memcpy(reader->sha256_text, digest.ptr, digest.len);
        reader->sha256 = (str){reader->sha256_text, digest.len};
    }
}

static err *try_begin(struct blob_up_reader *reader, bool *again) YIELDS;

static err *try_begin(struct blob_up_reader *reader, bool *again)
{
    struct arena *a = reader->memory;
    struct http_client_res res = {};
    unsigned long long from = reader->at;
    str range = reader->until == UINT64_MAX
                    ? str_fmt(a, "bytes=%llu-", from)
                    : str_fmt(a, "bytes=%llu-%llu", from, (unsigned long long)reader->until - 1);
    struct blob_up_call *call = arena_new_of(a, struct blob_up_call);
    *call = (struct blob_up_call){.method = "GET",
        .key = blob_up_key(reader->upstream, a, reader->id),
        .body_size = UINT64_MAX,
        .headers = {{S("range"), range}},
        .header_count = 1};
    TRY(blob_up_begin(reader->upstream, a, call, &reader->exchange));
    TRY(blob_up_head(reader->upstream, a, call, reader->exchange, &res, again));
    if (res.status == 416) {
        reader->ended = true;
    } else if (res.status == 200 && from > 0) {
        return fail(a, ERR_UNAVAILABLE, "%.*s does not give ranges", PRI(reader->upstream->host));
    } else {
        take_head(reader, &res);
    }
    return NULL;
}

static err *begin(
    struct blob_up_reader *reader, struct arena *arena, struct blob_up_patience *patience) YIELDS;

// An exchange that gives what lies at `at`. The caller's patience covers what broke off before.
static err *begin(
    struct blob_up_reader *reader, struct arena *arena, struct blob_up_patience *patience)
{
    bool go_on = true;
    err *e = NULL;
    check(reader->exchange == NULL);
    while (go_on) {
        bool again = false;
        reader->ended = false;
        e = try_begin(reader, &again);
        if (e == NULL) {
            return NULL;
        }
        e = err_copy(arena, e);
        stop_reading(reader);
        TRY(blob_up_wait(reader->upstream, patience, again, &go_on));
    }
    return e;
}

err *blob_up_expect(struct blob_up_reader *reader, struct arena *arena, u64 offset, u64 size)
{
    struct blob_up_patience patience = {};
    stop_reading(reader);
    reader->at = offset;
    reader->until = offset + size;
    if (size == 0) {
        return NULL;
    }
    err *e = begin(reader, arena, &patience);
    return e != NULL ? blob_up_error(arena, "reading a blob", e) : NULL;
}

err *blob_up_size(struct blob_up_reader *reader, struct arena *arena, u64 *size)
{
    struct http_client_res res = {};
    struct blob_up_call call = {.method = "HEAD",
        .key = blob_up_key(reader->upstream, arena, reader->id),
        .body_size = UINT64_MAX};
    if (reader->size == UINT64_MAX) {
        err *e = blob_up_fetch(reader->upstream, arena, &call, 0, &res);
        if (e != NULL) {
            return blob_up_error(arena, "looking at a blob", e);
        }
        take_head(reader, &res);
    }
    *size = reader->size;
    return NULL;
}

struct digesting {
    struct crypto_hash *hash;
    str bytes;
};

static void digest_work(void *arg)
{
    struct digesting *digesting = arg;
    crypto_hash_add(digesting->hash, digesting->bytes);
}

static err *verify(
    struct blob_up_reader *reader, struct arena *arena, u64 offset, str bytes) YIELDS;

// Adds what was read to the digest, as long as everything is read in order from the first byte,
// and compares it behind the last one.
static err *verify(struct blob_up_reader *reader, struct arena *arena, u64 offset, str bytes)
{
    u8 digest[CRYPTO_DIGEST_MAX];
    bool whole = reader->until >= reader->size;
    if (reader->sha256.len == 0 || !whole || offset != reader->digested || bytes.len == 0) {
        return NULL;
    }
    reader->hash = reader->hash != NULL ? reader->hash : crypto_hash_new(CRYPTO_SHA256);
    struct digesting digesting = {reader->hash, bytes};
    TRY(worker_run(digest_work, &digesting));
    reader->digested += bytes.len;
    if (reader->digested < reader->size) {
        return NULL;
    }
    size_t size = crypto_hash_finish(reader->hash, digest);
    if (str_eq(hex_encode(arena, (str){(const char *)digest, size}), reader->sha256)) {
        return NULL;
    }
    log_error("blob.damaged", "%.*s: its bytes in bucket %.*s are not those that were stored",
        PRI(reader->id), PRI(reader->upstream->bucket));
    return fail(arena, ERR_IO, "a blob's bytes are not those that were stored");
}

// The next bytes at `at`; begins again where they broke off.
static err *read_some(struct blob_up_reader *reader, struct arena *arena, void *bytes, size_t size,
    size_t *got) YIELDS;

static err *read_some(
    struct blob_up_reader *reader, struct arena *arena, void *bytes, size_t size, size_t *got)
{
    struct blob_up_patience patience = {};
    bool go_on = true;
    err *e = NULL;
    *got = 0;
    while (go_on) {
        bool again = false;
        if (reader->exchange == NULL) {
            TRY(begin(reader, arena, &patience));
        }
        e = reader->ended ? NULL : http_exchange_read(reader->exchange, bytes, size, got);
        if (e == NULL) {
            reader->at += *got;
            return NULL;
        }
        again = e->code == ERR_IO || e->code == ERR_TIMEOUT;
        e = err_copy(arena, e);
        stop_reading(reader);
        TRY(blob_up_wait(reader->upstream, &patience, again, &go_on));
    }
    return e;
}

err *blob_up_read(struct blob_up_reader *reader, struct arena *arena, u64 offset, void *bytes,
    size_t size, size_t *got)
{
    size_t some = 1;
    *got = 0;
    if (reader->exchange == NULL || reader->at != offset || offset >= reader->until) {
        stop_reading(reader);
        reader->at = offset;
        reader->until = offset >= reader->until ? UINT64_MAX : reader->until;
    }
    while (*got < size && some > 0) {
        err *e = read_some(reader, arena, (char *)bytes + *got, size - *got, &some);
        if (e != NULL) {
            return blob_up_error(arena, "reading a blob", e);
        }
        *got += some;
        if (some == 0 && !reader->ended && reader->at < reader->until &&
            reader->at < reader->size) {
            return fail(arena, ERR_IO, "the upstream gave fewer bytes than it has");
        }
        if (reader->at == reader->until || reader->at == reader->size) {
            break;
        }
    }
    return verify(reader, arena, offset, (str){bytes, *got});
}

// ---- removing ----------------------------------------------------------------------------------

static void remove_one(struct blob_upstream *upstream, str id) YIELDS;

// Once: the next sweep finds what is left.
static void remove_one(struct blob_upstream *upstream, str id)
{
    struct arena *arena = arena_new();
    struct http_client_res res = {};
    struct http_exchange *exchange = NULL;
    bool again = false;
    struct blob_up_call call = {
        .method = "DELETE", .key = blob_up_key(upstream, arena, id), .body_size = UINT64_MAX};
    err *e = blob_up_begin(upstream, arena, &call, &exchange);
    e = e == NULL ? blob_up_head(upstream, arena, &call, exchange, &res, &again) : e;
    if (e != NULL && e->code != ERR_NOT_FOUND && e->code != ERR_CANCELLED) {
        log_warn("blob.remove", "%.*s is left for the next sweep: %.*s", PRI(id), PRI(e->text));
    }
    http_exchange_end(exchange);
    arena_free(arena);
}

void blob_up_remove(struct blob_upstream *upstream, const str *ids, size_t count)
{
    check_magic(upstream, BLOB_UPSTREAM_MAGIC);
    for (size_t i = 0; i < count; i++) {
        if (blob_is_remote(ids[i]) && !is_read(upstream, ids[i], true)) {
            remove_one(upstream, ids[i]);
        }
    }
}

// ---- walking -----------------------------------------------------------------------------------

struct page {
    struct blob_list list;
    u64 now_ms; // by the upstream's clock
};

static err *list_page(
    struct blob_upstream *upstream, struct arena *arena, str token, struct page *out) YIELDS;

static err *list_page(
    struct blob_upstream *upstream, struct arena *arena, str token, struct page *out)
{
    struct http_client_res res = {};
    struct tm parts = {};
    str prefix = blob_up_key(upstream, arena, (str){});
    str query = token.len > 0 ? str_cat(arena, S("continuation-token="),
                                    http_url_encode(arena, token), S("&"))
                              : (str){};
    struct blob_up_call call = {.method = "GET",
        .query = str_cat(arena, query, S("list-type=2&max-keys=1000&prefix="),
            http_url_encode(arena, str_cat(arena, prefix, upstream->mine))),
        .body_size = UINT64_MAX};
    err *e = blob_up_fetch(upstream, arena, &call, LIST_MAX, &res);
    e = e == NULL ? blob_list_read(arena, res.body, prefix, &out->list) : e;
    if (e != NULL) {
        return blob_up_error(arena, "listing the bucket", e);
    }
    str date = blob_up_header(&res, S("date"));
    const char *text = str_cstr(arena, date);
    bool told = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &parts) != NULL;
    out->now_ms = told ? (u64)timegm(&parts) * 1000 : time_now_ms();
    return NULL;
}

struct visit {
    struct blob_upstream *upstream;
    const struct blob_walk *walk; // one of the two
    const struct blob_sweep *sweep;
    u64 age_ms;
    u64 removed;
};

static err *visit_page(struct visit *visit, const struct page *page) YIELDS;

static err *visit_page(struct visit *visit, const struct page *page)
{
    struct blob_upstream *upstream = visit->upstream;
    for (size_t i = 0; i < page->list.entries.count; i++) {
        const struct blob_list_entry *entry = &page->list.entries.items[i];
        if (visit->walk != NULL) {
            TRY(visit->walk->each(visit->walk->arg, entry->id));
            continue;
        }
        u64 age = page->now_ms > entry->modified_ms ? page->now_ms - entry->modified_ms : 0;
        bool own = str_starts(entry->id, upstream->own);
        bool old = age >= visit->age_ms && (!own || age >= OWN_AGE_MS);
        if (old && blob_is_remote(entry->id) && !is_read(upstream, entry->id, false) &&
            !visit->sweep->keep(visit->sweep->arg, entry->id)) {
            remove_one(upstream, entry->id);
            visit->removed++;
        }
    }
    return NULL;
}

static err *visit_all(struct visit *visit, struct arena *arena) YIELDS;

// Page by page; memory is that of one.
static err *visit_all(struct visit *visit, struct arena *arena)
{
    struct arena *pages[2] = {arena_new(), arena_new()}; // a token lives until the next page
    struct page page = {};
    err *e = NULL;
    for (unsigned turn = 0; e == NULL; turn++) {
        struct arena *here = pages[turn % 2];
        arena_reset(here);
        e = list_page(visit->upstream, here, page.list.next, &page);
        e = e == NULL ? visit_page(visit, &page) : e;
        if (page.list.next.len == 0) {
            break;
        }
    }
    e = e != NULL ? err_copy(arena, e) : NULL;
    arena_free(pages[0]);
    arena_free(pages[1]);
    return e;
}

err *blob_up_walk(struct blob_upstream *upstream, struct arena *arena, const struct blob_walk *walk)
{
    struct visit visit = {.upstream = upstream, .walk = walk};
    return visit_all(&visit, arena);
}

err *blob_up_tidy(
    struct blob_upstream *upstream, struct arena *arena, const struct blob_sweep *sweep, u64 age_ms)
{
    struct visit visit = {.upstream = upstream, .sweep = sweep, .age_ms = age_ms};
    err *e = visit_all(&visit, arena);
    if (visit.removed > 0) {
        log_info("blob.sweep", "%llu blobs of bucket %.*s that nobody named were removed",
            (unsigned long long)visit.removed, PRI(upstream->bucket));
    }
    return e;
}
