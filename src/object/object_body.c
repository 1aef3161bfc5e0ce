// Bodies as they come: plain, or in chunks of AWS's own form inside of HTTP's (aws-chunked) with
// signatures and trailers. What a body claims about itself is compared once it has been read.
// Source: "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
// Chunks", Amazon S3 API reference.
#include "object/object_int.h"

static const u64 PUT_MAX = 5ULL * 1024 * 1024 * 1024;

enum { BUFFER = 64 * 1024, CHUNK_LINE_MAX = 8 * 1024, TRAILERS_MAX = 16, CLAIM_MAX = 128 };

const struct s3_checksum S3_CHECKSUMS[5] = {
    {"crc32", "CRC32", CRYPTO_SUM_CRC32},
    {"crc32c", "CRC32C", CRYPTO_SUM_CRC32C},
    {"crc64nvme", "CRC64NVME", CRYPTO_SUM_CRC64NVME},
    {"sha1", "SHA1", CRYPTO_SUM_SHA1},
    {"sha256", "SHA256", CRYPTO_SUM_SHA256},
};

struct s3_body {
    struct s3_call *call;
    bool is_chunked; // AWS's chunks
    bool is_signed;  // each of them
    bool done;
    u64 expected; // decoded bytes; UINT64_MAX: not told
    u64 seen;
    str given[countof(S3_CHECKSUMS)]; // base64, of headers or trailer
    unsigned wanted;
    unsigned announced; // of wanted, those that a trailer is to bring
    str md5;            // Content-MD5, or none

    // of chunks
    struct iam_chunks chunks;
    struct crypto_hash *hash;  // of the chunk
    char signature[CLAIM_MAX]; // of the chunk
    size_t signature_len;
    char claims[countof(S3_CHECKSUMS)][CLAIM_MAX]; // what a trailer has given
    u64 chunk_left;
    bool in_chunk;
    char *buffer;
    size_t at;
    size_t end;
};

static err *incomplete(struct s3_body *body)
{
    return s3_refuse(body->call->arena, "IncompleteBody", "%s", "");
}

static err *malformed(struct s3_body *body, const char *what)
{
    return s3_refuse(body->call->arena, "InvalidRequest", "The chunked body is damaged: %s.", what);
}

// ---- opening -----------------------------------------------------------------------------------

static err *read_length(struct s3_body *body)
{
    struct s3_call *call = body->call;
    str text = http_header(call->req, S("x-amz-decoded-content-length"));
    i64 length = 0;
    body->expected = call->req->body_length;
    if (body->is_chunked) {
        if (text.len == 0) {
            return s3_refuse(call->arena, "MissingContentLength", "%s", "");
        }
        if (!str_to_i64(text, &length) || length < 0) {
            return s3_refuse(call->arena, "InvalidArgument",
                "x-amz-decoded-content-length is no number of bytes.");
        }
        body->expected = (u64)length;
    }
    if (body->expected != UINT64_MAX && body->expected > PUT_MAX) {
        return s3_refuse(call->arena, "EntityTooLarge", "%s", "");
    }
    return NULL;
}

static const struct s3_checksum *checksum_of(str name, size_t *index)
{
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        if (str_eq_nocase(name, str_from(S3_CHECKSUMS[i].name))) {
            *index = i;
            return &S3_CHECKSUMS[i];
        }
    }
    return NULL;
}

