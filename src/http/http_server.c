// A connection's life: read a head, route it, let the handler answer, keep alive or close.
#include "http/http_int.h"

#include <stdio.h>
#include <time.h>

const struct http_limits HTTP_LIMITS_DEFAULT = {
    .head_max = 32 * 1024,
    .body_buffer_max = 16 * 1024 * 1024,
    .head_timeout_ms = 20000,
    .body_timeout_ms = 30000,
    .idle_timeout_ms = 75000,
    .write_timeout_ms = 30000,
    .requests_max = 1000000,
};

enum {
    DRAIN_MAX = 256 * 1024,   // an unread body up to this is passed over to keep the connection
    IDLE_BUFFER_MAX = 1024,   // a connection keeps a read buffer of this size between requests
    LINGER_MS = 2000,         // how long a closing connection still takes bytes in
    COALESCE_MAX = 2048,      // smaller pieces of a chunked answer go out in one system call
    DIRECT_MIN = 4096,        // larger pieces of a body are read straight to where they go
    TOGETHER_MAX = 1024,      // a body up to this is copied behind its head: one piece to send
    HEADERS_MAX = 512 * 1024, // response headers; who adds what others say bounds it
};

char *http_scratch(void)
{
    static _Thread_local char bytes[HTTP_SCRATCH];
    return bytes;
}

static err *read_more(struct http_conn *conn, size_t *got) YIELDS;

// Bytes are read into the thread's scratch space and copied behind what is kept: an idle connection
// holds no buffer. Nothing yields between the read and the copy.
static err *read_more(struct http_conn *conn, size_t *got)
{
    char *scratch = http_scratch();
    TRY(net_read(conn->stream, scratch, HTTP_SCRATCH, got));
    if (conn->in_used > 0) {
        buf_drop(&conn->in, conn->in_used);
        conn->in_used = 0;
    }
    buf_add(&conn->in, (str){scratch, *got});
    check(!conn->in.overflow); // heads and lines between chunks are bounded before this
    return NULL;
}

static str unread(const struct http_conn *conn)
{
    check(conn->in_used <= conn->in.len);
    return str_sub(buf_str(&conn->in), conn->in_used, conn->in.len);
}

// ---- response ------------------------------------------------------------------------------

// "Date: ..." changes once a second; each thread keeps its own.
static str date_header(void)
{
    static _Thread_local char text[64];
    static _Thread_local size_t len;
    static _Thread_local time_t made;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made) {
        struct tm parts;
        gmtime_r(&now.tv_sec, &parts);
        len = strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        made = now.tv_sec;
    }
    return (str){text, len};
}

// A value that may come from outside must not end its line (RFC 9110 section 5.5).
static void add_value(struct buf *out, str value)
{
    size_t start = out->len;
    buf_add(out, value);
    for (size_t i = start; i < out->len; i++) {
        u8 c = (u8)out->ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            out->ptr[i] = ' ';
        }
    }
}

static void add_field(struct buf *out, str name, str value)
{
    buf_add(out, name);
    buf_add(out, S(": "));
    add_value(out, value);
    buf_add(out, S("\r\n"));
}

void http_add_header(struct http_req *req, str name, str value)
{
    check(!req->conn->begun);
    add_field(&req->conn->headers, name, value);
}

size_t http_added_bytes(const struct http_req *req)
{
    return req->conn->headers.len;
}

void http_cors_off(struct http_req *req)
{
    check(!req->conn->begun);
    req->conn->cors = false;
}

static void add_cors(struct http_req *req, struct buf *head)
{
    if (req->conn->cors) {
        buf_add(head, S("Access-Control-Allow-Origin: *\r\n"
                        "Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,"
                        "x-amzn-ErrorMessage,"
                        "x-amz-request-id,x-amz-id-2,x-amz-version-id,ETag,Date\r\n"));
    }
}

