// Groups of a user and the roles that come with them: for tokens, and for credentials.
#include "auth/auth_token.h"

// ---- names of roles ------------------------------------------------------------------------

str auth_role_arn(struct arena *arena, const struct auth_service *service, str role)
{
    return str_cat(arena, S("arn:aws:iam::"), service->account, S(":role/"), role);
}

str auth_group_role(struct arena *arena, const struct auth_service *service, str group)
{
    return str_cat(arena, S("amplify-"), service->name, S("-"), group, S("GroupRole"));
}

str auth_role_of(struct arena *arena, const struct auth_service *service, bool authenticated)
{
    return str_cat(
        arena, S("amplify-"), service->name, authenticated ? S("-authRole") : S("-unauthRole"));
}

// ---- groups of a user ----------------------------------------------------------------------

static i64 precedence_of(const struct json *group)
{
    const struct json *given = json_get(group, S("precedence"));
    i64 value = 0;
    return !json_is_null(given) && json_to_i64(given, &value) ? value : INT64_MAX;
}

// Strongest first; those without a precedence come last, by name.
static bool is_stronger(const struct json *a, const struct json *b)
{
    i64 first = precedence_of(a);
    i64 second = precedence_of(b);
    return first != second ? first < second
                           : str_cmp(json_get_str(a, S("id")), json_get_str(b, S("id"))) < 0;
}

static void sort_groups(struct json **groups, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct json *group = groups[i];
        size_t at = i;
        for (; at > 0 && is_stronger(group, groups[at - 1]); at--) {
            groups[at] = groups[at - 1];
        }
        groups[at] = group;
    }
}

// The role of the strongest group; none when two are equally strong and their roles differ.
static str preferred_role(struct json *const *groups, size_t count)
{
    str role = count > 0 ? json_get_str(groups[0], S("role")) : (str){};
    for (size_t i = 1; i < count && precedence_of(groups[i]) == precedence_of(groups[0]); i++) {
        if (!str_eq(json_get_str(groups[i], S("role")), role)) {
            return (str){};
        }
    }
    return role;
}

err *auth_groups_of(
    struct auth_call *call, str user, struct json **groups, struct json **roles, str *preferred)
{
    check(auth_is_uuid(user));
    struct arena *a = call->arena;
    struct store_query query = {.table = AUTH_MEMBERS, .pk = auth_str(call, user)};
    struct store_page page = {};
    TRY(store_query(call->hub->store, a, &query, &page));
    struct json **found = arena_array(a, struct json *, page.count);
    size_t count = 0;
    for (size_t i = 0; i < page.count; i++) {
        str name = json_get_str(page.items[i], S("group"));
        TRY(auth_get(call, AUTH_GROUPS, name, &found[count]));
        count += found[count] != NULL;
    }
    sort_groups(found, count);
    *preferred = preferred_role(found, count);
    *groups = json_array(a);
    *roles = json_array(a);
    for (size_t i = 0; i < count; i++) {
        str role = json_get_str(found[i], S("role"));
        json_push(*groups, auth_str(call, json_get_str(found[i], S("id"))));
        if (role.len > 0) {
            json_push(*roles, auth_str(call, role));
        }
    }
    return NULL;
}
