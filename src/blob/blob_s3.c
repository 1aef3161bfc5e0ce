// Requests to the upstream: signed with version 4, answers told apart, failures tried again.
#include "blob/blob_int.h"
#include "xml/xml.h"

#include <stdlib.h>
#include <time.h>

enum {
    ERROR_MAX = 16 * 1024, // of an error's text that is read
    WAIT_FIRST_MS = 200,
    WAIT_MAX_MS = 4000,
    SIGNED_MAX = 8, // headers
};

str blob_up_key(const struct blob_upstream *upstream, struct arena *arena, str id)
{
    return upstream->prefix.len > 0 ? str_cat(arena, upstream->prefix, S("/"), id)
                                    : str_dup(arena, id);
}

str blob_up_header(const struct http_client_res *res, str name)
{
    for (size_t i = 0; i < res->header_count; i++) {
        if (str_eq_nocase(res->headers[i].name, name)) {
            return res->headers[i].value;
        }
    }
    return (str){};
}

// ---- signing -----------------------------------------------------------------------------------

static str encode_path(struct arena *arena, str path)
{
    struct buf out = buf_in(arena, 8192);
    str part = {};
    while (str_next(&path, '/', &part)) {
        buf_add(&out, S("/"));
        buf_add(&out, http_url_encode(arena, part));
    }
    return buf_str(&out);
}

static str sha256_text(struct arena *arena, str text)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_sha256(text, digest);
    return hex_encode(arena, (str){(const char *)digest, sizeof(digest)});
}

static str signature_of(
    const struct blob_upstream *upstream, struct arena *arena, str date, str to_sign)
{
    u8 key[CRYPTO_SHA256_SIZE];
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_sigv4_key(upstream->secret, date, upstream->region, S("s3"), key);
    crypto_hmac_sha256((str){(const char *)key, sizeof(key)}, to_sign, digest);
    str signature = hex_encode(arena, (str){(const char *)digest, sizeof(digest)});
    crypto_wipe(key, sizeof(key));
    return signature;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct http_header *)a)->name, ((const struct http_header *)b)->name);
}