static void add_decimal(struct buf *out, u64 value)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(out, (str){digits + at, sizeof(digits) - at});
}

// How the end of a response's body is told when its length is not: by chunks, or, to an HTTP/1.0
// peer, by the end of the connection.
enum { LENGTH_CHUNKED = -1, LENGTH_UNTIL_CLOSE = -2 };

// Made when it is needed first: a connection that waits for a request allocates nothing.
static str request_id(struct http_req *req)
{
    if (req->request_id.len == 0) {
        req->request_id = random_uuid(req->arena);
    }
    return req->request_id;
}

static struct buf response_head(struct http_req *req, int status, str content_type, i64 length)
{
    struct http_conn *conn = req->conn;
    struct buf head = buf_in(req->arena, HEADERS_MAX + TOGETHER_MAX + 4096);
    bool no_body = status == 204 || status == 304;
    check(status >= 200 && (!no_body || length == 0));
    (void)buf_room(&head, 512); // most fit: no growing
    buf_add(&head, S("HTTP/1.1 "));
    add_decimal(&head, (u64)status);
    buf_add_char(&head, ' ');
    buf_add(&head, http_reason(status));
    buf_add(&head, S("\r\n"));
    buf_add(&head, date_header());
    if (content_type.len > 0) {
        add_field(&head, S("Content-Type"), content_type);
    }
    if (length == LENGTH_CHUNKED) {
        buf_add(&head, S("Transfer-Encoding: chunked\r\n"));
    } else if (length >= 0 && !no_body) {
        buf_add(&head, S("Content-Length: "));
        add_decimal(&head, (u64)length);
        buf_add(&head, S("\r\n"));
    }
    buf_add(&head, S("x-amzn-RequestId: "));
    buf_add(&head, request_id(req));
    buf_add(&head, S("\r\n"));
    add_cors(req, &head);
    buf_add(&head, buf_str(&conn->headers));
    if (conn->close_after) {
        buf_add(&head, S("Connection: close\r\n"));
    } else if (conn->head.is_http10) {
        buf_add(&head, S("Connection: keep-alive\r\n"));
    }
    buf_add(&head, S("\r\n"));
    check(!head.overflow && !conn->headers.overflow);
    return head;
}

// A body that will not be read to its end makes the connection useless for another request.
static void decide_close(struct http_conn *conn)
{
    bool unread_body = conn->body != BODY_DONE && conn->body != BODY_NONE;
    if (unread_body && conn->head.expects_continue && !conn->continue_sent) {
        conn->close_after = true;
    }
    if (unread_body && conn->body == BODY_LENGTH && conn->body_left > DRAIN_MAX) {
        conn->close_after = true;
    }
}

err *http_reply(struct http_req *req, int status, str content_type, str body)
{
    struct http_conn *conn = req->conn;
    check(!conn->begun);
    decide_close(conn);
    struct buf head = response_head(req, status, content_type, (i64)body.len);
    conn->begun = true;
    conn->length_left = 0;
    conn->chunked_out = false;
    body = conn->head_only ? (str){} : body;
    if (body.len <= TOGETHER_MAX) {
        buf_add(&head, body);
        if (conn->server->limits.gathers && unread(conn).len > 0) {
            return net_write_more(conn->stream, buf_str(&head));
        }
        return net_write(conn->stream, buf_str(&head));
    }
    return net_write2(conn->stream, buf_str(&head), body);
}

err *http_reply_empty(struct http_req *req, int status)
{
    return http_reply(req, status, (str){}, (str){});
}

