// The identity pool for administrators: who is in it, and what it is. The pool itself is what the
// definitions say; nothing here changes it.
#include "auth/auth_admin.h"
#include "auth/auth_identity.h"

enum { DELETED_MAX = 60 }; // at once

static err *need_pool(struct auth_call *call)
{
    check(call->is_admin);
    str pool = {};
    TRY(auth_need(call, "IdentityPoolId", AUTH_IDENTITY_MAX, &pool));
    if (!str_eq(pool, call->service->identity_pool_id)) {
        return auth_refuse(
            call->arena, "ResourceNotFoundException", "IdentityPool '%.*s' not found.", PRI(pool));
    }
    return NULL;
}

// ---- identities ----------------------------------------------------------------------------

static struct json *show(struct auth_call *call, const struct json *item)
{
    struct arena *a = call->arena;
    struct json *shown = json_object(a);
    struct json *logins = json_array(a);
    u64 created = (u64)json_get_int(item, S("created"), 0);
    if (json_get_str(item, S("login")).len > 0) {
        json_push(logins, json_string(a, auth_provider_of(call->service)));
    }
    json_set(shown, S("IdentityId"), json_string(a, json_get_str(item, S("id"))));
    json_set(shown, S("Logins"), logins);
    json_set(shown, S("CreationDate"), auth_time(a, created));
    json_set(shown, S("LastModifiedDate"), auth_time(a, created));
    return shown;
}

err *auth_describe_identity(struct auth_call *call)
{
    str id = {};
    struct json *item = NULL;
    TRY(auth_need(call, "IdentityId", AUTH_IDENTITY_MAX, &id));
    TRY(auth_get(call, AUTH_IDENTITIES, id, &item));
    if (item == NULL) {
        return auth_no_identity(call, id);
    }
    call->out = show(call, item);
    return NULL;
}

static err *read_limit(struct auth_call *call, u32 *limit)
{
    i64 given = json_get_int(call->in, S("MaxResults"), 0); // at most 60: auth_members_check
    *limit = (u32)given;
    return given >= 1 ? NULL
                      : auth_refuse(call->arena, auth_invalid(call),
                            "1 validation error detected: Value '%lld' at 'maxResults' failed to "
                            "satisfy constraint: Member must have value greater than or equal to 1",
                            (long long)given);
}

err *auth_list_identities(struct auth_call *call)
{
    struct json *list = json_array(call->arena);
    struct store_query query = {
        .table = AUTH_IDENTITIES, .page_token = auth_text(call, "NextToken")};
    struct store_page page = {};
    TRY(need_pool(call));
    TRY(read_limit(call, &query.limit));
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        json_push(list, show(call, page.items[i]));
    }
    auth_answer_text(call, "IdentityPoolId", call->service->identity_pool_id);
    auth_answer(call, "Identities", list);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

// The identity, its login's way to it, and what credentials of it could still do. It does not come
// back under that name.
static err *forget(struct auth_call *call, str id) YIELDS;

static err *forget(struct auth_call *call, str id)
{
    struct json *item = NULL;
    TRY(auth_get(call, AUTH_IDENTITIES, id, &item));
    TRY(iam_revoke(call->hub->iam, call->arena, id, call->hub->now_ms() + 1));
    if (item == NULL) {
        return NULL;
    }
    str login = json_get_str(item, S("login"));
    struct store_write writes[] = {
        {.kind = STORE_DELETE, .table = AUTH_IDENTITIES, .pk = auth_str(call, id)},
        auth_identity_close(call, id),
        {.kind = STORE_DELETE, .table = AUTH_LOGINS, .pk = auth_str(call, login)},
    };
    size_t count = login.len > 0 ? 3 : 2;
    return store_write(call->hub->store, call->arena, writes, count, NULL);
}

err *auth_delete_identities(struct auth_call *call)
{
    const struct json *ids = json_get(call->in, S("IdentityIdsToDelete"));
    check(!json_is_null(ids) && ids->kind == JSON_ARRAY); // auth_members_check
    if (ids->count == 0 || ids->count > DELETED_MAX) {
        return auth_refuse(call->arena, auth_invalid(call),
            "1 validation error detected: Value at 'identityIdsToDelete' failed to satisfy "
            "constraint: Member must have length %s",
            ids->count == 0 ? "greater than or equal to 1" : "less than or equal to 60");
    }
    json_each (id, ids) {
        if (id->kind != JSON_STRING || !auth_is_identity(call, id->text)) {
            return auth_refuse(call->arena, auth_invalid(call),
                "'identityIdsToDelete' has a member that is no identity of this region");
        }
    }
    json_each (id, ids) {
        TRY(forget(call, id->text));
    }
    auth_answer(call, "UnprocessedIdentityIds", json_array(call->arena));
    return NULL;
}

// ---- the pool ------------------------------------------------------------------------------

static str pool_name(const struct auth_call *call)
{
    return call->service->name;
}

err *auth_get_identity_pool_roles(struct auth_call *call)
{
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    struct json *roles = json_object(a);
    struct json *mapping = json_object(a);
    struct json *mappings = json_object(a);
    TRY(need_pool(call));
    json_set(roles, S("authenticated"),
        json_string(a, auth_role_arn(a, service, auth_role_of(a, service, true))));
    json_set(roles, S("unauthenticated"),
        json_string(a, auth_role_arn(a, service, auth_role_of(a, service, false))));
    json_set(mapping, S("Type"), json_string(a, S("Token")));
    json_set(mapping, S("AmbiguousRoleResolution"), json_string(a, S("AuthenticatedRole")));
    json_set(mappings, str_cat(a, auth_provider_of(service), S(":"), service->client_id), mapping);
    auth_answer_text(call, "IdentityPoolId", service->identity_pool_id);
    auth_answer(call, "Roles", roles);
    auth_answer(call, "RoleMappings", mappings);
    return NULL;
}

err *auth_describe_identity_pool(struct auth_call *call)
{
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    struct json *providers = json_array(a);
    struct json *provider = json_object(a);
    TRY(need_pool(call));
    json_set(provider, S("ProviderName"), json_string(a, auth_provider_of(service)));
    json_set(provider, S("ClientId"), json_string(a, service->client_id));
    json_set(provider, S("ServerSideTokenCheck"), json_bool(a, true)); // a sign-out counts
    json_push(providers, provider);
    auth_answer_text(call, "IdentityPoolId", service->identity_pool_id);
    auth_answer_text(call, "IdentityPoolName", pool_name(call));
    auth_answer(call, "AllowUnauthenticatedIdentities", json_bool(a, service->guest_access));
    auth_answer(call, "CognitoIdentityProviders", providers);
    return NULL;
}

err *auth_list_identity_pools(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *list = json_array(a);
    struct json *pool = json_object(a);
    u32 limit = 0;
    check(call->is_admin);
    TRY(read_limit(call, &limit));
    json_set(pool, S("IdentityPoolId"), json_string(a, call->service->identity_pool_id));
    json_set(pool, S("IdentityPoolName"), json_string(a, pool_name(call)));
    json_push(list, pool);
    auth_answer(call, "IdentityPools", list);
    return NULL;
}
