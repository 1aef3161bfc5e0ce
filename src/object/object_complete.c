// Completing an upload: the parts that the request names become an object, where they lie.
#include "object/object_int.h"

enum { PART_MIN = 5 * 1024 * 1024 };

struct listed { // a part that the request names
    i64 number;
    str etag;
    const struct xml_node *node;
    const struct json *row;
};

struct completion {
    struct s3_call *call;
    str id;
    struct json *upload;
    const struct s3_checksum *checksum; // NULL: none
    bool full;
    struct listed *parts;
    size_t count;
    struct s3_writes writes;
    struct json *row;
    u64 crc; // of the whole
};

static str unquoted(str etag)
{
    etag = str_trim(etag);
    return etag.len >= 2 && etag.ptr[0] == '"' ? str_sub(etag, 1, etag.len - 1) : etag;
}

static err *read_list(struct completion *c, const struct xml_node *document)
{
    struct arena *a = c->call->arena;
    vec_of(struct listed) parts = {};
    for (const struct xml_node *node = document->child; node != NULL; node = node->next) {
        i64 number = 0;
        if (!str_eq(node->name, S("Part"))) {
            return s3_refuse(a, "MalformedXML", "%s", "");
        }
        if (!str_to_i64(str_trim(xml_child(node, "PartNumber")), &number) || number < 1 ||
            number > PARTS_MAX) {
            return s3_refuse(a, "InvalidArgument", "PartNumber must be >= 1 and <= 10000");
        }
        if (parts.count > 0 && parts.items[parts.count - 1].number >= number) {
            return s3_refuse(a, "InvalidPartOrder", "%s", "");
        }
        *vec_push(a, &parts) = (struct listed){
            .number = number, .etag = unquoted(xml_child(node, "ETag")), .node = node};
    }
    c->parts = parts.items;
    c->count = parts.count;
    return c->count > 0 ? NULL : s3_refuse(a, "MalformedXML", "%s", "");
}

// MD5 of the parts' MD5s, and how many there are.
static str composite_etag(struct completion *c)
{
    struct arena *a = c->call->arena;
    struct buf joined = buf_in(a, PARTS_MAX * CRYPTO_MD5_SIZE);
    u8 digest[CRYPTO_MD5_SIZE];
    for (size_t i = 0; i < c->count; i++) {
        for (size_t k = 0; k + 1 < c->parts[i].etag.len; k += 2) {
            static const char DIGITS[] = "0123456789abcdef";
            const char *high = memchr(DIGITS, c->parts[i].etag.ptr[k] | 0x20, 16);
            const char *low = memchr(DIGITS, c->parts[i].etag.ptr[k + 1] | 0x20, 16);
            bool hex = high != NULL && low != NULL;
            buf_add_char(&joined, hex ? (char)((high - DIGITS) * 16 + (low - DIGITS)) : '\0');
        }
    }
    crypto_md5(buf_str(&joined), digest);
    return str_fmt(
        a, "%.*s-%zu", PRI(hex_encode(a, (str){(const char *)digest, sizeof(digest)})), c->count);
}

// Matches rows with what is listed; parts that are not listed are forgotten.
static err *match_rows(struct completion *c) YIELDS;

static err *match_rows(struct completion *c)
{
    struct s3_call *call = c->call;
    size_t at = 0;
    i64 next = 1;
    while (next > 0) {
        struct store_page page = {};
        TRY(s3_parts(call, c->id, next, &page, &next));
        for (size_t i = 0; i < page.count; i++) {
            i64 number = json_get_int(page.items[i], S("number"), 0);
            at += at < c->count && c->parts[at].number < number;
            if (at < c->count && c->parts[at].number == number) {
                c->parts[at++].row = page.items[i];
            } else {
                s3_forget_own(call, &c->writes, page.items[i]);
                s3_delete(call, &c->writes, PARTS, s3_string(call, c->id),
                    json_get(page.items[i], S("number")));
            }
        }
    }
    return NULL;
}

static err *check_part(struct completion *c, const struct listed *part, bool last)
{
    struct arena *a = c->call->arena;
    if (part->row == NULL || !str_eq_nocase(json_get_str(part->row, S("etag")), part->etag)) {
        return s3_refuse(a, "InvalidPart", "%s", "");
    }
    const struct json *sums = json_get(part->row, S("sums"));
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        const char *element = str_cstr(a, str_fmt(a, "Checksum%s", S3_CHECKSUMS[i].xml));
        str given = xml_child(part->node, element);
        str kept = json_get_str(sums, str_from(S3_CHECKSUMS[i].xml));
        if (given.len > 0 && !str_eq(str_trim(given), kept)) {
            return s3_refuse(a, "InvalidPart", "%s", "");
        }
        if (given.len == 0 && c->checksum == &S3_CHECKSUMS[i] && !c->full) {
            return s3_refuse(a, "InvalidRequest",
                "The upload was created using a %s checksum. The complete request must include "
                "the checksum for each part. It was missing for part %lld in the request.",
                c->checksum->name, (long long)part->number);
        }
    }
    if (!last && json_get_int(part->row, S("size"), 0) < PART_MIN) {
        return s3_refuse(a, "EntityTooSmall", "%s", "");
    }
    return NULL;
}

