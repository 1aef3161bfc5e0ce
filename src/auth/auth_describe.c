// What the pool and its client are, told to administrators in Cognito's form.
#include "auth/auth_admin.h"
#include "auth/auth_trigger.h"

static void put(struct json *object, const char *name, struct json *value)
{
    json_set(object, str_from(name), value);
}

static void put_text(struct arena *arena, struct json *object, const char *name, str text)
{
    if (text.len > 0) {
        put(object, name, json_string(arena, text));
    }
}

static void put_bool(struct arena *arena, struct json *object, const char *name, bool value)
{
    put(object, name, json_bool(arena, value));
}

static void put_int(struct arena *arena, struct json *object, const char *name, u64 value)
{
    put(object, name, json_int(arena, (i64)value));
}

static struct json *contacts(struct arena *arena, unsigned set)
{
    static const struct {
        unsigned way;
        str name;
    } NAMES[] = {{AUTH_BY_EMAIL, S_INIT("email")}, {AUTH_BY_PHONE, S_INIT("phone_number")},
        {AUTH_BY_PREFERRED, S_INIT("preferred_username")}};
    struct json *list = json_array(arena);
    for (size_t i = 0; i < countof(NAMES); i++) {
        if ((set & NAMES[i].way) != 0) {
            json_push(list, json_string(arena, NAMES[i].name));
        }
    }
    return list;
}

static void put_contacts(struct arena *arena, struct json *object, const char *name, unsigned set)
{
    if (set != 0) {
        put(object, name, contacts(arena, set));
    }
}

// When the pool came to be: its first keys are made with it.
static err *created_at(struct auth_call *call, u64 *ms) YIELDS;

static err *created_at(struct auth_call *call, u64 *ms)
{
    struct store_query query = {.table = AUTH_KEYS};
    struct store_page page = {};
    TRY(store_query(call->hub->store, call->arena, &query, &page));
    *ms = call->hub->now_ms();
    for (size_t i = 0; i < page.count; i++) {
        u64 created = (u64)json_get_int(page.items[i], S("created"), (i64)*ms);
        *ms = created < *ms ? created : *ms;
    }
    return NULL;
}

// ---- parts of the pool ---------------------------------------------------------------------

static struct json *policies(struct arena *a, const struct auth_service *service)
{
    const struct auth_password_policy *policy = &service->policy;
    struct json *all = json_object(a);
    struct json *password = json_object(a);
    struct json *sign_in = json_object(a);
    struct json *factors = json_array(a);
    put_int(a, password, "MinimumLength", policy->min_length);
    put_bool(a, password, "RequireUppercase", policy->uppercase);
    put_bool(a, password, "RequireLowercase", policy->lowercase);
    put_bool(a, password, "RequireNumbers", policy->digits);
    put_bool(a, password, "RequireSymbols", policy->symbols);
    if (policy->history > 0) {
        put_int(a, password, "PasswordHistorySize", policy->history);
    }
    put_int(a, password, "TemporaryPasswordValidityDays", policy->temporary_days);
    json_push(factors, json_string(a, S("PASSWORD")));
    if (service->email_otp) {
        json_push(factors, json_string(a, S("EMAIL_OTP")));
    }
    if (service->sms_otp) {
        json_push(factors, json_string(a, S("SMS_OTP")));
    }
    if (service->passkeys) {
        json_push(factors, json_string(a, S("WEB_AUTHN")));
    }
    put(sign_in, "AllowedFirstAuthFactors", factors);
    put(all, "PasswordPolicy", password);
    put(all, "SignInPolicy", sign_in);
    return all;
}

