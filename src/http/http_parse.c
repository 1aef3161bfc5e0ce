// The request head, as a pure function over bytes.
#include "http/http_int.h"

// RFC 9110 section 5.6.2: token characters.
static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_token_char(s.ptr[i])) {
            return false;
        }
    }
    return s.len > 0;
}

static bool parse_method(str name, enum http_method *out)
{
    static const struct {
        str name;
        enum http_method method;
    } METHODS[] = {
        {S_INIT("GET"), HTTP_GET},
        {S_INIT("POST"), HTTP_POST},
        {S_INIT("PUT"), HTTP_PUT},
        {S_INIT("HEAD"), HTTP_HEAD},
        {S_INIT("DELETE"), HTTP_DELETE},
        {S_INIT("OPTIONS"), HTTP_OPTIONS},
        {S_INIT("PATCH"), HTTP_PATCH},
    };

    for (size_t i = 0; i < countof(METHODS); i++) {
        if (str_eq(METHODS[i].name, name)) {
            *out = METHODS[i].method;
            return true;
        }
    }
    return false;
}

static bool parse_target(struct http_req *req, str target)
{
    for (size_t i = 0; i < target.len; i++) {
        if ((u8)target.ptr[i] <= ' ' || (u8)target.ptr[i] >= 0x7f || target.ptr[i] == '#') {
            return false;
        }
    }
    req->target = target;
    str rest = target;
    str scheme = str_starts(rest, S("http://")) ? S("http://") : S("https://");
    if (str_starts(rest, scheme)) { // absolute form
        rest = str_sub(rest, scheme.len, rest.len);
        ptrdiff_t slash = str_find_char(rest, '/');
        if (slash == 0) {
            return false;
        }
        rest = slash > 0 ? str_sub(rest, (size_t)slash, rest.len) : S("/");
    }
    if (str_eq(rest, S("*")) && req->method == HTTP_OPTIONS) {
        req->path = rest;
        return true;
    }
    ptrdiff_t mark = str_find_char(rest, '?');
    req->path = mark >= 0 ? str_sub(rest, 0, (size_t)mark) : rest;
    req->query = mark >= 0 ? str_sub(rest, (size_t)mark + 1, rest.len) : (str){};
    return str_starts(req->path, S("/"));
}

static int parse_version(struct http_head *head, str version)
{
    if (str_eq(version, S("HTTP/1.1"))) {
        head->keep_alive = true;
        return 200;
    }
    if (str_eq(version, S("HTTP/1.0"))) {
        head->is_http10 = true;
        return 200;
    }
    bool shaped = version.len == 8 && str_starts(version, S("HTTP/")) && version.ptr[6] == '.' &&
                  version.ptr[5] >= '0' && version.ptr[5] <= '9' && version.ptr[7] >= '0' &&
                  version.ptr[7] <= '9';
    return shaped ? 505 : 400;
}

static int parse_request_line(
    struct http_req *req, struct http_head *head, str line, const char **why)
{
    str method = {};
    str target = {};
    str rest = line;
    *why = "bad request line";
    if (!str_next(&rest, ' ', &method) || !str_next(&rest, ' ', &target) || rest.ptr == NULL) {
        return 400;
    }
    int version = parse_version(head, rest);
    if (version != 200) {
        *why = version == 505 ? "HTTP version not supported" : "bad HTTP version";
        return version;
    }
    if (!is_token(method)) {
        return 400;
    }
    if (!parse_method(method, &req->method)) {
        *why = "method not implemented";
        return 501;
    }
    return parse_target(req, target) ? 200 : 400;
}

static int parse_field(struct http_req *req, str line, const char **why)
{
    *why = "bad header field";
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon <= 0 || !is_token(str_sub(line, 0, (size_t)colon))) {
        return 400; // also folded lines and white space before the colon
    }
    str value = str_sub(line, (size_t)colon + 1, line.len);
    while (value.len > 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value = str_sub(value, 1, value.len);
    }
    while (value.len > 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t')) {
        value.len--;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (((u8)value.ptr[i] < ' ' && value.ptr[i] != '\t') || value.ptr[i] == 0x7f) {
            return 400;
        }
    }
    if (req->header_count == HTTP_HEADERS_MAX) {
        *why = "too many header fields";
        return 431;
    }
    req->headers[req->header_count++] =
        (struct http_header){str_sub(line, 0, (size_t)colon), value};
    return 200;
}

static size_t count_fields(const struct http_req *req, str name, str *value)
{
    size_t count = 0;
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_eq_nocase(req->headers[i].name, name)) {
            *value = req->headers[i].value;
            count++;
        }
    }
    return count;
}

static bool list_has(str list, str word)
{
    str part = {};
    while (str_next(&list, ',', &part)) {
        if (str_eq_nocase(str_trim(part), word)) {
            return true;
        }
    }
    return false;
}