// What lets a reader find a part without reading the rows before it: all of one size.
static void note_sizes(struct completion *c)
{
    struct arena *a = c->call->arena;
    i64 total = 0;
    i64 first = json_get_int(c->parts[0].row, S("size"), 0);
    bool uniform = first > 0;
    for (size_t i = 0; i < c->count; i++) {
        i64 size = json_get_int(c->parts[i].row, S("size"), 0);
        total += size;
        bool fits = i + 1 < c->count ? size == first : size <= first;
        uniform = uniform && fits && c->parts[i].number == (i64)i + 1;
    }
    json_set(c->row, S("size"), json_int(a, total));
    json_set(c->row, S("partCount"), json_int(a, (i64)c->count));
    if (uniform) {
        json_set(c->row, S("partSize"), json_int(a, first));
    }
}

static str part_sum(const struct completion *c, size_t i)
{
    return json_get_str(json_get(c->parts[i].row, S("sums")), str_from(c->checksum->xml));
}

static u64 big_endian(str bytes)
{
    u64 value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | (u8)bytes.ptr[i];
    }
    return value;
}

// On the worker pool: ten thousand parts take a second.
static void join_sums(void *arg)
{
    struct completion *c = arg;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < c->count; i++) {
        str bytes = {};
        (void)base64_decode(arena, part_sum(c, i), &bytes);
        c->crc = crypto_crc_join(c->checksum->sum, c->crc, big_endian(bytes),
            (u64)json_get_int(c->parts[i].row, S("size"), 0));
    }
    arena_free(arena);
}

static str full_sum(struct completion *c)
{
    u8 bytes[8];
    size_t size = c->checksum->sum == CRYPTO_SUM_CRC64NVME ? 8 : 4;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (u8)(c->crc >> (8 * (size - 1 - i)));
    }
    return base64_encode(c->call->arena, (str){(const char *)bytes, size});
}

static str composite_sum(struct completion *c)
{
    struct arena *a = c->call->arena;
    u8 digest[CRYPTO_SUM_MAX];
    struct crypto_sums *sums = crypto_sums_new(c->checksum->sum);
    for (size_t i = 0; i < c->count; i++) {
        str bytes = {};
        (void)base64_decode(a, part_sum(c, i), &bytes);
        crypto_sums_add(sums, bytes);
    }
    size_t size = crypto_sums_get(sums, c->checksum->sum, digest);
    crypto_sums_free(sums);
    return str_fmt(
        a, "%.*s-%zu", PRI(base64_encode(a, (str){(const char *)digest, size})), c->count);
}

static err *add_sum(struct completion *c) YIELDS;

static err *add_sum(struct completion *c)
{
    struct s3_call *call = c->call;
    if (c->checksum == NULL) {
        return NULL;
    }
    if (c->full) {
        TRY(worker_run(join_sums, c));
    }
    str sum = c->full ? full_sum(c) : composite_sum(c);
    str header = str_fmt(call->arena, "x-amz-checksum-%s", c->checksum->name);
    str given = http_header(call->req, header);
    if (given.len > 0 && !str_eq(given, sum)) {
        return s3_refuse(call->arena, "BadDigest",
            "The %s you specified did not match the calculated checksum.", c->checksum->name);
    }
    struct json *sums = json_object(call->arena);
    json_set(sums, str_from(c->checksum->xml), s3_string(call, sum));
    json_set(c->row, S("sums"), sums);
    json_set(c->row, S("sumType"), s3_string(call, c->full ? S("FULL_OBJECT") : S("COMPOSITE")));
    return NULL;
}

static err *check_claims(struct completion *c)
{
    struct s3_call *call = c->call;
    str size = http_header(call->req, S("x-amz-mp-object-size"));
    str type = http_header(call->req, S("x-amz-checksum-type"));
    i64 claimed = -1;
    if (size.len > 0 &&
        (!str_to_i64(size, &claimed) || claimed != json_get_int(c->row, S("size"), 0))) {
        return s3_refuse(call->arena, "InvalidRequest",
            "The provided 'x-amz-mp-object-size' header value %.*s does not match what was "
            "computed: %lld",
            PRI(str_sub(size, 0, 64)), (long long)json_get_int(c->row, S("size"), 0));
    }
    str expected = json_get_str(c->upload, S("sumType"));
    if (type.len > 0 && expected.len > 0 && !str_eq(type, expected)) {
        return s3_refuse(call->arena, "InvalidRequest",
            "The upload was created using the %.*s checksum mode. The complete request must use "
            "the same checksum mode.",
            PRI(expected));
    }
    return NULL;
}

