// Users: items of _auth.users, found by their id or by an alias. An alias is a row of its own, so
// that a name belongs to one user whatever happens at the same time.
#include "auth/auth_admin.h"

bool auth_is_uuid(str text)
{
    static const char HEX[] = "0123456789abcdef";
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : text.ptr[i] == '\0' || strchr(HEX, text.ptr[i]) == NULL) {
            return false;
        }
    }
    return text.len == 36;
}

bool auth_is_phone(str text)
{
    bool good = text.len >= 3 && text.len <= 16 && text.ptr[0] == '+';
    for (size_t i = 1; good && i < text.len; i++) {
        good = text.ptr[i] >= '0' && text.ptr[i] <= '9';
    }
    return good;
}

// ---- names ---------------------------------------------------------------------------------

static str alias_of(struct auth_call *call, const char *kind, str name)
{
    bool keep = call->service->case_sensitive;
    return str_cat(call->arena, str_from(kind), S(":"), keep ? name : str_lower(call->arena, name));
}

static void add_alias(struct auth_call *call, struct json *list, const char *kind, str name)
{
    if (name.len > 0) {
        json_push(list, auth_str(call, alias_of(call, kind, name)));
    }
}

// An address leads to a user with a free name only once it is verified: else anybody could take it.
static void add_contact(
    struct auth_call *call, struct json *list, const struct auth_user *user, unsigned way)
{
    const struct auth_service *service = call->service;
    str attribute = way == AUTH_BY_EMAIL ? S("email") : S("phone_number");
    bool by_name = (service->usernames & way) != 0;
    bool by_alias = (service->aliases & way) != 0 && auth_user_is_verified(user, attribute);
    if (by_name || by_alias) {
        add_alias(
            call, list, way == AUTH_BY_EMAIL ? "email" : "phone", auth_user_get(user, attribute));
    }
}

// The names that shall lead to the user.
static struct json *aliases_of(struct auth_call *call, const struct auth_user *user)
{
    struct json *list = json_array(call->arena);
    add_contact(call, list, user, AUTH_BY_EMAIL);
    add_contact(call, list, user, AUTH_BY_PHONE);
    if (call->service->usernames == 0) {
        add_alias(call, list, "name", user->username);
    }
    if ((call->service->aliases & AUTH_BY_PREFERRED) != 0) {
        add_alias(call, list, "preferred", auth_user_get(user, S("preferred_username")));
    }
    json_each (link, json_get(user->item, S("links"))) {
        add_alias(call, list, "provider", auth_link_name(call, link));
    }
    return list;
}

str auth_link_name(struct auth_call *call, const struct json *link)
{
    return str_cat(call->arena, json_get_str(link, S("providerName")), S("#"),
        json_get_str(link, S("attribute")), S("#"), json_get_str(link, S("userId")));
}

// ---- loading -------------------------------------------------------------------------------

struct auth_user *auth_user_of_item(struct auth_call *call, struct json *item)
{
    check(json_get_str(item, S("id")).len > 0);
    struct auth_user *user = arena_new_of(call->arena, struct auth_user);
    *user = (struct auth_user){.id = json_get_str(item, S("id")),
        .username = json_get_str(item, S("username")),
        .item = item,
        .attributes = json_get(item, S("attributes")),
        .rev = json_get(item, S("rev")),
        .had = json_get(item, S("aliases"))};
    return user;
}

err *auth_user_load(struct auth_call *call, str id, struct auth_user **out)
{
    struct json *item = NULL;
    *out = NULL;
    TRY(auth_get(call, AUTH_USERS, id, &item));
    *out = item != NULL ? auth_user_of_item(call, item) : NULL;
    return NULL;
}

static err *find_by_alias(
    struct auth_call *call, const char *kind, str name, struct auth_user **out) YIELDS;

static err *find_by_alias(
    struct auth_call *call, const char *kind, str name, struct auth_user **out)
{
    struct json *row = NULL;
    TRY(auth_get(call, AUTH_ALIASES, alias_of(call, kind, name), &row));
    return row != NULL ? auth_user_load(call, json_get_str(row, S("user")), out) : NULL;
}