static struct json *schema_attribute(struct arena *a, const struct auth_attribute *attribute)
{
    static const char *const TYPES[] = {[AUTH_STRING] = "String",
        [AUTH_NUMBER] = "Number",
        [AUTH_BOOLEAN] = "Boolean",
        [AUTH_DATE_TIME] = "DateTime"};
    struct json *shown = json_object(a);
    struct json *bounds = json_object(a);
    bool number = attribute->type == AUTH_NUMBER;
    put_text(a, shown, "Name", attribute->name);
    put_text(a, shown, "AttributeDataType", str_from(TYPES[attribute->type]));
    put_bool(a, shown, "DeveloperOnlyAttribute", false);
    put_bool(a, shown, "Mutable", attribute->is_mutable);
    put_bool(a, shown, "Required", attribute->required);
    if (attribute->has_min) {
        put_text(a, bounds, number ? "MinValue" : "MinLength",
            str_fmt(a, "%lld", (long long)attribute->min));
    } else if (attribute->type == AUTH_STRING) {
        put_text(a, bounds, "MinLength", S("0"));
    }
    if (attribute->has_max) {
        put_text(a, bounds, number ? "MaxValue" : "MaxLength",
            str_fmt(a, "%lld", (long long)attribute->max));
    }
    if (number) {
        put(shown, "NumberAttributeConstraints", bounds);
    } else if (attribute->type == AUTH_STRING) {
        put(shown, "StringAttributeConstraints", bounds);
    }
    return shown;
}

static struct json *schema(struct arena *a, const struct auth_service *service)
{
    static const struct auth_attribute OWN[] = {
        {.name = S_INIT("sub"),
            .required = true,
            .has_min = true,
            .min = 1,
            .has_max = true,
            .max = 2048},
        {.name = S_INIT("email_verified"), .type = AUTH_BOOLEAN, .is_mutable = true},
        {.name = S_INIT("phone_number_verified"), .type = AUTH_BOOLEAN, .is_mutable = true},
        {.name = S_INIT("identities"), .is_mutable = true},
    };
    struct json *list = json_array(a);
    for (size_t i = 0; i < countof(OWN); i++) {
        json_push(list, schema_attribute(a, &OWN[i]));
    }
    for (size_t i = 0; i < service->attribute_count; i++) {
        json_push(list, schema_attribute(a, &service->attributes[i]));
    }
    return list;
}

static struct json *recovery(struct arena *a, const struct auth_service *service)
{
    struct json *setting = json_object(a);
    struct json *list = json_array(a);
    for (size_t i = 0; i < countof(service->recovery); i++) {
        unsigned way = service->recovery[i];
        if (way == 0 && i > 0) {
            continue;
        }
        struct json *one = json_object(a);
        put_int(a, one, "Priority", i + 1);
        put_text(a, one, "Name",
            way == AUTH_BY_EMAIL   ? S("verified_email")
            : way == AUTH_BY_PHONE ? S("verified_phone_number")
                                   : S("admin_only"));
        json_push(list, one);
    }
    put(setting, "RecoveryMechanisms", list);
    return setting;
}

static struct json *messages(struct arena *a, const struct auth_service *service)
{
    struct json *template = json_object(a);
    bool link = service->link_style;
    put_text(a, template, "SmsMessage", service->phone_text);
    put_text(a, template, link ? "EmailMessageByLink" : "EmailMessage", service->verification_text);
    put_text(
        a, template, link ? "EmailSubjectByLink" : "EmailSubject", service->verification_subject);
    put_text(
        a, template, "DefaultEmailOption", link ? S("CONFIRM_WITH_LINK") : S("CONFIRM_WITH_CODE"));
    return template;
}

static struct json *creation(struct arena *a, const struct auth_service *service)
{
    struct json *config = json_object(a);
    struct json *template = json_object(a);
    put_bool(a, config, "AllowAdminCreateUserOnly", !service->self_sign_up);
    put_int(a, config, "UnusedAccountValidityDays", service->policy.temporary_days);
    put_text(a, template, "EmailMessage", service->invitation_text);
    put_text(a, template, "EmailSubject", service->invitation_subject);
    put_text(a, template, "SMSMessage", service->invitation_sms);
    put(config, "InviteMessageTemplate", template);
    return config;
}

static str mfa_word(const struct auth_service *service)
{
    return service->mfa_mode == AUTH_MFA_REQUIRED   ? S("ON")
           : service->mfa_mode == AUTH_MFA_OPTIONAL ? S("OPTIONAL")
                                                    : S("OFF");
}

