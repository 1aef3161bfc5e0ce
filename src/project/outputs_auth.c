// The auth sections of amplify_outputs.json, from what defineAuth was given, with the defaults of
// the official construct.
#include "project/project_int.h"

static bool is_on(const struct json *value)
{
    return !json_is_null(value) && (value->kind != JSON_BOOL || value->boolean);
}

static const struct json *login_with(const struct json *auth, str how)
{
    return json_get(json_get(auth, S("loginWith")), how);
}

static struct json *required_attributes(struct arena *a, const struct json *auth)
{
    struct json *list = json_array(a);
    json_each (attribute, json_get(json_get(auth, S("userAttributes")), S("standard"))) {
        str name = auth_standard_attribute(attribute->key);
        if (name.len > 0 && json_get_bool(attribute, S("required"), false)) {
            json_push(list, json_string(a, name));
        }
    }
    return list;
}

static struct json *copy_list(struct arena *a, const struct json *list)
{
    return json_is_null(list) ? json_array(a) : json_copy(a, list);
}

static str mfa_mode(const struct json *auth)
{
    str mode = json_get_str(json_get(auth, S("multifactor")), S("mode"));
    if (str_eq(mode, S("OPTIONAL"))) {
        return S("OPTIONAL");
    }
    return str_eq(mode, S("REQUIRED")) ? S("REQUIRED") : S("NONE");
}

static struct json *mfa_methods(struct arena *a, const struct json *auth)
{
    const struct json *mfa = json_get(auth, S("multifactor"));
    struct json *list = json_array(a);
    bool any = !str_eq(mfa_mode(auth), S("NONE"));
    if (any && is_on(json_get(mfa, S("sms")))) {
        json_push(list, json_string(a, S("SMS")));
    }
    if (any && is_on(json_get(mfa, S("totp")))) {
        json_push(list, json_string(a, S("TOTP")));
    }
    if (any && is_on(json_get(mfa, S("email")))) {
        json_push(list, json_string(a, S("EMAIL")));
    }
    return list;
}

static struct json *groups_of(struct arena *a, const struct json *auth)
{
    struct json *list = json_array(a);
    json_each (group, json_get(auth, S("groups"))) {
        struct json *entry = json_object(a);
        struct json *details = json_object(a);
        json_set(details, S("precedence"), json_int(a, json_get_int(group, S("precedence"), 0)));
        json_set(entry, json_get_str(group, S("name")), details);
        json_push(list, entry);
    }
    return list;
}

// ---- external providers --------------------------------------------------------------------

static const struct {
    str defined;
    str name;
    str client_name;
} PROVIDERS[] = {
    {S_INIT("google"), S_INIT("GOOGLE"), S_INIT("Google")},
    {S_INIT("facebook"), S_INIT("FACEBOOK"), S_INIT("Facebook")},
    {S_INIT("loginWithAmazon"), S_INIT("LOGIN_WITH_AMAZON"), S_INIT("Amazon")},
    {S_INIT("signInWithApple"), S_INIT("SIGN_IN_WITH_APPLE"), S_INIT("Apple")},
};

static struct json *provider_names(struct arena *a, const struct json *external, bool for_client)
{
    struct json *list = json_array(a);
    for (size_t i = 0; i < countof(PROVIDERS); i++) {
        if (is_on(json_get(external, PROVIDERS[i].defined))) {
            json_push(
                list, json_string(a, for_client ? PROVIDERS[i].client_name : PROVIDERS[i].name));
        }
    }
    return list;
}

// Overrides of the app client win over what the providers were defined with.
static struct json *redirects(
    struct arena *a, const struct json *auth, const struct json *external, bool out)
{
    const struct json *overridden =
        json_get(json_get(auth, S("client")), out ? S("logoutUrLs") : S("callbackUrLs"));
    const struct json *defined = json_get(external, out ? S("logoutUrls") : S("callbackUrls"));
    return copy_list(a, !json_is_null(overridden) ? overridden : defined);
}

static struct json *oauth_section(
    struct arena *a, const struct project_outputs_options *options, const struct json *auth)
{
    const struct json *external = login_with(auth, S("externalProviders"));
    struct json *oauth = json_object(a);
    json_set(oauth, S("identity_providers"), provider_names(a, external, false));
    json_set(oauth, S("redirect_sign_in_uri"), redirects(a, auth, external, false));
    json_set(oauth, S("redirect_sign_out_uri"), redirects(a, auth, external, true));
    outputs_set(a, oauth, "response_type", S("code"));
    json_set(oauth, S("scopes"), copy_list(a, json_get(external, S("scopes"))));
    outputs_set(a, oauth, "domain", options->authority);
    return oauth;
}