err *http_begin(struct http_req *req, int status, str content_type, u64 length)
{
    struct http_conn *conn = req->conn;
    check(!conn->begun);
    decide_close(conn);
    bool until_close = length == UINT64_MAX && conn->head.is_http10;
    conn->close_after = conn->close_after || until_close;
    conn->chunked_out = length == UINT64_MAX && !until_close;
    conn->length_left = length;
    struct buf head = response_head(req, status, content_type,
        until_close         ? LENGTH_UNTIL_CLOSE
        : conn->chunked_out ? LENGTH_CHUNKED
                            : (i64)length);
    conn->begun = true;
    bool body_follows = !conn->chunked_out && !until_close && !conn->head_only && length > 0;
    return body_follows ? net_write_more(conn->stream, buf_str(&head))
                        : net_write(conn->stream, buf_str(&head));
}

static err *write_chunk(struct http_conn *conn, str bytes) YIELDS;

static err *write_chunk(struct http_conn *conn, str bytes)
{
    char whole[COALESCE_MAX + 32];
    size_t len = (size_t)snprintf(whole, sizeof(whole), "%zx\r\n", bytes.len);
    if (bytes.len > COALESCE_MAX) {
        TRY(net_write2(conn->stream, (str){whole, len}, bytes));
        return net_write(conn->stream, S("\r\n"));
    }
    memcpy(whole + len, bytes.ptr, bytes.len);
    memcpy(whole + len + bytes.len, "\r\n", 2);
    return net_write(conn->stream, (str){whole, len + bytes.len + 2});
}

err *http_write(struct http_req *req, str bytes)
{
    struct http_conn *conn = req->conn;
    check(conn->begun);
    if (conn->head_only || bytes.len == 0) {
        return NULL;
    }
    if (!conn->chunked_out) {
        check(bytes.len <= conn->length_left);
        conn->length_left -= conn->length_left == UINT64_MAX ? 0 : bytes.len;
        return net_write(conn->stream, bytes);
    }
    return write_chunk(conn, bytes);
}

err *http_write_file(struct http_req *req, int file, u64 offset, u64 size)
{
    struct http_conn *conn = req->conn;
    check(conn->begun && !conn->chunked_out);
    if (conn->head_only || size == 0) {
        return NULL;
    }
    check(size <= conn->length_left);
    conn->length_left -= conn->length_left == UINT64_MAX ? 0 : size;
    return net_send_file(conn->stream, req->arena, file, offset, size);
}

err *http_end(struct http_req *req)
{
    struct http_conn *conn = req->conn;
    check(conn->begun);
    if (conn->chunked_out && !conn->head_only) {
        conn->chunked_out = false;
        return net_write(conn->stream, S("0\r\n\r\n"));
    }
    if (conn->length_left != 0 && conn->length_left != UINT64_MAX && !conn->head_only) {
        conn->close_after = true; // fewer bytes than promised: the peer must notice
    }
    return NULL;
}

bool http_has_begun(const struct http_req *req)
{
    return req->conn->begun;
}

// ---- request body --------------------------------------------------------------------------

static err *bad_body(struct http_req *req, const char *what)
{
    req->conn->close_after = true;
    req->conn->body = BODY_DONE;
    return fail(req->arena, ERR_SYNTAX, "%s", what);
}

static err *before_reading(struct http_conn *conn) YIELDS;

// Asks the peer for the body it holds back, and limits how long it may be silent.
static err *before_reading(struct http_conn *conn)
{
    if (conn->head.expects_continue && !conn->continue_sent && !conn->begun) {
        conn->continue_sent = true;
        TRY(net_write(conn->stream, S("HTTP/1.1 100 Continue\r\n\r\n")));
    }
    net_set_timeouts(
        conn->stream, conn->server->limits.body_timeout_ms, conn->server->limits.write_timeout_ms);
    return NULL;
}

static err *after_reading(struct http_req *req, err *e, size_t got)
{
    struct http_conn *conn = req->conn;
    if (e != NULL) {
        conn->close_after = true;
        conn->body_late = e->code == ERR_TIMEOUT;
        return e;
    }
    return got > 0 ? NULL : bad_body(req, "the request ended before its body did");
}

static err *need_bytes(struct http_req *req) YIELDS;

