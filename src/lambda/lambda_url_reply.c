// From what a function returns to the response.
#include "lambda/lambda_int.h"

enum {
    PRELUDE_MAX = 64 * 1024,
    ZEROS = 8,
    FIELDS_MAX = 64 * 1024, // bytes of an answer's headers and cookies
};

#define PRELUDE_TYPE S("application/vnd.awslambda.http-integration-response")

err *lambda_url_refuse(const struct lambda_url_call *call, int status, str type, str message)
{
    struct arena *a = call->req->arena;
    struct json *body = json_object(a);
    json_set(body, S("Message"), json_string(a, message));
    http_add_header(call->req, S("x-amzn-ErrorType"), type);
    return http_reply(call->req, status, S("application/json"), json_text(a, body));
}

static err *refuse_answer(const struct lambda_url_call *call) YIELDS;

static err *refuse_answer(const struct lambda_url_call *call)
{
    return http_reply(call->req, 502, S("text/plain"), S("Internal Server Error"));
}

// ---- CORS --------------------------------------------------------------------------------------

static bool has_origin(const struct func_url *url, str origin)
{
    for (size_t i = 0; i < url->origin_count; i++) {
        str allowed = url->origins[i];
        ptrdiff_t star = str_find_char(allowed, '*');
        if (str_eq(allowed, S("*")) || str_eq_nocase(allowed, origin)) {
            return true;
        }
        str before = star >= 0 ? str_sub(allowed, 0, (size_t)star) : (str){};
        str after = star >= 0 ? str_sub(allowed, (size_t)star + 1, allowed.len) : (str){};
        if (star >= 0 && origin.len >= before.len + after.len && str_starts(origin, before) &&
            str_ends(origin, after)) {
            return true;
        }
    }
    return false;
}

static void add_if(struct http_req *req, str name, str value)
{
    if (value.len > 0) {
        http_add_header(req, name, value);
    }
}

void lambda_url_add_cors(const struct lambda_url_call *call, bool is_preflight)
{
    struct http_req *req = call->req;
    const struct func_url *url = call->function->url;
    str origin = http_header(req, S("origin"));
    if (!url->has_cors) {
        return;
    }
    http_add_header(req, S("Vary"), S("Origin"));
    if (origin.len == 0 || !has_origin(url, origin)) {
        return;
    }
    bool any = url->origin_count > 0 && str_eq(url->origins[0], S("*")) && !url->credentials;
    http_add_header(req, S("Access-Control-Allow-Origin"), any ? S("*") : origin);
    add_if(req, S("Access-Control-Allow-Credentials"), url->credentials ? S("true") : S(""));
    if (!is_preflight) {
        add_if(req, S("Access-Control-Expose-Headers"), url->exposed);
        return;
    }
    str method = http_header(req, S("access-control-request-method"));
    str headers = http_header(req, S("access-control-request-headers"));
    add_if(req, S("Access-Control-Allow-Methods"),
        str_eq(url->methods, S("*")) ? method : url->methods);
    add_if(req, S("Access-Control-Allow-Headers"),
        str_eq(url->headers, S("*")) ? headers : url->headers);
    if (url->max_age_s > 0) {
        http_add_header(
            req, S("Access-Control-Max-Age"), str_fmt(req->arena, "%u", url->max_age_s));
    }
}

// ---- an answer ---------------------------------------------------------------------------------

static bool is_plain(str text, bool is_name)
{
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f || (is_name && (c <= ' ' || c == ':'))) {
            return false;
        }
    }
    return !is_name || text.len > 0;
}

// Those that the server sets itself, and those of CORS where the platform answers for it.
static bool is_own_header(const struct lambda_url_call *call, str name)
{
    static const str OWN[] = {S_INIT("content-type"), S_INIT("content-length"),
        S_INIT("transfer-encoding"), S_INIT("connection"), S_INIT("keep-alive"), S_INIT("date")};
    for (size_t i = 0; i < countof(OWN); i++) {
        if (str_eq_nocase(OWN[i], name)) {
            return true;
        }
    }
    str start = S("access-control-");
    return call->function->url->has_cors && name.len > start.len &&
           str_eq_nocase(str_sub(name, 0, start.len), start);
}

struct answer { // a status, headers, and whether they make sense
    int status;
    str content_type;
    size_t field_bytes;
    bool is_bad;
};

static str scalar_text(const struct json *value)
{
    return value->kind == JSON_BOOL ? (value->boolean ? S("true") : S("false")) : value->text;
}

static void check_field(struct answer *out, str name, str value)
{
    out->field_bytes += name.len + value.len;
    if (!is_plain(name, true) || !is_plain(value, false) || out->field_bytes > FIELDS_MAX) {
        out->is_bad = true;
    } else if (str_eq_nocase(name, S("content-type"))) {
        out->content_type = value;
    }
}

static void add_fields(const struct lambda_url_call *call, const struct json *given)
{
    json_each (header, json_get(given, S("headers"))) {
        if (!is_own_header(call, header->key)) {
            http_add_header(call->req, header->key, scalar_text(header));
        }
    }
    json_each (cookie, json_get(given, S("cookies"))) {
        http_add_header(call->req, S("Set-Cookie"), cookie->text);
    }
}

