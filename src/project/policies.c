// The roles of a project and their policies: the identity pool's and one per function. Each grant
// of the definitions becomes the policy that Amplify's constructs make of it; statements that the
// definitions add themselves are taken over as far as they can be honoured.
#include "project/project_int.h"

enum {
    CHUNK_MAX = 6000, // where the official transformer begins another policy
    CHUNK_OVERHEAD = 100,
    WARNING_MAX = 300,
    POLICY_MAX = 128 * 1024, // as iam takes it
};

// ---- making documents --------------------------------------------------------------------------

struct json *role_one(struct arena *arena, str text)
{
    struct json *list = json_array(arena);
    json_push(list, json_string(arena, text));
    return list;
}

struct json *role_statement(
    struct arena *arena, bool allow, struct json *actions, struct json *resources)
{
    struct json *statement = json_object(arena);
    json_set(statement, S("Effect"), json_string(arena, allow ? S("Allow") : S("Deny")));
    json_set(statement, S("Action"), actions);
    json_set(statement, S("Resource"), resources);
    return statement;
}

static struct json *document(struct arena *arena, struct json *statements)
{
    struct json *root = json_object(arena);
    json_set(root, S("Version"), json_string(arena, S("2012-10-17")));
    json_set(root, S("Statement"), statements);
    return root;
}

void role_add_policy(struct role_maker *maker, struct role_entry *role, struct json *statements)
{
    if (role != NULL && statements->count > 0) {
        *vec_push(maker->arena, &role->texts) =
            json_text(maker->arena, document(maker->arena, statements));
    }
}

static void add_statement(struct role_maker *maker, struct role_entry *role, struct json *statement)
{
    struct json *statements = json_array(maker->arena);
    json_push(statements, statement);
    role_add_policy(maker, role, statements);
}

// ---- roles -------------------------------------------------------------------------------------

struct role_entry *role_find(struct role_maker *maker, str kind, str of)
{
    for (size_t i = 0; i < maker->roles.count; i++) {
        if (str_eq(maker->roles.items[i].kind, kind) && str_eq(maker->roles.items[i].of, of)) {
            return &maker->roles.items[i];
        }
    }
    return NULL;
}

static void add_role(struct role_maker *maker, str name, str kind, str of)
{
    struct role_entry *role = vec_push(maker->arena, &maker->roles);
    role->name = name;
    role->kind = kind;
    role->of = of;
}

static void add_roles(struct role_maker *maker)
{
    struct arena *a = maker->arena;
    const struct auth_service *auth = maker->tokens->auth;
    if (auth != NULL) {
        add_role(maker, auth_role_of(a, auth, true), S("authenticated"), (str){});
        add_role(maker, auth_role_of(a, auth, false), S("unauthenticated"), (str){});
        json_each (group, json_get(json_get(maker->manifest, S("auth")), S("groups"))) {
            str name = json_get_str(group, S("name"));
            add_role(maker, auth_group_role(a, auth, name), S("group"), name);
        }
    }
    json_each (function, json_get(maker->manifest, S("functions"))) {
        add_role(maker, project_function_role(a, function->key), S("function"), function->key);
    }
}

// ---- auth --------------------------------------------------------------------------------------