static struct json *oauth_config(
    struct arena *a, const struct project_outputs_options *options, const struct json *auth)
{
    const struct json *external = login_with(auth, S("externalProviders"));
    struct json *oauth = json_object(a);
    outputs_set(a, oauth, "domain", options->authority);
    json_set(oauth, S("scopes"), copy_list(a, json_get(external, S("scopes"))));
    json_set(oauth, S("redirectSignIn"), redirects(a, auth, external, false));
    json_set(oauth, S("redirectSignOut"), redirects(a, auth, external, true));
    outputs_set(a, oauth, "responseType", S("code"));
    json_set(oauth, S("providers"), provider_names(a, external, true));
    return oauth;
}

// ---- password policy, passwordless ---------------------------------------------------------

// Words of the file (snake case) and of the client's configuration, for the manifest's words.
static const struct {
    str defined;
    str file;
    str client;
} POLICY[] = {
    {S_INIT("minLength"), S_INIT("min_length"), S_INIT("minLength")},
    {S_INIT("requireLowercase"), S_INIT("require_lowercase"), S_INIT("requireLowercase")},
    {S_INIT("requireDigits"), S_INIT("require_numbers"), S_INIT("requireNumbers")},
    {S_INIT("requireSymbols"), S_INIT("require_symbols"), S_INIT("requireSpecialCharacters")},
    {S_INIT("requireUppercase"), S_INIT("require_uppercase"), S_INIT("requireUppercase")},
};

static struct json *password_policy(struct arena *a, const struct json *auth, bool for_client)
{
    const struct json *defined = json_get(auth, S("passwordPolicy"));
    struct json *policy = json_object(a);
    for (size_t i = 0; i < countof(POLICY); i++) {
        const struct json *value = json_get(defined, POLICY[i].defined);
        if (!json_is_null(value)) {
            json_set(policy, for_client ? POLICY[i].client : POLICY[i].file, json_copy(a, value));
        }
    }
    return policy;
}

static struct json *relying_party(struct arena *a, const struct json *auth, bool for_client)
{
    const struct json *webauthn = login_with(auth, S("webAuthn"));
    struct json *party = json_object(a);
    str id = json_get_str(webauthn, S("relyingPartyId"));
    str check_user = json_get_str(webauthn, S("userVerification"));
    bool automatic = id.len == 0 || str_eq(id, S("AUTO"));
    json_set(party, for_client ? S("relyingPartyId") : S("relying_party_id"),
        json_string(a, automatic ? S("localhost") : id));
    json_set(party, for_client ? S("userVerification") : S("user_verification"),
        json_string(a, check_user.len > 0 ? check_user : S("preferred")));
    return party;
}

// NULL when no way without a password is on.
static struct json *passwordless(struct arena *a, const struct json *auth, bool for_client)
{
    const struct json *defined = json_get(auth, S("passwordless"));
    bool email = json_get_bool(defined, S("emailOtp"), false);
    bool sms = json_get_bool(defined, S("smsOtp"), false);
    bool webauthn = is_on(login_with(auth, S("webAuthn")));
    str preferred = json_get_str(defined, S("preferredChallenge"));
    if (!email && !sms && !webauthn) {
        return NULL;
    }
    struct json *out = json_object(a);
    json_set(out, for_client ? S("emailOtpEnabled") : S("email_otp_enabled"), json_bool(a, email));
    json_set(out, for_client ? S("smsOtpEnabled") : S("sms_otp_enabled"), json_bool(a, sms));
    if (webauthn) {
        json_set(
            out, for_client ? S("webAuthn") : S("web_authn"), relying_party(a, auth, for_client));
    }
    if (preferred.len > 0) {
        json_set(out, for_client ? S("preferredChallenge") : S("preferred_challenge"),
            json_string(a, preferred));
    }
    return out;
}

// ---- sections ------------------------------------------------------------------------------

struct json *outputs_auth_section(
    struct arena *a, const struct project_outputs_options *options, const struct json *auth)
{
    struct json *section = json_object(a);
    const struct json *external = login_with(auth, S("externalProviders"));
    outputs_set(a, section, "user_pool_id", options->ids->user_pool_id);
    outputs_set(a, section, "aws_region", options->ids->region);
    outputs_set(a, section, "user_pool_client_id", options->ids->user_pool_client_id);
    outputs_set(a, section, "identity_pool_id", options->ids->identity_pool_id);
    json_set(section, S("mfa_methods"), mfa_methods(a, auth));
    json_set(section, S("standard_required_attributes"), required_attributes(a, auth));
    json_set(
        section, S("username_attributes"), copy_list(a, json_get(auth, S("usernameAttributes"))));
    json_set(section, S("user_verification_types"),
        copy_list(a, json_get(auth, S("autoVerifiedAttributes"))));
    json_set(section, S("groups"), groups_of(a, auth));
    outputs_set(a, section, "mfa_configuration", mfa_mode(auth));
    json_set(section, S("password_policy"), password_policy(a, auth, false));
    if (is_on(external)) {
        json_set(section, S("oauth"), oauth_section(a, options, auth));
    }
    json_set(section, S("unauthenticated_identities_enabled"),
        json_bool(a, json_get_bool(auth, S("guestAccess"), true)));
    struct json *without_password = passwordless(a, auth, false);
    if (without_password != NULL) {
        json_set(section, S("passwordless"), without_password);
    }
    return section;
}

