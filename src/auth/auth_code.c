// Codes that are sent to an address: drawn here, kept as a keyed digest, good for one use.
#include "auth/auth_trigger.h"
#include "crypto/code.h"

enum { CODE_TRIES = 15, HOUR_MS = 60 * 60 * 1000 };

static str digest(struct auth_call *call, str id, str code)
{
    u8 mac[CRYPTO_SHA256_SIZE];
    str key = {(const char *)call->hub->code_key.bytes, CRYPTO_KEY_SIZE};
    crypto_hmac_sha256(key, str_cat(call->arena, id, S("#"), code), mac);
    return hex_encode(call->arena, (str){(const char *)mac, sizeof(mac)});
}

static str code_id(struct auth_call *call, const struct auth_user *user, str purpose)
{
    return str_cat(call->arena, user->id, S("#"), purpose);
}

struct store_write auth_code_make(
    struct auth_call *call, const struct auth_user *user, struct auth_code *code)
{
    check(code->purpose.len > 0 && code->attribute.len > 0 && code->destination.len > 0);
    check(code->life_ms > 0);
    struct arena *a = call->arena;
    str id = code_id(call, user, code->purpose);
    struct json *item = json_object(a);
    code->code = crypto_random_digits(a, code->digits > 0 ? code->digits : 6);
    json_set(item, S("id"), json_string(a, id));
    json_set(item, S("user"), json_string(a, user->id));
    json_set(item, S("mac"), json_string(a, digest(call, id, code->code)));
    json_set(item, S("attribute"), json_string(a, code->attribute));
    json_set(item, S("destination"), json_string(a, code->destination));
    json_set(item, S("ends"), json_int(a, (i64)(call->hub->now_ms() + code->life_ms)));
    return (struct store_write){.kind = STORE_PUT, .table = AUTH_CODES, .item = item};
}

err *auth_code_wrong(struct arena *arena)
{
    return auth_refuse(
        arena, "CodeMismatchException", "Invalid verification code provided, please try again.");
}

err *auth_code_expired(struct arena *arena)
{
    return auth_refuse(
        arena, "ExpiredCodeException", "Invalid code provided, please request a code again.");
}

err *auth_code_verify(struct auth_call *call, const struct auth_user *user, str purpose, str code,
    struct json **item, struct store_write *spend)
{
    check(purpose.len > 0);
    str id = code_id(call, user, purpose);
    TRY(auth_count(call, "code", id, CODE_TRIES, HOUR_MS));
    TRY(auth_get(call, AUTH_CODES, id, item));
    if (*item == NULL || (u64)json_get_int(*item, S("ends"), 0) <= call->hub->now_ms()) {
        return auth_code_expired(call->arena);
    }
    const struct json *mac = json_get(*item, S("mac"));
    if (!bytes_eq_secret(mac->text, digest(call, id, code))) {
        return auth_code_wrong(call->arena);
    }
    *spend = (struct store_write){.kind = STORE_DELETE,
        .table = AUTH_CODES,
        .pk = auth_str(call, id),
        .condition = auth_unchanged(call->arena, S("mac"), mac)};
    return NULL;
}

bool auth_code_is_current(const struct auth_user *user, const struct json *item)
{
    str destination = json_get_str(item, S("destination"));
    check(destination.len > 0);
    return str_eq(auth_user_get(user, json_get_str(item, S("attribute"))), destination);
}

// ---- what is sent --------------------------------------------------------------------------

static str fill(struct arena *arena, str text, str mark, str value)
{
    struct buf out = buf_in(arena, 256 * 1024);
    ptrdiff_t at = 0;
    while ((at = str_find(text, mark)) >= 0) {
        buf_add(&out, str_sub(text, 0, (size_t)at));
        buf_add(&out, value);
        text = str_sub(text, (size_t)at + mark.len, text.len);
    }
    buf_add(&out, text);
    return buf_str(&out);
}

