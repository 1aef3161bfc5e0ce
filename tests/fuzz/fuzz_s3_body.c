// Bodies in AWS's chunks: however they are cut into packets, the same bytes come out, or the same
// error; never more than was announced. The first byte chooses the form, the next two the
// announced length, the fourth the size of the packets; the rest is the body.
#include "connection.h"

#include "object/object_int.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct buf *seen;
static enum iam_payload form;

static err *decode(struct s3_call *call)
{
    struct s3_body *body = NULL;
    char bytes[1000];
    size_t got = 1;
    TRY(s3_body_open(call, &body));
    struct crypto_sums *sums = crypto_sums_new(s3_body_sums(body));
    err *e = NULL;
    while (e == NULL && got > 0) {
        e = s3_body_read(body, bytes, sizeof(bytes), &got);
        check(got <= sizeof(bytes));
        if (e == NULL) {
            buf_add(seen, (str){bytes, got});
            crypto_sums_add(sums, (str){bytes, got});
        }
    }
    e = e == NULL ? s3_body_check(body, sums) : e;
    if (e == NULL) {
        json_write(seen, s3_body_checksums(body, sums));
    }
    crypto_sums_free(sums);
    return e;
}

static err *handle(struct http_req *req)
{
    struct s3_call call = {.arena = req->arena, .req = req};
    call.signature.payload = form;
    call.signature.signature =
        S("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    call.signature.amz_date = S("20260101T000000Z");
    call.signature.scope = S("20260101/us-east-1/s3/aws4_request");
    err *e = decode(&call);
    s3_body_close(call.body);
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
    static const enum iam_payload FORMS[] = {IAM_PAYLOAD_UNSIGNED_TRAILER, IAM_PAYLOAD_CHUNKS,
        IAM_PAYLOAD_CHUNKS_TRAILER, IAM_PAYLOAD_UNSIGNED};

    if (size < 4) {
        return 0;
    }
    form = FORMS[data[0] % countof(FORMS)];
    unsigned announced = data[1] * 256u + data[2];
    struct arena *arena = arena_new();
    str body = {(const char *)data + 4, size - 4};
    str head = str_fmt(arena,
        "PUT /b/k HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %zu\r\n"
        "x-amz-decoded-content-length: %u\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\r\n",
        body.len, announced);
    str request = str_cat(arena, head, body);
    struct buf whole = buf_heap(1 << 24);
    struct buf parts = buf_heap(1 << 24);
    serve(request, 0, &whole);
    serve(request, data[3] % 64 + (size_t)1, &parts);
    check(str_eq(buf_str(&whole), buf_str(&parts)));
    buf_free(&whole);
    buf_free(&parts);
    arena_free(arena);
    return 0;
}
