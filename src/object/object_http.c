// A request: which bucket and key it names, which operation it is, who is calling; and errors.
#include "object/object_int.h"

#include <stdarg.h>

// ---- errors ------------------------------------------------------------------------------------

struct code {
    const char *name;
    int status;
    const char *text;
};

static const struct code CODES[] = {
#define CODE(name, status, text) {#name, status, text},
#include "object/errors.def"
#undef CODE
};

static const struct code *code_of(str name)
{
    for (size_t i = 0; i < countof(CODES); i++) {
        if (str_eq(name, str_from(CODES[i].name))) {
            return &CODES[i];
        }
    }
    return NULL;
}

err *s3_refuse(struct arena *arena, const char *code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    str text = str_vfmt(arena, fmt, args);
    va_end(args);
    const struct code *known = code_of(str_from(code));
    check(known != NULL);
    err *e = text.len > 0 ? fail(arena, ERR_INVALID, "%.*s", PRI(text))
                          : fail(arena, ERR_INVALID, "%s", known->text);
    e->wire = str_from(code);
    return e;
}

// Errors of other parts, in S3's words.
static const struct code *code_of_error(const err *e)
{
    const struct code *known = code_of(e->wire);
    if (known != NULL) {
        return known;
    }
    switch (e->code) {
    case ERR_TOO_LARGE: return code_of(S("EntityTooLarge"));
    case ERR_TIMEOUT:
    case ERR_DISK_FULL: return code_of(S("SlowDown"));
    case ERR_UNAVAILABLE: return code_of(S("ServiceUnavailable"));
    case ERR_UNSUPPORTED: return code_of(S("NotImplemented"));
    case ERR_FORBIDDEN:
    case ERR_UNAUTHORIZED: return code_of(S("AccessDenied"));
    default: return code_of(S("InternalError"));
    }
}

static bool is_ours(const err *e)
{
    return code_of(e->wire) != NULL;
}

