// Authorisation: AppSync's own check of the field's modes, then the model's rules. What a rule asks
// of an item (its owner, its group) becomes a predicate, used alike for what is read, listed, about
// to be written, and published. Source: the templates of @aws-amplify/graphql-auth-transformer.
#include "data/data_int.h"

// ---- AppSync's own check -----------------------------------------------------------------------

static bool has_text(const struct json *list, str text)
{
    bool found = false;
    json_each (item, list) {
        found = found || (item->kind == JSON_STRING && str_eq(item->text, text));
    }
    return found;
}

// @aws_cognito_user_pools(cognito_groups): in one of them, by the pool's own claim.
static bool is_in_groups(struct data_request *request, const struct data_access *access)
{
    const struct data_caller *caller = &request->caller;
    const struct json *groups = json_get(caller->claims, S("cognito:groups"));
    bool found = access == NULL || access->group_count == 0;
    request->is_personal = request->is_personal || !found;
    for (size_t i = 0; !found && i < access->group_count; i++) {
        found = has_text(groups, access->groups[i]);
    }
    return found;
}

static bool is_root(const struct data_request *request, const struct gql_type *type)
{
    const struct gql_schema *schema = request->service->schema;
    return type == gql_schema_root(schema, GQL_QUERY) ||
           type == gql_schema_root(schema, GQL_MUTATION) ||
           type == gql_schema_root(schema, GQL_SUBSCRIPTION);
}

// Whoever signs needs a policy that allows the operation: AppSync's action is appsync:GraphQL.
static bool policies_allow(
    struct data_request *request, const struct gql_type *parent, const struct gql_field_def *field)
{
    char text[512];
    struct buf arn = {.ptr = text, .cap = sizeof(text), .max = sizeof(text)};
    if (!is_root(request, parent)) {
        return true; // what hangs on an operation is the operation's
    }
    request->is_personal = true;
    buf_fmt(&arn, "%.*s/types/%.*s/fields/%.*s", PRI(request->service->api_arn), PRI(parent->name),
        PRI(field->name));
    return !arn.overflow && iam_may(&request->caller.principal, S("appsync:GraphQL"), buf_str(&arn),
                                NULL) == IAM_ALLOWED;
}

// A field's directives count if it has any, else its type's, else the API's default mode.
bool data_may_access(void *arg, const struct gql_type *parent, const struct gql_field_def *field)
{
    struct data_request *request = arg;
    const struct data_caller *caller = &request->caller;
    const struct data_access *access = field->access != NULL ? field->access : parent->access;
    unsigned providers =
        access != NULL ? access->providers : (unsigned)request->service->api->modes.first;
    if ((providers & caller->provider) == 0) {
        return false;
    }
    request->is_personal = request->is_personal || caller->denied != NULL;
    return caller->provider == DATA_LAMBDA       ? !data_is_denied(request, parent, field->name)
           : caller->provider == DATA_USER_POOLS ? is_in_groups(request, access)
           : caller->provider == DATA_IAM        ? policies_allow(request, parent, field)
                                                 : true;
}

// ---- what a caller has to show ------------------------------------------------------------

// A claim's text; NULL when the token has none. The name is called differently in id tokens.
static const struct json *claim_of(const struct data_caller *caller, str name)
{
    const struct json *claim = json_get(caller->claims, name);
    if (json_is_null(claim) && str_eq(name, S("username"))) {
        claim = json_get(caller->claims, S("cognito:username"));
    }
    return claim != NULL && claim->kind == JSON_STRING ? claim : NULL;
}

struct values { // that an item's field may have
    const struct json **items;
    size_t count;
};

// What owners of the caller's kind are called: all claims joined (first), and each by itself.
// `whole`: only when the token has every one.
static struct values owner_values(
    struct arena *arena, const struct data_role *role, const struct data_caller *caller, bool whole)
{
    size_t size = role->claim_count + 1;
    struct values values = {(const struct json **)arena_array(arena, const struct json *, size), 0};
    struct buf joined = buf_in(arena, 64 * 1024);
    size_t missing = 0;
    check(role->is_owner && role->claim_count > 0);
    for (size_t i = 0; i < role->claim_count; i++) {
        const struct json *claim = claim_of(caller, role->claims[i]);
        missing += claim == NULL;
        buf_add(&joined, i > 0 ? S("::") : S(""));
        buf_add(&joined, claim != NULL ? claim->text : S(""));
    }
    if (missing > 0 && whole) {
        return values;
    }
    if (missing == 0) {
        values.items[values.count++] = json_string(arena, buf_str(&joined));
    }
    for (size_t i = 0; i < role->claim_count && role->claim_count > 1; i++) {
        const struct json *claim = claim_of(caller, role->claims[i]);
        if (claim != NULL) {
            values.items[values.count++] = claim;
        }
    }
    return values;
}