// Headers with values, the one that a trailer will bring, and the algorithm that is only named.
static err *read_checksums(struct s3_body *body)
{
    struct s3_call *call = body->call;
    size_t index = 0;
    for (size_t i = 0; i < countof(S3_CHECKSUMS) && !call->claims_object; i++) {
        str header = str_fmt(call->arena, "x-amz-checksum-%s", S3_CHECKSUMS[i].name);
        body->given[i] = http_header(call->req, header);
        body->wanted |= body->given[i].len > 0 ? S3_CHECKSUMS[i].sum : 0;
    }
    const str names[] = {http_header(call->req, S("x-amz-sdk-checksum-algorithm")),
        http_header(call->req, S("x-amz-checksum-algorithm"))};
    for (size_t i = 0; i < countof(names); i++) {
        const struct s3_checksum *checksum = checksum_of(names[i], &index);
        if (names[i].len > 0 && checksum == NULL) {
            return s3_refuse(call->arena, "InvalidRequest",
                "Checksum algorithm provided is unsupported. Please try again with any of the "
                "valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
        }
        body->wanted |= checksum != NULL ? checksum->sum : 0;
    }
    str trailer = http_header(call->req, S("x-amz-trailer"));
    str rest = trailer;
    str part = {};
    while (str_next(&rest, ',', &part)) {
        part = str_trim(part);
        const struct s3_checksum *checksum =
            str_starts(part, S("x-amz-checksum-"))
                ? checksum_of(str_sub(part, S("x-amz-checksum-").len, part.len), &index)
                : NULL;
        if (checksum == NULL) {
            return s3_refuse(call->arena, "InvalidRequest",
                "The value specified in the x-amz-trailer header is not supported");
        }
        body->wanted |= checksum->sum;
        body->announced |= checksum->sum;
    }
    return NULL;
}

err *s3_body_open(struct s3_call *call, struct s3_body **out)
{
    struct s3_body *body = arena_new_of(call->arena, struct s3_body);
    check(call->body == NULL);
    call->body = body;
    enum iam_payload form = call->signature.payload;
    *body = (struct s3_body){.call = call, .wanted = CRYPTO_SUM_MD5 | call->sums};
    body->is_signed = form == IAM_PAYLOAD_CHUNKS || form == IAM_PAYLOAD_CHUNKS_TRAILER;
    body->is_chunked = body->is_signed || form == IAM_PAYLOAD_UNSIGNED_TRAILER;
    body->wanted |= form == IAM_PAYLOAD_HASHED ? CRYPTO_SUM_SHA256 : 0;
    TRY(read_length(body));
    TRY(read_checksums(body));
    str md5 = http_header(call->req, S("content-md5"));
    if (md5.len > 0 &&
        (!base64_decode(call->arena, md5, &body->md5) || body->md5.len != CRYPTO_MD5_SIZE)) {
        return s3_refuse(
            call->arena, "InvalidDigest", "The Content-MD5 you specified is not valid.");
    }
    if (body->is_chunked) {
        body->buffer = arena_alloc(call->arena, BUFFER);
    }
    if (body->is_signed) {
        iam_chunks_begin(&call->signature, &body->chunks);
    }
    *out = body;
    return NULL;
}

void s3_body_close(struct s3_body *body)
{
    if (body != NULL) {
        crypto_hash_free(body->hash);
        body->hash = NULL;
    }
}

unsigned s3_body_sums(const struct s3_body *body)
{
    return body->wanted;
}

// ---- chunks ------------------------------------------------------------------------------------

static err *fill(struct s3_body *body) YIELDS;

static err *fill(struct s3_body *body)
{
    size_t got = 0;
    memmove(body->buffer, body->buffer + body->at, body->end - body->at);
    body->end -= body->at;
    body->at = 0;
    check(body->end < BUFFER);
    TRY(http_read_some(body->call->req, body->buffer + body->end, BUFFER - body->end, &got));
    body->end += got;
    return got > 0 ? NULL : incomplete(body);
}

static err *read_line(struct s3_body *body, str *line) YIELDS;

// Without its CR LF; it stays in the buffer, until more is read. A body may have as many lines as
// bytes: none may take memory of its own.
static err *read_line(struct s3_body *body, str *line)
{
    for (;;) {
        str buffered = {body->buffer + body->at, body->end - body->at};
        ptrdiff_t end = str_find(buffered, S("\r\n"));
        if (end > CHUNK_LINE_MAX || (end < 0 && buffered.len > CHUNK_LINE_MAX)) {
            return malformed(body, "a line is too long");
        }
        if (end >= 0) {
            *line = str_sub(buffered, 0, (size_t)end);
            body->at += (size_t)end + 2;
            return NULL;
        }
        TRY(fill(body));
    }
}

static bool parse_size(str text, u64 *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0 || text.len > 15) {
            return false;
        }
        *out = *out * 16 + (u64)digit;
    }
    return text.len > 0;
}

static err *bad_signature(struct s3_body *body)
{
    return s3_refuse(body->call->arena, "SignatureDoesNotMatch", "%s", "");
}

static err *end_chunk(struct s3_body *body)
{
    u8 digest[CRYPTO_DIGEST_MAX];
    if (!body->is_signed) {
        return NULL;
    }
    crypto_hash_finish(body->hash, digest);
    crypto_hash_free(body->hash);
    body->hash = NULL;
    struct arena_mark mark = arena_mark(body->call->arena);
    bool right = iam_chunks_next(
        &body->chunks, body->call->arena, digest, (str){body->signature, body->signature_len});
    arena_rewind(body->call->arena, mark);
    return right ? NULL : bad_signature(body);
}

