// Copies: of objects, and of their bytes into parts. The bytes are copied, since each object owns
// its own; its tag is then the MD5 of the whole, as S3 has it.
#include "object/object_int.h"

static const u64 COPY_MAX = 5ULL * 1024 * 1024 * 1024;

struct copy {
    struct s3_call *call;
    str bucket;
    str key;
    str version;
    struct json *row;
};

// ---- the source --------------------------------------------------------------------------------

// "/bucket/key?versionId=..."
static err *split_source(struct copy *copy, str text)
{
    struct arena *a = copy->call->arena;
    str rest = str_starts(text, S("/")) ? str_sub(text, 1, text.len) : text;
    ptrdiff_t mark = str_find(rest, S("?versionId="));
    if (mark >= 0) {
        str version = str_sub(rest, (size_t)mark + S("?versionId=").len, rest.len);
        rest = str_sub(rest, 0, (size_t)mark);
        if (!http_url_decode(a, version, false, &copy->version)) {
            return s3_refuse(a, "InvalidArgument", "Invalid version id specified");
        }
    }
    str key = rest;
    bool cut = str_next(&key, '/', &copy->bucket) && key.len > 0;
    if (!cut || copy->bucket.len == 0) {
        return s3_refuse(a, "InvalidArgument", "Invalid copy source object key");
    }
    copy->key = key;
    return NULL;
}

static err *look(struct copy *copy, str bucket, str key) YIELDS;

static err *look(struct copy *copy, str bucket, str key)
{
    struct s3_call *call = copy->call;
    if (key.len == 0 || key.len > KEY_MAX || !str_is_utf8(key) ||
        s3_bucket(call->service, bucket) == NULL) {
        return NULL;
    }
    return s3_find(call, bucket, key, copy->version, &copy->row);
}

static err *allow_source(struct copy *copy)
{
    struct s3_call source = *copy->call;
    source.bucket_name = copy->bucket;
    source.key = copy->key;
    return s3_allow(
        &source, copy->version.len > 0 ? "s3:GetObjectVersion" : "s3:GetObject", copy->key);
}

static err *refuse_source(struct copy *copy)
{
    struct s3_call source = *copy->call;
    if (s3_bucket(source.service, copy->bucket) == NULL) {
        return s3_refuse(source.arena, "NoSuchBucket", "%s", "");
    }
    source.bucket_name = copy->bucket;
    bool told = s3_may_list(&source, copy->key);
    return s3_refuse(source.arena,
        !told                   ? "AccessDenied"
        : copy->version.len > 0 ? "NoSuchVersion"
                                : "NoSuchKey",
        "%s", "");
}

// Clients encode the name, or do not (Amplify's): the decoded one counts, unless only the other is
// there.
static err *find_source(struct copy *copy) YIELDS;

static err *find_source(struct copy *copy)
{
    struct arena *a = copy->call->arena;
    str raw = copy->key;
    str key = {};
    str bucket = {};
    str text = http_header(copy->call->req, S("x-amz-copy-source"));
    TRY(split_source(copy, text));
    raw = copy->key;
    if (str_find(text, S("%2F")) >= 0 && str_find_char(text, '/') < 0) {
        return s3_refuse(a, "InvalidArgument", "Invalid copy source encoding.");
    }
    bool decoded = http_url_decode(a, copy->key, false, &key) &&
                   http_url_decode(a, copy->bucket, false, &bucket);
    if (decoded) {
        copy->bucket = bucket;
        copy->key = key;
        TRY(allow_source(copy));
        TRY(look(copy, bucket, key));
    }
    if (copy->row == NULL && (!decoded || !str_eq(raw, key))) {
        str named = copy->key;
        copy->key = raw;
        err *e = allow_source(copy);
        e = e == NULL ? look(copy, copy->bucket, raw) : e;
        if (e != NULL && !decoded) {
            return e;
        }
        copy->key = copy->row == NULL ? named : raw;
    }
    if (copy->row == NULL) {
        return refuse_source(copy);
    }
    if (s3_is_marker(copy->row)) {
        return copy->version.len > 0
                   ? s3_refuse(a, "InvalidRequest",
                         "The source of a copy request may not specifically refer to a delete "
                         "marker by version id.")
                   : refuse_source(copy);
    }
    return NULL;
}

static err *check_conditions(struct copy *copy)
{
    struct http_req *req = copy->call->req;
    str etag = json_get_str(copy->row, S("etag"));
    i64 modified = json_get_int(copy->row, S("modified"), 0) / 1000;
    str match = http_header(req, S("x-amz-copy-source-if-match"));
    str none = http_header(req, S("x-amz-copy-source-if-none-match"));
    str since = http_header(req, S("x-amz-copy-source-if-modified-since"));
    str until = http_header(req, S("x-amz-copy-source-if-unmodified-since"));
    i64 time = 0;
    bool failed = match.len > 0 ? !s3_etag_listed(match, etag)
                                : s3_parse_http_time(until, &time) && modified > time;
    failed = failed || (none.len > 0 ? s3_etag_listed(none, etag)
                                     : s3_parse_http_time(since, &time) && modified <= time);
    return failed ? s3_refuse(copy->call->arena, "PreconditionFailed", "%s", "") : NULL;
}

