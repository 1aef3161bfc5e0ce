// Passkeys: credentials of WebAuthn (level 2), registered by a signed-in user and used to sign in.
// What an authenticator sends is checked as sections 7.1 and 7.2 of the standard say.
#include "auth/auth_passkey.h"

#include "auth/auth_admin.h"
#include "auth/auth_mfa.h"

#include "crypto/webauthn.h"

enum {
    CHALLENGE_SIZE = 32,
    PASSKEYS_MAX = 20,
    TIMEOUT_MS = 60000,
    LIFE_MS = 5 * 60 * 1000,
    ID_MAX = 700
};

static err *refuse(struct auth_call *call, const char *wire, const char *what)
{
    return auth_refuse(call->arena, wire, "%s", what);
}

static str new_challenge(struct arena *arena)
{
    u8 bytes[CHALLENGE_SIZE];
    random_bytes(bytes, sizeof(bytes));
    return base64url_encode(arena, (str){(const char *)bytes, sizeof(bytes)});
}

static err *credentials_of(
    struct auth_call *call, const struct auth_user *user, struct store_page *page) YIELDS;

static err *credentials_of(
    struct auth_call *call, const struct auth_user *user, struct store_page *page)
{
    struct store_query query = {.table = AUTH_PASSKEYS, .pk = auth_str(call, user->id)};
    return store_query(call->hub->store, call->arena, &query, page);
}

err *auth_passkey_has(struct auth_call *call, const struct auth_user *user, bool *has)
{
    struct store_page page = {};
    TRY(credentials_of(call, user, &page));
    *has = page.count > 0;
    return NULL;
}

static struct json *descriptors(struct arena *arena, const struct store_page *page)
{
    struct json *list = json_array(arena);
    for (size_t i = 0; i < page->count; i++) {
        struct json *one = json_object(arena);
        const struct json *transports = json_get(page->items[i], S("transports"));
        json_set(one, S("type"), json_string(arena, S("public-key")));
        json_set(one, S("id"), json_string(arena, json_get_str(page->items[i], S("id"))));
        if (!json_is_null(transports)) {
            json_set(one, S("transports"), json_copy(arena, transports));
        }
        json_push(list, one);
    }
    return list;
}

// ---- what the browser signs ----------------------------------------------------------------

// https, or http on this machine, and a host that is the relying party or within it.
static bool is_origin_allowed(const struct auth_service *service, str origin)
{
    bool secure = str_starts(origin, S("https://"));
    if (!secure && !str_starts(origin, S("http://"))) {
        return false;
    }
    str host = str_sub(origin, secure ? S("https://").len : S("http://").len, origin.len);
    ptrdiff_t colon = str_find_char(host, ':');
    host = colon >= 0 ? str_sub(host, 0, (size_t)colon) : host;
    str party = service->relying_party;
    bool within = host.len > party.len + 1 && str_ends(host, party) &&
                  host.ptr[host.len - party.len - 1] == '.';
    bool local = str_eq(host, S("localhost")) || str_ends(host, S(".localhost"));
    return (str_eq(host, party) || within) && (secure || local);
}

static err *check_client_data(struct auth_call *call, str bytes, const char *type, str challenge)
{
    struct json *data = NULL;
    str sent = {};
    str wanted = {};
    if (json_parse(call->arena, bytes, &data, NULL) != NULL ||
        !str_eq(json_get_str(data, S("type")), str_from(type))) {
        return refuse(
            call, "WebAuthnClientMismatchException", "The client data is not of this ceremony.");
    }
    bool same = base64_decode(call->arena, json_get_str(data, S("challenge")), &sent) &&
                base64_decode(call->arena, challenge, &wanted) && bytes_eq_secret(sent, wanted);
    if (!same) {
        return refuse(call, "WebAuthnChallengeNotFoundException", "Challenge not found.");
    }
    if (!is_origin_allowed(call->service, json_get_str(data, S("origin")))) {
        return refuse(call, "WebAuthnOriginNotAllowedException", "The origin is not allowed.");
    }
    return NULL;
}

