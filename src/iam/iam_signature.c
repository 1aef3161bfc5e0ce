// AWS Signature Version 4: what a request says about its signature, and whether that is so.
// Source of the rules: "Signing AWS API requests" (IAM guide) and the official signers.
#include "iam/iam_int.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum { SIGNED_HEADERS_MAX = 128, CANONICAL_SHOWN_MAX = 16 * 1024, DAY_S = 86400 };

// ---- small parts -------------------------------------------------------------------------------

static const struct http_header *find_header(
    const struct iam_request *request, str name, size_t *count)
{
    const struct http_header *first = NULL;
    *count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        if (str_eq_nocase(request->headers[i].name, name)) {
            first = first == NULL ? &request->headers[i] : first;
            (*count)++;
        }
    }
    return first;
}

static str header_of(const struct iam_request *request, str name)
{
    size_t count;
    const struct http_header *header = find_header(request, name, &count);
    return header != NULL ? header->value : (str){};
}

// Decoded value of a query parameter. *count: how many there are of that name.
static str query_of(struct arena *arena, const struct iam_request *request, str name, size_t *count)
{
    str rest = request->query;
    str part, key, value;
    str found = {};
    *count = 0;
    while (rest.len > 0 && str_next(&rest, '&', &part)) {
        ptrdiff_t equals = str_find_char(part, '=');
        size_t name_len = equals < 0 ? part.len : (size_t)equals;
        if (name_len < name.len) { // decoding adds nothing
            continue;
        }
        if (http_url_decode(arena, str_sub(part, 0, name_len), true, &key) && str_eq(key, name) &&
            http_url_decode(arena, str_sub(part, name_len + 1, part.len), true, &value)) {
            found = *count == 0 ? value : found;
            (*count)++;
        }
    }
    return found;
}

static bool is_digits(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_plain(str text) // printable ASCII
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) {
            return false;
        }
    }
    return text.len > 0;
}

static bool hex_digest(str text, u8 out[CRYPTO_SHA256_SIZE])
{
    if (text.len != CRYPTO_SHA256_SIZE * 2) {
        return false;
    }
    for (size_t i = 0; i < CRYPTO_SHA256_SIZE; i++) {
        int value = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = text.ptr[i * 2 + k];
            int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
            if (digit < 0) {
                return false;
            }
            value = value * 16 + digit;
        }
        out[i] = (u8)value;
    }
    return true;
}

static u64 number(str text, size_t from, size_t to)
{
    u64 value = 0;
    for (size_t i = from; i < to; i++) {
        value = value * 10 + (u64)(text.ptr[i] - '0');
    }
    return value;
}

// "20260203T040506Z" as seconds since the epoch.
static bool parse_time(str text, u64 *out)
{
    if (text.len != 16 || text.ptr[8] != 'T' || text.ptr[15] != 'Z' ||
        !is_digits(str_sub(text, 0, 8)) || !is_digits(str_sub(text, 9, 15))) {
        return false;
    }
    u64 year = number(text, 0, 4);
    u64 month = number(text, 4, 6);
    u64 day = number(text, 6, 8);
    u64 hour = number(text, 9, 11);
    u64 minute = number(text, 11, 13);
    u64 second = number(text, 13, 15);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60) {
        return false;
    }
    // Days since 1970-03-01-based years: the months count from March, so that the leap day is last.
    u64 y = month <= 2 ? year - 1 : year;
    u64 m = month <= 2 ? month + 9 : month - 3;
    u64 days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    *out = days * DAY_S + hour * 3600 + minute * 60 + second;
    return true;
}

static str time_text(struct arena *arena, u64 epoch_s)
{
    str iso = time_iso8601(arena, epoch_s * 1000); // 2026-02-03T04:05:06.000Z
    return str_cat(arena, str_sub(iso, 0, 4), str_sub(iso, 5, 7), str_sub(iso, 8, 13),
        str_sub(iso, 14, 16), str_sub(iso, 17, 19), S("Z"));
}

// ---- refusals ----------------------------------------------------------------------------------

static const struct {
    str json;
    str s3;
    int s3_status;
    str text;
    str s3_text;
} REFUSALS[] = {

#define REFUSAL(name, json, s3, status, text, s3_text)                                             \
    {S_INIT(json), S_INIT(s3), status, S_INIT(text), S_INIT(s3_text)},
#include "iam/iam_err.def"
#undef REFUSAL
};