// The caller's groups. A text may be a JSON list, or is one group; `lists_only`: then it is none.
static struct values group_values(struct arena *arena, const struct data_role *role,
    const struct data_caller *caller, bool lists_only)
{
    const struct json *claim = json_get(caller->claims, role->claim);
    struct json *parsed = NULL;
    bool text = claim != NULL && claim->kind == JSON_STRING;
    if (text && !lists_only) {
        bool list = json_parse(arena, str_dup(arena, claim->text), &parsed, NULL) == NULL &&
                    parsed->kind == JSON_ARRAY;
        if (!list) {
            parsed = json_array(arena);
            json_push(parsed, json_string(arena, claim->text));
        }
        claim = parsed;
    }
    size_t size = claim != NULL && claim->kind == JSON_ARRAY ? claim->count : 0;
    struct values values = {
        (const struct json **)arena_array(arena, const struct json *, size + 1), 0};
    for (struct json *item = size > 0 ? claim->child : NULL; item != NULL; item = item->next) {
        if (item->kind == JSON_STRING && item->text.len > 0) {
            values.items[values.count++] = item;
        }
    }
    return values;
}

static struct values values_of(struct arena *arena, const struct data_role *role,
    const struct data_caller *caller, bool reading)
{
    return role->is_owner ? owner_values(arena, role, caller, !reading)
                          : group_values(arena, role, caller, reading && role->entity_is_list);
}

// The field is one of the values, or its list has one of them. NULL: no item can meet it.
static const struct store_pred *any_of(
    struct arena *arena, const struct data_role *role, const struct values *values)
{
    const struct store_pred *any = NULL;
    for (size_t i = 0; i < values->count; i++) {
        enum store_op op = role->entity_is_list ? STORE_CONTAINS : STORE_EQ;
        any = store_pred_or(arena, any, store_pred_leaf(arena, op, role->entity, values->items[i]));
    }
    return any;
}

static bool is_member(const struct data_role *role, const struct data_caller *caller)
{
    const struct json *claim = json_get(caller->claims, role->claim);
    if (claim != NULL && claim->kind == JSON_STRING) {
        return str_find(claim->text, role->group) >= 0; // as the templates' contains() does
    }
    return claim != NULL && claim->kind == JSON_ARRAY && has_text(claim, role->group);
}

// Whether a role that asks nothing of an item is the caller's.
static bool has_static_role(const struct data_role *role, const struct data_caller *caller)
{
    if (role->group.len > 0) {
        return is_member(role, caller);
    }
    if (caller->provider != DATA_IAM) {
        return true; // API key, everybody who has signed in, the Lambda authoriser's
    }
    return role->allow == DATA_ALLOW_PUBLIC ? caller->principal.kind == IAM_GUEST
                                            : caller->principal.kind == IAM_AUTHENTICATED;
}

size_t data_grants(struct arena *arena, struct data_request *request,
    const struct data_model *model, unsigned ops, bool reading, struct data_grant **out)
{
    const struct data_caller *caller = &request->caller;
    struct data_grant *grants = arena_array(arena, struct data_grant, model->role_count + 1);
    size_t count = 0;
    request->is_personal = request->is_personal || caller->provider != DATA_API_KEY;
    for (size_t i = 0; i < model->role_count; i++) {
        const struct data_role *role = &model->roles[i];
        if (role->provider != caller->provider || (role->some & ops) == 0) {
            continue;
        }
        if (!role->is_dynamic && has_static_role(role, caller)) {
            grants[count++] = (struct data_grant){.role = role};
        } else if (role->is_dynamic) {
            struct values values = values_of(arena, role, caller, reading);
            const struct store_pred *when = any_of(arena, role, &values);
            grants[count] = (struct data_grant){.role = role, .when = when};
            count += when != NULL;
        }
    }
    *out = grants;
    return count;
}

