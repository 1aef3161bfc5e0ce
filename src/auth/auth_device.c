// Devices that a pool remembers.
#include "auth/auth_device.h"

#include "auth/auth_admin.h"
#include "auth/auth_password.h"

enum { NAME_MAX_LEN = 1024, LIMIT_MAX = 60 };

// ---- signing in ----------------------------------------------------------------------------

err *auth_device_ask(struct auth_call *call, struct auth_proof *proof, bool *asked)
{
    struct json *device = NULL;
    if (proof->device_key.len == 0) {
        return NULL;
    }
    TRY(auth_device_load(call, proof->user, proof->device_key, &device));
    if (device == NULL) {
        return auth_no_device(call);
    }
    if (!call->service->device_challenge || !auth_device_is_remembered(device)) {
        return NULL;
    }
    struct json *state = auth_state_body(call, "device", proof->user);
    json_set(state, S("device"), auth_str(call, proof->device_key));
    auth_challenge(call, "DEVICE_SRP_AUTH", auth_state_seal(call, state), NULL, proof->user);
    *asked = true;
    return NULL;
}

static str context_of(struct auth_call *call, const struct json *device)
{
    return str_cat(call->arena, AUTH_DEVICES, S("#"), json_get_str(device, S("user")), S("#"),
        json_get_str(device, S("key")));
}

static err *open_verifier(
    struct auth_call *call, const struct json *device, struct crypto_srp_verifier *out)
{
    str sealed = {};
    str plain = {};
    if (!base64_decode(call->arena, json_get_str(device, S("verifier")), &sealed) ||
        crypto_open(call->arena, &call->hub->instance_key, context_of(call, device), sealed,
            &plain) != NULL ||
        plain.len != sizeof(*out)) {
        return fail(call->arena, ERR_INTERNAL, "the verifier of a device is damaged");
    }
    memcpy(out, plain.ptr, sizeof(*out));
    crypto_wipe((char *)(uintptr_t)plain.ptr, plain.len);
    return NULL;
}

// The device that a state is about, which must be the one that answers.
static err *device_of_state(
    struct auth_call *call, const struct auth_state *state, struct json **device) YIELDS;

static err *device_of_state(
    struct auth_call *call, const struct auth_state *state, struct json **device)
{
    str key = json_get_str(state->body, S("device"));
    if (state->user == NULL || !str_eq(key, auth_parameter(call, "DEVICE_KEY"))) {
        return auth_no_device(call);
    }
    TRY(auth_device_load(call, state->user, key, device));
    return auth_device_is_remembered(*device) ? NULL : auth_no_device(call);
}

err *auth_answer_device(struct auth_call *call)
{
    struct auth_state state = {};
    struct json *device = NULL;
    struct json *parameters = NULL;
    struct crypto_srp_verifier verifier = {};
    TRY(auth_state_of_session(call, "device", &state));
    TRY(device_of_state(call, &state, &device));
    TRY(open_verifier(call, device, &verifier));
    TRY(auth_state_settle(call, &state.spend, 1));
    struct json *body = auth_state_body(call, "devicesrp", state.user);
    json_set(body, S("device"), json_copy(call->arena, json_get(device, S("key"))));
    err *e = auth_srp_begin(call, &verifier, body, &parameters);
    crypto_wipe(&verifier, sizeof(verifier));
    TRY(e);
    json_set(parameters, S("DEVICE_KEY"), auth_str(call, json_get_str(device, S("key"))));
    str block = json_get_str(parameters, S("SECRET_BLOCK"));
    auth_challenge(call, "DEVICE_PASSWORD_VERIFIER", block, parameters, state.user);
    return NULL;
}

err *auth_verify_device(struct auth_call *call)
{
    struct auth_state state = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    struct crypto_srp_verifier verifier = {};
    struct json *device = NULL;
    str block = {};
    bool right = false;
    TRY(auth_need_parameter(call, "PASSWORD_CLAIM_SECRET_BLOCK", &block));
    TRY(auth_state_open(call, block, "devicesrp", &state));
    TRY(device_of_state(call, &state, &device));
    str whom = json_get_str(device, S("key"));
    TRY(auth_attempt(call, AUTH_TRIES_DEVICE, whom, &state.spend, 1));
    TRY(open_verifier(call, device, &verifier));
    struct crypto_srp_name name = {json_get_str(device, S("group")), whom};
    err *e = auth_srp_check(call, &verifier, &name, state.body, &right);
    crypto_wipe(&verifier, sizeof(verifier));
    TRY(e);
    if (!right) {
        return auth_wrong_password(call->arena);
    }
    proof.user = state.user;
    proof.writes[proof.count++] = auth_attempt_good(call, AUTH_TRIES_DEVICE, whom);
    return auth_finish(call, &proof);
}

// A device may be forgotten, or confirmed, while another request is about it.
static err *write_device(struct auth_call *call, struct store_write *write) YIELDS;

static err *write_device(struct auth_call *call, struct store_write *write)
{
    err *e = store_write(call->hub->store, call->arena, write, 1, NULL);
    return e != NULL && e->code == ERR_CONDITION_FAILED ? auth_no_device(call) : e;
}

// ---- the user's own ------------------------------------------------------------------------

static err *need_tracking(struct auth_call *call)
{
    return call->service->devices ? NULL
                                  : auth_refuse(call->arena, "InvalidParameterException",
                                        "Device tracking not currently enabled for this pool.");
}

static err *need_device(struct auth_call *call, struct json **device) YIELDS;