// RFC 9112 section 6.3. Two ways of telling the length is how requests are smuggled: refused.
static int parse_framing(struct http_req *req, struct http_head *head, const char **why)
{
    str length = {};
    str coding = {};
    size_t lengths = count_fields(req, S("content-length"), &length);
    size_t codings = count_fields(req, S("transfer-encoding"), &coding);
    *why = "bad message framing";
    if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0) ||
        (codings > 0 && head->is_http10)) {
        return 400;
    }
    if (codings == 1) {
        head->chunked = str_eq_nocase(coding, S("chunked"));
        req->body_length = UINT64_MAX;
        *why = "transfer coding not implemented";
        return head->chunked ? 200 : 501;
    }
    if (lengths == 1 &&
        (!str_to_u64(length, &req->body_length) || req->body_length == UINT64_MAX)) {
        return 400;
    }
    return 200;
}

static bool is_host(str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        if (!is_token_char(c) && strchr(":[]()=,;", c) == NULL) {
            return false;
        }
    }
    return true;
}

static int parse_fields_meaning(struct http_req *req, struct http_head *head, const char **why)
{
    str value = {};
    size_t hosts = count_fields(req, S("host"), &req->host);
    if (hosts > 1 || (hosts == 0 && !head->is_http10) || !is_host(req->host)) {
        *why = "exactly one valid Host header is needed";
        return 400;
    }
    if (count_fields(req, S("connection"), &value) > 0) {
        head->keep_alive =
            head->is_http10 ? list_has(value, S("keep-alive")) : !list_has(value, S("close"));
    }
    if (count_fields(req, S("expect"), &value) > 0) {
        if (!str_eq_nocase(value, S("100-continue"))) {
            *why = "expectation not supported";
            return 417;
        }
        head->expects_continue = !head->is_http10;
    }
    return parse_framing(req, head, why);
}

// Ends of lines are CR LF; a bare LF or CR inside the head is refused.
static int next_line(str bytes, size_t *at, str *line)
{
    str rest = str_sub(bytes, *at, bytes.len);
    ptrdiff_t end = str_find_char(rest, '\n');
    if (end < 0) {
        return 0;
    }
    if (end == 0 || rest.ptr[end - 1] != '\r') {
        return 400;
    }
    *line = str_sub(rest, 0, (size_t)end - 1);
    *at += (size_t)end + 1;
    return str_find_char(*line, '\r') >= 0 ? 400 : 200;
}

int http_parse_head(struct http_req *req, struct http_head *head, str bytes,
    const struct http_limits *limits, size_t *used, const char **why)
{
    size_t at = 0;
    str line = {};
    *why = "bad line end";
    *head = (struct http_head){};
    while (str_starts(str_sub(bytes, at, bytes.len), S("\r\n")) && at < 8) {
        at += 2; // RFC 9112 section 2.2: empty lines before a request
    }
    size_t start = at;
    int status = next_line(bytes, &at, &line);
    if (status == 0 && bytes.len - start > HTTP_LINE_MAX) {
        *why = "request line too long";
        return 414;
    }
    if (status != 200) {
        return status;
    }
    if (line.len > HTTP_LINE_MAX) {
        *why = "request line too long";
        return 414;
    }
    status = parse_request_line(req, head, line, why);
    if (status != 200) {
        return status;
    }
    req->headers = arena_array(req->arena, struct http_header, HTTP_HEADERS_MAX);
    for (;;) {
        *why = "bad line end";
        status = next_line(bytes, &at, &line);
        if (status == 0 || at - start > limits->head_max) {
            *why = "request head too large";
            return bytes.len - start > limits->head_max ? 431 : 0;
        }
        if (status != 200) {
            return status;
        }
        if (line.len == 0) {
            *used = at;
            return parse_fields_meaning(req, head, why);
        }
        status = parse_field(req, line, why);
        if (status != 200) {
            return status;
        }
    }
}

int http_parse_chunk_line(str bytes, u64 *size, size_t *used)
{
    str line = {};
    u64 value = 0;
    size_t digits = 0;
    size_t at = 0;
    int status = next_line(bytes, &at, &line);
    if (status == 0) {
        return bytes.len > HTTP_CHUNK_LINE_MAX ? 400 : 0;
    }
    if (status != 200 || line.len > HTTP_CHUNK_LINE_MAX) {
        return 400;
    }
    for (; digits < line.len; digits++) {
        char c = line.ptr[digits];
        u64 digit = 0;
        if (c >= '0' && c <= '9') {
            digit = (u64)(c - '0');
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (u64)((c | 0x20) - 'a' + 10);
        } else {
            break;
        }
        if (digits >= 15) {
            return 400;
        }
        value = value * 16 + digit;
    }
    // Chunk extensions are allowed and ignored.
    if (digits == 0 || (digits < line.len && line.ptr[digits] != ';')) {
        return 400;
    }
    *size = value;
    *used = at;
    return 200;
}