static void put_small_parts(struct arena *a, struct json *pool, const struct auth_service *service)
{
    const struct json *overrides = json_get(service->definition, S("userPool"));
    struct json *update = json_object(a);
    struct json *names = json_object(a);
    put(update, "AttributesRequireVerificationBeforeUpdate", contacts(a, service->kept));
    put(pool, "UserAttributeUpdateSettings", update);
    put_bool(a, names, "CaseSensitive", service->case_sensitive);
    put(pool, "UsernameConfiguration", names);
    if (service->devices) {
        struct json *devices = json_object(a);
        put_bool(a, devices, "ChallengeRequiredOnNewDevice", service->device_challenge);
        put_bool(a, devices, "DeviceOnlyRememberedOnUserPrompt", service->device_prompt);
        put(pool, "DeviceConfiguration", devices);
    }
    str mode = json_get_str(json_get(overrides, S("userPoolAddOns")), S("advancedSecurityMode"));
    if (mode.len > 0) {
        struct json *add_ons = json_object(a);
        put_text(a, add_ons, "AdvancedSecurityMode", mode);
        put(pool, "UserPoolAddOns", add_ons);
    }
    str protection = json_get_str(overrides, S("deletionProtection"));
    put_text(a, pool, "DeletionProtection", protection.len > 0 ? protection : S("INACTIVE"));
}

// Who sends e-mail: the pool itself, whatever the address, or a function.
static struct json *email_sender(struct arena *a, const struct auth_service *service)
{
    const struct json *given = json_get(json_get(service->definition, S("senders")), S("email"));
    struct json *config = json_object(a);
    str from = json_get_str(given, S("fromEmail"));
    str name = json_get_str(given, S("fromName"));
    put_text(
        a, config, "EmailSendingAccount", from.len > 0 ? S("DEVELOPER") : S("COGNITO_DEFAULT"));
    put_text(a, config, "ReplyToEmailAddress", json_get_str(given, S("replyTo")));
    put_text(a, config, "From", name.len > 0 ? str_cat(a, name, S(" <"), from, S(">")) : from);
    return config;
}

// ---- pools ---------------------------------------------------------------------------------

err *auth_describe_user_pool(struct auth_call *call)
{
    check(call->is_admin);
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    struct json *pool = json_object(a);
    u64 created = 0;
    u64 users = 0;
    TRY(created_at(call, &created));
    TRY(store_count(call->hub->store, a, AUTH_USERS, &users));
    put_text(a, pool, "Id", service->user_pool_id);
    put_text(a, pool, "Name", service->name);
    put_text(a, pool, "Arn",
        str_cat(a, S("arn:aws:cognito-idp:"), service->region, S(":"), service->account,
            S(":userpool/"), service->user_pool_id));
    put(pool, "Policies", policies(a, service));
    put(pool, "CreationDate", auth_time(a, created));
    put(pool, "LastModifiedDate", auth_time(a, created));
    put(pool, "SchemaAttributes", schema(a, service));
    put_contacts(a, pool, "AutoVerifiedAttributes", service->verified);
    put_contacts(a, pool, "UsernameAttributes", service->usernames);
    put_contacts(a, pool, "AliasAttributes", service->aliases);
    put_text(a, pool, "EmailVerificationMessage", service->verification_text);
    put_text(a, pool, "EmailVerificationSubject", service->verification_subject);
    put_text(a, pool, "SmsVerificationMessage", service->phone_text);
    put_text(a, pool, "SmsAuthenticationMessage", service->mfa_sms_text);
    put(pool, "VerificationMessageTemplate", messages(a, service));
    put_text(a, pool, "MfaConfiguration", mfa_word(service));
    put_int(a, pool, "EstimatedNumberOfUsers", users);
    put(pool, "AdminCreateUserConfig", creation(a, service));
    put(pool, "AccountRecoverySetting", recovery(a, service));
    put_text(a, pool, "UserPoolTier", S("ESSENTIALS"));
    put_small_parts(a, pool, service);
    put(pool, "LambdaConfig", auth_trigger_config(call));
    put(pool, "EmailConfiguration", email_sender(a, service));
    put(pool, "UserPoolTags", json_object(a));
    auth_answer(call, "UserPool", pool);
    return NULL;
}

