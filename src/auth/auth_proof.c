// The password as the first factor: proven by SRP, or sent and compared.
#include "auth/auth_device.h"
#include "auth/auth_password.h"
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

static err *check_claim(
    struct auth_call *call, struct auth_state *state, str user, bool *right) YIELDS;

static err *check_claim(struct auth_call *call, struct auth_state *state, str user, bool *right)
{
    struct crypto_srp_name name = auth_srp_name(call->service, user);
    struct crypto_srp_verifier verifier = {};
    TRY(auth_srp_verifier(call, state->user, user, &verifier));
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
    bool is_custom = json_get(state.body, S("custom")) != NULL;
    str name = json_get_str(state.body, S("name"));
    if (!is_custom) {
        TRY(auth_device_known(call, state.user, proof.device_key));
    }
    TRY(auth_attempt(call, AUTH_TRIES_PASSWORD, name, &state.spend, 1));
    TRY(check_claim(call, &state, name, &right));
    if (!right) {
        return auth_wrong_password(call->arena);
    }
    if (is_custom) {
        return auth_custom_after_password(call, &state);
    }
    proof.user = state.user;
    proof.writes[proof.count++] = auth_attempt_good(call, AUTH_TRIES_PASSWORD, name);
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
    TRY(auth_attempt(call, AUTH_TRIES_PASSWORD, whom, NULL, 0));
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
    proof.writes[proof.count++] = auth_attempt_good(call, AUTH_TRIES_PASSWORD, whom);
    return auth_first_factor_done(call, &proof);
}