err *iam_refuse(struct arena *arena, enum iam_words words, enum iam_refusal reason, str detail)
{
    bool s3 = words == IAM_WORDS_S3;
    str text = s3 ? REFUSALS[reason].s3_text : REFUSALS[reason].text;
    if (s3 && str_ends(text, S(" "))) {
        text = str_cat(arena, text, detail);
    } else if (!s3 || text.len == 0) {
        text = detail.len > 0 ? detail : text;
    }
    bool forbidden = s3 ? REFUSALS[reason].s3_status == 403 : words == IAM_WORDS_REST;
    err *e = fail(arena, forbidden ? ERR_FORBIDDEN : ERR_INVALID, "%.*s", PRI(text));
    e->wire = s3 ? REFUSALS[reason].s3 : REFUSALS[reason].json;
    return e;
}

// ---- reading -----------------------------------------------------------------------------------

struct reading {
    struct arena *arena;
    const struct iam_request *request;
    const struct iam_rules *rules;
    struct iam_signature *out;
};

static err *refuse(const struct reading *r, enum iam_refusal reason, str detail)
{
    return iam_refuse(r->arena, r->rules->words, reason, detail);
}

bool iam_is_signed(const struct iam_request *request)
{
    return str_starts(header_of(request, S("authorization")), S("AWS4-")) ||
           str_find(request->query, S("X-Amz-Signature=")) >= 0 ||
           str_find(request->query, S("X-Amz-Algorithm=")) >= 0;
}

// KEY/DATE/REGION/SERVICE/aws4_request. The region may be any text, slashes included, so the scope
// is taken apart from both ends.
static err *read_credential(struct reading *r, str text)
{
    struct iam_signature *s = r->out;
    enum iam_refusal form = s->in_query ? IAM_REFUSE_QUERY : IAM_REFUSE_INCOMPLETE;
    str rest = text;
    ptrdiff_t end = str_rfind_char(text, '/');
    ptrdiff_t before = end > 0 ? str_rfind_char(str_sub(text, 0, (size_t)end), '/') : -1;
    bool whole = is_plain(text) && before > 0 && str_next(&rest, '/', &s->access_key_id) &&
                 str_next(&rest, '/', &s->date) && rest.ptr != NULL &&
                 rest.ptr < text.ptr + before && s->access_key_id.len > 0;
    if (!whole) {
        return refuse(r, form,
            str_fmt(r->arena,
                "Credential must have exactly 5 slash-delimited elements, e.g. "
                "keyid/date/region/service/term, got '%.*s'",
                PRI(str_sub(text, 0, 256))));
    }
    s->region = (str){rest.ptr, (size_t)(text.ptr + before - rest.ptr)};
    s->service = str_sub(text, (size_t)before + 1, (size_t)end);
    s->scope = str_sub(text, s->access_key_id.len + 1, text.len);
    str term = str_sub(text, (size_t)end + 1, text.len);
    if (!str_eq(term, S("aws4_request"))) {
        return refuse(r, IAM_REFUSE_SCOPE,
            str_fmt(r->arena,
                "Credential should be scoped with a valid terminator: 'aws4_request', not '%.*s'.",
                PRI(str_sub(term, 0, 64))));
    }
    if (r->rules->region.len > 0 && !str_eq(s->region, r->rules->region)) {
        return refuse(r, IAM_REFUSE_SCOPE, S("Credential should be scoped to a valid region."));
    }
    if (r->rules->service.len > 0 && !str_eq(s->service, r->rules->service)) {
        return refuse(r, IAM_REFUSE_SCOPE,
            str_fmt(r->arena, "Credential should be scoped to correct service: '%.*s'.",
                PRI(r->rules->service)));
    }
    return NULL;
}

static err *read_date(struct reading *r, str text)
{
    struct iam_signature *s = r->out;
    s->amz_date = text;
    if (!parse_time(text, &s->time_s)) {
        return refuse(r, s->in_query ? IAM_REFUSE_QUERY : IAM_REFUSE_INCOMPLETE,
            text.len == 0 ? S("Authorization header requires existence of either a 'X-Amz-Date' or "
                              "a 'Date' header.")
                          : S("X-Amz-Date must be in the ISO8601 Long Format "
                              "\"yyyyMMdd'T'HHmmss'Z'\""));
    }
    if (!str_eq(s->date, str_sub(text, 0, 8))) {
        return refuse(r, IAM_REFUSE_SCOPE,
            str_fmt(r->arena,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                "from HTTP: '%.*s' != '%.*s', from '%.*s'.",
                PRI(str_sub(s->date, 0, 16)), PRI(str_sub(text, 0, 8)), PRI(text)));
    }
    return NULL;
}

