// Routes, and the small helpers over requests that handlers need.
#include "http/http_int.h"

struct http_router {
    struct http_route *routes;
    size_t count;
    size_t room;
};

struct http_router *http_router_new(void)
{
    return mem_new(struct http_router);
}

void http_router_add(struct http_router *router, const struct http_route *route)
{
    check(route->handler != NULL && route->methods != 0);
    check(route->handler != NULL && route->path.len > 0);
    if (router->count == router->room) {
        router->room = router->room == 0 ? 16 : router->room * 2;
        router->routes = mem_resize(router->routes, router->room * sizeof(struct http_route));
    }
    router->routes[router->count++] = *route;
}

void http_router_free(struct http_router *router)
{
    if (router != NULL) {
        mem_free(router->routes);
        mem_free(router);
    }
}

static bool host_matches(str pattern, str host)
{
    ptrdiff_t colon = str_rfind_char(host, ':');
    if (colon > 0 && str_find_char(str_sub(host, (size_t)colon, host.len), ']') < 0) {
        host = str_sub(host, 0, (size_t)colon);
    }
    if (pattern.len == 0) {
        return true;
    }
    if (str_starts(pattern, S("*."))) {
        str suffix = str_sub(pattern, 1, pattern.len);
        return host.len > suffix.len &&
               str_eq_nocase(str_sub(host, host.len - suffix.len, host.len), suffix);
    }
    return str_eq_nocase(pattern, host);
}

static bool path_matches(str pattern, str path, str *rest)
{
    *rest = (str){};
    if (!str_ends(pattern, S("/*"))) {
        return str_eq(pattern, path);
    }
    str folder = str_sub(pattern, 0, pattern.len - 1);
    if (!str_starts(path, folder)) {
        return false;
    }
    *rest = str_sub(path, folder.len, path.len);
    return true;
}

const struct http_route *http_router_find(
    const struct http_router *router, const struct http_req *req, unsigned *allowed, str *rest)
{
    *allowed = 0;
    for (size_t i = 0; i < router->count; i++) {
        const struct http_route *route = &router->routes[i];
        if (!path_matches(route->path, req->path, rest) || !host_matches(route->host, req->host)) {
            continue;
        }
        if (route->otherwise && *allowed != 0) {
            continue;
        }
        unsigned methods = route->methods;
        methods |= (methods & HTTP_GET) != 0 ? HTTP_HEAD : 0;
        methods |= route->cors ? HTTP_OPTIONS : 0; // preflight
        if ((methods & req->method) != 0) {
            return route;
        }
        *allowed |= methods;
    }
    return NULL;
}

str http_header(const struct http_req *req, str name)
{
    for (size_t i = 0; i < req->header_count; i++) {
        if (str_eq_nocase(req->headers[i].name, name)) {
            return req->headers[i].value;
        }
    }
    return (str){};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_url_decode(struct arena *arena, str text, bool plus, str *out)
{
    char *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            if (text.len - i < 3 || hex_value(text.ptr[i + 1]) < 0 ||
                hex_value(text.ptr[i + 2]) < 0) {
                return false;
            }
            copy[len++] = (char)(hex_value(text.ptr[i + 1]) * 16 + hex_value(text.ptr[i + 2]));
            i += 2;
        } else {
            copy[len++] = plus && c == '+' ? ' ' : c;
        }
    }
    *out = (str){copy, len};
    return true;
}

str http_url_encode(struct arena *arena, str text)
{
    static const char HEX[] = "0123456789ABCDEF";
    char *copy = arena_alloc(arena, text.len * 3 + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        u8 c = (u8)text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            copy[len++] = (char)c;
        } else {
            copy[len++] = '%';
            copy[len++] = HEX[c >> 4];
            copy[len++] = HEX[c & 15];
        }
    }
    return (str){copy, len};
}

str http_query(const struct http_req *req, str name)
{
    str rest = req->query;
    str pair = {};
    while (str_next(&rest, '&', &pair)) {
        str key = {};
        str value = {};
        ptrdiff_t equals = str_find_char(pair, '=');
        str raw_key = equals >= 0 ? str_sub(pair, 0, (size_t)equals) : pair;
        str raw_value = equals >= 0 ? str_sub(pair, (size_t)equals + 1, pair.len) : S("");
        if (http_url_decode(req->arena, raw_key, true, &key) && str_eq(key, name) &&
            http_url_decode(req->arena, raw_value, true, &value)) {
            return value;
        }
    }
    return (str){};
}

str http_reason(int status)
{
    static const struct {
        int status;
        str reason;
    } REASONS[] = {
        {101, S_INIT("Switching Protocols")},
        {200, S_INIT("OK")},
        {201, S_INIT("Created")},
        {202, S_INIT("Accepted")},
        {204, S_INIT("No Content")},
        {206, S_INIT("Partial Content")},
        {301, S_INIT("Moved Permanently")},
        {302, S_INIT("Found")},
        {303, S_INIT("See Other")},
        {304, S_INIT("Not Modified")},
        {307, S_INIT("Temporary Redirect")},
        {308, S_INIT("Permanent Redirect")},
        {400, S_INIT("Bad Request")},
        {401, S_INIT("Unauthorized")},
        {403, S_INIT("Forbidden")},
        {404, S_INIT("Not Found")},
        {405, S_INIT("Method Not Allowed")},
        {406, S_INIT("Not Acceptable")},
        {408, S_INIT("Request Timeout")},
        {409, S_INIT("Conflict")},
        {410, S_INIT("Gone")},
        {411, S_INIT("Length Required")},
        {412, S_INIT("Precondition Failed")},
        {413, S_INIT("Content Too Large")},
        {414, S_INIT("URI Too Long")},
        {415, S_INIT("Unsupported Media Type")},
        {416, S_INIT("Range Not Satisfiable")},
        {417, S_INIT("Expectation Failed")},
        {422, S_INIT("Unprocessable Content")},
        {424, S_INIT("Failed Dependency")},
        {426, S_INIT("Upgrade Required")},
        {429, S_INIT("Too Many Requests")},
        {431, S_INIT("Request Header Fields Too Large")},
        {500, S_INIT("Internal Server Error")},
        {501, S_INIT("Not Implemented")},
        {502, S_INIT("Bad Gateway")},
        {503, S_INIT("Service Unavailable")},
        {504, S_INIT("Gateway Timeout")},
        {505, S_INIT("HTTP Version Not Supported")},
        {507, S_INIT("Insufficient Storage")},
    };

    for (size_t i = 0; i < countof(REASONS); i++) {
        if (REASONS[i].status == status) {
            return REASONS[i].reason;
        }
    }
    return S("Unknown");
}