err *auth_user_find(struct auth_call *call, str name, struct auth_user **out)
{
    const struct auth_service *service = call->service;
    unsigned ways = service->usernames | service->aliases;
    bool email = str_find_char(name, '@') >= 0;
    bool phone = name.len > 0 && name.ptr[0] == '+';
    *out = NULL;
    if (auth_is_uuid(name)) {
        TRY(auth_user_load(call, name, out));
    }
    if (*out == NULL && service->usernames == 0) {
        TRY(find_by_alias(call, "name", name, out));
    }
    if (*out == NULL && email && (ways & AUTH_BY_EMAIL) != 0) {
        TRY(find_by_alias(call, "email", name, out));
    }
    if (*out == NULL && phone && (ways & AUTH_BY_PHONE) != 0) {
        TRY(find_by_alias(call, "phone", name, out));
    }
    if (*out == NULL && (ways & AUTH_BY_PREFERRED) != 0) {
        TRY(find_by_alias(call, "preferred", name, out));
    }
    return NULL;
}

err *auth_user_find_link(struct auth_call *call, const struct json *link, struct auth_user **out)
{
    *out = NULL;
    return find_by_alias(call, "provider", auth_link_name(call, link), out);
}

// The owner of an address keeps it as an attribute, but it is not proven any more. One may have
// both addresses.
static void give_up(
    struct auth_call *call, struct auth_user *user, struct auth_user *owner, str attribute)
{
    size_t i = 0;
    while (user->givers[i] != NULL && !str_eq(user->givers[i]->id, owner->id)) {
        i++;
        check(i < countof(user->givers)); // one for each kind of address
    }
    user->givers[i] = user->givers[i] != NULL ? user->givers[i] : owner;
    str flag = str_cat(call->arena, attribute, S("_verified"));
    auth_user_set(call, user->givers[i], flag, S("false"));
}

err *auth_user_take_aliases(struct auth_call *call, struct auth_user *user)
{
    static const str ATTRIBUTES[] = {S_INIT("email"), S_INIT("phone_number")};
    for (size_t i = 0; i < countof(ATTRIBUTES); i++) {
        unsigned way = i == 0 ? AUTH_BY_EMAIL : AUTH_BY_PHONE;
        struct auth_user *owner = NULL;
        if ((call->service->aliases & way) == 0 || !auth_user_is_verified(user, ATTRIBUTES[i])) {
            continue;
        }
        TRY(find_by_alias(
            call, i == 0 ? "email" : "phone", auth_user_get(user, ATTRIBUTES[i]), &owner));
        if (owner != NULL && !str_eq(owner->id, user->id)) {
            give_up(call, user, owner, ATTRIBUTES[i]);
        }
    }
    return NULL;
}

err *auth_need_user(struct auth_call *call)
{
    check(call->is_admin);
    str name = {};
    TRY(auth_need(call, "Username", 128, &name));
    TRY(auth_user_find(call, name, &call->user));
    return call->user != NULL ? NULL : auth_no_user(call->arena);
}

// ---- changing ------------------------------------------------------------------------------

struct auth_user *auth_user_new(struct auth_call *call, str username)
{
    struct arena *a = call->arena;
    struct json *item = json_object(a);
    str id = random_uuid(a);
    bool free_name = call->service->usernames == 0;
    json_set(item, S("id"), json_string(a, id));
    json_set(item, S("username"), json_string(a, free_name ? username : id));
    json_set(item, S("status"), json_string(a, S("UNCONFIRMED")));
    json_set(item, S("enabled"), json_bool(a, true));
    json_set(item, S("created"), json_int(a, (i64)call->hub->now_ms()));
    json_set(item, S("attributes"), json_object(a));
    return auth_user_of_item(call, item);
}

str auth_user_get(const struct auth_user *user, str attribute)
{
    check(user->attributes != NULL);
    return json_get_str(user->attributes, attribute);
}

void auth_user_set(struct auth_call *call, struct auth_user *user, str attribute, str value)
{
    check(user->attributes != NULL && attribute.len > 0);
    if (value.len == 0) {
        json_remove(user->attributes, attribute);
    } else {
        json_set(user->attributes, attribute, auth_str(call, value));
    }
}

str auth_user_status(const struct auth_user *user)
{
    return json_get_str(user->item, S("status"));
}

void auth_user_set_member(
    struct auth_call *call, struct auth_user *user, str member, struct json *value)
{
    (void)call;
    if (value == NULL) {
        json_remove(user->item, member);
    } else {
        json_set(user->item, member, value);
    }
}

bool auth_user_is_verified(const struct auth_user *user, str attribute)
{
    str flag = str_eq(attribute, S("email")) ? S("email_verified") : S("phone_number_verified");
    return auth_user_get(user, attribute).len > 0 && str_eq(auth_user_get(user, flag), S("true"));
}

static bool list_has(const struct json *list, str text)
{
    json_each (item, list) {
        if (str_eq(item->text, text)) {
            return true;
        }
    }
    return false;
}