static err *read_trailer(struct s3_body *body) YIELDS;

// "x-amz-checksum-crc32:AAAAAA==" lines to the end of the body; those of a signed body end with
// their signature.
static err *read_trailer(struct s3_body *body)
{
    struct s3_call *call = body->call;
    struct buf lines = buf_in(call->arena, 64 * 1024);
    str signature = {};
    for (int i = 0; i < TRAILERS_MAX; i++) {
        str line = {};
        str name = {};
        size_t index = 0;
        TRY(read_line(body, &line));
        if (line.len == 0) {
            bool wrong =
                call->signature.payload == IAM_PAYLOAD_CHUNKS_TRAILER &&
                !iam_chunks_trailer(&body->chunks, call->arena, buf_str(&lines), signature);
            return wrong ? bad_signature(body) : NULL;
        }
        str value = line;
        (void)str_next(&value, ':', &name);
        value = str_trim(value);
        if (str_eq_nocase(name, S("x-amz-trailer-signature"))) {
            signature = str_dup(call->arena, value);
            continue;
        }
        buf_fmt(&lines, "%.*s:%.*s\n", PRI(name), PRI(value));
        if (str_starts(name, S("x-amz-checksum-")) &&
            checksum_of(str_sub(name, S("x-amz-checksum-").len, name.len), &index) != NULL) {
            if (value.len == 0 || value.len > CLAIM_MAX) {
                return malformed(body, "a checksum is empty or too long");
            }
            body->given[index] =
                (str){memcpy(body->claims[index], value.ptr, value.len), value.len};
            if ((body->wanted & S3_CHECKSUMS[index].sum) == 0) {
                return malformed(body, "the trailer was not announced by x-amz-trailer");
            }
        }
    }
    return malformed(body, "the trailer is too long");
}

static err *check_announced(const struct s3_body *body)
{
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        if ((body->announced & S3_CHECKSUMS[i].sum) != 0 && body->given[i].len == 0) {
            return s3_refuse(body->call->arena, "MalformedTrailerError", "%s", "");
        }
    }
    return NULL;
}

static err *begin_chunk(struct s3_body *body) YIELDS;

static err *begin_chunk(struct s3_body *body)
{
    str line = {};
    str size = {};
    TRY(read_line(body, &line));
    str extension = line;
    (void)str_next(&extension, ';', &size);
    if (!parse_size(size, &body->chunk_left)) {
        return malformed(body, "a chunk's size is no hexadecimal number");
    }
    if (body->is_signed) {
        str mark = S("chunk-signature=");
        if (!str_starts(extension, mark) || extension.len - mark.len > CLAIM_MAX) {
            return bad_signature(body);
        }
        body->signature_len = extension.len - mark.len;
        memcpy(body->signature, extension.ptr + mark.len, body->signature_len);
        body->hash = crypto_hash_new(CRYPTO_SHA256);
    }
    body->in_chunk = body->chunk_left > 0;
    if (body->in_chunk) {
        return body->chunk_left <= body->expected - body->seen ? NULL : incomplete(body);
    }
    TRY(end_chunk(body));
    bool trailer = body->call->signature.payload != IAM_PAYLOAD_CHUNKS;
    str end = {};
    TRY(trailer ? read_trailer(body) : read_line(body, &end));
    TRY(check_announced(body));
    body->done = true;
    return body->seen == body->expected ? NULL : incomplete(body);
}

static err *read_chunked(struct s3_body *body, void *bytes, size_t size, size_t *got) YIELDS;

static err *read_chunked(struct s3_body *body, void *bytes, size_t size, size_t *got)
{
    while (!body->in_chunk && !body->done) {
        TRY(begin_chunk(body));
    }
    if (body->done) {
        return NULL;
    }
    if (body->at == body->end) {
        TRY(fill(body));
    }
    size_t buffered = body->end - body->at;
    size_t some = buffered < size ? buffered : size;
    some = some < body->chunk_left ? some : (size_t)body->chunk_left;
    memcpy(bytes, body->buffer + body->at, some);
    if (body->is_signed) {
        crypto_hash_add(body->hash, (str){bytes, some});
    }
    body->at += some;
    body->chunk_left -= some;
    body->seen += some;
    *got = some;
    if (body->chunk_left == 0) {
        str end = {};
        TRY(end_chunk(body));
        TRY(read_line(body, &end));
        body->in_chunk = false;
        return end.len == 0 ? NULL : malformed(body, "a chunk is longer than its size");
    }
    return NULL;
}

