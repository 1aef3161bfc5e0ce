// Mail to a submission server.
#include "http/smtp.h"

#include "http/curl_int.h"

#include <arpa/inet.h>

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
struct sending {
    struct http_transfer curl;
    str rest; // of the text
    struct curl_slist *to;
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

static void set_up(struct arena *arena, struct sending *sending, const struct smtp_server *server,
    const struct smtp_mail *mail)
{
    CURL *easy = sending->curl.easy;
    long tls = server->no_tls     ? CURLUSESSL_NONE
               : server->is_local ? CURLUSESSL_TRY
                                  : CURLUSESSL_ALL;
    sending->rest = mail->text;
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

err *smtp_send(struct arena *arena, const struct smtp_server *server, const struct smtp_mail *mail,
    u64 timeout_ms, enum smtp_outcome *outcome)
{
    struct sending sending = {};
    long reply = 0;
    *outcome = SMTP_REFUSED;
    if (!is_address(mail->from) || !is_address(mail->to)) {
        return fail(arena, ERR_INVALID, "an address cannot be written to");
    }
    *outcome = SMTP_DOWN;
    http_transfer_begin(&sending.curl);
    set_up(arena, &sending, server, mail);
    err *e = http_transfer_run(&sending.curl, timeout_ms);
    if (e == NULL) {
        curl_easy_getinfo(sending.curl.easy, CURLINFO_RESPONSE_CODE, &reply);
        *outcome = outcome_of(sending.curl.result, reply);
        const char *reason = http_transfer_reason(&sending.curl);
        e = *outcome == SMTP_TAKEN
                ? NULL
                : fail(arena, ERR_IO, "%.*s: %s (reply %ld)", PRI(server->url), reason, reply);
    } else if (e->code == ERR_TIMEOUT) {
        e = fail(arena, ERR_TIMEOUT, "%.*s did not answer in time", PRI(server->url));
    }
    http_transfer_end(&sending.curl);
    curl_slist_free_all(sending.to);
    return e;
}
