// Forms with a policy: however the body is cut into packets, the same fields and bytes come out, or
// the same error. The field "policy" is taken as JSON here, without its base64. The first byte is
// the size of the packets, the rest a body with the boundary "b".
#include "connection.h"

#include "object/object_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct buf *seen;

static err *decode(struct s3_call *call)
{
    struct s3_form form;
    char bytes[700];
    size_t got = 1;
    TRY(s3_form_open(call, &form));
    check(form.field_count <= FORM_FIELDS_MAX);
    for (size_t i = 0; i < form.field_count; i++) {
        buf_fmt(seen, "%.*s=%.*s;", PRI(form.fields[i].name), PRI(form.fields[i].value));
    }
    err *e = s3_form_check(&form, s3_form_field(&form, S("policy")), 1700000000000);
    if (e != NULL) {
        buf_fmt(seen, "policy: %.*s", PRI(e->wire));
        form.least = 0;
        form.most = UINT64_MAX;
    }
    while (got > 0) {
        TRY(s3_form_read(&form, bytes, sizeof(bytes), &got));
        check(form.seen <= form.most);
        buf_add(seen, (str){bytes, got});
    }
    check(form.seen >= form.least);
    return NULL;
}

static err *handle(struct http_req *req)
{
    static const struct object_bucket BUCKET = {.name = S_INIT("bucket")};
    struct s3_call call = {.arena = req->arena, .req = req, .bucket = &BUCKET};
    err *e = decode(&call);
    if (e != NULL) { // how much came out before depends on the packets
        seen->len = 0;
        buf_fmt(seen, "!%.*s %.*s", PRI(e->wire), PRI(e->text));
    }
    return http_reply_empty(req, 200);
}

static struct http_server *make_server(void)
{
    static struct http_server server;
    if (server.router == NULL) {
        struct http_router *router = http_router_new();
        http_router_add(
            router, &(struct http_route){.methods = HTTP_ANY, .path = S("/*"), .handler = handle});
        server = (struct http_server){.router = router, .limits = HTTP_LIMITS_DEFAULT};
    }
    return &server;
}

static void serve(str request, size_t step, struct buf *out)
{
    struct connection connection;
    seen = out;
    connection_open(&connection, make_server());
    connection_feed(&connection, request, step);
    connection_close(&connection);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct arena *arena = arena_new();
    str body = {(const char *)data + 1, size - 1};
    str head = str_fmt(arena,
        "POST /bucket HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n",
        body.len);
    str request = str_cat(arena, head, body);
    struct buf whole = buf_heap(1 << 24);
    struct buf parts = buf_heap(1 << 24);
    serve(request, 0, &whole);
    serve(request, data[0] % 64 + (size_t)1, &parts);
    check(str_eq(buf_str(&whole), buf_str(&parts)));
    buf_free(&whole);
    buf_free(&parts);
    arena_free(arena);
    return 0;
}