// What access to auth means, in the order of the official table.
static const struct {
    str action;
    str names; // calls of the user pool's API
} POOL_ACTIONS[] = {
    {S_INIT("manageUsers"),
        S_INIT("AdminConfirmSignUp AdminCreateUser AdminDeleteUser AdminDeleteUserAttributes "
               "AdminDisableUser AdminEnableUser AdminGetUser AdminListGroupsForUser "
               "AdminRespondToAuthChallenge AdminSetUserMFAPreference AdminSetUserSettings "
               "AdminUpdateUserAttributes AdminUserGlobalSignOut")},
    {S_INIT("manageGroupMembership"), S_INIT("AdminAddUserToGroup AdminRemoveUserFromGroup")},
    {S_INIT("manageGroups"), S_INIT("GetGroup ListGroups CreateGroup DeleteGroup UpdateGroup")},
    {S_INIT("manageUserDevices"),
        S_INIT("AdminForgetDevice AdminGetDevice AdminListDevices AdminUpdateDeviceStatus")},
    {S_INIT("managePasswordRecovery"), S_INIT("AdminResetUserPassword AdminSetUserPassword")},
    {S_INIT("manageProviderForUser"), S_INIT("AdminLinkProviderForUser")},
    {S_INIT("addUserToGroup"), S_INIT("AdminAddUserToGroup")},
    {S_INIT("createGroup"), S_INIT("CreateGroup")},
    {S_INIT("createUser"), S_INIT("AdminCreateUser")},
    {S_INIT("deleteGroup"), S_INIT("DeleteGroup")},
    {S_INIT("deleteUser"), S_INIT("AdminDeleteUser")},
    {S_INIT("deleteUserAttributes"), S_INIT("AdminDeleteUserAttributes")},
    {S_INIT("disableUser"), S_INIT("AdminDisableUser")},
    {S_INIT("enableUser"), S_INIT("AdminEnableUser")},
    {S_INIT("forgetDevice"), S_INIT("AdminForgetDevice")},
    {S_INIT("getDevice"), S_INIT("AdminGetDevice")},
    {S_INIT("getGroup"), S_INIT("GetGroup")},
    {S_INIT("getUser"), S_INIT("AdminGetUser")},
    {S_INIT("listUsers"), S_INIT("ListUsers")},
    {S_INIT("listUsersInGroup"), S_INIT("ListUsersInGroup")},
    {S_INIT("listDevices"), S_INIT("AdminListDevices")},
    {S_INIT("listGroups"), S_INIT("ListGroups")},
    {S_INIT("listGroupsForUser"), S_INIT("AdminListGroupsForUser")},
    {S_INIT("removeUserFromGroup"), S_INIT("AdminRemoveUserFromGroup")},
    {S_INIT("resetUserPassword"), S_INIT("AdminResetUserPassword")},
    {S_INIT("setUserMfaPreference"), S_INIT("AdminSetUserMFAPreference")},
    {S_INIT("setUserPassword"), S_INIT("AdminSetUserPassword")},
    {S_INIT("setUserSettings"), S_INIT("AdminSetUserSettings")},
    {S_INIT("updateDeviceStatus"), S_INIT("AdminUpdateDeviceStatus")},
    {S_INIT("updateGroup"), S_INIT("UpdateGroup")},
    {S_INIT("updateUserAttributes"), S_INIT("AdminUpdateUserAttributes")},
};

static void push_pool_actions(struct arena *a, struct json *list, str action)
{
    for (size_t i = 0; i < countof(POOL_ACTIONS); i++) {
        str rest = POOL_ACTIONS[i].names;
        str name = {};
        while (str_eq(POOL_ACTIONS[i].action, action) && str_next(&rest, ' ', &name)) {
            str full = str_cat(a, S("cognito-idp:"), name);
            bool known = false;
            json_each (one, list) {
                known = known || str_eq(one->text, full);
            }
            if (!known) {
                json_push(list, json_string(a, full));
            }
        }
    }
}

static void add_auth_access(struct role_maker *maker)
{
    struct arena *a = maker->arena;
    const struct project_ids *ids = maker->tokens->ids;
    str pool = project_arn(a, ids, "cognito-idp", str_cat(a, S("userpool/"), ids->user_pool_id));
    json_each (access, json_get(json_get(maker->manifest, S("auth")), S("access"))) {
        struct json *actions = json_array(a);
        json_each (action, json_get(access, S("actions"))) {
            push_pool_actions(a, actions, action->text);
        }
        if (actions->count > 0) {
            add_statement(maker,
                role_find(maker, S("function"), json_get_str(access, S("function"))),
                role_statement(a, true, actions, role_one(a, pool)));
        }
    }
}

// ---- data --------------------------------------------------------------------------------------

static str api_arn(struct role_maker *maker)
{
    const struct project_ids *ids = maker->tokens->ids;
    return project_arn(
        maker->arena, ids, "appsync", str_cat(maker->arena, S("apis/"), ids->api_id));
}

// The policies of users or guests, cut where the official ones are.
static void add_pool_data(struct role_maker *maker, const struct data_api *api, bool signed_in)
{
    struct arena *a = maker->arena;
    struct role_entry *role =
        role_find(maker, signed_in ? S("authenticated") : S("unauthenticated"), (str){});
    const struct data_resource *list = NULL;
    size_t count = role == NULL ? 0 : data_policy_resources(a, api, signed_in, &list);
    struct json *resources = json_array(a);
    str arn = str_cat(a, api_arn(maker), S("/types/"));
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        str field = list[i].field;
        str below = field.len > 0 ? str_cat(a, S("/fields/"), field) : S("/*");
        struct json *resource = json_string(a, str_cat(a, arn, list[i].type, below));
        size += CHUNK_OVERHEAD + list[i].type.len + field.len;
        if (size > CHUNK_MAX) {
            add_statement(
                maker, role, role_statement(a, true, role_one(a, S("appsync:GraphQL")), resources));
            resources = json_array(a);
            size = 0;
        }
        json_push(resources, resource);
    }
    if (resources->count > 0) {
        add_statement(
            maker, role, role_statement(a, true, role_one(a, S("appsync:GraphQL")), resources));
    }
}