static err *check_page(struct auth_call *call)
{
    i64 most = json_get_int(call->in, S("MaxResults"), 60);
    if (most < 1) {
        return auth_refuse(call->arena, "InvalidParameterException",
            "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1");
    }
    return auth_text(call, "NextToken").len == 0
               ? NULL // there is one page
               : auth_refuse(call->arena, "InvalidParameterException", "Invalid pagination token.");
}

err *auth_list_user_pools(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *list = json_array(a);
    struct json *pool = json_object(a);
    u64 created = 0;
    TRY(check_page(call));
    TRY(created_at(call, &created));
    put_text(a, pool, "Id", call->service->user_pool_id);
    put_text(a, pool, "Name", call->service->name);
    put(pool, "LambdaConfig", auth_trigger_config(call));
    put(pool, "CreationDate", auth_time(a, created));
    put(pool, "LastModifiedDate", auth_time(a, created));
    json_push(list, pool);
    auth_answer(call, "UserPools", list);
    return NULL;
}

err *auth_get_user_pool_mfa_config(struct auth_call *call)
{
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    auth_answer_text(call, "MfaConfiguration", mfa_word(service));
    if (service->mfa_sms) {
        struct json *sms = json_object(a);
        put_text(a, sms, "SmsAuthenticationMessage", service->mfa_sms_text);
        auth_answer(call, "SmsMfaConfiguration", sms);
    }
    if (service->mfa_totp) {
        struct json *totp = json_object(a);
        put_bool(a, totp, "Enabled", true);
        auth_answer(call, "SoftwareTokenMfaConfiguration", totp);
    }
    if (service->mfa_email) {
        struct json *email = json_object(a);
        put_text(a, email, "Message", service->mfa_email_text);
        put_text(a, email, "Subject", service->mfa_email_subject);
        auth_answer(call, "EmailMfaConfiguration", email);
    }
    if (service->passkeys) {
        struct json *passkeys = json_object(a);
        put_text(a, passkeys, "RelyingPartyId", service->relying_party);
        put_text(a, passkeys, "UserVerification",
            service->passkey_user_verified ? S("required") : S("preferred"));
        auth_answer(call, "WebAuthnConfiguration", passkeys);
    }
    return NULL;
}

// ---- providers ------------------------------------------------------------------------------

static const struct json *external(const struct auth_service *service)
{
    return json_get(json_get(service->definition, S("loginWith")), S("externalProviders"));
}

static void push_provider(struct arena *a, struct json *list, str name, str type, u64 created)
{
    struct json *one = json_object(a);
    put_text(a, one, "ProviderName", name);
    put_text(a, one, "ProviderType", type);
    put(one, "LastModifiedDate", auth_time(a, created));
    put(one, "CreationDate", auth_time(a, created));
    json_push(list, one);
}

static struct json *providers_of(struct arena *a, const struct auth_service *service, u64 created)
{
    static const str SOCIAL[][2] = {{S_INIT("google"), S_INIT("Google")},
        {S_INIT("facebook"), S_INIT("Facebook")},
        {S_INIT("loginWithAmazon"), S_INIT("LoginWithAmazon")},
        {S_INIT("signInWithApple"), S_INIT("SignInWithApple")}};
    const struct json *all = external(service);
    struct json *list = json_array(a);
    for (size_t i = 0; i < countof(SOCIAL); i++) {
        if (!json_is_null(json_get(all, SOCIAL[i][0]))) {
            push_provider(a, list, SOCIAL[i][1], SOCIAL[i][1], created);
        }
    }
    json_each (oidc, json_get(all, S("oidc"))) {
        push_provider(a, list, json_get_str(oidc, S("name")), S("OIDC"), created);
    }
    const struct json *saml = json_get(all, S("saml"));
    if (!json_is_null(saml)) {
        push_provider(a, list, json_get_str(saml, S("name")), S("SAML"), created);
    }
    return list;
}

// ---- the client ----------------------------------------------------------------------------

static str client_name(struct auth_call *call)
{
    return str_cat(call->arena, call->service->name, S("UserPoolAppClient"));
}

