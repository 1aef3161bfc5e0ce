// HTTP's pure functions: the head parser, the chunk parser, routes, percent-encoding. Whole
// connections are tested on the wire (tests/wire).
#include "http/http_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_str(str s, const char *expected)
{
    assert_string_equal(str_cstr(arena, s), expected);
}

// A copy of exactly the text's size, so that ASan sees a parser that goes beyond it.
static int parse(str text, struct http_req *req, struct http_head *head, size_t *used)
{
    const char *why = NULL;
    char *copy = malloc(text.len > 0 ? text.len : 1);
    memcpy(copy, text.ptr, text.len);
    *req = (struct http_req){.arena = arena};
    int status =
        http_parse_head(req, head, (str){copy, text.len}, &HTTP_LIMITS_DEFAULT, used, &why);
    free(copy); // callers look only at what is not text
    return status;
}

static void test_head(void **state)
{
    (void)state;
    static const str TEXT = S_INIT("POST /a%20b?x=1?2 HTTP/1.1\r\nhOsT:\t a.example:80 \t\r\n"
                                   "Empty:\r\nX:  a b\t\r\nContent-Length: 007\r\n\r\nPOST");
    struct http_req req = {.arena = arena};
    struct http_head head;
    const char *why = NULL;
    size_t used = 0;
    assert_int_equal(http_parse_head(&req, &head, TEXT, &HTTP_LIMITS_DEFAULT, &used, &why), 200);
    assert_int_equal(used, TEXT.len - 4);
    assert_int_equal(req.method, HTTP_POST);
    assert_str(req.target, "/a%20b?x=1?2");
    assert_str(req.path, "/a%20b");
    assert_str(req.query, "x=1?2");
    assert_str(req.host, "a.example:80");
    assert_int_equal(req.header_count, 4);
    assert_str(http_header(&req, S("X")), "a b");
    assert_non_null(http_header(&req, S("empty")).ptr);
    assert_int_equal(http_header(&req, S("empty")).len, 0);
    assert_null(http_header(&req, S("missing")).ptr);
    assert_int_equal(req.body_length, 7);
    assert_true(head.keep_alive && !head.chunked && !head.is_http10 && !head.expects_continue);
}

static void test_head_incomplete(void **state)
{
    (void)state;
    static const str TEXT = S_INIT("\r\nGET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n");
    struct http_req req;
    struct http_head head;
    size_t used = 0;
    for (size_t len = 0; len < TEXT.len; len++) {
        assert_int_equal(parse(str_sub(TEXT, 0, len), &req, &head, &used), 0);
    }
    assert_int_equal(parse(TEXT, &req, &head, &used), 200);
    assert_int_equal(used, TEXT.len);
}

// Every byte at the sensitive places: exactly the allowed ones are taken.
static void test_head_bytes(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        struct http_req req;
        struct http_head head;
        size_t used = 0;
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool token = alnum || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
        bool value = c == '\t' || (c >= ' ' && c != 0x7f);
        bool target = c > ' ' && c < 0x7f && c != '#';
        str name = str_fmt(arena, "GET / HTTP/1.1\r\nHost: a\r\nX%cY: b\r\n\r\n", c);
        bool is_name = token || c == ':';
        assert_int_equal(parse(name, &req, &head, &used) == 200, is_name);
        str field = str_fmt(arena, "GET / HTTP/1.1\r\nHost: a\r\nX: a%cb\r\n\r\n", c);
        assert_int_equal(parse(field, &req, &head, &used) == 200, value);
        str path = str_fmt(arena, "GET /a%cb HTTP/1.1\r\nHost: a\r\n\r\n", c);
        assert_int_equal(parse(path, &req, &head, &used) == 200, target);
    }
}

static void test_head_many_fields(void **state)
{
    (void)state;
    for (int count = 1; count <= HTTP_HEADERS_MAX + 1; count++) {
        struct http_req req = {.arena = arena};
        struct http_head head;
        const char *why = NULL;
        size_t used = 0;
        struct buf text = buf_in(arena, 1 << 16);
        buf_add(&text, S("GET / HTTP/1.1\r\nHost: a\r\n"));
        for (int i = 1; i < count; i++) {
            buf_fmt(&text, "x%d: %d\r\n", i, i);
        }
        buf_add(&text, S("\r\n"));
        int status =
            http_parse_head(&req, &head, buf_str(&text), &HTTP_LIMITS_DEFAULT, &used, &why);
        assert_int_equal(status, count <= HTTP_HEADERS_MAX ? 200 : 431);
        for (int i = 1; i < count && status == 200; i++) {
            str name = str_fmt(arena, "X%d", i);
            assert_str(http_header(&req, name), str_cstr(arena, str_fmt(arena, "%d", i)));
        }
    }
}

