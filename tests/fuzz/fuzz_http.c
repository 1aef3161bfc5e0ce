// The head parser, the chunk parser, and a whole connection. However the bytes are cut into
// packets, handlers must see the same requests.
#include "connection.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct buf *seen; // what the handlers of the connection saw

static void note_body(struct http_req *req, err *e, str body)
{
    buf_fmt(seen, "%d %.*s %.*s %zu %.*s:", (int)req->method, PRI(req->path), PRI(req->query),
        req->header_count, PRI(req->host));
    for (size_t i = 0; i < req->header_count; i++) {
        buf_add(seen, req->headers[i].name);
        buf_add(seen, req->headers[i].value);
    }
    buf_fmt(seen, " %d ", e == NULL ? -1 : (int)e->code);
    buf_add(seen, body);
    buf_add_char(seen, '\n');
}

static err *echo(struct http_req *req)
{
    str body = {};
    err *e = http_read_body(req, 3000, &body);
    note_body(req, e, body);
    TRY(e);
    return http_reply(req, 200, http_header(req, S("content-type")), body);
}

static err *stream(struct http_req *req)
{
    char bytes[100];
    size_t got = 1;
    struct buf body = buf_in(req->arena, 1 << 20);
    err *e = NULL;
    TRY(http_begin(req, 200, S("text/plain"), UINT64_MAX));
    while (e == NULL && got > 0) {
        e = http_read_some(req, bytes, sizeof(bytes), &got);
        if (e == NULL && got > 0) {
            buf_add(&body, (str){bytes, got});
            TRY(http_write(req, (str){bytes, got}));
        }
    }
    note_body(req, e, buf_str(&body));
    TRY(e);
    return http_end(req);
}

static err *ignore(struct http_req *req)
{
    note_body(req, NULL, http_query(req, S("q")));
    http_add_header(req, S("X-Query"), http_query(req, S("q")));
    return http_reply_empty(req, 204);
}

static struct http_server *make_server(void)
{
    static struct http_server server;
    if (server.router == NULL) {
        struct http_router *router = http_router_new();
        http_router_add(
            router, &(struct http_route){
                        .methods = HTTP_ANY, .path = S("/e"), .handler = echo, .cors = true});
        http_router_add(router,
            &(struct http_route){.methods = HTTP_POST, .path = S("/s/*"), .handler = stream});
        http_router_add(router, &(struct http_route){.methods = HTTP_ANY & ~HTTP_OPTIONS,
                                    .path = S("/i"),
                                    .handler = ignore,
                                    .cors = true});
        http_router_add(
            router, &(struct http_route){
                        .methods = HTTP_GET, .path = S("/*"), .host = S("*.h"), .handler = ignore});
        server = (struct http_server){.router = router, .limits = HTTP_LIMITS_DEFAULT};
        server.limits.head_max = 2000;
        server.limits.requests_max = 20;
    }
    return &server;
}

static void serve(str bytes, size_t step, struct buf *out)
{
    struct connection connection;
    seen = out;
    connection_open(&connection, make_server());
    connection_feed(&connection, bytes, step);
    connection_close(&connection);
}

static int parse_head(str bytes, size_t *used)
{
    struct arena *arena = arena_new();
    struct http_req req = {.arena = arena};
    struct http_head head;
    const char *why = NULL;
    int status = http_parse_head(&req, &head, bytes, &make_server()->limits, used, &why);
    check(status == 0 || status == 200 || (status >= 400 && status < 600));
    check(why != NULL);
    if (status == 200) {
        check(*used <= bytes.len && str_ends(str_sub(bytes, 0, *used), S("\r\n\r\n")));
        check(req.path.len > 0 && (req.body_length == 0 || head.chunked || req.header_count > 0));
    }
    arena_free(arena);
    return status;
}

// A part of a complete head is incomplete or bad, never complete, and bad only when the whole is.
static void check_prefixes(str bytes)
{
    size_t used = 0;
    size_t part_used = 0;
    int status = parse_head(bytes, &used);
    for (size_t len = 0; status == 200 && len < used; len += 1 + used / 16) {
        check(parse_head(str_sub(bytes, 0, len), &part_used) == 0);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    u64 chunk = 0;
    size_t used = 0;
    if (size == 0) {
        return 0;
    }
    str bytes = {(const char *)data + 1, size - 1};
    check_prefixes(bytes);
    int status = http_parse_chunk_line(bytes, &chunk, &used);
    check(status != 200 || (used > 2 && used <= bytes.len && chunk >> 60 == 0));
    struct buf whole = buf_heap(1 << 24);
    struct buf parts = buf_heap(1 << 24);
    serve(bytes, 0, &whole);
    serve(bytes, data[0] % 64 + (size_t)1, &parts);
    check(str_eq(buf_str(&whole), buf_str(&parts)));
    buf_free(&whole);
    buf_free(&parts);
    return 0;
}