static struct json *flow_names(struct arena *a, unsigned flows)
{
    static const struct {
        enum auth_flow flow;
        str name;
    } NAMES[] = {{AUTH_FLOW_CUSTOM, S_INIT("ALLOW_CUSTOM_AUTH")},
        {AUTH_FLOW_REFRESH, S_INIT("ALLOW_REFRESH_TOKEN_AUTH")},
        {AUTH_FLOW_CHOICE, S_INIT("ALLOW_USER_AUTH")},
        {AUTH_FLOW_PASSWORD, S_INIT("ALLOW_USER_PASSWORD_AUTH")},
        {AUTH_FLOW_SRP, S_INIT("ALLOW_USER_SRP_AUTH")},
        {AUTH_FLOW_ADMIN_PASSWORD, S_INIT("ALLOW_ADMIN_USER_PASSWORD_AUTH")}};
    struct json *list = json_array(a);
    for (size_t i = 0; i < countof(NAMES); i++) {
        if ((flows & NAMES[i].flow) != 0) {
            json_push(list, json_string(a, NAMES[i].name));
        }
    }
    return list;
}

static void put_lifetimes(struct arena *a, struct json *client, const struct auth_service *service)
{
    enum { MINUTE_S = 60, DAY_S = 86400 };

    const struct {
        const char *name;
        u64 seconds;
    } TOKENS[] = {{"AccessToken", service->access_s}, {"IdToken", service->id_s},
        {"RefreshToken", service->refresh_s}};

    struct json *units = json_object(a);
    struct json *rotation = json_object(a);
    for (size_t i = 0; i < countof(TOKENS); i++) {
        u64 seconds = TOKENS[i].seconds;
        bool days = seconds % DAY_S == 0;
        bool minutes = seconds % MINUTE_S == 0;
        put_int(a, client, str_cstr(a, str_cat(a, str_from(TOKENS[i].name), S("Validity"))),
            seconds / (days         ? DAY_S
                          : minutes ? MINUTE_S
                                    : 1));
        put_text(a, units, TOKENS[i].name,
            days      ? S("days")
            : minutes ? S("minutes")
                      : S("seconds"));
    }
    put(client, "TokenValidityUnits", units);
    put_int(a, client, "AuthSessionValidity", service->session_s / 60);
    if (service->rotates) {
        put_text(a, rotation, "Feature", S("ENABLED"));
        put_int(a, rotation, "RetryGracePeriodSeconds", service->grace_s);
        put(client, "RefreshTokenRotation", rotation);
    }
}

// Lists that the definition has, as they are: the CDK's names differ from Cognito's by case.
static void put_lists(struct arena *a, struct json *client, const struct json *defined)
{
    static const char *const LISTS[][2] = {{"ReadAttributes", "readAttributes"},
        {"WriteAttributes", "writeAttributes"}, {"CallbackURLs", "callbackUrLs"},
        {"LogoutURLs", "logoutUrLs"}, {"AllowedOAuthFlows", "allowedOAuthFlows"},
        {"AllowedOAuthScopes", "allowedOAuthScopes"},
        {"SupportedIdentityProviders", "supportedIdentityProviders"}};
    for (size_t i = 0; i < countof(LISTS); i++) {
        const struct json *list = json_get(defined, str_from(LISTS[i][1]));
        if (!json_is_null(list) && list->kind == JSON_ARRAY) {
            put(client, LISTS[i][0], json_copy(a, list));
        }
    }
}

static struct json *texts(struct arena *a, const str *list, size_t count)
{
    struct json *made = json_array(a);
    for (size_t i = 0; i < count; i++) {
        json_push(made, json_string(a, list[i]));
    }
    return made;
}