static void test_chunk_line(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        int status;
        u64 size;
        size_t used;
    } CASES[] = {
        {"5\r\n", 200, 5, 3},
        {"0\r\n\r\n", 200, 0, 3},
        {"fF;a=\"b\";c\r\nx", 200, 255, 12},
        {"0000000000000ab\r\n", 200, 171, 17},
        {"fffffffffffffff\r\n", 200, 0xfffffffffffffff, 17},
        {"1000000000000000\r\n", 400, 0, 0},
        {"", 0, 0, 0},
        {"5", 0, 0, 0},
        {"5\r", 0, 0, 0},
        {"5\n", 400, 0, 0},
        {"\r\n", 400, 0, 0},
        {";a\r\n", 400, 0, 0},
        {"5 \r\n", 400, 0, 0},
        {"-1\r\n", 400, 0, 0},
        {"5;\x01\r\n", 400, 0, 0},
    };

    for (size_t i = 0; i < countof(CASES); i++) {
        u64 size = 0;
        size_t used = 0;
        int status = http_parse_chunk_line(str_from(CASES[i].text), &size, &used);
        if (status != CASES[i].status || size != CASES[i].size || used != CASES[i].used) {
            fail_msg("%s: %d %llu %zu", CASES[i].text, status, (unsigned long long)size, used);
        }
    }
}

static void test_url(void **state)
{
    (void)state;
    str out = {};
    assert_true(http_url_decode(arena, S("a%20b+c%2f%C3%a9"), false, &out));
    assert_str(out, "a b+c/\xc3\xa9");
    assert_true(http_url_decode(arena, S("a+b"), true, &out));
    assert_str(out, "a b");
    assert_true(http_url_decode(arena, S("%00"), false, &out));
    assert_int_equal(out.len, 1);
    assert_true(http_url_decode(arena, S(""), false, &out));
    static const char *const BAD[] = {"%", "%2", "a%", "%zz", "%2g", "%%20", "%-1"};
    for (size_t i = 0; i < countof(BAD); i++) {
        assert_false(http_url_decode(arena, str_from(BAD[i]), false, &out));
    }
    char all[256];
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)i;
    }
    str encoded = http_url_encode(arena, (str){all, sizeof(all)});
    assert_true(http_url_decode(arena, encoded, true, &out));
    assert_int_equal(out.len, sizeof(all));
    assert_memory_equal(out.ptr, all, sizeof(all));
    assert_str(http_url_encode(arena, S("aZ09-_.~/ +")), "aZ09-_.~%2F%20%2B");
}

static void test_query(void **state)
{
    (void)state;
    struct http_req req = {.arena = arena, .query = S("a=1&b&=x&a=2&c%20d=e%26f&bad=%zz&g=h=i")};
    assert_str(http_query(&req, S("a")), "1");
    assert_non_null(http_query(&req, S("b")).ptr);
    assert_int_equal(http_query(&req, S("b")).len, 0);
    assert_str(http_query(&req, S("c d")), "e&f");
    assert_str(http_query(&req, S("g")), "h=i");
    assert_str(http_query(&req, S("")), "x");
    assert_null(http_query(&req, S("bad")).ptr);
    assert_null(http_query(&req, S("missing")).ptr);
    req.query = (str){};
    assert_null(http_query(&req, S("a")).ptr);
}

static err *handler(struct http_req *req)
{
    (void)req;
    return NULL;
}

static const struct http_route *find(const struct http_router *router, enum http_method method,
    const char *host, const char *path, unsigned *allowed)
{
    str rest = {};
    struct http_req req = {.method = method, .host = str_from(host), .path = str_from(path)};
    return http_router_find(router, &req, allowed, &rest);
}

static void test_router(void **state)
{
    (void)state;
    static const struct http_route ROUTES[] = {
        {.methods = HTTP_GET, .path = S_INIT("/a"), .handler = handler},
        {.methods = HTTP_POST, .path = S_INIT("/a"), .handler = handler, .cors = true},
        {.methods = HTTP_GET,
            .path = S_INIT("/*"),
            .host = S_INIT("s3.example"),
            .handler = handler},
        {.methods = HTTP_GET,
            .path = S_INIT("/*"),
            .host = S_INIT("*.s3.example"),
            .handler = handler},
        {.methods = HTTP_GET, .path = S_INIT("/b/*"), .handler = handler},
    };
    unsigned allowed = 0;
    struct http_router *router = http_router_new();
    for (size_t i = 0; i < countof(ROUTES); i++) {
        http_router_add(router, &ROUTES[i]);
    }
    assert_null(find(router, HTTP_PUT, "x", "/a", &allowed));
    assert_int_equal(allowed, HTTP_GET | HTTP_HEAD | HTTP_POST | HTTP_OPTIONS);
    assert_true(find(router, HTTP_POST, "x", "/a", &allowed)->cors);
    assert_true(find(router, HTTP_OPTIONS, "x", "/a", &allowed)->cors);
    assert_false(find(router, HTTP_HEAD, "x", "/a", &allowed)->cors);
    assert_str(
        find(router, HTTP_GET, "S3.Example:443", "/any/thing", &allowed)->host, "s3.example");
    assert_str(find(router, HTTP_GET, "bucket.s3.example", "/", &allowed)->host, "*.s3.example");
    assert_null(find(router, HTTP_GET, "xs3.example", "/", &allowed));
    assert_null(find(router, HTTP_GET, ".s3.example", "/", &allowed));
    assert_null(find(router, HTTP_GET, "x", "/b", &allowed));
    assert_non_null(find(router, HTTP_GET, "[::1]", "/b/", &allowed));
    assert_null(find(router, HTTP_GET, "x", "/A", &allowed));
    assert_int_equal(allowed, 0);
    http_router_free(router);
    http_router_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_head_incomplete),
        cmocka_unit_test(test_head_bytes),
        cmocka_unit_test(test_head_many_fields),
        cmocka_unit_test(test_chunk_line),
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_router),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