// ---- bytes -------------------------------------------------------------------------------------

static err *read_source(void *arg, void *bytes, size_t size, size_t *got) YIELDS
{
    return s3_source_read(arg, bytes, size, got);
}

static err *copy_bytes(
    struct copy *copy, u64 from, u64 size, unsigned wanted, struct s3_bytes *out) YIELDS;

static err *copy_bytes(struct copy *copy, u64 from, u64 size, unsigned wanted, struct s3_bytes *out)
{
    struct s3_source source;
    struct s3_input input = {.arg = &source, .read = read_source, .size = size};
    s3_source_open(copy->call, copy->row, from, size, &source);
    struct crypto_sums *sums = crypto_sums_new(CRYPTO_SUM_MD5 | wanted);
    err *e = s3_take(copy->call, &input, sums, out);
    if (e == NULL) {
        out->checksums = s3_sums_json(copy->call->arena, sums, wanted);
    }
    crypto_sums_free(sums);
    s3_source_close(&source);
    if (e != NULL && e->code == ERR_NOT_FOUND) {
        return s3_refuse(copy->call->arena, "ConditionalRequestConflict", "%s", "");
    }
    return e;
}

// ---- objects -----------------------------------------------------------------------------------

struct directives {
    bool replace; // what headers say takes the place of the source's
    bool retag;
};

static err *read_directive(struct s3_call *call, str name, bool *replace)
{
    str text = http_header(call->req, name);
    *replace = str_eq(text, S("REPLACE"));
    if (text.len > 0 && !*replace && !str_eq(text, S("COPY"))) {
        return s3_refuse(call->arena, "InvalidArgument", "Unknown %s directive.",
            str_eq(name, S("x-amz-tagging-directive")) ? "tagging" : "metadata");
    }
    return NULL;
}

static err *check_self(struct copy *copy, const struct directives *directives)
{
    struct s3_call *call = copy->call;
    bool same = str_eq(copy->bucket, call->bucket_name) && str_eq(copy->key, call->key) &&
                copy->version.len == 0;
    bool changed = directives->replace || directives->retag ||
                   http_header(call->req, S("x-amz-storage-class")).len > 0 ||
                   http_header(call->req, S("x-amz-checksum-algorithm")).len > 0 ||
                   http_header(call->req, S("x-amz-server-side-encryption")).len > 0 ||
                   http_header(call->req, S("x-amz-website-redirect-location")).len > 0;
    return !same || changed
               ? NULL
               : s3_refuse(call->arena, "InvalidRequest",
                     "This copy request is illegal because it is trying to copy an object to "
                     "itself without changing the object's metadata, storage class, website "
                     "redirect location or encryption attributes.");
}