enum { WRITES_OF_USER = 24 }; // itself, and up to 9 names before and after

struct changes { // the writes of one save
    struct auth_call *call;
    struct auth_user *user;
    struct store_write *items;
    size_t count;
};

static void add_alias_writes(
    struct changes *changes, const struct auth_user *user, const struct json *wanted)
{
    struct auth_call *call = changes->call;
    json_each (old, user->had) {
        if (!list_has(wanted, old->text)) {
            changes->items[changes->count++] = (struct store_write){
                .kind = STORE_DELETE, .table = AUTH_ALIASES, .pk = auth_str(call, old->text)};
        }
    }
    json_each (alias, wanted) {
        if (!list_has(user->had, alias->text)) {
            struct json *row = json_object(call->arena);
            json_set(row, S("id"), auth_str(call, alias->text));
            json_set(row, S("user"), auth_str(call, user->id));
            changes->items[changes->count++] = (struct store_write){
                .kind = STORE_PUT, .table = AUTH_ALIASES, .item = row, .only_absent = true};
        }
    }
}

// Somebody else has changed the user meanwhile.
static err *overtaken(struct auth_call *call)
{
    call->was_overtaken = true;
    return auth_refuse(call->arena, "TooManyRequestsException", "Rate exceeded");
}

// Which of the writes was in the way, in Cognito's words.
static err *why_not(struct changes *changes, err *e, size_t failed)
{
    struct auth_call *call = changes->call;
    if (e == NULL || e->code != ERR_CONDITION_FAILED || failed >= changes->count) {
        return e;
    }
    const struct store_write *write = &changes->items[failed];
    if (str_eq(write->table, AUTH_SPENT) || str_eq(write->table, AUTH_CODES)) {
        return auth_code_expired(call->arena);
    }
    if (!str_eq(write->table, AUTH_ALIASES)) {
        return overtaken(call);
    }
    str alias = json_get_str(write->item, S("id"));
    const char *kind = str_starts(alias, S("email:"))       ? "email"
                       : str_starts(alias, S("phone:"))     ? "phone_number"
                       : str_starts(alias, S("preferred:")) ? "preferred_username"
                                                            : NULL;
    bool fresh = changes->user->rev == NULL && call->service->usernames != 0;
    if (str_starts(alias, S("provider:"))) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "SourceUser is already linked to DestinationUser");
    }
    if (kind == NULL) {
        return auth_refuse(call->arena, "UsernameExistsException",
            call->is_admin ? "User account already exists" : "User already exists");
    }
    if (fresh) {
        return auth_refuse(call->arena, "UsernameExistsException",
            "An account with the given %s already exists.", kind);
    }
    return auth_refuse(call->arena, "AliasExistsException",
        "An account with the %s%s already exists.",
        str_eq(call->operation, S("ConfirmSignUp")) ? "" : "given ", kind);
}

// The user's item, on the condition that it is as it was read, and its names. What is written.
static struct json *add_user(struct changes *changes, const struct auth_user *user)
{
    struct auth_call *call = changes->call;
    struct arena *a = call->arena;
    size_t before = changes->count;
    struct json *wanted = aliases_of(call, user);
    i64 rev = user->rev != NULL ? json_get_int(user->item, S("rev"), 0) : 0;
    struct json *item = json_shallow(a, user->item);
    json_set(item, S("aliases"), json_copy(a, wanted));
    json_set(item, S("rev"), json_int(a, rev + 1));
    json_set(item, S("modified"), json_int(a, (i64)call->hub->now_ms()));
    changes->items[changes->count++] = (struct store_write){.kind = STORE_PUT,
        .table = AUTH_USERS,
        .item = item,
        .condition = auth_unchanged(a, S("rev"), user->rev),
        .only_absent = user->rev == NULL};
    add_alias_writes(changes, user, wanted);
    check(changes->count - before <= WRITES_OF_USER);
    return item;
}

err *auth_user_save(
    struct auth_call *call, struct auth_user *user, struct store_write *more, size_t count)
{
    check(user->id.len > 0 && user->attributes != NULL);
    check(count == 0 || more != NULL);
    struct arena *a = call->arena;
    size_t most = (countof(user->givers) + 1) * WRITES_OF_USER + count;
    struct changes changes = {
        .call = call, .user = user, .items = arena_array(a, struct store_write, most)};
    for (size_t i = 0; i < countof(user->givers) && user->givers[i] != NULL; i++) {
        (void)add_user(&changes, user->givers[i]); // their names are free then
    }
    struct json *item = add_user(&changes, user);
    for (size_t i = 0; i < count; i++) {
        changes.items[changes.count++] = more[i];
    }
    size_t failed = 0;
    err *e = store_write(call->hub->store, a, changes.items, changes.count, &failed);
    if (e != NULL) {
        return why_not(&changes, e, failed);
    }
    call->has_acted = true;
    *user = *auth_user_of_item(call, json_copy(a, item));
    return NULL;
}

