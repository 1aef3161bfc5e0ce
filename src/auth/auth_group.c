// Groups and who is in them. Those of the definition are made when it is put in force; others come
// and go by administrative operations.
#include "auth/auth_admin.h"
#include "auth/auth_token.h"

enum { LIMIT_MAX = 60, GROUPS_MAX = 100 };

// ---- groups --------------------------------------------------------------------------------

static struct json *show_group(struct auth_call *call, const struct json *item)
{
    struct arena *a = call->arena;
    struct json *group = json_object(a);
    json_set(group, S("GroupName"), json_string(a, json_get_str(item, S("id"))));
    json_set(group, S("UserPoolId"), json_string(a, call->service->user_pool_id));
    const char *const OPTIONAL[][2] = {{"Description", "description"}, {"RoleArn", "role"}};
    for (size_t i = 0; i < countof(OPTIONAL); i++) {
        str text = json_get_str(item, str_from(OPTIONAL[i][1]));
        if (text.len > 0) {
            json_set(group, str_from(OPTIONAL[i][0]), json_string(a, text));
        }
    }
    const struct json *precedence = json_get(item, S("precedence"));
    if (!json_is_null(precedence)) {
        json_set(group, S("Precedence"), json_copy(a, precedence));
    }
    json_set(group, S("LastModifiedDate"), auth_time(a, (u64)json_get_int(item, S("modified"), 0)));
    json_set(group, S("CreationDate"), auth_time(a, (u64)json_get_int(item, S("created"), 0)));
    return group;
}

static err *no_group(struct auth_call *call)
{
    return auth_refuse(call->arena, "ResourceNotFoundException", "Group not found.");
}

static err *need_group(struct auth_call *call, struct json **item) YIELDS;

static err *need_group(struct auth_call *call, struct json **item)
{
    str name = {};
    TRY(auth_need(call, "GroupName", 128, &name));
    TRY(auth_get(call, AUTH_GROUPS, name, item));
    return *item != NULL ? NULL : no_group(call);
}

// Description, RoleArn and Precedence of the request into the group.
static err *take_members(struct auth_call *call, struct json *item)
{
    struct arena *a = call->arena;
    const struct json *precedence = json_get(call->in, S("Precedence"));
    i64 number = 0;
    if (!json_is_null(precedence)) {
        if (precedence->kind != JSON_NUMBER || !json_to_i64(precedence, &number) || number < 0) {
            return auth_refuse(a, "InvalidParameterException",
                "1 validation error detected: Value at 'precedence' failed to satisfy constraint: "
                "Member must have value greater than or equal to 0");
        }
        json_set(item, S("precedence"), json_int(a, number));
    }
    if (auth_text(call, "Description").len > 0) {
        json_set(item, S("description"), json_string(a, auth_text(call, "Description")));
    }
    if (auth_text(call, "RoleArn").len > 0) {
        json_set(item, S("role"), json_string(a, auth_text(call, "RoleArn")));
    }
    json_set(item, S("modified"), json_int(a, (i64)call->hub->now_ms()));
    return NULL;
}

err *auth_create_group(struct auth_call *call)
{
    check(call->is_admin);
    struct arena *a = call->arena;
    str name = {};
    struct json *item = json_object(a);
    TRY(auth_need(call, "GroupName", 128, &name));
    json_set(item, S("id"), json_string(a, name));
    json_set(item, S("created"), json_int(a, (i64)call->hub->now_ms()));
    TRY(take_members(call, item));
    struct store_write write = {
        .kind = STORE_PUT, .table = AUTH_GROUPS, .item = item, .only_absent = true};
    err *e = store_write(call->hub->store, a, &write, 1, NULL);
    if (e != NULL && e->code == ERR_CONDITION_FAILED) {
        return auth_refuse(a, "GroupExistsException", "A group with the name already exists.");
    }
    TRY(e);
    auth_answer(call, "Group", show_group(call, item));
    return NULL;
}

err *auth_get_group(struct auth_call *call)
{
    struct json *item = NULL;
    TRY(need_group(call, &item));
    auth_answer(call, "Group", show_group(call, item));
    return NULL;
}

static err *change_group(struct auth_call *call, struct json *item) YIELDS;

// Only of what was read: of two changes at the same time neither is lost.
static err *change_group(struct auth_call *call, struct json *item)
{
    const struct json *rev = json_get(item, S("rev"));
    rev = rev != NULL ? json_copy(call->arena, rev) : NULL; // it is replaced below
    struct store_write write = {.kind = STORE_PUT,
        .table = AUTH_GROUPS,
        .item = item,
        .condition = auth_unchanged(call->arena, S("rev"), rev),
        .only_existing = true};
    i64 next = json_get_int(item, S("rev"), 0) + 1;
    json_set(item, S("rev"), json_int(call->arena, next));
    return store_write(call->hub->store, call->arena, &write, 1, NULL);
}

