// Bytes of objects and parts: taking them in, keeping them, forgetting them, reading them.
#include "object/object_int.h"

str s3_new_id(struct arena *arena)
{
    return random_uuid(arena);
}

u64 s3_new_order(struct object_hub *hub)
{
    unsigned long long now = hub->now_ms() * 1000;
    unsigned long long last = atomic_load(&hub->last_order);
    unsigned long long next = 0;
    do {
        next = now > last ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&hub->last_order, &last, next));
    return next;
}

struct json *s3_string(struct s3_call *call, str text)
{
    return json_string(call->arena, text);
}

// ---- taking in ---------------------------------------------------------------------------------

struct intake {
    struct s3_call *call;
    const struct s3_input *input;
    struct crypto_sums *sums;
    struct blob_writer *writer; // NULL: it is small so far
    char *piece;
    struct s3_bytes *out;
};

static err *read_piece(struct intake *in, size_t at, size_t size, size_t *filled) YIELDS;

// Fills the piece from `at` to `size`; less only at the input's end.
static err *read_piece(struct intake *in, size_t at, size_t size, size_t *filled)
{
    size_t got = 0;
    *filled = at;
    do {
        TRY(in->input->read(in->input->arg, in->piece + *filled, size - *filled, &got));
        *filled += got;
    } while (got > 0 && *filled < size);
    return NULL;
}

static err *check_claims(struct intake *in)
{
    return in->input->compare != NULL ? in->input->compare(in->input->arg, in->sums) : NULL;
}

static err *take_large(struct intake *in, size_t filled) YIELDS;

// While one piece is digested and written, the next one is read into the other half. The arena is
// not rewound: what the input keeps for later (rows of parts, open files) lies in it.
static err *take_large(struct intake *in, size_t filled)
{
    struct s3_call *call = in->call;
    char *other = arena_alloc(call->arena, PIECE);
    TRY(blob_begin(call->hub->blobs, call->arena, &in->writer));
    while (filled > 0) {
        char *written = in->piece;
        blob_append_begin(in->writer, (str){in->piece, filled}, in->sums);
        in->out->size += filled;
        in->piece = other;
        other = written;
        err *read = read_piece(in, 0, PIECE, &filled);
        TRY(blob_append_end(in->writer, call->arena));
        TRY(read);
    }
    TRY(check_claims(in));
    return blob_finish(in->writer, call->arena, &in->out->blob);
}

static err *take(struct intake *in) YIELDS;

static err *take(struct intake *in)
{
    struct arena *a = in->call->arena;
    size_t filled = 0;
    TRY(read_piece(in, 0, SMALL_MAX + 1, &filled));
    if (filled > SMALL_MAX) {
        TRY(read_piece(in, filled, PIECE, &filled));
        return take_large(in, filled);
    }
    str bytes = {in->piece, filled};
    crypto_sums_add(in->sums, bytes);
    in->out->size = filled;
    if (filled > 0) {
        in->out->small = s3_new_id(a);
        in->out->data = base64_encode(a, bytes);
    }
    return check_claims(in);
}

err *s3_take(struct s3_call *call, const struct s3_input *input, struct crypto_sums *sums,
    struct s3_bytes *out)
{
    struct intake in = {.call = call, .input = input, .sums = sums, .out = out};
    *out = (struct s3_bytes){};
    in.piece = arena_alloc(call->arena, input->size <= SMALL_MAX ? SMALL_MAX + 1 : PIECE);
    err *e = take(&in);
    if (e != NULL) {
        blob_abandon(in.writer);
        return e;
    }
    u8 digest[CRYPTO_SUM_MAX];
    size_t size = crypto_sums_get(sums, CRYPTO_SUM_MD5, digest);
    out->etag = hex_encode(call->arena, (str){(const char *)digest, size});
    return NULL;
}

static err *read_body(void *arg, void *bytes, size_t size, size_t *got) YIELDS
{
    return s3_body_read(arg, bytes, size, got);
}

static err *check_body(void *arg, struct crypto_sums *sums)
{
    return s3_body_check(arg, sums);
}

err *s3_take_body(struct s3_call *call, struct s3_bytes *out)
{
    struct s3_body *body = NULL;
    TRY(s3_body_open(call, &body));
    struct s3_input input = {
        .arg = body, .read = read_body, .compare = check_body, .size = call->req->body_length};
    struct crypto_sums *sums = crypto_sums_new(s3_body_sums(body));
    err *e = s3_take(call, &input, sums, out);
    if (e == NULL) {
        out->checksums = s3_body_checksums(body, sums);
    }
    crypto_sums_free(sums);
    return e;
}

void s3_drop_bytes(struct s3_call *call, const struct s3_bytes *bytes)
{
    if (bytes->blob.len > 0) {
        blob_remove(call->hub->blobs, &bytes->blob, 1);
    }
}

