// The request head, as a pure function over bytes.
#include "http/http_int.h"

// What a byte may be part of.
enum {
    IN_TOKEN = 1,  // RFC 9110 section 5.6.2
    IN_VALUE = 2,  // section 5.5: visible, space, tab, and obs-text
    IN_TARGET = 4, // visible ASCII, no fragment
    IN_HOST = 8,   // RFC 3986 section 3.2.2: reg-name
};

static const u8 BYTES[256] = {
    ['\t'] = IN_VALUE,
    [' '] = IN_VALUE,
    ['!'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['"'] = IN_VALUE | IN_TARGET,
    ['#'] = IN_TOKEN | IN_VALUE,
    ['$' ... '\''] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['(' ... ')'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['*' ... '+'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    [','] = IN_VALUE | IN_TARGET | IN_HOST,
    ['-' ... '.'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['/'] = IN_VALUE | IN_TARGET,
    ['0' ... '9'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    [':'] = IN_VALUE | IN_TARGET,
    [';'] = IN_VALUE | IN_TARGET | IN_HOST,
    ['<'] = IN_VALUE | IN_TARGET,
    ['='] = IN_VALUE | IN_TARGET | IN_HOST,
    ['>' ... '@'] = IN_VALUE | IN_TARGET,
    ['A' ... 'Z'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['[' ... ']'] = IN_VALUE | IN_TARGET,
    ['^'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['_'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['`'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['a' ... 'z'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    ['{'] = IN_VALUE | IN_TARGET,
    ['|'] = IN_TOKEN | IN_VALUE | IN_TARGET,
    ['}'] = IN_VALUE | IN_TARGET,
    ['~'] = IN_TOKEN | IN_VALUE | IN_TARGET | IN_HOST,
    [0x80 ... 0xff] = IN_VALUE,
};

static bool is_all(str s, u8 kind)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((BYTES[(u8)s.ptr[i]] & kind) == 0) {
            return false;
        }
    }
    return true;
}

static bool is_token(str s)
{
    return s.len > 0 && is_all(s, IN_TOKEN);
}

// uri-host [":" port]; an IPv6 address stands in brackets. Both may be empty.
static bool is_host(str host)
{
    ptrdiff_t colon = str_rfind_char(host, ':');
    ptrdiff_t bracket = str_rfind_char(host, ']');
    if (colon > bracket) {
        str port = str_sub(host, (size_t)colon + 1, host.len);
        for (size_t i = 0; i < port.len; i++) {
            if (port.ptr[i] < '0' || port.ptr[i] > '9') {
                return false;
            }
        }
        host.len = (size_t)colon;
    }
    if (!str_starts(host, S("["))) {
        return is_all(host, IN_HOST);
    }
    for (size_t i = 1; i + 1 < host.len; i++) {
        char c = host.ptr[i];
        bool hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (!hex && c != ':' && c != '.') {
            return false;
        }
    }
    return host.len > 2 && host.ptr[host.len - 1] == ']';
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

// "http://host/path": cuts off what stands before the path. False when the host is not one.
static bool parse_absolute(struct http_req *req, str *rest)
{
    static const str SCHEMES[] = {S_INIT("http://"), S_INIT("https://")};
    for (size_t i = 0; i < countof(SCHEMES); i++) {
        if (!str_eq_nocase(str_sub(*rest, 0, SCHEMES[i].len), SCHEMES[i])) {
            continue;
        }
        *rest = str_sub(*rest, SCHEMES[i].len, rest->len);
        size_t end = 0;
        while (end < rest->len && rest->ptr[end] != '/' && rest->ptr[end] != '?') {
            end++;
        }
        req->host = str_sub(*rest, 0, end); // counts instead of the Host header
        *rest = str_sub(*rest, end, rest->len);
        return end > 0 && is_host(req->host);
    }
    return true;
}

static bool parse_target(struct http_req *req, str target)
{
    req->target = target;
    req->host = (str){};
    if (target.len == 0 || !is_all(target, IN_TARGET)) {
        return false;
    }
    str rest = target;
    if (target.ptr[0] != '/' && !parse_absolute(req, &rest)) {
        return false;
    }
    if (str_eq(rest, S("*")) && req->method == HTTP_OPTIONS) {
        req->path = rest;
        return true;
    }
    ptrdiff_t mark = str_find_char(rest, '?');
    req->path = mark >= 0 ? str_sub(rest, 0, (size_t)mark) : rest;
    req->query = mark >= 0 ? str_sub(rest, (size_t)mark + 1, rest.len) : (str){};
    if (req->path.len == 0 && req->host.len > 0) {
        req->path = S("/");
    }
    return str_starts(req->path, S("/"));
}

static int parse_version(struct http_head *head, str version)
{
    if (str_eq(version, S("HTTP/1.1"))) {
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

enum { FIELDS_FIRST = 16 }; // room made at once; doubled up to HTTP_HEADERS_MAX

static void add_field(struct http_req *req, str name, str value)
{
    size_t count = req->header_count;
    size_t size = sizeof(struct http_header);
    if (count == 0) {
        req->headers = arena_array(req->arena, struct http_header, FIELDS_FIRST);
    } else if (count >= FIELDS_FIRST && (count & (count - 1)) == 0) { // a power of two: full
        req->headers = arena_grow(req->arena, req->headers, count * size, count * 2 * size);
    }
    req->headers[req->header_count++] = (struct http_header){name, value};
}

// "name: value" without its line end.
static bool split_field(str line, str *name, str *value)
{
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon <= 0) {
        return false;
    }
    *name = str_sub(line, 0, (size_t)colon);
    *value = str_sub(line, (size_t)colon + 1, line.len);
    while (value->len > 0 && (value->ptr[0] == ' ' || value->ptr[0] == '\t')) {
        *value = str_sub(*value, 1, value->len);
    }
    while (value->len > 0 &&
           (value->ptr[value->len - 1] == ' ' || value->ptr[value->len - 1] == '\t')) {
        value->len--;
    }
    // A folded line and white space before the colon are no token.
    return is_token(*name) && is_all(*value, IN_VALUE);
}

static int parse_field(struct http_req *req, str line, const char **why)
{
    str name = {};
    str value = {};
    *why = "bad header field";
    if (!split_field(line, &name, &value)) {
        return 400;
    }
    if (req->header_count == HTTP_HEADERS_MAX) {
        *why = "too many header fields";
        return 431;
    }
    add_field(req, name, value);
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

// Is `word` in any of the fields of that name?
static bool fields_have(const struct http_req *req, str name, str word)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_eq_nocase(req->headers[i].name, name) && list_has(req->headers[i].value, word)) {
            return true;
        }
    }
    return false;
}

static int parse_fields_meaning(struct http_req *req, struct http_head *head, const char **why)
{
    str value = {};
    size_t hosts = count_fields(req, S("host"), &value);
    if (hosts > 1 || (hosts == 0 && !head->is_http10) || !is_host(value)) {
        *why = "exactly one valid Host header is needed";
        return 400;
    }
    req->host = req->host.len > 0 ? req->host : value; // an absolute target's host goes before
    head->keep_alive = !fields_have(req, S("connection"), S("close")) &&
                       (!head->is_http10 || fields_have(req, S("connection"), S("keep-alive")));
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
    req->header_count = 0;
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
    str extension = str_sub(line, digits, line.len);
    if (digits == 0 || (extension.len > 0 && extension.ptr[0] != ';') ||
        !is_all(extension, IN_VALUE)) {
        return 400;
    }
    *size = value;
    *used = at;
    return 200;
}

int http_parse_trailer_line(str bytes, struct http_header *field, size_t *used)
{
    str line = {};
    size_t at = 0;
    int status = next_line(bytes, &at, &line);
    if (status == 0) {
        return bytes.len > HTTP_LINE_MAX ? 400 : 0;
    }
    if (status != 200 || (line.len > 0 && !split_field(line, &field->name, &field->value))) {
        return 400;
    }
    *used = at;
    return 200;
}
