// Getting objects: conditions, ranges, headers, bytes.
#include "object/object_int.h"

#include <time.h>

enum { LOOKS = 5, SPAN = 1024 * 1024 }; // for an object that is replaced while it is looked up

str s3_http_time(struct arena *arena, i64 ms)
{
    char text[64];
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t size = strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return str_dup(arena, (str){text, size});
}

bool s3_parse_http_time(str text, i64 *seconds)
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

// A condition on the tag wins over the one on the time beside it.
int s3_precondition(const struct http_req *req, const struct json *row)
{
    str etag = json_get_str(row, S("etag"));
    i64 modified = json_get_int(row, S("modified"), 0) / 1000;
    str match = http_header(req, S("if-match"));
    str none = http_header(req, S("if-none-match"));
    i64 time = 0;
    if (match.len > 0 ? !s3_etag_listed(match, etag)
                      : s3_parse_http_time(http_header(req, S("if-unmodified-since")), &time) &&
                            modified > time) {
        return 412;
    }
    if (none.len > 0 ? s3_etag_listed(none, etag)
                     : s3_parse_http_time(http_header(req, S("if-modified-since")), &time) &&
                           modified <= time) {
        return 304;
    }
    return 0;
}

// ---- ranges ------------------------------------------------------------------------------------

// Digits; a number beyond all sizes is one.
static bool parse_number(str text, u64 *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        u64 digit = (u64)(text.ptr[i] - '0');
        *out = *out > (INT64_MAX - digit) / 10 ? INT64_MAX : *out * 10 + digit;
    }
    return text.len > 0;
}

// One range; several, or what is no range, are as if there were none.
err *s3_read_range(struct arena *arena, str text, u64 size, struct s3_range *out)
{
    str first = {};
    u64 from = 0;
    u64 to = 0;
    *out = (struct s3_range){.size = size};
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
        return s3_refuse(arena, "InvalidRange", "%s", "");
    }
    *out = (struct s3_range){.given = true, .from = from, .size = to - from + 1};
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
    if (call->param_count == 0) {
        return false;
    }
    str parameter = str_cat(call->arena, S("response-"), name);
    str value = {};
    return s3_query(call, str_cstr(call->arena, parameter), &value);
}

static void add_headers(struct s3_call *call, const struct json *row)
{
    struct arena *a = call->arena;
    struct http_req *req = call->req;
    http_add_header(req, S("ETag"), str_cat(a, S("\""), json_get_str(row, S("etag")), S("\"")));
    http_add_header(req, S("Last-Modified"), s3_http_time(a, json_get_int(row, S("modified"), 0)));
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
    const struct json *tags = json_get(row, S("tags"));
    if (tags != NULL && tags->count > 0) {
        http_add_header(req, S("x-amz-tagging-count"), str_fmt(a, "%u", tags->count));
    }
    if (json_get(row, S("version")) != NULL || call->is_versioned) {
        s3_tell_version(call, s3_version_of(row));
    }
}

static void add_checksums(struct s3_call *call, const struct json *row)
{
    if (str_eq_nocase(http_header(call->req, S("x-amz-checksum-mode")), S("ENABLED"))) {
        s3_tell_checksums(call, row);
    }
}

// ---- bytes -------------------------------------------------------------------------------------

static err *send_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size) YIELDS;

static err *pass_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size) YIELDS;

// What is no file here, piece by piece.
static err *pass_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size)
{
    char *piece = arena_alloc(call->arena, PIECE);
    while (size > 0) {
        size_t got = 0;
        struct arena_mark mark = arena_mark(call->arena);
        TRY(blob_read(reader, call->arena, from, piece, size < PIECE ? size : PIECE, &got));
        if (got == 0) {
            return fail(call->arena, ERR_IO, "bytes are missing behind an object's row");
        }
        arena_rewind(call->arena, mark);
        TRY(http_write(call->req, (str){piece, got}));
        from += got;
        size -= got;
    }
    return NULL;
}

// In spans that are seen to be in memory before: the loop never waits for the disk.
static err *send_blob(struct s3_call *call, struct blob_reader *reader, u64 from, u64 size)
{
    if (blob_reader_file(reader) < 0) {
        return pass_blob(call, reader, from, size);
    }
    while (size > 0) {
        u64 some = size < SPAN ? size : SPAN;
        TRY(blob_warm(reader, call->arena, from, some));
        TRY(http_write_file(call->req, blob_reader_file(reader), from, some));
        from += some;
        size -= some;
    }
    return NULL;
}

// What is read of an object, opened before the head of the answer is sent: until then the row can
// be looked up again, since an object may be replaced between its row and its bytes.
struct opened {
    struct blob_reader *reader; // NULL: it is no single blob
    str small;
    struct s3_source parts; // of an object that was put together of parts
    char *piece;            // NULL: it was not
    size_t got;             // first bytes of the parts
};

static err *open_bytes(struct s3_call *call, const struct json *row, const struct s3_range *range,
    struct opened *out) YIELDS;

static err *open_bytes(
    struct s3_call *call, const struct json *row, const struct s3_range *range, struct opened *out)
{
    str blob = json_get_str(row, S("blob"));
    *out = (struct opened){};
    if (json_get_str(row, S("upload")).len > 0) {
        out->piece = arena_alloc(call->arena, PIECE);
        s3_source_open(call, row, range->from, range->size, &out->parts);
        return s3_source_read(&out->parts, out->piece, PIECE, &out->got);
    }
    if (blob.len > 0) {
        TRY(blob_reader_open(call->hub->blobs, call->arena, blob, &out->reader));
        return blob_reader_expect(out->reader, call->arena, range->from, range->size);
    }
    TRY(s3_read_small(call, row, &out->small));
    out->small = str_sub(out->small, (size_t)range->from, (size_t)(range->from + range->size));
    return NULL;
}

