// Mail to a submission server. Each is sent by a thread of its own: curl takes its leave of a mail
// server (QUIT) and waits for the answer wherever it is, which must not be a loop; and a thread of
// the worker pool would be kept from others for as long as a server is slow.
#include "http/smtp.h"

#include "http/curl_int.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

enum { SOCKETS_MAX = 8 };

// ---- the server's URL --------------------------------------------------------------------------
// None when the URL has no such part; *bad when it cannot be decoded.
static str part_of(struct arena *arena, CURLU *url, CURLUPart part, bool *bad)
{
    char *text = NULL;
    str out = {};
    CURLUcode code = curl_url_get(url, part, &text, CURLU_URLDECODE);
    if (code == CURLUE_OK) {
        out = str_dup(arena, str_from(text));
    }
    *bad = *bad || code == CURLUE_URLDECODE;
    curl_free(text);
    return out;
}

static bool is_this_machine(struct arena *arena, str host)
{
    struct in_addr address;
    return str_eq_nocase(host, S("localhost")) || str_eq(host, S("[::1]")) ||
           (inet_pton(AF_INET, str_cstr(arena, host), &address) == 1 &&
               ntohl(address.s_addr) >> 24 == 127);
}

static bool has_control(str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] < ' ' || text.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool read_url(struct arena *arena, CURLU *url, struct smtp_server *out)
{
    bool bad = false;
    str scheme = part_of(arena, url, CURLUPART_SCHEME, &bad);
    str host = part_of(arena, url, CURLUPART_HOST, &bad);
    str port = part_of(arena, url, CURLUPART_PORT, &bad);
    str path = part_of(arena, url, CURLUPART_PATH, &bad);
    str query = part_of(arena, url, CURLUPART_QUERY, &bad);
    bool tls = str_eq(scheme, S("smtps"));
    *out = (struct smtp_server){
        .user = part_of(arena, url, CURLUPART_USER, &bad),
        .password = part_of(arena, url, CURLUPART_PASSWORD, &bad),
        .is_local = is_this_machine(arena, host),
        .no_tls = str_eq(query, S("starttls=no")),
    };
    port = port.len > 0 ? port : tls ? S("465") : S("587");
    out->url = str_cat(arena, scheme, S("://"), host, S(":"), port);
    bool known = tls || str_eq(scheme, S("smtp"));
    bool plain = !out->no_tls || (out->is_local && !tls);
    bool bare = (path.len == 0 || str_eq(path, S("/"))) && (query.len == 0 || out->no_tls);
    return !bad && known && host.len > 0 && plain && bare &&
           (out->user.len > 0 || out->password.len == 0) && !has_control(out->user) &&
           !has_control(out->password);
}

err *smtp_parse_url(struct arena *arena, str url, struct smtp_server *out)
{
    CURLU *parts = curl_url();
    check(parts != NULL);
    bool good = str_find_char(url, '\0') < 0 &&
                curl_url_set(parts, CURLUPART_URL, str_cstr(arena, url), 0) == CURLUE_OK &&
                read_url(arena, parts, out);
    curl_url_cleanup(parts);
    if (!good) {
        return err_hint(fail(arena, ERR_CONFIG, "the mail server's URL cannot be used"),
            S("It looks like smtp://USER:PASSWORD@HOST:587 or smtps://HOST:465, with other "
              "characters "
              "than letters and digits in user and password as %XX."));
    }
    return NULL;
}

// ---- sending -----------------------------------------------------------------------------------
struct sending { // on the stack of the fiber that waits for it
    CURL *easy;
    CURLcode result;
    long reply;
    char reason[CURL_ERROR_SIZE];
    str rest; // of the text
    struct curl_slist *to;
    struct loop *loop;
    struct fiber *fiber;
    struct wake wake; // the thread has ended
    bool done;        // and has said so; of the loop's thread, as `ending` is
    bool ending;      // the fiber waits for nothing but the end

    pthread_mutex_t lock; // of what follows
    bool aborted;
    int sockets[SOCKETS_MAX]; // open ones; -1: none
};

static size_t on_read(char *bytes, size_t size, size_t count, void *arg)
{
    struct sending *sending = arg;
    str part = str_sub(sending->rest, 0, size * count);
    memcpy(bytes, part.ptr, part.len);
    sending->rest = str_sub(sending->rest, part.len, sending->rest.len);
    return part.len;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

static bool is_address(str text)
{
    ptrdiff_t at = str_rfind_char(text, '@');
    for (size_t i = 0; i < text.len; i++) {
        if ((u8)text.ptr[i] <= ' ' || strchr("<>()[],;:\\\"\x7f", text.ptr[i]) != NULL) {
            return false;
        }
    }
    return at > 0 && (size_t)at + 1 < text.len && str_is_utf8(text);
}

// ---- the thread --------------------------------------------------------------------------------
static bool keep_socket(struct sending *sending, int fd)
{
    bool kept = false;
    pthread_mutex_lock(&sending->lock);
    for (size_t i = 0; i < SOCKETS_MAX && !kept && !sending->aborted; i++) {
        if (sending->sockets[i] < 0) {
            sending->sockets[i] = fd;
            kept = true;
        }
    }
    pthread_mutex_unlock(&sending->lock);
    return kept;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && !keep_socket(arg, fd)) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd >= 0 ? fd : CURL_SOCKET_BAD;
}

