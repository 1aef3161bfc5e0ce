// The triggers of signing up, signing in and sending: what each is told, and what its answer does.
// Those of tokens are in auth_claims.c, those of the project's own challenges in auth_custom.c.
#include "auth/auth_trigger.h"

#include "auth/auth_password.h"
#include "auth/auth_signin.h"

// ---- signing up ----------------------------------------------------------------------------

// {Name, Value} pairs as an object.
static struct json *validation_data(struct auth_call *call)
{
    const struct json *list = json_get(call->in, S("ValidationData"));
    struct json *data = json_is_null(list) ? json_null(call->arena) : json_object(call->arena);
    json_each (entry, list) {
        str value = json_get_str(entry, S("Value"));
        json_set(data, json_get_str(entry, S("Name")), json_string(call->arena, value));
    }
    return data;
}

static struct json *flags(struct auth_call *call)
{
    static const char *const NAMES[] = {"autoConfirmUser", "autoVerifyEmail", "autoVerifyPhone"};
    struct json *response = json_object(call->arena);
    for (size_t i = 0; i < countof(NAMES); i++) {
        json_set(response, str_from(NAMES[i]), json_bool(call->arena, false));
    }
    return response;
}

// An address that is not there cannot be proven.
static err *verify(struct auth_call *call, struct auth_user *user, const char *attribute)
{
    str name = str_from(attribute);
    if (auth_user_get(user, name).len == 0) {
        return auth_bad_response(call);
    }
    auth_user_set(call, user, str_cat(call->arena, name, S("_verified")), S("true"));
    return NULL;
}

err *auth_pre_sign_up(
    struct auth_call *call, struct auth_user *user, const char *source, bool *confirmed)
{
    check(user->rev == NULL); // it may still be refused
    struct json *request = json_object(call->arena);
    struct json *response = NULL;
    bool confirm = false;
    bool email = false;
    bool phone = false;
    *confirmed = false;
    json_set(request, S("validationData"), validation_data(call));
    auth_add_metadata(call, request);
    struct auth_event event = {.trigger = AUTH_PRE_SIGN_UP,
        .source = source,
        .user = user,
        .attributes = user->attributes,
        .request = request,
        .response = flags(call)};
    TRY(auth_trigger(call, &event, &response));
    TRY(auth_response_flag(call, response, "autoConfirmUser", &confirm));
    TRY(auth_response_flag(call, response, "autoVerifyEmail", &email));
    TRY(auth_response_flag(call, response, "autoVerifyPhone", &phone));
    if (call->is_admin) {
        return NULL; // whose users are confirmed as ever
    }
    if (email) {
        TRY(verify(call, user, "email"));
    }
    if (phone) {
        TRY(verify(call, user, "phone_number"));
    }
    if (confirm) {
        auth_user_set_member(call, user, S("status"), auth_str(call, S("CONFIRMED")));
    }
    *confirmed = confirm;
    return NULL;
}

err *auth_post_confirmation(
    struct auth_call *call, const struct auth_user *user, const char *source)
{
    check(user->rev != NULL); // it is told of what has happened
    struct json *request = json_object(call->arena);
    auth_add_metadata(call, request);
    struct auth_event event = {
        .trigger = AUTH_POST_CONFIRMATION, .source = source, .user = user, .request = request};
    return auth_trigger(call, &event, NULL);
}

// ---- signing in ----------------------------------------------------------------------------

// What clients send with InitiateAuth for triggers.
static void add_validation_data(struct auth_call *call, struct json *request)
{
    const struct json *data = json_get(call->in, S("ClientMetadata"));
    json_set(request, S("validationData"),
        json_is_null(data) ? json_null(call->arena) : json_copy(call->arena, data));
}

err *auth_pre_authentication(struct auth_call *call, str username)
{
    check(username.len > 0);
    struct auth_user *user = NULL;
    if (!auth_has_trigger(call, AUTH_PRE_AUTHENTICATION)) {
        return NULL;
    }
    TRY(auth_user_find(call, username, &user));
    if (user == NULL && !call->service->hides_users) {
        return NULL;
    }
    struct json *request = json_object(call->arena);
    add_validation_data(call, request);
    auth_add_not_found(call, request, user == NULL);
    struct auth_event event = {.trigger = AUTH_PRE_AUTHENTICATION,
        .source = "Authentication",
        .username = username,
        .user = user,
        .request = request};
    return auth_trigger(call, &event, NULL);
}

err *auth_post_authentication(struct auth_call *call, struct auth_user **user, bool new_device)
{
    check((*user)->rev != NULL);
    struct auth_user *former = *user;
    struct json *request = json_object(call->arena);
    if (!auth_has_trigger(call, AUTH_POST_AUTHENTICATION)) {
        return NULL;
    }
    json_set(request, S("newDeviceUsed"), json_bool(call->arena, new_device));
    auth_add_metadata(call, request);
    struct auth_event event = {.trigger = AUTH_POST_AUTHENTICATION,
        .source = "Authentication",
        .user = former,
        .request = request};
    TRY(auth_trigger(call, &event, NULL));
    TRY(auth_user_load(call, former->id, user));
    i64 before = json_get_int(former->item, S("passwordVersion"), 0);
    bool same = *user != NULL && json_get_int((*user)->item, S("passwordVersion"), 0) == before;
    return same ? NULL : auth_wrong_password(call->arena);
}

// ---- messages ------------------------------------------------------------------------------

static err *lacks(struct auth_call *call, str place)
{
    return auth_refuse(call->arena, "InvalidLambdaResponseException",
        "CustomMessage: the message has to contain %.*s", PRI(place));
}

