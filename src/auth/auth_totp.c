// Authenticator apps: their secret, and which second factors a user wants.
#include "auth/auth_admin.h"
#include "auth/auth_mfa.h"
#include "crypto/code.h"

enum { HOUR_MS = 60 * 60 * 1000, SETUP_TRIES = 15, NAME_LETTERS = 256 };

static str context_of(struct auth_call *call, const struct auth_user *user)
{
    return str_cat(call->arena, S("totp#"), user->id);
}

static str seal_secret(struct auth_call *call, const struct auth_user *user, str secret)
{
    str sealed = crypto_seal(call->arena, &call->hub->instance_key, context_of(call, user), secret);
    return base64_encode(call->arena, sealed);
}

static err *open_secret(struct auth_call *call, const struct auth_user *user, str text, str *secret)
{
    str sealed = {};
    if (!base64_decode(call->arena, text, &sealed) ||
        crypto_open(call->arena, &call->hub->instance_key, context_of(call, user), sealed,
            secret) != NULL) {
        return fail(call->arena, ERR_INTERNAL, "the secret of an authenticator app is damaged");
    }
    return NULL;
}

err *auth_totp_check(struct auth_call *call, struct auth_user *user, str code, bool *right)
{
    str secret = {};
    *right = false;
    if (!auth_totp_has(user)) {
        return auth_refuse(call->arena, "SoftwareTokenMFANotFoundException",
            "Software Token MFA has not been set up for the user");
    }
    TRY(open_secret(call, user, json_get_str(user->item, S("totp")), &secret));
    u64 last = (u64)json_get_int(user->item, S("totpStep"), 0);
    enum crypto_totp_verdict verdict =
        crypto_totp_check(secret, code, call->hub->now_ms() / 1000, &last);
    if (verdict == CRYPTO_TOTP_USED) {
        return auth_refuse(
            call->arena, "ExpiredCodeException", "Your software token has already been used once.");
    }
    *right = verdict == CRYPTO_TOTP_RIGHT;
    json_set(user->item, S("totpStep"), json_int(call->arena, (i64)last));
    return NULL;
}

// ---- setting up ----------------------------------------------------------------------------

static err *need_totp(struct auth_call *call)
{
    return call->service->mfa_totp ? NULL
                                   : auth_refuse(call->arena, "SoftwareTokenMFANotFoundException",
                                         "Software Token MFA is not enabled for the user pool");
}

static str new_secret(struct arena *arena)
{
    u8 *bytes = arena_alloc(arena, CRYPTO_TOTP_SECRET_SIZE);
    random_bytes(bytes, CRYPTO_TOTP_SECRET_SIZE);
    return (str){(const char *)bytes, CRYPTO_TOTP_SECRET_SIZE};
}

// Signed in, the secret waits in the user's item; on the way there, in the sealed state.
err *auth_associate_software_token(struct auth_call *call)
{
    struct arena *a = call->arena;
    str secret = new_secret(a);
    str token = auth_text(call, "AccessToken");
    auth_answer_text(call, "SecretCode", crypto_base32(a, secret));
    if (token.len > 0) {
        TRY(auth_call_use_token(call, token));
        TRY(need_totp(call));
        json_set(call->user->item, S("totpPending"),
            auth_str(call, seal_secret(call, call->user, secret)));
        return auth_user_save(call, call->user, NULL, 0);
    }
    struct auth_state state = {};
    TRY(auth_state_of_session(call, "mfasetup", &state));
    TRY(need_totp(call));
    struct json *next = auth_state_body(call, "mfasetup", state.user);
    json_set(next, S("secret"), auth_str(call, seal_secret(call, state.user, secret)));
    auth_answer_text(call, "Session", auth_state_seal(call, next));
    return NULL;
}

static err *mismatch(struct auth_call *call)
{
    return auth_refuse(call->arena, "EnableSoftwareTokenMFAException", "Code mismatch");
}

// Takes the secret over when the code is of it.
static err *prove_secret(
    struct auth_call *call, struct auth_user *user, str sealed, str code) YIELDS;

static err *prove_secret(struct auth_call *call, struct auth_user *user, str sealed, str code)
{
    str secret = {};
    u64 last = 0;
    if (sealed.len == 0) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "No software token has been associated with the user.");
    }
    TRY(auth_count(call, "totp", user->id, SETUP_TRIES, HOUR_MS));
    TRY(open_secret(call, user, sealed, &secret));
    if (crypto_totp_check(secret, code, call->hub->now_ms() / 1000, &last) != CRYPTO_TOTP_RIGHT) {
        return mismatch(call);
    }
    str name = auth_text(call, "FriendlyDeviceName");
    json_set(user->item, S("totp"), auth_str(call, sealed));
    json_set(user->item, S("totpName"), auth_str(call, str_utf8_first(name, NAME_LETTERS)));
    json_set(user->item, S("totpStep"), json_int(call->arena, (i64)last));
    json_remove(user->item, S("totpPending"));
    return NULL;
}

err *auth_verify_software_token(struct auth_call *call)
{
    str code = {};
    str token = auth_text(call, "AccessToken");
    TRY(auth_need(call, "UserCode", 6, &code));
    auth_answer_text(call, "Status", S("SUCCESS"));
    if (token.len > 0) {
        TRY(auth_call_use_token(call, token));
        str sealed = json_get_str(call->user->item, S("totpPending"));
        TRY(prove_secret(call, call->user, sealed, code));
        return auth_user_save(call, call->user, NULL, 0);
    }
    struct auth_state state = {};
    TRY(auth_state_of_session(call, "mfasetup", &state));
    TRY(auth_without_factor(call, state.user));
    TRY(prove_secret(call, state.user, json_get_str(state.body, S("secret")), code));
    auth_factor_switch_on(call, state.user, AUTH_TOTP);
    TRY(auth_user_save(call, state.user, &state.spend, 1));
    auth_answer_text(call, "Session", auth_state_new(call, "mfaready", state.user));
    return NULL;
}

// ---- administrators ------------------------------------------------------------------------

// A lost phone: the secret goes, and with it the factor.
err *auth_admin_delete_software_token(struct auth_call *call)
{
    TRY(auth_need_user(call));
    if (!auth_totp_has(call->user)) {
        return auth_refuse(call->arena, "SoftwareTokenMFANotFoundException",
            "Software Token MFA has not been set up for the user");
    }
    struct json *chosen = auth_factors_chosen(call, call->user);
    json_remove(chosen, S("SOFTWARE_TOKEN_MFA"));
    if (str_eq(json_get_str(chosen, S("preferred")), S("SOFTWARE_TOKEN_MFA"))) {
        json_remove(chosen, S("preferred"));
    }
    json_remove(call->user->item, S("totp"));
    json_remove(call->user->item, S("totpStep"));
    json_remove(call->user->item, S("totpPending"));
    json_remove(call->user->item, S("totpName"));
    return auth_user_save(call, call->user, NULL, 0);
}