static err *complete_once(struct completion *c, struct s3_change *change) YIELDS;

static err *complete_once(struct completion *c, struct s3_change *change)
{
    static const str KEPT[] = {S_INIT("type"), S_INIT("headers"), S_INIT("meta"), S_INIT("tags")};
    struct s3_call *call = c->call;
    struct s3_bytes none = {};
    c->writes = (struct s3_writes){};
    c->crc = 0;
    TRY(s3_find_upload(call, &c->id, &c->upload));
    c->checksum = s3_checksum_of(json_get_str(c->upload, S("algorithm")));
    c->full = str_eq(json_get_str(c->upload, S("sumType")), S("FULL_OBJECT"));
    TRY(match_rows(c));
    for (size_t i = 0; i < c->count; i++) {
        TRY(check_part(c, &c->parts[i], i + 1 == c->count));
    }
    c->row = s3_new_row(call, call->key, &none);
    s3_copy_members(call, c->row, c->upload, KEPT, countof(KEPT));
    json_set(c->row, S("upload"), s3_string(call, c->id));
    json_set(c->row, S("etag"), s3_string(call, composite_etag(c)));
    note_sizes(c);
    TRY(check_claims(c));
    TRY(add_sum(c));
    s3_end_upload(call, c->upload, &c->writes);
    change->row = c->row;
    change->more = &c->writes;
    return s3_replace(call, change);
}

// The answer to this request may have been lost: repeated, it is given once more.
static err *find_completed(struct completion *c, err *gone, struct s3_change *change) YIELDS;

static err *find_completed(struct completion *c, err *gone, struct s3_change *change)
{
    struct json *row = NULL;
    TRY(s3_find(c->call, c->call->bucket->name, c->call->key, (str){}, &row));
    bool same = row != NULL && str_eq(json_get_str(row, S("upload")), c->id) &&
                str_eq(json_get_str(row, S("etag")), composite_etag(c));
    c->row = row;
    change->version = json_get_str(row, S("version"));
    return same ? NULL : gone;
}

static err *tell_completed(struct completion *c, const struct s3_change *change) YIELDS;

static err *tell_completed(struct completion *c, const struct s3_change *change)
{
    struct s3_call *call = c->call;
    struct s3_xml xml = {};
    struct buf out = s3_xml_begin(call, &xml, "CompleteMultipartUploadResult");
    str etag = json_get_str(c->row, S("etag"));
    xml.out = &out;
    xml_text(&xml, "Location",
        str_cat(call->arena, call->req->is_tls ? S("https://") : S("http://"), call->req->host,
            call->req->path));
    xml_text(&xml, "Bucket", call->bucket->name);
    xml_text(&xml, "Key", call->key);
    xml_text(&xml, "ETag", str_cat(call->arena, S("\""), etag, S("\"")));
    json_each (sum, json_get(c->row, S("sums"))) {
        xml_text(
            &xml, str_cstr(call->arena, str_cat(call->arena, S("Checksum"), sum->key)), sum->text);
        xml_text(&xml, "ChecksumType", json_get_str(c->row, S("sumType")));
    }
    http_add_header(call->req, S("x-amz-server-side-encryption"), S("AES256"));
    s3_tell_version(call, change->version);
    return s3_xml_reply(call, &xml, "CompleteMultipartUploadResult");
}

err *s3_complete_upload(struct s3_call *call)
{
    struct completion c = {.call = call};
    struct s3_change change = {.key = call->key,
        .event = "ObjectCreated:CompleteMultipartUpload",
        .condition = {.if_match = http_header(call->req, S("if-match")),
            .if_none_match = http_header(call->req, S("if-none-match"))}};
    struct xml_node *document = NULL;
    str body = {};
    err *e = NULL;
    TRY(s3_allow(call, "s3:PutObject", call->key));
    (void)s3_query(call, "uploadId", &c.id);
    call->claims_object = true;
    TRY(s3_body_whole(call, XML_MAX, &body));
    TRY(xml_parse(call->arena, body, "CompleteMultipartUpload", &document));
    TRY(read_list(&c, document));
    for (int i = 0; i < TRIES; i++) {
        e = complete_once(&c, &change);
        if (e == NULL || e->code != ERR_CONFLICT) { // a part came in between: look again
            break;
        }
    }
    if (e != NULL && str_eq(e->wire, S("NoSuchUpload"))) {
        e = find_completed(&c, e, &change);
    }
    TRY(e);
    return tell_completed(&c, &change);
}