err *s3_reply_error(struct s3_call *call, const err *e)
{
    const struct code *code = code_of_error(e);
    struct buf out = buf_in(call->arena, 1024 * 1024);
    struct s3_xml xml = {.out = &out};
    str full = S("There is no room left on the disk.");
    str text = is_ours(e) ? e->text : e->code == ERR_DISK_FULL ? full : str_from(code->text);
    if (code->status == 500) {
        log_error("object.error", "%.*s", PRI(e->text));
    }
    buf_add(&out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"));
    xml_text(&xml, "Code", str_from(code->name));
    xml_text(&xml, "Message", text);
    if (str_eq(str_from(code->name), S("SignatureDoesNotMatch"))) {
        xml_text(&xml, "AWSAccessKeyId", call->signature.access_key_id);
        xml_text(&xml, "StringToSign", call->signature.string_to_sign);
        xml_text(&xml, "SignatureProvided", call->signature.signature);
        xml_text(&xml, "CanonicalRequest", call->signature.canonical_request);
    }
    if (call->bucket_name.len > 0) {
        xml_text(&xml, "BucketName", call->bucket_name);
    }
    if (call->key.len > 0) {
        xml_text(&xml, "Key", call->key);
    }
    xml_text(&xml, "Resource", call->req->path);
    xml_text(&xml, "RequestId", call->req->request_id);
    xml_text(&xml, "HostId", call->req->request_id);
    buf_add(&out, S("</Error>"));
    return http_reply(call->req, code->status, S("application/xml"), buf_str(&out));
}

// ---- the query ---------------------------------------------------------------------------------

// Of a signature in the query: nobody but iam asks for these.
static bool is_of_signature(str name)
{
    static const str NAMES[] = {S_INIT("X-Amz-Algorithm"), S_INIT("X-Amz-Credential"),
        S_INIT("X-Amz-Date"), S_INIT("X-Amz-Expires"), S_INIT("X-Amz-SignedHeaders"),
        S_INIT("X-Amz-Signature"), S_INIT("X-Amz-Security-Token"), S_INIT("X-Amz-Content-Sha256")};
    for (size_t i = 0; name.len > 0 && name.ptr[0] == 'X' && i < countof(NAMES); i++) {
        if (str_eq(name, NAMES[i])) {
            return true;
        }
    }
    return false;
}

// Decoded once: a request is asked for dozens of parameters.
static void read_params(struct s3_call *call)
{
    size_t count = 1;
    str rest = call->req->query;
    str part = {};
    for (size_t i = 0; i < rest.len; i++) {
        count += rest.ptr[i] == '&';
    }
    call->params = arena_array(call->arena, struct s3_param, count);
    while (str_next(&rest, '&', &part)) {
        struct s3_param *param = &call->params[call->param_count];
        str name = {};
        (void)str_next(&part, '=', &name);
        if (!is_of_signature(name) && http_url_decode(call->arena, name, true, &param->name) &&
            http_url_decode(call->arena, part, true, &param->value)) {
            call->param_count++;
        }
    }
    check(call->param_count <= count);
}

bool s3_query(const struct s3_call *call, const char *name, str *value)
{
    *value = (str){};
    if (call->param_count == 0) {
        return false;
    }
    str wanted = str_from(name);
    for (size_t i = 0; i < call->param_count; i++) {
        if (str_eq(call->params[i].name, wanted)) {
            *value = call->params[i].value;
            return true;
        }
    }
    return false;
}

err *s3_check_key(struct s3_call *call, str text)
{
    if (text.len > KEY_MAX) {
        return s3_refuse(call->arena, "KeyTooLongError", "%s", "");
    }
    return str_is_utf8(text) && (text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL)
               ? NULL
               : s3_refuse(call->arena, "InvalidURI", "The key is no UTF-8 text.");
}

err *s3_query_key(struct s3_call *call, const char *name, str *value)
{
    (void)s3_query(call, name, value);
    return s3_check_key(call, *value);
}

// ---- whose request, for what -------------------------------------------------------------------

enum on { ON_SERVICE, ON_BUCKET, ON_OBJECT };

// The bucket stands before ".s3." in the host's name, or first in the path. The rest of the path is
// the key, decoded once and otherwise as it is: "//" and ".." are parts of names like others.
err *s3_read_address(struct s3_call *call)
{
    read_params(call);
    str rest = str_sub(call->req->path, 1, call->req->path.len);
    str host = str_lower(call->arena, call->req->host);
    // What is signed is the header; a target in absolute form must not name another bucket's host.
    if (!str_eq(call->req->host, http_header(call->req, S("host")))) {
        return s3_refuse(call->arena, "InvalidRequest", "The target and the Host header disagree.");
    }
    ptrdiff_t at = str_find(host, S(".s3."));
    str name = {};
    if (at > 0) {
        name = str_sub(host, 0, (size_t)at);
    } else {
        str before = rest;
        if (str_next(&rest, '/', &name) && name.len == before.len) {
            rest = (str){};
        }
    }
    if (!http_url_decode(call->arena, name, false, &call->bucket_name) ||
        !http_url_decode(call->arena, rest, false, &call->key)) {
        return s3_refuse(call->arena, "InvalidURI", "%s", "");
    }
    err *e = s3_check_key(call, call->key);
    if (e != NULL) {
        call->key = (str){}; // it is not told
        return e;
    }
    call->bucket = s3_bucket(call->service, call->bucket_name);
    return NULL;
}

static const struct operation {
    enum http_method method;
    enum on on;
    const char *sub;
    err *(*handler)(struct s3_call *call);
} OPERATIONS[] = {

#define OPERATION(method, on, sub, action, handler) {HTTP_##method, ON_##on, sub, handler},
#include "object/operations.def"
#undef OPERATION
};

static const struct operation *find_operation(const struct s3_call *call)
{
    enum on on = call->bucket_name.len == 0 ? ON_SERVICE
                 : call->key.len == 0       ? ON_BUCKET
                                            : ON_OBJECT;
    str value = {};
    for (size_t i = 0; i < countof(OPERATIONS); i++) {
        const struct operation *operation = &OPERATIONS[i];
        if (operation->method == call->req->method && operation->on == on &&
            (operation->sub[0] == '\0' || s3_query(call, operation->sub, &value))) {
            return operation;
        }
    }
    return NULL;
}

// Parameters that choose an operation: one that is not served must not be taken for another.
static err *check_parameters(const struct s3_call *call, const struct operation *operation)
{
    static const char *const CHOOSING[] = {"accelerate", "acl", "analytics", "attributes", "cors",
        "delete", "encryption", "intelligent-tiering", "inventory", "legal-hold", "lifecycle",
        "location", "logging", "metrics", "notification", "object-lock", "ownershipControls",
        "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication",
        "requestPayment", "restore", "retention", "select", "tagging", "torrent", "uploadId",
        "uploads", "versioning", "versions", "website"};
    str value = {};
    for (size_t i = 0; call->param_count > 0 && i < countof(CHOOSING); i++) {
        bool chosen = strcmp(operation->sub, CHOOSING[i]) == 0;
        bool plain = strcmp(CHOOSING[i], "partNumber") == 0 &&
                     (operation->method == HTTP_GET || operation->method == HTTP_HEAD);
        if (!chosen && !plain && operation->sub[0] == '\0' && s3_query(call, CHOOSING[i], &value)) {
            return s3_refuse(call->arena, "NotImplemented",
                "The operation that '%s' asks for is not served yet.", CHOOSING[i]);
        }
    }
    return NULL;
}

static err *authenticate(struct s3_call *call) YIELDS;

static err *authenticate(struct s3_call *call)
{
    struct iam_request request = iam_request_of(call->req, (str){});
    struct iam_rules rules = {.service = S("s3"), .words = IAM_WORDS_S3, .s3 = true};
    request.body_later = true;
    if (!iam_is_signed(&request)) {
        return s3_refuse(call->arena, "AccessDenied", "%s", "");
    }
    return iam_authenticate(
        call->hub->iam, call->arena, &request, &rules, &call->principal, &call->signature);
}

// Headers that signers of URLs put into the query, where the signature covers them. Checksums are
// not among them: what a signer takes there is that of a body it does not have.
static bool is_header_of_url(str name)
{
    static const str NAMES[] = {S_INIT("x-amz-meta-"), S_INIT("x-amz-tagging"), S_INIT("x-amz-acl"),
        S_INIT("x-amz-storage-class"), S_INIT("x-amz-copy-source"),
        S_INIT("x-amz-metadata-directive"), S_INIT("x-amz-website-redirect-location"),
        S_INIT("x-amz-expected-bucket-owner"), S_INIT("x-amz-checksum-mode")};
    for (size_t i = 0; i < countof(NAMES); i++) {
        if (str_eq_nocase(str_sub(name, 0, NAMES[i].len), NAMES[i])) {
            return true;
        }
    }
    return false;
}

// Makes them headers like others; a header that was sent counts.
static void take_headers_of_url(struct s3_call *call)
{
    struct http_req *req = call->req;
    vec_of(struct http_header) all = {};
    if (!call->signature.in_query || call->param_count == 0) {
        return;
    }
    for (size_t i = 0; i < req->header_count; i++) {
        *vec_push(call->arena, &all) = req->headers[i];
    }
    for (size_t i = 0; i < call->param_count; i++) {
        const struct s3_param *param = &call->params[i];
        if (is_header_of_url(param->name) && http_header(req, param->name).len == 0) {
            *vec_push(call->arena, &all) = (struct http_header){param->name, param->value};
        }
    }
    req->headers = all.items;
    req->header_count = all.count;
}

// Every bucket is this account's.
static err *check_owner(const struct s3_call *call)
{
    static const str HEADERS[] = {
        S_INIT("x-amz-expected-bucket-owner"), S_INIT("x-amz-source-expected-bucket-owner")};
    for (size_t i = 0; i < countof(HEADERS); i++) {
        str expected = http_header(call->req, HEADERS[i]);
        if (expected.len > 0 && !str_eq(expected, call->service->account)) {
            return s3_refuse(call->arena, "AccessDenied", "%s", "");
        }
    }
    return NULL;
}

// The Amplify client deletes several objects with a request that names no bucket in its path; the
// bucket stands in the region it was given (project/outputs_storage.c), which the signature covers.
static void find_bucket_in_region(struct s3_call *call)
{
    str region = call->signature.region;
    ptrdiff_t at = str_find_char(region, '#');
    if (call->bucket_name.len == 0 && call->req->method == HTTP_POST && at >= 0) {
        call->bucket_name = str_sub(region, (size_t)at + 1, region.len);
        call->bucket = s3_bucket(call->service, call->bucket_name);
    }
}

err *s3_run(struct s3_call *call)
{
    http_add_header(call->req, S("x-amz-request-id"), call->req->request_id);
    http_add_header(call->req, S("x-amz-id-2"), call->req->request_id);
    if (call->service == NULL && !s3_here(call->hub)->is_told) { // it has only just begun
        return s3_refuse(call->arena, "ServiceUnavailable", "%s", "");
    }
    if (call->service == NULL) { // the project has no storage
        return s3_refuse(call->arena, "NoSuchBucket", "%s", "");
    }
    TRY(s3_read_address(call));
    TRY(call->bucket != NULL ? s3_cors_headers(call) : NULL);
    bool form = s3_is_form(call->req) && call->key.len == 0 && call->bucket != NULL;
    struct iam_request signs = iam_request_of(call->req, (str){});
    if (form && !iam_is_signed(&signs)) {
        return s3_post_form(call);
    }
    TRY(authenticate(call));
    take_headers_of_url(call);
    find_bucket_in_region(call);
    const struct operation *operation = find_operation(call);
    if (operation == NULL) {
        return s3_refuse(call->arena, "MethodNotAllowed", "%s", "");
    }
    TRY(check_parameters(call, operation));
    bool making = operation->handler == s3_create_bucket;
    if (call->bucket_name.len > 0 && call->bucket == NULL && !making) {
        return s3_refuse(call->arena, "NoSuchBucket", "%s", "");
    }
    TRY(check_owner(call));
    return operation->handler(call);
}

// ---- rights ------------------------------------------------------------------------------------

static err *require(struct s3_call *call, const char *action, str resource, str prefix)
{
    struct iam_fact facts[] = {
        {S("aws:SecureTransport"), call->req->is_tls ? S("true") : S("false")},
        {S("s3:prefix"), prefix}};
    struct iam_facts all = {facts, prefix.ptr != NULL ? countof(facts) : 1};
    return iam_require(
        call->arena, &call->principal, str_from(action), resource, &all, IAM_WORDS_S3);
}

err *s3_allow(struct s3_call *call, const char *action, str key)
{
    str resource = key.len > 0
                       ? str_cat(call->arena, S("arn:aws:s3:::"), call->bucket_name, S("/"), key)
                       : str_cat(call->arena, S("arn:aws:s3:::"), call->bucket_name);
    return require(call, action, resource, (str){});
}

err *s3_allow_either(struct s3_call *call, const char *one, const char *other)
{
    err *e = s3_allow(call, one, call->key);
    return e != NULL ? s3_allow(call, other, call->key) : NULL;
}

err *s3_allow_list(struct s3_call *call, const char *action, str prefix)
{
    str resource = str_cat(call->arena, S("arn:aws:s3:::"), call->bucket_name);
    return require(call, action, resource, prefix.ptr != NULL ? prefix : S(""));
}

bool s3_may_list(struct s3_call *call, str key)
{
    return s3_allow_list(call, "s3:ListBucket", key) == NULL;
}