err *auth_update_group(struct auth_call *call)
{
    enum { TRIES = 50 };
    struct json *item = NULL;
    err *e = NULL;
    for (int i = 0; i < TRIES; i++) {
        TRY(need_group(call, &item)); // it may be deleted meanwhile
        TRY(take_members(call, item));
        e = change_group(call, item);
        if (e == NULL || e->code != ERR_CONDITION_FAILED) {
            break;
        }
    }
    if (e != NULL && e->code == ERR_CONDITION_FAILED) {
        return auth_too_many(call->arena);
    }
    TRY(e);
    auth_hub_raise(call->hub); // a former role is no one's any more
    auth_answer(call, "Group", show_group(call, item));
    return NULL;
}

static err *delete_members(
    struct store *store, struct arena *arena, const struct json *group) YIELDS;

static err *delete_members(struct store *store, struct arena *arena, const struct json *group)
{
    struct store_query query = {
        .table = AUTH_MEMBERS, .index = S("byGroup"), .pk = json_get(group, S("id"))};
    do {
        struct store_page page = {};
        TRY(store_query(store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            struct store_write leave = {.kind = STORE_DELETE,
                .table = AUTH_MEMBERS,
                .pk = json_get(page.items[i], S("user")),
                .sk = json_get(page.items[i], S("group"))};
            TRY(store_write(store, arena, &leave, 1, NULL));
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}

// Who was in it is in it no more, also when one of that name is made again. A deletion that failed
// half-way can be repeated, since the group is there until it has no members; whoever got in
// between goes after it.
static err *delete_group(struct auth_hub *hub, struct arena *arena, const struct json *item) YIELDS;

static err *delete_group(struct auth_hub *hub, struct arena *arena, const struct json *item)
{
    err *e = delete_members(hub->store, arena, item);
    struct store_write write = {
        .kind = STORE_DELETE, .table = AUTH_GROUPS, .pk = json_get(item, S("id"))};
    if (e == NULL) {
        e = store_write(hub->store, arena, &write, 1, NULL);
    }
    auth_hub_raise(hub);
    TRY(e);
    return delete_members(hub->store, arena, item);
}

err *auth_delete_group(struct auth_call *call)
{
    check(call->is_admin);
    struct json *item = NULL;
    TRY(need_group(call, &item));
    return delete_group(call->hub, call->arena, item);
}

err *auth_list_groups(struct auth_call *call)
{
    struct store_query query = {.table = AUTH_GROUPS};
    struct store_page page = {};
    struct json *list = json_array(call->arena);
    TRY(auth_page_of(call, "NextToken", LIMIT_MAX, &query));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        json_push(list, show_group(call, page.items[i]));
    }
    auth_answer(call, "Groups", list);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

// ---- members -------------------------------------------------------------------------------

// A user is in so many groups at most: tokens name them all.
static err *check_room(struct auth_call *call, str group) YIELDS;

static err *check_room(struct auth_call *call, str group)
{
    struct store_query query = {
        .table = AUTH_MEMBERS, .pk = auth_str(call, call->user->id), .limit = GROUPS_MAX};
    struct store_page page = {};
    TRY(store_query(call->hub->store, call->arena, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        if (str_eq(json_get_str(page.items[i], S("group")), group)) {
            return NULL; // it is in it already
        }
    }
    return page.count < GROUPS_MAX ? NULL
                                   : auth_refuse(call->arena, "LimitExceededException",
                                         "A user can be in at most 100 groups.");
}

err *auth_admin_add_user_to_group(struct auth_call *call)
{
    struct json *group = NULL;
    struct json *row = json_object(call->arena);
    TRY(auth_need_user(call));
    TRY(need_group(call, &group));
    TRY(check_room(call, json_get_str(group, S("id"))));
    json_set(row, S("user"), auth_str(call, call->user->id));
    json_set(row, S("group"), auth_str(call, json_get_str(group, S("id"))));
    const struct json *id = json_get(group, S("id"));
    const struct json *user = json_get(row, S("user"));
    struct store_write writes[] = {
        {.kind = STORE_CHECK,
            .table = AUTH_GROUPS,
            .pk = id,
            .condition = auth_unchanged(call->arena, S("id"), id)},
        {.kind = STORE_CHECK,
            .table = AUTH_USERS,
            .pk = user,
            .condition = auth_unchanged(call->arena, S("id"), user)},
        {.kind = STORE_PUT, .table = AUTH_MEMBERS, .item = row},
    };
    size_t failed = 0;
    err *e = store_write(call->hub->store, call->arena, writes, countof(writes), &failed);
    if (e != NULL && e->code == ERR_CONDITION_FAILED) { // deleted meanwhile
        return failed == 0 ? no_group(call) : auth_no_user(call->arena);
    }
    TRY(e);
    auth_hub_raise(call->hub);
    return NULL;
}

err *auth_admin_remove_user_from_group(struct auth_call *call)
{
    struct json *group = NULL;
    TRY(auth_need_user(call));
    TRY(need_group(call, &group));
    struct store_write write = {.kind = STORE_DELETE,
        .table = AUTH_MEMBERS,
        .pk = auth_str(call, call->user->id),
        .sk = json_get(group, S("id"))};
    TRY(store_write(call->hub->store, call->arena, &write, 1, NULL));
    auth_hub_raise(call->hub);
    return NULL;
}

err *auth_admin_list_groups_for_user(struct auth_call *call)
{
    struct json *list = json_array(call->arena);
    TRY(auth_need_user(call));
    struct store_query query = {.table = AUTH_MEMBERS, .pk = auth_str(call, call->user->id)};
    struct store_page page = {};
    TRY(auth_page_of(call, "NextToken", LIMIT_MAX, &query));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct json *group = NULL;
        TRY(auth_get(call, AUTH_GROUPS, json_get_str(page.items[i], S("group")), &group));
        if (group != NULL) {
            json_push(list, show_group(call, group));
        }
    }
    auth_answer(call, "Groups", list);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

err *auth_list_users_in_group(struct auth_call *call)
{
    struct json *group = NULL;
    struct json *list = json_array(call->arena);
    TRY(need_group(call, &group));
    struct store_query query = {
        .table = AUTH_MEMBERS, .index = S("byGroup"), .pk = json_get(group, S("id"))};
    struct store_page page = {};
    TRY(auth_page_of(call, "NextToken", LIMIT_MAX, &query));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        struct auth_user *user = NULL;
        TRY(auth_user_load(call, json_get_str(page.items[i], S("user")), &user));
        if (user != NULL) {
            json_push(list, auth_show_user(call, user, "Attributes"));
        }
    }
    auth_answer(call, "Users", list);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

// ---- those of the definition ---------------------------------------------------------------

err *auth_service_apply(struct auth_service *service, struct store *store, struct arena *arena)
{
    check_magic(service, AUTH_SERVICE_MAGIC);
    for (size_t i = 0; i < service->group_count; i++) {
        const struct auth_group_def *def = &service->groups[i];
        struct json *item = NULL;
        struct json *key = json_string(arena, def->name);
        str role = auth_role_arn(arena, service, auth_group_role(arena, service, def->name));
        TRY(store_get(store, arena, AUTH_GROUPS, key, NULL, &item));
        if (item != NULL && json_get_int(item, S("precedence"), -1) == def->precedence &&
            str_eq(json_get_str(item, S("role")), role) &&
            json_get_bool(item, S("defined"), false)) {
            continue;
        }
        struct json *fresh = item != NULL ? item : json_object(arena);
        json_set(fresh, S("id"), json_string(arena, def->name));
        json_set(fresh, S("precedence"), json_int(arena, def->precedence));
        json_set(fresh, S("role"), json_string(arena, role));
        json_set(fresh, S("defined"), json_bool(arena, true));
        json_set(fresh, S("modified"), json_int(arena, (i64)time_now_ms()));
        if (item == NULL) {
            json_set(fresh, S("created"), json_int(arena, (i64)time_now_ms()));
        }
        struct store_write write = {.kind = STORE_PUT, .table = AUTH_GROUPS, .item = fresh};
        TRY(store_write(store, arena, &write, 1, NULL));
    }
    return NULL;
}

static bool is_defined(const struct auth_service *service, str name)
{
    for (size_t i = 0; i < service->group_count; i++) {
        if (str_eq(service->groups[i].name, name)) {
            return true;
        }
    }
    return false;
}

err *auth_hub_drop_groups(
    struct auth_hub *hub, const struct auth_service *service, struct arena *arena)
{
    check_magic(service, AUTH_SERVICE_MAGIC);
    struct store_query query = {.table = AUTH_GROUPS};
    do {
        struct store_page page = {};
        TRY(store_query(hub->store, arena, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const struct json *item = page.items[i];
            if (json_get_bool(item, S("defined"), false) &&
                !is_defined(service, json_get_str(item, S("id")))) {
                TRY(delete_group(hub, arena, item));
            }
        }
        query.page_token = page.next_token;
    } while (query.page_token.len > 0);
    return NULL;
}