static err *check_authenticator(struct auth_call *call, const struct crypto_authenticator *data)
{
    u8 hash[CRYPTO_SHA256_SIZE];
    crypto_sha256(call->service->relying_party, hash);
    if (!str_eq(data->rp_id_hash, (str){(const char *)hash, sizeof(hash)})) {
        return refuse(call, "WebAuthnRelyingPartyMismatchException",
            "The credential is for another relying party.");
    }
    bool verified = (data->flags & CRYPTO_AUTH_USER_VERIFIED) != 0;
    if ((data->flags & CRYPTO_AUTH_USER_PRESENT) == 0 ||
        (call->service->passkey_user_verified && !verified)) {
        return refuse(call, "WebAuthnCredentialNotSupportedException",
            "The authenticator has not verified the user.");
    }
    return NULL;
}

// ---- registering ---------------------------------------------------------------------------

static err *need_passkeys(struct auth_call *call)
{
    return call->service->passkeys ? NULL
                                   : refuse(call, "WebAuthnNotEnabledException",
                                         "WebAuthn is not enabled for this user pool.");
}

static str challenge_id(struct auth_call *call)
{
    return str_cat(call->arena, call->user->id, S("#passkey"));
}

static struct json *text_object(
    struct arena *arena, const char *const *names, const str *values, size_t count)
{
    struct json *object = json_object(arena);
    for (size_t i = 0; i < count; i++) {
        json_set(object, str_from(names[i]), json_string(arena, values[i]));
    }
    return object;
}

static struct json *key_parameters(struct arena *arena)
{
    static const i64 ALGORITHMS[] = {CRYPTO_COSE_ES256, CRYPTO_COSE_RS256};
    struct json *list = json_array(arena);
    for (size_t i = 0; i < countof(ALGORITHMS); i++) {
        struct json *one = json_object(arena);
        json_set(one, S("type"), json_string(arena, S("public-key")));
        json_set(one, S("alg"), json_int(arena, ALGORITHMS[i]));
        json_push(list, one);
    }
    return list;
}

static struct json *creation_options(
    struct auth_call *call, str challenge, const struct store_page *known)
{
    struct arena *a = call->arena;
    static const char *const PARTY[] = {"id", "name"};
    static const char *const USER[] = {"id", "name", "displayName"};
    str party = call->service->relying_party;
    str email = auth_user_get(call->user, S("email"));
    str name = email.len > 0 ? email : call->user->username;
    str verification = call->service->passkey_user_verified ? S("required") : S("preferred");
    struct json *selection = json_object(a);
    json_set(selection, S("requireResidentKey"), json_bool(a, true));
    json_set(selection, S("residentKey"), json_string(a, S("required")));
    json_set(selection, S("userVerification"), json_string(a, verification));
    struct json *options = json_object(a);
    json_set(options, S("rp"), text_object(a, PARTY, (const str[]){party, party}, 2));
    json_set(options, S("user"),
        text_object(a, USER, (const str[]){base64url_encode(a, call->user->id), name, name}, 3));
    json_set(options, S("challenge"), json_string(a, challenge));
    json_set(options, S("pubKeyCredParams"), key_parameters(a));
    json_set(options, S("timeout"), json_int(a, TIMEOUT_MS));
    json_set(options, S("excludeCredentials"), descriptors(a, known));
    json_set(options, S("authenticatorSelection"), selection);
    json_set(options, S("attestation"), json_string(a, S("none")));
    return options;
}

err *auth_start_web_authn_registration(struct auth_call *call)
{
    struct arena *a = call->arena;
    struct store_page known = {};
    TRY(need_passkeys(call));
    TRY(credentials_of(call, call->user, &known));
    str challenge = new_challenge(a);
    struct json *row = json_object(a);
    json_set(row, S("id"), auth_str(call, challenge_id(call)));
    json_set(row, S("user"), auth_str(call, call->user->id));
    json_set(row, S("challenge"), auth_str(call, challenge));
    json_set(row, S("ends"), json_int(a, (i64)(call->hub->now_ms() + LIFE_MS)));
    struct store_write write = {.kind = STORE_PUT, .table = AUTH_CODES, .item = row};
    TRY(store_write(call->hub->store, a, &write, 1, NULL));
    auth_answer(call, "CredentialCreationOptions", creation_options(call, challenge, &known));
    return NULL;
}

