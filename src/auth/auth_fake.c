// Answers about users who do not exist, which look and take the same as those about users who do.
#include "auth/auth_signin.h"

enum { HOUR_MS = 60 * 60 * 1000 };

// The name that the proof of a user that is not there is made for, always the same for what was
// typed. Where names are free, that is the name itself: a user would have it. Else, and for what
// can only be an alias, it is an id.
str auth_fake_name(struct auth_call *call, str username)
{
    unsigned aliases = call->service->aliases;
    bool is_alias = ((aliases & AUTH_BY_EMAIL) != 0 && outbox_is_email(username)) ||
                    ((aliases & AUTH_BY_PHONE) != 0 && auth_is_phone(username));
    if (call->service->usernames == 0 && !is_alias) {
        return call->service->case_sensitive ? username : str_lower(call->arena, username);
    }
    u8 mac[CRYPTO_SHA256_SIZE];
    str key = {(const char *)call->hub->fake_key.bytes, CRYPTO_KEY_SIZE};
    crypto_hmac_sha256(key, str_lower(call->arena, username), mac);
    mac[6] = (u8)((mac[6] & 0x0f) | 0x40);
    mac[8] = (u8)((mac[8] & 0x3f) | 0x80);
    str hex = hex_encode(call->arena, (str){(const char *)mac, 16});
    return str_cat(call->arena, str_sub(hex, 0, 8), S("-"), str_sub(hex, 8, 12), S("-"),
        str_sub(hex, 12, 16), S("-"), str_sub(hex, 16, 20), S("-"), str_sub(hex, 20, 32));
}

static bool is_address(str username, bool phone)
{
    return phone ? auth_is_phone(username) : outbox_is_email(username);
}

bool auth_fake_has(struct auth_call *call, str username, bool phone)
{
    u8 mac[CRYPTO_SHA256_SIZE];
    str key = {(const char *)call->hub->fake_key.bytes, CRYPTO_KEY_SIZE};
    str name = phone ? S("phone_number") : S("email");
    const struct auth_attribute *attribute = auth_attribute_def(call->service, name);
    check(attribute != NULL); // every pool has both
    crypto_hmac_sha256(
        key, str_cat(call->arena, S("has "), name, S("#"), str_lower(call->arena, username)), mac);
    return is_address(username, phone) || attribute->required || (mac[0] & 1) != 0;
}

// An address as somebody of that name could have: always the same for a name.
str auth_fake_address(struct auth_call *call, str username, bool phone)
{
    u8 mac[CRYPTO_SHA256_SIZE];
    str key = {(const char *)call->hub->fake_key.bytes, CRYPTO_KEY_SIZE};
    if (is_address(username, phone)) {
        return username;
    }
    crypto_hmac_sha256(
        key, str_cat(call->arena, S("address#"), str_lower(call->arena, username)), mac);
    return phone ? str_fmt(call->arena, "+1555%04u", (mac[0] * 256U + mac[1]) % 10000U)
                 : str_fmt(call->arena, "%c@%c.co", 'a' + mac[0] % 26, 'a' + mac[1] % 26);
}

err *auth_pretend_writes(struct auth_call *call, str whom, int count)
{
    enum { NEVER = 1 << 30 };

    check(count > 0);
    for (int i = 0; i < count; i++) {
        TRY(auth_count(call, "pretend", str_lower(call->arena, whom), NEVER, HOUR_MS));
    }
    return NULL;
}

// An answer about a user that is not there looks like one about a user that is, and writes as
// often.
err *auth_pretend_delivery(struct auth_call *call, str username, int writes)
{
    unsigned way = call->service->recovery[0];
    bool phone = auth_is_phone(username) || (!outbox_is_email(username) && way == AUTH_BY_PHONE);
    if (!call->service->hides_users) {
        return auth_no_account(call->arena);
    }
    TRY(auth_pretend_writes(call, username, writes));
    auth_answer(call, "CodeDeliveryDetails",
        auth_delivery(call, phone ? S("phone_number") : S("email"),
            auth_fake_address(call, username, phone)));
    return NULL;
}
