// Operations of administrators: scripts and functions with credentials, on any user of the pool.
#include "auth/auth_admin.h"
#include "auth/auth_password.h"
#include "auth/auth_signin.h"
#include "auth/auth_trigger.h"

enum { LIMIT_MAX = 60, PASSWORD_LEN = 12 };

struct json *auth_show_user(
    struct auth_call *call, const struct auth_user *user, const char *attributes)
{
    check(attributes[0] != '\0');
    struct arena *a = call->arena;
    struct json *shown = json_object(a);
    u64 created = (u64)json_get_int(user->item, S("created"), 0);
    u64 modified = (u64)json_get_int(user->item, S("modified"), (i64)created);
    json_set(shown, S("Username"), json_string(a, user->username));
    json_set(shown, str_from(attributes), auth_user_list(call, user));
    json_set(shown, S("UserCreateDate"), auth_time(a, created));
    json_set(shown, S("UserLastModifiedDate"), auth_time(a, modified));
    json_set(shown, S("Enabled"), json_bool(a, json_get_bool(user->item, S("enabled"), true)));
    json_set(shown, S("UserStatus"), json_string(a, auth_user_status(user)));
    return shown;
}

// ---- reading -------------------------------------------------------------------------------

err *auth_admin_get_user(struct auth_call *call)
{
    TRY(auth_need_user(call));
    struct json *shown = auth_show_user(call, call->user, "UserAttributes");
    json_each (member, shown) {
        json_set(call->out, member->key, json_copy(call->arena, member));
    }
    auth_answer_mfa(call, call->user);
    return NULL;
}

// Only the attributes that were asked for.
static void keep_attributes(struct json *user, const struct json *wanted, struct arena *arena)
{
    struct json *kept = json_array(arena);
    json_each (entry, json_get(user, S("Attributes"))) {
        json_each (name, wanted) {
            if (str_eq(json_get_str(entry, S("Name")), name->text)) {
                json_push(kept, json_copy(arena, entry));
            }
        }
    }
    json_set(user, S("Attributes"), kept);
}

static err *check_wanted(struct auth_call *call, const struct json *wanted)
{
    static const str OWN[] = {S_INIT("sub"), S_INIT("identities"), S_INIT("email_verified"),
        S_INIT("phone_number_verified")};
    json_each (name, wanted) {
        bool known = auth_attribute_def(call->service, name->text) != NULL;
        for (size_t i = 0; i < countof(OWN); i++) {
            known = known || str_eq(OWN[i], name->text);
        }
        if (!known) {
            return auth_refuse(call->arena, "InvalidParameterException",
                "One or more requested attributes do not exist.");
        }
    }
    return NULL;
}

// What ListUsers is about: how users are read, which are wanted, and those found so far.
struct listing {
    struct auth_call *call;
    struct auth_call reading; // the same call with memory that is given back after each page
    struct auth_filter filter;
    const struct json *wanted; // names of attributes; NULL: all
    struct json *found;
};

static void add_if_wanted(struct listing *listing, const struct auth_user *user)
{
    if (!auth_filter_matches(listing->call->service, &listing->filter, user)) {
        return;
    }
    struct json *shown = auth_show_user(&listing->reading, user, "Attributes");
    if (!json_is_null(listing->wanted)) {
        keep_attributes(shown, listing->wanted, listing->reading.arena);
    }
    json_push(listing->found, json_copy(listing->call->arena, shown));
}

// A filter that names one user by what users are found by needs no search.
static bool is_of_one(const struct auth_service *service, const struct auth_filter *filter)
{
    bool email = str_eq(filter->name, S("email")) && (service->usernames & AUTH_BY_EMAIL) != 0;
    bool phone =
        str_eq(filter->name, S("phone_number")) && (service->usernames & AUTH_BY_PHONE) != 0;
    bool id = str_eq(filter->name, S("sub")) || str_eq(filter->name, S("username"));
    return !filter->is_prefix && (email || phone || id);
}

static err *list_one(struct listing *listing) YIELDS;

static err *list_one(struct listing *listing)
{
    struct auth_user *user = NULL;
    TRY(auth_user_find(listing->call, listing->filter.value, &user));
    if (user != NULL) {
        add_if_wanted(listing, user);
    }
    return NULL;
}

static err *list_page(struct listing *listing, struct store_query *query) YIELDS;