static bool is_in_list(str list, str name)
{
    str part;
    while (str_next(&list, ';', &part)) {
        if (str_eq_nocase(part, name)) {
            return true;
        }
    }
    return false;
}

// Lower-case names in ascending order, host among them, and each x-amz- header of the request.
static err *read_signed_headers(struct reading *r, str list)
{
    str rest = list;
    str name;
    str last = {};
    size_t count = 0;
    r->out->signed_headers = list;
    while (str_next(&rest, ';', &name)) {
        bool good = name.len > 0 && ++count <= SIGNED_HEADERS_MAX && is_plain(name) &&
                    (last.ptr == NULL || str_cmp(last, name) < 0);
        for (size_t i = 0; good && i < name.len; i++) {
            good = (name.ptr[i] < 'A' || name.ptr[i] > 'Z') && name.ptr[i] != ':';
        }
        if (!good) {
            return refuse(r, r->out->in_query ? IAM_REFUSE_QUERY : IAM_REFUSE_INCOMPLETE,
                S("SignedHeaders must be a sorted list of lower-case names"));
        }
        last = name;
    }
    if (!is_in_list(list, S("host"))) {
        return refuse(r, IAM_REFUSE_UNSIGNED,
            S("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    for (size_t i = 0; i < r->request->header_count; i++) {
        str header = r->request->headers[i].name;
        if (header.len > 6 && str_eq_nocase(str_sub(header, 0, 6), S("x-amz-")) &&
            !is_in_list(list, header)) {
            return refuse(r, IAM_REFUSE_UNSIGNED,
                str_fmt(r->arena, "'%.*s' must be a 'SignedHeader' in the AWS Authorization.",
                    PRI(str_sub(header, 0, 64))));
        }
    }
    return NULL;
}

static err *read_signature(struct reading *r, str text)
{
    u8 ignored[CRYPTO_SHA256_SIZE];
    r->out->signature = text;
    return hex_digest(text, ignored)
               ? NULL
               : refuse(r, IAM_REFUSE_MISMATCH, (str){}); // nothing it could match
}

// What the canonical request says about the body.
static err *read_payload(struct reading *r, str named)
{
    static const struct {
        str text;
        enum iam_payload payload;
    } KINDS[] = {
        {S_INIT("UNSIGNED-PAYLOAD"), IAM_PAYLOAD_UNSIGNED},
        {S_INIT("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), IAM_PAYLOAD_UNSIGNED_TRAILER},
        {S_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), IAM_PAYLOAD_CHUNKS},
        {S_INIT("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), IAM_PAYLOAD_CHUNKS_TRAILER},
    };
    struct iam_signature *s = r->out;
    u8 digest[CRYPTO_SHA256_SIZE];
    if (!r->rules->s3) { // always the body that came
        check(!r->request->body_later);
        crypto_sha256(r->request->body, digest);
        s->payload_text = hex_encode(r->arena, (str){(const char *)digest, sizeof(digest)});
        return NULL;
    }
    if (named.len == 0) {
        s->payload = IAM_PAYLOAD_UNSIGNED;
        s->payload_text = S("UNSIGNED-PAYLOAD");
        return s->in_query ? NULL
                           : refuse(r, IAM_REFUSE_PAYLOAD_MISSING,
                                 S("Missing required header for this request: "
                                   "x-amz-content-sha256"));
    }
    s->payload_text = named;
    for (size_t i = 0; i < countof(KINDS); i++) {
        if (str_eq(named, KINDS[i].text)) {
            s->payload = KINDS[i].payload;
            return NULL;
        }
    }
    return hex_digest(named, digest)
               ? NULL
               : refuse(r, IAM_REFUSE_PAYLOAD_FORM,
                     S("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                       "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
                       "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."));
}

// A header that carries part of the signature may be there once.
static err *check_single(struct reading *r)
{
    static const str NAMES[] = {S_INIT("authorization"), S_INIT("x-amz-date"),
        S_INIT("x-amz-security-token"), S_INIT("x-amz-content-sha256"), S_INIT("host")};
    for (size_t i = 0; i < countof(NAMES); i++) {
        size_t count;
        find_header(r->request, NAMES[i], &count);
        if (count > 1) {
            return refuse(r, IAM_REFUSE_TWICE,
                str_fmt(r->arena, "The header '%.*s' must be there once.", PRI(NAMES[i])));
        }
    }
    return NULL;
}

// "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...": parts in any order.
static err *read_header(struct reading *r, str authorization)
{
    static const str NAMES[] = {
        S_INIT("Credential="), S_INIT("Signature="), S_INIT("SignedHeaders=")};
    static const char *const SHOWN[] = {"Credential", "Signature", "SignedHeaders"};
    str values[countof(NAMES)] = {};
    str rest = str_sub(authorization, sizeof(ALGORITHM), authorization.len);
    str part;
    struct buf missing = buf_in(r->arena, 1024);
    while (str_next(&rest, ',', &part)) {
        part = str_trim(part);
        for (size_t i = 0; i < countof(NAMES); i++) {
            if (str_starts(part, NAMES[i])) {
                if (values[i].ptr != NULL) {
                    return refuse(r, IAM_REFUSE_INCOMPLETE,
                        str_fmt(r->arena, "Authorization header has '%s' twice.", SHOWN[i]));
                }
                values[i] = str_sub(part, NAMES[i].len, part.len);
            }
        }
    }
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (values[i].len == 0) {
            buf_fmt(&missing, "Authorization header requires '%s' parameter. ", SHOWN[i]);
        }
    }
    if (missing.len > 0) {
        return refuse(r, IAM_REFUSE_INCOMPLETE, str_trim(buf_str(&missing)));
    }
    TRY(check_single(r));
    TRY(read_credential(r, values[0]));
    TRY(read_date(r, header_of(r->request, S("x-amz-date"))));
    TRY(read_signed_headers(r, values[2]));
    TRY(read_signature(r, values[1]));
    r->out->token = header_of(r->request, S("x-amz-security-token"));
    return read_payload(r, header_of(r->request, S("x-amz-content-sha256")));
}

static err *read_expiry(struct reading *r, str text)
{
    u64 value = 0;
    if (!is_digits(text)) {
        return refuse(r, IAM_REFUSE_QUERY,
            str_starts(text, S("-")) ? S("X-Amz-Expires must be non-negative")
                                     : S("X-Amz-Expires should be a number"));
    }
    if (!str_to_u64(text, &value) || value > IAM_URL_MAX_S) {
        return refuse(r, IAM_REFUSE_QUERY,
            S("X-Amz-Expires must be less than a week (in seconds); that is, the given "
              "X-Amz-Expires must be less than 604800 seconds"));
    }
    if (value == 0) {
        return refuse(r, IAM_REFUSE_QUERY, S("X-Amz-Expires must be greater than 0"));
    }
    r->out->expires_s = value;
    return NULL;
}

static err *read_query(struct reading *r)
{
    enum { ALGO, CREDENTIAL, DATE, EXPIRES, SIGNED, SIGNATURE, REQUIRED, TOKEN = REQUIRED, SHA };

    static const str NAMES[] = {S_INIT("X-Amz-Algorithm"), S_INIT("X-Amz-Credential"),
        S_INIT("X-Amz-Date"), S_INIT("X-Amz-Expires"), S_INIT("X-Amz-SignedHeaders"),
        S_INIT("X-Amz-Signature"), S_INIT("X-Amz-Security-Token"), S_INIT("X-Amz-Content-Sha256")};
    str values[countof(NAMES)];
    r->out->in_query = true;
    TRY(check_single(r));
    for (size_t i = 0; i < countof(NAMES); i++) {
        size_t count;
        values[i] = query_of(r->arena, r->request, NAMES[i], &count);
        if (count > 1) {
            return refuse(r, IAM_REFUSE_TWICE,
                str_fmt(r->arena, "The parameter '%.*s' must be there once.", PRI(NAMES[i])));
        }
        if (i < REQUIRED && values[i].len == 0) {
            return refuse(r, IAM_REFUSE_QUERY,
                S("Query-string authentication version 4 requires the X-Amz-Algorithm, "
                  "X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and "
                  "X-Amz-Expires parameters."));
        }
    }
    if (!str_eq(values[ALGO], S(ALGORITHM))) {
        return refuse(r, IAM_REFUSE_QUERY, S("X-Amz-Algorithm only supports \"" ALGORITHM "\""));
    }
    TRY(read_credential(r, values[CREDENTIAL]));
    TRY(read_date(r, values[DATE]));
    TRY(read_expiry(r, values[EXPIRES]));
    TRY(read_signed_headers(r, values[SIGNED]));
    TRY(read_signature(r, values[SIGNATURE]));
    r->out->token = values[TOKEN];
    str named = header_of(r->request, S("x-amz-content-sha256"));
    return read_payload(r, named.len > 0 ? named : values[SHA]);
}

err *iam_signature_read(struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, struct iam_signature *out)
{
    struct reading r = {arena, request, rules, out};
    str authorization = header_of(request, S("authorization"));
    bool in_query = str_find(request->query, S("X-Amz-Signature=")) >= 0 ||
                    str_find(request->query, S("X-Amz-Algorithm=")) >= 0;
    *out = (struct iam_signature){};
    if (in_query && authorization.len > 0) {
        return refuse(&r, IAM_REFUSE_TWICE,
            S("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
              "Signature query string parameter or the Authorization header should be specified"));
    }
    if (in_query) {
        return read_query(&r);
    }
    if (authorization.len == 0) {
        return refuse(&r, IAM_REFUSE_MISSING, (str){});
    }
    if (!str_starts(authorization, S(ALGORITHM " "))) {
        return refuse(&r, IAM_REFUSE_ALGORITHM,
            S("Unsupported AWS 'algorithm': the Authorization header must begin with '" ALGORITHM
              "'."));
    }
    return read_header(&r, authorization);
}

// ---- checking ----------------------------------------------------------------------------------

static err *check_time(const struct reading *r, u64 now_s)
{
    const struct iam_signature *s = r->out;
    str now = time_text(r->arena, now_s);
    if (s->in_query) {
        if (s->time_s > now_s + IAM_EARLY_S) {
            return refuse(r, IAM_REFUSE_URL_EARLY,
                str_fmt(r->arena, "Signature not yet current: %.*s is still later than %.*s",
                    PRI(s->amz_date), PRI(now)));
        }
        if (now_s > s->time_s + s->expires_s) {
            return refuse(r, IAM_REFUSE_URL_EXPIRED,
                str_fmt(r->arena, "Signature expired: %.*s is now earlier than %.*s",
                    PRI(time_text(r->arena, s->time_s + s->expires_s)), PRI(now)));
        }
        return NULL;
    }
    if (s->time_s + IAM_SKEW_S < now_s) {
        return refuse(r, IAM_REFUSE_SKEWED,
            str_fmt(r->arena, "Signature expired: %.*s is now earlier than %.*s (%.*s - 15 min.)",
                PRI(s->amz_date), PRI(time_text(r->arena, now_s - IAM_SKEW_S)), PRI(now)));
    }
    if (s->time_s > now_s + IAM_SKEW_S) {
        return refuse(r, IAM_REFUSE_SKEWED,
            str_fmt(r->arena,
                "Signature not yet current: %.*s is still later than %.*s (%.*s + 15 min.)",
                PRI(s->amz_date), PRI(time_text(r->arena, now_s + IAM_SKEW_S)), PRI(now)));
    }
    return NULL;
}

err *iam_signature_time(
    struct arena *arena, const struct iam_rules *rules, u64 now_ms, struct iam_signature *signature)
{
    struct reading r = {arena, NULL, rules, signature};
    return check_time(&r, now_ms / 1000);
}

// Makes the canonical request with this form of the path, and compares. False also when a signed
// header is missing or holds control characters.
static bool matches(const struct reading *r, str path, str query)
{
    struct iam_signature *s = r->out;
    u8 digest[CRYPTO_SHA256_SIZE];
    u8 given[CRYPTO_SHA256_SIZE];
    struct buf text = buf_in(r->arena, SIZE_MAX / 4);
    str parts[] = {r->request->method, path, query};
    for (size_t i = 0; i < countof(parts); i++) {
        buf_add(&text, parts[i]);
        buf_add_char(&text, '\n');
    }
    if (!iam_canonical_headers(r->request, s->signed_headers, &text)) {
        return false;
    }
    buf_add_char(&text, '\n');
    buf_add(&text, s->signed_headers);
    buf_add_char(&text, '\n');
    buf_add(&text, s->payload_text);
    s->canonical_request = buf_str(&text);
    crypto_sha256(s->canonical_request, digest);
    str hash = hex_encode(r->arena, (str){(const char *)digest, sizeof(digest)});
    s->string_to_sign =
        str_cat(r->arena, S(ALGORITHM "\n"), s->amz_date, S("\n"), s->scope, S("\n"), hash);
    crypto_hmac_sha256(
        (str){(const char *)s->signing_key, sizeof(s->signing_key)}, s->string_to_sign, digest);
    return hex_digest(s->signature, given) &&
           bytes_eq_secret((str){(const char *)digest, sizeof(digest)},
               (str){(const char *)given, sizeof(given)});
}

// Clients disagree on paths that hold !'()* or are not normal; where they agree one look is enough.
static bool matches_any(const struct reading *r, str query)
{
    str tried[IAM_PATHS];
    size_t count = 0;
    str path = r->request->path.len > 0 ? r->request->path : S("/");
    enum iam_path from = r->rules->s3 ? IAM_PATH_S3 : IAM_PATH_ONCE_MORE;
    enum iam_path last = r->rules->s3 ? IAM_PATH_S3 : IAM_PATH_NORMAL;
    for (enum iam_path form = from; form <= last; form++) {
        str text = iam_canonical_path(r->arena, path, form);
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known = known || str_eq(tried[i], text);
        }
        if (!known && matches(r, text, query)) {
            return true;
        }
        tried[count++] = text;
    }
    return false;
}

static err *mismatch(const struct reading *r)
{
    const struct iam_signature *s = r->out;
    if (r->rules->words == IAM_WORDS_S3 || s->canonical_request.len == 0 ||
        s->canonical_request.len > CANONICAL_SHOWN_MAX) {
        return refuse(r, IAM_REFUSE_MISMATCH, (str){}); // S3 tells these in elements of their own
    }
    return refuse(r, IAM_REFUSE_MISMATCH,
        str_cat(r->arena, REFUSALS[IAM_REFUSE_MISMATCH].text,
            S("\n\nThe Canonical String for this request should have been\n'"),
            s->canonical_request, S("'\n\nThe String-to-Sign should have been\n'"),
            s->string_to_sign, S("'\n")));
}

err *iam_signature_check(struct arena *arena, const struct iam_request *request,
    const struct iam_rules *rules, str secret, u64 now_ms, struct iam_signature *signature)
{
    struct reading r = {arena, request, rules, signature};
    str query;
    TRY(check_time(&r, now_ms / 1000));
    iam_signing_key(signature, secret, signature->signing_key);
    if (!iam_canonical_query(arena, request->query, &query) || !matches_any(&r, query)) {
        return mismatch(&r);
    }
    if (rules->s3 && !request->body_later) {
        u8 digest[CRYPTO_SHA256_SIZE];
        crypto_sha256(request->body, digest);
        if (!iam_payload_matches(signature, digest)) {
            return refuse(&r, IAM_REFUSE_PAYLOAD_MISMATCH, (str){});
        }
    }
    return NULL;
}

// ---- forms
// ---------------------------------------------------------------------------------------

err *iam_form_read(struct arena *arena, const struct iam_form *form, const struct iam_rules *rules,
    struct iam_signature *out)
{
    struct reading r = {arena, NULL, rules, out};
    *out = (struct iam_signature){.in_query = true, .token = form->token}; // not of a header
    if (!str_eq(form->algorithm, S(ALGORITHM))) {
        return refuse(&r, IAM_REFUSE_ALGORITHM, (str){});
    }
    TRY(read_credential(&r, form->credential));
    TRY(read_date(&r, form->date));
    return read_signature(&r, form->signature);
}

err *iam_form_check(struct arena *arena, const struct iam_form *form, const struct iam_rules *rules,
    str secret, struct iam_signature *signature)
{
    struct reading r = {arena, NULL, rules, signature};
    u8 digest[CRYPTO_SHA256_SIZE];
    u8 given[CRYPTO_SHA256_SIZE];
    iam_signing_key(signature, secret, signature->signing_key);
    signature->string_to_sign = form->policy;
    crypto_hmac_sha256((str){(const char *)signature->signing_key, sizeof(signature->signing_key)},
        form->policy, digest);
    bool right = hex_digest(signature->signature, given) &&
                 bytes_eq_secret((str){(const char *)digest, sizeof(digest)},
                     (str){(const char *)given, sizeof(given)});
    return right ? NULL : refuse(&r, IAM_REFUSE_MISMATCH, (str){});
}

bool iam_payload_matches(const struct iam_signature *signature, const u8 digest[CRYPTO_SHA256_SIZE])
{
    u8 wanted[CRYPTO_SHA256_SIZE];
    return signature->payload != IAM_PAYLOAD_HASHED ||
           (hex_digest(signature->payload_text, wanted) &&
               bytes_eq_secret((str){(const char *)wanted, sizeof(wanted)},
                   (str){(const char *)digest, CRYPTO_SHA256_SIZE}));
}

// ---- chunks ------------------------------------------------------------------------------------

void iam_chunks_begin(const struct iam_signature *signature, struct iam_chunks *chunks)
{
    check(signature->signature.len == sizeof(chunks->previous));
    memcpy(chunks->key, signature->signing_key, sizeof(chunks->key));
    memcpy(chunks->previous, signature->signature.ptr, sizeof(chunks->previous));
    chunks->amz_date = signature->amz_date;
    chunks->scope = signature->scope;
}

static bool chain(
    struct iam_chunks *chunks, struct arena *arena, str algorithm, str rest, str signature)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    u8 given[CRYPTO_SHA256_SIZE];
    struct arena_mark mark = arena_mark(arena);
    str text = str_cat(arena, algorithm, S("\n"), chunks->amz_date, S("\n"), chunks->scope, S("\n"),
        (str){chunks->previous, sizeof(chunks->previous)}, S("\n"), rest);
    crypto_hmac_sha256((str){(const char *)chunks->key, sizeof(chunks->key)}, text, digest);
    bool right =
        hex_digest(signature, given) && bytes_eq_secret((str){(const char *)digest, sizeof(digest)},
                                            (str){(const char *)given, sizeof(given)});
    if (right) {
        str hex = hex_encode(arena, (str){(const char *)digest, sizeof(digest)});
        memcpy(chunks->previous, hex.ptr, sizeof(chunks->previous));
    }
    arena_rewind(arena, mark);
    return right;
}

bool iam_chunks_next(struct iam_chunks *chunks, struct arena *arena,
    const u8 digest[CRYPTO_SHA256_SIZE], str signature)
{
    static const char EMPTY[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char rest[sizeof(EMPTY) + CRYPTO_SHA256_SIZE * 2 + 1];
    str hex = hex_encode(arena, (str){(const char *)digest, CRYPTO_SHA256_SIZE});
    memcpy(rest, EMPTY, sizeof(EMPTY) - 1);
    rest[sizeof(EMPTY) - 1] = '\n';
    memcpy(rest + sizeof(EMPTY), hex.ptr, hex.len);
    return chain(
        chunks, arena, S(ALGORITHM "-PAYLOAD"), (str){rest, sizeof(EMPTY) + hex.len}, signature);
}

bool iam_chunks_trailer(struct iam_chunks *chunks, struct arena *arena, str lines, str signature)
{
    u8 digest[CRYPTO_SHA256_SIZE];
    crypto_sha256(lines, digest);
    return chain(chunks, arena, S(ALGORITHM "-TRAILER"),
        hex_encode(arena, (str){(const char *)digest, sizeof(digest)}), signature);
}

// ---- the server's requests ---------------------------------------------------------------------

struct iam_request iam_request_of(const struct http_req *req, str body)
{
    static const struct {
        enum http_method method;
        str name;
    } METHODS[] = {{HTTP_GET, S_INIT("GET")}, {HTTP_HEAD, S_INIT("HEAD")},
        {HTTP_POST, S_INIT("POST")}, {HTTP_PUT, S_INIT("PUT")}, {HTTP_DELETE, S_INIT("DELETE")},
        {HTTP_OPTIONS, S_INIT("OPTIONS")}, {HTTP_PATCH, S_INIT("PATCH")}};
    struct iam_request out = {.path = req->path,
        .query = req->query,
        .headers = req->headers,
        .header_count = req->header_count,
        .body = body};
    for (size_t i = 0; i < countof(METHODS); i++) {
        if (METHODS[i].method == req->method) {
            out.method = METHODS[i].name;
        }
    }
    return out;
}
