// Getting objects: conditions, ranges, headers, bytes.
#include "object/object_int.h"

#include <time.h>

enum { TRIES = 5, SPAN = 1024 * 1024 };

static str http_time(struct arena *arena, i64 ms)
{
    char text[64];
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return str_dup(arena, (str){text, size});
}

static bool parse_http_time(str text, i64 *seconds)
{
    char copy[64] = {};
    struct tm parts = {};
    if (text.len == 0 || text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (end == NULL || *end != '\0') {
        return false;
    }
    *seconds = timegm(&parts);
    return true;
}

// ---- conditions --------------------------------------------------------------------------------

static bool etag_listed(str list, str etag)
{
    str rest = list;
    str one = {};
    while (str_next(&rest, ',', &one)) {
        one = str_trim(one);
        one = str_starts(one, S("W/")) ? str_sub(one, 2, one.len) : one;
        one = one.len >= 2 && one.ptr[0] == '"' ? str_sub(one, 1, one.len - 1) : one;
        if (str_eq(one, S("*")) || str_eq(one, etag)) {
            return true;
        }
    }
    return false;
}

// 0: go on; 304; 412. A condition on the tag wins over the one on the time beside it.
static int precondition(const struct s3_call *call, const struct json *row)
{
    const struct http_req *req = call->req;
    str etag = json_get_str(row, S("etag"));
    i64 modified = json_get_int(row, S("modified"), 0) / 1000;
    str match = http_header(req, S("if-match"));
    str none = http_header(req, S("if-none-match"));
    i64 time = 0;
    if (match.len > 0 ? !etag_listed(match, etag)
                      : parse_http_time(http_header(req, S("if-unmodified-since")), &time) &&
                            modified > time) {
        return 412;
    }
    if (none.len > 0 ? etag_listed(none, etag)
                     : parse_http_time(http_header(req, S("if-modified-since")), &time) &&
                           modified <= time) {
        return 304;
    }
    return 0;
}

// ---- ranges ------------------------------------------------------------------------------------

struct range {
    bool given;
    u64 from;
    u64 size;
};

static bool parse_number(str text, u64 *out)
{
    i64 number = 0;
    if (text.len == 0 || text.len > 18 || !str_to_i64(text, &number) || number < 0 ||
        text.ptr[0] == '+') {
        return false;
    }
    *out = (u64)number;
    return true;
}

// One range; several, or what is no range, are as if there were none.
static err *read_range(struct s3_call *call, u64 size, struct range *out)
{
    str text = http_header(call->req, S("range"));
    str first = {};
    u64 from = 0;
    u64 to = 0;
    *out = (struct range){.size = size};
    if (!str_starts(text, S("bytes=")) || str_find_char(text, ',') >= 0) {
        return NULL;
    }
    str last = str_sub(text, S("bytes=").len, text.len);
    ptrdiff_t dash = str_find_char(last, '-');
    if (dash < 0) {
        return NULL;
    }
    first = str_sub(last, 0, (size_t)dash);
    last = str_sub(last, (size_t)dash + 1, last.len);
    bool has_from = parse_number(first, &from);
    bool has_to = parse_number(last, &to);
    if ((first.len > 0 && !has_from) || (last.len > 0 && !has_to) || (!has_from && !has_to) ||
        (has_from && has_to && to < from)) {
        return NULL;
    }
    if (!has_from) {
        from = to < size ? size - to : 0;
        to = size > 0 ? size - 1 : 0;
    } else if (!has_to || to >= size) {
        to = size > 0 ? size - 1 : 0;
    }
    if (from >= size || (!has_from && last.len > 0 && size > 0 && from == size)) {
        http_add_header(call->req, S("Content-Range"),
            str_fmt(call->arena, "bytes */%llu", (unsigned long long)size));
        return s3_refuse(call->arena, "InvalidRange", "%s", "");
    }
    *out = (struct range){.given = true, .from = from, .size = to - from + 1};
    return NULL;
}

// ---- headers -----------------------------------------------------------------------------------

static void add_overrides(struct s3_call *call, str *type)
{
    static const struct {
        const char *parameter;
        const char *header;
    } OVERRIDES[] = {{"response-cache-control", "Cache-Control"},
        {"response-content-disposition", "Content-Disposition"},
        {"response-content-encoding", "Content-Encoding"},
        {"response-content-language", "Content-Language"}, {"response-expires", "Expires"}};

    str value = {};
    for (size_t i = 0; i < countof(OVERRIDES); i++) {
        if (s3_query(call, OVERRIDES[i].parameter, &value)) {
            http_add_header(call->req, str_from(OVERRIDES[i].header), value);
        }
    }
    if (s3_query(call, "response-content-type", &value)) {
        *type = value;
    }
}

static bool is_overridden(struct s3_call *call, str name)
{
    str parameter = str_cat(call->arena, S("response-"), name);
    str value = {};
    return s3_query(call, str_cstr(call->arena, parameter), &value);
}

static void add_headers(struct s3_call *call, const struct json *row)
{
    struct arena *a = call->arena;
    struct http_req *req = call->req;
    http_add_header(req, S("ETag"), str_cat(a, S("\""), json_get_str(row, S("etag")), S("\"")));
    http_add_header(req, S("Last-Modified"), http_time(a, json_get_int(row, S("modified"), 0)));
    http_add_header(req, S("Accept-Ranges"), S("bytes"));
    http_add_header(req, S("x-amz-server-side-encryption"), S("AES256"));
    json_each (header, json_get(row, S("headers"))) {
        if (!is_overridden(call, header->key)) {
            http_add_header(req, header->key, header->text);
        }
    }
    json_each (meta, json_get(row, S("meta"))) {
        http_add_header(req, str_cat(a, S("x-amz-meta-"), meta->key), meta->text);
    }
}

static void add_checksums(struct s3_call *call, const struct json *row)
{
    struct arena *a = call->arena;
    if (!str_eq_nocase(http_header(call->req, S("x-amz-checksum-mode")), S("ENABLED"))) {
        return;
    }
    json_each (sum, json_get(row, S("sums"))) {
        http_add_header(
            call->req, str_cat(a, S("x-amz-checksum-"), str_lower(a, sum->key)), sum->text);
        str type = json_get_str(row, S("sumType"));
        http_add_header(
            call->req, S("x-amz-checksum-type"), type.len > 0 ? type : S("FULL_OBJECT"));
    }
}

// ---- bytes -------------------------------------------------------------------------------------

static err *send_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size) YIELDS;