static err *need_device(struct auth_call *call, struct json **device)
{
    str key = {};
    TRY(need_tracking(call));
    TRY(auth_need(call, "DeviceKey", AUTH_DEVICE_KEY_MAX, &key));
    TRY(auth_device_load(call, call->user, key, device));
    return *device != NULL ? NULL : auth_no_device(call);
}

err *auth_confirm_device(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *device = NULL;
    struct crypto_srp_verifier verifier = {};
    const struct json *config = json_get(call->in, S("DeviceSecretVerifierConfig"));
    str name = auth_text(call, "DeviceName");
    TRY(need_device(call, &device));
    if (auth_device_is_confirmed(device)) {
        return auth_refuse(a, "DeviceKeyExistsException", "Device already exists");
    }
    if (name.len > NAME_MAX_LEN ||
        crypto_srp_import(a, json_get_str(config, S("Salt")),
            json_get_str(config, S("PasswordVerifier")), &verifier) != NULL) {
        return auth_refuse(a, "InvalidParameterException", "Invalid device secret verifier config");
    }
    str plain = {(const char *)&verifier, sizeof(verifier)};
    str sealed = crypto_seal(a, &call->hub->instance_key, context_of(call, device), plain);
    crypto_wipe(&verifier, sizeof(verifier));
    struct json *set = json_object(a);
    json_set(set, S("verifier"), json_string(a, base64_encode(a, sealed)));
    json_set(set, S("remembered"), json_bool(a, !call->service->device_prompt));
    json_set(set, S("modified"), json_int(a, (i64)call->hub->now_ms()));
    if (name.len > 0) {
        json_set(set, S("name"), json_string(a, name));
    }
    static const str ENDS[] = {S_INIT("ends")}; // from now on until it is forgotten
    struct store_write write = auth_device_change(call, device, set);
    write.remove = ENDS;
    write.remove_count = countof(ENDS);
    TRY(write_device(call, &write));
    auth_answer(call, "UserConfirmationNecessary", json_bool(a, call->service->device_prompt));
    return NULL;
}

static void push_attribute(struct arena *a, struct json *list, const char *name, str value)
{
    if (value.len > 0) {
        struct json *entry = json_object(a);
        json_set(entry, S("Name"), json_string(a, str_from(name)));
        json_set(entry, S("Value"), json_string(a, value));
        json_push(list, entry);
    }
}

static struct json *show(struct auth_call *call, const struct json *device)
{
    struct arena *a = call->arena;
    struct json *shown = json_object(a);
    struct json *attributes = json_array(a);
    str status = auth_device_is_remembered(device) ? S("remembered") : S("not_remembered");
    push_attribute(a, attributes, "device_status", status);
    push_attribute(a, attributes, "device_name", json_get_str(device, S("name")));
    push_attribute(a, attributes, "last_ip_used", json_get_str(device, S("address")));
    json_set(shown, S("DeviceKey"), json_string(a, json_get_str(device, S("key"))));
    json_set(shown, S("DeviceAttributes"), attributes);
    json_set(
        shown, S("DeviceCreateDate"), auth_time(a, (u64)json_get_int(device, S("created"), 0)));
    json_set(shown, S("DeviceLastModifiedDate"),
        auth_time(a, (u64)json_get_int(device, S("modified"), 0)));
    json_set(shown, S("DeviceLastAuthenticatedDate"),
        auth_time(a, (u64)json_get_int(device, S("used"), 0)));
    return shown;
}

// Those that were confirmed; a key that no device took over is none.
err *auth_list_devices(struct auth_call *call)
{
    struct store_query query = {.table = AUTH_DEVICES, .pk = auth_str(call, call->user->id)};
    struct store_page page = {};
    struct json *list = json_array(call->arena);
    TRY(need_tracking(call));
    TRY(auth_page_of(call, "PaginationToken", LIMIT_MAX, &query));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        if (auth_device_is_confirmed(page.items[i])) {
            json_push(list, show(call, page.items[i]));
        }
    }
    auth_answer(call, "Devices", list);
    auth_answer_token(call, "PaginationToken", &page);
    return NULL;
}

err *auth_get_device(struct auth_call *call)
{
    struct json *device = NULL;
    TRY(need_device(call, &device));
    auth_answer(call, "Device", show(call, device));
    return NULL;
}

err *auth_forget_device(struct auth_call *call)
{
    struct json *device = NULL;
    TRY(need_device(call, &device));
    struct store_write write = {.kind = STORE_DELETE,
        .table = AUTH_DEVICES,
        .pk = json_get(device, S("user")),
        .sk = json_get(device, S("key"))};
    return store_write(call->hub->store, call->arena, &write, 1, NULL);
}

err *auth_update_device_status(struct auth_call *call)
{
    struct json *device = NULL;
    str status = auth_text(call, "DeviceRememberedStatus");
    bool remembered = str_eq(status, S("remembered"));
    TRY(need_device(call, &device));
    if (!remembered && !str_eq(status, S("not_remembered"))) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "1 validation error detected: Value at 'deviceRememberedStatus' failed to satisfy "
            "constraint: Member must satisfy enum value set: [remembered, not_remembered]");
    }
    struct json *set = json_object(call->arena);
    json_set(set, S("remembered"), json_bool(call->arena, remembered));
    json_set(set, S("modified"), json_int(call->arena, (i64)call->hub->now_ms()));
    struct store_write write = auth_device_change(call, device, set);
    return write_device(call, &write);
}

// ---- administrators ------------------------------------------------------------------------

err *auth_admin_list_devices(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_list_devices(call);
}

err *auth_admin_get_device(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_get_device(call);
}

err *auth_admin_forget_device(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_forget_device(call);
}

err *auth_admin_update_device_status(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_update_device_status(call);
}
