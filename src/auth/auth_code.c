// Codes that are sent to an address: drawn here, kept as a keyed digest, good for one use.
#include "auth/auth_int.h"
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
