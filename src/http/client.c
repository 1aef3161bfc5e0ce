// Outgoing requests: what is sent and what comes back. See curl.c for how a fiber waits for it.
#include "http/curl_int.h"

enum { RESPONSE_HEADERS_MAX = 256 };

struct transfer { // on the stack of the fiber that waits for it
    struct http_outgoing out;
    struct buf body;
};

// ---- the response ------------------------------------------------------------------------------
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    buf_add(&transfer->body, (str){bytes, size * count});
    return transfer->body.overflow ? 0 : size * count; // less than all ends the transfer
}

bool http_outgoing_header(struct http_outgoing *out, str line)
{
    line = str_trim(line);
    ptrdiff_t colon = str_find_char(line, ':');
    if (str_starts(line, S("HTTP/"))) {
        out->headers.count = 0; // those of an interim response (100, 103) do not count
        return true;
    }
    if (colon <= 0) {
        return true;
    }
    if (out->headers.count == RESPONSE_HEADERS_MAX) {
        out->too_many_headers = true;
        return false;
    }
    *vec_push(out->arena, &out->headers) = (struct http_header){
        .name = str_dup(out->arena, str_sub(line, 0, (size_t)colon)),
        .value = str_dup(out->arena, str_trim(str_sub(line, (size_t)colon + 1, line.len))),
    };
    return true;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    bool taken = http_outgoing_header(&transfer->out, (str){bytes, size * count});
    return taken ? size * count : 0;
}

// ---- the request -------------------------------------------------------------------------------
static bool has_control(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] < ' ' && text.ptr[i] != '\t') {
            return true;
        }
    }
    return false;
}

static bool is_token(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] <= ' ' || strchr("()<>@,;:\\\"/[]?={}\x7f", text.ptr[i]) != NULL) {
            return false;
        }
    }
    return text.len > 0;
}

static void add_line(struct http_outgoing *out, str line)
{
    struct curl_slist *list = curl_slist_append(out->sent_headers, str_cstr(out->arena, line));
    check(list != NULL);
    out->sent_headers = list;
}

static err *set_headers(struct http_outgoing *out, const struct http_client_req *req)
{
    bool typed = false;
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *header = &req->headers[i];
        if (!is_token(header->name) || has_control(header->value)) {
            return fail(
                out->arena, ERR_INVALID, "the header '%.*s' cannot be sent", PRI(header->name));
        }
        // "Name;" is curl's way to say a header without a value.
        str between = header->value.len > 0 ? S(": ") : S(";");
        add_line(out, str_cat(out->arena, header->name, between, header->value));
        typed = typed || str_eq_nocase(header->name, S("content-type"));
    }
    if (!typed) {
        add_line(out, S("Content-Type:")); // curl would say it is a form
    }
    add_line(out, S("Expect:")); // curl would wait a second for servers that ignore it
    curl_easy_setopt(out->curl.easy, CURLOPT_HTTPHEADER, out->sent_headers);
    return NULL;
}

static void set_method(struct http_outgoing *out, const struct http_client_req *req)
{
    CURL *easy = out->curl.easy;
    bool sends = req->body.len > 0 || str_eq(req->method, S("POST")) ||
                 str_eq(req->method, S("PUT")) || str_eq(req->method, S("PATCH"));
    if (sends) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body.len > 0 ? req->body.ptr : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
    } else if (str_eq(req->method, S("HEAD"))) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, str_cstr(out->arena, req->method));
}

// The environment's proxy (http_proxy) is for the world outside; nothing of this machine is behind
// it.
static bool is_local(const char *url)
{
    CURLU *parts = curl_url();
    char *text = NULL;
    bool local = false;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &text, 0) == CURLUE_OK) {
        str host = str_from(text);
        local = str_eq_nocase(host, S("localhost")) || str_ends(host, S(".localhost")) ||
                str_starts(host, S("127.")) || str_eq(host, S("[::1]"));
    }
    curl_free(text);
    curl_url_cleanup(parts);
    return local;
}

