// What a signed-in user does with its own attributes.
#include "auth/auth_signin.h"

enum {
    CODE_LIFE_MS = 24 * 60 * 60 * 1000,
    HOUR_MS = 60 * 60 * 1000,
    SENDS = 5,
    CHANGES = 20,
    VERIFIES = 15
};

static bool is_contact(str name)
{
    return str_eq(name, S("email")) || str_eq(name, S("phone_number"));
}

static bool is_kept_until_verified(const struct auth_service *service, str name)
{
    unsigned way = str_eq(name, S("email")) ? AUTH_BY_EMAIL : AUTH_BY_PHONE;
    return is_contact(name) && (service->kept & service->verified & way) != 0;
}

static bool is_auto_verified(const struct auth_service *service, str name)
{
    unsigned way = str_eq(name, S("email")) ? AUTH_BY_EMAIL : AUTH_BY_PHONE;
    return is_contact(name) && (service->verified & way) != 0;
}

static str flag_of(struct arena *arena, str attribute)
{
    return str_cat(arena, attribute, S("_verified"));
}

// What the client may read of it, when it may not read all.
static struct json *readable(struct auth_call *call, struct json *attributes)
{
    const struct json *names =
        json_get(json_get(call->service->definition, S("client")), S("readAttributes"));
    if (json_is_null(names) || names->kind != JSON_ARRAY) {
        return attributes;
    }
    struct json *list = json_array(call->arena);
    json_each (entry, attributes) {
        str name = json_get_str(entry, S("Name"));
        bool may = str_eq(name, S("sub")) || str_eq(name, S("identities"));
        json_each (allowed, names) {
            may = may || str_eq(allowed->text, name);
        }
        if (may) {
            json_push(list, json_copy(call->arena, entry));
        }
    }
    return list;
}

err *auth_get_user(struct auth_call *call)
{
    check(call->user != NULL);
    auth_answer_text(call, "Username", call->user->username);
    auth_answer(call, "UserAttributes", readable(call, auth_user_list(call, call->user)));
    auth_answer_mfa(call, call->user);
    return NULL;
}

// ---- updating ------------------------------------------------------------------------------

struct update { // of some attributes of one user
    struct auth_call *call;
    struct auth_user *user;
    const struct json *attributes;
    struct auth_code codes[2]; // to be sent once it is written
    struct store_write writes[2];
    size_t count;
};

static struct json *pending_of(struct auth_call *call, struct auth_user *user)
{
    struct json *pending = json_get(user->item, S("pending"));
    if (json_is_null(pending)) {
        pending = json_object(call->arena);
        json_set(user->item, S("pending"), pending);
    }
    return pending;
}

// What nobody deletes, and what clients must not.
static err *check_deletable(struct auth_call *call, str name)
{
    const struct auth_attribute *attribute = auth_attribute_def(call->service, name);
    bool own = str_eq(name, S("sub")) || str_eq(name, S("email_verified")) ||
               str_eq(name, S("phone_number_verified"));
    if (attribute == NULL && !(own && !call->is_admin)) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "Attributes did not conform to the schema: %.*s: Attribute does not exist in the "
            "schema.\n",
            PRI(name));
    }
    if (own || !auth_attribute_may_write(call, name)) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "A client attempted to write unauthorized attribute");
    }
    if (attribute->required) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "user.%.*s: Attribute is required and cannot be deleted.\n", PRI(name));
    }
    return attribute->is_mutable || call->is_admin
               ? NULL
               : auth_refuse(call->arena, "InvalidParameterException",
                     "user.%.*s: Attribute cannot be updated.\n", PRI(name));
}

static void ask_for_proof(struct update *update, str attribute, str value)
{
    struct auth_code *code = &update->codes[update->count];
    *code = (struct auth_code){.purpose = str_cat(update->call->arena, S("attribute:"), attribute),
        .attribute = attribute,
        .destination = value,
        .life_ms = CODE_LIFE_MS};
    update->writes[update->count++] = auth_code_make(update->call, update->user, code);
}

// An address: the old one stays in force until the new one is proven, unless an administrator says
// that it is.
static void change_contact(struct update *update, str name, str value)
{
    struct auth_call *call = update->call;
    struct auth_user *user = update->user;
    str flag = flag_of(call->arena, name);
    bool proven = str_eq(json_get_str(update->attributes, flag), S("true"));
    bool same = str_eq(auth_user_get(user, name), value);
    if (same && (proven || auth_user_is_verified(user, name))) {
        json_remove(pending_of(call, user), name);
    } else if (proven || value.len == 0) {
        json_remove(pending_of(call, user), name);
        auth_user_set(call, user, name, value);
        auth_user_set(call, user, flag, proven && value.len > 0 ? S("true") : (str){});
    } else if (is_kept_until_verified(call->service, name)) {
        json_set(pending_of(call, user), name, auth_str(call, value));
        ask_for_proof(update, name, value);
    } else {
        auth_user_set(call, user, name, value);
        auth_user_set(call, user, flag, S("false"));
        if (is_auto_verified(call->service, name)) {
            ask_for_proof(update, name, value);
        }
    }
}