// Adds what signs the request to its headers, of which there is room for SIGNED_MAX.
static void sign(const struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, str path, struct http_client_req *req)
{
    char now[32];
    time_t seconds = (time_t)(time_now_ms() / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    str at = {now, strftime(now, sizeof(now), "%Y%m%dT%H%M%SZ", &parts)};
    str hash = call->body_sha256.len > 0 ? call->body_sha256 : sha256_text(arena, (str){});
    struct http_header *headers = req->headers;
    check(req->header_count + 4 <= SIGNED_MAX);
    headers[req->header_count++] = (struct http_header){S("host"), upstream->host};
    headers[req->header_count++] = (struct http_header){S("x-amz-content-sha256"), hash};
    headers[req->header_count++] = (struct http_header){S("x-amz-date"), str_dup(arena, at)};
    qsort(headers, req->header_count, sizeof(*headers), by_name);
    struct buf canonical = buf_in(arena, 1 << 16);
    struct buf names = buf_in(arena, 4096);
    buf_fmt(&canonical, "%s\n%.*s\n%.*s\n", call->method, PRI(path), PRI(call->query));
    for (size_t i = 0; i < req->header_count; i++) {
        buf_fmt(&canonical, "%.*s:%.*s\n", PRI(headers[i].name), PRI(headers[i].value));
        buf_fmt(&names, "%s%.*s", i > 0 ? ";" : "", PRI(headers[i].name));
    }
    buf_fmt(&canonical, "\n%.*s\n%.*s", PRI(buf_str(&names)), PRI(hash));
    str date = str_sub(at, 0, 8);
    str scope = str_cat(arena, date, S("/"), upstream->region, S("/s3/aws4_request"));
    str to_sign = str_cat(arena, S("AWS4-HMAC-SHA256\n"), at, S("\n"), scope, S("\n"),
        sha256_text(arena, buf_str(&canonical)));
    headers[req->header_count++] = (struct http_header){S("authorization"),
        str_cat(arena, S("AWS4-HMAC-SHA256 Credential="), upstream->access_key_id, S("/"), scope,
            S(", SignedHeaders="), buf_str(&names), S(", Signature="),
            signature_of(upstream, arena, date, to_sign))};
}

err *blob_up_begin(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange **out)
{
    check_magic(upstream, BLOB_UPSTREAM_MAGIC);
    str name =
        call->key.len > 0 ? str_cat(arena, upstream->bucket, S("/"), call->key) : upstream->bucket;
    str path = encode_path(arena, name);
    struct http_client_req *req = arena_new_of(arena, struct http_client_req);
    *req = (struct http_client_req){.method = str_from(call->method),
        .url = str_cat(
            arena, upstream->endpoint, path, call->query.len > 0 ? S("?") : S(""), call->query),
        .headers = arena_array(arena, struct http_header, SIGNED_MAX),
        .timeout_ms = upstream->idle_ms,
        .ca_pem = upstream->ca_pem};
    for (; req->header_count < call->header_count; req->header_count++) {
        req->headers[req->header_count] = call->headers[req->header_count];
    }
    sign(upstream, arena, call, path, req);
    return http_exchange_begin(arena, req, call->body_size, out);
}

// ---- answers -----------------------------------------------------------------------------------

err *blob_up_rest(struct http_exchange *exchange, struct arena *arena, size_t max, str *out)
{
    struct buf text = buf_in(arena, max);
    char piece[4096];
    size_t got = 0;
    do {
        TRY(http_exchange_read(exchange, piece, sizeof(piece), &got));
        buf_add(&text, (str){piece, got});
        if (text.overflow) {
            return fail(arena, ERR_TOO_LARGE, "the answer is larger than %zu bytes", max);
        }
    } while (got > 0);
    *out = buf_str(&text);
    return NULL;
}

static err *refusal(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange *exchange, int status) YIELDS;

// What the upstream says of a request that it has not carried out.
static err *refusal(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange *exchange, int status)
{
    str text = {};
    struct xml_node *root = NULL;
    str code = S("no error of S3's");
    str message = {};
    err *e = blob_up_rest(exchange, arena, ERROR_MAX, &text);
    if (e != NULL && e->code == ERR_CANCELLED) {
        return e;
    }
    if (e == NULL && xml_read(arena, text, &root) == NULL && xml_child(root, "Code").len > 0) {
        code = xml_child(root, "Code");
        message = xml_child(root, "Message");
    }
    bool gone = status == 404 && !str_eq(code, S("NoSuchBucket"));
    return fail(arena, gone ? ERR_NOT_FOUND : ERR_UNAVAILABLE,
        "%s at %.*s (bucket %.*s): %d %.*s%s%.*s", call->method, PRI(upstream->host),
        PRI(upstream->bucket), status, PRI(str_sub(code, 0, 64)), message.len > 0 ? ": " : "",
        PRI(str_sub(message, 0, 200)));
}

static bool is_passing(int status)
{
    return status >= 500 || status == 429 || status == 408;
}

// Of what has not come to an answer.
static bool is_lost(const err *e)
{
    return e->code == ERR_IO || e->code == ERR_TIMEOUT;
}

err *blob_up_head(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, struct http_exchange *exchange, struct http_client_res *res,
    bool *again)
{
    err *e = http_exchange_head(exchange, res);
    *again = e != NULL && is_lost(e);
    TRY(e);
    *again = is_passing(res->status);
    return res->status < 300 || res->status == 416
               ? NULL
               : refusal(upstream, arena, call, exchange, res->status);
}

static err *fetch(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, size_t max, struct http_client_res *out, bool *again) YIELDS;

static err *fetch(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, size_t max, struct http_client_res *out, bool *again)
{
    struct http_exchange *exchange = NULL;
    TRY(blob_up_begin(upstream, arena, call, &exchange));
    err *e = blob_up_head(upstream, arena, call, exchange, out, again);
    if (e == NULL) {
        e = blob_up_rest(exchange, arena, max, &out->body);
        *again = e != NULL && is_lost(e);
    }
    http_exchange_end(exchange);
    return e;
}

err *blob_up_wait(
    struct blob_upstream *upstream, struct blob_up_patience *patience, bool again, bool *go_on)
{
    u64 now = time_mono_us();
    u8 chance = 0;
    if (patience->until_us == 0) {
        *patience = (struct blob_up_patience){now + upstream->patience_ms * 1000, WAIT_FIRST_MS};
    }
    u64 wait_ms = patience->wait_ms;
    *go_on = again && now + wait_ms * 1000 < patience->until_us;
    patience->wait_ms = wait_ms * 2 < WAIT_MAX_MS ? wait_ms * 2 : WAIT_MAX_MS;
    random_bytes(&chance, sizeof(chance)); // many shall not come back at the same moment
    return *go_on ? fiber_sleep(wait_ms * 3 / 4 + wait_ms * chance / 512) : NULL;
}

err *blob_up_fetch(struct blob_upstream *upstream, struct arena *arena,
    const struct blob_up_call *call, size_t max, struct http_client_res *out)
{
    struct blob_up_patience patience = {};
    bool go_on = true;
    err *e = NULL;
    while (go_on) {
        bool again = false;
        e = fetch(upstream, arena, call, max, out, &again);
        if (e == NULL) {
            return NULL;
        }
        TRY(blob_up_wait(upstream, &patience, again, &go_on));
    }
    return e;
}

err *blob_up_error(struct arena *arena, const char *doing, const err *cause)
{
    if (cause->code == ERR_CANCELLED || cause->code == ERR_CLOSED || cause->code == ERR_NOT_FOUND) {
        return err_copy(arena, cause);
    }
    log_error("blob.upstream", "%s: %.*s", doing, PRI(cause->text));
    return fail(arena, ERR_UNAVAILABLE,
        "The store behind this server does not take requests at the moment. Please try again.");
}

// ---- lists -------------------------------------------------------------------------------------

// "2026-01-31T12:00:00.000Z"; 0 for what is no time.
static u64 parse_time(str text)
{
    char copy[32] = {};
    struct tm parts = {};
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return 0;
    }
    memcpy(copy, text.ptr, text.len);
    const char *end = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    time_t seconds = end != NULL && (*end == '.' || *end == 'Z') ? timegm(&parts) : 0;
    return seconds > 0 ? (u64)seconds * 1000 : 0;
}