// Reads on from the query's token, and leaves the next one there.
static err *list_page(struct listing *listing, struct store_query *query)
{
    struct store_page page = {};
    TRY(auth_query(&listing->reading, query, &page));
    for (size_t i = 0; i < page.count; i++) {
        add_if_wanted(listing, auth_user_of_item(&listing->reading, page.items[i]));
    }
    query->page_token = str_dup(listing->call->arena, page.next_token);
    return NULL;
}

static err *list_search(struct listing *listing) YIELDS;

// Pages are filled by reading on: a filter may let few users of a large pool through.
static err *list_search(struct listing *listing)
{
    struct auth_call *call = listing->call;
    struct store_query query = {.table = AUTH_USERS};
    err *e = NULL;
    TRY(auth_page_of(call, "PaginationToken", LIMIT_MAX, &query));
    u32 limit = query.limit;
    do {
        query.limit = limit - listing->found->count;
        arena_reset(listing->reading.arena);
        e = list_page(listing, &query);
    } while (e == NULL && listing->found->count < limit && query.page_token.len > 0);
    if (e == NULL) {
        auth_answer_token(
            call, "PaginationToken", &(struct store_page){.next_token = query.page_token});
    }
    return e;
}

err *auth_list_users(struct auth_call *call)
{
    check(call->is_admin);
    struct listing listing = {.call = call,
        .reading = *call,
        .wanted = json_get(call->in, S("AttributesToGet")),
        .found = json_array(call->arena)};
    TRY(auth_filter_parse(call, auth_text(call, "Filter"), &listing.filter));
    TRY(check_wanted(call, listing.wanted));
    listing.reading.arena = arena_new();
    err *e = is_of_one(call->service, &listing.filter) ? list_one(&listing) : list_search(&listing);
    e = e != NULL ? err_copy(call->arena, e) : NULL;
    arena_free(listing.reading.arena);
    auth_answer(call, "Users", listing.found);
    return e;
}

// ---- making --------------------------------------------------------------------------------

static char pick(const char *set)
{
    size_t count = strlen(set);
    u8 byte = 0;
    do {
        random_bytes(&byte, 1);
    } while (byte >= 256 - 256 % count);
    return set[byte % count];
}

// One of each class first, so that every policy is met; then shuffled.
static str temporary_password(struct auth_call *call)
{
    static const char *const CLASSES[] = {
        "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!@#%*-_+=?"};
    size_t least = call->service->policy.min_length;
    size_t len = least > PASSWORD_LEN ? least : PASSWORD_LEN;
    char *text = arena_alloc(call->arena, len);
    for (size_t i = 0; i < len; i++) {
        text[i] = pick(CLASSES[i % countof(CLASSES)]);
    }
    for (size_t i = len - 1; i > 0; i--) {
        u32 random = 0;
        random_bytes(&random, sizeof(random));
        size_t other = random % (i + 1);
        char swap = text[i];
        text[i] = text[other];
        text[other] = swap;
    }
    return (str){text, len};
}

static void set_temporary_end(struct auth_call *call, struct auth_user *user)
{
    u64 days = call->service->policy.temporary_days;
    u64 ends = call->hub->now_ms() + days * 24 * 60 * 60 * 1000;
    if (days > 0) {
        json_set(user->item, S("temporaryEnds"), json_int(call->arena, (i64)ends));
    }
}

static err *invite_by(
    struct auth_call *call, const struct auth_user *user, str password, bool phone) YIELDS;

static err *invite_by(
    struct auth_call *call, const struct auth_user *user, str password, bool phone)
{
    const struct auth_service *service = call->service;
    struct outbox_message message = {
        .to = auth_user_get(user, phone ? S("phone_number") : S("email")),
        .medium = phone ? S("SMS") : S("EMAIL"),
        .subject = phone ? (str){} : service->invitation_subject,
        .text = phone ? service->invitation_sms : service->invitation_text,
        .code = password};
    bool changed = false;
    bool taken = false;
    if (message.to.len == 0) {
        return NULL;
    }
    err *e = auth_send_custom(call, user, "AdminCreateUser", &message, password, &taken);
    if (e != NULL || taken) {
        return e;
    }
    TRY(auth_custom_message(call, user, "AdminCreateUser", &message, &changed));
    message.html = phone ? (str){} : message.text;
    str email = auth_user_get(user, S("email"));
    str name = service->usernames == 0 ? user->username : email.len > 0 ? email : message.to;
    auth_message_fill(call->arena, &message, password, name);
    return auth_send(call, &message);
}