// What the CDK gives a client whose definition says nothing of it.
static void put_defaults(struct arena *a, struct json *client, const struct auth_service *service)
{
    static const str FLOWS[] = {S_INIT("code")};
    static const str CALLBACKS[] = {S_INIT("https://example.com")};
    static const str SCOPES[] = {S_INIT("profile"), S_INIT("phone"), S_INIT("email"),
        S_INIT("openid"), S_INIT("aws.cognito.signin.user.admin")};
    const struct json *given = external(service);
    struct json *providers = json_array(a);
    json_each (one, providers_of(a, service, 0)) {
        json_push(providers, json_string(a, json_get_str(one, S("ProviderName"))));
    }
    json_push(providers, json_string(a, S("COGNITO")));

    const struct {
        const char *name;
        const struct json *defined;
        struct json *fallback;
    } ALL[] = {
        {"CallbackURLs", json_get(given, S("callbackUrls")), texts(a, CALLBACKS, 1)},
        {"LogoutURLs", json_get(given, S("logoutUrls")), NULL},
        {"AllowedOAuthFlows", NULL, texts(a, FLOWS, 1)},
        {"AllowedOAuthScopes", json_get(given, S("scopes")), texts(a, SCOPES, countof(SCOPES))},
        {"SupportedIdentityProviders", NULL, providers},
    };

    for (size_t i = 0; i < countof(ALL); i++) {
        bool some = !json_is_null(ALL[i].defined) && ALL[i].defined->count > 0;
        struct json *value = some ? json_copy(a, ALL[i].defined) : ALL[i].fallback;
        if (value != NULL && json_is_null(json_get(client, str_from(ALL[i].name)))) {
            put(client, ALL[i].name, value);
        }
    }
}

err *auth_describe_user_pool_client(struct auth_call *call)
{
    check(call->is_admin);
    struct arena *a = call->arena;
    const struct auth_service *service = call->service;
    struct json *client = json_object(a);
    u64 created = 0;
    if (!str_eq(auth_text(call, "ClientId"), service->client_id)) {
        return auth_refuse(a, "ResourceNotFoundException", "User pool client %.*s does not exist.",
            PRI(auth_text(call, "ClientId")));
    }
    TRY(created_at(call, &created));
    put_text(a, client, "UserPoolId", service->user_pool_id);
    put_text(a, client, "ClientName", client_name(call));
    put_text(a, client, "ClientId", service->client_id);
    put_text(a, client, "ClientSecret", auth_client_secret(call));
    put(client, "LastModifiedDate", auth_time(a, created));
    put(client, "CreationDate", auth_time(a, created));
    put_lifetimes(a, client, service);
    put(client, "ExplicitAuthFlows", flow_names(a, service->flows));
    put_text(
        a, client, "PreventUserExistenceErrors", service->hides_users ? S("ENABLED") : S("LEGACY"));
    put_bool(a, client, "EnableTokenRevocation", service->revokes);
    const struct json *defined = json_get(service->definition, S("client"));
    put_lists(a, client, defined);
    put_defaults(a, client, service);
    put_bool(a, client, "AllowedOAuthFlowsUserPoolClient",
        json_get_bool(defined, S("allowedOAuthFlowsUserPoolClient"), true));
    put_bool(a, client, "EnablePropagateAdditionalUserContextData", false);
    auth_answer(call, "UserPoolClient", client);
    return NULL;
}

err *auth_list_user_pool_clients(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct json *list = json_array(a);
    struct json *client = json_object(a);
    TRY(check_page(call));
    put_text(a, client, "ClientId", call->service->client_id);
    put_text(a, client, "UserPoolId", call->service->user_pool_id);
    put_text(a, client, "ClientName", client_name(call));
    json_push(list, client);
    auth_answer(call, "UserPoolClients", list);
    return NULL;
}

// ---- what hangs on a pool ------------------------------------------------------------------

err *auth_list_identity_providers(struct auth_call *call)
{
    u64 created = 0;
    TRY(check_page(call));
    TRY(created_at(call, &created));
    auth_answer(call, "Providers", providers_of(call->arena, call->service, created));
    return NULL;
}

err *auth_list_resource_servers(struct auth_call *call)
{
    TRY(check_page(call));
    auth_answer(call, "ResourceServers", json_array(call->arena));
    return NULL;
}

err *auth_get_csv_header(struct auth_call *call)
{
    static const str OWN[] = {S_INIT("email_verified"), S_INIT("phone_number_verified"),
        S_INIT("cognito:mfa_enabled"), S_INIT("cognito:username")};
    struct json *list = json_array(call->arena);
    for (size_t i = 0; i < call->service->attribute_count; i++) {
        json_push(list, auth_str(call, call->service->attributes[i].name));
    }
    for (size_t i = 0; i < countof(OWN); i++) {
        json_push(list, auth_str(call, OWN[i]));
    }
    auth_answer_text(call, "UserPoolId", call->service->user_pool_id);
    auth_answer(call, "CSVHeader", list);
    return NULL;
}