// Adds headers and cookies, all or, of a bad answer, none.
static void read_answer(
    const struct lambda_url_call *call, const struct json *given, struct answer *out)
{
    const struct json *status = json_get(given, S("statusCode"));
    i64 number = json_get_int(given, S("statusCode"), -1);
    u64 from_text = 0;
    if (status != NULL && status->kind == JSON_STRING && str_to_u64(status->text, &from_text)) {
        number = (i64)from_text;
    }
    number = status == NULL ? 200 : number;
    // 1xx is no answer yet, and 101 would end the use of HTTP
    *out = (struct answer){.is_bad = number < 200 || number > 599,
        .status = (int)number,
        .content_type = S("application/json")};
    json_each (header, json_get(given, S("headers"))) {
        check_field(out, header->key, scalar_text(header));
    }
    json_each (cookie, json_get(given, S("cookies"))) {
        check_field(out, S("Set-Cookie"), cookie->text);
    }
    if (!out->is_bad) {
        add_fields(call, given);
    }
}

// Some have no body in HTTP, whatever the function gives (RFC 9110 sections 15.3.5 and 15.4.5).
static bool has_body(const struct answer *answer)
{
    return answer->status != 204 && answer->status != 304;
}

err *lambda_url_reply(const struct lambda_url_call *call, const struct func_result *result)
{
    struct http_req *req = call->req;
    struct json *given = NULL;
    struct answer answer = {};
    if (result->failed ||
        json_parse(req->arena, str_dup(req->arena, result->payload), &given, NULL) != NULL) {
        return refuse_answer(call);
    }
    if (json_get(given, S("statusCode")) == NULL) { // anything else is the body
        str body = given->kind == JSON_STRING ? given->text : result->payload;
        return http_reply(req, 200, S("application/json"), body);
    }
    read_answer(call, given, &answer);
    const struct json *content = json_get(given, S("body"));
    str body = content == NULL || content->kind == JSON_NULL ? S("")
               : content->kind == JSON_STRING                ? content->text
                                                             : json_text(req->arena, content);
    bool bad = answer.is_bad || (json_get_bool(given, S("isBase64Encoded"), false) &&
                                    !base64_decode(req->arena, body, &body));
    return bad ? refuse_answer(call)
               : http_reply(
                     req, answer.status, answer.content_type, has_body(&answer) ? body : S(""));
}

// ---- an answer in pieces -----------------------------------------------------------------------

// Reads on until the eight zeros behind the prelude. *rest: what came behind them.
static bool read_prelude(const struct lambda_url_call *call, struct func_stream *stream,
    struct json **out, str *rest) YIELDS;

static bool read_prelude(
    const struct lambda_url_call *call, struct func_stream *stream, struct json **out, str *rest)
{
    static const char NONE[ZEROS] = {};
    struct arena *a = call->req->arena;
    struct buf text = buf_in(a, PRELUDE_MAX);
    str piece = {};
    do {
        func_stream_read(stream, a, &piece);
        size_t fits = PRELUDE_MAX - text.len < piece.len ? PRELUDE_MAX - text.len : piece.len;
        buf_add(&text, str_sub(piece, 0, fits));
        ptrdiff_t at = str_find(buf_str(&text), (str){NONE, ZEROS});
        if (at >= 0) {
            str whole = buf_str(&text);
            *rest = str_cat(
                a, str_sub(whole, (size_t)at + ZEROS, whole.len), str_sub(piece, fits, piece.len));
            return json_parse(a, str_dup(a, str_sub(whole, 0, (size_t)at)), out, NULL) == NULL;
        }
    } while (piece.len > 0 && text.len < PRELUDE_MAX);
    return false;
}

// An answer that breaks off is not ended: who reads it can tell.
static err *write_pieces(
    const struct lambda_url_call *call, struct func_stream *stream, str first) YIELDS;

static err *write_pieces(const struct lambda_url_call *call, struct func_stream *stream, str first)
{
    struct http_req *req = call->req;
    struct func_result result = {};
    struct arena_mark mark = arena_mark(req->arena);
    for (str piece = first; piece.len > 0;) {
        TRY(http_write(req, piece));
        arena_rewind(req->arena, mark);
        func_stream_read(stream, req->arena, &piece);
    }
    func_stream_result(stream, req->arena, &result);
    return result.failed ? fail(req->arena, ERR_CLOSED, "The function failed while it answered")
                         : http_end(req);
}

err *lambda_url_reply_stream(const struct lambda_url_call *call, struct func_stream *stream)
{
    struct http_req *req = call->req;
    struct func_result result = {};
    struct json *prelude = NULL;
    str first = {};
    str type = str_dup(req->arena, func_stream_content_type(stream));
    struct answer answer = {.status = 200, .content_type = type};
    if (str_eq_nocase(type, PRELUDE_TYPE)) {
        if (!read_prelude(call, stream, &prelude, &first)) {
            return refuse_answer(call);
        }
        read_answer(call, prelude, &answer);
        if (answer.is_bad) {
            return refuse_answer(call);
        }
    }
    if (!has_body(&answer)) { // its pieces are passed over when the stream is closed
        return http_reply(req, answer.status, answer.content_type, S(""));
    }
    if (first.len == 0) {
        func_stream_read(stream, req->arena, &first);
    }
    if (first.len == 0) { // it has ended without a piece: perhaps it failed
        func_stream_result(stream, req->arena, &result);
        return result.failed ? refuse_answer(call)
                             : http_reply(req, answer.status, answer.content_type, S(""));
    }
    answer.content_type = answer.content_type.len > 0 ? answer.content_type : S("application/json");
    TRY(http_begin(req, answer.status, answer.content_type, UINT64_MAX));
    return write_pieces(call, stream, first);
}