err *s3_body_read(struct s3_body *body, void *bytes, size_t size, size_t *got)
{
    *got = 0;
    if (body->done) {
        return NULL;
    }
    if (body->is_chunked) {
        return read_chunked(body, bytes, size, got);
    }
    TRY(http_read_some(body->call->req, bytes, size, got));
    body->seen += *got;
    body->done = *got == 0;
    if (body->seen > PUT_MAX) {
        return s3_refuse(body->call->arena, "EntityTooLarge", "%s", "");
    }
    bool told = body->expected != UINT64_MAX;
    return body->done && told && body->seen != body->expected ? incomplete(body) : NULL;
}

// ---- what was claimed --------------------------------------------------------------------------

static str sum_base64(struct arena *arena, struct crypto_sums *sums, enum crypto_sum which)
{
    u8 bytes[CRYPTO_SUM_MAX];
    size_t size = crypto_sums_get(sums, which, bytes);
    return base64_encode(arena, (str){(const char *)bytes, size});
}

err *s3_body_check(struct s3_body *body, struct crypto_sums *sums)
{
    struct s3_call *call = body->call;
    u8 digest[CRYPTO_SUM_MAX];
    check(body->done);
    if ((body->wanted & CRYPTO_SUM_SHA256) != 0 && call->signature.payload == IAM_PAYLOAD_HASHED) {
        crypto_sums_get(sums, CRYPTO_SUM_SHA256, digest);
        if (!iam_payload_matches(&call->signature, digest)) {
            return s3_refuse(call->arena, "XAmzContentSHA256Mismatch", "%s", "");
        }
    }
    crypto_sums_get(sums, CRYPTO_SUM_MD5, digest);
    if (body->md5.len > 0 && memcmp(digest, body->md5.ptr, CRYPTO_MD5_SIZE) != 0) {
        return s3_refuse(call->arena, "BadDigest",
            "The Content-MD5 you specified did not match what we received.");
    }
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        if (body->given[i].len > 0 &&
            !str_eq(body->given[i], sum_base64(call->arena, sums, S3_CHECKSUMS[i].sum))) {
            return s3_refuse(call->arena, "BadDigest",
                "The %s you specified did not match the calculated checksum.", S3_CHECKSUMS[i].xml);
        }
    }
    return NULL;
}

struct json *s3_body_checksums(struct s3_body *body, struct crypto_sums *sums)
{
    struct arena *arena = body->call->arena;
    struct json *out = json_object(arena);
    bool hashed = body->call->signature.payload == IAM_PAYLOAD_HASHED;
    for (size_t i = 0; i < countof(S3_CHECKSUMS); i++) {
        // A digest that only proves the payload is no checksum of the object.
        bool asked = (body->wanted & S3_CHECKSUMS[i].sum) != 0 &&
                     (S3_CHECKSUMS[i].sum != CRYPTO_SUM_SHA256 || body->given[i].len > 0 ||
                         !hashed || (body->call->sums & S3_CHECKSUMS[i].sum) != 0);
        if (asked) {
            json_set(out, str_from(S3_CHECKSUMS[i].xml),
                json_string(arena, sum_base64(arena, sums, S3_CHECKSUMS[i].sum)));
        }
    }
    return out;
}

err *s3_body_whole(struct s3_call *call, size_t max, str *out)
{
    struct s3_body *body = NULL;
    struct buf text = buf_in(call->arena, max + PIECE);
    char *piece = arena_alloc(call->arena, BUFFER);
    size_t got = 0;
    TRY(s3_body_open(call, &body));
    do {
        TRY(s3_body_read(body, piece, BUFFER, &got));
        buf_add(&text, (str){piece, got});
        if (text.len > max) {
            return s3_refuse(call->arena, "MalformedXML", "%s", "");
        }
    } while (got > 0);
    struct crypto_sums *sums = crypto_sums_new(body->wanted);
    crypto_sums_add(sums, buf_str(&text));
    err *e = s3_body_check(body, sums);
    crypto_sums_free(sums);
    *out = buf_str(&text);
    return e;
}
