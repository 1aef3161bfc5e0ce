// A pool's definition: the manifest's `auth` with Cognito's defaults, in the form that is looked at
// with every request.
#include "auth/auth_int.h"

enum { SECOND = 1, MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

// ---- attributes ----------------------------------------------------------------------------

enum { GROUP_NAME_MAX = 128 };

// Names of attributes in defineAuth and in the user pool.
static const struct {
    str defined;
    str name;
} STANDARD[] = {
    {S_INIT("address"), S_INIT("address")},
    {S_INIT("birthdate"), S_INIT("birthdate")},
    {S_INIT("email"), S_INIT("email")},
    {S_INIT("familyName"), S_INIT("family_name")},
    {S_INIT("fullname"), S_INIT("name")},
    {S_INIT("gender"), S_INIT("gender")},
    {S_INIT("givenName"), S_INIT("given_name")},
    {S_INIT("lastUpdateTime"), S_INIT("updated_at")},
    {S_INIT("locale"), S_INIT("locale")},
    {S_INIT("middleName"), S_INIT("middle_name")},
    {S_INIT("nickname"), S_INIT("nickname")},
    {S_INIT("phoneNumber"), S_INIT("phone_number")},
    {S_INIT("preferredUsername"), S_INIT("preferred_username")},
    {S_INIT("profilePage"), S_INIT("profile")},
    {S_INIT("profilePicture"), S_INIT("picture")},
    {S_INIT("timezone"), S_INIT("zoneinfo")},
    {S_INIT("website"), S_INIT("website")},
};

str auth_standard_attribute(str defined)
{
    for (size_t i = 0; i < countof(STANDARD); i++) {
        if (str_eq(defined, STANDARD[i].defined)) {
            return STANDARD[i].name;
        }
    }
    return (str){};
}

static void read_standard(struct auth_service *service, const struct json *defined)
{
    for (size_t i = 0; i < countof(STANDARD); i++) {
        const struct json *given = json_get(defined, STANDARD[i].defined);
        struct auth_attribute *attribute = &service->attributes[service->attribute_count++];
        *attribute = (struct auth_attribute){.name = STANDARD[i].name,
            .required = json_get_bool(given, S("required"), false),
            .is_mutable = json_get_bool(given, S("mutable"), true),
            .has_max = true,
            .max = 2048};
        if (str_eq(attribute->name, S("updated_at"))) {
            attribute->type = AUTH_NUMBER;
            attribute->has_max = false;
        } else if (str_eq(attribute->name, S("birthdate"))) {
            attribute->has_min = true;
            attribute->min = attribute->max = 10;
        }
    }
}

static enum auth_type type_of(str name)
{
    return str_eq(name, S("Number"))     ? AUTH_NUMBER
           : str_eq(name, S("Boolean"))  ? AUTH_BOOLEAN
           : str_eq(name, S("DateTime")) ? AUTH_DATE_TIME
                                         : AUTH_STRING;
}

static void read_bound(const struct json *given, str name, bool *has, i64 *value)
{
    const struct json *bound = json_get(given, name);
    *has = !json_is_null(bound) && bound->kind == JSON_NUMBER;
    *value = *has ? (i64)json_to_double(bound) : 0;
}

static void read_custom(struct auth_service *service, const struct json *defined)
{
    json_each (given, defined) {
        struct auth_attribute *attribute = &service->attributes[service->attribute_count++];
        *attribute =
            (struct auth_attribute){.name = str_cat(service->arena, S("custom:"), given->key),
                .type = type_of(json_get_str(given, S("dataType"))),
                .is_mutable = json_get_bool(given, S("mutable"), true)};
        bool number = attribute->type == AUTH_NUMBER;
        read_bound(given, number ? S("min") : S("minLen"), &attribute->has_min, &attribute->min);
        read_bound(given, number ? S("max") : S("maxLen"), &attribute->has_max, &attribute->max);
        if (attribute->type == AUTH_STRING && !attribute->has_max) {
            attribute->has_max = true;
            attribute->max = 2048;
        }
    }
}

static void read_attributes(struct auth_service *service, const struct json *auth)
{
    const struct json *defined = json_get(auth, S("userAttributes"));
    const struct json *custom = json_get(defined, S("custom"));
    size_t count = countof(STANDARD) + (custom != NULL ? custom->count : 0);
    service->attributes = arena_array(service->arena, struct auth_attribute, count);
    read_standard(service, json_get(defined, S("standard")));
    read_custom(service, custom);
}

const struct auth_attribute *auth_attribute_def(const struct auth_service *service, str name)
{
    check_magic(service, AUTH_SERVICE_MAGIC);
    for (size_t i = 0; i < service->attribute_count; i++) {
        if (str_eq(service->attributes[i].name, name)) {
            return &service->attributes[i];
        }
    }
    return NULL;
}

// ---- how to sign in ------------------------------------------------------------------------

static unsigned contact_set(const struct json *list)
{
    unsigned set = 0;
    json_each (name, list) {
        set |= str_eq(name->text, S("email")) ? AUTH_BY_EMAIL : 0U;
        set |= str_eq(name->text, S("phone_number")) ? AUTH_BY_PHONE : 0U;
        set |= str_eq(name->text, S("preferred_username")) ? AUTH_BY_PREFERRED : 0U;
    }
    return set;
}

static void read_policy(struct auth_service *service, const struct json *auth)
{
    const struct json *given = json_get(auth, S("passwordPolicy"));
    i64 length = json_get_int(given, S("minLength"), 8);
    i64 days = json_get_int(given, S("temporaryPasswordValidityDays"), 7);
    i64 history = json_get_int(given, S("passwordHistorySize"), 0);
    service->policy = (struct auth_password_policy){
        .min_length = length >= 6 && length <= 99 ? (size_t)length : 8,
        .lowercase = json_get_bool(given, S("requireLowercase"), true),
        .uppercase = json_get_bool(given, S("requireUppercase"), true),
        .digits = json_get_bool(given, S("requireDigits"), true),
        .symbols = json_get_bool(given, S("requireSymbols"), true),
        .temporary_days = days >= 0 && days <= 365 ? (u64)days : 7,
        .history = history >= 0 && history <= 24 ? (size_t)history : 0,
    };
}

static bool is_group_name(str name)
{
    bool good = name.len > 0 && str_utf8_count(name) <= GROUP_NAME_MAX;
    for (size_t i = 0; good && i < name.len; i++) {
        good = (u8)name.ptr[i] > ' ' && name.ptr[i] != 0x7f;
    }
    return good;
}

static err *read_groups(struct arena *arena, struct auth_service *service, const struct json *auth)
{
    const struct json *list = json_get(auth, S("groups"));
    service->groups =
        arena_array(service->arena, struct auth_group_def, list != NULL ? list->count : 0);
    json_each (group, list) {
        str name = json_get_str(group, S("name"));
        if (!is_group_name(name)) {
            return fail(arena, ERR_CONFIG,
                "'%.*s' cannot be the name of a group: 1 to 128 characters, none of them a space",
                PRI(name));
        }
        for (size_t i = 0; i < service->group_count; i++) {
            if (str_eq(service->groups[i].name, name)) {
                return fail(arena, ERR_CONFIG, "two groups are named '%.*s'", PRI(name));
            }
        }
        service->groups[service->group_count++] =
            (struct auth_group_def){name, json_get_int(group, S("precedence"), 0)};
    }
    return NULL;
}

static str text_or(const struct json *object, const char *name, str otherwise)
{
    str text = json_get_str(object, str_from(name));
    return text.len > 0 ? text : otherwise;
}

static void read_mfa(struct auth_service *service, const struct json *auth)
{
    const struct json *mfa = json_get(auth, S("multifactor"));
    str mode = json_get_str(mfa, S("mode"));
    service->mfa_mode = str_eq(mode, S("REQUIRED"))   ? AUTH_MFA_REQUIRED
                        : str_eq(mode, S("OPTIONAL")) ? AUTH_MFA_OPTIONAL
                                                      : AUTH_MFA_OFF;
    bool on = service->mfa_mode != AUTH_MFA_OFF;
    service->mfa_sms = on && json_get_bool(mfa, S("sms"), false);
    service->mfa_totp = on && json_get_bool(mfa, S("totp"), false);
    service->mfa_email = on && json_get_bool(mfa, S("email"), false);
    const struct json *pool = json_get(auth, S("userPool"));
    str text = text_or(mfa, "smsMessage", S("Your authentication code is {####}."));
    service->mfa_sms_text = text_or(pool, "smsAuthenticationMessage", text);
    service->mfa_email_text =
        text_or(pool, "emailAuthenticationMessage", S("Your authentication code is {####}."));
    service->mfa_email_subject =
        text_or(pool, "emailAuthenticationSubject", S("Your authentication code"));
}

static void read_recovery(struct auth_service *service, const struct json *auth)
{
    static const struct {
        str name;
        unsigned ways[2];
    } CHOICES[] = {
        {S_INIT("EMAIL_AND_PHONE_WITHOUT_MFA"), {AUTH_BY_EMAIL, AUTH_BY_PHONE}},
        {S_INIT("EMAIL_ONLY"), {AUTH_BY_EMAIL, 0}},
        {S_INIT("NONE"), {0, 0}},
        {S_INIT("PHONE_AND_EMAIL"), {AUTH_BY_PHONE, AUTH_BY_EMAIL}},
        {S_INIT("PHONE_ONLY_WITHOUT_MFA"), {AUTH_BY_PHONE, 0}},
        {S_INIT("PHONE_WITHOUT_MFA_AND_EMAIL"), {AUTH_BY_PHONE, AUTH_BY_EMAIL}},
    };

    str choice = json_get_str(auth, S("accountRecovery"));
    service->recovery[0] = AUTH_BY_EMAIL;
    for (size_t i = 0; i < countof(CHOICES); i++) {
        if (str_eq(CHOICES[i].name, choice)) {
            service->recovery[0] = CHOICES[i].ways[0];
            service->recovery[1] = CHOICES[i].ways[1];
        }
    }
    service->recovery_without_mfa_phone = str_find(choice, S("WITHOUT_MFA")) >= 0;
}

// CloudFormation's own form, from an override: mechanisms with a priority each.
static void read_mechanisms(struct auth_service *service, const struct json *auth)
{
    const struct json *setting =
        json_get(json_get(auth, S("userPool")), S("accountRecoverySetting"));
    const struct json *list = json_get(setting, S("recoveryMechanisms"));
    if (json_is_null(list)) {
        return;
    }
    service->recovery[0] = service->recovery[1] = 0;
    json_each (mechanism, list) {
        str name = json_get_str(mechanism, S("name"));
        size_t at = json_get_int(mechanism, S("priority"), 1) > 1 ? 1 : 0;
        service->recovery[at] = str_eq(name, S("verified_email"))          ? AUTH_BY_EMAIL
                                : str_eq(name, S("verified_phone_number")) ? AUTH_BY_PHONE
                                                                           : 0;
    }
    if (service->recovery[0] == 0) {
        service->recovery[0] = service->recovery[1];
        service->recovery[1] = 0;
    }
}

static void read_texts(struct auth_service *service, const struct json *auth)
{
    static const str CODE = S_INIT("The verification code to your new account is {####}");
    const struct json *login = json_get(auth, S("loginWith"));
    const struct json *email = json_get(login, S("email"));
    const struct json *invitation = json_get(email, S("invitation"));
    service->link_style = str_eq(json_get_str(email, S("verificationStyle")), S("LINK"));
    service->verification_subject =
        text_or(email, "verificationSubject", S("Verify your new account"));
    service->verification_text = text_or(email, "verificationBody", CODE);
    service->phone_text = text_or(json_get(login, S("phone")), "verificationMessage", CODE);
    service->invitation_subject = text_or(invitation, "emailSubject", S("Your temporary password"));
    service->invitation_text = text_or(
        invitation, "emailBody", S("Your username is {username} and temporary password is {####}"));
    service->invitation_sms = text_or(invitation, "smsMessage",
        S("Your username is {username} and temporary password is {####}"));
}

// What overrides of the pool itself say about messages goes before the options.
static void read_overridden_texts(struct auth_service *service, const struct json *auth)
{
    const struct json *pool = json_get(auth, S("userPool"));
    const struct json *template = json_get(pool, S("verificationMessageTemplate"));
    const struct json *config = json_get(pool, S("adminCreateUserConfig"));
    const struct json *invitation = json_get(config, S("inviteMessageTemplate"));
    str style = json_get_str(template, S("defaultEmailOption"));
    str text = text_or(pool, "emailVerificationMessage", service->verification_text);
    str subject = text_or(pool, "emailVerificationSubject", service->verification_subject);
    if (style.len > 0) {
        service->link_style = str_eq(style, S("CONFIRM_WITH_LINK"));
    }
    service->verification_text =
        text_or(template, service->link_style ? "emailMessageByLink" : "emailMessage", text);
    service->verification_subject =
        text_or(template, service->link_style ? "emailSubjectByLink" : "emailSubject", subject);
    text = text_or(pool, "smsVerificationMessage", service->phone_text);
    service->phone_text = text_or(template, "smsMessage", text);
    service->invitation_subject = text_or(invitation, "emailSubject", service->invitation_subject);
    service->invitation_text = text_or(invitation, "emailMessage", service->invitation_text);
    service->invitation_sms = text_or(invitation, "smsMessage", service->invitation_sms);
    i64 days = json_get_int(config, S("unusedAccountValidityDays"), 0);
    if (days > 0 && days <= 365) {
        service->policy.temporary_days = (u64)days;
    }
}

// ---- the app client ------------------------------------------------------------------------

static unsigned flows_of(const struct json *list)
{
    static const struct {
        str name;
        unsigned flow;
    } NAMES[] = {
        {S_INIT("ALLOW_USER_SRP_AUTH"), AUTH_FLOW_SRP},
        {S_INIT("ALLOW_USER_PASSWORD_AUTH"), AUTH_FLOW_PASSWORD},
        {S_INIT("USER_PASSWORD_AUTH"), AUTH_FLOW_PASSWORD},
        {S_INIT("ALLOW_CUSTOM_AUTH"), AUTH_FLOW_CUSTOM},
        {S_INIT("CUSTOM_AUTH_FLOW_ONLY"), AUTH_FLOW_CUSTOM},
        {S_INIT("ALLOW_USER_AUTH"), AUTH_FLOW_CHOICE},
        {S_INIT("ALLOW_REFRESH_TOKEN_AUTH"), AUTH_FLOW_REFRESH},
        {S_INIT("ALLOW_ADMIN_USER_PASSWORD_AUTH"), AUTH_FLOW_ADMIN_PASSWORD},
        {S_INIT("ADMIN_NO_SRP_AUTH"), AUTH_FLOW_ADMIN_PASSWORD},
    };

    if (json_is_null(list)) {
        return AUTH_FLOW_SRP | AUTH_FLOW_CUSTOM | AUTH_FLOW_REFRESH;
    }
    unsigned flows = 0;
    json_each (item, list) {
        for (size_t i = 0; i < countof(NAMES); i++) {
            flows |= str_eq(NAMES[i].name, item->text) ? NAMES[i].flow : 0U;
        }
    }
    return flows;
}

static u64 validity(const struct json *client, str name, str unit_name, u64 unit, u64 otherwise)
{
    static const struct {
        str name;
        u64 seconds;
    } UNITS[] = {
        {S_INIT("seconds"), SECOND},
        {S_INIT("minutes"), MINUTE},
        {S_INIT("hours"), HOUR},
        {S_INIT("days"), DAY},
    };

    i64 value = json_get_int(client, name, 0);
    str given = json_get_str(json_get(client, S("tokenValidityUnits")), unit_name);
    for (size_t i = 0; i < countof(UNITS); i++) {
        unit = str_eq(UNITS[i].name, given) ? UNITS[i].seconds : unit;
    }
    return value > 0 && value <= 315360000 ? (u64)value * unit : otherwise;
}

static void read_client(struct auth_service *service, const struct json *auth)
{
    const struct json *client = json_get(auth, S("client"));
    const struct json *rotation = json_get(client, S("refreshTokenRotation"));
    const struct json *otp = json_get(auth, S("passwordless"));
    i64 minutes = json_get_int(client, S("authSessionValidity"), 3);
    i64 grace = json_get_int(rotation, S("retryGracePeriodSeconds"), 0);
    str hides = json_get_str(client, S("preventUserExistenceErrors"));
    service->flows = flows_of(json_get(client, S("explicitAuthFlows")));
    service->hides_users = !str_eq(hides, S("LEGACY"));
    service->access_s = validity(client, S("accessTokenValidity"), S("accessToken"), HOUR, HOUR);
    service->id_s = validity(client, S("idTokenValidity"), S("idToken"), HOUR, HOUR);
    service->refresh_s =
        validity(client, S("refreshTokenValidity"), S("refreshToken"), DAY, 30 * DAY);
    service->session_s = MINUTE * (minutes >= 3 && minutes <= 15 ? (u64)minutes : 3);
    service->rotates = str_eq(json_get_str(rotation, S("feature")), S("ENABLED"));
    service->grace_s = grace >= 0 && grace <= 60 ? (u64)grace : 0;
    service->email_otp = json_get_bool(otp, S("emailOtp"), false);
    service->sms_otp = json_get_bool(otp, S("smsOtp"), false);
    service->has_secret = json_get_bool(client, S("generateSecret"), false);
    service->revokes = json_get_bool(client, S("enableTokenRevocation"), true);
}

// Keys that have signed are told for a day more: tokens live no longer, as on AWS.
static err *check_lives(struct arena *arena, const struct auth_service *service)
{
    const char *name = service->access_s > DAY ? "access" : service->id_s > DAY ? "id" : NULL;
    return name == NULL ? NULL
                        : fail(arena, ERR_CONFIG,
                              "%sTokenValidity of the user pool client is more than a day", name);
}

// The first factors of a choice, when an override of the pool names them.
static void read_first_factors(struct auth_service *service, const struct json *auth)
{
    const struct json *policy = json_get(json_get(auth, S("userPool")), S("signInPolicy"));
    const struct json *list = json_get(policy, S("allowedFirstAuthFactors"));
    if (json_is_null(list)) {
        return;
    }
    service->email_otp = service->sms_otp = service->passkeys = false;
    json_each (factor, list) {
        service->email_otp = service->email_otp || str_eq(factor->text, S("EMAIL_OTP"));
        service->sms_otp = service->sms_otp || str_eq(factor->text, S("SMS_OTP"));
        service->passkeys = service->passkeys || str_eq(factor->text, S("WEB_AUTHN"));
    }
}

static void read_passkeys(struct auth_service *service, const struct json *auth)
{
    const struct json *given = json_get(json_get(auth, S("loginWith")), S("webAuthn"));
    str id = json_get_str(given, S("relyingPartyId"));
    service->passkeys = !json_is_null(given);
    service->relying_party = id.len > 0 && !str_eq(id, S("AUTO")) ? id : S("localhost");
    const struct json *pool = json_get(auth, S("userPool"));
    service->relying_party = text_or(pool, "webAuthnRelyingPartyId", service->relying_party);
    str verification = json_get_str(given, S("userVerification"));
    verification = text_or(pool, "webAuthnUserVerification", verification);
    service->passkey_user_verified = str_eq(verification, S("required"));
}

static void read_devices(struct auth_service *service, const struct json *auth)
{
    const struct json *given = json_get(json_get(auth, S("userPool")), S("deviceConfiguration"));
    service->devices = !json_is_null(given);
    service->device_challenge = json_get_bool(given, S("challengeRequiredOnNewDevice"), false);
    service->device_prompt = json_get_bool(given, S("deviceOnlyRememberedOnUserPrompt"), false);
}

// Which addresses lead to a user, and what happens when one is changed.
static err *read_names(struct arena *arena, struct auth_service *service, const struct json *auth)
{
    const struct json *settings =
        json_get(json_get(auth, S("userPool")), S("userAttributeUpdateSettings"));
    const struct json *kept = json_get(settings, S("attributesRequireVerificationBeforeUpdate"));
    const struct json *login = json_get(auth, S("loginWith"));
    service->usernames = contact_set(json_get(auth, S("usernameAttributes")));
    service->aliases = contact_set(json_get(auth, S("aliasAttributes")));
    service->verified = contact_set(json_get(auth, S("autoVerifiedAttributes")));
    service->case_sensitive = json_get_bool(auth, S("usernameCaseSensitive"), false);
    service->kept = contact_set(kept);
    if (json_is_null(settings)) {
        service->kept = (json_is_null(json_get(login, S("email"))) ? 0U : AUTH_BY_EMAIL) |
                        (json_is_null(json_get(login, S("phone"))) ? 0U : AUTH_BY_PHONE);
    }
    return service->usernames == 0 || service->aliases == 0
               ? NULL
               : fail(arena, ERR_CONFIG,
                     "only one of aliasAttributes and usernameAttributes can be set in a user "
                     "pool: set usernameAttributes to [] to have aliases");
}

// ---- life ----------------------------------------------------------------------------------

static err *build(
    struct arena *arena, struct auth_service *service, const struct auth_service_options *options)
{
    struct arena *memory = service->arena;
    const struct json *auth = json_copy(memory, options->definition);
    ptrdiff_t cut = str_find_char(options->user_pool_id, '_');
    if (auth->kind != JSON_OBJECT || cut < 0) {
        return fail(arena, ERR_CONFIG, "the definition of auth is damaged");
    }
    service->definition = auth;
    service->region = str_dup(memory, options->region);
    service->account = str_dup(memory, options->account);
    service->user_pool_id = str_dup(memory, options->user_pool_id);
    service->client_id = str_dup(memory, options->client_id);
    service->identity_pool_id = str_dup(memory, options->identity_pool_id);
    service->base_url = str_dup(memory, options->base_url);
    service->issuer = str_cat(memory, S("https://cognito-idp."), service->region,
        S(".amazonaws.com/"), service->user_pool_id);
    service->name = json_get_str(auth, S("name"));
    TRY(read_names(arena, service, auth));
    service->self_sign_up = json_get_bool(auth, S("selfSignUp"), true);
    service->guest_access = json_get_bool(auth, S("guestAccess"), true);
    read_attributes(service, auth);
    read_policy(service, auth);
    TRY(read_groups(arena, service, auth));
    read_mfa(service, auth);
    read_recovery(service, auth);
    read_mechanisms(service, auth);
    read_texts(service, auth);
    read_overridden_texts(service, auth);
    read_client(service, auth);
    TRY(check_lives(arena, service));
    read_passkeys(service, auth);
    read_first_factors(service, auth);
    read_devices(service, auth);
    return NULL;
}

err *auth_service_new(
    struct arena *arena, const struct auth_service_options *options, struct auth_service **out)
{
    check(options->definition != NULL);
    struct arena *memory = arena_new();
    struct auth_service *service = arena_new_of(memory, struct auth_service);
    service->magic = AUTH_SERVICE_MAGIC;
    service->arena = memory;
    atomic_init(&service->references, 1);
    err *e = build(arena, service, options);
    if (e != NULL) {
        arena_free(memory);
        return e;
    }
    *out = service;
    return NULL;
}

struct auth_service *auth_service_hold(struct auth_service *service)
{
    if (service != NULL) {
        atomic_fetch_add(&service->references, 1);
    }
    return service;
}

void auth_service_release(struct auth_service *service)
{
    if (service == NULL) {
        return;
    }
    check_magic(service, AUTH_SERVICE_MAGIC);
    if (atomic_fetch_sub(&service->references, 1) == 1) {
        service->magic = 0;
        arena_free(service->arena);
    }
}
