// Outgoing requests: libcurl's multi interface, told by libuv which sockets are ready and when time
// has passed. A fiber waits for its transfer; when it is cancelled or late, the transfer is taken
// away, which ends its connection. Connections are kept and shared by the fibers of a loop.
#include "http/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

enum { CONNECTIONS_KEPT = 16, RESPONSE_HEADERS_MAX = 256, TIMER_MS_MAX = 3600 * 1000 };

struct client { // one per loop
    CURLM *multi;
    uv_timer_t timer;
    const char *more_authorities; // file of SSL_CERT_FILE: trusted beside the system's; NULL: none
};

struct watch { // one per socket that curl waits for; freed once its handle is closed
    struct client *client;
    curl_socket_t fd;
    uv_poll_t poll;
};

struct transfer { // on the stack of the fiber that waits for it
    struct arena *arena;
    struct fiber *fiber;
    CURL *easy;
    struct curl_slist *sent_headers;
    struct buf body;
    vec_of(struct http_header) headers;
    bool too_many_headers;
    bool done;
    CURLcode result;
    char reason[CURL_ERROR_SIZE];
};

// ---- curl and the loop -------------------------------------------------------------------------
static void take_finished(struct client *client)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done = true;
        transfer->result = message->data.result;
        fiber_wake(transfer->fiber);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct client *client = container_of(timer, struct client, timer);
    int running = 0;
    check(curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running) == CURLM_OK);
    take_finished(client);
}