static void add_data_access(struct role_maker *maker)
{
    static const struct {
        str action;
        str type;
    } TYPES[] = {
        {S_INIT("query"), S_INIT("Query")},
        {S_INIT("mutate"), S_INIT("Mutation")},
        {S_INIT("listen"), S_INIT("Subscription")},
    };

    struct arena *a = maker->arena;
    str schema = str_cat(
        a, S("arn:aws:s3:::"), project_introspection_bucket(), S("/modelIntrospectionSchema.json"));
    json_each (access, json_get(json_get(maker->manifest, S("data")), S("functionAccess"))) {
        struct json *resources = json_array(a);
        struct json *statements = json_array(a);
        json_each (action, json_get(access, S("actions"))) {
            for (size_t i = 0; i < countof(TYPES); i++) {
                if (str_eq(action->text, TYPES[i].action)) {
                    str arn = str_cat(a, api_arn(maker), S("/types/"), TYPES[i].type, S("/*"));
                    json_push(resources, json_string(a, arn));
                }
            }
        }
        if (resources->count > 0) {
            json_push(
                statements, role_statement(a, true, role_one(a, S("appsync:GraphQL")), resources));
        }
        json_push(statements,
            role_statement(a, true, role_one(a, S("s3:GetObject")), role_one(a, schema)));
        role_add_policy(maker, role_find(maker, S("function"), json_get_str(access, S("function"))),
            statements);
    }
}

// ---- statements of the definitions -------------------------------------------------------------

// A statement of the definitions, as it is brought into a form that can be decided over.
struct custom {
    struct role_maker *maker;
    struct role_entry *role;
    bool allow;
    str open; // what of it stands for nothing here; none while all is known
};

static str name_of(struct arena *a, const struct json *item)
{
    str ref = json_get_str(item, S("$ref"));
    str text = item->kind == JSON_STRING ? item->text : ref.len > 0 ? ref : json_text(a, item);
    return text.len > 0 ? text : S("an empty text");
}

// The texts of a list, as far as they are known.
static struct json *texts_of(struct custom *c, const struct json *list)
{
    struct arena *a = c->maker->arena;
    struct json *out = json_array(a);
    json_each (item, list) {
        bool unknown = item->kind != JSON_STRING;
        str text = unknown ? (str){} : project_resolve(a, c->maker->tokens, item->text, &unknown);
        if (!unknown) {
            json_push(out, json_string(a, text));
        } else {
            c->open = name_of(a, item);
        }
    }
    return out;
}

static void warn(struct custom *c, str why)
{
    struct arena *a = c->maker->arena;
    *vec_push(a, &c->maker->warnings) = str_fmt(a, "a %sstatement added to the role %.*s %s: %.*s",
        c->allow ? "" : "Deny ", PRI(c->role->name),
        c->allow ? "was left out" : "denies more than it says", PRI(str_sub(why, 0, WARNING_MAX)));
}

static void warn_open(struct custom *c)
{
    warn(c, str_cat(c->maker->arena, S("it names something that is not there: "), c->open));
}

static err *check_statement(struct role_maker *maker, struct json *statement)
{
    struct json *statements = json_array(maker->arena);
    const struct iam_policy *policy = NULL;
    json_push(statements, json_copy(maker->arena, statement));
    return iam_policy_compile(maker->arena, document(maker->arena, statements), &policy);
}

// What it is about, or (the Not... members) not about. A Deny of what is not known here denies all:
// rather too much than too little.
static void set_part(
    struct custom *c, struct json *statement, const struct json *from, bool actions)
{
    struct arena *a = c->maker->arena;
    const struct json *negated = json_get(from, actions ? S("notActions") : S("notResources"));
    const struct json *about = json_get(from, actions ? S("actions") : S("resources"));
    str before = c->open;
    c->open = (str){};
    struct json *list = texts_of(c, json_is_null(negated) ? about : negated);
    bool all = c->open.len > 0 && !c->allow;
    str name = actions ? S("Action") : S("Resource");
    json_set(statement, json_is_null(negated) || all ? name : str_cat(a, S("Not"), name),
        all ? role_one(a, S("*")) : list);
    c->open = c->open.len > 0 ? c->open : before;
}