static err *invite(struct auth_call *call, const struct auth_user *user, str password) YIELDS;

static err *invite(struct auth_call *call, const struct auth_user *user, str password)
{
    const struct json *mediums = json_get(call->in, S("DesiredDeliveryMediums"));
    if (str_eq(auth_text(call, "MessageAction"), S("SUPPRESS"))) {
        return NULL;
    }
    bool by_default = json_is_null(mediums) || mediums->count == 0;
    bool has_phone = auth_user_get(user, S("phone_number")).len > 0;
    if (by_default) {
        return invite_by(call, user, password, has_phone);
    }
    json_each (medium, mediums) {
        TRY(invite_by(call, user, password, str_eq(medium->text, S("SMS"))));
    }
    return NULL;
}

static err *renew_invitation(struct auth_call *call, str username, str password) YIELDS;

static err *renew_invitation(struct auth_call *call, str username, str password)
{
    struct auth_user *user = NULL;
    TRY(auth_user_find(call, username, &user));
    if (user == NULL) {
        return auth_no_user(call->arena);
    }
    if (!str_eq(auth_user_status(user), S("FORCE_CHANGE_PASSWORD"))) {
        return auth_refuse(call->arena, "UnsupportedUserStateException",
            "Resend not possible. %.*s status is not FORCE_CHANGE_PASSWORD", PRI(username));
    }
    TRY(auth_password_set(call, user, password));
    set_temporary_end(call, user);
    TRY(auth_user_save(call, user, NULL, 0));
    TRY(invite(call, user, password));
    auth_answer(call, "User", auth_show_user(call, user, "Attributes"));
    return NULL;
}

// Without a password where a code can take its place; confirmed then.
static bool needs_no_password(const struct auth_service *service, const struct auth_user *user)
{
    bool email = service->email_otp && auth_user_get(user, S("email")).len > 0;
    bool phone = service->sms_otp && auth_user_get(user, S("phone_number")).len > 0;
    return (service->flows & AUTH_FLOW_CHOICE) != 0 && (email || phone);
}

static err *create(struct auth_call *call, struct auth_user *user, str password) YIELDS;

static err *create(struct auth_call *call, struct auth_user *user, str password)
{
    bool none = password.len == 0 && needs_no_password(call->service, user);
    str status = none ? S("CONFIRMED") : S("FORCE_CHANGE_PASSWORD");
    auth_user_set_member(call, user, S("status"), auth_str(call, status));
    if (!none) {
        password = password.len > 0 ? password : temporary_password(call);
        TRY(auth_password_set(call, user, password));
        set_temporary_end(call, user);
    }
    if (json_get_bool(call->in, S("ForceAliasCreation"), false)) {
        TRY(auth_user_take_aliases(call, user));
    }
    TRY(auth_user_save(call, user, NULL, 0));
    if (!none) {
        TRY(invite(call, user, password));
    }
    auth_answer(call, "User", auth_show_user(call, user, "Attributes"));
    return NULL;
}

static err *check_mediums(struct auth_call *call)
{
    json_each (medium, json_get(call->in, S("DesiredDeliveryMediums"))) {
        if (!str_eq(medium->text, S("EMAIL")) && !str_eq(medium->text, S("SMS"))) {
            return auth_refuse(call->arena, "InvalidParameterException",
                "1 validation error detected: Value at 'desiredDeliveryMediums' failed to satisfy "
                "constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
                "[SMS, EMAIL]]");
        }
    }
    return NULL;
}

err *auth_admin_create_user(struct auth_call *call)
{
    check(call->is_admin);
    str username = {};
    struct json *attributes = NULL;
    str password = auth_text(call, "TemporaryPassword");
    TRY(auth_need(call, "Username", 128, &username));
    TRY(check_mediums(call));
    TRY(auth_attribute_list(call, json_get(call->in, S("UserAttributes")), &attributes));
    if (password.len > 0) {
        TRY(auth_password_check_policy(call, password));
    }
    if (str_eq(auth_text(call, "MessageAction"), S("RESEND"))) {
        return renew_invitation(
            call, username, password.len > 0 ? password : temporary_password(call));
    }
    TRY(auth_username_check(call, attributes, username));
    TRY(auth_attributes_check(call, attributes, AUTH_ADMIN_CREATE));
    struct auth_user *user = auth_user_new(call, username);
    json_each (attribute, attributes) {
        auth_user_set(call, user, attribute->key, attribute->text);
    }
    bool ignored = false;
    TRY(auth_pre_sign_up(call, user, "AdminCreateUser", &ignored));
    return create(call, user, password);
}