struct registration { // what the authenticator sent, taken apart
    str client_data;
    str auth_data;
    str format;
    const struct crypto_cbor *statement;
    struct crypto_authenticator data;
    struct crypto_webauthn_key *key;
};

static err *not_supported(struct auth_call *call)
{
    return refuse(call, "WebAuthnCredentialNotSupportedException",
        "The credential is not supported: it is damaged, or of a kind that is not known here.");
}

static err *read_registration(
    struct auth_call *call, const struct json *credential, struct registration *out)
{
    struct arena *a = call->arena;
    const struct json *response = json_get(credential, S("response"));
    struct crypto_cbor *object = NULL;
    str bytes = {};
    str raw_id = {};
    str id = json_get_str(credential, S("id"));
    if (!str_eq(json_get_str(credential, S("type")), S("public-key")) ||
        !str_eq(id, json_get_str(credential, S("rawId")))) {
        return not_supported(call);
    }
    if (!base64_decode(a, json_get_str(response, S("clientDataJSON")), &out->client_data) ||
        !base64_decode(a, json_get_str(response, S("attestationObject")), &bytes) ||
        !base64_decode(a, json_get_str(credential, S("rawId")), &raw_id) ||
        crypto_cbor_parse(a, bytes, &object) != NULL) {
        return not_supported(call);
    }
    const struct crypto_cbor *format = crypto_cbor_get(object, S("fmt"));
    const struct crypto_cbor *auth_data = crypto_cbor_get(object, S("authData"));
    out->statement = crypto_cbor_get(object, S("attStmt"));
    bool whole = format != NULL && format->kind == CRYPTO_CBOR_TEXT && auth_data != NULL &&
                 auth_data->kind == CRYPTO_CBOR_BYTES && out->statement != NULL;
    if (!whole || crypto_authenticator_parse(a, auth_data->bytes, &out->data) != NULL ||
        out->data.key == NULL || raw_id.len > ID_MAX || !str_eq(out->data.credential_id, raw_id)) {
        return not_supported(call);
    }
    out->format = format->bytes;
    out->auth_data = auth_data->bytes;
    return NULL;
}

// Attestation (8.2, 8.7): none, or packed by the credential's own key or a certificate's. Nobody
// vouches for the certificate; that the signature is its key's is checked all the same.
static err *check_attestation(struct auth_call *call, const struct registration *registration)
{
    const struct crypto_cbor *alg = crypto_cbor_get(registration->statement, S("alg"));
    const struct crypto_cbor *signature = crypto_cbor_get(registration->statement, S("sig"));
    const struct crypto_cbor *chain = crypto_cbor_get(registration->statement, S("x5c"));
    struct crypto_webauthn_key *certified = NULL;
    if (str_eq(registration->format, S("none"))) {
        return registration->statement->count == 0 ? NULL : not_supported(call);
    }
    if (!str_eq(registration->format, S("packed")) || alg == NULL || signature == NULL ||
        alg->kind != CRYPTO_CBOR_INT || signature->kind != CRYPTO_CBOR_BYTES) {
        return not_supported(call);
    }
    const struct crypto_webauthn_key *key = registration->key;
    if (chain != NULL) {
        const struct crypto_cbor *first = chain->child;
        if (first == NULL || first->kind != CRYPTO_CBOR_BYTES ||
            crypto_webauthn_key_of_certificate(
                call->arena, first->bytes, alg->integer, &certified) != NULL) {
            return not_supported(call);
        }
        key = certified;
    } else if (alg->integer != (i64)crypto_webauthn_key_alg(key)) {
        return not_supported(call);
    }
    bool good = crypto_webauthn_verify(
        call->arena, key, registration->auth_data, registration->client_data, signature->bytes);
    crypto_webauthn_key_free(certified);
    return good ? NULL : not_supported(call);
}