// A text of the response; none when it leaves it as it is.
static err *text_of(struct auth_call *call, const struct json *response, const char *name, str *out)
{
    const struct json *value = json_get(response, str_from(name));
    *out = json_get_str(response, str_from(name));
    return json_is_null(value) || value->kind == JSON_STRING ? NULL : auth_bad_response(call);
}

static struct json *message_response(struct arena *a)
{
    struct json *response = json_object(a);
    json_set(response, S("smsMessage"), json_null(a));
    json_set(response, S("emailMessage"), json_null(a));
    json_set(response, S("emailSubject"), json_null(a));
    return response;
}

err *auth_custom_message(struct auth_call *call, const struct auth_user *user, const char *source,
    struct outbox_message *message, bool *changed)
{
    check(message->to.len > 0 && message->text.len > 0);
    struct arena *a = call->arena;
    struct json *request = json_object(a);
    struct json *response = NULL;
    bool phone = str_eq(message->medium, S("SMS"));
    bool invites = strcmp(source, "AdminCreateUser") == 0;
    bool links = call->service->link_style && !phone && strcmp(source, "SignUp") == 0;
    str text = {};
    str subject = {};
    *changed = false;
    json_set(request, S("codeParameter"), json_string(a, S("{####}")));
    json_set(request, S("linkParameter"), json_string(a, S("{##Click Here##}")));
    json_set(
        request, S("usernameParameter"), invites ? json_string(a, S("{username}")) : json_null(a));
    auth_add_metadata(call, request);
    struct auth_event event = {.trigger = AUTH_CUSTOM_MESSAGE,
        .source = source,
        .user = user,
        .request = request,
        .response = message_response(a)};
    TRY(auth_trigger(call, &event, &response));
    TRY(text_of(call, response, phone ? "smsMessage" : "emailMessage", &text));
    TRY(text_of(call, response, "emailSubject", &subject));
    if (text.len > 0) {
        bool has_code = str_find(text, links ? S("{##") : S("{####}")) >= 0;
        if (!has_code) {
            return lacks(call, links ? S("the link parameter") : S("{####}"));
        }
        if (invites && str_find(text, S("{username}")) < 0) {
            return lacks(call, S("{username}"));
        }
        message->text = text;
        *changed = true;
    }
    message->subject = subject.len > 0 && !phone ? subject : message->subject;
    return NULL;
}

// ---- users that are elsewhere --------------------------------------------------------------

static struct json *migration_response(struct arena *a)
{
    static const char *const NAMES[] = {"userAttributes", "finalUserStatus", "messageAction",
        "desiredDeliveryMediums", "forceAliasCreation", "enableSMSMFA"};
    struct json *response = json_object(a);
    for (size_t i = 0; i < countof(NAMES); i++) {
        json_set(response, str_from(NAMES[i]), json_null(a));
    }
    return response;
}

static err *read_attributes(
    struct auth_call *call, const struct json *given, str username, struct json *attributes) YIELDS;

static err *read_attributes(
    struct auth_call *call, const struct json *given, str username, struct json *attributes)
{
    check(given->count > 0 && username.len > 0);
    json_each (attribute, given) {
        if (attribute->kind != JSON_STRING) {
            return auth_bad_response(call);
        }
        bool own = str_eq(attribute->key, S("username")) || str_eq(attribute->key, S("sub"));
        if (!own) {
            json_set(attributes, attribute->key, json_string(call->arena, attribute->text));
        }
    }
    TRY(auth_username_check(call, attributes, username));
    return auth_attributes_check(call, attributes, AUTH_ADMIN_CREATE);
}

// Two sign-ins at the same time bring one user.
static err *make(struct auth_call *call, struct auth_user *user, str username, bool takes_aliases,
    struct auth_user **out) YIELDS;

static err *make(struct auth_call *call, struct auth_user *user, str username, bool takes_aliases,
    struct auth_user **out)
{
    if (takes_aliases) {
        TRY(auth_user_take_aliases(call, user));
    }
    err *e = auth_user_save(call, user, NULL, 0);
    if (e != NULL && str_eq(err_wire(e), S("UsernameExistsException"))) {
        return auth_user_find(call, username, out);
    }
    *out = user;
    return e;
}

err *auth_migrate(struct auth_call *call, str username, str password, struct auth_user **out)
{
    check(username.len > 0);
    struct arena *a = call->arena;
    struct json *request = json_object(a);
    struct json *response = NULL;
    struct json *attributes = json_object(a);
    bool forces = false;
    *out = NULL;
    json_set(request, S("userAttributes"), json_null(a));
    if (password.len > 0) {
        json_set(request, S("password"), json_string(a, password));
        add_validation_data(call, request);
    }
    auth_add_metadata(call, request);
    struct auth_event event = {.trigger = AUTH_USER_MIGRATION,
        .source = password.len > 0 ? "Authentication" : "ForgotPassword",
        .username = username,
        .request = request,
        .response = migration_response(a)};
    TRY(auth_trigger(call, &event, &response));
    const struct json *given = json_get(response, S("userAttributes"));
    if (json_is_null(given) || given->count == 0) {
        return NULL;
    }
    TRY(read_attributes(call, given, username, attributes));
    TRY(auth_response_flag(call, response, "forceAliasCreation", &forces));
    struct auth_user *user = auth_user_new(call, username);
    json_each (attribute, attributes) {
        auth_user_set(call, user, attribute->key, attribute->text);
    }
    bool confirmed = str_eq(json_get_str(response, S("finalUserStatus")), S("CONFIRMED"));
    auth_user_set_member(
        call, user, S("status"), auth_str(call, confirmed ? S("CONFIRMED") : S("RESET_REQUIRED")));
    if (password.len > 0) {
        TRY(auth_password_set(call, user, password));
    }
    return make(call, user, username, forces, out);
}