// ---- changing ------------------------------------------------------------------------------

err *auth_admin_set_user_password(struct auth_call *call)
{
    check(call->is_admin);
    str password = {};
    bool permanent = json_get_bool(call->in, S("Permanent"), false);
    TRY(auth_need_user(call));
    TRY(auth_need(call, "Password", 1024, &password));
    TRY(auth_password_check_policy(call, password));
    if (str_eq(auth_user_status(call->user), S("EXTERNAL_PROVIDER"))) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "Cannot set a password for a user of an external provider.");
    }
    TRY(auth_password_set(call, call->user, password));
    if (!permanent) {
        set_temporary_end(call, call->user);
    }
    auth_user_set_member(call, call->user, S("status"),
        auth_str(call, permanent ? S("CONFIRMED") : S("FORCE_CHANGE_PASSWORD")));
    return auth_user_save(call, call->user, NULL, 0);
}

err *auth_admin_reset_user_password(struct auth_call *call)
{
    TRY(auth_need_user(call));
    str status = auth_user_status(call->user);
    if (!json_get_bool(call->user->item, S("enabled"), true)) {
        return auth_refuse(call->arena, "NotAuthorizedException", "User is disabled.");
    }
    if (!str_eq(status, S("CONFIRMED")) && !str_eq(status, S("RESET_REQUIRED"))) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "User password cannot be reset in the current state.");
    }
    TRY(auth_send_recovery(call, call->user));
    call->out = json_object(call->arena);
    auth_user_set_member(call, call->user, S("status"), auth_str(call, S("RESET_REQUIRED")));
    return auth_user_save(call, call->user, NULL, 0);
}

err *auth_admin_confirm_sign_up(struct auth_call *call)
{
    TRY(auth_need_user(call));
    if (!str_eq(auth_user_status(call->user), S("UNCONFIRMED"))) {
        return auth_refuse(call->arena, "NotAuthorizedException",
            "User cannot be confirmed. Current status is %.*s", PRI(auth_user_status(call->user)));
    }
    auth_user_set_member(call, call->user, S("status"), auth_str(call, S("CONFIRMED")));
    TRY(auth_user_save(call, call->user, NULL, 0));
    return auth_post_confirmation(call, call->user, "ConfirmSignUp");
}

err *auth_admin_update_user_attributes(struct auth_call *call)
{
    struct json *attributes = NULL;
    TRY(auth_need_user(call));
    TRY(auth_attribute_list(call, json_get(call->in, S("UserAttributes")), &attributes));
    return auth_update_attributes(call, call->user, attributes);
}

err *auth_admin_delete_user_attributes(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_delete_attributes(call, call->user);
}

err *auth_admin_delete_user(struct auth_call *call)
{
    check(call->is_admin);
    TRY(auth_need_user(call));
    return auth_user_delete(call, call->user);
}

static err *set_enabled(struct auth_call *call, bool enabled) YIELDS;

static err *set_enabled(struct auth_call *call, bool enabled)
{
    TRY(auth_need_user(call));
    auth_user_set_member(call, call->user, S("enabled"), json_bool(call->arena, enabled));
    return auth_user_save(call, call->user, NULL, 0);
}

err *auth_admin_disable_user(struct auth_call *call)
{
    TRY(set_enabled(call, false));
    return auth_sign_out_all(call, call->user->id);
}

err *auth_admin_enable_user(struct auth_call *call)
{
    return set_enabled(call, true);
}

err *auth_admin_user_global_sign_out(struct auth_call *call)
{
    TRY(auth_need_user(call));
    return auth_sign_out_all(call, call->user->id);
}

err *auth_admin_initiate_auth(struct auth_call *call)
{
    TRY(auth_need_client(call));
    return auth_initiate(call, true);
}

err *auth_admin_respond_to_auth_challenge(struct auth_call *call)
{
    TRY(auth_need_client(call));
    return auth_respond(call);
}