// As they are made here: what else lies there is not ours.
static bool is_id(str text)
{
    bool plain = blob_is_remote(text) && text.len < BLOB_ID_MAX;
    for (size_t i = 3; plain && i < text.len; i++) {
        plain = text.ptr[i] != '\0' && strchr("0123456789abcdef-", text.ptr[i]) != NULL;
    }
    return plain;
}

err *blob_list_read(struct arena *arena, str xml, str prefix, struct blob_list *out)
{
    struct xml_node *root = NULL;
    *out = (struct blob_list){};
    TRY(xml_read(arena, xml, &root));
    if (!str_eq(root->name, S("ListBucketResult"))) {
        return fail(arena, ERR_SYNTAX, "the answer is no list of objects");
    }
    for (const struct xml_node *at = root->child; at != NULL; at = at->next) {
        str key = xml_child(at, "Key");
        u64 modified = parse_time(xml_child(at, "LastModified"));
        str id = str_sub(key, prefix.len, key.len);
        bool ours = str_starts(key, prefix) && is_id(id) && modified > 0;
        if (str_eq(at->name, S("Contents")) && ours) {
            *vec_push(arena, &out->entries) = (struct blob_list_entry){id, modified};
        }
    }
    if (str_eq(xml_child(root, "IsTruncated"), S("true"))) {
        out->next = xml_child(root, "NextContinuationToken");
        if (out->next.len == 0) {
            return fail(arena, ERR_SYNTAX, "the list does not say how it goes on");
        }
    }
    return NULL;
}