static struct json *credential_item(
    struct auth_call *call, const struct json *credential, const struct registration *registration)
{
    struct arena *a = call->arena;
    struct json *item = json_object(a);
    const struct json *transports = json_get(json_get(credential, S("response")), S("transports"));
    str attachment = json_get_str(credential, S("authenticatorAttachment"));
    json_set(item, S("user"), auth_str(call, call->user->id));
    json_set(item, S("id"), auth_str(call, base64url_encode(a, registration->data.credential_id)));
    json_set(item, S("key"), auth_str(call, base64_encode(a, registration->data.key_bytes)));
    json_set(item, S("counter"), json_int(a, registration->data.counter));
    json_set(item, S("party"), json_string(a, call->service->relying_party));
    json_set(item, S("name"), auth_str(call, S("Passkey")));
    json_set(item, S("created"), json_int(a, (i64)call->hub->now_ms()));
    if (attachment.len > 0 && attachment.len <= 64) {
        json_set(item, S("attachment"), auth_str(call, attachment));
    }
    struct json *kept = json_array(a);
    json_each (transport, transports) {
        if (transport->kind == JSON_STRING && transport->text.len <= 32 && kept->count < 8) {
            json_push(kept, auth_str(call, transport->text));
        }
    }
    json_set(item, S("transports"), kept);
    return item;
}

// The challenge goes with the credential: it is good for one.
static err *keep_credential(
    struct auth_call *call, struct json *item, const struct json *row) YIELDS;

static err *keep_credential(struct auth_call *call, struct json *item, const struct json *row)
{
    struct store_page known = {};
    TRY(credentials_of(call, call->user, &known));
    if (known.count >= PASSKEYS_MAX) {
        return refuse(call, "LimitExceededException", "A user has at most 20 passkeys.");
    }
    struct store_write writes[] = {
        {.kind = STORE_PUT, .table = AUTH_PASSKEYS, .item = item, .only_absent = true},
        {.kind = STORE_DELETE,
            .table = AUTH_CODES,
            .pk = json_get(row, S("id")),
            .condition =
                auth_unchanged(call->arena, S("challenge"), json_get(row, S("challenge")))},
    };
    size_t failed = 0;
    err *e = store_write(call->hub->store, call->arena, writes, countof(writes), &failed);
    if (e == NULL || e->code != ERR_CONDITION_FAILED) {
        return e;
    }
    return failed == 0 ? not_supported(call)
                       : refuse(call, "WebAuthnChallengeNotFoundException", "Challenge not found.");
}

err *auth_complete_web_authn_registration(struct auth_call *call)
{
    struct arena *a = call->arena;
    const struct json *credential = json_get(call->in, S("Credential"));
    struct registration registration = {};
    struct json *row = NULL;
    TRY(need_passkeys(call));
    TRY(auth_get(call, AUTH_CODES, challenge_id(call), &row));
    if (row == NULL || (u64)json_get_int(row, S("ends"), 0) <= call->hub->now_ms()) {
        return refuse(call, "WebAuthnChallengeNotFoundException", "Challenge not found.");
    }
    TRY(read_registration(call, credential, &registration));
    TRY(check_client_data(
        call, registration.client_data, "webauthn.create", json_get_str(row, S("challenge"))));
    TRY(check_authenticator(call, &registration.data));
    if (crypto_webauthn_key_new(a, registration.data.key, &registration.key) != NULL) {
        return not_supported(call);
    }
    err *e = check_attestation(call, &registration);
    crypto_webauthn_key_free(registration.key);
    TRY(e);
    return keep_credential(call, credential_item(call, credential, &registration), row);
}

// ---- listing -------------------------------------------------------------------------------