// curl forbids acting from inside this call: also "at once" goes through the timer.
static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct client *client = arg;
    (void)multi;
    if (timeout_ms < 0) {
        uv_timer_stop(&client->timer);
        return 0;
    }
    uv_update_time(client->timer.loop);
    uv_timer_start(
        &client->timer, on_timer, (u64)(timeout_ms < TIMER_MS_MAX ? timeout_ms : TIMER_MS_MAX), 0);
    return 0;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = container_of(poll, struct watch, poll);
    struct client *client = watch->client;
    int running = 0;
    int ready = status < 0 ? CURL_CSELECT_ERR
                           : ((events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
                                 ((events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0);
    // `watch` may be closed by this call.
    check(curl_multi_socket_action(client->multi, watch->fd, ready, &running) == CURLM_OK);
    take_finished(client);
}

static void on_watch_closed(uv_handle_t *handle)
{
    mem_free(container_of((uv_poll_t *)handle, struct watch, poll));
}

static struct watch *watch_new(struct client *client, curl_socket_t fd)
{
    struct watch *watch = mem_new(struct watch);
    watch->client = client;
    watch->fd = fd;
    check(uv_poll_init_socket(client->timer.loop, &watch->poll, fd) == 0);
    check(curl_multi_assign(client->multi, fd, watch) == CURLM_OK);
    return watch;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct client *client = arg;
    struct watch *watch = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            curl_multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                 ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    watch = watch != NULL ? watch : watch_new(client, fd);
    check(uv_poll_start(&watch->poll, events, on_socket) == 0);
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(container_of((uv_timer_t *)handle, struct client, timer));
}

static void client_release(void *arg)
{
    struct client *client = arg;
    curl_multi_cleanup(client->multi);
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

static void begin_curl(void)
{
    check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static struct client *client_of_loop(void)
{
    static const char KEY = 0;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct loop *loop = loop_current();
    struct client *client = loop_local(loop, &KEY);
    if (client != NULL) {
        return client;
    }
    check(pthread_once(&once, begin_curl) == 0);
    client = mem_new(struct client);
    client->multi = curl_multi_init();
    check(client->multi != NULL);
    client->more_authorities = getenv("SSL_CERT_FILE");
    check(uv_timer_init(loop_uv(loop), &client->timer) == 0);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    loop_set_local(loop, &KEY, client, client_release);
    return client;
}

// ---- the response ------------------------------------------------------------------------------
static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    buf_add(&transfer->body, (str){bytes, size * count});
    return transfer->body.overflow ? 0 : size * count; // less than all ends the transfer
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    str line = str_trim((str){bytes, size * count});
    ptrdiff_t colon = str_find_char(line, ':');
    if (str_starts(line, S("HTTP/"))) {
        transfer->headers.count = 0; // those of an interim response (100, 103) do not count
        return size * count;
    }
    if (colon <= 0) {
        return size * count;
    }
    if (transfer->headers.count == RESPONSE_HEADERS_MAX) {
        transfer->too_many_headers = true;
        return 0;
    }
    *vec_push(transfer->arena, &transfer->headers) = (struct http_header){
        .name = str_dup(transfer->arena, str_sub(line, 0, (size_t)colon)),
        .value = str_dup(transfer->arena, str_trim(str_sub(line, (size_t)colon + 1, line.len))),
    };
    return size * count;
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

static void add_line(struct transfer *transfer, str line)
{
    struct curl_slist *list =
        curl_slist_append(transfer->sent_headers, str_cstr(transfer->arena, line));
    check(list != NULL);
    transfer->sent_headers = list;
}

static err *set_headers(struct transfer *transfer, const struct http_client_req *req)
{
    bool typed = false;
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *header = &req->headers[i];
        if (!is_token(header->name) || has_control(header->value)) {
            return fail(transfer->arena, ERR_INVALID, "the header '%.*s' cannot be sent",
                PRI(header->name));
        }
        // "Name;" is curl's way to say a header without a value.
        str between = header->value.len > 0 ? S(": ") : S(";");
        add_line(transfer, str_cat(transfer->arena, header->name, between, header->value));
        typed = typed || str_eq_nocase(header->name, S("content-type"));
    }
    if (!typed) {
        add_line(transfer, S("Content-Type:")); // curl would say it is a form
    }
    add_line(transfer, S("Expect:")); // curl would wait a second for servers that ignore it
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->sent_headers);
    return NULL;
}

static void set_method(struct transfer *transfer, const struct http_client_req *req)
{
    CURL *easy = transfer->easy;
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
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, str_cstr(transfer->arena, req->method));
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

static err *set_up(
    const struct client *client, struct transfer *transfer, const struct http_client_req *req)
{
    CURL *easy = transfer->easy;
    const char *url = str_cstr(transfer->arena, req->url);
    if (!is_token(req->method) || has_control(req->url)) { // a NUL is one as well
        return fail(transfer->arena, ERR_INVALID, "the method or the URL cannot be sent");
    }
    TRY(set_headers(transfer, req));
    set_method(transfer, req);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it, taking a transfer away would block the thread until its name is resolved.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (is_local(url)) {
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    if (req->ca_pem != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, req->ca_pem);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); // that file's only
    } else if (client->more_authorities != NULL && client->more_authorities[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->more_authorities); // the folder stays
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

static err *failure(struct transfer *transfer, const struct http_client_req *req)
{
    str host = host_of(transfer->arena, req->url);
    if (transfer->body.overflow) {
        return fail(transfer->arena, ERR_TOO_LARGE, "the answer of %.*s is larger than %zu bytes",
            PRI(host), req->response_max);
    }
    if (transfer->too_many_headers) {
        return fail(transfer->arena, ERR_TOO_LARGE, "the answer of %.*s has more than %d headers",
            PRI(host), RESPONSE_HEADERS_MAX);
    }
    enum err_code code = ERR_IO;
    if (transfer->result == CURLE_URL_MALFORMAT || transfer->result == CURLE_UNSUPPORTED_PROTOCOL) {
        code = ERR_INVALID;
    } else if (transfer->result == CURLE_OPERATION_TIMEDOUT) {
        code = ERR_TIMEOUT;
    }
    const char *reason =
        transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(transfer->result);
    return fail(transfer->arena, code, "the request to %.*s failed: %s", PRI(host), reason);
}

static err *wait_for(struct transfer *transfer, const struct http_client_req *req) YIELDS;

static err *wait_for(struct transfer *transfer, const struct http_client_req *req)
{
    u64 until_us = req->timeout_ms != 0 ? time_mono_us() + req->timeout_ms * 1000 : 0;
    while (!transfer->done) {
        err *e = fiber_wait_until(until_us);
        if (e != NULL && e->code == ERR_TIMEOUT) {
            str host = host_of(transfer->arena, req->url);
            return fail(transfer->arena, ERR_TIMEOUT, "%.*s did not answer in time", PRI(host));
        }
        TRY(e);
    }
    return transfer->result == CURLE_OK ? NULL : failure(transfer, req);
}

static err *run(struct transfer *transfer, const struct http_client_req *req) YIELDS;

static err *run(struct transfer *transfer, const struct http_client_req *req)
{
    struct client *client = client_of_loop();
    TRY(set_up(client, transfer, req));
    check(curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK);
    err *e = wait_for(transfer, req);
    curl_multi_remove_handle(client->multi, transfer->easy); // unfinished: its connection ends
    return e;
}

err *http_fetch(struct arena *arena, const struct http_client_req *req, struct http_client_res *out)
{
    check(fiber_current() != NULL);
    struct transfer transfer = {.arena = arena, .fiber = fiber_current()};
    check(transfer.fiber != NULL);
    transfer.body = buf_in(arena, req->response_max);
    transfer.easy = curl_easy_init();
    check(transfer.easy != NULL);
    err *e = run(&transfer, req);
    if (e == NULL) {
        long status = 0;
        curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
        *out = (struct http_client_res){
            .status = (int)status,
            .headers = transfer.headers.items,
            .header_count = transfer.headers.count,
            .body = buf_str(&transfer.body),
        };
    }
    curl_easy_cleanup(transfer.easy);
    curl_slist_free_all(transfer.sent_headers);
    return e;
}