const struct json *data_owner_value(
    struct arena *arena, const struct data_role *role, const struct data_caller *caller)
{
    struct values values = owner_values(arena, role, caller, true);
    return values.count > 0 ? values.items[0] : NULL;
}

// A model without rules is open to the API key in sandbox mode only. Principals of AWS that are no
// identities of the identity pool (scripts, functions) may do what their policies say.
bool data_is_unlimited(const struct data_request *request, const struct data_model *model)
{
    const struct data_caller *caller = &request->caller;
    bool open = model->role_count == 0 && request->service->api->sandbox &&
                caller->provider == DATA_API_KEY;
    bool plain = caller->provider == DATA_IAM && caller->principal.kind != IAM_GUEST &&
                 caller->principal.kind != IAM_AUTHENTICATED;
    return open || plain;
}

// ---- reading and deleting -----------------------------------------------------------------

// One grant without a condition is enough; else one of the conditions must be met.
static bool combine(struct arena *arena, const struct data_grant *grants, size_t count,
    const struct store_pred **filter)
{
    const struct store_pred *any = NULL;
    bool always = false;
    for (size_t i = 0; i < count; i++) {
        always = always || grants[i].when == NULL;
        any = store_pred_or(arena, any, grants[i].when);
    }
    *filter = always ? NULL : any;
    return count > 0;
}

err *data_authorise(const struct gql_call *call, const struct data_model *model, enum data_op op,
    const struct store_pred **filter)
{
    check(op == DATA_OP_READ || op == DATA_OP_DELETE);
    struct data_request *request = call->request;
    struct data_grant *grants = NULL;
    *filter = NULL;
    if (data_is_unlimited(request, model)) {
        return NULL;
    }
    size_t count = data_grants(call->arena, request, model, op, op != DATA_OP_DELETE, &grants);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) { // deleting takes away every field
        bool may = op != DATA_OP_DELETE || (grants[i].role->every & DATA_OP_DELETE) != 0;
        grants[kept] = grants[i];
        kept += may;
    }
    return combine(call->arena, grants, kept, filter) ? NULL : data_unauthorized(call);
}

// An argument that names the owner: the key itself, or a condition on the sort key. True when it
// names the caller.
static bool names_caller(const struct json *argument, const struct values *values)
{
    const struct json *value =
        argument->kind == JSON_OBJECT ? json_get(argument, S("eq")) : argument;
    bool found = false;
    for (size_t i = 0; i < values->count; i++) {
        found = found || (value != NULL && json_equal(value, values->items[i]));
    }
    return found;
}

// Rules whose field is part of the key that is asked for: what the arguments name decides, before
// anything is read. What they leave open becomes part of the key condition, or of the filter.
static bool decide_by_key(struct gql_call *call, const struct data_keys *keys,
    const struct data_grant *grants, size_t count, const struct store_pred **filter,
    const struct json **sort)
{
    struct data_request *request = call->request;
    bool whole_table = json_is_null(json_get(call->args, keys->partition)) && !keys->is_index;
    const struct json *last = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct data_role *role = grants[i].role;
        const struct json *argument = json_get(call->args, role->entity);
        struct values values = values_of(call->arena, role, &request->caller, false);
        if (!data_keys_have(keys, role->entity) || !role->is_dynamic || values.count == 0) {
            continue;
        }
        if (!json_is_null(argument)) {
            if (names_caller(argument, &values)) {
                *filter = NULL;
                return true;
            }
        } else if (whole_table) {
            *filter = store_pred_or(call->arena, *filter, any_of(call->arena, role, &values));
        } else {
            last = role->is_owner ? values.items[0] : values.items[values.count - 1];
        }
    }
    if (last != NULL && *filter == NULL) {
        *sort = last;
        return true;
    }
    return *filter != NULL;
}

bool data_keys_have(const struct data_keys *keys, str field)
{
    return field.len > 0 && (str_eq(keys->partition, field) || str_eq(keys->sort, field));
}

