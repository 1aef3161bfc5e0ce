// What users are written: the definition's texts with code, name and link in their places, or the
// project's own, on their way to the outbox or to the project's sender.
#include "auth/auth_trigger.h"

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

void auth_message_fill(struct arena *arena, struct outbox_message *message, str code, str username)
{
    message->html = fill(arena, message->html, S("{####}"), outbox_html(arena, code));
    message->html = fill(arena, message->html, S("{username}"), outbox_html(arena, username));
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
        return str_cat(arena, before, S("<a href=\""), outbox_html(arena, link), S("\">"),
            label.len > 0 ? label : outbox_html(arena, link), S("</a>"), after);
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

err *auth_send(struct auth_call *call, const struct outbox_message *message)
{
    const struct json *sender =
        json_get(json_get(call->service->definition, S("senders")), S("email"));
    struct outbox_message sent = *message;
    if (call->hub->outbox == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "messages are not sent here");
    }
    sent.from = json_get_str(sender, S("fromEmail"));
    sent.from_name = json_get_str(sender, S("fromName"));
    sent.reply_to = json_get_str(sender, S("replyTo"));
    call->has_acted = true;
    return outbox_send(call->hub->outbox, call->arena, &sent);
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
    struct outbox_message message = {.to = code->destination,
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