static err *change_all(struct update *update)
{
    struct auth_call *call = update->call;
    json_each (given, update->attributes) {
        const struct auth_attribute *attribute = auth_attribute_def(call->service, given->key);
        if (attribute != NULL && attribute->required && given->text.len == 0) {
            return auth_refuse(call->arena, "InvalidParameterException",
                "user.%.*s: Attribute is required and cannot be deleted.\n", PRI(given->key));
        }
        if (is_contact(given->key)) {
            change_contact(update, given->key, given->text);
        } else {
            auth_user_set(call, update->user, given->key, given->text);
        }
    }
    return NULL;
}

err *auth_update_attributes(
    struct auth_call *call, struct auth_user *user, const struct json *attributes)
{
    check(user->rev != NULL && attributes->kind == JSON_OBJECT);
    struct update update = {.call = call, .user = user, .attributes = attributes};
    struct json *list = json_array(call->arena);
    TRY(auth_attributes_check(call, attributes, call->is_admin ? AUTH_ADMIN_UPDATE : AUTH_UPDATE));
    TRY(change_all(&update));
    if (update.count > 0 && !call->is_admin) { // each is a message to any address
        TRY(auth_count(call, "change address", user->id, CHANGES, HOUR_MS));
    }
    TRY(auth_user_save(call, user, update.writes, update.count));
    for (size_t i = 0; i < update.count; i++) {
        TRY(auth_send_code(call, user, &update.codes[i]));
        json_push(
            list, auth_delivery(call, update.codes[i].attribute, update.codes[i].destination));
    }
    if (!call->is_admin) {
        auth_answer(call, "CodeDeliveryDetailsList", list);
    }
    return NULL;
}

err *auth_update_user_attributes(struct auth_call *call)
{
    check(call->user != NULL);
    struct json *attributes = NULL;
    TRY(auth_attribute_list(call, json_get(call->in, S("UserAttributes")), &attributes));
    return auth_update_attributes(call, call->user, attributes);
}

err *auth_delete_attributes(struct auth_call *call, struct auth_user *user)
{
    json_each (name, json_get(call->in, S("UserAttributeNames"))) {
        TRY(check_deletable(call, name->text));
        auth_user_set(call, user, name->text, (str){});
        if (is_contact(name->text)) {
            auth_user_set(call, user, flag_of(call->arena, name->text), (str){});
            json_remove(pending_of(call, user), name->text);
        }
    }
    return auth_user_save(call, user, NULL, 0);
}

err *auth_delete_user_attributes(struct auth_call *call)
{
    return auth_delete_attributes(call, call->user);
}

// ---- proving an address --------------------------------------------------------------------

static err *need_contact(struct auth_call *call, str *name)
{
    TRY(auth_need(call, "AttributeName", 32, name));
    return is_contact(*name)
               ? NULL
               : auth_refuse(call->arena, "InvalidParameterException",
                     "Invalid attribute: only email and phone_number can be verified.");
}

err *auth_get_user_attribute_verification_code(struct auth_call *call)
{
    str name = {};
    TRY(need_contact(call, &name));
    TRY(auth_count(call, "verification", call->user->id, SENDS, HOUR_MS));
    struct update update = {.call = call, .user = call->user};
    str pending = json_get_str(json_get(call->user->item, S("pending")), name);
    str value = pending.len > 0 ? pending : auth_user_get(call->user, name);
    if (value.len == 0) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "User does not have a %.*s attribute.", PRI(name));
    }
    ask_for_proof(&update, name, value);
    TRY(store_write(call->hub->store, call->arena, update.writes, update.count, NULL));
    TRY(auth_send_code(call, call->user, &update.codes[0]));
    auth_answer(call, "CodeDeliveryDetails", auth_delivery(call, name, value));
    return NULL;
}

err *auth_verify_user_attribute(struct auth_call *call)
{
    check(call->user != NULL);
    struct auth_user *user = call->user;
    str name = {};
    str code = {};
    struct json *item = NULL;
    struct store_write spend = {};
    TRY(need_contact(call, &name));
    TRY(auth_need(call, "Code", 2048, &code));
    TRY(auth_count(call, "verify", user->id, VERIFIES, HOUR_MS));
    str purpose = str_cat(call->arena, S("attribute:"), name);
    TRY(auth_code_verify(call, user, purpose, code, &item, &spend));
    str proven = json_get_str(item, S("destination"));
    str pending = json_get_str(json_get(user->item, S("pending")), name);
    if (!str_eq(proven, pending) && !str_eq(proven, auth_user_get(user, name))) {
        return auth_code_expired(call->arena); // the address has been changed since
    }
    json_remove(pending_of(call, user), name);
    auth_user_set(call, user, name, proven);
    auth_user_set(call, user, flag_of(call->arena, name), S("true"));
    return auth_user_save(call, user, &spend, 1);
}

err *auth_delete_user(struct auth_call *call)
{
    check(call->user != NULL);
    return auth_user_delete(call, call->user);
}
