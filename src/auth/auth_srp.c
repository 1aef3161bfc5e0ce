// SRP: the proof of a password that is never sent.
#include "auth/auth_password.h"
#include "auth/auth_signin.h"

enum { SRP_A_MAX = 800 };

struct srp_work {
    struct arena *arena;
    struct crypto_srp_verifier verifier;
    struct crypto_srp_state state;
    str client_hex;
    struct crypto_srp_claim claim;
    bool right;
    err *result;
};

static void begin_work(void *arg)
{
    struct srp_work *work = arg;
    work->result = crypto_srp_begin(work->arena, &work->verifier, work->client_hex, &work->state);
}

static void check_work(void *arg)
{
    struct srp_work *work = arg;
    work->right = crypto_srp_check(work->arena, &work->verifier, &work->state, &work->claim);
}

err *auth_srp_verifier(
    struct auth_call *call, const struct auth_user *user, str name, struct crypto_srp_verifier *out)
{
    if (auth_password_has(user)) {
        return auth_password_open(call, user, out);
    }
    crypto_srp_fake(&call->hub->fake_key, name, out);
    return NULL;
}

// Begins a proof: SALT, SRP_B and the SECRET_BLOCK with `body` in it, as challenge parameters.
err *auth_srp_begin(struct auth_call *call, struct crypto_srp_verifier *verifier, struct json *body,
    struct json **parameters)
{
    struct arena *a = call->arena;
    struct srp_work work = {.arena = a, .verifier = *verifier};
    TRY(auth_need_parameter(call, "SRP_A", &work.client_hex));
    if (work.client_hex.len > SRP_A_MAX) {
        return auth_refuse(a, "InvalidParameterException", "SRP_A is too long");
    }
    err *e = worker_run(begin_work, &work);
    crypto_wipe(&work.verifier, sizeof(work.verifier));
    TRY(e);
    if (work.result != NULL) {
        return auth_refuse(a, "InvalidParameterException", "Invalid SRP_A");
    }
    str bytes = {(const char *)&work.state, sizeof(work.state)};
    json_set(body, S("srp"), json_string(a, base64_encode(a, bytes)));
    *parameters = json_object(a);
    json_set(*parameters, S("SALT"), json_string(a, crypto_srp_salt_hex(a, verifier)));
    json_set(*parameters, S("SRP_B"), json_string(a, crypto_srp_server_hex(a, &work.state)));
    json_set(*parameters, S("SECRET_BLOCK"), json_string(a, auth_state_seal(call, body)));
    crypto_wipe(&work.state, sizeof(work.state));
    return NULL;
}

err *auth_srp_start(struct auth_call *call, str username)
{
    struct auth_user *user = NULL;
    TRY(auth_user_find(call, username, &user));
    if (user == NULL && !call->service->hides_users) {
        return auth_no_user(call->arena);
    }
    return auth_srp_challenge(call, user, username, NULL);
}

err *auth_srp_challenge(
    struct auth_call *call, const struct auth_user *user, str username, const struct json *history)
{
    struct arena *a = call->arena;
    struct crypto_srp_verifier verifier = {};
    struct json *parameters = NULL;
    str name = user != NULL ? user->username : auth_fake_name(call, username);
    TRY(auth_srp_verifier(call, user, name, &verifier));
    struct json *body = auth_state_body(call, "srp", user);
    json_set(body, S("name"), json_string(a, name));
    if (history != NULL) {
        json_set(body, S("typed"), json_string(a, username));
        json_set(body, S("custom"), json_copy(a, history));
    }
    err *e = auth_srp_begin(call, &verifier, body, &parameters);
    crypto_wipe(&verifier, sizeof(verifier));
    TRY(e);
    json_set(parameters, S("USERNAME"), json_string(a, name));
    json_set(parameters, S("USER_ID_FOR_SRP"), json_string(a, name));
    auth_challenge(call, "PASSWORD_VERIFIER", (str){}, parameters, NULL);
    return NULL;
}

err *auth_srp_check(struct auth_call *call, struct crypto_srp_verifier *verifier,
    const struct crypto_srp_name *name, const struct json *body, bool *right)
{
    struct srp_work work = {.arena = call->arena, .verifier = *verifier, .claim = {.name = *name}};
    str bytes = {};
    *right = false;
    TRY(auth_need_parameter(call, "TIMESTAMP", &work.claim.timestamp));
    TRY(auth_need_parameter(call, "PASSWORD_CLAIM_SIGNATURE", &work.claim.signature));
    if (!base64_decode(call->arena, json_get_str(body, S("srp")), &bytes) ||
        bytes.len != sizeof(work.state) ||
        !base64_decode(
            call->arena, auth_parameter(call, "PASSWORD_CLAIM_SECRET_BLOCK"), &work.claim.block)) {
        return auth_wrong_password(call->arena);
    }
    memcpy(&work.state, bytes.ptr, sizeof(work.state));
    err *e = worker_run(check_work, &work);
    crypto_wipe(&work, offsetof(struct srp_work, client_hex));
    *right = work.right;
    return e;
}