static err *need_bytes(struct http_req *req)
{
    size_t got = 0;
    TRY(before_reading(req->conn));
    err *e = read_more(req->conn, &got);
    return after_reading(req, e, got);
}

static void keep_trailer(struct http_req *req, const struct http_header *field)
{
    struct http_conn *conn = req->conn;
    if (field->name.len > 0 && conn->trailer_count < HTTP_TRAILERS_MAX) {
        conn->trailers[conn->trailer_count++] = (struct http_header){
            str_dup(req->arena, field->name), str_dup(req->arena, field->value)};
    }
}

str http_trailer(const struct http_req *req, str name)
{
    for (size_t i = 0; i < req->conn->trailer_count; i++) {
        if (str_eq_nocase(req->conn->trailers[i].name, name)) {
            return req->conn->trailers[i].value;
        }
    }
    return (str){};
}

// Moves through the lines between chunks until body bytes or the end are next.
static err *chunk_frame(struct http_req *req) YIELDS;

static err *chunk_frame(struct http_req *req)
{
    struct http_conn *conn = req->conn;
    size_t trailer_bytes = 0;
    while (conn->body != BODY_CHUNK && conn->body != BODY_DONE) {
        str bytes = unread(conn);
        size_t used = 0;
        int status = 0;
        if (conn->body == BODY_CHUNK_LINE) {
            status = http_parse_chunk_line(bytes, &conn->body_left, &used);
            conn->body = status != 200         ? conn->body
                         : conn->body_left > 0 ? BODY_CHUNK
                                               : BODY_TRAILER;
        } else if (conn->body == BODY_CHUNK_END) {
            used = str_starts(bytes, S("\r\n")) ? 2 : 0;
            status = used > 0 ? 200 : str_starts(S("\r"), bytes) ? 0 : 400;
            conn->body = used > 0 ? BODY_CHUNK_LINE : conn->body;
        } else {
            struct http_header field = {};
            status = http_parse_trailer_line(bytes, &field, &used);
            keep_trailer(req, &field);
            conn->body = status == 200 && used == 2 ? BODY_DONE : conn->body;
            trailer_bytes += used;
            status = trailer_bytes > HTTP_LINE_MAX ? 400 : status;
        }
        if (status == 400) {
            return bad_body(req, "bad chunk");
        }
        conn->in_used += used;
        if (status == 0) {
            TRY(need_bytes(req));
        }
    }
    return NULL;
}

err *http_read_some(struct http_req *req, void *bytes, size_t size, size_t *got)
{
    check(size > 0);
    struct http_conn *conn = req->conn;
    check(size > 0);
    *got = 0;
    if (conn->body != BODY_LENGTH && conn->body != BODY_NONE && conn->body != BODY_DONE) {
        TRY(chunk_frame(req));
    }
    if (conn->body == BODY_NONE || conn->body == BODY_DONE) {
        return NULL;
    }
    size = size < conn->body_left ? size : (size_t)conn->body_left;
    size_t take = size;
    if (unread(conn).len == 0 && size >= DIRECT_MIN) { // no copy on the way
        TRY(before_reading(conn));
        err *e = net_read(conn->stream, bytes, size, &take);
        TRY(after_reading(req, e, take));
    } else {
        if (unread(conn).len == 0) {
            TRY(need_bytes(req));
        }
        str from = unread(conn);
        take = from.len < size ? from.len : size;
        memcpy(bytes, from.ptr, take);
        conn->in_used += take;
    }
    conn->body_left -= take;
    *got = take;
    if (conn->body_left == 0) {
        conn->body = conn->body == BODY_LENGTH ? BODY_DONE : BODY_CHUNK_END;
    }
    return NULL;
}