struct json *s3_sums_json(struct arena *arena, struct crypto_sums *sums, unsigned which)
{
    struct json *out = json_object(arena);
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        u8 bytes[CRYPTO_SUM_MAX];
        if ((which & S3_CHECKSUMS[i].sum) != 0) {
            size_t size = crypto_sums_get(sums, S3_CHECKSUMS[i].sum, bytes);
            str text = base64_encode(arena, (str){(const char *)bytes, size});
            json_set(out, str_from(S3_CHECKSUMS[i].xml), json_string(arena, text));
        }
    }
    return out;
}

// ---- transactions ------------------------------------------------------------------------------

struct store_write *s3_put(
    struct s3_call *call, struct s3_writes *writes, str table, const struct json *row)
{
    struct store_write *write = vec_push(call->arena, &writes->list);
    *write = (struct store_write){.kind = STORE_PUT, .table = table, .item = row};
    return write;
}

struct store_write *s3_delete(struct s3_call *call, struct s3_writes *writes, str table,
    const struct json *pk, const struct json *sk)
{
    struct store_write *write = vec_push(call->arena, &writes->list);
    *write = (struct store_write){.kind = STORE_DELETE, .table = table, .pk = pk, .sk = sk};
    return write;
}

void s3_keep(
    struct s3_call *call, struct s3_writes *writes, const struct s3_bytes *bytes, struct json *row)
{
    bool small = bytes->small.len > 0;
    if (!small && bytes->blob.len == 0) {
        return;
    }
    check(!small || bytes->blob.len == 0);
    struct json *kept = json_object(call->arena);
    str id = small ? bytes->small : bytes->blob;
    json_set(kept, S("id"), s3_string(call, id));
    if (small) {
        json_set(kept, S("data"), s3_string(call, bytes->data));
    } else {
        json_set(kept, S("size"), json_int(call->arena, (i64)bytes->size));
    }
    s3_put(call, writes, small ? SMALL : BLOBS, kept)->only_absent = true;
    json_set(row, small ? S("small") : S("blob"), s3_string(call, id));
}

void s3_forget_own(struct s3_call *call, struct s3_writes *writes, const struct json *row)
{
    str small = json_get_str(row, S("small"));
    str blob = json_get_str(row, S("blob"));
    if (small.len > 0) {
        s3_delete(call, writes, SMALL, s3_string(call, small), NULL);
    }
    if (blob.len > 0) {
        s3_delete(call, writes, BLOBS, s3_string(call, blob), NULL);
        *vec_push(call->arena, &writes->blobs) = str_dup(call->arena, blob);
    }
}

err *s3_parts(struct s3_call *call, str upload, i64 from, struct store_page *page, i64 *next)
{
    struct store_query query = {.table = PARTS,
        .pk = s3_string(call, upload),
        .range = STORE_RANGE_GE,
        .sk_low = json_int(call->arena, from),
        .limit = PAGE_MAX};
    TRY(store_query(call->hub->store, call->arena, &query, page));
    *next = 0;
    if (page->next_token.len > 0 && page->count > 0) {
        *next = json_get_int(page->items[page->count - 1], S("number"), 0) + 1;
    }
    return NULL;
}

void s3_forget(struct s3_call *call, struct s3_writes *writes, const struct json *row)
{
    str upload = json_get_str(row, S("upload"));
    s3_forget_own(call, writes, row);
    if (upload.len > 0) {
        struct json *gone = json_object(call->arena);
        upload = str_dup(call->arena, upload);
        json_set(gone, S("id"), s3_string(call, upload));
        s3_put(call, writes, GONE, gone);
        *vec_push(call->arena, &writes->uploads) = upload;
    }
}

err *s3_commit(struct s3_call *call, struct s3_writes *writes, size_t *failed)
{
    if (writes->list.count == 0) {
        return NULL;
    }
    TRY(blob_will_remove(call->hub->blobs, call->arena, writes->blobs.items, writes->blobs.count));
    TRY(store_write(call->hub->store, call->arena, writes->list.items, writes->list.count, failed));
    blob_remove(call->hub->blobs, writes->blobs.items, writes->blobs.count);
    if (writes->events > 0) {
        atomic_fetch_add(&call->hub->events_known, (long long)writes->events);
        s3_events_wanted(call->hub);
    }
    for (size_t i = 0; i < writes->uploads.count; i++) {
        s3_drop_parts(call->hub, writes->uploads.items[i]);
    }
    return NULL;
}

// ---- reading -----------------------------------------------------------------------------------

err *s3_read_small(struct s3_call *call, const struct json *bytes, str *out)
{
    struct json *row = NULL;
    str id = json_get_str(bytes, S("small"));
    *out = (str){};
    if (id.len == 0) {
        return NULL;
    }
    struct s3_cache *cache = s3_here(call->hub)->cache;
    if (s3_cache_get(cache, call->arena, id, out)) {
        return NULL;
    }
    TRY(store_get(call->hub->store, call->arena, SMALL, s3_string(call, id), NULL, &row));
    if (row == NULL || !base64_decode(call->arena, json_get_str(row, S("data")), out)) {
        return fail(call->arena, ERR_NOT_FOUND, "the bytes are gone");
    }
    s3_cache_put(cache, id, *out);
    return NULL;
}

