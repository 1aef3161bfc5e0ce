// Do rows and bytes agree? Every row's bytes must be there with the row's size and, when they are
// read, with its digests; what no row names is nobody's. One check goes through everything
// (`ampd fsck`); the other one goes on for ever, an object at a time, beside the service.
#include "object/object_int.h"

#include <stdlib.h>

enum { PAGE = 200, HASHES_MAX = 256 * 1024 * 1024 };

struct walk { // of one check
    struct object_hub *hub;
    struct arena *arena; // of a page
    struct object_check *check;
    struct buf named;   // hashes of the ids of SMALL and BLOBS that rows name (u64)
    struct buf uploads; // and of uploads
    char *piece;        // PIECE bytes to read into, heap; NULL: not needed yet
};

// ---- telling -----------------------------------------------------------------------------------

static str where(struct walk *walk, const struct json *row)
{
    str bucket = json_get_str(row, S("bucket"));
    str path = json_get_str(row, S("path"));
    if (bucket.len > 0) {
        return str_cat(walk->arena, bucket, S("/"), json_get_str(row, S("key")));
    }
    return path.len > 0
               ? path
               : str_fmt(walk->arena, "part %lld of the upload %.*s",
                     (long long)json_get_int(row, S("number"), 0), PRI(json_get_str(row, S("id"))));
}

static void tell(struct walk *walk, str what, const char *why)
{
    check(walk->check->tell != NULL && why != NULL);
    walk->check->problems++;
    walk->check->tell(walk->check->arg, str_cat(walk->arena, what, S(": "), str_from(why)));
}

static void tell_damaged(struct walk *walk, const struct json *row, const char *why)
{
    walk->check->damaged++;
    tell(walk, where(walk, row), why);
}

// ---- bytes of a row ----------------------------------------------------------------------------

// Sums that the row tells of, apart from those that were taken of parts' sums.
static unsigned sums_of(const struct json *row)
{
    unsigned which = 0;
    bool composite = str_eq(json_get_str(row, S("sumType")), S("COMPOSITE"));
    for (size_t i = 0; i < countof(S3_CHECKSUMS) && !composite; i++) {
        bool kept = json_get(json_get(row, S("sums")), str_from(S3_CHECKSUMS[i].xml)) != NULL;
        which |= kept ? S3_CHECKSUMS[i].sum : 0;
    }
    return which;
}

static bool agree(struct walk *walk, const struct json *row, struct crypto_sums *sums, bool md5)
{
    u8 bytes[CRYPTO_SUM_MAX];
    unsigned which = sums_of(row);
    if (md5) {
        size_t size = crypto_sums_get(sums, CRYPTO_SUM_MD5, bytes);
        str hex = hex_encode(walk->arena, (str){(const char *)bytes, size});
        if (!str_eq(hex, json_get_str(row, S("etag")))) {
            return false;
        }
    }
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        str kept = json_get_str(json_get(row, S("sums")), str_from(S3_CHECKSUMS[i].xml));
        if ((which & S3_CHECKSUMS[i].sum) != 0) {
            size_t size = crypto_sums_get(sums, S3_CHECKSUMS[i].sum, bytes);
            if (!str_eq(kept, base64_encode(walk->arena, (str){(const char *)bytes, size}))) {
                return false;
            }
        }
    }
    return true;
}

struct taken { // sums of a row's bytes, and of all parts' together
    struct crypto_sums *own;
    struct crypto_sums *all;
};

static char *piece_of(struct walk *walk)
{
    walk->piece = walk->piece != NULL ? walk->piece : mem_alloc(PIECE);
    return walk->piece;
}

struct adding { // on the worker pool
    const struct taken *taken;
    str bytes;
};

static void add_work(void *arg)
{
    struct adding *adding = arg;
    crypto_sums_add(adding->taken->own, adding->bytes);
    if (adding->taken->all != NULL) {
        crypto_sums_add(adding->taken->all, adding->bytes);
    }
}