err *http_read_body(struct http_req *req, size_t max, str *out)
{
    struct http_conn *conn = req->conn;
    size_t limit = conn->server->limits.body_buffer_max;
    limit = max < limit ? max : limit;
    if (conn->body == BODY_LENGTH && conn->body_left > limit) {
        return fail(req->arena, ERR_TOO_LARGE, "the body may have at most %zu bytes", limit);
    }
    if (conn->body == BODY_LENGTH && unread(conn).len >= conn->body_left) { // usual: no copy loop
        *out = str_dup(req->arena, str_sub(unread(conn), 0, (size_t)conn->body_left));
        conn->in_used += out->len;
        conn->body_left = 0;
        conn->body = BODY_DONE;
        return NULL;
    }
    struct buf body = buf_in(req->arena, limit + 4096);
    for (;;) {
        size_t got = 0;
        char *room = buf_room(&body, 4096);
        if (room == NULL || body.len > limit) {
            conn->close_after = true;
            return fail(req->arena, ERR_TOO_LARGE, "the body may have at most %zu bytes", limit);
        }
        TRY(http_read_some(req, room, body.cap - body.len, &got));
        if (got == 0) {
            *out = buf_str(&body);
            return NULL;
        }
        body.len += got;
    }
}

// ---- the loop ------------------------------------------------------------------------------

static void refuse(struct http_req *req, int status, str why) YIELDS;

static void refuse(struct http_req *req, int status, str why)
{
    // Our own words: nothing to escape.
    str body = str_cat(req->arena, S("{\"message\":\""), why, S("\"}"));
    req->conn->close_after = true;
    err *e = http_reply(req, status, S("application/json"), body);
    (void)e; // the connection ends in any case
}

// Tells the peer that no more comes and takes in for a while what it still sends: closing at once
// with unread bytes would reset the connection and could destroy the answer on its way (RFC 9112
// section 9.6).
static void linger(struct http_conn *conn) YIELDS;

static void linger(struct http_conn *conn)
{
    char *scratch = http_scratch();
    size_t got = 1;
    net_shutdown(conn->stream);
    net_stream_set_idle(conn->stream, true);
    net_set_timeouts(conn->stream, 0, 0);
    fiber_deadline(time_mono_us() + LINGER_MS * 1000);
    while (got > 0 && net_read(conn->stream, scratch, HTTP_SCRATCH, &got) == NULL) {
    }
    fiber_deadline(0);
}

// A head is looked at again only when a line has ended or it has become too long, so that one that
// comes byte by byte does not cost quadratic time.
static bool may_parse(const struct http_conn *conn, str bytes, size_t seen)
{
    return str_find_char(str_sub(bytes, seen, bytes.len), '\n') >= 0 ||
           bytes.len > conn->server->limits.head_max ||
           (bytes.len > HTTP_LINE_MAX && seen <= HTTP_LINE_MAX);
}

// Leaves alone what is not in the head: the "/" of an absolute target without a path.
static void rebase(str *text, str head, const char *to)
{
    uintptr_t at = (uintptr_t)text->ptr - (uintptr_t)head.ptr;
    if (text->ptr != NULL && at <= head.len) {
        text->ptr = to + at;
    }
}

// The bytes that have been read move when more are: what the request points to is copied out.
static void keep_head(struct http_req *req, str head)
{
    const char *to = str_dup(req->arena, head).ptr;
    rebase(&req->target, head, to);
    rebase(&req->path, head, to);
    rebase(&req->query, head, to);
    rebase(&req->host, head, to);
    for (size_t i = 0; i < req->header_count; i++) {
        rebase(&req->headers[i].name, head, to);
        rebase(&req->headers[i].value, head, to);
    }
}

// True with a request read; false when the connection is done (an answer may have been sent).
static bool read_head(struct http_conn *conn, struct http_req *req) YIELDS;