static struct json *show(struct arena *a, const struct json *item)
{
    struct json *shown = json_object(a);
    str attachment = json_get_str(item, S("attachment"));
    json_set(shown, S("CredentialId"), json_string(a, json_get_str(item, S("id"))));
    json_set(shown, S("FriendlyCredentialName"), json_string(a, json_get_str(item, S("name"))));
    json_set(shown, S("RelyingPartyId"), json_string(a, json_get_str(item, S("party"))));
    json_set(shown, S("AuthenticatorTransports"), json_copy(a, json_get(item, S("transports"))));
    json_set(shown, S("CreatedAt"), auth_time(a, (u64)json_get_int(item, S("created"), 0)));
    if (attachment.len > 0) {
        json_set(shown, S("AuthenticatorAttachment"), json_string(a, attachment));
    }
    return shown;
}

err *auth_list_web_authn_credentials(struct auth_call *call)
{
    struct store_query query = {.table = AUTH_PASSKEYS, .pk = auth_str(call, call->user->id)};
    struct store_page page = {};
    struct json *list = json_array(call->arena);
    i64 most = json_get_int(call->in, S("MaxResults"), PASSKEYS_MAX);
    if (most > PASSKEYS_MAX) {
        return refuse(call, "InvalidParameterException",
            "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 20");
    }
    query.limit = (u32)(most > 0 ? most : PASSKEYS_MAX);
    query.page_token = auth_text(call, "NextToken");
    TRY(auth_query(call, &query, &page));
    for (size_t i = 0; i < page.count; i++) {
        json_push(list, show(call->arena, page.items[i]));
    }
    auth_answer(call, "Credentials", list);
    auth_answer_token(call, "NextToken", &page);
    return NULL;
}

err *auth_delete_web_authn_credential(struct auth_call *call)
{
    str id = {};
    TRY(auth_need(call, "CredentialId", 1024, &id));
    struct store_write write = {.kind = STORE_DELETE,
        .table = AUTH_PASSKEYS,
        .pk = auth_str(call, call->user->id),
        .sk = auth_str(call, id),
        .only_existing = true};
    err *e = store_write(call->hub->store, call->arena, &write, 1, NULL);
    return e != NULL && e->code == ERR_CONDITION_FAILED
               ? refuse(call, "ResourceNotFoundException", "The passkey does not exist.")
               : e;
}

// ---- signing in ----------------------------------------------------------------------------

err *auth_passkey_ask(struct auth_call *call, struct auth_user *user)
{
    struct arena *a = call->arena;
    struct store_page known = {};
    check(user != NULL);
    TRY(credentials_of(call, user, &known));
    str challenge = new_challenge(a);
    struct json *state = auth_state_body(call, "passkey", user);
    json_set(state, S("challenge"), auth_str(call, challenge));
    str verification = call->service->passkey_user_verified ? S("required") : S("preferred");
    struct json *options = json_object(a);
    json_set(options, S("challenge"), json_string(a, challenge));
    json_set(options, S("timeout"), json_int(a, TIMEOUT_MS));
    json_set(options, S("rpId"), json_string(a, call->service->relying_party));
    json_set(options, S("allowCredentials"), descriptors(a, &known));
    json_set(options, S("userVerification"), json_string(a, verification));
    struct json *parameters = json_object(a);
    json_set(parameters, S("CREDENTIAL_REQUEST_OPTIONS"), json_string(a, json_text(a, options)));
    auth_challenge(call, "WEB_AUTHN", auth_state_seal(call, state), parameters, user);
    return NULL;
}

struct assertion {
    str client_data;
    str auth_data;
    str signature;
    struct crypto_authenticator data;
    struct json *item; // of the credential
};

static err *read_assertion(
    struct auth_call *call, const struct auth_user *user, struct assertion *out) YIELDS;

