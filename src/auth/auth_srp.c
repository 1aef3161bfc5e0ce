// The password proof: SRP for those that never send the password, a comparison for those that do.
#include "auth/auth_password.h"
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

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

static err *load_verifier(
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
    TRY(load_verifier(call, user, name, &verifier));
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

static err *check_claim(
    struct auth_call *call, struct auth_state *state, str user, bool *right) YIELDS;

static err *check_claim(struct auth_call *call, struct auth_state *state, str user, bool *right)
{
    struct crypto_srp_name name = auth_srp_name(call->service, user);
    struct crypto_srp_verifier verifier = {};
    TRY(load_verifier(call, state->user, user, &verifier));
    err *e = auth_srp_check(call, &verifier, &name, state->body, right);
    crypto_wipe(&verifier, sizeof(verifier));
    *right = *right && auth_password_has(state->user);
    return e;
}

// The attempt is counted, and the block used up, before the proof is looked at.
err *auth_srp_verify(struct auth_call *call)
{
    struct auth_state state = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    bool right = false;
    str block = {};
    TRY(auth_need_parameter(call, "PASSWORD_CLAIM_SECRET_BLOCK", &block));
    TRY(auth_state_open(call, block, "srp", &state));
    str name = json_get_str(state.body, S("name"));
    TRY(auth_attempt(call, name, &state.spend, 1));
    TRY(check_claim(call, &state, name, &right));
    if (!right) {
        return auth_wrong_password(call->arena);
    }
    if (json_get(state.body, S("custom")) != NULL) {
        return auth_custom_after_password(call, &state);
    }
    proof.user = state.user;
    proof.writes[proof.count++] = auth_attempt_good(call, name);
    return auth_first_factor_done(call, &proof);
}

// Users of elsewhere come with the passwords they have there, which only some flows send.
static bool may_migrate(const struct auth_call *call)
{
    str flow = auth_text(call, "AuthFlow");
    return flow.len > 0 && !str_eq(flow, S("USER_AUTH")) &&
           auth_has_trigger(call, AUTH_USER_MIGRATION);
}

err *auth_by_password(struct auth_call *call, str username)
{
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    str password = {};
    bool right = false;
    TRY(auth_need_parameter(call, "PASSWORD", &password));
    TRY(auth_user_find(call, username, &proof.user));
    bool migrates = proof.user == NULL && may_migrate(call);
    if (proof.user == NULL && !call->service->hides_users && !migrates) {
        return auth_no_user(call->arena);
    }
    str whom = proof.user != NULL ? proof.user->username : auth_fake_name(call, username);
    TRY(auth_attempt(call, whom, NULL, 0));
    if (migrates) {
        TRY(auth_migrate(call, username, password, &proof.user));
    }
    if (proof.user == NULL && !call->service->hides_users) {
        return auth_no_user(call->arena);
    }
    TRY(auth_password_verify(call, proof.user, password, &right));
    if (!right) {
        return auth_wrong_password(call->arena);
    }
    proof.writes[proof.count++] = auth_attempt_good(call, whom);
    return auth_first_factor_done(call, &proof);
}
