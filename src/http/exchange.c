// Outgoing requests whose bodies are streamed. curl hands over and asks for bytes in callbacks of
// the loop; what does not fit, or is not there yet, pauses that direction until the fiber comes.
#include "http/curl_int.h"

enum {
    BUFFER = 128 * 1024, // of an answer: what has arrived and was not read
    CHUNK = 64 * 1024,   // curl's own buffers
    CONNECT_MS = 5000,
};

struct http_exchange {
    struct http_outgoing out;
    const struct http_client_req *req;
    str sending; // not taken yet
    u64 to_send; // what curl still expects, `sending` included
    bool send_paused;
    bool head; // of the answer: it is there
    char *buffer;
    size_t at;
    size_t end;
    bool read_paused;
};

// ---- called by curl ----------------------------------------------------------------------------

static size_t on_send(char *into, size_t size, size_t count, void *arg)
{
    struct http_exchange *exchange = arg;
    size_t some = size * count < exchange->sending.len ? size * count : exchange->sending.len;
    if (exchange->to_send == 0) {
        return 0;
    }
    if (some == 0 && exchange->head) {
        return CURL_READFUNC_ABORT; // answered, and it wants more: the rest will not come
    }
    if (some == 0) {
        exchange->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    check(some <= exchange->to_send);
    memcpy(into, exchange->sending.ptr, some);
    exchange->sending = str_sub(exchange->sending, some, exchange->sending.len);
    exchange->to_send -= some;
    http_transfer_wake(&exchange->out.curl);
    return some;
}

// The empty line behind the last header of the answer proper.
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_exchange *exchange = arg;
    str line = {bytes, size * count};
    long status = 0;
    if (!http_outgoing_header(&exchange->out, line)) {
        return 0;
    }
    if (str_trim(line).len == 0) {
        curl_easy_getinfo(exchange->out.curl.easy, CURLINFO_RESPONSE_CODE, &status);
        exchange->head = status >= 200;
        http_transfer_wake(&exchange->out.curl);
    }
    return line.len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_exchange *exchange = arg;
    size_t some = size * count;
    if (exchange->buffer == NULL) {
        exchange->buffer = arena_alloc(exchange->out.arena, BUFFER);
    }
    if (exchange->at == exchange->end) {
        exchange->at = 0;
        exchange->end = 0;
    }
    if (BUFFER - exchange->end < some) {
        exchange->read_paused = true; // curl keeps these bytes and gives them again
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(exchange->buffer + exchange->end, bytes, some);
    exchange->end += some;
    http_transfer_wake(&exchange->out.curl);
    return some;
}

// ---- the fiber's side --------------------------------------------------------------------------

static void set_up(struct http_exchange *exchange, u64 body_size)
{
    CURL *easy = exchange->out.curl.easy;
    str method = exchange->req->method;
    if (body_size != UINT64_MAX) {
        exchange->to_send = body_size;
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body_size);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CHUNK);
    } else if (str_eq(method, S("HEAD"))) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, str_cstr(exchange->out.arena, method));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CHUNK);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
}

err *http_exchange_begin(struct arena *arena, const struct http_client_req *req, u64 body_size,
    struct http_exchange **out)
{
    struct http_exchange *exchange = arena_new_of(arena, struct http_exchange);
    check(fiber_current() != NULL && req->body.len == 0);
    exchange->out.arena = arena;
    exchange->req = req;
    http_transfer_begin(&exchange->out.curl);
    err *e = http_outgoing_set_up(&exchange->out, req);
    if (e != NULL) {
        http_outgoing_end(&exchange->out);
        return e;
    }
    set_up(exchange, body_size);
    http_transfer_start(&exchange->out.curl);
    *out = exchange;
    return NULL;
}

static err *wait_for(struct http_exchange *exchange) YIELDS;

static err *wait_for(struct http_exchange *exchange)
{
    u64 timeout_us = exchange->req->timeout_ms * 1000;
    err *e =
        http_transfer_wait(&exchange->out.curl, timeout_us > 0 ? time_mono_us() + timeout_us : 0);
    return e != NULL && e->code == ERR_TIMEOUT ? http_outgoing_late(&exchange->out, exchange->req)
                                               : e;
}

// May call the callbacks at once.
static void go_on(struct http_exchange *exchange, bool *paused)
{
    *paused = false;
    int still =
        (exchange->send_paused ? CURLPAUSE_SEND : 0) | (exchange->read_paused ? CURLPAUSE_RECV : 0);
    (void)curl_easy_pause(exchange->out.curl.easy, still); // what goes wrong ends the transfer
}

static err *failure(struct http_exchange *exchange)
{
    return exchange->out.curl.result == CURLE_OK
               ? NULL
               : http_outgoing_failure(&exchange->out, exchange->req);
}

err *http_exchange_send(struct http_exchange *exchange, str bytes)
{
    err *e = NULL;
    check(exchange->sending.len == 0);
    exchange->sending = bytes;
    while (e == NULL && exchange->sending.len > 0 && !exchange->out.curl.done && !exchange->head) {
        if (exchange->send_paused) {
            go_on(exchange, &exchange->send_paused);
        } else {
            e = wait_for(exchange);
        }
    }
    exchange->sending = (str){};
    if (exchange->head && exchange->send_paused) { // or curl would wait for it behind the answer
        go_on(exchange, &exchange->send_paused);
    }
    return e != NULL ? e : exchange->out.curl.done ? failure(exchange) : NULL;
}

err *http_exchange_head(struct http_exchange *exchange, struct http_client_res *out)
{
    long status = 0;
    while (!exchange->head && !exchange->out.curl.done) {
        TRY(wait_for(exchange));
    }
    if (!exchange->head) {
        TRY(failure(exchange));
    }
    curl_easy_getinfo(exchange->out.curl.easy, CURLINFO_RESPONSE_CODE, &status);
    *out = (struct http_client_res){.status = (int)status,
        .headers = exchange->out.headers.items,
        .header_count = exchange->out.headers.count};
    return NULL;
}

err *http_exchange_read(struct http_exchange *exchange, void *bytes, size_t size, size_t *got)
{
    *got = 0;
    while (exchange->at == exchange->end && !exchange->out.curl.done) {
        if (exchange->read_paused) {
            go_on(exchange, &exchange->read_paused);
        } else {
            TRY(wait_for(exchange));
        }
    }
    size_t there = exchange->end - exchange->at;
    *got = there < size ? there : size;
    if (*got == 0) {
        return failure(exchange);
    }
    memcpy(bytes, exchange->buffer + exchange->at, *got);
    exchange->at += *got;
    return NULL;
}

void http_exchange_end(struct http_exchange *exchange)
{
    if (exchange != NULL && exchange->out.curl.easy != NULL) {
        http_transfer_stop(&exchange->out.curl);
        http_outgoing_end(&exchange->out);
    }
}
