// Removing blobs of the upstream, and going through what lies there: for checks, and for the sweep
// of what nobody names.
#include "blob/blob_int.h"

#include <time.h>

enum { LIST_MAX = 4 * 1024 * 1024, BATCH_MAX = 1000 };

static const u64 OWN_AGE_MS = 3600 * 1000; // before a transaction is certainly over

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

static str batch_of(
    struct blob_upstream *upstream, struct arena *arena, const str *ids, size_t count)
{
    struct buf out = buf_in(arena, 4 * 1024 * 1024);
    buf_add(&out, S("<Delete><Quiet>true</Quiet>"));
    for (size_t i = 0; i < count; i++) { // no key has a character that XML would not take
        buf_fmt(
            &out, "<Object><Key>%.*s</Key></Object>", PRI(blob_up_key(upstream, arena, ids[i])));
    }
    buf_add(&out, S("</Delete>"));
    check(!out.overflow);
    return buf_str(&out);
}

static err *try_batch(
    struct blob_upstream *upstream, struct arena *arena, const str *ids, size_t count) YIELDS;

// DeleteObjects.
static err *try_batch(
    struct blob_upstream *upstream, struct arena *arena, const str *ids, size_t count)
{
    u8 sha256[CRYPTO_SHA256_SIZE];
    u8 md5[CRYPTO_MD5_SIZE];
    str body = batch_of(upstream, arena, ids, count);
    str answer = {};
    bool again = false;
    struct http_exchange *exchange = NULL;
    struct http_client_res res = {};
    crypto_sha256(body, sha256);
    crypto_md5(body, md5);
    struct blob_up_call call = {.method = "POST",
        .query = S("delete="),
        .body_size = body.len,
        .body_sha256 = hex_encode(arena, (str){(const char *)sha256, sizeof(sha256)}),
        .headers = {{S("content-type"), S("application/xml")},
            {S("content-md5"), base64_encode(arena, (str){(const char *)md5, sizeof(md5)})}},
        .header_count = 2};
    TRY(blob_up_begin(upstream, arena, &call, &exchange));
    err *e = http_exchange_send(exchange, body);
    e = e == NULL ? blob_up_head(upstream, arena, &call, exchange, &res, &again) : e;
    e = e == NULL ? blob_up_rest(exchange, arena, LIST_MAX, &answer) : e;
    http_exchange_end(exchange);
    if (e == NULL && str_find(answer, S("<Error>")) >= 0) {
        log_warn("blob.remove", "some of %zu blobs are left for the next sweep", count);
    }
    return e;
}

static void remove_batch(struct blob_upstream *upstream, const str *ids, size_t count) YIELDS;

// One by one where many at once are not to be had.
static void remove_batch(struct blob_upstream *upstream, const str *ids, size_t count)
{
    struct arena *arena = arena_new();
    err *e = count > 1 ? try_batch(upstream, arena, ids, count) : NULL;
    bool down = e != NULL && (e->code == ERR_IO || e->code == ERR_TIMEOUT);
    if (down) {
        log_warn("blob.remove", "%zu blobs are left for the next sweep: %.*s", count, PRI(e->text));
    }
    for (size_t i = 0; i < count && !down && (count == 1 || e != NULL); i++) {
        remove_one(upstream, ids[i]);
    }
    arena_free(arena);
}

void blob_up_remove(struct blob_upstream *upstream, const str *ids, size_t count)
{
    struct arena *arena = arena_new();
    vec_of(str) batch = {};
    check_magic(upstream, BLOB_UPSTREAM_MAGIC);
    for (size_t i = 0; i < count; i++) {
        if (blob_is_remote(ids[i]) && !blob_up_is_read(upstream, ids[i], true)) {
            *vec_push(arena, &batch) = ids[i];
        }
        if (batch.count == BATCH_MAX || (i + 1 == count && batch.count > 0)) {
            remove_batch(upstream, batch.items, batch.count);
            batch.count = 0;
        }
    }
    arena_free(arena);
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
        if (old && blob_is_remote(entry->id) && !blob_up_is_read(upstream, entry->id, false) &&
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
