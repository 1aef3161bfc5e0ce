// Attributes of users: what the pool's schema lets in, and how an address is shown without telling
// it.
#include "auth/auth_int.h"

static err *wrong_value(struct auth_call *call, str name, const char *what)
{
    return auth_refuse(call->arena, "InvalidParameterException",
        "Attributes did not conform to the schema: %.*s: %s\n", PRI(name), what);
}

static bool is_within(const struct auth_attribute *attribute, i64 value)
{
    return (!attribute->has_min || value >= attribute->min) &&
           (!attribute->has_max || value <= attribute->max);
}

static err *check_value(struct auth_call *call, const struct auth_attribute *attribute, str value)
{
    i64 number = 0;
    str name = attribute->name;
    if (value.len == 0) {
        return NULL; // clears it
    }
    if (str_eq(name, S("email")) && !outbox_is_email(value)) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "Invalid email address format.");
    }
    if (str_eq(name, S("phone_number")) && !auth_is_phone(value)) {
        return auth_refuse(
            call->arena, "InvalidParameterException", "Invalid phone number format.");
    }
    switch (attribute->type) {
    case AUTH_BOOLEAN:
        return str_eq(value, S("true")) || str_eq(value, S("false"))
                   ? NULL
                   : wrong_value(call, name, "Attribute value must be of type Boolean");
    case AUTH_NUMBER:
        if (!str_to_i64(value, &number)) {
            return wrong_value(call, name, "Attribute value must be of type Number");
        }
        return is_within(attribute, number)
                   ? NULL
                   : wrong_value(call, name, "Number is not within the required bounds");
    case AUTH_STRING:
        return is_within(attribute, (i64)str_utf8_count(value))
                   ? NULL
                   : wrong_value(call, name, "String length is not within the required bounds");
    case AUTH_DATE_TIME: break;
    }
    return NULL;
}

bool auth_attribute_may_write(const struct auth_call *call, str attribute)
{
    const struct json *writable =
        json_get(json_get(call->service->definition, S("client")), S("writeAttributes"));
    if (call->is_admin || json_is_null(writable) || writable->kind != JSON_ARRAY) {
        return true;
    }
    json_each (name, writable) {
        if (str_eq(name->text, attribute)) {
            return true;
        }
    }
    return false;
}

static err *may_not_write(struct auth_call *call)
{
    return auth_refuse(call->arena, "NotAuthorizedException",
        "A client attempted to write unauthorized attribute");
}

// What nobody writes there: the id, and for clients whether an address is proven.
static err *set_by_pool(struct auth_call *call, str name)
{
    return str_eq(call->operation, S("SignUp"))
               ? may_not_write(call)
               : auth_refuse(call->arena, "InvalidParameterException",
                     "Cannot modify the non-mutable attribute %.*s", PRI(name));
}

static err *check_mutable(
    struct auth_call *call, const struct auth_attribute *attribute, enum auth_change change)
{
    if ((change == AUTH_UPDATE || change == AUTH_ADMIN_UPDATE) && !attribute->is_mutable) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "user.%.*s: Attribute cannot be updated.\n", PRI(attribute->name));
    }
    return NULL;
}

err *auth_attributes_check(
    struct auth_call *call, const struct json *attributes, enum auth_change change)
{
    check(attributes->kind == JSON_OBJECT);
    bool admin = change == AUTH_ADMIN_CREATE || change == AUTH_ADMIN_UPDATE;
    json_each (given, attributes) {
        const struct auth_attribute *attribute = auth_attribute_def(call->service, given->key);
        if (admin && auth_is_flag(given->key)) {
            TRY(check_value(call,
                &(struct auth_attribute){.name = given->key, .type = AUTH_BOOLEAN}, given->text));
            continue;
        }
        if (auth_is_flag(given->key) || str_eq(given->key, S("sub"))) {
            return set_by_pool(call, given->key);
        }
        if (!auth_attribute_may_write(call, given->key)) {
            return may_not_write(call);
        }
        if (attribute == NULL) {
            return wrong_value(call, given->key, "Attribute does not exist in the schema.");
        }
        TRY(check_mutable(call, attribute, change));
        TRY(check_value(call, attribute, given->text));
    }
    return NULL;
}

err *auth_attributes_complete(struct auth_call *call, const struct json *attributes)
{
    struct buf missing = buf_in(call->arena, 8192);
    for (size_t i = 0; i < call->service->attribute_count; i++) {
        const struct auth_attribute *attribute = &call->service->attributes[i];
        if (attribute->required && json_get_str(attributes, attribute->name).len == 0) {
            buf_add(&missing, attribute->name);
            buf_add(&missing, S(": The attribute "));
            buf_add(&missing, attribute->name);
            buf_add(&missing, S(" is required\n"));
        }
    }
    if (missing.len == 0) {
        return NULL;
    }
    return auth_refuse(call->arena, "InvalidParameterException",
        "Attributes did not conform to the schema: %.*s", PRI(buf_str(&missing)));
}

str auth_mask(struct arena *arena, str attribute, str value)
{
    check(attribute.len > 0);
    return outbox_mask(arena, str_eq(attribute, S("phone_number")), value);
}

struct json *auth_delivery(struct auth_call *call, str attribute, str value)
{
    check(attribute.len > 0 && value.len > 0);
    struct json *details = json_object(call->arena);
    bool phone = str_eq(attribute, S("phone_number"));
    json_set(details, S("AttributeName"), auth_str(call, attribute));
    json_set(details, S("DeliveryMedium"), auth_str(call, phone ? S("SMS") : S("EMAIL")));
    json_set(details, S("Destination"), auth_str(call, auth_mask(call->arena, attribute, value)));
    return details;
}