static bool read_head(struct http_conn *conn, struct http_req *req)
{
    const struct http_limits *limits = &conn->server->limits;
    u64 started = 0;
    size_t seen = 0;
    for (;;) {
        const char *why = "";
        size_t used = 0;
        size_t got = 0;
        str bytes = unread(conn);
        int status = may_parse(conn, bytes, seen)
                         ? http_parse_head(req, &conn->head, bytes, limits, &used, &why)
                         : 0;
        if (status == 200) {
            keep_head(req, str_sub(bytes, 0, used));
            conn->in_used += used;
            return true;
        }
        if (status != 0) {
            refuse(req, status, str_from(why));
            return false;
        }
        seen = bytes.len;
        started = started == 0 && seen > 0 ? time_mono_us() : started;
        net_stream_set_idle(conn->stream, bytes.len == 0);
        net_set_timeouts(
            conn->stream, started == 0 ? limits->idle_timeout_ms : 0, limits->write_timeout_ms);
        u64 old = fiber_deadline(started == 0 ? 0 : started + limits->head_timeout_ms * 1000);
        err *e = read_more(conn, &got);
        fiber_deadline(old);
        net_stream_set_idle(conn->stream, false);
        if (e != NULL && e->code == ERR_TIMEOUT && started != 0) {
            refuse(req, 408, S("the request head did not arrive in time"));
        }
        if (e != NULL || got == 0) {
            return false;
        }
    }
}

// Browsers ask before they send AWS headers; everything they name is allowed, since access is
// decided by credentials in the request, never by cookies.
err *http_preflight(struct http_req *req)
{
    str wanted = http_header(req, S("access-control-request-headers"));
    http_add_header(
        req, S("Access-Control-Allow-Methods"), S("GET,HEAD,POST,PUT,DELETE,PATCH,OPTIONS"));
    http_add_header(req, S("Access-Control-Allow-Headers"), wanted.len > 0 ? wanted : S("*"));
    http_add_header(req, S("Access-Control-Max-Age"), S("86400"));
    if (http_header(req, S("access-control-request-private-network")).len > 0) {
        http_add_header(req, S("Access-Control-Allow-Private-Network"), S("true"));
    }
    http_add_header(req, S("Vary"), S("Access-Control-Request-Headers"));
    return http_reply_empty(req, 204);
}

static err *call_handler(http_handler handler, struct http_req *req) YIELDS;

static err *call_handler(http_handler handler, struct http_req *req)
{
    return handler(req);
}