static err *read_blob(struct walk *walk, struct blob_reader *reader, u64 size,
    const struct taken *taken, const char **why) YIELDS;

// *why is NULL when it has that size and, if sums are taken, could be read.
static err *read_blob(struct walk *walk, struct blob_reader *reader, u64 size,
    const struct taken *taken, const char **why)
{
    u64 there = 0;
    size_t got = 1;
    TRY(blob_reader_size(reader, walk->arena, &there));
    static const char *const OTHER =
        "its file has another size than its row says, or cannot be read";
    *why = there == size ? NULL : OTHER;
    for (u64 at = 0; *why == NULL && taken->own != NULL && at < size; at += got) {
        u64 left = size - at;
        err *e = blob_read(
            reader, walk->arena, at, piece_of(walk), left < PIECE ? (size_t)left : PIECE, &got);
        if (e != NULL && e->code != ERR_IO) {
            return e;
        }
        *why = e != NULL || got == 0 ? OTHER : NULL;
        struct adding adding = {taken, {walk->piece, got}};
        TRY(*why == NULL ? worker_run(add_work, &adding) : NULL);
    }
    walk->check->bytes += *why == NULL && taken->own != NULL ? size : 0;
    return NULL;
}

static err *look_at_blob(
    struct walk *walk, const struct json *row, const struct taken *taken, const char **why) YIELDS;

static err *look_at_blob(
    struct walk *walk, const struct json *row, const struct taken *taken, const char **why)
{
    struct object_hub *hub = walk->hub;
    str id = json_get_str(row, S("blob"));
    struct blob_reader *reader = NULL;
    struct json *kept = NULL;
    err *e = blob_reader_open(hub->blobs, walk->arena, id, &reader);
    e = e == NULL ? read_blob(walk, reader, (u64)json_get_int(row, S("size"), 0), taken, why) : e;
    blob_reader_close(reader);
    if (e != NULL) {
        *why = e->code == ERR_NOT_FOUND ? "its file is missing" : "its file cannot be opened";
        bool unknown = e->code == ERR_CANCELLED || e->code == ERR_UNAVAILABLE;
        return unknown ? e : NULL;
    }
    TRY(store_get(hub->store, walk->arena, BLOBS, json_string(walk->arena, id), NULL, &kept));
    if (*why == NULL && kept == NULL) {
        *why = "no row keeps its file";
    }
    return NULL;
}

static err *look_at_small(
    struct walk *walk, const struct json *row, const struct taken *taken, const char **why) YIELDS;

static err *look_at_small(
    struct walk *walk, const struct json *row, const struct taken *taken, const char **why)
{
    struct json *kept = NULL;
    str bytes = {};
    const struct json *id = json_get(row, S("small"));
    TRY(store_get(walk->hub->store, walk->arena, SMALL, id, NULL, &kept));
    if (kept == NULL) {
        *why = "its bytes are missing";
    } else if (!base64_decode(walk->arena, json_get_str(kept, S("data")), &bytes) ||
               bytes.len != (u64)json_get_int(row, S("size"), 0)) {
        *why = "it has another size than its row says";
    } else if (taken->own != NULL) {
        crypto_sums_add(taken->own, bytes);
        walk->check->bytes += bytes.len;
        if (taken->all != NULL) {
            crypto_sums_add(taken->all, bytes);
        }
    }
    return NULL;
}

// Looks at the bytes that a row names itself. *why: what is wrong, or NULL.
static err *look_at_own(
    struct walk *walk, const struct json *row, struct crypto_sums *all, const char **why) YIELDS;

static err *look_at_own(
    struct walk *walk, const struct json *row, struct crypto_sums *all, const char **why)
{
    err *e = NULL;
    bool blob = json_get_str(row, S("blob")).len > 0;
    bool small = json_get_str(row, S("small")).len > 0;
    struct taken taken = {.all = all};
    *why = NULL;
    if (walk->check->data) {
        taken.own = crypto_sums_new(CRYPTO_SUM_MD5 | sums_of(row));
    }
    if (blob) {
        e = look_at_blob(walk, row, &taken, why);
    } else if (small) {
        e = look_at_small(walk, row, &taken, why);
    } else if (json_get_int(row, S("size"), 0) != 0) {
        *why = "it names no bytes";
    }
    if (e == NULL && *why == NULL && taken.own != NULL &&
        !agree(walk, row, taken.own, str_find_char(json_get_str(row, S("etag")), '-') < 0)) {
        *why = "its bytes are not those that were stored";
    }
    crypto_sums_free(taken.own);
    return e;
}

