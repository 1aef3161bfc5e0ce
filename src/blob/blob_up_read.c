// Reading blobs of the upstream: bytes are passed on as they come, go on where a connection broke
// off, and are compared with the blob's digest. Whoever reads keeps the blob from being removed.
#include "blob/blob_int.h"

struct blob_up_reader { // heap
    struct blob_upstream *upstream;
    char id_text[BLOB_ID_MAX];
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
    check(id.len < BLOB_ID_MAX);
    struct blob_up_reader *reader = mem_new(struct blob_up_reader);
    reader->upstream = upstream;
    memcpy(reader->id_text, id.ptr, id.len);
    reader->id = (str){reader->id_text, id.len};
    reader->memory = arena_new();
    reader->size = UINT64_MAX;
    reader->until = UINT64_MAX;
    blob_up_hold(upstream, reader->id);
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
    char text[BLOB_ID_MAX];
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
    if (blob_up_let_go(reader->upstream, reader->id)) {
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
