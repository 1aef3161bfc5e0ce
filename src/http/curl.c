// libcurl's multi interface on a loop: told by libuv which sockets are ready and when time has
// passed. A fiber waits for its transfer; when it is cancelled or late, the transfer is taken away,
// which ends its connection. Connections are kept and shared by the fibers of a loop.
#include "http/curl_int.h"

#include <pthread.h>
#include <stdlib.h>

enum { CONNECTIONS_KEPT = 16, TIMER_MS_MAX = 3600 * 1000 };

struct client { // one per loop
    CURLM *multi;
    uv_timer_t timer;
};

struct watch { // one per socket that curl waits for; freed once its handle is closed
    struct client *client;
    curl_socket_t fd;
    uv_poll_t poll;
};

static void take_finished(struct client *client)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL;) {
        struct http_transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->done = true;
        transfer->result = message->data.result;
        http_transfer_wake(transfer);
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

CURL *http_curl_new(char reason[CURL_ERROR_SIZE])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    check(pthread_once(&once, begin_curl) == 0);
    const char *more_authorities = getenv("SSL_CERT_FILE");
    CURL *easy = curl_easy_init();
    check(easy != NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Without it, taking a transfer away would block the thread until its name is resolved.
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    if (more_authorities != NULL && more_authorities[0] != '\0') {
        curl_easy_setopt(easy, CURLOPT_CAINFO, more_authorities); // beside the system's folder
    }
    return easy;
}

static struct client *client_of_loop(void)
{
    static const char KEY = 0;
    struct loop *loop = loop_current();
    struct client *client = loop_local(loop, &KEY);
    if (client != NULL) {
        return client;
    }
    client = mem_new(struct client);
    client->multi = curl_multi_init();
    check(client->multi != NULL);
    check(uv_timer_init(loop_uv(loop), &client->timer) == 0);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    loop_set_local(loop, &KEY, client, client_release);
    return client;
}

// ---- transfers ---------------------------------------------------------------------------------
CURL *http_transfer_begin(struct http_transfer *transfer)
{
    *transfer = (struct http_transfer){.fiber = fiber_current()};
    check(transfer->fiber != NULL);
    transfer->easy = http_curl_new(transfer->reason);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    return transfer->easy;
}

void http_transfer_start(struct http_transfer *transfer)
{
    check(curl_multi_add_handle(client_of_loop()->multi, transfer->easy) == CURLM_OK);
}

void http_transfer_stop(struct http_transfer *transfer)
{
    curl_multi_remove_handle(client_of_loop()->multi, transfer->easy); // unfinished: its connection
                                                                       // ends
}

void http_transfer_wake(struct http_transfer *transfer)
{
    if (transfer->waiting) {
        transfer->waiting = false;
        fiber_wake(transfer->fiber);
    }
}

err *http_transfer_wait(struct http_transfer *transfer, u64 until_us)
{
    check(!transfer->waiting);
    if (transfer->done) {
        return NULL;
    }
    transfer->fiber = fiber_current();
    transfer->waiting = true;
    err *e = fiber_wait_until(until_us);
    transfer->waiting = false;
    return e;
}

err *http_transfer_run(struct http_transfer *transfer, u64 timeout_ms)
{
    u64 until_us = timeout_ms != 0 ? time_mono_us() + timeout_ms * 1000 : 0;
    err *e = NULL;
    http_transfer_start(transfer);
    while (e == NULL && !transfer->done) {
        e = http_transfer_wait(transfer, until_us);
    }
    http_transfer_stop(transfer);
    return e;
}

void http_transfer_end(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
}

const char *http_transfer_reason(const struct http_transfer *transfer)
{
    return transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(transfer->result);
}