static err *look_at_parts(
    struct walk *walk, const struct json *row, struct crypto_sums *all, const char **why) YIELDS;

// An object that was uploaded in parts.
static err *look_at_parts(
    struct walk *walk, const struct json *row, struct crypto_sums *all, const char **why)
{
    u64 size = 0;
    struct store_page page = {};
    check(all != NULL || !walk->check->data);
    struct store_query query = {.table = PARTS, .pk = json_get(row, S("upload")), .limit = PAGE};
    *why = NULL;
    do {
        query.page_token = page.next_token;
        TRY(store_query(walk->hub->store, walk->arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            struct arena_mark mark = arena_mark(walk->arena);
            size += (u64)json_get_int(page.items[i], S("size"), 0);
            if (all != NULL && *why == NULL) {
                TRY(look_at_own(walk, page.items[i], all, why));
            }
            arena_rewind(walk->arena, mark);
        }
    } while (page.next_token.len > 0);
    if (*why == NULL && size != (u64)json_get_int(row, S("size"), 0)) {
        *why = "parts of it are missing";
    }
    if (*why == NULL && all != NULL && !agree(walk, row, all, false)) {
        *why = "its bytes are not those that were stored";
    }
    return NULL;
}

// *why: what is wrong with an object or a part; NULL: nothing.
static err *look_at(struct walk *walk, const struct json *row, const char **why) YIELDS;

static err *look_at(struct walk *walk, const struct json *row, const char **why)
{
    if (json_get_str(row, S("upload")).len == 0) {
        return look_at_own(walk, row, NULL, why);
    }
    struct crypto_sums *all =
        walk->check->data ? crypto_sums_new(CRYPTO_SUM_MD5 | sums_of(row)) : NULL;
    err *e = look_at_parts(walk, row, all, why);
    crypto_sums_free(all);
    return e;
}

// ---- all of it ---------------------------------------------------------------------------------

static void name(struct buf *hashes, str id)
{
    if (id.len > 0) {
        u64 hash = str_hash(id);
        buf_add(hashes, (str){(const char *)&hash, sizeof(hash)});
    }
}

static int compare(const void *a, const void *b)
{
    u64 x = *(const u64 *)a;
    u64 y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static void sort(struct buf *hashes)
{
    check(hashes->len % sizeof(u64) == 0);
    if (hashes->len > 0) {
        qsort(hashes->ptr, hashes->len / sizeof(u64), sizeof(u64), compare);
    }
}

static bool is_named(const struct buf *hashes, str id)
{
    u64 hash = str_hash(id);
    check(id.len > 0);
    return hashes->len > 0 &&
           bsearch(&hash, hashes->ptr, hashes->len / sizeof(u64), sizeof(u64), compare) != NULL;
}

static err *each_row(
    struct walk *walk, str table, err *(*each)(struct walk *walk, const struct json *row)) YIELDS;

static err *each_row(
    struct walk *walk, str table, err *(*each)(struct walk *walk, const struct json *row))
{
    static const str SHORT[] = {S_INIT("id"), S_INIT("size")};
    struct store_query query = {.table = table, .limit = PAGE};
    bool of_bytes = str_eq(table, SMALL);
    query.attributes = of_bytes ? SHORT : NULL;
    query.attribute_count = of_bytes ? countof(SHORT) : 0;
    struct arena *outer = walk->arena;
    struct arena *pages[2] = {arena_new(), arena_new()}; // a token lives until the next page
    err *e = NULL;
    for (unsigned turn = 0;; turn++) {
        struct store_page page = {};
        walk->arena = pages[turn % 2];
        arena_reset(walk->arena);
        e = store_query(walk->hub->store, walk->arena, &query, &page);
        for (size_t i = 0; e == NULL && i < page.count; i++) {
            e = each(walk, page.items[i]);
        }
        query.page_token = page.next_token;
        if (e != NULL || page.next_token.len == 0) {
            break;
        }
    }
    e = e != NULL ? err_copy(outer, e) : NULL;
    walk->arena = outer;
    arena_free(pages[0]);
    arena_free(pages[1]);
    return e;
}

static err *check_object(struct walk *walk, const struct json *row) YIELDS
{
    const char *why = NULL;
    name(&walk->named, json_get_str(row, S("small")));
    name(&walk->named, json_get_str(row, S("blob")));
    name(&walk->uploads, json_get_str(row, S("upload")));
    walk->check->objects++;
    if (json_get_bool(row, S("marker"), false)) {
        return NULL; // of a deletion: it has no bytes
    }
    TRY(look_at(walk, row, &why));
    if (why != NULL) {
        tell_damaged(walk, row, why);
    }
    return NULL;
}

// The bytes of an object's parts have been read with the object.
static err *check_part(struct walk *walk, const struct json *row) YIELDS
{
    const char *why = NULL;
    bool data = walk->check->data;
    name(&walk->named, json_get_str(row, S("small")));
    name(&walk->named, json_get_str(row, S("blob")));
    walk->check->data = data && !is_named(&walk->uploads, json_get_str(row, S("id")));
    err *e = look_at(walk, row, &why);
    walk->check->data = data;
    if (e == NULL && why != NULL) {
        tell_damaged(walk, row, why);
    }
    return e;
}

static err *name_upload(struct walk *walk, const struct json *row) YIELDS
{
    name(&walk->uploads, json_get_str(row, S("id")));
    return NULL;
}

static err *forget_row(struct walk *walk, str table, const struct json *row, str sort_key) YIELDS;

// A row of nobody's.
static err *forget_row(struct walk *walk, str table, const struct json *row, str sort_key)
{
    struct store_write write = {.kind = STORE_DELETE, .table = table, .pk = json_get(row, S("id"))};
    write.sk = sort_key.len > 0 ? json_get(row, sort_key) : NULL;
    if (!walk->check->repair) {
        return NULL;
    }
    walk->check->repaired++;
    return store_write(walk->hub->store, walk->arena, &write, 1, NULL);
}

static err *check_owner(struct walk *walk, const struct json *row) YIELDS
{
    if (is_named(&walk->uploads, json_get_str(row, S("id")))) {
        return NULL;
    }
    tell(walk, where(walk, row), "nobody's part");
    return forget_row(walk, PARTS, row, S("number"));
}

static err *check_small(struct walk *walk, const struct json *row) YIELDS
{
    str id = json_get_str(row, S("id"));
    if (is_named(&walk->named, id)) {
        return NULL;
    }
    tell(walk, str_cat(walk->arena, S("bytes "), id), "nobody's");
    return forget_row(walk, SMALL, row, (str){});
}

static err *check_blob(struct walk *walk, const struct json *row) YIELDS
{
    str id = json_get_str(row, S("id"));
    if (is_named(&walk->named, id)) {
        return NULL;
    }
    tell(walk, str_cat(walk->arena, S("the row of blob "), id), "nobody's");
    return forget_row(walk, BLOBS, row, (str){});
}

static err *check_file(void *arg, str id) YIELDS
{
    struct walk *walk = arg;
    struct json *kept = NULL;
    check(id.len > 0);
    walk->check->files++;
    if (is_named(&walk->named, id)) {
        return NULL;
    }
    TRY(store_get(walk->hub->store, walk->arena, BLOBS, json_string(walk->arena, id), NULL, &kept));
    if (kept == NULL) {
        tell(walk, str_cat(walk->arena, S("the file of blob "), id), "nobody's");
        if (walk->check->repair) {
            blob_remove(walk->hub->blobs, &id, 1);
            walk->check->repaired++;
        }
    }
    return NULL;
}

static err *check_all(struct walk *walk) YIELDS;

static err *check_all(struct walk *walk)
{
    struct blob_walk files = {.each = check_file, .arg = walk};
    TRY(each_row(walk, OBJECTS, check_object));
    TRY(each_row(walk, VERSIONS, check_object));
    sort(&walk->uploads);
    TRY(each_row(walk, PARTS, check_part));
    TRY(each_row(walk, UPLOADS, name_upload));
    TRY(each_row(walk, GONE, name_upload));
    if (walk->named.overflow || walk->uploads.overflow) {
        return fail(walk->arena, ERR_TOO_LARGE, "there are too many objects for one check");
    }
    sort(&walk->named);
    sort(&walk->uploads);
    TRY(each_row(walk, PARTS, check_owner));
    TRY(each_row(walk, SMALL, check_small));
    TRY(each_row(walk, BLOBS, check_blob));
    return blob_store_walk(walk->hub->blobs, walk->arena, &files);
}

err *object_check(struct object_hub *hub, struct arena *arena, struct object_check *check)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    struct walk walk = {.hub = hub,
        .arena = arena,
        .check = check,
        .named = buf_heap(HASHES_MAX),
        .uploads = buf_heap(HASHES_MAX)};
    err *e = check_all(&walk);
    buf_free(&walk.named);
    buf_free(&walk.uploads);
    mem_free(walk.piece);
    return e;
}

// ---- beside the service ------------------------------------------------------------------------

static void log_damage(void *arg, str what)
{
    (void)arg;
    log_error("object.damaged", "%.*s", PRI(what));
}

// Is it still the present one? What was replaced while it was read is not damaged.
static err *is_present(struct walk *walk, const struct json *row, bool *present) YIELDS;

static err *is_present(struct walk *walk, const struct json *row, bool *present)
{
    struct json *now = NULL;
    TRY(store_get(walk->hub->store, walk->arena, OBJECTS, json_get(row, S("bucket")),
        json_get(row, S("key")), &now));
    *present = str_eq(json_get_str(now, S("rev")), json_get_str(row, S("rev")));
    return NULL;
}

static err *look_at_next(struct walk *walk, str *token) YIELDS;

static err *look_at_next(struct walk *walk, str *token)
{
    struct store_query query = {.table = OBJECTS, .limit = 1, .page_token = *token};
    struct store_page page = {};
    const char *why = NULL;
    TRY(store_query(walk->hub->store, walk->arena, &query, &page));
    *token = page.next_token;
    if (page.count == 0 || json_get_bool(page.items[0], S("marker"), false)) {
        return NULL;
    }
    TRY(look_at(walk, page.items[0], &why));
    if (why != NULL) {
        bool present = false;
        TRY(is_present(walk, page.items[0], &present));
        if (present) {
            tell_damaged(walk, page.items[0], why);
        }
    }
    return NULL;
}

void object_hub_watch(struct object_hub *hub, u64 every_ms, u64 rest_ms)
{
    check_magic(hub, OBJECT_HUB_MAGIC);
    struct object_check check = {.data = true, .tell = log_damage};
    struct arena *arenas[2] = {arena_new(), arena_new()}; // a token lives until the next page
    struct walk walk = {.hub = hub, .check = &check};
    str token = {};
    err *e = NULL;
    for (unsigned turn = 0; e == NULL || e->code != ERR_CANCELLED; turn++) {
        walk.arena = arenas[turn % 2];
        arena_reset(walk.arena);
        e = fiber_sleep(turn > 0 && token.len == 0 ? rest_ms : every_ms);
        e = e == NULL ? look_at_next(&walk, &token) : e;
        if (e != NULL && e->code != ERR_CANCELLED) {
            log_warn("object.check", "%.*s", PRI(e->text));
            token = (str){};
        }
    }
    mem_free(walk.piece);
    arena_free(arenas[0]);
    arena_free(arenas[1]);
}