// Under the lock: abort_sending must not meet a number that is somebody else's by then.
static int on_close(void *arg, curl_socket_t fd)
{
    struct sending *sending = arg;
    pthread_mutex_lock(&sending->lock);
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        sending->sockets[i] = sending->sockets[i] == fd ? -1 : sending->sockets[i];
    }
    int failed = close(fd);
    pthread_mutex_unlock(&sending->lock);
    return failed;
}

static int on_progress(
    void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
    struct sending *sending = arg;
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    pthread_mutex_lock(&sending->lock);
    bool aborted = sending->aborted;
    pthread_mutex_unlock(&sending->lock);
    return aborted ? 1 : 0;
}

// What curl waits for on them ends at once.
static void abort_sending(struct sending *sending)
{
    pthread_mutex_lock(&sending->lock);
    sending->aborted = true;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (sending->sockets[i] >= 0) {
            shutdown(sending->sockets[i], SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&sending->lock);
}

static void on_done(void *arg)
{
    struct sending *sending = arg;
    sending->done = true;
    if (!sending->ending) {
        fiber_wake(sending->fiber);
    }
}

static void *send_thread(void *arg)
{
    struct sending *sending = arg;
    sending->result = curl_easy_perform(sending->easy);
    curl_easy_getinfo(sending->easy, CURLINFO_RESPONSE_CODE, &sending->reply);
    curl_easy_cleanup(sending->easy);
    loop_post(sending->loop, on_done, sending); // seen no later than the wake
    wake_send(&sending->wake);
    return NULL;
}

// ---- the fiber ---------------------------------------------------------------------------------
static void set_up(struct arena *arena, struct sending *sending, const struct smtp_server *server,
    const struct smtp_mail *mail)
{
    CURL *easy = sending->easy;
    long tls = server->no_tls     ? CURLUSESSL_NONE
               : server->is_local ? CURLUSESSL_TRY
                                  : CURLUSESSL_ALL;
    sending->rest = mail->text;
    check(pthread_mutex_init(&sending->lock, NULL) == 0);
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        sending->sockets[i] = -1;
    }
    sending->to = curl_slist_append(NULL, str_cstr(arena, mail->to));
    check(sending->to != NULL);
    curl_easy_setopt(easy, CURLOPT_URL, str_cstr(arena, server->url));
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_USE_SSL, tls);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (server->user.len > 0) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, str_cstr(arena, server->user));
        curl_easy_setopt(easy, CURLOPT_PASSWORD, str_cstr(arena, server->password));
    }
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, str_cstr(arena, mail->from));
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, sending->to);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail->text.len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, sending);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, sending);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sending);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, sending);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
}

// What the server answered last tells whether it is about this mail; a refused sign-in is not.
static enum smtp_outcome outcome_of(CURLcode result, long reply)
{
    if (result == CURLE_OK) {
        return SMTP_TAKEN;
    }
    bool about_mail = result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
                      result == CURLE_WEIRD_SERVER_REPLY || result == CURLE_REMOTE_ACCESS_DENIED;
    if (about_mail && reply >= 500 && reply < 600 && reply != 530 && reply != 535) {
        return SMTP_REFUSED;
    }
    return about_mail && reply >= 400 && reply < 500 && reply != 421 ? SMTP_LATER : SMTP_DOWN;
}

// Until the thread has ended; when the fiber is cancelled or it is late, the thread is ended.
static err *run(struct sending *sending, u64 timeout_ms) YIELDS;

static err *run(struct sending *sending, u64 timeout_ms)
{
    pthread_t thread;
    u64 until_us = time_mono_us() + timeout_ms * 1000;
    err *e = NULL;
    sending->loop = loop_current();
    sending->fiber = fiber_current();
    wake_init(&sending->wake);
    if (pthread_create(&thread, NULL, send_thread, sending) != 0) {
        curl_easy_cleanup(sending->easy);
        return fail(fiber_arena(), ERR_IO, "there is no room for another thread");
    }
    while (!sending->done && e == NULL) {
        e = fiber_wait_until(until_us);
    }
    if (e != NULL) {
        sending->ending = true;
        abort_sending(sending);
    }
    wake_wait(&sending->wake);
    check(pthread_join(thread, NULL) == 0); // it has nothing left to do
    return sending->result == CURLE_OK ? NULL : e;
}

err *smtp_send(struct arena *arena, const struct smtp_server *server, const struct smtp_mail *mail,
    u64 timeout_ms, enum smtp_outcome *outcome)
{
    check(timeout_ms > 0);
    struct sending sending = {.result = CURLE_FAILED_INIT};
    *outcome = SMTP_REFUSED;
    if (!is_address(mail->from) || !is_address(mail->to)) {
        return fail(arena, ERR_INVALID, "an address cannot be written to");
    }
    sending.easy = http_curl_new(sending.reason);
    set_up(arena, &sending, server, mail);
    err *e = run(&sending, timeout_ms);
    curl_slist_free_all(sending.to);
    pthread_mutex_destroy(&sending.lock);
    *outcome = e != NULL ? SMTP_DOWN : outcome_of(sending.result, sending.reply);
    if (e != NULL && e->code == ERR_TIMEOUT) {
        return fail(arena, ERR_TIMEOUT, "%.*s did not answer in time", PRI(server->url));
    }
    TRY(e);
    const char *reason =
        sending.reason[0] != '\0' ? sending.reason : curl_easy_strerror(sending.result);
    return *outcome == SMTP_TAKEN ? NULL
                                  : fail(arena, ERR_IO, "%.*s: %s (reply %ld)", PRI(server->url),
                                        reason, sending.reply);
}