static struct json *login_config(
    struct arena *a, const struct project_outputs_options *options, const struct json *auth)
{
    struct json *login = json_object(a);
    const struct json *external = login_with(auth, S("externalProviders"));
    if (is_on(login_with(auth, S("email")))) {
        json_set(login, S("email"), json_bool(a, true));
    }
    if (is_on(login_with(auth, S("phone")))) {
        json_set(login, S("phone"), json_bool(a, true));
    }
    if (json_is_null(json_get(auth, S("usernameAttributes"))) ||
        json_get(auth, S("usernameAttributes"))->count == 0) {
        json_set(login, S("username"), json_bool(a, true));
    }
    if (is_on(external)) {
        json_set(login, S("oauth"), oauth_config(a, options, auth));
    }
    return login;
}

static struct json *mfa_config(struct arena *a, const struct json *auth)
{
    struct json *mfa = json_object(a);
    const struct json *methods = mfa_methods(a, auth);
    str mode = mfa_mode(auth);
    bool totp = false;
    bool sms = false;
    json_each (method, methods) {
        totp = totp || str_eq(method->text, S("TOTP"));
        sms = sms || str_eq(method->text, S("SMS"));
    }
    outputs_set(a, mfa, "status",
        str_eq(mode, S("REQUIRED"))   ? S("on")
        : str_eq(mode, S("OPTIONAL")) ? S("optional")
                                      : S("off"));
    json_set(mfa, S("totpEnabled"), json_bool(a, totp));
    json_set(mfa, S("smsEnabled"), json_bool(a, sms));
    return mfa;
}

// Whoever signs up follows a link: there is no code to ask for, the client looks again and again
// whether it was followed. Phones get codes whatever the style.
static bool verifies_by_link(const struct json *auth)
{
    const struct json *verified = json_get(auth, S("autoVerifiedAttributes"));
    const struct json *template =
        json_get(json_get(auth, S("userPool")), S("verificationMessageTemplate"));
    str option = json_get_str(template, S("defaultEmailOption"));
    str style = json_get_str(login_with(auth, S("email")), S("verificationStyle"));
    bool link = option.len > 0 ? str_eq(option, S("CONFIRM_WITH_LINK")) : str_eq(style, S("LINK"));
    json_each (attribute, verified) {
        link = link && str_eq(attribute->text, S("email"));
    }
    return link;
}

struct json *outputs_auth_config(
    struct arena *a, const struct project_outputs_options *options, const struct json *auth)
{
    struct json *config = json_object(a);
    struct json *cognito = json_object(a);
    struct json *attributes = json_object(a);
    str endpoint = str_cat(a, options->base_url, S("/"));
    outputs_set(a, cognito, "userPoolId", options->ids->user_pool_id);
    outputs_set(a, cognito, "userPoolClientId", options->ids->user_pool_client_id);
    outputs_set(a, cognito, "identityPoolId", options->ids->identity_pool_id);
    outputs_set(a, cognito, "userPoolEndpoint", endpoint);
    outputs_set(a, cognito, "identityPoolEndpoint", endpoint);
    json_set(cognito, S("loginWith"), login_config(a, options, auth));
    json_each (name, required_attributes(a, auth)) {
        struct json *required = json_object(a);
        json_set(required, S("required"), json_bool(a, true));
        json_set(attributes, name->text, required);
    }
    json_set(cognito, S("userAttributes"), attributes);
    json_set(cognito, S("passwordFormat"), password_policy(a, auth, true));
    json_set(cognito, S("mfa"), mfa_config(a, auth));
    json_set(
        cognito, S("allowGuestAccess"), json_bool(a, json_get_bool(auth, S("guestAccess"), true)));
    json_set(cognito, S("groups"), groups_of(a, auth));
    if (verifies_by_link(auth)) {
        outputs_set(a, cognito, "signUpVerificationMethod", S("link"));
    }
    struct json *without_password = passwordless(a, auth, true);
    if (without_password != NULL) {
        json_set(cognito, S("passwordless"), without_password);
    }
    json_set(config, S("Cognito"), cognito);
    return config;
}
