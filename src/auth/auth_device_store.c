// Devices as they are kept: a row for each key that was given out, until it is forgotten; of one
// that no device has taken over, as long as the sign-in lasts that it was given to.
#include "auth/auth_device.h"

err *auth_no_device(struct auth_call *call)
{
    return auth_refuse(call->arena, "ResourceNotFoundException", "Device does not exist.");
}

err *auth_device_load(
    struct auth_call *call, const struct auth_user *user, str key, struct json **out)
{
    *out = NULL;
    if (key.len == 0 || key.len > AUTH_DEVICE_KEY_MAX) {
        return NULL;
    }
    return store_get(call->hub->store, call->arena, AUTH_DEVICES, auth_str(call, user->id),
        auth_str(call, key), out);
}

err *auth_device_known(struct auth_call *call, const struct auth_user *user, str key)
{
    struct json *device = NULL;
    if (!call->service->devices || key.len == 0) {
        return NULL;
    }
    if (user != NULL) {
        TRY(auth_device_load(call, user, key, &device));
    }
    return device != NULL ? NULL : auth_no_device(call);
}

bool auth_device_is_confirmed(const struct json *device)
{
    return json_get_str(device, S("verifier")).len > 0;
}

bool auth_device_is_remembered(const struct json *device)
{
    return auth_device_is_confirmed(device) && json_get_bool(device, S("remembered"), false);
}

struct store_write auth_device_change(
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

// A key that no device takes over while the sign-in lasts is of no use to anybody.
static struct json *end_of_unconfirmed(struct auth_call *call)
{
    return json_int(call->arena, (i64)(call->hub->now_ms() + call->service->refresh_s * 1000));
}

err *auth_device_prepare(struct auth_call *call, struct auth_proof *proof, struct json **fresh)
{
    struct arena *a = call->arena;
    struct json *device = NULL;
    i64 now = (i64)call->hub->now_ms();
    TRY(auth_device_load(call, proof->user, proof->device_key, &device));
    if (device != NULL) {
        struct json *set = json_object(a);
        json_set(set, S("used"), json_int(a, now));
        if (!auth_device_is_confirmed(device)) {
            json_set(set, S("ends"), end_of_unconfirmed(call));
        }
        proof->writes[proof->count++] = auth_device_change(call, device, set);
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
    json_set(device, S("ends"), end_of_unconfirmed(call));
    json_set(device, S("address"), auth_str(call, call->http != NULL ? call->http->peer : S("")));
    proof->writes[proof->count++] = (struct store_write){
        .kind = STORE_PUT, .table = AUTH_DEVICES, .item = device, .only_absent = true};
    proof->device_key = key;
    *fresh = json_object(a);
    json_set(*fresh, S("DeviceKey"), json_string(a, key));
    json_set(*fresh, S("DeviceGroupKey"), json_string(a, group));
    return NULL;
}

// A client keeps a key only once it has confirmed it: until then it cannot send one. The tokens of
// a device that was forgotten are good for nothing: it may have been stolen.
err *auth_device_check(struct auth_call *call, const struct auth_user *user, str bound, str given)
{
    struct json *device = NULL;
    if (bound.len == 0) {
        return NULL;
    }
    TRY(auth_device_load(call, user, bound, &device));
    return device != NULL && (str_eq(bound, given) || !auth_device_is_confirmed(device))
               ? NULL
               : auth_refuse(call->arena, "NotAuthorizedException", "Invalid Refresh Token");
}