void s3_source_open(
    struct s3_call *call, const struct json *row, u64 from, u64 size, struct s3_source *out)
{
    *out = (struct s3_source){.call = call, .row = row, .at = from, .left = size, .next = 1};
    u64 uniform = (u64)json_get_int(row, S("partSize"), 0);
    if (uniform > 0) { // all parts but the last are of that size, numbered from 1
        out->next = (i64)(from / uniform) + 1;
        out->part_at = (from / uniform) * uniform;
    }
    str upload = json_get_str(row, S("upload"));
    out->held = upload.len > 0 && s3_hold_parts(call->hub, upload);
}

static err *find_bytes(struct s3_source *source, const struct json **bytes, u64 *offset) YIELDS;

// The row that names the bytes at the source's place, and where in them that is.
static err *find_bytes(struct s3_source *source, const struct json **bytes, u64 *offset)
{
    str upload = json_get_str(source->row, S("upload"));
    *bytes = source->row;
    *offset = source->at;
    if (upload.len > 0 && !source->held) {
        return fail(source->call->arena, ERR_NOT_FOUND, "parts are being removed");
    }
    while (upload.len > 0) {
        if (source->part == source->parts.count) {
            bool end = source->begun && source->next == 0;
            if (end) {
                return fail(source->call->arena, ERR_NOT_FOUND, "parts are gone");
            }
            TRY(s3_parts(source->call, upload, source->next, &source->parts, &source->next));
            source->begun = true;
            source->part = 0;
            continue;
        }
        u64 size = (u64)json_get_int(source->parts.items[source->part], S("size"), 0);
        if (source->at < source->part_at + size) {
            *bytes = source->parts.items[source->part];
            *offset = source->at - source->part_at;
            return NULL;
        }
        source->part_at += size;
        source->part++;
    }
    return NULL;
}

static void close_reader(struct s3_source *source)
{
    blob_reader_close(source->reader);
    source->reader = NULL;
    source->open = NULL;
}

err *s3_source_read(struct s3_source *source, void *bytes, size_t size, size_t *got)
{
    struct s3_call *call = source->call;
    const struct json *row = NULL;
    u64 offset = 0;
    *got = 0;
    if (source->left == 0) {
        return NULL;
    }
    TRY(find_bytes(source, &row, &offset));
    u64 there = (u64)json_get_int(row, S("size"), 0) - offset;
    size_t some = source->left < size ? (size_t)source->left : size;
    some = there < some ? (size_t)there : some;
    if (json_get_str(row, S("blob")).len > 0) {
        if (source->open != row) {
            close_reader(source);
            TRY(blob_reader_open(
                call->hub->blobs, call->arena, json_get_str(row, S("blob")), &source->reader));
            source->open = row;
            u64 wanted = source->left < there ? source->left : there;
            TRY(blob_reader_expect(source->reader, call->arena, offset, wanted));
        }
        struct arena_mark mark = arena_mark(call->arena);
        TRY(blob_read(source->reader, call->arena, offset, bytes, some, got));
        arena_rewind(call->arena, mark);
    } else {
        str small = {};
        TRY(s3_read_small(call, row, &small));
        small = str_sub(small, (size_t)offset, (size_t)offset + some);
        memcpy(bytes, small.ptr, small.len);
        *got = small.len;
    }
    if (*got == 0) {
        return fail(call->arena, ERR_IO, "bytes are missing behind an object's row");
    }
    source->at += *got;
    source->left -= *got;
    return NULL;
}

void s3_source_close(struct s3_source *source)
{
    close_reader(source);
    if (source->held) {
        s3_release_parts(source->call->hub, json_get_str(source->row, S("upload")));
        source->held = false;
    }
}

err *s3_part_span(struct s3_call *call, const struct json *row, i64 number, u64 *from, u64 *size)
{
    str upload = json_get_str(row, S("upload"));
    i64 seen = 0;
    i64 next = 1;
    u64 at = 0;
    *from = 0;
    *size = (u64)json_get_int(row, S("size"), 0);
    while (upload.len > 0 && next > 0) {
        struct store_page page = {};
        struct arena_mark mark = arena_mark(call->arena);
        TRY(s3_parts(call, upload, next, &page, &next));
        for (size_t i = 0; i < page.count; i++) {
            *from = at;
            *size = (u64)json_get_int(page.items[i], S("size"), 0);
            at += *size;
            if (++seen == number) {
                return NULL;
            }
        }
        arena_rewind(call->arena, mark);
    }
    return number == 1 && upload.len == 0 ? NULL
                                          : s3_refuse(call->arena, "InvalidPartNumber", "%s", "");
}