err *data_authorise_keys(struct gql_call *call, const struct data_model *model, enum data_op op,
    const struct data_keys *keys, const struct store_pred **filter, const struct json **sort)
{
    struct data_request *request = call->request;
    struct data_grant *grants = NULL;
    struct data_grant *others = arena_array(call->arena, struct data_grant, model->role_count + 1);
    size_t other_count = 0;
    *filter = NULL;
    *sort = NULL;
    if (data_is_unlimited(request, model)) {
        return NULL;
    }
    size_t count = data_grants(call->arena, request, model, op, true, &grants);
    for (size_t i = 0; i < count; i++) {
        bool by_key = grants[i].when != NULL && data_keys_have(keys, grants[i].role->entity);
        others[other_count] = grants[i];
        other_count += !by_key;
    }
    bool others_let_in = combine(call->arena, others, other_count, filter);
    if (others_let_in && *filter == NULL) {
        return NULL;
    }
    return decide_by_key(call, keys, grants, count, filter, sort) ? NULL : data_unauthorized(call);
}

bool data_may_read_field(const struct gql_call *call, const struct data_model *model, size_t field)
{
    struct data_request *request = call->request;
    struct data_grant *grants = NULL;
    bool may = data_is_unlimited(request, model);
    size_t count = may ? 0 : data_grants(call->arena, request, model, DATA_OP_GET, false, &grants);
    for (size_t i = 0; i < count && !may; i++) {
        may = (grants[i].role->ops[field] & DATA_OP_READ) != 0 &&
              store_pred_eval(grants[i].when, call->source);
    }
    return may;
}

// Whether the rules of an operation outside of models let the caller in: none of them asks
// anything of an item.
bool data_may_call(const struct data_request *request, const struct data_role *roles, size_t count)
{
    bool may = request->caller.provider == DATA_IAM &&
               request->caller.principal.kind != IAM_GUEST &&
               request->caller.principal.kind != IAM_AUTHENTICATED;
    for (size_t i = 0; i < count && !may; i++) {
        may = roles[i].provider == request->caller.provider && !roles[i].is_dynamic &&
              has_static_role(&roles[i], &request->caller);
    }
    return may;
}

// ---- subscribing --------------------------------------------------------------------------

// Payloads carry what fields show: of an owner the last part.
static const struct store_pred *listen_pred(
    struct arena *arena, const struct data_role *role, const struct data_caller *caller)
{
    struct values values = values_of(arena, role, caller, false);
    if (role->is_owner && values.count > 1) {
        values.items[0] = values.items[values.count - 1];
        values.count = 1;
    }
    return any_of(arena, role, &values);
}

enum owner_argument { OWNER_NOT_NAMED, OWNER_IS_CALLER, OWNER_IS_OTHER };

// An owner argument must name the caller.
static enum owner_argument owner_argument(const struct gql_call *call, const struct data_role *role)
{
    struct data_request *request = call->request;
    const struct json *argument = json_get(call->args, role->entity);
    struct values values = values_of(call->arena, role, &request->caller, false);
    bool blank = json_is_null(argument) || argument->kind != JSON_STRING || argument->text.len == 0;
    if (!role->is_owner || blank || values.count == 0) {
        return OWNER_NOT_NAMED;
    }
    return names_caller(argument, &values) ? OWNER_IS_CALLER : OWNER_IS_OTHER;
}

err *data_authorise_listen(
    const struct gql_call *call, const struct data_model *model, struct data_subscribe *out)
{
    struct data_request *request = call->request;
    struct data_grant *grants = NULL;
    const struct store_pred *any = NULL;
    size_t dynamic = 0;
    bool named = false;
    bool filtered =
        json_get(call->args, S("filter")) != NULL && json_get(call->args, S("filter"))->count > 0;
    out->compares = !filtered;
    if (data_is_unlimited(request, model)) {
        return NULL;
    }
    size_t count = data_grants(call->arena, request, model, DATA_OP_LISTEN, false, &grants);
    for (size_t i = 0; i < count; i++) {
        if (grants[i].when == NULL) {
            return NULL;
        }
    }
    for (size_t i = 0; i < count; i++) {
        enum owner_argument owner = owner_argument(call, grants[i].role);
        if (owner == OWNER_IS_OTHER && !named) {
            return data_unauthorized(call);
        }
        named = named || owner == OWNER_IS_CALLER;
        dynamic++;
        any = store_pred_or(
            call->arena, any, listen_pred(call->arena, grants[i].role, &request->caller));
    }
    if (any == NULL) {
        return data_unauthorized(call);
    }
    if (!named || dynamic > 1 || filtered) {
        out->rule = any;
        out->compares = false;
    }
    return NULL;
}
