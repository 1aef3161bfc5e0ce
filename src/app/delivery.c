// How messages leave the machine, from the environment: secrets are neither in arguments, which
// every process may read, nor in the project.
#include "app/app_int.h"

#include <stdlib.h>

enum { SECRET_FILE_MAX = 16 << 10, SECRET_MIN = 16 };

err *app_read_secret(struct arena *arena, const char *name, str *out)
{
    str file_name = str_cat(arena, str_from(name), S("_FILE"));
    const char *file = getenv(str_cstr(arena, file_name));
    *out = str_from(getenv(name));
    if (out->len == 0 && file != NULL && file[0] != '\0') {
        TRY(file_read(arena, file, SECRET_FILE_MAX, out));
        *out = str_trim(*out);
        if (out->len == 0) {
            return fail(arena, ERR_CONFIG, "the file of %s is empty", name);
        }
    }
    return NULL;
}

static bool is_webhook(str url)
{
    str rest = str_starts(url, S("https://")) ? str_sub(url, 8, url.len) : (str){};
    if (str_starts(url, S("http://"))) {
        rest = str_sub(url, 7, url.len);
        size_t end = 0;
        while (end < rest.len && strchr(":/?", rest.ptr[end]) == NULL) {
            end++;
        }
        str host = str_sub(rest, 0, end);
        rest = str_eq(host, S("localhost")) || str_eq(host, S("127.0.0.1")) ? rest : (str){};
    }
    for (size_t i = 0; i < rest.len; i++) {
        if ((u8)rest.ptr[i] <= ' ' || rest.ptr[i] == '@' || rest.ptr[i] == '#') {
            return false;
        }
    }
    return rest.len > 0;
}

static err *read_webhook(struct arena *arena, const char *name, str *out)
{
    *out = str_from(getenv(name));
    if (out->len > 0 && !is_webhook(*out)) {
        return err_hint(fail(arena, ERR_CONFIG, "%s is no URL of a webhook", name),
            S("It begins with https://; http:// only for localhost."));
    }
    return NULL;
}

// "Name <address>", or an address.
static err *read_from(struct arena *arena, struct outbox_delivery_options *out)
{
    str text = str_trim(str_from(getenv("AMPD_MAIL_FROM")));
    ptrdiff_t open = str_rfind_char(text, '<');
    out->from = text;
    if (open >= 0 && str_ends(text, S(">"))) {
        out->from = str_sub(text, (size_t)open + 1, text.len - 1);
        out->from_name = str_trim(str_sub(text, 0, (size_t)open));
    }
    if (str_starts(out->from_name, S("\"")) && str_ends(out->from_name, S("\"")) &&
        out->from_name.len >= 2) {
        out->from_name = str_sub(out->from_name, 1, out->from_name.len - 1);
    }
    bool several =
        str_find_char(out->from_name, '<') >= 0 || str_find_char(out->from_name, '@') >= 0;
    if (several || !outbox_is_email(out->from)) {
        return err_hint(fail(arena, ERR_CONFIG, "AMPD_MAIL_FROM is no e-mail address"),
            S("Set it to the sender of your messages: AMPD_MAIL_FROM='Shop "
              "<no-reply@example.com>'"));
    }
    return NULL;
}

err *app_read_delivery(struct arena *arena, struct outbox_delivery_options *out, bool *any)
{
    str url = {};
    *out = (struct outbox_delivery_options){};
    TRY(app_read_secret(arena, "AMPD_SMTP_URL", &url));
    TRY(read_webhook(arena, "AMPD_EMAIL_WEBHOOK", &out->email_webhook));
    TRY(read_webhook(arena, "AMPD_SMS_WEBHOOK", &out->sms_webhook));
    if (url.len > 0) {
        TRY(smtp_parse_url(arena, url, &out->smtp));
        TRY(read_from(arena, out));
    }
    if (url.len > 0 && out->email_webhook.len > 0) {
        return fail(arena, ERR_CONFIG,
            "AMPD_SMTP_URL and AMPD_EMAIL_WEBHOOK are both set; e-mail leaves by one of them");
    }
    if (out->email_webhook.len > 0 || out->sms_webhook.len > 0) {
        TRY(app_read_secret(arena, "AMPD_WEBHOOK_SECRET", &out->webhook_secret));
        if (out->webhook_secret.len < SECRET_MIN) {
            return err_hint(
                fail(arena, ERR_CONFIG, "AMPD_WEBHOOK_SECRET has to have at least %d characters",
                    SECRET_MIN),
                S("It signs what webhooks are sent; make one with: openssl rand -hex 32"));
        }
    }
    *any = url.len > 0 || out->email_webhook.len > 0 || out->sms_webhook.len > 0;
    return NULL;
}

// What may be shown of a URL: its rest may be a secret.
static str origin_of(str url)
{
    ptrdiff_t begin = str_find(url, S("://"));
    size_t end = (size_t)begin + 3;
    check(begin > 0);
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?') {
        end++;
    }
    return str_sub(url, 0, end);
}

str app_delivery_text(struct arena *arena, const struct outbox_delivery_options *options)
{
    str mail = options->smtp.url.len > 0
                   ? str_cat(arena, S("e-mail by "), options->smtp.url, S(" from "), options->from)
               : options->email_webhook.len > 0
                   ? str_cat(arena, S("e-mail by "), origin_of(options->email_webhook))
                   : (str){};
    str sms = options->sms_webhook.len > 0
                  ? str_cat(arena, S("SMS by "), origin_of(options->sms_webhook))
                  : (str){};
    return str_cat(arena, mail, mail.len > 0 && sms.len > 0 ? S(", ") : S(""), sms);
}