// In spans that are seen to be in memory before: the loop never waits for the disk.
static err *send_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size)
{
    while (size > 0) {
        u64 some = size < SPAN ? size : SPAN;
        TRY(blob_warm(reader, call->arena, from, some));
        TRY(http_write_file(call->req, blob_reader_file(reader), from, some));
        from += some;
        size -= some;
    }
    return NULL;
}

static err *open_blob(
    struct s3_call *call, const struct json *bytes, struct blob_reader **out) YIELDS;

static err *open_blob(struct s3_call *call, const struct json *bytes, struct blob_reader **out)
{
    return blob_reader_open(call->hub->blobs, call->arena, json_get_str(bytes, S("blob")), out);
}

static err *read_small(struct s3_call *call, const struct json *bytes, str *out) YIELDS;

static err *read_small(struct s3_call *call, const struct json *bytes, str *out)
{
    struct json *row = NULL;
    str id = json_get_str(bytes, S("small"));
    if (id.len == 0) {
        *out = (str){};
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

static err *send_part(struct s3_call *call, const struct json *bytes, u64 from, u64 size) YIELDS;

static err *send_part(struct s3_call *call, const struct json *bytes, u64 from, u64 size)
{
    str small = {};
    struct blob_reader *reader = NULL;
    if (json_get_str(bytes, S("blob")).len == 0) {
        TRY(read_small(call, bytes, &small));
        return http_write(call->req, str_sub(small, (size_t)from, (size_t)(from + size)));
    }
    TRY(open_blob(call, bytes, &reader));
    err *e = send_blob(call, reader, from, size);
    blob_reader_close(reader);
    return e;
}

// Of an object that was put together of parts: those that the range touches.
static err *send_parts(
    struct s3_call *call, const struct json *row, const struct range *range) YIELDS;

static err *send_parts(struct s3_call *call, const struct json *row, const struct range *range)
{
    u64 at = 0;
    u64 end = range->from + range->size;
    json_each (part, json_get(row, S("parts"))) {
        u64 size = (u64)json_get_int(part, S("size"), 0);
        u64 from = range->from > at ? range->from - at : 0;
        u64 to = end < at + size ? end - at : size;
        if (from < size && at < end) {
            TRY(send_part(call, part, from, to - from));
        }
        at += size;
    }
    return NULL;
}

static err *send_bytes(
    struct s3_call *call, const struct json *row, const struct range *range, str type) YIELDS;

// The bytes are opened before the head is sent: until then the row can be looked up again, since an
// object may be replaced between its row and its bytes.
static err *send_bytes(
    struct s3_call *call, const struct json *row, const struct range *range, str type)
{
    struct http_req *req = call->req;
    struct blob_reader *reader = NULL;
    str small = {};
    bool blob = json_get_str(row, S("blob")).len > 0;
    bool parts = json_get(row, S("parts")) != NULL;
    int status = range->given ? 206 : 200;
    if (blob) {
        TRY(open_blob(call, row, &reader));
    } else if (!parts) {
        TRY(read_small(call, row, &small));
        small = str_sub(small, (size_t)range->from, (size_t)(range->from + range->size));
        return http_reply(req, status, type, small);
    }
    err *e = http_begin(req, status, type, range->size);
    if (e == NULL) {
        e = blob ? send_blob(call, reader, range->from, range->size) : send_parts(call, row, range);
    }
    blob_reader_close(reader);
    return e != NULL ? e : http_end(req);
}

// ---- get, head ---------------------------------------------------------------------------------

static err *answer(struct s3_call *call, const struct json *row) YIELDS;

static err *answer(struct s3_call *call, const struct json *row)
{
    struct range range = {};
    u64 size = (u64)json_get_int(row, S("size"), 0);
    str type = json_get_str(row, S("type"));
    int refused = precondition(call, row);
    if (refused == 412) {
        return s3_refuse(call->arena, "PreconditionFailed", "%s", "");
    }
    if (refused == 304) {
        add_headers(call, row);
        return http_reply_empty(call->req, 304);
    }
    TRY(read_range(call, size, &range));
    add_headers(call, row);
    add_overrides(call, &type);
    if (range.given) {
        http_add_header(call->req, S("Content-Range"),
            str_fmt(call->arena, "bytes %llu-%llu/%llu", (unsigned long long)range.from,
                (unsigned long long)(range.from + range.size - 1), (unsigned long long)size));
    } else {
        add_checksums(call, row);
    }
    if (call->req->method == HTTP_HEAD) {
        TRY(http_begin(call->req, range.given ? 206 : 200, type, range.size));
        return http_end(call->req);
    }
    return send_bytes(call, row, &range, type);
}

err *s3_get_object(struct s3_call *call)
{
    TRY(s3_allow(call, "s3:GetObject", call->key));
    for (int i = 0;; i++) {
        struct json *row = NULL;
        TRY(s3_find(call, call->bucket->name, call->key, (str){}, &row));
        if (row == NULL) {
            return s3_refuse(
                call->arena, s3_may_list(call, call->key) ? "NoSuchKey" : "AccessDenied", "%s", "");
        }
        err *e = answer(call, row);
        bool gone = e != NULL && e->code == ERR_NOT_FOUND && !http_has_begun(call->req);
        if (!gone || i == TRIES) {
            return e;
        }
    }
}