static void close_bytes(struct opened *opened)
{
    blob_reader_close(opened->reader);
    s3_source_close(&opened->parts);
}

static err *send_parts(struct s3_call *call, struct opened *opened) YIELDS;

static err *send_parts(struct s3_call *call, struct opened *opened)
{
    while (opened->got > 0) {
        TRY(http_write(call->req, (str){opened->piece, opened->got}));
        TRY(s3_source_read(&opened->parts, opened->piece, PIECE, &opened->got));
    }
    return NULL;
}

static err *send_bytes(
    struct s3_call *call, struct opened *opened, const struct s3_range *range, str type) YIELDS;

static err *send_bytes(
    struct s3_call *call, struct opened *opened, const struct s3_range *range, str type)
{
    int status = range->given ? 206 : 200;
    if (opened->reader == NULL && opened->piece == NULL) {
        return http_reply(call->req, status, type, opened->small);
    }
    TRY(http_begin(call->req, status, type, range->size));
    TRY(opened->reader != NULL ? send_blob(call, opened->reader, range->from, range->size)
                               : send_parts(call, opened));
    return http_end(call->req);
}

// ---- get, head ---------------------------------------------------------------------------------

static err *choose_range(
    struct s3_call *call, const struct json *row, struct s3_range *range) YIELDS;

// By the header, or by the number of a part.
static err *choose_range(struct s3_call *call, const struct json *row, struct s3_range *range)
{
    str text = {};
    u64 number = 0;
    if (!s3_query(call, "partNumber", &text)) {
        u64 size = (u64)json_get_int(row, S("size"), 0);
        err *e = s3_read_range(call->arena, http_header(call->req, S("range")), size, range);
        if (e != NULL) {
            http_add_header(call->req, S("Content-Range"),
                str_fmt(call->arena, "bytes */%llu", (unsigned long long)size));
        }
        return e;
    }
    if (!str_to_u64(text, &number) || number < 1 || number > PARTS_MAX) {
        return s3_refuse(call->arena, "InvalidArgument",
            "Part number must be an integer between 1 and 10000, inclusive");
    }
    if (http_header(call->req, S("range")).len > 0) {
        return s3_refuse(call->arena, "InvalidRequest",
            "Cannot specify both Range header and partNumber query parameter");
    }
    TRY(s3_part_span(call, row, (i64)number, &range->from, &range->size));
    range->given = range->size > 0;
    return NULL;
}

static void tell_range(struct s3_call *call, const struct json *row, const struct s3_range *range)
{
    u64 size = (u64)json_get_int(row, S("size"), 0);
    i64 count = json_get_int(row, S("partCount"), 0);
    str text = {};
    if (range->given) {
        http_add_header(call->req, S("Content-Range"),
            str_fmt(call->arena, "bytes %llu-%llu/%llu", (unsigned long long)range->from,
                (unsigned long long)(range->from + range->size - 1), (unsigned long long)size));
    } else {
        add_checksums(call, row);
    }
    if (count > 0 && s3_query(call, "partNumber", &text)) {
        http_add_header(
            call->req, S("x-amz-mp-parts-count"), str_fmt(call->arena, "%lld", (long long)count));
    }
}

static err *answer(struct s3_call *call, const struct json *row) YIELDS;

static err *answer(struct s3_call *call, const struct json *row)
{
    struct s3_range range = {};
    struct opened opened = {};
    str type = json_get_str(row, S("type"));
    int refused = s3_precondition(call->req, row);
    if (refused == 412) {
        return s3_refuse(call->arena, "PreconditionFailed", "%s", "");
    }
    if (refused == 304) {
        add_headers(call, row);
        return http_reply_empty(call->req, 304);
    }
    TRY(choose_range(call, row, &range));
    bool head = call->req->method == HTTP_HEAD;
    err *e = head ? NULL : open_bytes(call, row, &range, &opened);
    if (e == NULL) {
        add_headers(call, row);
        add_overrides(call, &type);
        tell_range(call, row, &range);
        e = !head ? send_bytes(call, &opened, &range, type)
                  : http_begin(call->req, range.given ? 206 : 200, type, range.size);
        e = e == NULL && head ? http_end(call->req) : e;
    }
    close_bytes(&opened);
    return e;
}

err *s3_get_object(struct s3_call *call)
{
    str version = {};
    enum s3_versioning state = S3_UNVERSIONED;
    (void)s3_query(call, "versionId", &version);
    TRY(s3_allow(call, version.len > 0 ? "s3:GetObjectVersion" : "s3:GetObject", call->key));
    TRY(s3_versioning(call, call->bucket->name, &state));
    call->is_versioned = state != S3_UNVERSIONED;
    for (int i = 0;; i++) {
        struct json *row = NULL;
        TRY(s3_find_object(call, version, &row));
        err *e = answer(call, row);
        bool gone = e != NULL && e->code == ERR_NOT_FOUND && !http_has_begun(call->req);
        if (!gone || i == LOOKS) {
            return e;
        }
    }
}
