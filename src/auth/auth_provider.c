// Links between a user of the pool and its users at other providers, and what the pool tells of
// sign-ins to threat protection, which is not there.
#include "auth/auth_admin.h"

enum { LINKS_MAX = 5 };

static err *invalid(struct auth_call *call, const char *what)
{
    return auth_refuse(call->arena, "InvalidParameterException", "%s", what);
}

// ---- links ---------------------------------------------------------------------------------

// A provider's user as the request names it, in the form that is kept.
static err *read_link(struct auth_call *call, const char *member, struct json **out)
{
    struct arena *a = call->arena;
    const struct json *given = json_get(call->in, str_from(member));
    str provider = json_get_str(given, S("ProviderName"));
    str attribute = json_get_str(given, S("ProviderAttributeName"));
    str value = json_get_str(given, S("ProviderAttributeValue"));
    if (provider.len == 0 || provider.len > 32 || value.len == 0 || value.len > 256) {
        return invalid(call, "ProviderName and ProviderAttributeValue are needed");
    }
    *out = json_object(a);
    json_set(*out, S("providerName"), json_string(a, provider));
    json_set(
        *out, S("attribute"), json_string(a, attribute.len > 0 ? attribute : S("Cognito_Subject")));
    json_set(*out, S("userId"), json_string(a, value));
    return NULL;
}

static str type_of(str provider)
{
    static const str SOCIAL[] = {
        S_INIT("Facebook"), S_INIT("Google"), S_INIT("LoginWithAmazon"), S_INIT("SignInWithApple")};
    for (size_t i = 0; i < countof(SOCIAL); i++) {
        if (str_eq(SOCIAL[i], provider)) {
            return provider;
        }
    }
    return S("OIDC");
}

// Providers are those of the definition: a link to another could never be used.
static bool has_provider(const struct auth_service *service, str name)
{
    static const struct {
        str name;
        str member;
    } SOCIAL[] = {{S_INIT("Google"), S_INIT("google")}, {S_INIT("Facebook"), S_INIT("facebook")},
        {S_INIT("LoginWithAmazon"), S_INIT("loginWithAmazon")},
        {S_INIT("SignInWithApple"), S_INIT("signInWithApple")}};
    const struct json *all =
        json_get(json_get(service->definition, S("loginWith")), S("externalProviders"));
    for (size_t i = 0; i < countof(SOCIAL); i++) {
        if (str_eq(SOCIAL[i].name, name)) {
            return !json_is_null(json_get(all, SOCIAL[i].member));
        }
    }
    json_each (oidc, json_get(all, S("oidc"))) {
        if (str_eq(json_get_str(oidc, S("name")), name)) {
            return true;
        }
    }
    const struct json *saml = json_get(all, S("saml"));
    return !json_is_null(saml) && str_eq(json_get_str(saml, S("name")), name);
}

err *auth_admin_link_provider_for_user(struct auth_call *call)
{
    check(call->is_admin);
    struct arena *a = call->arena;
    const struct json *destination = json_get(call->in, S("DestinationUser"));
    struct auth_user *user = NULL;
    struct auth_user *other = NULL;
    struct json *link = NULL;
    TRY(read_link(call, "SourceUser", &link));
    str provider = json_get_str(link, S("providerName"));
    if (!str_eq(json_get_str(destination, S("ProviderName")), S("Cognito"))) {
        return invalid(call, "DestinationUser must be a user of Cognito");
    }
    if (!has_provider(call->service, provider)) {
        return auth_refuse(a, "ResourceNotFoundException", "Identity provider %.*s does not exist.",
            PRI(provider));
    }
    TRY(auth_user_find(call, json_get_str(destination, S("ProviderAttributeValue")), &user));
    if (user == NULL) {
        return auth_no_user(a);
    }
    TRY(auth_user_find_link(call, link, &other));
    if (other != NULL) {
        return invalid(call, str_eq(other->id, user->id)
                                 ? "SourceUser is already linked to DestinationUser"
                                 : "SourceUser is already linked to another user");
    }
    struct json *links = json_get(user->item, S("links"));
    if (json_is_null(links)) {
        links = json_array(a);
        json_set(user->item, S("links"), links);
    }
    if (links->count >= LINKS_MAX) {
        return auth_refuse(
            a, "LimitExceededException", "A user can be linked to at most 5 external providers.");
    }
    json_set(link, S("providerType"), json_string(a, type_of(provider)));
    json_set(link, S("created"), json_int(a, (i64)call->hub->now_ms()));
    json_push(links, link);
    return auth_user_save(call, user, NULL, 0);
}

static void remove_link(struct auth_call *call, struct auth_user *user, str name)
{
    struct json *kept = json_array(call->arena);
    json_each (link, json_get(user->item, S("links"))) {
        if (!str_eq(auth_link_name(call, link), name)) {
            json_push(kept, json_copy(call->arena, link));
        }
    }
    json_set(user->item, S("links"), kept);
}

// A user of the pool itself can no longer use its password then; others lose the link.
err *auth_admin_disable_provider_for_user(struct auth_call *call)
{
    check(call->is_admin);
    struct auth_user *user = NULL;
    struct json *link = NULL;
    TRY(read_link(call, "User", &link));
    if (str_eq(json_get_str(link, S("providerName")), S("Cognito"))) {
        TRY(auth_user_find(call, json_get_str(link, S("userId")), &user));
        if (user == NULL) {
            return auth_no_user(call->arena);
        }
        json_remove(user->item, S("password"));
        json_set(user->item, S("passwordVersion"),
            json_int(call->arena, json_get_int(user->item, S("passwordVersion"), 0) + 1));
        return auth_user_save(call, user, NULL, 0);
    }
    TRY(auth_user_find_link(call, link, &user));
    if (user == NULL) {
        return auth_no_user(call->arena);
    }
    remove_link(call, user, auth_link_name(call, link));
    return auth_user_save(call, user, NULL, 0);
}

// ---- events --------------------------------------------------------------------------------

// Threat protection records nothing here; a pool that has it switched on has no events.
static err *need_add_on(struct auth_call *call)
{
    const struct json *pool = json_get(call->service->definition, S("userPool"));
    str mode = json_get_str(json_get(pool, S("userPoolAddOns")), S("advancedSecurityMode"));
    return str_eq(mode, S("AUDIT")) || str_eq(mode, S("ENFORCED"))
               ? NULL
               : auth_refuse(call->arena, "UserPoolAddOnNotEnabledException",
                     "Threat protection is not enabled for the user pool.");
}

err *auth_admin_list_user_auth_events(struct auth_call *call)
{
    TRY(auth_need_user(call));
    TRY(need_add_on(call));
    auth_answer(call, "AuthEvents", json_array(call->arena));
    return NULL;
}

err *auth_admin_update_auth_event_feedback(struct auth_call *call)
{
    TRY(auth_need_user(call));
    TRY(need_add_on(call));
    return auth_refuse(call->arena, "ResourceNotFoundException", "Event %.*s does not exist.",
        PRI(auth_text(call, "EventId")));
}

// No message ever brought a token for it.
err *auth_update_auth_event_feedback(struct auth_call *call)
{
    str pool = auth_text(call, "UserPoolId");
    if (!str_eq(pool, call->service->user_pool_id)) {
        return auth_refuse(
            call->arena, "ResourceNotFoundException", "User pool %.*s does not exist.", PRI(pool));
    }
    TRY(need_add_on(call));
    return auth_refuse(call->arena, "NotAuthorizedException", "Invalid feedback token");
}