// The sum that was asked for, or that the source has.
static err *wanted_sums(struct copy *copy, unsigned *out)
{
    str name = http_header(copy->call->req, S("x-amz-checksum-algorithm"));
    const struct s3_checksum *checksum = s3_checksum_of(name);
    if (name.len > 0 && checksum == NULL) {
        return s3_refuse(copy->call->arena, "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            "types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    }
    *out = checksum != NULL ? checksum->sum : 0;
    json_each (sum, json_get(copy->row, S("sums"))) {
        const struct s3_checksum *known = s3_checksum_of(sum->key);
        *out |= checksum == NULL && known != NULL ? known->sum : 0;
    }
    return NULL;
}

static void tell_sums(
    struct s3_call *call, struct s3_xml *xml, const struct json *sums, const char *type)
{
    json_each (sum, sums) {
        xml_text(
            xml, str_cstr(call->arena, str_cat(call->arena, S("Checksum"), sum->key)), sum->text);
        if (type != NULL) {
            xml_text(xml, "ChecksumType", str_from(type));
        }
    }
}

static err *tell_copied(struct copy *copy, const struct s3_bytes *bytes, bool part) YIELDS;

static err *tell_copied(struct copy *copy, const struct s3_bytes *bytes, bool part)
{
    struct s3_call *call = copy->call;
    struct s3_xml xml = {};
    const char *root = part ? "CopyPartResult" : "CopyObjectResult";
    struct buf out = s3_xml_begin(call, &xml, root);
    xml.out = &out;
    xml_text(&xml, "LastModified", time_iso8601(call->arena, call->hub->now_ms()));
    xml_text(&xml, "ETag", str_cat(call->arena, S("\""), bytes->etag, S("\"")));
    tell_sums(call, &xml, bytes->checksums, part ? NULL : "FULL_OBJECT");
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    if (json_get(copy->row, S("version")) != NULL) {
        http_add_header(call->req, S("x-amz-copy-source-version-id"), s3_version_of(copy->row));
    }
    return s3_xml_reply(call, &xml, root);
}

static err *make_row(struct copy *copy, const struct directives *directives,
    const struct s3_bytes *bytes, struct json **out)
{
    static const str META[] = {S_INIT("type"), S_INIT("headers"), S_INIT("meta")};
    static const str TAGS[] = {S_INIT("tags")};
    struct s3_call *call = copy->call;
    struct json *headers = json_object(call->arena);
    *out = s3_new_row(call, call->key, bytes);
    TRY(s3_take_headers(call, headers));
    s3_copy_members(call, *out, directives->replace ? headers : copy->row, META, countof(META));
    s3_copy_members(call, *out, directives->retag ? headers : copy->row, TAGS, countof(TAGS));
    return NULL;
}

static err *read_all(struct copy *copy, struct directives *directives, unsigned *sums) YIELDS;

static err *read_all(struct copy *copy, struct directives *directives, unsigned *sums)
{
    struct s3_call *call = copy->call;
    TRY(read_directive(call, S("x-amz-metadata-directive"), &directives->replace));
    TRY(read_directive(call, S("x-amz-tagging-directive"), &directives->retag));
    TRY(find_source(copy));
    TRY(check_conditions(copy));
    TRY(check_self(copy, directives));
    TRY(wanted_sums(copy, sums));
    u64 size = (u64)json_get_int(copy->row, S("size"), 0);
    return size <= COPY_MAX
               ? NULL
               : s3_refuse(call->arena, "InvalidRequest",
                     "The specified copy source is larger than the maximum allowable size for a "
                     "copy source: 5368709120");
}

err *s3_copy_object(struct s3_call *call)
{
    struct copy copy = {.call = call};
    struct directives directives = {};
    struct s3_bytes bytes = {};
    struct s3_writes keep = {};
    unsigned sums = 0;
    struct json *row = NULL;
    struct s3_change change = {.key = call->key,
        .more = &keep,
        .event = "ObjectCreated:Copy",
        .condition = {.if_match = http_header(call->req, S("if-match")),
            .if_none_match = http_header(call->req, S("if-none-match"))}};
    TRY(s3_allow(call, "s3:PutObject", call->key));
    TRY(read_all(&copy, &directives, &sums));
    TRY(make_row(&copy, &directives, &bytes, &row)); // what it refuses is refused before the copy
    TRY(copy_bytes(&copy, 0, (u64)json_get_int(copy.row, S("size"), 0), sums, &bytes));
    err *e = make_row(&copy, &directives, &bytes, &change.row);
    if (e == NULL) {
        s3_keep(call, &keep, &bytes, change.row);
        e = s3_replace(call, &change);
    }
    if (e != NULL) {
        s3_drop_bytes(call, &bytes);
        return e;
    }
    s3_tell_version(call, change.version);
    return tell_copied(&copy, &bytes, false);
}

// ---- parts -------------------------------------------------------------------------------------

// "bytes=0-5", both ends, inside of the object.
static err *read_part_range(struct copy *copy, u64 *from, u64 *size)
{
    str text = http_header(copy->call->req, S("x-amz-copy-source-range"));
    u64 whole = (u64)json_get_int(copy->row, S("size"), 0);
    u64 last = 0;
    str first = {};
    *from = 0;
    *size = whole;
    if (text.len == 0) {
        return NULL;
    }
    str rest = str_sub(text, S("bytes=").len, text.len);
    if (!str_starts(text, S("bytes=")) || !str_next(&rest, '-', &first) ||
        !str_to_u64(first, from) || !str_to_u64(rest, &last) || last < *from) {
        return s3_refuse(copy->call->arena, "InvalidArgument",
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy");
    }
    if (last >= whole) {
        return s3_refuse(copy->call->arena, "InvalidArgument",
            "Range specified is not valid for source object of size: %llu",
            (unsigned long long)whole);
    }
    *size = last - *from + 1;
    return NULL;
}

err *s3_copy_part(struct s3_call *call, str id, i64 number)
{
    struct copy copy = {.call = call};
    struct s3_bytes bytes = {};
    u64 from = 0;
    u64 size = 0;
    TRY(find_source(&copy));
    TRY(check_conditions(&copy));
    TRY(read_part_range(&copy, &from, &size));
    if (size > COPY_MAX) {
        return s3_refuse(call->arena, "EntityTooLarge", "%s", "");
    }
    TRY(copy_bytes(&copy, from, size, call->sums, &bytes));
    err *e = s3_put_part(call, id, number, &bytes);
    if (e != NULL) {
        s3_drop_bytes(call, &bytes);
        return e;
    }
    return tell_copied(&copy, &bytes, true);
}