// ---- deleting ------------------------------------------------------------------------------

// Deletes what a table holds under the user, by index or by partition key.
static err *delete_rows(
    struct auth_call *call, str table, str index, const char *sort, str user) YIELDS;

static err *delete_rows(struct auth_call *call, str table, str index, const char *sort, str user)
{
    struct store_query query = {.table = table, .index = index, .pk = auth_str(call, user)};
    do {
        struct store_page page = {};
        TRY(store_query(call->hub->store, call->arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const struct json *row = page.items[i];
            struct store_write write = {.kind = STORE_DELETE,
                .table = table,
                .pk = json_get(row, index.len > 0 ? S("id") : S("user")),
                .sk = index.len > 0 ? NULL : json_get(row, str_from(sort))};
            TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

// The names go with the user in one transaction; what is left behind it leads nowhere.
err *auth_user_delete(struct auth_call *call, struct auth_user *user)
{
    check(user->rev != NULL); // it is in the store
    struct arena *a = call->arena;
    size_t count = user->had != NULL ? user->had->count : 0;
    struct store_write *writes = arena_array(a, struct store_write, count + 1);
    writes[0] = (struct store_write){.kind = STORE_DELETE,
        .table = AUTH_USERS,
        .pk = auth_str(call, user->id),
        .condition = auth_unchanged(a, S("rev"), user->rev)};
    size_t at = 1;
    json_each (alias, user->had) {
        writes[at++] = (struct store_write){
            .kind = STORE_DELETE, .table = AUTH_ALIASES, .pk = auth_str(call, alias->text)};
    }
    err *e = store_write(call->hub->store, a, writes, at, NULL);
    if (e != NULL && e->code == ERR_CONDITION_FAILED) {
        return overtaken(call);
    }
    TRY(e);
    call->has_acted = true;
    auth_hub_raise(call->hub); // a token of a user who is not there is good for nothing
    TRY(delete_rows(call, AUTH_SIGN_INS, S("byUser"), NULL, user->id));
    TRY(delete_rows(call, AUTH_CODES, S("byUser"), NULL, user->id));
    TRY(delete_rows(call, AUTH_MEMBERS, (str){}, "group", user->id));
    TRY(delete_rows(call, AUTH_DEVICES, (str){}, "key", user->id));
    return delete_rows(call, AUTH_PASSKEYS, (str){}, "id", user->id);
}

// ---- showing -------------------------------------------------------------------------------

static void push_attribute(struct auth_call *call, struct json *list, str name, str value)
{
    struct json *entry = json_object(call->arena);
    json_set(entry, S("Name"), auth_str(call, name));
    json_set(entry, S("Value"), auth_str(call, value));
    json_push(list, entry);
}

// The links to other providers' users, as the attribute that shows them.
static str identities_text(struct auth_call *call, const struct auth_user *user)
{
    struct arena *a = call->arena;
    struct json *list = json_array(a);
    json_each (link, json_get(user->item, S("links"))) {
        struct json *one = json_object(a);
        json_set(one, S("userId"), json_string(a, json_get_str(link, S("userId"))));
        json_set(one, S("providerName"), json_string(a, json_get_str(link, S("providerName"))));
        json_set(one, S("providerType"), json_string(a, json_get_str(link, S("providerType"))));
        json_set(one, S("issuer"), json_null(a));
        json_set(one, S("primary"), json_bool(a, false));
        json_set(one, S("dateCreated"), json_int(a, json_get_int(link, S("created"), 0)));
        json_push(list, one);
    }
    return list->count > 0 ? json_text(a, list) : (str){};
}

struct json *auth_user_list(struct auth_call *call, const struct auth_user *user)
{
    struct json *list = json_array(call->arena);
    str identities = identities_text(call, user);
    push_attribute(call, list, S("sub"), user->id);
    if (identities.len > 0) {
        push_attribute(call, list, S("identities"), identities);
    }
    json_each (attribute, user->attributes) {
        push_attribute(call, list, attribute->key, attribute->text);
    }
    return list;
}