// What an Allow does not say clearly it does not allow. A Deny must hold: where its conditions
// cannot be decided it denies without them, and where that is no statement either, nothing is
// served.
static err *add_custom(struct role_maker *maker, struct role_entry *role, const struct json *from)
{
    struct arena *a = maker->arena;
    struct custom c = {
        .maker = maker, .role = role, .allow = !str_eq(json_get_str(from, S("effect")), S("Deny"))};
    struct json *statement = json_object(a);
    json_set(statement, S("Effect"), json_string(a, c.allow ? S("Allow") : S("Deny")));
    set_part(&c, statement, from, true);
    set_part(&c, statement, from, false);
    const struct json *conditions = json_get(from, S("conditions"));
    bool unknown = false;
    if (!json_is_null(conditions) && conditions->count > 0) {
        json_set(
            statement, S("Condition"), project_resolve_all(a, maker->tokens, conditions, &unknown));
        c.open = unknown ? json_text(a, conditions) : c.open;
    }
    if (c.open.len > 0) {
        warn_open(&c);
    }
    if (c.open.len > 0 && c.allow) {
        return NULL;
    }
    err *e = check_statement(maker, statement);
    if (e != NULL && c.allow) {
        warn(&c, e->text);
        return NULL;
    }
    if (!c.allow && (e != NULL || unknown)) {
        json_remove(statement, S("Condition"));
        e = check_statement(maker, statement);
    }
    if (e != NULL) {
        return fail(a, ERR_CONFIG, "a Deny added to the role %.*s cannot be honoured: %.*s",
            PRI(role->name), PRI(e->text));
    }
    add_statement(maker, role, statement);
    return NULL;
}

static err *add_customs(
    struct role_maker *maker, struct role_entry *role, const struct json *statements)
{
    json_each (statement, role != NULL ? statements : NULL) {
        TRY(add_custom(maker, role, statement));
    }
    return NULL;
}

static err *add_all_customs(struct role_maker *maker)
{
    json_each (policy, json_get(json_get(maker->manifest, S("auth")), S("policies"))) {
        str kind = json_get_str(policy, S("role"));
        str of = {};
        if (str_starts(kind, S("group:"))) {
            of = str_sub(kind, S("group:").len, kind.len);
            kind = S("group");
        }
        TRY(add_customs(maker, role_find(maker, kind, of), json_get(policy, S("statements"))));
    }
    json_each (function, json_get(maker->manifest, S("functions"))) {
        TRY(add_customs(maker, role_find(maker, S("function"), function->key),
            json_get(function, S("policies"))));
    }
    return NULL;
}

// ---- the whole ---------------------------------------------------------------------------------

static err *check_sizes(struct arena *arena, const struct role_entry *role)
{
    for (size_t i = 0; i < role->texts.count; i++) {
        if (role->texts.items[i].len > POLICY_MAX) {
            return fail(arena, ERR_CONFIG, "a policy of the role %.*s is larger than %d KiB",
                PRI(role->name), POLICY_MAX / 1024);
        }
    }
    return NULL;
}

err *project_roles_make(struct arena *arena, const struct json *manifest,
    const struct project_tokens *tokens, const struct data_api *api, struct project_roles *out)
{
    struct role_maker maker = {.arena = arena, .manifest = manifest, .tokens = tokens};
    check(tokens->ids != NULL);
    add_roles(&maker);
    add_auth_access(&maker);
    if (api != NULL) {
        add_pool_data(&maker, api, true);
        add_pool_data(&maker, api, false);
        add_data_access(&maker);
    }
    role_add_storage(&maker);
    role_add_functions(&maker);
    TRY(add_all_customs(&maker));
    struct iam_role *roles = arena_array(arena, struct iam_role, maker.roles.count);
    for (size_t i = 0; i < maker.roles.count; i++) {
        const struct role_entry *role = &maker.roles.items[i];
        TRY(check_sizes(arena, role));
        roles[i] = (struct iam_role){role->name, role->texts.items, role->texts.count};
    }
    *out = (struct project_roles){
        roles, maker.roles.count, maker.warnings.items, maker.warnings.count};
    return NULL;
}
