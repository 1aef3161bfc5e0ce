// Devices that a pool remembers.
#include "auth/auth_device.h"

#include "auth/auth_admin.h"
#include "auth/auth_password.h"

enum { KEY_MAX = 55, NAME_MAX_LEN = 1024, LIMIT_MAX = 60 };

static err *no_device(struct auth_call *call)
{
    return auth_refuse(call->arena, "ResourceNotFoundException", "Device does not exist.");
}

static err *load(
    struct auth_call *call, const struct auth_user *user, str key, struct json **out) YIELDS;

static err *load(struct auth_call *call, const struct auth_user *user, str key, struct json **out)
{
    *out = NULL;
    if (key.len == 0 || key.len > KEY_MAX) {
        return NULL;
    }
    return store_get(call->hub->store, call->arena, AUTH_DEVICES, auth_str(call, user->id),
        auth_str(call, key), out);
}

static bool is_confirmed(const struct json *device)
{
    return json_get_str(device, S("verifier")).len > 0;
}

static bool is_remembered(const struct json *device)
{
    return is_confirmed(device) && json_get_bool(device, S("remembered"), false);
}

static struct store_write change(
    struct auth_call *call, const struct json *device, struct json *set)
{
    return (struct store_write){.kind = STORE_UPDATE,
        .table = AUTH_DEVICES,
        .pk = json_get(device, S("user")),
        .sk = json_get(device, S("key")),
        .set = set,
        .only_existing = true,
        .condition = auth_unchanged(call->arena, S("verifier"), json_get(device, S("verifier")))};
}

// ---- signing in ----------------------------------------------------------------------------

err *auth_device_ask(struct auth_call *call, struct auth_proof *proof, bool *asked)
{
    struct json *device = NULL;
    if (proof->device_key.len == 0) {
        return NULL;
    }
    TRY(load(call, proof->user, proof->device_key, &device));
    if (device == NULL) {
        return no_device(call);
    }
    if (!call->service->device_challenge || !is_remembered(device)) {
        return NULL;
    }
    struct json *state = auth_state_body(call, "device", proof->user);
    json_set(state, S("device"), auth_str(call, proof->device_key));
    auth_challenge(call, "DEVICE_SRP_AUTH", auth_state_seal(call, state), NULL, proof->user);
    *asked = true;
    return NULL;
}

err *auth_device_prepare(struct auth_call *call, struct auth_proof *proof, struct json **fresh)
{
    struct arena *a = call->arena;
    struct json *device = NULL;
    i64 now = (i64)call->hub->now_ms();
    TRY(load(call, proof->user, proof->device_key, &device));
    if (device != NULL) {
        struct json *set = json_object(a);
        json_set(set, S("used"), json_int(a, now));
        proof->writes[proof->count++] = change(call, device, set);
        return NULL;
    }
    str key = str_cat(a, call->service->region, S("_"), random_uuid(a));
    str group = str_cat(a, S("-"), random_text(a, 8));
    device = json_object(a);
    json_set(device, S("user"), auth_str(call, proof->user->id));
    json_set(device, S("key"), json_string(a, key));
    json_set(device, S("group"), json_string(a, group));
    json_set(device, S("created"), json_int(a, now));
    json_set(device, S("modified"), json_int(a, now));
    json_set(device, S("used"), json_int(a, now));
    json_set(device, S("address"), auth_str(call, call->http != NULL ? call->http->peer : S("")));
    proof->writes[proof->count++] = (struct store_write){
        .kind = STORE_PUT, .table = AUTH_DEVICES, .item = device, .only_absent = true};
    proof->device_key = key;
    *fresh = json_object(a);
    json_set(*fresh, S("DeviceKey"), json_string(a, key));
    json_set(*fresh, S("DeviceGroupKey"), json_string(a, group));
    return NULL;
}

// A client keeps a key only once it has confirmed it: until then it cannot send one.
err *auth_device_check(struct auth_call *call, const struct auth_user *user, str bound, str given)
{
    struct json *device = NULL;
    if (bound.len == 0 || str_eq(bound, given)) {
        return NULL;
    }
    TRY(load(call, user, bound, &device));
    return !is_confirmed(device)
               ? NULL
               : auth_refuse(call->arena, "NotAuthorizedException", "Invalid Refresh Token");
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
        return no_device(call);
    }
    TRY(load(call, state->user, key, device));
    return is_remembered(*device) ? NULL : no_device(call);
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
    TRY(auth_attempt(call, whom, &state.spend, 1));
    TRY(open_verifier(call, device, &verifier));
    struct crypto_srp_name name = {json_get_str(device, S("group")), whom};
    err *e = auth_srp_check(call, &verifier, &name, state.body, &right);
    crypto_wipe(&verifier, sizeof(verifier));
    TRY(e);
    if (!right) {
        return auth_wrong_password(call->arena);
    }
    proof.user = state.user;
    proof.writes[proof.count++] = auth_attempt_good(call, whom);
    return auth_finish(call, &proof);
}

// ---- the user's own ------------------------------------------------------------------------

static err *need_device(struct auth_call *call, struct json **device) YIELDS;

static err *need_device(struct auth_call *call, struct json **device)
{
    str key = {};
    TRY(auth_need(call, "DeviceKey", KEY_MAX, &key));
    TRY(load(call, call->user, key, device));
    return *device != NULL ? NULL : no_device(call);
}

err *auth_confirm_device(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *device = NULL;
    struct crypto_srp_verifier verifier = {};
    const struct json *config = json_get(call->in, S("DeviceSecretVerifierConfig"));
    str name = auth_text(call, "DeviceName");
    TRY(need_device(call, &device));
    if (is_confirmed(device)) {
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
    struct store_write write = change(call, device, set);
    TRY(store_write(call->hub->store, a, &write, 1, NULL));
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
    str status = is_remembered(device) ? S("remembered") : S("not_remembered");
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
    TRY(auth_page_of(call, "PaginationToken", LIMIT_MAX, &query));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        if (is_confirmed(page.items[i])) {
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
    struct store_write write = change(call, device, set);
    return store_write(call->hub->store, call->arena, &write, 1, NULL);
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