static void add_allow(struct http_req *req, unsigned allowed)
{
    static const char *const NAMES[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    struct buf list = buf_in(req->arena, 256);
    for (size_t i = 0; i < countof(NAMES); i++) {
        if ((allowed & (1u << i)) != 0) {
            buf_fmt(&list, "%s%s", list.len > 0 ? ", " : "", NAMES[i]);
        }
    }
    http_add_header(req, S("Allow"), buf_str(&list));
}

static err *dispatch(struct http_req *req) YIELDS;

static err *dispatch(struct http_req *req)
{
    unsigned allowed = 0;
    const struct http_route *route =
        http_router_find(req->conn->server->router, req, &allowed, &req->route_rest);
    if (route == NULL) {
        if (allowed != 0) {
            add_allow(req, allowed);
        }
        if (str_eq(req->path, S("*"))) { // OPTIONS *: about the server as a whole
            add_allow(req, HTTP_ANY);
            return http_reply_empty(req, 204);
        }
        return http_reply(req, allowed != 0 ? 405 : 404, S("application/json"),
            allowed != 0 ? S("{\"message\":\"method not allowed\"}")
                         : S("{\"message\":\"not found\"}"));
    }
    req->conn->cors = route->cors;
    req->route_arg = route->arg;
    if (req->method == HTTP_OPTIONS && route->cors &&
        ((route->methods & HTTP_OPTIONS) == 0 ||
            http_header(req, S("access-control-request-method")).len > 0)) {
        return route->preflight != NULL ? call_handler(route->preflight, req) : http_preflight(req);
    }
    return call_handler(route->handler, req);
}

static void answer_error(struct http_req *req, err *e) YIELDS;

static void answer_error(struct http_req *req, err *e)
{
    struct http_conn *conn = req->conn;
    conn->close_after = true;
    conn->cut = conn->begun; // an answer that broke off: the peer shall notice at once
    if (e->code == ERR_CANCELLED || e->code == ERR_CLOSED) {
        return;
    }
    if (!conn->body_late && err_status(e->code) >= 500) {
        log_error("http.handler", "%.*s %.*s: %.*s (%s:%d)", PRI(req->path), PRI(req->request_id),
            PRI(e->text), e->file, e->line);
    }
    if (!conn->begun) {
        int status = conn->body_late ? 408 : err_status(e->code);
        refuse(req, status, status >= 500 ? S("internal failure") : http_reason(status));
    }
}

// Takes what is left of a request's body off the connection, so that the next request is found. Not
// inlined: its bytes would lie in the frame that every idle connection keeps.
__attribute__((noinline)) static bool drain_body(struct http_req *req) YIELDS;

static bool drain_body(struct http_req *req)
{
    char bytes[2048];
    size_t total = 0;
    size_t got = 1;
    struct http_conn *conn = req->conn;
    while (conn->body != BODY_NONE && conn->body != BODY_DONE) {
        if (total > DRAIN_MAX || http_read_some(req, bytes, sizeof(bytes), &got) != NULL) {
            return false;
        }
        total += got;
    }
    return true;
}

static void prepare(struct http_conn *conn, struct http_req *req)
{
    conn->body = conn->head.chunked     ? BODY_CHUNK_LINE
                 : req->body_length > 0 ? BODY_LENGTH
                                        : BODY_NONE;
    conn->body_left = conn->head.chunked ? 0 : req->body_length;
    conn->trailer_count = 0;
    conn->continue_sent = false;
    conn->chunked_out = false;
    conn->head_only = req->method == HTTP_HEAD;
    (void)request_id(req); // handlers may log it
    conn->close_after =
        !conn->head.keep_alive || ++conn->served >= conn->server->limits.requests_max;
}

static void start_request(struct http_conn *conn, struct http_req *req)
{
    arena_reset(conn->arena);
    *req = (struct http_req){.arena = conn->arena, .conn = conn};
    req->is_tls = net_is_tls(conn->stream);
    req->peer = net_peer(conn->stream);
    conn->headers = buf_in(conn->arena, HEADERS_MAX);
    conn->begun = false;
    conn->cors = false;
    conn->head_only = false;
    conn->length_left = 0;
    conn->body_late = false;
}

// One request of the connection; false when it was the last.
static bool serve_one(struct http_conn *conn, struct http_req *req) YIELDS;

static bool serve_one(struct http_conn *conn, struct http_req *req)
{
    start_request(conn, req);
    if (!read_head(conn, req)) {
        return false;
    }
    prepare(conn, req);
    err *e = dispatch(req);
    if (conn->ws != NULL) {
        ws_end(conn->ws, e == NULL ? 1000 : 1011);
        return false;
    }
    if (e == NULL && !conn->begun) {
        e = fail(req->arena, ERR_INTERNAL, "the handler sent no answer");
    }
    if (e != NULL) {
        answer_error(req, e);
        return false;
    }
    return !conn->close_after && drain_body(req);
}

void http_serve(struct net_stream *stream, void *arg)
{
    struct http_conn conn = {
        .stream = stream, .server = arg, .arena = arena_new(), .in = buf_heap(SIZE_MAX / 4)};
    struct http_req req;
    while (serve_one(&conn, &req)) {
        if (conn.in_used == conn.in.len && conn.in.cap > IDLE_BUFFER_MAX) {
            buf_free(&conn.in);
            conn.in_used = 0;
        }
    }
    if (!conn.cut) {
        linger(&conn);
    }
    buf_free(&conn.in);
    arena_free(conn.arena);
}