err *http_outgoing_set_up(struct http_outgoing *out, const struct http_client_req *req)
{
    CURL *easy = out->curl.easy;
    const char *url = str_cstr(out->arena, req->url);
    if (!is_token(req->method) || has_control(req->url)) { // a NUL is one as well
        return fail(out->arena, ERR_INVALID, "the method or the URL cannot be sent");
    }
    TRY(set_headers(out, req));
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (is_local(url)) {
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (req->ca_pem != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, req->ca_pem);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); // that file's only
    }
    return NULL;
}

// Only the host is named: the rest of a URL may hold secrets.
static str host_of(struct arena *arena, str url)
{
    ptrdiff_t begin = str_find(url, S("://"));
    str rest = begin < 0 ? url : str_sub(url, (size_t)begin + 3, url.len);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
        end++;
    }
    str authority = str_sub(rest, 0, end);
    ptrdiff_t at = str_rfind_char(authority, '@');
    return str_dup(arena, str_sub(authority, (size_t)(at + 1), authority.len));
}

err *http_outgoing_failure(struct http_outgoing *out, const struct http_client_req *req)
{
    str host = host_of(out->arena, req->url);
    check(out->curl.done && out->curl.result != CURLE_OK);
    if (out->too_many_headers) {
        return fail(out->arena, ERR_TOO_LARGE, "the answer of %.*s has more than %d headers",
            PRI(host), RESPONSE_HEADERS_MAX);
    }
    enum err_code code = ERR_IO;
    if (out->curl.result == CURLE_URL_MALFORMAT || out->curl.result == CURLE_UNSUPPORTED_PROTOCOL) {
        code = ERR_INVALID;
    } else if (out->curl.result == CURLE_OPERATION_TIMEDOUT) {
        code = ERR_TIMEOUT;
    }
    const char *reason = http_transfer_reason(&out->curl);
    return fail(out->arena, code, "the request to %.*s failed: %s", PRI(host), reason);
}

err *http_outgoing_late(struct http_outgoing *out, const struct http_client_req *req)
{
    str host = host_of(out->arena, req->url);
    return fail(out->arena, ERR_TIMEOUT, "%.*s did not answer in time", PRI(host));
}

void http_outgoing_end(struct http_outgoing *out)
{
    http_transfer_end(&out->curl);
    curl_slist_free_all(out->sent_headers);
    out->sent_headers = NULL;
}

static err *run(struct transfer *transfer, const struct http_client_req *req) YIELDS;

static err *run(struct transfer *transfer, const struct http_client_req *req)
{
    struct http_outgoing *out = &transfer->out;
    TRY(http_outgoing_set_up(out, req));
    set_method(out, req);
    curl_easy_setopt(out->curl.easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(out->curl.easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(out->curl.easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(out->curl.easy, CURLOPT_HEADERDATA, transfer);
    err *e = http_transfer_run(&out->curl, req->timeout_ms);
    if (e != NULL && e->code == ERR_TIMEOUT) {
        return http_outgoing_late(out, req);
    }
    TRY(e);
    if (transfer->body.overflow) {
        return fail(out->arena, ERR_TOO_LARGE, "the answer of %.*s is larger than %zu bytes",
            PRI(host_of(out->arena, req->url)), req->response_max);
    }
    return out->curl.result == CURLE_OK ? NULL : http_outgoing_failure(out, req);
}

err *http_fetch(struct arena *arena, const struct http_client_req *req, struct http_client_res *out)
{
    check(fiber_current() != NULL);
    struct transfer transfer = {.out.arena = arena};
    transfer.body = buf_in(arena, req->response_max);
    http_transfer_begin(&transfer.out.curl);
    err *e = run(&transfer, req);
    if (e == NULL) {
        long status = 0;
        curl_easy_getinfo(transfer.out.curl.easy, CURLINFO_RESPONSE_CODE, &status);
        *out = (struct http_client_res){
            .status = (int)status,
            .headers = transfer.out.headers.items,
            .header_count = transfer.out.headers.count,
            .body = buf_str(&transfer.body),
        };
    }
    http_outgoing_end(&transfer.out);
    return e;
}
