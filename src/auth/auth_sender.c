// Senders: the project's own functions that deliver codes and temporary passwords in place of the
// outbox. They get the code encrypted under the definition's key, and nobody waits for them.
// Source: "Custom sender Lambda triggers", Amazon Cognito developer guide.
#include "auth/auth_trigger.h"

#include "vault/vault.h"

// What is no ARN, and what stands for a thing that is not there, is no key: ampd's own then is.
static bool is_key(str name)
{
    return str_starts(name, S("arn:")) ||
           (str_starts(name, S("${amplify:")) && !str_starts(name, S("${amplify:ref:")));
}

str auth_sender_key(const struct json *definition)
{
    const struct json *senders = json_get(definition, S("senders"));
    const struct json *config = json_get(json_get(definition, S("userPool")), S("lambdaConfig"));
    const str keys[] = {json_get_str(json_get(senders, S("sms")), S("kmsKeyArn")),
        json_get_str(json_get(senders, S("email")), S("kmsKeyArn")),
        json_get_str(config, S("kmsKeyId"))};
    for (size_t i = 0; i < countof(keys); i++) {
        if (is_key(keys[i])) {
            return keys[i];
        }
    }
    return (str){};
}

static err *encrypt(struct auth_call *call, str code, str *out)
{
    const struct crypto_pair context = {S("userpool-id"), call->service->user_pool_id};
    struct vault *vault = call->hub->vault;
    str key = auth_sender_key(call->service->definition);
    check(code.len > 0);
    if (vault == NULL) {
        return fail(call->arena, ERR_UNSUPPORTED, "senders are not run here");
    }
    key = key.len > 0 ? key : vault_default_key(vault, call->arena);
    TRY(vault_encrypt(vault, call->arena, key, &context, 1, code, out));
    *out = base64_encode(call->arena, *out);
    return NULL;
}

err *auth_send_custom(struct auth_call *call, const struct auth_user *user, const char *source,
    const struct outbox_message *message, str code, bool *taken)
{
    struct arena *a = call->arena;
    bool phone = str_eq(message->medium, S("SMS"));
    enum auth_trigger trigger = phone ? AUTH_SMS_SENDER : AUTH_EMAIL_SENDER;
    struct json *request = json_object(a);
    str encrypted = {};
    *taken = auth_has_trigger(call, trigger);
    if (!*taken) {
        return NULL;
    }
    TRY(encrypt(call, code, &encrypted));
    json_set(request, S("type"),
        json_string(a, phone ? S("customSMSSenderRequestV1") : S("customEmailSenderRequestV1")));
    json_set(request, S("code"), json_string(a, encrypted));
    auth_add_metadata(call, request);
    struct auth_event event = {
        .trigger = trigger, .source = source, .user = user, .request = request};
    // An address that is to be verified is not the user's yet; the function knows it from here
    // only.
    event.attributes = auth_event_attributes(call, &event);
    json_set(event.attributes, phone ? S("phone_number") : S("email"), json_string(a, message->to));
    return auth_trigger_later(call, &event);
}