static err *read_assertion(
    struct auth_call *call, const struct auth_user *user, struct assertion *out)
{
    struct arena *a = call->arena;
    struct json *credential = NULL;
    str text = {};
    str id = {};
    str handle = {};
    TRY(auth_need_parameter(call, "CREDENTIAL", &text));
    if (json_parse(a, text, &credential, NULL) != NULL) {
        return auth_wrong_password(a);
    }
    const struct json *response = json_get(credential, S("response"));
    str given = json_get_str(response, S("userHandle"));
    if (!base64_decode(a, json_get_str(credential, S("id")), &id) || id.len == 0 ||
        id.len > ID_MAX ||
        !base64_decode(a, json_get_str(response, S("clientDataJSON")), &out->client_data) ||
        !base64_decode(a, json_get_str(response, S("authenticatorData")), &out->auth_data) ||
        !base64_decode(a, json_get_str(response, S("signature")), &out->signature) ||
        crypto_authenticator_parse(a, out->auth_data, &out->data) != NULL) {
        return auth_wrong_password(a);
    }
    if (given.len > 0 && (!base64_decode(a, given, &handle) || !str_eq(handle, user->id))) {
        return auth_wrong_password(a);
    }
    TRY(store_get(call->hub->store, a, AUTH_PASSKEYS, auth_str(call, user->id),
        auth_str(call, base64url_encode(a, id)), &out->item));
    return out->item != NULL ? NULL : auth_wrong_password(a);
}

static err *check_signature(struct auth_call *call, const struct assertion *assertion)
{
    struct arena *a = call->arena;
    struct crypto_cbor *map = NULL;
    struct crypto_webauthn_key *key = NULL;
    str bytes = {};
    if (!base64_decode(a, json_get_str(assertion->item, S("key")), &bytes) ||
        crypto_cbor_parse(a, bytes, &map) != NULL ||
        crypto_webauthn_key_new(a, map, &key) != NULL) {
        return fail(a, ERR_INTERNAL, "the key of a passkey is damaged");
    }
    bool good = crypto_webauthn_verify(
        a, key, assertion->auth_data, assertion->client_data, assertion->signature);
    crypto_webauthn_key_free(key);
    return good ? NULL : auth_wrong_password(a);
}

// A counter that does not grow tells of a copied authenticator; one that stays zero does not count.
static err *take_counter(
    struct auth_call *call, const struct assertion *assertion, struct store_write *out)
{
    i64 kept = json_get_int(assertion->item, S("counter"), 0);
    i64 sent = assertion->data.counter;
    if ((kept != 0 || sent != 0) && sent <= kept) {
        return auth_wrong_password(call->arena);
    }
    struct json *set = json_object(call->arena);
    json_set(set, S("counter"), json_int(call->arena, sent));
    *out = (struct store_write){.kind = STORE_UPDATE,
        .table = AUTH_PASSKEYS,
        .pk = json_get(assertion->item, S("user")),
        .sk = json_get(assertion->item, S("id")),
        .set = set,
        .only_existing = true,
        .condition =
            auth_unchanged(call->arena, S("counter"), json_get(assertion->item, S("counter")))};
    return NULL;
}

err *auth_answer_passkey(struct auth_call *call)
{
    struct auth_state state = {};
    struct assertion assertion = {};
    struct auth_proof proof = {.device_key = auth_parameter(call, "DEVICE_KEY")};
    TRY(auth_state_of_session(call, "passkey", &state));
    TRY(read_assertion(call, state.user, &assertion));
    TRY(check_client_data(
        call, assertion.client_data, "webauthn.get", json_get_str(state.body, S("challenge"))));
    TRY(check_authenticator(call, &assertion.data));
    TRY(check_signature(call, &assertion));
    TRY(take_counter(call, &assertion, &proof.writes[proof.count++]));
    proof.user = state.user;
    proof.writes[proof.count++] = state.spend;
    proof.is_strong = (assertion.data.flags & CRYPTO_AUTH_USER_VERIFIED) != 0 &&
                      json_get_bool(json_get(state.user->item, S("mfa")), AUTH_PASSKEY_MFA, false);
    return auth_first_factor_done(call, &proof);
}