void auth_message_fill(struct arena *arena, struct auth_message *message, str code, str username)
{
    message->html = fill(arena, message->html, S("{####}"), auth_html(arena, code));
    message->html = fill(arena, message->html, S("{username}"), auth_html(arena, username));
    message->text = fill(arena, message->text, S("{####}"), code);
    message->text = fill(arena, message->text, S("{username}"), username);
}

// "{##Verify Email##}" becomes a link, in HTML or as text.
static str fill_link(struct arena *arena, str text, str link, bool html)
{
    ptrdiff_t from = str_find(text, S("{##"));
    ptrdiff_t to = str_find(text, S("##}"));
    bool marked = from >= 0 && to >= from + 3;
    str before = marked ? str_sub(text, 0, (size_t)from) : str_cat(arena, text, S("\n"));
    str label = marked ? str_sub(text, (size_t)from + 3, (size_t)to) : (str){};
    str after = marked ? str_sub(text, (size_t)to + 3, text.len) : (str){};
    if (html) {
        return str_cat(arena, before, S("<a href=\""), auth_html(arena, link), S("\">"),
            label.len > 0 ? label : auth_html(arena, link), S("</a>"), after);
    }
    return marked ? str_cat(arena, before, label, S(" ("), link, S(")"), after)
                  : str_cat(arena, before, link);
}

static str link_of(
    struct auth_call *call, const struct auth_user *user, const struct auth_code *code)
{
    return str_cat(call->arena, call->service->base_url, S("/confirmUser?client_id="),
        call->service->client_id, S("&user_name="), http_url_encode(call->arena, user->username),
        S("&confirmation_code="), code->code);
}

// What the message is for, as triggers are told.
static const char *source_of(const struct auth_call *call, const struct auth_code *code)
{
    if (str_eq(code->purpose, S("signup"))) {
        return str_eq(call->operation, S("ResendConfirmationCode")) ? "ResendCode" : "SignUp";
    }
    if (str_starts(code->purpose, S("attribute:"))) {
        bool asked = str_eq(call->operation, S("GetUserAttributeVerificationCode"));
        return asked ? "VerifyUserAttribute" : "UpdateUserAttribute";
    }
    return str_eq(code->purpose, S("forgot")) ? "ForgotPassword" : "Authentication";
}

err *auth_send_code(
    struct auth_call *call, const struct auth_user *user, const struct auth_code *code)
{
    check(code->code.len > 0);
    const struct auth_service *service = call->service;
    bool phone = str_eq(code->attribute, S("phone_number"));
    bool sign_up = str_eq(code->purpose, S("signup"));
    struct auth_message message = {.to = code->destination,
        .medium = phone ? S("SMS") : S("EMAIL"),
        .subject = S("Your verification code"),
        .text = S("Your verification code is {####}."),
        .code = code->code,
        .good_ms = code->life_ms};
    bool changed = false;
    bool taken = false;
    err *e = auth_send_custom(call, user, source_of(call, code), &message, code->code, &taken);
    if (e != NULL || taken) {
        return e;
    }
    if (str_starts(code->purpose, S("attribute:")) || sign_up) {
        message.text = phone ? service->phone_text : service->verification_text;
        message.subject = service->verification_subject;
    } else if (str_eq(code->purpose, S("forgot"))) {
        message.text = S("Your password reset code is {####}.");
    } else if (str_starts(code->purpose, S("mfa"))) {
        message.text = phone ? service->mfa_sms_text : service->mfa_email_text;
        message.subject = service->mfa_email_subject;
    }
    TRY(auth_custom_message(call, user, source_of(call, code), &message, &changed));
    if (service->link_style && !phone && sign_up) {
        message.link = link_of(call, user, code);
        message.html = fill_link(call->arena, message.text, message.link, true);
        message.text = fill_link(call->arena, message.text, message.link, false);
        message.code = (str){};
    } else if (!changed && service->link_style && !phone &&
               str_find(message.text, S("{####}")) < 0) {
        message.text = S("Your verification code is {####}.");
    }
    message.subject = phone ? (str){} : message.subject;
    message.html = message.html.len > 0 ? message.html : message.text;
    auth_message_fill(call->arena, &message, code->code, user->username);
    return auth_send(call, &message);
}
